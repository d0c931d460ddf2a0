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
import { binary, constant, type Expr, index, load, makeVar, select } from "../../loopnest/expr.ts";
import type { Accumulator, ArgAccumulator, For, Nest, ReduceOp, Stmt } from "../../loopnest/ir.ts";
import { type GridNest, gridOf, scratchOf, spaceOf, turnsOf } from "./grid.ts";
import { accessesOf, extentOf, perfectLoops, relocate } from "./rewrite.ts";

/** Takes the shape of a new buffer, and gives its number. */
export type NewBuffer = (dtype: DType, size: number) => number;

/** Turns that one invocation may make before its nest is spread. */
const longTurn = 512;
/** Invocations that fill a device. */
const enough = 16384;
/** Drivers stop an invocation's loops after 65,535 turns (Mesa, silently). */
const tooLong = 30000;
/** Invocations of a workgroup, here. */
const width = 256;

/** A nest as it is, or as those that do the same side by side.
 *
 * @param nest A nest.
 * @param isScratch Whether a buffer is used by this nest only.
 * @param newBuffer Makes buffers between the nests.
 */
export function spread(
  nest: Nest,
  isScratch: (buffer: number) => boolean,
  newBuffer: NewBuffer,
  sizeOf: (buffer: number) => { dtype: DType; size: number },
): Nest[] {
  const grid = gridOf(nest);
  const points = extentOf(grid.loops);
  const own = new Map([...scratchOf(grid)].filter(([buffer]) => isScratch(buffer)));
  const moved = { ...grid, body: eachItsOwn(grid, own, newBuffer, sizeOf) };
  if (!worthSpreading(grid, points)) {
    return [own.size === 0 ? nest : rebuilt(nest.name, moved, moved.body)];
  }
  return new Spreader(nest, moved, newBuffer).run();
}

function worthSpreading(grid: GridNest, points: number): boolean {
  const shared = grid.mode === "workgroups";
  const turns = turnsOf(grid.body) / (shared ? width : 1);
  if (turns > tooLong) return canSpread(grid.body);
  return points * (shared ? width : 1) < enough && turns > longTurn && canSpread(grid.body);
}

/** Whether each loop only reduces, or only stores at independent turns. */
function canSpread(body: readonly Stmt[]): boolean {
  return body.every((stmt) => {
    if (stmt.kind === "store") return stmt.combine === undefined;
    if (stmt.kind !== "for") return true;
    const { loads, stores, combines } = accessesOf(stmt.body);
    if (combines.size > 0) return false;
    return stmt.mode !== "serial" || [...stores].every((buffer) => !loads.has(buffer));
  });
}

