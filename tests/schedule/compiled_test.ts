/** What the scheduler makes, compiled: the same results as interpreted. */
import { assert } from "@std/assert";
import { interpret } from "../../src/backends/interp/mod.ts";
import { loadBinaryen } from "../../src/backends/wasm/binaryen.ts";
import { printProgram } from "../../src/loopnest/print.ts";
import { Compiled } from "../backends/run.ts";
import { difference, f32, fused, i32, jaxprOf, makeRandom, randomArray } from "./helpers.ts";
import { layerNorm, mlpShapes, mlpStep, softmax, valueAndGrad } from "./models.ts";
import { randomProgram } from "./random_programs.ts";
import type { ClosedJaxpr } from "../../src/core/jaxpr.ts";
import * as np from "../../src/numpy/mod.ts";

const binaryen = await loadBinaryen();

function compare(closed: ClosedJaxpr, donated: readonly boolean[], seed: number): void {
  const program = fused(closed, donated);
  const random = makeRandom(seed);
  const inputs = [
    ...closed.consts.map((c) => c.dataSync()),
    ...closed.inAvals.map((aval) => randomArray(aval, random)),
  ];
  const expected = interpret(program, inputs);
  const compiled = new Compiled(binaryen, program);
  compiled.call(inputs).forEach((actual, k) => {
    const message = difference(expected[k], actual);
    assert(message === null, `seed ${seed}, output ${k}: ${message}\n${printProgram(program)}`);
  });
  assert(compiled.isIntact());
}

Deno.test("random programs compute the same compiled and interpreted", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = makeRandom(seed + 5000);
    const closed = randomProgram(random, 3 + Math.floor(random() * 20));
    compare(closed, closed.inAvals.map(() => random() < 0.3), seed);
  }
});

Deno.test("models compute the same compiled and interpreted", () => {
  compare(jaxprOf(softmax, f32(13, 37)), [], 1);
  compare(jaxprOf(softmax, f32(37, 7)), [], 2);
  compare(jaxprOf(layerNorm, f32(13, 37), f32(37), f32(37)), [true], 3);
  const gradient = jaxprOf(
    (x, w) => valueAndGrad((x) => np.sum(softmax(x).mul(w)), [x]),
    f32(9, 21),
    f32(9, 21),
  );
  compare(gradient, [], 4);
  compare(jaxprOf((x, i) => np.sum(np.takeAlongAxis(x, i, 1)), f32(7, 5), i32(7, 1)), [], 5);
  const shapes = mlpShapes([13, 21, 17, 5]);
  const state = [...shapes, ...shapes, ...shapes].map((s) => f32(...s));
  const step = jaxprOf((...xs) => mlpStep(xs, 3), f32(9, 13), f32(9, 5), f32(), ...state);
  compare(step, [false, false, true, ...state.map(() => true)], 6);
});
