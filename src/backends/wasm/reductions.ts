/**
 * Accumulators. Each has a home, which is where its value is read in the end, and while a loop feeds it perhaps a
 * partial one: of as many vectors as the loop computes side by side, to be folded into the home after the
 * loop. Sums of float32 are cut into runs of few terms, and the runs added up in float64, so that their error does
 * not grow with their length.
 *
 * @module
 */
import { type DType, isFloating } from "../../core/dtype.ts";
import type { ReduceOp } from "../../loopnest/ir.ts";
import type { Ref, TypeName } from "./assembler.ts";
import type { NestContext } from "./context.ts";
import type { Value } from "./function.ts";
import type { Node } from "./nodes.ts";
import type { ArgPlan, LoopPlan, Planned, SumPlan } from "./plan.ts";
import { identityOf, scalarBinary, scalarConstant, scalarType } from "./scalar_ops.ts";
import {
  compareLanes,
  extract,
  type Lanes,
  shapeOf,
  vectorBinary,
  vectorConstant,
} from "./vector_ops.ts";

/** Terms that one lane adds in float32 before the result moves on to float64. */
export const RUN = 64;

/** A loop of no more turns than this is not worth the setting up and folding of what remembers NaN. */
const FEW_TURNS = 4;

/** A reduction variable during emission. */
export interface SumState {
  readonly kind: "sum";
  readonly plan: SumPlan;
  readonly dtype: DType;
  /** Whether there is one for each lane, because it is declared in a loop that runs in lanes. */
  readonly lanewise: boolean;
  /** Whether the home is float64 for a float32: two locals for each vector, if lanewise. */
  readonly wide: boolean;
  readonly home: readonly Value[];
  /** The lanes' own, while a loop feeds it. */
  partial: readonly Value[] | null;
  /**
   * Beside a partial extreme of floats: all ones in the lanes that have met a NaN, one for all vectors or, if lanewise, one for
   * each. The instruction that hands NaN on is eight on this machine, the one that drops it is one.
   */
  sawNaN: readonly Value[] | null;
}

/** A search during emission. */
export interface ArgState {
  readonly kind: "arg";
  readonly plan: ArgPlan;
  readonly dtype: DType;
  readonly lanewise: boolean;
  readonly home: readonly ArgPair[];
  partial: readonly ArgPair[] | null;
}

/** The best value so far and where it was. */
interface ArgPair {
  readonly value: Value;
  readonly at: Value;
}

/** A reduction or a search. */
export type ReductionState = SumState | ArgState;

function f32Add(plan: SumPlan): boolean {
  return plan.op === "add" && plan.v.dtype === "float32";
}

/** Declares a reduction: its home, set to the identity. */
export function declareSum(cx: NestContext, plan: SumPlan): SumState {
  const { fn } = cx;
  const { dtype } = plan.v;
  const lanewise = cx.block !== null;
  const wide = f32Add(plan) && (!lanewise || plan.terms > RUN);
  const type: TypeName = lanewise ? "v128" : wide ? "f64" : scalarType(dtype);
  const count = lanewise ? cx.block!.count * (wide ? 2 : 1) : 1;
  const home = Array.from({ length: count }, () => fn.local(type));
  const state: SumState = {
    kind: "sum",
    plan,
    dtype,
    lanewise,
    wide,
    home,
    partial: null,
    sawNaN: null,
  };
  for (const local of home) fn.assign(local, identity(cx, state, lanewise));
  return state;
}

function identity(cx: NestContext, state: SumState, vector: boolean): Ref {
  const { fn } = cx;
  const start = identityOf(state.plan.op, state.dtype);
  if (vector) return fn.get(vectorConstant(cx, state.dtype, start));
  if (state.wide) return fn.asm.constant("f64", start);
  return fn.get(scalarConstant(state.dtype, start));
}

/** Declares a search. */
export function declareArg(cx: NestContext, plan: ArgPlan): ArgState {
  const lanewise = cx.block !== null;
  const { dtype } = plan.value;
  const count = lanewise ? cx.block!.count : 1;
  const home = makePairs(cx, dtype, lanewise, count);
  const state: ArgState = { kind: "arg", plan, dtype, lanewise, home, partial: null };
  resetPairs(cx, state, home, lanewise);
  return state;
}

