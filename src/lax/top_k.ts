/**
 * The largest elements.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape } from "../core/aval.ts";
import * as arith from "../ops/arith.ts";
import { lit } from "../ops/common.ts";
import { rev, slice } from "../ops/slicing.ts";
import { argsort, takeAlongAxis } from "../ops/sort.ts";

/**
 * The `k` largest elements of each row (last axis), largest first, and their int32 positions. Of equal elements the first comes first.
 *
 * @example
 * ```ts
 * import { lax, numpy as np } from "@vernal/vernal";
 *
 * const [values, positions] = lax.topK(np.array([3, 1, 4, 1, 5]), 2);
 * values.tolist(); // [5, 4]
 * positions.tolist(); // [4, 2]
 * ```
 */
export function topK(x: NDArray, k: number): [values: NDArray, positions: NDArray] {
  if (x.ndim === 0) throw new ShapeError("lax.topK: a 0-d array has no elements to choose from");
  const axis = x.ndim - 1;
  const n = x.shape[axis];
  if (!Number.isInteger(k) || k < 0 || k > n) {
    throw new ArgumentError(
      `lax.topK: k must be an integer from 0 to the size of the last axis of shape ${
        formatShape(x.shape)
      }; got ${k}`,
    );
  }
  // Sorted backwards and counted from the end, so that equal elements keep their order.
  const order = rev(argsort(rev(x, [axis]), axis), [axis]);
  const positions = arith.sub(lit(order, n - 1), order);
  const first = slice(
    positions,
    x.shape.map(() => 0),
    x.shape.map((size, i) => i === axis ? k : size),
  );
  return [takeAlongAxis(x, first, axis), first];
}
