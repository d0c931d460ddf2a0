/**
 * Reductions over sliding windows: sums, maxima and minima; where the extremes are; and the derivatives of the latter.
 *
 * The extreme of a window is the first of several equal ones, in row-major order. Its derivative takes the tangent at that
 * place (`select_and_gather_add`), whose transpose adds the cotangent there (`select_and_scatter_add`). Both take the place, found by
 * `reduce_window_argmax`, as an operand, so that they are linear, each other's transposes, and derivatives of any order exist.
 *
 * @module
 */
import { partitionByAxis, type PartitionRule } from "../core/partition.ts";
import { ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, type Shape, type ShapedArray, shapedArray, sizeOf } from "../core/aval.ts";
import { isStored } from "../core/dtype.ts";
import type { Access, Lowered } from "../core/lowering.ts";
import {
  type AnyPrimitive,
  type Expansion,
  isUndefinedPrimal,
  type Primitive,
  type Tangent,
  Zero,
} from "../core/primitive.ts";
import { splitByAxis } from "../core/split.ts";
import { bind1 } from "../core/trace.ts";
import { binary, constant, type Expr, index as indexConst, select } from "../loopnest/expr.ts";
import { reductionIdentity } from "../loopnest/identity.ts";
import { type Accepts, checkAccepts, literal } from "./common.ts";
import { zeroJvp } from "./rules.ts";
import { batchToFront, broadcastInDim, mapTangent } from "./shape.ts";
import { pad, type PadAxis } from "./slicing.ts";
import {
  backwardPadding,
  both,
  checkCropping,
  checkWindow,
  type Padding,
  reachesOutside,
  sourceAt,
  type WindowAxis,
  windowCount,
} from "./window.ts";

/** Windows over every axis of an operand. */
export interface WindowParams {
  readonly windowDimensions: readonly number[];
  readonly windowStrides: readonly number[];
  readonly padding: readonly Padding[];
  readonly baseDilation: readonly number[];
  readonly windowDilation: readonly number[];
}

/** The axes of an operand under windows. */
export function windowAxes(shape: Shape, p: WindowParams): WindowAxis[] {
  return shape.map((size, i) => ({
    size,
    window: p.windowDimensions[i],
    stride: p.windowStrides[i],
    padding: p.padding[i],
    baseDilation: p.baseDilation[i],
    windowDilation: p.windowDilation[i],
  }));
}

/** The shape of the windows' results. */
export function windowedShape(name: string, shape: Shape, p: WindowParams): number[] {
  const { padding, ...lists } = p;
  checkWindow(name, shape.length, lists, padding);
  const axes = windowAxes(shape, p);
  checkCropping(name, shape, axes);
  return axes.map(windowCount);
}

function windowAval(
  accepts: Accepts,
  [x]: readonly ShapedArray[],
  p: WindowParams,
): readonly ShapedArray[] {
  checkAccepts("reduceWindow", x.dtype, accepts);
  return [shapedArray(windowedShape("reduceWindow", x.shape, p), x.dtype, x.weakType)];
}

/** An element of an operand, `outside` where the window reaches beyond it. */
function readWindow(
  read: Access,
  axes: readonly WindowAxis[],
  o: readonly Expr[],
  r: readonly Expr[],
  outside: Expr,
): Expr {
  let inside: Expr | null = null;
  const at = axes.map((axis, i) => {
    const source = sourceAt(axis, o[i], r[i]);
    inside = both(inside, source.inside);
    return source.index;
  });
  const element = read(at);
  return inside === null ? element : select(inside, element, outside);
}

function windowLowering(
  op: "add" | "max" | "min",
  [read]: readonly Access[],
  [x]: readonly ShapedArray[],
  p: WindowParams,
): readonly Lowered[] {
  const outside = constant(reductionIdentity(op, x.dtype), x.dtype);
  if (x.size === 0) return [{ kind: "map", at: () => outside }];
  const axes = windowAxes(x.shape, p);
  return [{
    kind: "reduce",
    op,
    sizes: p.windowDimensions,
    at: (o, r) => readWindow(read, axes, o, r, outside),
  }];
}

