/**
 * Primitives that move elements without changing them: broadcast, reshape, transpose, and the sum that transposes a broadcast. A family closed under its own rules.
 *
 * @module
 */
import { namesAlong, partitionReduced, partShape, splitAs } from "../core/partition.ts";
import { ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, type Shape, shapedArray, shapesEqual, sizeOf } from "../core/aval.ts";
import { type Primitive, type Tangent, Zero } from "../core/primitive.ts";
import { sameSplit, splitReduced, splitReshaped, takeAxes } from "../core/split.ts";
import { bind1 } from "../core/trace.ts";
import { binary, cast, type Expr, index as indexConst } from "../loopnest/expr.ts";
import {
  axisToFront,
  type AxisTools,
  checkAccepts,
  literal,
  type NoParams,
  noParams,
} from "./common.ts";
import type { DType } from "../core/dtype.ts";

/** Applies a linear, structural operation to a tangent. */
export function mapTangent(
  tangent: Tangent,
  primal: NDArray,
  fn: (x: NDArray) => NDArray,
): Tangent {
  return tangent instanceof Zero ? new Zero(primal.aval) : fn(tangent);
}

// ---------------------------------------------------------------- broadcast_in_dim

/** Parameters of {@linkcode broadcastInDimP}. */
export interface BroadcastInDimParams {
  readonly shape: Shape;
  /** The result axis that each operand axis becomes. */
  readonly broadcastDimensions: readonly number[];
}

/** `broadcast_in_dim`: operand axis `i` becomes result axis `dims[i]`; size 1 stretches. */
export const broadcastInDimP: Primitive<BroadcastInDimParams> = {
  name: "broadcast_in_dim",
  onParts: "each",
  abstractEval: ([x], { shape, broadcastDimensions: dims }) => {
    if (dims.length !== x.shape.length) {
      throw new ShapeError(
        `lax.broadcastInDim: broadcastDimensions must name one axis for each of the operand's ${x.shape.length}; got [${dims}]`,
      );
    }
    dims.forEach((d, i) => {
      const fits = d >= 0 && d < shape.length && (i === 0 || dims[i - 1] < d) &&
        (x.shape[i] === shape[d] || x.shape[i] === 1);
      if (!fits) {
        throw new ShapeError(
          `lax.broadcastInDim: operand of shape ${formatShape(x.shape)} does not fit shape ${
            formatShape(shape)
          } at axes [${dims}]: each size must be equal or 1, and axes must increase`,
        );
      }
    });
    return [shapedArray(shape, x.dtype, x.weakType)];
  },
  lower: ([read], [x], _outs, { broadcastDimensions: dims }) => [{
    kind: "map",
    at: (i) => read(dims.map((d, axis) => x.shape[axis] === 1 ? indexConst(0) : i[d])),
  }],
  partition: ({ ins: [x], wanted: [wanted], params: { shape, broadcastDimensions } }) => {
    const axes = broadcastDimensions.map((d, axis) => x.shape[axis] === shape[d] ? d : null);
    const params = { shape: partShape(shape, wanted), broadcastDimensions };
    return { operands: [splitAs(wanted, axes, x.shape)], params };
  },
  split: ([split], [x], [out], { shape, broadcastDimensions: dims }) => {
    const from = shape.map((n, d) => {
      const axis = dims.indexOf(d);
      return axis >= 0 && x.shape[axis] === n ? axis : null;
    });
    return [takeAxes(split, from, out.shape)];
  },
  jvp: ([x], [t], { shape, broadcastDimensions }) => {
    const out = broadcastInDim(x, shape, broadcastDimensions);
    return [[out], [mapTangent(t, out, (t) => broadcastInDim(t, shape, broadcastDimensions))]];
  },
  transpose: ([ct], [x], { shape, broadcastDimensions: dims }) => {
    if (ct instanceof Zero) return [new Zero(x.aval)];
    const summed = shape.map((_, d) => d).filter((d) => {
      const axis = dims.indexOf(d);
      return axis < 0 || (x.aval.shape[axis] === 1 && shape[d] !== 1);
    });
    const kept = reduceSum(ct, summed);
    return [reshape(kept, x.aval.shape)];
  },
  batch: ([x], [dim], { shape, broadcastDimensions }, size) => {
    const front = axisToFront(axisTools, x, dim!);
    return [
      [broadcastInDim(front, [size, ...shape], [0, ...broadcastDimensions.map((d) => d + 1)])],
      [0],
    ];
  },
};

