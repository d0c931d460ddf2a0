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
  if (dtype === "bfloat16") return bfloat16OfSingle(fn, x, false);
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

/** Eight neighbours, 16 bits each, in float32: the first four and the others. */
export function widenEight(fn: FunctionBuilder, dtype: DType, value: Value): [Ref, Ref] {
  const { asm } = fn;
  const x = fn.reuse(value);
  if (dtype === "bfloat16") {
    const zero = () => fn.splat("i32", 0);
    return [
      asm.shuffle(zero(), fn.get(x), firstOfEach),
      asm.shuffle(zero(), fn.get(x), lastOfEach),
    ];
  }
  const splat = (n: number) => fn.splat("i32", n << 16 | n);
  // The bits as in `singleOfHalf`, in two parts of 16 that are put together at the end.
  const moved = asm.op2("i16x8.shr_s", fn.get(x), asm.i32(16 - lostBits));
  const signed = asm.op2("v128.and", moved, splat(0x8fff));
  // What is infinite or NaN gets its exponent here, for all eight: no product changes it.
  const size = asm.op2("v128.and", fn.get(x), splat(0x7fff));
  const isSpecial = asm.op2("i16x8.gt_s", size, splat(0x7bff));
  const top = asm.op2("v128.and", isSpecial, splat(0x7000));
  const upper = fn.keep("v128", asm.op2("v128.or", signed, top));
  const lower = fn.keep("v128", asm.op2("i16x8.shl", fn.get(x), asm.i32(lostBits)));
  const scaled = (order: readonly number[]) => {
    const bits = asm.shuffle(fn.get(lower), fn.get(upper), order);
    return asm.op2("f32x4.mul", bits, fn.splat("f32", 2 ** 112));
  };
  return [scaled(firstOfEach), scaled(lastOfEach)];
}

/** The orders in which lanes of two bytes of two vectors alternate. */
const [firstOfEach, lastOfEach] = [0, 8].map((from) => {
  return Array.from({ length: 16 }, (_, i) => i % 2 + from + 2 * (i >> 2) + 16 * (i >> 1 & 1));
}) as [number[], number[]];

/** Two vectors of float32, rounded to nearest even, as eight neighbours of 16 bits. */
export function narrowEight(
  fn: FunctionBuilder,
  dtype: DType,
  values: readonly [Value, Value],
  isTame: boolean,
): Ref {
  const { asm } = fn;
  if (dtype === "bfloat16") {
    const [x, y] = values.map((value) => bfloat16OfSingle(fn, value, isTame));
    return asm.op2("i16x8.narrow_i32x4_u", x!, y!);
  }
  const [x, y] = values.map((value) => fn.reuse(value)) as [Value, Value];
  // Narrowing saturates, and hence keeps signs.
  const narrow = (x: Ref, y: Ref) => asm.op2("i16x8.narrow_i32x4_s", x, y);
  const sizes = narrow(sizeOfHalf(fn, x), sizeOfHalf(fn, y));
  const signs = asm.op2("v128.and", narrow(fn.get(x), fn.get(y)), fn.splat("i32", 0x80008000 | 0));
  return asm.op2("v128.or", sizes, signs);
}

function halfOfSingle(fn: FunctionBuilder, value: Value): Ref {
  const { asm } = fn;
  const x = fn.reuse(value);
  const sign = asm.op2("i32x4.shr_u", fn.get(x), asm.i32(16));
  const signBit = asm.op2("v128.and", sign, fn.splat("i32", 0x8000));
  return asm.op2("v128.or", sizeOfHalf(fn, x), signBit);
}

