/**
 * Systems of linear equations, inverses and determinants, as `jax.numpy.linalg`.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { formatShape, sizeOf } from "../core/aval.ts";
import { Zero } from "../core/primitive.ts";
import { customJvpCall, type JvpFunction } from "../control/custom_jvp_call.ts";
import { customLinearSolve } from "../lax/implicit.ts";
import * as lax from "../lax/linalg.ts";
import { abs, add, div, mul, sign, sub } from "../ops/arith.ts";
import { lit, literal } from "../ops/common.ts";
import { convertElementType, stopGradient } from "../ops/convert.ts";
import { cumprod } from "../ops/cumulative.ts";
import { log } from "../ops/elementary.ts";
import { and, eq, gt, isFinite, ne, select } from "../ops/logic.ts";
import {
  acrossColumns,
  diagonalOf,
  identityLike,
  matmul,
  matrixTranspose,
} from "../ops/matrices.ts";
import { reduceAnd, reduceMax, reduceProd } from "../ops/reduce.ts";
import {
  broadcastInDim,
  fullLike,
  iota,
  reduceSum,
  reshape,
  squeeze,
  transpose,
} from "../ops/shape.ts";
import { argsort, takeAlongAxis } from "../ops/sort.ts";
import { checkInteger, sliceAlong } from "./axes.ts";
import { finfo } from "./dtype_queries.ts";
import { matricesOf, svdvals } from "./factorisations.ts";
import { broadcastArray, broadcastShapes, normalizeAxes, promoteInexact } from "./promote.ts";

/** The X of a · X = b for stacks of matrices of one stack shape, differentiated by what it satisfies. */
function solveStacks(a: NDArray, b: NDArray): NDArray {
  const columns = b.shape[b.ndim - 1];
  const axis = b.ndim - 2;
  const [lu, _pivots, permutation] = lax.lu(stopGradient(a));
  const left = { leftSide: true };
  const forwards = (y: NDArray): NDArray => {
    const rows = takeAlongAxis(y, acrossColumns(permutation, columns), axis);
    const inner = lax.triangularSolve(lu, rows, { ...left, lower: true, unitDiagonal: true });
    return lax.triangularSolve(lu, inner, left);
  };
  const backwards = (y: NDArray): NDArray => {
    const inner = lax.triangularSolve(lu, y, { ...left, transposeA: true });
    const rows = lax.triangularSolve(lu, inner, {
      ...left,
      lower: true,
      unitDiagonal: true,
      transposeA: true,
    });
    const order = argsort(permutation, permutation.ndim - 1);
    return takeAlongAxis(rows, acrossColumns(order, columns), axis);
  };
  return customLinearSolve((x: NDArray) => matmul(a, x), b, (_, y) => forwards(y), {
    transposeSolve: (_, y) => backwards(y),
  });
}

/**
 * Solves a · x = b by the LU factorisation with partial pivoting. A singular matrix gives infinities and NaN.
 *
 * Derivatives are those of the system, not of the factorisation: another solution with the factors that are there.
 *
 * @param a `[..., n, n]`.
 * @param b A vector `[n]`, or `[..., n, m]`; leading axes broadcast.
 * @returns x, a vector (`[..., n]`) for a vector, else `[..., n, m]`.
 * @throws {ShapeError} Where the shapes do not fit.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 * np.linalg.solve(np.array([[2, 0], [0, 4]]), np.array([2, 8])).tolist(); // [1, 2]
 * ```
 */
export function solve(a: ArrayLike, b: ArrayLike): NDArray {
  const where = "numpy.linalg.solve";
  const [left, right] = promoteInexact([a, b], where);
  const matrices = matricesOf(left, where, "square");
  const n = matrices.shape[matrices.ndim - 1];
  const isVector = right.ndim === 1;
  const given = isVector ? reshape(right, [...right.shape, 1]) : right;
  if (right.ndim === 0 || given.shape[given.ndim - 2] !== n) {
    throw new ShapeError(
      `${where}: a of shape ${
        formatShape(matrices.shape)
      } needs a b of shape [${n}] or [..., ${n}, m]; got ${formatShape(right.shape)}`,
    );
  }
  const stacks = [matrices.shape.slice(0, -2), given.shape.slice(0, -2)];
  const stack = broadcastShapes(stacks, where);
  const x = solveStacks(
    broadcastArray(matrices, [...stack, n, n]),
    broadcastArray(given, [...stack, ...given.shape.slice(-2)]),
  );
  return isVector ? squeeze(x, [x.ndim - 1]) : x;
}

