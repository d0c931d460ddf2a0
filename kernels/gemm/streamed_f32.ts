// f32 products of few rows by a B whose columns are contiguous along k (x · Wᵀ, as of a linear layer): nothing of B is
// packed. B is walked once, in five places at a time, each of which goes on where it was, as prefetchers expect; the few
// rows of A are packed in panels of 4 that stay in the caches, two of which a tile takes. Where rows are as short as those of
// a layer 384 wide, prefetchers see their ends more than anything else: neighbours at a time take 1.6 times as long from
// memory.
//
// A tile has 10 sums of vectors: 8 hide the latency of multiply-adds by a hair, and leave nothing to make good for what
// comes late. Of five columns of B one is read as vectors and spread by shuffles, which share a port with multiply-adds, and
// four are broadcast by the loads, each of which takes a bounds check. Bounds are computed for each offset and compared for
// each address, so that panels and columns are read at the same offsets from different addresses.
//
// Each element is the chain of multiply-adds that the blocked form computes, block of k by block of k, so that it
// does not matter to the bits which of the two takes a product.
import { madd } from "../math/madd";
import { merge } from "./merge";
import { packQuad } from "./pack";

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
 * Two panels of 4 rows of A, `half` bytes apart, times 5 columns of B from b on, `bs` bytes apart and contiguous along k:
 * (+)= to the columns of C at c, c + cs, …
 */
