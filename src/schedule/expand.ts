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

/**
 * Replaces every equation that is not lowered as it stands, by the operations that stand for it.
 *
 * @param isPortable Whether that goes for what only the processor has a kernel of, too.
 */
export function expandEquations(closed: ClosedJaxpr, isPortable = false): ClosedJaxpr {
  const portable = (eqn: JaxprEqn) => isPortable && primitiveOf(eqn).withoutKernel !== undefined;
  if (!closed.jaxpr.eqns.some((eqn) => mayExpand(eqn) || portable(eqn))) return closed;
  return inlineBy((primitive) => (params, ins, outs) => {
    const expansion = expansionOf(primitive, ins, outs, params) ??
      (isPortable ? primitive.withoutKernel?.(ins, params) ?? null : null);
    return expansion === null ? null : stage(expansion, ins);
  }, closed);
}

function mayExpand(eqn: JaxprEqn): boolean {
  return primitiveOf(eqn).expand !== undefined ||
    [...eqn.invars, ...eqn.outvars].some((x) => isComplex(x.aval.dtype));
}
