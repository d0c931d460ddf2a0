/**
 * Attention: `jax.nn`'s function for all heads of a batch, and Equinox's for one head, of which it is made.
 *
 * @module
 */
import { ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, shapesEqual } from "../core/aval.ts";
import { dtypeInfo } from "../core/dtype.ts";
import { attend } from "../control/attention.ts";
import { finfo } from "../numpy/dtype_queries.ts";
import { matmul } from "../numpy/linalg_basic.ts";
import { arange } from "../numpy/creation.ts";
import { broadcastTo, reshape } from "../numpy/shapes.ts";
import {
  add,
  divide,
  greaterEqual,
  lessEqual,
  logicalAnd,
  multiply,
  subtract,
} from "../numpy/ufuncs.ts";
import { filterVmap } from "../filter/vmap.ts";
import { where } from "../numpy/where.ts";
import { convertElementType } from "../ops/convert.ts";
import { softmax } from "./functions.ts";
import { wideDType } from "./layers/common.ts";
import type { Dropout } from "./layers/dropout.ts";

/** Options of {@linkcode dotProductAttentionWeights}. */
export interface AttentionWeightsOptions {
  /** Which position of the keys each query may look at: boolean, of shape `[queries, keys]`. All unless given. */
  readonly mask?: NDArray | null;
  /** Added to the logits; of that shape too. */
  readonly bias?: NDArray | null;
  /** By what the products are multiplied, `1 / √size` unless given. */
  readonly scale?: number | null;
}

function checkSequence(x: NDArray, name: string): void {
  if (x.ndim === 2) return;
  throw new ShapeError(
    `${name} must have shape [sequence, size]; got ${
      formatShape(x.shape)
    }. It is one head of one example: use filterVmap for several, or nn.MultiheadAttention`,
  );
}

/**
 * How much each query looks at each key: `softmax(query @ key.T / √size)`, taken in at least float32.
 *
 * @param query Of shape `[queries, size]`.
 * @param key Of shape `[keys, size]`.
 * @returns Of shape `[queries, keys]`; the rows sum to 1.
 * @throws {ShapeError} Where the shapes do not fit.
 *
 * @example
 * ```ts
 * import { nn, numpy as np } from "@vernal/vernal";
 *
 * const query = np.array([[0, Math.SQRT2]]);
 * const key = np.array([[1, 0], [0, 1]]);
 * const mask = np.array([[true, false]]);
 * nn.dotProductAttentionWeights(query, key, { mask }).tolist(); // [[1, 0]]
 * ```
 */
export function dotProductAttentionWeights(
  query: NDArray,
  key: NDArray,
  options: AttentionWeightsOptions = {},
): NDArray {
  const caller = "nn.dotProductAttentionWeights";
  checkSequence(query, `${caller}: query`);
  checkSequence(key, `${caller}: key`);
  const size = query.shape[1];
  if (key.shape[1] !== size) {
    throw new ShapeError(
      `${caller}: query and key must have rows of one size; got ${formatShape(query.shape)} and ${
        formatShape(key.shape)
      }`,
    );
  }
  const scale = options.scale ?? null;
  const scaled = scale === null ? divide(query, Math.sqrt(size)) : multiply(query, scale);
  let logits = matmul(scaled, key.T);
  const bias = options.bias ?? null;
  if (bias !== null) logits = convertElementType(add(logits, bias), logits.dtype);
  const mask = options.mask ?? null;
  if (mask !== null) {
    if (!shapesEqual(mask.shape, logits.shape)) {
      throw new ShapeError(
        `${caller}: mask must have shape [queries, keys], ${formatShape(logits.shape)}; got ${
          formatShape(mask.shape)
        }`,
      );
    }
    logits = where(mask, logits, finfo(logits.dtype).min);
  }
  const weights = softmax(convertElementType(logits, wideDType(logits.dtype)));
  return convertElementType(weights, logits.dtype);
}

/** Options of {@linkcode attendOneHead}. */
export interface OneHeadOptions extends AttentionWeightsOptions {
  /** Applied to the weights. */
  readonly dropout?: Dropout | null;
  /** Randomness for the dropout. */
  readonly key?: NDArray | null;
  /** Whether the dropout hands everything on; its own flag unless given. */
  readonly inference?: boolean | null;
}

/** {@linkcode dotProductAttention} of one head of one example. */
export function attendOneHead(
  query: NDArray,
  key: NDArray,
  value: NDArray,
  options: OneHeadOptions = {},
): NDArray {
  const { dropout = null, key: randomKey = null, inference = null, ...others } = options;
  checkSequence(value, "nn.dotProductAttention: value");
  const drops = dropout !== null && !(inference ?? dropout.inference) && dropout.p !== 0;
  if (!drops && isBlockwise([query, key, value], others)) {
    return attendBlockwise([query, key, value], others, matrixAxes);
  }
  let weights = dotProductAttentionWeights(query, key, others);
  if (dropout !== null) weights = dropout.call(weights, { key: randomKey, inference });
  return matmul(weights, value);
}

