// Reductions over the middle axis of a contiguous [outer, n, inner]. Sums are taken in short blocks whose totals are
// added in f64 (f32) or with compensation (f64), always in the same order, so that ten million equal numbers lose
// nothing and the result does not depend on who computes which block.
import { ADD, AND, MAX, MIN, MUL, OR, XOR } from "./opcodes";

/** Elements of a block of a contiguous sum: 8 accumulators, 64 vectors (f32) or 128 (f64). */
const BLOCK: i32 = 256;
/** Elements of one call: an ended call lets the engine switch to its optimised code. */
const CHUNK: i32 = 8192;
/** Rows of a block of a sum over columns. */
const ROWS: i32 = 32;

@inline
function identity<T>(op: i32): T {
  if (op == MUL) return 1;
  if (op == AND) return <T> -1;
  if (op == MAX) {
    if (isFloat<T>()) return <T> -Infinity;
    if (!isSigned<T>()) return 0;
    return sizeof<T>() == 8 ? <T> i64.MIN_VALUE : <T> i32.MIN_VALUE;
  }
  if (op == MIN) {
    if (isFloat<T>()) return <T> Infinity;
    if (!isSigned<T>()) return <T> -1;
    return sizeof<T>() == 8 ? <T> i64.MAX_VALUE : <T> i32.MAX_VALUE;
  }
  return 0;
}

@inline
function vector<T>(op: i32, x: v128, y: v128): v128 {
  if (op == ADD) return v128.add<T>(x, y);
  if (sizeof<T>() > 1 && op == MUL) return v128.mul<T>(x, y);
  if (op == AND) return v128.and(x, y);
  if (op == OR) return v128.or(x, y);
  if (op == XOR) return v128.xor(x, y);
  if (isInteger<T>() && sizeof<T>() == 8) {
    const more = i64x2.gt_s(x, y);
    return op == MIN ? v128.bitselect(y, x, more) : v128.bitselect(x, y, more);
  }
  return op == MIN ? v128.min<T>(x, y) : v128.max<T>(x, y);
}

@inline
function scalar<T>(op: i32, x: T, y: T): T {
  if (op == ADD) return <T> (x + y);
  if (op == MUL) return <T> (x * y);
  if (isInteger<T>()) {
    if (op == AND) return <T> (x & y);
    if (op == OR) return <T> (x | y);
    if (op == XOR) return <T> (x ^ y);
    return op == MIN ? (x < y ? x : y) : (x > y ? x : y);
  }
  // The builtins hand on NaN.
  return op == MIN ? min<T>(x, y) : max<T>(x, y);
}