/** Reductions of fewer elements, over all windows together, stay one loop. */
const SMALL_WINDOWS = 4096;

/** How many elements the windows of an operand span together. */
function workOf(x: ShapedArray, p: WindowParams): number {
  return sizeOf(windowAxes(x.shape, p).map(windowCount)) * sizeOf(p.windowDimensions);
}

/**
 * Windows that reach beyond a large operand, as windows over one padded with what `op` ignores: then all elements are read by
 * plain strides.
 */
function paddedExpansion(
  primitive: Primitive<WindowParams>,
  op: "add" | "max" | "min",
  [x]: readonly ShapedArray[],
  p: WindowParams,
): Expansion | null {
  if (x.size === 0 || workOf(x, p) < SMALL_WINDOWS) return null;
  if (!windowAxes(x.shape, p).some(reachesOutside)) return null;
  const config = p.padding.map(([low, high], i) => [low, high, p.baseDilation[i] - 1] as const);
  const within: WindowParams = {
    ...p,
    padding: p.padding.map(() => [0, 0]),
    baseDilation: p.baseDilation.map(() => 1),
  };
  return ([a]) => [
    bind1(primitive, [pad(a, literal(reductionIdentity(op, x.dtype), x.dtype), config)], within),
  ];
}

/** Large windows axis by axis, the last one first: the sum of their sizes, not the product, is what each element costs. */
function separateExpansion(
  primitive: Primitive<WindowParams>,
  [x]: readonly ShapedArray[],
  p: WindowParams,
): Expansion | null {
  // A stored dtype would round in between.
  if (isStored(x.dtype) || workOf(x, p) < SMALL_WINDOWS) return null;
  const spanned = p.windowDimensions.flatMap((n, i) => n > 1 ? [i] : []);
  const total = spanned.reduce((sum, i) => sum + p.windowDimensions[i], 0);
  if (spanned.length < 2 || sizeOf(p.windowDimensions) < 2 * total) return null;
  return ([a]) => [
    spanned.reduceRight((y, axis) => {
      const along = (list: readonly number[]) => list.map((n, i) => i === axis ? n : 1);
      return bind1(primitive, [y], {
        ...p,
        windowDimensions: along(p.windowDimensions),
        windowStrides: p.windowStrides.map((n, i) => i === axis || !spanned.includes(i) ? n : 1),
      });
    }, a),
  ];
}

function expansion(
  primitive: Primitive<WindowParams>,
  op: "add" | "max" | "min",
  ins: readonly ShapedArray[],
  p: WindowParams,
): Expansion | null {
  return paddedExpansion(primitive, op, ins, p) ?? separateExpansion(primitive, ins, p);
}

/** Puts an axis in front that no window spans. */
function inFront(p: WindowParams): WindowParams {
  return {
    windowDimensions: [1, ...p.windowDimensions],
    windowStrides: [1, ...p.windowStrides],
    padding: [[0, 0], ...p.padding],
    baseDilation: [1, ...p.baseDilation],
    windowDilation: [1, ...p.windowDilation],
  };
}

function windowBatch(
  primitive: AnyPrimitive,
  operands: readonly NDArray[],
  dims: readonly (number | null)[],
  params: WindowParams,
  size: number,
): readonly [readonly NDArray[], readonly (number | null)[]] {
  const front = operands.map((x, i) => batchToFront(x, dims[i], size));
  return [[bind1(primitive, front, params)], [0]];
}

/** Axes along which windows are single elements may be split. */
const partitionWindows: PartitionRule<WindowParams> = partitionByAxis((axis, { params: p }) =>
  p.windowDimensions[axis] !== 1 || p.windowStrides[axis] !== 1 || p.baseDilation[axis] !== 1 ||
  p.padding[axis].some((n) => n !== 0)
);

