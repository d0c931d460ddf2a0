/**
 * Dtypes that are only stored: what a value of theirs is in a register, and how it is widened and narrowed.
 *
 * In a register it is what memory holds, in an i32 or in a lane of 4 bytes: integers extended by their sign, floats as their
 * 16 bits, zeros above. A conversion of floats is the same few integer operations in all lanes, without a branch.
 *
 * @module
 */
import { bfloat16Bits, type DType, dtypeInfo, isStored } from "../../core/dtype.ts";
import { InternalError } from "../../errors.ts";
import type { Ref } from "./assembler.ts";
import type { FunctionBuilder, Value } from "./function.ts";

/** A constant as a register holds it. */
export function storedConstant(
  dtype: DType,
  value: number | bigint | boolean,
): number | bigint | boolean {
  if (dtype === "bfloat16") return bfloat16Bits(Number(value));
  if (dtype !== "float16") return value;
  return new Uint16Array(new Float16Array([Number(value)]).buffer)[0]!;
}

/** Whether integers of a dtype have a sign to be kept where their width changes. */
function isSigned(dtype: DType): boolean {
  return dtypeInfo(dtype).kind === "signed";
}

/** Cuts an i32 down to the width of a stored integer. */
export function wrapScalar({ asm }: FunctionBuilder, dtype: DType, x: Ref): Ref {
  const bits = 8 * dtypeInfo(dtype).bytes;
  if (isSigned(dtype)) return asm.op1(`i32.extend${bits}_s`, x);
  return asm.op2("i32.and", x, asm.i32(2 ** bits - 1));
}

/** As {@linkcode wrapScalar}, in lanes of 4 bytes. */
export function wrapVector(fn: FunctionBuilder, dtype: DType, x: Ref): Ref {
  const { asm } = fn;
  const bits = 8 * dtypeInfo(dtype).bytes;
  if (!isSigned(dtype)) return asm.op2("v128.and", x, fn.splat("i32", 2 ** bits - 1));
  const up = asm.i32(32 - bits);
  return asm.op2("i32x4.shr_s", asm.op2("i32x4.shl", x, up), asm.i32(32 - bits));
}

/** A stored value in the dtype that it is computed with in. */
export function widenVector(fn: FunctionBuilder, dtype: DType, x: Value): Ref {
  if (dtype === "bfloat16") return fn.asm.op2("i32x4.shl", fn.get(x), fn.asm.i32(16));
  return dtype === "float16" ? singleOfHalf(fn, x) : fn.get(x);
}

/** A value of the wider dtype as a stored one: wrapped, or rounded to nearest even. */
export function narrowVector(fn: FunctionBuilder, dtype: DType, x: Value): Ref {
  if (dtype === "bfloat16") return bfloat16OfSingle(fn, x);
  return dtype === "float16" ? halfOfSingle(fn, x) : wrapVector(fn, dtype, fn.get(x));
}

/** As {@linkcode widenVector}, of one value. */
export function widenScalar(fn: FunctionBuilder, dtype: DType, x: Value): Ref {
  const { asm } = fn;
  if (dtype === "bfloat16") {
    return asm.op1("f32.reinterpret_i32", asm.op2("i32.shl", fn.get(x), asm.i32(16)));
  }
  if (dtype !== "float16") return fn.get(x);
  const lanes = fn.keep("v128", asm.op1("i32x4.splat", fn.get(x)));
  return asm.op2("f32x4.extract_lane", singleOfHalf(fn, lanes), 0);
}

/** As {@linkcode narrowVector}, of one value. */
export function narrowScalar(fn: FunctionBuilder, dtype: DType, x: Value): Ref {
  const { asm } = fn;
  if (dtype !== "bfloat16" && dtype !== "float16") return wrapScalar(fn, dtype, fn.get(x));
  const lanes = fn.keep("v128", asm.op1("f32x4.splat", fn.get(x)));
  return asm.op2("i32x4.extract_lane", narrowVector(fn, dtype, lanes), 0);
}

/** How many bits of a float32's mantissa a float16 lacks. */
const lostBits = 13;

function singleOfHalf(fn: FunctionBuilder, value: Value): Ref {
  const { asm } = fn;
  const x = fn.reuse(value);
  // The sign drawn out on the left of the exponent, then cut off but for its first bit.
  const high = asm.op2("i32x4.shl", fn.get(x), asm.i32(16));
  const moved = asm.op2("i32x4.shr_s", high, asm.i32(16 - lostBits));
  const bits = asm.op2("v128.and", moved, fn.splat("i32", 0x8fffe000));
  // The exponent's bias is 112 more; a product gets that right for subnormal numbers too, and is exact.
  const scaled = fn.keep("v128", asm.op2("f32x4.mul", bits, fn.splat("f32", 2 ** 112)));
  // A NaN keeps its digits: they are in the product's too, below the exponent that is overwritten.
  const top = asm.op2(
    "f32x4.ge",
    asm.op1("f32x4.abs", fn.get(scaled)),
    fn.splat("f32", 2 ** 16),
  );
  const special = asm.op2("v128.and", top, fn.splat("i32", 0x7f800000));
  return asm.op2("v128.or", fn.get(scaled), special);
}

