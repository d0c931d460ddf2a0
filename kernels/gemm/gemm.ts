// The matrix product for any shape and strides: chooses between the forms.
import { blocked } from "./blocked";

function gemm<T>(
  m: i32, n: i32, k: i32, a: usize, ars: i32, acs: i32, b: usize, brs: i32, bcs: i32,
  c: usize, crs: i32, scratch: usize, accumulate: i32,
): void {
  const S = i32(sizeof<T>());
  if (m <= 0 || n <= 0) return;
  if (k <= 0) {
    if (!accumulate) {
      for (let i = 0; i < m; i++) memory.fill(c + usize(i * crs * S), 0, usize(n * S));
    }
    return;
  }
  blocked<T>(m, n, k, a, ars * S, acs * S, b, brs * S, bcs * S, c, crs * S, S, scratch, accumulate);
}

export function gemm_f32(
  m: i32, n: i32, k: i32, a: usize, ars: i32, acs: i32, b: usize, brs: i32, bcs: i32,
  c: usize, crs: i32, scratch: usize, accumulate: i32,
): void {
  gemm<f32>(m, n, k, a, ars, acs, b, brs, bcs, c, crs, scratch, accumulate);
}

export function gemm_f64(
  m: i32, n: i32, k: i32, a: usize, ars: i32, acs: i32, b: usize, brs: i32, bcs: i32,
  c: usize, crs: i32, scratch: usize, accumulate: i32,
): void {
  gemm<f64>(m, n, k, a, ars, acs, b, brs, bcs, c, crs, scratch, accumulate);
}
