/**
 * Jaxpr to jaxpr: calls replaced by what they call.
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
  primitiveOf,
} from "./jaxpr.ts";
import type { ShapedArray } from "./aval.ts";
import type { AnyPrimitive } from "./primitive.ts";

/** Tells which jaxpr stands for an equation, if any: `undefined` where none ever stands for the primitive, `null` where not this time. */
export type Inliner = (
  primitive: AnyPrimitive,
) =>
  | ((
    params: unknown,
    operands: readonly ShapedArray[],
    results: readonly ShapedArray[],
  ) => ClosedJaxpr | null)
  | undefined;

/**
 * Splices in the inner jaxpr of every equation whose primitive says which one stands for it.
 *
 * @param only Which primitives' equations to replace; all unless given.
 */
export function inlineCalls(
  closed: ClosedJaxpr,
  only: (primitive: AnyPrimitive) => boolean = () => true,
): ClosedJaxpr {
  return inlineBy(
    (primitive) => only(primitive) ? primitive.higherOrder?.inline : undefined,
    closed,
  );
}

/** Does the same where a primitive waits until it is known that its results are used. */
export function inlineUsed(closed: ClosedJaxpr): ClosedJaxpr {
  return inlineBy((primitive) => primitive.higherOrder?.inlineUsed, closed);
}

/** Splices in the inner jaxpr of every equation for which `inliner` has one. */
export function inlineBy(inliner: Inliner, closed: ClosedJaxpr): ClosedJaxpr {
  const { constvars, invars, outvars, eqns } = closed.jaxpr;
  if (!eqns.some((e) => inliner(primitiveOf(e)) !== undefined)) return closed;
  const out: JaxprEqn[] = [];
  const env = new Map<JaxprVar, Atom>();
  splice(eqns, env, out, false, inliner);
  const read = (x: Atom) => x instanceof JaxprVar ? env.get(x) ?? x : x;
  return closeJaxpr(makeJaxprOf(constvars, invars, outvars.map(read), out), closed.consts);
}

/** Appends `eqns` to `out`, variables replaced by `env`; `fresh` gives the outputs names of their own. */
function splice(
  eqns: readonly JaxprEqn[],
  env: Map<JaxprVar, Atom>,
  out: JaxprEqn[],
  fresh: boolean,
  inliner: Inliner,
): void {
  const read = (x: Atom) => x instanceof JaxprVar ? env.get(x) ?? x : x;
  for (const eqn of eqns) {
    const invars = eqn.invars.map(read);
    const standIn = inliner(primitiveOf(eqn))?.(
      eqn.params,
      invars.map((x) => x.aval),
      eqn.outvars.map((v) => v.aval),
    ) ?? null;
    if (standIn !== null) {
      const inner = hoistConsts(standIn).jaxpr;
      if (inner.invars.length !== invars.length) {
        throw new InternalError(
          `inline: ${eqn.primitive.name} takes other operands than its jaxpr`,
        );
      }
      // One inner jaxpr may be spliced in many times, so that each copy binds variables of its own.
      const innerEnv = new Map<JaxprVar, Atom>();
      inner.invars.forEach((v, i) => innerEnv.set(v, invars[i]));
      splice(inner.eqns, innerEnv, out, true, inliner);
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
