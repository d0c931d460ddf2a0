/**
 * Reshaping, permuting, joining and splitting.
 *
 * @module
 */
import { ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { formatShape, type Shape, shapesEqual } from "../core/aval.ts";
import { concatenate as concatenateOp } from "../ops/dynamic.ts";
import * as ops from "../ops/shape.ts";
import { slice as sliceOp } from "../ops/slicing.ts";
import * as slicing from "../ops/slicing.ts";
import { checkShape } from "./creation.ts";
import {
  type AloneOr,
  asArray,
  broadcastArray,
  broadcastShapes,
  normalizeAxes,
  normalizeAxis,
  promote,
  readAlone,
  resolveShape,
} from "./promote.ts";

/** The same elements, row-major, in another shape; one size may be -1. Costs nothing: the elements are shared. */
export function reshape(x: ArrayLike, shape: Shape | number): NDArray {
  const a = asArray(x, "numpy.reshape");
  const sizes = typeof shape === "number" ? [shape] : [...shape];
  return ops.reshape(a, resolveShape(sizes, a.size, "numpy.reshape"));
}

/** All elements in one axis. */
export function ravel(x: ArrayLike): NDArray {
  return reshape(x, [-1]);
}

/** The axes permuted; reversed unless given. */
export function transpose(
  x: ArrayLike,
  options?: AloneOr<readonly number[], "axes">,
): NDArray {
  const a = asArray(x, "numpy.transpose");
  const axes = readAlone(options, "axes");
  if (axes === undefined) {
    return ops.transpose(
      a,
      a.shape.map((_, i) => a.ndim - 1 - i),
    );
  }
  if (axes.length !== a.ndim) {
    throw new ShapeError(
      `numpy.transpose: axes [${axes}] must name all ${a.ndim} axes of shape ${
        formatShape(a.shape)
      }`,
    );
  }
  return ops.transpose(a, axes.map((i) => normalizeAxis(i, a.ndim, "numpy.transpose")));
}

/** {@linkcode transpose}. */
export const permuteDims = transpose;

/** The last two axes swapped. */
export function matrixTranspose(x: ArrayLike): NDArray {
  return swapaxes(x, -1, -2);
}

/** Two axes swapped. */
export function swapaxes(x: ArrayLike, axis1: number, axis2: number): NDArray {
  const a = asArray(x, "numpy.swapaxes");
  const [i, j] = [axis1, axis2].map((k) => normalizeAxis(k, a.ndim, "numpy.swapaxes"));
  const order = a.shape.map((_, k) => k === i ? j : k === j ? i : k);
  return ops.transpose(a, order);
}

/** Axes moved to other places; the rest keep their order. */
export function moveaxis(
  x: ArrayLike,
  source: number | readonly number[],
  destination: number | readonly number[],
): NDArray {
  const where = "numpy.moveaxis";
  const a = asArray(x, where);
  const from = [source].flat().map((i) => normalizeAxis(i as number, a.ndim, where));
  const to = [destination].flat().map((i) => normalizeAxis(i as number, a.ndim, where));
  if (from.length !== to.length) {
    throw new ShapeError(`${where}: source has ${from.length} axes, destination ${to.length}`);
  }
  const rest = a.shape.map((_, i) => i).filter((i) => !from.includes(i));
  const order: number[] = [];
  to.forEach((place, k) => order[place] = from[k]);
  for (let i = 0; i < a.ndim; i++) if (order[i] === undefined) order[i] = rest.shift()!;
  return ops.transpose(a, order);
}

/** Axes of size 1 put in at places counted in the result. */
export function expandDims(x: ArrayLike, axis: number | readonly number[]): NDArray {
  const a = asArray(x, "numpy.expandDims");
  const list = [axis].flat() as number[];
  const rank = a.ndim + list.length;
  const places = list.map((i) => normalizeAxis(i, rank, "numpy.expandDims"));
  const shape: number[] = [];
  let next = 0;
  for (let i = 0; i < rank; i++) shape.push(places.includes(i) ? 1 : a.shape[next++]);
  const dims = shape.map((_, i) => i).filter((i) => !places.includes(i));
  return ops.broadcastInDim(a, shape, dims);
}

/** Axes of size 1 dropped: those named, or all. */
export function squeeze(
  x: ArrayLike,
  options?: AloneOr<number | readonly number[], "axis">,
): NDArray {
  const a = asArray(x, "numpy.squeeze");
  const axis = readAlone(options, "axis");
  if (axis === undefined) {
    return ops.squeeze(a, a.shape.flatMap((n, i) => n === 1 ? [i] : []));
  }
  return ops.squeeze(a, normalizeAxes(axis, a.ndim, "numpy.squeeze"));
}

/** Stretched to a shape, by NumPy's rule. */
export function broadcastTo(x: ArrayLike, shape: Shape | number): NDArray {
  const a = asArray(x, "numpy.broadcastTo");
  const sizes = checkShape(shape, "numpy.broadcastTo");
  if (!shapesEqual(broadcastShapes([a.shape, sizes], "numpy.broadcastTo"), sizes)) {
    throw new ShapeError(
      `numpy.broadcastTo: shape ${formatShape(a.shape)} does not broadcast to ${
        formatShape(sizes)
      }`,
    );
  }
  return broadcastArray(a, sizes);
}

/** Arrays stretched to the shape at which they meet. */
export function broadcastArrays(...xs: ArrayLike[]): NDArray[] {
  const arrays = xs.map((x) => asArray(x, "numpy.broadcastArrays"));
  const shape = broadcastShapes(arrays.map((a) => a.shape), "numpy.broadcastArrays");
  return arrays.map((a) => broadcastArray(a, shape));
}

/** Arrays one after the other along `axis` (0 unless given; `null` flattens them first). */
export function concatenate(
  xs: readonly ArrayLike[],
  axis: number | null | { readonly axis?: number | null } = 0,
): NDArray {
  const where = "numpy.concatenate";
  const along = typeof axis === "object" && axis !== null
    ? axis.axis === undefined ? 0 : axis.axis
    : axis;
  if (xs.length === 0) throw new ShapeError(`${where}: needs at least one array`);
  let arrays = promote(xs, where);
  if (along === null) arrays = arrays.map((a) => ops.reshape(a, [a.size]));
  const rank = arrays[0].ndim;
  if (rank === 0) {
    throw new ShapeError(`${where}: 0-d arrays cannot be concatenated; use numpy.stack`);
  }
  if (arrays.some((a) => a.ndim !== rank)) {
    throw new ShapeError(
      `${where}: arrays must have one rank; got ${
        arrays.map((a) => formatShape(a.shape)).join(", ")
      }`,
    );
  }
  return concatenateOp(arrays, normalizeAxis(along ?? 0, rank, where));
}

/** {@linkcode concatenate}. */
export const concat = concatenate;

/** Arrays of one shape, stacked along a new axis (0 unless given). */
export function stack(
  xs: readonly ArrayLike[],
  axis: number | { readonly axis?: number } = 0,
): NDArray {
  const where = "numpy.stack";
  if (xs.length === 0) throw new ShapeError(`${where}: needs at least one array`);
  const arrays = promote(xs, where);
  const place = normalizeAxis(
    typeof axis === "number" ? axis : axis.axis ?? 0,
    arrays[0].ndim + 1,
    where,
  );
  if (arrays.some((a) => !shapesEqual(a.shape, arrays[0].shape))) {
    throw new ShapeError(
      `${where}: arrays must have one shape; got ${
        arrays.map((a) => formatShape(a.shape)).join(", ")
      }`,
    );
  }
  return concatenateOp(arrays.map((a) => expandDims(a, place)), place);
}

/** Stacked along axis 0, 1-d arrays as rows. */
export function vstack(xs: readonly ArrayLike[]): NDArray {
  return concatenate(xs.map((x) => atleast2d(x)), 0);
}

/** Joined along axis 1, 1-d arrays along axis 0. */
export function hstack(xs: readonly ArrayLike[]): NDArray {
  const arrays = xs.map((x) => atleast1d(x));
  return concatenate(arrays, arrays[0]?.ndim === 1 ? 0 : 1);
}

/** At least one axis. */
export function atleast1d(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.atleast1d");
  return a.ndim >= 1 ? a : ops.reshape(a, [1]);
}

/** At least two axes, new ones in front. */
export function atleast2d(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.atleast2d");
  return a.ndim >= 2 ? a : ops.reshape(a, [1, a.size]);
}

/** Cut into parts along `axis`: `n` equal ones, or at the given places. */
export function split(
  x: ArrayLike,
  parts: number | readonly number[],
  axis: number | { readonly axis?: number } = 0,
): NDArray[] {
  const where = "numpy.split";
  const a = asArray(x, where);
  const along = normalizeAxis(typeof axis === "number" ? axis : axis.axis ?? 0, a.ndim, where);
  const size = a.shape[along];
  if (typeof parts === "number" && size % parts !== 0) {
    throw new ShapeError(
      `${where}: axis ${along} of size ${size} cannot be cut into ${parts} equal parts; use numpy.arraySplit`,
    );
  }
  const cuts = typeof parts === "number"
    ? Array.from({ length: parts - 1 }, (_, i) => (i + 1) * (size / parts))
    : parts.map((p) => Math.min(Math.max(p < 0 ? p + size : p, 0), size));
  return cutAt(a, along, cuts);
}

/** As {@linkcode split}, but parts may differ in size by one. */
export function arraySplit(
  x: ArrayLike,
  parts: number | readonly number[],
  axis: number | { readonly axis?: number } = 0,
): NDArray[] {
  if (typeof parts !== "number") return split(x, parts, axis);
  const a = asArray(x, "numpy.arraySplit");
  const along = normalizeAxis(
    typeof axis === "number" ? axis : axis.axis ?? 0,
    a.ndim,
    "numpy.arraySplit",
  );
  const [each, extra] = [Math.floor(a.shape[along] / parts), a.shape[along] % parts];
  const cuts = Array.from({ length: parts - 1 }, (_, i) => (i + 1) * each + Math.min(i + 1, extra));
  return cutAt(a, along, cuts);
}

function cutAt(a: NDArray, axis: number, cuts: readonly number[]): NDArray[] {
  const bounds = [0, ...cuts, a.shape[axis]];
  return bounds.slice(1).map((to, i) => {
    const from = bounds[i];
    const start = a.shape.map((_, k) => k === axis ? from : 0);
    const limit = a.shape.map((n, k) => k === axis ? Math.max(from, to) : n);
    return sliceOp(a, start, limit);
  });
}

/** Axes reversed: those named, or all. */
export function flip(
  x: ArrayLike,
  options?: AloneOr<number | readonly number[], "axis">,
): NDArray {
  const a = asArray(x, "numpy.flip");
  return slicing.rev(a, normalizeAxes(readAlone(options, "axis"), a.ndim, "numpy.flip"));
}
