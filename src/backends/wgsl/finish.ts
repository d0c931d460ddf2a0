/**
 * Nests that take a product's elements one by one, for a bias, an activation, a residual: they can be the end of the product's own shader, which saves
 * the step that would read the product back.
 *
 * @module
 */
import { type Expr, forEachOperand, type Var } from "../../loopnest/expr.ts";
import type { Nest, Program, Step, Stmt, Store } from "../../loopnest/ir.ts";
import { affineOf, areAll, areApart, pointsOf } from "./affine.ts";
import type { BufferFacts, Product } from "./product.ts";
import { accessesOf, exprsOf } from "./rewrite.ts";
import type { Views } from "./views.ts";

/** A nest that takes each element of a product once. */
export interface Consumer {
  /** The product. */
  readonly source: number;
  /** The loops' indices, as digits of an element's place: `(place / stride) % extent`. */
  readonly digits: readonly Digit[];
  readonly body: readonly Stmt[];
  /** What else it reads. */
  readonly loads: ReadonlySet<number>;
  /** Stores at the place of the element that was taken, in order. */
  readonly here: readonly Store[];
  /** Other stores. */
  readonly elsewhere: ReadonlySet<number>;
  /** Whether the product is needed by others, too. */
  readonly keeps: boolean;
  /** Roughly how many instructions it takes for an element. */
  readonly weight: number;
}

/** A digit of a place, and the loop whose index it is. */
export interface Digit {
  readonly v: Var;
  readonly stride: number;
  readonly extent: number;
}

/** A product's consumer, and which step it is. */
export interface Finishing {
  readonly at: number;
  readonly consumer: Consumer;
}

/** The array that a step computes as sums of products, if it is such a step. */
function productOf(
  step: Step,
  viewed: Product | undefined,
): { out: number; operands: readonly number[] } | null {
  if (viewed !== undefined) {
    const { lhs, rhs, out } = viewed.buffers;
    return { out, operands: [lhs, rhs] };
  }
  if (step.kind !== "kernel" || !step.name.startsWith("conv_")) return null;
  const [, x, w, out] = step.args.map((arg) => arg.kind === "buffer" ? arg.buffer : -1);
  return { out, operands: [x, w] };
}

interface Uses {
  readonly reads: ReadonlySet<number>;
  readonly writes: ReadonlySet<number>;
}

/** Finds the nests that can be the end of a product's shader, run where the nest is: by the number of the product's step.
 *
 * @param views The program's matrix products.
 */
export function finishingOf(
  program: Program,
  { products, dropped }: Views,
  facts: BufferFacts,
): Map<number, Finishing> {
  const nests = new Map<number, Finishing>();
  const nothing: Uses = { reads: new Set(), writes: new Set() };
  const uses = program.steps.map((step, p) =>
    dropped.has(p) ? nothing : usesOf(step, productOf(step, products.get(p)), facts)
  );
  const taken = new Set<number>();
  program.steps.forEach((step, p) => {
    const product = productOf(step, products.get(p));
    if (product === null) return;
    const out = facts.canonical(product.out);
    const operands = product.operands.map(facts.canonical);
    for (let q = p + 1; q < program.steps.length; q++) {
      const { reads, writes } = uses[q];
      const next = program.steps[q];
      if (reads.has(out)) {
        if (next.kind !== "nest" || taken.has(q)) return;
        // What is overwritten must not be what others still read to multiply.
        if (operands.some((id) => writes.has(id))) return;
        const later = uses.slice(q + 1).some((use) => use.reads.has(out)) ||
          program.buffers[product.out].role === "output";
        const consumer = consumerOf(next, product.out, later, facts);
        if (consumer === null) return;
        taken.add(q);
        nests.set(p, { at: q, consumer });
        return;
      }
      // The product is computed later than it was asked for.
      if (writes.has(out) || operands.some((id) => writes.has(id))) return;
    }
  });
  return nests;
}

