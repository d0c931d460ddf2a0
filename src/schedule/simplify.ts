/**
 * Jaxpr to jaxpr: what can be said more simply before anything is scheduled.
 *
 * @module
 */
import { InternalError } from "../errors.ts";
import {
  type Atom,
  type ClosedJaxpr,
  closeJaxpr,
  hoistConsts,
  type JaxprEqn,
  JaxprVar,
  makeJaxprOf,
} from "../core/jaxpr.ts";

/** Inlines calls and drops what nobody uses. */
export function simplify(closed: ClosedJaxpr): ClosedJaxpr {
  return eliminateDeadCode(inlineCalls(closed));
}

/** Splices in the inner jaxpr of every equation whose primitive says which one stands for it. */
export function inlineCalls(closed: ClosedJaxpr): ClosedJaxpr {
  const { constvars, invars, outvars, eqns } = closed.jaxpr;
  if (!eqns.some((e) => e.primitive.higherOrder?.inline !== undefined)) return closed;
  const out: JaxprEqn[] = [];
  const env = new Map<JaxprVar, Atom>();
  splice(eqns, env, out, false);
  const read = (x: Atom) => x instanceof JaxprVar ? env.get(x) ?? x : x;
  return closeJaxpr(makeJaxprOf(constvars, invars, outvars.map(read), out), closed.consts);
}

/** Appends `eqns` to `out`, variables replaced by `env`; `fresh` gives the outputs names of their own. */
function splice(
  eqns: readonly JaxprEqn[],
  env: Map<JaxprVar, Atom>,
  out: JaxprEqn[],
  fresh: boolean,
): void {
  const read = (x: Atom) => x instanceof JaxprVar ? env.get(x) ?? x : x;
  for (const eqn of eqns) {
    const invars = eqn.invars.map(read);
    const inline = eqn.primitive.higherOrder?.inline;
    if (inline !== undefined) {
      const inner = hoistConsts(inline(eqn.params) as ClosedJaxpr).jaxpr;
      if (inner.invars.length !== invars.length) {
        throw new InternalError(
          `inline: ${eqn.primitive.name} takes other operands than its jaxpr`,
        );
      }
      // One inner jaxpr may be spliced in many times, so that each copy binds variables of its own.
      const innerEnv = new Map<JaxprVar, Atom>();
      inner.invars.forEach((v, i) => innerEnv.set(v, invars[i]));
      splice(inner.eqns, innerEnv, out, true);
      eqn.outvars.forEach((v, i) => {
        const result = inner.outvars[i];
        env.set(v, result instanceof JaxprVar ? innerEnv.get(result) ?? result : result);
      });
      continue;
    }
    const outvars = fresh ? eqn.outvars.map((v) => new JaxprVar(v.aval)) : eqn.outvars;
    if (fresh) eqn.outvars.forEach((v, i) => env.set(v, outvars[i]));
    out.push({ ...eqn, invars, outvars });
  }
}

/** Drops equations whose results nobody reads and that have no effect. */
export function eliminateDeadCode(closed: ClosedJaxpr): ClosedJaxpr {
  const { constvars, invars, outvars, eqns } = closed.jaxpr;
  const live = new Set<JaxprVar>();
  for (const v of outvars) if (v instanceof JaxprVar) live.add(v);
  const kept: JaxprEqn[] = [];
  for (let i = eqns.length - 1; i >= 0; i--) {
    const eqn = eqns[i];
    if (eqn.primitive.effect !== true && !eqn.outvars.some((v) => live.has(v))) continue;
    kept.push(eqn);
    for (const x of eqn.invars) if (x instanceof JaxprVar) live.add(x);
  }
  if (kept.length === eqns.length) return closed;
  return closeJaxpr(makeJaxprOf(constvars, invars, outvars, kept.reverse()), closed.consts);
}
