/**
 * What is there of WebGPU before it is opened.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

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
