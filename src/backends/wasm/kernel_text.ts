/**
 * The hand-written kernels as text, for the compiler: either the functions that a program calls and
 * those that they call in turn, or one function's body expanded in place. Only the compile worker loads this
 * module, because the texts are large.
 *
 * @module
 */

import { KERNEL_TEXT, type KernelText } from "../../../kernels/build/text.ts";
import { CompileError } from "../../errors.ts";
import { constantGlobals, constantNames } from "./kernel_constants.ts";

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

function entry(name: string): KernelText {
  if (!Object.hasOwn(KERNEL_TEXT, name) || KERNEL_TEXT[name]!.wat === "") {
    throw new CompileError(`the kernel library has no text of ${name}; run \`deno task kernels\``);
  }
  return KERNEL_TEXT[name]!;
}

/**
 * The `(func …)` form of one kernel.
 *
 * @throws {CompileError} if there is no kernel of that name.
 */
export function kernelText(name: string): string {
  return entry(name).wat;
}

/**
 * The `(func …)` forms of the named kernels and of all that they call, each once, to be put
 * inside a `(module …)` whose memory 0 is the shared one. Function `$name` bears the kernel's name.
 * They use constants as globals: define them with `constantGlobals` over the whole module's text.
 *
 * @throws {CompileError} if there is no kernel of that name.
 */
export function kernelFunctions(names: Iterable<string>): string {
  const seen = new Map<string, KernelText>();
  const pending = [...names];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (seen.has(name)) continue;
    const found = entry(name);
    seen.set(name, found);
    pending.push(...found.deps);
  }
  return [...seen.values()].map((found) => found.wat).join("\n");
}

/** The forms to put into a module beside `imports`: constants as globals, then the functions. */
export function kernelModuleFields(names: Iterable<string>): string {
  const functions = kernelFunctions(names);
  return `${constantGlobals(functions)}\n${functions}`;
}

/** A kernel expanded in place; see {@link inlineKernel}. */
export interface InlinedKernel {
  /** An expression of the kernel's result type. */
  readonly code: string;
  /** Declarations for the function that the code goes into. */
  readonly locals: readonly string[];
  /**
   * Constants that the code reads as locals of these names (`c_3f800000`). The function declares each once
   * and sets it, before its loops, to `constantOf(name)`: fastest, since V8 then keeps it in a register.
   */
  readonly constants: readonly string[];
  /** Kernels that the code still calls, for `kernelFunctions`. */
  readonly deps: readonly string[];
}

/**
 * A call of a kernel as code in place, without waiting for an inlining pass.
 *
 * @param name The kernel.
 * @param args One expression in text form for each parameter.
 * @param prefix What the locals and labels are called; unique within the function.
 * @throws {CompileError} if there is no kernel of that name.
 */
export function inlineKernel(
  name: string,
  args: readonly string[],
  prefix: string,
): InlinedKernel {
  const { params, result, wat, deps } = entry(name);
  const locals: string[] = [];
  const sets: string[] = [];
  let at = wat.indexOf(" ", "(func $".length);
  const declaration = /\s*\((param|local|result)(?: \$(\S+))? ([^)]+)\)/y;
  for (;;) {
    declaration.lastIndex = at;
    const match = declaration.exec(wat);
    if (match === null) break;
    at = declaration.lastIndex;
    const [, kind, id, type] = match;
    if (kind === "result") continue;
    const local = `$${prefix}_${id}`;
    const isParam = kind === "param";
    // The body may count on fresh locals being zero, and in a loop they would not be fresh.
    const value = isParam ? args[sets.length]! : zero(type!);
    locals.push(`(local ${local} ${type})`);
    sets.push(`(local.set ${local} ${value})`);
  }
  if (args.length !== params.length) {
    throw new CompileError(`kernel ${name} takes ${params.length} arguments, not ${args.length}`);
  }
  const body = wat.slice(at, -1)
    .replace(/\(global\.get \$c_/g, "(local.get $c_")
    .replace(/(\(call )?\$(?!c_[0-9a-f]{8})([^\s()]+)/g, (all, call, id) => {
      return call === undefined ? `$${prefix}_${id}` : all;
    })
    .replace(/\(return(?=[\s)])/g, `(br $${prefix}`);
  const type = result === "none" ? "" : `(result ${result})`;
  return {
    code: `(block $${prefix} ${type} ${sets.join(" ")} ${body})`,
    locals,
    constants: constantNames(body),
    deps,
  };
}

function zero(type: string): string {
  return type === "v128" ? "(v128.const i32x4 0 0 0 0)" : `(${type}.const 0)`;
}
