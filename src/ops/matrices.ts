/**
 * What the rules of factorisations share: products, transposes and parts of (stacks of) matrices, which are in the last two axes.
 *
 * @module
 */
import { ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, type Shape, type ShapedArray } from "../core/aval.ts";
import type { Lowered, LoweredKernelArg } from "../core/lowering.ts";
import type { AnyPrimitive } from "../core/primitive.ts";
import type { SplitRule } from "../core/split.ts";
import { bind } from "../core/trace.ts";
import { add, mul } from "./arith.ts";
import { checkAccepts, lit, literal } from "./common.ts";
import { dotGeneral } from "./dot.ts";
import { eq, ge, select } from "./logic.ts";
import { batchToFront, broadcastInDim, fullLike, iota, reduceSum, transpose } from "./shape.ts";

/** Checks operands of a factorisation: floating, and matrices. Gives the shape of the stack, and of the matrices. */
export function checkMatrices(
  name: string,
  x: ShapedArray,
  kind: "any" | "square" = "any",
): { readonly stack: Shape; readonly m: number; readonly n: number } {
  checkAccepts(name, x.dtype, "floating");
  const rank = x.shape.length;
  const [m, n] = x.shape.slice(-2);
  if (rank < 2 || (kind === "square" && m !== n)) {
    throw new ShapeError(
      `lax.linalg.${name}: expected ${
        kind === "square" ? "square matrices" : "matrices"
      } in the last two axes; got shape ${formatShape(x.shape)}`,
    );
  }
  return { stack: x.shape.slice(0, -2), m, n };
}

/** The lowering of a factorisation: one kernel, whose arguments are numbers, operands, results and scratch. */
export function factorLowering(
  family: string,
  dtype: string,
  numbers: readonly number[],
  operands: number,
  results: number,
  scratchBytes: number,
): readonly Lowered[] {
  const args: LoweredKernelArg[] = [
    ...numbers.map((value) => ({ kind: "number", value }) as const),
    ...Array.from({ length: operands }, (_, operand) => ({ kind: "operand", operand }) as const),
    ...Array.from({ length: results }, (_, result) => ({ kind: "result", result }) as const),
    { kind: "scratch", bytes: scratchBytes },
  ];
  const call = { name: `${family}_${dtype}`, args };
  return Array.from({ length: results }, (_, result) => ({ kind: "kernel", call, result }));
}

/** The batching rule of a factorisation: the mapped axis becomes the first of the stack. */
export function batchStack(
  primitive: AnyPrimitive,
  operands: readonly NDArray[],
  dims: readonly (number | null)[],
  params: unknown,
  size: number,
): readonly [readonly NDArray[], readonly (number | null)[]] {
  const outs = bind(primitive, operands.map((x, i) => batchToFront(x, dims[i], size)), params);
  return [outs, outs.map(() => 0)];
}

/** Factorisations are computed whole. */
export const wholeSplit: SplitRule<unknown> = (_operands, _ins, outs) => outs.map(() => null);

/** The product of stacks of matrices of equal stack shapes. */
export function matmul(a: NDArray, b: NDArray): NDArray {
  const stack = Array.from({ length: a.ndim - 2 }, (_, i) => i);
  return dotGeneral(a, b, [[[a.ndim - 1], [b.ndim - 2]], [stack, stack]]);
}

/** Matrices with rows and columns exchanged. */
export function matrixTranspose(x: NDArray): NDArray {
  const stack = Array.from({ length: x.ndim - 2 }, (_, i) => i);
  return transpose(x, [...stack, x.ndim - 1, x.ndim - 2]);
}

/** The mean of matrices and their transposes. */
export function symmetrize(x: NDArray): NDArray {
  return mul(add(x, matrixTranspose(x)), lit(x, 0.5));
}

/** Matrices whose lower halves are the symmetric ones that are meant: the means of both halves, or one half as it is. */
export function symmetricByLower(x: NDArray, symmetrizeInput: boolean, lower: boolean): NDArray {
  if (symmetrizeInput) return symmetrize(x);
  return lower ? x : matrixTranspose(x);
}

/** Where `column ≤ row + k`, in a shape's last two axes. */
export function lowerMask(shape: Shape, k: number): NDArray {
  const rows = iota("int32", shape, shape.length - 2);
  const shifted = k === 0 ? rows : add(rows, literal(k, "int32"));
  return ge(shifted, iota("int32", shape, shape.length - 1));
}

function zerosLike(x: NDArray): NDArray {
  return fullLike(lit(x, 0), x.shape);
}

/** What is on and below diagonal `k`. */
export function lowerPart(x: NDArray, k = 0): NDArray {
  return select(lowerMask(x.shape, k), x, zerosLike(x));
}

/** What is on and above diagonal `k`. */
export function upperPart(x: NDArray, k = 0): NDArray {
  return select(lowerMask(x.shape, k - 1), zerosLike(x), x);
}

/** Where a shape's last two indices are equal. */
export function diagonalMask(shape: Shape): NDArray {
  return eq(iota("int32", shape, shape.length - 2), iota("int32", shape, shape.length - 1));
}

/** The diagonals of square matrices. */
export function diagonalOf(x: NDArray): NDArray {
  return reduceSum(select(diagonalMask(x.shape), x, zerosLike(x)), [x.ndim - 1]);
}

/** Identity matrices of a shape. */
export function identityLike(x: NDArray, shape: Shape): NDArray {
  const [one, zero] = [1, 0].map((v) => fullLike(lit(x, v), shape));
  return select(diagonalMask(shape), one, zero);
}

/** Vectors as the rows of matrices that are constant along their columns: `out[…, i, j] = v[…, j]`. */
export function acrossRows(v: NDArray, rows: number): NDArray {
  const stack = v.shape.slice(0, -1);
  const dims = [...stack.map((_, i) => i), stack.length + 1];
  return broadcastInDim(v, [...stack, rows, v.shape[stack.length]], dims);
}

/** Vectors as columns: `out[…, i, j] = v[…, i]`. */
export function acrossColumns(v: NDArray, columns: number): NDArray {
  return broadcastInDim(v, [...v.shape, columns], v.shape.map((_, i) => i));
}
