/**
 * The work in Vernal, written as a user would write it.
 *
 * @module
 */
import * as vn from "@vernal/vernal";
import {
  type Backend,
  convData,
  convError,
  convKernelShape,
  type ConvWork,
  ensembleData,
  ensembleError,
  epsilon,
  fusedError,
  gradientsError,
  type GradientsWork,
  learningRate,
  LossLog,
  matmulError,
  type Prepared,
  rnnData,
  rnnError,
  type RnnWork,
  rowsError,
  trainingData,
  uniform,
  type Work,
} from "./work.ts";
import { oursOfAttention } from "./ours_attention.ts";
import { oursOfDtypes } from "./ours_dtypes.ts";
import { oursOfKernels } from "./ours_kernels.ts";
import { oursOfOptimiser } from "./ours_optimiser.ts";
import { oursOfDevices } from "./ours_devices.ts";

const { lax, numpy: np, nn, optim } = vn;

/** Where the inputs are: the device of WebGPU, or `null` for the processor. */
let device: vn.Device | null = null;

/** The same arrays where the work is to be done. */
function put<T>(x: T): T {
  return device === null ? x : vn.filterShard(x, device);
}

/** Prepares the work. On the processor, a call returns when its result is there; on a device, it begins. */
export async function ours(work: Work, backend: Backend, first = false): Promise<Prepared | null> {
  if (work.kind === "devices") return backend === "webgpu" ? null : await oursOfDevices(work);
  if (backend === "webgpu") {
    const { watchDevice } = await import("./settle.ts");
    const { settle } = watchDevice();
    [device] = await vn.init("webgpu") as [vn.Device];
    return { ...prepare(work), settle };
  }
  if (!first) return prepare(work);
  const { watchStages } = await import("./stages.ts");
  const prepared = prepare(work);
  const stages = watchStages();
  return {
    run: () => stages.call(() => prepared.run()),
    facts: async () => ({ ...await prepared.facts(), ...stages.facts() }),
  };
}

