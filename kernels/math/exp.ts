// Exponentials of f32 lanes. Arguments are reduced as by Cody and Waite (1980): x = n ln 2 + r, with ln 2 in two
// parts, the first short enough for n times it to be exact; the polynomials are in poly.ts.
//
// n comes from adding 1.5 * 2^23, which leaves the nearest integer in the low bits of the sum; constants added
// beside it put the exponent's bias there too, so that a shift alone makes 2^n.

import { madd, nmadd, select } from "./madd";
import { abs_f32, sign_f32 } from "./lanes";
import {
  exp2_tail_f32,
  exp_tail_f32,
  expm1_tail_f32,
  sinh_tail_f32,
  tanh_tail_f32,
} from "./poly";

const LOG2E: f32 = 1.44269504;
const LN2_HIGH: f32 = 0.693145751953125;
const LN2_LOW: f32 = 1.42860677e-6;
// 1.5 * 2^23 with 2 * 127, and with 127.
const ROUND_TWICE_BIASED: f32 = 12583166;
const ROUND_BIASED: f32 = 12583039;

/** p * 2^n for n in [-252, 254], where the low bits of `t` hold n + 254: two factors reach subnormals. */
@inline
function scale_twice_f32(p: v128, t: v128): v128 {
  const half = i32x4.shr_u(t, 1);
  const rest = i32x4.sub(t, half);
  return f32x4.mul(f32x4.mul(p, i32x4.shl(half, 23)), i32x4.shl(rest, 23));
}

/** e^x; at most 1 ulp off. */
@inline
export function exp_f32x4(x: v128): v128 {
  // pmin and pmax give their first operand when it is NaN.
  const c = f32x4.pmax(f32x4.pmin(x, f32x4.splat(89)), f32x4.splat(-104));
  const t = madd<f32>(c, f32x4.splat(LOG2E), f32x4.splat(ROUND_TWICE_BIASED));
  const n = f32x4.sub(t, f32x4.splat(ROUND_TWICE_BIASED));
  const r = nmadd<f32>(n, f32x4.splat(LN2_LOW), nmadd<f32>(n, f32x4.splat(LN2_HIGH), c));
  const one = f32x4.splat(1);
  const p = madd<f32>(madd<f32>(exp_tail_f32(r), r, one), r, one);
  return scale_twice_f32(p, t);
}

/** e^x for x at most 0, or NaN: the bits of `exp_f32x4` with fewer instructions. */
@inline
export function exp_non_positive_f32x4(x: v128): v128 {
  const c = f32x4.pmax(x, f32x4.splat(-104));
  // n + 24 fits one exponent; 2^-24 follows, with the one rounding of a subnormal result.
  const bias: f32 = 12583063;
  const t = madd<f32>(c, f32x4.splat(LOG2E), f32x4.splat(bias));
  const n = f32x4.sub(t, f32x4.splat(bias));
  const r = nmadd<f32>(n, f32x4.splat(LN2_LOW), nmadd<f32>(n, f32x4.splat(LN2_HIGH), c));
  const one = f32x4.splat(1);
  const p = madd<f32>(madd<f32>(exp_tail_f32(r), r, one), r, one);
  return f32x4.mul(f32x4.mul(p, i32x4.shl(t, 23)), f32x4.splat(5.9604645e-8));
}

/** 2^x; exact for whole x. */
@inline
export function exp2_f32x4(x: v128): v128 {
  const c = f32x4.pmax(f32x4.pmin(x, f32x4.splat(129)), f32x4.splat(-151));
  const t = f32x4.add(c, f32x4.splat(ROUND_TWICE_BIASED));
  const r = f32x4.sub(c, f32x4.sub(t, f32x4.splat(ROUND_TWICE_BIASED)));
  return scale_twice_f32(madd<f32>(exp2_tail_f32(r), r, f32x4.splat(1)), t);
}

/** e^x - 1, exact in relative terms near 0: 2^n (e^r - 1) + (2^n - 1). */
@inline
export function expm1_f32x4(x: v128): v128 {
  const c = f32x4.pmax(f32x4.pmin(x, f32x4.splat(89)), f32x4.splat(-18));
  const t = madd<f32>(c, f32x4.splat(LOG2E), f32x4.splat(ROUND_BIASED));
  const n = f32x4.sub(t, f32x4.splat(ROUND_BIASED));
  const r = nmadd<f32>(n, f32x4.splat(LN2_LOW), nmadd<f32>(n, f32x4.splat(LN2_HIGH), c));
  const p = madd<f32>(f32x4.mul(r, r), expm1_tail_f32(r), r);
  // 2^(n - 1), because 2^128 is out of range while its product need not be.
  const s = i32x4.sub(i32x4.shl(t, 23), i32x4.splat(0x00800000));
  const y = madd<f32>(s, p, f32x4.sub(s, f32x4.splat(0.5)));
  // Tiny arguments, whose halves may not be representable, and -0.
  const tiny = f32x4.lt(abs_f32(x), f32x4.splat(5.9604645e-8));
  return select<i32>(x, f32x4.add(y, y), tiny);
}

