// Thin f32 products of 9 or more columns: 4 rows of the wide operand, read where it lies, times 10 packed columns. Blocks of
// 4 x 4 of the wide operand are transposed in registers, then rotated as in tile_f32.ts: 4 loads and 3 packed vectors
// for each k serve 40 multiply-adds, where dot products (dot.ts) take 8 loads for 12.
import { madd } from "../math/madd";
import { transpose4 } from "./pack";

@inline
function rotate(x: v128): v128 {
  return v128.shuffle<i32>(x, x, 1, 2, 3, 0);
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

/** Packs columns 0..9 (`count` of them present), 12 floats for each k: the last pair stands there twice. */
export function packTen(kc: i32, src: usize, ks: usize, cs: usize, count: i32, dst: usize): void {
  if (count == 10 && cs == 4) {
    for (; kc > 0; kc--, src += ks, dst += 48) {
      v128.store(dst, v128.load(src));
      v128.store(dst, v128.load(src, 16), 16);
      v128.store(dst, v128.load64_splat(src, 32), 32);
    }
    return;
  }
  if (count == 10 && ks == 4) {
    transpose4<f32>(kc, src, cs, dst, 48);
    transpose4<f32>(kc, src + 4 * cs, cs, dst + 16, 48);
    src += 8 * cs;
    for (; kc > 0; kc--, src += 4, dst += 48) {
      const x = load<f32>(src), y = load<f32>(src + cs);
      store<f32>(dst, x, 32);
      store<f32>(dst, y, 36);
      store<f32>(dst, x, 40);
      store<f32>(dst, y, 44);
    }
    return;
  }
  for (; kc > 0; kc--, src += ks, dst += 48) {
    let s = src;
    for (let j = 0; j < 10; j++, s += cs) {
      const x: f32 = j < count ? load<f32>(s) : 0;
      store<f32>(dst + 4 * usize(j), x);
      if (j >= 8) store<f32>(dst + 4 * usize(j), x, 8);
    }
  }
}

/** D[4, 12] = rows a0 … a3 · packed columns; the last two columns of D are not used. */
export function gemm_thin4_f32(kc: i32, a0: usize, a1: usize, a2: usize, a3: usize, b: usize, d: usize): void {
  let c0 = f32x4.splat(0), c1 = c0, c2 = c0, c3 = c0;
  let d0 = c0, d1 = c0, d2 = c0, d3 = c0, e0 = c0, e1 = c0;
  for (; kc >= 4; kc -= 4) {
    const r0 = v128.load(a0), r1 = v128.load(a1), r2 = v128.load(a2), r3 = v128.load(a3);
    const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5), t1 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
    const t2 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5), t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
    let x = v128.shuffle<i64>(t0, t2, 0, 2);
    let u = v128.load(b), v = v128.load(b, 16), w = v128.load(b, 32);
    c0 = madd<f32>(x, u, c0);
    d0 = madd<f32>(x, v, d0);
    e0 = madd<f32>(x, w, e0);
    x = rotate(x);
    c1 = madd<f32>(x, u, c1);
    d1 = madd<f32>(x, v, d1);
    e1 = madd<f32>(x, w, e1);
    x = rotate(x);
    c2 = madd<f32>(x, u, c2);
    d2 = madd<f32>(x, v, d2);
    x = rotate(x);
    c3 = madd<f32>(x, u, c3);
    d3 = madd<f32>(x, v, d3);
    // No address is 0: the conditions only keep the optimiser from moving these multiply-adds into the next ones, which
    // would need more registers than there are.
    if (b) {
      x = v128.shuffle<i64>(t0, t2, 1, 3);
      u = v128.load(b, 48);
      v = v128.load(b, 64);
      w = v128.load(b, 80);
      c0 = madd<f32>(x, u, c0);
      d0 = madd<f32>(x, v, d0);
      e0 = madd<f32>(x, w, e0);
      x = rotate(x);
      c1 = madd<f32>(x, u, c1);
      d1 = madd<f32>(x, v, d1);
      e1 = madd<f32>(x, w, e1);
      x = rotate(x);
      c2 = madd<f32>(x, u, c2);
      d2 = madd<f32>(x, v, d2);
      x = rotate(x);
      c3 = madd<f32>(x, u, c3);
      d3 = madd<f32>(x, v, d3);
    }
    if (b) {
      x = v128.shuffle<i64>(t1, t3, 0, 2);
      u = v128.load(b, 96);
      v = v128.load(b, 112);
      w = v128.load(b, 128);
      c0 = madd<f32>(x, u, c0);
      d0 = madd<f32>(x, v, d0);
      e0 = madd<f32>(x, w, e0);
      x = rotate(x);
      c1 = madd<f32>(x, u, c1);
      d1 = madd<f32>(x, v, d1);
      e1 = madd<f32>(x, w, e1);
      x = rotate(x);
      c2 = madd<f32>(x, u, c2);
      d2 = madd<f32>(x, v, d2);
      x = rotate(x);
      c3 = madd<f32>(x, u, c3);
      d3 = madd<f32>(x, v, d3);
    }
    if (b) {
      x = v128.shuffle<i64>(t1, t3, 1, 3);
      u = v128.load(b, 144);
      v = v128.load(b, 160);
      w = v128.load(b, 176);
      c0 = madd<f32>(x, u, c0);
      d0 = madd<f32>(x, v, d0);
      e0 = madd<f32>(x, w, e0);
      x = rotate(x);
      c1 = madd<f32>(x, u, c1);
      d1 = madd<f32>(x, v, d1);
      e1 = madd<f32>(x, w, e1);
      x = rotate(x);
      c2 = madd<f32>(x, u, c2);
      d2 = madd<f32>(x, v, d2);
      x = rotate(x);
      c3 = madd<f32>(x, u, c3);
      d3 = madd<f32>(x, v, d3);
    }
    a0 += 16;
    a1 += 16;
    a2 += 16;
    a3 += 16;
    b += 192;
  }
  for (; kc > 0; kc--) {
    let x = v128.load32_zero(a0);
    x = v128.load32_lane(a1, x, 1);
    x = v128.load32_lane(a2, x, 2);
    x = v128.load32_lane(a3, x, 3);
    const u = v128.load(b), v = v128.load(b, 16), w = v128.load(b, 32);
    c0 = madd<f32>(x, u, c0);
    d0 = madd<f32>(x, v, d0);
    e0 = madd<f32>(x, w, e0);
    x = rotate(x);
    c1 = madd<f32>(x, u, c1);
    d1 = madd<f32>(x, v, d1);
    e1 = madd<f32>(x, w, e1);
    x = rotate(x);
    c2 = madd<f32>(x, u, c2);
    d2 = madd<f32>(x, v, d2);
    x = rotate(x);
    c3 = madd<f32>(x, u, c3);
    d3 = madd<f32>(x, v, d3);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    b += 48;
  }
  let p = evenOdd(c0, c3), q = evenOdd(c2, c1);
  v128.store(d, halves(p, q));
  v128.store(d, halves(q, p), 96);
  p = evenOdd(c1, c0);
  q = evenOdd(c3, c2);
  v128.store(d, halves(p, q), 48);
  v128.store(d, halves(q, p), 144);
  p = evenOdd(d0, d3);
  q = evenOdd(d2, d1);
  v128.store(d, halves(p, q), 16);
  v128.store(d, halves(q, p), 112);
  p = evenOdd(d1, d0);
  q = evenOdd(d3, d2);
  v128.store(d, halves(p, q), 64);
  v128.store(d, halves(q, p), 160);
  // e0 holds columns 8 and 9 in turn of rows 0 … 3, e1 those of rows 1, 2, 3, 0.
  v128.store64_lane(d, v128.shuffle<i32>(e0, e1, 0, 7, 0, 0), 0, 32);
  v128.store64_lane(d, v128.shuffle<i32>(e0, e1, 4, 1, 0, 0), 0, 80);
  v128.store64_lane(d, v128.shuffle<i32>(e0, e1, 2, 5, 0, 0), 0, 128);
  v128.store64_lane(d, v128.shuffle<i32>(e0, e1, 6, 3, 0, 0), 0, 176);
}
