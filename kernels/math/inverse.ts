// Inverse trigonometric functions of f32 lanes.

import { madd, nmadd, select } from "./madd";
import { abs_f32, sign_f32 } from "./lanes";
import { asin_tail_f32, atan_tail_f32 } from "./poly";

const PI_HALF: f32 = 1.57079637;
const PI_HALF_LOW: f32 = -4.37113883e-8;
const PI: f32 = 3.14159274;
const PI_LOW: f32 = -8.74227766e-8;

/** asin x: up to 1/2 a polynomial; above, pi / 2 - 2 asin(sqrt((1 - a) / 2)). */
@inline
export function asin_f32x4(x: v128): v128 {
  const sign = sign_f32(x);
  const a = v128.xor(x, sign);
  const half = f32x4.splat(0.5);
  const large = f32x4.gt(a, half);
  const z = select<i32>(nmadd<f32>(a, half, half), f32x4.mul(a, a), large);
  const s = select<i32>(f32x4.sqrt(z), a, large);
  const y = madd<f32>(f32x4.mul(s, z), asin_tail_f32(z), s);
  const big = f32x4.add(nmadd<f32>(f32x4.splat(2), y, f32x4.splat(PI_HALF)), f32x4.splat(PI_HALF_LOW));
  return v128.or(select<i32>(big, y, large), sign);
}

/** acos x: pi / 2 - asin x in the middle, 2 asin(sqrt((1 - a) / 2)) towards 1, and pi minus it towards -1. */
@inline
export function acos_f32x4(x: v128): v128 {
  const sign = sign_f32(x);
  const a = v128.xor(x, sign);
  const half = f32x4.splat(0.5);
  const large = f32x4.gt(a, half);
  const z = select<i32>(nmadd<f32>(a, half, half), f32x4.mul(a, a), large);
  const s = select<i32>(f32x4.sqrt(z), a, large);
  const y = madd<f32>(f32x4.mul(s, z), asin_tail_f32(z), s);
  // start - factor y, exactly pi / 2 - y, 2 y or pi - 2 y.
  const negative = i32x4.shr_s(x, 31);
  const middle = f32x4.add(
    f32x4.sub(f32x4.splat(PI_HALF), v128.xor(y, sign)),
    f32x4.splat(PI_HALF_LOW),
  );
  const twice = f32x4.add(y, y);
  const opposite = f32x4.add(f32x4.sub(f32x4.splat(PI), twice), f32x4.splat(PI_LOW));
  return select<i32>(select<i32>(opposite, twice, negative), middle, large);
}

/** atan t for 0 <= t <= 1, or pi / 2 - atan t where `inverted`. */
@inline
function atan_part(t: v128, inverted: v128): v128 {
  const z = f32x4.mul(t, t);
  const y = madd<f32>(f32x4.mul(t, z), atan_tail_f32(z), t);
  const other = f32x4.add(f32x4.sub(f32x4.splat(PI_HALF), y), f32x4.splat(PI_HALF_LOW));
  return select<i32>(other, y, inverted);
}

/** atan x, by 1 / x beyond 1. */
@inline
export function atan_f32x4(x: v128): v128 {
  const sign = sign_f32(x);
  const a = v128.xor(x, sign);
  const one = f32x4.splat(1);
  const inverted = f32x4.gt(a, one);
  const t = f32x4.div(select<i32>(one, a, inverted), select<i32>(a, one, inverted));
  return v128.or(atan_part(t, inverted), sign);
}

/** The angle of the point (x, y), in [-pi, pi]; the signs of zeros count, as in C. */
@inline
export function atan2_f32x4(y: v128, x: v128): v128 {
  const sign = sign_f32(y);
  const a = v128.xor(y, sign);
  const b = abs_f32(x);
  const inverted = f32x4.gt(a, b);
  const above = select<i32>(b, a, inverted);
  const below = select<i32>(a, b, inverted);
  let t = f32x4.div(above, below);
  // 0 / 0 counts as 0 and inf / inf as 1, both being a quotient of equals.
  const same = f32x4.eq(above, below);
  t = select<i32>(v128.and(f32x4.splat(1), f32x4.gt(below, f32x4.splat(0))), t, same);
  const angle = atan_part(t, inverted);
  const opposite = f32x4.add(f32x4.sub(f32x4.splat(PI), angle), f32x4.splat(PI_LOW));
  return v128.or(select<i32>(opposite, angle, i32x4.shr_s(x, 31)), sign);
}
