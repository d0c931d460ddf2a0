// Sorting of contiguous rows by radix: 8 bits at a time, the least significant first, on keys (keys.ts). Passes in which all keys agree are
// skipped. Equals stay in order, which shows where bits tell equals apart: -0 and 0, and one NaN and another. These are put back afterwards.
import { bitsOf, CHUNK, countAll, COUNTER_BYTES, keyOf, nextPlace, offsets, SHORT, slotOf, uniform, writeKeys } from "./keys";

/** Sorts a short row, with keys in `keys`. */
function insertValues<T, U>(n: i32, x: usize, out: usize, keys: usize): void {
  for (let i = 0; i < n; i++) {
    const value = load<U>(x + usize(i) * sizeof<U>()), key = keyOf<T, U>(load<T>(x + usize(i) * sizeof<T>()));
    let k = keys + usize(i) * sizeof<U>(), p = out + usize(i) * sizeof<U>();
    while (p > out && load<U>(k - sizeof<U>()) > key) {
      store<U>(k, load<U>(k - sizeof<U>()));
      store<U>(p, load<U>(p - sizeof<U>()));
      k -= sizeof<U>();
      p -= sizeof<U>();
    }
    store<U>(k, key);
    store<U>(p, value);
  }
}

/** A pass: each key to where its digit's next one belongs. */
function movePass<U>(n: i32, keys: usize, shift: i32, places: usize): void {
  for (; n > 0; n--, keys += sizeof<U>()) {
    const key = load<U>(keys);
    store<U>(nextPlace(slotOf<U>(key, shift, places), sizeof<U>()), key);
  }
}

/** The last pass, from keys to elements. */
export function moveLast<T, U>(n: i32, keys: usize, shift: i32, places: usize): void {
  for (; n > 0; n--, keys += sizeof<U>()) {
    const key = load<U>(keys);
    store<U>(nextPlace(slotOf<U>(key, shift, places), sizeof<U>()), bitsOf<T, U>(key));
  }
}

/** Puts the zeros and NaN of x, of which keys know one only, where they belong in the sorted row. */
export function restore<T>(n: i32, x: usize, out: usize): void {
  let low = 0;
  for (let high = n; low < high;) {
    const middle = (low + high) >> 1;
    if (load<T>(out + usize(middle) * sizeof<T>()) < 0) low = middle + 1;
    else high = middle;
  }
  let zero = out + usize(low) * sizeof<T>();
  let nan = out + usize(n) * sizeof<T>();
  for (; nan > out; nan -= sizeof<T>()) {
    const before = load<T>(nan - sizeof<T>());
    if (before == before) break;
  }
  for (const end = x + usize(n) * sizeof<T>(); x < end; x += sizeof<T>()) {
    const value = load<T>(x);
    if (value == 0) {
      memory.copy(zero, x, sizeof<T>());
      zero += sizeof<T>();
    } else if (value != value) {
      memory.copy(nan, x, sizeof<T>());
      nan += sizeof<T>();
    }
  }
}

function sortDigits<T, U>(n: i32, x: usize, out: usize, scratch: usize): void {
  const S = sizeof<U>(), W = i32(S);
  const counts = scratch, bytes = usize(n) * S;
  let from = counts + COUNTER_BYTES * S, to = from + bytes, isLost = false;
  memory.fill(counts, 0, COUNTER_BYTES * S);
  for (let i = 0; i < n; i += CHUNK) {
    const size = min(CHUNK, n - i), keys = from + usize(i) * S;
    if (writeKeys<T, U>(size, x + usize(i) * S, keys)) isLost = true;
    countAll<U, U>(size, keys, counts);
  }
  const first = load<U>(from);
  let last = W - 1;
  while (last >= 0 && uniform<U>(first, last, n, counts)) last--;
  if (last < 0) {
    memory.copy(out, x, bytes);
    return;
  }
  for (let b = 0; b <= last; b++) {
    if (uniform<U>(first, b, n, counts)) continue;
    const places = counts + COUNTER_BYTES * usize(b);
    offsets(places, b == last ? out : to, S);
    for (let i = 0; i < n; i += CHUNK) {
      const size = min(CHUNK, n - i), keys = from + usize(i) * S;
      if (b == last) moveLast<T, U>(size, keys, 8 * b, places);
      else movePass<U>(size, keys, 8 * b, places);
    }
    const kept = from;
    from = to;
    to = kept;
  }
  if (isFloat<T>() && isLost) restore<T>(n, x, out);
}

/** Bytes are counted, and written so many times. */
function countBytes(n: i32, x: usize, out: usize, counts: usize): void {
  memory.fill(counts, 0, COUNTER_BYTES);
  for (let i = 0; i < n; i += CHUNK) countAll<u8, u8>(min(CHUNK, n - i), x + usize(i), counts);
  for (let digit = 0; digit < 256; digit++, counts += 4) {
    const count = usize(load<i32>(counts));
    memory.fill(out, u8(digit), count);
    out += count;
  }
}

@inline
function sort<T, U>(rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  const bytes = usize(n) * sizeof<T>();
  for (; rows > 0; rows--, x += bytes, out += bytes) {
    if (n <= SHORT) insertValues<T, U>(n, x, out, scratch);
    else if (sizeof<T>() == 1) countBytes(n, x, out, scratch);
    else sortDigits<T, U>(n, x, out, scratch);
  }
}

/**
 * Each row of x[rows, n] in ascending order, in out[rows, n]; stable, NaN last, -0 equal to 0. `scratch` is 2 · n · bytes of an element +
 * 1024 · bytes of an element long. The two arrays must not overlap.
 */
export function sort_float32(rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  sort<f32, u32>(rows, n, x, out, scratch);
}

/** As sort_float32. */
export function sort_float64(rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  sort<f64, u64>(rows, n, x, out, scratch);
}

/** As sort_float32. */
export function sort_int32(rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  sort<i32, u32>(rows, n, x, out, scratch);
}

/** As sort_float32. */
export function sort_uint32(rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  sort<u32, u32>(rows, n, x, out, scratch);
}

/** As sort_float32. */
export function sort_int64(rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  sort<i64, u64>(rows, n, x, out, scratch);
}

/** As sort_float32. */
export function sort_uint8(rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  sort<u8, u8>(rows, n, x, out, scratch);
}

/** As sort_float32. */
export function sort_bool(rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  sort<u8, u8>(rows, n, x, out, scratch);
}
