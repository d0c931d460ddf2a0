/**
 * Elements on their way to a device and back: what takes fewer bits than a word takes a word there, but for float16 where the
 * device has it.
 *
 * @module
 */
import type { AdapterTraits } from "../../backends/wgsl/traits.ts";
import { isPacked } from "../../backends/wgsl/types.ts";
import {
  bfloat16Bits,
  type DType,
  dtypeInfo,
  fromBfloat16Bits,
  isFloating,
  type TypedArray,
  typedArrayClass,
} from "../../core/dtype.ts";

/** The words of an array's elements as a device holds them; a view of the array where they are the same. */
export function toDevice(
  x: TypedArray,
  dtype: DType,
  traits: AdapterTraits,
): Uint8Array<ArrayBuffer> {
  const words = isAlike(dtype, traits) ? x : widened(x, dtype);
  const bytes = new Uint8Array(words.buffer as ArrayBuffer, words.byteOffset, words.byteLength);
  if (bytes.length % 4 !== 0) {
    const whole = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
    whole.set(bytes);
    return whole;
  }
  // What other threads may write to, WebGPU does not take.
  return words.buffer instanceof ArrayBuffer ? bytes : new Uint8Array(bytes);
}

/** Whether a device's memory holds elements as the host's does. */
function isAlike(dtype: DType, traits: AdapterTraits): boolean {
  return dtypeInfo(dtype).bytes >= 4 || isPacked(dtype, traits);
}

function widened(x: TypedArray, dtype: DType): Float32Array | Int32Array {
  if (dtype === "bfloat16") return Float32Array.from(x as Uint16Array, fromBfloat16Bits);
  return isFloating(dtype)
    ? Float32Array.from(x as Float32Array)
    : Int32Array.from(x as Int32Array);
}

/** The elements of a device's words. */
export function fromDevice(
  bytes: ArrayBuffer,
  dtype: DType,
  size: number,
  traits: AdapterTraits,
): TypedArray {
  const Elements = typedArrayClass(dtype);
  if (isAlike(dtype, traits)) return new Elements(bytes, 0, size);
  if (dtype === "bfloat16") return Uint16Array.from(new Float32Array(bytes, 0, size), bfloat16Bits);
  const words = isFloating(dtype)
    ? new Float32Array(bytes, 0, size)
    : new Int32Array(bytes, 0, size);
  return (Elements as Int32ArrayConstructor).from(words);
}
