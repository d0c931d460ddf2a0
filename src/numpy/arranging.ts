/**
 * Elements moved about, repeated, joined and cut: what `shapes.ts` leaves.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../errors.ts";
import { type ArrayLike, NDArray } from "../core/array.ts";
import { formatShape } from "../core/aval.ts";
import { isOnHost, onHost } from "../core/placement.ts";
import * as arith from "../ops/arith.ts";
import { lit, literal } from "../ops/common.ts";
import { convertElementType } from "../ops/convert.ts";
import { concatenate as concatenateOp, dynamicSlice } from "../ops/dynamic.ts";
import * as logic from "../ops/logic.ts";
import { broadcastInDim, iota, moveAxis, reshape, transpose } from "../ops/shape.ts";
import { rev } from "../ops/slicing.ts";
import { checkConcrete, checkInteger, checkRank, readOptions, sliceAlong } from "./axes.ts";
import { array, checkShape, type DTypeOptions } from "./creation.ts";
import { cumsum, searchsorted, take } from "./lookup.ts";
import {
  type AloneOr,
  asArray,
  isTypedArray,
  normalizeAxis,
  readAlone,
  toDType,
} from "./promote.ts";
import { atleast1d, atleast2d, concatenate, split } from "./shapes.ts";

/** Elements moved on by `shift` (0-d integer) places that are not known before the program runs. */
function rollBy(a: NDArray, shift: NDArray, axis: number): NDArray {
  const n = a.shape[axis];
  if (a.size === 0) return a;
  const s = convertElementType(shift, "int32");
  // The start of a window over two copies, one behind the other: -shift, modulo the size.
  const remainder = arith.rem(s, lit(s, n));
  const start = logic.select(
    logic.gt(remainder, lit(s, 0)),
    arith.sub(lit(s, n), remainder),
    arith.neg(remainder),
  );
  const zero = literal(0, "int32");
  return dynamicSlice(
    concatenateOp([a, a], axis),
    a.shape.map((_, i) => i === axis ? start : zero),
    [
      ...a.shape,
    ],
  );
}

/**
 * Elements moved on along axes; those that leave at one end come in at the other.
 *
 * @param x An array.
 * @param shift By how many places: a number, one for each axis, or a 0-d integer array.
 * @param options `axis` (alone, or in an object); the flattened array unless given.
 */
export function roll(
  x: ArrayLike,
  shift: number | readonly number[] | NDArray,
  options?: AloneOr<number | readonly number[], "axis">,
): NDArray {
  const where = "numpy.roll";
  const a = asArray(x, where);
  const axis = readAlone(options, "axis");
  if (axis === undefined) {
    return reshape(roll(reshape(a, [a.size]), shift, 0), a.shape);
  }
  const axes = [axis].flat().map((i) => normalizeAxis(i as number, a.ndim, where));
  if (shift instanceof NDArray && shift.ndim > 0) {
    throw new ShapeError(
      `${where}: shift must be numbers or a 0-d array; got shape ${formatShape(shift.shape)}`,
    );
  }
  const given: readonly (number | NDArray)[] = Array.isArray(shift)
    ? shift
    : [shift as number | NDArray];
  if (given.length !== axes.length && given.length !== 1 && axes.length !== 1) {
    throw new ArgumentError(
      `${where}: shift has ${given.length} entries, axis ${axes.length}: they must match`,
    );
  }
  const count = Math.max(given.length, axes.length);
  let out = a;
  for (let i = 0; i < count; i++) {
    const along = axes[axes.length === 1 ? 0 : i];
    const by = given[given.length === 1 ? 0 : i];
    if (by instanceof NDArray) {
      out = rollBy(out, by, along);
      continue;
    }
    const n = a.shape[along];
    const places = n === 0 ? 0 : ((checkInteger(by, "shift", where) % n) + n) % n;
    if (places === 0) continue;
    const cut = n - places;
    out = concatenateOp([sliceAlong(out, along, cut, n), sliceAlong(out, along, 0, cut)], along);
  }
  return out;
}

