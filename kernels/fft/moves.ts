// Between arrays, where complex numbers lie one by one, and rows of blocks. `flip` exchanges real and imaginary parts, which makes of a transform its
// inverse (but for the scale).
import { BLOCK, firstPairs, imags, lastPairs, put, reals, timesIm, timesRe } from "./blocks";

/** Lanes of a vector. */
@inline
export function lanesOf<T>(): i32 {
  return 16 / <i32> sizeof<T>();
}

/** `n` rows of `count` complex numbers, `apart` bytes apart, as rows of blocks of `row` bytes. Lanes beyond are left. */
export function gatherRows<T>(n: i32, count: i32, x: usize, apart: usize, flip: bool, to: usize, row: usize): void {
  const S = sizeof<T>(), lanes = lanesOf<T>();
  const whole = usize(count / lanes) * BLOCK;
  const re: usize = flip ? 16 : 0, im: usize = 16 - re;
  const rest = count % lanes;
  for (let r = 0; r < n; r++, x += apart, to += row) {
    for (let i: usize = 0; i < whole; i += BLOCK) {
      const a = v128.load(x + i), b = v128.load(x + i, 16);
      v128.store(to + i + re, reals<T>(a, b));
      v128.store(to + i + im, imags<T>(a, b));
    }
    for (let l = 0; l < rest; l++) {
      const from = x + whole + usize(2 * l) * S, at = to + whole + usize(l) * S;
      store<T>(at + re, load<T>(from));
      store<T>(at + im, load<T>(from + S));
    }
  }
}

/** The way back, times `scale`. */
export function scatterRows<T>(
  n: i32, count: i32, x: usize, row: usize, flip: bool, scale: T, to: usize, apart: usize,
): void {
  const S = sizeof<T>(), lanes = lanesOf<T>();
  const whole = usize(count / lanes) * BLOCK;
  const re: usize = flip ? 16 : 0, im: usize = 16 - re;
  const rest = count % lanes;
  const by = v128.splat<T>(scale);
  for (let r = 0; r < n; r++, x += row, to += apart) {
    for (let i: usize = 0; i < whole; i += BLOCK) {
      const a = v128.mul<T>(v128.load(x + i + re), by), b = v128.mul<T>(v128.load(x + i + im), by);
      v128.store(to + i, firstPairs<T>(a, b));
      v128.store(to + i, lastPairs<T>(a, b), 16);
    }
    for (let l = 0; l < rest; l++) {
      const from = x + whole + usize(l) * S, at = to + whole + usize(2 * l) * S;
      store<T>(at, load<T>(from + re) * scale);
      store<T>(at + S, load<T>(from + im) * scale);
    }
  }
}

@inline
function transposed4(a: v128, b: v128, c: v128, d: v128, to: usize, apart: usize): void {
  const p = v128.shuffle<i32>(a, b, 0, 4, 1, 5), q = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const r = v128.shuffle<i32>(a, b, 2, 6, 3, 7), s = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(p, q, 0, 2));
  v128.store(to + apart, v128.shuffle<i64>(p, q, 1, 3));
  v128.store(to + 2 * apart, v128.shuffle<i64>(r, s, 0, 2));
  v128.store(to + 3 * apart, v128.shuffle<i64>(r, s, 1, 3));
}

/** As many rows of an array as a vector has lanes become these, as many elements at a time. Gives how many elements are done. */
@inline
function gatherBlocks<T>(n: i32, x: usize, apart: usize, flip: bool, to: usize, row: usize): i32 {
  const lanes = lanesOf<T>();
  const re: usize = flip ? 16 : 0, im: usize = 16 - re;
  let j = 0;
  for (; j + lanes <= n; j += lanes, x += BLOCK, to += usize(lanes) * row) {
    const x1 = x + apart, a = v128.load(x), b = v128.load(x, 16), c = v128.load(x1), d = v128.load(x1, 16);
    if (sizeof<T>() == 4) {
      const x2 = x1 + apart, x3 = x2 + apart;
      const e = v128.load(x2), f = v128.load(x2, 16), g = v128.load(x3), h = v128.load(x3, 16);
      transposed4(reals<T>(a, b), reals<T>(c, d), reals<T>(e, f), reals<T>(g, h), to + re, row);
      transposed4(imags<T>(a, b), imags<T>(c, d), imags<T>(e, f), imags<T>(g, h), to + im, row);
    } else {
      v128.store(to + re, v128.shuffle<i64>(a, c, 0, 2));
      v128.store(to + im, v128.shuffle<i64>(a, c, 1, 3));
      v128.store(to + row + re, v128.shuffle<i64>(b, d, 0, 2));
      v128.store(to + row + im, v128.shuffle<i64>(b, d, 1, 3));
    }
  }
  return j;
}

