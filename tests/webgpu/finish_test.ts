/**
 * What becomes of a product's elements one by one is the end of the product's own shader on a WebGPU device, and computes what the interpreter
 * does.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { interpret } from "../../src/backends/interp/mod.ts";
import { deviceProgram } from "../../src/backends/wgsl/program.ts";
import { type AdapterTraits, baselineTraits } from "../../src/backends/wgsl/traits.ts";
import type { NDArray } from "../../src/core/array.ts";
import type { ShapedArray } from "../../src/core/aval.ts";
import { convGeneralDilated } from "../../src/lax/convolution.ts";
import { gelu, relu } from "../../src/nn/functions.ts";
import * as np from "../../src/numpy/mod.ts";
import { assertClose } from "../backends/compare.ts";
import { f32, fused, i32, jaxprOf, makeRandom, randomArray } from "../schedule/helpers.ts";
import { deviceTest } from "./adapter.ts";
import { execute } from "./execute.ts";

interface Example {
  readonly fn: (...xs: NDArray[]) => NDArray | NDArray[];
  readonly avals: readonly ShapedArray[];
  readonly donated?: readonly boolean[];
  /** How many shaders it takes. */
  readonly shaders: number;
}

const matrices = [f32(40, 48), f32(48, 36)];

const examples: Readonly<Record<string, Example>> = {
  "a bias and an activation": {
    fn: (x, w, b) => relu(np.add(np.matmul(x, w), b)),
    avals: [...matrices, f32(36)],
    shaders: 1,
  },
  "a residual": {
    fn: (x, w, y) => np.add(y, np.multiply(np.matmul(x, w), 0.5)),
    avals: [...matrices, f32(40, 36)],
    shaders: 1,
  },
  "an operand that is the residual, too": {
    fn: (x, w) => np.add(np.matmul(x, w), x),
    avals: [f32(40, 36), f32(36, 36)],
    shaders: 1,
  },
  "a result of booleans, one of integers, and the product itself": {
    fn: (x, w) => {
      const y = np.matmul(x, w);
      return [y, np.greater(y, 0), np.floor(y).astype("int32")];
    },
    avals: matrices,
    shaders: 1,
  },
  "integers": {
    fn: (x, w) => np.floorDivide(np.matmul(x, w), 3),
    avals: [i32(40, 48), i32(48, 36)],
    shaders: 1,
  },
  "another order of axes": {
    fn: (x, w) => np.swapaxes(np.multiply(np.matmul(x, w), 2), 0, 1),
    avals: [f32(3, 40, 48), f32(3, 48, 36)],
    shaders: 1,
  },
  "rows and columns that are no multiples of anything": {
    fn: (x, w, b) => relu(np.add(np.matmul(x, w), b)),
    avals: [f32(37, 48), f32(48, 41), f32(41)],
    shaders: 1,
  },
  "few rows": {
    fn: (x, w, b) => relu(np.add(np.matmul(x, w), b)),
    avals: [f32(3, 48), f32(48, 64), f32(64)],
    shaders: 1,
  },
  "a matrix that is donated": {
    fn: (w, x, g) => np.subtract(w, np.multiply(np.matmul(x, g), 0.1)),
    avals: [f32(40, 36), f32(40, 48), f32(48, 36)],
    donated: [true, false, false],
    shaders: 1,
  },
  "an operand that is donated": {
    fn: (w) => np.subtract(w, np.multiply(np.matmul(w, w), 0.1)),
    avals: [f32(36, 36)],
    donated: [true],
    // Others still multiply what would be overwritten.
    shaders: 2,
  },
  "a sum over rows": {
    fn: (x, w) => np.sum(np.matmul(x, w), 1),
    avals: matrices,
    shaders: 2,
  },
  "a convolution's bias": {
    fn: (x, w, b) =>
      relu(np.add(convGeneralDilated(x, w, [1, 1], "VALID"), np.reshape(b, [8, 1, 1]))),
    avals: [f32(2, 4, 12, 12), f32(8, 4, 3, 3), f32(8)],
    shaders: 1,
  },
  "a convolution in phases": {
    fn: (x, w, b) =>
      relu(
        np.add(
          convGeneralDilated(x, w, [1, 1], [[2, 2], [2, 2]], { lhsDilation: [2, 2] }),
          np.reshape(b, [8, 1, 1]),
        ),
      ),
    avals: [f32(2, 4, 8, 8), f32(8, 4, 3, 3), f32(8)],
    // The copy with zeros around, and four phases.
    shaders: 5,
  },
  "two layers": {
    fn: (x, w, b, v) => np.matmul(gelu(np.add(np.matmul(x, w), b)), v),
    avals: [...matrices, f32(36), f32(36, 40)],
    shaders: 2,
  },
};

const adapters: Readonly<Record<string, AdapterTraits>> = {
  "a graphics card": baselineTraits,
  "the processor": { ...baselineTraits, isSoftware: true },
};

for (const [kind, traits] of Object.entries(adapters)) {
  for (const [name, { fn, avals, donated, shaders }] of Object.entries(examples)) {
    deviceTest(`the end of a product, for ${kind}: ${name}`, async (device) => {
      const closed = jaxprOf(fn, ...avals);
      const program = fused(closed, donated ?? []);
      const made = deviceProgram(program, traits);
      assertEquals(made.steps.length, shaders, made.steps.map((s) => s.kind).join());
      const random = makeRandom(name.length);
      const inputs = avals.map((aval) => randomArray(aval, random));
      const expected = interpret(program, inputs.map((x) => x.slice()));
      const actual = await execute(device, made, inputs);
      expected.forEach((e, i) => {
        assertClose(actual[i], e, { ulps: 8, absolute: 1e-4 }, (at) => `output ${i} at ${at}`);
      });
    });
  }
}