/**
 * The inverses of square matrices. Where a system is to be solved, `solve` is faster and more precise. A singular matrix gives
 * infinities and NaN.
 *
 * @param a `[..., n, n]`.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 * np.linalg.inv(np.array([[2, 0], [0, 4]])).tolist(); // [[0.5, 0], [0, 0.25]]
 * ```
 */
export function inv(a: ArrayLike): NDArray {
  const x = matricesOf(a, "numpy.linalg.inv", "square");
  return solveStacks(x, identityLike(x, x.shape));
}

/** The diagonal of U, and 1 or -1 for an even or odd number of exchanges, of square matrices. */
function luDiagonal(x: NDArray): [diagonal: NDArray, parity: NDArray] {
  const [lu, pivots] = lax.lu(x);
  return [diagonalOf(lu), parityOf(pivots, x)];
}

/** 1 or -1 for an even or odd number of exchanges, in the dtype of `like`. */
function parityOf(pivots: NDArray, like: NDArray): NDArray {
  const axis = pivots.ndim - 1;
  const exchanged = ne(pivots, iota("int32", pivots.shape, axis));
  const count = reduceSum(convertElementType(exchanged, "int32"), [axis]);
  const odd = convertElementType(and(count, literal(1, "int32")), like.dtype);
  return sub(fullLike(lit(like, 1), odd.shape), mul(odd, lit(like, 2)));
}

/** The determinants of 2 × 2 and 3 × 3 matrices, by their elements. */
function smallDeterminant(x: NDArray): NDArray {
  const n = x.shape[x.ndim - 1];
  const flat = reshape(x, [...x.shape.slice(0, -2), n * n]);
  const at = (i: number, j: number): NDArray => {
    const row = sliceAlong(flat, flat.ndim - 1, i * n + j, i * n + j + 1);
    return squeeze(row, [row.ndim - 1]);
  };
  const minor = (i: number, j: number, k: number, l: number) =>
    sub(mul(at(i, k), at(j, l)), mul(at(i, l), at(j, k)));
  if (n === 2) return minor(0, 1, 0, 1);
  const first = mul(at(0, 0), minor(1, 2, 1, 2));
  const second = mul(at(0, 1), minor(1, 2, 0, 2));
  return add(sub(first, second), mul(at(0, 2), minor(1, 2, 0, 1)));
}

/** The determinants by the LU factorisation. */
function luDeterminant([x]: readonly NDArray[]): NDArray[] {
  const [diagonal, parity] = luDiagonal(x);
  return [mul(parity, reduceProd(diagonal, [diagonal.ndim - 1]))];
}

/**
 * The derivative of determinants: `tr(adj(x) · t)`, where `adj(x) · t = det(x) · x⁻¹ · t` is solved for without dividing by the last pivot, the one that
 * is zero where a matrix is singular. Where an earlier one is zero, so is the derivative, as `jax.numpy.linalg.det` has it.
 */
const determinantRule: JvpFunction = ([x], [t]) => {
  const n = x.shape[x.ndim - 1];
  const [factors, pivots, permutation] = lax.lu(x);
  const axis = permutation.ndim - 1;
  const parity = parityOf(pivots, x);
  const minors = mul(
    cumprod(diagonalOf(factors), axis),
    broadcastInDim(parity, permutation.shape, parity.shape.map((_, i) => i)),
  );
  const determinant = squeeze(sliceAlong(minors, axis, n - 1, n), [axis]);
  if (t instanceof Zero) return [[determinant], [new Zero(determinant.aval)]];
  const before = sliceAlong(minors, axis, n - 2, n - 1);
  const across = (v: NDArray): NDArray =>
    broadcastInDim(v, x.shape, [...v.shape.slice(0, -1).map((_, i) => i), x.ndim - 1]);
  const [rows, columns] = [x.ndim - 2, x.ndim - 1].map((i) => iota("int32", x.shape, i));
  const end = literal(n - 1, "int32");
  const isLast = eq(rows, fullLike(end, x.shape));
  const corner = and(isLast, eq(columns, fullLike(end, x.shape)));
  const upper = select(corner, across(div(fullLike(lit(x, 1), before.shape), before)), factors);
  const probe = lax.triangularSolve(upper, fullLike(lit(x, 1), [...x.shape.slice(0, -2), 1, n]));
  const isRegular = reduceAnd(isFinite(probe), [x.ndim - 2, x.ndim - 1]);
  const kept = broadcastInDim(isRegular, x.shape, isRegular.shape.map((_, i) => i));
  // Not divided by what is not finite at all, because its transpose would come back as NaN.
  const safe = select(kept, upper, identityLike(x, x.shape));
  const left = { leftSide: true };
  const exchanged = takeAlongAxis(t, acrossColumns(permutation, n), x.ndim - 2);
  const inner = lax.triangularSolve(safe, exchanged, { ...left, lower: true, unitDiagonal: true });
  const scaled = select(isLast, inner, mul(inner, across(sliceAlong(minors, axis, n - 1, n))));
  const solved = lax.triangularSolve(safe, scaled, left);
  const trace = reduceSum(diagonalOf(select(kept, solved, fullLike(lit(x, 0), x.shape))), [axis]);
  return [[determinant], [trace]];
};

