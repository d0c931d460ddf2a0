/**
 * Which scope the arrays that are being made belong to; see `scope.ts`.
 *
 * Apart from it because every array passes here as it is made.
 *
 * @module
 */
import type { Removal } from "./concrete.ts";

/** An array, as scopes know it. */
export interface ScopedArray {
  /** Whether scopes leave it alone, because a cache holds it. */
  readonly isKept: boolean;
  /** Gives its elements up. */
  release(by: Removal): void;
}

/** Arrays made since a scope was entered. */
export interface OpenScope {
  readonly arrays: ScopedArray[];
  /** Whether it still frees what is made: a task that a scope started may outlive it. */
  isOpen: boolean;
}

let current: OpenScope | null = null;
/** Finds the scope of the asynchronous task that is running, while asynchronous scopes are open. */
let lookUp: (() => OpenScope | undefined) | null = null;

/** Notes a new array in the scope that is open, if one is. */
export function enterScope(x: ScopedArray): void {
  if (current === null && lookUp === null) return;
  const scope = openScope();
  if (scope !== null) scope.arrays.push(x);
}

/** The scope that new arrays belong to. */
export function openScope(): OpenScope | null {
  const scope = current ?? lookUp?.() ?? null;
  return scope !== null && scope.isOpen ? scope : null;
}

/** Makes `scope` the one that new arrays belong to; gives what {@linkcode setOpenScope} must be called with afterwards. */
export function setOpenScope(scope: OpenScope | null): OpenScope | null {
  const previous = current;
  current = scope;
  return previous;
}

/** Sets how scopes of asynchronous tasks are found; `null` while there are none. */
export function setScopeLookup(fn: (() => OpenScope | undefined) | null): void {
  lookUp = fn;
}
