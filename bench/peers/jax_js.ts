/**
 * The work in `@jax-js/jax`: on its WebAssembly backend, one thread, or on its WebGPU backend.
 *
 * @module
 */
import type * as Jax from "@jax-js/jax";
import { watchDevice } from "../settle.ts";
import {
  type Backend,
  convData,
  convError,
  convKernelShape,
  ensembleData,
  ensembleError,
  epsilon,
  fusedError,
  gradientsError,
  learningRate,
  LossLog,
  matmulError,
  type Prepared,
  rnnData,
  rnnError,
  rowsError,
  trainingData,
  uniform,
  type Work,
} from "../work.ts";
import {
  attentionData,
  attentionError,
  type DenseData,
  encoderData,
  encoderError,
} from "../work_attention.ts";

/** Its arrays are counted: every use takes one reference, `.ref` makes another. */
type Arr = Jax.Array;

/** Prepares the work. */
export async function jaxJs(work: Work, backend: Backend): Promise<Prepared | null> {
  const { settle } = watchDevice();
  const prepared = await prepare(work, backend);
  return prepared !== null && backend === "webgpu" ? { ...prepared, settle } : prepared;
}

async function prepare(work: Work, backend: Backend): Promise<Prepared | null> {
  // It starts as many workers as there are processors, unless there are no workers.
  // deno-lint-ignore no-explicit-any -- hiding a global is no typed business
  delete (globalThis as any).Worker;
  const jax = await import("@jax-js/jax");
  await jax.init(backend);
  jax.defaultDevice(backend);
  const { lax, numpy: np, nn } = jax;
  const arr = (x: Float32Array, shape: number[]): Arr =>
    np.array(x as Float32Array<ArrayBuffer>).reshape(shape);
  // On WebGPU its calls are only noted: asking for the buffer is what submits them, and gives the array back.
  const done = backend === "webgpu"
    ? (y: Arr): void => void y.gpuBufferSync()
    : async (y: Arr): Promise<void> => {
      await jax.blockUntilReady(y.ref);
      y.dispose();
    };

  /** The classifier that is trained: its data, its first parameters, and the sum of its log likelihoods. */
  const classifier = (sizes: readonly number[], batch: number) => {
    const data = trainingData(sizes, batch);
    const x = arr(data.x, [batch, sizes[0]!]);
    const onehot = nn.oneHot(
      np.array(data.labels as Int32Array<ArrayBuffer>),
      sizes.at(-1)!,
    );
    const params = data.weights.flatMap((w, i) => [
      arr(w, [sizes[i + 1]!, sizes[i]!]),
      arr(data.biases[i]!, [sizes[i + 1]!]),
    ]);
    const likelihood = (params: Arr[], x: Arr, onehot: Arr): Arr => {
      let h = x;
      for (let i = 0; i < params.length; i += 2) {
        h = np.matmul(h, params[i]!.transpose()).add(params[i + 1]!);
        if (i + 2 < params.length) h = nn.relu(h);
      }
      return nn.logSoftmax(h, -1).mul(onehot).sum();
    };
    return { x, onehot, params, likelihood };
  };

  switch (work.kind) {
    case "matmul": {
      if (work.dtype === "float64") return null;
      const { m, k, n, transposed } = work;
      const b = work.batch === null ? [] : [work.batch];
      const hx = uniform((work.batch ?? 1) * m * k, 1);
      const hy = uniform((work.batch ?? 1) * k * n, 2);
      const x = arr(hx, [...b, ...(transposed ? [k, m] : [m, k])]);
      const y = arr(hy, [...b, ...(transposed ? [n, k] : [k, n])]);
      const f = jax.jit((x: Arr, y: Arr) =>
        transposed ? np.matmul(x.transpose(), y.transpose()) : np.matmul(x, y)
      );
      return {
        run: () => done(f(x.ref, y.ref)),
        facts: async () => ({
          error: matmulError(work, hx, hy, await f(x.ref, y.ref).data() as Float32Array),
        }),
      };
    }
    case "fused": {
      const [hx, hy, hz] = [1, 2, 3].map((s) => uniform(work.size, s)) as [
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      const [x, y, z] = [hx, hy, hz].map((h) => arr(h, [work.size])) as [Arr, Arr, Arr];
      const f = jax.jit((x: Arr, y: Arr, z: Arr) => np.tanh(x.ref.mul(y).add(z)).mul(x).sum());
      return {
        run: () => done(f(x.ref, y.ref, z.ref)),
        facts: async () => ({
          error: fusedError(hx, hy, hz, (await f(x.ref, y.ref, z.ref).data())[0]!),
        }),
      };
    }
    case "softmax":
    case "layerNorm": {
      const hx = uniform(work.rows * work.cols, 1);
      const x = arr(hx, [work.rows, work.cols]);
      const f = jax.jit((x: Arr) =>
        work.kind === "softmax" ? nn.softmax(x, -1) : nn.standardize(x, -1, { epsilon })
      );
      return {
        run: () => done(f(x.ref)),
        facts: async () => ({
          error: rowsError(work.kind, work.cols, hx, await f(x.ref).data() as Float32Array),
        }),
      };
    }
    case "sum": {
      const x = arr(new Float32Array(work.size).fill(0.1), [work.size]);
      const f = jax.jit((x: Arr) => x.sum());
      const truth = work.size * Math.fround(0.1);
      return {
        run: () => done(f(x.ref)),
        facts: async () => ({ error: Math.abs((await f(x.ref).data())[0]! / truth - 1) }),
      };
    }
    case "train": {
      const { x, onehot, likelihood, ...start } = classifier(work.sizes, work.batch);
      let { params } = start;
      const loss = (params: Arr[], x: Arr, onehot: Arr): Arr =>
        likelihood(params, x, onehot).mul(-1 / work.batch);
      const step = jax.jit((params: Arr[], x: Arr, onehot: Arr) => {
        const [value, grads] = jax.valueAndGrad(loss)(
          params.map((p) => p.ref),
          x,
          onehot,
        ) as unknown as [Arr, Arr[]];
        return [value, params.map((p, i) => p.sub(grads[i]!.mul(learningRate)))];
      }) as unknown as (params: Arr[], x: Arr, onehot: Arr) => [Arr, Arr[]];
      const losses = new LossLog<Arr>((loss) => loss.dispose());
      return {
        run: async () => {
          const [value, next] = step(params, x.ref, onehot.ref);
          params = next;
          for (const y of [value, ...next]) await done(y.ref);
          losses.note(value);
        },
        facts: () => losses.facts(async (loss) => (await loss.ref.data())[0]!),
      };
    }
    case "conv": {
      const { features, size, depthwise } = work;
      const data = convData(work);
      const shape = [1, features, size, size];
      const [x, ct] = [arr(data.image, shape), arr(data.cotangent, shape)];
      const w = arr(data.kernel, convKernelShape(work));
      const featureGroupCount = depthwise ? features : 1;
      const forward = (x: Arr, w: Arr): Arr =>
        lax.convGeneralDilated(x, w, [1, 1], "SAME", { featureGroupCount });
      const f = work.gradients
        ? jax.jit((x: Arr, w: Arr, ct: Arr): Arr[] =>
          jax.grad((both: Arr[]) => forward(both[0]!, both[1]!).mul(ct).sum())(
            [x, w],
          ) as unknown as Arr[]
        )
        : jax.jit((x: Arr, w: Arr, ct: Arr): Arr[] => {
          ct.dispose();
          return [forward(x, w)];
        });
      const call = () => f(x.ref, w.ref, ct.ref) as unknown as Arr[];
      return {
        run: async () => {
          for (const y of call()) await done(y);
        },
        facts: async () => ({
          error: convError(work, await call().at(-1)!.data() as Float32Array),
        }),
      };
    }
    case "ensemble": {
      const data = ensembleData(work.models);
      const params = data.weights.flatMap((w, i) => [
        arr(w, [work.models, 2, 2]),
        arr(data.biases[i]!, [work.models, 2]),
      ]);
      const x = np.array(data.x as Float32Array<ArrayBuffer>);
      const one = (params: Arr[], x: Arr): Arr => {
        for (let i = 0; i < params.length; i += 2) {
          x = np.matmul(params[i]!, x).add(params[i + 1]!);
          if (i + 2 < params.length) x = nn.relu(x);
        }
        return x;
      };
      const f = jax.jit(jax.vmap(one, [0, null]));
      const call = () => f(params.map((p) => p.ref), x.ref) as Arr;
      return {
        run: () => call().dataSync(),
        facts: async () => ({
          error: ensembleError(work.models, await call().data() as Float32Array),
          note: "read each time",
        }),
      };
    }
    case "gradients": {
      const { x, onehot, params, likelihood } = classifier(work.sizes, work.batch);
      const loss = (params: Arr[], x: Arr, onehot: Arr): Arr => {
        const sum = likelihood(params, x, onehot);
        return work.perExample ? sum.neg() : sum.mul(-1 / work.batch);
      };
      const one = (params: Arr[], x: Arr, onehot: Arr) => jax.grad(loss)(params, x, onehot);
      const f = jax.jit(work.perExample ? jax.vmap(one, [null, 0, 0]) : one);
      const call = () => f(params.map((p) => p.ref), x.ref, onehot.ref) as unknown as Arr[];
      return {
        run: async () => {
          for (const y of call()) await done(y);
        },
        facts: async () => {
          const all = call();
          const error = gradientsError(work, await all.at(-2)!.data() as Float32Array);
          return { error };
        },
      };
    }
    case "rnn": {
      // It has no scan: a compiled step, called in a loop.
      if (work.gradients) return null;
      const n = work.hidden;
      const data = rnnData(work);
      const [w, u, b] = [arr(data.w, [n, n]), arr(data.u, [n, n]), arr(data.b, [n])];
      const xs = Array.from(
        { length: work.steps },
        (_, t) => arr(data.xs.slice(t * n, (t + 1) * n), [n]),
      );
      const step = jax.jit((w: Arr, u: Arr, b: Arr, h: Arr, x: Arr) =>
        np.tanh(np.matmul(w, h).add(np.matmul(u, x)).add(b))
      );
      const call = (): Arr => {
        let h = np.zeros([n]);
        for (const x of xs) h = step(w.ref, u.ref, b.ref, h, x.ref) as unknown as Arr;
        return h;
      };
      return {
        run: () => done(call()),
        facts: async () => ({ error: rnnError(work, await call().data() as Float32Array) }),
      };
    }
    case "attention": {
      const { heads, length, size } = work;
      const data = attentionData(work);
      const [q, k, v] = [data.q, data.k, data.v].map((x) => arr(x, [heads, length, size])) as [
        Arr,
        Arr,
        Arr,
      ];
      const f = jax.jit((q: Arr, k: Arr, v: Arr) => {
        const logits = np.matmul(q, k.transpose([0, 2, 1])).mul(1 / Math.sqrt(size));
        return np.matmul(nn.softmax(logits, -1), v);
      });
      const call = () => f(q.ref, k.ref, v.ref) as Arr;
      return {
        run: () => done(call()),
        facts: async () => ({ error: attentionError(work, await call().data() as Float32Array) }),
      };
    }
    case "encoder": {
      const { width, heads, length } = work;
      const size = width / heads;
      const data = encoderData(work);
      const blocks = data.blocks.map(({ query, key, value, output, up, down }) =>
        [query, key, value, output, up, down].flatMap(
          ({ weight, bias, outs, ins }: DenseData) => [arr(weight, [outs, ins]), arr(bias, [outs])],
        )
      );
      const norms = [0, 1].flatMap(() => [np.ones([width]), np.zeros([width])]);
      const x = arr(data.x, [length, width]);
      const dense = (x: Arr, weight: Arr, bias: Arr): Arr =>
        np.matmul(x, weight.transpose()).add(bias);
      const norm = (x: Arr, scale: Arr, shift: Arr): Arr =>
        nn.standardize(x, -1, { epsilon }).mul(scale).add(shift);
      const f = jax.jit((params: Arr[], norms: Arr[], x: Arr) => {
        const [wq, bq, wk, bk, wv, bv, wo, bo, wu, bu, wd, bd] = params as [
          ...[Arr, Arr, Arr, Arr, Arr, Arr],
          ...[Arr, Arr, Arr, Arr, Arr, Arr],
        ];
        const [s1, t1, s2, t2] = norms as [Arr, Arr, Arr, Arr];
        const split = (y: Arr): Arr => y.reshape([length, heads, size]);
        const attended = nn.dotProductAttention(
          split(dense(x.ref, wq, bq)),
          split(dense(x.ref, wk, bk)),
          split(dense(x.ref, wv, bv)),
        ).reshape([length, width]);
        const h = norm(dense(attended, wo, bo).add(x), s1, t1);
        const up = nn.gelu(dense(h.ref, wu, bu), { approximate: false });
        return norm(dense(up, wd, bd).add(h), s2, t2);
      });
      const call = () =>
        blocks.reduce(
          (h, params) => f(params.map((p) => p.ref), norms.map((p) => p.ref), h) as Arr,
          x.ref,
        );
      return {
        run: () => done(call()),
        facts: async () => ({ error: encoderError(work, await call().data() as Float32Array) }),
      };
    }
    case "adam":
    case "madd":
    case "product":
    case "embedding":
    case "affine":
    case "eagerAdd":
    case "devices":
    case "kernel":
      return null;
    case "increment":
    case "roundTrip": {
      const x = np.array([1, 2, 3, 4]);
      const f = jax.jit((x: Arr) => x.add(1));
      if (work.kind === "roundTrip") {
        return { run: () => f(x.ref).data(), facts: () => ({ note: "read each time" }) };
      }
      if (backend === "webgpu") {
        return { run: () => done(f(x.ref)), facts: () => ({ note: "submitted each time" }) };
      }
      // Read at once: calls left unread pile up, and each then costs more than the last.
      return { run: () => f(x.ref).dataSync(), facts: () => ({ note: "read each time" }) };
    }
    case "leaves": {
      const model = Array.from({ length: work.count / 2 }, () => ({
        w: np.array([1, 1, 1, 1]),
        b: np.array([0, 0, 0, 0]),
      }));
      const f = jax.jit((model: { w: Arr; b: Arr }[], x: Arr) => {
        for (const { w, b } of model) x = x.mul(w).add(b);
        return x;
      });
      const x = np.array([1, 2, 3, 4]);
      const run = () => f(model.map(({ w, b }) => ({ w: w.ref, b: b.ref })), x.ref).dataSync();
      return { run, facts: () => ({ result: Array.from(run()).join(" ") }) };
    }
  }
}
