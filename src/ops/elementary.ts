/**
 * The elementary functions. The comment above each primitive tells the derivative that its `jvp` computes.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import type { Primitive } from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";
import { add, div, integerPow, mul, neg, reciprocal, sub } from "./arith.ts";
import {
  batchElementwise,
  elementwiseAval,
  lit,
  mapLowering,
  type NoParams,
  noParams,
  onParts,
  type Operand,
  operand,
} from "./common.ts";
import { complexFunctions } from "./complex_math.ts";
import { eq, lt, select } from "./logic.ts";
import { polygamma } from "./polygamma.ts";
import { binaryJvp, binaryLowering, unaryBatch, unaryJvp, unaryLowering } from "./rules.ts";
import { axisTools, fullLike } from "./shape.ts";
import { isHalf } from "../core/dtype.ts";
import { binary, bitcast, constant, type Expr, select as selectExpr } from "../loopnest/expr.ts";

export { sqrt, sqrtP } from "./arith.ts";

const complex = complexFunctions({
  ...{ exp, expm1, log, log1p, sin, cos, tan, sinh, cosh, tanh, asinh, atan2 },
});

/** `rsqrt`: the reciprocal of the square root. Its tangent is `-t / (2 x √x)`. */
export const rsqrtP: Primitive<NoParams> = {
  name: "rsqrt",
  abstractEval: (ins) => elementwiseAval("rsqrt", "inexact", ins),
  lower: (reads, ins) => unaryLowering("rsqrt", reads, ins),
  onParts: onParts(complex.rsqrt),
  batch: (xs, dims) => unaryBatch(rsqrtP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    const out = rsqrt(x);
    return unaryJvp(out, t, (t) => mul(t, mul(lit(x, -0.5), div(out, x))));
  },
};

/** The reciprocal of the square root. */
export function rsqrt(x: NDArray): NDArray {
  return bind1(rsqrtP, [x], noParams);
}

/** `cbrt`: the cube root. Its tangent is `t · ∛x / (3 x)`. */
export const cbrtP: Primitive<NoParams> = {
  name: "cbrt",
  abstractEval: (ins) => elementwiseAval("cbrt", "floating", ins),
  lower: (reads, ins) => unaryLowering("cbrt", reads, ins),
  batch: (xs, dims) => unaryBatch(cbrtP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    const out = cbrt(x);
    return unaryJvp(out, t, (t) => mul(t, mul(lit(x, 1 / 3), integerPow(out, -2))));
  },
};

/** The cube root. */
export function cbrt(x: NDArray): NDArray {
  return bind1(cbrtP, [x], noParams);
}

/** `exp`: the exponential. Its tangent is `t · exp(x)`. */
export const expP: Primitive<NoParams> = {
  name: "exp",
  abstractEval: (ins) => elementwiseAval("exp", "inexact", ins),
  lower: (reads, ins) => unaryLowering("exp", reads, ins),
  onParts: onParts(complex.exp),
  batch: (xs, dims) => unaryBatch(expP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    const out = exp(x);
    return unaryJvp(out, t, (t) => mul(t, out));
  },
};

/** The exponential. */
export function exp(x: NDArray): NDArray {
  return bind1(expP, [x], noParams);
}

/** `exp2`: 2 to the power `x`. Its tangent is `t · log(2) · 2^x`. */
export const exp2P: Primitive<NoParams> = {
  name: "exp2",
  abstractEval: (ins) => elementwiseAval("exp2", "inexact", ins),
  lower: (reads, ins) => unaryLowering("exp2", reads, ins),
  onParts: onParts(({ re, im }) => complex.exp({ re: mul(re, Math.LN2), im: mul(im, Math.LN2) })),
  batch: (xs, dims) => unaryBatch(exp2P, xs, dims, noParams),
  jvp: ([x], [t]) => {
    const out = exp2(x);
    return unaryJvp(out, t, (t) => mul(t, mul(lit(x, Math.LN2), out)));
  },
};

/** 2 to the power `x`. */
export function exp2(x: NDArray): NDArray {
  return bind1(exp2P, [x], noParams);
}

/** `expm1`: `exp(x) - 1`, exact near 0. Its tangent is `t · (out + 1)`. */
export const expm1P: Primitive<NoParams> = {
  name: "expm1",
  abstractEval: (ins) => elementwiseAval("expm1", "inexact", ins),
  lower: (reads, ins) => unaryLowering("expm1", reads, ins),
  onParts: onParts(complex.expm1),
  batch: (xs, dims) => unaryBatch(expm1P, xs, dims, noParams),
  jvp: ([x], [t]) => {
    const out = expm1(x);
    return unaryJvp(out, t, (t) => mul(t, add(out, 1)));
  },
};

