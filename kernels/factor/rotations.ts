// Sweeps of plane rotations on the rows of a matrix, as QR iterations make them: each turns rows i and i + 1 for i = lo, lo + 1, … hi - 1. They
// are collected, and applied four sweeps at a time, each one row behind the one before, so that a row is loaded and stored once for four
// rotations of it (F. Van Zee, R. van de Geijn and G. Quintana-Ortí, "Restructuring the tridiagonal and bidiagonal QR algorithms for
// performance", 2014). The matrix lies in panels of a few columns, which stay in the first cache meanwhile.
import { madd, nmadd } from "../math/madd";

/** Sweeps that go together. */
const STAGES: i32 = 4;
/** Groups of sweeps that are collected; src/loopnest/factor_plan.ts knows it too. */
const GROUPS: i32 = 8;
/** Bytes of a panel's row. */
const WIDTH: usize = 32;
/** Rows before and after a panel's own. */
const MARGIN: i32 = 3;
/** Bytes before the rotations: the number of groups, of sweeps in the last one, and where each group begins and ends. */
const HEAD: usize = 16 + 8 * GROUPS;

/** Forgets all sweeps. */
@inline
export function clearSweeps(list: usize): void {
  store<i64>(list, 0);
}

/** Bytes of a group's rotations on n rows. */
@inline
function groupBytes<T>(n: i32): usize {
  return usize((n + MARGIN) * 2 * STAGES) * sizeof<T>();
}

/** Bytes of a list of sweeps on n rows. */
@inline
export function listBytes<T>(n: i32): usize {
  return HEAD + GROUPS * groupBytes<T>(n);
}

/**
 * Room for a sweep over rows lo to hi: where the cosine and the sine of rotation 0 would be, `2 · STAGES` elements before those of rotation
 * 1; 0 where none is left.
 */
export function nextSweep<T>(list: usize, n: i32, lo: i32, hi: i32): usize {
  const S = sizeof<T>();
  let groups = load<i32>(list), stage = load<i32>(list, 4);
  if (groups > 0 && stage < STAGES) {
    const range = list + 8 * usize(groups + 1), first = load<i32>(range), last = load<i32>(range, 4);
    const from = min(lo, first), to = max(hi, last), longest = max(hi - lo, last - first);
    // Not with those of other rows, which would pass both in vain.
    if (to - from <= longest + (longest >> 2) + 4) {
      store<i32>(range, from);
      store<i32>(range, to, 4);
      store<i32>(list, stage + 1, 4);
      return list + HEAD + usize(groups - 1) * groupBytes<T>(n) + usize(2 * stage * (STAGES + 1)) * S;
    }
  }
  if (groups == GROUPS) return 0;
  const range = list + 8 * usize(groups + 2), at = list + HEAD + usize(groups) * groupBytes<T>(n);
  store<i32>(list, groups + 1);
  store<i32>(list, 1, 4);
  store<i32>(range, lo);
  store<i32>(range, hi, 4);
  // Rotations that no sweep has turn nothing.
  const one = S == 4 ? f32x4(1, 0, 1, 0) : f64x2(1, 0);
  for (let i = at, end = at + groupBytes<T>(n); i < end; i += 16) v128.store(i, one);
  return at;
}

/** Keeps rotation i of the sweep at `sweep`: row i becomes c · row i + s · row i + 1. */
@inline
export function keepRotation<T>(sweep: usize, i: i32, c: f64, s: f64): void {
  const at = sweep + usize(2 * STAGES * i) * sizeof<T>();
  store<T>(at, <T> c);
  store<T>(at, <T> s, sizeof<T>());
}

/** Four sweeps, `count` steps, on a panel; `x` is three rows before the first that is turned. */
function turnPanel<T>(count: i32, x: usize, turns: usize): void {
  let d0 = v128.load(x), d1 = v128.load(x, 16), c0 = v128.load(x, 32), c1 = v128.load(x, 48);
  let b0 = v128.load(x, 64), b1 = v128.load(x, 80), a0 = v128.load(x, 96), a1 = v128.load(x, 112);
  for (; count > 0; count--) {
    let y0 = v128.load(x, 128), y1 = v128.load(x, 144);
    let cos = v128.splat<T>(load<T>(turns)), sin = v128.splat<T>(load<T>(turns, sizeof<T>()));
    let z0 = madd<T>(sin, y0, v128.mul<T>(cos, a0)), z1 = madd<T>(sin, y1, v128.mul<T>(cos, a1));
    a0 = nmadd<T>(sin, a0, v128.mul<T>(cos, y0));
    a1 = nmadd<T>(sin, a1, v128.mul<T>(cos, y1));
    cos = v128.splat<T>(load<T>(turns, 2 * sizeof<T>()));
    sin = v128.splat<T>(load<T>(turns, 3 * sizeof<T>()));
    y0 = madd<T>(sin, z0, v128.mul<T>(cos, b0));
    y1 = madd<T>(sin, z1, v128.mul<T>(cos, b1));
    b0 = nmadd<T>(sin, b0, v128.mul<T>(cos, z0));
    b1 = nmadd<T>(sin, b1, v128.mul<T>(cos, z1));
    cos = v128.splat<T>(load<T>(turns, 4 * sizeof<T>()));
    sin = v128.splat<T>(load<T>(turns, 5 * sizeof<T>()));
    z0 = madd<T>(sin, y0, v128.mul<T>(cos, c0));
    z1 = madd<T>(sin, y1, v128.mul<T>(cos, c1));
    c0 = nmadd<T>(sin, c0, v128.mul<T>(cos, y0));
    c1 = nmadd<T>(sin, c1, v128.mul<T>(cos, y1));
    cos = v128.splat<T>(load<T>(turns, 6 * sizeof<T>()));
    sin = v128.splat<T>(load<T>(turns, 7 * sizeof<T>()));
    v128.store(x, madd<T>(sin, z0, v128.mul<T>(cos, d0)));
    v128.store(x, madd<T>(sin, z1, v128.mul<T>(cos, d1)), 16);
    d0 = nmadd<T>(sin, d0, v128.mul<T>(cos, z0));
    d1 = nmadd<T>(sin, d1, v128.mul<T>(cos, z1));
    x += WIDTH;
    turns += 2 * STAGES * sizeof<T>();
  }
  v128.store(x, d0);
  v128.store(x, d1, 16);
}

