// One operand, contiguous, to a contiguous result, which may be the operand itself. One function for each operation, so that
// the engine compiles what is used. The elementary functions are those of ../math.
import { loadTail, storeTail } from "./tail";
import {
  acos_f32x4, acos_f64x2, acosh_f32x4, acosh_f64x2, asin_f32x4, asin_f64x2, asinh_f32x4,
  asinh_f64x2, atan_f32x4, atan_f64x2, atanh_f32x4, atanh_f64x2, cbrt_f32x4, cbrt_f64x2, cos_f32x4,
  cos_f64x2, cosh_f32x4, cosh_f64x2, digamma_f32x4, digamma_f64x2, erf_f32x4, erf_f64x2,
  erf_inv_f32x4, erf_inv_f64x2, erfc_f32x4, erfc_f64x2, exp2_f32x4, exp2_f64x2, exp_f32x4,
  exp_f64x2, expm1_f32x4, expm1_f64x2, lgamma_f32x4, lgamma_f64x2, log1p_f32x4, log1p_f64x2,
  log_f32x4, log_f64x2, logistic_f32x4, logistic_f64x2, sin_f32x4, sin_f64x2, sinh_f32x4,
  sinh_f64x2, tan_f32x4, tan_f64x2, tanh_f32x4, tanh_f64x2,
} from "../math";
import {
  ABS, ACOS, ACOSH, ASIN, ASINH, ATAN, ATANH, CBRT, CEIL, CLZ, COS, COSH, DIGAMMA, ERF, ERFC,
  ERF_INV, EXP, EXP2, EXPM1, FLOOR, LGAMMA, LOG, LOG1P, LOGISTIC, NEG, NOT, POPCOUNT, ROUND, RSQRT,
  SIGN, SIN, SINH, SQRT, TAN, TANH,
} from "./opcodes";

/** Elements for one call of a loop. */
const CHUNK: i32 = 4096;

