/**
 * Factorisations of (stacks of) matrices, as `jax.lax.linalg`: close to the primitives. `numpy.linalg` is made of them.
 *
 * Matrices are in the last two axes, of float32, float64, float16 or bfloat16 (computed in float32, results rounded).
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { ArgumentError } from "../errors.ts";
import * as factor from "../ops/factor.ts";
import { matrixTranspose, symmetricByLower, symmetrize } from "../ops/matrices.ts";
import * as spectral from "../ops/spectral.ts";
import * as triangular from "../ops/triangular.ts";

/** Options of {@linkcode cholesky} and {@linkcode eigh}. */
export interface SymmetricOptions {
  /** Whether the mean of the matrix and its transpose is taken first; true unless told. Else the lower half alone counts. */
  readonly symmetrizeInput?: boolean;
}

/**
 * The Cholesky factor: the lower triangular L with L · Lᵀ = x, for symmetric positive definite matrices; NaN where a matrix is not.
 *
 * n³ / 3 operations. By blocks (Golub and Van Loan, _Matrix Computations_, 4.2).
 *
 * @param x `[..., n, n]`.
 *
 * @example
 * ```ts
 * import { lax, numpy as np } from "@vernal/vernal";
 * lax.linalg.cholesky(np.array([[4, 2], [2, 5]])).tolist(); // [[2, 0], [1, 2]]
 * ```
 */
export function cholesky(x: NDArray, options: SymmetricOptions = {}): NDArray {
  return triangular.cholesky(options.symmetrizeInput === false ? x : symmetrize(x));
}

/** Options of {@linkcode triangularSolve}. */
export interface TriangularSolveOptions {
  /** Whether X stands right of the matrix, a · X = b, rather than left, X · a = b; false unless told. */
  readonly leftSide?: boolean;
  /** Whether `a` is lower triangular; false unless told. The other half is not read. */
  readonly lower?: boolean;
  /** Whether `a` is transposed first; false unless told. */
  readonly transposeA?: boolean;
  /** Whether the diagonal of `a` counts as ones, and is not read; false unless told. */
  readonly unitDiagonal?: boolean;
}

/**
 * Solves a system with triangular matrices: a · X = b with `leftSide`, X · a = b without.
 *
 * @param a `[..., n, n]`.
 * @param b `[..., n, m]` with `leftSide`, `[..., m, n]` without; the same leading axes.
 * @returns X, of the shape of `b`.
 * @throws {ShapeError} Where the shapes do not fit.
 *
 * @example
 * ```ts
 * import { lax, numpy as np } from "@vernal/vernal";
 * const l = np.array([[2, 0], [1, 4]]);
 * lax.linalg.triangularSolve(l, np.array([[2], [9]]), { leftSide: true, lower: true }).tolist(); // [[1], [2]]
 * ```
 */
export function triangularSolve(
  a: NDArray,
  b: NDArray,
  options: TriangularSolveOptions = {},
): NDArray {
  const { leftSide = false, lower = false, transposeA = false, unitDiagonal = false } = options;
  if (leftSide) return triangular.triangularSolve(a, b, { lower, transposeA, unitDiagonal });
  const turned = { lower, transposeA: !transposeA, unitDiagonal };
  return matrixTranspose(triangular.triangularSolve(a, matrixTranspose(b), turned));
}

/**
 * The LU factorisation with partial pivoting: `x[permutation] = L · U`.
 *
 * @param x `[..., m, n]`.
 * @returns L (below the diagonal, its ones left out) and U in one array; the row that each step exchanged its own with (int32, `[..., min(m, n)]`);
 * the rows' order (int32, `[..., m]`).
 *
 * @example
 * ```ts
 * import { lax, numpy as np } from "@vernal/vernal";
 * const [lu, pivots, permutation] = lax.linalg.lu(np.array([[1, 2], [4, 4]]));
 * lu.tolist(); // [[4, 4], [0.25, 1]]
 * permutation.tolist(); // [1, 0]
 * ```
 */
