/**
 * What an attention kernel is told, how much scratch it takes, and what it computes: the numbers of `kernels/attention/`.
 *
 * @module
 */
import type { TypedArray } from "../core/dtype.ts";

/** Where an operand's elements are, in strides of elements: 0 where an index makes no difference. */
export interface AttentionStrides {
  /** For each batch axis. */
  readonly batch: readonly number[];
  /** Of queries, or keys; of a bias and a mask, of queries. */
  readonly row: number;
  /** Of a vector's elements; of a bias and a mask, of keys. */
  readonly column: number;
}

/** An attention over matrices, for each index of some batch axes. */
export interface AttentionShape {
  /** Their extents. */
  readonly batch: readonly number[];
  /** How many of them, the first ones, the keys and values have; the others share theirs. */
  readonly outer: number;
  readonly queries: number;
  readonly keys: number;
  /** Elements of a query and a key. */
  readonly size: number;
  /** Elements of a value. */
  readonly valueSize: number;
  readonly scale: number;
  /** How many keys each query sees before and after its own index; `null` for all. */
  readonly window: readonly [back: number | null, ahead: number | null];
  readonly q: AttentionStrides;
  readonly k: AttentionStrides;
  readonly v: AttentionStrides;
  readonly bias: AttentionStrides | null;
  readonly mask: AttentionStrides | null;
  readonly out: AttentionStrides;
}

// The places are those of `kernels/attention/spec.ts`.
const [
  QUERIES,
  KEYS,
  SIZE,
  VALUE_SIZE,
  SCALE,
  BACK,
  AHEAD,
  HAS_BIAS,
  HAS_MASK,
  BLOCK,
  RANK,
  OUTER,
] = Array.from({ length: 12 }, (_, i) => i);
const STRIDES = 12;
const AXES = 24;
const AXIS_LENGTH = 7;
const KEY_BLOCK = 256;
const QUERY_BLOCK = 96;
/** The bytes of the frame that the gradients' kernel keeps its addresses in, more than enough. */
const FRAME_BYTES = 256;
/** Farther than any array reaches, and small enough to be added to an index. */
const FAR = 2 ** 29;
/** Units that a call is cut into at least, where there are as many panels of queries. */
const UNITS = 16;
/** Queries of the largest unit: enough for what is packed to be used often. */
const MOST_QUERIES = 256;

const bits = new DataView(new ArrayBuffer(4));

function floatBits(x: number): number {
  bits.setFloat32(0, x);
  return bits.getInt32(0);
}

function bitsFloat(x: number): number {
  bits.setInt32(0, x);
  return bits.getFloat32(0);
}

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

/** The list that describes an attention to the kernels. */
export function attentionList(shape: AttentionShape): number[] {
  const { batch, queries, window: [back, ahead] } = shape;
  const none: AttentionStrides = { batch: batch.map(() => 0), row: 0, column: 0 };
  const operands = [
    shape.q,
    shape.k,
    shape.v,
    shape.bias ?? none,
    shape.mask ?? none,
    shape.out,
  ];
  const panels = Math.ceil(queries / 8);
  const wanted = Math.ceil(UNITS / Math.max(1, product(batch)));
  const block = 8 * Math.max(1, Math.min(MOST_QUERIES / 8, Math.ceil(panels / wanted)));
  return [
    queries,
    shape.keys,
    shape.size,
    shape.valueSize,
    floatBits(shape.scale),
    Math.min(back ?? FAR, FAR),
    Math.min(ahead ?? FAR, FAR),
    Number(shape.bias !== null),
    Number(shape.mask !== null),
    block,
    batch.length,
    shape.outer,
    ...operands.flatMap(({ row, column }) => [row, column]),
    ...batch.flatMap((extent, a) => [extent, ...operands.map((x) => x.batch[a])]),
  ];
}

function batchOf(list: readonly number[]): number[] {
  return Array.from({ length: list[RANK] }, (_, a) => list[AXES + AXIS_LENGTH * a]);
}

/** How many units a call has. */
export function attentionUnits(list: readonly number[]): number {
  return product(batchOf(list)) * Math.ceil(list[QUERIES] / list[BLOCK]);
}

/** How many units the gradients have. */
export function gradientUnits(list: readonly number[]): number {
  return product(batchOf(list).slice(0, list[OUTER]));
}

/** Multiplications and additions of a call; of the gradients, two and a half times as many. */
export function attentionFlops(list: readonly number[]): number {
  const [queries, keys, back, ahead] = [list[QUERIES], list[KEYS], list[BACK], list[AHEAD]];
  // Half of the keys where no later ones are seen; fewer where only near ones are.
  const seen = Math.min(keys, back + ahead + 1, ahead === 0 && back >= keys ? keys / 2 : keys);
  return 2 * product(batchOf(list)) * queries * seen * (list[SIZE] + list[VALUE_SIZE]);
}

/** Bytes of scratch that a thread needs for units of a call. */
export function attentionScratchBytes(list: readonly number[]): number {
  const [size, values] = [list[SIZE], list[VALUE_SIZE]];
  const panels = Math.ceil(list[BLOCK] / 8);
  const keys = KEY_BLOCK + 5;
  return panels * (32 * size + 32 * (values + 5) + 96) + 32 * keys + 4 * keys * size +
    4 * KEY_BLOCK * (values + 5);
}

