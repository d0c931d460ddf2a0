/**
 * Discrete Fourier transforms, as `jax.numpy.fft`.
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { complexOf, type DType, isComplex, partOf } from "../core/dtype.ts";
import { lit, literal } from "../ops/common.ts";
import * as arith from "../ops/arith.ts";
import { convertElementType } from "../ops/convert.ts";
import { fft as transform, type FourierKind } from "../ops/fft.ts";
import { conj } from "../ops/parts.ts";
import { pad } from "../ops/slicing.ts";
import { roll } from "./arranging.ts";
import { checkInteger, describe, readOptions, sliceAlong } from "./axes.ts";
import { arange } from "./creation.ts";
import { asArray, normalizeAxes, normalizeAxis, toInexact } from "./promote.ts";

/**
 * Where the factor `1/n` stands: with the inverse (`"backward"`, as unless given), with the forward transform (`"forward"`), or its
 * root with both (`"ortho"`).
 */
export type FourierNorm = "backward" | "ortho" | "forward";

/** Options of the transforms over one axis. */
export interface FourierOptions {
  /** How many elements (of `irfft` and `hfft`: of the result) count: others are cut off, or zeros are put at the end. */
  readonly n?: number | null;
  /** The axis; the last unless given. */
  readonly axis?: number | null;
  /** Where the factor `1/n` stands. */
  readonly norm?: FourierNorm | null;
}

/** Options of the transforms over several axes. */
export interface FourierOptionsNd {
  /** How many elements count along each axis (of `irfftn`: of the result). */
  readonly s?: readonly number[] | null;
  /** The axes; unless given the last ones, as many as `s` has, or all (the last two, of the functions named so). */
  readonly axes?: readonly number[] | null;
  /** Where the factor `1/n` stands. */
  readonly norm?: FourierNorm | null;
}

const norms: readonly FourierNorm[] = ["backward", "ortho", "forward"];

function scaleOf(norm: FourierNorm | null | undefined, n: number, inverse: boolean, where: string) {
  const kind = norm ?? "backward";
  if (!norms.includes(kind)) {
    throw new ArgumentError(
      `${where}: norm must be "backward", "ortho" or "forward"; got ${describe(norm)}`,
    );
  }
  if (kind === "ortho") return 1 / Math.sqrt(n);
  return (kind === "backward") === inverse ? 1 / n : 1;
}

function inexact(x: ArrayLike, where: string): NDArray {
  const a = toInexact(x, where);
  return a.dtype === "float16" || a.dtype === "bfloat16" ? convertElementType(a, "float32") : a;
}

function realOnly(x: ArrayLike, where: string): NDArray {
  const a = inexact(x, where);
  if (!isComplex(a.dtype)) return a;
  throw new DTypeError(
    `${where}: takes a real array; got ${a.dtype}. numpy.fft.fft takes complex ones`,
  );
}

function complexOnly(x: ArrayLike, where: string): NDArray {
  const a = inexact(x, where);
  return isComplex(a.dtype)
    ? a
    : convertElementType(a, a.dtype === "float64" ? "complex128" : "complex64");
}

/** As many elements along an axis, cut off or followed by zeros. */
function fitted(x: NDArray, axis: number, n: number): NDArray {
  if (x.shape[axis] > n) return sliceAlong(x, axis, 0, n);
  if (x.shape[axis] === n) return x;
  const zero = isComplex(x.dtype)
    ? convertElementType(literal(0, partOf(x.dtype)), x.dtype)
    : lit(x, 0);
  return pad(x, zero, x.shape.map((m, i) => [0, i === axis ? n - m : 0, 0]));
}

/** One transform along one axis. `n` counts elements of the real side. */
function along(kind: FourierKind, x: NDArray, axis: number, n: number, scale: number): NDArray {
  const given = fitted(x, axis, kind === "irfft" ? Math.floor(n / 2) + 1 : n);
  const isToConvert = kind === "irfft" && !isComplex(given.dtype);
  const operand = isToConvert ? convertElementType(given, complexOf(given.dtype)) : given;
  return transform(operand, kind, n, axis, scale);
}

function checkLength(n: number, what: string, where: string): number {
  checkInteger(n, what, where);
  if (n >= 1) return n;
  throw new ArgumentError(`${where}: ${what} must be at least 1; got ${n}`);
}

/** The array and its axes and lengths, from options, checked; then one transform after the other. */
function overAxes(
  kind: FourierKind,
  x: NDArray,
  axes: readonly number[],
  s: readonly (number | null | undefined)[] | null,
  norm: FourierNorm | null | undefined,
  where: string,
  name: (i: number) => string,
): NDArray {
  const count = axes.length;
  const lengths = axes.map((axis, i) => {
    const own = kind === "irfft" && i === count - 1 ? 2 * (x.shape[axis] - 1) : x.shape[axis];
    const n = s?.[i];
    if (n !== null && n !== undefined) return checkLength(n, name(i), where);
    if (own >= 1) return own;
    throw new ShapeError(
      `${where}: axis ${axis} has ${x.shape[axis]} elements, of which there is no transform; give ${
        name(i)
      }`,
    );
  });
  const inverse = kind === "ifft" || kind === "irfft";
  const step = (kind: FourierKind, v: NDArray, i: number) =>
    along(kind, v, axes[i], lengths[i], scaleOf(norm, lengths[i], inverse, where));
  let out = x;
  if (kind === "rfft") out = step("rfft", out, count - 1);
  const before = kind === "rfft" || kind === "irfft" ? count - 1 : count;
  for (let i = before - 1; i >= 0; i--) out = step(inverse ? "ifft" : "fft", out, i);
  return kind === "irfft" ? step("irfft", out, count - 1) : out;
}

