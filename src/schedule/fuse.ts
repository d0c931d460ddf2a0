/**
 * Fusion: which values become memory, and which nests compute what.
 *
 * Values are decided from the last to the first, so that all consumers of a value are known when its turn comes. A
 * consumer *asks* for an element at an index (a tuple of terms over its nest's loops). Then:
 *
 * - moved data (broadcast, transpose, slice, reshape) is asked of its origin, at the moved index;
 * - an elementwise value that one nest asks for at one index is computed there, in that nest, unless that would repeat
 *   an expensive computation (a broadcast after it); one that is cheap is computed wherever it is asked for;
 * - a reduction that a nest asks for at the index of its outer loops is computed in that nest, by a pass over an inner
 *   box of loops; loops that the index lacks become inner ones. That is how softmax, layer norm and log-sum-exp become
 *   a single nest of several passes over each row;
 * - all else becomes memory. It is stored by one of the nests that compute it anyway (its *host*) where this makes no
 *   cycle among steps, by a nest over the same loops that reads the same memory (a sibling), or by a nest of its own.
 *
 * Each decision costs a look at the value's consumers and at most a few searches of the graph of steps.
 *
 * @module
 */
import type { Expr } from "../loopnest/expr.ts";
import { Barriers } from "./barriers.ts";
import { makeDot } from "./dots.ts";
import type { Graph, Value } from "./graph.ts";
import { isStorage } from "./moves.ts";
import {
  CopyNode,
  dependsOn,
  isMadeOfFew,
  iterations,
  KernelNode,
  maskOf,
  NestNode,
  type Node,
  waitsForReader,
} from "./nodes.ts";
import { coversOnce, isAtOdds, scatters } from "./hosts.ts";
import { EffectOrder } from "./order.ts";
import { boxSize, isBijective, isWorthPasses, passName, sameTuple, spaceOf } from "./spaces.ts";
import type { Term, Terms } from "./term.ts";

/** Options of {@linkcode fuse}. */
export interface FuseOptions {
  /** Whether to fuse at all; every value becomes memory otherwise. */
  readonly fuse: boolean;
}

/** The steps of a program, in no particular order, and where its outputs are. */
export interface Fused {
  readonly nodes: readonly Node[];
  /** For each output of the program: the value that is to live in its memory. */
  readonly outputs: readonly Value[];
}

/** Decides what each step computes. */
export function fuse(graph: Graph, options: FuseOptions = { fuse: true }): Fused {
  return new Fusion(graph, options).run();
}

/** A nest that is to store a value, the value's index in it, and on what its askers there depend. */
interface Host {
  readonly node: NestNode;
  readonly tuple: readonly Term[];
  readonly askMask: number;
}

/** The state of the decision. */
export class Fusion {
  readonly terms: Terms;
  private readonly nodes: Node[] = [];
  /** The copies that updates start with. */
  private readonly updates: CopyNode[] = [];
  private readonly kernels = new Map<number, KernelNode>();
  private readonly effects = new EffectOrder();
  readonly barriers: Barriers;
  /** Operands of contractions laid out anew. */
  private readonly layouts = new Map<string, Value>();
  /** Nests by the sizes of their loops, for siblings. */
  private readonly spaces = new Map<string, NestNode[]>();
  /** Who asks at present, and on which loops the asking term depends. */
  private asking: NestNode | null = null;
  private askingMask = 0;

  constructor(readonly graph: Graph, private readonly options: FuseOptions) {
    this.terms = graph.terms;
    this.barriers = new Barriers(this);
  }

  run(): Fused {
    const { graph } = this;
    const taken = new Set<Value>();
    const copies: CopyNode[] = [];
    const outputs = graph.outputs.map((v) => {
      const root = v.root;
      if (root.kind !== "input" && !taken.has(root)) {
        taken.add(root);
        root.isOutput = true;
        return root;
      }
      // An input handed through, or one value as two outputs.
      const copy = graph.memoryLike(v);
      const node = new CopyNode(root, copy);
      node.order = graph.values.length;
      copy.isOutput = true;
      copies.push(node);
      return copy;
    });
    for (const node of copies) this.finishCopy(node);
    graph.reader = (v, at) => this.read(v, at);
    for (let i = graph.values.length - 1; i >= 0; i--) this.decide(graph.values[i]);
    this.orderUpdates();
    return { nodes: this.nodes, outputs };
  }

