/**
 * Reductions of the rows of an array by the segment that each belongs to, as `jax.ops`: what message passing over graphs,
 * pooling by group, and sums by key are made of.
 *
 * @example
 * ```ts
 * import { numpy as np, ops } from "@vernal/vernal";
 *
 * // Three edges of a graph bring their messages to two nodes.
 * const messages = np.array([[1, 2], [3, 4], [5, 6]]);
 * const receivers = np.array([0, 1, 0], { dtype: "int32" });
 * console.assert(String(ops.segmentSum(messages, receivers, { numSegments: 2 }).tolist()) === "6,8,3,4");
 * ```
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { formatShape, type Shape } from "../core/aval.ts";
import {
  dtypeInfo,
  type HostScalar,
  integerLimits,
  isComplex,
  isFloating,
  isInteger,
} from "../core/dtype.ts";
import { onHost } from "../core/placement.ts";
import { checkConcrete, checkInteger, readOptions } from "../numpy/axes.ts";
import { xlaMode } from "../numpy/indexing.ts";
import { asArray, broadcastArray } from "../numpy/promote.ts";
import { lit, literal } from "../ops/common.ts";
import { convertElementType } from "../ops/convert.ts";
import { concatenate } from "../ops/dynamic.ts";
import { scatter, type ScatterKind } from "../ops/gather.ts";
import { reduceMax, reduceMin, reduceProd } from "../ops/reduce.ts";
import { broadcastInDim, iota, reduceSum, reshape } from "../ops/shape.ts";
import { div } from "../ops/arith.ts";

/** Options of the segment operations. */
export interface SegmentOptions {
  /**
   * The number of segments, which is the leading size of the result. Where it is left out, it is the largest id plus one, so that
   * the ids must be concrete: inside of a transformation, state it.
   */
  readonly numSegments?: number | null;
  /** A promise that the ids ascend. A hint: nothing depends on it. */
  readonly indicesAreSorted?: boolean;
  /** A promise that no id occurs twice. Only {@linkcode segmentProd}'s derivative needs it. */
  readonly uniqueIndices?: boolean;
  /** Reduces runs of so many elements apart, and then their results: smaller errors of rounding, for memory of as many results as runs. */
  readonly bucketSize?: number | null;
  /**
   * What becomes of ids outside of `0 … numSegments - 1`: `"drop"` (or `"fill"`), as unless given, leaves their elements out, negative
   * ids included; `"clip"` takes the nearest segment; `"promise_in_bounds"` says that there are none.
   */
  readonly mode?: "drop" | "fill" | "clip" | "promise_in_bounds" | null;
}

/** One of the reductions: how a scatter combines, what it starts from, and how the results of buckets are put together. */
interface Reduction {
  readonly name: string;
  readonly kind: Exclude<ScatterKind, "set">;
  readonly identity: (x: NDArray) => HostScalar;
  readonly reduce: (x: NDArray, axes: readonly number[]) => NDArray;
}

/** The least or the greatest value of a dtype. */
function extreme({ dtype }: NDArray, greatest: boolean): HostScalar {
  if (dtype === "bool") return greatest;
  if (isFloating(dtype)) return greatest ? Infinity : -Infinity;
  const limit = integerLimits(dtype)[greatest ? 1 : 0];
  return dtypeInfo(dtype).bytes === 8 ? limit : Number(limit);
}

const sums: Reduction = {
  name: "ops.segmentSum",
  kind: "add",
  identity: () => 0,
  reduce: reduceSum,
};
const products: Reduction = {
  name: "ops.segmentProd",
  kind: "mul",
  identity: () => 1,
  reduce: reduceProd,
};
const maxima: Reduction = {
  name: "ops.segmentMax",
  kind: "max",
  identity: (x) => extreme(x, false),
  reduce: reduceMax,
};
const minima: Reduction = {
  name: "ops.segmentMin",
  kind: "min",
  identity: (x) => extreme(x, true),
  reduce: reduceMin,
};