/** `op` is a constant at each use, so that one branch remains. */
@inline
function vector1<T>(op: i32, x: v128): v128 {
  if (op == NEG) return v128.neg<T>(x);
  if (op == NOT) return v128.not(x);
  if (op == ABS) {
    return v128.abs<T>(x);
  }
  if (isInteger<T>()) {
    // SIGN: -(x > 0) is 1 where it is true, (x < 0) is -1.
    const zero = i32x4.splat(0);
    return v128.sub<T>(v128.lt<T>(x, zero), v128.gt<T>(x, zero));
  }
  if (op == SIGN) {
    // 1 with the sign of x; zeros and NaN stay.
    const bit = v128.splat<T>(<T> -0.0);
    const one = v128.or(v128.and(x, bit), v128.splat<T>(1));
    return v128.bitselect(one, x, v128.gt<T>(v128.abs<T>(x), v128.splat<T>(0)));
  }
  if (op == FLOOR) return v128.floor<T>(x);
  if (op == CEIL) return v128.ceil<T>(x);
  if (op == ROUND) return v128.nearest<T>(x);
  if (op == SQRT) return v128.sqrt<T>(x);
  if (op == RSQRT) return v128.div<T>(v128.splat<T>(1), v128.sqrt<T>(x));
  if (op == CBRT) return sizeof<T>() == 4 ? cbrt_f32x4(x) : cbrt_f64x2(x);
  if (op == EXP) return sizeof<T>() == 4 ? exp_f32x4(x) : exp_f64x2(x);
  if (op == EXP2) return sizeof<T>() == 4 ? exp2_f32x4(x) : exp2_f64x2(x);
  if (op == EXPM1) return sizeof<T>() == 4 ? expm1_f32x4(x) : expm1_f64x2(x);
  if (op == LOG) return sizeof<T>() == 4 ? log_f32x4(x) : log_f64x2(x);
  if (op == LOG1P) return sizeof<T>() == 4 ? log1p_f32x4(x) : log1p_f64x2(x);
  if (op == LOGISTIC) return sizeof<T>() == 4 ? logistic_f32x4(x) : logistic_f64x2(x);
  if (op == SIN) return sizeof<T>() == 4 ? sin_f32x4(x) : sin_f64x2(x);
  if (op == COS) return sizeof<T>() == 4 ? cos_f32x4(x) : cos_f64x2(x);
  if (op == TAN) return sizeof<T>() == 4 ? tan_f32x4(x) : tan_f64x2(x);
  if (op == ASIN) return sizeof<T>() == 4 ? asin_f32x4(x) : asin_f64x2(x);
  if (op == ACOS) return sizeof<T>() == 4 ? acos_f32x4(x) : acos_f64x2(x);
  if (op == ATAN) return sizeof<T>() == 4 ? atan_f32x4(x) : atan_f64x2(x);
  if (op == SINH) return sizeof<T>() == 4 ? sinh_f32x4(x) : sinh_f64x2(x);
  if (op == COSH) return sizeof<T>() == 4 ? cosh_f32x4(x) : cosh_f64x2(x);
  if (op == TANH) return sizeof<T>() == 4 ? tanh_f32x4(x) : tanh_f64x2(x);
  if (op == ASINH) return sizeof<T>() == 4 ? asinh_f32x4(x) : asinh_f64x2(x);
  if (op == ACOSH) return sizeof<T>() == 4 ? acosh_f32x4(x) : acosh_f64x2(x);
  if (op == ATANH) return sizeof<T>() == 4 ? atanh_f32x4(x) : atanh_f64x2(x);
  if (op == ERF) return sizeof<T>() == 4 ? erf_f32x4(x) : erf_f64x2(x);
  if (op == ERFC) return sizeof<T>() == 4 ? erfc_f32x4(x) : erfc_f64x2(x);
  if (op == ERF_INV) return sizeof<T>() == 4 ? erf_inv_f32x4(x) : erf_inv_f64x2(x);
  if (op == LGAMMA) return sizeof<T>() == 4 ? lgamma_f32x4(x) : lgamma_f64x2(x);
  if (op == DIGAMMA) return sizeof<T>() == 4 ? digamma_f32x4(x) : digamma_f64x2(x);
  return x;
}

@inline
function loop<T>(op: i32, n: i32, x: usize, out: usize): void {
  const V = i32(16 / sizeof<T>());
  for (; n >= V; n -= V, x += 16, out += 16) v128.store(out, vector1<T>(op, v128.load(x)));
  if (n > 0) storeTail<T>(out, vector1<T>(op, loadTail<T>(x, n)), n);
}

@inline
function bitLoop<T>(op: i32, n: i32, x: usize, out: usize): void {
  for (; n > 0; n--, x += sizeof<T>(), out += sizeof<T>()) {
    const v = load<T>(x);
    if (op == POPCOUNT) store<T>(out, sizeof<T>() == 8 ? <T> popcnt<u64>(<u64> v) : <T> popcnt<u32>(<u32> v));
    else if (sizeof<T>() == 8) store<T>(out, <T> clz<u64>(<u64> v));
    else store<T>(out, <T> (clz<u32>(<u32> v) - (32 - 8 * i32(sizeof<T>()))));
  }
}

