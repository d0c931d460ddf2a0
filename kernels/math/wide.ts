// f32 functions that are computed in f64, two halves of two lanes: with short polynomials (to about 2^-30), and without
// any care for rounding, the results are as good as correctly rounded.

import { madd, select } from "./madd";
import { abs_f32, abs_f64, high, join, low, sign_f32 } from "./lanes";
import { exp2_wide, log2_wide } from "./poly";

const LN2: f64 = 0.6931471805599453;
const ROOT_HALF: i32 = 0x3f3504f3;

/** log2(m 2^k), k being two i32 in the low half, and m near 1. */
@inline
function log2_of(k: v128, m: v128): v128 {
  const one = f64x2.splat(1);
  const s = f64x2.div(f64x2.sub(m, one), f64x2.add(m, one));
  return madd<f64>(log2_wide(f64x2.mul(s, s)), s, f64x2.convert_low_i32x4_s(k));
}

/** log2 x for positive finite x of any size. */
@inline
function log2_f64(x: v128): v128 {
  const k = i64x2.shr_s(i64x2.sub(x, i64x2.splat(0x3fe6a09e667f3bcd)), 52);
  return log2_of(i32x4.shuffle(k, k, 0, 2, 0, 2), i64x2.sub(x, i64x2.shl(k, 52)));
}

/** 2^t for t in [-1000, 1000]. */
@inline
function exp2_f64(t: v128): v128 {
  // 1.5 * 2^52, with the exponent's bias.
  const round = f64x2.splat(6755399441056767);
  const n = f64x2.add(t, round);
  const p = exp2_wide(f64x2.sub(t, f64x2.sub(n, round)));
  return f64x2.mul(p, i64x2.shl(n, 52));
}

/** 2^(y log2(m 2^k)), beyond f32's range where that is. */
@inline
function pow_pair(k: v128, m: v128, y: v128): v128 {
  const t = f64x2.mul(y, log2_of(k, m));
  return exp2_f64(f64x2.pmax(f64x2.pmin(t, f64x2.splat(200)), f64x2.splat(-200)));
}

/** |x|^y where |x| is positive and finite; y finite. */
@inline
function pow_positive(a: v128, y: v128, offset: v128): v128 {
  const k = i32x4.shr_s(i32x4.sub(a, i32x4.splat(ROOT_HALF)), 23);
  const m = i32x4.sub(a, i32x4.shl(k, 23));
  const n = i32x4.sub(k, offset);
  const first = pow_pair(n, low(m), low(y));
  const second = pow_pair(i64x2.shuffle(n, n, 1, 0), high(m), high(y));
  return join(first, second);
}

/** x^y as in C, given |x|^y for positive finite |x|, in lanes of T (f32 or f64), whose sign fills as in I (i32 or i64). */
@inline
export function pow_edges<T, I>(x: v128, y: v128, magnitude: v128): v128 {
  const zero = v128.splat<T>(0);
  const one = v128.splat<T>(1);
  const infinite = v128.splat<T>(<T>Infinity);
  const minus = v128.splat<T>(<T>-0.0);
  const a = v128.andnot(x, minus);
  const whole = v128.eq<T>(v128.trunc<T>(y), y);
  const half = v128.mul<T>(y, v128.splat<T>(<T>0.5));
  const odd = v128.and(whole, v128.ne<T>(v128.trunc<T>(half), half));
  const y_negative = v128.shr<I>(y, sizeof<I>() * 8 - 1);
  // 0 and infinity, whose powers are one or the other.
  const vanishes = v128.xor(v128.eq<T>(a, zero), y_negative);
  const extreme = v128.or(v128.eq<T>(a, zero), v128.eq<T>(a, infinite));
  let r = v128.bitselect(v128.andnot(infinite, vanishes), magnitude, extreme);
  // y infinite: 0, 1 or infinity by |x|.
  const shrinks = v128.xor(v128.lt<T>(a, one), y_negative);
  const limit = v128.bitselect(one, v128.andnot(infinite, shrinks), v128.eq<T>(a, one));
  r = v128.bitselect(limit, r, v128.eq<T>(v128.andnot(y, minus), infinite));
  // Negative x: the sign of odd powers; of other whole ones none; of the rest, NaN unless x is 0 or infinite.
  r = v128.or(r, v128.and(v128.and(x, minus), odd));
  const improper = v128.andnot(v128.andnot(v128.lt<T>(x, zero), whole), v128.eq<T>(a, infinite));
  // NaN, and then 1^y = x^0 = 1 whatever the other is.
  const unordered = v128.or(v128.ne<T>(x, x), v128.ne<T>(y, y));
  r = v128.bitselect(v128.splat<T>(<T>NaN), r, v128.or(improper, unordered));
  return v128.bitselect(one, r, v128.or(v128.eq<T>(x, one), v128.eq<T>(y, zero)));
}

