/**
 * A compiled program, ready to be called on concrete arrays.
 *
 * A call writes addresses into a table (inputs, outputs, scratch) and makes one WebAssembly call. Arrays of few elements, which
 * live as host scalars, pass through slots beside the table, so that scalars such as a loss or a step count
 * never need memory of their own.
 *
 * A program that calls the host may end by what the host throws. Nothing is lost then: such a program works on copies of what was donated, and its inputs
 * stay alive until it has ended, whatever the host's functions do to them.
 *
 * @module
 */
import { interpret } from "../backends/interp/mod.ts";
import { instantiateProgram } from "../backends/wasm/instantiate.ts";
import type { Sharing } from "../backends/wasm/jobs.ts";
import type { PoolLink } from "../backends/wasm/thread_pool.ts";
import { nbytesOf, type ShapedArray } from "../core/aval.ts";
import type { HostCallback } from "../core/lowering.ts";
import type { TypedArray } from "../core/dtype.ts";
import { endSpan, isWatched, timed } from "../core/spans.ts";
import { ArgumentError, InternalError } from "../errors.ts";
import type { Program, ProgramInterface, Step } from "../loopnest/ir.ts";
import type { Block } from "./allocator.ts";
import { callFromInterpreter, callFromModule } from "./callbacks.ts";
import { readCells, writeCells } from "./cells.ts";
import {
  arrayFromTypedArray,
  ConcreteArray,
  donationTo,
  emptyArray,
  fromCells,
  MAX_CELLS,
  type Removal,
} from "./concrete.ts";
import { holdForThreads } from "./hold.ts";
import { heap } from "./memory.ts";
import {
  beginCall,
  beginOperation,
  endCall,
  freeStorage,
  giveScratch,
  ledger,
  type Owner,
  type Storage,
  takeScratch,
  touch,
} from "./storage.ts";
import { existingThreadPool, threadPool } from "./threads.ts";

/** What can be called with arrays. */
export interface Callable {
  /** What it takes and gives. */
  readonly program: ProgramInterface;
  /**
   * Runs the program.
   *
   * @param inputs One array for each input position.
   * @param donated Which inputs are given away: they are deleted, and their memory used for outputs where the program says so.
   * @returns A fresh array for each output position.
   * @throws {DonatedError} Where an input is deleted.
   */
  run(
    inputs: readonly ConcreteArray[],
    donated?: readonly boolean[] | null,
  ): ConcreteArray[];
}

/** What is known of a program: its steps only where it was scheduled in this process. */
type ProgramWithSteps = ProgramInterface & Partial<Pick<Program, "steps">>;

/** A program as a WebAssembly module. */
export class Executable implements Callable {
  readonly program: ProgramWithSteps;
  readonly #run: (table: number) => void;
  readonly #outAvals: readonly ShapedArray[];
  readonly #donors: readonly number[];
  readonly #hasDonors: boolean;
  readonly #layout: FrameLayout;
  readonly #frames: Block[] = [];
  readonly #owner: Owner;
  readonly #removal: Removal;
  readonly #callsHost: boolean;
  readonly #isShared: boolean;
  /** Instructions, about, of a call that threads may share. */
  readonly #sharedWork: number;
  /** When the step began that is running, where steps are watched. */
  #stepStart = 0;

  /**
   * Instantiates the module.
   *
   * @param module Imports `env.memory`, exports `run(table)`.
   * @param outAvals The outputs' shapes and weakness, which a program does not know.
   * @param callbacks The host's functions that it calls.
   * @param sharing What it asks of the thread pool, if it was compiled for several threads.
   */
  constructor(
    program: ProgramWithSteps,
    module: WebAssembly.Module,
    outAvals: readonly ShapedArray[],
    callbacks: readonly HostCallback[] = [],
    sharing: Sharing | null = null,
  ) {
    this.program = program;
    this.#callsHost = callbacks.length > 0;
    this.#outAvals = outAvals;
    this.#donors = donorsOf(program, outAvals);
    this.#hasDonors = this.#donors.some((d) => d >= 0);
    const callback = this.#callsHost ? callFromModule(callbacks) : undefined;
    this.#isShared = sharing !== null;
    this.#sharedWork = sharing?.cost ?? 0;
    const link = sharing === null ? undefined : this.#joinPool(module, sharing);
    const passed = (step: number): void => this.#passed(step);
    this.#run = instantiateProgram(module, heap().memory, { callback, passed, link });
    this.#layout = layOut(program);
    this.#owner = ledger().ownerOf(program.name);
    this.#removal = donationTo(program);
    executables().register(this, { frames: this.#frames, registered: link?.program ?? null });
  }

  run(
    inputs: readonly ConcreteArray[],
    donated: readonly boolean[] | null = null,
  ): ConcreteArray[] {
    return isWatched ? this.#runWatched(inputs, donated) : this.#call(inputs, donated);
  }

  #runWatched(
    inputs: readonly ConcreteArray[],
    donated: readonly boolean[] | null,
  ): ConcreteArray[] {
    const { name, steps } = this.program;
    const before = existingThreadPool()?.helped ?? 0;
    return timed("run", name, () => this.#call(inputs, donated), () => ({
      details: {
        ...(steps !== undefined && { steps: steps.length }),
        ...(this.#isShared && { helpedByThreads: existingThreadPool()!.helped - before }),
      },
    }));
  }

