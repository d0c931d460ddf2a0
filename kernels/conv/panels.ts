// Packing for the tiles of the matrix product, where elements lie at the sums of table entries.
import { packRows4, packRows6, sixes } from "../gemm/pack";

@inline
function entry(table: usize, i: i32): usize {
  return usize(load<i32>(table + (usize(i) << 2)));
}

/** How many entries of a table from `i` on lie `step` bytes apart; at most `limit`. */
@inline
export function runLength(table: usize, i: i32, limit: i32, step: i32): i32 {
  let n = 1;
  let p = table + (usize(i) << 2);
  for (; i + n < limit && load<i32>(p, 4) - load<i32>(p) == step; n++) p += 4;
  return n;
}

/** One panel of `width` rows (`rs` bytes apart), `count` of them present, k after k. */
function packRowsBy<T>(
  kc: i32, src: usize, rs: usize, ks: usize, count: i32, width: i32, dst: usize,
): void {
  for (let p = 0; p < kc; p++) {
    let s = src + entry(ks, p);
    let i = 0;
    for (; i < count; i++, s += rs, dst += sizeof<T>()) store<T>(dst, load<T>(s));
    for (; i < width; i++, dst += sizeof<T>()) store<T>(dst, 0);
  }
}

/** Packs `mc` rows of the kernel in panels of 6, then of 4, as `packA` does; k lies at the entries of `ks`. */
export function packKernel<T>(mc: i32, kc: i32, src: usize, rs: usize, ks: usize, dst: usize): void {
  const end6 = 6 * sixes(mc);
  for (let i = 0; i < mc;) {
    const width = i < end6 ? 6 : 4;
    const count = min(width, mc - i);
    if (count < width) {
      packRowsBy<T>(kc, src, rs, ks, count, width, dst);
    } else {
      for (let p = 0; p < kc;) {
        const step = p + 1 < kc ? load<i32>(ks + (usize(p) << 2), 4) - load<i32>(ks + (usize(p) << 2)) : 0;
        const n = runLength(ks, p, kc, step);
        const d = dst + usize(p * width) * sizeof<T>();
        if (width == 6) packRows6<T>(n, src + entry(ks, p), rs, usize(step), d);
        else packRows4<T>(n, src + entry(ks, p), rs, usize(step), d);
        p += n;
      }
    }
    i += width;
    src += usize(width) * rs;
    dst += usize(kc * width) * sizeof<T>();
  }
}

/** The lanes of one vector, each from its own place. */
@inline
function gather<T>(src: usize, cs: usize, dst: usize): void {
  const V = i32(16 / sizeof<T>());
  for (let l = 0; l < V; l++) store<T>(dst + usize(l) * sizeof<T>(), load<T>(src + entry(cs, l)));
}

/** How many entries of a table lie `step` bytes apart from each of its `count` entries on, itself included: to `runs`. */
export function fillRuns(table: usize, count: i32, step: i32, runs: usize): void {
  let n = 0;
  for (let p = usize(count - 1) << 2, next = 0; n < count; n++, p -= 4) {
    const at = load<i32>(table + p);
    store<i32>(runs + p, n > 0 && next - at == step ? load<i32>(runs + p, 4) + 1 : 1);
    next = at;
  }
}

/** Half a panel: the columns of one vector. */
function packHalf<T>(kc: i32, src: usize, ks: usize, runs: usize, cs: usize, dst: usize): void {
  const V = i32(16 / sizeof<T>());
  if (runLength(cs, 0, V, i32(sizeof<T>())) == V) {
    src += entry(cs, 0);
    for (let p = 0; p < kc; p++, dst += 32) v128.store(dst, v128.load(src + entry(ks, p)));
    return;
  }
  let p = 0;
  if (sizeof<T>() == 4) {
    const s0 = src + entry(cs, 0), s1 = src + entry(cs, 1), s2 = src + entry(cs, 2), s3 = src + entry(cs, 3);
    // Steps of k that are neighbours: four of them from four columns are turned over at once.
    while (p < kc) {
      let n = load<i32>(runs + (usize(p) << 2));
      let at = entry(ks, p);
      p += n;
      for (; n >= 4; n -= 4, at += 16, dst += 128) {
        const r0 = v128.load(s0 + at), r1 = v128.load(s1 + at);
        const r2 = v128.load(s2 + at), r3 = v128.load(s3 + at);
        const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5), t1 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
        const t2 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5), t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
        v128.store(dst, v128.shuffle<i64>(t0, t2, 0, 2));
        v128.store(dst, v128.shuffle<i64>(t0, t2, 1, 3), 32);
        v128.store(dst, v128.shuffle<i64>(t1, t3, 0, 2), 64);
        v128.store(dst, v128.shuffle<i64>(t1, t3, 1, 3), 96);
      }
      for (; n > 0; n--, at += 4, dst += 32) {
        store<f32>(dst, load<f32>(s0 + at));
        store<f32>(dst, load<f32>(s1 + at), 4);
        store<f32>(dst, load<f32>(s2 + at), 8);
        store<f32>(dst, load<f32>(s3 + at), 12);
      }
    }
    return;
  }
  for (; p < kc; p++, dst += 32) gather<T>(src + entry(ks, p), cs, dst);
}

/**
 * Packs one panel of 32 bytes of columns, which lie at the entries of `cs`; missing ones repeat others. `runs` tells of `ks` where
 * neighbours follow (`fillRuns`).
 */
export function packWindows<T>(kc: i32, src: usize, ks: usize, runs: usize, cs: usize, dst: usize): void {
  const NR = i32(32 / sizeof<T>());
  if (runLength(cs, 0, NR, i32(sizeof<T>())) == NR) {
    src += entry(cs, 0);
    for (let p = 0; p < kc; p++, dst += 32) {
      const s = src + entry(ks, p);
      v128.store(dst, v128.load(s));
      v128.store(dst, v128.load(s, 16), 16);
    }
    return;
  }
  packHalf<T>(kc, src, ks, runs, cs, dst);
  packHalf<T>(kc, src, ks, runs, cs + 16 / sizeof<T>() * 4, dst + 16);
}

/** Stores or adds a tile's columns to where the entries of `cs` say. */
export function mergeColumns<T>(
  d: usize, dr: usize, mr: i32, nr: i32, c: usize, crs: usize, cs: usize, acc: i32,
): void {
  for (let i = 0; i < mr; i++, d += dr, c += crs) {
    for (let j = 0; j < nr; j++) {
      const t = c + entry(cs, j);
      let x = load<T>(d + usize(j) * sizeof<T>());
      if (acc) x += load<T>(t);
      store<T>(t, x);
    }
  }
}