/** The last axis that is rolled back to stand before `start` (0 unless given). */
export function rollaxis(
  x: ArrayLike,
  axis: number,
  options: { readonly start?: number } = {},
): NDArray {
  const where = "numpy.rollaxis";
  const a = asArray(x, where);
  const from = normalizeAxis(axis, a.ndim, where);
  const given = checkInteger(
    readOptions(options, where, "{ start: 1 }").start ?? 0,
    "options.start",
    where,
  );
  const before = given === a.ndim ? a.ndim : normalizeAxis(given, a.ndim, where);
  return moveAxis(a, from, from < before ? before - 1 : before);
}

/** Axis 0 reversed. */
export function flipud(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.flipud");
  checkRank(a, 1, "numpy.flipud");
  return rev(a, [0]);
}

/** Axis 1 reversed. */
export function fliplr(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.fliplr");
  checkRank(a, 2, "numpy.fliplr");
  return rev(a, [1]);
}

/** Options of {@linkcode rot90}. */
export interface Rot90Options {
  /** How many quarter turns, from the first axis towards the second; 1 unless given. */
  readonly k?: number;
  /** The plane; axes 0 and 1 unless given. */
  readonly axes?: readonly [number, number];
}

/** Turned by quarter turns in the plane of two axes. */
export function rot90(x: ArrayLike, options: Rot90Options = {}): NDArray {
  const where = "numpy.rot90";
  const { k = 1, axes = [0, 1] } = readOptions(options, where, "{ k: 2 }");
  const a = asArray(x, where);
  checkRank(a, 2, where);
  const [i, j] = axes.map((axis) => normalizeAxis(axis, a.ndim, where));
  if (i === j) throw new ArgumentError(`${where}: axes must differ; both are ${i}`);
  const swap = (v: NDArray) =>
    transpose(v, v.shape.map((_, axis) => axis === i ? j : axis === j ? i : axis));
  switch (((checkInteger(k, "options.k", where) % 4) + 4) % 4) {
    case 0:
      return a;
    case 1:
      return swap(rev(a, [j]));
    case 2:
      return rev(a, i < j ? [i, j] : [j, i]);
    default:
      return rev(swap(a), [j]);
  }
}

/** The array repeated along each axis as often as `reps` says; missing entries, and missing axes, count as 1. */
export function tile(x: ArrayLike, reps: number | readonly number[]): NDArray {
  const where = "numpy.tile";
  const a = asArray(x, where);
  const given = checkShape(reps, where);
  const rank = Math.max(a.ndim, given.length);
  const shape = [...Array<number>(rank - a.ndim).fill(1), ...a.shape];
  const times = [...Array<number>(rank - given.length).fill(1), ...given];
  const wide = shape.flatMap((n, i) => [times[i], n]);
  const spread = broadcastInDim(reshape(a, shape), wide, shape.map((_, i) => 2 * i + 1));
  return reshape(spread, shape.map((n, i) => n * times[i]));
}

/** Options of {@linkcode repeat}. */
export interface RepeatOptions {
  /** The axis; the flattened array unless given. */
  readonly axis?: number | null;
  /** The size of the result, needed where `repeats` is traced: cut there, or filled with the last element. */
  readonly totalRepeatLength?: number | null;
}

/**
 * Each element repeated.
 *
 * @param x An array.
 * @param repeats How often: one number, or one for each place along the axis.
 * @param options `axis` (alone, or in an object), `totalRepeatLength`.
 * @throws {ArgumentError} Where `repeats` is traced and no `totalRepeatLength` given.
 */
