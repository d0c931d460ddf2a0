/**
 * Makes V8 compile the matrix-product kernel well before it is needed. Compiled code belongs to the module, not to the instance,
 * so that an instance on a memory of its own can be run for the purpose.
 *
 * @module
 */
import { instantiateKernels } from "./kernel_library.ts";

let isWarm = false;

/** Runs the kernel for some milliseconds, the first time it is called. */
export function warmMatrixProduct(): void {
  if (isWarm) return;
  isWarm = true;
  const memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
  const { gemm_f32: multiply } = instantiateKernels(memory);
  const [m, n, k] = [48, 64, 64];
  const [a, b, c, scratch] = [1024, 16 * 1024, 32 * 1024, 48 * 1024];
  // V8 changes to better code after 13 MB of instructions or so, compiled in another thread.
  const end = performance.now() + 8;
  while (performance.now() < end) multiply(m, n, k, a, k, 1, b, n, 1, c, n, scratch, 0);
}
