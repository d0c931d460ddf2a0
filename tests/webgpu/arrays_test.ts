/**
 * Arrays on a WebGPU device, as users hold them.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { webGpu } from "../../src/runtime/webgpu/platform.ts";
import { userTest } from "./adapter.ts";

const { lax, numpy: np, optim, random } = vn;
type NDArray = vn.NDArray;

userTest("an opened device is among the devices, and arrays move there", async (gpu) => {
  assertEquals(vn.devices("webgpu"), [gpu]);
  assertEquals(String(gpu), "webgpu:0");
  const x = vn.devicePut(np.array([1, 2, 3]), gpu);
  assert(x.device === gpu && x.committed);
  assertEquals(await x.data(), Float32Array.of(1, 2, 3));
  const y = x.mul(2).add(np.array([1, 1, 1]));
  assert(y.device === gpu && y.committed);
  assertEquals(await y.data(), Float32Array.of(3, 5, 7));
});

userTest("what would have to wait says so", async (gpu) => {
  const x = vn.devicePut(np.array([1, 2, 3]), gpu);
  for (const read of [() => x.dataSync(), () => x.tolist(), () => x.get(0).item()]) {
    assertThrows(read, vn.DeviceError, "await x.data()");
  }
  assertThrows(() => vn.devicePut(x, vn.devices()[0]), vn.DeviceError, "np.array(await x.data())");
  assertEquals(String(x), "Array(<f32[3] on webgpu:0>)");
  assertEquals((await x.sum().data())[0], 6);
});

userTest(
  "an argument that lies there is no part of a program for devices of the processor",
  async (gpu) => {
    await vn.init("cpu", { devices: 2 });
    try {
      const f = vn.filterPmap((x: NDArray) => x.add(lax.psum(x, "i")), { axisName: "i" });
      const x = np.ones([2, 100]);
      assertEquals(f(x).get(0, 0).item(), 3);
      assertThrows(() => f(vn.devicePut(x, gpu)), vn.DeviceError, "cannot be on cpu:0, cpu:1");
    } finally {
      await vn.init("cpu", { devices: 1 });
    }
  },
);

userTest("elements of every dtype go and come back", async (gpu) => {
  const dtypes = [
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
  ] as const;
  for (const dtype of [...dtypes, "bool", "float16", "bfloat16", "float32"] as const) {
    const x = np.array([0, 1, 1, 0, 1]).astype(dtype);
    assertEquals(await vn.devicePut(x, gpu).data(), x.dataSync(), dtype);
  }
  const error = assertThrows(
    () => vn.devicePut(np.ones([2], { dtype: "float64" }), gpu),
    vn.DTypeError,
  );
  assert(error.message.includes("float64") && error.message.includes("CPU"));
});

userTest("mixing devices is refused by name, and nothing is lost", async (gpu) => {
  const x = vn.devicePut(np.ones([3]), gpu);
  const y = vn.devicePut(np.ones([3]), vn.devices()[0]);
  assertThrows(() => x.add(y), vn.DeviceError, "webgpu:0");
  assertThrows(() => vn.filterJit((a: NDArray, b: NDArray) => a.add(b))(x, y), vn.DeviceError);
  assertEquals(await x.add(x).data(), Float32Array.of(2, 2, 2));
  assertEquals(y.add(y).tolist(), [2, 2, 2]);
});

userTest("a function compiled for the device moves its arguments there", async (gpu) => {
  const f = vn.filterJit((x: NDArray, power: number) => np.tanh(x).pow(power), { device: gpu });
  const x = np.linspace(-1, 1, 7);
  const y = f(x, 2);
  assert(y.device === gpu);
  const expected = np.tanh(x).pow(2).dataSync();
  (await y.data()).forEach((value, i) =>
    assert(Math.abs(Number(value) - Number(expected[i])) < 1e-6)
  );
  assert(f.lower(x, 2).wgsl().includes("tanh_f32"));
});

userTest("training gives the same numbers wherever it runs", async (gpu) => {
  const optimizer = optim.adam(1e-2);
  const loss = (model: vn.nn.MLP, x: NDArray, y: NDArray): NDArray =>
    vn.filterVmap(model)(x).sub(y).pow(2).mean();
  type State = ReturnType<typeof optimizer.init>;
  const step = vn.filterJit(
    (model: vn.nn.MLP, state: State, x: NDArray, y: NDArray): [NDArray, vn.nn.MLP, State] => {
      const [value, grads] = vn.filterValueAndGrad(loss)(model, x, y);
      const [updates, next] = optimizer.update(grads, state, model);
      return [value, vn.applyUpdates(model, updates), next];
    },
    { donate: "all" },
  );
  const losses: number[][] = [];
  let buffers = 0;
  for (const device of [vn.devices()[0], gpu]) {
    const put = (leaf: unknown) => leaf instanceof vn.NDArray ? vn.devicePut(leaf, device) : leaf;
    const key = random.key(0);
    let model: vn.nn.MLP = vn.tree.map(put, new vn.nn.MLP(4, 2, 8, 2, { key })) as vn.nn.MLP;
    let state: State = vn.tree.map(put, optimizer.init(model)) as State;
    const x = random.normal(random.key(1), [16, 4]);
    const y = np.sin(x.get("...", vn.slice(0, 2, null)));
    const values: NDArray[] = [];
    for (let i = 0; i < 30; i++) {
      let value: NDArray;
      [value, model, state] = step(model, state, vn.devicePut(x, device), vn.devicePut(y, device));
      values.push(value);
      if (i === 10 && device === gpu) buffers = webGpu().memory().buffers;
    }
    losses.push((await Promise.all(values.map((v) => v.data()))).map(([v]) => Number(v)));
  }
  const [cpu, webgpu] = losses;
  cpu.forEach((value, i) => assert(Math.abs(value - webgpu[i]) < 1e-4 * Math.max(1, value)));
  assert(webgpu[29] < webgpu[0]);
  // Donated arrays give their buffers on, some twenty a step; the loss and the arguments of each step are new.
  assert(webGpu().memory().buffers <= buffers + 19 * 5);
});

userTest("a scope gives back what was made in it", async (gpu) => {
  const x = vn.devicePut(np.ones([1000]), gpu);
  await x.data();
  const before = webGpu().memory();
  for (let i = 0; i < 50; i++) vn.scope(() => void x.mul(2).add(i).sum());
  await x.data();
  const after = webGpu().memory();
  // The collector may have found other tests' arrays meanwhile.
  assert(after.buffers <= before.buffers && after.bytes <= before.bytes);
});

userTest(
  "loops whose end only the device knows are waited for by what comes after",
  async (gpu) => {
    const x = vn.devicePut(np.array([1, 2, 3]), gpu);
    const grow = vn.filterJit((x: NDArray) =>
      lax.whileLoop((c: NDArray) => np.less(c.sum(), 1000), (c: NDArray) => c.mul(2), x)
    );
    const y = grow(x);
    const z = y.add(1); // asked for before the loop has ended
    x.delete();
    assertEquals(await z.data(), Float32Array.of(257, 513, 769));
    assertEquals(await y.data(), Float32Array.of(256, 512, 768));
  },
);

userTest("a check that fails, and a callback that throws, reach whoever reads", async (gpu) => {
  const checked = vn.filterJit((x: NDArray) => vn.errorIf(x, np.less(x, 0), "x is negative"));
  assertEquals(await checked(vn.devicePut(np.ones([2]), gpu)).data(), Float32Array.of(1, 1));
  const bad = checked(vn.devicePut(np.array([1, -1]), gpu));
  await assertRejects(() => bad.data(), vn.RuntimeCheckError, "x is negative");
  assertThrows(() => bad.add(1), vn.RuntimeCheckError, "x is negative");
  const twice = vn.filterJit((x: NDArray) =>
    vn.filterPureCallback(
      (y: NDArray) => y.mul(2),
      x,
      vn.kwargs({ resultShapeDtypes: new vn.ShapeDtypeStruct([2], "float32") }),
    ) as NDArray
  );
  assertEquals(await twice(vn.devicePut(np.ones([2]), gpu)).data(), Float32Array.of(2, 2));
});

userTest("the default device takes what is made without saying where", async (gpu) => {
  vn.defaultDevice(gpu);
  try {
    const x = np.array([1, 2]);
    const key = random.key(3);
    assert(x.device === gpu && np.ones([2]).device === gpu && !x.committed);
    const drawn = await random.normal(key, [5]).data();
    vn.defaultDevice(null);
    const here = random.normal(random.key(3), [5]).dataSync();
    drawn.forEach((value, i) => assert(Math.abs(Number(value) - Number(here[i])) < 1e-6));
  } finally {
    vn.defaultDevice(null);
  }
  assert(np.ones([2]).device === vn.devices()[0]);
});

userTest("an array beyond what the adapter binds is refused before anything runs", async (gpu) => {
  const limit = webGpu().gpu.limits.maxStorageBufferBindingSize;
  const make = vn.filterJit(() => np.zeros([limit / 2]), { device: gpu });
  assertThrows(make, vn.OutOfMemoryError, "bytes");
  assertEquals(await vn.devicePut(np.ones([1]), gpu).data(), Float32Array.of(1));
});

userTest(
  "a lost device is named; the processor works on, and the device opens again",
  async (gpu) => {
    const x = vn.devicePut(np.ones([3]), gpu);
    const device = webGpu();
    device.destroy();
    await device.gpu.lost;
    assertThrows(() => x.add(1), vn.DeviceError, 'init("webgpu")');
    await assertRejects(() => x.data(), vn.DeviceError);
    assertEquals(np.ones([2]).add(1).tolist(), [2, 2]);
    const [again] = await vn.init("webgpu");
    assertEquals(await vn.devicePut(np.ones([2]), again).add(1).data(), Float32Array.of(2, 2));
  },
);
