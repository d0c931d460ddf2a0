/**
 * `filterJvp`: forward mode over trees of anything.
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError, TreeError } from "../errors.ts";
import { NDArray } from "../core/array.ts";
import { formatAval } from "../core/aval.ts";
import { isInexact } from "../core/dtype.ts";
import { type Tangent, Zero } from "../core/primitive.ts";
import { literal } from "../ops/common.ts";
import { jvpFlat } from "../transform/jvp.ts";
import { flatten, isNull, leafPaths, unflatten } from "../tree/flatten.ts";
import { isKwargs, type Kwargs } from "../tree/kwargs.ts";
import { describeDifference } from "../tree/mismatch.ts";
import { keystr } from "../tree/path.ts";
import { isArrayLeaf, isInexactLeaf, toNDArray } from "./leaves.ts";
import type { AnyTree, Grad } from "./types.ts";
import { checkCallable, invoke } from "./wrapper.ts";

/** A primal that has a tangent, as an array; host numbers count as weakly typed floats. */
function primalArray(x: unknown, path: string): NDArray {
  if (typeof x === "number") return literal(x, "float32", true);
  if (!isArrayLeaf(x)) {
    throw new ArgumentError(
      `filterJvp: ${path} has a tangent, but is neither a floating array nor a number; its tangent must be null`,
    );
  }
  return toNDArray(x, `filterJvp: ${path}`);
}

/** A tangent checked against its primal. */
function tangentArray(t: unknown, primal: NDArray, where: string): NDArray {
  if (!isInexact(primal.dtype)) {
    throw new DTypeError(
      `filterJvp: tangents${where} must be null: its primal is ${
        formatAval(primal.aval)
      }, which is not floating`,
    );
  }
  if (typeof t === "number") t = literal(t, primal.dtype, primal.weakType);
  if (!isArrayLeaf(t)) {
    throw new ArgumentError(
      `filterJvp: tangents${where} must be a floating array, a number or null; got ${
        typeof t === "object" ? t?.constructor?.name : String(t)
      }`,
    );
  }
  const tangent = toNDArray(t, `filterJvp: tangents${where}`);
  if (tangent.dtype !== primal.dtype) {
    throw new DTypeError(
      `filterJvp: primal and tangent must have one dtype: primals${where} is ${
        formatAval(primal.aval)
      }, tangents${where} is ${formatAval(tangent.aval)}`,
    );
  }
  if (String(tangent.shape) !== String(primal.shape)) {
    throw new ShapeError(
      `filterJvp: primal and tangent must have one shape: primals${where} is ${
        formatAval(primal.aval)
      }, tangents${where} is ${formatAval(tangent.aval)}`,
    );
  }
  return tangent;
}

/**
 * The value of a function and its derivative along tangents (Jacobian-vector product). Written after Equinox's `filter_jvp`.
 *
 * @param fn A function, or Module with `call`, of anything, that returns anything.
 * @param primals Its arguments, in an array.
 * @param tangents The same structure, with a floating array (or a number) of the primal's shape and dtype, or `null` for a tangent that is zero
 * and costs nothing. `null` is mandatory for whatever is neither a floating array nor a number.
 * @param kwargs Keyword arguments for `fn`; not differentiated.
 * @returns `[primalsOut, tangentsOut]`: the output, and the same structure with the derivative of every array that depends on a primal with a
 * tangent, `null` elsewhere. Primals with `null` reach `fn` untouched.
 * @throws {TreeError} Where the structures differ.
 * @throws {DTypeError} Where a tangent's dtype is not its primal's, or its primal is not floating.
 * @throws {ShapeError} Where a tangent's shape is not its primal's.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const f = (x: vn.NDArray, y: vn.NDArray) => [x.mul(y), y] as const;
 * const [out, tangents] = vn.filterJvp(f, [vn.numpy.array(2), vn.numpy.array(3)], [vn.numpy.array(1), null]);
 * out[0].item(); // 6
 * tangents[0].item(); // 3
 * tangents[1]; // null
 * ```
 */
export function filterJvp<A extends unknown[], R>(
  fn: (...args: A) => R,
  primals: readonly [...A],
  tangents: { readonly [K in keyof A]: unknown },
  kwargs?: Kwargs,
): [R, Grad<R>];
/** As above, for a Module, or with keyword arguments. */
export function filterJvp<R = AnyTree>(
  // deno-lint-ignore no-explicit-any -- any function or Module
  fn: ((...args: any[]) => R) | { call(...args: any[]): R },
  primals: readonly unknown[],
  tangents: readonly unknown[],
  kwargs?: Kwargs,
): [R, Grad<R>];
export function filterJvp(
  fn: unknown,
  primals: readonly unknown[],
  tangents: readonly unknown[],
  kwargs?: Kwargs,
): unknown[] {
  if (!Array.isArray(primals) || !Array.isArray(tangents)) {
    throw new ArgumentError(
      "filterJvp: primals and tangents must be arrays with one entry for each argument",
    );
  }
  if (kwargs !== undefined && !isKwargs(kwargs)) {
    throw new ArgumentError("filterJvp: the fourth argument must be made by kwargs({...})");
  }
  checkCallable(fn, "filterJvp");
  const [leaves, treedef] = flatten(primals, { isLeaf: isNull });
  const [given, tangentDef] = flatten(tangents, { isLeaf: isNull });
  if (treedef !== tangentDef) {
    const why = describeDifference(treedef, tangentDef, "tangents") ??
      `${treedef} and ${tangentDef}`;
    throw new TreeError(
      `filterJvp: primals and tangents must have one structure, null in place of a zero tangent: ${why}`,
    );
  }
  const paths = leafPaths(treedef).map((p) => keystr(p));
  const live = given.flatMap((t, i) => isNull(t) ? [] : [i]);
  const arrays = live.map((i) => primalArray(leaves[i], `primals${paths[i]}`));
  const directions = live.map((i, k) => tangentArray(given[i], arrays[k], paths[i]));

  let rebuild: (leaves: unknown[]) => unknown = () => undefined;
  let outLeaves: unknown[] = [];
  let places: number[] = [];
  const [outs, outTangents] = jvpFlat(
    (xs) => {
      const filled = [...leaves];
      live.forEach((place, k) => filled[place] = xs[k]);
      const args = unflatten(treedef, filled) as unknown[];
      const out = invoke(fn, kwargs === undefined ? args : [...args, kwargs]);
      const [values, def] = flatten(out);
      rebuild = (parts) => unflatten(def, parts);
      outLeaves = values;
      places = values.flatMap((v, i) => v instanceof NDArray ? [i] : []);
      return places.map((i) => values[i] as NDArray);
    },
    arrays,
    directions,
  );
  const values = [...outLeaves];
  const derivatives: unknown[] = outLeaves.map(() => null);
  places.forEach((place, k) => {
    values[place] = outs[k];
    const t: Tangent = outTangents[k];
    if (!(t instanceof Zero) && isInexactLeaf(outs[k])) derivatives[place] = t;
  });
  return [rebuild(values), rebuild(derivatives)];
}
