/**
 * Devices: for now the processor alone.
 *
 * @module
 */

/** A place where arrays live and programs run. */
export class Device {
  /**
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
