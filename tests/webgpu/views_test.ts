/**
 * Products of operands that are only laid out anew read what they are laid out from, on a WebGPU device, and compute what the interpreter does.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { interpret } from "../../src/backends/interp/mod.ts";
import { deviceProgram } from "../../src/backends/wgsl/program.ts";
import { type AdapterTraits, baselineTraits } from "../../src/backends/wgsl/traits.ts";
import type { NDArray } from "../../src/core/array.ts";
import { type ShapedArray, shapedArray } from "../../src/core/aval.ts";
import { softmax } from "../../src/nn/functions.ts";
import * as np from "../../src/numpy/mod.ts";
import { assertClose } from "../backends/compare.ts";
import { f32, fused, jaxprOf, makeRandom, randomArray } from "../schedule/helpers.ts";
import { deviceTest } from "./adapter.ts";
import { execute } from "./execute.ts";

interface Example {
  readonly fn: (...xs: NDArray[]) => NDArray | NDArray[];
  readonly avals: readonly ShapedArray[];
  readonly donated?: readonly boolean[];
  /** How many steps it takes. */
  readonly steps: number;
}

const heads = f32(2, 40, 4, 16);

const examples: Readonly<Record<string, Example>> = {
  "attention of several examples and heads": {
    fn: (q, k, v) =>
      np.einsum(
        "bhst,bthd->bshd",
        softmax(np.multiply(np.einsum("bshd,bthd->bhst", q, k), 0.25)),
        v,
      ),
    avals: [heads, heads, heads],
    // Scores, their softmax, sums of values.
    steps: 3,
  },
  "a layout that something else reads, too": {
    fn: (x, y) => {
      const z = np.swapaxes(x, 1, 2);
      return [np.einsum("bhsd,bhtd->bhst", z, y), z];
    },
    avals: [heads, f32(2, 4, 40, 16)],
    steps: 2,
  },
  "rows that are two axes, and terms that are two axes the other way round": {
    fn: (x, w) => np.einsum("abcd,dbn->acn", x, w),
    avals: [f32(6, 8, 7, 9), f32(9, 8, 20)],
    steps: 1,
  },
  "a source that is overwritten afterwards": {
    fn: (x, y) => [np.einsum("bshd,bthd->bhst", x, y), np.add(x, 1)],
    avals: [heads, heads],
    donated: [true, false],
    steps: 2,
  },
  "operands of 16 bits": {
    fn: (x, y, b) => np.add(np.matmul(x, y), b),
    avals: [
      shapedArray([40, 24], "float16"),
      shapedArray([24, 36], "float16"),
      shapedArray([36], "float16"),
    ],
    steps: 1,
  },
  "operands of 16 bits, few of them": {
    fn: (x, y) => np.matmul(x, y),
    avals: [shapedArray([3, 40], "bfloat16"), shapedArray([40, 5], "bfloat16")],
    steps: 1,
  },
};

const adapters: Readonly<Record<string, AdapterTraits>> = {
  "a graphics card": baselineTraits,
  "a graphics card with float16": { ...baselineTraits, hasF16: true },
  "the processor": { ...baselineTraits, isSoftware: true },
};

for (const [kind, traits] of Object.entries(adapters)) {
  for (const [name, { fn, avals, donated, steps }] of Object.entries(examples)) {
    deviceTest(`products see through layouts, for ${kind}: ${name}`, async (device) => {
      const closed = jaxprOf(fn, ...avals);
      const program = fused(closed, donated ?? []);
      const made = deviceProgram(program, traits);
      assertEquals(made.steps.length, steps);
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
