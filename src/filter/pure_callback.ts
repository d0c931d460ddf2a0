/**
 * `filterPureCallback`: a function of the host, called from inside of a compiled one.
 *
 * @module
 */
import { ArgumentError, CallbackError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatAval, type ShapedArray, shapedArray } from "../core/aval.ts";
import type { TypedArray } from "../core/dtype.ts";
import { bind, Tracer } from "../core/trace.ts";
import {
  type HostFunction,
  pureCallbackP,
  type VmapMethod,
  vmapMethods,
} from "../control/callback.ts";
import { convertElementType } from "../ops/convert.ts";
import { abandon, callableOf, isPromise } from "../tree/callable.ts";
import { flatten, leafPaths, unflatten } from "../tree/flatten.ts";
import { type Kwargs, splitKwargs, takeOptions } from "../tree/kwargs.ts";
import { describeDifference } from "../tree/mismatch.ts";
import { keystr } from "../tree/path.ts";
import type { TreeDef } from "../tree/treedef.ts";
import { isArrayLeaf, toNDArray } from "./leaves.ts";
import { ShapeDtypeStruct } from "./struct.ts";
import { treeEqual } from "./tree_equal.ts";
import { checkCallable } from "./wrapper.ts";

const name = "filterPureCallback";

/** What a callback's result is announced as: a struct, or an array, in place of every array. */
export type CallbackStructs<R> = unknown extends R ? R
  : R extends NDArray | TypedArray ? ShapeDtypeStruct | NDArray | TypedArray
  : R extends
    string | number | boolean | bigint | symbol | null | undefined | ((...args: never[]) => unknown)
    ? R
  : { readonly [K in keyof R]: CallbackStructs<R[K]> };

/** What comes of a callback's result: TypedArrays become arrays. */
export type CallbackResult<R> = unknown extends R ? R
  : R extends NDArray | TypedArray ? NDArray
  : R extends
    string | number | boolean | bigint | symbol | null | undefined | ((...args: never[]) => unknown)
    ? R
  : { [K in keyof R]: CallbackResult<R[K]> };

/** Options of {@linkcode filterPureCallback}, given as `kwargs({...})` after the callback's own arguments. */
export interface PureCallbackOptions<R = unknown> {
  /** What the callback returns: a tree with `ShapeDtypeStruct`s (or arrays) for arrays. Its other leaves must be returned as they are. */
  readonly resultShapeDtypes: R;
  /** Under `filterVmap`: whether to call once, with whole batches in front of the mapped arguments and of all results. One call per example unless told. */
  readonly vectorized?: boolean | null;
  /**
   * Under `filterVmap`, in JAX's words: `"sequential"` calls once per example; the others call once: `"legacy_vectorized"` (what `vectorized: true` means) leaves arguments
   * that are not mapped alone, `"expand_dims"` gives them an axis of size 1, `"broadcast_all"` repeats them.
   */
  readonly vmapMethod?: VmapMethod | null;
}

/** What a callback is to return. */
interface Expected {
  readonly def: TreeDef;
  /** For each leaf an aval, or a value that is returned as it is. */
  readonly leaves: readonly ({ readonly aval: ShapedArray } | { readonly value: unknown })[];
}

function expectedOf(tree: unknown): Expected {
  const [leaves, def] = flatten(tree);
  return {
    def,
    leaves: leaves.map((leaf) => {
      if (!(leaf instanceof ShapeDtypeStruct) && !isArrayLeaf(leaf)) return { value: leaf };
      const { shape, dtype } = leaf instanceof ShapeDtypeStruct ? leaf : toNDArray(leaf, name);
      return { aval: shapedArray(shape, dtype) };
    }),
  };
}

function describe(x: unknown): string {
  if (isArrayLeaf(x)) return formatAval(toNDArray(x, name).aval);
  if (typeof x === "object" && x !== null) return `a ${x.constructor?.name ?? "object"}`;
  return typeof x === "string" ? JSON.stringify(x) : String(x);
}

/** The arrays of a result, held against what was announced; `outs` are the avals of this call, which may be one of a whole batch. */
function readResult(
  result: unknown,
  expected: Expected,
  outs: readonly ShapedArray[],
  who: string,
): NDArray[] {
  const fail = (what: string): never => {
    throw new CallbackError(`${who}: ${what}`);
  };
  if (isPromise(result)) {
    abandon(result);
    fail(
      "returned a promise; a callback runs while the program waits for it, and must return its result at once",
    );
  }
  const [leaves, def] = flatten(result);
  if (def !== expected.def) {
    const why = describeDifference(expected.def, def, "result") ??
      `resultShapeDtypes has ${expected.def}, the result ${def}`;
    fail(`returned another structure than resultShapeDtypes: ${why}`);
  }
  const paths = leafPaths(def);
  let next = 0;
  return expected.leaves.flatMap((spec, i) => {
    const leaf = leaves[i];
    const path = keystr(paths[i], "result");
    if ("value" in spec) {
      if (isArrayLeaf(leaf) || treeEqual(spec.value, leaf) !== true) {
        fail(
          `did not return matching static elements: ${path} must be ${
            describe(spec.value)
          }, as in resultShapeDtypes; got ${describe(leaf)}`,
        );
      }
      return [];
    }
    const aval = outs[next++];
    if (!isArrayLeaf(leaf)) {
      return fail(`${path} must be an array ${formatAval(aval)}; got ${describe(leaf)}`);
    }
    const array = toNDArray(leaf, name);
    if (array instanceof Tracer) {
      fail(`${path} is a traced array, which the callback closes over; pass it as an argument`);
    }
    if (array.isDeleted) fail(`${path} was deleted`);
    if (array.dtype !== aval.dtype || String(array.shape) !== String(aval.shape)) {
      fail(`${path} must be ${formatAval(aval)}; got ${formatAval(array.aval)}`);
    }
    return [array.weakType ? convertElementType(array, array.dtype) : array];
  });
}

