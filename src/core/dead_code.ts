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
} from "./jaxpr.ts";

/** Drops equations whose results nobody reads and that have no effect. */
export function eliminateDeadCode(closed: ClosedJaxpr): ClosedJaxpr {
  const { constvars, invars, outvars, eqns } = closed.jaxpr;
  const live = new Set<JaxprVar>();
  for (const v of outvars) if (v instanceof JaxprVar) live.add(v);
  const kept: JaxprEqn[] = [];
  for (let i = eqns.length - 1; i >= 0; i--) {
    const eqn = eqns[i];
    if (!hasEffect(eqn) && !eqn.outvars.some((v) => live.has(v))) continue;
    kept.push(eqn);
    for (const x of eqn.invars) if (x instanceof JaxprVar) live.add(x);
  }
  if (kept.length === eqns.length) return closed;
  return closeJaxpr(makeJaxprOf(constvars, invars, outvars, kept.reverse()), closed.consts);
}