/** `reduce_window_sum`: the sum of each window. Linear; transposes to windows over the cotangents. */
export const reduceWindowSumP: Primitive<WindowParams> = {
  name: "reduce_window_sum",
  split: splitByAxis,
  partition: partitionWindows,
  onParts: "each",
  abstractEval: (ins, p) => windowAval("number", ins, p),
  expand: (ins, p) => expansion(reduceWindowSumP, "add", ins, p),
  lower: (reads, ins, _outs, p) => windowLowering("add", reads, ins, p),
  jvp: ([x], [t], p) => {
    const out = bind1(reduceWindowSumP, [x], p);
    return [[out], [mapTangent(t, out, (t) => bind1(reduceWindowSumP, [t], p))]];
  },
  transpose: ([ct], [x], p) => {
    return [ct instanceof Zero ? new Zero(x.aval) : spreadOverWindows(ct, x.aval.shape, p)];
  },
  batch: (xs, dims, p, size) => windowBatch(reduceWindowSumP, xs, dims, inFront(p), size),
};

/**
 * The transpose of the windows' sums: each element of an operand of this shape gets the sum of the cotangents of the windows that
 * it is in. Along an axis with a single window that is the window's own.
 */
function spreadOverWindows(ct: NDArray, shape: Shape, p: WindowParams): NDArray {
  const ones = shape.map(() => 1);
  const axes = windowAxes(shape, p);
  const isSingle = axes.map((axis) =>
    windowCount(axis) === 1 && axis.baseDilation === 1 && axis.windowDilation === 1
  );
  const config = axes.map((axis, i): PadAxis => {
    const [low, high] = isSingle[i] ? [0, 0] : backwardPadding(axis);
    return [low, high, isSingle[i] ? 0 : axis.stride - 1];
  });
  const several = (list: readonly number[]) => list.map((n, i) => isSingle[i] ? 1 : n);
  const sums = bind1(reduceWindowSumP, [pad(ct, literal(0, ct.dtype), config)], {
    windowDimensions: several(p.windowDimensions),
    windowStrides: several(p.baseDilation),
    padding: ones.map((): Padding => [0, 0]),
    baseDilation: ones,
    windowDilation: p.windowDilation,
  });
  if (!isSingle.includes(true)) return sums;
  // What the single windows cover of the operand, and zeros around it.
  const covered = axes.map(({ size, window, padding: [low] }, i) => {
    if (!isSingle[i]) return { from: 0, count: size, after: 0 };
    const [from, to] = [-low, window - low].map((at) => Math.max(0, Math.min(size, at)));
    return { from, count: to - from, after: size - to };
  });
  const stretched = broadcastInDim(sums, covered.map((c) => c.count), shape.map((_, i) => i));
  return pad(stretched, literal(0, ct.dtype), covered.map(({ from, after }) => [from, after, 0]));
}

function extremeJvp(
  primitive: AnyPrimitive,
  positions: AnyPrimitive,
  [x]: readonly NDArray[],
  [t]: readonly Tangent[],
  p: WindowParams,
): readonly [readonly NDArray[], readonly Tangent[]] {
  const out = bind1(primitive, [x], p);
  const tangent = mapTangent(
    t,
    out,
    (t) => bind1(selectAndGatherAddP, [t, bind1(positions, [x], p)], p),
  );
  return [[out], [tangent]];
}

/** `reduce_window_max`: the maximum of each window; NaN if there is one. */
export const reduceWindowMaxP: Primitive<WindowParams> = {
  name: "reduce_window_max",
  split: splitByAxis,
  partition: partitionWindows,
  abstractEval: (ins, p) => windowAval("any", ins, p),
  expand: (ins, p) => expansion(reduceWindowMaxP, "max", ins, p),
  lower: (reads, ins, _outs, p) => windowLowering("max", reads, ins, p),
  jvp: (xs, ts, p) => extremeJvp(reduceWindowMaxP, reduceWindowArgmaxP, xs, ts, p),
  batch: (xs, dims, p, size) => windowBatch(reduceWindowMaxP, xs, dims, inFront(p), size),
};

/** `reduce_window_min`: the minimum of each window; NaN if there is one. */
export const reduceWindowMinP: Primitive<WindowParams> = {
  name: "reduce_window_min",
  split: splitByAxis,
  partition: partitionWindows,
  abstractEval: (ins, p) => windowAval("any", ins, p),
  expand: (ins, p) => expansion(reduceWindowMinP, "min", ins, p),
  lower: (reads, ins, _outs, p) => windowLowering("min", reads, ins, p),
  jvp: (xs, ts, p) => extremeJvp(reduceWindowMinP, reduceWindowArgminP, xs, ts, p),
  batch: (xs, dims, p, size) => windowBatch(reduceWindowMinP, xs, dims, inFront(p), size),
};

