/**
 * Sums, means, extremes and their like, over axes.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../errors.ts";
import { type ArrayLike, NDArray, type ReduceOptions } from "../core/array.ts";
import {
  checkDType,
  type DType,
  dtypeInfo,
  isComplex,
  isInexact,
  isInteger,
  isSigned,
} from "../core/dtype.ts";
import * as arith from "../ops/arith.ts";
import { lit, literal } from "../ops/common.ts";
import { convertElementType } from "../ops/convert.ts";
import { sqrt } from "../ops/elementary.ts";
import * as logic from "../ops/logic.ts";
import { imag, real } from "../ops/parts.ts";
import * as ops from "../ops/reduce.ts";
import { broadcastInDim, reduceSum, reshape } from "../ops/shape.ts";
import { checkOptions } from "../tree/kwargs.ts";
import {
  asArray,
  broadcastArray,
  broadcastShapes,
  inexactDType,
  normalizeAxes,
  normalizeAxis,
} from "./promote.ts";
import { isnan } from "./ufuncs.ts";

/** Options of sums and products. */
export interface SumOptions extends ReduceOptions {
  /** The dtype to compute in, and of the result. */
  readonly dtype?: DType;
  /** Which elements count: bool, broadcast to the array. */
  readonly where?: ArrayLike;
  /** What to start from. */
  readonly initial?: number;
}

/** `axis` alone, or an options object. */
export type AxisOr<T> = T | number | readonly number[] | null;

/** What every reduction takes. */
const plainNames = ["axis", "keepdims"];
const sumNames = [...plainNames, "dtype", "where", "initial"];
const extremeNames = [...plainNames, "where", "initial"];
const meanNames = [...plainNames, "dtype", "where"];
const varNames = [...meanNames, "ddof", "correction"];
const averageNames = [...plainNames, "weights"];

/** Reads options; refuses those that are unknown, because one misspelt would be a sum over other axes than was meant. */
function readOptions<T extends object>(
  options: AxisOr<T> | undefined,
  where: string,
  known: readonly string[],
): T {
  if (options === undefined || options === null) return {} as T;
  if (typeof options === "number" || Array.isArray(options)) {
    return { axis: options } as unknown as T;
  }
  if (typeof options !== "object" || options instanceof NDArray) {
    throw new ArgumentError(
      `${where}: expected an axis, a list of axes, or an object of options (${
        known.join(", ")
      }); got ${options instanceof NDArray ? "an array" : typeof options} ${String(options)}`,
    );
  }
  checkOptions(where, options, known);
  return options as T;
}

function keep(
  out: NDArray,
  shape: readonly number[],
  axes: readonly number[],
  keepdims = false,
): NDArray {
  return keepdims ? reshape(out, ops.keptShape(shape, axes)) : out;
}

/** Replaces the elements that `where` leaves out. */
function masked(x: NDArray, where: ArrayLike | undefined, value: NDArray, name: string): NDArray {
  if (where === undefined) return x;
  const mask = broadcastArray(asArray(where, name), x.shape);
  return logic.select(mask, x, broadcastInDim(value, x.shape, []));
}

/** The dtype that a sum of `dtype` has: bool counts in int32, small integers in 32 bits. */
function sumDType(dtype: DType): DType {
  if (dtype === "bool") return "int32";
  if (!isInteger(dtype) || dtypeInfo(dtype).bytes >= 4) return dtype;
  return isSigned(dtype) ? "int32" : "uint32";
}

/**
 * The sum over `axis` (all axes unless given).
 *
 * Floats are summed in blocks, which keeps the error of long sums near that of one rounding. Bools are counted in int32.
 *
 * @param x An array.
 * @param options `axis` (alone, or in an object), `keepdims`, `dtype`, `where`, `initial`.
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 *
 * np.sum(np.array([[1, 2], [3, 4]]), 1).tolist(); // [3, 7]
 * np.sum(np.array([[1, 2], [3, 4]]), { axis: 0, keepdims: true }).shape; // [1, 2]
 * ```
 */
