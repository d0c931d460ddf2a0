/**
 * Diagonals and triangles of matrices.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { formatShape } from "../core/aval.ts";
import { checkDType, type DType } from "../core/dtype.ts";
import * as arith from "../ops/arith.ts";
import { lit } from "../ops/common.ts";
import { convertElementType } from "../ops/convert.ts";
import { concatenate } from "../ops/dynamic.ts";
import * as logic from "../ops/logic.ts";
import { lowerMask } from "../ops/matrices.ts";
import { broadcastInDim, fullLike, iota, reshape, transpose } from "../ops/shape.ts";
import { pad, slice } from "../ops/slicing.ts";
import { checkInteger, checkRank, readOptions } from "./axes.ts";
import { array, checkShape, type DTypeOptions, zeros } from "./creation.ts";
import { asArray, normalizeAxis } from "./promote.ts";
import { sum } from "./reductions.ts";

/** Options that choose a diagonal. */
export interface DiagonalIndexOptions {
  /** The diagonal: 0, the main one, unless given; above it positive, below negative. */
  readonly k?: number;
}

function readK(options: DiagonalIndexOptions | undefined, where: string): number {
  return checkInteger(readOptions(options, where, "{ k: 1 }").k ?? 0, "options.k", where);
}

/** Ones at and below a diagonal, zeros above; `N` rows, `M` columns (`N` unless given), float32 unless told. */
export function tri(
  N: number,
  options: DTypeOptions & DiagonalIndexOptions & { readonly M?: number } = {},
): NDArray {
  const where = "numpy.tri";
  const o = readOptions(options, where, "{ M: 4, k: 1 }");
  const shape = checkShape([N, o.M ?? N], where);
  const dtype = o.dtype === undefined ? "float32" : checkDType(o.dtype, `${where}: options.dtype`);
  return convertElementType(lowerMask(shape, readK(o, where)), dtype);
}

function triangle(
  x: ArrayLike,
  options: DiagonalIndexOptions,
  lower: boolean,
  where: string,
): NDArray {
  const a = asArray(x, where);
  checkRank(a, 2, where);
  const k = readK(options, where);
  const zero = broadcastInDim(lit(a, 0), a.shape, []);
  const mask = lowerMask(a.shape, lower ? k : k - 1);
  return lower ? logic.select(mask, a, zero) : logic.select(mask, zero, a);
}

/** The lower triangle of (stacks of) matrices: zeros above diagonal `k`. */
export function tril(x: ArrayLike, options: DiagonalIndexOptions = {}): NDArray {
  return triangle(x, options, true, "numpy.tril");
}

/** The upper triangle of (stacks of) matrices: zeros below diagonal `k`. */
export function triu(x: ArrayLike, options: DiagonalIndexOptions = {}): NDArray {
  return triangle(x, options, false, "numpy.triu");
}

/** Options of {@linkcode trilIndices} and {@linkcode triuIndices}. */
export interface TriangleIndicesOptions extends DiagonalIndexOptions {
  /** The number of columns; `n` unless given. */
  readonly m?: number;
}

function triangleIndices(
  n: number,
  options: TriangleIndicesOptions,
  inside: (row: number, column: number, k: number) => boolean,
  where: string,
): [NDArray, NDArray] {
  const o = readOptions(options, where, "{ k: 1 }");
  const k = readK(o, where);
  const [height, width] = checkShape([n, o.m ?? n], where);
  const [rows, columns]: [number[], number[]] = [[], []];
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      if (!inside(i, j, k)) continue;
      rows.push(i);
      columns.push(j);
    }
  }
  return [array(Int32Array.from(rows)), array(Int32Array.from(columns))];
}

/** Rows and columns (int32) of the lower triangle of an `n × m` matrix. */
export function trilIndices(n: number, options: TriangleIndicesOptions = {}): [NDArray, NDArray] {
  return triangleIndices(n, options, (i, j, k) => j <= i + k, "numpy.trilIndices");
}

/** Rows and columns (int32) of the upper triangle of an `n × m` matrix. */
export function triuIndices(n: number, options: TriangleIndicesOptions = {}): [NDArray, NDArray] {
  return triangleIndices(n, options, (i, j, k) => j >= i + k, "numpy.triuIndices");
}

/** {@linkcode trilIndices} for the shape of a matrix. */
export function trilIndicesFrom(
  x: ArrayLike,
  options: DiagonalIndexOptions = {},
): [NDArray, NDArray] {
  const [n, m] = matrixShape(x, "numpy.trilIndicesFrom");
  return trilIndices(n, { m, k: readK(options, "numpy.trilIndicesFrom") });
}

/** {@linkcode triuIndices} for the shape of a matrix. */
export function triuIndicesFrom(
  x: ArrayLike,
  options: DiagonalIndexOptions = {},
): [NDArray, NDArray] {
  const [n, m] = matrixShape(x, "numpy.triuIndicesFrom");
  return triuIndices(n, { m, k: readK(options, "numpy.triuIndicesFrom") });
}

function matrixShape(x: ArrayLike, where: string): readonly number[] {
  const { shape } = asArray(x, where);
  if (shape.length !== 2) {
    throw new ShapeError(`${where}: expected a matrix; got shape ${formatShape(shape)}`);
  }
  return shape;
}

/** Indices (int32) of the main diagonal of an array of `ndim` axes (2 unless given) of size `n`. */
export function diagIndices(n: number, options: { readonly ndim?: number } = {}): NDArray[] {
  const where = "numpy.diagIndices";
  const { ndim = 2 } = readOptions(options, where, "{ ndim: 3 }");
  checkInteger(n, "n", where, 0);
  const count = iota("int32", [n]);
  return Array.from({ length: checkInteger(ndim, "options.ndim", where, 0) }, () => count);
}

