/**
 * Discrete Fourier transforms over the last axis, as products with small matrices of roots of unity: what devices compute that lack the kernels
 * of `fft.ts`.
 *
 * A length that is a product goes by the step of Cooley and Tukey ("An algorithm for the machine calculation of complex Fourier
 * series", 1965): transforms of one factor, turned by roots of unity, then transforms of the other. Lengths of few elements are
 * one product with a matrix, and long primes a convolution of a length with small factors (Bluestein, 1970). The roots are computed on the
 * device, from whole numbers: a program that is lowered takes no constants up.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { type DType, isComplex } from "../core/dtype.ts";
import { add, div, min, mul, rem, sub } from "./arith.ts";
import { literal } from "./common.ts";
import { convertElementType } from "./convert.ts";
import { dotGeneral } from "./dot.ts";
import { concatenate } from "./dynamic.ts";
import { cos, sin } from "./elementary.ts";
import { gt, lt, select } from "./logic.ts";
import { neg } from "./negate.ts";
import { complex, imag, real } from "./parts.ts";
import { broadcastInDim, fullLike, iota, reshape, transpose } from "./shape.ts";
import { pad, rev, slice } from "./slicing.ts";

/** The parts of a complex array of shape `[rows, n]`; no imaginary part stands for zeros. */
interface Pair {
  readonly re: NDArray;
  readonly im: NDArray | null;
}

/** A pair whose imaginary part is there. */
interface Full extends Pair {
  readonly im: NDArray;
}

/** Up to this length a transform is one product with a matrix. */
const longestMatrix = 32;

/** Primes up to this length too: Bluestein's three longer transforms cost more. */
const longestPrime = 128;

/** A number for each element of an int32 array. */
function whole(value: number, like: NDArray): NDArray {
  return fullLike(literal(value, "int32"), like.shape);
}

/** `exp(sign · 2πi · k/n)` of int32 `0 ≤ k < n`, computed where the transform is: from angles up to an eighth of a turn. */
function roots(k: NDArray, n: number, sign: number, dtype: DType): Full {
  /** The smaller of `x` and `n - x`, and whether that is not `x`. */
  const folded = (x: NDArray): [NDArray, NDArray] => {
    const other = sub(whole(n, x), x);
    return [min(x, other), gt(x, other)];
  };
  const twice = (x: NDArray) => add(x, x);
  // Halves, quarters and eighths of the turn.
  const [half, isBelow] = folded(k);
  const [quarter, isLeft] = folded(twice(half));
  const [eighth, isSteep] = folded(twice(quarter));
  const size = fullLike(literal(Math.PI / (2 * n), dtype), k.shape);
  const angle = mul(convertElementType(eighth, dtype), size);
  const [c, s] = [cos(angle), sin(angle)];
  const [x, y] = [select(isSteep, s, c), select(isSteep, c, s)];
  return {
    re: select(isLeft, neg(x), x),
    im: sign > 0 ? select(isBelow, neg(y), y) : select(isBelow, y, neg(y)),
  };
}

/** `i · j` for each row i and column j. */
function indexProducts(rows: number, columns: number): NDArray {
  const shape = [rows, columns];
  return mul(iota("int32", shape, 0), iota("int32", shape, 1));
}

/** One product with the matrix of a transform, its parts side by side: `[re im] · [[C S] [-S C]]`. */
function byMatrix({ re, im }: Pair, n: number, sign: number): Full {
  const powers = indexProducts(n, n);
  const { re: c, im: s } = roots(rem(powers, whole(n, powers)), n, sign, re.dtype);
  const above = concatenate([c, s], 1);
  const matrix = im === null ? above : concatenate([above, concatenate([neg(s), c], 1)], 0);
  const given = im === null ? re : concatenate([re, im], 1);
  const out = dotGeneral(given, matrix, [[[1], [0]], [[], []]]);
  const rows = re.shape[0];
  return { re: slice(out, [0, 0], [rows, n]), im: slice(out, [0, n], [rows, 2 * n]) };
}

/** Blocks of rows, each times the matrix of roots element by element. */
function turned({ re, im }: Pair, by: Full): Full {
  const [rows, n] = by.re.shape;
  const shape = [re.shape[0] / rows, rows, n];
  const [c, s] = [by.re, by.im].map((v) => broadcastInDim(v, shape, [1, 2]));
  const x = reshape(re, shape);
  const flat = (v: NDArray) => reshape(v, re.shape);
  if (im === null) return { re: flat(mul(x, c)), im: flat(mul(x, s)) };
  const y = reshape(im, shape);
  return { re: flat(sub(mul(x, c), mul(y, s))), im: flat(add(mul(x, s), mul(y, c))) };
}

/** Rows seen as matrices of `a` by `b`, transposed, and cut into rows of `width`. */
function turnedOver(x: NDArray, a: number, b: number, width: number): NDArray {
  const blocks = x.size / (a * b);
  const over = transpose(reshape(x, [blocks, a, b]), [0, 2, 1]);
  return reshape(over, [blocks * a * b / width, width]);
}

function both({ re, im }: Pair, f: (x: NDArray) => NDArray): Pair {
  return { re: f(re), im: im === null ? null : f(im) };
}

