/**
 * Rules that elementwise primitives share, and the addition of tangents on which they stand.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import type { ShapedArray } from "../core/aval.ts";
import type { Access, Lowered } from "../core/lowering.ts";
import {
  type AnyPrimitive,
  isUndefinedPrimal,
  type Primitive,
  type Tangent,
  type UndefinedPrimal,
  Zero,
} from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";
import { binary, type BinaryOp, unary, type UnaryOp } from "../loopnest/expr.ts";
import {
  batchElementwise,
  elementwiseAval,
  mapLowering,
  type NoParams,
  noParams,
  unbroadcast,
} from "./common.ts";
import { axisTools, fullLike, reduceSum } from "./shape.ts";

/** Lowers to one scalar operation of one operand. */
export function unaryLowering(
  op: UnaryOp,
  operands: readonly Access[],
  ins: readonly ShapedArray[],
): readonly Lowered[] {
  return mapLowering(operands, ins, ([x]) => unary(op, x));
}

/** Lowers to one scalar operation of two operands. */
export function binaryLowering(
  op: BinaryOp,
  operands: readonly Access[],
  ins: readonly ShapedArray[],
): readonly Lowered[] {
  return mapLowering(operands, ins, ([x, y]) => binary(op, x, y));
}

/** The jvp of an operation whose derivative is zero wherever it has one. */
export function zeroJvp(
  primitive: AnyPrimitive,
  primals: readonly NDArray[],
  params: unknown,
): readonly [readonly NDArray[], readonly Tangent[]] {
  const out = bind1(primitive, primals, params);
  return [[out], [new Zero(out.aval)]];
}

/** The batching rule of a unary operation: the mapped axis stays where it is. */
export function unaryBatch(
  primitive: AnyPrimitive,
  operands: readonly NDArray[],
  dims: readonly (number | null)[],
  params: unknown,
): readonly [readonly NDArray[], readonly (number | null)[]] {
  return [[bind1(primitive, operands, params)], [dims[0]]];
}

/** The jvp of a unary operation, from its derivative applied to a tangent. */
export function unaryJvp(
  out: NDArray,
  tangent: Tangent,
  derivative: (t: NDArray) => NDArray,
): readonly [readonly NDArray[], readonly Tangent[]] {
  return [[out], [tangent instanceof Zero ? new Zero(out.aval) : derivative(tangent)]];
}

/** The jvp of a binary operation: the sum of what each operand's tangent contributes. */
export function binaryJvp(
  out: NDArray,
  tangents: readonly Tangent[],
  byFirst: (t: NDArray) => NDArray,
  bySecond: (t: NDArray) => NDArray,
): readonly [readonly NDArray[], readonly Tangent[]] {
  const [tx, ty] = tangents;
  const a = tx instanceof Zero ? tx : byFirst(tx);
  const b = ty instanceof Zero ? ty : bySecond(ty);
  const sum = addTangents(a, b);
  return [[out], [sum instanceof Zero ? new Zero(out.aval) : fullLike(sum, out.shape)]];
}

/** Adds tangents (or cotangents), either of which may be a symbolic zero. */
export function addTangents(a: Tangent, b: Tangent): Tangent {
  if (a instanceof Zero) return b;
  if (b instanceof Zero) return a;
  return addAny(a, b);
}

/** The cotangent of one operand: nothing if it is not linear, a symbolic zero for one, else `fn(ct)` summed to its shape. */
export function ctOf(
  x: NDArray | UndefinedPrimal,
  ct: Tangent,
  fn: (ct: NDArray) => NDArray,
): Tangent | null {
  if (!isUndefinedPrimal(x)) return null;
  return ct instanceof Zero ? new Zero(x.aval) : unbroadcast(x.aval, fn(ct), reduceSum);
}

/** `add_any`: the sum of two cotangents. Unlike `add`, it takes only equal shapes. */
export const addAnyP: Primitive<NoParams> = {
  name: "add_any",
  onParts: "each",
  abstractEval: (ins) => elementwiseAval("addAny", "any", ins),
  lower: (reads, ins) => binaryLowering("add", reads, ins),
  batch: (xs, dims) => batchElementwise(axisTools, addAnyP, xs, dims, noParams),
  jvp: ([x, y], ts) => binaryJvp(addAny(x, y), ts, (t) => t, (t) => t),
  transpose: ([ct], [x, y]) => [ctOf(x, ct, (c) => c), ctOf(y, ct, (c) => c)],
};

/** The sum of two cotangents of one shape. */
export function addAny(x: NDArray, y: NDArray): NDArray {
  return bind1(addAnyP, [x, y], noParams);
}
