/**
 * What will be done with each loop of a nest, decided before any code is made: which loop runs in lanes,
 * how many vectors it takes at once, what each loop costs, which sums it feeds and which values it needs from
 * outside.
 *
 * @module
 */
import { dtypeInfo } from "../../core/dtype.ts";
import { InternalError } from "../../errors.ts";
import type { Expr, Var } from "../../loopnest/expr.ts";
import type { For, Nest, ReduceOp, Stmt } from "../../loopnest/ir.ts";
import { isStraight } from "./linker.ts";
import { costOf, dearCost, Graph, isWide, type Node } from "./nodes.ts";
import { kernelShape } from "./vector_ops.ts";

/** A statement, its expressions as nodes. */
export type Planned =
  | LoopPlan
  | SumPlan
  | ArgPlan
  | { readonly kind: "force"; readonly node: Node }
  | {
    readonly kind: "store";
    readonly buffer: number;
    readonly index: Node;
    readonly value: Node;
    readonly combine: ReduceOp | null;
    readonly guard: Node | null;
  }
  | { readonly kind: "accumulate"; readonly sum: SumPlan; readonly value: Node }
  | {
    readonly kind: "argAccumulate";
    readonly arg: ArgPlan;
    readonly value: Node;
    readonly position: Node;
  };

/** A loop. */
export interface LoopPlan {
  readonly kind: "for";
  readonly v: Node;
  readonly extent: number;
  /** The level of its body. */
  readonly level: number;
  readonly body: readonly Planned[];
  /** Lanes that it runs in: 1 where it runs one iteration after the other. */
  readonly lanes: number;
  /** Vectors that one turn of it computes; 1 unless it runs in lanes. */
  readonly unroll: number;
  /** Whether there is no loop inside. */
  readonly innermost: boolean;
  /** Whether its iterations may run in any order, but for reductions that are declared outside. */
  readonly independent: boolean;
  /** Whether each of its iterations stores in places of its own by what guards its stores, though indices do not tell (`owners.ts`). */
  readonly isOfOwners: boolean;
  /**
   * Whether what the loop inside strides over, this loop walks along: a transposition. Both are then run in tiles, so
   * that cache lines are used up before they are lost.
   */
  readonly tiled: boolean;
  /** About how many instructions one iteration (of all lanes) executes. */
  readonly bodyCost: number;
  /** About how many instructions all of it executes. */
  readonly cost: number;
  /** How many terms one lane adds to each reduction in the course of the loop. */
  readonly feeds: ReadonlyMap<SumPlan | ArgPlan, number>;
  /** Variables, and values read from memory that changes, that it takes from the outside. */
  readonly free: ReadonlySet<Node>;
}

/** A reduction variable. */
export interface SumPlan {
  readonly kind: "accumulator";
  readonly v: Node;
  readonly op: ReduceOp;
  /** Terms that one lane adds to it altogether. */
  terms: number;
}

/** A search for an extreme. */
export interface ArgPlan {
  readonly kind: "argAccumulator";
  readonly value: Node;
  readonly at: Node;
  readonly op: "max" | "min";
}

/** A planned nest. */
export interface NestPlan {
  readonly name: string;
  readonly graph: Graph;
  readonly body: readonly Planned[];
  readonly cost: number;
  /** Whether there is another choice that may be as good and computes the same bits: {@linkcode LoopChoices.second}. */
  readonly hasSecond: boolean;
}

/** A loop while its body is being planned. */
interface Open {
  readonly level: number;
  readonly free: Set<Node>;
  cost: number;
  wide: boolean;
  /** Costs of loops inside are in `cost`, but do not count for what one vector does at once. */
  ownCost: number;
  /** Elementary functions among them, of which several can be computed side by side. */
  dear: number;
  /** The others. */
  branching: number;
  sums: number;
  loops: number;
  innerOps: number;
}

/** Bytes of a line of the first cache, and of the lines that have places of their own in it. */
const [LINE, WAY] = [64, 4096];

/** How many lines of one place rows may take: half of what common processors have, because other operands want some. */
const WAYS_FOR_ROWS = 4;

