/**
 * Whether a nest that asks for a value may be the one that stores it.
 *
 * @module
 */
import type { Thresholds } from "./cost.ts";
import type { Value } from "./graph.ts";
import { iterations, maskOf, type NestNode } from "./nodes.ts";
import { isBijective } from "./spaces.ts";
import type { Term, Terms } from "./term.ts";

/** Whether `v` is made of reductions that `node` cannot compute, and that a nest along `v` itself could. */
export function isAtOdds(v: Value, node: NestNode): boolean {
  if (v.kind !== "map") return false;
  const rows = iterations(node.loops, node.outer);
  return v.reductions.some((w) => w.size > 1 && w.size !== rows);
}

/** Whether storing `v` from `node` would write large memory by columns. */
export function scatters(
  v: Value,
  node: NestNode,
  tuple: readonly Term[],
  { large }: Thresholds,
): boolean {
  if (v.bytes <= large) return false;
  const last = tuple.findLast((t) => t.kind !== "const");
  return last !== undefined && (last.mask & node.outer) !== 0 &&
    (maskOf(tuple) & node.innerMask) !== 0;
}

/** Whether each iteration of a level of `node` is another element of `v`, and all elements occur. */
export function coversOnce(
  terms: Terms,
  v: Value,
  node: NestNode,
  tuple: readonly Term[],
): boolean {
  const mask = maskOf(tuple);
  const { outer } = node;
  let required = outer;
  if ((mask & ~outer) !== 0) {
    const box = node.boxes.find((b) => (b.mask & mask) !== 0);
    if (box === undefined) return false;
    required |= box.mask;
  }
  return mask === required && isBijective(terms, v, tuple, mask);
}
