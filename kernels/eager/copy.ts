// Copies between strided arrays: transposes, slices, broadcasts, reversals, pieces of a concatenation.
// Strides are in elements and may be 0 or negative; addresses are those of the first element.

/** Rows shorter than this many bytes are copied here, because `memory.copy` is a call out of the module. */
const LONG: i32 = 256;
/** n elements; strides in bytes. */
@inline
function row<T>(n: i32, src: usize, ss: usize, dst: usize, ds: usize): void {
  for (; n >= 4; n -= 4) {
    const x = load<T>(src), y = load<T>(src + ss), z = load<T>(src + 2 * ss), w = load<T>(src + 3 * ss);
    store<T>(dst, x);
    store<T>(dst + ds, y);
    store<T>(dst + 2 * ds, z);
    store<T>(dst + 3 * ds, w);
    src += 4 * ss;
    dst += 4 * ds;
  }
  for (; n > 0; n--) {
    store<T>(dst, load<T>(src));
    src += ss;
    dst += ds;
  }
}

/** Contiguous bytes, fewer than LONG. */
@inline
function copyBytes(bytes: i32, src: usize, dst: usize): void {
  for (; bytes >= 32; bytes -= 32, src += 32, dst += 32) {
    const x = v128.load(src), y = v128.load(src, 16);
    v128.store(dst, x);
    v128.store(dst, y, 16);
  }
  if (bytes & 16) {
    v128.store(dst, v128.load(src));
    src += 16;
    dst += 16;
  }
  if (bytes & 8) {
    store<u64>(dst, load<u64>(src));
    src += 8;
    dst += 8;
  }
  if (bytes & 4) {
    store<u32>(dst, load<u32>(src));
    src += 4;
    dst += 4;
  }
  for (bytes &= 3; bytes > 0; bytes--, src++, dst++) store<u8>(dst, load<u8>(src));
}

/** One row, by the best means for its strides in bytes. */
function copyRow<T>(n: i32, src: usize, ss: usize, dst: usize, ds: usize): void {
  const S = sizeof<T>();
  if (ds == S) {
    if (ss == S) {
      if (n * i32(S) >= LONG) memory.copy(dst, src, usize(n) * S);
      else copyBytes(n * i32(S), src, dst);
      return;
    } else if (ss == 0) {
      const V = i32(16 / S);
      const x = v128.splat<T>(load<T>(src));
      for (; n >= V; n -= V, dst += 16) v128.store(dst, x);
    } else if (ss == 0 - S && S == 4) {
      for (; n >= 4; n -= 4, src -= 16, dst += 16) {
        const x = v128.load(src - 12);
        v128.store(dst, v128.shuffle<i32>(x, x, 3, 2, 1, 0));
      }
    } else if (ss == 0 - S && S == 8) {
      for (; n >= 2; n -= 2, src -= 16, dst += 16) {
        const x = v128.load(src - 8);
        v128.store(dst, v128.shuffle<i64>(x, x, 1, 0));
      }
    }
  }
  row<T>(n, src, ss, dst, ds);
}

/** dst[i · ds + j] = src[i + j · ss] for a small block; strides in bytes. */
function transposeBlock<T>(rows: i32, columns: i32, src: usize, ss: usize, dst: usize, ds: usize): void {
  const S = sizeof<T>();
  let i = 0;
  if (S == 4) {
    for (; i + 4 <= rows; i += 4) {
      let s = src, d = dst;
      let j = 0;
      for (; j + 4 <= columns; j += 4) {
        const s2 = s + 2 * ss, d2 = d + 2 * ds;
        const r0 = v128.load(s), r1 = v128.load(s + ss), r2 = v128.load(s2), r3 = v128.load(s2 + ss);
        const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5), t1 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
        const t2 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5), t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
        v128.store(d, v128.shuffle<i64>(t0, t2, 0, 2));
        v128.store(d + ds, v128.shuffle<i64>(t0, t2, 1, 3));
        v128.store(d2, v128.shuffle<i64>(t1, t3, 0, 2));
        v128.store(d2 + ds, v128.shuffle<i64>(t1, t3, 1, 3));
        s += 4 * ss;
        d += 16;
      }
      for (; j < columns; j++) {
        row<T>(4, s, S, d, ds);
        s += ss;
        d += S;
      }
      src += 4 * S;
      dst += 4 * ds;
    }
  } else if (S == 8) {
    for (; i + 2 <= rows; i += 2) {
      let s = src, d = dst;
      let j = 0;
      for (; j + 2 <= columns; j += 2) {
        const r0 = v128.load(s), r1 = v128.load(s + ss);
        v128.store(d, v128.shuffle<i64>(r0, r1, 0, 2));
        v128.store(d + ds, v128.shuffle<i64>(r0, r1, 1, 3));
        s += 2 * ss;
        d += 16;
      }
      if (j < columns) {
        store<T>(d, load<T>(s));
        store<T>(d + ds, load<T>(s, S));
      }
      src += 2 * S;
      dst += 2 * ds;
    }
  }
  for (; i < rows; i++) {
    row<T>(columns, src, ss, dst, S);
    src += S;
    dst += ds;
  }
}