/**
 * The determinants of square matrices, `[...]`. The derivative is right for regular matrices, and for singular ones whose last pivot alone is zero in
 * the LU factorisation; of other singular matrices larger than 3 × 3 it is taken to be zero, as in JAX.
 *
 * @param a `[..., n, n]`.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 * np.linalg.det(np.array([[1, 2], [3, 4]])).item(); // -2
 * ```
 */
export function det(a: ArrayLike): NDArray {
  const x = matricesOf(a, "numpy.linalg.det", "square");
  const n = x.shape[x.ndim - 1];
  if (n === 2 || n === 3) return smallDeterminant(x);
  if (n < 2) return luDeterminant([x])[0];
  return customJvpCall(luDeterminant, determinantRule, "det", [x])[0];
}

/**
 * The sign and the natural logarithm of the absolute value of determinants: what does not overflow. A singular matrix has
 * 0 and -∞.
 *
 * @param a `[..., n, n]`.
 * @returns `[sign, logabsdet]`, each `[...]`.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 * const [sign, log] = np.linalg.slogdet(np.array([[0, 2], [2, 0]]));
 * console.log(sign.item(), log.item().toFixed(3)); // -1 "1.386"
 * ```
 */
export function slogdet(a: ArrayLike): [sign: NDArray, logabsdet: NDArray] {
  const x = matricesOf(a, "numpy.linalg.slogdet", "square");
  const [diagonal, parity] = luDiagonal(x);
  const axis = diagonal.ndim - 1;
  return [
    mul(parity, reduceProd(sign(diagonal), [axis])),
    reduceSum(log(abs(diagonal)), [axis]),
  ];
}

/** Options of {@linkcode lstsq}. */
export interface LstsqOptions {
  /** Singular values below this share of the largest count as 0; `max(m, n) · ε` unless given. */
  readonly rcond?: number | null;
}

/**
 * The x for which |a · x - b| is least, and of several the smallest, by singular values.
 *
 * @param a `[m, n]`.
 * @param b `[m]` or `[m, k]`.
 * @returns `[x, residuals, rank, s]`: x `[n]` or `[n, k]`; the squares of what is left, `[1]` or `[k]`; the rank (int32); the singular values.
 * @throws {ShapeError} Where the shapes do not fit.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 * const [x] = np.linalg.lstsq(np.array([[1, 0], [1, 1], [1, 2]]), np.array([1, 3, 5]));
 * np.round(x).tolist(); // [1, 2]
 * ```
 */
export function lstsq(
  a: ArrayLike,
  b: ArrayLike,
  options: LstsqOptions = {},
): [x: NDArray, residuals: NDArray, rank: NDArray, s: NDArray] {
  const where = "numpy.linalg.lstsq";
  const [left, right] = promoteInexact([a, b], where);
  const matrix = matricesOf(left, where);
  const isVector = right.ndim === 1;
  if (matrix.ndim !== 2 || right.ndim < 1 || right.ndim > 2 || right.shape[0] !== matrix.shape[0]) {
    throw new ShapeError(
      `${where}: expected a of shape [m, n] and b of shape [m] or [m, k]; got ${
        formatShape(left.shape)
      } and ${formatShape(right.shape)}`,
    );
  }
  const given = isVector ? reshape(right, [...right.shape, 1]) : right;
  const [u, s, vt] = lax.svd(matrix, { fullMatrices: false });
  const rcond = options.rcond ?? Math.max(...matrix.shape) * finfo(matrix).eps;
  const limit = mul(reduceMax(s, [0]), lit(s, rcond));
  const counts = and(gt(s, fullLike(lit(s, 0), s.shape)), gt(s, fullLike(limit, s.shape)));
  const [one, zero] = [1, 0].map((v) => fullLike(lit(s, v), s.shape));
  const inverse = select(counts, div(one, select(counts, s, one)), zero);
  const inside = mul(matmul(matrixTranspose(u), given), acrossColumns(inverse, given.shape[1]));
  const x = matmul(matrixTranspose(vt), inside);
  const rest = sub(given, matmul(matrix, x));
  const residuals = reduceSum(mul(rest, rest), [0]);
  const rank = reduceSum(convertElementType(counts, "int32"), [0]);
  return [isVector ? squeeze(x, [1]) : x, residuals, rank, s];
}

