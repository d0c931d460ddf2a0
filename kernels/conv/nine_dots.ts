// The gradient of the kernel of nine.ts: nine sums of products of single features, which meet at nine displacements. A strip of one vector's
// columns is walked from row to row: the nine sums stay in registers, and so do three rows of the second operand, which each row of the
// first meets when it is read, once.
import { madd } from "../math/madd";
import { first, second, third } from "./nine";
import {
  DOTS_BOTTOM, DOTS_COLUMNS, DOTS_FEATURES, DOTS_HEIGHT, DOTS_LEFT, DOTS_OUT_COLUMN, DOTS_OUT_LINE, DOTS_RIGHT, DOTS_TOP, DOTS_W_FEATURE,
  DOTS_W_LINE, DOTS_X, DOTS_X_FEATURE, DOTS_X_LINE, field, GROUPS, OUT_GROUP, OUT_ROW, ROWS, W_GROUP, W_ROW, X_GROUP,
} from "./spec";

/** Of the last strip: only the lanes that none before it had. */
@inline
function kept(isLast: bool, x: v128, mask: usize): v128 {
  return isLast ? v128.and(x, v128.load(mask)) : x;
}

@inline
function addTo<T>(at: usize, x: v128): void {
  v128.store(at, v128.add<T>(v128.load(at), x));
}

/**
 * Adds the products of one strip of `rows` rows (at least two) of `w` to nine vectors of sums. `x` is where the operand's element lies that the
 * first one meets for the first sum; its row is missing at the top, and so is the last one at the bottom.
 */
@inline
function walk<T>(
  edge: i32, isLast: bool, rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, ws: usize, sums: usize, mask: usize,
): void {
  let c0 = i32x4.splat(0), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0, c8 = c0;
  let p = c0, q = c0, r = c0;
  let b = kept(isLast, v128.load(w), mask);
  // What is missing is zeros, and multiplied all the same: the other operand may hold infinities.
  if (!top) {
    p = kept(isLast, first<T>(edge, x), mask);
    r = kept(isLast, third<T>(edge, x), mask);
    q = kept(isLast, second<T>(first<T>(edge, x), third<T>(edge, x)), mask);
  }
  c0 = madd<T>(p, b, c0);
  c1 = madd<T>(q, b, c1);
  c2 = madd<T>(r, b, c2);
  x += xs;
  w += ws;
  let a = kept(isLast, v128.load(w), mask);
  p = first<T>(edge, x);
  r = third<T>(edge, x);
  q = kept(isLast, second<T>(p, r), mask);
  p = kept(isLast, p, mask);
  r = kept(isLast, r, mask);
  c0 = madd<T>(p, a, c0);
  c1 = madd<T>(q, a, c1);
  c2 = madd<T>(r, a, c2);
  c3 = madd<T>(p, b, c3);
  c4 = madd<T>(q, b, c4);
  c5 = madd<T>(r, b, c5);
  for (let end = w + usize(rows - 2) * ws; w != end;) {
    x += xs;
    w += ws;
    const c = kept(isLast, v128.load(w), mask);
    p = first<T>(edge, x);
    r = third<T>(edge, x);
    q = kept(isLast, second<T>(p, r), mask);
    p = kept(isLast, p, mask);
    r = kept(isLast, r, mask);
    c0 = madd<T>(p, c, c0);
    c3 = madd<T>(p, a, c3);
    c6 = madd<T>(p, b, c6);
    c1 = madd<T>(q, c, c1);
    c4 = madd<T>(q, a, c4);
    c7 = madd<T>(q, b, c7);
    c2 = madd<T>(r, c, c2);
    c5 = madd<T>(r, a, c5);
    c8 = madd<T>(r, b, c8);
    b = a;
    a = c;
  }
  x += xs;
  p = first<T>(edge, x);
  r = third<T>(edge, x);
  q = kept(isLast, second<T>(p, r), mask);
  p = kept(isLast, p, mask);
  r = kept(isLast, r, mask);
  addTo<T>(sums, c0);
  addTo<T>(sums + 16, c1);
  addTo<T>(sums + 32, c2);
  addTo<T>(sums + 48, madd<T>(p, a, c3));
  addTo<T>(sums + 64, madd<T>(q, a, c4));
  addTo<T>(sums + 80, madd<T>(r, a, c5));
  c6 = madd<T>(p, b, c6);
  c7 = madd<T>(q, b, c7);
  c8 = madd<T>(r, b, c8);
  x += xs;
  p = q = r = i32x4.splat(0);
  if (!bottom) {
    p = kept(isLast, first<T>(edge, x), mask);
    r = kept(isLast, third<T>(edge, x), mask);
    q = kept(isLast, second<T>(first<T>(edge, x), third<T>(edge, x)), mask);
  }
  addTo<T>(sums + 96, madd<T>(p, a, c6));
  addTo<T>(sums + 112, madd<T>(q, a, c7));
  addTo<T>(sums + 128, madd<T>(r, a, c8));
}