export function gemm_streamed_f32(
  kc: i32, a: usize, half: usize, b: usize, bs: usize, c: usize, cr: usize, cs: usize, acc: i32,
): void {
  let c0 = f32x4.splat(0), c1 = c0, c2 = c0, c3 = c0, c4 = c0, d0 = c0, d1 = c0, d2 = c0, d3 = c0, d4 = c0;
  const end = b + (usize(kc & ~7) << 2);
  while (b != end) {
    const b1 = b + bs, b2 = b1 + bs, b3 = b2 + bs, b4 = b3 + bs, a1 = a + half;
    let s = v128.load(b), x = v128.load(a), y = v128.load(a1);
    let w = v128.shuffle<i32>(s, s, 0, 0, 0, 0);
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
    w = v128.load32_splat(b4);
    c4 = madd<f32>(w, x, c4);
    d4 = madd<f32>(w, y, d4);
    // No address is 0: these conditions only keep the optimiser from moving multiply-adds into the next ones.
    if (!b) break;
    x = v128.load(a, 16);
    y = v128.load(a1, 16);
    w = v128.shuffle<i32>(s, s, 1, 1, 1, 1);
    c0 = madd<f32>(w, x, c0);
    d0 = madd<f32>(w, y, d0);
    w = v128.load32_splat(b1, 4);
    c1 = madd<f32>(w, x, c1);
    d1 = madd<f32>(w, y, d1);
    w = v128.load32_splat(b2, 4);
    c2 = madd<f32>(w, x, c2);
    d2 = madd<f32>(w, y, d2);
    w = v128.load32_splat(b3, 4);
    c3 = madd<f32>(w, x, c3);
    d3 = madd<f32>(w, y, d3);
    w = v128.load32_splat(b4, 4);
    c4 = madd<f32>(w, x, c4);
    d4 = madd<f32>(w, y, d4);
    if (!b) break;
    x = v128.load(a, 32);
    y = v128.load(a1, 32);
    w = v128.shuffle<i32>(s, s, 2, 2, 2, 2);
    c0 = madd<f32>(w, x, c0);
    d0 = madd<f32>(w, y, d0);
    w = v128.load32_splat(b1, 8);
    c1 = madd<f32>(w, x, c1);
    d1 = madd<f32>(w, y, d1);
    w = v128.load32_splat(b2, 8);
    c2 = madd<f32>(w, x, c2);
    d2 = madd<f32>(w, y, d2);
    w = v128.load32_splat(b3, 8);
    c3 = madd<f32>(w, x, c3);
    d3 = madd<f32>(w, y, d3);
    w = v128.load32_splat(b4, 8);
    c4 = madd<f32>(w, x, c4);
    d4 = madd<f32>(w, y, d4);
    if (!b) break;
    x = v128.load(a, 48);
    y = v128.load(a1, 48);
    w = v128.shuffle<i32>(s, s, 3, 3, 3, 3);
    c0 = madd<f32>(w, x, c0);
    d0 = madd<f32>(w, y, d0);
    w = v128.load32_splat(b1, 12);
    c1 = madd<f32>(w, x, c1);
    d1 = madd<f32>(w, y, d1);
    w = v128.load32_splat(b2, 12);
    c2 = madd<f32>(w, x, c2);
    d2 = madd<f32>(w, y, d2);
    w = v128.load32_splat(b3, 12);
    c3 = madd<f32>(w, x, c3);
    d3 = madd<f32>(w, y, d3);
    w = v128.load32_splat(b4, 12);
    c4 = madd<f32>(w, x, c4);
    d4 = madd<f32>(w, y, d4);
    if (!b) break;
    s = v128.load(b, 16);
    x = v128.load(a, 64);
    y = v128.load(a1, 64);
    w = v128.shuffle<i32>(s, s, 0, 0, 0, 0);
    c0 = madd<f32>(w, x, c0);
    d0 = madd<f32>(w, y, d0);
    w = v128.load32_splat(b1, 16);
    c1 = madd<f32>(w, x, c1);
    d1 = madd<f32>(w, y, d1);
    w = v128.load32_splat(b2, 16);
    c2 = madd<f32>(w, x, c2);
    d2 = madd<f32>(w, y, d2);
    w = v128.load32_splat(b3, 16);
    c3 = madd<f32>(w, x, c3);
    d3 = madd<f32>(w, y, d3);
    w = v128.load32_splat(b4, 16);
    c4 = madd<f32>(w, x, c4);
    d4 = madd<f32>(w, y, d4);
    if (!b) break;
    x = v128.load(a, 80);
    y = v128.load(a1, 80);
    w = v128.shuffle<i32>(s, s, 1, 1, 1, 1);
    c0 = madd<f32>(w, x, c0);
    d0 = madd<f32>(w, y, d0);
    w = v128.load32_splat(b1, 20);
    c1 = madd<f32>(w, x, c1);
    d1 = madd<f32>(w, y, d1);
    w = v128.load32_splat(b2, 20);
    c2 = madd<f32>(w, x, c2);
    d2 = madd<f32>(w, y, d2);
    w = v128.load32_splat(b3, 20);
    c3 = madd<f32>(w, x, c3);
    d3 = madd<f32>(w, y, d3);
    w = v128.load32_splat(b4, 20);
    c4 = madd<f32>(w, x, c4);
    d4 = madd<f32>(w, y, d4);
    if (!b) break;
    x = v128.load(a, 96);
    y = v128.load(a1, 96);
    w = v128.shuffle<i32>(s, s, 2, 2, 2, 2);
    c0 = madd<f32>(w, x, c0);
    d0 = madd<f32>(w, y, d0);
    w = v128.load32_splat(b1, 24);
    c1 = madd<f32>(w, x, c1);
    d1 = madd<f32>(w, y, d1);
    w = v128.load32_splat(b2, 24);
    c2 = madd<f32>(w, x, c2);
    d2 = madd<f32>(w, y, d2);
    w = v128.load32_splat(b3, 24);
    c3 = madd<f32>(w, x, c3);
    d3 = madd<f32>(w, y, d3);
    w = v128.load32_splat(b4, 24);
    c4 = madd<f32>(w, x, c4);
    d4 = madd<f32>(w, y, d4);
    if (!b) break;
    x = v128.load(a, 112);
    y = v128.load(a1, 112);
    w = v128.shuffle<i32>(s, s, 3, 3, 3, 3);
    c0 = madd<f32>(w, x, c0);
    d0 = madd<f32>(w, y, d0);
    w = v128.load32_splat(b1, 28);
    c1 = madd<f32>(w, x, c1);
    d1 = madd<f32>(w, y, d1);
    w = v128.load32_splat(b2, 28);
    c2 = madd<f32>(w, x, c2);
    d2 = madd<f32>(w, y, d2);
    w = v128.load32_splat(b3, 28);
    c3 = madd<f32>(w, x, c3);
    d3 = madd<f32>(w, y, d3);
    w = v128.load32_splat(b4, 28);
    c4 = madd<f32>(w, x, c4);
    d4 = madd<f32>(w, y, d4);
    a += 128;
    b += 32;
  }
  for (kc &= 7; kc > 0; kc--) {
    const b1 = b + bs, b2 = b1 + bs, b3 = b2 + bs, b4 = b3 + bs, a1 = a + half;
    const x = v128.load(a), y = v128.load(a1);
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
    w = v128.load32_splat(b4);
    c4 = madd<f32>(w, x, c4);
    d4 = madd<f32>(w, y, d4);
    a += 16;
    b += 4;
  }
  put(c, cr, c0, d0, acc);
  c += cs;
  put(c, cr, c1, d1, acc);
  c += cs;
  put(c, cr, c2, d2, acc);
  c += cs;
  put(c, cr, c3, d3, acc);
  c += cs;
  put(c, cr, c4, d4, acc);
}

