/**
 * The lowering graph: each value of a jaxpr with its lowering rule's answer and what can be learned from it.
 *
 * A rule's answer is a function from indices to a scalar expression. It is called once on symbolic indices here, to see
 * what it reads and what it costs, and again for each use, when it is known which operands are memory.
 *
 * @module
 */
import { CompileError } from "../errors.ts";
import type { Shape, ShapedArray } from "../core/aval.ts";
import { shapedArray, sizeOf, stridesOf } from "../core/aval.ts";
import { type DType, dtypeInfo, isFloating, wideOf } from "../core/dtype.ts";
import {
  type Atom,
  type ClosedJaxpr,
  hasEffect,
  type JaxprEqn,
  JaxprVar,
  type Literal,
  primitiveOf,
} from "../core/jaxpr.ts";
import type { Access, DotSpec, Lowered } from "../core/lowering.ts";
import { cast, constant, type Expr, forEachOperand, makeVar } from "../loopnest/expr.ts";
import { reductionIdentity } from "../loopnest/identity.ts";
import { MAX_MOVES, opCost, type Thresholds, usualThresholds } from "./cost.ts";
import { aliasAsMap, dotAsReduce, piecesAsMap } from "./lowered.ts";
import { isStorage, placeThroughMoves } from "./moves.ts";
import type { Node } from "./nodes.ts";
import { type Term, type TermRef, Terms } from "./term.ts";
import { guardUpdates } from "./updates.ts";

/** How a value comes about. `input` and `literal` come from outside. */
export type ValueKind = "input" | "literal" | Lowered["kind"];

/** A value of the program being scheduled. */
export class Value implements TermRef {
  readonly shape: Shape;
  readonly size: number;
  /** Row-major. */
  readonly strides: readonly number[];
  /** Reads an element in the way of whoever is asking; see {@linkcode Graph.reader}. */
  readonly access: Access;

  /** What the lowering rule said (rewritten where another kind serves better). */
  lowered: Lowered | null = null;
  kind: ValueKind;
  /** The literal's term. */
  term: Term | null = null;
  /** The operands of the equation. */
  operands: readonly Value[] = [];
  /** The reductions that its elements are made of, through elementwise values; at most a few are listed. */
  reductions: readonly Value[] = [];
  /** Of moved data that is a transpose: which axis of its own each axis of the operand is. */
  permutation: readonly number[] | null = null;
  /** Of a reduction: whether it runs along the last axis of what it reads. */
  alongRows = true;
  /** The distinct operands that its elements are made of. */
  reads: readonly Value[] = [];
  /** Operands that its rule has read once and for all; they have to be memory. */
  eager: readonly Value[] = [];
  /** Whether it only moves data: each element is an operand's element at an affine index. */
  movement = false;
  /** How many moves lie between it and something computed. */
  moves = 0;
  /** Whether each element reads its operands at its own index (or 0-d operands). */
  pointwise = false;
  /** The cost of its own operations for one element. */
  cost = 0;
  /** The cost of one element computed from memory. */
  inlineCost = 1;
  /** The stored values that an element is computed from; at most a few are listed. */
  sources: Value[] = [];
  /** How many operand places read it. */
  users = 0;
  /** Whether it is an output, or an operand of something that wants memory. */
  wanted = false;

  // What fusion decides.
  /** Nests that ask for elements, and at which index. */
  readonly askers: Node[] = [];
  readonly tuples: (readonly Term[])[] = [];
  /** On which loops what asks depends. */
  readonly askMasks: number[] = [];
  /** Steps that read its memory for certain. */
  readonly needers: Set<Node> = new Set<Node>();
  /** Whether it is an output of the program. */
  isOutput = false;
  /** Whether it was made up as an operand of a contraction. */
  isLayout = false;
  /** Whether it belongs to a step that runs though nobody reads its results. */
  hasEffect = false;
  /** Whether it stands for a step without results, and is none itself. */
  isToken = false;
  /** Whether it has memory. */
  stored = false;
  /** The steps that write it. */
  readonly homes: Node[] = [];

  constructor(
    readonly index: number,
    readonly aval: ShapedArray,
    /** Of the equation that makes it; -1 for inputs and literals. */
    readonly eqn: number,
    readonly name: string,
    kind: ValueKind,
    graph: Graph,
  ) {
    this.kind = kind;
    this.shape = aval.shape;
    this.size = aval.size;
    this.strides = stridesOf(aval.shape);
    this.access = (at) => graph.reader(this, at);
  }

