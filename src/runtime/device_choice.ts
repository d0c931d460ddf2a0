/**
 * Where a program runs, call by call, and why.
 *
 * Arrays that somebody committed to a device decide; then those that are on WebGPU already, for they cannot come back at once; then
 * the default device. Where nobody said anything, the program is estimated on both, and the faster is taken.
 *
 * An estimate of WebGPU counts what must go there for a call and come back after it. Of a loop that hands its results to its next turn, all
 * but the first turn would find them there; and so would calls that are given the same arrays again, of which the device keeps
 * copies. So a program that is slower there once, but faster in the long run, is a matter of how often it is called: what each
 * call lost here is added up, and when that comes to what moving costs, it moves. It loses twice that at most, however often it is
 * called, and does not come back, as what it needs is there then.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import type { ShapedArray } from "../core/aval.ts";
import { firstDevice, graphicsDevice, isPresent, type Platform } from "../core/device.ts";
import { type DType, dtypeInfo } from "../core/dtype.ts";
import { isDefaultChosen, isOnHost, type Placement, placementOf } from "../core/placement.ts";
import { devicesDiffer, type Sharding, SingleDeviceSharding } from "../core/sharding.ts";
import type { RunOptions } from "../control/jit_call.ts";
import { DTypeError, OutOfMemoryError } from "../errors.ts";
import type { LargestBuffer, ProgramWork } from "../schedule/work.ts";
import {
  type DeviceEstimate,
  estimateCpu,
  estimateWebGpu,
  type MachineRates,
  type Traffic,
} from "./device_costs.ts";
import {
  boundPlacement,
  defaultOnGraphics,
  graphics,
  type GraphicsProgram,
  isOnGraphics,
} from "./graphics.ts";
import { threadCount } from "./threads.ts";

/** What decided where a call ran. */
export type ChoiceReason =
  /** No other device was open. */
  | "only"
  /** The function was compiled for it: `filterJit(f, { device })`, or a sharding inside. */
  | "asked"
  /** An argument is committed to it. */
  | "committed"
  /** An argument that nobody committed is on WebGPU, and cannot come back at once. */
  | "resident"
  /** `defaultDevice` says so. */
  | "default"
  /** WebGPU lacks a dtype that it computes in. */
  | "dtype"
  /** An array of it is larger than WebGPU allows. */
  | "size"
  /** It cannot be written for WebGPU. */
  | "refused"
  /** It calls functions of the host, whose results WebGPU would wait for. */
  | "host"
  /** Nothing is known of how fast the devices are: WebGPU's runs on the processor itself, or they could not be measured. */
  | "unmeasured"
  /** It was estimated to be faster there. */
  | "estimate";

/** Where the last call of a program ran, and why. */
export interface DeviceChoice {
  /** Where. */
  readonly platform: Platform;
  /** What decided it. */
  readonly reason: ChoiceReason;
  /** The reason in words, with the argument or the dtype that it is about. */
  readonly because: string;
  /** What such a call takes on the processor; `null` where nothing was measured. */
  readonly cpu: DeviceEstimate | null;
  /** What it takes on WebGPU; `null` also where a dtype is lacking there. */
  readonly webgpu: DeviceEstimate | null;
}

/** What is known of a program that nobody bound to a device. */
interface Prospect {
  readonly rates: MachineRates;
  readonly threads: number;
  readonly cpu: DeviceEstimate;
  /** Where it runs in any case; `null` where that depends on what it is called with. */
  readonly verdict: Platform | null;
}

/** Bytes that an array takes on WebGPU, where no element is narrower than a word. */
function deviceBytes({ size, dtype }: ShapedArray): number {
  return size * Math.max(4, dtypeInfo(dtype).bytes);
}

const sum = (terms: readonly number[]): number => terms.reduce((a, b) => a + b, 0);

