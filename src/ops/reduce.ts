/**
 * Reductions other than the sum (which stands in `shape.ts`, with the broadcast that it transposes to).
 *
 * @module
 */
import { partitionReduced, type PartitionRule } from "../core/partition.ts";
import { ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, type Shape, type ShapedArray, shapedArray } from "../core/aval.ts";
import type { Access, Lowered } from "../core/lowering.ts";
import {
  type AnyPrimitive,
  type Parts,
  type Primitive,
  type Tangent,
  Zero,
} from "../core/primitive.ts";
import { splitReduced } from "../core/split.ts";
import { bind1 } from "../core/trace.ts";
import type { ReduceOp } from "../loopnest/ir.ts";
import { add, div, mul, times } from "./arith.ts";
import { type Accepts, checkAccepts, lit } from "./common.ts";
import { convertElementType } from "./convert.ts";
import { eq, select } from "./logic.ts";
import { addAny, zeroJvp } from "./rules.ts";
import {
  broadcastInDim,
  checkAxes,
  fullLike,
  instantiate,
  iota,
  reducedBatchDim,
  reducedShape,
  type ReduceParams,
  reduceSum,
  reductionIndex,
  reshape,
} from "./shape.ts";
import { slice } from "./slicing.ts";

function reduceAval(
  name: string,
  accepts: Accepts,
  [x]: readonly ShapedArray[],
  { axes }: ReduceParams,
): readonly ShapedArray[] {
  checkAccepts(name, x.dtype, accepts);
  checkAxes(name, x.shape, axes);
  return [shapedArray(reducedShape(x.shape, axes), x.dtype, x.weakType)];
}

function reduceLowering(
  op: ReduceOp,
  [read]: readonly Access[],
  [x]: readonly ShapedArray[],
  { axes }: ReduceParams,
): readonly Lowered[] {
  return [{
    kind: "reduce",
    op,
    sizes: axes.map((a) => x.shape[a]),
    at: (i, r) => read(reductionIndex(x.shape.length, axes, i, r)),
  }];
}

function reduceBatch(
  primitive: AnyPrimitive,
  [x]: readonly NDArray[],
  [dim]: readonly (number | null)[],
  { axes }: ReduceParams,
): readonly [readonly NDArray[], readonly (number | null)[]] {
  const lifted = axes.map((a) => a < dim! ? a : a + 1);
  return [[bind1(primitive, [x], { axes: lifted })], [reducedBatchDim(dim!, lifted)]];
}

/** The division of reductions whose results of parts are reduced in the same way. */
function partitionAgain(primitive: () => Primitive<ReduceParams>): PartitionRule<ReduceParams> {
  return partitionReduced("all_gather", () => ({
    finish: ([all]) => [bind1(primitive(), [all], { axes: [0] })],
  }));
}

/** The jvp of max and min: the tangents at the places that hold the extreme, averaged where several do. */
function chooserJvp(
  primitive: AnyPrimitive,
  [x]: readonly NDArray[],
  [t]: readonly Tangent[],
  { axes }: ReduceParams,
): readonly [readonly NDArray[], readonly Tangent[]] {
  const out = bind1(primitive, [x], { axes });
  if (t instanceof Zero) return [[out], [new Zero(out.aval)]];
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const places = convertElementType(eq(x, broadcastInDim(out, x.shape, kept)), t.dtype);
  const count = reduceSum(places, axes);
  return [[out], [div(reduceSum(mul(t, places), axes), count)]];
}

/** `reduce_max`: the maximum over `axes`; NaN if there is one. */
export const reduceMaxP: Primitive<ReduceParams> = {
  name: "reduce_max",
  abstractEval: (ins, p) => reduceAval("reduceMax", "any", ins, p),
  lower: (reads, ins, _outs, p) => reduceLowering("max", reads, ins, p),
  split: splitReduced,
  partition: partitionReduced("pmax"),
  jvp: (xs, ts, p) => chooserJvp(reduceMaxP, xs, ts, p),
  batch: (xs, dims, p) => reduceBatch(reduceMaxP, xs, dims, p),
};

