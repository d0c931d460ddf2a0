/**
 * Which loops of a nest become the grid of a dispatch, and how a workgroup shares the rest.
 *
 * - **threads**: each point of the grid is one invocation; inner loops run in it, one after the other.
 * - **workgroups**: each point of the grid is one workgroup, whose invocations share every inner loop, and reduce
 *   together.
 *
 * @module
 */
import { isFloating } from "../../core/dtype.ts";
import { type Expr, forEachOperand } from "../../loopnest/expr.ts";
import type { For, Nest, Stmt } from "../../loopnest/ir.ts";
import { writesApart } from "./indices.ts";
import { accessesOf, extentOf, forEachExpr, forEachStmt, perfectLoops } from "./rewrite.ts";
import type { AdapterTraits } from "./traits.ts";
import { wgslType } from "./types.ts";

/** A nest as a grid of bodies. */
export interface GridNest {
  readonly mode: "threads" | "workgroups";
  /** The grid, outermost first; its points are independent. */
  readonly loops: readonly For[];
  /** What stands between the loops: names for values, in order. */
  readonly lets: readonly Stmt[];
  /** What each point runs. */
  readonly body: readonly Stmt[];
  /** Buffers that points of the grid add to, one over the other: their stores must be atomic. */
  readonly atomics: ReadonlySet<number>;
}

const none: ReadonlySet<For> = new Set();

/** Rows of fewer elements are left to one invocation. */
const shortRow = 48;

/** Whether a loop's turns may run in any order, at the same time. */
export function isIndependent(loop: For): boolean {
  const { loads, stores, accumulates } = accessesOf(loop.body);
  if (accumulates.size > 0) return false;
  if (loop.mode !== "serial") return true;
  // There is no atomic addition of 64 bits.
  let wide = false;
  forEachStmt(loop.body, (stmt) => {
    if (stmt.kind === "store" && stmt.combine) wide ||= wgslType(stmt.value.dtype) === "vec2<u32>";
  });
  return !wide && [...stores].every((buffer) => !loads.has(buffer)) && writesApart(loop);
}

/** Whether a workgroup may share a loop: turns independent, but for accumulators of outside, which are reduced together. */
function isShareable(loop: For): boolean {
  const { loads, stores, combines } = accessesOf(loop.body);
  if (combines.size > 0) return false;
  if (loop.mode !== "serial") return true;
  return [...stores].every((buffer) => !loads.has(buffer)) && writesApart(loop);
}

/** The extent of a loop with the loops that are one space with it. */
export function spaceOf(loop: For): number {
  return extentOf(perfectLoops(loop).loops);
}

/** Splits a nest into its grid and what each point of it runs. */
export function gridOf(nest: Nest, traits: AdapterTraits): GridNest {
  const loops: For[] = [];
  const lets: Stmt[] = [];
  const atomics = new Set<number>();
  let body = nest.body;
  for (;;) {
    const start = body.findIndex((stmt) => stmt.kind !== "let");
    const rest = body.slice(start);
    const [loop] = rest;
    if (start < 0 || rest.length !== 1 || loop.kind !== "for" || !isIndependent(loop)) break;
    if (loop.mode === "serial") accessesOf(loop.body).combines.forEach((b) => atomics.add(b));
    lets.push(...body.slice(0, start));
    loops.push(loop);
    body = loop.body;
  }
  const inner = body.filter((stmt) => stmt.kind === "for");
  const longest = Math.max(0, ...inner.map(spaceOf));
  // On the processor, to share and then to wait for each other costs more than it gives.
  const shared = !traits.isSoftware && inner.length > 0 && longest >= shortRow &&
    inner.every(isShareable) && loops.at(-1)?.mode !== "vector" &&
    !body.some((s) => s.kind === "store" && s.combine);
  return { mode: shared ? "workgroups" : "threads", loops, lets, body, atomics };
}

/** The most turns that one invocation may make: drivers stop its loops after 65,535 (Mesa, silently). */
export const mostTurns = 30000;

/** Turns of the loops within functions of `functions.ts` and `elementary.ts`, at most. */
const turnsWithin: Readonly<Record<string, number>> = {
  sin: 3,
  cos: 3,
  tan: 6,
  cbrt: 3,
  lgamma: 11,
  digamma: 13,
  rem: 300,
  pow: 64,
};

/** How many turns the longest-running invocation of a grid makes, loops one after the other added up. */
export function turnsOf(body: readonly Stmt[]): number {
  return body.reduce((n, stmt) => {
    if (stmt.kind === "for") return n + stmt.extent * (1 + turnsOf(stmt.body));
    forEachExpr([stmt], (expr) => {
      if (expr.kind !== "unary" && expr.kind !== "binary") return;
      if (
        expr.op === "rem" ? !isFloating(expr.dtype) : expr.op === "pow" && isFloating(expr.dtype)
      ) return;
      n += turnsWithin[expr.op] ?? 0;
    });
    return n;
  }, 0);
}

/**
 * The buffers that a nest writes at places that do not change over some of its grid's loops, with those loops. Who alone uses such a
 * buffer needs one for each of their turns, for they happen at the same time.
 */
export function scratchOf(grid: GridNest): Map<number, readonly For[]> {
  /** The loops that a variable changes over. */
  const changing = new Map<number, ReadonlySet<For>>();
  grid.loops.forEach((loop) => changing.set(loop.v.id, new Set([loop])));
  const known = new Map<number, ReadonlySet<For>>();
  const changesOver = (expr: Expr): ReadonlySet<For> => {
    if (expr.kind === "var") return changing.get(expr.id) ?? none;
    let result = known.get(expr.id);
    if (result === undefined) {
      const found = new Set<For>();
      // What was loaded may be anything.
      if (expr.kind === "load") grid.loops.forEach((loop) => found.add(loop));
      else forEachOperand(expr, (operand) => changesOver(operand).forEach((l) => found.add(l)));
      known.set(expr.id, result = found);
    }
    return result;
  };
  const fixed = new Map<number, readonly For[]>();
  forEachStmt([...grid.lets, ...grid.body], (stmt) => {
    if (stmt.kind === "let") changing.set(stmt.v.id, changesOver(stmt.value));
    // What is added up is one for all.
    if (stmt.kind !== "store" || stmt.combine) return;
    const over = changesOver(stmt.index);
    const loops = fixed.get(stmt.buffer) ?? grid.loops.filter((loop) => loop.extent > 1);
    fixed.set(stmt.buffer, loops.filter((loop) => !over.has(loop)));
  });
  return new Map([...fixed].filter(([, loops]) => loops.length > 0));
}