/** The bits of the float16 nearest to each float32's absolute value. */
function sizeOfHalf(fn: FunctionBuilder, x: Value): Ref {
  const { asm } = fn;
  const splat = (n: number) => fn.splat("i32", n);
  const abs = asm.op2("v128.and", fn.get(x), splat(0x7fffffff));
  // From 2^16 on infinity. Each operation gives its first operand if there is a NaN, so that in the end NaN
  // is 1.5 * 2^16, whose bits will be a quiet NaN's.
  const most = asm.op2("f32x4.pmin", abs, fn.splat("f32", 2 ** 16));
  const size = fn.keep("v128", asm.op2("f32x4.pmin", fn.splat("f32", 1.5 * 2 ** 16), most));
  const power = powerOfHalf(fn, fn.get(size));
  // Rounding happens in a sum whose last place is the one wanted: below are digits, above the exponent, each
  // in 16 bits of its own. The product of powers of two is exact, fused or not.
  const sum = asm.madd("f32x4", power, fn.splat("f32", 2 ** lostBits), fn.get(size));
  const parts = asm.op2("i32x4.dot_i16x8_s", sum, splat(8 << 16 | 1));
  // The digits count the first one, which is not stored: the exponent begins one lower.
  return asm.op2("i32x4.sub", parts, splat((127 - 14 + lostBits) << 10));
}

/** The power of two below, or that of the smallest normal float16. */
function powerOfHalf(fn: FunctionBuilder, x: Ref): Ref {
  const exponent = fn.asm.op2("v128.and", x, fn.splat("i32", 0x7f800000));
  return fn.asm.op2("i32x4.max_s", exponent, fn.splat("i32", 0x38800000));
}

/**
 * Lanes of float32 rounded to a float of 16 bits, still as float32: what narrowing and widening them gives.
 *
 * @param isTame Whether no NaN has digits below the sixteenth bit.
 */
export function roundedSingle(
  fn: FunctionBuilder,
  dtype: DType,
  value: Value,
  isTame: boolean,
): Ref {
  const { asm } = fn;
  if (dtype === "bfloat16") {
    return asm.op2("v128.and", nudged(fn, value, isTame), fn.splat("i32", 0xffff0000 | 0));
  }
  const x = fn.reuse(value);
  const exponent = asm.op2("v128.and", fn.get(x), fn.splat("i32", 0x7f800000));
  const most = asm.op2("i32x4.min_s", exponent, fn.splat("i32", 0x48000000));
  const power = fn.keep("v128", asm.op2("i32x4.max_s", most, fn.splat("i32", 0x38800000)));
  // One and a half times the power of two that the sum is to lie at, so that it does for either sign.
  const raise = () => fn.splat("f32", 1.5 * 2 ** lostBits);
  const sum = asm.madd("f32x4", fn.get(power), raise(), fn.get(x));
  const rounded = asm.nmadd("f32x4", fn.get(power), raise(), sum);
  // From 2^16 on infinity: the largest float32 is below 2^128.
  const scaled = asm.op2("f32x4.mul", rounded, fn.splat("f32", 2 ** 112));
  const finite = asm.op2("f32x4.mul", scaled, fn.splat("f32", 2 ** -112));
  // The sum has lost the sign of what became zero.
  return asm.op2("v128.or", finite, asm.op2("v128.and", fn.get(x), fn.splat("f32", -0)));
}

function bfloat16OfSingle(fn: FunctionBuilder, value: Value, isTame: boolean): Ref {
  return fn.asm.op2("i32x4.shr_u", nudged(fn, value, isTame), fn.asm.i32(16));
}

/** What, cut off after 16 bits, is the nearest bfloat16. */
function nudged(fn: FunctionBuilder, value: Value, isTame: boolean): Ref {
  const { asm } = fn;
  const x = fn.reuse(value);
  const splat = (n: number) => fn.splat("i32", n);
  const upper = asm.op2("i32x4.shr_u", fn.get(x), asm.i32(16));
  const isOdd = asm.op2("v128.and", upper, splat(1));
  const half = asm.op2("i32x4.add", fn.get(x), splat(0x7fff));
  const near = asm.op2("i32x4.add", half, isOdd);
  if (isTame) return near;
  // A NaN might be carried into what is none, or have all of its digits cut off.
  const quiet = asm.op2("v128.or", fn.get(x), splat(0x400000));
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
