// Integer operations for which WASM has no vector instruction, one element at a time; XLA's meaning of each edge case.
import { DIV, POW, REM, SHL, SHR_ARITHMETIC, SHR_LOGICAL } from "./opcodes";

/** Integer power by squaring; a negative exponent gives 0 but for 1 and -1. */
function powWhole<T>(x: T, y: T): T {
  if (isSigned<T>() && y < 0) {
    if (x == 1) return 1;
    if (x == -1) return y & 1 ? -1 : 1;
    return 0;
  }
  let result: T = 1;
  while (y) {
    if (y & 1) result = <T> (result * x);
    x = <T> (x * x);
    y = <T> (y >> 1);
  }
  return result;
}

/** `op` is a constant at each use, so that one branch remains. T is an integer. */
@inline
export function scalar2<T>(op: i32, x: T, y: T): T {
  const width: T = <T> (8 * sizeof<T>());
  if (op == DIV) {
    if (y == 0) return <T> -1;
    if (isSigned<T>() && y == -1) return <T> (0 - x);
    return <T> (x / y);
  }
  if (op == REM) {
    if (y == 0) return x;
    if (isSigned<T>() && y == -1) return 0;
    return <T> (x % y);
  }
  if (op == POW) return powWhole<T>(x, y);
  // As unsigned, a negative shift is a large one.
  const inside = sizeof<T>() == 8 ? <u64> y < 64 : <u32> y < <u32> width;
  if (op == SHL) return inside ? <T> (x << y) : 0;
  if (op == SHR_LOGICAL) {
    if (!inside) return 0;
    if (sizeof<T>() == 8) return <T> (<u64> x >> <u64> y);
    if (sizeof<T>() == 4) return <T> (<u32> x >> <u32> y);
    return <T> (<u8> x >> <u8> y);
  }
  if (op == SHR_ARITHMETIC) {
    const by: T = inside ? y : <T> (width - 1);
    if (sizeof<T>() == 8) return <T> (<i64> x >> <i64> by);
    if (sizeof<T>() == 4) return <T> (<i32> x >> <i32> by);
    return <T> (<i8> x >> <i8> by);
  }
  // MUL of bytes: WASM multiplies lanes of 16 bits or more.
  return <T> (x * y);
}
