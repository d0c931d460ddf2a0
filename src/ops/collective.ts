/**
 * Collectives: operations across the examples of a named, mapped axis.
 *
 * Each stays as it is until the `vmap` that binds its axis meets it; that one turns it into operations along the mapped axis. What
 * is the same for all examples comes out unmapped.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { type Shape, shapedArray } from "../core/aval.ts";
import type { AxisName } from "../core/axis_env.ts";
import { type AnyPrimitive, type JvpRule, type Primitive, Zero } from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";
import { div, mul } from "./arith.ts";
import { axisToFront, lit } from "./common.ts";
import { convertElementType } from "./convert.ts";
import { concatenate } from "./dynamic.ts";
import { eq } from "./logic.ts";
import { reduceMax, reduceMin } from "./reduce.ts";
import { unaryBatch, unaryJvp } from "./rules.ts";
import { axisTools, batchToFront, iota, moveAxis, reduceSum, reshape } from "./shape.ts";
import { slice } from "./slicing.ts";

/** Parameters of the collectives. */
export interface AxisParams {
  readonly axisName: AxisName;
}

/** The jvp of a collective that is linear: itself, of the tangent. */
function linearJvp<P>(primitive: () => Primitive<P>): JvpRule<P> {
  return ([x], [t], p) =>
    unaryJvp(bind1(primitive(), [x], p), t, (t) => bind1(primitive(), [t], p));
}

// ---------------------------------------------------------------- psum, pmax, pmin

/** `psum`: the sum over all examples. Linear; its transpose is itself. */
export const psumP: Primitive<AxisParams> = {
  name: "psum",
  onParts: "each",
  abstractEval: ([x]) => [x],
  jvp: linearJvp(() => psumP),
  transpose: ([ct], [x], p) => [ct instanceof Zero ? new Zero(x.aval) : bind1(psumP, [ct], p)],
  batch: (xs, dims, p) => unaryBatch(psumP, xs, dims, p),
  collective: {
    axisName: (p) => p.axisName,
    batch: (
      [x],
      [dim],
      _p,
      size,
    ) => [[dim === null ? mul(x, lit(x, size)) : reduceSum(x, [dim])], [null]],
  },
};

/** The sum over all examples of a named axis. */
export function psum(x: NDArray, axisName: AxisName): NDArray {
  return bind1(psumP, [x], { axisName });
}

/** The jvp of `pmax` and `pmin`: the mean of the tangents of those examples that are the extreme. */
function extremeJvp(primitive: AnyPrimitive): JvpRule<AxisParams> {
  return ([x], [t], p) => {
    const out = bind1(primitive, [x], p);
    return unaryJvp(out, t, (t) => {
      const isExtreme = convertElementType(eq(x, out), x.dtype);
      return div(psum(mul(t, isExtreme), p.axisName), psum(isExtreme, p.axisName));
    });
  };
}

/** `pmax`: the maximum over all examples. */
export const pmaxP: Primitive<AxisParams> = {
  name: "pmax",
  abstractEval: ([x]) => [x],
  jvp: (xs, ts, p) => extremeJvp(pmaxP)(xs, ts, p),
  batch: (xs, dims, p) => unaryBatch(pmaxP, xs, dims, p),
  collective: {
    axisName: (p) => p.axisName,
    batch: ([x], [dim]) => [[dim === null ? x : reduceMax(x, [dim])], [null]],
  },
};

/** The maximum over all examples of a named axis. */
export function pmax(x: NDArray, axisName: AxisName): NDArray {
  return bind1(pmaxP, [x], { axisName });
}

/** `pmin`: the minimum over all examples. */
export const pminP: Primitive<AxisParams> = {
  name: "pmin",
  abstractEval: ([x]) => [x],
  jvp: (xs, ts, p) => extremeJvp(pminP)(xs, ts, p),
  batch: (xs, dims, p) => unaryBatch(pminP, xs, dims, p),
  collective: {
    axisName: (p) => p.axisName,
    batch: ([x], [dim]) => [[dim === null ? x : reduceMin(x, [dim])], [null]],
  },
};

/** The minimum over all examples of a named axis. */
export function pmin(x: NDArray, axisName: AxisName): NDArray {
  return bind1(pminP, [x], { axisName });
}

// ---------------------------------------------------------------- axis_index

/** `axis_index`: the number of the example, int32. */
export const axisIndexP: Primitive<AxisParams> = {
  name: "axis_index",
  abstractEval: () => [shapedArray([], "int32")],
  collective: {
    axisName: (p) => p.axisName,
    batch: (_xs, _dims, _p, size) => [[iota("int32", [size])], [0]],
  },
};

/** The number of the example along a named axis. */
export function axisIndex(axisName: AxisName): NDArray {
  return bind1(axisIndexP, [], { axisName });
}

