// The transforms that programs call.
import { inLines, rowsAtOnce, transformRows, width } from "./complex";
import { BACKWARDS, FROM_HALF, TO_ALL, TO_HALF } from "./kinds";
import { exchange } from "./moves";
import { completed, fromPairs, mirror, realParts, toPairs, widened } from "./real";

/** Elements that a row has, of what is given and of what comes out. */
@inline
function elementsGiven(kind: i32, n: i32): i32 {
  return kind < TO_HALF ? 2 * n : kind == FROM_HALF ? 2 * (n / 2 + 1) : n;
}

@inline
function elementsMade(kind: i32, n: i32): i32 {
  return kind == FROM_HALF ? n : kind == TO_HALF ? 2 * (n / 2 + 1) : 2 * n;
}

function complexRows<T>(
  rows: i32, n: i32, flip: bool, scale: T, x: usize, xApart: usize, plan: usize, out: usize, outApart: usize, scratch: usize,
): void {
  const group = rowsAtOnce<T>(plan);
  for (; rows > 0; rows -= group, x += usize(group) * xApart, out += usize(group) * outApart) {
    transformRows<T>(min(rows, group), n, x, xApart, out, outApart, flip, scale, plan, scratch);
  }
}

/** Where the plan of the transform of half of an even length is: behind the roots of unity of all of it. */
@inline
export function afterRoots<T>(n: i32, table: usize): usize {
  return table + usize(inLines(2 * (n / 4 + 1))) * sizeof<T>();
}

/** From real rows; `kind` tells how many of the frequencies. */
function realToComplex<T>(
  rows: i32, n: i32, kind: i32, scale: T, x: usize, xApart: usize, table: usize, out: usize, outApart: usize, scratch: usize,
): void {
  const S = sizeof<T>(), h = n >> 1, isEven = (n & 1) == 0;
  const plan = isEven ? afterRoots<T>(n, table) : table;
  const group = rowsAtOnce<T>(plan);
  const bytes = usize(2 * n) * S, room = usize(inLines(2 * n * group)) * S;
  const z = scratch, wide = z + room, rest = isEven ? wide : wide + room;
  for (; rows > 0; rows -= group) {
    const count = min(rows, group);
    if (isEven) transformRows<T>(count, h, x, xApart, z, bytes, false, scale * <T> 0.5, plan, rest);
    else {
      for (let i = 0; i < count; i++) widened<T>(n, x + usize(i) * xApart, wide + usize(i) * bytes);
      transformRows<T>(count, n, wide, bytes, z, bytes, false, scale, plan, rest);
    }
    for (let i = 0; i < count; i++, x += xApart, out += outApart) {
      const from = z + usize(i) * bytes;
      if (isEven) fromPairs<T>(h, from, table, out);
      else {
        memory.copy(out, from, usize(2 * (h + 1)) * S);
        store<T>(out + S, 0);
      }
      if (kind >= TO_ALL) mirror<T>(n, kind > TO_ALL, out);
    }
  }
}

function complexToReal<T>(
  rows: i32, n: i32, scale: T, x: usize, xApart: usize, table: usize, out: usize, outApart: usize, scratch: usize,
): void {
  const S = sizeof<T>(), h = n >> 1, isEven = (n & 1) == 0;
  const plan = isEven ? afterRoots<T>(n, table) : table;
  const group = rowsAtOnce<T>(plan);
  const bytes = usize(2 * n) * S, room = usize(inLines(2 * n * group)) * S;
  const z = scratch, wide = z + room, rest = isEven ? wide : wide + room;
  for (; rows > 0; rows -= group) {
    const count = min(rows, group);
    for (let i = 0; i < count; i++, x += xApart) {
      const to = z + usize(i) * bytes;
      if (isEven) toPairs<T>(h, x, table, to);
      else completed<T>(n, x, to);
    }
    if (isEven) transformRows<T>(count, h, z, bytes, out, outApart, true, scale, plan, rest);
    else {
      transformRows<T>(count, n, z, bytes, wide, bytes, true, scale, plan, rest);
      for (let i = 0; i < count; i++) realParts<T>(n, wide + usize(i) * bytes, out + usize(i) * outApart);
    }
    out += usize(count) * outApart;
  }
}

