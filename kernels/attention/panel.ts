// Panels of logits: rows of 8 floats. In the forward pass a row is a key and its 8 columns are queries, so that maxima and sums
// run down the columns and nothing is ever added across a vector; in the backward pass a row is a query and its columns are keys.
import { madd, nmadd, select } from "../math/madd";
import { gemm_tile4_f32, gemm_tile6_f32 } from "../gemm/tile_f32";
import { sixes } from "../gemm/pack";

const LOG2E: f32 = 1.44269504;
const LN2_HIGH: f32 = 0.693145751953125;
const LN2_LOW: f32 = 1.42860677e-6;
// 1.5 * 2^23 with 127 + 24.
const ROUND_BIASED: f32 = 12583063;

/**
 * e^x for x <= 0, or NaN; at most 1 ulp off. As in math/exp.ts, but with one factor 2^(n + 24) and a constant one for what that is
 * too large, since no result is large.
 */
@inline
export function exp_negative(x: v128): v128 {
  const c = f32x4.pmax(x, f32x4.splat(-104));
  const t = madd<f32>(c, f32x4.splat(LOG2E), f32x4.splat(ROUND_BIASED));
  const n = f32x4.sub(t, f32x4.splat(ROUND_BIASED));
  const r = nmadd<f32>(n, f32x4.splat(LN2_LOW), nmadd<f32>(n, f32x4.splat(LN2_HIGH), c));
  const one = f32x4.splat(1);
  let p = f32x4.splat(0.0013843873);
  p = madd<f32>(p, r, f32x4.splat(0.008369549));
  p = madd<f32>(p, r, f32x4.splat(0.04166806));
  p = madd<f32>(p, r, f32x4.splat(0.16666514));
  p = madd<f32>(p, r, f32x4.splat(0.49999994));
  p = madd<f32>(madd<f32>(p, r, one), r, one);
  return f32x4.mul(f32x4.mul(p, i32x4.shl(t, 23)), f32x4.splat(5.9604645e-8));
}

/**
 * s[rows, 8] (+)= a[rows, k] · panel[k, 8], where a is the start of `packed` rows of `length` (packA of gemm/pack.ts). Rows of a last
 * tile that are beyond `rows` are written too: s has room for 5 more.
 */
export function product(
  packed: i32, length: i32, rows: i32, k: i32, a: usize, panel: usize, s: usize, accumulate: i32,
): void {
  const end6 = 6 * sixes(packed);
  let i = 0;
  for (; i < end6 && i < rows; i += 6) {
    gemm_tile6_f32(k, a, panel, 32, s, 32, accumulate);
    a += 24 * usize(length);
    s += 192;
  }
  for (; i < packed && i < rows; i += 4) {
    gemm_tile4_f32(k, a, panel, 32, s, 32, accumulate);
    a += 16 * usize(length);
    s += 128;
  }
}

/** x[0 .. 4 n) *= factor. */
export function scale(n: i32, x: usize, factor: f32): void {
  const f = f32x4.splat(factor);
  for (; n > 0; n--, x += 16) v128.store(x, f32x4.mul(v128.load(x), f));
}

/** The largest of each column and of what `m` holds; NaN is passed over, which exp will hand on. */
export function columnMax(rows: i32, s: usize, m: usize): void {
  let a = v128.load(m), b = v128.load(m, 16), c = a, d = b;
  for (; rows >= 2; rows -= 2, s += 64) {
    a = f32x4.pmax(a, v128.load(s));
    b = f32x4.pmax(b, v128.load(s, 16));
    c = f32x4.pmax(c, v128.load(s, 32));
    d = f32x4.pmax(d, v128.load(s, 48));
  }
  if (rows > 0) {
    a = f32x4.pmax(a, v128.load(s));
    b = f32x4.pmax(b, v128.load(s, 16));
  }
  v128.store(m, f32x4.pmax(a, c));
  v128.store(m, f32x4.pmax(b, d), 16);
}

/** s = e^(s - m) for each column's m; adds the columns' sums to `sums`. */
export function columnExp(rows: i32, s: usize, m: usize, sums: usize): void {
  const m0 = v128.load(m), m1 = v128.load(m, 16);
  let a = f32x4.splat(0), b = a;
  for (; rows > 0; rows--, s += 32) {
    const x = exp_negative(f32x4.sub(v128.load(s), m0));
    const y = exp_negative(f32x4.sub(v128.load(s, 16), m1));
    v128.store(s, x);
    v128.store(s, y, 16);
    a = f32x4.add(a, x);
    b = f32x4.add(b, y);
  }
  v128.store(sums, f32x4.add(v128.load(sums), a));
  v128.store(sums, f32x4.add(v128.load(sums, 16), b), 16);
}

