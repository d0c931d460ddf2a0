/**
 * Contractions: finding operands as strided views of memory, so that transposes, slices, broadcasts and
 * reshapes before a matrix product cost nothing.
 *
 * @module
 */
import { sizeOf } from "../core/aval.ts";
import type { DotSpec } from "../core/lowering.ts";
import type { Fusion } from "./fuse.ts";
import type { Value } from "./graph.ts";
import { placeThroughMoves } from "./moves.ts";
import { DotNode, type StridedOperand } from "./nodes.ts";

/** Makes the step for a dot and tells its operands that they are needed. */
export function makeDot(v: Value, fusion: Fusion): DotNode {
  const spec = (v.lowered as { spec: DotSpec }).spec;
  const [x, y] = [v.operands[spec.lhs], v.operands[spec.rhs]];
  const lhsFree = freeAxes(x, spec.lhsBatch, spec.lhsContract);
  const rhsFree = freeAxes(y, spec.rhsBatch, spec.rhsContract);
  const lhs = findOperand(x, [spec.lhsBatch, lhsFree, spec.lhsContract], v, fusion);
  const rhs = findOperand(y, [spec.rhsBatch, rhsFree, spec.rhsContract], v, fusion);
  const size = (of: Value, axes: readonly number[]) => sizeOf(axes.map((k) => of.shape[k]));
  const node = new DotNode(v, lhs, rhs, {
    batch: size(x, spec.lhsBatch),
    m: size(x, lhsFree),
    n: size(y, rhsFree),
    k: size(x, spec.lhsContract),
  });
  for (const operand of [x, y]) fusion.barriers.wait(operand, node);
  fusion.need(lhs.value, node);
  fusion.need(rhs.value, node);
  for (const { value } of [lhs, rhs]) fusion.settleLayout(value, node);
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

/** The operand as a strided view, of a new layout where no memory will do as it is. */
function findOperand(v: Value, classes: Classes, dot: Value, fusion: Fusion): StridedOperand {
  const { origin, strides, offset } = placeThroughMoves(v, fusion.graph);
  if (strides !== null) {
    const view = viewOf(v, strides, classes, origin.root, offset);
    if (view !== null) return view;
  }
  if (v.isOutput || !v.movement) {
    const whole = viewOf(v, v.strides, classes, v.root, 0);
    if (whole !== null) return whole;
  }
  // Laid out anew, the axis that is contiguous where it comes from innermost again.
  const [batch, free, contract] = classes;
  const nearest = (axes: readonly number[]) =>
    Math.min(...axes.filter((k) => v.shape[k] > 1).map((k) => strides?.[k] ?? 1));
  const order = nearest(free) < nearest(contract)
    ? [batch, contract, free]
    : [batch, free, contract];
  const laid = fusion.layout(v, order.flat(), dot);
  const places = classes.map((axes) => axes.map((k) => order.flat().indexOf(k)));
  return viewOf(laid, laid.strides, places as unknown as Classes, laid, 0)!;
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
