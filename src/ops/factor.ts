/**
 * The LU and QR factorisations.
 *
 * @module
 */
import { DifferentiationError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { shapedArray, sizeOf } from "../core/aval.ts";
import { dtypeInfo } from "../core/dtype.ts";
import { type Primitive, Zero } from "../core/primitive.ts";
import { bind } from "../core/trace.ts";
import { luScratchBytes, qrScratchBytes } from "../loopnest/factor_plan.ts";
import { add, sub } from "./arith.ts";
import { literal, type NoParams, noParams } from "./common.ts";
import {
  acrossColumns,
  batchStack,
  checkMatrices,
  factorLowering,
  identityLike,
  lowerPart,
  matmul,
  matrixTranspose,
  upperPart,
  wholeSplit,
} from "./matrices.ts";
import { addAny } from "./rules.ts";
import { pad, slice } from "./slicing.ts";
import { takeAlongAxis } from "./sort.ts";
import { triangularSolve } from "./triangular.ts";
import { widening } from "./widening.ts";

/** A corner of stacks of matrices: the first rows and columns. */
function corner(x: NDArray, rows: number, columns: number): NDArray {
  const stack = x.shape.slice(0, -2);
  return slice(x, x.shape.map(() => 0), [...stack, rows, columns]);
}

/** Matrices with zeros added below and to the right. */
function grown(x: NDArray, rows: number, columns: number): NDArray {
  const [m, n] = x.shape.slice(-2);
  const stack = x.shape.slice(0, -2).map(() => [0, 0, 0] as const);
  return pad(x, literal(0, x.dtype), [...stack, [0, rows - m, 0], [0, columns - n, 0]]);
}

/** Square matrices that are `x` in their first rows and columns, and the identity beyond. */
function bordered(x: NDArray, size: number): NDArray {
  const [m, n] = x.shape.slice(-2);
  if (m === size && n === size) return x;
  const shape = [...x.shape.slice(0, -2), size, size];
  const eye = identityLike(x, shape);
  const inside = grown(corner(identityLike(x, [...x.shape]), m, n), size, size);
  return add(grown(x, size, size), sub(eye, inside));
}

/** `lu`: both triangular factors in one matrix (the unit diagonal of L is not kept), the exchanges of rows, and the rows' order. */
export const luP: Primitive<NoParams> = {
  name: "lu",
  abstractEval: ([x]) => {
    const { stack, m, n } = checkMatrices("lu", x);
    return [
      shapedArray(x.shape, x.dtype),
      shapedArray([...stack, Math.min(m, n)], "int32"),
      shapedArray([...stack, m], "int32"),
    ];
  },
  lower: (_reads, [x]) => {
    const { stack, m, n } = checkMatrices("lu", x);
    const scratch = luScratchBytes(m, dtypeInfo(x.dtype).bytes as 4 | 8);
    return factorLowering("lu", x.dtype, [sizeOf(stack), m, n], 1, 3, scratch);
  },
  expand: (ins, p) => widening(luP, ins, p),
  // With both factors made square, L⁻¹ · Ȧ · U⁻¹ falls into a strictly lower part, L⁻¹ · L̇, and an upper one, U̇ · U⁻¹.
  jvp: ([x], [t]) => {
    const outs = lu(x);
    const [both, pivots, permutation] = outs;
    const rest = [new Zero(pivots.aval), new Zero(permutation.aval)];
    if (t instanceof Zero) return [outs, [new Zero(both.aval), ...rest]];
    const { m, n } = checkMatrices("lu", x.aval);
    const k = Math.min(m, n);
    const l = bordered(
      add(lowerPart(corner(both, m, k), -1), identityLike(x, [...x.shape.slice(0, -2), m, k])),
      m,
    );
    const u = bordered(upperPart(corner(both, k, n)), n);
    const rows = takeAlongAxis(t, acrossColumns(permutation, n), t.ndim - 2);
    const left = triangularSolve(l, rows, { lower: true, transposeA: false, unitDiagonal: true });
    const right = matrixTranspose(
      triangularSolve(u, matrixTranspose(left), {
        lower: false,
        transposeA: true,
        unitDiagonal: false,
      }),
    );
    const change = addAny(matmul(l, lowerPart(right, -1)), matmul(upperPart(right), u));
    return [outs, [change, ...rest]];
  },
  batch: (xs, dims, p, size) => batchStack(luP, xs, dims, p, size),
  split: wholeSplit,
};

/** The LU factorisation of stacks of matrices: factors, pivots, permutation. */
export function lu(x: NDArray): [lu: NDArray, pivots: NDArray, permutation: NDArray] {
  return bind(luP, [x], noParams) as [NDArray, NDArray, NDArray];
}

/** Parameters of {@linkcode qrP}. */
export interface QrParams {
  /** Whether Q is square. */
  readonly fullMatrices: boolean;
}

/** `qr`: orthonormal columns and an upper triangle. */
export const qrP: Primitive<QrParams> = {
  name: "qr",
  abstractEval: ([x], { fullMatrices }) => {
    const { stack, m, n } = checkMatrices("qr", x);
    const k = fullMatrices ? m : Math.min(m, n);
    return [shapedArray([...stack, m, k], x.dtype), shapedArray([...stack, k, n], x.dtype)];
  },
  lower: (_reads, [x], _outs, { fullMatrices }) => {
    const { stack, m, n } = checkMatrices("qr", x);
    const scratch = qrScratchBytes(m, n, dtypeInfo(x.dtype).bytes as 4 | 8);
    const numbers = [sizeOf(stack), m, n, Number(fullMatrices)];
    return factorLowering("qr", x.dtype, numbers, 1, 2, scratch);
  },
  expand: (ins, p) => widening(qrP, ins, p),
  // Qᵀ · Ȧ · R⁻¹ = Qᵀ · Q̇ + Ṙ · R⁻¹: antisymmetric and upper triangular, which its strictly lower part tells apart.
  jvp: ([x], [t], p) => {
    const [q, r] = qr(x, p.fullMatrices);
    const { m, n } = checkMatrices("qr", x.aval);
    if (t instanceof Zero) return [[q, r], [new Zero(q.aval), new Zero(r.aval)]];
    if (m < n || (p.fullMatrices && m !== n)) {
      throw new DifferentiationError(
        `lax.linalg.qr: there is a derivative only where Q is not made up, with columns no more than rows and mode "reduced"; got [${m}, ${n}]${
          p.fullMatrices ? " with full matrices" : ""
        }`,
      );
    }
    const change = matrixTranspose(
      triangularSolve(r, matrixTranspose(t), {
        lower: false,
        transposeA: true,
        unitDiagonal: false,
      }),
    );
    const inside = matmul(matrixTranspose(q), change);
    const below = lowerPart(inside, -1);
    const turning = sub(below, matrixTranspose(below));
    const dq = add(matmul(q, sub(turning, inside)), change);
    return [[q, r], [dq, matmul(sub(inside, turning), r)]];
  },
  batch: (xs, dims, p, size) => batchStack(qrP, xs, dims, p, size),
  split: wholeSplit,
};

/** The QR factorisation of stacks of matrices. */
export function qr(x: NDArray, fullMatrices: boolean): [q: NDArray, r: NDArray] {
  return bind(qrP, [x], { fullMatrices }) as [NDArray, NDArray];
}
