// Logarithms of f32 lanes: x = 2^k (1 + f) with 1 + f in [sqrt 1/2, sqrt 2], then
// log x = k ln 2 + f - f^2 / 2 + f^3 P(f), summed from the small end (as in Cody and Waite, 1980).

import { madd, nmadd, select } from "./madd";
import { sign_f32 } from "./lanes";
import { log2_f32, log_tail_f32 } from "./poly";

const LN2_HIGH: f32 = 0.693145751953125;
const LN2_LOW: f32 = 1.42860677e-6;

// The bits of sqrt 1/2 as origin: the exponent of the difference is k, in two's complement.
const ROOT_HALF: i32 = 0x3f3504f3;

/** The exponent k, as i32. */
@inline
function exponent(x: v128): v128 {
  return i32x4.shr_s(i32x4.sub(x, i32x4.splat(ROOT_HALF)), 23);
}

/** x 2^-k - 1. */
@inline
function fraction(x: v128, k: v128): v128 {
  return f32x4.sub(i32x4.sub(x, i32x4.shl(k, 23)), f32x4.splat(1));
}

/** k ln 2 + log(1 + f). */
@inline
function log_parts(k: v128, f: v128): v128 {
  const q = madd<f32>(log_tail_f32(f), f, f32x4.splat(-0.5));
  const low = madd<f32>(f32x4.mul(f, f), q, f32x4.mul(k, f32x4.splat(LN2_LOW)));
  return madd<f32>(k, f32x4.splat(LN2_HIGH), f32x4.add(f, low));
}

/** True if some lane is not positive, normal and finite. */
@inline
function any_special(x: v128): bool {
  // Moves [2^-126, inf) to the low end of the signed integers.
  const moved = i32x4.add(x, i32x4.splat(0x7f800000));
  return v128.any_true(i32x4.gt_s(moved, i32x4.splat(-0x01000001)));
}

/** x, or x 2^23 where x is subnormal. */
@inline
function normalised(x: v128, small: v128): v128 {
  return select<i32>(f32x4.mul(x, f32x4.splat(8388608)), x, small);
}

/** y where x is positive and finite; elsewhere what a logarithm gives. */
@inline
function edges(x: v128, y: v128): v128 {
  const zero = f32x4.splat(0);
  y = select<i32>(f32x4.splat(-Infinity), y, f32x4.eq(x, zero));
  y = select<i32>(f32x4.splat(NaN), y, f32x4.lt(x, zero));
  // inf and NaN: x itself.
  const finite = v128.or(f32x4.lt(x, f32x4.splat(Infinity)), f32x4.lt(x, zero));
  return select<i32>(y, x, finite);
}

/** log x where lanes may be subnormal, zero, negative, infinite or NaN. */
export function log_special_f32x4(x: v128): v128 {
  const small = f32x4.lt(x, f32x4.splat(1.17549435e-38));
  const scaled = normalised(x, small);
  const k = exponent(scaled);
  const n = i32x4.sub(k, v128.and(small, i32x4.splat(23)));
  return edges(x, log_parts(f32x4.convert_i32x4_s(n), fraction(scaled, k)));
}

/** log x. */
@inline
export function log_f32x4(x: v128): v128 {
  if (any_special(x)) return log_special_f32x4(x);
  const k = exponent(x);
  return log_parts(f32x4.convert_i32x4_s(k), fraction(x, k));
}

/** log2 x where lanes may be subnormal, zero, negative, infinite or NaN. */
export function log2_special_f32x4(x: v128): v128 {
  const small = f32x4.lt(x, f32x4.splat(1.17549435e-38));
  const scaled = normalised(x, small);
  const k = exponent(scaled);
  const n = i32x4.sub(k, v128.and(small, i32x4.splat(23)));
  const f = fraction(scaled, k);
  return edges(x, madd<f32>(log2_f32(f), f, f32x4.convert_i32x4_s(n)));
}

/** log2 x; exact for powers of 2. */
@inline
export function log2_f32x4(x: v128): v128 {
  if (any_special(x)) return log2_special_f32x4(x);
  const k = exponent(x);
  const f = fraction(x, k);
  return madd<f32>(log2_f32(f), f, f32x4.convert_i32x4_s(k));
}

/** log(1 + x), w = 1 + x being positive, normal and finite: log w, and what rounding lost in w over w. */
@inline
function log1p_parts(x: v128, w: v128): v128 {
  const one = f32x4.splat(1);
  const t = f32x4.sub(w, one);
  const lost = f32x4.add(f32x4.sub(one, f32x4.sub(w, t)), f32x4.sub(x, t));
  const k = exponent(w);
  const f = fraction(w, k);
  // 2^-k, or 0 for k = 128, where nothing is lost that could matter. 1 / (1 + f) is near enough to 1 - f.
  const down = i32x4.max_s(i32x4.sub(one, i32x4.shl(k, 23)), i32x4.splat(0));
  const c = f32x4.mul(lost, down);
  const n = f32x4.convert_i32x4_s(k);
  const q = madd<f32>(log_tail_f32(f), f, f32x4.splat(-0.5));
  const rest = madd<f32>(n, f32x4.splat(LN2_LOW), nmadd<f32>(c, f, c));
  const y = madd<f32>(
    n,
    f32x4.splat(LN2_HIGH),
    f32x4.add(f, madd<f32>(f32x4.mul(f, f), q, rest)),
  );
  // The sign is that of x, also for -0.
  return v128.or(y, sign_f32(x));
}

/** log(1 + x) where 1 + x may be zero, negative, infinite or NaN. */
export function log1p_special_f32x4(x: v128): v128 {
  const w = f32x4.add(x, f32x4.splat(1));
  return edges(w, log1p_parts(x, w));
}

/** log(1 + x). */
@inline
export function log1p_f32x4(x: v128): v128 {
  const w = f32x4.add(x, f32x4.splat(1));
  if (any_special(w)) return log1p_special_f32x4(x);
  return log1p_parts(x, w);
}
