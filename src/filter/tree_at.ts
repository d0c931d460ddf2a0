/**
 * `treeAt`: a copy of a tree with some of its nodes replaced.
 *
 * @module
 */
import { ArgumentError, TreeError } from "../errors.ts";
import { flatten, flattenOneLevel, type IsLeafOption, unflatten } from "../tree/flatten.ts";
import { isKwargs } from "../tree/kwargs.ts";
import { map } from "../tree/map.ts";
import { describeNode } from "../tree/mismatch.ts";
import { describeValue } from "./leaves.ts";

/** Options of {@linkcode treeAt}. */
export interface TreeAtOptions extends IsLeafOption {
  /** Called with each node that is to be replaced; gives the replacement. */
  // deno-lint-ignore no-explicit-any -- nodes are whatever where picks
  readonly replaceFn?: (node: any) => unknown;
}

/**
 * A leaf of the tree that `where` gets: an object of its own, whatever the leaf is, so that it can be found
 * again by identity.
 */
class LeafHandle {
  readonly #value: unknown;
  constructor(value: unknown) {
    this.#value = value;
  }
  static unwrap(node: unknown): unknown {
    if (node instanceof LeafHandle) return node.#value;
    throw new ArgumentError(
      `treeAt: where returned ${
        describeNode(node)
      }, which is not a node of the tree: return nodes as they are, ` +
        "such as m => m.layers[0].weight. Static fields cannot be replaced",
    );
  }
  [Symbol.toPrimitive](): never {
    throw new ArgumentError(
      "treeAt: where must return nodes of the tree as they are; it cannot compute with the leaves",
    );
  }
}

/**
 * A copy of a tree with the nodes that `where` picks replaced. The tree itself stays as it is.
 *
 * Nodes may be leaves or subtrees. Modules are copied without constructor and checks, so a
 * replacement may be anything.
 *
 * @param where Called with a tree of the same structure; returns the node to replace, or an array of nodes.
 * It must go by the structure alone: it is called twice, once with other leaves.
 * @param pytree Any tree.
 * @param replace The replacement, or an array of as many as `where` returned.
 * @param options Instead of `replace`, `{ replaceFn }` or `kwargs({ replaceFn })`: computes each replacement from the
 * node. `isLeaf`: nodes to take whole; `x => x === null` tells one `null` from another.
 * @throws {ArgumentError} Where not exactly one of `replace` and `replaceFn` is given, or `where` looks at leaves.
 * @throws {TreeError} Where `where` returns something that is not in the tree, or is in it more than once.
 *
 * @example
 * ```ts
 * import { treeAt } from "@vernal/vernal";
 *
 * const tree = [1, [2, { a: 3, b: 4 }]] as const;
 * treeAt((t) => t[1][1].a, tree, 5); // [1, [2, { a: 5, b: 4 }]]
 * treeAt((t) => [t[0], t[1][0]], tree, { replaceFn: (x: number) => 10 * x }); // [10, [20, { a: 3, b: 4 }]]
 * ```
 */
