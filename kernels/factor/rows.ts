// What factorisations do with rows: contiguous elements of type T. None of these is inlined: what calls them is slow until V8 has
// optimised it, they are fast after a few calls.
import { gemm_f32, gemm_f64 } from "../gemm/gemm";
import { madd } from "../math/madd";

/** y += alpha · x. */
export function addScaled<T>(n: i32, alpha: T, x: usize, y: usize): void {
  const bytes = usize(n) * sizeof<T>(), factor = v128.splat<T>(alpha);
  let i: usize = 0;
  for (const end = bytes & ~15; i < end; i += 16) {
    v128.store(y + i, madd<T>(factor, v128.load(x + i), v128.load(y + i)));
  }
  for (; i < bytes; i += sizeof<T>()) {
    store<T>(y + i, load<T>(y + i) + alpha * load<T>(x + i));
  }
}

/** y = alpha · x; the two may be the same. */
export function scaleTo<T>(n: i32, alpha: T, x: usize, y: usize): void {
  const bytes = usize(n) * sizeof<T>(), factor = v128.splat<T>(alpha);
  let i: usize = 0;
  for (const end = bytes & ~15; i < end; i += 16) {
    v128.store(y + i, v128.mul<T>(factor, v128.load(x + i)));
  }
  for (; i < bytes; i += sizeof<T>()) store<T>(y + i, alpha * load<T>(x + i));
}

/** The sum of x · y. */
export function inner<T>(n: i32, x: usize, y: usize): T {
  const bytes = usize(n) * sizeof<T>();
  let even = v128.splat<T>(0), odd = v128.splat<T>(0);
  let i: usize = 0;
  for (const end = bytes & ~31; i < end; i += 32) {
    even = madd<T>(v128.load(x + i), v128.load(y + i), even);
    odd = madd<T>(v128.load(x + i, 16), v128.load(y + i, 16), odd);
  }
  const sum = v128.add<T>(even, odd);
  let out: T = v128.extract_lane<T>(sum, 0) + v128.extract_lane<T>(sum, 1);
  if (sizeof<T>() == 4) {
    out += v128.extract_lane<T>(sum, 2) + v128.extract_lane<T>(sum, 3);
  }
  for (; i < bytes; i += sizeof<T>()) out += load<T>(x + i) * load<T>(y + i);
  return out;
}

/** Exchanges two rows. */
export function exchange<T>(n: i32, x: usize, y: usize): void {
  const end = x + usize(n) * sizeof<T>();
  for (; x + 16 <= end; x += 16, y += 16) {
    const kept = v128.load(x);
    v128.store(x, v128.load(y));
    v128.store(y, kept);
  }
  for (; x < end; x += sizeof<T>(), y += sizeof<T>()) {
    const kept = load<T>(x);
    store<T>(x, load<T>(y));
    store<T>(y, kept);
  }
}

/** Rows whose transposes fill whole lines of the cache. */
const LINE: i32 = 16;

/** Copies the transpose of a [rows, columns] block; rows are so many bytes apart. */
export function transpose<T>(rows: i32, columns: i32, from: usize, fromRow: usize, to: usize, toRow: usize): void {
  const S = sizeof<T>(), lanes = i32(16 / S);
  const whole = columns & -lanes;
  for (let first = 0; first < rows; first += LINE) {
    const last = min(first + LINE, rows), inLanes = first + ((last - first) & -lanes);
    for (let j = 0; j < whole; j += lanes) {
      let x = from + usize(first) * fromRow + usize(j) * S, y = to + usize(j) * toRow + usize(first) * S;
      for (let i = first; i < inLanes; i += lanes, x += usize(lanes) * fromRow, y += 16) {
        const a = v128.load(x), b = v128.load(x + fromRow);
        if (S == 8) {
          v128.store(y, v128.shuffle<i64>(a, b, 0, 2));
          v128.store(y + toRow, v128.shuffle<i64>(a, b, 1, 3));
        } else {
          const c = v128.load(x + 2 * fromRow), d = v128.load(x + 3 * fromRow);
          const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5), cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
          const efs = v128.shuffle<i32>(a, b, 2, 6, 3, 7), ghs = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
          v128.store(y, v128.shuffle<i64>(ab, cd, 0, 2));
          v128.store(y + toRow, v128.shuffle<i64>(ab, cd, 1, 3));
          v128.store(y + 2 * toRow, v128.shuffle<i64>(efs, ghs, 0, 2));
          v128.store(y + 3 * toRow, v128.shuffle<i64>(efs, ghs, 1, 3));
        }
      }
    }
    for (let i = first; i < last; i++) {
      for (let j = i < inLanes ? whole : 0; j < columns; j++) {
        store<T>(to + usize(j) * toRow + usize(i) * S, load<T>(from + usize(i) * fromRow + usize(j) * S));
      }
    }
  }
}

