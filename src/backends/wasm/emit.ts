/**
 * A program as one WASM module: a function for each step, and `run(table)`, which calls them in turn. The
 * table is an array of addresses: inputs by position, outputs by position, scratch. The programs within control flow are
 * further functions of the same form.
 *
 * @module
 */
import { dtypeInfo } from "../../core/dtype.ts";
import type { Nest, Program } from "../../loopnest/ir.ts";
import { Assembler, type Ref, type TypeName } from "./assembler.ts";
import type { Binaryen } from "./binaryen.ts";
import type { Layout } from "./context.ts";
import { type ControlHost, emitControl, type InnerProgram } from "./control.ts";
import { dotNest } from "./dot_nest.ts";
import { emitDot, hasDotKernel } from "./dot_step.ts";
import { FunctionBuilder } from "./function.ts";
import { Jobs, type Sharing } from "./jobs.ts";
import { emitKernel, type KernelHost } from "./kernel_step.ts";
import { Linker } from "./linker.ts";
import { emitNest, type ModuleState } from "./nest.ts";
import { byOwners, lookCost } from "./owners.ts";
import { type LoopChoices, type NestPlan, planNest } from "./plan.ts";
import { threadStride } from "./thread_stride.ts";

/** How to emit. */
export interface EmitOptions {
  /** Whether a product and a sum stay two operations, so that every machine gives the same bits. */
  readonly deterministic?: boolean;
  /** Instructions, about, between two calls in a long loop; tests choose it small. */
  readonly chunkCost?: number;
  /** Among how many threads the module may share its work; 1 unless given. What it computes does not depend on it. */
  readonly threads?: number;
  /** Instructions, about, of the smallest loop that is shared. */
  readonly shareCost?: number;
  /** What a model decides otherwise: for tests, since every choice computes the same. */
  readonly loops?: LoopChoices;
  /** The nests that take the model's second choice, by their numbers in `Emitted.close`. */
  readonly seconds?: readonly number[];
  /** Whether the module tells the host, by `env.passed(step)`, when a step of the program has ended; -1 when the first begins. */
  readonly tellsSteps?: boolean;
  /** Where several devices run the program; each is then a unit of work, and what one does is not shared. */
  readonly devices?: DeviceUnits;
}

/** The devices that run a program, each with a table of its own: `run` takes the address of a list of their addresses. */
export interface DeviceUnits {
  readonly count: number;
  /** Instructions, about, of what one device does; 0 where all is done by the thread that calls. */
  readonly cost: number;
}

/** 2 to 4 µs: much longer than a call takes, and short enough for V8 to change to better code soon. */
const usualChunkCost = 8192;

/** Some 10 µs: fork and join take 1 µs among threads that are awake. */
const usualShareCost = 32768;

/** A scatter is shared where that of each thread is at most so much of the whole. */
const worthwhile = 0.8;

/** Instructions, about, of the smallest nest for which it matters which of two close choices it takes: some 20 µs. */
const leastMeasured = 65536;

/** How many of them are measured in one program: each is compiled once more. */
const mostMeasured = 4;

/** Turns along each side of a tile of a transposition. */
const usualTile = 16;

/** An emitted module. */
export interface Emitted {
  readonly bytes: Uint8Array;
  /** Bytes of scratch that a call needs: the program's own, and what kernels use. */
  readonly scratchBytes: number;
  /** What it asks of the thread pool, where it shares work. */
  readonly sharing: Sharing | null;
  /**
   * The nests, by number, of which the model has a second choice that computes the same bits and may be as good: those that take long enough for
   * it to matter, the longest first.
   */
  readonly close: readonly number[];
  /** Milliseconds, by stage. */
  readonly timings: Readonly<Record<string, number>>;
}

/**
 * Emits a program. The module imports `env.memory` and, if it calls library kernels, those as `kernels.<name>`; if it calls the
 * host, `env.callback(id, table)`; if it tells of its steps, `env.passed(step)`; if it shares work, `env.pool`, `env.program` and `env.told` (`bind.ts`).
 *
 * @throws {CompileError} Where the program asks for something that there is no code for.
 */
export function emitProgram(
  binaryen: Binaryen,
  program: Program,
  options: EmitOptions = {},
): Emitted {
  const start = performance.now();
  const asm = new Assembler(binaryen, options.deterministic !== true);
  try {
    const shared = new SharedState(new Linker(asm), options);
    const emitter = new ProgramEmitter(shared, program, "", 1, options.tellsSteps);
    const { jobs } = shared;
    const run = emitter.emit();
    const entry = options.devices === undefined ? run : emitDevices(emitter, run, options.devices);
    asm.module.addFunctionExport(entry, "run");
    jobs.finish();
    const built = performance.now();
    const bytes = asm.module.emitBinary();
    const timings = { build: built - start, encode: performance.now() - built };
    const { scratchBytes } = emitter;
    return { bytes, scratchBytes, sharing: jobs.summary, close: shared.close, timings };
  } finally {
    asm.module.dispose();
  }
}

