/**
 * Element types, their sizes and kinds, and JAX's type promotion.
 *
 * Promotion follows JAX's lattice (https://docs.jax.dev/en/latest/type_promotion.html): a Python-like
 * scalar is *weakly* typed and gives way to the array it meets, two strong types meet at their join.
 * Defaults are those of JAX with 64-bit types switched off (`float32`, `int32`), but the 64-bit types
 * are there for whoever names them.
 *
 * @module
 */
import { DTypeError } from "../errors.ts";

/** An element type. */
export type DType =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "bool"
  | "complex64"
  | "complex128"
  /** An element of a typed PRNG key array (`key<fry>`): 64 opaque bits. */
  | "key<fry>";

/** What family an element type belongs to. */
export type DTypeKind = "bool" | "unsigned" | "signed" | "floating" | "complex" | "key";

/** A TypedArray able to hold some {@linkcode DType}. */
export type TypedArray =
  | Float16Array
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | BigUint64Array
  | Uint32Array
  | Uint16Array
  | Uint8Array;

/** A scalar of the host language, as it stands for an element. */
export type HostScalar = number | bigint | boolean;

interface DTypeInfo {
  readonly kind: DTypeKind;
  /** Bytes per element. */
  readonly bytes: number;
  /** The short name that jaxprs print. */
  readonly short: string;
  /**
   * The dtype in which its elements are computed with: its own, but for those that are only stored. Arithmetic on a stored
   * dtype is that of the wider one, rounded or wrapped after each operation.
   */
  readonly wide: DType;
}

function info(kind: DTypeKind, bytes: number, short: string, wide: DType): DTypeInfo {
  return { kind, bytes, short, wide };
}

const infos: Readonly<Record<DType, DTypeInfo>> = {
  "bool": info("bool", 1, "bool", "bool"),
  "uint8": info("unsigned", 1, "u8", "uint8"),
  "uint16": info("unsigned", 2, "u16", "int32"),
  "uint32": info("unsigned", 4, "u32", "uint32"),
  "uint64": info("unsigned", 8, "u64", "uint64"),
  "int8": info("signed", 1, "i8", "int32"),
  "int16": info("signed", 2, "i16", "int32"),
  "int32": info("signed", 4, "i32", "int32"),
  "int64": info("signed", 8, "i64", "int64"),
  "float16": info("floating", 2, "f16", "float32"),
  "bfloat16": info("floating", 2, "bf16", "float32"),
  "float32": info("floating", 4, "f32", "float32"),
  "float64": info("floating", 8, "f64", "float64"),
  "complex64": info("complex", 8, "c64", "complex64"),
  "complex128": info("complex", 16, "c128", "complex128"),
  "key<fry>": info("key", 8, "key<fry>", "key<fry>"),
};

/** Every dtype that a user may name (keys excluded). */
export const numericDTypes: readonly DType[] = [
  "float32",
  "float64",
  "float16",
  "bfloat16",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "bool",
  "complex64",
  "complex128",
];

/** Facts about a dtype. */
export function dtypeInfo(dtype: DType): DTypeInfo {
  return infos[dtype];
}

/** Checks a dtype that came from outside.
 *
 * @param where The public function and argument that it came through, for the message.
 * @throws {DTypeError} Where it is not supported.
 */
export function checkDType(dtype: unknown, where: string): DType {
  if (typeof dtype === "string" && dtype in infos) return dtype as DType;
  const known = numericDTypes.join(", ");
  throw new DTypeError(`${where}: expected a dtype, one of ${known}; got ${String(dtype)}`);
}

/** Whether a dtype is floating. */
export function isFloating(dtype: DType): boolean {
  return infos[dtype].kind === "floating";
}

/** Whether a dtype is complex. */
export function isComplex(dtype: DType): boolean {
  return infos[dtype].kind === "complex";
}

/** Whether a dtype is differentiable: floating or complex. */
export function isInexact(dtype: DType): boolean {
  const { kind } = infos[dtype];
  return kind === "floating" || kind === "complex";
}

