// Logarithms and inverse hyperbolic functions of f64 lanes; the method is in parts64.ts.

import { madd, nmadd, select } from "./madd";
import { abs_f64, product_low, residual, sign_f64, sum_low } from "./lanes";
import { exponent_f64, LN2_HIGH, LN2_LOW, log1p_sum_f64, log_tail_f64, small_to_f64 } from "./parts64";

/** x, or x 2^54 where x is subnormal. */
@inline
function normalised(x: v128, small: v128): v128 {
  return select<i64>(f64x2.mul(x, f64x2.splat(18014398509481984)), x, small);
}

/** y where x is positive and finite; elsewhere what a logarithm gives. */
@inline
function log_edges_f64(x: v128, y: v128): v128 {
  const zero = f64x2.splat(0);
  y = select<i64>(f64x2.splat(-Infinity), y, f64x2.eq(x, zero));
  y = select<i64>(f64x2.splat(NaN), y, f64x2.lt(x, zero));
  const finite = v128.or(f64x2.lt(x, f64x2.splat(Infinity)), f64x2.lt(x, zero));
  return select<i64>(y, x, finite);
}

/** log x. */
export function log_f64x2(x: v128): v128 {
  const small = f64x2.lt(x, f64x2.splat(2.2250738585072014e-308));
  const scaled = normalised(x, small);
  const k = exponent_f64(scaled);
  const f = f64x2.sub(i64x2.sub(scaled, i64x2.shl(k, 52)), f64x2.splat(1));
  const n = small_to_f64(i64x2.sub(k, v128.and(small, i64x2.splat(54))));
  const low = madd<f64>(n, f64x2.splat(LN2_LOW), log_tail_f64(f));
  return log_edges_f64(x, madd<f64>(n, f64x2.splat(LN2_HIGH), f64x2.add(f, low)));
}

/** log2 x = k + log(1 + f) / ln 2, the product in two parts; exact for powers of 2. */
export function log2_f64x2(x: v128): v128 {
  const small = f64x2.lt(x, f64x2.splat(2.2250738585072014e-308));
  const scaled = normalised(x, small);
  const k = exponent_f64(scaled);
  const f = f64x2.sub(i64x2.sub(scaled, i64x2.shl(k, 52)), f64x2.splat(1));
  const n = small_to_f64(i64x2.sub(k, v128.and(small, i64x2.splat(54))));
  const log2e = f64x2.splat(1.4426950408889634);
  const p = f64x2.mul(f, log2e);
  const rest = madd<f64>(f, f64x2.splat(2.0355273740931033e-17), product_low(f, log2e, p));
  const low = madd<f64>(log_tail_f64(f), log2e, rest);
  const sum = f64x2.add(n, p);
  const lost = f64x2.sub(p, f64x2.sub(sum, n));
  return log_edges_f64(x, f64x2.add(sum, f64x2.add(lost, low)));
}

/** log(1 + x). */
export function log1p_f64x2(x: v128): v128 {
  const y = log1p_sum_f64(x, f64x2.splat(0));
  const edges = log_edges_f64(f64x2.add(x, f64x2.splat(1)), y);
  // The sign is that of x, also for -0; and what is tiny is its own logarithm.
  const tiny = f64x2.lt(abs_f64(x), f64x2.splat(1e-300));
  return select<i64>(x, edges, tiny);
}

/** asinh x = log1p(a + a^2 / (1 + sqrt(1 + a^2))) with the sign of x; log(2 a) where a^2 is out of range. */
export function asinh_f64x2(x: v128): v128 {
  const sign = sign_f64(x);
  const a = v128.xor(x, sign);
  const one = f64x2.splat(1);
  const huge = f64x2.gt(a, f64x2.splat(268435456));
  const b = select<i64>(one, a, huge);
  const z = f64x2.mul(b, b);
  const q = f64x2.div(z, f64x2.add(f64x2.sqrt(f64x2.add(z, one)), one));
  const u = f64x2.add(b, q);
  const moderate = log1p_sum_f64(u, sum_low(b, q, u));
  const large = f64x2.add(log_f64x2(a), f64x2.splat(0.6931471805599453));
  return v128.or(select<i64>(large, moderate, huge), sign);
}

/** acosh x = log1p(t + sqrt(2 t + t^2)), t = x - 1. */
export function acosh_f64x2(x: v128): v128 {
  const one = f64x2.splat(1);
  const huge = f64x2.gt(x, f64x2.splat(268435456));
  const t = f64x2.sub(select<i64>(one, x, huge), one);
  // v = 2 t + t^2 in two parts, and its root likewise.
  const square = f64x2.mul(t, t);
  const twice = f64x2.add(t, t);
  const v = f64x2.add(twice, square);
  const lost = f64x2.add(sum_low(twice, square, v), product_low(t, t, square));
  const root = f64x2.sqrt(v);
  const rest = f64x2.div(f64x2.add(residual(root, root, v), lost), f64x2.add(root, root));
  const u = f64x2.add(t, root);
  // rest is 0 / 0 at x = 1.
  const low = f64x2.add(sum_low(t, root, u), v128.and(rest, f64x2.gt(root, f64x2.splat(0))));
  const moderate = log1p_sum_f64(u, low);
  const large = f64x2.add(log_f64x2(x), f64x2.splat(0.6931471805599453));
  const known = select<i64>(large, moderate, huge);
  return select<i64>(f64x2.splat(NaN), known, f64x2.lt(x, one));
}

/** atanh x = log1p(2 a / (1 - a)) / 2 with the sign of x. */
export function atanh_f64x2(x: v128): v128 {
  const sign = sign_f64(x);
  const a = v128.xor(x, sign);
  const one = f64x2.splat(1);
  const above = f64x2.add(a, a);
  const below = f64x2.sub(one, a);
  const q = f64x2.div(above, below);
  // What the quotient and the difference lost.
  const lost = f64x2.sub(f64x2.sub(one, below), a);
  const rest = f64x2.div(nmadd<f64>(q, lost, residual(q, below, above)), below);
  const y = f64x2.mul(log1p_sum_f64(q, rest), f64x2.splat(0.5));
  const edge = select<i64>(f64x2.splat(Infinity), f64x2.splat(NaN), f64x2.eq(a, one));
  const known = select<i64>(y, edge, f64x2.lt(a, one));
  const tiny = f64x2.lt(a, f64x2.splat(1e-300));
  return v128.or(select<i64>(a, known, tiny), sign);
}