function mapNeg<T>(n: i32, x: usize, out: usize): void {
  loop<T>(NEG, n, x, out);
}
function mapAbs<T>(n: i32, x: usize, out: usize): void {
  loop<T>(ABS, n, x, out);
}
function mapSign<T>(n: i32, x: usize, out: usize): void {
  loop<T>(SIGN, n, x, out);
}
function mapFloor<T>(n: i32, x: usize, out: usize): void {
  loop<T>(FLOOR, n, x, out);
}
function mapCeil<T>(n: i32, x: usize, out: usize): void {
  loop<T>(CEIL, n, x, out);
}
function mapRound<T>(n: i32, x: usize, out: usize): void {
  loop<T>(ROUND, n, x, out);
}
function mapNot<T>(n: i32, x: usize, out: usize): void {
  loop<T>(NOT, n, x, out);
}
function mapSqrt<T>(n: i32, x: usize, out: usize): void {
  loop<T>(SQRT, n, x, out);
}
function mapRsqrt<T>(n: i32, x: usize, out: usize): void {
  loop<T>(RSQRT, n, x, out);
}
function mapCbrt<T>(n: i32, x: usize, out: usize): void {
  loop<T>(CBRT, n, x, out);
}
function mapExp<T>(n: i32, x: usize, out: usize): void {
  loop<T>(EXP, n, x, out);
}
function mapExp2<T>(n: i32, x: usize, out: usize): void {
  loop<T>(EXP2, n, x, out);
}
function mapExpm1<T>(n: i32, x: usize, out: usize): void {
  loop<T>(EXPM1, n, x, out);
}
function mapLog<T>(n: i32, x: usize, out: usize): void {
  loop<T>(LOG, n, x, out);
}
function mapLog1p<T>(n: i32, x: usize, out: usize): void {
  loop<T>(LOG1P, n, x, out);
}
function mapLogistic<T>(n: i32, x: usize, out: usize): void {
  loop<T>(LOGISTIC, n, x, out);
}
function mapSin<T>(n: i32, x: usize, out: usize): void {
  loop<T>(SIN, n, x, out);
}
function mapCos<T>(n: i32, x: usize, out: usize): void {
  loop<T>(COS, n, x, out);
}
function mapTan<T>(n: i32, x: usize, out: usize): void {
  loop<T>(TAN, n, x, out);
}
function mapAsin<T>(n: i32, x: usize, out: usize): void {
  loop<T>(ASIN, n, x, out);
}
function mapAcos<T>(n: i32, x: usize, out: usize): void {
  loop<T>(ACOS, n, x, out);
}
function mapAtan<T>(n: i32, x: usize, out: usize): void {
  loop<T>(ATAN, n, x, out);
}
function mapSinh<T>(n: i32, x: usize, out: usize): void {
  loop<T>(SINH, n, x, out);
}
function mapCosh<T>(n: i32, x: usize, out: usize): void {
  loop<T>(COSH, n, x, out);
}
function mapTanh<T>(n: i32, x: usize, out: usize): void {
  loop<T>(TANH, n, x, out);
}
function mapAsinh<T>(n: i32, x: usize, out: usize): void {
  loop<T>(ASINH, n, x, out);
}
function mapAcosh<T>(n: i32, x: usize, out: usize): void {
  loop<T>(ACOSH, n, x, out);
}
function mapAtanh<T>(n: i32, x: usize, out: usize): void {
  loop<T>(ATANH, n, x, out);
}
function mapErf<T>(n: i32, x: usize, out: usize): void {
  loop<T>(ERF, n, x, out);
}
function mapErfc<T>(n: i32, x: usize, out: usize): void {
  loop<T>(ERFC, n, x, out);
}
function mapErfInv<T>(n: i32, x: usize, out: usize): void {
  loop<T>(ERF_INV, n, x, out);
}
function mapLgamma<T>(n: i32, x: usize, out: usize): void {
  loop<T>(LGAMMA, n, x, out);
}
function mapDigamma<T>(n: i32, x: usize, out: usize): void {
  loop<T>(DIGAMMA, n, x, out);
}
function mapPopcount<T>(n: i32, x: usize, out: usize): void {
  bitLoop<T>(POPCOUNT, n, x, out);
}
function mapClz<T>(n: i32, x: usize, out: usize): void {
  bitLoop<T>(CLZ, n, x, out);
}

