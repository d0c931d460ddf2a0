/**
 * What layers with state have in common.
 *
 * @module
 */
import { Module } from "../../tree/module.ts";

/**
 * The base of layers that take and give back state: `call(x, { state })` returns `[y, newState]`.
 *
 * {@linkcode Sequential} hands state to the layers that extend this class, and a key alone to all others.
 *
 * @example
 * ```ts
 * import { type NDArray, nn, numpy as np } from "@vernal/vernal";
 *
 * class Count extends nn.StatefulLayer {
 *   readonly calls = new nn.StateIndex(np.array(0, { dtype: "int32" }));
 *   call(x: NDArray, { state }: nn.StatefulCallOptions): [NDArray, nn.State] {
 *     return [x, state.set(this.calls, state.get(this.calls).add(1))];
 *   }
 * }
 *
 * const [model, state] = nn.makeWithState(nn.Sequential)([new nn.Identity(), new Count()]);
 * const [, next] = model.call(np.ones([2]), { state });
 * next.get((model.layers[1] as Count).calls).item(); // 1
 * ```
 */
export abstract class StatefulLayer extends Module {
  /** Whether this one has state; subclasses for which it depends say so. */
  isStateful(): boolean {
    return true;
  }
}
