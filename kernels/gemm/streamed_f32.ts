// f32 products of few rows by a B whose columns are contiguous along k (x · Wᵀ, as of a linear layer): nothing of B is
// packed. B is walked once, in four places at a time, each of which goes on where it was, as prefetchers expect; the few
// rows of A are packed in panels of 8 that stay in the caches. Where rows are as short as those of a layer 384 wide,
// prefetchers see their ends more than anything else: 4 neighbours at a time take 1.6 times as long from memory.
//
// A tile has 8 sums of vectors, which hide the latency of multiply-adds by a hair; more leave no register for what
// is read of B.
//
// Each element is the chain of multiply-adds that the blocked form computes, block of k by block of k, so that it
// does not matter to the bits which of the two takes a product.
import { madd } from "../math/madd";
import { merge } from "./merge";
import { packColumns } from "./pack";

/** Stores (or adds) 8 rows of a column of C. */
@inline
function put(c: usize, cr: usize, x: v128, y: v128, acc: i32): void {
  const c1 = c + cr, c2 = c1 + cr, c3 = c2 + cr, c4 = c3 + cr, c5 = c4 + cr, c6 = c5 + cr, c7 = c6 + cr;
  if (acc) {
    let u = v128.load32_zero(c), v = v128.load32_zero(c4);
    u = v128.load32_lane(c1, u, 1);
    u = v128.load32_lane(c2, u, 2);
    u = v128.load32_lane(c3, u, 3);
    v = v128.load32_lane(c5, v, 1);
    v = v128.load32_lane(c6, v, 2);
    v = v128.load32_lane(c7, v, 3);
    x = f32x4.add(x, u);
    y = f32x4.add(y, v);
  }
  v128.store32_lane(c, x, 0);
  v128.store32_lane(c1, x, 1);
  v128.store32_lane(c2, x, 2);
  v128.store32_lane(c3, x, 3);
  v128.store32_lane(c4, y, 0);
  v128.store32_lane(c5, y, 1);
  v128.store32_lane(c6, y, 2);
  v128.store32_lane(c7, y, 3);
}

/**
 * A panel of 8 rows of A times 4 columns of B at b, b1, b2, b3, contiguous along k: (+)= to the columns of C at c, c + cs, …
 */
export function gemm_streamed_f32(
  kc: i32, a: usize, b: usize, b1: usize, b2: usize, b3: usize, c: usize, cr: usize, cs: usize, acc: i32,
): void {
  let c0 = f32x4.splat(0), c1 = c0, c2 = c0, c3 = c0, d0 = c0, d1 = c0, d2 = c0, d3 = c0;
  const end = b + (usize(kc & ~7) << 2);
  while (b != end) {
    let w0 = v128.load(b), w1 = v128.load(b1), w2 = v128.load(b2), w3 = v128.load(b3);
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
    // Conditions that always hold, as in thin_f32.ts: they keep these multiply-adds apart from the next.
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
    if (b) {
      w0 = v128.load(b, 16);
      w1 = v128.load(b1, 16);
      w2 = v128.load(b2, 16);
      w3 = v128.load(b3, 16);
      x = v128.load(a, 128);
      y = v128.load(a, 144);
      w = v128.shuffle<i32>(w0, w0, 0, 0, 0, 0);
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
        x = v128.load(a, 160);
        y = v128.load(a, 176);
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
        x = v128.load(a, 192);
        y = v128.load(a, 208);
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
        x = v128.load(a, 224);
        y = v128.load(a, 240);
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
    }
    a += 256;
    b += 32;
    b1 += 32;
    b2 += 32;
    b3 += 32;
  }
  for (kc &= 7; kc > 0; kc--) {
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
  put(c, cr, c0, d0, acc);
  put(c + cs, cr, c1, d1, acc);
  put(c + 2 * cs, cr, c2, d2, acc);
  put(c + 3 * cs, cr, c3, d3, acc);
}

/** Bytes for one tile at an edge. */
const TILE: usize = 128;

/** C (+)= A · B for k > 0 in blocks of `kStep` (a multiple of 4); columns of B are `bcs` bytes apart and contiguous along k. */
export function streamed(
  m: i32, n: i32, k: i32, kStep: i32, a: usize, ars: usize, acs: usize, b: usize, bcs: usize,
  c: usize, crs: usize, ccs: usize, scratch: usize, acc: i32,
): void {
  const panels = scratch + TILE;
  for (let i = 0; i < m; i += 8) {
    packColumns<f32>(k, a + usize(i) * ars, acs, ars, min(8, m - i), panels + 32 * usize(k) * usize(i >> 3));
  }
  const quarter = (n + 3) >> 2;
  const bs = usize(quarter) * bcs, cs = usize(quarter) * ccs;
  for (let j = 0; j < quarter; j++) {
    // Columns that are not there are read as the first one again, and not stored.
    const nr = (n - j + quarter - 1) / quarter;
    const b1 = nr > 1 ? b + bs : b, b2 = nr > 2 ? b1 + bs : b, b3 = nr > 3 ? b2 + bs : b;
    for (let pc = 0; pc < k; pc += kStep) {
      const kc = min(kStep, k - pc);
      const more = acc | i32(pc > 0);
      const at = 4 * usize(pc);
      for (let i = 0; i < m; i += 8) {
        const panel = panels + 32 * (usize(k) * usize(i >> 3) + usize(pc));
        const ci = c + usize(i) * crs;
        if (nr == 4 && i + 8 <= m) {
          gemm_streamed_f32(kc, panel, b + at, b1 + at, b2 + at, b3 + at, ci, crs, cs, more);
        } else {
          gemm_streamed_f32(kc, panel, b + at, b1 + at, b2 + at, b3 + at, scratch, 4, 32, 0);
          merge<f32>(scratch, 32, nr, min(8, m - i), ci, cs, crs, more);
        }
      }
    }
    b += bcs;
    c += ccs;
  }
}
