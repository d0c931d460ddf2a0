/**
 * Medians and quantiles, covariances, differences, interpolation and counting.
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray, ReduceOptions } from "../core/array.ts";
import { formatShape } from "../core/aval.ts";
import { isComplex, isFloating } from "../core/dtype.ts";
import { onHost } from "../core/placement.ts";
import * as arith from "../ops/arith.ts";
import { lit, literal } from "../ops/common.ts";
import { convertElementType } from "../ops/convert.ts";
import { concatenate as concatenateOp } from "../ops/dynamic.ts";
import { sqrt } from "../ops/elementary.ts";
import { scatter } from "../ops/gather.ts";
import * as logic from "../ops/logic.ts";
import { reduceMax } from "../ops/reduce.ts";
import { broadcastInDim, fullLike, moveAxis, reshape, transpose } from "../ops/shape.ts";
import { rev } from "../ops/slicing.ts";
import * as sorting from "../ops/sort.ts";
import { checkConcrete, checkInteger, checkRank, readOptions, sliceAlong } from "./axes.ts";
import { array } from "./creation.ts";
import { cumsum, searchsorted, take } from "./lookup.ts";
import {
  asArray,
  broadcastArray,
  isHostScalar,
  normalizeAxes,
  normalizeAxis,
  promote,
  promoteInexact,
  toDType,
} from "./promote.ts";
import { any, average, type AxisOr, sum } from "./reductions.ts";
import { matmul } from "./linalg_basic.ts";
import { where as choose } from "./where.ts";
import * as u from "./ufuncs.ts";

// ---------------------------------------------------------------- quantiles

/** How a quantile between two elements is found. */
export type QuantileMethod = "linear" | "lower" | "higher" | "midpoint" | "nearest";

/** Options of {@linkcode quantile} and {@linkcode percentile}. */
export interface QuantileOptions extends ReduceOptions {
  /** Between two elements: on the line between them (`"linear"`, the default), the lower, the higher, … */
  readonly method?: QuantileMethod;
}

const methods: readonly QuantileMethod[] = ["linear", "lower", "higher", "midpoint", "nearest"];

function readReduce<T extends object>(options: AxisOr<T> | undefined, where: string): T {
  if (typeof options === "number" || Array.isArray(options)) return { axis: options } as never;
  return readOptions(options as T | undefined, where, "{ axis: 0 }");
}

/** Quantiles; with `skipNaN` of what is not NaN, otherwise NaN where there is one. */
function quantiles(
  x: ArrayLike,
  q: NDArray,
  options: QuantileOptions,
  skipNaN: boolean,
  where: string,
): NDArray {
  const { method = "linear", keepdims = false } = options;
  if (!methods.includes(method)) {
    throw new ArgumentError(
      `${where}: method must be one of ${methods.join(", ")}; got ${String(method)}`,
    );
  }
  if (q.ndim > 1) {
    throw new ShapeError(`${where}: q must be a number or 1-d; got shape ${formatShape(q.shape)}`);
  }
  const [a] = promoteInexact([x], where);
  const axes = normalizeAxes(options.axis, a.ndim, where);
  const rest = a.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const outer = rest.map((i) => a.shape[i]);
  const n = axes.reduce((product, i) => product * a.shape[i], 1);
  if (n === 0) {
    throw new ShapeError(`${where}: quantiles of no elements, shape ${formatShape(a.shape)}`);
  }
  // One row for each result, sorted; NaN comes last.
  const rows = sorting.sort(reshape(transpose(a, [...rest, ...axes]), [...outer, n]), outer.length);
  const isNaN = logic.ne(rows, rows);
  const places = convertElementType(q, a.dtype);
  const count = outer.length;
  const out = (values: NDArray[]): NDArray => {
    const stacked = q.ndim === 0
      ? values[0]
      : concatenateOp(values.map((v) => reshape(v, [1, ...v.shape])), 0);
    if (!keepdims) return stacked;
    const kept = a.shape.map((size, i) => axes.includes(i) ? 1 : size);
    return reshape(stacked, [...q.shape, ...kept]);
  };
  // The last element that counts, for each row.
  const last = skipNaN
    ? arith.sub(sum(logic.not(isNaN), { axis: count, dtype: a.dtype }), lit(a, 1))
    : broadcastInDim(lit(a, n - 1), outer, []);
  const spoiled = skipNaN ? logic.lt(last, lit(a, 0)) : any(isNaN, { axis: count });
  const nan = broadcastInDim(lit(a, NaN), outer, []);
  const at = (position: NDArray) => {
    const clipped = arith.max(arith.min(position, last), lit(a, 0));
    const index = reshape(convertElementType(clipped, "int32"), [...outer, 1]);
    return reshape(sorting.takeAlongAxis(rows, index, count, "clip"), outer);
  };
  const one = (p: NDArray): NDArray => {
    const place = arith.mul(last, p);
    const [floor, ceil] = [arith.floor(place), arith.ceil(place)];
    const [low, high] = [at(floor), at(ceil)];
    const share = arith.sub(place, floor);
    const value = () => {
      switch (method) {
        case "lower":
          return low;
        case "higher":
          return high;
        case "midpoint":
          return arith.mul(arith.add(low, high), lit(a, 0.5));
        case "nearest":
          return logic.select(logic.le(share, lit(a, 0.5)), low, high);
        default:
          return arith.add(
            arith.mul(low, arith.sub(lit(a, 1), share)),
            arith.mul(high, share),
          );
      }
    };
    return logic.select(spoiled, nan, value());
  };
  if (q.ndim === 0) return out([one(places)]);
  if (q.shape[0] === 0) {
    const kept = keepdims ? a.shape.map((size, i) => axes.includes(i) ? 1 : size) : outer;
    return broadcastInDim(lit(a, 0), [0, ...kept], []);
  }
  return out(
    Array.from({ length: q.shape[0] }, (_, i) => one(reshape(sliceAlong(places, 0, i, i + 1), []))),
  );
}

