/**
 * What runs jitted calls: schedules a jaxpr, compiles it, and wraps the module so that arrays go in and come out.
 *
 * @module
 */
import { DonatedError } from "../errors.ts";
import {
  type CompiledProgram,
  type CompileOptions,
  installJitBackend,
  type JitBackend,
  type LoweredText,
  type ProgramFacts,
  type ProgramMemory,
  type RunOptions,
} from "../control/jit_call.ts";
import type { NDArray } from "../core/array.ts";
import { dtypeInfo } from "../core/dtype.ts";
import { areStepsWatched, isWatched, type SpanDetails, timed } from "../core/spans.ts";
import { type ClosedJaxpr, JaxprVar } from "../core/jaxpr.ts";
import { closedJaxprKey, portableJaxprKey } from "../core/jaxpr_key.ts";
import type { ShapedArray } from "../core/aval.ts";
import type { HostCallback } from "../core/lowering.ts";
import type { EmitOptions } from "../backends/wasm/emit.ts";
import { NotPartitioned } from "../core/partition.ts";
import type { SpmdProgram } from "../core/spmd.ts";
import { printProgram } from "../loopnest/print.ts";
import type { ProgramInterface } from "../loopnest/ir.ts";
import { usesProcessorKernels } from "../loopnest/kernels.ts";
import {
  type Compilation,
  compileToProgram,
  scheduleJaxpr,
  type Simplified,
  simplifyJaxpr,
} from "../compile/pipeline.ts";
import { type ProgramWork, workOf } from "../schedule/work.ts";
import {
  beginCompiling,
  type CompiledModule,
  compileProgram,
  disassemble,
  findProgram,
  keepFastest,
  prepareCompiler,
} from "../backends/wasm/compiler.ts";
import { currentChecks } from "../core/checks.ts";
import type { ConcreteArray } from "./concrete.ts";
import { logCompilations } from "./debug_log.ts";
import { isOnHost, type Located, type Placement } from "../core/placement.ts";
import { type DeviceChoice, DeviceChooser } from "./device_choice.ts";
import { type Callable, Executable } from "./executable.ts";
import { type GraphicsProgram, isGraphicsInUse, loadedGraphics } from "./graphics.ts";
import { divide, PartitionedPrograms, partitionedText, runsWhole } from "./partitioned.ts";
import { NOT_SPLIT, ProgramPlacer } from "./placing.ts";
import type { SpmdExecutable } from "./spmd/compile.ts";
import { canRunByDevices, compileForDevices, deviceProgramOf } from "./spmd/jitted.ts";
import { stepsText } from "./spmd/text.ts";
import { ProgramCache } from "./program_cache.ts";
import { sharingOptions, threadCount } from "./threads.ts";
import { measuresSchedules, Trial } from "./trial.ts";

/** Which inputs a jaxpr reads. */
function usedInputs(closed: ClosedJaxpr): boolean[] {
  const { invars, outvars, eqns } = closed.jaxpr;
  const used = new Set<unknown>(outvars);
  for (const eqn of eqns) {
    for (const atom of eqn.invars) if (atom instanceof JaxprVar) used.add(atom);
  }
  return invars.map((v) => used.has(v));
}

/** Which inputs an output of the program takes the memory of. */
function takenOverInputs(program: ProgramInterface, count: number): boolean[] {
  const taken = Array<boolean>(count).fill(false);
  for (const buffer of program.buffers) {
    if (buffer.role === "output" && buffer.donor >= 0) taken[buffer.donor] = true;
  }
  return taken;
}

/** How to run a program of which the caller says nothing. */
const byNumber: RunOptions = {
  name: "a compiled function",
  nameOf: (i) => `input ${i}`,
  on: null,
  isCpuOnly: false,
};

/** The error of an array that is gone, with the place where it was given. */
function atInput(error: unknown, inputs: readonly NDArray[], how: RunOptions): unknown {
  const gone = error instanceof DonatedError ? inputs.findIndex((x) => x.isDeleted) : -1;
  if (gone < 0) return error;
  const { message } = error as DonatedError;
  return new DonatedError(`${how.name}: ${how.nameOf(gone)}: ${message}`, { cause: error });
}