/** Places `x`'s axis `i` at axis `dims[i]` of `shape`, stretching sizes of 1. */
export function broadcastInDim(x: NDArray, shape: Shape, dims: readonly number[]): NDArray {
  if (shapesEqual(x.shape, shape) && dims.every((d, i) => d === i)) return x;
  return bind1(broadcastInDimP, [x], { shape, broadcastDimensions: dims });
}

/** Stretches a 0-d or equal-shaped array to `shape`. */
export function fullLike(x: NDArray, shape: Shape): NDArray {
  return x.ndim === 0 ? broadcastInDim(x, shape, []) : x;
}

/** An array of zeros for a symbolic zero. */
export function instantiate(tangent: Tangent): NDArray {
  if (!(tangent instanceof Zero)) return tangent;
  const { shape, dtype } = tangent.aval;
  return broadcastInDim(literal(0, dtype), shape, []);
}

// ---------------------------------------------------------------- reshape

/** Parameters of {@linkcode reshapeP}. */
export interface ReshapeParams {
  readonly newSizes: Shape;
}

/** `reshape`: the same elements, row-major, in another shape. */
export const reshapeP: Primitive<ReshapeParams> = {
  name: "reshape",
  onParts: "each",
  abstractEval: ([x], { newSizes }) => {
    if (sizeOf(newSizes) !== x.size) {
      throw new ShapeError(
        `lax.reshape: cannot turn shape ${formatShape(x.shape)} (${x.size} elements) into ${
          formatShape(newSizes)
        } (${sizeOf(newSizes)} elements)`,
      );
    }
    return [shapedArray(newSizes, x.dtype, x.weakType)];
  },
  lower: () => [{ kind: "alias", operand: 0 }],
  split: ([split], [x], [out]) => [splitReshaped(split, x.shape, out.shape)],
  partition: ({ ins: [x], outs: [out], wanted: [wanted] }) => {
    const operand = splitReshaped(wanted, out.shape, x.shape);
    // What does not come back the same way is computed whole.
    if (!sameSplit(splitReshaped(operand, x.shape, out.shape), wanted)) return null;
    return { operands: [operand], params: { newSizes: partShape(out.shape, wanted) } };
  },
  jvp: ([x], [t], { newSizes }) => {
    const out = reshape(x, newSizes);
    return [[out], [mapTangent(t, out, (t) => reshape(t, newSizes))]];
  },
  transpose: ([ct], [x]) => [ct instanceof Zero ? new Zero(x.aval) : reshape(ct, x.aval.shape)],
  batch: ([x], [dim], { newSizes }, size) => [
    [reshape(axisToFront(axisTools, x, dim!), [size, ...newSizes])],
    [0],
  ],
};

/** The same elements in another shape of as many; all sizes given. */
export function reshape(x: NDArray, shape: Shape): NDArray {
  if (shapesEqual(x.shape, shape)) return x;
  return bind1(reshapeP, [x], { newSizes: shape });
}

// ---------------------------------------------------------------- squeeze

/** Parameters of {@linkcode squeezeP}. */
export interface SqueezeParams {
  readonly dimensions: readonly number[];
}

/** `squeeze`: drops axes of size 1. */
export const squeezeP: Primitive<SqueezeParams> = {
  name: "squeeze",
  onParts: "each",
  abstractEval: ([x], { dimensions }) => {
    for (const d of dimensions) {
      if (x.shape[d] !== 1) {
        throw new ShapeError(
          `lax.squeeze: axis ${d} of shape ${formatShape(x.shape)} has size ${x.shape[d]}, not 1`,
        );
      }
    }
    return [shapedArray(x.shape.filter((_, i) => !dimensions.includes(i)), x.dtype, x.weakType)];
  },
  lower: () => [{ kind: "alias", operand: 0 }],
  split: (operands, ins, outs, { dimensions: axes }) => splitReduced(operands, ins, outs, { axes }),
  partition: ({ ins: [x], wanted: [wanted], params: { dimensions } }) => {
    let next = 0;
    const axes = x.shape.map((_, axis) => dimensions.includes(axis) ? null : next++);
    return { operands: [splitAs(wanted, axes, x.shape)] };
  },
  jvp: ([x], [t], { dimensions }) => {
    const out = squeeze(x, dimensions);
    return [[out], [mapTangent(t, out, (t) => squeeze(t, dimensions))]];
  },
  transpose: ([ct], [x]) => [ct instanceof Zero ? new Zero(x.aval) : reshape(ct, x.aval.shape)],
  batch: ([x], [dim], { dimensions }) => {
    const front = axisToFront(axisTools, x, dim!);
    return [[squeeze(front, dimensions.map((d) => d + 1))], [0]];
  },
};

