/**
 * Updates under a condition: `where(mask, x.at(i).set(u), x)`, which is what `vmap` makes of an update in a loop that some examples have left, is an
 * update that leaves out what the mask refuses. It costs what it writes, not a pass over the array.
 *
 * @module
 */
import { type JaxprEqn, primitiveOf } from "../core/jaxpr.ts";
import { binary, type Expr, index as indexConst, unary } from "../loopnest/expr.ts";
import { selectNP } from "../ops/logic.ts";
import type { Graph, Value } from "./graph.ts";

/** Turns selections between an array and an update of it into updates. */
export function guardUpdates(graph: Graph, eqns: readonly JaxprEqn[]): void {
  for (const v of graph.values) {
    if (v.lowered?.kind !== "map" || v.eqn < 0) continue;
    const eqn = eqns[v.eqn];
    if (primitiveOf(eqn) !== selectNP || v.operands[0].aval.dtype !== "bool") continue;
    const [mask, whereFalse, whereTrue] = v.operands;
    guardUpdate(graph, v, mask, whereTrue, whereFalse, true) ||
      guardUpdate(graph, v, mask, whereFalse, whereTrue, false);
  }
}

/** `v` is `updated` where the mask is `wanted`, else `plain`. */
function guardUpdate(
  graph: Graph,
  v: Value,
  mask: Value,
  updated: Value,
  plain: Value,
  wanted: boolean,
): boolean {
  const l = updated.lowered;
  if (l?.kind !== "update" || updated.users > 1 || graph.outputs.includes(updated)) return false;
  if (updated.operands[l.operand].root !== plain.root || updated.hasEffect) return false;
  const allows = (at: readonly Expr[]): Expr => {
    // An index that the update itself refuses may lie outside, where the mask has no element.
    const inside = at.map((e, k) =>
      binary("min", binary("max", e, indexConst(0)), indexConst(v.shape[k] - 1))
    );
    const holds = mask.access(mask.shape.length === 0 ? [] : inside);
    return wanted ? holds : unary("not", holds);
  };
  v.kind = "update";
  v.lowered = {
    ...l,
    guard: (u) => {
      const own = allows(l.index(u));
      return l.guard === undefined ? own : binary("and", l.guard(u), own);
    },
  };
  v.operands = [...updated.operands, mask];
  v.reads = [];
  v.reductions = [];
  v.eager = [...updated.eager, ...v.eager];
  v.pointwise = false;
  // Nobody asks for the update by itself any more.
  updated.lowered = null;
  updated.kind = "map";
  updated.users = 0;
  plain.users--;
  return true;
}