function readData(data: ArrayLike, { name, kind }: Reduction): NDArray {
  const x = asArray(data, `${name}: data`);
  const ordered = kind === "max" || kind === "min";
  const takes = ordered
    ? isInteger(x.dtype) || isFloating(x.dtype) || x.dtype === "bool"
    : isInteger(x.dtype) || isFloating(x.dtype) || (kind === "add" && isComplex(x.dtype));
  if (takes) return x;
  const expected = ordered
    ? "real numbers or booleans"
    : kind === "add"
    ? "numbers"
    : "real numbers";
  throw new DTypeError(
    `${name}: data must be ${expected}; got ${x.dtype}${
      x.dtype === "bool" ? ": convert it, as in data.astype(np.int32)" : ""
    }`,
  );
}

/** The number of segments: as stated, or the largest id and one. */
function countSegments(ids: NDArray, o: SegmentOptions, name: string): number {
  if (o.numSegments !== undefined && o.numSegments !== null) {
    return checkInteger(o.numSegments, "options.numSegments", name, 0);
  }
  checkConcrete(ids, "segmentIds", name, "state options.numSegments");
  if (ids.size === 0) {
    throw new ArgumentError(
      `${name}: there are no segmentIds to find the number of segments by: state options.numSegments`,
    );
  }
  const axes = ids.shape.map((_, axis) => axis);
  return Math.max(0, Number(onHost(() => reduceMax(ids, axes)).item()) + 1);
}

/** The ids, with the number of the bucket before each where there are buckets. */
function indexVectors(ids: NDArray, bucketSize: number | null): NDArray {
  const column = reshape(ids, [...ids.shape, 1]);
  if (bucketSize === null) return column;
  // Both numbers of a vector have one dtype, which must hold every id.
  const { bytes } = dtypeInfo(ids.dtype);
  const dtype = bytes < 4 || ids.dtype === "int32" ? "int32" : "int64";
  const rows = iota(dtype, [ids.size, 1]);
  return concatenate([div(rows, lit(rows, bucketSize)), convertElementType(column, dtype)], 1);
}

function segments(
  reduction: Reduction,
  data: ArrayLike,
  segmentIds: ArrayLike,
  options: SegmentOptions | null | undefined,
): NDArray {
  const { name, kind, identity, reduce } = reduction;
  const o = readOptions(options, name, "{ numSegments: 10 }");
  const x = readData(data, reduction);
  const ids = asArray(segmentIds, `${name}: segmentIds`);
  if (!isInteger(ids.dtype)) {
    throw new DTypeError(
      `${name}: segmentIds must be integers; got ${ids.dtype}: give ` +
        'np.array(ids, { dtype: "int32" }) or an Int32Array',
    );
  }
  const row = x.shape.slice(1);
  const whole: Shape = [...ids.shape, ...row];
  if (!fits(x.shape, whole)) {
    throw new ShapeError(
      `${name}: segmentIds must have one id for each row of data, hence shape ${
        formatShape(x.shape.slice(0, 1))
      }; got ${formatShape(ids.shape)} beside data of shape ${formatShape(x.shape)}`,
    );
  }
  const mode = xlaMode(o.mode ?? "drop", name);
  const numSegments = countSegments(ids, o, name);
  const bucketSize = o.bucketSize ?? null;
  if (bucketSize !== null) {
    checkInteger(bucketSize, "options.bucketSize", name, 1);
    if (ids.ndim !== 1) {
      throw new ShapeError(
        `${name}: options.bucketSize needs segmentIds that are a vector; got shape ${
          formatShape(ids.shape)
        }`,
      );
    }
  }
  const start = (outer: Shape) =>
    broadcastInDim(literal(identity(x), x.dtype), [...outer, numSegments, ...row], []);
  if (numSegments === 0 || whole.includes(0)) return start([]);
  const outer = bucketSize === null ? [] : [Math.ceil(ids.size / bucketSize)];
  const axes = bucketSize === null ? [0] : [0, 1];
  const out = scatter(kind, start(outer), indexVectors(ids, bucketSize), broadcastArray(x, whole), {
    dimensionNumbers: {
      updateWindowDims: row.map((_, axis) => ids.ndim + axis),
      insertedWindowDims: axes,
      scatterDimsToOperandDims: axes,
      operandBatchingDims: [],
      scatterIndicesBatchingDims: [],
    },
    mode,
    uniqueIndices: o.uniqueIndices ?? false,
  });
  return bucketSize === null ? out : reduce(out, [0]);
}