/** All lanes of a vector, combined. */
@inline
function across<T>(op: i32, x: v128): T {
  x = vector<T>(op, x, v128.shuffle<i64>(x, x, 1, 0));
  if (sizeof<T>() == 8) return v128.extract_lane<T>(x, 0);
  x = vector<T>(op, x, v128.shuffle<i32>(x, x, 1, 0, 3, 2));
  if (sizeof<T>() == 4) return v128.extract_lane<T>(x, 0);
  x = vector<T>(op, x, v128.shuffle<i16>(x, x, 1, 0, 3, 2, 5, 4, 7, 6));
  x = vector<T>(op, x, v128.shuffle<i8>(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
  return v128.extract_lane<T>(x, 0);
}

/**
 * The larger (or smaller) of a and b if neither is NaN, in one instruction on x64, where `max` itself takes eight because of
 * NaN and of signed zeros; the callers look for NaN apart.
 */
@inline
function extreme<T>(op: i32, a: v128, b: v128): v128 {
  return op == MAX ? v128.pmax<T>(a, b) : v128.pmin<T>(a, b);
}

/** The extreme of at most CHUNK contiguous floats and `start`. */
@inline
function extremeLine<T>(op: i32, n: i32, x: usize, start: T): T {
  const V = i32(16 / sizeof<T>());
  let r = start;
  if (n >= 4 * V) {
    let a = v128.load(x), b = v128.load(x, 16), c = v128.load(x, 32), d = v128.load(x, 48);
    let nan = v128.or(
      v128.or(v128.ne<T>(a, a), v128.ne<T>(b, b)),
      v128.or(v128.ne<T>(c, c), v128.ne<T>(d, d)),
    );
    n -= 4 * V;
    x += 64;
    for (; n >= 4 * V; n -= 4 * V, x += 64) {
      const p = v128.load(x), q = v128.load(x, 16), s = v128.load(x, 32), t = v128.load(x, 48);
      a = extreme<T>(op, a, p);
      b = extreme<T>(op, b, q);
      nan = v128.or(nan, v128.or(v128.ne<T>(p, p), v128.ne<T>(q, q)));
      c = extreme<T>(op, c, s);
      d = extreme<T>(op, d, t);
      nan = v128.or(nan, v128.or(v128.ne<T>(s, s), v128.ne<T>(t, t)));
    }
    if (v128.any_true(nan)) return <T> NaN;
    r = scalar<T>(op, r, across<T>(op, vector<T>(op, vector<T>(op, a, b), vector<T>(op, c, d))));
  }
  for (; n > 0; n--, x += sizeof<T>()) r = scalar<T>(op, r, load<T>(x));
  return r;
}

/** n contiguous elements, combined with `start`; any operation but floating sums. */
@inline
function line<T>(op: i32, n: i32, x: usize, start: T): T {
  if (isFloat<T>() && op != MUL) return extremeLine<T>(op, n, x, start);
  const V = i32(16 / sizeof<T>());
  let r = start;
  if (!(sizeof<T>() == 1 && op == MUL) && n >= 4 * V) {
    let a = v128.load(x), b = v128.load(x, 16), c = v128.load(x, 32), d = v128.load(x, 48);
    n -= 4 * V;
    x += 64;
    for (; n >= 4 * V; n -= 4 * V, x += 64) {
      a = vector<T>(op, a, v128.load(x));
      b = vector<T>(op, b, v128.load(x, 16));
      c = vector<T>(op, c, v128.load(x, 32));
      d = vector<T>(op, d, v128.load(x, 48));
    }
    r = scalar<T>(op, r, across<T>(op, vector<T>(op, vector<T>(op, a, b), vector<T>(op, c, d))));
  }
  for (; n > 0; n--, x += sizeof<T>()) r = scalar<T>(op, r, load<T>(x));
  return r;
}

/** The sum of at most CHUNK contiguous f32, by blocks, in f64. */
export function sum_chunk_f32(n: i32, x: usize): f64 {
  let total = f64x2.splat(0);
  for (; n >= BLOCK; n -= BLOCK) {
    let a = v128.load(x), b = v128.load(x, 16), c = v128.load(x, 32), d = v128.load(x, 48);
    let e = v128.load(x, 64), f = v128.load(x, 80), g = v128.load(x, 96), h = v128.load(x, 112);
    const end = x + 4 * BLOCK;
    for (x += 128; x < end; x += 128) {
      a = f32x4.add(a, v128.load(x));
      b = f32x4.add(b, v128.load(x, 16));
      c = f32x4.add(c, v128.load(x, 32));
      d = f32x4.add(d, v128.load(x, 48));
      e = f32x4.add(e, v128.load(x, 64));
      f = f32x4.add(f, v128.load(x, 80));
      g = f32x4.add(g, v128.load(x, 96));
      h = f32x4.add(h, v128.load(x, 112));
    }
    a = f32x4.add(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)), f32x4.add(f32x4.add(e, f), f32x4.add(g, h)));
    total = f64x2.add(total, f64x2.promote_low_f32x4(a));
    total = f64x2.add(total, f64x2.promote_low_f32x4(v128.shuffle<i64>(a, a, 1, 0)));
  }
  let r = f64x2.extract_lane(total, 0) + f64x2.extract_lane(total, 1);
  for (; n > 0; n--, x += 4) r += f64(load<f32>(x));
  return r;
}