/** What is added to the bits of a power of two such that it becomes the one whose last place is the last of a float16 of that size. */
const lastPlace = lostBits << 23;

function halfOfSingle(fn: FunctionBuilder, value: Value): Ref {
  const { asm } = fn;
  const x = fn.reuse(value);
  const splat = (n: number) => fn.splat("i32", n);
  // From 2^16 on infinity; a NaN for now, too.
  const abs = asm.op2("v128.and", fn.get(x), splat(0x7fffffff));
  const size = fn.keep("v128", asm.op2("i32x4.min_s", abs, splat(0x47800000)));
  // The power of two below, or that of the smallest normal number.
  const exponent = asm.op2("v128.and", fn.get(size), splat(0x7f800000));
  const power = fn.keep("v128", asm.op2("i32x4.max_s", exponent, splat(0x38800000)));
  // Rounding happens in a sum whose last place is the one wanted; what the sum has beyond the power are the digits.
  const raised = asm.op2("i32x4.add", fn.get(power), splat(lastPlace));
  const sum = asm.op2("f32x4.add", fn.get(size), raised);
  const digits = asm.op2("i32x4.sub", sum, fn.get(power));
  const scale = asm.op2("i32x4.shr_u", fn.get(power), asm.i32(lostBits));
  const bias = splat(-(lastPlace + ((0x38800000 >>> lostBits) | 0)));
  const number = asm.op2("i32x4.add", asm.op2("i32x4.add", digits, scale), bias);
  // A quiet NaN of every NaN: infinity has the other bits.
  const isNaN = asm.op2("f32x4.ne", fn.get(x), fn.get(x));
  const quiet = asm.op2("v128.or", number, asm.op2("v128.and", isNaN, splat(0x200)));
  const sign = asm.op2("i32x4.shr_u", fn.get(x), asm.i32(16));
  return asm.op2("v128.or", quiet, asm.op2("v128.and", sign, splat(0x8000)));
}

/** Lanes of float32 rounded to float16, still as float32: what narrowing and widening them gives. */
export function roundedToHalf(fn: FunctionBuilder, value: Value): Ref {
  const { asm } = fn;
  const x = fn.reuse(value);
  const splat = (n: number) => fn.splat("i32", n);
  const exponent = asm.op2("v128.and", fn.get(x), splat(0x7f800000));
  const most = asm.op2("i32x4.min_s", exponent, splat(0x48000000));
  const power = asm.op2("i32x4.max_s", most, splat(0x38800000));
  // One and a half times the power of two that the sum is to lie at, so that it does for either sign.
  const raised = fn.keep("v128", asm.op2("i32x4.add", power, splat(lastPlace + (1 << 22))));
  const sum = asm.op2("f32x4.add", fn.get(x), fn.get(raised));
  const rounded = asm.op2("f32x4.sub", sum, fn.get(raised));
  // From 2^16 on infinity: the largest float32 is below 2^128.
  const scaled = asm.op2("f32x4.mul", rounded, fn.splat("f32", 2 ** 112));
  const finite = asm.op2("f32x4.mul", scaled, fn.splat("f32", 2 ** -112));
  // The sum has lost the sign of what became zero.
  return asm.op2("v128.or", finite, asm.op2("v128.and", fn.get(x), fn.splat("f32", -0)));
}

function bfloat16OfSingle(fn: FunctionBuilder, value: Value): Ref {
  const { asm } = fn;
  const x = fn.reuse(value);
  const splat = (n: number) => fn.splat("i32", n);
  const upper = fn.keep("v128", asm.op2("i32x4.shr_u", fn.get(x), asm.i32(16)));
  const isOdd = asm.op2("v128.and", fn.get(upper), splat(1));
  const nudged = asm.op2("i32x4.add", fn.get(x), asm.op2("i32x4.add", isOdd, splat(0x7fff)));
  const near = asm.op2("i32x4.shr_u", nudged, asm.i32(16));
  const quiet = asm.op2("v128.or", fn.get(upper), splat(0x40));
  const isNaN = asm.op2("f32x4.ne", fn.get(x), fn.get(x));
  return asm.laneselect("i32x4", quiet, near, isNaN);
}

/** The bits of an i32, or of lanes of 4 bytes, read as another stored dtype or uint8 of the same width; `null` where they are what they are. */
export function storedBits(from: DType, to: DType): DType | null {
  if (dtypeInfo(from).bytes !== dtypeInfo(to).bytes) {
    throw new InternalError(`no bitcast from ${from} to ${to}`);
  }
  // Only the sign's extension tells registers of one width apart.
  const isSmall = isStored(to) || to === "uint8";
  return isSmall && isSigned(from) !== isSigned(to) ? to : null;
}
