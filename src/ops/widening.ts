/**
 * Operations on dtypes for which they have no form of their own, as the same operations on others: of stored dtypes in the
 * wider one, of uint64 in int64.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import type { ShapedArray } from "../core/aval.ts";
import { wideOf } from "../core/dtype.ts";
import type { Expansion, Primitive } from "../core/primitive.ts";
import { bind } from "../core/trace.ts";
import { lit } from "./common.ts";
import { bitcastConvertType, convertElementType } from "./convert.ts";
import { xor } from "./logic.ts";
import { fullLike } from "./shape.ts";

/**
 * The expansion of an operation that has no form of its own for dtypes that are only stored: done in the wider dtype, its
 * results of the operands' dtype rounded or wrapped once.
 */
export function widening<P>(
  primitive: Primitive<P>,
  ins: readonly ShapedArray[],
  params: P,
): Expansion | null {
  const { dtype } = ins[0];
  const wide = wideOf(dtype);
  if (wide === dtype) return null;
  return (xs) => {
    const wanted = primitive.abstractEval(ins, params);
    const outs = bind(primitive, xs.map((x) => convertElementType(x, wide)), params);
    return outs.map((y, i) => convertElementType(y, wanted[i].dtype));
  };
}

/** As {@linkcode widening} for an operation that tells numbers apart by their order alone; uint64 becomes int64. */
export function orderedWidening<P>(
  primitive: Primitive<P>,
  ins: readonly ShapedArray[],
  params: P,
): Expansion | null {
  if (ins[0].dtype !== "uint64") return widening(primitive, ins, params);
  const half = 1n << 63n;
  // With their first bit turned over, they are in the order of signed numbers.
  const turned = (x: NDArray) => xor(x, fullLike(lit(x, half), x.shape));
  return (xs) => {
    const outs = bind(primitive, xs.map((x) => bitcastConvertType(turned(x), "int64")), params);
    return outs.map((y) => y.dtype === "int64" ? turned(bitcastConvertType(y, "uint64")) : y);
  };
}

/** As {@linkcode widening} for an operation that wraps: uint64 has the same bits as int64. */
export function wrappingWidening<P>(
  primitive: Primitive<P>,
  ins: readonly ShapedArray[],
  params: P,
): Expansion | null {
  if (ins[0].dtype !== "uint64") return widening(primitive, ins, params);
  return (xs) =>
    bind(primitive, xs.map((x) => bitcastConvertType(x, "int64")), params)
      .map((y) => bitcastConvertType(y, "uint64"));
}
