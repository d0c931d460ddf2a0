/**
 * `optimizationBarrier`: what the compiler must not see through.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { asArray } from "../numpy/promote.ts";
import { optimizationBarrier as barrier } from "../ops/barrier.ts";
import { flatten, unflatten } from "../tree/flatten.ts";

/**
 * The same tree, behind a barrier: all of its arrays are computed before anything that reads the result, and what comes after is not merged
 * with, or moved before, what comes before. Every leaf must be an array or a number. Differentiated, the tangents go through a barrier of their own.
 *
 * @param operand A tree of arrays.
 *
 * @example
 * ```ts
 * import { lax, numpy as np } from "@vernal/vernal";
 *
 * const [x, y] = lax.optimizationBarrier([np.ones([2]), np.zeros([2])]);
 * x.add(y).tolist(); // [1, 1]
 * ```
 */
export function optimizationBarrier<T>(operand: T): T {
  const [leaves, treedef] = flatten(operand);
  const arrays = leaves.map((leaf) => asArray(leaf as NDArray, "lax.optimizationBarrier"));
  return unflatten(treedef, barrier(arrays)) as T;
}