export function repeat(
  x: ArrayLike,
  repeats: number | readonly number[] | ArrayLike,
  options: RepeatOptions | number | null = {},
): NDArray {
  const where = "numpy.repeat";
  const o: RepeatOptions = typeof options === "number"
    ? { axis: options }
    : readOptions(options, where, "{ axis: 0 }");
  const whole = asArray(x, where);
  const flat = o.axis === null || o.axis === undefined;
  const a = flat ? reshape(whole, [whole.size]) : whole;
  const axis = normalizeAxis(flat ? 0 : o.axis!, a.ndim, where);
  const total = o.totalRepeatLength ?? null;
  if (total !== null) checkInteger(total, "options.totalRepeatLength", where, 0);
  if (typeof repeats === "number") {
    const out = evenly(a, axis, checkInteger(repeats, "repeats", where, 0));
    return total === null || total === out.shape[axis] ? out : fitted(out, axis, total);
  }
  const counts = Array.isArray(repeats)
    ? onHost(() => array(repeats as readonly number[], { dtype: "int32" }))
    : asArray(repeats as ArrayLike, where);
  const n = a.shape[axis];
  if (counts.ndim > 1 || (counts.ndim === 1 && counts.shape[0] !== n && counts.shape[0] !== 1)) {
    throw new ShapeError(
      `${where}: repeats must be one number, or one for each of the ${n} places along axis ${axis}; got shape ${
        formatShape(counts.shape)
      }`,
    );
  }
  const spread = () => {
    const dims = counts.ndim === 0 ? [] : [0];
    return convertElementType(broadcastInDim(counts, [n], dims), "int32");
  };
  const each = isOnHost(counts) ? onHost(spread) : spread();
  let size = total;
  if (size === null) {
    checkConcrete(each, "repeats", where, "state options.totalRepeatLength");
    const known = Array.from(each.dataSync() as Int32Array);
    known.forEach((count) => checkInteger(count, "each of repeats", where, 0));
    size = known.reduce((s, count) => s + count, 0);
  }
  // Result place j shows the first element whose running count exceeds j.
  const ends = cumsum(each, 0);
  const found = searchsorted(ends, iota("int32", [size]), { side: "right" });
  return take(a, arith.min(found, lit(found, Math.max(n - 1, 0))), { axis, mode: "clip" });
}

function evenly(a: NDArray, axis: number, times: number): NDArray {
  const wide = a.shape.flatMap((n, i) => i === axis ? [n, times] : [n]);
  const dims = a.shape.map((_, i) => i <= axis ? i : i + 1);
  return reshape(
    broadcastInDim(a, wide, dims),
    a.shape.map((n, i) => i === axis ? n * times : n),
  );
}

/** Cut to a size, or filled with the last element. */
function fitted(a: NDArray, axis: number, size: number): NDArray {
  const n = a.shape[axis];
  if (size <= n) return sliceAlong(a, axis, 0, size);
  if (n === 0) {
    throw new ShapeError(
      `numpy.repeat: nothing to repeat: axis ${axis} has size 0 and totalRepeatLength is ${size}`,
    );
  }
  const last = sliceAlong(a, axis, n - 1, n);
  return concatenateOp([a, evenly(last, axis, size - n)], axis);
}

/** The elements of `values` after those of `x`: flattened, or along `axis`. */
export function append(
  x: ArrayLike,
  values: ArrayLike,
  options?: AloneOr<number, "axis">,
): NDArray {
  const axis = readAlone(options, "axis");
  return concatenate([asArray(x, "numpy.append"), values], axis ?? null);
}

/** At least three axes: a new one on each side of a vector, one after a matrix. */
export function atleast3d(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.atleast3d");
  if (a.ndim >= 3) return a;
  return reshape(a, a.ndim === 2 ? [...a.shape, 1] : [1, a.size, 1]);
}

/** Joined along axis 2; arrays of fewer axes get some by {@linkcode atleast3d}. */
export function dstack(xs: readonly ArrayLike[]): NDArray {
  return concatenate(xs.map((x) => atleast3d(x)), 2);
}

/** Joined along axis 1, vectors as columns. */
export function columnStack(xs: readonly ArrayLike[]): NDArray {
  return concatenate(
    xs.map((x) => {
      const a = atleast1d(x);
      return a.ndim === 1 ? reshape(a, [a.size, 1]) : atleast2d(a);
    }),
    1,
  );
}

/** Cut along axis 1 (a vector: axis 0), as `split`. */
export function hsplit(x: ArrayLike, parts: number | readonly number[]): NDArray[] {
  const a = asArray(x, "numpy.hsplit");
  checkRank(a, 1, "numpy.hsplit");
  return split(a, parts, a.ndim === 1 ? 0 : 1);
}

/** Cut along axis 0, as `split`. */
export function vsplit(x: ArrayLike, parts: number | readonly number[]): NDArray[] {
  const a = asArray(x, "numpy.vsplit");
  checkRank(a, 2, "numpy.vsplit");
  return split(a, parts, 0);
}

/** Cut along axis 2, as `split`. */
export function dsplit(x: ArrayLike, parts: number | readonly number[]): NDArray[] {
  const a = asArray(x, "numpy.dsplit");
  checkRank(a, 3, "numpy.dsplit");
  return split(a, parts, 2);
}

