/**
 * Compares what the library gave with what JAX gave, leaf by leaf.
 *
 * @module
 */
import { type DType, isComplex, isFloating, partOf } from "../../src/core/dtype.ts";
import * as vn from "../../mod.ts";
import {
  type DataFile,
  type Encoded,
  specialNumber,
  type StoredArray,
  tagOf,
  type Tolerance,
} from "./format.ts";

/** What a comparison needs beside the two values. */
export interface Options {
  readonly tol: Tolerance;
  /** Whether weak types are compared, and host numbers told from 0-d arrays. */
  readonly weak: boolean;
}

/** The differences between a value and its reference, each a line; none where they agree. */
export function differences(
  file: DataFile,
  got: unknown,
  want: Encoded,
  options: Options,
  path = "",
): string[] {
  const at = path === "" ? "" : `${path}: `;
  const tag = tagOf(want);
  // deno-lint-ignore no-explicit-any -- the tag says what the content is, which types cannot follow
  const content = tag === null ? undefined : (want as any)[tag];
  if (Array.isArray(want)) {
    if (!Array.isArray(got)) return [`${at}expected an array of ${want.length}, got ${show(got)}`];
    if (got.length !== want.length) {
      return [`${at}expected ${want.length} entries, got ${got.length}`];
    }
    return want.flatMap((w, i) => differences(file, got[i], w, options, `${path}[${i}]`));
  }
  switch (tag) {
    case "a":
      return arrays(file.arrays[content]!, "w" in (want as object), got, options).map((d) =>
        at + d
      );
    case "d": {
      if (typeof got !== "object" || got === null) {
        return [`${at}expected a tree, got ${show(got)}`];
      }
      const [a, b] = [Object.keys(got).sort(), Object.keys(content).sort()];
      if (a.join() !== b.join()) return [`${at}expected the keys ${b}, got ${a}`];
      return b.flatMap((k) =>
        differences(file, (got as Record<string, unknown>)[k], content[k], options, `${path}.${k}`)
      );
    }
    case "text": {
      const tidy = (s: string) => s.replaceAll(/ +$/gm, "").trim();
      if (tidy(String(got)) === tidy(content)) return [];
      return [`${at}expected\n${tidy(content)}\ngot\n${tidy(String(got))}`];
    }
    case "struct": {
      const [dtype, shape, weak] = content as [string, number[], boolean];
      const s = got as vn.ShapeDtypeStruct & { weakType?: boolean };
      if (s?.dtype !== dtype || s.shape.join() !== shape.join()) {
        return [`${at}expected a struct ${dtype}[${shape}], got ${show(got)}`];
      }
      if (options.weak && (s.weakType ?? false) !== weak) return [`${at}expected weakType ${weak}`];
      return [];
    }
    case "any":
      return [];
    case "x":
      return scalars(got, specialNumber(content), options).map((d) => at + d);
    case "n":
      return scalars(got, Number(content), options).map((d) => at + d);
  }
  return scalars(got, want as number | string | boolean | null, options).map((d) => at + d);
}

function scalars(
  got: unknown,
  want: number | string | boolean | null,
  options: Options,
): string[] {
  if (want === null) {
    return got === null || got === undefined ? [] : [`expected null, got ${show(got)}`];
  }
  if (got instanceof vn.NDArray && !options.weak && got.ndim === 0) got = got.item();
  if (typeof want === "number" && typeof got === "number" && !Object.is(got, want)) {
    const stored: StoredArray = { dtype: "float64", shape: [], values: new Float64Array([want]) };
    return elements(stored, new Float64Array([got]), options.tol);
  }
  return Object.is(got, want) ? [] : [`expected ${show(want)}, got ${show(got)}`];
}

function arrays(want: StoredArray, weak: boolean, got: unknown, options: Options): string[] {
  if (typeof got === "number" && !options.weak && want.shape.length === 0) {
    return elements(want, [got], options.tol);
  }
  if (!(got instanceof vn.NDArray)) {
    return [`expected ${want.dtype}[${want.shape}], got ${show(got)}`];
  }
  const found: string[] = [];
  if (got.dtype !== want.dtype) found.push(`expected dtype ${want.dtype}, got ${got.dtype}`);
  if (got.shape.join() !== want.shape.join()) {
    found.push(`expected shape [${want.shape}], got [${got.shape}]`);
  }
  if (found.length > 0) return found;
  // A weak bool promotes as a strong one does: JAX's comparisons of weak operands give one by chance.
  if (options.weak && got.dtype !== "bool" && got.weakType !== weak) {
    found.push(`expected weakType ${weak}, got ${got.weakType}`);
  }
  const values = got.dtype === "bfloat16" ? got.astype("float32").dataSync() : got.dataSync();
  return [...found, ...elements(want, values, options.tol)];
}