/** What a step reads and writes; what is not known in detail does both. */
function usesOf(
  step: Step,
  product: ReturnType<typeof productOf>,
  { canonical }: BufferFacts,
): Uses {
  const reads = new Set<number>();
  const writes = new Set<number>();
  const both = (id: number): void => {
    reads.add(canonical(id));
    writes.add(canonical(id));
  };
  if (product !== null) {
    product.operands.forEach((id) => reads.add(canonical(id)));
    writes.add(canonical(product.out));
    return { reads, writes };
  }
  switch (step.kind) {
    case "nest": {
      const { loads, stores, combines } = accessesOf(step.body);
      [...loads, ...combines].forEach((id) => reads.add(canonical(id)));
      stores.forEach((id) => writes.add(canonical(id)));
      break;
    }
    case "kernel":
      for (const arg of step.args) if (arg.kind === "buffer") both(arg.buffer);
      break;
    case "copy":
      reads.add(canonical(step.from));
      writes.add(canonical(step.to));
      break;
    case "control":
      [...step.operands, ...step.results].forEach(both);
      break;
    case "dot":
      break;
    default: {
      const never: never = step;
      return never;
    }
  }
  return { reads, writes };
}

/** A nest as what follows a product; `null` where it does something else than taking each element once. */
function consumerOf(
  nest: Nest,
  source: number,
  later: boolean,
  facts: BufferFacts,
): Consumer | null {
  const { loops, body } = pointsOf(nest);
  const stores: Store[] = [];
  for (const stmt of body) {
    if (stmt.kind === "store" && stmt.combine === undefined) stores.push(stmt);
    else if (stmt.kind !== "let") return null;
  }
  const out = facts.canonical(source);
  const places: Expr[] = [];
  const read: Extract<Expr, { kind: "load" }>[] = [];
  const loads = new Set<number>();
  let weight = 0;
  let isOther = false;
  const seen = new Set<number>();
  const visit = (expr: Expr): void => {
    if (seen.has(expr.id)) return;
    seen.add(expr.id);
    weight += weightOf(expr);
    if (expr.kind === "load") {
      read.push(expr);
      if (facts.canonical(expr.buffer) !== out) loads.add(expr.buffer);
      else if (expr.buffer === source) places.push(expr.index);
      else isOther = true;
    }
    forEachOperand(expr, visit);
  };
  body.forEach((stmt) => exprsOf(stmt).forEach(visit));
  if (isOther || places.length === 0) return null;
  // One place for each point of the loops, and all of them.
  const place = affineOf(places[0]);
  if (place === null || !areAll(place, loops, facts.sizeOf(source))) return null;
  const same = (expr: Expr): boolean => {
    const found = affineOf(expr);
    return found !== null && found.rest === 0 &&
      loops.every(({ v, extent }) =>
        extent === 1 || (found.strides.get(v.id) ?? 0) === (place.strides.get(v.id) ?? 0)
      );
  };
  if (!places.every(same)) return null;
  const digits = loops.map(({ v, extent }) => ({
    v,
    stride: extent === 1 ? 1 : place.strides.get(v.id) ?? 0,
    extent,
  }));
  const here = stores.filter((stmt) =>
    stmt.guard === undefined && facts.sizeOf(stmt.buffer) === facts.sizeOf(source) &&
    same(stmt.index)
  );
  const elsewhere = new Set(
    stores.filter((stmt) => !here.includes(stmt)).map((stmt) => stmt.buffer),
  );
  // Points may change places: what one stores, no other reads or stores.
  const alone = (stmt: Store): boolean => {
    const found = affineOf(stmt.index);
    return found !== null && areApart(found, loops) &&
      !read.some((load) => facts.canonical(load.buffer) === facts.canonical(stmt.buffer));
  };
  const inOrder = loops.some((loop) => loop.mode === "serial" && loop.extent > 1);
  if (inOrder && !stores.every((stmt) => here.includes(stmt) || alone(stmt))) return null;
  // One array of each memory at most, and no other element of what is being computed.
  const targets = here.map((stmt) => facts.canonical(stmt.buffer));
  const others = new Set([...elsewhere].map(facts.canonical));
  if (new Set(targets).size < targets.length || targets.some((id) => others.has(id))) return null;
  if (others.has(out)) return null;
  if (!read.every((load) => !targets.includes(facts.canonical(load.buffer)) || same(load.index))) {
    return null;
  }
  const overwritten = targets.includes(out);
  return { source, digits, body, loads, here, elsewhere, keeps: later && !overwritten, weight };
}

/** Roughly how many instructions an operation takes. */
function weightOf(expr: Expr): number {
  switch (expr.kind) {
    case "load":
      return 4;
    case "unary":
      return expr.op === "neg" || expr.op === "abs" || expr.op === "not" ? 1 : 30;
    case "binary":
      if (expr.dtype === "int32") return 1;
      return expr.op === "pow" ? 60 : expr.op === "div" || expr.op === "rem" ? 6 : 2;
    default:
      return 1;
  }
}
