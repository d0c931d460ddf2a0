/**
 * `applyUpdates`: what an optimiser computed, added to the parameters.
 *
 * @module
 */
import { NDArray } from "../core/array.ts";
import type { TypedArray } from "../core/dtype.ts";
import { ArgumentError } from "../errors.ts";
import { flatten, leafPaths, unflatten } from "../tree/flatten.ts";
import { flattenUpTo } from "../tree/map.ts";
import { describeNode } from "../tree/mismatch.ts";
import { keystr } from "../tree/path.ts";
import { isArrayLeaf, toNDArray } from "./leaves.ts";
import type { Grad } from "./types.ts";

/**
 * Adds updates to a model, leaf by leaf; where the update is `null` the model stays as it is.
 *
 * @param model Any tree.
 * @param updates A prefix of it; most often what `optim`'s `update` returned.
 * @returns A tree like `model`.
 * @throws {TreeError} Where `updates` is no prefix of `model`.
 * @throws {ArgumentError} Where there is an update for something that is neither an array nor a number.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const model = { weight: vn.numpy.array([1, 2]), name: "linear" };
 * const updates = { weight: vn.numpy.array([-0.5, 0.5]), name: null };
 * vn.applyUpdates(model, updates).weight.tolist(); // [0.5, 2.5]
 * ```
 */
export function applyUpdates<M>(model: M, updates: Grad<M> | unknown): M {
  const [changes, treedef] = flatten(updates, { isLeaf: (node) => node === null });
  const parts = flattenUpTo(treedef, model, "applyUpdates", "model");
  const updated = parts.map((part, i) => {
    const change = changes[i];
    if (change === null) return part;
    const sum = add(part, change);
    if (sum !== null) return sum;
    const path = leafPaths(treedef)[i]!;
    throw new ArgumentError(
      `applyUpdates: ${keystr(path, "model")}: cannot add an update to ${describeNode(part)}; ` +
        `pass null as ${keystr(path, "updates")}`,
    );
  });
  return unflatten(treedef, updated) as M;
}

function add(part: unknown, change: unknown): unknown {
  const isChange = isArrayLeaf(change) || typeof change === "number" || typeof change === "bigint";
  if (!isChange) return null;
  if (isArrayLeaf(part)) {
    return asArray(part).add(isArrayLeaf(change) ? asArray(change) : change);
  }
  if (typeof part !== "number" && typeof part !== "bigint") return null;
  if (isArrayLeaf(change)) return asArray(change).add(part);
  if (typeof part === "bigint" && typeof change === "bigint") return part + change;
  return Number(part) + Number(change);
}

function asArray(x: NDArray | TypedArray): NDArray {
  return x instanceof NDArray ? x : toNDArray(x, "applyUpdates");
}
