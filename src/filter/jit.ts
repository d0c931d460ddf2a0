/**
 * `filterJit`: arrays traced, everything else static.
 *
 * @module
 */
import { ArgumentError, DonatedError, warn } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatAval } from "../core/aval.ts";
import { Device } from "../core/device.ts";
import { type Sharding, SingleDeviceSharding } from "../core/sharding.ts";
import { bind, isEager, Tracer } from "../core/trace.ts";
import {
  type CompiledProgram,
  jitBackend,
  jitP,
  type LoweredText,
  type RunOptions,
} from "../control/jit_call.ts";
import { checkSharding } from "../numpy/placing.ts";
import { shardingConstraint } from "../ops/sharding.ts";
import { flatten } from "../tree/flatten.ts";
import { staticKey } from "../tree/static_value.ts";
import { equalsKey } from "../tree/static_value.ts";
import {
  assemble,
  difference,
  inputName,
  isReusable,
  type JitEntry,
  matches,
  traceEntry,
} from "./jit_entry.ts";
import { isArrayLeaf, toNDArray } from "./leaves.ts";
import { checkOptions, transform, type Transformation, wrapped } from "./wrapper.ts";

/** Which arguments a compiled function may overwrite; see {@linkcode filterJit}. */
export type Donate = "all" | "all-except-first" | "warn" | "warn-except-first" | "none";

/** Options of {@linkcode filterJit}. */
export interface JitOptions {
  /** Whose memory the results may take over. */
  readonly donate?: Donate;
  /** Where to run: arguments are moved there, and results committed. `"cpu"`, as without it: where the arguments are. */
  readonly device?: Device | "cpu" | null;
}

const donations: readonly Donate[] = [
  "all",
  "all-except-first",
  "warn",
  "warn-except-first",
  "none",
];

/** How many specialisations of one function are kept. */
const maxEntries = 512;

/** The trace from which on a function that keeps being traced anew is reported: the third retrace. */
const firstWarning = 4;

interface Specialisation {
  readonly entry: JitEntry;
  readonly run: RunOptions;
  program: CompiledProgram | null;
}

/** All that is compiled of one function with one set of options. */
interface JitTable {
  /** The one used last: most calls repeat it. */
  last: Specialisation | null;
  readonly byKey: Map<string, Specialisation[]>;
  size: number;
  /** How often the function was traced; the next time to warn of it. */
  traces: number;
  warnAt: number;
}

const tables: WeakMap<object, Map<string, JitTable>> = new WeakMap();

/** What a table hangs on: the innermost function, so that wrappers made afresh find it; a Module's class. */
function anchorOf(fun: unknown): object {
  let f = fun;
  for (let inner = wrapped(f); inner !== undefined; inner = wrapped(f)) f = inner;
  if (typeof f === "function") return f;
  return (f as object).constructor;
}

/** How a function is compiled. */
export interface Compilation {
  /** The function's name, and the whole call's in messages. */
  readonly name: string;
  readonly label: string;
  readonly donate: Donate;
  /** Where it runs; `null` for where its arguments are. */
  readonly on: Sharding | null;
}

function tableOf(fun: unknown, { donate, on }: Compilation): JitTable {
  const anchor = anchorOf(fun);
  let byOption = tables.get(anchor);
  if (byOption === undefined) tables.set(anchor, byOption = new Map());
  const option = `${donate} ${on}`;
  let table = byOption.get(option);
  if (table === undefined) {
    byOption.set(
      option,
      table = { last: null, byKey: new Map(), size: 0, traces: 0, warnAt: firstWarning },
    );
  }
  return table;
}

const wrapperTables: WeakMap<object, JitTable> = new WeakMap();
const scratchLeaves: unknown[] = [];

