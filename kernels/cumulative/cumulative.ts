// Running sums, products and extremes along the middle axis of a contiguous [outer, n, inner], from either end. Floating sums
// and products of f32 run in f64, since a running f32 loses what it cannot hold once for each element.
import { ADD, MAX, MIN, MUL } from "../eager/opcodes";
import { sumLine } from "./parts";

/** Elements for one call of a loop. */
const CHUNK: i32 = 4096;

@inline
function combine<T>(op: i32, x: T, y: T): T {
  if (op == ADD) return <T> (x + y);
  if (op == MUL) return <T> (x * y);
  // The floating builtins hand on NaN.
  return op == MIN ? min<T>(x, y) : max<T>(x, y);
}

@inline
function vector<T>(op: i32, x: v128, y: v128): v128 {
  if (op == ADD) return v128.add<T>(x, y);
  if (sizeof<T>() > 1 && op == MUL) return v128.mul<T>(x, y);
  if (isInteger<T>() && sizeof<T>() == 8) {
    const more = i64x2.gt_s(x, y);
    return op == MIN ? v128.bitselect(y, x, more) : v128.bitselect(x, y, more);
  }
  return op == MIN ? v128.min<T>(x, y) : v128.max<T>(x, y);
}

/** `n` elements `step` bytes apart (which may be negative), going on from `r`, held in the type `A`; the last result. */
@inline
function run<T, A>(op: i32, n: i32, x: usize, out: usize, step: usize, r: A): A {
  for (; n > 0; n--, x += step, out += step) {
    r = combine<A>(op, r, <A> load<T>(x));
    store<T>(out, <T> r);
  }
  return r;
}

/** `rows` rows of `bytes` bytes, each combined with the result before it; the first is copied by the caller. */
@inline
function planes<T>(op: i32, rows: i32, bytes: usize, x: usize, out: usize, step: usize): void {
  for (; rows > 0; rows--) {
    const before = out;
    x += step;
    out += step;
    let i: usize = 0;
    if (sizeof<T>() > 1 || op != MUL) {
      for (const end = bytes & ~15; i < end; i += 16) {
        v128.store(out + i, vector<T>(op, v128.load(before + i), v128.load(x + i)));
      }
    }
    for (; i < bytes; i += sizeof<T>()) {
      store<T>(out + i, combine<T>(op, load<T>(before + i), load<T>(x + i)));
    }
  }
}

/** Four columns of f32, held in f64. */
@inline
function columns4(op: i32, n: i32, x: usize, out: usize, step: usize): void {
  let low = f64x2.splat(op == MUL ? 1 : 0), high = low;
  for (; n > 0; n--, x += step, out += step) {
    const v = v128.load(x);
    const a = f64x2.promote_low_f32x4(v), b = f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 0));
    low = op == MUL ? f64x2.mul(low, a) : f64x2.add(low, a);
    high = op == MUL ? f64x2.mul(high, b) : f64x2.add(high, b);
    v128.store(
      out,
      v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2),
    );
  }
}

function sumColumns(n: i32, x: usize, out: usize, step: usize): void {
  columns4(ADD, n, x, out, step);
}

function productColumns(n: i32, x: usize, out: usize, step: usize): void {
  columns4(MUL, n, x, out, step);
}

/** What a run starts from. */
@inline
function identity<A>(op: i32): A {
  if (op == MUL) return 1;
  if (op == MAX) {
    if (isFloat<A>()) return <A> -Infinity;
    if (!isSigned<A>()) return 0;
    return sizeof<A>() == 8 ? <A> i64.MIN_VALUE : <A> i32.MIN_VALUE;
  }
  if (op == MIN) {
    if (isFloat<A>()) return <A> Infinity;
    if (!isSigned<A>()) return <A> -1;
    return sizeof<A>() == 8 ? <A> i64.MAX_VALUE : <A> i32.MAX_VALUE;
  }
  return 0;
}

