/**
 * Functions of `jax.lax` that combine elements: reductions, cumulations, contractions, sorting.
 *
 * @module
 */
import { ShapeError } from "../errors.ts";
import { type ArrayLike, NDArray } from "../core/array.ts";
import { checkDType, type DType } from "../core/dtype.ts";
import { asArray, normalizeAxis } from "../numpy/promote.ts";
import { dot as numpyDot } from "../numpy/linalg_basic.ts";
import { logaddexp } from "../numpy/own_rules.ts";
import { convertElementType } from "../ops/convert.ts";
import { checkAccepts } from "../ops/common.ts";
import * as cumulative from "../ops/cumulative.ts";
import { type DimensionNumbers, dotGeneral as dotGeneralOp } from "../ops/dot.ts";
import * as ops from "../ops/reduce.ts";
import { reduceSum as reduceSumOp } from "../ops/shape.ts";
import * as sorting from "../ops/sort.ts";

/** The sum over `axes`. */
export function reduceSum(x: ArrayLike, axes: readonly number[]): NDArray {
  return reduceSumOp(asArray(x, "lax.reduceSum"), axes);
}
/** The product over `axes`. */
export function reduceProd(x: ArrayLike, axes: readonly number[]): NDArray {
  return ops.reduceProd(asArray(x, "lax.reduceProd"), axes);
}
/** The maximum over `axes`. */
export function reduceMax(x: ArrayLike, axes: readonly number[]): NDArray {
  return ops.reduceMax(asArray(x, "lax.reduceMax"), axes);
}
/** The minimum over `axes`. */
export function reduceMin(x: ArrayLike, axes: readonly number[]): NDArray {
  return ops.reduceMin(asArray(x, "lax.reduceMin"), axes);
}
/** Whether all are true over `axes`; bitwise for integers. */
export function reduceAnd(x: ArrayLike, axes: readonly number[]): NDArray {
  return ops.reduceAnd(asArray(x, "lax.reduceAnd"), axes);
}
/** Whether any is true over `axes`; bitwise for integers. */
export function reduceOr(x: ArrayLike, axes: readonly number[]): NDArray {
  return ops.reduceOr(asArray(x, "lax.reduceOr"), axes);
}
/** The bitwise exclusive or over `axes`. */
export function reduceXor(x: ArrayLike, axes: readonly number[]): NDArray {
  return ops.reduceXor(asArray(x, "lax.reduceXor"), axes);
}
/** The position of the first maximum along an axis, as an integer dtype. */
export function argmax(x: ArrayLike, axis: number, indexDtype: DType = "int32"): NDArray {
  const a = asArray(x, "lax.argmax");
  const at = ops.argmax(a, normalizeAxis(axis, a.ndim, "lax.argmax"));
  return indexDtype === "int32" ? at : convertElementType(at, checkDType(indexDtype, "lax.argmax"));
}
/** The position of the first minimum along an axis, as an integer dtype. */
export function argmin(x: ArrayLike, axis: number, indexDtype: DType = "int32"): NDArray {
  const a = asArray(x, "lax.argmin");
  const at = ops.argmin(a, normalizeAxis(axis, a.ndim, "lax.argmin"));
  return indexDtype === "int32" ? at : convertElementType(at, checkDType(indexDtype, "lax.argmin"));
}

/** Options of the cumulative functions. */
export interface CumulativeOptions {
  /** The axis; 0 unless given. */
  readonly axis?: number;
  /** Whether to run from the end; false unless told. */
  readonly reverse?: boolean;
}

function cumulate(
  fn: (x: NDArray, axis: number, reverse?: boolean) => NDArray,
  x: ArrayLike,
  options: CumulativeOptions | number,
  where: string,
): NDArray {
  const { axis = 0, reverse = false } = typeof options === "number" ? { axis: options } : options;
  const a = asArray(x, where);
  return fn(a, normalizeAxis(axis, a.ndim, where), reverse);
}

