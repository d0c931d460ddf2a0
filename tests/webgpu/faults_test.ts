/**
 * What a device refuses: whom it reaches, and what goes on.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { webGpu } from "../../src/runtime/webgpu/platform.ts";
import { readbackMode } from "../../src/runtime/webgpu/readback.ts";
import { deviceTest } from "./adapter.ts";

const { lax, numpy: np } = vn;
type NDArray = vn.NDArray;

/** A test with the device open. */
function faultTest(name: string, fn: (gpu: vn.Device) => Promise<void>): void {
  deviceTest(name, async () => {
    const [gpu] = await vn.init("webgpu");
    await fn(gpu);
  });
}

/** Runs with methods of the open device replaced. */
async function withMethods(
  replace: (gpu: GPUDevice) => Partial<GPUDevice>,
  fn: () => Promise<void>,
): Promise<void> {
  const { gpu } = webGpu();
  const replacements = replace(gpu);
  Object.assign(gpu, replacements);
  try {
    await fn();
  } finally {
    for (const name of Object.keys(replacements)) Reflect.deleteProperty(gpu, name); // the prototype's again
  }
}

/** A device in whose shaders `tanh` does not exist. */
function withoutTanh(fn: () => Promise<void>): Promise<void> {
  return withMethods((gpu) => {
    const create = gpu.createShaderModule.bind(gpu);
    return {
      createShaderModule: ({ code }) =>
        create({ code: code.includes("tanh_f32") ? "this is no shader" : code }),
    };
  }, fn);
}

/** A device that has no room for a buffer of more than so many bytes, as often as told. */
function withoutRoom(most: number, times: number, fn: () => Promise<void>): Promise<void> {
  const scopes: { readonly filter: GPUErrorFilter; isFull: boolean }[] = [];
  return withMethods((gpu) => {
    const push = gpu.pushErrorScope.bind(gpu);
    const pop = gpu.popErrorScope.bind(gpu);
    const create = gpu.createBuffer.bind(gpu);
    return {
      pushErrorScope(filter) {
        scopes.push({ filter, isFull: false });
        return push(filter);
      },
      popErrorScope() {
        const isFull = scopes.pop()?.isFull ?? false;
        return pop().then((error) => isFull ? new Error("full") as unknown as GPUError : error);
      },
      createBuffer(descriptor) {
        const { size, usage } = descriptor;
        if (size <= most || (usage & GPUBufferUsage.STORAGE) === 0 || times-- <= 0) {
          return create(descriptor);
        }
        scopes.findLast(({ filter }) => filter === "out-of-memory")!.isFull = true;
        push("validation");
        const refused = create({ ...descriptor, size: gpu.limits.maxBufferSize + 8 });
        pop();
        return refused;
      },
    };
  }, fn);
}

faultTest("a refused shader reaches the call that needs it, and no other", async (gpu) => {
  const x = vn.devicePut(np.array([1, 2, 3, 4, 5, 6, 7]), gpu);
  const squash = vn.filterJit(function squash(x: NDArray) {
    return np.tanh(x).mul(3);
  });
  const twice = vn.filterJit((x: NDArray) => x.mul(2));
  await twice(x).data();
  await withoutTanh(async () => {
    const before = twice(x);
    const bad = squash(x);
    const derived = bad.add(1);
    const after = twice(x);
    const error = await assertRejects(() => bad.data(), vn.DeviceError, "squash");
    assert(error.message.includes("no shader") || error.message.includes("expected"));
    await assertRejects(() => derived.data(), vn.DeviceError, "squash");
    assertEquals((await before.data())[6], 14);
    assertEquals((await after.data())[6], 14);
    // Known by now: at once.
    assertThrows(() => squash(x), vn.DeviceError, "squash");
    assertThrows(() => bad.add(1), vn.DeviceError, "squash");
    assertEquals((await x.data())[6], 7);
  });
});

faultTest("what a refused call was given is not lost", async (gpu) => {
  const x = vn.devicePut(np.array([0.5, 1, 2, 3]), gpu);
  const squash = vn.filterJit((x: NDArray) => np.tanh(x).div(3), { donate: "all" });
  await withoutTanh(async () => {
    const given = x.add(1);
    await given.data();
    await assertRejects(() => squash(given).data(), vn.DeviceError);
    const again = x.add(2);
    assertThrows(() => squash(again), vn.DeviceError);
    assert(!again.isDeleted);
    assertEquals((await again.data())[3], 5);
  });
});

faultTest("a small buffer that cannot be had is an error of its results", async (gpu) => {
  const x = vn.devicePut(np.ones([5]), gpu);
  const y = vn.devicePut(np.ones([30_011]), gpu);
  await y.add(2).data();
  await withoutRoom(100_000, 1, async () => {
    const bad = np.concatenate([y, y]).mul(2);
    await assertRejects(() => bad.data(), vn.OutOfMemoryError, "no room");
    assertEquals((await x.add(1).data())[0], 2);
    assertEquals((await y.data())[0], 1);
  });
});

