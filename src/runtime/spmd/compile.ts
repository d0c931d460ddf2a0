/**
 * Programs for several devices, compiled: {@linkcode compileSpmd} gives what is called with whole arrays and gives whole arrays.
 *
 * ```ts
 * const executable = compileSpmd(program, { name: "step", donated: [true, false] });
 * const outs = executable.run(inputs); // NDArrays, committed to NamedSharding(mesh, outSpecs[i])
 * ```
 *
 * Inputs are concrete arrays of the processor, of the whole shapes: where they are said to be does not matter, since all devices
 * share one memory; so whoever calls sees to it that they may be moved to the mesh. What the program is closed over is the same on every
 * device. Donated inputs that `takenOver` names are deleted.
 *
 * @module
 */
import { jitBackend, type ProgramMemory } from "../../control/jit_call.ts";
import type { NDArray } from "../../core/array.ts";
import { hoistConsts } from "../../core/jaxpr.ts";
import { placementOf } from "../../core/placement.ts";
import { NamedSharding } from "../../core/sharding.ts";
import type { SpmdProgram } from "../../core/spmd.ts";
import { getEvaluator } from "../../core/trace.ts";
import { mappedProgram } from "./reference.ts";

/** How a program for several devices is to be compiled. */
export interface SpmdOptions {
  /** The function's name, for people. */
  readonly name: string;
  /** Which inputs the caller gives up; none unless given. */
  readonly donated?: readonly boolean[];
}

/** A program for several devices, ready to run. */
export interface SpmdExecutable {
  /** What it runs. */
  readonly program: SpmdProgram;
  /** For each input, whether it was donated and is deleted by a call. */
  readonly takenOver: readonly boolean[];
  /** What a call takes, of all devices together. */
  readonly memory: ProgramMemory;
  /**
   * Runs the program on whole arrays.
   *
   * @param inputs Concrete arrays of the processor, one for each input.
   * @returns A fresh array for each output, whole, and committed to its sharding.
   * @throws {DonatedError} Where an input is deleted.
   * @throws {DeviceError} Where a thread failed: the call has no result, and what was donated is lost.
   */
  run(inputs: readonly NDArray[]): NDArray[];
}

/** Compiles a program for several devices. */
export function compileSpmd(program: SpmdProgram, options: SpmdOptions): SpmdExecutable {
  const mapped = mappedProgram(program);
  for (const x of mapped.consts) getEvaluator().keepAlive(x);
  const { mesh, outSpecs } = program;
  const placements = outSpecs.map((spec) => placementOf(new NamedSharding(mesh, spec), true));
  const given = options.donated ?? program.inSpecs.map(() => false);
  const compiled = jitBackend().compile(hoistConsts(mapped), {
    name: options.name,
    donated: [...mapped.consts.map(() => false), ...given],
  });
  return {
    program,
    takenOver: compiled.takenOver.slice(mapped.consts.length),
    memory: compiled.memory,
    run(inputs) {
      const outs = compiled.run([...mapped.consts, ...inputs]);
      outs.forEach((x, i) => x.placement = placements[i]);
      return outs;
    },
  };
}
