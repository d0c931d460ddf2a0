/**
 * Elementwise functions of `jax.lax`: thin, without promotion or broadcasting (but 0-d operands go with any shape, and
 * host numbers take the dtype of the other operand).
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import { type ArrayLike, NDArray } from "../core/array.ts";
import { checkDType, type DType } from "../core/dtype.ts";
import { asArray, isHostScalar, toDType } from "../numpy/promote.ts";
import * as arith from "../ops/arith.ts";
import * as convert from "../ops/convert.ts";
import * as el from "../ops/elementary.ts";
import * as logic from "../ops/logic.ts";
import { fullLike as stretch } from "../ops/shape.ts";

/** Operands as arrays: host scalars take the dtype of the first array among them. */
function operands(xs: readonly ArrayLike[], where: string): NDArray[] {
  const model = xs.find((x) => x instanceof NDArray);
  return xs.map((x) =>
    model !== undefined && isHostScalar(x)
      ? toDType(x, (model as NDArray).dtype, false, where)
      : asArray(x, where)
  );
}

/** `|x|`. */
export function abs(x: ArrayLike): NDArray {
  return arith.abs(asArray(x, "lax.abs"));
}

/** `-x`. */
export function neg(x: ArrayLike): NDArray {
  return arith.neg(asArray(x, "lax.neg"));
}

/** -1, 0 or 1 by the sign of `x`. */
export function sign(x: ArrayLike): NDArray {
  return arith.sign(asArray(x, "lax.sign"));
}

/** The largest integer not above `x`. */
export function floor(x: ArrayLike): NDArray {
  return arith.floor(asArray(x, "lax.floor"));
}

/** The smallest integer not below `x`. */
export function ceil(x: ArrayLike): NDArray {
  return arith.ceil(asArray(x, "lax.ceil"));
}

/** `x · x`. */
export function square(x: ArrayLike): NDArray {
  return arith.square(asArray(x, "lax.square"));
}

/** `1 / x`. */
export function reciprocal(x: ArrayLike): NDArray {
  return arith.reciprocal(asArray(x, "lax.reciprocal"));
}

/** The square root. */
export function sqrt(x: ArrayLike): NDArray {
  return el.sqrt(asArray(x, "lax.sqrt"));
}

/** `1 / √x`. */
export function rsqrt(x: ArrayLike): NDArray {
  return el.rsqrt(asArray(x, "lax.rsqrt"));
}

/** The cube root. */
export function cbrt(x: ArrayLike): NDArray {
  return el.cbrt(asArray(x, "lax.cbrt"));
}

/** The exponential. */
export function exp(x: ArrayLike): NDArray {
  return el.exp(asArray(x, "lax.exp"));
}

/** 2 to the power `x`. */
export function exp2(x: ArrayLike): NDArray {
  return el.exp2(asArray(x, "lax.exp2"));
}

/** `exp(x) - 1`, exact near 0. */
export function expm1(x: ArrayLike): NDArray {
  return el.expm1(asArray(x, "lax.expm1"));
}

/** The natural logarithm. */
export function log(x: ArrayLike): NDArray {
  return el.log(asArray(x, "lax.log"));
}

/** `log(1 + x)`, exact near 0. */
export function log1p(x: ArrayLike): NDArray {
  return el.log1p(asArray(x, "lax.log1p"));
}

/** The sine. */
export function sin(x: ArrayLike): NDArray {
  return el.sin(asArray(x, "lax.sin"));
}

/** The cosine. */
export function cos(x: ArrayLike): NDArray {
  return el.cos(asArray(x, "lax.cos"));
}

/** The tangent. */
export function tan(x: ArrayLike): NDArray {
  return el.tan(asArray(x, "lax.tan"));
}

/** The inverse sine. */
export function asin(x: ArrayLike): NDArray {
  return el.asin(asArray(x, "lax.asin"));
}

/** The inverse cosine. */
export function acos(x: ArrayLike): NDArray {
  return el.acos(asArray(x, "lax.acos"));
}

/** The inverse tangent. */
export function atan(x: ArrayLike): NDArray {
  return el.atan(asArray(x, "lax.atan"));
}