/**
 * Emits the function that runs a program for each device; gives its name. Scratch belongs to threads: each puts the address of its own into the
 * tables of the devices that it runs, `entry` words from the start, where that of the first thread stands.
 */
function emitDevices(
  emitter: ProgramEmitter,
  run: string,
  { count, cost }: DeviceUnits,
): string {
  const { asm, jobs, scratchBytes, scratchEntry } = emitter;
  const { module } = asm;
  const leader = new FunctionBuilder(asm, "devices", ["i32"], [], 0);
  const tableOf = (fn: FunctionBuilder, offset: Ref): Ref =>
    asm.load("i32", 4, asm.op2("i32.add", fn.get(fn.param(0)), offset), 0);
  if (jobs.areWorthSharing(count * cost)) {
    jobs.run(leader, "devices", count, count * cost, () => {}, (fn, unit) => {
      const table = fn.keep("i32", tableOf(fn, asm.op2("i32.mul", fn.get(unit), asm.i32(4))));
      const entry = 4 * scratchEntry;
      const own = asm.op2("i32.mul", fn.get(fn.param(1)), asm.i32(threadStride(scratchBytes)));
      const first = asm.load("i32", 4, fn.get(table), entry);
      if (scratchBytes > 0) {
        const address = asm.op2("i32.add", first, own);
        fn.push(asm.store("i32", 4, fn.get(table), entry, address));
      }
      fn.push(module.call(run, [fn.get(table)], asm.none));
    });
  } else {
    for (let i = 0; i < count; i++) {
      leader.push(module.call(run, [tableOf(leader, asm.i32(4 * i))], asm.none));
    }
  }
  leader.finish();
  return leader.name;
}

/** What all programs of a module share. */
class SharedState {
  readonly chunkCost: number;
  readonly loops: LoopChoices;
  readonly jobs: Jobs;
  /** Nests that have a second choice, by what they cost. */
  readonly #close = new Map<number, number>();
  readonly #seconds: readonly number[];
  #nests = 0;
  readonly #globals = new Set<string>();

  constructor(readonly linker: Linker, options: EmitOptions) {
    this.chunkCost = options.chunkCost ?? usualChunkCost;
    this.loops = options.loops ?? {};
    this.#seconds = options.seconds ?? [];
    this.jobs = new Jobs(
      linker,
      options.threads ?? 1,
      options.shareCost ?? usualShareCost,
      options.devices !== undefined,
    );
  }

  /** Plans the next nest by the choice that it is to take; runs `repeats` times in a call. */
  plan(repeats: number, planned: (choices: LoopChoices) => NestPlan): NestPlan {
    const number = this.#nests++;
    const second = this.#seconds.includes(number);
    const plan = planned(second ? { ...this.loops, second } : this.loops);
    const cost = plan.cost * repeats;
    if (plan.hasSecond && cost >= leastMeasured) this.#close.set(number, cost);
    return plan;
  }

  /** What {@linkcode Emitted} says of them. */
  get close(): number[] {
    const dearest = [...this.#close].sort(([, a], [, b]) => b - a);
    return dearest.slice(0, mostMeasured).map(([nest]) => nest);
  }

  resultGlobal(type: TypeName, i: number): string {
    const name = `result_${type}_${i}`;
    if (!this.#globals.has(name)) {
      this.#globals.add(name);
      const { asm } = this.linker;
      const zero = type === "v128" ? asm.v128(new Array(16).fill(0)) : asm.constant(type, 0);
      asm.module.addGlobal(name, asm.type(type), true, zero);
    }
    return name;
  }
}

/** Emits one program; the names of its functions begin with `prefix`. */
class ProgramEmitter implements ModuleState, Layout, ControlHost, KernelHost {
  readonly layout: Layout = this;
  readonly asm: Assembler;
  readonly #shared: SharedState;
  readonly #prefix: string;
  readonly #program: Program;
  readonly #outputs: number;
  readonly #scratch: number;
  readonly #memoryOf: readonly number[];
  #stepScratch = 0;

