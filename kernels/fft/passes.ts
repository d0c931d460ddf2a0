// Passes of a Fourier transform that sorts itself (Stockham's; C. Van Loan, Computational Frameworks for the Fast Fourier Transform, 1992): many
// transforms at once, one in each lane. From rows `p + m·k` a pass of radix r computes, over k, rows `r·p + j`, and turns them by
// roots of unity; these are rows of r times the size for the next pass. No pass moves anything from lane to lane.
//
// `row`: bytes of a row of the result; `step`: bytes from row to row of what is read. Tables hold, for each p, roots of j = 1, 2, …; without
// (m = 1) they would be 1.
import { madd, nmadd } from "../math/madd";
import { BLOCK, everywhere, put, putTimes } from "./blocks";

@inline
function pass2<T>(turned: bool, m: i32, row: usize, step: usize, x: usize, out: usize, table: usize): void {
  const C = 2 * sizeof<T>(), across = usize(m) * step;
  for (let p = 0; p < m; p++, x += step, out += 2 * row, table += C) {
    for (let i: usize = 0; i < row; i += BLOCK) {
      const a = x + i, b = a + across, o = out + i;
      const ar = v128.load(a), ai = v128.load(a, 16), br = v128.load(b), bi = v128.load(b, 16);
      put(o, v128.add<T>(ar, br), v128.add<T>(ai, bi));
      putTimes<T>(turned, o + row, v128.sub<T>(ar, br), v128.sub<T>(ai, bi), table);
    }
  }
}

@inline
function pass3<T>(turned: bool, m: i32, row: usize, step: usize, x: usize, out: usize, table: usize): void {
  const C = 2 * sizeof<T>(), across = usize(m) * step;
  const half = v128.splat<T>(<T> 0.5), sine = v128.splat<T>(<T> 0.86602540378443864676);
  for (let p = 0; p < m; p++, x += step, out += 3 * row, table += 2 * C) {
    for (let i: usize = 0; i < row; i += BLOCK) {
      const a = x + i, b = a + across, c = b + across, o = out + i;
      const br = v128.load(b), bi = v128.load(b, 16), cr = v128.load(c), ci = v128.load(c, 16);
      const ar = v128.load(a), ai = v128.load(a, 16);
      const tr = v128.add<T>(br, cr), ti = v128.add<T>(bi, ci);
      put(o, v128.add<T>(ar, tr), v128.add<T>(ai, ti));
      const ur = nmadd<T>(tr, half, ar), ui = nmadd<T>(ti, half, ai);
      const vr = v128.mul<T>(v128.sub<T>(br, cr), sine), vi = v128.mul<T>(v128.sub<T>(bi, ci), sine);
      putTimes<T>(turned, o + row, v128.add<T>(ur, vi), v128.sub<T>(ui, vr), table);
      putTimes<T>(turned, o + 2 * row, v128.sub<T>(ur, vi), v128.add<T>(ui, vr), table + C);
    }
  }
}

@inline
function pass4<T>(turned: bool, m: i32, row: usize, step: usize, x: usize, out: usize, table: usize): void {
  const C = 2 * sizeof<T>(), across = usize(m) * step;
  for (let p = 0; p < m; p++, x += step, out += 4 * row, table += 3 * C) {
    for (let i: usize = 0; i < row; i += BLOCK) {
      const a = x + i, b = a + across, c = b + across, d = c + across, o = out + i;
      const ar = v128.load(a), ai = v128.load(a, 16), cr = v128.load(c), ci = v128.load(c, 16);
      const sr = v128.add<T>(ar, cr), si = v128.add<T>(ai, ci), tr = v128.sub<T>(ar, cr), ti = v128.sub<T>(ai, ci);
      const br = v128.load(b), bi = v128.load(b, 16), dr = v128.load(d), di = v128.load(d, 16);
      const ur = v128.add<T>(br, dr), ui = v128.add<T>(bi, di), vr = v128.sub<T>(br, dr), vi = v128.sub<T>(bi, di);
      put(o, v128.add<T>(sr, ur), v128.add<T>(si, ui));
      putTimes<T>(turned, o + row, v128.add<T>(tr, vi), v128.sub<T>(ti, vr), table);
      putTimes<T>(turned, o + 2 * row, v128.sub<T>(sr, ur), v128.sub<T>(si, ui), table + C);
      putTimes<T>(turned, o + 3 * row, v128.sub<T>(tr, vi), v128.add<T>(ti, vr), table + 2 * C);
    }
  }
}

