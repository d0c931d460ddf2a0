/**
 * Random programs: compiled and interpreted they give the same.
 *
 * @module
 */
import { isFloating } from "../../src/core/dtype.ts";
import { printProgram } from "../../src/loopnest/print.ts";
import { verifyProgram } from "../../src/loopnest/verify.ts";
import { loadBinaryen } from "../../src/backends/wasm/binaryen.ts";
import { interpret } from "../../src/backends/interp/mod.ts";
import { asNumbers, assertClose } from "./compare.ts";
import { randomProgram } from "./random_program.ts";
import { Compiled } from "./run.ts";

const binaryen = await loadBinaryen();

/** What errors in the last place may grow to. */
const precision = { float16: 8e-3, bfloat16: 6e-2, float32: 3e-5, float64: 3e-12 };

/** Compares one program; a small `chunkCost` cuts even short loops into calls. */
function checkSeed(seed: number, chunkCost: number | undefined): void {
  const { program, inputs } = randomProgram(seed);
  const where = () => `seed ${seed}, chunks ${chunkCost}\n${printProgram(program)}`;
  try {
    verifyProgram(program);
    const expected = interpret(program, inputs);
    const compiled = new Compiled(binaryen, program, chunkCost === undefined ? {} : { chunkCost });
    const actual = compiled.call(inputs);
    for (const buffer of program.buffers) {
      if (buffer.role !== "output") continue;
      const [a, e] = [actual, expected].map((all) =>
        asNumbers(all[buffer.position]!, buffer.dtype)
      );
      const largest = isFloating(buffer.dtype)
        ? (e as Float64Array).reduce((m, x) => Math.max(m, Math.abs(x)), 1)
        : 1;
      const absolute = largest * precision[buffer.dtype as keyof typeof precision];
      const tolerance = { ulps: 4, absolute };
      assertClose(a, e, tolerance, (i) => `b${buffer.id}[${i}]`);
    }
    if (!compiled.isIntact()) throw new Error("writes beyond a buffer");
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${where()}`, { cause: error });
  }
}

const seeds = 600;

Deno.test("random programs compile to what the interpreter computes", () => {
  for (let seed = 0; seed < seeds; seed++) checkSeed(seed, undefined);
});

Deno.test("random programs cut into many calls compute the same", () => {
  for (let seed = seeds; seed < 2 * seeds; seed++) checkSeed(seed, seed % 2 === 0 ? 20 : 100);
});
