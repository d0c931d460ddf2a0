/**
 * Factorisations of `jax.numpy.linalg`, and what is read off them: ranks, condition numbers, pseudoinverses.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { formatShape } from "../core/aval.ts";
import { Zero } from "../core/primitive.ts";
import { customJvpCall, type JvpFunction } from "../control/custom_jvp_call.ts";
import * as lax from "../lax/linalg.ts";
import { abs, add, div, mul, sub } from "../ops/arith.ts";
import { lit } from "../ops/common.ts";
import { convertElementType } from "../ops/convert.ts";
import { gt, select } from "../ops/logic.ts";
import {
  acrossColumns,
  acrossRows,
  matmul,
  matrixTranspose,
  symmetricByLower,
} from "../ops/matrices.ts";
import { reduceMax } from "../ops/reduce.ts";
import { fullLike, reduceSum, reshape } from "../ops/shape.ts";
import * as spectral from "../ops/spectral.ts";
import { keyed } from "../tree/keyed.ts";
import { sliceAlong } from "./axes.ts";
import { finfo } from "./dtype_queries.ts";
import { promoteInexact } from "./promote.ts";

/** Matrices of a floating dtype, from what a user gave. */
export function matricesOf(x: ArrayLike, where: string, kind: "any" | "square" = "any"): NDArray {
  const [a] = promoteInexact([x], where);
  const [m, n] = a.shape.slice(-2);
  if (a.ndim < 2 || (kind === "square" && m !== n)) {
    throw new ShapeError(
      `${where}: expected ${
        kind === "square" ? "square matrices" : "matrices"
      } in the last two axes; got shape ${formatShape(a.shape)}`,
    );
  }
  return a;
}

/** Options of {@linkcode cholesky}. */
export interface CholeskyOptions {
  /** Whether the upper triangular factor is wanted, its transpose; false unless told. */
  readonly upper?: boolean;
  /** Whether the mean of the matrix and its transpose is taken first; true unless told. Else one half alone counts: the lower, with `upper` the upper. */
  readonly symmetrizeInput?: boolean;
}

/**
 * The Cholesky factorisation of symmetric positive definite matrices: `a = L · Lᵀ`. NaN where a matrix is not.
 *
 * @param a `[..., n, n]`; integers become float32.
 * @returns L, lower triangular, of the same shape.
 * @throws {ShapeError} For what is no stack of square matrices.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 * np.linalg.cholesky(np.array([[4, 2], [2, 5]])).tolist(); // [[2, 0], [1, 2]]
 * ```
 */
export function cholesky(a: ArrayLike, options: CholeskyOptions = {}): NDArray {
  const { upper = false, symmetrizeInput = true } = options;
  const x = matricesOf(a, "numpy.linalg.cholesky", "square");
  const given = upper && !symmetrizeInput ? matrixTranspose(x) : x;
  const l = lax.cholesky(given, { symmetrizeInput });
  return upper ? matrixTranspose(l) : l;
}

/** What {@linkcode qr} is to give. */
export type QrMode = "reduced" | "complete" | "r";

/**
 * The QR factorisation `a = Q · R`: orthonormal columns and an upper triangle, by Householder's reflections.
 *
 * @param a `[..., m, n]`.
 * @param mode `"reduced"`, the default: Q `[..., m, k]` and R `[..., k, n]` with k = min(m, n). `"complete"`: k = m. `"r"`: R alone, reduced.
 * @throws {ArgumentError} For another mode.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 * const [q, r] = np.linalg.qr(np.array([[3, 1], [4, 2], [0, 1]]));
 * console.log(q.shape, r.shape); // [3, 2] [2, 2]
 * ```
 */
export function qr(a: ArrayLike, mode: "r"): NDArray;
/** Q and R. */
export function qr(a: ArrayLike, mode?: "reduced" | "complete"): [q: NDArray, r: NDArray];
export function qr(a: ArrayLike, mode: QrMode = "reduced"): NDArray | [NDArray, NDArray] {
  const where = "numpy.linalg.qr";
  if (!["reduced", "complete", "r"].includes(mode)) {
    throw new ArgumentError(
      `${where}: mode must be "reduced", "complete" or "r"; got ${JSON.stringify(mode)}`,
    );
  }
  const both = lax.qr(matricesOf(a, where), { fullMatrices: mode === "complete" });
  return mode === "r" ? both[1] : both;
}