function makePairs(cx: NestContext, dtype: DType, vector: boolean, count: number): ArgPair[] {
  const { fn } = cx;
  return Array.from({ length: count }, () => ({
    value: fn.local(vector ? "v128" : scalarType(dtype)),
    at: fn.local(vector ? "v128" : "i32"),
  }));
}

function resetPairs(
  cx: NestContext,
  state: ArgState,
  pairs: readonly ArgPair[],
  vector: boolean,
): void {
  const { fn } = cx;
  const worst = identityOf(state.plan.op, state.dtype);
  for (const { value, at } of pairs) {
    const constant = vector
      ? vectorConstant(cx, state.dtype, worst)
      : scalarConstant(state.dtype, worst);
    fn.assign(value, fn.get(constant));
    fn.assign(at, vector ? fn.splat("i32", 0) : fn.asm.i32(0));
  }
}

/** The loop in lanes that feeds a reduction, if exactly one does at or inside of a loop. */
function feedingVectorLoop(loop: LoopPlan, plan: SumPlan | ArgPlan): LoopPlan | null {
  if (!loop.feeds.has(plan)) return null;
  if (loop.lanes > 1) return loop;
  let found: LoopPlan | null = null;
  for (const stmt of loop.body) {
    if (feeds(stmt, plan)) return null;
    if (stmt.kind !== "for") continue;
    const inner = feedingVectorLoop(stmt, plan);
    if (inner === null && stmt.feeds.has(plan)) return null;
    if (inner !== null && found !== null) return null;
    found ??= inner;
  }
  return found;
}

function feeds(stmt: Planned, plan: SumPlan | ArgPlan): boolean {
  return (stmt.kind === "accumulate" && stmt.sum === plan) ||
    (stmt.kind === "argAccumulate" && stmt.arg === plan);
}

function feedsByItself(loop: LoopPlan, plan: SumPlan | ArgPlan): boolean {
  return !loop.body.some((stmt) => stmt.kind === "for" && stmt.feeds.has(plan));
}

/** What a loop has to do for the reductions that it feeds. */
export interface LoopReductions {
  /** Partials that it opens, to be folded after it, and the lanes that they have. */
  readonly opened: readonly { readonly state: ReductionState; readonly lanes: Lanes }[];
  /** Its turns are to be cut into blocks of at most this many, and the partials folded after each. */
  readonly blockTurns: number;
}

/** Opens partial accumulators where a loop of `turns` turns wants them. */
export function openPartials(
  cx: NestContext,
  states: Iterable<ReductionState>,
  loop: LoopPlan,
  turns: number,
): LoopReductions {
  const opened: { readonly state: ReductionState; readonly lanes: Lanes }[] = [];
  let blockTurns = Infinity;
  const allTurns = Math.max(1, Math.ceil(Math.ceil(loop.extent / loop.lanes) / loop.unroll));
  for (const state of states) {
    const all = loop.feeds.get(state.plan);
    if (all === undefined || state.partial !== null) continue;
    const perTurn = all / allTurns;
    const terms = perTurn * turns;
    const isSum = state.kind === "sum";
    if (state.lanewise) {
      if (isSum && isFloatExtreme(state) && turns > FEW_TURNS) {
        state.partial = state.home;
        state.sawNaN = noNaNs(cx, state.home.length);
        opened.push({ state, lanes: cx.block!.lanes });
        continue;
      }
      if (!isSum || !state.wide) continue;
      if (terms > RUN && !feedsByItself(loop, state.plan)) continue;
      state.partial = newPartial(cx, state, cx.block!.count);
      opened.push({ state, lanes: cx.block!.lanes });
    } else {
      const inLanes = feedingVectorLoop(loop, state.plan);
      if (inLanes === null) continue;
      const cascade = isSum && state.wide;
      if (loop.lanes === 1 && cascade && terms > RUN) continue;
      const vectors = countOf(inLanes);
      if (isSum) {
        state.partial = newPartial(cx, state, vectors);
        if (isFloatExtreme(state)) state.sawNaN = noNaNs(cx, 1);
      } else {
        state.partial = makePairs(cx, state.dtype, true, vectors);
        resetPairs(cx, state, state.partial, true);
      }
      opened.push({ state, lanes: inLanes.lanes as Lanes });
      if (!cascade) continue;
    }
    if (terms > RUN) blockTurns = Math.min(blockTurns, Math.max(1, Math.floor(RUN / perTurn)));
  }
  return { opened, blockTurns };
}

