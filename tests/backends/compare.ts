/**
 * Values to test with, and comparison of results.
 *
 * @module
 */
import { assert } from "@std/assert";
import {
  bfloat16Bits,
  type DType,
  dtypeOfTypedArray,
  fromBfloat16Bits,
  isFloating,
  type TypedArray,
  typedArrayClass,
} from "../../src/core/dtype.ts";

const integers: Partial<Record<DType, readonly number[]>> = {
  int8: [0, 1, -1, 2, 3, -3, 7, 8, 9, 31, 33, 100, -100, 126, 127, -127, -128],
  int16: [0, 1, -1, 2, 3, -3, 7, 15, 16, 17, 33, 255, 256, -1000, 32767, -32767, -32768],
  uint16: [0, 1, 2, 3, 7, 15, 16, 17, 31, 255, 256, 1000, 32767, 32768, 65534, 65535],
  int32: [0, 1, -1, 2, 3, -3, 7, 31, 32, 33, 100, -100, 255, 256, 65537, 2 ** 31 - 1, -(2 ** 31)],
  uint32: [0, 1, 2, 3, 7, 31, 32, 33, 100, 255, 256, 65537, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1],
  uint8: [0, 1, 2, 3, 7, 8, 9, 31, 100, 127, 128, 200, 254, 255],
  bool: [0, 1],
};

const wide = [0n, 1n, -1n, 2n, 3n, -3n, 7n, 63n, 64n, 65n, 100n, 2n ** 31n, -(2n ** 33n) + 5n]
  .concat([2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n), 1234567890123456789n]);

const reals = [0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 0.1, -0.1, 1e-5, 3, -3, Math.PI, 10, -10]
  .concat([0.99999, 1.00001, 20, -20, 100.25, 255.5, 256, 3e9, -3e9, 1e20, -1e20, 1e-30, 1e30])
  .concat([NaN, Infinity, -Infinity]);

/** Values of a dtype that are likely to go wrong. */
export function specialValues(dtype: DType): TypedArray {
  switch (dtype) {
    case "float32":
      return new Float32Array([...reals, 2 ** -149, 2 ** -126, 3.4028235e38]);
    case "float64":
      return new Float64Array([...reals, 5e-324, 2 ** -1022, 1.7976931348623157e308, 1e300]);
    case "float16":
      return new Float16Array([...reals, 2 ** -24, 2 ** -14, 65504, 65519, 1 / 3, 2049, 2051]);
    case "bfloat16":
      return Uint16Array.from(
        [...reals, 2 ** -133, 2 ** -126, 3.3895e38, 1 / 3, 257],
        bfloat16Bits,
      );
    case "int64":
      return new BigInt64Array(wide);
    case "uint64":
    case "key<fry>":
      return new BigUint64Array(wide.map((x) => BigInt.asUintN(64, x)));
    default:
      return new (typedArrayClass(dtype) as Uint8ArrayConstructor)(integers[dtype]!);
  }
}

const views = { f32: new Float32Array(1), f64: new Float64Array(1) };
const words = {
  f32: new Int32Array(views.f32.buffer),
  f64: new BigInt64Array(views.f64.buffer),
};

/** The place of a number among the floating-point numbers. */
function ordinal(x: number, single: boolean): bigint {
  let bits: bigint;
  if (single) {
    views.f32[0] = x;
    bits = BigInt(words.f32[0]!);
    return bits < 0n ? -(2n ** 31n) - bits : bits;
  }
  views.f64[0] = x;
  bits = words.f64[0]!;
  return bits < 0n ? -(2n ** 63n) - bits : bits;
}

/** How many floating-point numbers lie between two. */
export function ulpsBetween(x: number, y: number, single: boolean): number {
  if (Object.is(x, y) || (Number.isNaN(x) && Number.isNaN(y))) return 0;
  if (x === y) return 0; // zeros
  if (Number.isNaN(x) || Number.isNaN(y)) return Infinity;
  const distance = ordinal(x, single) - ordinal(y, single);
  return Number(distance < 0n ? -distance : distance);
}

/** What counts as equal. */
export interface Tolerance {
  /** Floating-point numbers between the two. */
  readonly ulps: number;
  /** Or else this much apart. */
  readonly absolute?: number;
}

/** Whether two floats of 16 bits are neighbours: what was nearly halfway between them was rounded. */
function areNeighbours(x: number, y: number, dtype: DType): boolean {
  const lost = dtype === "bfloat16" ? 16 : dtype === "float16" ? 13 : 0;
  return lost > 0 && ulpsBetween(x, y, true) <= 2 ** lost;
}

/** Bits of bfloat16 as the numbers that they are; everything else as it is. */
export function asNumbers(x: TypedArray, dtype: DType): TypedArray {
  return dtype === "bfloat16" ? Float32Array.from(x as Uint16Array, fromBfloat16Bits) : x;
}

/** Asserts that two arrays agree. */
export function assertClose(
  actual: TypedArray,
  expected: TypedArray,
  tolerance: Tolerance,
  where: (i: number) => string,
  dtype: DType = dtypeOfTypedArray(actual, "assertClose"),
): void {
  [actual, expected] = [asNumbers(actual, dtype), asNumbers(expected, dtype)];
  const single = actual instanceof Float32Array;
  const real = isFloating(dtype);
  assert(actual.length === expected.length && actual.constructor === expected.constructor);
  for (let i = 0; i < actual.length; i++) {
    const [a, e] = [actual[i]!, expected[i]!];
    if (a === e || Object.is(a, e)) continue;
    const near = real && (ulpsBetween(a as number, e as number, single) <= tolerance.ulps ||
      tolerance.ulps > 0 && areNeighbours(a as number, e as number, dtype) ||
      Math.abs(Number(a) - Number(e)) <= (tolerance.absolute ?? 0));
    assert(near, `${where(i)}: ${a} instead of ${e}`);
  }
}