/** One line of elements, `step` bytes apart, in calls short enough for the engine to switch to its optimised code. */
@inline
function line<T, A>(op: i32, n: i32, x: usize, out: usize, step: usize): void {
  let r = identity<A>(op);
  for (; n > 0; n -= CHUNK, x += CHUNK * step, out += CHUNK * step) {
    r = op == ADD
      ? runSum<T, A>(min(CHUNK, n), x, out, step, r)
      : op == MUL
      ? runProduct<T, A>(min(CHUNK, n), x, out, step, r)
      : op == MAX
      ? runMax<T, A>(min(CHUNK, n), x, out, step, r)
      : runMin<T, A>(min(CHUNK, n), x, out, step, r);
  }
}

function runSum<T, A>(n: i32, x: usize, out: usize, step: usize, r: A): A {
  return run<T, A>(ADD, n, x, out, step, r);
}
function runProduct<T, A>(n: i32, x: usize, out: usize, step: usize, r: A): A {
  return run<T, A>(MUL, n, x, out, step, r);
}
function runMax<T, A>(n: i32, x: usize, out: usize, step: usize, r: A): A {
  return run<T, A>(MAX, n, x, out, step, r);
}
function runMin<T, A>(n: i32, x: usize, out: usize, step: usize, r: A): A {
  return run<T, A>(MIN, n, x, out, step, r);
}

/** `A` is the type that runs: f64 for sums and products of f32. */
@inline
function cumulate<T, A>(
  op: i32, outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  if (n <= 0 || inner <= 0) return;
  const S = sizeof<T>();
  const rs = usize(inner) * S;
  const step = reverse ? 0 - rs : rs;
  const start = reverse ? usize(n - 1) * rs : 0;
  const wide = sizeof<A>() > sizeof<T>();
  for (; outer > 0; outer--, x += usize(n) * rs, out += usize(n) * rs) {
    const p = x + start, q = out + start;
    if (isFloat<T>() && op == ADD && inner == 1) {
      sumLine<T>(reverse, n, p, q, 0);
    } else if (wide || inner == 1) {
      let i = 0;
      if (wide) {
        for (; i + 4 <= inner; i += 4) {
          const at = 4 * usize(i);
          if (op == ADD) sumColumns(n, p + at, q + at, step);
          else productColumns(n, p + at, q + at, step);
        }
      }
      for (; i < inner; i++) line<T, A>(op, n, p + usize(i) * S, q + usize(i) * S, step);
    } else {
      memory.copy(q, p, rs);
      planes<T>(op, n - 1, rs, p, q, step);
    }
  }
}

/**
 * Running sums along the middle axis of x[outer, n, inner] into out, from the end where `reverse` is not 0. Operand and result
 * may be the same array.
 */
export function cumsum_float32(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<f32, f64>(ADD, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cumsum_float64(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<f64, f64>(ADD, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cumsum_int32(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<i32, i32>(ADD, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cumsum_uint32(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<u32, u32>(ADD, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cumsum_int64(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<i64, i64>(ADD, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cumsum_uint8(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<u8, u8>(ADD, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32, of other running results. */
export function cumprod_float32(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<f32, f64>(MUL, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cumprod_float64(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<f64, f64>(MUL, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cumprod_int32(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<i32, i32>(MUL, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cumprod_uint32(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<u32, u32>(MUL, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cumprod_int64(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<i64, i64>(MUL, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cumprod_uint8(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<u8, u8>(MUL, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32, of other running results. */
export function cummax_float32(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<f32, f32>(MAX, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cummax_float64(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<f64, f64>(MAX, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cummax_int32(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<i32, i32>(MAX, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cummax_uint32(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<u32, u32>(MAX, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cummax_int64(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<i64, i64>(MAX, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cummax_uint8(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<u8, u8>(MAX, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32, of other running results. */
export function cummin_float32(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<f32, f32>(MIN, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cummin_float64(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<f64, f64>(MIN, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cummin_int32(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<i32, i32>(MIN, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cummin_uint32(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<u32, u32>(MIN, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cummin_int64(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<i64, i64>(MIN, outer, n, inner, reverse, x, out);
}

/** As cumsum_float32. */
export function cummin_uint8(
  outer: i32, n: i32, inner: i32, reverse: i32, x: usize, out: usize,
): void {
  cumulate<u8, u8>(MIN, outer, n, inner, reverse, x, out);
}

