// threefry2x32 with 20 rounds: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011; keyed and
// counted as in JAX's partitionable form, where element i is the hash of the 64-bit number i (high word first).
// A key is two u32 words, the first at the lower address.
import { loadTail, storeTail } from "../eager/tail";
import { erf_inv_f32x4, erf_inv_f64x2 } from "../math";
import { madd } from "../math/madd";

/** Both words, each to its own array. */
const BOTH: i32 = 0;
/** 32 random bits: the exclusive or of the words. */
const MIXED: i32 = 1;
/** 8 random bits: the low byte of MIXED. */
const BYTES: i32 = 2;
/** 64 random bits: the first word is the high half. */
const WIDE: i32 = 3;
/** A new key. */
const KEYS: i32 = 4;
/** A uniform f32, of MIXED bits. */
const UNIFORM: i32 = 5;
/** A normal f32, of UNIFORM. */
const NORMAL: i32 = 6;
/** A uniform f64, of WIDE bits. */
const UNIFORM64: i32 = 7;
/** A normal f64, of UNIFORM64. */
const NORMAL64: i32 = 8;

/** √2 times the inverse error function of f32 lanes, or the lanes themselves. */
@inline
function shaped32(mode: i32, u: v128): v128 {
  return mode == NORMAL ? f32x4.mul(f32x4.splat(1.41421356), erf_inv_f32x4(u)) : u;
}

/** Floats of the bits in f32 lanes: mantissas under the exponent of 1 are in [1, 2). Scaled by one operation, as in compiled programs and in JAX. */
@inline
function floats32(mode: i32, bits: v128, low: v128, span: v128): v128 {
  const one = f32x4.splat(1);
  const u = f32x4.sub(v128.or(i32x4.shr_u(bits, 9), one), one);
  return shaped32(mode, f32x4.max(low, madd<f32>(u, span, low)));
}

@inline
function shaped64(mode: i32, u: v128): v128 {
  return mode == NORMAL64 ? f64x2.mul(f64x2.splat(1.4142135623730951), erf_inv_f64x2(u)) : u;
}

@inline
function floats64(mode: i32, bits: v128, low: v128, span: v128): v128 {
  const one = f64x2.splat(1);
  const u = f64x2.sub(v128.or(i64x2.shr_u(bits, 12), one), one);
  return shaped64(mode, f64x2.max(low, madd<f64>(u, span, low)));
}

/** Hashes four lanes; stores the first `count` results. Floats are from `low` on, over `span`. */
@inline
function hash(
  mode: i32, k0: v128, k1: v128, x0: v128, x1: v128, p: usize, q: usize, count: i32,
  low: v128, span: v128,
): void {
  const k2 = v128.xor(v128.xor(k0, k1), i32x4.splat(0x1bd11bda));
  x0 = i32x4.add(x0, k0);
  x1 = i32x4.add(x1, k1);

  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 13), i32x4.shr_u(x1, 19)), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 15), i32x4.shr_u(x1, 17)), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 26), i32x4.shr_u(x1, 6)), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 6), i32x4.shr_u(x1, 26)), x0);
  x0 = i32x4.add(x0, k1);
  x1 = i32x4.add(x1, i32x4.add(k2, i32x4.splat(1)));

  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 17), i32x4.shr_u(x1, 15)), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 29), i32x4.shr_u(x1, 3)), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 16), i32x4.shr_u(x1, 16)), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 24), i32x4.shr_u(x1, 8)), x0);
  x0 = i32x4.add(x0, k2);
  x1 = i32x4.add(x1, i32x4.add(k0, i32x4.splat(2)));

  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 13), i32x4.shr_u(x1, 19)), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 15), i32x4.shr_u(x1, 17)), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 26), i32x4.shr_u(x1, 6)), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 6), i32x4.shr_u(x1, 26)), x0);
  x0 = i32x4.add(x0, k0);
  x1 = i32x4.add(x1, i32x4.add(k1, i32x4.splat(3)));

  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 17), i32x4.shr_u(x1, 15)), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 29), i32x4.shr_u(x1, 3)), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 16), i32x4.shr_u(x1, 16)), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 24), i32x4.shr_u(x1, 8)), x0);
  x0 = i32x4.add(x0, k1);
  x1 = i32x4.add(x1, i32x4.add(k2, i32x4.splat(4)));

  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 13), i32x4.shr_u(x1, 19)), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 15), i32x4.shr_u(x1, 17)), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 26), i32x4.shr_u(x1, 6)), x0);
  x0 = i32x4.add(x0, x1);
  x1 = v128.xor(v128.or(i32x4.shl(x1, 6), i32x4.shr_u(x1, 26)), x0);
  x0 = i32x4.add(x0, k2);
  x1 = i32x4.add(x1, i32x4.add(k0, i32x4.splat(5)));

  if (mode == BOTH) {
    if (count >= 4) {
      v128.store(p, x0);
      v128.store(q, x1);
    } else {
      storeTail<u32>(p, x0, count);
      storeTail<u32>(q, x1, count);
    }
  } else if (mode == MIXED) {
    const x = v128.xor(x0, x1);
    if (count >= 4) v128.store(p, x);
    else storeTail<u32>(p, x, count);
  } else if (mode == BYTES) {
    const x = v128.xor(x0, x1);
    store<u8>(p, i32x4.extract_lane(x, 0));
    if (count > 1) store<u8>(p, i32x4.extract_lane(x, 1), 1);
    if (count > 2) store<u8>(p, i32x4.extract_lane(x, 2), 2);
    if (count > 3) store<u8>(p, i32x4.extract_lane(x, 3), 3);
  } else if (mode == UNIFORM || mode == NORMAL) {
    const x = floats32(mode, v128.xor(x0, x1), low, span);
    if (count >= 4) v128.store(p, x);
    else storeTail<f32>(p, x, count);
  } else {
    const a = mode == KEYS ? x0 : x1, b = mode == KEYS ? x1 : x0;
    let first = v128.shuffle<i32>(a, b, 0, 4, 1, 5), second = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
    if (mode >= UNIFORM64) {
      first = floats64(mode, first, low, span);
      second = floats64(mode, second, low, span);
    }
    if (count > 1) v128.store(p, first);
    else v128.store64_lane(p, first, 0);
    if (count > 3) v128.store(p, second, 16);
    else if (count == 3) v128.store64_lane(p, second, 0, 16);
  }
}

