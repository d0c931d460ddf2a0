/**
 * The library kernels that a program may call on whole buffers, each with its arguments and a plain
 * reference implementation, which is what the interpreter runs.
 *
 * @module
 */
import type { TypedArray } from "../core/dtype.ts";

/** What a kernel does with an argument. */
export type KernelParam = "read" | "write" | "update" | "scratch" | "number";

/** A kernel as the loop-nest language sees it. */
export interface KernelSpec {
  /** The role of each argument: all but `number` are buffers. */
  readonly params: readonly KernelParam[];
  /** What the kernel does, plainly. */
  reference(args: readonly (TypedArray | number)[]): void;
}

const kernels: Readonly<Record<string, KernelSpec>> = {};

/** The kernel of a name, or `undefined`. */
export function findKernel(name: string): KernelSpec | undefined {
  return Object.hasOwn(kernels, name) ? kernels[name] : undefined;
}
