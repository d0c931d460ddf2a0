/**
 * Division of int32 lanes that are not negative by a constant. There is no instruction for division of lanes;
 * multiplying by a reciprocal in 64 bits is exact for all 31-bit numbers.
 *
 * T. Granlund, P. L. Montgomery: Division by invariant integers using multiplication (PLDI 1994).
 *
 * @module
 */
import type { Ref } from "./assembler.ts";
import type { FunctionBuilder, Value } from "./function.ts";

/** `x / divisor` or `x % divisor` in lanes; `divisor` is positive, and no lane is negative or above `high`. */
export function vectorDivision(
  fn: FunctionBuilder,
  op: "div" | "rem",
  x: Value,
  divisor: number,
  high: number,
): Ref {
  const { asm } = fn;
  if (high < divisor) return op === "rem" ? fn.get(x) : fn.splat("i32", 0);
  if ((divisor & (divisor - 1)) === 0) {
    if (op === "rem") return asm.op2("v128.and", fn.get(x), fn.splat("i32", divisor - 1));
    return asm.op2("i32x4.shr_u", fn.get(x), asm.i32(31 - Math.clz32(divisor)));
  }
  // With 2^shift / divisor rounded up to m, the error of x * m is below 2^shift as long as x < 2^31.
  const shift = 31 + Math.ceil(Math.log2(divisor));
  const m = (1n << BigInt(shift)) / BigInt(divisor) + 1n;
  const a = fn.reuse(x);
  const reciprocal = Number(BigInt.asIntN(32, m));
  const part = (half: "low" | "high") => {
    const product = asm.op2(
      `i64x2.extmul_${half}_i32x4_u`,
      fn.get(a),
      fn.splat("i32", reciprocal),
    );
    return asm.op2("i64x2.shr_u", product, asm.i32(shift));
  };
  const lowWords = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];
  const quotient = asm.shuffle(part("low"), part("high"), lowWords);
  if (op === "div") return quotient;
  const multiple = asm.op2("i32x4.mul", quotient, fn.splat("i32", divisor));
  return asm.op2("i32x4.sub", fn.get(a), multiple);
}
