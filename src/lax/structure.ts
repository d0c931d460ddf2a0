/**
 * Functions of `jax.lax` that move elements: broadcast, reshape, slice, pad, concatenate, and their dynamic forms.
 *
 * @module
 */
import { ShapeError } from "../errors.ts";
import { type ArrayLike, NDArray } from "../core/array.ts";
import type { Shape } from "../core/aval.ts";
import { checkDType, type DType } from "../core/dtype.ts";
import { checkShape } from "../numpy/creation.ts";
import {
  type AloneOr,
  asArray,
  normalizeAxis,
  readAlone,
  resolveShape,
  toDType,
} from "../numpy/promote.ts";
import { add } from "../ops/arith.ts";
import { lit, literal } from "../ops/common.ts";
import * as dynamic from "../ops/dynamic.ts";
import { lt, select } from "../ops/logic.ts";
import * as ops from "../ops/shape.ts";
import type { IotaParams } from "../ops/shape.ts";
import * as slicing from "../ops/slicing.ts";
import type { PadAxis } from "../ops/slicing.ts";

/** `x` with axes of the given sizes in front. */
export function broadcast(x: ArrayLike, sizes: Shape): NDArray {
  const a = asArray(x, "lax.broadcast");
  return ops.broadcastInDim(a, [...sizes, ...a.shape], a.shape.map((_, i) => i + sizes.length));
}

/** Operand axis `i` becomes axis `broadcastDimensions[i]` of `shape`; sizes of 1 stretch. */
export function broadcastInDim(
  x: ArrayLike,
  shape: Shape,
  broadcastDimensions: readonly number[],
): NDArray {
  return ops.broadcastInDim(
    asArray(x, "lax.broadcastInDim"),
    checkShape(shape, "lax.broadcastInDim"),
    broadcastDimensions,
  );
}

/** The same elements, row-major, in another shape. */
export function reshape(x: ArrayLike, newSizes: Shape): NDArray {
  const a = asArray(x, "lax.reshape");
  return ops.reshape(a, resolveShape(newSizes, a.size, "lax.reshape"));
}

/** The axes permuted. */
export function transpose(x: ArrayLike, permutation: readonly number[]): NDArray {
  return ops.transpose(asArray(x, "lax.transpose"), permutation);
}

/** Axes of size 1 dropped. */
export function squeeze(x: ArrayLike, dimensions: readonly number[]): NDArray {
  const a = asArray(x, "lax.squeeze");
  return ops.squeeze(a, dimensions.map((d) => normalizeAxis(d, a.ndim, "lax.squeeze")));
}

/** Axes of size 1 put in, at places counted in the result. */
export function expandDims(x: ArrayLike, dimensions: readonly number[]): NDArray {
  const a = asArray(x, "lax.expandDims");
  const rank = a.ndim + dimensions.length;
  const places = dimensions.map((d) => normalizeAxis(d, rank, "lax.expandDims"));
  const kept = Array.from({ length: rank }, (_, i) => i).filter((i) => !places.includes(i));
  const shape = Array<number>(rank).fill(1);
  kept.forEach((place, i) => shape[place] = a.shape[i]);
  return ops.broadcastInDim(a, shape, kept);
}

/** The box `start ≤ i < limit`, every `strides`-th element. */
export function slice(
  x: ArrayLike,
  startIndices: readonly number[],
  limitIndices: readonly number[],
  options?: AloneOr<readonly number[], "strides">,
): NDArray {
  const strides = readAlone(options, "strides") ?? null;
  return slicing.slice(asArray(x, "lax.slice"), startIndices, limitIndices, strides);
}

/** A slice along one axis; bounds as in Python. */
export function sliceInDim(
  x: ArrayLike,
  startIndex: number | null,
  limitIndex: number | null,
  options: { readonly stride?: number; readonly axis?: number } = {},
): NDArray {
  const a = asArray(x, "lax.sliceInDim");
  const axis = normalizeAxis(options.axis ?? 0, a.ndim, "lax.sliceInDim");
  const n = a.shape[axis];
  const bound = (i: number | null, absent: number) => i === null ? absent : i < 0 ? i + n : i;
  return slicing.slice(
    a,
    a.shape.map((_, i) => i === axis ? bound(startIndex, 0) : 0),
    a.shape.map((size, i) => i === axis ? bound(limitIndex, n) : size),
    a.shape.map((_, i) => i === axis ? options.stride ?? 1 : 1),
  );
}

