// log |gamma| and digamma, in f64 lanes; f32 lanes go through f64. Towards 0 and up to 8 or 10 by recurrence from a
// polynomial around the zeros, beyond by Stirling's series. Negative arguments by reflection, which loses
// relative (not absolute) precision near the zeros there.

import { madd, nmadd, select } from "./madd";
import { abs_f64, high, join, low } from "./lanes";
import { log_f64x2 } from "./log64";
import { digamma_far_f64, digamma_root_f64, lgamma_f64, sin_tail_f64, stirling_f64 } from "./poly";
import { tan_f64x2 } from "./trig64";

const PI: f64 = 3.141592653589793;

/** log(gamma(a)) for a > 0. */
@inline
function lgamma_positive(a: v128): v128 {
  const one = f64x2.splat(1);
  const two = f64x2.splat(2);
  // Down to [3/2, 5/2), the factors left behind multiplied up.
  let b = a;
  let product = one;
  for (let i = 0; i < 6; i++) {
    const over = f64x2.ge(b, f64x2.splat(2.5));
    const next = f64x2.sub(b, one);
    product = select<i64>(f64x2.mul(product, next), product, over);
    b = select<i64>(next, b, over);
  }
  // Up, for a < 1/2 by two, for a < 3/2 by one: then the logarithm counts negatively.
  const tiny = f64x2.lt(a, f64x2.splat(0.5));
  const below = f64x2.lt(a, f64x2.splat(1.5));
  let t = select<i64>(f64x2.sub(a, one), f64x2.sub(b, two), below);
  t = select<i64>(a, t, tiny);
  product = select<i64>(a, product, below);
  product = select<i64>(f64x2.mul(a, f64x2.add(a, one)), product, tiny);
  const large = f64x2.ge(a, f64x2.splat(8));
  const logarithm = log_f64x2(select<i64>(a, product, large));
  const near = madd<f64>(
    lgamma_f64(t),
    t,
    v128.xor(logarithm, v128.and(below, f64x2.splat(-0.0))),
  );
  const inverse = f64x2.div(one, a);
  const series = f64x2.mul(stirling_f64(f64x2.mul(inverse, inverse)), inverse);
  // log(2 pi) / 2 - 1/2, because 1/2 is in the product.
  const far = madd<f64>(
    f64x2.sub(a, f64x2.splat(0.5)),
    f64x2.sub(logarithm, one),
    f64x2.add(f64x2.splat(0.4189385332046727), series),
  );
  return select<i64>(far, near, large);
}

/** log |gamma(x)|; infinite at 0 and the negative integers. */
export function lgamma_f64x2(x: v128): v128 {
  const a = abs_f64(x);
  const positive = lgamma_positive(a);
  // sin(pi a) from the distance to the nearest integer.
  const f = f64x2.sub(a, f64x2.nearest(a));
  const r = f64x2.mul(f, f64x2.splat(PI));
  const z = f64x2.mul(r, r);
  const sine = abs_f64(madd<f64>(f64x2.mul(r, z), sin_tail_f64(z), r));
  // log(pi / (a |sin(pi a)|)) - lgamma a, where a is not so small that it is -log a.
  const reflected = f64x2.sub(
    f64x2.sub(f64x2.splat(1.1447298858494002), log_f64x2(f64x2.mul(a, sine))),
    positive,
  );
  const tiny = f64x2.lt(a, f64x2.splat(1e-17));
  const y = select<i64>(positive, reflected, v128.or(f64x2.ge(x, f64x2.splat(0)), tiny));
  const infinite = f64x2.splat(Infinity);
  // -inf, like every number beyond 2^52, is an integer. At large ones the reflection has no value: inf - inf.
  const pole = v128.and(f64x2.lt(x, f64x2.splat(0)), f64x2.eq(sine, f64x2.splat(0)));
  return select<i64>(infinite, y, v128.or(f64x2.eq(a, infinite), pole));
}

/** log |gamma(x)|, in f64. */
export function lgamma_f32x4(x: v128): v128 {
  return join(lgamma_f64x2(low(x)), lgamma_f64x2(high(x)));
}

/** gamma'(a) / gamma(a) for a > 0. */
@inline
function digamma_positive(a: v128): v128 {
  const one = f64x2.splat(1);
  // Down to [1, 2], the sum of 1 / (a - j) kept as one fraction.
  let b = a;
  let above = f64x2.splat(0);
  let below = one;
  for (let i = 0; i < 8; i++) {
    const over = f64x2.gt(b, f64x2.splat(2));
    const next = f64x2.sub(b, one);
    above = select<i64>(madd<f64>(above, next, below), above, over);
    below = select<i64>(f64x2.mul(below, next), below, over);
    b = select<i64>(next, b, over);
  }
  // Up by one for a < 1.
  const small = f64x2.lt(a, one);
  const t = select<i64>(a, f64x2.sub(b, one), small);
  // t + 1 - x0, with x0 - 1 in three parts.
  const distance = f64x2.sub(
    f64x2.sub(f64x2.sub(t, f64x2.splat(0.4616321449284442)), f64x2.splat(3.99181643503518e-11)),
    f64x2.splat(1.1869550593997372e-27),
  );
  const root = f64x2.mul(digamma_root_f64(f64x2.sub(t, f64x2.splat(0.5))), distance);
  const quotient = f64x2.div(select<i64>(f64x2.splat(-1), above, small), select<i64>(a, below, small));
  const near = f64x2.add(root, quotient);
  const inverse = f64x2.div(one, a);
  const z = f64x2.mul(inverse, inverse);
  const far = f64x2.sub(
    nmadd<f64>(inverse, f64x2.splat(0.5), log_f64x2(a)),
    f64x2.mul(z, digamma_far_f64(z)),
  );
  return select<i64>(far, near, f64x2.ge(a, f64x2.splat(10)));
}

/** gamma'(x) / gamma(x); NaN at 0 and the negative integers, as in JAX. */
export function digamma_f64x2(x: v128): v128 {
  const zero = f64x2.splat(0);
  const positive = f64x2.gt(x, zero);
  const one = f64x2.splat(1);
  // psi(x) = psi(1 - x) - pi / tan(pi x).
  const a = select<i64>(x, f64x2.sub(one, x), positive);
  const y = digamma_positive(a);
  const f = f64x2.sub(x, f64x2.nearest(x));
  const pi = f64x2.splat(PI);
  const reflected = f64x2.sub(y, f64x2.div(pi, tan_f64x2(f64x2.mul(f, pi))));
  const pole = f64x2.eq(f, zero);
  const other = select<i64>(f64x2.splat(NaN), reflected, pole);
  return select<i64>(y, other, positive);
}

/** gamma'(x) / gamma(x), in f64. */
export function digamma_f32x4(x: v128): v128 {
  return join(digamma_f64x2(low(x)), digamma_f64x2(high(x)));
}
