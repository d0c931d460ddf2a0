// A long row sorted, or put in order, by several threads, in rounds: before each the leader does what needs all of the round before, then threads share the
// units, ranges of elements. There is one stable order, so it does not matter who moves what. Round 0 makes keys, round 1 counts the first digit
// in which they differ, and each further round moves them by a digit and counts the next, for the unit that will find them there; the
// last one has no units. What moves are keys, or, where positions are wanted, words of 8 bytes with the position in the lower half and the
// key in the upper one.
//
// In what follows `T` is an element, `U` its key, and `P` what moves.
import { CHUNK, COUNTER_BYTES, DIGITS, keyOf, nextPlace, slotOf, writeKeys } from "./keys";
import { pairsLast } from "./argsort";
import { moveLast, restore } from "./values";

/** Units of a round; src/loopnest/sort_plan.ts knows it too. */
const UNITS: i32 = 8;
/** Where a unit notes that it met NaN or -0, and in which bits its keys differ from the first of all. */
const LOST: usize = 0;
const DIFFER: usize = 64;
/** Which digits differ, the one at hand and the next (-1: none), and passes done. */
const MASK: usize = 128;
const DIGIT: usize = 132;
const NEXT: usize = 136;
const DONE: usize = 140;
/** Bytes of all this; src/loopnest/sort_plan.ts knows it too. */
const HEAD: usize = 192;

/** Elements of a unit: the next power of two, so that places tell units by a shift. */
@inline
function unitShift(n: i32): i32 {
  return 32 - clz<i32>((n + UNITS - 1) / UNITS - 1);
}

/** Where a unit begins. */
@inline
function startOf(unit: i32, n: i32): i32 {
  return i32(min<i64>(i64(unit) << unitShift(n), n));
}

/** The places of a unit's next elements by digit. */
@inline
function placesOf(scratch: usize, unit: i32): usize {
  return scratch + HEAD + COUNTER_BYTES * usize(unit);
}

/** What a unit counted, for each unit that will find it. */
@inline
function countsOf(scratch: usize, unit: i32): usize {
  return scratch + HEAD + COUNTER_BYTES * usize(UNITS + UNITS * unit);
}

/** The lowest bit of a key in what moves. */
@inline
function keyShift<U, P>(): i32 {
  return 8 * i32(sizeof<P>() - sizeof<U>());
}

/** Where the keys are after so many passes. */
@inline
function keysAfter<P>(passes: i32, n: i32, scratch: usize): usize {
  const first = scratch + HEAD + COUNTER_BYTES * (UNITS + UNITS * UNITS);
  return passes & 1 ? first + usize(n) * sizeof<P>() : first;
}

/** The first digit from `b` on in which keys differ, or -1. */
function digitFrom(b: i32, scratch: usize): i32 {
  const mask = load<i32>(scratch + MASK) >> b;
  return mask == 0 ? -1 : b + ctz<i32>(mask);
}

/** Finds in which digits the keys differ. */
function compareDigits<U>(scratch: usize): void {
  let differ: u64 = 0, mask = 0;
  for (let unit = 0; unit < UNITS; unit++) differ |= load<u64>(scratch + DIFFER + 8 * usize(unit));
  for (let b = 0; b < i32(sizeof<U>()); b++) {
    if (u8(differ >> u64(8 * b))) mask |= 1 << b;
  }
  store<i32>(scratch + MASK, mask);
  store<i32>(scratch + DIGIT, digitFrom(0, scratch));
  store<i32>(scratch + DONE, 0);
}

/** Turns what was counted into places, `bytes` apart: each digit's elements in the order of units. */
function place(to: usize, bytes: usize, scratch: usize): void {
  for (let digit = 0; digit < DIGITS; digit++) {
    const at = 4 * usize(digit);
    for (let unit = 0; unit < UNITS; unit++) {
      store<i32>(placesOf(scratch, unit) + at, i32(to));
      let count = 0;
      for (let from = 0; from < UNITS; from++) {
        count += load<i32>(countsOf(scratch, from) + COUNTER_BYTES * usize(unit) + at);
      }
      to += usize(count) * bytes;
    }
  }
}