/** The sum of at most CHUNK contiguous f64, by blocks. */
export function sum_chunk_f64(n: i32, x: usize): f64 {
  let r: f64 = 0;
  for (; n >= BLOCK; n -= BLOCK) {
    let a = v128.load(x), b = v128.load(x, 16), c = v128.load(x, 32), d = v128.load(x, 48);
    let e = v128.load(x, 64), f = v128.load(x, 80), g = v128.load(x, 96), h = v128.load(x, 112);
    const end = x + 8 * BLOCK;
    for (x += 128; x < end; x += 128) {
      a = f64x2.add(a, v128.load(x));
      b = f64x2.add(b, v128.load(x, 16));
      c = f64x2.add(c, v128.load(x, 32));
      d = f64x2.add(d, v128.load(x, 48));
      e = f64x2.add(e, v128.load(x, 64));
      f = f64x2.add(f, v128.load(x, 80));
      g = f64x2.add(g, v128.load(x, 96));
      h = f64x2.add(h, v128.load(x, 112));
    }
    a = f64x2.add(f64x2.add(f64x2.add(a, b), f64x2.add(c, d)), f64x2.add(f64x2.add(e, f), f64x2.add(g, h)));
    r += f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1);
  }
  let s: f64 = 0;
  for (; n > 0; n--, x += 8) s += load<f64>(x);
  return r + s;
}

/** What the sum x + y of finite numbers lost in rounding to s; 0 else, lest infinities become NaN. */
@inline
function lost(x: f64, y: f64, s: f64): f64 {
  if (abs(s) == Infinity) return 0;
  return abs(x) >= abs(y) ? (x - s) + y : (y - s) + x;
}

/** A contiguous floating sum. */
function sumLine<T>(n: i32, x: usize): T {
  let total: f64 = 0, error: f64 = 0;
  for (; n > 0; n -= CHUNK, x += CHUNK * sizeof<T>()) {
    const m = min(n, CHUNK);
    const part = sizeof<T>() == 4 ? sum_chunk_f32(m, x) : sum_chunk_f64(m, x);
    const sum = total + part;
    if (sizeof<T>() == 8) error += lost(total, part, sum);
    total = sum;
  }
  return <T> (total + error);
}

/** One vector of columns of floating sums: `n` rows of `rs` bytes, in short blocks of rows, totals in f64. */
@inline
function sumColumn<T>(n: i32, x: usize, rs: usize, out: usize): void {
  let low = f64x2.splat(0), high = low;
  for (let rest = n; rest > 0; rest -= ROWS) {
    let a = v128.load(x);
    x += rs;
    let i = min(rest, ROWS) - 1;
    if (i >= 3) {
      // Three chains, because one would wait for each addition.
      let b = v128.load(x), c = v128.load(x + rs);
      x += 2 * rs;
      for (i -= 2; i >= 3; i -= 3) {
        a = v128.add<T>(a, v128.load(x));
        b = v128.add<T>(b, v128.load(x + rs));
        c = v128.add<T>(c, v128.load(x + 2 * rs));
        x += 3 * rs;
      }
      a = v128.add<T>(a, v128.add<T>(b, c));
    }
    for (; i > 0; i--, x += rs) a = v128.add<T>(a, v128.load(x));
    if (sizeof<T>() == 4) {
      low = f64x2.add(low, f64x2.promote_low_f32x4(a));
      high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<i64>(a, a, 1, 0)));
    } else {
      low = f64x2.add(low, a);
    }
  }
  if (sizeof<T>() == 4) {
    low = v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
  }
  v128.store(out, low);
}

