/**
 * Compiles programs, synchronously: a worker thread has binaryen, and the main thread sleeps until it answers. What was compiled
 * before, by this process or another, is read from disk instead.
 *
 * @module
 */
import { endSpan, isWatched, reportSpan, timed } from "../../core/spans.ts";
import { CompileError } from "../../errors.ts";
import type { Program, ProgramInterface } from "../../loopnest/ir.ts";
import type { EmitOptions, Emitted } from "./emit.ts";
import type { Sharing } from "./jobs.ts";
import { openProgramStore, type ProgramStore } from "./program_store.ts";
import type { Reply, Request } from "./protocol.ts";
import { warmProducts } from "./warm_kernels.ts";
import { startWorker, workerThreads } from "./worker_threads.ts";

/** A compiled program. */
export interface CompiledModule {
  /** Imports `env.memory`, perhaps functions of `kernels`; exports `run(table)`. */
  readonly module: WebAssembly.Module;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of scratch that a call needs; more than the program's own where it calls kernels. */
  readonly scratchBytes: number;
  /** What it asks of the thread pool, where it shares work. */
  readonly sharing: Sharing | null;
  /** Nests of which it is not yet known which choice is the faster (`Emitted.close`). */
  readonly close: readonly number[];
  /** Where it is from. */
  readonly origin: "compiler" | "disk";
}

/** A `Request` without its number. */
type Question = Request extends infer R ? R extends Request ? Omit<R, "id"> : never : never;

/** What is done while another thread works: it is told when that one has answered, and should end then. */
type Meanwhile = (isOver: () => boolean) => void;

/** Who waits for an answer. */
interface Asker {
  reply: Reply | null;
}

/** A way to get answers. */
interface Connection {
  /** Asks, does something else in the meantime if there is something, and waits for the answer. */
  ask(question: Question, meanwhile?: Meanwhile): Reply;
  /** Asks, and gives what tells the answer once it is there. */
  begin(question: Question): () => Reply | null;
  stop(): void;
}

/** A compiler in this thread. */
interface LocalCompiler {
  emit(program: Program, options: EmitOptions): Emitted;
  disassemble(bytes: Uint8Array): string;
}

// Milliseconds, longer than anything takes: a worker that died without a word must not hang the program.
const patience = { start: 20_000, answer: 120_000 };

let connection: Connection | null = null;
let local: LocalCompiler | null = null;
/** Programs on disk; `undefined` until it is first asked for. */
let store: ProgramStore | null | undefined;

/**
 * Starts the compiler in the background, if it is not running yet, so that it loads while other work is done. It never keeps a
 * process alive. Where there are no workers it does nothing; {@linkcode loadCompilerHere} is the way then.
 */
export function startCompiler(): void {
  if (connection === null && local === null) connection = connect();
}

/**
 * Starts the compiler in the background where it is going to be needed: not for a script whose programs were all on disk
 * the last time.
 */
export function prepareCompiler(): void {
  if (connection !== null || local !== null) return;
  if (programStore()?.knows(scriptName()) !== true) startCompiler();
}

/** Whether a compiler was asked for, here or in a worker. */
export function isCompilerStarted(): boolean {
  return connection !== null || local !== null;
}

/** Ends the worker; the next compilation starts another. */
export function stopCompiler(): void {
  connection?.stop();
  connection = null;
}

function connect(): Connection | null {
  const threads = workerThreads();
  if (threads === null) return null;
  const signal = new Int32Array(new SharedArrayBuffer(8));
  const started = startWorker(new URL("./worker.ts", import.meta.url), { signal });
  if (started === null) return null;
  const { worker, port } = started;
  let died: unknown = null;
  worker.on("error", (error) => died = error);
  let isStopped = false;
  let nextId = 0;
  /** Who asked. Answers to what nobody waits for any more go with who did. */
  const askers = new Map<number, WeakRef<Asker>>();
  const post = (question: Question): Asker => {
    const asker: Asker = { reply: null };
    const id = nextId++;
    askers.set(id, new WeakRef(asker));
    port.postMessage({ ...question, id });
    return asker;
  };
  const receive = (asker: Asker): Reply | null => {
    while (asker.reply === null) {
      const received = threads.receiveMessageOnPort(port);
      if (received === undefined) return null;
      const reply = received.message as Reply;
      const other = askers.get(reply.id)?.deref();
      if (other !== undefined) other.reply = reply;
      askers.delete(reply.id);
    }
    return asker.reply;
  };
  const hasDied = (): CompileError => {
    if (connection === self) stopCompiler();
    return new CompileError("the compile worker does not answer", { cause: died });
  };
  const self: Connection = {
    ask(question, meanwhile) {
      let seen = Atomics.load(signal, 0);
      const asker = post(question);
      meanwhile?.(() => Atomics.load(signal, 0) !== seen);
      const asked = performance.now();
      for (;;) {
        const reply = receive(asker);
        if (reply !== null) return reply;
        const limit = Atomics.load(signal, 1) === 0 ? patience.start : patience.answer;
        if (died !== null || performance.now() - asked > limit) throw hasDied();
        Atomics.wait(signal, 0, seen, 1000);
        seen = Atomics.load(signal, 0);
      }
    },
    begin(question) {
      const asker = post(question);
      return () => {
        if (asker.reply === null && (died !== null || isStopped)) throw hasDied();
        return receive(asker);
      };
    },
    stop() {
      isStopped = true;
      port.close();
      void worker.terminate();
    },
  };
  return self;
}

