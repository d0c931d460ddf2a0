/**
 * Eigenvalues of symmetric matrices, and singular values.
 *
 * @module
 */
import { DifferentiationError, ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, shapedArray, sizeOf } from "../core/aval.ts";
import { dtypeInfo } from "../core/dtype.ts";
import { type Primitive, Zero } from "../core/primitive.ts";
import { bind } from "../core/trace.ts";
import { eighScratchBytes, svdScratchBytes } from "../loopnest/factor_plan.ts";
import { add, div, mul, sub } from "./arith.ts";
import { lit } from "./common.ts";
import { select } from "./logic.ts";
import {
  acrossColumns,
  acrossRows,
  batchStack,
  checkMatrices,
  diagonalMask,
  diagonalOf,
  factorLowering,
  matmul,
  matrixTranspose,
  wholeSplit,
} from "./matrices.ts";
import { neg } from "./negate.ts";
import { fullLike } from "./shape.ts";
import { widening } from "./widening.ts";

/** One over elements off the diagonal, zero on it. */
function inverseOffDiagonal(x: NDArray): NDArray {
  const mask = diagonalMask(x.shape);
  const [one, zero] = [1, 0].map((v) => fullLike(lit(x, v), x.shape));
  return select(mask, zero, div(one, select(mask, one, x)));
}

/** Parameters of {@linkcode eighP}. */
export interface EighParams {
  /** Whether eigenvectors are a second result; values alone take a fraction of the time. */
  readonly computeVectors: boolean;
}

/** `eigh`: eigenvalues, ascending, and eigenvectors, in columns, of symmetric matrices, whose lower halves are read. */
export const eighP: Primitive<EighParams> = {
  name: "eigh",
  abstractEval: ([x], { computeVectors }) => {
    const { stack, n } = checkMatrices("eigh", x, "square");
    const values = shapedArray([...stack, n], x.dtype);
    return computeVectors ? [values, shapedArray(x.shape, x.dtype)] : [values];
  },
  lower: (_reads, [x], _outs, { computeVectors }) => {
    const { stack, n } = checkMatrices("eigh", x);
    const scratch = eighScratchBytes(n, dtypeInfo(x.dtype).bytes as 4 | 8);
    const [family, results] = computeVectors ? ["eigh", 2] as const : ["eigvalsh", 1] as const;
    return factorLowering(family, x.dtype, [sizeOf(stack), n], 1, results, scratch);
  },
  expand: (ins, p) => widening(eighP, ins, p),
  // M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation", 2008, 3.1.
  // The derivatives of eigenvalues need eigenvectors.
  jvp: ([x], [t], p) => {
    if (t instanceof Zero) {
      const outs = bind(eighP, [x], p);
      return [outs, outs.map((out) => new Zero(out.aval))];
    }
    const [w, v] = eigh(x);
    const n = w.shape[w.ndim - 1];
    const inside = matmul(matrixTranspose(v), matmul(t, v));
    const dw = diagonalOf(inside);
    if (!p.computeVectors) return [[w], [dw]];
    const gaps = sub(acrossRows(w, n), acrossColumns(w, n));
    return [[w, v], [dw, matmul(v, mul(inverseOffDiagonal(gaps), inside))]];
  },
  batch: (xs, dims, p, size) => batchStack(eighP, xs, dims, p, size),
  split: wholeSplit,
};

/** Eigenvalues and eigenvectors of stacks of symmetric matrices. */
export function eigh(x: NDArray): [values: NDArray, vectors: NDArray] {
  return bind(eighP, [x], { computeVectors: true }) as [NDArray, NDArray];
}

/** The eigenvalues alone. */
export function eigvalsh(x: NDArray): NDArray {
  return bind(eighP, [x], { computeVectors: false })[0];
}

/** Parameters of {@linkcode svdP}. */
export interface SvdParams {
  /** Whether U is square. */
  readonly fullMatrices: boolean;
  /** Whether U and V are results beside s; values alone, the one result then, take a fraction of the time. */
  readonly computeUv: boolean;
}

/** `svd`: A = U · diag(s) · V of matrices with no more columns than rows; singular values descend. */
export const svdP: Primitive<SvdParams> = {
  name: "svd",
  abstractEval: ([x], { fullMatrices, computeUv }) => {
    const { stack, m, n } = checkMatrices("svd", x);
    if (m < n) {
      throw new ShapeError(
        `lax.linalg.svd: expected no more columns than rows; got ${formatShape(x.shape)}`,
      );
    }
    const values = shapedArray([...stack, n], x.dtype);
    if (!computeUv) return [values];
    return [
      shapedArray([...stack, m, fullMatrices ? m : n], x.dtype),
      values,
      shapedArray([...stack, n, n], x.dtype),
    ];
  },
  lower: (_reads, [x], _outs, { fullMatrices, computeUv }) => {
    const { stack, m, n } = checkMatrices("svd", x);
    const columns = !computeUv ? 0 : fullMatrices ? m : n;
    const scratch = svdScratchBytes(m, n, columns, dtypeInfo(x.dtype).bytes as 4 | 8);
    const numbers = [sizeOf(stack), m, n];
    if (!computeUv) return factorLowering("svdvals", x.dtype, numbers, 1, 1, scratch);
    return factorLowering("svd", x.dtype, [...numbers, Number(fullMatrices)], 1, 3, scratch);
  },
  expand: (ins, p) => widening(svdP, ins, p),
  // J. Townsend, "Differentiating the singular value decomposition", 2016.
  jvp: ([x], [t], p) => {
    if (t instanceof Zero) {
      const outs = bind(svdP, [x], p);
      return [outs, outs.map((out) => new Zero(out.aval))];
    }
    const { m, n } = checkMatrices("svd", x.aval);
    if (p.computeUv && p.fullMatrices && m !== n) {
      throw new DifferentiationError(
        `lax.linalg.svd: full matrices have no derivative, since part of U is made up; use fullMatrices: false (shape [${m}, ${n}])`,
      );
    }
    // The derivatives of singular values need their vectors, though not those that fill U up to a square.
    const outs = svd(x, p.fullMatrices && p.computeUv);
    const [u, s, v] = outs;
    const inside = matmul(matrixTranspose(u), matmul(t, matrixTranspose(v)));
    const ds = diagonalOf(inside);
    if (!p.computeUv) return [[s], [ds]];
    const [byColumn, byRow] = [acrossRows(s, n), acrossColumns(s, n)];
    const gaps = inverseOffDiagonal(
      mul(sub(byColumn, byRow), add(byColumn, byRow)),
    );
    const both = (a: NDArray) => mul(gaps, add(a, matrixTranspose(a)));
    let du = matmul(u, both(mul(inside, byColumn)));
    // Antisymmetric, and of V the rows are kept.
    const dv = neg(matmul(both(mul(byRow, inside)), v));
    if (m > n) {
      const whole = matmul(t, matrixTranspose(v));
      du = add(du, div(sub(whole, matmul(u, inside)), acrossRows(s, m)));
    }
    return [outs, [du, ds, dv]];
  },
  batch: (xs, dims, p, size) => batchStack(svdP, xs, dims, p, size),
  split: wholeSplit,
};

/** The singular value decomposition of stacks of matrices with no more columns than rows. */
export function svd(x: NDArray, fullMatrices: boolean): [u: NDArray, s: NDArray, v: NDArray] {
  return bind(svdP, [x], { fullMatrices, computeUv: true }) as [NDArray, NDArray, NDArray];
}

/** The singular values alone. */
export function svdvals(x: NDArray): NDArray {
  return bind(svdP, [x], { fullMatrices: false, computeUv: false })[0];
}
