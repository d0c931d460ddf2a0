/**
 * The pieces of work that are measured, their inputs, and how a result is judged: the same for every
 * contender.
 *
 * @module
 */

import type { DevicesWork } from "./work_devices.ts";
import type { KernelWork } from "./work_kernels.ts";

/** One piece of work. */
export type Work =
  | MatmulWork
  | { readonly kind: "fused"; readonly size: number }
  | { readonly kind: "softmax" | "layerNorm"; readonly rows: number; readonly cols: number }
  | { readonly kind: "sum"; readonly size: number }
  | AdamWork
  | MaddWork
  | EmbeddingWork
  | ProductWork
  | { readonly kind: "train"; readonly sizes: readonly number[]; readonly batch: number }
  | GradientsWork
  | ConvWork
  | { readonly kind: "ensemble"; readonly models: number }
  | RnnWork
  | AttentionWork
  | EncoderWork
  | DevicesWork
  | KernelWork
  | { readonly kind: "affine"; readonly size: number }
  | { readonly kind: "increment" }
  | { readonly kind: "eagerAdd" }
  | { readonly kind: "roundTrip" }
  | { readonly kind: "leaves"; readonly count: number };

/** `a[batch, m, k] · b[batch, k, n]`, either side stored transposed. */
export interface MatmulWork {
  readonly kind: "matmul";
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly batch: number | null;
  readonly transposed: boolean;
  readonly dtype: "float32" | "float64";
}

/** `x·y + z` over so many elements; of complex ones both parts are the same numbers. */
export interface MaddWork {
  readonly kind: "madd";
  readonly size: number;
  readonly dtype: "float16" | "bfloat16" | "complex64";
}

/** A product of two square matrices of other dtypes, or of one and a vector; of complex ones both parts are the same numbers. */
export interface ProductWork {
  readonly kind: "product";
  readonly n: number;
  readonly isVector: boolean;
  readonly dtype: "bfloat16" | "complex64";
}

/** Rows of a table, or the gradient of half the sum of their squares. */
export interface EmbeddingWork {
  readonly kind: "embedding";
  readonly rows: number;
  readonly width: number;
  readonly ids: number;
  readonly gradient: boolean;
}

/** A step of Adam over so many parameters, which are donated with the moments: twice the parameter is its gradient. */
export interface AdamWork {
  readonly kind: "adam";
  readonly size: number;
}

/** The gradient of a network's loss over a batch, or of each example's. */
export interface GradientsWork {
  readonly kind: "gradients";
  readonly sizes: readonly number[];
  readonly batch: number;
  readonly perExample: boolean;
}

/** A convolution of one square image with padding that keeps its size, or the gradients of both operands. */
export interface ConvWork {
  readonly kind: "conv";
  readonly features: number;
  readonly size: number;
  readonly window: number;
  /** Whether each feature meets a window of its own only. */
  readonly depthwise: boolean;
  readonly gradients: boolean;
}

/** Attention of several heads, `softmax(q kᵀ / √size) v`, over arrays `[heads, length, size]`. */
export interface AttentionWork {
  readonly kind: "attention";
  readonly heads: number;
  readonly length: number;
  readonly size: number;
}

/**
 * Blocks of a text encoder as BERT's: attention and a network of one hidden layer with exact GELU, each added to its input and
 * then normalised, over tokens `[length, width]`.
 */
export interface EncoderWork {
  readonly kind: "encoder";
  /** How many blocks, each with weights of its own. */
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly hidden: number;
  readonly length: number;
}

/** What a contender gives for a piece of work. */
export interface Prepared {
  /** Does the work once; where there is no `settle`, to the end: nothing may be left to do when it returns or resolves. */
  run(): unknown;
  /** Waits until all that was begun is done: of devices that work on while `run` has returned. */
  settle?(): Promise<void>;
  /** How wrong the result is (see {@linkcode Work}'s checks) and other things worth noting. */
  facts(): Facts | Promise<Facts>;
}

/** Figures and remarks beside the time. */
export type Facts = Record<string, number | string>;

/** What computes: the processor, by WebAssembly, or a device of WebGPU. */
export type Backend = "wasm" | "webgpu";

/** A contender: gives null for work that it cannot do. `first`: only the first call counts, and its stages. */
export type Contender = (
  work: Work,
  backend: Backend,
  first: boolean,
) => Promise<Prepared | null>;

/** `n` numbers in [-1, 1), the same for a seed in every contender (also in `peers/jax_peer.py`). */
export function uniform(n: number, seed: number): Float32Array {
  const out = new Float32Array(n);
  let state = (seed * 2654435761 + 12345) >>> 0;
  for (let i = 0; i < n; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = (state >>> 8) / 8388608 - 1;
  }
  return out;
}

