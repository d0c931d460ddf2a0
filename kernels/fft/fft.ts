// The transforms that programs call.
import { inLines, rowsAtOnce, transformRows } from "./complex";
import { completed, fromPairs, realParts, toPairs, widened } from "./real";

@inline
function complexRows<T>(rows: i32, n: i32, flip: bool, scale: T, x: usize, plan: usize, out: usize, scratch: usize): void {
  const bytes = usize(2 * n) * sizeof<T>(), group = rowsAtOnce<T>(plan);
  for (; rows > 0; rows -= group, x += usize(group) * bytes, out += usize(group) * bytes) {
    transformRows<T>(min(rows, group), n, x, bytes, out, bytes, flip, scale, plan, scratch);
  }
}

@inline
function realToComplex<T>(rows: i32, n: i32, scale: T, x: usize, table: usize, out: usize, scratch: usize): void {
  const S = sizeof<T>(), h = n >> 1, isEven = (n & 1) == 0;
  const plan = isEven ? table + usize(inLines(2 * (h / 2 + 1))) * S : table;
  const group = rowsAtOnce<T>(plan), xBytes = usize(n) * S, outBytes = usize(2 * (h + 1)) * S;
  const bytes = usize(2 * n) * S, room = usize(inLines(2 * n * group)) * S;
  const z = scratch, wide = z + room, rest = isEven ? wide : wide + room;
  for (; rows > 0; rows -= group) {
    const count = min(rows, group);
    if (isEven) transformRows<T>(count, h, x, xBytes, z, bytes, false, scale * <T> 0.5, plan, rest);
    else {
      for (let i = 0; i < count; i++) widened<T>(n, x + usize(i) * xBytes, wide + usize(i) * bytes);
      transformRows<T>(count, n, wide, bytes, z, bytes, false, scale, plan, rest);
    }
    for (let i = 0; i < count; i++, x += xBytes, out += outBytes) {
      const from = z + usize(i) * bytes;
      if (isEven) fromPairs<T>(h, from, table, out);
      else {
        memory.copy(out, from, outBytes);
        store<T>(out + S, 0);
      }
    }
  }
}

@inline
function complexToReal<T>(rows: i32, n: i32, scale: T, x: usize, table: usize, out: usize, scratch: usize): void {
  const S = sizeof<T>(), h = n >> 1, isEven = (n & 1) == 0;
  const plan = isEven ? table + usize(inLines(2 * (h / 2 + 1))) * S : table;
  const group = rowsAtOnce<T>(plan), xBytes = usize(2 * (h + 1)) * S, outBytes = usize(n) * S;
  const bytes = usize(2 * n) * S, room = usize(inLines(2 * n * group)) * S;
  const z = scratch, wide = z + room, rest = isEven ? wide : wide + room;
  for (; rows > 0; rows -= group) {
    const count = min(rows, group);
    for (let i = 0; i < count; i++, x += xBytes) {
      const to = z + usize(i) * bytes;
      if (isEven) toPairs<T>(h, x, table, to);
      else completed<T>(n, x, to);
    }
    if (isEven) transformRows<T>(count, h, z, bytes, out, outBytes, true, scale, plan, rest);
    else {
      transformRows<T>(count, n, z, bytes, wide, bytes, true, scale, plan, rest);
      for (let i = 0; i < count; i++) realParts<T>(n, wide + usize(i) * bytes, out + usize(i) * outBytes);
    }
    out += usize(count) * outBytes;
  }
}

@inline
function fft<T>(rows: i32, n: i32, kind: i32, scale: T, x: usize, table: usize, out: usize, scratch: usize): void {
  if (kind < 2) complexRows<T>(rows, n, kind == 1, scale, x, table, out, scratch);
  else if (kind == 2) realToComplex<T>(rows, n, scale, x, table, out, scratch);
  else complexToReal<T>(rows, n, scale, x, table, out, scratch);
}

/**
 * Transforms of rows of n elements (on the real side), times `scale`; kind 0: Σ x[j] exp(-2πi·j·k/n), 1: with the other sign, 2: real rows, frequencies
 * 0 … n/2 alone, 3: the way back. `table` and the size of `scratch` are those of src/loopnest/fourier_plan.ts.
 */
export function fft_float32(rows: i32, n: i32, kind: i32, scale: f64, x: usize, table: usize, out: usize, scratch: usize): void {
  fft<f32>(rows, n, kind, <f32> scale, x, table, out, scratch);
}

/** As fft_float32, in f64. */
export function fft_float64(rows: i32, n: i32, kind: i32, scale: f64, x: usize, table: usize, out: usize, scratch: usize): void {
  fft<f64>(rows, n, kind, scale, x, table, out, scratch);
}
