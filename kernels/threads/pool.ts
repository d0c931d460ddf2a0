// A pool of threads over one memory. The leader runs a program; where a step is worth it, it opens the gate to a job, whose
// units all threads inside claim one after the other. Nobody waits for a thread that has not entered: whatever it does not take, the
// leader does. So a thread that starts late, sleeps or has lost its processor costs nothing but its help.
//
// Atomic operations here are sequentially consistent, all of them; the comments count on it.
import {
  BROKEN, CALLED, DONE, EPOCH, FAILED, FINISHED, GATE, INSIDE, JOB, LEADER_SLEEPS, LEFT_OUT, NUMBER_SHIFT, OPEN, OPENED, PRIVATE, PROGRAM,
  RANGES, RANGE_BYTES, RANGE_END, RANGE_SPINS, READY, SHARES, SLEEPERS, STRIDE, TABLE, WAITING, WATCH,
} from "./layout";

/** Turns of looking at the gate before going to sleep: some 20 µs. */
const SPINS: i32 = 8000;
/** For the leader, and for threads while one job comes soon after the other: some 100 µs, about what going to sleep and waking up costs both. */
const MORE_SPINS: i32 = 40_000;

/** `OPENED` where JavaScript is to be told of the next job before it is opened, and after: so that its time holds what waking sleepers takes. */
export function pool_watched(pool: usize): i32 {
  if (!atomic.load<i32>(pool, READY)) return 0;
  const left = load<i32>(pool, WATCH);
  if (left > 1) store<i32>(pool, left - 1, WATCH);
  return left == 1 ? OPENED : 0;
}

/** Opens the gate to a job of `units` units. Sleepers are woken only if `wake` is not 0. */
export function pool_open(pool: usize, program: i32, job: i32, table: usize, units: i32, wake: i32): void {
  const ready = atomic.load<i32>(pool, READY);
  const shares = load<i32>(pool, LEFT_OUT) ? 1 : min(units, 1 + ready);
  store<i32>(pool, shares, SHARES);
  for (let t = 0, next = 0; t < shares; t++) {
    const range = pool + RANGES + usize(t) * RANGE_BYTES;
    // Unsigned, so that the product of many units and shares fits.
    const end = i32(u32(units) * u32(t + 1) / u32(shares));
    store<i32>(range, next);
    store<i32>(range, end, RANGE_END);
    next = end;
  }
  store<i32>(pool, program, PROGRAM);
  store<i32>(pool, job, JOB);
  if (shares == 1) return;
  store<usize>(pool, table, TABLE);
  const number = atomic.load<u32>(pool, GATE) >> NUMBER_SHIFT;
  atomic.store<u32>(pool, ((number + 1) << NUMBER_SHIFT) | OPEN, GATE);
  // Whoever goes to sleep counts itself before it looks at the gate for the last time.
  const sleepers = atomic.load<i32>(pool, SLEEPERS);
  if (wake && sleepers > 0) atomic.notify(pool + GATE, shares - 1);
  const called = wake ? shares - 1 : max(0, shares - 1 - sleepers);
  store<i32>(pool, load<i32>(pool, CALLED) + called, CALLED);
}

/** The next unit for a thread inside, or -1: from its own range first, so that it finds in its caches what it wrote last. */
export function pool_claim(pool: usize, thread: i32): i32 {
  const shares = load<i32>(pool, SHARES);
  let t = thread % shares;
  for (let i = 0; i < shares; i++) {
    const range = pool + RANGES + usize(t) * RANGE_BYTES;
    const end = load<i32>(range, RANGE_END);
    if (atomic.load<i32>(range) < end) {
      const unit = atomic.add<i32>(range, 1);
      if (unit < end) return unit;
    }
    if (++t == shares) t = 0;
  }
  return -1;
}

/** Waits, once there are no units left, until all threads are out. `WAITING`: that takes long; sleep, and ask again. `BROKEN`: one has failed. */
export function pool_close(pool: usize): i32 {
  if (load<i32>(pool, SHARES) == 1) return FINISHED;
  atomic.and<u32>(pool, ~OPEN, GATE);
  for (let i = 0; i < MORE_SPINS; i++) {
    if ((atomic.load<u32>(pool, GATE) & INSIDE) == 0) return atomic.load<i32>(pool, FAILED) ? BROKEN : FINISHED;
  }
  return WAITING;
}

/**
 * Waits as thread `thread` for a job other than number `last`, and goes inside. Gives its number, or -1 where threads of this epoch are no longer wanted.
 */
export function pool_enter(pool: usize, thread: i32, last: i32, epoch: i32): i32 {
  const own = pool + RANGES + usize(thread) * RANGE_BYTES;
  let hasSlept = false;
  // More where the last job came before the thread slept.
  let spins = load<i32>(own, RANGE_SPINS);
  while (true) {
    const gate = atomic.load<u32>(pool, GATE);
    // After the gate: the epoch changes before it opens again, so that one who sees it open sees the epoch.
    if (atomic.load<i32>(pool, EPOCH) != epoch) return -1;
    const number = i32(gate >> NUMBER_SHIFT);
    if ((gate & OPEN) != 0 && number != last) {
      if (atomic.cmpxchg<u32>(pool, gate, gate + 1, GATE) != gate) continue;
      store<i32>(own, hasSlept ? SPINS : MORE_SPINS, RANGE_SPINS);
      return number;
    }
    if (--spins > 0) continue;
    spins = SPINS;
    hasSlept = true;
    atomic.add<i32>(pool, 1, SLEEPERS);
    const now = atomic.load<u32>(pool, GATE);
    const isNews = (now & OPEN) != 0 && i32(now >> NUMBER_SHIFT) != last;
    if (!isNews && atomic.load<i32>(pool, EPOCH) == epoch) atomic.wait<i32>(pool + GATE, i32(now), -1);
    atomic.sub<i32>(pool, 1, SLEEPERS);
  }
}

/** Leaves job number `number`. Gives 0, or -1 where the leader has given it up. */
export function pool_leave(pool: usize, number: i32): i32 {
  while (true) {
    const gate = atomic.load<u32>(pool, GATE);
    if (i32(gate >> NUMBER_SHIFT) != number) return -1;
    if (atomic.cmpxchg<u32>(pool, gate, gate - 1, GATE) != gate) continue;
    if (((gate - 1) & (OPEN | INSIDE)) == 0) {
      atomic.add<i32>(pool, 1, DONE);
      if (atomic.load<i32>(pool, LEADER_SLEEPS) != 0) atomic.notify(pool + DONE, 1);
    }
    return 0;
  }
}

/** Where the memory of a thread's own is. */
export function pool_private(pool: usize, thread: i32): usize {
  return load<usize>(pool, PRIVATE) + usize(thread) * load<usize>(pool, STRIDE);
}
