/**
 * The data files of the oracle: their types, reading them, and turning their values into arrays.
 * `record.py` describes the format.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import { type DType, type TypedArray, typedArrayClass } from "../../src/core/dtype.ts";

/** An encoded value: see `record.py`. */
export type Encoded =
  | number
  | string
  | boolean
  | null
  | readonly Encoded[]
  | { readonly [tag: string]: Encoded };

/** A recorded function. */
export interface Program {
  readonly params: readonly number[];
  readonly steps: readonly (readonly [number, string, ...Encoded[]])[];
  readonly out: Encoded;
}

/** How far a floating result may be from the reference. */
export interface Tolerance {
  readonly ulp?: number;
  readonly rtol?: number;
  readonly atol?: number;
}

/** One recorded call with JAX's answer. */
export interface Case {
  readonly id: string;
  readonly fn: string;
  readonly in: readonly Encoded[];
  readonly p: Program;
  readonly out: Encoded;
  readonly tol?: Tolerance;
  readonly weak?: boolean;
  readonly jit?: boolean;
  readonly throws?: boolean;
}

/** What is stored of an array. */
export interface StoredArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: TypedArray;
}

/** A decoded data file. */
export interface DataFile {
  readonly file: string;
  readonly arrays: readonly StoredArray[];
  readonly cases: readonly Case[];
  /** What a module of cases keeps beside them, by name. */
  readonly tables: Readonly<Record<string, unknown>>;
}

/** Reads `data/<name>.json`. */
export function readDataFile(name: string): DataFile {
  const text = Deno.readTextFileSync(new URL(`./data/${name}.json`, import.meta.url));
  const { file, arrays, cases, ...tables } = JSON.parse(text) as {
    file: string;
    arrays: [DType, number[], string][];
    cases: Case[];
  };
  return {
    file,
    cases,
    tables,
    arrays: arrays.map(([dtype, shape, base64]) => ({
      dtype,
      shape,
      values: typed(dtype, Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer),
    })),
  };
}

function typed(dtype: DType, buffer: ArrayBuffer): TypedArray {
  switch (dtype) {
    case "float32":
      return new Float32Array(buffer);
    case "float64":
      return new Float64Array(buffer);
    case "int32":
      return new Int32Array(buffer);
    case "int64":
      return new BigInt64Array(buffer);
    case "uint32":
      return new Uint32Array(buffer);
    case "bfloat16":
      // As float32, of which it is the upper half.
      return Float32Array.from(new Uint16Array(buffer), (bits) => {
        return new Float32Array(new Uint32Array([bits << 16]).buffer)[0]!;
      });
    default:
      return new (typedArrayClass(dtype) as Uint8ArrayConstructor)(buffer);
  }
}

const made: WeakMap<StoredArray, vn.NDArray> = new WeakMap();

/** A stored array as one of the library's; always the same one, made where it is first asked for. */
export function toArray(stored: StoredArray): vn.NDArray {
  let array = made.get(stored);
  if (array === undefined) {
    array = stored.dtype.startsWith("complex")
      ? complexArray(stored.values as Float32Array)
      : vn.numpy.array(stored.values, { dtype: stored.dtype });
    if (stored.shape.length !== 1) array = vn.numpy.reshape(array, stored.shape);
    made.set(stored, array);
  }
  return array;
}

/** An array of real and imaginary parts in turn. */
function complexArray(pairs: Float32Array): vn.NDArray {
  const part = (k: number) => vn.numpy.array(pairs.filter((_, i) => i % 2 === k));
  return vn.lax.complex(part(0), part(1));
}

/** Makes the arrays of a program now, so that a function that is traced later finds them concrete. */
export function makeProgramArrays(file: DataFile, program: Program): void {
  for (const [, , ...args] of program.steps) for (const arg of args) makeArrays(file, arg);
  makeArrays(file, program.out);
}

function makeArrays(file: DataFile, value: Encoded): void {
  if (typeof value !== "object" || value === null) return;
  const tag = tagOf(value);
  if (tag === "a") toArray(file.arrays[(value as { a: number }).a]!);
  else if (tag === null) { for (const part of value as Encoded[]) makeArrays(file, part); }
  else if (tag === "l") makeProgramArrays(file, (value as { l: unknown }).l as Program);
  else if (tag === "d" || tag === "o" || tag === "k") {
    // The keys inside belong to whoever wrote the case: none of them is a tag.
    const content = (value as Record<string, Record<string, Encoded>>)[tag]!;
    for (const part of Object.values(content)) makeArrays(file, part);
  }
}

/** The only key of a tagged value, or null for anything else. */
export function tagOf(value: Encoded): string | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return Object.keys(value)[0] ?? null;
}

/** A number that JSON cannot hold. */
export function specialNumber(name: string): number {
  return { nan: NaN, inf: Infinity, "-inf": -Infinity, "-0": -0 }[name]!;
}
