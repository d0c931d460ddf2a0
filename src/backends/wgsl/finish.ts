/**
 * Nests that take a product's elements one by one, for a bias, an activation, a residual: they can be the end of the product's own shader, which saves
 * the step that would read the product back.
 *
 * @module
 */
import { type Expr, forEachOperand, type Var } from "../../loopnest/expr.ts";
import type { For, Nest, Program, Step, Stmt, Store } from "../../loopnest/ir.ts";
import type { BufferFacts } from "./product.ts";
import { accessesOf, exprsOf, extentOf } from "./rewrite.ts";

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
function productOf(step: Step): { out: number; operands: readonly number[] } | null {
  if (step.kind === "dot") {
    return { out: step.out, operands: [step.lhs.buffer, step.rhs.buffer] };
  }
  if (step.kind !== "kernel" || !step.name.startsWith("conv_")) return null;
  const [, x, w, out] = step.args.map((arg) => arg.kind === "buffer" ? arg.buffer : -1);
  return { out, operands: [x, w] };
}

interface Uses {
  readonly reads: ReadonlySet<number>;
  readonly writes: ReadonlySet<number>;
}

/** Finds the nests that can be the end of a product's shader, run where the nest is: by the number of the product's step. */
export function finishingOf(program: Program, facts: BufferFacts): Map<number, Finishing> {
  const nests = new Map<number, Finishing>();
  const uses = program.steps.map((step) => usesOf(step, facts));
  const taken = new Set<number>();
  program.steps.forEach((step, p) => {
    const product = productOf(step);
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
function usesOf(step: Step, { canonical }: BufferFacts): Uses {
  const reads = new Set<number>();
  const writes = new Set<number>();
  const both = (id: number): void => {
    reads.add(canonical(id));
    writes.add(canonical(id));
  };
  const product = productOf(step);
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
  if (extentOf(loops) !== facts.sizeOf(source)) return null;
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
  const place = placeOf(places[0]);
  if (place === null || place.rest !== 0) return null;
  const same = (expr: Expr): boolean => {
    const found = placeOf(expr);
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
  let size = 1;
  const spread = digits.filter((digit) => digit.extent > 1).sort((a, b) => a.stride - b.stride);
  for (const { stride, extent } of spread) {
    if (stride !== size) return null;
    size *= extent;
  }
  const here = stores.filter((stmt) =>
    stmt.guard === undefined && facts.sizeOf(stmt.buffer) === size && same(stmt.index)
  );
  const elsewhere = new Set(
    stores.filter((stmt) => !here.includes(stmt)).map((stmt) => stmt.buffer),
  );
  // Points may change places: what one stores, no other reads or stores.
  const alone = (stmt: Store): boolean => {
    const found = placeOf(stmt.index);
    return found !== null && areApart(found.strides, loops) &&
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

/** A nest's loops, one within the other, and all that stands between and within them. */
function pointsOf(nest: Nest): { loops: For[]; body: readonly Stmt[] } {
  const loops: For[] = [];
  const lets: Stmt[] = [];
  let { body } = nest;
  for (;;) {
    const start = body.findIndex((stmt) => stmt.kind !== "let");
    const loop = body[start];
    if (loop?.kind !== "for" || start !== body.length - 1) {
      return { loops, body: [...lets, ...body] };
    }
    lets.push(...body.slice(0, start));
    loops.push(loop);
    body = loop.body;
  }
}

/** An index as a sum of loops' indices by strides; `null` where it is something else. */
function placeOf(expr: Expr): { strides: Map<number, number>; rest: number } | null {
  const constantOf = (e: Expr): number | null => e.kind === "const" ? Number(e.value) : null;
  switch (expr.kind) {
    case "var":
      return { strides: new Map([[expr.id, 1]]), rest: 0 };
    case "const":
      return { strides: new Map(), rest: Number(expr.value) };
    case "binary": {
      const [x, y] = [placeOf(expr.x), placeOf(expr.y)];
      if (x === null || y === null) return null;
      if (expr.op === "add") {
        const strides = new Map(x.strides);
        y.strides.forEach((by, id) => strides.set(id, (strides.get(id) ?? 0) + by));
        return { strides, rest: x.rest + y.rest };
      }
      const by = constantOf(expr.y) ?? constantOf(expr.x);
      if (expr.op !== "mul" || by === null) return null;
      const from = constantOf(expr.y) === null ? y : x;
      const strides = new Map([...from.strides].map(([id, stride]) => [id, stride * by]));
      return { strides, rest: from.rest * by };
    }
    default:
      return null;
  }
}

/** Whether no two points of loops lie at one place. */
function areApart(strides: ReadonlyMap<number, number>, loops: readonly For[]): boolean {
  let size = 1;
  return loops.filter((loop) => loop.extent > 1)
    .map(({ v, extent }) => ({ stride: strides.get(v.id) ?? 0, extent }))
    .sort((x, y) => x.stride - y.stride)
    .every(({ stride, extent }) => {
      const apart = stride >= size;
      size = stride * extent;
      return apart;
    });
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
