/**
 * Random programs, divided among threads as finely as can be: the same bits for any number of threads.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { TypedArray } from "../../src/core/dtype.ts";
import { loadBinaryen } from "../../src/backends/wasm/binaryen.ts";
import { printProgram } from "../../src/loopnest/print.ts";
import { randomProgram } from "../backends/random_program.ts";
import { Compiled, type Ground } from "../backends/run.ts";
import { makeGround } from "./ground.ts";

const binaryen = await loadBinaryen();

/** Whether two lists of arrays have the same bits. */
function areSame(xs: readonly TypedArray[], ys: readonly TypedArray[]): boolean {
  const bytes = (x: TypedArray) => new Uint8Array(x.buffer, x.byteOffset, x.byteLength);
  return xs.every((x, i) => {
    const [a, b] = [bytes(x), bytes(ys[i]!)];
    return a.length === b.length && a.every((byte, k) => byte === b[k]);
  });
}

/** Runs one program alone and among threads, until threads have helped or it has had many chances; tells whether it is shared. */
function checkSeed(seed: number, ground: Ground): boolean {
  const { pool } = ground;
  const { program, inputs } = randomProgram(seed);
  const options = seed % 2 === 0
    ? { chunkCost: 20, shareCost: 40 }
    : { chunkCost: 100, shareCost: 200 };
  const many = new Compiled(binaryen, program, { ...options, threads: pool.threads }, ground);
  if (many.emitted.sharing === null) return false;
  const expected = new Compiled(binaryen, program, options).call(inputs);
  const enough = pool.helped + pool.threads;
  for (let call = 0; call < 3 || (call < 60 && pool.helped < enough); call++) {
    const where = () => `seed ${seed}, ${pool.threads} threads, call ${call}`;
    assert(
      areSame(many.call(inputs), expected),
      `${where()}: other bits\n${printProgram(program)}`,
    );
    assert(many.isIntact(), `${where()}: writes beyond a buffer`);
  }
  return true;
}

for (const threads of [2, 5]) {
  Deno.test(`random programs compute the same bits on ${threads} threads as on one`, async () => {
    const ground = await makeGround(threads);
    try {
      let shared = 0;
      for (let seed = 0; seed < 300; seed++) {
        if (checkSeed(1000 * threads + seed, ground)) shared++;
      }
      assert(shared > 100, `only ${shared} programs were shared`);
      assert(ground.pool.helped > shared, `threads helped only ${ground.pool.helped} times`);
    } finally {
      ground.pool.stop();
    }
  });
}
