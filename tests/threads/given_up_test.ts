/**
 * Memory that a thread may still write to after it was given up is nobody else's.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { DeviceError, filterJit, init, memory, type NDArray, numpy as np } from "@vernal/vernal";
import { threadPool } from "../../src/runtime/threads.ts";
import { readiness } from "./ground.ts";

/** Long rows: a thread that has taken one has to do for a while. */
const shape = [3, 1 << 21];

/** Calls `f` until a thread is given up in the middle of it. */
async function callUntilGivenUp(f: () => NDArray): Promise<void> {
  const pool = threadPool();
  pool.isJudged = false;
  pool.start();
  for (let turns = 0; turns < 200; turns++) {
    pool.patience = 20;
    f().delete();
    await readiness(pool, 1);
    // Whoever is not out when the leader is, is late.
    pool.patience = 1e-6;
    try {
      f().delete();
    } catch (error) {
      assert(error instanceof DeviceError, String(error));
      return;
    } finally {
      pool.patience = 20;
    }
  }
  throw new Error("no thread was late");
}

Deno.test("what a thread that was given up goes on writing reaches no other array, and is freed when it is gone", async () => {
  await init("cpu", { threads: 2 });
  try {
    const x = np.ones(shape, { dtype: "float32" });
    const sums = filterJit((x: NDArray): NDArray => np.cumsum(x, { axis: 1 }));
    await callUntilGivenUp(() => sums(x));
    const { heldBytes } = memory();
    assert(heldBytes >= 4 * x.size, `${heldBytes} bytes are held`);
    // As large as what has been freed.
    const others = Array.from({ length: 4 }, () => np.full(shape, 7, { dtype: "float32" }));
    for (let turns = 0; memory().heldBytes > 0; turns++) {
      assert(turns < 2000, "the thread does not go");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    for (const other of others) assertEquals(np.sum(np.abs(other.sub(7))).item(), 0);
    assertEquals(np.min(np.max(sums(x), { axis: 1 })).item(), shape[1]);
  } finally {
    await init("cpu", { threads: 1 });
  }
});
