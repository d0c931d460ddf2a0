/**
 * `scope`: frees what a function made and did not return.
 *
 * @module
 */
import { builtinModule } from "../core/builtin_module.ts";
import { isEager } from "../core/trace.ts";
import type { Removal } from "./concrete.ts";
import { isPromise } from "../tree/callable.ts";
import { leaves } from "../tree/mod.ts";
import { type OpenScope, openScope, setOpenScope, setScopeLookup } from "./scope_stack.ts";

/** What is used of Node's `AsyncLocalStorage`. */
interface TaskLocal {
  run<T>(store: OpenScope, fn: () => T): T;
  getStore(): OpenScope | undefined;
}

const scopeEnd: Removal = {
  what: "the end of a scope()",
  advice: "Return it from the scope's function, anywhere in the tree that it returns",
};

let tasks: TaskLocal | null = null;
let openAsync = 0;

/**
 * Calls `fn` and frees every array that was made meanwhile, except those in the tree that it returns.
 *
 * Without it, too, arrays that nobody holds are freed, but later. Arrays that `fn` stored elsewhere are
 * freed like the others: a later use throws a `DonatedError`. Where `fn` throws, all are freed.
 *
 * `fn` may be asynchronous; what other tasks make while it waits is left alone. (Where the host has no
 * `AsyncLocalStorage`, what `fn` makes after its first `await` is left to the garbage collector.)
 *
 * Inside of a transformed function it frees nothing itself, because what is made there may be needed later, as by a gradient: such arrays
 * belong to the scope outside.
 *
 * @returns What `fn` returned; arrays in it belong to the scope outside, if there is one.
 *
 * @example
 * ```ts
 * import { numpy as np, scope } from "@vernal/vernal";
 *
 * const norm = scope(() => {
 *   const x = np.ones([1000, 1000]);
 *   return np.sqrt(np.sum(x.mul(x))); // x and x·x are freed on return
 * });
 * console.log(norm.item()); // 1000
 * ```
 */
export function scope<T>(fn: () => T): T {
  if (!isEager()) return fn();
  const outer = openScope();
  const inner: OpenScope = { arrays: [], isOpen: true };
  const local = taskLocal();
  const result = enter(inner, outer, local === null ? fn : () => local.run(inner, fn));
  if (!isPromise(result)) {
    close(inner, outer, result);
    return result;
  }
  if (local !== null && openAsync++ === 0) setScopeLookup(() => local.getStore());
  const leave = (value: unknown): void => {
    if (local !== null && --openAsync === 0) setScopeLookup(null);
    close(inner, outer, value);
  };
  return result.then((value) => {
    leave(value);
    return value;
  }, (error) => {
    leave(null);
    throw error;
  }) as T;
}

/** {@linkcode scope} for the library's own synchronous functions: it loads nothing, and temporaries of large results are used again at once. */
export function freeTemporaries<T>(fn: () => T): T {
  if (!isEager()) return fn();
  const outer = openScope();
  const inner: OpenScope = { arrays: [], isOpen: true };
  const result = enter(inner, outer, fn);
  close(inner, outer, result);
  return result;
}

/** Calls `fn` with a scope open; where it throws, all that it made is freed. */
function enter<T>(inner: OpenScope, outer: OpenScope | null, fn: () => T): T {
  const previous = setOpenScope(inner);
  try {
    return fn();
  } catch (error) {
    close(inner, outer, null);
    throw error;
  } finally {
    setOpenScope(previous);
  }
}

function close(inner: OpenScope, outer: OpenScope | null, result: unknown): void {
  inner.isOpen = false;
  if (inner.arrays.length === 0) return;
  const kept = new Set<unknown>(leaves(result));
  for (const x of inner.arrays) {
    if (kept.has(x) || x.isKept) {
      if (outer !== null) outer.arrays.push(x);
    } else x.release(scopeEnd);
  }
  inner.arrays.length = 0;
}

/** Node's `AsyncLocalStorage`, which Deno, Bun and workerd have too; `null` in browsers. */
function taskLocal(): TaskLocal | null {
  if (tasks !== null) return tasks;
  const hooks = builtinModule<{ AsyncLocalStorage: new () => TaskLocal }>("node:async_hooks");
  if (hooks !== null) tasks = new hooks.AsyncLocalStorage();
  return tasks;
}
