/**
 * Arithmetic. The comment above each primitive tells the derivative that its `jvp` computes.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { shapedArray } from "../core/aval.ts";
import { isComplex, partOf } from "../core/dtype.ts";
import {
  isUndefinedPrimal,
  type Parts,
  type Primitive,
  type Tangent,
  Zero,
} from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";
import { binary, constant, type Expr, select as selectExpr, unary } from "../loopnest/expr.ts";
import {
  batchElementwise,
  elementwiseAval,
  elementwiseShape,
  lit,
  mapLowering,
  type NoParams,
  noParams,
  onParts,
  type Operand,
  operand,
  sameDType,
} from "./common.ts";
import { axisTools, batchToFront, fullLike } from "./shape.ts";
import {
  addTangents,
  binaryJvp,
  binaryLowering,
  ctOf,
  unaryBatch,
  unaryJvp,
  unaryLowering,
  zeroJvp,
} from "./rules.ts";
import { and, eq, ge, gt, lt, or, select } from "./logic.ts";
import { neg } from "./negate.ts";
import { complex, conj, real } from "./parts.ts";

export { neg, negP } from "./negate.ts";

// ---------------------------------------------------------------- arithmetic

/** `add`: `x + y`. Its tangent is `tx + ty`. */
export const addP: Primitive<NoParams> = {
  name: "add",
  abstractEval: (ins) => elementwiseAval("add", "number", ins),
  lower: (reads, ins) => binaryLowering("add", reads, ins),
  onParts: "each",
  batch: (xs, dims) => batchElementwise(axisTools, addP, xs, dims, noParams),
  jvp: ([x, y], ts) => binaryJvp(add(x, y), ts, (t) => t, (t) => t),
  transpose: ([ct], [x, y]) => [ctOf(x, ct, (c) => c), ctOf(y, ct, (c) => c)],
};

/** ``x + y``; a host number takes the other operand's dtype. */
export function add(x: NDArray, y: Operand): NDArray {
  return bind1(addP, [x, operand(y, x)], noParams);
}

/** `sub`: `x - y`. Its tangent is `tx - ty`. */
export const subP: Primitive<NoParams> = {
  name: "sub",
  abstractEval: (ins) => elementwiseAval("sub", "number", ins),
  lower: (reads, ins) => binaryLowering("sub", reads, ins),
  onParts: "each",
  batch: (xs, dims) => batchElementwise(axisTools, subP, xs, dims, noParams),
  jvp: ([x, y], ts) => binaryJvp(sub(x, y), ts, (t) => t, neg),
  transpose: ([ct], [x, y]) => [ctOf(x, ct, (c) => c), ctOf(y, ct, neg)],
};

/** ``x - y``; a host number takes the other operand's dtype. */
export function sub(x: NDArray, y: Operand): NDArray {
  return bind1(subP, [x, operand(y, x)], noParams);
}

/** `mul`: `x · y`. Its tangent is `tx · y + x · ty`. */
export const mulP: Primitive<NoParams> = {
  name: "mul",
  abstractEval: (ins) => elementwiseAval("mul", "number", ins),
  lower: (reads, ins) => binaryLowering("mul", reads, ins),
  onParts: onParts(times),
  batch: (xs, dims) => batchElementwise(axisTools, mulP, xs, dims, noParams),
  jvp: ([x, y], ts) => binaryJvp(mul(x, y), ts, (t) => mul(t, y), (t) => mul(x, t)),
  transpose: ([ct], [x, y]) => [
    ctOf(x, ct, (c) => mul(c, y as NDArray)),
    ctOf(y, ct, (c) => mul(x as NDArray, c)),
  ],
};

/** ``x · y``; a host number takes the other operand's dtype. */
export function mul(x: NDArray, y: Operand): NDArray {
  return bind1(mulP, [x, operand(y, x)], noParams);
}

/** `div`: `x / y`; integers truncate towards zero. Its tangent is `tx / y - x · ty / y²`. */
export const divP: Primitive<NoParams> = {
  name: "div",
  abstractEval: (ins) => elementwiseAval("div", "number", ins),
  lower: (reads, ins) => binaryLowering("div", reads, ins),
  onParts: onParts(quotient),
  batch: (xs, dims) => batchElementwise(axisTools, divP, xs, dims, noParams),
  jvp: ([x, y], ts) =>
    binaryJvp(div(x, y), ts, (t) => div(t, y), (t) => neg(mul(mul(div(x, y), t), reciprocal(y)))),
  transpose: (
    [ct],
    [x, y],
  ) => [ctOf(x, ct, (c) => div(c, y as NDArray)), isUndefinedPrimal(y) ? new Zero(y.aval) : null],
};

