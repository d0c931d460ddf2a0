/**
 * Products of vectors beyond `linalg_basic.ts`.
 *
 * @module
 */
import { ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { formatShape } from "../core/aval.ts";
import * as arith from "../ops/arith.ts";
import { lit } from "../ops/common.ts";
import * as logic from "../ops/logic.ts";
import { reduceOr } from "../ops/reduce.ts";
import { broadcastInDim, fullLike, moveAxis, reduceSum, reshape } from "../ops/shape.ts";
import { readOptions, sliceAlong } from "./axes.ts";
import {
  type AloneOr,
  broadcastArray,
  broadcastShapes,
  normalizeAxis,
  padRank,
  promote,
  readAlone,
} from "./promote.ts";
import { matmul } from "./linalg_basic.ts";
import { expandDims, squeeze, stack } from "./shapes.ts";

/** The Kronecker product: each element of `x` times all of `y`. */
export function kron(x: ArrayLike, y: ArrayLike): NDArray {
  const both = promote([x, y], "numpy.kron");
  const rank = Math.max(both[0].ndim, both[1].ndim);
  const [a, b] = both.map((v) => padRank(v, rank));
  const wide = a.shape.flatMap((n, i) => [n, b.shape[i]]);
  const spread = (v: NDArray, k: number) =>
    broadcastInDim(v, wide, v.shape.map((_, i) => 2 * i + k));
  const [p, q] = [spread(a, 0), spread(b, 1)];
  const product = a.dtype === "bool" ? logic.and(p, q) : arith.mul(p, q);
  return reshape(product, a.shape.map((n, i) => n * b.shape[i]));
}

/** Options of {@linkcode cross}. */
export interface CrossOptions {
  /** The axis of the first's vectors; the last unless given. */
  readonly axisa?: number;
  /** The axis of the second's vectors; the last unless given. */
  readonly axisb?: number;
  /** The axis of the result's vectors; the last unless given. */
  readonly axisc?: number;
  /** All three at once. */
  readonly axis?: number | null;
}

/**
 * The cross product of vectors of 3 (or 2) elements; of two pairs of 2, the third component alone.
 *
 * @throws {ShapeError} Where vectors have another size.
 */
export function cross(x: ArrayLike, y: ArrayLike, options: CrossOptions = {}): NDArray {
  const where = "numpy.cross";
  const o = readOptions(options, where, "{ axis: 0 }");
  const axes = [o.axisa, o.axisb].map((own) => o.axis ?? own ?? -1);
  const [a, b] = promote([x, y], where).map((v, k) =>
    moveAxis(v, normalizeAxis(axes[k], v.ndim, where), v.ndim - 1)
  );
  const sizes = [a, b].map((v) => v.shape[v.ndim - 1]);
  if (sizes.some((n) => n !== 2 && n !== 3)) {
    throw new ShapeError(
      `${where}: vectors must have 2 or 3 elements; got shapes ${formatShape(a.shape)} and ${
        formatShape(b.shape)
      } with vectors of ${sizes[0]} and ${sizes[1]}`,
    );
  }
  const outer = broadcastShapes([a.shape.slice(0, -1), b.shape.slice(0, -1)], where);
  const part = (v: NDArray, k: number) => {
    const last = v.ndim - 1;
    if (k >= v.shape[last]) return fullLike(lit(v, 0), outer);
    return broadcastArray(reshape(sliceAlong(v, last, k, k + 1), v.shape.slice(0, -1)), outer);
  };
  const [[a0, a1, a2], [b0, b1, b2]] = [a, b].map((v) => [0, 1, 2].map((k) => part(v, k)));
  const minor = (p: NDArray, q: NDArray, r: NDArray, s: NDArray) =>
    arith.sub(arith.mul(p, q), arith.mul(r, s));
  const third = minor(a0, b1, a1, b0);
  if (sizes[0] === 2 && sizes[1] === 2) return third;
  return stack([minor(a1, b2, a2, b1), minor(a2, b0, a0, b2), third], o.axis ?? o.axisc ?? -1);
}

/** The dot products of vectors along an axis (the last unless given); other axes broadcast. */
export function vecdot(
  x: ArrayLike,
  y: ArrayLike,
  options?: AloneOr<number, "axis">,
): NDArray {
  const where = "numpy.vecdot";
  const axis = readAlone(options, "axis") ?? -1;
  const [a, b] = promote([x, y], where).map((v) =>
    moveAxis(v, normalizeAxis(axis, v.ndim, where), v.ndim - 1)
  );
  const [n, m] = [a.shape[a.ndim - 1], b.shape[b.ndim - 1]];
  if (n !== m) {
    throw new ShapeError(
      `${where}: vectors must have one size; got ${n} and ${m} along axis ${axis}`,
    );
  }
  const shape = broadcastShapes([a.shape, b.shape], where);
  const [p, q] = [broadcastArray(a, shape), broadcastArray(b, shape)];
  const last = [shape.length - 1];
  return a.dtype === "bool" ? reduceOr(logic.and(p, q), last) : reduceSum(arith.mul(p, q), last);
}

/** (Stacks of) matrices times (stacks of) vectors. */
export function matvec(x: ArrayLike, y: ArrayLike): NDArray {
  return squeeze(matmul(x, expandDims(y, -1)), -1);
}

/** (Stacks of) vectors times (stacks of) matrices. */
export function vecmat(x: ArrayLike, y: ArrayLike): NDArray {
  return squeeze(matmul(expandDims(x, -2), y), -2);
}
