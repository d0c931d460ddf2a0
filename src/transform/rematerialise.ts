/**
 * Rematerialisation: of the residuals that a derivative needs, a policy tells which are kept; what computes the others
 * is written down to be run again.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import type { ShapedArray } from "../core/aval.ts";
import { inlineCalls } from "../core/inline.ts";
import { eliminateDeadCode } from "../core/dead_code.ts";
import {
  type Atom,
  type ClosedJaxpr,
  closeJaxpr,
  type JaxprEqn,
  JaxprVar,
  makeJaxprOf,
  type NamedPrimitive,
  primitiveOf,
} from "../core/jaxpr.ts";
import type { AnyPrimitive } from "../core/primitive.ts";
import { nameP } from "../ops/barrier.ts";

/** A residual that is to wait in another memory. On one CPU there is none, so that it is kept as it is. */
export interface Offloadable {
  /** The memory that it comes from. */
  readonly offloadFrom: string;
  /** The memory that it waits in. */
  readonly offloadTo: string;
}

/**
 * What a policy says of the results of an equation: keep them (`true`, `"saveable"`, {@linkcode Offloadable}), or do not (`false`). `"recompute"` of
 * a `name` equation speaks of the value itself, wherever it is computed, and overrides what is said of that.
 */
export type Saving = boolean | "saveable" | "recompute" | Offloadable;

/** Tells of each equation, by its primitive, the avals of its operands, and its parameters, whether its results may be kept. */
export type CheckpointPolicy = (
  primitive: NamedPrimitive,
  operands: readonly ShapedArray[],
  params: Readonly<Record<string, unknown>>,
) => Saving;

/** A computation of residuals, cut in two. */
export interface Rematerialised {
  /** From the inputs to the wanted results, then the values that are kept. */
  readonly forward: ClosedJaxpr;
  /** From constants, inputs (those named by `inputs`), and kept values to the residuals. */
  readonly recompute: ClosedJaxpr;
  /** Which inputs the recomputation starts from. */
  readonly inputs: readonly number[];
}

/**
 * Cuts a jaxpr that computes results and, after them, residuals.
 *
 * @param numResults How many of its outputs are results.
 * @param policy Which values may be kept; `null` keeps none.
 * @param isCall Which equations' inner jaxprs the policy is to see.
 */
export function rematerialise(
  closed: ClosedJaxpr,
  numResults: number,
  policy: CheckpointPolicy | null,
  isCall: (primitive: AnyPrimitive) => boolean,
): Rematerialised {
  const { jaxpr, consts } = inlineCalls(closed, isCall);
  const { constvars, invars, outvars, eqns } = jaxpr;
  const values = new Values(eqns, policy);
  const given = new Set<JaxprVar>([...constvars, ...invars]);

  // Backwards from the residuals, up to what is given or kept.
  const needed = new Set<JaxprVar>();
  const kept = new Set<JaxprVar>();
  const need = (atom: Atom) => {
    if (!(atom instanceof JaxprVar)) return;
    const v = values.origin(atom);
    if (!given.has(v) && values.isSaveable(v)) kept.add(v);
    else needed.add(v);
  };
  outvars.slice(numResults).forEach(need);
  const again: JaxprEqn[] = [];
  for (let k = eqns.length - 1; k >= 0; k--) {
    const eqn = eqns[k];
    if (eqn.primitive === nameP || !eqn.outvars.some((v) => needed.has(v))) continue;
    again.unshift(eqn);
    eqn.invars.forEach(need);
  }

  const usedInputs = invars.flatMap((v, i) => needed.has(v) ? [i] : []);
  const saved = [...kept].sort((a, b) => a.id - b.id);
  const forward = closeJaxpr(
    makeJaxprOf(
      constvars,
      invars,
      [...outvars.slice(0, numResults), ...saved.map((v) => values.nameOf(v))],
      eqns,
    ),
    consts,
  );
  const rename = (x: Atom) => x instanceof JaxprVar ? values.origin(x) : x;
  const recompute = closeJaxpr(
    makeJaxprOf(
      constvars,
      [...usedInputs.map((i) => invars[i]), ...saved],
      outvars.slice(numResults).map(rename),
      again.map((eqn) => ({
        ...eqn,
        invars: eqn.invars.map(rename),
        // One result of an equation may be kept and another not.
        outvars: eqn.outvars.map((v) => kept.has(v) ? new JaxprVar(v.aval) : v),
      })),
    ),
    consts,
  );
  return {
    forward: eliminateDeadCode(forward),
    recompute: withoutUnusedConsts(recompute),
    inputs: usedInputs,
  };
}

/** The same jaxpr, closed over no more than it reads. */
function withoutUnusedConsts(closed: ClosedJaxpr): ClosedJaxpr {
  const { constvars, invars, outvars, eqns } = closed.jaxpr;
  const used = new Set<Atom>([...outvars, ...eqns.flatMap((eqn) => eqn.invars)]);
  const keep = constvars.map((v) => used.has(v));
  return closeJaxpr(
    makeJaxprOf(constvars.filter((_, i) => keep[i]), invars, outvars, eqns),
    closed.consts.filter((_, i) => keep[i]),
  );
}

function checkSaving(said: unknown, name: string): void {
  const offloads = typeof said === "object" && said !== null && "offloadTo" in said;
  if (typeof said === "boolean" || said === "saveable" || said === "recompute" || offloads) return;
  throw new ArgumentError(
    `filterCheckpoint: the policy must say true, false, "saveable", "recompute" or { offloadFrom, offloadTo }; it said ${
      typeof said === "object" ? JSON.stringify(said) : String(said)
    } of ${name}`,
  );
}

/** What a policy says of the values of a jaxpr. A value and the names it is given are one. */
class Values {
  /** What a name was given to. */
  private readonly origins = new Map<JaxprVar, JaxprVar>();
  /** The last name that a value got and may be kept under. */
  private readonly names = new Map<JaxprVar, JaxprVar>();
  private readonly saveable = new Map<JaxprVar, boolean>();
  /** Results of what has an effect, which may happen only once. */
  private readonly once = new Set<JaxprVar>();

  constructor(eqns: readonly JaxprEqn[], policy: CheckpointPolicy | null) {
    for (const eqn of eqns) {
      const primitive = primitiveOf(eqn);
      const avals = eqn.invars.map((x) => x.aval);
      if (primitive.effect === true) {
        for (const v of eqn.outvars) this.once.add(v);
        continue;
      }
      const said = policy === null ? false : policy(primitive, avals, eqn.params);
      checkSaving(said, primitive.name);
      const isKept = said !== false && said !== "recompute";
      const [x] = eqn.invars;
      if (primitive === nameP && x instanceof JaxprVar) {
        const origin = this.origin(x);
        this.origins.set(eqn.outvars[0], origin);
        if (isKept) this.names.set(origin, eqn.outvars[0]);
        if (isKept || said === "recompute") this.saveable.set(origin, isKept);
      } else for (const v of eqn.outvars) this.saveable.set(v, isKept);
    }
  }

  /** The value that a name stands for; others stand for themselves. */
  origin(v: JaxprVar): JaxprVar {
    return this.origins.get(v) ?? v;
  }

  /** Whether a value is kept if it is needed. */
  isSaveable(v: JaxprVar): boolean {
    return this.once.has(v) || this.saveable.get(v) === true;
  }

  /** The variable under which a value is kept. */
  nameOf(v: JaxprVar): JaxprVar {
    return this.names.get(v) ?? v;
  }
}
