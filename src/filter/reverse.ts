/**
 * `filterVjp`: reverse mode over trees of anything.
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError, TreeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatAval, type ShapedArray } from "../core/aval.ts";
import { isInexact } from "../core/dtype.ts";
import type { Jaxpr } from "../core/jaxpr.ts";
import { literal } from "../ops/common.ts";
import { instantiate } from "../ops/shape.ts";
import { linearizeFlat, pullBack } from "../transform/linearize.ts";
import { flatten, isNull, leafPaths, unflatten } from "../tree/flatten.ts";
import { splitKwargs, takeOptions } from "../tree/kwargs.ts";
import { describeDifference } from "../tree/mismatch.ts";
import { keystr } from "../tree/path.ts";
import type { TreeDef } from "../tree/treedef.ts";
import { describeValue, isArrayLeaf, isInexactLeaf, splitLeaves, toNDArray } from "./leaves.ts";
import type { Grad } from "./types.ts";
import { checkCallable, invoke, makeWrapper, Opaque, type Transformation } from "./wrapper.ts";

/** What a pullback knows beside its residuals. */
interface Pullback {
  readonly linear: Jaxpr;
  readonly inAvals: readonly ShapedArray[];
  /** The structure of the output with `null` as a leaf, and for each of its leaves the aval of a differentiable array, or `null`. */
  readonly outDef: TreeDef;
  readonly outAvals: readonly (ShapedArray | null)[];
  /** Which of the differentiable outputs depend on the inputs. */
  readonly nonzeroOuts: readonly boolean[];
  /** The structure of the primals, and which leaves are differentiable. */
  readonly inDef: TreeDef;
  readonly inPlaces: readonly number[];
}

/** The cotangents of the differentiable outputs, checked. */
function readCotangents(info: Pullback, ct: unknown): NDArray[] {
  const [leaves, def] = flatten(ct, { isLeaf: isNull });
  if (def !== info.outDef) {
    const why = describeDifference(info.outDef, def, "ct") ?? `expected ${info.outDef}; got ${def}`;
    throw new TreeError(
      `filterVjp: the cotangent must have the structure of the output, with null for all but floating arrays: ${why}`,
    );
  }
  const paths = leafPaths(def);
  return info.outAvals.flatMap((aval, i): NDArray[] => {
    const leaf = leaves[i];
    const where = keystr(paths[i], "ct");
    if (aval === null) {
      if (isNull(leaf)) return [];
      throw new TreeError(`filterVjp: ${where} must be null: that output is no floating array`);
    }
    if (isNull(leaf)) {
      throw new TreeError(
        `filterVjp: ${where} must not be null: that output is ${
          formatAval(aval)
        }; give an array of zeros`,
      );
    }
    const array = typeof leaf === "number"
      ? literal(leaf, aval.dtype)
      : isArrayLeaf(leaf)
      ? toNDArray(leaf, `filterVjp: ${where}`)
      : null;
    if (array === null) {
      throw new ArgumentError(`filterVjp: ${where} must be an array; got ${String(leaf)}`);
    }
    if (String(array.shape) !== String(aval.shape)) {
      throw new ShapeError(
        `filterVjp: ${where} must be ${formatAval(aval)}; got ${formatAval(array.aval)}`,
      );
    }
    if (array.dtype !== aval.dtype) {
      throw new DTypeError(
        `filterVjp: ${where} must be ${formatAval(aval)}; got ${formatAval(array.aval)}`,
      );
    }
    return [array];
  });
}

const pullbackT: Transformation = {
  name: "vjpFn",
  call: (residuals, [known], args) => {
    const info = (known as Opaque<Pullback>).value;
    if (args.length !== 1) {
      throw new ArgumentError(`filterVjp: vjpFn takes one cotangent; got ${args.length} arguments`);
    }
    const cts = readCotangents(info, args[0]).filter((_, i) => info.nonzeroOuts[i]);
    const results = pullBack(info.linear, residuals as NDArray[], info.inAvals, cts);
    const leaves: unknown[] = Array(info.inDef.numLeaves).fill(null);
    info.inPlaces.forEach((place, k) => leaves[place] = instantiate(results[k]));
    return unflatten(info.inDef, leaves);
  },
};