/** Elements for one call of a loop. */
const CHUNK: i32 = 1024;

/** The high words of the numbers from `start` on, in four lanes. */
@inline
function highWords(start: u64): v128 {
  const high = u32(start >> 32);
  let x = i32x4.splat(high);
  // Low words that wrapped are those below that of `start`.
  const low = i32x4.add(i32x4.splat(u32(start)), i32x4(0, 1, 2, 3));
  return i32x4.sub(x, v128.lt<u32>(low, i32x4.splat(u32(start))));
}

/** Hashes of `n` numbers from `start` on, at most CHUNK, in one form. */
@inline
function count(
  mode: i32, k0: u32, k1: u32, start: u64, n: i32, p: usize, q: usize,
  least: v128 = i32x4.splat(0), span: v128 = i32x4.splat(0),
): void {
  const isWide = mode == WIDE || mode == KEYS || mode >= UNIFORM64;
  const step: usize = mode == BYTES ? 4 : isWide ? 32 : 16;
  const a = i32x4.splat(k0), b = i32x4.splat(k1);
  for (; n > 0; n -= 4, start += 4, p += step, q += step) {
    const low = i32x4.add(i32x4.splat(u32(start)), i32x4(0, 1, 2, 3));
    hash(mode, a, b, highWords(start), low, p, q, n, least, span);
  }
}

function countBoth(k0: u32, k1: u32, start: u64, n: i32, p: usize, q: usize): void {
  count(BOTH, k0, k1, start, n, p, q);
}
function countMixed(k0: u32, k1: u32, start: u64, n: i32, p: usize): void {
  count(MIXED, k0, k1, start, n, p, p);
}
function countBytes(k0: u32, k1: u32, start: u64, n: i32, p: usize): void {
  count(BYTES, k0, k1, start, n, p, p);
}
function countWide(k0: u32, k1: u32, start: u64, n: i32, p: usize): void {
  count(WIDE, k0, k1, start, n, p, p);
}
function countKeys(k0: u32, k1: u32, start: u64, n: i32, p: usize): void {
  count(KEYS, k0, k1, start, n, p, p);
}

function countUniform<T>(k0: u32, k1: u32, start: u64, n: i32, low: T, high: T, p: usize): void {
  count(sizeof<T>() == 4 ? UNIFORM : UNIFORM64, k0, k1, start, n, p, p, v128.splat<T>(low), v128.splat<T>(high - low));
}
function countNormal<T>(k0: u32, k1: u32, start: u64, n: i32, low: T, high: T, p: usize): void {
  count(sizeof<T>() == 4 ? NORMAL : NORMAL64, k0, k1, start, n, p, p, v128.splat<T>(low), v128.splat<T>(high - low));
}

/** Both words of the hashes of start, start + 1, … under the key (k0, k1), as u32 in two arrays. */
export function threefry_fill(k0: u32, k1: u32, start: u64, n: i32, out0: usize, out1: usize): void {
  for (; n > 0; n -= CHUNK, start += CHUNK, out0 += 4 * CHUNK, out1 += 4 * CHUNK) {
    countBoth(k0, k1, start, min(n, CHUNK), out0, out1);
  }
}

