/**
 * Memory for programs with a pool of threads on it.
 *
 * @module
 */
import { ThreadPool } from "../../src/backends/wasm/thread_pool.ts";
import type { Ground } from "../backends/run.ts";

/** Where programs begin; what is below is the pool's. */
const start = 1 << 22;

/**
 * Makes 32 MiB with so many threads, the caller's included, and waits until they are there.
 *
 * @param free Told what the pool gives back.
 */
export async function makeGround(
  threads: number,
  free: (block: { readonly address: number }) => void = () => {},
): Promise<Ground> {
  const memory = new WebAssembly.Memory({ initial: 512, maximum: 65536, shared: true });
  let top = 1024;
  const allocate = (bytes: number) => {
    const address = top;
    top = Math.ceil((address + bytes) / 64) * 64;
    if (top > start) throw new Error("the ground is too small for the pool");
    return { address };
  };
  const pool = new ThreadPool({ memory, allocate, free }, threads);
  pool.isJudged = false;
  pool.start();
  await readiness(pool, threads - 1);
  return { memory, start, pool };
}

/** Waits until so many threads are ready. */
export async function readiness(pool: ThreadPool, threads: number): Promise<void> {
  for (let turns = 0; pool.ready < threads; turns++) {
    if (turns > 2000) throw new Error(`${pool.ready} of ${threads} threads have started`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
