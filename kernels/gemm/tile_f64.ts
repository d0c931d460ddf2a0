// Register tiles of the f64 product: 6 x 4, 4 x 4 and 12 x 2. As the f32 tiles, with pairs of rows
// swapped in their register instead of fours rotated.
import { madd } from "../math/madd";

@inline
function swap(x: v128): v128 {
  return v128.shuffle<i64>(x, x, 1, 0);
}

@inline
function put(c: usize, x: v128, y: v128, accumulate: i32): void {
  if (accumulate) {
    x = f64x2.add(x, v128.load(c));
    y = f64x2.add(y, v128.load(c, 16));
  }
  v128.store(c, x);
  v128.store(c, y, 16);
}

/** The low half of x and the high half of y. */
@inline
function halves(x: v128, y: v128): v128 {
  return v128.shuffle<i64>(x, y, 0, 3);
}

/** C[6, 4] (+)= A panel · B panel; `bk` is the step of B from k to k + 1, `cr` that of C's rows, in bytes. */
export function gemm_tile6_f64(
  kc: i32, a: usize, b: usize, bk: usize, c: usize, cr: usize, accumulate: i32,
): void {
  let c00 = f64x2.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00;
  let c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00;
  const end = a + 48 * usize(kc);
  do {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let x = v128.load(a);
    c00 = madd<f64>(x, b0, c00);
    c01 = madd<f64>(x, b1, c01);
    x = swap(x);
    c10 = madd<f64>(x, b0, c10);
    c11 = madd<f64>(x, b1, c11);
    x = v128.load(a, 16);
    c20 = madd<f64>(x, b0, c20);
    c21 = madd<f64>(x, b1, c21);
    x = swap(x);
    c30 = madd<f64>(x, b0, c30);
    c31 = madd<f64>(x, b1, c31);
    x = v128.load(a, 32);
    c40 = madd<f64>(x, b0, c40);
    c41 = madd<f64>(x, b1, c41);
    x = swap(x);
    c50 = madd<f64>(x, b0, c50);
    c51 = madd<f64>(x, b1, c51);
    a += 48;
    b += bk;
  } while (a != end);
  put(c, halves(c00, c10), halves(c01, c11), accumulate);
  c += cr;
  put(c, halves(c10, c00), halves(c11, c01), accumulate);
  c += cr;
  put(c, halves(c20, c30), halves(c21, c31), accumulate);
  c += cr;
  put(c, halves(c30, c20), halves(c31, c21), accumulate);
  c += cr;
  put(c, halves(c40, c50), halves(c41, c51), accumulate);
  c += cr;
  put(c, halves(c50, c40), halves(c51, c41), accumulate);
}

/** C[4, 4] (+)= A panel · B panel. */
export function gemm_tile4_f64(
  kc: i32, a: usize, b: usize, bk: usize, c: usize, cr: usize, accumulate: i32,
): void {
  let c00 = f64x2.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  const end = a + 32 * usize(kc);
  do {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let x = v128.load(a);
    c00 = madd<f64>(x, b0, c00);
    c01 = madd<f64>(x, b1, c01);
    x = swap(x);
    c10 = madd<f64>(x, b0, c10);
    c11 = madd<f64>(x, b1, c11);
    x = v128.load(a, 16);
    c20 = madd<f64>(x, b0, c20);
    c21 = madd<f64>(x, b1, c21);
    x = swap(x);
    c30 = madd<f64>(x, b0, c30);
    c31 = madd<f64>(x, b1, c31);
    a += 32;
    b += bk;
  } while (a != end);
  put(c, halves(c00, c10), halves(c01, c11), accumulate);
  c += cr;
  put(c, halves(c10, c00), halves(c11, c01), accumulate);
  c += cr;
  put(c, halves(c20, c30), halves(c21, c31), accumulate);
  c += cr;
  put(c, halves(c30, c20), halves(c31, c21), accumulate);
}

/** D[12, 2] = two A panels of 6 rows · the first 2 columns of a B panel, rows of 16 bytes. */
export function gemm_tile12_f64(kc: i32, a: usize, a2: usize, b: usize, bk: usize, d: usize): void {
  let c0 = f64x2.splat(0), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0;
  let d0 = c0, d1 = c0, d2 = c0, d3 = c0, d4 = c0, d5 = c0;
  const end = a + 48 * usize(kc);
  do {
    const b0 = v128.load(b);
    let x = v128.load(a);
    c0 = madd<f64>(x, b0, c0);
    x = swap(x);
    c1 = madd<f64>(x, b0, c1);
    x = v128.load(a, 16);
    c2 = madd<f64>(x, b0, c2);
    x = swap(x);
    c3 = madd<f64>(x, b0, c3);
    x = v128.load(a, 32);
    c4 = madd<f64>(x, b0, c4);
    x = swap(x);
    c5 = madd<f64>(x, b0, c5);
    x = v128.load(a2);
    d0 = madd<f64>(x, b0, d0);
    x = swap(x);
    d1 = madd<f64>(x, b0, d1);
    x = v128.load(a2, 16);
    d2 = madd<f64>(x, b0, d2);
    x = swap(x);
    d3 = madd<f64>(x, b0, d3);
    x = v128.load(a2, 32);
    d4 = madd<f64>(x, b0, d4);
    x = swap(x);
    d5 = madd<f64>(x, b0, d5);
    a += 48;
    a2 += 48;
    b += bk;
  } while (a != end);
  v128.store(d, halves(c0, c1));
  v128.store(d, halves(c1, c0), 16);
  v128.store(d, halves(c2, c3), 32);
  v128.store(d, halves(c3, c2), 48);
  v128.store(d, halves(c4, c5), 64);
  v128.store(d, halves(c5, c4), 80);
  v128.store(d, halves(d0, d1), 96);
  v128.store(d, halves(d1, d0), 112);
  v128.store(d, halves(d2, d3), 128);
  v128.store(d, halves(d3, d2), 144);
  v128.store(d, halves(d4, d5), 160);
  v128.store(d, halves(d5, d4), 176);
}
