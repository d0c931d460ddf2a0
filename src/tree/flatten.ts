/**
 * Taking trees apart and putting them together.
 *
 * @module
 */
import { TreeError } from "../errors.ts";
import { arrayBrand } from "./brands.ts";
import { enterTree, leaveTree, unguarded } from "./guard.ts";
import { kwargsPrototype } from "./kwargs.ts";
import { type Layout, layoutWithKeys, type ModuleClass } from "./layout.ts";
import type { Path } from "./path.ts";
import { type CustomType, isLeafPrototype, nodeTypeOf } from "./registry.ts";
import { canonicalStatic, type NodeCodec, sameStatic } from "./static_value.ts";
import { type DictEntry, internTreeDef, leafDef, noneDef, TreeDef } from "./treedef.ts";

/** Whether a node is `null`, or `undefined`, which is read as `null`. As `isLeaf` it keeps the empty places of a tree. */
export function isNull(x: unknown): x is null | undefined {
  return x === null || x === undefined;
}

/** What decides that a node is to be taken for a leaf. */
export interface IsLeafOption {
  /** Called on every node, root first; where it is true the node is a leaf. `null` may become one so. */
  readonly isLeaf?: ((node: unknown) => boolean) | undefined;
}

const codec: NodeCodec = {
  flatten: (node) => flatten(node),
  unflatten: (def, leaves) => unflatten(def as TreeDef, leaves),
};

/** How deep trees may be: a deeper one most likely contains itself. */
const maxDepth = 2000;

/**
 * Takes a tree apart: its leaves, and its structure without them.
 *
 * Nodes are arrays, plain objects (keys sorted by code point), `Map`s (insertion order), Modules (declaration
 * order, static fields left out) and registered classes; `null` and `undefined` are empty subtrees; all
 * else is a leaf.
 *
 * @returns The leaves in order, and the tree definition.
 * @throws {TreeError} Where the tree contains itself.
 *
 * @example
 * ```ts
 * import { flatten, unflatten } from "@vernal/vernal/tree";
 *
 * const [leaves, treedef] = flatten({ b: [1, 2], a: "x", c: null });
 * leaves; // ["x", 1, 2]
 * unflatten(treedef, leaves); // { a: "x", b: [1, 2], c: null }
 * ```
 */
export function flatten(
  tree: unknown,
  options: IsLeafOption = {},
): [leaves: unknown[], treedef: TreeDef] {
  const leaves: unknown[] = [];
  const outer = enterTree();
  try {
    return [leaves, flattenNode(tree, leaves, options.isLeaf ?? null, 0)];
  } finally {
    leaveTree(outer);
  }
}

function flattenNode(
  node: unknown,
  leaves: unknown[],
  isLeaf: ((node: unknown) => boolean) | null,
  depth: number,
): TreeDef {
  if (node === undefined) node = null;
  if (isLeaf !== null && isLeaf(node)) {
    leaves.push(node);
    return leafDef();
  }
  if (node === null) return noneDef();
  const type = nodeTypeOf(node);
  if (type.kind === "leaf") {
    leaves.push(node);
    return leafDef();
  }
  if (depth > maxDepth) {
    throw new TreeError(
      `flatten: the tree is more than ${maxDepth} levels deep; it probably contains itself`,
    );
  }
  const defs: TreeDef[] = [];
  switch (type.kind) {
    case "array": {
      for (let i = 0; i < (node as unknown[]).length; i++) {
        defs.push(flattenNode((node as unknown[])[i], leaves, isLeaf, depth + 1));
      }
      return internTreeDef("array", {}, defs);
    }
    case "dict":
    case "kwargs": {
      const keys = sortedKeys(node as object);
      for (const key of keys) {
        defs.push(
          flattenNode((node as Record<string, unknown>)[key], leaves, isLeaf, depth + 1),
        );
      }
      return internTreeDef(type.kind, { keys }, defs);
    }
    case "map": {
      const keys: unknown[] = [];
      for (const [key, value] of node as Map<unknown, unknown>) {
        keys.push(canonicalStatic(key, codec));
        defs.push(flattenNode(value, leaves, isLeaf, depth + 1));
      }
      return internTreeDef("map", { keys }, defs);
    }
    case "module": {
      const fields = unguarded(node as object) as Record<string, unknown>;
      const layout = layoutOf(fields, type);
      for (const key of layout.dynamic) {
        defs.push(flattenNode(fields[key], leaves, isLeaf, depth + 1));
      }
      return internTreeDef("module", { layout, statics: staticsOf(fields, layout) }, defs);
    }
    case "custom": {
      const [children, metadata, childNames] = takeApart(node, type);
      for (const child of children) defs.push(flattenNode(child, leaves, isLeaf, depth + 1));
      return internTreeDef(
        "custom",
        { custom: type, statics: [canonicalStatic(metadata, codec)], childNames },
        defs,
      );
    }
  }
}

