/**
 * When the regions of a plan are in use, and where those of values lie: what is not in use at one time shares memory.
 *
 * @module
 */
import type { Node, Place } from "./nodes.ts";

/** When a region is first and last touched. A node is three moments: what comes before a loop, the loop or any other node, what comes after. */
export interface Lifetime {
  readonly first: number;
  readonly last: number;
}

/**
 * The lifetimes of all regions that nodes touch.
 *
 * @param homes For regions that are set in loops, the regions in which they then are.
 */
export function touchesOf(
  nodes: readonly Node[],
  homes: ReadonlyMap<number, readonly number[]>,
): ReadonlyMap<number, Lifetime> {
  const lifetimes = new Map<number, Lifetime>();
  const touch = (region: number, first: number, last = first): void => {
    const inside = homes.get(region);
    if (inside !== undefined) {
      for (const home of inside) touch(home, first, last);
      return;
    }
    const known = lifetimes.get(region);
    lifetimes.set(region, {
      first: Math.min(known?.first ?? first, first),
      last: Math.max(known?.last ?? last, last),
    });
  };
  const place = ({ region }: Place, at: number): void => touch(region, at);
  const visit = (node: Node, start: number): void => {
    const at = start + 1;
    switch (node.kind) {
      case "run":
        for (const region of new Set(node.regions)) touch(region, at);
        return;
      case "copy":
        place(node.from, at);
        place(node.to, at);
        return;
      case "cond":
        place(node.index, at);
        for (const branch of node.branches) for (const inner of branch) visit(inner, start);
        return;
    }
    const { carry } = node;
    for (const home of carry.homes) touch(home, start, start + 2);
    for (const { from } of carry.first) place(from, start);
    for (const { to } of carry.last) place(to, start + 2);
    const inner = node.kind === "scan" ? node.body : [...node.condition, ...node.body];
    // What a loop holds is in use as long as the loop runs.
    const within = touchesOf(inner, homes);
    for (const region of within.keys()) touch(region, at);
    if (node.kind === "scan") { for (const { of } of node.slices) touch(of, at); }
    else place(node.predicate, at);
  };
  nodes.forEach((node, i) => visit(node, 3 * i));
  return lifetimes;
}

/** Where regions lie in one block, and how large that is. */
export interface Packing {
  readonly places: readonly { readonly region: number; readonly at: number }[];
  readonly bytes: number;
}

/** Places regions of given sizes: the largest first, each at the lowest place that no other one has at the same time. */
export function packRegions(
  sizes: ReadonlyMap<number, number>,
  lifetimes: ReadonlyMap<number, Lifetime>,
): Packing {
  const placed: { readonly at: number; readonly end: number; readonly life: Lifetime }[] = [];
  const places: { region: number; at: number }[] = [];
  let bytes = 0;
  const largestFirst = [...sizes].sort(([, a], [, b]) => b - a);
  for (const [region, size] of largestFirst) {
    const life = lifetimes.get(region);
    let at = 0;
    if (life !== undefined) {
      for (const other of placed) {
        const isApart = other.life.last < life.first || life.last < other.life.first;
        if (isApart || other.end <= at) continue;
        if (at + size <= other.at) break;
        at = other.end;
      }
      const entry = { at, end: at + size, life };
      const next = placed.findIndex((other) => other.at > at);
      placed.splice(next < 0 ? placed.length : next, 0, entry);
      bytes = Math.max(bytes, at + size);
    }
    places.push({ region, at });
  }
  return { places, bytes };
}