/** What a model decides unless it is said. */
export interface LoopChoices {
  /** The most vectors that a turn of a loop computes: 1, 2, 4 or 8. */
  readonly unroll?: number;
  /** Whether loops take the model's second choice, where it has one. */
  readonly second?: boolean;
  /** Turns along each side of a tile of a transposition. */
  readonly tile?: number;
  /** The fewest bytes of an array whose rows threads own in a scatter. */
  readonly leastOwned?: number;
}

/**
 * Plans a nest.
 *
 * @param memoryOf Maps buffers that share memory to one number.
 * @param owner What counts the owners of a scatter's rows, where it has some.
 */
export function planNest(
  nest: Nest,
  memoryOf: (buffer: number) => number,
  choices: LoopChoices = {},
  owner: Var | null = null,
): NestPlan {
  return new Planner(memoryOf, choices, owner).plan(nest);
}

/** Visits all stores inside. */
function forEachStored(body: readonly Stmt[], visit: (buffer: number) => void): void {
  for (const stmt of body) {
    if (stmt.kind === "store") visit(stmt.buffer);
    else if (stmt.kind === "for") forEachStored(stmt.body, visit);
  }
}

/** Whether a loop that may run in lanes is inside. */
function hasVectorLoop(body: readonly Stmt[]): boolean {
  return body.some((stmt) =>
    stmt.kind === "for" &&
    ((stmt.mode === "vector" && stmt.extent > 1) || hasVectorLoop(stmt.body))
  );
}

/** Whether a position grows with every variable that it depends on, as far as can be seen. */
function isMonotone(position: Expr): boolean {
  if (position.kind === "var") return true;
  if (position.kind === "const") return Number(position.value) >= 0;
  if (position.kind !== "binary" || (position.op !== "add" && position.op !== "mul")) return false;
  return isMonotone(position.x) && isMonotone(position.y);
}

/** Whether every search inside can tell by the positions which of two equals came first. */
function positionsAreMonotone(body: readonly Stmt[]): boolean {
  return body.every((stmt) =>
    stmt.kind === "for"
      ? positionsAreMonotone(stmt.body)
      : stmt.kind !== "argAccumulate" || isMonotone(stmt.position)
  );
}

class Planner {
  readonly #graph: Graph;
  readonly #sums = new Map<number, SumPlan>();
  readonly #args = new Map<number, ArgPlan>();
  readonly #open: Open[] = [];
  readonly #choices: LoopChoices;
  readonly #costed = new Set<number>();
  #vectorLevel = 0;
  #hasSecond = false;

  constructor(
    memoryOf: (buffer: number) => number,
    choices: LoopChoices,
    readonly owner: Var | null,
  ) {
    this.#graph = new Graph(memoryOf);
    this.#choices = choices;
  }

  plan(nest: Nest): NestPlan {
    forEachStored(nest.body, (buffer) => this.#graph.declareWritten(buffer));
    const top = openLoop(0);
    this.#open.push(top);
    const feeds = new Map<SumPlan | ArgPlan, number>();
    const body = this.#body(nest.body, feeds);
    const { name } = nest;
    return { name, graph: this.#graph, body, cost: top.cost, hasSecond: this.#hasSecond };
  }

  #body(body: readonly Stmt[], feeds: Map<SumPlan | ArgPlan, number>): Planned[] {
    const planned: Planned[] = [];
    for (const stmt of body) this.#stmt(stmt, planned, feeds);
    return planned;
  }

  get #level(): number {
    return this.#open.length - 1;
  }

