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

/** An element type that this version stores and computes natively. */
export type DType =
  | "float32"
  | "float64"
  | "int32"
  | "int64"
  | "uint32"
  | "uint8"
  | "bool"
  /** An element of a typed PRNG key array (`key<fry>`): 64 opaque bits. */
  | "key<fry>";

/** What family an element type belongs to. */
export type DTypeKind = "bool" | "unsigned" | "signed" | "floating" | "key";

/** A TypedArray able to hold some {@linkcode DType}. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Int32Array
  | BigInt64Array
  | BigUint64Array
  | Uint32Array
  | Uint8Array;

/** A scalar of the host language, as it stands for an element. */
export type HostScalar = number | bigint | boolean;

interface DTypeInfo {
  readonly kind: DTypeKind;
  /** Bytes per element. */
  readonly bytes: number;
  /** The short name that jaxprs print. */
  readonly short: string;
  /** Height among its kind, for promotion. */
  readonly rank: number;
}

const infos: Readonly<Record<DType, DTypeInfo>> = {
  "bool": { kind: "bool", bytes: 1, short: "bool", rank: 0 },
  "uint8": { kind: "unsigned", bytes: 1, short: "u8", rank: 0 },
  "uint32": { kind: "unsigned", bytes: 4, short: "u32", rank: 2 },
  "int32": { kind: "signed", bytes: 4, short: "i32", rank: 2 },
  "int64": { kind: "signed", bytes: 8, short: "i64", rank: 3 },
  "float32": { kind: "floating", bytes: 4, short: "f32", rank: 2 },
  "float64": { kind: "floating", bytes: 8, short: "f64", rank: 3 },
  "key<fry>": { kind: "key", bytes: 8, short: "key<fry>", rank: 0 },
};

/** dtypes that JAX has and that are planned here: named in the error, so that nobody hunts a typo. */
const planned = new Set([
  "float16",
  "bfloat16",
  "int8",
  "int16",
  "uint16",
  "uint64",
  "complex64",
  "complex128",
]);

/** Every dtype that a user may name (keys excluded). */
export const numericDTypes: readonly DType[] = [
  "float32",
  "float64",
  "int32",
  "int64",
  "uint32",
  "uint8",
  "bool",
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
  if (typeof dtype === "string" && planned.has(dtype)) {
    throw new DTypeError(
      `${where}: dtype ${dtype} is not supported yet; use one of ${known}`,
    );
  }
  throw new DTypeError(`${where}: expected a dtype, one of ${known}; got ${String(dtype)}`);
}

/** Whether a dtype is floating. */
export function isFloating(dtype: DType): boolean {
  return infos[dtype].kind === "floating";
}

/** Whether a dtype is differentiable: floating, or (once there) complex. */
export function isInexact(dtype: DType): boolean {
  return infos[dtype].kind === "floating";
}

/** Whether a dtype is an integer, signed or not (`bool` is not). */
export function isInteger(dtype: DType): boolean {
  const kind = infos[dtype].kind;
  return kind === "signed" || kind === "unsigned";
}

/** The dtype of a TypedArray's elements. `BigUint64Array` has none yet. */
export function dtypeOfTypedArray(array: ArrayBufferView, where: string): DType {
  if (array instanceof Float32Array) return "float32";
  if (array instanceof Float64Array) return "float64";
  if (array instanceof Int32Array) return "int32";
  if (array instanceof Uint32Array) return "uint32";
  if (array instanceof Uint8Array || array instanceof Uint8ClampedArray) return "uint8";
  if (array instanceof BigInt64Array) return "int64";
  throw new DTypeError(
    `${where}: a ${array.constructor.name} has no dtype here yet; convert it to one of ` +
      "Float32Array, Float64Array, Int32Array, Uint32Array, Uint8Array, BigInt64Array",
  );
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

// The lattice of weak types: bool < weak int < integers < weak float < floats. Each type is a
// point; `join` climbs to the least point above both.
function joinStrong(a: DType, b: DType): DType {
  if (a === b) return a;
  const [ka, kb] = [infos[a].kind, infos[b].kind];
  if (ka === "key" || kb === "key") {
    throw new DTypeError(
      `dtypes ${a} and ${b} cannot be combined: keys have no arithmetic; use random.keyData(key) for their bits`,
    );
  }
  if (ka === "bool") return b;
  if (kb === "bool") return a;
  if (ka === "floating" || kb === "floating") {
    if (ka === kb) return infos[a].bytes > infos[b].bytes ? a : b;
    return ka === "floating" ? a : b; // JAX: an integer of any width gives way to a float
  }
  if (ka === kb) return infos[a].rank > infos[b].rank ? a : b;
  const [u, s] = ka === "unsigned" ? [a, b] : [b, a];
  if (infos[s].bytes > infos[u].bytes) return s;
  return "int64"; // uint32 with int32
}

/** The type at which two types meet, by JAX's lattice. */
export function promoteTypes(a: PromotionType, b: PromotionType): PromotionType {
  if (a.weakType === b.weakType) {
    return { dtype: joinStrong(a.dtype, b.dtype), weakType: a.weakType };
  }
  const [weak, strong] = a.weakType ? [a, b] : [b, a];
  const [kw, ks] = [infos[weak.dtype].kind, infos[strong.dtype].kind];
  if (ks === "key") joinStrong(weak.dtype, strong.dtype); // throws
  // A weak float lifts a strong integer or bool to the default (weak) float; a weak integer lifts a
  // strong bool to the default (weak) integer; otherwise the strong type stands.
  if (kw === "floating" && ks !== "floating") return { dtype: weak.dtype, weakType: true };
  if (kw !== "bool" && ks === "bool") return { dtype: weak.dtype, weakType: true };
  return { dtype: strong.dtype, weakType: false };
}

/** The TypedArray class that holds a dtype's elements: `bool` in bytes 0 and 1, keys in 64 bits. */
export function typedArrayClass(dtype: DType) {
  switch (dtype) {
    case "float32":
      return Float32Array;
    case "float64":
      return Float64Array;
    case "int32":
      return Int32Array;
    case "uint32":
      return Uint32Array;
    case "int64":
      return BigInt64Array;
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
