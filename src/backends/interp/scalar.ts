/**
 * What every scalar operation means, dtype by dtype: the executable form of the rules in `loopnest/expr.ts`.
 *
 * A value is a `boolean` for bool, a `bigint` for int64, uint64 and (signed) keys, and a `number` for all others.
 *
 * @module
 */
import {
  bfloat16Bits,
  type DType,
  dtypeInfo,
  fromBfloat16Bits,
  integerLimits,
  isBig,
  isFloating,
  roundTo,
  wideOf,
} from "../../core/dtype.ts";
import { InternalError } from "../../errors.ts";
import type { BinaryOp, UnaryOp } from "../../loopnest/expr.ts";
import { reductionIdentity } from "../../loopnest/identity.ts";
import type { ReduceOp } from "../../loopnest/ir.ts";
import { digamma, erf, erfc, erfInv, lgamma } from "./special.ts";

/** The value of an element. */
export type Value = number | bigint | boolean;

/** An operation on values; which ones it takes is fixed by the dtype it was made for. */
export type Unary = (x: Value) => Value;
/** The same of two operands. */
export type Binary = (x: Value, y: Value) => Value;

type Real = (x: number) => number;
type Real2 = (x: number, y: number) => number;
type Whole = (x: bigint) => bigint;
type Whole2 = (x: bigint, y: bigint) => bigint;

/** Rounds or wraps a number to a dtype that is held as `number`. */
function rounder(dtype: DType): Real {
  switch (dtype) {
    case "float32":
      return Math.fround;
    case "float64":
      return (x) => x;
    case "float16":
    case "bfloat16":
      return (x) => roundTo(x, dtype);
    case "int8":
      return (x) => x << 24 >> 24;
    case "int16":
      return (x) => x << 16 >> 16;
    case "int32":
      return (x) => x | 0;
    case "uint32":
      return (x) => x >>> 0;
    case "uint16":
      return (x) => x & 0xffff;
    case "uint8":
      return (x) => x & 255;
    default:
      throw new InternalError(`no numbers of dtype ${dtype}`);
  }
}

/** Wraps a whole number to a dtype that is held as `bigint`. */
function bigWrapper(dtype: DType): Whole {
  return dtype === "uint64" ? (x) => BigInt.asUintN(64, x) : (x) => BigInt.asIntN(64, x);
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest === 0) return x; // also keeps -0, infinities (their rest is NaN) and whole numbers
  if (rest < 0.5) return floor === 0 && x < 0 ? -0 : floor;
  const up = rest > 0.5 || floor % 2 !== 0 ? floor + 1 : floor;
  return up === 0 && x < 0 ? -0 : up;
}

const floating: Partial<Record<UnaryOp, Real>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  ceil: Math.ceil,
  round: (x) => Number.isFinite(x) ? roundHalfEven(x) : x,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  cbrt: Math.cbrt,
  exp: Math.exp,
  exp2: (x) => Math.pow(2, x),
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  logistic: (x) => {
    // On the side where exp is small, since there the quotient keeps all its digits.
    const e = Math.exp(-Math.abs(x));
    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
  },
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  erf,
  erfc,
  erfInv,
  lgamma,
  digamma,
};

function popcount(x: number): number {
  let count = 0;
  for (let rest = x >>> 0; rest !== 0; rest &= rest - 1) count++;
  return count;
}

function popcount64(x: bigint): bigint {
  const bits = BigInt.asUintN(64, x);
  return BigInt(popcount(Number(bits & 0xffffffffn)) + popcount(Number(bits >> 32n)));
}

function clz64(x: bigint): bigint {
  const bits = BigInt.asUintN(64, x);
  const high = Number(bits >> 32n);
  return BigInt(high !== 0 ? Math.clz32(high) : 32 + Math.clz32(Number(bits & 0xffffffffn)));
}

const integer: Partial<Record<UnaryOp, Real>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  not: (x) => ~x,
  popcount,
  clz: Math.clz32,
  floor: (x) => x,
  ceil: (x) => x,
  round: (x) => x,
};

