/**
 * The general contraction, `dot_general`: matrix products, batched and over any axes.
 *
 * @module
 */
import {
  type LocalOperation,
  namesAlong,
  type PartitionRequest,
  partShape,
} from "../core/partition.ts";
import { DTypeError, ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, type ShapedArray, shapedArray, sizeOf } from "../core/aval.ts";
import { type DType, isHalf } from "../core/dtype.ts";
import {
  isUndefinedPrimal,
  type Primitive,
  type Tangent,
  type UndefinedPrimal,
  Zero,
} from "../core/primitive.ts";
import { makeSplit, type MaybeSplit, mergeSplits, takeAxes } from "../core/split.ts";
import { bind1 } from "../core/trace.ts";
import { axisToFront, sameDType } from "./common.ts";
import { addTangents } from "./rules.ts";
import { axisTools, transpose } from "./shape.ts";
import { widening } from "./widening.ts";
import { bilinear } from "./arith.ts";

/** Which axes are contracted and which are batched: `[[lhs, rhs], [lhs, rhs]]`, as JAX writes it. */
export type DimensionNumbers = readonly [
  contract: readonly [lhs: readonly number[], rhs: readonly number[]],
  batch: readonly [lhs: readonly number[], rhs: readonly number[]],
];

/** Parameters of {@linkcode dotGeneralP}. */
export interface DotParams {
  readonly dimensionNumbers: DimensionNumbers;
  readonly precision: null;
  readonly preferredElementType: DType | null;
}

function free(rank: number, contract: readonly number[], batch: readonly number[]): number[] {
  return Array.from({ length: rank }, (_, i) => i).filter((i) =>
    !contract.includes(i) && !batch.includes(i)
  );
}

function dotAval([x, y]: readonly ShapedArray[], p: DotParams): readonly ShapedArray[] {
  const [[xc, yc], [xb, yb]] = p.dimensionNumbers;
  const dtype = sameDType("dotGeneral", [x, y]);
  if (dtype === "bool" || dtype === "key<fry>") {
    throw new DTypeError(
      `lax.dotGeneral: does not accept dtype ${dtype}; convert with x.astype(...)`,
    );
  }
  const check = (kind: string, xs: readonly number[], ys: readonly number[]) => {
    const fits = xs.length === ys.length && xs.every((a, i) => x.shape[a] === y.shape[ys[i]]);
    if (!fits) {
      throw new ShapeError(
        `lax.dotGeneral: ${kind} axes must have equal sizes: got axes [${xs}] of shape ${
          formatShape(x.shape)
        } and axes [${ys}] of shape ${formatShape(y.shape)}`,
      );
    }
  };
  check("contracting", xc, yc);
  check("batch", xb, yb);
  const shape = [
    ...xb.map((a) => x.shape[a]),
    ...free(x.shape.length, xc, xb).map((a) => x.shape[a]),
    ...free(y.shape.length, yc, yb).map((a) => y.shape[a]),
  ];
  return [shapedArray(shape, dtype, x.weakType && y.weakType)];
}

/** The cotangent of the left operand: the output's, contracted with the right operand's free axes. */
function transposeLhs(
  ct: NDArray,
  x: ShapedArray,
  y: NDArray,
  { dimensionNumbers: [[xc, yc], [xb, yb]], ...rest }: DotParams,
  swapped: boolean,
): NDArray {
  const xRank = x.shape.length;
  const yKept = free(y.ndim, yc, yb);
  const xKept = free(xRank, xc, xb);
  // Axes of `ct`: batch, then lhs free, then rhs free (lhs and rhs as the forward product had them).
  const ctBatch = xb.map((_, i) => i);
  const first = xb.length + (swapped ? 0 : xKept.length);
  const ctY = yKept.map((_, i) => first + i);
  const product = dotGeneral(ct, y, [[ctY, yKept], [ctBatch, yb]], rest.preferredElementType);
  // Its axes: batch, x free, then y's contracted ones in the order of y's axes; bring them to x's order.
  const ySorted = [...yc].sort((a, b) => a - b);
  const xContractSorted = ySorted.map((a) => xc[yc.indexOf(a)]);
  const order = [...xb, ...xKept, ...xContractSorted];
  const permutation: number[] = [];
  order.forEach((axis, i) => permutation[axis] = i);
  return transpose(product, permutation);
}

/**
 * Batch and free axes lie as those of the result. Where a contracted axis is split, each device contracts its part and the sums are added
 * up, if adding costs less than fetching the rest of the operand.
 */
