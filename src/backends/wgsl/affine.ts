/**
 * Nests as sets of points, and places that are sums of loops' indices by strides.
 *
 * @module
 */
import type { Expr } from "../../loopnest/expr.ts";
import type { For, Nest, Stmt } from "../../loopnest/ir.ts";

/** A nest's loops, one within the other, and all that stands between and within them. */
export function pointsOf(nest: Nest): { loops: For[]; body: readonly Stmt[] } {
  const loops: For[] = [];
  const lets: Stmt[] = [];
  let { body } = nest;
  for (;;) {
    const start = body.findIndex((stmt) => stmt.kind !== "let");
    const loop = body[start];
    if (loop?.kind !== "for" || start !== body.length - 1) {
      return { loops, body: [...lets, ...body] };
    }
    lets.push(...body.slice(0, start));
    loops.push(loop);
    body = loop.body;
  }
}

/** A sum of variables by strides, and a number. */
export interface Affine {
  /** By the variables' numbers. */
  readonly strides: ReadonlyMap<number, number>;
  readonly rest: number;
}

/** An index as a sum of variables by strides; `null` where it is something else. */
export function affineOf(expr: Expr): Affine | null {
  switch (expr.kind) {
    case "var":
      return { strides: new Map([[expr.id, 1]]), rest: 0 };
    case "const":
      return { strides: new Map(), rest: Number(expr.value) };
    case "binary": {
      const [x, y] = [affineOf(expr.x), affineOf(expr.y)];
      if (x === null || y === null) return null;
      if (expr.op === "add") {
        const strides = new Map(x.strides);
        y.strides.forEach((by, id) => strides.set(id, (strides.get(id) ?? 0) + by));
        return { strides, rest: x.rest + y.rest };
      }
      const [from, by] = expr.y.kind === "const" ? [x, y.rest] : [y, x.rest];
      if (expr.op !== "mul" || (expr.x.kind !== "const" && expr.y.kind !== "const")) return null;
      const strides = new Map([...from.strides].map(([id, stride]) => [id, stride * by]));
      return { strides, rest: from.rest * by };
    }
    default:
      return null;
  }
}

/** Whether no two points of loops lie at one place. */
export function areApart({ strides }: Affine, loops: readonly For[]): boolean {
  let size = 1;
  return inOrder(strides, loops).every(({ stride, extent }) => {
    const apart = stride >= size;
    size = stride * extent;
    return apart;
  });
}

/** Whether points of loops lie at all places below `size`, one at each. */
export function areAll({ strides, rest }: Affine, loops: readonly For[], size: number): boolean {
  let reached = 1;
  const dense = inOrder(strides, loops).every(({ stride, extent }) => {
    const next = stride === reached;
    reached *= extent;
    return next;
  });
  return dense && rest === 0 && reached === size;
}

/** The loops that turn more than once, by their strides. */
export function inOrder(
  strides: ReadonlyMap<number, number>,
  loops: readonly For[],
): { id: number; stride: number; extent: number }[] {
  return loops.filter((loop) => loop.extent > 1)
    .map(({ v, extent }) => ({ id: v.id, stride: strides.get(v.id) ?? 0, extent }))
    .sort((x, y) => x.stride - y.stride);
}
