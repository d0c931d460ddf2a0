// Windows of any size, step, dilation and padding over single features: depthwise convolutions that nine.ts has no form for. A block of rows is
// copied with zeros around it, into the first or second cache; where windows move by two, elements at even places and those at odd ones apart, so
// that they are read like others. Tiles of four rows and two vectors are then in registers while the window is gone through.
import { madd } from "../math/madd";
import {
  BATCH, field, GROUPS, OUT_BATCH, OUT_GROUP, OUT_ROW, ROWS, splat, WINDOWS_BLOCK, WINDOWS_COLUMNS, WINDOWS_DILATION, WINDOWS_DOWN, WINDOWS_FIRST_ROW,
  WINDOWS_LEFT, WINDOWS_LINE_DILATION, WINDOWS_LINE_STEP, WINDOWS_LINES, WINDOWS_OUT_LINE, WINDOWS_RIGHT, WINDOWS_ROWS, WINDOWS_STEP,
  WINDOWS_TAP, WINDOWS_TAP_COLUMN, WINDOWS_TAP_ROW, WINDOWS_TOP, WINDOWS_WIDTH, WINDOWS_X_LINE, W_GROUP, W_ROW, X_BATCH, X_GROUP,
} from "./spec";

/** Bytes of the table for each element of the window: where it reads, from the window's beginning, and what it is, in all lanes. */
const ENTRY: usize = 32;

/** Two vectors of each of four rows; the second is `d` bytes after the first. */
function tile<T>(table: usize, end: usize, x: usize, xs: usize, d: usize, out: usize, os: usize): void {
  let a0 = i32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
  for (; table != end; table += ENTRY) {
    let s = x + usize(load<i32>(table));
    const w = v128.load(table, 16);
    a0 = madd<T>(v128.load(s), w, a0);
    a1 = madd<T>(v128.load(s + d), w, a1);
    s += xs;
    b0 = madd<T>(v128.load(s), w, b0);
    b1 = madd<T>(v128.load(s + d), w, b1);
    s += xs;
    c0 = madd<T>(v128.load(s), w, c0);
    c1 = madd<T>(v128.load(s + d), w, c1);
    s += xs;
    d0 = madd<T>(v128.load(s), w, d0);
    d1 = madd<T>(v128.load(s + d), w, d1);
  }
  v128.store(out, a0);
  v128.store(out + d, a1);
  out += os;
  v128.store(out, b0);
  v128.store(out + d, b1);
  out += os;
  v128.store(out, c0);
  v128.store(out + d, c1);
  out += os;
  v128.store(out, d0);
  v128.store(out + d, d1);
}

/** One vector. */
function single<T>(table: usize, end: usize, x: usize, out: usize): void {
  let sum = i32x4.splat(0);
  for (; table != end; table += ENTRY) sum = madd<T>(v128.load(x + usize(load<i32>(table))), v128.load(table, 16), sum);
  v128.store(out, sum);
}

/** `rows` rows of the output. Tiles and vectors that would not be whole begin earlier: what they compute again comes out the same. */
function compute<T>(
  table: usize, end: usize, x: usize, xs: usize, rows: i32, columns: i32, out: usize, os: usize,
): void {
  const S = i32(sizeof<T>()), V = 16 / S;
  if (rows < 4) {
    for (; rows > 0; rows--, x += xs, out += os) {
      for (let j = 0; j < columns; j += V) {
        const at = usize(min(j, columns - V) * S);
        single<T>(table, end, x + at, out + at);
      }
    }
    return;
  }
  // Of rows shorter than two vectors these overlap.
  const d = usize(min(V, columns - V) * S);
  for (let i = 0; i < rows; i += 4) {
    const row = usize(min(i, rows - 4));
    const xr = x + row * xs, or = out + row * os;
    for (let j = 0; j < columns; j += 2 * V) {
      const at = usize(max(0, min(j, columns - 2 * V)) * S);
      tile<T>(table, end, xr + at, xs, d, or + at, os);
    }
  }
}

/** `bytes` bytes of zeros, whole elements. */
@inline
function clear<T>(at: usize, bytes: usize): void {
  for (const end = at + bytes; at != end; at += sizeof<T>()) store<T>(at, 0);
}

/** A row of `width` elements between zeros: `padded` with these, the first `low` places after the beginning (before it, where it is negative). */
function copyLine<T>(x: usize, width: i32, low: i32, padded: i32, to: usize): void {
  const S = sizeof<T>();
  const from = min(padded, max(0, low)), until = max(from, min(padded, width + low));
  clear<T>(to, usize(from) * S);
  clear<T>(to + usize(until) * S, usize(padded - until) * S);
  let src = x + usize(from - low) * S, dst = to + usize(from) * S;
  const end = to + usize(until) * S;
  for (; dst + 16 <= end; dst += 16, src += 16) v128.store(dst, v128.load(src));
  for (; dst != end; dst += S, src += S) store<T>(dst, load<T>(src));
}

