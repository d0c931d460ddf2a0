/**
 * A profile of work on WebGPU: launches, transfers, reads, and each kernel by the device's clock.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { webGpu } from "../../src/runtime/webgpu/platform.ts";
import { readbackMode } from "../../src/runtime/webgpu/readback.ts";
import { deviceTest } from "./adapter.ts";

const { numpy: np, profile } = vn;

const hasClock = () => webGpu().gpu.features.has("timestamp-query");

deviceTest("an asynchronous profile has launches, transfers, reads and kernels", async () => {
  const [gpu] = await vn.init("webgpu");
  const f = vn.filterJit(function halve(x: vn.NDArray) {
    return x.div(2);
  });
  const [value, p] = await profile(async () => {
    const x = vn.devicePut(np.ones([1000]), gpu);
    return (await f(x).data())[0];
  });
  assertEquals(value, 0.5);
  const of = (kind: vn.SpanKind) => p.events.filter((e) => e.kind === kind);
  assertEquals(of("transfer").map((e) => e.name), ["f32[1000] to WebGPU"]);
  assertEquals(of("run").map((e) => [e.name, e.details.by]), [["filterJit(halve)", "WebGPU"]]);
  assertEquals(of("readback").map((e) => [e.name, e.thread]), [["f32[1000]", "WebGPU, reads"]]);
  if (!hasClock()) return;
  const [kernel] = of("kernel");
  assert(kernel.name.startsWith("filterJit(halve): ") && kernel.thread === "WebGPU");
  assert(kernel.milliseconds >= 0 && kernel.milliseconds < 10_000);
});

deviceTest(
  "a profile that is not asynchronous waits for the device where the runtime can",
  async () => {
    const [gpu] = await vn.init("webgpu");
    const f = vn.filterJit((x: vn.NDArray) => x.add(1));
    const x = vn.devicePut(np.ones([1000]), gpu);
    const [y, p] = profile(() => f(x));
    const kernels = p.events.filter((e) => e.kind === "kernel").length;
    assertEquals(kernels > 0, hasClock() && readbackMode() === "direct");
    assertEquals((await y.data())[0], 2); // and then without times again
  },
);
