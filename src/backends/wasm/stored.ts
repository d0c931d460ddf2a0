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
  const moved = asm.op2("v128.and", fn.get(x), fn.splat("i32", 0x7fff));
  const size = fn.keep("v128", asm.op2("i32x4.shl", moved, asm.i32(lostBits)));
  // The exponent's bias is 112 more; a product gets that right for subnormal numbers too, and is exact.
  const scaled = asm.op2("f32x4.mul", fn.get(size), fn.splat("f32", 2 ** 112));
  const top = asm.op2("i32x4.ge_s", fn.get(size), fn.splat("i32", 0x7c00 << lostBits));
  const special = asm.op2("v128.and", top, fn.splat("i32", 0x7f800000));
  const number = asm.op2("v128.or", scaled, special);
  // A NaN keeps its digits: they are in the product's too, below the exponent that was just overwritten.
  const sign = asm.op2("v128.and", fn.get(x), fn.splat("i32", 0x8000));
  return asm.op2("v128.or", number, asm.op2("i32x4.shl", sign, asm.i32(16)));
}

function halfOfSingle(fn: FunctionBuilder, value: Value): Ref {
  const { asm } = fn;
  const x = fn.reuse(value);
  const splat = (n: number) => fn.splat("i32", n);
  const size = fn.keep("v128", asm.op2("v128.and", fn.get(x), splat(0x7fffffff)));
  // Normal numbers: the other bias, and half a unit in the last place, less where that place is even.
  const last = asm.op2("i32x4.shr_u", fn.get(size), asm.i32(lostBits));
  const isOdd = asm.op2("v128.and", last, splat(1));
  const nudge = (-112 << 23) + 2 ** (lostBits - 1) - 1;
  const rounded = asm.op2("i32x4.add", asm.op2("i32x4.add", fn.get(size), isOdd), splat(nudge));
  const normal = fn.keep("v128", asm.op2("i32x4.shr_u", rounded, asm.i32(lostBits)));
  // Subnormal ones: a sum with 0.5, whose last place is that of all float16 of such size, rounds as it should.
  const shifted = asm.op2("f32x4.add", fn.get(size), fn.splat("f32", 0.5));
  const small = asm.op2("i32x4.sub", shifted, splat(0x3f000000));
  const isSmall = asm.op2("i32x4.lt_s", fn.get(size), splat(0x38800000));
  const finite = asm.laneselect("i32x4", small, fn.get(normal), isSmall);
  // From 2^16 on infinity, and a quiet NaN of every NaN.
  const isNaN = asm.op2("i32x4.gt_s", fn.get(size), splat(0x7f800000));
  const extra = asm.op2("v128.and", isNaN, splat(0x200));
  const special = asm.op2("v128.or", extra, splat(0x7c00));
  const isSpecial = asm.op2("i32x4.ge_s", fn.get(size), splat(0x47800000));
  const result = asm.laneselect("i32x4", special, finite, isSpecial);
  const sign = asm.op2("i32x4.shr_u", fn.get(x), asm.i32(16));
  return asm.op2("v128.or", result, asm.op2("v128.and", sign, splat(0x8000)));
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
