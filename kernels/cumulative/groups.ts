// Running sums of long lines of floating elements, in groups of parts that are run through side by side, since a sum waits for the one before it for
// longer than anything else takes: first the total of each part, then from the totals before it all that is in it. Groups are what
// threads share, too; what is added to what does not depend on it. (Not products: that of a part may overflow where none from the start does.)

/** Elements of a part, and of the four parts of a group. */
const PART: i32 = 1024;
export const GROUP: i32 = 4 * PART;

/** The totals of a group's parts, stored side by side. */
function totals<T, A>(x: usize, step: usize, out: usize): void {
  const d = PART * step;
  let a: A = 0, b = a, c = a, e = a;
  for (let i = 0; i < PART; i++, x += step) {
    a = a + <A> load<T>(x);
    b = b + <A> load<T>(x + d);
    c = c + <A> load<T>(x + 2 * d);
    e = e + <A> load<T>(x + 3 * d);
  }
  store<A>(out, a);
  store<A>(out, b, sizeof<A>());
  store<A>(out, c, 2 * sizeof<A>());
  store<A>(out, e, 3 * sizeof<A>());
}

/** The running results of a group, from what its parts start from. */
function running<T, A>(x: usize, out: usize, step: usize, a: A, b: A, c: A, e: A): void {
  const d = PART * step;
  for (let i = 0; i < PART; i++, x += step, out += step) {
    a = a + <A> load<T>(x);
    b = b + <A> load<T>(x + d);
    c = c + <A> load<T>(x + 2 * d);
    e = e + <A> load<T>(x + 3 * d);
    store<T>(out, <T> a);
    store<T>(out + d, <T> b);
    store<T>(out + 2 * d, <T> c);
    store<T>(out + 3 * d, <T> e);
  }
}

/** A group, going on from `r`: gives what the next one goes on from. Operand and result may be the same array. */
export function groupSum<T, A>(x: usize, out: usize, step: usize, r: A): A {
  const d = PART * step;
  let a: A = 0, b = a, c = a, e = a;
  for (let i = 0, p = x; i < PART; i++, p += step) {
    a = a + <A> load<T>(p);
    b = b + <A> load<T>(p + d);
    c = c + <A> load<T>(p + 2 * d);
    e = e + <A> load<T>(p + 3 * d);
  }
  const r1 = r + a, r2 = r1 + b, r3 = r2 + c;
  running<T, A>(x, out, step, r, r1, r2, r3);
  return r3 + e;
}

/** The totals of the parts of groups `from` to `to` of a line of `n` elements. */
@inline
function totalsOf<T, A>(from: i32, to: i32, n: i32, reverse: i32, x: usize, out: usize): void {
  const S = sizeof<T>();
  const step = reverse ? 0 - S : S;
  x += reverse ? usize(n - 1) * S : 0;
  for (let g = from; g < to; g++) {
    const at = x + usize(g) * GROUP * step, place = out + 4 * usize(g) * sizeof<A>();
    totals<T, A>(at, step, place);
  }
}

/** Turns totals into what each part goes on from; the place after the last is what comes after the last group. */
@inline
function startsOf<A>(groups: i32, totals: usize): void {
  let r: A = 0;
  for (let i = 0; i < 4 * groups; i++, totals += sizeof<A>()) {
    const total = load<A>(totals);
    store<A>(totals, r);
    r = r + total;
  }
  store<A>(totals, r);
}

/** The running results of groups `from` to `to`; the group after the last whole one is what is left of the line. */
@inline
function resultsOf<T, A>(
  from: i32, to: i32, n: i32, reverse: i32, x: usize, out: usize, starts: usize,
): void {
  const S = sizeof<T>();
  const step = reverse ? 0 - S : S;
  const first = reverse ? usize(n - 1) * S : 0;
  x += first + usize(from) * GROUP * step;
  out += first + usize(from) * GROUP * step;
  starts += 4 * usize(from) * sizeof<A>();
  for (let g = from; g < to; g++) {
    const a = load<A>(starts);
    if (g < n / GROUP) {
      const b = load<A>(starts, sizeof<A>()), c = load<A>(starts, 2 * sizeof<A>());
      const e = load<A>(starts, 3 * sizeof<A>());
      running<T, A>(x, out, step, a, b, c, e);
    } else {
      let r = a;
      for (let left = n % GROUP; left > 0; left--, x += step, out += step) {
        r = r + <A> load<T>(x);
        store<T>(out, <T> r);
      }
    }
    x += GROUP * step;
    out += GROUP * step;
    starts += 4 * sizeof<A>();
  }
}

/** The totals of groups `from` to `to` of x[n], four for each, as f64: the first of three steps of cumsum_float32 on one line. */
export function cumsum_totals_float32(
  from: i32, to: i32, n: i32, reverse: i32, x: usize, totals: usize,
): void {
  totalsOf<f32, f64>(from, to, n, reverse, x, totals);
}

/** As cumsum_totals_float32. */
export function cumsum_totals_float64(
  from: i32, to: i32, n: i32, reverse: i32, x: usize, totals: usize,
): void {
  totalsOf<f64, f64>(from, to, n, reverse, x, totals);
}

/** The second step: totals[4 · groups + 1] become what each part goes on from. */
export function cumsum_starts(groups: i32, totals: usize): void {
  startsOf<f64>(groups, totals);
}

/** The third step: the results of groups `from` to `to`, number n / 4096 being what is left of the line. */
export function cumsum_results_float32(
  from: i32, to: i32, n: i32, reverse: i32, x: usize, out: usize, starts: usize,
): void {
  resultsOf<f32, f64>(from, to, n, reverse, x, out, starts);
}

/** As cumsum_results_float32. */
export function cumsum_results_float64(
  from: i32, to: i32, n: i32, reverse: i32, x: usize, out: usize, starts: usize,
): void {
  resultsOf<f64, f64>(from, to, n, reverse, x, out, starts);
}