const wide: Partial<Record<UnaryOp, Whole>> = {
  neg: (x) => -x,
  abs: (x) => x < 0n ? -x : x,
  sign: (x) => x < 0n ? -1n : x > 0n ? 1n : 0n,
  not: (x) => ~x,
  popcount: popcount64,
  clz: clz64,
  floor: (x) => x,
  ceil: (x) => x,
  round: (x) => x,
};

/** The meaning of a unary operation at a dtype. */
export function unaryFunction(op: UnaryOp, dtype: DType): Unary {
  if (op === "isFinite") {
    return isFloating(dtype) ? (x) => Number.isFinite(x) : () => true;
  }
  if (dtype === "bool") {
    if (op === "not") return (x) => !x;
    if (op === "abs" || op === "sign") return (x) => x;
  } else if (isBig(dtype)) {
    const f = wide[op];
    const wrap = bigWrapper(dtype);
    if (f) return (x) => wrap(f(x as bigint));
  } else {
    const f = isFloating(dtype) ? floating[op] : integer[op];
    const round = rounder(dtype);
    // Leading zeros are counted in the dtype's own width.
    if (f && op === "clz" && dtype === "uint8") return (x) => f(x as number) - 24;
    if (f) return (x) => round(f(x as number));
  }
  throw new InternalError(`no ${op} of dtype ${dtype}`);
}

function pow(x: number, y: number): number {
  // IEEE 754 wants 1 here, JavaScript says NaN.
  if (x === 1 || (x === -1 && Math.abs(y) === Infinity)) return 1;
  return Math.pow(x, y);
}

/** Integer power by squaring; a negative exponent gives the whole part of the quotient, which is 0 but for ±1. */
function powWhole(x: bigint, y: bigint, wrap: Whole): bigint {
  if (y < 0n) return x === 1n ? 1n : x === -1n ? (y & 1n ? -1n : 1n) : 0n;
  let result = 1n;
  for (let [base, rest] = [x, y]; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = wrap(result * base);
    base = wrap(base * base);
  }
  return wrap(result);
}

const bits = new DataView(new ArrayBuffer(8));

/** The neighbour of x towards y, in float32 or float64. */
function nextafter(x: number, y: number, single: boolean): number {
  if (Number.isNaN(x) || Number.isNaN(y)) return NaN;
  if (x === y) return y;
  if (x === 0) return (y > 0 ? 1 : -1) * (single ? 2 ** -149 : Number.MIN_VALUE);
  const outwards = (y > x) === (x > 0);
  if (single) {
    bits.setFloat32(0, x);
    bits.setInt32(0, bits.getInt32(0) + (outwards ? 1 : -1));
    return bits.getFloat32(0);
  }
  bits.setFloat64(0, x);
  bits.setBigInt64(0, bits.getBigInt64(0) + (outwards ? 1n : -1n));
  return bits.getFloat64(0);
}

const floating2: Partial<Record<BinaryOp, Real2>> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  rem: (x, y) => x % y,
  pow,
  min: Math.min,
  max: Math.max,
  atan2: Math.atan2,
};

const comparison: Partial<Record<BinaryOp, (x: Value, y: Value) => boolean>> = {
  eq: (x, y) => x === y,
  ne: (x, y) => x !== y,
  lt: (x, y) => x < y,
  le: (x, y) => x <= y,
  gt: (x, y) => x > y,
  ge: (x, y) => x >= y,
};