function share(q: ArrayLike | readonly number[], by: number, where: string): NDArray {
  const given = Array.isArray(q) ? array(q) : q as ArrayLike;
  const a = isHostScalar(given)
    ? literal(Number(given), "float32")
    : promoteInexact([given], where)[0];
  return by === 1 ? a : arith.div(a, lit(a, by));
}

/**
 * Quantiles over `axis` (all axes unless given): the element at share `q` of the sorted ones, between 0 and 1. NaN where there is one.
 *
 * @param q A number, or several: their axis comes first in the result.
 */
export function quantile(
  x: ArrayLike,
  q: ArrayLike | readonly number[],
  options?: AxisOr<QuantileOptions>,
): NDArray {
  const where = "numpy.quantile";
  return quantiles(x, share(q, 1, where), readReduce(options, where), false, where);
}

/** As {@linkcode quantile}, `q` between 0 and 100. */
export function percentile(
  x: ArrayLike,
  q: ArrayLike | readonly number[],
  options?: AxisOr<QuantileOptions>,
): NDArray {
  const where = "numpy.percentile";
  return quantiles(x, share(q, 100, where), readReduce(options, where), false, where);
}

/** The median over `axis`: the middle element, or the mean of the two. NaN where there is one. */
export function median(x: ArrayLike, options?: AxisOr<ReduceOptions>): NDArray {
  const where = "numpy.median";
  const o = readReduce<ReduceOptions>(options, where);
  return quantiles(x, literal(0.5, "float32"), { ...o, method: "midpoint" }, false, where);
}

/** As {@linkcode quantile}, of what is not NaN. */
export function nanquantile(
  x: ArrayLike,
  q: ArrayLike | readonly number[],
  options?: AxisOr<QuantileOptions>,
): NDArray {
  const where = "numpy.nanquantile";
  return quantiles(x, share(q, 1, where), readReduce(options, where), true, where);
}

/** As {@linkcode percentile}, of what is not NaN. */
export function nanpercentile(
  x: ArrayLike,
  q: ArrayLike | readonly number[],
  options?: AxisOr<QuantileOptions>,
): NDArray {
  const where = "numpy.nanpercentile";
  return quantiles(x, share(q, 100, where), readReduce(options, where), true, where);
}

/** As {@linkcode median}, of what is not NaN. */
export function nanmedian(x: ArrayLike, options?: AxisOr<ReduceOptions>): NDArray {
  const where = "numpy.nanmedian";
  const o = readReduce<ReduceOptions>(options, where);
  return quantiles(x, literal(0.5, "float32"), { ...o, method: "midpoint" }, true, where);
}

// ---------------------------------------------------------------- covariance

