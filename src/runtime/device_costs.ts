/**
 * How long a program would take on the processor, and how long on WebGPU: numbers in, numbers out.
 *
 * Each step takes the longest of what its memory, its operations and its products of matrices take, and a launch. On WebGPU there is
 * also what must go there before, and come back after. The rates are those of the machine, measured (`webgpu/calibration.ts`).
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

/** What the steps take, and what beginning them takes. */
function stepsOn(
  { steps }: ProgramWork,
  rates: ComputeRates,
): { readonly compute: number; readonly launch: number } {
  let compute = 0;
  let launches = 0;
  for (const { runs, bytes, ops, flops } of steps) {
    compute += runs * Math.max(bytes / rates.bytes, ops / rates.ops, flops / rates.flops);
    launches += runs;
  }
  return { compute, launch: rates.call + launches * rates.launch };
}

/** What a call takes on the processor. */
export function estimateCpu(work: ProgramWork, { cpu }: MachineRates): DeviceEstimate {
  const { compute, launch } = stepsOn(work, cpu);
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
