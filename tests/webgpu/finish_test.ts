/**
 * What becomes of a product's elements one by one is the end of the product's own shader on a WebGPU device, and computes what the interpreter
 * does.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
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

/** What a seed determines to follow a product: operations, and operands of all shapes that broadcast to it. */
function randomEnd(random: () => number): Pick<Example, "fn" | "avals"> {
  const below = (n: number): number => Math.floor(random() * n);
  const [batch, m, n, k] = [1 + below(3), 1 + below(50), 1 + below(50), 20 + below(40)];
  const wholes = below(2) === 0 ? 1 : 4;
  const shape = [batch, wholes * m, wholes * n];
  const avals = [f32(batch, wholes * m, k), f32(batch, k, wholes * n)];
  const operations = Array.from({ length: 1 + below(4) }, () => {
    const op = below(6);
    const broadcast = shape.map((size) => below(2) === 0 ? 1 : size).slice(below(3));
    if (op < 3) avals.push(f32(...broadcast));
    return { op, operand: avals.length - 1 };
  });
  const turned = below(3) === 0;
  const keeps = below(4) === 0;
  return {
    avals,
    fn: (...xs) => {
      const product = np.matmul(xs[0], xs[1]);
      let y = product;
      for (const { op, operand } of operations) {
        if (op === 0) y = np.add(y, xs[operand]);
        else if (op === 1) y = np.multiply(xs[operand], y);
        else if (op === 2) y = np.where(np.greater(y, xs[operand]), y, 0.5);
        else if (op === 3) y = relu(y);
        else if (op === 4) y = np.tanh(y);
        else y = np.subtract(1, y);
      }
      if (turned) y = np.swapaxes(y, 1, 2);
      return keeps ? [y, product] : y;
    },
  };
}

for (const [kind, traits] of Object.entries(adapters)) {
  deviceTest(`random ends of products, for ${kind}`, async (device) => {
    const random = makeRandom(29);
    let ended = 0;
    for (let i = 0; i < 8; i++) {
      const { fn, avals } = randomEnd(random);
      const program = fused(jaxprOf(fn, ...avals));
      const made = deviceProgram(program, traits);
      if (made.steps.length === 1 && program.steps.length > 1) ended++;
      const inputs = avals.map((aval) => randomArray(aval, random));
      const expected = interpret(program, inputs);
      const actual = await execute(device, made, inputs);
      const where = (at: number): string => `${avals.map((a) => a.id)} at ${at}`;
      expected.forEach((e, o) => assertClose(actual[o], e, { ulps: 16, absolute: 1e-3 }, where));
    }
    assert(ended > 3, `only ${ended} were one shader`);
  });
}