/** `exp(x) - 1`, exact near 0. */
export function expm1(x: NDArray): NDArray {
  return bind1(expm1P, [x], noParams);
}

/** `log`: the natural logarithm. Its tangent is `t / x`. */
export const logP: Primitive<NoParams> = {
  name: "log",
  abstractEval: (ins) => elementwiseAval("log", "inexact", ins),
  lower: (reads, ins) => unaryLowering("log", reads, ins),
  onParts: onParts(complex.log),
  batch: (xs, dims) => unaryBatch(logP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    return unaryJvp(log(x), t, (t) => div(t, x));
  },
};

/** The natural logarithm. */
export function log(x: NDArray): NDArray {
  return bind1(logP, [x], noParams);
}

/** `log1p`: `log(1 + x)`, exact near 0. Its tangent is `t / (1 + x)`. */
export const log1pP: Primitive<NoParams> = {
  name: "log1p",
  abstractEval: (ins) => elementwiseAval("log1p", "inexact", ins),
  lower: (reads, ins) => unaryLowering("log1p", reads, ins),
  onParts: onParts(complex.log1p),
  batch: (xs, dims) => unaryBatch(log1pP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    return unaryJvp(log1p(x), t, (t) => div(t, add(x, 1)));
  },
};

/** `log(1 + x)`, exact near 0. */
export function log1p(x: NDArray): NDArray {
  return bind1(log1pP, [x], noParams);
}

/** `sin`: the sine. Its tangent is `t · cos(x)`. */
export const sinP: Primitive<NoParams> = {
  name: "sin",
  abstractEval: (ins) => elementwiseAval("sin", "inexact", ins),
  lower: (reads, ins) => unaryLowering("sin", reads, ins),
  onParts: onParts(complex.sin),
  batch: (xs, dims) => unaryBatch(sinP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    return unaryJvp(sin(x), t, (t) => mul(t, cos(x)));
  },
};

/** The sine. */
export function sin(x: NDArray): NDArray {
  return bind1(sinP, [x], noParams);
}

/** `cos`: the cosine. Its tangent is `-t · sin(x)`. */
export const cosP: Primitive<NoParams> = {
  name: "cos",
  abstractEval: (ins) => elementwiseAval("cos", "inexact", ins),
  lower: (reads, ins) => unaryLowering("cos", reads, ins),
  onParts: onParts(complex.cos),
  batch: (xs, dims) => unaryBatch(cosP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    return unaryJvp(cos(x), t, (t) => neg(mul(t, sin(x))));
  },
};

/** The cosine. */
export function cos(x: NDArray): NDArray {
  return bind1(cosP, [x], noParams);
}

/** `tan`: the tangent. Its tangent is `t · (1 + tan²(x))`. */
export const tanP: Primitive<NoParams> = {
  name: "tan",
  abstractEval: (ins) => elementwiseAval("tan", "inexact", ins),
  lower: (reads, ins) => unaryLowering("tan", reads, ins),
  onParts: onParts(complex.tan),
  batch: (xs, dims) => unaryBatch(tanP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    const out = tan(x);
    return unaryJvp(out, t, (t) => mul(t, add(mul(out, out), 1)));
  },
};

/** The tangent. */
export function tan(x: NDArray): NDArray {
  return bind1(tanP, [x], noParams);
}

/** `asin`: the inverse sine. Its tangent is `t / √(1 - x²)`. */
export const asinP: Primitive<NoParams> = {
  name: "asin",
  abstractEval: (ins) => elementwiseAval("asin", "inexact", ins),
  lower: (reads, ins) => unaryLowering("asin", reads, ins),
  onParts: onParts(complex.asin),
  batch: (xs, dims) => unaryBatch(asinP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    return unaryJvp(asin(x), t, (t) => mul(t, rsqrt(sub(lit(x, 1), mul(x, x)))));
  },
};

/** The inverse sine. */
export function asin(x: NDArray): NDArray {
  return bind1(asinP, [x], noParams);
}

/** `acos`: the inverse cosine. Its tangent is `-t / √(1 - x²)`. */
export const acosP: Primitive<NoParams> = {
  name: "acos",
  abstractEval: (ins) => elementwiseAval("acos", "inexact", ins),
  lower: (reads, ins) => unaryLowering("acos", reads, ins),
  onParts: onParts(complex.acos),
  batch: (xs, dims) => unaryBatch(acosP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    return unaryJvp(acos(x), t, (t) => neg(mul(t, rsqrt(sub(lit(x, 1), mul(x, x))))));
  },
};

