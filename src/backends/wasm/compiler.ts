/**
 * Compiles programs, at once and in the calling thread. What was compiled before, by this process or another, is read from disk
 * instead.
 *
 * @module
 */
import { isWatched, reportSpan, timed } from "../../core/spans.ts";
import type { Program } from "../../loopnest/ir.ts";
import { type EmitOptions, emitProgram } from "./emit.ts";
import type { Sharing } from "./jobs.ts";
import { openProgramStore, type ProgramStore } from "./program_store.ts";

/** A compiled program. */
export interface CompiledModule {
  /** Imports `env.memory`, perhaps functions of `kernels`; exports `run(table)`. */
  readonly module: WebAssembly.Module;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of scratch that a call needs; more than the program's own where it calls kernels. */
  readonly scratchBytes: number;
  /** What it asks of the thread pool, where it shares work. */
  readonly sharing: Sharing | null;
  /** Where it is from. */
  readonly origin: "compiler" | "disk";
}

/** Programs on disk; `undefined` until it is first asked for. */
let store: ProgramStore | null | undefined;

/**
 * Compiles a program, or finds it on disk.
 *
 * @throws {CompileError} Where the program is not one that can be compiled.
 */
export function compileProgram(program: Program, options: EmitOptions = {}): CompiledModule {
  if (store === undefined) store = openProgramStore();
  const programs = store;
  if (programs === null) return compileAnew(program, options);
  const key = timed("store", "key", () => programs.keyOf(program, options));
  const found = findModule(programs, key);
  if (found !== null) return found;
  const compiled = compileAnew(program, options);
  timed("store", "keep", () => programs.store(key, compiled));
  return compiled;
}

/** A program as it was stored. */
function findModule(programs: ProgramStore, key: string): CompiledModule | null {
  const stored = timed("store", "find", () => programs.find(key));
  if (stored === null) return null;
  try {
    return { ...stored, module: moduleOf(stored.bytes), origin: "disk" };
  } catch {
    programs.remove(key); // of a machine that knew more instructions than this one
    return null;
  }
}

function compileAnew(program: Program, options: EmitOptions): CompiledModule {
  const start = performance.now();
  const { timings, ...emitted } = emitProgram(program, options);
  if (isWatched) {
    const { name } = program;
    reportSpan({ kind: "build", name, start, milliseconds: timings.build });
    reportSpan({
      kind: "encode",
      name,
      start: start + timings.build,
      milliseconds: timings.encode,
    });
  }
  return { ...emitted, module: moduleOf(emitted.bytes), origin: "compiler" };
}

function moduleOf(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  return timed("instantiate", "WebAssembly.Module", () => new WebAssembly.Module(bytes));
}