/** Options of {@linkcode eigh} and {@linkcode eigvalsh}. */
export interface EighOptions {
  /** Which half counts where the input is not made symmetric; `"L"` unless told. */
  readonly UPLO?: "L" | "U" | null;
  /** Whether the mean of the matrix and its transpose is taken first; true unless told. */
  readonly symmetrizeInput?: boolean;
}

/**
 * Eigenvalues, ascending, and eigenvectors, in columns, of symmetric matrices.
 *
 * The signs of eigenvectors, and the basis that belongs to equal eigenvalues, are any; derivatives of eigenvectors need eigenvalues that
 * differ, those of eigenvalues do not.
 *
 * @param a `[..., n, n]`.
 * @returns `[eigenvalues, eigenvectors]`, of shapes `[..., n]` and `[..., n, n]`; NaN where `a` has NaN.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 * const [w, v] = np.linalg.eigh(np.array([[2, 1], [1, 2]]));
 * console.log(np.round(w).tolist(), v.shape); // [1, 3] [2, 2]
 * ```
 */
export function eigh(
  a: ArrayLike,
  options: EighOptions = {},
): [eigenvalues: NDArray, eigenvectors: NDArray] {
  return spectral.eigh(symmetricOf(a, options, "numpy.linalg.eigh"));
}

/** Matrices whose lower halves are the symmetric matrices that `options` mean. */
function symmetricOf(a: ArrayLike, options: EighOptions, where: string): NDArray {
  const { UPLO = "L", symmetrizeInput = true } = options;
  if (UPLO !== null && UPLO !== "L" && UPLO !== "U") {
    throw new ArgumentError(`${where}: UPLO must be "L" or "U"; got ${JSON.stringify(UPLO)}`);
  }
  return symmetricByLower(matricesOf(a, where, "square"), symmetrizeInput, UPLO !== "U");
}

/** The eigenvalues of symmetric matrices, ascending; see {@linkcode eigh}. Eigenvectors are not computed, except for derivatives. */
export function eigvalsh(a: ArrayLike, options: EighOptions = {}): NDArray {
  return spectral.eigvalsh(symmetricOf(a, options, "numpy.linalg.eigvalsh"));
}

/** Options of {@linkcode svd}. */
export interface SvdOptions {
  /** Whether U and V are square; true unless told. */
  readonly fullMatrices?: boolean;
  /** Whether singular vectors are wanted; true unless told. */
  readonly computeUv?: boolean;
}

/**
 * The singular value decomposition `a = U · diag(s) · Vᵀ`.
 *
 * The signs of singular vectors are any. Derivatives need `fullMatrices: false` (unless square), those of vectors singular values that
 * differ and are not 0.
 *
 * @param a `[..., m, n]`.
 * @returns `[U, s, Vᵀ]`, of shapes `[..., m, m]`, `[..., min(m, n)]` and `[..., n, n]`; without `fullMatrices` U has min(m, n) columns and
 * Vᵀ as many rows. `s`, descending, alone without `computeUv`. NaN where `a` has NaN or infinity.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 * const [u, s, vt] = np.linalg.svd(np.array([[0, 2], [1, 0], [0, 0]]), { fullMatrices: false });
 * console.log(u.shape, s.tolist(), vt.shape); // [3, 2] [2, 1] [2, 2]
 * ```
 */
export function svd(a: ArrayLike, options: SvdOptions & { readonly computeUv: false }): NDArray;
/** U, s and Vᵀ. */
export function svd(a: ArrayLike, options?: SvdOptions): [u: NDArray, s: NDArray, vt: NDArray];
export function svd(
  a: ArrayLike,
  options: SvdOptions = {},
): NDArray | [NDArray, NDArray, NDArray] {
  const { fullMatrices = true, computeUv = true } = options;
  const x = matricesOf(a, "numpy.linalg.svd");
  return computeUv ? lax.svd(x, { fullMatrices }) : singularValues(x);
}

/** Singular values of matrices of any shape. */
function singularValues(x: NDArray): NDArray {
  const [m, n] = x.shape.slice(-2);
  return spectral.svdvals(m >= n ? x : matrixTranspose(x));
}

