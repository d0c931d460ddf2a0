/**
 * Moved data: what it is moved from, and where its elements lie there.
 *
 * @module
 */
import type { Graph, Value, ValueKind } from "./graph.ts";
import type { Term } from "./term.ts";

/** Whether a value of this kind is memory in any case. */
export function isStorage(kind: ValueKind): boolean {
  return kind === "input" || kind === "dot" || kind === "kernel" || kind === "update" ||
    kind === "pieces";
}

/** Where moved data lies. */
export interface MovedPlace {
  /** What it is moved from; itself where it is not moved. */
  readonly origin: Value;
  /** How far apart neighbours along each axis are there, in elements; `null` where an element's place is no sum of that. */
  readonly strides: readonly number[] | null;
  /** The place of the first element. */
  readonly offset: number;
}

/** Follows moved data to what it is moved from. */
export function placeThroughMoves(v: Value, graph: Graph): MovedPlace {
  const { terms } = graph;
  const axes = v.shape.map((n) => n === 1 ? terms.zero : terms.loopVar(n, 0));
  let tuple: readonly Term[] = axes;
  let origin = v;
  const reader = graph.reader;
  graph.reader = (x, at) => {
    origin = x;
    tuple = at.map((e) => terms.termOf(e));
    const element = terms.load(x, x.aval.dtype, terms.zero);
    return terms.exprOf(x.term ?? element);
  };
  while (!isStorage(origin.kind)) {
    const l = origin.lowered;
    if (l?.kind === "alias") {
      const position = terms.linear(tuple, origin.strides);
      origin = origin.operands[l.operand];
      tuple = terms.delinearise(position, origin.shape, origin.strides);
    } else if (origin.movement && l?.kind === "map") {
      l.at(tuple.map((t) => terms.exprOf(t)));
    } else break;
  }
  graph.reader = reader;
  if (origin.kind === "literal") return { origin, strides: null, offset: 0 };
  const position = terms.linear(tuple, origin.strides);
  const isSum = position.kind === "affine" || position.kind === "const";
  const offset = isSum ? position.value as number : 0;
  return { origin, strides: stridesIn(position, axes), offset };
}

/** The factor of each axis in a position that is a sum of them, or `null`. */
function stridesIn(position: Term, axes: readonly Term[]): number[] | null {
  const [atoms, coeffs] = position.kind === "affine"
    ? [position.args, position.coeffs]
    : position.kind === "const"
    ? [[], []]
    : [[position], [1]];
  if (atoms.some((t) => !axes.includes(t)) || coeffs.some((c) => c < 0)) return null;
  return axes.map((t) => coeffs[atoms.indexOf(t)] ?? 0);
}
