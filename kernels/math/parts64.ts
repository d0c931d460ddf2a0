// What several functions of f64 lanes are made of: the reduction and the polynomial of exponentials, the scaling by 2^n,
// the core of logarithms. Exponentials are reduced as in exp.ts. For logarithms x = 2^k (1 + f), and with
// s = f / (2 + f), z = s^2 (Tang 1990; the form of the sum is that of Sun's fdlibm):
// log(1 + f) = f - (f^2 / 2 - s (f^2 / 2 + z R(z))).

import { madd, nmadd } from "./madd";
import { sum_low } from "./lanes";
import { exp_tail_f64, log_z_f64 } from "./poly";

export const LOG2E: f64 = 1.4426950408889634;
// 33 bits of ln 2, and the rest.
export const LN2_HIGH: f64 = 6.93147180369123816490e-01;
export const LN2_LOW: f64 = 1.90821492927058770002e-10;
// 1.5 * 2^52 with 2 * 1023, and with 1023.
export const ROUND_TWICE_BIASED: f64 = 6755399441057790;
export const ROUND_BIASED: f64 = 6755399441056767;
const ROOT_HALF: i64 = 0x3fe6a09e667f3bcd;

/** p * 2^n for n in [-2044, 2046], where the low bits of `t` hold n + 2046. */
@inline
export function scale_twice_f64(p: v128, t: v128): v128 {
  const half = i64x2.shr_u(t, 1);
  const rest = i64x2.sub(t, half);
  return f64x2.mul(f64x2.mul(p, i64x2.shl(half, 52)), i64x2.shl(rest, 52));
}

/** x reduced by n ln 2. */
@inline
export function reduce_f64(x: v128, n: v128): v128 {
  return nmadd<f64>(n, f64x2.splat(LN2_LOW), nmadd<f64>(n, f64x2.splat(LN2_HIGH), x));
}

/** e^r - 1 for |r| <= ln 2 / 2. */
@inline
export function expm1_small_f64(r: v128): v128 {
  return madd<f64>(f64x2.mul(r, r), exp_tail_f64(r), r);
}

/** factor e^(x + low), where `low` is far below x, and x in [-746, 710]. */
@inline
export function exp_sum_f64(x: v128, low: v128, factor: f64): v128 {
  const t = madd<f64>(x, f64x2.splat(LOG2E), f64x2.splat(ROUND_TWICE_BIASED));
  const n = f64x2.sub(t, f64x2.splat(ROUND_TWICE_BIASED));
  const p = expm1_small_f64(f64x2.add(reduce_f64(x, n), low));
  const one = f64x2.splat(1);
  const y = f64x2.add(p, one);
  return scale_twice_f64(factor === 1 ? y : f64x2.mul(y, f64x2.splat(factor)), t);
}

/** The exponent k for which x 2^-k is in [sqrt 1/2, sqrt 2], as i64; x positive and normal. */
@inline
export function exponent_f64(x: v128): v128 {
  return i64x2.shr_s(i64x2.sub(x, i64x2.splat(ROOT_HALF)), 52);
}

/** Small integers (|k| < 2^31) as f64. */
@inline
export function small_to_f64(k: v128): v128 {
  return f64x2.convert_low_i32x4_s(i32x4.shuffle(k, k, 0, 2, 0, 2));
}

/** log(1 + f) - f. */
@inline
export function log_tail_f64(f: v128): v128 {
  const s = f64x2.div(f, f64x2.add(f, f64x2.splat(2)));
  const z = f64x2.mul(s, s);
  const half = f64x2.mul(f64x2.mul(f, f), f64x2.splat(0.5));
  return f64x2.sub(f64x2.mul(s, madd<f64>(z, log_z_f64(z), half)), half);
}

/** log(1 + u + low), with `low` far below u; u > -1 and finite, else NaN or infinity may come. */
@inline
export function log1p_sum_f64(u: v128, low: v128): v128 {
  const one = f64x2.splat(1);
  const w = f64x2.add(u, one);
  const c = f64x2.add(sum_low(one, u, w), low);
  const k = exponent_f64(w);
  const f = f64x2.sub(i64x2.sub(w, i64x2.shl(k, 52)), one);
  const n = small_to_f64(k);
  const tail = f64x2.add(log_tail_f64(f), f64x2.div(c, w));
  const rest = madd<f64>(n, f64x2.splat(LN2_LOW), tail);
  return madd<f64>(n, f64x2.splat(LN2_HIGH), f64x2.add(f, rest));
}