function elements(want: StoredArray, got: ArrayLike<number | bigint>, tol: Tolerance): string[] {
  if (got.length !== want.values.length) {
    return [`expected ${want.values.length} elements, got ${got.length}`];
  }
  const dtype = partOf(want.dtype);
  const floating = isFloating(dtype);
  let count = 0;
  let first = "";
  for (let i = 0; i < got.length; i++) {
    const [g, w] = [got[i]!, want.values[i]!];
    const why = floating
      ? floatDifference(Number(g), w as number, dtype, tol)
      : (g === w || Number(g) === Number(w) ? null : "");
    if (why === null) continue;
    count++;
    if (first === "") {
      first = `at [${
        position(i, isComplex(want.dtype) ? [...want.shape, 2] : want.shape)
      }] expected ${text(w)}, got ${text(g)}${why}`;
    }
  }
  return count === 0 ? [] : [`${first}; ${count} of ${got.length} differ`];
}

/** Null where near enough, else a remark on the distance. */
function floatDifference(g: number, w: number, dtype: DType, tol: Tolerance): string | null {
  if (Object.is(g, w)) return null;
  if (Number.isNaN(g) || Number.isNaN(w)) return "";
  if (g === w) return tol.ulp === 0 ? " (the sign of zero)" : null;
  const distance = Math.abs(g - w);
  if (distance <= (tol.atol ?? 0)) return null;
  if (tol.ulp !== undefined) {
    const ulps = ulpsBetween(g, w, dtype);
    return ulps <= tol.ulp ? null : ` (${ulps} ulp apart, allowed ${tol.ulp})`;
  }
  if (!Number.isFinite(g) || !Number.isFinite(w)) return "";
  const allowed = (tol.atol ?? 0) + (tol.rtol ?? 0) * Math.abs(w);
  return distance <= allowed
    ? null
    : ` (${distance.toExponential(1)} apart, allowed ${allowed.toExponential(1)})`;
}

const f32 = new Float32Array(1);
const i32 = new Int32Array(f32.buffer);
const f64 = new Float64Array(1);
const i64 = new BigInt64Array(f64.buffer);

function order32(x: number): number {
  f32[0] = x;
  return i32[0]! < 0 ? -(i32[0]! & 0x7fffffff) : i32[0]!;
}

function order64(x: number): bigint {
  f64[0] = x;
  return i64[0]! < 0n ? -(i64[0]! & 0x7fffffffffffffffn) : i64[0]!;
}

const f16 = new Float16Array(1);
const i16 = new Int16Array(f16.buffer);

function order16(x: number): number {
  f16[0] = x;
  return i16[0]! < 0 ? -(i16[0]! & 0x7fff) : i16[0]!;
}

function ulpsBetween(a: number, b: number, dtype: DType): number {
  switch (dtype) {
    case "float16":
      return Math.abs(order16(a) - order16(b));
    case "bfloat16":
      return Math.abs(order32(a) - order32(b)) / 65536;
    case "float32":
      return Math.abs(order32(a) - order32(b));
    default:
      return ulps64(a, b);
  }
}

function ulps64(a: number, b: number): number {
  const d = order64(a) - order64(b);
  return Number(d < 0n ? -d : d);
}

function text(x: number | bigint): string {
  return Object.is(x, -0) ? "-0" : String(x);
}

function position(flat: number, shape: readonly number[]): string {
  const index: number[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index.unshift(flat % shape[axis]!);
    flat = Math.floor(flat / shape[axis]!);
  }
  return index.join(", ");
}

function show(x: unknown): string {
  if (x instanceof vn.NDArray) return `${x.dtype}[${x.shape}]`;
  if (typeof x === "function") return "a function";
  if (Array.isArray(x)) return `an array of ${x.length}`;
  if (typeof x === "object" && x !== null) {
    return `${x.constructor?.name ?? "object"} {${Object.keys(x)}}`;
  }
  return Object.is(x, -0) ? "-0" : String(x);
}
