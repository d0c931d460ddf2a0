// The QR factorisation by Householder's reflections (Golub and Van Loan, Matrix Computations, 5.2), with LAPACK's signs: a block of columns
// is laid out in rows and factored there, and its reflections are applied together to what is right of it.
import { applyBlock, BLOCK, blockFactor, formProduct, isSmall, reflect, reflection } from "./reflections";
import { addScaled, gather, inner } from "./rows";

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

/** One matrix `a`, [m, n], which is overwritten: Q of `columns` columns, R of `rRows` rows. */
export function factorQr<T>(
  m: i32, n: i32, columns: i32, a: usize, q: usize, r: usize, rRows: i32, scratch: usize,
): void {
  const S = sizeof<T>(), steps = min(m, n), row = usize(n) * S, vRow = usize(m) * S;
  const taus = scratch, v = taus + 8 * usize(steps), t = v + usize(steps) * vRow;
  const work = t + usize(BLOCK * BLOCK) * S, small = isSmall(m, n);
  for (let k = 0; k < steps; k += BLOCK) {
    const size = min(BLOCK, steps - k), panel = v + usize(k) * (vRow + S), left = n - k - size;
    const corner = a + usize(k) * (row + S), right = corner + usize(size) * S;
    for (let j = 0; j < size; j++) {
      memory.fill(v + usize(k + j) * vRow, 0, usize(k) * S);
      gather<T>(1, m - k, <T> 1, corner + usize(j) * S, 0, row, panel + usize(j) * vRow);
    }
    factorPanel<T>(size, m - k, panel, vRow, taus + 8 * usize(k));
    for (let j = 0; j < size; j++) {
      const vj = panel + usize(j) * vRow;
      for (let i = 0; i <= j; i++) {
        store<T>(corner + usize(i) * row + usize(j) * S, load<T>(vj + usize(i) * S));
        store<T>(vj + usize(i) * S, i == j ? <T> 1 : <T> 0);
      }
    }
    if (left == 0) continue;
    if (small) {
      for (let j = 0; j < size; j++) {
        reflect<T>(
          m - k - j, left, load<f64>(taus + 8 * usize(k + j)), panel + usize(j) * (vRow + S), S, right + usize(j) * row,
          row, work,
        );
      }
    } else {
      blockFactor<T>(size, m - k, panel, m, taus + 8 * usize(k), t, work);
      applyBlock<T>(m - k, left, size, panel, m, t, true, right, n, work);
    }
  }
  // R is what is on and above the diagonal.
  for (let i = 0; i < rRows; i++) {
    const at = r + usize(i) * row, zeros = usize(min(i, n)) * S;
    memory.fill(at, 0, zeros);
    memory.copy(at + zeros, a + usize(i) * row + zeros, row - zeros);
  }
  formProduct<T>(m, columns, steps, 0, v, m, taus, q, t, work);
}

@inline
function qr<T>(batch: i32, m: i32, n: i32, full: i32, x: usize, q: usize, r: usize, scratch: usize): void {
  const S = sizeof<T>(), columns = full ? m : min(m, n), bytes = usize(m * n) * S;
  for (; batch > 0; batch--) {
    memory.copy(scratch, x, bytes);
    factorQr<T>(m, n, columns, scratch, q, r, columns, (scratch + bytes + 7) & ~7);
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
