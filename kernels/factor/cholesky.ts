// The Cholesky factorisation by blocks (Golub and Van Loan, Matrix Computations, 4.2): the blocks on the diagonal element by element,
// all else as matrix products.
import { addProduct, fillNaN, gather, inner } from "./rows";

/** Rows of a block; src/loopnest/factor_plan.ts knows it too. */
const BLOCK: i32 = 48;
/** Columns of what is left that one product updates: half of a square is wasted on the diagonal. */
const COLUMNS: i32 = 96;

/** Factors a block on the diagonal, in place, and writes the inverse of its factor; false where it is not positive definite. */
function diagonalBlock<T>(n: i32, a: usize, row: usize, inverse: usize): bool {
  const S = sizeof<T>(), inverseRow = usize(n) * S;
  for (let i = 0; i < n; i++) {
    const ai = a + usize(i) * row;
    for (let j = 0; j < i; j++) {
      const aj = a + usize(j) * row;
      const at = ai + usize(j) * S;
      store<T>(at, (load<T>(at) - inner<T>(j, ai, aj)) / load<T>(aj + usize(j) * S));
    }
    const at = ai + usize(i) * S;
    const square = load<T>(at) - inner<T>(i, ai, ai);
    if (!(square > 0)) return false;
    store<T>(at, sqrt<T>(square));
  }
  memory.fill(inverse, 0, usize(n) * inverseRow);
  for (let j = 0; j < n; j++) {
    store<T>(inverse + usize(j) * inverseRow + usize(j) * S, <T> 1 / load<T>(a + usize(j) * (row + S)));
    for (let i = j + 1; i < n; i++) {
      let sum: T = 0;
      const ai = a + usize(i) * row;
      for (let k = j; k < i; k++) {
        sum += load<T>(ai + usize(k) * S) * load<T>(inverse + usize(k) * inverseRow + usize(j) * S);
      }
      store<T>(inverse + usize(i) * inverseRow + usize(j) * S, -sum / load<T>(ai + usize(i) * S));
    }
  }
  return true;
}

function factorCholesky<T>(n: i32, a: usize, scratch: usize): bool {
  const S = sizeof<T>(), row = usize(n) * S;
  const inverse = scratch, panel = inverse + usize(BLOCK * BLOCK) * S, work = panel + usize(n * BLOCK) * S;
  for (let k = 0; k < n; k += BLOCK) {
    const size = min(BLOCK, n - k), below = n - k - size;
    const corner = a + usize(k) * (row + S);
    if (!diagonalBlock<T>(size, corner, row, inverse)) return false;
    if (below == 0) break;
    // What lies below is multiplied by the inverse, from the right.
    const left = corner + usize(size) * row;
    gather<T>(below, size, <T> 1, left, row, S, panel);
    addProduct<T>(below, size, size, panel, inverse, 1, size, left, n, work, 0);
    gather<T>(below, size, <T> -1, left, row, S, panel);
    for (let j = 0; j < below; j += COLUMNS) {
      addProduct<T>(
        below - j, min(COLUMNS, below - j), size, panel + usize(j * size) * S, left + usize(j) * row, 1, n,
        left + usize(j) * row + usize(size + j) * S, n, work, 1,
      );
    }
  }
  return true;
}

@inline
function cholesky<T>(batch: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  const S = sizeof<T>(), bytes = usize(n) * usize(n) * S;
  for (; batch > 0; batch--, x += bytes, out += bytes) {
    if (x != out) memory.copy(out, x, bytes);
    if (!factorCholesky<T>(n, out, scratch)) fillNaN<T>(n * n, out);
    for (let i = 0; i < n; i++) {
      memory.fill(out + usize(i * n + i + 1) * S, 0, usize(n - i - 1) * S);
    }
  }
}

/** `batch` lower triangular factors of symmetric [n, n] matrices, of which the lower halves are read; NaN where there is none. */
export function cholesky_float32(batch: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  cholesky<f32>(batch, n, x, out, scratch);
}

/** As cholesky_float32, in f64. */
export function cholesky_float64(batch: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  cholesky<f64>(batch, n, x, out, scratch);
}