export function sum(x: ArrayLike, options?: AxisOr<SumOptions>): NDArray {
  const where = "numpy.sum";
  const o = readOptions<SumOptions>(options, where, sumNames);
  const a = asArray(x, where);
  const dtype = o.dtype === undefined
    ? sumDType(a.dtype)
    : checkDType(o.dtype, `${where}: options.dtype`);
  const b = masked(
    convertElementType(a, dtype, a.weakType && dtype === a.dtype),
    o.where,
    literal(0, dtype),
    where,
  );
  const axes = normalizeAxes(o.axis, a.ndim, where);
  // In bools, a sum is whether any is true, and a product whether all are.
  const [reduce, add] = dtype === "bool" ? [ops.reduceOr, logic.or] : [reduceSum, arith.add];
  const out = reduce(b, axes);
  return keep(
    o.initial === undefined ? out : add(out, literal(o.initial, dtype)),
    a.shape,
    axes,
    o.keepdims,
  );
}

/** The product over `axis`. */
export function prod(x: ArrayLike, options?: AxisOr<SumOptions>): NDArray {
  const where = "numpy.prod";
  const o = readOptions<SumOptions>(options, where, sumNames);
  const a = asArray(x, where);
  const dtype = o.dtype === undefined
    ? sumDType(a.dtype)
    : checkDType(o.dtype, `${where}: options.dtype`);
  const b = masked(
    convertElementType(a, dtype, a.weakType && dtype === a.dtype),
    o.where,
    literal(1, dtype),
    where,
  );
  const axes = normalizeAxes(o.axis, a.ndim, where);
  const [reduce, mul] = dtype === "bool" ? [ops.reduceAnd, logic.and] : [ops.reduceProd, arith.mul];
  const out = reduce(b, axes);
  return keep(
    o.initial === undefined ? out : mul(out, literal(o.initial, dtype)),
    a.shape,
    axes,
    o.keepdims,
  );
}

/** Options of {@linkcode max} and {@linkcode min}. */
export interface ExtremeOptions extends ReduceOptions {
  /** Which elements count; needs `initial`. */
  readonly where?: ArrayLike;
  /** The value of an empty maximum; takes part in any. */
  readonly initial?: number;
}

function extreme(
  name: string,
  reduce: (x: NDArray, axes: readonly number[]) => NDArray,
  combine: (x: NDArray, y: NDArray) => NDArray,
  x: ArrayLike,
  options: AxisOr<ExtremeOptions> | undefined,
): NDArray {
  const o = readOptions<ExtremeOptions>(options, name, extremeNames);
  const a = asArray(x, name);
  const axes = normalizeAxes(o.axis, a.ndim, name);
  const initial = o.initial === undefined ? null : literal(o.initial, a.dtype);
  if (initial === null && o.where !== undefined) {
    throw new ArgumentError(`${name}: where needs initial`);
  }
  if (initial === null && axes.some((i) => a.shape[i] === 0)) {
    throw new ShapeError(
      `${name}: the maximum or minimum of no elements (shape [${a.shape}], axes [${axes}]) needs initial`,
    );
  }
  const out = reduce(initial === null ? a : masked(a, o.where, initial, name), axes);
  return keep(initial === null ? out : combine(out, initial), a.shape, axes, o.keepdims);
}

/** The maximum over `axis`; NaN if there is one. */
export function max(x: ArrayLike, options?: AxisOr<ExtremeOptions>): NDArray {
  return extreme("numpy.max", ops.reduceMax, arith.max, x, options);
}

/** The minimum over `axis`; NaN if there is one. */
export function min(x: ArrayLike, options?: AxisOr<ExtremeOptions>): NDArray {
  return extreme("numpy.min", ops.reduceMin, arith.min, x, options);
}

/** {@linkcode max}. */
export const amax = max;
/** {@linkcode min}. */
export const amin = min;

/** Options of {@linkcode mean}. */
export interface MeanOptions extends ReduceOptions {
  /** The dtype of the result; floating unless told. */
  readonly dtype?: DType;
  /** Which elements count. */
  readonly where?: ArrayLike;
}