/** Drops axes of size 1 (non-negative, given). */
export function squeeze(x: NDArray, dimensions: readonly number[]): NDArray {
  if (dimensions.length === 0) return x;
  return bind1(squeezeP, [x], { dimensions });
}

// ---------------------------------------------------------------- transpose

/** Parameters of {@linkcode transposeP}. */
export interface TransposeParams {
  readonly permutation: readonly number[];
}

/** `transpose`: result axis `i` is operand axis `permutation[i]`. */
export const transposeP: Primitive<TransposeParams> = {
  name: "transpose",
  onParts: "each",
  abstractEval: ([x], { permutation }) => {
    const sorted = [...permutation].sort((a, b) => a - b);
    if (permutation.length !== x.shape.length || sorted.some((p, i) => p !== i)) {
      throw new ShapeError(
        `lax.transpose: [${permutation}] is not a permutation of the ${x.shape.length} axes of shape ${
          formatShape(x.shape)
        }`,
      );
    }
    return [shapedArray(permutation.map((p) => x.shape[p]), x.dtype, x.weakType)];
  },
  lower: ([read], _ins, _outs, { permutation }) => [{
    kind: "map",
    at: (i) => {
      const source: Expr[] = [];
      permutation.forEach((p, axis) => source[p] = i[axis]);
      return read(source);
    },
  }],
  split: ([split], _ins, [out], { permutation }) => [takeAxes(split, permutation, out.shape)],
  partition: ({ ins: [x], wanted: [wanted], params: { permutation } }) => {
    const axes = x.shape.map((_, axis) => permutation.indexOf(axis));
    return { operands: [splitAs(wanted, axes, x.shape)] };
  },
  jvp: ([x], [t], { permutation }) => {
    const out = transpose(x, permutation);
    return [[out], [mapTangent(t, out, (t) => transpose(t, permutation))]];
  },
  transpose: ([ct], [x], { permutation }) => {
    if (ct instanceof Zero) return [new Zero(x.aval)];
    const inverse: number[] = [];
    permutation.forEach((p, i) => inverse[p] = i);
    return [transpose(ct, inverse)];
  },
  batch: ([x], [dim], { permutation }) => {
    const d = dim!;
    const lifted = permutation.map((p) => p < d ? p : p + 1);
    return [[transpose(x, [d, ...lifted])], [0]];
  },
};

/** Permutes axes. */
export function transpose(x: NDArray, permutation: readonly number[]): NDArray {
  if (permutation.length === x.ndim && permutation.every((p, i) => p === i)) return x;
  return bind1(transposeP, [x], { permutation });
}

/** Moves one axis to another place. */
export function moveAxis(x: NDArray, from: number, to: number): NDArray {
  if (from === to) return x;
  const rest = x.shape.map((_, i) => i).filter((i) => i !== from);
  rest.splice(to, 0, from);
  return transpose(x, rest);
}

// ---------------------------------------------------------------- reduce_sum

/** Parameters of the plain reductions. */
export interface ReduceParams {
  readonly axes: readonly number[];
}

/** The shape that remains when `axes` are reduced. */
export function reducedShape(shape: Shape, axes: readonly number[]): Shape {
  return shape.filter((_, i) => !axes.includes(i));
}

/** The operand index of a reduction, from the index of the result and that of the reduced box. */
export function reductionIndex(
  rank: number,
  axes: readonly number[],
  i: readonly Expr[],
  r: readonly Expr[],
): Expr[] {
  const source: Expr[] = [];
  let next = 0;
  for (let axis = 0; axis < rank; axis++) {
    const at = axes.indexOf(axis);
    source.push(at >= 0 ? r[at] : i[next++]);
  }
  return source;
}

