/**
 * Abstract values: what is known of an array while a function is traced.
 *
 * @module
 */
import { ShapeError } from "../errors.ts";
import { type DType, dtypeInfo, isComplex, partOf } from "./dtype.ts";

/** A tuple of dimension sizes. */
export type Shape = readonly number[];

/**
 * The shape, dtype and weakness of an array. Interned: two equal avals are the same object, so that
 * comparing them costs one pointer.
 */
export interface ShapedArray {
  /** The sizes of the axes. */
  readonly shape: Shape;
  /** The element type. */
  readonly dtype: DType;
  /** Whether the value came from host scalars alone and gives way in promotion. */
  readonly weakType: boolean;
  /** The number of elements. */
  readonly size: number;
  /** A small number of its own, usable as a key. */
  readonly id: number;
  /**
   * How the elements lie in memory: as an array of this aval. A complex array is one of its parts, with a last axis of size 2; every
   * other aval is its own.
   */
  readonly stored: ShapedArray;
}

const interned = new Map<string, ShapedArray>();

/** The one aval of a shape, dtype and weakness. */
export function shapedArray(shape: Shape, dtype: DType, weakType = false): ShapedArray {
  const key = `${dtype}${weakType ? "~" : ":"}${shape.join()}`;
  let aval = interned.get(key);
  if (aval === undefined) {
    for (const size of shape) {
      if (!Number.isInteger(size) || size < 0) {
        throw new ShapeError(
          `shapes must be lists of non-negative integers: got [${shape.join(", ")}]`,
        );
      }
    }
    const made = {
      shape: Object.freeze([...shape]),
      dtype,
      weakType,
      size: sizeOf(shape),
      id: interned.size,
    };
    interned.set(key, made as ShapedArray);
    const stored = isComplex(dtype) ? shapedArray([...shape, 2], partOf(dtype), weakType) : made;
    // Not enumerable: parameters that hold avals are compared property by property.
    Object.defineProperty(made, "stored", { value: stored });
    aval = Object.freeze(made as ShapedArray);
  }
  return aval;
}

/** The number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const n of shape) size *= n;
  return size;
}

/** How many elements apart neighbours along each axis are, rows last: `[12, 4, 1]` for `[2, 3, 4]`. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

/** Bytes that a value of this aval occupies. */
export function nbytesOf(aval: ShapedArray): number {
  return aval.size * dtypeInfo(aval.dtype).bytes;
}

/** `aval` with another weakness. */
export function withWeakType(aval: ShapedArray, weakType: boolean): ShapedArray {
  return aval.weakType === weakType ? aval : shapedArray(aval.shape, aval.dtype, weakType);
}

/** As jaxprs print it: `f32[2,3]`, `i32[]`. */
export function formatAval(aval: ShapedArray): string {
  return `${dtypeInfo(aval.dtype).short}[${aval.shape.join(",")}]`;
}

/** Whether two shapes are the same. */
export function shapesEqual(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** `[2, 3]`, for messages. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}
