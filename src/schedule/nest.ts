/**
 * From a fused group to the terms that its nest computes, and the passes that compute them.
 *
 * The values of the group are demanded at the indices of its roots; what is memory becomes a load, a reduction an accumulator,
 * all else is substituted. Each accumulator and each store then belongs to a *pass*: a run over a box of inner
 * loops, after all reductions that it needs are complete. Passes of one box and phase are one loop.
 *
 * @module
 */
import { InternalError } from "../errors.ts";
import { type DType, dtypeInfo, wideOf } from "../core/dtype.ts";
import { type BinaryOp, narrowed } from "../loopnest/expr.ts";
import type { ReduceOp } from "../loopnest/ir.ts";
import { COSTLY, opCost, type Thresholds } from "./cost.ts";
import type { Graph, Value } from "./graph.ts";
import { type Box, maskOf, type NestNode, type Root } from "./nodes.ts";
import type { Term, TermRef, Terms } from "./term.ts";

/** A reduction inside of a nest. */
export interface Acc extends TermRef {
  readonly index: number;
  readonly term: Term;
  /** The operation; `argmax` and `argmin` give positions. */
  readonly op: ReduceOp | "argmax" | "argmin";
  readonly body: Term;
  /** Of a search: the position offered. */
  readonly position: Term | null;
  readonly box: Box;
}

/** A store of a nest. */
export interface StoreItem {
  readonly value: Value;
  readonly index: Term;
  readonly term: Term;
  readonly guard: Term | null;
  readonly combine: ReduceOp | null;
  /** The inner loops that it is in, or `null`. */
  readonly box: Box | null;
  readonly phase: number;
}

/** One run over a box. */
export interface Pass {
  readonly box: Box;
  readonly phase: number;
  readonly accs: Acc[];
  readonly stores: StoreItem[];
  /** Terms that are not computed here again but loaded, from where an earlier pass has put them. */
  readonly loaded: Map<Term, Term>;
}

/** The contents of a nest. */
export interface NestTerms {
  readonly node: NestNode;
  /** From the primitives. */
  readonly name: string;
  readonly passes: readonly Pass[];
  /** Stores outside of all boxes. */
  readonly outerStores: readonly StoreItem[];
  /** Whether the vector runs along the last outer loop, and the boxes within it. */
  readonly byColumns: boolean;
  /** Scratch rows. */
  readonly spills: readonly Value[];
}

/** Works out a nest. */
export function nestTerms(graph: Graph, node: NestNode): NestTerms {
  let demand = new Demand(graph, node);
  let stores = demand.stores();
  if (splitLoops(graph.terms, node, [...stores.map((s) => s.index), ...demand.all(stores)])) {
    // The loops now follow a reshape's axes: the same terms once more, with simpler indices.
    demand = new Demand(graph, node);
    stores = demand.stores();
  }
  const passes = makePasses(demand.accs, stores);
  const outerStores = stores.filter((s) => s.box === null);
  const byColumns = node.boxes.length > 0 &&
    prefersColumns(node, passes, demand.all(stores), stores, graph.limits);
  const spills = spill(graph, node, passes, byColumns);
  return { node, name: demand.name, passes, outerStores, byColumns, spills };
}

/** Evaluates values at indices, as terms. */
class Demand {
  readonly accs: Acc[] = [];
  private readonly memo = new Map<string, Term>();
  private readonly names: string[] = [];
  private readonly terms: Terms;

  constructor(private readonly graph: Graph, private readonly node: NestNode) {
    this.terms = graph.terms;
  }

  get name(): string {
    const names = this.names.length > 6 ? [...this.names.slice(0, 6), "…"] : this.names;
    return names.join(" ") || [...new Set(this.node.roots.map((r) => r.value.name))].join(" ");
  }

  /** The stores for all roots. */
  stores(): StoreItem[] {
    const { terms } = this;
    this.graph.reader = (v, at) => terms.exprOf(this.value(v, at.map((e) => terms.termOf(e))));
    return this.node.roots.map((root) => this.store(root));
  }

