/**
 * The work in TensorFlow.js, eager kernels: on its WebAssembly backend, one thread outside of browsers, or on its WebGPU backend.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { watchDevice } from "../settle.ts";
import {
  type Backend,
  convData,
  convError,
  convKernelShape,
  epsilon,
  fusedError,
  learningRate,
  LossLog,
  matmulError,
  type Prepared,
  rowsError,
  trainingData,
  uniform,
  type Work,
} from "../work.ts";
import { attentionData, attentionError, encoderData, encoderError } from "../work_attention.ts";

/** Prepares the work. On the processor its kernels run when they are called, so nothing needs to be waited for. */
export async function tfjs(work: Work, backend: Backend): Promise<Prepared | null> {
  const { settle } = watchDevice();
  if (backend === "wasm") await import("@tensorflow/tfjs-backend-wasm");
  else await import("@tensorflow/tfjs-backend-webgpu");
  // Otherwise it computes small arrays on the processor.
  if (backend === "webgpu") tf.env().set("WEBGPU_CPU_FORWARD", false);
  await tf.setBackend(backend);
  await tf.ready();
  if (tf.getBackend() !== backend) throw new Error(`tfjs: the backend is ${tf.getBackend()}`);
  const prepared = prepare(work, backend);
  if (prepared === null || backend === "wasm") return prepared;
  const queue = tf.backend() as unknown as {
    commandEncoder: GPUCommandEncoder | null;
    endComputePassEncoder(): void;
    submitQueue(): void;
  };
  return {
    ...prepared,
    settle() {
      // It submits some kernels at a time.
      queue.endComputePassEncoder();
      if (queue.commandEncoder) queue.submitQueue();
      return settle();
    },
  };
}