/** `reduce_sum`: the sum over some axes. Linear; transposes to a broadcast. */
export const reduceSumP: Primitive<ReduceParams> = {
  name: "reduce_sum",
  onParts: "each",
  abstractEval: ([x], { axes }) => {
    checkAccepts("reduceSum", x.dtype, "number");
    checkAxes("reduceSum", x.shape, axes);
    return [shapedArray(reducedShape(x.shape, axes), x.dtype, x.weakType)];
  },
  lower: ([read], [x], _outs, { axes }) => [{
    kind: "reduce",
    op: "add",
    sizes: axes.map((a) => x.shape[a]),
    at: (i, r) => read(reductionIndex(x.shape.length, axes, i, r)),
  }],
  split: splitReduced,
  partition: partitionReduced("psum"),
  jvp: ([x], [t], { axes }) => {
    const out = reduceSum(x, axes);
    return [[out], [mapTangent(t, out, (t) => reduceSum(t, axes))]];
  },
  transpose: ([ct], [x], { axes }) => {
    if (ct instanceof Zero) return [new Zero(x.aval)];
    const shape = x.aval.shape;
    const dims = shape.map((_, i) => i).filter((i) => !axes.includes(i));
    return [broadcastInDim(ct, shape, dims)];
  },
  batch: ([x], [dim], { axes }) => [
    [reduceSum(x, axes.map((a) => a < dim! ? a : a + 1))],
    [reducedBatchDim(dim!, axes)],
  ],
};

/** Where the mapped axis is after a reduction over `axes` (numbered without it). */
export function reducedBatchDim(dim: number, axes: readonly number[]): number {
  return dim - axes.filter((a) => a < dim).length;
}

/** Checks that axes are valid and distinct. */
export function checkAxes(name: string, shape: Shape, axes: readonly number[]): void {
  for (const a of axes) {
    if (!Number.isInteger(a) || a < 0 || a >= shape.length) {
      throw new ShapeError(`lax.${name}: axis ${a} is not an axis of shape ${formatShape(shape)}`);
    }
  }
  if (new Set(axes).size !== axes.length) {
    throw new ShapeError(`lax.${name}: axes [${axes}] must be distinct`);
  }
}

/** The sum over `axes`. */
export function reduceSum(x: NDArray, axes: readonly number[]): NDArray {
  if (axes.length === 0) return x;
  return bind1(reduceSumP, [x], { axes });
}

// ---------------------------------------------------------------- iota

/** Parameters of {@linkcode iotaP}. */
export interface IotaParams {
  readonly dtype: Exclude<DType, "bool" | "complex64" | "complex128" | "key<fry>">;
  readonly shape: Shape;
  readonly dimension: number;
}

/** `iota`: counts along one axis; from where an operand says, int32, if there is one, whose axes then come first. */
export const iotaP: Primitive<IotaParams> = {
  name: "iota",
  abstractEval: ([start], { dtype, shape }) => [
    shapedArray([...start?.shape ?? [], ...shape], dtype),
  ],
  lower: ([read], [start], _outs, { dtype, dimension }) => [{
    kind: "map",
    at: (i) => {
      if (start === undefined) return cast(i[dimension], dtype);
      const { length } = start.shape;
      const place = cast(i[length + dimension], "int32");
      return cast(binary("add", place, read(i.slice(0, length))), dtype);
    },
  }],
  partition: ({ ins, wanted: [wanted], params }) => {
    if (ins.length > 0) return null;
    const shape = partShape(params.shape, wanted);
    const local = { ...params, shape };
    const names = namesAlong(wanted, params.dimension);
    if (names.length === 0) return { operands: [], params: local };
    return {
      operands: [],
      apply: (_parts, place) => [bind1(iotaP, [place(names, shape[params.dimension])], local)],
    };
  },
  batch: ([start], [dim], p) => [[bind1(iotaP, [axisToFront(axisTools, start, dim!)], p)], [0]],
};

/** `0, 1, 2, …` along `dimension` of `shape`. */
export function iota(dtype: IotaParams["dtype"], shape: Shape, dimension = 0): NDArray {
  return bind1(iotaP, [], { dtype, shape, dimension });
}

/** The axis tools of this family, for the batching rules of others. */
export const axisTools: AxisTools = { broadcastInDim, transpose };

/** Moves a mapped axis to the front, or stretches an unmapped operand to have one. */
export function batchToFront(x: NDArray, dim: number | null, size: number): NDArray {
  if (dim !== null) return axisToFront(axisTools, x, dim);
  return broadcastInDim(x, [size, ...x.shape], x.shape.map((_, i) => i + 1));
}

// ---------------------------------------------------------------- copy

/** `copy`: a new array with the same elements. */
export const copyP: Primitive<NoParams> = {
  name: "copy",
  onParts: "each",
  abstractEval: ([x]) => [x],
  lower: ([read]) => [{ kind: "map", at: read }],
  jvp: ([x], [t]) => [[copy(x)], [t instanceof Zero ? t : copy(t)]],
  transpose: ([ct]) => [ct],
  batch: ([x], [dim]) => [[copy(x)], [dim]],
};

/** A copy of `x`. */
export function copy(x: NDArray): NDArray {
  return bind1(copyP, [x], noParams);
}