  private store(root: Root): StoreItem {
    const { terms } = this;
    let [index, term]: [Term | null, Term | null] = [null, null];
    let guard: Term | null = null;
    let combine: ReduceOp | null = null;
    let mask = maskOf(root.tuple);
    if (root.kind === "value") {
      term = this.compute(root.value, root.tuple);
      index = terms.linear(root.tuple, root.value.strides);
    } else {
      const u = root.tuple.map((t) => terms.exprOf(t));
      index = terms.linear(root.index(u).map((e) => terms.termOf(e)), root.value.strides);
      term = terms.termOf(root.read(u));
      guard = root.guard === null ? null : terms.termOf(root.guard(u));
      combine = root.combine;
      mask |= maskOf(this.node.loops);
      this.note(root.value.name);
    }
    mask |= index.mask | term.mask | (guard?.mask ?? 0);
    return {
      value: root.value,
      index,
      term,
      guard,
      combine,
      box: boxOf(this.node, mask),
      phase: Math.max(index.phase, term.phase, guard?.phase ?? 0),
    };
  }

  /** The element of `v` at an index: a load where `v` is memory. */
  private value(v: Value, tuple: readonly Term[]): Term {
    if (v.term !== null) return v.term;
    const root = v.root;
    // Moved data is read where it comes from, though it may be memory too: so it was asked for.
    const isMemory = root.kind === "input" ||
      (root.stored && !root.isInlined && !root.homes.includes(this.node));
    if (isMemory) {
      return this.terms.load(root, v.aval.dtype, this.terms.linear(tuple, v.strides));
    }
    return this.compute(v, tuple);
  }

  private compute(v: Value, tuple: readonly Term[]): Term {
    if (v.term !== null) return v.term;
    let key = `${v.index}`;
    for (const t of tuple) key += `,${t.id}`;
    let t = this.memo.get(key);
    if (t === undefined) {
      t = this.fresh(v, tuple);
      this.memo.set(key, t);
    }
    return t;
  }

  private fresh(v: Value, tuple: readonly Term[]): Term {
    const { terms, node } = this;
    const l = v.lowered;
    const at = tuple.map((t) => terms.exprOf(t));
    switch (l?.kind) {
      case "alias": {
        const x = v.operands[l.operand];
        return this.value(x, terms.delinearise(terms.linear(tuple, v.strides), x.shape, x.strides));
      }
      case "map": {
        const t = terms.termOf(l.at(at));
        if (!v.movement) this.note(v.name);
        return t;
      }
      case "reduce": {
        const r = node.box(l.sizes);
        const body = terms.termOf(l.at(at, r.map((t) => terms.exprOf(t))));
        this.note(v.name);
        const mask = maskOf(r);
        const { dtype } = v.aval;
        if (mask === 0) return terms.cast(body, dtype);
        const wide = wideOf(dtype);
        const sum = this.accumulate(l.op, terms.cast(body, wide), null, mask, wide);
        return wide === dtype ? sum : terms.termOf(narrowed(l.op, terms.exprOf(sum), dtype));
      }
      case "argReduce": {
        const [r] = node.box([l.size]);
        const body = terms.termOf(l.at(at, terms.exprOf(r)));
        this.note(v.name);
        if (r.mask === 0) return terms.zero;
        const op = l.op === "max" ? "argmax" : "argmin";
        return this.accumulate(op, terms.cast(body, wideOf(body.dtype)), r, r.mask, "int32");
      }
      default:
        throw new InternalError(`schedule: ${v.name} was to be computed in a nest`);
    }
  }

  private accumulate(
    op: Acc["op"],
    body: Term,
    position: Term | null,
    mask: number,
    dtype: DType,
  ): Term {
    const box = boxOf(this.node, mask)!;
    const acc = { index: this.accs.length, op, body, position, box };
    const term = this.terms.accumulator(acc, dtype, this.node.outer, body.phase + 1);
    this.accs.push(Object.assign(acc, { term }));
    return term;
  }

