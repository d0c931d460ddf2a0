// Windows of 3 x 3 that move by one, or by two, over single channels: depthwise convolutions above all. Nothing is copied or packed. A strip of one
// vector's columns is walked from row to row: the nine elements of the kernel stay in registers, and so do three rows of sums, to which
// each row of the operand adds when it is read, once. 15 vectors in all, which is what V8 has on x64.
import { madd } from "../math/madd";
import {
  BATCH, field, GROUPS, NINE_BOTTOM, NINE_COLUMNS, NINE_FIRST_ROW, NINE_HEIGHT, NINE_LEFT, NINE_OUT_ROW, NINE_RIGHT, NINE_ROWS,
  NINE_STRIDE, NINE_TAP, NINE_TAP_COLUMN, NINE_TAP_ROW, NINE_TOP, NINE_X, NINE_X_ROW, OUT_BATCH, OUT_GROUP, OUT_ROW, ROWS, W_GROUP, W_ROW, X_BATCH, X_GROUP,
} from "./spec";

/** Bytes of the operand whose rows are walked down before the next: with those of the output, they stay in the first cache. */
const BLOCK_BYTES: i32 = 16384;
/** Rows further apart than this are met by no prefetcher when they are walked down. */
const FAR: usize = 128;

@inline
function splat<T>(at: usize): v128 {
  return sizeof<T>() == 4 ? v128.load32_splat(at) : v128.load64_splat(at);
}

/** The first elements under the window: `x` is where the first would be, which is missing at the left edge (-1). */
@inline
export function first<T>(edge: i32, x: usize): v128 {
  if (edge != -1) return v128.load(x);
  const next = v128.load(x, sizeof<T>()), zero = i32x4.splat(0);
  return sizeof<T>() == 4 ? v128.shuffle<i32>(zero, next, 0, 4, 5, 6) : v128.shuffle<i64>(zero, next, 0, 2);
}

/** The third ones; the last is missing at the right edge (1). */
@inline
export function third<T>(edge: i32, x: usize): v128 {
  if (edge != 1) return v128.load(x, 2 * sizeof<T>());
  const before = v128.load(x, sizeof<T>()), zero = i32x4.splat(0);
  return sizeof<T>() == 4 ? v128.shuffle<i32>(before, zero, 1, 2, 3, 4) : v128.shuffle<i64>(before, zero, 1, 2);
}

/** The second ones, from the first and the third. */
@inline
export function second<T>(p: v128, r: v128): v128 {
  return sizeof<T>() == 4 ? v128.shuffle<i32>(p, r, 1, 2, 5, 6) : v128.shuffle<i64>(p, r, 1, 2);
}

/**
 * One vector's columns of `rows` rows of the output. `x` is where the first row's window would begin, whose first row is missing at the
 * top, and so is the last row's last one at the bottom.
 */
@inline
function walk<T>(
  edge: i32, rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize,
): void {
  const S = sizeof<T>();
  const w0 = splat<T>(w), w1 = splat<T>(w + S), w2 = splat<T>(w + 2 * S);
  const w3 = splat<T>(w + 3 * S), w4 = splat<T>(w + 4 * S), w5 = splat<T>(w + 5 * S);
  const w6 = splat<T>(w + 6 * S), w7 = splat<T>(w + 7 * S), w8 = splat<T>(w + 8 * S);
  let a = i32x4.splat(0), b = a, p = a, q = a, r = a;
  // What is missing is zeros, and multiplied all the same: the kernel may hold infinities.
  if (!top) {
    p = first<T>(edge, x);
    r = third<T>(edge, x);
    q = second<T>(p, r);
  }
  a = madd<T>(r, w2, madd<T>(q, w1, madd<T>(p, w0, a)));
  x += xs;
  p = first<T>(edge, x);
  r = third<T>(edge, x);
  q = second<T>(p, r);
  a = madd<T>(r, w5, madd<T>(q, w4, madd<T>(p, w3, a)));
  b = madd<T>(r, w2, madd<T>(q, w1, madd<T>(p, w0, b)));
  for (let end = out + usize(rows - i32(bottom)) * os; out != end; out += os) {
    x += xs;
    p = first<T>(edge, x);
    r = third<T>(edge, x);
    q = second<T>(p, r);
    let c = i32x4.splat(0);
    a = madd<T>(p, w6, a);
    b = madd<T>(p, w3, b);
    c = madd<T>(p, w0, c);
    a = madd<T>(q, w7, a);
    b = madd<T>(q, w4, b);
    c = madd<T>(q, w1, c);
    v128.store(out, madd<T>(r, w8, a));
    a = madd<T>(r, w5, b);
    b = madd<T>(r, w2, c);
  }
  if (bottom) {
    p = i32x4.splat(0);
    v128.store(out, madd<T>(p, w8, madd<T>(p, w7, madd<T>(p, w6, a))));
  }
}

