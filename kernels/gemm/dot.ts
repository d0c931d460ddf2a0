// Thin products by dot products along a contiguous k axis: 6 rows of the wide operand against 2 columns
// of the thin one. The wide operand is read where it lies, because a thin product reads each element so few
// times that packing it would cost as much as the arithmetic.
import { madd } from "../math/madd";
import { merge, mergeTen } from "./merge";
import { gemm_thin4_f32, packTen } from "./thin_f32";

/** Bytes of a row per k block: 6 rows and all packed pairs of columns stay in the first cache. */
const K_BYTES: i32 = 2048;
/** Bytes of an operand beyond which it is not in the second cache. */
const FAR: i64 = 524288;
/** Bytes for the sums of a tile. */
const SUMS: usize = 192;

/** The sums of the lanes of four vectors. */
@inline
function sums4(a: v128, b: v128, c: v128, d: v128): v128 {
  const p = f32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const q = f32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<i64>(p, q, 0, 2), v128.shuffle<i64>(p, q, 1, 3));
}

@inline
function sums2(a: v128, b: v128): v128 {
  return f64x2.add(v128.shuffle<i64>(a, b, 0, 2), v128.shuffle<i64>(a, b, 1, 3));
}

/** Twelve dot products over `steps` vectors: d[2 r + j] = row r · column j of the packed pair at b. */
function dotTile<T>(
  steps: i32, a0: usize, a1: usize, a2: usize, a3: usize, a4: usize, a5: usize, b: usize, d: usize,
): void {
  let c00 = i32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00;
  let c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00;
  for (let p = 0; p < steps; p++) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let x = v128.load(a0);
    c00 = madd<T>(x, b0, c00);
    c01 = madd<T>(x, b1, c01);
    x = v128.load(a1);
    c10 = madd<T>(x, b0, c10);
    c11 = madd<T>(x, b1, c11);
    x = v128.load(a2);
    c20 = madd<T>(x, b0, c20);
    c21 = madd<T>(x, b1, c21);
    x = v128.load(a3);
    c30 = madd<T>(x, b0, c30);
    c31 = madd<T>(x, b1, c31);
    x = v128.load(a4);
    c40 = madd<T>(x, b0, c40);
    c41 = madd<T>(x, b1, c41);
    x = v128.load(a5);
    c50 = madd<T>(x, b0, c50);
    c51 = madd<T>(x, b1, c51);
    a0 += 16;
    a1 += 16;
    a2 += 16;
    a3 += 16;
    a4 += 16;
    a5 += 16;
    b += 32;
  }
  if (sizeof<T>() == 4) {
    v128.store(d, sums4(c00, c01, c10, c11));
    v128.store(d, sums4(c20, c21, c30, c31), 16);
    v128.store(d, sums4(c40, c41, c50, c51), 32);
  } else {
    v128.store(d, sums2(c00, c01));
    v128.store(d, sums2(c10, c11), 16);
    v128.store(d, sums2(c20, c21), 32);
    v128.store(d, sums2(c30, c31), 48);
    v128.store(d, sums2(c40, c41), 64);
    v128.store(d, sums2(c50, c51), 80);
  }
}

/** Packs two columns of kc elements, vector by vector in turn; what is missing is zero. */
function packPair<T>(kc: i32, src: usize, ks: usize, cs: usize, two: bool, dst: usize): void {
  const V = i32(16 / sizeof<T>());
  const whole = kc & ~(V - 1);
  const s1 = src + cs;
  let p = 0;
  if (two && ks == sizeof<T>()) {
    for (; p < whole; p += V) {
      const at = usize(p) * sizeof<T>();
      v128.store(dst, v128.load(src + at));
      v128.store(dst, v128.load(s1 + at), 16);
      dst += 32;
    }
  } else if (two && sizeof<T>() == 4 && cs == 4) {
    for (; p < whole; p += V) {
      const s = src + usize(p) * ks;
      const x = v128.load64_lane(s + ks, v128.load64_zero(s), 1);
      const y = v128.load64_lane(s + 3 * ks, v128.load64_zero(s + 2 * ks), 1);
      v128.store(dst, v128.shuffle<i32>(x, y, 0, 2, 4, 6));
      v128.store(dst, v128.shuffle<i32>(x, y, 1, 3, 5, 7), 16);
      dst += 32;
    }
  }
  for (; p < kc; p += V) {
    for (let t = 0; t < V; t++) {
      const in_ = p + t < kc;
      const at = usize(p + t) * ks;
      store<T>(dst, in_ ? load<T>(src + at) : 0);
      store<T>(dst, in_ && two ? load<T>(s1 + at) : 0, 16);
      dst += sizeof<T>();
    }
    dst += 16;
  }
}

