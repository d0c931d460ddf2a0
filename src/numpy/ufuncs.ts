/**
 * Elementwise functions: promote, broadcast, apply one primitive or a few.
 *
 * @module
 */
import { DTypeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { isFloating, isInexact, isSigned } from "../core/dtype.ts";
import * as arith from "../ops/arith.ts";
import { lit } from "../ops/common.ts";
import { bitcastConvertType, convertElementType } from "../ops/convert.ts";
import * as el from "../ops/elementary.ts";
import * as logic from "../ops/logic.ts";
import { fullLike } from "../ops/shape.ts";
import { asArray, broadcastOperands, promote, promoteInexact, toInexact } from "./promote.ts";
import { bitsOf } from "./dtype_queries.ts";

/** Promotes and broadcasts two operands. */
function pair(x: ArrayLike, y: ArrayLike, where: string): [NDArray, NDArray] {
  return broadcastOperands(promote([x, y], where), where) as [NDArray, NDArray];
}

/** As {@linkcode pair}, to a floating dtype. */
function floatPair(x: ArrayLike, y: ArrayLike, where: string): [NDArray, NDArray] {
  return broadcastOperands(promoteInexact([x, y], where), where) as [NDArray, NDArray];
}

/** As {@linkcode pair}, bools as integers: for what JAX has no bool arithmetic. */
function numberPair(x: ArrayLike, y: ArrayLike, where: string): [NDArray, NDArray] {
  const both = pair(x, y, where);
  if (both[0].dtype !== "bool") return both;
  return both.map((v) => convertElementType(v, "int32")) as [NDArray, NDArray];
}

/** A divisor of the integer remainder: `x % 0` is 0, as in NumPy. */
function nonzeroDivisor(b: NDArray): NDArray {
  if (isFloating(b.dtype)) return b;
  return logic.select(logic.eq(b, lit(b, 0)), fullLike(lit(b, 1), b.shape), b);
}

/** Comparison with zero: what truth means. */
function truth(x: ArrayLike, where: string): NDArray {
  const array = asArray(x, where);
  return array.dtype === "bool" ? array : logic.ne(array, lit(array, 0));
}

/** `x + y`, elementwise, with promotion and broadcasting; logical or for bools. */
export function add(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = pair(x, y, "numpy.add");
  if (a.dtype === "bool") return logic.or(a, b);
  return arith.add(a, b);
}

/** `x - y`, elementwise. */
export function subtract(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = pair(x, y, "numpy.subtract");
  if (a.dtype === "bool") {
    throw new DTypeError(
      'numpy.subtract: does not accept bools; use numpy.logicalXor, or x.astype("int32")',
    );
  }
  return arith.sub(a, b);
}

/** `x - y`: {@linkcode subtract}. */
export const sub = subtract;

/** `x * y`, elementwise; logical and for bools. */
export function multiply(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = pair(x, y, "numpy.multiply");
  if (a.dtype === "bool") return logic.and(a, b);
  return arith.mul(a, b);
}

/** `x * y`: {@linkcode multiply}. */
export const mul = multiply;

/** `x / y`, elementwise and floating, also for integers. */
export function divide(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = floatPair(x, y, "numpy.divide");
  return arith.div(a, b);
}

/** `x / y`: {@linkcode divide}. */
export const div = divide;
/** `x / y`: {@linkcode divide}. */
export const trueDivide = divide;

/** The largest whole number not above `x / y`; integers stay integers. */
export function floorDivide(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = numberPair(x, y, "numpy.floorDivide");
  if (isFloating(a.dtype)) {
    // As Python's divmod: exact, where floor(x / y) would round the quotient first.
    const modulus = arith.rem(a, b);
    let quotient = arith.div(arith.sub(a, modulus), b);
    const zero = lit(a, 0);
    const wrong = logic.and(logic.ne(modulus, zero), logic.ne(arith.sign(modulus), arith.sign(b)));
    const shape = quotient.shape;
    quotient = logic.select(fullLike(wrong, shape), arith.sub(quotient, 1), quotient);
    // The remainder by zero is NaN, but the quotient is infinite.
    const byZero = fullLike(logic.eq(b, zero), shape);
    return logic.select(byZero, arith.div(a, b), arith.round(quotient, 1));
  }
  const quotient = arith.div(a, b);
  if (!isSigned(a.dtype)) return quotient;
  const inexact = logic.and(
    logic.ne(arith.sign(fullLike(a, quotient.shape)), arith.sign(fullLike(b, quotient.shape))),
    logic.ne(arith.rem(a, b), lit(a, 0)),
  );
  return logic.select(inexact, arith.sub(quotient, 1), quotient);
}

/** The remainder of `x / y`, with the sign of `y`, as Python's `%`. */
export function remainder(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, divisor] = numberPair(x, y, "numpy.remainder");
  const b = nonzeroDivisor(divisor);
  const truncated = arith.rem(a, b);
  const shape = truncated.shape;
  const zero = lit(a, 0);
  const differs = logic.ne(logic.lt(truncated, zero), fullLike(logic.lt(b, zero), shape));
  const fix = logic.and(differs, logic.ne(truncated, zero));
  return logic.select(fix, arith.add(truncated, b), truncated);
}

