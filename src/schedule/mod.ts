/**
 * From a jaxpr to a program of loop nests.
 *
 * @module
 */
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import type { Program } from "../loopnest/ir.ts";
import { simplify } from "./simplify.ts";
import { scheduleUnfused } from "./unfused.ts";

/** What {@linkcode schedule} is told. */
export interface ScheduleOptions {
  /** The function's name, for people. */
  readonly name: string;
  /** Which inputs (captured constants first) may be overwritten; none unless given. */
  readonly donated?: readonly boolean[];
}

/**
 * Schedules a jaxpr. The program's inputs are the captured constants, then the arguments; its outputs
 * are the jaxpr's, in order.
 */
export function schedule(closed: ClosedJaxpr, options: ScheduleOptions): Program {
  return scheduleUnfused(simplify(closed), options.name);
}
