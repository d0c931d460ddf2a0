// Convolutions with few output features in a group (depthwise ones above all): each element of the operand meets so few of the
// kernel that packing it would cost as much as the arithmetic. It is read where it lies, and no table of columns is made.
import { madd } from "../math/madd";
import {
  AXIS_BYTES, AXIS_OTHER, AXIS_SIZE, AXIS_X, field, fillOffsets, PART_AXES, PART_BATCH, PART_COLUMN_RANK, PART_K_RANK, points,
} from "./spec";

/** Groups of at most this many output features are thin. */
export const THIN: i32 = 4;
/** Neighbours along the last axis of the output or of the window that make it worth while. */
const LONG: i32 = 8;
/** Steps of k for which there is room in the tables. */
const K_BLOCK: i32 = 256;
/** Bytes of a table of k. */
const TABLE: usize = 1024;

@inline
function splat<T>(at: usize): v128 {
  return sizeof<T>() == 4 ? v128.load32_splat(at) : v128.load64_splat(at);
}

/** Puts (or adds) a vector to neighbours, or to elements `step` bytes apart. */
@inline
function put<T>(at: usize, step: usize, x: v128, acc: i32): void {
  if (step == sizeof<T>()) {
    v128.store(at, acc ? v128.add<T>(x, v128.load(at)) : x);
    return;
  }
  putLane<T>(at, v128.extract_lane<T>(x, 0), acc);
  putLane<T>(at + step, v128.extract_lane<T>(x, 1), acc);
  if (sizeof<T>() == 4) {
    putLane<T>(at + 2 * step, v128.extract_lane<T>(x, 2), acc);
    putLane<T>(at + 3 * step, v128.extract_lane<T>(x, 3), acc);
  }
}

@inline
function putLane<T>(at: usize, x: T, acc: i32): void {
  store<T>(at, acc ? <T> (x + load<T>(at)) : x);
}

/** One element of the output. */
@inline
function single<T>(kc: i32, x: usize, kx: usize, w: usize, kw: usize, at: usize, acc: i32): void {
  let sum: T = 0;
  for (let p: usize = 0, end = usize(kc) << 2; p < end; p += 4) {
    sum += load<T>(x + usize(load<i32>(kx + p))) * load<T>(w + usize(load<i32>(kw + p)));
  }
  putLane<T>(at, sum, acc);
}

/** One row of `n` columns, neighbours in the operand. */
function thinRow<T>(
  n: i32, kc: i32, x: usize, kx: usize, w: usize, kw: usize, out: usize, step: usize, acc: i32,
): void {
  const V = i32(16 / sizeof<T>());
  const end = usize(kc) << 2;
  for (; n >= 4 * V; n -= 4 * V, x += 64, out += usize(4 * V) * step) {
    let c0 = i32x4.splat(0), c1 = c0, c2 = c0, c3 = c0;
    for (let p: usize = 0; p < end; p += 4) {
      const s = x + usize(load<i32>(kx + p));
      const b = splat<T>(w + usize(load<i32>(kw + p)));
      c0 = madd<T>(v128.load(s), b, c0);
      c1 = madd<T>(v128.load(s, 16), b, c1);
      c2 = madd<T>(v128.load(s, 32), b, c2);
      c3 = madd<T>(v128.load(s, 48), b, c3);
    }
    put<T>(out, step, c0, acc);
    put<T>(out + usize(V) * step, step, c1, acc);
    put<T>(out + usize(2 * V) * step, step, c2, acc);
    put<T>(out + usize(3 * V) * step, step, c3, acc);
  }
  for (; n >= V; n -= V, x += 16, out += usize(V) * step) {
    let c = i32x4.splat(0);
    for (let p: usize = 0; p < end; p += 4) {
      c = madd<T>(v128.load(x + usize(load<i32>(kx + p))), splat<T>(w + usize(load<i32>(kw + p))), c);
    }
    put<T>(out, step, c, acc);
  }
  for (; n > 0; n--, x += sizeof<T>(), out += step) single<T>(kc, x, kx, w, kw, out, acc);
}

