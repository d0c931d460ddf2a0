/**
 * Tables that keep one object per description, and let it go when nobody holds it.
 *
 * Tree definitions are interned so that comparing two of them costs one pointer. They may hold closures
 * (static metadata), and a closure may hold arrays, so the table must not keep them alive, not even for
 * the rest of a synchronous run: `new WeakRef(x)` and `deref()` keep `x` until the current job ends, which
 * in a plain loop is never. Hence two ways of being weak:
 *
 * - a description made of primitives alone lies in a `Map` of `WeakRef`s (what may linger is small);
 * - one that mentions objects lies at the end of a chain of `WeakMap`s, one link per object. The chain
 *   reaches the entry only while all of these objects live, and the entry's own references to them do
 *   not count (WeakMaps are ephemerons), so the collector may take all of it at any time.
 *
 * @module
 */

/** How many entries one chain's end may hold by strong references before it turns to `WeakRef`s. */
const strongEntries = 256;

interface Link<V extends object> {
  next: WeakMap<object, Link<V>> | null;
  strong: Map<string, V> | null;
  weak: Map<string, WeakRef<V>> | null;
}

/** Keeps one object per (objects, key), weakly. */
export class WeakInterner<V extends object> {
  #root: Link<V> = { next: null, strong: null, weak: null };
  #registry: FinalizationRegistry<[Map<string, WeakRef<V>>, string]> | null = null;

  /**
   * The object of a description; made if there is none.
   *
   * @param objects The objects that the description mentions, in a fixed order.
   * @param key The rest of it; together with `objects` it must say all there is.
   */
  intern(objects: readonly object[], key: string, make: () => V): V {
    let link = this.#root;
    for (const object of objects) {
      link.next ??= new WeakMap();
      let next = link.next.get(object);
      if (next === undefined) {
        next = { next: null, strong: null, weak: null };
        link.next.set(object, next);
      }
      link = next;
    }
    const found = link.strong?.get(key) ?? link.weak?.get(key)?.deref();
    if (found !== undefined) return found;
    const made = make();
    if (objects.length > 0 && (link.strong === null || link.strong.size < strongEntries)) {
      link.strong ??= new Map();
      link.strong.set(key, made);
      return made;
    }
    link.weak ??= new Map();
    link.weak.set(key, new WeakRef(made));
    this.#registry ??= new FinalizationRegistry(([table, dead]) => {
      if (table.get(dead)?.deref() === undefined) table.delete(dead);
    });
    this.#registry.register(made, [link.weak, key]);
    return made;
  }
}

const ids: WeakMap<object, number> = new WeakMap();
let nextId = 0;

/** A number that no other object has. */
export function objectId(object: object): number {
  let id = ids.get(object);
  if (id === undefined) ids.set(object, id = ++nextId);
  return id;
}
