/**
 * Copies of the host's arrays on a device.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { webGpu } from "../../src/runtime/webgpu/platform.ts";
import { deviceTest } from "./adapter.ts";

const { numpy: np } = vn;
type NDArray = vn.NDArray;

/** How many bytes the host writes to the device while a function runs. */
async function written(fn: () => Promise<unknown>): Promise<number> {
  const { queue } = webGpu().gpu;
  const { writeBuffer } = queue;
  let bytes = 0;
  queue.writeBuffer = (...args: Parameters<GPUQueue["writeBuffer"]>) => {
    bytes += (args[2] as Uint8Array).byteLength;
    writeBuffer.apply(queue, args);
  };
  try {
    await fn();
  } finally {
    queue.writeBuffer = writeBuffer;
  }
  return bytes;
}

deviceTest("an array that is sent a second time is not sent a third time", async () => {
  const [gpu] = await vn.init("webgpu");
  const f = vn.filterJit((w: NDArray, x: NDArray) => w.mul(x), { device: gpu });
  const w = np.arange(5000);
  const call = async (factor: number) => {
    const y = await f(w, np.full([5000], factor)).data();
    assertEquals([y[1], y[4999]], [factor, 4999 * factor]);
  };
  const bytes: number[] = [];
  for (let i = 0; i < 4; i++) bytes.push(await written(() => call(i)));
  assertEquals(bytes, [40000, 40000, 20000, 20000]);
});

deviceTest("a copy is not what is given away, and goes with its array", async () => {
  const [gpu] = await vn.init("webgpu");
  const f = vn.filterJit((w: NDArray) => w.mul(2), { device: gpu, donate: "all" });
  const w = np.arange(5000);
  for (let i = 0; i < 4; i++) assertEquals((await f(w).data())[4999], 9998);
  w.delete();
  assertThrows(() => f(w), vn.DonatedError, "args[0]");
});
