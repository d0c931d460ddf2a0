// Positions of the first maximum or minimum over the middle axis of a contiguous [outer, n, inner], as i32; NaN counts as
// the extreme. Rows are searched twice (for the value, then for where it is): both passes are vector code.
import { reduce_max_f32, reduce_max_i32, reduce_max_u32, reduce_max_u8 } from "./reduce";
import { reduce_min_f32, reduce_min_i32, reduce_min_u32, reduce_min_u8 } from "./reduce";

/** Whether x comes before the best so far. */
@inline
function better<T>(max: bool, x: T, best: T): bool {
  if (isFloat<T>()) {
    if (best != best) return false;
    if (x != x) return true;
  }
  return max ? x > best : x < best;
}

/** The first position of `value` (or of a NaN, if it is one) in a row that has it. */
function find<T>(n: i32, x: usize, value: T): i32 {
  const S = sizeof<T>(), V = i32(16 / S);
  const wanted = v128.splat<T>(value);
  const nan = isFloat<T>() && value != value;
  let i = 0;
  for (; i + V <= n; i += V) {
    const v = v128.load(x + usize(i) * S);
    if (v128.any_true(nan ? v128.ne<T>(v, v) : v128.eq<T>(v, wanted))) break;
  }
  for (; i < n; i++) {
    const v = load<T>(x + usize(i) * S);
    if (nan ? v != v : v == value) break;
  }
  return i;
}

/** The extreme of a row, through `out`, which the caller overwrites; 4 bytes there do not hold 8, hence no f64, i64. */
@inline
function extreme<T>(max: bool, n: i32, x: usize, out: usize): void {
  if (isFloat<T>()) {
    if (max) reduce_max_f32(1, n, 1, x, out);
    else reduce_min_f32(1, n, 1, x, out);
  } else if (sizeof<T>() == 1) {
    if (max) reduce_max_u8(1, n, 1, x, out);
    else reduce_min_u8(1, n, 1, x, out);
  } else if (isSigned<T>()) {
    if (max) reduce_max_i32(1, n, 1, x, out);
    else reduce_min_i32(1, n, 1, x, out);
  } else {
    if (max) reduce_max_u32(1, n, 1, x, out);
    else reduce_min_u32(1, n, 1, x, out);
  }
}

/** One row or column, `rs` bytes from element to element. */
function search<T>(max: bool, n: i32, x: usize, rs: usize): i32 {
  let best = load<T>(x);
  let at = 0;
  for (let i = 1; i < n; i++) {
    x += rs;
    const v = load<T>(x);
    if (better<T>(max, v, best)) {
      best = v;
      at = i;
    }
  }
  return at;
}

/** Where `v` comes before `best`, lane by lane. */
@inline
function take<T>(max: bool, v: v128, best: v128): v128 {
  const wins = max ? v128.gt<T>(v, best) : v128.lt<T>(v, best);
  if (!isFloat<T>()) return wins;
  return v128.or(wins, v128.andnot(v128.ne<T>(v, v), v128.ne<T>(best, best)));
}

/** Columns of 4-byte elements, one vector. */
@inline
function columns4<T>(max: bool, n: i32, x: usize, rs: usize, out: usize): void {
  let best = v128.load(x);
  let at = i32x4.splat(0);
  for (let i = 1; i < n; i++) {
    x += rs;
    const v = v128.load(x);
    const t = take<T>(max, v, best);
    best = v128.bitselect(v, best, t);
    at = v128.bitselect(i32x4.splat(i), at, t);
  }
  v128.store(out, at);
}

/** Columns of 4-byte elements, four vectors: whole cache lines. */
@inline
function columns16<T>(max: bool, n: i32, x: usize, rs: usize, out: usize): void {
  let b0 = v128.load(x), b1 = v128.load(x, 16), b2 = v128.load(x, 32), b3 = v128.load(x, 48);
  let a0 = i32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
  for (let i = 1; i < n; i++) {
    x += rs;
    const at = i32x4.splat(i);
    let v = v128.load(x);
    let t = take<T>(max, v, b0);
    b0 = v128.bitselect(v, b0, t);
    a0 = v128.bitselect(at, a0, t);
    v = v128.load(x, 16);
    t = take<T>(max, v, b1);
    b1 = v128.bitselect(v, b1, t);
    a1 = v128.bitselect(at, a1, t);
    v = v128.load(x, 32);
    t = take<T>(max, v, b2);
    b2 = v128.bitselect(v, b2, t);
    a2 = v128.bitselect(at, a2, t);
    v = v128.load(x, 48);
    t = take<T>(max, v, b3);
    b3 = v128.bitselect(v, b3, t);
    a3 = v128.bitselect(at, a3, t);
  }
  v128.store(out, a0);
  v128.store(out, a1, 16);
  v128.store(out, a2, 32);
  v128.store(out, a3, 48);
}

@inline
function argreduce<T>(max: bool, outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  const S = sizeof<T>();
  const rs = usize(inner) * S;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      if (S == 8) store<i32>(out, search<T>(max, n, x, S));
      else {
        extreme<T>(max, n, x, out);
        store<i32>(out, find<T>(n, x, load<T>(out)));
      }
      out += 4;
    } else {
      let i = 0;
      if (S == 4) {
        for (; i + 16 <= inner; i += 16, out += 64) columns16<T>(max, n, x + usize(i) * S, rs, out);
        for (; i + 4 <= inner; i += 4, out += 16) columns4<T>(max, n, x + usize(i) * S, rs, out);
      }
      for (; i < inner; i++, out += 4) store<i32>(out, search<T>(max, n, x + usize(i) * S, rs));
    }
    x += usize(n) * rs;
  }
}

/** The position of the first maximum over the middle axis of x[outer, n, inner], n > 0, into the i32 out[outer, inner]. */
export function argreduce_max_f32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  argreduce<f32>(true, outer, n, inner, x, out);
}

/** As argreduce_max_f32. */
export function argreduce_max_f64(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  argreduce<f64>(true, outer, n, inner, x, out);
}

/** As argreduce_max_f32. */
export function argreduce_max_i32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  argreduce<i32>(true, outer, n, inner, x, out);
}

/** As argreduce_max_f32. */
export function argreduce_max_i64(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  argreduce<i64>(true, outer, n, inner, x, out);
}

/** As argreduce_max_f32. */
export function argreduce_max_u32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  argreduce<u32>(true, outer, n, inner, x, out);
}

/** As argreduce_max_f32. */
export function argreduce_max_u8(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  argreduce<u8>(true, outer, n, inner, x, out);
}

/** As argreduce_max_f32, of the minimum. */
export function argreduce_min_f32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  argreduce<f32>(false, outer, n, inner, x, out);
}

/** As argreduce_max_f32, of the minimum. */
export function argreduce_min_f64(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  argreduce<f64>(false, outer, n, inner, x, out);
}

/** As argreduce_max_f32, of the minimum. */
export function argreduce_min_i32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  argreduce<i32>(false, outer, n, inner, x, out);
}

/** As argreduce_max_f32, of the minimum. */
export function argreduce_min_i64(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  argreduce<i64>(false, outer, n, inner, x, out);
}

/** As argreduce_max_f32, of the minimum. */
export function argreduce_min_u32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  argreduce<u32>(false, outer, n, inner, x, out);
}

/** As argreduce_max_f32, of the minimum. */
export function argreduce_min_u8(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  argreduce<u8>(false, outer, n, inner, x, out);
}