/** ``x / y`; integers truncate towards zero`; a host number takes the other operand's dtype. */
export function div(x: NDArray, y: Operand): NDArray {
  return bind1(divP, [x, operand(y, x)], noParams);
}

/** `rem`: the remainder of `x / y`, with the sign of `x`. Its tangent is `tx - trunc(x / y) · ty`. */
export const remP: Primitive<NoParams> = {
  name: "rem",
  abstractEval: (ins) => elementwiseAval("rem", "number", ins),
  lower: (reads, ins) => binaryLowering("rem", reads, ins),
  batch: (xs, dims) => batchElementwise(axisTools, remP, xs, dims, noParams),
  jvp: ([x, y], ts) =>
    binaryJvp(rem(x, y), ts, (t) => t, (t) => {
      const q = div(x, y);
      return mul(neg(t), mul(sign(q), floor(abs(q))));
    }),
};

/** `the remainder of `x / y`, with the sign of `x``; a host number takes the other operand's dtype. */
export function rem(x: NDArray, y: Operand): NDArray {
  return bind1(remP, [x, operand(y, x)], noParams);
}

/** `max`: the larger of `x` and `y`; NaN if either is. The tangent follows the larger; ties share it equally. */
export const maxP: Primitive<NoParams> = {
  name: "max",
  abstractEval: (ins) => elementwiseAval("max", "any", ins),
  lower: (reads, ins) => binaryLowering("max", reads, ins),
  batch: (xs, dims) => batchElementwise(axisTools, maxP, xs, dims, noParams),
  jvp: ([x, y], ts) => {
    const out = max(x, y);
    return binaryJvp(
      out,
      ts,
      (t) => mul(t, balancedEq(x, out, y)),
      (t) => mul(t, balancedEq(y, out, x)),
    );
  },
};

/** `the larger of `x` and `y`; NaN if either is`; a host number takes the other operand's dtype. */
export function max(x: NDArray, y: Operand): NDArray {
  return bind1(maxP, [x, operand(y, x)], noParams);
}

/** `min`: the smaller of `x` and `y`; NaN if either is. The tangent follows the smaller; ties share it equally. */
export const minP: Primitive<NoParams> = {
  name: "min",
  abstractEval: (ins) => elementwiseAval("min", "any", ins),
  lower: (reads, ins) => binaryLowering("min", reads, ins),
  batch: (xs, dims) => batchElementwise(axisTools, minP, xs, dims, noParams),
  jvp: ([x, y], ts) => {
    const out = min(x, y);
    return binaryJvp(
      out,
      ts,
      (t) => mul(t, balancedEq(x, out, y)),
      (t) => mul(t, balancedEq(y, out, x)),
    );
  },
};

/** `the smaller of `x` and `y`; NaN if either is`; a host number takes the other operand's dtype. */
export function min(x: NDArray, y: Operand): NDArray {
  return bind1(minP, [x, operand(y, x)], noParams);
}

/** 1 where `x` alone equals `z`, ½ where `y` does too, 0 elsewhere. */
function balancedEq(x: NDArray, z: NDArray, y: NDArray): NDArray {
  const shape = z.shape;
  const one = fullLike(lit(z, 1), shape);
  const zero = fullLike(lit(z, 0), shape);
  const share = select(eq(fullLike(y, shape), z), fullLike(lit(z, 0.5), shape), one);
  return select(eq(fullLike(x, shape), z), share, zero);
}

/** `1 / x`. */
export function reciprocal(x: NDArray): NDArray {
  return div(lit(x, 1), x);
}

