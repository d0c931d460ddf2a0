// Packing: copies a block of A or B into panels that the tiles read in order. Any strides (in bytes),
// so transposed operands cost nothing more; the two common layouts have vector paths. What a panel has
// beyond the matrix is zero; the tiles' results there are never stored, so that 0 * Inf does no harm.
import { touch } from "./touch";

/** Copies 4 rows x kc (rows `rs` apart, elements contiguous) into steps of `ds` bytes, k after k. */
@inline
export function transpose4<T>(kc: i32, src: usize, rs: usize, dst: usize, ds: usize): void {
  const s1 = src + rs, s2 = s1 + rs, s3 = s2 + rs;
  let p: usize = 0;
  if (sizeof<T>() == 4) {
    for (const end = usize(kc & ~3) << 2; p < end; p += 16) {
      const r0 = v128.load(src + p), r1 = v128.load(s1 + p);
      const r2 = v128.load(s2 + p), r3 = v128.load(s3 + p);
      const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5), t1 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
      const t2 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5), t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
      v128.store(dst, v128.shuffle<i64>(t0, t2, 0, 2));
      dst += ds;
      v128.store(dst, v128.shuffle<i64>(t0, t2, 1, 3));
      dst += ds;
      v128.store(dst, v128.shuffle<i64>(t1, t3, 0, 2));
      dst += ds;
      v128.store(dst, v128.shuffle<i64>(t1, t3, 1, 3));
      dst += ds;
    }
  } else {
    for (const end = usize(kc & ~1) << 3; p < end; p += 16) {
      const r0 = v128.load(src + p), r1 = v128.load(s1 + p);
      const r2 = v128.load(s2 + p), r3 = v128.load(s3 + p);
      v128.store(dst, v128.shuffle<i64>(r0, r1, 0, 2));
      v128.store(dst, v128.shuffle<i64>(r2, r3, 0, 2), 16);
      dst += ds;
      v128.store(dst, v128.shuffle<i64>(r0, r1, 1, 3));
      v128.store(dst, v128.shuffle<i64>(r2, r3, 1, 3), 16);
      dst += ds;
    }
  }
  for (const end = usize(kc) * sizeof<T>(); p < end; p += sizeof<T>()) {
    store<T>(dst, load<T>(src + p));
    store<T>(dst, load<T>(s1 + p), sizeof<T>());
    store<T>(dst, load<T>(s2 + p), 2 * sizeof<T>());
    store<T>(dst, load<T>(s3 + p), 3 * sizeof<T>());
    dst += ds;
  }
}

/** Copies 6 rows x kc (rows `rs` apart, elements contiguous), k after k. */
@inline
function transpose6<T>(kc: i32, src: usize, rs: usize, dst: usize): void {
  const s1 = src + rs, s2 = s1 + rs, s3 = s2 + rs, s4 = s3 + rs, s5 = s4 + rs;
  let p: usize = 0;
  if (sizeof<T>() == 4) {
    for (const end = usize(kc & ~3) << 2; p < end; p += 16) {
      const r0 = v128.load(src + p), r1 = v128.load(s1 + p);
      const r2 = v128.load(s2 + p), r3 = v128.load(s3 + p);
      const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5), t1 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
      const t2 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5), t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
      const r4 = v128.load(s4 + p), r5 = v128.load(s5 + p);
      const q0 = v128.shuffle<i32>(r4, r5, 0, 4, 1, 5), q1 = v128.shuffle<i32>(r4, r5, 2, 6, 3, 7);
      const k1 = v128.shuffle<i64>(t0, t2, 1, 3), k3 = v128.shuffle<i64>(t1, t3, 1, 3);
      v128.store(dst, v128.shuffle<i64>(t0, t2, 0, 2));
      v128.store(dst, v128.shuffle<i64>(q0, k1, 0, 2), 16);
      v128.store(dst, v128.shuffle<i64>(k1, q0, 1, 3), 32);
      v128.store(dst, v128.shuffle<i64>(t1, t3, 0, 2), 48);
      v128.store(dst, v128.shuffle<i64>(q1, k3, 0, 2), 64);
      v128.store(dst, v128.shuffle<i64>(k3, q1, 1, 3), 80);
      dst += 96;
    }
  } else {
    for (const end = usize(kc & ~1) << 3; p < end; p += 16) {
      const r0 = v128.load(src + p), r1 = v128.load(s1 + p);
      const r2 = v128.load(s2 + p), r3 = v128.load(s3 + p);
      const r4 = v128.load(s4 + p), r5 = v128.load(s5 + p);
      v128.store(dst, v128.shuffle<i64>(r0, r1, 0, 2));
      v128.store(dst, v128.shuffle<i64>(r2, r3, 0, 2), 16);
      v128.store(dst, v128.shuffle<i64>(r4, r5, 0, 2), 32);
      v128.store(dst, v128.shuffle<i64>(r0, r1, 1, 3), 48);
      v128.store(dst, v128.shuffle<i64>(r2, r3, 1, 3), 64);
      v128.store(dst, v128.shuffle<i64>(r4, r5, 1, 3), 80);
      dst += 96;
    }
  }
  for (const end = usize(kc) * sizeof<T>(); p < end; p += sizeof<T>()) {
    store<T>(dst, load<T>(src + p));
    store<T>(dst, load<T>(s1 + p), sizeof<T>());
    store<T>(dst, load<T>(s2 + p), 2 * sizeof<T>());
    store<T>(dst, load<T>(s3 + p), 3 * sizeof<T>());
    store<T>(dst, load<T>(s4 + p), 4 * sizeof<T>());
    store<T>(dst, load<T>(s5 + p), 5 * sizeof<T>());
    dst += 6 * sizeof<T>();
  }
}

