// Register tiles of the f32 product: 6 x 8, 4 x 8 and 12 x 4.
//
// A is packed in panels of 6 or 4 rows, k after k. Instead of broadcasting each element of A (one
// load each, and a bounds check each where the engine has no guard pages), a vector of 4 rows is
// loaded once and rotated in its register: after d rotations lane l holds row (l + d) % 4, so the
// accumulators hold diagonals of 4 x 4 blocks, which are put straight once at the end. With rows 4 and 5
// broadcast that is 5 loads and 3 shuffles for 12 multiply-adds, and exactly the 15 vector registers that V8 has
// on x64. More shuffles would wait for the ports that multiply-adds need, more loads for the decoder.
import { madd } from "../math/madd";

@inline
function rotate(x: v128): v128 {
  return v128.shuffle<i32>(x, x, 1, 2, 3, 0);
}

@inline
function swapPairs(x: v128): v128 {
  return v128.shuffle<i32>(x, x, 1, 0, 3, 2);
}

/** Stores (or adds) two vectors as one row of C. */
@inline
function put(c: usize, x: v128, y: v128, accumulate: i32): void {
  if (accumulate) {
    x = f32x4.add(x, v128.load(c));
    y = f32x4.add(y, v128.load(c, 16));
  }
  v128.store(c, x);
  v128.store(c, y, 16);
}

/** Lanes 0 and 2 of x, lanes 1 and 3 of y, in place. */
@inline
function evenOdd(x: v128, y: v128): v128 {
  return v128.shuffle<i32>(x, y, 0, 5, 2, 7);
}

/** The low half of x and the high half of y. */
@inline
function halves(x: v128, y: v128): v128 {
  return v128.shuffle<i64>(x, y, 0, 3);
}

/**
 * C[6, 8] (+)= A panel · B panel for kc > 0; `bk` is the step of B from k to k + 1, `cr` that of C's rows, in bytes.
 *
 * Two k in a turn, because checks and the loop itself take as many instructions as the multiply-adds.
 */
export function gemm_tile6_f32(
  kc: i32, a: usize, b: usize, bk: usize, c: usize, cr: usize, accumulate: i32,
): void {
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00;
  let c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00;
  const end = a + 48 * usize(kc >> 1);
  if (a != end) {
    do {
      let b0 = v128.load(b), b1 = v128.load(b, 16);
      let x = v128.load(a);
      c00 = madd<f32>(x, b0, c00);
      c01 = madd<f32>(x, b1, c01);
      x = rotate(x);
      c10 = madd<f32>(x, b0, c10);
      c11 = madd<f32>(x, b1, c11);
      x = rotate(x);
      c20 = madd<f32>(x, b0, c20);
      c21 = madd<f32>(x, b1, c21);
      x = rotate(x);
      c30 = madd<f32>(x, b0, c30);
      c31 = madd<f32>(x, b1, c31);
      x = v128.load32_splat(a, 16);
      c40 = madd<f32>(x, b0, c40);
      c41 = madd<f32>(x, b1, c41);
      x = v128.load32_splat(a, 20);
      c50 = madd<f32>(x, b0, c50);
      c51 = madd<f32>(x, b1, c51);
      // No address is 0: the condition only keeps the optimiser from moving these multiply-adds into the next ones, which
      // would keep the operands of both alive.
      if (b += bk) {
        b0 = v128.load(b);
        b1 = v128.load(b, 16);
        x = v128.load(a, 24);
        c00 = madd<f32>(x, b0, c00);
        c01 = madd<f32>(x, b1, c01);
        x = rotate(x);
        c10 = madd<f32>(x, b0, c10);
        c11 = madd<f32>(x, b1, c11);
        x = rotate(x);
        c20 = madd<f32>(x, b0, c20);
        c21 = madd<f32>(x, b1, c21);
        x = rotate(x);
        c30 = madd<f32>(x, b0, c30);
        c31 = madd<f32>(x, b1, c31);
        x = v128.load32_splat(a, 40);
        c40 = madd<f32>(x, b0, c40);
        c41 = madd<f32>(x, b1, c41);
        x = v128.load32_splat(a, 44);
        c50 = madd<f32>(x, b0, c50);
        c51 = madd<f32>(x, b1, c51);
      }
      a += 48;
      b += bk;
    } while (a != end);
  }
  if (kc & 1) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let x = v128.load(a);
    c00 = madd<f32>(x, b0, c00);
    c01 = madd<f32>(x, b1, c01);
    x = rotate(x);
    c10 = madd<f32>(x, b0, c10);
    c11 = madd<f32>(x, b1, c11);
    x = rotate(x);
    c20 = madd<f32>(x, b0, c20);
    c21 = madd<f32>(x, b1, c21);
    x = rotate(x);
    c30 = madd<f32>(x, b0, c30);
    c31 = madd<f32>(x, b1, c31);
    x = v128.load32_splat(a, 16);
    c40 = madd<f32>(x, b0, c40);
    c41 = madd<f32>(x, b1, c41);
    x = v128.load32_splat(a, 20);
    c50 = madd<f32>(x, b0, c50);
    c51 = madd<f32>(x, b1, c51);
  }
  let u0 = evenOdd(c00, c30), u1 = evenOdd(c20, c10), w0 = evenOdd(c01, c31), w1 = evenOdd(c21, c11);
  put(c, halves(u0, u1), halves(w0, w1), accumulate);
  const r2 = c + 2 * cr;
  put(r2, halves(u1, u0), halves(w1, w0), accumulate);
  u0 = evenOdd(c10, c00);
  u1 = evenOdd(c30, c20);
  w0 = evenOdd(c11, c01);
  w1 = evenOdd(c31, c21);
  put(c + cr, halves(u0, u1), halves(w0, w1), accumulate);
  put(r2 + cr, halves(u1, u0), halves(w1, w0), accumulate);
  c = r2 + 2 * cr;
  put(c, c40, c41, accumulate);
  put(c + cr, c50, c51, accumulate);
}

