/**
 * Runs of programs on a device, from arrays of the host to arrays of the host.
 *
 * @module
 */
import type { TypedArray } from "../../src/core/dtype.ts";
import type { DeviceProgram } from "../../src/backends/wgsl/program.ts";
import { bufferBytes } from "../../src/backends/wgsl/program.ts";
import type { WebGpuDevice } from "../../src/runtime/webgpu/device.ts";
import { fromDevice, toDevice } from "../../src/runtime/webgpu/elements.ts";
import {
  type HostCall,
  Recorder,
  type View,
  type Work,
} from "../../src/runtime/webgpu/recorder.ts";

/** Runs a program; inputs are left as they are, donated ones too. */
export async function execute(
  device: WebGpuDevice,
  program: DeviceProgram,
  inputs: readonly TypedArray[],
  host: HostCall = () => [],
): Promise<TypedArray[]> {
  device.check();
  const { gpu } = device;
  const ins: View[] = [];
  const outs: View[] = [];
  const held: GPUBuffer[] = [];
  const place = (bytes: number): View => {
    const buffer = device.acquire(bytes);
    held.push(buffer);
    return { buffer, offset: 0, bytes };
  };
  const outputs = program.buffers.map((buffer, id) => ({ ...buffer, id })).filter((b) =>
    b.role === "output"
  ).sort((a, b) => a.position - b.position);
  for (const buffer of program.buffers) {
    if (buffer.role !== "input") continue;
    const view = ins[buffer.position] = place(bufferBytes(buffer));
    const words = toDevice(inputs[buffer.position], buffer.dtype);
    if (words.byteLength > 0) gpu.queue.writeBuffer(view.buffer, 0, words);
  }
  for (const { position, canonical, id, ...buffer } of outputs) {
    outs[position] = canonical === id
      ? place(bufferBytes(buffer))
      : ins[program.buffers[canonical].position];
  }
  gpu.pushErrorScope("validation");
  const recorder = new Recorder(device, host);
  const work = function* (): Work {
    yield* recorder.run(program, ins, outs);
    recorder.submit();
  };
  device.perform(work(), (error) => {
    throw error;
  });
  const results = await Promise.all(outs.map((view) => device.read(view)));
  held.forEach((buffer) => device.recycle(buffer));
  const error = await gpu.popErrorScope();
  if (error) throw new Error(error.message);
  return outputs.map(({ dtype, size }, i) => fromDevice(results[i], dtype, size));
}