/** x[rows, 8] *= factors[8], unless all of them are 1. */
export function scaleColumns(rows: i32, x: usize, factors: usize): void {
  const f = v128.load(factors), g = v128.load(factors, 16);
  const one = f32x4.splat(1);
  if (!v128.any_true(v128.or(f32x4.ne(f, one), f32x4.ne(g, one)))) return;
  for (; rows > 0; rows--, x += 32) {
    v128.store(x, f32x4.mul(v128.load(x), f));
    v128.store(x, f32x4.mul(v128.load(x, 16), g), 16);
  }
}

/** Four rows of 4 floats, `from` bytes apart, to columns, `to` bytes apart. */
@inline
export function transpose4x4(s: usize, from: usize, d: usize, to: usize): void {
  const r0 = v128.load(s), r1 = v128.load(s + from);
  s += 2 * from;
  const r2 = v128.load(s), r3 = v128.load(s + from);
  const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5), t1 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
  const t2 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5), t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
  v128.store(d, v128.shuffle<i64>(t0, t2, 0, 2));
  v128.store(d + to, v128.shuffle<i64>(t0, t2, 1, 3));
  d += 2 * to;
  v128.store(d, v128.shuffle<i64>(t1, t3, 0, 2));
  v128.store(d + to, v128.shuffle<i64>(t1, t3, 1, 3));
}

/** out[column, row] = x[row, column] * factor for the first `columns` columns; strides in bytes. */
export function unpack(
  rows: i32, columns: i32, x: usize, factor: f32, out: usize, rs: usize, cs: usize,
): void {
  if (factor != 1) scale(2 * rows, x, factor);
  let e = 0;
  if (columns == 8 && cs == 4) {
    for (; e + 4 <= rows; e += 4) {
      transpose4x4(x, 32, out, rs);
      transpose4x4(x + 16, 32, out + 4 * rs, rs);
      x += 128;
      out += 16;
    }
  }
  for (; e < rows; e++) {
    for (let c = 0; c < columns; c++) store<f32>(out + usize(c) * rs, load<f32>(x + 4 * usize(c)));
    x += 32;
    out += cs;
  }
}

/** s[rows, 8] += bias, whose rows are `rs` bytes apart and columns `cs`; `columns` of the 8 are there. */
export function addBias(rows: i32, columns: i32, s: usize, bias: usize, rs: usize, cs: usize): void {
  if (cs == 0) {
    for (; rows > 0; rows--, s += 32, bias += rs) {
      const b = v128.load32_splat(bias);
      v128.store(s, f32x4.add(v128.load(s), b));
      v128.store(s, f32x4.add(v128.load(s, 16), b), 16);
    }
    return;
  }
  if (columns == 8 && cs == 4) {
    for (; rows > 0; rows--, s += 32, bias += rs) {
      v128.store(s, f32x4.add(v128.load(s), v128.load(bias)));
      v128.store(s, f32x4.add(v128.load(s, 16), v128.load(bias, 16)), 16);
    }
    return;
  }
  if (columns == 8 && rs == 4) {
    for (; rows >= 4; rows -= 4, s += 128, bias += 16) {
      addTransposed(s, bias, cs);
      addTransposed(s + 16, bias + 4 * cs, cs);
    }
  }
  for (; rows > 0; rows--, s += 32, bias += rs) {
    for (let c = 0; c < columns; c++) {
      const at = s + 4 * usize(c);
      store<f32>(at, load<f32>(at) + load<f32>(bias + usize(c) * cs));
    }
  }
}

/** Adds four columns of 4 contiguous floats to four rows. */
@inline
function addTransposed(s: usize, b: usize, cs: usize): void {
  const r0 = v128.load(b), r1 = v128.load(b + cs);
  b += 2 * cs;
  const r2 = v128.load(b), r3 = v128.load(b + cs);
  const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5), t1 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
  const t2 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5), t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
  v128.store(s, f32x4.add(v128.load(s), v128.shuffle<i64>(t0, t2, 0, 2)));
  v128.store(s, f32x4.add(v128.load(s, 32), v128.shuffle<i64>(t0, t2, 1, 3)), 32);
  v128.store(s, f32x4.add(v128.load(s, 64), v128.shuffle<i64>(t1, t3, 0, 2)), 64);
  v128.store(s, f32x4.add(v128.load(s, 96), v128.shuffle<i64>(t1, t3, 1, 3)), 96);
}

