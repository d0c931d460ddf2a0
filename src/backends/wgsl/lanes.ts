/**
 * Four turns of a loop at a time: what of its body is the same in all of them, and what lies side by side.
 *
 * @module
 */
import { type Expr, forEachOperand, type Var } from "../../loopnest/expr.ts";
import type { For, Stmt } from "../../loopnest/ir.ts";
import type { GridNest } from "./grid.ts";
import { hasFour } from "./ops.ts";
import { accessesOf, exprsOf, forEachStmt } from "./rewrite.ts";
import { wgslType } from "./types.ts";

/** What is known of an integer over four turns. */
interface Known {
  /** What each turn adds to it, or `null` where that is not one number. */
  readonly stride: number | null;
  /** A number that it is a multiple of in the first of the four turns: a power of two, at most 4. */
  readonly divisor: 1 | 2 | 4;
}

const unknown: Known = { stride: null, divisor: 1 };

function powerIn(value: number): 1 | 2 | 4 {
  return value % 4 === 0 ? 4 : value % 2 === 0 ? 2 : 1;
}

function product(a: number, b: number): 1 | 2 | 4 {
  return Math.min(4, a * b) as 1 | 2 | 4;
}

/** How the values of a body change over four turns of a loop, the first of which is one whose number is a multiple of four. */
export class Lanes {
  readonly #vars = new Map<number, Known>();
  readonly #known = new Map<number, Known>();

  /**
   * @param v The loop's index.
   * @param outside What names values that are the same in all turns, in order: it tells what they are multiples of.
   * @param body The loop's body.
   */
  constructor(readonly v: Var, outside: readonly Stmt[], body: readonly Stmt[]) {
    forEachStmt(outside, (stmt) => {
      if (stmt.kind === "let") this.#vars.set(stmt.v.id, this.#of(stmt.value));
    });
    this.#known.clear();
    this.#vars.set(v.id, { stride: 1, divisor: 4 });
    forEachStmt(body, (stmt) => {
      if (stmt.kind === "let") this.#vars.set(stmt.v.id, this.#of(stmt.value));
      // Each turn has accumulators of its own.
      else if (stmt.kind === "accumulator") this.#vars.set(stmt.v.id, unknown);
      else if (stmt.kind === "argAccumulator") {
        this.#vars.set(stmt.value.id, unknown);
        this.#vars.set(stmt.at.id, unknown);
      }
    });
  }

  /** Whether a value differs from turn to turn, as far as is known. */
  varies(expr: Expr): boolean {
    return this.#of(expr).stride !== 0;
  }

  /** What each turn adds to an index, or `null`. */
  stride(index: Expr): number | null {
    return this.#of(index).stride;
  }

  /** Whether four elements from an index on, one for each turn, are a vector of an array of such. */
  isAligned(index: Expr): boolean {
    const { stride, divisor } = this.#of(index);
    return stride === 1 && divisor === 4;
  }

  #of(expr: Expr): Known {
    let known = this.#known.get(expr.id);
    if (known === undefined) this.#known.set(expr.id, known = this.#work(expr));
    return known;
  }

  #work(expr: Expr): Known {
    switch (expr.kind) {
      case "var":
        return this.#vars.get(expr.id) ?? { stride: 0, divisor: 1 };
      case "const":
        return {
          stride: 0,
          divisor: typeof expr.value === "number" ? powerIn(expr.value) : 1,
        };
      case "binary": {
        if (expr.dtype !== "int32") break;
        const [x, y] = [this.#of(expr.x), this.#of(expr.y)];
        if (x.stride === null || y.stride === null) break;
        if (expr.op === "add" || expr.op === "sub") {
          return {
            stride: expr.op === "add" ? x.stride + y.stride : x.stride - y.stride,
            divisor: Math.min(x.divisor, y.divisor) as 1 | 2 | 4,
          };
        }
        if (expr.op === "mul") {
          const divisor = product(x.divisor, y.divisor);
          if (x.stride === 0 && y.stride === 0) return { stride: 0, divisor };
          const [factor, other] = expr.x.kind === "const" ? [expr.x, y] : [expr.y, x];
          if (factor.kind === "const") {
            return { stride: other.stride! * Number(factor.value), divisor };
          }
        }
        break;
      }
      default:
        break;
    }
    let varies = false;
    forEachOperand(expr, (operand) => varies ||= this.varies(operand));
    return varies ? unknown : { stride: 0, divisor: 1 };
  }
}

/** What a loop's body accesses, told apart by how it lies over four turns. */
export interface LaneAccesses {
  /** Buffers that are accessed by whole vectors, and nowhere written otherwise. */
  readonly vectors: ReadonlySet<number>;
  /** Whether every store is of a whole vector. */
  readonly storesWhole: boolean;
  /** Whether anything lies side by side. */
  readonly isDense: boolean;
}

