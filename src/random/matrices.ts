/**
 * Distributions of vectors and matrices: what needs a factorisation.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { formatShape, type Shape } from "../core/aval.ts";
import * as lax from "../lax/linalg.ts";
import { checkInteger } from "../numpy/axes.ts";
import { checkShape } from "../numpy/creation.ts";
import { broadcastArray } from "../numpy/promote.ts";
import { add, mul, sign, sqrt } from "../ops/arith.ts";
import { acrossRows, diagonalOf, matmul, matrixTranspose } from "../ops/matrices.ts";
import { reshape, squeeze } from "../ops/shape.ts";
import { normal } from "./continuous.ts";
import { singleKey } from "./keys.ts";
import {
  floatArray,
  floatDType,
  type FloatOptions,
  type FloatSampleOptions,
  readShaped,
  sampleShape,
} from "./parameters.ts";

/** Options of {@linkcode multivariateNormal}. */
export interface MultivariateNormalOptions extends FloatSampleOptions {
  /** How the covariance is factored: `"cholesky"`, the default and the fastest; `"eigh"` and `"svd"` take singular ones too. */
  readonly method?: "cholesky" | "eigh" | "svd";
}

/** A matrix F with F · Fᵀ = cov. */
function factorOf(cov: NDArray, method: unknown, where: string): NDArray {
  const n = cov.shape[cov.ndim - 1];
  switch (method) {
    case "cholesky":
      return lax.cholesky(cov);
    case "eigh": {
      const [vectors, values] = lax.eigh(cov);
      return mul(vectors, acrossRows(sqrt(values), n));
    }
    case "svd": {
      const [u, s] = lax.svd(cov);
      return mul(u, acrossRows(sqrt(s), n));
    }
    default:
      throw new ArgumentError(
        `${where}: options.method must be "cholesky", "eigh" or "svd"; got ${
          JSON.stringify(method)
        }`,
      );
  }
}

/**
 * Vectors that are normal together: with this mean, and this covariance between their elements.
 *
 * @param mean `[..., n]`.
 * @param cov `[..., n, n]`, symmetric and positive definite (for `"eigh"` and `"svd"` semidefinite); else the sample is NaN.
 * @param shapeOrOptions The shape of the sample without its last axis, to which those of the parameters broadcast; theirs together unless given.
 * @returns `[...shape, n]`, differentiable with respect to mean and covariance.
 * @throws {ShapeError} Where mean and covariance do not fit.
 *
 * @example
 * ```ts
 * import { numpy as np, random } from "@vernal/vernal";
 * const cov = np.array([[1, 0.5], [0.5, 1]]);
 * random.multivariateNormal(random.key(0), np.zeros([2]), cov, [1000]).shape; // [1000, 2]
 * ```
 */
export function multivariateNormal(
  k: NDArray,
  mean: ArrayLike,
  cov: ArrayLike,
  shapeOrOptions: Shape | MultivariateNormalOptions | null = {},
  options: Omit<MultivariateNormalOptions, "shape"> = {},
): NDArray {
  const where = "random.multivariateNormal";
  const given = readShaped<MultivariateNormalOptions>(shapeOrOptions, options, where);
  const dtype = floatDType(given, where);
  const [m, c] = [floatArray(mean, dtype, "mean", where), floatArray(cov, dtype, "cov", where)];
  const n = m.shape[m.ndim - 1];
  if (m.ndim < 1 || c.ndim < 2 || c.shape[c.ndim - 1] !== n || c.shape[c.ndim - 2] !== n) {
    throw new ShapeError(
      `${where}: mean must have a shape [..., n] and cov [..., n, n]; got ${
        formatShape(m.shape)
      } and ${formatShape(c.shape)}`,
    );
  }
  const shape = sampleShape(given.shape, [m.shape.slice(0, -1), c.shape.slice(0, -2)], where);
  const factor = broadcastArray(factorOf(c, given.method ?? "cholesky", where), [...shape, n, n]);
  const z = normal(singleKey(k, where), [...shape, n], { dtype });
  const spread = matmul(factor, reshape(z, [...shape, n, 1]));
  return add(broadcastArray(m, [...shape, n]), squeeze(spread, [shape.length + 1]));
}

/** Options of {@linkcode orthogonal}. */
export interface OrthogonalOptions extends FloatOptions {
  /** Axes of the result before those of the matrices. */
  readonly shape?: Shape | null;
  /** Columns; as many as rows unless given. */
  readonly m?: number | null;
}

/**
 * Matrices from the uniform distribution over orthogonal ones (F. Mezzadri, "How to generate random matrices from the classical compact
 * groups", 2007). With fewer columns than rows the columns are orthonormal, with more the rows.
 *
 * @param n Rows.
 * @returns `[...shape, n, m]`.
 *
 * @example
 * ```ts
 * import { random } from "@vernal/vernal";
 * const q = random.orthogonal(random.key(0), 3);
 * console.log(q.shape); // [3, 3]
 * ```
 */
export function orthogonal(
  k: NDArray,
  n: number,
  shapeOrOptions: Shape | OrthogonalOptions | null = {},
  options: Omit<OrthogonalOptions, "shape"> = {},
): NDArray {
  const where = "random.orthogonal";
  const given = readShaped<OrthogonalOptions>(shapeOrOptions, options, where);
  const dtype = floatDType(given, where);
  checkInteger(n, "n", where, 0);
  const m = checkInteger(given.m ?? n, "options.m", where, 0);
  const shape = checkShape(given.shape ?? [], where);
  const [rows, columns] = [Math.max(n, m), Math.min(n, m)];
  const z = normal(singleKey(k, where), [...shape, rows, columns], { dtype });
  const [q, r] = lax.qr(z, { fullMatrices: false });
  const out = mul(q, acrossRows(sign(diagonalOf(r)), rows));
  return n < m ? matrixTranspose(out) : out;
}