/** Any strides, `count` of `width` lanes present, the rest zero. */
function packAny<T>(
  kc: i32, src: usize, lane: usize, step: usize, count: i32, width: i32, dst: usize,
): void {
  for (let p = 0; p < kc; p++) {
    let s = src;
    let i = 0;
    for (; i < count; i++) {
      store<T>(dst, load<T>(s));
      s += lane;
      dst += sizeof<T>();
    }
    for (; i < width; i++) {
      store<T>(dst, 0);
      dst += sizeof<T>();
    }
    src += step;
  }
}

/** One panel of 6 rows. */
export function packRows6<T>(kc: i32, src: usize, rs: usize, ks: usize, dst: usize): void {
  if (ks == sizeof<T>()) {
    transpose6<T>(kc, src, rs, dst);
  } else if (rs == sizeof<T>()) {
    for (let p = 0; p < kc; p++) {
      v128.store(dst, v128.load(src));
      if (sizeof<T>() == 4) {
        store<i64>(dst, load<i64>(src, 16), 16);
      } else {
        v128.store(dst, v128.load(src, 16), 16);
        v128.store(dst, v128.load(src, 32), 32);
      }
      src += ks;
      dst += 6 * sizeof<T>();
    }
  } else {
    packAny<T>(kc, src, rs, ks, 6, 6, dst);
  }
}

/** Two panels of 6 rows of f32, rows contiguous: each cache line serves both. */
function packRows12(kc: i32, src: usize, ks: usize, dst: usize): void {
  let e = dst + 24 * usize(kc);
  for (let p = 0; p < kc; p++) {
    const x = v128.load(src), y = v128.load(src, 16), z = v128.load(src, 32);
    v128.store(dst, x);
    v128.store64_lane(dst, y, 0, 16);
    v128.store(e, v128.shuffle<i64>(y, z, 1, 2));
    v128.store64_lane(e, z, 1, 16);
    src += ks;
    dst += 24;
    e += 24;
  }
}

/** One panel of 4 rows. */
export function packRows4<T>(kc: i32, src: usize, rs: usize, ks: usize, dst: usize): void {
  if (ks == sizeof<T>()) {
    transpose4<T>(kc, src, rs, dst, 4 * sizeof<T>());
  } else if (rs == sizeof<T>()) {
    for (let p = 0; p < kc; p++) {
      v128.store(dst, v128.load(src));
      if (sizeof<T>() == 8) v128.store(dst, v128.load(src, 16), 16);
      src += ks;
      dst += 4 * sizeof<T>();
    }
  } else {
    packAny<T>(kc, src, rs, ks, 4, 4, dst);
  }
}

/** One panel of 4 rows, `count` of them present. */
export function packQuad<T>(kc: i32, src: usize, rs: usize, ks: usize, count: i32, dst: usize): void {
  if (count >= 4) packRows4<T>(kc, src, rs, ks, dst);
  else packAny<T>(kc, src, rs, ks, count, 4, dst);
}