function takeApart(
  node: unknown,
  type: CustomType,
): [readonly unknown[], unknown, readonly (string | number)[] | null] {
  if (type.flattenWithKeys !== null) {
    const [entries, metadata] = type.flattenWithKeys(node);
    return [entries.map((entry) => entry[1]), metadata, entries.map((entry) => entry[0])];
  }
  const [children, metadata] = type.flatten(node);
  return [children, metadata, null];
}

function layoutOf(fields: object, cls: ModuleClass): Layout {
  return layoutWithKeys(cls, Object.keys(fields));
}

function staticsOf(fields: Record<string, unknown>, layout: Layout): unknown[] {
  return layout.statics.map((key) => canonicalStatic(fields[key], codec));
}

/** The own enumerable string keys, by code point, as JAX sorts the keys of dictionaries. */
export function sortedKeys(node: object): string[] {
  const keys = Object.keys(node);
  let sorted = true;
  for (let i = 1; i < keys.length && sorted; i++) {
    sorted = compareCodePoints(keys[i - 1]!, keys[i]!) < 0;
  }
  return sorted ? keys : keys.sort(compareCodePoints);
}

// JavaScript compares UTF-16 units, which differs where a surrogate meets U+E000 to U+FFFF.
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return unitRank(x) - unitRank(y);
  }
  return a.length - b.length;
}

function unitRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/**
 * Puts a tree together.
 *
 * Modules are made without their constructors, converters and checks.
 *
 * @param treedef The structure.
 * @param leaves As many as the structure has; they may be anything, trees too.
 * @throws {TreeError} Where there are too few or too many.
 */
// deno-lint-ignore no-explicit-any -- what stands at the leaves only the caller knows
export function unflatten<T = any>(treedef: TreeDef, leaves: Iterable<unknown>): T {
  if (!(treedef instanceof TreeDef)) {
    throw new TreeError(
      `unflatten: expected a tree definition as first argument, leaves as second; got ${typeof treedef}`,
    );
  }
  const list = Array.isArray(leaves) ? leaves : [...leaves];
  if (list.length !== treedef.numLeaves) {
    throw new TreeError(
      `unflatten: expected ${treedef.numLeaves} leaves for ${treedef}; got ${list.length}`,
    );
  }
  return new Builder(list).build(treedef) as T;
}

class Builder {
  #next = 0;
  readonly #leaves: readonly unknown[];
  constructor(leaves: readonly unknown[]) {
    this.#leaves = leaves;
  }

  build(def: TreeDef): unknown {
    const children = def.childDefs;
    switch (def.kind) {
      case "leaf":
        return this.#leaves[this.#next++];
      case "none":
        return null;
      case "array": {
        const array: unknown[] = [];
        for (let i = 0; i < children.length; i++) array.push(this.build(children[i]!));
        return array;
      }
      case "dict":
      case "kwargs": {
        const object = def.kind === "dict" ? {} : Object.create(kwargsPrototype());
        const keys = def.data.keys as readonly string[];
        for (let i = 0; i < keys.length; i++) setOwn(object, keys[i]!, this.build(children[i]!));
        return object;
      }
      case "map": {
        const map = new Map();
        const keys = def.data.keys!;
        for (let i = 0; i < keys.length; i++) map.set(keys[i], this.build(children[i]!));
        return map;
      }
      case "module": {
        const layout = def.data.layout!;
        const { keys, isStatic } = layout;
        const statics = def.data.statics;
        const fields = Object.create(layout.cls.proto);
        let [d, s] = [0, 0];
        for (let i = 0; i < keys.length; i++) {
          fields[keys[i]!] = isStatic[i] ? statics[s++] : this.build(children[d++]!);
        }
        return Object.freeze(fields);
      }
      case "custom": {
        const parts: unknown[] = [];
        for (let i = 0; i < children.length; i++) parts.push(this.build(children[i]!));
        return def.data.custom!.unflatten(def.data.statics[0], parts);
      }
    }
  }
}

