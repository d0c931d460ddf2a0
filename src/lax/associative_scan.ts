/**
 * Prefix combinations by an associative function, in a logarithmic number of steps.
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError, TreeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatAval, withWeakType } from "../core/aval.ts";
import { normalizeAxis } from "../numpy/promote.ts";
import { concatenate } from "../ops/dynamic.ts";
import { reshape } from "../ops/shape.ts";
import { rev, slice } from "../ops/slicing.ts";
import { flatten, leafPaths, unflatten } from "../tree/flatten.ts";
import { describeDifference } from "../tree/mismatch.ts";
import { keystr } from "../tree/path.ts";
import { arraysOf, type Tree } from "./traced.ts";

/** Options of {@linkcode associativeScan}. */
export interface AssociativeScanOptions {
  /** Whether to combine from the end: the last element stays as it is; false unless told. */
  readonly reverse?: boolean;
  /** The axis to combine along, of every leaf; 0 unless told. */
  readonly axis?: number;
}

/** Every `stride`-th slice of `x` along an axis, from `start` up to before `limit`. */
function along(x: NDArray, axis: number, start: number, limit: number, stride = 1): NDArray {
  const starts = x.shape.map((_, i) => i === axis ? start : 0);
  const limits = x.shape.map((n, i) => i === axis ? Math.max(start, limit) : n);
  return slice(x, starts, limits, x.shape.map((_, i) => i === axis ? stride : 1));
}

/** The slices of two arrays in turn, beginning with those of `even`, which has as many as `odd` or one more. */
function interleave(even: NDArray, odd: NDArray, axis: number): NDArray {
  const { shape } = odd;
  const pairs = shape[axis];
  const split = (x: NDArray) =>
    reshape(x, [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)]);
  const both = concatenate([split(along(even, axis, 0, pairs)), split(odd)], axis + 1);
  const joined = reshape(both, shape.map((n, i) => i === axis ? 2 * n : n));
  if (even.shape[axis] === pairs) return joined;
  return concatenate([joined, along(even, axis, pairs, pairs + 1)], axis);
}

/**
 * The combinations `[a, fn(a, b), fn(fn(a, b), c), …]` of the slices `[a, b, c, …]` along an axis, by an associative `fn`: `2 log2(n)` calls of
 * `fn`, each on many slices at once. After Blelloch, "Prefix Sums and Their Applications" (1990), CMU-CS-90-190.
 *
 * @param fn Combines two trees like `elems`, slice by slice along the axis; `fn(a, fn(b, c))` must be `fn(fn(a, b), c)`.
 * @param elems A tree of arrays that have one size along the axis.
 * @returns A tree like `elems`. With `reverse`, `[…, fn(fn(z, y), x), fn(z, y), z]`.
 * @throws {ShapeError} Where sizes along the axis differ, or `fn` gives other shapes than it takes.
 * @throws {TreeError} Where `fn` gives another structure.
 *
 * @example
 * ```ts
 * import { lax, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * const x = np.array([1, 2, 3, 4]);
 * lax.associativeScan((a: NDArray, b: NDArray) => a.mul(b), x).tolist(); // [1, 2, 6, 24]
 * lax.associativeScan((a: NDArray, b: NDArray) => a.add(b), x, { reverse: true }).tolist(); // [10, 9, 7, 4]
 * ```
 */
export function associativeScan<T>(
  fn: (a: T, b: T) => T,
  elems: T,
  options: AssociativeScanOptions = {},
): T {
  const where = "lax.associativeScan";
  if (typeof fn !== "function") {
    throw new ArgumentError(`${where}: fn must be a function of two trees; got ${String(fn)}`);
  }
  const [arrays, def] = arraysOf(elems, "elems", where);
  if (arrays.length === 0) return elems;
  const paths = leafPaths(def);
  arrays.forEach((x, i) => {
    if (x.ndim > 0) return;
    throw new ShapeError(
      `${where}: ${keystr(paths[i], "elems")} is 0-d; it needs an axis to combine along`,
    );
  });
  const axis = normalizeAxis(options.axis ?? 0, arrays[0].ndim, where);
  const sizes = arrays.map((x) => x.shape[axis]);
  if (sizes.some((n) => n !== sizes[0])) {
    const list = sizes.map((n, i) => `${keystr(paths[i], "elems")} has ${n ?? "no such axis"}`);
    throw new ShapeError(`${where}: sizes along axis ${axis} differ: ${list.join(", ")}`);
  }

  const combine = (a: readonly NDArray[], b: readonly NDArray[]): NDArray[] => {
    const result = fn(unflatten(def, a) as T, unflatten(def, b) as T);
    const outDef = flatten(result)[1];
    if (outDef !== def) {
      const why = describeDifference(def, outDef, "output") ?? `${outDef} for ${def}`;
      throw new TreeError(`${where}: fn must give a tree like elems: ${why}`);
    }
    const [outs] = arraysOf(result as Tree, "output", where);
    outs.forEach((x, i) => {
      if (withWeakType(x.aval, false) === withWeakType(a[i].aval, false)) return;
      const Wrong = x.dtype === a[i].dtype ? ShapeError : DTypeError;
      throw new Wrong(
        `${where}: fn must give arrays like those it takes: ${keystr(paths[i], "output")} is ${
          formatAval(x.aval)
        } for operands ${formatAval(a[i].aval)}`,
      );
    });
    return outs;
  };

  // Pairs are combined and scanned, which gives every second element; those between need one more combination each.
  const scan = (xs: readonly NDArray[]): readonly NDArray[] => {
    const n = xs[0].shape[axis];
    if (n < 2) return xs;
    const odd = scan(combine(
      xs.map((x) => along(x, axis, 0, n - 1, 2)),
      xs.map((x) => along(x, axis, 1, n, 2)),
    ));
    const first = xs.map((x) => along(x, axis, 0, 1));
    const later = xs.map((x) => along(x, axis, 2, n, 2));
    if (n === 2) return xs.map((_, i) => interleave(first[i], odd[i], axis));
    const before = odd.map((x) => along(x, axis, 0, later[0].shape[axis]));
    const even = combine(before, later).map((x, i) => concatenate([first[i], x], axis));
    return xs.map((_, i) => interleave(even[i], odd[i], axis));
  };

  if (!(options.reverse ?? false)) return unflatten(def, [...scan(arrays)]) as T;
  const turned = scan(arrays.map((x) => rev(x, [axis])));
  return unflatten(def, turned.map((x) => rev(x, [axis]))) as T;
}
