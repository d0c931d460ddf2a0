/**
 * Linear algebra, as `jax.numpy.linalg`: norms, powers and products; factorisations and what is solved by them.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { formatShape } from "../core/aval.ts";
import { isComplex } from "../core/dtype.ts";
import * as arith from "../ops/arith.ts";
import { lit } from "../ops/common.ts";
import { convertElementType } from "../ops/convert.ts";
import * as el from "../ops/elementary.ts";
import * as logic from "../ops/logic.ts";
import { keptShape, reduceMax, reduceMin } from "../ops/reduce.ts";
import { reduceSum, reshape, transpose } from "../ops/shape.ts";
import { checkInteger, describe } from "./axes.ts";
import { eye } from "./creation.ts";
import { spectralNorm } from "./factorisations.ts";
import { inv } from "./solving.ts";
import { matmul } from "./linalg_basic.ts";
import { diagonal as diagonalOfAxes } from "./triangles.ts";
import { asArray, broadcastArray, normalizeAxes, promoteInexact } from "./promote.ts";

export { matmul, outer, tensordot } from "./linalg_basic.ts";
export { cross, vecdot } from "./products.ts";
export { matrixTranspose } from "./shapes.ts";
export {
  cholesky,
  type CholeskyOptions,
  eigh,
  type EighOptions,
  eigvalsh,
  matrixRank,
  pinv,
  type PinvOptions,
  qr,
  type QrMode,
  type RankOptions,
  svd,
  type SvdOptions,
  svdvals,
} from "./factorisations.ts";
export {
  cond,
  type ConditionOrder,
  det,
  inv,
  lstsq,
  type LstsqOptions,
  slogdet,
  solve,
  tensorinv,
  tensorsolve,
  type TensorsolveOptions,
} from "./solving.ts";

/** Which norm: a number `p` for `(Σ|x|^p)^(1/p)`, ±Infinity, or for matrices `"fro"` or `"nuc"`. */
export type NormOrder = number | "fro" | "nuc";

/** Options of {@linkcode norm}. */
export interface NormOptions {
  /** Which norm; the Euclidean (Frobenius) unless given. */
  readonly ord?: NormOrder | null;
  /** One axis for norms of vectors, two for norms of matrices; all unless given. */
  readonly axis?: number | readonly [number, number] | readonly number[] | null;
  /** Whether reduced axes stay with size 1. */
  readonly keepdims?: boolean;
}

function readNorm(options: NormOptions | NormOrder | null | undefined, where: string): NormOptions {
  if (options === null || options === undefined) return {};
  if (typeof options === "number" || typeof options === "string") return { ord: options };
  if (typeof options !== "object" || Array.isArray(options)) {
    throw new ArgumentError(
      `${where}: options must be an order or an object, such as { axis: 0 }; got ${
        describe(options)
      }`,
    );
  }
  return options;
}

/** The p-norm over axes, which go. */
function vectorOver(given: NDArray, ord: number, axes: readonly number[]): NDArray {
  const a = isComplex(given.dtype) ? arith.abs(given) : given; // sizes are all that counts
  if (ord === 2) return el.sqrt(reduceSum(arith.square(a), axes));
  const size = arith.abs(a);
  if (ord === Infinity) return reduceMax(size, axes);
  if (ord === -Infinity) return reduceMin(size, axes);
  if (ord === 0) return reduceSum(convertElementType(logic.ne(a, lit(a, 0)), a.dtype), axes);
  if (ord === 1) return reduceSum(size, axes);
  const power = (v: NDArray, p: number) => el.pow(v, lit(v, p));
  return power(reduceSum(power(size, ord), axes), 1 / ord);
}

/** A norm of matrices over axes `[rows, columns]`. */
function matrixOver(
  a: NDArray,
  ord: NormOrder,
  [rows, columns]: readonly number[],
  where: string,
): NDArray {
  if (ord === "fro") return vectorOver(a, 2, [rows, columns].sort((i, j) => i - j));
  if (ord === "nuc" || ord === 2 || ord === -2) {
    const others = a.shape.map((_, i) => i).filter((i) => i !== rows && i !== columns);
    return spectralNorm(transpose(a, [...others, rows, columns]), ord);
  }
  if (ord !== 1 && ord !== -1 && ord !== Infinity && ord !== -Infinity) {
    throw new ArgumentError(
      `${where}: matrices have no norm ${
        String(ord)
      }; use "fro", "nuc", 1, -1, 2, -2, Infinity or -Infinity`,
    );
  }
  // 1: the largest sum of a column; ∞: of a row.
  const [inner, outer] = Math.abs(ord) === 1 ? [rows, columns] : [columns, rows];
  const sums = reduceSum(arith.abs(a), [inner]);
  const left = outer > inner ? outer - 1 : outer;
  return ord > 0 ? reduceMax(sums, [left]) : reduceMin(sums, [left]);
}

function keep(out: NDArray, a: NDArray, axes: readonly number[], keepdims = false): NDArray {
  return keepdims ? reshape(out, keptShape(a.shape, axes)) : out;
}

/**
 * The norm of vectors or matrices.
 *
 * Without `ord` and `axis`: the Euclidean norm of all elements. With one axis, or of a vector: the p-norm (`ord` 0 counts what is not
 * zero). With two axes, or of a matrix: `"fro"`, `"nuc"` (the sum of singular values), 2 and -2 (the largest and the smallest), 1, -1, ±Infinity. The derivative where a Euclidean norm is 0 is NaN, as in JAX.
 *
 * @param options `ord` alone, or an object with `ord`, `axis`, `keepdims`.
 */
