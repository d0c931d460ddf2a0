/**
 * Layers and optimisers train on a device as on the processor, with nothing read before the end. A run takes a share of them.
 *
 * @module
 */
import { assert } from "@std/assert";
import * as vn from "../../mod.ts";
import { again, isInShare } from "../share.ts";
import { userTest } from "./adapter.ts";

const { lax, nn, numpy: np, optim, random } = vn;
type NDArray = vn.NDArray;

interface Layer {
  readonly make: () => unknown;
  readonly shape: readonly number[];
  // deno-lint-ignore no-explicit-any -- each run knows what its own make gives
  readonly run: (layer: any, x: NDArray) => NDArray;
}

const key = (seed: number): NDArray => random.key(seed);

// deno-lint-ignore no-explicit-any -- as above
const mapped = (layer: any, x: NDArray): NDArray => vn.filterVmap(layer)(x) as NDArray;
// deno-lint-ignore no-explicit-any -- as above
const called = (layer: any, x: NDArray): NDArray => layer.call(x);

const layers: Record<string, Layer> = {
  Linear: { make: () => new nn.Linear(4, 3, { key: key(0) }), shape: [8, 4], run: mapped },
  MLP: { make: () => new nn.MLP(4, 2, 8, 2, { key: key(0) }), shape: [8, 4], run: mapped },
  Conv1d: { make: () => new nn.Conv1d(2, 3, 3, { key: key(0) }), shape: [4, 2, 9], run: mapped },
  Conv2d: {
    make: () => new nn.Conv2d(2, 3, 3, { key: key(0), stride: 2, padding: 1 }),
    shape: [4, 2, 9, 9],
    run: mapped,
  },
  ConvTranspose2d: {
    make: () => new nn.ConvTranspose2d(2, 3, 3, { key: key(0), stride: 2 }),
    shape: [4, 2, 5, 5],
    run: mapped,
  },
  pools: {
    make: () =>
      new nn.Sequential([
        new nn.Conv2d(1, 2, 3, { key: key(0) }),
        new nn.MaxPool2d(2),
        new nn.AvgPool2d(2),
        new nn.AdaptiveMaxPool2d(1),
      ]),
    shape: [2, 1, 9, 9],
    run: mapped,
  },
  LayerNorm: { make: () => new nn.LayerNorm(6), shape: [4, 6], run: mapped },
  RMSNorm: { make: () => new nn.RMSNorm(6), shape: [4, 6], run: mapped },
  GroupNorm: { make: () => new nn.GroupNorm(2, { channels: 4 }), shape: [3, 4, 5], run: mapped },
  WeightNorm: {
    make: () => new nn.WeightNorm(new nn.Linear(4, 3, { key: key(0) })),
    shape: [8, 4],
    run: mapped,
  },
  GRUCell: {
    make: () => new nn.GRUCell(3, 4, { key: key(0) }),
    shape: [7, 3],
    run: (cell, x) =>
      lax.scan(
        (h: NDArray, row: NDArray) => [cell.call(row, h), null],
        np.zeros([4]),
        x,
      )[0] as NDArray,
  },
  LSTMCell: {
    make: () => new nn.LSTMCell(3, 4, { key: key(0) }),
    shape: [7, 3],
    run: (cell, x) => {
      const start = [np.zeros([4]), np.zeros([4])];
      const step = (state: NDArray[], row: NDArray) => {
        const next = cell.call(row, state);
        return [next, next[0]] as [NDArray[], NDArray];
      };
      return lax.scan(step, start, x)[1] as NDArray;
    },
  },
  MultiheadAttention: {
    make: () => new nn.MultiheadAttention(2, 8, { key: key(0) }),
    shape: [5, 8],
    run: (attention, x) => attention.call(x, x, x),
  },
  Embedding: {
    make: () => new nn.Embedding({ numEmbeddings: 10, embeddingSize: 4, key: key(0) }),
    shape: [6],
    run: (embedding, x) => mapped(embedding, np.abs(x).mul(3).astype("int32")),
  },
  PReLU: { make: () => new nn.PReLU(), shape: [6], run: called },
  Dropout: {
    make: () =>
      new nn.Sequential([
        new nn.Linear(4, 8, { key: key(0) }),
        new nn.Dropout({ p: 0.5 }),
        new nn.Linear(8, 2, { key: key(1) }),
      ]),
    shape: [4],
    run: (layer, x) => layer.call(x, { key: key(9) }),
  },
};

const optimizers = {
  sgd: optim.sgd(0.05, { momentum: 0.9, nesterov: true }),
  adam: optim.adam(1e-2),
  adamw: optim.adamw(1e-2),
  chain: optim.chain(
    optim.clipByGlobalNorm(1),
    optim.adam(optim.cosineDecaySchedule(1e-2, 10), { nesterov: true }),
  ),
};

type Optimizer = (typeof optimizers)[keyof typeof optimizers];

/** The losses of a few steps on a device. */
async function train(layer: Layer, optimizer: Optimizer, device: vn.Device): Promise<number[]> {
  const put = <T>(tree: T): T =>
    vn.tree.map((x: unknown) => x instanceof vn.NDArray ? vn.devicePut(x, device) : x, tree) as T;
  const loss = (model: unknown, x: NDArray): NDArray => {
    const y = layer.run(model, x);
    return y.mul(y).mean().add(y.mean());
  };
  const step = vn.filterJit((model: unknown, state: unknown, x: NDArray) => {
    const [value, grads] = vn.filterValueAndGrad(loss)(model, x);
    const [updates, next] = optimizer.update(grads, state as never, model);
    return [value, vn.applyUpdates(model, updates), next] as [NDArray, unknown, unknown];
  }, { donate: "all" });
  let model: unknown = put(layer.make());
  let state: unknown = put(optimizer.init(vn.filter(model, vn.isInexactArray)));
  const values: NDArray[] = [];
  for (let i = 0; i < 4; i++) {
    let value: NDArray;
    const x = vn.devicePut(random.normal(key(5), layer.shape), device);
    [value, model, state] = step(model, state, x);
    values.push(value);
  }
  return (await Promise.all(values.map((v) => v.data()))).map(([v]) => Number(v));
}

function trains(name: string, layer: Layer, optimizer: Optimizer): void {
  if (!isInShare(name, 3)) return;
  userTest(`${name} trains as on the processor`, async (gpu) => {
    const here = await train(layer, optimizer, vn.devices()[0]);
    const there = await train(layer, optimizer, gpu);
    here.forEach((value, i) => {
      const where = `step ${i}: ${there[i]}, on the processor ${value}, ${again}`;
      assert(Math.abs(value - there[i]) < 1e-5 * Math.max(1, Math.abs(value)), where);
    });
    assert(there[3] < there[0], "the loss falls");
  });
}

for (const [name, layer] of Object.entries(layers)) trains(name, layer, optimizers.adam);
for (const [name, optimizer] of Object.entries(optimizers)) {
  trains(`a network by ${name}`, layers.MLP, optimizer);
}