// ---------------------------------------------------------------- all_gather

/** Parameters of {@linkcode allGatherP}. */
export interface AllGatherParams extends AxisParams {
  readonly axisSize: number;
  /** The axis of the result along which the examples lie. */
  readonly allGatherDimension: number;
  /** Whether they are put behind each other along an axis that is there, and not along a new one. */
  readonly tiled: boolean;
}

/** Two neighbouring axes made one. */
function mergeAxes(x: NDArray, at: number): NDArray {
  const { shape } = x;
  return reshape(x, [...shape.slice(0, at), shape[at] * shape[at + 1], ...shape.slice(at + 2)]);
}

/** One axis made two, the first of size `size`. */
function splitAxis(x: NDArray, at: number, size: number): NDArray {
  const { shape } = x;
  // An axis of no examples has parts of unknown size, of which there are none.
  const part = size === 0 ? 0 : shape[at] / size;
  return reshape(x, [...shape.slice(0, at), size, part, ...shape.slice(at + 1)]);
}

/** `shape` with the size of one axis replaced. */
function withSize(shape: Shape, axis: number, size: number): Shape {
  return shape.map((n, i) => i === axis ? size : n);
}

/** `all_gather`: each example gets the values of all. Linear; transposes to `reduce_scatter`. */
export const allGatherP: Primitive<AllGatherParams> = {
  name: "all_gather",
  onParts: "each",
  abstractEval: ([{ shape, dtype, weakType }], { axisSize, allGatherDimension: at, tiled }) => [
    shapedArray(
      tiled
        ? withSize(shape, at, shape[at] * axisSize)
        : [...shape.slice(0, at), axisSize, ...shape.slice(at)],
      dtype,
      weakType,
    ),
  ],
  jvp: linearJvp(() => allGatherP),
  transpose: ([ct], [x], { axisName, axisSize, allGatherDimension, tiled }) => [
    ct instanceof Zero ? new Zero(x.aval) : bind1(reduceScatterP, [ct], {
      axisName,
      axisSize,
      scatterDimension: allGatherDimension,
      tiled,
    }),
  ],
  batch: ([x], [dim], p) => {
    const front = axisToFront(axisTools, x, dim!);
    return [
      [bind1(allGatherP, [front], { ...p, allGatherDimension: p.allGatherDimension + 1 })],
      [0],
    ];
  },
  collective: {
    axisName: (p) => p.axisName,
    batch: ([x], [dim], { allGatherDimension: at, tiled }, size) => {
      const all = dim === null ? batchToFront(x, null, size) : x;
      const gathered = moveAxis(all, dim ?? 0, at);
      return [[tiled ? mergeAxes(gathered, at) : gathered], [null]];
    },
  },
};

/** The values of all examples of a named axis. */
export function allGather(x: NDArray, params: AllGatherParams): NDArray {
  return bind1(allGatherP, [x], params);
}

// ---------------------------------------------------------------- reduce_scatter

/** Parameters of {@linkcode reduceScatterP}. */
export interface ReduceScatterParams extends AxisParams {
  readonly axisSize: number;
  /** The axis of the sum of which each example gets its part. */
  readonly scatterDimension: number;
  /** Whether the part keeps the axis (of an nth of the size); else the axis has one element per example, and goes. */
  readonly tiled: boolean;
}

/** `reduce_scatter`: each example gets its part of the sum over all. Linear; transposes to `all_gather`. */
export const reduceScatterP: Primitive<ReduceScatterParams> = {
  name: "reduce_scatter",
  onParts: "each",
  abstractEval: ([{ shape, dtype, weakType }], { axisSize, scatterDimension: at, tiled }) => {
    const part = tiled
      ? withSize(shape, at, axisSize === 0 ? 0 : shape[at] / axisSize)
      : shape.filter((_, i) => i !== at);
    return [shapedArray(part, dtype, weakType)];
  },
  jvp: linearJvp(() => reduceScatterP),
  transpose: ([ct], [x], { axisName, axisSize, scatterDimension, tiled }) => [
    ct instanceof Zero ? new Zero(x.aval) : bind1(allGatherP, [ct], {
      axisName,
      axisSize,
      allGatherDimension: scatterDimension,
      tiled,
    }),
  ],
  batch: ([x], [dim], p) => {
    const front = axisToFront(axisTools, x, dim!);
    return [
      [bind1(reduceScatterP, [front], { ...p, scatterDimension: p.scatterDimension + 1 })],
      [0],
    ];
  },
  collective: {
    axisName: (p) => p.axisName,
    batch: ([x], [dim], { scatterDimension: at, tiled }, size) => {
      const sum = dim === null ? mul(x, lit(x, size)) : reduceSum(x, [dim]);
      return [[tiled ? splitAxis(sum, at, size) : sum], [at]];
    },
  },
};

