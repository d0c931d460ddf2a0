/**
 * Walking and rewriting nests.
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
import {
  binary,
  bitcast,
  cast,
  type Expr,
  forEachOperand,
  load,
  select,
  unary,
} from "../../loopnest/expr.ts";
import type { For, Stmt } from "../../loopnest/ir.ts";

/** The expressions of one statement; not those of statements within it. */
export function exprsOf(stmt: Stmt): readonly Expr[] {
  switch (stmt.kind) {
    case "let":
    case "accumulate":
      return [stmt.value];
    case "store":
      return [stmt.index, stmt.value, ...stmt.guard ? [stmt.guard] : []];
    case "argAccumulate":
      return [stmt.value, stmt.position];
    case "for":
    case "accumulator":
    case "argAccumulator":
      return [];
    default: {
      const never: never = stmt;
      return never;
    }
  }
}

/** Calls `visit` with every statement, outer ones first. */
export function forEachStmt(body: readonly Stmt[], visit: (stmt: Stmt) => void): void {
  for (const stmt of body) {
    visit(stmt);
    if (stmt.kind === "for") forEachStmt(stmt.body, visit);
  }
}

/** Calls `visit` with every expression of a body once. */
export function forEachExpr(body: readonly Stmt[], visit: (expr: Expr) => void): void {
  const seen = new Set<number>();
  const walk = (expr: Expr): void => {
    if (seen.has(expr.id)) return;
    seen.add(expr.id);
    visit(expr);
    forEachOperand(expr, walk);
  };
  forEachStmt(body, (stmt) => exprsOf(stmt).forEach(walk));
}

/** What a body reads, stores and adds to. */
export interface Accesses {
  readonly loads: ReadonlySet<number>;
  readonly stores: ReadonlySet<number>;
  /** Buffers that are stored to with a `combine`. */
  readonly combines: ReadonlySet<number>;
  /** Accumulators that are added to, those declared within the body left out. */
  readonly accumulates: ReadonlySet<number>;
}

/** What a body does. */
export function accessesOf(body: readonly Stmt[]): Accesses {
  const loads = new Set<number>();
  const stores = new Set<number>();
  const combines = new Set<number>();
  const accumulates = new Set<number>();
  const declared = new Set<number>();
  forEachExpr(body, (expr) => expr.kind === "load" && loads.add(expr.buffer));
  forEachStmt(body, (stmt) => {
    if (stmt.kind === "store") {
      stores.add(stmt.buffer);
      if (stmt.combine !== undefined) combines.add(stmt.buffer);
    } else if (stmt.kind === "accumulator") declared.add(stmt.v.id);
    else if (stmt.kind === "argAccumulator") declared.add(stmt.value.id);
    else if (stmt.kind === "accumulate" || stmt.kind === "argAccumulate") {
      accumulates.add(stmt.v.id);
    }
  });
  for (const id of declared) accumulates.delete(id);
  return { loads, stores, combines, accumulates };
}

/** How elements are found after a rewriting: another buffer, another index. */
export type Relocate = (buffer: number, index: Expr) => { buffer: number; index: Expr };

/** A body whose accesses are relocated. */
export function relocate(body: readonly Stmt[], move: Relocate): Stmt[] {
  const made = new Map<number, Expr>();
  const expr = (e: Expr): Expr => {
    let result = made.get(e.id);
    if (result === undefined) made.set(e.id, result = rebuild(e));
    return result;
  };
  const rebuild = (e: Expr): Expr => {
    switch (e.kind) {
      case "var":
      case "const":
        return e;
      case "load": {
        const { buffer, index } = move(e.buffer, expr(e.index));
        return load(buffer, e.dtype, index);
      }
      case "unary": {
        const x = expr(e.x);
        return x === e.x ? e : unary(e.op, x);
      }
      case "cast": {
        const x = expr(e.x);
        return x === e.x ? e : cast(x, e.dtype);
      }
      case "bitcast": {
        const x = expr(e.x);
        return x === e.x ? e : bitcast(x, e.dtype);
      }
      case "binary": {
        const [x, y] = [expr(e.x), expr(e.y)];
        return x === e.x && y === e.y ? e : binary(e.op, x, y);
      }
      case "select": {
        const [condition, x, y] = [expr(e.condition), expr(e.x), expr(e.y)];
        return condition === e.condition && x === e.x && y === e.y ? e : select(condition, x, y);
      }
      default: {
        const never: never = e;
        return never;
      }
    }
  };
  const stmt = (s: Stmt): Stmt => {
    switch (s.kind) {
      case "for":
        return { ...s, body: s.body.map(stmt) };
      case "let":
      case "accumulate":
        return { ...s, value: expr(s.value) };
      case "argAccumulate":
        return { ...s, value: expr(s.value), position: expr(s.position) };
      case "store": {
        const { buffer, index } = move(s.buffer, expr(s.index));
        const moved = { ...s, buffer, index, value: expr(s.value) };
        return s.guard === undefined ? moved : { ...moved, guard: expr(s.guard) };
      }
      case "accumulator":
      case "argAccumulator":
        return s;
      default: {
        const never: never = s;
        return never;
      }
    }
  };
  return body.map(stmt);
}

/** Loops that are one space: each is all that the one before it holds. */
export function perfectLoops(loop: For): { loops: For[]; body: readonly Stmt[] } {
  const loops = [loop];
  let { body } = loop;
  while (body.length === 1 && body[0].kind === "for") {
    loops.push(body[0]);
    body = body[0].body;
  }
  return { loops, body };
}

/** The product of the loops' extents. */
export function extentOf(loops: readonly For[]): number {
  return loops.reduce((n, loop) => n * loop.extent, 1);
}

/** An element type and a size, for a buffer to be. */
export interface BufferShape {
  readonly dtype: DType;
  readonly size: number;
}