  /** Whether it is read by computing it, although it may be memory: moved data and constants. */
  get isInlined(): boolean {
    return this.movement || (this.kind === "map" && this.cost === 0 && this.reads.length === 0);
  }

  /** Where an alias's elements really are. */
  get root(): Value {
    return this.lowered?.kind === "alias" ? this.operands[this.lowered.operand].root : this;
  }

  /** Bytes of its elements. */
  get bytes(): number {
    return this.size * dtypeInfo(this.aval.dtype).bytes;
  }
}

/** All values of a program, in order of definition. */
export class Graph {
  readonly terms = new Terms();
  readonly values: Value[] = [];
  readonly inputs: Value[] = [];
  readonly outputs: Value[];
  /**
   * What a rule that reads an operand gets. Set for each purpose: probing, asking (fusion), and demanding (code).
   */
  reader: (value: Value, at: readonly Expr[]) => Expr = (value) => makeVar("x", value.aval.dtype);
  private readonly axes: Expr[] = [];

  constructor(closed: ClosedJaxpr, readonly limits: Thresholds = usualThresholds) {
    const { constvars, invars, outvars, eqns } = closed.jaxpr;
    const values = new Map<JaxprVar, Value>();
    for (const v of [...constvars, ...invars]) {
      const value = this.add(v.aval.stored, -1, "input", "input");
      values.set(v, value);
      this.inputs.push(value);
    }
    const read = (x: Atom) => x instanceof JaxprVar ? values.get(x)! : this.literal(x);
    eqns.forEach((eqn, k) => {
      const outs = this.equation(eqn, k, eqn.invars.map(read));
      eqn.outvars.forEach((v, i) => values.set(v, outs[i]));
    });
    this.outputs = outvars.map(read);
    guardUpdates(this, eqns);
    for (const v of this.values) this.turnDot(v);
    this.markWanted();
    for (const v of this.values) this.estimate(v);
  }

  private add(aval: ShapedArray, eqn: number, name: string, kind: ValueKind): Value {
    const value = new Value(this.values.length, aval, eqn, name, kind, this);
    this.values.push(value);
    return value;
  }

  /** A constant as a value. */
  private literal(x: Literal): Value {
    const value = this.add(x.aval, -1, "literal", "literal");
    value.term = this.terms.constant(constantOf(x), x.aval.dtype);
    value.inlineCost = 0;
    return value;
  }

  private equation(eqn: JaxprEqn, k: number, operands: readonly Value[]): Value[] {
    const { params } = eqn;
    const primitive = primitiveOf(eqn);
    if (primitive.lower === undefined) {
      throw new CompileError(
        `${primitive.name}: this operation has no compiled form; apply it outside of the compiled function`,
      );
    }
    const outAvals = eqn.outvars.map((v) => v.aval.stored);
    // What a rule reads at once, and not when asked for an element, has to be memory.
    const eager: Value[] = [];
    this.reader = (v, at) => {
      if (v.term !== null) return this.terms.exprOf(v.term);
      if (!eager.includes(v)) eager.push(v);
      const position = this.terms.linear(at.map((e) => this.terms.termOf(e)), v.strides);
      return this.terms.exprOf(this.terms.load(v.root, v.aval.dtype, position));
    };
    const lowered = primitive.lower(
      operands.map((v) => v.access),
      operands.map((v) => v.aval),
      outAvals,
      params,
    );
    for (const v of operands) v.users++;
    for (const v of eager) v.root.wanted = true;
    const effect = hasEffect(eqn);
    const avals = outAvals.length === 0 && effect ? [shapedArray([0], "uint8")] : outAvals;
    return avals.map((aval, i) => {
      const l = refine(lowered[i], operands, aval, this);
      const value = this.splitReduction(l, aval, k, primitive.name, operands) ??
        this.add(aval, k, primitive.name, l.kind);
      if (value.lowered === null) {
        value.lowered = l;
        value.operands = operands;
      }
      value.eager = eager;
      value.hasEffect = effect;
      value.isToken = outAvals.length === 0;
      if (aval.size > 0) this.probe(value);
      return value;
    });
  }

