/**
 * A program for several devices: one text, which each device runs on its own part of the data (single program, multiple data).
 *
 * What makes one is a partitioner (of a program whose arguments are split); what takes it is a backend with more devices than one.
 *
 * @module
 */
import type { ClosedJaxpr } from "./jaxpr.ts";
import type { Mesh, PartitionSpec } from "./sharding.ts";

/** A program that every device of a mesh runs. */
export interface SpmdProgram {
  /** The devices, and the names of the mesh's axes, which the program's collectives use. */
  readonly mesh: Mesh;
  /** The program of one device: its shapes are those of parts, and it reaches other devices by collectives alone. */
  readonly closed: ClosedJaxpr;
  /** How each argument is split over the mesh. */
  readonly inSpecs: readonly PartitionSpec[];
  /** How each result is; what no entry splits is the same on every device. */
  readonly outSpecs: readonly PartitionSpec[];
}

const deviceForms = new WeakMap<ClosedJaxpr, SpmdProgram>();

/** Notes that a jaxpr computes on whole arrays what a program for several devices does on their parts. */
export function noteDeviceForm(closed: ClosedJaxpr, program: SpmdProgram): void {
  deviceForms.set(closed, program);
}

/** The program for several devices that a jaxpr was noted to be; `null` where it was none. */
export function deviceFormOf(closed: ClosedJaxpr): SpmdProgram | null {
  return deviceForms.get(closed) ?? null;
}
