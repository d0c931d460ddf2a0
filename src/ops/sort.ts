/**
 * Sorting. One primitive finds the order; elements are then gathered by it, which is how sorting is differentiated too.
 *
 * @module
 */
import { partitionByAxis } from "../core/partition.ts";
import { ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, shapedArray } from "../core/aval.ts";
import { dtypeInfo } from "../core/dtype.ts";
import type { Primitive } from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";
import { gather } from "./gather.ts";
import { zeroJvp } from "./rules.ts";
import { moveAxis, reshape } from "./shape.ts";
import { orderedWidening } from "./widening.ts";

/** Parameters of {@linkcode argsortP}: none, for the last axis is sorted. */
export type ArgsortParams = Readonly<Record<never, never>>;

/**
 * `argsort`: int32 positions that put each row (last axis) in ascending order. Stable; NaN comes last, and -0 equals 0. Its tangent
 * is zero.
 */
export const argsortP: Primitive<ArgsortParams> = {
  name: "argsort",
  partition: partitionByAxis((axis, { outs: [{ shape }] }) => axis === shape.length - 1),
  abstractEval: ([x]) => {
    if (x.shape.length === 0) {
      throw new ShapeError("lax.sort: a 0-d array has no axis to sort along");
    }
    return [shapedArray(x.shape, "int32")];
  },
  lower: (_reads, [x]) => {
    const n = x.shape[x.shape.length - 1];
    const rows = n === 0 ? 0 : x.size / n;
    const { bytes } = dtypeInfo(x.dtype);
    return [{
      kind: "kernel",
      result: 0,
      call: {
        name: `argsort_${x.dtype}`,
        args: [
          { kind: "number", value: rows },
          { kind: "number", value: n },
          { kind: "operand", operand: 0 },
          { kind: "result", result: 0 },
          // Two sets of keys, a set of positions, and 256 counters for each byte of a key.
          { kind: "scratch", bytes: n * (2 * bytes + 4) + 1024 * bytes },
        ],
      },
    }];
  },
  expand: (ins, p) => orderedWidening(argsortP, ins, p),
  jvp: (xs, _ts, p) => zeroJvp(argsortP, xs, p),
  batch: ([x], [dim]) => [[bind1(argsortP, [moveAxis(x, dim!, 0)], {})], [0]],
};

/** Positions (int32) that sort `x` along `axis`. */
export function argsort(x: NDArray, axis: number): NDArray {
  const last = x.ndim - 1;
  return moveAxis(bind1(argsortP, [moveAxis(x, axis, last)], {}), last, axis);
}

/** The elements of `x` at `order` along `axis`; `order` has `x`'s shape but for that axis. */
export function takeAlongAxis(
  x: NDArray,
  order: NDArray,
  axis: number,
  mode: "clip" | "fill_or_drop" | "promise_in_bounds" = "promise_in_bounds",
): NDArray {
  if (x.ndim !== order.ndim) {
    throw new ShapeError(
      `takeAlongAxis: indices of shape ${
        formatShape(order.shape)
      } must have the rank of the array, ${formatShape(x.shape)}`,
    );
  }
  const others = x.shape.map((_, i) => i).filter((i) => i !== axis);
  return gather(x, reshape(order, [...order.shape, 1]), {
    dimensionNumbers: {
      offsetDims: [],
      collapsedSliceDims: [axis],
      startIndexMap: [axis],
      operandBatchingDims: others,
      startIndicesBatchingDims: others,
    },
    sliceSizes: x.shape.map(() => 1),
    mode,
    fillValue: null,
    uniqueIndices: false,
  });
}

/** `x` in ascending order along `axis`. */
export function sort(x: NDArray, axis: number): NDArray {
  if (x.size === 0) return x; // a gather from nothing has no slice of size 1
  return takeAlongAxis(x, argsort(x, axis), axis);
}

/** Keys in ascending order along `axis`, and values moved with them. */
export function sortKeyVal(keys: NDArray, values: NDArray, axis: number): [NDArray, NDArray] {
  const order = argsort(keys, axis);
  return [takeAlongAxis(keys, order, axis), takeAlongAxis(values, order, axis)];
}
