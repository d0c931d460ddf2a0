/**
 * Taking elements by position, sorting, and searching.
 *
 * @module
 */
import { ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { formatShape } from "../core/aval.ts";
import { checkDType, type DType } from "../core/dtype.ts";
import * as arith from "../ops/arith.ts";
import { lit } from "../ops/common.ts";
import { convertElementType } from "../ops/convert.ts";
import * as cumulative from "../ops/cumulative.ts";
import { gather } from "../ops/gather.ts";
import * as logic from "../ops/logic.ts";
import { broadcastInDim, reduceSum, reshape } from "../ops/shape.ts";
import { rev } from "../ops/slicing.ts";
import * as sorting from "../ops/sort.ts";
import { asArray, broadcastArray, broadcastShapes, normalizeAxis, promote } from "./promote.ts";

/** Options of {@linkcode take} and {@linkcode takeAlongAxis}. */
export interface TakeOptions {
  /** The axis; the flattened array unless given. */
  readonly axis?: number | null;
  /** Out of bounds: `"fill"` (NaN, the default) or `"clip"`; `"wrap"` counts modulo the size. */
  readonly mode?: "fill" | "clip" | "wrap";
  /** What `"fill"` fills with; NaN (floats) or the type's extreme unless given. */
  readonly fillValue?: number;
}

/** Negative positions count from the end. */
function normalizeIndices(indices: NDArray, size: number, mode: TakeOptions["mode"]): NDArray {
  const i = indices.dtype === "int64" ? indices : convertElementType(indices, "int32");
  if (mode === "wrap") {
    const truncated = arith.rem(i, lit(i, size));
    return logic.select(
      logic.lt(truncated, lit(i, 0)),
      arith.add(truncated, lit(i, size)),
      truncated,
    );
  }
  return logic.select(logic.lt(i, lit(i, 0)), arith.add(i, lit(i, size)), i);
}

/** The elements at positions along an axis; the result has the indices' axes in its place. */
export function take(
  x: ArrayLike,
  indices: ArrayLike,
  options: TakeOptions | number = {},
): NDArray {
  const where = "numpy.take";
  const { axis = null, mode = "fill", fillValue = null } = typeof options === "number"
    ? { axis: options }
    : options;
  const whole = asArray(x, where);
  const a = axis === null ? reshape(whole, [whole.size]) : whole;
  const at = normalizeAxis(axis ?? 0, a.ndim, where);
  // With "clip" a negative position is out of bounds too, here alone: as in NumPy.
  const i = mode === "clip"
    ? asArray(indices, where)
    : normalizeIndices(asArray(indices, where), a.shape[at], mode);
  const rank = i.ndim;
  return gather(a, reshape(i, [...i.shape, 1]), {
    dimensionNumbers: {
      offsetDims: a.shape.map((_, k) => k).filter((k) => k !== at).map((k) =>
        k < at ? k : k - 1 + rank
      ),
      collapsedSliceDims: [at],
      startIndexMap: [at],
      operandBatchingDims: [],
      startIndicesBatchingDims: [],
    },
    sliceSizes: a.shape.map((n, k) => k === at ? 1 : n),
    mode: mode === "fill" ? "fill_or_drop" : "clip",
    fillValue,
    uniqueIndices: false,
  });
}

/** The elements at positions along an axis, one list of positions for each of the other places. */
export function takeAlongAxis(
  x: ArrayLike,
  indices: ArrayLike,
  axis: number | null,
  options: TakeOptions = {},
): NDArray {
  const where = "numpy.takeAlongAxis";
  let a = asArray(x, where);
  let i = asArray(indices, where);
  if (axis === null) {
    a = reshape(a, [a.size]);
    i = reshape(i, [i.size]);
  }
  const at = normalizeAxis(axis ?? 0, a.ndim, where);
  if (i.ndim !== a.ndim) {
    throw new ShapeError(
      `${where}: indices of shape ${formatShape(i.shape)} must have as many axes as the array, ${
        formatShape(a.shape)
      }`,
    );
  }
  const common = broadcastShapes(
    [a.shape.map((n, k) => k === at ? 1 : n), i.shape.map((n, k) => k === at ? 1 : n)],
    where,
  );
  const stretch = (v: NDArray) =>
    broadcastArray(v, common.map((n, k) => k === at ? v.shape[at] : n));
  const positions = normalizeIndices(stretch(i), a.shape[at], options.mode);
  const mode = (options.mode ?? "fill") === "fill" ? "fill_or_drop" : "clip";
  return sorting.takeAlongAxis(stretch(a), positions, at, mode);
}

/** Options of {@linkcode sort} and {@linkcode argsort}. */
export interface SortOptions {
  /** The axis; the last unless given, `null` for the flattened array. */
  readonly axis?: number | null;
  /** Whether the largest comes first. */
  readonly descending?: boolean;
  /** Sorting is stable in any case. */
  readonly stable?: boolean;
}

function sortAxis(
  x: ArrayLike,
  options: SortOptions | number,
  where: string,
): [NDArray, number, boolean] {
  const { axis = -1, descending = false } = typeof options === "number"
    ? { axis: options }
    : options;
  const a = asArray(x, where);
  if (axis === null) return [reshape(a, [a.size]), 0, descending];
  return [a, normalizeAxis(axis, a.ndim, where), descending];
}

/** In ascending order along an axis (the last unless given); NaN last. */
export function sort(x: ArrayLike, options: SortOptions | number = {}): NDArray {
  const [a, axis, descending] = sortAxis(x, options, "numpy.sort");
  const sorted = sorting.sort(a, axis);
  return descending ? rev(sorted, [axis]) : sorted;
}

/** Positions (int32) that put an axis (the last unless given) in ascending order; stable, NaN last. */
export function argsort(x: ArrayLike, options: SortOptions | number = {}): NDArray {
  const [a, axis, descending] = sortAxis(x, options, "numpy.argsort");
  if (!descending) return sorting.argsort(a, axis);
  // Equal elements keep their order: sort backwards, and count positions from the end.
  const order = rev(sorting.argsort(rev(a, [axis]), axis), [axis]);
  return arith.sub(lit(order, a.shape[axis] - 1), order);
}

/** Options of the cumulative functions. */
export interface CumulativeOptions {
  /** The axis; the flattened array unless given. */
  readonly axis?: number | null;
  /** The dtype to compute in, and of the result. */
  readonly dtype?: DType;
}

function cumulate(
  fn: (x: NDArray, axis: number) => NDArray,
  x: ArrayLike,
  options: CumulativeOptions | number,
  where: string,
): NDArray {
  const o: CumulativeOptions = typeof options === "number" ? { axis: options } : options;
  const axis = o.axis ?? null;
  let a = asArray(x, where);
  if (o.dtype !== undefined) {
    a = convertElementType(a, checkDType(o.dtype, `${where}: options.dtype`));
  }
  if (a.dtype === "bool") a = convertElementType(a, "int32");
  if (axis === null) return fn(reshape(a, [a.size]), 0);
  return fn(a, normalizeAxis(axis, a.ndim, where));
}

/** Running sums along an axis, or of the flattened array. */
export function cumsum(x: ArrayLike, options: CumulativeOptions | number = {}): NDArray {
  return cumulate(cumulative.cumsum, x, options, "numpy.cumsum");
}

/** Running products along an axis, or of the flattened array. */
export function cumprod(x: ArrayLike, options: CumulativeOptions | number = {}): NDArray {
  return cumulate(cumulative.cumprod, x, options, "numpy.cumprod");
}

/** Options of {@linkcode searchsorted}. */
export interface SearchOptions {
  /** Where equal elements put the value: before them (`"left"`, the default) or after. */
  readonly side?: "left" | "right";
}

/**
 * Where to insert values into a sorted 1-d array so that it stays sorted: int32 positions.
 *
 * By comparing and counting: costs the product of both sizes, which for short arrays beats a search.
 */
export function searchsorted(a: ArrayLike, v: ArrayLike, options: SearchOptions = {}): NDArray {
  const where = "numpy.searchsorted";
  const [sorted, values] = promote([a, v], where);
  if (sorted.ndim !== 1) {
    throw new ShapeError(`${where}: a must be 1-d; got shape ${formatShape(sorted.shape)}`);
  }
  const shape = [...values.shape, sorted.size];
  const columns = broadcastInDim(sorted, shape, [shape.length - 1]);
  const rows = broadcastInDim(values, shape, values.shape.map((_, i) => i));
  const before = options.side === "right" ? logic.le(columns, rows) : logic.lt(columns, rows);
  // NaN sorts last: it comes after every number.
  const isNaNRow = logic.ne(rows, rows);
  const numberColumn = logic.eq(columns, columns);
  const counts = logic.or(before, logic.and(isNaNRow, numberColumn));
  return reduceSum(convertElementType(counts, "int32"), [shape.length - 1]);
}
