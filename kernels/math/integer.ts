// Integer operations that wasm SIMD lacks, with XLA's results: x / 0 is all ones and x % 0 is x; MIN / -1 is MIN and
// MIN % -1 is 0; shifts by the width or more give 0, or the sign.

import { select } from "./madd";

/** The upper two lanes, moved down. */
@inline
function upper(x: v128): v128 {
  return i64x2.shuffle(x, x, 1, 0);
}

/** x / y, towards zero. Quotients of 32-bit integers are exact enough in f64 to be truncated. */
export function div_i32x4(x: v128, y: v128): v128 {
  const first = f64x2.div(f64x2.convert_low_i32x4_s(x), f64x2.convert_low_i32x4_s(y));
  const second = f64x2.div(f64x2.convert_low_i32x4_s(upper(x)), f64x2.convert_low_i32x4_s(upper(y)));
  const q = i64x2.shuffle(
    i32x4.trunc_sat_f64x2_s_zero(first),
    i32x4.trunc_sat_f64x2_s_zero(second),
    0,
    2,
  );
  // MIN / -1 would saturate.
  const wrapped = select<i32>(i32x4.neg(x), q, i32x4.eq(y, i32x4.splat(-1)));
  return v128.or(v128.andnot(wrapped, i32x4.eq(y, i32x4.splat(0))), i32x4.eq(y, i32x4.splat(0)));
}

/** x - y (x / y). */
export function rem_i32x4(x: v128, y: v128): v128 {
  return i32x4.sub(x, i32x4.mul(div_i32x4(x, y), y));
}

/** x / y, unsigned. */
export function div_u32x4(x: v128, y: v128): v128 {
  const first = f64x2.div(f64x2.convert_low_i32x4_u(x), f64x2.convert_low_i32x4_u(y));
  const second = f64x2.div(f64x2.convert_low_i32x4_u(upper(x)), f64x2.convert_low_i32x4_u(upper(y)));
  const q = i64x2.shuffle(
    i32x4.trunc_sat_f64x2_u_zero(first),
    i32x4.trunc_sat_f64x2_u_zero(second),
    0,
    2,
  );
  return v128.or(q, i32x4.eq(y, i32x4.splat(0)));
}

/** x - y (x / y), unsigned. */
export function rem_u32x4(x: v128, y: v128): v128 {
  return i32x4.sub(x, i32x4.mul(div_u32x4(x, y), y));
}

function div_lane(x: i64, y: i64): i64 {
  if (y == 0) return -1;
  if (y == -1) return -x;
  return x / y;
}

function rem_lane(x: i64, y: i64): i64 {
  if (y == 0) return x;
  if (y == -1) return 0;
  return x % y;
}

/** x / y, towards zero. */
export function div_i64x2(x: v128, y: v128): v128 {
  const first = div_lane(i64x2.extract_lane(x, 0), i64x2.extract_lane(y, 0));
  const second = div_lane(i64x2.extract_lane(x, 1), i64x2.extract_lane(y, 1));
  return i64x2.replace_lane(i64x2.splat(first), 1, second);
}

/** x - y (x / y). */
export function rem_i64x2(x: v128, y: v128): v128 {
  const first = rem_lane(i64x2.extract_lane(x, 0), i64x2.extract_lane(y, 0));
  const second = rem_lane(i64x2.extract_lane(x, 1), i64x2.extract_lane(y, 1));
  return i64x2.replace_lane(i64x2.splat(first), 1, second);
}

/** x^n, wrapped; the exponent counts as unsigned. */
export function pow_i32x4(x: v128, n: v128): v128 {
  let r = i32x4.splat(1);
  while (v128.any_true(n)) {
    const odd = i32x4.neg(v128.and(n, i32x4.splat(1)));
    r = select<i32>(i32x4.mul(r, x), r, odd);
    x = i32x4.mul(x, x);
    n = i32x4.shr_u(n, 1);
  }
  return r;
}

/** x^n, wrapped; the exponent counts as unsigned. */
export function pow_i64x2(x: v128, n: v128): v128 {
  let r = i64x2.splat(1);
  while (v128.any_true(n)) {
    const odd = i64x2.neg(v128.and(n, i64x2.splat(1)));
    r = select<i64>(i64x2.mul(r, x), r, odd);
    x = i64x2.mul(x, x);
    n = i64x2.shr_u(n, 1);
  }
  return r;
}

/** All ones where 0 <= n < 32. */
@inline
function in_width(n: v128): v128 {
  return i32x4.eq(v128.and(n, i32x4.splat(~31)), i32x4.splat(0));
}