  /** Lets other readers of an updated array go first where they can, so that the update can happen in place. */
  private orderUpdates(): void {
    for (const copy of this.updates) {
      const { from } = copy;
      for (const reader of new Set([...from.askers, ...from.needers])) {
        if (reader !== copy && !dependsOn(reader, copy)) copy.deps.add(reader);
      }
    }
  }

  private finishCopy(node: CopyNode): void {
    if (node.from.size === 0) {
      node.to.stored = true;
      return;
    }
    this.nodes.push(node);
    node.to.stored = true;
    node.to.homes.push(node);
    this.need(node.from, node);
  }

  // ------------------------------------------------------------ asking

  /** What rules get when they read an operand: the question is passed on. */
  private read(v: Value, at: readonly Expr[]): Expr {
    const { terms } = this;
    if (v.term !== null) return terms.exprOf(v.term);
    const tuple = at.map((e) => terms.termOf(e));
    this.ask(v, this.asking!, tuple);
    return terms.exprOf(terms.load(v, v.aval.dtype, terms.linear(tuple, v.strides)));
  }

  /** A nest wants an element. */
  ask(v: Value, node: NestNode, tuple: readonly Term[]): void {
    if (v.term !== null) return;
    if (v.kind === "input") {
      node.sources.add(v);
      v.needers.add(node);
      return;
    }
    const l = v.lowered!;
    if (isStorage(v.kind)) {
      node.sources.add(v);
      this.need(v, node);
    } else if (l.kind === "alias") {
      this.barriers.wait(v, node);
      const operand = v.operands[l.operand];
      const root = operand.root;
      if (isStorage(root.kind)) this.ask(root, node, tuple);
      else {
        const position = this.terms.linear(tuple, v.strides);
        this.ask(operand, node, this.terms.delinearise(position, operand.shape, operand.strides));
      }
    } else if (v.movement) this.expand(v, node, tuple, this.askingMask);
    else {
      for (let i = 0; i < v.askers.length; i++) {
        if (v.askers[i] !== node || !sameTuple(v.tuples[i], tuple)) continue;
        v.askMasks[i] |= this.askingMask;
        return;
      }
      v.askers.push(node);
      v.tuples.push(tuple);
      v.askMasks.push(this.askingMask);
    }
  }

  /** A step wants a value in memory. */
  need(v: Value, node: Node): void {
    this.barriers.wait(v, node);
    v.needers.add(node);
  }

  private needEager(v: Value, node: NestNode): void {
    for (const x of v.eager) {
      node.sources.add(x.root);
      this.need(x, node);
    }
  }

  /** Passes a question on to the operands. */
  private expand(v: Value, node: NestNode, tuple: readonly Term[], askMask: number): void {
    const l = v.lowered;
    if (l === null) return;
    this.needEager(v, node);
    let mask = askMask | maskOf(tuple);
    if (v.pointwise) {
      this.within(node, mask, () => {
        for (const x of v.reads) this.ask(x, node, x.shape.length === 0 ? [] : tuple);
      });
      return;
    }
    const at = tuple.map((t) => this.terms.exprOf(t));
    if (l.kind === "map") this.within(node, mask, () => l.at(at));
    else if (l.kind === "reduce" || l.kind === "argReduce") {
      const box = node.box(l.kind === "reduce" ? l.sizes : [l.size]);
      mask |= maskOf(box);
      const r = box.map((t) => this.terms.exprOf(t));
      this.within(node, mask, () => l.kind === "reduce" ? l.at(at, r) : l.at(at, r[0]));
    }
  }

  /** Runs a rule whose reads are questions of `node`, for something at an index of this mask. */
  private within(node: NestNode, mask: number, rule: () => unknown): void {
    const [asking, askingMask] = [this.asking, this.askingMask];
    this.asking = node;
    this.askingMask = mask;
    rule();
    this.asking = asking;
    this.askingMask = askingMask;
  }

  // ------------------------------------------------------------ deciding