/** The way back, times `by`. */
@inline
function scatterBlocks<T>(n: i32, x: usize, row: usize, flip: bool, by: v128, to: usize, apart: usize): i32 {
  const lanes = lanesOf<T>();
  const re: usize = flip ? 16 : 0, im: usize = 16 - re;
  let j = 0;
  for (; j + lanes <= n; j += lanes, x += usize(lanes) * row, to += BLOCK) {
    const x1 = x + row;
    const ar = v128.mul<T>(v128.load(x + re), by), ai = v128.mul<T>(v128.load(x + im), by);
    const br = v128.mul<T>(v128.load(x1 + re), by), bi = v128.mul<T>(v128.load(x1 + im), by);
    if (sizeof<T>() == 4) {
      const x2 = x1 + row, x3 = x2 + row;
      const cr = v128.mul<T>(v128.load(x2 + re), by), ci = v128.mul<T>(v128.load(x2 + im), by);
      const dr = v128.mul<T>(v128.load(x3 + re), by), di = v128.mul<T>(v128.load(x3 + im), by);
      // Pairs of neighbours j, of one lane each.
      const p = v128.shuffle<i32>(ar, ai, 0, 4, 1, 5), q = v128.shuffle<i32>(br, bi, 0, 4, 1, 5);
      const r = v128.shuffle<i32>(cr, ci, 0, 4, 1, 5), s = v128.shuffle<i32>(dr, di, 0, 4, 1, 5);
      v128.store(to, v128.shuffle<i64>(p, q, 0, 2));
      v128.store(to, v128.shuffle<i64>(r, s, 0, 2), 16);
      v128.store(to + apart, v128.shuffle<i64>(p, q, 1, 3));
      v128.store(to + apart, v128.shuffle<i64>(r, s, 1, 3), 16);
      const t = v128.shuffle<i32>(ar, ai, 2, 6, 3, 7), u = v128.shuffle<i32>(br, bi, 2, 6, 3, 7);
      const v = v128.shuffle<i32>(cr, ci, 2, 6, 3, 7), w = v128.shuffle<i32>(dr, di, 2, 6, 3, 7);
      const far = to + 2 * apart;
      v128.store(far, v128.shuffle<i64>(t, u, 0, 2));
      v128.store(far, v128.shuffle<i64>(v, w, 0, 2), 16);
      v128.store(far + apart, v128.shuffle<i64>(t, u, 1, 3));
      v128.store(far + apart, v128.shuffle<i64>(v, w, 1, 3), 16);
    } else {
      v128.store(to, v128.shuffle<i64>(ar, ai, 0, 2));
      v128.store(to, v128.shuffle<i64>(br, bi, 0, 2), 16);
      v128.store(to + apart, v128.shuffle<i64>(ar, ai, 1, 3));
      v128.store(to + apart, v128.shuffle<i64>(br, bi, 1, 3), 16);
    }
  }
  return j;
}

/** `count` rows of an array become the lanes of `n` rows of blocks of `row` bytes. */
export function gatherLanes<T>(n: i32, count: i32, x: usize, apart: usize, flip: bool, to: usize, row: usize): void {
  const S = sizeof<T>(), lanes = lanesOf<T>();
  const re: usize = flip ? 16 : 0, im: usize = 16 - re;
  for (; count > 0; count -= lanes, x += usize(lanes) * apart, to += BLOCK) {
    const done = count >= lanes ? gatherBlocks<T>(n, x, apart, flip, to, row) : 0;
    for (let l = 0; l < min(lanes, count); l++) {
      let at = to + usize(done) * row + usize(l) * S, from = x + usize(l) * apart + usize(2 * done) * S;
      for (let j = done; j < n; j++, at += row, from += 2 * S) {
        store<T>(at + re, load<T>(from));
        store<T>(at + im, load<T>(from + S));
      }
    }
  }
}

