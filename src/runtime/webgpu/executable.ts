/**
 * A program for a WebGPU device, ready to be called on arrays.
 *
 * @module
 */
import type { Kernel } from "../../backends/wgsl/nest.ts";
import { bufferBytes, type DeviceProgram, deviceProgram } from "../../backends/wgsl/program.ts";
import type { AdapterTraits } from "../../backends/wgsl/traits.ts";
import type { NDArray } from "../../core/array.ts";
import { formatAval, type ShapedArray } from "../../core/aval.ts";
import type { HostCallback } from "../../core/lowering.ts";
import type { Placement } from "../../core/placement.ts";
import { timed } from "../../core/spans.ts";
import {
  CompileError,
  DeviceError,
  DTypeError,
  InternalError,
  OutOfMemoryError,
} from "../../errors.ts";
import { innerPrograms, type Program } from "../../loopnest/ir.ts";
import { callFromInterpreter } from "../callbacks.ts";
import { ConcreteArray, donationTo, type Removal } from "../concrete.ts";
import { emptyOnDevice, WebGpuArray } from "./array.ts";
import type { DeviceBlock } from "./blocks.ts";
import type { WebGpuDevice } from "./device.ts";
import { fromDevice, toDevice } from "./elements.ts";
import { kindsOf, type Pipeline } from "./pipelines.ts";
import type { View } from "./pool.ts";
import { Call, type Submission } from "./queue.ts";
import { type HostCall, Recorder, type Work } from "./recorder.ts";

/** A program as it is for a kind of device. */
interface Made {
  readonly traits: AdapterTraits;
  readonly program: DeviceProgram;
  readonly kernels: readonly Kernel[];
  /** Where its shaders were built, and which generation of shaders that was. */
  device: WebGpuDevice | null;
  generation: number;
  /** Settles when it is known whether the device takes them, with the error where it does not; `null` from then on. */
  doubt: Promise<Error | null> | null;
  /** Which shader the device refused, and why. */
  refusal: string | null;
}

function refusalOf({ kernels }: Made, built: readonly Pipeline[]): string | null {
  const i = built.findIndex((pipeline) => pipeline.fault !== null);
  return i < 0 ? null : `the shader ${kernels[i].name}: ${built[i].fault}`;
}

function refused({ description }: WebGpuDevice, refusal: string, name: string): DeviceError {
  return new DeviceError(`${name}: the WebGPU device ${description} refused ${refusal}`);
}

async function settleDoubt(
  device: WebGpuDevice,
  made: Made,
  built: readonly Pipeline[],
  name: string,
): Promise<Error | null> {
  for (const pipeline of built) if (pipeline.checked !== null) await pipeline.checked;
  made.doubt = null;
  made.refusal = refusalOf(made, built);
  return made.refusal === null ? null : refused(device, made.refusal, name);
}

/** All shaders of a program and of those within it. */
function kernelsOf({ steps }: DeviceProgram): Kernel[] {
  return steps.flatMap((step) => {
    if (step.kind === "dispatch") return step.kernel.groups > 0 ? [step.kernel] : [];
    return step.kind === "control" ? innerPrograms(step.control).flatMap(kernelsOf) : [];
  });
}

