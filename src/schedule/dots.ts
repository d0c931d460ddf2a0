/**
 * Contractions: finding operands as strided views of memory, so that transposes, slices, broadcasts and
 * reshapes before a matrix product cost nothing.
 *
 * @module
 */
import { sizeOf } from "../core/aval.ts";
import type { DotSpec } from "../core/lowering.ts";
import type { Fusion } from "./fuse.ts";
import { type Graph, isStorage, type Value } from "./graph.ts";
import { DotNode, type StridedOperand } from "./nodes.ts";
import type { Term } from "./term.ts";

/** Makes the step for a dot and tells its operands that they are needed. */
export function makeDot(v: Value, fusion: Fusion): DotNode {
  const spec = (v.lowered as { spec: DotSpec }).spec;
  const [x, y] = [v.operands[spec.lhs], v.operands[spec.rhs]];
  const lhsFree = freeAxes(x, spec.lhsBatch, spec.lhsContract);
  const rhsFree = freeAxes(y, spec.rhsBatch, spec.rhsContract);
  const [lhs, layLhs] = findOperand(x, [spec.lhsBatch, lhsFree, spec.lhsContract], fusion.graph);
  const [rhs, layRhs] = findOperand(y, [spec.rhsBatch, rhsFree, spec.rhsContract], fusion.graph);
  const size = (of: Value, axes: readonly number[]) => sizeOf(axes.map((k) => of.shape[k]));
  const node = new DotNode(v, lhs, rhs, {
    batch: size(x, spec.lhsBatch),
    m: size(x, lhsFree),
    n: size(y, rhsFree),
    k: size(x, spec.lhsContract),
  });
  fusion.need(lhs.value, node);
  fusion.need(rhs.value, node);
  for (const copy of [layLhs, layRhs]) if (copy !== null) fusion.decideLate(copy);
  return node;
}

function freeAxes(v: Value, batch: readonly number[], contract: readonly number[]): number[] {
  return v.shape.map((_, k) => k).filter((k) => !batch.includes(k) && !contract.includes(k));
}

type Classes = readonly [
  batch: readonly number[],
  free: readonly number[],
  contract: readonly number[],
];

/** The operand as a strided view, and the value to be laid out for it where no memory will do as it is. */
function findOperand(
  v: Value,
  classes: Classes,
  graph: Graph,
): readonly [StridedOperand, Value | null] {
  const view = viewThroughMoves(v, classes, graph) ?? viewOf(v, v.strides, classes, v.root, 0);
  if (view !== null) return [view, null];
  const order = classes.flat();
  const laid = graph.permuted(v, order);
  let next = 0;
  const inOrder = classes.map((axes) => axes.map(() => next++)) as unknown as Classes;
  return [viewOf(laid, laid.strides, inOrder, laid, 0)!, laid];
}

/** Follows moved data to what it is moved from, while the place of an element stays a sum of strides. */
function viewThroughMoves(v: Value, classes: Classes, graph: Graph): StridedOperand | null {
  const { terms } = graph;
  const axes = v.shape.map((n) => n === 1 ? terms.zero : terms.loopVar(n, 0));
  let tuple: readonly Term[] = axes;
  let origin = v;
  const reader = graph.reader;
  graph.reader = (x, at) => {
    origin = x;
    tuple = at.map((e) => terms.termOf(e));
    return x.term === null
      ? terms.exprOf(terms.load(x, x.aval.dtype, terms.zero))
      : terms.exprOf(x.term);
  };
  let position = terms.linear(tuple, v.strides);
  while (!isStorage(origin.kind) && origin.kind !== "literal") {
    const l = origin.lowered;
    if (l?.kind === "alias") {
      origin = origin.operands[l.operand];
      if (isStorage(origin.kind)) break; // the position is the same
      tuple = terms.delinearise(position, origin.shape, origin.strides);
    } else if (origin.movement && l?.kind === "map") {
      const before = origin;
      l.at(tuple.map((t) => terms.exprOf(t)));
      if (origin === before) break; // a literal
      position = terms.linear(tuple, origin.strides);
    } else break;
  }
  graph.reader = reader;
  if (origin.kind === "literal") return null;
  const [atoms, coeffs, offset] = position.kind === "affine"
    ? [position.args, position.coeffs, position.value as number]
    : position.kind === "const"
    ? [[], [], position.value as number]
    : [[position], [1], 0];
  if (atoms.some((t) => !axes.includes(t)) || coeffs.some((c) => c < 0)) return null;
  const strides = axes.map((t) => {
    const k = atoms.indexOf(t);
    return k < 0 ? 0 : coeffs[k];
  });
  return viewOf(v, strides, classes, origin.root, offset);
}

function viewOf(
  v: Value,
  strides: readonly number[],
  classes: Classes,
  value: Value,
  offset: number,
): StridedOperand | null {
  const [batchStride, freeStride, contractStride] = classes.map((axes) =>
    collapse(v, strides, axes)
  );
  if (batchStride === null || freeStride === null || contractStride === null) return null;
  return { value, offset, batchStride, freeStride, contractStride };
}

/** The one stride that spans `axes` in order, or `null`. */
function collapse(v: Value, strides: readonly number[], axes: readonly number[]): number | null {
  let [stride, extent] = [0, 1];
  for (let k = axes.length - 1; k >= 0; k--) {
    const n = v.shape[axes[k]];
    if (n === 1) continue;
    if (extent === 1) stride = strides[axes[k]];
    else if (strides[axes[k]] !== stride * extent) return null;
    extent *= n;
  }
  return stride;
}