/** Operations on narrow integers; `width` and sign matter to shifts and divisions only. */
function integer2(dtype: DType): Partial<Record<BinaryOp, Real2>> {
  const width = dtype === "uint8" ? 8 : 32;
  const signed = dtype === "int32";
  const asSigned: Real = dtype === "uint8" ? (x) => x << 24 >> 24 : (x) => x | 0;
  const wrap: Whole = (x) => signed ? BigInt.asIntN(32, x) : BigInt.asUintN(width, x);
  return {
    add: (x, y) => x + y,
    sub: (x, y) => x - y,
    mul: Math.imul,
    div: (x, y) => y === 0 ? -1 : Math.trunc(x / y),
    rem: (x, y) => y === 0 ? x : x % y,
    pow: (x, y) => Number(powWhole(BigInt(x), BigInt(y), wrap)),
    min: Math.min,
    max: Math.max,
    and: (x, y) => x & y,
    or: (x, y) => x | y,
    xor: (x, y) => x ^ y,
    shl: (x, y) => y >>> 0 >= width ? 0 : x << y,
    shrLogical: (x, y) => y >>> 0 >= width ? 0 : x >>> y,
    shrArithmetic: (x, y) => asSigned(x) >> (y >>> 0 >= width ? width - 1 : y),
  };
}

const big = (y: bigint): boolean => y < 0n || y >= 64n;

const wide2: Partial<Record<Exclude<BinaryOp, "pow">, Whole2>> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => y === 0n ? -1n : x / y,
  rem: (x, y) => y === 0n ? x : x % y,
  min: (x, y) => x < y ? x : y,
  max: (x, y) => x > y ? x : y,
  and: (x, y) => x & y,
  or: (x, y) => x | y,
  xor: (x, y) => x ^ y,
  shl: (x, y) => big(y) ? 0n : x << y,
  shrLogical: (x, y) => big(y) ? 0n : BigInt.asUintN(64, x) >> y,
  shrArithmetic: (x, y) => BigInt.asIntN(64, x) >> (big(y) ? 63n : y),
};

const logical2: Partial<Record<BinaryOp, (x: boolean, y: boolean) => boolean>> = {
  add: (x, y) => x || y,
  mul: (x, y) => x && y,
  min: (x, y) => x && y,
  max: (x, y) => x || y,
  and: (x, y) => x && y,
  or: (x, y) => x || y,
  xor: (x, y) => x !== y,
};

/** The meaning of a binary operation at the dtype of its operands. */
export function binaryFunction(op: BinaryOp, dtype: DType): Binary {
  const compare = comparison[op];
  if (compare) return compare;
  if (dtype === "bool") {
    const f = logical2[op];
    if (f) return f as Binary;
  } else if (isBig(dtype)) {
    const wrap = bigWrapper(dtype);
    if (op === "pow") return (x, y) => powWhole(x as bigint, y as bigint, wrap);
    const f = wide2[op];
    if (f) return (x, y) => wrap(f(x as bigint, y as bigint));
  } else if (isFloating(dtype)) {
    const single = dtype === "float32";
    if (op === "nextafter") return (x, y) => nextafter(x as number, y as number, single);
    const f = floating2[op];
    if (f && !single) return f as Binary;
    if (f) return (x, y) => Math.fround(f(x as number, y as number));
  } else {
    const f = integer2(dtype)[op];
    const round = rounder(dtype);
    if (f) return (x, y) => round(f(x as number, y as number));
  }
  throw new InternalError(`no ${op} of dtype ${dtype}`);
}

/** From floating to an integer: the whole part, within the limits. */
function saturator(to: DType): Unary {
  const [low, high] = integerLimits(to);
  if (!isBig(to)) {
    const [least, most] = [Number(low), Number(high)];
    return (x) => {
      const y = x as number;
      return Number.isNaN(y) ? 0 : Math.min(Math.max(Math.trunc(y), least), most);
    };
  }
  return (x) => {
    const y = x as number;
    if (Number.isNaN(y)) return 0n;
    if (y >= Number(high)) return high;
    return y <= Number(low) ? low : BigInt(Math.trunc(y));
  };
}

