// Exponentials of f64 lanes; the method is that of exp.ts.

import { madd, select } from "./madd";
import { abs_f64, sign_f64 } from "./lanes";
import {
  exp_sum_f64,
  expm1_small_f64,
  LOG2E,
  reduce_f64,
  ROUND_BIASED,
  ROUND_TWICE_BIASED,
  scale_twice_f64,
} from "./parts64";
import { sinh_tail_f64 } from "./poly";

/** e^x. */
export function exp_f64x2(x: v128): v128 {
  const c = f64x2.pmax(f64x2.pmin(x, f64x2.splat(710)), f64x2.splat(-746));
  return exp_sum_f64(c, f64x2.splat(0), 1);
}

/** 2^x; exact for whole x. */
export function exp2_f64x2(x: v128): v128 {
  const c = f64x2.pmax(f64x2.pmin(x, f64x2.splat(1025)), f64x2.splat(-1076));
  const t = f64x2.add(c, f64x2.splat(ROUND_TWICE_BIASED));
  const f = f64x2.sub(c, f64x2.sub(t, f64x2.splat(ROUND_TWICE_BIASED)));
  const p = expm1_small_f64(f64x2.mul(f, f64x2.splat(0.6931471805599453)));
  return scale_twice_f64(f64x2.add(p, f64x2.splat(1)), t);
}

/** e^x - 1. */
export function expm1_f64x2(x: v128): v128 {
  const c = f64x2.pmax(f64x2.pmin(x, f64x2.splat(710)), f64x2.splat(-40));
  const t = madd<f64>(c, f64x2.splat(LOG2E), f64x2.splat(ROUND_BIASED));
  const n = f64x2.sub(t, f64x2.splat(ROUND_BIASED));
  const p = expm1_small_f64(reduce_f64(c, n));
  const s = i64x2.sub(i64x2.shl(t, 52), i64x2.splat(0x0010000000000000));
  const y = madd<f64>(s, p, f64x2.sub(s, f64x2.splat(0.5)));
  const tiny = f64x2.lt(abs_f64(x), f64x2.splat(1.1102230246251565e-16));
  return select<i64>(x, f64x2.add(y, y), tiny);
}

/** tanh x; see tanh_f32x4. */
export function tanh_f64x2(x: v128): v128 {
  const sign = sign_f64(x);
  const a = f64x2.pmin(v128.xor(x, sign), f64x2.splat(20));
  const b = f64x2.add(a, a);
  const t = madd<f64>(b, f64x2.splat(LOG2E), f64x2.splat(ROUND_BIASED));
  const n = f64x2.sub(t, f64x2.splat(ROUND_BIASED));
  const p = expm1_small_f64(reduce_f64(b, n));
  const s = i64x2.shl(t, 52);
  const above = madd<f64>(s, p, f64x2.sub(s, f64x2.splat(1)));
  return v128.or(f64x2.div(above, f64x2.add(above, f64x2.splat(2))), sign);
}

/** 1 / (1 + e^-x); see logistic_f32x4. */
export function logistic_f64x2(x: v128): v128 {
  const c = f64x2.pmax(v128.or(x, f64x2.splat(-0.0)), f64x2.splat(-746));
  const e = exp_sum_f64(c, f64x2.splat(0), 1);
  const one = f64x2.splat(1);
  return f64x2.div(select<i64>(e, one, i64x2.shr_s(x, 63)), f64x2.add(e, one));
}

/** sinh x: a polynomial below 1, (e^a - e^-a) / 2 above. */
export function sinh_f64x2(x: v128): v128 {
  const sign = sign_f64(x);
  const a = f64x2.pmin(v128.xor(x, sign), f64x2.splat(711));
  const z = f64x2.mul(a, a);
  const small = madd<f64>(f64x2.mul(a, z), sinh_tail_f64(z), a);
  const e = exp_sum_f64(a, f64x2.splat(0), 0.5);
  const large = f64x2.sub(e, f64x2.div(f64x2.splat(0.25), e));
  return v128.or(select<i64>(small, large, f64x2.lt(a, f64x2.splat(1))), sign);
}

/** cosh x = (e^a + e^-a) / 2. */
export function cosh_f64x2(x: v128): v128 {
  const a = f64x2.pmin(abs_f64(x), f64x2.splat(711));
  const e = exp_sum_f64(a, f64x2.splat(0), 0.5);
  return f64x2.add(e, f64x2.div(f64x2.splat(0.25), e));
}