/** The number of elements that count, in a floating dtype. */
function count(
  a: NDArray,
  axes: readonly number[],
  where: ArrayLike | undefined,
  dtype: DType,
  name: string,
): NDArray {
  if (where === undefined) return literal(axes.reduce((n, i) => n * a.shape[i], 1), dtype);
  const mask = broadcastArray(asArray(where, name), a.shape);
  return reduceSum(convertElementType(mask, dtype), axes);
}

/** The mean over `axis`; floating, also for integers. NaN over no elements. */
export function mean(x: ArrayLike, options?: AxisOr<MeanOptions>): NDArray {
  const name = "numpy.mean";
  const o = readOptions<MeanOptions>(options, name, meanNames);
  const a = asArray(x, name);
  const dtype = o.dtype === undefined
    ? inexactDType(a.dtype)
    : checkDType(o.dtype, `${name}: options.dtype`);
  const computeIn: DType = isInexact(dtype) ? dtype : "float32";
  const axes = normalizeAxes(o.axis, a.ndim, name);
  const total = reduceSum(
    masked(
      convertElementType(a, computeIn, a.weakType && a.dtype === computeIn),
      o.where,
      literal(0, computeIn),
      name,
    ),
    axes,
  );
  const out = arith.div(total, count(a, axes, o.where, computeIn, name));
  return keep(
    convertElementType(out, dtype, out.weakType && dtype === out.dtype),
    a.shape,
    axes,
    o.keepdims,
  );
}

/** Options of {@linkcode variance} and {@linkcode std}. */
export interface VarOptions extends MeanOptions {
  /** What to take off the number of elements in the divisor; 0 unless given. */
  readonly ddof?: number;
  /** The same as `ddof`, by its standard name. */
  readonly correction?: number;
}

/** The variance over `axis`: the mean of squared deviations from the mean. Exported as `numpy.var`. */
export function variance(x: ArrayLike, options?: AxisOr<VarOptions>): NDArray {
  const name = "numpy.var";
  const o = readOptions<VarOptions>(options, name, varNames);
  const a = asArray(x, name);
  const dtype: DType = o.dtype ?? inexactDType(a.dtype);
  const b = convertElementType(a, dtype, a.weakType && a.dtype === dtype);
  const axes = normalizeAxes(o.axis, a.ndim, name);
  const part = o.where === undefined ? {} : { where: o.where };
  const center = mean(b, { axis: axes, keepdims: true, ...part });
  const kept = a.shape.map((_, i) => i);
  const distance = arith.sub(b, broadcastInDim(center, a.shape, kept));
  // Masked before it is squared: the slope of what is left out may be NaN, and stays so times 0.
  const deviation = masked(distance, o.where, lit(distance, 0), name);
  const squares = isComplex(dtype)
    ? arith.add(arith.square(real(deviation)), arith.square(imag(deviation)))
    : arith.square(deviation);
  const total = sum(squares, { axis: axes });
  const divisor = arith.sub(
    count(a, axes, o.where, squares.dtype, name),
    lit(squares, o.ddof ?? o.correction ?? 0),
  );
  return keep(arith.div(total, divisor), a.shape, axes, o.keepdims);
}

/** The standard deviation over `axis`. */
export function std(x: ArrayLike, options?: AxisOr<VarOptions>): NDArray {
  return sqrt(variance(x, options));
}

/** Whether any element over `axis` is nonzero or true. */
export function any(x: ArrayLike, options?: AxisOr<ReduceOptions>): NDArray {
  const o = readOptions<ReduceOptions>(options, "numpy.any", plainNames);
  const a = asArray(x, "numpy.any");
  const b = a.dtype === "bool" ? a : logic.ne(a, lit(a, 0));
  const axes = normalizeAxes(o.axis, a.ndim, "numpy.any");
  return keep(ops.reduceOr(b, axes), a.shape, axes, o.keepdims);
}

/** Whether all elements over `axis` are nonzero or true. */
export function all(x: ArrayLike, options?: AxisOr<ReduceOptions>): NDArray {
  const o = readOptions<ReduceOptions>(options, "numpy.all", plainNames);
  const a = asArray(x, "numpy.all");
  const b = a.dtype === "bool" ? a : logic.ne(a, lit(a, 0));
  const axes = normalizeAxes(o.axis, a.ndim, "numpy.all");
  return keep(ops.reduceAnd(b, axes), a.shape, axes, o.keepdims);
}

