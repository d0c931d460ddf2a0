/**
 * `filterJit`: arrays traced, everything else static.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { Device } from "../core/device.ts";
import { type Sharding, SingleDeviceSharding } from "../core/sharding.ts";
import { isWatched, timed } from "../core/spans.ts";
import { bind, isEager, Tracer } from "../core/trace.ts";
import { jitBackend, jitP } from "../control/jit_call.ts";
import { checkSharding } from "../numpy/placing.ts";
import { shardingConstraint } from "../ops/sharding.ts";
import { assemble } from "./jit_entry.ts";
import {
  checkDonatedTwice,
  type Compilation,
  compileEntry,
  type Donate,
  donations,
} from "./jit_program.ts";
import {
  clearTables,
  findSpecialisation,
  type JitTable,
  reasonOfTrace,
  tableOf,
} from "./jit_table.ts";
import { lower, type Lowerable, type Lowered } from "./lowered.ts";
import {
  optionsOf,
  transform,
  type Transformation,
  transformationName,
  wrapped,
  wrapperOf,
} from "./wrapper.ts";
import { checkOptions } from "../tree/kwargs.ts";

/** Options of {@linkcode filterJit}. */
export interface JitOptions {
  /** Whose memory the results may take over. */
  readonly donate?: Donate;
  /**
   * Where to run: arguments are moved there, and results committed. With `"cpu"` it runs where the arguments are, and never on WebGPU; without,
   * also on WebGPU where that is open, nothing is committed, and it is estimated to be faster.
   */
  readonly device?: Device | "cpu" | null;
}

/** A compiled function: called like the original, and compiled ahead of time. */
export type Jitted<F> = F & {
  /**
   * Traces for some arguments, shows each stage of the compilation as text, and compiles for them: `lower(...args).compile()` is called
   * like the function. A `ShapeDtypeStruct` stands for any array of its shape and dtype.
   */
  lower(
    ...args: F extends (...args: infer A) => unknown ? { [K in keyof A]: Lowerable<A[K]> }
      : unknown[]
  ): Lowered<F>;
};

let wrapperTables = new WeakMap<object, JitTable>();

/**
 * Calls a function, compiled.
 *
 * @param self What the compiled functions are kept with: the wrapper that was called.
 */
export function callCompiled(
  fun: unknown,
  args: unknown[],
  self: object,
  how: Compilation,
): unknown {
  if (!isWatched) return callNow(fun, args, self, how);
  return timed("call", how.label, () => callNow(fun, args, self, how));
}

function callNow(fun: unknown, args: unknown[], self: object, how: Compilation): unknown {
  const { name, donate, on } = how;
  let table = wrapperTables.get(self);
  if (table === undefined) wrapperTables.set(self, table = tableOf(fun, how));
  const [found, arrays] = findSpecialisation(table, fun, args, how);
  const { entry } = found;
  const inputs = entry.consts.length === 0 ? arrays : [...entry.consts, ...arrays];
  if (!isEager() || holdsTracer(inputs)) {
    const outs = bind(jitP, inputs, { name, jaxpr: entry.jaxpr });
    // Over several devices the function says itself where its results are.
    const moved = on instanceof SingleDeviceSharding;
    return assemble(entry, moved ? outs.map((x) => shardingConstraint(x, on)) : outs);
  }
  const program = found.program ??= compileEntry(
    entry,
    how,
    inputs,
    () => reasonOfTrace(table, found),
  );
  if (donate !== "none") checkDonatedTwice(program, inputs, found.run);
  return assemble(entry, program.run(inputs, found.run));
}

function holdsTracer(inputs: readonly NDArray[]): boolean {
  for (let i = 0; i < inputs.length; i++) if (inputs[i] instanceof Tracer) return true;
  return false;
}

const jitT: Transformation = {
  name: "filterJit",
  call: (fun, options, args, self) =>
    callCompiled(fun, args, self, compilationOf((self as { name: string }).name, options)),
  finish: (wrapper, fun, options) => {
    const { name } = wrapper as { name: string };
    Object.defineProperty(wrapper, "lower", {
      value: (...args: unknown[]) => lower(fun, args, compilationOf(name, options)),
    });
  },
};

function compilationOf(name: string, options: readonly unknown[]): Compilation {
  const [donate, on, isCpuOnly] = options as [Donate, Sharding | null, boolean];
  // A function without a name of its own has the transformation's.
  const label = name === jitT.name ? name : `${jitT.name}(${name})`;
  return { name, label, donate, on, isCpuOnly };
}

