/**
 * What is measured computes the same bits whichever choice is taken.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { nn, numpy as np } from "../../mod.ts";
import { loadBinaryen } from "../../src/backends/wasm/binaryen.ts";
import type { EmitOptions } from "../../src/backends/wasm/emit.ts";
import { compileToProgram } from "../../src/compile/pipeline.ts";
import type { NDArray } from "../../src/core/array.ts";
import type { ShapedArray } from "../../src/core/aval.ts";
import type { TypedArray } from "../../src/core/dtype.ts";
import type { Program } from "../../src/loopnest/ir.ts";
import { f32, jaxprOf, makeRandom, randomArray } from "../schedule/helpers.ts";
import { randomProgram } from "./random_program.ts";
import { Compiled } from "./run.ts";

const binaryen = await loadBinaryen();

/** As many numbers as any program here has nests. */
const allNests = Array.from({ length: 100 }, (_, i) => i);

const bitsOf = (results: readonly TypedArray[]): Uint8Array[] =>
  results.map((x) => new Uint8Array(x.buffer, x.byteOffset, x.byteLength).slice());

/** Whether a program whose nests take the second choice is another module; it computes the same bits. */
function compare(program: Program, inputs: readonly TypedArray[], options: EmitOptions): boolean {
  const first = new Compiled(binaryen, program, options);
  const second = new Compiled(binaryen, program, { ...options, seconds: allNests });
  assertEquals(bitsOf(second.call(inputs)), bitsOf(first.call(inputs)));
  assert(second.isIntact());
  return !indexedEqual(first.emitted.bytes, second.emitted.bytes);
}

function indexedEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

Deno.test("random programs compute the same bits by second choices", () => {
  let differing = 0;
  for (let seed = 0; seed < 300; seed++) {
    const { program, inputs } = randomProgram(seed);
    const chunkCost = [undefined, 20, 200][seed % 3];
    if (compare(program, inputs, chunkCost === undefined ? {} : { chunkCost })) differing++;
  }
  assert(differing > 10, `${differing} programs have a second choice`);
});

interface Case {
  readonly f: (x: NDArray) => NDArray;
  readonly of: ShapedArray;
  /** How many nests are close enough, and large enough, to be measured. */
  readonly close: number;
}

const cases: Readonly<Record<string, Case>> = {
  "sums down columns": { f: (x) => np.sum(x, { axis: 0 }), of: f32(700, 130), close: 1 },
  "sums down many columns": { f: (x) => np.sum(x, { axis: 0 }), of: f32(3000, 40), close: 1 },
  "the largest of columns": { f: (x) => np.max(x, { axis: 0 }), of: f32(700, 130), close: 1 },
  "standard deviations of columns": {
    f: (x) => np.std(x, { axis: 0 }),
    of: f32(700, 130),
    close: 1,
  },
  "gelu": { f: (x) => nn.gelu(x), of: f32(40_000), close: 1 },
  "gelu of few": { f: (x) => nn.gelu(x), of: f32(100), close: 0 },
  "a product and a sum": { f: (x) => x.mul(2).add(1), of: f32(100_000), close: 0 },
  "sums of rows, whose order no clock may choose": {
    f: (x) => np.sum(np.tanh(x), { axis: 1 }),
    of: f32(500, 300),
    close: 0,
  },
  "two nests": {
    f: (x) => nn.gelu(x.add(np.sum(x, { axis: 0 }))),
    of: f32(300, 300),
    close: 2,
  },
};

for (const [name, { f, of, close }] of Object.entries(cases)) {
  Deno.test(`second choices: ${name}`, () => {
    const { program } = compileToProgram(jaxprOf(f, of), { name: "case" });
    const inputs = [randomArray(of, makeRandom(5))];
    const first = new Compiled(binaryen, program);
    assertEquals(first.emitted.close.length, close);
    for (const chunkCost of [undefined, 100, 1000]) {
      const options = chunkCost === undefined ? {} : { chunkCost };
      assertEquals(compare(program, inputs, options), close > 0 || name === "gelu of few");
    }
  });
}
