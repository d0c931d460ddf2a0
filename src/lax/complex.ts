/**
 * Complex arrays and their parts, without promotion.
 *
 * @module
 */
import type { ArrayLike, NDArray } from "../core/array.ts";
import { complexOf, isComplex } from "../core/dtype.ts";
import { convertElementType } from "../ops/convert.ts";
import * as parts from "../ops/parts.ts";
import { asArray } from "../numpy/promote.ts";

/**
 * The complex array of a real and an imaginary part: float32 gives complex64, float64 complex128.
 *
 * @throws {DTypeError} For parts of other dtypes, or of two.
 * @throws {ShapeError} For parts of two shapes (but 0-d goes with any).
 */
export function complex(re: ArrayLike, im: ArrayLike): NDArray {
  return parts.complex(asArray(re, "lax.complex"), asArray(im, "lax.complex"));
}

/** The real part of a complex array. */
export function real(x: ArrayLike): NDArray {
  return parts.real(asArray(x, "lax.real"));
}

/** The imaginary part of a complex array. */
export function imag(x: ArrayLike): NDArray {
  return parts.imag(asArray(x, "lax.imag"));
}

/** The complex conjugate, complex for real arrays too. */
export function conj(x: ArrayLike): NDArray {
  const a = asArray(x, "lax.conj");
  return isComplex(a.dtype) ? parts.conj(a) : convertElementType(a, complexOf(a.dtype), a.weakType);
}
