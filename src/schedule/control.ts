/**
 * Control flow: the inner jaxprs become programs, and carries are updated in place where that can be.
 *
 * @module
 */
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import type { HostCallback, LoweredControl } from "../core/lowering.ts";
import { InternalError } from "../errors.ts";
import type { Program, ScheduledControl } from "../loopnest/ir.ts";
import type { Donation } from "./buffers.ts";

/** Schedules an inner jaxpr; `donated` tells which inputs may be overwritten, and by which output. */
export type ScheduleInner = (
  closed: ClosedJaxpr,
  name: string,
  donated: readonly Donation[],
) => Program;

/**
 * Schedules what control flow runs.
 *
 * @param dying Which operands nobody reads afterwards, so that results may take their memory.
 * @param callbacks Gets the host's functions, which the program knows by their place there.
 */
export function scheduleControl(
  control: LoweredControl,
  name: string,
  schedule: ScheduleInner,
  dying: readonly boolean[],
  callbacks: HostCallback[],
): ScheduledControl {
  switch (control.kind) {
    case "scan": {
      const { body, numConsts, numCarry, length, reverse } = control;
      return {
        kind: "scan",
        body: scheduleBody(body, `${name} body`, numConsts, numCarry, schedule),
        numConsts,
        numCarry,
        length,
        reverse,
      };
    }
    case "while": {
      const { condition, body, numConditionConsts, numBodyConsts } = control;
      const numCarry = body.outAvals.length;
      return {
        kind: "while",
        condition: schedule(closed(condition, name), `${name} condition`, []),
        body: scheduleBody(body, `${name} body`, numBodyConsts, numCarry, schedule),
        numConditionConsts,
        numBodyConsts,
      };
    }
    case "cond":
      return { kind: "cond", branches: scheduleBranches(control.branches, name, dying, schedule) };
    case "callback":
      return {
        kind: "callback",
        id: callbacks.push(control.callback) - 1,
        guarded: control.guarded,
      };
    default: {
      const never: never = control;
      return never;
    }
  }
}

function closed(jaxpr: ClosedJaxpr, name: string): ClosedJaxpr {
  if (jaxpr.consts.length > 0) throw new InternalError(`${name}: an inner jaxpr has constants`);
  return jaxpr;
}

/**
 * Schedules branches. What one of them hands through, the others may update in place, if it is not read afterwards and all of them can: so that a branch
 * costs what it does, not what it leaves alone.
 */
function scheduleBranches(
  branches: readonly ClosedJaxpr[],
  name: string,
  dying: readonly boolean[],
  schedule: ScheduleInner,
): readonly Program[] {
  const inputs = branches[0].inAvals.length;
  const donated: Donation[] = new Array(inputs).fill(false);
  for (const { jaxpr: { invars, outvars } } of branches) {
    outvars.forEach((out, i) => {
      const k = invars.findIndex((v) => v === out);
      // The branch's index is the first operand.
      if (k >= 0 && dying[k + 1] && donated[k] === false && !donated.includes(i)) donated[k] = i;
    });
  }
  for (;;) {
    const programs = branches.map((branch, i) =>
      schedule(closed(branch, name), `${name} branch ${i}`, donated)
    );
    const taken = programs.map(({ buffers }) =>
      new Set(buffers.flatMap((b) => b.role === "output" && b.donor >= 0 ? [b.donor] : []))
    );
    const lost = donated.flatMap((to, k) =>
      to !== false && !taken.every((t) => t.has(k)) ? [k] : []
    );
    if (lost.length === 0) return programs;
    for (const k of lost) donated[k] = false;
  }
}

/** Schedules the body of a loop; a carry may take over its own memory. */
function scheduleBody(
  body: ClosedJaxpr,
  name: string,
  numConsts: number,
  numCarry: number,
  schedule: ScheduleInner,
): Program {
  const isCarry = (i: number) => i >= numConsts && i < numConsts + numCarry;
  const donated = body.inAvals.map((_, i) => isCarry(i) && i - numConsts);
  return schedule(closed(body, name), name, donated);
}
