/**
 * Tree definitions: the structure of a tree without its leaves.
 *
 * They are interned: two trees of equal structure have the same definition, so `a === b` compares them.
 *
 * @module
 */
import { WeakInterner } from "./interner.ts";
import type { Layout } from "./layout.ts";
import type { PathKey } from "./path.ts";
import type { CustomType } from "./registry.ts";
import { equalsKey, hashKey, staticKey } from "./static_value.ts";

/** What kind of node a definition's root is. */
export type NodeKind = "leaf" | "none" | "array" | "dict" | "kwargs" | "map" | "module" | "custom";

/** What distinguishes one root node from another of the same kind. */
export interface NodeData {
  /** Keys of dictionaries (sorted), of `Map`s (canonical, in order); else `null`. */
  readonly keys: readonly unknown[] | null;
  /** The fields of a Module; else `null`. */
  readonly layout: Layout | null;
  /** The registered class; else `null`. */
  readonly custom: CustomType | null;
  /** Canonical static values: those of a Module's static fields, or a registered class's metadata. */
  readonly statics: readonly unknown[];
  /** Names of a registered class's children, where it states them; for messages only. */
  readonly childNames: readonly (string | number)[] | null;
}

/** A key of a dictionary: the number of its child, and of that one's first leaf. */
export interface DictEntry {
  readonly key: string;
  readonly child: number;
  readonly leaf: number;
}

/** The name under which Deno and Node ask an object how to print it. */
export const inspectKey: unique symbol = Symbol.for("nodejs.util.inspect.custom") as never;

const noData: NodeData = {
  keys: null,
  layout: null,
  custom: null,
  statics: [],
  childNames: null,
};

/**
 * The structure of a tree. Immutable and interned: equal structures are the same object.
 *
 * @example
 * ```ts
 * import { structure } from "@vernal/vernal/tree";
 *
 * structure({ b: 1, a: [2, null] }) === structure({ a: [3, null], b: 4 }); // true
 * String(structure({ b: 1, a: [2, null] })); // TreeDef({ a: [*, null], b: * })
 * ```
 */
export class TreeDef {
  /** What the root is. */
  readonly kind: NodeKind;
  /** The definitions of the root's children. */
  readonly childDefs: readonly TreeDef[];
  /**
   * What else the root is made of.
   *
   * @internal
   */
  readonly data: NodeData;
  /** The number of leaves of such a tree. */
  readonly numLeaves: number;
  /** The number of nodes, leaves and empty subtrees included. */
  readonly numNodes: number;
  /** A number that no other definition has. */
  readonly id: number;
  /**
   * Of a dictionary: its keys in the order in which the object had them that was taken apart last.
   *
   * @internal
   */
  readonly order: { entries: readonly DictEntry[] } = { entries: [] };
  /**
   * Whether it holds objects (classes, closures) that must stay collectable.
   *
   * @internal
   */
  readonly holdsObjects: boolean;

  /**
   * For {@linkcode internTreeDef} only.
   *
   * @internal
   */
  constructor(
    kind: NodeKind,
    data: NodeData,
    childDefs: readonly TreeDef[],
    holdsObjects: boolean,
  ) {
    this.kind = kind;
    this.data = data;
    this.childDefs = childDefs;
    let leaves = kind === "leaf" ? 1 : 0;
    let nodes = 1;
    for (const child of childDefs) {
      leaves += child.numLeaves;
      nodes += child.numNodes;
    }
    this.numLeaves = leaves;
    this.numNodes = nodes;
    this.holdsObjects = holdsObjects;
    this.id = nextId++;
    Object.freeze(this);
  }

  /** The definitions of the root's children. */
  children(): readonly TreeDef[] {
    return this.childDefs;
  }

  /** Whether the two structures are the same: as `===`. */
  equals(other: unknown): boolean {
    return this === other;
  }

  /** The same as {@linkcode equals}, for code that compares values of any kind. */
  [equalsKey](other: unknown): boolean {
    return this === other;
  }

  /** A hash that agrees with {@linkcode equals}. */
  [hashKey](): number {
    return this.id;
  }

  /** The step from the root to child `i`. */
  childKey(i: number): PathKey {
    const { keys, layout, childNames } = this.data;
    switch (this.kind) {
      case "dict":
      case "kwargs":
        return { kind: "key", key: keys![i] as string };
      case "map":
        return { kind: "mapKey", key: keys![i] };
      case "module":
        return { kind: "field", name: layout!.dynamic[i]! };
      case "custom":
        return { kind: "child", name: childNames?.[i] ?? i };
      default:
        return { kind: "index", index: i };
    }
  }