/** The dtype of the real and the imaginary part; of a dtype that is not complex, itself. */
export function partOf(dtype: DType): DType {
  return dtype === "complex64" ? "float32" : dtype === "complex128" ? "float64" : dtype;
}

/** The complex dtype whose parts have at least the precision of a dtype. */
export function complexOf(dtype: DType): "complex64" | "complex128" {
  return dtype === "complex128" || dtype === "float64" || isBig(dtype) ? "complex128" : "complex64";
}

/** Whether a dtype is a float of 16 bits. */
export function isHalf(dtype: DType): boolean {
  return dtype === "float16" || dtype === "bfloat16";
}

/** Whether an element is held as a `bigint`. */
export function isBig(dtype: DType): boolean {
  const { bytes, kind } = infos[dtype];
  return bytes === 8 && kind !== "floating" && kind !== "complex";
}

/** The dtype in which elements of another are computed with; see `wide` of {@linkcode dtypeInfo}. */
export function wideOf(dtype: DType): DType {
  return infos[dtype].wide;
}

/** Whether elements are only stored in a dtype, and computed with in a wider one. */
export function isStored(dtype: DType): boolean {
  return infos[dtype].wide !== dtype;
}

/** The least and the largest value of an integer dtype. */
export function integerLimits(dtype: DType): readonly [low: bigint, high: bigint] {
  const { kind, bytes } = infos[dtype];
  const bits = BigInt(8 * bytes);
  return kind === "signed"
    ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n]
    : [0n, (1n << bits) - 1n];
}

/** Whether a dtype is an integer with a sign. */
export function isSigned(dtype: DType): boolean {
  return infos[dtype].kind === "signed";
}

/** Whether a dtype is an integer, signed or not (`bool` is not). */
export function isInteger(dtype: DType): boolean {
  const kind = infos[dtype].kind;
  return kind === "signed" || kind === "unsigned";
}

/** The dtype of a TypedArray's elements. */
export function dtypeOfTypedArray(array: ArrayBufferView, where: string): DType {
  if (array instanceof Float32Array) return "float32";
  if (array instanceof Float64Array) return "float64";
  if (array instanceof Int32Array) return "int32";
  if (array instanceof Uint32Array) return "uint32";
  if (array instanceof Uint8Array || array instanceof Uint8ClampedArray) return "uint8";
  if (array instanceof BigInt64Array) return "int64";
  if (array instanceof Int8Array) return "int8";
  if (array instanceof Int16Array) return "int16";
  if (array instanceof Uint16Array) return "uint16";
  if (array instanceof BigUint64Array) return "uint64";
  if (array instanceof Float16Array) return "float16";
  throw new DTypeError(`${where}: a ${array.constructor.name} has no dtype`);
}

/** The dtype of a scalar of the host language where nothing else decides it. */
export function dtypeOfScalar(value: HostScalar): DType {
  if (typeof value === "boolean") return "bool";
  return typeof value === "bigint" ? "int32" : "float32";
}

/** A dtype and whether it is weak: what promotion works on. */
export interface PromotionType {
  readonly dtype: DType;
  readonly weakType: boolean;
}

// JAX's lattice of types, https://docs.jax.dev/en/latest/type_promotion.html: each point and those right above it. A scalar
// of the host stands at a point of its own (`int*`, `float*`) below all dtypes of its kind.
const above: Readonly<Record<string, readonly string[]>> = {
  "bool": ["int*"],
  "int*": ["uint8", "int8"],
  "uint8": ["uint16", "int16"],
  "uint16": ["uint32", "int32"],
  "uint32": ["uint64", "int64"],
  "uint64": ["float*"],
  "int8": ["int16"],
  "int16": ["int32"],
  "int32": ["int64"],
  "int64": ["float*"],
  "float*": ["float16", "bfloat16", "complex*"],
  "float16": ["float32"],
  "bfloat16": ["float32"],
  "float32": ["float64", "complex64"],
  "float64": ["complex128"],
  "complex*": ["complex64"],
  "complex64": ["complex128"],
  "complex128": [],
};