  /**
   * A reduction over several axes, of something that a reduction over one of them is part of (the sum of a loss over rows
   * that were normalised), is done in two: over that axis first, so that it can be a pass of the nest that does the other.
   */
  private splitReduction(
    l: Lowered,
    aval: ShapedArray,
    eqn: number,
    name: string,
    operands: readonly Value[],
  ): Value | null {
    if (l.kind !== "reduce") return null;
    const box = sizeOf(l.sizes);
    const total = aval.size * box;
    let axis = -1;
    for (const v of operands) {
      for (const w of v.reductions) {
        if (w.size === 1) continue;
        for (let k = l.sizes.length - 1; k > axis; k--) {
          if (l.sizes[k] > 1 && l.sizes[k] < box && w.size * l.sizes[k] === total) axis = k;
        }
      }
    }
    if (axis < 0) return null;
    const outer = l.sizes.filter((_, k) => k !== axis);
    const rank = aval.shape.length;
    const { op } = l;
    const wide = wideOf(aval.dtype); // so that what is rounded is the whole
    const inner = this.add(shapedArray([...aval.shape, ...outer], wide), eqn, name, "reduce");
    inner.operands = operands;
    inner.lowered = {
      kind: "reduce",
      op,
      sizes: [l.sizes[axis]],
      at: (i, r) => {
        const rest = i.slice(rank);
        rest.splice(axis, 0, r[0]);
        return cast(l.at(i.slice(0, rank), rest), wide);
      },
    };
    this.probe(inner);
    inner.users = 1;
    const value = this.add(aval, eqn, name, "reduce");
    value.operands = [inner];
    value.lowered = { kind: "reduce", op, sizes: outer, at: (i, r) => inner.access([...i, ...r]) };
    return value;
  }

  /** The results of the kernel call that gives `v`, among them itself. */
  resultsWith(v: Value): Value[] {
    const { values } = this;
    const results: Value[] = []; // they were made one after the other
    let last = v.index;
    while (values[last + 1]?.eqn === v.eqn) last++;
    for (let i = last; values[i]?.eqn === v.eqn; i--) {
      // Copies of a result, for an output that is given twice, are memory of the same equation and no results.
      if (values[i].lowered?.kind === "kernel" && !values[i].isToken) results.unshift(values[i]);
    }
    return results;
  }

  /** A value of the same aval, to be filled by a copy. */
  memoryLike(v: Value): Value {
    return this.add(v.aval, v.eqn, "copy", "kernel");
  }

  /** Memory for something within a step. */
  scratch(dtype: DType, size: number): Value {
    return this.add(shapedArray([size], dtype), -1, "scratch", "kernel");
  }

  /** `v` with its axes in another order, as a value of its own. */
  permuted(v: Value, order: readonly number[]): Value {
    const aval = shapedArray(order.map((k) => v.shape[k]), v.aval.dtype);
    const value = this.add(aval, v.eqn, "layout", "map");
    value.lowered = {
      kind: "map",
      at: (i) => {
        const at: Expr[] = [];
        order.forEach((k, axis) => at[k] = i[axis]);
        return v.access(at);
      },
    };
    value.isLayout = true;
    value.operands = value.reads = [v];
    value.inlineCost = v.inlineCost;
    value.sources = v.sources;
    return value;
  }

  private axis(k: number): Expr {
    return this.axes[k] ??= makeVar("axis");
  }

  /** Calls the rule once on symbolic indices and notes what it reads. */
  private probe(value: Value): void {
    const l = value.lowered!;
    if (l.kind === "alias") {
      value.reads = [value.operands[l.operand]];
      value.reductions = value.reads[0].reductions;
      value.moves = value.reads[0].moves + 1;
      return;
    }
    if (l.kind === "reduce" || l.kind === "argReduce") value.reductions = [value];
    if (l.kind !== "map" && l.kind !== "reduce" && l.kind !== "argReduce") return;
    const reads: Value[] = [];
    const placeholders = new Set<Expr>();
    const at = value.shape.map((_, k) => this.axis(k));
    let pointwise = true;
    let readAt: readonly Expr[] = [];
    this.reader = (v, i) => {
      if (v.term !== null) return this.terms.exprOf(v.term);
      if (!reads.includes(v)) reads.push(v);
      if (i.length > 0) readAt = i;
      if (i.length > 0 && !(i.length === at.length && i.every((e, k) => e === at[k]))) {
        pointwise = false;
      }
      const x = makeVar("x", v.aval.dtype);
      placeholders.add(x);
      return x;
    };
    let body: Expr;
    if (l.kind === "map") body = l.at(at);
    else if (l.kind === "reduce") {
      body = l.at(at, l.sizes.map((_, k) => this.axis(at.length + k)));
    } else body = l.at(at, this.axis(at.length));
    if (l.kind === "reduce" || l.kind === "argReduce") {
      const last = readAt[readAt.length - 1];
      value.alongRows = last === undefined || !at.includes(last);
    }
    value.reads = reads;
    value.pointwise = pointwise && l.kind === "map";
    value.cost = costOf(body);
    value.movement = l.kind === "map" && value.eager.length === 0 && reads.length === 1 &&
      placeholders.has(body) &&
      readAt.every((e) => isAffine(e));
    if (value.movement) {
      value.moves = reads[0].moves + 1;
      if (value.moves >= MAX_MOVES) value.movement = false;
    }
    if (value.movement && readAt.length === at.length) {
      const permutation = readAt.map((e) => at.indexOf(e));
      if (new Set(permutation).size === at.length && !permutation.includes(-1)) {
        value.permutation = permutation;
      }
    }
    if (l.kind === "map") {
      const found = new Set<Value>();
      for (const x of reads) for (const w of x.reductions) if (found.size < 4) found.add(w);
      value.reductions = [...found];
    }
  }