/** The number of multiplications and additions in a matrix product. */
export function matmulFlops(work: MatmulWork): number {
  return 2 * work.m * work.k * work.n * (work.batch ?? 1);
}

/** The multiplications and additions in the products of one training step: forward, and backward without the inputs' gradient. */
export function trainFlops(sizes: readonly number[], batch: number): number {
  let flops = 0;
  for (let i = 0; i + 1 < sizes.length; i++) {
    flops += 2 * batch * sizes[i]! * sizes[i + 1]! * (i === 0 ? 2 : 3);
  }
  return flops;
}

/** The multiplications and additions in a convolution; twice as many in the gradients of both operands. */
export function convFlops({ features, size, window, depthwise, gradients }: ConvWork): number {
  return 2 * features * (depthwise ? 1 : features) * (size * window) ** 2 * (gradients ? 2 : 1);
}

/** The bytes of the image and of the result. */
export function convBytes({ features, size }: ConvWork): number {
  return 8 * features * size ** 2;
}

/** The shape of a convolution's kernel. */
export function convKernelShape({ features, window, depthwise }: ConvWork): number[] {
  return [features, depthwise ? 1 : features, window, window];
}

/** A convolution's operands: image, kernel `[output, input, row, column]`, and the cotangent, in NCHW. */
export function convData(work: ConvWork): {
  image: Float32Array;
  kernel: Float32Array;
  cotangent: Float32Array;
} {
  const { features, size } = work;
  const [image, cotangent] = [1, 3].map((seed) => uniform(features * size * size, seed)) as [
    Float32Array,
    Float32Array,
  ];
  const weights = convKernelShape(work).reduce((n, size) => n * size, 1);
  return { image, cotangent, kernel: uniform(weights, 2) };
}

/**
 * The largest error of some entries of a convolution (or of the kernel's gradient), relative to the size of its terms; in NCHW.
 */
export function convError(work: ConvWork, out: ArrayLike<number>): number {
  const { features: c, size: n, window: k, depthwise, gradients } = work;
  const { image, kernel, cotangent } = convData(work);
  const half = (k - 1) >> 1;
  const inside = (i: number) => i >= 0 && i < n;
  let worst = out.length === (gradients ? kernel.length : c * n * n) ? 0 : Infinity;
  for (let probe = 0; probe < 32; probe++) {
    const [o, f] = [(probe * 7919) % c, (probe * 104729) % c];
    const [p, q] = gradients
      ? [probe % k, (probe * 31) % k]
      : [(probe * 1299709) % n, (probe * 15485863) % n];
    let [sum, size] = [0, 0];
    const add = (x: number, y: number) => {
      sum += x * y;
      size += Math.abs(x * y);
    };
    // Rows of the image for the kernel's gradient, else input features.
    for (let a = 0; a < (gradients ? n : depthwise ? 1 : c); a++) {
      for (let u = 0; u < (gradients ? n : k); u++) {
        for (let v = 0; v < (gradients ? 1 : k); v++) {
          const [i, j] = gradients ? [a + p - half, u + q - half] : [p + u - half, q + v - half];
          if (!inside(i) || !inside(j)) continue;
          if (gradients) add(image[(f * n + i) * n + j]!, cotangent[(o * n + a) * n + u]!);
          else if (depthwise) add(image[(o * n + i) * n + j]!, kernel[(o * k + u) * k + v]!);
          else add(image[(a * n + i) * n + j]!, kernel[((o * c + a) * k + u) * k + v]!);
        }
      }
    }
    const at = gradients ? ((o * c + f) * k + p) * k + q : (o * n + p) * n + q;
    worst = Math.max(worst, Math.abs(out[at]! - sum) / size);
  }
  return worst;
}

/** The largest error of some entries of a product, relative to the size of its terms. */
export function matmulError(
  work: MatmulWork,
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  c: ArrayLike<number>,
): number {
  const { m, k, n, transposed } = work;
  const batches = work.batch ?? 1;
  let worst = c.length === batches * m * n ? 0 : Infinity;
  for (let probe = 0; probe < 64; probe++) {
    const p = (probe * 7919) % batches;
    const i = (probe * 104729) % m;
    const j = (probe * 1299709) % n;
    let [sum, size] = [0, 0];
    for (let l = 0; l < k; l++) {
      const x = a[p * m * k + (transposed ? l * m + i : i * k + l)]!;
      const y = b[p * k * n + (transposed ? j * k + l : l * n + j)]!;
      sum += x * y;
      size += Math.abs(x * y);
    }
    worst = Math.max(worst, Math.abs(c[(p * m + i) * n + j]! - sum) / size);
  }
  return worst;
}

