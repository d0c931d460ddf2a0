/**
 * The model by which a device is chosen, on its own.
 *
 * @module
 */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { ProgramWork, StepWork } from "../../src/schedule/work.ts";
import { estimateCpu, estimateWebGpu } from "../../src/runtime/device_costs.ts";
import { rates } from "./rates.ts";

const program = (...steps: Partial<StepWork>[]): ProgramWork => ({
  steps: steps.map((step) => ({ runs: 1, bytes: 0, ops: 0, flops: 0, ...step })),
  waits: 0,
  callsHost: false,
  largest: null,
  dtypes: new Set(),
});

const product = (n: number) => program({ flops: 2 * n ** 3, bytes: 12 * n ** 2 });
const square = (n: number) => ({ upload: 8 * n ** 2, read: 4 * n ** 2 });

Deno.test("a small product is faster here, a large one there", () => {
  const gain = (n: number) =>
    estimateCpu(product(n), rates).seconds -
    estimateWebGpu(product(n), rates, square(n)).seconds;
  assert(gain(16) < 0 && gain(128) < 0);
  assert(gain(1024) > 0 && gain(4096) > 0);
});

Deno.test("what is bound by memory is not worth the way there and back, however large", () => {
  for (const n of [1e3, 1e6, 1e8]) {
    const adds = program({ bytes: 12 * n, ops: n });
    const { seconds } = estimateWebGpu(adds, rates, { upload: 8 * n, read: 4 * n });
    assert(estimateCpu(adds, rates).seconds < seconds);
  }
});

Deno.test("a step takes what is slowest of what it does, and steps add up", () => {
  const cpu = estimateCpu(program({ bytes: 2e7, flops: 5e7, runs: 10 }), rates);
  assertAlmostEquals(cpu.compute, 10 * 1e-3);
  assertAlmostEquals(cpu.launch, 1e-6 + 10 * 1e-7);
  assertAlmostEquals(cpu.seconds, cpu.compute + cpu.launch);
});

Deno.test("threads make long steps faster, memory less than arithmetic, and short ones not", () => {
  const gain = (work: ProgramWork, threads: number) =>
    estimateCpu(work, rates).compute / estimateCpu(work, rates, threads).compute;
  const long = [product(1024), program({ bytes: 1e8 }), program({ ops: 1e9 })] as const;
  assertEquals(long.map((work) => gain(work, 1)), [1, 1, 1]);
  for (const work of long) assert(gain(work, 2) > 1.5 && gain(work, 2) < 2);
  const [matmul, copy, tanh] = long.map((work) => gain(work, 8));
  assert(matmul > 5 && tanh > 5 && copy <= 2);
  assertEquals(gain(product(8), 8), 1);
});

Deno.test("an estimate is the sum of its parts, with a wait for each look at the device", () => {
  const looping = { ...product(512), waits: 4 };
  const e = estimateWebGpu(looping, rates, { upload: 5e6, read: 1e6 });
  assertAlmostEquals(e.upload, 1e-3);
  assertAlmostEquals(e.read, 5 * 1e-3 + 2e-4);
  assertAlmostEquals(e.seconds, e.compute + e.launch + e.upload + e.read);
});