/**
 * Never called: it makes the worker's module part of this module's graph. A package that comes over http is fetched whole before it
 * starts, and what is missing then cannot be fetched while the main thread sleeps.
 */
export function importWorker(): Promise<unknown> {
  return import("./worker.ts");
}

/** As {@linkcode prepareCompiler}; where no worker can be started, the compiler is loaded into this thread. */
export async function readyCompiler(): Promise<void> {
  prepareCompiler();
  if (connection !== null || programStore()?.knows(scriptName()) === true) return;
  await loadCompilerHere();
}

/**
 * Loads the compiler into this thread, for places that have no worker threads or do not permit them.
 * After it, compiling works there too.
 */
export async function loadCompilerHere(): Promise<void> {
  if (local !== null) return;
  const [{ loadBinaryen }, { emitProgram }, { loadDisassembler }] = await Promise.all([
    import("./binaryen.ts"),
    import("./emit.ts"),
    import("./disassemble.ts"),
  ]);
  // Only `wat()` needs a disassembler, and the one there is does not load from a bundle.
  const absent = (cause: unknown) => (): string => {
    throw new CompileError("the disassembler cannot be loaded here", { cause });
  };
  const [binaryen, disassemble] = await Promise.all([
    loadBinaryen(),
    loadDisassembler().catch(absent),
  ]);
  local = {
    emit: (program, options) => emitProgram(binaryen, program, options),
    disassemble,
  };
}

function ask(question: Question, meanwhile?: Meanwhile): Reply {
  return orError(connected().ask(question, meanwhile));
}

function connected(): Connection {
  startCompiler();
  if (connection !== null) return connection;
  throw new CompileError(
    "no worker thread can be started here, and compiling needs one; " +
      "permit reading the package (--allow-read), or call `await init()` first, which loads the compiler into this thread",
  );
}

function orError(reply: Reply): Reply {
  if (reply.kind !== "error") return reply;
  const error = new CompileError(reply.message);
  error.stack = `CompileError: in the compile worker: ${reply.stack}`;
  throw error;
}

/**
 * Compiles a program, or finds it on disk. The first compilation may wait for the compiler to load, 0.2 s unless `startCompiler` was
 * called in time.
 *
 * @param source What the program is made from, as a text that is the same in every process: {@linkcode findProgram} finds the program by it.
 * @throws {CompileError} Where there is no compiler, or the program is not one it can compile.
 */
export function compileProgram(
  program: Program,
  options: EmitOptions = {},
  source: string | null = null,
): CompiledModule {
  const programs = programStore();
  if (programs === null) return compileAnew(program, options);
  const key = timed("store", "key", () => programs.keyOf(program, options));
  let compiled = findModule(programs, key);
  if (compiled === null) {
    const anew = compiled = compileAnew(program, options);
    timed("store", "keep", () => programs.store(key, anew));
  }
  if (source !== null) {
    programs.storeSource(programs.sourceKeyOf(source, options), { key, program });
  }
  return compiled;
}

/**
 * Compiles a program in another form while others run; on the thread that calls where there is no worker.
 *
 * @returns What gives the module once it is there, `null` before.
 * @throws {CompileError} Where there is no compiler.
 */
