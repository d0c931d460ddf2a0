/**
 * What is known of the places that a loop writes.
 *
 * @module
 */
import type { Expr } from "../../loopnest/expr.ts";
import type { For, Stmt } from "../../loopnest/ir.ts";
import { forEachExpr, forEachStmt } from "./rewrite.ts";

/** The loops of a statement, itself included. */
function loopsIn(loop: For): For[] {
  const loops = [loop];
  forEachStmt(loop.body, (stmt) => stmt.kind === "for" && loops.push(stmt));
  return loops;
}

/**
 * By how much an index grows with each of some variables; `null` where it is not known to be a sum of their multiples.
 *
 * @param names What variables stand for.
 */
function stridesOf(
  expr: Expr,
  extents: ReadonlyMap<number, number>,
  names: ReadonlyMap<number, Expr>,
  isFixed: (expr: Expr) => boolean,
): Map<number, number> | null {
  if (expr.kind === "var") {
    const value = names.get(expr.id);
    if (value !== undefined) return stridesOf(value, extents, names, isFixed);
    return new Map(extents.has(expr.id) ? [[expr.id, 1]] : []);
  }
  if (isFixed(expr)) return new Map();
  if (expr.kind !== "binary") return null;
  const [x, y] = [expr.x, expr.y].map((e) => stridesOf(e, extents, names, isFixed));
  if (x === null || y === null) return null;
  switch (expr.op) {
    case "add":
    case "sub": {
      const sign = expr.op === "add" ? 1 : -1;
      y.forEach((stride, v) => x.set(v, (x.get(v) ?? 0) + sign * stride));
      return x;
    }
    case "mul": {
      const [scaled, by] = expr.x.kind === "const" ? [y, expr.x] : [x, expr.y];
      if (by.kind !== "const") return null;
      scaled.forEach((stride, v) => scaled.set(v, stride * Number(by.value)));
      return scaled;
    }
    default:
      return null;
  }
}

/** Whether no two turns of a loop, and of those within it, write the same place without adding to it. */
export function writesApart(loop: For): boolean {
  const loops = loopsIn(loop);
  const extents = new Map(loops.map(({ v, extent }) => [v.id, extent]));
  const names = new Map<number, Expr>();
  const changing = new Set(extents.keys());
  const writes: Expr[] = [];
  const note = (stmt: Stmt): void => {
    if (stmt.kind === "let") names.set(stmt.v.id, stmt.value);
    else if (stmt.kind === "accumulator") changing.add(stmt.v.id);
    else if (stmt.kind === "argAccumulator") changing.add(stmt.value.id).add(stmt.at.id);
    else if (stmt.kind === "store" && stmt.combine === undefined) writes.push(stmt.index);
  };
  forEachStmt(loop.body, note);
  const isFixed = (expr: Expr): boolean => {
    let fixed = true;
    forEachExpr([{ kind: "let", v: loop.v, value: expr }], (e) => {
      if (e.kind !== "var") return;
      const value = names.get(e.id);
      fixed &&= !changing.has(e.id) && (value === undefined || isFixed(value));
    });
    return fixed;
  };
  return writes.every((index) => {
    const strides = stridesOf(index, extents, names, isFixed);
    if (strides === null) return false;
    // Each variable takes steps beyond all that those of smaller steps can reach.
    const steps = loops.map(({ v, extent }) => ({ step: Math.abs(strides.get(v.id) ?? 0), extent }))
      .filter(({ extent }) => extent > 1).sort((a, b) => a.step - b.step);
    let reach = 0;
    return steps.every(({ step, extent }) => {
      const apart = step > reach;
      reach += step * (extent - 1);
      return apart;
    });
  });
}
