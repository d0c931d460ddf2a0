/**
 * What the filtered transformations do to leaves: find the arrays, take them out, put others in.
 *
 * @module
 */
import { NDArray } from "../core/array.ts";
import { formatAval } from "../core/aval.ts";
import { dtypeOfTypedArray, isInexact, type TypedArray } from "../core/dtype.ts";
import { getEvaluator } from "../core/trace.ts";

/** Whether a leaf is an array: concrete, traced, or a TypedArray. */
export function isArrayLeaf(x: unknown): x is NDArray | TypedArray {
  return x instanceof NDArray || isTypedArray(x);
}

/** Whether a leaf is a TypedArray (a `DataView` is not). */
export function isTypedArray(x: unknown): x is TypedArray {
  return ArrayBuffer.isView(x) && !(x instanceof DataView);
}

/** Whether a leaf is a floating-point array. */
export function isInexactLeaf(x: unknown): x is NDArray | TypedArray {
  if (x instanceof NDArray) return isInexact(x.dtype);
  return x instanceof Float32Array || x instanceof Float64Array;
}

/** A leaf that is an array, as an NDArray. */
export function toNDArray(x: NDArray | TypedArray, where: string): NDArray {
  if (x instanceof NDArray) return x;
  return getEvaluator().fromTypedArray(x, [x.length], dtypeOfTypedArray(x, where));
}

/** What a value is, for messages. */
export function describeValue(x: unknown): string {
  if (x === null || x === undefined) return String(x);
  if (x instanceof NDArray) return `an array ${formatAval(x.aval)}`;
  if (Array.isArray(x)) return `an array of ${x.length} values`;
  if (typeof x === "object") return `an object of class ${x.constructor?.name ?? "(none)"}`;
  // Its source is no name.
  if (typeof x === "function") return `a function ${x.name || "(anonymous)"}`;
  return `${typeof x} ${typeof x === "string" ? JSON.stringify(x) : String(x)}`;
}

/** The arrays among some leaves, taken out so that others can stand in for them. */
export interface LeafSplit {
  /** The arrays, in order. */
  readonly arrays: NDArray[];
  /** Puts arrays (or anything) in their places, beside the other leaves. */
  fill(values: readonly unknown[]): unknown[];
}

/** Takes the leaves that satisfy `isDynamic` out of a list. */
export function splitLeaves(
  leaves: readonly unknown[],
  isDynamic: (leaf: unknown) => boolean,
  where: string,
): LeafSplit {
  const arrays: NDArray[] = [];
  const places: number[] = [];
  leaves.forEach((leaf, i) => {
    if (!isDynamic(leaf)) return;
    arrays.push(toNDArray(leaf as NDArray | TypedArray, where));
    places.push(i);
  });
  return {
    arrays,
    fill: (values) => {
      const filled = [...leaves];
      places.forEach((place, i) => filled[place] = values[i]);
      return filled;
    },
  };
}

/** What tells lists of leaves apart, their arrays aside: which are arrays, and the others. */
export function staticParts(leaves: readonly unknown[]): unknown[] {
  return leaves.map((leaf) => isArrayLeaf(leaf) ? "array" : ["static", leaf]).flat();
}
