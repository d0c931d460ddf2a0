/**
 * Jaxpr to jaxpr: what the scheduler cannot lower on such operands as it has, in terms of what it can.
 *
 * @module
 */
import { inlineBy } from "../core/inline.ts";
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import { stage } from "../transform/stage.ts";

/** Replaces every equation that its primitive expands, by the operations that it expands to. */
export function expandEquations(closed: ClosedJaxpr): ClosedJaxpr {
  return inlineBy(({ expand }) =>
    expand && ((params, operands) => {
      const expansion = expand(operands, params);
      return expansion === null ? null : stage(expansion, operands);
    }), closed);
}
