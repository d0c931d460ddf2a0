// One transform, or those of one [n, inner], by several threads, in rounds: where neighbours lie apart all is in one round. Else columns are in the first and
// rows in the second; what goes before and comes after of real rows, which is little, the leader does.
import { columns, inLines, linesOf, middleBytes, rows, width } from "./complex";
import { afterRoots, between } from "./fft";
import { BACKWARDS, FROM_HALF, TO_ALL, TO_HALF } from "./kinds";
import { fromPairs, mirror, toPairs } from "./real";

/** Units of a round; src/loopnest/fourier_plan.ts knows it too. */
const UNITS: i32 = 8;

/** Where unit `unit` of `count` things begins. */
@inline
function startOf(unit: i32, count: i32): i32 {
  return i32(i64(unit) * i64(count) / UNITS);
}

/** Behind what the leader moves in scratch. */
@inline
function middleOf<T>(n: i32, kind: i32, scratch: usize): usize {
  return kind < TO_HALF ? scratch : scratch + usize(inLines(2 * n)) * sizeof<T>();
}

@inline
function lead<T>(round: i32, n: i32, inner: i32, kind: i32, x: usize, table: usize, out: usize, scratch: usize): void {
  if (inner > 1) return;
  if (kind == FROM_HALF && round == 0) toPairs<T>(n >> 1, x, table, scratch);
  if (round < 2) return;
  fromPairs<T>(n >> 1, scratch, table, out);
  if (kind >= TO_ALL) mirror<T>(n, kind > TO_ALL, out);
}

@inline
function share<T>(
  round: i32, unit: i32, n: i32, inner: i32, kind: i32, scale: T, x: usize, table: usize, out: usize, scratch: usize,
  own: usize,
): void {
  if (inner > 1) {
    const lines = (inner + width<T>() - 1) / width<T>();
    const first = startOf(unit, lines) * width<T>(), last = min(startOf(unit + 1, lines) * width<T>(), inner);
    return between<T>(n, inner, first, last, kind, scale, x, table, out, own);
  }
  if (round > 1) return;
  const plan = kind < TO_HALF ? table : afterRoots<T>(n, table), middle = middleOf<T>(n, kind, scratch);
  const lines = linesOf<T>(plan, round == 1), first = startOf(unit, lines), last = startOf(unit + 1, lines);
  const isFromReal = kind == TO_HALF || kind >= TO_ALL, flip = kind == BACKWARDS || kind == FROM_HALF;
  if (round == 0) columns<T>(first, last, kind == FROM_HALF ? scratch : x, flip, plan, middle, own);
  else {
    const by = isFromReal ? scale * <T> 0.5 : scale;
    rows<T>(first, last, middle, isFromReal ? scratch : out, flip, by, plan, own);
  }
}

/** What the leader does before a round of fft_float32. */
export function fft_lead_float32(
  round: i32, outer: i32, n: i32, inner: i32, kind: i32, scale: f64, x: usize, table: usize, out: usize, scratch: usize,
): void {
  lead<f32>(round, n, inner, kind, x, table, out, scratch);
}

/** A unit of a round; `own` is memory of the thread's, of which src/loopnest/fourier_plan.ts says how much. */
export function fft_share_float32(
  round: i32, unit: i32, outer: i32, n: i32, inner: i32, kind: i32, scale: f64, x: usize, table: usize, out: usize,
  scratch: usize, own: usize,
): void {
  share<f32>(round, unit, n, inner, kind, <f32> scale, x, table, out, scratch, own);
}

/** As fft_lead_float32. */
export function fft_lead_float64(
  round: i32, outer: i32, n: i32, inner: i32, kind: i32, scale: f64, x: usize, table: usize, out: usize, scratch: usize,
): void {
  lead<f64>(round, n, inner, kind, x, table, out, scratch);
}

/** As fft_share_float32. */
export function fft_share_float64(
  round: i32, unit: i32, outer: i32, n: i32, inner: i32, kind: i32, scale: f64, x: usize, table: usize, out: usize,
  scratch: usize, own: usize,
): void {
  share<f64>(round, unit, n, inner, kind, scale, x, table, out, scratch, own);
}