/** The singular values of matrices, descending; see {@linkcode svd}. Singular vectors are not computed, except for derivatives. */
export function svdvals(x: ArrayLike): NDArray {
  return singularValues(matricesOf(x, "numpy.linalg.svdvals"));
}

/** Options of {@linkcode matrixRank}. */
export interface RankOptions {
  /** Singular values up to this share of the largest count as 0; `max(m, n) · ε` unless given. */
  readonly rtol?: number | null;
  /** Whether matrices are symmetric, which is faster; false unless told. */
  readonly hermitian?: boolean;
}

/**
 * The rank of matrices: how many singular values are not negligible. int32, `[...]`.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 * np.linalg.matrixRank(np.ones([3, 3])).item(); // 1
 * ```
 */
export function matrixRank(M: ArrayLike, options: RankOptions = {}): NDArray {
  const x = matricesOf(M, "numpy.linalg.matrixRank");
  const s = options.hermitian ? abs(eigvalsh(x)) : svdvals(x);
  const rtol = options.rtol ?? Math.max(...x.shape.slice(-2)) * finfo(x).eps;
  const largest = reduceMax(s, [s.ndim - 1]);
  const limit = acrossColumns(mul(largest, lit(s, rtol)), s.shape[s.ndim - 1]);
  return reduceSum(convertElementType(gt(s, limit), "int32"), [s.ndim - 1]);
}

/** Options of {@linkcode pinv}. */
export interface PinvOptions {
  /** Singular values up to this share of the largest count as 0; `10 · max(m, n) · ε` unless given. */
  readonly rtol?: number | null;
}

/**
 * The pseudoinverse of Moore and Penrose: the least-squares solution of a · X = 1 that is smallest.
 *
 * Its derivative is right where the rank does not change (Golub and Pereyra, 1973); singular values may be equal.
 *
 * @param a `[..., m, n]`.
 * @returns `[..., n, m]`.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 * np.linalg.pinv(np.array([[2, 0], [0, 0]])).tolist(); // [[0.5, 0], [0, 0]]
 * ```
 */
export function pinv(a: ArrayLike, options: PinvOptions = {}): NDArray {
  const x = matricesOf(a, "numpy.linalg.pinv");
  const rtol = options.rtol ?? 10 * Math.max(...x.shape.slice(-2)) * finfo(x).eps;
  const compute = ([given]: readonly NDArray[]): NDArray[] => {
    const [u, s, vt] = lax.svd(given, { fullMatrices: false });
    const k = s.shape[s.ndim - 1];
    const limit = acrossColumns(mul(reduceMax(s, [s.ndim - 1]), lit(s, rtol)), k);
    const [one, never] = [1, Infinity].map((v) => fullLike(lit(s, v), s.shape));
    const inverse = div(one, select(gt(s, limit), s, never));
    const scaled = mul(matrixTranspose(vt), acrossRows(inverse, vt.shape[vt.ndim - 1]));
    return [matmul(scaled, matrixTranspose(u))];
  };
  const rule: JvpFunction = ([given], [t]) => {
    const p = pinv(given, { rtol });
    if (t instanceof Zero) return [[p], [new Zero(p.aval)]];
    const [pt, back] = [matrixTranspose(p), matrixTranspose(t)];
    const first = matmul(p, matmul(t, p));
    const second = matmul(p, matmul(pt, sub(back, matmul(back, matmul(given, p)))));
    const third = matmul(sub(back, matmul(p, matmul(given, back))), matmul(pt, p));
    return [[p], [add(sub(second, first), third)]];
  };
  return customJvpCall(compute, keyed(rule, "numpy.linalg.pinv", [rtol]), "pinv", [x])[0];
}

/**
 * The nuclear norm, or the largest (2) or smallest (-2) singular value, of matrices in the last two axes.
 */
export function spectralNorm(x: NDArray, ord: "nuc" | 2 | -2): NDArray {
  const s = svdvals(x);
  const k = s.shape[s.ndim - 1];
  if (ord === "nuc") return reduceSum(s, [s.ndim - 1]);
  const one = ord === 2 ? sliceAlong(s, s.ndim - 1, 0, 1) : sliceAlong(s, s.ndim - 1, k - 1, k);
  return reshape(one, s.shape.slice(0, -1));
}