/** The maximum over `axes`. */
export function reduceMax(x: NDArray, axes: readonly number[]): NDArray {
  return axes.length === 0 ? x : bind1(reduceMaxP, [x], { axes });
}

/** `reduce_min`: the minimum over `axes`; NaN if there is one. */
export const reduceMinP: Primitive<ReduceParams> = {
  name: "reduce_min",
  abstractEval: (ins, p) => reduceAval("reduceMin", "any", ins, p),
  lower: (reads, ins, _outs, p) => reduceLowering("min", reads, ins, p),
  split: splitReduced,
  partition: partitionReduced("pmin"),
  jvp: (xs, ts, p) => chooserJvp(reduceMinP, xs, ts, p),
  batch: (xs, dims, p) => reduceBatch(reduceMinP, xs, dims, p),
};

/** The minimum over `axes`. */
export function reduceMin(x: NDArray, axes: readonly number[]): NDArray {
  return axes.length === 0 ? x : bind1(reduceMinP, [x], { axes });
}

/** `reduce_prod`: the product over `axes`. Its tangent is that of a tree of products, right at zeros too. */
export const reduceProdP: Primitive<ReduceParams> = {
  name: "reduce_prod",
  abstractEval: (ins, p) => reduceAval("reduceProd", "number", ins, p),
  lower: (reads, ins, _outs, p) => reduceLowering("mul", reads, ins, p),
  onParts: ([z], { axes }) => [
    [...axes].sort((a, b) => b - a).reduce(productOfParts, z as Parts),
  ],
  split: splitReduced,
  partition: partitionAgain(() => reduceProdP),
  jvp: ([x], [t], { axes }) => {
    const out = reduceProd(x, axes);
    if (t instanceof Zero) return [[out], [new Zero(out.aval)]];
    let [value, tangent] = [x, instantiate(t)];
    for (const axis of [...axes].sort((a, b) => b - a)) {
      [value, tangent] = productTree(value, tangent, axis);
    }
    return [[out], [tangent]];
  },
  batch: (xs, dims, p) => reduceBatch(reduceProdP, xs, dims, p),
};

/** The product of complex numbers along an axis: the first half times the second, until there is one. */
function productOfParts({ re, im }: Parts, axis: number): Parts {
  const whole = re.shape;
  const without = reducedShape(whole, [axis]);
  const cut = (z: Parts, from: number, to: number): Parts => {
    const start = whole.map((_, i) => i === axis ? from : 0);
    const limit = whole.map((n, i) => i === axis ? to : n);
    return { re: slice(z.re, start, limit), im: slice(z.im, start, limit) };
  };
  let z: Parts = { re, im };
  let odd: Parts | null = null; // what was left over where a half was not whole
  for (let size = whole[axis]; size > 1; size = Math.floor(size / 2)) {
    const half = Math.floor(size / 2);
    if (size % 2 === 1) {
      const last = cut(z, size - 1, size);
      odd = odd === null ? last : times(odd, last);
    }
    z = times(cut(z, 0, half), cut(z, half, 2 * half));
  }
  if (whole[axis] === 0) {
    const one = (value: number) => fullLike(lit(re, value), without);
    return { re: one(1), im: one(0) };
  }
  if (odd !== null) z = times(z, odd);
  return { re: reshape(z.re, without), im: reshape(z.im, without) };
}

