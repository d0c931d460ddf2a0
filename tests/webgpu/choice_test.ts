/**
 * Which device a call runs on, and what is said of it. Rates are made up, so that the software adapter stands for a fast one.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import type { MachineRates } from "../../src/runtime/device_costs.ts";
import { setMachineRates } from "../../src/runtime/webgpu/calibration.ts";
import { webGpu } from "../../src/runtime/webgpu/platform.ts";
import { deviceTest } from "./adapter.ts";

const { numpy: np, optim, random } = vn;
type NDArray = vn.NDArray;

/** A graphics card a hundred times as fast as the processor, once everything is there. */
const fast: MachineRates = {
  cpu: { call: 1e-6, launch: 1e-7, bytes: 1e10, ops: 1e10, flops: 5e10 },
  webgpu: {
    call: 1e-4,
    launch: 1e-6,
    bytes: 1e12,
    ops: 1e12,
    flops: 5e12,
    upload: 5e9,
    read: 5e9,
    wait: 1e-4,
  },
};

/** The same, of another bus and another wait. */
const withTransfer = (transfer: Partial<MachineRates["webgpu"]>): MachineRates => ({
  ...fast,
  webgpu: { ...fast.webgpu, ...transfer },
});

/** A test with the device open and rates in force. */
function choiceTest(
  name: string,
  rates: MachineRates,
  fn: (gpu: vn.Device) => Promise<void> | void,
): void {
  deviceTest(name, async () => {
    const [gpu] = await vn.init("webgpu");
    const previous = setMachineRates(rates);
    try {
      await fn(gpu);
    } finally {
      setMachineRates(previous);
      vn.defaultDevice(null);
    }
  });
}

const lastOf = (f: unknown): vn.DeviceRecord => vn.explainDevice(f).at(-1)!;

