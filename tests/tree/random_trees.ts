/**
 * Random trees, for properties that must hold of all trees.
 *
 * @module
 */
import { field, kwargs, Module } from "../../src/tree/mod.ts";

/** A small generator of pseudo-random numbers (mulberry32), so that a failing seed can be run again. */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A Module with one child, one static field. */
export class Unit extends Module {
  static fields = { tag: field({ static: true }) };
  child: unknown;
  tag: unknown;
  constructor(child: unknown, tag: unknown) {
    super();
    this.child = child;
    this.tag = tag;
  }
}

/** A Module with two children. */
export class Couple extends Module {
  first: unknown;
  second: unknown;
  constructor(first: unknown, second: unknown) {
    super();
    this.first = first;
    this.second = second;
  }
}

const tags = ["a", 0, -0, NaN, [3, 3], { pad: [1, 2] }, Math.tanh, null];

/** A tree of at most this depth, with numbers as leaves. */
export function randomTree(random: () => number, depth: number): unknown {
  const pick = (n: number) => Math.floor(random() * n);
  const child = () => randomTree(random, depth - 1);
  switch (depth <= 0 ? pick(2) : pick(9)) {
    case 0:
      return pick(100);
    case 1:
      return pick(4) === 0 ? null : "leaf";
    case 2:
      return Array.from({ length: pick(3) }, child);
    case 3:
      return Object.fromEntries(
        ["b", "a", "__proto__", "10", "9"].slice(0, pick(4)).map((k) => [k, child()]),
      );
    case 4:
      return new Map<unknown, unknown>([["z", child()], [pick(2), child()]]);
    case 5:
      return kwargs({ x: child() });
    case 6:
      return new Couple(child(), child());
    default:
      return new Unit(child(), tags[pick(tags.length)]);
  }
}
