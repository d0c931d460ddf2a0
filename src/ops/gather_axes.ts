/**
 * Which axes of gathers and scatters come from where, and how the two are divided among the devices of a mesh.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { type Shape, sizeOf } from "../core/aval.ts";
import { type DType, isFloating } from "../core/dtype.ts";
import {
  type LocalOperation,
  namesAlong,
  type PartitionRequest,
  partShape,
  splitAs,
  withWhole,
} from "../core/partition.ts";
import { makeSplit } from "../core/split.ts";
import { clamp, sub } from "./arith.ts";
import { lit, literal } from "./common.ts";
import { convertElementType } from "./convert.ts";
import { and, eq, ge, lt, not, select } from "./logic.ts";
import type {
  GatherDimensionNumbers,
  GatherParams,
  ScatterDimensionNumbers,
  ScatterParams,
} from "./gather.ts";
import { broadcastInDim, fullLike, reshape } from "./shape.ts";

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

/**
 * Axes that are taken whole, and those of the indices, lie as those of the result; along all others every place may be asked for. Where the axis is
 * split along which one place is taken each time (an embedding's words), and what is taken is smaller than the operand, each device takes what it has: terms of a sum.
 */
export function partitionGather(
  request: PartitionRequest<GatherParams>,
  gather: Gather,
): LocalOperation<GatherParams> {
  const { ins: [x, indices], outs: [out], wanted: [wanted], params } = request;
  const { dimensionNumbers, sliceSizes } = params;
  const rank = out.shape.length;
  const { ofOperand, ofIndices } = gatherAxes(x.shape, rank, dimensionNumbers, sliceSizes);
  const isKept = (i: number) => ofOperand[i] !== null || ofIndices[i] !== null;
  const split = withWhole(wanted, (i) => !isKept(i), out.shape);
  const own = splitAs(split, placesIn(ofOperand, x.shape.length), x.shape);
  const part = partShape(x.shape, own);
  const local: LocalOperation<GatherParams> = {
    operands: [own, splitAs(split, placesIn(ofIndices, indices.shape.length), indices.shape)],
    outs: [split],
    params: {
      ...params,
      sliceSizes: sliceSizes.map((n, axis) => n === x.shape[axis] ? part[axis] : n),
    },
  };
  return takenByOwners(request, local, gather) ?? local;
}

type Gather = (x: NDArray, indices: NDArray, params: GatherParams) => NDArray;

/** A gather of which each device does what lies in its part of the one axis that is indexed; `null` where that is not split, or moves no less. */
function takenByOwners(
  { mesh, ins: [x, indices], operands: [given], outs: [out] }: PartitionRequest<GatherParams>,
  { operands, outs = [], params }: LocalOperation<GatherParams>,
  gather: Gather,
): LocalOperation<GatherParams> | null {
  const { dimensionNumbers: d, sliceSizes, mode } = params!;
  const [axis, ...others] = d.startIndexMap;
  if (axis === undefined || others.length > 0 || !d.collapsedSliceDims.includes(axis)) return null;
  const used = new Set(outs[0]?.axes.flat());
  const over = namesAlong(given, axis).filter((name) => mesh.sizeOf(name) > 1 && !used.has(name));
  const shape = partShape(out.shape, outs[0]);
  if (over.length === 0 || sizeOf(shape) >= sizeOf(partShape(x.shape, operands[0]))) return null;
  const fill = params!.fillValue ?? (isFloating(x.dtype) ? NaN : null);
  // Sums are of numbers, and places are counted in int32.
  if (x.dtype === "bool" || !narrowIntegers.has(indices.dtype)) return null;
  if (mode === "fill_or_drop" && fill === null) return null;
  const names = x.shape.map((_, i) => i === axis ? over : namesAlong(operands[0], i));
  const batch = shape.map((_, i) => i).filter((i) => !d.offsetDims.includes(i));
  const int32 = (value: number): NDArray => literal(value, "int32");
  return {
    operands: [makeSplit(mesh, names, x.shape), operands[1]],
    outs,
    apply: ([part, indices], placeAlong) => {
      const whole = int32(x.shape[axis]);
      const count = int32(part.shape[axis]);
      const asked = convertElementType(indices, "int32");
      const places = mode === "clip" ? clamp(int32(0), asked, sub(whole, int32(1))) : asked;
      const own = sub(places, fullLike(placeAlong(over, part.shape[axis]), places.shape));
      const isWithin = (at: NDArray, count: NDArray): NDArray => {
        const flat = reshape(at, at.shape.slice(0, -1));
        const isOne = and(ge(flat, int32(0)), lt(flat, count));
        return broadcastInDim(isOne, shape, batch);
      };
      const taken = gather(part, own, { ...params!, sliceSizes, mode: "clip", fillValue: null });
      const value = (value: number): NDArray => broadcastInDim(literal(value, x.dtype), shape, []);
      let elsewhere = value(0);
      if (mode === "fill_or_drop") {
        // The first device fills in for all.
        const isFirst = fullLike(eq(placeAlong(over), int32(0)), shape);
        const isFilled = and(isFirst, not(isWithin(asked, whole)));
        elsewhere = select(isFilled, value(Number(fill)), elsewhere);
      }
      return [select(isWithin(own, count), taken, elsewhere)];
    },
    combine: { by: "psum", over },
  };
}

const narrowIntegers: ReadonlySet<DType> = new Set(["int8", "uint8", "int16", "uint16", "int32"]);

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