  private note(name: string): void {
    if (!this.names.includes(name)) this.names.push(name);
  }

  /** All terms under the stores and accumulators. */
  all(stores: readonly StoreItem[]): Term[] {
    const seen = new Set<Term>();
    const visit = (t: Term) => {
      if (seen.has(t)) return;
      seen.add(t);
      for (const x of t.args) visit(x);
    };
    for (const acc of this.accs) visit(acc.body);
    for (const s of stores) {
      visit(s.term);
      visit(s.index);
      if (s.guard !== null) visit(s.guard);
    }
    return [...seen];
  }
}

/** The box whose variables are in `mask`; there is at most one. */
function boxOf(node: NestNode, mask: number): Box | null {
  let found: Box | null = null;
  for (const box of node.boxes) {
    if ((box.mask & mask) === 0) continue;
    if (found !== null) throw new InternalError("schedule: a term over two boxes");
    found = box;
  }
  return found;
}

/** Sorts accumulators and stores into passes. */
function makePasses(accs: readonly Acc[], stores: readonly StoreItem[]): Pass[] {
  const passes: Pass[] = [];
  const passOf = (box: Box, phase: number): Pass => {
    let pass = passes.find((p) => p.box === box && p.phase === phase);
    if (pass === undefined) {
      pass = { box, phase, accs: [], stores: [], loaded: new Map() };
      passes.push(pass);
    }
    return pass;
  };
  for (const acc of accs) passOf(acc.box, acc.body.phase).accs.push(acc);
  for (const s of stores) if (s.box !== null) passOf(s.box, s.phase).stores.push(s);
  return passes.sort((a, b) => a.phase - b.phase); // stable: in order of demand within a phase
}

/**
 * Splits loops whose variable is taken apart by divisions and remainders (a flat loop over a reshaped array), where constants
 * divide the loop evenly. Tells whether it did anything.
 */
function splitLoops(terms: Terms, node: NestNode, all: readonly Term[]): boolean {
  const divisors = new Map<Term, Set<number>>();
  for (const t of all) {
    if (t.kind !== "binary" || (t.op !== "div" && t.op !== "rem") || t.args[1].kind !== "const") {
      continue;
    }
    let n = t.args[1].value as number;
    let v = t.args[0];
    if (v.kind === "binary" && v.op === "div" && v.args[1].kind === "const") {
      n *= v.args[1].value as number;
      v = v.args[0];
    }
    if (v.kind !== "var" || !(n > 1)) continue;
    const set = divisors.get(v);
    if (set === undefined) divisors.set(v, new Set([n]));
    else set.add(n);
  }
  const parts = new Map<Term, { vars: Term[]; sum: Term }>();
  for (const [v, set] of divisors) {
    const chain = [...set].sort((a, b) => a - b);
    chain.push(v.extent);
    if (chain.some((n, k) => n % (k === 0 ? 1 : chain[k - 1]) !== 0)) continue;
    if (!node.hasRoom) break;
    const vars: Term[] = [];
    let sum = terms.zero;
    let inner = 1;
    for (const n of chain) {
      if (n === inner) continue;
      const part = node.newVar(n / inner);
      sum = terms.addScaled(sum, part, inner);
      vars.unshift(part);
      inner = n;
    }
    parts.set(v, { vars, sum });
  }
  if (parts.size === 0) return false;
  const replace = (vars: readonly Term[]) => vars.flatMap((v) => parts.get(v)?.vars ?? [v]);
  const rewrite = (t: Term): Term => {
    if (t.kind === "var") return parts.get(t)?.sum ?? t;
    if (t.kind === "binary") {
      return terms.binary(t.op as BinaryOp, rewrite(t.args[0]), rewrite(t.args[1]));
    }
    if (t.kind !== "affine") return t;
    let sum: Term = terms.int(t.value as number);
    t.args.forEach((x, k) => sum = terms.addScaled(sum, rewrite(x), t.coeffs[k]));
    return sum;
  };
  const isInner = node.inner;
  node.inner = maskOf(replace(node.loops.filter((v) => (v.mask & isInner) !== 0)));
  node.loops = replace(node.loops);
  for (const box of node.boxes) {
    box.vars = replace(box.vars);
    box.mask = maskOf(box.vars);
    box.index = box.index.map(rewrite);
  }
  node.roots.forEach((root, k) => {
    node.roots[k] = { ...root, tuple: root.tuple.map(rewrite) };
  });
  return true;
}

