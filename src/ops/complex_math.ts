/**
 * Elementary functions of complex numbers, on their real and imaginary parts.
 *
 * Roots and inverse functions follow W. Kahan, "Branch Cuts for Complex Elementary Functions, or Much Ado About Nothing's Sign Bit",
 * 1987: continuous on either side of a cut, as the sign of a zero part says.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import type { Parts } from "../core/primitive.ts";
import {
  abs,
  add,
  choose,
  div,
  level,
  max,
  min,
  mul,
  neg,
  number,
  parts,
  quotient,
  rootOfParts as sqrt,
  sub,
  times,
  withSign,
} from "./arith.ts";
import { lit } from "./common.ts";
import { and, eq, gt, lt, or, select } from "./logic.ts";
import { fullLike } from "./shape.ts";

type Real = (x: NDArray) => NDArray;

/** The real functions that the complex ones are made of. */
export interface RealFunctions
  extends
    Readonly<Record<"exp" | "expm1" | "log" | "log1p" | "sin" | "cos" | "tan", Real>>,
    Readonly<Record<"sinh" | "cosh" | "tanh" | "asinh", Real>> {
  readonly atan2: (y: NDArray, x: NDArray) => NDArray;
}

/** A function of complex numbers. */
export type ComplexFunction = (z: Parts) => Parts;

/** The complex functions by name; `power` takes two. */
export type ComplexFunctions =
  & Readonly<
    Record<
      | "exp"
      | "expm1"
      | "log"
      | "log1p"
      | "rsqrt"
      | "sin"
      | "cos"
      | "sinh"
      | "cosh"
      | "tanh"
      | "tan"
      | "asin"
      | "acos"
      | "acosh"
      | "asinh"
      | "atanh"
      | "atan"
      | "logistic",
      ComplexFunction
    >
  >
  & { readonly power: (x: Parts, y: Parts) => Parts };