/** Conversion by value. */
export function castFunction(from: DType, to: DType): Unary {
  if (to === "bool") {
    if (from === "bool") return (x) => x;
    return isBig(from) ? (x) => x !== 0n : (x) => x !== 0; // NaN is not 0, so true
  }
  if (to === "float64") return (x) => Number(x);
  if (isFloating(to)) {
    const round = rounder(to);
    if (!isBig(from)) return (x) => round(Number(x));
    // By way of float64 it would be rounded twice.
    return (x) => round(roundBigToFloat32(x as bigint));
  }
  if (isFloating(from)) return saturator(to);
  if (isBig(to)) {
    const wrap = bigWrapper(to);
    return (x) => wrap(BigInt(x));
  }
  const round = rounder(to);
  if (isBig(from)) return (x) => round(Number(BigInt.asIntN(32, x as bigint)));
  return (x) => round(Number(x));
}

function roundBigToFloat32(x: bigint): number {
  const size = x < 0n ? -x : x;
  if (size < 2n ** 53n) return Math.fround(Number(x));
  // Keep the upper bits, and let one sticky bit stand for all that is lost.
  const shift = 16n;
  const sticky = (size & 0xffffn) === 0n ? 0n : 1n;
  const result = Math.fround(Number((size >> shift) | sticky)) * 65536;
  return x < 0n ? -result : result;
}

type Field =
  | "Int8"
  | "Int16"
  | "Int32"
  | "Uint8"
  | "Uint16"
  | "Uint32"
  | "BigInt64"
  | "BigUint64"
  | "Float16"
  | "Float32"
  | "Float64";

/** The accessors of a DataView that read and write a dtype. */
function fieldOf(dtype: DType): Field {
  const { kind, bytes } = dtypeInfo(dtype);
  const bits = 8 * bytes;
  if (dtype === "bfloat16") return "Uint16";
  if (kind === "floating") return `Float${bits}` as Field;
  if (bits === 64) return kind === "unsigned" ? "BigUint64" : "BigInt64";
  return `${kind === "signed" ? "Int" : "Uint"}${bits}` as Field;
}

/** The same bits in another dtype of the same width. */
export function bitcastFunction(from: DType, to: DType): Unary {
  if (dtypeInfo(from).bytes !== dtypeInfo(to).bytes) {
    throw new InternalError(`no bitcast from ${from} to ${to}`);
  }
  const view = new DataView(new ArrayBuffer(8));
  const access = view as unknown as
    & { [name in `set${Field}`]: (at: number, x: Value) => void }
    & { [name in `get${Field}`]: (at: number) => Value };
  const [put, get] = [`set${fieldOf(from)}`, `get${fieldOf(to)}`] as const;
  const [write, read] = [writer(from), reader(to)];
  return (x) => {
    access[put](0, write(x));
    return read(access[get](0));
  };
}

/** From what a TypedArray of a dtype holds to a value. */
export function reader(dtype: DType): Unary {
  if (dtype === "bool") return (x) => x !== 0;
  if (dtype === "key<fry>") return (x) => BigInt.asIntN(64, x as bigint);
  if (dtype === "bfloat16") return (x) => fromBfloat16Bits(x as number);
  return (x) => x;
}

/** From a value to what a TypedArray of the dtype takes: booleans count as 0 and 1, signed bigints wrap into keys. */
export function writer(dtype: DType): Unary {
  if (dtype === "bool") return Number;
  return dtype === "bfloat16" ? (x) => bfloat16Bits(x as number) : (x) => x;
}

/** How an element in memory takes a term: computed in the wider dtype where its own is only stored. */
export function storedCombine(op: ReduceOp, dtype: DType): Binary {
  const combine = binaryFunction(op, wideOf(dtype));
  if (wideOf(dtype) === dtype) return combine;
  const narrow = castFunction(wideOf(dtype), dtype);
  return (x, y) => narrow(combine(x, y)); // a stored number is the same number in the wider dtype
}

/** What a reduction starts with: combining it with a value gives the value. */
export function identityOf(op: ReduceOp, dtype: DType): Value {
  const x = reductionIdentity(op, dtype);
  if (dtype === "bool") return Boolean(x);
  return isBig(dtype) ? BigInt(x) : Number(x);
}
