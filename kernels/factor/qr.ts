// The QR factorisation by Householder's reflections (Golub and Van Loan, Matrix Computations, 5.2), with LAPACK's signs: a block of columns
// is laid out in rows and factored there, and its reflections are applied together to what is right of it. It goes in rounds, as cholesky.ts says:
// one for each block, and one for the columns of Q.
import { applyBlock, BLOCK, blockFactor, formProduct, isSmall, reflect, reflection } from "./reflections";
import { addScaled, inner, transpose } from "./rows";

/** Columns of a unit; src/loopnest/factor_plan.ts knows it too. */
const PART: i32 = 96;

/** Factors columns that lie in k rows of m elements, `row` bytes apart; reflections' vectors and R's elements share the place. */
function factorPanel<T>(k: i32, m: i32, panel: usize, row: usize, taus: usize): void {
  const S = sizeof<T>();
  for (let j = 0; j < k; j++) {
    if (j >= m) break;
    const v = panel + usize(j) * (row + S), tau = reflection<T>(m - j, v);
    store<f64>(taus + 8 * usize(j), tau);
    if (tau == 0) continue;
    const kept = load<T>(v);
    store<T>(v, <T> 1);
    for (let i = j + 1; i < k; i++) {
      const other = panel + usize(i) * row + usize(j) * S;
      addScaled<T>(m - j, <T> (-tau * inner<T>(m - j, v, other)), v, other);
    }
    store<T>(v, kept);
  }
}

/** The first half of a round: columns from `k` on, `size` of them, become reflections in the rows of v, [steps, m], and R's elements in `a`. */
function factorBlock<T>(m: i32, n: i32, k: i32, size: i32, a: usize, v: usize, taus: usize): void {
  const S = sizeof<T>(), row = usize(n) * S, vRow = usize(m) * S;
  const corner = a + usize(k) * (row + S), panel = v + usize(k) * (vRow + S);
  for (let j = 0; j < size; j++) memory.fill(v + usize(k + j) * vRow, 0, usize(k) * S);
  transpose<T>(m - k, size, corner, row, panel, vRow);
  factorPanel<T>(size, m - k, panel, vRow, taus + 8 * usize(k));
  for (let j = 0; j < size; j++) {
    const vj = panel + usize(j) * vRow;
    for (let i = 0; i <= j; i++) {
      store<T>(corner + usize(i) * row + usize(j) * S, load<T>(vj + usize(i) * S));
      store<T>(vj + usize(i) * S, i == j ? <T> 1 : <T> 0);
    }
  }
}

/** R is what is on and above the diagonal of `a`. */
function copyTriangle<T>(rows: i32, n: i32, a: usize, r: usize): void {
  const S = sizeof<T>(), row = usize(n) * S;
  for (let i = 0; i < rows; i++, a += row, r += row) {
    const zeros = usize(min(i, n)) * S;
    memory.fill(r, 0, zeros);
    memory.copy(r + zeros, a + zeros, row - zeros);
  }
}

/** Before a round: its block of columns, and what applies its reflections. Before the last, R. */
function leadQr<T>(round: i32, m: i32, n: i32, rRows: i32, a: usize, r: usize, scratch: usize): void {
  const steps = min(m, n), k = round * BLOCK, v = vectorsOf(steps, scratch);
  if (k >= steps) {
    copyTriangle<T>(rRows, n, a, r);
    return;
  }
  const size = min(BLOCK, steps - k), t = factorsOf<T>(m, steps, scratch);
  factorBlock<T>(m, n, k, size, a, v, scratch);
  const panel = v + usize(k * (m + 1)) * sizeof<T>();
  blockFactor<T>(
    size, m - k, panel, m, scratch + 8 * usize(k), t + usize(k * BLOCK) * sizeof<T>(), workOf<T>(m, steps, scratch),
  );
}

/** A unit of a round: columns right of the block; of the last, columns of Q. */
function shareQr<T>(
  round: i32, unit: i32, m: i32, n: i32, columns: i32, a: usize, q: usize, scratch: usize, work: usize,
): void {
  const S = sizeof<T>(), steps = min(m, n), k = round * BLOCK;
  const v = vectorsOf(steps, scratch), t = factorsOf<T>(m, steps, scratch);
  if (k < steps) {
    const size = min(BLOCK, steps - k), from = k + size + unit * PART, count = min(PART, n - from);
    if (count <= 0) return;
    applyBlock<T>(
      m - k, count, size, v + usize(k * (m + 1)) * S, m, t + usize(k * BLOCK) * S, true,
      a + usize(k * n + from) * S, n, work,
    );
    return;
  }
  const from = unit * PART, end = min(from + PART, columns);
  if (from >= end) return;
  for (let i = 0; i < m; i++) {
    const at = q + usize(i * columns) * S;
    memory.fill(at + usize(from) * S, 0, usize(end - from) * S);
    if (i >= from && i < end) store<T>(at + usize(i) * S, <T> 1);
  }
  // A block changes nothing in the columns before it.
  for (let b = (min(steps, end) - 1) / BLOCK * BLOCK; b >= 0; b -= BLOCK) {
    const size = min(BLOCK, steps - b), first = max(b, from);
    applyBlock<T>(
      m - b, end - first, size, v + usize(b * (m + 1)) * S, m, t + usize(b * BLOCK) * S, false,
      q + usize(b * columns + first) * S, columns, work,
    );
  }
}

