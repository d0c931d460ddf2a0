// Sine, cosine and tangent of f64 lanes.
//
// Up to 2^19 the argument is reduced as by Cody and Waite (1980): pi in four parts, three of which have 33 bits, so
// that their multiples are exact, and the differences' errors are carried along. Beyond, by Payne
// and Hanek (1983): the product with 2 / pi in integers, of which only the bits that matter are computed.

import { madd, nmadd, select } from "./madd";
import { abs_f64, sign_f64, sum_low } from "./lanes";
import { sin_tail_f64, tan_tail_f64 } from "./poly";

const ROUND: f64 = 6755399441055744;
const PI_HALF_21: f64 = 1.570796012878418;
const PI_HALF_REST: f64 = 3.139164786504813e-07;
const LIMIT: f64 = 524288;

/** a - h unit, unit in four parts; |h| < 2^20, h a multiple of 1/2. Adds to `low` no more than the caller asks. */
@inline
function reduce_high(a: v128, h: v128, p1: f64, p2: f64, p3: f64): v128 {
  const first = f64x2.sub(a, f64x2.mul(h, f64x2.splat(p1)));
  const second = f64x2.sub(first, f64x2.mul(h, f64x2.splat(p2)));
  return f64x2.sub(second, f64x2.mul(h, f64x2.splat(p3)));
}

/** What `reduce_high` lost, with the fourth part. */
@inline
function reduce_low(a: v128, h: v128, p1: f64, p2: f64, p3: f64, p4: f64): v128 {
  const first = f64x2.sub(a, f64x2.mul(h, f64x2.splat(p1)));
  const m2 = f64x2.neg(f64x2.mul(h, f64x2.splat(p2)));
  const second = f64x2.add(first, m2);
  const m3 = f64x2.neg(f64x2.mul(h, f64x2.splat(p3)));
  const third = f64x2.add(second, m3);
  const lost = f64x2.add(sum_low(first, m2, second), sum_low(second, m3, third));
  return f64x2.sub(lost, f64x2.mul(h, f64x2.splat(p4)));
}

/** sin r for |r| <= pi / 2. */
@inline
function sin_small(r: v128): v128 {
  const z = f64x2.mul(r, r);
  return madd<f64>(f64x2.mul(r, z), sin_tail_f64(z), r);
}

/** sin((a - h pi)) with the sign of (-1)^n, n in the low bits of t. */
@inline
function sin_reduced(a: v128, h: v128, t: v128): v128 {
  const hi = reduce_high(a, h, 3.1415926534682512, 1.2154201012607932e-10, 4.044532497422333e-21);
  const lo = reduce_low(
    a,
    h,
    3.1415926534682512,
    1.2154201012607932e-10,
    4.044532497422333e-21,
    1.69568553207378e-31,
  );
  return v128.xor(sin_small(f64x2.add(hi, lo)), i64x2.shl(t, 63));
}

/** sin x. */
export function sin_f64x2(x: v128): v128 {
  const sign = sign_f64(x);
  const a = v128.xor(x, sign);
  if (v128.any_true(f64x2.gt(a, f64x2.splat(LIMIT)))) return turn_large(x, a, 0);
  const t = madd<f64>(a, f64x2.splat(0.3183098861837907), f64x2.splat(ROUND));
  return v128.xor(sin_reduced(a, f64x2.sub(t, f64x2.splat(ROUND)), t), sign);
}

/** cos x = sin(x + pi / 2): the nearest odd multiple of pi / 2 is taken off. */
export function cos_f64x2(x: v128): v128 {
  const a = abs_f64(x);
  if (v128.any_true(f64x2.gt(a, f64x2.splat(LIMIT)))) return turn_large(a, a, 1);
  const half = f64x2.splat(0.5);
  const t = f64x2.add(madd<f64>(a, f64x2.splat(0.3183098861837907), half), f64x2.splat(ROUND));
  return sin_reduced(a, f64x2.sub(f64x2.sub(t, f64x2.splat(ROUND)), half), t);
}