/** The factor of a variable in an index; `null` where the index is no sum. */
export function strideIn(index: Term, v: Term): number | null {
  if (index === v) return 1;
  if ((index.mask & v.mask) === 0) return 0;
  if (index.kind !== "affine") return null;
  let stride = 0;
  for (let k = 0; k < index.args.length; k++) {
    if (index.args[k] === v) stride = index.coeffs[k];
    else if ((index.args[k].mask & v.mask) !== 0) return null;
  }
  return stride;
}

/** How well memory is read and written along a variable: neighbours count for it, and so do parts of neighbouring complex numbers; jumps against it. */
export function contiguity(v: Term, all: readonly Term[], stores: readonly StoreItem[]): number {
  let score = 0;
  const count = (index: Term, weight: number) => {
    const stride = strideIn(index, v);
    if (stride === 1) score += weight;
    else if (stride === 2) score += weight / 2;
    else if (stride !== 0) score -= weight;
  };
  for (const t of all) if (t.kind === "load") count(t.args[0], 2);
  for (const s of stores) count(s.index, 3);
  return score;
}

/**
 * Whether vectors run along the last outer loop, and boxes are gone through one by one in each lane: where memory lies
 * that way, or where boxes are too short for vectors. In the latter case the longest outer loop becomes the last.
 */
function prefersColumns(
  node: NestNode,
  passes: readonly Pass[],
  all: readonly Term[],
  stores: readonly StoreItem[],
  limits: Thresholds,
): boolean {
  const outer = node.loops.filter((v) => (v.mask & node.inner) === 0);
  if (outer.length === 0) return false;
  const inBoxes = all.filter((t) => t.kind === "load" && (t.mask & node.innerMask) !== 0);
  const innerStores = stores.filter((s) => s.box !== null);
  let rows = -Infinity;
  let extent = 1;
  for (const box of node.boxes) {
    const v = box.vars[box.vars.length - 1];
    rows = Math.max(rows, contiguity(v, inBoxes, innerStores));
    extent = Math.max(extent, box.vars.reduce((n, v) => n * v.extent, 1));
  }
  const last = outer[outer.length - 1];
  let short = limits.shortBox;
  const isCostly = all.some((t) =>
    (t.kind === "unary" || t.kind === "binary") && (t.mask & node.innerMask) !== 0 &&
    opCost(t.kind, t.op) >= COSTLY
  );
  if (isCostly) short = Math.max(short, limits.shortCostlyBox);
  // Lanes that each walk through a row read from many places, which is no loss beside folding; beside storing it is.
  if (innerStores.length === 0) {
    for (const { op } of passes.flatMap((p) => p.accs)) {
      if (op === "argmax" || op === "argmin") short = Math.max(short, limits.shortSearchBox);
      else if (op === "max" || op === "min") short = Math.max(short, limits.shortExtremeBox);
    }
  }
  if (extent < short && node.independent) {
    let lane = last;
    for (const v of outer) if (lane.extent < 8 && v.extent > lane.extent) lane = v;
    if (lane.extent < 4) return false;
    node.loops = [...node.loops.filter((v) => v !== lane), lane];
    return true;
  }
  const columns = contiguity(last, inBoxes, innerStores);
  if (columns !== rows || passes.length > 1) return columns > rows;
  // One operand lies along rows and another along columns: by columns, lines read across a row serve the next turns.
  return last.extent >= 8 && inBoxes.some((t) => strideIn(t.args[0], last) === 1);
}