function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(object, key, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  } else object[key] = value;
}

/**
 * Walks a tree along a definition that it is expected to have, and writes its leaves to a list, from its beginning.
 *
 * Allocates nothing where the list is long enough, which is what a compiled function needs at every call.
 *
 * @returns Whether the tree has this very structure; if not, the list may have some leaves.
 */
export function flattenInto(treedef: TreeDef, tree: unknown, leaves: unknown[]): boolean {
  return startWalk(treedef, tree, leaves, false);
}

/**
 * As {@linkcode flattenInto}, but where the definition has a leaf the tree may have anything, which is
 * taken as it is.
 */
export function flattenUpToInto(treedef: TreeDef, tree: unknown, subtrees: unknown[]): boolean {
  return startWalk(treedef, tree, subtrees, true);
}

/** Where the walk that is under way writes the next leaf: faster than to push it. */
let next = 0;

function startWalk(def: TreeDef, tree: unknown, out: unknown[], upTo: boolean): boolean {
  const outer = enterTree();
  const outerNext = next; // a registered class may walk trees while it is taken apart
  next = 0;
  try {
    return walk(def, tree, out, upTo);
  } finally {
    next = outerNext;
    leaveTree(outer);
  }
}

function isLeafNode(node: unknown): boolean {
  const kind = typeof node;
  if (kind !== "object" && kind !== "function") return kind !== "undefined";
  if (node === null) return false;
  // Arrays make up nearly all leaves; reading the brand costs less than asking for the prototype.
  return (node as { [arrayBrand]?: boolean })[arrayBrand] === true ||
    isLeafPrototype(Object.getPrototypeOf(node));
}

function walk(def: TreeDef, node: unknown, out: unknown[], upTo: boolean): boolean {
  const children = def.childDefs;
  switch (def.kind) {
    case "leaf":
      if (!upTo && !isLeafNode(node)) return false;
      out[next++] = node;
      return true;
    case "none":
      return node === null || node === undefined;
    case "array": {
      if (!Array.isArray(node) || node.length !== children.length) return false;
      if (Object.getPrototypeOf(node) !== Array.prototype) return false;
      for (let i = 0; i < children.length; i++) {
        const child = children[i]!;
        const fits = child.kind === "dict"
          ? walkDict(child, node[i], out, upTo)
          : walk(child, node[i], out, upTo);
        if (!fits) return false;
      }
      return true;
    }
    case "dict":
      return walkDict(def, node, out, upTo);
    case "kwargs": {
      if (typeof node !== "object" || node === null) return false;
      return Object.getPrototypeOf(node) === kwargsPrototype() &&
        walkEntries(def, node, out, upTo);
    }
    case "map": {
      if (!(node instanceof Map) || Object.getPrototypeOf(node) !== Map.prototype) return false;
      const keys = def.data.keys!;
      if (node.size !== keys.length) return false;
      let i = 0;
      for (const [key, value] of node) {
        if (!sameStatic(keys[i], key, codec) || !walk(children[i]!, value, out, upTo)) return false;
        i++;
      }
      return true;
    }
    case "module":
      return walkModule(def, node, out, upTo);
    case "custom": {
      const type = def.data.custom!;
      if (nodeTypeOf(node) !== type) return false;
      const [parts, metadata] = type.flatten(node);
      if (parts.length !== children.length) return false;
      if (!sameStatic(def.data.statics[0], metadata, codec)) return false;
      for (let i = 0; i < children.length; i++) {
        if (!walk(children[i]!, parts[i], out, upTo)) return false;
      }
      return true;
    }
  }
}

function walkDict(def: TreeDef, node: unknown, out: unknown[], upTo: boolean): boolean {
  if (typeof node !== "object" || node === null) return false;
  const proto = Object.getPrototypeOf(node);
  return (proto === Object.prototype || proto === null) && walkEntries(def, node, out, upTo);
}