/**
 * Turns of a loop that are not to be parted: where each is a term of a sum that is taken in runs, chunks end where runs do, because
 * how long chunks are depends on how many vectors are computed at once, and results should not.
 */
export function runLength(states: Iterable<ReductionState>, loop: LoopPlan): number {
  for (const state of states) {
    if (!isCascade(state) || !state.lanewise || !loop.feeds.has(state.plan)) continue;
    if (feedsByItself(loop, state.plan)) return RUN;
  }
  return 1;
}

/** Whether a reduction is the largest or smallest of floats. */
function isFloatExtreme({ dtype, plan }: SumState): boolean {
  return isFloating(dtype) && (plan.op === "max" || plan.op === "min");
}

function noNaNs({ fn }: NestContext, count: number): Value[] {
  return Array.from({ length: count }, () => fn.keep("v128", fn.splat("i32", 0)));
}

/** How many vectors a turn of a loop has at most. */
function countOf(loop: LoopPlan): number {
  return Math.min(loop.unroll, Math.ceil(loop.extent / loop.lanes));
}

function newPartial(cx: NestContext, state: SumState, count: number): Value[] {
  const locals = Array.from({ length: count }, () => cx.fn.local("v128"));
  for (const local of locals) cx.fn.assign(local, identity(cx, state, true));
  return locals;
}

/** Closes partials for good; what has been folded since the last turn needs no folding. */
export function closePartials(
  cx: NestContext,
  reductions: LoopReductions,
  areFolded: boolean,
): void {
  for (const { state, lanes } of reductions.opened) {
    if (!areFolded || !isCascade(state)) fold(cx, state, lanes);
    state.partial = null;
    if (state.kind === "sum") state.sawNaN = null;
  }
}

/** Whether a reduction is one whose partials are folded between blocks. */
function isCascade(state: ReductionState): state is SumState {
  return state.kind === "sum" && state.wide;
}

/** Folds partials between blocks and starts them anew. */
export function cyclePartials(cx: NestContext, reductions: LoopReductions): void {
  for (const { state, lanes } of reductions.opened) {
    if (!isCascade(state)) continue;
    fold(cx, state, lanes);
    for (const local of state.partial!) cx.fn.assign(local, identity(cx, state, true));
  }
}

function fold(cx: NestContext, state: ReductionState, lanes: Lanes): void {
  if (state.kind === "arg") foldArg(cx, state, lanes);
  else if (state.lanewise) foldLanewise(cx, state);
  else foldLanes(cx, state, lanes);
}

/** Each partial vector of float32 into its two halves of float64; of an extreme, what has met a NaN becomes one. */
function foldLanewise(cx: NestContext, state: SumState): void {
  const { fn } = cx;
  if (state.sawNaN !== null) {
    state.home.forEach((home, u) => {
      fn.assign(home, fn.asm.op2("v128.or", fn.get(home), fn.get(state.sawNaN![u]!)));
    });
    return;
  }
  state.partial!.forEach((local, u) => addWide(cx, state, u, local));
}

function addWide({ fn }: NestContext, state: SumState, u: number, term: Value): void {
  const { asm } = fn;
  const kept = fn.reuse(term);
  const upper = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];
  const [low, high] = [state.home[2 * u]!, state.home[2 * u + 1]!];
  const lowTerm = asm.op1("f64x2.promote_low_f32x4", fn.get(kept));
  fn.assign(low, asm.op2("f64x2.add", fn.get(low), lowTerm));
  const shifted = asm.shuffle(fn.get(kept), fn.get(kept), upper);
  const highTerm = asm.op1("f64x2.promote_low_f32x4", shifted);
  fn.assign(high, asm.op2("f64x2.add", fn.get(high), highTerm));
}

