/**
 * Which objects are nodes of trees, and how they come apart.
 *
 * Arrays, plain objects, `Map`s and Modules are nodes; other classes become nodes by registration. All
 * else is a leaf. The class is looked at exactly: a subclass of `Array` or of a registered class is a leaf
 * unless it is registered itself.
 *
 * @module
 */
import { TreeError } from "../errors.ts";
import { kwargsPrototype } from "./kwargs.ts";
import { className, makeModuleClass, type ModuleClass, moduleMark } from "./layout.ts";

/** How a registered class comes apart: its children and its metadata. */
export type FlattenFn<T> = (node: T) => readonly [children: readonly unknown[], metadata: unknown];

/** How a registered class is put together again. */
// deno-lint-ignore no-explicit-any -- metadata and children are what the flatten function made them
export type UnflattenFn<T> = (metadata: any, children: readonly any[]) => T;

/** As {@linkcode FlattenFn}, with a name for every child. */
export type FlattenWithKeysFn<T> = (
  node: T,
) => readonly [
  children: readonly (readonly [name: string | number, child: unknown])[],
  metadata: unknown,
];

/** A registered class. */
export interface CustomType {
  readonly kind: "custom";
  readonly name: string;
  readonly flatten: (node: unknown) => readonly [readonly unknown[], unknown];
  readonly unflatten: (metadata: unknown, children: readonly unknown[]) => unknown;
  readonly flattenWithKeys:
    | ((node: unknown) => readonly [readonly (readonly [string | number, unknown])[], unknown])
    | null;
}

/** What an object is to a tree. */
export type NodeType =
  | { readonly kind: "leaf" | "array" | "dict" | "kwargs" | "map" }
  | ModuleClass
  | CustomType;

/** The type of leaves. */
export const leafType: NodeType = Object.freeze({ kind: "leaf" });
/** The type of arrays. */
export const arrayType: NodeType = Object.freeze({ kind: "array" });
/** The type of plain objects. */
export const dictType: NodeType = Object.freeze({ kind: "dict" });
/** The type of branded keyword arguments. */
export const kwargsType: NodeType = Object.freeze({ kind: "kwargs" });
/** The type of `Map`s. */
export const mapType: NodeType = Object.freeze({ kind: "map" });

// Keyed by prototype and weak, so that a class made in a function can be collected.
const types: WeakMap<object, NodeType> = new WeakMap();
let builtinsAdded = false;

function addBuiltins(): void {
  builtinsAdded = true;
  types.set(Array.prototype, arrayType);
  types.set(Object.prototype, dictType);
  types.set(Map.prototype, mapType);
  types.set(Function.prototype, leafType);
  types.set(kwargsPrototype(), kwargsType);
}

/** What objects with this prototype are. */
export function nodeTypeOfPrototype(proto: object | null): NodeType {
  if (proto === null) return dictType;
  const known = types.get(proto);
  if (known !== undefined) return known;
  if (!builtinsAdded) {
    addBuiltins();
    return nodeTypeOfPrototype(proto);
  }
  const type: NodeType = moduleMark in proto ? makeModuleClass(proto) : leafType;
  types.set(proto, type);
  return type;
}

let lastLeafPrototype: object | null = null;

/** Whether objects with this prototype are leaves. */
export function isLeafPrototype(proto: object | null): boolean {
  // Neighbouring leaves are mostly of one class.
  if (proto === lastLeafPrototype && proto !== null) return true;
  if (nodeTypeOfPrototype(proto).kind !== "leaf") return false;
  lastLeafPrototype = proto;
  return true;
}

/** What a value is to a tree; `null` and `undefined` are not asked about. */
export function nodeTypeOf(value: unknown): NodeType {
  return (typeof value === "object" && value !== null) || typeof value === "function"
    ? nodeTypeOfPrototype(Object.getPrototypeOf(value))
    : leafType;
}

/**
 * Makes instances of a class nodes of trees.
 *
 * @param cls The class; its subclasses are not included.
 * @param flatten Takes an instance apart: `[children, metadata]`. The metadata is part of the structure and
 * is compared as static fields are.
 * @param unflatten Puts one together: `(metadata, children) => instance`. It must not look into the
 * children: transformations put things there that are no arrays.
 * @param options `flattenWithKeys`: as `flatten`, with a name for each child, for paths in messages.
 * @throws {TreeError} Where the class is a node already.
 *
 * @example
 * ```ts
 * import { map, registerPytreeNode } from "@vernal/vernal/tree";
 *
 * class Pair {
 *   constructor(readonly a: unknown, readonly b: unknown) {}
 * }
 * registerPytreeNode(Pair, (p) => [[p.a, p.b], null], (_, [a, b]) => new Pair(a, b));
 *
 * map((x: number) => x + 1, new Pair(1, 2)); // Pair { a: 2, b: 3 }
 * ```
 */
export function registerPytreeNode<T extends object>(
  cls: abstract new (...args: never[]) => T,
  flatten: FlattenFn<T>,
  unflatten: UnflattenFn<T>,
  options: { readonly flattenWithKeys?: FlattenWithKeysFn<T> } = {},
): void {
  const proto = cls.prototype;
  const known = nodeTypeOfPrototype(proto);
  if (known.kind !== "leaf") {
    throw new TreeError(
      `registerPytreeNode: class ${className(cls)} is a tree node already (${known.kind})`,
    );
  }
  if (proto === Function.prototype) {
    throw new TreeError("registerPytreeNode: functions are leaves; register a class of your own");
  }
  lastLeafPrototype = null;
  types.set(proto, {
    kind: "custom",
    name: className(cls),
    flatten: flatten as CustomType["flatten"],
    unflatten,
    flattenWithKeys: (options.flattenWithKeys ?? null) as CustomType["flattenWithKeys"],
  });
}