/** The remainder with the sign of `y`: {@linkcode remainder}. */
export const mod = remainder;

/** The remainder of `x / y`, with the sign of `x`, as C's `fmod`. */
export function fmod(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = numberPair(x, y, "numpy.fmod");
  return arith.rem(a, nonzeroDivisor(b));
}

/** `[floorDivide(x, y), remainder(x, y)]`. */
export function divmod(x: ArrayLike, y: ArrayLike): [NDArray, NDArray] {
  return [floorDivide(x, y), remainder(x, y)];
}

/**
 * `x ** y`, elementwise. Two integers give an integer (a negative exponent wraps, as in JAX); a host integer
 * exponent is a chain of multiplications.
 */
export function power(x: ArrayLike, y: ArrayLike): NDArray {
  const where = "numpy.power";
  if (typeof y === "number" && Number.isInteger(y) && Math.abs(y) <= 2 ** 31) {
    const base = asArray(x, where);
    const numeric = base.dtype === "bool" ? convertElementType(base, "int32", true) : base;
    if (isInexact(numeric.dtype) || y >= 0) return arith.integerPow(numeric, y);
    throw new DTypeError(
      `${where}: integers have no negative powers in integers; got ${numeric.dtype} to the power of ${y}. ` +
        `Convert first, as in x.astype("float32")`,
    );
  }
  const [a, b] = numberPair(x, y, where);
  if (isInexact(a.dtype)) return el.pow(fullLike(a, b.shape), b);
  return integerPower(a, b);
}

/** `x ** y`: {@linkcode power}. */
export const pow = power;

/** Integer powers of integers by squaring, 6 bits at a time never needed: the exponent has 32 or 64 of them. */
function integerPower(x: NDArray, y: NDArray): NDArray {
  const shape = x.ndim >= y.ndim ? x.shape : y.shape;
  let base = fullLike(x, shape);
  let exponent = fullLike(y, shape);
  let result = fullLike(lit(x, 1), shape);
  const one = lit(y, 1);
  for (let bit = 0; bit < 6; bit++) {
    const odd = logic.eq(logic.and(exponent, fullLike(one, shape)), one);
    result = logic.select(odd, arith.mul(result, base), result);
    base = arith.mul(base, base);
    exponent = logic.shiftRightLogical(exponent, fullLike(one, shape));
  }
  return result;
}

/** The larger of `x` and `y`, elementwise; NaN if either is. */
export function maximum(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = pair(x, y, "numpy.maximum");
  return arith.max(a, b);
}

/** The smaller of `x` and `y`, elementwise; NaN if either is. */
export function minimum(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = pair(x, y, "numpy.minimum");
  return arith.min(a, b);
}

/** `x` where it is better than `y`, or `y` is NaN; else `y`. */
function preferred(
  x: ArrayLike,
  y: ArrayLike,
  better: (x: NDArray, y: NDArray) => NDArray,
  where: string,
): NDArray {
  const [a, b] = pair(x, y, where);
  const shape = a.ndim >= b.ndim ? a.shape : b.shape;
  const [wholeA, wholeB] = [fullLike(a, shape), fullLike(b, shape)];
  return logic.select(logic.or(better(wholeA, wholeB), logic.ne(wholeB, wholeB)), wholeA, wholeB);
}

/** The larger of `x` and `y`, elementwise; of a number and NaN, the number. Of two equal ones `y` has the gradient, as in JAX. */
export function fmax(x: ArrayLike, y: ArrayLike): NDArray {
  return preferred(x, y, logic.gt, "numpy.fmax");
}

/** The smaller of `x` and `y`, elementwise; of a number and NaN, the number. Of two equal ones `y` has the gradient, as in JAX. */
export function fmin(x: ArrayLike, y: ArrayLike): NDArray {
  return preferred(x, y, logic.lt, "numpy.fmin");
}

/** The angle of the point `(y, x)`, in (-π, π]. */
export function arctan2(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = floatPair(x, y, "numpy.arctan2");
  const shape = a.ndim >= b.ndim ? a.shape : b.shape;
  return el.atan2(fullLike(a, shape), fullLike(b, shape));
}

