/**
 * What the rules of many primitives share: shape rules of elementwise operations, literals, batching by
 * aligning axes.
 *
 * @module
 */
import { DTypeError, ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import {
  formatAval,
  formatShape,
  type Shape,
  type ShapedArray,
  shapedArray,
  shapesEqual,
} from "../core/aval.ts";
import {
  type DType,
  type HostScalar,
  isBig,
  isFloating,
  isInexact,
  isInteger,
  isSigned,
} from "../core/dtype.ts";
import type { Access, Lowered } from "../core/lowering.ts";
import { type Parts, type Primitive, type Tangent, Zero } from "../core/primitive.ts";
import { bind, getEvaluator } from "../core/trace.ts";
import type { Expr } from "../loopnest/expr.ts";

/** Parameters of a primitive that has none. */
export type NoParams = Readonly<Record<never, never>>;

/** The parameters of a primitive that has none. */
export const noParams: NoParams = Object.freeze({});

/** A 0-d literal of `like`'s dtype. */
export function lit(like: NDArray, value: HostScalar): NDArray {
  return literal(value, like.dtype);
}

/** A 0-d literal of a dtype. */
export function literal(value: HostScalar, dtype: DType, weakType = false): NDArray {
  if (isBig(dtype) && typeof value === "number") value = BigInt(Math.trunc(value));
  if (dtype === "bool") value = Boolean(value);
  return getEvaluator().literal(value, dtype, weakType);
}

/** An operand, or a host number that takes the other operand's dtype. */
export type Operand = NDArray | number;

/** Turns a host number into a literal of `like`'s dtype. */
export function operand(x: Operand, like: NDArray): NDArray {
  return typeof x === "number" ? lit(like, x) : x;
}

/** The result shape of an elementwise operation: equal shapes, or 0-d beside anything. */
export function elementwiseShape(name: string, avals: readonly ShapedArray[]): Shape {
  let shape: Shape = [];
  for (const aval of avals) {
    if (aval.shape.length === 0) continue;
    if (shape.length === 0) shape = aval.shape;
    else if (!shapesEqual(shape, aval.shape)) {
      throw new ShapeError(
        `lax.${name}: operands must have equal shapes (or be 0-d): got ` +
          avals.map((a) => formatShape(a.shape)).join(" and ") +
          "; the functions of numpy broadcast, or use lax.broadcastInDim",
      );
    }
  }
  return shape;
}

/** Checks that all operands have one dtype and gives it. */
export function sameDType(name: string, avals: readonly ShapedArray[]): DType {
  const dtype = avals[0].dtype;
  for (const aval of avals) {
    if (aval.dtype !== dtype) {
      throw new DTypeError(
        `lax.${name}: operands must have one dtype: got ${
          avals.map(formatAval).join(" and ")
        }; numpy.${name} promotes, or convert with x.astype(...)`,
      );
    }
  }
  return dtype;
}

/** Kinds of dtype that an operation takes. */
export type Accepts =
  | "any"
  | "number"
  | "inexact"
  | "floating"
  | "signed"
  | "integral"
  | "integer";

const accepted: Readonly<Record<Accepts, (dtype: DType) => boolean>> = {
  any: () => true,
  number: (d) => d !== "bool" && d !== "key<fry>",
  inexact: isInexact, // complex too
  floating: isFloating,
  signed: (d) => isFloating(d) || isSigned(d),
  integral: (d) => isInteger(d) || d === "bool",
  integer: isInteger,
};

/** Checks a dtype against what an operation takes. */
export function checkAccepts(name: string, dtype: DType, accepts: Accepts): void {
  if (!accepted[accepts](dtype)) {
    throw new DTypeError(
      `lax.${name}: does not accept dtype ${dtype} (it takes ${accepts} dtypes); convert with x.astype(...)`,
    );
  }
}

/** The shape rule of an elementwise operation whose operands and result share a dtype. */
export function elementwiseAval(
  name: string,
  accepts: Accepts,
  avals: readonly ShapedArray[],
): readonly ShapedArray[] {
  const dtype = sameDType(name, avals);
  checkAccepts(name, dtype, accepts);
  const shape = elementwiseShape(name, avals);
  return [shapedArray(shape, dtype, avals.every((a) => a.weakType))];
}

/** The rule of an operation whose operands are all complex, and its one result. */
export function onParts(
  fn: (...xs: Parts[]) => Parts,
): (operands: readonly (NDArray | Parts)[]) => readonly Parts[] {
  return (operands) => [fn(...operands as Parts[])];
}

/** Lowers an elementwise operation: 0-d operands are read without an index. */
export function mapLowering(
  operands: readonly Access[],
  ins: readonly ShapedArray[],
  fn: (xs: readonly Expr[]) => Expr,
): readonly Lowered[] {
  return [{
    kind: "map",
    at: (index) =>
      fn(operands.map((read, i) => ins[i].shape.length === 0 ? read([]) : read(index))),
  }];
}

/** Sums `ct` down to a 0-d operand's shape where the operand was stretched. */
export function unbroadcast(
  aval: ShapedArray,
  ct: Tangent,
  sum: (x: NDArray, axes: readonly number[]) => NDArray,
): Tangent {
  if (ct instanceof Zero) return new Zero(aval);
  if (aval.shape.length === 0 && ct.ndim > 0) return sum(ct, ct.shape.map((_, i) => i));
  return ct;
}

/** The batching functions need to move and stretch axes; `ops/shape.ts` provides them. */
export interface AxisTools {
  broadcastInDim(x: NDArray, shape: Shape, dims: readonly number[]): NDArray;
  transpose(x: NDArray, permutation: readonly number[]): NDArray;
}

/** Moves axis `from` to the front. */
export function axisToFront(tools: AxisTools, x: NDArray, from: number): NDArray {
  if (from === 0) return x;
  const rest = x.shape.map((_, i) => i).filter((i) => i !== from);
  return tools.transpose(x, [from, ...rest]);
}

/** Batches an elementwise operation: brings all mapped axes to one place, and stretches where ranks differ. */
export function batchElementwise<P>(
  tools: AxisTools,
  primitive: Primitive<P>,
  operands: readonly NDArray[],
  dims: readonly (number | null)[],
  params: P,
): readonly [readonly NDArray[], readonly (number | null)[]] {
  const first = operands.findIndex((_, i) => dims[i] !== null);
  const dim = dims[first]!;
  const shape = operands[first].shape;
  const aligned = operands.every((x, i) =>
    x.ndim === 0 || (dims[i] === dim && shapesEqual(x.shape, shape))
  );
  if (aligned && operands.every((x, i) => x.ndim > 0 || dims[i] === null)) {
    return [bind(primitive, operands, params), [dim]];
  }
  const rank = Math.max(...operands.map((x, i) => x.ndim - (dims[i] === null ? 0 : 1)));
  const size = shape[dim];
  const core = operands.map((x, i) =>
    dims[i] === null ? x.shape : x.shape.filter((_, j) => j !== dims[i])
  )
    .find((s) => s.length === rank)!;
  const full = [size, ...core];
  const moved = operands.map((x, i) => {
    const d = dims[i];
    if (d === null) {
      if (x.ndim === 0) return x;
      return tools.broadcastInDim(x, full, x.shape.map((_, j) => j + 1));
    }
    const front = axisToFront(tools, x, d);
    if (front.ndim === full.length) return front;
    return tools.broadcastInDim(front, full, [0]); // a mapped 0-d operand beside a larger one
  });
  return [bind(primitive, moved, params), [0]];
}