/** Which condition number. */
export type ConditionOrder = 2 | -2;

/**
 * How ill conditioned matrices are: the largest singular value over the smallest (`p` 2, the default), or the other way round (-2). `[...]`.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 * np.linalg.cond(np.array([[4, 0], [0, 2]])).item(); // 2
 * ```
 */
export function cond(x: ArrayLike, p: ConditionOrder | null = null): NDArray {
  const where = "numpy.linalg.cond";
  if (p !== null && p !== 2 && p !== -2) {
    throw new ArgumentError(
      `${where}: p must be 2 or -2; got ${String(p)}. Others are norm(x, p) times norm(inv(x), p)`,
    );
  }
  const s = svdvals(matricesOf(x, where));
  const k = s.shape[s.ndim - 1];
  const [largest, least] = [sliceAlong(s, s.ndim - 1, 0, 1), sliceAlong(s, s.ndim - 1, k - 1, k)];
  const ratio = p === -2 ? div(least, largest) : div(largest, least);
  // Zero matrices are as ill conditioned as can be.
  const infinite = fullLike(lit(s, Infinity), ratio.shape);
  const zero = eq(largest, fullLike(lit(s, 0), largest.shape));
  return squeeze(select(zero, infinite, ratio), [ratio.ndim - 1]);
}

/**
 * The inverse of a tensor: with respect to `tensordot` over its first `ind` axes against the others.
 *
 * @param a Of a shape whose first `ind` axes hold as many elements as the others.
 * @param ind How many axes come first; 2 unless given.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 * np.linalg.tensorinv(np.eye(6).reshape([2, 3, 3, 2])).shape; // [3, 2, 2, 3]
 * ```
 */
export function tensorinv(a: ArrayLike, ind = 2): NDArray {
  const where = "numpy.linalg.tensorinv";
  const [x] = promoteInexact([a], where);
  checkInteger(ind, "ind", where, 1);
  const [first, rest] = [x.shape.slice(0, ind), x.shape.slice(ind)];
  const size = sizeOf(first);
  if (size !== sizeOf(rest)) {
    throw new ShapeError(
      `${where}: the first ${ind} axes must hold as many elements as the others; got shape ${
        formatShape(x.shape)
      }`,
    );
  }
  return reshape(inv(reshape(x, [size, size])), [...rest, ...first]);
}

/** Options of {@linkcode tensorsolve}. */
export interface TensorsolveOptions {
  /** Axes of `a` that are moved to its end first. */
  readonly axes?: readonly number[] | null;
}

/**
 * Solves `tensordot(a, x, x.ndim) = b`.
 *
 * @param a Of shape `[...b.shape, ...x.shape]`.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 * np.linalg.tensorsolve(np.eye(6).reshape([6, 2, 3]), np.ones([6])).shape; // [2, 3]
 * ```
 */
export function tensorsolve(
  a: ArrayLike,
  b: ArrayLike,
  options: TensorsolveOptions = {},
): NDArray {
  const where = "numpy.linalg.tensorsolve";
  let [x, y] = promoteInexact([a, b], where);
  if (options.axes) {
    const moved = normalizeAxes(options.axes, x.ndim, where);
    x = transpose(x, [...x.shape.map((_, i) => i).filter((i) => !moved.includes(i)), ...moved]);
  }
  const shape = x.shape.slice(y.ndim);
  const size = sizeOf(y.shape);
  if (sizeOf(shape) !== size || x.size !== size * size) {
    throw new ShapeError(
      `${where}: a of shape ${formatShape(x.shape)} does not fit b of shape ${
        formatShape(y.shape)
      }`,
    );
  }
  return reshape(solve(reshape(x, [size, size]), reshape(y, [size])), shape);
}