/** Two axes; strides in bytes. */
function copy2<T>(
  n0: i32, n1: i32, src: usize, s0: usize, s1: usize, dst: usize, d0: usize, d1: usize,
): void {
  const S = sizeof<T>();
  if (s0 == S && d1 == S && s1 != S && n0 > 1) {
    // A block's lines, of source and target, stay in the first cache; with strides of many times 2 KiB few do.
    const side = ((s1 | d0) & 2047) == 0 ? 8 : 32;
    for (let i = 0; i < n0; i += side) {
      for (let j = 0; j < n1; j += side) {
        transposeBlock<T>(
          min(side, n0 - i), min(side, n1 - j),
          src + usize(i) * S + usize(j) * s1, s1, dst + usize(i) * d0 + usize(j) * S, d0,
        );
      }
    }
    return;
  }
  if (s1 == S && d1 == S && n1 * i32(S) < LONG) {
    for (; n0 > 0; n0--) {
      copyBytes(n1 * i32(S), src, dst);
      src += s0;
      dst += d0;
    }
    return;
  }
  if (n1 < 8 && s1 != 0) {
    // Short rows: the call of copyRow would cost more than the row.
    for (; n0 > 0; n0--) {
      row<T>(n1, src, s1, dst, d1);
      src += s0;
      dst += d0;
    }
    return;
  }
  for (; n0 > 0; n0--) {
    copyRow<T>(n1, src, s1, dst, d1);
    src += s0;
    dst += d0;
  }
}

@inline
function item(list: usize, i: i32): i32 {
  return load<i32>(list + 4 * usize(i));
}

/** All axes from `axis` on but the last and `other`, which copy2 takes together. */
function copyAxes<T>(
  axis: i32, last: i32, other: i32, shape: usize, ss: usize, ds: usize, src: usize, dst: usize,
): void {
  const S = i32(sizeof<T>());
  if (axis == other) axis++;
  if (axis >= last) {
    const n0 = other < 0 ? 1 : item(shape, other);
    const s0 = other < 0 ? 0 : item(ss, other) * S, d0 = other < 0 ? 0 : item(ds, other) * S;
    copy2<T>(n0, item(shape, last), src, s0, item(ss, last) * S, dst, d0, item(ds, last) * S);
    return;
  }
  const s = item(ss, axis) * S, d = item(ds, axis) * S;
  for (let i = item(shape, axis); i > 0; i--) {
    copyAxes<T>(axis + 1, last, other, shape, ss, ds, src, dst);
    src += s;
    dst += d;
  }
}

@inline
function copy<T>(rank: i32, shape: usize, ss: usize, ds: usize, src: usize, dst: usize): void {
  if (rank == 0) {
    store<T>(dst, load<T>(src));
    return;
  }
  for (let i = 0; i < rank; i++) {
    if (item(shape, i) == 0) return;
  }
  const last = rank - 1;
  // An axis that is contiguous in the source goes with the last one, which usually is in the target.
  let other = rank - 2;
  if (item(ss, last) != 1) {
    for (let i = 0; i < last; i++) {
      if (item(ss, i) == 1 && item(shape, i) > 1) other = i;
    }
  }
  copyAxes<T>(0, last, other, shape, ss, ds, src, dst);
}

/**
 * dst[Σ i·dstStrides] = src[Σ i·srcStrides] over the box `shape`, for elements of 1 byte. `shape` and the strides are the
 * addresses of `rank` i32 each; strides count elements. Source and target must not overlap.
 */
export function copy_strided_1(
  rank: i32, shape: usize, srcStrides: usize, dstStrides: usize, src: usize, dst: usize,
): void {
  copy<u8>(rank, shape, srcStrides, dstStrides, src, dst);
}

/** As copy_strided_1, for elements of 2 bytes. */
export function copy_strided_2(
  rank: i32, shape: usize, srcStrides: usize, dstStrides: usize, src: usize, dst: usize,
): void {
  copy<u16>(rank, shape, srcStrides, dstStrides, src, dst);
}

/** As copy_strided_1, for elements of 4 bytes. */
export function copy_strided_4(
  rank: i32, shape: usize, srcStrides: usize, dstStrides: usize, src: usize, dst: usize,
): void {
  copy<u32>(rank, shape, srcStrides, dstStrides, src, dst);
}

/** As copy_strided_1, for elements of 8 bytes. */
export function copy_strided_8(
  rank: i32, shape: usize, srcStrides: usize, dstStrides: usize, src: usize, dst: usize,
): void {
  copy<u64>(rank, shape, srcStrides, dstStrides, src, dst);
}