/** tan(r + low) for |r| <= pi / 4, or -1 / tan where `odd` is all ones. */
@inline
function tan_reduced(r: v128, low: v128, odd: v128): v128 {
  const z = f64x2.mul(r, r);
  const one = f64x2.splat(1);
  const tail = f64x2.mul(f64x2.mul(r, z), tan_tail_f64(z));
  const t = f64x2.add(r, tail);
  const rest = f64x2.add(
    f64x2.add(f64x2.sub(r, t), tail),
    f64x2.mul(low, madd<f64>(t, t, one)),
  );
  const whole = f64x2.add(t, rest);
  // -1 / (t + rest) to first order in what the sum loses.
  const lost = f64x2.add(f64x2.sub(t, whole), rest);
  const inverse = f64x2.div(f64x2.splat(-1), whole);
  const corrected = madd<f64>(f64x2.mul(inverse, inverse), lost, inverse);
  return select<i64>(corrected, whole, odd);
}

/** tan x. */
export function tan_f64x2(x: v128): v128 {
  const sign = sign_f64(x);
  const a = v128.xor(x, sign);
  if (v128.any_true(f64x2.gt(a, f64x2.splat(LIMIT)))) return tan_large(x, a);
  const t = madd<f64>(a, f64x2.splat(0.6366197723675814), f64x2.splat(ROUND));
  const h = f64x2.sub(t, f64x2.splat(ROUND));
  const hi = reduce_high(a, h, 1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21);
  const lo = reduce_low(
    a,
    h,
    1.5707963267341256,
    6.077100506303966e-11,
    2.0222662487111665e-21,
    8.4784276603689e-32,
  );
  const r = f64x2.add(hi, lo);
  const rest = f64x2.add(f64x2.sub(hi, r), lo);
  return v128.xor(tan_reduced(r, rest, i64x2.shr_s(i64x2.shl(t, 63), 63)), sign);
}

/** Sine (quarter 0) or cosine (quarter 1), lane by lane: a may be any size, x has its sign. */
function turn_large(x: v128, a: v128, quarter: i64): v128 {
  const first = turn_lane(f64x2.extract_lane(a, 0), quarter);
  const second = turn_lane(f64x2.extract_lane(a, 1), quarter);
  const r = f64x2.replace_lane(f64x2.splat(first), 1, second);
  // r carries its own sign: sin is odd, and sin |r| < pi / 2 keeps it.
  return v128.xor(sin_small(r), sign_f64(x));
}

/** An r in [-pi / 2, pi / 2] with sin r = sin(a + quarter pi / 2). */
function turn_lane(a: f64, quarter: i64): f64 {
  // inf and NaN.
  if (!(a < Infinity)) return NaN;
  const remainder = quarters(a);
  const r = f64x2.extract_lane(remainder, 0);
  const q = i64x2.extract_lane(remainder, 1) + quarter;
  const turned = q & 1 ? 1.5707963267948966 - Math.abs(r) : r;
  return q & 2 ? -turned : turned;
}

function tan_large(x: v128, a: v128): v128 {
  const first = tan_lane(f64x2.extract_lane(a, 0));
  const second = tan_lane(f64x2.extract_lane(a, 1));
  const r = f64x2.replace_lane(f64x2.splat(first), 1, second);
  return v128.xor(r, sign_f64(x));
}

function tan_lane(a: f64): f64 {
  if (!(a < Infinity)) return NaN;
  const remainder = quarters(a);
  const q = i64x2.extract_lane(remainder, 1);
  const r = f64x2.splat(f64x2.extract_lane(remainder, 0));
  return f64x2.extract_lane(tan_reduced(r, f64x2.splat(0), i64x2.splat(-(q & 1))), 0);
}

