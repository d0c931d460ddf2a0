/**
 * The general convolution, `conv_general_dilated`: any number of spatial axes, strides, paddings, dilations of both
 * operands, groups of features or of examples, and any order of axes.
 *
 * In forward direction it contracts `[example, input feature]` with `[output feature, input feature]`. Both derivatives are
 * convolutions again, with the roles of the axes exchanged; feature groups become batch groups in the kernel's, and batch
 * groups become feature groups in the operand's.
 *
 * @module
 */
import {
  type LocalOperation,
  namesAlong,
  type PartitionRequest,
  withWhole,
} from "../core/partition.ts";
import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, type Shape, type ShapedArray, shapedArray } from "../core/aval.ts";
import type { DType } from "../core/dtype.ts";
import {
  isUndefinedPrimal,
  type Primitive,
  type Tangent,
  type UndefinedPrimal,
  Zero,
} from "../core/primitive.ts";
import { makeSplit, mergeSplits, takeAxes } from "../core/split.ts";
import { bind1 } from "../core/trace.ts";
import { literal, sameDType } from "./common.ts";
import { convExpansion, convLowering, convWindows } from "./conv_lowering.ts";
import { addTangents } from "./rules.ts";
import { broadcastInDim, moveAxis, reshape } from "./shape.ts";
import { rev } from "./slicing.ts";
import {
  backwardPadding,
  checkCropping,
  checkWindow,
  dilatedSize,
  type Padding,
  windowCount,
} from "./window.ts";
import { bilinear } from "./arith.ts";

/** Which axis of an operand is what: `[batch, feature, ...spatial]`, for the kernel `[output, input, ...spatial]`. */
export interface ConvDimensionNumbers {
  /** The operand's: examples, features, spatial axes. */
  readonly lhsSpec: readonly number[];
  /** The kernel's: output features, input features, spatial axes. */
  readonly rhsSpec: readonly number[];
  /** The result's: examples, features, spatial axes. */
  readonly outSpec: readonly number[];
}

/** Parameters of {@linkcode convGeneralDilatedP}. */
export interface ConvParams {
  readonly windowStrides: readonly number[];
  readonly padding: readonly Padding[];
  readonly lhsDilation: readonly number[];
  readonly rhsDilation: readonly number[];
  readonly dimensionNumbers: ConvDimensionNumbers;
  readonly featureGroupCount: number;
  readonly batchGroupCount: number;
  /** Whether the kernel is read backwards along its spatial axes, as the operand's derivative does. */
  readonly windowReversal: boolean;
  /** `"highest"` keeps every product of float32; others may save some (Winograd's algorithm). */
  readonly precision: "highest" | null;
  readonly preferredElementType: DType | null;
}

function checkChannels(lhs: Shape, rhs: Shape, p: ConvParams): void {
  const { featureGroupCount: groups, batchGroupCount, dimensionNumbers } = p;
  const { lhsSpec, rhsSpec } = dimensionNumbers;
  const counts = { featureGroupCount: groups, batchGroupCount };
  for (const [what, n] of Object.entries(counts)) {
    if (Number.isInteger(n) && n > 0) continue;
    throw new ArgumentError(
      `lax.convGeneralDilated: ${what} must be a positive integer; got ${n}`,
    );
  }
  if (groups > 1 && batchGroupCount > 1) {
    throw new ArgumentError(
      `lax.convGeneralDilated: only one of featureGroupCount and batchGroupCount may be above 1; got ${groups} and ${batchGroupCount}`,
    );
  }
  const [batch, features] = [lhs[lhsSpec[0]], lhs[lhsSpec[1]]];
  const [outputs, inputs] = [rhs[rhsSpec[0]], rhs[rhsSpec[1]]];
  const shapes = `lhs is ${formatShape(lhs)}, rhs is ${formatShape(rhs)}`;
  const divides = (what: string, count: number, of: string, size: number) => {
    if (size % count === 0) return;
    throw new ShapeError(
      `lax.convGeneralDilated: ${what} = ${count} must divide ${of}, ${size}; ${shapes}`,
    );
  };
  divides("featureGroupCount", groups, "the features of lhs", features);
  divides("featureGroupCount", groups, "the output features of rhs", outputs);
  divides("batchGroupCount", batchGroupCount, "the examples of lhs", batch);
  divides("batchGroupCount", batchGroupCount, "the output features of rhs", outputs);
  if (features / groups !== inputs) {
    const each = groups === 1 ? "" : ` in each of ${groups} groups`;
    throw new ShapeError(
      `lax.convGeneralDilated: lhs has ${
        features / groups
      } features${each}, but rhs takes ${inputs}; ${shapes}, with features on axis ${
        lhsSpec[1]
      } of lhs and axis ${rhsSpec[1]} of rhs`,
    );
  }
}

