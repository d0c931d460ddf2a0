/**
 * Collectives over the named axis of an enclosing `vmap`.
 *
 * @module
 */
import { NDArray } from "../core/array.ts";
import { type AxisName, axisSizeOf } from "../core/axis_env.ts";
import { isHostScalar } from "../numpy/promote.ts";
import { asArray } from "../numpy/promote.ts";
import { divide, multiply } from "../numpy/ufuncs.ts";
import * as ops from "../ops/collective.ts";
import { map } from "../tree/map.ts";

/** One axis name, or several. */
export type AxisNames = AxisName | readonly AxisName[];

const namesOf = (names: AxisNames): AxisName[] =>
  (Array.isArray(names) ? [...names] : [names]) as AxisName[];

/** Applies a collective to every leaf of a tree, over each of the axes. */
function overAxes<T>(
  x: T,
  axisName: AxisNames,
  where: string,
  each: (x: NDArray, name: AxisName) => NDArray,
  ofConstant: (x: number, size: number) => number,
): T {
  const names = namesOf(axisName);
  const sizes = names.map((name) => axisSizeOf(name, where));
  return map((leaf: unknown) => {
    if (typeof leaf === "number") {
      return sizes.reduce((value, size) => ofConstant(value, size), leaf);
    }
    const array = isHostScalar(leaf) || !(leaf instanceof NDArray)
      ? asArray(leaf as NDArray, where)
      : leaf;
    return names.reduce((value, name) => each(value, name), array);
  }, x) as T;
}

/**
 * The sum over all examples of a mapped axis; the same for each of them. A host number is multiplied by the number of examples.
 *
 * @param x An array, or a tree of them.
 * @param axisName The `axisName` of an enclosing `vmap` or `filterVmap`, or several.
 * @throws {AxisNameError} Where no such axis is mapped.
 *
 * @example
 * ```ts
 * import { filterVmap, lax, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * const share = filterVmap((x: NDArray) => x.div(lax.psum(x, "i")), { axisName: "i" });
 * share(np.array([1, 2, 5])).tolist(); // [0.125, 0.25, 0.625]
 * ```
 */
export function psum<T>(x: T, axisName: AxisNames): T {
  return overAxes(x, axisName, "lax.psum", ops.psum, (v, size) => v * size);
}

/** The mean over all examples of a mapped axis; floating. */
export function pmean<T>(x: T, axisName: AxisNames): T {
  const total = namesOf(axisName).reduce<number>((n, name) => n * axisSizeOf(name, "lax.pmean"), 1);
  return map(
    (leaf: unknown) =>
      typeof leaf === "number" ? leaf : divide(psum(leaf as NDArray, axisName), total),
    x,
  ) as T;
}

/** The maximum over all examples of a mapped axis. */
export function pmax<T>(x: T, axisName: AxisNames): T {
  return overAxes(x, axisName, "lax.pmax", ops.pmax, (v) => v);
}

/** The minimum over all examples of a mapped axis. */
export function pmin<T>(x: T, axisName: AxisNames): T {
  return overAxes(x, axisName, "lax.pmin", ops.pmin, (v) => v);
}

/** The number of the example along a mapped axis, int32; along several, counted row-major. */
export function axisIndex(axisName: AxisNames): NDArray {
  const [first, ...rest] = namesOf(axisName);
  axisSizeOf(first, "lax.axisIndex");
  return rest.reduce<NDArray>((index, name) => {
    const size = axisSizeOf(name, "lax.axisIndex");
    return multiply(index, size).add(ops.axisIndex(name));
  }, ops.axisIndex(first));
}

/** The number of examples of a mapped axis; of several, of all together. */
export function axisSize(axisName: AxisNames): number {
  return namesOf(axisName).reduce<number>((n, name) => n * axisSizeOf(name, "lax.axisSize"), 1);
}
