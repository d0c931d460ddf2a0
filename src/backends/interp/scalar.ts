/**
 * What every scalar operation means, dtype by dtype: the executable form of the rules in `loopnest/expr.ts`.
 *
 * A value is a `number` for float32, float64, int32, uint32 and uint8, a `boolean` for bool and a signed
 * `bigint` for int64 and keys.
 *
 * @module
 */
import { type DType, isFloating } from "../../core/dtype.ts";
import { InternalError } from "../../errors.ts";
import type { BinaryOp, UnaryOp } from "../../loopnest/expr.ts";
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

const isWide = (dtype: DType): boolean => dtype === "int64" || dtype === "key<fry>";

/** Rounds or wraps a number to a dtype that is held as `number`. */
function rounder(dtype: DType): Real {
  switch (dtype) {
    case "float32":
      return Math.fround;
    case "float64":
      return (x) => x;
    case "int32":
      return (x) => x | 0;
    case "uint32":
      return (x) => x >>> 0;
    case "uint8":
      return (x) => x & 255;
    default:
      throw new InternalError(`no numbers of dtype ${dtype}`);
  }
}

const wrap64 = (x: bigint): bigint => BigInt.asIntN(64, x);

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
  } else if (isWide(dtype)) {
    const f = wide[op];
    if (f) return (x) => wrap64(f(x as bigint));
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

const wide2: Partial<Record<BinaryOp, Whole2>> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => y === 0n ? -1n : x / y,
  rem: (x, y) => y === 0n ? x : x % y,
  pow: (x, y) => powWhole(x, y, wrap64),
  min: (x, y) => x < y ? x : y,
  max: (x, y) => x > y ? x : y,
  and: (x, y) => x & y,
  or: (x, y) => x | y,
  xor: (x, y) => x ^ y,
  shl: (x, y) => big(y) ? 0n : x << y,
  shrLogical: (x, y) => big(y) ? 0n : BigInt.asUintN(64, x) >> y,
  shrArithmetic: (x, y) => x >> (big(y) ? 63n : y),
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
  } else if (isWide(dtype)) {
    const f = wide2[op];
    if (f) return (x, y) => wrap64(f(x as bigint, y as bigint));
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

function clamp(low: number, high: number): Real {
  return (x) => Number.isNaN(x) ? 0 : Math.min(Math.max(Math.trunc(x), low), high);
}

/** Conversion by value. */
export function castFunction(from: DType, to: DType): Unary {
  if (to === "bool") {
    if (from === "bool") return (x) => x;
    return isWide(from) ? (x) => x !== 0n : (x) => x !== 0; // NaN is not 0, so true
  }
  if (to === "float32") {
    if (!isWide(from)) return (x) => Math.fround(Number(x));
    // By way of float64 it would be rounded twice.
    return (x) => roundBigToFloat32(x as bigint);
  }
  if (to === "float64") return (x) => Number(x);
  if (isFloating(from)) {
    switch (to) {
      case "int32":
        return clamp(-(2 ** 31), 2 ** 31 - 1) as Unary;
      case "uint32":
        return clamp(0, 2 ** 32 - 1) as Unary;
      case "uint8":
        return clamp(0, 255) as Unary;
      default:
        return (x) => {
          const y = x as number;
          if (Number.isNaN(y)) return 0n;
          if (y >= 2 ** 63) return 2n ** 63n - 1n;
          return y <= -(2 ** 63) ? -(2n ** 63n) : BigInt(Math.trunc(y));
        };
    }
  }
  if (isWide(to)) return isWide(from) ? (x) => x : (x) => BigInt(x);
  const round = rounder(to);
  if (isWide(from)) return (x) => round(Number(BigInt.asIntN(32, x as bigint)));
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

/** The same bits in another dtype of the same width. */
export function bitcastFunction(from: DType, to: DType): Unary {
  if (isWide(from) && isWide(to)) return (x) => x;
  if (from === "bool" || to === "bool") {
    if (to === "uint8") return (x) => x ? 1 : 0;
    if (from === "uint8") return (x) => x !== 0;
    throw new InternalError(`no bitcast from ${from} to ${to}`);
  }
  if (!isFloating(from) && !isFloating(to) && !isWide(from)) {
    const round = rounder(to);
    return (x) => round(x as number);
  }
  const view = new DataView(new ArrayBuffer(8));
  const write: Record<string, (x: Value) => void> = {
    float32: (x) => view.setFloat32(0, x as number),
    float64: (x) => view.setFloat64(0, x as number),
    int32: (x) => view.setInt32(0, x as number),
    uint32: (x) => view.setUint32(0, x as number),
    int64: (x) => view.setBigInt64(0, x as bigint),
    "key<fry>": (x) => view.setBigInt64(0, x as bigint),
  };
  const read: Record<string, () => Value> = {
    float32: () => view.getFloat32(0),
    float64: () => view.getFloat64(0),
    int32: () => view.getInt32(0),
    uint32: () => view.getUint32(0),
    int64: () => view.getBigInt64(0),
    "key<fry>": () => view.getBigInt64(0),
  };
  const [put, get] = [write[from]!, read[to]!];
  return (x) => {
    put(x);
    return get();
  };
}

/** What a reduction starts with: combining it with a value gives the value. */
export function identityOf(op: ReduceOp, dtype: DType): Value {
  if (dtype === "bool") return op === "and" || op === "min" || op === "mul";
  const number = identityNumber(op, dtype);
  return isWide(dtype) ? BigInt(number) : Number(number);
}

function identityNumber(op: ReduceOp, dtype: DType): number | bigint {
  switch (op) {
    case "add":
    case "or":
    case "xor":
      return 0;
    case "mul":
      return 1;
    case "and":
      return dtype === "uint8" ? 255 : dtype === "uint32" ? 2 ** 32 - 1 : -1;
    case "max":
    case "min":
      return worst(op === "max", dtype);
    default: {
      const never: never = op;
      return never;
    }
  }
}

function worst(forMax: boolean, dtype: DType): number | bigint {
  switch (dtype) {
    case "float32":
    case "float64":
      return forMax ? -Infinity : Infinity;
    case "int32":
      return forMax ? -(2 ** 31) : 2 ** 31 - 1;
    case "uint32":
      return forMax ? 0 : 2 ** 32 - 1;
    case "uint8":
      return forMax ? 0 : 255;
    default:
      return forMax ? -(2n ** 63n) : 2n ** 63n - 1n;
  }
}
