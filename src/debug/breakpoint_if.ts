/**
 * `debug.breakpointIf`: stops in a debugger where values say so.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import { NDArray } from "../core/array.ts";
import { debugCallback, type HostFunction } from "../control/callback.ts";
import { describeValue, isArrayLeaf, toNDArray } from "../filter/leaves.ts";
import { literal } from "../ops/common.ts";
import { flatten, unflatten } from "../tree/flatten.ts";

/**
 * Stops in the debugger that is attached, if a predicate is true, while the program runs. There, `values` holds the given values, arrays with their elements.
 * Without a debugger nothing happens.
 *
 * @param pred A boolean, or an array of bools: true anywhere stops. Under `filterVmap` each example stops by itself.
 * @param values A tree of what is worth a look.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const f = vn.filterJit((x: vn.NDArray) => {
 *   vn.debug.breakpointIf(vn.numpy.isnan(x).any(), { x });
 *   return x;
 * });
 * f(vn.numpy.array([1, 2]));
 * ```
 */
export function breakpointIf(pred: boolean | NDArray, values: unknown = null): void {
  if (pred === false) return;
  const condition = typeof pred === "boolean" ? literal(pred, "bool") : pred;
  if (!(condition instanceof NDArray)) {
    throw new ArgumentError(
      `debug.breakpointIf: pred must be a boolean or an array of bools; got ${describeValue(pred)}`,
    );
  }
  const [leaves, def] = flatten(values);
  const statics = leaves.map((x) => isArrayLeaf(x) ? null : x);
  const places = leaves.flatMap((x, i) => isArrayLeaf(x) ? [i] : []);
  const stop: HostFunction = ([flag, ...arrays]) => {
    if (!flag.dataSync().some((x) => Number(x) !== 0)) return [];
    const filled = [...statics];
    places.forEach((place, i) => filled[place] = arrays[i]);
    inspect(unflatten(def, filled));
    return [];
  };
  debugCallback(
    [condition, ...places.map((i) => toNDArray(leaves[i] as NDArray, "debug.breakpointIf"))],
    stop,
  );
}

function inspect(_values: unknown): void {
  // deno-lint-ignore no-debugger -- this is what the caller asked for
  debugger;
}
