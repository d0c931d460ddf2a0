/**
 * Reductions over sliding windows: sums, maxima and minima; where the extremes are; and the derivatives of the latter.
 *
 * The extreme of a window is the first of several equal ones, in row-major order. Its derivative takes the tangent at that
 * place (`select_and_gather_add`), whose transpose adds the cotangent there (`select_and_scatter_add`). Both take the place, found by
 * `reduce_window_argmax`, as an operand, so that they are linear, each other's transposes, and derivatives of any order exist.
 *
 * @module
 */
import { ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, type Shape, type ShapedArray, shapedArray, sizeOf } from "../core/aval.ts";
import type { Access, Lowered } from "../core/lowering.ts";
import {
  type AnyPrimitive,
  isUndefinedPrimal,
  type Primitive,
  type Tangent,
  Zero,
} from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";
import { binary, constant, type Expr, index as indexConst, select } from "../loopnest/expr.ts";
import { reductionIdentity } from "../loopnest/identity.ts";
import { type Accepts, checkAccepts, literal } from "./common.ts";
import { zeroJvp } from "./rules.ts";
import { batchToFront, broadcastInDim, mapTangent } from "./shape.ts";
import { pad } from "./slicing.ts";
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

/** `reduce_window_sum`: the sum of each window. Linear; transposes to windows over the cotangents. */
export const reduceWindowSumP: Primitive<WindowParams> = {
  name: "reduce_window_sum",
  abstractEval: (ins, p) => windowAval("number", ins, p),
  lower: (reads, ins, _outs, p) => windowLowering("add", reads, ins, p),
  jvp: ([x], [t], p) => {
    const out = bind1(reduceWindowSumP, [x], p);
    return [[out], [mapTangent(t, out, (t) => bind1(reduceWindowSumP, [t], p))]];
  },
  transpose: ([ct], [x], p) => {
    if (ct instanceof Zero) return [new Zero(x.aval)];
    const ones = x.aval.shape.map(() => 1);
    const padding = windowAxes(x.aval.shape, p).map(backwardPadding);
    const spread = pad(
      ct,
      literal(0, ct.dtype),
      padding.map(([low, high], i) => [low, high, p.windowStrides[i] - 1]),
    );
    return [bind1(reduceWindowSumP, [spread], {
      windowDimensions: p.windowDimensions,
      windowStrides: p.baseDilation,
      padding: ones.map((): Padding => [0, 0]),
      baseDilation: ones,
      windowDilation: p.windowDilation,
    })];
  },
  batch: (xs, dims, p, size) => windowBatch(reduceWindowSumP, xs, dims, inFront(p), size),
};

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
  abstractEval: (ins, p) => windowAval("any", ins, p),
  lower: (reads, ins, _outs, p) => windowLowering("max", reads, ins, p),
  jvp: (xs, ts, p) => extremeJvp(reduceWindowMaxP, reduceWindowArgmaxP, xs, ts, p),
  batch: (xs, dims, p, size) => windowBatch(reduceWindowMaxP, xs, dims, inFront(p), size),
};

/** `reduce_window_min`: the minimum of each window; NaN if there is one. */
export const reduceWindowMinP: Primitive<WindowParams> = {
  name: "reduce_window_min",
  abstractEval: (ins, p) => windowAval("any", ins, p),
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
  abstractEval: argAval,
  lower: (reads, ins, _outs, p) => argLowering("max", reads, ins, p),
  jvp: (xs, _ts, p) => zeroJvp(reduceWindowArgmaxP, xs, p),
  batch: (xs, dims, p, size) => windowBatch(reduceWindowArgmaxP, xs, dims, inFront(p), size),
};

/** `reduce_window_argmin`: the row-major place of the first minimum within each window; of the first NaN, if there is one. */
export const reduceWindowArgminP: Primitive<WindowParams> = {
  name: "reduce_window_argmin",
  abstractEval: argAval,
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
