// Singular values: of matrices with more rows than columns the QR factorisation first (T. Chan, "An improved algorithm for computing the
// singular value decomposition", 1982), to bidiagonal form (bidiagonal.ts), then the implicit QR algorithm of Golub and Kahan, with shifts of 0 where a
// diagonal element vanishes (J. Demmel and W. Kahan, "Accurate singular values of bidiagonal matrices", 1990). Its rotations are collected and
// applied to the products of reflections in panels. The bidiagonal matrix is in f64 whatever T is.
import { bidiagonalise } from "./bidiagonal";
import { factorQr } from "./qr";
import { BLOCK, formProduct } from "./reflections";
import {
  bringBack, bringBackRows, clearSweeps, keepRotation, layOut, length, listBytes, nextSweep, panelBytes, panelCount, turnPanels,
} from "./rotations";
import { fillNaN, largestSize, orderOf, product, scaleOf } from "./rows";

/** Turns of the QR algorithm per singular value; one or two are usual. */
const TURNS: i32 = 60;

/** The square of the shift: the eigenvalue of the last two rows of Bᵀ · B that is nearest to its last element. */
function shiftOf(l: i32, m: i32, d: usize, e: usize): f64 {
  const at = 8 * usize(m), y = load<f64>(d + at), x = load<f64>(d + at - 8), g = load<f64>(e + at - 8);
  const h = m - 1 > l ? load<f64>(e + at - 16) : 0;
  const last = y * y + g * g, off = x * g, half = 0.5 * (x * x + h * h - last), root = length(half, off);
  return last - off / (half + (half < 0 ? -root : root)) * off;
}

/** A step of the QR algorithm with a shift on rows l to m; rotations from the left and from the right are kept. */
function stepShifted<T>(l: i32, m: i32, d: usize, e: usize, left: usize, right: usize): void {
  let at = 8 * usize(l), p = load<f64>(d + at), b = load<f64>(e + at);
  let f = p * p - shiftOf(l, m, d, e), g = p * b;
  for (let i = l; i < m; i++, at += 8) {
    let r = length(f, g), c: f64 = 1, s: f64 = 0;
    if (r != 0) {
      const inverse = 1 / r;
      c = f * inverse;
      s = g * inverse;
    }
    keepRotation<T>(right, i, c, s);
    if (i > l) store<f64>(e + at - 8, r);
    let q = load<f64>(d + at, 8);
    f = c * p + s * b;
    b = c * b - s * p;
    g = s * q;
    q *= c;
    r = length(f, g);
    c = 1;
    s = 0;
    if (r != 0) {
      const inverse = 1 / r;
      c = f * inverse;
      s = g * inverse;
    }
    keepRotation<T>(left, i, c, s);
    store<f64>(d + at, r);
    f = c * b + s * q;
    p = c * q - s * b;
    if (i + 1 < m) {
      const next = load<f64>(e + at, 8);
      g = s * next;
      b = c * next;
    }
  }
  store<f64>(e + at - 8, f);
  store<f64>(d + at, p);
}

/** The same without a shift: a diagonal element of 0 comes to the end, and the element above it becomes 0. */
function stepFromZero<T>(l: i32, m: i32, d: usize, e: usize, left: usize, right: usize): void {
  let c: f64 = 1, oldC: f64 = 1, oldS: f64 = 0, at = 8 * usize(l), p = load<f64>(d + at);
  for (let i = l; i < m; i++, at += 8) {
    const x = p * c, z = load<f64>(e + at);
    let r = length(x, z), s: f64 = 0;
    c = 1;
    if (r != 0) {
      c = x / r;
      s = z / r;
    }
    if (i > l) store<f64>(e + at - 8, oldS * r);
    keepRotation<T>(right, i, c, s);
    const y = oldC * r;
    p = load<f64>(d + at, 8);
    const g = p * s;
    r = length(y, g);
    oldC = 1;
    oldS = 0;
    if (r != 0) {
      oldC = y / r;
      oldS = g / r;
    }
    keepRotation<T>(left, i, oldC, oldS);
    store<f64>(d + at, r);
  }
  store<f64>(e + at - 8, p * c * oldS);
  store<f64>(d + at, p * c * oldC);
}