function one(
  kind: FourierKind,
  x: NDArray,
  options: FourierOptions | undefined,
  where: string,
): NDArray {
  const o = readOptions(options, where, "{ n: 8, axis: 0 }");
  if (x.ndim === 0) throw new ShapeError(`${where}: x must have at least 1 axis; got a 0-d array`);
  const axis = normalizeAxis(o.axis ?? -1, x.ndim, where);
  return overAxes(kind, x, [axis], [o.n], o.norm, where, () => "n");
}

function many(
  kind: FourierKind,
  x: NDArray,
  options: FourierOptionsNd | undefined,
  usual: readonly number[] | null,
  where: string,
): NDArray {
  const o = readOptions(options, where, "{ axes: [0, 1] }");
  const s = o.s ?? null;
  const given = o.axes ?? usual ??
    (s === null ? x.shape.map((_, i) => i) : s.map((_, i) => i - s.length));
  normalizeAxes(given, x.ndim, where); // refuses axes that are named twice
  const axes = given.map((axis) => normalizeAxis(axis, x.ndim, where));
  if (s !== null && s.length !== axes.length) {
    throw new ArgumentError(
      `${where}: s must have one length for each axis: got ${s.length} for ${axes.length} axes`,
    );
  }
  if (axes.length === 0) {
    throw new ShapeError(`${where}: needs at least one axis to transform over; got none`);
  }
  return overAxes(kind, x, axes, s, o.norm, where, (i) => `s[${i}]`);
}

/**
 * The discrete Fourier transform `y[k] = Σ x[j] · exp(-2πi·j·k/n)` along one axis.
 *
 * Any length takes O(n log n) work: lengths with small factors the least, long primes that of two
 * transforms of two to four times the length. It is linear: its derivatives are transforms, and so is its transpose. In a jaxpr it is `fft`, one for
 * each axis, with a table of roots of unity that is made when a length is first met.
 *
 * @param x Real or complex, of at least one axis; integers become float32. The result is complex64, of float64 and complex128 complex128.
 * @throws {ShapeError} For 0-d arrays and empty axes.
 * @throws {ArgumentError} For options of a wrong kind.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 *
 * const y = np.fft.fft(np.array([1, 0, 0, 0]));
 * np.real(y).tolist(); // [1, 1, 1, 1]
 * ```
 */
export function fft(x: ArrayLike, options?: FourierOptions): NDArray {
  return one("fft", inexact(x, "numpy.fft.fft"), options, "numpy.fft.fft");
}

/** The inverse of {@linkcode fft}: `x[j] = 1/n · Σ y[k] · exp(2πi·j·k/n)`. */
export function ifft(x: ArrayLike, options?: FourierOptions): NDArray {
  return one("ifft", inexact(x, "numpy.fft.ifft"), options, "numpy.fft.ifft");
}

/**
 * The transform of a real array: frequencies `0 ≤ k ≤ n/2` alone, since the others are their conjugates.
 *
 * @throws {DTypeError} For complex arrays.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 *
 * const y = np.fft.rfft(np.array([1, 2, 3, 4]));
 * y.shape; // [3]
 * np.fft.irfft(y).shape; // [4]
 * ```
 */
export function rfft(x: ArrayLike, options?: FourierOptions): NDArray {
  return one("rfft", realOnly(x, "numpy.fft.rfft"), options, "numpy.fft.rfft");
}

/** The inverse of {@linkcode rfft}: real, of `n` elements, `2·(m - 1)` unless given for `m` frequencies. */
export function irfft(x: ArrayLike, options?: FourierOptions): NDArray {
  return one("irfft", complexOnly(x, "numpy.fft.irfft"), options, "numpy.fft.irfft");
}

/** {@linkcode fft} along several axes; all unless given. */
export function fftn(x: ArrayLike, options?: FourierOptionsNd): NDArray {
  return many("fft", inexact(x, "numpy.fft.fftn"), options, null, "numpy.fft.fftn");
}

/** {@linkcode ifft} along several axes; all unless given. */
export function ifftn(x: ArrayLike, options?: FourierOptionsNd): NDArray {
  return many("ifft", inexact(x, "numpy.fft.ifftn"), options, null, "numpy.fft.ifftn");
}

/** {@linkcode rfft} along the last of several axes, {@linkcode fft} along the others; all unless given. */
export function rfftn(x: ArrayLike, options?: FourierOptionsNd): NDArray {
  return many("rfft", realOnly(x, "numpy.fft.rfftn"), options, null, "numpy.fft.rfftn");
}