  /** The node of an expression that the present body uses; charges its cost to the loops where it is computed. */
  #use(expr: Expr): Node {
    const node = this.#graph.node(expr, this.#level);
    node.uses++;
    this.#charge(node, new Set());
    return node;
  }

  #charge(node: Node, seen: Set<number>): void {
    if (seen.has(node.id)) return;
    seen.add(node.id);
    const atom = node.kind === "var" || (node.kind === "load" && node.impure);
    if (atom) {
      for (let l = node.level + 1; l < this.#open.length; l++) this.#open[l]!.free.add(node);
    }
    if (!this.#costed.has(node.id)) {
      this.#costed.add(node.id);
      const loop = this.#open[node.level]!;
      const cost = costOf(node);
      loop.cost += cost;
      loop.ownCost += cost;
      if (cost === dearCost) {
        const shape = kernelShape(node);
        if (shape !== null && isStraight(node.op!, shape)) loop.dear++;
        else loop.branching++;
      }
    }
    if (this.#vectorLevel > 0 && (node.mask >> this.#vectorLevel & 1) === 1 && isWide(node)) {
      this.#open[this.#vectorLevel]!.wide = true;
    }
    for (const x of node.args) this.#charge(x, seen);
  }

  #charged(cost: number): void {
    const loop = this.#open[this.#level]!;
    loop.cost += cost;
    loop.ownCost += cost;
  }

  #stmt(stmt: Stmt, planned: Planned[], feeds: Map<SumPlan | ArgPlan, number>): void {
    const vectorMask = this.#vectorLevel > 0 ? 1 << this.#vectorLevel : 0;
    switch (stmt.kind) {
      case "for":
        this.#for(stmt, planned, feeds);
        break;
      case "let": {
        const node = this.#graph.node(stmt.value, this.#level);
        this.#graph.alias(stmt.v, node);
        if (node.impure) {
          node.uses += 2; // so that it gets a local
          this.#charge(node, new Set());
          planned.push({ kind: "force", node });
        }
        break;
      }
      case "store":
        planned.push({
          kind: "store",
          buffer: stmt.buffer,
          index: this.#use(stmt.index),
          value: this.#use(stmt.value),
          combine: stmt.combine ?? null,
          guard: stmt.guard === undefined ? null : this.#use(stmt.guard),
        });
        this.#noteWide(this.#graph.node(stmt.value, this.#level));
        this.#charged(stmt.combine === undefined ? 1 : 3);
        this.#graph.written(stmt.buffer);
        break;
      case "accumulator": {
        const v = this.#graph.declare(stmt.v, this.#level, vectorMask, null);
        const sum: SumPlan = { kind: "accumulator", v, op: stmt.op, terms: 0 };
        this.#noteWide(v);
        this.#sums.set(stmt.v.id, sum);
        planned.push(sum);
        break;
      }
      case "accumulate": {
        const sum = this.#sums.get(stmt.v.id)!;
        const value = this.#use(stmt.value);
        planned.push({ kind: "accumulate", sum, value });
        if (sum.op === "max") this.#graph.maximised(sum.v, value);
        this.#charged(sum.op === "min" || sum.op === "max" ? 4 : 1);
        this.#noteWide(sum.v);
        this.#open[this.#level]!.sums++;
        feeds.set(sum, (feeds.get(sum) ?? 0) + 1);
        break;
      }
      case "argAccumulator": {
        const value = this.#graph.declare(stmt.value, this.#level, vectorMask, null);
        const at = this.#graph.declare(stmt.at, this.#level, vectorMask, null);
        this.#noteWide(value);
        const arg: ArgPlan = { kind: "argAccumulator", value, at, op: stmt.op };
        this.#args.set(stmt.value.id, arg);
        planned.push(arg);
        break;
      }
      case "argAccumulate": {
        const arg = this.#args.get(stmt.v.id)!;
        const [value, position] = [this.#use(stmt.value), this.#use(stmt.position)];
        value.uses++; // compared, and kept
        this.#noteWide(arg.value);
        planned.push({ kind: "argAccumulate", arg, value, position });
        this.#charged(6);
        this.#open[this.#level]!.sums += 2;
        feeds.set(arg, (feeds.get(arg) ?? 0) + 1);
        break;
      }
      default: {
        const never: never = stmt;
        throw new InternalError(`emit: statement ${JSON.stringify(never)}`);
      }
    }
    // The first statement at which a sum is complete sees all its terms.
    for (const [sum, terms] of feeds) {
      if (sum.kind === "accumulator") sum.terms = Math.max(sum.terms, terms);
    }
  }

  /**
   * How many vectors to compute side by side, of `vectors` that there are; unless it is said, at most `most`.
   *
   * @param isOrdered Whether the number decides in which order a sum takes its terms, which nothing but sizes may.
   */
  #unroll(loop: Open, vectors: number, most: number, isOrdered: boolean): number {
    const { unroll, second } = this.#choices;
    const fitting = (count: number): number => {
      while (count > 1 && count / 2 >= vectors) count /= 2;
      return count;
    };
    if (unroll !== undefined) return fitting(unroll);
    let first = chooseUnroll(loop);
    while (first > 1 && first > most) first /= 2;
    first = fitting(first);
    const other = isOrdered ? first : fitting(secondUnroll(loop, first));
    if (other !== first) this.#hasSecond = true;
    return second ? other : first;
  }

  /**
   * How many lanes may each walk through a row of their own, so that the lines they read stay in the first cache until they are
   * used up: rows that lie a multiple of 4096 bytes apart, or of much of it, take each other's places.
   */
  #linesKept(v: Node, body: readonly Planned[]): number {
    let kept = Infinity;
    for (const stmt of body) {
      if (stmt.kind === "for") kept = Math.min(kept, this.#linesKept(v, stmt.body));
      if (stmt.kind !== "accumulate") continue;
      forEachLoad(stmt.value, (load) => {
        const { terms } = this.#graph.affine(load.args[0]!);
        const step = terms.find((t) => t.node === v)?.coefficient ?? 0;
        const stride = Math.abs(step) * bytesOf(load);
        if (stride < LINE) return;
        let places = WAY / LINE;
        for (let n = stride / LINE; n % 2 === 0 && places > 1; n /= 2) places /= 2;
        kept = Math.min(kept, places * WAYS_FOR_ROWS);
      });
    }
    return kept;
  }

  #isTransposition(v: Node, body: readonly Planned[]): boolean {
    const [inner] = body;
    if (body.length !== 1 || inner?.kind !== "for" || inner.lanes === 1 || !inner.innermost) {
      return false;
    }
    let found = false;
    for (const stmt of inner.body) {
      if (stmt.kind !== "store") return false;
      forEachIndex(stmt, (index) => {
        const { terms } = this.#graph.affine(index);
        const step = (of: Node) => Math.abs(terms.find((t) => t.node === of)?.coefficient ?? 0);
        if (step(inner.v) > 16 && step(v) > 0 && step(v) <= 4) found = true;
      });
    }
    return found;
  }

  #noteWide(v: Node): void {
    if (this.#vectorLevel > 0 && isWide(v)) this.#open[this.#vectorLevel]!.wide = true;
  }

  #for(stmt: For, planned: Planned[], feeds: Map<SumPlan | ArgPlan, number>): void {
    if (stmt.extent === 0) return;
    const level = this.#level + 1;
    const vectorised = this.#vectorLevel === 0 && stmt.mode === "vector" && stmt.extent > 1 &&
      !hasVectorLoop(stmt.body) && positionsAreMonotone(stmt.body);
    const range = { low: 0, high: stmt.extent - 1 };
    const v = this.#graph.declare(stmt.v, level, 1 << level, range);
    // What the loop writes differs from one turn to the next, and from what was there before.
    forEachStored(stmt.body, (buffer) => this.#graph.written(buffer));
    const open = openLoop(level);
    this.#open.push(open);
    if (vectorised) this.#vectorLevel = level;
    const inner = new Map<SumPlan | ArgPlan, number>();
    const body = this.#body(stmt.body, inner);
    if (vectorised) this.#vectorLevel = 0;
    this.#open.pop();
    forEachStored(stmt.body, (buffer) => this.#graph.written(buffer));

    const lanes = vectorised ? open.wide ? 2 : 4 : 1;
    const vectors = Math.ceil(stmt.extent / lanes);
    const most = vectorised && open.loops > 0 ? this.#linesKept(v, body) / lanes : Infinity;
    for (const sum of inner.keys()) {
      const declared = sum.kind === "accumulator" ? sum.v : sum.value;
      if (declared.level >= level) inner.delete(sum); // one for each iteration: the outside sees none of it
    }
    const unroll = vectorised ? this.#unroll(open, vectors, most, inner.size > 0) : 1;
    const steps = Math.ceil(stmt.extent / lanes);
    const all = new Map<SumPlan | ArgPlan, number>();
    for (const [sum, terms] of inner) {
      const total = terms * Math.ceil(steps / unroll);
      all.set(sum, total);
      feeds.set(sum, (feeds.get(sum) ?? 0) + total);
    }
    const cost = steps * (open.cost + 2);
    const outer = this.#open[this.#level]!;
    outer.cost += cost;
    outer.loops++;
    outer.sums += open.sums;
    outer.innerOps = Math.max(outer.innerOps, open.loops === 0 ? open.ownCost : open.innerOps);
    planned.push({
      kind: "for",
      v,
      extent: stmt.extent,
      level,
      body,
      lanes,
      unroll,
      innermost: open.loops === 0,
      independent: stmt.mode !== "serial",
      isOfOwners: stmt.v === this.owner,
      tiled: lanes === 1 && cost > 256 && this.#isTransposition(v, body),
      bodyCost: open.cost + 2,
      cost,
      feeds: all,
      free: open.free,
    });
  }
}

