// Small pieces that several functions share: signs, halves, exact products.

import { madd, nmadd } from "./madd";

/** |x|. One operation, where `f32x4.abs` takes three. */
@inline
export function abs_f32(x: v128): v128 {
  return v128.andnot(x, f32x4.splat(-0.0));
}

/** |x|. */
@inline
export function abs_f64(x: v128): v128 {
  return v128.andnot(x, f64x2.splat(-0.0));
}

/** The sign bits of x, nothing else. */
@inline
export function sign_f32(x: v128): v128 {
  return v128.and(x, f32x4.splat(-0.0));
}

/** The sign bits of x, nothing else. */
@inline
export function sign_f64(x: v128): v128 {
  return v128.and(x, f64x2.splat(-0.0));
}

/** Lanes 0 and 1 of four f32, as f64. */
@inline
export function low(x: v128): v128 {
  return f64x2.promote_low_f32x4(x);
}

/** Lanes 2 and 3 of four f32, as f64. */
@inline
export function high(x: v128): v128 {
  return f64x2.promote_low_f32x4(i64x2.shuffle(x, x, 1, 0));
}

/** Four f32 from two pairs of f64. */
@inline
export function join(a: v128, b: v128): v128 {
  return i64x2.shuffle(
    f32x4.demote_f64x2_zero(a),
    f32x4.demote_f64x2_zero(b),
    0,
    2,
  );
}

/** a with its low 27 bits cleared (Dekker 1971, by masking). */
@inline
function upper(a: v128): v128 {
  return v128.and(a, i64x2.splat(0xfffffffff8000000));
}

/** a b - p, where p is a b rounded: what rounding lost, exactly (within range). */
@inline
export function product_low(a: v128, b: v128, p: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<f64>(a, b, f64x2.neg(p));
  const ah = upper(a);
  const al = f64x2.sub(a, ah);
  const bh = upper(b);
  const bl = f64x2.sub(b, bh);
  const first = f64x2.add(f64x2.sub(f64x2.mul(ah, bh), p), f64x2.mul(ah, bl));
  return f64x2.add(f64x2.add(first, f64x2.mul(al, bh)), f64x2.mul(al, bl));
}

/** c - a b with one rounding, or nearly so, where a b is close to c. */
@inline
export function residual(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_nmadd<f64>(a, b, c);
  const p = f64x2.mul(a, b);
  return f64x2.sub(f64x2.sub(c, p), product_low(a, b, p));
}

/** What rounding lost in s = a + b, for any a and b (Knuth). */
@inline
export function sum_low(a: v128, b: v128, s: v128): v128 {
  const t = f64x2.sub(s, a);
  return f64x2.add(f64x2.sub(a, f64x2.sub(s, t)), f64x2.sub(b, t));
}
