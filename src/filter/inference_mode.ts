/**
 * `inferenceMode`: every `inference` flag of a model set.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import { flatten } from "../tree/flatten.ts";
import { isModule } from "../tree/module.ts";
import { treeAt } from "./tree_at.ts";
import { describeValue } from "./leaves.ts";

/**
 * A copy of a tree in which the field `inference` of every Module that has one is `value`.
 *
 * Dropout and batch normalisation look at it.
 *
 * @param pytree Any tree.
 * @param value `true` unless given; `false` goes back to training.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const layers = [new vn.nn.Dropout({ p: 0.5 })];
 * vn.nn.inferenceMode(layers)[0].inference; // true
 * layers[0].inference; // false
 * ```
 */
export function inferenceMode<T>(pytree: T, value = true): T {
  if (typeof value !== "boolean") {
    throw new ArgumentError(
      `nn.inferenceMode: value must be true or false; got ${describeValue(value)}`,
    );
  }
  return treeAt(flags, pytree, { replaceFn: () => value });
}

function flags(node: unknown): unknown[] {
  const hasFlag = (x: unknown): x is { inference: unknown } => isModule(x) && "inference" in x;
  const found = hasFlag(node) ? [node.inference] : [];
  const isFlagged = (x: unknown) => hasFlag(x) && x !== node;
  // A Module with a flag may hold others.
  for (const x of flatten(node, { isLeaf: isFlagged })[0]) {
    if (isFlagged(x)) found.push(...flags(x));
  }
  return found;
}