/** A program for a device. */
export class DeviceExecutable {
  readonly #source: Program;
  readonly #outAvals: readonly ShapedArray[];
  readonly #host: (traits: AdapterTraits) => HostCall;
  readonly #removal: Removal;
  /** What it is on the device that it last ran on. */
  #made: Made | null = null;

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
    this.#host = (traits) => (id, ins) => {
      const { ins: avals, outs } = callbacks[id];
      const operands = avals.map(({ dtype, size }, i) => fromDevice(ins[i], dtype, size, traits));
      return call(id, operands).map((x, i) => toDevice(x, outs[i].dtype, traits));
    };
  }

  /** The program for a device; written anew where another device was opened meanwhile that is of another kind. */
  #madeFor({ traits }: WebGpuDevice): Made {
    if (this.#made?.traits !== traits) {
      const program = deviceProgram(this.#source, traits);
      this.#made = {
        traits,
        program,
        kernels: kernelsOf(program),
        device: null,
        generation: -1,
        doubt: null,
        refusal: null,
      };
    }
    return this.#made;
  }

  /** Why the program cannot be written for a device; `null` where it can. */
  refusal(device: WebGpuDevice): CompileError | DTypeError | null {
    try {
      this.#madeFor(device);
      return null;
    } catch (error) {
      if (error instanceof CompileError || error instanceof DTypeError) return error;
      throw error;
    }
  }

  /**
   * Builds the shaders that are not built yet.
   *
   * @returns A promise of what is wrong with them, if something is; `null` where it is known that nothing is.
   * @throws {DeviceError} Where it is known that the device refuses one.
   */
  #prepare(device: WebGpuDevice, made: Made, name: string): Promise<Error | null> | null {
    const { pipelines } = device;
    if (made.device !== device || made.generation !== pipelines.generation) {
      made.device = device;
      made.generation = pipelines.generation;
      const built = made.kernels.map((kernel) => pipelines.get(kernel.code, () => kindsOf(kernel)));
      made.refusal = refusalOf(made, built);
      made.doubt = built.some((pipeline) => pipeline.checked !== null)
        ? settleDoubt(device, made, built, name)
        : null;
    }
    if (made.refusal !== null) throw refused(device, made.refusal, name);
    return made.doubt;
  }

  /**
   * Queues a run and returns at once, but for inputs of the host, which are copied.
   *
   * @param donated Which inputs are given away: they are deleted, and their memory used for outputs where the program says so.
   * @param placement What the results are said to be.
   * @param name The function that was called, for messages.
   * @throws {DTypeError} Where a dtype has no counterpart on devices.
   * @throws {DeviceError} Where the device is lost, or refuses a shader.
   * @throws {OutOfMemoryError} Where it has no room.
   */
  run(
    device: WebGpuDevice,
    inputs: readonly NDArray[],
    donated: readonly boolean[] | null,
    placement: Placement,
    name: string = this.#source.name,
  ): WebGpuArray[] {
    return timed("run", name, () => this.#call(device, inputs, donated, placement, name), () => ({
      details: { by: "WebGPU", queued: true },
    }));
  }

  #call(
    device: WebGpuDevice,
    inputs: readonly NDArray[],
    donated: readonly boolean[] | null,
    placement: Placement,
    name: string,
  ): WebGpuArray[] {
    device.check();
    const made = this.#madeFor(device);
    const { donors } = made.program;
    const doubt = this.#prepare(device, made, name);
    device.queue.separate(doubt);
    const blocks: DeviceBlock[] = [];
    const outs: WebGpuArray[] = [];
    try {
      for (const x of inputs) blocks.push(blockOf(device, x));
      // Taken over: the caller gave it up, and nothing else holds it.
      const taken = donors.map((d) =>
        d >= 0 && blocks[d].handles === (inputs[d] instanceof WebGpuArray ? 2 : 1) &&
        (donated?.[d] === true || !(inputs[d] instanceof WebGpuArray)) &&
        inputs.indexOf(inputs[d]) === inputs.lastIndexOf(inputs[d])
      );
      this.#outAvals.forEach((aval, o) =>
        outs.push(
          taken[o]
            ? new WebGpuArray(device, aval, blocks[donors[o]], placement)
            : emptyOnDevice(device, aval, placement),
        )
      );
      const outBlocks = outs.map((x) => x.live());
      device.perform(
        this.#work(device, made.program, blocks, outBlocks, taken, name, doubt, device.queue.open),
        (error) => outBlocks.forEach((block) => block.fault = error),
      );
      donors.forEach((d, o) => {
        const x = inputs[d];
        if (donated !== null && taken[o] && x instanceof WebGpuArray) x.release(this.#removal);
      });
    } catch (error) {
      outs.forEach((x) => x.delete());
      throw inCall(name, error);
    } finally {
      blocks.forEach((block) => block.drop());
    }
    return outs;
  }

  *#work(
    device: WebGpuDevice,
    program: DeviceProgram,
    ins: readonly DeviceBlock[],
    outs: readonly DeviceBlock[],
    taken: readonly boolean[],
    name: string,
    doubt: Promise<Error | null> | null,
    origin: Submission,
  ): Work {
    const sources = [origin];
    for (const { fault, submission } of ins) {
      if (fault !== null) throw fault;
      if (submission !== null && !submission.isSettled) sources.push(submission);
    }
    const call = new Call(name, doubt, sources);
    device.queue.separate(doubt);
    const recorder = new Recorder(device, this.#host(device.traits), call);
    try {
      const views: View[] = ins.map((block) => block.view);
      program.donors.forEach((d, o) => {
        if (d < 0 || taken[o]) return;
        // What must not be overwritten is copied to where the output is, and stands in for the input.
        recorder.copy(views[d], outs[o].view);
        views[d] = outs[o].view;
      });
      yield* recorder.run(program, views, outs.map((block) => block.view));
    } catch (error) {
      recorder.abandon();
      throw error;
    }
    for (const block of outs) block.submission = call.submission;
    device.queue.ended();
  }
}

/** An error of memory with the name of the function that needed it; other errors as they are. */
function inCall(name: string, error: unknown): unknown {
  if (!(error instanceof OutOfMemoryError)) return error;
  return new OutOfMemoryError(`${name}: ${error.message}`, { cause: error });
}

/** An array's memory on a device, held once more; what is on the host is copied there. */
function blockOf(device: WebGpuDevice, x: NDArray): DeviceBlock {
  if (!(x instanceof WebGpuArray) && !(x instanceof ConcreteArray)) {
    throw new InternalError("an operand is not concrete");
  }
  const block = x instanceof WebGpuArray
    ? x.live()
    : device.copies.blockOf(x, (x) => upload(device, x));
  block.handles++;
  return block;
}

/** A copy of a host's array in a device's memory. */
export function upload(device: WebGpuDevice, x: ConcreteArray): DeviceBlock {
  const { stored } = x.aval;
  return timed("transfer", `${formatAval(x.aval)} to WebGPU`, () => {
    const words = toDevice(x.copyOut(), stored.dtype, device.traits);
    device.queue.separate(null);
    const block = device.holdings.block(bufferBytes(stored, device.traits), true);
    block.submission = device.queue.open;
    if (words.byteLength > 0) device.write(block.view, words);
    return block;
  });
}
