/**
 * Which allocations have gone unused for longest, to a good approximation and at the price of one store per use.
 *
 * A use only writes the current tick into the lease. Leases stand in groups by when they came in; a group
 * spans a sixteenth of the budget in allocated bytes. When victims are wanted, the oldest group is gone
 * through: what was used after the group closed moves to the group of that use, the rest are victims.
 *
 * @module
 */
import type { Lease } from "./storage.ts";

interface Group {
  /** The first tick of the group; it ends where the next one starts. */
  readonly start: number;
  readonly leases: Lease[];
}

/** More groups than this are merged, oldest first. */
const MAX_GROUPS = 64;

/** The leases whose bytes are in the shared memory. */
export class ResidentSet {
  readonly #groups: Group[] = [{ start: 0, leases: [] }];
  #bytesInLast = 0;

  /** Adds a lease that was used at `tick`; groups close after `span` bytes. */
  add(lease: Lease, tick: number, span: number): void {
    if (this.#bytesInLast > span) this.#open(tick);
    this.#bytesInLast += lease.nbytes;
    this.#put(lease, this.#groups[this.#groups.length - 1]);
  }

  /** Takes a lease out. */
  remove(lease: Lease): void {
    const list = lease.group!;
    const moved = list.pop()!;
    if (moved !== lease) {
      list[lease.position] = moved;
      moved.position = lease.position;
    }
    lease.group = null;
  }

  /**
   * The leases used longest ago: at least `count` with at least `bytes`, or as many as there are; none used at
   * `tick` or later. They are taken out of the set.
   */
  victims(bytes: number, count: number, tick: number): Lease[] {
    const found: Lease[] = [];
    const groups = this.#groups;
    while (groups.length > 1) {
      const group = groups[0];
      while (group.leases.length > 0) {
        const lease = group.leases[group.leases.length - 1];
        const home = this.#groupOf(lease.tick);
        if (home === group && lease.tick < tick) {
          this.remove(lease);
          found.push(lease);
          bytes -= lease.nbytes;
          if (bytes <= 0 && found.length >= count) return found;
        } else {
          group.leases.pop();
          this.#put(lease, home === group ? groups[1] : home);
        }
      }
      groups.shift();
    }
    const last = groups[0].leases.filter((lease) => lease.tick < tick);
    last.sort((a, b) => a.tick - b.tick);
    for (const lease of last) {
      if (bytes <= 0 && found.length >= count) break;
      this.remove(lease);
      found.push(lease);
      bytes -= lease.nbytes;
    }
    return found;
  }

  /** All leases. */
  *[Symbol.iterator](): Generator<Lease> {
    for (const group of this.#groups) yield* group.leases;
  }

  #put(lease: Lease, group: Group): void {
    lease.group = group.leases;
    lease.position = group.leases.length;
    group.leases.push(lease);
  }

  #open(tick: number): void {
    const groups = this.#groups;
    groups.push({ start: tick, leases: [] });
    this.#bytesInLast = 0;
    if (groups.length > MAX_GROUPS) {
      const [first, second] = [groups[0], groups[1]];
      for (const lease of first.leases) this.#put(lease, second);
      groups.shift();
    }
  }

  #groupOf(tick: number): Group {
    const groups = this.#groups;
    let i = groups.length - 1;
    while (i > 0 && groups[i].start > tick) i--;
    return groups[i];
  }
}
