/**
 * Scatters that threads share, each by the rows that it owns.
 *
 * A scatter goes through its updates in order, because several may meet in one place. Who owns a range of rows may go through all of
 * them and leave out those that go elsewhere:
 *
 * ```text
 * for i < n                        for c < owners parallel
 *   let row = indices[i]             for i < n
 *   for j < columns          ⇒         let row = indices[i]
 *     x[row, j] += u[i, j]             for j < columns
 *                                        x[row, j] += u[i, j]   if c · share ≤ row < (c + 1) · share
 * ```
 *
 * Each place sees the same updates in the same order, hence the bits are the same for any number of owners and threads. What it costs is that
 * every owner looks at every index, so that rows must be worth much more than a look; and that it reads its updates here and there rather
 * than one after the other, which makes up for it only where rows come from main memory anyway.
 *
 * @module
 */
import { dtypeInfo } from "../../core/dtype.ts";
import { type Expr, forEachOperand, type Var } from "../../loopnest/expr.ts";
import { type Interval, intervalOf } from "../../loopnest/interval.ts";
import type { BufferDecl, For, Nest, Stmt, Store } from "../../loopnest/ir.ts";
import type { Planned } from "./plan.ts";

/** Fewer owners than this are too few for threads to share evenly. */
const fewestOwners = 4;
/** Owners are so many for each thread, because some get more updates than others. */
const ownersPerThread = 2;
/**
 * Arrays of fewer bytes stay in caches, and updates in order then come as fast as memory gives them: 8192 rows of 384 into 1000 took
 * two owners' threads 1.3 times as long as one that goes through all in order, into 30,000 they took 0.7 times as long (the best of 130 calls).
 */
const leastBytes = 1 << 23;
/** Instructions, about, in whose time a processor goes on where it has foreseen a branch wrongly, as it often does at an index. */
const branchCost = 12;

/** A nest shared by owners: the loop over them is outermost. */
export interface Owners {
  readonly nest: Nest;
  /** What counts them. */
  readonly owner: Var;
  readonly count: number;
}

/** Instructions, about, that an owner executes to see which updates are its own. */
export function lookCost(body: readonly Planned[]): number {
  let cost = 0;
  for (const loop of body) {
    if (loop.kind !== "for" || loop.independent) continue;
    const inside = loop.body.reduce((sum, stmt) => stmt.kind === "for" ? sum + stmt.cost : sum, 0);
    cost += loop.extent * (loop.bodyCost - inside + branchCost + lookCost(loop.body));
  }
  return cost;
}

/**
 * The nest with a loop over owners of rows outside; `null` where it is no scatter of rows, or might need its order between rows.
 *
 * @param memoryOf Maps buffers that share memory to one number.
 * @param threads How many there are to share it.
 * @param least The fewest bytes of what is written.
 */
export function byOwners(
  nest: Nest,
  buffers: readonly BufferDecl[],
  memoryOf: (buffer: number) => number,
  threads: number,
  least: number = leastBytes,
): Owners | null {
  const outer = nest.body.at(-1);
  const names = nest.body.slice(0, -1);
  if (outer?.kind !== "for" || outer.mode !== "serial") return null;
  const scatter = new Scatter();
  if (
    !names.every((stmt) => stmt.kind === "let") || !scatter.read(nest.body) ||
    scatter.stores.length === 0
  ) return null;
  const [first] = scatter.stores;
  const { size, dtype } = buffers[first.buffer]!;
  if (size * dtypeInfo(dtype).bytes < least) return null;
  if (scatter.touches(memoryOf, memoryOf(first.buffer))) return null;
  const layouts = scatter.stores.map(({ index }) => scatter.rowOf(index));
  const row = layouts[0];
  const isOne = layouts.every((layout) =>
    layout !== null && layout.row.id === row!.row.id && layout.stride === row!.stride
  );
  if (!isOne || row === null) return null;
  const rows = Math.ceil(size / row.stride);
  const count = Math.min(rows, Math.max(fewestOwners, ownersPerThread * threads));
  if (count < fewestOwners) return null;
  const owned = guarded(outer, row.row, count, Math.ceil(rows / count));
  return {
    nest: { ...nest, body: [...names, owned] },
    owner: owned.v,
    count,
  };
}

/** Where an element goes: `index = stride · row + rest` with `0 ≤ rest < stride`, so that the index tells the row. */
interface RowLayout {
  readonly row: Expr;
  readonly stride: number;
}

/** What a nest of updates in order is made of. Names and expressions go by their numbers. */
class Scatter {
  readonly stores: Store[] = [];
  readonly #values = new Map<number, Expr>();
  readonly #loops = new Map<number, For>();
  readonly #sameForUpdate = new Map<number, boolean>();
  readonly #ranges = new Map<number, Interval | null>();

  /** Reads statements; false where there are others than loops, names and stores. */
  read(body: readonly Stmt[]): boolean {
    return body.every((stmt) => {
      if (stmt.kind === "let") this.#values.set(stmt.v.id, stmt.value);
      else if (stmt.kind === "store") this.stores.push(stmt);
      else if (stmt.kind === "for") this.#loops.set(stmt.v.id, stmt);
      else return false;
      return stmt.kind !== "for" || this.read(stmt.body);
    });
  }