/** The hyperbolic sine. */
export function sinh(x: ArrayLike): NDArray {
  return el.sinh(asArray(x, "lax.sinh"));
}

/** The hyperbolic cosine. */
export function cosh(x: ArrayLike): NDArray {
  return el.cosh(asArray(x, "lax.cosh"));
}

/** The hyperbolic tangent. */
export function tanh(x: ArrayLike): NDArray {
  return el.tanh(asArray(x, "lax.tanh"));
}

/** The inverse hyperbolic sine. */
export function asinh(x: ArrayLike): NDArray {
  return el.asinh(asArray(x, "lax.asinh"));
}

/** The inverse hyperbolic cosine. */
export function acosh(x: ArrayLike): NDArray {
  return el.acosh(asArray(x, "lax.acosh"));
}

/** The inverse hyperbolic tangent. */
export function atanh(x: ArrayLike): NDArray {
  return el.atanh(asArray(x, "lax.atanh"));
}

/** `1 / (1 + exp(-x))`. */
export function logistic(x: ArrayLike): NDArray {
  return el.logistic(asArray(x, "lax.logistic"));
}

/** The error function. */
export function erf(x: ArrayLike): NDArray {
  return el.erf(asArray(x, "lax.erf"));
}

/** `1 - erf(x)`. */
export function erfc(x: ArrayLike): NDArray {
  return el.erfc(asArray(x, "lax.erfc"));
}

/** The inverse of the error function. */
export function erfInv(x: ArrayLike): NDArray {
  return el.erfInv(asArray(x, "lax.erfInv"));
}

/** The logarithm of the absolute gamma function. */
export function lgamma(x: ArrayLike): NDArray {
  return el.lgamma(asArray(x, "lax.lgamma"));
}

/** The derivative of `lgamma`. */
export function digamma(x: ArrayLike): NDArray {
  return el.digamma(asArray(x, "lax.digamma"));
}

/** Whether `x` is neither infinite nor NaN. */
export function isFinite(x: ArrayLike): NDArray {
  return logic.isFinite(asArray(x, "lax.isFinite"));
}

/** The complement: logical for bool, bitwise for integers. */
export function bitwiseNot(x: ArrayLike): NDArray {
  return logic.not(asArray(x, "lax.bitwiseNot"));
}

/** The number of one bits. */
export function populationCount(x: ArrayLike): NDArray {
  return logic.populationCount(asArray(x, "lax.populationCount"));
}

/** The number of leading zero bits. */
export function clz(x: ArrayLike): NDArray {
  return logic.clz(asArray(x, "lax.clz"));
}

/** `x`, as a constant for differentiation. */
export function stopGradient(x: ArrayLike): NDArray {
  return convert.stopGradient(asArray(x, "lax.stopGradient"));
}

/** `x + y`. */
export function add(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.add");
  return arith.add(p, q);
}

/** `x - y`. */
export function sub(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.sub");
  return arith.sub(p, q);
}

/** `x · y`. */
export function mul(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.mul");
  return arith.mul(p, q);
}

/** `x / y`; integers truncate towards zero. */
export function div(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.div");
  return arith.div(p, q);
}

/** The remainder of `x / y`, with the sign of `x`. */
export function rem(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.rem");
  return arith.rem(p, q);
}

/** The larger of `x` and `y`; NaN if either is. */
export function max(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.max");
  return arith.max(p, q);
}

/** The smaller of `x` and `y`; NaN if either is. */
export function min(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.min");
  return arith.min(p, q);
}

/** Bitwise and; logical for bool. */
export function bitwiseAnd(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.bitwiseAnd");
  return logic.and(p, q);
}

/** Bitwise or; logical for bool. */
export function bitwiseOr(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.bitwiseOr");
  return logic.or(p, q);
}

/** Bitwise exclusive or; logical for bool. */
export function bitwiseXor(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.bitwiseXor");
  return logic.xor(p, q);
}

/** `x << y`; 0 where `y` is the width or more. */
export function shiftLeft(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.shiftLeft");
  return logic.shiftLeft(p, q);
}