/** The lanes of a vector, `xs` bytes apart; reads nothing beyond them. */
@inline
function spaced<T>(at: usize, xs: usize): v128 {
  if (sizeof<T>() == 8) return v128.load64_lane(at + xs, v128.load64_zero(at), 1);
  let x = v128.load32_zero(at);
  x = v128.load32_lane(at + xs, x, 1);
  at += 2 * xs;
  x = v128.load32_lane(at, x, 2);
  return v128.load32_lane(at + xs, x, 3);
}

/** One row of `n` columns, `xs` bytes apart in the operand. */
function thinSpaced<T>(
  n: i32, kc: i32, x: usize, xs: usize, kx: usize, w: usize, kw: usize, out: usize, step: usize, acc: i32,
): void {
  const V = i32(16 / sizeof<T>());
  const end = usize(kc) << 2;
  for (; n >= 2 * V; n -= 2 * V, x += usize(2 * V) * xs, out += usize(2 * V) * step) {
    let c = i32x4.splat(0), d = c;
    if (sizeof<T>() == 4 && xs == 8) {
      // Every other one: the even lanes of two vectors, the second of which ends with the last that is needed.
      for (let p: usize = 0; p < end; p += 4) {
        const s = x + usize(load<i32>(kx + p));
        const y = splat<T>(w + usize(load<i32>(kw + p)));
        c = madd<T>(v128.shuffle<i32>(v128.load(s), v128.load(s, 12), 0, 2, 5, 7), y, c);
        d = madd<T>(v128.shuffle<i32>(v128.load(s, 32), v128.load(s, 44), 0, 2, 5, 7), y, d);
      }
    } else {
      for (let p: usize = 0; p < end; p += 4) {
        const s = x + usize(load<i32>(kx + p));
        const y = splat<T>(w + usize(load<i32>(kw + p)));
        c = madd<T>(spaced<T>(s, xs), y, c);
        d = madd<T>(spaced<T>(s + usize(V) * xs, xs), y, d);
      }
    }
    put<T>(out, step, c, acc);
    put<T>(out + usize(V) * step, step, d, acc);
  }
  for (; n > 0; n--, x += xs, out += step) single<T>(kc, x, kx, w, kw, out, acc);
}

/** Of neighbours that begin with `p` and go on with `q`, those from the second on. */
@inline
function second<T>(p: v128, q: v128): v128 {
  return sizeof<T>() == 4 ? v128.shuffle<i32>(p, q, 1, 2, 3, 4) : v128.shuffle<i64>(p, q, 1, 2);
}

/** Those from the third on. */
@inline
function third<T>(p: v128, q: v128): v128 {
  return sizeof<T>() == 4 ? v128.shuffle<i64>(p, q, 1, 2) : q;
}

/** As `second`, where `q` ends with the vector that begins with the third. */
@inline
function secondOf<T>(p: v128, q: v128): v128 {
  return sizeof<T>() == 4 ? v128.shuffle<i32>(p, q, 1, 2, 3, 6) : v128.shuffle<i64>(p, q, 1, 2);
}

/**
 * Two rows of `n` columns under a window of 3 x 3, whose rows in the operand begin at x0, … x3: all of the kernel, nine elements of `w`,
 * stays in registers, and what both rows read is read once.
 */