@inline
function pass5<T>(turned: bool, m: i32, row: usize, step: usize, x: usize, out: usize, table: usize): void {
  const C = 2 * sizeof<T>(), across = usize(m) * step;
  const c1 = v128.splat<T>(<T> 0.30901699437494742410), c2 = v128.splat<T>(<T> -0.80901699437494742410);
  const s1 = v128.splat<T>(<T> 0.95105651629515357212), s2 = v128.splat<T>(<T> 0.58778525229247312917);
  for (let p = 0; p < m; p++, x += step, out += 5 * row, table += 4 * C) {
    for (let i: usize = 0; i < row; i += BLOCK) {
      const x0 = x + i, x1 = x0 + across, x2 = x1 + across, x3 = x2 + across, x4 = x3 + across, o = out + i;
      const ar = v128.load(x0), ai = v128.load(x0, 16);
      const br = v128.load(x1), bi = v128.load(x1, 16), er = v128.load(x4), ei = v128.load(x4, 16);
      const cr = v128.load(x2), ci = v128.load(x2, 16), dr = v128.load(x3), di = v128.load(x3, 16);
      const pr = v128.add<T>(br, er), pi = v128.add<T>(bi, ei), mr = v128.sub<T>(br, er), mi = v128.sub<T>(bi, ei);
      const qr = v128.add<T>(cr, dr), qi = v128.add<T>(ci, di), nr = v128.sub<T>(cr, dr), ni = v128.sub<T>(ci, di);
      put(o, v128.add<T>(ar, v128.add<T>(pr, qr)), v128.add<T>(ai, v128.add<T>(pi, qi)));
      const fr = madd<T>(qr, c2, madd<T>(pr, c1, ar)), fi = madd<T>(qi, c2, madd<T>(pi, c1, ai));
      const gr = madd<T>(nr, s2, v128.mul<T>(mr, s1)), gi = madd<T>(ni, s2, v128.mul<T>(mi, s1));
      putTimes<T>(turned, o + row, v128.add<T>(fr, gi), v128.sub<T>(fi, gr), table);
      putTimes<T>(turned, o + 4 * row, v128.sub<T>(fr, gi), v128.add<T>(fi, gr), table + 3 * C);
      const hr = madd<T>(qr, c1, madd<T>(pr, c2, ar)), hi = madd<T>(qi, c1, madd<T>(pi, c2, ai));
      const kr = nmadd<T>(nr, s1, v128.mul<T>(mr, s2)), ki = nmadd<T>(ni, s1, v128.mul<T>(mi, s2));
      putTimes<T>(turned, o + 2 * row, v128.add<T>(hr, ki), v128.sub<T>(hi, kr), table + C);
      putTimes<T>(turned, o + 3 * row, v128.sub<T>(hr, ki), v128.add<T>(hi, kr), table + 2 * C);
    }
  }
}