/** Options of {@linkcode cov}. */
export interface CovOptions {
  /** More variables. */
  readonly y?: ArrayLike;
  /** Whether rows are variables (true unless told) or observations. */
  readonly rowvar?: boolean;
  /** Whether to divide by the number of observations, rather than by one less. */
  readonly bias?: boolean;
  /** What to take off the number of observations in the divisor; goes before `bias`. */
  readonly ddof?: number;
  /** How often each observation counts. */
  readonly fweights?: ArrayLike;
  /** The weight of each observation. */
  readonly aweights?: ArrayLike;
}

/** The covariance matrix of variables (rows) over observations (columns). */
export function cov(x: ArrayLike, options: CovOptions = {}): NDArray {
  const where = "numpy.cov";
  const o = readOptions(options, where, "{ rowvar: false }");
  const given = promoteInexact(o.y === undefined ? [x] : [x, o.y], where);
  const rows = given.map((a) => {
    if (a.ndim > 2) {
      throw new ShapeError(`${where}: expected at most 2 axes; got shape ${formatShape(a.shape)}`);
    }
    const matrix = a.ndim === 2 ? a : reshape(a, [1, a.size]);
    return (o.rowvar ?? true) || a.ndim < 2 ? matrix : transpose(matrix, [1, 0]);
  });
  const data = rows.length === 1 ? rows[0] : concatenateOp(rows, 0);
  const n = data.shape[1];
  const ddof = o.ddof ?? (o.bias ? 0 : 1);
  const weigh = (w: ArrayLike) => {
    const a = convertElementType(asArray(w, where), data.dtype);
    if (a.ndim !== 1 || a.shape[0] !== n) {
      throw new ShapeError(
        `${where}: weights must be one for each of ${n} observations; got shape ${
          formatShape(a.shape)
        }`,
      );
    }
    return a;
  };
  const f = o.fweights === undefined ? null : weigh(o.fweights);
  const w = o.aweights === undefined ? null : weigh(o.aweights);
  const both = f !== null && w !== null ? arith.mul(f, w) : f ?? w;
  const center = both === null
    ? average(data, { axis: 1 })
    : average(data, { axis: 1, weights: both });
  const deviation = arith.sub(data, broadcastInDim(center, data.shape, [0]));
  let divisor: NDArray;
  if (both === null) divisor = lit(data, n - ddof);
  else {
    const total = sum(both);
    const off = w === null
      ? lit(data, ddof)
      : arith.mul(arith.div(sum(arith.mul(both, w)), total), lit(data, ddof));
    divisor = arith.sub(total, off);
  }
  const weighted = both === null
    ? deviation
    : arith.mul(deviation, broadcastInDim(both, data.shape, [1]));
  const product = arith.div(matmul(weighted, transpose(deviation, [1, 0])), divisor);
  return product.shape[0] === 1 ? reshape(product, []) : product;
}

/** Correlation coefficients: covariances divided by both standard deviations. */
export function corrcoef(
  x: ArrayLike,
  options: { readonly y?: ArrayLike; readonly rowvar?: boolean } = {},
): NDArray {
  const c = cov(x, options);
  if (c.ndim === 0) return arith.div(c, c);
  const n = c.shape[0];
  const main = choose(logic.eq(indexOf(n, 0), indexOf(n, 1)), c, 0);
  const deviation = sqrt(sum(main, 1));
  const scaled = arith.div(
    arith.div(c, broadcastInDim(deviation, [n, n], [0])),
    broadcastInDim(deviation, [n, n], [1]),
  );
  return arith.max(arith.min(scaled, lit(c, 1)), lit(c, -1));
}

function indexOf(n: number, axis: number): NDArray {
  return broadcastInDim(array(Int32Array.from({ length: n }, (_, i) => i)), [n, n], [axis]);
}

// ---------------------------------------------------------------- differences

/** Options of {@linkcode diff}. */
export interface DiffOptions {
  /** How many times; 1 unless given. */
  readonly n?: number;
  /** The axis; the last unless given. */
  readonly axis?: number;
  /** What to put before the first element. */
  readonly prepend?: ArrayLike;
  /** What to put after the last element. */
  readonly append?: ArrayLike;
}

