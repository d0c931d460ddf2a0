/**
 * Uniform and normal floats as one operation each: what drawing them comes to where nothing is traced.
 *
 * Traced, a draw is a row of elementwise operations, which transformations know and compiled programs fuse; at once, each of them
 * would pass over the memory. The bits are the same.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { type Shape, shapedArray } from "../core/aval.ts";
import type { DType } from "../core/dtype.ts";
import type { LoweringRule } from "../core/lowering.ts";
import type { Primitive } from "../core/primitive.ts";
import { bind1, isEager } from "../core/trace.ts";
import { InternalError } from "../errors.ts";
import { binary, bitcast, constant, type Expr, unary } from "../loopnest/expr.ts";
import { checkKey, randomBitsP, splitByKey } from "./random_bits.ts";

/** Parameters of {@linkcode randomUniformP} and {@linkcode randomNormalP}. */
export interface FloatsParams {
  readonly dtype: "float32" | "float64";
  readonly shape: Shape;
}

/** A float in `[low, high)` of as many random bits: mantissas under the exponent of 1 are in [1, 2). */
function uniformExpr(bits: Expr, low: Expr, high: Expr, dtype: FloatsParams["dtype"]): Expr {
  const isWide = dtype === "float64";
  const word = (value: bigint): Expr =>
    isWide ? constant(value, "uint64") : constant(Number(value), "uint32");
  const exponent = word(isWide ? 0x3ff0000000000000n : 0x3f800000n);
  const mantissa = binary("shrLogical", bits, word(isWide ? 12n : 9n));
  const u = binary("sub", bitcast(binary("or", mantissa, exponent), dtype), constant(1, dtype));
  return binary("max", low, binary("add", binary("mul", u, binary("sub", high, low)), low));
}

/** The lowering of a draw, whose last step is `shape`. */
function drawn(shaped: (u: Expr, dtype: DType) => Expr): LoweringRule<FloatsParams> {
  return ([key, low, high], [keyAval], [out], { dtype, shape }) => {
    const bitWidth = dtype === "float64" ? 64 : 32;
    const bitsAval = shapedArray(shape, `uint${bitWidth}`);
    const [bits] = randomBitsP.lower!([key], [keyAval], [bitsAval], { bitWidth, shape });
    if (bits.kind !== "map") throw new InternalError("random_bits is no map");
    return [{
      kind: "map",
      at: (i) => shaped(uniformExpr(bits.at(i), low([]), high([]), dtype), out.dtype),
    }];
  };
}

function floatsPrimitive(
  name: string,
  shaped: (u: Expr, dtype: DType) => Expr,
): Primitive<FloatsParams> {
  return {
    name,
    split: splitByKey,
    abstractEval: ([key], { dtype, shape }) => {
      checkKey("uniform", key);
      return [shapedArray(shape, dtype)];
    },
    lower: drawn(shaped),
  };
}

/** `random_uniform`: floats of a key, between two scalars. */
export const randomUniformP: Primitive<FloatsParams> = floatsPrimitive("random_uniform", (u) => u);

/** `random_normal`: the same, each handed on to `√2 · erfInv`. */
export const randomNormalP: Primitive<FloatsParams> = floatsPrimitive(
  "random_normal",
  (u, dtype) => binary("mul", constant(Math.SQRT2, dtype), unary("erfInv", u)),
);

/**
 * Floats drawn at once, or `null` where something is traced, or where the draw is of another kind: of many keys, between arrays, of 16 bits.
 *
 * @param low The least value, a scalar of the dtype.
 * @param high The bound above.
 */
export function drawAtOnce(
  primitive: typeof randomUniformP,
  key: NDArray,
  shape: Shape,
  dtype: DType,
  low: NDArray,
  high: NDArray,
): NDArray | null {
  if (!isEager() || (dtype !== "float32" && dtype !== "float64")) return null;
  if (key.ndim + low.ndim + high.ndim > 0) return null;
  return bind1(primitive, [key, low, high], { dtype, shape });
}