@inline
function pass8<T>(turned: bool, m: i32, row: usize, step: usize, x: usize, out: usize, table: usize): void {
  const C = 2 * sizeof<T>(), across = usize(m) * step, half = 4 * across;
  const h = v128.splat<T>(<T> 0.70710678118654752440);
  for (let p = 0; p < m; p++, x += step, out += 8 * row, table += 7 * C) {
    for (let i: usize = 0; i < row; i += BLOCK) {
      const x0 = x + i, x1 = x0 + across, x2 = x1 + across, x3 = x2 + across, o = out + i;
      const x4 = x0 + half, x5 = x1 + half, x6 = x2 + half, x7 = x3 + half;
      // Sums and differences of opposite rows: the sums give the even results, the differences, turned, the odd ones.
      let ur = v128.load(x0), ui = v128.load(x0, 16), vr = v128.load(x4), vi = v128.load(x4, 16);
      const ar = v128.add<T>(ur, vr), ai = v128.add<T>(ui, vi), er = v128.sub<T>(ur, vr), ei = v128.sub<T>(ui, vi);
      ur = v128.load(x2), ui = v128.load(x2, 16), vr = v128.load(x6), vi = v128.load(x6, 16);
      const cr = v128.add<T>(ur, vr), ci = v128.add<T>(ui, vi), gr = v128.sub<T>(ur, vr), gi = v128.sub<T>(ui, vi);
      ur = v128.load(x1), ui = v128.load(x1, 16), vr = v128.load(x5), vi = v128.load(x5, 16);
      const br = v128.add<T>(ur, vr), bi = v128.add<T>(ui, vi), fr = v128.sub<T>(ur, vr), fi = v128.sub<T>(ui, vi);
      ur = v128.load(x3), ui = v128.load(x3, 16), vr = v128.load(x7), vi = v128.load(x7, 16);
      const dr = v128.add<T>(ur, vr), di = v128.add<T>(ui, vi), kr = v128.sub<T>(ur, vr), ki = v128.sub<T>(ui, vi);
      {
        const sr = v128.add<T>(ar, cr), si = v128.add<T>(ai, ci), tr = v128.sub<T>(ar, cr), ti = v128.sub<T>(ai, ci);
        const yr = v128.add<T>(br, dr), yi = v128.add<T>(bi, di), zr = v128.sub<T>(br, dr), zi = v128.sub<T>(bi, di);
        put(o, v128.add<T>(sr, yr), v128.add<T>(si, yi));
        putTimes<T>(turned, o + 2 * row, v128.add<T>(tr, zi), v128.sub<T>(ti, zr), table + C);
        putTimes<T>(turned, o + 4 * row, v128.sub<T>(sr, yr), v128.sub<T>(si, yi), table + 3 * C);
        putTimes<T>(turned, o + 6 * row, v128.sub<T>(tr, zi), v128.add<T>(ti, zr), table + 5 * C);
      }
      {
        const sr = v128.add<T>(er, gi), si = v128.sub<T>(ei, gr), tr = v128.sub<T>(er, gi), ti = v128.add<T>(ei, gr);
        const wr = v128.mul<T>(v128.add<T>(fr, fi), h), wi = v128.mul<T>(v128.sub<T>(fi, fr), h);
        const qr = v128.mul<T>(v128.sub<T>(ki, kr), h), qi = v128.mul<T>(v128.add<T>(kr, ki), h);
        // The fourth is qr - i·qi.
        const yr = v128.add<T>(wr, qr), yi = v128.sub<T>(wi, qi), zr = v128.sub<T>(wr, qr), zi = v128.add<T>(wi, qi);
        putTimes<T>(turned, o + row, v128.add<T>(sr, yr), v128.add<T>(si, yi), table);
        putTimes<T>(turned, o + 3 * row, v128.add<T>(tr, zi), v128.sub<T>(ti, zr), table + 2 * C);
        putTimes<T>(turned, o + 5 * row, v128.sub<T>(sr, yr), v128.sub<T>(si, yi), table + 4 * C);
        putTimes<T>(turned, o + 7 * row, v128.sub<T>(tr, zi), v128.add<T>(ti, zr), table + 6 * C);
      }
    }
  }
}

/** Any odd radix: `roots` holds the cosine and sine of j · k of r, for j and k from 1 to half of it; `work` r - 1 blocks. */
@inline
function passOdd<T>(
  turned: bool, r: i32, m: i32, row: usize, step: usize, x: usize, out: usize, table: usize, roots: usize, work: usize,
): void {
  const C = 2 * sizeof<T>(), across = usize(m) * step, pairs = r >> 1;
  for (let p = 0; p < m; p++, x += step, out += usize(r) * row, table += usize(r - 1) * C) {
    for (let i: usize = 0; i < row; i += BLOCK) {
      const a = x + i, o = out + i;
      const ar = v128.load(a), ai = v128.load(a, 16);
      let tr = ar, ti = ai;
      let low = a + across, high = a + usize(r - 1) * across, w = work;
      for (let k = 0; k < pairs; k++, low += across, high -= across, w += 2 * BLOCK) {
        const br = v128.load(low), bi = v128.load(low, 16), cr = v128.load(high), ci = v128.load(high, 16);
        const sr = v128.add<T>(br, cr), si = v128.add<T>(bi, ci);
        put(w, sr, si);
        put(w + BLOCK, v128.sub<T>(br, cr), v128.sub<T>(bi, ci));
        tr = v128.add<T>(tr, sr), ti = v128.add<T>(ti, si);
      }
      put(o, tr, ti);
      let root = roots;
      for (let j = 1; j <= pairs; j++) {
        let sr = ar, si = ai, dr = v128.splat<T>(0), di = v128.splat<T>(0);
        w = work;
        for (let k = 0; k < pairs; k++, w += 2 * BLOCK, root += C) {
          const cosine = everywhere<T>(root), sine = everywhere<T>(root + sizeof<T>());
          sr = madd<T>(v128.load(w), cosine, sr), si = madd<T>(v128.load(w, 16), cosine, si);
          dr = madd<T>(v128.load(w, 32), sine, dr), di = madd<T>(v128.load(w, 48), sine, di);
        }
        putTimes<T>(turned, o + usize(j) * row, v128.add<T>(sr, di), v128.sub<T>(si, dr), table + usize(j - 1) * C);
        putTimes<T>(turned, o + usize(r - j) * row, v128.sub<T>(sr, di), v128.add<T>(si, dr), table + usize(r - j - 1) * C);
      }
    }
  }
}