  /** Tells of a step that has just ended, which began when the one before it had; the first after "step -1". */
  #passed(step: number): void {
    if (step >= 0) {
      const { name, steps } = this.program;
      endSpan("kernel", `${name}: ${step} ${stepName(steps![step])}`, this.#stepStart);
    }
    this.#stepStart = performance.now();
  }

  #call(inputs: readonly ConcreteArray[], donated: readonly boolean[] | null): ConcreteArray[] {
    const { inputSlots } = this.#layout;
    if (inputs.length !== inputSlots.length) throw wrongCount(this.program, inputs.length);
    const state = ledger();
    const previousOwner = state.owner;
    state.owner = this.#owner;
    let frame: Block | null = null;
    let scratch: Block | null = null;
    let pinned: readonly Storage[] = [];
    beginCall();
    try {
      // A frame of its own for each call in progress, because a program may call the host, which may call it again.
      frame = this.#frames.pop() ?? takeScratch(this.#layout.bytes, this.program.name);
      for (let i = 0; i < inputs.length; i++) bringIn(inputs[i], inputSlots[i]);
      const outs = this.#prepareOutputs(inputs, donated, frame);
      const { scratchBytes } = this.program;
      if (scratchBytes > 0) scratch = takeScratch(scratchBytes, `scratch of ${this.program.name}`);
      this.#writeTable(inputs, outs, frame, scratch);
      if (this.#callsHost) pinned = pin(inputs);
      if (!this.#callsHost && !this.#isShared) this.#run(frame.address);
      else this.#runWithCare(frame, scratch, inputs, outs, donated);
      return this.#collect(inputs, outs, donated, frame);
    } finally {
      endCall();
      for (const storage of pinned) unpin(storage);
      state.owner = previousOwner;
      if (scratch !== null) giveScratch(scratch);
      if (frame !== null) this.#keepFrame(frame);
    }
  }

  #joinPool(module: WebAssembly.Module, { privateBytes }: Sharing): PoolLink {
    const pool = threadPool();
    pool.reserve(privateBytes);
    return pool.register(module);
  }