/** The slices along an axis (0 unless given), without that axis. */
export function unstack(x: ArrayLike, options?: AloneOr<number, "axis">): NDArray[] {
  const where = "numpy.unstack";
  const a = asArray(x, where);
  checkRank(a, 1, where);
  const axis = normalizeAxis(readAlone(options, "axis") ?? 0, a.ndim, where);
  const rest = a.shape.filter((_, i) => i !== axis);
  return Array.from(
    { length: a.shape[axis] },
    (_, i) => reshape(sliceAlong(a, axis, i, i + 1), rest),
  );
}

/** Options of {@linkcode indices}. */
export interface IndicesOptions extends DTypeOptions {
  /** Whether to leave each array at size 1 along the other axes, in a list. */
  readonly sparse?: boolean;
}

/** The positions of a grid: one array for each axis, stacked along a new first axis; int32 unless told. */
export function indices(
  dimensions: readonly number[],
  options: IndicesOptions & { readonly sparse: true },
): NDArray[];
/** The positions of a grid: one array for each axis, stacked along a new first axis; int32 unless told. */
export function indices(dimensions: readonly number[], options?: IndicesOptions): NDArray;
export function indices(
  dimensions: readonly number[],
  options: IndicesOptions = {},
): NDArray | NDArray[] {
  const where = "numpy.indices";
  const { dtype = "int32", sparse = false } = readOptions(options, where, '{ dtype: "int32" }');
  const shape = checkShape(dimensions, where);
  const grids = shape.map((n, axis) => {
    const full = sparse ? shape.map((_, i) => i === axis ? n : 1) : [1, ...shape];
    return convertElementType(iota("int32", full, sparse ? axis : axis + 1), dtype);
  });
  if (sparse) return grids;
  return grids.length === 0 ? array(new Int32Array(0), { dtype }) : concatenateOp(grids, 0);
}

/** Options of {@linkcode unravelIndex} and {@linkcode ravelMultiIndex}. */
export interface RavelOptions {
  /** What to do out of bounds: move to the nearest position, or count modulo the size. */
  readonly mode?: "clip" | "wrap";
}

/** The position along each axis of elements that are numbered row-major. Negative numbers count from the end; others out of bounds are moved to the nearest. */
export function unravelIndex(positions: ArrayLike, shape: number | readonly number[]): NDArray[] {
  const where = "numpy.unravelIndex";
  const given = asArray(positions, where);
  const sizes = checkShape(shape, where);
  const total = sizes.reduce((product, n) => product * n, 1);
  const i = given.dtype === "int64" ? given : convertElementType(given, "int32");
  const low = arith.max(i, lit(i, -total));
  const clipped = arith.min(low, lit(i, total - 1));
  let rest = logic.select(
    logic.lt(clipped, lit(i, 0)),
    arith.add(clipped, lit(i, total)),
    clipped,
  );
  const out: NDArray[] = [];
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    const size = lit(i, Math.max(sizes[axis], 1));
    out.unshift(arith.rem(rest, size));
    rest = arith.div(rest, size);
  }
  return out;
}

/** The row-major numbers of elements, from their positions along each axis. Out of bounds: `"clip"` unless told. */
export function ravelMultiIndex(
  positions: readonly ArrayLike[],
  dims: readonly number[],
  options: RavelOptions = {},
): NDArray {
  const where = "numpy.ravelMultiIndex";
  const { mode = "clip" } = readOptions(options, where, '{ mode: "wrap" }');
  const shape = checkShape(dims, where);
  if (positions.length !== shape.length) {
    throw new ArgumentError(
      `${where}: expected positions along ${shape.length} axes; got ${positions.length}`,
    );
  }
  let out: NDArray = literal(0, "int32");
  positions.forEach((given, axis) => {
    const i = toDType(isTypedArray(given) ? asArray(given, where) : given, "int32", false, where);
    const n = lit(i, shape[axis]);
    let inside = arith.max(arith.min(i, lit(i, shape[axis] - 1)), lit(i, 0));
    if (mode === "wrap") {
      const remainder = arith.rem(i, n);
      inside = logic.select(logic.lt(remainder, lit(i, 0)), arith.add(remainder, n), remainder);
    }
    out = arith.add(arith.mul(out, n), inside);
  });
  return out;
}
