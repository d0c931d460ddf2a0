/**
 * Loops that write places in order, the last turn's value to stay, as several nests whose turns need no order.
 *
 * Every turn claims the places that it writes by its number, and the largest claim has it: two nests that put claims down, and one in
 * which each turn writes what it has.
 *
 * @module
 */
import { binary, type Expr, index, load, makeVar, select } from "../../loopnest/expr.ts";
import type { For, Nest, Stmt, Store } from "../../loopnest/ir.ts";
import { gridOf, mostTurns, turnsOf } from "./grid.ts";
import { writesApart } from "./indices.ts";
import { accessesOf, perfectLoops } from "./rewrite.ts";
import type { NewBuffer, SpreadNest } from "./spread.ts";
import type { AdapterTraits } from "./traits.ts";

/** A loop that is known to be one space of turns, each of which writes one place. */
interface Writer {
  readonly loops: readonly For[];
  readonly lets: readonly Stmt[];
  readonly store: Store;
}

/** What a statement writes in order, if that is all it does. */
function writerOf(stmt: Stmt): Writer | null {
  if (stmt.kind !== "for" || writesApart(stmt)) return null;
  const { loops, body } = perfectLoops(stmt);
  const lets = body.slice(0, -1);
  const store = body.at(-1)!;
  if (store.kind !== "store" || store.combine !== undefined) return null;
  if (lets.some((s) => s.kind !== "let") || accessesOf(body).loads.has(store.buffer)) return null;
  // What is said to be independent writes no place twice, though that is not to be seen.
  return loops.every((loop) => loop.mode === "serial") ? { loops, lets, store } : null;
}

/** A nest, or those that do the same where it writes in order.
 *
 * @param newBuffer Makes buffers between the nests.
 */
export function unordered(
  nest: Nest,
  newBuffer: NewBuffer,
  sizeOf: (buffer: number) => { readonly size: number },
): Nest[] {
  const writers = nest.body.map(writerOf);
  const alone = nest.body.every((stmt) => stmt.kind === "for");
  if (!alone || writers.every((writer) => writer === null)) return [nest];
  return nest.body.flatMap((stmt, i): Nest[] => {
    const writer = writers[i];
    if (writer === null) return [{ ...nest, body: [stmt] }];
    const bodies = claimed(writer, newBuffer("int32", sizeOf(writer.store.buffer).size));
    return bodies.map((body) => ({ ...nest, body: [body] }));
  });
}

/** The loops once to forget claims, once to claim, and once to write. */
function claimed({ loops, lets, store }: Writer, claims: number): For[] {
  const turn = loops.reduce<Expr>(
    (at, { v, extent }) => binary("add", binary("mul", at, index(extent)), v),
    index(0),
  );
  // Where nothing is stored the place need not exist.
  const at = store.guard === undefined ? store.index : select(store.guard, store.index, index(0));
  const mine = binary("eq", load(claims, "int32", at), turn);
  const guard = store.guard === undefined ? mine : binary("and", store.guard, mine);
  const around = (inner: Store, mode: For["mode"]): For =>
    [...loops].reverse().reduce<readonly Stmt[]>(
      (body, loop) => [{ ...loop, mode, body }],
      [...lets, inner],
    )[0] as For;
  return [
    around({ ...store, buffer: claims, value: index(-1) }, "parallel"),
    around({ ...store, buffer: claims, value: turn, combine: "max" }, "serial"),
    around({ ...store, guard }, "parallel"),
  ];
}

/** A nest whose turns must follow each other, as several that an invocation gets through; see `mostTurns`. */
export function inStretches(spread: SpreadNest, traits: AdapterTraits): SpreadNest[] {
  const { nest, local } = spread;
  const { mode, loops, lets, body } = gridOf(nest, traits);
  const splits = mode === "threads" && local.size === 0 &&
    body.every(({ kind }) => kind === "for" || kind === "store");
  if (turnsOf(body) <= mostTurns || !splits) return [spread];
  return body.flatMap(stretchesOf).map((part) => {
    const inner: readonly Stmt[] = [...lets, part];
    const whole = [...loops].reverse().reduce((rest, l) => [{ ...l, body: rest }], inner);
    return { nest: { ...nest, body: whole }, local };
  });
}

/** A loop as several of fewer turns. */
function stretchesOf(stmt: Stmt): Stmt[] {
  if (stmt.kind !== "for") return [stmt];
  const { v, extent } = stmt;
  const each = Math.max(1, Math.floor(mostTurns / (1 + turnsOf(stmt.body))));
  return Array.from({ length: Math.ceil(extent / each) }, (_, k): For => {
    const turn = makeVar(v.name, v.dtype);
    const known: Stmt = { kind: "let", v, value: binary("add", turn, index(k * each)) };
    const count = Math.min(each, extent - k * each);
    return { ...stmt, v: turn, extent: count, body: [known, ...stmt.body] };
  });
}
