/**
 * `errorIf`: errors that depend on values, inside of compiled functions too.
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError, warn } from "../errors.ts";
import { NDArray } from "../core/array.ts";
import { formatAval } from "../core/aval.ts";
import { isInteger } from "../core/dtype.ts";
import { environmentVariable } from "../core/environment.ts";
import { isOnHost } from "../core/placement.ts";
import { isEager, Tracer } from "../core/trace.ts";
import {
  checkError,
  errorIf as bindErrorIf,
  messageAt,
  nanLike,
  stopAt,
} from "../control/error_if.ts";
import { literal } from "../ops/common.ts";
import { convertElementType } from "../ops/convert.ts";
import { reduceOr } from "../ops/reduce.ts";
import { flatten, unflatten } from "../tree/flatten.ts";
import { isArrayLeaf, toNDArray } from "./leaves.ts";

/** What a check does that fails: throw, go on with NaN, stop in a debugger and then go on with NaN, or nothing, since it is left out. */
export type OnError = "raise" | "nan" | "breakpoint" | "off";

const modes: readonly OnError[] = ["raise", "nan", "breakpoint", "off"];

/** Options of {@linkcode errorIf} and {@linkcode branchedErrorIf}. */
export interface ErrorIfOptions {
  /**
   * `"raise"`: a `RuntimeCheckError`. `"nan"`: floating arrays of the result become NaN, integers the largest of their dtype, bools true. `"breakpoint"`: warns with the message, stops in the debugger
   * that is attached, if there is one, and goes on as `"nan"`. `"off"`: no check. What
   * {@linkcode setOnError} says unless given.
   */
  readonly onError?: OnError;
}

let onErrorDefault: OnError | null = null;

/** `VERNAL_ON_ERROR`, where the environment may be read without a question to the user. */
function onErrorOfEnvironment(): OnError {
  const variable = "VERNAL_ON_ERROR";
  const value = environmentVariable(variable);
  return value === undefined ? "raise" : checkMode(value, variable);
}

function checkMode(mode: unknown, where: string): OnError {
  if (!(modes as readonly unknown[]).includes(mode)) {
    throw new ArgumentError(
      `${where}: must be one of ${modes.map((m) => `"${m}"`).join(", ")}; got ${
        JSON.stringify(mode)
      }`,
    );
  }
  return mode as OnError;
}

/**
 * Sets what runtime checks do that fail, for functions traced from now on. At first it is what the environment variable
 * `VERNAL_ON_ERROR` says, if it may be read, else `"raise"`.
 *
 * @returns What was in force before.
 * @throws {ArgumentError} For an unknown mode.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const before = vn.setOnError("nan");
 * vn.errorIf(vn.numpy.array(1), vn.numpy.array(true), "must not be").item(); // NaN
 * vn.setOnError(before);
 * ```
 */
export function setOnError(mode: OnError): OnError {
  const before = onErrorDefault ?? onErrorOfEnvironment();
  onErrorDefault = checkMode(mode, "setOnError");
  return before;
}

/** A predicate: a host value where it can be known, else a 0-d bool. */
function readPredicate(pred: boolean | NDArray, where: string): boolean | NDArray {
  if (typeof pred === "boolean") return pred;
  if (!(pred instanceof NDArray)) {
    throw new ArgumentError(`${where}: pred must be a boolean or an array of bools; got ${pred}`);
  }
  if (pred.dtype !== "bool") {
    throw new DTypeError(
      `${where}: pred must be an array of bools; got ${
        formatAval(pred.aval)
      }. Compare it, as in x.notEqual(0)`,
    );
  }
  if (!(pred instanceof Tracer) && isOnHost(pred)) {
    return pred.dataSync().some((x) => Number(x) !== 0);
  }
  return pred.ndim === 0 ? pred : reduceOr(pred, pred.shape.map((_, i) => i));
}

function readIndex(index: number | NDArray, messages: readonly string[], where: string): NDArray {
  if (index instanceof NDArray) {
    if (index.ndim > 0) {
      throw new ShapeError(`${where}: index must be 0-d; got ${formatAval(index.aval)}`);
    }
    if (!isInteger(index.dtype)) {
      throw new DTypeError(`${where}: index must be an integer; got ${formatAval(index.aval)}`);
    }
    return index.dtype === "int32" ? index : convertElementType(index, "int32");
  }
  if (!Number.isInteger(index) || index < 0 || index >= messages.length) {
    throw new ArgumentError(
      `${where}: index must be an integer from 0 to ${messages.length - 1}; got ${index}`,
    );
  }
  return literal(index, "int32");
}

