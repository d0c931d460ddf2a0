/**
 * From a compiled module to a function that can be called.
 *
 * @module
 */
import { bindProgram } from "./bind.ts";
import { instantiateKernels } from "./kernel_library.ts";
import type { PoolLink } from "./thread_pool.ts";

const libraries = new WeakMap<WebAssembly.Memory, WebAssembly.ModuleImports>();

function libraryOn(memory: WebAssembly.Memory): WebAssembly.ModuleImports {
  let library = libraries.get(memory);
  if (library === undefined) {
    library = instantiateKernels(memory) as unknown as WebAssembly.ModuleImports;
    libraries.set(memory, library);
  }
  return library;
}

/** What a module needs beside the memory. */
export interface ProgramHost {
  /**
   * What a module that calls the host imports: gets the number of a function, and the address of a table of the addresses of
   * its operands and results.
   */
  readonly callback?: ((id: number, table: number) => void) | undefined;
  /** What a module that tells of its steps imports: gets the number of a step that has ended. */
  readonly passed?: ((step: number) => void) | undefined;
  /** What a module that shares work imports of the pool. */
  readonly link?: PoolLink | undefined;
}

/**
 * Binds a module to a memory, and to the kernel library on that memory if it calls kernels.
 *
 * @returns The module's `run`: takes the address of the table (inputs, outputs, scratch).
 */
export function instantiateProgram(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  { callback, passed, link }: ProgramHost = {},
): (table: number) => void {
  const environment = {
    memory,
    ...(callback === undefined ? {} : { callback }),
    ...(passed === undefined ? {} : { passed }),
    ...link,
  };
  return bindProgram(module, environment, () => libraryOn(memory)).run;
}
