/**
 * Which results of a program for several devices are written over which donated arguments.
 *
 * In one memory that is a matter of regions: a result takes an argument's over if nobody reads the argument once the result is begun, or
 * if the one step that does both replaces it element by element, at the same place for each device.
 *
 * @module
 */
import { type ClosedJaxpr, JaxprVar } from "../../core/jaxpr.ts";
import type { Lifetime } from "./lifetimes.ts";
import type { Cut, Segment } from "./segments.ts";

/** What may be overwritten. Inputs and outputs are given by their regions. */
export interface Overwritable {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Whether an input was donated, and fits an output. */
  mayTake(input: number, output: number): boolean;
  /** The position of an input. */
  inputOf(region: number): number;
}

/** The step at which a variable's memory is read for the last time; infinite where it is handed out. */
export function lastReadsOf(
  steps: readonly (Segment | Cut)[],
  outvars: readonly JaxprVar[],
): (v: JaxprVar) => number {
  const origins = new Map<JaxprVar, JaxprVar>();
  const originOf = (v: JaxprVar): JaxprVar => origins.get(v) ?? v;
  const last = new Map<JaxprVar, number>();
  steps.forEach((step, i) => {
    const read = step.kind === "segment" ? step.ins : step.eqn.invars as readonly JaxprVar[];
    for (const v of read) last.set(originOf(v), i);
    // It moves nothing: its result is where its operand is.
    if (step.kind === "cut" && step.eqn.primitive.name === "ppermute") {
      origins.set(step.eqn.outvars[0], originOf(read[0]));
    }
  });
  for (const v of outvars) last.set(originOf(v), Infinity);
  return (v) => last.get(originOf(v)) ?? -1;
}

/**
 * For each input of a step the output that may be written over it, or `false`: one that is computed from it, if there is any.
 *
 * @param mayTake Whether an input may be overwritten by an output.
 */
export function pairDonations(
  { jaxpr }: ClosedJaxpr,
  mayTake: (input: number, output: number) => boolean,
): readonly (number | false)[] {
  const sources = new Map<JaxprVar, ReadonlySet<number>>();
  const candidates = jaxpr.outvars.map((_, o) =>
    jaxpr.invars.flatMap((_, i) => mayTake(i, o) ? [i] : [])
  );
  const wanted = new Set(candidates.flat());
  const donated = jaxpr.invars.map((): number | false => false);
  if (wanted.size === 0) return donated;
  const none: ReadonlySet<number> = new Set();
  jaxpr.invars.forEach((v, i) => wanted.has(i) && sources.set(v, new Set([i])));
  const madeOf = (x: unknown): ReadonlySet<number> =>
    x instanceof JaxprVar ? sources.get(x) ?? none : none;
  for (const { invars, outvars } of jaxpr.eqns) {
    const sets = invars.map(madeOf).filter((set) => set.size > 0);
    if (sets.length === 0) continue;
    const joined = sets.reduce((a, b) => a.size >= b.size && a.isSupersetOf(b) ? a : a.union(b));
    for (const v of outvars) sources.set(v, joined);
  }
  const own = jaxpr.outvars.map((v, o) => candidates[o].filter((i) => madeOf(v).has(i)));
  // Those with the fewest choices first: a momentum is made of itself, the parameters of both.
  const order = [...own.keys()].sort((a, b) => own[a].length - own[b].length);
  const taken = new Set<number>();
  for (const choices of [own, candidates]) {
    for (const o of order) {
      if (taken.has(o)) continue;
      const i = choices[o].find((i) => donated[i] === false);
      if (i === undefined) continue;
      donated[i] = o;
      taken.add(o);
    }
  }
  return donated;
}

/** Adds to `donors` outputs that are begun when an input that fits is not read any more. */
export function donateSpent(
  donors: number[],
  lifetimes: ReadonlyMap<number, Lifetime>,
  over: Overwritable,
): void {
  over.outputs.forEach((output, o) => {
    const begun = lifetimes.get(output)?.first;
    if (donors[o] >= 0 || begun === undefined) return;
    const input = over.inputs.find((input) =>
      !donors.includes(over.inputOf(input)) && over.mayTake(input, output) &&
      (lifetimes.get(input)?.last ?? -1) < begun
    );
    if (input !== undefined) donors[o] = over.inputOf(input);
  });
}