/**
 * `n` random elements of `width` (8, 32 or 64) bits for each of `keyCount` keys, in order: the hashes of 0 … n - 1
 * of each key. What JAX calls random_bits, with the keys' axes first.
 */
export function threefry_bits(width: i32, keyCount: i32, keys: usize, n: i32, out: usize): void {
  const size = usize(width) >> 3;
  for (; keyCount > 0; keyCount--, keys += 8) {
    const k0 = load<u32>(keys), k1 = load<u32>(keys, 4);
    for (let i = 0; i < n; i += CHUNK) {
      const m = min(n - i, CHUNK);
      if (width == 32) countMixed(k0, k1, i, m, out);
      else if (width == 64) countWide(k0, k1, i, m, out);
      else countBytes(k0, k1, i, m, out);
      out += size * usize(m);
    }
  }
}

/** `n` floats for each key, between those at `low` and `high`. */
@inline
function floats<T>(isNormal: bool, keyCount: i32, keys: usize, low: usize, high: usize, n: i32, out: usize): void {
  const from = load<T>(low), to = load<T>(high);
  for (; keyCount > 0; keyCount--, keys += 8) {
    const k0 = load<u32>(keys), k1 = load<u32>(keys, 4);
    for (let i = 0; i < n; i += CHUNK) {
      const m = min(n - i, CHUNK);
      if (isNormal) countNormal<T>(k0, k1, i, m, from, to, out);
      else countUniform<T>(k0, k1, i, m, from, to, out);
      out += sizeof<T>() * usize(m);
    }
  }
}

/**
 * `n` floats for each of `keyCount` keys, uniform between those at `low` and `high`, of the bits that `threefry_bits` gives.
 */
export function threefry_uniform_f32(
  keyCount: i32, keys: usize, low: usize, high: usize, n: i32, out: usize,
): void {
  floats<f32>(false, keyCount, keys, low, high, n, out);
}
export function threefry_uniform_f64(
  keyCount: i32, keys: usize, low: usize, high: usize, n: i32, out: usize,
): void {
  floats<f64>(false, keyCount, keys, low, high, n, out);
}
/** The same, each handed on to √2 · erf⁻¹: normal, where they are between -1 and 1. */
export function threefry_normal_f32(
  keyCount: i32, keys: usize, low: usize, high: usize, n: i32, out: usize,
): void {
  floats<f32>(true, keyCount, keys, low, high, n, out);
}
export function threefry_normal_f64(
  keyCount: i32, keys: usize, low: usize, high: usize, n: i32, out: usize,
): void {
  floats<f64>(true, keyCount, keys, low, high, n, out);
}

/** `n` new keys for each of `keyCount` keys. */
export function threefry_split(keyCount: i32, keys: usize, n: i32, out: usize): void {
  for (; keyCount > 0; keyCount--, keys += 8) {
    const k0 = load<u32>(keys), k1 = load<u32>(keys, 4);
    for (let i = 0; i < n; i += CHUNK) {
      const m = min(n - i, CHUNK);
      countKeys(k0, k1, i, m, out);
      out += 8 * usize(m);
    }
  }
}

/** Keys mixed with u32 numbers: out[i] = hash of (0, data[i · ds]) under keys[i · ks]; strides are 0 or 1. */
export function threefry_fold_in(
  n: i32, keys: usize, ks: i32, data: usize, ds: i32, out: usize,
): void {
  const dk = select<usize>(8, 0, ks), dd = select<usize>(4, 0, ds);
  for (; n > 0; n--, keys += dk, data += dd, out += 8) {
    hash(
      KEYS, v128.load32_splat(keys), v128.load32_splat(keys, 4),
      i32x4.splat(0), v128.load32_splat(data), out, out, 1, i32x4.splat(0), i32x4.splat(0),
    );
  }
}

/** The block cipher itself, elementwise over u32 arrays; strides are 0 or 1 element. */
export function threefry2x32(
  n: i32, k0: usize, k0s: i32, k1: usize, k1s: i32, x0: usize, x0s: i32, x1: usize, x1s: i32,
  out0: usize, out1: usize,
): void {
  const da = select<usize>(16, 0, k0s), db = select<usize>(16, 0, k1s);
  const dc = select<usize>(16, 0, x0s), dd = select<usize>(16, 0, x1s);
  for (; n > 0; n -= 4) {
    hash(
      BOTH, lane4(k0, k0s, n), lane4(k1, k1s, n), lane4(x0, x0s, n), lane4(x1, x1s, n), out0, out1, n,
      i32x4.splat(0), i32x4.splat(0),
    );
    k0 += da;
    k1 += db;
    x0 += dc;
    x1 += dd;
    out0 += 16;
    out1 += 16;
  }
}

@inline
function lane4(p: usize, stride: i32, n: i32): v128 {
  if (!stride) return v128.load32_splat(p);
  return n >= 4 ? v128.load(p) : loadTail<u32>(p, n);
}