/** Which axes of queries, keys and values are what: batch axes, the first `outer` of which keys and values have, the sequence, the vectors. */
interface AttentionAxes {
  readonly outer: number;
  readonly query: readonly number[];
  readonly key: readonly number[];
}

const matrixAxes: AttentionAxes = { outer: 0, query: [0, 1], key: [0, 1] };

/** Whether attention goes block by block, its logits never all in memory: for float32, of arrays that are not empty and do fit. */
function isBlockwise(given: readonly NDArray[], { bias, mask }: AttentionWeightsOptions): boolean {
  const [query, key, value] = given;
  const fits = query.ndim === key.ndim && key.shape.at(-1) === query.shape.at(-1) &&
    value.shape[0] === key.shape[0];
  const isMask = !mask || (mask.dtype === "bool" &&
    (query.ndim > 2 || shapesEqual(mask.shape, [query.shape[0], key.shape[0]])));
  const isBias = !bias || (dtypeInfo(bias.dtype).kind === "floating" &&
    (query.ndim > 2 || shapesEqual(bias.shape, [query.shape[0], key.shape[0]])));
  return fits && isMask && isBias && given.every((x) => x.dtype === "float32" && x.size > 0);
}

/** Attention block by block; bias and mask have all batch axes, queries and keys, or 1 for each. */
function attendBlockwise(
  [query, key, value]: readonly NDArray[],
  { bias = null, mask = null, scale = null }: AttentionWeightsOptions,
  { outer, query: queryAxes, key: keyAxes }: AttentionAxes,
  window: readonly [back: number | null, ahead: number | null] = [null, null],
): NDArray {
  const operands = [query, key, value];
  if (bias !== null) operands.push(convertElementType(bias, "float32"));
  if (mask !== null) operands.push(mask);
  return attend(operands, {
    scale: scale ?? 1 / Math.sqrt(query.shape[queryAxes[queryAxes.length - 1]]),
    window,
    hasBias: bias !== null,
    hasMask: mask !== null,
    outer,
    query: queryAxes,
    key: keyAxes,
    value: keyAxes,
  });
}

/** Options of {@linkcode dotProductAttention}. */
export interface AttentionOptions {
  /** Added to the logits: of a shape that broadcasts to `[batch, heads, queries, keys]`, or as many of the last axes as there are. */
  readonly bias?: NDArray | null;
  /** Which position of the keys each query may look at: boolean, of such a shape. All unless given. */
  readonly mask?: NDArray | null;
  /** By what the products are multiplied, `1 / √size` unless given. */
  readonly scale?: number | null;
  /** Whether no query looks at a later position; false unless told. */
  readonly isCausal?: boolean;
  /** How far each query looks back and ahead: one number, or two. As far as there is unless given. */
  readonly localWindowSize?: number | readonly [back: number, ahead: number] | null;
}

/**
 * Attention: for each query the mean of the values, weighted by how well their keys fit. The softmax is taken in at least float32.
 * Vaswani et al. 2017, https://arxiv.org/abs/1706.03762.
 *
 * Takes one head, `[sequence, size]`, as Equinox's function; or as `jax.nn.dot_product_attention` several heads, `[sequence, heads, size]`, of
 * a batch, `[batch, sequence, heads, size]`. Keys and values may have fewer heads than queries, each then serving several of
 * those (Ainslie et al. 2023, https://arxiv.org/abs/2305.13245).
 *
 * On the processor, float32 goes through the keys block by block, its gradients too: the logits are never in memory as a whole (Dao et al. 2022,
 * https://arxiv.org/abs/2205.14135), and what `isCausal` and `localWindowSize` leave out is not computed. Forward mode, derivatives beyond
 * the first, the gradient of a bias, other dtypes and WebGPU do hold them.
 *
 * @param query Queries, of two, three or four axes.
 * @param key Keys, of as many.
 * @param value Values, one for each key.
 * @returns Of the shape of the queries, with the size of the values.
 * @throws {ShapeError} Where the shapes do not fit.
 *
 * @example
 * ```ts
 * import { nn, numpy as np } from "@vernal/vernal";
 *
 * nn.dotProductAttention(np.ones([3, 4]), np.ones([5, 4]), np.ones([5, 2])).shape; // [3, 2]
 * const x = np.ones([8, 5, 2, 4]);
 * nn.dotProductAttention(x, x, x, { isCausal: true }).shape; // [8, 5, 2, 4]
 * ```
 */
