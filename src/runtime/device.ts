/**
 * Devices: for now the processor alone.
 *
 * @module
 */
import { startCompiler } from "../backends/wasm/compiler.ts";
import { ArgumentError, DeviceError } from "../errors.ts";

/** A place where arrays live and programs run. */
export class Device {
  /**
   * Names a device.
   *
   * @param platform What kind it is.
   * @param id Its number among its kind.
   */
  constructor(readonly platform: "cpu", readonly id: number) {}

  /** As JAX prints it. */
  toString(): string {
    return `CpuDevice(id=${this.id})`;
  }

  /** For `console.log`. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

let cpu: Device | null = null;

/** The processor. */
export function theCpu(): Device {
  return cpu ??= new Device("cpu", 0);
}

/**
 * The devices of a platform, the processor's unless told otherwise.
 *
 * @example
 * ```ts
 * import { devices } from "@vernal/vernal";
 * console.log(devices()[0].platform); // "cpu"
 * ```
 */
export function devices(): Device[] {
  return [theCpu()];
}

/** Options of {@linkcode init}. */
export interface InitOptions {
  /** How many threads may compute. This version uses one, whatever is asked for. */
  readonly threads?: number;
  /** How many devices the processor is to count as. This version has one. */
  readonly devices?: number;
}

/**
 * Opens a platform. Never needed for `"cpu"`, where it only starts the compiler ahead of its first use.
 *
 * @returns The platform's devices.
 * @throws {DeviceError} For `"webgpu"`, which this version does not have, and for more than one device.
 *
 * @example
 * ```ts
 * import { init } from "@vernal/vernal";
 * const [cpu] = await init("cpu");
 * console.log(cpu.platform); // "cpu"
 * ```
 */
// deno-lint-ignore require-await -- other platforms are waited for; a refusal must reject, not throw
export async function init(
  platform: "cpu" | "webgpu" = "cpu",
  options: InitOptions = {},
): Promise<Device[]> {
  if (platform !== "cpu") {
    throw new DeviceError(`init: no platform ${platform} in this version; use "cpu"`);
  }
  for (const name of ["threads", "devices"] as const) {
    const count = options[name];
    if (count !== undefined && !(Number.isInteger(count) && count > 0)) {
      throw new ArgumentError(`init: ${name} must be a positive integer, got ${count}`);
    }
  }
  if ((options.devices ?? 1) > 1) {
    throw new DeviceError(
      `init: the processor counts as one device in this version, not as ${options.devices}`,
    );
  }
  startCompiler();
  return devices();
}
