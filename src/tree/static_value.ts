/**
 * Static values: what is compared, not traced. Fields marked static, metadata of registered classes, keys
 * of `Map`s.
 *
 * Two static values are the same if `Object.is` says so, or the first one's own
 * `[Symbol.for("vernal.equals")]` does, or if they are plain arrays, plain objects, `Map`s or other tree
 * nodes whose parts are the same (`[3, 3]` is `[3, 3]`, as tuples are in Python). Every class of equal
 * values has one *canonical* member, so that later comparisons cost one pointer. For plain containers it is
 * a frozen copy: were it the user's own object, a later change of that object would change tree
 * definitions that exist already.
 *
 * @module
 */
import { equalsKey, hashKey } from "./brands.ts";
import { objectId, WeakInterner } from "./interner.ts";
import { nodeTypeOf } from "./registry.ts";

export { equalsKey, hashKey };

/** Something with an equality of its own. */
export interface Equatable {
  /** Whether `other` is the same to all intents. */
  [equalsKey](other: unknown): boolean;
  /** The same for equal values; without it values of one class are compared one by one. */
  [hashKey]?(): string | number;
}

/** How nodes other than plain containers are taken apart; given by flatten.ts, which is above. */
export interface NodeCodec {
  /** The node's leaves and its interned definition. */
  flatten(node: unknown): readonly [leaves: unknown[], def: object];
  /** The inverse. */
  unflatten(def: object, leaves: readonly unknown[]): unknown;
}

const canonical: WeakSet<object> = new WeakSet();
const containers: WeakInterner<object> = new WeakInterner();
/** Definitions of canonical nodes, kept as long as the node: their ids are part of its description. */
const definitions: WeakMap<object, object> = new WeakMap();

interface Bucket {
  /** Canonical values of one class and hash. */
  members: WeakRef<object>[];
}
const buckets: WeakMap<object, Map<string | number, Bucket>> = new WeakMap();

/** The canonical member of the value's class of equals. */
export function canonicalStatic(value: unknown, codec: NodeCodec): unknown {
  if (!isObject(value)) return value;
  return canonicalObject(value, [], codec);
}

function canonicalObject(value: object, within: object[], codec: NodeCodec): object {
  if (canonical.has(value)) return value;
  if (typeof (value as Partial<Equatable>)[equalsKey] === "function") {
    return canonicalEquatable(value as Equatable);
  }
  const type = nodeTypeOf(value);
  if (type.kind === "leaf" || within.includes(value)) return value; // a cycle: by identity
  within.push(value);
  try {
    return canonicalNode(value, type.kind, within, codec);
  } finally {
    within.pop();
  }
}

function canonicalNode(
  value: object,
  kind: string,
  within: object[],
  codec: NodeCodec,
): object {
  const part = (x: unknown) => isObject(x) ? canonicalObject(x, within, codec) : x;
  const objects: object[] = [];
  const list = (parts: readonly unknown[]) => {
    let text = "";
    for (const x of parts) text += `,${staticKey(x, objects)}`;
    return text;
  };
  switch (kind) {
    case "array": {
      const parts = Array.from(value as unknown[], part);
      return add(containers.intern(objects, `[${list(parts)}`, () => Object.freeze(parts)));
    }
    case "dict": {
      // Key order counts here: code that reads a static object can see it.
      const keys = Object.keys(value);
      const parts = keys.map((key) => part((value as Record<string, unknown>)[key]));
      return add(
        containers.intern(objects, `{${list(keys)}:${list(parts)}`, () => {
          const copy = {};
          keys.forEach((key, i) =>
            Object.defineProperty(copy, key, { value: parts[i], enumerable: true })
          );
          return Object.freeze(copy);
        }),
      );
    }
    case "map": {
      const entries = [...(value as Map<unknown, unknown>)].map(([k, v]) =>
        [part(k), part(v)] as const
      );
      return add(
        containers.intern(objects, `m${list(entries.flat())}`, () => new Map(entries)),
      );
    }
    default: {
      const [leaves, def] = codec.flatten(value);
      const parts = leaves.map(part);
      objects.push(def);
      const node = containers.intern(
        objects,
        `t${objectId(def)}${list(parts)}`,
        () => codec.unflatten(def, parts) as object,
      );
      definitions.set(node, def);
      return add(node);
    }
  }
}

function add(value: object): object {
  canonical.add(value);
  return value;
}

/** Whether a value has an equality of its own. */
export function hasEquality(value: unknown): value is Equatable {
  return isObject(value) && typeof (value as Partial<Equatable>)[equalsKey] === "function";
}

/** The canonical member of the class of equals of a value that has an equality of its own. */
export function canonicalOf(value: Equatable): object {
  return canonical.has(value) ? value : canonicalEquatable(value);
}

function canonicalEquatable(value: Equatable): object {
  const cls = Object.getPrototypeOf(value) ?? Object.prototype;
  let table = buckets.get(cls);
  if (table === undefined) buckets.set(cls, table = new Map());
  const hash = value[hashKey]?.() ?? "";
  let bucket = table.get(hash);
  if (bucket === undefined) table.set(hash, bucket = { members: [] });
  let dead = false;
  for (const ref of bucket.members) {
    const member = ref.deref();
    if (member === undefined) dead = true;
    else if ((member as Equatable)[equalsKey](value)) return member;
  }
  if (dead) bucket.members = bucket.members.filter((ref) => ref.deref() !== undefined);
  bucket.members.push(new WeakRef(value));
  return add(value);
}

/**
 * A text that two canonical values share only if they are the same. Objects are written as their ids and
 * pushed to `objects`.
 */
export function staticKey(value: unknown, objects: object[]): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      return `${value}n`;
    case "boolean":
      return value ? "t" : "f";
    case "undefined":
      return "u";
    case "symbol": {
      const name = Symbol.keyFor(value);
      return name !== undefined ? `s${JSON.stringify(name)}` : `S${symbolId(value)}`;
    }
    default:
      if (value === null) return "null";
      objects.push(value as object);
      return `o${objectId(value as object)}`;
  }
}

const symbolIds: WeakMap<symbol, number> = new WeakMap();
let nextSymbolId = 0;

function symbolId(symbol: symbol): number {
  let id = symbolIds.get(symbol);
  if (id === undefined) symbolIds.set(symbol, id = ++nextSymbolId);
  return id;
}

/** Whether `value` belongs to the class of equals of the canonical value `known`. */
export function sameStatic(known: unknown, value: unknown, codec: NodeCodec): boolean {
  if (Object.is(known, value)) return true;
  if (!isObject(known) || !isObject(value)) return false;
  if (Array.isArray(known)) {
    if (!Array.isArray(value) || value.length !== known.length) return false;
    for (let i = 0; i < known.length; i++) {
      const [a, b] = [known[i], value[i]];
      if (!Object.is(a, b) && !sameStatic(a, b, codec)) return false;
    }
    return true;
  }
  if (Object.getPrototypeOf(known) === Object.prototype && !(equalsKey in known)) {
    if (nodeTypeOf(value).kind !== "dict") return false;
    const keys = Object.keys(known);
    const given = Object.keys(value);
    return keys.length === given.length && keys.every((key, i) =>
      key === given[i] && sameStatic(
        (known as Record<string, unknown>)[key],
        (value as Record<string, unknown>)[key],
        codec,
      )
    );
  }
  if (typeof known === "function" && typeof value === "function" && !(equalsKey in known)) {
    return nodeTypeOf(known).kind !== "leaf" && canonicalStatic(value, codec) === known;
  }
  return canonicalStatic(value, codec) === known;
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