function prepare(work: Work, backend: Backend): Prepared | null {
  const prepared = <T extends tf.Tensor>(
    f: () => T,
    error: (out: Float32Array) => number,
  ): Prepared => ({
    run: () => tf.tidy(f).dispose(),
    facts: async () => ({ error: error(await tf.tidy(f).data() as Float32Array) }),
  });

  switch (work.kind) {
    case "matmul": {
      if (work.dtype === "float64") return null;
      const { m, k, n, transposed: t } = work;
      const b = work.batch === null ? [] : [work.batch];
      const hx = uniform((work.batch ?? 1) * m * k, 1);
      const hy = uniform((work.batch ?? 1) * k * n, 2);
      const x = tf.tensor(hx, [...b, ...(t ? [k, m] : [m, k])]);
      const y = tf.tensor(hy, [...b, ...(t ? [n, k] : [k, n])]);
      return prepared(() => tf.matMul(x, y, t, t), (out) => matmulError(work, hx, hy, out));
    }
    case "fused": {
      const h = [1, 2, 3].map((s) => uniform(work.size, s)) as [
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      const [x, y, z] = h.map((v) => tf.tensor1d(v)) as [tf.Tensor, tf.Tensor, tf.Tensor];
      return prepared(
        () => x.mul(y).add(z).tanh().mul(x).sum(),
        (out) => fusedError(...h, out[0]!),
      );
    }
    case "softmax":
    case "layerNorm": {
      const hx = uniform(work.rows * work.cols, 1);
      const x = tf.tensor2d(hx, [work.rows, work.cols]);
      return prepared(() => {
        if (work.kind === "softmax") return tf.softmax(x);
        const { mean, variance } = tf.moments(x, 1, true);
        return x.sub(mean).mul(variance.add(epsilon).rsqrt());
      }, (out) => rowsError(work.kind, work.cols, hx, out));
    }
    case "sum": {
      const x = tf.tensor1d(new Float32Array(work.size).fill(0.1));
      const truth = work.size * Math.fround(0.1);
      return prepared(() => x.sum(), (out) => Math.abs(out[0]! / truth - 1));
    }
    case "train": {
      const data = trainingData(work.sizes, work.batch);
      const x = tf.tensor2d(data.x, [work.batch, work.sizes[0]!]);
      const onehot = tf.oneHot(tf.tensor1d(data.labels, "int32"), work.sizes.at(-1)!);
      const weights = data.weights.map((w, i) =>
        tf.variable(tf.tensor2d(w, [work.sizes[i + 1]!, work.sizes[i]!]))
      );
      const biases = data.biases.map((b) => tf.variable(tf.tensor1d(b)));
      const optimizer = tf.train.sgd(learningRate);
      const losses = new LossLog<tf.Scalar>((loss) => loss.dispose());
      const run = (): void => {
        const value = optimizer.minimize(() => {
          let h: tf.Tensor2D = x;
          weights.forEach((w, i) => {
            h = tf.matMul(h, w, false, true).add(biases[i]!) as tf.Tensor2D;
            if (i + 1 < weights.length) h = tf.relu(h);
          });
          return tf.logSoftmax(h).mul(onehot).sum().mul(-1 / work.batch) as tf.Scalar;
        }, true)!;
        if (backend === "wasm") value.dataSync();
        losses.note(value);
      };
      return { run, facts: () => losses.facts(async (loss) => (await loss.data())[0]!) };
    }
    case "conv": {
      // Its WebAssembly backend has no kernel for the gradients.
      if (work.gradients && backend === "wasm") return null;
      const { features, size, depthwise } = work;
      const data = convData(work);
      const last = (x: tf.Tensor): tf.Tensor => tf.transpose(x, [0, 2, 3, 1]);
      const x = last(tf.tensor4d(data.image, [1, features, size, size])) as tf.Tensor4D;
      const w = tf.transpose(
        tf.tensor4d(data.kernel, convKernelShape(work) as [number, number, number, number]),
        depthwise ? [2, 3, 0, 1] : [2, 3, 1, 0],
      ) as tf.Tensor4D;
      const f = () => depthwise ? tf.depthwiseConv2d(x, w, 1, "same") : tf.conv2d(x, w, 1, "same");
      if (work.gradients) {
        const ct = last(tf.tensor4d(data.cotangent, [1, features, size, size]));
        const g = tf.grads((x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same"));
        const both = () => tf.tidy(() => g([x, w], ct));
        return {
          run: () => tf.dispose(both()),
          facts: async () => ({
            error: convError(
              work,
              await tf.tidy(() => tf.transpose(g([x, w], ct)[1]!, [3, 2, 0, 1]))
                .data() as Float32Array,
            ),
          }),
        };
      }
      return {
        run: () => tf.tidy(f).dispose(),
        facts: async () => ({
          error: convError(
            work,
            await tf.tidy(() => tf.transpose(f(), [0, 3, 1, 2])).data() as Float32Array,
          ),
        }),
      };
    }
    case "gradients":
    case "ensemble":
      // It has no mapped functions.
      return null;
    case "attention": {
      const { heads, length, size } = work;
      const data = attentionData(work);
      const [q, k, v] = [data.q, data.k, data.v].map((x) =>
        tf.tensor3d(x, [heads, length, size])
      ) as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
      return prepared(() => {
        const logits = tf.matMul(q, k, false, true).mul(1 / Math.sqrt(size));
        return tf.matMul(tf.softmax(logits), v);
      }, (out) => attentionError(work, out));
    }
    case "encoder": {
      const { width, heads, length } = work;
      const size = width / heads;
      const data = encoderData(work);
      const blocks = data.blocks.map(({ query, key, value, output, up, down }) =>
        [query, key, value, output, up, down].map(({ weight, bias, outs, ins }) => ({
          weight: tf.tensor2d(weight, [outs, ins]),
          bias: tf.tensor1d(bias),
        }))
      );
      type Layers = typeof blocks[number];
      const norms = [0, 1].map(() => ({ scale: tf.ones([width]), shift: tf.zeros([width]) }));
      const x = tf.tensor2d(data.x, [length, width]);
      const dense = (layers: Layers, x: tf.Tensor, layer: number): tf.Tensor =>
        tf.matMul(x, layers[layer]!.weight, false, true).add(layers[layer]!.bias);
      const norm = (x: tf.Tensor, layer: number): tf.Tensor => {
        const { mean, variance } = tf.moments(x, 1, true);
        const { scale, shift } = norms[layer]!;
        return x.sub(mean).mul(variance.add(epsilon).rsqrt()).mul(scale).add(shift);
      };
      const block = (x: tf.Tensor, layers: Layers): tf.Tensor => {
        const [q, k, v] = [0, 1, 2].map((layer) =>
          tf.transpose(dense(layers, x, layer).reshape([length, heads, size]), [1, 0, 2])
        ) as [tf.Tensor, tf.Tensor, tf.Tensor];
        const logits = tf.matMul(q, k, false, true).mul(1 / Math.sqrt(size));
        const attended = tf.matMul(tf.softmax(logits), v);
        const joined = tf.transpose(attended, [1, 0, 2]).reshape([length, width]);
        const h = norm(dense(layers, joined, 3).add(x), 0);
        const up = dense(layers, h, 4);
        const active = up.mul(0.5).mul(up.mul(Math.SQRT1_2).erf().add(1));
        return norm(dense(layers, active, 5).add(h), 1);
      };
      return prepared(() => blocks.reduce(block, x as tf.Tensor), (out) => encoderError(work, out));
    }
    case "increment":
    case "roundTrip": {
      const x = tf.tensor1d([1, 2, 3, 4]);
      const one = tf.scalar(1);
      if (work.kind === "roundTrip") {
        const run = async (): Promise<void> => {
          const y = x.add(one);
          await y.data();
          y.dispose();
        };
        return { run, facts: () => ({ note: "eager, read each time" }) };
      }
      return { run: () => x.add(one).dispose(), facts: () => ({ note: "eager, unread" }) };
    }
    case "eagerAdd": {
      const [x, y] = [tf.tensor1d([1, 2, 3, 4]), tf.tensor1d([4, 3, 2, 1])];
      return { run: () => x.add(y).dispose(), facts: () => ({ note: "unread" }) };
    }
    case "rnn":
      // It has no loop; a thousand eager steps are another piece of work.
      return null;
    case "leaves":
    case "adam":
    case "madd":
    case "product":
    case "embedding":
    case "affine":
    case "devices":
    case "kernel":
      // There is nothing to compile, so there is no call with a model to measure.
      return null;
  }
}
