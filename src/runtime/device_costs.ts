/**
 * How long a program would take on the processor, and how long on WebGPU: numbers in, numbers out.
 *
 * Each step takes the longest of what its memory, its operations and its products of matrices take, and a launch. On WebGPU there is
 * also what must go there before, and come back after; the processor's larger steps are shared among threads. The rates are those of the machine, measured (`webgpu/calibration.ts`).
 *
 * @module
 */
import type { ProgramWork } from "../schedule/work.ts";

/** How fast a device computes. */
export interface ComputeRates {
  /** Seconds that the call of a program takes beside its steps. */
  readonly call: number;
  /** Seconds to begin a step. */
  readonly launch: number;
  /** Bytes per second of elementwise steps, read and written. */
  readonly bytes: number;
  /** Scalar operations per second, in floating multiplications. */
  readonly ops: number;
  /** Multiplications and additions per second in products of matrices. */
  readonly flops: number;
}

/** How fast elements go to a device and come back. */
export interface TransferRates {
  /** Bytes per second to the device. */
  readonly upload: number;
  /** Bytes per second back. */
  readonly read: number;
  /** Seconds until anything comes back, however little. */
  readonly wait: number;
}

/** The rates of one machine. */
export interface MachineRates {
  readonly cpu: ComputeRates;
  readonly webgpu: ComputeRates & TransferRates;
}

/** Bytes that must go to a device for a call, and come back after it. */
export interface Traffic {
  readonly upload: number;
  readonly read: number;
}

/** What a call is estimated to take, in seconds, and what of it is due to what. */
export interface DeviceEstimate {
  /** All of it. */
  readonly seconds: number;
  /** What the steps compute. */
  readonly compute: number;
  /** The call itself, and beginning its steps. */
  readonly launch: number;
  /** Elements that go to the device. */
  readonly upload: number;
  /** Elements that come back, and the wait for them. */
  readonly read: number;
}

/** Seconds from which on a step is shared among threads. */
const SHARED_FROM = 1e-5;
/** What each further thread adds to the speed of one, in arithmetic. */
const THREAD_SHARE = 0.85;
/** As many threads' worth of memory traffic is all that a processor's memory carries, about. */
const MEMORY_THREADS = 2;

/** What the steps take, and what beginning them takes. */
function stepsOn(
  { steps }: ProgramWork,
  rates: ComputeRates,
  threads = 1,
): { readonly compute: number; readonly launch: number } {
  const faster = 1 + THREAD_SHARE * (threads - 1);
  const memory = Math.min(faster, MEMORY_THREADS);
  let compute = 0;
  let launches = 0;
  for (const { runs, bytes, ops, flops } of steps) {
    const traffic = bytes / rates.bytes;
    const arithmetic = Math.max(ops / rates.ops, flops / rates.flops);
    const alone = Math.max(traffic, arithmetic);
    compute += runs *
      (alone < SHARED_FROM ? alone : Math.max(traffic / memory, arithmetic / faster));
    launches += runs;
  }
  return { compute, launch: rates.call + launches * rates.launch };
}

/**
 * What a call takes on the processor.
 *
 * @param threads Among how many its larger steps are shared; the rates are those of one.
 */
export function estimateCpu(
  work: ProgramWork,
  { cpu }: MachineRates,
  threads = 1,
): DeviceEstimate {
  const { compute, launch } = stepsOn(work, cpu, threads);
  return { seconds: compute + launch, compute, launch, upload: 0, read: 0 };
}

/** What a call takes on WebGPU. */
export function estimateWebGpu(
  work: ProgramWork,
  { webgpu }: MachineRates,
  traffic: Traffic,
): DeviceEstimate {
  const { compute, launch } = stepsOn(work, webgpu);
  const upload = traffic.upload / webgpu.upload;
  const read = webgpu.wait * (1 + work.waits) + traffic.read / webgpu.read;
  return { seconds: compute + launch + upload + read, compute, launch, upload, read };
}
