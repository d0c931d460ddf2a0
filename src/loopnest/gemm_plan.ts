/**
 * Sizes that callers of the `gemm_f32` and `gemm_f64` kernels must know. The block sizes are
 * those of `kernels/gemm/blocked.ts` and `gemm.ts`; a test runs the kernels against guard bytes around the scratch space.
 *
 * @module
 */

/** Bytes of one row of a block of A, at most: the k axis is cut into blocks of this length. */
const K_BYTES = 2048 + 512;
/** Rows of a block of A. */
const M_BLOCK = 264;
/** Columns of a block of B. */
const N_BLOCK = 1024;
/** Bytes that one register tile takes at the edge of C. */
const TILE_BYTES = 192;
/** Rows up to which a B whose columns are contiguous may be read where it lies, */
const STREAMED = 80;
/** and elements of A up to which. */
const CACHED = 131072;

/** Longest block of the k axis for k steps of `size`-byte elements, as the kernel cuts it. */
function kBlock(k: number, size: number): number {
  const most = K_BYTES / size;
  const parts = Math.max(1, Math.ceil(k / most));
  return (Math.ceil(k / parts) + 3) & ~3;
}

/** Scratch bytes of the blocked form with `m` rows packed in fours and sixes and `n` in vectors. */
function blockedBytes(m: number, n: number, k: number, size: number): number {
  const panels = Math.ceil(Math.min(n, N_BLOCK) * size / 32);
  return TILE_BYTES + kBlock(k, size) * (Math.min(M_BLOCK, m + 5) * size + panels * 32);
}

/**
 * Scratch bytes that `gemm_f32` (`size` 4) or `gemm_f64` (`size` 8) may touch for the product of an
 * [m, k] and a [k, n] matrix, whatever their strides. The space need not be aligned or cleared.
 */
export function gemmScratchBytes(m: number, n: number, k: number, size: 4 | 8): number {
  if (m === 0 || n === 0 || k === 0) return 0;
  // A matrix times a vector copies the vectors that are not contiguous.
  if (m === 1 || n === 1) return (m + n + k) * size;
  // A thin product is computed transposed, or as dot products with packed pairs of columns.
  const thin = Math.min(m, n) < 16 ? 192 + 16 * (Math.min(k, 2048 / size) + 4) * size : 0;
  // Few rows are packed whole, in pairs of panels of 4.
  const isStreamed = size === 4 && m <= STREAMED && m * k <= CACHED;
  const streamed = isStreamed ? 160 + 32 * k * Math.ceil(m / 8) : 0;
  return Math.max(blockedBytes(m, n, k, size), blockedBytes(n, m, k, size), thin, streamed);
}
