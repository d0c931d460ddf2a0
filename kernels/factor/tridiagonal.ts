// Symmetric matrices to tridiagonal form by reflections, a block of columns at a time: within a block the matrix stays as it was, what its
// reflections would have changed is added to the products with it, and a block's changes are one matrix product (J. Dongarra, S. Hammarling
// and D. Sorensen, "Block reduction of matrices to condensed forms for eigenvalue computations", 1989).
import { BLOCK, reflection } from "./reflections";
import { addScaled, inner, product, scaleTo } from "./rows";

/** Of a trailing matrix of up to this many rows, each reflection is applied at once. */
const LAST: i32 = 32;

/** The last rows of a matrix, from k on; reflections go to the rows of v. */
function reduceLast<T>(n: i32, k: i32, a: usize, v: usize, row: usize, d: usize, e: usize, taus: usize, w: usize): void {
  const S = sizeof<T>();
  for (; k < n; k++) {
    const ak = a + usize(k) * row, first = usize(k + 1) * S, rest = n - k - 1, vk = v + usize(k) * row;
    store<f64>(d + 8 * usize(k), f64(load<T>(ak + usize(k) * S)));
    if (rest == 0) break;
    memory.fill(vk, 0, row);
    memory.copy(vk + first, ak + first, usize(rest) * S);
    const tau = reflection<T>(rest, vk + first);
    store<f64>(taus + 8 * usize(k), tau);
    store<f64>(e + 8 * usize(k), f64(load<T>(vk + first)));
    store<T>(vk + first, <T> 1);
    if (tau == 0) continue;
    const x = vk + first, block = ak + row + first;
    for (let i = 0; i < rest; i++) {
      store<T>(w + usize(i) * S, <T> (tau * inner<T>(rest, block + usize(i) * row, x)));
    }
    addScaled<T>(rest, <T> (-0.5 * tau * inner<T>(rest, w, x)), x, w);
    for (let i = 0; i < rest; i++) {
      const ai = block + usize(i) * row;
      addScaled<T>(rest, -load<T>(x + usize(i) * S), w, ai);
      addScaled<T>(rest, -load<T>(w + usize(i) * S), x, ai);
    }
  }
}

/**
 * A symmetric matrix, both halves given and rows padded with zeros to `width` elements, a multiple of 4, and as many rows: its diagonal, what is
 * beside it, and the reflections in the rows of v. `a` is overwritten. `work` holds 4 BLOCK + 2 rows and what products need.
 */
export function tridiagonalise<T>(
  n: i32, width: i32, a: usize, v: usize, d: usize, e: usize, taus: usize, work: usize,
): void {
  const S = sizeof<T>(), row = usize(width) * S;
  // The matrix is A + pairsᵀ · others: of each reflection the rows v, w, and -w, -v.
  const pairs = work, others = pairs + usize(2 * BLOCK) * row, y = others + usize(2 * BLOCK) * row, more = y + row;
  let k = 0;
  for (; n - k > LAST; k += BLOCK) {
    const end = min(k + BLOCK, n - 1);
    for (let c = k; c < end; c++) {
      const known = 2 * (c - k), x = v + usize(c) * row, at = usize(c) * S;
      const four = (c + 1) & ~3, from = usize(four) * S, left = width - four;
      memory.copy(x, a + usize(c) * row, row);
      if (known > 0) {
        const first = usize(c & ~3) * S;
        product<T>(width - (c & ~3), 1, known, pairs + first, 1, width, others + at, width, 1, x + first, 1, more, 1);
      }
      store<f64>(d + 8 * usize(c), f64(load<T>(x + at)));
      const tau = reflection<T>(n - c - 1, x + at + S);
      store<f64>(taus + 8 * usize(c), tau);
      store<f64>(e + 8 * usize(c), f64(load<T>(x + at + S)));
      memory.fill(x, 0, at + S);
      store<T>(x + at + S, <T> 1);
      const w = pairs + usize(known + 1) * row;
      product<T>(left, 1, left, a + usize(four) * row + from, width, 1, x + from, 1, 1, w + from, 1, more, 0);
      if (known > 0) {
        product<T>(known, 1, left, others + from, width, 1, x + from, 1, 1, y, 1, more, 0);
        product<T>(left, 1, known, pairs + from, 1, width, y, 1, 1, w + from, 1, more, 1);
      }
      memory.fill(w, 0, at + S);
      scaleTo<T>(left, <T> tau, w + from, w + from);
      addScaled<T>(left, <T> (-0.5 * tau * inner<T>(left, w + from, x + from)), x + from, w + from);
      memory.copy(w - row, x, row);
      scaleTo<T>(width, <T> -1, w, others + usize(known) * row);
      scaleTo<T>(width, <T> -1, x, others + usize(known + 1) * row);
    }
    const after = usize(end) * S, rest = width - end;
    product<T>(
      rest, rest, 2 * (end - k), pairs + after, 1, width, others + after, width, 1, a + usize(end) * row + after, width, more, 1,
    );
  }
  reduceLast<T>(n, k, a, v, row, d, e, taus, y);
}
