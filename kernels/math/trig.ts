// Sine, cosine and tangent of f32 lanes. With a fused multiply-add three parts of pi of 24 bits each suffice: the
// first difference is exact, whatever the multiple, since it is a multiple of the part's last bit and small.
// Large arguments, and builds without fusion, go through f64.

import { madd, nmadd, select } from "./madd";
import { abs_f32, high, join, low, sign_f32 } from "./lanes";
import { sin_tail_f32, tan_tail_f32 } from "./poly";
import { cos_f64x2, sin_f64x2, tan_f64x2 } from "./trig64";

const ROUND: f32 = 12582912;
const LIMIT: f32 = 100000;

/** sin(a - h pi), with the sign of (-1)^n, n in the low bits of t. */
@inline
function sin_reduced(a: v128, h: v128, t: v128): v128 {
  let r = nmadd<f32>(h, f32x4.splat(3.1415925), a);
  r = nmadd<f32>(h, f32x4.splat(1.50995788e-07), r);
  r = nmadd<f32>(h, f32x4.splat(1.07806051e-14), r);
  const z = f32x4.mul(r, r);
  const y = madd<f32>(f32x4.mul(r, z), sin_tail_f32(z), r);
  return v128.xor(y, i32x4.shl(t, 31));
}

/** sin x in f64. */
export function sin_wide_f32x4(x: v128): v128 {
  return join(sin_f64x2(low(x)), sin_f64x2(high(x)));
}

/** cos x in f64. */
export function cos_wide_f32x4(x: v128): v128 {
  return join(cos_f64x2(low(x)), cos_f64x2(high(x)));
}

/** tan x in f64. */
export function tan_wide_f32x4(x: v128): v128 {
  return join(tan_f64x2(low(x)), tan_f64x2(high(x)));
}

/** sin x. */
@inline
export function sin_f32x4(x: v128): v128 {
  if (!ASC_FEATURE_RELAXED_SIMD) return sin_wide_f32x4(x);
  const sign = sign_f32(x);
  const a = v128.xor(x, sign);
  if (v128.any_true(f32x4.gt(a, f32x4.splat(LIMIT)))) return sin_wide_f32x4(x);
  const t = madd<f32>(a, f32x4.splat(0.318309886), f32x4.splat(ROUND));
  return v128.xor(sin_reduced(a, f32x4.sub(t, f32x4.splat(ROUND)), t), sign);
}

/** cos x = sin(x + pi / 2): the nearest odd multiple of pi / 2 is taken off. */
@inline
export function cos_f32x4(x: v128): v128 {
  if (!ASC_FEATURE_RELAXED_SIMD) return cos_wide_f32x4(x);
  const a = abs_f32(x);
  if (v128.any_true(f32x4.gt(a, f32x4.splat(LIMIT)))) return cos_wide_f32x4(x);
  const half = f32x4.splat(0.5);
  const t = f32x4.add(madd<f32>(a, f32x4.splat(0.318309886), half), f32x4.splat(ROUND));
  return sin_reduced(a, f32x4.sub(f32x4.sub(t, f32x4.splat(ROUND)), half), t);
}

/** tan x. */
@inline
export function tan_f32x4(x: v128): v128 {
  if (!ASC_FEATURE_RELAXED_SIMD) return tan_wide_f32x4(x);
  const sign = sign_f32(x);
  const a = v128.xor(x, sign);
  if (v128.any_true(f32x4.gt(a, f32x4.splat(LIMIT)))) return tan_wide_f32x4(x);
  const t = madd<f32>(a, f32x4.splat(0.636619772), f32x4.splat(ROUND));
  const h = f32x4.sub(t, f32x4.splat(ROUND));
  const first = nmadd<f32>(h, f32x4.splat(1.57079625), a);
  const w = f32x4.mul(h, f32x4.splat(7.54978942e-08));
  const r = f32x4.sub(first, w);
  // What the product and the difference lost (Knuth), and the third part; times the derivative, 1 + tan^2, nearly.
  const back = f32x4.sub(r, first);
  const lost = f32x4.sub(f32x4.sub(first, f32x4.sub(r, back)), f32x4.add(w, back));
  const below = madd<f32>(h, f32x4.splat(7.54978942e-08), f32x4.neg(w));
  const part = nmadd<f32>(h, f32x4.splat(5.39030253e-15), f32x4.sub(lost, below));
  const z = f32x4.mul(r, r);
  const rest = f32x4.mul(part, madd<f32>(z, f32x4.splat(1.4), f32x4.splat(1)));
  const y = f32x4.add(r, madd<f32>(f32x4.mul(r, z), tan_tail_f32(z), rest));
  const odd = i32x4.shr_s(i32x4.shl(t, 31), 31);
  const quotient = f32x4.div(
    select<i32>(f32x4.splat(-1), y, odd),
    select<i32>(y, f32x4.splat(1), odd),
  );
  return v128.xor(quotient, sign);
}
