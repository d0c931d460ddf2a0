/**
 * Why a compiled function was traced, and why it ran where it did.
 *
 * @module
 */
import type { DeviceChoice } from "../runtime/device_choice.ts";
import type { DeviceEstimate } from "../runtime/device_costs.ts";
import { compiledTable } from "./jit.ts";
import type { TraceRecord } from "./retraces.ts";

/**
 * Why a compiled function was traced: each trace, and for each but the first which argument, by its path, was not what it was in the
 * nearest earlier trace, what it was, and what it is. From the third retrace on a warning says the same of its own accord.
 *
 * @param fun What {@linkcode filterJit} gave, or a method decorated with it.
 * @returns The traces in order; of more than 512 the last.
 * @throws {ArgumentError} For anything else.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const f = vn.filterJit((x: vn.NDArray, n: number) => x.mul(n));
 * f(vn.numpy.ones([3]), 2);
 * f(vn.numpy.ones([3]), 3);
 * String(vn.explainRetraces(f)[1]); // trace 2: args[1] was 2, is 3 (compared with trace 1)
 * ```
 */
export function explainRetraces(fun: unknown): readonly TraceRecord[] {
  return [...compiledTable(fun, "explainRetraces").records];
}

/** Where a compiled function ran, for one of its traces. */
export interface DeviceRecord extends DeviceChoice {
  /** Which of its traces it is about, as in {@linkcode explainRetraces}. */
  readonly trace: number;
  /** The record in one line. */
  toString(): string;
}

/**
 * Where a compiled function ran last, and why: for each of its traces the device, what decided, and what such a call is estimated to
 * take on the processor and on WebGPU.
 *
 * Arrays that are committed to a device decide; then those that are on WebGPU already, because they cannot come back at once; then
 * `defaultDevice`. Where nobody said anything, estimates do: of what the program computes and moves in memory, of its launches, and of what must go to the
 * device and come back. They are made with the rates of this machine, which `init("webgpu")` measures. Traces of functions
 * that hold the compiled one, as of its gradient, are not listed.
 *
 * @param fun What {@linkcode filterJit} gave, or a method decorated with it.
 * @returns A record for each trace whose program is kept and was called, in order.
 * @throws {ArgumentError} For anything else.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const f = vn.filterJit((x: vn.NDArray) => x.mul(2));
 * f(vn.numpy.ones([3]));
 * vn.explainDevice(f)[0].platform; // "cpu"
 * String(vn.explainDevice(f)[0]); // trace 1: cpu, because only the processor was open; await init("webgpu") opens WebGPU
 * ```
 */
export function explainDevice(fun: unknown): readonly DeviceRecord[] {
  const made = [...compiledTable(fun, "explainDevice").byKey.values()].flat();
  return made.sort((a, b) => a.trace - b.trace).flatMap(({ trace, program, run }) => {
    if (program === null) return [];
    const choice = program.explain(run);
    return [{ trace, ...choice, toString: () => `trace ${trace}: ${describeChoice(choice)}` }];
  });
}

function describeChoice({ platform, because, cpu, webgpu }: DeviceChoice): string {
  const estimates = [["cpu", cpu], ["webgpu", webgpu]] as const;
  const known = estimates.flatMap(([name, e]) => e === null ? [] : [`${name} ${describe(e)}`]);
  const estimated = known.length === 0 ? "" : `; estimated: ${known.join(", ")}`;
  return `${platform}, because ${because}${estimated}`;
}

/** An estimate, with what of it is due to what. */
function describe({ seconds, ...parts }: DeviceEstimate): string {
  const listed = Object.entries(parts).flatMap(([name, part]) =>
    part === 0 ? [] : [`${name} ${duration(part)}`]
  );
  return `${duration(seconds)} (${listed.join(", ")})`;
}

function duration(seconds: number): string {
  const text = (value: number) => String(Number(value.toPrecision(3)));
  if (seconds < 1e-3) return `${text(seconds * 1e6)} µs`;
  return seconds < 1 ? `${text(seconds * 1e3)} ms` : `${text(seconds)} s`;
}
