// Stable sorting of contiguous rows by radix: 8 bits at a time, the least significant first, on keys turned into unsigned integers
// in the order wanted: NaN last, -0 equal to 0. Passes in which all keys agree are skipped, so that small
// integers cost little. Short rows are sorted by insertion.

/** Rows up to this length are sorted by insertion. */
const SHORT: i32 = 48;
/** Digits of a pass. */
const DIGITS: i32 = 256;

/** The key of an element as an unsigned integer `U`: ascending is the order of the elements. */
@inline
function keyOf<T, U>(x: T): U {
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

/** Counts the digits of all passes at once; `counts` is [bytes of a key, 256] of i32. */
function countChunk<T, U>(n: i32, x: usize, counts: usize): void {
  for (; n > 0; n--, x += sizeof<T>()) {
    let key = keyOf<T, U>(load<T>(x));
    for (let c = counts, b = 0; b < i32(sizeof<U>()); b++, c += 4 * DIGITS) {
      const at = c + (usize(u8(key)) << 2);
      store<i32>(at, load<i32>(at) + 1);
      if (sizeof<U>() > 1) key = <U> (key >> 8);
    }
  }
}

/** Turns the counts of a pass into the position of each digit's first key. */
function offsets(counts: usize): void {
  let sum = 0;
  for (let i = 0; i < DIGITS; i++, counts += 4) {
    const count = load<i32>(counts);
    store<i32>(counts, sum);
    sum += count;
  }
}

/** The first pass of several: from elements to keys and positions, `n` elements from number `from` on. */
function passFirst<T, U>(
  n: i32, from: i32, x: usize, shift: i32, counts: usize, keysTo: usize, orderTo: usize,
): void {
  x += usize(from) * sizeof<T>();
  for (let i = from; i < from + n; i++, x += sizeof<T>()) {
    const key = keyOf<T, U>(load<T>(x));
    const slot = counts + (usize(u8(key >> <U> shift)) << 2);
    const at = load<i32>(slot);
    store<i32>(slot, at + 1);
    store<U>(keysTo + usize(at) * sizeof<U>(), key);
    store<i32>(orderTo + 4 * usize(at), i);
  }
}

/** A pass between two pairs of buffers; the last one needs no keys. */
@inline
function pass<U>(
  n: i32, keys: usize, order: usize, shift: i32, counts: usize, keysTo: usize, orderTo: usize, last: bool,
): void {
  for (; n > 0; n--, keys += sizeof<U>(), order += 4) {
    const key = load<U>(keys);
    const slot = counts + (usize(u8(key >> <U> shift)) << 2);
    const at = load<i32>(slot);
    store<i32>(slot, at + 1);
    if (!last) store<U>(keysTo + usize(at) * sizeof<U>(), key);
    store<i32>(orderTo + 4 * usize(at), load<i32>(order));
  }
}

function passMiddle<U>(
  n: i32, keys: usize, order: usize, shift: i32, counts: usize, keysTo: usize, orderTo: usize,
): void {
  pass<U>(n, keys, order, shift, counts, keysTo, orderTo, false);
}

function passLast<U>(n: i32, keys: usize, order: usize, shift: i32, counts: usize, orderTo: usize): void {
  pass<U>(n, keys, order, shift, counts, 0, orderTo, true);
}

/** The only pass: from elements to positions. */
function passOnly<T, U>(n: i32, from: i32, x: usize, shift: i32, counts: usize, orderTo: usize): void {
  x += usize(from) * sizeof<T>();
  for (let i = from; i < from + n; i++, x += sizeof<T>()) {
    const slot = counts + (usize(u8(keyOf<T, U>(load<T>(x)) >> <U> shift)) << 2);
    const at = load<i32>(slot);
    store<i32>(slot, at + 1);
    store<i32>(orderTo + 4 * usize(at), i);
  }
}

/** Elements for one call of a loop. */
const CHUNK: i32 = 8192;

function radix<T, U>(n: i32, x: usize, out: usize, scratch: usize): void {
  const W = i32(sizeof<U>());
  const counts = scratch;
  const keysA = counts + 4 * DIGITS * sizeof<U>();
  const keysB = keysA + usize(n) * sizeof<U>();
  const other = keysB + usize(n) * sizeof<U>();
  memory.fill(counts, 0, 4 * DIGITS * sizeof<U>());
  for (let i = 0; i < n; i += CHUNK) {
    countChunk<T, U>(min(CHUNK, n - i), x + usize(i) * sizeof<T>(), counts);
  }
  // How many passes have more than one digit.
  const first = keyOf<T, U>(load<T>(x));
  let passes = 0;
  for (let b = 0; b < W; b++) passes += i32(!uniform<U>(first, b, n, counts));
  if (passes == 0) {
    for (let i = 0; i < n; i++) store<i32>(out + 4 * usize(i), i);
    return;
  }
  let keys = keysA, order = other, done = 0;
  // The pass before the last writes to `other`, since the last one writes to `out`.
  let toOther = (passes & 1) == 0;
  for (let b = 0; b < W; b++) {
    if (uniform<U>(first, b, n, counts)) continue;
    const c = counts + 4 * DIGITS * usize(b);
    const shift = 8 * b;
    offsets(c);
    if (passes == 1) {
      for (let i = 0; i < n; i += CHUNK) passOnly<T, U>(min(CHUNK, n - i), i, x, shift, c, out);
      return;
    }
    const orderTo = toOther ? other : out;
    const keysTo = done & 1 ? keysB : keysA;
    if (done == 0) {
      for (let i = 0; i < n; i += CHUNK) {
        passFirst<T, U>(min(CHUNK, n - i), i, x, shift, c, keysTo, orderTo);
      }
    } else {
      for (let i = 0; i < n; i += CHUNK) {
        const k = keys + usize(i) * sizeof<U>(), o = order + 4 * usize(i);
        if (done == passes - 1) passLast<U>(min(CHUNK, n - i), k, o, shift, c, out);
        else passMiddle<U>(min(CHUNK, n - i), k, o, shift, c, keysTo, orderTo);
      }
    }
    keys = keysTo;
    order = orderTo;
    toOther = !toOther;
    done++;
  }
}

/** Whether all keys have the same byte `b`; counts of passes not yet made are whole. */
@inline
function uniform<U>(first: U, b: i32, n: i32, counts: usize): bool {
  const digit = usize(u8(first >> <U> (8 * b)));
  return load<i32>(counts + 4 * (usize(b) * DIGITS + digit)) == n;
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
 * to 0. `scratch` is n · (2 · bytes of an element + 4) + 1024 · bytes of an element long.
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
