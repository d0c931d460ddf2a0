/**
 * The hand-written kernels, ready to call: the WASM built from `kernels/` by `deno task kernels`.
 * Instantiated synchronously, since eager operations may not wait.
 *
 * @module
 */

import { type KernelExports, KERNELS_BASE64 } from "../../../kernels/build/module.ts";
import { fromBase64 } from "./base64.ts";

export type { KernelExports };

let compiled: WebAssembly.Module | undefined;

/** The module of all kernels, compiled at the first call. */
export function kernelModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(fromBase64(KERNELS_BASE64));
  return compiled;
}

/**
 * Binds the kernels to a memory.
 *
 * @param memory A shared memory whose maximum is at most 65536 pages.
 * @returns The kernels that JavaScript can call; addresses are byte offsets into the memory.
 */
export function instantiateKernels(memory: WebAssembly.Memory): KernelExports {
  const instance = new WebAssembly.Instance(kernelModule(), { env: { memory } });
  return instance.exports as unknown as KernelExports;
}