/** The inverse cosine. */
export function acos(x: NDArray): NDArray {
  return bind1(acosP, [x], noParams);
}

/** `atan`: the inverse tangent. Its tangent is `t / (1 + x²)`. */
export const atanP: Primitive<NoParams> = {
  name: "atan",
  abstractEval: (ins) => elementwiseAval("atan", "inexact", ins),
  lower: (reads, ins) => unaryLowering("atan", reads, ins),
  onParts: onParts(complex.atan),
  batch: (xs, dims) => unaryBatch(atanP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    return unaryJvp(atan(x), t, (t) => div(t, add(mul(x, x), 1)));
  },
};

/** The inverse tangent. */
export function atan(x: NDArray): NDArray {
  return bind1(atanP, [x], noParams);
}

/** `sinh`: the hyperbolic sine. Its tangent is `t · cosh(x)`. */
export const sinhP: Primitive<NoParams> = {
  name: "sinh",
  abstractEval: (ins) => elementwiseAval("sinh", "inexact", ins),
  lower: (reads, ins) => unaryLowering("sinh", reads, ins),
  onParts: onParts(complex.sinh),
  batch: (xs, dims) => unaryBatch(sinhP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    return unaryJvp(sinh(x), t, (t) => mul(t, cosh(x)));
  },
};

/** The hyperbolic sine. */
export function sinh(x: NDArray): NDArray {
  return bind1(sinhP, [x], noParams);
}

/** `cosh`: the hyperbolic cosine. Its tangent is `t · sinh(x)`. */
export const coshP: Primitive<NoParams> = {
  name: "cosh",
  abstractEval: (ins) => elementwiseAval("cosh", "inexact", ins),
  lower: (reads, ins) => unaryLowering("cosh", reads, ins),
  onParts: onParts(complex.cosh),
  batch: (xs, dims) => unaryBatch(coshP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    return unaryJvp(cosh(x), t, (t) => mul(t, sinh(x)));
  },
};

/** The hyperbolic cosine. */
export function cosh(x: NDArray): NDArray {
  return bind1(coshP, [x], noParams);
}

/** `tanh`: the hyperbolic tangent. Its tangent is `t · (1 - tanh²(x))`. */
export const tanhP: Primitive<NoParams> = {
  name: "tanh",
  abstractEval: (ins) => elementwiseAval("tanh", "inexact", ins),
  lower: (reads, ins) => unaryLowering("tanh", reads, ins),
  onParts: onParts(complex.tanh),
  batch: (xs, dims) => unaryBatch(tanhP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    const out = tanh(x);
    return unaryJvp(out, t, (t) => mul(t, sub(lit(x, 1), mul(out, out))));
  },
};

/** The hyperbolic tangent. */
export function tanh(x: NDArray): NDArray {
  return bind1(tanhP, [x], noParams);
}

/** `asinh`: the inverse hyperbolic sine. Its tangent is `t / √(x² + 1)`. */
export const asinhP: Primitive<NoParams> = {
  name: "asinh",
  abstractEval: (ins) => elementwiseAval("asinh", "inexact", ins),
  lower: (reads, ins) => unaryLowering("asinh", reads, ins),
  onParts: onParts(complex.asinh),
  batch: (xs, dims) => unaryBatch(asinhP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    return unaryJvp(asinh(x), t, (t) => mul(t, rsqrt(add(mul(x, x), 1))));
  },
};

/** The inverse hyperbolic sine. */
export function asinh(x: NDArray): NDArray {
  return bind1(asinhP, [x], noParams);
}

/** `acosh`: the inverse hyperbolic cosine. Its tangent is `t / √((x - 1)(x + 1))`. */
export const acoshP: Primitive<NoParams> = {
  name: "acosh",
  abstractEval: (ins) => elementwiseAval("acosh", "inexact", ins),
  lower: (reads, ins) => unaryLowering("acosh", reads, ins),
  onParts: onParts(complex.acosh),
  batch: (xs, dims) => unaryBatch(acoshP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    return unaryJvp(acosh(x), t, (t) => mul(t, mul(rsqrt(sub(x, 1)), rsqrt(add(x, 1)))));
  },
};

/** The inverse hyperbolic cosine. */
export function acosh(x: NDArray): NDArray {
  return bind1(acoshP, [x], noParams);
}

/** `atanh`: the inverse hyperbolic tangent. Its tangent is `t / (1 - x²)`. */
export const atanhP: Primitive<NoParams> = {
  name: "atanh",
  abstractEval: (ins) => elementwiseAval("atanh", "inexact", ins),
  lower: (reads, ins) => unaryLowering("atanh", reads, ins),
  onParts: onParts(complex.atanh),
  batch: (xs, dims) => unaryBatch(atanhP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    return unaryJvp(atanh(x), t, (t) => div(t, mul(add(x, 1), sub(lit(x, 1), x))));
  },
};