  /** As one would write the tree in TypeScript, `*` for leaves. */
  toString(): string {
    return `TreeDef(${formatDef(this)})`;
  }

  /** What `console.log` shows. */
  [inspectKey](): string {
    return this.toString();
  }
}

let nextId = 0;
const table: WeakInterner<TreeDef> = new WeakInterner();
let leaf: TreeDef | null = null;
let none: TreeDef | null = null;

/** The structure of a single leaf. */
export function leafDef(): TreeDef {
  return leaf ??= new TreeDef("leaf", noData, [], false);
}

/** The structure of `null`: no leaf. */
export function noneDef(): TreeDef {
  return none ??= new TreeDef("none", noData, [], false);
}

/** The definition of a node with these data (statics canonical) and children. */
export function internTreeDef(
  kind: NodeKind,
  data: Partial<NodeData>,
  children: readonly TreeDef[],
): TreeDef {
  const objects: object[] = [];
  let key: string = kind;
  if (data.layout != null) objects.push(data.layout);
  if (data.custom != null) objects.push(data.custom);
  if (data.keys != null) {
    for (const name of data.keys) key += `,${staticKey(name, objects)}`;
  }
  if (data.statics !== undefined) {
    for (const value of data.statics) key += `;${staticKey(value, objects)}`;
  }
  key += "|";
  let last: TreeDef | null = null;
  for (const child of children) {
    key += `${child.id},`;
    if (child.holdsObjects && child !== last) objects.push(last = child);
  }
  // Ids of layouts and custom types are not in the key: the chain of `objects` says which they are.
  return table.intern(
    objects,
    key,
    () => new TreeDef(kind, { ...noData, ...data }, children.slice(), objects.length > 0),
  );
}

function formatDef(def: TreeDef): string {
  const { keys, layout, custom, statics } = def.data;
  const parts = def.childDefs.map(formatDef);
  switch (def.kind) {
    case "leaf":
      return "*";
    case "none":
      return "null";
    case "array":
      return `[${parts.join(", ")}]`;
    case "dict":
    case "kwargs": {
      const entries = parts.map((part, i) => `${formatKey(keys![i] as string)}: ${part}`);
      const text = entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
      return def.kind === "kwargs" ? `kwargs(${text})` : text;
    }
    case "map": {
      const entries = parts.map((part, i) => `[${formatStatic(keys![i])}, ${part}]`);
      return `new Map([${entries.join(", ")}])`;
    }
    case "module": {
      let [d, s] = [0, 0];
      const entries = layout!.keys.map((key, i) =>
        layout!.isStatic[i]
          ? `static ${formatKey(key)}: ${formatStatic(statics[s++])}`
          : `${formatKey(key)}: ${parts[d++]}`
      );
      return entries.length === 0
        ? `${layout!.cls.name} {}`
        : `${layout!.cls.name} { ${entries.join(", ")} }`;
    }
    case "custom": {
      const metadata = statics[0] == null ? "" : `static ${formatStatic(statics[0])}`;
      return `${custom!.name}(${[...parts, metadata].filter((x) => x !== "").join(", ")})`;
    }
  }
}

function formatKey(key: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? key : JSON.stringify(key);
}

/** A static value in one short line. */
export function formatStatic(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "bigint":
      return `${value}n`;
    case "function":
      return `<${/^class\b/.test(Function.prototype.toString.call(value)) ? "class" : "function"} ${
        value.name || "(anonymous)"
      }>`;
    case "object": {
      if (value === null) return "null";
      if (value instanceof TreeDef) return value.toString();
      if (Array.isArray(value)) return `[${value.map(formatStatic).join(", ")}]`;
      const proto = Object.getPrototypeOf(value);
      if (proto === Object.prototype || proto === null) {
        // What has a name and functions is known by its name: a transformation.
        const { name } = value as { name?: unknown };
        if (typeof name === "string" && Object.values(value).some((x) => typeof x === "function")) {
          return name;
        }
        const entries = Object.entries(value).map(([k, v]) =>
          `${formatKey(k)}: ${formatStatic(v)}`
        );
        return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
      }
      const text = Object.hasOwn(proto, "toString") ? String(value) : "";
      return text !== "" ? text : `<${value.constructor?.name ?? "object"}>`;
    }
    default:
      return String(value);
  }
}
