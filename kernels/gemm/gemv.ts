// Matrix times vector, where every element of the matrix is read once: bound by memory, so that nothing is
// packed but the vector.
import { madd } from "../math/madd";

/** The sum of the lanes. */
@inline
function lanes<T>(x: v128): T {
  if (sizeof<T>() == 4) {
    const y = f32x4.add(x, v128.shuffle<i32>(x, x, 2, 3, 0, 1));
    return <T> (f32x4.extract_lane(y, 0) + f32x4.extract_lane(y, 1));
  }
  return <T> (f64x2.extract_lane(x, 0) + f64x2.extract_lane(x, 1));
}

/** y[0..4) (+)= four contiguous rows · x. */
function rows4<T>(
  k: i32, a: usize, rs: usize, x: usize, y: usize, ys: usize, acc: i32,
): void {
  const a1 = a + rs, a2 = a1 + rs, a3 = a2 + rs;
  let s0 = i32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
  let p: usize = 0;
  const bytes = usize(k) * sizeof<T>();
  for (const end = bytes & ~31; p < end; p += 32) {
    const u = x + p, v = a + p, v1 = a1 + p, v2 = a2 + p, v3 = a3 + p;
    const x0 = v128.load(u), x1 = v128.load(u, 16);
    s0 = madd<T>(v128.load(v), x0, s0);
    t0 = madd<T>(v128.load(v, 16), x1, t0);
    s1 = madd<T>(v128.load(v1), x0, s1);
    t1 = madd<T>(v128.load(v1, 16), x1, t1);
    s2 = madd<T>(v128.load(v2), x0, s2);
    t2 = madd<T>(v128.load(v2, 16), x1, t2);
    s3 = madd<T>(v128.load(v3), x0, s3);
    t3 = madd<T>(v128.load(v3, 16), x1, t3);
  }
  let r0 = lanes<T>(v128.add<T>(s0, t0)), r1 = lanes<T>(v128.add<T>(s1, t1));
  let r2 = lanes<T>(v128.add<T>(s2, t2)), r3 = lanes<T>(v128.add<T>(s3, t3));
  for (; p < bytes; p += sizeof<T>()) {
    const z = load<T>(x + p);
    r0 += load<T>(a + p) * z;
    r1 += load<T>(a1 + p) * z;
    r2 += load<T>(a2 + p) * z;
    r3 += load<T>(a3 + p) * z;
  }
  if (acc) {
    r0 += load<T>(y);
    r1 += load<T>(y + ys);
    r2 += load<T>(y + 2 * ys);
    r3 += load<T>(y + 3 * ys);
  }
  store<T>(y, r0);
  store<T>(y + ys, r1);
  store<T>(y + 2 * ys, r2);
  store<T>(y + 3 * ys, r3);
}

/** One row of any stride. */
function row1<T>(k: i32, a: usize, cs: usize, x: usize, y: usize, acc: i32): void {
  let r: T = 0, q: T = 0;
  let p = 0;
  for (; p + 2 <= k; p += 2) {
    r += load<T>(a) * load<T>(x);
    q += load<T>(a + cs) * load<T>(x, sizeof<T>());
    a += 2 * cs;
    x += 2 * sizeof<T>();
  }
  if (p < k) r += load<T>(a) * load<T>(x);
  r += q;
  if (acc) r += load<T>(y);
  store<T>(y, r);
}