/** The inverse hyperbolic tangent. */
export function atanh(x: NDArray): NDArray {
  return bind1(atanhP, [x], noParams);
}

/** `logistic`: the logistic function `1 / (1 + exp(-x))`. Its tangent is `t · out · (1 - out)`. */
export const logisticP: Primitive<NoParams> = {
  name: "logistic",
  abstractEval: (ins) => elementwiseAval("logistic", "inexact", ins),
  lower: (reads, ins) => unaryLowering("logistic", reads, ins),
  onParts: onParts(complex.logistic),
  batch: (xs, dims) => unaryBatch(logisticP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    const out = logistic(x);
    return unaryJvp(out, t, (t) => mul(t, mul(out, sub(lit(x, 1), out))));
  },
};

/** The logistic function `1 / (1 + exp(-x))`. */
export function logistic(x: NDArray): NDArray {
  return bind1(logisticP, [x], noParams);
}

/** `erf`: the error function. Its tangent is `t · 2/√π · exp(-x²)`. */
export const erfP: Primitive<NoParams> = {
  name: "erf",
  abstractEval: (ins) => elementwiseAval("erf", "floating", ins),
  lower: (reads, ins) => unaryLowering("erf", reads, ins),
  batch: (xs, dims) => unaryBatch(erfP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    return unaryJvp(
      erf(x),
      t,
      (t) => mul(lit(x, 2 / Math.sqrt(Math.PI)), mul(t, exp(neg(mul(x, x))))),
    );
  },
};

/** The error function. */
export function erf(x: NDArray): NDArray {
  return bind1(erfP, [x], noParams);
}

/** `erfc`: the complementary error function. Its tangent is `-t · 2/√π · exp(-x²)`. */
export const erfcP: Primitive<NoParams> = {
  name: "erfc",
  abstractEval: (ins) => elementwiseAval("erfc", "floating", ins),
  lower: (reads, ins) => unaryLowering("erfc", reads, ins),
  batch: (xs, dims) => unaryBatch(erfcP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    return unaryJvp(
      erfc(x),
      t,
      (t) => mul(lit(x, -2 / Math.sqrt(Math.PI)), mul(t, exp(neg(mul(x, x))))),
    );
  },
};

/** The complementary error function. */
export function erfc(x: NDArray): NDArray {
  return bind1(erfcP, [x], noParams);
}

/** `erf_inv`: the inverse of the error function. Its tangent is `t · √π/2 · exp(out²)`. */
export const erfInvP: Primitive<NoParams> = {
  name: "erf_inv",
  abstractEval: (ins) => elementwiseAval("erfInv", "floating", ins),
  lower: (reads, ins) => unaryLowering("erfInv", reads, ins),
  batch: (xs, dims) => unaryBatch(erfInvP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    const out = erfInv(x);
    return unaryJvp(out, t, (t) => mul(lit(x, Math.sqrt(Math.PI) / 2), mul(t, exp(mul(out, out)))));
  },
};

/** The inverse of the error function. */
export function erfInv(x: NDArray): NDArray {
  return bind1(erfInvP, [x], noParams);
}

/** `lgamma`: the logarithm of the absolute gamma function. Its tangent is `t · digamma(x)`. */
export const lgammaP: Primitive<NoParams> = {
  name: "lgamma",
  abstractEval: (ins) => elementwiseAval("lgamma", "floating", ins),
  lower: (reads, ins) => unaryLowering("lgamma", reads, ins),
  batch: (xs, dims) => unaryBatch(lgammaP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    return unaryJvp(lgamma(x), t, (t) => mul(t, digamma(x)));
  },
};

/** The logarithm of the absolute gamma function. */
export function lgamma(x: NDArray): NDArray {
  return bind1(lgammaP, [x], noParams);
}

/**
 * The derivative of `digamma`. Below 0.5 it is reflected: ψ'(x) = (π / sin πx)² - ψ'(1 - x); where nothing is to be reflected, the sine is
 * that of a place where it is not 0, so that its derivatives stay finite.
 */
function trigamma(x: NDArray): NDArray {
  const low = lt(x, lit(x, 0.5));
  const upper = polygamma(1, select(low, sub(fullLike(lit(x, 1), x.shape), x), x));
  const inside = select(low, x, fullLike(lit(x, 0.25), x.shape));
  const quotient = div(fullLike(lit(x, Math.PI), x.shape), sin(mul(inside, Math.PI)));
  return select(low, sub(mul(quotient, quotient), upper), upper);
}

