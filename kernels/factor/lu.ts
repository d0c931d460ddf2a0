// The LU factorisation with partial pivoting, by blocks (Golub and Van Loan, Matrix Computations, 3.4).
import { addProduct, addScaled, exchange, gather } from "./rows";

/** Columns of a block; src/loopnest/factor_plan.ts knows it too. */
const BLOCK: i32 = 48;

/** The row, from `first` on, whose element of a column is largest; NaN counts as largest. */
function pivotRow<T>(m: i32, first: i32, column: usize, row: usize): i32 {
  let best = first, largest = abs<T>(load<T>(column + usize(first) * row));
  for (let i = first + 1; i < m; i++) {
    const size = abs<T>(load<T>(column + usize(i) * row));
    if (size > largest || (size != size && largest == largest)) {
      best = i;
      largest = size;
    }
  }
  return best;
}

function factorLu<T>(m: i32, n: i32, a: usize, pivots: usize, permutation: usize, scratch: usize): void {
  const S = sizeof<T>(), row = usize(n) * S;
  const panel = scratch, work = panel + usize(m * BLOCK) * S;
  const steps = min(m, n);
  for (let i = 0; i < m; i++) store<i32>(permutation + 4 * usize(i), i);
  for (let first = 0; first < steps; first += BLOCK) {
    const size = min(BLOCK, steps - first), end = first + size;
    for (let k = first; k < end; k++) {
      const column = a + usize(k) * S, p = pivotRow<T>(m, k, column, row), ak = a + usize(k) * row;
      store<i32>(pivots + 4 * usize(k), p);
      if (p != k) {
        exchange<T>(n, ak, a + usize(p) * row);
        exchange<i32>(1, permutation + 4 * usize(k), permutation + 4 * usize(p));
      }
      const pivot = load<T>(ak + usize(k) * S);
      if (pivot == 0) continue;
      for (let i = k + 1; i < m; i++) {
        const at = a + usize(i) * row + usize(k) * S, l: T = load<T>(at) / pivot;
        store<T>(at, l);
        addScaled<T>(end - k - 1, -l, ak + usize(k + 1) * S, at + S);
      }
    }
    const right = n - end;
    if (right <= 0) continue;
    for (let i = first + 1; i < end; i++) {
      const ai = a + usize(i) * row;
      for (let j = first; j < i; j++) {
        addScaled<T>(right, -load<T>(ai + usize(j) * S), a + usize(j) * row + usize(end) * S, ai + usize(end) * S);
      }
    }
    if (end >= m) continue;
    gather<T>(m - end, size, <T> -1, a + usize(end) * row + usize(first) * S, row, S, panel);
    addProduct<T>(
      m - end, right, size, panel, a + usize(first) * row + usize(end) * S, n, 1,
      a + usize(end) * row + usize(end) * S, n, work, 1,
    );
  }
}

@inline
function lu<T>(
  batch: i32, m: i32, n: i32, x: usize, out: usize, pivots: usize, permutation: usize, scratch: usize,
): void {
  const bytes = usize(m) * usize(n) * sizeof<T>();
  if (x != out) memory.copy(out, x, bytes * usize(batch));
  for (; batch > 0; batch--) {
    factorLu<T>(m, n, out, pivots, permutation, scratch);
    out += bytes;
    pivots += 4 * usize(min(m, n));
    permutation += 4 * usize(m);
  }
}

/**
 * `batch` factorisations of [m, n] matrices: both factors in one matrix, the row that each step exchanged its own with, and the rows
 * in their final order.
 */
export function lu_float32(
  batch: i32, m: i32, n: i32, x: usize, out: usize, pivots: usize, permutation: usize, scratch: usize,
): void {
  lu<f32>(batch, m, n, x, out, pivots, permutation, scratch);
}

/** As lu_float32, in f64. */
export function lu_float64(
  batch: i32, m: i32, n: i32, x: usize, out: usize, pivots: usize, permutation: usize, scratch: usize,
): void {
  lu<f64>(batch, m, n, x, out, pivots, permutation, scratch);
}
