/**
 * The work in TensorFlow.js, on its WebAssembly backend: eager kernels, one thread outside of browsers.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import {
  convData,
  convError,
  epsilon,
  fusedError,
  learningRate,
  matmulError,
  type Prepared,
  rowsError,
  trainingData,
  uniform,
  type Work,
} from "../work.ts";

/** Prepares the work. Its kernels run when they are called, so nothing needs to be waited for. */
export async function tfjs(work: Work): Promise<Prepared | null> {
  await tf.setBackend("wasm");
  await tf.ready();
  if (tf.getBackend() !== "wasm") throw new Error(`tfjs: the backend is ${tf.getBackend()}`);
  const prepared = <T extends tf.Tensor>(
    f: () => T,
    error: (out: Float32Array) => number,
  ): Prepared => ({
    run: () => tf.tidy(f).dispose(),
    facts: () => ({ error: error(tf.tidy(f).dataSync() as Float32Array) }),
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
      let [first, last] = [NaN, NaN];
      const run = (): void => {
        const value = optimizer.minimize(() => {
          let h: tf.Tensor2D = x;
          weights.forEach((w, i) => {
            h = tf.matMul(h, w, false, true).add(biases[i]!) as tf.Tensor2D;
            if (i + 1 < weights.length) h = tf.relu(h);
          });
          return tf.logSoftmax(h).mul(onehot).sum().mul(-1 / work.batch) as tf.Scalar;
        }, true)!;
        last = value.dataSync()[0]!;
        value.dispose();
        if (Number.isNaN(first)) first = last;
      };
      return { run, facts: () => ({ firstLoss: first, lastLoss: last }) };
    }
    case "conv": {
      // Its WebAssembly backend has no kernel for the gradients.
      if (work.gradients) return null;
      const { features, size, window } = work;
      const data = convData(work);
      const last = (x: tf.Tensor): tf.Tensor => tf.transpose(x, [0, 2, 3, 1]);
      const x = last(tf.tensor4d(data.image, [1, features, size, size])) as tf.Tensor4D;
      const w = tf.transpose(
        tf.tensor4d(data.kernel, [features, features, window, window]),
        [2, 3, 1, 0],
      ) as tf.Tensor4D;
      const f = () => tf.conv2d(x, w, 1, "same");
      return {
        run: () => tf.tidy(f).dispose(),
        facts: () => ({
          error: convError(
            work,
            tf.tidy(() => tf.transpose(f(), [0, 3, 1, 2])).dataSync() as Float32Array,
          ),
        }),
      };
    }
    case "gradients":
    case "ensemble":
      // It has no mapped functions.
      return null;
    case "increment": {
      const x = tf.tensor1d([1, 2, 3, 4]);
      const one = tf.scalar(1);
      return { run: () => x.add(one).dispose(), facts: () => ({ note: "eager, unread" }) };
    }
    case "rnn":
      // It has no loop; a thousand eager steps are another piece of work.
      return null;
    case "leaves":
      // There is nothing to compile, so there is no call with a model to measure.
      return null;
  }
}
