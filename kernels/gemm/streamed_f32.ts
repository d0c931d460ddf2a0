// f32 products of few rows by a B whose columns are contiguous along k (x · Wᵀ, as of a linear layer): nothing of B is
// packed. B is walked once, in groups of 4 columns; the few rows of A are packed in panels of 8 that stay in the caches.
//
// Each element is the chain of multiply-adds that the blocked form computes, block of k by block of k, so that it
// does not matter to the bits which of the two takes a product.
import { madd } from "../math/madd";
import { merge } from "./merge";
import { packColumns } from "./pack";

/** Stores (or adds) 4 rows of 4 columns of C, given as columns. */
@inline
function put(c: usize, cr: usize, x0: v128, x1: v128, x2: v128, x3: v128, acc: i32): void {
  const t0 = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5), t1 = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);
  const t2 = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5), t3 = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);
  let r0 = v128.shuffle<i64>(t0, t2, 0, 2), r1 = v128.shuffle<i64>(t0, t2, 1, 3);
  let r2 = v128.shuffle<i64>(t1, t3, 0, 2), r3 = v128.shuffle<i64>(t1, t3, 1, 3);
  const c1 = c + cr, c2 = c1 + cr, c3 = c2 + cr;
  if (acc) {
    r0 = f32x4.add(r0, v128.load(c));
    r1 = f32x4.add(r1, v128.load(c1));
    r2 = f32x4.add(r2, v128.load(c2));
    r3 = f32x4.add(r3, v128.load(c3));
  }
  v128.store(c, r0);
  v128.store(c1, r1);
  v128.store(c2, r2);
  v128.store(c3, r3);
}

/**
 * C[8, 4] (+)= a panel of 8 rows of A · 4 columns of B at b, b + bs, …, contiguous along k. Reads a word of each 64 bytes from
 * `ahead` on, so that what comes next is fetched in the order in which it lies; returns their sum, lest they be left out.
 */
export function gemm_streamed_f32(
  kc: i32, a: usize, b: usize, b1: usize, b2: usize, b3: usize, c: usize, cr: usize, acc: i32, ahead: usize,
): i32 {
  let c0 = f32x4.splat(0), c1 = c0, c2 = c0, c3 = c0, d0 = c0, d1 = c0, d2 = c0, d3 = c0;
  let sum = 0;
  const end = b + (usize(kc & ~3) << 2);
  while (b != end) {
    const w0 = v128.load(b), w1 = v128.load(b1), w2 = v128.load(b2), w3 = v128.load(b3);
    let x = v128.load(a), y = v128.load(a, 16);
    let w = v128.shuffle<i32>(w0, w0, 0, 0, 0, 0);
    c0 = madd<f32>(w, x, c0);
    d0 = madd<f32>(w, y, d0);
    w = v128.shuffle<i32>(w1, w1, 0, 0, 0, 0);
    c1 = madd<f32>(w, x, c1);
    d1 = madd<f32>(w, y, d1);
    w = v128.shuffle<i32>(w2, w2, 0, 0, 0, 0);
    c2 = madd<f32>(w, x, c2);
    d2 = madd<f32>(w, y, d2);
    w = v128.shuffle<i32>(w3, w3, 0, 0, 0, 0);
    c3 = madd<f32>(w, x, c3);
    d3 = madd<f32>(w, y, d3);
    if (b) {
      x = v128.load(a, 32);
      y = v128.load(a, 48);
      w = v128.shuffle<i32>(w0, w0, 1, 1, 1, 1);
      c0 = madd<f32>(w, x, c0);
      d0 = madd<f32>(w, y, d0);
      w = v128.shuffle<i32>(w1, w1, 1, 1, 1, 1);
      c1 = madd<f32>(w, x, c1);
      d1 = madd<f32>(w, y, d1);
      w = v128.shuffle<i32>(w2, w2, 1, 1, 1, 1);
      c2 = madd<f32>(w, x, c2);
      d2 = madd<f32>(w, y, d2);
      w = v128.shuffle<i32>(w3, w3, 1, 1, 1, 1);
      c3 = madd<f32>(w, x, c3);
      d3 = madd<f32>(w, y, d3);
    }
    if (b) {
      x = v128.load(a, 64);
      y = v128.load(a, 80);
      w = v128.shuffle<i32>(w0, w0, 2, 2, 2, 2);
      c0 = madd<f32>(w, x, c0);
      d0 = madd<f32>(w, y, d0);
      w = v128.shuffle<i32>(w1, w1, 2, 2, 2, 2);
      c1 = madd<f32>(w, x, c1);
      d1 = madd<f32>(w, y, d1);
      w = v128.shuffle<i32>(w2, w2, 2, 2, 2, 2);
      c2 = madd<f32>(w, x, c2);
      d2 = madd<f32>(w, y, d2);
      w = v128.shuffle<i32>(w3, w3, 2, 2, 2, 2);
      c3 = madd<f32>(w, x, c3);
      d3 = madd<f32>(w, y, d3);
    }
    if (b) {
      x = v128.load(a, 96);
      y = v128.load(a, 112);
      w = v128.shuffle<i32>(w0, w0, 3, 3, 3, 3);
      c0 = madd<f32>(w, x, c0);
      d0 = madd<f32>(w, y, d0);
      w = v128.shuffle<i32>(w1, w1, 3, 3, 3, 3);
      c1 = madd<f32>(w, x, c1);
      d1 = madd<f32>(w, y, d1);
      w = v128.shuffle<i32>(w2, w2, 3, 3, 3, 3);
      c2 = madd<f32>(w, x, c2);
      d2 = madd<f32>(w, y, d2);
      w = v128.shuffle<i32>(w3, w3, 3, 3, 3, 3);
      c3 = madd<f32>(w, x, c3);
      d3 = madd<f32>(w, y, d3);
    }
    sum += load<i32>(ahead);
    ahead += 64;
    a += 128;
    b += 16;
    b1 += 16;
    b2 += 16;
    b3 += 16;
  }
  for (kc &= 3; kc > 0; kc--) {
    const x = v128.load(a), y = v128.load(a, 16);
    let w = v128.load32_splat(b);
    c0 = madd<f32>(w, x, c0);
    d0 = madd<f32>(w, y, d0);
    w = v128.load32_splat(b1);
    c1 = madd<f32>(w, x, c1);
    d1 = madd<f32>(w, y, d1);
    w = v128.load32_splat(b2);
    c2 = madd<f32>(w, x, c2);
    d2 = madd<f32>(w, y, d2);
    w = v128.load32_splat(b3);
    c3 = madd<f32>(w, x, c3);
    d3 = madd<f32>(w, y, d3);
    a += 32;
    b += 4;
    b1 += 4;
    b2 += 4;
    b3 += 4;
  }
  put(c, cr, c0, c1, c2, c3, acc);
  put(c + 4 * cr, cr, d0, d1, d2, d3, acc);
  return sum;
}