/** y[0..m) (+)= six contiguous columns, `cs` bytes apart, times six elements of x; y contiguous. */
function columns6<T>(m: i32, a: usize, cs: usize, x: usize, y: usize, acc: i32): void {
  const x0 = v128.splat<T>(load<T>(x)), x1 = v128.splat<T>(load<T>(x, sizeof<T>()));
  const x2 = v128.splat<T>(load<T>(x, 2 * sizeof<T>())), x3 = v128.splat<T>(load<T>(x, 3 * sizeof<T>()));
  const x4 = v128.splat<T>(load<T>(x, 4 * sizeof<T>())), x5 = v128.splat<T>(load<T>(x, 5 * sizeof<T>()));
  const a1 = a + cs, a2 = a1 + cs, a3 = a2 + cs, a4 = a3 + cs, a5 = a4 + cs;
  let p: usize = 0;
  const bytes = usize(m) * sizeof<T>();
  if (acc) {
    for (const end = bytes & ~15; p < end; p += 16) {
      const t = y + p;
      let s = madd<T>(v128.load(a + p), x0, v128.load(t));
      let r = v128.mul<T>(v128.load(a1 + p), x1);
      s = madd<T>(v128.load(a2 + p), x2, s);
      r = madd<T>(v128.load(a3 + p), x3, r);
      s = madd<T>(v128.load(a4 + p), x4, s);
      r = madd<T>(v128.load(a5 + p), x5, r);
      v128.store(t, v128.add<T>(s, r));
    }
  } else {
    for (const end = bytes & ~15; p < end; p += 16) {
      let s = v128.mul<T>(v128.load(a + p), x0);
      let r = v128.mul<T>(v128.load(a1 + p), x1);
      s = madd<T>(v128.load(a2 + p), x2, s);
      r = madd<T>(v128.load(a3 + p), x3, r);
      s = madd<T>(v128.load(a4 + p), x4, s);
      r = madd<T>(v128.load(a5 + p), x5, r);
      v128.store(y + p, v128.add<T>(s, r));
    }
  }
  for (; p < bytes; p += sizeof<T>()) {
    let s = acc ? load<T>(y + p) : <T> 0;
    s += load<T>(a + p) * load<T>(x);
    s += load<T>(a1 + p) * load<T>(x, sizeof<T>());
    s += load<T>(a2 + p) * load<T>(x, 2 * sizeof<T>());
    s += load<T>(a3 + p) * load<T>(x, 3 * sizeof<T>());
    s += load<T>(a4 + p) * load<T>(x, 4 * sizeof<T>());
    s += load<T>(a5 + p) * load<T>(x, 5 * sizeof<T>());
    store<T>(y + p, s);
  }
}

/** y[0..m) (+)= one contiguous column times one number; y contiguous. */
export function column1<T>(m: i32, a: usize, x: T, y: usize, acc: i32): void {
  const xx = v128.splat<T>(x);
  let p: usize = 0;
  const bytes = usize(m) * sizeof<T>();
  for (const end = bytes & ~15; p < end; p += 16) {
    const s = v128.mul<T>(v128.load(a + p), xx);
    v128.store(y + p, acc ? v128.add<T>(s, v128.load(y + p)) : s);
  }
  for (; p < bytes; p += sizeof<T>()) {
    const s = load<T>(a + p) * x;
    store<T>(y + p, acc ? s + load<T>(y + p) : s);
  }
}

/** Columns are added in blocks of this many bytes of y, so that it stays in the first cache. */
const Y_BYTES: i32 = 8192;

/**
 * y[m] (+)= A[m, k] · x[k]; strides in bytes. `scratch` holds a copy of x where x is not contiguous, and of y
 * where it must be and is not: (k + m) elements.
 */
export function gemv<T>(
  m: i32, k: i32, a: usize, rs: usize, cs: usize, x: usize, xs: usize, y: usize, ys: usize,
  scratch: usize, acc: i32,
): void {
  const S = sizeof<T>();
  if (xs != S) {
    for (let p = 0; p < k; p++) store<T>(scratch + usize(p) * S, load<T>(x + usize(p) * xs));
    x = scratch;
  }
  if (rs == S && cs != S) {
    const to = ys == S ? y : scratch + usize(k) * S;
    const onto = ys == S ? acc : 0;
    const step = Y_BYTES / i32(S);
    for (let i = 0; i < m; i += step) {
      const mc = min(step, m - i);
      const at = usize(i) * S;
      let p = 0;
      for (; p + 6 <= k; p += 6) {
        columns6<T>(mc, a + at + usize(p) * cs, cs, x + usize(p) * S, to + at, onto | i32(p > 0));
      }
      for (; p < k; p++) {
        column1<T>(mc, a + at + usize(p) * cs, load<T>(x + usize(p) * S), to + at, onto | i32(p > 0));
      }
    }
    if (ys != S) {
      for (let i = 0; i < m; i++) {
        let z = load<T>(to + usize(i) * S);
        if (acc) z += load<T>(y);
        store<T>(y, z);
        y += ys;
      }
    }
    return;
  }
  let i = 0;
  if (cs == S) {
    // Four places of A, each of which goes on where it was, are what prefetchers expect: 3 times as fast from memory.
    const quarter = m >> 2;
    for (; i < quarter; i++) {
      rows4<T>(k, a, usize(quarter) * rs, x, y, usize(quarter) * ys, acc);
      a += rs;
      y += ys;
    }
    a += 3 * usize(quarter) * rs;
    y += 3 * usize(quarter) * ys;
    i *= 4;
  }
  for (; i < m; i++) {
    row1<T>(k, a, cs, x, y, acc);
    a += rs;
    y += ys;
  }
}