/**
 * The entries of a plain object, in the order in which it has them: V8 reads the value of a key that it enumerates as fast as that of a
 * field with a name, and any other key as slowly as in a table.
 */
function walkEntries(def: TreeDef, node: object, out: unknown[], upTo: boolean): boolean {
  const keys = def.data.keys as readonly string[];
  const children = def.childDefs;
  const first = next;
  let places = def.order.entries;
  let count = 0;
  for (const key in node) {
    let place = places[count];
    if (place === undefined || place.key !== key) {
      if (count === keys.length) return false;
      // An object that got its keys in another order.
      places = def.order.entries = entriesInOrder(def, node);
      place = places[count];
      if (place === undefined || place.key !== key) return false;
    }
    count++;
    const value = (node as Record<string, unknown>)[key];
    const child = children[place.child]!;
    if (child.kind === "leaf") {
      if (!upTo && !isLeafNode(value)) return false;
      out[first + place.leaf] = value;
    } else {
      next = first + place.leaf;
      if (!walk(child, value, out, upTo)) return false;
    }
  }
  next = first + def.numLeaves;
  return count === keys.length;
}

/** Where the entries of an object are in a definition; as far as it has them. */
function entriesInOrder(def: TreeDef, node: object): DictEntry[] {
  const known = new Map<string, DictEntry>();
  let leaf = 0;
  for (const [child, key] of (def.data.keys as readonly string[]).entries()) {
    known.set(key, { key, child, leaf });
    leaf += def.childDefs[child]!.numLeaves;
  }
  const entries: DictEntry[] = [];
  for (const key in node) {
    const entry = known.get(key);
    if (entry === undefined) break;
    entries.push(entry);
  }
  return entries;
}

function walkModule(def: TreeDef, node: unknown, out: unknown[], upTo: boolean): boolean {
  if (typeof node !== "object" || node === null) return false;
  const layout = def.data.layout!;
  const fields = unguarded(node) as Record<string, unknown>;
  if (Object.getPrototypeOf(fields) !== layout.cls.proto) return false;
  // Instances of a class with one layout have that layout: every way to make one registers its own.
  if (layout.cls.layouts.length > 1 && layoutOf(fields, layout.cls) !== layout) return false;
  const { dynamic, statics } = layout;
  const known = def.data.statics;
  for (let i = 0; i < statics.length; i++) {
    const value = fields[statics[i]!];
    if (!Object.is(value, known[i]) && !sameStatic(known[i], value, codec)) return false;
  }
  const children = def.childDefs;
  for (let i = 0; i < dynamic.length; i++) {
    const child = children[i]!;
    const value = fields[dynamic[i]!];
    if (child.kind === "leaf") {
      if (!upTo && !isLeafNode(value)) return false;
      out[next++] = value;
    } else if (!walk(child, value, out, upTo)) return false;
  }
  return true;
}

/** A node's children with their steps, and its definition with a leaf for every child. */
export interface OneLevel {
  readonly children: readonly unknown[];
  readonly treedef: TreeDef;
}

/**
 * Takes one node apart, its children left whole.
 *
 * A leaf has itself as its only child. `null` children are children too.
 *
 * @returns The children, and the definition of the node with a leaf in place of each.
 * @throws {TreeError} Where the node is its own child.
 */
export function flattenOneLevel(tree: unknown): [children: unknown[], treedef: TreeDef] {
  let atRoot = true;
  const [children, treedef] = flatten(tree, {
    isLeaf: (node) => {
      if (atRoot) {
        atRoot = false;
        return false;
      }
      if (node === tree && tree !== null) {
        throw new TreeError("flattenOneLevel: the node is a child of itself");
      }
      return true;
    },
  });
  return [children, treedef];
}

/** The paths to a definition's leaves, in order. */
export function leafPaths(treedef: TreeDef): Path[] {
  const paths: Path[] = [];
  const visit = (def: TreeDef, path: Path) => {
    if (def.kind === "leaf") paths.push(path);
    else def.childDefs.forEach((child, i) => visit(child, [...path, def.childKey(i)]));
  };
  visit(treedef, []);
  return paths;
}