/** Each example's part of the sum over a named axis, which the axis that is dealt out must allow. */
export function reduceScatter(x: NDArray, params: ReduceScatterParams): NDArray {
  return bind1(reduceScatterP, [x], params);
}

// ---------------------------------------------------------------- all_to_all

/** Parameters of {@linkcode allToAllP}. */
export interface AllToAllParams extends AxisParams {
  readonly axisSize: number;
  /** The axis that is cut into as many parts as there are examples: part `i` goes to example `i`. */
  readonly splitAxis: number;
  /** The axis along which each example puts the parts it gets behind each other. */
  readonly concatAxis: number;
}

/** `all_to_all`: each example hands a part to each other. Linear; transposes to itself, axes exchanged. */
export const allToAllP: Primitive<AllToAllParams> = {
  name: "all_to_all",
  onParts: "each",
  abstractEval: ([{ shape, dtype, weakType }], { axisSize, splitAxis, concatAxis }) => {
    const cut = withSize(shape, splitAxis, axisSize === 0 ? 0 : shape[splitAxis] / axisSize);
    return [shapedArray(withSize(cut, concatAxis, cut[concatAxis] * axisSize), dtype, weakType)];
  },
  jvp: linearJvp(() => allToAllP),
  transpose: ([ct], [x], p) => [
    ct instanceof Zero
      ? new Zero(x.aval)
      : bind1(allToAllP, [ct], { ...p, splitAxis: p.concatAxis, concatAxis: p.splitAxis }),
  ],
  batch: ([x], [dim], p) => {
    const front = axisToFront(axisTools, x, dim!);
    const lifted = { ...p, splitAxis: p.splitAxis + 1, concatAxis: p.concatAxis + 1 };
    return [[bind1(allToAllP, [front], lifted)], [0]];
  },
  collective: {
    axisName: (p) => p.axisName,
    batch: ([x], [dim], { splitAxis: at, concatAxis }, size) => {
      // Axes: who sends, then the operand's, the one that is cut as two: who receives, and the part.
      const cut = splitAxis(batchToFront(x, dim, size), at + 1, size);
      const target = concatAxis < at ? concatAxis : concatAxis + 1;
      const moved = moveAxis(cut, 0, target);
      return [[mergeAxes(moved, target)], [at]];
    },
  },
};

/** Parts exchanged between all examples of a named axis, by whose size the axis that is cut must be divisible. */
export function allToAll(x: NDArray, params: AllToAllParams): NDArray {
  return bind1(allToAllP, [x], params);
}

// ---------------------------------------------------------------- ppermute

/** Parameters of {@linkcode ppermuteP}. */
export interface PpermuteParams extends AxisParams {
  /** Pairs: from which example, to which. */
  readonly perm: readonly (readonly [source: number, target: number])[];
}

/** `ppermute`: the value of one example goes to another. Linear; transposes to the inverse. */
export const ppermuteP: Primitive<PpermuteParams> = {
  name: "ppermute",
  onParts: "each",
  abstractEval: ([x]) => [x],
  jvp: linearJvp(() => ppermuteP),
  transpose: ([ct], [x], { axisName, perm }) => [
    ct instanceof Zero ? new Zero(x.aval) : ppermute(ct, axisName, perm.map(([s, t]) => [t, s])),
  ],
  batch: (xs, dims, p) => unaryBatch(ppermuteP, xs, dims, p),
  collective: {
    axisName: (p) => p.axisName,
    batch: ([x], [dim], { perm }) => {
      const source: number[] = [];
      for (const [from, to] of perm) source[to] = from;
      return dim === null ? [[x], [null]] : [[permuteAlong(x, dim, source)], [dim]];
    },
  },
};

/** Reorders one axis: place `i` gets what was at `source[i]`. Neighbours that stay neighbours are copied as one. */
function permuteAlong(x: NDArray, axis: number, source: readonly number[]): NDArray {
  const runs: NDArray[] = [];
  for (let i = 0; i < source.length;) {
    const from = source[i];
    let to = from + 1;
    while (++i < source.length && source[i] === to) to++;
    runs.push(slice(
      x,
      x.shape.map((_, a) => a === axis ? from : 0),
      x.shape.map((n, a) => a === axis ? to : n),
    ));
  }
  return runs.length === 0 ? x : concatenate(runs, axis);
}

/** The values of the examples of a named axis, exchanged. `perm` is a permutation of them all. */
export function ppermute(
  x: NDArray,
  axisName: AxisName,
  perm: PpermuteParams["perm"],
): NDArray {
  return bind1(ppermuteP, [x], { axisName, perm });
}
