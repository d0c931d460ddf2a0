/**
 * Batching a function that has rules of its own.
 *
 * @module
 */
import type { AxisName } from "../core/axis_env.ts";
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import { evalClosedJaxpr, stage } from "../transform/stage.ts";
import { batchJaxpr, placeAxis } from "../transform/vmap.ts";

const stretched: WeakMap<ClosedJaxpr, ClosedJaxpr> = new WeakMap();

/**
 * Batches a jaxpr so that every output carries the mapped axis in front: because the rule may give a mapped output, or tangent, where the function's own is
 * the same for all examples.
 */
export function batchAllOutputs(
  closed: ClosedJaxpr,
  size: number,
  mapped: readonly boolean[],
  axisName: AxisName | null,
): ClosedJaxpr {
  const { closed: batched, mappedOuts } = batchJaxpr(closed, size, mapped, axisName);
  if (!mappedOuts.includes(false)) return batched;
  let result = stretched.get(batched);
  if (result === undefined) {
    result = stage(
      (inputs) =>
        evalClosedJaxpr(batched, inputs).map((x, i) =>
          mappedOuts[i] ? x : placeAxis(x, null, 0, size)
        ),
      batched.inAvals,
    );
    stretched.set(batched, result);
  }
  return result;
}
