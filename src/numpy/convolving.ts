/**
 * Convolutions of two vectors.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { formatShape } from "../core/aval.ts";
import { convGeneralDilated } from "../ops/conv.ts";
import { reshape } from "../ops/shape.ts";
import { rev } from "../ops/slicing.ts";
import { conj } from "./complex.ts";
import { promoteInexact } from "./promote.ts";

/** How much of a convolution is given: all of it, as much as the longer vector, or where the vectors overlap wholly. */
export type ConvolveMode = "full" | "same" | "valid";

/** A mode alone, or as an option. */
export type ConvolveOptions = ConvolveMode | { readonly mode?: ConvolveMode };

/** Both vectors, the longer one first, and whether they had to be exchanged. */
function vectors(
  a: ArrayLike,
  v: ArrayLike,
  where: string,
): { long: NDArray; short: NDArray; exchanged: boolean } {
  const [x, y] = promoteInexact([a, v], where);
  [x, y].forEach((z, i) => {
    if (z.ndim === 1 && z.size > 0) return;
    throw new ShapeError(
      `${where}: both arguments must be vectors of at least one element; ${
        i === 0 ? "a" : "v"
      } has shape ${formatShape(z.shape)}`,
    );
  });
  const exchanged = x.size < y.size;
  return exchanged ? { long: y, short: x, exchanged } : { long: x, short: y, exchanged };
}

/** Slides the shorter vector, reversed or not, along the longer one. */
function slide(
  x: NDArray,
  y: NDArray,
  windowReversal: boolean,
  mode: ConvolveMode,
  where: string,
): NDArray {
  const [n, half] = [y.size, Math.floor(y.size / 2)];
  const paddings: Readonly<Record<string, readonly [number, number]>> = {
    full: [n - 1, n - 1],
    same: [half, n - half - 1],
    valid: [0, 0],
  };
  if (!Object.hasOwn(paddings, mode)) {
    throw new ArgumentError(
      `${where}: mode must be "full", "same" or "valid"; got ${JSON.stringify(mode)}`,
    );
  }
  const spec = [0, 1, 2];
  const out = convGeneralDilated(reshape(x, [1, 1, x.size]), reshape(y, [1, 1, n]), {
    windowStrides: [1],
    padding: [paddings[mode]],
    lhsDilation: [1],
    rhsDilation: [1],
    dimensionNumbers: { lhsSpec: spec, rhsSpec: spec, outSpec: spec },
    featureGroupCount: 1,
    batchGroupCount: 1,
    windowReversal,
    precision: null,
    preferredElementType: null,
  });
  return reshape(out, [out.size]);
}

const modeOf = (options: ConvolveOptions | undefined, absent: ConvolveMode): ConvolveMode =>
  (typeof options === "object" ? options.mode : options) ?? absent;

/**
 * The convolution of two vectors: `out[k] = Σ a[i] · v[k - i]`. Integers are converted to floats.
 *
 * @param mode `"full"` unless given.
 * @throws {ShapeError} Where an argument is no vector, or has no elements.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 *
 * np.convolve(np.array([1, 2, 3]), np.array([0, 1, 0.5])).tolist(); // [0, 1, 2.5, 4, 1.5]
 * np.convolve(np.array([1, 2, 3]), np.array([0, 1, 0.5]), "same").tolist(); // [1, 2.5, 4]
 * ```
 */
export function convolve(a: ArrayLike, v: ArrayLike, mode?: ConvolveOptions): NDArray {
  const where = "numpy.convolve";
  const { long, short } = vectors(a, v, where);
  return slide(long, short, true, modeOf(mode, "full"), where);
}

/**
 * The cross-correlation of two vectors: `out[k] = Σ a[i + k] · conj(v[i])`. Integers are converted to floats.
 *
 * @param mode `"valid"` unless given.
 * @throws {ShapeError} Where an argument is no vector, or has no elements.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 *
 * np.correlate(np.array([1, 2, 3, 4]), np.array([1, 10])).tolist(); // [21, 32, 43]
 * ```
 */
export function correlate(a: ArrayLike, v: ArrayLike, mode?: ConvolveOptions): NDArray {
  const where = "numpy.correlate";
  const { long, short, exchanged } = vectors(a, v, where);
  const [x, y] = exchanged ? [conj(long), short] : [long, conj(short)];
  const out = slide(x, y, false, modeOf(mode, "valid"), where);
  return exchanged ? rev(out, [0]) : out;
}
