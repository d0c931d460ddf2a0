// Eigenvalues and eigenvectors of symmetric matrices: to tridiagonal form (tridiagonal.ts), then the implicit QR algorithm with Wilkinson's shift
// (Golub and Van Loan, Matrix Computations, 8.3), whose rotations are collected and applied to the reflections' product in panels. The
// tridiagonal matrix is in f64 whatever T is.
import { BLOCK, formProduct } from "./reflections";
import {
  bringBack, clearSweeps, keepRotation, layOut, length, listBytes, nextSweep, panelBytes, panelCount, turnPanels,
} from "./rotations";
import { fillNaN, largestSize, orderOf, scaleOf } from "./rows";
import { tridiagonalise } from "./tridiagonal";

/** Turns of the QR algorithm per eigenvalue; one or two are usual. */
const TURNS: i32 = 60;

/** A step of the QR algorithm on rows l to m; the rotations are kept at `sweep`. */
function stepSymmetric<T>(l: i32, m: i32, d: usize, e: usize, sweep: usize): void {
  const last = d + 8 * usize(m), off = load<f64>(e + 8 * usize(m - 1));
  const half = 0.5 * (load<f64>(last - 8) - load<f64>(last)), h = length(half, off);
  const shift = load<f64>(last) - off / (half + (half < 0 ? -h : h)) * off;
  let at = 8 * usize(l), p = load<f64>(d + at), b = load<f64>(e + at), x = p - shift, z = b;
  for (let i = l; i < m; i++, at += 8) {
    const r = length(x, z);
    let c: f64 = 1, s: f64 = 0;
    if (r != 0) {
      const inverse = 1 / r;
      c = x * inverse;
      s = z * inverse;
    }
    if (i > l) store<f64>(e + at - 8, r);
    const q = load<f64>(d + at, 8), t = 2 * c * b + s * (q - p);
    store<f64>(d + at, p + s * t);
    p = q - s * t;
    x = c * t - b;
    keepRotation<T>(sweep, i, c, s);
    if (i + 1 < m) {
      const next = load<f64>(e + at, 8);
      z = s * next;
      b = c * next;
    }
  }
  store<f64>(e + at - 8, x);
  store<f64>(d + at, p);
}

/** Diagonalises a tridiagonal matrix; the rows of what lies in `count` panels are turned alike. False where it does not come to an end. */
function diagonaliseSymmetric<T>(n: i32, d: usize, e: usize, count: i32, panels: usize, list: usize): bool {
  const small = sizeof<T>() == 4 ? 4.656612873077393e-10 : 2.220446049250313e-16;
  clearSweeps(list);
  for (let m = n - 1, turn = 0; m > 0;) {
    let l = m;
    for (; l > 0; l--) {
      const at = 8 * usize(l - 1), size = abs<f64>(load<f64>(d + at)) + abs<f64>(load<f64>(d + at, 8));
      if (abs<f64>(load<f64>(e + at)) <= small * size) break;
    }
    if (l == m) {
      m--;
      turn = 0;
      continue;
    }
    if (turn++ == TURNS) return false;
    let sweep = nextSweep<T>(list, n, l, m);
    if (sweep == 0) {
      turnPanels<T>(list, n, count, panels);
      sweep = nextSweep<T>(list, n, l, m);
    }
    stepSymmetric<T>(l, m, d, e, sweep);
  }
  turnPanels<T>(list, n, count, panels);
  return true;
}

/** Copies the lower half of x, times `scale`, to both halves of `a`, with rows of `width` elements, which are padded with zeros. */
function symmetric<T>(n: i32, x: usize, scale: f64, a: usize, width: i32): void {
  const S = sizeof<T>(), row = usize(width) * S;
  memory.fill(a, 0, usize(width) * row);
  for (let i = 0; i < n; i++) {
    const ai = a + usize(i) * row;
    for (let j = 0; j <= i; j++) {
      const value = <T> (scale * load<T>(x + usize(i * n + j) * S));
      store<T>(ai + usize(j) * S, value);
      store<T>(a + usize(j) * row + usize(i) * S, value);
    }
  }
}

/** Vectors only where they are `wanted`: else reflections are not multiplied, and rotations turn nothing. */
@inline
function eigh<T>(
  batch: i32, n: i32, x: usize, values: usize, wanted: bool, vectors: usize, scratch: usize,
): void {
  const S = sizeof<T>(), bytes = usize(n * n) * S, width = (n + 7) & ~7, row = usize(width) * S;
  const d = scratch, e = d + 8 * usize(n), taus = e + 8 * usize(n), order = taus + 8 * usize(n);
  const v = order + 8 * usize(n), t = v + usize(n) * row, list = t + usize(BLOCK * BLOCK) * S;
  // Where the matrix is, and then the panels.
  const a = list + listBytes<T>(n);
  const work = a + max(usize(width) * row, usize(panelCount<T>(n)) * panelBytes(n));
  for (; batch > 0; batch--, x += bytes, values += usize(n) * S, vectors += bytes) {
    const largest = largestSize<T>(n, n, x, true), scale = scaleOf(largest);
    symmetric<T>(n, x, scale, a, width);
    memory.fill(taus, 0, 8 * usize(n));
    let isDone = largest < Infinity;
    if (isDone) {
      tridiagonalise<T>(n, width, a, v, d, e, taus, work);
      if (wanted) {
        formProduct<T>(n, n, n - 1, 1, v, width, taus, vectors, t, work);
        layOut<T>(n, vectors, a);
      }
      isDone = diagonaliseSymmetric<T>(n, d, e, wanted ? panelCount<T>(n) : 0, a, list);
    }
    if (!isDone) {
      fillNaN<T>(n, values);
      if (wanted) fillNaN<T>(n * n, vectors);
      continue;
    }
    orderOf(n, d, false, order);
    for (let k = 0; k < n; k++) {
      store<T>(values + usize(k) * S, <T> (load<f64>(d + 8 * usize(load<i32>(order + 4 * usize(k)))) / scale));
    }
    if (wanted) bringBack<T>(n, a, order, vectors);
  }
}

/** Eigenvalues, ascending, and eigenvectors, in columns, of `batch` symmetric [n, n] matrices, of which the lower halves are read. */
export function eigh_float32(batch: i32, n: i32, x: usize, values: usize, vectors: usize, scratch: usize): void {
  eigh<f32>(batch, n, x, values, true, vectors, scratch);
}

/** As eigh_float32, in f64. */
export function eigh_float64(batch: i32, n: i32, x: usize, values: usize, vectors: usize, scratch: usize): void {
  eigh<f64>(batch, n, x, values, true, vectors, scratch);
}

/** The eigenvalues alone. */
export function eigvalsh_float32(batch: i32, n: i32, x: usize, values: usize, scratch: usize): void {
  eigh<f32>(batch, n, x, values, false, 0, scratch);
}

/** As eigvalsh_float32, in f64. */
export function eigvalsh_float64(batch: i32, n: i32, x: usize, values: usize, scratch: usize): void {
  eigh<f64>(batch, n, x, values, false, 0, scratch);
}