function countDigit<U>(n: i32, keys: usize, shift: i32, counts: usize): void {
  for (; n > 0; n--, keys += sizeof<U>()) {
    const at = counts + (usize(u8(load<U>(keys) >> <U> shift)) << 2);
    store<i32>(at, load<i32>(at) + 1);
  }
}

/** The bits in which keys differ from `first`. */
function bitsApart<U>(n: i32, keys: usize, first: U): U {
  let bits: U = 0;
  for (; n > 0; n--, keys += sizeof<U>()) bits |= load<U>(keys) ^ first;
  return bits;
}

/** A pass that counts the next digit; from places to units it is `unit` bits, from the address `base` on. */
function moveAndCount<U>(
  n: i32, keys: usize, shift: i32, places: usize, nextShift: i32, counts: usize, base: usize, unit: i32,
): void {
  for (; n > 0; n--, keys += sizeof<U>()) {
    const key = load<U>(keys);
    const at = nextPlace(slotOf<U>(key, shift, places), sizeof<U>());
    store<U>(at, key);
    const counter = counts + (((at - base) >> unit) << 10) + (usize(u8(key >> <U> nextShift)) << 2);
    store<i32>(counter, load<i32>(counter) + 1);
  }
}

/** What there is to do where all keys agree. */
@inline
function keepOrder<T, U, P>(n: i32, x: usize, out: usize): void {
  if (sizeof<P>() == sizeof<U>()) {
    memory.copy(out, x, usize(n) * sizeof<T>());
  } else {
    for (let i = 0; i < n; i++, out += 4) store<i32>(out, i);
  }
}

@inline
function lead<T, U, P>(round: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  if (round == 0) return;
  if (round == 1) return compareDigits<U>(scratch);
  if (round > 2 && load<i32>(scratch + DIGIT) >= 0) {
    store<i32>(scratch + DIGIT, load<i32>(scratch + NEXT));
    store<i32>(scratch + DONE, load<i32>(scratch + DONE) + 1);
  }
  const digit = load<i32>(scratch + DIGIT);
  if (digit >= 0) {
    const next = digitFrom(digit + 1, scratch);
    store<i32>(scratch + NEXT, next);
    if (next < 0) place(out, sizeof<U>(), scratch); // positions are as wide as keys
    else place(keysAfter<P>(load<i32>(scratch + DONE) + 1, n, scratch), sizeof<P>(), scratch);
  }
  if (round < i32(sizeof<U>()) + 2) return;
  if (load<i32>(scratch + MASK) == 0) {
    keepOrder<T, U, P>(n, x, out);
  } else if (isFloat<T>() && sizeof<P>() == sizeof<U>()) {
    let isLost = 0;
    for (let unit = 0; unit < UNITS; unit++) isLost |= load<i32>(scratch + LOST + 4 * usize(unit));
    if (isLost) restore<T>(n, x, out);
  }
}

/** Writes keys; gives the bits in which they differ from `first`, and notes whether elements are not what their keys say. */
@inline
function makeKeys<T, U>(from: i32, to: i32, x: usize, keys: usize, first: U, lost: usize): u64 {
  let isLost = false, differ: U = 0;
  for (let i = from; i < to; i += CHUNK) {
    const size = min(CHUNK, to - i), at = keys + usize(i) * sizeof<U>();
    if (writeKeys<T, U>(size, x + usize(i) * sizeof<T>(), at)) isLost = true;
    differ |= bitsApart<U>(size, at, first);
  }
  store<i32>(lost, i32(isLost));
  return u64(differ);
}

/** Writes keys with their positions; gives the bits in which keys differ from `first`. */
function makePairs<T>(from: i32, to: i32, x: usize, pairs: usize, first: u32): u64 {
  let differ: u32 = 0;
  x += usize(from) * sizeof<T>();
  pairs += 8 * usize(from);
  for (let i = from; i < to; i++, x += sizeof<T>(), pairs += 8) {
    const key = keyOf<T, u32>(load<T>(x));
    differ |= key ^ first;
    store<u64>(pairs, (u64(key) << 32) | u64(i));
  }
  return u64(differ);
}

