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
  return 2 * size * BLOCK * m + partBytes(m, size);
}

/** The rounds of one matrix: one for each block. */
export function luRounds([, m, n]: readonly number[], size: 4 | 8): Rounds {
  const count = Math.ceil(Math.min(m, n) / BLOCK);
  return { count, units: Math.ceil((n - BLOCK) / PART), ownBytes: partBytes(m, size) };
}

/** Bytes of scratch of `qr_<dtype>`. */
export function qrScratchBytes(m: number, n: number, size: 4 | 8): number {
  return 8 * Math.min(m, n) + size * (m * n + Math.max(m, n));
}

/** Bytes of scratch of `eigh_<dtype>`. */
export function eighScratchBytes(n: number, size: 4 | 8): number {
  return 24 * n + size * (2 * n * n + n);
}

/** Bytes of scratch of `svd_<dtype>`; `columns` are those of u. */
export function svdScratchBytes(m: number, n: number, columns: number, size: 4 | 8): number {
  return 8 * n + size * columns * m;
}