// ---------------------------------------------------------------- where the extremes are

function argAval([x]: readonly ShapedArray[], p: WindowParams): readonly ShapedArray[] {
  checkAccepts("reduceWindow", x.dtype, "any");
  return [shapedArray(windowedShape("reduceWindow", x.shape, p), "int32")];
}

function argLowering(
  op: "max" | "min",
  [read]: readonly Access[],
  [x]: readonly ShapedArray[],
  p: WindowParams,
): readonly Lowered[] {
  const size = sizeOf(p.windowDimensions);
  if (x.size === 0 || size === 0) return [{ kind: "map", at: () => indexConst(0) }];
  const axes = windowAxes(x.shape, p);
  const outside = constant(reductionIdentity(op, x.dtype), x.dtype);
  return [{
    kind: "argReduce",
    op,
    size,
    at: (o, r) => readWindow(read, axes, o, placesOf(r, p.windowDimensions), outside),
  }];
}

/** `reduce_window_argmax`: the row-major place of the first maximum within each window; of the first NaN, if there is one. */
export const reduceWindowArgmaxP: Primitive<WindowParams> = {
  name: "reduce_window_argmax",
  split: splitByAxis,
  partition: partitionWindows,
  abstractEval: argAval,
  expand: (ins, p) => paddedExpansion(reduceWindowArgmaxP, "max", ins, p),
  lower: (reads, ins, _outs, p) => argLowering("max", reads, ins, p),
  jvp: (xs, _ts, p) => zeroJvp(reduceWindowArgmaxP, xs, p),
  batch: (xs, dims, p, size) => windowBatch(reduceWindowArgmaxP, xs, dims, inFront(p), size),
};

/** `reduce_window_argmin`: the row-major place of the first minimum within each window; of the first NaN, if there is one. */
export const reduceWindowArgminP: Primitive<WindowParams> = {
  name: "reduce_window_argmin",
  split: splitByAxis,
  partition: partitionWindows,
  abstractEval: argAval,
  expand: (ins, p) => paddedExpansion(reduceWindowArgminP, "min", ins, p),
  lower: (reads, ins, _outs, p) => argLowering("min", reads, ins, p),
  jvp: (xs, _ts, p) => zeroJvp(reduceWindowArgminP, xs, p),
  batch: (xs, dims, p, size) => windowBatch(reduceWindowArgminP, xs, dims, inFront(p), size),
};

/** A row-major place as one index for each axis. */
function placesOf(place: Expr, sizes: readonly number[]): Expr[] {
  let rest = place;
  const places: Expr[] = [];
  for (let i = sizes.length - 1; i >= 0; i--) {
    if (sizes[i] === 1) {
      places[i] = indexConst(0);
      continue;
    }
    const isFirst = sizes.slice(0, i).every((n) => n === 1);
    places[i] = isFirst ? rest : binary("rem", rest, indexConst(sizes[i]));
    rest = binary("div", rest, indexConst(sizes[i]));
  }
  return places;
}

/** A place read from memory, which no analysis can bound: kept within the window. */
function bounded(place: Expr, size: number): Expr {
  return binary("min", binary("max", place, indexConst(0)), indexConst(size - 1));
}

// ---------------------------------------------------------------- their derivatives

function checkPlaces(name: string, windows: Shape, places: ShapedArray): void {
  if (windows.length === places.shape.length && windows.every((n, i) => n === places.shape[i])) {
    return;
  }
  throw new ShapeError(
    `lax.${name}: there are ${formatShape(windows)} windows, but ${
      formatShape(places.shape)
    } places`,
  );
}

