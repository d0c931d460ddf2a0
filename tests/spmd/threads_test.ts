/**
 * Devices as threads: what happens where threads end, are few, or are not to be had.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { devicePool, deviceThreadCount } from "../../src/runtime/threads.ts";

const { lax, numpy: np, random } = vn;
await vn.init("cpu", { devices: 8 });

/** Work enough to be shared, with a collective in the middle. */
const each = (x: vn.NDArray, w: vn.NDArray) => {
  const y = np.tanh(x.matmul(w));
  return y.sub(lax.pmean(y, "i"));
};
const mapped = vn.filterPmap(each, { axisName: "i", inAxes: [0, null] });
const x = random.normal(random.key(0), [8, 32, 128]);
const w = random.normal(random.key(1), [128, 128]);

Deno.test("devices: the same bits on one thread, two and five, and for any that help", async () => {
  const found: Record<number, unknown> = {};
  for (const threads of [1, 2, 5]) {
    await vn.init("cpu", { threads });
    assert(deviceThreadCount() <= threads);
    for (let turn = 0; turn < 30; turn++) {
      const out = mapped(x, w).dataSync();
      if (turn === 0) found[threads] ??= out;
      assertEquals(out, found[threads]);
    }
  }
  assertEquals(found[2], found[1]);
  assertEquals(found[5], found[1]);
});

Deno.test("devices: threads that are ended in the middle of calls make these throw at most, and the pool recovers", async () => {
  await vn.init("cpu", { threads: 3 });
  if (deviceThreadCount() === 1) return; // no threads can be started here
  const expected = mapped(x, w).dataSync();
  const pool = devicePool();
  [pool.patience, pool.isJudged] = [3, false];
  try {
    pool.start();
    let right = 0;
    for (let round = 0; round < 4; round++) {
      for (let call = 0; call < 60; call++) {
        if (call === 10 * round) pool.endThread(1 + round % 2);
        try {
          assertEquals(mapped(x, w).dataSync(), expected);
          right++;
        } catch (error) {
          if (!(error instanceof vn.DeviceError)) throw error;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 1)); // for those that take their place
    }
    assert(right > 200);
    for (let turns = 0, before = pool.helped; pool.helped === before; turns++) {
      assert(turns < 2000, "no thread helps");
      assertEquals(mapped(x, w).dataSync(), expected);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  } finally {
    [pool.patience, pool.isJudged] = [20, true];
  }
});

Deno.test("devices: what is donated to a call that throws is lost, and nothing else", () => {
  const f = vn.filterPmap(
    (x: vn.NDArray) => vn.errorIf(x, x.sum().less(0), "negative").mul(2),
    { donate: "all" },
  );
  const [bad, good] = [np.ones([8, 100]).neg(), np.ones([8, 100])];
  let message = "";
  try {
    f(bad);
  } catch (error) {
    message = String(error);
  }
  assert(message.includes("negative"), message);
  assertEquals(f(good).sum().item(), 1600);
  assert(good.isDeleted);
});
