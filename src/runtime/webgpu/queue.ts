/**
 * Commands on their way to a device: collected in lots, since handing them over costs more than recording them.
 *
 * A lot is submitted when it is large, when it was begun some time ago, when something is read, and at the latest when the
 * task that is running comes to its end. Calls of a program that may be refused, because its shaders are new, have lots of their own:
 * what the device refuses, it refuses as a whole.
 *
 * A synchronous loop could record calls for ever. The queue therefore waits for the device, where the runtime can, once so many lots or so
 * many bytes of new buffers are under way: what was given up meanwhile is free then.
 *
 * @module
 */
import { DeviceError, OutOfMemoryError } from "../../errors.ts";
import type { BindGroups } from "./bindings.ts";
import type { Pipeline } from "./pipelines.ts";
import { type CommandOrder, noRoom, type View } from "./pool.ts";
import type { KernelTimer } from "./timing.ts";

/** A call of a program, as far as its commands are concerned. */
export class Call {
  /** The submission that has its latest commands. */
  submission: Submission | null = null;

  /**
   * @param name The function that was called, for messages.
   * @param doubt A promise of what is wrong with its shaders, if something is; `null` where it is known that nothing is.
   * @param sources Where its inputs and its memory come from, as far as it is not known whether that was refused.
   */
  constructor(
    readonly name: string,
    readonly doubt: Promise<Error | null> | null = null,
    readonly sources: readonly Submission[] = [],
  ) {}
}

/** A lot of commands, and what became of it. */
export class Submission {
  /** Why its results are not what was asked for, once that is known. */
  fault: unknown = null;
  /** Whether it is known whether the device took it. */
  isSettled = false;
  /** The functions whose commands it has. */
  readonly names = new Set<string>();
  /** A promise of what is wrong with its shaders, as its calls have it. */
  doubt: Promise<Error | null> | null = null;
  /** Promises of what else is wrong with it. */
  checks: Promise<Error | null>[] = [];
  /** Those that it continues. */
  sources: Submission[] = [];

  /** Takes part of a call in. */
  enter(call: Call): void {
    this.names.add(call.name);
    this.doubt ??= call.doubt;
    for (const source of call.sources) {
      if (source !== this && !source.isSettled) this.sources.push(source);
    }
    if (call.submission !== null) this.sources.push(call.submission);
    call.submission = this;
  }

  /** Finds out what became of it. Those that it continues are settled. */
  async settle(): Promise<void> {
    for (const source of this.sources) this.fault ??= source.fault;
    if (this.doubt !== null) this.fault ??= await this.doubt;
    for (const check of this.checks) this.fault ??= await check;
    this.doubt = null;
    this.checks = [];
    this.sources = [];
    this.isSettled = true;
  }
}

/** Workgroups of dispatches that depend on a flag. */
export interface IndirectSizes {
  /** Three words for each dispatch. */
  view: View | null;
}

/** Something for the device to do. */
export type Command =
  | {
    readonly kind: "dispatch";
    readonly call: Call;
    /** What to call it where it is timed. */
    readonly name: string;
    readonly pipeline: Pipeline;
    readonly bindings: readonly View[];
    /** What asks for it time and again; `null` where its bindings are never the same. */
    readonly site: object | null;
    readonly groups: readonly [number, number];
    /** Where its workgroups are counted on the device, and at which place. */
    readonly indirect: IndirectSizes | null;
    readonly place: number;
  }
  | { readonly kind: "copy"; readonly call: Call; readonly from: View; readonly to: View };

/** A lot that was handed over, and what the device says of it. */
interface Handed {
  readonly submission: Submission;
  readonly full: Promise<GPUError | null>;
  readonly invalid: Promise<GPUError | null>;
}

/** Commands at which a lot is submitted. */
const lotCommands = 64;
/** Lots that may be under way. */
const mostLots = 128;
/** Bytes of new buffers that may be under way. */
const mostNewBytes = 256 * 2 ** 20;