/** `√(x² + y²)`, without overflow of the squares. */
export function hypot(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = floatPair(x, y, "numpy.hypot").map((v) => arith.abs(v));
  const large = arith.max(a, b);
  const small = arith.min(a, b);
  const safe = logic.select(
    logic.eq(large, lit(large, 0)),
    fullLike(lit(large, 1), large.shape),
    large,
  );
  const ratio = arith.div(small, safe);
  const finite = arith.mul(large, el.sqrt(arith.add(arith.mul(ratio, ratio), 1)));
  // One infinite side makes the other, NaN included, irrelevant.
  const infinity = fullLike(lit(a, Infinity), finite.shape);
  const infinite = logic.or(
    logic.eq(fullLike(a, finite.shape), infinity),
    logic.eq(fullLike(b, finite.shape), infinity),
  );
  return logic.select(infinite, infinity, finite);
}

/** The next representable value after `x` towards `y`. */
export function nextafter(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = floatPair(x, y, "numpy.nextafter");
  const shape = a.ndim >= b.ndim ? a.shape : b.shape;
  return el.nextafter(fullLike(a, shape), fullLike(b, shape));
}

/** The angle of the point `(y, x)`: {@linkcode arctan2}. */
export const atan2 = arctan2;

/** `x = y`, elementwise, as bool. */
export function equal(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = pair(x, y, "numpy.equal");
  return logic.eq(a, b);
}

/** `x ≠ y`, elementwise, as bool. */
export function notEqual(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = pair(x, y, "numpy.notEqual");
  return logic.ne(a, b);
}

/** `x < y`, elementwise, as bool. */
export function less(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = pair(x, y, "numpy.less");
  return logic.lt(a, b);
}

/** `x ≤ y`, elementwise, as bool. */
export function lessEqual(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = pair(x, y, "numpy.lessEqual");
  return logic.le(a, b);
}

/** `x > y`, elementwise, as bool. */
export function greater(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = pair(x, y, "numpy.greater");
  return logic.gt(a, b);
}

/** `x ≥ y`, elementwise, as bool. */
export function greaterEqual(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = pair(x, y, "numpy.greaterEqual");
  return logic.ge(a, b);
}

/** Logical `and` of the truth of `x` and `y`. */
export function logicalAnd(x: ArrayLike, y: ArrayLike): NDArray {
  const where = "numpy.logicalAnd";
  const [a, b] = broadcastOperands([truth(x, where), truth(y, where)], where);
  return logic.and(a, b);
}

/** Logical `or` of the truth of `x` and `y`. */
export function logicalOr(x: ArrayLike, y: ArrayLike): NDArray {
  const where = "numpy.logicalOr";
  const [a, b] = broadcastOperands([truth(x, where), truth(y, where)], where);
  return logic.or(a, b);
}

/** Logical `xor` of the truth of `x` and `y`. */
export function logicalXor(x: ArrayLike, y: ArrayLike): NDArray {
  const where = "numpy.logicalXor";
  const [a, b] = broadcastOperands([truth(x, where), truth(y, where)], where);
  return logic.xor(a, b);
}

/** Whether `x` is zero or false. */
export function logicalNot(x: ArrayLike): NDArray {
  return logic.not(truth(x, "numpy.logicalNot"));
}

/** Bitwise `and` of integers; logical for bools. */
export function bitwiseAnd(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = pair(x, y, "numpy.bitwiseAnd");
  return logic.and(a, b);
}

/** Bitwise `or` of integers; logical for bools. */
export function bitwiseOr(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = pair(x, y, "numpy.bitwiseOr");
  return logic.or(a, b);
}

/** Bitwise `xor` of integers; logical for bools. */
export function bitwiseXor(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = pair(x, y, "numpy.bitwiseXor");
  return logic.xor(a, b);
}

/** The bitwise complement; logical for bools. */
export function bitwiseNot(x: ArrayLike): NDArray {
  return logic.not(asArray(x, "numpy.bitwiseNot"));
}

/** The bitwise complement: {@linkcode bitwiseNot}. */
export const invert = bitwiseNot;

/** `x << y` for integers; bools count as int32. */
export function leftShift(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = numberPair(x, y, "numpy.leftShift");
  return logic.shiftLeft(a, b);
}

/** `x >> y` for integers: keeps the sign of signed ones; bools count as int32. */
export function rightShift(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = numberPair(x, y, "numpy.rightShift");
  return isSigned(a.dtype) ? logic.shiftRightArithmetic(a, b) : logic.shiftRightLogical(a, b);
}

/** The number of one bits of the absolute value. */
export function bitwiseCount(x: ArrayLike): NDArray {
  const given = asArray(x, "numpy.bitwiseCount");
  const a = given.dtype === "bool" ? convertElementType(given, "uint8") : given;
  const positive = isSigned(a.dtype) ? arith.abs(a) : a;
  return convertElementType(logic.populationCount(positive), "uint8");
}

/** `-x`. */
export function negative(x: ArrayLike): NDArray {
  return arith.neg(asArray(x, "numpy.negative"));
}