/** C[4, 8] (+)= A panel · B panel. */
export function gemm_tile4_f32(
  kc: i32, a: usize, b: usize, bk: usize, c: usize, cr: usize, accumulate: i32,
): void {
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  const end = a + 16 * usize(kc);
  do {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let x = v128.load(a);
    c00 = madd<f32>(x, b0, c00);
    c01 = madd<f32>(x, b1, c01);
    x = rotate(x);
    c10 = madd<f32>(x, b0, c10);
    c11 = madd<f32>(x, b1, c11);
    x = rotate(x);
    c20 = madd<f32>(x, b0, c20);
    c21 = madd<f32>(x, b1, c21);
    x = rotate(x);
    c30 = madd<f32>(x, b0, c30);
    c31 = madd<f32>(x, b1, c31);
    a += 16;
    b += bk;
  } while (a != end);
  let u0 = evenOdd(c00, c30), u1 = evenOdd(c20, c10), w0 = evenOdd(c01, c31), w1 = evenOdd(c21, c11);
  put(c, halves(u0, u1), halves(w0, w1), accumulate);
  const r2 = c + 2 * cr;
  put(r2, halves(u1, u0), halves(w1, w0), accumulate);
  u0 = evenOdd(c10, c00);
  u1 = evenOdd(c30, c20);
  w0 = evenOdd(c11, c01);
  w1 = evenOdd(c31, c21);
  put(c + cr, halves(u0, u1), halves(w0, w1), accumulate);
  put(r2 + cr, halves(u1, u0), halves(w1, w0), accumulate);
}

/**
 * D[12, 4] = two A panels of 6 rows (at `a` and `a2`) · the first 4 columns of a B panel.
 * Written to D with rows of 16 bytes: only edges use this tile, and they are merged by the caller.
 */
export function gemm_tile12_f32(kc: i32, a: usize, a2: usize, b: usize, bk: usize, d: usize): void {
  let c0 = f32x4.splat(0), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0;
  let d0 = c0, d1 = c0, d2 = c0, d3 = c0, d4 = c0, d5 = c0;
  const end = a + 24 * usize(kc);
  do {
    const b0 = v128.load(b);
    let x = v128.load(a);
    c0 = madd<f32>(x, b0, c0);
    x = rotate(x);
    c1 = madd<f32>(x, b0, c1);
    x = rotate(x);
    c2 = madd<f32>(x, b0, c2);
    x = rotate(x);
    c3 = madd<f32>(x, b0, c3);
    x = v128.load64_splat(a, 16);
    c4 = madd<f32>(x, b0, c4);
    x = swapPairs(x);
    c5 = madd<f32>(x, b0, c5);
    x = v128.load(a2);
    d0 = madd<f32>(x, b0, d0);
    x = rotate(x);
    d1 = madd<f32>(x, b0, d1);
    x = rotate(x);
    d2 = madd<f32>(x, b0, d2);
    x = rotate(x);
    d3 = madd<f32>(x, b0, d3);
    x = v128.load64_splat(a2, 16);
    d4 = madd<f32>(x, b0, d4);
    x = swapPairs(x);
    d5 = madd<f32>(x, b0, d5);
    a += 24;
    a2 += 24;
    b += bk;
  } while (a != end);
  let u0 = evenOdd(c0, c3), u1 = evenOdd(c2, c1);
  v128.store(d, halves(u0, u1));
  v128.store(d, halves(u1, u0), 32);
  u0 = evenOdd(c1, c0);
  u1 = evenOdd(c3, c2);
  v128.store(d, halves(u0, u1), 16);
  v128.store(d, halves(u1, u0), 48);
  v128.store(d, evenOdd(c4, c5), 64);
  v128.store(d, evenOdd(c5, c4), 80);
  u0 = evenOdd(d0, d3);
  u1 = evenOdd(d2, d1);
  v128.store(d, halves(u0, u1), 96);
  v128.store(d, halves(u1, u0), 128);
  u0 = evenOdd(d1, d0);
  u1 = evenOdd(d3, d2);
  v128.store(d, halves(u0, u1), 112);
  v128.store(d, halves(u1, u0), 144);
  v128.store(d, evenOdd(d4, d5), 160);
  v128.store(d, evenOdd(d5, d4), 176);
}
