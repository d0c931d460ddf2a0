// A long row sorted by several threads, in rounds: before each the leader does what needs all of the round before, then threads share the
// units, ranges of elements. There is one stable order, so it does not matter who moves what. Round 0 makes keys; then two rounds for each byte
// of a key count and move; the last one has no units.
import { CHUNK, countAll, COUNTER_BYTES, DIGITS, writeKeys } from "./keys";
import { moveLast, movePass, restore } from "./values";

/** Units of a round; src/loopnest/sort_plan.ts knows it too. */
const UNITS: i32 = 16;
/** Bytes of what the rounds tell each other: which digits differ, the first and last of them, passes done, a word for each unit. */
const HEAD: usize = 128;
const DIFFER: usize = 0;
const FIRST: usize = 4;
const LAST: usize = 8;
const DONE: usize = 12;
const LOST: usize = 16;

/** Where a unit begins. */
@inline
function startOf(unit: i32, n: i32): i32 {
  const length = ((n + UNITS - 1) / UNITS + 15) & ~15;
  return min(unit * length, n);
}

/** The counters of a unit for digit `b`. */
@inline
function countsOf<U>(scratch: usize, unit: i32, b: i32): usize {
  return scratch + HEAD + COUNTER_BYTES * (usize(unit) * sizeof<U>() + usize(b));
}

/** Where the keys are after so many passes. */
@inline
function keysAfter<U>(passes: i32, n: i32, scratch: usize): usize {
  const first = scratch + HEAD + COUNTER_BYTES * sizeof<U>() * UNITS;
  return passes & 1 ? first + usize(n) * sizeof<U>() : first;
}

/** Finds in which digits the keys differ. */
function compareDigits<U>(n: i32, scratch: usize): void {
  let differ = 0, first = -1, last = -1;
  for (let b = 0; b < i32(sizeof<U>()); b++) {
    const digit = 4 * usize(u8(load<U>(keysAfter<U>(0, n, scratch)) >> <U> (8 * b)));
    let count = 0;
    for (let unit = 0; unit < UNITS; unit++) count += load<i32>(countsOf<U>(scratch, unit, b) + digit);
    if (count == n) continue;
    differ |= 1 << b;
    if (first < 0) first = b;
    last = b;
  }
  store<i32>(scratch + DIFFER, differ);
  store<i32>(scratch + FIRST, first);
  store<i32>(scratch + LAST, last);
  store<i32>(scratch + DONE, 0);
}

/** Turns counts into addresses: each digit's elements in the order of units. */
function place<U>(b: i32, to: usize, scratch: usize): void {
  for (let digit = 0; digit < DIGITS; digit++) {
    for (let unit = 0; unit < UNITS; unit++) {
      const at = countsOf<U>(scratch, unit, b) + 4 * usize(digit);
      const count = usize(load<i32>(at));
      store<i32>(at, i32(to));
      to += count * sizeof<U>();
    }
  }
}

function countDigit<U>(n: i32, keys: usize, shift: i32, counts: usize): void {
  for (; n > 0; n--, keys += sizeof<U>()) {
    const at = counts + (usize(u8(load<U>(keys) >> <U> shift)) << 2);
    store<i32>(at, load<i32>(at) + 1);
  }
}

@inline
function lead<T, U>(round: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  const W = i32(sizeof<U>()), b = (round - 1) >> 1;
  if (round == 0) return;
  if (round == 1) compareDigits<U>(n, scratch);
  // What the round before moved.
  if ((round & 1) && round > 1 && (load<i32>(scratch + DIFFER) >> (b - 1)) & 1) {
    store<i32>(scratch + DONE, load<i32>(scratch + DONE) + 1);
  }
  if (round == 2 * W + 1) {
    if (load<i32>(scratch + DIFFER) == 0) {
      memory.copy(out, x, usize(n) * sizeof<T>());
    } else if (isFloat<T>()) {
      let isLost = 0;
      for (let unit = 0; unit < UNITS; unit++) isLost |= load<i32>(scratch + LOST + 4 * usize(unit));
      if (isLost) restore<T>(n, x, out);
    }
  } else if (!(round & 1) && (load<i32>(scratch + DIFFER) >> b) & 1) {
    const done = load<i32>(scratch + DONE);
    place<U>(b, b == load<i32>(scratch + LAST) ? out : keysAfter<U>(done + 1, n, scratch), scratch);
  }
}

@inline
function share<T, U>(round: i32, unit: i32, n: i32, x: usize, scratch: usize): void {
  const S = sizeof<U>(), b = (round - 1) >> 1;
  const from = startOf(unit, n), to = startOf(unit + 1, n);
  if (round == 0) {
    const counts = countsOf<U>(scratch, unit, 0), keys = keysAfter<U>(0, n, scratch);
    let isLost = false;
    memory.fill(counts, 0, COUNTER_BYTES * S);
    for (let i = from; i < to; i += CHUNK) {
      const size = min(CHUNK, to - i);
      if (writeKeys<T, U>(size, x + usize(i) * S, keys + usize(i) * S)) isLost = true;
      countAll<U>(size, keys + usize(i) * S, counts);
    }
    store<i32>(scratch + LOST + 4 * usize(unit), i32(isLost));
    return;
  }
  if (round > 2 * i32(S) || !((load<i32>(scratch + DIFFER) >> b) & 1)) return;
  const counts = countsOf<U>(scratch, unit, b), keys = keysAfter<U>(load<i32>(scratch + DONE), n, scratch);
  const isCounted = b == load<i32>(scratch + FIRST), isLast = b == load<i32>(scratch + LAST);
  if ((round & 1) && isCounted) return;
  if (round & 1) memory.fill(counts, 0, COUNTER_BYTES);
  for (let i = from; i < to; i += CHUNK) {
    const size = min(CHUNK, to - i), at = keys + usize(i) * S;
    if (round & 1) countDigit<U>(size, at, 8 * b, counts);
    else if (isLast) moveLast<T, U>(size, at, 8 * b, counts);
    else movePass<U>(size, at, 8 * b, counts);
  }
}

/** What the leader does before a round of sort_float32 on one row; `scratch` as `sort_plan.ts` says. */
export function sort_lead_float32(round: i32, rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  lead<f32, u32>(round, n, x, out, scratch);
}

/** A unit of a round; `own`, a thread's own memory, is not used. */
export function sort_share_float32(
  round: i32, unit: i32, rows: i32, n: i32, x: usize, out: usize, scratch: usize, own: usize,
): void {
  share<f32, u32>(round, unit, n, x, scratch);
}

/** As sort_lead_float32. */
export function sort_lead_float64(round: i32, rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  lead<f64, u64>(round, n, x, out, scratch);
}

/** As sort_share_float32. */
export function sort_share_float64(
  round: i32, unit: i32, rows: i32, n: i32, x: usize, out: usize, scratch: usize, own: usize,
): void {
  share<f64, u64>(round, unit, n, x, scratch);
}

/** As sort_lead_float32. */
export function sort_lead_int32(round: i32, rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  lead<i32, u32>(round, n, x, out, scratch);
}

/** As sort_share_float32. */
export function sort_share_int32(
  round: i32, unit: i32, rows: i32, n: i32, x: usize, out: usize, scratch: usize, own: usize,
): void {
  share<i32, u32>(round, unit, n, x, scratch);
}
