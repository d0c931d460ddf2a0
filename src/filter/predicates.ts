/**
 * Which leaves are arrays: the predicates that filters are made of.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import type { HostScalar, TypedArray } from "../core/dtype.ts";
import { isArrayLeaf, isInexactLeaf } from "./leaves.ts";
import { Complex } from "../core/complex.ts";

/**
 * Whether `x` is an array: an `NDArray`, concrete or traced, of any dtype, or a TypedArray.
 *
 * Numbers, booleans, nested lists and `ShapeDtypeStruct`s are not.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * vn.isArray(vn.numpy.ones([2])); // true
 * vn.isArray(new Float32Array(2)); // true
 * vn.isArray(1); // false
 * ```
 */
export function isArray(x: unknown): x is NDArray | TypedArray {
  return isArrayLeaf(x);
}

/**
 * Whether `x` is an array or a host scalar: a number, a bigint, a boolean or a {@linkcode Complex}.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * vn.isArrayLike(true); // true
 * vn.isArrayLike("1"); // false
 * ```
 */
export function isArrayLike(x: unknown): x is NDArray | TypedArray | HostScalar | Complex {
  const kind = typeof x;
  return kind === "number" || kind === "bigint" || kind === "boolean" || x instanceof Complex ||
    isArrayLeaf(x);
}

/**
 * Whether `x` is an array of a floating or complex dtype: what `filterGrad` differentiates.
 *
 * Integer and boolean arrays, PRNG keys and host scalars are not.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * vn.isInexactArray(vn.numpy.ones([2])); // true
 * vn.isInexactArray(vn.numpy.arange(2, { dtype: "int32" })); // false
 * ```
 */
export function isInexactArray(x: unknown): x is NDArray | Float32Array | Float64Array {
  return isInexactLeaf(x);
}

/**
 * Whether `x` is an array of a floating or complex dtype, or a number, complex ones included.
 *
 * A number counts whether it is whole or not; a bigint or a boolean does not.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * vn.isInexactArrayLike(1); // true
 * vn.isInexactArrayLike(1n); // false
 * ```
 */
export function isInexactArrayLike(
  x: unknown,
): x is NDArray | Float32Array | Float64Array | number | Complex {
  return typeof x === "number" || x instanceof Complex || isInexactLeaf(x);
}