@inline
function rowsOf<T>(
  rows: i32, n: i32, kind: i32, scale: T, x: usize, xApart: usize, table: usize, out: usize, outApart: usize, scratch: usize,
): void {
  if (kind < TO_HALF) complexRows<T>(rows, n, kind == BACKWARDS, scale, x, xApart, table, out, outApart, scratch);
  else if (kind == FROM_HALF) complexToReal<T>(rows, n, scale, x, xApart, table, out, outApart, scratch);
  else realToComplex<T>(rows, n, kind, scale, x, xApart, table, out, outApart, scratch);
}

/** Of one of `outer`: inner elements from `first` to `last`, at a multiple of the width; some at a time become rows. */
export function between<T>(
  n: i32, inner: i32, first: i32, last: i32, kind: i32, scale: T, x: usize, table: usize, out: usize, scratch: usize,
): void {
  const S = sizeof<T>(), given = elementsGiven(kind, n), made = elementsMade(kind, n);
  // These are not a power of two apart.
  const xIs = kind < TO_HALF || kind == FROM_HALF ? 2 * S : S, outIs = kind == FROM_HALF ? S : 2 * S;
  const xApart = usize(inLines(given) + 16) * S, outApart = usize(inLines(made) + 16) * S;
  const a = scratch, b = a + usize(width<T>()) * xApart, rest = b + usize(width<T>()) * outApart;
  const xRows = i32(usize(given) * S / xIs), outRows = i32(usize(made) * S / outIs);
  for (let i = first; i < last; i += width<T>()) {
    const count = min(width<T>(), last - i);
    exchange(xRows, count, x + usize(i) * xIs, usize(inner) * xIs, xIs, a, xIs, xApart);
    rowsOf<T>(count, n, kind, scale, a, xApart, table, b, outApart, rest);
    exchange(outRows, count, b, outIs, outApart, out + usize(i) * outIs, usize(inner) * outIs, outIs);
  }
}

@inline
function fft<T>(
  outer: i32, n: i32, inner: i32, kind: i32, scale: T, x: usize, table: usize, out: usize, scratch: usize,
): void {
  const given = usize(elementsGiven(kind, n)) * sizeof<T>(), made = usize(elementsMade(kind, n)) * sizeof<T>();
  if (inner == 1) return rowsOf<T>(outer, n, kind, scale, x, given, table, out, made, scratch);
  for (; outer > 0; outer--, x += given * usize(inner), out += made * usize(inner)) {
    between<T>(n, inner, 0, inner, kind, scale, x, table, out, scratch);
  }
}

/**
 * Transforms along the middle axis of [outer, n, inner] (n elements on the real side), times `scale`; kind 0: Σ x[j] exp(-2πi·j·k/n), 1: with the other
 * sign, 2: of real numbers, frequencies 0 … n/2 alone, 3: the way back, 4 and 5: as 0 and 1, of real numbers. `table` and the size of `scratch` are those
 * of src/loopnest/fourier_plan.ts.
 */
export function fft_float32(
  outer: i32, n: i32, inner: i32, kind: i32, scale: f64, x: usize, table: usize, out: usize, scratch: usize,
): void {
  fft<f32>(outer, n, inner, kind, <f32> scale, x, table, out, scratch);
}

/** As fft_float32, in f64. */
export function fft_float64(
  outer: i32, n: i32, inner: i32, kind: i32, scale: f64, x: usize, table: usize, out: usize, scratch: usize,
): void {
  fft<f64>(outer, n, inner, kind, scale, x, table, out, scratch);
}
