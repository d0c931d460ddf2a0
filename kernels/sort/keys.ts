// Keys by which elements are sorted: unsigned integers `U` in the order wanted, NaN last, -0 equal to 0.

/** Digits of a pass: a byte. */
export const DIGITS: i32 = 256;
/** Bytes of the counters of all passes, for each byte of a key. */
export const COUNTER_BYTES: usize = 4 * 256;
/** Elements for one call of a loop. */
export const CHUNK: i32 = 8192;
/** Rows up to this length are sorted by insertion. */
export const SHORT: i32 = 48;

/** The key of an element: ascending is the order of the elements. */
@inline
export function keyOf<T, U>(x: T): U {
  if (isFloat<T>()) {
    if (sizeof<T>() == 4) {
      if (x != x) return <U> 0xffffffff;
      const bits = reinterpret<u32>(<f32> (x + 0)); // -0 + 0 is 0
      return <U> (i32(bits) < 0 ? ~bits : bits | 0x80000000);
    }
    if (x != x) return <U> 0xffffffffffffffff;
    const bits = reinterpret<u64>(<f64> (x + 0));
    return <U> (i64(bits) < 0 ? ~bits : bits | 0x8000000000000000);
  }
  if (isSigned<T>()) {
    return sizeof<T>() == 4 ? <U> (u32(x) ^ 0x80000000) : <U> (u64(x) ^ 0x8000000000000000);
  }
  return <U> x;
}

/** The bits of the element that a key belongs to: of the zeros 0, of NaN one that is positive. */
@inline
export function bitsOf<T, U>(key: U): U {
  if (isFloat<T>()) {
    return sizeof<U>() == 4
      ? <U> (u32(key) ^ (u32(i32(~key) >> 31) | 0x80000000))
      : <U> (u64(key) ^ (u64(i64(~key) >> 63) | 0x8000000000000000));
  }
  if (isSigned<T>()) {
    return sizeof<U>() == 4 ? <U> (u32(key) ^ 0x80000000) : <U> (u64(key) ^ 0x8000000000000000);
  }
  return key;
}

/**
 * Writes the keys of `n` elements, and tells whether any element is not what its key says: NaN, or -0.
 */
export function writeKeys<T, U>(n: i32, x: usize, keys: usize): bool {
  let lost = i32x4.splat(0);
  const V = i32(16 / sizeof<T>());
  for (; n >= V; n -= V, x += 16, keys += 16) {
    const v = v128.load(x);
    if (isFloat<T>()) {
      const top = sizeof<T>() == 4 ? i32x4.splat(i32.MIN_VALUE) : i64x2.splat(i64.MIN_VALUE);
      const isNaN = v128.ne<T>(v, v);
      const bits = v128.add<T>(v, i32x4.splat(0));
      const sign = sizeof<T>() == 4 ? i32x4.shr_s(bits, 31) : i64x2.shr_s(bits, 63);
      v128.store(keys, v128.or(isNaN, v128.xor(bits, v128.or(sign, top))));
      // What adding 0 changed, NaN apart, is -0.
      lost = v128.or(lost, v128.or(isNaN, v128.xor(v, bits)));
    } else if (isSigned<T>()) {
      const top = sizeof<T>() == 4 ? i32x4.splat(i32.MIN_VALUE) : i64x2.splat(i64.MIN_VALUE);
      v128.store(keys, v128.xor(v, top));
    } else v128.store(keys, v);
  }
  let isLost = v128.any_true(lost);
  for (; n > 0; n--, x += sizeof<T>(), keys += sizeof<U>()) {
    const key = keyOf<T, U>(load<T>(x));
    store<U>(keys, key);
    if (isFloat<T>() && bitsOf<T, U>(key) != load<U>(x)) isLost = true;
  }
  return isLost;
}

/** Counts the digits of all passes at once, of elements, or of keys as elements; `counts` is [bytes of a key, 256] of i32. */
export function countAll<T, U>(n: i32, x: usize, counts: usize): void {
  for (; n > 0; n--, x += sizeof<T>()) {
    let key = keyOf<T, U>(load<T>(x));
    for (let c = counts, b = 0; b < i32(sizeof<U>()); b++, c += COUNTER_BYTES) {
      const at = c + (usize(u8(key)) << 2);
      store<i32>(at, load<i32>(at) + 1);
      if (sizeof<U>() > 1) key = <U> (key >> 8);
    }
  }
}

/** Turns the counts of a pass into the addresses of each digit's first element, `bytes` apart. */
export function offsets(counts: usize, to: usize, bytes: usize): void {
  for (let i = 0; i < DIGITS; i++, counts += 4) {
    const count = load<i32>(counts);
    store<i32>(counts, i32(to));
    to += usize(count) * bytes;
  }
}

/** Where the place stands of the next key with the same digit. */
@inline
export function slotOf<U>(key: U, shift: i32, places: usize): usize {
  return places + (usize(u8(key >> <U> shift)) << 2);
}

/** The place of the next element whose digit has its counter at `slot`; what follows lies `bytes` later. */
@inline
export function nextPlace(slot: usize, bytes: usize): usize {
  const at = usize(load<u32>(slot));
  store<u32>(slot, u32(at + bytes));
  return at;
}

/** Whether all keys have the same byte `b` as the first; counts of passes not yet made are whole. */
@inline
export function uniform<U>(first: U, b: i32, n: i32, counts: usize): bool {
  const digit = usize(u8(first >> <U> (8 * b)));
  return load<i32>(counts + usize(b) * COUNTER_BYTES + 4 * digit) == n;
}
