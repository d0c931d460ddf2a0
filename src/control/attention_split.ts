/**
 * How attention is split over a mesh: along its batch axes, examples and heads, each of which is attended to by itself.
 *
 * @module
 */
import type { ShapedArray } from "../core/aval.ts";
import { type PartitionRule, splitAs } from "../core/partition.ts";
import { type MaybeSplit, mergeSplits, type SplitRule, takeAxes } from "../core/split.ts";
import type { AttentionParams } from "./attention_forms.ts";

type Axes = readonly (number | null)[];

/** Which batch axis each axis of the operands and results is; `null` for sequences, vectors, and what is shared along a batch axis. */
interface Roles {
  readonly batch: readonly number[];
  readonly ins: readonly Axes[];
  readonly outs: readonly Axes[];
}

/**
 * Roles of the axes.
 *
 * @param isBackward Whether operands are followed by results and a cotangent, and results are the cotangents of queries, keys and values.
 */
function rolesOf(
  ins: readonly ShapedArray[],
  outs: readonly ShapedArray[],
  p: AttentionParams,
  isBackward: boolean,
): Roles {
  const rank = p.query.length - 2;
  const batch = p.query.slice(0, rank).map((axis) => ins[0].shape[axis]);
  const others = 3 + Number(p.hasBias) + Number(p.hasMask);
  const inOrder = (order: readonly number[]) => ({ shape }: ShapedArray): Axes =>
    shape.map((n, axis) => {
      const at = order.indexOf(axis);
      return at < order.length - 2 && n === batch[at] ? at : null;
    });
  const query = inOrder(p.query);
  const first: Axes[] = ins.slice(0, others).map((x, i) =>
    i === 0
      ? query(x)
      : i < 3
      ? inOrder(i === 1 ? p.key : p.value)(x)
      : inOrder(x.shape.map((_, axis) => axis))(x)
  );
  const statistics: Axes = [...batch.keys(), null, null];
  if (!isBackward) return { batch, ins: first, outs: [query(outs[0]), statistics] };
  // What is shared by several examples gets cotangents from all of them.
  const isOwn = (at: number) => first[1].includes(at) && first[2].includes(at);
  const own = (axes: Axes): Axes => axes.map((at) => at !== null && isOwn(at) ? at : null);
  const all = [...first, query(ins[others]), statistics, query(ins[others + 2])];
  return { batch, ins: all.map(own), outs: first.slice(0, 3).map(own) };
}

/** How the results of attention, or of its gradient, are split: along batch axes, as the first operand that is. */
export function attentionSplit(isBackward: boolean): SplitRule<AttentionParams> {
  return (operands, ins, outs, p) => {
    const { batch, ...axes } = rolesOf(ins, outs, p, isBackward);
    const along = (split: MaybeSplit, i: number) => {
      const from = batch.map((_, at) => axes.ins[i].indexOf(at));
      return takeAxes(split, from.map((axis) => axis < 0 ? null : axis), batch);
    };
    const merged = mergeSplits(operands.map(along), batch);
    return outs.map(({ shape }, i) => splitAs(merged, axes.outs[i], shape));
  };
}

/** What each device computes of attention, or of its gradient: its examples and heads. */
export function partitionAttention(isBackward: boolean): PartitionRule<AttentionParams> {
  return ({ ins, outs, wanted: [wanted], params }) => {
    const { batch, ...axes } = rolesOf(ins, outs, params, isBackward);
    const from = batch.map((_, at) => axes.outs[0].indexOf(at));
    const merged = takeAxes(wanted, from.map((axis) => axis < 0 ? null : axis), batch);
    return {
      operands: ins.map(({ shape }, i) => splitAs(merged, axes.ins[i], shape)),
      outs: outs.map(({ shape }, i) => splitAs(merged, axes.outs[i], shape)),
    };
  };
}
