/**
 * From a compiled module to a function that can be called.
 *
 * @module
 */
import { instantiateKernels } from "./kernel_library.ts";

const libraries = new WeakMap<WebAssembly.Memory, WebAssembly.ModuleImports>();

/**
 * Binds a module to a memory, and to the kernel library on that memory if it calls kernels.
 *
 * @param callback What a module that calls the host imports: gets the number of a function, and the address of a table of the addresses of
 * its operands and results.
 * @returns The module's `run`: takes the address of the table (inputs, outputs, scratch).
 */
export function instantiateProgram(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  callback?: (id: number, table: number) => void,
): (table: number) => void {
  const imports: WebAssembly.Imports = {
    env: callback === undefined ? { memory } : { memory, callback },
  };
  if (WebAssembly.Module.imports(module).some((entry) => entry.module === "kernels")) {
    let library = libraries.get(memory);
    if (library === undefined) {
      library = instantiateKernels(memory) as unknown as WebAssembly.ModuleImports;
      libraries.set(memory, library);
    }
    imports.kernels = library;
  }
  const instance = new WebAssembly.Instance(module, imports);
  return instance.exports.run as (table: number) => void;
}