/** The way back, times `scale`. */
export function scatterLanes<T>(
  n: i32, count: i32, x: usize, row: usize, flip: bool, scale: T, to: usize, apart: usize,
): void {
  const S = sizeof<T>(), lanes = lanesOf<T>();
  const re: usize = flip ? 16 : 0, im: usize = 16 - re;
  const by = v128.splat<T>(scale);
  for (; count > 0; count -= lanes, x += BLOCK, to += usize(lanes) * apart) {
    const done = count >= lanes ? scatterBlocks<T>(n, x, row, flip, by, to, apart) : 0;
    for (let l = 0; l < min(lanes, count); l++) {
      let from = x + usize(done) * row + usize(l) * S, at = to + usize(l) * apart + usize(2 * done) * S;
      for (let j = done; j < n; j++, from += row, at += 2 * S) {
        store<T>(at, load<T>(from + re) * scale);
        store<T>(at + S, load<T>(from + im) * scale);
      }
    }
  }
}

/**
 * Rows of blocks, each times its block of a table that is as they are, with rows and lanes exchanged: `n` rows, a multiple of the lanes, of `row`
 * bytes become parts of rows that are `apart` bytes apart, one for each lane.
 */
export function turnOver<T>(n: i32, x: usize, row: usize, table: usize, to: usize, apart: usize): void {
  for (let r = 0; r < n; r += lanesOf<T>(), x += usize(lanesOf<T>()) * row, table += usize(lanesOf<T>()) * row, to += BLOCK) {
    let o = to;
    for (let i: usize = 0; i < row; i += BLOCK, o += usize(lanesOf<T>()) * apart) {
      const x0 = x + i, x1 = x0 + row, w0 = table + i, w1 = w0 + row;
      const ar = v128.load(x0), ai = v128.load(x0, 16), br = v128.load(x1), bi = v128.load(x1, 16);
      const ur = v128.load(w0), ui = v128.load(w0, 16), vr = v128.load(w1), vi = v128.load(w1, 16);
      const a = timesRe<T>(ar, ai, ur, ui), b = timesRe<T>(br, bi, vr, vi);
      const e = timesIm<T>(ar, ai, ur, ui), f = timesIm<T>(br, bi, vr, vi);
      if (sizeof<T>() == 4) {
        const x2 = x1 + row, x3 = x2 + row, w2 = w1 + row, w3 = w2 + row;
        const cr = v128.load(x2), ci = v128.load(x2, 16), dr = v128.load(x3), di = v128.load(x3, 16);
        const yr = v128.load(w2), yi = v128.load(w2, 16), zr = v128.load(w3), zi = v128.load(w3, 16);
        const c = timesRe<T>(cr, ci, yr, yi), d = timesRe<T>(dr, di, zr, zi);
        const g = timesIm<T>(cr, ci, yr, yi), h = timesIm<T>(dr, di, zr, zi);
        transposed4(a, b, c, d, o, apart);
        transposed4(e, f, g, h, o + 16, apart);
      } else {
        put(o, v128.shuffle<i64>(a, b, 0, 2), v128.shuffle<i64>(e, f, 0, 2));
        put(o + apart, v128.shuffle<i64>(a, b, 1, 3), v128.shuffle<i64>(e, f, 1, 3));
      }
    }
  }
}

/** Copies `n` times `count` elements, with such steps down and across; the smallest step is their size. */
export function exchange(
  n: i32, count: i32, x: usize, xDown: usize, xAcross: usize, to: usize, toDown: usize, toAcross: usize,
): void {
  const bytes = min(min(xDown, xAcross), min(toDown, toAcross));
  for (; n > 0; n--, x += xDown, to += toDown) {
    let from = x, at = to;
    if (bytes == 4) {
      for (let l = 0; l < count; l++, from += xAcross, at += toAcross) store<u32>(at, load<u32>(from));
    } else if (bytes == 8) {
      for (let l = 0; l < count; l++, from += xAcross, at += toAcross) store<u64>(at, load<u64>(from));
    } else {
      for (let l = 0; l < count; l++, from += xAcross, at += toAcross) v128.store(at, v128.load(from));
    }
  }
}
