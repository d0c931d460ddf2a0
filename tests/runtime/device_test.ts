import { assert, assertEquals, assertRejects } from "@std/assert";
import { ArgumentError, DeviceError } from "../../src/errors.ts";
import { devices, init } from "../../src/runtime/device.ts";
import { filled } from "./helpers.ts";

Deno.test("every array is on the one device, which init gives too", async () => {
  const [cpu] = devices();
  assertEquals([cpu.platform, cpu.id, devices().length], ["cpu", 0, 1]);
  assert(filled([3], 1).device === cpu && filled([300], 1).device === cpu);
  assertEquals(await init("cpu", { threads: 2 }), [cpu]);
});

Deno.test("platforms and counts that there are not are refused", async () => {
  await assertRejects(() => init("webgpu"), DeviceError, "webgpu");
  await assertRejects(() => init("cpu", { devices: 8 }), DeviceError, "8");
  await assertRejects(() => init("cpu", { threads: 0 }), ArgumentError, "threads");
});
