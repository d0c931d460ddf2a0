// The blocked product: K in blocks that keep a panel of B and one of A in the first cache, A in blocks of rows
// for the second. No loop here is hot by itself: V8 never replaces a running function by its optimised
// form, so that all the work is in the tiles, which are called often.
import { gemm_tile12_f32, gemm_tile4_f32, gemm_tile6_f32 } from "./tile_f32";
import { gemm_tile12_f64, gemm_tile4_f64, gemm_tile6_f64 } from "./tile_f64";
import { merge } from "./merge";
import { packA, packB, packColumns, sixes } from "./pack";

// The same numbers are in src/loopnest/gemm_plan.ts, which computes the scratch space.
/** Bytes of one row of a block of A: K blocks are about this / sizeof<T>() long, and at most a quarter longer. */
const K_BYTES: i32 = 2048;
/** Rows of a block of A; a multiple of 6. */
const M_BLOCK: i32 = 264;
/** Columns of a block of B; a multiple of 16. */
const N_BLOCK: i32 = 1024;
/** Panels of B that are packed at once. */
const PACKED: i32 = 4;
/** Up to so many rows, B is read where it lies: copying it takes as long as what it saves. Twice as many where its panels stay in the second cache. */
const FEW_ROWS: i32 = 36;
/** Cache lines of the second cache that have the same place in its ways, and half of the ways. */
const SETS: i32 = 2048;
const WAYS: i32 = 4;
/** Bytes for one tile at an edge. */
const TILE_BYTES: usize = 192;

@inline
export function tile6<T>(kc: i32, a: usize, b: usize, bk: usize, c: usize, cr: usize, acc: i32): void {
  if (sizeof<T>() == 4) gemm_tile6_f32(kc, a, b, bk, c, cr, acc);
  else gemm_tile6_f64(kc, a, b, bk, c, cr, acc);
}

@inline
export function tile4<T>(kc: i32, a: usize, b: usize, bk: usize, c: usize, cr: usize, acc: i32): void {
  if (sizeof<T>() == 4) gemm_tile4_f32(kc, a, b, bk, c, cr, acc);
  else gemm_tile4_f64(kc, a, b, bk, c, cr, acc);
}

/** All rows of a packed block of A times one panel of B. */
export function strip<T>(
  mc: i32, kc: i32, a: usize, b: usize, bk: usize, nr: i32,
  c: usize, crs: usize, ccs: usize, tile: usize, acc: i32,
): void {
  const NR = i32(32 / sizeof<T>());
  const straight = nr == NR && ccs == sizeof<T>();
  const a6 = 6 * sizeof<T>() * usize(kc), a4 = 4 * sizeof<T>() * usize(kc);
  const end6 = 6 * sixes(mc);
  let i = 0;
  if (nr <= NR / 2) {
    for (; i + 12 <= end6; i += 12) {
      if (sizeof<T>() == 4) gemm_tile12_f32(kc, a, a + a6, b, bk, tile);
      else gemm_tile12_f64(kc, a, a + a6, b, bk, tile);
      merge<T>(tile, 16, min(12, mc - i), nr, c, crs, ccs, acc);
      a += 2 * a6;
      c += 12 * crs;
    }
  }
  for (; i < end6; i += 6) {
    if (straight && i + 6 <= mc) {
      tile6<T>(kc, a, b, bk, c, crs, acc);
    } else {
      tile6<T>(kc, a, b, bk, tile, 32, 0);
      merge<T>(tile, 32, min(6, mc - i), nr, c, crs, ccs, acc);
    }
    a += a6;
    c += 6 * crs;
  }
  for (; i < mc; i += 4) {
    if (straight && i + 4 <= mc) {
      tile4<T>(kc, a, b, bk, c, crs, acc);
    } else {
      tile4<T>(kc, a, b, bk, tile, 32, 0);
      merge<T>(tile, 32, min(4, mc - i), nr, c, crs, ccs, acc);
    }
    a += a4;
    c += 4 * crs;
  }
}

/** The steps of k from one block to the next. */
export function kBlock<T>(k: i32): i32 {
  const most = (K_BYTES + K_BYTES / 4) / i32(sizeof<T>());
  const parts = (k + most - 1) / most;
  return ((k + parts - 1) / parts + 3) & ~3;
}

/** Whether `rows` lines that are `stride` bytes apart stay in the second cache together: of powers of two, few do. */
function stayCached(rows: i32, stride: usize): bool {
  const lines = i32(stride >> 6);
  const places = stride & 63 ? SETS : SETS / min(SETS, max(1, lines & -lines));
  return rows <= WAYS * places;
}

/** C (+)= A · B for k > 0; all strides in bytes; C of any strides. */
export function blocked<T>(
  m: i32, n: i32, k: i32, a: usize, ars: usize, acs: usize, b: usize, brs: usize, bcs: usize,
  c: usize, crs: usize, ccs: usize, scratch: usize, acc: i32,
): void {
  const NR = i32(32 / sizeof<T>());
  const kStep = kBlock<T>(k);
  const isFew = m <= FEW_ROWS || k * n <= 4096 || (m <= 2 * FEW_ROWS && stayCached(kStep, brs));
  const direct = bcs == sizeof<T>() && isFew;
  // Panels of B are packed just before their first use: then they are in the first cache or the second. They are kept if they are used again.
  const jStep = m > M_BLOCK ? N_BLOCK : PACKED * NR;
  const tile = scratch;
  const pa = scratch + TILE_BYTES;
  const pb = pa + usize(min(M_BLOCK, m + 5)) * usize(min(kStep, k)) * sizeof<T>();
  for (let pc = 0; pc < k; pc += kStep) {
    const kc = min(kStep, k - pc);
    const ap = a + usize(pc) * acs, bp = b + usize(pc) * brs;
    const more = acc | i32(pc > 0);
    if (m <= M_BLOCK) packA<T>(m, kc, ap, ars, acs, pa);
    for (let jc = 0; jc < n; jc += jStep) {
      const nc = min(jStep, n - jc);
      const full = nc & ~(NR - 1);
      const bj = bp + usize(jc) * bcs, cj = c + usize(jc) * ccs;
      if (direct && full < nc) packColumns<T>(kc, bj + usize(full) * bcs, brs, bcs, nc - full, pb);
      for (let ic = 0; ic < m; ic += M_BLOCK) {
        const mc = min(M_BLOCK, m - ic);
        if (m > M_BLOCK) packA<T>(mc, kc, ap + usize(ic) * ars, ars, acs, pa);
        const ci = cj + usize(ic) * crs;
        for (let j = 0; j < nc; j += NR) {
          const cc = ci + usize(j) * ccs;
          if (!direct && ic == 0 && (j & (PACKED * NR - 1)) == 0) {
            packB<T>(kc, min(PACKED * NR, nc - j), bj + usize(j) * bcs, brs, bcs, pb + 32 * usize(kc) * usize(j / NR));
          }
          if (direct && j < full) {
            strip<T>(mc, kc, pa, bj + usize(j) * bcs, brs, NR, cc, crs, ccs, tile, more);
          } else {
            const from = direct ? pb : pb + 32 * usize(kc) * usize(j / NR);
            strip<T>(mc, kc, pa, from, 32, min(NR, nc - j), cc, crs, ccs, tile, more);
          }
        }
      }
    }
  }
}
