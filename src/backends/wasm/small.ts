/**
 * Elements of one and two bytes: widened to lanes as they are read, several vectors put together as they are written.
 *
 * @module
 */
import { dtypeInfo } from "../../core/dtype.ts";
import { at, laneAt, type Pattern, pattern, type Place } from "./addresses.ts";
import type { StorePlan } from "./access.ts";
import type { Ref } from "./assembler.ts";
import type { NestContext } from "./context.ts";
import type { Value } from "./function.ts";
import type { Node } from "./nodes.ts";
import { eightHalves } from "./halves.ts";
import { isSigned } from "./scalar_ops.ts";

/** Bytes of a small element. */
export type SmallBytes = 1 | 2;

/** Reads the small elements of the lanes of vector `u`. */
export function loadSmall(cx: NestContext, node: Node, where: Pattern, u: number): Ref {
  const { asm } = cx.fn;
  const { lanes } = cx.block!;
  const { bytes } = dtypeInfo(node.dtype);
  const isRun = where.kind === "strided" && where.stride === bytes && lanes === 4;
  if (isRun && cx.active(u) === 4) {
    const sign = isSigned(node.dtype) ? "s" : "u";
    if (bytes === 2) {
      const [address, offset] = at(cx, where.place, 0);
      return asm.loadExtend(16, sign === "s", address, offset);
    }
    const halves = halvesOf(cx, node, u);
    if (halves !== null) {
      const half = u % 2 === 0 ? "low" : "high";
      return masked(cx, node, asm.op1(`i32x4.extend_${half}_i16x8_${sign}`, cx.fn.get(halves)));
    }
  }
  return widenSmall(cx, node, loadLowest(cx, where, bytes as SmallBytes, cx.active(u)));
}

/** Eight neighbouring bytes, for vector `u` and its neighbour, widened to two bytes each; `null` where not all are wanted. */
function halvesOf(cx: NestContext, node: Node, u: number): Value | null {
  const { fn } = cx;
  const first = u - u % 2;
  if (first + 1 >= cx.block!.count || cx.active(first + 1) < 4) return null;
  const key = `small${node.id} ${first}`;
  const { names } = fn.current;
  const known = names.get(key);
  if (known !== undefined) return known;
  const where = pattern(cx, node.buffer, node.args[0]!, 1, first) as { readonly place: Place };
  const [address, offset] = at(cx, where.place, 0);
  const value = fn.keep("v128", fn.asm.loadExtend(8, isSigned(node.dtype), address, offset));
  names.set(key, value);
  return value;
}

/** Reads one or two bytes for each lane into the lowest bytes. */
export function loadLowest(
  cx: NestContext,
  where: Pattern,
  bytes: SmallBytes,
  active: number,
): Ref {
  const { fn } = cx;
  const { asm } = fn;
  if (where.kind === "strided" && where.stride === bytes && active * bytes >= 4 && active !== 3) {
    const [address, offset] = at(cx, where.place, 0);
    return asm.loadZero(active * bytes === 8 ? 64 : 32, address, offset);
  }
  let vector = fn.splat("i32", 0);
  for (let lane = 0; lane < active; lane++) {
    const [address, offset] = laneAt(cx, where, lane);
    vector = asm.loadLane(bytes === 1 ? 8 : 16, lane, address, offset, vector);
  }
  return vector;
}

/** The lowest bytes to lanes. */
export function widenSmall(cx: NestContext, node: Node, small: Ref): Ref {
  const { asm } = cx.fn;
  const sign = isSigned(node.dtype) ? "s" : "u";
  const halves = dtypeInfo(node.dtype).bytes === 2
    ? small
    : asm.op1(`i16x8.extend_low_i8x16_${sign}`, small);
  return masked(cx, node, asm.op1(`i32x4.extend_low_i16x8_${sign}`, halves));
}

/** Lanes of 0 and 1 as a mask, where they are a bool's. */
function masked({ fn, block }: NestContext, node: Node, words: Ref): Ref {
  const { asm } = fn;
  if (node.dtype !== "bool") return words;
  if (block!.lanes === 4) return asm.op2("i32x4.gt_s", words, fn.splat("i32", 0));
  const wide = asm.op1("i64x2.extend_low_i32x4_u", words);
  return asm.op2("i64x2.ne", wide, fn.splat("i32", 0));
}

