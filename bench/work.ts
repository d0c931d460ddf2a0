/**
 * The pieces of work that are measured, their inputs, and how a result is judged: the same for every
 * contender.
 *
 * @module
 */

/** One piece of work. */
export type Work =
  | MatmulWork
  | { readonly kind: "fused"; readonly size: number }
  | { readonly kind: "softmax" | "layerNorm"; readonly rows: number; readonly cols: number }
  | { readonly kind: "sum"; readonly size: number }
  | { readonly kind: "train"; readonly sizes: readonly number[]; readonly batch: number }
  | { readonly kind: "increment" }
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

/** What a contender gives for a piece of work. */
export interface Prepared {
  /** Does the work once, to the end: nothing may be left to do when it returns or resolves. */
  run(): unknown;
  /** How wrong the result is (see {@linkcode Work}'s checks) and other things worth noting. */
  facts(): Facts | Promise<Facts>;
}

/** Figures and remarks beside the time. */
export type Facts = Record<string, number | string>;

/** A contender: gives null for work that it cannot do. `first`: only the first call counts, and its stages. */
export type Contender = (work: Work, first: boolean) => Promise<Prepared | null>;

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

function softmax(row: readonly number[]): number[] {
  const most = Math.max(...row);
  const exps = row.map((v) => Math.exp(v - most));
  const sum = exps.reduce((s, v) => s + v, 0);
  return exps.map((v) => v / sum);
}

/** What every contender adds to the variance. */
export const epsilon = 1e-5;

function layerNorm(row: readonly number[]): number[] {
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

/** The step size of every contender's gradient descent. */
export const learningRate = 0.01;