/** Copies a [rows, columns] block, times `factor`, to `to`, where rows follow each other; strides of the source in bytes. */
export function gather<T>(
  rows: i32, columns: i32, factor: T, from: usize, rowStride: usize, columnStride: usize, to: usize,
): void {
  for (; rows > 0; rows--, from += rowStride) {
    let at = from;
    for (let j = 0; j < columns; j++, at += columnStride, to += sizeof<T>()) {
      store<T>(to, factor * load<T>(at));
    }
  }
}

/** The largest size of the elements of [m, n], of the lower half alone if `half`; NaN where one is. */
export function largestSize<T>(m: i32, n: i32, x: usize, half: bool): f64 {
  let largest: f64 = 0;
  for (let i = 0; i < m; i++, x += usize(n) * sizeof<T>()) {
    const end = half ? i + 1 : n;
    // max hands on NaN.
    for (let j = 0; j < end; j++) largest = max<f64>(largest, abs<f64>(load<T>(x + usize(j) * sizeof<T>())));
  }
  return largest;
}

/** The power of two that brings `largest` to about 1; 1 for what is zero or no number. */
export function scaleOf(largest: f64): f64 {
  if (!(largest > 0 && largest < Infinity)) return 1;
  const exponent = i64(reinterpret<u64>(largest) >> 52) - 1023;
  // The scale is a number itself, and not less than one over it.
  return reinterpret<f64>(u64(1023 - min<i64>(1000, max<i64>(-1000, exponent))) << 52);
}

/** Fills with NaN: what has no answer. */
export function fillNaN<T>(n: i32, x: usize): void {
  for (const end = x + usize(n) * sizeof<T>(); x < end; x += sizeof<T>()) store<T>(x, <T> NaN);
}

/** Sets [m, n], m ≥ n, to the first n columns of the identity. */
export function identity<T>(m: i32, n: i32, x: usize): void {
  memory.fill(x, 0, usize(m) * usize(n) * sizeof<T>());
  for (let i = 0; i < n; i++, x += usize(n + 1) * sizeof<T>()) store<T>(x, <T> 1);
}

/** The places of n numbers to `order`: ascending, or `bySize`, descending by their sizes. */
export function orderOf(n: i32, d: usize, bySize: bool, order: usize): void {
  for (let k = 0; k < n; k++) {
    const key = orderKey(d, k, bySize);
    let i = k;
    for (; i > 0; i--) {
      const before = load<i32>(order + 4 * usize(i - 1));
      if (orderKey(d, before, bySize) <= key) break;
      store<i32>(order + 4 * usize(i), before);
    }
    store<i32>(order + 4 * usize(i), k);
  }
}

@inline
function orderKey(d: usize, k: i32, bySize: bool): f64 {
  const value = load<f64>(d + 8 * usize(k));
  return bySize ? -abs<f64>(value) : value;
}

/** C (+)= A · B of any strides, in elements, by the matrix product. */
@inline
export function product<T>(
  m: i32, n: i32, k: i32, a: usize, aRow: i32, aColumn: i32, b: usize, bRow: i32, bColumn: i32, c: usize, cRow: i32,
  scratch: usize, accumulate: i32,
): void {
  if (sizeof<T>() == 4) gemm_f32(m, n, k, a, aRow, aColumn, b, bRow, bColumn, c, cRow, scratch, accumulate);
  else gemm_f64(m, n, k, a, aRow, aColumn, b, bRow, bColumn, c, cRow, scratch, accumulate);
}

/** C += A · B by the matrix product, where rows of A and B follow each other in `k` and `bRow` elements. */
@inline
export function addProduct<T>(
  m: i32, n: i32, k: i32, a: usize, b: usize, bRow: i32, bColumn: i32, c: usize, cRow: i32,
  scratch: usize, accumulate: i32,
): void {
  product<T>(m, n, k, a, k, 1, b, bRow, bColumn, c, cRow, scratch, accumulate);
}