  /** Runs a program that the host may end, or threads that fail: what it was to give is freed then. */
  #runWithCare(
    frame: Block,
    scratch: Block | null,
    inputs: readonly ConcreteArray[],
    outs: readonly (ConcreteArray | null)[],
    donated: readonly boolean[] | null,
  ): void {
    try {
      const pool = this.#isShared ? threadPool() : null;
      const table = frame.address;
      if (pool === null || pool.isComplete) this.#run(table);
      else pool.grow(this.#sharedWork, () => this.#run(table));
    } catch (error) {
      holdForThreads([frame, scratch], [...inputs, ...outs]);
      for (const out of outs) out?.delete();
      // Half of their elements may be the new ones.
      if (!this.#callsHost) this.#release(inputs, donated);
      throw error;
    }
  }

  /** Keeps a frame for the next call, unless a thread that was given up may still use it. */
  #keepFrame(frame: Block): void {
    if (frame.holds > 0) giveScratch(frame);
    else this.#frames.push(frame);
  }

  #release(inputs: readonly ConcreteArray[], donated: readonly boolean[] | null): void {
    if (donated === null) return;
    for (let i = 0; i < inputs.length; i++) if (donated[i]) inputs[i].release(this.#removal);
  }

  /** Outputs that need memory of their own; `null` for those in slots and those that take an input's over. */
  #prepareOutputs(
    inputs: readonly ConcreteArray[],
    donated: readonly boolean[] | null,
    frame: Block,
  ): (ConcreteArray | null)[] {
    const outAvals = this.#outAvals;
    const outs = new Array<ConcreteArray | null>(outAvals.length);
    if (this.#hasDonors) markShared(inputs, frame.unit);
    for (let o = 0; o < outAvals.length; o++) {
      const donor = this.#donors[o];
      if (donor < 0) {
        outs[o] = this.#layout.outputSlots[o] > 0 ? null : emptyArray(outAvals[o]);
        continue;
      }
      const storage = inputs[donor].storage!;
      const isOurs = donated !== null && donated[donor] && !this.#callsHost &&
        storage.handles === 1 && storage.mark >= 0;
      const isStaged = storage.address === 0;
      outs[o] = isOurs || isStaged ? null : emptyArray(outAvals[o]);
    }
    return outs;
  }

  #writeTable(
    inputs: readonly ConcreteArray[],
    outs: readonly (ConcreteArray | null)[],
    frame: Block,
    scratch: Block | null,
  ): void {
    const { inputSlots, outputSlots } = this.#layout;
    const memory = heap();
    const { i32 } = memory; // nothing allocates from here on
    const base = frame.address;
    let at = base >>> 2;
    const firstInput = at;
    for (let i = 0; i < inputs.length; i++) {
      const x = inputs[i];
      const { address, cells } = x.storage!;
      if (address !== 0) i32[at++] = address;
      else {
        const slot = base + inputSlots[i];
        writeCells(cells!, x.aval, slot);
        i32[at++] = slot;
      }
    }
    for (let o = 0; o < outs.length; o++) {
      const out = outs[o];
      const donor = this.#donors[o];
      if (out === null) {
        i32[at++] = donor < 0 ? base + outputSlots[o] : i32[firstInput + donor];
        continue;
      }
      const address = out.storage!.address;
      i32[at++] = address;
      if (donor >= 0) {
        // The donor's memory is not ours to overwrite: the program works on a copy.
        const from = i32[firstInput + donor] >>> 0;
        memory.u8.copyWithin(address, from, from + nbytesOf(out.aval));
        i32[firstInput + donor] = address;
      }
    }
    i32[at] = scratch === null ? 0 : scratch.address;
  }

  #collect(
    inputs: readonly ConcreteArray[],
    outs: (ConcreteArray | null)[],
    donated: readonly boolean[] | null,
    frame: Block,
  ): ConcreteArray[] {
    const { inputSlots, outputSlots } = this.#layout;
    for (let o = 0; o < outs.length; o++) {
      if (outs[o] !== null) continue;
      const aval = this.#outAvals[o];
      const donor = this.#donors[o];
      if (donor < 0) {
        outs[o] = fromCells(aval, readCells(aval, frame.address + outputSlots[o]));
        continue;
      }
      const x = inputs[donor];
      const { storage } = x;
      if (storage === null || storage.address === 0) {
        const out = fromCells(aval, readCells(aval, frame.address + inputSlots[donor]));
        out.storage!.staged = storage?.staged ?? 0;
        outs[o] = out;
        continue;
      }
      storage.cells = null; // they are the old elements
      storage.lease!.aval = aval;
      outs[o] = new ConcreteArray(aval, storage, x.guard);
      x.forget(this.#removal);
    }
    this.#release(inputs, donated);
    return outs as ConcreteArray[];
  }
}

/** What a step does, for people; of matrix products how large they are, because there may be many. */
function stepName(step: Step): string {
  if (step.kind === "copy") return "copy";
  if (step.kind !== "dot") return step.name;
  const { batch, m, k, n } = step;
  return `${step.name} ${batch === 1 ? "" : `${batch} × `}[${m},${k}]·[${k},${n}]`;
}

/** A program run by the interpreter: slow, needs no compiler, and defines what the other must give. */
export class InterpretedExecutable implements Callable {
  /**
   * @param program What to run.
   * @param outAvals The outputs' shapes and weakness.
   * @param callbacks The host's functions that it calls.
   */
  constructor(
    readonly program: Program,
    private readonly outAvals: readonly ShapedArray[],
    private readonly callbacks: readonly HostCallback[] = [],
  ) {
    donorsOf(program, outAvals);
  }