/** A device's queue. */
export class CommandQueue implements CommandOrder {
  /** See {@linkcode CommandOrder}. */
  lot = 0;
  /** Takes the time of each dispatch; `null` where nobody asks. */
  timer: KernelTimer | null = null;
  /** Milliseconds from when a lot was begun until a call submits it. */
  patience = 1;
  readonly #gpu: GPUDevice;
  readonly #bindGroups: BindGroups;
  readonly #description: string;
  readonly #waitForDevice: (() => void) | null;
  readonly #submitted: () => void;
  readonly #refused: (fault: unknown) => void;
  #commands: Command[] = [];
  #open = new Submission();
  #isBegun = false;
  #begun = 0;
  #isScheduled = false;
  /** Lots of which it is not known what became of them, oldest first. */
  #unsettled: Handed[] = [];
  /** Finds that out; `null` where all is known. */
  #settling: Promise<void> | null = null;
  #lotsUnderWay = 0;
  #newBytes = 0;

  /**
   * @param description What to call the device.
   * @param waitForDevice Returns when the device is done; `null` where the runtime cannot.
   * @param submitted Called when nothing waits to be submitted.
   * @param refused Told of what the device refused.
   */
  constructor(
    gpu: GPUDevice,
    bindGroups: BindGroups,
    description: string,
    waitForDevice: (() => void) | null,
    submitted: () => void,
    refused: (fault: unknown) => void,
  ) {
    this.#gpu = gpu;
    this.#bindGroups = bindGroups;
    this.#description = description;
    this.#waitForDevice = waitForDevice;
    this.#submitted = submitted;
    this.#refused = refused;
  }

  /** How many commands are recorded. */
  get length(): number {
    return this.#commands.length;
  }