/**
 * A diagonal of two axes; it becomes the last axis.
 *
 * Written row-major in one axis, the elements of a diagonal lie evenly apart: a slice with a stride, whose transpose is a padding.
 */
export function diagonalOf(x: NDArray, axis1: number, axis2: number, offset: number): NDArray {
  const rest = x.shape.map((_, i) => i).filter((i) => i !== axis1 && i !== axis2);
  const outer = rest.map((i) => x.shape[i]);
  const [rows, columns] = [x.shape[axis1], x.shape[axis2]];
  const count = Math.max(
    0,
    offset >= 0 ? Math.min(rows, columns - offset) : Math.min(rows + offset, columns),
  );
  const flat = reshape(transpose(x, [...rest, axis1, axis2]), [...outer, rows * columns]);
  const first = count === 0 ? 0 : offset >= 0 ? offset : -offset * columns;
  const limit = count === 0 ? 0 : first + (count - 1) * (columns + 1) + 1;
  return slice(
    flat,
    [...outer.map(() => 0), first],
    [...outer, limit],
    [...outer.map(() => 1), columns + 1],
  );
}

/** Options of {@linkcode diagonal}. */
export interface DiagonalOptions {
  /** The diagonal: 0 unless given; above the main one positive. */
  readonly offset?: number;
  /** The axis of rows; 0 unless given. */
  readonly axis1?: number;
  /** The axis of columns; 1 unless given. */
  readonly axis2?: number;
}

/** A diagonal of two axes of an array; it becomes the last axis. */
export function diagonal(x: ArrayLike, options: DiagonalOptions = {}): NDArray {
  const where = "numpy.diagonal";
  const { offset = 0, axis1 = 0, axis2 = 1 } = readOptions(options, where, "{ offset: 1 }");
  const a = asArray(x, where);
  checkRank(a, 2, where);
  const [i, j] = [normalizeAxis(axis1, a.ndim, where), normalizeAxis(axis2, a.ndim, where)];
  if (i === j) throw new ArgumentError(`${where}: axis1 and axis2 must differ; both are ${i}`);
  return diagonalOf(a, i, j, checkInteger(offset, "options.offset", where));
}

/** Options of {@linkcode trace}. */
export interface TraceOptions extends DiagonalOptions {
  /** The dtype to compute in, and of the result; that of `np.sum` unless given. */
  readonly dtype?: DType;
}

/** The sum over a diagonal of two axes, the first two unless given; bools and short integers are counted as in `np.sum`. */
export function trace(x: ArrayLike, options: TraceOptions = {}): NDArray {
  const where = "numpy.trace";
  const { dtype, ...which } = readOptions(options, where, "{ offset: 1 }");
  checkRank(asArray(x, where), 2, where);
  return sum(diagonal(x, which), { axis: -1, ...(dtype === undefined ? {} : { dtype }) });
}

/** A square matrix of zeros but for a diagonal; the inverse of {@linkcode diagonalOf}. */
function withDiagonal(v: NDArray, k: number): NDArray {
  const count = v.shape[0];
  const n = count + Math.abs(k);
  if (count === 0) return zeros([n, n], { dtype: v.dtype });
  const first = k >= 0 ? k : -k * n;
  const rest = n * n - first - ((count - 1) * (n + 1) + 1);
  return reshape(pad(v, lit(v, 0), [[first, rest, n]]), [n, n]);
}

/** Diagonal `k` of a matrix; of a vector, the square matrix with the vector on diagonal `k`. */
export function diag(x: ArrayLike, options: DiagonalIndexOptions = {}): NDArray {
  const where = "numpy.diag";
  const a = asArray(x, where);
  const k = readK(options, where);
  if (a.ndim === 1) return withDiagonal(a, k);
  if (a.ndim === 2) return diagonalOf(a, 0, 1, k);
  throw new ShapeError(
    `${where}: expected a vector or a matrix; got shape ${
      formatShape(a.shape)
    }. For stacks of matrices use numpy.diagonal`,
  );
}

/** The square matrix with all elements of `x` on diagonal `k`. */
export function diagflat(x: ArrayLike, options: DiagonalIndexOptions = {}): NDArray {
  const where = "numpy.diagflat";
  const a = asArray(x, where);
  return withDiagonal(reshape(a, [a.size]), readK(options, where));
}

/** Options of {@linkcode vander}. */
export interface VanderOptions {
  /** The number of columns; as many as rows unless given. */
  readonly N?: number;
  /** Whether powers rise from left to right; they fall unless told. */
  readonly increasing?: boolean;
}

/** The Vandermonde matrix: powers of a vector as columns. */
export function vander(x: ArrayLike, options: VanderOptions = {}): NDArray {
  const where = "numpy.vander";
  const o = readOptions(options, where, "{ N: 3 }");
  const a = asArray(x, where);
  if (a.ndim !== 1) {
    throw new ShapeError(`${where}: expected a vector; got shape ${formatShape(a.shape)}`);
  }
  const count = checkInteger(o.N ?? a.shape[0], "options.N", where, 0);
  if (count === 0) return zeros([a.shape[0], 0], { dtype: a.dtype });
  const column = reshape(a, [a.shape[0], 1]);
  const powers = Array.from(
    { length: count },
    (_, n) => n === 0 ? fullLike(lit(a, 1), column.shape) : arith.integerPow(column, n),
  );
  return concatenate(o.increasing ? powers : powers.reverse(), 1);
}
