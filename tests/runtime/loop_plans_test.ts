/**
 * Loops evaluated at once: what is compiled for them is kept as long as their jaxpr, found again for equal ones, and bounded.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { NDArray } from "../../src/core/array.ts";
import { shapedArray } from "../../src/core/aval.ts";
import type { ClosedJaxpr } from "../../src/core/jaxpr.ts";
import { bind } from "../../src/core/trace.ts";
import { whileP } from "../../src/control/while.ts";
import { mul } from "../../src/ops/arith.ts";
import { literal } from "../../src/ops/common.ts";
import { gt } from "../../src/ops/logic.ts";
import { installRuntime } from "../../src/runtime/evaluate.ts";
import { stage } from "../../src/transform/stage.ts";
import { collect, filled } from "./helpers.ts";

installRuntime();

const aval = shapedArray([], "float32");

type Loop = readonly [condition: ClosedJaxpr, body: ClosedJaxpr];

/** Halves while there is more than `least`. */
const loop = (least = 1): Loop => [
  stage(([x]) => [gt(x, literal(least, "float32"))], [aval]),
  stage(([x]) => [mul(x, literal(0.5, "float32"))], [aval]),
];

// A loop whose length nobody knows is compiled.
const run = ([condJaxpr, bodyJaxpr]: Loop): NDArray => {
  const params = { condJaxpr, bodyJaxpr, condNconsts: 0, bodyNconsts: 0 };
  return bind(whileP, [filled([], 24)], params)[0];
};

Deno.test("a loop evaluated at once is compiled once, for all jaxprs like its own; of those that are gone a few are held", async () => {
  const modules: WeakRef<WebAssembly.Module>[] = [];
  const { Module } = WebAssembly;
  WebAssembly.Module = class extends Module {
    constructor(bytes: BufferSource) {
      super(bytes);
      modules.push(new WeakRef(this));
    }
  };
  try {
    const kept = loop();
    for (let i = 0; i < 3; i++) assertEquals(run(kept).item(), 0.75);
    const ofKept = modules.length;
    assert(ofKept > 0, "nothing was compiled");
    run(kept);
    assertEquals(modules.length, ofKept);
    for (let i = 0; i < 5; i++) assertEquals(run(loop()).item(), 0.75);
    assertEquals(modules.length, ofKept, "equal jaxprs");
    for (let i = 1; i <= 40; i++) assertEquals(run(loop(1 + i / 100)).item(), 0.75);
    assertEquals(modules.length, ofKept + 40);
    for (let i = 0; i < 3; i++) await collect();
    const alive = modules.slice(ofKept).filter((m) => m.deref() !== undefined).length;
    assert(alive <= 17, `${alive} modules of jaxprs that are gone`);
    assertEquals(run(kept).item(), 0.75);
    assertEquals(run(loop(1.4)).item(), 0.75);
    assertEquals(modules.length, ofKept + 40);
  } finally {
    WebAssembly.Module = Module;
  }
});
