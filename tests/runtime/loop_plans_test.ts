/**
 * Loops evaluated at once: what is compiled for them is kept as long as their jaxpr, and no longer.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { NDArray } from "../../src/core/array.ts";
import { shapedArray } from "../../src/core/aval.ts";
import type { ClosedJaxpr } from "../../src/core/jaxpr.ts";
import { bind } from "../../src/core/trace.ts";
import { scanP } from "../../src/control/scan.ts";
import { mul } from "../../src/ops/arith.ts";
import { installRuntime } from "../../src/runtime/evaluate.ts";
import { stage } from "../../src/transform/stage.ts";
import { collect, filled } from "./helpers.ts";

installRuntime();

// So long that it is compiled.
const length = 20_000;

const body = (): ClosedJaxpr => stage(([c, x]) => [mul(c, x)], [aval, aval]);
const aval = shapedArray([], "float32");

const run = (jaxpr: ClosedJaxpr): NDArray =>
  bind(scanP, [filled([], 3), filled([length], 1)], {
    jaxpr,
    length,
    reverse: false,
    numConsts: 0,
    numCarry: 1,
  })[0];

Deno.test("a loop evaluated at once is compiled once for a jaxpr, and goes with it", async () => {
  const modules: WeakRef<WebAssembly.Module>[] = [];
  const { Module } = WebAssembly;
  WebAssembly.Module = class extends Module {
    constructor(bytes: BufferSource) {
      super(bytes);
      modules.push(new WeakRef(this));
    }
  };
  try {
    const kept = body();
    for (let i = 0; i < 3; i++) assertEquals(run(kept).item(), 3);
    const ofKept = modules.length;
    assert(ofKept > 0, "nothing was compiled");
    run(kept);
    assertEquals(modules.length, ofKept);
    for (let i = 0; i < 5; i++) run(body());
    assert(modules.length >= ofKept + 5);
    for (let i = 0; i < 3; i++) await collect();
    const alive = modules.slice(ofKept).filter((m) => m.deref() !== undefined).length;
    assert(alive <= 1, `${alive} modules of jaxprs that are gone`);
    assertEquals(run(kept).item(), 3);
    assertEquals(modules.length, ofKept + 5);
  } finally {
    WebAssembly.Module = Module;
  }
});