/** Two uses of it keep binaryen from inlining every loop into one huge function. */
@inline
function floats<T>(op: i32, n: i32, x: usize, out: usize): i32 {
  switch (op) {
    case NEG: mapNeg<T>(n, x, out); return 1;
    case ABS: mapAbs<T>(n, x, out); return 1;
    case SIGN: mapSign<T>(n, x, out); return 1;
    case FLOOR: mapFloor<T>(n, x, out); return 1;
    case CEIL: mapCeil<T>(n, x, out); return 1;
    case ROUND: mapRound<T>(n, x, out); return 1;
    case SQRT: mapSqrt<T>(n, x, out); return 1;
    case RSQRT: mapRsqrt<T>(n, x, out); return 1;
    case CBRT: mapCbrt<T>(n, x, out); return 1;
    case EXP: mapExp<T>(n, x, out); return 1;
    case EXP2: mapExp2<T>(n, x, out); return 1;
    case EXPM1: mapExpm1<T>(n, x, out); return 1;
    case LOG: mapLog<T>(n, x, out); return 1;
    case LOG1P: mapLog1p<T>(n, x, out); return 1;
    case LOGISTIC: mapLogistic<T>(n, x, out); return 1;
    case SIN: mapSin<T>(n, x, out); return 1;
    case COS: mapCos<T>(n, x, out); return 1;
    case TAN: mapTan<T>(n, x, out); return 1;
    case ASIN: mapAsin<T>(n, x, out); return 1;
    case ACOS: mapAcos<T>(n, x, out); return 1;
    case ATAN: mapAtan<T>(n, x, out); return 1;
    case SINH: mapSinh<T>(n, x, out); return 1;
    case COSH: mapCosh<T>(n, x, out); return 1;
    case TANH: mapTanh<T>(n, x, out); return 1;
    case ASINH: mapAsinh<T>(n, x, out); return 1;
    case ACOSH: mapAcosh<T>(n, x, out); return 1;
    case ATANH: mapAtanh<T>(n, x, out); return 1;
    case ERF: mapErf<T>(n, x, out); return 1;
    case ERFC: mapErfc<T>(n, x, out); return 1;
    case ERF_INV: mapErfInv<T>(n, x, out); return 1;
    case LGAMMA: mapLgamma<T>(n, x, out); return 1;
    case DIGAMMA: mapDigamma<T>(n, x, out); return 1;
    default: return 0;
  }
}

@inline
function integers<T>(op: i32, n: i32, x: usize, out: usize): i32 {
  switch (op) {
    case NEG: mapNeg<T>(n, x, out); return 1;
    case NOT: mapNot<T>(n, x, out); return 1;
    case POPCOUNT: mapPopcount<T>(n, x, out); return 1;
    case CLZ: mapClz<T>(n, x, out); return 1;
    default: break;
  }
  if (!isSigned<T>()) return 0;
  switch (op) {
    case ABS: mapAbs<T>(n, x, out); return 1;
    case SIGN: mapSign<T>(n, x, out); return 1;
    default: return 0;
  }
}

/**
 * out[i] = op(x[i]) for 0 <= i < n. Returns 0, having done nothing, where the dtype has no such operation here (floor of an
 * integer, abs and sign of an unsigned one, which change nothing or little).
 */
export function unary_f32(op: i32, n: i32, x: usize, out: usize): i32 {
  for (; n > CHUNK; n -= CHUNK, x += 4 * CHUNK, out += 4 * CHUNK) {
    if (!floats<f32>(op, CHUNK, x, out)) return 0;
  }
  return n <= 0 ? 1 : floats<f32>(op, n, x, out);
}

/** As unary_f32. */
export function unary_f64(op: i32, n: i32, x: usize, out: usize): i32 {
  for (; n > CHUNK; n -= CHUNK, x += 8 * CHUNK, out += 8 * CHUNK) {
    if (!floats<f64>(op, CHUNK, x, out)) return 0;
  }
  return n <= 0 ? 1 : floats<f64>(op, n, x, out);
}

