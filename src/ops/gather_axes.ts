/**
 * Which axes of gathers and scatters come from where, and how the two are divided among the devices of a mesh.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import type { Shape } from "../core/aval.ts";
import {
  type LocalOperation,
  namesAlong,
  type PartitionRequest,
  partShape,
  splitAs,
  withWhole,
} from "../core/partition.ts";
import { makeSplit } from "../core/split.ts";
import { lit, literal } from "./common.ts";
import { eq, select } from "./logic.ts";
import type {
  GatherDimensionNumbers,
  GatherParams,
  ScatterDimensionNumbers,
  ScatterParams,
} from "./gather.ts";
import { broadcastInDim } from "./shape.ts";

/** The size of the written window along each operand axis. */
export function windowSizes(operand: Shape, updates: Shape, d: ScatterDimensionNumbers): Shape {
  let next = 0;
  return operand.map((_, axis) =>
    d.insertedWindowDims.includes(axis) || d.operandBatchingDims.includes(axis)
      ? 1
      : updates[d.updateWindowDims[next++]]
  );
}

/** How the axes of a gather's result come about: each from one of the operand that is taken whole or pairs with one of the indices, or from one of the indices. */
export function gatherAxes(
  x: Shape,
  outRank: number,
  d: GatherDimensionNumbers,
  sliceSizes: Shape,
): { readonly ofOperand: (number | null)[]; readonly ofIndices: (number | null)[] } {
  const sliced = x.map((_, i) => i).filter((i) =>
    !d.collapsedSliceDims.includes(i) && !d.operandBatchingDims.includes(i)
  );
  const all = Array.from({ length: outRank }, (_, i) => i);
  const batch = all.filter((i) => !d.offsetDims.includes(i));
  return {
    ofOperand: all.map((i) => {
      const paired = d.startIndicesBatchingDims.indexOf(batch.indexOf(i));
      if (paired >= 0) return d.operandBatchingDims[paired];
      const axis = sliced[d.offsetDims.indexOf(i)];
      return axis !== undefined && sliceSizes[axis] === x[axis] ? axis : null;
    }),
    ofIndices: all.map((i) => d.offsetDims.includes(i) ? null : batch.indexOf(i)),
  };
}

/** For each of so many axes the place that it has in a list, or `null`. */
function placesIn(list: readonly (number | null)[], count: number): (number | null)[] {
  return Array.from({ length: count }, (_, axis) => {
    const at = list.indexOf(axis);
    return at < 0 ? null : at;
  });
}

/** Axes that are taken whole, and those of the indices, lie as those of the result; along all others every place may be asked for. */
export function partitionGather(
  { ins: [x, indices], outs: [out], wanted: [wanted], params }: PartitionRequest<GatherParams>,
): LocalOperation<GatherParams> {
  const { dimensionNumbers, sliceSizes } = params;
  const rank = out.shape.length;
  const { ofOperand, ofIndices } = gatherAxes(x.shape, rank, dimensionNumbers, sliceSizes);
  const isKept = (i: number) => ofOperand[i] !== null || ofIndices[i] !== null;
  const split = withWhole(wanted, (i) => !isKept(i), out.shape);
  const own = splitAs(split, placesIn(ofOperand, x.shape.length), x.shape);
  const part = partShape(x.shape, own);
  return {
    operands: [own, splitAs(split, placesIn(ofIndices, indices.shape.length), indices.shape)],
    outs: [split],
    params: {
      ...params,
      sliceSizes: sliceSizes.map((n, axis) => n === x.shape[axis] ? part[axis] : n),
    },
  };
}

/**
 * Axes of the operand that windows cover lie as those of the result. Where the updates are split, each device adds its own to
 * zeros, the first to the operand: the terms of a sum.
 */
export function partitionScatterAdd(
  { mesh, ins: [x, indices, updates], operands, wanted: [wanted], params }: PartitionRequest<
    ScatterParams
  >,
  scatterAdd: (x: NDArray, indices: NDArray, updates: NDArray) => NDArray,
): LocalOperation<ScatterParams> {
  const d = params.dimensionNumbers;
  const sizes = windowSizes(x.shape, updates.shape, d);
  const windows = x.shape.map((_, i) => i).filter((i) =>
    !d.insertedWindowDims.includes(i) && !d.operandBatchingDims.includes(i)
  );
  const isCovered = (axis: number) => windows.includes(axis) && sizes[axis] === x.shape[axis];
  const split = withWhole(wanted, (axis) => !isCovered(axis), x.shape);
  const used = new Set(split?.axes.flat());
  const batch = updates.shape.map((_, i) => i).filter((i) => !d.updateWindowDims.includes(i));
  const along = batch.map((axis, i) => {
    if (d.scatterIndicesBatchingDims.includes(i)) return [];
    const given = [namesAlong(operands[2], axis), namesAlong(operands[1], i)];
    const names = given.find((list) => list.length > 0) ?? [];
    const free = names.filter((name) => !used.has(name));
    free.forEach((name) => used.add(name));
    return free;
  });
  const ofUpdates = makeSplit(
    mesh,
    updates.shape.map((_, axis) => {
      const at = batch.indexOf(axis);
      return at >= 0 ? along[at] : namesAlong(split, windows[d.updateWindowDims.indexOf(axis)]);
    }),
    updates.shape,
  );
  const over = along.flat();
  const own = [
    split,
    makeSplit(mesh, indices.shape.map((_, i) => along[i] ?? []), indices.shape),
    ofUpdates,
  ];
  if (over.length === 0) return { operands: own, outs: [split] };
  return {
    operands: own,
    outs: [split],
    apply: ([x, indices, updates], placeAlong) => {
      const isFirst = eq(placeAlong(over), literal(0, "int32"));
      const zeros = broadcastInDim(lit(x, 0), x.shape, []);
      return [scatterAdd(select(isFirst, x, zeros), indices, updates)];
    },
    combine: { by: "psum", over },
  };
}