/** Bytes of scratch that a thread needs for units of the gradients. */
export function gradientScratchBytes(list: readonly number[]): number {
  const [queries, keys, size] = [list[QUERIES], list[KEYS], list[SIZE]];
  const widest = Math.max(size, list[VALUE_SIZE]) + 5;
  const [rows, columns] = [Math.min(QUERY_BLOCK, queries) + 7, Math.min(KEY_BLOCK, keys) + 7];
  const shared = product(batchOf(list).slice(list[OUTER]));
  const panels = 2 * 32 * rows + 4 * rows * columns + 16 * QUERY_BLOCK;
  const sums = shared * Math.ceil(queries / 8) * 32 * (size + 5);
  return FRAME_BYTES + 5 * 4 * columns * widest + 4 * 4 * rows * widest + panels + sums + 16 * 16;
}

/** One batch index: where each operand's matrix begins, and the logits of its queries. */
interface Matrix {
  readonly index: number;
  readonly starts: readonly number[];
}

function matrices(list: readonly number[]): Matrix[] {
  const batch = batchOf(list);
  return Array.from({ length: product(batch) }, (_, index) => {
    const starts = [0, 0, 0, 0, 0, 0];
    let rest = index;
    for (let a = batch.length - 1; a >= 0; a--) {
      const i = rest % batch[a];
      rest = Math.floor(rest / batch[a]);
      starts.forEach((_, o) => starts[o] += i * list[AXES + AXIS_LENGTH * a + 1 + o]);
    }
    return { index, starts };
  });
}

type Floats = Float32Array;

/** An element of operand number `o`. */
function place(list: readonly number[], { starts }: Matrix, o: number, i: number, j: number) {
  return starts[o] + i * list[STRIDES + 2 * o] + j * list[STRIDES + 2 * o + 1];
}

const LEAST = -3.4028234663852886e38;

/** The logits of a query, and which of them are no more than the mask's. */
function logitsOf(
  list: readonly number[],
  m: Matrix,
  i: number,
  [q, k, bias, mask]: readonly [Floats, Floats, Floats, TypedArray],
): { logits: number[]; hidden: boolean[] } {
  const hidden: boolean[] = [];
  const logits = Array.from({ length: list[KEYS] }, (_, j) => {
    hidden[j] = j < i - list[BACK] || j > i + list[AHEAD] ||
      (list[HAS_MASK] !== 0 && !mask[place(list, m, 4, i, j)]);
    if (hidden[j]) return LEAST;
    let sum = 0;
    for (let c = 0; c < list[SIZE]; c++) {
      sum += q[place(list, m, 0, i, c)] * k[place(list, m, 1, j, c)];
    }
    sum *= bitsFloat(list[SCALE]);
    return list[HAS_BIAS] ? sum + bias[place(list, m, 3, i, j)] : sum;
  });
  return { logits, hidden };
}

/** `(list, q, k, v, bias, mask, out, statistics, scratch, from, to)`, plainly. */
export function runAttention(args: readonly (TypedArray | number | readonly number[])[]): void {
  const list = args[0] as readonly number[];
  const [q, k, v, bias] = args.slice(1, 5) as Floats[];
  const mask = args[5] as TypedArray;
  const [out, statistics] = args.slice(6, 8) as Floats[];
  const queries = list[QUERIES];
  for (const m of matrices(list)) {
    for (let i = 0; i < queries; i++) {
      const { logits } = logitsOf(list, m, i, [q, k, bias, mask]);
      const largest = Math.max(LEAST, ...logits.filter((x) => x === x));
      const weights = logits.map((x) => Math.exp(x - largest));
      const sum = weights.reduce((a, b) => a + b, 0);
      statistics[2 * m.index * queries + i] = largest;
      statistics[(2 * m.index + 1) * queries + i] = sum;
      for (let c = 0; c < list[VALUE_SIZE]; c++) {
        const mean = weights.reduce((a, w, j) => a + w * v[place(list, m, 2, j, c)], 0);
        out[place(list, m, 5, i, c)] = mean / sum;
      }
    }
  }
}

/** `(list, q, k, v, bias, mask, out, statistics, dout, dq, dk, dv, scratch, from, to)`, plainly. */
export function runAttentionGradients(
  args: readonly (TypedArray | number | readonly number[])[],
): void {
  const list = args[0] as readonly number[];
  const [q, k, v, bias] = args.slice(1, 5) as Floats[];
  const mask = args[5] as TypedArray;
  const [out, statistics, dout, dq, dk, dv] = args.slice(6, 12) as Floats[];
  const [queries, size, values] = [list[QUERIES], list[SIZE], list[VALUE_SIZE]];
  const scale = bitsFloat(list[SCALE]);
  for (const x of [dq, dk, dv]) x.fill(0);
  for (const m of matrices(list)) {
    for (let i = 0; i < queries; i++) {
      const { logits, hidden } = logitsOf(list, m, i, [q, k, bias, mask]);
      const largest = statistics[2 * m.index * queries + i];
      const sum = statistics[(2 * m.index + 1) * queries + i];
      let delta = 0;
      for (let c = 0; c < values; c++) {
        delta += out[place(list, m, 5, i, c)] * dout[place(list, m, 5, i, c)];
      }
      logits.forEach((x, j) => {
        const p = Math.exp(x - largest) / sum;
        let dp = 0;
        for (let c = 0; c < values; c++) {
          dp += dout[place(list, m, 5, i, c)] * v[place(list, m, 2, j, c)];
          dv[place(list, m, 2, j, c)] += p * dout[place(list, m, 5, i, c)];
        }
        if (hidden[j]) return;
        const ds = p * (dp - delta) * scale;
        for (let c = 0; c < size; c++) {
          dq[place(list, m, 0, i, c)] += ds * k[place(list, m, 1, j, c)];
          dk[place(list, m, 1, j, c)] += ds * q[place(list, m, 0, i, c)];
        }
      });
    }
  }
}