/** Calls `visit` for each index of memory that a store uses. */
function forEachIndex(stmt: Planned, visit: (index: Node) => void): void {
  if (stmt.kind !== "store") return;
  visit(stmt.index);
  forEachLoad(stmt.value, (load) => visit(load.args[0]!));
}

/** Calls `visit` for each load that a value is made of. */
function forEachLoad(value: Node, visit: (load: Node) => void): void {
  const seen = new Set<number>();
  const walk = (node: Node): void => {
    if (seen.has(node.id)) return;
    seen.add(node.id);
    if (node.kind === "load") visit(node);
    node.args.forEach(walk);
  };
  walk(value);
}

function openLoop(level: number): Open {
  return {
    level,
    free: new Set(),
    cost: 0,
    wide: false,
    ownCost: 0,
    dear: 0,
    branching: 0,
    sums: 0,
    loops: 0,
    innerOps: 0,
  };
}

/** How many vectors to compute side by side. */
function chooseUnroll(loop: Open): number {
  let unroll: number;
  if (loop.loops === 0) {
    // A short body: to hide the latency of one addition and the cost of the loop itself. A long one: because the
    // processor does not see the next turn while it waits in a chain of dependent instructions, which is what
    // an elementary function is. One that branches cannot be computed side by side; but where there are several, the others can, or what surrounds them.
    const plain = loop.ownCost - dearCost * (loop.dear + loop.branching);
    if (loop.ownCost <= 6 && loop.sums === 0) unroll = 8;
    else if (loop.ownCost <= 8) unroll = 4;
    else if (loop.dear + loop.branching > 1) unroll = 4;
    else if (loop.branching > 0 && plain < 60) unroll = 1;
    else unroll = plain >= 60 || loop.dear === 1 ? 4 : 2;
  } else {
    // A loop of columns with a loop of rows inside: as many columns as registers allow, so that
    // each row is read by whole cache lines.
    unroll = 8;
    while (unroll > 1 && (unroll * loop.sums > 8 || unroll * loop.innerOps > 64)) unroll /= 2;
  }
  return unroll;
}

/**
 * Another number of vectors that is about as good, as far as the model can tell; `first` where there is none. Several elementary
 * functions may or may not fit into the registers twice as often. Columns that are added up are read a line or two of the
 * cache in each row, and which is better depends on where rows lie: a factor of two in either direction was measured.
 */
function secondUnroll(loop: Open, first: number): number {
  if (loop.loops > 0) return loop.sums > 0 ? Math.max(1, first / 2) : first;
  return loop.dear > 0 && loop.branching === 0 ? Math.min(8, 2 * first) : first;
}

/** Bytes of an element of a node's dtype in memory. */
export function bytesOf(node: Node): number {
  return dtypeInfo(node.dtype).bytes;
}
