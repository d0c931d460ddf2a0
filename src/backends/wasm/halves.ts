/**
 * float16 and bfloat16 where they are computed: read eight at a time and widened, rounded on the way no more than
 * needed, narrowed eight at a time.
 *
 * @module
 */
import { type DType, isFloating, isStored, roundTo } from "../../core/dtype.ts";
import { at, pattern } from "./addresses.ts";
import type { Ref } from "./assembler.ts";
import type { NestContext } from "./context.ts";
import type { Node } from "./nodes.ts";
import { narrowEight, roundedSingles, widenEight } from "./stored.ts";

/** Whether a dtype is a float of 16 bits. */
function isHalf(dtype: DType): boolean {
  return isFloating(dtype) && isStored(dtype);
}

/** A conversion from a float of 16 bits, where more is known than that; `null` elsewhere. */
export function vectorCastOfHalf(cx: NestContext, node: Node, u: number): Ref | null {
  const [half] = node.args as [Node];
  if (node.dtype !== "float32" || !isHalf(half.dtype) || half.uses > 1) return null;
  if (half.kind === "load") return loadWidened(cx, half, u);
  if (half.kind !== "cast") return null;
  const [single] = half.args as [Node];
  if (single.dtype !== "float32") return null;
  if (isExact(single, half.dtype)) return cx.fn.get(cx.vector(single, u));
  return rounded(cx, node, single, u);
}

/** Vector `u` of a float32 rounded on the way, and its neighbour, if there is one, beside it. */
function rounded(cx: NestContext, node: Node, single: Node, u: number): Ref {
  const { fn } = cx;
  const { names } = fn.current;
  const key = (u: number) => `round${node.id} ${u}`;
  const known = names.get(key(u));
  if (known !== undefined) return fn.get(known);
  const { dtype } = node.args[0]!;
  const isPair = u % 2 === 0 && u + 1 < cx.block!.count;
  const us = isPair ? [u, u + 1] : [u];
  const values = us.map((u) => fn.reuse(cx.vector(single, u)));
  const results = roundedSingles(fn, dtype, values, isTame(single));
  us.forEach((u, i) => names.set(key(u), results[i]!));
  return fn.get(results[0]!);
}

/** The elements of vector `u`, read together with its neighbour's and widened; `null` where not all of both are wanted, or they do not follow one another. */
function loadWidened(cx: NestContext, load: Node, u: number): Ref | null {
  const { fn } = cx;
  const { lanes, count } = cx.block!;
  const first = u - u % 2;
  if (lanes !== 4 || !cx.varies(load) || first + 1 >= count || cx.active(first + 1) < 4) {
    return null;
  }
  const { names } = fn.current;
  const key = (u: number) => `wide${load.id} ${u}`;
  const known = names.get(key(u));
  if (known !== undefined) return fn.get(known);
  const where = pattern(cx, load.buffer, load.args[0]!, 2, first);
  if (where.kind !== "strided" || where.stride !== 2) return null;
  const [address, offset] = at(cx, where.place, 0);
  const eight = fn.keep("v128", fn.asm.load("v128", 16, address, offset));
  widenEight(fn, load.dtype, eight).forEach((ref, i) => {
    names.set(key(first + i), fn.keep("v128", ref));
  });
  return fn.get(names.get(key(u))!);
}

/** Vectors `u` and `u + 1` of what is rounded to a float of 16 bits, as eight of them; `null` where a value is something else. */
export function eightHalves(cx: NestContext, value: Node, u: number): Ref | null {
  if (value.kind !== "cast" || value.uses > 1 || !isHalf(value.dtype)) return null;
  const [single] = value.args as [Node];
  if (single.dtype !== "float32" || !cx.varies(single)) return null;
  const [x, y] = [cx.keptVector(single, u), cx.keptVector(single, u + 1)];
  return narrowEight(cx.fn, value.dtype, [x, y], isTame(single));
}

// How far expressions are looked into.
const depth = 6;

const exactOps: ReadonlySet<string> = new Set(
  ["neg", "abs", "sign", "floor", "ceil", "round", "min", "max"],
);

/** Whether a float32 is one of a dtype's numbers whatever its operands are, so that rounding changes nothing. */
function isExact(node: Node, dtype: DType, left = depth): boolean {
  if (left === 0) return false;
  switch (node.kind) {
    case "const":
      return roundTo(Number(node.value), dtype) === node.value;
    case "cast":
      return node.args[0]!.dtype === dtype;
    case "unary":
    case "binary":
      return exactOps.has(node.op!) && node.args.every((x) => isExact(x, dtype, left - 1));
    case "select":
      return node.args.slice(1).every((x) => isExact(x, dtype, left - 1));
    default:
      return false;
  }
}

const tameOps: ReadonlySet<string> = new Set(
  ["neg", "abs", "sqrt", "add", "sub", "mul", "div", "min", "max"],
);

/**
 * Whether no NaN that a float32 can be has digits below the sixteenth bit: instructions hand on an operand's NaN or make the
 * one NaN whose digits are zeros but for the first, and those of bfloat16 have no more digits.
 */
function isTame(node: Node, left = depth): boolean {
  if (left === 0) return false;
  switch (node.kind) {
    case "const":
      return true;
    case "cast":
      return node.args[0]!.dtype === "bfloat16" || !isFloating(node.args[0]!.dtype);
    case "unary":
    case "binary":
      return tameOps.has(node.op!) && node.args.every((x) => isTame(x, left - 1));
    case "select":
      return node.args.slice(1).every((x) => isTame(x, left - 1));
    default:
      return false;
  }
}