/** The inverse of {@linkcode rfftn}. */
export function irfftn(x: ArrayLike, options?: FourierOptionsNd): NDArray {
  return many("irfft", complexOnly(x, "numpy.fft.irfftn"), options, null, "numpy.fft.irfftn");
}

/** {@linkcode fftn} along the last two axes, unless others are given. */
export function fft2(x: ArrayLike, options?: FourierOptionsNd): NDArray {
  return many("fft", inexact(x, "numpy.fft.fft2"), options, [-2, -1], "numpy.fft.fft2");
}

/** {@linkcode ifftn} along the last two axes, unless others are given. */
export function ifft2(x: ArrayLike, options?: FourierOptionsNd): NDArray {
  return many("ifft", inexact(x, "numpy.fft.ifft2"), options, [-2, -1], "numpy.fft.ifft2");
}

/** {@linkcode rfftn} along the last two axes, unless others are given. */
export function rfft2(x: ArrayLike, options?: FourierOptionsNd): NDArray {
  return many("rfft", realOnly(x, "numpy.fft.rfft2"), options, [-2, -1], "numpy.fft.rfft2");
}

/** {@linkcode irfftn} along the last two axes, unless others are given. */
export function irfft2(x: ArrayLike, options?: FourierOptionsNd): NDArray {
  return many("irfft", complexOnly(x, "numpy.fft.irfft2"), options, [-2, -1], "numpy.fft.irfft2");
}

const swapped = { backward: "forward", forward: "backward", ortho: "ortho" } as const;

function withNormSwapped(options: FourierOptions | undefined, where: string): FourierOptions {
  const o = readOptions(options, where, "{ n: 8, axis: 0 }");
  const norm = o.norm ?? "backward";
  return { ...o, norm: swapped[norm] ?? norm };
}

/** The transform, which is real, of an array of which `x` is the first half and the rest its conjugates. */
export function hfft(x: ArrayLike, options?: FourierOptions): NDArray {
  const where = "numpy.fft.hfft";
  return one("irfft", conj(complexOnly(x, where)), withNormSwapped(options, where), where);
}

/** The inverse of {@linkcode hfft}. */
export function ihfft(x: ArrayLike, options?: FourierOptions): NDArray {
  const where = "numpy.fft.ihfft";
  return conj(one("rfft", realOnly(x, where), withNormSwapped(options, where), where));
}

/** Options of {@linkcode fftfreq} and {@linkcode rfftfreq}. */
export interface FrequencyOptions {
  /** The distance between samples; 1 unless given. */
  readonly d?: number;
  /** `"float32"` unless given. */
  readonly dtype?: DType;
}

/**
 * The frequencies of {@linkcode fft}'s elements, in cycles per unit of `d`: those from 0 up, then the negative ones.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 *
 * np.fft.fftfreq(4).tolist(); // [0, 0.25, -0.5, -0.25]
 * ```
 */
export function fftfreq(n: number, options?: FrequencyOptions): NDArray {
  const where = "numpy.fft.fftfreq";
  checkLength(n, "n", where);
  const k = arange(0, n, { dtype: "int32" });
  const half = Math.floor((n - 1) / 2);
  return frequencies(roll(arith.sub(k, Math.floor(n / 2)), half + 1), n, options, where);
}

/** The frequencies of {@linkcode rfft}'s elements, in cycles per unit of `d`. */
export function rfftfreq(n: number, options?: FrequencyOptions): NDArray {
  const where = "numpy.fft.rfftfreq";
  checkLength(n, "n", where);
  return frequencies(arange(0, Math.floor(n / 2) + 1, { dtype: "int32" }), n, options, where);
}

function frequencies(
  k: NDArray,
  n: number,
  options: FrequencyOptions | undefined,
  where: string,
): NDArray {
  const o = readOptions(options, where, "{ d: 0.1 }");
  const x = convertElementType(k, o.dtype ?? "float32");
  return arith.div(x, lit(x, n * (o.d ?? 1)));
}

function shifted(
  x: ArrayLike,
  options: { readonly axes?: number | readonly number[] | null } | undefined,
  where: string,
  by: (n: number) => number,
): NDArray {
  const a = asArray(x, where);
  const o = readOptions(options, where, "{ axes: [0] }");
  const axes = normalizeAxes(o.axes, a.ndim, where);
  return roll(a, axes.map((axis) => by(a.shape[axis])), axes);
}

/** Options of {@linkcode fftshift} and {@linkcode ifftshift}. */
export interface ShiftOptions {
  /** The axes; all unless given. */
  readonly axes?: number | readonly number[] | null;
}

/** The frequency 0 moved to the middle of axes. */
export function fftshift(x: ArrayLike, options?: ShiftOptions): NDArray {
  return shifted(x, options, "numpy.fft.fftshift", (n) => Math.floor(n / 2));
}

/** The inverse of {@linkcode fftshift}. */
export function ifftshift(x: ArrayLike, options?: ShiftOptions): NDArray {
  return shifted(x, options, "numpy.fft.ifftshift", (n) => -Math.floor(n / 2));
}
