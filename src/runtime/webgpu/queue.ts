/**
 * Commands on their way to a device: collected in lots, since handing them over costs more than recording them.
 *
 * A lot is submitted when it is large, when it was begun some time ago, when something is read, and at the latest when the
 * task that is running comes to its end. A call that may be refused, because its shaders are new, has a lot of its own: what the device
 * refuses, it refuses as a whole.
 *
 * A synchronous loop could record calls for ever. The queue therefore waits for the device, where the runtime can, once so many lots or so
 * many bytes of new buffers are under way: what was given up meanwhile is free then.
 *
 * @module
 */
import { DeviceError } from "../../errors.ts";
import type { BindGroups } from "./bindings.ts";
import type { Pipeline } from "./pipelines.ts";
import type { CommandOrder, View } from "./pool.ts";
import type { KernelTimer } from "./timing.ts";

/** A call of a program, as far as its commands are concerned. */
export class Call {
  /** The submission that has its latest commands. */
  submission: Submission | null = null;

  /**
   * @param name The function that was called, for messages.
   * @param checks Promises of what is wrong with what it uses, if something is.
   * @param sources Where its inputs come from, as far as it is not known whether that was refused.
   * @param isDoubtful Whether its commands are to be submitted apart from those of others.
   */
  constructor(
    readonly name: string,
    readonly checks: readonly Promise<unknown>[] = [],
    readonly sources: readonly Submission[] = [],
    readonly isDoubtful = false,
  ) {}
}

/** A lot of commands, and what became of it. */
export class Submission {
  /** Why its results are not what was asked for, once that is known. */
  fault: unknown = null;
  /** Settles when it is known whether the device took it; `null` before it is handed over, and from then on. */
  settled: Promise<void> | null = null;
  /** Whether it is known whether the device took it. */
  isSettled = false;
  /** The functions whose commands it has. */
  readonly names = new Set<string>();
  /** Promises of what is wrong with what it uses. */
  checks: Promise<unknown>[] = [];
  /** Those that it continues. */
  sources: Submission[] = [];

  /** Stands for what is no command, such as what the host writes. */
  static ofNothing(checks: Promise<unknown>[]): Submission {
    const submission = new Submission();
    submission.checks = checks;
    submission.submitted(Promise.resolve(null));
    return submission;
  }

  /** Takes part of a call in. */
  enter(call: Call): void {
    this.names.add(call.name);
    this.checks.push(...call.checks);
    this.sources.push(...call.sources.filter((source) => source !== this));
    if (call.submission !== null) this.sources.push(call.submission);
    call.submission = this;
  }

  /**
   * Notes that it was handed over.
   *
   * @param refusal A promise of why the device refused it.
   */
  submitted(refusal: Promise<unknown>): void {
    this.settled = this.#settle(refusal);
  }

  async #settle(refusal: Promise<unknown>): Promise<void> {
    const faults = await Promise.all([...this.checks, refusal]);
    for (const source of this.sources) if (source.settled !== null) await source.settled;
    this.fault = [...this.sources.map((source) => source.fault), ...faults]
      .find((fault) => fault !== null) ?? null;
    this.checks = this.sources = [];
    this.settled = null;
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

/** Commands at which a lot is submitted. */
const lotCommands = 64;
/** Milliseconds after which it is. */
const lotMilliseconds = 1;
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
  readonly #gpu: GPUDevice;
  readonly #bindGroups: BindGroups;
  readonly #description: string;
  readonly #waitForDevice: (() => void) | null;
  readonly #submitted: () => void;
  #commands: Command[] = [];
  #open = new Submission();
  #checks: Promise<unknown>[] = [];
  #begun = 0;
  #scheduled = false;
  #lotsUnderWay = 0;
  #newBytes = 0;

  /**
   * @param description What to call the device.
   * @param waitForDevice Returns when the device is done; `null` where the runtime cannot.
   * @param submitted Called when nothing waits to be submitted.
   */
  constructor(
    gpu: GPUDevice,
    bindGroups: BindGroups,
    description: string,
    waitForDevice: (() => void) | null,
    submitted: () => void,
  ) {
    this.#gpu = gpu;
    this.#bindGroups = bindGroups;
    this.#description = description;
    this.#waitForDevice = waitForDevice;
    this.#submitted = submitted;
  }

  /** How many commands are recorded. */
  get length(): number {
    return this.#commands.length;
  }

  /** Records a command after all others, or before the one at `at`. */
  record(command: Command, at: number = this.#commands.length): void {
    const { call } = command;
    if (call.submission !== this.#open) this.#open.enter(call);
    if (this.#checks.length > 0) this.#open.checks.push(...this.takeChecks());
    if (this.#commands.length === 0) this.#begin();
    if (at === this.#commands.length) this.#commands.push(command);
    else this.#commands.splice(at, 0, command);
  }

  #begin(): void {
    this.#begun = performance.now();
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  /** Submits what is recorded if there is a reason to: to be called where a call has been recorded to its end. */
  ended(call: Call): void {
    if (this.#commands.length === 0) return;
    if (
      call.isDoubtful || this.#commands.length >= lotCommands || this.#newBytes >= mostNewBytes ||
      performance.now() - this.#begun > lotMilliseconds
    ) this.flush();
  }

  /** Forgets what was recorded of a call. */
  abandon(call: Call): void {
    this.#commands = this.#commands.filter((command) => command.call !== call);
  }

  isSubmitted(lot: number): boolean {
    return lot < this.lot || this.#commands.length === 0;
  }

  created(bytes: number, check: Promise<Error | null>): void {
    this.#newBytes += bytes;
    this.#checks.push(check);
  }

  /** Promises of what is wrong with buffers that were made since this was last asked and no command is known to use. */
  takeChecks(): Promise<unknown>[] {
    const checks = this.#checks;
    if (checks.length > 0) this.#checks = [];
    return checks;
  }

  drain(): void {
    this.#lotsUnderWay = this.#newBytes = 0;
    this.#waitForDevice?.();
  }

  /** Notes that the device was waited for. */
  drained(): void {
    this.#lotsUnderWay = this.#newBytes = 0;
  }

  /**
   * Submits what is recorded.
   *
   * @param more Records further commands, to be done after those.
   */
  flush(more?: (encoder: GPUCommandEncoder) => void): void {
    if (this.#commands.length === 0 && more === undefined) return;
    const gpu = this.#gpu;
    const submission = this.#open;
    const commands = this.#commands;
    this.#open = new Submission();
    this.#commands = [];
    this.lot++;
    gpu.pushErrorScope("validation");
    const encoder = gpu.createCommandEncoder();
    this.#encode(encoder, commands);
    more?.(encoder);
    gpu.queue.submit([encoder.finish()]);
    submission.submitted(
      gpu.popErrorScope().then((error) => {
        if (error === null) return null;
        const names = [...submission.names].join(", ") || "a read";
        return new DeviceError(
          `${names}: the WebGPU device ${this.#description} refused what it was given: ${error.message}`,
        );
      }, () => null),
    ); // the device was lost, which is said elsewhere
    this.#lotsUnderWay++;
    if (this.#lotsUnderWay >= mostLots || this.#newBytes >= mostNewBytes) this.drain();
    this.#submitted();
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
