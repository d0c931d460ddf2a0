/**
 * Complex arrays: their parts, and questions about them. Every function takes real arrays too.
 *
 * @module
 */
import type { ArrayLike, NDArray } from "../core/array.ts";
import { isComplex } from "../core/dtype.ts";
import { atan2 } from "../ops/elementary.ts";
import { literal } from "../ops/common.ts";
import { eq, ne } from "../ops/logic.ts";
import * as arith from "../ops/arith.ts";
import * as parts from "../ops/parts.ts";
import { broadcastInDim } from "../ops/shape.ts";
import { ones, zerosLike } from "./creation.ts";
import { asArray, toInexact } from "./promote.ts";

/**
 * The real part: `x` itself where it is real.
 *
 * @example
 * ```ts
 * import { Complex, numpy as np } from "@vernal/vernal";
 *
 * const z = np.array([new Complex(3, 4)]);
 * np.real(z).tolist(); // [3]
 * np.abs(z).tolist(); // [5]
 * ```
 */
export function real(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.real");
  return isComplex(a.dtype) ? parts.real(a) : a;
}

/** The imaginary part: zeros where `x` is real. */
export function imag(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.imag");
  return isComplex(a.dtype) ? parts.imag(a) : zerosLike(a);
}

/** The complex conjugate: `x` itself where it is real. */
export function conj(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.conj");
  return isComplex(a.dtype) ? parts.conj(a) : a;
}

/** {@linkcode conj}. */
export const conjugate = conj;

/** Options of {@linkcode angle}. */
export interface AngleOptions {
  /** Whether to give degrees instead of radians. */
  readonly deg?: boolean;
}

/** The angle of a complex number with the positive real axis, in (-π, π]; 0 or π for real numbers. */
export function angle(x: ArrayLike, options: AngleOptions = {}): NDArray {
  const a = toInexact(x, "numpy.angle");
  const turn = isComplex(a.dtype)
    ? atan2(parts.imag(a), parts.real(a))
    : atan2(broadcastInDim(literal(0, a.dtype), a.shape, []), a);
  return options.deg === true ? arith.mul(turn, 180 / Math.PI) : turn;
}

/** Whether elements have an imaginary part that is not 0. */
export function iscomplex(x: ArrayLike): NDArray {
  const y = imag(x);
  return ne(y, literal(0, y.dtype));
}

/** Whether elements have no imaginary part, or 0 for it. */
export function isreal(x: ArrayLike): NDArray {
  const a = asArray(x, "numpy.isreal");
  if (!isComplex(a.dtype)) return ones(a.shape, { dtype: "bool" });
  return eq(parts.imag(a), literal(0, parts.imag(a).dtype));
}

/** Whether an array's dtype is complex. */
export function iscomplexobj(x: ArrayLike): boolean {
  return isComplex(asArray(x, "numpy.iscomplexobj").dtype);
}

/** Whether an array's dtype is not complex. */
export function isrealobj(x: ArrayLike): boolean {
  return !iscomplexobj(x);
}
