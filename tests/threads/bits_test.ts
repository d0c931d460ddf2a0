/**
 * The oracle's programs, their work shared in pieces as small as can be: the same bits on one thread, two and five.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { setThreadCount, shareFinely, threadCount, threadPool } from "../../src/runtime/threads.ts";
import { decode, run } from "../oracle/evaluate.ts";
import { type Case, type DataFile, makeProgramArrays, readDataFile } from "../oracle/format.ts";
import { again, isInShare } from "../share.ts";
import { readiness } from "./ground.ts";

// Not those of devices and of text.
const files = [
  "attention",
  "checkpoint",
  "complex",
  "complex_layers",
  "conv",
  "dtypes",
  "elementwise",
  "factorisations",
  "fft",
  "grads",
  "indexing",
  "lax",
  "layers",
  "linalg",
  "loops",
  "more",
  "nn",
  "optim",
  "random",
  "reductions",
  "segment",
  "shaping",
  "spatial",
  "transforms",
];

/** In how many days' runs each case is once. */
const days = 24;
/** Instructions, about, of a piece. */
const grain = 200;
/** Calls of each program: threads that slept come to the later ones. */
const calls = 3;

/** The bytes of all arrays in a result, as text. */
function bitsOf(result: unknown): string {
  const [arrays] = vn.partition(result, vn.isArray);
  return vn.tree.leaves(arrays).map((leaf) => {
    const x = leaf as vn.NDArray;
    const data = x.dataSync();
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return `${x.dtype}[${x.shape}] ${bytes.toHex()}`;
  }).join("\n");
}

/** The bits that a case gives; `null` where it throws, as it may be meant to. */
function bitsOfCase(file: DataFile, c: Case): string | null {
  const inputs = c.in.map((v) => decode(file, v, new Map()));
  makeProgramArrays(file, c.p);
  const program = vn.filterJit((...args: unknown[]) => run(file, c.p, args));
  let bits: string | null = null;
  for (let call = 0; call < calls; call++) {
    try {
      const now = bitsOf(program(...inputs));
      bits ??= now;
      assertEquals(now, bits, "another call gives other bits");
    } catch (error) {
      if (error instanceof vn.VernalError) return null;
      throw error;
    }
  }
  return bits;
}

Deno.test("the oracle's programs give the same bits on one thread, two and five", async () => {
  const before = threadCount();
  shareFinely(grain);
  const expected = new Map<string, string | null>();
  let compared = 0;
  try {
    for (const threads of [1, 2, 5]) {
      setThreadCount(threads);
      assertEquals(threadCount(), threads, "no threads can be started here");
      const pool = threadPool();
      pool.isJudged = false;
      if (threads > 1) {
        pool.start();
        await readiness(pool, threads - 1);
      }
      const helped = pool.helped;
      for (const name of files) {
        const file = readDataFile(name);
        for (const c of file.cases) {
          const id = `${name}: ${c.id}`;
          if (c.jit === false || !isInShare(`bits of ${id}`, days)) continue;
          const bits = bitsOfCase(file, c);
          if (threads === 1) expected.set(id, bits);
          else {
            assertEquals(bits, expected.get(id), `${id}, ${threads} threads; ${again}`);
            if (bits !== null) compared++;
          }
        }
      }
      assert(threads === 1 || pool.helped > helped, `${threads} threads: nobody helps`);
    }
  } finally {
    shareFinely(null);
    setThreadCount(before);
    threadPool().isJudged = true;
  }
  assert(compared > 100, `only ${compared} comparisons, ${again}`);
});