/** Running sums along an axis. */
export function cumsum(x: ArrayLike, options: CumulativeOptions | number = {}): NDArray {
  return cumulate(cumulative.cumsum, x, options, "lax.cumsum");
}
/** Running products along an axis. */
export function cumprod(x: ArrayLike, options: CumulativeOptions | number = {}): NDArray {
  return cumulate(cumulative.cumprod, x, options, "lax.cumprod");
}
/** Running maxima along an axis. */
export function cummax(x: ArrayLike, options: CumulativeOptions | number = {}): NDArray {
  return cumulate(cumulative.cummax, x, options, "lax.cummax");
}
/** Running minima along an axis. */
export function cummin(x: ArrayLike, options: CumulativeOptions | number = {}): NDArray {
  return cumulate(cumulative.cummin, x, options, "lax.cummin");
}
/** Running `log(sum(exp(x)))` along an axis. */
export function cumlogsumexp(x: ArrayLike, options: CumulativeOptions | number = {}): NDArray {
  const where = "lax.cumlogsumexp";
  const running = (x: NDArray, axis: number, reverse = false): NDArray => {
    checkAccepts(where, x.dtype, "floating");
    return cumulative.byDoubling([x], { axis, reverse }, ([a], [b]) => [logaddexp(a, b)])[0];
  };
  return cumulate(running, x, options, where);
}

/** Vector, matrix and mixed products of operands with one or two axes. */
export function dot(x: ArrayLike, y: ArrayLike): NDArray {
  return numpyDot(x, y);
}

/** Options of {@linkcode dotGeneral}. */
export interface DotOptions {
  /** The dtype to compute in, and of the result; that of the operands unless given. */
  readonly preferredElementType?: DType | null;
}

/** Sums products over contracted axes; the result has batch axes, then free axes of `x`, then free axes of `y`. */
export function dotGeneral(
  x: ArrayLike,
  y: ArrayLike,
  dimensionNumbers: DimensionNumbers,
  options: DotOptions = {},
): NDArray {
  const where = "lax.dotGeneral";
  const wanted = options.preferredElementType;
  const [a, b] = [x, y].map((v) => {
    const array = asArray(v, where);
    return wanted ? convertElementType(array, checkDType(wanted, where)) : array;
  });
  return dotGeneralOp(a, b, dimensionNumbers);
}

/** Options of {@linkcode sort}. */
export interface SortOptions {
  /** The axis; the last unless given. */
  readonly dimension?: number;
  /** Sorting is stable in any case. */
  readonly isStable?: boolean;
  /** How many of the operands are keys, the first the most significant; 1 unless given. */
  readonly numKeys?: number;
}

/** In ascending order along an axis, NaN last. A list of arrays is sorted by the first, or the first `numKeys`. */
export function sort(x: NDArray, options?: SortOptions | number): NDArray;
/** As above, for several arrays. */
export function sort(xs: readonly NDArray[], options?: SortOptions | number): NDArray[];
export function sort(
  x: NDArray | readonly NDArray[],
  options: SortOptions | number = {},
): NDArray | NDArray[] {
  const { dimension = -1, numKeys = 1 } = typeof options === "number"
    ? { dimension: options }
    : options;
  if (x instanceof NDArray) return sorting.sort(x, normalizeAxis(dimension, x.ndim, "lax.sort"));
  if (x.length === 0) throw new ShapeError("lax.sort: needs at least one array");
  const axis = normalizeAxis(dimension, x[0].ndim, "lax.sort");
  // Stable sorts by each key, the least significant first.
  let arrays = [...x];
  for (let k = Math.min(numKeys, x.length) - 1; k >= 0; k--) {
    const order = sorting.argsort(arrays[k], axis);
    arrays = arrays.map((a) => sorting.takeAlongAxis(a, order, axis));
  }
  return arrays;
}

/** Keys in ascending order along an axis (the last unless given), and values moved with them. */
export function sortKeyVal(
  keys: NDArray,
  values: NDArray,
  options: { readonly dimension?: number } | number = {},
): [NDArray, NDArray] {
  const dimension = typeof options === "number" ? options : options.dimension ?? -1;
  return sorting.sortKeyVal(keys, values, normalizeAxis(dimension, keys.ndim, "lax.sortKeyVal"));
}
