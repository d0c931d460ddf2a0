/**
 * Uniform and normal floats between fixed bounds, as one operation each.
 *
 * As a row of elementwise operations on random bits, each of them would pass over the memory where nothing is compiled; compiled, they
 * are fused with what reads them either way. The bits are JAX's.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { type Shape, shapedArray } from "../core/aval.ts";
import type { DType } from "../core/dtype.ts";
import type { Primitive } from "../core/primitive.ts";
import { bind1, Tracer } from "../core/trace.ts";
import { InternalError } from "../errors.ts";
import { binary, bitcast, constant, type Expr, unary } from "../loopnest/expr.ts";
import {
  checkKey,
  type DrawParams,
  partitionDraw,
  randomBitsP,
  splitByKey,
} from "./random_bits.ts";
import { batchToFront } from "./shape.ts";

/** Parameters of {@linkcode randomUniformP} and {@linkcode randomNormalP}. */
export interface FloatsParams extends DrawParams {
  readonly dtype: "float32" | "float64";
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

/** A primitive that draws floats and hands each on to `shaped`. */
function floatsPrimitive(
  name: string,
  shaped: (u: Expr, dtype: DType) => Expr,
): Primitive<FloatsParams> {
  const self: Primitive<FloatsParams> = {
    name,
    split: splitByKey,
    partition: partitionDraw(() => self),
    abstractEval: ([key], { dtype, shape }) => {
      checkKey("uniform", key);
      return [shapedArray([...key.shape, ...shape], dtype)];
    },
    lower: ([key, low, high, ...start], [keys], [out], { dtype, ...draw }) => {
      const bitWidth = dtype === "float64" ? 64 : 32;
      const drawn = shapedArray(out.shape, `uint${bitWidth}`);
      const [bits] = randomBitsP.lower!([key, ...start], [keys], [drawn], { ...draw, bitWidth });
      if (bits.kind !== "map") throw new InternalError("random_bits is no map");
      return [{
        kind: "map",
        at: (i) => shaped(uniformExpr(bits.at(i), low([]), high([]), dtype), dtype),
      }];
    },
    batch: ([key, low, high, ...start], [dim, , , ...startDim], p, size) => {
      const front = batchToFront(key, dim, size);
      const starts = start.map((x, i) => batchToFront(x, startDim[i], size));
      return [[bind1(self, [front, low, high, ...starts], p)], [0]];
    },
  };
  return self;
}

/** `random_uniform`: floats of a key, between two scalars. Their shape follows the keys'. */
export const randomUniformP: Primitive<FloatsParams> = floatsPrimitive("random_uniform", (u) => u);

/** `random_normal`: the same, each handed on to `√2 · erfInv`. */
export const randomNormalP: Primitive<FloatsParams> = floatsPrimitive(
  "random_normal",
  (u, dtype) => binary("mul", constant(Math.SQRT2, dtype), unary("erfInv", u)),
);

/**
 * Floats drawn by one operation, or `null` where the draw is of another kind: of 16 bits, or between bounds that are arrays or traced (and may have
 * derivatives).
 *
 * @param low The least value, a scalar of the dtype.
 * @param high The bound above.
 */
export function drawFloats(
  primitive: typeof randomUniformP,
  key: NDArray,
  shape: Shape,
  dtype: DType,
  low: NDArray,
  high: NDArray,
): NDArray | null {
  if (dtype !== "float32" && dtype !== "float64") return null;
  if ([low, high].some((x) => x.ndim > 0 || x instanceof Tracer)) return null;
  return bind1(primitive, [key, low, high], { dtype, shape });
}