export function lu(x: NDArray): [lu: NDArray, pivots: NDArray, permutation: NDArray] {
  return factor.lu(x);
}

/** Options of {@linkcode qr} and {@linkcode svd}. */
export interface FullMatricesOptions {
  /** Whether orthonormal columns are filled up to a square; true unless told. */
  readonly fullMatrices?: boolean;
}

/**
 * The QR factorisation, by Householder's reflections, with LAPACK's signs: orthonormal columns, and an upper triangle.
 *
 * Derivatives: with no more columns than rows, and `fullMatrices: false` unless square.
 *
 * @param x `[..., m, n]`.
 * @returns Q `[..., m, k]` and R `[..., k, n]`, where k is m with `fullMatrices`, else the smaller of m and n.
 *
 * @example
 * ```ts
 * import { lax, numpy as np } from "@vernal/vernal";
 * const [q, r] = lax.linalg.qr(np.array([[3, 1], [4, 2]]), { fullMatrices: false });
 * console.log(r.get(0, 0).item().toFixed(4)); // "-5.0000"
 * ```
 */
export function qr(x: NDArray, options: FullMatricesOptions = {}): [q: NDArray, r: NDArray] {
  return factor.qr(x, options.fullMatrices ?? true);
}

/**
 * Eigenvalues and eigenvectors of symmetric matrices, by reflections and the implicit QR algorithm.
 *
 * The signs of eigenvectors, and the basis that belongs to equal eigenvalues, are any; derivatives of eigenvectors need eigenvalues that
 * differ.
 *
 * @param x `[..., n, n]`.
 * @returns Eigenvectors, in columns, and eigenvalues `[..., n]`, ascending: in the order of `jax.lax.linalg.eigh`. NaN where x has NaN.
 *
 * @example
 * ```ts
 * import { lax, numpy as np } from "@vernal/vernal";
 * const [_vectors, values] = lax.linalg.eigh(np.array([[2, 1], [1, 2]]));
 * np.round(values).tolist(); // [1, 3]
 * ```
 */
export function eigh(
  x: NDArray,
  options: SymmetricOptions & { readonly lower?: boolean } = {},
): [vectors: NDArray, values: NDArray] {
  const { symmetrizeInput = true, lower = true } = options;
  const [values, vectors] = spectral.eigh(symmetricByLower(x, symmetrizeInput, lower));
  return [vectors, values];
}

/**
 * The singular value decomposition x = U · diag(s) · Vᵀ, by reflections to bidiagonal form and the implicit QR algorithm (Golub and Kahan).
 *
 * Singular values are right to about n · ε times the largest.
 *
 * The signs of singular vectors are any. Derivatives need `fullMatrices: false` (unless square), those of the vectors singular values that differ and are
 * not 0.
 *
 * @param x `[..., m, n]`.
 * @returns U `[..., m, m]`, s `[..., min(m, n)]`, descending, and Vᵀ `[..., n, n]`; without `fullMatrices` U has min(m, n) columns and
 * Vᵀ as many rows. NaN where x has NaN or infinity.
 *
 * @example
 * ```ts
 * import { lax, numpy as np } from "@vernal/vernal";
 * const [_u, s] = lax.linalg.svd(np.array([[0, 2], [1, 0]]));
 * s.tolist(); // [2, 1]
 * ```
 */
export function svd(
  x: NDArray,
  options: FullMatricesOptions = {},
): [u: NDArray, s: NDArray, vt: NDArray] {
  const { fullMatrices = true } = options;
  if (x.ndim < 2) {
    throw new ArgumentError(
      `lax.linalg.svd: expected matrices in the last two axes; got ${x.ndim} axes`,
    );
  }
  const [m, n] = x.shape.slice(-2);
  if (m >= n) return spectral.svd(x, fullMatrices);
  const [u, s, v] = spectral.svd(matrixTranspose(x), fullMatrices);
  return [matrixTranspose(v), s, matrixTranspose(u)];
}
