/** What the model decides about a nest's loops. */
import { assertEquals } from "@std/assert";
import { planNest } from "../../src/backends/wasm/plan.ts";
import type { NDArray } from "../../src/core/array.ts";
import * as np from "../../src/numpy/mod.ts";
import { schedule } from "../../src/schedule/mod.ts";
import { f32, jaxprOf } from "../schedule/helpers.ts";

/** Vectors that a turn of the first loop takes, of the sums of `x.T * y` down columns, where rows of `x` have `n` elements. */
function unrollOfRows(n: number): number {
  const sums = (x: NDArray, y: NDArray) => np.sum(x.T.mul(y), { axis: 0 });
  const program = schedule(jaxprOf(sums, f32(64, n), f32(n, 64)), { name: "sums" });
  const [step] = program.steps;
  if (step.kind !== "nest") throw new Error("no nest");
  const [loop] = planNest(step, (buffer) => buffer).body;
  if (loop.kind !== "for") throw new Error("no loop");
  return loop.unroll;
}

Deno.test("lanes that walk through rows of their own are as many as keep their lines in the first cache", () => {
  assertEquals(unrollOfRows(1024), 1); // 4096 bytes: all lines in one place
  assertEquals(unrollOfRows(3072), 1);
  assertEquals(unrollOfRows(512), 2);
  assertEquals(unrollOfRows(1536), 2);
  assertEquals(unrollOfRows(256), 4);
  assertEquals(unrollOfRows(1008), 8);
});
