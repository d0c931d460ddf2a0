/**
 * Functions with some of their arguments given, methods bound to their object, and static values: as trees.
 *
 * @module
 */
import { ArgumentError, ModuleError } from "../errors.ts";
import { callableOf } from "./callable.ts";
import { type Field, field } from "./field.ts";
import { boundBrand } from "./brands.ts";
import { settle } from "./guard.ts";
import { isKwargs, type Kwargs, kwargs, splitKwargs } from "./kwargs.ts";
import { Module } from "./module.ts";

/**
 * A function (or Module) with its first arguments given; a tree of the function and those arguments.
 *
 * @example
 * ```ts
 * import { leaves, Partial } from "@vernal/vernal/tree";
 *
 * const add = (x: number, y: number) => x + y;
 * const increment = new Partial(add, 1);
 * increment.call(2); // 3
 * leaves(increment); // [add, 1]
 * ```
 */
export class Partial extends Module {
  /** What is called. */
  readonly func: unknown;
  /** The arguments that go first. */
  readonly args: readonly unknown[];
  /** The keyword arguments, or `null`. */
  readonly kwargs: Kwargs | null;

  /**
   * Keeps the function and its first arguments.
   *
   * @param func A function or a Module with `call`.
   * @param args The first arguments; the last may be `kwargs({ ... })`.
   * @throws {ArgumentError} Where `func` cannot be called.
   */
  constructor(func: unknown, ...args: unknown[]) {
    super();
    callableOf(func, "Partial");
    const [positional, named] = splitKwargs(args);
    this.func = func;
    this.args = positional;
    this.kwargs = named;
    if (new.target === Partial) settle(this);
  }

  /**
   * Calls the function with the arguments given before, then these.
   *
   * @throws {ArgumentError} Where a keyword argument is given twice.
   */
  call(...more: unknown[]): unknown {
    const [positional, named] = splitKwargs(more);
    const args = [...this.args, ...positional];
    if (this.kwargs !== null && named !== null) {
      for (const name of Object.keys(named)) {
        if (Object.hasOwn(this.kwargs, name)) {
          throw new ArgumentError(
            `Partial: keyword argument '${name}' was given when the Partial was made; give it once`,
          );
        }
      }
      args.push(kwargs({ ...this.kwargs, ...named }));
    } else if (this.kwargs ?? named) args.push(this.kwargs ?? named);
    return callableOf(this.func, "Partial")(...args);
  }
}

/**
 * A value hidden in the structure: a tree without leaves.
 *
 * Two are the same structure if their values are the same as static values are: by `Object.is`, by their own
 * `[Symbol.for("vernal.equals")]`, or, for containers, part by part.
 *
 * @example
 * ```ts
 * import { leaves, Static } from "@vernal/vernal/tree";
 *
 * leaves([new Static("relu"), 1]); // [1]
 * ```
 */
export class Static<T = unknown> extends Module {
  /** `value` is static. */
  static readonly fields: { readonly value: Field } = { value: field({ static: true }) };
  /** What is hidden. */
  readonly value: T;

  /** Hides `value`; `undefined` becomes `null`. */
  constructor(value: T) {
    super();
    this.value = (value ?? null) as T;
    if (new.target === Static) settle(this);
  }
}

/** The name of a method of `M`. */
export type MethodName<M> = {
  // deno-lint-ignore no-explicit-any -- the one type that every method is assignable to
  [K in keyof M]: M[K] extends (...args: any) => unknown ? K : never;
}[keyof M];

/** A method with its object: a tree whose child is the object. Made by {@linkcode method}. */
export class BoundMethod<
  A extends readonly unknown[] = readonly unknown[],
  R = unknown,
> extends Module {
  /** `name` is static. */
  static readonly fields: { readonly name: Field } = { name: field({ static: true }) };
  /** The object. */
  readonly self: object;
  /** The method's name. */
  readonly name: string;

  /** Use {@linkcode method}, which checks its arguments. */
  constructor(self: object, name: string) {
    super();
    this.self = self;
    this.name = name;
    if (new.target === BoundMethod) settle(this);
  }

  /** Calls the method. */
  call(...args: A): R {
    return (this.self as Record<string, (...args: A) => R>)[this.name]!(...args);
  }

  /** Tells a Module that holds it whose method it is. */
  get [boundBrand](): object {
    return this.self;
  }
}

/**
 * A method bound to its object, as a tree: a transformation sees the object's arrays.
 *
 * `model.f.bind(model)` is a leaf, whose arrays no transformation sees.
 *
 * @param self A Module, or any other object.
 * @param name The name of one of its methods.
 * @throws {ModuleError} Where it has no such method.
 *
 * @example
 * ```ts
 * import { leaves, method, Module } from "@vernal/vernal/tree";
 *
 * class Scale extends Module {
 *   readonly factor: number = 3;
 *   times(x: number): number {
 *     return this.factor * x;
 *   }
 * }
 *
 * const times = method(new Scale(), "times");
 * times.call(2); // 6
 * leaves(times); // [3]
 * ```
 */
export function method<M extends object, K extends MethodName<M> & string>(
  self: M,
  name: K,
): M[K] extends (...args: infer A) => infer R ? BoundMethod<A, R> : never {
  if (typeof (self as Record<string, unknown>)[name] !== "function" || isKwargs(self)) {
    throw new ModuleError(
      `method: ${self?.constructor?.name ?? "the object"} has no method '${name}'`,
    );
  }
  return new BoundMethod(self, name) as ReturnType<typeof method<M, K>>;
}
