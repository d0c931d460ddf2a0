// Comparisons and selection: results and conditions are bytes of 0 or 1.
import { EQ, GE, GT, LE, LT, NE } from "./opcodes";

/** Elements for one call of a loop. */
const CHUNK: i32 = 4096;

@inline
function compare2<T>(op: i32, x: v128, y: v128): v128 {
  if (op == EQ) return v128.eq<T>(x, y);
  if (op == NE) return v128.ne<T>(x, y);
  if (sizeof<T>() == 8 && !isFloat<T>()) {
    // There is only a signed order of 64-bit lanes.
    if (op == LT) return i64x2.lt_s(x, y);
    if (op == LE) return i64x2.le_s(x, y);
    if (op == GT) return i64x2.gt_s(x, y);
    return i64x2.ge_s(x, y);
  }
  if (op == LT) return v128.lt<T>(x, y);
  if (op == LE) return v128.le<T>(x, y);
  if (op == GT) return v128.gt<T>(x, y);
  return v128.ge<T>(x, y);
}

/** Two masks of 64-bit lanes as one of 32-bit lanes. */
@inline
function halve(x: v128, y: v128): v128 {
  return v128.shuffle<i32>(x, y, 0, 2, 4, 6);
}

/** The mask of vector `i` of operands of which `as` and `bs` say whether they move on. */
@inline
function at<T>(op: i32, a: usize, as: i32, x: v128, b: usize, bs: i32, y: v128, i: usize): v128 {
  return compare2<T>(op, as ? v128.load(a + 16 * i) : x, bs ? v128.load(b + 16 * i) : y);
}

/** The masks of 8 elements, in lanes of 16 bits. */
@inline
function eight<T>(op: i32, a: usize, as: i32, x: v128, b: usize, bs: i32, y: v128, i: usize): v128 {
  if (sizeof<T>() == 4) {
    return i16x8.narrow_i32x4_s(
      at<T>(op, a, as, x, b, bs, y, i),
      at<T>(op, a, as, x, b, bs, y, i + 1),
    );
  }
  return i16x8.narrow_i32x4_s(
    halve(at<T>(op, a, as, x, b, bs, y, i), at<T>(op, a, as, x, b, bs, y, i + 1)),
    halve(at<T>(op, a, as, x, b, bs, y, i + 2), at<T>(op, a, as, x, b, bs, y, i + 3)),
  );
}

@inline
function scalarCompare<T>(op: i32, x: T, y: T): bool {
  if (op == EQ) return x == y;
  if (op == NE) return x != y;
  if (op == LT) return x < y;
  if (op == LE) return x <= y;
  if (op == GT) return x > y;
  return x >= y;
}

@inline
function loop<T>(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  const S = sizeof<T>();
  const da = select<usize>(16 * S, 0, as), db = select<usize>(16 * S, 0, bs);
  const x = v128.splat<T>(load<T>(a)), y = v128.splat<T>(load<T>(b));
  for (; n >= 16; n -= 16) {
    let m: v128;
    if (S == 1) m = at<T>(op, a, as, x, b, bs, y, 0);
    else {
      const step: usize = S == 4 ? 2 : 4;
      m = i8x16.narrow_i16x8_s(
        eight<T>(op, a, as, x, b, bs, y, 0),
        eight<T>(op, a, as, x, b, bs, y, step),
      );
    }
    v128.store(out, v128.and(m, i8x16.splat(1)));
    a += da;
    b += db;
    out += 16;
  }
  const ea = select<usize>(S, 0, as), eb = select<usize>(S, 0, bs);
  for (; n > 0; n--) {
    store<u8>(out, u8(scalarCompare<T>(op, load<T>(a), load<T>(b))));
    a += ea;
    b += eb;
    out++;
  }
}

function eq<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  loop<T>(EQ, n, a, as, b, bs, out);
}
function ne<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  loop<T>(NE, n, a, as, b, bs, out);
}
function lt<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  loop<T>(LT, n, a, as, b, bs, out);
}
function le<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  loop<T>(LE, n, a, as, b, bs, out);
}

@inline
function chunk<T>(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  // a > b is b < a, NaN included.
  if (op == GT) lt<T>(n, b, bs, a, as, out);
  else if (op == GE) le<T>(n, b, bs, a, as, out);
  else if (op == LT) lt<T>(n, a, as, b, bs, out);
  else if (op == LE) le<T>(n, a, as, b, bs, out);
  else if (op == EQ) eq<T>(n, a, as, b, bs, out);
  else ne<T>(n, a, as, b, bs, out);
}