function convAval([lhs, rhs]: readonly ShapedArray[], p: ConvParams): readonly ShapedArray[] {
  const dtype = sameDType("convGeneralDilated", [lhs, rhs]);
  if (dtype === "bool" || dtype === "key<fry>") {
    throw new DTypeError(
      `lax.convGeneralDilated: does not accept dtype ${dtype}; convert with x.astype(...)`,
    );
  }
  const rank = lhs.shape.length;
  if (rank !== rhs.shape.length || rank < 2) {
    throw new ShapeError(
      `lax.convGeneralDilated: lhs and rhs must have one number of axes, at least 2; got shapes ${
        formatShape(lhs.shape)
      } and ${formatShape(rhs.shape)}`,
    );
  }
  const { windowStrides, lhsDilation, rhsDilation, padding } = p;
  const lists = { windowStrides, lhsDilation, rhsDilation };
  checkWindow("convGeneralDilated", rank - 2, lists, padding);
  checkChannels(lhs.shape, rhs.shape, p);
  const windows = convWindows(lhs.shape, rhs.shape, p);
  checkCropping("convGeneralDilated", lhs.shape, windows);
  const { lhsSpec, rhsSpec, outSpec } = p.dimensionNumbers;
  const shape: number[] = [];
  shape[outSpec[0]] = lhs.shape[lhsSpec[0]] / p.batchGroupCount;
  shape[outSpec[1]] = rhs.shape[rhsSpec[0]];
  windows.forEach((axis, i) => shape[outSpec[i + 2]] = windowCount(axis));
  return [shapedArray(shape, dtype, lhs.weakType && rhs.weakType)];
}

/** Moves axis `from` in front of axis `into` (counted without it) and merges the two. */
function mergeAxis(x: NDArray, from: number, into: number): NDArray {
  const moved = moveAxis(x, from, into);
  const shape = [...moved.shape];
  const [n] = shape.splice(into, 1);
  shape[into] *= n;
  return reshape(moved, shape);
}

/** Splits axis `at` in two, the first of `n` elements. */
function splitAxis(x: NDArray, at: number, n: number): NDArray {
  const { shape } = x;
  return reshape(x, [...shape.slice(0, at), n, shape[at] / n, ...shape.slice(at + 1)]);
}

/** The first two axes exchanged. */
function swapped([a, b, ...spatial]: readonly number[]): readonly number[] {
  return [b, a, ...spatial];
}

/** The cotangent of the left operand: the output's, dilated by the strides, convolved with the reversed kernel. */
function transposeLhs(ct: NDArray, lhs: ShapedArray, rhs: NDArray, p: ConvParams): NDArray {
  const { lhsSpec, rhsSpec, outSpec } = p.dimensionNumbers;
  const groups = p.featureGroupCount * p.batchGroupCount;
  let kernel = rhs;
  if (groups > 1) {
    kernel = mergeAxis(splitAxis(kernel, rhsSpec[0], groups), rhsSpec[0], rhsSpec[1]);
  }
  const x = convGeneralDilated(ct, kernel, {
    ...p,
    windowStrides: p.lhsDilation,
    lhsDilation: p.windowStrides,
    padding: convWindows(lhs.shape, rhs.shape, p).map(backwardPadding),
    dimensionNumbers: { lhsSpec: outSpec, rhsSpec: swapped(rhsSpec), outSpec: lhsSpec },
    featureGroupCount: groups,
    batchGroupCount: 1,
    windowReversal: !p.windowReversal,
  });
  if (p.batchGroupCount === 1) return x;
  return mergeAxis(splitAxis(x, lhsSpec[1], groups), lhsSpec[1], lhsSpec[0]);
}