/** The grid's loops around a body. */
function rebuilt(name: string, grid: GridNest, body: readonly Stmt[]): Nest {
  let inner: readonly Stmt[] = [...grid.lets, ...body];
  for (const loop of [...grid.loops].reverse()) {
    inner = [{ ...loop, mode: "parallel", body: inner }];
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
  newBuffer: NewBuffer,
  sizeOf: (buffer: number) => { dtype: DType; size: number },
): readonly Stmt[] {
  if (own.size === 0) return grid.body;
  const replaced = new Map([...own].map(([buffer, loops]) => {
    const { dtype, size } = sizeOf(buffer);
    const turn = pointOf(loops);
    return [buffer, { buffer: newBuffer(dtype, size * extentOf(loops)), size, turn }] as const;
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
  readonly #points: number;
  readonly #point: Expr;
  /** What every later nest may need: names, and reduction results read back. */
  #known: Stmt[] = [];
  #open = new Map<number, Accumulator | ArgAccumulator>();
  readonly #nests: Nest[] = [];

  constructor(nest: Nest, grid: GridNest, newBuffer: NewBuffer) {
    this.#name = nest.name;
    this.#grid = grid;
    this.#newBuffer = newBuffer;
    this.#points = extentOf(grid.loops);
    this.#point = pointOf(grid.loops);
  }

  run(): Nest[] {
    let after: Stmt[] = [];
    const flush = (): void => {
      if (after.some((stmt) => stmt.kind === "store")) this.#add([...this.#known, ...after]);
      this.#known.push(...after.filter((stmt) => stmt.kind === "let"));
      after = [];
    };
    for (const stmt of this.#grid.body) {
      switch (stmt.kind) {
        case "accumulator":
          this.#open.set(stmt.v.id, stmt);
          break;
        case "argAccumulator":
          this.#open.set(stmt.value.id, stmt);
          break;
        case "for":
          flush();
          this.#loop(stmt);
          break;
        default:
          after.push(stmt);
      }
    }
    flush();
    return this.#nests;
  }

  #add(body: readonly Stmt[]): void {
    this.#nests.push(rebuilt(this.#name, this.#grid, body));
  }

  #loop(loop: For): void {
    const fed = [...accessesOf(loop.body).accumulates];
    if (fed.length === 0) return this.#add([...this.#known, { ...loop, mode: "parallel" }]);
    const space = spaceOf(loop);
    const chunks = Math.min(
      Math.ceil(space / 32),
      Math.max(1, Math.ceil(enough * 4 / this.#points)),
    );
    const accumulators = fed.map((id) => this.#open.get(id)!);
    const ordered = accumulators.some((a) => a.kind === "argAccumulator");
    const partials = accumulators.map((a) => this.#buffersFor(a, chunks * this.#points));
    const chunk = makeVar("chunk");
    const at = binary("add", binary("mul", chunk, index(this.#points)), this.#point);
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
          chunkOf(loop, chunk, chunks, ordered, accumulators),
          ...accumulators.flatMap((a, i) => kept(a, partials[i], at)),
        ]).body,
      }],
    });
    const joined = accumulators.map((a) => this.#buffersFor(a, this.#points));
    const again = makeVar("chunk");
    const from = binary("add", binary("mul", again, index(this.#points)), this.#point);
    const copies = accumulators.map(renamed);
    this.#add([
      ...copies,
      {
        kind: "for",
        v: again,
        extent: chunks,
        mode: "serial",
        body: copies.map((a, i) => joinOf(a, partials[i], from)),
      },
      ...copies.flatMap((a, i) => kept(a, joined[i], this.#point)),
    ]);
    accumulators.forEach((a, i) => {
      const [values, positions] = joined[i];
      const v = a.kind === "accumulator" ? a.v : a.value;
      this.#known.push({ kind: "let", v, value: load(values, v.dtype, this.#point) });
      if (a.kind === "argAccumulator") {
        this.#known.push({ kind: "let", v: a.at, value: load(positions, "int32", this.#point) });
      }
    });
  }

  #buffersFor(a: Accumulator | ArgAccumulator, size: number): [number, number] {
    if (a.kind === "accumulator") return [this.#newBuffer(a.v.dtype, size), -1];
    return [this.#newBuffer(a.value.dtype, size), this.#newBuffer("int32", size)];
  }
}

/** An accumulator of the same kind under new names. */
function renamed(a: Accumulator | ArgAccumulator): Accumulator | ArgAccumulator {
  if (a.kind === "accumulator") return { ...a, v: makeVar(a.v.name, a.v.dtype) };
  return { ...a, value: makeVar(a.value.name, a.value.dtype), at: makeVar(a.at.name) };
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

/**
 * One chunk of a loop's space, as a serial loop. Neighbouring chunks take neighbouring elements, for the sake of
 * memory; where positions count, a chunk is a stretch. Beyond the end, the last element again, to no effect.
 */
function chunkOf(
  loop: For,
  chunk: Expr,
  chunks: number,
  ordered: boolean,
  fed: readonly (Accumulator | ArgAccumulator)[],
): For {
  const { loops, body } = perfectLoops(loop);
  const space = extentOf(loops);
  const each = Math.ceil(space / chunks);
  const turn = makeVar("turn");
  const e = ordered
    ? binary("add", binary("mul", chunk, index(each)), turn)
    : binary("add", binary("mul", turn, index(chunks)), chunk);
  const exact = each * chunks === space;
  const inside = exact ? null : binary("lt", e, index(space));
  const names: Stmt[] = [];
  const at = makeVar("e");
  names.push({ kind: "let", v: at, value: exact ? e : binary("min", e, index(space - 1)) });
  let rest = space;
  for (const { v, extent } of loops) {
    rest /= extent;
    names.push({
      kind: "let",
      v,
      value: binary("rem", binary("div", at, index(rest)), index(extent)),
    });
  }
  const ops = new Map(
    fed.flatMap((a) => a.kind === "accumulator" ? [[a.v.id, a.op] as const] : []),
  );
  return {
    kind: "for",
    v: turn,
    extent: each,
    mode: "serial",
    body: [...names, ...inside === null ? body : guarded(body, inside, ops)],
  };
}

/** A body without effect where `inside` is false: its stores are guarded, its terms neutral. */
function guarded(
  body: readonly Stmt[],
  inside: Expr,
  ops: ReadonlyMap<number, ReduceOp>,
): Stmt[] {
  return body.map((stmt): Stmt => {
    switch (stmt.kind) {
      case "for":
        return { ...stmt, body: guarded(stmt.body, inside, ops) };
      case "store": {
        const guard = stmt.guard === undefined ? inside : binary("and", stmt.guard, inside);
        return { ...stmt, guard };
      }
      case "accumulate": {
        const op = ops.get(stmt.v.id);
        // The last element once more does nothing to the others.
        if (op !== "add" && op !== "mul" && op !== "xor") return stmt;
        const neutral = constant(op === "mul" ? 1 : 0, stmt.v.dtype);
        return { ...stmt, value: select(inside, stmt.value, neutral) };
      }
      default:
        return stmt;
    }
  });
}
