/**
 * Addresses: put together from what each loop contributes, and of lanes, by how the index grows from lane to lane.
 *
 * @module
 */
import type { Ref } from "./assembler.ts";
import type { NestContext } from "./context.ts";
import type { Value } from "./function.ts";
import type { Affine, Node } from "./nodes.ts";

type Term = Affine["terms"][number];

/** An address: a local, and a constant that the instruction may add if `foldable`. */
export interface Place {
  readonly pointer: Value;
  readonly constant: number;
  /** Whether the pointer by itself cannot be below the start of memory, as the instruction's own offset does not wrap. */
  readonly foldable: boolean;
}

/** Splits an affine index into the terms of variables and a constant, both in bytes. */
function inBytes(cx: NestContext, affine: Affine, bytes: number): [Term[], number] {
  let constant = Math.imul(affine.constant, bytes);
  const terms: Term[] = [];
  for (const { node, coefficient } of affine.terms) {
    const binding = cx.bindings.get(node.id);
    const factor = Math.imul(coefficient, bytes);
    if (binding?.kind === "constant") constant = (constant + Math.imul(factor, binding.value)) | 0;
    else terms.push({ node, coefficient: factor });
  }
  return [terms, constant];
}

/** A buffer's address plus terms, each loop's share computed where that loop's index changes. */
function pointer(cx: NestContext, buffer: number, terms: readonly Term[]): Value {
  if (terms.length === 0) return cx.base(buffer);
  const level = Math.max(...terms.map((t) => t.node.level));
  const scope = cx.scopeOf(level);
  const key = `p${buffer} ${terms.map((t) => `${t.coefficient}*${t.node.id}`).join()}`;
  const known = scope.names.get(key);
  if (known !== undefined) return known;
  const { fn } = cx;
  const outer = pointer(cx, buffer, terms.filter((t) => t.node.level < level));
  const value = fn.within(scope, () => {
    let sum = fn.get(outer);
    for (const { node, coefficient } of terms) {
      if (node.level !== level) continue;
      sum = fn.asm.op2("i32.add", sum, fn.get(cx.multiple(node, coefficient)));
    }
    return fn.keep("i32", sum);
  });
  scope.names.set(key, value);
  return value;
}

function place(cx: NestContext, buffer: number, terms: readonly Term[], constant: number): Place {
  const foldable = terms.every((t) =>
    t.coefficient >= 0 && t.node.range !== null && t.node.range.low >= 0
  );
  return { pointer: pointer(cx, buffer, terms), constant, foldable };
}

/** The operands of a memory instruction at `extra` bytes beyond a place. */
export function at(
  { fn }: NestContext,
  where: Place,
  extra: number,
): [address: Ref, offset: number] {
  const constant = where.constant + extra;
  if (constant === 0) return [fn.get(where.pointer), 0];
  if (where.foldable && constant > 0) return [fn.get(where.pointer), constant];
  return [fn.asm.op2("i32.add", fn.get(where.pointer), fn.asm.i32(constant)), 0];
}

/** Where an element is whose index is the same for all lanes. */
export function scalarPlace(cx: NestContext, buffer: number, index: Node, bytes: number): Place {
  const [terms, constant] = inBytes(cx, cx.graph.affine(index), bytes);
  return place(cx, buffer, terms, constant);
}

/** How the addresses of lanes lie. */
export type Pattern =
  /** `stride` bytes from lane to lane. */
  | { readonly kind: "strided"; readonly place: Place; readonly stride: number }
  /** Anywhere: a vector of addresses. */
  | { readonly kind: "scattered"; readonly addresses: Value };

/** Where the elements of the lanes of vector `u` are. */
export function pattern(
  cx: NestContext,
  buffer: number,
  index: Node,
  bytes: number,
  u: number,
): Pattern {
  const { fn } = cx;
  const { asm } = fn;
  const block = cx.block!;
  const [terms, constant] = inBytes(cx, cx.graph.affine(index), bytes);
  const varying = terms.filter((t) => cx.varies(t.node) && t.node !== block.v);
  if (varying.length === 0) {
    const found = cx.graph.affine(index).terms.find((t) => t.node === block.v);
    const stride = found === undefined ? 0 : Math.imul(found.coefficient, bytes);
    const start = (constant + Math.imul(stride, u * block.lanes)) | 0;
    return { kind: "strided", place: place(cx, buffer, terms, start), stride };
  }
  const uniform = terms.filter((t) => !cx.varies(t.node));
  const lanewise = terms.filter((t) => cx.varies(t.node));
  // A loop variable bound to a constant, as in the rest of a loop, still counts the lanes.
  const own = cx.graph.affine(index).terms.find((t) => t.node === block.v);
  const bound = cx.bindings.get(block.v.id);
  let fixed = constant;
  if (own !== undefined && bound?.kind === "constant") {
    const coefficient = Math.imul(own.coefficient, bytes);
    fixed = (fixed - Math.imul(coefficient, bound.value)) | 0;
    lanewise.push({ node: own.node, coefficient });
  }
  const { pointer: from } = place(cx, buffer, uniform, 0);
  const start = fixed === 0 ? fn.get(from) : asm.op2("i32.add", fn.get(from), asm.i32(fixed));
  let sum = asm.op1("i32x4.splat", start);
  for (const { node, coefficient } of lanewise) {
    const x = fn.get(cx.keptVector(node, u));
    const scaled = coefficient === 1
      ? x
      : coefficient > 0 && (coefficient & (coefficient - 1)) === 0
      ? asm.op2("i32x4.shl", x, asm.i32(31 - Math.clz32(coefficient)))
      : asm.op2("i32x4.mul", x, fn.splat("i32", coefficient));
    sum = asm.op2("i32x4.add", sum, scaled);
  }
  return { kind: "scattered", addresses: fn.keep("v128", sum) };
}

/** The address of one lane. */
export function laneAt(
  cx: NestContext,
  where: Pattern,
  lane: number,
): [address: Ref, offset: number] {
  if (where.kind === "strided") return at(cx, where.place, where.stride * lane);
  const { fn } = cx;
  return [fn.asm.op2("i32x4.extract_lane", fn.get(where.addresses), lane), 0];
}
