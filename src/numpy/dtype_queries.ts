/**
 * Questions about dtypes and arrays, and constants.
 *
 * @module
 */
import { DTypeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import type { Shape } from "../core/aval.ts";
import {
  checkDType,
  type DType,
  dtypeInfo,
  isFloating,
  partOf,
  promoteTypes as promotePair,
} from "../core/dtype.ts";
import { literal } from "../ops/common.ts";
import { asArray, normalizeAxis, resultType as resultOf } from "./promote.ts";

/** The ratio of a circle's circumference to its diameter. */
export const pi: number = Math.PI;
/** The base of the natural logarithm. */
export const e: number = Math.E;
/** The Euler-Mascheroni constant. */
export const eulerGamma: number = 0.5772156649015329;
/** Infinity. */
export const inf: number = Infinity;
/** Not a number. */
export const nan: number = NaN;
/** In an index: a new axis. */
export const newaxis: null = null;

/** The limits of a floating dtype. */
export interface FloatInfo {
  /** The dtype. */
  readonly dtype: DType;
  /** Of an element. */
  readonly bits: number;
  /** The distance from 1 to the next larger number. */
  readonly eps: number;
  /** The distance from 1 to the next smaller number. */
  readonly epsneg: number;
  /** The largest finite number. */
  readonly max: number;
  /** The lowest finite number. */
  readonly min: number;
  /** The least positive normal number. */
  readonly tiny: number;
  /** The least positive normal number. */
  readonly smallestNormal: number;
  /** The least positive number. */
  readonly smallestSubnormal: number;
  /** The number of bits of the mantissa. */
  readonly nmant: number;
  /** The number of bits of the exponent. */
  readonly nexp: number;
  /** The number of decimals that are kept. */
  readonly precision: number;
  /** `10 ** -precision`. */
  readonly resolution: number;
}

/** Bits of the mantissa and of the exponent, and decimals that are kept. */
const layouts = {
  float16: [10, 5, 3],
  bfloat16: [7, 8, 2],
  float32: [23, 8, 6],
  float64: [52, 11, 15],
} as const;

/** The integers that have as many bits as a floating dtype. */
export function bitsOf(dtype: DType): "int16" | "int32" | "int64" {
  return `int${8 * dtypeInfo(dtype).bytes}` as "int32";
}

function dtypeOf(x: DType | NDArray, where: string): DType {
  return checkDType(typeof x === "string" ? x : (x as NDArray | undefined)?.dtype, where);
}

/**
 * The limits of a floating dtype (of the parts, for a complex one), or of an array's.
 *
 * @throws {DTypeError} Where it is neither.
 */
export function finfo(dtype: DType | NDArray): FloatInfo {
  const d = partOf(dtypeOf(dtype, "numpy.finfo"));
  if (!isFloating(d)) {
    throw new DTypeError(
      `numpy.finfo: dtype must be floating; got ${d}. For integers use numpy.iinfo`,
    );
  }
  const [nmant, nexp, precision] = layouts[d as keyof typeof layouts];
  const top = 2 ** (nexp - 1);
  const max = (2 - 2 ** -nmant) * 2 ** (top - 1);
  const tiny = 2 ** (2 - top);
  return {
    dtype: d,
    bits: 8 * dtypeInfo(d).bytes,
    eps: 2 ** -nmant,
    epsneg: 2 ** -(nmant + 1),
    max,
    min: -max,
    tiny,
    smallestNormal: tiny,
    smallestSubnormal: 2 ** (2 - top - nmant),
    nmant,
    nexp,
    precision,
    resolution: Number(`1e-${precision}`),
  };
}

/** The limits of an integer dtype. */
export interface IntegerInfo {
  /** The dtype. */
  readonly dtype: DType;
  /** Of an element. */
  readonly bits: number;
  /** The least value; a bigint for 64 bits. */
  readonly min: number | bigint;
  /** The largest value; a bigint for 64 bits. */
  readonly max: number | bigint;
}

/**
 * The limits of an integer dtype, or of an array's.
 *
 * @throws {DTypeError} Where it is not an integer's.
 */
export function iinfo(dtype: DType | NDArray): IntegerInfo {
  const d = dtypeOf(dtype, "numpy.iinfo");
  const { kind, bytes } = dtypeInfo(d);
  if (kind !== "signed" && kind !== "unsigned") {
    throw new DTypeError(
      `numpy.iinfo: dtype must be an integer's; got ${d}. For floats use numpy.finfo`,
    );
  }
  const bits = 8 * bytes;
  const max = (1n << BigInt(kind === "signed" ? bits - 1 : bits)) - 1n;
  const min = kind === "signed" ? -max - 1n : 0n;
  if (bits === 64) return { dtype: d, bits, min, max };
  return { dtype: d, bits, min: Number(min), max: Number(max) };
}

/** The dtype at which arrays, numbers and dtypes meet, by JAX's promotion. */
export function resultType(...xs: (ArrayLike | DType)[]): DType {
  const where = "numpy.resultType";
  if (xs.length === 0) throw new DTypeError(`${where}: needs at least one array or dtype`);
  return resultOf(
    xs.map((x) => typeof x === "string" ? literal(0, checkDType(x, where)) : x),
    where,
  )
    .dtype;
}

/** The dtype at which two dtypes meet, by JAX's promotion. */
export function promoteTypes(a: DType, b: DType): DType {
  const [p, q] = [a, b].map((d) => ({
    dtype: checkDType(d, "numpy.promoteTypes"),
    weakType: false,
  }));
  return promotePair(p, q).dtype;
}

/** A kind of dtype, as NumPy's hierarchy names it. */
export type DTypeCategory =
  | "generic"
  | "number"
  | "integer"
  | "signedinteger"
  | "unsignedinteger"
  | "inexact"
  | "floating"
  | "complexfloating";

const categories: Readonly<Record<DTypeCategory, (kind: string) => boolean>> = {
  generic: () => true,
  number: (kind) => kind !== "bool" && kind !== "key",
  integer: (kind) => kind === "signed" || kind === "unsigned",
  signedinteger: (kind) => kind === "signed",
  unsignedinteger: (kind) => kind === "unsigned",
  inexact: (kind) => kind === "floating" || kind === "complex",
  floating: (kind) => kind === "floating",
  complexfloating: (kind) => kind === "complex",
};

/** Whether a dtype is another, or belongs to a kind such as `"integer"` or `"floating"`. */
export function issubdtype(dtype: DType, kind: DType | DTypeCategory): boolean {
  const d = checkDType(dtype, "numpy.issubdtype");
  if (Object.hasOwn(categories, kind)) {
    return categories[kind as DTypeCategory](dtypeInfo(d).kind);
  }
  return d === checkDType(kind, "numpy.issubdtype");
}

/** A kind of dtype, as the array API standard names it. */
export type DTypeKindName =
  | "bool"
  | "signed integer"
  | "unsigned integer"
  | "integral"
  | "real floating"
  | "complex floating"
  | "numeric";

const kinds: Readonly<Record<DTypeKindName, (kind: string) => boolean>> = {
  "bool": (kind) => kind === "bool",
  "signed integer": categories.signedinteger,
  "unsigned integer": categories.unsignedinteger,
  "integral": categories.integer,
  "real floating": categories.floating,
  "complex floating": categories.complexfloating,
  "numeric": categories.number,
};

/** Whether a dtype is of a kind, or one of several kinds and dtypes. */
export function isdtype(
  dtype: DType,
  kind: DType | DTypeKindName | readonly (DType | DTypeKindName)[],
): boolean {
  const d = checkDType(dtype, "numpy.isdtype");
  return ([kind].flat() as (DType | DTypeKindName)[]).some((k) =>
    Object.hasOwn(kinds, k)
      ? kinds[k as DTypeKindName](dtypeInfo(d).kind)
      : d === checkDType(k, "numpy.isdtype")
  );
}

/** How far a cast may go: `"no"`, to equal kinds, or anywhere. */
export type Casting = "no" | "equiv" | "safe" | "same_kind" | "unsafe";

/** Whether values of one dtype can be cast to another: without loss (`"safe"`, the default), within their kind, …. */
export function canCast(
  from: DType,
  to: DType,
  options: { readonly casting?: Casting } = {},
): boolean {
  const where = "numpy.canCast";
  const [a, b] = [checkDType(from, where), checkDType(to, where)];
  const { casting = "safe" } = options;
  if (a === b || casting === "unsafe") return true;
  if (casting === "no" || casting === "equiv") return false;
  const [p, q] = [dtypeInfo(a), dtypeInfo(b)];
  const height = { bool: 0, unsigned: 1, signed: 2, floating: 3, complex: 4, key: 9 };
  if (p.kind === "key" || q.kind === "key") return false;
  if (casting === "same_kind") return height[p.kind] <= height[q.kind];
  if (p.kind === "bool") return true;
  if (p.kind === q.kind) return p.bytes <= q.bytes;
  if (height[p.kind] > height[q.kind]) return false;
  // An integer must fit the mantissa; NumPy lets 64 bits pass for float64.
  if (q.kind === "floating") return p.bytes < q.bytes || q.bytes === 8;
  if (q.kind === "complex") return canCast(from, partOf(to));
  return p.bytes < q.bytes;
}

/** The shape of an array or number. */
export function shape(x: ArrayLike): Shape {
  return asArray(x, "numpy.shape").shape;
}

/** The number of axes of an array or number. */
export function ndim(x: ArrayLike): number {
  return asArray(x, "numpy.ndim").ndim;
}

/** The number of elements, or of places along an axis. */
export function size(
  x: ArrayLike,
  options: { readonly axis?: number | null } | number | null = null,
): number {
  const a = asArray(x, "numpy.size");
  const axis = typeof options === "object" ? options?.axis ?? null : options;
  return axis === null ? a.size : a.shape[normalizeAxis(axis, a.ndim, "numpy.size")];
}