/** `x >>> y`; 0 where `y` is the width or more. */
export function shiftRightLogical(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.shiftRightLogical");
  return logic.shiftRightLogical(p, q);
}

/** `x >> y`; the sign where `y` is the width or more. */
export function shiftRightArithmetic(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.shiftRightArithmetic");
  return logic.shiftRightArithmetic(p, q);
}

/** `x = y`. */
export function eq(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.eq");
  return logic.eq(p, q);
}

/** `x ≠ y`. */
export function ne(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.ne");
  return logic.ne(p, q);
}

/** `x < y`. */
export function lt(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.lt");
  return logic.lt(p, q);
}

/** `x ≤ y`. */
export function le(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.le");
  return logic.le(p, q);
}

/** `x > y`. */
export function gt(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.gt");
  return logic.gt(p, q);
}

/** `x ≥ y`. */
export function ge(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.ge");
  return logic.ge(p, q);
}

/** The angle of the point `(y, x)`. */
export function atan2(y: ArrayLike, x: ArrayLike): NDArray {
  const [p, q] = operands([y, x], "lax.atan2");
  return el.atan2(p, q);
}

/** The next representable value after `x` towards `y`. */
export function nextafter(x: ArrayLike, y: ArrayLike): NDArray {
  const [p, q] = operands([x, y], "lax.nextafter");
  return el.nextafter(p, q);
}

/** `x` to the power `y`: floats, or a float to an integer power. */
export function pow(x: ArrayLike, y: ArrayLike): NDArray {
  const base = asArray(x, "lax.pow");
  const exponent = isHostScalar(y)
    ? toDType(y, base.dtype, false, "lax.pow")
    : asArray(y, "lax.pow");
  return el.pow(base, convert.convertElementType(exponent, base.dtype));
}

/** `x ** y` for a host integer `y`. */
export function integerPow(x: ArrayLike, y: number): NDArray {
  if (!Number.isInteger(y)) {
    throw new ArgumentError(`lax.integerPow: y must be an integer; got ${y}`);
  }
  return arith.integerPow(asArray(x, "lax.integerPow"), y);
}

/** The nearest integer: halves away from zero (0, the default) or to even (1). */
export function round(x: ArrayLike, roundingMethod: 0 | 1 = 0): NDArray {
  return arith.round(asArray(x, "lax.round"), roundingMethod);
}

/** `x` kept within `min` and `max`. */
export function clamp(min: ArrayLike, x: ArrayLike, max: ArrayLike): NDArray {
  const array = asArray(x, "lax.clamp");
  const bound = (b: ArrayLike) =>
    isHostScalar(b) ? toDType(b, array.dtype, false, "lax.clamp") : asArray(b, "lax.clamp");
  return arith.clamp(bound(min), array, bound(max));
}

/** `onTrue` where `pred` holds, else `onFalse`; equal shapes, or a 0-d `pred`. */
export function select(pred: ArrayLike, onTrue: ArrayLike, onFalse: ArrayLike): NDArray {
  const [x, y] = operands([onTrue, onFalse], "lax.select");
  const shape = x.ndim >= y.ndim ? x.shape : y.shape;
  return logic.select(asArray(pred, "lax.select"), stretch(x, shape), stretch(y, shape));
}

/** For each element, the case that `which` (bool or int32) names. */
export function selectN(which: ArrayLike, ...cases: ArrayLike[]): NDArray {
  if (cases.length === 0) throw new ArgumentError("lax.selectN: needs at least one case");
  return logic.selectN(asArray(which, "lax.selectN"), operands(cases, "lax.selectN"));
}

/** `x` in another dtype. */
export function convertElementType(x: ArrayLike, dtype: DType): NDArray {
  return convert.convertElementType(
    asArray(x, "lax.convertElementType"),
    checkDType(dtype, "lax.convertElementType"),
  );
}

/** The bits of `x` as another dtype; between widths a last axis of the ratio appears or goes. */
export function bitcastConvertType(x: ArrayLike, dtype: DType): NDArray {
  return convert.bitcastConvertType(
    asArray(x, "lax.bitcastConvertType"),
    checkDType(dtype, "lax.bitcastConvertType"),
  );
}