function nineTwo<T>(
  n: i32, x0: usize, x1: usize, x2: usize, x3: usize, w: usize, out0: usize, out1: usize,
): void {
  const S = sizeof<T>();
  const w0 = splat<T>(w), w1 = splat<T>(w + S), w2 = splat<T>(w + 2 * S);
  const w3 = splat<T>(w + 3 * S), w4 = splat<T>(w + 4 * S), w5 = splat<T>(w + 5 * S);
  const w6 = splat<T>(w + 6 * S), w7 = splat<T>(w + 7 * S), w8 = splat<T>(w + 8 * S);
  // Two vectors of each: what they read is three vectors of a row, the last of which ends with the window, and shuffles of these.
  for (; n > 0; n -= i32(32 / S)) {
    let c0 = i32x4.splat(0), c1 = c0, d0 = c0, d1 = c0, x = c0;
    // No address is 0: the conditions only keep the optimiser from loading everything first, for which there are no registers.
    if (x0) {
      const p = v128.load(x0), q = v128.load(x0, 16), r = v128.load(x0, sizeof<T>() == 4 ? 24 : 32);
      c0 = madd<T>(p, w0, c0);
      x = second<T>(p, q);
      c0 = madd<T>(x, w1, c0);
      x = third<T>(p, q);
      c0 = madd<T>(x, w2, c0);
      c1 = madd<T>(q, w0, c1);
      x = secondOf<T>(q, r);
      c1 = madd<T>(x, w1, c1);
      c1 = madd<T>(r, w2, c1);
    }
    if (x1) {
      const p = v128.load(x1), q = v128.load(x1, 16), r = v128.load(x1, sizeof<T>() == 4 ? 24 : 32);
      c0 = madd<T>(p, w3, c0);
      d0 = madd<T>(p, w0, d0);
      x = second<T>(p, q);
      c0 = madd<T>(x, w4, c0);
      d0 = madd<T>(x, w1, d0);
      x = third<T>(p, q);
      c0 = madd<T>(x, w5, c0);
      d0 = madd<T>(x, w2, d0);
      c1 = madd<T>(q, w3, c1);
      d1 = madd<T>(q, w0, d1);
      x = secondOf<T>(q, r);
      c1 = madd<T>(x, w4, c1);
      d1 = madd<T>(x, w1, d1);
      c1 = madd<T>(r, w5, c1);
      d1 = madd<T>(r, w2, d1);
    }
    if (x2) {
      const p = v128.load(x2), q = v128.load(x2, 16), r = v128.load(x2, sizeof<T>() == 4 ? 24 : 32);
      c0 = madd<T>(p, w6, c0);
      d0 = madd<T>(p, w3, d0);
      x = second<T>(p, q);
      c0 = madd<T>(x, w7, c0);
      d0 = madd<T>(x, w4, d0);
      x = third<T>(p, q);
      c0 = madd<T>(x, w8, c0);
      d0 = madd<T>(x, w5, d0);
      c1 = madd<T>(q, w6, c1);
      d1 = madd<T>(q, w3, d1);
      x = secondOf<T>(q, r);
      c1 = madd<T>(x, w7, c1);
      d1 = madd<T>(x, w4, d1);
      c1 = madd<T>(r, w8, c1);
      d1 = madd<T>(r, w5, d1);
    }
    v128.store(out0, c0);
    v128.store(out0, c1, 16);
    if (x3) {
      const p = v128.load(x3), q = v128.load(x3, 16), r = v128.load(x3, sizeof<T>() == 4 ? 24 : 32);
      d0 = madd<T>(p, w6, d0);
      x = second<T>(p, q);
      d0 = madd<T>(x, w7, d0);
      x = third<T>(p, q);
      d0 = madd<T>(x, w8, d0);
      d1 = madd<T>(q, w6, d1);
      x = secondOf<T>(q, r);
      d1 = madd<T>(x, w7, d1);
      d1 = madd<T>(r, w8, d1);
    }
    v128.store(out1, d0);
    v128.store(out1, d1, 16);
    x0 += 32;
    x1 += 32;
    x2 += 32;
    x3 += 32;
    out0 += 32;
    out1 += 32;
  }
}

/** By how much the rows of a window of 3 x 3 are apart, if steps of k are such a window's; less than 0 if backwards, 0 if not. */
function nineBy<T>(kx: usize): i32 {
  const first = load<i32>(kx), by = load<i32>(kx, 12) - first;
  const step = by < 0 ? -i32(sizeof<T>()) : i32(sizeof<T>());
  for (let r = 0; r < 3; r++) {
    for (let t = 0; t < 3; t++, kx += 4) {
      if (load<i32>(kx) != first + r * by + t * step) return 0;
    }
  }
  return by;
}

