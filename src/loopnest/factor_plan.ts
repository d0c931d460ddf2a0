/**
 * Scratch space of the factorisation kernels, `kernels/factor/`, and how threads share one matrix.
 *
 * @module
 */
import { gemmScratchBytes } from "./gemm_plan.ts";
import type { Rounds } from "./kernels.ts";

/** Rows or columns that one step of a blocked factorisation takes. */
const BLOCK = 48;
/** Rows or columns of a unit: `PART` in `kernels/factor/`. */
const PART = 96;
/** Reflections that are applied together: `BLOCK` in `kernels/factor/reflections.ts`. */
const REFLECTIONS = 32;

/** The most that products of up to [m, k] · [k, n] need, however few rows are left. */
function productBytes(m: number, n: number, k: number, size: 4 | 8): number {
  // A thin product may need more than a larger one.
  return Math.max(...[1, 15, m].map((rows) => gemmScratchBytes(Math.min(m, rows), n, k, size)));
}

/** The most that products with up to a part's columns need. */
function partBytes(m: number, size: 4 | 8): number {
  return Math.max(...[1, 15, BLOCK, PART].map((columns) => productBytes(m, columns, BLOCK, size)));
}

/** Bytes of scratch of `cholesky_<dtype>`. */
export function choleskyScratchBytes(n: number, size: 4 | 8): number {
  return 16 + size * BLOCK * (BLOCK + n) + partBytes(n, size);
}

/** The rounds of one matrix: two for each block. */
export function choleskyRounds([, n]: readonly number[], size: 4 | 8): Rounds {
  const [count, units] = [2 * Math.ceil(n / BLOCK) + 1, Math.ceil((n - BLOCK) / PART)];
  return { count, units, ownBytes: partBytes(n, size) };
}

/** Bytes of scratch of `triangularSolve_<dtype>` with `m` right-hand sides. */
export function triangularScratchBytes(n: number, m: number, size: 4 | 8): number {
  return size * BLOCK * n + productBytes(n, m, BLOCK, size);
}

/** Bytes of scratch of `lu_<dtype>`. */
export function luScratchBytes(m: number, size: 4 | 8): number {
  return size * BLOCK * m + partBytes(m, size);
}

/** The rounds of one matrix: one for each block. */
export function luRounds([, m, n]: readonly number[], size: 4 | 8): Rounds {
  const count = Math.ceil(Math.min(m, n) / BLOCK);
  return { count, units: Math.ceil((n - BLOCK) / PART), ownBytes: partBytes(m, size) };
}

/** The most that products of any matrices with axes of up to `n` need. */
function anyProductBytes(n: number, size: 4 | 8): number {
  // A block of the longest axis there is (`K_BYTES` of gemm_plan.ts), up to which the space grows, and the axis itself.
  const longest = (2048 + 512) / size;
  const lengths = [1, 15, 16, Math.min(n, 48), Math.min(n, longest), n].filter((k) => k <= n);
  return Math.max(
    0,
    ...lengths.flatMap((m) => lengths.map((k) => productBytes(n, m, k, size))),
  ) + 32 * size * Math.min(n, longest);
}

/** Rows and columns of a matrix in factorisations that pad it. */
function padded(n: number): number {
  return Math.ceil(n / 8) * 8;
}

/** Bytes of the rotations that `kernels/factor/rotations.ts` collects. */
function rotationBytes(n: number, size: 4 | 8): number {
  return 80 + 64 * size * (n + 3);
}

/** Bytes of a square matrix, padded, or in panels. */
function panelBytes(n: number, size: 4 | 8): number {
  return size * padded(n) * (padded(n) + 6);
}

/** Bytes that a thread needs to apply a block of reflections on `m` elements to a part's columns. */
function reflectionBytes(m: number, size: 4 | 8): number {
  const lengths = [Math.min(m, 15), Math.min(m, (2048 + 512) / size), m];
  const products = [1, 15, REFLECTIONS, PART].flatMap((columns) => [
    productBytes(m, columns, REFLECTIONS, size),
    ...lengths.map((k) => productBytes(REFLECTIONS, columns, k, size)),
  ]);
  // Up to which the space for products grows with the length; a shorter one may be cut less often.
  return 2 * size * REFLECTIONS * PART + Math.max(...products) + 4 * size * (REFLECTIONS + PART);
}

/** Bytes of `factorQr` of `kernels/factor/qr.ts`. */
function qrWorkBytes(m: number, n: number, size: 4 | 8): number {
  const steps = Math.min(m, n);
  const blocks = REFLECTIONS * (steps + REFLECTIONS);
  return 8 + 8 * steps + size * (steps * m + blocks + Math.max(m, n)) + reflectionBytes(m, size);
}

/** The rounds of one matrix: one for each block, and one for Q. */
export function qrRounds([, m, n, full]: readonly number[], size: 4 | 8): Rounds | null {
  const steps = Math.min(m, n);
  if (Math.max(m, n) <= REFLECTIONS) return null;
  const units = Math.ceil(Math.max(n, full ? m : steps) / PART);
  return { count: Math.ceil(steps / REFLECTIONS) + 1, units, ownBytes: reflectionBytes(m, size) };
}

/** Bytes of scratch of `qr_<dtype>`. */
export function qrScratchBytes(m: number, n: number, size: 4 | 8): number {
  return size * m * n + qrWorkBytes(m, n, size);
}

/** Bytes of what products need, and of what a reduction to few diagonals keeps meanwhile. */
function reductionBytes(n: number, size: 4 | 8): number {
  const rows = (4 * REFLECTIONS + 2) * padded(n);
  return size * (REFLECTIONS ** 2 + rows) + anyProductBytes(padded(n), size);
}

/** Bytes of scratch of `eigh_<dtype>` and `eigvalsh_<dtype>`. */
export function eighScratchBytes(n: number, size: 4 | 8): number {
  return 40 * n + size * n * padded(n) + panelBytes(n, size) + rotationBytes(n, size) +
    reductionBytes(n, size);
}

/** Bytes of scratch of `svd_<dtype>`; `columns` are those of u. Of `svdvals_<dtype>`, with no columns. */
export function svdScratchBytes(m: number, n: number, columns: number, size: 4 | 8): number {
  const square = 8 + 40 * n + 2 * panelBytes(n, size) + 2 * rotationBytes(n, size) +
    reductionBytes(n, size);
  const first = size * padded(n) ** 2;
  if (m === n) return first + square;
  const tall = size * (m * n + m * columns + n * n);
  return first + tall + Math.max(square, qrWorkBytes(m, n, size), anyProductBytes(m, size));
}
