// The error function of f32 lanes: up to 1.1 a polynomial, beyond 1 - q(a)^-8, where the polynomial q takes the place
// of an exponential (as Hastings 1955 does it with a 16th power). Both are computed, side by side.

import { madd, nmadd, select } from "./madd";
import { abs_f32, sign_f32 } from "./lanes";
import { erf_large_f32, erf_small_f32, erfc_f32, exp_tail_f32 } from "./poly";

const LOG2E: f32 = 1.44269504;
const LN2_HIGH: f32 = 0.693145751953125;
const LN2_LOW: f32 = 1.42860677e-6;
// 1.5 * 2^23 with 127 + 24.
const ROUND_BIASED: f32 = 12583063;

/** erf x. */
@inline
export function erf_f32x4(x: v128): v128 {
  const sign = sign_f32(x);
  // erf 4 rounds to 1.
  const a = f32x4.pmin(v128.xor(x, sign), f32x4.splat(4));
  const small = madd<f32>(erf_small_f32(f32x4.mul(a, a)), a, a);
  const q = erf_large_f32(a);
  const q2 = f32x4.mul(q, q);
  const q4 = f32x4.mul(q2, q2);
  const one = f32x4.splat(1);
  const large = f32x4.sub(one, f32x4.div(one, f32x4.mul(q4, q4)));
  return v128.or(select<i32>(large, small, f32x4.gt(a, f32x4.splat(1.1))), sign);
}

/**
 * e^(-a^2) for 0 <= a <= 10.2, times 2^24, so that none is subnormal. The square is that of the upper half of a, exactly, and the rest,
 * which goes to what is left of the exponent.
 */
@inline
function exp_minus_square(a: v128): v128 {
  const upper = v128.and(a, i32x4.splat(0xfffff000));
  const square = f32x4.mul(upper, upper);
  const t = nmadd<f32>(square, f32x4.splat(LOG2E), f32x4.splat(ROUND_BIASED));
  const n = f32x4.sub(t, f32x4.splat(ROUND_BIASED));
  const whole = nmadd<f32>(n, f32x4.splat(LN2_HIGH), f32x4.neg(square));
  const rest = nmadd<f32>(f32x4.sub(a, upper), f32x4.add(a, upper), whole);
  const r = nmadd<f32>(n, f32x4.splat(LN2_LOW), rest);
  const one = f32x4.splat(1);
  const p = madd<f32>(madd<f32>(exp_tail_f32(r), r, one), r, one);
  return f32x4.mul(p, i32x4.shl(t, 23));
}

/** 1 - erf x, without cancellation for large x; within 3 ulp. See erf64.ts. */
@inline
export function erfc_f32x4(x: v128): v128 {
  const a = f32x4.pmin(abs_f32(x), f32x4.splat(10.2));
  const one = f32x4.splat(1), two = f32x4.splat(2);
  const below = f32x4.add(a, two);
  // (a - 2) / (a + 2) and 1 / (1 + 2 a) from one division.
  const d = madd<f32>(a, two, one);
  const inverse = f32x4.div(one, f32x4.mul(below, d));
  const h = erfc_f32(f32x4.mul(f32x4.mul(f32x4.sub(a, two), d), inverse));
  const g = f32x4.mul(h, f32x4.mul(below, inverse));
  const y = f32x4.mul(f32x4.mul(exp_minus_square(a), g), f32x4.splat(5.9604645e-8));
  const far = select<i32>(f32x4.sub(two, y), y, i32x4.shr_s(x, 31));
  // Near 0, where the result is near 1, 1 - erf x is more exact.
  const near = f32x4.sub(one, madd<f32>(erf_small_f32(f32x4.mul(x, x)), x, x));
  return select<i32>(near, far, f32x4.lt(a, f32x4.splat(0.5)));
}