/** Those at even places of what begins with `a` and goes on with `b`. */
@inline
function evens<T>(a: v128, b: v128): v128 {
  return sizeof<T>() == 4 ? v128.shuffle<i32>(a, b, 0, 2, 4, 6) : v128.shuffle<i64>(a, b, 0, 2);
}

@inline
function odds<T>(a: v128, b: v128): v128 {
  return sizeof<T>() == 4 ? v128.shuffle<i32>(a, b, 1, 3, 5, 7) : v128.shuffle<i64>(a, b, 1, 3);
}

/** As `first`, `second` and `third` (`tap` 0, 1 and 2), of windows that move by two. */
@inline
function everyOther<T>(edge: i32, tap: i32, x: usize, a: v128, b: v128): v128 {
  const zero = i32x4.splat(0);
  if (edge == -1) {
    if (tap == 1) return evens<T>(a, b);
    const odd = odds<T>(a, b);
    if (tap == 2) return odd;
    return sizeof<T>() == 4 ? v128.shuffle<i32>(zero, odd, 0, 4, 5, 6) : v128.shuffle<i64>(zero, odd, 0, 2);
  }
  if (tap == 1) return odds<T>(a, b);
  if (tap == 0) return evens<T>(a, b);
  if (edge == 1) {
    const even = evens<T>(a, b);
    return sizeof<T>() == 4 ? v128.shuffle<i32>(even, zero, 1, 2, 3, 4) : v128.shuffle<i64>(even, zero, 1, 2);
  }
  const c = v128.load(x, 2 * sizeof<T>()), d = v128.load(x, 16 + sizeof<T>());
  return sizeof<T>() == 4 ? v128.shuffle<i32>(c, d, 0, 2, 5, 7) : v128.shuffle<i64>(c, d, 0, 3);
}

/** As `walk`, of windows that move by two. */
@inline
function walkByTwo<T>(
  edge: i32, rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize,
): void {
  const S = sizeof<T>();
  const w0 = splat<T>(w), w1 = splat<T>(w + S), w2 = splat<T>(w + 2 * S);
  const w3 = splat<T>(w + 3 * S), w4 = splat<T>(w + 4 * S), w5 = splat<T>(w + 5 * S);
  const w6 = splat<T>(w + 6 * S), w7 = splat<T>(w + 7 * S), w8 = splat<T>(w + 8 * S);
  // Where the first column is missing, what is read begins with the second.
  const skip: usize = edge == -1 ? S : 0;
  let sum = i32x4.splat(0), p = sum, q = sum, r = sum, a = sum, b = sum;
  if (!top) {
    a = v128.load(x + skip);
    b = v128.load(x + skip, 16);
    p = everyOther<T>(edge, 0, x, a, b);
    q = everyOther<T>(edge, 1, x, a, b);
    r = everyOther<T>(edge, 2, x, a, b);
  }
  sum = madd<T>(r, w2, madd<T>(q, w1, madd<T>(p, w0, sum)));
  for (; rows > 0; rows--, out += os) {
    x += xs;
    a = v128.load(x + skip);
    b = v128.load(x + skip, 16);
    p = everyOther<T>(edge, 0, x, a, b);
    sum = madd<T>(p, w3, sum);
    p = everyOther<T>(edge, 1, x, a, b);
    sum = madd<T>(p, w4, sum);
    p = everyOther<T>(edge, 2, x, a, b);
    sum = madd<T>(p, w5, sum);
    x += xs;
    p = i32x4.splat(0);
    q = p;
    r = p;
    if (!bottom || rows > 1) {
      a = v128.load(x + skip);
      b = v128.load(x + skip, 16);
      p = everyOther<T>(edge, 0, x, a, b);
      q = everyOther<T>(edge, 1, x, a, b);
      r = everyOther<T>(edge, 2, x, a, b);
    }
    sum = madd<T>(p, w6, sum);
    sum = madd<T>(q, w7, sum);
    v128.store(out, madd<T>(r, w8, sum));
    sum = madd<T>(r, w2, madd<T>(q, w1, madd<T>(p, w0, i32x4.splat(0))));
  }
}

/** The strip at the left edge. */
function leftByOne<T>(
  rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize,
): void {
  walk<T>(-1, rows, top, bottom, x, xs, w, out, os);
}

/** A strip within. */
function withinByOne<T>(
  rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize,
): void {
  walk<T>(0, rows, top, bottom, x, xs, w, out, os);
}

/** The strip at the right edge. */
function rightByOne<T>(
  rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize,
): void {
  walk<T>(1, rows, top, bottom, x, xs, w, out, os);
}

/** The strip at the left edge, by two. */
function leftByTwo<T>(
  rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize,
): void {
  walkByTwo<T>(-1, rows, top, bottom, x, xs, w, out, os);
}

