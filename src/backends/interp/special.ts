/**
 * Special functions in float64 that `Math` lacks, for the interpreter: plain series and continued
 * fractions, chosen for accuracy and not for speed. They are the yardstick of the compiled ones.
 *
 * Formulas: NIST Digital Library of Mathematical Functions (https://dlmf.nist.gov), by section below.
 *
 * @module
 */

const rootPi = 1.7724538509055160273;
const eulerGamma = 0.57721566490153286061;

/** exp(-x²) without the error that rounding x² would bring: x is split so that its upper half squares exactly. */
function expMinusSquare(x: number): number {
  const high = Math.fround(x);
  return Math.exp(-high * high) * Math.exp((high - x) * (high + x));
}

/** The error function. DLMF 7.6.2: all terms are positive, so nothing cancels. */
export function erf(x: number): number {
  if (Number.isNaN(x) || x === 0) return x;
  const size = Math.abs(x);
  if (size >= 1) return Math.sign(x) * (1 - erfc(size));
  let term = size;
  let sum = size;
  for (let n = 1; term > sum * 1e-18; n++) {
    term *= (2 * size * size) / (2 * n + 1);
    sum += term;
  }
  return Math.sign(x) * (2 / rootPi) * expMinusSquare(size) * sum;
}

/** The complementary error function. DLMF 7.9.2, evaluated from the far end; near 0 from `erf`. */
export function erfc(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x < 0.5) return 1 - erf(x);
  if (x > 28) return 0;
  const terms = Math.ceil(20 + 1000 / (x * x));
  let tail = x;
  for (let n = terms; n > 0; n--) tail = x + n / 2 / tail;
  return expMinusSquare(x) / (rootPi * tail);
}

/** The inverse of the error function: a rough start, then Newton's method on whichever of erf and erfc has digits to spare. */
export function erfInv(y: number): number {
  if (Number.isNaN(y) || y === 0) return y;
  const size = Math.abs(y);
  if (size > 1) return NaN;
  if (size === 1) return y * Infinity;
  const rest = 1 - size; // exact for size ≥ 0.5
  // Winitzki's approximation (2008), good to 2e-3.
  const log = Math.log(rest * (1 + size));
  const half = 2 / (Math.PI * 0.147) + log / 2;
  let x = Math.sqrt(Math.sqrt(half * half - log / 0.147) - half);
  if (x === 0) x = size * rootPi / 2;
  for (let i = 0; i < 6; i++) {
    const error = size < 0.5 ? erf(x) - size : rest - erfc(x);
    const slope = (2 / rootPi) * expMinusSquare(x);
    if (slope === 0) break;
    const step = error / slope;
    x -= step / (1 + x * step); // Halley: the second derivative is -2x times the first
  }
  return Math.sign(y) * x;
}

// ζ(k) - 1 for k ≥ 2: a few terms, then the tail of the sum by Euler and Maclaurin (DLMF 25.2.9).
function zetaMinusOne(k: number): number {
  const n = 48;
  let sum = Math.pow(n, 1 - k) / (k - 1) + Math.pow(n, -k) / 2;
  sum += (k / 12) * Math.pow(n, -k - 1);
  sum -= (k * (k + 1) * (k + 2) / 720) * Math.pow(n, -k - 3);
  sum += (k * (k + 1) * (k + 2) * (k + 3) * (k + 4) / 30240) * Math.pow(n, -k - 5);
  for (let i = n - 1; i >= 2; i--) sum += Math.pow(i, -k);
  return sum;
}

let zetas: readonly number[] | undefined;

/** log Γ(1 + z) for |z| ≤ 1/2; DLMF 5.7.3, in which log(1 + z) stands for the sum of the ones in ζ(k). */
function logGammaNearOne(z: number): number {
  zetas ??= Array.from({ length: 48 }, (_, k) => k < 2 ? 0 : zetaMinusOne(k));
  let sum = 0;
  for (let k = 47; k >= 2; k--) sum = sum * -z + zetas[k]! / k;
  return -Math.log1p(z) + z * (1 - eulerGamma) + z * z * sum;
}

/** log |Γ(x)|. */
export function lgamma(x: number): number {
  if (Number.isNaN(x)) return x;
  if (!Number.isFinite(x)) return Infinity;
  if (x <= 0 && Number.isInteger(x)) return Infinity;
  if (x < 0.5) {
    if (Math.abs(x) < 1e-20) return -Math.log(Math.abs(x));
    // Reflection, DLMF 5.5.3; the sine's argument is reduced first, because x may be large.
    const fraction = x - Math.round(x);
    return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * fraction))) - lgamma(1 - x);
  }
  if (x <= 1.5) return logGammaNearOne(x - 1);
  if (x <= 2.5) return Math.log1p(x - 2) + logGammaNearOne(x - 2);
  if (x < 12) {
    // Down to the interval above by Γ(x) = (x - 1) Γ(x - 1).
    let product = 1;
    while (x > 2.5) product *= --x;
    return Math.log(product) + lgamma(x);
  }
  // Stirling's series, DLMF 5.11.1.
  const r = 1 / (x * x);
  const series = 1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r * (1 / 1188))));
  return (x - 0.5) * Math.log(x) - x + 0.91893853320467274178 + series / x;
}

/** The derivative of log Γ(x). */
export function digamma(x: number): number {
  if (Number.isNaN(x) || x === -Infinity) return NaN;
  if (x === Infinity) return x;
  // A pole has no sign to choose, 0 included: NaN, as XLA gives.
  if (x <= 0 && Number.isInteger(x)) return NaN;
  if (x < 0) {
    return digamma(1 - x) - Math.PI / Math.tan(Math.PI * (x - Math.round(x)));
  }
  let shift = 0;
  for (; x < 12; x++) shift += 1 / x;
  const r = 1 / (x * x);
  // DLMF 5.11.2.
  const series = 1 / 12 -
    r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r * (1 / 132 - r * (691 / 32760)))));
  return Math.log(x) - 0.5 / x - r * series - shift;
}
