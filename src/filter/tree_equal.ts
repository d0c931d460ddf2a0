/**
 * `treeEqual`: whether trees are the same, leaf by leaf.
 *
 * @module
 */
import { type ArrayLike, NDArray } from "../core/array.ts";
import { shapesEqual } from "../core/aval.ts";
import { isInexact, type TypedArray } from "../core/dtype.ts";
import { ArgumentError } from "../errors.ts";
import { and, isFinite, or } from "../ops/logic.ts";
import { flatten } from "../tree/flatten.ts";
import { splitOptions } from "../tree/map.ts";
import { equalsKey, type Equatable } from "../tree/static_value.ts";
import { isArrayLeaf, isTypedArray, toNDArray } from "./leaves.ts";

/** Options of {@linkcode treeEqual}. */
export interface TreeEqualOptions {
  /** Whether leaves must also be of the same type: no `1` for `1n`, no TypedArray for an `NDArray`. */
  readonly typematch?: boolean;
  /** How far floating arrays may differ, relative to the later tree's. */
  readonly rtol?: number | NDArray;
  /** How far floating arrays may differ. */
  readonly atol?: number | NDArray;
}

/**
 * Whether all trees have the same structure and equal leaves.
 *
 * Arrays must have the same shape and dtype, and equal elements (NaN is unequal to itself), or with
 * `rtol` or `atol` close ones. Other leaves are compared as `===` does, numbers with bigints and booleans by
 * value, and by their own `[Symbol.for("vernal.equals")]` where they have it.
 *
 * @param pytrees The trees; the last may be `kwargs({ typematch, rtol, atol })`.
 * @returns `false` where structure, shapes, dtypes or leaves that are no arrays tell; otherwise `true`, or,
 * where `NDArray`s had to be compared, a 0-d boolean array, which is traced where they are. `treeEqual(...) === true` asks for
 * equality that is known without any elements.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * vn.treeEqual({ a: 1 }, { a: 1 }); // true
 * vn.treeEqual({ a: 1 }, { b: 1 }); // false
 * const x = vn.numpy.array([1, 2]);
 * vn.treeEqual([x], [x.add(1e-9)], vn.kwargs({ atol: 1e-6 })); // Array(true, dtype=bool)
 * ```
 */
export function treeEqual(...pytrees: (unknown | TreeEqualOptions)[]): boolean | NDArray {
  if (pytrees.length === 0) throw new ArgumentError("treeEqual: expected at least one tree");
  const [first, ...given] = pytrees;
  const [others, options] = splitOptions(first, given, ["typematch", "rtol", "atol"]);
  const [leaves, treedef] = flatten(first);
  let result: true | NDArray = true;
  for (const tree of others) {
    const [otherLeaves, otherDef] = flatten(tree);
    if (otherDef !== treedef) return false;
    for (let i = 0; i < leaves.length; i++) {
      const same = leavesEqual(leaves[i], otherLeaves[i], options);
      if (same === false) return false;
      if (same !== true) result = result === true ? same : and(result, same);
    }
  }
  return result;
}

function leavesEqual(a: unknown, b: unknown, options: TreeEqualOptions): boolean | NDArray {
  if (options.typematch === true && !sameType(a, b)) return false;
  if (!isArrayLeaf(a) || !isArrayLeaf(b)) {
    return !isArrayLeaf(a) && !isArrayLeaf(b) && hostEqual(a, b);
  }
  if (isTypedArray(a) && isTypedArray(b)) return typedArraysEqual(a, b, options);
  const [x, y] = [toNDArray(a, "treeEqual"), toNDArray(b, "treeEqual")];
  if (x.dtype !== y.dtype || !shapesEqual(x.shape, y.shape)) return false;
  const { rtol = 0, atol = 0 } = options;
  const equal = x.equal(y);
  if ((rtol === 0 && atol === 0) || !isInexact(x.dtype)) return equal.all();
  const bound = y.abs().mul(rtol).add(atol as ArrayLike);
  // Without the test an infinity would be close to everything: its bound is infinite.
  return or(equal, and(x.sub(y).abs().lessEqual(bound), isFinite(y))).all();
}

function hostEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  const equals = (a as Partial<Equatable> | null)?.[equalsKey];
  if (typeof equals === "function") return equals.call(a, b);
  return isHostScalar(a) && isHostScalar(b) && Number(a) === Number(b);
}

function isHostScalar(x: unknown): x is number | bigint | boolean {
  return typeof x === "number" || typeof x === "bigint" || typeof x === "boolean";
}

function sameType(a: unknown, b: unknown): boolean {
  if (a instanceof NDArray && b instanceof NDArray) return true;
  return typeof a === typeof b &&
    (typeof a !== "object" || Object.getPrototypeOf(a) === Object.getPrototypeOf(b));
}

function typedArraysEqual(
  a: TypedArray,
  b: TypedArray,
  options: TreeEqualOptions,
): boolean | NDArray {
  if (a.constructor !== b.constructor || a.length !== b.length) return false;
  const { rtol = 0, atol = 0 } = options;
  if (typeof rtol !== "number" || typeof atol !== "number") {
    return leavesEqual(toNDArray(a, "treeEqual"), b, { ...options, typematch: false });
  }
  const isFloat = a instanceof Float32Array || a instanceof Float64Array;
  for (let i = 0; i < a.length; i++) {
    if (a[i] === b[i]) continue;
    if (!isFloat || !Number.isFinite(b[i])) return false;
    const [x, y] = [a[i] as number, b[i] as number];
    if (!(Math.abs(x - y) <= atol + rtol * Math.abs(y))) return false;
  }
  return true;
}
