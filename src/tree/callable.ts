/**
 * What may be called: functions, Modules with `call`, Module classes.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import { transformedBrand } from "./brands.ts";
import { moduleMark } from "./layout.ts";
import { describeNode } from "./mismatch.ts";

/** An object that is called through its method `call`, as Modules are. */
export interface HasCall<A extends readonly unknown[] = never[], R = unknown> {
  /** Does what calling the object means. */
  call(...args: A): R;
}

/** A function, or a Module with a method `call`. */
export type Callable<A extends readonly unknown[] = never[], R = unknown> =
  | ((...args: A) => R)
  | HasCall<A, R>;

/** Whether {@linkcode callableOf} takes it. */
export function isCallable(x: unknown): x is Callable {
  return typeof x === "function" ||
    (typeof x === "object" && x !== null && typeof (x as Partial<HasCall>).call === "function");
}

/**
 * A plain function that calls what a transformation was given.
 *
 * @param callable A function; a Module (or other object) with a method `call`; or a class of Modules, which
 * is called with `new`.
 * @param caller The public function to name in the message.
 * @throws {ArgumentError} For anything else.
 */
export function callableOf(
  callable: unknown,
  caller = "callableOf",
): (...args: unknown[]) => unknown {
  if (typeof callable === "function") {
    if (!isModuleClass(callable)) return callable as (...args: unknown[]) => unknown;
    return (...args) => Reflect.construct(callable, args);
  }
  if (isCallable(callable)) {
    return (...args) => (callable as HasCall<unknown[]>).call(...args);
  }
  throw new ArgumentError(
    `${caller}: expected a function, or a Module with a method 'call'; got ${
      describeNode(callable)
    }`,
  );
}

// deno-lint-ignore ban-types -- any function at all
function isModuleClass(fn: Function): boolean {
  const proto: unknown = fn.prototype;
  return typeof proto === "object" && proto !== null && moduleMark in proto;
}

/** The name of something callable, for messages and printing. */
export function callableName(callable: unknown): string {
  if (typeof callable === "function") return callable.name || "(anonymous)";
  return (callable as object | null)?.constructor?.name ?? "(anonymous)";
}

/** Marks a function made by an unfiltered transformation, so that storing it in a Module warns. */
export function markTransformed<F extends object>(fn: F, wrapped: unknown): F {
  return Object.defineProperty(fn, transformedBrand, { value: wrapped });
}

/** Whether a call gave a promise: it was of an asynchronous function. */
export function isPromise(x: unknown): x is PromiseLike<unknown> {
  return typeof x === "object" && x !== null && "then" in x && typeof x.then === "function";
}

/** Whether something is what a generator function, or an asynchronous one, returns: it runs when it is asked for a value. */
export function isGenerator(x: unknown): boolean {
  const tag = Object.prototype.toString.call(x);
  return tag === "[object Generator]" || tag === "[object AsyncGenerator]";
}

/** Lets a promise go that nobody will wait for: an error that it ends in is not to be reported as unhandled. */
export function abandon(promise: PromiseLike<unknown>): void {
  promise.then(() => {}, () => {});
}

/**
 * Any value at all, of which TypeScript takes a literal `[a, b]` for a tuple and not for a list: what loops carry.
 *
 * Its members say nothing that `unknown` does not, but that one of them is a tuple decides how literals are read.
 */
export type AsTuples = [unknown] | NonNullable<unknown> | null | undefined;
