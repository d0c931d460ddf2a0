/**
 * What users ask of devices: which there are, how many there are to be, and which one new arrays go to.
 *
 * @module
 */
import { readyCompiler } from "../backends/wasm/compiler.ts";
import {
  checkPresent,
  cpuDevices,
  Device,
  type Platform,
  setDeviceCount,
  webgpuDevices,
} from "../core/device.ts";
import { preferredDevice, setPreferredDevice } from "../core/placement.ts";
import { ArgumentError, DeviceError } from "../errors.ts";
import { setThreadCount } from "./threads.ts";

/**
 * The devices of a platform, the processor's unless told otherwise. `await init("cpu", { devices: n })` says how many those are;
 * `await init("webgpu")` opens the one of WebGPU, without which there is none.
 *
 * @throws {DeviceError} For a platform that does not exist.
 *
 * @example
 * ```ts
 * import { devices } from "@vernal/vernal";
 * console.log(String(devices()[0])); // "cpu:0"
 * ```
 */
export function devices(platform: Platform = "cpu"): Device[] {
  if (platform === "webgpu") return webgpuDevices();
  if (platform !== "cpu") throw noPlatform("devices", platform);
  return cpuDevices();
}

function noPlatform(caller: string, platform: unknown): DeviceError {
  return new DeviceError(`${caller}: no platform ${String(platform)}; use "cpu" or "webgpu"`);
}

/** Options of {@linkcode init}. */
export interface InitOptions {
  /**
   * How many threads may compute, the caller's included; as before unless given, at first as the environment variable
   * `VERNAL_THREADS` says, else as many as there are processors, 8 at most. They start when there was work for them. The results
   * are the same bits for any number.
   */
  readonly threads?: number;
  /**
   * As how many devices the processor is to count; as before unless given, at first as one. Programs over several run on a thread for each, as far as
   * there are processors, unless `threads` says how many.
   */
  readonly devices?: number;
}

/**
 * Opens a platform. For `"cpu"` it is needed for two things alone. One is to have several logical devices: they share one memory, and
 * programs over them compute at the same time. The other is to compile where no worker thread can be started, as in a process that
 * may not read the package's files: there it loads the compiler into the calling thread. Elsewhere it starts the compiler ahead of
 * its first use.
 *
 * For `"webgpu"` it loads what computes there, opens the adapter, and measures, if nobody did before, how fast it and the processor are (some
 * tenths of a second, once for each machine where a file may be kept). From then on compiled programs that nothing binds to a
 * device run where they are estimated to be faster: results that are large may be on WebGPU, where only `await x.data()` reads them.
 * `explainDevice` says where a function ran, and `defaultDevice(devices()[0])` keeps everything here.
 *
 * Arrays on a device that vanishes keep their elements, but computing with them throws until the device is back or `devicePut` moves them.
 *
 * @returns The platform's devices.
 * @throws {DeviceError} For `"webgpu"` where no adapter is found, saying what to install; where the default device would vanish.
 *
 * @example
 * ```ts
 * import { init } from "@vernal/vernal";
 * const all = await init("cpu", { devices: 4 });
 * console.log(all.join(" ")); // "cpu:0 cpu:1 cpu:2 cpu:3"
 * ```
 */
export async function init(
  platform: Platform = "cpu",
  options: InitOptions = {},
): Promise<Device[]> {
  if (platform === "webgpu") {
    const { openWebGpu } = await import("./webgpu/platform.ts");
    return [await openWebGpu()];
  }
  if (platform !== "cpu") throw noPlatform("init", platform);
  for (const name of ["threads", "devices"] as const) {
    const count = options[name];
    if (count !== undefined && !(Number.isInteger(count) && count > 0)) {
      throw new ArgumentError(`init: ${name} must be a positive integer, got ${count}`);
    }
  }
  if (options.devices !== undefined) {
    const preferred = preferredDevice();
    if (preferred.id >= options.devices) {
      throw new DeviceError(
        `init: with ${options.devices} devices the default device, ${preferred}, would vanish; call defaultDevice(null) first`,
      );
    }
    setDeviceCount(options.devices);
  }
  if (options.threads !== undefined) setThreadCount(options.threads);
  await readyCompiler();
  return devices();
}

/**
 * Sets the device that arrays are made on, and computed on where no operand is committed to another. Holds until changed; `null` is
 * the first device.
 *
 * @throws {ArgumentError} For something that is no device.
 * @throws {DeviceError} For a device that vanished.
 *
 * @example
 * ```ts
 * import { defaultDevice, devices, numpy as np } from "@vernal/vernal";
 * defaultDevice(devices()[0]);
 * console.log(String(np.ones([2]).device)); // "cpu:0"
 * defaultDevice(null);
 * ```
 */
export function defaultDevice(device: Device | null): void {
  if (device !== null) {
    if (!(device instanceof Device)) {
      throw new ArgumentError(
        `defaultDevice: expected a device, as devices() gives them, or null; got ${String(device)}`,
      );
    }
    checkPresent(device, "defaultDevice: new arrays");
  }
  setPreferredDevice(device);
}