/** Makes the complex functions. The real ones are handed in, because their primitives hold the complex ones as rules. */
export function complexFunctions(el: RealFunctions): ComplexFunctions {
  /** `exp`. */
  function exp({ re, im }: Parts): Parts {
    const size = el.exp(re);
    // On the real axis there is no imaginary part, though the real one be infinite.
    return parts(
      mul(size, el.cos(im)),
      choose(eq(im, lit(im, 0)), im, mul(size, el.sin(im))),
    );
  }

  /** `exp(z) - 1`, exact near 0. */
  function expm1({ re, im }: Parts): Parts {
    const half = el.sin(mul(im, 0.5));
    const first = mul(el.expm1(re), el.cos(im));
    return parts(sub(first, mul(mul(half, half), 2)), mul(el.exp(re), el.sin(im)));
  }

  /** `log`, its imaginary part in (-π, π]. */
  function log({ re, im }: Parts): Parts {
    const [a, b] = level(abs(re), abs(im));
    const [large, small] = [max(a, b), min(a, b)];
    // Near the unit circle the difference to 1 counts, elsewhere the size.
    const near = mul(el.log1p(add(mul(sub(large, 1), add(large, 1)), mul(small, small))), 0.5);
    const ratio = choose(eq(small, lit(small, 0)), small, div(small, large));
    const far = add(el.log(large), mul(el.log1p(mul(ratio, ratio)), 0.5));
    const isNear = and(gt(large, lit(large, 0.5)), lt(large, lit(large, 2)));
    return parts(select(isNear, near, far), el.atan2(...level(im, re)));
  }

  /** `log(1 + z)`, exact near 0. */
  function log1p({ re, im }: Parts): Parts {
    const far = log(parts(add(re, 1), im));
    const near = mul(el.log1p(add(mul(re, add(re, 2)), mul(im, im))), 0.5);
    const isNear = lt(max(abs(re), abs(im)), lit(re, 0.5));
    return parts(select(isNear, near, far.re), far.im);
  }

  /** `1 / √z`. */
  function rsqrt(z: Parts): Parts {
    return quotient(parts(number(z.re, 1), number(z.im, 0)), sqrt(z));
  }

  /** `sin`. */
  function sin({ re, im }: Parts): Parts {
    return parts(mul(el.sin(re), el.cosh(im)), mul(el.cos(re), el.sinh(im)));
  }

  /** `cos`. */
  function cos({ re, im }: Parts): Parts {
    return parts(mul(el.cos(re), el.cosh(im)), neg(mul(el.sin(re), el.sinh(im))));
  }

  /** `sinh`. */
  function sinh({ re, im }: Parts): Parts {
    return parts(mul(el.sinh(re), el.cos(im)), mul(el.cosh(re), el.sin(im)));
  }

  /** `cosh`. */
  function cosh({ re, im }: Parts): Parts {
    return parts(mul(el.cosh(re), el.cos(im)), mul(el.sinh(re), el.sin(im)));
  }

  /** `tanh`. */
  function tanh({ re, im }: Parts): Parts {
    const [t, u] = [el.tanh(re), el.tan(im)];
    const cosine = el.cosh(re);
    const rest = div(number(re, 1), mul(cosine, cosine)); // 1 - t², where t is near 1 too
    const scale = add(mul(mul(t, t), mul(u, u)), 1);
    return parts(div(mul(t, add(mul(u, u), 1)), scale), div(mul(u, rest), scale));
  }

  /** i z. */
  function turned({ re, im }: Parts): Parts {
    return parts(neg(im), re);
  }

  /** -i z. */
  function turnedBack({ re, im }: Parts): Parts {
    return parts(im, neg(re));
  }

  /** `tan`. */
  function tan(z: Parts): Parts {
    return turnedBack(tanh(turned(z)));
  }

  /** √(1 - z) and √(1 + z). */
  function rootsBeside({ re, im }: Parts): [Parts, Parts] {
    return [sqrt(parts(sub(number(re, 1), re), neg(im))), sqrt(parts(add(re, 1), im))];
  }

  /** `asin`. */
  function asin(z: Parts): Parts {
    const [below, above] = rootsBeside(z);
    return parts(
      el.atan2(z.re, sub(mul(below.re, above.re), mul(below.im, above.im))),
      el.asinh(sub(mul(below.re, above.im), mul(below.im, above.re))),
    );
  }

  /** `acos`. */
  function acos(z: Parts): Parts {
    const [below, above] = rootsBeside(z);
    return parts(
      mul(el.atan2(below.re, above.re), 2),
      el.asinh(sub(mul(above.re, below.im), mul(above.im, below.re))),
    );
  }

  /** `acosh`. */
  function acosh({ re, im }: Parts): Parts {
    const below = sqrt(parts(sub(re, 1), im));
    const above = sqrt(parts(add(re, 1), im));
    return parts(
      el.asinh(add(mul(below.re, above.re), mul(below.im, above.im))),
      mul(el.atan2(below.im, above.re), 2),
    );
  }

  /** `asinh`. */
  function asinh(z: Parts): Parts {
    return turnedBack(asin(turned(z)));
  }

  /** `atanh`. */
  function atanh({ re, im }: Parts): Parts {
    const x = abs(re); // on this side nothing cancels
    const beyond = sub(number(x, 1), x);
    const size = add(mul(beyond, beyond), mul(im, im));
    const height = sub(mul(beyond, add(x, 1)), mul(im, im));
    return parts(
      withSign(mul(el.log1p(div(mul(x, 4), size)), 0.25), re),
      mul(el.atan2(mul(im, 2), height), 0.5),
    );
  }

  /** `atan`. */
  function atan(z: Parts): Parts {
    return turnedBack(atanh(turned(z)));
  }

  /** `1 / (1 + exp(-z))`. */
  function logistic({ re, im }: Parts): Parts {
    const e = exp(parts(neg(re), neg(im)));
    return quotient(parts(number(re, 1), number(im, 0)), parts(add(e.re, 1), e.im));
  }

  /** `x ** y`; 0 to a power of positive real part is 0, anything to the power 0 is 1. */
  function power(x: Parts, y: Parts): Parts {
    const value = exp(times(y, log(x)));
    const isZero = and(eq(x.re, lit(x.re, 0)), eq(x.im, lit(x.im, 0)));
    const byZero = and(eq(y.re, lit(y.re, 0)), eq(y.im, lit(y.im, 0)));
    const vanishes = and(isZero, gt(y.re, lit(y.re, 0)));
    const { shape } = value.re;
    const put = (mask: NDArray, part: NDArray, plain: NDArray) =>
      select(fullLike(mask, shape), part, plain);
    const [zero, one] = [number(value.re, 0), number(value.re, 1)];
    return parts(
      put(byZero, one, put(vanishes, zero, value.re)),
      put(or(byZero, vanishes), zero, value.im),
    );
  }

  return {
    exp,
    expm1,
    log,
    log1p,
    rsqrt,
    sin,
    cos,
    sinh,
    cosh,
    tanh,
    tan,
    asin,
    acos,
    acosh,
    asinh,
    atanh,
    atan,
    logistic,
    power,
  };
}