export function treeAt<T>(
  where: (tree: T) => unknown,
  pytree: T,
  // deno-lint-ignore no-explicit-any -- nodes are whatever where picks
  options: TreeAtOptions & { readonly replaceFn: (node: any) => unknown },
): T;
/** As above, with the replacement given. */
export function treeAt<T>(
  where: (tree: T) => unknown,
  pytree: T,
  replace: unknown,
  options?: TreeAtOptions,
): T;
export function treeAt<T>(where: (tree: T) => unknown, pytree: T, ...rest: unknown[]): T {
  if (typeof where !== "function") {
    throw new ArgumentError(
      `treeAt: where must be a function of the tree that picks nodes of it; got ${
        describeValue(where)
      }`,
    );
  }
  const { replace, replaceFn, isLeaf } = readArguments(rest);
  const options: IsLeafOption = isLeaf === undefined ? {} : { isLeaf };
  const picked = where(pytree);
  const marked = map<T>((leaf) => new LeafHandle(leaf), pytree, options);
  const handles = where(marked);
  checkStructural(picked, handles, options);

  const isOne = occursIn(marked, handles);
  if (!isOne && !Array.isArray(handles)) throw notInTree();
  const nodes: readonly unknown[] = isOne ? [handles] : handles as unknown[];
  let replacements: readonly unknown[] | null = null;
  if (replace !== undefined) {
    replacements = isOne ? [replace.value] : asSequence(replace.value);
    if (replacements.length !== nodes.length) {
      throw new ArgumentError(
        `treeAt: where returned ${nodes.length} nodes, so replace must be an array of ${nodes.length}; ` +
          `got ${replacements.length}`,
      );
    }
  }
  const places = new Map<unknown, number>();
  nodes.forEach((node, i) => {
    if (node !== null && places.has(node)) {
      throw new TreeError(
        `treeAt: where returned the same node twice, at ${
          places.get(node)
        } and ${i}; return each once`,
      );
    }
    places.set(node, i);
  });

  const counts = nodes.map(() => 0);
  const [leaves, treedef] = flatten(marked, { isLeaf: (node) => places.has(node) });
  const replaced = leaves.map((node) => {
    const place = places.get(node);
    if (place === undefined) return LeafHandle.unwrap(node);
    counts[place]!++;
    if (replacements !== null) return replacements[place];
    return replaceFn!(map((leaf) => LeafHandle.unwrap(leaf), node));
  });
  counts.forEach((count, i) => {
    if (count === 0 && places.get(nodes[i]) === i) throw notInTree();
    if (count > 1 || places.get(nodes[i]) !== i) {
      throw new TreeError(
        "treeAt: where does not pick one node: the tree has several nulls, and they are all alike; " +
          "tell them apart with { isLeaf: (x) => x === null }",
      );
    }
  });
  return unflatten(treedef, replaced) as T;
}

interface Arguments {
  readonly replace: { readonly value: unknown } | undefined;
  readonly replaceFn: TreeAtOptions["replaceFn"] | undefined;
  readonly isLeaf: IsLeafOption["isLeaf"];
}

function readArguments(rest: readonly unknown[]): Arguments {
  const onlyOptions = rest.length === 1 && isOptions(rest[0]);
  const options = (onlyOptions ? rest[0] : rest[1] ?? {}) as TreeAtOptions & { replace?: unknown };
  const values = onlyOptions ? [] : rest.slice(0, 1);
  if (Object.hasOwn(options, "replace")) values.push(options.replace);
  const { replaceFn, isLeaf } = options;
  if (values.length + (replaceFn === undefined ? 0 : 1) !== 1) {
    throw new ArgumentError("treeAt: give exactly one of replace and replaceFn");
  }
  return {
    replace: values.length === 1 ? { value: values[0] } : undefined,
    replaceFn,
    isLeaf,
  };
}

// A dictionary as replacement is told from options by what the options must have.
function isOptions(value: unknown): boolean {
  if (isKwargs(value)) return true;
  if (typeof value !== "object" || value === null) return false;
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  const keys = Object.keys(value);
  return keys.every((key) => key === "replaceFn" || key === "isLeaf") &&
    typeof (value as TreeAtOptions).replaceFn === "function";
}

function asSequence(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new ArgumentError(
    `treeAt: where returned an array of nodes, so replace must be an array too; got ${
      describeNode(value)
    }`,
  );
}

/** Checks that `where` picked the same places whatever the leaves are. */
function checkStructural(picked: unknown, handles: unknown, options: IsLeafOption): void {
  if (handles === undefined || (Array.isArray(handles) && handles.includes(undefined))) {
    throw new TreeError("treeAt: where returned undefined: the tree has no such node");
  }
  const [leaves, treedef] = flatten(picked, options);
  const [found, foundDef] = flatten(handles);
  const values = found.map((leaf) => LeafHandle.unwrap(leaf));
  if (treedef !== foundDef || values.some((value, i) => !Object.is(value, leaves[i]))) {
    throw new ArgumentError(
      "treeAt: where must go by the structure of the tree alone; it returned other nodes when the leaves were others",
    );
  }
}

/** Whether a node occurs in a tree, by identity. */
function occursIn(tree: unknown, node: unknown): boolean {
  if (tree === node) return true;
  if (tree == null || tree instanceof LeafHandle) return false;
  const [children, treedef] = flattenOneLevel(tree);
  if (treedef.kind === "leaf") return false;
  return children.some((child) => occursIn(child, node));
}

function notInTree(): TreeError {
  return new TreeError(
    "treeAt: where must return a node of the tree, or an array of nodes none of which holds another; " +
      "what it returned is not in the tree, or lies within another node that it returned",
  );
}
