/**
 * Deep equality as `@std/assert` means it.
 *
 * @module
 */

/**
 * Whether two values are alike in every part.
 *
 * Numbers compare by `===`, except that NaN is like NaN; dates, regular expressions and URLs by value; sets
 * and maps without regard to order; other objects by constructor and own enumerable keys (symbols
 * too), where a key that holds `undefined` is not like a missing one. Cycles are followed once.
 */
export function equal(a: unknown, b: unknown): boolean {
  return compare(a, b, new Map());
}

type Seen = Map<object, Set<object>>;

function compare(a: unknown, b: unknown, seen: Seen): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a === "number" && typeof b === "number") return a === b;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (!sameClass(a, b)) return false;
  // Two objects already under comparison further up are taken to be alike: only a difference found
  // elsewhere can tell them apart.
  const partners = seen.get(a) ?? new Set<object>();
  if (partners.has(b)) return true;
  seen.set(a, partners.add(b));

  if (a instanceof WeakMap || a instanceof WeakSet) {
    throw new TypeError("equal: the contents of weak collections cannot be compared");
  }
  if (a instanceof WeakRef && b instanceof WeakRef) {
    return compare(a.deref(), b.deref(), seen) && sameKeys(a, b, seen);
  }
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
  if (ArrayBuffer.isView(a) && ArrayBuffer.isView(b) && !(a instanceof DataView)) {
    return sameElements(a as unknown as ArrayLike<unknown>, b as unknown as ArrayLike<unknown>);
  }
  if (a instanceof ArrayBuffer && b instanceof ArrayBuffer) {
    return sameElements(new Uint8Array(a), new Uint8Array(b));
  }
  if (a instanceof Set && b instanceof Set) {
    return a.size === b.size && matchUp([...a], [...b], b, seen);
  }
  if (a instanceof Map && b instanceof Map) {
    if (a.size !== b.size) return false;
    const plain = [...a].every(([k, v]) => b.has(k) && compare(v, b.get(k), seen));
    return plain || matchUp([...a], [...b], null, seen);
  }
  if (a instanceof Error && b instanceof Error && a.message !== b.message) return false;
  return sameKeys(a, b, seen);
}

function sameClass(a: object, b: object): boolean {
  const [ca, cb] = [a.constructor, b.constructor];
  // An object without a prototype is like a plain one.
  return ca === cb || (ca === Object && cb === undefined) || (ca === undefined && cb === Object);
}

function sameElements(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i] && !(Number.isNaN(a[i]) && Number.isNaN(b[i]))) return false;
  }
  return true;
}

function sameKeys(a: object, b: object, seen: Seen): boolean {
  if (Array.isArray(a) && a.length !== (b as unknown[]).length) return false;
  const keys = ownKeys(a);
  if (keys.length !== ownKeys(b).length) return false;
  return keys.every((key) =>
    Object.hasOwn(b, key) &&
    compare(
      (a as Record<PropertyKey, unknown>)[key],
      (b as Record<PropertyKey, unknown>)[key],
      seen,
    )
  );
}

function ownKeys(x: object): PropertyKey[] {
  return Reflect.ownKeys(x).filter((key) => Object.prototype.propertyIsEnumerable.call(x, key));
}

/** Whether each element of `left` has a partner of its own in `right`. */
function matchUp(
  left: unknown[],
  right: unknown[],
  members: ReadonlySet<unknown> | null,
  seen: Seen,
): boolean {
  const rest = new Set(right);
  for (const item of left) {
    if (members?.has(item)) {
      rest.delete(item);
      continue;
    }
    const partner = [...rest].find((other) => compare(item, other, new Map(seen)));
    if (partner === undefined && !rest.has(undefined)) return false;
    rest.delete(partner);
  }
  return true;
}