/** As unary_f32. */
export function unary_i32(op: i32, n: i32, x: usize, out: usize): i32 {
  for (; n > CHUNK; n -= CHUNK, x += 4 * CHUNK, out += 4 * CHUNK) {
    if (!integers<i32>(op, CHUNK, x, out)) return 0;
  }
  return n <= 0 ? 1 : integers<i32>(op, n, x, out);
}

/** As unary_f32. */
export function unary_u32(op: i32, n: i32, x: usize, out: usize): i32 {
  for (; n > CHUNK; n -= CHUNK, x += 4 * CHUNK, out += 4 * CHUNK) {
    if (!integers<u32>(op, CHUNK, x, out)) return 0;
  }
  return n <= 0 ? 1 : integers<u32>(op, n, x, out);
}

/** As unary_f32. */
export function unary_i64(op: i32, n: i32, x: usize, out: usize): i32 {
  for (; n > CHUNK; n -= CHUNK, x += 8 * CHUNK, out += 8 * CHUNK) {
    if (!integers<i64>(op, CHUNK, x, out)) return 0;
  }
  return n <= 0 ? 1 : integers<i64>(op, n, x, out);
}

/** As unary_f32. */
export function unary_u8(op: i32, n: i32, x: usize, out: usize): i32 {
  for (; n > CHUNK; n -= CHUNK, x += 1 * CHUNK, out += 1 * CHUNK) {
    if (!integers<u8>(op, CHUNK, x, out)) return 0;
  }
  return n <= 0 ? 1 : integers<u8>(op, n, x, out);
}

/** out[i] = 1 - x[i], of bools. */
export function not_bool(n: i32, x: usize, out: usize): void {
  for (; n >= 16; n -= 16, x += 16, out += 16) {
    v128.store(out, v128.xor(v128.load(x), i8x16.splat(1)));
  }
  for (; n > 0; n--, x++, out++) store<u8>(out, load<u8>(x) ^ 1);
}

/** out[i] = 1 where x[i] is neither NaN nor infinite, else 0; bytes. */
export function is_finite_f32(n: i32, x: usize, out: usize): void {
  for (; n > 0; n--, x += 4, out++) store<u8>(out, u8(abs(load<f32>(x)) < f32.POSITIVE_INFINITY));
}

/** As is_finite_f32. */
export function is_finite_f64(n: i32, x: usize, out: usize): void {
  for (; n > 0; n--, x += 8, out++) store<u8>(out, u8(abs(load<f64>(x)) < f64.POSITIVE_INFINITY));
}

@inline
function powers<T>(n: i32, y: i32, x: usize, out: usize): void {
  const V = i32(16 / sizeof<T>());
  const one = v128.splat<T>(1);
  for (; n > 0; n -= V, x += 16, out += 16) {
    let base = n >= V ? v128.load(x) : loadTail<T>(x, n);
    let r = one;
    for (let e = u32(abs(y)); e; e >>= 1) {
      if (e & 1) r = v128.mul<T>(r, base);
      base = v128.mul<T>(base, base);
    }
    if (isFloat<T>() && y < 0) r = v128.div<T>(one, r);
    if (n >= V) v128.store(out, r);
    else storeTail<T>(out, r, n);
  }
}

/** out[i] = x[i] ** y by repeated squaring; a negative y takes the reciprocal. */
export function integer_pow_f32(n: i32, y: i32, x: usize, out: usize): void {
  powers<f32>(n, y, x, out);
}

/** As integer_pow_f32. */
export function integer_pow_f64(n: i32, y: i32, x: usize, out: usize): void {
  powers<f64>(n, y, x, out);
}

/** As integer_pow_f32, for y >= 0; wraps. Serves u32 too. */
export function integer_pow_i32(n: i32, y: i32, x: usize, out: usize): void {
  powers<i32>(n, y, x, out);
}

/** As integer_pow_i32. */
export function integer_pow_i64(n: i32, y: i32, x: usize, out: usize): void {
  powers<i64>(n, y, x, out);
}