/** Whether every value of a body that changes with the loop can be four values at once at no loss. */
export function canBeFour(lanes: Lanes, body: readonly Stmt[]): boolean {
  let can = true;
  const seen = new Set<number>();
  const visit = (expr: Expr): void => {
    if (seen.has(expr.id) || !can) return;
    seen.add(expr.id);
    if (lanes.varies(expr)) {
      if (wgslType(expr.dtype) === "vec2<u32>") can = false;
      if ((expr.kind === "unary" || expr.kind === "binary") && !hasFour(expr.op, expr.x.dtype)) {
        can = false;
      }
    }
    forEachOperand(expr, visit);
  };
  forEachStmt(body, (stmt) => {
    exprsOf(stmt).forEach(visit);
    // Also where it is the same in all four turns.
    if (stmt.kind === "accumulator" || stmt.kind === "accumulate") {
      can &&= wgslType(stmt.v.dtype) !== "vec2<u32>";
    } else if (stmt.kind !== "for" && stmt.kind !== "let") {
      can &&= wgslType(stmt.value.dtype) !== "vec2<u32>";
    }
  });
  return can;
}

/** How a body's accesses lie over four turns.
 *
 * @param canonical The buffer that shares memory with this one and stands for both.
 */
export function laneAccesses(
  lanes: Lanes,
  body: readonly Stmt[],
  canonical: (buffer: number) => number,
): LaneAccesses {
  const vectors = new Set<number>();
  const not = new Set<number>();
  let storesWhole = true;
  let isDense = false;
  const seen = new Set<number>();
  const visit = (expr: Expr): void => {
    if (seen.has(expr.id)) return;
    seen.add(expr.id);
    if (expr.kind === "load") {
      if (lanes.isAligned(expr.index)) vectors.add(canonical(expr.buffer));
      isDense ||= lanes.stride(expr.index) === 1;
    }
    forEachOperand(expr, visit);
  };
  forEachStmt(body, (stmt) => {
    exprsOf(stmt).forEach(visit);
    if (stmt.kind !== "store") return;
    isDense ||= lanes.stride(stmt.index) === 1;
    const whole = lanes.isAligned(stmt.index) &&
      (stmt.guard === undefined || !lanes.varies(stmt.guard));
    (whole ? vectors : not).add(canonical(stmt.buffer));
    storesWhole &&= whole;
  });
  for (const buffer of not) vectors.delete(buffer);
  return { vectors, storesWhole, isDense };
}

/** Which loops of a grid's point run four turns at a time. */
export interface LanePlan {
  /** Where it is the innermost loop of the grid: each invocation has four points. */
  readonly grid: Lanes | null;
  /** Loops within a point; what does not fill four turns at their end runs by itself. */
  readonly inner: ReadonlyMap<For, Lanes>;
  /** Buffers that are arrays of vectors. */
  readonly vectors: ReadonlySet<number>;
}

/** A grid's innermost loop of fewer turns is left as it is. */
const fewTurns = 8;

/** Plans a grid.
 *
 * @param canonical The buffer that shares memory with this one and stands for both.
 */
export function planLanes(grid: GridNest, canonical: (buffer: number) => number): LanePlan {
  const { loops, lets, body, atomics } = grid;
  const vectors = new Set<number>();
  const stored = new Set<number>([...atomics].map(canonical));
  const inner = new Map<For, Lanes>();
  const last = loops.at(-1);
  if (grid.mode === "threads" && last?.mode === "vector" && last.extent >= fewTurns) {
    const all = [...lets, ...body];
    const lanes = new Lanes(last.v, [], all);
    const access = laneAccesses(lanes, all, canonical);
    // Beyond the end of a single loop, a last vector goes on in memory that is there for it.
    const fits = last.extent % 4 === 0 || (loops.length === 1 && access.storesWhole);
    if (fits && access.isDense && atomics.size === 0 && canBeFour(lanes, all)) {
      return { grid: lanes, inner, vectors: access.vectors };
    }
  }
  const visit = (stmts: readonly Stmt[], outside: readonly Stmt[]): void => {
    let known = outside;
    for (const stmt of stmts) {
      if (stmt.kind === "let") known = [...known, stmt];
      if (stmt.kind === "store") stored.add(canonical(stmt.buffer));
      if (stmt.kind !== "for") continue;
      const found = fourTurns(stmt, known, canonical);
      if (found === null) {
        visit(stmt.body, known);
        continue;
      }
      inner.set(stmt, found.lanes);
      found.access.vectors.forEach((buffer) => vectors.add(buffer));
      const { stores } = accessesOf(stmt.body);
      stores.forEach((buffer) => {
        const id = canonical(buffer);
        if (stmt.extent % 4 !== 0 || !found.access.vectors.has(id)) stored.add(id);
      });
    }
  };
  visit(body, lets);
  // What is also written element by element is an array of elements.
  return { grid: null, inner, vectors: new Set([...vectors].filter((b) => !stored.has(b))) };
}

/** A loop as four turns at a time, where that is worth while. */
function fourTurns(
  loop: For,
  outside: readonly Stmt[],
  canonical: (buffer: number) => number,
): { lanes: Lanes; access: LaneAccesses } | null {
  if (loop.mode !== "vector" || loop.extent < 4) return null;
  if (loop.body.some((stmt) => stmt.kind === "for")) return null;
  if (accessesOf(loop.body).combines.size > 0) return null;
  const lanes = new Lanes(loop.v, outside, loop.body);
  const access = laneAccesses(lanes, loop.body, canonical);
  return access.isDense && canBeFour(lanes, loop.body) ? { lanes, access } : null;
}