/** Diagonalises a bidiagonal matrix; what lies in `count` panels is turned alike. False where it does not come to an end. */
function diagonaliseBidiagonal<T>(
  n: i32, d: usize, e: usize, count: i32, us: usize, vs: usize, lefts: usize, rights: usize,
): bool {
  const small = sizeof<T>() == 4 ? 4.656612873077393e-10 : 2.220446049250313e-16;
  // What is less is nothing to the matrix.
  let least: f64 = 0;
  for (let i = 0; i < n; i++) {
    least = max<f64>(least, max<f64>(abs<f64>(load<f64>(d + 8 * usize(i))), i + 1 < n ? abs<f64>(load<f64>(e + 8 * usize(i))) : 0));
  }
  least *= 1.1102230246251565e-16;
  clearSweeps(lefts);
  clearSweeps(rights);
  for (let m = n - 1, turn = 0; m > 0;) {
    let l = m, smallest = abs<f64>(load<f64>(d + 8 * usize(m)));
    for (; l > 0; l--) {
      const at = 8 * usize(l - 1), x = abs<f64>(load<f64>(d + at));
      if (abs<f64>(load<f64>(e + at)) <= small * max<f64>(x + abs<f64>(load<f64>(d + at, 8)), least)) break;
      smallest = min<f64>(smallest, x);
    }
    if (l == m) {
      m--;
      turn = 0;
      continue;
    }
    if (turn++ == TURNS) return false;
    let left = nextSweep<T>(lefts, n, l, m), right = nextSweep<T>(rights, n, l, m);
    if (left == 0) {
      turnPanels<T>(lefts, n, count, us);
      turnPanels<T>(rights, n, count, vs);
      left = nextSweep<T>(lefts, n, l, m);
      right = nextSweep<T>(rights, n, l, m);
    }
    if (smallest <= least) {
      for (let i = l; i <= m; i++) {
        const at = d + 8 * usize(i);
        if (abs<f64>(load<f64>(at)) <= least) store<f64>(at, 0);
      }
      stepFromZero<T>(l, m, d, e, left, right);
    } else stepShifted<T>(l, m, d, e, left, right);
  }
  turnPanels<T>(lefts, n, count, us);
  turnPanels<T>(rights, n, count, vs);
  return true;
}

/** Copies [m, n], times `scale`, to rows of `width` elements. */
function copyScaled<T>(m: i32, n: i32, x: usize, scale: f64, to: usize, width: i32): void {
  const S = sizeof<T>();
  for (; m > 0; m--, x += usize(n) * S, to += usize(width) * S) {
    for (let j: usize = 0; j < usize(n) * S; j += S) store<T>(to + j, <T> (scale * load<T>(x + j)));
  }
}

/** A square matrix at `a`, in rows of `width` elements, padded with zeros; vectors only where they are `wanted`. False where it has no answer. */
function decompose<T>(
  n: i32, width: i32, a: usize, scale: f64, wanted: bool, u: usize, s: usize, v: usize, scratch: usize,
): bool {
  const S = sizeof<T>(), row = usize(width) * S, panels = usize(panelCount<T>(n)) * panelBytes(n);
  const d = scratch, e = d + 8 * usize(n), tausV = e + 8 * usize(n), tausU = tausV + 8 * usize(n);
  const order = tausU + 8 * usize(n), vRows = order + 8 * usize(n), uRows = vRows + max(usize(n) * row, panels);
  const t = uRows + max(usize(n) * row, panels), lefts = t + usize(BLOCK * BLOCK) * S;
  const rights = lefts + listBytes<T>(n), work = rights + listBytes<T>(n);
  bidiagonalise<T>(n, width, a, vRows, uRows, d, e, tausV, tausU, work);
  if (wanted) {
    formProduct<T>(n, n, n, 0, vRows, width, tausV, u, t, work);
    formProduct<T>(n, n, n - 1, 1, uRows, width, tausU, v, t, work);
    layOut<T>(n, u, vRows);
    layOut<T>(n, v, uRows);
  }
  const count = wanted ? panelCount<T>(n) : 0;
  if (!diagonaliseBidiagonal<T>(n, d, e, count, vRows, uRows, lefts, rights)) return false;
  orderOf(n, d, true, order);
  for (let k = 0; k < n; k++) {
    const value = load<f64>(d + 8 * usize(load<i32>(order + 4 * usize(k))));
    store<T>(s + usize(k) * S, <T> (abs<f64>(value) / scale));
  }
  if (wanted) {
    bringBack<T>(n, vRows, order, u);
    bringBackRows<T>(n, uRows, order, d, v);
  }
  return true;
}