/** Four vectors of columns of floating sums: whole cache lines. */
function sumColumns4<T>(n: i32, x: usize, rs: usize, out: usize): void {
  let t0 = f64x2.splat(0), t1 = t0, t2 = t0, t3 = t0, u0 = t0, u1 = t0, u2 = t0, u3 = t0;
  for (let rest = n; rest > 0; rest -= ROWS) {
    let a = v128.load(x), b = v128.load(x, 16), c = v128.load(x, 32), d = v128.load(x, 48);
    x += rs;
    for (let i = min(rest, ROWS); i > 1; i--, x += rs) {
      a = v128.add<T>(a, v128.load(x));
      b = v128.add<T>(b, v128.load(x, 16));
      c = v128.add<T>(c, v128.load(x, 32));
      d = v128.add<T>(d, v128.load(x, 48));
    }
    if (sizeof<T>() == 4) {
      t0 = f64x2.add(t0, f64x2.promote_low_f32x4(a));
      t1 = f64x2.add(t1, f64x2.promote_low_f32x4(b));
      t2 = f64x2.add(t2, f64x2.promote_low_f32x4(c));
      t3 = f64x2.add(t3, f64x2.promote_low_f32x4(d));
      u0 = f64x2.add(u0, f64x2.promote_low_f32x4(v128.shuffle<i64>(a, a, 1, 0)));
      u1 = f64x2.add(u1, f64x2.promote_low_f32x4(v128.shuffle<i64>(b, b, 1, 0)));
      u2 = f64x2.add(u2, f64x2.promote_low_f32x4(v128.shuffle<i64>(c, c, 1, 0)));
      u3 = f64x2.add(u3, f64x2.promote_low_f32x4(v128.shuffle<i64>(d, d, 1, 0)));
    } else {
      t0 = f64x2.add(t0, a);
      t1 = f64x2.add(t1, b);
      t2 = f64x2.add(t2, c);
      t3 = f64x2.add(t3, d);
    }
  }
  if (sizeof<T>() == 4) {
    t0 = v128.shuffle<i64>(f32x4.demote_f64x2_zero(t0), f32x4.demote_f64x2_zero(u0), 0, 2);
    t1 = v128.shuffle<i64>(f32x4.demote_f64x2_zero(t1), f32x4.demote_f64x2_zero(u1), 0, 2);
    t2 = v128.shuffle<i64>(f32x4.demote_f64x2_zero(t2), f32x4.demote_f64x2_zero(u2), 0, 2);
    t3 = v128.shuffle<i64>(f32x4.demote_f64x2_zero(t3), f32x4.demote_f64x2_zero(u3), 0, 2);
  }
  v128.store(out, t0);
  v128.store(out, t1, 16);
  v128.store(out, t2, 32);
  v128.store(out, t3, 48);
}

/** Columns of floating sums. */
function sumColumns<T>(n: i32, width: i32, x: usize, rs: usize, out: usize): void {
  const S = sizeof<T>(), V = i32(16 / S);
  let i = 0;
  for (; i + 4 * V <= width; i += 4 * V) sumColumns4<T>(n, x + usize(i) * S, rs, out + usize(i) * S);
  if (width >= V) {
    // The last vector may overlap the one before it, and then computes the same again.
    for (; i < width; i += V) {
      const at = usize(min(i, width - V)) * S;
      sumColumn<T>(n, x + at, rs, out + at);
    }
    return;
  }
  for (; i < width; i++) {
    let p = x + usize(i) * S;
    let total: f64 = 0;
    for (let rest = n; rest > 0; rest -= ROWS) {
      let part: f64 = 0;
      for (let k = min(rest, ROWS); k > 0; k--, p += rs) part += f64(load<T>(p));
      total += part;
    }
    store<T>(out + usize(i) * S, <T> total);
  }
}

/** Four vectors of columns of other reductions. */
@inline
function columns4<T>(op: i32, n: i32, p: usize, rs: usize, out: usize): void {
  let a = v128.load(p), b = v128.load(p, 16), c = v128.load(p, 32), d = v128.load(p, 48);
  if (isFloat<T>() && op != MUL) {
    let na = v128.ne<T>(a, a), nb = v128.ne<T>(b, b), nc = v128.ne<T>(c, c), nd = v128.ne<T>(d, d);
    for (let i = n; i > 1; i--) {
      p += rs;
      const q = v128.load(p), r = v128.load(p, 16);
      a = extreme<T>(op, a, q);
      na = v128.or(na, v128.ne<T>(q, q));
      b = extreme<T>(op, b, r);
      nb = v128.or(nb, v128.ne<T>(r, r));
      const s = v128.load(p, 32), t = v128.load(p, 48);
      c = extreme<T>(op, c, s);
      nc = v128.or(nc, v128.ne<T>(s, s));
      d = extreme<T>(op, d, t);
      nd = v128.or(nd, v128.ne<T>(t, t));
    }
    // All ones are a NaN.
    a = v128.or(a, na);
    b = v128.or(b, nb);
    c = v128.or(c, nc);
    d = v128.or(d, nd);
  } else {
    for (let i = n; i > 1; i--) {
      p += rs;
      a = vector<T>(op, a, v128.load(p));
      b = vector<T>(op, b, v128.load(p, 16));
      c = vector<T>(op, c, v128.load(p, 32));
      d = vector<T>(op, d, v128.load(p, 48));
    }
  }
  v128.store(out, a);
  v128.store(out, b, 16);
  v128.store(out, c, 32);
  v128.store(out, d, 48);
}

