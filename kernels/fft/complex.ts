// Transforms of complex rows, by a plan: a table that src/loopnest/fourier_plan.ts writes, of one length, in the numbers' own type. A plan begins
// with HEADER elements: how (below), n1, n2, how many radices n1 has, how many n2, Bluestein's length; from 8 on the radices of n1, from 36 on those of n2.
import { BLOCK, firstPairs, imags, lastPairs, reals, timesIm, timesRe } from "./blocks";
import { gatherLanes, gatherRows, lanesOf, scatterLanes, scatterRows, turnOver } from "./moves";
import { passElements, transformLanes } from "./passes";

/** Elements before the tables of a plan. */
export const HEADER: i32 = 64;
/** Bytes of a row of blocks: a line of the cache. */
export const ROW: usize = 64;
/** How: each row is a lane. */
const LANES: i32 = 0;
/** How: n = n1 · n2, transforms of columns, then of rows. */
const TWO: i32 = 1;

/** Lanes of a row of blocks, and how many rows go together where rows are lanes. */
@inline
export function width<T>(): i32 {
  return 2 * lanesOf<T>();
}

@inline
function rounded<T>(n: i32): i32 {
  return (n + lanesOf<T>() - 1) & -lanesOf<T>();
}

/** Elements, rounded up to a line of the cache. */
@inline
export function inLines(elements: i32): i32 {
  return (elements + 15) & -16;
}

@inline
function entry<T>(plan: usize, i: i32): i32 {
  return i32(load<T>(plan + usize(i) * sizeof<T>()));
}

/** How many rows a plan takes at once. */
export function rowsAtOnce<T>(plan: usize): i32 {
  return entry<T>(plan, 0) == LANES ? width<T>() : 1;
}

/** Few rows, one in each lane. */
function byLanes<T>(
  rows: i32, n: i32, x: usize, xApart: usize, out: usize, outApart: usize, flip: bool, scale: T, plan: usize, scratch: usize,
): void {
  const S = sizeof<T>();
  const row: usize = rows > lanesOf<T>() ? ROW : ROW / 2, bytes = usize(n) * row;
  const a = scratch, b = a + bytes;
  gatherLanes<T>(n, rows, x, xApart, flip, b, row);
  const y = transformLanes<T>(
    n, entry<T>(plan, 3), plan + 8 * S, plan + usize(HEADER) * S, row, row, b, a, b, b + bytes,
  );
  scatterLanes<T>(n, rows, y, row, flip, scale, out, outApart);
}

/** Of a row of n1 · n2: how far apart the rows of what stands between columns and rows are. Not a power of two: those fall into few sets of the cache. */
@inline
function middleApart<T>(plan: usize): usize {
  return usize(rounded<T>(entry<T>(plan, 1))) * 2 * sizeof<T>() + ROW;
}

/** Bytes of all of it. */
@inline
export function middleBytes<T>(plan: usize): usize {
  return usize(rounded<T>(entry<T>(plan, 2))) * middleApart<T>(plan);
}

/** Bytes of each of the two places in which columns, or rows, are transformed. */
@inline
function placeBytes<T>(n1: i32, n2: i32): usize {
  return usize(max(rounded<T>(n1), n2)) * ROW;
}

/** Lines of the cache's columns that a row of n1 · n2 has; of rows, where it is the other way round. */
@inline
export function linesOf<T>(plan: usize, isRows: bool): i32 {
  return (entry<T>(plan, isRows ? 1 : 2) + width<T>() - 1) / width<T>();
}

/** The first half of `byTwo`: columns, lines `from` to `to` of them, into `middle`; `own` is scratch. */
export function columns<T>(from: i32, to: i32, x: usize, flip: bool, plan: usize, middle: usize, own: usize): void {
  const S = sizeof<T>(), C = 2 * S;
  const n1 = entry<T>(plan, 1), n2 = entry<T>(plan, 2), count1 = entry<T>(plan, 3), count2 = entry<T>(plan, 4);
  const wide1 = rounded<T>(n1);
  const first = plan + usize(HEADER) * S;
  const second = first + usize(inLines(passElements<T>(n1, count1, plan + 8 * S))) * S;
  const between = second + usize(inLines(passElements<T>(n2, count2, plan + 36 * S))) * S;
  const apart = middleApart<T>(plan), bytes = placeBytes<T>(n1, n2), a = own, b = a + bytes, work = b + bytes;
  for (let c = from * width<T>(); c < min(to * width<T>(), n2); c += width<T>()) {
    const count = min(width<T>(), n2 - c), row = usize(rounded<T>(count)) * C;
    gatherRows<T>(n1, count, x + usize(c) * C, usize(n2) * C, flip, b, row);
    const y = transformLanes<T>(n1, count1, plan + 8 * S, first, row, row, b, a, b, work);
    turnOver<T>(wide1, y, row, between + usize(wide1) * usize(c) * C, middle + usize(c) * apart, apart);
  }
}

