/**
 * A stand-in for `@std/assert`: the assertions that this repository's tests use, under the same names
 * and with the same meaning, so that the tests run where JSR cannot be reached.
 *
 * `deno.json` points here by `links`; without that line the real package is used. Where the two
 * differ, this one is the stricter: `assertEquals` tells two classes apart even when both are empty.
 *
 * @module
 */
import { equal } from "./equal.ts";
import { show } from "./show.ts";

export { equal } from "./equal.ts";

/** What every failed assertion throws. */
export class AssertionError extends Error {
  /** Makes the error. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

/** A class, abstract or not, whose instances are `T`. */
// deno-lint-ignore no-explicit-any -- a constructor may take anything
export type AnyConstructor<T> = abstract new (...args: any[]) => T;

/** What {@linkcode assertArrayIncludes} takes: an array or a TypedArray, but no text. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

function raise(message: string, msg?: string): never {
  throw new AssertionError(msg === undefined ? message : `${message}: ${msg}`);
}

/** Asserts that `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Asserts that `expr` is falsy. */
export function assertFalse<T>(
  expr: T,
  msg = "",
): asserts expr is T & (false | 0 | 0n | "" | null | undefined) {
  if (expr) throw new AssertionError(msg);
}

/** Asserts that the two values are alike in every part; see {@linkcode equal}. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  raise(
    `Values are not equal\n  actual:   ${show(actual)}\n  expected: ${show(expected)}`,
    msg,
  );
}

/** Asserts that the two values differ somewhere. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  raise(`Values are equal, and should not be: ${show(actual)}`, msg);
}

/** Asserts that the two are the same value, by `Object.is`. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  const alike = equal(actual, expected) ? " (alike, but not the same value)" : "";
  raise(
    `Values are not strictly equal${alike}\n  actual:   ${show(actual)}\n  expected: ${
      show(expected)
    }`,
    msg,
  );
}

/** Asserts that the two are not the same value, by `Object.is`. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!Object.is(actual, expected)) return;
  raise(`Values are strictly equal, and should not be: ${show(actual)}`, msg);
}

/**
 * Asserts that two numbers are near each other.
 *
 * @param tolerance The largest difference allowed; by default 1e-7 of `expected`, at least 1e-7.
 */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ??
    (Number.isFinite(expected) ? Math.abs(expected * 1e-7) || 1e-7 : 1e-7);
  const delta = Math.abs(expected - actual);
  if (delta <= allowed) return;
  raise(`${actual} is not within ${allowed} of ${expected} (off by ${delta})`, msg);
}

/** Asserts that `actual` is neither null nor undefined. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual === null || actual === undefined) {
    raise(`Expected a value that exists, got ${String(actual)}`, msg);
  }
}

/** Asserts that `actual` was made by the class. */
export function assertInstanceOf<T>(
  actual: unknown,
  expectedType: AnyConstructor<T>,
  msg?: string,
): asserts actual is T {
  if (actual instanceof expectedType) return;
  raise(`Expected an instance of ${expectedType.name}, got ${describe(actual)}`, msg);
}

/** Asserts that `actual` was not made by the class. */
export function assertNotInstanceOf<A, T>(
  actual: A,
  unexpectedType: AnyConstructor<T>,
  msg?: string,
): asserts actual is Exclude<A, T> {
  if (!(actual instanceof unexpectedType)) return;
  raise(`Expected anything but an instance of ${unexpectedType.name}`, msg);
}

/** Asserts that `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (actual.includes(expected)) return;
  raise(`Expected the text ${show(actual)} to contain ${show(expected)}`, msg);
}

/** Asserts that every element of `expected` occurs in `actual`. */
export function assertArrayIncludes<T>(
  actual: ArrayLikeArg<T>,
  expected: ArrayLikeArg<T>,
  msg?: string,
): void {
  const missing = Array.from(expected).filter((e) => !Array.from(actual).some((a) => equal(a, e)));
  if (missing.length === 0) return;
  raise(`Expected ${show(actual)} to include ${show(missing)}`, msg);
}

/** Asserts that the text matches. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) return;
  raise(`Expected the text ${show(actual)} to match ${expected}`, msg);
}

/** Asserts that the text does not match. */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) return;
  raise(`Expected the text ${show(actual)} not to match ${expected}`, msg);
}

/** Asserts that every property of `expected`, at any depth, is in `actual` and alike. */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any -- the real one takes any record, classes included
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  const path = firstMismatch(actual, expected, "");
  if (path === null) return;
  raise(
    `Expected the object to match; it does not at ${path || "the top"}\n` +
      `  actual:   ${show(actual)}\n  expected: ${show(expected)}`,
    msg,
  );
}

