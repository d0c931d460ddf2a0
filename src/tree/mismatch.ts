/**
 * Says where a tree departs from a structure, for messages.
 *
 * @module
 */
import { flattenOneLevel } from "./flatten.ts";
import { keystr, type Path } from "./path.ts";
import { nodeTypeOf } from "./registry.ts";
import { formatStatic, type TreeDef } from "./treedef.ts";

/**
 * The first place where `tree` departs from `treedef`, as `at rest[0].a: expected …; got …`; `null` where
 * it does not.
 *
 * @param root What the path starts with: the argument's name.
 * @param upTo Whether the tree may go on where the definition has a leaf.
 */
export function describeMismatch(
  treedef: TreeDef,
  tree: unknown,
  root: string,
  upTo = true,
): string | null {
  return visit(treedef, tree, root, [], upTo);
}

function visit(
  def: TreeDef,
  node: unknown,
  root: string,
  path: Path,
  upTo: boolean,
): string | null {
  const where = `at ${keystr(path, root) || "the root"}`;
  if (def.kind === "leaf") {
    if (upTo) return null;
    return node != null && nodeTypeOf(node).kind === "leaf"
      ? null
      : `${where}: expected a leaf; got ${describeNode(node)}`;
  }
  if (def.kind === "none") {
    return node == null ? null : `${where}: expected null; got ${describeNode(node)}`;
  }
  if (node == null || nodeTypeOf(node).kind === "leaf") {
    return `${where}: expected ${describeDef(def)}; got ${describeNode(node)}`;
  }
  const [children, own] = flattenOneLevel(node);
  const difference = rootDifference(def, own);
  if (difference !== null) return `${where}: ${difference.text}`;
  for (let i = 0; i < children.length; i++) {
    const found = visit(def.childDefs[i]!, children[i], root, [...path, def.childKey(i)], upTo);
    if (found !== null) return found;
  }
  return null;
}

/** How two nodes differ, their children aside. */
interface RootDifference {
  /** In words: `expected null; got an array of length 2`, `key 'a' is missing`. */
  readonly text: string;
  /** What the first has there. */
  readonly was: string;
  /** What the second has there. */
  readonly is: string;
}

/** The first difference between two structures. */
export interface StructureDifference extends RootDifference {
  /** Where it is. */
  readonly path: Path;
}

/** The first difference between two structures, or `null` where they are the same. */
export function findDifference(expected: TreeDef, actual: TreeDef): StructureDifference | null {
  const walk = (a: TreeDef, b: TreeDef, path: Path): StructureDifference | null => {
    if (a === b) return null;
    const difference = rootDifference(a, b);
    if (difference !== null) return { path, ...difference };
    for (let i = 0; i < a.childDefs.length; i++) {
      const found = walk(a.childDefs[i]!, b.childDefs[i]!, [...path, a.childKey(i)]);
      if (found !== null) return found;
    }
    return null;
  };
  return walk(expected, actual, []);
}

/**
 * The first difference between two structures, as `at args[0].a: expected …; got …`; `null` where they are
 * the same.
 */
export function describeDifference(
  expected: TreeDef,
  actual: TreeDef,
  root: string,
): string | null {
  const found = findDifference(expected, actual);
  return found === null ? null : `at ${keystr(found.path, root) || "the root"}: ${found.text}`;
}

/** How two root nodes differ, their children aside; `null` where they do not. */
function rootDifference(a: TreeDef, b: TreeDef): RootDifference | null {
  const [x, y] = [a.data, b.data];
  const differ = (was: string, is: string, text = `expected ${was}; got ${is}`) => ({
    text,
    was,
    is,
  });
  if (
    a.kind !== b.kind || x.custom !== y.custom || x.layout?.cls !== y.layout?.cls ||
    (a.kind === "array" && a.childDefs.length !== b.childDefs.length)
  ) {
    return differ(describeDef(a), describeDef(b));
  }
  if (a.kind === "dict" || a.kind === "kwargs" || a.kind === "map") {
    const missing = x.keys!.filter((key) => !y.keys!.includes(key));
    const extra = y.keys!.filter((key) => !x.keys!.includes(key));
    const [was, is] = [describeDef(a), describeDef(b)];
    if (missing.length > 0) return differ(was, is, `key ${formatStatic(missing[0])} is missing`);
    if (extra.length > 0) return differ(was, is, `key ${formatStatic(extra[0])} is not expected`);
    if (x.keys!.some((key, i) => key !== y.keys![i])) {
      return differ(was, is, "the keys are in another order");
    }
  }
  if (x.layout !== y.layout) {
    return differ(`fields ${x.layout!.keys.join(", ")}`, y.layout!.keys.join(", "));
  }
  for (let i = 0; i < x.statics.length; i++) {
    if (x.statics[i] === y.statics[i] || Object.is(x.statics[i], y.statics[i])) continue;
    const name = x.layout === null ? "metadata" : `static field '${x.layout.statics[i]}'`;
    const [was, is] = [formatStatic(x.statics[i]), formatStatic(y.statics[i])];
    const text = `${name} differs: expected ${was}; got ${is}`;
    return differ(`${name} ${was}`, `${name} ${is}`, text);
  }
  if (a.childDefs.length !== b.childDefs.length) {
    return differ(`${a.childDefs.length} children`, String(b.childDefs.length));
  }
  return null;
}

function describeDef(def: TreeDef): string {
  switch (def.kind) {
    case "leaf":
      return "a leaf";
    case "none":
      return "null";
    case "array":
      return `an array of length ${def.childDefs.length}`;
    case "dict":
      return `an object with keys {${def.data.keys!.join(", ")}}`;
    case "kwargs":
      return `kwargs with keys {${def.data.keys!.join(", ")}}`;
    case "map":
      return `a Map with ${def.childDefs.length} entries`;
    case "module":
      return `a ${def.data.layout!.cls.name}`;
    case "custom":
      return `a ${def.data.custom!.name}`;
  }
}

/** What a value is, in a few words: `an array of length 2`, `number 3`. */
export function describeNode(node: unknown): string {
  if (node == null) return "null";
  if (nodeTypeOf(node).kind !== "leaf") return describeDef(flattenOneLevel(node)[1]);
  switch (typeof node) {
    case "object":
      return `a leaf of class ${node!.constructor?.name ?? "(none)"}`;
    case "function":
      return `function ${node.name || "(anonymous)"}`;
    default:
      return `${typeof node} ${formatStatic(node)}`;
  }
}
