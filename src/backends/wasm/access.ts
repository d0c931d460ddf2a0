/**
 * Loads and stores of scalars and of vectors, by how the index grows from lane to lane.
 *
 * @module
 */
import { dtypeInfo } from "../../core/dtype.ts";
import type { ReduceOp } from "../../loopnest/ir.ts";
import { at, laneAt, type Pattern, pattern, type Place, scalarPlace } from "./addresses.ts";
import type { Ref } from "./assembler.ts";
import type { NestContext } from "./context.ts";
import type { Value } from "./function.ts";
import type { Node } from "./nodes.ts";
import { loadAlternate, loadPaired } from "./pairs.ts";
import { loadLowest, loadSmall, storeSeveral, storeSmall, widenSmall } from "./small.ts";
import { isSigned, scalarCombine, scalarType } from "./scalar_ops.ts";
import { extract, vectorCombine } from "./vector_ops.ts";

/** Reads an element that is the same for all lanes. */
export function loadScalar(cx: NestContext, node: Node): Ref {
  const { bytes } = dtypeInfo(node.dtype);
  const [address, offset] = at(cx, scalarPlace(cx, node.buffer, node.args[0]!, bytes), 0);
  return cx.fn.asm.load(scalarType(node.dtype), bytes, address, offset, isSigned(node.dtype));
}

/** Reads an element into all lanes, if one instruction can. */
export function loadSplat(cx: NestContext, node: Node): Ref | null {
  const { bytes } = dtypeInfo(node.dtype);
  if (bytes < 4) return null;
  const [address, offset] = at(cx, scalarPlace(cx, node.buffer, node.args[0]!, bytes), 0);
  return cx.fn.asm.loadSplat(bytes === 4 ? 32 : 64, address, offset);
}

/** Reads the elements of the lanes of vector `u`. */
export function loadVector(cx: NestContext, node: Node, u: number): Ref {
  const { bytes } = dtypeInfo(node.dtype);
  const paired = loadPaired(cx, node, u);
  if (paired !== null) return paired;
  const where = pattern(cx, node.buffer, node.args[0]!, bytes, u);
  const active = cx.active(u);
  if (bytes < 4) return loadSmall(cx, node, where, u);
  if (where.kind === "strided") {
    if (where.stride === bytes) return loadRun(cx, where.place, bytes, active);
    const full = active * bytes === 16;
    if (where.stride === 2 * bytes && full) return loadAlternate(cx, where.place, bytes);
    if (where.stride === -bytes && full) {
      const [address, offset] = at(cx, where.place, -(active - 1) * bytes);
      return reversed(cx, cx.fn.asm.load("v128", 16, address, offset), bytes);
    }
  }
  const { asm } = cx.fn;
  let [address, offset] = laneAt(cx, where, 0);
  let vector = asm.loadZero(bytes === 4 ? 32 : 64, address, offset);
  for (let lane = 1; lane < active; lane++) {
    [address, offset] = laneAt(cx, where, lane);
    vector = asm.loadLane(bytes === 4 ? 32 : 64, lane, address, offset, vector);
  }
  return vector;
}

/** Reads `count` neighbouring elements of 4 or 8 bytes, and nothing beyond them. */
function loadRun(cx: NestContext, where: Place, bytes: number, count: number): Ref {
  const { asm } = cx.fn;
  const [address, offset] = at(cx, where, 0);
  switch (count * bytes) {
    case 16:
      return asm.load("v128", 16, address, offset);
    case 8:
      return asm.loadZero(64, address, offset);
    case 4:
      return asm.loadZero(32, address, offset);
    default: {
      const low = asm.loadZero(64, address, offset);
      const [rest, beyond] = at(cx, where, 8);
      return asm.loadLane(32, 2, rest, beyond, low);
    }
  }
}

function reversed(cx: NestContext, x: Ref, bytes: number): Ref {
  const { fn } = cx;
  const kept = fn.keep("v128", x);
  const order = Array.from({ length: 16 }, (_, i) => {
    return 16 - bytes - Math.floor(i / bytes) * bytes + (i % bytes);
  });
  return fn.asm.shuffle(fn.get(kept), fn.get(kept), order);
}

/** What a store does. */
export interface StorePlan {
  readonly buffer: number;
  readonly index: Node;
  readonly value: Node;
  readonly combine: ReduceOp | null;
  readonly guard: Node | null;
}

/** The code of `memory[address] = combine(memory[address], term)`, all of it where it stands. */
function update(
  cx: NestContext,
  store: StorePlan & { readonly combine: ReduceOp },
  address: () => [address: Ref, offset: number],
  term: Value,
): Ref {
  const { fn } = cx;
  const { dtype } = store.value;
  const { bytes } = dtypeInfo(dtype);
  const type = scalarType(dtype);
  const before = fn.current.code.length;
  const [from, same] = address();
  const old: Value = {
    kind: "tree",
    type,
    ref: fn.asm.load(type, bytes, from, same, isSigned(dtype)),
  };
  const result = scalarCombine(cx, store.combine, dtype, old, term);
  // What the operation keeps in locals reads the old element, hence belongs behind a guard too.
  const steps = fn.current.code.splice(before);
  const [to, offset] = address();
  return fn.asm.sequence([...steps, fn.asm.store(type, bytes, to, offset, result)]);
}