/** One row of 8, whose mask is a byte in each of 8 lanes of 16 bits. */
@inline
function maskRow(s: usize, allowed: v128, value: v128): void {
  const hidden = i16x8.eq(allowed, i16x8.splat(0));
  v128.store(s, select<i32>(value, v128.load(s), i32x4.extend_low_i16x8_s(hidden)));
  v128.store(s, select<i32>(value, v128.load(s, 16), i32x4.extend_high_i16x8_s(hidden)), 16);
}

/** Four bytes of each of four columns. */
@inline
function fourBytes(mask: usize, cs: usize): v128 {
  const x = v128.load32_lane(mask + cs, v128.load32_zero(mask), 1);
  mask += 2 * cs;
  return v128.load32_lane(mask + cs, v128.load32_lane(mask, x, 2), 3);
}

/** s[rows, 8] = value where the mask, of bytes, is 0; `columns` of the 8 are there. */
export function applyMask(
  rows: i32, columns: i32, s: usize, mask: usize, rs: usize, cs: usize, value: f32,
): void {
  const v = f32x4.splat(value);
  if (cs == 0) {
    for (; rows > 0; rows--, s += 32, mask += rs) {
      if (load<u8>(mask)) continue;
      v128.store(s, v);
      v128.store(s, v, 16);
    }
    return;
  }
  if (columns == 8 && cs == 1) {
    for (; rows > 0; rows--, s += 32, mask += rs) maskRow(s, v128.load_ext<u8>(mask), v);
    return;
  }
  if (columns == 8 && rs == 1) {
    for (; rows >= 4; rows -= 4, s += 128, mask += 4) {
      const x = fourBytes(mask, cs), y = fourBytes(mask + 4 * cs, cs);
      // Row j takes byte j of each column.
      let row = v128.shuffle<i8>(x, y, 0, 4, 8, 12, 16, 20, 24, 28, 0, 0, 0, 0, 0, 0, 0, 0);
      maskRow(s, i16x8.extend_low_i8x16_u(row), v);
      row = v128.shuffle<i8>(x, y, 1, 5, 9, 13, 17, 21, 25, 29, 0, 0, 0, 0, 0, 0, 0, 0);
      maskRow(s + 32, i16x8.extend_low_i8x16_u(row), v);
      row = v128.shuffle<i8>(x, y, 2, 6, 10, 14, 18, 22, 26, 30, 0, 0, 0, 0, 0, 0, 0, 0);
      maskRow(s + 64, i16x8.extend_low_i8x16_u(row), v);
      row = v128.shuffle<i8>(x, y, 3, 7, 11, 15, 19, 23, 27, 31, 0, 0, 0, 0, 0, 0, 0, 0);
      maskRow(s + 96, i16x8.extend_low_i8x16_u(row), v);
    }
  }
  for (; rows > 0; rows--, s += 32, mask += rs) {
    for (let c = 0; c < columns; c++) {
      if (!load<u8>(mask + usize(c) * cs)) store<f32>(s + 4 * usize(c), value);
    }
  }
}

/**
 * s[row, c] = value unless least <= row - c <= most: the window of keys around each query, by the difference of what rows and
 * columns begin at.
 */
export function applyWindow(rows: i32, s: usize, least: i32, most: i32, value: f32): void {
  const v = f32x4.splat(value), step = i32x4.splat(1);
  const low = i32x4.splat(least), high = i32x4.splat(most);
  let d = i32x4(0, -1, -2, -3), e = i32x4(-4, -5, -6, -7);
  for (; rows > 0; rows--, s += 32) {
    const out0 = v128.or(i32x4.lt_s(d, low), i32x4.gt_s(d, high));
    const out1 = v128.or(i32x4.lt_s(e, low), i32x4.gt_s(e, high));
    v128.store(s, select<i32>(v, v128.load(s), out0));
    v128.store(s, select<i32>(v, v128.load(s, 16), out1), 16);
    d = i32x4.add(d, step);
    e = i32x4.add(e, step);
  }
}