export function beginCompiling(
  program: Program,
  options: EmitOptions,
): () => CompiledModule | null {
  if (local !== null) {
    const compiled = compileAnew(program, options);
    return () => compiled;
  }
  const answer = connected().begin({ kind: "compile", program, options });
  return () => {
    const reply = answer();
    return reply && compiledOf(emittedOf(orError(reply)));
  };
}

/** Keeps a program in the form that was found to be the fastest of those that options leave open. */
export function keepFastest(
  program: Program,
  options: EmitOptions,
  fastest: CompiledModule,
): void {
  const programs = programStore();
  programs?.store(programs.keyOf(program, options), { ...fastest, close: [] });
}

/** A program that need not be made anew. */
export interface FoundProgram {
  readonly program: ProgramInterface;
  readonly compiled: CompiledModule;
}

/** The program that was made of the same source before, by this process or another; `null` where it is not on disk. */
export function findProgram(source: string, options: EmitOptions = {}): FoundProgram | null {
  const programs = programStore();
  if (programs === null) return null;
  const known = timed("store", "source", () => {
    return programs.findSource(programs.sourceKeyOf(source, options));
  });
  if (known === null) return null;
  const compiled = findModule(programs, known.key);
  return compiled && { program: known.program, compiled };
}

/** A program as it was stored. */
function findModule(programs: ProgramStore, key: string): CompiledModule | null {
  const stored = timed("store", "find", () => {
    const found = programs.find(key);
    note(programs, found !== null);
    return found;
  });
  if (stored === null) return null;
  try {
    return { ...stored, module: moduleOf(stored.bytes), origin: "disk" };
  } catch {
    programs.remove(key); // of a machine that knew more instructions than this one
    return null;
  }
}

/** Whether this script's programs are expected on disk, once the first was asked for. */
let expected: boolean | null = null;

/** Learns from one program what to expect the next time: a script that had none stored will have, one that misses some changes. */
function note(programs: ProgramStore, found: boolean): void {
  const script = scriptName();
  if (expected === null) {
    expected = programs.knows(script);
    if (!expected) programs.setKnown(script, true);
  }
  if (expected && !found) {
    expected = false;
    programs.setKnown(script, false);
  }
}

function programStore(): ProgramStore | null {
  if (store === undefined) store = openProgramStore();
  return store;
}

/** What the process was started with. */
function scriptName(): string {
  try {
    return (globalThis as { Deno?: typeof globalThis.Deno }).Deno?.mainModule ?? "";
  } catch {
    return ""; // not permitted
  }
}

function compileAnew(program: Program, options: EmitOptions): CompiledModule {
  const start = performance.now();
  let emitted: Emitted;
  if (local !== null) emitted = local.emit(program, options);
  else {
    const question = { kind: "compile", program, options } as const;
    emitted = emittedOf(ask(question, (isOver) => warmProducts(program, isOver)));
  }
  if (isWatched) reportCompiler(program.name, start, emitted.timings);
  return compiledOf(emitted);
}

function emittedOf(reply: Reply): Emitted {
  if (reply.kind !== "compiled") throw new CompileError(`the worker answered ${reply.kind}`);
  // A module cannot be made of shared memory.
  return { ...reply, bytes: new Uint8Array(reply.bytes).slice() };
}

function compiledOf(emitted: Emitted): CompiledModule {
  const bytes = emitted.bytes as Uint8Array<ArrayBuffer>;
  const { scratchBytes, sharing, close } = emitted;
  return { module: moduleOf(bytes), bytes, scratchBytes, sharing, close, origin: "compiler" };
}

function moduleOf(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  return timed("instantiate", "WebAssembly.Module", () => new WebAssembly.Module(bytes));
}

/** Tells of the compiler's work. Its clock is another thread's: what is known is how long it took, and that it has just ended. */
function reportCompiler(name: string, start: number, timings: Emitted["timings"]): void {
  const { build = 0, encode = 0 } = timings;
  const encoding = performance.now() - encode;
  const lane = local === null ? { lane: "compiler" } : {};
  reportSpan({ kind: "build", name, start: encoding - build, milliseconds: build, ...lane });
  reportSpan({ kind: "encode", name, start: encoding, milliseconds: encode, ...lane });
  endSpan("wait", "for the compiler", start);
}

/** A module as text. */
export function disassemble(bytes: Uint8Array): string {
  if (local !== null) return local.disassemble(bytes);
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  const reply = ask({ kind: "disassemble", bytes: shared });
  if (reply.kind !== "text") throw new CompileError(`the worker answered ${reply.kind}`);
  return reply.text;
}