/** Four rows of `n` columns, neighbours in the operand: each load of it serves four multiply-adds. */
function thinFour<T>(
  n: i32, kc: i32, x: usize, kx: usize, w: usize, rs: usize, kw: usize, out: usize, ors: usize, step: usize, acc: i32,
): void {
  const V = i32(16 / sizeof<T>());
  const end = usize(kc) << 2;
  for (; n >= 2 * V; n -= 2 * V, x += 32, out += usize(2 * V) * step) {
    let c00 = i32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
    for (let p: usize = 0; p < end; p += 4) {
      const s = x + usize(load<i32>(kx + p));
      const a = v128.load(s), b = v128.load(s, 16);
      let t = w + usize(load<i32>(kw + p));
      let y = splat<T>(t);
      c00 = madd<T>(a, y, c00);
      c01 = madd<T>(b, y, c01);
      y = splat<T>((t += rs));
      c10 = madd<T>(a, y, c10);
      c11 = madd<T>(b, y, c11);
      y = splat<T>((t += rs));
      c20 = madd<T>(a, y, c20);
      c21 = madd<T>(b, y, c21);
      y = splat<T>(t + rs);
      c30 = madd<T>(a, y, c30);
      c31 = madd<T>(b, y, c31);
    }
    const next = usize(V) * step;
    put<T>(out, step, c00, acc);
    put<T>(out + next, step, c01, acc);
    put<T>(out + ors, step, c10, acc);
    put<T>(out + ors + next, step, c11, acc);
    put<T>(out + 2 * ors, step, c20, acc);
    put<T>(out + 2 * ors + next, step, c21, acc);
    put<T>(out + 3 * ors, step, c30, acc);
    put<T>(out + 3 * ors + next, step, c31, acc);
  }
  if (n == 0) return;
  for (let i = 0; i < 4; i++, w += rs, out += ors) thinRow<T>(n, kc, x, kx, w, kw, out, step, acc);
}

/**
 * Whether the columns of a part (1) or its steps of k (2) are neighbours often enough to be read where they lie; 1 also where there is one
 * row only, of which a tile would waste the most.
 */
export function isThin<T>(part: usize, m: i32, examples: i32): i32 {
  if (m > THIN) return 0;
  const columnRank = field(part, PART_COLUMN_RANK), kRank = field(part, PART_K_RANK);
  const columns = part + PART_AXES;
  const k = columns + usize(columnRank) * AXIS_BYTES;
  let n = 0;
  if (columnRank > 0) {
    const last = columns + usize(columnRank - 1) * AXIS_BYTES;
    n = field(part, PART_BATCH) == columnRank - 1 ? examples : field(last, AXIS_SIZE);
    if (n >= LONG && field(last, AXIS_X) == 1) return 1;
  }
  if (kRank > 0) {
    const last = k + usize(kRank - 1) * AXIS_BYTES;
    if (field(last, AXIS_SIZE) >= LONG && field(last, AXIS_X) == 1 && field(last, AXIS_OTHER) == 1) return 2;
  }
  if (m == 1 && n >= LONG) return 1;
  return 0;
}

/** Where row `r` of columns begins, in elements: along axis `which`, of the operand or of the output. */
@inline
function rowStart(columns: usize, rank: i32, batch: i32, examples: i32, r: i32, which: usize): i32 {
  let sum = 0;
  for (let i = rank - 2; i >= 0; i--) {
    const axis = columns + usize(i) * AXIS_BYTES;
    const size = i == batch ? examples : field(axis, AXIS_SIZE);
    sum += r % size * field(axis, which);
    r /= size;
  }
  return sum;
}