function partitionDot(
  { mesh, ins: [x, y], outs: [out], operands, wanted: [wanted], params }: PartitionRequest<
    DotParams
  >,
): LocalOperation<DotParams> {
  const [[xc, yc], [xb, yb]] = params.dimensionNumbers;
  const used = new Set(wanted?.axes.flat());
  const sumBytes = 2 * sizeOf(partShape(out.shape, wanted));
  const contracted = xc.map((axis, i) => {
    const [a, b] = [namesAlong(operands[0], axis), namesAlong(operands[1], yc[i])]
      .map((names) => names.filter((name) => !used.has(name)));
    const names = a.length > 0 ? a : b;
    // An operand that is whole is cut for nothing, where the other one would have to be fetched.
    const isShared = a.length > 0 && b.length > 0;
    const fetched = sizeOf((a.length > 0 ? x : y).shape);
    if (!isShared && sumBytes > fetched) return [];
    names.forEach((name) => used.add(name));
    return names;
  });
  const split = (
    aval: ShapedArray,
    contract: readonly number[],
    batch: readonly number[],
    first: number,
  ): MaybeSplit => {
    const kept = free(aval.shape.length, contract, batch);
    const axes = aval.shape.map((_, axis): readonly string[] => {
      if (contract.includes(axis)) return contracted[contract.indexOf(axis)];
      const at = batch.includes(axis) ? batch.indexOf(axis) : first + kept.indexOf(axis);
      return namesAlong(wanted, at);
    });
    return makeSplit(mesh, axes, aval.shape);
  };
  const xFree = free(x.shape.length, xc, xb).length;
  const over = contracted.flat();
  return {
    operands: [split(x, xc, xb, xb.length), split(y, yc, yb, xb.length + xFree)],
    ...(over.length > 0 ? { combine: { by: "psum", over } } : {}),
  };
}

/** `dot_general`: sums products over contracted axes; the result has batch axes, then lhs free, then rhs free axes. */
export const dotGeneralP: Primitive<DotParams> = {
  name: "dot_general",
  onParts: (xs, p) => [bilinear(xs, (x, y) => bind1(dotGeneralP, [x, y], p))],
  abstractEval: dotAval,
  lower: (_reads, _ins, _outs, { dimensionNumbers: [[xc, yc], [xb, yb]] }) => [{
    kind: "dot",
    spec: { lhs: 0, rhs: 1, lhsContract: xc, rhsContract: yc, lhsBatch: xb, rhsBatch: yb },
  }],
  split: ([sx, sy], [x, y], [out], { dimensionNumbers: [[xc, yc], [xb, yb]] }) => {
    const [fx, fy] = [free(x.shape.length, xc, xb), free(y.shape.length, yc, yb)];
    const none = (axes: readonly number[]) => axes.map(() => null);
    return [mergeSplits([
      takeAxes(sx, [...xb, ...fx, ...none(fy)], out.shape),
      takeAxes(sy, [...yb, ...none(fx), ...fy], out.shape),
    ], out.shape)];
  },
  partition: partitionDot,
  // Products of short floats and their sums are single ones; the whole is rounded.
  expand: (ins, p) => isHalf(ins[0].dtype) ? widening(dotGeneralP, ins, p) : null,
  jvp: ([x, y], [tx, ty], p) => {
    const out = bind1(dotGeneralP, [x, y], p);
    const a: Tangent = tx instanceof Zero ? tx : bind1(dotGeneralP, [tx, y], p);
    const b: Tangent = ty instanceof Zero ? ty : bind1(dotGeneralP, [x, ty], p);
    const sum = addTangents(a, b);
    return [[out], [sum instanceof Zero ? new Zero(out.aval) : sum]];
  },
  transpose: ([ct], [x, y], p) => {
    if (isUndefinedPrimal(x)) {
      return [
        ct instanceof Zero ? new Zero(x.aval) : transposeLhs(ct, x.aval, y as NDArray, p, false),
        null,
      ];
    }
    const rhs = y as UndefinedPrimal;
    if (ct instanceof Zero) return [null, new Zero(rhs.aval)];
    const [[xc, yc], [xb, yb]] = p.dimensionNumbers;
    const swapped: DotParams = { ...p, dimensionNumbers: [[yc, xc], [yb, xb]] };
    return [null, transposeLhs(ct, rhs.aval, x, swapped, true)];
  },
  batch: ([x, y], [dx, dy], p) => {
    const [[xc, yc], [xb, yb]] = p.dimensionNumbers;
    const up = (axes: readonly number[]) => axes.map((a) => a + 1);
    if (dx !== null && dy !== null) {
      const out = dotGeneral(
        axisToFront(axisTools, x, dx),
        axisToFront(axisTools, y, dy),
        [[up(xc), up(yc)], [[0, ...up(xb)], [0, ...up(yb)]]],
        p.preferredElementType,
      );
      return [[out], [0]];
    }
    // One mapped operand: its axis is one more free axis, with no batch in the product.
    const lift = (axes: readonly number[], d: number) => axes.map((a) => a < d ? a : a + 1);
    if (dx !== null) {
      const [c, b] = [lift(xc, dx), lift(xb, dx)];
      const out = dotGeneral(x, y, [[c, yc], [b, yb]], p.preferredElementType);
      return [[out], [b.length + free(x.ndim, c, b).indexOf(dx)]];
    }
    const d = dy!;
    const [c, b] = [lift(yc, d), lift(yb, d)];
    const out = dotGeneral(x, y, [[xc, c], [xb, b]], p.preferredElementType);
    const before = xb.length + free(x.ndim, xc, xb).length;
    return [[out], [before + free(y.ndim, c, b).indexOf(d)]];
  },
};

/** Sums products of `x` and `y` over the contracted axes. */
export function dotGeneral(
  x: NDArray,
  y: NDArray,
  dimensionNumbers: DimensionNumbers,
  preferredElementType: DType | null = null,
): NDArray {
  return bind1(dotGeneralP, [x, y], { dimensionNumbers, precision: null, preferredElementType });
}
