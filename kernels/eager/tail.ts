// The last elements of an array, fewer than fill a vector: loaded with zeros after them, stored without
// touching what follows. So the vector code serves every length and results do not depend on position.

/** `count` elements (0 < count < lanes), the other lanes zero. */
@inline
export function loadTail<T>(p: usize, count: i32): v128 {
  if (sizeof<T>() == 8) return v128.load64_zero(p);
  if (sizeof<T>() == 4) {
    if (count == 1) return v128.load32_zero(p);
    const x = v128.load64_zero(p);
    return count == 2 ? x : v128.load32_lane(p + 8, x, 2);
  }
  return loadBytes(p, count);
}

/** Stores the first `count` elements. */
@inline
export function storeTail<T>(p: usize, x: v128, count: i32): void {
  if (sizeof<T>() == 8) v128.store64_lane(p, x, 0);
  else if (sizeof<T>() == 4) {
    if (count == 1) {
      v128.store32_lane(p, x, 0);
    } else {
      v128.store64_lane(p, x, 0);
      if (count == 3) v128.store32_lane(p + 8, x, 2);
    }
  } else storeBytes(p, x, count);
}

/** Up to 15 bytes. */
function loadBytes(p: usize, count: i32): v128 {
  let low: u64 = 0, high: u64 = 0;
  for (let i = count - 1; i >= 8; i--) high = high << 8 | u64(load<u8>(p + i));
  for (let i = min(count, 8) - 1; i >= 0; i--) low = low << 8 | u64(load<u8>(p + i));
  return i64x2.replace_lane(i64x2.splat(low), 1, high);
}

/** Up to 15 bytes. */
function storeBytes(p: usize, x: v128, count: i32): void {
  let low = i64x2.extract_lane(x, 0), high = i64x2.extract_lane(x, 1);
  for (let i = 0; i < min(count, 8); i++, low >>= 8) store<u8>(p + i, u8(low));
  for (let i = 8; i < count; i++, high >>= 8) store<u8>(p + i, u8(high));
}