/** How far `out` is from the true sum of tanh(x * y + z) * x, relative to the size of its terms. */
export function fusedError(
  x: Float32Array,
  y: Float32Array,
  z: Float32Array,
  out: number,
): number {
  let [sum, size] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    const term = Math.tanh(x[i]! * y[i]! + z[i]!) * x[i]!;
    sum += term;
    size += Math.abs(term);
  }
  return Math.abs(out - sum) / size;
}

/** The largest absolute error of some rows of a softmax, or of a layer norm without weights. */
export function rowsError(
  kind: "softmax" | "layerNorm",
  cols: number,
  x: Float32Array,
  out: ArrayLike<number>,
): number {
  let worst = out.length === x.length ? 0 : Infinity;
  const rows = x.length / cols;
  for (let probe = 0; probe < 8; probe++) {
    const at = ((probe * 7919) % rows) * cols;
    const row = Array.from(x.subarray(at, at + cols));
    const expected = kind === "softmax" ? softmax(row) : layerNorm(row);
    expected.forEach((e, i) => worst = Math.max(worst, Math.abs(out[at + i]! - e)));
  }
  return worst;
}

/** In double precision. */
export function softmax(row: readonly number[]): number[] {
  const most = Math.max(...row);
  const exps = row.map((v) => Math.exp(v - most));
  const sum = exps.reduce((s, v) => s + v, 0);
  return exps.map((v) => v / sum);
}

/** What every contender adds to the variance. */
export const epsilon = 1e-5;

/** In double precision, without weights. */
export function layerNorm(row: readonly number[]): number[] {
  const mean = row.reduce((s, v) => s + v, 0) / row.length;
  const variance = row.reduce((s, v) => s + (v - mean) ** 2, 0) / row.length;
  return row.map((v) => (v - mean) / Math.sqrt(variance + epsilon));
}

/** What every contender trains on: inputs, labels, and weights stored `[out, in]` with their biases. */
export function trainingData(sizes: readonly number[], batch: number): {
  x: Float32Array;
  labels: Int32Array;
  weights: Float32Array[];
  biases: Float32Array[];
} {
  const x = uniform(batch * sizes[0]!, 1);
  const classes = sizes.at(-1)!;
  const labels = Int32Array.from({ length: batch }, (_, i) => (i * 7) % classes);
  const weights: Float32Array[] = [];
  const biases: Float32Array[] = [];
  for (let i = 0; i + 1 < sizes.length; i++) {
    const bound = 1 / Math.sqrt(sizes[i]!);
    weights.push(uniform(sizes[i]! * sizes[i + 1]!, 2 + i).map((v) => v * bound));
    biases.push(uniform(sizes[i + 1]!, 20 + i).map((v) => v * bound));
  }
  return { x, labels, weights, biases };
}

/**
 * The largest error of the gradient of the last weights (`[out, in]`, before it the examples where each has its own), relative
 * to the largest of some entries.
 */
export function gradientsError(work: GradientsWork, out: ArrayLike<number>): number {
  const { sizes, batch, perExample } = work;
  const { x, labels, weights, biases } = trainingData(sizes, batch);
  const [outs, ins] = [sizes.at(-1)!, sizes.at(-2)!];
  if (out.length !== outs * ins * (perExample ? batch : 1)) return Infinity;
  const truth = new Float64Array(outs * ins);
  let [worst, most] = [0, 0];
  const compare = (at: number, values: ArrayLike<number>): void => {
    for (let i = 0; i < values.length; i++) {
      worst = Math.max(worst, Math.abs(out[at + i]! - values[i]!));
      most = Math.max(most, Math.abs(values[i]!));
    }
  };
  for (let b = 0; b < batch; b++) {
    let h = Float64Array.from(x.subarray(b * sizes[0]!, (b + 1) * sizes[0]!));
    let last = h;
    for (let l = 0; l < weights.length; l++) {
      last = h;
      const [w, bias, n] = [weights[l]!, biases[l]!, h.length];
      h = new Float64Array(sizes[l + 1]!).map((_, o) => {
        let sum = bias[o]!;
        for (let i = 0; i < n; i++) sum += w[o * n + i]! * last[i]!;
        return l + 1 < weights.length ? Math.max(sum, 0) : sum;
      });
    }
    const share = softmax(Array.from(h)).map((p, o) => p - (o === labels[b] ? 1 : 0));
    const own = share.flatMap((s) => Array.from(last, (v) => s * v));
    if (perExample) compare(b * outs * ins, own);
    else own.forEach((g, i) => truth[i]! += g / batch);
  }
  if (!perExample) compare(0, truth);
  return worst / most;
}

