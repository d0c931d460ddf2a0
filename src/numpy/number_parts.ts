/**
 * Numbers taken apart: whole part and fraction, mantissa and exponent, common divisors.
 *
 * @module
 */
import { DTypeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { dtypeInfo, isFloating, isInteger, isSigned } from "../core/dtype.ts";
import * as arith from "../ops/arith.ts";
import { lit, literal } from "../ops/common.ts";
import { bitcastConvertType, convertElementType } from "../ops/convert.ts";
import * as logic from "../ops/logic.ts";
import { broadcastInDim, fullLike } from "../ops/shape.ts";
import { asArray, broadcastOperands, promote, promoteInexact } from "./promote.ts";
import { bitsOf, finfo } from "./dtype_queries.ts";
import { power, trunc } from "./ufuncs.ts";

/** `[fraction, whole]`, both with the sign of `x`; floating. */
export function modf(x: ArrayLike): [fraction: NDArray, whole: NDArray] {
  const [a] = promoteInexact([x], "numpy.modf");
  const whole = trunc(a);
  return [arith.sub(a, whole), whole];
}

/** How a floating dtype is laid out. */
interface Layout {
  readonly integer: "int16" | "int32" | "int64";
  readonly mantissaBits: number;
  readonly bias: number;
}

function layoutOf(x: NDArray): Layout {
  const { nmant, nexp } = finfo(x.dtype);
  return { integer: bitsOf(x.dtype), mantissaBits: nmant, bias: 2 ** (nexp - 1) - 1 };
}

/** `2 ** e` for integers `e` of the range of normal numbers, exactly. */
function powerOfTwo(e: NDArray, like: NDArray): NDArray {
  const { integer, mantissaBits, bias } = layoutOf(like);
  const biased = arith.add(convertElementType(e, integer), literal(bias, integer));
  const shift = fullLike(literal(mantissaBits, integer), biased.shape);
  return bitcastConvertType(logic.shiftLeft(biased, shift), like.dtype);
}

/** `x · 2^y` for integers `y`. */
export function ldexp(x: ArrayLike, y: ArrayLike): NDArray {
  const where = "numpy.ldexp";
  const exponent = typeof y === "number" && Number.isInteger(y)
    ? literal(y, "int32")
    : asArray(y, where);
  if (!isInteger(exponent.dtype) && exponent.dtype !== "bool") {
    throw new DTypeError(
      `${where}: the exponent y must be integer; got ${exponent.dtype}. For others use x.mul(numpy.exp2(y))`,
    );
  }
  const [given] = promoteInexact([x], where);
  const [a, wide] = broadcastOperands([given, convertElementType(exponent, "int32")], where);
  const { bias } = layoutOf(a);
  // Three factors reach from the least subnormal to the largest number; each is exact.
  const bound = (v: NDArray, by: number) => arith.min(arith.max(v, lit(v, -by)), lit(v, by));
  const reach = bias - 1;
  const e = bound(wide, 3 * reach);
  const first = bound(e, reach);
  const second = bound(arith.sub(e, first), reach);
  const third = arith.sub(arith.sub(e, first), second);
  return [first, second, third].reduce<NDArray>((v, f) => arith.mul(v, powerOfTwo(f, a)), a);
}

/** `[mantissa, exponent]` with `x = mantissa · 2^exponent` and `0.5 ≤ |mantissa| < 1`; the exponent is int32. */
export function frexp(x: ArrayLike): [mantissa: NDArray, exponent: NDArray] {
  const [a] = promoteInexact([x], "numpy.frexp");
  const { integer, mantissaBits, bias } = layoutOf(a);
  const shape = a.shape;
  const whole = (v: number | bigint) => broadcastInDim(literal(v, integer), shape, []);
  // Subnormals are scaled up first, so that all have an exponent.
  const small = logic.lt(arith.abs(a), fullLike(lit(a, 2 ** (1 - bias)), shape));
  const scaled = logic.select(small, arith.mul(a, lit(a, 2 ** (mantissaBits + 1))), a);
  const bits = bitcastConvertType(scaled, integer);
  const field = 2n * BigInt(bias) + 1n;
  const bitsPer = 8 * dtypeInfo(integer).bytes;
  const number = (v: bigint) => integer === "int64" ? v : Number(BigInt.asIntN(bitsPer, v));
  const biased = logic.and(
    logic.shiftRightLogical(bits, whole(mantissaBits)),
    whole(number(field)),
  );
  const rest = logic.and(bits, whole(number(BigInt.asIntN(64, ~(field << BigInt(mantissaBits))))));
  const half = whole(number(BigInt(bias - 1) << BigInt(mantissaBits)));
  const mantissa = bitcastConvertType(logic.or(rest, half), a.dtype);
  const lowered = logic.select(small, whole(mantissaBits + 1), whole(0));
  const exponent = convertElementType(
    arith.sub(arith.sub(biased, literal(bias - 1, integer)), lowered),
    "int32",
  );
  const plain = logic.or(
    logic.eq(a, lit(a, 0)),
    logic.not(logic.isFinite(a)),
  );
  const zero = broadcastInDim(literal(0, "int32"), shape, []);
  return [logic.select(plain, a, mantissa), logic.select(plain, zero, exponent)];
}

/** `x ** y`, floating, also for integers. */
export function floatPower(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = promoteInexact([x, y], "numpy.floatPower");
  return power(a, b);
}

/** Two integer operands of one dtype and shape, their signs dropped. */
function magnitudes(x: ArrayLike, y: ArrayLike, where: string): [NDArray, NDArray] {
  const both = broadcastOperands(promote([x, y], where), where);
  const shape = both[0].ndim >= both[1].ndim ? both[0].shape : both[1].shape;
  return both.map((v) => {
    if (isFloating(v.dtype) || v.dtype === "bool") {
      throw new DTypeError(`${where}: takes integers; got ${v.dtype}`);
    }
    const positive = isSigned(v.dtype) ? arith.abs(v) : v;
    return fullLike(positive, shape);
  }) as [NDArray, NDArray];
}

/** As many steps as Euclid's algorithm with least absolute remainders can take: each more than doubles the numbers that need it. */
const euclidSteps: Readonly<Record<string, number>> = {
  int8: 7,
  uint8: 7,
  int16: 13,
  uint16: 14,
  int32: 26,
  uint32: 27,
  int64: 51,
  uint64: 52,
};

function euclid(x: NDArray, y: NDArray): NDArray {
  let [a, b] = [x, y];
  const [zero, one] = [lit(a, 0), lit(a, 1)];
  for (let step = 0; step < euclidSteps[x.dtype]; step++) {
    // Once b is 0 the pair stays as it is.
    const divisor = arith.max(b, one);
    const remainder = arith.rem(a, divisor);
    const done = logic.eq(b, zero);
    a = logic.select(done, a, b);
    b = arith.min(remainder, arith.sub(divisor, remainder));
  }
  return a;
}

/**
 * The greatest common divisor of integers, elementwise; 0 for two zeros.
 *
 * Euclid's algorithm, unrolled to the number of steps that the dtype can need.
 */
export function gcd(x: ArrayLike, y: ArrayLike): NDArray {
  return euclid(...magnitudes(x, y, "numpy.gcd"));
}

/** The least common multiple of integers, elementwise; 0 where either is 0. */
export function lcm(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = magnitudes(x, y, "numpy.lcm");
  const divisor = arith.max(euclid(a, b), lit(a, 1));
  return arith.mul(a, arith.div(b, divisor));
}