/** Writes a small element for each lane of one vector. */
export function storeSmall(
  cx: NestContext,
  node: Node,
  where: Place,
  value: Value,
  count: number,
): void {
  const { fn } = cx;
  const { asm } = fn;
  const { bytes } = dtypeInfo(node.dtype);
  const lowest = packed(cx, node, value);
  // In pieces of 8, 4, 2 and 1 bytes, each as long as can be.
  for (let done = 0; done < count * bytes;) {
    const left = count * bytes - done;
    const piece = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
    const [address, offset] = at(cx, where, done);
    const bits = 8 * piece as 8 | 16 | 32 | 64;
    fn.push(asm.storeLane(bits, done / piece, address, offset, fn.get(lowest)));
    done += piece;
  }
}

/** Lanes to the lowest bytes. */
function packed(cx: NestContext, node: Node, value: Value): Value {
  const { fn } = cx;
  const { lanes } = cx.block!;
  const { asm } = fn;
  const isMask = node.dtype === "bool";
  // A wide mask has its byte 0 in lanes of 8 bytes, small numbers are always in lanes of 4.
  const step = isMask && lanes === 2 ? 8 : 4;
  const number = isMask ? asm.op2("v128.and", fn.get(value), fn.splat("i32", 1)) : fn.get(value);
  const kept = fn.keep("v128", number);
  const { bytes } = dtypeInfo(node.dtype);
  const order = Array.from({ length: 16 }, (_, i) => {
    return (Math.floor(i / bytes) % lanes) * step + i % bytes;
  });
  return fn.keep("v128", asm.shuffle(fn.get(kept), fn.get(kept), order));
}

/** Writes small elements of several vectors from `u` on at once, and tells of how many; 0 where that cannot be. */
export function storeSeveral(cx: NestContext, store: StorePlan, u: number): number {
  const { value, guard, combine } = store;
  const { fn } = cx;
  const { asm } = fn;
  const { lanes, count } = cx.block!;
  const { bytes } = dtypeInfo(value.dtype);
  if (bytes > 2 || lanes !== 4 || guard !== null || combine !== null) return 0;
  const n = [4, 2].find((n) => {
    return n * bytes <= 4 && u + n <= count && cx.active(u + n - 1) === 4;
  });
  const where = pattern(cx, store.buffer, store.index, bytes, u);
  if (n === undefined || where.kind !== "strided" || where.stride !== bytes) return 0;
  const whole = moved(cx, value, n, u) ??
    fn.keep("v128", eightHalves(cx, value, u) ?? together(cx, value, n, u));
  const [address, offset] = at(cx, where.place, 0);
  fn.push(
    n * bytes === 4
      ? asm.store("v128", 16, address, offset, fn.get(whole))
      : asm.storeLane(64, 0, address, offset, fn.get(whole)),
  );
  return n;
}

/** What is only moved, as it lies in memory; `null` where something is computed. */
function moved(cx: NestContext, value: Node, n: number, u: number): Value | null {
  if (value.kind !== "load" || value.uses > 1 || !cx.varies(value)) return null;
  const { bytes } = dtypeInfo(value.dtype);
  const where = pattern(cx, value.buffer, value.args[0]!, bytes, u);
  if (where.kind !== "strided" || where.stride !== bytes) return null;
  const { asm } = cx.fn;
  const [address, offset] = at(cx, where.place, 0);
  return cx.fn.keep(
    "v128",
    n * bytes === 4 ? asm.load("v128", 16, address, offset) : asm.loadZero(64, address, offset),
  );
}

/** The lanes of several vectors as small elements; none is out of range, so that narrowing loses nothing. */
function together(cx: NestContext, value: Node, n: number, u: number): Ref {
  const { fn } = cx;
  const { asm } = fn;
  const { bytes } = dtypeInfo(value.dtype);
  const isMask = value.dtype === "bool"; // hence -1 or 0
  const sign = isSigned(value.dtype) || isMask ? "s" : "u";
  const vectors = Array.from({ length: n }, (_, i) => cx.keptVector(value, u + i));
  const halves = Array.from({ length: n / 2 }, (_, i) => {
    const [x, y] = [fn.get(vectors[2 * i]!), fn.get(vectors[2 * i + 1]!)];
    return fn.keep("v128", asm.op2(`i16x8.narrow_i32x4_${bytes === 1 ? "s" : sign}`, x, y));
  });
  if (bytes === 2) return fn.get(halves[0]!);
  const [x, y] = [fn.get(halves[0]!), fn.get(halves[1] ?? halves[0]!)];
  const small = asm.op2(`i8x16.narrow_i16x8_${sign}`, x, y);
  return isMask ? asm.op2("v128.and", small, fn.get(fn.vector(new Array(16).fill(1)))) : small;
}
