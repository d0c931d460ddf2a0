/** Programs that users write, for tests and benchmarks of the scheduler. */
import type { NDArray } from "../../src/core/array.ts";
import * as np from "../../src/numpy/mod.ts";
import { Zero } from "../../src/core/primitive.ts";
import { instantiate } from "../../src/ops/shape.ts";
import { vjpFlat } from "../../src/transform/linearize.ts";

const last = { axis: -1, keepdims: true };

/** The value of a scalar function and its gradients by all inputs. */
export function valueAndGrad(
  fn: (...xs: NDArray[]) => NDArray,
  xs: readonly NDArray[],
): NDArray[] {
  const [[value], pullback] = vjpFlat((inputs) => [fn(...inputs)], xs);
  const grads = pullback([np.onesLike(value)]);
  return [value, ...grads.map((g, i) => g instanceof Zero ? np.zerosLike(xs[i]) : instantiate(g))];
}

/** Softmax over the last axis. */
export function softmax(x: NDArray): NDArray {
  const e = np.exp(x.sub(np.max(x, last)));
  return e.div(np.sum(e, last));
}

/** The logarithm of a sum of exponentials over the last axis. */
export function logsumexp(x: NDArray): NDArray {
  const m = np.max(x, last);
  return np.log(np.sum(np.exp(x.sub(m)), last)).add(m);
}

/** Layer normalisation over the last axis. */
export function layerNorm(x: NDArray, gain: NDArray, bias: NDArray): NDArray {
  const centred = x.sub(np.mean(x, last));
  const variance = np.mean(centred.mul(centred), last);
  return centred.div(np.sqrt(variance.add(1e-5))).mul(gain).add(bias);
}

/** Mean cross entropy against one-hot labels. */
export function crossEntropy(logits: NDArray, labels: NDArray): NDArray {
  const log = logits.sub(logsumexp(logits));
  return np.mean(np.sum(log.mul(labels), -1)).mul(-1);
}

/** One adam step of one parameter: the new parameter and both moments. */
export function adam(p: NDArray, m: NDArray, v: NDArray, g: NDArray, t: NDArray): NDArray[] {
  const m1 = m.mul(0.9).add(g.mul(0.1));
  const v1 = v.mul(0.999).add(g.mul(g).mul(0.001));
  const step = t.add(1);
  const mHat = m1.div(np.subtract(1, np.power(0.9, step)));
  const vHat = v1.div(np.subtract(1, np.power(0.999, step)));
  return [p.sub(mHat.div(np.sqrt(vHat).add(1e-8)).mul(1e-3)), m1, v1];
}

/** Weights and biases of an MLP, as shapes. */
export function mlpShapes(sizes: readonly number[]): number[][] {
  return sizes.slice(1).flatMap((n, k) => [[sizes[k], n], [n]]);
}

/** The logits of an MLP. */
export function mlp(x: NDArray, params: readonly NDArray[]): NDArray {
  let h = x;
  for (let k = 0; k < params.length; k += 2) {
    h = np.matmul(h, params[k]).add(params[k + 1]);
    if (k + 2 < params.length) h = np.maximum(h, 0);
  }
  return h;
}

/** A training step of an MLP with adam: loss, new parameters, new moments. */
export function mlpStep(xs: readonly NDArray[], layers: number): NDArray[] {
  const [x, y, t, ...rest] = xs;
  const n = 2 * layers;
  const params = rest.slice(0, n);
  const [ms, vs] = [rest.slice(n, 2 * n), rest.slice(2 * n, 3 * n)];
  const [loss, ...grads] = valueAndGrad((...ps) => crossEntropy(mlp(x, ps), y), params);
  const updated = params.map((p, k) => adam(p, ms[k], vs[k], grads[k], t));
  return [loss, t.add(1), ...[0, 1, 2].flatMap((i) => updated.map((u) => u[i]))];
}

/** A training step of an MLP with plain gradient descent: loss, new parameters. */
export function sgdStep(xs: readonly NDArray[], layers: number): NDArray[] {
  const [x, y, ...params] = xs.slice(0, 2 + 2 * layers);
  const [loss, ...grads] = valueAndGrad((...ps) => crossEntropy(mlp(x, ps), y), params);
  return [loss, ...params.map((p, k) => p.sub(grads[k].mul(0.1)))];
}
