/**
 * What may be called: functions, Modules with `call`, Module classes; and functions that are trees.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import { transformedBrand } from "./finish.ts";
import { moduleMark } from "./layout.ts";
import { describeNode } from "./mismatch.ts";
import { registerPytreeNode } from "./registry.ts";

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

/** What {@linkcode pytreeFunction} hides in a function. */
interface Wrapping {
  readonly wrapped: unknown;
  readonly options: unknown;
  readonly rebuild: (wrapped: never, options: never) => unknown;
}

const wrappings: WeakMap<object, Wrapping> = new WeakMap();
let wrapperClass: { prototype: object } | null = null;

/**
 * Makes a function a tree: its one child is what it wraps, its structure how it wraps it.
 *
 * That is how a transformed Module still shows its weights, and how `filterJit(filterGrad(f))` made anew in every
 * iteration is the same to the cache.
 *
 * @param fn The function; its prototype is changed, and its name becomes that of `wrapped`.
 * @param wrapped What it wraps: a function, a Module, another such function.
 * @param options The rest that it depends on; compared as static values are.
 * @param rebuild Makes the function again from another `wrapped` and the options. It must be one and the
 * same function each time (not a closure), since it is part of the structure.
 */
export function pytreeFunction<F extends object, W, O>(
  fn: F,
  wrapped: W,
  options: O,
  rebuild: (wrapped: W, options: O) => F,
): F {
  wrapperClass ??= registerWrapper();
  wrappings.set(fn, { wrapped, options, rebuild: rebuild as Wrapping["rebuild"] });
  Object.setPrototypeOf(fn, wrapperClass.prototype);
  Object.defineProperty(fn, "name", { value: callableName(wrapped), configurable: true });
  return fn;
}

/** What a function made by {@linkcode pytreeFunction} wraps; `undefined` for other functions. */
export function wrappedBy(fn: unknown): unknown {
  return typeof fn === "function" ? wrappings.get(fn)?.wrapped : undefined;
}

/** Marks a function made by an unfiltered transformation, so that storing it in a Module warns. */
export function markTransformed<F extends object>(fn: F, wrapped: unknown): F {
  return Object.defineProperty(fn, transformedBrand, { value: wrapped });
}

function registerWrapper(): { prototype: object } {
  class WrappedFunction {}
  Object.setPrototypeOf(WrappedFunction.prototype, Function.prototype);
  registerPytreeNode(
    WrappedFunction,
    (fn) => {
      const { wrapped, options, rebuild } = wrappings.get(fn)!;
      return [[wrapped], [rebuild, options]];
    },
    ([rebuild, options]: [(wrapped: unknown, options: unknown) => object, unknown], [wrapped]) =>
      rebuild(wrapped, options),
    {
      flattenWithKeys: (fn) => {
        const { wrapped, options, rebuild } = wrappings.get(fn)!;
        return [[["wrapped", wrapped]], [rebuild, options]];
      },
    },
  );
  return WrappedFunction;
}