/** Bytes for one tile at an edge. */
const TILE: usize = 160;

/** All panels times 5 columns of B, `bs` bytes apart, of which the last `count` are stored, the first of these at c. */
@inline
function columns(
  m: i32, k: i32, kStep: i32, panels: usize, b: usize, bs: usize, count: i32, c: usize, crs: usize, cs: usize,
  scratch: usize, acc: i32,
): void {
  const half = 16 * usize(k);
  for (let pc = 0; pc < k; pc += kStep) {
    const kc = min(kStep, k - pc);
    const more = acc | i32(pc > 0);
    for (let i = 0; i < m; i += 8) {
      const panel = panels + half * usize(i >> 2) + 16 * usize(pc);
      const bk = b + 4 * usize(pc), ci = c + usize(i) * crs;
      if (count == 5 && i + 8 <= m) {
        gemm_streamed_f32(kc, panel, half, bk, bs, ci, crs, cs, more);
      } else {
        gemm_streamed_f32(kc, panel, half, bk, bs, scratch, 4, 32, 0);
        merge<f32>(scratch + 32 * usize(5 - count), 32, count, min(8, m - i), ci, cs, crs, more);
      }
    }
  }
}

/**
 * C (+)= A · B for k > 0 and n >= 5, in blocks of `kStep` (a multiple of 4); columns of B are `bcs` bytes apart and
 * contiguous along k.
 */
export function streamed(
  m: i32, n: i32, k: i32, kStep: i32, a: usize, ars: usize, acs: usize, b: usize, bcs: usize,
  c: usize, crs: usize, ccs: usize, scratch: usize, acc: i32,
): void {
  const panels = scratch + TILE, panel = 16 * usize(k);
  // An even number of panels, the last of which may be all zeros.
  for (let i = 0; i < ((m + 7) & ~7); i += 4) {
    packQuad<f32>(k, a + usize(i) * ars, ars, acs, min(4, m - i), panels + panel * usize(i >> 2));
  }
  const fifth = n / 5, rest = n - 5 * fifth;
  const bs = usize(fifth) * bcs, cs = usize(fifth) * ccs;
  for (let j = 0; j < fifth; j++) {
    columns(m, k, kStep, panels, b + usize(j) * bcs, bs, 5, c + usize(j) * ccs, crs, cs, scratch, acc);
  }
  if (rest) {
    // The last columns with those before them, whose results are dropped.
    columns(m, k, kStep, panels, b + usize(n - 5) * bcs, bcs, rest, c + usize(n - rest) * ccs, crs, ccs, scratch, acc);
  }
}
