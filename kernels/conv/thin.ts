// Convolutions with few output features in a group (depthwise ones above all): each element of the operand meets so few of the
// kernel that packing it would cost as much as the arithmetic. It is read where it lies, and no table of columns is made.
import { madd } from "../math/madd";
import {
  AXIS_BYTES, AXIS_OTHER, AXIS_SIZE, AXIS_X, field, fillOffsets, PART_AXES, PART_BATCH, PART_COLUMN_RANK, PART_K_RANK, points, splat,
} from "./spec";

/** Groups of at most this many output features are thin. */
export const THIN: i32 = 4;
/** Neighbours along the last axis of the output or of the window that make it worth while. */
const LONG: i32 = 8;
/** Steps of k for which there is room in the tables. */
const K_BLOCK: i32 = 256;
/** Bytes of a table of k. */
const TABLE: usize = 1024;

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
  // The more vectors at once, the fewer loads of the tables and the kernel for each.
  for (; n >= 8 * V; n -= 8 * V, x += 128) {
    let c0 = i32x4.splat(0), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
    for (let p: usize = 0; p < end; p += 4) {
      const s = x + usize(load<i32>(kx + p));
      const b = splat<T>(w + usize(load<i32>(kw + p)));
      c0 = madd<T>(v128.load(s), b, c0);
      c1 = madd<T>(v128.load(s, 16), b, c1);
      c2 = madd<T>(v128.load(s, 32), b, c2);
      c3 = madd<T>(v128.load(s, 48), b, c3);
      c4 = madd<T>(v128.load(s, 64), b, c4);
      c5 = madd<T>(v128.load(s, 80), b, c5);
      c6 = madd<T>(v128.load(s, 96), b, c6);
      c7 = madd<T>(v128.load(s, 112), b, c7);
    }
    put<T>(out, step, c0, acc);
    put<T>((out += usize(V) * step), step, c1, acc);
    put<T>((out += usize(V) * step), step, c2, acc);
    put<T>((out += usize(V) * step), step, c3, acc);
    put<T>((out += usize(V) * step), step, c4, acc);
    put<T>((out += usize(V) * step), step, c5, acc);
    put<T>((out += usize(V) * step), step, c6, acc);
    put<T>((out += usize(V) * step), step, c7, acc);
    out += usize(V) * step;
  }
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
