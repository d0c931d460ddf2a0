/**
 * Matrix products of operands that are only laid out anew, or widened, as products of what they are made from: there, an axis of the product may be
 * several axes with strides of their own, such as the examples and heads of attention.
 *
 * @module
 */
import type { Expr } from "../../loopnest/expr.ts";
import type { Nest, Program, Step } from "../../loopnest/ir.ts";
import { affineOf, areAll, inOrder, pointsOf } from "./affine.ts";
import { dotProduct } from "./dot.ts";
import type { Axis, BufferFacts, Product } from "./product.ts";
import { accessesOf } from "./rewrite.ts";

type Side = "lhs" | "rhs";

/** An array that a nest lays out from another one. */
interface Layout {
  readonly source: number;
  readonly offset: number;
  /** Its axes, innermost first: how many elements, and a step's stride in it and in the source. */
  readonly digits: readonly Digit[];
}

interface Digit {
  readonly extent: number;
  readonly stride: number;
  readonly from: number;
}

/** A program's matrix products, by the numbers of their steps, and the steps that nobody needs any more. */
export interface Views {
  readonly products: ReadonlyMap<number, Product>;
  readonly dropped: ReadonlySet<number>;
}

/** Sees through layouts where all that read them are products that can. */
export function viewsOf(program: Program, facts: BufferFacts): Views {
  const products = new Map<number, Product>();
  program.steps.forEach((step, p) => {
    if (step.kind === "dot") products.set(p, dotProduct(step));
  });
  const dropped = new Set<number>();
  program.steps.forEach((step, w) => {
    if (step.kind !== "nest") return;
    const laid = layoutOf(step, facts);
    if (laid === null || program.buffers[laid.out].role !== "temp") return;
    const seen = throughLayout(program, w, laid.out, laid.layout, products, facts);
    if (seen === null) return;
    seen.forEach((product, p) => products.set(p, product));
    dropped.add(w);
  });
  return { products, dropped };
}

/** The products that read a layout, of its source instead; `null` where one of its readers cannot. */
function throughLayout(
  program: Program,
  writer: number,
  out: number,
  layout: Layout,
  products: ReadonlyMap<number, Product>,
  facts: BufferFacts,
): Map<number, Product> | null {
  const seen = new Map<number, Product>();
  let changed = false;
  for (const [p, step] of program.steps.entries()) {
    if (p === writer) continue;
    const { reads, writes } = touched(step);
    if (writes.has(out)) return null;
    if (reads.has(out)) {
      const product = p > writer && !changed ? products.get(p) : undefined;
      const made = product === undefined ? null : moved(product, out, layout);
      if (made === null) return null;
      seen.set(p, made);
    }
    if (p > writer) {
      const source = facts.canonical(layout.source);
      changed ||= [...writes].some((id) => facts.canonical(id) === source);
    }
  }
  return seen;
}

/** The buffers that a step reads and writes; what is not known in detail does both. */
function touched(step: Step): { reads: ReadonlySet<number>; writes: ReadonlySet<number> } {
  switch (step.kind) {
    case "nest": {
      const { loads, stores, combines } = accessesOf(step.body);
      return { reads: new Set([...loads, ...combines]), writes: stores };
    }
    case "dot":
      return {
        reads: new Set([step.lhs.buffer, step.rhs.buffer]),
        writes: new Set([step.out]),
      };
    case "kernel": {
      const ids = step.args.flatMap((arg) => arg.kind === "buffer" ? [arg.buffer] : []);
      return { reads: new Set(ids), writes: new Set(ids) };
    }
    case "copy":
      return { reads: new Set([step.from]), writes: new Set([step.to]) };
    case "control": {
      const ids = new Set([...step.operands, ...step.results]);
      return { reads: ids, writes: ids };
    }
    default: {
      const never: never = step;
      return never;
    }
  }
}