/** x << n, lane by lane: times 2^n, which comes from the exponent of a float. */
@inline
export function shift_left_i32x4(x: v128, n: v128): v128 {
  const power = i32x4.shl(i32x4.add(n, i32x4.splat(127)), 23);
  // Unsigned, because 2^31 would saturate a signed conversion.
  return v128.and(i32x4.mul(x, i32x4.trunc_sat_f32x4_u(power)), in_width(n));
}

/** All ones where bit b of n is set. */
@inline
function bit(n: v128, b: i32): v128 {
  return i32x4.shr_s(i32x4.shl(n, 31 - b), 31);
}

/** x >>> n, lane by lane. */
export function shift_right_logical_i32x4(x: v128, n: v128): v128 {
  x = select<i32>(i32x4.shr_u(x, 16), x, bit(n, 4));
  x = select<i32>(i32x4.shr_u(x, 8), x, bit(n, 3));
  x = select<i32>(i32x4.shr_u(x, 4), x, bit(n, 2));
  x = select<i32>(i32x4.shr_u(x, 2), x, bit(n, 1));
  x = select<i32>(i32x4.shr_u(x, 1), x, bit(n, 0));
  return v128.and(x, in_width(n));
}

/** x >> n, lane by lane. */
export function shift_right_arithmetic_i32x4(x: v128, n: v128): v128 {
  const sign = i32x4.shr_s(x, 31);
  x = select<i32>(i32x4.shr_s(x, 16), x, bit(n, 4));
  x = select<i32>(i32x4.shr_s(x, 8), x, bit(n, 3));
  x = select<i32>(i32x4.shr_s(x, 4), x, bit(n, 2));
  x = select<i32>(i32x4.shr_s(x, 2), x, bit(n, 1));
  x = select<i32>(i32x4.shr_s(x, 1), x, bit(n, 0));
  return select<i32>(x, sign, in_width(n));
}

/** x << n, lane by lane. */
export function shift_left_i64x2(x: v128, n: v128): v128 {
  const m = <u64>i64x2.extract_lane(n, 0);
  const k = <u64>i64x2.extract_lane(n, 1);
  const first = m < 64 ? i64x2.extract_lane(x, 0) << m : 0;
  const second = k < 64 ? i64x2.extract_lane(x, 1) << k : 0;
  return i64x2.replace_lane(i64x2.splat(first), 1, second);
}

/** x >>> n, lane by lane. */
export function shift_right_logical_i64x2(x: v128, n: v128): v128 {
  const m = <u64>i64x2.extract_lane(n, 0);
  const k = <u64>i64x2.extract_lane(n, 1);
  const first = m < 64 ? <u64>i64x2.extract_lane(x, 0) >> m : 0;
  const second = k < 64 ? <u64>i64x2.extract_lane(x, 1) >> k : 0;
  return i64x2.replace_lane(i64x2.splat(first), 1, second);
}

/** x >> n, lane by lane. */
export function shift_right_arithmetic_i64x2(x: v128, n: v128): v128 {
  const m = <u64>i64x2.extract_lane(n, 0);
  const k = <u64>i64x2.extract_lane(n, 1);
  const first = i64x2.extract_lane(x, 0) >> (m < 64 ? m : 63);
  const second = i64x2.extract_lane(x, 1) >> (k < 64 ? k : 63);
  return i64x2.replace_lane(i64x2.splat(first), 1, second);
}

/** The number of ones. */
@inline
export function popcount_i32x4(x: v128): v128 {
  return i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(i8x16.popcnt(x)));
}

/** The number of ones. */
@inline
export function popcount_i64x2(x: v128): v128 {
  const words = popcount_i32x4(x);
  return i64x2.add(i64x2.shr_u(words, 32), v128.and(words, i64x2.splat(0xffffffff)));
}

/** The number of zeros above the highest one. */
@inline
export function clz_i32x4(x: v128): v128 {
  x = v128.or(x, i32x4.shr_u(x, 1));
  x = v128.or(x, i32x4.shr_u(x, 2));
  x = v128.or(x, i32x4.shr_u(x, 4));
  x = v128.or(x, i32x4.shr_u(x, 8));
  x = v128.or(x, i32x4.shr_u(x, 16));
  return popcount_i32x4(v128.not(x));
}

/** The number of zeros above the highest one. */
@inline
export function clz_i64x2(x: v128): v128 {
  const first = clz<i64>(i64x2.extract_lane(x, 0));
  return i64x2.replace_lane(i64x2.splat(first), 1, clz<i64>(i64x2.extract_lane(x, 1)));
}