  constructor(
    shared: SharedState,
    program: Program,
    prefix: string,
    readonly repeats: number,
    private readonly tellsSteps = false,
  ) {
    this.#shared = shared;
    this.#prefix = prefix;
    this.asm = shared.linker.asm;
    this.#program = program;
    const positions = (role: "input" | "output") =>
      program.buffers.reduce((n, b) => b.role === role ? Math.max(n, b.position + 1) : n, 0);
    this.#outputs = positions("input");
    this.#scratch = this.#outputs + positions("output");
    const inputs = new Map<number, number>();
    for (const b of program.buffers) if (b.role === "input") inputs.set(b.position, b.id);
    // What a step uses of scratch at one offset is one place, read as one dtype and written as another.
    const places = new Map<number, number>();
    this.#memoryOf = program.buffers.map((b) => {
      if (b.role === "output" && b.donor >= 0) return inputs.get(b.donor) ?? b.id;
      if (b.role !== "temp") return b.id;
      const place = places.get(b.offset) ?? b.id;
      places.set(b.offset, place);
      return place;
    });
  }

  get linker(): Linker {
    return this.#shared.linker;
  }

  get chunkCost(): number {
    return this.#shared.chunkCost;
  }

  get tile(): number {
    return this.#shared.loops.tile ?? usualTile;
  }

  get jobs(): Jobs {
    return this.#shared.jobs;
  }

  get buffers(): Program["buffers"] {
    return this.#program.buffers;
  }

  get scratchBytes(): number {
    return this.#ownScratch + this.#stepScratch;
  }

  /** Which word of the table is the address of scratch. */
  get scratchEntry(): number {
    return this.#scratch;
  }

  /** The program's own scratch; that of kernels and control flow begins after it. */
  get #ownScratch(): number {
    return Math.ceil(this.#program.scratchBytes / 64) * 64;
  }

  tableOffset(buffer: number): number {
    const { role, position } = this.buffers[buffer]!;
    const entry = role === "input"
      ? position
      : role === "output"
      ? this.#outputs + position
      : this.#scratch;
    return 4 * entry;
  }

  resultGlobal(type: TypeName, i: number): string {
    return this.#shared.resultGlobal(type, i);
  }

  /** Emits all functions; gives the name of the one to call. */
  emit(): string {
    const run = new FunctionBuilder(this.asm, `${this.#prefix}run`, ["i32"], [], 0);
    const tell = (step: number): void => {
      if (this.tellsSteps) run.push(this.linker.passed(this.asm.i32(step)));
    };
    tell(-1);
    this.#program.steps.forEach((step, i) => {
      const name = `${this.#prefix}step${i}`;
      switch (step.kind) {
        case "nest":
          emitNest(this, this.#plan(step), name);
          break;
        case "dot":
          if (step.batch * step.m * step.n === 0) return;
          if (hasDotKernel(step, this.asm)) emitDot(this, step, name);
          else emitNest(this, this.#plan(dotNest(step)), name);
          break;
        case "kernel":
          emitKernel(this, step, name);
          break;
        case "copy":
          this.#copy(run, step.from, step.to);
          return tell(i);
        case "control":
          this.#useScratch(emitControl(this, step, name));
          break;
        default: {
          const never: never = step;
          return never;
        }
      }
      run.push(this.asm.module.call(name, [run.get(run.param(0))], this.asm.none));
      tell(i);
    });
    run.finish();
    return run.name;
  }

  #plan(nest: Nest): NestPlan {
    return this.#shared.plan(this.repeats, (choices) => this.#planBy(nest, choices));
  }

  #planBy(nest: Nest, loops: LoopChoices): NestPlan {
    const { jobs } = this.#shared;
    const memoryOf = (b: number) => this.#memoryOf[b]!;
    const plan = planNest(nest, memoryOf, loops);
    if (!jobs.areShared || plan.cost < jobs.leastCost) return plan;
    const owners = byOwners(nest, this.buffers, memoryOf, jobs.threads, loops.leastOwned);
    if (owners === null) return plan;
    const all = plan.cost + owners.count * lookCost(plan.body);
    const share = all / Math.min(jobs.threads, owners.count);
    return share < worthwhile * plan.cost
      ? planNest(owners.nest, memoryOf, loops, owners.owner)
      : plan;
  }

  inner(program: Program, prefix: string, turns: number): InnerProgram {
    const emitter = new ProgramEmitter(this.#shared, program, prefix, this.repeats * turns);
    const run = emitter.emit();
    return { run, scratchBytes: emitter.scratchBytes };
  }

  callHost(id: number, table: Ref): Ref {
    return this.linker.host(this.asm.i32(id), table);
  }

  #useScratch(bytes: number): void {
    this.#stepScratch = Math.max(this.#stepScratch, bytes);
  }

  scratchOf(fn: FunctionBuilder, bytes: number): Ref {
    this.#useScratch(bytes);
    return this.scratchAddress(fn);
  }

  scratchAddress(fn: FunctionBuilder): Ref {
    const { asm } = this;
    const own = asm.load("i32", 4, fn.get(fn.param(0)), 4 * this.#scratch);
    return asm.op2("i32.add", own, asm.i32(this.#ownScratch));
  }

  /** The address of a buffer and `offset` bytes. */
  address(fn: FunctionBuilder, buffer: number, offset = 0): Ref {
    const decl = this.buffers[buffer]!;
    const entry = this.asm.load("i32", 4, fn.get(fn.param(0)), this.tableOffset(buffer));
    const extra = offset + (decl.role === "temp" ? decl.offset : 0);
    return extra === 0 ? entry : this.asm.op2("i32.add", entry, this.asm.i32(extra));
  }

  #copy(fn: FunctionBuilder, from: number, to: number): void {
    const { size, dtype } = this.buffers[to]!;
    const bytes = size * dtypeInfo(dtype).bytes;
    if (bytes === 0) return;
    const [target, source] = [this.address(fn, to), this.address(fn, from)];
    fn.push(this.asm.module.memory.copy(target, source, this.asm.i32(bytes)));
  }
}