/** The same, of which elements at even places lie side by side, and `each` bytes after them begin those at odd ones. */
function copyApart<T>(x: usize, width: i32, low: i32, padded: i32, to: usize, each: usize): void {
  const S = sizeof<T>(), V = i32(16 / S);
  let i = 0, dst = to;
  for (; i < padded && i < low; i += 2, dst += S) {
    store<T>(dst, 0);
    store<T>(dst + each, i + 1 == low && i + 1 < padded && width > 0 ? load<T>(x) : 0);
  }
  let src = x + usize(i - low) * S;
  for (const end = min(padded, width + low) - 2 * V; i <= end; i += 2 * V, src += 32, dst += 16) {
    const a = v128.load(src), b = v128.load(src, 16);
    if (sizeof<T>() == 4) {
      v128.store(dst, v128.shuffle<i32>(a, b, 0, 2, 4, 6));
      v128.store(dst + each, v128.shuffle<i32>(a, b, 1, 3, 5, 7));
    } else {
      v128.store(dst, v128.shuffle<i64>(a, b, 0, 2));
      v128.store(dst + each, v128.shuffle<i64>(a, b, 1, 3));
    }
  }
  for (; i < padded; i += 2, src += 2 * S, dst += S) {
    const at = i - low;
    store<T>(dst, at < width ? load<T>(src) : 0);
    store<T>(dst + each, at + 1 < width ? load<T>(src, sizeof<T>()) : 0);
  }
}

/** All of a convolution whose description has this form. */
export function convolveWindows<T>(spec: usize, form: usize, x: usize, w: usize, out: usize, scratch: usize): void {
  const S = i32(sizeof<T>());
  const groups = field(spec, GROUPS), batch = field(spec, BATCH), m = field(spec, ROWS);
  const down = field(form, WINDOWS_DOWN), right = field(form, WINDOWS_RIGHT);
  const byLine = field(form, WINDOWS_LINE_STEP), by = field(form, WINDOWS_STEP);
  const columns = field(form, WINDOWS_COLUMNS), block = field(form, WINDOWS_BLOCK);
  const from = field(form, WINDOWS_FIRST_ROW), to = from + field(form, WINDOWS_ROWS);
  const lines = field(form, WINDOWS_LINES), width = field(form, WINDOWS_WIDTH), left = field(form, WINDOWS_LEFT);
  const padded = (columns - 1) * by + (right - 1) * field(form, WINDOWS_DILATION) + 1;
  const each = usize((padded + by - 1) / by * S), pitch = each * usize(by);
  const across = (down - 1) * field(form, WINDOWS_LINE_DILATION) + 1;
  const os = usize(field(form, WINDOWS_OUT_LINE) * S);
  const table = scratch, end = table + usize(down * right) * ENTRY, copy = end;
  for (let u = 0, p = table; u < down; u++) {
    for (let v = 0; v < right; v++, p += ENTRY) {
      const along = v * field(form, WINDOWS_DILATION);
      const line = usize(u * field(form, WINDOWS_LINE_DILATION)) * pitch;
      store<i32>(p, i32(line + usize(along % by) * each) + along / by * S);
    }
  }
  for (let g = 0; g < groups; g++) {
    for (let e = 0; e < batch; e++) {
      const xe = x + usize((g * field(spec, X_GROUP) + e * field(spec, X_BATCH)) * S);
      for (let row = from; row < to; row += block) {
        const rows = min(block, to - row);
        let line = row * byLine - field(form, WINDOWS_TOP);
        const last = line + (rows - 1) * byLine + across;
        for (let dst = copy; line < last; line++, dst += pitch) {
          const src = xe + usize(line * field(form, WINDOWS_X_LINE) * S);
          if (line < 0 || line >= lines) clear<T>(dst, pitch);
          else if (by == 1) copyLine<T>(src, width, left, padded, dst);
          else copyApart<T>(src, width, left, padded, dst, each);
        }
        for (let i = 0; i < m; i++) {
          let wi = w + usize((g * field(spec, W_GROUP) + i * field(spec, W_ROW) + field(form, WINDOWS_TAP)) * S);
          for (let u = 0, p = table; u < down; u++, wi += usize(field(form, WINDOWS_TAP_ROW) * S)) {
            for (let v = 0; v < right; v++, p += ENTRY) {
              v128.store(p, splat<T>(wi + usize(v * field(form, WINDOWS_TAP_COLUMN) * S)), 16);
            }
          }
          const o = out + usize((g * field(spec, OUT_GROUP) + e * field(spec, OUT_BATCH) + i * field(spec, OUT_ROW)) * S) + usize(row) * os;
          compute<T>(table, end, copy, pitch * usize(byLine), rows, columns, o, os);
        }
      }
    }
  }
}
