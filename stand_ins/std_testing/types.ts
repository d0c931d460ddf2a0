/**
 * A stand-in for `@std/testing/types`: assertions that hold, or fail, while types are checked.
 *
 * @module
 */

/** Fails to type-check unless `T` is what `_expectTrue` says. */
export function assertType<T extends boolean>(_expectTrue: T): void {}

/** Whether `T` is `any`: the only type that `0` may be intersected into from `1`. */
export type IsAny<T> = 0 extends 1 & T ? true : false;

/** Whether `T` is `never`. */
export type IsNever<T> = [T] extends [never] ? true : false;

/** Whether `T` is `unknown`. */
export type IsUnknown<T> = IsAny<T> extends true ? false : unknown extends T ? true : false;

/** Whether `T` may be null. */
export type IsNullable<T> = null extends T ? true : undefined extends T ? true : false;

/** Whether the two are the same type; `any` is like `any` only. */
export type IsExact<T, U> = IsAny<T> extends true ? IsAny<U>
  : IsAny<U> extends true ? false
  : (<X>() => X extends T ? 1 : 2) extends (<X>() => X extends U ? 1 : 2) ? true
  : IsMutual<Flat<T>, Flat<U>>;

/** Whether `T` has `U` as one of its members. */
export type Has<T, U> = IsAny<T> extends true ? true
  : IsAny<U> extends true ? false
  : Extract<T, U> extends never ? false
  : true;

/** Whether `T` lacks `U` among its members. */
export type NotHas<T, U> = Has<T, U> extends true ? false : true;

/** Fails to type-check unless its argument is `true`. */
export type AssertTrue<T extends true> = T;

/** Fails to type-check unless its argument is `false`. */
export type AssertFalse<T extends false> = T;

/** `IsExact` in the form of a type-level assertion. */
export type Assert<T extends boolean, Expected extends T> = Expected;

// An intersection of object types and the object type that it amounts to are the same type to a reader.
type Flat<T> = T extends (...args: never[]) => unknown ? T
  : T extends object ? { [K in keyof T]: T[K] }
  : T;

type IsMutual<T, U> = (<X>() => X extends T ? 1 : 2) extends (<X>() => X extends U ? 1 : 2) ? true
  : false;
