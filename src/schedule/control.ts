/**
 * Control flow: the inner jaxprs become programs, and carries are updated in place where that can be.
 *
 * @module
 */
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import type { LoweredControl } from "../core/lowering.ts";
import { InternalError } from "../errors.ts";
import type { Program, ScheduledControl } from "../loopnest/ir.ts";

/** Schedules an inner jaxpr; `donated` tells which inputs may be overwritten. */
export type ScheduleInner = (
  closed: ClosedJaxpr,
  name: string,
  donated: readonly boolean[],
) => Program;

/** Schedules what control flow runs. */
export function scheduleControl(
  control: LoweredControl,
  name: string,
  schedule: ScheduleInner,
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
      return {
        kind: "cond",
        branches: control.branches.map((branch, i) =>
          schedule(closed(branch, name), `${name} branch ${i}`, [])
        ),
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

/** Schedules the body of a loop such that a carry takes over its own memory or none. */
function scheduleBody(
  body: ClosedJaxpr,
  name: string,
  numConsts: number,
  numCarry: number,
  schedule: ScheduleInner,
): Program {
  closed(body, name);
  let wish = body.inAvals.map((_, i) => i >= numConsts && i < numConsts + numCarry);
  for (let attempt = 0;; attempt++) {
    const program = schedule(body, name, wish);
    const outputs = program.buffers.filter((b) => b.role === "output" && b.donor >= 0);
    const isOwn = (position: number, donor: number) =>
      position < numCarry && donor === numConsts + position;
    if (outputs.every((b) => isOwn(b.position, b.donor))) return program;
    // What others took is offered no more. That may change what goes where, hence an end to wishes.
    const own = new Set(outputs.filter((b) => isOwn(b.position, b.donor)).map((b) => b.donor));
    wish = wish.map((_, i) => attempt === 0 && own.has(i));
  }
}
