/**
 * `ifArray`: the axes spec that maps arrays and nothing else.
 *
 * @module
 */
import { describeValue, isArrayLeaf } from "./leaves.ts";
import { ArgumentError } from "../errors.ts";

const made: Map<number, (leaf: unknown) => number | null> = new Map();

/**
 * A function that gives `axis` for arrays and `null` for other leaves: the usual `inAxes` and `outAxes`.
 *
 * One function per axis, so that specs made afresh are the same and find what was compiled before.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * vn.ifArray(1)(vn.numpy.zeros([2, 3])); // 1
 * vn.ifArray(1)("relu"); // null
 * ```
 */
export function ifArray(axis: number): (leaf: unknown) => number | null {
  if (!Number.isInteger(axis)) {
    throw new ArgumentError(`ifArray: axis must be an integer; got ${describeValue(axis)}`);
  }
  let fn = made.get(axis);
  if (fn === undefined) {
    fn = (leaf) => isArrayLeaf(leaf) ? axis : null;
    Object.defineProperty(fn, "name", { value: `ifArray(${axis})` });
    made.set(axis, fn);
  }
  return fn;
}
