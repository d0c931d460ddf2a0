/**
 * From a compiled module to an instance, whatever it imports; in threads that hold no kernel library of their own, too.
 *
 * @module
 */

/** What a program's module may import beside kernels. */
export interface ProgramEnvironment {
  readonly memory: WebAssembly.Memory;
  /**
   * A call of the host: gets the number of a function, and the address of a table of the addresses of its operands and
   * results.
   */
  readonly callback?: (id: number, table: number) => void;
  /** Told that a step of the program has ended, by its number, where the module tells. */
  readonly passed?: (step: number) => void;
  /** The address of the control block of the thread pool, where the program shares work. */
  readonly pool?: WebAssembly.Global;
  /** The program's number there. */
  readonly program?: number;
  /** Told when threads take long to finish a job, or one has failed; it may throw. */
  readonly told?: (status: number) => void;
}

/** What a program's module exports. */
export interface ProgramExports {
  /** Runs the program: takes the address of the table (inputs, outputs, scratch). */
  readonly run: (table: number) => void;
  /** Takes a share of the job that the pool is at, as thread `thread`; there where the program shares work. */
  readonly share?: (thread: number) => void;
}

/** Instantiates a module; `kernels` is asked only if it imports kernels. */
export function bindProgram(
  module: WebAssembly.Module,
  environment: ProgramEnvironment,
  kernels: () => WebAssembly.ModuleImports,
): ProgramExports {
  const imports: WebAssembly.Imports = {
    env: environment as unknown as WebAssembly.ModuleImports,
  };
  if (WebAssembly.Module.imports(module).some((entry) => entry.module === "kernels")) {
    imports.kernels = kernels();
  }
  return new WebAssembly.Instance(module, imports).exports as unknown as ProgramExports;
}
