/**
 * Emits the statements and loops of a nest.
 *
 * V8 compiles a WASM function well only after it has been called for a while, and never changes code that is running. A
 * long loop therefore is a function that does a chunk of its turns, called again and again.
 *
 * @module
 */
import { InternalError } from "../../errors.ts";
import { storeScalar, storeVectors } from "./access.ts";
import type { TypeName } from "./assembler.ts";
import { type Layout, NestContext, type VectorBlock } from "./context.ts";
import { FunctionBuilder, Scope, type Value } from "./function.ts";
import type { Linker } from "./linker.ts";
import type { Node } from "./nodes.ts";
import { pairedStores, storePaired } from "./pairs.ts";
import type { ArgPlan, LoopPlan, NestPlan, Planned, SumPlan } from "./plan.ts";
import {
  accumulate,
  argAccumulate,
  closePartials,
  cyclePartials,
  declareArg,
  declareSum,
  type LoopReductions,
  merge,
  openPartials,
  type ReductionState,
  results,
  runLength,
} from "./reductions.ts";
import {
  type LoopSharing,
  privateBuffers,
  type ResultGlobal,
  shareChunks,
  sharingOf,
  type SharingState,
} from "./shared_loop.ts";
import { kernelShape, type Lanes } from "./vector_ops.ts";

/** What one module's nests have in common. */
export interface ModuleState extends SharingState {
  readonly linker: Linker;
  readonly layout: Layout;
  /** Instructions, about, that one call of a chunk executes. */
  readonly chunkCost: number;
  /** Turns along each side of a tile of a transposition. */
  readonly tile: number;
  /** A mutable global that carries result `i` of a type from a chunk to its caller. */
  resultGlobal(type: TypeName, i: number): string;
}

/** Emits a nest as a function `name(table)`. */
export function emitNest(module: ModuleState, plan: NestPlan, name: string): void {
  const { linker, layout } = module;
  const fn = new FunctionBuilder(linker.asm, name, ["i32"], [], 0);
  const cx = new NestContext(fn, linker, plan.graph, layout);
  new NestEmitter(module, cx, plan.body).body(plan.body);
  fn.finish();
}

/** From where to where a loop goes. */
interface Span {
  readonly start: Value;
  readonly end: Value;
  /** Indices in a chunk; the extent if there is but one. */
  readonly length: number;
}

function i32(value: number): Value {
  return { kind: "constant", type: "i32", value };
}

let labels = 0;

/** The guard that all statements have; `null` where there is more than stores behind one guard. */
function guardOf(body: readonly Planned[]): Node | null {
  let common: Node | null = null;
  for (const stmt of body) {
    if (stmt.kind === "force") continue;
    const guard = stmt.kind === "for"
      ? guardOf(stmt.body)
      : stmt.kind === "store"
      ? stmt.guard
      : null;
    if (guard === null || (common !== null && guard !== common)) return null;
    common = guard;
  }
  return common;
}

/** Emits into one function. */
class NestEmitter {
  readonly #module: ModuleState;
  readonly #cx: NestContext;
  readonly #nest: readonly Planned[];
  readonly #states = new Map<SumPlan | ArgPlan, ReductionState>();
  /** Values read from memory that changes, where it was time. */
  readonly #forced = new Set<Node>();
  #chunks = 0;
  /** Whether the loop around is one that threads share, or would. */
  #isShared = false;
  /** A guard that is known to hold here. */
  #met: Node | null = null;

  /** @param nest The statements of the whole nest. */
  constructor(module: ModuleState, cx: NestContext, nest: readonly Planned[]) {
    this.#module = module;
    this.#cx = cx;
    this.#nest = nest;
  }

  body(body: readonly Planned[]): void {
    const { fn } = this.#cx;
    for (let i = 0; i < body.length; i++) {
      const mark = fn.mark();
      if (this.#storesPairs(body[i]!, body[i + 1])) i++;
      else this.#stmt(body[i]!);
      fn.release(mark);
    }
  }

  /** Emits two stores at once where they write neighbours in lanes. */
  #storesPairs(x: Planned, y: Planned | undefined): boolean {
    const cx = this.#cx;
    if (cx.block === null || x.kind !== "store" || y?.kind !== "store") return false;
    // Values that read memory which changes must have been read before either store.
    const isReady = ({ value }: typeof x) => !value.impure || this.#forced.has(value);
    if (!cx.varies(x.index) || !isReady(x) || !isReady(y)) return false;
    const pair = pairedStores(cx.graph, x, y);
    if (pair === null) return false;
    this.#inLockstep([x.value, y.value]);
    for (let u = 0; u < cx.block.count; u++) {
      const mark = cx.fn.mark();
      storePaired(cx, ...pair, u);
      cx.fn.release(mark);
    }
    return true;
  }