  private decide(v: Value): void {
    if (v.kind === "input" || v.stored) return;
    if (v.hasEffect) return this.decideKernel(v);
    const wanted = v.isOutput || v.needers.size > 0;
    if (!wanted && v.askers.length === 0) return;
    if (v.size === 0) {
      v.stored = true;
      return;
    }
    switch (v.kind) {
      case "literal":
        return this.store(v);
      case "alias": // the questions have gone to its operand, and so do the needs
        v.needers.forEach((node) =>
          this.need(v.operands[v.lowered?.kind === "alias" ? v.lowered.operand : 0], node)
        );
        return;
      case "map":
        return this.decideMap(v, wanted);
      case "reduce":
      case "argReduce":
        return this.decideReduction(v, wanted);
      case "dot": {
        const node = makeDot(v, this);
        return this.settle(v, [this.add(node, v)]);
      }
      case "kernel":
        return this.decideKernel(v);
      case "update":
        return this.decideUpdate(v);
      case "pieces":
        return this.decidePieces(v);
      default: {
        const never: never = v.kind;
        return never;
      }
    }
  }

  /** `v` with its axes in another order, for the contraction `dot`: one that is there already, where it can be ready. */
  layout(v: Value, order: readonly number[], dot: Value): Value {
    const key = `${v.index}:${order.join()}`;
    const known = this.layouts.get(key);
    if (known !== undefined && known.homes.every((home) => !waitsForReader(home, dot, true))) {
      return known;
    }
    const laid = this.graph.permuted(v, order);
    this.layouts.set(key, laid);
    return laid;
  }

  /** Makes sure that a layout is stored, before `reader` runs. */
  settleLayout(v: Value, reader: Node): void {
    if (!v.isLayout) return;
    if (v.stored) { for (const home of v.homes) reader.deps.add(home); }
    else this.store(v);
  }

  /** Takes a step in. */
  add<N extends Node>(node: N, v: Value): N {
    node.order = v.eqn < 0 ? 0 : v.eqn;
    this.nodes.push(node);
    return node;
  }

  /** Notes where a value is stored; its readers wait for that. */
  private settle(v: Value, homes: readonly Node[]): void {
    v.stored = true;
    v.homes.push(...homes);
    for (const node of v.askers) {
      if (homes.includes(node)) continue;
      for (const home of homes) node.deps.add(home);
      if (node.kind === "nest") node.sources.add(v);
    }
    for (const node of v.needers) {
      if (!homes.includes(node)) { for (const home of homes) node.deps.add(home); }
    }
  }

  private decideMap(v: Value, wanted: boolean): void {
    if (!wanted && this.options.fuse) {
      if (this.isOneQuestion(v)) {
        const [node, tuple] = [v.askers[0] as NestNode, v.tuples[0]];
        const often = node.evaluations(maskOf(tuple)) > v.size * 1.25;
        if (
          (v.inlineCost <= this.graph.limits.cheap || !often) &&
          node.values < this.graph.limits.nestValues
        ) {
          return this.inline(v);
        }
      } else if (this.isCheap(v)) return this.inline(v);
    } else if (v.isInlined) {
      // A constant costs less than its memory; only who needs the memory gets it.
      this.inline(v);
      v.askers.length = v.tuples.length = v.askMasks.length = 0;
      if (!wanted) return;
    }
    this.store(v);
  }

  private inline(v: Value): void {
    for (let i = 0; i < v.askers.length; i++) {
      const node = v.askers[i] as NestNode;
      node.values++;
      this.expand(v, node, v.tuples[i], v.askMasks[i]);
    }
  }

  private isOneQuestion(v: Value): boolean {
    return v.askers.length === 1;
  }

  /** Whether computing `v` again is no dearer than storing and loading it. */
  private isCheap(v: Value): boolean {
    if (v.inlineCost > this.graph.limits.cheap) return false;
    if (v.askers.every((node) => node === v.askers[0])) return true;
    let large = 0;
    for (const s of v.sources) if (s.size * 2 > v.size) large++;
    return large <= 1;
  }

  private decideReduction(v: Value, wanted: boolean): void {
    if (!wanted && this.options.fuse && this.isOneQuestion(v)) {
      const [node, tuple] = [v.askers[0] as NestNode, v.tuples[0]];
      if (
        node.values < this.graph.limits.nestValues &&
        this.fitsReduction(v, node, tuple, v.askMasks[0])
      ) {
        this.joinReduction(v, node, tuple, v.askMasks[0]);
        return;
      }
    }
    this.store(v);
  }