/** The slice at a constant position along an axis; the axis stays with size 1 unless `keepdims` is false. */
export function indexInDim(
  x: ArrayLike,
  index: number,
  options: { readonly axis?: number; readonly keepdims?: boolean } = {},
): NDArray {
  const a = asArray(x, "lax.indexInDim");
  const axis = normalizeAxis(options.axis ?? 0, a.ndim, "lax.indexInDim");
  const n = a.shape[axis];
  const at = index < 0 ? index + n : index;
  if (!(at >= 0 && at < n)) {
    throw new ShapeError(`lax.indexInDim: index ${index} is out of bounds for size ${n}`);
  }
  const box = sliceInDim(a, at, at + 1, { axis });
  return options.keepdims ?? true ? box : ops.squeeze(box, [axis]);
}

function startArrays(starts: readonly ArrayLike[] | NDArray, where: string): NDArray[] {
  const list = starts instanceof NDArray ? [...starts] : starts;
  return list.map((s) => typeof s === "number" ? literal(s, "int32") : asArray(s, where));
}

/** A negative start counts from the end. */
function wrapStart(start: NDArray, n: number): NDArray {
  if (start.dtype === "uint32" || start.dtype === "uint8") return start;
  return select(lt(start, lit(start, 0)), add(start, lit(start, n)), start);
}

/** The box of `sliceSizes` at `startIndices` (0-d integers), moved to fit where it would stick out. */
export function dynamicSlice(
  x: ArrayLike,
  startIndices: readonly ArrayLike[] | NDArray,
  sliceSizes: Shape,
): NDArray {
  const a = asArray(x, "lax.dynamicSlice");
  const starts = startArrays(startIndices, "lax.dynamicSlice").map((s, i) =>
    wrapStart(s, a.shape[i])
  );
  return dynamic.dynamicSlice(a, starts, sliceSizes);
}

/** `x` with the box at `startIndices` replaced by `update`. */
export function dynamicUpdateSlice(
  x: ArrayLike,
  update: ArrayLike,
  startIndices: readonly ArrayLike[] | NDArray,
): NDArray {
  const a = asArray(x, "lax.dynamicUpdateSlice");
  const starts = startArrays(startIndices, "lax.dynamicUpdateSlice").map((s, i) =>
    wrapStart(s, a.shape[i])
  );
  return dynamic.dynamicUpdateSlice(
    a,
    toDType(update, a.dtype, false, "lax.dynamicUpdateSlice"),
    starts,
  );
}

function along(a: NDArray, axis: number, start: ArrayLike): ArrayLike[] {
  return a.shape.map((_, i) => i === axis ? start : 0);
}

/** A slice of constant size along one axis, at a start that is data. */
export function dynamicSliceInDim(
  x: ArrayLike,
  startIndex: ArrayLike,
  sliceSize: number,
  options?: AloneOr<number, "axis">,
): NDArray {
  const a = asArray(x, "lax.dynamicSliceInDim");
  const at = normalizeAxis(readAlone(options, "axis") ?? 0, a.ndim, "lax.dynamicSliceInDim");
  return dynamicSlice(a, along(a, at, startIndex), a.shape.map((n, i) => i === at ? sliceSize : n));
}

/** The slice at a position that is data; the axis stays with size 1 unless `keepdims` is false. */
export function dynamicIndexInDim(
  x: ArrayLike,
  index: ArrayLike,
  options: { readonly axis?: number; readonly keepdims?: boolean } | number = {},
): NDArray {
  const { axis = 0, keepdims = true } = typeof options === "number" ? { axis: options } : options;
  const a = asArray(x, "lax.dynamicIndexInDim");
  const at = normalizeAxis(axis, a.ndim, "lax.dynamicIndexInDim");
  const box = dynamicSliceInDim(a, index, 1, at);
  return keepdims ? box : ops.squeeze(box, [at]);
}

/** `x` with a slice along one axis replaced. */
export function dynamicUpdateSliceInDim(
  x: ArrayLike,
  update: ArrayLike,
  startIndex: ArrayLike,
  axis: number,
): NDArray {
  const a = asArray(x, "lax.dynamicUpdateSliceInDim");
  const at = normalizeAxis(axis, a.ndim, "lax.dynamicUpdateSliceInDim");
  return dynamicUpdateSlice(a, update, along(a, at, startIndex));
}

