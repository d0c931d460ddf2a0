/**
 * From a traced function to a program, as a list of passes. Each can be timed and its result shown.
 *
 * 1. `inline`: the jaxprs of inner calls take their place (`core/inline.ts`).
 * 2. `expand`: what is not lowered on operands of such dtypes, in terms of what is (`schedule/expand.ts`).
 * 3. `simplify`: equations that change no value go, equal ones are merged, literals are computed.
 * 4. `unused`: equations that nobody reads go.
 * 5. `checks`: the runtime checks that are left become effects.
 * 6. `lower`: each equation says what it computes, element by element (`schedule/graph.ts`).
 * 7. `fuse`: which values become memory, and which nest computes what (`schedule/fuse.ts`).
 * 8. `order`: the steps in a row (`schedule/order.ts`).
 * 9. `nests`: each nest's passes over its inner loops (`schedule/nest.ts`).
 * 10. `buffers`: places for values, shared where lifetimes and donation allow (`schedule/buffers.ts`).
 * 11. `emit`: loops and scalar expressions (`schedule/emit.ts`).
 *
 * @module
 */
import { currentChecks } from "../core/checks.ts";
import { eliminateDeadCode } from "../core/dead_code.ts";
import { inlineCalls, inlineUsed } from "../core/inline.ts";
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import type { HostCallback } from "../core/lowering.ts";
import { isWatched, reportSpan } from "../core/spans.ts";
import { verifyJaxpr } from "../core/jaxpr_verify.ts";
import type { Program } from "../loopnest/ir.ts";
import { printProgram } from "../loopnest/print.ts";
import { verifyProgram } from "../loopnest/verify.ts";
import type { Donation } from "../schedule/buffers.ts";
import { scheduleSimplified, type StageRunner, unusedDonations } from "../schedule/mod.ts";
import { expandEquations } from "../schedule/expand.ts";
import { simplifyEquations } from "../schedule/simplify.ts";

/** How long a pass took, and what it made. */
export interface PassReport {
  readonly name: string;
  readonly milliseconds: number;
  /** The result as text, for passes that give a jaxpr or a program. */
  readonly dump: (() => string) | null;
}

/** A scheduled program and how it came about. */
export interface Compilation {
  /** The jaxpr after the passes on jaxprs. */
  readonly simplified: ClosedJaxpr;
  readonly program: Program;
  /** The host's functions that the program calls, by number. */
  readonly callbacks: readonly HostCallback[];
  /** Donated inputs, by position, whose memory no output took over. */
  readonly unusedDonations: readonly number[];
  readonly passes: readonly PassReport[];
}

/** Options of {@linkcode compileToProgram}. */
export interface PipelineOptions {
  /** The function's name, for people. */
  readonly name: string;
  /** Which inputs (captured constants first) may be overwritten: by any output, or by the one at a position. */
  readonly donated?: readonly Donation[];
  /** Whether the program does without kernels that only the processor has; false unless told. */
  readonly isPortable?: boolean;
}

/** The passes from jaxpr to jaxpr, in order. */
const jaxprPasses: readonly (readonly [
  name: string,
  run: (closed: ClosedJaxpr, isPortable: boolean) => ClosedJaxpr,
])[] = [
  ["inline", (closed) => inlineCalls(closed)],
  ["expand", expandEquations],
  ["simplify", (closed) => simplifyEquations(closed)],
  ["unused", (closed) => eliminateDeadCode(closed)],
  ["checks", (closed) => inlineUsed(closed)],
];

/** A jaxpr after the passes on jaxprs. */
export interface Simplified {
  readonly closed: ClosedJaxpr;
  readonly passes: readonly PassReport[];
}

function timer(kind: "simplify" | "schedule", passes: PassReport[]) {
  return <T>(name: string, run: () => T, dump: ((result: T) => string) | null): T => {
    const start = performance.now();
    const result = run();
    const milliseconds = performance.now() - start;
    if (isWatched) reportSpan({ kind, name, start, milliseconds });
    passes.push({ name, milliseconds, dump: dump === null ? null : () => dump(result) });
    return result;
  };
}

/** Runs the passes from jaxpr to jaxpr; `isPortable` as in {@linkcode PipelineOptions}. */
export function simplifyJaxpr(closed: ClosedJaxpr, isPortable = false): Simplified {
  const passes: PassReport[] = [];
  const timed = timer("simplify", passes);
  let simplified = closed;
  for (const [name, run] of jaxprPasses) {
    const before = simplified;
    simplified = timed(name, () => run(before, isPortable), String);
    if (currentChecks().verify) verifyJaxpr(simplified.jaxpr, `the pass ${name}`);
  }
  return { closed: simplified, passes };
}

/**
 * Runs the passes from a simplified jaxpr to a program.
 *
 * @throws {CompileError} Where an operation has no compiled form.
 */
export function scheduleJaxpr(simplified: Simplified, options: PipelineOptions): Compilation {
  const passes = [...simplified.passes];
  const timed = timer("schedule", passes);
  const stage: StageRunner = (name, run) => timed(name, run, null);
  const callbacks: HostCallback[] = [];
  const program = scheduleSimplified(simplified.closed, { ...options, stage, callbacks });
  if (currentChecks().verify) verifyProgram(program);
  const last = passes[passes.length - 1];
  passes[passes.length - 1] = { ...last, dump: () => printProgram(program) };
  return {
    simplified: simplified.closed,
    program,
    callbacks,
    unusedDonations: unusedDonations(program, options.donated ?? []),
    passes,
  };
}

/**
 * Runs all passes.
 *
 * @throws {CompileError} Where an operation has no compiled form.
 */
export function compileToProgram(closed: ClosedJaxpr, options: PipelineOptions): Compilation {
  return scheduleJaxpr(simplifyJaxpr(closed, options.isPortable), options);
}