  /**
   * Computes what is used more than once for all vectors of the block, one node after the other. In the code, chains of
   * dependent instructions then lie side by side, which is as far as the processor looks ahead.
   */
  #inLockstep(roots: readonly (Node | null)[]): void {
    const cx = this.#cx;
    const { block } = cx;
    if (block === null || block.count === 1) return;
    const { level } = cx.fn.current;
    const seen = new Set<Node>();
    const visit = (node: Node): void => {
      if (seen.has(node)) return;
      seen.add(node);
      // The index of a load is not computed as it stands.
      if (node.kind !== "load") node.args.forEach(visit);
      if (node.level < level || node.kind === "var" || !cx.varies(node)) return;
      if (node.uses > 1 || kernelShape(node) !== null) cx.keepAll(node);
    };
    for (const root of roots) if (root !== null) visit(root);
  }

  #stmt(stmt: Planned): void {
    const cx = this.#cx;
    switch (stmt.kind) {
      case "for":
        return this.#guardedFor(stmt);
      case "force":
        this.#forced.add(stmt.node);
        if (!cx.varies(stmt.node)) cx.kept(stmt.node);
        else for (let u = 0; u < cx.block!.count; u++) cx.keptVector(stmt.node, u);
        return;
      case "store": {
        if (stmt.guard !== null && stmt.guard === this.#met) {
          return this.#stmt({ ...stmt, guard: null });
        }
        const { index, value, guard, combine } = stmt;
        const varies = cx.varies(index) || cx.varies(value) || (guard !== null && cx.varies(guard));
        if (cx.block === null || (!varies && combine === null)) return storeScalar(cx, stmt);
        this.#inLockstep([value, guard]);
        for (let u = 0; u < cx.block.count;) {
          const mark = cx.fn.mark();
          u += storeVectors(cx, stmt, u);
          cx.fn.release(mark);
        }
        return;
      }
      case "accumulator": {
        const state = declareSum(cx, stmt);
        this.#states.set(stmt, state);
        cx.bindings.set(stmt.v.id, { kind: "sum", state });
        return;
      }
      case "accumulate": {
        const state = this.#states.get(stmt.sum);
        if (state?.kind !== "sum") throw new InternalError("emit: an unknown accumulator");
        this.#inLockstep([stmt.value]);
        return accumulate(cx, state, stmt.value);
      }
      case "argAccumulator": {
        const state = declareArg(cx, stmt);
        this.#states.set(stmt, state);
        const [values, places] = [state.home.map((p) => p.value), state.home.map((p) => p.at)];
        if (state.lanewise) {
          cx.bindings.set(stmt.value.id, { kind: "vectors", values });
          cx.bindings.set(stmt.at.id, { kind: "vectors", values: places });
        } else {
          cx.bindings.set(stmt.value.id, { kind: "value", value: values[0]! });
          cx.bindings.set(stmt.at.id, { kind: "value", value: places[0]! });
        }
        return;
      }
      case "argAccumulate": {
        const state = this.#states.get(stmt.arg);
        if (state?.kind !== "arg") throw new InternalError("emit: an unknown search");
        return argAccumulate(cx, state, stmt.value, stmt.position);
      }
      default: {
        const never: never = stmt;
        return never;
      }
    }
  }

  /** A loop; where all that it does is behind one guard that does not change in it, the loop itself is. */
  #guardedFor(loop: LoopPlan): void {
    const cx = this.#cx;
    const guard = this.#met === null ? guardOf(loop.body) : null;
    if (guard === null || guard.level >= loop.level || cx.varies(guard)) return this.#for(loop);
    const { fn } = cx;
    const holds = cx.kept(guard);
    const parent = fn.current;
    const piece = new Scope(loop.level - 0.75, parent, parent.repeated);
    fn.current = piece;
    this.#met = guard;
    this.#for(loop);
    this.#met = null;
    fn.current = parent;
    fn.push(fn.asm.module.if(fn.get(holds), fn.asm.sequence(piece.code)));
  }

  #for(loop: LoopPlan): void {
    if (loop.extent === 1) {
      this.#cx.bindings.set(loop.v.id, { kind: "constant", value: 0 });
      return this.#once(loop, () => this.body(loop.body));
    }
    const width = this.#cx.block?.count ?? 1;
    const { chunkCost } = this.#module;
    const perTurn = loop.bodyCost * loop.unroll * width;
    const turns = Math.max(1, Math.floor(chunkCost / perTurn));
    const unit = loop.tiled ? this.#module.tile : runLength(this.#states.values(), loop);
    const whole = Math.ceil(turns / unit) * unit;
    const length = whole * loop.unroll * loop.lanes;
    const around = this.#isShared;
    const mayShare = !this.#isShared && this.#cx.block === null;
    const sharing = mayShare
      ? sharingOf(this.#module, this.#cx.graph, this.#nest, loop, length)
      : null;
    this.#isShared ||= sharing !== null;
    const isLong = loop.cost * width > 2 * chunkCost && perTurn <= chunkCost;
    // What is computed may not depend on the number of threads: sums are taken in the same chunks with one as with many.
    const isCut = sharing !== null && (this.#module.jobs.areShared || loop.feeds.size > 0);
    if (isLong || isCut) this.#inChunks(loop, length, sharing);
    else this.#range(loop, { start: i32(0), end: i32(loop.extent), length: loop.extent });
    this.#isShared = around;
  }

  #range(loop: LoopPlan, span: Span): void {
    if (loop.lanes > 1) this.#inLanes(loop, span);
    else if (loop.tiled) this.#inTiles(loop, span);
    else this.#serial(loop, span);
  }

  /** Two loops in one another, in tiles of some turns of each. */
  #inTiles(loop: LoopPlan, span: Span): void {
    const { fn } = this.#cx;
    const { tile } = this.#module;
    const { asm } = fn;
    const inner = loop.body[0] as LoopPlan;
    const most = (from: Value, length: number, end: Value): Value => {
      const beyond = fn.keep("i32", asm.op2("i32.add", fn.get(from), asm.i32(length)));
      const fits = asm.op2("i32.lt_s", fn.get(beyond), fn.get(end));
      return fn.keep("i32", asm.module.select(fits, fn.get(beyond), fn.get(end)));
    };
    const columns = Math.ceil(tile / inner.unroll / inner.lanes) * inner.unroll *
      inner.lanes;
    this.#count(null, loop.level - 0.5, span.start, span.end, tile, (row) => {
      const lastRow = most(row, tile, span.end);
      this.#count(null, loop.level - 0.25, i32(0), i32(inner.extent), columns, (column) => {
        const lastColumn = most(column, columns, i32(inner.extent));
        this.#count(loop, loop.level, row, lastRow, 1, () => {
          this.#range(inner, { start: column, end: lastColumn, length: columns });
        });
      });
    });
  }

  /** Code of a loop's level that runs once. */
  #once(loop: LoopPlan, build: () => void): void {
    const scope = this.#piece(loop, build);
    this.#cx.fn.current.code.push(...scope.code);
  }

  #piece(loop: LoopPlan, build: () => void): Scope {
    const { fn } = this.#cx;
    const parent = fn.current;
    const scope = new Scope(loop.level, parent, parent.repeated);
    fn.current = scope;
    build();
    fn.current = parent;
    return scope;
  }

  #serial(loop: LoopPlan, span: Span): void {
    const cx = this.#cx;
    const reductions = openPartials(cx, this.#states.values(), loop, span.length);
    let areFolded = false;
    // A short loop over the taps of a window and the like: its turns one after the other.
    const isShort = loop.innermost && loop.extent <= 4 && loop.cost <= 48;
    if (isShort && span.end.kind === "constant") {
      for (let i = 0; i < loop.extent; i++) {
        cx.bindings.set(loop.v.id, { kind: "constant", value: i });
        this.#once(loop, () => this.body(loop.body));
      }
    } else areFolded = this.#turns(loop, span, 1, span.length, reductions);
    closePartials(cx, reductions, areFolded);
  }

  #inLanes(loop: LoopPlan, span: Span): void {
    const cx = this.#cx;
    const { fn } = cx;
    const { asm } = fn;
    const lanes = loop.lanes as Lanes;
    const step = lanes * loop.unroll;
    const rest = loop.extent % step;
    const wholeTurns = Math.floor(span.length / step);
    const reductions = openPartials(cx, this.#states.values(), loop, Math.ceil(span.length / step));
    const isAll = span.end.kind === "constant";
    let areFolded = false;
    if (wholeTurns > 0) {
      cx.block = { v: loop.v, level: loop.level, lanes, count: loop.unroll, last: lanes };
      let end: Value = i32(loop.extent - rest);
      let mayBeEmpty = false;
      if (!isAll) {
        const last = loop.extent % span.length;
        mayBeEmpty = last > 0 && last < step;
        const over = asm.op2("i32.and", fn.get(span.end), asm.i32(step - 1));
        end = rest === 0 ? span.end : fn.keep("i32", asm.op2("i32.sub", fn.get(span.end), over));
      }
      const whole = { start: span.start, end, length: wholeTurns * step };
      if (mayBeEmpty) {
        const parent = fn.current;
        const piece = new Scope(loop.level - 0.5, parent, parent.repeated);
        fn.current = piece;
        areFolded = this.#turns(loop, whole, step, wholeTurns, reductions);
        fn.current = parent;
        const some = asm.op2("i32.lt_s", fn.get(span.start), fn.get(end));
        fn.push(asm.module.if(some, asm.sequence(piece.code)));
      } else areFolded = this.#turns(loop, whole, step, wholeTurns, reductions);
    }
    if (rest > 0) {
      const count = Math.ceil(rest / lanes);
      const block: VectorBlock = {
        v: loop.v,
        level: loop.level,
        lanes,
        count,
        last: rest - (count - 1) * lanes,
      };
      cx.block = block;
      cx.bindings.set(loop.v.id, { kind: "constant", value: loop.extent - rest });
      const piece = this.#piece(loop, () => this.body(loop.body));
      if (isAll) fn.current.code.push(...piece.code);
      else {
        const isLast = asm.op2("i32.eq", fn.get(span.end), asm.i32(loop.extent));
        fn.push(asm.module.if(isLast, asm.sequence(piece.code)));
      }
      areFolded = false;
    }
    cx.block = null;
    closePartials(cx, reductions, areFolded);
  }

  /** A loop's turns, in blocks where reductions want it. Tells whether the partials have been folded since. */
  #turns(
    loop: LoopPlan,
    span: Span,
    step: number,
    turns: number,
    reductions: LoopReductions,
  ): boolean {
    const cx = this.#cx;
    const { fn } = cx;
    const { asm } = fn;
    if (turns === 1 && span.end.kind === "constant" && span.start.kind === "constant") {
      cx.bindings.set(loop.v.id, { kind: "constant", value: Number(span.start.value) });
      this.#once(loop, () => this.body(loop.body));
      return false;
    }
    const build = () => this.body(loop.body);
    if (reductions.blockTurns >= turns) {
      this.#count(loop, loop.level, span.start, span.end, step, build);
      return false;
    }
    const blockStep = reductions.blockTurns * step;
    this.#count(null, loop.level - 0.5, span.start, span.end, blockStep, (from) => {
      const beyond = fn.keep("i32", asm.op2("i32.add", fn.get(from), asm.i32(blockStep)));
      const fits = asm.op2("i32.lt_s", fn.get(beyond), fn.get(span.end));
      const end = fn.keep("i32", asm.module.select(fits, fn.get(beyond), fn.get(span.end)));
      this.#count(loop, loop.level, from, end, step, build);
      cyclePartials(cx, reductions);
    });
    return true;
  }

  /** A loop that turns at least once: `do { … index += step } while (index < end)`. */
  #count(
    loop: LoopPlan | null,
    level: number,
    start: Value,
    end: Value,
    step: number,
    build: (index: Value) => void,
  ): void {
    const cx = this.#cx;
    const { fn } = cx;
    const { asm } = fn;
    const index = fn.local("i32");
    fn.assign(index, fn.get(start));
    const parent = fn.current;
    const scope = new Scope(level, parent, true, { index, step, multiples: new Map() });
    if (loop !== null) cx.bindings.set(loop.v.id, { kind: "counter", scope });
    fn.current = scope;
    build(index);
    fn.current = parent;
    const label = `loop${labels++}`;
    const next = fn.set(index, asm.op2("i32.add", fn.get(index), asm.i32(step)));
    const more = asm.op2("i32.lt_s", fn.get(index), fn.get(end));
    const again = asm.module.br(label, more);
    const code = [...scope.code, ...scope.latch, next, again];
    fn.push(asm.module.loop(label, asm.module.block(null, code, asm.none)));
  }

  /** A loop as a function over `[from, to)`, called for chunks of `length` indices, perhaps by several threads. */
  #inChunks(loop: LoopPlan, length: number, sharing: LoopSharing | null): void {
    const { jobs } = this.#module;
    const cx = this.#cx;
    const { fn } = cx;
    const { asm } = fn;
    const params: TypeName[] = ["i32", "i32", "i32"];
    const args: Value[] = [];
    const bind: ((inner: NestContext, param: (i: number) => Value) => void)[] = [];
    const pass = (value: Value, use: (inner: NestContext, param: Value) => void): void => {
      const i = params.push(value.type) - 1;
      args.push(value);
      bind.push((inner, param) => use(inner, param(i)));
    };
    for (const node of loop.free) this.#pass(node, pass, bind);

    const name = `${fn.name}_${this.#chunks++}`;
    const inner = new FunctionBuilder(asm, name, params, [], loop.level - 1);
    const innerContext = new NestContext(inner, cx.linker, cx.graph, cx.layout);
    innerContext.block = cx.block;
    innerContext.privates = sharing !== null && jobs.areShared
      ? privateBuffers(this.#module, cx.graph, sharing.privates)
      : cx.privates;
    for (const set of bind) set(innerContext, (i) => inner.param(i));
    const emitter = new NestEmitter(this.#module, innerContext, this.#nest);
    emitter.#isShared = this.#isShared;
    emitter.#met = this.#met;
    const fed = [...this.#states].filter(([plan]) => loop.feeds.has(plan));
    const pairs = fed.map(([plan, outer]) => {
      const state = plan.kind === "accumulator"
        ? declareSum(innerContext, plan)
        : declareArg(innerContext, plan);
      emitter.#states.set(plan, state);
      return [outer, state] as const;
    });
    emitter.#range(loop, { start: inner.param(1), end: inner.param(2), length });
    const names: ResultGlobal[] = [];
    for (const [, state] of pairs) {
      for (const value of results(state)) {
        const global = this.#module.resultGlobal(value.type, names.length);
        names.push({ type: value.type, name: global });
        inner.push(asm.module.global.set(global, inner.get(value)));
      }
    }
    inner.finish();

    if (sharing !== null && jobs.areShared) {
      const part = shareChunks(this.#module, fn, { loop, length, name, args, globals: names });
      const chunks = Math.ceil(loop.extent / length);
      if (names.length > 0) {
        this.#count(null, loop.level - 0.5, i32(0), i32(chunks), 1, (chunk) => {
          const parts = part(chunk);
          for (const [outer, state] of pairs) {
            merge(cx, outer, parts.splice(0, results(state).length));
          }
        });
      }
      return;
    }
    this.#count(null, loop.level - 0.5, i32(0), i32(loop.extent), length, (from) => {
      const beyond = fn.keep("i32", asm.op2("i32.add", fn.get(from), asm.i32(length)));
      const fits = asm.op2("i32.lt_s", fn.get(beyond), asm.i32(loop.extent));
      const to = asm.module.select(fits, fn.get(beyond), asm.i32(loop.extent));
      const operands = [fn.get(fn.param(0)), fn.get(from), to, ...args.map((x) => fn.get(x))];
      fn.push(asm.module.call(name, operands, asm.none));
      const parts = names.map((g): Value => {
        return fn.keep(g.type, asm.module.global.get(g.name, asm.type(g.type)));
      });
      for (const [outer, state] of pairs) {
        merge(cx, outer, parts.splice(0, results(state).length));
      }
    });
  }

  /** Hands a value from outside to a chunk. */
  #pass(
    node: Node,
    pass: (value: Value, use: (inner: NestContext, param: Value) => void) => void,
    bind: ((inner: NestContext, param: (i: number) => Value) => void)[],
  ): void {
    const cx = this.#cx;
    const binding = cx.bindings.get(node.id);
    if (binding?.kind === "constant") {
      bind.push((inner) => inner.bindings.set(node.id, binding));
      return;
    }
    const isVariable = node.kind === "var";
    // The index of the block itself is a number, that of its first lane.
    if (!cx.varies(node) || node === cx.block?.v) {
      pass(cx.kept(node), (inner, value) => {
        if (isVariable) inner.bindings.set(node.id, { kind: "value", value });
        else inner.provide(node, null, value);
      });
      return;
    }
    const values: Value[] = [];
    for (let u = 0; u < cx.block!.count; u++) {
      pass(cx.keptVector(node, u), (inner, value) => {
        values[u] = value;
        if (!isVariable) inner.provide(node, u, value);
        else inner.bindings.set(node.id, { kind: "vectors", values });
      });
    }
  }
}