/** All points that a point is not above, i.e. itself and what it leads to. */
function upwards(point: string, into: Set<string> = new Set()): Set<string> {
  if (!into.has(point)) {
    into.add(point);
    for (const next of above[point]) upwards(next, into);
  }
  return into;
}

/** The lowest point that two points lead to. */
function join(a: string, b: string): string {
  const [fromA, fromB] = [upwards(a), upwards(b)];
  const common = [...fromA].filter((p) => fromB.has(p));
  return common.find((p) => common.every((q) => upwards(p).has(q)))!;
}

/** The dtype that a weakly typed operand has where nothing else decides it. */
const defaults: Readonly<Record<string, DType>> = {
  "int*": "int32",
  "float*": "float32",
  "complex*": "complex64",
};

function pointOf({ dtype, weakType }: PromotionType): string {
  const { kind } = infos[dtype];
  if (!weakType || kind === "bool") return dtype;
  return kind === "complex" ? "complex*" : kind === "floating" ? "float*" : "int*";
}

const joins = new Map<string, PromotionType>();

/** The type at which two types meet, by JAX's lattice. */
export function promoteTypes(a: PromotionType, b: PromotionType): PromotionType {
  if (a.dtype === b.dtype) return a.weakType ? b : a;
  const key = `${a.dtype} ${a.weakType} ${b.dtype} ${b.weakType}`;
  let type = joins.get(key);
  if (type === undefined) joins.set(key, type = joinTypes(a, b));
  return type;
}

function joinTypes(a: PromotionType, b: PromotionType): PromotionType {
  if (infos[a.dtype].kind === "key" || infos[b.dtype].kind === "key") {
    throw new DTypeError(
      `dtypes ${a.dtype} and ${b.dtype} cannot be combined: keys have no arithmetic; use random.keyData(key) for their bits`,
    );
  }
  if (a.weakType && b.weakType) {
    const point = join(a.dtype, b.dtype);
    return { dtype: defaults[point] ?? point as DType, weakType: true };
  }
  const point = join(pointOf(a), pointOf(b));
  if (!(point in defaults)) return { dtype: point as DType, weakType: false };
  // A weak operand above a strong one keeps its own dtype; beside a weak one below, too.
  const weak = a.weakType ? a : b;
  if (weak.weakType) return { dtype: weak.dtype, weakType: true };
  return { dtype: "float64", weakType: true }; // uint64 with a signed integer: the float of as many bits
}

/**
 * The TypedArray class that holds a dtype's elements: `bool` in bytes 0 and 1, keys in 64 bits, `bfloat16`, which no
 * class knows, in its 16 bits, complex numbers as real and imaginary parts in turn.
 */
export function typedArrayClass(dtype: DType) {
  switch (dtype) {
    case "float32":
    case "complex64":
      return Float32Array;
    case "float64":
    case "complex128":
      return Float64Array;
    case "float16":
      return Float16Array;
    case "int8":
      return Int8Array;
    case "int16":
      return Int16Array;
    case "int32":
      return Int32Array;
    case "uint16":
    case "bfloat16":
      return Uint16Array;
    case "uint32":
      return Uint32Array;
    case "int64":
      return BigInt64Array;
    case "uint64":
    case "key<fry>":
      return BigUint64Array;
    case "uint8":
    case "bool":
      return Uint8Array;
    default: {
      const never: never = dtype;
      return never;
    }
  }
}

const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);

/** The float of the bits of a bfloat16. */
export function fromBfloat16Bits(bits: number): number {
  singleBits[0] = bits << 16;
  return single[0];
}

/** The bits of the bfloat16 nearest to a float32, of two equally near the even one. */
export function bfloat16Bits(x: number): number {
  single[0] = x;
  const bits = singleBits[0];
  if (x !== x) return (bits >>> 16) | 0x40; // a quiet NaN
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The nearest value of a floating dtype. */
export function roundTo(x: number, dtype: DType): number {
  switch (dtype) {
    case "float32":
      return Math.fround(x);
    case "float16":
      return Math.f16round(x);
    case "bfloat16":
      return fromBfloat16Bits(bfloat16Bits(x));
    default:
      return x;
  }
}
