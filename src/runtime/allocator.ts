/**
 * Where blocks of the shared memory go: two-level segregated fit (Masmano et al., "TLSF: a new dynamic memory allocator
 * for real-time systems", 2004). Allocation and release take constant time and neighbouring free blocks always merge.
 *
 * All bookkeeping is in JavaScript objects, so that a stray write of a kernel cannot break it, and counts in
 * units of 64 bytes (a cache line), so that addresses up to 4 GiB stay small integers.
 *
 * @module
 */
import { InternalError } from "../errors.ts";

/** Bytes per unit: every block starts at a multiple of this. */
export const UNIT = 64;

/** Sizes below this many units have a list of their own each; above, 16 lists share each power of two. */
const EXACT = 16;
const LISTS_PER_POWER = 16;
const POWERS = 26;

/** A piece of memory, in use or free. Only the allocator writes its fields. */
export class Block {
  /** Where it starts, in units. */
  unit = 0;
  /** How long it is, in units. */
  units = 0;
  /** Whether nobody uses it. */
  isFree = false;
  /** Whom it is held for, so that it is not handed out again though it be freed; whether it was. */
  holds = 0;
  /** See {@linkcode holds}. */
  isDoomed = false;
  /** The blocks before and after it in memory. */
  before: Block | null = null;
  /** See {@linkcode before}. */
  after: Block | null = null;
  /** Its neighbours in its free list. */
  previous: Block | null = null;
  /** See {@linkcode previous}. */
  next: Block | null = null;

  /** Its address in bytes. */
  get address(): number {
    return this.unit * UNIT;
  }
  /** Its length in bytes. */
  get bytes(): number {
    return this.units * UNIT;
  }
}

/** How many units hold `bytes`, with room so that arrays of a page's multiple do not lie a page's multiple apart. */
export function unitsFor(bytes: number): number {
  const units = Math.max(1, Math.ceil(bytes / UNIT));
  // A load from an address that equals a recent store's in its low 12 bits waits for that store on
  // many processors; 25 and 5 lines spread neighbouring arrays well over the 64 lines of a page.
  if (units < 64 || (units & 63) > 8 && (units & 63) < 56) return units;
  return units + (units >= 512 ? 25 : 5);
}

function listOf(units: number): number {
  if (units < EXACT) return units;
  const power = 31 - Math.clz32(units);
  return (power - 3) * LISTS_PER_POWER + ((units >>> (power - 4)) & (LISTS_PER_POWER - 1));
}

/** Hands out blocks of a contiguous range that can be extended at its end. */
export class Allocator {
  /** Units in blocks that are in use. */
  usedUnits = 0;
  /** Units under management. */
  totalUnits = 0;
  #end: number;
  #last: Block | null = null;
  #powerBits = 0;
  readonly #listBits = new Int32Array(POWERS);
  readonly #lists: (Block | null)[] = new Array(POWERS * LISTS_PER_POWER).fill(null);
  /** Retired objects, used again because making and collecting them costs more than the rest of an allocation. */
  readonly #spare: Block[] = [];

  /** @param firstUnit Where the range starts; it is empty until {@linkcode extend}. */
  constructor(firstUnit: number) {
    this.#end = firstUnit;
  }

  /** Adds `units` at the end of the range. */
  extend(units: number): void {
    if (units <= 0) return;
    const block = this.#makeBlock(this.#end, units);
    block.before = this.#last;
    if (this.#last !== null) this.#last.after = block;
    this.#last = block;
    this.#end += units;
    this.totalUnits += units;
    this.#release(block);
  }

  /** How many units must be added for a block of `units` to fit for sure. */
  shortfall(units: number): number {
    const last = this.#last;
    const reach = last !== null && last.isFree ? last.units : 0;
    return Math.max(0, units - reach);
  }

  /** A block of at least `units`, or `null` where no free block is long enough. */
  allocate(units: number): Block | null {
    const block = this.#find(units);
    if (block === null) return null;
    this.#unlink(block);
    block.isFree = false;
    if (block.units > units) {
      const rest = this.#makeBlock(block.unit + units, block.units - units);
      rest.before = block;
      rest.after = block.after;
      if (rest.after !== null) rest.after.before = rest;
      else this.#last = rest;
      block.after = rest;
      block.units = units;
      this.#link(rest);
    }
    this.usedUnits += block.units;
    return block;
  }

  /** Gives a block back. */
  free(block: Block): void {
    if (block.isFree || block.units === 0) throw new InternalError("a block was freed twice");
    this.usedUnits -= block.units;
    this.#release(block);
  }

  /** The blocks from the first to the last, for tests and reports. */
  *blocks(): Generator<Block> {
    let block = this.#last;
    const all: Block[] = [];
    for (; block !== null; block = block.before) all.push(block);
    yield* all.reverse();
  }

  #find(units: number): Block | null {
    // Round up to the next list whose every member is long enough.
    let wanted = units;
    if (units >= EXACT) wanted += (1 << (31 - Math.clz32(units) - 4)) - 1;
    const list = listOf(wanted);
    let power = list >>> 4;
    let bits = this.#listBits[power] & (-1 << (list & 15));
    if (bits === 0) {
      const powers = power >= 31 ? 0 : this.#powerBits & (-1 << (power + 1));
      if (powers === 0) return this.#findExactly(units);
      power = 31 - Math.clz32(powers & -powers);
      bits = this.#listBits[power];
    }
    return this.#lists[power * LISTS_PER_POWER + 31 - Math.clz32(bits & -bits)];
  }

  /** The last resort before memory grows: members of the block's own list may be long enough. */
  #findExactly(units: number): Block | null {
    let block: Block | null = this.#lists[listOf(units)];
    for (let tries = 0; block !== null && tries < 64; tries++, block = block.next) {
      if (block.units >= units) return block;
    }
    return null;
  }

  #release(block: Block): void {
    const { before, after } = block;
    let merged = block;
    if (before !== null && before.isFree) {
      this.#unlink(before);
      before.units += block.units;
      before.after = after;
      if (after !== null) after.before = before;
      else this.#last = before;
      this.#retire(block);
      merged = before;
    }
    if (after !== null && after.isFree) {
      this.#unlink(after);
      merged.units += after.units;
      merged.after = after.after;
      if (after.after !== null) after.after.before = merged;
      else this.#last = merged;
      this.#retire(after);
    }
    this.#link(merged);
  }

  #link(block: Block): void {
    const list = listOf(block.units);
    const head = this.#lists[list];
    block.isFree = true;
    block.previous = null;
    block.next = head;
    if (head !== null) head.previous = block;
    this.#lists[list] = block;
    this.#listBits[list >>> 4] |= 1 << (list & 15);
    this.#powerBits |= 1 << (list >>> 4);
  }

  #unlink(block: Block): void {
    const { previous, next } = block;
    if (next !== null) next.previous = previous;
    if (previous !== null) previous.next = next;
    else {
      const list = listOf(block.units);
      this.#lists[list] = next;
      if (next === null) {
        const bits = this.#listBits[list >>> 4] & ~(1 << (list & 15));
        this.#listBits[list >>> 4] = bits;
        if (bits === 0) this.#powerBits &= ~(1 << (list >>> 4));
      }
    }
    block.previous = block.next = null;
  }

  #makeBlock(unit: number, units: number): Block {
    const block = this.#spare.pop() ?? new Block();
    block.unit = unit;
    block.units = units;
    return block;
  }

  #retire(block: Block): void {
    block.before = block.after = null;
    block.units = 0;
    if (this.#spare.length < 4096) this.#spare.push(block);
  }
}
