/**
 * Commands on their way to a device: in order, many at a time, and timed.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { Pipelines } from "../../src/runtime/webgpu/pipelines.ts";
import { webGpu } from "../../src/runtime/webgpu/platform.ts";
import { readbackMode } from "../../src/runtime/webgpu/readback.ts";
import { deviceTest } from "./adapter.ts";

const { lax, numpy: np } = vn;
type NDArray = vn.NDArray;

/** A test with the device open. */
function queueTest(name: string, fn: (gpu: vn.Device) => Promise<void>): void {
  deviceTest(name, async () => {
    const [gpu] = await vn.init("webgpu");
    await fn(gpu);
  });
}

/** How often something is submitted while a function runs, however long it takes. */
async function submissions(fn: () => Promise<unknown>): Promise<number> {
  const device = webGpu();
  const { queue } = device.gpu;
  const { patience } = device.queue;
  device.queue.patience = Infinity;
  const submit = queue.submit.bind(queue);
  let count = 0;
  queue.submit = (buffers) => {
    count++;
    return submit(buffers);
  };
  try {
    await fn();
  } finally {
    Reflect.deleteProperty(queue, "submit");
    device.queue.patience = patience;
  }
  return count;
}

queueTest("calls of one task are submitted together, and read together", async (gpu) => {
  const x = vn.devicePut(np.ones([10]), gpu);
  const f = vn.filterJit((x: NDArray, n: number) => x.mul(n).add(1));
  await Promise.all([f(x, 2).data(), x.add(1).data()]);
  const count = await submissions(async () => {
    const ys = Array.from({ length: 20 }, () => f(x, 2));
    const zs = ys.map((y) => y.add(1));
    const all = await Promise.all(zs.map((z) => z.data()));
    assertEquals(all.map((z) => z[9]), Array(20).fill(4));
  });
  assertEquals(count, 2); // the calls, the reads
});

queueTest("what the host writes does not overtake what is queued", async (gpu) => {
  const f = vn.filterJit((x: NDArray) => x.mul(2));
  await f(vn.devicePut(np.full([100], 1), gpu)).data();
  const sums: NDArray[] = [];
  for (let i = 0; i < 40; i++) {
    // The memory of each is free again as soon as it has been read.
    const x = vn.devicePut(np.full([100], i), gpu);
    const y = f(x);
    x.delete();
    sums.push(y.sum());
    y.delete();
  }
  const read = await Promise.all(sums.map((sum) => sum.data()));
  assertEquals(read.map(([sum]) => sum), Array.from({ length: 40 }, (_, i) => 200 * i));
});

queueTest("branches and loops keep their order among other calls", async (gpu) => {
  const f = vn.filterJit((x: NDArray) =>
    lax.foriLoop(
      0,
      5,
      (i: NDArray, c: NDArray) =>
        lax.cond(np.less(i, 3), (c: NDArray) => c.add(1), (c: NDArray) => c.mul(2), c),
      x,
    )
  );
  const ys: NDArray[] = [];
  for (let i = 0; i < 10; i++) {
    const x = vn.devicePut(np.full([3], i), gpu);
    ys.push(f(x).add(0.5));
    x.delete();
  }
  const read = await Promise.all(ys.map((y) => y.data()));
  assertEquals(read.map(([y]) => y), Array.from({ length: 10 }, (_, i) => 4 * (i + 3) + 0.5));
});

if (readbackMode() === "direct") {
  queueTest("calls that wait for the device are not put off without end", async (gpu) => {
    const x = vn.devicePut(np.array([1, 2, 3]), gpu);
    const grow = vn.filterJit((x: NDArray) =>
      lax.whileLoop((c: NDArray) => np.less(c.sum(), 1000), (c: NDArray) => c.mul(2), x)
    );
    await grow(x).data();
    const ys: NDArray[] = [];
    // Within one task, which gives waiting work no turn.
    const count = await submissions(() => {
      for (let i = 0; i < 70; i++) ys.push(grow(x).add(i));
      return Promise.resolve();
    });
    assert(count > 60, `${count} submissions`);
    const read = await Promise.all(ys.map((y) => y.data()));
    assertEquals(read.map(([y]) => y), Array.from({ length: 70 }, (_, i) => 256 + i));
  });
}

queueTest("each kernel's time is told, by program and name", async (gpu) => {
  if (!webGpu().gpu.features.has("timestamp-query")) return;
  const x = vn.devicePut(np.ones([1000]), gpu);
  const f = vn.filterJit(function scale(x: NDArray) {
    return x.div(x.sum());
  });
  await f(x).data();
  const times = await webGpu().kernelTimes(() => void f(f(x)));
  assert(times.length >= 2 && times.length % 2 === 0);
  for (const { program, kernel, milliseconds } of times) {
    assert(program.includes("scale") && kernel.length > 0);
    assert(milliseconds >= 0 && milliseconds < 10_000);
  }
  assertEquals((await f(x).data())[0], Math.fround(1 / 1000)); // and then without times again
});

deviceTest(
  "shaders are built once, and those not used for longest are given up",
  async (device) => {
    const pipelines = new Pipelines(device.gpu, 8);
    const code = (i: number): string =>
      `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(1) fn main() { x[0] = ${i}.0; }`;
    const get = (i: number) => pipelines.get(code(i), () => ["storage"]);
    const first = get(0);
    assert(get(0) === first && pipelines.size === 1);
    await first.checked;
    assertEquals([first.fault, first.checked], [null, null]);
    const { generation } = pipelines;
    for (let i = 1; i < 20; i++) {
      get(i);
      assert(get(0) === first && pipelines.size <= 8);
    }
    assert(pipelines.generation > generation);
    assert(get(1) !== first && pipelines.size <= 8);
  },
);
