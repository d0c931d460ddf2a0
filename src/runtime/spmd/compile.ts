/**
 * Programs for several devices, compiled: {@linkcode compileSpmd} gives what is called with whole arrays and gives whole arrays.
 *
 * `compileSpmd(program, { name: "step", donated: [true, false] }).run(inputs)` gives arrays committed to `NamedSharding(mesh, outSpecs[i])`.
 *
 * Inputs are concrete arrays of the processor, of the whole shapes: where they are said to be does not matter, since all devices
 * share one memory; so whoever calls sees to it that they may be moved to the mesh. What the program is closed over is the same on every
 * device. Donated inputs that `takenOver` names are deleted.
 *
 * @module
 */
import {
  jitBackend,
  type ProgramFacts,
  type ProgramMemory,
  type RunOptions,
} from "../../control/jit_call.ts";
import type { NDArray } from "../../core/array.ts";
import { nbytesOf, type ShapedArray } from "../../core/aval.ts";
import { usedInputs } from "../../core/dead_code.ts";
import { hoistConsts } from "../../core/jaxpr.ts";
import { type Located, type Placement, placementOf } from "../../core/placement.ts";
import { NamedSharding } from "../../core/sharding.ts";
import type { SpmdProgram } from "../../core/spmd.ts";
import { timed } from "../../core/spans.ts";
import { getEvaluator } from "../../core/trace.ts";
import type { ConcreteArray } from "../concrete.ts";
import { deviceThreadCount } from "../threads.ts";
import type { Plan } from "./nodes.ts";
import { planSpmd } from "./plan.ts";
import { globalAval, mappedProgram } from "./reference.ts";
import { Runner } from "./runner.ts";
import { NotByDevices } from "./variance.ts";

/** How a program for several devices is to be compiled. */
export interface SpmdOptions {
  /** The function's name, for people. */
  readonly name: string;
  /** Which inputs the caller gives up; none unless given. */
  readonly donated?: readonly boolean[];
}

/** A program for several devices, ready to run. */
export interface SpmdExecutable extends ProgramFacts {
  /** What it runs. */
  readonly program: SpmdProgram;
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

/** The parts of a compiled program that depend on the number of threads. */
interface Ready {
  readonly threads: number;
  readonly plan: Plan;
  readonly runner: Runner;
}

/** Compiles a program for several devices. */
export function compileSpmd(program: SpmdProgram, options: SpmdOptions): SpmdExecutable {
  return compileByDevices(program, options) ?? mappedExecutable(program, options);
}

/** Compiles a program that devices can run by themselves between collectives; `null` where they cannot. */
export function compileByDevices(
  program: SpmdProgram,
  options: SpmdOptions,
): SpmdExecutable | null {
  try {
    return new DeviceExecutable(program, options);
  } catch (error) {
    if (error instanceof NotByDevices) return null;
    throw error;
  }
}

/** The inputs that are given up, and have the type of an output each: how either is split does not matter in one memory. */
export function takenOverBy(
  { closed, mesh, inSpecs, outSpecs }: SpmdProgram,
  given: readonly boolean[] = closed.inAvals.map(() => false),
): boolean[] {
  const outs = closed.outAvals.map((aval, i) => String(globalAval(aval, outSpecs[i], mesh).id));
  return closed.inAvals.map((aval, i) => {
    const at = given[i] ? outs.indexOf(String(globalAval(aval, inSpecs[i], mesh).id)) : -1;
    if (at >= 0) outs[at] = "";
    return at >= 0;
  });
}

function placementsOf({ mesh, outSpecs }: SpmdProgram): Placement[] {
  return outSpecs.map((spec) => placementOf(new NamedSharding(mesh, spec), true));
}

/** Runs a program device by device. */
class DeviceExecutable implements SpmdExecutable {
  readonly takenOver: readonly boolean[];
  readonly used: readonly boolean[];
  readonly #name: string;
  readonly #placements: readonly Placement[];
  #ready: Ready;

  constructor(readonly program: SpmdProgram, { name, donated }: SpmdOptions) {
    this.#name = name;
    this.used = usedInputs(program.closed, program.outSpecs.map(() => true));
    this.takenOver = takenOverBy(program, donated);
    this.#placements = placementsOf(program);
    for (const x of program.closed.consts) getEvaluator().keepAlive(x);
    this.#ready = this.#prepare();
  }

  get memory(): ProgramMemory {
    const { plan, runner } = this.#ready;
    const bytes = (avals: readonly ShapedArray[]): number =>
      avals.reduce((sum, aval) => sum + nbytesOf(aval), 0);
    const inputs = bytes(plan.inAvals) + bytes(plan.consts.map((x) => x.aval));
    const outputs = bytes(plan.outAvals);
    const aliases = bytes(plan.outAvals.filter((_, o) => plan.donors[o] >= 0));
    return {
      argumentSizeInBytes: inputs,
      outputSizeInBytes: outputs,
      aliasSizeInBytes: aliases,
      tempSizeInBytes: runner.blockBytes,
      generatedCodeSizeInBytes: plan.codeBytes,
      peakMemoryInBytes: inputs + outputs - aliases + runner.blockBytes,
    };
  }

  run(inputs: readonly NDArray[]): NDArray[] {
    if (this.#ready.threads !== deviceThreadCount()) this.#ready = this.#prepare();
    const { runner, threads } = this.#ready;
    const devices = this.program.mesh.size;
    const outs = timed(
      "run",
      this.#name,
      () => runner.run(inputs as readonly ConcreteArray[], this.takenOver),
      () => ({ details: { devices, threads } }),
    );
    outs.forEach((x, i) => x.placement = this.#placements[i]);
    return outs;
  }

  #prepare(): Ready {
    const threads = deviceThreadCount();
    const { mesh, closed } = this.program;
    const plan = timed(
      "compile",
      `${this.#name}, for ${mesh.size} devices`,
      () => planSpmd(this.program, this.#name, this.takenOver),
      ({ nodes }) => ({
        details: { devices: mesh.size, threads, steps: nodes.length },
        texts: { jaxpr: () => String(closed) },
      }),
    );
    return { threads, plan, runner: new Runner(plan, this.#name) };
  }
}

/** Runs what devices cannot run by themselves: as one program, mapped over the mesh. */
function mappedExecutable(program: SpmdProgram, options: SpmdOptions): SpmdExecutable {
  const mapped = mappedProgram(program);
  for (const x of mapped.consts) getEvaluator().keepAlive(x);
  const placements = placementsOf(program);
  const given = options.donated ?? program.inSpecs.map(() => false);
  const compiled = jitBackend().compile(hoistConsts(mapped), {
    name: options.name,
    donated: [...mapped.consts.map(() => false), ...given],
  });
  const { mesh, inSpecs } = program;
  const located = [
    ...mapped.consts,
    ...mapped.inAvals.map(({ shape }, i): Located => ({
      shape,
      placement: placementOf(new NamedSharding(mesh, inSpecs[i]), true),
    })),
  ];
  const how: RunOptions = {
    name: options.name,
    nameOf: (i) => `input ${i - mapped.consts.length}`,
    on: null,
    isCpuOnly: true,
  };
  const facts = () => compiled.prepare(located, how);
  return {
    program,
    get takenOver() {
      return facts().takenOver.slice(mapped.consts.length);
    },
    get used() {
      return facts().used.slice(mapped.consts.length);
    },
    get memory() {
      return facts().memory;
    },
    run(inputs) {
      const outs = compiled.run([...mapped.consts, ...inputs]);
      outs.forEach((x, i) => x.placement = placements[i]);
      return outs;
    },
  };
}