/** All lanes of all partial vectors into the one home. */
function foldLanes(cx: NestContext, state: SumState, lanes: Lanes): void {
  const { fn } = cx;
  const { asm } = fn;
  const { dtype, plan } = state;
  const combine = (x: Ref, y: Ref): Ref =>
    vectorBinary(cx, plan.op, dtype, lanes, tree(x), tree(y));
  let vectors = state.partial!.map((local) => fn.get(local));
  if (state.sawNaN !== null) {
    vectors[0] = asm.op2("v128.or", vectors[0]!, fn.get(state.sawNaN[0]!)); // all ones is a NaN
  }
  while (vectors.length > 1) {
    const half = Math.ceil(vectors.length / 2);
    vectors = vectors.slice(0, half).map((x, i) => {
      const y = vectors[half + i];
      return y === undefined ? x : combine(x, y);
    });
  }
  const [home] = state.home as [Value];
  let total = fn.keep("v128", vectors[0]!);
  if (state.wide) {
    const upper = asm.shuffle(fn.get(total), fn.get(total), rotation(8));
    const low = asm.op1("f64x2.promote_low_f32x4", fn.get(total));
    // With two lanes the upper half is nobody's business.
    const both = lanes === 2
      ? low
      : asm.op2("f64x2.add", low, asm.op1("f64x2.promote_low_f32x4", upper));
    const pair = fn.keep("v128", both);
    const lane = (i: number) => asm.op2("f64x2.extract_lane", fn.get(pair), i);
    const sum = asm.op2("f64.add", lane(0), lane(1));
    fn.assign(home, asm.op2("f64.add", fn.get(home), sum));
    return;
  }
  const bytes = shapeOf(dtype, lanes).endsWith("x2") ? 8 : 4;
  // Halves onto halves, as long as there are lanes side by side.
  for (let distance = lanes * bytes / 2; distance >= bytes; distance /= 2) {
    const other = asm.shuffle(fn.get(total), fn.get(total), rotation(distance));
    total = fn.keep("v128", combine(fn.get(total), other));
  }
  const last = tree(extract(cx, dtype, lanes, fn.get(total), 0), scalarType(dtype));
  fn.assign(home, scalarBinary(cx, plan.op, dtype, home, last));
}

function rotation(by: number): number[] {
  return Array.from({ length: 16 }, (_, i) => (i + by) % 16);
}

function tree(ref: Ref, type: TypeName = "v128"): Value {
  return { kind: "tree", type, ref };
}

/** Emits an `accumulate`. */
export function accumulate(cx: NestContext, state: SumState, value: Node): void {
  const { fn } = cx;
  const { asm } = fn;
  const { dtype, plan } = state;
  const op: ReduceOp = plan.op;
  const { block } = cx;
  if (block === null) {
    const [home] = state.home as [Value];
    if (state.wide) {
      const term = asm.op1("f64.promote_f32", fn.get(cx.scalar(value)));
      fn.assign(home, asm.op2("f64.add", fn.get(home), term));
    } else {
      const term = cx.scalar(value);
      fn.assign(home, scalarBinary(cx, op, dtype, home, term));
    }
    return;
  }
  const { lanes } = block;
  for (let u = 0; u < block.count; u++) {
    const mark = fn.mark();
    if (state.partial === null && state.wide) {
      addWide(cx, state, u, cx.vector(value, u));
      continue;
    }
    const target = (state.partial ?? state.home)[u]!;
    const whole = state.lanewise || cx.active(u) === lanes;
    if (op === "add" && whole && cx.isLoneProduct(value, fn.current.level)) {
      const [x, y] = value.args as [Node, Node];
      const shape = dtype === "float32" ? "f32x4" : "f64x2";
      const [a, b] = [fn.get(cx.vector(x, u)), fn.get(cx.vector(y, u))];
      fn.assign(target, asm.madd(shape, a, b, fn.get(target)));
    } else {
      let term = cx.vector(value, u);
      if (!whole) term = tree(masked(cx, state, term, cx.active(u)));
      if (state.sawNaN !== null) {
        term = fn.reuse(term);
        const shape = shapeOf(dtype, lanes);
        const isNaN = asm.op2(`${shape}.ne`, fn.get(term), fn.get(term));
        fn.assign(target, asm.op2(`${shape}.p${op}`, fn.get(target), fn.get(term)));
        const saw = state.sawNaN[state.lanewise ? u : 0]!;
        fn.assign(saw, asm.op2("v128.or", fn.get(saw), isNaN));
        fn.release(mark);
        continue;
      }
      fn.assign(target, vectorBinary(cx, op, dtype, lanes, target, term));
    }
    fn.release(mark);
  }
}

