/**
 * Products of vectors, matrices and stacks of them.
 *
 * @module
 */
import { ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { formatShape } from "../core/aval.ts";
import { convertElementType } from "../ops/convert.ts";
import * as dots from "../ops/dot.ts";
import * as arith from "../ops/arith.ts";
import { and } from "../ops/logic.ts";
import * as ops from "../ops/shape.ts";
import { type AloneOr, broadcastShapes, normalizeAxis, promote, readAlone } from "./promote.ts";
import { conj } from "./complex.ts";

function operands(x: ArrayLike, y: ArrayLike, where: string): [NDArray, NDArray] {
  return promote([x, y], where) as [NDArray, NDArray];
}

/** Sums of products; of bools: whether any product is true. */
function dotGeneral(a: NDArray, b: NDArray, numbers: dots.DimensionNumbers): NDArray {
  if (a.dtype !== "bool") return dots.dotGeneral(a, b, numbers);
  const [i, j] = [a, b].map((v) => convertElementType(v, "int32"));
  return convertElementType(dots.dotGeneral(i, j, numbers), "bool");
}

function scaled(a: NDArray, b: NDArray): NDArray {
  return a.dtype === "bool" ? and(a, b) : arith.mul(a, b);
}

function inner(where: string, a: NDArray, i: number, b: NDArray, j: number): void {
  if (a.shape[i] !== b.shape[j]) {
    throw new ShapeError(
      `${where}: shapes ${formatShape(a.shape)} and ${
        formatShape(b.shape)
      } do not fit: axis ${i} of the first (${a.shape[i]}) and axis ${j} of the second (${
        b.shape[j]
      }) must be equal. For a batch of inputs to a single-example layer, use filterVmap`,
    );
  }
}

/**
 * Matrix product, as `numpy.matmul`: 1-d operands are vectors, leading axes of higher ones are stacks that broadcast.
 *
 * @throws {ShapeError} Where the inner sizes differ, or an operand is 0-d.
 */
export function matmul(x: ArrayLike, y: ArrayLike): NDArray {
  const where = "numpy.matmul";
  const [a, b] = operands(x, y, where);
  if (a.ndim === 0 || b.ndim === 0) {
    throw new ShapeError(
      `${where}: operands must have at least one axis; for scalars use numpy.multiply`,
    );
  }
  const bInner = b.ndim === 1 ? 0 : b.ndim - 2;
  inner(where, a, a.ndim - 1, b, bInner);
  if (a.ndim <= 2 || b.ndim <= 2) {
    if (b.ndim <= 2) return dotGeneral(a, b, [[[a.ndim - 1], [bInner]], [[], []]]);
    // A matrix or vector times a stack: the stack's axes come first in the result.
    const product = dotGeneral(a, b, [[[a.ndim - 1], [bInner]], [[], []]]);
    if (a.ndim === 1) return product;
    return ops.moveAxis(product, 0, product.ndim - 2);
  }
  const batch = broadcastShapes([a.shape.slice(0, -2), b.shape.slice(0, -2)], where);
  const stretch = (v: NDArray) => {
    const shape = [...batch, ...v.shape.slice(-2)];
    return ops.broadcastInDim(v, shape, v.shape.map((_, i) => i + shape.length - v.ndim));
  };
  const axes = batch.map((_, i) => i);
  const n = batch.length;
  return dotGeneral(stretch(a), stretch(b), [[[n + 1], [n]], [axes, axes]]);
}

/** Dot product, as `numpy.dot`: sums over the last axis of `x` and the second to last of `y`. */
export function dot(x: ArrayLike, y: ArrayLike): NDArray {
  const where = "numpy.dot";
  const [a, b] = operands(x, y, where);
  if (a.ndim === 0 || b.ndim === 0) return scaled(a, b);
  const bInner = Math.max(0, b.ndim - 2);
  inner(where, a, a.ndim - 1, b, bInner);
  return dotGeneral(a, b, [[[a.ndim - 1], [bInner]], [[], []]]);
}

/** The sum of products of all elements. */
export function vdot(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = operands(x, y, "numpy.vdot");
  return dot(ops.reshape(conj(a), [a.size]), ops.reshape(b, [b.size]));
}

/** Sums over the last axes of both. */
export function innerProduct(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = operands(x, y, "numpy.inner");
  if (a.ndim === 0 || b.ndim === 0) return scaled(a, b);
  inner("numpy.inner", a, a.ndim - 1, b, b.ndim - 1);
  return dotGeneral(a, b, [[[a.ndim - 1], [b.ndim - 1]], [[], []]]);
}

/** All products of an element of `x` with one of `y`; both flattened. */
export function outer(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = promote([x, y], "numpy.outer").map((v) => ops.reshape(v, [v.size]));
  const shape = [a.size, b.size];
  const [left, right] = [ops.broadcastInDim(a, shape, [0]), ops.broadcastInDim(b, shape, [1])];
  return a.dtype === "bool" ? and(left, right) : arith.mul(left, right);
}

/** Sums over axes: the last `axes` of `x` with the first of `y`, or the pairs that `axes` lists. */
export function tensordot(
  x: ArrayLike,
  y: ArrayLike,
  options?: AloneOr<
    number | readonly [number | readonly number[], number | readonly number[]],
    "axes"
  >,
): NDArray {
  const where = "numpy.tensordot";
  const axes = readAlone(options, "axes") ?? 2;
  const [a, b] = operands(x, y, where);
  const [left, right] = typeof axes === "number"
    ? [
      Array.from({ length: axes }, (_, i) => a.ndim - axes + i),
      Array.from({ length: axes }, (_, i) => i),
    ]
    : [
      [axes[0]].flat().map((i) => normalizeAxis(i as number, a.ndim, where)),
      [axes[1]].flat().map((i) => normalizeAxis(i as number, b.ndim, where)),
    ];
  left.forEach((i, k) => inner(where, a, i, b, right[k]));
  return dotGeneral(a, b, [[left, right], [[], []]]);
}