  run(
    inputs: readonly ConcreteArray[],
    donated: readonly boolean[] | null = null,
  ): ConcreteArray[] {
    beginOperation();
    const data: TypedArray[] = inputs.map((x) => x.copyOut());
    const host = callFromInterpreter(this.callbacks);
    const computed = timed(
      "run",
      this.program.name,
      () => interpret(this.program, data, host),
      () => ({ details: { by: "the interpreter" } }),
    );
    const outs = computed.map((out, i) => {
      const { shape, dtype, weakType } = this.outAvals[i];
      return arrayFromTypedArray(out, shape, dtype, weakType);
    });
    if (donated !== null) {
      const removal = donationTo(this.program);
      inputs.forEach((x, i) => donated[i] && x.release(removal));
    }
    return outs;
  }
}

/** Keeps the elements of inputs in place though the host should delete the arrays during the call. */
function pin(inputs: readonly ConcreteArray[]): Storage[] {
  return inputs.map((x) => {
    const storage = x.storage!;
    storage.handles++;
    return storage;
  });
}

/** Ends what {@linkcode pin} began. */
function unpin(storage: Storage): void {
  if (--storage.handles === 0) freeStorage(storage, null);
}

/** Where the table and the slots lie in a frame: byte offsets, 0 for what has no slot. */
interface FrameLayout {
  readonly bytes: number;
  readonly inputSlots: readonly number[];
  readonly outputSlots: readonly number[];
}

function layOut(program: ProgramInterface): FrameLayout {
  const inputs = program.buffers.filter((b) => b.role === "input");
  const outputs = program.buffers.filter((b) => b.role === "output");
  let bytes = 4 * (inputs.length + outputs.length + 1);
  const slotOf = (size: number): number => {
    if (size > MAX_CELLS) return 0;
    const slot = Math.ceil(bytes / 16) * 16;
    bytes = slot + Math.max(size, 2) * 8; // whole vectors
    return slot;
  };
  const inputSlots = new Array<number>(inputs.length);
  const outputSlots = new Array<number>(outputs.length);
  for (const b of inputs) inputSlots[b.position] = slotOf(b.size);
  for (const b of outputs) outputSlots[b.position] = slotOf(b.size);
  return { bytes, inputSlots, outputSlots };
}

function donorsOf(program: ProgramInterface, outAvals: readonly ShapedArray[]): number[] {
  const donors = new Array<number>(outAvals.length).fill(-1);
  let outputs = 0;
  for (const buffer of program.buffers) {
    if (buffer.role !== "output") continue;
    outputs++;
    const aval = outAvals[buffer.position]?.stored;
    if (aval === undefined || aval.size !== buffer.size || aval.dtype !== buffer.dtype) {
      throw new InternalError(
        `${program.name}: output ${buffer.position} is not ${buffer.dtype}[${buffer.size}]`,
      );
    }
    donors[buffer.position] = buffer.donor;
  }
  if (outputs !== outAvals.length) {
    throw new InternalError(`${program.name}: ${outputs} outputs, ${outAvals.length} avals`);
  }
  return donors;
}

/** Calls after which an array of a few elements gets memory of its own, so that it need not be copied again. */
const STAGED_OFTEN = 8;

function bringIn(x: ConcreteArray, slot: number): void {
  const storage = x.live();
  if (storage.address !== 0) touch(storage);
  else if (slot === 0 || (x.aval.size > 1 && ++storage.staged > STAGED_OFTEN)) x.address();
}

/** Marks storages that occur once among the inputs with `call`, others with -1: only the former may be overwritten. */
function markShared(inputs: readonly ConcreteArray[], call: number): void {
  for (const x of inputs) x.storage!.mark = 0;
  for (const x of inputs) x.storage!.mark = x.storage!.mark === 0 ? call : -1;
}

function wrongCount(program: ProgramInterface, got: number): ArgumentError {
  const expected = program.buffers.filter((b) => b.role === "input").length;
  return new ArgumentError(`${program.name}: takes ${expected} arrays, got ${got}`);
}

/** What an executable leaves behind. */
interface Remains {
  readonly frames: readonly Block[];
  /** Its number in the thread pool, if it is there. */
  readonly registered: number | null;
}

let registry: FinalizationRegistry<Remains> | null = null;

/** Frees the frames of programs that nobody can call any more. */
function executables(): FinalizationRegistry<Remains> {
  return registry ??= new FinalizationRegistry(({ frames, registered }) => {
    for (const frame of frames) giveScratch(frame);
    if (registered !== null) existingThreadPool()?.forget(registered);
  });
}
