// Running sums of lines of floating elements, four at a time: a sum waits for the one before it for longer than anything else takes, so that
// four are first summed among themselves. A line goes in parts, each summed from 0 and then added to what came before it. Parts are what
// threads share, too; what is added to what does not depend on it. (Not products: that of a part may overflow where none from the start does.)

/** Elements of a part; a multiple of 4. */
export const PART: i32 = 4096;

/** The first two of four elements that follow each other from `x`, downwards where `reverse`; as f64. */
@inline
function firstTwo<T>(reverse: bool, x: usize): v128 {
  if (sizeof<T>() == 8) {
    if (!reverse) return v128.load(x);
    const v = v128.load(x - 8);
    return v128.shuffle<i64>(v, v, 1, 0);
  }
  if (!reverse) return f64x2.promote_low_f32x4(v128.load64_zero(x));
  const v = f64x2.promote_low_f32x4(v128.load64_zero(x - 4));
  return v128.shuffle<i64>(v, v, 1, 0);
}

/** Stores four results, two and two. */
@inline
function storeFour<T>(reverse: bool, out: usize, a: v128, b: v128): void {
  if (reverse) {
    const t = v128.shuffle<i64>(a, a, 1, 0);
    a = v128.shuffle<i64>(b, b, 1, 0);
    b = t;
    out -= 3 * sizeof<T>();
  }
  if (sizeof<T>() == 8) {
    v128.store(out, a);
    v128.store(out, b, 16);
  } else {
    v128.store(out, v128.shuffle<i64>(f32x4.demote_f64x2_zero(a), f32x4.demote_f64x2_zero(b), 0, 2));
  }
}

/** The first of two, and both. */
@inline
function running(v: v128): v128 {
  return f64x2.add(v, v128.shuffle<i64>(f64x2.splat(0), v, 0, 2));
}

@inline
function last(v: v128): v128 {
  return v128.shuffle<i64>(v, v, 1, 1);
}

/** The sum of a part, put together as in `part`. */
@inline
function total<T>(reverse: bool, n: i32, x: usize): f64 {
  const step = reverse ? 0 - sizeof<T>() : sizeof<T>();
  let sum = f64x2.splat(0);
  for (; n > 0; n -= 4, x += 4 * step) {
    const a = running(firstTwo<T>(reverse, x)), b = running(firstTwo<T>(reverse, x + 2 * step));
    sum = f64x2.add(sum, last(f64x2.add(b, last(a))));
  }
  return f64x2.extract_lane(sum, 0);
}

/** The running sums of a part, going on from `before`: gives what the next one goes on from. Operand and result may be the same array. */
@inline
function part<T>(reverse: bool, n: i32, x: usize, out: usize, before: f64): f64 {
  const step = reverse ? 0 - sizeof<T>() : sizeof<T>();
  const start = f64x2.splat(before);
  let sum = f64x2.splat(0);
  for (; n >= 4; n -= 4, x += 4 * step, out += 4 * step) {
    const a = running(firstTwo<T>(reverse, x));
    const b = f64x2.add(running(firstTwo<T>(reverse, x + 2 * step)), last(a));
    storeFour<T>(reverse, out, f64x2.add(start, f64x2.add(sum, a)), f64x2.add(start, f64x2.add(sum, b)));
    sum = f64x2.add(sum, last(b));
  }
  let r = f64x2.extract_lane(sum, 0);
  for (; n > 0; n--, x += step, out += step) {
    r += <f64> load<T>(x);
    store<T>(out, <T> (before + r));
  }
  return before + r;
}

// In functions of their own, so that the engine changes to its optimised code within a long line.

function totalUp<T>(n: i32, x: usize): f64 {
  return total<T>(false, n, x);
}

function totalDown<T>(n: i32, x: usize): f64 {
  return total<T>(true, n, x);
}

function partUp<T>(n: i32, x: usize, out: usize, before: f64): f64 {
  return part<T>(false, n, x, out, before);
}

function partDown<T>(n: i32, x: usize, out: usize, before: f64): f64 {
  return part<T>(true, n, x, out, before);
}

/** The running sums of a line, or of what is left of it from `x` on. */
@inline
export function sumLine<T>(reverse: i32, n: i32, x: usize, out: usize, before: f64): f64 {
  const step = reverse ? 0 - sizeof<T>() : sizeof<T>();
  for (; n > 0; n -= PART, x += PART * step, out += PART * step) {
    before = reverse
      ? partDown<T>(min(PART, n), x, out, before)
      : partUp<T>(min(PART, n), x, out, before);
  }
  return before;
}

/** Where part number `i` of a line of `n` elements begins, in bytes. */
@inline
function offset<T>(i: i32, n: i32, reverse: i32): usize {
  const at = usize(i) * PART;
  return (reverse ? usize(n - 1) - at : at) * sizeof<T>();
}

@inline
function totalsOf<T>(from: i32, to: i32, n: i32, reverse: i32, x: usize, totals: usize): void {
  for (let i = from; i < to; i++) {
    const at = x + offset<T>(i, n, reverse);
    store<f64>(totals + 8 * usize(i), reverse ? totalDown<T>(PART, at) : totalUp<T>(PART, at));
  }
}

@inline
function resultsOf<T>(
  from: i32, to: i32, n: i32, reverse: i32, x: usize, out: usize, starts: usize,
): void {
  for (let i = from; i < to; i++) {
    const at = offset<T>(i, n, reverse);
    sumLine<T>(reverse, min(PART, n - i * PART), x + at, out + at, load<f64>(starts + 8 * usize(i)));
  }
}

/** The totals of the whole parts `from` to `to` of x[n]: the first of three steps of cumsum_float32 on one line. */
export function cumsum_totals_float32(
  from: i32, to: i32, n: i32, reverse: i32, x: usize, totals: usize,
): void {
  totalsOf<f32>(from, to, n, reverse, x, totals);
}

/** As cumsum_totals_float32. */
export function cumsum_totals_float64(
  from: i32, to: i32, n: i32, reverse: i32, x: usize, totals: usize,
): void {
  totalsOf<f64>(from, to, n, reverse, x, totals);
}

/** The second step: totals[parts + 1] become what each part goes on from, and what is left of the line. */
export function cumsum_starts(parts: i32, totals: usize): void {
  let before: f64 = 0;
  for (let i = 0; i <= parts; i++, totals += 8) {
    const total = load<f64>(totals);
    store<f64>(totals, before);
    before += total;
  }
}

/** The third step: the results of parts `from` to `to`, the last of which may be what is left of the line. */
export function cumsum_results_float32(
  from: i32, to: i32, n: i32, reverse: i32, x: usize, out: usize, starts: usize,
): void {
  resultsOf<f32>(from, to, n, reverse, x, out, starts);
}

/** As cumsum_results_float32. */
export function cumsum_results_float64(
  from: i32, to: i32, n: i32, reverse: i32, x: usize, out: usize, starts: usize,
): void {
  resultsOf<f64>(from, to, n, reverse, x, out, starts);
}