choiceTest(
  "a tiny program runs here, a large one on the device, and both say why",
  fast,
  async () => {
    const f = vn.filterJit((a: NDArray, b: NDArray) => a.matmul(b));
    const small = f(np.ones([8, 8]), np.ones([8, 8]));
    assertEquals([String(small.device), small.get(0, 0).item()], ["cpu:0", 8]);
    const large = f(np.ones([512, 512]), np.ones([512, 512]));
    assertEquals([String(large.device), large.committed], ["webgpu:0", false]);
    assertEquals((await large.data())[0], 512);
    const [tiny, big] = vn.explainDevice(f);
    assertEquals([tiny.platform, tiny.reason], ["cpu", "estimate"]);
    assertEquals([big.platform, big.reason], ["webgpu", "estimate"]);
    assert(tiny.cpu!.seconds < tiny.webgpu!.seconds);
    assert(big.webgpu!.seconds < big.cpu!.seconds);
    const text = String(big);
    assert(text.startsWith("trace 2: webgpu, because it is estimated to be faster there"), text);
    assert(/cpu [\d.]+ ms \(compute .*webgpu [\d.]+ µs \(.*upload .*read/.test(text), text);
  },
);

choiceTest("what is computed from a result on the device is computed there", fast, async () => {
  const f = vn.filterJit((a: NDArray) => a.matmul(a));
  const g = vn.filterJit((x: NDArray) => x.sum());
  const y = f(np.ones([512, 512]));
  assertThrows(() => y.tolist(), vn.DeviceError, "await x.data()");
  const s = g(y.add(1));
  assertEquals(String(s.device), "webgpu:0");
  assertEquals((await s.data())[0], 513 * 512 * 512);
  assertEquals([lastOf(g).reason, lastOf(g).platform], ["resident", "webgpu"]);
  assert(lastOf(g).because.startsWith("args[0] is there already"));
});

const optimizer = optim.adam(1e-2);
type State = ReturnType<typeof optimizer.init>;

function trainer(options: vn.JitOptions = {}) {
  const loss = (model: vn.nn.MLP, x: NDArray, y: NDArray): NDArray =>
    vn.filterVmap(model)(x).sub(y).pow(2).mean();
  return vn.filterJit(
    (model: vn.nn.MLP, state: State, x: NDArray, y: NDArray): [NDArray, vn.nn.MLP, State] => {
      const [value, grads] = vn.filterValueAndGrad(loss)(model, x, y);
      const [updates, next] = optimizer.update(grads, state, model);
      return [value, vn.applyUpdates(model, updates), next];
    },
    options,
  );
}

/** The losses of a training loop, and where each was computed. */
async function train(
  step: ReturnType<typeof trainer>,
  steps: number,
): Promise<[number[], string[]]> {
  let model = new vn.nn.MLP(8, 2, 32, 2, { key: random.key(0) });
  let state = optimizer.init(model);
  const x = random.normal(random.key(1), [64, 8]);
  const y = np.sin(x.get("...", vn.slice(0, 2, null)));
  const values: NDArray[] = [];
  for (let i = 0; i < steps; i++) {
    let value: NDArray;
    [value, model, state] = step(model, state, x, y);
    values.push(value);
  }
  const losses = await Promise.all(values.map(async (v) => Number((await v.data())[0])));
  return [losses, values.map((v) => String(v.device))];
}

const closeTo = (a: readonly number[], b: readonly number[]): void =>
  a.forEach((v, i) =>
    assert(Math.abs(v - b[i]) < 1e-4 * Math.max(1, Math.abs(b[i])), `${i}: ${v}`)
  );

choiceTest(
  "a training loop moves once, when that pays, stays, and gives the same numbers",
  // Moving its state takes some turns' gain.
  withTransfer({ call: 1e-6, launch: 1e-8, wait: 1e-7, upload: 1e9, read: 1e8 }),
  async (gpu) => {
    const here = await train(trainer({ device: "cpu" }), 20);
    const there = await train(trainer({ device: gpu }), 20);
    const step = trainer();
    const [losses, devices] = await train(step, 20);
    closeTo(there[0], here[0]);
    closeTo(losses, here[0]);
    assertEquals(new Set(here[1]), new Set(["cpu:0"]));
    assertEquals(new Set(there[1]), new Set(["webgpu:0"]));
    const moved = devices.indexOf("webgpu:0");
    assert(moved > 0, devices.join());
    assertEquals(new Set(devices.slice(moved)), new Set(["webgpu:0"]));
    assertEquals(lastOf(step).reason, "resident");
  },
);

choiceTest(
  "calls with the same weights move once that pays, and stay",
  withTransfer({ upload: 1e9 }),
  async () => {
    const f = vn.filterJit((w: NDArray, x: NDArray) => x.matmul(w).sum());
    const w = np.ones([1024, 1024]); // 4 ms to send
    const devices: string[] = [];
    for (let i = 0; i < 20; i++) {
      const y = f(w, np.full([32, 1024], i)); // 1.3 ms here
      assertEquals((await y.data())[0], i * 1024 * 32 * 1024);
      devices.push(String(y.device));
    }
    const moved = devices.indexOf("webgpu:0");
    assert(moved > 0, devices.join());
    assertEquals(new Set(devices.slice(moved)), new Set(["webgpu:0"]));
    assert(lastOf(f).webgpu!.upload < 1e-3, String(lastOf(f)));
  },
);

choiceTest(
  "a training loop that the device makes no faster never moves",
  withTransfer({ call: 1e-2 }),
  async () => {
    const step = trainer();
    const [, devices] = await train(step, 20);
    assertEquals(new Set(devices), new Set(["cpu:0"]));
    assertEquals(lastOf(step).reason, "estimate");
  },
);

choiceTest("the default device overrides estimates, both ways", fast, async (gpu) => {
  const f = vn.filterJit((a: NDArray) => a.matmul(a));
  const [x, small] = [np.ones([512, 512]), np.ones([2, 2])];
  vn.defaultDevice(vn.devices()[0]);
  assertEquals(f(x).get(0, 0).item(), 512);
  assertEquals(lastOf(f).reason, "default");
  vn.defaultDevice(gpu);
  const y = f(small);
  assertEquals([String(y.device), (await y.data())[0]], ["webgpu:0", 2]);
  assertEquals([lastOf(f).platform, lastOf(f).reason], ["webgpu", "default"]);
});

choiceTest(
  'filterJit with device: "cpu" stays here, and says which argument cannot',
  fast,
  (gpu) => {
    const f = vn.filterJit((a: NDArray) => a.matmul(a), { device: "cpu" });
    const y = f(np.ones([512, 512]));
    assertEquals([String(y.device), y.committed, y.get(0, 0).item()], ["cpu:0", false, 512]);
    assertEquals([lastOf(f).platform, lastOf(f).reason], ["cpu", "asked"]);
    const there = vn.filterJit((a: NDArray) => a.matmul(a))(np.ones([512, 512]));
    assertEquals(String(there.device), "webgpu:0");
    for (const x of [there, vn.devicePut(np.ones([2, 2]), gpu)]) {
      const error = assertThrows(() => f(x), vn.DeviceError);
      assert(
        /args\[0\] is on webgpu:0.*cpu:0.*await x\.data\(\)/.test(error.message),
        error.message,
      );
    }
    const inside = vn.filterJit((a: NDArray) => vn.filterShard(a, gpu), { device: "cpu" });
    assertThrows(() => inside(np.ones([2, 2])), vn.DeviceError, "webgpu:0");
  },
);

choiceTest("what the device lacks runs here where nothing binds it there", fast, async (gpu) => {
  const f = vn.filterJit((a: NDArray) => a.astype("float64").matmul(a.astype("float64")));
  const x = np.ones([512, 512]);
  const y = f(x);
  assertEquals([y.dtype, String(y.device), y.get(0, 0).item()], ["float64", "cpu:0", 512]);
  assertEquals(lastOf(f).reason, "dtype");
  assert(lastOf(f).because.includes("float64"));
  assertEquals(lastOf(f).webgpu, null);
  // Nor does the default device bind anything.
  vn.defaultDevice(gpu);
  const z = np.ones([3], { dtype: "float64" }).mul(2);
  assertEquals([String(z.device), z.tolist()], ["cpu:0", [2, 2, 2]]);
  assertEquals(np.array(Float64Array.of(1, 2)).add(1).tolist(), [2, 3]);
  const w = vn.filterJit((z: NDArray) => z.sum())(z);
  assertEquals([String(w.device), w.item()], ["cpu:0", 6]);
  vn.defaultDevice(null);
  // What is bound there says what it needs and which argument binds it.
  for (const bound of [vn.devicePut(x, gpu), vn.filterJit((a: NDArray) => a.matmul(a))(x)]) {
    const error = assertThrows(() => f(bound), vn.DTypeError);
    assert(/float64.*args\[0\] is there.*CPU/.test(error.message), error.message);
  }
  const asked = vn.filterJit((a: NDArray) => a.astype("float64"), { device: gpu });
  const error = assertThrows(() => asked(x), vn.DTypeError);
  assert(/float64.*compiled for webgpu:0.*CPU/.test(error.message), error.message);
  assertEquals((await vn.devicePut(x, gpu).sum().data())[0], 512 * 512);
});

choiceTest("what calls the host runs here, where its errors come at once", fast, () => {
  const checked = vn.filterJit((x: NDArray) =>
    vn.errorIf(x.matmul(x), np.less(x, 0).any(), "x is negative")
  );
  assertEquals(checked(np.ones([512, 512])).get(0, 0).item(), 512);
  assertEquals([lastOf(checked).platform, lastOf(checked).reason], ["cpu", "host"]);
  assertThrows(() => checked(np.ones([512, 512]).neg()), vn.RuntimeCheckError, "x is negative");
});

choiceTest("committed arguments of two devices are named, both", fast, (gpu) => {
  const f = vn.filterJit((m: { w: NDArray }, x: NDArray) => m.w.add(x));
  const [w, x] = [vn.devicePut(np.ones([3]), gpu), vn.devicePut(np.ones([3]), vn.devices()[0])];
  const error = assertThrows(() => f({ w }, x), vn.DeviceError);
  assert(/args\[0\]\.w.*webgpu:0.*args\[1\].*cpu:0/.test(error.message), error.message);
  assertEquals([x.tolist(), String(w.device)], [[1, 1, 1], "webgpu:0"]);
});

choiceTest("trees go there whole, and what is no array stays what it is", fast, async (gpu) => {
  const model = new vn.nn.MLP(4, 2, 8, 1, { key: random.key(0) });
  const there = vn.filterShard(model, gpu);
  const arrays = vn.tree.leaves(vn.filter(there, vn.isArray)) as NDArray[];
  assert(arrays.length > 0 && arrays.every((x) => x.device === gpu && x.committed));
  assertEquals(vn.tree.structure(there).equals(vn.tree.structure(model)), true);
  const x = np.linspace(-1, 1, 4);
  closeTo([...await there.call(x).data()].map(Number), model.call(x).tolist() as number[]);
  const put = vn.devicePut({ a: [1, new Float32Array([2, 3])], b: null, c: true }, gpu);
  assertEquals(await put.a[1].data(), Float32Array.of(2, 3));
  assertEquals([String(put.a[0].device), put.b, put.c.dtype], ["webgpu:0", null, "bool"]);
  assertThrows(
    () => vn.devicePut({ a: np.ones([2]), name: "x" }, gpu),
    vn.ArgumentError,
    "filterShard leaves such leaves",
  );
});

choiceTest("a sharding inside of a function sends it there", fast, async (gpu) => {
  const f = vn.filterJit((x: NDArray) => vn.filterShard(x.mul(2), gpu).add(1));
  const y = f(np.ones([3]));
  assertEquals([String(y.device), y.committed], ["webgpu:0", true]);
  assertEquals(await y.data(), Float32Array.of(3, 3, 3));
  assertEquals([lastOf(f).platform, lastOf(f).reason], ["webgpu", "asked"]);
});

choiceTest("a mesh may be of the device alone, not of it and the processor", fast, async (gpu) => {
  const mesh = new vn.Mesh([gpu], ["x"]);
  const sharding = new vn.NamedSharding(mesh, vn.P("x"));
  const x = vn.devicePut(np.arange(6, { dtype: "float32" }).reshape([2, 3]), sharding);
  const y = x.mul(2);
  const z = vn.filterJit((x: NDArray) => x.sum(1))(x);
  for (const a of [x, y, z]) assertEquals(String((a.sharding as vn.NamedSharding).spec), 'P("x")');
  assertEquals(await y.data(), Float32Array.of(0, 2, 4, 6, 8, 10));
  assertEquals(await z.data(), Float32Array.of(3, 12));
  assertThrows(
    () => new vn.Mesh([vn.devices()[0], gpu], ["x"]),
    vn.ArgumentError,
    "of one platform",
  );
});

choiceTest(
  "what cannot be written for the device runs here where nothing binds it",
  fast,
  (gpu) => {
    const device = webGpu();
    const { traits } = device;
    // Forty arrays that may each be bound, but neither all at once nor laid together.
    const few = { ...traits, maxBuffers: 8, maxBindingBytes: 512 };
    Object.defineProperty(device, "traits", { value: few, configurable: true });
    try {
      const xs = Array.from({ length: 40 }, () => np.ones([100]));
      const sum = (...xs: NDArray[]) => xs.reduce((a, x) => a.add(np.tanh(x)), np.zeros([100]));
      const f = vn.filterJit(sum);
      setMachineRates({ ...fast, cpu: { ...fast.cpu, bytes: 1 } });
      assert(Math.abs(f(...xs).get(0).item() - 40 * Math.tanh(1)) < 1e-4);
      assertEquals([lastOf(f).platform, lastOf(f).reason], ["cpu", "refused"]);
      assert(lastOf(f).because.includes("41 arrays at once"), lastOf(f).because);
      assertThrows(() => vn.filterJit(sum, { device: gpu })(...xs), vn.CompileError, "41 arrays");
    } finally {
      Object.defineProperty(device, "traits", { value: traits, configurable: true });
    }
  },
);

choiceTest("where the device is lost, what nobody bound to it runs here", fast, async () => {
  const f = vn.filterJit((a: NDArray) => a.matmul(a));
  const x = np.ones([512, 512]);
  assertEquals(String(f(x).device), "webgpu:0");
  const device = webGpu();
  device.gpu.destroy();
  await device.gpu.lost;
  assertEquals(f(x).get(0, 0).item(), 512);
  assertEquals([lastOf(f).platform, lastOf(f).reason], ["cpu", "only"]);
});

deviceTest("the software adapter, which is the processor, is never chosen", async () => {
  await vn.init("webgpu");
  if (!webGpu().traits.isSoftware) return;
  const f = vn.filterJit((a: NDArray) => a.matmul(a));
  assertEquals(f(np.ones([512, 512])).get(0, 0).item(), 512);
  assertEquals([lastOf(f).platform, lastOf(f).reason], ["cpu", "unmeasured"]);
});