/** A part of which rows of columns are read where they lie. */
export function thinColumns<T>(
  part: usize, m: i32, examples: i32, x: usize, w: usize, rs: usize, out: usize, ors: usize, scratch: usize,
): void {
  const S = i32(sizeof<T>());
  const columns = part + PART_AXES;
  const rank = field(part, PART_COLUMN_RANK), batch = field(part, PART_BATCH);
  const kAxes = columns + usize(rank) * AXIS_BYTES, kRank = field(part, PART_K_RANK);
  const last = columns + usize(rank - 1) * AXIS_BYTES;
  const n = batch == rank - 1 ? examples : field(last, AXIS_SIZE);
  const step = usize(field(last, AXIS_OTHER) * S), xs = usize(field(last, AXIS_X) * S);
  const rows = points(columns, rank - 1, batch, examples);
  const k = points(kAxes, kRank, -1, 0);
  const kx = scratch, kw = scratch + TABLE;
  for (let pc = 0; pc < k; pc += K_BLOCK) {
    const kc = min(K_BLOCK, k - pc), acc = i32(pc > 0);
    fillOffsets(kAxes, kRank, -1, 0, S, pc, kc, kx, kw);
    if (k == 9 && xs == sizeof<T>() && step == sizeof<T>()) {
      const by = nineBy<T>(kx);
      if (by != 0) {
        for (let i = 0; i < m; i++, w += rs, out += ors) {
          nineRows<T>(rows, n, columns, rank, batch, examples, x, by, w, out, kx, kw);
        }
        return;
      }
    }
    for (let r = 0; r < rows; r++) {
      const from = x + usize(rowStart(columns, rank, batch, examples, r, AXIS_X) * S);
      let to = out + usize(rowStart(columns, rank, batch, examples, r, AXIS_OTHER) * S), row = w;
      let i = 0;
      if (xs != sizeof<T>()) {
        thinSpaced<T>(n, kc, from, xs, kx, row, kw, to, step, acc);
        continue;
      }
      for (; i + 4 <= m; i += 4, row += 4 * rs, to += 4 * ors) {
        thinFour<T>(n, kc, from, kx, row, rs, kw, to, ors, step, acc);
      }
      for (; i < m; i++, row += rs, to += ors) thinRow<T>(n, kc, from, kx, row, kw, to, step, acc);
    }
  }
}

/** All rows under a window of 3 x 3, two at once where the second begins where the window's second row does. */
function nineRows<T>(
  rows: i32, n: i32, columns: usize, rank: i32, batch: i32, examples: i32,
  x: usize, by: i32, w: usize, out: usize, kx: usize, kw: usize,
): void {
  const S = i32(sizeof<T>()), V = 32 / S;
  const whole = n & ~(V - 1);
  // The last step begins earlier where it would not be whole: what it computes again comes out the same.
  const tail = usize((n - V) * S);
  // What the steps meet in the kernel, side by side, in the order of the operand.
  const taps = kw + 64;
  for (let p: usize = 0; p < 9; p++) {
    const from = by < 0 ? 8 - p : p;
    store<T>(taps + p * sizeof<T>(), load<T>(w + usize(load<i32>(kw + (from << 2)))));
  }
  x += usize(load<i32>(by < 0 ? kx + 32 : kx));
  const down = usize(abs(by));
  for (let r = 0; r < rows; r++) {
    const a = x + usize(rowStart(columns, rank, batch, examples, r, AXIS_X) * S);
    const to = out + usize(rowStart(columns, rank, batch, examples, r, AXIS_OTHER) * S);
    const b = a + down, c = b + down;
    if (r + 1 < rows && x + usize(rowStart(columns, rank, batch, examples, r + 1, AXIS_X) * S) == b) {
      r++;
      const next = out + usize(rowStart(columns, rank, batch, examples, r, AXIS_OTHER) * S);
      const d = c + down;
      nineTwo<T>(whole, a, b, c, d, taps, to, next);
      if (whole < n) nineTwo<T>(V, a + tail, b + tail, c + tail, d + tail, taps, to + tail, next + tail);
    } else {
      // A row alone goes second, over what is stored of the first.
      nineTwo<T>(whole, a, a, b, c, taps, to, to);
      if (whole < n) nineTwo<T>(V, a + tail, a + tail, b + tail, c + tail, taps, to + tail, to + tail);
    }
  }
}

/** The sum of a vector's lanes. */
@inline
function total<T>(x: v128): T {
  const sum = v128.extract_lane<T>(x, 0) + v128.extract_lane<T>(x, 1);
  if (sizeof<T>() == 8) return sum;
  return sum + (v128.extract_lane<T>(x, 2) + v128.extract_lane<T>(x, 3));
}

