/**
 * What is there of WebGPU before it is opened.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { webGpu } from "../../src/runtime/webgpu/platform.ts";
import { deviceTest } from "./adapter.ts";

const { numpy: np } = vn;

Deno.test({
  name: "shaders are written once init was asked for a device, whether it found one or not",
  sanitizeResources: false,
  sanitizeOps: false,
  fn: async () => {
    const lowered = vn.filterJit((x: vn.NDArray) => np.tanh(x)).lower(np.ones([3]));
    assertEquals(vn.memory().webgpu, null);
    assertThrows(() => lowered.wgsl(), vn.DeviceError, 'await init("webgpu")');
    await vn.init("webgpu").catch((error) => assert(error instanceof vn.DeviceError));
    assert(lowered.wgsl().includes("tanh_f32"));
  },
});

deviceTest("two that open the device at once get the same one", async () => {
  const { gpu } = navigator;
  const { requestAdapter } = gpu;
  if (vn.devices("webgpu").length > 0) webGpu().destroy();
  await new Promise((resolve) => setTimeout(resolve, 0)); // the loss is known after a turn
  let asked = 0;
  gpu.requestAdapter = (options?: GPURequestAdapterOptions) => {
    asked++;
    return requestAdapter.call(gpu, options);
  };
  try {
    const opened = await Promise.all([vn.init("webgpu"), vn.init("webgpu")]);
    assertEquals([asked, opened], [1, [vn.devices("webgpu"), vn.devices("webgpu")]]);
    await vn.init("webgpu");
    assertEquals(asked, 1);
    assertEquals((await vn.devicePut(np.ones([2]), opened[0][0]).data())[1], 1);
  } finally {
    gpu.requestAdapter = requestAdapter;
  }
});