/** The product along an axis and its tangent, by halving. */
function productTree(x: NDArray, t: NDArray, axis: number): [NDArray, NDArray] {
  const size = x.shape[axis];
  const without = reducedShape(x.shape, [axis]);
  if (size === 0) {
    const none = reduceSum(t, [axis]);
    return [reduceProd(x, [axis]), none];
  }
  if (size === 1) return [reshape(x, without), reshape(t, without)];
  const half = Math.floor(size / 2);
  const cut = (a: NDArray, from: number, to: number) => {
    const start = x.shape.map((_, i) => i === axis ? from : 0);
    const limit = x.shape.map((n, i) => i === axis ? to : n);
    return slice(a, start, limit);
  };
  const [x1, t1] = productTree(cut(x, 0, half), cut(t, 0, half), axis);
  const [x2, t2] = productTree(cut(x, half, size), cut(t, half, size), axis);
  return [mul(x1, x2), addAny(mul(t1, x2), mul(x1, t2))];
}

/** The product over `axes`. */
export function reduceProd(x: NDArray, axes: readonly number[]): NDArray {
  return axes.length === 0 ? x : bind1(reduceProdP, [x], { axes });
}

/** `reduce_and`: whether all are true (bool), or the bitwise and. Its tangent is zero. */
export const reduceAndP: Primitive<ReduceParams> = {
  name: "reduce_and",
  abstractEval: (ins, p) => reduceAval("reduceAnd", "integral", ins, p),
  lower: (reads, ins, _outs, p) => reduceLowering("and", reads, ins, p),
  split: splitReduced,
  partition: partitionAgain(() => reduceAndP),
  jvp: (xs, _ts, p) => zeroJvp(reduceAndP, xs, p),
  batch: (xs, dims, p) => reduceBatch(reduceAndP, xs, dims, p),
};

/** Whether all are true over `axes` (bitwise for integers). */
export function reduceAnd(x: NDArray, axes: readonly number[]): NDArray {
  return axes.length === 0 ? x : bind1(reduceAndP, [x], { axes });
}

/** `reduce_or`: whether any is true (bool), or the bitwise or. Its tangent is zero. */
export const reduceOrP: Primitive<ReduceParams> = {
  name: "reduce_or",
  abstractEval: (ins, p) => reduceAval("reduceOr", "integral", ins, p),
  lower: (reads, ins, _outs, p) => reduceLowering("or", reads, ins, p),
  split: splitReduced,
  partition: partitionAgain(() => reduceOrP),
  jvp: (xs, _ts, p) => zeroJvp(reduceOrP, xs, p),
  batch: (xs, dims, p) => reduceBatch(reduceOrP, xs, dims, p),
};

/** Whether any is true over `axes` (bitwise for integers). */
export function reduceOr(x: NDArray, axes: readonly number[]): NDArray {
  return axes.length === 0 ? x : bind1(reduceOrP, [x], { axes });
}

/** `reduce_xor`: the bitwise exclusive or over `axes`. Its tangent is zero. */
export const reduceXorP: Primitive<ReduceParams> = {
  name: "reduce_xor",
  abstractEval: (ins, p) => reduceAval("reduceXor", "integral", ins, p),
  lower: (reads, ins, _outs, p) => reduceLowering("xor", reads, ins, p),
  split: splitReduced,
  partition: partitionAgain(() => reduceXorP),
  jvp: (xs, _ts, p) => zeroJvp(reduceXorP, xs, p),
  batch: (xs, dims, p) => reduceBatch(reduceXorP, xs, dims, p),
};

/** The bitwise exclusive or over `axes`. */
export function reduceXor(x: NDArray, axes: readonly number[]): NDArray {
  return axes.length === 0 ? x : bind1(reduceXorP, [x], { axes });
}

/** Parameters of {@linkcode argmaxP} and {@linkcode argminP}. */
export interface ArgParams {
  /** One axis. */
  readonly axes: readonly number[];
  readonly indexDtype: "int32";
}

