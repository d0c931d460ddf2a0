// Two operands, each contiguous or a single element (stride 0), to a contiguous result; the result may lie where
// an operand of stride 1 does. One function for each operation, so that the engine compiles what is used.
import {
  atan2_f32x4, atan2_f64x2, nextafter_f32x4, nextafter_f64x2, pow_f32x4, pow_f64x2, rem_f32x4, rem_f64x2,
} from "../math";
import { loadTail, storeTail } from "./tail";
import { scalar2 } from "./scalars";
import {
  ADD, AND, ATAN2, DIV, MAX, MIN, MUL, NEXTAFTER, OR, POW, REM, SHL, SHR_ARITHMETIC, SHR_LOGICAL, SUB, XOR,
} from "./opcodes";

/** Elements for one call of a loop: a call that ends lets the engine switch to its optimised code. */
const CHUNK: i32 = 4096;

@inline
function vector2<T>(op: i32, x: v128, y: v128): v128 {
  if (op == ADD) return v128.add<T>(x, y);
  if (op == SUB) return v128.sub<T>(x, y);
  if (sizeof<T>() > 1 && op == MUL) return v128.mul<T>(x, y);
  if (isFloat<T>() && op == DIV) return v128.div<T>(x, y);
  if (isFloat<T>()) {
    if (op == REM) return sizeof<T>() == 4 ? rem_f32x4(x, y) : rem_f64x2(x, y);
    if (op == POW) return sizeof<T>() == 4 ? pow_f32x4(x, y) : pow_f64x2(x, y);
    if (op == ATAN2) return sizeof<T>() == 4 ? atan2_f32x4(x, y) : atan2_f64x2(x, y);
    if (op == NEXTAFTER) return sizeof<T>() == 4 ? nextafter_f32x4(x, y) : nextafter_f64x2(x, y);
  }
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
function loop<T>(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  const V = i32(16 / sizeof<T>());
  const da = select<usize>(16, 0, as), db = select<usize>(16, 0, bs);
  let x = v128.splat<T>(load<T>(a)), y = v128.splat<T>(load<T>(b));
  for (; n >= V; n -= V) {
    if (as) x = v128.load(a);
    if (bs) y = v128.load(b);
    v128.store(out, vector2<T>(op, x, y));
    a += da;
    b += db;
    out += 16;
  }
  if (n > 0) {
    if (as) x = loadTail<T>(a, n);
    if (bs) y = loadTail<T>(b, n);
    storeTail<T>(out, vector2<T>(op, x, y), n);
  }
}

@inline
function scalarLoop<T>(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  const da = select<usize>(sizeof<T>(), 0, as), db = select<usize>(sizeof<T>(), 0, bs);
  for (; n > 0; n--) {
    store<T>(out, scalar2<T>(op, load<T>(a), load<T>(b)));
    a += da;
    b += db;
    out += sizeof<T>();
  }
}

function add<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  loop<T>(ADD, n, a, as, b, bs, out);
}
function sub<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  loop<T>(SUB, n, a, as, b, bs, out);
}
function mul<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  if (sizeof<T>() == 1) scalarLoop<T>(MUL, n, a, as, b, bs, out);
  else loop<T>(MUL, n, a, as, b, bs, out);
}
function div<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  if (isFloat<T>()) loop<T>(DIV, n, a, as, b, bs, out);
  else scalarLoop<T>(DIV, n, a, as, b, bs, out);
}
function rem<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  if (isFloat<T>()) loop<T>(REM, n, a, as, b, bs, out);
  else scalarLoop<T>(REM, n, a, as, b, bs, out);
}
function pow<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  if (isFloat<T>()) loop<T>(POW, n, a, as, b, bs, out);
  else scalarLoop<T>(POW, n, a, as, b, bs, out);
}
function atan2<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  loop<T>(ATAN2, n, a, as, b, bs, out);
}
function minimum<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  loop<T>(MIN, n, a, as, b, bs, out);
}
function maximum<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  loop<T>(MAX, n, a, as, b, bs, out);
}
function and<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  loop<T>(AND, n, a, as, b, bs, out);
}
function or<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  loop<T>(OR, n, a, as, b, bs, out);
}
function xor<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  loop<T>(XOR, n, a, as, b, bs, out);
}
function shl<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  scalarLoop<T>(SHL, n, a, as, b, bs, out);
}
function shrLogical<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  scalarLoop<T>(SHR_LOGICAL, n, a, as, b, bs, out);
}
function shrArithmetic<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  scalarLoop<T>(SHR_ARITHMETIC, n, a, as, b, bs, out);
}
function nextafter<T>(n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): void {
  loop<T>(NEXTAFTER, n, a, as, b, bs, out);
}

/** Two uses of it keep binaryen from inlining every loop into one huge function. */
@inline
function floats<T>(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): i32 {
  switch (op) {
    case ADD: add<T>(n, a, as, b, bs, out); return 1;
    case SUB: sub<T>(n, a, as, b, bs, out); return 1;
    case MUL: mul<T>(n, a, as, b, bs, out); return 1;
    case DIV: div<T>(n, a, as, b, bs, out); return 1;
    case REM: rem<T>(n, a, as, b, bs, out); return 1;
    case POW: pow<T>(n, a, as, b, bs, out); return 1;
    case ATAN2: atan2<T>(n, a, as, b, bs, out); return 1;
    case MIN: minimum<T>(n, a, as, b, bs, out); return 1;
    case MAX: maximum<T>(n, a, as, b, bs, out); return 1;
    case NEXTAFTER: nextafter<T>(n, a, as, b, bs, out); return 1;
    default: return 0;
  }
}