/** Small networks 2-2-2-2, their parameters one after the other: weights `[model, out, in]`, biases `[model, out]`. */
export function ensembleData(models: number): {
  x: Float32Array;
  weights: Float32Array[];
  biases: Float32Array[];
} {
  return {
    x: Float32Array.of(0.5, -0.25),
    weights: [2, 3, 4].map((seed) => uniform(models * 4, seed)),
    biases: [20, 21, 22].map((seed) => uniform(models * 2, seed)),
  };
}

/** The largest absolute error of an ensemble's outputs, `[model, out]`. */
export function ensembleError(models: number, out: ArrayLike<number>): number {
  const { x, weights, biases } = ensembleData(models);
  let worst = out.length === 2 * models ? 0 : Infinity;
  for (let m = 0; m < models; m++) {
    let h = Array.from(x);
    weights.forEach((w, l) => {
      h = [0, 1].map((o) => {
        const sum = biases[l]![2 * m + o]! + w[4 * m + 2 * o]! * h[0]! +
          w[4 * m + 2 * o + 1]! * h[1]!;
        return l < 2 ? Math.max(sum, 0) : sum;
      });
    });
    h.forEach((v, o) => worst = Math.max(worst, Math.abs(out[2 * m + o]! - v)));
  }
  return worst;
}

/** Which losses of a training run are noted, so that contenders can be compared: the first, the third, the last. */
export class LossLog<T> {
  readonly #dispose: (loss: T) => void;
  readonly #kept: T[] = [];
  #calls = 0;

  /** @param dispose Gives back a loss that is not needed any more. */
  constructor(dispose: (loss: T) => void) {
    this.#dispose = dispose;
  }

  /** Notes the loss of a step, wherever it is. */
  note(loss: T): void {
    this.#calls++;
    // In places: first, third, last.
    if (this.#calls <= 3) this.#kept[this.#calls - 1] = loss;
    else {
      if (this.#calls > 4) this.#dispose(this.#kept[3]!);
      this.#kept[3] = loss;
    }
  }

  /** The losses, once they are read. */
  async facts(read: (loss: T) => Promise<number>): Promise<Facts> {
    const named = { firstLoss: 0, thirdLoss: 2, lastLoss: Math.min(this.#calls, 4) - 1 };
    const facts: Facts = {};
    for (const [name, place] of Object.entries(named)) {
      const loss = this.#kept[place];
      if (loss !== undefined) facts[name] = await read(loss);
    }
    return facts;
  }
}

/** The step size of every contender's gradient descent. */
export const learningRate = 0.01;

/** `h = tanh(W h + U x + b)` over a sequence; with `gradients`, those of the last `h`'s sum in W, U and b. */
export interface RnnWork {
  readonly kind: "rnn";
  readonly steps: number;
  readonly hidden: number;
  readonly gradients: boolean;
}

/** What every contender runs its recurrent network on. */
export function rnnData({ steps, hidden }: RnnWork): {
  w: Float32Array;
  u: Float32Array;
  b: Float32Array;
  xs: Float32Array;
} {
  const scaled = (n: number, seed: number) => uniform(n, seed).map((v) => v / Math.sqrt(hidden));
  return {
    w: scaled(hidden * hidden, 1),
    u: scaled(hidden * hidden, 2),
    b: scaled(hidden, 3),
    xs: uniform(steps * hidden, 4),
  };
}

/** How far the last `h`, or the gradient in b, is from that of the same loop in double precision. */
export function rnnError(work: RnnWork, out: ArrayLike<number>): number {
  const { steps, hidden: n } = work;
  const { w, u, b, xs } = rnnData(work);
  const hs = [new Float64Array(n)];
  for (let t = 0; t < steps; t++) {
    hs.push(
      Float64Array.from({ length: n }, (_, i) => {
        let sum = b[i]!;
        for (let j = 0; j < n; j++) {
          sum += w[i * n + j]! * hs[t]![j]! + u[i * n + j]! * xs[t * n + j]!;
        }
        return Math.tanh(sum);
      }),
    );
  }
  let expected = hs[steps]!;
  if (work.gradients) {
    const gathered = new Float64Array(n);
    let ct = new Float64Array(n).fill(1);
    for (let t = steps; t > 0; t--) {
      const inner = ct.map((c, i) => c * (1 - hs[t]![i]! ** 2));
      inner.forEach((c, i) => gathered[i]! += c);
      ct = Float64Array.from(ct, (_, j) => inner.reduce((s, c, i) => s + c * w[i * n + j]!, 0));
    }
    expected = gathered;
  }
  return Math.max(...expected.map((e, i) => Math.abs(e - out[i]!)));
}
