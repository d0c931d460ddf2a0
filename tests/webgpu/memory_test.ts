/**
 * Memory of a device comes back, whatever was computed and however it was given up.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { webGpu } from "../../src/runtime/webgpu/platform.ts";
import { BufferPool } from "../../src/runtime/webgpu/pool.ts";
import { collect, collectNow } from "../runtime/helpers.ts";
import { deviceTest } from "./adapter.ts";

const { lax, nn, numpy: np, optim, random } = vn;
type NDArray = vn.NDArray;

/** A test with the device open. */
function memoryTest(name: string, fn: (gpu: vn.Device) => Promise<void>): void {
  deviceTest(name, async () => {
    const [gpu] = await vn.init("webgpu");
    await fn(gpu);
  });
}

async function heldBuffers(): Promise<number> {
  await collect();
  return webGpu().memory().buffers;
}

/** Runs something a few times to fill the caches, then often, and compares. */
async function keepsNothing(run: () => unknown): Promise<void> {
  for (let i = 0; i < 3; i++) await run();
  const before = await heldBuffers();
  const { pipelines } = webGpu().memory();
  for (let i = 0; i < 10; i++) await run();
  assertEquals(await heldBuffers(), before);
  assertEquals(webGpu().memory().pipelines, pipelines);
}

memoryTest("what is left to the collector comes back", async (gpu) => {
  const x = vn.devicePut(random.normal(random.key(0), [30, 7]), gpu);
  const f = vn.filterJit((x: NDArray) => [np.tanh(x), x.sum(0), np.sort(x, 1)]);
  const loop = vn.filterJit((x: NDArray) =>
    lax.whileLoop(
      (c: NDArray) => np.less(np.abs(c).sum(), 1e4),
      (c: NDArray) =>
        lax.cond(np.less(c.sum(), 0), (c: NDArray) => c.mul(3), (c: NDArray) => c.mul(2), c),
      x,
    )
  );
  await keepsNothing(async () => {
    f(x);
    x.add(1).mul(x);
    await loop(x).data();
    vn.devicePut(np.ones([50]), gpu);
  });
  assert(!x.isDeleted);
});

memoryTest("calls that fail keep nothing", async (gpu) => {
  const x = vn.devicePut(np.ones([40]), gpu);
  const other = vn.devicePut(np.ones([40]), vn.devices()[0]);
  const checked = vn.filterJit((x: NDArray) => vn.errorIf(x.mul(2), np.less(0, x), "positive"));
  const gone = x.add(1);
  gone.delete();
  await keepsNothing(async () => {
    for (const call of [() => x.add(other), () => x.add(gone)]) {
      try {
        call();
      } catch {
        // as it should
      }
    }
    await checked(x).data().catch(() => {});
  });
});

memoryTest("training without donation keeps its parameters and nothing else", async (gpu) => {
  const put = (leaf: unknown) => leaf instanceof vn.NDArray ? vn.devicePut(leaf, gpu) : leaf;
  const optimizer = optim.adam(1e-2);
  let model = vn.tree.map(put, new nn.MLP(3, 2, 8, 2, { key: random.key(0) })) as vn.nn.MLP;
  type State = ReturnType<typeof optimizer.init>;
  let state = vn.tree.map(put, optimizer.init(model)) as State;
  const x = vn.devicePut(random.normal(random.key(1), [16, 3]), gpu);
  const step = vn.filterJit((model: vn.nn.MLP, state: State, x: NDArray) => {
    const [value, grads] = vn.filterValueAndGrad((model: vn.nn.MLP, x: NDArray) =>
      vn.filterVmap(model)(x).pow(2).mean()
    )(model, x);
    const [updates, next] = optimizer.update(grads, state, model);
    return [value, vn.applyUpdates(model, updates), next] as const;
  });
  let value: NDArray;
  const losses: number[] = [];
  await keepsNothing(async () => {
    [value, model, state] = step(model, state, x);
    losses.push(Number((await value.data())[0]));
  });
  assert(losses.at(-1)! < losses[0]);
});

memoryTest("a synchronous loop lets go of what it drops", async (gpu) => {
  const { holdings } = webGpu();
  const { limit } = holdings;
  const decay = vn.filterJit((x: NDArray) => x.mul(0.5).add(1));
  const size = 2 ** 18;
  let x = vn.devicePut(np.ones([size]), gpu);
  x = decay(x);
  await x.data();
  await collect();
  const before = Deno.memoryUsage().rss;
  holdings.limit = { bytes: 8 * 4 * size, buffers: 1000 };
  try {
    // No turn of the event loop: no finaliser is called. 400 MiB in all.
    for (let i = 0; i < 400; i++) {
      x = decay(x);
      if (i % 25 === 0) collectNow();
    }
    // On an adapter in software they are the process's.
    assert(Deno.memoryUsage().rss - before < 200 * 2 ** 20);
    assertEquals((await x.data())[7], 2);
  } finally {
    holdings.limit = limit;
  }
  x.delete();
  assert(await heldBuffers() < 100);
});

deviceTest("what waits to be used again is bounded by what was in use", ({ gpu }) => {
  const order = {
    lot: 0,
    isSubmitted: () => true,
    creates: () => {},
    doubts: () => {},
    drain: () => {},
  };
  const pool = new BufferPool(gpu, order, "a device");
  const most = 40 * 2 ** 20;
  for (let i = 0; i < 40; i++) {
    const memory = pool.acquire(2 ** 20 * (i + 1));
    pool.recycle(memory);
    pool.trim();
    order.lot++;
    assert(pool.pooledBytes >= memory.size);
    assert(pool.pooledBytes <= 1.25 * most + 64 * 2 ** 20);
    // What was used last is there yet.
    assert(pool.acquire(2 ** 20 * (i + 1)) === memory);
    pool.recycle(memory);
  }
  assertEquals([pool.bytes, pool.buffers], [0, 0]);
  for (let i = 0; i < 1000; i++) pool.trim();
  assert(pool.pooledBytes <= 64 * 2 ** 20); // what was in use long ago is forgotten
  return Promise.resolve();
});
