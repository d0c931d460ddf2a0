/**
 * What is known of a Module class, worked out once: its fields' specifications, its converters and checks,
 * and the field lists (layouts) of its instances.
 *
 * @module
 */
import { ModuleError } from "../errors.ts";
import { type FieldOptions, ownFieldSpecs } from "./field.ts";

/** Sits on `Module.prototype`, so that instances are known without importing the class. */
export const moduleMark: unique symbol = Symbol.for("vernal.module") as never;

/** One list of fields that instances of a class have; nearly every class has one. */
export interface Layout {
  readonly cls: ModuleClass;
  /** All fields, in declaration order, superclass first. */
  readonly keys: readonly string[];
  /** The fields that are children of the tree node. */
  readonly dynamic: readonly string[];
  /** The fields that are part of the structure. */
  readonly statics: readonly string[];
  /** For each of `keys`, whether it is static. */
  readonly isStatic: readonly boolean[];
}

/** Facts about one class of Modules. */
export interface ModuleClass {
  readonly kind: "module";
  readonly proto: object;
  readonly name: string;
  /** The classes from this one up to, and without, `Module`. */
  readonly chain: readonly object[];
  /** The merged field specifications. */
  readonly specs: ReadonlyMap<string, FieldOptions>;
  readonly converters: readonly (readonly [string, (value: unknown) => unknown])[];
  /** Every `checkInit` of the chain, the class's own first. */
  readonly checks: readonly ((this: object) => void)[];
  /** Members that `abstractMembers` demand. */
  readonly required: readonly string[];
  readonly layouts: Layout[];
}

/** Works out a class's facts from its prototype. */
export function makeModuleClass(proto: object): ModuleClass {
  const chain: object[] = [];
  const checks: ((this: object) => void)[] = [];
  for (
    let p = proto;
    p !== null && !Object.hasOwn(p, moduleMark);
    p = Object.getPrototypeOf(p)
  ) {
    if (Object.hasOwn(p, "constructor")) chain.push(p.constructor);
    if (Object.hasOwn(p, "checkInit")) checks.push((p as { checkInit: () => void }).checkInit);
  }
  const specs = new Map<string, FieldOptions>();
  const required = new Set<string>();
  for (const cls of chain.toReversed()) {
    for (const [name, options] of ownFieldSpecs(cls)) specs.set(name, options);
    if (Object.hasOwn(cls, "abstractMembers")) {
      for (const name of (cls as { abstractMembers: readonly string[] }).abstractMembers) {
        required.add(name);
      }
    }
  }
  const converters: [string, (value: unknown) => unknown][] = [];
  for (const [name, { converter }] of specs) {
    if (converter !== undefined) converters.push([name, converter]);
  }
  const name = className(proto.constructor);
  return {
    kind: "module",
    proto,
    name,
    chain,
    specs,
    converters,
    checks,
    required: [...required],
    layouts: [],
  };
}

/** The layout of the class with exactly these fields. */
export function layoutWithKeys(cls: ModuleClass, keys: readonly string[]): Layout {
  for (const layout of cls.layouts) if (sameKeys(layout.keys, keys)) return layout;
  for (const key of keys) {
    if (/^(0|[1-9][0-9]*)$/.test(key)) {
      throw new ModuleError(
        `${cls.name}: a field cannot be named '${key}': JavaScript moves integer keys to the front, which ` +
          "would break declaration order; use a name or an array",
      );
    }
  }
  const isStatic = keys.map((key) => cls.specs.get(key)?.static === true);
  const layout: Layout = Object.freeze({
    cls,
    keys,
    dynamic: keys.filter((_, i) => !isStatic[i]),
    statics: keys.filter((_, i) => isStatic[i]),
    isStatic,
  });
  cls.layouts.push(layout);
  return layout;
}

function sameKeys(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** What stands for the name of a class that has none. */
export const anonymous = "(anonymous class)";

/** A class's name for messages, whatever it is called. */
export function className(cls: unknown): string {
  const name = (cls as { name?: unknown } | null | undefined)?.name;
  return typeof name === "string" && name !== "" ? name : anonymous;
}
