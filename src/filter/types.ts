/**
 * Types of trees: gradients, axes, prefixes.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import type { TypedArray } from "../core/dtype.ts";

/** A tree: anything. Arrays, plain objects, `Map`s and Modules are nodes, the rest are leaves. */
export type PyTree = unknown;

/** A tree of which nothing is known, and everything may be assumed: what rules of users get and give. */
// deno-lint-ignore no-explicit-any -- types do not follow trees through transformations
export type AnyTree = any;

/**
 * The gradient of a `T`: arrays stay arrays (`null` where they are not floating, which types cannot tell),
 * other leaves become `null`; containers and classes keep their form.
 *
 * Methods are kept, so that a gradient of a Module is one. TypeScript cannot tell a method from a field that
 * holds a function, so such a field also claims to be a function, while its gradient is `null`.
 */
export type Grad<T> = T extends NDArray ? NDArray
  : T extends TypedArray ? NDArray
  : T extends string | number | bigint | boolean | symbol | null | undefined ? null
  // deno-lint-ignore no-explicit-any -- the one type that every function is assignable to
  : T extends (...args: any) => unknown ? T
  : T extends ReadonlyMap<infer K, infer V> ? Map<K, Grad<V>>
  : T extends object ? { [K in keyof T]: K extends symbol ? T[K] : Grad<T[K]> }
  : null;

/** Which axis of a leaf to map: an axis, none, or a function that tells. */
export type Axis = number | null | ((leaf: unknown) => number | null);

/**
 * Axes for one argument: an {@linkcode Axis} for all of it, or a tree of axes as a prefix of the argument.
 */
export type AxesOf<T> =
  | Axis
  | (T extends NDArray | TypedArray | string | number | bigint | boolean | symbol | null | undefined
    ? never
    // deno-lint-ignore no-explicit-any -- the one type that every function is assignable to
    : T extends (...args: any) => unknown ? never
    : T extends readonly unknown[] ? { readonly [K in keyof T]: AxesOf<T[K]> }
    : T extends ReadonlyMap<infer K, infer V> ? ReadonlyMap<K, AxesOf<V>>
    : T extends object ? {
        readonly [
          K in keyof T as K extends symbol ? never
            // deno-lint-ignore no-explicit-any -- as above
            : T[K] extends (...args: any) => unknown ? never
            : K
        ]?: AxesOf<T[K]>;
      }
    : never);

/**
 * `inAxes` for a function of parameters `A`: one axis for everything, or one entry per parameter; or an
 * object keyed by parameter name.
 */
export type AxesSpec<A extends readonly unknown[]> =
  | Axis
  | { readonly [I in keyof A]: AxesOf<A[I]> }
  | { readonly [name: string]: unknown };
