// Windows of 3 x 3 that move by one over single channels: depthwise convolutions above all. Nothing is copied or packed. A strip of one
// vector's columns is walked from row to row: the nine elements of the kernel stay in registers, and so do three rows of sums, to which
// each row of the operand adds when it is read, once. 15 vectors in all, which is what V8 has on x64.
import { madd } from "../math/madd";
import {
  BATCH, field, GROUPS, NINE_BOTTOM, NINE_COLUMNS, NINE_FIRST_ROW, NINE_HEIGHT, NINE_LEFT, NINE_OUT_ROW, NINE_RIGHT, NINE_ROWS,
  NINE_TAP, NINE_TAP_COLUMN, NINE_TAP_ROW, NINE_TOP, NINE_X, NINE_X_ROW, OUT_BATCH, OUT_GROUP, OUT_ROW, ROWS, W_GROUP, W_ROW, X_BATCH, X_GROUP,
} from "./spec";

/** Bytes of the operand whose rows are walked down before the next: with those of the output, they stay in the first cache. */
const BLOCK_BYTES: i32 = 24576;
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

/** The strip at the left edge. */
export function nine_left<T>(
  rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize,
): void {
  walk<T>(-1, rows, top, bottom, x, xs, w, out, os);
}

/** A strip within. */
export function nine_within<T>(
  rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize,
): void {
  walk<T>(0, rows, top, bottom, x, xs, w, out, os);
}

/** The strip at the right edge. */
export function nine_right<T>(
  rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize,
): void {
  walk<T>(1, rows, top, bottom, x, xs, w, out, os);
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
  const step = max(8, BLOCK_BYTES / i32(xs));
  for (; from < to; from += step) {
    const rows = min(step, to - from);
    const top = hasTop && from == 0, bottom = hasBottom && from + rows == height;
    const at = x + usize(from) * xs, o = out + usize(from) * os;
    if (xs > FAR) {
      const begin = (top ? at + xs : at) + usize(S);
      store<i32>(taps - 4, fetch(begin, at + usize(rows + 1 - i32(bottom)) * xs + usize(S)));
    }
    let j = 0;
    if (isLeft) {
      nine_left<T>(rows, top, bottom, at, xs, taps, o, os);
      j = V;
    }
    for (; j < columns - V; j += V) nine_within<T>(rows, top, bottom, at + usize(j * S), xs, taps, o + usize(j * S), os);
    // The last strip begins earlier where it would not be whole: what it computes again comes out the same.
    const last = usize((columns - V) * S);
    if (isRight) nine_right<T>(rows, top, bottom, at + last, xs, taps, o + last, os);
    else if (j < columns) nine_within<T>(rows, top, bottom, at + last, xs, taps, o + last, os);
  }
}

/** All of a convolution whose description has this form. */
export function convolveNine<T>(spec: usize, form: usize, x: usize, w: usize, out: usize, scratch: usize): void {
  const S = i32(sizeof<T>());
  const groups = field(spec, GROUPS), batch = field(spec, BATCH), m = field(spec, ROWS);
  const from = field(form, NINE_FIRST_ROW), to = from + field(form, NINE_ROWS);
  const down = field(form, NINE_TAP_ROW), right = field(form, NINE_TAP_COLUMN);
  const taps = scratch + 16;
  for (let g = 0; g < groups; g++) {
    for (let e = 0; e < batch; e++) {
      const xe = x + usize((g * field(spec, X_GROUP) + e * field(spec, X_BATCH) + field(form, NINE_X)) * S);
      let oe = out + usize((g * field(spec, OUT_GROUP) + e * field(spec, OUT_BATCH)) * S);
      let wi = w + usize((g * field(spec, W_GROUP) + field(form, NINE_TAP)) * S);
      for (let i = 0; i < m; i++) {
        // The kernel's elements side by side, in the order in which the operand meets them.
        for (let p = 0; p < 9; p++) {
          const tap = p / 3 * down + p % 3 * right;
          store<T>(taps + usize(p * S), load<T>(wi + usize(tap * S)));
        }
        channel<T>(form, from, to, xe, taps, oe);
        wi += usize(field(spec, W_ROW) * S);
        oe += usize(field(spec, OUT_ROW) * S);
      }
    }
  }
}