/** `x` with the slice at one position along an axis replaced; `update` may lack that axis. */
export function dynamicUpdateIndexInDim(
  x: ArrayLike,
  update: ArrayLike,
  index: ArrayLike,
  axis: number,
): NDArray {
  const a = asArray(x, "lax.dynamicUpdateIndexInDim");
  const at = normalizeAxis(axis, a.ndim, "lax.dynamicUpdateIndexInDim");
  const u = asArray(update, "lax.dynamicUpdateIndexInDim");
  return dynamicUpdateSliceInDim(a, u.ndim === a.ndim ? u : expandDims(u, [at]), index, at);
}

/** Padding before, after (negative crops) and between elements of each axis. */
export function pad(
  x: ArrayLike,
  paddingValue: ArrayLike,
  paddingConfig: readonly PadAxis[],
): NDArray {
  const a = asArray(x, "lax.pad");
  return slicing.pad(a, toDType(paddingValue, a.dtype, false, "lax.pad"), paddingConfig);
}

/** Axes reversed. */
export function rev(x: ArrayLike, dimensions: readonly number[]): NDArray {
  return slicing.rev(asArray(x, "lax.rev"), dimensions);
}

/** Arrays one after the other along an axis. */
export function concatenate(xs: readonly ArrayLike[], dimension: number): NDArray {
  const arrays = xs.map((x) => asArray(x, "lax.concatenate"));
  if (arrays.length === 0) throw new ShapeError("lax.concatenate: needs at least one array");
  return dynamic.concatenate(arrays, dimension);
}

/** Cut into parts of the given sizes along an axis (0 unless given). */
export function split(
  x: ArrayLike,
  sizes: readonly number[],
  options?: AloneOr<number, "axis">,
): NDArray[] {
  const a = asArray(x, "lax.split");
  const at = normalizeAxis(readAlone(options, "axis") ?? 0, a.ndim, "lax.split");
  if (sizes.reduce((s, n) => s + n, 0) !== a.shape[at]) {
    throw new ShapeError(
      `lax.split: sizes [${sizes}] must add up to ${a.shape[at]}, the size of axis ${at}`,
    );
  }
  let from = 0;
  return sizes.map((n) => sliceInDim(a, from, from += n, { axis: at }));
}

/** Repeated along each axis. */
export function tile(x: ArrayLike, reps: readonly number[]): NDArray {
  const a = asArray(x, "lax.tile");
  const rank = Math.max(a.ndim, reps.length);
  const shape = [...Array<number>(rank - a.ndim).fill(1), ...a.shape];
  const times = [...Array<number>(rank - reps.length).fill(1), ...reps];
  const wide = shape.flatMap((n, i) => [times[i], n]);
  const stretched = ops.broadcastInDim(ops.reshape(a, shape), wide, shape.map((_, i) => 2 * i + 1));
  return ops.reshape(stretched, shape.map((n, i) => n * times[i]));
}

/** `0, 1, 2, …`: `size` of them. */
export function iota(dtype: DType, size: number): NDArray {
  return broadcastedIota(dtype, [size], 0);
}

/** `0, 1, 2, …` along an axis of a shape. */
export function broadcastedIota(dtype: DType, shape: Shape, dimension: number): NDArray {
  checkDType(dtype, "lax.broadcastedIota");
  if (dtype === "bool" || dtype === "key<fry>") {
    throw new ShapeError(`lax.broadcastedIota: dtype must be a number's; got ${dtype}`);
  }
  const sizes = checkShape(shape, "lax.broadcastedIota");
  return ops.iota(
    dtype as IotaParams["dtype"],
    sizes,
    normalizeAxis(dimension, sizes.length, "lax.broadcastedIota"),
  );
}

/** One value in a shape. */
export function full(shape: Shape, value: ArrayLike, dtype?: DType): NDArray {
  const target = dtype === undefined
    ? asArray(value, "lax.full").dtype
    : checkDType(dtype, "lax.full");
  return ops.broadcastInDim(
    toDType(value, target, false, "lax.full"),
    checkShape(shape, "lax.full"),
    [],
  );
}

/** One value in the shape and dtype of `x`. */
export function fullLike(
  x: ArrayLike,
  value: ArrayLike,
  options: { readonly dtype?: DType; readonly shape?: Shape } = {},
): NDArray {
  const a = asArray(x, "lax.fullLike");
  return full(options.shape ?? a.shape, value, options.dtype ?? a.dtype);
}