/** A term whose lanes from `active` on are the identity. */
function masked(cx: NestContext, state: SumState, term: Value, active: number): Ref {
  const { fn } = cx;
  const { lanes } = cx.block!;
  const mask = fn.get(laneMask(cx, state.dtype, lanes, active));
  return fn.asm.op3("v128.bitselect", fn.get(term), identity(cx, state, true), mask);
}

/** All ones in the first `active` lanes of a dtype. */
function laneMask({ fn }: NestContext, dtype: DType, lanes: Lanes, active: number): Value {
  const bytes = shapeOf(dtype, lanes).endsWith("x2") ? 8 : 4;
  return fn.vector(Array.from({ length: 16 }, (_, i) => i < active * bytes ? 255 : 0));
}

/** Emits an `argAccumulate`. */
export function argAccumulate(
  cx: NestContext,
  state: ArgState,
  value: Node,
  position: Node,
): void {
  const { fn } = cx;
  const { asm } = fn;
  const { dtype, plan } = state;
  const { block } = cx;
  const test = plan.op === "max" ? "gt" : "lt";
  if (block === null) {
    const [best] = state.home as [ArgPair];
    const x = cx.kept(value);
    const at = cx.kept(position);
    let better = scalarBinary(cx, test, dtype, x, best.value);
    if (shapeOf(dtype, 4).startsWith("f")) {
      const isNaN = scalarBinary(cx, "ne", dtype, x, x);
      const wasNumber = scalarBinary(cx, "eq", dtype, best.value, best.value);
      better = asm.op2("i32.or", better, asm.op2("i32.and", isNaN, wasNumber));
    }
    const take = [fn.set(best.value, fn.get(x)), fn.set(best.at, fn.get(at))];
    fn.push(asm.module.if(better, asm.sequence(take)));
    return;
  }
  const { lanes } = block;
  const shape = shapeOf(dtype, lanes);
  for (let u = 0; u < block.count; u++) {
    const best = (state.partial ?? state.home)[u]!;
    const x = cx.keptVector(value, u);
    const at = cx.keptVector(position, u);
    let better: Ref;
    if (dtype === "bool") {
      const [a, b] = plan.op === "max" ? [x, best.value] : [best.value, x];
      better = asm.op2("v128.andnot", fn.get(a), fn.get(b));
    } else better = compareLanes(cx, test, dtype, lanes, fn.get(x), fn.get(best.value));
    if (shape.startsWith("f")) {
      const isNaN = asm.op2(`${shape}.ne`, fn.get(x), fn.get(x));
      const wasNumber = asm.op2(`${shape}.eq`, fn.get(best.value), fn.get(best.value));
      better = asm.op2("v128.or", better, asm.op2("v128.and", isNaN, wasNumber));
    }
    if (!state.lanewise && cx.active(u) < lanes) {
      better = asm.op2("v128.and", better, fn.get(laneMask(cx, dtype, lanes, cx.active(u))));
    }
    const mask = fn.keep("v128", better);
    const choose = (x: Value, y: Value, by: Ref) =>
      asm.op3("v128.bitselect", fn.get(x), fn.get(y), by);
    fn.assign(best.value, choose(x, best.value, fn.get(mask)));
    // Positions have 4 bytes.
    const narrow = lanes === 2 && shape.endsWith("x2");
    const low = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11];
    const atMask = narrow ? asm.shuffle(fn.get(mask), fn.get(mask), low) : fn.get(mask);
    fn.assign(best.at, choose(at, best.at, atMask));
  }
}

/** All lanes of a search into its home; of equals the one with the lower position. */
function foldArg(cx: NestContext, state: ArgState, lanes: Lanes): void {
  const { fn } = cx;
  for (const pair of state.partial!) {
    for (let lane = 0; lane < lanes; lane++) {
      const x = extract(cx, state.dtype, lanes, fn.get(pair.value), lane);
      const value = fn.keep(scalarType(state.dtype), x);
      const at = fn.keep("i32", fn.asm.op2("i32x4.extract_lane", fn.get(pair.at), lane));
      mergeArg(cx, state, value, at);
    }
  }
}

