// The error function of f64 lanes, its complement, and its inverse, that of f32 lanes too.

import { madd, nmadd, select } from "./madd";
import { abs_f64, product_low, residual, sign_f64 } from "./lanes";
import { expm1_small_f64, LOG2E, reduce_f64, ROUND_TWICE_BIASED, scale_twice_f64 } from "./parts64";
import { log_f32x4 } from "./log";
import { log_f64x2 } from "./log64";
import {
  erf_inv_far_f64,
  erf_inv_middle_f32,
  erf_inv_middle_f64,
  erf_inv_tail_f32,
  erf_inv_tail_f64,
  erf_small_f64,
  erfc_tail_f64,
} from "./poly";

const H0: f64 = 1.2329951186255526;
const H0_LOW: f64 = -4.625318921008717e-17;

/**
 * erfc a for 0 <= a <= 28: e^(-a^2) G(a), (1 + 2 a) e^(a^2) erfc(a) being a polynomial in (a - 4) / (a + 4) for all a
 * (Shepherd and Laframboise 1981). Squares and quotients are carried in two parts.
 */
@inline
function erfc_positive(a: v128): v128 {
  const four = f64x2.splat(4);
  const q = f64x2.div(f64x2.sub(a, four), f64x2.add(a, four));
  // h = h(0) + rest, and what that sum loses; h(0) too has two parts.
  const center = f64x2.splat(H0);
  const change = f64x2.mul(erfc_tail_f64(q), q);
  const h = f64x2.add(center, change);
  const h_low = f64x2.add(f64x2.add(f64x2.sub(center, h), change), f64x2.splat(H0_LOW));
  const one = f64x2.splat(1);
  const twice = f64x2.add(a, a);
  const d = f64x2.add(twice, one);
  // What 1 + 2 a lost: 2 a >= 1 or not.
  const t = f64x2.sub(d, twice);
  const d_low = f64x2.add(f64x2.sub(twice, f64x2.sub(d, t)), f64x2.sub(one, t));
  const g = f64x2.div(h, d);
  const g_low = f64x2.div(nmadd<f64>(g, d_low, f64x2.add(residual(g, d, h), h_low)), d);
  const square = f64x2.mul(a, a);
  const x = f64x2.neg(square);
  const round = f64x2.splat(ROUND_TWICE_BIASED);
  const k = madd<f64>(x, f64x2.splat(LOG2E), round);
  const r = f64x2.sub(reduce_f64(x, f64x2.sub(k, round)), product_low(a, a, square));
  const p = expm1_small_f64(r);
  return scale_twice_f64(f64x2.add(g, madd<f64>(g, p, g_low)), k);
}

/** erf x. */
export function erf_f64x2(x: v128): v128 {
  const sign = sign_f64(x);
  // erf 6 rounds to 1.
  const a = f64x2.pmin(v128.xor(x, sign), f64x2.splat(6));
  const small = madd<f64>(erf_small_f64(f64x2.mul(a, a)), a, a);
  const one = f64x2.splat(1);
  const large = f64x2.sub(one, erfc_positive(a));
  return v128.or(select<i64>(small, large, f64x2.lt(a, one)), sign);
}

/** 1 - erf x, without cancellation for large x. */
export function erfc_f64x2(x: v128): v128 {
  const sign = sign_f64(x);
  const a = f64x2.pmin(v128.xor(x, sign), f64x2.splat(28));
  const y = erfc_positive(a);
  const far = select<i64>(f64x2.sub(f64x2.splat(2), y), y, i64x2.shr_s(x, 63));
  // Near 0, where the result is near 1, 1 - erf x is more exact.
  const erf = v128.xor(madd<f64>(erf_small_f64(f64x2.mul(a, a)), a, a), sign);
  return select<i64>(f64x2.sub(f64x2.splat(1), erf), far, f64x2.lt(a, f64x2.splat(0.25)));
}

/** y for x = +-1, where the inverse is infinite, and beyond, where there is none. */
@inline
function inverse_edges_f64(x: v128, a: v128, y: v128): v128 {
  const one = f64x2.splat(1);
  const infinite = v128.or(f64x2.splat(Infinity), sign_f64(x));
  return select<i64>(y, select<i64>(infinite, f64x2.splat(NaN), f64x2.eq(a, one)), f64x2.lt(a, one));
}

/** The inverse of erf: x times a polynomial in w = -log(1 - x^2), or in sqrt w (Giles 2010); within 16 ulp. */
export function erf_inv_f64x2(x: v128): v128 {
  const a = abs_f64(x);
  const one = f64x2.splat(1);
  const w = f64x2.neg(log_f64x2(f64x2.mul(f64x2.sub(one, a), f64x2.add(one, a))));
  const s = f64x2.sqrt(w);
  const middle = erf_inv_middle_f64(f64x2.sub(w, f64x2.splat(3.125)));
  const tail = erf_inv_tail_f64(f64x2.sub(s, f64x2.splat(3.25)));
  const far = erf_inv_far_f64(f64x2.sub(s, f64x2.splat(5)));
  let q = select<i64>(middle, tail, f64x2.lt(w, f64x2.splat(6.25)));
  q = select<i64>(far, q, f64x2.gt(w, f64x2.splat(16)));
  return inverse_edges_f64(x, a, f64x2.mul(q, x));
}

/** The inverse of erf. */
@inline
export function erf_inv_f32x4(x: v128): v128 {
  const a = v128.andnot(x, f32x4.splat(-0.0));
  const one = f32x4.splat(1);
  const w = f32x4.neg(log_f32x4(f32x4.mul(f32x4.sub(one, a), f32x4.add(one, a))));
  const middle = erf_inv_middle_f32(f32x4.sub(w, f32x4.splat(2.5)));
  const tail = erf_inv_tail_f32(f32x4.sub(f32x4.sqrt(w), f32x4.splat(3)));
  const y = f32x4.mul(select<i32>(middle, tail, f32x4.lt(w, f32x4.splat(5))), x);
  const infinite = v128.or(f32x4.splat(Infinity), v128.and(x, f32x4.splat(-0.0)));
  const edge = select<i32>(infinite, f32x4.splat(NaN), f32x4.eq(a, one));
  return select<i32>(y, edge, f32x4.lt(a, one));
}
