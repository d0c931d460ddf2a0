/**
 * Keyword arguments: an object that says of itself that it is options, not data.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";

/** Marks the prototype of every object that {@linkcode kwargs} makes. */
export const kwargsBrand: unique symbol = Symbol.for("vernal.kwargs") as never;

/** The brand, to the type checker. */
export interface KwargsBranded {
  /** On the prototype; neither listed nor copied. */
  readonly [kwargsBrand]: true;
}

/** What {@linkcode kwargs} returns: the entries of `T`, branded. */
export type Kwargs<T extends object = Record<string, unknown>> = T & KwargsBranded;

// The brand sits on the prototype: it costs nothing per object, `Object.keys` and spreading do not see
// it, and a branded object is told from a dictionary by one comparison.
const prototype: object = Object.freeze(Object.defineProperty({}, kwargsBrand, { value: true }));

/** The prototype of branded objects. */
export function kwargsPrototype(): object {
  return prototype;
}

/**
 * Brands an object as keyword arguments, for functions that take any number of positional ones.
 *
 * A transformation takes its own options out of it and hands on the rest, brand kept, as the last argument
 * of the function. As a tree it is a dictionary that stays branded when flattened and unflattened.
 *
 * @param entries The options; copied, keys that are symbols are not.
 *
 * @example
 * ```ts
 * import { isKwargs, kwargs } from "@vernal/vernal/tree";
 *
 * const options = kwargs({ hasAux: true });
 * options.hasAux; // true
 * isKwargs(options); // true
 * isKwargs({ hasAux: true }); // false: a dictionary is data
 * ```
 */
export function kwargs<T extends object>(entries: T): Kwargs<T> {
  const branded = Object.create(prototype);
  for (const key of Object.keys(entries)) branded[key] = (entries as Record<string, unknown>)[key];
  return branded;
}

/** Whether `x` was made by {@linkcode kwargs}. */
export function isKwargs(x: unknown): x is Kwargs {
  return typeof x === "object" && x !== null && Object.getPrototypeOf(x) === prototype;
}

/**
 * Takes trailing keyword arguments off a list of arguments.
 *
 * @returns The positional arguments, and the keyword arguments or `null`.
 */
export function splitKwargs(args: readonly unknown[]): [unknown[], Kwargs | null] {
  const last = args[args.length - 1];
  return isKwargs(last) ? [args.slice(0, -1), last] : [args.slice(), null];
}

/**
 * Takes a transformation's own options out of keyword arguments.
 *
 * @param names The options that are the transformation's.
 * @returns Those options, and what is left, branded; `null` when nothing is left.
 */
export function takeOptions<K extends string>(
  given: Kwargs<object> | null,
  names: readonly K[],
): [Partial<Record<K, unknown>>, Kwargs | null] {
  const own: Partial<Record<K, unknown>> = {};
  if (given === null) return [own, null];
  const rest = Object.create(prototype);
  let any = false;
  for (const key of Object.keys(given)) {
    const value = (given as Kwargs)[key];
    if ((names as readonly string[]).includes(key)) own[key as K] = value;
    else {
      rest[key] = value;
      any = true;
    }
  }
  return [own, any ? rest : null];
}

/** Checks that an options object has only known keys. */
export function checkOptions(name: string, options: object, known: readonly string[]): void {
  for (const key in options) {
    if (!known.includes(key)) {
      throw new ArgumentError(`${name}: unknown option ${key}; it takes ${known.join(", ")}`);
    }
  }
}
