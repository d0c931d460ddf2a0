// Windows of 3 x 3 that move by one, or by two, over single channels: depthwise convolutions above all. Nothing is copied or packed. A block of
// rows that stays in the first cache is gone through by strips of one vector's columns, from row to row: the nine elements of the kernel stay in
// registers, and so do the sums that were begun, to which each row of the operand adds when it is read, once. Between blocks they wait in
// scratch, so that no row is read for the next block again. 15 vectors in all, which is what V8 has on x64.
//
// Each row's three products are a sum of their own: multiply-adds then never wait for those of the row before, only additions do, which
// have ports of their own on processors of today.
import { madd } from "../math/madd";
import {
  BATCH, field, GROUPS, NINE_BOTTOM, NINE_COLUMNS, NINE_FIRST_ROW, NINE_HEIGHT, NINE_LEFT, NINE_OUT_ROW, NINE_RIGHT, NINE_ROWS,
  NINE_STRIDE, NINE_TAP, NINE_TAP_COLUMN, NINE_TAP_ROW, NINE_TOP, NINE_X, NINE_X_ROW, OUT_BATCH, OUT_GROUP, OUT_ROW, ROWS, splat, W_GROUP, W_ROW, X_BATCH, X_GROUP,
} from "./spec";

/** Bytes of the operand and the output whose rows are gone through before the next: they stay in the first cache. */
const BLOCK_BYTES: i32 = 16384;
/** Rows of a block that are worth the beginning of its strips, if the rows are long. */
const LEAST_ROWS: i32 = 8;
/** Where in the scratch space the sums wait that a block has begun; the kernel's elements are before them. */
const SUMS: usize = 128;

/** How a strip begins: with the sums that the block before has begun; with its first row; or with one that is missing, above the operand. */
const GOES_ON: i32 = 0;
const BEGINS: i32 = 1;
const BEGINS_ABOVE: i32 = 2;

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

/** The products of one row. */
@inline
function sumOf<T>(p: v128, q: v128, r: v128, u: v128, v: v128, w: v128): v128 {
  return madd<T>(r, w, madd<T>(q, v, v128.mul<T>(p, u)));
}

/** The products of a window's first row, from zero on: no sum is -0 then, whatever the others are. */
@inline
function firstSumOf<T>(p: v128, q: v128, r: v128, u: v128, v: v128, w: v128): v128 {
  return madd<T>(r, w, madd<T>(q, v, madd<T>(p, u, i32x4.splat(0))));
}

/**
 * `rows` rows of the output of `strips` vectors' columns. `x` is where the first window begins. Where the last row of the last one is missing,
 * `bottom` says so. What is missing is zeros, and multiplied all the same: the kernel may hold infinities.
 */