/** Decides for one program, whose calls it remembers. */
export class DeviceChooser {
  readonly #makeWork: () => ProgramWork;
  readonly #inBytes: readonly number[];
  /** What moves where nothing is there and everything is read. */
  readonly #everything: Traffic;
  readonly #there: () => GraphicsProgram;
  #prospect: Prospect | null = null;
  /** Why the program cannot be written for WebGPU, where that was found. */
  #refusal = "";
  /** The arrays of the last call, if they may decide about the next. */
  #met: WeakMap<NDArray, "input" | "result"> | null = null;
  /** Seconds that were lost so far by not being on WebGPU. */
  #lost = 0;
  #last: {
    readonly platform: Platform;
    readonly reason: ChoiceReason;
    readonly input: number;
    readonly traffic: Traffic;
  } | null = null;

  /**
   * @param work What the program does, where somebody asks.
   * @param there The program for WebGPU, where somebody asks.
   * @param ins Its inputs' types.
   * @param used Which of them it reads.
   */
  constructor(
    work: () => ProgramWork,
    there: () => GraphicsProgram,
    ins: readonly ShapedArray[],
    used: readonly boolean[],
    outs: readonly ShapedArray[],
  ) {
    this.#makeWork = work;
    this.#there = there;
    this.#inBytes = ins.map((aval, i) => used[i] ? deviceBytes(aval.stored) : 0);
    this.#everything = {
      upload: sum(this.#inBytes),
      read: sum(outs.map((aval) => deviceBytes(aval.stored))),
    };
  }

  get #work(): ProgramWork {
    return this.#makeWork();
  }

  /**
   * Where on WebGPU the results of a call are to be; `null` for the processor.
   *
   * @param joint What the call is bound to, if anything.
   * @throws {DeviceError} Where an input on WebGPU would have to come back at once.
   * @throws {DTypeError} Where the call is bound to WebGPU, which lacks one of its dtypes.
   * @throws {OutOfMemoryError} Where it is bound to WebGPU, which allows no arrays as large as one of its.
   */
  placement(
    inputs: readonly NDArray[],
    joint: Sharding | null,
    how: RunOptions,
  ): Placement | null {
    const here = how.isCpuOnly && (joint === null || isOnGraphics(joint))
      ? new SingleDeviceSharding(firstDevice())
      : null;
    const nameOf = (i: number) => `${how.name}: ${how.nameOf(i)}`;
    const bound = boundPlacement(inputs, here ?? joint, nameOf);
    if (bound !== null) {
      const input = inputs.findIndex((x) => joint === null ? !isOnHost(x) : x.placement?.committed);
      const reason = joint === null
        ? "resident"
        : how.on !== null || input < 0
        ? "asked"
        : "committed";
      const dtype = this.#lacking();
      if (dtype !== null) throw lackingError(dtype, reason, input, how);
      const excess = this.#excess();
      if (excess !== null) throw excessError(excess, how);
      return this.#onWebGpu(inputs, reason, input, bound);
    }
    if (here !== null && joint !== null) {
      throw devicesDiffer(how.name, ['what it is compiled for, "cpu",', here], [
        "a sharding inside",
        joint,
      ]);
    }
    if (how.isCpuOnly || how.on !== null) return this.#onCpu("asked", null, inputs);
    if (joint !== null) return this.#onCpu("committed", joint, inputs);
    const preferred = defaultOnGraphics();
    if (isDefaultChosen() && preferred === null) return this.#onCpu("default", null, inputs);
    if (preferred === null && !isPresent(graphicsDevice())) {
      return this.#onCpu("only", null, inputs);
    }
    if (this.#lacking() !== null) return this.#onCpu("dtype", null, inputs);
    if (this.#excess() !== null) return this.#onCpu("size", null, inputs);
    if (preferred !== null) {
      if (this.#isRefused()) return this.#onCpu("refused", null, inputs);
      return this.#onWebGpu(inputs, "default", -1, preferred);
    }
    if (this.#work.callsHost) return this.#onCpu("host", null, inputs);
    return this.#byEstimate(inputs);
  }

  /** Notes the results of a call on the processor. */
  ran(outs: readonly NDArray[]): void {
    if (this.#met !== null) { for (const x of outs) this.#met.set(x, "result"); }
  }

  #byEstimate(inputs: readonly NDArray[]): Placement | null {
    const rates = graphics!.rates;
    if (rates === null) return this.#onCpu("unmeasured", null, inputs);
    const threads = threadCount();
    if (this.#prospect?.rates !== rates || this.#prospect.threads !== threads) {
      this.#prospect = this.#assess(rates, threads);
    }
    const { cpu, verdict } = this.#prospect;
    let traffic = this.#everything;
    let goes = verdict === "webgpu";
    if (verdict === null) {
      const flow = this.#flow(inputs);
      const now = estimateWebGpu(this.#work, rates, flow.now).seconds;
      const then = estimateWebGpu(this.#work, rates, flow.then).seconds;
      traffic = flow.now;
      if (flow.stays) this.#lost = Math.max(0, this.#lost + cpu.seconds - then);
      else this.#lost = 0;
      goes = now < cpu.seconds || (this.#lost > 0 && this.#lost >= now - then);
      this.#met = new WeakMap(inputs.map((x) => [x, "input"]));
    }
    if (goes && this.#isRefused()) return this.#onCpu("refused", null, inputs);
    this.#last = { platform: goes ? "webgpu" : "cpu", reason: "estimate", input: -1, traffic };
    return goes ? placementOf(new SingleDeviceSharding(graphicsDevice()), false) : null;
  }

  /** What a call moves now, and what such calls would move once all that comes again is there. */
  #flow(inputs: readonly NDArray[]): { now: Traffic; then: Traffic; stays: boolean } {
    let [now, then, returned] = [0, 0, 0];
    let stays = false;
    inputs.forEach((x, i) => {
      const bytes = this.#inBytes[i];
      const isThere = graphics!.isThere(x);
      const met = this.#met?.get(x);
      if (!isThere) now += bytes;
      if (isThere || met !== undefined) stays = true;
      else then += bytes;
      // What takes the place of what the last call gave would stay as that did.
      if (met === "result") returned += bytes;
    });
    const { read } = this.#everything;
    return {
      now: { upload: now, read },
      then: { upload: then, read: Math.max(0, read - returned) },
      stays,
    };
  }

  #assess(rates: MachineRates, threads: number): Prospect {
    const cpu = estimateCpu(this.#work, rates, threads);
    const moved = estimateWebGpu(this.#work, rates, this.#everything);
    const there = estimateWebGpu(this.#work, rates, { upload: 0, read: 0 });
    const verdict = moved.seconds < cpu.seconds
      ? "webgpu"
      : there.seconds < cpu.seconds
      ? null
      : "cpu";
    return { rates, threads, cpu, verdict };
  }

  #onWebGpu(
    inputs: readonly NDArray[],
    reason: ChoiceReason,
    input: number,
    placement: Placement,
  ): Placement {
    let upload = 0;
    for (let i = 0; i < inputs.length; i++) {
      if (!graphics!.isThere(inputs[i])) upload += this.#inBytes[i];
    }
    const traffic = { upload, read: this.#everything.read };
    this.#last = { platform: "webgpu", reason, input, traffic };
    return placement;
  }

  #onCpu(reason: ChoiceReason, joint: Sharding | null, inputs: readonly NDArray[]): null {
    const input = joint === null ? -1 : inputs.findIndex((x) => x.placement?.committed);
    this.#last = { platform: "cpu", reason, input, traffic: this.#everything };
    return null;
  }

  /** A dtype of the program that WebGPU lacks. */
  #lacking(): DType | null {
    for (const dtype of this.#work.dtypes) if (graphics!.lacks(dtype)) return dtype;
    return null;
  }

  /** Whether the program cannot be written for the device. */
  #isRefused(): boolean {
    const refusal = this.#there().refusal();
    if (refusal !== null) this.#refusal = refusal.message;
    return refusal !== null;
  }

  /** What of the program takes more bytes than WebGPU binds at once. */
  #excess(): LargestBuffer | null {
    const { largest } = this.#work;
    return largest !== null && largest.bytes > graphics!.maxBytes ? largest : null;
  }

  /** Where the last call ran, and why. */
  explain(how: RunOptions): DeviceChoice {
    const last = this.#last;
    if (last === null) {
      const because = 'only the processor was open; await init("webgpu") opens WebGPU';
      return { platform: "cpu", reason: "only", because, cpu: null, webgpu: null };
    }
    const rates = graphics!.rates;
    const lacking = this.#lacking();
    const cpu = rates === null ? null : estimateCpu(this.#work, rates, threadCount());
    const webgpu = rates === null || lacking !== null
      ? null
      : estimateWebGpu(this.#work, rates, last.traffic);
    const { platform, reason, input } = last;
    const because = reason === "refused"
      ? `it cannot be written for WebGPU: ${this.#refusal}`
      : words(reason, platform, input, lacking, how);
    return { platform, reason, because, cpu, webgpu };
  }
}

function words(
  reason: Exclude<ChoiceReason, "refused">,
  platform: Platform,
  input: number,
  lacking: DType | null,
  { nameOf, on }: RunOptions,
): string {
  switch (reason) {
    case "only":
      return "no other device was there";
    case "asked":
      return on === null && platform === "webgpu"
        ? "a sharding inside of it says so"
        : "it was compiled for it";
    case "committed":
      return `${nameOf(input)} is committed to it`;
    case "resident":
      return `${nameOf(input)} is there already, and cannot come back at once`;
    case "default":
      return "defaultDevice says so";
    case "dtype":
      return `it computes in ${lacking}, which WebGPU lacks`;
    case "size":
      return "an array of it is larger than WebGPU allows";
    case "host":
      return "it calls functions of the host";
    case "unmeasured":
      return "WebGPU runs on the processor itself here, or could not be measured";
    case "estimate":
      return "it is estimated to be faster there";
    default: {
      const never: never = reason;
      return never;
    }
  }
}

/** The error of what computes in a dtype that the device lacks to which a call is bound. */
export function lackingError(
  dtype: DType,
  reason: "asked" | "committed" | "resident",
  input: number,
  { name, nameOf }: Pick<RunOptions, "name" | "nameOf">,
): DTypeError {
  const because = reason === "asked" ? "it was compiled for webgpu:0" : `${nameOf(input)} is there`;
  return new DTypeError(
    `${name}: computes in ${dtype}, which WebGPU lacks, but ${because}. Run it on the CPU, where ` +
      "np.array(await x.data()).reshape(x.shape) makes a copy of what is on the device; or compute in float32",
  );
}

function excessError(
  { bytes, role, position }: LargestBuffer,
  { name, nameOf }: RunOptions,
): OutOfMemoryError {
  const what = role === "input"
    ? nameOf(position)
    : role === "output"
    ? "one of its results"
    : "a value inside of it";
  return new OutOfMemoryError(
    `${name}: ${what} takes ${bytes} bytes, but webgpu:0 has arrays of at most ${
      graphics!.maxBytes
    } bytes; ` +
      "compute it in parts, or run this on the CPU",
  );
}
