/**
 * Devices: what they are, and which there are.
 *
 * The processor counts as one device or, for programs over several, as as many as were asked for. These logical devices share one memory: an array is
 * one run of elements wherever it is said to be, and moving it changes what is said.
 *
 * @module
 */
import { DeviceError } from "../errors.ts";

/** A kind of device: the processor, or a graphics card by way of WebGPU. */
export type Platform = "cpu" | "webgpu";

/** A place where arrays live and programs run. Equal devices are the same object. */
export class Device {
  /**
   * Names a device. Users take theirs from `devices()`.
   *
   * @param platform What kind it is.
   * @param id Its number among its kind.
   */
  constructor(readonly platform: Platform, readonly id: number) {}

  /** As JAX prints it: `cpu:0`. */
  toString(): string {
    return `${this.platform}:${this.id}`;
  }

  /**
   * Closes a device of WebGPU, as the end of a block does that says `using device = gpu`: what it holds is given back, and
   * arrays there are gone. `await init("webgpu")` opens it again. Devices of the processor stay.
   *
   * @example
   * ```ts ignore
   * const [gpu] = await init("webgpu");
   * {
   *   using device = gpu;
   *   console.log(await devicePut(np.ones([2]), device).add(1).data()); // [2, 2]
   * } // closed
   * ```
   */
  [Symbol.dispose](): void {
    if (this.platform === "webgpu") closeGraphics?.();
  }

  /** For `console.log`. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /** For `console.log` in Node. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** All that there have been: a device that vanishes and comes back is the same object. */
const made: Device[] = [];
let count = 1;

/** The processor's devices. */
export function cpuDevices(): Device[] {
  while (made.length < count) made.push(new Device("cpu", made.length));
  return made.slice(0, count);
}

/** The first of the processor's devices. */
export function firstDevice(): Device {
  return made[0] ?? cpuDevices()[0];
}

/** As how many devices the processor counts. */
export function deviceCount(): number {
  return count;
}

/** Sets as how many devices the processor counts. */
export function setDeviceCount(n: number): void {
  count = n;
}

const graphics = new Device("webgpu", 0);
/** Closes it; `null` where it is not open. */
let closeGraphics: (() => void) | null = null;

/** The device that WebGPU gives, open or not. */
export function graphicsDevice(): Device {
  return graphics;
}

/** The devices of WebGPU that are open. */
export function webgpuDevices(): Device[] {
  return closeGraphics === null ? [] : [graphics];
}

/** Notes that the device of WebGPU was opened, and how it is closed; `null`: that it is gone. */
export function setGraphicsOpen(close: (() => void) | null): void {
  closeGraphics = close;
}

/** Whether a device is one of those that there are. */
export function isPresent(device: Device): boolean {
  return device.platform === "webgpu" ? closeGraphics !== null : device.id < count;
}

/**
 * Checks that a device is there.
 *
 * @throws {DeviceError} Where it vanished when the processor came to count as fewer.
 */
export function checkPresent(device: Device, what: string): void {
  if (isPresent(device)) return;
  if (device.platform === "webgpu") {
    throw new DeviceError(
      `${what} is on ${device}, which is not open: await init("webgpu") opens it`,
    );
  }
  throw new DeviceError(
    `${what} is on ${device}, but there ${
      count === 1 ? "is 1 device" : `are ${count} devices`
    }: await init("cpu", { devices: ${device.id + 1} }) brings it back, and devicePut moves arrays`,
  );
}
