// The LU factorisation with partial pivoting, by blocks (Golub and Van Loan, Matrix Computations, 3.4). It goes in rounds, as cholesky.ts
// says: a block of columns, which are laid out one after the other meanwhile, and then all columns to their right, in parts.
import { addProduct, addScaled, exchange, scaleTo, transpose } from "./rows";

/** Columns of a block; src/loopnest/factor_plan.ts knows it too. */
const BLOCK: i32 = 48;
/** Columns right of a block that a unit updates; src/loopnest/factor_plan.ts knows it too. */
const PART: i32 = 96;

/** The place, from `first` on, whose element of a column is largest; NaN counts as largest. */
function largestOf<T>(m: i32, first: i32, column: usize): i32 {
  let best = first, largest = abs<T>(load<T>(column + usize(first) * sizeof<T>()));
  for (let i = first + 1; i < m; i++) {
    const size = abs<T>(load<T>(column + usize(i) * sizeof<T>()));
    if (size > largest || (size != size && largest == largest)) {
      best = i;
      largest = size;
    }
  }
  return best;
}

/** y = x / by, in place. */
function divideBy<T>(n: i32, by: T, x: usize): void {
  const bytes = usize(n) * sizeof<T>(), divisor = v128.splat<T>(by);
  let i: usize = 0;
  for (const end = bytes & ~15; i < end; i += 16) v128.store(x + i, v128.div<T>(v128.load(x + i), divisor));
  for (; i < bytes; i += sizeof<T>()) store<T>(x + i, load<T>(x + i) / by);
}

/** Factors [m, size], columns one after the other; `pivots` are places in it. */
function factorColumns<T>(m: i32, size: i32, columns: usize, pivots: usize): void {
  const S = sizeof<T>(), length = usize(m) * S;
  for (let k = 0; k < size; k++) {
    const column = columns + usize(k) * length, at = column + usize(k) * S;
    const p = largestOf<T>(m, k, column);
    store<i32>(pivots + 4 * usize(k), p);
    if (p != k) {
      for (let j = 0; j < size; j++) {
        const other = columns + usize(j) * length;
        exchange<T>(1, other + usize(k) * S, other + usize(p) * S);
      }
    }
    const pivot = load<T>(at);
    if (pivot == 0) continue;
    divideBy<T>(m - k - 1, pivot, at + S);
    for (let j = k + 1; j < size; j++) {
      const other = columns + usize(j) * length + usize(k) * S;
      addScaled<T>(m - k - 1, -load<T>(other), at + S, other + S);
    }
  }
}

/** Before a round: its block of columns, the exchanges of rows, and the lower part times -1, in the scratch. */
function leadLu<T>(
  round: i32, m: i32, n: i32, x: usize, a: usize, pivots: usize, permutation: usize, scratch: usize,
): void {
  const S = sizeof<T>(), row = usize(n) * S, first = round * BLOCK;
  const size = min(BLOCK, min(m, n) - first), rows = m - first;
  if (round == 0) {
    if (x != a) memory.copy(a, x, usize(m) * row);
    for (let i = 0; i < m; i++) store<i32>(permutation + 4 * usize(i), i);
  }
  if (size <= 0) return;
  const corner = a + usize(first) * (row + S), panel = scratch, places = pivots + 4 * usize(first);
  transpose<T>(rows, size, corner, row, panel, usize(rows) * S);
  factorColumns<T>(rows, size, panel, places);
  for (let k = 0; k < size; k++) {
    const p = load<i32>(places + 4 * usize(k)) + first;
    store<i32>(places + 4 * usize(k), p);
    if (p == first + k) continue;
    exchange<T>(n, a + usize(first + k) * row, a + usize(p) * row);
    exchange<i32>(1, permutation + 4 * usize(first + k), permutation + 4 * usize(p));
  }
  transpose<T>(size, rows, panel, usize(rows) * S, corner, row);
  for (let i = size; i < rows; i++) {
    scaleTo<T>(size, <T> -1, corner + usize(i) * row, panel + usize((i - size) * size) * S);
  }
}

/** A unit of a round: columns right of the block. */
function shareLu<T>(round: i32, unit: i32, m: i32, n: i32, a: usize, panel: usize, work: usize): void {
  const S = sizeof<T>(), row = usize(n) * S, first = round * BLOCK;
  const size = min(BLOCK, min(m, n) - first), end = first + size;
  const from = end + unit * PART, count = min(PART, n - from);
  if (size <= 0 || count <= 0) return;
  for (let i = first + 1; i < end; i++) {
    const ai = a + usize(i) * row;
    for (let j = first; j < i; j++) {
      addScaled<T>(count, -load<T>(ai + usize(j) * S), a + usize(j) * row + usize(from) * S, ai + usize(from) * S);
    }
  }
  if (end >= m) return;
  addProduct<T>(
    m - end, count, size, panel, a + usize(first) * row + usize(from) * S, n, 1,
    a + usize(end) * row + usize(from) * S, n, work, 1,
  );
}

@inline
function lu<T>(
  batch: i32, m: i32, n: i32, x: usize, out: usize, pivots: usize, permutation: usize, scratch: usize,
): void {
  const bytes = usize(m) * usize(n) * sizeof<T>(), steps = min(m, n);
  const work = scratch + usize(m * BLOCK) * sizeof<T>(), units = (n + PART - 1) / PART;
  for (; batch > 0; batch--) {
    leadLu<T>(0, m, n, x, out, pivots, permutation, scratch);
    for (let round = 0; round * BLOCK < steps; round++) {
      if (round > 0) leadLu<T>(round, m, n, x, out, pivots, permutation, scratch);
      for (let unit = 0; unit < units; unit++) shareLu<T>(round, unit, m, n, out, scratch, work);
    }
    x += bytes;
    out += bytes;
    pivots += 4 * usize(steps);
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

/** What comes before a round of lu_float32 on one matrix. */
export function lu_lead_float32(
  round: i32, batch: i32, m: i32, n: i32, x: usize, out: usize, pivots: usize, permutation: usize, scratch: usize,
): void {
  leadLu<f32>(round, m, n, x, out, pivots, permutation, scratch);
}

/** A unit of a round; `own` is a thread's memory for products. */
export function lu_share_float32(
  round: i32, unit: i32, batch: i32, m: i32, n: i32, x: usize, out: usize, pivots: usize, permutation: usize,
  scratch: usize, own: usize,
): void {
  shareLu<f32>(round, unit, m, n, out, scratch, own);
}

/** As lu_lead_float32. */
export function lu_lead_float64(
  round: i32, batch: i32, m: i32, n: i32, x: usize, out: usize, pivots: usize, permutation: usize, scratch: usize,
): void {
  leadLu<f64>(round, m, n, x, out, pivots, permutation, scratch);
}

/** As lu_share_float32. */
export function lu_share_float64(
  round: i32, unit: i32, batch: i32, m: i32, n: i32, x: usize, out: usize, pivots: usize, permutation: usize,
  scratch: usize, own: usize,
): void {
  shareLu<f64>(round, unit, m, n, out, scratch, own);
}
