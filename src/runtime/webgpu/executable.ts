/**
 * A program for a WebGPU device, ready to be called on arrays.
 *
 * @module
 */
import { bufferBytes, type DeviceProgram, deviceProgram } from "../../backends/wgsl/program.ts";
import type { AdapterTraits } from "../../backends/wgsl/traits.ts";
import type { NDArray } from "../../core/array.ts";
import type { ShapedArray } from "../../core/aval.ts";
import type { HostCallback } from "../../core/lowering.ts";
import type { Placement } from "../../core/placement.ts";
import { InternalError } from "../../errors.ts";
import type { Program } from "../../loopnest/ir.ts";
import { callFromInterpreter } from "../callbacks.ts";
import { ConcreteArray, donationTo, type Removal } from "../concrete.ts";
import { DeviceBlock, emptyOnDevice, WebGpuArray } from "./array.ts";
import type { WebGpuDevice } from "./device.ts";
import { fromDevice, toDevice } from "./elements.ts";
import { type HostCall, Recorder, type View, type Work } from "./recorder.ts";

/** A program for a device. */
export class DeviceExecutable {
  readonly #source: Program;
  readonly #outAvals: readonly ShapedArray[];
  readonly #host: HostCall;
  readonly #removal: Removal;
  /** What it is on the device that it last ran on. */
  #made: { readonly traits: AdapterTraits; readonly program: DeviceProgram } | null = null;

  /**
   * @param outAvals The outputs' shapes and weakness, which a program does not know.
   * @param callbacks The host's functions that it calls.
   */
  constructor(
    program: Program,
    outAvals: readonly ShapedArray[],
    callbacks: readonly HostCallback[] = [],
  ) {
    this.#source = program;
    this.#outAvals = outAvals;
    this.#removal = donationTo(program);
    const call = callFromInterpreter(callbacks);
    this.#host = (id, ins) => {
      const { ins: avals, outs } = callbacks[id];
      const values = call(id, avals.map(({ dtype, size }, i) => fromDevice(ins[i], dtype, size)));
      return values.map((x, i) => toDevice(x, outs[i].dtype));
    };
  }

  /** The program for a device; written anew where another device was opened meanwhile that is of another kind. */
  #programFor({ traits }: WebGpuDevice): DeviceProgram {
    if (this.#made?.traits !== traits) {
      this.#made = { traits, program: deviceProgram(this.#source, traits) };
    }
    return this.#made.program;
  }

  /**
   * Queues a run and returns at once, but for inputs of the host, which are copied.
   *
   * @param donated Which inputs are given away: they are deleted, and their memory used for outputs where the program says so.
   * @param placement What the results are said to be.
   * @throws {DTypeError} Where a dtype has no counterpart on devices.
   */
  run(
    device: WebGpuDevice,
    inputs: readonly NDArray[],
    donated: readonly boolean[] | null,
    placement: Placement,
  ): WebGpuArray[] {
    device.check();
    const program = this.#programFor(device);
    const { donors } = program;
    const blocks = inputs.map((x) => blockOf(device, x));
    // Taken over: the caller gave it up, and nothing else holds it.
    const taken = donors.map((d) =>
      d >= 0 && blocks[d].handles === (inputs[d] instanceof WebGpuArray ? 2 : 1) &&
      (donated?.[d] === true || !(inputs[d] instanceof WebGpuArray)) &&
      inputs.indexOf(inputs[d]) === inputs.lastIndexOf(inputs[d])
    );
    const outs = this.#outAvals.map((aval, o) => {
      if (taken[o]) return new WebGpuArray(aval, blocks[donors[o]], placement);
      return emptyOnDevice(device, aval, placement);
    });
    const outBlocks = outs.map((x) => x.live());
    const recorder = new Recorder(device, this.#host);
    const work = function* (): Work {
      for (const block of blocks) if (block.fault !== null) throw block.fault;
      const views: View[] = blocks.map((block) => block.view);
      donors.forEach((d, o) => {
        if (d < 0 || taken[o]) return;
        // What must not be overwritten is copied to where the output is, and stands in for the input.
        recorder.copy(views[d], outBlocks[o].view);
        views[d] = outBlocks[o].view;
      });
      yield* recorder.run(program, views, outBlocks.map((block) => block.view));
      recorder.submit();
    };
    device.perform(work(), (error) => outBlocks.forEach((block) => block.fault = error));
    blocks.forEach((block) => block.drop());
    if (donated !== null) {
      donors.forEach((d, o) => {
        const x = inputs[d];
        if (d >= 0 && taken[o] && x instanceof WebGpuArray) x.release(this.#removal);
      });
    }
    return outs;
  }
}

/** An array's memory on a device, held once more; what is on the host is copied there. */
function blockOf(device: WebGpuDevice, x: NDArray): DeviceBlock {
  if (x instanceof WebGpuArray) {
    const block = x.live();
    block.handles++;
    return block;
  }
  if (!(x instanceof ConcreteArray)) throw new InternalError("an operand is not concrete");
  const block = upload(device, x);
  block.handles++;
  return block;
}

/** A copy of a host's array in a device's memory. */
export function upload(device: WebGpuDevice, x: ConcreteArray): DeviceBlock {
  const { stored } = x.aval;
  const bytes = bufferBytes(stored);
  const words = toDevice(x.dataSync(), stored.dtype);
  const block = new DeviceBlock(device, { buffer: device.acquire(bytes), offset: 0, bytes });
  if (words.byteLength > 0) device.write(block.view, words);
  return block;
}