@inline
function share<T, U, P>(round: i32, unit: i32, n: i32, x: usize, scratch: usize): void {
  const S = sizeof<P>(), low = keyShift<U, P>(), from = startOf(unit, n), to = startOf(unit + 1, n);
  if (round == 0) {
    const keys = keysAfter<P>(0, n, scratch), first = keyOf<T, U>(load<T>(x));
    const lost = scratch + LOST + 4 * usize(unit);
    const differ = sizeof<P>() == sizeof<U>()
      ? makeKeys<T, U>(from, to, x, keys, first, lost)
      : makePairs<T>(from, to, x, keys, u32(first));
    store<u64>(scratch + DIFFER + 8 * usize(unit), differ);
    return;
  }
  const digit = load<i32>(scratch + DIGIT), next = load<i32>(scratch + NEXT);
  if (digit < 0) return;
  const done = load<i32>(scratch + DONE), keys = keysAfter<P>(done, n, scratch);
  const places = placesOf(scratch, unit), counts = countsOf(scratch, unit);
  if (round == 1 || next >= 0) memory.fill(counts, 0, COUNTER_BYTES * UNITS);
  const base = keysAfter<P>(done + 1, n, scratch), shift = unitShift(n) + (S == 8 ? 3 : 2);
  const now = low + 8 * digit, then = low + 8 * next;
  for (let i = from; i < to; i += CHUNK) {
    const size = min(CHUNK, to - i), at = keys + usize(i) * S;
    if (round == 1) countDigit<P>(size, at, now, counts + COUNTER_BYTES * usize(unit));
    else if (next >= 0) moveAndCount<P>(size, at, now, places, then, counts, base, shift);
    else if (sizeof<P>() == sizeof<U>()) moveLast<T, U>(size, at, now, places);
    else pairsLast(size, at, 8 * digit, places);
  }
}

/** What the leader does before a round of sort_float32 on one row; `scratch` as `sort_plan.ts` says. */
export function sort_lead_float32(round: i32, rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  lead<f32, u32, u32>(round, n, x, out, scratch);
}

/** A unit of a round; `own`, a thread's own memory, is not used. */
export function sort_share_float32(
  round: i32, unit: i32, rows: i32, n: i32, x: usize, out: usize, scratch: usize, own: usize,
): void {
  share<f32, u32, u32>(round, unit, n, x, scratch);
}

/** As sort_lead_float32. */
export function sort_lead_float64(round: i32, rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  lead<f64, u64, u64>(round, n, x, out, scratch);
}

/** As sort_share_float32. */
export function sort_share_float64(
  round: i32, unit: i32, rows: i32, n: i32, x: usize, out: usize, scratch: usize, own: usize,
): void {
  share<f64, u64, u64>(round, unit, n, x, scratch);
}

/** As sort_lead_float32. */
export function sort_lead_int32(round: i32, rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  lead<i32, u32, u32>(round, n, x, out, scratch);
}

/** As sort_share_float32. */
export function sort_share_int32(
  round: i32, unit: i32, rows: i32, n: i32, x: usize, out: usize, scratch: usize, own: usize,
): void {
  share<i32, u32, u32>(round, unit, n, x, scratch);
}

/** As sort_lead_float32, of argsort_float32. */
export function argsort_lead_float32(round: i32, rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  lead<f32, u32, u64>(round, n, x, out, scratch);
}

/** As sort_share_float32, of argsort_float32. */
export function argsort_share_float32(
  round: i32, unit: i32, rows: i32, n: i32, x: usize, out: usize, scratch: usize, own: usize,
): void {
  share<f32, u32, u64>(round, unit, n, x, scratch);
}

/** As argsort_lead_float32. */
export function argsort_lead_int32(round: i32, rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  lead<i32, u32, u64>(round, n, x, out, scratch);
}

/** As argsort_share_float32. */
export function argsort_share_int32(
  round: i32, unit: i32, rows: i32, n: i32, x: usize, out: usize, scratch: usize, own: usize,
): void {
  share<i32, u32, u64>(round, unit, n, x, scratch);
}

/** As argsort_lead_float32. */
export function argsort_lead_uint32(round: i32, rows: i32, n: i32, x: usize, out: usize, scratch: usize): void {
  lead<u32, u32, u64>(round, n, x, out, scratch);
}

/** As argsort_share_float32. */
export function argsort_share_uint32(
  round: i32, unit: i32, rows: i32, n: i32, x: usize, out: usize, scratch: usize, own: usize,
): void {
  share<u32, u32, u64>(round, unit, n, x, scratch);
}
