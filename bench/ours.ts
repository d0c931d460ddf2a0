/**
 * The work in Vernal, written as a user would write it.
 *
 * @module
 */
import * as vn from "@vernal/vernal";
import {
  epsilon,
  fusedError,
  learningRate,
  matmulError,
  type Prepared,
  rowsError,
  trainingData,
  uniform,
  type Work,
} from "./work.ts";

const { numpy: np, nn, optim } = vn;

/** Prepares the work. A call returns when its result is there: nothing needs to be waited for. */
export async function ours(work: Work, first = false): Promise<Prepared | null> {
  if (!first) return prepare(work);
  const { watchStages } = await import("./stages.ts");
  const prepared = prepare(work);
  const stages = watchStages();
  return {
    run: () => stages.call(() => prepared.run()),
    facts: async () => ({ ...await prepared.facts(), ...stages.facts() }),
  };
}

function prepare(work: Work): Prepared {
  switch (work.kind) {
    case "matmul": {
      const { m, k, n, transposed } = work;
      const b = work.batch === null ? [] : [work.batch];
      const hx = uniform((work.batch ?? 1) * m * k, 1);
      const hy = uniform((work.batch ?? 1) * k * n, 2);
      const dtype = work.dtype;
      const x = np.array(hx).reshape([...b, ...(transposed ? [k, m] : [m, k])]).astype(dtype);
      const y = np.array(hy).reshape([...b, ...(transposed ? [n, k] : [k, n])]).astype(dtype);
      const f = vn.filterJit((x: vn.NDArray, y: vn.NDArray) =>
        transposed ? np.matmul(x.T, y.T) : np.matmul(x, y)
      );
      return {
        run: () => f(x, y).delete(),
        facts: () => ({
          error: matmulError(work, hx, hy, f(x, y).dataSync() as Float32Array),
        }),
      };
    }
    case "fused": {
      const h = [1, 2, 3].map((s) => uniform(work.size, s)) as [
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      const [x, y, z] = h.map((v) => np.array(v)) as [vn.NDArray, vn.NDArray, vn.NDArray];
      const f = vn.filterJit((x: vn.NDArray, y: vn.NDArray, z: vn.NDArray) =>
        np.tanh(x.mul(y).add(z)).mul(x).sum()
      );
      return {
        run: () => f(x, y, z).delete(),
        facts: () => ({ error: fusedError(...h, f(x, y, z).item()) }),
      };
    }
    case "softmax":
    case "layerNorm": {
      const hx = uniform(work.rows * work.cols, 1);
      const x = np.array(hx).reshape([work.rows, work.cols]);
      const norm = new nn.LayerNorm(work.cols, { useWeight: false, useBias: false, eps: epsilon });
      const f = vn.filterJit((x: vn.NDArray): vn.NDArray =>
        work.kind === "softmax"
          ? nn.softmax(x, { axis: -1 })
          : vn.filterVmap((row: vn.NDArray) => norm.call(row))(x)
      );
      return {
        run: () => f(x).delete(),
        facts: () => ({
          error: rowsError(work.kind, work.cols, hx, f(x).dataSync() as Float32Array),
        }),
      };
    }
    case "sum": {
      const x = np.array(new Float32Array(work.size).fill(0.1));
      const f = vn.filterJit((x: vn.NDArray) => x.sum());
      const truth = work.size * Math.fround(0.1);
      return {
        run: () => f(x).delete(),
        facts: () => ({ error: Math.abs(f(x).item() / truth - 1) }),
      };
    }
    case "train":
      return train(work.sizes, work.batch);
    case "increment": {
      const x = np.array([1, 2, 3, 4]);
      const f = vn.filterJit((x: vn.NDArray) => x.add(1));
      return { run: () => f(x), facts: () => ({ note: "results left to the collector" }) };
    }
    case "leaves": {
      const model = Array.from({ length: work.count / 2 }, () => ({
        w: np.array([1, 1, 1, 1]),
        b: np.array([0, 0, 0, 0]),
      }));
      const f = vn.filterJit((model: { w: vn.NDArray; b: vn.NDArray }[], x: vn.NDArray) => {
        for (const { w, b } of model) x = x.mul(w).add(b);
        return x;
      });
      const x = np.array([1, 2, 3, 4]);
      return {
        run: () => f(model, x),
        facts: () => ({ result: (f(model, x).tolist() as number[]).join(" ") }),
      };
    }
  }
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
  const x = np.array(data.x).reshape([batch, sizes[0]!]);
  const labels = np.array(data.labels);
  let model = new nn.MLP(sizes[0]!, sizes.at(-1)!, sizes[1]!, sizes.length - 2, {
    key: vn.random.key(0),
  });
  model = vn.treeAt(
    (m: vn.nn.MLP) => m.layers.flatMap((layer) => [layer.weight, layer.bias!]),
    model,
    data.weights.flatMap((w, i) => [
      np.array(w).reshape([sizes[i + 1]!, sizes[i]!]),
      np.array(data.biases[i]!),
    ]),
  );
  let [first, last] = [NaN, NaN];
  return {
    run: () => {
      const [value, next] = step([x, labels], model);
      model = next;
      last = value.item();
      value.delete();
      if (Number.isNaN(first)) first = last;
    },
    facts: () => ({ firstLoss: first, lastLoss: last }),
  };
}