/** What a call takes. */
function memoryOf(program: ProgramInterface, tempBytes: number, codeBytes: number): ProgramMemory {
  let [inputs, outputs, aliases] = [0, 0, 0];
  for (const { role, size, dtype, donor } of program.buffers) {
    const bytes = size * dtypeInfo(dtype).bytes;
    if (role === "input") inputs += bytes;
    else if (role === "output") {
      outputs += bytes;
      if (donor >= 0) aliases += bytes;
    }
  }
  return {
    argumentSizeInBytes: inputs,
    outputSizeInBytes: outputs,
    aliasSizeInBytes: aliases,
    tempSizeInBytes: tempBytes,
    generatedCodeSizeInBytes: codeBytes,
    peakMemoryInBytes: inputs + outputs - aliases + tempBytes,
  };
}

/** How many programs live on when the functions that they were compiled for are gone. */
const HELD = 64;

const cache = new ProgramCache<Code>(HELD);
let compilations = 0;

/** How many programs have been compiled for jitted calls, for tests. */
export function compilationCount(): number {
  return compilations;
}

/** What tells programs apart: the simplified jaxpr, the results' types, and which inputs may be overwritten. */
function programKey(simplified: ClosedJaxpr, closed: ClosedJaxpr, options: CompileOptions): string {
  const donated = options.donated?.map(Number).join("") ?? "";
  return `${donated.includes("1") ? donated : ""}|${
    closed.outAvals.map((aval) => aval.id).join()
  }|${closedJaxprKey(simplified)}`;
}

/** What a program is made from, as a text that is the same in every process, or `null` where there is none. */
function sourceOf(simplified: ClosedJaxpr, { name, donated = [] }: CompileOptions): string | null {
  const key = portableJaxprKey(simplified);
  return key === null ? null : `${JSON.stringify(name)} ${donated.map(Number).join("")}|${key}`;
}

/** What a program is on the processor. */
interface CpuCode {
  /** Among how many threads it shares its work. */
  readonly threads: number;
  readonly executable: Callable;
  readonly memory: ProgramMemory;
  /** Where somebody watched. */
  readonly about: SpanDetails | null;
}

/** The same in one of the forms that are measured, with what it was made of. */
interface CpuForm extends CpuCode {
  readonly compiled: CompiledModule;
}

/**
 * A jaxpr's program, and those of all that are like it, with what it becomes on each platform: made when it is first run there. Where
 * arrays are is each call's affair.
 */
class Code implements ProgramFacts {
  readonly takenOver: readonly boolean[];
  /** The same, or `null` where there are none. */
  readonly donated: readonly boolean[] | null;
  readonly used: readonly boolean[];
  readonly #interface: ProgramInterface;
  readonly #outAvals: readonly ShapedArray[];
  readonly #source: string | null;
  readonly #simplified: Simplified;
  readonly #options: CompileOptions;
  /** The schedule, where it was asked for: a program that is on disk does without. */
  #made: Compilation | null = null;
  #work: ProgramWork | null = null;
  #cpu: CpuCode | null = null;
  /** The same, telling of its steps; for those who watch them. */
  #told: CpuCode | null = null;
  #graphics: GraphicsProgram | null = null;

