// The order of contiguous rows by radix: 8 bits at a time, the least significant first, on keys (keys.ts). Passes in which all keys
// agree are skipped, so that small integers cost little. Keys of 4 bytes move together with their positions, in one word of 8. Short rows are
// sorted by insertion.
import { CHUNK, countAll, COUNTER_BYTES, keyOf, nextPlace, offsets, SHORT, slotOf, uniform } from "./keys";

/** Sorts a short row, with keys in `keys` and positions in `out`. */
function insertion<T, U>(n: i32, x: usize, out: usize, keys: usize): void {
  for (let i = 0; i < n; i++) {
    const key = keyOf<T, U>(load<T>(x + usize(i) * sizeof<T>()));
    let k = keys + usize(i) * sizeof<U>(), p = out + 4 * usize(i);
    while (p > out && load<U>(k - sizeof<U>()) > key) {
      store<U>(k, load<U>(k - sizeof<U>()));
      store<i32>(p, load<i32>(p - 4));
      k -= sizeof<U>();
      p -= 4;
    }
    store<U>(k, key);
    store<i32>(p, i);
  }
}

/** The only pass: from elements to positions. */
function passOnly<T, U>(n: i32, from: i32, x: usize, shift: i32, places: usize): void {
  x += usize(from) * sizeof<T>();
  for (let i = from; i < from + n; i++, x += sizeof<T>()) {
    store<i32>(nextPlace(slotOf<U>(keyOf<T, U>(load<T>(x)), shift, places), 4), i);
  }
}

// Keys of 4 bytes: a pair is a word, the position in its lower half.

function pairsFirst<T>(n: i32, from: i32, x: usize, shift: i32, places: usize): void {
  x += usize(from) * sizeof<T>();
  for (let i = from; i < from + n; i++, x += sizeof<T>()) {
    const key = keyOf<T, u32>(load<T>(x));
    store<u64>(nextPlace(slotOf<u32>(key, shift, places), 8), (u64(key) << 32) | u64(i));
  }
}

function pairsMiddle(n: i32, pairs: usize, shift: i32, places: usize): void {
  for (; n > 0; n--, pairs += 8) {
    const pair = load<u64>(pairs);
    store<u64>(nextPlace(slotOf<u64>(pair, 32 + shift, places), 8), pair);
  }
}

/** The last pass, from pairs to positions. */
export function pairsLast(n: i32, pairs: usize, shift: i32, places: usize): void {
  for (; n > 0; n--, pairs += 8) {
    const pair = load<u64>(pairs);
    store<u32>(nextPlace(slotOf<u64>(pair, 32 + shift, places), 4), u32(pair));
  }
}

// Keys of 8 bytes, and their positions beside them. Counters hold numbers of elements.

function wideFirst<T>(n: i32, from: i32, x: usize, shift: i32, places: usize, keysTo: usize, orderTo: usize): void {
  x += usize(from) * sizeof<T>();
  for (let i = from; i < from + n; i++, x += sizeof<T>()) {
    const key = keyOf<T, u64>(load<T>(x)), at = nextPlace(slotOf<u64>(key, shift, places), 1);
    store<u64>(keysTo + 8 * at, key);
    store<i32>(orderTo + 4 * at, i);
  }
}

function wideMiddle(
  n: i32, keys: usize, order: usize, shift: i32, places: usize, keysTo: usize, orderTo: usize,
): void {
  for (; n > 0; n--, keys += 8, order += 4) {
    const key = load<u64>(keys), at = nextPlace(slotOf<u64>(key, shift, places), 1);
    store<u64>(keysTo + 8 * at, key);
    store<i32>(orderTo + 4 * at, load<i32>(order));
  }
}

function wideLast(n: i32, keys: usize, order: usize, shift: i32, places: usize): void {
  for (; n > 0; n--, keys += 8, order += 4) {
    store<i32>(nextPlace(slotOf<u64>(load<u64>(keys), shift, places), 4), load<i32>(order));
  }
}

function radix<T, U>(n: i32, x: usize, out: usize, scratch: usize): void {
  const S = sizeof<U>(), W = i32(S), isWide = S == 8;
  const counts = scratch;
  // Pairs, or keys with their positions behind them.
  let from = counts + COUNTER_BYTES * S, to = from + usize(n) * (isWide ? 12 : 8);
  memory.fill(counts, 0, COUNTER_BYTES * S);
  for (let i = 0; i < n; i += CHUNK) {
    countAll<T, U>(min(CHUNK, n - i), x + usize(i) * sizeof<T>(), counts);
  }
  const first = keyOf<T, U>(load<T>(x));
  let last = W - 1;
  while (last >= 0 && uniform<U>(first, last, n, counts)) last--;
  if (last < 0) {
    for (let i = 0; i < n; i++) store<i32>(out + 4 * usize(i), i);
    return;
  }
  let isFirst = true;
  for (let b = 0; b <= last; b++) {
    if (uniform<U>(first, b, n, counts)) continue;
    const places = counts + COUNTER_BYTES * usize(b), shift = 8 * b;
    const order = from + 8 * usize(n), orderTo = to + 8 * usize(n);
    if (b == last) offsets(places, out, 4);
    else if (isWide) offsets(places, 0, 1);
    else offsets(places, to, 8);
    for (let i = 0; i < n; i += CHUNK) {
      const size = min(CHUNK, n - i), at = from + 8 * usize(i);
      if (isFirst && b == last) passOnly<T, U>(size, i, x, shift, places);
      else if (isWide && isFirst) wideFirst<T>(size, i, x, shift, places, to, orderTo);
      else if (isWide && b == last) wideLast(size, at, order + 4 * usize(i), shift, places);
      else if (isWide) wideMiddle(size, at, order + 4 * usize(i), shift, places, to, orderTo);
      else if (isFirst) pairsFirst<T>(size, i, x, shift, places);
      else if (b == last) pairsLast(size, at, shift, places);
      else pairsMiddle(size, at, shift, places);
    }
    isFirst = false;
    const kept = from;
    from = to;
    to = kept;
  }
}

@inline
function argsort<T, U>(rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  for (; rows > 0; rows--) {
    if (n <= SHORT) insertion<T, U>(n, x, out, scratch);
    else radix<T, U>(n, x, out, scratch);
    x += usize(n) * sizeof<T>();
    out += 4 * usize(n);
  }
}

/**
 * The positions, as i32 in out[rows, n], that put each row of x[rows, n] in ascending order; stable, NaN last, -0 equal
 * to 0. `scratch` is n · (2 · bytes of an element + 8) + 1024 · bytes of an element long.
 */
export function argsort_float32(rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  argsort<f32, u32>(rows, n, x, out, scratch);
}

/** As argsort_float32. */
export function argsort_float64(rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  argsort<f64, u64>(rows, n, x, out, scratch);
}

/** As argsort_float32. */
export function argsort_int32(rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  argsort<i32, u32>(rows, n, x, out, scratch);
}

/** As argsort_float32. */
export function argsort_uint32(rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  argsort<u32, u32>(rows, n, x, out, scratch);
}

/** As argsort_float32. */
export function argsort_int64(rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  argsort<i64, u64>(rows, n, x, out, scratch);
}

/** As argsort_float32. */
export function argsort_uint8(rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  argsort<u8, u8>(rows, n, x, out, scratch);
}

/** As argsort_float32. */
export function argsort_bool(rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  argsort<u8, u8>(rows, n, x, out, scratch);
}