/** `select_and_gather_add`: of each window of the first operand, the element at the place that the second gives. */
export const selectAndGatherAddP: Primitive<WindowParams> = {
  name: "select_and_gather_add",
  partition: partitionWindows,
  abstractEval: ([t, places], p) => {
    const shape = windowedShape("selectAndGatherAdd", t.shape, p);
    checkPlaces("selectAndGatherAdd", shape, places);
    return [shapedArray(shape, t.dtype)];
  },
  lower: ([read, readPlace], [t], _outs, p) => {
    const zero = constant(0, t.dtype);
    const size = sizeOf(p.windowDimensions);
    if (t.size === 0 || size === 0) return [{ kind: "map", at: () => zero }];
    const axes = windowAxes(t.shape, p);
    return [{
      kind: "map",
      at: (o) => {
        const r = placesOf(bounded(readPlace(o), size), p.windowDimensions);
        return readWindow(read, axes, o, r, zero);
      },
    }];
  },
  jvp: ([x, places], [t], p) => {
    const out = bind1(selectAndGatherAddP, [x, places], p);
    return [[out], [mapTangent(t, out, (t) => bind1(selectAndGatherAddP, [t, places], p))]];
  },
  transpose: ([ct], [x, places], p) => {
    const { aval } = x;
    if (ct instanceof Zero) return [new Zero(aval), null];
    const none = broadcastInDim(literal(0, aval.dtype), aval.shape, []);
    return [bind1(selectAndScatterAddP, [none, ct, places as NDArray], p), null];
  },
  batch: (xs, dims, p, size) => windowBatch(selectAndGatherAddP, xs, dims, inFront(p), size),
};

/**
 * `select_and_scatter_add`: the first operand, with each element of the second added to it at the place of its window that the
 * third gives.
 */
export const selectAndScatterAddP: Primitive<WindowParams> = {
  name: "select_and_scatter_add",
  split: splitByAxis,
  partition: partitionWindows,
  abstractEval: ([into, source, places], p) => {
    const shape = windowedShape("selectAndScatterAdd", into.shape, p);
    checkPlaces("selectAndScatterAdd", shape, places);
    checkPlaces("selectAndScatterAdd", source.shape, places);
    return [shapedArray(into.shape, into.dtype)];
  },
  lower: ([, readSource, readPlace], [into, source], _outs, p) => {
    const axes = windowAxes(into.shape, p);
    const size = sizeOf(p.windowDimensions);
    if (into.size === 0 || size === 0) return [{ kind: "alias", operand: 0 }];
    const sources = (o: readonly Expr[]) => {
      const r = placesOf(bounded(readPlace(o), size), p.windowDimensions);
      return axes.map((axis, i) => sourceAt(axis, o[i], r[i]));
    };
    const isGuarded = axes.some(reachesOutside);
    return [{
      kind: "update",
      operand: 0,
      sizes: source.shape,
      index: (o) => sources(o).map((s) => s.index),
      ...(isGuarded
        ? {
          guard: (o: readonly Expr[]) =>
            sources(o).reduce((all: Expr | null, s) => both(all, s.inside), null)!,
        }
        : {}),
      value: (o) => readSource(o),
      combine: "add",
      // Windows that share no element cannot choose the same one.
      unique: axes.every((axis) => (axis.window - 1) * axis.windowDilation < axis.stride),
    }];
  },
  jvp: ([into, source, places], [ti, ts], p) => {
    const out = bind1(selectAndScatterAddP, [into, source, places], p);
    if (ti instanceof Zero && ts instanceof Zero) return [[out], [new Zero(out.aval)]];
    const [a, b] = [ti, ts].map((t) =>
      t instanceof Zero ? broadcastInDim(literal(0, t.aval.dtype), t.aval.shape, []) : t
    );
    return [[out], [bind1(selectAndScatterAddP, [a, b, places], p)]];
  },
  transpose: ([ct], [into, source, places], p) => {
    if (ct instanceof Zero) {
      return [new Zero(into.aval), isUndefinedPrimal(source) ? new Zero(source.aval) : null, null];
    }
    return [
      isUndefinedPrimal(into) ? ct : null,
      isUndefinedPrimal(source) ? bind1(selectAndGatherAddP, [ct, places as NDArray], p) : null,
      null,
    ];
  },
  batch: (xs, dims, p, size) => windowBatch(selectAndScatterAddP, xs, dims, inFront(p), size),
};