  constructor(simplified: Simplified, closed: ClosedJaxpr, options: CompileOptions) {
    this.#simplified = simplified;
    this.#options = options;
    this.#outAvals = closed.outAvals;
    this.#source = sourceOf(simplified.closed, options);
    // Whether the schedule is needed in any case.
    const isNeeded = isGraphicsInUse() || areStepsWatched() || currentChecks().verify;
    const found = this.#source === null || isNeeded
      ? null
      : findProgram(this.#source, sharingOptions());
    this.#interface = found?.program ?? this.#schedule.program;
    this.takenOver = takenOverInputs(this.#interface, closed.inAvals.length);
    this.donated = this.takenOver.includes(true) ? this.takenOver : null;
    this.used = usedInputs(simplified.closed);
    // Where there is one platform only, what is wrong with a program shows at once.
    if (!isGraphicsInUse()) this.#compile(found?.compiled ?? null);
  }

  get #schedule(): Compilation {
    return this.#made ??= scheduleJaxpr(this.#simplified, this.#options);
  }

  get memory(): ProgramMemory {
    return this.cpu().memory;
  }

  get work(): ProgramWork {
    return this.#work ??= workOf(this.#schedule.program);
  }

  cpu(): CpuCode {
    const threads = threadCount();
    const known = this.#known();
    if (known?.threads === threads) return known;
    return timed(
      "compile",
      `${this.#interface.name}, for the processor`,
      () => this.#compile(),
      ({ about }) => about!,
    );
  }

  #known(): CpuCode | null {
    return areStepsWatched() ? this.#told : this.#cpu;
  }