export function dotProductAttention(
  query: NDArray,
  key: NDArray,
  value: NDArray,
  options: AttentionOptions = {},
): NDArray {
  const { ndim } = query;
  const isOneHead = ndim === 2;
  const batched = (x: NDArray) => {
    if (ndim === 4) return x;
    const [length, ...rest] = x.shape;
    return reshape(x, [1, length, ...isOneHead ? [1] : [], ...rest]);
  };
  const given = [query, key, value];
  if (ndim < 2 || ndim > 4 || given.some((x) => x.ndim !== ndim)) throw misfit(given);
  const [q, k, v] = given.map(batched);
  const [batch, queries, heads, size] = q.shape;
  const [, keys, groups] = k.shape;
  const fits = k.shape[0] === batch && k.shape[3] === size && heads % groups === 0 &&
    shapesEqual(v.shape.slice(0, 3), k.shape.slice(0, 3));
  if (!fits) throw misfit(given);
  const full = [batch, heads, queries, keys];
  for (const name of ["bias", "mask"] as const) checkLogits(options[name] ?? null, name, full);
  if (isBlockwise([q, k, v], options)) return byGroups([q, k, v], options, query.shape);
  const grouped = (x: NDArray) =>
    reshape(broadcastTo(x, full), [batch, groups, heads / groups, queries, keys]);
  const mask = maskOf(queries, keys, options);
  const bias = options.bias ?? null;
  const one = (
    q: NDArray,
    k: NDArray,
    v: NDArray,
    mask: NDArray | null,
    bias: NDArray | null,
  ) => attendOneHead(q, k, v, { mask, bias, scale: options.scale ?? null });
  const overGroup = filterVmap(one, { inAxes: [1, null, null, 0, 0], outAxes: 1 });
  const overHeads = filterVmap(overGroup, { inAxes: [1, 1, 1, 0, 0], outAxes: 1 });
  const out = filterVmap(overHeads)(
    reshape(q, [batch, queries, groups, heads / groups, size]),
    k,
    v,
    mask === null ? null : grouped(mask),
    bias === null ? null : grouped(bias),
  );
  return reshape(out, [...query.shape.slice(0, -1), v.shape[3]]);
}

/** Checks that what goes with the logits broadcasts to their shape. */
function checkLogits(x: NDArray | null, name: string, full: readonly number[]): void {
  if (x === null) return;
  const lead = full.length - x.ndim;
  if (lead >= 0 && x.shape.every((n, axis) => n === 1 || n === full[lead + axis])) return;
  throw new ShapeError(
    `nn.dotProductAttention: options.${name} must broadcast to [batch, heads, queries, keys], ${
      formatShape(full)
    }; got shape ${formatShape(x.shape)}`,
  );
}

/** Attention block by block over `[batch, sequence, heads, size]`, the result of the shape `shape` but for the size of the values. */
function byGroups(
  [q, k, v]: readonly NDArray[],
  options: AttentionOptions,
  shape: readonly number[],
): NDArray {
  const [batch, queries, heads, size] = q.shape;
  const groups = k.shape[2];
  const each = heads / groups;
  // Neither is broadcast: an axis of 1 stands for all.
  const over = (x: NDArray | null | undefined): NDArray | null => {
    if (!x) return null;
    const [b, h, ...rest] = [1, 1, 1, 1, ...x.shape].slice(-4);
    if (each === 1) return reshape(x, [b, h, ...rest]);
    return reshape(x, [b, ...h === 1 ? [1, 1] : [groups, each], ...rest]);
  };
  const local = options.localWindowSize ?? null;
  const [back, ahead] = typeof local === "number" ? [local, local] : local ?? [null, null];
  const window = [
    back,
    options.isCausal === true ? Math.min(ahead ?? 0, 0) : ahead,
  ] as const;
  const key = [0, 2, 1, 3];
  const axes = each === 1
    ? { outer: 2, query: key, key }
    : { outer: 2, query: [0, 2, 3, 1, 4], key };
  const split = each === 1 ? q : reshape(q, [batch, queries, groups, each, size]);
  const given = {
    bias: over(options.bias),
    mask: over(options.mask),
    scale: options.scale ?? null,
  };
  const out = attendBlockwise([split, k, v], given, axes, window);
  return reshape(out, [...shape.slice(0, -1), v.shape[3]]);
}

/** The positions that each query may look at, by all that the options say; `null` for all. */
function maskOf(queries: number, keys: number, options: AttentionOptions): NDArray | null {
  const masks: NDArray[] = options.mask ? [options.mask] : [];
  const window = options.localWindowSize ?? null;
  if (options.isCausal === true || window !== null) {
    const distance = subtract(
      arange(keys, { dtype: "int32" }),
      reshape(arange(queries, { dtype: "int32" }), [queries, 1]),
    );
    if (options.isCausal === true) masks.push(lessEqual(distance, 0));
    if (window !== null) {
      const [back, ahead] = typeof window === "number" ? [window, window] : window;
      masks.push(logicalAnd(greaterEqual(distance, -back), lessEqual(distance, ahead)));
    }
  }
  return masks.length === 0 ? null : masks.reduce(logicalAnd);
}

function misfit(given: readonly NDArray[]): ShapeError {
  return new ShapeError(
    "nn.dotProductAttention: expected query, key and value of shapes [sequence, size], [sequence, heads, size] or " +
      "[batch, sequence, heads, size], keys and values of one length, the heads of queries a multiple of theirs; got " +
      given.map((x) => formatShape(x.shape)).join(", "),
  );
}