/** `digamma`: the derivative of `lgamma`. Its tangent is `t` times the trigamma function. */
export const digammaP: Primitive<NoParams> = {
  name: "digamma",
  abstractEval: (ins) => elementwiseAval("digamma", "floating", ins),
  lower: (reads, ins) => unaryLowering("digamma", reads, ins),
  batch: (xs, dims) => unaryBatch(digammaP, xs, dims, noParams),
  jvp: ([x], [t]) => unaryJvp(digamma(x), t, (t) => mul(t, trigamma(x))),
};

/** The derivative of `lgamma`. */
export function digamma(x: NDArray): NDArray {
  return bind1(digammaP, [x], noParams);
}

/** `pow`: `x` to the power `y`. Its tangent is `y x^(y-1) tx + log(x) x^y ty`, with the limits taken where `x` is 0, where `y` is 0 too a constant 1. */
export const powP: Primitive<NoParams> = {
  name: "pow",
  abstractEval: (ins) => elementwiseAval("pow", "inexact", ins),
  lower: (reads, ins) => binaryLowering("pow", reads, ins),
  onParts: onParts(complex.power),
  batch: (xs, dims) => batchElementwise(axisTools, powP, xs, dims, noParams),
  jvp: ([x, y], ts) => {
    const out = pow(x, y);
    return binaryJvp(
      out,
      ts,
      (t) => {
        const one = fullLike(lit(x, 1), x.shape);
        const base = select(eq(y, lit(y, 0)), select(eq(x, lit(x, 0)), one, x), x);
        return mul(t, mul(y, pow(base, sub(y, 1))));
      },
      (t) => {
        const base = select(eq(x, lit(x, 0)), fullLike(lit(x, 1), x.shape), x);
        return mul(t, mul(log(base), out));
      },
    );
  },
};

/** `x ** y`, floating. */
export function pow(x: NDArray, y: Operand): NDArray {
  return bind1(powP, [x, operand(y, x)], noParams);
}

/** `atan2`: the angle of the point `(y, x)`. Its tangent is `(x ty - y tx) / (x² + y²)`. */
export const atan2P: Primitive<NoParams> = {
  name: "atan2",
  abstractEval: (ins) => elementwiseAval("atan2", "floating", ins),
  lower: (reads, ins) => binaryLowering("atan2", reads, ins),
  batch: (xs, dims) => batchElementwise(axisTools, atan2P, xs, dims, noParams),
  jvp: ([y, x], ts) => {
    const scale = reciprocal(add(mul(x, x), mul(y, y)));
    return binaryJvp(
      atan2(y, x),
      ts,
      (t) => mul(t, mul(x, scale)),
      (t) => mul(t, neg(mul(y, scale))),
    );
  },
};

/** The angle of the point `(y, x)`, in (-π, π]. */
export function atan2(y: NDArray, x: NDArray): NDArray {
  return bind1(atan2P, [y, x], noParams);
}

/** The neighbour of a float of 16 bits: its bits, read as a number, grow with its size. */
function nextHalf(x: Expr, y: Expr): Expr {
  const bits = bitcast(x, "int16");
  const zero = constant(0, x.dtype);
  const one = constant(1, "int16");
  const outwards = binary("eq", binary("gt", y, x), binary("gt", x, zero));
  const beside = selectExpr(outwards, binary("add", bits, one), binary("sub", bits, one));
  const least = selectExpr(binary("gt", y, zero), one, constant(-(2 ** 15) + 1, "int16"));
  const next = selectExpr(binary("eq", x, zero), least, beside);
  const moved = selectExpr(binary("eq", x, y), y, bitcast(next, x.dtype));
  const isNumber = binary("and", binary("eq", x, x), binary("eq", y, y));
  return selectExpr(isNumber, moved, constant(NaN, x.dtype));
}

/** `nextafter`: the next representable value after `x` towards `y`. Not differentiable. */
export const nextafterP: Primitive<NoParams> = {
  name: "nextafter",
  abstractEval: (ins) => elementwiseAval("nextafter", "floating", ins),
  lower: (reads, ins) => {
    if (!isHalf(ins[0].dtype)) return binaryLowering("nextafter", reads, ins);
    return mapLowering(reads, ins, ([x, y]) => nextHalf(x, y));
  },
  batch: (xs, dims) => batchElementwise(axisTools, nextafterP, xs, dims, noParams),
};

/** The next representable value after `x` towards `y`. */
export function nextafter(x: NDArray, y: NDArray): NDArray {
  return bind1(nextafterP, [x, y], noParams);
}
