/**
 * Scratch space of the factorisation kernels, `kernels/factor/`.
 *
 * @module
 */
import { gemmScratchBytes } from "./gemm_plan.ts";

/** Rows or columns that one step of a blocked factorisation takes. */
const BLOCK = 48;
/** Columns that one product of the Cholesky factorisation updates. */
const COLUMNS = 96;

/** The most that products of up to [m, k] · [k, n] need, however few rows are left. */
function productBytes(m: number, n: number, k: number, size: 4 | 8): number {
  // A thin product may need more than a larger one.
  return Math.max(...[1, 15, m].map((rows) => gemmScratchBytes(Math.min(m, rows), n, k, size)));
}

/** Bytes of scratch of `cholesky_<dtype>`. */
export function choleskyScratchBytes(n: number, size: 4 | 8): number {
  const products = Math.max(
    ...[1, 15, BLOCK, COLUMNS].map((columns) => productBytes(n, columns, BLOCK, size)),
  );
  return size * BLOCK * (BLOCK + n) + products;
}

/** Bytes of scratch of `triangularSolve_<dtype>` with `m` right-hand sides. */
export function triangularScratchBytes(n: number, m: number, size: 4 | 8): number {
  return size * BLOCK * n + productBytes(n, m, BLOCK, size);
}

/** Bytes of scratch of `lu_<dtype>`. */
export function luScratchBytes(m: number, n: number, size: 4 | 8): number {
  const products = Math.max(...[1, 15, n].map((columns) => productBytes(m, columns, BLOCK, size)));
  return size * BLOCK * m + products;
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