@inline
function chunks<T>(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  for (; n > CHUNK; n -= CHUNK, out += CHUNK) {
    chunk<T>(op, CHUNK, a, as, b, bs, out);
    a += select<usize>(sizeof<T>() * CHUNK, 0, as);
    b += select<usize>(sizeof<T>() * CHUNK, 0, bs);
  }
  if (n > 0) chunk<T>(op, n, a, as, b, bs, out);
}

/** out[i] = op(a[i · as], b[i · bs]) as a byte; strides are 0 or 1 element. */
export function compare_f32(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  chunks<f32>(op, n, a, as, b, bs, out);
}

/** As compare_f32. */
export function compare_f64(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  chunks<f64>(op, n, a, as, b, bs, out);
}

/** As compare_f32. */
export function compare_i32(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  chunks<i32>(op, n, a, as, b, bs, out);
}

/** As compare_f32. */
export function compare_u32(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  chunks<u32>(op, n, a, as, b, bs, out);
}

/** As compare_f32. */
export function compare_i64(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  chunks<i64>(op, n, a, as, b, bs, out);
}

/** As compare_f32; bool too. */
export function compare_u8(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  chunks<u8>(op, n, a, as, b, bs, out);
}

/** A mask of lanes of `T` from as many condition bytes. */
@inline
function mask<T>(c: usize): v128 {
  if (sizeof<T>() == 1) return i8x16.ne(v128.load(c), i8x16.splat(0));
  if (sizeof<T>() == 2) {
    return i16x8.ne(i16x8.extend_low_i8x16_u(v128.load64_zero(c)), i16x8.splat(0));
  }
  if (sizeof<T>() == 4) {
    const wide = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(c)));
    return i32x4.ne(wide, i32x4.splat(0));
  }
  return i64x2.replace_lane(i64x2.splat(-i64(load<u8>(c) != 0)), 1, -i64(load<u8>(c, 1) != 0));
}

function pick<T>(
  n: i32, cond: usize, cs: i32, a: usize, as: i32, b: usize, bs: i32, out: usize,
): void {
  const S = sizeof<T>(), V = i32(16 / S);
  const da = select<usize>(16, 0, as), db = select<usize>(16, 0, bs);
  const dc = select<usize>(V, 0, cs);
  let x = v128.splat<T>(load<T>(a)), y = v128.splat<T>(load<T>(b));
  let m = i8x16.splat(-i8(load<u8>(cond) != 0));
  for (; n >= V; n -= V) {
    if (cs) m = mask<T>(cond);
    if (as) x = v128.load(a);
    if (bs) y = v128.load(b);
    v128.store(out, v128.bitselect(x, y, m));
    a += da;
    b += db;
    cond += dc;
    out += 16;
  }
  const ea = select<usize>(S, 0, as), eb = select<usize>(S, 0, bs), ec = select<usize>(1, 0, cs);
  for (; n > 0; n--) {
    store<T>(out, load<u8>(cond) ? load<T>(a) : load<T>(b));
    a += ea;
    b += eb;
    cond += ec;
    out += S;
  }
}

@inline
function picks<T>(
  n: i32, cond: usize, cs: i32, a: usize, as: i32, b: usize, bs: i32, out: usize,
): void {
  const bytes = sizeof<T>() * CHUNK;
  for (; n > CHUNK; n -= CHUNK, out += bytes) {
    pick<T>(CHUNK, cond, cs, a, as, b, bs, out);
    cond += select<usize>(CHUNK, 0, cs);
    a += select<usize>(bytes, 0, as);
    b += select<usize>(bytes, 0, bs);
  }
  if (n > 0) pick<T>(n, cond, cs, a, as, b, bs, out);
}

/** out[i] = cond[i · cs] ? a[i · as] : b[i · bs], for elements of 1 byte; strides are 0 or 1 element. */
export function select_1(
  n: i32, cond: usize, cs: i32, a: usize, as: i32, b: usize, bs: i32, out: usize,
): void {
  picks<u8>(n, cond, cs, a, as, b, bs, out);
}

/** As select_1, for elements of 2 bytes. */
export function select_2(
  n: i32, cond: usize, cs: i32, a: usize, as: i32, b: usize, bs: i32, out: usize,
): void {
  picks<u16>(n, cond, cs, a, as, b, bs, out);
}

/** As select_1, for elements of 4 bytes. */
export function select_4(
  n: i32, cond: usize, cs: i32, a: usize, as: i32, b: usize, bs: i32, out: usize,
): void {
  picks<u32>(n, cond, cs, a, as, b, bs, out);
}

/** As select_1, for elements of 8 bytes. */
export function select_8(
  n: i32, cond: usize, cs: i32, a: usize, as: i32, b: usize, bs: i32, out: usize,
): void {
  picks<u64>(n, cond, cs, a, as, b, bs, out);
}
