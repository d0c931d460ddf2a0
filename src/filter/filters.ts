/**
 * `filter`, `partition` and `combine`: trees split by what their leaves are, and joined again.
 *
 * @module
 */
import { NDArray } from "../core/array.ts";
import { Tracer } from "../core/trace.ts";
import { ArgumentError } from "../errors.ts";
import { flatten, type IsLeafOption, leafPaths, unflatten } from "../tree/flatten.ts";
import { flattenUpTo, splitIsLeaf } from "../tree/map.ts";
import { describeNode } from "../tree/mismatch.ts";
import { keystr } from "../tree/path.ts";

/**
 * What to keep: `true` or `false` for a whole subtree, a function that is asked for every leaf, or a tree
 * of those that is a prefix of the tree to filter.
 */
export type FilterSpec = unknown;

/** Options of {@linkcode partition}. */
export interface PartitionOptions extends IsLeafOption {
  /** What stands where a leaf was taken out; `null` unless given. */
  readonly replace?: unknown;
}

/** Options of {@linkcode filter}. */
export interface FilterOptions extends PartitionOptions {
  /** Keep what the spec rejects. */
  readonly inverse?: boolean;
}

/**
 * A copy of a tree with the leaves that a spec rejects replaced by `null`.
 *
 * @param pytree Any tree.
 * @param filterSpec What to keep: a boolean, a predicate, or a tree of these as a prefix of `pytree`.
 * @param options `inverse`: swaps kept and rejected. `replace`: stands in for the rejected, `null` unless given.
 * `isLeaf`: nodes of `pytree` to take whole, below the leaves of the spec.
 * @throws {ArgumentError} Where the spec has a leaf that is neither a boolean nor a function.
 * @throws {TreeError} Where the spec is no prefix of the tree.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const model = { weight: vn.numpy.ones([2]), name: "linear" };
 * vn.filter(model, vn.isArray); // { name: null, weight: Array([1., 1.]) }
 * vn.filter(model, { weight: false, name: true }); // { name: "linear", weight: null }
 * ```
 */
export function filter<T>(pytree: T, filterSpec: FilterSpec, options: FilterOptions = {}): T {
  const [kept, rest] = split("filter", pytree, filterSpec, options);
  return (options.inverse === true ? rest : kept) as T;
}

/**
 * Splits a tree in two of the same form: what a spec keeps, and what it rejects.
 *
 * Same as `[filter(tree, spec), filter(tree, spec, { inverse: true })]`; {@linkcode combine} undoes it.
 *
 * @param pytree Any tree.
 * @param filterSpec As for {@linkcode filter}.
 * @param options `replace`, `isLeaf`: as for {@linkcode filter}.
 * @returns `[kept, rest]`, each with `null` where the leaf is in the other.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const [params, rest] = vn.partition([vn.numpy.ones([2]), "relu"], vn.isArray);
 * rest; // [null, "relu"]
 * vn.combine(params, rest); // [Array([1., 1.]), "relu"]
 * ```
 */
export function partition<T>(
  pytree: T,
  filterSpec: FilterSpec,
  options: PartitionOptions = {},
): [kept: T, rest: T] {
  return split("partition", pytree, filterSpec, options) as [T, T];
}

function split(
  caller: string,
  pytree: unknown,
  filterSpec: FilterSpec,
  options: PartitionOptions,
): [unknown, unknown] {
  const { replace = null } = options;
  // Transformed functions are trees, but in a spec a function is a function.
  const [specs, specDef] = flatten(filterSpec, { isLeaf: (node) => typeof node === "function" });
  specs.forEach((spec, i) => {
    if (typeof spec === "boolean" || typeof spec === "function") return;
    const where = keystr(leafPaths(specDef)[i]!, "filterSpec");
    throw new ArgumentError(
      spec instanceof Tracer
        ? `${caller}: ${where} is a traced array; what to keep must be known while tracing: pass a boolean`
        : `${caller}: ${where}: expected a boolean or a function; got ${describeNode(spec)}`,
    );
  });
  const subtrees = flattenUpTo(specDef, pytree, caller, "pytree");
  const kept: unknown[] = [];
  const rest: unknown[] = [];
  subtrees.forEach((subtree, i) => {
    const spec = specs[i] as boolean | ((leaf: unknown) => unknown);
    const [leaves, treedef] = flatten(subtree, options);
    const mask = leaves.map((leaf) => typeof spec === "boolean" ? spec : isTrue(spec(leaf)));
    kept.push(unflatten(treedef, leaves.map((leaf, j) => mask[j] ? leaf : replace)));
    rest.push(unflatten(treedef, leaves.map((leaf, j) => mask[j] ? replace : leaf)));
  });
  return [unflatten(specDef, kept), unflatten(specDef, rest)];
}

// An array is an object, hence true to JavaScript whatever it holds.
function isTrue(answer: unknown): boolean {
  return Boolean(answer instanceof NDArray ? answer.item() : answer);
}

/**
 * Joins trees of the same form: at every place the first leaf that is not `null`.
 *
 * @param pytrees The first gives the structure; a `null` of it may stand for a whole subtree of the others. The
 * last may be `kwargs({ isLeaf })`.
 * @throws {TreeError} Where a later tree does not fit the first.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * vn.combine([1, null, null], [null, 2, null]); // [1, 2, null]
 * ```
 */
export function combine<T = unknown>(...pytrees: (T | IsLeafOption)[]): T {
  const [first, ...given] = pytrees;
  if (pytrees.length === 0) throw new ArgumentError("combine: expected at least one tree");
  const [others, { isLeaf }] = splitIsLeaf(first, given);
  const [leaves, treedef] = flatten(first, {
    isLeaf: (node) => node === null || (isLeaf !== undefined && isLeaf(node)),
  });
  const columns = others.map((tree, i) =>
    flattenUpTo(treedef, tree, "combine", `pytrees[${i + 1}]`)
  );
  const joined = leaves.map((leaf, i) => {
    if (leaf !== null) return leaf;
    for (const column of columns) if (column[i] != null) return column[i];
    return null;
  });
  return unflatten(treedef, joined) as T;
}