/** Where the reflections' vectors are: after their factors. */
@inline
function vectorsOf(steps: i32, scratch: usize): usize {
  return scratch + 8 * usize(steps);
}

/** Where what applies blocks of them is. */
@inline
function factorsOf<T>(m: i32, steps: i32, scratch: usize): usize {
  return vectorsOf(steps, scratch) + usize(steps * m) * sizeof<T>();
}

/** What is left for products. */
@inline
function workOf<T>(m: i32, steps: i32, scratch: usize): usize {
  return factorsOf<T>(m, steps, scratch) + usize((steps + BLOCK) * BLOCK) * sizeof<T>();
}

/** One matrix `a`, [m, n], which is overwritten: Q of `columns` columns, maybe none, R of `rRows` rows. */
export function factorQr<T>(
  m: i32, n: i32, columns: i32, a: usize, q: usize, r: usize, rRows: i32, scratch: usize,
): void {
  const S = sizeof<T>(), steps = min(m, n), work = workOf<T>(m, steps, scratch);
  if (!isSmall(m, n)) {
    const units = (max(n, columns) + PART - 1) / PART, last = (steps + BLOCK - 1) / BLOCK;
    for (let round = 0; round <= last; round++) {
      leadQr<T>(round, m, n, rRows, a, r, scratch);
      for (let unit = 0; unit < units; unit++) shareQr<T>(round, unit, m, n, columns, a, q, scratch, work);
    }
    return;
  }
  const v = vectorsOf(steps, scratch), row = usize(n) * S;
  factorBlock<T>(m, n, 0, steps, a, v, scratch);
  for (let j = 0; j < steps && n > m; j++) {
    reflect<T>(
      m - j, n - m, load<f64>(scratch + 8 * usize(j)), v + usize(j * (m + 1)) * S, S,
      a + usize(j * n + m) * S, row, work,
    );
  }
  copyTriangle<T>(rRows, n, a, r);
  if (columns > 0) formProduct<T>(m, columns, steps, 0, v, m, scratch, q, factorsOf<T>(m, steps, scratch), work);
}

/** Where a matrix is copied to: the beginning of the scratch; all else is after it. */
@inline
function restOf<T>(m: i32, n: i32, scratch: usize): usize {
  return (scratch + usize(m * n) * sizeof<T>() + 7) & ~7;
}

@inline
function qr<T>(batch: i32, m: i32, n: i32, full: i32, x: usize, q: usize, r: usize, scratch: usize): void {
  const S = sizeof<T>(), columns = full ? m : min(m, n), bytes = usize(m * n) * S;
  for (; batch > 0; batch--) {
    memory.copy(scratch, x, bytes);
    factorQr<T>(m, n, columns, scratch, q, r, columns, restOf<T>(m, n, scratch));
    x += bytes;
    q += usize(m * columns) * S;
    r += usize(columns * n) * S;
  }
}

/**
 * `batch` factorisations of [m, n] matrices: q [m, k] of orthonormal columns and r [k, n], upper triangular, where k is m if `full`,
 * else the smaller of the two.
 */
export function qr_float32(
  batch: i32, m: i32, n: i32, full: i32, x: usize, q: usize, r: usize, scratch: usize,
): void {
  qr<f32>(batch, m, n, full, x, q, r, scratch);
}

/** As qr_float32, in f64. */
export function qr_float64(
  batch: i32, m: i32, n: i32, full: i32, x: usize, q: usize, r: usize, scratch: usize,
): void {
  qr<f64>(batch, m, n, full, x, q, r, scratch);
}

/** Before a round of one matrix of more than a block's rows or columns. */
@inline
function lead<T>(round: i32, m: i32, n: i32, full: i32, x: usize, r: usize, scratch: usize): void {
  if (round == 0) memory.copy(scratch, x, usize(m * n) * sizeof<T>());
  leadQr<T>(round, m, n, full ? m : min(m, n), scratch, r, restOf<T>(m, n, scratch));
}

/** A unit of a round. */
@inline
function share<T>(
  round: i32, unit: i32, m: i32, n: i32, full: i32, q: usize, scratch: usize, own: usize,
): void {
  shareQr<T>(round, unit, m, n, full ? m : min(m, n), scratch, q, restOf<T>(m, n, scratch), own);
}

/** What comes before a round of qr_float32 on one matrix of more than a block's rows or columns. */
export function qr_lead_float32(
  round: i32, batch: i32, m: i32, n: i32, full: i32, x: usize, q: usize, r: usize, scratch: usize,
): void {
  lead<f32>(round, m, n, full, x, r, scratch);
}

/** A unit of a round; `own` is a thread's memory for products. */
export function qr_share_float32(
  round: i32, unit: i32, batch: i32, m: i32, n: i32, full: i32, x: usize, q: usize, r: usize, scratch: usize, own: usize,
): void {
  share<f32>(round, unit, m, n, full, q, scratch, own);
}

/** As qr_lead_float32. */
export function qr_lead_float64(
  round: i32, batch: i32, m: i32, n: i32, full: i32, x: usize, q: usize, r: usize, scratch: usize,
): void {
  lead<f64>(round, m, n, full, x, r, scratch);
}

/** As qr_share_float32. */
export function qr_share_float64(
  round: i32, unit: i32, batch: i32, m: i32, n: i32, full: i32, x: usize, q: usize, r: usize, scratch: usize, own: usize,
): void {
  share<f64>(round, unit, m, n, full, q, scratch, own);
}