  /** Whether a nest can compute the reduction `v`, asked for at `tuple`, by passes inside of its outer loops. */
  private fitsReduction(
    v: Value,
    node: NestNode,
    tuple: readonly Term[],
    askMask: number,
  ): boolean {
    if (!node.hasRoom || !node.independent) return false;
    let mask = 0;
    for (const t of tuple) {
      if (t.kind === "const") continue;
      if (t.kind !== "var" || (t.mask & mask) !== 0) return false;
      mask |= t.mask;
    }
    if ((mask & node.innerMask) !== 0) return false;
    const inner = boxSize(v);
    const outer = node.outer;
    if (mask === outer) {
      // Used by no other pass, it costs no pass of its own.
      return (askMask & node.innerMask) === 0 ||
        isWorthPasses(iterations(node.loops, outer), inner, this.graph.limits);
    }
    if (node.boxes.length > 0 || (mask & outer) !== mask) return false;
    // The loops that the index lacks are to become inner ones.
    const rows = iterations(node.loops, mask);
    const demoted = iterations(node.loops, outer & ~mask);
    if (!isWorthPasses(rows, Math.max(inner, demoted), this.graph.limits)) return false;
    const last = node.loops[node.loops.length - 1];
    const byColumns = (last.mask & mask) !== 0;
    return !byColumns || Math.max(inner, demoted) <= this.graph.limits.column;
  }

  private joinReduction(
    v: Value,
    node: NestNode,
    tuple: readonly Term[],
    askMask: number,
  ): void {
    const mask = maskOf(tuple);
    if (mask !== node.outer) {
      node.demote(mask);
      const rows = node.loops.filter((t) => (t.mask & mask) !== 0).map((t) => t.extent);
      const alongRows = (node.loops[node.loops.length - 1].mask & mask) === 0;
      this.rememberAs(passName(rows, node.boxes[0].extents, alongRows), node);
    }
    node.values++;
    this.expand(v, node, tuple, askMask);
  }

  // ------------------------------------------------------------ storing

  /** Makes `v` memory: by one of the nests that want it, by a similar nest, or by a nest of its own. */
  private store(v: Value): void {
    const host = this.options.fuse ? this.findHost(v) ?? this.findSibling(v) : null;
    if (host !== null) {
      const { node, tuple, askMask } = host;
      node.roots.push({ kind: "value", value: v, tuple });
      node.order = Math.min(node.order, Math.max(0, v.eqn));
      this.settle(v, [node]);
      if (v.kind === "map") {
        node.values++;
        this.expand(v, node, tuple, askMask);
      } else this.joinReduction(v, node, tuple, askMask);
      return;
    }
    const node = this.add(new NestNode(this.terms, true), v);
    const tuple = node.addLoops(v.shape);
    node.roots.push({ kind: "value", value: v, tuple });
    node.values++;
    this.remember(v, node);
    this.settle(v, [node]);
    this.expand(v, node, tuple, 0);
  }

  private remember(v: Value, node: NestNode): void {
    for (const s of v.sources) node.sources.add(s);
    this.rememberAs(spaceOf(v), node);
  }

  private rememberAs(space: string, node: NestNode): void {
    const list = this.spaces.get(space);
    if (list === undefined) this.spaces.set(space, [node]);
    else list.push(node);
  }

  /** A nest that asks for `v` once for each of its elements, and that no other reader of `v` must run before. */
  private findHost(v: Value): Host | null {
    let best: Host | null = null;
    for (let i = 0; i < v.askers.length; i++) {
      const node = v.askers[i];
      const tuple = v.tuples[i];
      if (
        node.kind !== "nest" || !node.independent || node.values >= this.graph.limits.nestValues
      ) continue;
      if (best !== null && node.order >= best.node.order) continue;
      if (v.askers.some((n, k) => n === node && k !== i)) continue;
      if (isAtOdds(v, node) || scatters(v, node, tuple, this.graph.limits)) continue;
      const fits = v.kind === "map"
        ? coversOnce(this.terms, v, node, tuple)
        : this.fitsReduction(v, node, tuple, v.askMasks[i]) &&
          isBijective(this.terms, v, tuple, maskOf(tuple));
      if (fits && !waitsForReader(node, v)) best = { node, tuple, askMask: v.askMasks[i] };
    }
    return best;
  }

