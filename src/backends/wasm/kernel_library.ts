/**
 * The hand-written kernels, ready to call: the WASM built from `kernels/` by `deno task kernels`.
 * Instantiated synchronously, since eager operations may not wait.
 *
 * @module
 */

import { type KernelExports, KERNELS_BASE64 } from "../../../kernels/build/module.ts";

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

/** By `Uint8Array.fromBase64`, 60 times as fast, except where the runtime is older than it. */
function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const native = Uint8Array as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> };
  if (native.fromBase64 !== undefined) return native.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
