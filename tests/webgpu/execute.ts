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
import type { Memory, View } from "../../src/runtime/webgpu/pool.ts";
import { Call } from "../../src/runtime/webgpu/queue.ts";
import { type HostCall, Recorder, type Work } from "../../src/runtime/webgpu/recorder.ts";

/** Runs a program; inputs are left as they are, donated ones too. */
export async function execute(
  device: WebGpuDevice,
  program: DeviceProgram,
  inputs: readonly TypedArray[],
  host: HostCall = () => [],
): Promise<TypedArray[]> {
  device.check();
  const { traits } = program;
  const ins: View[] = [];
  const outs: View[] = [];
  const held: Memory[] = [];
  const place = (bytes: number): View => {
    const memory = device.pool.acquire(bytes, true);
    held.push(memory);
    return { memory, offset: 0, bytes };
  };
  const outputs = program.buffers.map((buffer, id) => ({ ...buffer, id })).filter((b) =>
    b.role === "output"
  ).sort((a, b) => a.position - b.position);
  for (const buffer of program.buffers) {
    if (buffer.role !== "input") continue;
    const view = ins[buffer.position] = place(bufferBytes(buffer, traits));
    const words = toDevice(inputs[buffer.position], buffer.dtype, traits);
    if (words.byteLength > 0) device.write(view, words);
  }
  for (const { position, canonical, id, ...buffer } of outputs) {
    outs[position] = canonical === id
      ? place(bufferBytes(buffer, traits))
      : ins[program.buffers[canonical].position];
  }
  const call = new Call(program.name);
  const recorder = new Recorder(device, host, call);
  const failures: unknown[] = [];
  const work = function* (): Work {
    yield* recorder.run(program, ins, outs);
    device.queue.flush();
  };
  device.perform(work(), (error) => failures.push(error));
  const results = await Promise.all(outs.map((view) => device.read(view)));
  held.forEach((memory) => device.pool.recycle(memory));
  await device.queue.settled();
  failures.push(call.submission?.fault ?? null);
  for (const failure of failures) if (failure !== null) throw failure;
  return outputs.map(({ dtype, size }, i) => fromDevice(results[i], dtype, size, traits));
}