/** Columns of other reductions. */
@inline
function columns<T>(op: i32, n: i32, width: i32, x: usize, rs: usize, out: usize): void {
  const S = sizeof<T>(), V = i32(16 / S);
  let i = 0;
  if (!(S == 1 && op == MUL)) {
    for (; i + 4 * V <= width; i += 4 * V) columns4<T>(op, n, x + usize(i) * S, rs, out + usize(i) * S);
    if (width >= V) {
      for (; i < width; i += V) {
        const at = usize(min(i, width - V)) * S;
        let p = x + at;
        let a = v128.load(p);
        for (let k = n; k > 1; k--) {
          p += rs;
          a = vector<T>(op, a, v128.load(p));
        }
        v128.store(out + at, a);
      }
      return;
    }
  }
  for (; i < width; i++) {
    let p = x + usize(i) * S;
    let r = load<T>(p);
    for (let k = n; k > 1; k--) {
      p += rs;
      r = scalar<T>(op, r, load<T>(p));
    }
    store<T>(out + usize(i) * S, r);
  }
}

@inline
function reduce<T>(op: i32, outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  const S = sizeof<T>();
  const floatSum = isFloat<T>() && op == ADD;
  const rs = usize(inner) * S;
  for (let o = 0; o < outer; o++, out += rs) {
    if (n == 0) {
      for (let i = 0; i < inner; i++) store<T>(out + usize(i) * S, identity<T>(op));
    } else if (inner == 1) {
      if (floatSum) store<T>(out, sumLine<T>(n, x));
      else {
        let r = identity<T>(op);
        let rest = n;
        let p = x;
        for (; rest > CHUNK; rest -= CHUNK, p += CHUNK * S) r = line<T>(op, CHUNK, p, r);
        store<T>(out, line<T>(op, rest, p, r));
      }
    } else if (floatSum) {
      sumColumns<T>(n, inner, x, rs, out);
    } else {
      columns<T>(op, n, inner, x, rs, out);
    }
    x += usize(n) * rs;
  }
}

/**
 * Sums over the middle axis of x[outer, n, inner] into out[outer, inner]. No elements give the identity.
 * i32 serves u32 where the sign does not matter; and, or, xor of u8 serve bool.
 */
export function reduce_sum_f32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<f32>(ADD, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_sum_f64(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<f64>(ADD, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_sum_i32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<i32>(ADD, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_sum_i64(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<i64>(ADD, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_sum_u8(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<u8>(ADD, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_prod_f32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<f32>(MUL, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_prod_f64(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<f64>(MUL, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_prod_i32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<i32>(MUL, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_prod_i64(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<i64>(MUL, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_prod_u8(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<u8>(MUL, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_max_f32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<f32>(MAX, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_max_f64(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<f64>(MAX, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_max_i32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<i32>(MAX, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_max_i64(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<i64>(MAX, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_max_u32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<u32>(MAX, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_max_u8(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<u8>(MAX, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_min_f32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<f32>(MIN, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_min_f64(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<f64>(MIN, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_min_i32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<i32>(MIN, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_min_i64(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<i64>(MIN, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_min_u32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<u32>(MIN, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_min_u8(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<u8>(MIN, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_and_i32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<i32>(AND, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_and_i64(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<i64>(AND, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_and_u8(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<u8>(AND, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_or_i32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<i32>(OR, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_or_i64(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<i64>(OR, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_or_u8(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<u8>(OR, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_xor_i32(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<i32>(XOR, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_xor_i64(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<i64>(XOR, outer, n, inner, x, out);
}

/** As reduce_sum_f32. */
export function reduce_xor_u8(outer: i32, n: i32, inner: i32, x: usize, out: usize): void {
  reduce<u8>(XOR, outer, n, inner, x, out);
}

