/**
 * Nests with little to do side by side, as several nests with much.
 *
 * A sum over a whole array is a nest without a grid, and a sum over a few long rows one with few points. Each of their loops
 * becomes a nest of its own, whose grid is the loop; a loop that reduces becomes two, one for partial results and one that
 * joins them. What passes from one nest to the next, reduction results and scratch, goes through buffers.
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
import { binary, type Expr, index, load, makeVar } from "../../loopnest/expr.ts";
import type { Accumulator, ArgAccumulator, For, Nest, Stmt } from "../../loopnest/ir.ts";
import { type GridNest, gridOf, mostTurns, scratchOf, spaceOf, turnsOf } from "./grid.ts";
import { writesApart } from "./indices.ts";
import { accessesOf, extentOf, perfectLoops, relocate } from "./rewrite.ts";
import type { AdapterTraits } from "./traits.ts";
import { deviceBytes } from "./types.ts";

/** Takes the shape of a new buffer, and gives its number. */
export type NewBuffer = (dtype: DType, size: number) => number;

/** Invocations of a workgroup, here. */
const width = 256;

/** How much there must be to do side by side, and how little it is worth to divide. */
interface Measures {
  /** Turns that one invocation may make before its nest is spread. */
  readonly longTurn: number;
  /** Invocations that fill a device. */
  readonly enough: number;
  /** The least turns of a chunk that is one invocation's. */
  readonly leastTurns: number;
}

function measuresOf(traits: AdapterTraits): Measures {
  // A processor's threads are few, and its memory is fastest in long stretches.
  if (traits.isSoftware) return { longTurn: 2048, enough: 256, leastTurns: 512 };
  return { longTurn: 512, enough: 65536, leastTurns: 32 };
}

/** What spreading needs to know of a program. */
export interface SpreadContext {
  readonly traits: AdapterTraits;
  /** Whether a buffer is used by this nest only. */
  isScratch(buffer: number): boolean;
  /** Makes buffers between the nests. */
  readonly newBuffer: NewBuffer;
  sizeOf(buffer: number): { dtype: DType; size: number };
}

/** A nest, and which buffers are in the memory of its workgroups, with their sizes. */
export interface SpreadNest {
  readonly nest: Nest;
  readonly local: ReadonlyMap<number, number>;
}

/** A nest as it is, or as those that do the same side by side. */
export function spread(nest: Nest, context: SpreadContext): SpreadNest[] {
  const { traits } = context;
  const grid = gridOf(nest, traits);
  const points = extentOf(grid.loops);
  const own = new Map([...scratchOf(grid)].filter(([buffer]) => context.isScratch(buffer)));
  const measures = measuresOf(traits);
  const spreads = worthSpreading(grid, points, measures);
  if (!spreads && fitsGroup(grid, own, context)) {
    const local = new Map([...own.keys()].map((id) => [id, context.sizeOf(id).size]));
    return [{ nest, local }];
  }
  const moved = { ...grid, body: eachItsOwn(grid, own, context) };
  const nests = spreads
    ? new Spreader(nest, moved, context.newBuffer, measures).run()
    : [own.size === 0 ? nest : rebuilt(nest.name, moved, moved.body)];
  return nests.map((part) => ({ nest: part, local: new Map() }));
}

/** Whether the scratch of a point is best kept in its workgroup's memory. */
function fitsGroup(
  grid: GridNest,
  own: ReadonlyMap<number, readonly For[]>,
  context: SpreadContext,
): boolean {
  if (grid.mode !== "workgroups" || own.size === 0) return false;
  const all = grid.loops.filter((loop) => loop.extent > 1).length;
  let bytes = 0;
  for (const [buffer, loops] of own) {
    const { dtype, size } = context.sizeOf(buffer);
    bytes += deviceBytes(dtype, context.traits) * (size + 3);
    if (loops.length < all) return false;
  }
  // What reduces needs some, too; and the more is left, the more workgroups run at a time.
  return bytes <= Math.min(8192, context.traits.workgroupBytes / 2);
}

function worthSpreading(grid: GridNest, points: number, measures: Measures): boolean {
  const sharing = grid.mode === "workgroups" ? width : 1;
  const turns = turnsOf(grid.body) / sharing;
  if (turns > mostTurns) return canSpread(grid.body);
  return points * sharing < measures.enough &&
    turns > measures.longTurn / (sharing === 1 ? 1 : 16) &&
    canSpread(grid.body);
}