/**
 * Four columns of one row: sums over `rows` stretches of `n` neighbours, which begin at the entries of the tables `kx` and `kw`.
 */
function thinDots<T>(
  rows: i32, n: i32, x0: usize, x1: usize, x2: usize, x3: usize, kx: usize, w: usize, kw: usize, count: i32,
  out: usize, co: usize, acc: i32,
): void {
  const S = sizeof<T>();
  const whole = usize(n & ~i32(16 / S - 1)) * S, all = usize(n) * S;
  let c0 = i32x4.splat(0), c1 = c0, c2 = c0, c3 = c0;
  let s0: T = 0, s1: T = 0, s2: T = 0, s3: T = 0;
  for (; rows > 0; rows--, kx += 4, kw += 4) {
    const at = usize(load<i32>(kx));
    const a0 = x0 + at, a1 = x1 + at, a2 = x2 + at, a3 = x3 + at, b = w + usize(load<i32>(kw));
    let p: usize = 0;
    for (; p < whole; p += 16) {
      const y = v128.load(b + p);
      c0 = madd<T>(v128.load(a0 + p), y, c0);
      c1 = madd<T>(v128.load(a1 + p), y, c1);
      c2 = madd<T>(v128.load(a2 + p), y, c2);
      c3 = madd<T>(v128.load(a3 + p), y, c3);
    }
    for (; p < all; p += S) {
      const y = load<T>(b + p);
      s0 += load<T>(a0 + p) * y;
      s1 += load<T>(a1 + p) * y;
      s2 += load<T>(a2 + p) * y;
      s3 += load<T>(a3 + p) * y;
    }
  }
  putLane<T>(out + usize(load<i32>(co)), s0 + total<T>(c0), acc);
  if (count > 1) putLane<T>(out + usize(load<i32>(co, 4)), s1 + total<T>(c1), acc);
  if (count > 2) putLane<T>(out + usize(load<i32>(co, 8)), s2 + total<T>(c2), acc);
  if (count > 3) putLane<T>(out + usize(load<i32>(co, 12)), s3 + total<T>(c3), acc);
}

/** A part whose steps of k are neighbours in the operand and in the kernel: dot products. */
export function thinSteps<T>(
  part: usize, m: i32, examples: i32, x: usize, w: usize, rs: usize, out: usize, ors: usize, scratch: usize,
): void {
  const S = i32(sizeof<T>());
  const columns = part + PART_AXES;
  const rank = field(part, PART_COLUMN_RANK), batch = field(part, PART_BATCH);
  const kAxes = columns + usize(rank) * AXIS_BYTES, kRank = field(part, PART_K_RANK);
  const n = field(kAxes + usize(kRank - 1) * AXIS_BYTES, AXIS_SIZE);
  const stretches = points(kAxes, kRank - 1, -1, 0);
  const count = points(columns, rank, batch, examples);
  const kx = scratch, kw = kx + TABLE, cx = kw + TABLE, co = cx + 16;
  for (let pc = 0; pc < stretches; pc += K_BLOCK) {
    const kc = min(K_BLOCK, stretches - pc), acc = i32(pc > 0);
    fillOffsets(kAxes, kRank - 1, -1, 0, S, pc, kc, kx, kw);
    for (let j = 0; j < count; j += 4) {
      const some = min(4, count - j);
      fillOffsets(columns, rank, batch, examples, S, j, some, cx, co);
      const x0 = x + usize(load<i32>(cx));
      const x1 = some > 1 ? x + usize(load<i32>(cx, 4)) : x0;
      const x2 = some > 2 ? x + usize(load<i32>(cx, 8)) : x0;
      const x3 = some > 3 ? x + usize(load<i32>(cx, 12)) : x0;
      for (let i = 0; i < m; i++) {
        thinDots<T>(kc, n, x0, x1, x2, x3, kx, w + usize(i) * rs, kw, some, out + usize(i) * ors, co, acc);
      }
    }
  }
}
