// The error function of f32 lanes: up to 1.1 a polynomial, beyond 1 - q(a)^-8, where the polynomial q takes the place
// of an exponential (as Hastings 1955 does it with a 16th power). Both are computed, side by side.

import { madd, select } from "./madd";
import { sign_f32 } from "./lanes";
import { erf_large_f32, erf_small_f32 } from "./poly";

/** erf x. */
@inline
export function erf_f32x4(x: v128): v128 {
  const sign = sign_f32(x);
  // erf 4 rounds to 1.
  const a = f32x4.pmin(v128.xor(x, sign), f32x4.splat(4));
  const small = madd<f32>(erf_small_f32(f32x4.mul(a, a)), a, a);
  const q = erf_large_f32(a);
  const q2 = f32x4.mul(q, q);
  const q4 = f32x4.mul(q2, q2);
  const one = f32x4.splat(1);
  const large = f32x4.sub(one, f32x4.div(one, f32x4.mul(q4, q4)));
  return v128.or(select<i32>(large, small, f32x4.gt(a, f32x4.splat(1.1))), sign);
}
