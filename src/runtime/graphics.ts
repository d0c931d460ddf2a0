/**
 * What the runtime knows of WebGPU without loading it: which arrays are there, what is sent there, and the slot that
 * `init("webgpu")` fills with the rest. Who computes on the processor loads nothing of it.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import type { ShapedArray } from "../core/aval.ts";
import type { Device } from "../core/device.ts";
import type { DType } from "../core/dtype.ts";
import type { HostCallback } from "../core/lowering.ts";
import { isOnHost, type Placement, placementOf, preferredDevice } from "../core/placement.ts";
import type { AnyPrimitive } from "../core/primitive.ts";
import { type Sharding, SingleDeviceSharding } from "../core/sharding.ts";
import { DeviceError } from "../errors.ts";
import type { Program } from "../loopnest/ir.ts";
import type { ConcreteArray } from "./concrete.ts";
import type { MachineRates } from "./device_costs.ts";
import type { KernelTime } from "./webgpu/timing.ts";

/** What is held on a device. */
export interface DeviceMemory {
  /** Bytes in use. */
  readonly bytes: number;
  /** The buffers that they are in. */
  readonly buffers: number;
  /** Bytes that wait to be used again. */
  readonly pooledBytes: number;
  /** Shaders that were built. */
  readonly pipelines: number;
}

/** A program that the device runs. */
export interface GraphicsProgram {
  /** Why it cannot be written for the open device; `null` where it can. */
  refusal(): Error | null;
  /**
   * Queues a run and returns at once, but for inputs of the host, which are copied.
   *
   * @param donated Which inputs are given away.
   * @param placement What the results are said to be.
   * @param name The function that was called, for messages.
   */
  run(
    inputs: readonly NDArray[],
    donated: readonly boolean[] | null,
    placement: Placement,
    name: string,
  ): NDArray[];
}

/** Takes the times of a device's kernels. */
export interface KernelWatch {
  /** Stops without a result. */
  stop(): void;
  /** Stops; the times once the device is done. */
  times(): Promise<KernelTime[]>;
  /** Stops; the times at once, none where the runtime cannot wait for the device. */
  timesNow(): KernelTime[];
}

/** What the runtime asks of WebGPU. */
export interface Graphics {
  /** Whether a device was opened, though it may be lost by now. */
  readonly isOpened: boolean;
  /** How fast this machine's devices are; `null` where that was not measured. */
  readonly rates: MachineRates | null;
  /** Bytes that an array there takes at most. */
  readonly maxBytes: number;
  /** Whether the device has no such dtype. */
  lacks(dtype: DType): boolean;
  /** A program for the device, of the outputs' types and the host's functions that it calls. */
  program(
    program: Program,
    outAvals: readonly ShapedArray[],
    callbacks: readonly HostCallback[],
  ): GraphicsProgram;
  /** A program's shaders, for people. */
  shaders(program: Program): string;
  /** Computes one primitive. */
  evaluate(
    primitive: AnyPrimitive,
    operands: readonly NDArray[],
    params: unknown,
    placement: Placement,
  ): readonly NDArray[];
  /** The same elements on the device. */
  place(x: NDArray, placement: Placement): NDArray;
  /**
   * A copy of an array of the device on the host, where reads are synchronous.
   *
   * @throws {DeviceError} Where they are not.
   */
  bringBack(x: NDArray, to: Sharding): ConcreteArray;
  /** Whether an array's elements need not be sent: it is there, or a copy is. */
  isThere(x: NDArray): boolean;
  /** Keeps scopes from an array of the device. */
  keepAlive(x: NDArray): void;
  /** What is held; `null` where no device was opened. */
  memory(): DeviceMemory | null;
  /** Begins to take the times of kernels; `null` where there is no device, or it has no clock to be read. */
  watchKernels(): KernelWatch | null;
}

/** The rest of WebGPU, once it is loaded. */
export let graphics: Graphics | null = null;

/** Fills the slot. */
export function installGraphics(loaded: Graphics): void {
  graphics = loaded;
}

/** The rest of WebGPU.
 *
 * @throws {DeviceError} Where it was not loaded.
 */
export function loadedGraphics(what: string): Graphics {
  if (graphics !== null) return graphics;
  throw new DeviceError(
    `${what}: what computes on WebGPU is not loaded: await init("webgpu") loads it`,
  );
}

/** Whether anything may be on WebGPU at all. */
export function isGraphicsInUse(): boolean {
  return graphics !== null && graphics.isOpened;
}

/** Whether a device is one of WebGPU. */
function isGraphicsDevice(device: Device): boolean {
  return device.platform === "webgpu";
}

/** Whether a sharding is on WebGPU. */
export function isOnGraphics(sharding: Sharding): boolean {
  return sharding instanceof SingleDeviceSharding
    ? isGraphicsDevice(sharding.device)
    : sharding.devices.some(isGraphicsDevice);
}

/**
 * The placement of results where operands bind them to WebGPU; `null` where they do not.
 *
 * @param joint What operands are committed to, if anything.
 * @param nameOf What to call an operand in messages.
 * @throws {DeviceError} Where an operand on WebGPU would have to come back at once.
 */
export function boundPlacement(
  operands: readonly NDArray[],
  joint: Sharding | null,
  nameOf: (i: number) => string,
): Placement | null {
  if (joint !== null) {
    if (isOnGraphics(joint)) return placementOf(joint, true);
    const stray = operands.findIndex((x) => !isOnHost(x));
    if (stray >= 0) throw cannotComeBack(nameOf(stray), operands[stray], joint);
    return null;
  }
  for (let i = 0; i < operands.length; i++) {
    if (!isOnHost(operands[i])) return operands[i].placement;
  }
  return null;
}

/** The placement of what nobody bound to a device, where that is WebGPU; `null` where it is not. */
export function defaultOnGraphics(): Placement | null {
  const preferred = preferredDevice();
  if (!isGraphicsDevice(preferred)) return null;
  return placementOf(new SingleDeviceSharding(preferred), false);
}

/** The error for an array that would have to come back at once. */
export function cannotComeBack(what: string, x: NDArray, to: Sharding): DeviceError {
  return new DeviceError(
    `${what} is on ${x.device} and cannot be on ${
      to.devices.join(", ")
    } at once, because that device answers later: ` +
      "np.array(await x.data()).reshape(x.shape) makes a copy there",
  );
}
