/**
 * What the tests of the runtime share.
 *
 * @module
 */
import v8 from "node:v8";
import vm from "node:vm";
import { type Shape, shapedArray } from "../../src/core/aval.ts";
import { type ConcreteArray, fullArray } from "../../src/runtime/concrete.ts";
import { memory, setMemoryLimits } from "../../src/runtime/memory_report.ts";
import type { MemoryLimits } from "../../src/runtime/storage.ts";

let gc: (() => void) | null = null;

/** Collects garbage; finalisers wait. */
export function collectNow(): void {
  if (gc === null) {
    v8.setFlagsFromString("--expose-gc");
    gc = vm.runInNewContext("gc") as () => void;
  }
  gc();
}

/** Collects garbage and lets finalisers run. */
export async function collect(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    collectNow();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

/** A float32 array with one value everywhere. */
export function filled(shape: Shape, value: number): ConcreteArray {
  return fullArray(shapedArray(shape, "float32"), value);
}

/** Live bytes and buffers. */
export function live(): { bytes: number; buffers: number } {
  const { liveBytes, liveBuffers } = memory();
  return { bytes: liveBytes, buffers: liveBuffers };
}

/** Runs `fn` under other limits. */
export function withLimits<T>(limits: Partial<MemoryLimits>, fn: () => T): T {
  const before = setMemoryLimits(limits);
  try {
    return fn();
  } finally {
    setMemoryLimits(before);
  }
}

/** Live buffers once the collector has had its turns. */
export async function settled(): Promise<number> {
  let last = -1;
  for (let i = 0; i < 20; i++) {
    await collect();
    const { liveBuffers } = memory();
    if (liveBuffers === last) return liveBuffers;
    last = liveBuffers;
  }
  return last;
}
