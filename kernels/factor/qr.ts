// The QR factorisation by Householder's reflections (Golub and Van Loan, Matrix Computations, 5.2), with LAPACK's signs.
import { addScaled } from "./rows";

/**
 * The reflection that turns a column (n elements, `stride` bytes apart) into a multiple of the first unit vector: I - tau · v · vᵀ with
 * v[0] = 1. The multiple replaces the first element, the rest of v the others; gives tau.
 */
export function reflection<T>(n: i32, x: usize, stride: usize): f64 {
  let largest: f64 = 0;
  for (let i = 1; i < n; i++) largest = max<f64>(largest, abs<f64>(load<T>(x + usize(i) * stride)));
  const first: f64 = load<T>(x);
  if (largest == 0) return 0;
  const scale = max<f64>(largest, abs<f64>(first));
  let sum: f64 = 0;
  for (let i = 0; i < n; i++) {
    const v = f64(load<T>(x + usize(i) * stride)) / scale;
    sum += v * v;
  }
  const norm = scale * sqrt<f64>(sum), beta = first < 0 || 1 / first < 0 ? norm : -norm;
  for (let i = 1; i < n; i++) {
    const at = x + usize(i) * stride;
    store<T>(at, <T> (f64(load<T>(at)) / (first - beta)));
  }
  store<T>(x, <T> beta);
  return (beta - first) / beta;
}

/**
 * Applies I - tau · v · vᵀ from the left to a [m, n] block with rows `row` bytes apart. v[0] = 1, the others are `stride` bytes apart
 * from `v` on. `work` holds n elements.
 */
export function reflect<T>(
  m: i32, n: i32, tau: f64, v: usize, stride: usize, a: usize, row: usize, work: usize,
): void {
  if (tau == 0 || n == 0) return;
  memory.copy(work, a, usize(n) * sizeof<T>());
  for (let i = 1; i < m; i++) {
    addScaled<T>(n, load<T>(v + usize(i) * stride), a + usize(i) * row, work);
  }
  addScaled<T>(n, <T> -tau, work, a);
  for (let i = 1; i < m; i++) {
    addScaled<T>(n, <T> (-tau * load<T>(v + usize(i) * stride)), work, a + usize(i) * row);
  }
}

@inline
function qr<T>(batch: i32, m: i32, n: i32, full: i32, x: usize, q: usize, r: usize, scratch: usize): void {
  const S = sizeof<T>(), steps = min(m, n), columns = full ? m : steps;
  const row = usize(n) * S, qRow = usize(columns) * S;
  const taus = scratch, a = taus + 8 * usize(steps), work = a + usize(m) * row;
  for (; batch > 0; batch--) {
    memory.copy(a, x, usize(m) * row);
    for (let k = 0; k < steps; k++) {
      const corner = a + usize(k) * (row + S), tau = reflection<T>(m - k, corner, row);
      store<f64>(taus + 8 * usize(k), tau);
      reflect<T>(m - k, n - k - 1, tau, corner, row, corner + S, row, work);
    }
    // R is what is on and above the diagonal, in as many rows as Q has columns.
    for (let i = 0; i < columns; i++) {
      const at = r + usize(i) * row, zeros = usize(min(i, n)) * S;
      memory.fill(at, 0, zeros);
      memory.copy(at + zeros, a + usize(i) * row + zeros, row - zeros);
    }
    memory.fill(q, 0, usize(m) * qRow);
    for (let i = 0; i < columns; i++) store<T>(q + usize(i) * (qRow + S), <T> 1);
    for (let k = steps - 1; k >= 0; k--) {
      reflect<T>(
        m - k, columns - k, load<f64>(taus + 8 * usize(k)), a + usize(k) * (row + S), row,
        q + usize(k) * (qRow + S), qRow, work,
      );
    }
    x += usize(m) * row;
    q += usize(m) * qRow;
    r += usize(columns) * row;
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