  /** Whether a place in memory is read, or another written. */
  touches(memoryOf: (buffer: number) => number, place: number): boolean {
    const seen = new Set<number>();
    const reads = (expr: Expr): boolean => {
      if (seen.has(expr.id)) return false;
      seen.add(expr.id);
      let found = expr.kind === "load" && memoryOf(expr.buffer) === place;
      forEachOperand(expr, (operand) => found ||= reads(operand));
      return found;
    };
    const parts = this.stores.flatMap(({ index, value, guard }) =>
      guard === undefined ? [index, value] : [index, value, guard]
    );
    return this.stores.some(({ buffer }) => memoryOf(buffer) !== place) ||
      [...parts, ...this.#values.values()].some(reads);
  }

  /** The row that an index goes to: of its terms, the one of the largest multiple, if it is the same for a whole update. */
  rowOf(index: Expr): RowLayout | null {
    const terms = new Map<number, { readonly term: Expr; times: number }>();
    let offset = 0;
    this.#addTerms(index, 1, terms, (x) => offset += x);
    const sorted = [...terms.values()].sort((x, y) => y.times - x.times);
    const [row, ...others] = sorted;
    if (row === undefined || row.times < 1 || !this.#isOfUpdate(row.term)) return null;
    let [low, high] = [offset, offset];
    for (const { term, times } of others) {
      const range = this.#rangeOf(term);
      if (times < 0 || range === null) return null;
      low += times * range.low;
      high += times * range.high;
    }
    return low >= 0 && high < row.times ? { row: row.term, stride: row.times } : null;
  }

  /** Adds `scale · expr` to a sum of multiples of expressions. */
  #addTerms(
    expr: Expr,
    scale: number,
    terms: Map<number, { readonly term: Expr; times: number }>,
    constant: (x: number) => void,
  ): void {
    const named = this.#values.get(expr.id);
    if (named !== undefined) return this.#addTerms(named, scale, terms, constant);
    if (expr.kind === "const") return constant(scale * Number(expr.value));
    if (expr.kind === "binary") {
      const { op, x, y } = expr;
      if (op === "add" || op === "sub") {
        this.#addTerms(x, scale, terms, constant);
        return this.#addTerms(y, op === "add" ? scale : -scale, terms, constant);
      }
      if (op === "mul" && y.kind === "const") {
        return this.#addTerms(x, scale * Number(y.value), terms, constant);
      }
      if (op === "mul" && x.kind === "const") {
        return this.#addTerms(y, scale * Number(x.value), terms, constant);
      }
    }
    const known = terms.get(expr.id);
    if (known === undefined) terms.set(expr.id, { term: expr, times: scale });
    else known.times += scale;
  }

  /** Whether an expression is the same for all elements of an update. */
  #isOfUpdate(expr: Expr): boolean {
    let known = this.#sameForUpdate.get(expr.id);
    if (known === undefined) {
      known = this.#findIfOfUpdate(expr);
      this.#sameForUpdate.set(expr.id, known);
    }
    return known;
  }

  #findIfOfUpdate(expr: Expr): boolean {
    const named = this.#values.get(expr.id);
    if (named !== undefined) return this.#isOfUpdate(named);
    const loop = this.#loops.get(expr.id);
    if (loop !== undefined && loop.mode !== "serial") return false;
    let isSame = true;
    forEachOperand(expr, (operand) => isSame &&= this.#isOfUpdate(operand));
    return isSame;
  }

  /** Between which numbers an int32 expression lies. */
  #rangeOf(expr: Expr): Interval | null {
    let range = this.#ranges.get(expr.id);
    if (range === undefined) this.#ranges.set(expr.id, range = this.#findRange(expr));
    return range;
  }

  #findRange(expr: Expr): Interval | null {
    const named = this.#values.get(expr.id);
    if (named !== undefined) return this.#rangeOf(named);
    const loop = this.#loops.get(expr.id);
    if (loop !== undefined) return { low: 0, high: loop.extent - 1 };
    if (expr.dtype !== "int32") return null;
    if (expr.kind === "const") return { low: Number(expr.value), high: Number(expr.value) };
    const any = { low: -(2 ** 31), high: 2 ** 31 - 1 };
    if (expr.kind !== "binary") return any;
    const [x, y] = [this.#rangeOf(expr.x), this.#rangeOf(expr.y)];
    return x === null || y === null ? null : intervalOf(expr.op, x, y) ?? any;
  }
}

/** The loop with one over owners around it, who store only in their own rows. */
function guarded(outer: For, row: Expr, count: number, share: number): For {
  let id = 0; // a program's own expressions have numbers from 0 on
  const make = (op: "add" | "mul", x: Expr, y: Expr): Expr => {
    return { kind: "binary", id: --id, dtype: "int32", op, x, y };
  };
  const test = (op: "ge" | "lt" | "and", x: Expr, y: Expr): Expr => {
    return { kind: "binary", id: --id, dtype: "bool", op, x, y };
  };
  const number: Expr = { kind: "const", id: --id, dtype: "int32", value: share };
  const owner: Var = { kind: "var", id: --id, dtype: "int32", name: "c" };
  const first = make("mul", owner, number);
  const isOwn = test("and", test("ge", row, first), test("lt", row, make("add", first, number)));
  const guards = new Map<number, Expr>();
  const both = (guard: Expr): Expr => {
    const known = guards.get(guard.id) ?? test("and", isOwn, guard);
    guards.set(guard.id, known);
    return known;
  };
  const inside = (stmt: Stmt): Stmt => {
    if (stmt.kind === "for") return { ...stmt, body: stmt.body.map(inside) };
    if (stmt.kind !== "store") return stmt;
    return { ...stmt, guard: stmt.guard === undefined ? isOwn : both(stmt.guard) };
  };
  return { kind: "for", v: owner, extent: count, mode: "parallel", body: [inside(outer)] };
}
