/**
 * The derivatives of the digamma function.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { wideOf } from "../core/dtype.ts";
import type { Primitive } from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";
import { binary, cast, constant, type Expr } from "../loopnest/expr.ts";
import { mul } from "./arith.ts";
import { elementwiseAval, mapLowering } from "./common.ts";
import { unaryBatch, unaryJvp } from "./rules.ts";

/** Parameters of {@linkcode polygammaP}. */
export interface PolygammaParams {
  /** How often digamma is differentiated; 1 or more. */
  readonly order: number;
}

/** The Bernoulli numbers B₂, B₄, … over (2j)!. */
const bernoulli = [
  1 / 12,
  -1 / 720,
  1 / 30240,
  -1 / 1209600,
  1 / 47900160,
  -691 / 1307674368000,
  1 / 74724249600,
  -3617 / 10670622842880000,
];

/** Terms of the series that are summed as they are, so that the rest of it converges at once. */
const direct = 10;

/** Orders from which on the coefficients leave float32's range. */
const largeOrder = 20;

/** `x` to a positive integer power. */
function power(x: Expr, n: number): Expr {
  if (n === 1) return x;
  const half = power(x, n >> 1);
  const whole = binary("mul", half, half);
  return n % 2 === 0 ? whole : binary("mul", whole, x);
}

/** The sum over all k of (x + k)^-s, by Euler and Maclaurin's formula: to the last few bits for x ≥ 0.5, as all terms have one sign. */
function zeta(s: number, x: Expr): Expr {
  const number = (value: number): Expr => constant(value, x.dtype);
  const inverse = (k: number) =>
    binary("div", number(1), k === 0 ? x : binary("add", x, number(k)));
  let sum = power(inverse(0), s);
  for (let k = 1; k < direct; k++) sum = binary("add", sum, power(inverse(k), s));
  const r = inverse(direct);
  const square = binary("mul", r, r);
  // What is left, as a polynomial in r² from the innermost coefficient outwards.
  let rising = s;
  const coefficients = bernoulli.map((b, j) => {
    const c = b * rising;
    rising *= (s + 2 * j + 1) * (s + 2 * j + 2);
    return c;
  });
  let tail = number(coefficients.at(-1)!);
  for (let j = coefficients.length - 2; j >= 0; j--) {
    tail = binary("add", number(coefficients[j]), binary("mul", tail, square));
  }
  tail = binary("add", number(0.5), binary("mul", tail, r));
  tail = binary("mul", tail, power(r, s));
  const integral = s === 2 ? r : power(r, s - 1);
  return binary(
    "add",
    sum,
    binary("add", tail, binary("mul", integral, number(1 / (s - 1)))),
  );
}

function factorial(n: number): number {
  return n <= 1 ? 1 : n * factorial(n - 1);
}

/**
 * `polygamma`: the derivative of digamma of a given order, for arguments of 0.5 or more. Its tangent is `t` times the
 * polygamma of the next order.
 */
export const polygammaP: Primitive<PolygammaParams> = {
  name: "polygamma",
  abstractEval: (ins) => elementwiseAval("polygamma", "floating", ins),
  lower: (reads, ins, _outs, { order }) =>
    mapLowering(reads, ins, ([x]) => {
      const scale = (order % 2 === 0 ? -1 : 1) * factorial(order);
      const dtype = order < largeOrder ? wideOf(x.dtype) : "float64";
      const sum = zeta(order + 1, cast(x, dtype));
      return cast(binary("mul", constant(scale, dtype), sum), ins[0].dtype);
    }),
  batch: (xs, dims, p) => unaryBatch(polygammaP, xs, dims, p),
  jvp: ([x], [t], { order }) =>
    unaryJvp(polygamma(order, x), t, (t) => mul(t, polygamma(order + 1, x))),
};

/** The derivative of digamma of order `order`, for arguments of 0.5 or more. */
export function polygamma(order: number, x: NDArray): NDArray {
  return bind1(polygammaP, [x], { order });
}
