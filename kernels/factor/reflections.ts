// Householder's reflections, alone and many at a time: H1 · H2 · … · Hk = I - Vᵀ · T · V, where the rows of V are the reflections' vectors
// and T is upper triangular (Schreiber and Van Loan, "A storage-efficient WY representation for products of Householder transformations",
// 1989). Applying a block of them is three matrix products. Vectors lie in rows: zeros before a vector's first element, which is 1.
import { addScaled, identity, inner, product, scaleTo } from "./rows";

/** Reflections of a block; src/loopnest/factor_plan.ts knows it too. */
export const BLOCK: i32 = 32;

/** As `reflection`, where squares may overflow or vanish. */
function carefulReflection<T>(n: i32, x: usize): f64 {
  const S = sizeof<T>(), first: f64 = load<T>(x);
  let largest: f64 = 0;
  for (let i = 1; i < n; i++) largest = max<f64>(largest, abs<f64>(load<T>(x + usize(i) * S)));
  if (largest == 0) return 0;
  const scale = max<f64>(largest, abs<f64>(first));
  let sum: f64 = 0;
  for (let i = 0; i < n; i++) {
    const v = f64(load<T>(x + usize(i) * S)) / scale;
    sum += v * v;
  }
  // Both as shares of the scale, since what is subnormal has lost digits.
  const norm = sqrt<f64>(sum), beta = first < 0 || 1 / first < 0 ? norm : -norm, part = first / scale;
  for (let i = 1; i < n; i++) {
    const at = x + usize(i) * S;
    store<T>(at, <T> (f64(load<T>(at)) / scale / (part - beta)));
  }
  store<T>(x, <T> (beta * scale));
  return (beta - part) / beta;
}

/**
 * The reflection that turns n contiguous elements into a multiple of the first unit vector: I - tau · v · vᵀ with v[0] = 1. The multiple
 * replaces the first element, the rest of v the others; gives tau. The multiple has the sign that the first element has not; where the others
 * are zeros already nothing is done.
 */
export function reflection<T>(n: i32, x: usize): f64 {
  const S = sizeof<T>(), first: f64 = load<T>(x);
  const rest: f64 = inner<T>(n - 1, x + S, x + S), square = first * first + rest;
  const isSafe = rest > (S == 4 ? 1e-24 : 1e-260) && square < (S == 4 ? 1e37 : 1e300);
  if (!isSafe) return carefulReflection<T>(n, x);
  const norm = sqrt<f64>(square), beta = first < 0 || 1 / first < 0 ? norm : -norm;
  scaleTo<T>(n - 1, <T> (1 / (first - beta)), x + S, x + S);
  store<T>(x, <T> beta);
  return (beta - first) / beta;
}

/**
 * Applies I - tau · v · vᵀ from the left to a [m, n] block with rows `row` bytes apart. v[0] counts as 1, the others are `stride` bytes apart
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

/** -T of k reflections on m elements, whose vectors are `vRow` elements apart, to `t`, [k, k]. */
export function blockFactor<T>(k: i32, m: i32, v: usize, vRow: i32, taus: usize, t: usize, work: usize): void {
  const S = sizeof<T>(), row = usize(k) * S;
  product<T>(k, k, m, v, vRow, 1, v, 1, vRow, t, k, work, 0);
  for (let j = 0; j < k; j++) {
    const tau = load<f64>(taus + 8 * usize(j)), column = t + usize(j) * S;
    // An element of the column is read for the last time where it is written.
    for (let i = 0; i < j; i++) {
      let sum: T = 0;
      for (let l = i; l < j; l++) sum += load<T>(t + usize(i) * row + usize(l) * S) * load<T>(column + usize(l) * row);
      store<T>(column + usize(i) * row, <T> (-tau * sum));
    }
    store<T>(column + usize(j) * row, <T> -tau);
    for (let i = j + 1; i < k; i++) store<T>(column + usize(i) * row, 0);
  }
}

/**
 * Applies a block of k reflections, or with `transposed` its inverse, from the left to [m, n] with rows of `cRow` elements. `t` is -T, `work`
 * holds 2 k n elements and what products need.
 */
export function applyBlock<T>(
  m: i32, n: i32, k: i32, v: usize, vRow: i32, t: usize, transposed: bool, c: usize, cRow: i32, work: usize,
): void {
  if (n <= 0) return;
  const half = usize(k * n) * sizeof<T>(), other = work + half, more = other + half;
  product<T>(k, n, m, v, vRow, 1, c, cRow, 1, work, n, more, 0);
  product<T>(k, n, k, t, transposed ? 1 : k, transposed ? k : 1, work, n, 1, other, n, more, 0);
  product<T>(m, n, k, v, 1, vRow, other, n, 1, c, cRow, more, 1);
}

/**
 * The first `columns` columns of the product of `steps` reflections on m elements, to q [m, columns]; reflection i begins at element
 * i + `shift`. `t` holds BLOCK² elements.
 */
export function formProduct<T>(
  m: i32, columns: i32, steps: i32, shift: i32, v: usize, vRow: i32, taus: usize, q: usize, t: usize, work: usize,
): void {
  const S = sizeof<T>(), row = usize(columns) * S;
  identity<T>(m, columns, q);
  if (isSmall(m, columns)) {
    for (let k = steps - 1; k >= 0; k--) {
      const first = usize(k + shift);
      reflect<T>(
        m - i32(first), columns - i32(first), load<f64>(taus + 8 * usize(k)), v + (usize(k * vRow) + first) * S, S,
        q + first * (row + S), row, work,
      );
    }
    return;
  }
  for (let k = (steps - 1) / BLOCK * BLOCK; k >= 0; k -= BLOCK) {
    const size = min(BLOCK, steps - k), first = k + shift, from = v + usize(k * vRow + first) * S;
    blockFactor<T>(size, m - first, from, vRow, taus + 8 * usize(k), t, work);
    applyBlock<T>(
      m - first, columns - first, size, from, vRow, t, false, q + usize(first) * (row + S), columns, work,
    );
  }
}

/** Whether reflections are applied one by one. */
@inline
export function isSmall(m: i32, n: i32): bool {
  return max(m, n) <= BLOCK;
}
