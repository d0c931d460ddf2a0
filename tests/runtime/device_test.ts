import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np } = vn;

/** Runs a test with so many devices, and with the one of before afterwards. */
async function withDevices(n: number, fn: (devices: vn.Device[]) => void | Promise<void>) {
  try {
    await fn(await vn.init("cpu", { devices: n }));
  } finally {
    vn.defaultDevice(null);
    await vn.init("cpu", { devices: 1 });
  }
}

Deno.test("every array is on the one device there is at first, uncommitted", async () => {
  const [cpu] = vn.devices();
  assertEquals([cpu.platform, cpu.id, String(cpu), vn.devices().length], ["cpu", 0, "cpu:0", 1]);
  for (const x of [np.ones([3]), np.ones([300])]) {
    assert(x.device === cpu && !x.committed);
    assert(x.sharding instanceof vn.SingleDeviceSharding && x.sharding.device === cpu);
  }
  assertEquals(await vn.init("cpu", { threads: 2 }), [cpu]);
});

Deno.test("the processor counts as as many devices as asked for, the same objects each time", () =>
  withDevices(4, async (devices) => {
    assertEquals(devices.map(String), ["cpu:0", "cpu:1", "cpu:2", "cpu:3"]);
    assertEquals((await vn.init("cpu")).length, 4); // as before unless given
    assert((await vn.init("cpu", { devices: 2 }))[1] === devices[1]);
    assert((await vn.init("cpu", { devices: 4 }))[3] === devices[3]);
    assertEquals(vn.devices("cpu").length, 4);
  }));

Deno.test("platforms and counts that there are not are refused", async () => {
  await assertRejects(() => vn.init("tpu" as "cpu"), vn.DeviceError, "tpu");
  await assertRejects(() => vn.init("cpu", { threads: 0 }), vn.ArgumentError, "threads");
  await assertRejects(() => vn.init("cpu", { devices: 1.5 }), vn.ArgumentError, "devices");
  assertThrows(() => vn.devices("tpu" as "cpu"), vn.DeviceError, "tpu");
});

Deno.test("the default device is where new arrays and results are, until changed; arrays that are there move with those that are committed", () =>
  withDevices(3, ([, one, two]) => {
    const before = np.ones([2]);
    vn.defaultDevice(two);
    const made = np.ones([2]);
    assert(made.device === two && !made.committed);
    assert(made.add(before).device === two);
    assert(vn.filterJit((x: vn.NDArray) => x.mul(2))(before).device === two);
    const put = vn.devicePut(made, one);
    assert(put.add(made).device === one && put.add(made).committed);
    vn.defaultDevice(null);
    assert(np.ones([2]).device === vn.devices()[0]);
    assert(made.add(before).device === vn.devices()[0]);
    assertThrows(() => vn.defaultDevice("cpu" as never), vn.ArgumentError, "defaultDevice");
  }));

Deno.test("an array on a device that vanished says so when it is used; it can be read and moved, and the device can come back", () =>
  withDevices(3, async ([zero, , two]) => {
    const x = vn.devicePut(np.array([1, 2]), two);
    const f = vn.filterJit((x: vn.NDArray) => x.add(1));
    f(x);
    await vn.init("cpu", { devices: 2 });
    for (const use of [() => x.add(1), () => f(x), () => vn.devicePut(np.ones([]), two)]) {
      const error = assertThrows(use, vn.DeviceError);
      assert(error.message.includes("cpu:2") && error.message.includes("devices: 3"));
    }
    assertThrows(() => vn.defaultDevice(two), vn.DeviceError, "cpu:2");
    assertEquals(x.tolist(), [1, 2]);
    assertEquals(vn.devicePut(x, zero).add(1).tolist(), [2, 3]);
    await vn.init("cpu", { devices: 3 });
    assert(x.add(1).device === two);
  }));

Deno.test("the default device cannot vanish", () =>
  withDevices(2, async ([, one]) => {
    vn.defaultDevice(one);
    await assertRejects(
      () => vn.init("cpu", { devices: 1 }),
      vn.DeviceError,
      "defaultDevice(null)",
    );
    assertEquals(vn.devices().length, 2);
  }));