  /** A transposed contraction that nobody wants as it was is a contraction with its operands exchanged. */
  private turnDot(v: Value): void {
    const dot = v.reads[0];
    if (v.permutation === null || dot.lowered?.kind !== "dot" || dot.users > 1) return;
    if (this.outputs.includes(dot)) return;
    const { spec } = dot.lowered;
    const batch = spec.lhsBatch.length;
    const free = dot.operands[spec.lhs].shape.length - batch - spec.lhsContract.length;
    const rhsFree = dot.shape.length - batch - free;
    const turned = v.permutation.every((axis, k) =>
      axis === (k < batch ? k : k < batch + free ? k + rhsFree : k - free)
    );
    if (!turned) return;
    v.kind = "dot";
    v.movement = false;
    v.operands = dot.operands;
    v.reads = [];
    v.lowered = {
      kind: "dot",
      spec: {
        lhs: spec.rhs,
        rhs: spec.lhs,
        lhsContract: spec.rhsContract,
        rhsContract: spec.lhsContract,
        lhsBatch: spec.rhsBatch,
        rhsBatch: spec.lhsBatch,
      },
    };
    dot.lowered = null;
    dot.kind = "map"; // nobody asks for it any more
  }

  /** Marks what will be memory for certain, before anything is decided. */
  private markWanted(): void {
    for (const v of this.outputs) v.root.wanted = true;
    for (const v of this.values) {
      const l = v.lowered;
      if (l?.kind === "dot") {
        this.bottom(v.operands[l.spec.lhs]).wanted = true;
        this.bottom(v.operands[l.spec.rhs]).wanted = true;
      } else if (l?.kind === "kernel") {
        for (const x of v.operands) x.root.wanted = true;
      } else if (l?.kind === "update") v.operands[l.operand].root.wanted = true;
      else if (l?.kind === "alias" && l.barrier) this.bottom(v.operands[l.operand]).wanted = true;
    }
    // A moved output of something computed: others had better read the output than compute it again.
    for (const v of this.outputs) {
      const root = v.root;
      if (root.movement && !isStorage(this.bottom(root).kind)) root.movement = false;
    }
  }

  /** What lies under aliases and moved data. */
  bottom(v: Value): Value {
    while (true) {
      if (v.lowered?.kind === "alias") v = v.operands[v.lowered.operand];
      else if (v.movement) v = v.reads[0];
      else return v;
    }
  }

  /** Fills in what one element costs when everything before it that is not memory is computed with it. */
  private estimate(v: Value): void {
    if (v.lowered === null) return;
    let { cost } = v;
    const sources: Value[] = [];
    for (const x of v.reads) {
      const origin = x.root;
      if (isLeaf(origin, this.limits)) {
        cost += 1;
        if (!sources.includes(origin)) sources.push(origin);
        continue;
      }
      // What is much smaller is computed outside of the inner loop, or stored.
      cost += x.size * 4 <= v.size ? Math.min(1, x.inlineCost) : x.inlineCost;
      for (const s of x.sources) if (sources.length < 8 && !sources.includes(s)) sources.push(s);
    }
    v.inlineCost = Math.min(cost, 1e6);
    v.sources = sources;
  }
}

