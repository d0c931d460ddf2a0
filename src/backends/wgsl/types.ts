/**
 * How element types appear on a WebGPU device: as values in WGSL, and as elements of storage buffers.
 *
 * WGSL has no 8- or 64-bit types, and of those of 16 bits `f16`, where the adapter has it: float16 is stored as such, and computed
 * with as float32. What else is narrower than 32 bits takes a word each in a device's buffer, as the number that it is, floats of
 * 16 bits as float32; 64-bit integers and keys are pairs of words, low word first, as
 * they lie in memory everywhere else. float64 has no counterpart.
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
import { DTypeError } from "../../errors.ts";
import type { AdapterTraits } from "./traits.ts";

/** What a value of a dtype is in WGSL. */
export type WgslType = "f32" | "i32" | "u32" | "bool" | "vec2<u32>";

const types: Partial<Record<DType, WgslType>> = {
  "float32": "f32",
  "int32": "i32",
  "uint32": "u32",
  "uint8": "u32",
  "bool": "bool",
  "int8": "i32",
  "int16": "i32",
  // As it is computed with in int32.
  "uint16": "i32",
  "float16": "f32",
  "bfloat16": "f32",
  "int64": "vec2<u32>",
  "uint64": "vec2<u32>",
  "key<fry>": "vec2<u32>",
};

/** Whether a device can compute with a dtype. */
export function isDeviceDType(dtype: DType): boolean {
  return types[dtype] !== undefined;
}

/** The WGSL type of a value.
 *
 * @throws {DTypeError} Where WebGPU has no such type.
 */
export function wgslType(dtype: DType): WgslType {
  const type = types[dtype];
  if (type === undefined) {
    throw new DTypeError(
      `WebGPU has no ${dtype}; run this on the CPU (filterJit with device "cpu"), or convert to float32`,
    );
  }
  return type;
}

/** How many elements a value of a kernel stands for: one, or four side by side. */
export type Width = 1 | 4;

/** The WGSL type of a value of one element or four. */
export function valueType(dtype: DType, width: Width): string {
  const type = wgslType(dtype);
  return width === 1 ? type : `vec4<${type}>`;
}

/** The type of float16 in buffers, of which each kernel says what it is. */
export const half = "half";

/** The WGSL type of an element in a storage buffer: that of the value, but for booleans and float16. */
export function elementType(dtype: DType): WgslType | typeof half {
  const type = wgslType(dtype);
  if (dtype === "float16") return half;
  return type === "bool" ? "u32" : type;
}

/** Whether two elements of a storage buffer share a word. */
export function isPacked(dtype: DType, traits: AdapterTraits): boolean {
  return dtype === "float16" && traits.hasF16;
}

/** Bytes of an element in a storage buffer. */
export function deviceBytes(dtype: DType, traits: AdapterTraits): number {
  if (isPacked(dtype, traits)) return 2;
  return wgslType(dtype) === "vec2<u32>" ? 8 : 4;
}
