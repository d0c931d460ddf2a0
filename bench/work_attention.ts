/**
 * Attention and a text encoder's block: their inputs, and how a result is judged.
 *
 * @module
 */
import { type AttentionWork, type EncoderWork, layerNorm, softmax, uniform } from "./work.ts";

/** Queries, keys and values, each `[heads, length, size]`. */
export function attentionData({ heads, length, size }: AttentionWork): {
  q: Float32Array;
  k: Float32Array;
  v: Float32Array;
} {
  const [q, k, v] = [1, 2, 3].map((seed) => uniform(heads * length * size, seed)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  return { q, k, v };
}

/** The multiplications and additions in the two products of attention. */
export function attentionFlops({ heads, length, size }: AttentionWork): number {
  return 4 * heads * length * length * size;
}

type Numbers = ArrayLike<number>;

/** One query's mean of values: rows of `k` and `v` are `stride` apart, and begin at `at`. */
function attend(
  q: Numbers,
  k: Numbers,
  v: Numbers,
  { at, stride, length }: { at: number; stride: number; length: number },
): number[] {
  const rows = Array.from({ length }, (_, t) => at + t * stride);
  const scale = 1 / Math.sqrt(q.length);
  const weights = softmax(rows.map((row) => {
    let sum = 0;
    for (let d = 0; d < q.length; d++) sum += q[d]! * k[row + d]!;
    return sum * scale;
  }));
  return Array.from(q, (_, d) => rows.reduce((sum, row, t) => sum + weights[t]! * v[row + d]!, 0));
}

/** The largest absolute error of some queries' results. */
export function attentionError(work: AttentionWork, out: Numbers): number {
  const { heads, length, size } = work;
  const { q, k, v } = attentionData(work);
  let worst = out.length === q.length ? 0 : Infinity;
  for (let probe = 0; probe < 16; probe++) {
    const head = probe % heads;
    const at = (head * length + (probe * 7919) % length) * size;
    const expected = attend(q.subarray(at, at + size), k, v, {
      at: head * length * size,
      stride: size,
      length,
    });
    expected.forEach((e, d) => worst = Math.max(worst, Math.abs(out[at + d]! - e)));
  }
  return worst;
}

/** A matrix `[out, in]` and a bias. */
export interface DenseData {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly outs: number;
  readonly ins: number;
}

/** What an encoder's block is made of; both normalisations begin as the identity. */
export interface BlockData {
  readonly query: DenseData;
  readonly key: DenseData;
  readonly value: DenseData;
  readonly output: DenseData;
  readonly up: DenseData;
  readonly down: DenseData;
}

/** The blocks of an encoder, and its tokens. */
export interface EncoderData {
  readonly x: Float32Array;
  readonly blocks: readonly BlockData[];
}

/** The parameters and tokens of an encoder. */
export function encoderData({ layers, width, hidden, length }: EncoderWork): EncoderData {
  const dense = (outs: number, ins: number, seed: number): DenseData => {
    const bound = 1 / Math.sqrt(ins);
    return {
      weight: uniform(outs * ins, seed).map((w) => w * bound),
      bias: uniform(outs, seed + 20).map((b) => b * bound),
      outs,
      ins,
    };
  };
  const block = (_: unknown, layer: number): BlockData => {
    const seed = 100 * layer;
    return {
      query: dense(width, width, seed + 2),
      key: dense(width, width, seed + 3),
      value: dense(width, width, seed + 4),
      output: dense(width, width, seed + 5),
      up: dense(hidden, width, seed + 6),
      down: dense(width, hidden, seed + 7),
    };
  };
  return { x: uniform(length * width, 1), blocks: Array.from({ length: layers }, block) };
}

/** The multiplications and additions in the products of an encoder. */
export function encoderFlops({ layers, width, hidden, length }: EncoderWork): number {
  return layers * length * (8 * width * width + 4 * width * hidden + 4 * length * width);
}

function apply({ weight, bias, outs, ins }: DenseData, x: Numbers): number[] {
  return Array.from({ length: outs }, (_, o) => {
    let sum = bias[o]!;
    for (let i = 0; i < ins; i++) sum += weight[o * ins + i]! * x[i]!;
    return sum;
  });
}

/** The error function, by its series or its continued fraction. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 2.5) {
    let [term, sum] = [a, a];
    for (let n = 1; n < 60; n++) {
      term *= -a * a / n;
      sum += term / (2 * n + 1);
    }
    return Math.sign(x) * 2 / Math.sqrt(Math.PI) * sum;
  }
  let tail = a;
  for (let n = 60; n > 0; n--) tail = a + n / 2 / tail;
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / tail);
}

/** What a block makes of some tokens, given all. */
function blockOf(
  { width, heads, length }: EncoderWork,
  data: BlockData,
  tokens: readonly Numbers[],
  wanted: readonly number[],
): number[][] {
  const keys = tokens.flatMap((x) => apply(data.key, x));
  const values = tokens.flatMap((x) => apply(data.value, x));
  const size = width / heads;
  return wanted.map((t) => {
    const x = tokens[t]!;
    const query = apply(data.query, x);
    const attended = Array.from(
      { length: heads },
      (_, h) =>
        attend(query.slice(h * size, (h + 1) * size), keys, values, {
          at: h * size,
          stride: width,
          length,
        }),
    ).flat();
    const h = layerNorm(apply(data.output, attended).map((y, i) => y + x[i]!));
    const up = apply(data.up, h).map((y) => y / 2 * (1 + erf(y / Math.SQRT2)));
    return layerNorm(apply(data.down, up).map((y, i) => y + h[i]!));
  });
}

/** The largest absolute error of some tokens' results. */
export function encoderError(work: EncoderWork, out: Numbers): number {
  const { layers, width, length } = work;
  const { x, blocks } = encoderData(work);
  const every = Array.from({ length }, (_, t) => t);
  let tokens: Numbers[] = every.map((t) => x.subarray(t * width, (t + 1) * width));
  for (const block of blocks.slice(0, -1)) tokens = blockOf(work, block, tokens, every);
  const probes = [0, 1, 2, 3].map((probe) => (probe * 7919) % length);
  const expected = blockOf(work, blocks[layers - 1]!, tokens, probes);
  let worst = out.length === length * width ? 0 : Infinity;
  expected.forEach((row, p) =>
    row.forEach((e, i) => worst = Math.max(worst, Math.abs(out[probes[p]! * width + i]! - e)))
  );
  return worst;
}
