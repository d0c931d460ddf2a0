// Systems of equations with triangular matrices, by blocks: within a block by substitution, what follows by matrix products.
import { addProduct, addScaled, gather } from "./rows";

/** Rows of a block; src/loopnest/factor_plan.ts knows it too. */
const BLOCK: i32 = 48;

/**
 * Solves A · X = B in place of B, [n, m], for an A of any strides (in bytes) whose other half is not read. Backwards, A is upper
 * triangular.
 */
function solve<T>(
  n: i32, m: i32, backwards: bool, unit: bool, a: usize, rowStride: usize, columnStride: usize,
  b: usize, scratch: usize,
): void {
  const S = sizeof<T>(), width = usize(m) * S, diagonal = rowStride + columnStride;
  const panel = scratch, work = panel + usize(n * BLOCK) * S;
  for (let done = 0; done < n; done += BLOCK) {
    const size = min(BLOCK, n - done), left = n - done - size;
    const first = backwards ? left : done;
    for (let step = 0; step < size; step++) {
      const i = backwards ? first + size - 1 - step : first + step;
      const x = b + usize(i) * width;
      for (let before = 0; before < step; before++) {
        const j = backwards ? first + size - 1 - before : first + before;
        const factor = load<T>(a + usize(i) * rowStride + usize(j) * columnStride);
        addScaled<T>(m, -factor, b + usize(j) * width, x);
      }
      if (!unit) divide<T>(m, load<T>(a + usize(i) * diagonal), x);
    }
    if (left == 0) break;
    const rest = backwards ? 0 : done + size;
    gather<T>(
      left, size, <T> -1, a + usize(rest) * rowStride + usize(first) * columnStride, rowStride, columnStride, panel,
    );
    addProduct<T>(
      left, m, size, panel, b + usize(first) * width, m, 1, b + usize(rest) * width, m, work, 1,
    );
  }
}

function divide<T>(n: i32, by: T, x: usize): void {
  for (const end = x + usize(n) * sizeof<T>(); x < end; x += sizeof<T>()) {
    store<T>(x, load<T>(x) / by);
  }
}

@inline
function triangularSolve<T>(
  batch: i32, n: i32, m: i32, lower: i32, transposed: i32, unit: i32, a: usize, b: usize, out: usize,
  scratch: usize,
): void {
  const S = sizeof<T>(), row = usize(n) * S;
  const rowStride = transposed ? S : row, columnStride = transposed ? row : S;
  const bytes = row * usize(n), size = row * usize(m);
  if (out != b) memory.copy(out, b, size * usize(batch));
  for (; batch > 0; batch--, a += bytes, out += size) {
    solve<T>(n, m, (lower != 0) == (transposed != 0), unit != 0, a, rowStride, columnStride, out, scratch);
  }
}

/**
 * Solves A · X = B, or Aᵀ · X = B, for `batch` triangular [n, n] matrices and [n, m] right-hand sides. Of A only the half that
 * `lower` names is read; `unit`: its diagonal counts as 1.
 */
export function triangularSolve_float32(
  batch: i32, n: i32, m: i32, lower: i32, transposed: i32, unit: i32, a: usize, b: usize, out: usize,
  scratch: usize,
): void {
  triangularSolve<f32>(batch, n, m, lower, transposed, unit, a, b, out, scratch);
}

/** As triangularSolve_float32, in f64. */
export function triangularSolve_float64(
  batch: i32, n: i32, m: i32, lower: i32, transposed: i32, unit: i32, a: usize, b: usize, out: usize,
  scratch: usize,
): void {
  triangularSolve<f64>(batch, n, m, lower, transposed, unit, a, b, out, scratch);
}
