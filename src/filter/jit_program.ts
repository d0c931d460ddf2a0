/**
 * From a traced function to a program: which inputs may be overwritten, and what compiling says of it.
 *
 * @module
 */
import { DonatedError, warn } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatAval } from "../core/aval.ts";
import type { Located } from "../core/placement.ts";
import type { Sharding } from "../core/sharding.ts";
import { type CompiledProgram, jitBackend, type RunOptions } from "../control/jit_call.ts";
import { inputName, type JitEntry } from "./jit_entry.ts";

/** Which arguments a compiled function may overwrite; see {@linkcode filterJit}. */
export type Donate = "all" | "all-except-first" | "warn" | "warn-except-first" | "none";

/** All values of {@linkcode Donate}. */
export const donations: readonly Donate[] = [
  "all",
  "all-except-first",
  "warn",
  "warn-except-first",
  "none",
];

/** How a function is compiled. */
export interface Compilation {
  /** The function's name, and the whole call's in messages. */
  readonly name: string;
  readonly label: string;
  readonly donate: Donate;
  /** Where it runs; `null` for where its arguments are. */
  readonly on: Sharding | null;
  /** Whether it must not run elsewhere than on the processor. */
  readonly isCpuOnly: boolean;
}

/** What running an entry's program is told: names for messages, and where. */
export function runOptions(entry: JitEntry, { label, on, isCpuOnly }: Compilation): RunOptions {
  return { name: label, nameOf: (i) => inputName(entry, i), on, isCpuOnly };
}

/** For each input of a program (constants first), whether the caller gives it up. */
export function donatedInputs(entry: JitEntry, donate: Donate): boolean[] {
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

/**
 * Compiles a traced function, and warns of donations that are of no use where that is asked for.
 *
 * @param inputs Where its inputs will be.
 * @param why Says why it was traced, where somebody watches.
 */
export function compileEntry(
  entry: JitEntry,
  how: Compilation,
  inputs: readonly Located[],
  why: () => string,
): CompiledProgram {
  const { name, donate, label } = how;
  const donated = donatedInputs(entry, donate);
  const program = jitBackend().compile(entry.jaxpr, { name, donated, label, why });
  const { used, takenOver } = program.prepare(inputs, runOptions(entry, how));
  if (donate.startsWith("warn")) {
    const unusable = entry.jaxpr.inAvals.filter((_, i) => donated[i] && used[i] && !takenOver[i]);
    if (unusable.length > 0) {
      warn(
        `${label} with donate: "${donate}": some donated buffers were not usable: ${
          unusable.map(formatAval).join(", ")
        }. No result has their shape and dtype; they stay valid`,
      );
    }
  }
  return program;
}

/** One array may not be given up and used beside in one call. */
export function checkDonatedTwice(
  program: CompiledProgram,
  inputs: readonly NDArray[],
  run: RunOptions,
): void {
  const { name, nameOf } = run;
  const { takenOver, used } = program.prepare(inputs, run);
  for (let i = 0; i < inputs.length; i++) {
    if (!takenOver[i]) continue;
    for (let j = 0; j < inputs.length; j++) {
      if (i !== j && inputs[i] === inputs[j] && used[j]) {
        throw new DonatedError(
          `${name}: ${nameOf(i)}, ${
            formatAval(inputs[i].aval)
          }, was donated and used in another place of the same call, ${
            nameOf(j)
          }, as in f(donate(a), a); pass a copy`,
        );
      }
    }
  }
}
