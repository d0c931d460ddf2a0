// Conversions by value. From floating point they truncate, saturate, and turn NaN into 0, as XLA's do. Those between
// 32 and 64 bits take or give half a vector: `low` is lanes 0 and 1, `high` lanes 2 and 3.

import { high, join, low } from "./lanes";

/** f32 to i32. */
@inline
export function f32x4_to_i32x4(x: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(x);
}

/** f32 to u32. */
@inline
export function f32x4_to_u32x4(x: v128): v128 {
  return i32x4.trunc_sat_f32x4_u(x);
}

/** u32 to f32. */
@inline
export function u32x4_to_f32x4(x: v128): v128 {
  return f32x4.convert_i32x4_u(x);
}

/** i32 to f32. */
@inline
export function i32x4_to_f32x4(x: v128): v128 {
  return f32x4.convert_i32x4_s(x);
}

/** f64 to i64. */
@inline
export function f64x2_to_i64x2(x: v128): v128 {
  const first = <i64>f64x2.extract_lane(x, 0);
  return i64x2.replace_lane(i64x2.splat(first), 1, <i64>f64x2.extract_lane(x, 1));
}

/** i64 to f64. */
@inline
export function i64x2_to_f64x2(x: v128): v128 {
  const first = <f64>i64x2.extract_lane(x, 0);
  return f64x2.replace_lane(f64x2.splat(first), 1, <f64>i64x2.extract_lane(x, 1));
}

/** Lanes 0 and 1 of f32, to f64. */
@inline
export function f32x4_low_to_f64x2(x: v128): v128 {
  return low(x);
}

/** Lanes 2 and 3 of f32, to f64. */
@inline
export function f32x4_high_to_f64x2(x: v128): v128 {
  return high(x);
}

/** Two pairs of f64, to f32. */
@inline
export function f64x2_pair_to_f32x4(a: v128, b: v128): v128 {
  return join(a, b);
}

/** Lanes 0 and 1 of f32, to i64. */
@inline
export function f32x4_low_to_i64x2(x: v128): v128 {
  return f64x2_to_i64x2(low(x));
}

/** Lanes 2 and 3 of f32, to i64. */
@inline
export function f32x4_high_to_i64x2(x: v128): v128 {
  return f64x2_to_i64x2(high(x));
}

/** Two pairs of i64, to f32, with one rounding. */
@inline
export function i64x2_pair_to_f32x4(a: v128, b: v128): v128 {
  let r = f32x4.splat(<f32>i64x2.extract_lane(a, 0));
  r = f32x4.replace_lane(r, 1, <f32>i64x2.extract_lane(a, 1));
  r = f32x4.replace_lane(r, 2, <f32>i64x2.extract_lane(b, 0));
  return f32x4.replace_lane(r, 3, <f32>i64x2.extract_lane(b, 1));
}

/** Two pairs of f64, to i32. */
@inline
export function f64x2_pair_to_i32x4(a: v128, b: v128): v128 {
  return i64x2.shuffle(i32x4.trunc_sat_f64x2_s_zero(a), i32x4.trunc_sat_f64x2_s_zero(b), 0, 2);
}

/** Two pairs of f64, to u32. */
@inline
export function f64x2_pair_to_u32x4(a: v128, b: v128): v128 {
  return i64x2.shuffle(i32x4.trunc_sat_f64x2_u_zero(a), i32x4.trunc_sat_f64x2_u_zero(b), 0, 2);
}