/** Bytes of a panel of n rows. */
@inline
export function panelBytes(n: i32): usize {
  return usize(n + 2 * MARGIN) * WIDTH;
}

/** Applies all sweeps of a list to `count` panels, and forgets them. */
export function turnPanels<T>(list: usize, n: i32, count: i32, panels: usize): void {
  const groups = load<i32>(list);
  for (; count > 0; count--, panels += panelBytes(n)) {
    for (let g = 0; g < groups; g++) {
      const range = list + 8 * usize(g + 2), lo = load<i32>(range), hi = load<i32>(range, 4);
      const turns = list + HEAD + usize(g) * groupBytes<T>(n) + usize(2 * STAGES * lo) * sizeof<T>();
      turnPanel<T>(hi - lo + MARGIN, panels + usize(lo) * WIDTH, turns);
    }
  }
  clearSweeps(list);
}

/** How many panels n columns take. */
@inline
export function panelCount<T>(n: i32): i32 {
  const lanes = i32(WIDTH / sizeof<T>());
  return (n + lanes - 1) / lanes;
}

/** Lays the transpose of a square matrix out in panels: a panel's row i is part of column i. */
export function layOut<T>(n: i32, x: usize, panels: usize): void {
  const S = sizeof<T>(), row = usize(n) * S, lanes = i32(WIDTH / S);
  memory.fill(panels, 0, usize(panelCount<T>(n)) * panelBytes(n));
  for (let first = 0; first < n; first += lanes, panels += panelBytes(n)) {
    for (let j = 0; j < min(lanes, n - first); j++, x += row) {
      let at = panels + MARGIN * WIDTH + usize(j) * S;
      for (let i: usize = 0; i < row; i += S, at += WIDTH) store<T>(at, load<T>(x + i));
    }
  }
}

/** Brings a matrix back: column k is row `order[k]` of the panels. */
export function bringBack<T>(n: i32, panels: usize, order: usize, x: usize): void {
  const S = sizeof<T>(), row = usize(n) * S, lanes = i32(WIDTH / S);
  for (let first = 0; first < n; first += lanes, panels += panelBytes(n)) {
    for (let j = 0; j < min(lanes, n - first); j++, x += row) {
      const from = panels + MARGIN * WIDTH + usize(j) * S;
      for (let k = 0; k < n; k++) {
        store<T>(x + usize(k) * S, load<T>(from + usize(load<i32>(order + 4 * usize(k))) * WIDTH));
      }
    }
  }
}

/** As bringBack, transposed: row k is row `order[k]` of the panels, times -1 where `d` of it is negative. */
export function bringBackRows<T>(n: i32, panels: usize, order: usize, d: usize, x: usize): void {
  const S = sizeof<T>(), lanes = i32(WIDTH / S);
  for (let k = 0; k < n; k++) {
    const place = load<i32>(order + 4 * usize(k)), sign: T = load<f64>(d + 8 * usize(place)) < 0 ? -1 : 1;
    let from = panels + usize(place + MARGIN) * WIDTH;
    for (let first = 0; first < n; first += lanes, from += panelBytes(n)) {
      for (let j = 0; j < min(lanes, n - first); j++, x += S) store<T>(x, sign * load<T>(from + usize(j) * S));
    }
  }
}

/** The square root of x² + y². */
@inline
export function length(x: f64, y: f64): f64 {
  const square = x * x + y * y;
  if (square > 1e-280) return sqrt<f64>(square);
  const big = max<f64>(abs<f64>(x), abs<f64>(y));
  return big == 0 ? 0 : big * sqrt<f64>((x / big) * (x / big) + (y / big) * (y / big));
}
