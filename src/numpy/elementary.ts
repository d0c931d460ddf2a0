/**
 * The elementary functions, elementwise: integers become floating, all else is the primitive's.
 *
 * @module
 */
import type { ArrayLike, NDArray } from "../core/array.ts";
import * as arith from "../ops/arith.ts";
import { lit } from "../ops/common.ts";
import * as el from "../ops/elementary.ts";
import { toInexact } from "./promote.ts";

/** The exponential. Integers become floating. */
export function exp(x: ArrayLike): NDArray {
  return el.exp(toInexact(x, "numpy.exp"));
}

/** 2 to the power `x`. Integers become floating. */
export function exp2(x: ArrayLike): NDArray {
  return el.exp2(toInexact(x, "numpy.exp2"));
}

/** `exp(x) - 1`, exact near 0. Integers become floating. */
export function expm1(x: ArrayLike): NDArray {
  return el.expm1(toInexact(x, "numpy.expm1"));
}

/** The natural logarithm. Integers become floating. */
export function log(x: ArrayLike): NDArray {
  return el.log(toInexact(x, "numpy.log"));
}

/** `log(1 + x)`, exact near 0. Integers become floating. */
export function log1p(x: ArrayLike): NDArray {
  return el.log1p(toInexact(x, "numpy.log1p"));
}

/** The square root. Integers become floating. */
export function sqrt(x: ArrayLike): NDArray {
  return el.sqrt(toInexact(x, "numpy.sqrt"));
}

/** The cube root. Integers become floating. */
export function cbrt(x: ArrayLike): NDArray {
  return el.cbrt(toInexact(x, "numpy.cbrt"));
}

/** The sine, of radians. Integers become floating. */
export function sin(x: ArrayLike): NDArray {
  return el.sin(toInexact(x, "numpy.sin"));
}

/** The cosine, of radians. Integers become floating. */
export function cos(x: ArrayLike): NDArray {
  return el.cos(toInexact(x, "numpy.cos"));
}

/** The tangent, of radians. Integers become floating. */
export function tan(x: ArrayLike): NDArray {
  return el.tan(toInexact(x, "numpy.tan"));
}

/** The inverse sine, in radians. Integers become floating. */
export function arcsin(x: ArrayLike): NDArray {
  return el.asin(toInexact(x, "numpy.arcsin"));
}

/** The inverse cosine, in radians. Integers become floating. */
export function arccos(x: ArrayLike): NDArray {
  return el.acos(toInexact(x, "numpy.arccos"));
}

/** The inverse tangent, in radians. Integers become floating. */
export function arctan(x: ArrayLike): NDArray {
  return el.atan(toInexact(x, "numpy.arctan"));
}

/** The hyperbolic sine. Integers become floating. */
export function sinh(x: ArrayLike): NDArray {
  return el.sinh(toInexact(x, "numpy.sinh"));
}

/** The hyperbolic cosine. Integers become floating. */
export function cosh(x: ArrayLike): NDArray {
  return el.cosh(toInexact(x, "numpy.cosh"));
}

/** The hyperbolic tangent. Integers become floating. */
export function tanh(x: ArrayLike): NDArray {
  return el.tanh(toInexact(x, "numpy.tanh"));
}

/** The inverse hyperbolic sine. Integers become floating. */
export function arcsinh(x: ArrayLike): NDArray {
  return el.asinh(toInexact(x, "numpy.arcsinh"));
}

/** The inverse hyperbolic cosine. Integers become floating. */
export function arccosh(x: ArrayLike): NDArray {
  return el.acosh(toInexact(x, "numpy.arccosh"));
}

/** The inverse hyperbolic tangent. Integers become floating. */
export function arctanh(x: ArrayLike): NDArray {
  return el.atanh(toInexact(x, "numpy.arctanh"));
}

/** {@linkcode arcsin}. */
export const asin = arcsin;

/** {@linkcode arccos}. */
export const acos = arccos;

/** {@linkcode arctan}. */
export const atan = arctan;

/** {@linkcode arcsinh}. */
export const asinh = arcsinh;

/** {@linkcode arccosh}. */
export const acosh = arccosh;

/** {@linkcode arctanh}. */
export const atanh = arctanh;

/** The logarithm to base 2. */
export function log2(x: ArrayLike): NDArray {
  const a = toInexact(x, "numpy.log2");
  return arith.div(el.log(a), el.log(lit(a, 2)));
}

/** The logarithm to base 10. */
export function log10(x: ArrayLike): NDArray {
  const a = toInexact(x, "numpy.log10");
  return arith.div(el.log(a), el.log(lit(a, 10)));
}

/** `1 / x`, floating. */
export function reciprocal(x: ArrayLike): NDArray {
  const a = toInexact(x, "numpy.reciprocal");
  return arith.div(lit(a, 1), a);
}

/** Degrees to radians. */
export function deg2rad(x: ArrayLike): NDArray {
  const a = toInexact(x, "numpy.deg2rad");
  return arith.mul(a, lit(a, Math.PI / 180));
}

/** Radians to degrees. */
export function rad2deg(x: ArrayLike): NDArray {
  const a = toInexact(x, "numpy.rad2deg");
  return arith.mul(a, lit(a, 180 / Math.PI));
}

/** {@linkcode deg2rad}. */
export const radians = deg2rad;
/** {@linkcode rad2deg}. */
export const degrees = rad2deg;