/** Whether a shape broadcasts to another. */
function fits(shape: Shape, whole: Shape): boolean {
  const lead = whole.length - shape.length;
  return lead >= 0 && shape.every((n, i) => n === 1 || n === whole[lead + i]);
}

/**
 * Sums of the rows of `data` with equal ids: `out[s]` is the sum of all `data[i]` with `segmentIds[i] === s`.
 *
 * Rows are added in their order, in `data`'s own dtype, with one pass over `data`; a segment without rows is 0. Differentiable in
 * `data` to any order.
 *
 * @param data Numbers, `[n, …row]`. Booleans are refused, as in JAX.
 * @param segmentIds Integers `[n]`, in any order. Negative ones, and those of no segment, are left out.
 * @returns `[numSegments, …row]`, of `data`'s dtype.
 * @throws {ArgumentError} Where `numSegments` is left out and `segmentIds` is traced or empty.
 * @throws {ShapeError} Where `data` does not have one row for each id.
 * @throws {DTypeError} For booleans, and ids that are no integers.
 *
 * @example
 * ```ts
 * import { numpy as np, ops } from "@vernal/vernal";
 *
 * const x = np.array([1, 2, 3, 4]);
 * const ids = np.array([0, 0, 2, -1], { dtype: "int32" });
 * console.assert(String(ops.segmentSum(x, ids).tolist()) === "3,0,3");
 * console.assert(String(ops.segmentSum(x, ids, { numSegments: 4 }).tolist()) === "3,0,3,0");
 * ```
 */
export function segmentSum(
  data: ArrayLike,
  segmentIds: ArrayLike,
  options?: SegmentOptions | null,
): NDArray {
  return segments(sums, data, segmentIds, options);
}

/**
 * Products of the rows of `data` with equal ids; a segment without rows is 1. Else as {@linkcode segmentSum}, but that it is
 * differentiable, as in JAX, only where `uniqueIndices` is stated, and that complex numbers are refused.
 *
 * @throws {DifferentiationError} Where it is differentiated and ids may repeat.
 *
 * @example
 * ```ts
 * import { numpy as np, ops } from "@vernal/vernal";
 *
 * const product = ops.segmentProd(np.array([2, 3, 4]), Int32Array.of(1, 1, 2));
 * console.assert(String(product.tolist()) === "1,6,4");
 * ```
 */
export function segmentProd(
  data: ArrayLike,
  segmentIds: ArrayLike,
  options?: SegmentOptions | null,
): NDArray {
  return segments(products, data, segmentIds, options);
}

/**
 * The greatest, element by element, of the rows of `data` with equal ids; NaN where there is one. A segment without rows is -Infinity,
 * the least integer, or false. Else as {@linkcode segmentSum}; the derivative is shared evenly among rows that are equal.
 *
 * @param data Real numbers or booleans, `[n, …row]`.
 *
 * @example
 * ```ts
 * import { numpy as np, ops } from "@vernal/vernal";
 *
 * const ids = np.array([1, 1, 0], { dtype: "int32" });
 * const greatest = ops.segmentMax(np.array([1.5, 2.5, -1]), ids, { numSegments: 3 });
 * console.assert(String(greatest.tolist()) === "-1,2.5,-Infinity");
 * ```
 */
export function segmentMax(
  data: ArrayLike,
  segmentIds: ArrayLike,
  options?: SegmentOptions | null,
): NDArray {
  return segments(maxima, data, segmentIds, options);
}

/**
 * The least, element by element, of the rows of `data` with equal ids; NaN where there is one. A segment without rows is Infinity, the
 * greatest integer, or true. Else as {@linkcode segmentMax}.
 *
 * @example
 * ```ts
 * import { numpy as np, ops } from "@vernal/vernal";
 *
 * const ids = np.array([1, 1, 0], { dtype: "int32" });
 * const least = ops.segmentMin(np.array([1.5, 2.5, -1]), ids, { numSegments: 3 });
 * console.assert(String(least.tolist()) === "-1,1.5,Infinity");
 * ```
 */
export function segmentMin(
  data: ArrayLike,
  segmentIds: ArrayLike,
  options?: SegmentOptions | null,
): NDArray {
  return segments(minima, data, segmentIds, options);
}
