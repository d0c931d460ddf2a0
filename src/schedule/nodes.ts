/**
 * Steps under construction: what fusion puts together, and ordering, planning and emission turn into a program.
 *
 * @module
 */
import type { LoweredKernel } from "../core/lowering.ts";
import type { Expr } from "../loopnest/expr.ts";
import type { ReduceOp } from "../loopnest/ir.ts";
import { MAX_NEST_VARS } from "./cost.ts";
import type { Value } from "./graph.ts";
import type { Term, Terms } from "./term.ts";

/** A step under construction. */
export type Node = NestNode | DotNode | KernelNode | CopyNode | BarrierNode;

let nextId = 0;

/** What all steps have. */
abstract class BaseNode {
  /** Distinguishes steps; grows with creation. */
  readonly id: number = nextId++;
  /** The steps that must run before. */
  readonly deps: Set<Node> = new Set<Node>();
  /** Where in the jaxpr it belongs: the first equation that it stores a result of. */
  order = Infinity;
}

/** A contraction by the library. */
export class DotNode extends BaseNode {
  readonly kind = "dot";
  constructor(
    readonly out: Value,
    readonly lhs: StridedOperand,
    readonly rhs: StridedOperand,
    readonly sizes: { batch: number; m: number; n: number; k: number },
  ) {
    super();
  }
}

/** Where a contraction finds an operand. */
export interface StridedOperand {
  readonly value: Value;
  readonly offset: number;
  readonly batchStride: number;
  readonly freeStride: number;
  readonly contractStride: number;
}

/** A call of a library kernel. */
export class KernelNode extends BaseNode {
  readonly kind = "kernel";
  /** Scratch memory, one value for each such argument. */
  scratch: Value[] = [];
  constructor(
    readonly call: LoweredKernel,
    readonly operands: readonly Value[],
    readonly results: readonly Value[],
  ) {
    super();
  }
}

/** A copy of a whole value. */
export class CopyNode extends BaseNode {
  readonly kind = "copy";
  constructor(readonly from: Value, readonly to: Value) {
    super();
  }
}

/** A place in the order of steps: what comes after it reads nothing of what comes before but memory. Nothing is emitted for it. */
export class BarrierNode extends BaseNode {
  readonly kind = "barrier";
}

/** What a nest computes for others to read. */
export type Root =
  | {
    /** A value, element by element. */
    readonly kind: "value";
    readonly value: Value;
    /** Its index, in terms of the nest's loops. */
    readonly tuple: readonly Term[];
  }
  | {
    /** Part of a value: for each iteration `u`, the element at `index(u)` becomes `read(u)`. */
    readonly kind: "part";
    readonly value: Value;
    readonly tuple: readonly Term[];
    readonly index: (u: readonly Expr[]) => readonly Expr[];
    readonly read: (u: readonly Expr[]) => Expr;
    readonly guard: ((u: readonly Expr[]) => Expr) | null;
    readonly combine: ReduceOp | null;
  };

/** A set of inner loops, run through by one or more passes. */
export interface Box {
  /** The loops, outermost first. */
  vars: readonly Term[];
  mask: number;
  /** The sizes that it was made for, and the index along each of them. */
  readonly extents: readonly number[];
  index: readonly Term[];
}

/** A loop nest: outer loops, within them passes over boxes of inner loops. */
export class NestNode extends BaseNode {
  readonly kind = "nest";
  /** All loops of the value it was made for, outermost first; those in `inner` belong to the first box. */
  loops: Term[] = [];
  /** Mask of the loops that became inner ones. */
  inner = 0;
  readonly boxes: Box[] = [];
  readonly roots: Root[] = [];
  /** Values computed in it. */
  values = 0;
  /** The stored values that it reads, as far as known: for finding nests that share them. */
  readonly sources: Set<Value> = new Set<Value>();
  private bits = 0;

  constructor(
    private readonly terms: Terms,
    /** Whether iterations may run in any order. */
    readonly independent: boolean,
  ) {
    super();
  }