/** A strip within, by two. */
function withinByTwo<T>(
  rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize,
): void {
  walkByTwo<T>(0, rows, top, bottom, x, xs, w, out, os);
}

/** The strip at the right edge, by two. */
function rightByTwo<T>(
  rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize,
): void {
  walkByTwo<T>(1, rows, top, bottom, x, xs, w, out, os);
}

@inline
function left<T>(
  step: i32, rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize,
): void {
  if (step == 1) leftByOne<T>(rows, top, bottom, x, xs, w, out, os);
  else leftByTwo<T>(rows, top, bottom, x, xs, w, out, os);
}

@inline
function within<T>(
  step: i32, rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize,
): void {
  if (step == 1) withinByOne<T>(rows, top, bottom, x, xs, w, out, os);
  else withinByTwo<T>(rows, top, bottom, x, xs, w, out, os);
}

@inline
function right<T>(
  step: i32, rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize,
): void {
  if (step == 1) rightByOne<T>(rows, top, bottom, x, xs, w, out, os);
  else rightByTwo<T>(rows, top, bottom, x, xs, w, out, os);
}

/** Fetches what lies between two addresses, in order, as prefetchers expect it. The result only keeps the loads. */
function fetch(at: usize, end: usize): i32 {
  let some = 0;
  for (; at < end; at += 64) some |= load<i32>(at);
  return some;
}

/** One channel: rows `from` to `to` of the output. */
function channel<T>(form: usize, from: i32, to: i32, x: usize, taps: usize, out: usize): void {
  const S = i32(sizeof<T>()), V = 16 / S;
  const xs = usize(field(form, NINE_X_ROW) * S), os = usize(field(form, NINE_OUT_ROW) * S);
  const columns = field(form, NINE_COLUMNS);
  const isLeft = field(form, NINE_LEFT) != 0, isRight = field(form, NINE_RIGHT) != 0;
  const hasTop = field(form, NINE_TOP) != 0, hasBottom = field(form, NINE_BOTTOM) != 0;
  const height = field(form, NINE_HEIGHT);
  const by = field(form, NINE_STRIDE);
  const blocks = (height * by * i32(xs) + BLOCK_BYTES - 1) / BLOCK_BYTES;
  const step = (height + blocks - 1) / blocks;
  for (; from < to; from += step) {
    const rows = min(step, to - from);
    const top = hasTop && from == 0, bottom = hasBottom && from + rows == height;
    const at = x + usize(from * by) * xs, o = out + usize(from) * os;
    if (xs > FAR) {
      const begin = (top ? at + xs : at) + usize(S);
      store<i32>(taps - 4, fetch(begin, at + usize((rows - 1) * by + 2 - i32(bottom)) * xs + usize(S)));
    }
    let j = 0;
    if (isLeft) {
      left<T>(by, rows, top, bottom, at, xs, taps, o, os);
      j = V;
    }
    for (; j < columns - V; j += V) within<T>(by, rows, top, bottom, at + usize(j * by * S), xs, taps, o + usize(j * S), os);
    // The last strip begins earlier where it would not be whole: what it computes again comes out the same.
    const end = columns - V;
    if (isRight) right<T>(by, rows, top, bottom, at + usize(end * by * S), xs, taps, o + usize(end * S), os);
    else if (j < columns) within<T>(by, rows, top, bottom, at + usize(end * by * S), xs, taps, o + usize(end * S), os);
  }
}

/** All of a convolution whose description has this form. */
export function convolveNine<T>(spec: usize, form: usize, x: usize, w: usize, out: usize, scratch: usize): void {
  const S = i32(sizeof<T>());
  const groups = field(spec, GROUPS), batch = field(spec, BATCH), m = field(spec, ROWS);
  const from = field(form, NINE_FIRST_ROW), to = from + field(form, NINE_ROWS);
  const down = field(form, NINE_TAP_ROW), along = field(form, NINE_TAP_COLUMN);
  const taps = scratch + 16;
  for (let g = 0; g < groups; g++) {
    for (let e = 0; e < batch; e++) {
      const xe = x + usize((g * field(spec, X_GROUP) + e * field(spec, X_BATCH) + field(form, NINE_X)) * S);
      let oe = out + usize((g * field(spec, OUT_GROUP) + e * field(spec, OUT_BATCH)) * S);
      let wi = w + usize((g * field(spec, W_GROUP) + field(form, NINE_TAP)) * S);
      for (let i = 0; i < m; i++) {
        // The kernel's elements side by side, in the order in which the operand meets them.
        for (let p = 0; p < 9; p++) {
          const tap = p / 3 * down + p % 3 * along;
          store<T>(taps + usize(p * S), load<T>(wi + usize(tap * S)));
        }
        channel<T>(form, from, to, xe, taps, oe);
        wi += usize(field(spec, W_ROW) * S);
        oe += usize(field(spec, OUT_ROW) * S);
      }
    }
  }
}