/** `-x`: {@linkcode negative}. */
export const neg = negative;

/** `x` itself. */
export function positive(x: ArrayLike): NDArray {
  return asArray(x, "numpy.positive");
}

/** `|x|`. */
export function abs(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.abs");
  return isInexact(a.dtype) || isSigned(a.dtype) ? arith.abs(a) : a;
}

/** `|x|`: {@linkcode abs}. */
export const absolute = abs;

/** `|x|`, floating. */
export function fabs(x: ArrayLike): NDArray {
  return arith.abs(toInexact(x, "numpy.fabs"));
}

/** -1, 0 or 1, by the sign of `x`; NaN for NaN. */
export function sign(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.sign");
  return arith.sign(a);
}

/** `x · x`. */
export function square(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.square");
  return a.dtype === "bool" ? a : arith.square(a);
}

/** The largest whole number not above `x`. */
export function floor(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.floor");
  if (!isFloating(a.dtype)) return a;
  return arith.floor(toInexact(a, "numpy.floor"));
}

/** The smallest whole number not below `x`. */
export function ceil(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.ceil");
  if (!isFloating(a.dtype)) return a;
  return arith.ceil(toInexact(a, "numpy.ceil"));
}

/** `x` without its fraction. */
export function trunc(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.trunc");
  if (!isFloating(a.dtype)) return a;
  const b = toInexact(a, "numpy.trunc");
  return logic.select(logic.lt(b, lit(b, 0)), arith.ceil(b), arith.floor(b));
}

/** `x` without its fraction: {@linkcode trunc}. */
export const fix = trunc;

/** The nearest whole number, halves to even. */
export function rint(x: ArrayLike): NDArray {
  return arith.round(toInexact(x, "numpy.rint"), 1);
}

/** Options of {@linkcode round}. */
export interface RoundOptions {
  /** How many decimals to keep; 0 unless given, negative to round to tens, hundreds, … */
  readonly decimals?: number;
}

/** Rounds to some decimals, halves to even. Integers are rounded only if `decimals` is negative. */
export function round(x: ArrayLike, options: RoundOptions | number = {}): NDArray {
  const decimals = typeof options === "number" ? options : options.decimals ?? 0;
  const a = asArray(x, "numpy.round");
  if (!isFloating(a.dtype)) {
    if (decimals >= 0) return a;
    const scaled = round(toInexact(a, "numpy.round"), { decimals });
    return convertElementType(scaled, a.dtype);
  }
  if (decimals === 0) return arith.round(a, 1);
  const factor = 10 ** decimals;
  return arith.div(arith.round(arith.mul(a, lit(a, factor)), 1), lit(a, factor));
}

/** Whether `x` is neither infinite nor NaN. */
export function isfinite(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.isfinite");
  return isInexact(a.dtype) ? logic.isFinite(a) : logic.eq(a, a);
}

/** Whether `x` is NaN. */
export function isnan(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.isnan");
  return logic.ne(a, a);
}

/** Whether `x` is infinite. */
export function isinf(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.isinf");
  if (!isInexact(a.dtype)) return logic.ne(a, a);
  const size = arith.abs(a);
  return logic.eq(size, lit(size, Infinity));
}

/** Whether `x` is +∞. */
export function isposinf(x: ArrayLike): NDArray {
  const a = toInexact(x, "numpy.isposinf");
  return logic.eq(a, lit(a, Infinity));
}

/** Whether `x` is -∞. */
export function isneginf(x: ArrayLike): NDArray {
  const a = toInexact(x, "numpy.isneginf");
  return logic.eq(a, lit(a, -Infinity));
}

/** Whether the sign bit is set: true for -0 and negative NaN too. */
export function signbit(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.signbit");
  if (!isFloating(a.dtype)) return logic.lt(a, lit(a, 0));
  const bits = bitcastConvertType(a, bitsOf(a.dtype));
  return logic.lt(bits, lit(bits, 0));
}

/** `|x|` with the sign of `y`. */
export function copysign(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = floatPair(x, y, "numpy.copysign");
  const shape = a.ndim >= b.ndim ? a.shape : b.shape;
  const magnitude = fullLike(arith.abs(a), shape);
  return logic.select(fullLike(signbit(b), shape), arith.neg(magnitude), magnitude);
}

/** 0 for negative `x`, 1 for positive, `y` at zero. */
export function heaviside(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = floatPair(x, y, "numpy.heaviside");
  const shape = a.ndim >= b.ndim ? a.shape : b.shape;
  const xs = fullLike(a, shape);
  const zero = lit(a, 0);
  const step = logic.select(logic.lt(xs, zero), fullLike(zero, shape), fullLike(lit(a, 1), shape));
  const atZero = logic.select(logic.eq(xs, zero), fullLike(b, shape), step);
  return logic.select(logic.ne(xs, xs), xs, atZero);
}