/** Options of {@linkcode argmax} and {@linkcode argmin}. */
export interface ArgOptions {
  /** The axis; the flattened array unless given. */
  readonly axis?: number | null;
  /** Whether the axis stays, with size 1. */
  readonly keepdims?: boolean;
}

function argExtreme(
  name: string,
  find: (x: NDArray, axis: number) => NDArray,
  x: ArrayLike,
  options: ArgOptions | number | null | undefined,
): NDArray {
  const o: ArgOptions = typeof options === "number" ? { axis: options } : options ?? {};
  const a = asArray(x, name);
  if (o.axis === null || o.axis === undefined) {
    const out = find(reshape(a, [a.size]), 0);
    return o.keepdims ? reshape(out, a.shape.map(() => 1)) : out;
  }
  const axis = normalizeAxis(o.axis, a.ndim, name);
  return keep(find(a, axis), a.shape, [axis], o.keepdims);
}

/** The position (int32) of the first maximum along `axis`, or in the flattened array; of the first NaN, if there is one. */
export function argmax(x: ArrayLike, options?: ArgOptions | number | null): NDArray {
  return argExtreme("numpy.argmax", ops.argmax, x, options);
}

/** The position (int32) of the first minimum along `axis`, or in the flattened array; of the first NaN, if there is one. */
export function argmin(x: ArrayLike, options?: ArgOptions | number | null): NDArray {
  return argExtreme("numpy.argmin", ops.argmin, x, options);
}

/** The largest minus the smallest element over `axis`. */
export function ptp(x: ArrayLike, options?: AxisOr<ReduceOptions>): NDArray {
  return arith.sub(max(x, options), min(x, options));
}

/** The number of nonzero elements over `axis`, int32. */
export function countNonzero(x: ArrayLike, options?: AxisOr<ReduceOptions>): NDArray {
  const a = asArray(x, "numpy.countNonzero");
  return sum(logic.ne(a, lit(a, 0)), options as AxisOr<SumOptions>);
}

/** Options of {@linkcode average}. */
export interface AverageOptions extends ReduceOptions {
  /** The weight of each element: of the array's shape, or one for each place along a single axis. */
  readonly weights?: ArrayLike;
}

/** The weighted mean over `axis`. */
export function average(x: ArrayLike, options?: AxisOr<AverageOptions>): NDArray {
  const o = readOptions<AverageOptions>(options, "numpy.average", averageNames);
  const over = { axis: o.axis ?? null, keepdims: o.keepdims ?? false };
  if (o.weights === undefined) return mean(x, over);
  const a = asArray(x, "numpy.average");
  let weights = asArray(o.weights, "numpy.average");
  if (weights.ndim === 1 && a.ndim > 1 && typeof o.axis === "number") {
    const axis = normalizeAxis(o.axis, a.ndim, "numpy.average");
    weights = broadcastInDim(weights, a.shape, [axis]);
  }
  const shape = broadcastShapes([a.shape, weights.shape], "numpy.average");
  const w = convertElementType(
    broadcastArray(weights, shape),
    inexactDType(a.dtype),
  );
  const v = convertElementType(a, w.dtype);
  return arith.div(sum(arith.mul(v, w), over), sum(w, over));
}

/** The sum over `axis`, NaNs counted as 0. */
export function nansum(x: ArrayLike, options?: AxisOr<SumOptions>): NDArray {
  const a = asArray(x, "numpy.nansum");
  return sum(logic.select(isnan(a), broadcastInDim(lit(a, 0), a.shape, []), a), options);
}

/** The mean over `axis` of what is not NaN. */
export function nanmean(x: ArrayLike, options?: AxisOr<ReduceOptions>): NDArray {
  const a = asArray(x, "numpy.nanmean");
  return mean(a, {
    ...readOptions<ReduceOptions>(options, "numpy.nanmean", plainNames),
    where: logic.not(isnan(a)),
  });
}
