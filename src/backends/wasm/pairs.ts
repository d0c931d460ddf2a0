/**
 * Elements that lie in pairs, as the parts of complex numbers do: both of each lane are read at once and sorted by shuffles,
 * and put together again before they are written.
 *
 * @module
 */
import { dtypeInfo } from "../../core/dtype.ts";
import type { NestContext } from "./context.ts";
import type { Ref } from "./assembler.ts";
import type { Value } from "./function.ts";
import type { Graph, Node, Pair } from "./nodes.ts";
import { at, laneAt, pattern, type Place } from "./addresses.ts";
import type { StorePlan } from "./access.ts";

/** Two vectors that hold the pairs of all lanes in turn; the second is `null` where one holds them all. */
type Pairs = readonly [Value, Value | null];

/** Reads one side of the pairs that the lanes of vector `u` want, if the nest wants the other side as well. */
export function loadPaired(cx: NestContext, node: Node, u: number): Ref | null {
  const { pair } = node;
  if (pair === null || pair.even === null || pair.odd === null) return null;
  const { fn } = cx;
  const { lanes } = cx.block!;
  const { bytes } = dtypeInfo(node.dtype);
  const [low, high] = pairsOf(cx, pair as Pair & { even: Node }, bytes, u);
  const part = node === pair.even ? 0 : 1;
  const order = Array.from({ length: 16 }, (_, i) => {
    return (2 * (Math.floor(i / bytes) % lanes) + part) * bytes + i % bytes;
  });
  return fn.asm.shuffle(fn.get(low), fn.get(high ?? low), order);
}

/** The pairs of the lanes of vector `u`, read once for both sides. */
function pairsOf(
  cx: NestContext,
  { even }: { readonly even: Node },
  bytes: number,
  u: number,
): Pairs {
  const { fn } = cx;
  const { names } = fn.current;
  const keys = [0, 1].map((half) => `pair${even.id} ${u} ${half}`);
  const known = names.get(keys[0]!);
  if (known !== undefined) return [known, names.get(keys[1]!) ?? null];
  const { lanes } = cx.block!;
  const where = pattern(cx, even.buffer, even.args[0]!, bytes, u);
  const active = cx.active(u);
  const perVector = 16 / (2 * bytes);
  const isRun = where.kind === "strided" && where.stride === 2 * bytes;
  const load = (first: number): Value => {
    if (first >= active) return { kind: "vector", type: "v128", bytes: new Array(16).fill(0) };
    const [address, offset] = laneAt(cx, where, first);
    if (perVector === 1 || (isRun && first + 1 < active)) {
      return fn.keep("v128", fn.asm.load("v128", 16, address, offset));
    }
    let vector = fn.asm.loadZero(64, address, offset);
    if (first + 1 < active) {
      const [next, beyond] = laneAt(cx, where, first + 1);
      vector = fn.asm.loadLane(64, 1, next, beyond, vector);
    }
    return fn.keep("v128", vector);
  };
  const low = load(0);
  names.set(keys[0]!, low);
  if (lanes === perVector) return [low, null];
  const high = load(perVector);
  names.set(keys[1]!, high);
  return [low, high];
}

/** Reads every other element, two vectors of neighbours for one of them; none beyond the last one wanted. */
export function loadAlternate(
  cx: NestContext,
  where: Place,
  bytes: number,
): Ref {
  const { fn } = cx;
  const [address, offset] = at(cx, where, 0);
  const low = fn.asm.load("v128", 16, address, offset);
  const [next, beyond] = at(cx, where, 16 - bytes);
  const high = fn.asm.load("v128", 16, next, beyond);
  const order = Array.from({ length: 16 }, (_, i) => {
    const from = 2 * Math.floor(i / bytes) * bytes;
    return (from < 16 ? from : from + bytes) + i % bytes;
  });
  return fn.asm.shuffle(low, high, order);
}

/** Whether two stores that follow one another write the two elements of pairs; if so, the one of the first elements comes first. */
export function pairedStores(
  graph: Graph,
  x: StorePlan,
  y: StorePlan,
): readonly [StorePlan, StorePlan] | null {
  const { dtype } = x.value;
  if (x.buffer !== y.buffer || dtypeInfo(dtype).bytes < 4 || dtype !== y.value.dtype) return null;
  if ([x, y].some((s) => s.guard !== null || s.combine !== null || s.index.impure)) return null;
  const [a, b] = [graph.affine(x.index), graph.affine(y.index)];
  if (Math.abs(a.constant - b.constant) !== 1 || a.terms.length !== b.terms.length) return null;
  const areSame = a.terms.every(({ node, coefficient }, i) => {
    const other = b.terms[i]!;
    return other.node === node && other.coefficient === coefficient && coefficient % 2 === 0;
  });
  return !areSame ? null : a.constant < b.constant ? [x, y] : [y, x];
}

/** Writes the lanes of vector `u` of both. */
export function storePaired(cx: NestContext, even: StorePlan, odd: StorePlan, u: number): void {
  const { fn } = cx;
  const { asm } = fn;
  const { lanes } = cx.block!;
  const { bytes } = dtypeInfo(even.value.dtype);
  const where = pattern(cx, even.buffer, even.index, bytes, u);
  const active = cx.active(u);
  const [x, y] = [cx.keptVector(even.value, u), cx.keptVector(odd.value, u)];
  const perVector = 16 / (2 * bytes);
  const isRun = where.kind === "strided" && where.stride === 2 * bytes;
  for (let first = 0; first < Math.min(lanes, active); first += perVector) {
    const order = Array.from({ length: 16 }, (_, i) => {
      const element = Math.floor(i / bytes);
      return (element % 2) * 16 + (first + (element >> 1)) * bytes + i % bytes;
    });
    const vector = asm.shuffle(fn.get(x), fn.get(y), order);
    const [address, offset] = laneAt(cx, where, first);
    const isWhole = perVector === 1 || (isRun && first + 1 < active);
    if (isWhole) {
      fn.push(asm.store("v128", 16, address, offset, vector));
      continue;
    }
    const kept = fn.keep("v128", vector);
    fn.push(asm.storeLane(64, 0, address, offset, fn.get(kept)));
    if (first + 1 < active) {
      const [next, beyond] = laneAt(cx, where, first + 1);
      fn.push(asm.storeLane(64, 1, next, beyond, fn.get(kept)));
    }
  }
}
