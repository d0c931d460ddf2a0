// Rounding, signs, neighbours and remainders.

import { nmadd, select } from "./madd";
import { abs_f32, abs_f64, high, join, low, product_low, sign_f32, sign_f64 } from "./lanes";

/** The nearest whole number, ties to even. */
@inline
export function round_even_f32x4(x: v128): v128 {
  return f32x4.nearest(x);
}

/** The nearest whole number, ties to even. */
@inline
export function round_even_f64x2(x: v128): v128 {
  return f64x2.nearest(x);
}

/** The nearest whole number, ties away from zero. */
@inline
export function round_away_f32x4(x: v128): v128 {
  const t = f32x4.trunc(x);
  const far = f32x4.ge(abs_f32(f32x4.sub(x, t)), f32x4.splat(0.5));
  const sign = sign_f32(x);
  return v128.or(f32x4.add(t, v128.and(far, v128.or(f32x4.splat(1), sign))), sign);
}

/** The nearest whole number, ties away from zero. */
@inline
export function round_away_f64x2(x: v128): v128 {
  const t = f64x2.trunc(x);
  const far = f64x2.ge(abs_f64(f64x2.sub(x, t)), f64x2.splat(0.5));
  const sign = sign_f64(x);
  return v128.or(f64x2.add(t, v128.and(far, v128.or(f64x2.splat(1), sign))), sign);
}

/** -1 or 1; zeros and NaN are kept. */
@inline
export function sign_f32x4(x: v128): v128 {
  const zero = f32x4.splat(0);
  const ordered = v128.or(f32x4.lt(x, zero), f32x4.gt(x, zero));
  return select<i32>(v128.or(f32x4.splat(1), sign_f32(x)), x, ordered);
}

/** -1 or 1; zeros and NaN are kept. */
@inline
export function sign_f64x2(x: v128): v128 {
  const zero = f64x2.splat(0);
  const ordered = v128.or(f64x2.lt(x, zero), f64x2.gt(x, zero));
  return select<i64>(v128.or(f64x2.splat(1), sign_f64(x)), x, ordered);
}

/** 1 / sqrt x. */
@inline
export function rsqrt_f32x4(x: v128): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.sqrt(x));
}

/** 1 / sqrt x. */
@inline
export function rsqrt_f64x2(x: v128): v128 {
  return f64x2.div(f64x2.splat(1), f64x2.sqrt(x));
}

/** The next number from x towards y; y itself if they are equal, NaN if one is. */
export function nextafter_f32x4(x: v128, y: v128): v128 {
  const zero = f32x4.splat(0);
  const up = f32x4.gt(y, x);
  // Bits count magnitudes: further from zero is one more.
  const away = i32x4.eq(up, f32x4.gt(x, zero));
  const step = i32x4.sub(v128.not(away), away);
  const first = v128.or(i32x4.splat(1), sign_f32(y));
  const moved = select<i32>(first, i32x4.add(x, step), f32x4.eq(x, zero));
  const r = select<i32>(y, moved, f32x4.eq(x, y));
  const nan = v128.or(f32x4.ne(x, x), f32x4.ne(y, y));
  return select<i32>(f32x4.splat(NaN), r, nan);
}

/** The next number from x towards y; y itself if they are equal, NaN if one is. */
export function nextafter_f64x2(x: v128, y: v128): v128 {
  const zero = f64x2.splat(0);
  const up = f64x2.gt(y, x);
  const away = i64x2.eq(up, f64x2.gt(x, zero));
  const step = i64x2.sub(v128.not(away), away);
  const first = v128.or(i64x2.splat(1), sign_f64(y));
  const moved = select<i64>(first, i64x2.add(x, step), f64x2.eq(x, zero));
  const r = select<i64>(y, moved, f64x2.eq(x, y));
  const nan = v128.or(f64x2.ne(x, x), f64x2.ne(y, y));
  return select<i64>(f64x2.splat(NaN), r, nan);
}

/** m 2^j for 0 <= j <= 2098, the result being in range: four factors, because one cannot hold 2^j. */
@inline
function scale_up(m: v128, j: v128): v128 {
  const bias = i64x2.splat(1023);
  const quarter = i64x2.shr_u(j, 2);
  const one = i64x2.shl(i64x2.add(quarter, bias), 52);
  const rest = i64x2.sub(j, i64x2.add(i64x2.add(quarter, quarter), quarter));
  const last = i64x2.shl(i64x2.add(rest, bias), 52);
  return f64x2.mul(f64x2.mul(f64x2.mul(f64x2.mul(m, one), one), one), last);
}

/** The exponent of x > 0, as i64. */
@inline
function exponent(x: v128): v128 {
  const small = f64x2.lt(x, f64x2.splat(2.2250738585072014e-308));
  const normal = select<i64>(f64x2.mul(x, f64x2.splat(18014398509481984)), x, small);
  return i64x2.sub(i64x2.shr_u(normal, 52), v128.and(small, i64x2.splat(54)));
}

/**
 * The remainder of x / y with the sign of x, exactly, as C's fmod: takes off whole multiples of y 2^j,
 * each quotient less than 2^46 and at most one too large, until less than y is left.
 */
export function rem_f64x2(x: v128, y: v128): v128 {
  const zero = f64x2.splat(0);
  const infinite = f64x2.splat(Infinity);
  const sign = sign_f64(x);
  const m = abs_f64(y);
  const a = v128.xor(x, sign);
  const valid = v128.and(f64x2.lt(a, infinite), v128.and(f64x2.gt(m, zero), f64x2.lt(m, infinite)));
  let r = v128.and(a, valid);
  let busy = v128.and(f64x2.ge(r, m), valid);
  while (v128.any_true(busy)) {
    const j = i64x2.sub(i64x2.sub(exponent(r), exponent(m)), i64x2.splat(44));
    const unit = scale_up(m, v128.and(j, i64x2.gt_s(j, i64x2.splat(0))));
    // A quotient that is one too large must not overflow.
    const down = select<i64>(f64x2.splat(0.25), f64x2.splat(1), f64x2.gt(r, f64x2.splat(1e300)));
    const up = select<i64>(f64x2.splat(4), f64x2.splat(1), f64x2.gt(r, f64x2.splat(1e300)));
    const q = f64x2.trunc(f64x2.div(r, unit));
    const part = f64x2.mul(unit, down);
    const p = f64x2.mul(q, part);
    let next = f64x2.sub(f64x2.sub(f64x2.mul(r, down), p), product_low(q, part, p));
    next = f64x2.mul(f64x2.add(next, v128.and(part, f64x2.lt(next, zero))), up);
    r = select<i64>(next, r, busy);
    busy = v128.and(f64x2.ge(r, m), valid);
  }
  // x / infinity leaves x; the rest that is not valid has no remainder.
  const kept = v128.and(f64x2.lt(a, infinite), f64x2.eq(m, infinite));
  r = select<i64>(a, r, kept);
  r = select<i64>(r, f64x2.splat(NaN), v128.or(valid, kept));
  return v128.or(r, sign);
}

/** The remainder of x / y with the sign of x, in f64. */
export function rem_f32x4(x: v128, y: v128): v128 {
  return join(rem_f64x2(low(x), low(y)), rem_f64x2(high(x), high(y)));
}