function findSpecialisation(
  table: JitTable,
  fun: unknown,
  args: unknown[],
  { name, label, on }: Compilation,
): [Specialisation, NDArray[]] {
  const arrays: NDArray[] = [];
  const call = [fun, args];
  const leaves = scratchLeaves.splice(0); // a nested call must not overwrite it
  const { last } = table;
  if (last !== null && matches(last.entry, call, leaves, arrays)) return [last, arrays];
  const key = keyOf(call);
  const candidates = table.byKey.get(key) ?? [];
  for (const found of candidates) {
    if (matches(found.entry, call, leaves, arrays)) {
      table.last = found;
      return [found, arrays];
    }
  }
  if (++table.traces === table.warnAt && last !== null) {
    warnOfRetraces(table, last.entry, fun, args, name);
  }
  const entry = traceEntry(fun, args, name);
  const run = { name: label, nameOf: (i: number) => inputName(entry, i), on };
  const made: Specialisation = { entry, run, program: null };
  if (isReusable(made.entry)) {
    candidates.push(made);
    table.byKey.set(key, candidates);
    table.last = made;
    if (++table.size > maxEntries) dropOldest(table);
  }
  arrays.length = 0;
  for (const leaf of flatten(call)[0]) if (isArrayLeaf(leaf)) arrays.push(toNDArray(leaf, name));
  return [made, arrays];
}

/** Says which argument keeps a function from finding what was compiled before; the next time after as many traces again. */
function warnOfRetraces(
  table: JitTable,
  last: JitEntry,
  fun: unknown,
  args: unknown[],
  name: string,
): void {
  table.warnAt *= 2;
  warn(
    `filterJit(${name}) is traced for the ${table.traces}th time, and compiled each time. What differs from the call before: ${
      difference(last, fun, args)
    }. Arguments that change should be arrays; functions and other objects should be made once, outside of the loop`,
  );
}

/** Forgets the specialisations of the key that was made first. */
function dropOldest(table: JitTable): void {
  for (const [key, list] of table.byKey) {
    if (list.includes(table.last!)) continue;
    table.byKey.delete(key);
    table.size -= list.length;
    return;
  }
}

/** A text that equal calls share (calls that share it need not be equal: `matches` decides). */
function keyOf(call: unknown): string {
  const [leaves, treedef] = flatten(call);
  const objects: object[] = [];
  let key = String(treedef.id);
  for (const leaf of leaves) {
    if (isArrayLeaf(leaf)) key += `|a${toNDArray(leaf, "filterJit").aval.id}`;
    else if (typeof leaf === "object" && leaf !== null && equalsKey in leaf) key += "|e";
    else key += `|${staticKey(leaf, objects)}`;
  }
  return key;
}

/** For each input of a program (constants first), whether the caller gave it up. */
function donatedInputs(entry: JitEntry, donate: Donate): boolean[] {
  const flags = entry.consts.map(() => false);
  if (donate === "none") {
    return [
      ...flags,
      ...entry.jaxpr.inAvals.slice(flags.length).map(() => false),
    ];
  }
  const first = donate.endsWith("except-first") ? firstArgumentLeaves(entry) : new Set<number>();
  entry.specs.forEach((spec, i) => {
    if (spec.kind === "array") flags.push(!first.has(i));
  });
  return flags;
}

/** The leaves of the first positional argument. */
function firstArgumentLeaves(entry: JitEntry): Set<number> {
  const [funDef, argsDef] = entry.treedef.childDefs;
  const first = argsDef.childDefs[0];
  const start = funDef.numLeaves;
  return new Set(Array.from({ length: first?.numLeaves ?? 0 }, (_, i) => start + i));
}

function compileEntry(made: Specialisation, name: string, donate: Donate): CompiledProgram {
  const { entry } = made;
  const donated = donatedInputs(entry, donate);
  const program = jitBackend().compile(entry.jaxpr, { name, donated });
  if (donate.startsWith("warn")) {
    const unusable = entry.jaxpr.inAvals.filter((_, i) =>
      donated[i] && program.used[i] && !program.takenOver[i]
    );
    if (unusable.length > 0) {
      warn(
        `filterJit(${name}, { donate: "${donate}" }): some donated buffers were not usable: ${
          unusable.map(formatAval).join(", ")
        }. No result has their shape and dtype; they stay valid`,
      );
    }
  }
  made.program = program;
  return program;
}