/** The second half of `byTwo`: lines `from` to `to` of rows, from `middle`; `own` is scratch. */
export function rows<T>(
  from: i32, to: i32, middle: usize, out: usize, flip: bool, scale: T, plan: usize, own: usize,
): void {
  const S = sizeof<T>(), C = 2 * S;
  const n1 = entry<T>(plan, 1), n2 = entry<T>(plan, 2), count1 = entry<T>(plan, 3), count2 = entry<T>(plan, 4);
  const second = plan + usize(HEADER) * S + usize(inLines(passElements<T>(n1, count1, plan + 8 * S))) * S;
  const apart = middleApart<T>(plan), bytes = placeBytes<T>(n1, n2), a = own, b = a + bytes, work = b + bytes;
  for (let q = from * width<T>(); q < min(to * width<T>(), n1); q += width<T>()) {
    const count = min(width<T>(), n1 - q), row = usize(rounded<T>(count)) * C;
    const y = transformLanes<T>(
      n2, count2, plan + 36 * S, second, row, apart, middle + usize(q) * C, a, b, work,
    );
    scatterRows<T>(n2, count, y, row, flip, scale, out + usize(q) * C, usize(n1) * C);
  }
}

/**
 * One row of n1 · n2 (J. Cooley, J. Tukey, "An algorithm for the machine calculation of complex Fourier series", 1965, in the steps of D. Bailey, "FFTs in
 * external or hierarchical memory", 1990): element j1·n2 + j2 and frequency k1 + n1·k2. A line of the cache's columns at a time: over j1, turned by
 * j2·k1, turned over; then rows k1 side by side, over j2.
 */
function byTwo<T>(x: usize, out: usize, flip: bool, scale: T, plan: usize, scratch: usize): void {
  const own = scratch + middleBytes<T>(plan);
  columns<T>(0, linesOf<T>(plan, false), x, flip, plan, scratch, own);
  rows<T>(0, linesOf<T>(plan, true), scratch, out, flip, scale, plan, own);
}

/** out = x · y · scale, of complex numbers as they lie in arrays, with the parts of x exchanged where `flipX`, of the results where `flip`. */
function products<T>(n: i32, x: usize, flipX: bool, y: usize, flip: bool, scale: T, out: usize): void {
  const S = sizeof<T>(), lanes = lanesOf<T>(), by = v128.splat<T>(scale);
  for (; n >= lanes; n -= lanes, x += BLOCK, y += BLOCK, out += BLOCK) {
    const a = v128.load(x), b = v128.load(x, 16), c = v128.load(y), d = v128.load(y, 16);
    const p = reals<T>(a, b), q = imags<T>(a, b), wr = reals<T>(c, d), wi = imags<T>(c, d);
    const xr = flipX ? q : p, xi = flipX ? p : q;
    const re = v128.mul<T>(timesRe<T>(xr, xi, wr, wi), by), im = v128.mul<T>(timesIm<T>(xr, xi, wr, wi), by);
    const first = flip ? im : re, second = flip ? re : im;
    v128.store(out, firstPairs<T>(first, second));
    v128.store(out, lastPairs<T>(first, second), 16);
  }
  const xr: usize = flipX ? S : 0, re: usize = flip ? S : 0;
  for (; n > 0; n--, x += 2 * S, y += 2 * S, out += 2 * S) {
    const ar = load<T>(x + xr), ai = load<T>(x + (S - xr)), br = load<T>(y), bi = load<T>(y, sizeof<T>());
    store<T>(out + re, (ar * br - ai * bi) * scale);
    store<T>(out + (S - re), (ar * bi + ai * br) * scale);
  }
}

/**
 * Any length, as a convolution with a chirp of a length m with small factors (L. Bluestein, "A linear filtering approach to the computation of discrete Fourier
 * transform", 1970). The plan holds the chirp, the filter's transform over m, and the plan of m.
 */
function byChirp<T>(n: i32, x: usize, out: usize, flip: bool, scale: T, plan: usize, scratch: usize): void {
  const S = sizeof<T>(), m = entry<T>(plan, 5);
  const chirp = plan + usize(HEADER) * S, filter = chirp + usize(inLines(2 * n)) * S;
  const inner = filter + usize(inLines(2 * m)) * S;
  const bytes = usize(inLines(2 * m)) * S, p = scratch, q = p + bytes, rest = q + bytes;
  products<T>(n, x, flip, chirp, false, 1, p);
  memory.fill(p + usize(2 * n) * S, 0, usize(2 * (m - n)) * S);
  byTwo<T>(p, q, false, 1, inner, rest);
  products<T>(m, q, false, filter, false, 1, p);
  byTwo<T>(p, q, true, 1, inner, rest);
  products<T>(n, q, false, chirp, flip, scale, out);
}

/** Transforms of `rows` rows, at most as many as go at once. `out` may not be `x`. */
export function transformRows<T>(
  rows: i32, n: i32, x: usize, xApart: usize, out: usize, outApart: usize, flip: bool, scale: T, plan: usize, scratch: usize,
): void {
  const how = entry<T>(plan, 0);
  if (how == LANES) byLanes<T>(rows, n, x, xApart, out, outApart, flip, scale, plan, scratch);
  else if (how == TWO) byTwo<T>(x, out, flip, scale, plan, scratch);
  else byChirp<T>(n, x, out, flip, scale, plan, scratch);
}
