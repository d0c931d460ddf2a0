// Powers in f64 lanes (those of f32 are in wide.ts) and cube roots.

import { madd, nmadd, select } from "./madd";
import { abs_f64, high, join, low, product_low, residual, sign_f64, sum_low } from "./lanes";
import {
  exponent_f64,
  expm1_small_f64,
  LN2_HIGH,
  LN2_LOW,
  LOG2E,
  reduce_f64,
  ROUND_TWICE_BIASED,
  scale_twice_f64,
  small_to_f64,
} from "./parts64";
import { pow_log_f64 } from "./poly";
import { pow_edges } from "./wide";

/**
 * a^y for positive, finite a. The logarithm is 2 s + 2/3 s^3 + s^5 P(s^2) with s = f / (2 + f), its first two
 * terms in two parts each (Tang 1990 has the series; Dekker 1971 the arithmetic), so that about 65 bits are right.
 */
@inline
function pow_positive_f64(a: v128, y: v128): v128 {
  const small = f64x2.lt(a, f64x2.splat(2.2250738585072014e-308));
  const x = select<i64>(f64x2.mul(a, f64x2.splat(18014398509481984)), a, small);
  const k = exponent_f64(x);
  const n = small_to_f64(i64x2.sub(k, v128.and(small, i64x2.splat(54))));
  const two = f64x2.splat(2);
  const f = f64x2.sub(i64x2.sub(x, i64x2.shl(k, 52)), f64x2.splat(1));
  const d = f64x2.add(f, two);
  const d_low = f64x2.sub(f, f64x2.sub(d, two));
  const s = f64x2.div(f, d);
  const s_low = f64x2.div(nmadd<f64>(s, d_low, residual(s, d, f)), d);
  const z = f64x2.mul(s, s);
  const z_low = madd<f64>(f64x2.add(s, s), s_low, product_low(s, s, z));
  const cube = f64x2.mul(s, z);
  const cube_low = madd<f64>(s, z_low, madd<f64>(s_low, z, product_low(s, z, cube)));
  const third = f64x2.splat(0.6666666666666666);
  const u = f64x2.mul(cube, third);
  let tail = madd<f64>(cube, f64x2.splat(3.700743415417188e-17), product_low(cube, third, u));
  tail = madd<f64>(cube_low, third, tail);
  tail = madd<f64>(f64x2.mul(cube, z), pow_log_f64(z), tail);
  const s2 = f64x2.add(s, s);
  const log_f = f64x2.add(s2, u);
  const log_f_low = f64x2.add(
    f64x2.add(f64x2.sub(s2, log_f), u),
    madd<f64>(two, s_low, tail),
  );
  const turns = f64x2.mul(n, f64x2.splat(LN2_HIGH));
  const sum = f64x2.add(turns, log_f);
  const lost = f64x2.add(sum_low(turns, log_f, sum), log_f_low);
  const rest = madd<f64>(n, f64x2.splat(LN2_LOW), lost);
  const log_high = f64x2.add(sum, rest);
  const log_low = f64x2.add(f64x2.sub(sum, log_high), rest);
  const p = f64x2.mul(y, log_high);
  const p_low = madd<f64>(y, log_low, product_low(y, log_high, p));
  const c = f64x2.pmax(f64x2.pmin(p, f64x2.splat(710)), f64x2.splat(-746));
  const round = f64x2.splat(ROUND_TWICE_BIASED);
  const t = madd<f64>(c, f64x2.splat(LOG2E), round);
  // Where p was out of range, its low part may be anything.
  const c_low = v128.and(p_low, f64x2.eq(c, p));
  const r = f64x2.add(reduce_f64(c, f64x2.sub(t, round)), c_low);
  return scale_twice_f64(f64x2.add(expm1_small_f64(r), f64x2.splat(1)), t);
}

/** x^y for any x and y. */
export function pow_special_f64x2(x: v128, y: v128): v128 {
  return pow_edges<f64, i64>(x, y, pow_positive_f64(abs_f64(x), y));
}

/** x^y. */
export function pow_f64x2(x: v128, y: v128): v128 {
  // x not positive and finite, or y not finite.
  const infinite = f64x2.splat(Infinity);
  const plain_x = v128.and(f64x2.gt(x, f64x2.splat(0)), f64x2.lt(x, infinite));
  const plain = v128.and(plain_x, f64x2.lt(abs_f64(y), infinite));
  if (i64x2.all_true(plain)) return pow_positive_f64(x, y);
  return pow_special_f64x2(x, y);
}

/** One step of Halley's method for t^3 = a, cubic in its error: t + t (a / t^2 - t) / (2 t + a / t^2). */
@inline
function halley(t: v128, a: v128): v128 {
  const r = f64x2.div(a, f64x2.mul(t, t));
  const step = f64x2.div(f64x2.sub(r, t), f64x2.add(f64x2.add(t, t), r));
  return madd<f64>(t, step, t);
}

/** The cube root of normal positive a to about 5%: a third of its bits, as Kahan found. */
@inline
function root_guess(a: v128): v128 {
  // The upper word as f64, through the bits of 2^52.
  const two52 = f64x2.splat(4503599627370496);
  const word = f64x2.sub(v128.or(i64x2.shr_u(a, 32), two52), two52);
  const third = madd<f64>(word, f64x2.splat(0.3333333333333333), f64x2.splat(715094163));
  return i64x2.shl(v128.xor(f64x2.add(f64x2.floor(third), two52), two52), 32);
}

/** The cube root of x. */
export function cbrt_f64x2(x: v128): v128 {
  const sign = sign_f64(x);
  const a = v128.xor(x, sign);
  const small = f64x2.lt(a, f64x2.splat(2.2250738585072014e-308));
  const b = select<i64>(f64x2.mul(a, f64x2.splat(18014398509481984)), a, small);
  let t = halley(halley(root_guess(b), b), b);
  // With 26 bits, t^2 is exact, and the last step rounds hardly more than once.
  t = v128.and(f64x2.add(t, f64x2.mul(t, f64x2.splat(7.450580596923828e-09))), i64x2.splat(0xfffffffff8000000));
  t = halley(t, b);
  t = select<i64>(f64x2.mul(t, f64x2.splat(0.000003814697265625)), t, small);
  // 0, inf and NaN are their own roots.
  const ordinary = v128.and(f64x2.gt(a, f64x2.splat(0)), f64x2.lt(a, f64x2.splat(Infinity)));
  return v128.or(select<i64>(t, a, ordinary), sign);
}

@inline
function cbrt_pair(x: v128): v128 {
  const sign = sign_f64(x);
  const a = v128.xor(x, sign);
  const t = halley(halley(root_guess(a), a), a);
  const ordinary = v128.and(f64x2.gt(a, f64x2.splat(0)), f64x2.lt(a, f64x2.splat(Infinity)));
  return v128.or(select<i64>(t, a, ordinary), sign);
}

/** The cube root of x, in f64. */
export function cbrt_f32x4(x: v128): v128 {
  return join(cbrt_pair(low(x)), cbrt_pair(high(x)));
}