/** Differences of neighbours along an axis; for bools, whether they differ. */
export function diff(x: ArrayLike, options: DiffOptions | number = {}): NDArray {
  const where = "numpy.diff";
  const o: DiffOptions = readOptions(options as DiffOptions, where, "{ n: 2 }");
  const n = checkInteger(o.n ?? 1, "options.n", where, 0);
  let a = asArray(x, where);
  checkRank(a, 1, where);
  const axis = normalizeAxis(o.axis ?? -1, a.ndim, where);
  const ends = [o.prepend, a, o.append].filter((p) => p !== undefined) as ArrayLike[];
  if (n > 0 && ends.length > 1) {
    const parts = promote(ends, where).map((p) =>
      p.ndim > 0 ? p : broadcastArray(p, a.shape.map((size, i) => i === axis ? 1 : size))
    );
    a = concatenateOp(parts, axis);
  }
  for (let k = 0; k < n; k++) {
    const size = a.shape[axis];
    if (size === 0) break;
    const [later, earlier] = [sliceAlong(a, axis, 1, size), sliceAlong(a, axis, 0, size - 1)];
    a = a.dtype === "bool" ? logic.ne(later, earlier) : arith.sub(later, earlier);
  }
  return a;
}

/** Options of {@linkcode unwrap}. */
export interface UnwrapOptions {
  /** The least jump that is taken out; half a period unless given, and no less has an effect. */
  readonly discont?: number | null;
  /** The axis along which neighbours are compared; the last unless given. */
  readonly axis?: number;
  /** What may be added to an element any number of times; 2π unless given. */
  readonly period?: ArrayLike;
}

/**
 * Angles without the jumps of a whole turn between neighbours: multiples of the period are added, so that no element is further than half of it
 * from the one before.
 *
 * @param p Real; integers stay integers where the period is an integer array.
 * @throws {DTypeError} Where `p` is complex.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 *
 * np.unwrap(np.array([0, 3, -3])).tolist(); // about [0, 3, 3.283]
 * np.unwrap(np.array([1, 9, 2]), { period: 10 }).tolist(); // [1, -1, 2]
 * ```
 */
export function unwrap(p: ArrayLike, options: UnwrapOptions = {}): NDArray {
  const where = "numpy.unwrap";
  const o = readOptions(options, where, "{ period: 360 }");
  const [a, period] = promote([p, o.period ?? 2 * Math.PI], where);
  if (isComplex(a.dtype)) {
    throw new DTypeError(`${where}: p must be real; got ${a.dtype}. Take numpy.angle(p) first`);
  }
  checkRank(a, 1, where);
  const axis = normalizeAxis(o.axis ?? -1, a.ndim, where);
  if (a.shape[axis] === 0) return a;
  const step = diff(a, { axis });
  const half = isFloating(a.dtype) ? u.divide(period, 2) : u.floorDivide(period, 2);
  const within = u.subtract(u.remainder(u.add(step, half), period), half);
  // A step of half a period keeps its direction.
  const turned = choose(
    u.logicalAnd(u.equal(within, u.negative(half)), u.greater(step, 0)),
    half,
    within,
  );
  const least = o.discont ?? u.divide(period, 2);
  const correction = choose(u.less(u.abs(step), least), 0, u.subtract(turned, step));
  const first = sliceAlong(a, axis, 0, 1);
  const rest = sliceAlong(a, axis, 1, a.shape[axis]);
  const out = concatenateOp([first, u.add(rest, cumsum(correction, { axis }))], axis);
  return convertElementType(out, out.dtype); // not weakly typed, though the period is
}

/** Differences of neighbours of the flattened array, with other values put before and after them. */
export function ediff1d(
  x: ArrayLike,
  options: { readonly toEnd?: ArrayLike; readonly toBegin?: ArrayLike } = {},
): NDArray {
  const where = "numpy.ediff1d";
  const { toEnd, toBegin } = readOptions(options, where, "{ toEnd: 0 }");
  const whole = asArray(x, where);
  const a = reshape(whole, [whole.size]);
  const inner = a.size === 0
    ? a
    : u.subtract(sliceAlong(a, 0, 1, a.size), sliceAlong(a, 0, 0, a.size - 1));
  const flat = (v: ArrayLike) => {
    const part = toDType(v, a.dtype, false, where);
    return reshape(part, [part.size]);
  };
  const parts = [
    ...(toBegin === undefined ? [] : [flat(toBegin)]),
    inner,
    ...(toEnd === undefined ? [] : [flat(toEnd)]),
  ];
  return parts.length === 1 ? inner : concatenateOp(parts, 0);
}