/** Whether a value will, in all likelihood, be memory for its consumers. */
function isLeaf(v: Value, { cheap }: Thresholds): boolean {
  if (isStorage(v.kind) || v.kind === "reduce" || v.kind === "argReduce") return true;
  if (v.kind === "literal" || v.kind === "alias") return false;
  return (v.wanted && !v.movement) || (v.users > 1 && v.inlineCost > cheap);
}

/** Chooses another form where it serves better. */
function refine(
  l: Lowered,
  operands: readonly Value[],
  aval: ShapedArray,
  graph: Graph,
): Lowered {
  const { limits } = graph;
  switch (l.kind) {
    case "reduce":
      if (sizeOf(l.sizes) === 0) return identityMap(l.op, aval);
      return l;
    case "dot": {
      const [lhs, rhs] = [operands[l.spec.lhs], operands[l.spec.rhs]];
      const k = sizeOf(l.spec.lhsContract.map((a) => lhs.shape[a]));
      if (k === 0) return identityMap("add", aval);
      const isTiny = k <= limits.shortDot || aval.size * k <= limits.tinyDot ||
        !isFloating(aval.dtype) || readsOnce(lhs, rhs, aval.size * k, graph);
      return isTiny ? dotReduction(l.spec, lhs, rhs, k) : l;
    }
    case "alias": {
      const x = operands[l.operand];
      if (x.aval.dtype === aval.dtype) return l;
      // Other bits in the same places: a map, so that every buffer keeps one dtype.
      return aliasAsMap(x.access, x.aval, aval);
    }
    case "pieces":
      return aval.size <= limits.smallPieces && l.pieces.length <= 4 ? piecesAsMap(l) : l;
    default:
      return l;
  }
}

/**
 * Whether a contraction uses each element of its larger operand once, as that of a matrix and a vector does, and would have to compute
 * that operand before, or find no neighbours in it, as in the parts of complex numbers: a reduction computes it where it reads it. Of
 * two vectors it is faster in any case.
 */
function readsOnce(lhs: Value, rhs: Value, products: number, graph: Graph): boolean {
  const [smaller, larger] = lhs.size < rhs.size ? [lhs, rhs] : [rhs, lhs];
  if (products !== larger.size) return false;
  if (smaller.size === products) return true;
  if (!larger.movement) return larger.kind === "map";
  const { strides } = placeThroughMoves(larger, graph);
  return strides !== null && !larger.shape.some((n, k) => n > 1 && strides[k] === 1);
}

function identityMap(op: Parameters<typeof reductionIdentity>[0], aval: ShapedArray): Lowered {
  const value = constant(reductionIdentity(op, aval.dtype), aval.dtype);
  return { kind: "map", at: () => value };
}

function dotReduction(spec: DotSpec, lhs: Value, rhs: Value, k: number): Lowered {
  const { sizes, at } = dotAsReduce(spec, lhs.access, rhs.access, lhs.shape, rhs.shape);
  if (k > 1) return { kind: "reduce", op: "add", sizes, at };
  const zeros = sizes.map(() => constant(0, "int32"));
  return { kind: "map", at: (i) => at(i, zeros) };
}

function constantOf(x: Literal): number | bigint | boolean {
  const e = constant(x.value, x.aval.dtype);
  return e.kind === "const" ? e.value : 0;
}

/** The cost of an expression as the graph it is; index arithmetic counts. */
function costOf(root: Expr): number {
  if (root.kind === "var" || root.kind === "const") return 0;
  const seen = new Set<Expr>();
  let cost = 0;
  const visit = (e: Expr) => {
    if (e.kind === "var" || e.kind === "const" || seen.has(e)) return;
    seen.add(e);
    cost += opCost(e.kind, e.kind === "unary" || e.kind === "binary" ? e.op : "");
    forEachOperand(e, visit);
  };
  visit(root);
  return cost;
}

/** Whether an index is a sum of multiples of axes, with nothing read from memory in it. */
function isAffine(e: Expr): boolean {
  if (e.kind === "const") return true;
  if (e.kind === "var") return e.name === "axis";
  if (e.kind === "unary") return e.op === "neg" && isAffine(e.x);
  if (e.kind !== "binary") return false;
  if (e.op === "add" || e.op === "sub") return isAffine(e.x) && isAffine(e.y);
  if (e.op !== "mul") return false;
  return (e.y.kind === "const" && isAffine(e.x)) || (e.x.kind === "const" && isAffine(e.y));
}
