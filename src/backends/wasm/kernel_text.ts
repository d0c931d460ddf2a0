/**
 * The same kernels as text, for the compiler: picks the functions that a program calls and those
 * that they call. Only the compile worker loads this module, because the texts are large.
 *
 * @module
 */

import { KERNEL_TEXT, type KernelText } from "../../../kernels/build/text.ts";
import { CompileError } from "../../errors.ts";

/** What is known of one kernel function without reading its text. */
export interface KernelSignature {
  /** WASM types of the parameters. */
  readonly params: readonly string[];
  /** WASM type of the result, or `none`. */
  readonly result: string;
}

/** The signature of a kernel, or `undefined` if there is none of that name. */
export function kernelSignature(name: string): KernelSignature | undefined {
  return Object.hasOwn(KERNEL_TEXT, name) ? KERNEL_TEXT[name] : undefined;
}

/**
 * The `(func …)` forms of the named kernels and of all that they call, each once, to be put
 * inside a `(module …)` whose memory 0 is the shared one. Function `$name` bears the kernel's name.
 *
 * @throws {CompileError} if there is no kernel of that name.
 */
export function kernelFunctions(names: Iterable<string>): string {
  const seen = new Map<string, KernelText>();
  const pending = [...names];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (seen.has(name)) continue;
    if (!Object.hasOwn(KERNEL_TEXT, name)) {
      throw new CompileError(
        `the kernel library has no function ${name}; run \`deno task kernels\``,
      );
    }
    const entry = KERNEL_TEXT[name]!;
    seen.set(name, entry);
    pending.push(...entry.deps);
  }
  return [...seen.values()].map((entry) => entry.wat).join("\n");
}