/** What does not depend on the sign is shared: `U` is the type of the same width that computes it. */
@inline
function integers<T, U>(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): i32 {
  switch (op) {
    case ADD: add<U>(n, a, as, b, bs, out); return 1;
    case SUB: sub<U>(n, a, as, b, bs, out); return 1;
    case MUL: mul<U>(n, a, as, b, bs, out); return 1;
    case DIV: div<T>(n, a, as, b, bs, out); return 1;
    case REM: rem<T>(n, a, as, b, bs, out); return 1;
    case POW: pow<T>(n, a, as, b, bs, out); return 1;
    case MIN: minimum<T>(n, a, as, b, bs, out); return 1;
    case MAX: maximum<T>(n, a, as, b, bs, out); return 1;
    case AND: and<U>(n, a, as, b, bs, out); return 1;
    case OR: or<U>(n, a, as, b, bs, out); return 1;
    case XOR: xor<U>(n, a, as, b, bs, out); return 1;
    case SHL: shl<U>(n, a, as, b, bs, out); return 1;
    case SHR_LOGICAL: shrLogical<U>(n, a, as, b, bs, out); return 1;
    case SHR_ARITHMETIC: shrArithmetic<U>(n, a, as, b, bs, out); return 1;
    default: return 0;
  }
}

/** One byte, 0 or 1. */
@inline
function bools(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): i32 {
  switch (op) {
    case MUL:
    case MIN:
    case AND: and<u8>(n, a, as, b, bs, out); return 1;
    case ADD:
    case MAX:
    case OR: or<u8>(n, a, as, b, bs, out); return 1;
    case XOR: xor<u8>(n, a, as, b, bs, out); return 1;
    default: return 0;
  }
}

/**
 * out[i] = op(a[i · as], b[i · bs]) for 0 <= i < n; strides are 0 or 1 element. Returns 0, having done nothing,
 * where the dtype has no such operation here.
 */
export function binary_f32(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): i32 {
  for (; n > CHUNK; n -= CHUNK, out += 4 * CHUNK) {
    if (!floats<f32>(op, CHUNK, a, as, b, bs, out)) return 0;
    a += select<usize>(4 * CHUNK, 0, as);
    b += select<usize>(4 * CHUNK, 0, bs);
  }
  return n <= 0 ? 1 : floats<f32>(op, n, a, as, b, bs, out);
}

/** As binary_f32. */
export function binary_f64(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): i32 {
  for (; n > CHUNK; n -= CHUNK, out += 8 * CHUNK) {
    if (!floats<f64>(op, CHUNK, a, as, b, bs, out)) return 0;
    a += select<usize>(8 * CHUNK, 0, as);
    b += select<usize>(8 * CHUNK, 0, bs);
  }
  return n <= 0 ? 1 : floats<f64>(op, n, a, as, b, bs, out);
}

/** As binary_f32. */
export function binary_i32(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): i32 {
  for (; n > CHUNK; n -= CHUNK, out += 4 * CHUNK) {
    if (!integers<i32, u32>(op, CHUNK, a, as, b, bs, out)) return 0;
    a += select<usize>(4 * CHUNK, 0, as);
    b += select<usize>(4 * CHUNK, 0, bs);
  }
  return n <= 0 ? 1 : integers<i32, u32>(op, n, a, as, b, bs, out);
}

/** As binary_f32. */
export function binary_u32(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): i32 {
  for (; n > CHUNK; n -= CHUNK, out += 4 * CHUNK) {
    if (!integers<u32, u32>(op, CHUNK, a, as, b, bs, out)) return 0;
    a += select<usize>(4 * CHUNK, 0, as);
    b += select<usize>(4 * CHUNK, 0, bs);
  }
  return n <= 0 ? 1 : integers<u32, u32>(op, n, a, as, b, bs, out);
}

/** As binary_f32. */
export function binary_i64(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): i32 {
  for (; n > CHUNK; n -= CHUNK, out += 8 * CHUNK) {
    if (!integers<i64, i64>(op, CHUNK, a, as, b, bs, out)) return 0;
    a += select<usize>(8 * CHUNK, 0, as);
    b += select<usize>(8 * CHUNK, 0, bs);
  }
  return n <= 0 ? 1 : integers<i64, i64>(op, n, a, as, b, bs, out);
}

/** As binary_f32. */
export function binary_u8(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): i32 {
  for (; n > CHUNK; n -= CHUNK, out += CHUNK) {
    if (!integers<u8, u8>(op, CHUNK, a, as, b, bs, out)) return 0;
    a += select<usize>(CHUNK, 0, as);
    b += select<usize>(CHUNK, 0, bs);
  }
  return n <= 0 ? 1 : integers<u8, u8>(op, n, a, as, b, bs, out);
}

/** As binary_f32. */
export function binary_bool(op: i32, n: i32, a: usize, as: i32, b: usize, bs: i32, out: usize): i32 {
  for (; n > CHUNK; n -= CHUNK, out += CHUNK) {
    if (!bools(op, CHUNK, a, as, b, bs, out)) return 0;
    a += select<usize>(CHUNK, 0, as);
    b += select<usize>(CHUNK, 0, bs);
  }
  return n <= 0 ? 1 : bools(op, n, a, as, b, bs, out);
}
