// The Cholesky factorisation by blocks (Golub and Van Loan, Matrix Computations, 4.2): the blocks on the diagonal element by element,
// all else as matrix products. It goes in rounds: before each, somebody does what needs all of the round before (`lead`); its units need
// nothing of each other (`share`), so that threads may take them. Who is alone does the same in the same blocks.
import { addProduct, fillNaN, gather, inner } from "./rows";

/** Rows of a block; src/loopnest/factor_plan.ts knows it too. */
const BLOCK: i32 = 48;
/**
 * Rows of what is left that one product multiplies by the inverse, and columns that one updates: half of a square is wasted on the diagonal.
 * src/loopnest/factor_plan.ts knows it too.
 */
const PART: i32 = 96;
/** Bytes before all else in the scratch: whether the matrix is positive definite, as far as is known. */
const HEAD: usize = 16;

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

/** Before round 2 b: the block on the diagonal. After the last: what stands above the diagonal, or all that has no answer. */
function leadCholesky<T>(round: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  const S = sizeof<T>(), row = usize(n) * S, k = (round >> 1) * BLOCK;
  if (round == 0) {
    if (x != out) memory.copy(out, x, usize(n) * row);
    store<i32>(scratch, 1);
  }
  if (round & 1) return;
  if (k >= n) {
    if (!load<i32>(scratch)) fillNaN<T>(n * n, out);
    for (let i = 0; i < n; i++) memory.fill(out + usize(i * n + i + 1) * S, 0, usize(n - i - 1) * S);
  } else if (load<i32>(scratch)) {
    const isDefinite = diagonalBlock<T>(min(BLOCK, n - k), out + usize(k) * (row + S), row, scratch + HEAD);
    if (!isDefinite) store<i32>(scratch, 0);
  }
}

/** Unit `unit` of round 2 b, rows below the block, or of round 2 b + 1, columns of what is left. */
function shareCholesky<T>(round: i32, unit: i32, n: i32, out: usize, scratch: usize, work: usize): void {
  const S = sizeof<T>(), row = usize(n) * S, k = (round >> 1) * BLOCK;
  const size = min(BLOCK, n - k), below = n - k - size, from = unit * PART, count = min(PART, below - from);
  if (count <= 0 || !load<i32>(scratch)) return;
  const inverse = scratch + HEAD, panel = inverse + usize(BLOCK * BLOCK + from * size) * S;
  const left = out + usize(k + size + from) * row + usize(k) * S;
  if (round & 1) {
    addProduct<T>(below - from, count, size, panel, left, 1, n, left + usize(size + from) * S, n, work, 1);
    return;
  }
  // What lies below is multiplied by the inverse, from the right.
  gather<T>(count, size, <T> 1, left, row, S, panel);
  addProduct<T>(count, size, size, panel, inverse, 1, size, left, n, work, 0);
  gather<T>(count, size, <T> -1, left, row, S, panel);
}

@inline
function cholesky<T>(batch: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  const bytes = usize(n) * usize(n) * sizeof<T>();
  const work = scratch + HEAD + usize((n + BLOCK) * BLOCK) * sizeof<T>();
  const rounds = 2 * ((n + BLOCK - 1) / BLOCK), units = (n + PART - 1) / PART;
  for (; batch > 0; batch--, x += bytes, out += bytes) {
    for (let round = 0; round <= rounds; round++) {
      leadCholesky<T>(round, n, x, out, scratch);
      for (let unit = 0; unit < units; unit++) shareCholesky<T>(round, unit, n, out, scratch, work);
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

/** What comes before a round of cholesky_float32 on one matrix. */
export function cholesky_lead_float32(round: i32, batch: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  leadCholesky<f32>(round, n, x, out, scratch);
}

/** A unit of a round; `own` is a thread's memory for products. */
export function cholesky_share_float32(
  round: i32, unit: i32, batch: i32, n: i32, x: usize, out: usize, scratch: usize, own: usize,
): void {
  shareCholesky<f32>(round, unit, n, out, scratch, own);
}

/** As cholesky_lead_float32. */
export function cholesky_lead_float64(round: i32, batch: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  leadCholesky<f64>(round, n, x, out, scratch);
}

/** As cholesky_share_float32. */
export function cholesky_share_float64(
  round: i32, unit: i32, batch: i32, n: i32, x: usize, out: usize, scratch: usize, own: usize,
): void {
  shareCholesky<f64>(round, unit, n, out, scratch, own);
}
