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
  const signed = asm.op2("v128.andnot", moved, splat(0x7000));
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
  const kept = values.map((value) => fn.reuse(value));
  // Narrowing saturates, and hence keeps signs.
  const narrow = (sign: "s" | "u", [x, y]: readonly Value[]) => {
    return asm.op2(`i16x8.narrow_i32x4_${sign}`, fn.get(x!), fn.get(y!));
  };
  if (dtype === "bfloat16") return narrow("u", bfloat16OfSingles(fn, kept, isTame));
  const sizes = narrow("s", sizesOfHalves(fn, kept));
  const signs = asm.op2("v128.andnot", narrow("s", kept), fn.splat("i32", 0x7fff7fff));
  return asm.op2("v128.or", sizes, signs);
}

/**
 * Does one instruction for each of several vectors, then the next: the chains of instructions are long, and the processor does not see
 * far enough ahead to find the next one's beginning.
 */
function each(
  fn: FunctionBuilder,
  values: readonly Value[],
  make: (x: Ref, i: number) => Ref,
): Value[] {
  return values.map((x, i) => fn.keep("v128", make(fn.get(x), i)));
}

function halfOfSingle(fn: FunctionBuilder, value: Value): Ref {
  const { asm } = fn;
  const x = fn.reuse(value);
  const sign = asm.op2("i32x4.shr_u", fn.get(x), asm.i32(16));
  const signBit = asm.op2("v128.and", sign, fn.splat("i32", 0x8000));
  const [size] = sizesOfHalves(fn, [x]);
  return asm.op2("v128.or", fn.get(size!), signBit);
}

/**
 * Times a power of two: what a number that lies between it and the next one is added to, of either sign, so that the sum's last place is
 * the last of a float16.
 */
const raising = 1.5 * 2 ** lostBits;

/** More than any float16, with the digits of a quiet NaN. */
const beyondHalf = 1.5 * 2 ** 16;

/** The bits of the float16 nearest to each float32's absolute value. */
function sizesOfHalves(fn: FunctionBuilder, values: readonly Value[]): Value[] {
  const { asm } = fn;
  const splat = (n: number) => fn.splat("i32", n);
  const abs = each(fn, values, (x) => asm.op2("v128.and", x, splat(0x7fffffff)));
  // From 2^16 on infinity. Each operation gives its first operand if there is a NaN, so that in the end NaN
  // is 1.5 * 2^16, whose bits will be a quiet NaN's.
  const most = each(fn, abs, (x) => asm.op2("f32x4.pmin", x, fn.splat("f32", 2 ** 16)));
  const size = each(fn, most, (x) => asm.op2("f32x4.pmin", fn.splat("f32", beyondHalf), x));
  const exponent = each(fn, size, (x) => asm.op2("v128.and", x, splat(0x7f800000)));
  const power = each(fn, exponent, (x) => asm.op2("i32x4.max_s", x, splat(leastPower)));
  // Rounding happens in a sum whose last place is the one wanted: below are digits, above the exponent, each
  // in 16 bits of its own. The product with a power of two is exact, fused or not.
  const raise = () => fn.splat("f32", raising);
  const sum = each(fn, power, (x, i) => asm.madd("f32x4", x, raise(), fn.get(size[i]!)));
  const parts = each(fn, sum, (x) => asm.op2("i32x4.dot_i16x8_s", x, splat(8 << 16 | 1)));
  // The digits count the first one, which is not stored: the exponent begins one lower. One half is the factor's.
  const bias = (127 - 14 + lostBits) << 10 | 1 << 9;
  return each(fn, parts, (x) => asm.op2("i32x4.sub", x, splat(bias)));
}

/** The bits of the smallest normal float16 as float32. */
const leastPower = 0x38800000;

/**
 * Vectors of float32 rounded to a float of 16 bits, still as float32: what narrowing and widening them gives.
 *
 * @param isTame Whether no NaN has digits below the sixteenth bit.
 */
export function roundedSingles(
  fn: FunctionBuilder,
  dtype: DType,
  values: readonly Value[],
  isTame: boolean,
): Value[] {
  const { asm } = fn;
  const splat = (n: number) => fn.splat("i32", n);
  const kept = values.map((value) => fn.reuse(value));
  if (dtype === "bfloat16") {
    const near = nudged(fn, kept, isTame);
    return each(fn, near, (x) => asm.op2("v128.and", x, splat(0xffff0000 | 0)));
  }
  const exponent = each(fn, kept, (x) => asm.op2("v128.and", x, splat(0x7f800000)));
  const most = each(fn, exponent, (x) => {
    return asm.op2("i32x4.min_s", x, fn.splat("f32", beyondHalf));
  });
  const power = each(fn, most, (x) => asm.op2("i32x4.max_s", x, splat(leastPower)));
  const raise = () => fn.splat("f32", raising);
  const sum = each(fn, power, (x, i) => asm.madd("f32x4", x, raise(), fn.get(kept[i]!)));
  const rounded = each(fn, sum, (x, i) => asm.nmadd("f32x4", fn.get(power[i]!), raise(), x));
  // From 2^16 on infinity: the largest float32 is below 2^128.
  const scaled = each(fn, rounded, (x) => asm.op2("f32x4.mul", x, fn.splat("f32", 2 ** 112)));
  const finite = each(fn, scaled, (x) => asm.op2("f32x4.mul", x, fn.splat("f32", 2 ** -112)));
  // The sum has lost the sign of what became zero.
  const sign = each(fn, kept, (x) => asm.op2("v128.andnot", x, splat(0x7fffffff)));
  return each(fn, finite, (x, i) => asm.op2("v128.or", x, fn.get(sign[i]!)));
}

function bfloat16OfSingle(fn: FunctionBuilder, value: Value): Ref {
  return fn.get(bfloat16OfSingles(fn, [fn.reuse(value)], false)[0]!);
}

function bfloat16OfSingles(
  fn: FunctionBuilder,
  values: readonly Value[],
  isTame: boolean,
): Value[] {
  const { asm } = fn;
  return each(fn, nudged(fn, values, isTame), (x) => asm.op2("i32x4.shr_u", x, asm.i32(16)));
}

/** What, cut off after 16 bits, is the nearest bfloat16. */
function nudged(fn: FunctionBuilder, values: readonly Value[], isTame: boolean): Value[] {
  const { asm } = fn;
  const splat = (n: number) => fn.splat("i32", n);
  const upper = each(fn, values, (x) => asm.op2("i32x4.shr_u", x, asm.i32(16)));
  const isOdd = each(fn, upper, (x) => asm.op2("v128.and", x, splat(1)));
  const half = each(fn, values, (x) => asm.op2("i32x4.add", x, splat(0x7fff)));
  const near = each(fn, half, (x, i) => asm.op2("i32x4.add", x, fn.get(isOdd[i]!)));
  if (isTame) return near;
  // A NaN might be carried into what is none, or have all of its digits cut off.
  const quiet = each(fn, values, (x) => asm.op2("v128.or", x, splat(0x400000)));
  const isNaN = each(fn, values, (x, i) => asm.op2("f32x4.ne", x, fn.get(values[i]!)));
  return each(fn, quiet, (x, i) => {
    return asm.laneselect("i32x4", x, fn.get(near[i]!), fn.get(isNaN[i]!));
  });
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
