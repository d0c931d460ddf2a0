/**
 * Continuous distributions.
 *
 * @module
 */
import type { ArrayLike, NDArray } from "../core/array.ts";
import type { Shape } from "../core/aval.ts";
import { checkDType, type DType, isComplex, partOf } from "../core/dtype.ts";
import { getEvaluator } from "../core/trace.ts";
import * as arith from "../ops/arith.ts";
import { lit, literal } from "../ops/common.ts";
import { bitcastConvertType, convertElementType, stopGradient } from "../ops/convert.ts";
import * as el from "../ops/elementary.ts";
import * as logic from "../ops/logic.ts";
import { randomBits } from "../ops/random_bits.ts";
import { drawFloats, randomNormalP, randomUniformP } from "../ops/random_floats.ts";
import { fullLike } from "../ops/shape.ts";
import { checkShape } from "../numpy/creation.ts";
import { finfo } from "../numpy/dtype_queries.ts";
import { broadcastArray, broadcastShapes, toDType } from "../numpy/promote.ts";
import { complex } from "../ops/parts.ts";
import { singleKey, split } from "./keys.ts";
import { floatDType, type FloatOptions, readShaped } from "./parameters.ts";

/** The number after -1. */
function aboveMinusOne(dtype: DType): number {
  return -1 + finfo(dtype).epsneg;
}

/** Uniform floats, for bounds that are arrays of the dtype. */
export function uniformBetween(
  k: NDArray,
  shape: Shape,
  dtype: DType,
  low: NDArray,
  high: NDArray,
): NDArray {
  return drawFloats(randomUniformP, k, shape, dtype, low, high) ??
    uniformBySteps(k, shape, dtype, low, high);
}

function uniformBySteps(
  k: NDArray,
  shape: Shape,
  dtype: DType,
  low: NDArray,
  high: NDArray,
): NDArray {
  // Random mantissa bits under the exponent of 1 give [1, 2).
  return getEvaluator().freeTemporaries(() => {
    const { bits, nmant } = finfo(dtype);
    const integer = `uint${bits}` as "uint16" | "uint32" | "uint64";
    const drawnBits = nmant < 8 ? 8 : bits as 16 | 32 | 64; // of a byte a bfloat16 needs no more
    const drawn = randomBits(k, drawnBits, shape);
    const wide = convertElementType(drawn, integer);
    const mantissa = logic.shiftRightLogical(wide, lit(wide, drawnBits - nmant));
    const one = 2n ** BigInt(bits - 2) - 2n ** BigInt(nmant); // the exponent of 1
    const exponent = literal(bits === 64 ? one : Number(one), integer);
    const floats = arith.sub(
      bitcastConvertType(logic.or(mantissa, exponent), dtype),
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

/** Standard normal floats: `√2 · erfInv(u)` of a uniform `u` in (-1, 1), as JAX draws them; complex ones have variance 1, too. */
export function normal(k: NDArray, shape: Shape = [], options: FloatOptions = {}): NDArray {
  const where = "random.normal";
  const wanted = checkDType(options.dtype ?? "float32", `${where}: options.dtype`);
  if (isComplex(wanted)) {
    const keys = split(singleKey(k, where));
    const [re, im] = [0, 1].map((i) => normal(keys.get(i), shape, { dtype: partOf(wanted) }));
    return arith.div(complex(re, im), Math.SQRT2);
  }
  const dtype = floatDType(options, where);
  const [low, high] = [literal(aboveMinusOne(dtype), dtype), literal(1, dtype)];
  const [single, sizes] = [singleKey(k, where), checkShape(shape, where)];
  const drawn = drawFloats(randomNormalP, single, sizes, dtype, low, high);
  if (drawn !== null) return drawn;
  const u = uniformBySteps(single, sizes, dtype, low, high);
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
  const given = readShaped<TruncatedOptions>(shapeOrOptions, options, where);
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
  const low = literal(finfo(dtype).tiny, dtype);
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
  const low = literal(aboveMinusOne(dtype), dtype);
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
  const eps = literal(finfo(dtype).eps, dtype);
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
  const eps = literal(finfo(dtype).eps, dtype);
  const u = uniformBetween(
    singleKey(k, where),
    checkShape(shape, where),
    dtype,
    eps,
    literal(1, dtype),
  );
  return el.log(arith.div(u, arith.sub(literal(1, dtype), u)));
}
