/**
 * Library kernels that have no shader, run by the processor in the middle of a device's program.
 *
 * @module
 */
import type { HostElements, HostKernel } from "../../backends/wgsl/program.ts";
import type { AdapterTraits } from "../../backends/wgsl/traits.ts";
import { dtypeInfo, typedArrayClass } from "../../core/dtype.ts";
import { InternalError } from "../../errors.ts";
import { namedKernel } from "../kernel_ops.ts";
import { heap } from "../memory.ts";
import { beginOperation, giveScratch, takeScratch } from "../storage.ts";
import { fromDevice, toDevice } from "./elements.ts";

/**
 * Runs a kernel on elements as a device holds them.
 *
 * @param words Those of each operand.
 * @param traits Of the device, on which it depends what its words are.
 * @returns Those of each result.
 */
export function runHostKernel(
  { call, params, ins, outs, scratch }: HostKernel,
  words: readonly ArrayBuffer[],
  traits: AdapterTraits,
): Uint8Array<ArrayBuffer>[] {
  const kernel = namedKernel(call.name);
  if (kernel === null) throw new InternalError(`WebGPU: no kernel ${call.name}`);
  let bytes = 0;
  const place = (size: number): number => {
    const at = bytes;
    bytes = Math.ceil((at + size) / 64) * 64;
    return at;
  };
  const placeOf = ({ dtype, size }: HostElements) => place(size * dtypeInfo(dtype).bytes);
  const places = { read: ins.map(placeOf), write: outs.map(placeOf), scratch: [place(scratch)] };
  beginOperation();
  const block = takeScratch(bytes, `${call.name} for a WebGPU device`);
  try {
    const start = block.address;
    const buffer = heap().memory.buffer as ArrayBuffer;
    ins.forEach(({ dtype, size }, i) => {
      const target = new (typedArrayClass(dtype))(buffer, start + places.read[i], size);
      target.set(fromDevice(words[i], dtype, size, traits) as never);
    });
    const next = { read: 0, write: 0, scratch: 0 };
    kernel(...call.args.map((arg, i) => {
      if (arg.kind === "number") return arg.value;
      const role = params[i] as keyof typeof next;
      return start + places[role][next[role]++];
    }));
    return outs.map(({ dtype, size }, i) => {
      const found = new (typedArrayClass(dtype))(buffer, start + places.write[i], size);
      return toDevice(found.slice(), dtype, traits);
    });
  } finally {
    giveScratch(block);
  }
}