  /** @param found What was on disk. */
  #compile(found: CompiledModule | null = null): CpuCode {
    const threads = threadCount();
    compilations++;
    const options = sharingOptions();
    const tellsSteps = areStepsWatched();
    const callbacks = found === null ? this.#schedule.callbacks : [];
    const compiled = found ?? compileProgram(
      this.#schedule.program,
      tellsSteps ? { ...options, tellsSteps } : options,
      // Functions of the host are only in the schedule, and so are the steps' names.
      callbacks.length === 0 && !tellsSteps ? this.#source : null,
    );
    const code = this.#codeOf(compiled, threads, callbacks);
    if (tellsSteps) return this.#told = code;
    const isMeasured = compiled.close.length > 0 && callbacks.length === 0 && measuresSchedules();
    return this.#cpu = isMeasured ? this.#measured({ ...code, compiled }, options) : code;
  }

  #codeOf(
    { module, bytes, scratchBytes, sharing, origin }: CompiledModule,
    threads: number,
    callbacks: readonly HostCallback[] = [],
  ): CpuCode {
    // Kernels need scratch of their own, so that the compiled program may want more than the program says.
    const program = { ...this.#made?.program ?? this.#interface, scratchBytes };
    const executable = timed(
      "instantiate",
      "WebAssembly.Instance",
      () => new Executable(program, module, this.#outAvals, callbacks, sharing),
    );
    const about = isWatched
      ? { details: { from: origin, bytes: bytes.length }, texts: { wat: () => disassemble(bytes) } }
      : null;
    return { threads, executable, memory: memoryOf(program, scratchBytes, bytes.length), about };
  }

  /** The code of a form whose calls find out which of the choices that it leaves open is the fastest. */
  #measured(model: CpuForm, options: EmitOptions): CpuCode {
    const executable = new Trial<CpuForm>(model, model.compiled.close, {
      begin: (seconds) => {
        const arrive = beginCompiling(this.#schedule.program, { ...options, seconds });
        return () => {
          const compiled = arrive();
          return compiled && { ...this.#codeOf(compiled, model.threads), compiled };
        };
      },
      settle: ({ compiled, ...fastest }, isMeasured) => {
        if (this.#cpu === measured) this.#cpu = fastest;
        if (isMeasured) keepFastest(this.#schedule.program, options, compiled);
      },
    });
    const measured: CpuCode = { ...model, executable };
    return measured;
  }

  /** What to tell of its compilation, as far as it is compiled. */
  about(simplified: ClosedJaxpr): SpanDetails {
    const { details, texts } = this.#known()?.about ?? {};
    return {
      details: details ?? { from: "the schedule: compiled when it is known where it runs" },
      texts: {
        jaxpr: () => String(simplified),
        nests: () => printProgram(this.#schedule.program),
        ...texts,
      },
    };
  }

  graphics(): GraphicsProgram {
    if (this.#graphics !== null) return this.#graphics;
    compilations++;
    const { name } = this.#interface;
    const { program: make, shaders } = loadedGraphics(name);
    const { program, callbacks } = usesProcessorKernels(this.#schedule.program)
      ? portableOf(this.#simplified.closed, { ...this.#options, donated: this.takenOver })
      : this.#schedule;
    return this.#graphics = timed(
      "compile",
      `${name}, for WebGPU`,
      () => make(program, this.#outAvals, callbacks),
      () => ({ details: { from: "compiler" }, texts: { wgsl: () => shaders(program) } }),
    );
  }
}

/** A jaxpr's program for devices without the kernels that only the processor has. */
function portableOf(closed: ClosedJaxpr, options: CompileOptions): Compilation {
  return compileToProgram(closed, { ...options, isPortable: true });
}

/** The program of a jaxpr, or of one that is like it. */
function codeOf(closed: ClosedJaxpr, options: CompileOptions): Code {
  let made: Simplified | null = null;
  return timed("compile", options.label ?? options.name, () => {
    const simplified = simplifyJaxpr(closed);
    return cache.get(programKey(simplified.closed, closed, options), () => {
      made = simplified;
      return new Code(simplified, closed, options);
    });
  }, (code): SpanDetails => {
    const why = options.why?.() ?? "called by a transformation, or by another compiled function";
    if (made === null) return { details: { why, from: "memory" } };
    const { details, texts = {} } = code.about(made.closed);
    return { details: { why, ...details }, texts };
  });
}

/** What runs on the processor's devices where inputs are split among them, and where results are in any case. */
interface Route {
  readonly placements: readonly Placement[] | null;
  readonly parts: SpmdExecutable | null;
}

/**
 * A program with all that it becomes: for devices of a mesh, each on its parts, or as a whole, on the processor or on WebGPU. Each is
 * compiled when inputs are there for the first time.
 */
class LocatedProgram implements CompiledProgram {
  readonly #closed: ClosedJaxpr;
  readonly #options: CompileOptions;
  readonly #placer: ProgramPlacer;
  readonly #divided: PartitionedPrograms;
  #code: Code | null = null;
  #chooser: DeviceChooser | null = null;

  constructor(closed: ClosedJaxpr, options: CompileOptions) {
    this.#closed = closed;
    this.#options = options;
    this.#placer = new ProgramPlacer(closed);
    this.#divided = new PartitionedPrograms(closed, options);
  }

  /** The program as a whole. */
  #whole(): Code {
    return this.#code ??= codeOf(this.#closed, this.#options);
  }

  #choice(): DeviceChooser {
    const code = this.#whole();
    return this.#chooser ??= new DeviceChooser(
      () => code.work,
      () => code.graphics(),
      this.#closed.inAvals,
      code.used,
      this.#closed.outAvals,
    );
  }

  #route(inputs: readonly Located[], how: RunOptions): Route {
    const places = this.#placer.places(inputs, how);
    // What lies on WebGPU is no part of anything: the choice of a device says so.
    const isHere = !isGraphicsInUse() || inputs.every(isOnHost);
    return {
      placements: places?.placements ?? null,
      parts: places?.layout && isHere ? this.#divided.get(places.layout) : null,
    };
  }

  prepare(inputs: readonly Located[], how: RunOptions): ProgramFacts {
    return this.#route(inputs, how).parts ?? this.#whole();
  }

  explain(how: RunOptions): DeviceChoice {
    return this.#choice().explain(how);
  }

  run(inputs: readonly NDArray[], how: RunOptions = byNumber): NDArray[] {
    const { placements, parts } = this.#route(inputs, how);
    try {
      if (parts !== null) return parts.run(inputs);
      const code = this.#whole();
      const joint = placements?.[0]?.sharding ?? how.on;
      const remote = isGraphicsInUse() ? this.#choice().placement(inputs, joint, how) : null;
      const outs = remote === null
        ? code.cpu().executable.run(inputs as readonly ConcreteArray[], code.donated)
        : code.graphics().run(inputs, code.donated, remote, how.name);
      if (placements !== null) outs.forEach((x, i) => x.placement = placements[i]);
      else if (remote === null && isGraphicsInUse()) this.#choice().ran(outs);
      return outs;
    } catch (error) {
      throw atInput(error, inputs, how);
    }
  }
}

/** A program that devices run by themselves, and for inputs that are somewhere else, the same as others. */
class DeviceProgram implements CompiledProgram {
  readonly #byDevices: SpmdExecutable;
  readonly #elsewhere: LocatedProgram;

  constructor(byDevices: SpmdExecutable, elsewhere: LocatedProgram) {
    this.#byDevices = byDevices;
    this.#elsewhere = elsewhere;
  }

  prepare(inputs: readonly Located[], how: RunOptions): ProgramFacts {
    return canRunByDevices(this.#byDevices, inputs, how.name)
      ? this.#byDevices
      : this.#elsewhere.prepare(inputs, how);
  }

  explain(how: RunOptions): DeviceChoice {
    return this.#elsewhere.explain(how);
  }

  run(inputs: readonly NDArray[], how: RunOptions = byNumber): NDArray[] {
    if (!canRunByDevices(this.#byDevices, inputs, how.name)) {
      return this.#elsewhere.run(inputs, how);
    }
    try {
      return this.#byDevices.run(inputs);
    } catch (error) {
      throw atInput(error, inputs, how);
    }
  }
}

/** The program for several devices that runs on inputs that are there; why it is one, where it is. */
function locate(
  closed: ClosedJaxpr,
  inputs: readonly Located[],
  how: RunOptions,
): SpmdProgram | string {
  const mapped = deviceProgramOf(closed);
  if (mapped !== null && inputs.every(isOnHost)) return mapped;
  const places = new ProgramPlacer(closed).places(inputs, how);
  if (!places?.layout) return places?.reason ?? NOT_SPLIT;
  try {
    return divide(closed, places.layout);
  } catch (error) {
    if (error instanceof NotPartitioned) return error.message;
    throw error;
  }
}

/** The stages of a program that runs as one. */
function wholeText(
  closed: ClosedJaxpr,
  options: CompileOptions,
): Omit<LoweredText, "partitioned"> {
  const compiled = lazily(() => compileToProgram(closed, options));
  return {
    simplified: () => String(compiled().simplified),
    nests: () => printProgram(compiled().program),
    wat: () => disassemble(compileProgram(compiled().program, sharingOptions()).bytes),
    wgsl: () => {
      const { shaders } = loadedGraphics("lower(...).wgsl");
      const { program, simplified } = compiled();
      const isCommon = !usesProcessorKernels(program);
      return shaders(isCommon ? program : portableOf(simplified, options).program);
    },
  };
}

/** A value that is made when it is first asked for. */
function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}

/** Compiles programs, and runs each where its inputs are. */
export const jitCompiler: JitBackend = {
  compile(closed: ClosedJaxpr, options: CompileOptions): CompiledProgram {
    logCompilations();
    const located = new LocatedProgram(closed, options);
    const byDevices = compileForDevices(closed, options);
    return byDevices === null ? located : new DeviceProgram(byDevices, located);
  },
  lower(
    closed: ClosedJaxpr,
    options: CompileOptions,
    inputs: readonly Located[],
    how: RunOptions,
  ): LoweredText {
    const whole = wholeText(closed, options);
    const located = locate(closed, inputs, how);
    if (typeof located === "string") {
      return { ...whole, partitioned: () => runsWhole(closed, located) };
    }
    const steps = lazily(() => stepsText(located, options));
    return {
      simplified: () => String(simplifyJaxpr(located.closed).closed),
      nests: () => steps()?.nests() ?? whole.nests(),
      wat: () => steps()?.wat() ?? whole.wat(),
      wgsl: whole.wgsl,
      partitioned: () => partitionedText(located),
    };
  },
  prepare: () => {
    logCompilations();
    prepareCompiler();
  },
  clear: () => cache.clear(),
};

/** Makes jitted calls runnable. `mod.ts` calls it. */
export function installJit(): void {
  installJitBackend(jitCompiler);
}
