/**
 * Functions made afresh that are the same to all intents: closures over equal things.
 *
 * @module
 */
import {
  canonicalOf,
  equalsKey,
  type Equatable,
  hasEquality,
  hashKey,
  staticKey,
} from "./static_value.ts";

const identities: WeakMap<object, { text: () => string; parts: readonly unknown[] }> =
  new WeakMap();

/**
 * Gives a closure an equality: it equals every closure of the same kind over the same parts. Parts compare by `Object.is`, or an equality of their own.
 *
 * @param fn The closure; gets the equality.
 * @param kind Where in the sources it is made, and for what.
 * @param parts All that it closes over and that changes what it does.
 */
export function keyed<F extends object>(fn: F, kind: string, parts: readonly unknown[]): F {
  let known: string | null = null;
  const text = () => known ??= `${kind}|${keyOfParts(parts)}`;
  identities.set(fn, { text, parts });
  const equality: Equatable = {
    [equalsKey]: (other) => {
      const theirs = typeof other === "function" ? identities.get(other) : undefined;
      return theirs !== undefined && theirs.text() === text();
    },
    [hashKey]: () => shortHash(text()),
  };
  return Object.assign(fn, equality);
}

/** A text that lists share only if their parts are the same, by `Object.is` or an equality of their own. Objects stand in it by numbers, which hold while they live. */
export function keyOfParts(parts: readonly unknown[]): string {
  return parts.map((x) => staticKey(hasEquality(x) ? canonicalOf(x) : x, [])).join("|");
}

/** A number below 4096 that equal texts share: few, because a table of canonical values never forgets a hash. */
export function shortHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 16)) & 0xfff;
}