/** One array may not be given up and used beside in one call. */
function checkDonatedTwice(
  program: CompiledProgram,
  inputs: readonly NDArray[],
  name: string,
): void {
  const { takenOver } = program;
  for (let i = 0; i < inputs.length; i++) {
    if (!takenOver[i]) continue;
    for (let j = 0; j < inputs.length; j++) {
      if (i !== j && inputs[i] === inputs[j] && program.used[j]) {
        throw new DonatedError(
          `filterJit(${name}): an array ${
            formatAval(inputs[i].aval)
          } was donated and used in another place of the same call, as in f(donate(a), a); pass a copy`,
        );
      }
    }
  }
}

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
  const { name, donate, on } = how;
  let table = wrapperTables.get(self);
  if (table === undefined) wrapperTables.set(self, table = tableOf(fun, how));
  const [found, arrays] = findSpecialisation(table, fun, args, how);
  const { entry } = found;
  const inputs = entry.consts.length === 0 ? arrays : [...entry.consts, ...arrays];
  if (!isEager() || inputs.some((x) => x instanceof Tracer)) {
    const outs = bind(jitP, inputs, { name, jaxpr: entry.jaxpr });
    // Over several devices the function says itself where its results are.
    const moved = on instanceof SingleDeviceSharding;
    return assemble(entry, moved ? outs.map((x) => shardingConstraint(x, on)) : outs);
  }
  const program = found.program ?? compileEntry(found, name, donate);
  if (donate !== "none") checkDonatedTwice(program, inputs, name);
  return assemble(entry, program.run(inputs, found.run));
}

const jitT: Transformation = {
  name: "filterJit",
  call: (fun, options, args, self) =>
    callCompiled(fun, args, self, compilationOf((self as { name: string }).name, options)),
  finish: (wrapper, fun, options) => {
    const { name } = wrapper as { name: string };
    Object.defineProperty(wrapper, "lower", {
      value: (...args: unknown[]) => lowered(fun, args, compilationOf(name, options)),
    });
  },
};

function compilationOf(name: string, [donate, on]: readonly unknown[]): Compilation {
  const label = `filterJit(${name})`;
  return { name, label, donate: donate as Donate, on: on as Sharding | null };
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
  if (device === null || device === "cpu") return [donate, null];
  if (!(device instanceof Device)) {
    throw new ArgumentError(
      `filterJit: device must be a device, as devices() gives them, or "cpu"; got ${
        String(device)
      }`,
    );
  }
  return [donate, checkSharding(device, "filterJit: device")];
}

/** A function traced for some arguments, at each stage of its compilation. */
export interface Lowered {
  /** The traced function. */
  jaxpr(): string;
  /** The jaxpr after inlining, folding and the removal of what is not used. */
  simplified(): string;
  /** The scheduled loop nests. */
  nests(): string;
  /** The compiled module, disassembled. */
  wat(): string;
}

/** A compiled function: called like the original, and able to show what became of it. */
export type Jitted<F> = F & {
  /** Traces for some arguments, and shows each stage of the compilation as text. */
  lower(...args: F extends (...args: infer A) => unknown ? A : unknown[]): Lowered;
};

/** Shows the stages of a compilation of `fun` for some arguments. */
export function lowered(
  fun: unknown,
  args: unknown[],
  { name, donate }: Compilation,
): Lowered {
  const entry = traceEntry(fun, args, name);
  let text: LoweredText | null = null;
  const stages = () =>
    text ??= jitBackend().lower(entry.jaxpr, { name, donated: donatedInputs(entry, donate) });
  return {
    jaxpr: () => String(entry.jaxpr),
    simplified: () => stages().simplified(),
    nests: () => stages().nests(),
    wat: () => stages().wat(),
  };
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
/** As above, for a Module. */
export function filterJit<A extends unknown[], R>(
  fun: { call(...args: A): R },
  options?: JitOptions,
): Jitted<(...args: A) => R>;
/** As above, for a class: its instances are constructed by the compiled function. */
export function filterJit<A extends unknown[], R>(
  fun: new (...args: A) => R,
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