/** Options of {@linkcode trapezoid}. */
export interface TrapezoidOptions {
  /** Where the samples lie; `dx` apart unless given. */
  readonly x?: ArrayLike;
  /** The distance of samples; 1 unless given. */
  readonly dx?: ArrayLike;
  /** The axis; the last unless given. */
  readonly axis?: number;
}

/** The integral of samples along an axis, by the trapezoidal rule. */
export function trapezoid(y: ArrayLike, options: TrapezoidOptions = {}): NDArray {
  const where = "numpy.trapezoid";
  const o = readOptions(options, where, "{ dx: 0.1 }");
  const [values, distances] = o.x === undefined
    ? promoteInexact([y, o.dx ?? 1], where)
    : promoteInexact([y, o.x], where);
  checkRank(values, 1, where);
  const from = normalizeAxis(o.axis ?? -1, values.ndim, where);
  const v = moveAxis(values, from, values.ndim - 1);
  const last = v.ndim - 1;
  const n = v.shape[last];
  const heights = arith.add(sliceAlong(v, last, 1, n), sliceAlong(v, last, 0, n - 1));
  const widths = o.x === undefined
    ? distances
    : distances.ndim === 1
    ? diff(distances)
    : diff(moveAxis(distances, from, last));
  const spread = widths.ndim === 0 ? widths : broadcastArray(widths, heights.shape);
  return arith.mul(sum(arith.mul(heights, spread), last), lit(v, 0.5));
}

// ---------------------------------------------------------------- interpolation and counting

/** Options of {@linkcode interp}. */
export interface InterpOptions {
  /** The value left of all points; the first one's unless given, `"extrapolate"` to go on. */
  readonly left?: ArrayLike | "extrapolate";
  /** The value right of all points; the last one's unless given, `"extrapolate"` to go on. */
  readonly right?: ArrayLike | "extrapolate";
  /** The period of `xp`; `left` and `right` then do not matter, and `xp` need not be sorted. */
  readonly period?: ArrayLike;
}

/** Values at `x` of the lines between points `(xp, fp)`, `xp` ascending. */
export function interp(
  x: ArrayLike,
  xp: ArrayLike,
  fp: ArrayLike,
  options: InterpOptions = {},
): NDArray {
  const where = "numpy.interp";
  const o = readOptions(options, where, "{ left: 0 }");
  let [at, xs, fs] = promoteInexact([x, xp, fp], where);
  if (xs.ndim !== 1 || fs.ndim !== 1 || xs.size !== fs.size || xs.size === 0) {
    throw new ShapeError(
      `${where}: xp and fp must be vectors of one size, not empty; got shapes ${
        formatShape(xs.shape)
      } and ${formatShape(fs.shape)}`,
    );
  }
  if (o.period !== undefined) {
    const period = arith.abs(toDType(o.period, at.dtype, false, where));
    const wrap = (v: NDArray) => {
      const r = arith.rem(v, period);
      return logic.select(logic.lt(r, lit(r, 0)), arith.add(r, period), r);
    };
    at = wrap(at);
    [xs, fs] = sorting.sortKeyVal(wrap(xs), fs, 0);
    const n = xs.size;
    const ends = (v: NDArray) => [sliceAlong(v, 0, n - 1, n), sliceAlong(v, 0, 0, 1)];
    const [[lastX, firstX], [lastF, firstF]] = [ends(xs), ends(fs)];
    xs = concatenateOp([arith.sub(lastX, period), xs, arith.add(firstX, period)], 0);
    fs = concatenateOp([lastF, fs, firstF], 0);
  }
  const n = xs.size;
  const found = searchsorted(xs, at, { side: "right" });
  const i = arith.min(arith.max(found, lit(found, 1)), lit(found, Math.max(n - 1, 1)));
  const before = arith.sub(i, lit(i, 1));
  const pick = (v: NDArray, index: NDArray) => take(v, index, { axis: 0, mode: "clip" });
  const [x0, f0] = [pick(xs, before), pick(fs, before)];
  const dx = arith.sub(pick(xs, i), x0);
  const df = arith.sub(pick(fs, i), f0);
  // Points that lie together have no slope; a safe divisor keeps their gradients finite.
  const tiny = at.dtype === "float64" ? 4.930380657631324e-32 : 1.4210854715202004e-14;
  const steep = logic.le(arith.abs(dx), lit(dx, tiny));
  const safe = logic.select(steep, fullLike(lit(dx, 1), dx.shape), dx);
  const line = arith.add(f0, arith.mul(arith.div(arith.sub(at, x0), safe), df));
  let out = logic.select(steep, f0, line);
  if (o.period !== undefined) return out;
  const end = (v: NDArray, k: number) => reshape(sliceAlong(v, 0, k, k + 1), []);
  const sides = [[o.left, 0, logic.lt], [o.right, n - 1, logic.gt]] as const;
  for (const [given, k, beyond] of sides) {
    if (given === "extrapolate") continue;
    if (typeof given === "string") {
      throw new ArgumentError(
        `${where}: left and right may be values or "extrapolate"; got ${given}`,
      );
    }
    const value = given === undefined ? end(fs, k) : toDType(given, at.dtype, false, where);
    out = logic.select(beyond(at, end(xs, k)), fullLike(value, at.shape), out);
  }
  return out;
}