  /** Records a command after all others, or before the one at `at`. */
  record(command: Command, at: number = this.#commands.length): void {
    const { call } = command;
    if (call.submission !== this.#open) this.#open.enter(call);
    this.#begin();
    if (at === this.#commands.length) this.#commands.push(command);
    else this.#commands.splice(at, 0, command);
  }

  /** Begins a lot, if none is begun: what the device says from now on is said of it. */
  #begin(): void {
    if (this.#isBegun) return;
    this.#isBegun = true;
    this.#begun = performance.now();
    this.#gpu.pushErrorScope("validation");
    this.#gpu.pushErrorScope("out-of-memory");
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  /**
   * To be called before anything is made or recorded for a call: what others recorded has no part in what may be refused with it.
   *
   * @param doubt The call's.
   */
  separate(doubt: Promise<Error | null> | null): void {
    if (this.#commands.length > 0 && this.#open.doubt !== doubt) this.flush();
  }

  /** To be called where a call has been recorded to its end: submits what is recorded if there is a reason to. */
  ended(): void {
    if (this.#commands.length === 0) return;
    if (
      this.#commands.length >= lotCommands || this.isFull ||
      performance.now() - this.#begun > this.patience
    ) this.flush();
  }

  /** Forgets what was recorded of a call. */
  abandon(call: Call): void {
    this.#commands = this.#commands.filter((command) => command.call !== call);
  }

  /** See {@linkcode CommandOrder}. */
  isSubmitted(lot: number): boolean {
    return lot < this.lot || this.#commands.length === 0;
  }

  /** See {@linkcode CommandOrder}. */
  creates(bytes: number): void {
    this.#newBytes += bytes;
    this.#begin();
  }

  /** See {@linkcode CommandOrder}. */
  doubts(check: Promise<Error | null>): void {
    this.#open.checks.push(check);
  }

  /** The lot that is being recorded; what the host writes belongs to it too. */
  get open(): Submission {
    return this.#open;
  }

  /** Resolves once it is known what became of everything that was submitted so far. */
  async settled(): Promise<void> {
    await this.#settling;
  }

  /** Whether so much is under way that it is time to wait for the device. */
  get isFull(): boolean {
    return this.#newBytes >= mostNewBytes;
  }

  /** See {@linkcode CommandOrder}. */
  drain(): void {
    this.#lotsUnderWay = this.#newBytes = 0;
    this.#waitForDevice?.();
  }

  /**
   * Submits what is recorded.
   *
   * @param more Records further commands, to be done after those.
   */
  flush(more?: (encoder: GPUCommandEncoder) => void): void {
    if (!this.#isBegun && more === undefined) return;
    this.#begin();
    const gpu = this.#gpu;
    const submission = this.#open;
    const commands = this.#commands;
    this.#open = new Submission();
    this.#commands = [];
    this.#isBegun = false;
    this.lot++;
    if (commands.length > 0 || more !== undefined) {
      const encoder = gpu.createCommandEncoder();
      this.#encode(encoder, commands);
      more?.(encoder);
      gpu.queue.submit([encoder.finish()]);
      this.#lotsUnderWay++;
    }
    const full = gpu.popErrorScope();
    const invalid = gpu.popErrorScope();
    this.#settle(submission, full, invalid);
    if (this.#lotsUnderWay >= mostLots || this.isFull) this.drain();
    this.#submitted();
  }

  /** Finds out what became of a lot. Until the running task ends nothing can be known, and little is kept. */
  #settle(
    submission: Submission,
    full: Promise<GPUError | null>,
    invalid: Promise<GPUError | null>,
  ): void {
    this.#unsettled.push({ submission, full, invalid });
    this.#settling ??= this.#settleAll();
  }

  async #settleAll(): Promise<void> {
    await null;
    for (let next; (next = this.#unsettled.shift()) !== undefined;) {
      const { submission, full, invalid } = next;
      submission.checks.push(this.#refusal(submission, full, invalid));
      await submission.settle();
      if (submission.fault !== null) this.#refused(submission.fault);
    }
    this.#settling = null;
  }

  async #refusal(
    { names }: Submission,
    full: Promise<GPUError | null>,
    invalid: Promise<GPUError | null>,
  ): Promise<Error | null> {
    try {
      const what = [...names].join(", ") || "an array";
      const [noMemory, error] = await Promise.all([full, invalid]);
      if (noMemory !== null) {
        return new OutOfMemoryError(noRoom(this.#description, `what ${what} needs`));
      }
      if (error === null) return null;
      return new DeviceError(
        `${what}: the WebGPU device ${this.#description} refused what it was given: ${error.message}`,
      );
    } catch {
      return null; // the device was lost, which is said elsewhere
    }
  }

  #encode(encoder: GPUCommandEncoder, commands: readonly Command[]): void {
    const { timer } = this;
    timer?.begin(commands);
    let pass: GPUComputePassEncoder | null = null;
    for (const command of commands) {
      if (command.kind === "copy") {
        pass?.end();
        pass = null;
        const { from, to } = command;
        encoder.copyBufferToBuffer(
          from.memory.buffer,
          from.offset,
          to.memory.buffer,
          to.offset,
          from.bytes,
        );
        continue;
      }
      if (timer !== null) {
        pass?.end();
        pass = encoder.beginComputePass({ timestampWrites: timer.next(command) });
      } else pass ??= encoder.beginComputePass();
      const { pipeline, bindings, site, groups, indirect, place } = command;
      pass.setPipeline(pipeline.built);
      pass.setBindGroup(
        0,
        site === null
          ? this.#bindGroups.create(pipeline.layout, bindings)
          : this.#bindGroups.get(site, pipeline.layout, bindings),
      );
      if (indirect === null) pass.dispatchWorkgroups(groups[0], groups[1]);
      else {
        const { memory, offset } = indirect.view!;
        pass.dispatchWorkgroupsIndirect(memory.buffer, offset + 12 * place);
      }
    }
    pass?.end();
    timer?.end(encoder);
  }
}