/** The largest factor of `n` that is no larger than its root; 1 for primes. */
function factorOf(n: number): number {
  let a = Math.floor(Math.sqrt(n));
  while (n % a !== 0) a--;
  return a;
}

/** The transform of each row, not scaled. */
function transform(x: Pair, n: number, sign: number): Full {
  if (n <= longestMatrix) return byMatrix(x, n, sign);
  const a = factorOf(n);
  if (a === 1) return n <= longestPrime ? byMatrix(x, n, sign) : byConvolution(x, n, sign);
  // Element j = j1·b + j2 and frequency k = k1 + a·k2: over j1, turned by j2·k1, over j2.
  const b = n / a;
  const columns = transform(both(x, (v) => turnedOver(v, a, b, a)), a, sign);
  const between = turned(columns, roots(indexProducts(b, a), n, sign, x.re.dtype));
  const rows = transform(both(between, (v) => turnedOver(v, b, a, b)), b, sign);
  return both(rows, (v) => turnedOver(v, a, b, n)) as Full;
}

/** `j² mod by` of int32 `j < n`. */
function squares(j: NDArray, n: number, by: number): NDArray {
  const modulus = whole(by, j);
  if (n <= 46340) return rem(mul(j, j), modulus);
  // The square is beyond the int32: by digits of four bits.
  let sum = whole(0, j);
  for (let place = 16 ** Math.floor(Math.log2(n) / 4); place >= 1; place /= 16) {
    const digit = rem(div(j, whole(place, j)), whole(16, j));
    sum = rem(add(mul(sum, whole(16, j)), mul(j, digit)), modulus);
  }
  return sum;
}

/** Bluestein's: since `j·k = (j² + k² - (k - j)²)/2`, a transform is a convolution with a chirp, here of a power of two. */
function byConvolution(x: Pair, n: number, sign: number): Full {
  const dtype = x.re.dtype;
  const m = 2 ** Math.ceil(Math.log2(2 * n - 1));
  const chirp = roots(squares(iota("int32", [1, n], 1), n, 2 * n), 2 * n, sign, dtype);
  const zero = literal(0, dtype);
  const longer = (v: NDArray) => pad(v, zero, [[0, 0, 0], [0, m - n, 0]]);
  // Its conjugate, at as many places before 0 as after it, which are the last ones.
  const at = iota("int32", [1, m], 1);
  const j = min(at, sub(whole(m, at), at));
  const isThere = lt(j, whole(n, j));
  const wave = roots(squares(min(j, whole(n - 1, j)), n, 2 * n), 2 * n, -sign, dtype);
  const none = fullLike(zero, [1, m]);
  const filter = transform(both(wave, (v) => select(isThere, v, none)), m, 1);
  const spectrum = turned(transform(both(turned(x, chirp), longer), m, 1), filter);
  const back = both(
    transform(spectrum, m, -1),
    (v) => mul(slice(v, [0, 0], [v.shape[0], n]), literal(1 / m, dtype)),
  );
  return turned(back, chirp);
}

function scaled(x: NDArray, by: number): NDArray {
  return by === 1 ? x : mul(x, literal(by, x.dtype));
}

/**
 * The transform over the last axis, of a real or a complex array; complex.
 *
 * @param x An array of at least one axis, the last not empty, of an inexact dtype of 32 or 64 bits in each part.
 * @param inverse Whether the roots of unity turn the other way.
 * @param scale What the result is multiplied by.
 */
export function fourier(x: NDArray, inverse: boolean, scale: number): NDArray {
  const n = x.shape[x.ndim - 1];
  const rows = x.size / n;
  const flat = reshape(x, [rows, n]);
  const given = isComplex(x.dtype) ? { re: real(flat), im: imag(flat) } : { re: flat, im: null };
  const { re, im } = transform(given, n, inverse ? 1 : -1);
  return reshape(complex(scaled(re, scale), scaled(im, scale)), x.shape);
}

/** The frequencies `0 ≤ k ≤ n/2` of a real array, which are all that differ. */
export function realFourier(x: NDArray, scale: number): NDArray {
  const last = x.ndim - 1;
  const kept = x.shape.map((n, i) => i === last ? Math.floor(n / 2) + 1 : n);
  return slice(fourier(x, false, scale), x.shape.map(() => 0), kept);
}

/**
 * The real array of `n` elements that has these frequencies `0 ≤ k ≤ n/2`.
 *
 * @param x A complex array whose last axis has `floor(n/2) + 1` elements.
 */
export function inverseRealFourier(x: NDArray, n: number, scale: number): NDArray {
  const last = x.ndim - 1;
  const half = x.shape[last];
  // The frequencies n - k are the conjugates of these.
  const mirrored = (v: NDArray) => {
    const from = v.shape.map((_, i) => i === last ? 1 : 0);
    const to = v.shape.map((size, i) => i === last ? Math.max(1, n - half + 1) : size);
    return rev(slice(v, from, to), [last]);
  };
  const [re, im] = [real(x), imag(x)];
  const whole = n === half ? x : complex(
    concatenate([re, mirrored(re)], last),
    concatenate([im, neg(mirrored(im))], last),
  );
  return real(fourier(whole, true, scale));
}
