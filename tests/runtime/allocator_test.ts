import { assert, assertEquals, assertThrows } from "@std/assert";
import { InternalError } from "../../src/errors.ts";
import { Allocator, type Block, UNIT, unitsFor } from "../../src/runtime/allocator.ts";

/** A small generator of repeatable numbers (mulberry32). */
function generator(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Checks that blocks tile the range, that free neighbours are merged, and that the counts add up. */
function check(allocator: Allocator, start: number): void {
  let at = start;
  let used = 0;
  let before: Block | null = null;
  for (const block of allocator.blocks()) {
    assertEquals(block.unit, at);
    assertEquals(block.before, before);
    assert(!(block.isFree && before !== null && before.isFree), "two free neighbours");
    if (!block.isFree) used += block.units;
    at += block.units;
    before = block;
  }
  assertEquals(at - start, allocator.totalUnits);
  assertEquals(used, allocator.usedUnits);
}

Deno.test("random allocations and releases keep the blocks disjoint and merged", () => {
  const random = generator(1);
  const allocator = new Allocator(16);
  allocator.extend(20_000);
  const live: Block[] = [];
  let refused = 0;
  for (let i = 0; i < 5000; i++) {
    if (random() < 0.55) {
      const units = Math.max(1, Math.floor(2 ** (random() * 11)));
      const block = allocator.allocate(units);
      if (block === null) refused++;
      else {
        assert(block.units >= units);
        live.push(block);
      }
    } else if (live.length > 0) {
      const [block] = live.splice(Math.floor(random() * live.length), 1);
      allocator.free(block);
    }
    if (i % 500 === 0) check(allocator, 16);
    if (i === 2500) allocator.extend(5000);
  }
  check(allocator, 16);
  assert(refused > 0, "the range was never full, so the test shows little");
  for (const block of live) allocator.free(block);
  check(allocator, 16);
  assertEquals([...allocator.blocks()].length, 1);
  assertEquals(allocator.usedUnits, 0);
});

Deno.test("the whole range can be had as one block, and again after it was split and freed", () => {
  const allocator = new Allocator(1);
  allocator.extend(12_345);
  const whole = allocator.allocate(12_345);
  assertEquals(whole?.units, 12_345);
  assertEquals(allocator.allocate(1), null);
  allocator.free(whole!);
  const parts = [allocator.allocate(5000)!, allocator.allocate(7345)!];
  assertEquals(allocator.allocate(1), null);
  for (const part of parts) allocator.free(part);
  assertEquals(allocator.allocate(12_345)?.unit, 1);
});

Deno.test("a range that grows joins its free end", () => {
  const allocator = new Allocator(1);
  allocator.extend(100);
  assertEquals(allocator.shortfall(250), 150);
  allocator.extend(150);
  assertEquals(allocator.allocate(250)?.units, 250);
});

Deno.test("a second release of a block is an error", () => {
  const allocator = new Allocator(1);
  allocator.extend(100);
  const block = allocator.allocate(10)!;
  allocator.free(block);
  assertThrows(() => allocator.free(block), InternalError);
});

Deno.test("arrays of whole pages do not lie whole pages apart", () => {
  for (const bytes of [4096, 8192, 65536, 1 << 20, 4 << 20, (4 << 20) - 64, (4 << 20) + 128]) {
    const apart = (unitsFor(bytes) * UNIT) % 4096;
    assert(apart >= 256 && apart <= 4096 - 256, `${bytes} bytes: neighbours ${apart} bytes off`);
    assert(unitsFor(bytes) * UNIT <= bytes * 1.1 + UNIT, `${bytes} bytes: too much is wasted`);
  }
});