function readVmapMethod(options: Partial<Record<string, unknown>>): VmapMethod {
  const { vectorized = null, vmapMethod = null } = options;
  if (vectorized !== null && typeof vectorized !== "boolean") {
    throw new ArgumentError(`${name}: vectorized must be true or false; got ${String(vectorized)}`);
  }
  if (vmapMethod === null) return vectorized === true ? "legacy_vectorized" : "sequential";
  if (vectorized !== null) {
    throw new ArgumentError(`${name}: give vectorized or vmapMethod, not both`);
  }
  if (!(vmapMethods as readonly unknown[]).includes(vmapMethod)) {
    throw new ArgumentError(
      `${name}: vmapMethod must be one of ${vmapMethods.map((m) => `"${m}"`).join(", ")}; got ${
        JSON.stringify(vmapMethod)
      }`,
    );
  }
  return vmapMethod as VmapMethod;
}

/**
 * Calls a function of the host, inside or outside of a compiled function: one that uses what cannot be traced, such as a library or a table of strings.
 *
 * The callback gets its arguments as they are here, with concrete arrays (copies, which it may keep) in place of traced ones. It must be pure: it
 * may be called any number of times, and not at all where its result is unused. It runs on the calling thread while the program waits; what it throws ends the
 * program and comes out of the call, as the `cause` of a {@linkcode CallbackError}. It cannot be differentiated: wrap it with `filterCustomJvp` or
 * `filterCustomVjp`. Written after Equinox's `filter_pure_callback`.
 *
 * @param callback A function, or Module with `call`, of anything.
 * @param args Its arguments, any trees; then `kwargs({ resultShapeDtypes, vectorized, vmapMethod })`, see {@linkcode PureCallbackOptions}. Other keyword arguments are
 * handed on.
 * @returns What the callback returns: arrays where `resultShapeDtypes` has structs, all else as it stands there.
 * @throws {ArgumentError} Without `resultShapeDtypes`, or for an unknown `vmapMethod`.
 * @throws {CallbackError} At the call of the compiled function: where the callback throws, or returns another structure, shape, dtype or static leaf.
 * @throws {DifferentiationError} Where it is differentiated.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const words = ["none", "one", "many"];
 * const lengthOf = (i: vn.NDArray) => vn.numpy.array(words[i.item()].length, { dtype: "int32" });
 * const resultShapeDtypes = new vn.ShapeDtypeStruct([], "int32");
 * const f = vn.filterJit((i: vn.NDArray) => vn.filterPureCallback(lengthOf, i, vn.kwargs({ resultShapeDtypes })).mul(10));
 * f(vn.numpy.array(2, { dtype: "int32" })).item(); // 40
 * ```
 */
export function filterPureCallback<A extends unknown[], R>(
  callback: (...args: A) => R,
  // Of the options the one that is required: with the others, a call is no subtype of this, and the looser form is chosen.
  ...args: [...A, Kwargs<{ readonly resultShapeDtypes: CallbackStructs<NoInfer<R>> }>]
): CallbackResult<R>;
/** As above, for a Module, or with keyword arguments for the callback. */
export function filterPureCallback(
  // deno-lint-ignore no-explicit-any -- any function or Module
  callback: ((...args: any[]) => unknown) | { call(...args: any[]): unknown },
  ...args: unknown[]
  // deno-lint-ignore no-explicit-any -- types do not follow keyword arguments into the callback
): any;
export function filterPureCallback(callback: unknown, ...rest: unknown[]): unknown {
  const [positional, given] = splitKwargs(rest);
  const [options, own] = takeOptions(given, ["resultShapeDtypes", "vectorized", "vmapMethod"]);
  if (!("resultShapeDtypes" in options)) {
    throw new ArgumentError(
      `${name}: the last argument must be kwargs({ resultShapeDtypes }): what the callback returns, with a ShapeDtypeStruct for each array`,
    );
  }
  checkCallable(callback, name);
  const vmapMethod = readVmapMethod(options);
  const [leaves, def] = flatten(own === null ? positional : [...positional, own]);
  const operands = leaves.filter(isArrayLeaf).map((x) => toNDArray(x, name));
  // Without the arrays, so that the program does not hold on to those of the call that traced it.
  const statics = leaves.map((x) => isArrayLeaf(x) ? null : x);
  const places = leaves.flatMap((x, i) => isArrayLeaf(x) ? [i] : []);
  const expected = expectedOf(options.resultShapeDtypes);
  const label = (callback as { name?: unknown } | null)?.name;
  const who = `${name}: the callback${
    typeof label === "string" && label !== "" ? ` ${label}` : ""
  }`;
  const host: HostFunction = (arrays, outs) => {
    const filled = [...statics];
    places.forEach((place, i) => filled[place] = arrays[i]);
    let result: unknown;
    try {
      result = callableOf(callback)(...unflatten(def, filled) as unknown[]);
    } catch (cause) {
      const text = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
      throw new CallbackError(`${who} threw ${text}`, { cause });
    }
    return readResult(result, expected, outs, who);
  };
  if (typeof label === "string") Object.defineProperty(host, "name", { value: label });
  const outs = bind(pureCallbackP, operands, {
    callback: host,
    resultAvals: expected.leaves.flatMap((spec) => "aval" in spec ? [spec.aval] : []),
    vmapMethod,
  });
  let next = 0;
  return unflatten(
    expected.def,
    expected.leaves.map((spec) => "aval" in spec ? outs[next++] : spec.value),
  );
}
