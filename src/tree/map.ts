/**
 * Functions over whole trees.
 *
 * @module
 */
import { ArgumentError, TreeError } from "../errors.ts";
import { arrayBrand } from "./brands.ts";
import { flatten, flattenUpToInto, type IsLeafOption, leafPaths, unflatten } from "./flatten.ts";
import { isKwargs } from "./kwargs.ts";
import { describeMismatch } from "./mismatch.ts";
import type { Path } from "./path.ts";
import { TreeDef } from "./treedef.ts";

/** The leaves of a tree, in order. */
export function leaves(tree: unknown, options: IsLeafOption = {}): unknown[] {
  return flatten(tree, options)[0];
}

/** The structure of a tree. */
export function structure(tree: unknown, options: IsLeafOption = {}): TreeDef {
  return flatten(tree, options)[1];
}

/**
 * Calls a function on every leaf and puts the results where the leaves were.
 *
 * @param fn Called with a leaf of `tree` and what stands in its place in each of the further trees.
 * @param tree Its structure is that of the result. Types cannot follow; the result's may be stated: `map<Model>(…)`.
 * @param rest Further trees, which may go deeper than the first; the last may be `{ isLeaf }` or
 * `kwargs({ isLeaf })`.
 * @throws {TreeError} Where a further tree lacks a part of the first.
 *
 * @example
 * ```ts
 * import { map } from "@vernal/vernal/tree";
 *
 * map((x: number, y: number) => x + y, { a: 1, b: [2] }, { a: 10, b: [20] }); // { a: 11, b: [22] }
 * map((x: number | null) => x ?? 0, [1, null], { isLeaf: (x) => x === null }); // [1, 0]
 * ```
 */
// deno-lint-ignore no-explicit-any -- leaves are of any type, and what fn makes of them only the caller knows
export function map<R = any>(
  // deno-lint-ignore no-explicit-any -- see above
  fn: (...leaves: any[]) => unknown,
  tree: unknown,
  ...rest: (IsLeafOption | NonNullable<unknown> | null | undefined)[]
): R {
  const [trees, options] = splitIsLeaf(tree, rest);
  const [first, treedef] = flatten(tree, options);
  const others = trees.map((other, i) => flattenUpTo(treedef, other, "map", `rest[${i}]`));
  const results = first.map((leaf, i) => fn(leaf, ...others.map((list) => list[i])));
  return unflatten(treedef, results);
}

/**
 * As {@linkcode map}, with the leaf's path as first argument.
 *
 * @example
 * ```ts
 * import { keystr, mapWithPath } from "@vernal/vernal/tree";
 *
 * mapWithPath((path, x) => `${keystr(path)} = ${x}`, { a: [1, 2] }); // { a: ["a[0] = 1", "a[1] = 2"] }
 * ```
 */
// deno-lint-ignore no-explicit-any -- as in map
export function mapWithPath<R = any>(
  // deno-lint-ignore no-explicit-any -- as in map
  fn: (path: Path, ...leaves: any[]) => unknown,
  tree: unknown,
  ...rest: (IsLeafOption | NonNullable<unknown> | null | undefined)[]
): R {
  const [trees, options] = splitIsLeaf(tree, rest);
  const [first, treedef] = flatten(tree, options);
  const paths = leafPaths(treedef);
  const others = trees.map((other, i) => flattenUpTo(treedef, other, "mapWithPath", `rest[${i}]`));
  const results = first.map((leaf, i) => fn(paths[i]!, leaf, ...others.map((list) => list[i])));
  return unflatten(treedef, results);
}

/**
 * The leaves of a tree with their paths, and its structure.
 *
 * @example
 * ```ts
 * import { flattenWithPath, keystr } from "@vernal/vernal/tree";
 *
 * const [entries] = flattenWithPath({ w: [3, 4] });
 * entries.map(([path, leaf]) => `${keystr(path)}: ${leaf}`); // ["w[0]: 3", "w[1]: 4"]
 * ```
 */
export function flattenWithPath(
  tree: unknown,
  options: IsLeafOption = {},
): [entries: [path: Path, leaf: unknown][], treedef: TreeDef] {
  const [list, treedef] = flatten(tree, options);
  const paths = leafPaths(treedef);
  return [list.map((leaf, i) => [paths[i]!, leaf]), treedef];
}

/** Options of {@linkcode reduce}. */
export interface ReduceTreeOptions extends IsLeafOption {
  /** The value to begin with. */
  readonly initializer?: unknown;
}

/**
 * Folds the leaves of a tree, from the first to the last.
 *
 * @param fn Called with the value so far and a leaf.
 * @param initializer The value to begin with; the first leaf if there is none. It may stand in the options
 * instead: `reduce(fn, tree, { initializer, isLeaf })`.
 * @throws {TreeError} Where there is neither a leaf nor an initial value.
 *
 * @example
 * ```ts
 * import { reduce } from "@vernal/vernal/tree";
 *
 * reduce((sum: number, x: number) => sum + x, { a: 1, b: [2, 3] }); // 6
 * ```
 */
// deno-lint-ignore no-explicit-any -- as in map
export function reduce<T = any>(
  // deno-lint-ignore no-explicit-any -- as in map
  fn: (value: any, leaf: any) => unknown,
  tree: unknown,
  ...rest: [options?: ReduceTreeOptions] | [initializer: unknown, options?: IsLeafOption]
): T {
  let has = rest.length > 0;
  let initializer: unknown = rest[0];
  let options = (rest[1] ?? {}) as IsLeafOption;
  const given = rest[0];
  const names = ["initializer", "isLeaf"];
  if (
    rest.length === 1 && isOptions(given, names) &&
    (isKwargs(given) || Object.keys(given).length > 0)
  ) {
    has = "initializer" in given;
    initializer = given.initializer;
    options = given;
  }
  const list = flatten(tree, options)[0];
  if (!has && list.length === 0) {
    throw new TreeError("reduce: the tree has no leaves; give an initial value as third argument");
  }
  return (has ? list.reduce(fn, initializer) : list.reduce(fn)) as T;
}

