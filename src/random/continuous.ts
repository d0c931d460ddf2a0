/**
 * Continuous distributions.
 *
 * @module
 */
import { DTypeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import type { Shape } from "../core/aval.ts";
import { checkDType, type DType } from "../core/dtype.ts";
import { getEvaluator } from "../core/trace.ts";
import * as arith from "../ops/arith.ts";
import { lit, literal } from "../ops/common.ts";
import { bitcastConvertType, stopGradient } from "../ops/convert.ts";
import * as el from "../ops/elementary.ts";
import * as logic from "../ops/logic.ts";
import { randomBits } from "../ops/random_bits.ts";
import { fullLike } from "../ops/shape.ts";
import { checkShape } from "../numpy/creation.ts";
import { broadcastArray, broadcastShapes, toDType } from "../numpy/promote.ts";
import { singleKey } from "./keys.ts";

/** Options of distributions over floats. */
export interface FloatOptions {
  /** `"float32"` unless given, or `"float64"`. */
  readonly dtype?: DType | undefined;
}

/** A floating dtype that came as an option. */
export function floatDType(options: FloatOptions, where: string): "float32" | "float64" {
  const dtype = checkDType(options.dtype ?? "float32", `${where}: options.dtype`);
  if (dtype !== "float32" && dtype !== "float64") {
    throw new DTypeError(`${where}: dtype must be floating; got ${dtype}`);
  }
  return dtype;
}

/** The smallest normal number. */
const tiny = { float32: 2 ** -126, float64: 2 ** -1022 };
/** The number after -1. */
const aboveMinusOne = { float32: -1 + 2 ** -24, float64: -1 + 2 ** -53 };

/** Uniform floats, for bounds that are arrays of the dtype. */
export function uniformBetween(
  k: NDArray,
  shape: Shape,
  dtype: "float32" | "float64",
  low: NDArray,
  high: NDArray,
): NDArray {
  // Random mantissa bits under the exponent of 1 give [1, 2).
  return getEvaluator().freeTemporaries(() => {
    const wide = dtype === "float64";
    const drawn = randomBits(k, wide ? 64 : 32, shape);
    const mantissa = logic.shiftRightLogical(drawn, lit(drawn, wide ? 12 : 9));
    const one = wide ? literal(0x3ff0000000000000n, "int64") : literal(0x3f800000, "uint32");
    const floats = arith.sub(
      bitcastConvertType(logic.or(mantissa, one), dtype),
      literal(1, dtype),
    );
    const span = arith.sub(high, low);
    return arith.max(low, arith.add(arith.mul(floats, span), low));
  });
}

/** Options of {@linkcode uniform}. */
export interface UniformOptions extends FloatOptions {
  /** The least value, 0 unless given; broadcast to the shape. */
  readonly minval?: ArrayLike;
  /** The bound above, 1 unless given, itself excluded (but for rounding). */
  readonly maxval?: ArrayLike;
}

function bound(x: ArrayLike, dtype: DType, shape: Shape, where: string): NDArray {
  const array = toDType(x, dtype, false, where);
  return array.ndim === 0 ? array : broadcastArray(array, shape);
}

/** Uniform floats in `[minval, maxval)`. The same bits as JAX's. */
export function uniform(k: NDArray, shape: Shape = [], options: UniformOptions = {}): NDArray {
  const where = "random.uniform";
  const dtype = floatDType(options, where);
  const sizes = checkShape(shape, where);
  const low = bound(options.minval ?? 0, dtype, sizes, where);
  const high = bound(options.maxval ?? 1, dtype, sizes, where);
  return uniformBetween(singleKey(k, where), sizes, dtype, low, high);
}

/** Standard normal floats: `√2 · erfInv(u)` of a uniform `u` in (-1, 1), as JAX draws them. */
export function normal(k: NDArray, shape: Shape = [], options: FloatOptions = {}): NDArray {
  const where = "random.normal";
  const dtype = floatDType(options, where);
  const low = literal(aboveMinusOne[dtype], dtype);
  const u = uniformBetween(
    singleKey(k, where),
    checkShape(shape, where),
    dtype,
    low,
    literal(1, dtype),
  );
  return arith.mul(literal(Math.SQRT2, dtype), el.erfInv(u));
}

/** Options of {@linkcode truncatedNormal}. */
export interface TruncatedOptions extends FloatOptions {
  /** The shape; that of the bounds unless given. */
  readonly shape?: Shape;
}

/** Standard normal floats kept to `(lower, upper)`. */
export function truncatedNormal(
  k: NDArray,
  lower: ArrayLike,
  upper: ArrayLike,
  shapeOrOptions: Shape | TruncatedOptions = {},
  options: FloatOptions = {},
): NDArray {
  const where = "random.truncatedNormal";
  const given = Array.isArray(shapeOrOptions)
    ? { ...options, shape: shapeOrOptions as Shape }
    : shapeOrOptions as TruncatedOptions;
  const dtype = floatDType(given, where);
  const [lo, hi] = [lower, upper].map((x) => toDType(x, dtype, false, where));
  const shape = given.shape === undefined
    ? broadcastShapes([lo.shape, hi.shape], where)
    : checkShape(given.shape, where);
  const root2 = literal(Math.SQRT2, dtype);
  const place = (x: NDArray) => x.ndim === 0 ? x : broadcastArray(x, shape);
  const a = el.erf(arith.div(place(lo), root2));
  const b = el.erf(arith.div(place(hi), root2));
  const u = uniformBetween(singleKey(k, where), shape, dtype, a, b);
  const out = arith.mul(root2, el.erfInv(u));
  // Rounding must not leave the open interval.
  const inside = (x: NDArray, towards: number) =>
    el.nextafter(stopGradient(x), fullLike(literal(towards, dtype), x.shape));
  return arith.min(arith.max(out, place(inside(lo, Infinity))), place(inside(hi, -Infinity)));
}

/** Exponential floats of rate 1. */
export function exponential(k: NDArray, shape: Shape = [], options: FloatOptions = {}): NDArray {
  const u = uniform(k, shape, { dtype: floatDType(options, "random.exponential") });
  return arith.neg(el.log1p(arith.neg(u)));
}

/** Gumbel floats: `-log(-log(u))`. */
export function gumbel(k: NDArray, shape: Shape = [], options: FloatOptions = {}): NDArray {
  const where = "random.gumbel";
  const dtype = floatDType(options, where);
  const low = literal(tiny[dtype], dtype);
  const u = uniformBetween(
    singleKey(k, where),
    checkShape(shape, where),
    dtype,
    low,
    literal(1, dtype),
  );
  return arith.neg(el.log(arith.neg(el.log(u))));
}

/** Laplace floats. */
export function laplace(k: NDArray, shape: Shape = [], options: FloatOptions = {}): NDArray {
  const where = "random.laplace";
  const dtype = floatDType(options, where);
  const low = literal(aboveMinusOne[dtype], dtype);
  const u = uniformBetween(
    singleKey(k, where),
    checkShape(shape, where),
    dtype,
    low,
    literal(1, dtype),
  );
  return arith.mul(arith.sign(u), el.log1p(arith.neg(arith.abs(u))));
}

/** Cauchy floats: `tan(π(u - 1/2))` of a uniform `u`. */
export function cauchy(k: NDArray, shape: Shape = [], options: FloatOptions = {}): NDArray {
  const where = "random.cauchy";
  const dtype = floatDType(options, where);
  const eps = literal(dtype === "float32" ? 2 ** -23 : 2 ** -52, dtype);
  const u = uniformBetween(
    singleKey(k, where),
    checkShape(shape, where),
    dtype,
    eps,
    literal(1, dtype),
  );
  return el.tan(arith.mul(literal(Math.PI, dtype), arith.sub(u, literal(0.5, dtype))));
}

/** Logistic floats. */
export function logistic(k: NDArray, shape: Shape = [], options: FloatOptions = {}): NDArray {
  const where = "random.logistic";
  const dtype = floatDType(options, where);
  const eps = literal(dtype === "float32" ? 2 ** -23 : 2 ** -52, dtype);
  const u = uniformBetween(
    singleKey(k, where),
    checkShape(shape, where),
    dtype,
    eps,
    literal(1, dtype),
  );
  return el.log(arith.div(u, arith.sub(literal(1, dtype), u)));
}
