// Square matrices to upper bidiagonal form by reflections from both sides, a block of columns and rows at a time, as tridiagonal.ts does (the same
// paper of Dongarra, Hammarling and Sorensen, 1989).
import { BLOCK, reflection } from "./reflections";
import { addScaled, inner, product, scaleTo } from "./rows";

/** Of a trailing matrix of up to this many rows, each reflection is applied at once. */
const LAST: i32 = 32;

/** The last columns and rows of a matrix, from k on. */
function reduceBoth<T>(
  n: i32, k: i32, a: usize, row: usize, v: usize, u: usize, d: usize, e: usize, tausV: usize, tausU: usize, w: usize,
): void {
  const S = sizeof<T>();
  for (; k < n; k++) {
    const at = usize(k) * S, x = v + usize(k) * row, rest = n - k - 1;
    memory.fill(x, 0, row);
    for (let i = k; i < n; i++) store<T>(x + usize(i) * S, load<T>(a + usize(i) * row + at));
    let tau = reflection<T>(n - k, x + at);
    store<f64>(tausV + 8 * usize(k), tau);
    store<f64>(d + 8 * usize(k), f64(load<T>(x + at)));
    store<T>(x + at, <T> 1);
    if (rest == 0) break;
    const first = at + S;
    if (tau != 0) {
      memory.copy(w, a + usize(k) * row + first, usize(rest) * S);
      for (let i = k + 1; i < n; i++) addScaled<T>(rest, load<T>(x + usize(i) * S), a + usize(i) * row + first, w);
      for (let i = k; i < n; i++) addScaled<T>(rest, <T> (-tau * load<T>(x + usize(i) * S)), w, a + usize(i) * row + first);
    }
    const y = u + usize(k) * row;
    memory.fill(y, 0, row);
    memory.copy(y + first, a + usize(k) * row + first, usize(rest) * S);
    tau = reflection<T>(rest, y + first);
    store<f64>(tausU + 8 * usize(k), tau);
    store<f64>(e + 8 * usize(k), f64(load<T>(y + first)));
    store<T>(y + first, <T> 1);
    if (tau == 0) continue;
    for (let i = k + 1; i < n; i++) {
      const ai = a + usize(i) * row + first;
      addScaled<T>(rest, <T> (-tau * inner<T>(rest, ai, y + first)), y + first, ai);
    }
  }
}

/**
 * A square matrix with rows padded with zeros to `width` elements, a multiple of 4, and as many rows: the diagonal, what is above it, and the
 * reflections from the left in the rows of v, from the right in those of u. `a` is overwritten. `work` holds 4 BLOCK + 2 rows and
 * what products need.
 */
export function bidiagonalise<T>(
  n: i32, width: i32, a: usize, v: usize, u: usize, d: usize, e: usize, tausV: usize, tausU: usize, work: usize,
): void {
  const S = sizeof<T>(), row = usize(width) * S;
  // The matrix is A + leftᵀ · right: of each pair of reflections the rows v, x and -y, -u.
  const left = work, right = left + usize(2 * BLOCK) * row, t = right + usize(2 * BLOCK) * row, more = t + row;
  let k = 0;
  for (; n - k > LAST; k += BLOCK) {
    const end = k + BLOCK;
    for (let c = k; c < end; c++) {
      const known = 2 * (c - k), at = usize(c) * S, v0 = v + usize(c) * row, u0 = u + usize(c) * row;
      const four = c & ~3, rows = width - four, from = usize(four) * S;
      // The column, and the reflection from the left.
      memory.fill(v0, 0, row);
      for (let i = c; i < n; i++) store<T>(v0 + usize(i) * S, load<T>(a + usize(i) * row + at));
      if (known > 0) {
        product<T>(rows, 1, known, left + from, 1, width, right + at, width, 1, v0 + from, 1, more, 1);
      }
      let tau = reflection<T>(n - c, v0 + at);
      store<f64>(tausV + 8 * usize(c), tau);
      store<f64>(d + 8 * usize(c), f64(load<T>(v0 + at)));
      memory.fill(v0, 0, at);
      store<T>(v0 + at, <T> 1);
      const next = (c + 1) & ~3, after = usize(next) * S, columns = width - next;
      const y = right + usize(known) * row, x = left + usize(known + 1) * row;
      product<T>(columns, 1, n - c, a + usize(c) * row + after, 1, width, v0 + at, 1, 1, y + after, 1, more, 0);
      if (known > 0) {
        product<T>(known, 1, rows, left + from, width, 1, v0 + from, 1, 1, t, 1, more, 0);
        product<T>(columns, 1, known, right + after, 1, width, t, 1, 1, y + after, 1, more, 1);
      }
      scaleTo<T>(columns, <T> -tau, y + after, y + after);
      memory.fill(y, 0, at + S);
      memory.copy(left + usize(known) * row, v0, row);
      // The row, and the reflection from the right.
      memory.copy(u0, a + usize(c) * row, row);
      product<T>(columns, 1, known + 1, right + after, 1, width, left + at, width, 1, u0 + after, 1, more, 1);
      tau = reflection<T>(n - c - 1, u0 + at + S);
      store<f64>(tausU + 8 * usize(c), tau);
      store<f64>(e + 8 * usize(c), f64(load<T>(u0 + at + S)));
      memory.fill(u0, 0, at + S);
      store<T>(u0 + at + S, <T> 1);
      product<T>(columns, 1, columns, a + usize(next) * row + after, width, 1, u0 + after, 1, 1, x + after, 1, more, 0);
      product<T>(known + 1, 1, columns, right + after, width, 1, u0 + after, 1, 1, t, 1, more, 0);
      product<T>(columns, 1, known + 1, left + after, 1, width, t, 1, 1, x + after, 1, more, 1);
      scaleTo<T>(columns, <T> tau, x + after, x + after);
      memory.fill(x, 0, at + S);
      scaleTo<T>(width, <T> -1, u0, right + usize(known + 1) * row);
    }
    const after = usize(end) * S, rest = width - end;
    product<T>(
      rest, rest, 2 * BLOCK, left + after, 1, width, right + after, width, 1, a + usize(end) * row + after, width, more, 1,
    );
  }
  reduceBoth<T>(n, k, a, row, v, u, d, e, tausV, tausU, t);
}