/** Six (or fewer) rows against all packed pairs. */
function dotRows<T>(
  rows: i32, n: i32, kc: i32, a: usize, rs: usize, pairs: usize, c: usize, crs: usize, ccs: usize,
  sums: usize, acc: i32,
): void {
  const V = i32(16 / sizeof<T>());
  const steps = kc / V, padded = (kc + V - 1) / V;
  // Rows that are not there are read as the last one again, and not stored.
  const a1 = rows > 1 ? a + rs : a, a2 = rows > 2 ? a1 + rs : a1, a3 = rows > 3 ? a2 + rs : a2;
  const a4 = rows > 4 ? a3 + rs : a3, a5 = rows > 5 ? a4 + rs : a4;
  for (let j = 0; j < n; j += 2) {
    dotTile<T>(steps, a, a1, a2, a3, a4, a5, pairs, sums);
    const two = j + 1 < n;
    let d = sums, s = a + 16 * usize(steps), t = c;
    for (let i = 0; i < rows; i++) {
      let x = load<T>(d), y = load<T>(d, sizeof<T>());
      let q = pairs + 32 * usize(steps);
      for (let p = steps * V; p < kc; p++) {
        const z = load<T>(s + usize(p - steps * V) * sizeof<T>());
        x += z * load<T>(q);
        y += z * load<T>(q, 16);
        q += sizeof<T>();
      }
      if (acc) x += load<T>(t);
      store<T>(t, x);
      if (two) {
        if (acc) y += load<T>(t + ccs);
        store<T>(t + ccs, y);
      }
      d += 2 * sizeof<T>();
      s += rs;
      t += crs;
    }
    pairs += 32 * usize(padded);
    c += 2 * ccs;
  }
}

/** Ten columns at once, for f32. */
function tenColumns(
  m: i32, count: i32, kc: i32, a: usize, rs: usize, ten: usize, c: usize, crs: usize, ccs: usize,
  sums: usize, acc: i32,
): void {
  const quarter = (m + 3) >> 2;
  // Four places of A, each of which goes on where it was, are what prefetchers expect; of what is in the second cache,
  // neighbours are better, since they do not meet in one set of the first.
  const isFar = i64(m) * i64(rs) > FAR;
  const near = isFar ? 1 : 4, step = isFar ? quarter : 1;
  const next = usize(step) * rs;
  for (let i = 0; i < quarter; i++) {
    const rows = isFar ? (m - i + quarter - 1) / quarter : min(4, m - 4 * i);
    const a1 = rows > 1 ? a + next : a, a2 = rows > 2 ? a1 + next : a1, a3 = rows > 3 ? a2 + next : a2;
    gemm_thin4_f32(kc, a, a1, a2, a3, ten, sums);
    if (count == 10 && ccs == 4) mergeTen(sums, rows, c, usize(step) * crs, acc);
    else merge<f32>(sums, 48, rows, count, c, usize(step) * crs, ccs, acc);
    a += usize(near) * rs;
    c += usize(near) * crs;
  }
}

/** C (+)= A · B where the rows of A are contiguous (`ars` bytes apart) and n is small. */
export function dotProducts<T>(
  m: i32, n: i32, k: i32, a: usize, ars: usize, b: usize, brs: usize, bcs: usize,
  c: usize, crs: usize, ccs: usize, scratch: usize, acc: i32,
): void {
  const V = i32(16 / sizeof<T>());
  // 9 columns fill the tile for 10 well enough, 8 do not.
  const ten = sizeof<T>() == 4 && n >= 9 ? min(10, n) : 0;
  const kMax = (ten ? K_BYTES / 2 : K_BYTES) / i32(sizeof<T>());
  for (let pc = 0; pc < k; pc += kMax) {
    const kc = min(kMax, k - pc);
    const more = acc | i32(pc > 0);
    const bytes = 32 * usize((kc + V - 1) / V);
    const ap = a + usize(pc) * sizeof<T>();
    let bp = b + usize(pc) * brs, cp = c;
    const packed = scratch + SUMS;
    if (sizeof<T>() == 4 && ten) {
      packTen(kc, bp, brs, bcs, ten, packed);
      tenColumns(m, ten, kc, ap, ars, packed, cp, crs, ccs, scratch, more);
      bp += usize(ten) * bcs;
      cp += usize(ten) * ccs;
    }
    const rest = n - ten;
    for (let j = 0; j < rest; j += 2) {
      packPair<T>(kc, bp + usize(j) * bcs, brs, bcs, j + 1 < rest, packed + bytes * usize(j >> 1));
    }
    // Six places of A, each of which goes on where it was, are what prefetchers expect.
    const sixth = (m + 5) / 6;
    for (let i = 0; i < sixth && rest > 0; i++) {
      dotRows<T>(
        (m - i + sixth - 1) / sixth, rest, kc, ap + usize(i) * ars, usize(sixth) * ars, packed,
        cp + usize(i) * crs, usize(sixth) * crs, ccs, scratch, more,
      );
    }
  }
}