/** Bytes for one tile at an edge, and for a word. */
const TILE: usize = 144;

/** C (+)= A · B for k > 0 in blocks of `kStep` (a multiple of 4); columns of B are `bcs` bytes apart and contiguous along k. */
export function streamed(
  m: i32, n: i32, k: i32, kStep: i32, a: usize, ars: usize, acs: usize, b: usize, bcs: usize,
  c: usize, crs: usize, ccs: usize, scratch: usize, acc: i32,
): void {
  const panels = scratch + TILE;
  // What is read ahead may not lie beyond B.
  const last = b + usize(n - 1) * bcs + 4 * usize(k - 1);
  let sum = 0;
  for (let i = 0; i < m; i += 8) {
    packColumns<f32>(k, a + usize(i) * ars, acs, ars, min(8, m - i), panels + 32 * usize(k) * usize(i >> 3));
  }
  for (let j = 0; j < n; j += 4) {
    const nr = min(4, n - j);
    const b1 = nr > 1 ? b + bcs : b, b2 = nr > 2 ? b1 + bcs : b1, b3 = nr > 3 ? b2 + bcs : b2;
    const next = b + 4 * bcs;
    for (let pc = 0; pc < k; pc += kStep) {
      const kc = min(kStep, k - pc);
      const more = acc | i32(pc > 0);
      const at = 4 * usize(pc);
      let ahead = next + 4 * at;
      if (ahead + 16 * usize(kc) > last) ahead = b;
      for (let i = 0; i < m; i += 8) {
        const panel = panels + 32 * (usize(k) * usize(i >> 3) + usize(pc));
        const ci = c + usize(i) * crs;
        if (nr == 4 && i + 8 <= m && ccs == 4) {
          sum += gemm_streamed_f32(kc, panel, b + at, b1 + at, b2 + at, b3 + at, ci, crs, more, ahead);
        } else {
          sum += gemm_streamed_f32(kc, panel, b + at, b1 + at, b2 + at, b3 + at, scratch, 16, 0, ahead);
          merge<f32>(scratch, 16, min(8, m - i), nr, ci, crs, ccs, more);
        }
        ahead = panel;
      }
    }
    b = next;
    c += 4 * ccs;
  }
  store<i32>(scratch, sum, 128);
}
