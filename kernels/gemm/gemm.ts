// The matrix product for any shape and strides: chooses between the forms.
import { blocked, kBlock } from "./blocked";
import { dotProducts } from "./dot";
import { column1, gemv } from "./gemv";
import { streamed } from "./streamed_f32";

/** Below this many columns (or rows) a product is thin: packing the other operand does not pay. */
const THIN: i32 = 16;

/** Up to this many rows, a B whose columns are contiguous is not packed. */
const STREAMED: i32 = 80;
/** Elements of A up to which its panels stay in half of the second cache, and of B beyond which B does not. */
const CACHED: i32 = 131072;

/** Whether few rows of f32 are multiplied without packing B: where their panels of 8 are more than half full, or B comes from afar. */
@inline
function isStreamed(m: i32, n: i32, k: i32): bool {
  if (m > STREAMED || k < THIN || m * k > CACHED) return false;
  // Of fewer rows than 16, n may not matter: the other form has other sums, and threads share a product by its columns.
  return ((m - 1) & 7) >= 4 || (m > THIN && n * k > CACHED);
}

/** Strides in bytes from here on; C of any strides, so that a product can be computed transposed. */
function gemm<T>(
  m: i32, n: i32, k: i32, a: usize, ars: usize, acs: usize, b: usize, brs: usize, bcs: usize,
  c: usize, crs: usize, ccs: usize, scratch: usize, acc: i32,
): void {
  const S = sizeof<T>();
  if (n == 1) {
    gemv<T>(m, k, a, ars, acs, b, brs, c, crs, scratch, acc);
  } else if (m == 1) {
    gemv<T>(n, k, b, bcs, brs, a, acs, c, ccs, scratch, acc);
  } else if (k == 1 && bcs == S) {
    for (let i = 0; i < m; i++) {
      column1<T>(n, b, load<T>(a + usize(i) * ars), c + usize(i) * crs, acc);
    }
  } else if (n < THIN && n <= m && acs == S && k >= THIN) {
    dotProducts<T>(m, n, k, a, ars, b, brs, bcs, c, crs, ccs, scratch, acc);
  } else if (sizeof<T>() == 4 && m < n && brs == S && bcs != S && isStreamed(m, n, k)) {
    streamed(m, n, k, kBlock<T>(k), a, ars, acs, b, bcs, c, crs, ccs, scratch, acc);
  } else if (m < THIN && m < n && brs == S && bcs != S && k >= THIN) {
    dotProducts<T>(n, m, k, b, bcs, a, acs, ars, c, ccs, crs, scratch, acc);
  } else if (n < THIN && n < m && ars == S) {
    blocked<T>(n, m, k, b, bcs, brs, a, acs, ars, c, ccs, crs, scratch, acc);
  } else {
    blocked<T>(m, n, k, a, ars, acs, b, brs, bcs, c, crs, ccs, scratch, acc);
  }
}

/** The cases without arithmetic, and strides from elements to bytes. */
@inline
function entry<T>(
  m: i32, n: i32, k: i32, a: usize, ars: i32, acs: i32, b: usize, brs: i32, bcs: i32,
  c: usize, crs: i32, scratch: usize, acc: i32,
): void {
  const S = i32(sizeof<T>());
  if (m <= 0 || n <= 0) return;
  if (k > 0) {
    gemm<T>(m, n, k, a, ars * S, acs * S, b, brs * S, bcs * S, c, crs * S, S, scratch, acc);
  } else if (!acc) {
    for (let i = 0; i < m; i++) memory.fill(c + usize(i * crs * S), 0, usize(n * S));
  }
}

/**
 * C[m, n] (+)= A[m, k] · B[k, n] in f32. Strides in elements; A and B of any strides, also 0 and negative;
 * rows of C contiguous and `crs` apart. Adds to C where `accumulate` is not 0. `scratch` is
 * `gemmScratchBytes` of src/loopnest/gemm_plan.ts long. C must not overlap the operands.
 * Rows [m0, m1) alone: advance `a` and `c` by m0 rows, and pass m1 - m0.
 */
export function gemm_f32(
  m: i32, n: i32, k: i32, a: usize, ars: i32, acs: i32, b: usize, brs: i32, bcs: i32,
  c: usize, crs: i32, scratch: usize, accumulate: i32,
): void {
  entry<f32>(m, n, k, a, ars, acs, b, brs, bcs, c, crs, scratch, accumulate);
}

/** As gemm_f32, in f64. */
export function gemm_f64(
  m: i32, n: i32, k: i32, a: usize, ars: i32, acs: i32, b: usize, brs: i32, bcs: i32,
  c: usize, crs: i32, scratch: usize, accumulate: i32,
): void {
  entry<f64>(m, n, k, a, ars, acs, b, brs, bcs, c, crs, scratch, accumulate);
}