if (readbackMode() === "direct") {
  faultTest("a large buffer that cannot be had throws before anything runs", async (gpu) => {
    const y = vn.devicePut(np.ones([600_011]), gpu);
    const { bytes } = webGpu().memory();
    await withoutRoom(4_000_000, Infinity, async () => {
      assertThrows(() => np.concatenate([y, y]), vn.OutOfMemoryError, "no room");
      const joined = vn.filterJit(function joined(y: NDArray) {
        return np.concatenate([y, y]).mul(2).sum();
      });
      assertThrows(() => joined(y), vn.OutOfMemoryError, "joined"); // on the way: what was recorded is forgotten
      using doubled = y.mul(2);
      assertEquals((await doubled.data())[5], 2);
    });
    assert(webGpu().memory().bytes <= bytes + 4096);
  });

  faultTest("and is asked for again once what lies idle is gone", async (gpu) => {
    const y = vn.devicePut(np.ones([700_011]), gpu);
    const idle = vn.devicePut(np.ones([500_000]), gpu);
    await idle.data();
    idle.delete();
    const { pooledBytes } = webGpu().memory();
    assert(pooledBytes > 1_000_000);
    await withoutRoom(4_000_000, 1, async () => {
      const z = np.concatenate([y, y, y]);
      assert(webGpu().memory().pooledBytes < pooledBytes);
      assertEquals((await z.data())[2_100_032], 1);
    });
  });
}

faultTest("an array that was given away is named by its place", async (gpu) => {
  const move = vn.filterJit((state: { w: NDArray }) => state.w.mul(0.5), { donate: "all" });
  const state = { w: vn.devicePut(np.ones([100]), gpu) };
  assertEquals((await move(state).data())[0], 0.5);
  assertThrows(() => move(state), vn.DonatedError, ".w");
});

faultTest("reads that are under way when a device is lost are refused, each", async (gpu) => {
  const x = vn.devicePut(np.ones([3]), gpu);
  const grow = vn.filterJit((x: NDArray) =>
    lax.whileLoop((c: NDArray) => np.less(c.sum(), 1000), (c: NDArray) => c.mul(2), x)
  );
  const reads = [x.data(), x.add(1).data(), grow(x).data(), grow(x).add(1).data()];
  webGpu().destroy();
  await Promise.all(reads.map((read) => assertRejects(() => read, vn.DeviceError, "lost")));
  assertEquals(np.ones([2]).add(1).tolist(), [2, 2]);
  const [again] = await vn.init("webgpu");
  assertEquals((await vn.devicePut(np.ones([2]), again).add(1).data())[1], 2);
});

faultTest("a device that is closed is gone at once, and can be opened again", async (gpu) => {
  const grow = vn.filterJit((x: NDArray) => x.add(1));
  let x: NDArray;
  {
    using device = gpu;
    x = grow(vn.devicePut(np.ones([3]), device));
    assertEquals((await x.data())[0], 2);
  }
  assertEquals(vn.devices("webgpu"), []);
  assertThrows(() => grow(x), vn.DeviceError, "webgpu");
  await assertRejects(() => x.data(), vn.DeviceError, "it was closed");
  assertEquals(grow(np.ones([2])).tolist(), [2, 2]);
  vn.devices("cpu")[0][Symbol.dispose](); // stays
  const [again] = await vn.init("webgpu");
  assertEquals((await grow(vn.devicePut(np.ones([2]), again)).data())[1], 2);
  await assertRejects(() => x.data(), vn.DeviceError, "it was closed");
});

faultTest("calls on a device whose loss is not known yet are refused when read", async (gpu) => {
  let x = vn.devicePut(np.ones([300_000]), gpu);
  const grow = vn.filterJit((x: NDArray) => x.add(1));
  await grow(x).data();
  webGpu().destroy();
  // So many that the queue waits for the device, which answers nothing.
  const loop = () => {
    for (let i = 0; i < 300; i++) {
      const next = grow(x);
      x.delete();
      x = next;
      webGpu().queue.flush();
    }
    return np.concatenate([x, x, x]);
  };
  assertThrows(loop, vn.DeviceError, "lost");
  await assertRejects(() => x.data(), vn.DeviceError, "lost");
  await vn.init("webgpu");
});

faultTest("an adapter that vanishes between runs is missed by init, and found again", async () => {
  const { gpu } = navigator;
  const { requestAdapter } = gpu;
  webGpu().destroy();
  await new Promise((resolve) => setTimeout(resolve, 0)); // the loss is known after a turn
  gpu.requestAdapter = () => Promise.resolve(null);
  try {
    await assertRejects(() => vn.init("webgpu"), vn.DeviceError, "no WebGPU adapter");
    assertEquals(vn.devices("webgpu"), []);
    assertEquals(np.ones([2]).add(1).tolist(), [2, 2]);
  } finally {
    gpu.requestAdapter = requestAdapter;
  }
  const [again] = await vn.init("webgpu");
  assertEquals((await vn.devicePut(np.ones([2]), again).data())[0], 1);
});