/** Whether each loop only reduces, or only stores at independent turns. */
function canSpread(body: readonly Stmt[]): boolean {
  return body.every((stmt) => {
    if (stmt.kind === "store") return stmt.combine === undefined;
    if (stmt.kind !== "for") return true;
    const { loads, stores, combines } = accessesOf(stmt.body);
    if (combines.size > 0) return false;
    if (stmt.mode !== "serial") return true;
    return [...stores].every((buffer) => !loads.has(buffer)) && writesApart(stmt);
  });
}

/** The grid's loops around a body. */
function rebuilt(name: string, grid: GridNest, body: readonly Stmt[]): Nest {
  let inner: readonly Stmt[] = [...grid.lets, ...body];
  for (const loop of [...grid.loops].reverse()) {
    inner = [{ ...loop, mode: loop.mode === "vector" ? "vector" : "parallel", body: inner }];
  }
  return { kind: "nest", name, body: inner };
}

/** The number of a point of loops within loops. */
function pointOf(loops: readonly For[]): Expr {
  return loops.reduce<Expr>(
    (at, loop) => binary("add", binary("mul", at, index(loop.extent)), loop.v),
    index(0),
  );
}

/** Gives each turn of the loops that share scratch some of its own. */
function eachItsOwn(
  grid: GridNest,
  own: ReadonlyMap<number, readonly For[]>,
  { newBuffer, sizeOf }: SpreadContext,
): readonly Stmt[] {
  if (own.size === 0) return grid.body;
  const replaced = new Map([...own].map(([buffer, loops]) => {
    const { dtype, size } = sizeOf(buffer);
    // Each begins where a vector does.
    const padded = 4 * Math.ceil(size / 4);
    const whole = newBuffer(dtype, padded * extentOf(loops));
    return [buffer, { buffer: whole, size: padded, turn: pointOf(loops) }] as const;
  }));
  return relocate(grid.body, (buffer, at) => {
    const found = replaced.get(buffer);
    if (found === undefined) return { buffer, index: at };
    return {
      buffer: found.buffer,
      index: binary("add", binary("mul", found.turn, index(found.size)), at),
    };
  });
}

class Spreader {
  readonly #name: string;
  readonly #grid: GridNest;
  readonly #newBuffer: NewBuffer;
  readonly #measures: Measures;
  readonly #points: number;
  readonly #point: Expr;
  /** What every later nest may need: names, and reduction results read back. */
  #known: Stmt[] = [];
  #open = new Map<number, Accumulator | ArgAccumulator>();
  /** The last nest, to which statements may still be added. */
  #last: Stmt[] = [];
  readonly #nests: Nest[] = [];

  constructor(nest: Nest, grid: GridNest, newBuffer: NewBuffer, measures: Measures) {
    this.#name = nest.name;
    this.#grid = grid;
    this.#newBuffer = newBuffer;
    this.#measures = measures;
    this.#points = extentOf(grid.loops);
    this.#point = pointOf(grid.loops);
  }

  run(): Nest[] {
    const { body } = this.#grid;
    body.forEach((stmt, i) => {
      switch (stmt.kind) {
        case "accumulator":
          this.#open.set(stmt.v.id, stmt);
          break;
        case "argAccumulator":
          this.#open.set(stmt.value.id, stmt);
          break;
        case "for":
          this.#close();
          this.#loop(stmt, body.slice(i + 1).some((later) => later.kind === "for"));
          break;
        case "let":
          this.#known.push(stmt);
          this.#last.push(stmt);
          break;
        default:
          this.#last.push(stmt);
      }
    });
    this.#close();
    return this.#nests;
  }