/** Options of {@linkcode bincount}. */
export interface BincountOptions {
  /** What each element counts; 1 unless given. */
  readonly weights?: ArrayLike;
  /** The least number of bins. */
  readonly minlength?: number;
  /** The number of bins, needed where `x` is traced; larger elements are left out. */
  readonly length?: number | null;
}

/**
 * How often each non-negative integer occurs; negative ones count as 0.
 *
 * @throws {ArgumentError} Where `x` is traced and no `length` given.
 */
export function bincount(x: ArrayLike, options: BincountOptions = {}): NDArray {
  const where = "numpy.bincount";
  const o = readOptions(options, where, "{ length: 10 }");
  const given = asArray(x, where);
  if (given.ndim !== 1 || given.dtype.startsWith("float")) {
    throw new ShapeError(
      `${where}: expected a vector of integers; got ${given.dtype}${formatShape(given.shape)}`,
    );
  }
  const i = given.dtype === "int64" ? given : convertElementType(given, "int32");
  let length = o.length ?? null;
  if (length === null) {
    checkConcrete(i, "x", where, "state options.length");
    const largest = i.size === 0 ? -1 : Number(onHost(() => reduceMax(i, [0])).item());
    length = Math.max(largest + 1, o.minlength ?? 0);
  }
  checkInteger(length, "options.length", where, 0);
  const weights = o.weights === undefined
    ? broadcastInDim(literal(1, "int32"), [i.size], [])
    : broadcastArray(asArray(o.weights, where), [i.size]);
  const bins = broadcastInDim(lit(weights, 0), [length], []);
  const index = reshape(arith.max(i, lit(i, 0)), [i.size, 1]);
  return scatter("add", bins, index, weights, {
    dimensionNumbers: {
      updateWindowDims: [],
      insertedWindowDims: [0],
      scatterDimsToOperandDims: [0],
      operandBatchingDims: [],
      scatterIndicesBatchingDims: [],
    },
    mode: "fill_or_drop",
    uniqueIndices: false,
  });
}

/** Options of {@linkcode digitize}. */
export interface DigitizeOptions {
  /** Whether a bin holds its right edge rather than its left. */
  readonly right?: boolean;
}

/** The number (int32) of the bin that each value falls in, for ascending or descending edges. */
export function digitize(x: ArrayLike, bins: ArrayLike, options: DigitizeOptions = {}): NDArray {
  const where = "numpy.digitize";
  const { right = false } = readOptions(options, where, "{ right: true }");
  const edges = asArray(bins, where);
  if (edges.ndim !== 1) {
    throw new ShapeError(`${where}: bins must be a vector; got shape ${formatShape(edges.shape)}`);
  }
  const a = asArray(x, where);
  const n = edges.size;
  if (n === 0) return broadcastInDim(literal(0, "int32"), a.shape, []);
  const side = right ? "left" : "right";
  const rising = searchsorted(edges, a, { side });
  const falling = searchsorted(rev(edges, [0]), a, { side });
  const end = (k: number) => reshape(sliceAlong(edges, 0, k, k + 1), []);
  return choose(logic.ge(end(n - 1), end(0)), rising, arith.sub(lit(falling, n), falling));
}