/** How many panels of 6 rows cover `m` rows best; the rest is covered by panels of 4. */
@inline
export function sixes(m: i32): i32 {
  const q = m / 6, r = m - 6 * q;
  // 7 = 4 + 3 and 8 = 4 + 4 waste less than 6 + 1 and 6 + 2.
  return r == 5 ? q + 1 : (r == 1 || r == 2) && q > 0 ? q - 1 : q;
}

/** Packs `mc` rows of A in panels of 6, then of 4. */
export function packA<T>(mc: i32, kc: i32, src: usize, rs: usize, ks: usize, dst: usize): void {
  const n6 = sixes(mc);
  let i = 0, q = 0;
  if (sizeof<T>() == 4 && rs == 4 && ks != 4) {
    for (; q + 2 <= n6 && i + 12 <= mc; q += 2, i += 12) {
      packRows12(kc, src, ks, dst);
      src += 48;
      dst += 48 * usize(kc);
    }
  }
  for (; q < n6; q++, i += 6) {
    if (mc - i >= 6) packRows6<T>(kc, src, rs, ks, dst);
    else packAny<T>(kc, src, rs, ks, mc - i, 6, dst);
    src += 6 * rs;
    dst += 6 * sizeof<T>() * usize(kc);
  }
  for (; i < mc; i += 4) {
    packQuad<T>(kc, src, rs, ks, mc - i, dst);
    src += 4 * rs;
    dst += 4 * sizeof<T>() * usize(kc);
  }
}

/** One panel of 32 bytes of columns, `nr` of them present. */
export function packColumns<T>(kc: i32, src: usize, ks: usize, cs: usize, nr: i32, dst: usize): void {
  const full = nr == i32(32 / sizeof<T>());
  if (full && cs == sizeof<T>()) {
    for (let p = 0; p < kc; p++) {
      v128.store(dst, v128.load(src));
      v128.store(dst, v128.load(src, 16), 16);
      src += ks;
      dst += 32;
    }
  } else if (full && ks == sizeof<T>()) {
    transpose4<T>(kc, src, cs, dst, 32);
    if (sizeof<T>() == 4) transpose4<T>(kc, src + 4 * cs, cs, dst + 16, 32);
  } else {
    packAny<T>(kc, src, cs, ks, nr, 32 / sizeof<T>(), dst);
  }
}

/** Bytes from one column of B to the next up to which all are fetched before they are packed. */
const NEAR: usize = 2048;

/** Packs `nc` columns of B in panels of 32 bytes. */
export function packB<T>(kc: i32, nc: i32, src: usize, ks: usize, cs: usize, dst: usize): void {
  const NR = i32(32 / sizeof<T>());
  let j = 0;
  // Long rows are fetched well enough as they are. The sum is written where the panels begin, and so overwritten.
  if (ks == sizeof<T>() && cs <= NEAR) store<i32>(dst, touch(nc, usize(kc) * sizeof<T>(), src, cs));
  if (cs == sizeof<T>()) {
    // Four panels at once take pairs of cache lines, which the processor fetches together.
    for (; j + 4 * NR <= nc; j += 4 * NR) {
      const panel = 32 * usize(kc);
      let s = src, d = dst, e = d + panel, f = e + panel, g = f + panel;
      for (let p = 0; p < kc; p++) {
        v128.store(d, v128.load(s));
        v128.store(d, v128.load(s, 16), 16);
        v128.store(e, v128.load(s, 32));
        v128.store(e, v128.load(s, 48), 16);
        v128.store(f, v128.load(s, 64));
        v128.store(f, v128.load(s, 80), 16);
        v128.store(g, v128.load(s, 96));
        v128.store(g, v128.load(s, 112), 16);
        s += ks;
        d += 32;
        e += 32;
        f += 32;
        g += 32;
      }
      src += 128;
      dst += 128 * usize(kc);
    }
    // Two use the whole of each cache line.
    for (; j + 2 * NR <= nc; j += 2 * NR) {
      let s = src, d = dst, e = dst + 32 * usize(kc);
      for (let p = 0; p < kc; p++) {
        v128.store(d, v128.load(s));
        v128.store(d, v128.load(s, 16), 16);
        v128.store(e, v128.load(s, 32));
        v128.store(e, v128.load(s, 48), 16);
        s += ks;
        d += 32;
        e += 32;
      }
      src += 64;
      dst += 64 * usize(kc);
    }
  }
  for (; j < nc; j += NR) {
    packColumns<T>(kc, src, ks, cs, min(NR, nc - j), dst);
    src += usize(NR) * cs;
    dst += 32 * usize(kc);
  }
}