/** The cotangent of the kernel: the operand convolved with the output's, examples in the place of features. */
function transposeRhs(ct: NDArray, lhs: NDArray, rhs: ShapedArray, p: ConvParams): Tangent {
  if (ct.size === 0) return new Zero(rhs);
  const { lhsSpec, rhsSpec, outSpec } = p.dimensionNumbers;
  const padding = convWindows(lhs.shape, rhs.shape, p).map((axis): Padding => {
    const [low] = axis.padding;
    // As far as the last element of the window reaches, whatever the forward windows left over.
    const reach = dilatedSize(windowCount(axis), axis.stride) +
      dilatedSize(axis.window, axis.windowDilation) - 1;
    return [low, reach - low - dilatedSize(axis.size, axis.baseDilation)];
  });
  const grad = convGeneralDilated(lhs, ct, {
    ...p,
    windowStrides: p.rhsDilation,
    rhsDilation: p.windowStrides,
    padding,
    dimensionNumbers: {
      lhsSpec: swapped(lhsSpec),
      rhsSpec: swapped(outSpec),
      outSpec: swapped(rhsSpec),
    },
    featureGroupCount: p.batchGroupCount,
    batchGroupCount: p.featureGroupCount,
    windowReversal: false,
  });
  return p.windowReversal ? rev(grad, rhsSpec.slice(2)) : grad;
}

/** Maps over both operands: each example of the map is a group of its own. */
function batchBoth(
  [x, w]: readonly NDArray[],
  [dx, dw]: readonly number[],
  p: ConvParams,
  size: number,
): [NDArray, number] {
  const { lhsSpec, rhsSpec, outSpec } = p.dimensionNumbers;
  const byExample = p.batchGroupCount > 1;
  const out = convGeneralDilated(
    mergeAxis(x, dx, lhsSpec[byExample ? 0 : 1]),
    mergeAxis(w, dw, rhsSpec[0]),
    byExample
      ? { ...p, batchGroupCount: p.batchGroupCount * size }
      : { ...p, featureGroupCount: p.featureGroupCount * size },
  );
  return [splitAxis(out, outSpec[1], size), outSpec[1]];
}

/** Merges a mapped axis into axis `at` of an operand, inside of the `groups` that axis begins with. */
function mergeWithinGroups(x: NDArray, dim: number, at: number, groups: number): NDArray {
  if (groups === 1) return mergeAxis(x, dim, at);
  const front = moveAxis(x, dim, 0);
  const split = splitAxis(front, at + 1, groups);
  return mergeAxis(mergeAxis(split, 0, at + 1), at, at);
}

/**
 * Examples and output features lie as those of the result. Where the input's features (the examples, in a gradient of the kernel) are split, each device adds up its
 * part of them.
 */
function partitionConv(
  { mesh, ins: [x, w], outs: [out], operands, wanted: [wanted], params }: PartitionRequest<
    ConvParams
  >,
): LocalOperation<ConvParams> {
  const { lhsSpec, rhsSpec, outSpec } = params.dimensionNumbers;
  const { featureGroupCount, batchGroupCount } = params;
  const isPlain = featureGroupCount === 1 && batchGroupCount === 1;
  const examples = batchGroupCount === 1 ? namesAlong(wanted, outSpec[0]) : [];
  const features = isPlain ? namesAlong(wanted, outSpec[1]) : [];
  const used = [...examples, ...features];
  const over = isPlain
    ? [namesAlong(operands[0], lhsSpec[1]), namesAlong(operands[1], rhsSpec[1])]
      .map((names) => names.filter((name) => !used.includes(name)))
      .find((names) => names.length > 0) ?? []
    : [];
  const along = (shape: Shape, spec: readonly number[], lists: readonly (readonly string[])[]) =>
    makeSplit(mesh, shape.map((_, axis) => lists[spec.indexOf(axis)] ?? []), shape);
  const isKept = (axis: number) =>
    axis === outSpec[0] && examples.length > 0 || axis === outSpec[1] && features.length > 0;
  return {
    operands: [
      along(x.shape, lhsSpec, [examples, over]),
      along(w.shape, rhsSpec, [features, over]),
    ],
    outs: [withWhole(wanted, (axis) => !isKept(axis), out.shape)],
    ...(over.length > 0 ? { combine: { by: "psum", over } } : {}),
  };
}