/**
 * Whether every leaf is true in a condition; of an array, its one element.
 *
 * @throws {TracerError} Where a leaf is traced: its value is not known.
 */
export function all(tree: unknown, options: IsLeafOption = {}): boolean {
  return flatten(tree, options)[0].every((leaf) => {
    const array = leaf as { [arrayBrand]?: boolean; item(): unknown };
    return array?.[arrayBrand] === true ? Boolean(array.item()) : Boolean(leaf);
  });
}

/**
 * The subtrees of `tree` that stand where `treedef` has leaves.
 *
 * @param caller The public function to name in the message.
 * @param root The argument to name in the message.
 * @throws {TreeError} Where `treedef` is no prefix of `tree`.
 */
export function flattenUpTo(
  treedef: TreeDef,
  tree: unknown,
  caller = "flattenUpTo",
  root = "tree",
): unknown[] {
  const subtrees: unknown[] = [];
  if (flattenUpToInto(treedef, tree, subtrees)) return subtrees;
  const why = describeMismatch(treedef, tree, root) ?? "the structures differ";
  throw new TreeError(`${caller}: ${why}. The expected structure is ${treedef}`);
}

/**
 * Repeats the leaves of a prefix of a tree: as many of each as the tree has leaves there.
 *
 * @param prefix A tree that ends at the latest where `tree` does.
 * @param options `isLeaf`: what to take for a leaf of the prefix. `caller`, `name`: for the message.
 * @returns One entry for every leaf of `tree`.
 * @throws {TreeError} Where `prefix` is no prefix of `tree`; the message says at which path.
 *
 * @example
 * ```ts
 * import { broadcastPrefix } from "@vernal/vernal/tree";
 *
 * broadcastPrefix({ a: 0, b: 1 }, { a: ["x", "y"], b: "z" }); // [0, 0, 1]
 * ```
 */
export function broadcastPrefix(
  prefix: unknown,
  tree: unknown,
  options: IsLeafOption & { readonly caller?: string; readonly name?: string } = {},
): unknown[] {
  const [values, treedef] = flatten(prefix, options);
  const subtrees: unknown[] = [];
  if (!flattenUpToInto(treedef, tree, subtrees)) {
    const why = describeMismatch(treedef, tree, options.name ?? "tree") ?? "the structures differ";
    throw new TreeError(
      `${
        options.caller ?? "broadcastPrefix"
      }: the prefix does not fit the tree: ${why}. The prefix is ${treedef}`,
    );
  }
  const result: unknown[] = [];
  subtrees.forEach((subtree, i) => {
    // The tree's own nulls are leaves or not by the same rule as the prefix's are nodes: they are none.
    for (let n = flatten(subtree)[1].numLeaves; n > 0; n--) result.push(values[i]);
  });
  return result;
}

/**
 * Turns a tree of trees inside out.
 *
 * @param outer The structure of the outer tree.
 * @param inner The structure of every inner tree.
 * @throws {TreeError} Where `tree` is not made so.
 *
 * @example
 * ```ts
 * import { structure, transpose } from "@vernal/vernal/tree";
 *
 * transpose(structure([0, 0]), structure({ a: 0, b: 0 }), [{ a: 1, b: 2 }, { a: 3, b: 4 }]);
 * // { a: [1, 3], b: [2, 4] }
 * ```
 */
// deno-lint-ignore no-explicit-any -- as in map
export function transpose<T = any>(outer: TreeDef, inner: TreeDef, tree: unknown): T {
  if (!(outer instanceof TreeDef && inner instanceof TreeDef)) {
    throw new ArgumentError("transpose: expected two tree definitions and a tree");
  }
  const rows = flattenUpTo(outer, tree, "transpose", "tree")
    .map((row, i) => flattenUpTo(inner, row, "transpose", `tree (inner tree ${i})`));
  const columns: unknown[] = [];
  for (let j = 0; j < inner.numLeaves; j++) {
    columns.push(unflatten(outer, rows.map((row) => row[j])));
  }
  return unflatten(inner, columns);
}

/**
 * Takes trailing options off a list of trees: `kwargs({ ... })`, or a plain object with none but these keys.
 *
 * @param tree The first tree; where it is such an object itself, so is its companion, and neither is options.
 */
export function splitOptions(
  tree: unknown,
  rest: readonly unknown[],
  names: readonly string[],
): [trees: unknown[], options: Readonly<Record<string, unknown>>] {
  const last = rest[rest.length - 1];
  if (rest.length === 0 || !isOptions(last, names)) return [rest.slice(), {}];
  const isData = !isKwargs(last) && isOptions(tree, names) &&
    Object.keys(tree as object).length === Object.keys(last).length;
  return isData ? [rest.slice(), {}] : [rest.slice(0, -1), last];
}

/** As {@linkcode splitOptions}, for functions that take `isLeaf` alone. */
export function splitIsLeaf(tree: unknown, rest: readonly unknown[]): [unknown[], IsLeafOption] {
  return splitOptions(tree, rest, ["isLeaf"]) as [unknown[], IsLeafOption];
}

function isOptions(value: unknown, names: readonly string[]): value is Record<string, unknown> {
  if (isKwargs(value)) return true;
  if (typeof value !== "object" || value === null) return false;
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  if (Object.keys(value).some((key) => !names.includes(key))) return false;
  const isLeaf = (value as IsLeafOption).isLeaf;
  return isLeaf === undefined || typeof isLeaf === "function";
}