  /** Ends the last nest, if it does anything. */
  #close(): void {
    if (this.#last.some((stmt) => stmt.kind === "store" || stmt.kind === "for")) {
      this.#nests.push(rebuilt(this.#name, this.#grid, this.#last));
    }
    this.#last = [...this.#known];
  }

  /** A loop as nests; where another one follows, what it reduced is put where that finds it. */
  #loop(loop: For, another: boolean): void {
    const fed = [...accessesOf(loop.body).accumulates];
    if (fed.length === 0) {
      this.#last.push({ ...loop, mode: loop.mode === "vector" ? "vector" : "parallel" });
      return this.#close();
    }
    const space = spaceOf(loop);
    const { chunks, each } = this.#divide(space, this.#isShared(loop));
    const accumulators = fed.map((id) => this.#open.get(id)!);
    const partials = accumulators.map((a) => this.#buffersFor(a, chunks * this.#points));
    const chunk = makeVar("chunk");
    const at = binary("add", binary("mul", chunk, index(this.#points)), this.#point);
    const start = binary("mul", chunk, index(each));
    this.#nests.push({
      kind: "nest",
      name: this.#name,
      body: [{
        kind: "for",
        v: chunk,
        extent: chunks,
        mode: "parallel",
        body: rebuilt("", this.#grid, [
          ...this.#known,
          ...accumulators,
          stretchOf(loop, start, each),
          ...accumulators.flatMap((a, i) => kept(a, partials[i], at)),
        ]).body,
      }],
    });
    const again = makeVar("chunk");
    const from = binary("add", binary("mul", again, index(this.#points)), this.#point);
    const rest = space - chunks * each;
    this.#last.push(
      ...accumulators,
      {
        kind: "for",
        v: again,
        extent: chunks,
        mode: this.#points === 1 ? "vector" : "serial",
        body: accumulators.map((a, i) => joinOf(a, partials[i], from)),
      },
      ...rest === 0 ? [] : [stretchOf(loop, index(chunks * each), rest)],
    );
    if (!another) return;
    accumulators.forEach((a) => {
      const joined = this.#buffersFor(a, this.#points);
      this.#last.push(...kept(a, joined, this.#point));
      const [values, positions] = joined;
      const v = a.kind === "accumulator" ? a.v : a.value;
      this.#known.push({ kind: "let", v, value: load(values, v.dtype, this.#point) });
      if (a.kind === "argAccumulator") {
        this.#known.push({ kind: "let", v: a.at, value: load(positions, "int32", this.#point) });
      }
    });
  }

  /** Whether invocations of a workgroup would share the turns of a chunk. */
  #isShared(loop: For): boolean {
    return this.#grid.mode === "workgroups" && loop.body.every((stmt) => stmt.kind !== "store");
  }

  /** How a space is divided into chunks of one size; what is left over is less than four elements for each. */
  #divide(space: number, shared: boolean): { chunks: number; each: number } {
    const { enough, leastTurns } = this.#measures;
    const sharing = this.#grid.mode === "workgroups" ? width : 1;
    const least = leastTurns * sharing / (shared ? 2 : 1);
    // As many as fill the device, but no more than are soon joined; and enough that none is too long.
    const wanted = Math.min(
      Math.ceil(2 * enough / (this.#points * sharing)),
      Math.floor(space / least),
      2 * Math.ceil(Math.sqrt(space)),
    );
    const chunks = Math.max(1, wanted, Math.ceil(2 * space / (mostTurns * sharing)));
    const each = Math.floor(space / chunks);
    return { chunks, each: each >= 64 ? each - each % 16 : each };
  }

  #buffersFor(a: Accumulator | ArgAccumulator, size: number): [number, number] {
    if (a.kind === "accumulator") return [this.#newBuffer(a.v.dtype, size), -1];
    return [this.#newBuffer(a.value.dtype, size), this.#newBuffer("int32", size)];
  }
}

function kept(
  a: Accumulator | ArgAccumulator,
  [values, positions]: readonly [number, number],
  at: Expr,
): Stmt[] {
  if (a.kind === "accumulator") return [{ kind: "store", buffer: values, index: at, value: a.v }];
  return [
    { kind: "store", buffer: values, index: at, value: a.value },
    { kind: "store", buffer: positions, index: at, value: a.at },
  ];
}

function joinOf(
  a: Accumulator | ArgAccumulator,
  [values, positions]: readonly [number, number],
  at: Expr,
): Stmt {
  if (a.kind === "accumulator") {
    return { kind: "accumulate", v: a.v, value: load(values, a.v.dtype, at) };
  }
  return {
    kind: "argAccumulate",
    v: a.value,
    value: load(values, a.value.dtype, at),
    position: load(positions, "int32", at),
  };
}

/** A stretch of a loop's space. */
function stretchOf(loop: For, start: Expr, size: number): For {
  const { loops, body } = perfectLoops(loop);
  const turn = makeVar("turn");
  const last = loops.at(-1)!;
  const e = makeVar("e");
  const names: Stmt[] = [{ kind: "let", v: e, value: binary("add", start, turn) }];
  let rest = extentOf(loops);
  for (const { v, extent } of loops) {
    rest /= extent;
    const quotient = binary("div", e, index(rest));
    const value = v === loops[0].v ? quotient : binary("rem", quotient, index(extent));
    names.push({ kind: "let", v, value });
  }
  const mode = loops.length === 1 && last.mode === "vector" ? "vector" : "serial";
  return { kind: "for", v: turn, extent: size, mode, body: [...names, ...body] };
}
