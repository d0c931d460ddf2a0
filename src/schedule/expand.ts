/**
 * Jaxpr to jaxpr: what the scheduler cannot lower on such operands as it has, in terms of what it can.
 *
 * @module
 */
import { inlineBy } from "../core/inline.ts";
import { isComplex } from "../core/dtype.ts";
import { type ClosedJaxpr, type JaxprEqn, primitiveOf } from "../core/jaxpr.ts";
import { expansionOf } from "../ops/expansion.ts";
import { stage } from "../transform/stage.ts";

/** Replaces every equation that is not lowered as it stands, by the operations that stand for it. */
export function expandEquations(closed: ClosedJaxpr): ClosedJaxpr {
  if (!closed.jaxpr.eqns.some(mayExpand)) return closed;
  return inlineBy((primitive) => (params, ins, outs) => {
    const expansion = expansionOf(primitive, ins, outs, params);
    return expansion === null ? null : stage(expansion, ins);
  }, closed);
}

function mayExpand(eqn: JaxprEqn): boolean {
  return primitiveOf(eqn).expand !== undefined ||
    [...eqn.invars, ...eqn.outvars].some((x) => isComplex(x.aval.dtype));
}