/** `sign`: -1, 0 or 1 by the sign of `x`; zeros and NaN stay as they are. Its tangent is zero. */
export const signP: Primitive<NoParams> = {
  name: "sign",
  abstractEval: (ins) => elementwiseAval("sign", "number", ins),
  lower: (reads, ins) => unaryLowering("sign", reads, ins),
  onParts: onParts(direction),
  batch: (xs, dims) => unaryBatch(signP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(signP, xs, noParams),
};

/** -1, 0 or 1 by the sign of `x`; zeros and NaN stay as they are. */
export function sign(x: NDArray): NDArray {
  return bind1(signP, [x], noParams);
}

/** `abs`: `|x|`. Its tangent is `t` where `x ≥ 0`, else `-t`: 1 at 0, as in JAX. */
export const absP: Primitive<NoParams> = {
  name: "abs",
  abstractEval: (ins) => {
    const [{ shape, dtype, weakType }] = elementwiseAval("abs", "number", ins);
    return [shapedArray(shape, partOf(dtype), weakType)];
  },
  lower: (reads, ins) => unaryLowering("abs", reads, ins),
  onParts: ([z]) => [modulus(z as Parts)],
  batch: (xs, dims) => unaryBatch(absP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    const out = abs(x);
    if (!isComplex(x.dtype)) {
      return unaryJvp(out, t, (t) => select(ge(x, lit(x, 0)), t, neg(t)));
    }
    // The part of the tangent along x: 0 at 0, as in JAX.
    return unaryJvp(out, t, (t) => {
      const size = select(eq(out, lit(out, 0)), number(out, 1), out);
      return real(mul(t, div(conj(x), complex(size, lit(size, 0)))));
    });
  },
};

/** `|x|`. */
export function abs(x: NDArray): NDArray {
  return bind1(absP, [x], noParams);
}

/** `floor`: the largest integer not above `x`. Its tangent is zero. */
export const floorP: Primitive<NoParams> = {
  name: "floor",
  abstractEval: (ins) => elementwiseAval("floor", "floating", ins),
  lower: (reads, ins) => unaryLowering("floor", reads, ins),
  batch: (xs, dims) => unaryBatch(floorP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(floorP, xs, noParams),
};

/** The largest integer not above `x`. */
export function floor(x: NDArray): NDArray {
  return bind1(floorP, [x], noParams);
}

/** `ceil`: the smallest integer not below `x`. Its tangent is zero. */
export const ceilP: Primitive<NoParams> = {
  name: "ceil",
  abstractEval: (ins) => elementwiseAval("ceil", "floating", ins),
  lower: (reads, ins) => unaryLowering("ceil", reads, ins),
  batch: (xs, dims) => unaryBatch(ceilP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(ceilP, xs, noParams),
};

/** The smallest integer not below `x`. */
export function ceil(x: NDArray): NDArray {
  return bind1(ceilP, [x], noParams);
}

/** Parameters of {@linkcode roundP}. */
export interface RoundParams {
  /** 0: half away from zero; 1: half to even. */
  readonly roundingMethod: 0 | 1;
}

/** `round`: the nearest integer. Its tangent is zero. */
export const roundP: Primitive<RoundParams> = {
  name: "round",
  abstractEval: (ins) => elementwiseAval("round", "floating", ins),
  lower: (reads, ins, _outs, { roundingMethod }) =>
    mapLowering(reads, ins, ([x]) => roundingMethod === 1 ? unary("round", x) : roundAway(x)),
  batch: (xs, dims, p) => unaryBatch(roundP, xs, dims, p),
  jvp: (xs, _ts, p) => zeroJvp(roundP, xs, p),
};

/** Half away from zero: `trunc(x)` moved by one where the fraction is at least ½. */
function roundAway(x: Expr): Expr {
  const one = constant(1, x.dtype);
  const whole = unary("floor", unary("abs", x));
  const fraction = binary("sub", unary("abs", x), whole);
  const up = binary("ge", fraction, constant(0.5, x.dtype));
  const rounded = selectExpr(up, binary("add", whole, one), whole);
  const signed = selectExpr(binary("lt", x, constant(0, x.dtype)), unary("neg", rounded), rounded);
  return selectExpr(binary("eq", x, constant(0, x.dtype)), x, signed); // keeps -0
}

/** The nearest integer; `roundingMethod` 0 takes halves away from zero, 1 to even. */
export function round(x: NDArray, roundingMethod: 0 | 1 = 0): NDArray {
  return bind1(roundP, [x], { roundingMethod });
}

/** Parameters of {@linkcode integerPowP}. */
export interface IntegerPowParams {
  readonly y: number;
}

/** `integer_pow`: `x` to a constant integer power, by repeated squaring. Its tangent is `y · x^(y-1) · t`. */
export const integerPowP: Primitive<IntegerPowParams> = {
  name: "integer_pow",
  abstractEval: (ins) => elementwiseAval("integerPow", "number", ins),
  lower: (reads, ins, _outs, { y }) => mapLowering(reads, ins, ([x]) => powerBySquaring(x, y)),
  onParts: ([z], { y }) => [wholePower(z as Parts, y)],
  batch: (xs, dims, p) => unaryBatch(integerPowP, xs, dims, p),
  jvp: ([x], [t], { y }) =>
    unaryJvp(integerPow(x, y), t, (t) => {
      if (y === 0) return mul(t, lit(t, 0));
      return mul(
        t,
        y === 1 ? lit(x, 1) : y === 2 ? mul(lit(x, 2), x) : mul(lit(x, y), integerPow(x, y - 1)),
      );
    }),
};

function powerBySquaring(x: Expr, y: number): Expr {
  if (y === 0) return constant(1, x.dtype);
  if (y < 0) return binary("div", constant(1, x.dtype), powerBySquaring(x, -y));
  let result: Expr | null = null;
  let square = x;
  for (let n = y; n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) result = result === null ? square : binary("mul", result, square);
    if (n > 1) square = binary("mul", square, square);
  }
  return result!;
}

/** `x ** y` for a host integer `y`. */
export function integerPow(x: NDArray, y: number): NDArray {
  return bind1(integerPowP, [x], { y });
}

/** `square`: `x · x`. Its tangent is `2x · t`. */
export const squareP: Primitive<NoParams> = {
  name: "square",
  abstractEval: (ins) => elementwiseAval("square", "number", ins),
  lower: (reads, ins) => mapLowering(reads, ins, ([x]) => binary("mul", x, x)),
  onParts: onParts((z) => times(z, z)),
  batch: (xs, dims) => unaryBatch(squareP, xs, dims, noParams),
  jvp: ([x], [t]) => unaryJvp(square(x), t, (t) => mul(t, mul(lit(x, 2), x))),
};

/** `x · x`. */
export function square(x: NDArray): NDArray {
  return bind1(squareP, [x], noParams);
}

/** `clamp`: `x` kept within `low` and `high`, each 0-d or of `x`'s shape. The tangent of `x` passes inside the bounds only. */
export const clampP: Primitive<NoParams> = {
  name: "clamp",
  abstractEval: ([low, x, high]) => {
    sameDType("clamp", [low, x, high]);
    elementwiseShape("clamp", [low, x, high]);
    return [x];
  },
  lower: (reads, ins) =>
    mapLowering(reads, ins, ([low, x, high]) => binary("min", binary("max", x, low), high)),
  jvp: ([low, x, high], [tl, tx, th]) => {
    const out = clamp(low, x, high);
    const pick = (t: Tangent, mask: () => NDArray): Tangent =>
      t instanceof Zero ? t : select(mask(), fullLike(t, x.shape), fullLike(lit(x, 0), x.shape));
    const inside = pick(
      tx,
      () => and(gt(x, fullLike(low, x.shape)), lt(x, fullLike(high, x.shape))),
    );
    const below = pick(tl, () => gt(fullLike(low, x.shape), x));
    const above = pick(th, () => lt(fullLike(high, x.shape), x));
    const sum = addTangents(addTangents(inside, below), above);
    return [[out], [sum instanceof Zero ? new Zero(out.aval) : sum]];
  },
  batch: (xs, dims, _p, size) => {
    const moved = xs.map((x, i) =>
      x.ndim === 0 && dims[i] === null ? x : batchToFront(x, dims[i], size)
    );
    const shape = moved[1].shape;
    const full = moved.map((x) =>
      x.ndim === 0 || x.ndim === shape.length ? x : axisTools.broadcastInDim(x, shape, [0])
    );
    return [[bind1(clampP, full, noParams)], [0]];
  },
};

/** `x` kept within `low` and `high`. */
export function clamp(low: NDArray, x: NDArray, high: NDArray): NDArray {
  return bind1(clampP, [low, x, high], noParams);
}

/** `sqrt`: the square root. Its tangent is `t / (2 √x)`. */
export const sqrtP: Primitive<NoParams> = {
  name: "sqrt",
  abstractEval: (ins) => elementwiseAval("sqrt", "inexact", ins),
  lower: (reads, ins) => unaryLowering("sqrt", reads, ins),
  onParts: onParts(rootOfParts),
  batch: (xs, dims) => unaryBatch(sqrtP, xs, dims, noParams),
  jvp: ([x], [t]) => {
    const out = sqrt(x);
    return unaryJvp(out, t, (t) => div(mul(t, 0.5), out));
  },
};

/** The square root. */
export function sqrt(x: NDArray): NDArray {
  return bind1(sqrtP, [x], noParams);
}

// ---------------------------------------------------------------- complex numbers, by their parts

/** Parts as one value. */
export function parts(re: NDArray, im: NDArray): Parts {
  return { re, im };
}

/** Both of one shape: of a 0-d part beside a larger one, copies. */
export function level(x: NDArray, y: NDArray): [NDArray, NDArray] {
  const shape = x.ndim >= y.ndim ? x.shape : y.shape;
  return [fullLike(x, shape), fullLike(y, shape)];
}

/** A number everywhere in the shape of an array. */
export function number(like: NDArray, value: number): NDArray {
  return fullLike(lit(like, value), like.shape);
}

/** A selection among parts. */
export function choose(condition: NDArray, x: NDArray, y: NDArray): NDArray {
  const [a, b] = level(x, y);
  return select(fullLike(condition, a.shape), a, b);
}

/** `|x|` with the sign of `y`, that of a zero too. */
export function withSign(x: NDArray, y: NDArray): NDArray {
  const size = abs(x);
  const isNegative = or(
    lt(y, lit(y, 0)),
    and(eq(y, lit(y, 0)), lt(div(number(y, 1), y), lit(y, 0))),
  );
  return select(isNegative, neg(size), size);
}

/** The product. */
export function times(x: Parts, y: Parts): Parts {
  return bilinear([x, y], mul);
}

/** The quotient, scaled so that nothing overflows that need not. */
export function quotient(x: Parts, y: Parts): Parts {
  const byReal = ge(abs(y.re), abs(y.im));
  const large = choose(byReal, y.re, y.im);
  const small = choose(byReal, y.im, y.re);
  const ratio = choose(eq(small, lit(small, 0)), small, div(small, large));
  const scale = add(large, mul(small, ratio));
  const re = choose(byReal, add(x.re, mul(x.im, ratio)), add(mul(x.re, ratio), x.im));
  const im = choose(byReal, sub(x.im, mul(x.re, ratio)), sub(mul(x.im, ratio), x.re));
  return parts(div(re, scale), div(im, scale));
}

/** `|z|`, without overflow. */
function modulus({ re, im }: Parts): NDArray {
  const [a, b] = level(abs(re), abs(im));
  const [large, small] = [max(a, b), min(a, b)];
  const ratio = div(small, large);
  const size = mul(large, sqrt(add(mul(ratio, ratio), 1)));
  const infinite = number(large, Infinity);
  const isInfinite = or(eq(a, infinite), eq(b, infinite)); // whatever the other part is
  return select(isInfinite, infinite, select(eq(small, lit(small, 0)), large, size));
}

/** `z / |z|`, 0 for 0. */
function direction(z: Parts): Parts {
  const size = modulus(z);
  const isZero = eq(size, lit(size, 0));
  return parts(choose(isZero, z.re, div(z.re, size)), choose(isZero, z.im, div(z.im, size)));
}

/** A whole power, by squaring. */
function wholePower(z: Parts, y: number): Parts {
  const one = parts(number(z.re, 1), number(z.im, 0));
  if (y === 0) return one;
  if (y < 0) return quotient(one, wholePower(z, -y));
  let result: Parts | null = null;
  let square = z;
  for (let n = y; n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) result = result === null ? square : times(result, square);
    if (n > 1) square = times(square, square);
  }
  return result!;
}

/** The square root on the right half-plane. */
export function rootOfParts(z: Parts): Parts {
  const { re, im } = z;
  const size = modulus(z);
  const root = sqrt(add(mul(size, 0.5), mul(abs(re), 0.5)));
  const other = div(mul(abs(im), 0.5), root);
  const isZero = eq(size, lit(size, 0));
  const isRight = ge(re, lit(re, 0));
  const first = select(isZero, number(re, 0), select(isRight, root, other));
  const second = select(isZero, im, withSign(select(isRight, other, root), im));
  return parts(first, second);
}

/** The parts of an operation that is linear in each of two complex operands, given what it does with real ones. */
export function bilinear(
  [x, y]: readonly (NDArray | Parts)[],
  fn: (x: NDArray, y: NDArray) => NDArray,
): Parts {
  const [a, b] = [x as Parts, y as Parts];
  return parts(
    sub(fn(a.re, b.re), fn(a.im, b.im)),
    add(fn(a.re, b.im), fn(a.im, b.re)),
  );
}