@inline
function walk<T>(
  edge: i32, strips: i32, rows: i32, begin: i32, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize, sums: usize,
): void {
  const S = sizeof<T>();
  const w0 = splat<T>(w), w1 = splat<T>(w + S), w2 = splat<T>(w + 2 * S);
  const w3 = splat<T>(w + 3 * S), w4 = splat<T>(w + 4 * S), w5 = splat<T>(w + 5 * S);
  const w6 = splat<T>(w + 6 * S), w7 = splat<T>(w + 7 * S), w8 = splat<T>(w + 8 * S);
  const whole = usize(rows - i32(bottom)) * os;
  for (; strips > 0; strips--, x += 16, out += 16, sums += 32) {
    let a = i32x4.splat(0), b = a, p = a, q = a, r = a, from = x + xs, to = out;
    if (begin == GOES_ON) {
      a = v128.load(sums);
      b = v128.load(sums, 16);
    } else {
      if (begin == BEGINS) {
        p = first<T>(edge, x);
        r = third<T>(edge, x);
        q = second<T>(p, r);
      }
      a = firstSumOf<T>(p, q, r, w0, w1, w2);
      p = first<T>(edge, from);
      r = third<T>(edge, from);
      q = second<T>(p, r);
      a = v128.add<T>(a, sumOf<T>(p, q, r, w3, w4, w5));
      b = firstSumOf<T>(p, q, r, w0, w1, w2);
    }
    for (const end = out + whole; to != end; to += os) {
      from += xs;
      p = first<T>(edge, from);
      r = third<T>(edge, from);
      q = second<T>(p, r);
      v128.store(to, v128.add<T>(a, sumOf<T>(p, q, r, w6, w7, w8)));
      a = v128.add<T>(b, sumOf<T>(p, q, r, w3, w4, w5));
      b = firstSumOf<T>(p, q, r, w0, w1, w2);
    }
    if (bottom) {
      p = i32x4.splat(0);
      v128.store(to, v128.add<T>(a, sumOf<T>(p, p, p, w6, w7, w8)));
    } else {
      v128.store(sums, a);
      v128.store(sums, b, 16);
    }
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
  edge: i32, strips: i32, rows: i32, begin: i32, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize, sums: usize,
): void {
  const S = sizeof<T>();
  const w0 = splat<T>(w), w1 = splat<T>(w + S), w2 = splat<T>(w + 2 * S);
  const w3 = splat<T>(w + 3 * S), w4 = splat<T>(w + 4 * S), w5 = splat<T>(w + 5 * S);
  const w6 = splat<T>(w + 6 * S), w7 = splat<T>(w + 7 * S), w8 = splat<T>(w + 8 * S);
  const whole = usize(rows - i32(bottom)) * os;
  // Where the first column is missing, what is read begins with the second.
  const skip: usize = edge == -1 ? S : 0;
  for (; strips > 0; strips--, x += 32, out += 16, sums += 32) {
    let sum = i32x4.splat(0), p = sum, q = sum, r = sum, a = sum, b = sum, from = x, to = out;
    if (begin == GOES_ON) {
      sum = v128.load(sums);
    } else {
      if (begin == BEGINS) {
        a = v128.load(from + skip);
        b = v128.load(from + skip, 16);
        p = everyOther<T>(edge, 0, from, a, b);
        q = everyOther<T>(edge, 1, from, a, b);
        r = everyOther<T>(edge, 2, from, a, b);
      }
      sum = firstSumOf<T>(p, q, r, w0, w1, w2);
    }
    for (const end = out + whole; to != end; to += os) {
      from += xs;
      a = v128.load(from + skip);
      b = v128.load(from + skip, 16);
      p = everyOther<T>(edge, 0, from, a, b);
      q = everyOther<T>(edge, 1, from, a, b);
      r = everyOther<T>(edge, 2, from, a, b);
      sum = v128.add<T>(sum, sumOf<T>(p, q, r, w3, w4, w5));
      from += xs;
      a = v128.load(from + skip);
      b = v128.load(from + skip, 16);
      p = everyOther<T>(edge, 0, from, a, b);
      q = everyOther<T>(edge, 1, from, a, b);
      r = everyOther<T>(edge, 2, from, a, b);
      v128.store(to, v128.add<T>(sum, sumOf<T>(p, q, r, w6, w7, w8)));
      sum = firstSumOf<T>(p, q, r, w0, w1, w2);
    }
    if (bottom) {
      from += xs;
      a = v128.load(from + skip);
      b = v128.load(from + skip, 16);
      p = everyOther<T>(edge, 0, from, a, b);
      q = everyOther<T>(edge, 1, from, a, b);
      r = everyOther<T>(edge, 2, from, a, b);
      sum = v128.add<T>(sum, sumOf<T>(p, q, r, w3, w4, w5));
      p = i32x4.splat(0);
      v128.store(to, v128.add<T>(sum, sumOf<T>(p, p, p, w6, w7, w8)));
    } else {
      v128.store(sums, sum);
    }
  }
}

/** The strip at the left edge. */
function leftByOne<T>(
  strips: i32, rows: i32, begin: i32, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize, sums: usize,
): void {
  walk<T>(-1, strips, rows, begin, bottom, x, xs, w, out, os, sums);
}

/** The strip at the left edge, by two. */
function leftByTwo<T>(
  strips: i32, rows: i32, begin: i32, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize, sums: usize,
): void {
  walkByTwo<T>(-1, strips, rows, begin, bottom, x, xs, w, out, os, sums);
}

/** Strips within. */
function withinByOne<T>(
  strips: i32, rows: i32, begin: i32, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize, sums: usize,
): void {
  walk<T>(0, strips, rows, begin, bottom, x, xs, w, out, os, sums);
}

/** Strips within, by two. */
function withinByTwo<T>(
  strips: i32, rows: i32, begin: i32, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize, sums: usize,
): void {
  walkByTwo<T>(0, strips, rows, begin, bottom, x, xs, w, out, os, sums);
}

/** The strip at the right edge. */
function rightByOne<T>(
  strips: i32, rows: i32, begin: i32, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize, sums: usize,
): void {
  walk<T>(1, strips, rows, begin, bottom, x, xs, w, out, os, sums);
}

/** The strip at the right edge, by two. */
function rightByTwo<T>(
  strips: i32, rows: i32, begin: i32, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize, sums: usize,
): void {
  walkByTwo<T>(1, strips, rows, begin, bottom, x, xs, w, out, os, sums);
}

@inline
function left<T>(
  by: i32, strips: i32, rows: i32, begin: i32, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize, sums: usize,
): void {
  if (by == 1) leftByOne<T>(strips, rows, begin, bottom, x, xs, w, out, os, sums);
  else leftByTwo<T>(strips, rows, begin, bottom, x, xs, w, out, os, sums);
}

@inline
function within<T>(
  by: i32, strips: i32, rows: i32, begin: i32, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize, sums: usize,
): void {
  if (by == 1) withinByOne<T>(strips, rows, begin, bottom, x, xs, w, out, os, sums);
  else withinByTwo<T>(strips, rows, begin, bottom, x, xs, w, out, os, sums);
}

@inline
function right<T>(
  by: i32, strips: i32, rows: i32, begin: i32, bottom: bool, x: usize, xs: usize, w: usize, out: usize, os: usize, sums: usize,
): void {
  if (by == 1) rightByOne<T>(strips, rows, begin, bottom, x, xs, w, out, os, sums);
  else rightByTwo<T>(strips, rows, begin, bottom, x, xs, w, out, os, sums);
}

/** All of a convolution whose description has this form. */
export function convolveNine<T>(spec: usize, form: usize, x: usize, w: usize, out: usize, scratch: usize): void {
  const S = i32(sizeof<T>()), V = 16 / S;
  const groups = field(spec, GROUPS), batch = field(spec, BATCH), m = field(spec, ROWS);
  const by = field(form, NINE_STRIDE), columns = field(form, NINE_COLUMNS);
  // Between the edges, whole strips; the last one, if it would not be whole, begins earlier: what it computes again comes out the same.
  const hasLeft = field(form, NINE_LEFT) != 0, hasRight = field(form, NINE_RIGHT) != 0;
  const begun = hasLeft ? V : 0, last = columns - V;
  const strips = max(0, hasRight ? (last - begun + V - 1) / V : (columns - begun) / V);
  const hasPart = !hasRight && begun + strips * V < columns;
  // Blocks of rows, about equal.
  const from = field(form, NINE_FIRST_ROW), to = from + field(form, NINE_ROWS);
  const most = max(LEAST_ROWS, BLOCK_BYTES / ((by * by + 1) * columns * S));
  const blocks = (to - from + most - 1) / most;
  const step = (to - from + blocks - 1) / blocks;
  const top = field(form, NINE_TOP) != 0 && from == 0 ? BEGINS_ABOVE : BEGINS;
  const bottomAt = field(form, NINE_BOTTOM) != 0 ? field(form, NINE_HEIGHT) : -1;
  const xs = usize(field(form, NINE_X_ROW) * S), os = usize(field(form, NINE_OUT_ROW) * S);
  const firstX = usize(from * by) * xs + usize(field(form, NINE_X) * S), firstOut = usize(from) * os;
  const down = usize(field(form, NINE_TAP_ROW) * S), along = usize(field(form, NINE_TAP_COLUMN) * S);
  const taps = scratch, sums = scratch + SUMS, inner = sums + 32, end = inner + usize(strips) * 32;
  const xInner = usize(begun * by * S), xEnd = usize(last * by * S), outInner = usize(begun * S), outEnd = usize(last * S);
  for (let g = 0; g < groups; g++) {
    for (let e = 0; e < batch; e++) {
      const xe = x + usize((g * field(spec, X_GROUP) + e * field(spec, X_BATCH)) * S) + firstX;
      let oe = out + usize((g * field(spec, OUT_GROUP) + e * field(spec, OUT_BATCH)) * S) + firstOut;
      let wi = w + usize((g * field(spec, W_GROUP) + field(form, NINE_TAP)) * S);
      for (let i = 0; i < m; i++) {
        // The kernel's elements side by side, in the order in which the operand meets them.
        for (let p: usize = 0, tap = wi; p < 9 * sizeof<T>(); p += 3 * sizeof<T>(), tap += down) {
          store<T>(taps + p, load<T>(tap));
          store<T>(taps + p, load<T>(tap + along), sizeof<T>());
          store<T>(taps + p, load<T>(tap + 2 * along), 2 * sizeof<T>());
        }
        let at = xe, o = oe, begin = top;
        for (let row = from; row < to; row += step, begin = GOES_ON) {
          const rows = min(step, to - row);
          const bottom = row + rows == bottomAt;
          if (hasLeft) left<T>(by, 1, rows, begin, bottom, at, xs, taps, o, os, sums);
          if (strips > 0) within<T>(by, strips, rows, begin, bottom, at + xInner, xs, taps, o + outInner, os, inner);
          if (hasRight) right<T>(by, 1, rows, begin, bottom, at + xEnd, xs, taps, o + outEnd, os, end);
          else if (hasPart) within<T>(by, 1, rows, begin, bottom, at + xEnd, xs, taps, o + outEnd, os, end);
          at += usize(rows * by) * xs;
          o += usize(rows) * os;
        }
        wi += usize(field(spec, W_ROW) * S);
        oe += usize(field(spec, OUT_ROW) * S);
      }
    }
  }
}
