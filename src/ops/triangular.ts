/**
 * Systems of equations with triangular matrices, and the Cholesky factorisation, whose derivative is made of them.
 *
 * @module
 */
import { ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, shapedArray, shapesEqual, sizeOf } from "../core/aval.ts";
import { dtypeInfo } from "../core/dtype.ts";
import { isUndefinedPrimal, type Primitive, type Tangent, Zero } from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";
import { choleskyScratchBytes, triangularScratchBytes } from "../loopnest/factor_plan.ts";
import { mul } from "./arith.ts";
import { lit, type NoParams, noParams, sameDType } from "./common.ts";
import { select } from "./logic.ts";
import {
  batchStack,
  checkMatrices,
  diagonalMask,
  factorLowering,
  lowerPart,
  matmul,
  matrixTranspose,
  upperPart,
  wholeSplit,
} from "./matrices.ts";
import { neg } from "./negate.ts";
import { addTangents } from "./rules.ts";
import { fullLike } from "./shape.ts";
import { widening } from "./widening.ts";

/** Parameters of {@linkcode triangularSolveP}. */
export interface TriangularSolveParams {
  /** Which half of the matrix counts; the other is not read. */
  readonly lower: boolean;
  /** Whether the system is with the transposed matrix. */
  readonly transposeA: boolean;
  /** Whether the diagonal counts as ones, and is not read. */
  readonly unitDiagonal: boolean;
}

/** The part of `a` that a system reads, without the diagonal where that is known. */
function partRead(a: NDArray, { lower, unitDiagonal }: TriangularSolveParams): NDArray {
  return lower ? lowerPart(a, unitDiagonal ? -1 : 0) : upperPart(a, unitDiagonal ? 1 : 0);
}

/** `triangular_solve`: the X of A · X = B. Linear in B. */
export const triangularSolveP: Primitive<TriangularSolveParams> = {
  name: "triangular_solve",
  abstractEval: ([a, b]) => {
    const dtype = sameDType("linalg.triangularSolve", [a, b]);
    const { stack, n } = checkMatrices("triangularSolve", a, "square");
    if (
      b.shape.length !== a.shape.length || b.shape[stack.length] !== n ||
      !shapesEqual(b.shape.slice(0, -2), stack)
    ) {
      throw new ShapeError(
        `lax.linalg.triangularSolve: a of shape ${formatShape(a.shape)} needs a b of shape ${
          formatShape([...stack, n]).slice(0, -1)
        }, m]; got ${formatShape(b.shape)}`,
      );
    }
    return [shapedArray(b.shape, dtype)];
  },
  lower: (_reads, [a, b], _outs, { lower, transposeA, unitDiagonal }) => {
    const { stack, n } = checkMatrices("triangularSolve", a);
    const m = b.shape[b.shape.length - 1];
    const size = dtypeInfo(a.dtype).bytes as 4 | 8;
    const numbers = [sizeOf(stack), n, m, Number(lower), Number(transposeA), Number(unitDiagonal)];
    const scratch = triangularScratchBytes(n, m, size);
    return factorLowering("triangularSolve", a.dtype, numbers, 2, 1, scratch);
  },
  expand: (ins, p) => widening(triangularSolveP, ins, p),
  jvp: ([a, b], [ta, tb], p) => {
    const out = triangularSolve(a, b, p);
    let change: Tangent = tb;
    if (!(ta instanceof Zero)) {
      const part = partRead(ta, p);
      change = addTangents(change, neg(matmul(p.transposeA ? matrixTranspose(part) : part, out)));
    }
    return [[out], [change instanceof Zero ? new Zero(out.aval) : triangularSolve(a, change, p)]];
  },
  transpose: ([ct], [a, b], p) => {
    if (!isUndefinedPrimal(b)) return [null, null];
    if (ct instanceof Zero) return [null, new Zero(b.aval)];
    return [null, triangularSolve(a as NDArray, ct, { ...p, transposeA: !p.transposeA })];
  },
  batch: (xs, dims, p, size) => batchStack(triangularSolveP, xs, dims, p, size),
  split: wholeSplit,
};

/** The X of A · X = B (or Aᵀ · X = B) for stacks of triangular matrices. */
export function triangularSolve(a: NDArray, b: NDArray, params: TriangularSolveParams): NDArray {
  return bind1(triangularSolveP, [a, b], params);
}

/** `cholesky`: the lower triangular L with L · Lᵀ = A, of symmetric matrices, whose lower halves are read. NaN where there is none. */
export const choleskyP: Primitive<NoParams> = {
  name: "cholesky",
  abstractEval: ([x]) => {
    checkMatrices("cholesky", x, "square");
    return [shapedArray(x.shape, x.dtype)];
  },
  lower: (_reads, [x]) => {
    const { stack, n } = checkMatrices("cholesky", x);
    const scratch = choleskyScratchBytes(n, dtypeInfo(x.dtype).bytes as 4 | 8);
    return factorLowering("cholesky", x.dtype, [sizeOf(stack), n], 1, 1, scratch);
  },
  expand: (ins, p) => widening(choleskyP, ins, p),
  // L⁻¹ · Ȧ · L⁻ᵀ = P + Pᵀ for a lower triangular P, and L̇ = L · P (I. Murray, "Differentiation of the Cholesky decomposition", 2016).
  jvp: ([x], [t]) => {
    const l = cholesky(x);
    if (t instanceof Zero) return [[l], [new Zero(l.aval)]];
    const solve = (b: NDArray) =>
      triangularSolve(l, b, { lower: true, transposeA: false, unitDiagonal: false });
    const middle = matrixTranspose(solve(matrixTranspose(solve(t))));
    const half = mul(middle, fullLike(lit(middle, 0.5), middle.shape));
    return [[l], [matmul(l, select(diagonalMask(middle.shape), half, lowerPart(middle, -1)))]];
  },
  batch: (xs, dims, p, size) => batchStack(choleskyP, xs, dims, p, size),
  split: wholeSplit,
};

/** The lower triangular Cholesky factors of stacks of symmetric matrices. */
export function cholesky(x: NDArray): NDArray {
  return bind1(choleskyP, [x], noParams);
}