function prepare(work: Exclude<Work, { readonly kind: "devices" }>): Prepared {
  switch (work.kind) {
    case "matmul": {
      const { m, k, n, transposed } = work;
      const b = work.batch === null ? [] : [work.batch];
      const hx = uniform((work.batch ?? 1) * m * k, 1);
      const hy = uniform((work.batch ?? 1) * k * n, 2);
      const dtype = work.dtype;
      const x = put(np.array(hx).reshape([...b, ...(transposed ? [k, m] : [m, k])]).astype(dtype));
      const y = put(np.array(hy).reshape([...b, ...(transposed ? [n, k] : [k, n])]).astype(dtype));
      const f = vn.filterJit((x: vn.NDArray, y: vn.NDArray) =>
        transposed ? np.matmul(x.T, y.T) : np.matmul(x, y)
      );
      return {
        run: () => f(x, y).delete(),
        facts: async () => ({
          error: matmulError(work, hx, hy, await f(x, y).data() as Float32Array),
        }),
      };
    }
    case "fused": {
      const h = [1, 2, 3].map((s) => uniform(work.size, s)) as [
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      const [x, y, z] = h.map((v) => put(np.array(v))) as [vn.NDArray, vn.NDArray, vn.NDArray];
      const f = vn.filterJit((x: vn.NDArray, y: vn.NDArray, z: vn.NDArray) =>
        np.tanh(x.mul(y).add(z)).mul(x).sum()
      );
      return {
        run: () => f(x, y, z).delete(),
        facts: async () => ({ error: fusedError(...h, await item(f(x, y, z))) }),
      };
    }
    case "softmax":
    case "layerNorm": {
      const hx = uniform(work.rows * work.cols, 1);
      const x = put(np.array(hx).reshape([work.rows, work.cols]));
      const norm = new nn.LayerNorm(work.cols, { useWeight: false, useBias: false, eps: epsilon });
      const f = vn.filterJit((x: vn.NDArray): vn.NDArray =>
        work.kind === "softmax"
          ? nn.softmax(x, { axis: -1 })
          : vn.filterVmap((row: vn.NDArray) => norm.call(row))(x)
      );
      return {
        run: () => f(x).delete(),
        facts: async () => ({
          error: rowsError(work.kind, work.cols, hx, await f(x).data() as Float32Array),
        }),
      };
    }
    case "sum": {
      const x = put(np.array(new Float32Array(work.size).fill(0.1)));
      const f = vn.filterJit((x: vn.NDArray) => x.sum());
      const truth = work.size * Math.fround(0.1);
      return {
        run: () => f(x).delete(),
        facts: async () => ({ error: Math.abs(await item(f(x)) / truth - 1) }),
      };
    }
    case "train":
      return train(work.sizes, work.batch);
    case "gradients":
      return gradients(work);
    case "conv":
      return conv(work);
    case "ensemble":
      return ensemble(work.models);
    case "rnn":
      return rnn(work);
    case "affine": {
      const x = put(np.array(uniform(work.size, 1)));
      const f = vn.filterJit((x: vn.NDArray) => x.mul(2).add(1));
      return { run: () => f(x).delete(), facts: () => ({}) };
    }
    case "adam":
      return oursOfOptimiser(work, put);
    case "madd":
    case "product":
    case "embedding":
      return oursOfDtypes(work, put);
    case "kernel":
      return oursOfKernels(work, put);
    case "attention":
    case "encoder":
      return oursOfAttention(work, put);
    case "increment":
    case "roundTrip": {
      const x = put(np.array([1, 2, 3, 4]));
      const f = vn.filterJit((x: vn.NDArray) => x.add(1));
      if (work.kind === "roundTrip") {
        return { run: () => f(x).data(), facts: () => ({ note: "read each time" }) };
      }
      if (device !== null) {
        // As the others do there: what is new is cleared first.
        return { run: () => f(x).delete(), facts: () => ({ note: "results given back" }) };
      }
      return { run: () => f(x), facts: () => ({ note: "results left to the collector" }) };
    }
    case "eagerAdd": {
      const [x, y] = [put(np.array([1, 2, 3, 4])), put(np.array([4, 3, 2, 1]))];
      return { run: () => x.add(y).delete(), facts: () => ({}) };
    }
    case "leaves": {
      const model = put(
        Array.from({ length: work.count / 2 }, () => ({
          w: np.array([1, 1, 1, 1]),
          b: np.array([0, 0, 0, 0]),
        })),
      );
      const f = vn.filterJit((model: { w: vn.NDArray; b: vn.NDArray }[], x: vn.NDArray) => {
        for (const { w, b } of model) x = x.mul(w).add(b);
        return x;
      });
      const x = put(np.array([1, 2, 3, 4]));
      return {
        run: () => f(model, x),
        facts: async () => ({ result: (await f(model, x).data()).join(" ") }),
      };
    }
  }
}

/** A scalar's value, wherever it is. */
async function item(x: vn.NDArray): Promise<number> {
  return Number((await x.data())[0]);
}

/** Gives back the memory of results at once: a loop that only drops them makes the collector's work part of the figure. */
function discard(tree: unknown): void {
  for (const leaf of vn.tree.leaves(tree)) if (leaf instanceof vn.NDArray) leaf.delete();
}

function conv(work: ConvWork): Prepared {
  const { features, size, depthwise } = work;
  const data = convData(work);
  const image = put(np.array(data.image).reshape([1, features, size, size]));
  const kernel = put(np.array(data.kernel).reshape(convKernelShape(work)));
  const featureGroupCount = depthwise ? features : 1;
  const forward = (x: vn.NDArray, w: vn.NDArray): vn.NDArray =>
    lax.convGeneralDilated(x, w, [1, 1], "SAME", { featureGroupCount });
  if (!work.gradients) {
    const f = vn.filterJit(forward);
    return {
      run: () => f(image, kernel).delete(),
      facts: async () => ({
        error: convError(work, await f(image, kernel).data() as Float32Array),
      }),
    };
  }
  const cotangent = put(np.array(data.cotangent).reshape(image.shape));
  const f = vn.filterJit((x: vn.NDArray, w: vn.NDArray, ct: vn.NDArray): vn.NDArray[] =>
    vn.vjp(forward, x, w)[1](ct)
  );
  return {
    run: () => discard(f(image, kernel, cotangent)),
    facts: async () => ({
      error: convError(work, await f(image, kernel, cotangent)[1]!.data() as Float32Array),
    }),
  };
}

function ensemble(models: number): Prepared {
  const { x, weights, biases } = ensembleData(models);
  const keys = vn.random.split(vn.random.key(0), models);
  const fresh = vn.filterVmap((key: vn.NDArray) => new nn.MLP(2, 2, 2, 2, { key }))(keys);
  const stacked = put(vn.treeAt(
    (m: vn.nn.MLP) => m.layers.flatMap((layer) => [layer.weight, layer.bias!]),
    fresh,
    weights.flatMap((w, i) => [
      np.array(w).reshape([models, 2, 2]),
      np.array(biases[i]!).reshape([models, 2]),
    ]),
  ));
  const input = put(np.array(x));
  const f = vn.filterJit((m: vn.nn.MLP, x: vn.NDArray): vn.NDArray =>
    vn.filterVmap((m: vn.nn.MLP, x: vn.NDArray) => m.call(x), {
      inAxes: [vn.ifArray(0), null],
    })(m, x)
  );
  return {
    run: () => f(stacked, input).delete(),
    facts: async () => ({
      error: ensembleError(models, await f(stacked, input).data() as Float32Array),
    }),
  };
}

function rnn(work: RnnWork): Prepared {
  const n = work.hidden;
  const data = rnnData(work);
  const params = put({
    w: np.array(data.w).reshape([n, n]),
    u: np.array(data.u).reshape([n, n]),
    b: np.array(data.b),
  });
  const xs = put(np.array(data.xs).reshape([work.steps, n]));
  const run = ({ w, u, b }: typeof params, xs: vn.NDArray): vn.NDArray => {
    const step = (h: vn.NDArray, x: vn.NDArray): [vn.NDArray, null] => [
      np.tanh(np.matmul(w, h).add(np.matmul(u, x)).add(b)),
      null,
    ];
    return lax.scan(step, np.zeros([n]), xs)[0];
  };
  if (!work.gradients) {
    const f = vn.filterJit(run);
    return {
      run: () => f(params, xs).delete(),
      facts: async () => ({ error: rnnError(work, await f(params, xs).data() as Float32Array) }),
    };
  }
  const f = vn.filterJit(
    vn.filterValueAndGrad((p: typeof params, xs: vn.NDArray) => run(p, xs).sum()),
  );
  return {
    run: () => discard(f(params, xs)),
    facts: async () => ({ error: rnnError(work, await f(params, xs)[1].b.data() as Float32Array) }),
  };
}

/** The network of the training rows, with the same parameters for every contender. */
function network(sizes: readonly number[], data: ReturnType<typeof trainingData>): vn.nn.MLP {
  const model = new nn.MLP(sizes[0]!, sizes.at(-1)!, sizes[1]!, sizes.length - 2, {
    key: vn.random.key(0),
  });
  return vn.treeAt(
    (m: vn.nn.MLP) => m.layers.flatMap((layer) => [layer.weight, layer.bias!]),
    model,
    data.weights.flatMap((w, i) => [
      np.array(w).reshape([sizes[i + 1]!, sizes[i]!]),
      np.array(data.biases[i]!),
    ]),
  );
}

function gradients(work: GradientsWork): Prepared {
  const { sizes, batch, perExample } = work;
  const loss = (model: vn.nn.MLP, x: vn.NDArray, label: vn.NDArray): vn.NDArray =>
    nn.logSoftmax(model.call(x)).mul(nn.oneHot(label, sizes.at(-1)!)).sum().neg();
  const axes: { inAxes: [null, number, number] } = { inAxes: [null, 0, 0] };
  const mean = (model: vn.nn.MLP, x: vn.NDArray, labels: vn.NDArray): vn.NDArray =>
    vn.filterVmap(loss, axes)(model, x, labels).mean();
  const f = vn.filterJit(
    perExample ? vn.filterVmap(vn.filterGrad(loss), axes) : vn.filterGrad(mean),
  );
  const data = trainingData(sizes, batch);
  const x = put(np.array(data.x).reshape([batch, sizes[0]!]));
  const labels = put(np.array(data.labels));
  const model = put(network(sizes, data));
  return {
    run: () => discard(f(model, x, labels)),
    facts: async () => ({
      error: gradientsError(
        work,
        await f(model, x, labels).layers.at(-1)!.weight.data() as Float32Array,
      ),
    }),
  };
}

function train(sizes: readonly number[], batch: number): Prepared {
  // Defined first, as a script does at its top: the compiler loads while the data are made.
  const tx = optim.sgd(learningRate);
  const loss = (model: vn.nn.MLP, x: vn.NDArray, labels: vn.NDArray): vn.NDArray => {
    const logits = vn.filterVmap(model)(x);
    const picked = nn.logSoftmax(logits).mul(nn.oneHot(labels, sizes.at(-1)!));
    return picked.sum().mul(-1 / batch);
  };
  const step = vn.filterJit(
    (batch: [vn.NDArray, vn.NDArray], model: vn.nn.MLP): [vn.NDArray, vn.nn.MLP] => {
      const [value, grads] = vn.filterValueAndGrad(loss)(model, ...batch);
      const [updates] = tx.update(grads, tx.init(model), model);
      return [value, vn.applyUpdates(model, updates)];
    },
    { donate: "all-except-first" },
  );
  const data = trainingData(sizes, batch);
  const x = put(np.array(data.x).reshape([batch, sizes[0]!]));
  const labels = put(np.array(data.labels));
  let model = put(network(sizes, data));
  const losses = new LossLog<vn.NDArray>((loss) => loss.delete());
  return {
    run: () => {
      const [value, next] = step([x, labels], model);
      model = next;
      losses.note(value); // on the processor it is there already
    },
    facts: () => losses.facts(item),
  };
}
