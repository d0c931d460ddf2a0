// Inverse trigonometric functions of f64 lanes.

import { madd, nmadd, select } from "./madd";
import { abs_f64, residual, sign_f64 } from "./lanes";
import { asin_tail_f64, atan_tail_f64 } from "./poly";

const PI_HALF: f64 = 1.5707963267948966;
const PI_HALF_LOW: f64 = 6.123233995736766e-17;
const PI: f64 = 3.141592653589793;
const PI_LOW: f64 = 1.2246467991473532e-16;

/** (c + c_low) - (y + y_low) for c >= |y|. */
@inline
function difference(c: f64, c_low: f64, y: v128, y_low: v128): v128 {
  const whole = f64x2.sub(f64x2.splat(c), y);
  const lost = f64x2.sub(f64x2.sub(f64x2.splat(c), whole), y);
  return f64x2.add(whole, f64x2.add(lost, f64x2.sub(f64x2.splat(c_low), y_low)));
}

/** asin x: up to 1/2 a polynomial; above, pi / 2 - 2 asin(sqrt((1 - a) / 2)). */
export function asin_f64x2(x: v128): v128 {
  const sign = sign_f64(x);
  const a = v128.xor(x, sign);
  const half = f64x2.splat(0.5);
  const large = f64x2.gt(a, half);
  const z = select<i64>(nmadd<f64>(a, half, half), f64x2.mul(a, a), large);
  const s = select<i64>(f64x2.sqrt(z), a, large);
  const tail = f64x2.mul(f64x2.mul(s, z), asin_tail_f64(z));
  // The root's own error.
  const rest = half_root_low(s, z, tail);
  const big = difference(PI_HALF, PI_HALF_LOW, f64x2.add(s, s), f64x2.add(rest, rest));
  return v128.or(select<i64>(big, f64x2.add(s, tail), large), sign);
}

/** tail + (sqrt z - s). */
@inline
function half_root_low(s: v128, z: v128, tail: v128): v128 {
  const d = f64x2.div(residual(s, s, z), f64x2.add(s, s));
  // 0 / 0 where s is 0.
  return f64x2.add(tail, v128.and(d, f64x2.gt(s, f64x2.splat(0))));
}

/** acos x: pi / 2 - asin x in the middle, 2 asin(sqrt((1 - a) / 2)) towards 1, and pi minus it towards -1. */
export function acos_f64x2(x: v128): v128 {
  const sign = sign_f64(x);
  const a = v128.xor(x, sign);
  const half = f64x2.splat(0.5);
  const large = f64x2.gt(a, half);
  const z = select<i64>(nmadd<f64>(a, half, half), f64x2.mul(a, a), large);
  const s = select<i64>(f64x2.sqrt(z), a, large);
  const tail = f64x2.mul(f64x2.mul(s, z), asin_tail_f64(z));
  const rest = half_root_low(s, z, tail);
  const s2 = f64x2.add(s, s);
  const rest2 = f64x2.add(rest, rest);
  const other = difference(PI, PI_LOW, s2, rest2);
  const middle = difference(PI_HALF, PI_HALF_LOW, v128.xor(s, sign), v128.xor(tail, sign));
  const negative = i64x2.shr_s(x, 63);
  return select<i64>(select<i64>(other, f64x2.add(s2, rest2), negative), middle, large);
}

/**
 * atan a for a >= 0: with c one of 0, 1/2, 1, 3/2 and infinity near a, it is atan c + atan((a - c) / (1 + c a)); the
 * breakpoints are those of Sun's fdlibm.
 */
@inline
function atan_positive(a: v128): v128 {
  const one = f64x2.splat(1);
  const from_half = f64x2.ge(a, f64x2.splat(0.4375));
  const from_one = f64x2.ge(a, f64x2.splat(0.6875));
  const from_three_halves = f64x2.ge(a, f64x2.splat(1.1875));
  const from_infinity = f64x2.ge(a, f64x2.splat(2.4375));
  let c = v128.and(from_half, f64x2.splat(0.5));
  c = select<i64>(one, c, from_one);
  c = select<i64>(f64x2.splat(1.5), c, from_three_halves);
  let high = v128.and(from_half, f64x2.splat(0.4636476090008061));
  high = select<i64>(f64x2.splat(0.7853981633974483), high, from_one);
  high = select<i64>(f64x2.splat(0.982793723247329), high, from_three_halves);
  high = select<i64>(f64x2.splat(PI_HALF), high, from_infinity);
  let low = v128.and(from_half, f64x2.splat(2.2698777452961687e-17));
  low = select<i64>(f64x2.splat(3.061616997868383e-17), low, from_one);
  low = select<i64>(f64x2.splat(1.3903311031230998e-17), low, from_three_halves);
  low = select<i64>(f64x2.splat(PI_HALF_LOW), low, from_infinity);
  const above = select<i64>(f64x2.splat(-1), f64x2.sub(a, c), from_infinity);
  const below = select<i64>(a, madd<f64>(a, c, one), from_infinity);
  const t = select<i64>(f64x2.div(above, below), a, from_half);
  const z = f64x2.mul(t, t);
  const tail = madd<f64>(f64x2.mul(t, z), atan_tail_f64(z), low);
  return f64x2.add(high, f64x2.add(t, tail));
}

/** atan x. */
export function atan_f64x2(x: v128): v128 {
  const sign = sign_f64(x);
  return v128.or(atan_positive(v128.xor(x, sign)), sign);
}

/** The angle of the point (x, y), in [-pi, pi]; the signs of zeros count, as in C. */
export function atan2_f64x2(y: v128, x: v128): v128 {
  const sign = sign_f64(y);
  const a = v128.xor(y, sign);
  const b = abs_f64(x);
  const infinite = f64x2.splat(Infinity);
  // inf / inf counts as 1, and 0 / 0 as 0.
  const both = v128.and(f64x2.eq(a, infinite), f64x2.eq(b, infinite));
  const zero = f64x2.eq(a, f64x2.splat(0));
  let ratio = select<i64>(f64x2.splat(1), f64x2.div(a, b), both);
  // y = 0 gives 0 even when x is; NaN in x must stay.
  ratio = select<i64>(v128.and(b, f64x2.ne(b, b)), ratio, zero);
  const angle = atan_positive(ratio);
  const opposite = difference(PI, PI_LOW, angle, f64x2.splat(0));
  return v128.or(select<i64>(opposite, angle, i64x2.shr_s(x, 63)), sign);
}