/** u of `columns` columns and v only where they are `wanted`; else there are no columns. */
@inline
function svd<T>(
  batch: i32, m: i32, n: i32, columns: i32, x: usize, wanted: bool, u: usize, s: usize, v: usize, scratch: usize,
): void {
  const S = sizeof<T>(), width = (n + 7) & ~7, square = usize(width * width) * S;
  // Of a matrix with more rows than columns: a copy, Q and R, and the singular vectors of R.
  const a = scratch, rest = a + square, copy = rest, q = copy + usize(m * n) * S, inside = q + usize(m * columns) * S;
  const more = m > n ? inside + usize(n * n) * S : rest;
  for (; batch > 0; batch--, x += usize(m * n) * S, u += usize(m * columns) * S, s += usize(n) * S, v += usize(n * n) * S) {
    const largest = largestSize<T>(m, n, x, false), scale = scaleOf(largest);
    let isDone = largest < Infinity;
    if (isDone) {
      memory.fill(a, 0, square);
      if (m == n) {
        copyScaled<T>(n, n, x, scale, a, width);
        isDone = decompose<T>(n, width, a, scale, wanted, u, s, v, (more + 7) & ~7);
      } else {
        copyScaled<T>(m, n, x, scale, copy, n);
        factorQr<T>(m, n, columns, copy, q, inside, n, (more + 7) & ~7);
        copyScaled<T>(n, n, inside, 1, a, width);
        isDone = decompose<T>(n, width, a, scale, wanted, inside, s, v, (more + 7) & ~7);
        if (isDone && wanted) {
          memory.copy(u, q, usize(m * columns) * S);
          product<T>(m, n, n, q, columns, 1, inside, n, 1, u, columns, more, 0);
        }
      }
    }
    if (isDone) continue;
    fillNaN<T>(n, s);
    if (!wanted) continue;
    fillNaN<T>(m * columns, u);
    fillNaN<T>(n * n, v);
  }
}

/**
 * `batch` decompositions u · diag(s) · v of [m, n] matrices, m ≥ n: u [m, k] and v [n, n] have orthonormal columns and rows, k is m if
 * `full`, else n; singular values are in descending order.
 */
export function svd_float32(
  batch: i32, m: i32, n: i32, full: i32, x: usize, u: usize, s: usize, v: usize, scratch: usize,
): void {
  svd<f32>(batch, m, n, full ? m : n, x, true, u, s, v, scratch);
}

/** As svd_float32, in f64. */
export function svd_float64(
  batch: i32, m: i32, n: i32, full: i32, x: usize, u: usize, s: usize, v: usize, scratch: usize,
): void {
  svd<f64>(batch, m, n, full ? m : n, x, true, u, s, v, scratch);
}

/** The singular values alone. */
export function svdvals_float32(batch: i32, m: i32, n: i32, x: usize, s: usize, scratch: usize): void {
  svd<f32>(batch, m, n, 0, x, false, 0, s, 0, scratch);
}

/** As svdvals_float32, in f64. */
export function svdvals_float64(batch: i32, m: i32, n: i32, x: usize, s: usize, scratch: usize): void {
  svd<f64>(batch, m, n, 0, x, false, 0, s, 0, scratch);
}