  /** Appends a loop for each size; axes of size 1 get the index 0. */
  addLoops(sizes: readonly number[]): Term[] {
    return sizes.map((n) => {
      if (n === 1) return this.terms.zero;
      const v = this.newVar(n);
      this.loops.push(v);
      return v;
    });
  }

  /** A variable with a bit of its own. */
  newVar(extent: number): Term {
    return this.terms.loopVar(extent, this.bits++);
  }

  /** Whether there is room for a few more variables. */
  get hasRoom(): boolean {
    return this.bits < MAX_NEST_VARS;
  }

  /** Mask of the outer loops. */
  get outer(): number {
    return maskOf(this.loops) & ~this.inner;
  }

  /** Mask of everything inner. */
  get innerMask(): number {
    let mask = this.inner;
    for (const box of this.boxes) mask |= box.mask;
    return mask;
  }

  /** Makes all loops but those in `outer` inner ones. */
  demote(outer: number): void {
    const vars = this.loops.filter((v) => (v.mask & outer) === 0);
    if (vars.length === 0) return;
    this.inner = maskOf(vars);
    const extents = vars.map((v) => v.extent);
    this.boxes.unshift({ vars, extents, mask: this.inner, index: vars });
  }

  /** The index of a box of these sizes; equal boxes are the same, so that their passes can be fused. */
  box(sizes: readonly number[]): Term[] {
    const extents = sizes.filter((n) => n !== 1);
    let box = this.boxes.find((b) =>
      b.extents.length === extents.length && b.extents.every((n, k) => n === extents[k])
    );
    if (box === undefined) {
      const vars = extents.map((n) => this.newVar(n));
      box = { vars, extents, mask: maskOf(vars), index: vars };
      if (vars.length > 0) this.boxes.push(box);
    }
    let next = 0;
    return sizes.map((n) => n === 1 ? this.terms.zero : box.index[next++]);
  }

  /** How often something at this index is evaluated, where it is hoisted as far out as it goes. */
  evaluations(mask: number): number {
    let count = 1;
    const inner = this.innerMask;
    if ((mask & inner) !== 0) {
      for (const v of this.loops) if ((v.mask & inner) === 0) count *= v.extent;
      for (const b of this.boxes) {
        if ((b.mask & mask) !== 0) {
          for (const n of b.extents) count *= n;
        }
      }
      return count;
    }
    let [product, deepest] = [1, 1];
    for (const v of this.loops) {
      if ((v.mask & inner) !== 0) continue;
      product *= v.extent;
      if ((v.mask & mask) !== 0) deepest = product;
    }
    return deepest;
  }
}

/** The variables of terms, together. */
export function maskOf(terms: readonly Term[]): number {
  let mask = 0;
  for (const t of terms) mask |= t.mask;
  return mask;
}

/** The number of iterations of all loops in `mask`. */
export function iterations(vars: readonly Term[], mask: number): number {
  let count = 1;
  for (const v of vars) if ((v.mask & mask) !== 0) count *= v.extent;
  return count;
}

/** Whether `a` must wait for `b`, directly or not. */
export function dependsOn(a: Node, b: Node): boolean {
  if (a.deps.size === 0) return false;
  const seen = new Set<Node>();
  const stack: Node[] = [a];
  while (stack.length > 0) {
    for (const dep of stack.pop()!.deps) {
      if (dep === b) return true;
      if (!seen.has(dep)) {
        seen.add(dep);
        if (dep.deps.size > 0) stack.push(dep);
      }
    }
  }
  return false;
}

/** Whether `node` waits for a step that reads `v`, or (if `orReads`) is one. */
export function waitsForReader(node: Node, v: Value, orReads = false): boolean {
  const waits = (reader: Node) => reader === node ? orReads : dependsOn(node, reader);
  return v.askers.some(waits) || [...v.needers].some(waits);
}

/**
 * Whether `x` is a few elements made of those of `updated`. Computed before an update that writes them back, they let it happen
 * in place.
 */
export function isMadeOfFew(x: Value, updated: Value): boolean {
  return x.size * 4 <= updated.size && !x.isInlined && x.sources.includes(updated);
}
