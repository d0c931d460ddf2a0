/**
 * Functions of trees as jaxprs: what loops, branches and solvers share.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import { NDArray } from "../core/array.ts";
import type { ShapedArray } from "../core/aval.ts";
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import { asArray, isHostScalar, isTypedArray } from "../numpy/promote.ts";
import { stage } from "../transform/stage.ts";
import { callableOf } from "../tree/callable.ts";
import { flatten, leafPaths, unflatten } from "../tree/flatten.ts";
import { keystr } from "../tree/path.ts";
import { describeNode } from "../tree/mismatch.ts";
import type { TreeDef } from "../tree/treedef.ts";

/** A tree of arrays and numbers, and one like it. */
// deno-lint-ignore no-explicit-any -- types do not follow trees through tracing
export type Tree = any;

/** The leaves of a tree as arrays. */
export function arraysOf(tree: unknown, root: string, where: string): [NDArray[], TreeDef] {
  const [leaves, def] = flatten(tree);
  const paths = leafPaths(def);
  const arrays = leaves.map((leaf, i) => {
    if (leaf instanceof NDArray || isHostScalar(leaf) || isTypedArray(leaf)) {
      return asArray(leaf, where);
    }
    throw new ArgumentError(
      `${where}: every leaf must be an array or a number; ${keystr(paths[i], root)} is ${
        describeNode(leaf)
      }. Close over what is no array, or use filterScan, filterCond or filterWhileLoop, which carry it`,
    );
  });
  return [arrays, def];
}

/** A traced function, and the structure of what it returns. */
export interface TracedBody {
  /** From the leaves of the arguments to those of the result. */
  readonly closed: ClosedJaxpr;
  /** The structure of the result. */
  readonly outDef: TreeDef;
}

/** Traces a function of trees, given as structures and the types of their leaves, to a jaxpr. */
export function trace(
  fn: (...args: Tree[]) => unknown,
  defs: readonly TreeDef[],
  avals: readonly ShapedArray[],
  where: string,
): TracedBody {
  const call = callableOf(fn, where);
  let outDef: TreeDef | null = null;
  const closed = stage((inputs) => {
    let at = 0;
    const args = defs.map((def) => unflatten(def, inputs.slice(at, at += def.numLeaves)));
    const [outs, def] = arraysOf(call(...args), "output", where);
    outDef = def;
    return outs;
  }, avals);
  return { closed, outDef: outDef! };
}