function dotsLeft<T>(
  rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, ws: usize, sums: usize, mask: usize,
): void {
  walk<T>(-1, false, rows, top, bottom, x, xs, w, ws, sums, mask);
}

function dotsWithin<T>(
  rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, ws: usize, sums: usize, mask: usize,
): void {
  walk<T>(0, false, rows, top, bottom, x, xs, w, ws, sums, mask);
}

function dotsLast<T>(
  rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, ws: usize, sums: usize, mask: usize,
): void {
  walk<T>(0, true, rows, top, bottom, x, xs, w, ws, sums, mask);
}

function dotsRight<T>(
  rows: i32, top: bool, bottom: bool, x: usize, xs: usize, w: usize, ws: usize, sums: usize, mask: usize,
): void {
  walk<T>(1, true, rows, top, bottom, x, xs, w, ws, sums, mask);
}

/** Adds the products of one feature (an example, of what this is the gradient) to nine vectors of sums. */
function dots<T>(form: usize, x: usize, w: usize, sums: usize, mask: usize): void {
  const S = i32(sizeof<T>()), V = 16 / S;
  const xs = usize(field(form, DOTS_X_LINE) * S), ws = usize(field(form, DOTS_W_LINE) * S);
  const rows = field(form, DOTS_HEIGHT), columns = field(form, DOTS_COLUMNS);
  const top = field(form, DOTS_TOP) != 0, bottom = field(form, DOTS_BOTTOM) != 0;
  let j = 0;
  if (field(form, DOTS_LEFT)) {
    dotsLeft<T>(rows, top, bottom, x, xs, w, ws, sums, mask);
    j = V;
  }
  for (; j < columns - V; j += V) dotsWithin<T>(rows, top, bottom, x + usize(j * S), xs, w + usize(j * S), ws, sums, mask);
  if (j >= columns) return;
  const last = columns - V;
  for (let i = 0; i < V; i++) {
    const keeps = i + last >= j ? -1 : 0;
    if (sizeof<T>() == 4) store<i32>(mask + (usize(i) << 2), keeps);
    else store<i64>(mask + (usize(i) << 3), keeps);
  }
  const at = usize(last * S);
  if (field(form, DOTS_RIGHT)) dotsRight<T>(rows, top, bottom, x + at, xs, w + at, ws, sums, mask);
  else dotsLast<T>(rows, top, bottom, x + at, xs, w + at, ws, sums, mask);
}

/** The sum of a vector's lanes. */
@inline
function total<T>(x: v128): T {
  const sum = v128.extract_lane<T>(x, 0) + v128.extract_lane<T>(x, 1);
  if (sizeof<T>() == 8) return sum;
  return sum + (v128.extract_lane<T>(x, 2) + v128.extract_lane<T>(x, 3));
}

/** All of a convolution whose description has this form. */
export function convolveDots<T>(spec: usize, form: usize, x: usize, w: usize, out: usize, scratch: usize): void {
  const S = i32(sizeof<T>());
  const groups = field(spec, GROUPS), m = field(spec, ROWS), features = field(form, DOTS_FEATURES);
  const down = usize(field(form, DOTS_OUT_LINE) * S), right = usize(field(form, DOTS_OUT_COLUMN) * S);
  const mask = scratch, sums = scratch + 16;
  for (let g = 0; g < groups; g++) {
    for (let i = 0; i < m; i++) {
      let xf = x + usize((g * field(spec, X_GROUP) + field(form, DOTS_X)) * S);
      let wf = w + usize((g * field(spec, W_GROUP) + i * field(spec, W_ROW)) * S);
      memory.fill(sums, 0, 144);
      for (let f = 0; f < features; f++) {
        dots<T>(form, xf, wf, sums, mask);
        xf += usize(field(form, DOTS_X_FEATURE) * S);
        wf += usize(field(form, DOTS_W_FEATURE) * S);
      }
      const to = out + usize((g * field(spec, OUT_GROUP) + i * field(spec, OUT_ROW)) * S);
      for (let t: usize = 0; t < 9; t++) store<T>(to + t / 3 * down + t % 3 * right, total<T>(v128.load(sums + (t << 4))));
    }
  }
}