  /** A nest over the same loops that reads some of the same memory. */
  private findSibling(v: Value): Host | null {
    const list = this.spaces.get(spaceOf(v));
    if (list === undefined) return null;
    for (let i = list.length - 1; i >= Math.max(0, list.length - 8); i--) {
      const node = list[i];
      if (
        node.values >= this.graph.limits.nestValues || node.sources.size + v.sources.length > 16
      ) continue;
      const work = v.size * boxSize(v);
      const shares = work === 1 ||
        v.sources.some((s) => s.size * 2 > work && node.sources.has(s));
      if (!shares || v.askers.includes(node) || waitsForReader(node, v)) continue;
      const isReduction = v.kind === "reduce" || v.kind === "argReduce";
      const loops = isReduction
        ? node.loops.filter((t) => (t.mask & node.inner) === 0)
        : node.loops;
      // Of a nest without passes some loops may have become inner ones since.
      if (loops.length !== v.shape.filter((n) => n !== 1).length) continue;
      let next = 0;
      const tuple = v.shape.map((n) => n === 1 ? this.terms.zero : loops[next++]);
      if (isReduction && !this.fitsReduction(v, node, tuple, 0)) continue;
      for (const s of v.sources) node.sources.add(s);
      return { node, tuple, askMask: 0 };
    }
    return null;
  }

  // ------------------------------------------------------------ the other kinds

  private decideKernel(v: Value): void {
    let node = this.kernels.get(v.eqn);
    if (node === undefined && v.lowered?.kind === "kernel") {
      const results = this.graph.resultsWith(v);
      node = this.add(new KernelNode(v.lowered.call, v.operands, results), v);
      if (v.lowered.call.control !== undefined) this.effects.add(node, v.hasEffect);
      this.kernels.set(v.eqn, node);
      for (const arg of v.lowered.call.args) {
        if (arg.kind === "scratch") node.scratch.push(this.graph.scratch("uint8", arg.bytes));
      }
      // Results that nobody reads need memory all the same.
      for (const x of results) x.stored = true;
      for (const x of v.operands) this.need(x, node);
      for (const x of results) this.settle(x, [node]);
    }
  }

  private decideUpdate(v: Value): void {
    const l = v.lowered!;
    if (l.kind !== "update") return;
    const operand = v.operands[l.operand];
    const copy = this.add(new CopyNode(operand.root, v), v);
    this.need(operand, copy);
    if (l.sizes.some((n) => n === 0)) return this.settle(v, [copy]);
    const { terms } = this;
    const node = this.add(new NestNode(terms, l.unique), v);
    node.roots.push({
      kind: "part",
      value: v,
      tuple: node.addLoops(l.sizes),
      index: l.index,
      read: l.value,
      guard: l.guard ?? null,
      combine: l.combine ?? null,
    });
    node.deps.add(copy);
    this.updates.push(copy);
    for (const x of v.operands) if (isMadeOfFew(x, operand.root)) this.need(x, copy);
    this.settle(v, [copy, node]);
    this.askParts(node);
  }

  private decidePieces(v: Value): void {
    const l = v.lowered!;
    if (l.kind !== "pieces") return;
    const { terms } = this;
    const homes: NestNode[] = [];
    const { background } = l;
    if (background !== undefined) {
      const node = this.add(new NestNode(terms, true), v);
      node.roots.push({
        kind: "part",
        value: v,
        tuple: node.addLoops(v.shape),
        index: (u) => u,
        read: () => background,
        guard: null,
        combine: null,
      });
      homes.push(node);
    }
    let [joint, tuple]: [NestNode | null, readonly Term[]] = [null, []];
    for (const { sizes, offsets, steps, at } of l.pieces) {
      if (sizes.some((n) => n === 0)) continue;
      const node: NestNode = joint ?? this.add(new NestNode(terms, true), v);
      if (joint === null) tuple = node.addLoops(sizes);
      const place = (u: readonly Expr[]) =>
        u.map((e, k) => {
          const t = terms.termOf(e);
          return terms.exprOf(terms.addScaled(terms.int(offsets[k]), t, steps?.[k] ?? 1));
        });
      node.roots.push({
        kind: "part",
        value: v,
        tuple,
        index: place,
        read: at,
        guard: null,
        combine: null,
      });
      if (node === joint) continue;
      if (background !== undefined) node.deps.add(homes[0]);
      homes.push(node);
      if (l.interleaved === true) joint = node;
    }
    this.settle(v, homes);
    for (const node of homes) this.askParts(node);
  }

  /** Asks for what the parts of a nest read; only once the steps around it are known. */
  private askParts(node: NestNode): void {
    for (const root of node.roots) {
      if (root.kind !== "part") continue;
      this.needEager(root.value, node);
      const u = root.tuple.map((t) => this.terms.exprOf(t));
      this.within(node, maskOf(node.loops), () => {
        root.index(u);
        root.read(u);
        root.guard?.(u);
      });
    }
  }
}