/** `conv_general_dilated`: windows of the left operand, each contracted with the kernel. */
export const convGeneralDilatedP: Primitive<ConvParams> = {
  name: "conv_general_dilated",
  onParts: (xs, p) => [bilinear(xs, (x, y) => bind1(convGeneralDilatedP, [x, y], p))],
  abstractEval: convAval,
  lower: convLowering,
  split: ([x, w], _ins, [out], { dimensionNumbers, batchGroupCount }) => {
    const { lhsSpec, rhsSpec, outSpec } = dimensionNumbers;
    const none = out.shape.map((): number | null => null);
    // Examples and output features lie as they come; neighbours of a window have to be together.
    const examples = none.with(outSpec[0], batchGroupCount === 1 ? lhsSpec[0] : null);
    const features = none.with(outSpec[1], rhsSpec[0]);
    return [
      mergeSplits([takeAxes(x, examples, out.shape), takeAxes(w, features, out.shape)], out.shape),
    ];
  },
  partition: partitionConv,
  expand: (ins, p) => convExpansion(convGeneralDilatedP, ins, p),
  jvp: ([x, w], [tx, tw], p) => {
    const out = bind1(convGeneralDilatedP, [x, w], p);
    const a: Tangent = tx instanceof Zero ? tx : bind1(convGeneralDilatedP, [tx, w], p);
    const b: Tangent = tw instanceof Zero ? tw : bind1(convGeneralDilatedP, [x, tw], p);
    const sum = addTangents(a, b);
    return [[out], [sum instanceof Zero ? new Zero(out.aval) : sum]];
  },
  transpose: ([ct], [x, w], p) => {
    if (isUndefinedPrimal(x)) {
      const grad = ct instanceof Zero ? ct : transposeLhs(ct, x.aval, w as NDArray, p);
      return [grad instanceof Zero ? new Zero(x.aval) : grad, null];
    }
    const { aval } = w as UndefinedPrimal;
    return [null, ct instanceof Zero ? new Zero(aval) : transposeRhs(ct, x, aval, p)];
  },
  batch: ([x, w], [dx, dw], p, size) => {
    const { lhsSpec, rhsSpec, outSpec } = p.dimensionNumbers;
    if (size === 0) return [[noExamples(x, w, dx, dw, p)], [0]];
    if (dx !== null && dw !== null) {
      const [out, dim] = batchBoth([x, w], [dx, dw], p, size);
      return [[out], [dim]];
    }
    if (dx !== null) {
      // More examples. In groups of examples, the mapped axis goes inside of each group.
      const merged = mergeWithinGroups(x, dx, lhsSpec[0], p.batchGroupCount);
      const out = convGeneralDilated(merged, w, p);
      return [[splitAxis(out, outSpec[0], size)], [outSpec[0]]];
    }
    // More output features, inside of each group.
    const groups = p.featureGroupCount * p.batchGroupCount;
    const merged = mergeWithinGroups(w, dw!, rhsSpec[0], groups);
    const out = convGeneralDilated(x, merged, p);
    const at = outSpec[1];
    if (groups === 1) return [[splitAxis(out, at, size)], [at]];
    const split = splitAxis(splitAxis(out, at, groups), at + 1, size);
    return [[mergeAxis(split, at, at + 1)], [at]];
  },
};

/** The result of a map over no examples. */
function noExamples(
  x: NDArray,
  w: NDArray,
  dx: number | null,
  dw: number | null,
  p: ConvParams,
): NDArray {
  const without = (a: NDArray, dim: number | null) =>
    shapedArray(a.shape.filter((_, i) => i !== dim), a.dtype);
  const [out] = convAval([without(x, dx), without(w, dw)], p);
  return broadcastInDim(literal(0, out.dtype), [0, ...out.shape], []);
}

/** Applies {@linkcode convGeneralDilatedP}. */
export function convGeneralDilated(lhs: NDArray, rhs: NDArray, params: ConvParams): NDArray {
  return bind1(convGeneralDilatedP, [lhs, rhs], params);
}
