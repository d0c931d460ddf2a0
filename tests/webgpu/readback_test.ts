/**
 * How elements come back from a device.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import type { WebGpuDevice } from "../../src/runtime/webgpu/device.ts";
import { Readback, readbackMode, setSynchronousReads } from "../../src/runtime/webgpu/readback.ts";
import type { View } from "../../src/runtime/webgpu/pool.ts";
import { deviceTest } from "./adapter.ts";

const { lax, numpy: np } = vn;
type NDArray = vn.NDArray;

/** Views of some words each, every word telling the view. */
function filled(device: WebGpuDevice, words: readonly number[]): View[] {
  return words.map((count, i) => {
    const view = { memory: device.pool.acquire(4 * count + 8, true), offset: 0, bytes: 4 * count };
    device.write(view, new Uint8Array(new Uint32Array(count).fill(i + 1).buffer));
    return view;
  });
}

const modes = readbackMode() === "direct" ? ["direct", "await"] as const : ["await"] as const;

for (const mode of modes) {
  deviceTest(`views come back together, in lots that fit a buffer (${mode})`, async (device) => {
    const words = [1, 7, 300, 2, 5000];
    const views = filled(device, words);
    const readback = new Readback(device.gpu, (copies) => device.queue.flush(copies), mode, 1600);
    for (let i = 0; i < 3; i++) {
      const read = (await readback.read(views)).map((bytes) => new Uint32Array(bytes));
      assertEquals(read, words.map((count, i) => new Uint32Array(count).fill(i + 1)));
    }
    const both = await Promise.all([readback.read(views), readback.read(views.slice(1, 2))]);
    assertEquals(new Uint32Array(both[1][0]), new Uint32Array(7).fill(2));
    assertEquals(new Uint32Array(both[0][4]), new Uint32Array(5000).fill(5));
    views.forEach((view) => device.pool.recycle(view.memory));
  });
}

deviceTest("a loop that only reads lets timers fire", async () => {
  const [gpu] = await vn.init("webgpu");
  const x = vn.devicePut(np.ones([3]), gpu);
  let fired = false;
  setTimeout(() => fired = true, 1);
  let reads = 0;
  for (; !fired && reads < 1e5; reads++) await x.data();
  assert(fired && reads > 0);
});

/** Runs with arrays of the device read as those of the processor are. */
async function synchronously(fn: () => void): Promise<void> {
  const [gpu] = await vn.init("webgpu");
  vn.defaultDevice(gpu);
  const previous = setSynchronousReads(true);
  try {
    fn();
  } finally {
    setSynchronousReads(previous);
    vn.defaultDevice(null);
  }
}

if (readbackMode() === "direct") {
  deviceTest("tests may read a device's arrays at once", () =>
    synchronously(() => {
      const x = np.arange(6).reshape([2, 3]).mul(2);
      assertEquals(String(x.device), "webgpu:0");
      assertEquals(x.tolist(), [[0, 2, 4], [6, 8, 10]]);
      assertEquals(x.get(1, 2).item(), 10);
      assertEquals(JSON.stringify(x.astype("float16")), "[[0,2,4],[6,8,10]]");
      assertEquals(String(np.array([true, false])), "Array([ true, false], dtype=bool)");
      assertEquals(Number(x.sum()), 30);
      const [cpu] = vn.devices();
      assertEquals(vn.devicePut(x, cpu).add(1).tolist(), [[1, 3, 5], [7, 9, 11]]);
      assertEquals(x.add(0.5).dataSync()[1], 2.5);
    }));

  deviceTest("then loops and checks are over when the call returns", () =>
    synchronously(() => {
      const grow = vn.filterJit((x: NDArray) =>
        lax.whileLoop((c: NDArray) => np.less(c.sum(), 1000), (c: NDArray) => c.mul(2), x)
      );
      assertEquals(grow(np.array([1, 2, 3])).tolist(), [256, 512, 768]);
      const checked = vn.filterJit((x: NDArray) => vn.errorIf(x, np.less(x, 0), "x is negative"));
      assertThrows(() => checked(np.array([1, -1])), vn.RuntimeCheckError, "x is negative");
      assertEquals(checked(np.array([1, 1])).tolist(), [1, 1]);
    }));
}