export function norm(x: ArrayLike, options?: NormOptions | NormOrder | null): NDArray {
  const where = "numpy.linalg.norm";
  const { ord = null, axis = null, keepdims } = readNorm(options, where);
  const [a] = promoteInexact([x], where);
  const all = a.shape.map((_, i) => i);
  if (axis === null && ord === null) return keep(vectorOver(a, 2, all), a, all, keepdims);
  const list = axis === null ? all : [axis].flat() as number[];
  const sorted = normalizeAxes(list, a.ndim, where);
  if (sorted.length === 1) {
    if (typeof ord === "string") {
      throw new ArgumentError(`${where}: vectors have no norm "${ord}"; use a number`);
    }
    return keep(vectorOver(a, ord ?? 2, sorted), a, sorted, keepdims);
  }
  if (sorted.length === 2) {
    const [rows, columns] = list.map((i) => i < 0 ? i + a.ndim : i);
    return keep(matrixOver(a, ord ?? "fro", [rows, columns], where), a, sorted, keepdims);
  }
  throw new ShapeError(
    `${where}: norms are over one axis or two; got ${sorted.length} (shape ${
      formatShape(a.shape)
    }). State options.axis, or use numpy.linalg.vectorNorm`,
  );
}

/** Options of {@linkcode vectorNorm}. */
export interface VectorNormOptions {
  /** The axes that hold the elements of a vector; all unless given. */
  readonly axis?: number | readonly number[] | null;
  /** Whether reduced axes stay with size 1. */
  readonly keepdims?: boolean;
  /** The `p` of the norm; 2 unless given. */
  readonly ord?: number;
}

/** The p-norm over one or more axes, their elements as one vector. */
export function vectorNorm(
  x: ArrayLike,
  options: VectorNormOptions | number | readonly number[] = {},
): NDArray {
  const where = "numpy.linalg.vectorNorm";
  const o: VectorNormOptions = typeof options === "number" || Array.isArray(options)
    ? { axis: options as number }
    : options as VectorNormOptions;
  const [a] = promoteInexact([x], where);
  const axes = normalizeAxes(o.axis, a.ndim, where);
  return keep(vectorOver(a, o.ord ?? 2, axes), a, axes, o.keepdims);
}

/** Options of {@linkcode matrixNorm}. */
export interface MatrixNormOptions {
  /** Which norm; `"fro"` unless given. */
  readonly ord?: NormOrder;
  /** Whether reduced axes stay with size 1. */
  readonly keepdims?: boolean;
}

/** The norm of the matrices in the last two axes. */
export function matrixNorm(x: ArrayLike, options: MatrixNormOptions = {}): NDArray {
  const { ord = "fro", keepdims = false } = options;
  return norm(x, { ord, keepdims, axis: [-2, -1] });
}

/** A diagonal of the matrices in the last two axes. */
export function diagonal(
  x: ArrayLike,
  options: { readonly offset?: number } = {},
): NDArray {
  return diagonalOfAxes(x, { offset: options.offset ?? 0, axis1: -2, axis2: -1 });
}

/** The sum of a diagonal of the matrices in the last two axes. */
export function trace(x: ArrayLike, options: { readonly offset?: number } = {}): NDArray {
  const d = diagonal(x, options);
  return reduceSum(d, [d.ndim - 1]);
}

/** A whole power of square matrices, by repeated squaring; negative ones are those of the inverse. */
export function matrixPower(x: ArrayLike, n: number): NDArray {
  const where = "numpy.linalg.matrixPower";
  const a = asArray(x, where);
  const size = a.shape[a.ndim - 1];
  if (a.ndim < 2 || a.shape[a.ndim - 2] !== size) {
    throw new ShapeError(`${where}: expected square matrices; got shape ${formatShape(a.shape)}`);
  }
  if (checkInteger(n, "n", where) < 0) return matrixPower(inv(a), -n);
  if (n === 0) return broadcastArray(eye(size, { dtype: a.dtype }), a.shape);
  let [out, square]: [NDArray | null, NDArray] = [null, a];
  for (let rest = n;; square = matmul(square, square)) {
    if (rest % 2 === 1) out = out === null ? square : matmul(out, square);
    rest = Math.floor(rest / 2);
    if (rest === 0) return out!;
  }
}

/** The product of two or more matrices (the first and last may be vectors), in the order that costs least. */
export function multiDot(xs: readonly ArrayLike[]): NDArray {
  const where = "numpy.linalg.multiDot";
  if (xs.length < 2) {
    throw new ArgumentError(`${where}: needs two arrays or more; got ${xs.length}`);
  }
  const arrays = xs.map((x) => asArray(x, where));
  const size = (a: NDArray, k: number) => a.ndim === 1 ? (k === 0 ? 1 : a.shape[0]) : a.shape[0];
  const ends = arrays.map((a, k) => size(a, k));
  const last = arrays[arrays.length - 1];
  ends.push(last.ndim === 1 ? 1 : last.shape[1]);
  // Dynamic programming over the chain (Cormen et al., Introduction to Algorithms, 14.2).
  const n = arrays.length;
  const cost = Array.from({ length: n }, () => Array<number>(n).fill(0));
  const cut = Array.from({ length: n }, () => Array<number>(n).fill(0));
  for (let span = 1; span < n; span++) {
    for (let i = 0; i + span < n; i++) {
      const j = i + span;
      cost[i][j] = Infinity;
      for (let k = i; k < j; k++) {
        const c = cost[i][k] + cost[k + 1][j] + ends[i] * ends[k + 1] * ends[j + 1];
        if (c < cost[i][j]) [cost[i][j], cut[i][j]] = [c, k];
      }
    }
  }
  const product = (i: number, j: number): NDArray =>
    i === j ? arrays[i] : matmul(product(i, cut[i][j]), product(cut[i][j] + 1, j));
  return product(0, n - 1);
}