function check<T>(
  tree: T,
  predicate: boolean | NDArray,
  index: number | NDArray,
  messages: readonly string[],
  options: ErrorIfOptions,
  where: string,
  caller: (...args: never[]) => unknown,
): T {
  const mode = options.onError === undefined
    ? onErrorDefault ??= onErrorOfEnvironment()
    : checkMode(options.onError, `${where}: onError`);
  if (messages.length === 0 || messages.some((m) => typeof m !== "string")) {
    throw new ArgumentError(`${where}: needs one or more messages, all strings`);
  }
  const which = readIndex(index, messages, where);
  const pred = readPredicate(predicate, where);
  if (pred === false || mode === "off") return tree;
  const [leaves, def] = flatten(tree);
  const places = leaves.flatMap((leaf, i) => isArrayLeaf(leaf) ? [i] : []);
  const arrays = places.map((i) => toNDArray(leaves[i] as NDArray, where));
  let results: readonly NDArray[];
  if (pred === true && !(which instanceof Tracer) && isOnHost(which)) {
    const message = messageAt(messages, which.item());
    if (mode === "raise") throw checkError(message, messages);
    if (mode === "breakpoint") stopAt(message);
    else if (predicate === true || !isEager()) {
      warn(
        `${where}: the check fails whatever the arguments are, and its result is NaN: ${message}`,
      );
    }
    results = arrays.map(nanLike);
  } else {
    if (arrays.length === 0) {
      throw new ArgumentError(
        `${where}: no arrays to thread the error on to: x must hold at least one array, whose use brings the check about`,
      );
    }
    const traced = typeof pred === "boolean" ? literal(pred, "bool") : pred;
    const params = { messages: [...messages], onError: mode };
    results = bindErrorIf(arrays, traced, which, params, caller);
  }
  const filled = [...leaves];
  places.forEach((place, i) => filled[place] = results[i]);
  return unflatten(def, filled) as T;
}

/**
 * Throws if a predicate is true, at the call that is to blame, inside of compiled functions too.
 *
 * The check is made when the result is used: write `x = errorIf(x, …)`. **Where the result is unused there is no check.** In a compiled function it costs a comparison;
 * a program without checks never waits for any. Under `filterVmap` the error names every example that failed. For derivatives it is the identity. A predicate that is known while
 * tracing costs nothing: false leaves no trace, true throws at once. Written after Equinox's `error_if`.
 *
 * @param x Any tree with at least one array; other leaves pass.
 * @param pred A boolean, or an array of bools of any shape: true anywhere is an error.
 * @param message What the error says.
 * @param options `onError`: what to do instead of throwing.
 * @returns `x`.
 * @throws {RuntimeCheckError} Where the predicate is true; its `cause` tells where the check stands in the traced function.
 * @throws {ArgumentError} Where `x` holds no array.
 * @throws {DTypeError} Where `pred` is an array of something else.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const root = vn.filterJit((x: vn.NDArray) => vn.numpy.sqrt(vn.errorIf(x, x.less(0), "x must not be negative")));
 * root(vn.numpy.array(4)).item(); // 2
 * try {
 *   root(vn.numpy.array(-4));
 * } catch (error) {
 *   console.log(String(error)); // RuntimeCheckError: x must not be negative
 * }
 * ```
 */
export function errorIf<T>(
  x: T,
  pred: boolean | NDArray,
  message: string,
  options: ErrorIfOptions = {},
): T {
  return check(x, pred, 0, [message], options, "errorIf", errorIf);
}

/**
 * As {@linkcode errorIf}, with one of several messages, chosen by an index.
 *
 * @param x Any tree with at least one array.
 * @param pred A boolean, or an array of bools of any shape.
 * @param index Which of `messages`: a number, or a 0-d array of integers.
 * @param messages What the error may say.
 * @param options `onError`: what to do instead of throwing.
 * @returns `x`.
 * @throws {RuntimeCheckError} Where the predicate is true. An index out of bounds says so, with all messages.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const check = vn.filterJit((x: vn.NDArray, code: vn.NDArray) =>
 *   vn.branchedErrorIf(x, code.greater(0), code.sub(1), ["did not converge", "is not finite"])
 * );
 * check(vn.numpy.array(1), vn.numpy.array(0, { dtype: "int32" })).item(); // 1
 * ```
 */
export function branchedErrorIf<T>(
  x: T,
  pred: boolean | NDArray,
  index: number | NDArray,
  messages: readonly string[],
  options: ErrorIfOptions = {},
): T {
  return check(x, pred, index, messages, options, "branchedErrorIf", branchedErrorIf);
}