function readOptions(options: object): readonly unknown[] {
  for (
    const key of [
      "staticArgnums",
      "staticArgnames",
      "donateArgnums",
      "donateArgnames",
      "inShardings",
      "outShardings",
    ]
  ) {
    if (key in options) {
      throw new ArgumentError(
        `filterJit: ${key} is not an option: arrays are traced and all else is static, leaf by leaf; use donate for donation`,
      );
    }
  }
  checkOptions("filterJit", options, ["donate", "device"]);
  const { donate = "none", device = null } = options as JitOptions;
  if (!donations.includes(donate)) {
    throw new ArgumentError(
      `filterJit: donate must be one of ${donations.map((d) => `"${d}"`).join(", ")}; got ${
        JSON.stringify(donate)
      }`,
    );
  }
  if (device === null || device === "cpu") return [donate, null, device === "cpu"];
  if (!(device instanceof Device)) {
    throw new ArgumentError(
      `filterJit: device must be a device, as devices() gives them, or "cpu"; got ${
        String(device)
      }`,
    );
  }
  return [donate, checkSharding(device, "filterJit: device"), false];
}

/**
 * Compiles a function: at its first call for a structure of arguments, their shapes and dtypes, and the values of everything that is
 * no array, it is traced and compiled into one WebAssembly module, which later calls run.
 *
 * Arrays (TypedArrays among them) are traced; all other leaves are static and compare by `Object.is`, or by their own
 * `[Symbol.for("vernal.equals")]`. A Module in place of the function is an input: its arrays are traced. Arrays that the function closes over are
 * constants. Results that are no arrays are returned as they were when tracing. Written after Equinox's `filter_jit`.
 *
 * A repeated call costs a walk over its arguments, a comparison for each leaf, and one call into WebAssembly. The last 512
 * specialisations of a function are kept, and go with the function.
 *
 * @param fun A function, class, or Module with `call`.
 * @param options `donate` tells which arguments' memory the results may take over: `"all"`, `"all-except-first"` (the first
 * positional argument), the same with `"warn"` to hear of buffers that could not be used, or `"none"`. A donated array whose
 * memory was taken over is deleted.
 * @throws {ArgumentError} For unknown options, or something that cannot be called.
 * @throws {TracerError} Where the function asks a traced array for its elements.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const f = vn.filterJit((x: vn.NDArray, power: number) => x.pow(power).sum());
 * f(vn.numpy.array([1, 2, 3]), 2).item(); // 14
 * ```
 */
export function filterJit<F extends (...args: never[]) => unknown>(
  fun: F,
  options?: JitOptions,
): Jitted<F>;
/** As above, for a class: its instances are constructed by the compiled function. */
export function filterJit<A extends unknown[], R>(
  fun: new (...args: A) => R,
  options?: JitOptions,
): Jitted<(...args: A) => R>;
/** As above, for a Module. */
export function filterJit<A extends unknown[], R>(
  fun: { call(...args: A): R },
  options?: JitOptions,
): Jitted<(...args: A) => R>;
/** As above, as a decorator to be. */
export function filterJit(
  options: JitOptions,
  // deno-lint-ignore no-explicit-any -- a decorator keeps the type of any function
): <F extends (...args: any[]) => unknown>(fun: F, context?: unknown) => F;
/** As above, as a method decorator. */
export function filterJit<F extends (...args: never[]) => unknown>(
  method: F,
  context: ClassMethodDecoratorContext,
): F;
export function filterJit(fun: unknown, options?: unknown): unknown {
  jitBackend().prepare();
  return transform(jitT, readOptions, fun, options);
}

/** Forgets all that was traced and compiled for `filterJit`. */
export function clearJitTables(): void {
  clearTables();
  wrapperTables = new WeakMap();
}

/** All that is compiled of a function that `filterJit` made.
 *
 * @throws {ArgumentError} For anything else.
 */
export function compiledTable(fun: unknown, caller: string): JitTable {
  let wrapper: unknown = wrapperOf(fun);
  while (wrapper !== undefined && transformationName(wrapper) !== jitT.name) {
    wrapper = wrapperOf(wrapped(wrapper));
  }
  if (wrapper === undefined) {
    throw new ArgumentError(
      `${caller}: expected a function made by filterJit, or a method decorated with it; got ` +
        (typeof fun === "function" ? `the function ${fun.name || "(anonymous)"}` : String(fun)),
    );
  }
  return tableOf(wrapped(wrapper), compilationOf("", optionsOf(wrapper as object)));
}
