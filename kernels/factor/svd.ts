// Singular values by Hestenes' one-sided Jacobi method (Golub and Van Loan, Matrix Computations, 8.6): columns are turned in pairs
// until all are orthogonal. Small singular values come out as precise as large ones.
import { addScaled, exchange, fillNaN, identity, inner, rotate, scaleTo } from "./rows";

/** Sweeps over all pairs; six to ten are usual. */
const SWEEPS: i32 = 60;

/** Turns pairs of the n rows of w, m long, until they are orthogonal; the rows of v, n long, are turned alike. */
function orthogonalise<T>(m: i32, n: i32, w: usize, v: usize, squares: usize): void {
  const wRow = usize(m) * sizeof<T>(), vRow = usize(n) * sizeof<T>();
  const tolerance = (sizeof<T>() == 4 ? 1.1920929e-7 : 2.220446049250313e-16) * max<f64>(2, sqrt<f64>(m));
  for (let sweep = 0, turned = true; turned && sweep < SWEEPS; sweep++) {
    turned = false;
    for (let j = 0; j < n; j++) {
      const x = w + usize(j) * wRow;
      store<f64>(squares + 8 * usize(j), f64(inner<T>(m, x, x)));
    }
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) {
        const x = w + usize(p) * wRow, y = w + usize(q) * wRow;
        const a = load<f64>(squares + 8 * usize(p)), b = load<f64>(squares + 8 * usize(q));
        const g: f64 = inner<T>(m, x, y);
        // Written so that NaN ends it.
        if (!(abs<f64>(g) > tolerance * sqrt<f64>(a) * sqrt<f64>(b)) || g == 0) continue;
        turned = true;
        const zeta = (b - a) / (2 * g), size = abs<f64>(zeta) + sqrt<f64>(1 + zeta * zeta);
        const t = zeta < 0 ? -1 / size : 1 / size, c = 1 / sqrt<f64>(1 + t * t);
        rotate<T>(m, <T> c, <T> (c * t), x, y);
        rotate<T>(n, <T> c, <T> (c * t), v + usize(p) * vRow, v + usize(q) * vRow);
        store<f64>(squares + 8 * usize(p), max<f64>(0, a - t * g));
        store<f64>(squares + 8 * usize(q), b + t * g);
      }
    }
  }
}

/** Makes row `k` of w a unit vector that is orthogonal to the rows before it. */
function complete<T>(m: i32, k: i32, w: usize): void {
  const S = sizeof<T>(), row = usize(m) * S, x = w + usize(k) * row;
  // Of all axes, the one that those rows cover least.
  let axis = 0, least: f64 = Infinity;
  for (let i = 0; i < m; i++) {
    let covered: f64 = 0;
    for (let j = 0; j < k; j++) {
      const part: f64 = load<T>(w + usize(j) * row + usize(i) * S);
      covered += part * part;
    }
    if (covered < least) {
      least = covered;
      axis = i;
    }
  }
  memory.fill(x, 0, row);
  store<T>(x + usize(axis) * S, <T> 1);
  for (let again = 0; again < 2; again++) {
    for (let j = 0; j < k; j++) {
      const y = w + usize(j) * row;
      addScaled<T>(m, -inner<T>(m, x, y), y, x);
    }
  }
  scaleTo<T>(m, <T> (1 / sqrt<f64>(inner<T>(m, x, x))), x, x);
}

function decompose<T>(
  m: i32, n: i32, columns: i32, x: usize, u: usize, s: usize, v: usize, w: usize, squares: usize,
): void {
  const S = sizeof<T>(), row = usize(m) * S, vRow = usize(n) * S;
  let largest: f64 = 0;
  for (let i = 0; i < m * n; i++) {
    largest = max<f64>(largest, abs<f64>(load<T>(x + usize(i) * S)));
  }
  if (!(largest < Infinity)) {
    fillNaN<T>(m * columns, u);
    fillNaN<T>(n, s);
    fillNaN<T>(n * n, v);
    return;
  }
  // Scaled, so that squares neither overflow nor vanish.
  const scale: f64 = largest == 0 ? 1 : largest;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      store<T>(w + usize(j) * row + usize(i) * S, <T> (f64(load<T>(x + usize(i) * vRow + usize(j) * S)) / scale));
    }
  }
  identity<T>(n, v);
  orthogonalise<T>(m, n, w, v, squares);
  for (let k = 0; k < n; k++) {
    const wk = w + usize(k) * row;
    store<f64>(squares + 8 * usize(k), f64(inner<T>(m, wk, wk)));
  }
  for (let k = 0; k < n; k++) {
    let most = k;
    for (let i = k + 1; i < n; i++) {
      if (load<f64>(squares + 8 * usize(i)) > load<f64>(squares + 8 * usize(most))) most = i;
    }
    const wk = w + usize(k) * row;
    if (most != k) {
      exchange<T>(m, wk, w + usize(most) * row);
      exchange<T>(n, v + usize(k) * vRow, v + usize(most) * vRow);
      exchange<f64>(1, squares + 8 * usize(k), squares + 8 * usize(most));
    }
    const square = load<f64>(squares + 8 * usize(k)), length = sqrt<f64>(square);
    // Squares of what is smaller are no longer numbers of full precision.
    if (square > (sizeof<T>() == 4 ? 1e-30 : 1e-290)) {
      store<T>(s + usize(k) * S, <T> (length * scale));
      scaleTo<T>(m, <T> (1 / length), wk, wk);
    } else {
      store<T>(s + usize(k) * S, <T> 0);
      complete<T>(m, k, w);
    }
  }
  for (let k = n; k < columns; k++) complete<T>(m, k, w);
  for (let i = 0; i < m; i++) {
    for (let k = 0; k < columns; k++, u += S) store<T>(u, load<T>(w + usize(k) * row + usize(i) * S));
  }
}

@inline
function svd<T>(
  batch: i32, m: i32, n: i32, full: i32, x: usize, u: usize, s: usize, v: usize, scratch: usize,
): void {
  const S = sizeof<T>(), columns = full ? m : n;
  for (; batch > 0; batch--) {
    decompose<T>(m, n, columns, x, u, s, v, scratch + 8 * usize(n), scratch);
    x += usize(m) * usize(n) * S;
    u += usize(m) * usize(columns) * S;
    s += usize(n) * S;
    v += usize(n) * usize(n) * S;
  }
}

/**
 * `batch` decompositions u · diag(s) · v of [m, n] matrices, m ≥ n: u [m, k] and v [n, n] have orthonormal columns and rows, k is m if
 * `full`, else n; singular values are in descending order.
 */
export function svd_float32(
  batch: i32, m: i32, n: i32, full: i32, x: usize, u: usize, s: usize, v: usize, scratch: usize,
): void {
  svd<f32>(batch, m, n, full, x, u, s, v, scratch);
}

/** As svd_float32, in f64. */
export function svd_float64(
  batch: i32, m: i32, n: i32, full: i32, x: usize, u: usize, s: usize, v: usize, scratch: usize,
): void {
  svd<f64>(batch, m, n, full, x, u, s, v, scratch);
}