/** x^y for any x and y. */
export function pow_special_f32x4(x: v128, y: v128): v128 {
  const a = abs_f32(x);
  const small = f32x4.lt(a, f32x4.splat(1.17549435e-38));
  const scaled = select<i32>(f32x4.mul(a, f32x4.splat(8388608)), a, small);
  const r = pow_positive(scaled, y, v128.and(small, i32x4.splat(23)));
  return pow_edges<f32, i32>(x, y, r);
}

/** x^y. */
@inline
export function pow_f32x4(x: v128, y: v128): v128 {
  // x not positive, normal and finite (see log.ts), or y not finite.
  const moved = i32x4.add(x, i32x4.splat(0x7f800000));
  const odd_x = i32x4.gt_s(moved, i32x4.splat(-0x01000001));
  const odd_y = i32x4.gt_s(abs_f32(y), i32x4.splat(0x7f7fffff));
  if (v128.any_true(v128.or(odd_x, odd_y))) return pow_special_f32x4(x, y);
  return pow_positive(x, y, i32x4.splat(0));
}

@inline
function asinh_pair(a: v128): v128 {
  const root = f64x2.sqrt(madd<f64>(a, a, f64x2.splat(1)));
  return f64x2.mul(log2_f64(f64x2.add(a, root)), f64x2.splat(LN2));
}

/** asinh x = log(a + sqrt(a^2 + 1)) with the sign of x. */
@inline
export function asinh_f32x4(x: v128): v128 {
  const sign = sign_f32(x);
  const a = v128.xor(x, sign);
  const y = join(asinh_pair(low(a)), asinh_pair(high(a)));
  // Small arguments, infinity and NaN are their own.
  const known = v128.and(f32x4.gt(a, f32x4.splat(1e-4)), f32x4.lt(a, f32x4.splat(Infinity)));
  return v128.or(select<i32>(y, a, known), sign);
}

@inline
function acosh_pair(x: v128): v128 {
  const one = f64x2.splat(1);
  const root = f64x2.sqrt(f64x2.mul(f64x2.sub(x, one), f64x2.add(x, one)));
  return f64x2.mul(log2_f64(f64x2.add(x, root)), f64x2.splat(LN2));
}

/** acosh x = log(x + sqrt(x^2 - 1)). */
@inline
export function acosh_f32x4(x: v128): v128 {
  const y = join(acosh_pair(low(x)), acosh_pair(high(x)));
  const defined = select<i32>(y, f32x4.splat(NaN), f32x4.ge(x, f32x4.splat(1)));
  return select<i32>(x, defined, f32x4.eq(x, f32x4.splat(Infinity)));
}

@inline
function atanh_pair(a: v128): v128 {
  const one = f64x2.splat(1);
  const q = f64x2.div(f64x2.add(one, a), f64x2.sub(one, a));
  return f64x2.mul(log2_f64(q), f64x2.splat(0.5 * LN2));
}

/** atanh x = log((1 + a) / (1 - a)) / 2 with the sign of x. */
@inline
export function atanh_f32x4(x: v128): v128 {
  const sign = sign_f32(x);
  const a = v128.xor(x, sign);
  const one = f32x4.splat(1);
  const y = join(atanh_pair(low(a)), atanh_pair(high(a)));
  const edge = select<i32>(f32x4.splat(Infinity), f32x4.splat(NaN), f32x4.eq(a, one));
  const r = select<i32>(y, edge, f32x4.lt(a, one));
  return v128.or(select<i32>(a, r, f32x4.le(a, f32x4.splat(1e-4))), sign);
}