function firstMismatch(actual: unknown, expected: unknown, path: string): string | null {
  if (!isRecord(expected) || !isRecord(actual)) return equal(actual, expected) ? null : path;
  if (Array.isArray(expected) && Array.isArray(actual) && expected.length > actual.length) {
    return path;
  }
  for (const key of Reflect.ownKeys(expected)) {
    const at = `${path}.${String(key)}`;
    if (!(key in actual)) return at;
    const found = firstMismatch(actual[key], expected[key], at);
    if (found !== null) return found;
  }
  return null;
}

function isRecord(x: unknown): x is Record<PropertyKey, unknown> {
  if (typeof x !== "object" || x === null) return false;
  return !(x instanceof Map || x instanceof Set || x instanceof Date || x instanceof RegExp ||
    ArrayBuffer.isView(x));
}

/** Asserts that `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (actual > expected) return;
  raise(`Expected ${show(actual)} > ${show(expected)}`, msg);
}

/** Asserts that `actual >= expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (actual >= expected) return;
  raise(`Expected ${show(actual)} >= ${show(expected)}`, msg);
}

/** Asserts that `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (actual < expected) return;
  raise(`Expected ${show(actual)} < ${show(expected)}`, msg);
}

/** Asserts that `actual <= expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (actual <= expected) return;
  raise(`Expected ${show(actual)} <= ${show(expected)}`, msg);
}

/** Asserts that `error` is an Error of the class, whose message includes the text or matches. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  errorClass?: AnyConstructor<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  if (!(error instanceof Error)) raise(`Expected an Error, got ${describe(error)}`, msg);
  if (errorClass !== undefined && !(error instanceof errorClass)) {
    raise(`Expected the error ${errorClass.name}, got ${describe(error)}: ${error.message}`, msg);
  }
  if (msgMatches === undefined) return;
  const fits = typeof msgMatches === "string"
    ? error.message.includes(msgMatches)
    : msgMatches.test(error.message);
  if (!fits) {
    raise(
      `Expected the error's message to ${
        typeof msgMatches === "string" ? `include ${show(msgMatches)}` : `match ${msgMatches}`
      }, got ${show(error.message)}`,
      msg,
    );
  }
}

/** Asserts that `fn` throws, and gives what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Asserts that `fn` throws an error of the class whose message includes the text. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  // deno-lint-ignore no-explicit-any -- a constructor may take anything
  errorClass: abstract new (...args: any[]) => E,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  classOrMsg?: AnyConstructor<Error> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const byClass = typeof classOrMsg === "function";
  const note = byClass ? msg : classOrMsg;
  try {
    const value = fn();
    // A promise here means that the assertion would pass whatever happens to it later.
    if (isPromiseLike(value)) {
      Promise.resolve(value).catch(() => {});
      raise("Expected the function to throw, but it gave a promise: use assertRejects", note);
    }
  } catch (error) {
    if (error instanceof AssertionError && error.message.includes("use assertRejects")) throw error;
    if (byClass) assertIsError(error, classOrMsg, msgIncludes, note);
    return error;
  }
  raise("Expected the function to throw, but it returned", note);
}

/** Asserts that the promise is rejected, and gives what it was rejected with. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Asserts that the promise is rejected with an error of the class whose message includes the text. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  // deno-lint-ignore no-explicit-any -- a constructor may take anything
  errorClass: abstract new (...args: any[]) => E,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: AnyConstructor<Error> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const byClass = typeof classOrMsg === "function";
  const note = byClass ? msg : classOrMsg;
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (error) {
    raise(`Expected a rejected promise, but the function threw at once: ${String(error)}`, note);
  }
  if (!isPromiseLike(promise)) {
    raise(`Expected a rejected promise, got ${describe(promise)}`, note);
  }
  try {
    await promise;
  } catch (error) {
    if (byClass) assertIsError(error, classOrMsg, msgIncludes, note);
    return error;
  }
  raise("Expected the promise to be rejected, but it was resolved", note);
}

function isPromiseLike(x: unknown): x is PromiseLike<unknown> {
  return typeof x === "object" && x !== null && "then" in x && typeof x.then === "function";
}

function describe(x: unknown): string {
  if (typeof x !== "object" || x === null) return show(x);
  return `an instance of ${x.constructor?.name ?? "no class"}`;
}

/** Fails the test. */
export function fail(msg?: string): never {
  raise("Failed assertion", msg);
}

/** Fails the test: this line is not to be reached. */
export function unreachable(msg?: string): never {
  raise("Unreachable", msg);
}

/** Fails the test: what it asks for does not exist yet. */
export function unimplemented(msg?: string): never {
  raise("Unimplemented", msg);
}

/** Fails, at compile time already, where a case of a union was forgotten. */
export function assertNever(x: never, msg?: string): never {
  raise(`Expected no value here, got ${show(x)}`, msg);
}