/** 64 bits of 2 / pi, counted from 64 bits before its point. */
function two_over_pi(word: i32): u64 {
  switch (word) {
    case 0: return 0;
    case 1: return 0xa2f9836e4e441529;
    case 2: return 0xfc2757d1f534ddc0;
    case 3: return 0xdb6295993c439041;
    case 4: return 0xfe5163abdebbc561;
    case 5: return 0xb7246e3a424dd2e0;
    case 6: return 0x06492eea09d1921c;
    case 7: return 0xfe1deb1cb129a73e;
    case 8: return 0xe88235f52ebb4484;
    case 9: return 0xe99c7026b45f7e41;
    case 10: return 0x3991d639835339f4;
    case 11: return 0x9c845f8bbdf9283b;
    case 12: return 0x1ff897ffde05980f;
    case 13: return 0xef2f118b5a0a6d1f;
    case 14: return 0x6d367ecf27cb09b7;
    case 15: return 0x4f463f669e5fea2d;
    case 16: return 0x7527bac7ebe5f17b;
    case 17: return 0x3d0739f78a5292ea;
    case 18: return 0x6bfb5fb11f8d5d08;
    case 19: return 0x56033046fc7b6bab;
    default: return 0;
  }
}

/** Bits 64..127 of the product. */
function multiply_high(a: u64, b: u64): u64 {
  const al = a & 0xffffffff, ah = a >> 32, bl = b & 0xffffffff, bh = b >> 32;
  const middle = ah * bl + ((al * bl) >> 32);
  const other = al * bh + (middle & 0xffffffff);
  return ah * bh + (middle >> 32) + (other >> 32);
}

/** a = q pi / 2 + r, |r| <= pi / 4, for finite a >= 0: lane 0 is r, lane 1 is q modulo 4 (i64). */
function quarters(a: f64): v128 {
  const bits = reinterpret<u64>(a);
  const exponent = <i32>(bits >> 52) - 1075;
  // Small arguments get here beside large ones: r is then a itself, or a - pi / 2 q in one of the windows below.
  if (exponent < -60) return i64x2.replace_lane(f64x2.splat(a), 1, 0);
  const mantissa = (bits & 0x000fffffffffffff) | 0x0010000000000000;
  // Bits of 2 / pi whose product with a is a multiple of 4 do not matter: start with the weight 2^1.
  const start = exponent - 1 + 63;
  const word = start >> 6, shift = <u64>(start & 63);
  const t0 = two_over_pi(word), t1 = two_over_pi(word + 1);
  const t2 = two_over_pi(word + 2), t3 = two_over_pi(word + 3);
  const w0 = shift ? (t0 << shift) | (t1 >> (64 - shift)) : t0;
  const w1 = shift ? (t1 << shift) | (t2 >> (64 - shift)) : t1;
  const w2 = shift ? (t2 << shift) | (t3 >> (64 - shift)) : t2;
  // mantissa (w0 w1 w2) modulo 2^192, of which the lowest word only carries.
  const l1 = mantissa * w1;
  const low = multiply_high(mantissa, w2) + l1;
  const carry = <u64>(low < l1);
  const top = mantissa * w0 + multiply_high(mantissa, w1) + carry;
  // Two bits of quarters, the rest a fraction; rounded, so that the fraction is signed.
  const q = (top + (<u64>1 << 61)) >> 62;
  let fraction = top - (q << 62);
  let rest = low;
  const negative = <i64>fraction < 0;
  if (negative) {
    fraction = ~fraction + <u64>(rest == 0);
    rest = -rest;
  }
  // 64 significant bits of the fraction, whose unit is 2^-62.
  let zeros = clz<u64>(fraction);
  if (zeros == 64) {
    fraction = rest;
    rest = 0;
    zeros = clz<u64>(fraction);
    if (zeros == 64) return i64x2.replace_lane(f64x2.splat(0), 1, q & 3);
    fraction <<= zeros;
    zeros += 64;
  } else if (zeros) fraction = (fraction << zeros) | (rest >> (64 - zeros));
  const scale = reinterpret<f64>((<u64>1023 - 62 - zeros) << 52);
  const fh = <f64>(fraction >> 32) * 4294967296 * scale;
  const fl = <f64>(fraction & 0xffffffff) * scale;
  // pi / 2 in 21 bits, so that the first product is exact, and the rest.
  const r = fh * PI_HALF_21 + (fh * PI_HALF_REST + fl * 1.5707963267948966);
  return i64x2.replace_lane(f64x2.splat(negative ? -r : r), 1, q & 3);
}