/** tanh x = (e^2a - 1) / (e^2a + 1) with the sign of x, a = |x|. */
@inline
export function tanh_f32x4(x: v128): v128 {
  const sign = sign_f32(x);
  // tanh 9.02 rounds to 1.
  const a = f32x4.pmin(v128.xor(x, sign), f32x4.splat(9.02));
  const t = madd<f32>(a, f32x4.splat(2 * LOG2E), f32x4.splat(ROUND_BIASED));
  const n = f32x4.sub(t, f32x4.splat(ROUND_BIASED));
  // The error of ln 2 / 2 in one part grows with n, but what it does to the quotient shrinks as 4^-n.
  const r = nmadd<f32>(n, f32x4.splat(0.346573591), a);
  const p = madd<f32>(f32x4.mul(r, r), tanh_tail_f32(r), f32x4.add(r, r));
  const s = i32x4.shl(t, 23);
  const above = madd<f32>(s, p, f32x4.sub(s, f32x4.splat(1)));
  // Adding 2, rather than e^2a + 1 afresh, lets the error of "above" drop out where the quotient nears 1.
  return v128.or(f32x4.div(above, f32x4.add(above, f32x4.splat(2))), sign);
}

/** 1 / (1 + e^-x), as e^-|x| / (1 + e^-|x|) where x < 0, so that small results stay exact. */
@inline
export function logistic_f32x4(x: v128): v128 {
  const c = f32x4.pmax(v128.or(x, f32x4.splat(-0.0)), f32x4.splat(-104));
  // n + 24 fits one exponent; 2^-24 follows, with the one rounding of a subnormal result.
  const bias: f32 = 12583063;
  const t = madd<f32>(c, f32x4.splat(LOG2E), f32x4.splat(bias));
  const n = f32x4.sub(t, f32x4.splat(bias));
  const r = nmadd<f32>(n, f32x4.splat(LN2_LOW), nmadd<f32>(n, f32x4.splat(LN2_HIGH), c));
  const one = f32x4.splat(1);
  const p = madd<f32>(madd<f32>(exp_tail_f32(r), r, one), r, one);
  const e = f32x4.mul(f32x4.mul(p, i32x4.shl(t, 23)), f32x4.splat(5.9604645e-8));
  const above = select<i32>(e, one, i32x4.shr_s(x, 31));
  return f32x4.div(above, f32x4.add(e, one));
}

/** factor e^a for a >= 0; a is at most 90 where it is not NaN. */
@inline
function exp_scaled(a: v128, factor: f32): v128 {
  const t = madd<f32>(a, f32x4.splat(LOG2E), f32x4.splat(ROUND_TWICE_BIASED));
  const n = f32x4.sub(t, f32x4.splat(ROUND_TWICE_BIASED));
  const r = nmadd<f32>(n, f32x4.splat(LN2_LOW), nmadd<f32>(n, f32x4.splat(LN2_HIGH), a));
  // The factor is a power of 2: it goes into the constants.
  const p = madd<f32>(exp_tail_f32(r), r, f32x4.splat(1));
  return scale_twice_f32(f32x4.mul(madd<f32>(p, r, f32x4.splat(1)), f32x4.splat(factor)), t);
}

/** sinh x: a polynomial below 1, (e^a - e^-a) / 2 above. */
@inline
export function sinh_f32x4(x: v128): v128 {
  const sign = sign_f32(x);
  const a = f32x4.pmin(v128.xor(x, sign), f32x4.splat(90));
  const z = f32x4.mul(a, a);
  const small = madd<f32>(f32x4.mul(a, z), sinh_tail_f32(z), a);
  const e = exp_scaled(a, 0.5);
  const large = f32x4.sub(e, f32x4.div(f32x4.splat(0.25), e));
  return v128.or(select<i32>(small, large, f32x4.lt(a, f32x4.splat(1))), sign);
}

/** cosh x = (e^a + e^-a) / 2. */
@inline
export function cosh_f32x4(x: v128): v128 {
  const a = f32x4.pmin(abs_f32(x), f32x4.splat(90));
  const e = exp_scaled(a, 0.5);
  return f32x4.add(e, f32x4.div(f32x4.splat(0.25), e));
}
