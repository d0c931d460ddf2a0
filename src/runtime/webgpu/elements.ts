/**
 * Elements on their way to a device and back: what takes fewer bits than a word there takes a word.
 *
 * @module
 */
import { type DType, dtypeInfo, type TypedArray, typedArrayClass } from "../../core/dtype.ts";

/** The words of an array's elements as a device holds them; a view of the array where they are the same. */
export function toDevice(x: TypedArray, dtype: DType): Uint8Array<ArrayBuffer> {
  const same = dtypeInfo(dtype).bytes >= 4;
  const words = same ? x : Uint32Array.from(x as Uint8Array);
  const bytes = new Uint8Array(words.buffer as ArrayBuffer, words.byteOffset, words.byteLength);
  // What other threads may write to, WebGPU does not take.
  return words.buffer instanceof ArrayBuffer ? bytes : new Uint8Array(bytes);
}

/** The elements of a device's words. */
export function fromDevice(bytes: ArrayBuffer, dtype: DType, size: number): TypedArray {
  const Elements = typedArrayClass(dtype);
  if (dtypeInfo(dtype).bytes >= 4) return new Elements(bytes, 0, size);
  return (Elements as Uint8ArrayConstructor).from(new Uint32Array(bytes, 0, size));
}
