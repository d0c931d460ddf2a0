// Eigenvalues and eigenvectors of symmetric matrices: to tridiagonal form by reflections, then the implicit QL algorithm with
// Wilkinson's shift (Golub and Van Loan, Matrix Computations, 8.3). The tridiagonal matrix is in f64 whatever T is.
import { reflect, reflection } from "./qr";
import { addScaled, fillNaN, identity, inner, rotate } from "./rows";

/** Turns of the QL algorithm per eigenvalue; two or three are usual. */
const TURNS: i32 = 60;

/** A symmetric matrix, all of it given, to tridiagonal form; reflections are left in its rows, and their factors in `taus`. */
function tridiagonalise<T>(n: i32, a: usize, d: usize, e: usize, taus: usize, work: usize): void {
  const S = sizeof<T>(), row = usize(n) * S;
  for (let k = 0; k < n; k++) {
    const ak = a + usize(k) * row, v = ak + usize(k + 1) * S, rest = n - k - 1;
    store<f64>(d + 8 * usize(k), f64(load<T>(ak + usize(k) * S)));
    if (rest == 0) break;
    const tau = reflection<T>(rest, v, S);
    store<f64>(taus + 8 * usize(k), tau);
    const beta = load<T>(v);
    store<f64>(e + 8 * usize(k), beta);
    if (tau == 0) continue;
    store<T>(v, <T> 1);
    const block = a + usize(k + 1) * (row + S);
    for (let i = 0; i < rest; i++) {
      store<T>(work + usize(i) * S, <T> (tau * inner<T>(rest, block + usize(i) * row, v)));
    }
    addScaled<T>(rest, <T> (-0.5 * tau * inner<T>(rest, work, v)), v, work);
    for (let i = 0; i < rest; i++) {
      const ai = block + usize(i) * row;
      addScaled<T>(rest, -load<T>(v + usize(i) * S), work, ai);
      addScaled<T>(rest, -load<T>(work + usize(i) * S), v, ai);
    }
  }
}

/** The square root of x² + y², without overflow. */
@inline
function length(x: f64, y: f64): f64 {
  const big = max<f64>(abs<f64>(x), abs<f64>(y)), small = min<f64>(abs<f64>(x), abs<f64>(y));
  return big == 0 ? 0 : big * sqrt<f64>(1 + (small / big) * (small / big));
}

/** Diagonalises a tridiagonal matrix; the rows of z, [n, n], are turned alike. False where it does not come to an end. */
function diagonalise<T>(n: i32, d: usize, e: usize, z: usize): bool {
  const row = usize(n) * sizeof<T>();
  for (let l = 0; l < n; l++) {
    for (let turn = 0;; turn++) {
      let m = l;
      for (; m < n - 1; m++) {
        const at = 8 * usize(m), size = abs<f64>(load<f64>(d + at)) + abs<f64>(load<f64>(d + at, 8));
        if (abs<f64>(load<f64>(e + at)) <= 2.220446049250313e-16 * size) break;
      }
      if (m == l) break;
      if (turn == TURNS) return false;
      const dl = load<f64>(d + 8 * usize(l)), el = load<f64>(e + 8 * usize(l));
      const half = (load<f64>(d + 8 * usize(l), 8) - dl) / (2 * el), h = length(half, 1);
      let g = load<f64>(d + 8 * usize(m)) - dl + el / (half + (half < 0 ? -h : h));
      let s: f64 = 1, c: f64 = 1, p: f64 = 0;
      let i = m - 1;
      for (; i >= l; i--) {
        const at = 8 * usize(i), f = s * load<f64>(e + at), b = c * load<f64>(e + at);
        const r = length(f, g);
        store<f64>(e + at, r, 8);
        if (r == 0) {
          store<f64>(d + at, load<f64>(d + at, 8) - p, 8);
          store<f64>(e + 8 * usize(m), 0);
          break;
        }
        s = f / r;
        c = g / r;
        g = load<f64>(d + at, 8) - p;
        const t = (load<f64>(d + at) - g) * s + 2 * c * b;
        p = s * t;
        store<f64>(d + at, g + p, 8);
        g = c * t - b;
        rotate<T>(n, <T> c, <T> s, z + usize(i) * row, z + usize(i + 1) * row);
      }
      if (i >= l) continue;
      store<f64>(d + 8 * usize(l), load<f64>(d + 8 * usize(l)) - p);
      store<f64>(e + 8 * usize(l), g);
      store<f64>(e + 8 * usize(m), 0);
    }
  }
  return true;
}

@inline
function eigh<T>(batch: i32, n: i32, x: usize, values: usize, vectors: usize, scratch: usize): void {
  const S = sizeof<T>(), row = usize(n) * S, bytes = row * usize(n);
  const d = scratch, e = d + 8 * usize(n), taus = e + 8 * usize(n), a = taus + 8 * usize(n);
  const z = a + bytes, work = z + bytes;
  for (; batch > 0; batch--, x += bytes, values += row, vectors += bytes) {
    memory.copy(a, x, bytes);
    // The lower half counts.
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < i; j++) {
        store<T>(a + usize(j) * row + usize(i) * S, load<T>(a + usize(i) * row + usize(j) * S));
      }
    }
    memory.fill(d, 0, 24 * usize(n));
    tridiagonalise<T>(n, a, d, e, taus, work);
    identity<T>(n, vectors);
    for (let k = n - 2; k >= 0; k--) {
      reflect<T>(
        n - k - 1, n - k - 1, load<f64>(taus + 8 * usize(k)), a + usize(k) * row + usize(k + 1) * S, S,
        vectors + usize(k + 1) * (row + S), row, work,
      );
    }
    // Its columns become rows, which are turned faster.
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        store<T>(z + usize(j) * row + usize(i) * S, load<T>(vectors + usize(i) * row + usize(j) * S));
      }
    }
    if (!diagonalise<T>(n, d, e, z)) {
      fillNaN<T>(n, values);
      fillNaN<T>(n * n, vectors);
      continue;
    }
    // In ascending order.
    for (let k = 0; k < n; k++) {
      let least = k;
      for (let i = k + 1; i < n; i++) {
        if (load<f64>(d + 8 * usize(i)) < load<f64>(d + 8 * usize(least))) least = i;
      }
      const value = load<f64>(d + 8 * usize(least));
      if (least != k) {
        store<f64>(d + 8 * usize(least), load<f64>(d + 8 * usize(k)));
        memory.copy(work, z + usize(least) * row, row);
        memory.copy(z + usize(least) * row, z + usize(k) * row, row);
        memory.copy(z + usize(k) * row, work, row);
      }
      store<T>(values + usize(k) * S, <T> value);
      for (let i = 0; i < n; i++) {
        store<T>(vectors + usize(i) * row + usize(k) * S, load<T>(z + usize(k) * row + usize(i) * S));
      }
    }
  }
}

/** Eigenvalues, ascending, and eigenvectors, in columns, of `batch` symmetric [n, n] matrices, of which the lower halves are read. */
export function eigh_float32(batch: i32, n: i32, x: usize, values: usize, vectors: usize, scratch: usize): void {
  eigh<f32>(batch, n, x, values, vectors, scratch);
}

/** As eigh_float32, in f64. */
export function eigh_float64(batch: i32, n: i32, x: usize, values: usize, vectors: usize, scratch: usize): void {
  eigh<f64>(batch, n, x, values, vectors, scratch);
}
