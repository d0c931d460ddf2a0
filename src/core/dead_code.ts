/**
 * Jaxpr to jaxpr: equations that nobody needs are dropped.
 *
 * @module
 */
import {
  type ClosedJaxpr,
  closeJaxpr,
  hasEffect,
  type JaxprEqn,
  JaxprVar,
  makeJaxprOf,
  primitiveOf,
} from "./jaxpr.ts";

/** Drops equations whose results nobody reads and that have no effect, and what nobody reads of what loops and branches give. */
export function eliminateDeadCode(closed: ClosedJaxpr): ClosedJaxpr {
  const { constvars, invars, outvars, eqns } = closed.jaxpr;
  const kept = liveEquations(closed, outvars.map(() => true)).eqns;
  if (kept.length === eqns.length && kept.every((e, i) => e === eqns[i])) return closed;
  return closeJaxpr(makeJaxprOf(constvars, invars, outvars, kept), closed.consts);
}

function liveEquations(
  closed: ClosedJaxpr,
  usedOuts: readonly boolean[],
): { readonly eqns: readonly JaxprEqn[]; readonly live: ReadonlySet<JaxprVar> } {
  const { outvars, eqns } = closed.jaxpr;
  const live = new Set<JaxprVar>();
  outvars.forEach((v, i) => {
    if (usedOuts[i] && v instanceof JaxprVar) live.add(v);
  });
  const kept: JaxprEqn[] = [];
  for (let i = eqns.length - 1; i >= 0; i--) {
    const eqn = hasEffect(eqns[i]) ? eqns[i] : pruned(eqns[i], live);
    if (eqn === null) continue;
    kept.push(eqn);
    for (const x of eqn.invars) if (x instanceof JaxprVar) live.add(x);
  }
  return { eqns: kept.reverse(), live };
}

/** What is left of an equation without effects; `null` for nothing. */
function pruned(eqn: JaxprEqn, live: ReadonlySet<JaxprVar>): JaxprEqn | null {
  const used = eqn.outvars.map((v) => live.has(v));
  if (!used.includes(true)) return null;
  if (!used.includes(false)) return eqn;
  const rest = primitiveOf(eqn).higherOrder?.dce?.(used, eqn.params) ?? null;
  if (rest === null) return eqn;
  return {
    ...eqn,
    invars: eqn.invars.filter((_, i) => rest.usedIns[i]),
    outvars: eqn.outvars.filter((_, i) => rest.usedOuts[i]),
    params: rest.params as JaxprEqn["params"],
  };
}

/** Which inputs of a jaxpr (without constants) the outputs that `usedOuts` names, and its effects, depend on. */
export function usedInputs(closed: ClosedJaxpr, usedOuts: readonly boolean[]): boolean[] {
  const { live } = liveEquations(closed, usedOuts);
  return closed.jaxpr.invars.map((v) => live.has(v));
}

/** A jaxpr (without constants) with some of its outputs, and some of its inputs, which are all that those need. */
export function pruneJaxpr(
  closed: ClosedJaxpr,
  usedIns: readonly boolean[],
  usedOuts: readonly boolean[],
): ClosedJaxpr {
  const { constvars, invars, outvars } = closed.jaxpr;
  const { eqns } = liveEquations(closed, usedOuts);
  const jaxpr = makeJaxprOf(
    constvars,
    invars.filter((_, i) => usedIns[i]),
    outvars.filter((_, i) => usedOuts[i]),
    eqns,
  );
  return closeJaxpr(jaxpr, closed.consts);
}
