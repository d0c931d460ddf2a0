/**
 * Discrete Fourier transforms over the last axes, as `jax.lax.fft`.
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { formatShape } from "../core/aval.ts";
import { complexOf, isComplex } from "../core/dtype.ts";
import { convertElementType } from "../ops/convert.ts";
import { describe } from "../numpy/axes.ts";
import { fftn, ifftn, irfftn, rfftn } from "../numpy/fft.ts";
import { toInexact } from "../numpy/promote.ts";

const transforms = { fft: fftn, ifft: ifftn, rfft: rfftn, irfft: irfftn };

/** What {@linkcode fft} takes. */
export interface FftOptions {
  /** Which transform. */
  readonly fftType: "fft" | "ifft" | "rfft" | "irfft";
  /** The sizes of the last axes: of the argument, of `"irfft"` of the result. */
  readonly fftLengths: readonly number[];
}

/**
 * A Fourier transform over the last axes, as many as there are lengths; inverses are divided by the number of elements.
 * `numpy.fft` takes axes, cuts off and fills up.
 *
 * @throws {ArgumentError} For another type of transform.
 * @throws {DTypeError} For complex arrays where `fftType` is `"rfft"`.
 * @throws {ShapeError} Where the last axes have other sizes.
 *
 * @example
 * ```ts
 * import { lax, numpy as np } from "@vernal/vernal";
 *
 * const y = lax.fft(np.array([1, 2, 3, 4]), { fftType: "rfft", fftLengths: [4] });
 * np.real(y).tolist(); // [10, -2, -2]
 * ```
 */
export function fft(x: ArrayLike, { fftType, fftLengths }: FftOptions): NDArray {
  const where = "lax.fft";
  if (!Object.hasOwn(transforms, fftType)) {
    throw new ArgumentError(
      `${where}: fftType must be "fft", "ifft", "rfft" or "irfft"; got ${describe(fftType)}`,
    );
  }
  const a = toInexact(x, where);
  if (fftType === "rfft" && isComplex(a.dtype)) {
    throw new DTypeError(`${where}: "rfft" takes a real array; got ${a.dtype}. "fft" takes any`);
  }
  const count = fftLengths.length;
  if (count === 0) {
    return fftType === "rfft" || isComplex(a.dtype) ? a : convertElementType(a, complexOf(a.dtype));
  }
  const sizes = fftLengths.map((n, i) =>
    fftType === "irfft" && i === count - 1 ? Math.floor(n / 2) + 1 : n
  );
  const last = a.shape.slice(Math.max(0, a.ndim - count));
  if (last.length !== count || last.some((n, i) => n !== sizes[i])) {
    throw new ShapeError(
      `${where}: fftLengths [${
        fftLengths.join(", ")
      }] of "${fftType}" need an array whose last axes are ${formatShape(sizes)}; got shape ${
        formatShape(a.shape)
      }`,
    );
  }
  return transforms[fftType](a, { s: fftLengths, axes: fftLengths.map((_, i) => i - count) });
}