/** What a nest lays out, if it does nothing else. */
function layoutOf(nest: Nest, facts: BufferFacts): { out: number; layout: Layout } | null {
  const { loops, body } = pointsOf(nest);
  const [store] = body;
  if (body.length !== 1 || store.kind !== "store") return null;
  const { buffer, index, value, combine, guard } = store;
  if (combine !== undefined || guard !== undefined) return null;
  const read = value.kind === "cast" && isWidening(value) ? value.x : value;
  if (read.kind !== "load") return null;
  const [to, from] = [affineOf(index), affineOf(read.index)];
  if (to === null || from === null || facts.canonical(buffer) !== buffer) return null;
  if (read.buffer === buffer || !areAll(to, loops, facts.sizeOf(buffer))) return null;
  const digits = inOrder(to.strides, loops).map(({ id, stride, extent }) => ({
    extent,
    stride,
    from: from.strides.get(id) ?? 0,
  }));
  return { out: buffer, layout: { source: read.buffer, offset: from.rest, digits } };
}

/** Whether a conversion changes no number, so that a product may as well make it when it reads. */
function isWidening({ dtype, x }: Extract<Expr, { kind: "cast" }>): boolean {
  return dtype === "float32" && (x.dtype === "float16" || x.dtype === "bfloat16");
}

/** A product that reads a layout, of its source. */
function moved(product: Product, out: number, layout: Layout): Product | null {
  let result: Product | null = product;
  for (const side of ["lhs", "rhs"] as const) {
    if (result !== null && result.buffers[side] === out) result = movedSide(result, side, layout);
  }
  return result;
}

function movedSide(product: Product, side: Side, layout: Layout): Product | null {
  if (product.offsets[side] !== 0) return null;
  const reach = new Map<Digit, number>();
  const split = (axes: readonly Axis[]): Axis[] | null => {
    const all: Axis[] = [];
    for (const axis of axes) {
      const parts = splitAxis(axis, side, layout.digits, reach);
      if (parts === null) return null;
      all.push(...parts);
    }
    return all;
  };
  const [batch, rows, cols, terms] = [product.batch, product.rows, product.cols, product.terms]
    .map(split);
  if (batch === null || rows === null || cols === null || terms === null) return null;
  // Steps along several axes together stay within the layout's axes, too.
  if (layout.digits.some((digit) => (reach.get(digit) ?? 0) >= digit.extent)) return null;
  return {
    ...product,
    buffers: { ...product.buffers, [side]: layout.source },
    offsets: { ...product.offsets, [side]: layout.offset },
    batch,
    rows,
    cols,
    terms,
  };
}

/** An axis by the source's strides, cut where they change; `null` where it does not end where the layout's axes do.
 *
 * @param reach Takes how far its steps go along each of the layout's axes.
 */
function splitAxis(
  axis: Axis,
  side: Side,
  digits: readonly Digit[],
  reach: Map<Digit, number>,
): Axis[] | null {
  if (axis.size === 1 || axis[side] === 0) return [axis];
  const parts: Axis[] = [];
  let [stride, rest, within] = [axis[side], axis.size, 1];
  while (rest > 1) {
    // The outermost of the layout's axes that a step stays within.
    const digit = digits.findLast((digit) => digit.stride <= stride);
    if (digit === undefined || stride % digit.stride !== 0) return null;
    const each = stride / digit.stride;
    const room = digit.extent / each;
    const size = Math.min(rest, room);
    if (!Number.isInteger(size) || rest % size !== 0 || size < 2) return null;
    reach.set(digit, (reach.get(digit) ?? 0) + (size - 1) * each);
    const inner = parts.at(-1);
    const part: Axis = {
      size,
      lhs: axis.lhs * within,
      rhs: axis.rhs * within,
      out: axis.out * within,
      [side]: digit.from * each,
    };
    // What the source has in one stretch, too, stays one axis.
    if (inner !== undefined && part[side] === inner[side] * inner.size) {
      parts[parts.length - 1] = { ...inner, size: inner.size * size };
    } else parts.push(part);
    stride *= size;
    within *= size;
    rest /= size;
  }
  return parts.reverse();
}