// Functions of their own, so that each becomes fast by itself.

function first2<T>(m: i32, row: usize, step: usize, x: usize, out: usize, table: usize): void {
  pass2<T>(true, m, row, step, x, out, table);
}
function first3<T>(m: i32, row: usize, step: usize, x: usize, out: usize, table: usize): void {
  pass3<T>(true, m, row, step, x, out, table);
}
function first4<T>(m: i32, row: usize, step: usize, x: usize, out: usize, table: usize): void {
  pass4<T>(true, m, row, step, x, out, table);
}
function first5<T>(m: i32, row: usize, step: usize, x: usize, out: usize, table: usize): void {
  pass5<T>(true, m, row, step, x, out, table);
}
function first8<T>(m: i32, row: usize, step: usize, x: usize, out: usize, table: usize): void {
  pass8<T>(true, m, row, step, x, out, table);
}
function last2<T>(row: usize, step: usize, x: usize, out: usize): void {
  pass2<T>(false, 1, row, step, x, out, 0);
}
function last3<T>(row: usize, step: usize, x: usize, out: usize): void {
  pass3<T>(false, 1, row, step, x, out, 0);
}
function last4<T>(row: usize, step: usize, x: usize, out: usize): void {
  pass4<T>(false, 1, row, step, x, out, 0);
}
function last5<T>(row: usize, step: usize, x: usize, out: usize): void {
  pass5<T>(false, 1, row, step, x, out, 0);
}
function last8<T>(row: usize, step: usize, x: usize, out: usize): void {
  pass8<T>(false, 1, row, step, x, out, 0);
}
function firstOdd<T>(
  r: i32, m: i32, row: usize, step: usize, x: usize, out: usize, table: usize, roots: usize, work: usize,
): void {
  passOdd<T>(true, r, m, row, step, x, out, table, roots, work);
}
function lastOdd<T>(r: i32, row: usize, step: usize, x: usize, out: usize, roots: usize, work: usize): void {
  passOdd<T>(false, r, 1, row, step, x, out, 0, roots, work);
}

/** Elements of the table of one pass: roots for each p, but for m = 1, and those within a radix that has no function of its own. */
@inline
function tableElements(r: i32, m: i32): i32 {
  const own = r == 2 || r == 3 || r == 4 || r == 5 || r == 8 ? 0 : 2 * (r >> 1) * (r >> 1);
  return own + (m > 1 ? 2 * m * (r - 1) : 0);
}

/**
 * Transforms of `n` rows, one in each lane, by `count` passes whose radices stand at `radices`. Reads rows `step` bytes apart from `x`; `a` and `b`
 * are as large as the rows together, `b` may be `x`. Gives where the result is: `a` or `b`, or `x` if n = 1.
 */
export function transformLanes<T>(
  n: i32, count: i32, radices: usize, table: usize, row: usize, step: usize, x: usize, a: usize, b: usize, work: usize,
): usize {
  const S = sizeof<T>();
  let m = n, to = a;
  for (let i = 0; i < count; i++) {
    const r = i32(load<T>(radices + usize(i) * S));
    m /= r;
    if (m > 1) {
      const roots = table + 2 * usize(m * (r - 1)) * S;
      if (r == 4) first4<T>(m, row, step, x, to, table);
      else if (r == 8) first8<T>(m, row, step, x, to, table);
      else if (r == 2) first2<T>(m, row, step, x, to, table);
      else if (r == 3) first3<T>(m, row, step, x, to, table);
      else if (r == 5) first5<T>(m, row, step, x, to, table);
      else firstOdd<T>(r, m, row, step, x, to, table, roots, work);
    } else if (r == 4) last4<T>(row, step, x, to);
    else if (r == 8) last8<T>(row, step, x, to);
    else if (r == 2) last2<T>(row, step, x, to);
    else if (r == 3) last3<T>(row, step, x, to);
    else if (r == 5) last5<T>(row, step, x, to);
    else lastOdd<T>(r, row, step, x, to, table, work);
    table += usize(tableElements(r, m)) * S;
    row *= r;
    step = row;
    x = to;
    to = to == a ? b : a;
  }
  return x;
}

/** Elements of the tables of all passes. */
export function passElements<T>(n: i32, count: i32, radices: usize): i32 {
  let m = n, total = 0;
  for (let i = 0; i < count; i++) {
    const r = i32(load<T>(radices + usize(i) * sizeof<T>()));
    m /= r;
    total += tableElements(r, m);
  }
  return total;
}