/** Writes one element. */
export function storeScalar(cx: NestContext, store: StorePlan): void {
  const { fn } = cx;
  const { dtype } = store.value;
  const { bytes } = dtypeInfo(dtype);
  const guard = store.guard === null ? null : fn.reuse(cx.scalar(store.guard));
  const where = scalarPlace(cx, store.buffer, store.index, bytes);
  const { combine } = store;
  const bare = guard === null && combine === null;
  const value = bare ? cx.scalar(store.value) : cx.kept(store.value);
  let code: Ref;
  if (combine === null) {
    const [address, offset] = at(cx, where, 0);
    code = fn.asm.store(scalarType(dtype), bytes, address, offset, fn.get(value));
  } else code = update(cx, { ...store, combine }, () => at(cx, where, 0), value);
  fn.push(guard === null ? code : fn.asm.module.if(fn.get(guard), code));
}

/** Writes the lanes of vector `u`, or of more vectors if that can be done at once; tells of how many. */
export function storeVectors(cx: NestContext, store: StorePlan, u: number): number {
  const several = storeSeveral(cx, store, u);
  if (several === 0) storeVector(cx, store, u);
  return Math.max(1, several);
}

/** Writes the lanes of vector `u`. */
function storeVector(cx: NestContext, store: StorePlan, u: number): void {
  const { fn } = cx;
  const { asm } = fn;
  const { dtype } = store.value;
  const { bytes } = dtypeInfo(dtype);
  const { lanes } = cx.block!;
  const active = cx.active(u);
  const where = pattern(cx, store.buffer, store.index, bytes, u);
  const guardsAll = store.guard !== null && !cx.varies(store.guard);
  if (where.kind === "strided" && where.stride === bytes && (store.guard === null || guardsAll)) {
    if (!guardsAll) return storeContiguous(cx, store, where, cx.vector(store.value, u), active);
    // What others use as well is computed before; behind the guard is what only the store needs.
    const value = cx.keptVector(store.value, u);
    const guard = fn.reuse(cx.scalar(store.guard!));
    const before = fn.current.code.length;
    storeContiguous(cx, store, where, value, active);
    const steps = fn.current.code.splice(before);
    return fn.push(asm.module.if(fn.get(guard), asm.sequence(steps)));
  }
  const value = cx.keptVector(store.value, u);
  const guard = store.guard === null ? null : cx.keptVector(store.guard, u);
  const type = scalarType(dtype);
  const { combine } = store;
  for (let lane = 0; lane < active; lane++) {
    const lanewise = extract(cx, dtype, lanes, fn.get(value), lane);
    let code: Ref;
    if (combine === null) {
      const [address, offset] = laneAt(cx, where, lane);
      code = asm.store(type, bytes, address, offset, lanewise);
    } else {
      const term: Value = { kind: "tree", type, ref: lanewise };
      code = update(cx, { ...store, combine }, () => laneAt(cx, where, lane), term);
    }
    if (guard === null) fn.push(code);
    else fn.push(asm.module.if(extract(cx, "bool", lanes, fn.get(guard), lane), code));
  }
}

/** Writes neighbouring elements, combined with what is there if so wanted. */
function storeContiguous(
  cx: NestContext,
  store: StorePlan,
  where: Pattern & { readonly kind: "strided" },
  value: Value,
  active: number,
): void {
  const { dtype } = store.value;
  const { bytes } = dtypeInfo(dtype);
  if (store.combine !== null) {
    const old = bytes < 4
      ? widenSmall(cx, store.value, loadLowest(cx, where, bytes as 1 | 2, active))
      : loadRun(cx, where.place, bytes, active);
    const tree: Value = { kind: "tree", type: "v128", ref: old };
    const ref = vectorCombine(cx, store.combine, dtype, cx.block!.lanes, tree, value);
    value = { kind: "tree", type: "v128", ref };
  }
  if (bytes < 4) storeSmall(cx, store.value, where.place, value, active);
  else storeRun(cx, where.place, bytes, value, active);
}

function storeRun(cx: NestContext, where: Place, bytes: number, value: Value, count: number): void {
  const { fn } = cx;
  const { asm } = fn;
  const [address, offset] = at(cx, where, 0);
  switch (count * bytes) {
    case 16:
      return fn.push(asm.store("v128", 16, address, offset, fn.get(value)));
    case 8:
      return fn.push(asm.storeLane(64, 0, address, offset, fn.get(value)));
    case 4:
      return fn.push(asm.storeLane(32, 0, address, offset, fn.get(value)));
    default: {
      const kept = fn.reuse(value);
      fn.push(asm.storeLane(64, 0, address, offset, fn.get(kept)));
      const [rest, beyond] = at(cx, where, 8);
      fn.push(asm.storeLane(32, 2, rest, beyond, fn.get(kept)));
    }
  }
}