function mergeArg(cx: NestContext, state: ArgState, value: Value, at: Value): void {
  const { fn } = cx;
  const { asm } = fn;
  const { dtype, plan } = state;
  const [best] = state.home as [ArgPair];
  const compare = (op: "eq" | "ne" | "gt" | "lt", x: Value, y: Value) =>
    scalarBinary(cx, op, dtype, x, y);
  const earlier = asm.op2("i32.lt_u", fn.get(at), fn.get(best.at));
  const strictly = compare(plan.op === "max" ? "gt" : "lt", value, best.value);
  const tie = asm.op2("i32.and", compare("eq", value, best.value), earlier);
  let better = asm.op2("i32.or", strictly, tie);
  if (shapeOf(dtype, 4).startsWith("f")) {
    // A NaN beats every number, and a later NaN.
    const wasNumber = compare("eq", best.value, best.value);
    const sooner = asm.op2("i32.lt_u", fn.get(at), fn.get(best.at));
    const first = asm.op2("i32.or", wasNumber, sooner);
    better = asm.op2("i32.or", better, asm.op2("i32.and", compare("ne", value, value), first));
  }
  const take = [fn.set(best.value, fn.get(value)), fn.set(best.at, fn.get(at))];
  fn.push(asm.module.if(better, asm.sequence(take)));
}

/** The locals that hold a reduction at the end of a function that computed a part of it. */
export function results(state: ReductionState): Value[] {
  if (state.kind === "sum") return [...state.home];
  return state.home.flatMap(({ value, at }) => [value, at]);
}

/** Takes in what another function has computed of a reduction. */
export function merge(cx: NestContext, state: ReductionState, parts: readonly Value[]): void {
  const { fn } = cx;
  const lanes = cx.block?.lanes ?? 4;
  if (state.kind === "arg") {
    if (!state.lanewise) return mergeArg(cx, state, parts[0]!, parts[1]!);
    return mergeLanewiseArg(cx, state, parts, lanes);
  }
  const dtype: DType = state.wide ? "float64" : state.dtype;
  state.home.forEach((home, i) => {
    const part = parts[i]!;
    const sum = state.lanewise
      ? vectorBinary(cx, state.plan.op, dtype, state.wide ? 2 : lanes, home, part)
      : scalarBinary(cx, state.plan.op, dtype, home, part);
    fn.assign(home, sum);
  });
}

/** The other part comes later in the order of the loop, so only what is strictly better counts. */
function mergeLanewiseArg(
  cx: NestContext,
  state: ArgState,
  parts: readonly Value[],
  lanes: Lanes,
): void {
  const { fn } = cx;
  const { asm } = fn;
  const { dtype, plan } = state;
  const binary = (op: "gt" | "lt" | "ne" | "eq", x: Value, y: Value): Ref =>
    vectorBinary(cx, op, dtype, lanes, x, y);
  state.home.forEach((best, u) => {
    const [x, at] = [parts[2 * u]!, parts[2 * u + 1]!];
    let better = binary(plan.op === "max" ? "gt" : "lt", x, best.value);
    if (shapeOf(dtype, lanes).startsWith("f")) {
      const isNaN = asm.op2("v128.and", binary("ne", x, x), binary("eq", best.value, best.value));
      better = asm.op2("v128.or", better, isNaN);
    }
    // As a bool the mask is 16 / lanes bytes wide; values and positions may be narrower.
    const mask = fn.keep("v128", better);
    const low = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11];
    const half = () => asm.shuffle(fn.get(mask), fn.get(mask), low);
    const wideValue = lanes === 4 || shapeOf(dtype, lanes).endsWith("x2");
    const choose = (y: Value, old: Value, by: Ref) =>
      asm.op3("v128.bitselect", fn.get(y), fn.get(old), by);
    fn.assign(best.value, choose(x, best.value, wideValue ? fn.get(mask) : half()));
    fn.assign(best.at, choose(at, best.at, lanes === 4 ? fn.get(mask) : half()));
  });
}

/** The value of a reduction for those who read it; `u` is the vector, if there is one for each lane. */
export function readSum(cx: NestContext, state: SumState, u: number): Ref {
  const { fn } = cx;
  const { asm } = fn;
  if (!state.wide) return fn.get(state.home[u]!);
  if (!state.lanewise) return asm.op1("f32.demote_f64", fn.get(state.home[0]!));
  const both = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
  const half = (i: number) => asm.op1("f32x4.demote_f64x2_zero", fn.get(state.home[2 * u + i]!));
  return asm.shuffle(half(0), half(1), both);
}
