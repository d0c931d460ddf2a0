/**
 * Sorting. One primitive sorts; another finds the order, by which elements are then gathered: so sorting is differentiated, and arrays are
 * sorted by others.
 *
 * @module
 */
import { partitionByAxis, type PartitionRule } from "../core/partition.ts";
import { ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, type ShapedArray, shapedArray } from "../core/aval.ts";
import type { Lowered } from "../core/lowering.ts";
import { type Primitive, Zero } from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";
import { argsortScratchBytes, sortScratchBytes } from "../loopnest/sort_plan.ts";
import { gather } from "./gather.ts";
import { zeroJvp } from "./rules.ts";
import { instantiate, moveAxis, reshape } from "./shape.ts";
import { orderedWidening } from "./widening.ts";

/** Parameters of {@linkcode sortP} and {@linkcode argsortP}: none, for the last axis is sorted. */
export type SortParams = Readonly<Record<never, never>>;

/** Rows are sorted as wholes. */
const partitionRows: PartitionRule<SortParams> = partitionByAxis((axis, { outs: [{ shape }] }) =>
  axis === shape.length - 1
);

/** A call of `<family>_<dtype>`. */
function sortLowering(family: string, x: ShapedArray, scratchBytes: number): readonly Lowered[] {
  const n = x.shape[x.shape.length - 1];
  return [{
    kind: "kernel",
    result: 0,
    call: {
      name: `${family}_${x.dtype}`,
      args: [
        { kind: "number", value: n === 0 ? 0 : x.size / n },
        { kind: "number", value: n },
        { kind: "operand", operand: 0 },
        { kind: "result", result: 0 },
        { kind: "scratch", bytes: scratchBytes },
      ],
    },
  }];
}

function checkSortable([x]: readonly ShapedArray[]): void {
  if (x.shape.length === 0) {
    throw new ShapeError("lax.sort: a 0-d array has no axis to sort along");
  }
}

/** `sort`: each row (last axis) in ascending order. Stable; NaN comes last, and -0 equals 0. */
export const sortP: Primitive<SortParams> = {
  name: "sort",
  partition: partitionRows,
  abstractEval: (ins) => {
    checkSortable(ins);
    return [shapedArray(ins[0].shape, ins[0].dtype)];
  },
  lower: (_reads, [x]) => sortLowering("sort", x, sortScratchBytes(x.shape.at(-1)!, x.dtype)),
  expand: (ins, p) => orderedWidening(sortP, ins, p),
  withoutKernel: () => ([x]) => [inOrder(x)],
  jvp: ([x], [t], p) => {
    if (t instanceof Zero) return zeroJvp(sortP, [x], p);
    const order = bind1(argsortP, [x], {});
    const along = (v: NDArray) => takeAlongAxis(v, order, v.ndim - 1);
    return [[along(x)], [along(instantiate(t))]];
  },
  batch: ([x], [dim]) => [[bind1(sortP, [moveAxis(x, dim!, 0)], {})], [0]],
};

/** The rows of `x`, gathered in their order. */
function inOrder(x: NDArray): NDArray {
  return takeAlongAxis(x, bind1(argsortP, [x], {}), x.ndim - 1);
}

/**
 * `argsort`: int32 positions that put each row (last axis) in ascending order. Stable; NaN comes last, and -0 equals 0. Its tangent
 * is zero.
 */
export const argsortP: Primitive<SortParams> = {
  name: "argsort",
  partition: partitionRows,
  abstractEval: (ins) => {
    checkSortable(ins);
    return [shapedArray(ins[0].shape, "int32")];
  },
  lower: (_reads, [x]) => sortLowering("argsort", x, argsortScratchBytes(x.shape.at(-1)!, x.dtype)),
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
  const last = x.ndim - 1;
  return moveAxis(bind1(sortP, [moveAxis(x, axis, last)], {}), last, axis);
}

/** Keys in ascending order along `axis`, and values moved with them. */
export function sortKeyVal(keys: NDArray, values: NDArray, axis: number): [NDArray, NDArray] {
  const order = argsort(keys, axis);
  return [takeAlongAxis(keys, order, axis), takeAlongAxis(values, order, axis)];
}
