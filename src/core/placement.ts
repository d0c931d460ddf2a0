/**
 * Where a concrete array is, and whether it must stay there.
 *
 * @module
 */
import { checkPresent, type Device, firstDevice } from "./device.ts";
import type { Shape } from "./aval.ts";
import { devicesDiffer, sameDevices, type Sharding, SingleDeviceSharding } from "./sharding.ts";

/** A sharding, and whether what is computed from the array must be there too. Equal placements are the same object. */
export interface Placement {
  /** Where it is. */
  readonly sharding: Sharding;
  /** Whether somebody said so (`devicePut`, a sharding), and it does not just happen to be there. */
  readonly committed: boolean;
}

/** An array of which only where it is matters. */
export interface Located {
  /** Where it is; `null` where nobody said. */
  readonly placement: Placement | null;
  readonly shape: Shape;
}

const interned = new Map<string, Placement>();

/** The placement of a sharding. */
export function placementOf(sharding: Sharding, committed: boolean): Placement {
  const key = `${committed}|${sharding}`;
  let placement = interned.get(key);
  if (placement === undefined) interned.set(key, placement = { sharding, committed });
  return placement;
}

let preferred: Device | null = null;

/** The device of arrays that nobody put anywhere. */
export function preferredDevice(): Device {
  return preferred ?? firstDevice();
}

/** Whether somebody set the device of arrays that nobody put anywhere. */
export function isDefaultChosen(): boolean {
  return preferred !== null;
}

/** Sets the device of arrays that nobody put anywhere, or `null` for the first. */
export function setPreferredDevice(device: Device | null): void {
  preferred = device;
  defaultPlacement = device === null || device === firstDevice() || device.platform !== "cpu"
    ? null
    : placementOf(new SingleDeviceSharding(device), false);
}

/** Calls a function of the host, which may read the arrays that it makes: they are the processor's, whatever the preferred device. */
export function onHost<T>(fn: () => T): T {
  const previous = preferred;
  if (preferredDevice().platform === "cpu") return fn();
  setPreferredDevice(null);
  try {
    return fn();
  } finally {
    setPreferredDevice(previous);
  }
}

/** What new arrays of the processor get: `null` stands for its first device, uncommitted, as of nearly all arrays. */
export let defaultPlacement: Placement | null = null;

/** Whether an array's elements can be read at once: those of the processor's devices. */
export function isOnHost({ placement }: Located): boolean {
  return placement === null || placement.sharding.devices.every((d) => d.platform === "cpu");
}

/** The sharding that a placement stands for. */
export function shardingOf(placement: Placement | null): Sharding {
  return placement?.sharding ?? new SingleDeviceSharding(firstDevice());
}

/**
 * The placement that operands bind an operation to: that of the first committed one, or `null` where none is.
 *
 * @param nameOf What to call an operand in messages.
 * @throws {DeviceError} Where two are committed to different devices, or one to a device that is gone.
 */
export function jointPlacement(
  operands: readonly { readonly placement: Placement | null }[],
  caller: string,
  nameOf: (i: number) => string,
): Placement | null {
  let joint: Placement | null = null;
  let first = 0;
  for (let i = 0; i < operands.length; i++) {
    const { placement } = operands[i];
    if (placement === null || !placement.committed || placement === joint) continue;
    for (const device of placement.sharding.devices) {
      checkPresent(device, `${caller}: ${nameOf(i)}`);
    }
    if (joint === null) {
      joint = placement;
      first = i;
    } else if (!sameDevices(joint.sharding, placement.sharding)) {
      throw devicesDiffer(caller, [nameOf(first), joint.sharding], [nameOf(i), placement.sharding]);
    }
  }
  return joint;
}
