/**
 * Reductions over everything, mapped axes included: what they give is the same for all examples.
 *
 * @module
 */
import { DTypeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatAval, type ShapedArray, shapedArray } from "../core/aval.ts";
import type { Access, Lowered } from "../core/lowering.ts";
import type { AnyPrimitive, Primitive } from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";
import type { ReduceOp } from "../loopnest/ir.ts";
import { type NoParams, noParams } from "./common.ts";
import { reduceAnd, reduceMax, reduceOr } from "./reduce.ts";

function allAxes(op: ReduceOp, [read]: readonly Access[], [x]: readonly ShapedArray[]): Lowered[] {
  if (x.shape.length === 0) return [{ kind: "alias", operand: 0 }];
  return [{ kind: "reduce", op, sizes: x.shape, at: (_, r) => read(r) }];
}

function withoutAxis(primitive: AnyPrimitive, [x]: readonly NDArray[]) {
  return [[bind1(primitive, [x], noParams)], [null]] as const;
}

function boolOnly(name: string, [x]: readonly ShapedArray[]): ShapedArray[] {
  if (x.dtype !== "bool") {
    throw new DTypeError(`internal.${name}: takes an array of bools; got ${formatAval(x)}`);
  }
  return [shapedArray([], "bool")];
}

/** `unvmap_any`: whether any element of any example is true. */
export const unvmapAnyP: Primitive<NoParams> = {
  name: "unvmap_any",
  abstractEval: (ins) => boolOnly("unvmapAny", ins),
  lower: (reads, ins) => allAxes("or", reads, ins),
  finalise: ([x]) => [reduceOr(x, x.shape.map((_, i) => i))],
  batch: (xs) => withoutAxis(unvmapAnyP, xs),
};

/**
 * Whether any element of any example is true, 0-d.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 * import { unvmapAny } from "@vernal/vernal/internal";
 *
 * vn.filterVmap((x: vn.NDArray) => unvmapAny(x.less(0)), { outAxes: null })(vn.numpy.array([1, -1])).item(); // 1
 * ```
 */
export function unvmapAny(x: NDArray): NDArray {
  return bind1(unvmapAnyP, [x], noParams);
}

/** `unvmap_all`: whether all elements of all examples are true. */
export const unvmapAllP: Primitive<NoParams> = {
  name: "unvmap_all",
  abstractEval: (ins) => boolOnly("unvmapAll", ins),
  lower: (reads, ins) => allAxes("and", reads, ins),
  finalise: ([x]) => [reduceAnd(x, x.shape.map((_, i) => i))],
  batch: (xs) => withoutAxis(unvmapAllP, xs),
};

/**
 * Whether all elements of all examples are true, 0-d.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 * import { unvmapAll } from "@vernal/vernal/internal";
 *
 * vn.filterVmap((x: vn.NDArray) => unvmapAll(x.less(0)), { outAxes: null })(vn.numpy.array([1, -1])).item(); // 0
 * ```
 */
export function unvmapAll(x: NDArray): NDArray {
  return bind1(unvmapAllP, [x], noParams);
}

/** `unvmap_max`: the largest element of all examples. */
export const unvmapMaxP: Primitive<NoParams> = {
  name: "unvmap_max",
  abstractEval: ([x]) => [shapedArray([], x.dtype, x.weakType)],
  lower: (reads, ins) => allAxes("max", reads, ins),
  finalise: ([x]) => [reduceMax(x, x.shape.map((_, i) => i))],
  batch: (xs) => withoutAxis(unvmapMaxP, xs),
};

/**
 * The largest element of all examples, 0-d.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 * import { unvmapMax } from "@vernal/vernal/internal";
 *
 * vn.filterVmap((x: vn.NDArray) => unvmapMax(x), { outAxes: null })(vn.numpy.array([1, 5])).item(); // 5
 * ```
 */
export function unvmapMax(x: NDArray): NDArray {
  return bind1(unvmapMaxP, [x], noParams);
}