/**
 * Decides what passes hand on to later passes of the same box. What an earlier pass has computed is loaded from where
 * a root has stored it; kept in a scratch row where it is expensive; or computed again.
 */
function spill(graph: Graph, node: NestNode, passes: readonly Pass[], byColumns: boolean): Value[] {
  if (passes.length < 2) return [];
  const spills: Value[] = [];
  const { terms } = graph;
  const lane = byColumns ? node.loops.filter((v) => (v.mask & node.inner) === 0).at(-1)! : null;
  for (const box of node.boxes) {
    // Where each term that an earlier pass computes was computed first.
    const done = new Map<Term, Pass>();
    const kept = new Map<Term, Term>();
    // The outputs of the last pass over the box: until then their memory is free.
    const last = passes.findLast((p) => p.box === box);
    const outputs = last === undefined
      ? []
      : last.stores.filter((s) =>
        s.guard === null && s.combine === null && (s.index.mask & box.mask) === box.mask &&
        node.roots.some((r) => r.kind === "value" && r.value === s.value)
      );
    const makePlace = (t: Term): { value: Value; index: Term } => {
      const size = box.vars.reduce((n, v) => n * v.extent, lane?.extent ?? 1);
      if (size * dtypeInfo(t.dtype).bytes > graph.limits.smallScratch) {
        const k = outputs.findIndex((s) => s.value.aval.dtype === t.dtype);
        if (k >= 0) return outputs.splice(k, 1)[0];
      }
      const value = graph.scratch(t.dtype, size);
      spills.push(value);
      let index = lane ?? terms.zero;
      let stride = lane?.extent ?? 1;
      for (let k = box.vars.length - 1; k >= 0; k--) {
        index = terms.addScaled(index, box.vars[k], stride);
        stride *= box.vars[k].extent;
      }
      return { value, index };
    };
    let costs = new Map<Term, number>();
    const cost = (t: Term): number => {
      if ((t.mask & box.mask) === 0 || t.kind === "affine" || t.kind === "var") return 0;
      if (kept.has(t)) return 1;
      let c = costs.get(t);
      if (c === undefined) {
        c = t.cost;
        for (const x of t.args) c += cost(x) - x.cost;
        costs.set(t, c);
      }
      return c;
    };
    for (const pass of passes) {
      if (pass.box !== box) continue;
      costs = new Map(); // what earlier passes keep has become cheap
      const here = new Set<Term>();
      const visit = (t: Term): void => {
        if ((t.mask & box.mask) === 0 || t.kind === "var" || here.has(t)) return;
        const isWhole = (t.mask & box.mask) === box.mask;
        if (t.kind !== "affine" && t.kind !== "load" && isWhole && done.has(t)) {
          const first = done.get(t)!;
          let load = kept.get(t);
          if (load === undefined) {
            const stored = first.stores.find((s) =>
              s.term === t && s.guard === null && s.combine === null
            );
            if (stored !== undefined && cost(t) > 2) {
              load = terms.load(stored.value, t.dtype, stored.index);
            } else if (cost(t) > graph.limits.spill) {
              const place = makePlace(t);
              const { phase } = first;
              load = terms.load(place.value, t.dtype, place.index);
              first.stores.push({
                value: place.value,
                index: place.index,
                term: t,
                guard: null,
                combine: null,
                box,
                phase,
              });
            }
            if (load !== undefined) kept.set(t, load);
          }
          if (load !== undefined) {
            pass.loaded.set(t, load);
            return;
          }
        }
        here.add(t);
        for (const x of t.args) visit(x);
      };
      for (const acc of pass.accs) visit(acc.body);
      for (const s of pass.stores) {
        visit(s.term);
        visit(s.index);
        if (s.guard !== null) visit(s.guard);
      }
      for (const t of here) if (!done.has(t)) done.set(t, pass);
    }
  }
  return spills;
}