/**
 * The value of a function and its pullback (vector-Jacobian product). Written after Equinox's `filter_vjp`.
 *
 * @param fun A function, or Module with `call`, of anything, that returns anything.
 * @param args Its arguments; a trailing `kwargs({ hasAux: true })` says that it returns a pair `[out, aux]`, of which only the first is
 * differentiated. Other entries of `kwargs` are handed to `fun`, and not differentiated.
 * @returns `[out, vjpFn]`, or with `hasAux` `[out, vjpFn, aux]`. `vjpFn(ct)` takes the structure of `out` with an array for each floating array in it and
 * `null` elsewhere, and gives an array with one entry for each argument: gradients for floating arrays, `null` elsewhere. It may be called again, and is a
 * tree whose leaves are the residuals, so that it can be an argument of a compiled function.
 * @throws {TreeError} Where a cotangent has another structure.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const [out, vjpFn] = vn.filterVjp((x: vn.NDArray, n: number) => x.mul(n), vn.numpy.array(3), 2);
 * out.item(); // 6
 * vjpFn(vn.numpy.array(1)); // [2, null]
 * ```
 */
export function filterVjp<A extends unknown[], R>(
  fun: (...args: A) => R,
  ...args: A
  // deno-lint-ignore no-explicit-any -- a cotangent has the structure of the output, which trees do not tell
): [R, (ct: any) => { [K in keyof A]: Grad<A[K]> }];
/** As above, with options, or for a Module. */
export function filterVjp(
  // deno-lint-ignore no-explicit-any -- any function or Module
  fun: any,
  ...args: unknown[]
  // deno-lint-ignore no-explicit-any -- see above
): [any, (ct: any) => any[], any];
export function filterVjp(fun: unknown, ...args: unknown[]): unknown[] {
  checkCallable(fun, "filterVjp");
  const [primals, given] = splitKwargs(args);
  const [{ hasAux = false }, rest] = takeOptions(given, ["hasAux"]);
  const [leaves, inDef] = flatten(primals);
  const split = splitLeaves(leaves, isInexactLeaf, "filterVjp");

  let outLeaves: unknown[] = [];
  let rebuild: (leaves: unknown[]) => unknown = () => undefined;
  let fillAux: (arrays: NDArray[]) => unknown = () => undefined;
  let arrayPlaces: number[] = [];
  const lin = linearizeFlat((xs) => {
    let out = invoke(fun, [
      ...unflatten(inDef, split.fill(xs)) as unknown[],
      ...(rest === null ? [] : [rest]),
    ]);
    const auxArrays: NDArray[] = [];
    if (hasAux) {
      if (!Array.isArray(out) || out.length !== 2) {
        throw new ArgumentError(
          `filterVjp: with hasAux the function must return a pair [out, aux]; got ${
            describeValue(out)
          }`,
        );
      }
      const [auxLeaves, auxDef] = flatten(out[1]);
      const auxSplit = splitLeaves(auxLeaves, isArrayLeaf, "filterVjp: aux");
      auxArrays.push(...auxSplit.arrays);
      fillAux = (arrays) => unflatten(auxDef, auxSplit.fill(arrays));
      out = out[0];
    }
    const [values, def] = flatten(out);
    outLeaves = values;
    rebuild = (parts) => unflatten(def, parts);
    arrayPlaces = values.flatMap((v, i) => isArrayLeaf(v) ? [i] : []);
    return [
      ...arrayPlaces.map((i) => toNDArray(values[i] as NDArray, "filterVjp: output")),
      ...auxArrays,
    ];
  }, split.arrays);

  const filled = [...outLeaves];
  arrayPlaces.forEach((place, k) => filled[place] = lin.outs[k]);
  const out = rebuild(filled);
  const [nullLeaves, outDef] = flatten(rebuild(filled), { isLeaf: isNull });
  // Only the outputs proper have cotangents; of those, the floating ones.
  const count = arrayPlaces.length;
  const differentiable = lin.outs.slice(0, count).map((x) => isInexact(x.dtype));
  const keep = lin.nonzeroOuts.map((nonzero, k) => nonzero && k < count && differentiable[k]);
  let next = 0;
  const linearOuts = lin.linear.jaxpr.outvars;
  const outvars = lin.nonzeroOuts.flatMap((nonzero, k) => {
    if (!nonzero) return [];
    const v = linearOuts[next++];
    return keep[k] ? [v] : [];
  });
  const info: Pullback = {
    linear: { ...lin.linear.jaxpr, outvars },
    inAvals: lin.linear.inAvals,
    outDef,
    outAvals: nullLeaves.map((leaf) => {
      if (!isArrayLeaf(leaf)) return null;
      const { aval } = toNDArray(leaf, "filterVjp");
      return isInexact(aval.dtype) ? aval : null;
    }),
    nonzeroOuts: differentiable.flatMap((d, k) => d ? [keep[k]] : []),
    inDef,
    inPlaces: leaves.flatMap((leaf, i) => isInexactLeaf(leaf) ? [i] : []),
  };
  const vjpFn = makeWrapper(pullbackT, lin.linear.consts, [new Opaque(info)]);
  return hasAux ? [out, vjpFn, fillAux(lin.outs.slice(count))] : [out, vjpFn];
}
