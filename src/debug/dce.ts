/**
 * `debug.storeDce`, `debug.inspectDce`: what the compiler found to be unused.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import type { Primitive } from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";
import { isArrayLeaf, splitLeaves } from "../filter/leaves.ts";
import { treePformat } from "../filter/pformat.ts";
import { structOf } from "../filter/struct.ts";
import { isStaging } from "../internal/guards.ts";
import { unaryBatch } from "../ops/rules.ts";
import { stage } from "../transform/stage.ts";
import { flatten, unflatten } from "../tree/flatten.ts";
import type { TreeDef } from "../tree/treedef.ts";
import { emit } from "./print.ts";

/** Stands in a tree for an array that was dropped; printed by the name of its class. */
class Dropped {
  static {
    Object.defineProperty(this, "name", { value: "DCE'd" });
  }
}

/** A call of `storeDce`. A class, so that equations of two calls are not merged as equal. */
class Entry {
  /** @param leaves For each leaf: a static value, the struct of an array that is used, or `Dropped`. */
  constructor(readonly def: TreeDef, readonly leaves: unknown[]) {}
}

const entries: Map<unknown, Entry[]> = new Map();

/** `store_dce`: the identity, which notes that it is used once that is known. */
const storeDceP: Primitive<{ readonly entry: Entry; readonly place: number }> = {
  name: "store_dce",
  abstractEval: ([x]) => [x],
  evaluate: (xs) => xs,
  jvp: ([x], [t], p) => [[bind1(storeDceP, [x], p)], [t]],
  batch: (xs, dims, p) => unaryBatch(storeDceP, xs, dims, p),
  higherOrder: {
    inlineUsed: ({ entry, place }, avals) => {
      entry.leaves[place] = structOf(avals[0]);
      return stage((xs) => xs, avals);
    },
  },
};

/**
 * The identity, which notes for each array whether the compiler drops it; for {@linkcode inspectDce} to tell. Costs nothing at run time. Written after
 * Equinox's `debug.store_dce`.
 *
 * @param x Any tree.
 * @param name Tells this place from others.
 * @throws {ArgumentError} Outside of a compiled function, where nothing is dropped.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const f = vn.filterJit((x: vn.NDArray) => vn.debug.storeDce([x.mul(2), x.add(1)], "pair")[0]);
 * f(vn.numpy.array(1));
 * vn.debug.inspectDce("pair"); // prints Found 1 call to `debug.storeDce`. Entry 0: [f32[], <DCE'd>]
 * ```
 */
export function storeDce<T>(x: T, name: unknown = null): T {
  if (!isStaging()) {
    throw new ArgumentError("debug.storeDce: must be called inside of a compiled function");
  }
  const [leaves, def] = flatten(x);
  const split = splitLeaves(leaves, isArrayLeaf, "debug.storeDce");
  const entry = new Entry(def, leaves.map((l) => isArrayLeaf(l) ? new Dropped() : l));
  const list = entries.get(name);
  if (list === undefined) entries.set(name, [entry]);
  else list.push(entry);
  const places = leaves.flatMap((l, i) => isArrayLeaf(l) ? [i] : []);
  const outs = split.arrays.map((a: NDArray, i) =>
    bind1(storeDceP, [a], { entry, place: places[i] })
  );
  return unflatten(def, split.fill(outs)) as T;
}

/**
 * Prints what {@linkcode storeDce} noted under a name, one entry for each time that its function was traced: arrays that the compiled function computes by dtype and shape, the
 * others as `<DCE'd>`.
 *
 * @throws {ArgumentError} Inside of a compiled function.
 *
 * @example
 * ```ts
 * import { debug } from "@vernal/vernal";
 *
 * debug.inspectDce("nothing of that name"); // prints Found 0 calls to `debug.storeDce`.
 * ```
 */
export function inspectDce(name: unknown = null): void {
  if (isStaging()) {
    throw new ArgumentError("debug.inspectDce: must be called outside of compiled functions");
  }
  const list = entries.get(name) ?? [];
  emit(`Found ${list.length} call${list.length === 1 ? "" : "s"} to \`debug.storeDce\`.`);
  list.forEach(({ def, leaves }, i) => {
    emit(`Entry ${i}:`);
    emit(treePformat(unflatten(def, leaves), { structAsArray: true }));
  });
}