function argAval(
  name: string,
  [x]: readonly ShapedArray[],
  { axes }: ArgParams,
): readonly ShapedArray[] {
  checkAccepts(name, x.dtype, x.dtype === "bool" ? "any" : "number");
  checkAxes(name, x.shape, axes);
  if (x.shape[axes[0]] === 0) {
    throw new ShapeError(
      `lax.${name}: axis ${axes[0]} of shape ${
        formatShape(x.shape)
      } is empty, so it has no extreme element`,
    );
  }
  return [shapedArray(reducedShape(x.shape, axes), "int32")];
}

function argLowering(
  op: "max" | "min",
  [read]: readonly Access[],
  [x]: readonly ShapedArray[],
  { axes }: ArgParams,
): readonly Lowered[] {
  return [{
    kind: "argReduce",
    op,
    size: x.shape[axes[0]],
    at: (i, r) => read(reductionIndex(x.shape.length, axes, i, [r])),
  }];
}

function argBatch(
  primitive: AnyPrimitive,
  [x]: readonly NDArray[],
  [dim]: readonly (number | null)[],
  { axes, indexDtype }: ArgParams,
): readonly [readonly NDArray[], readonly (number | null)[]] {
  const lifted = axes.map((a) => a < dim! ? a : a + 1);
  return [[bind1(primitive, [x], { axes: lifted, indexDtype })], [reducedBatchDim(dim!, lifted)]];
}

/** The division of the search for an extreme: each device finds that of its part; of those, the first that is the extreme of all. */
function partitionArg(
  primitive: () => Primitive<ArgParams>,
  extreme: (x: NDArray, axes: readonly number[]) => NDArray,
): PartitionRule<ArgParams> {
  return partitionReduced("all_gather", (params) => ({
    apply: ([x]) => [bind1(primitive(), [x], params), extreme(x, params.axes)],
    finish: ([places, values], [x]) => {
      const owner = bind1(primitive(), [values], { ...params, axes: [0] });
      const devices = iota("int32", places.shape);
      const isOwner = eq(
        devices,
        broadcastInDim(owner, places.shape, owner.shape.map((_, i) => i + 1)),
      );
      const size = fullLike(lit(places, x.shape[params.axes[0]]), places.shape);
      const whole = add(mul(devices, size), places);
      return [reduceSum(select(isOwner, whole, fullLike(lit(places, 0), places.shape)), [0])];
    },
  }));
}

/** `argmax`: the position of the first maximum along one axis; the first NaN, if there is one. */
export const argmaxP: Primitive<ArgParams> = {
  name: "argmax",
  abstractEval: (ins, p) => argAval("argmax", ins, p),
  lower: (reads, ins, _outs, p) => argLowering("max", reads, ins, p),
  split: splitReduced,
  partition: partitionArg(() => argmaxP, reduceMax),
  jvp: (xs, _ts, p) => zeroJvp(argmaxP, xs, p),
  batch: (xs, dims, p) => argBatch(argmaxP, xs, dims, p),
};

/** The int32 position of the first maximum along `axis`. */
export function argmax(x: NDArray, axis: number): NDArray {
  return bind1(argmaxP, [x], { axes: [axis], indexDtype: "int32" });
}

/** `argmin`: the position of the first minimum along one axis; the first NaN, if there is one. */
export const argminP: Primitive<ArgParams> = {
  name: "argmin",
  abstractEval: (ins, p) => argAval("argmin", ins, p),
  lower: (reads, ins, _outs, p) => argLowering("min", reads, ins, p),
  split: splitReduced,
  partition: partitionArg(() => argminP, reduceMin),
  jvp: (xs, _ts, p) => zeroJvp(argminP, xs, p),
  batch: (xs, dims, p) => argBatch(argminP, xs, dims, p),
};

/** The int32 position of the first minimum along `axis`. */
export function argmin(x: NDArray, axis: number): NDArray {
  return bind1(argminP, [x], { axes: [axis], indexDtype: "int32" });
}

/** The shape with reduced axes kept at size 1. */
export function keptShape(shape: Shape, axes: readonly number[]): Shape {
  return shape.map((n, i) => axes.includes(i) ? 1 : n);
}
