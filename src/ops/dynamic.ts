/**
 * Boxes whose place is data, and arrays put together: `dynamic_slice`, `dynamic_update_slice`, `concatenate`.
 *
 * @module
 */
import { partitionByAxis } from "../core/partition.ts";
import { DTypeError, ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, type Shape, shapedArray, shapesEqual } from "../core/aval.ts";
import {
  isUndefinedPrimal,
  type Primitive,
  type Tangent,
  type UndefinedPrimal,
  Zero,
} from "../core/primitive.ts";
import { splitByAxis } from "../core/split.ts";
import { bind1 } from "../core/trace.ts";
import { binary, cast, type Expr, index as indexConst } from "../loopnest/expr.ts";
import { lit, sameDType } from "./common.ts";
import { gatherBatchedSlice, scatterBatchedSlice } from "./batched_slices.ts";
import { batchToFront, broadcastInDim, instantiate } from "./shape.ts";
import { slice } from "./slicing.ts";
import { type DType, isInteger } from "../core/dtype.ts";

// ---------------------------------------------------------------- concatenate

/** Parameters of {@linkcode concatenateP}. */
export interface ConcatenateParams {
  readonly dimension: number;
}

/** `concatenate`: arrays one after the other along an axis. */
export const concatenateP: Primitive<ConcatenateParams> = {
  name: "concatenate",
  onParts: "each",
  split: splitByAxis,
  partition: partitionByAxis((axis, { params }) => axis === params.dimension),
  abstractEval: (ins, { dimension }) => {
    const dtype = sameDType("concatenate", ins);
    const first = ins[0].shape;
    for (const { shape } of ins) {
      const fits = shape.length === first.length && dimension >= 0 && dimension < shape.length &&
        shape.every((n, i) => i === dimension || n === first[i]);
      if (!fits) {
        throw new ShapeError(
          `lax.concatenate: shapes must agree but for axis ${dimension}: got ${
            ins.map((a) => formatShape(a.shape)).join(", ")
          }`,
        );
      }
    }
    const total = ins.reduce((sum, a) => sum + a.shape[dimension], 0);
    return [
      shapedArray(
        first.map((n, i) => i === dimension ? total : n),
        dtype,
        ins.every((a) => a.weakType),
      ),
    ];
  },
  lower: (reads, ins, _outs, { dimension }) => {
    let offset = 0;
    const pieces = ins.map((aval, i) => {
      const offsets = aval.shape.map((_, axis) => axis === dimension ? offset : 0);
      offset += aval.shape[dimension];
      return { offsets, sizes: aval.shape, at: reads[i] };
    });
    return [{ kind: "pieces", pieces }];
  },
  jvp: (xs, ts, { dimension }) => [
    [concatenate(xs, dimension)],
    [concatenate(ts.map((t) => instantiate(t)), dimension)],
  ],
  transpose: ([ct], xs, { dimension }) => {
    let offset = 0;
    return xs.map((x) => {
      const shape: Shape = x.aval.shape;
      const from = offset;
      offset += shape[dimension];
      if (!isUndefinedPrimal(x)) return null;
      if (ct instanceof Zero) return new Zero(x.aval);
      const start = shape.map((_, i) => i === dimension ? from : 0);
      return slice(ct, start, shape.map((n, i) => start[i] + n));
    });
  },
  batch: (xs, dims, { dimension }, size) => [
    [concatenate(xs.map((x, i) => batchToFront(x, dims[i], size)), dimension + 1)],
    [0],
  ],
};

/** Arrays of one dtype, one after the other along `dimension`. */
export function concatenate(xs: readonly NDArray[], dimension: number): NDArray {
  return xs.length === 1 ? xs[0] : bind1(concatenateP, xs, { dimension });
}

// ---------------------------------------------------------------- dynamic_slice

/** Parameters of {@linkcode dynamicSliceP}. */
export interface DynamicSliceParams {
  readonly sliceSizes: Shape;
}

/** The start along an axis, clamped so that the box fits. */
function clampedStart(start: Expr, room: number): Expr {
  const wide = start.dtype === "int32" ? start : cast(start, "int32");
  return binary("min", binary("max", wide, indexConst(0)), indexConst(room));
}

function checkStarts(
  name: string,
  ins: readonly { readonly dtype: DType; readonly shape: Shape }[],
  rank: number,
) {
  const fits = ins.length === rank && ins.every((a) => a.shape.length === 0);
  if (!fits) {
    throw new ShapeError(
      `lax.${name}: needs one 0-d start index for each of ${rank} axes; got ${ins.length}`,
    );
  }
  for (const a of ins) {
    if (!isInteger(a.dtype)) {
      throw new DTypeError(`lax.${name}: start indices must be integers; got ${a.dtype}`);
    }
  }
}

/** `dynamic_slice`: a box of constant size at start indices that are data, clamped to fit. */
export const dynamicSliceP: Primitive<DynamicSliceParams> = {
  name: "dynamic_slice",
  onParts: "each",
  split: splitByAxis,
  partition: partitionByAxis(
    (axis, { ins: [{ shape }], params }) => params.sliceSizes[axis] < shape[axis],
    (shape) => ({ sliceSizes: shape }),
  ),
  abstractEval: ([x, ...starts], { sliceSizes }) => {
    checkStarts("dynamicSlice", starts, x.shape.length);
    const fits = sliceSizes.length === x.shape.length &&
      sliceSizes.every((n, i) => n >= 0 && n <= x.shape[i]);
    if (!fits) {
      throw new ShapeError(
        `lax.dynamicSlice: sizes ${formatShape(sliceSizes)} do not fit in shape ${
          formatShape(x.shape)
        }`,
      );
    }
    return [shapedArray(sliceSizes, x.dtype, x.weakType)];
  },
  lower: ([read, ...starts], [x], _outs, { sliceSizes }) => [{
    kind: "map",
    at: (i) =>
      read(
        i.map((e, axis) =>
          binary("add", e, clampedStart(starts[axis]([]), x.shape[axis] - sliceSizes[axis]))
        ),
      ),
  }],
  jvp: ([x, ...starts], [t], p) => {
    const out = bind1(dynamicSliceP, [x, ...starts], p);
    return [[out], [
      t instanceof Zero ? new Zero(out.aval) : bind1(dynamicSliceP, [t, ...starts], p),
    ]];
  },
  transpose: ([ct], [x, ...starts]) => {
    const aval = (x as UndefinedPrimal).aval;
    if (ct instanceof Zero) return [new Zero(aval), ...starts.map(() => null)];
    const zeros = broadcastInDim(lit(ct, 0), aval.shape, []);
    return [dynamicUpdateSlice(zeros, ct, starts as NDArray[]), ...starts.map(() => null)];
  },
  batch: ([x, ...starts], [dx, ...ds], { sliceSizes }, size) => {
    if (ds.every((d) => d === null)) {
      const d = dx!;
      const zero = lit(starts[0] ?? { dtype: "int32" } as NDArray, 0);
      const lifted = [...starts.slice(0, d), zero, ...starts.slice(d)];
      const sizes = [...sliceSizes.slice(0, d), size, ...sliceSizes.slice(d)];
      return [[bind1(dynamicSliceP, [x, ...lifted], { sliceSizes: sizes })], [d]];
    }
    return [[gatherBatchedSlice(x, dx, starts, ds, sliceSizes, size)], [0]];
  },
};

/** The box of `sliceSizes` at `starts` (0-d integers), clamped to fit. */
export function dynamicSlice(x: NDArray, starts: readonly NDArray[], sliceSizes: Shape): NDArray {
  return bind1(dynamicSliceP, [x, ...starts], { sliceSizes });
}

// ---------------------------------------------------------------- dynamic_update_slice

/** `dynamic_update_slice`: a copy with a box replaced, at start indices that are data, clamped to fit. */
export const dynamicUpdateSliceP: Primitive<Readonly<Record<never, never>>> = {
  name: "dynamic_update_slice",
  onParts: "each",
  partition: partitionByAxis((axis, { ins: [x, update] }) => update.shape[axis] < x.shape[axis]),
  abstractEval: ([x, update, ...starts]) => {
    checkStarts("dynamicUpdateSlice", starts, x.shape.length);
    sameDType("dynamicUpdateSlice", [x, update]);
    const fits = update.shape.length === x.shape.length &&
      update.shape.every((n, i) => n <= x.shape[i]);
    if (!fits) {
      throw new ShapeError(
        `lax.dynamicUpdateSlice: an update of shape ${
          formatShape(update.shape)
        } does not fit in shape ${formatShape(x.shape)}`,
      );
    }
    return [x];
  },
  lower: ([, readUpdate, ...starts], [x, update]) => [{
    kind: "update",
    operand: 0,
    sizes: update.shape,
    index: (u) =>
      u.map((e, axis) =>
        binary("add", e, clampedStart(starts[axis]([]), x.shape[axis] - update.shape[axis]))
      ),
    value: (u) => readUpdate(u),
    unique: true,
  }],
  jvp: ([x, update, ...starts], [tx, tu]) => {
    const out = dynamicUpdateSlice(x, update, starts);
    if (tx instanceof Zero && tu instanceof Zero) return [[out], [new Zero(out.aval)]];
    return [[out], [dynamicUpdateSlice(instantiate(tx), instantiate(tu), starts)]];
  },
  transpose: ([ct], [x, update, ...starts]) => {
    const none = starts.map(() => null);
    const avalOf = (v: NDArray | UndefinedPrimal) => v.aval;
    const linear = (v: NDArray | UndefinedPrimal, fn: (c: NDArray) => NDArray): Tangent | null => {
      if (!isUndefinedPrimal(v)) return null;
      return ct instanceof Zero ? new Zero(v.aval) : fn(ct);
    };
    const at = starts as NDArray[];
    const sizes = avalOf(update).shape;
    return [
      linear(x, (c) => dynamicUpdateSlice(c, broadcastInDim(lit(c, 0), sizes, []), at)),
      linear(update, (c) => dynamicSlice(c, at, sizes)),
      ...none,
    ];
  },
  batch: ([x, update, ...starts], [dx, du, ...ds], _p, size) => {
    if (ds.every((d) => d === null)) {
      const zero = lit(starts[0] ?? { dtype: "int32" } as NDArray, 0);
      const out = dynamicUpdateSlice(batchToFront(x, dx, size), batchToFront(update, du, size), [
        zero,
        ...starts,
      ]);
      return [[out], [0]];
    }
    return [[scatterBatchedSlice(x, dx, update, du, starts, ds, size)], [0]];
  },
};

/** `x` with the box at `starts` replaced by `update`. */
export function dynamicUpdateSlice(
  x: NDArray,
  update: NDArray,
  starts: readonly NDArray[],
): NDArray {
  if (x.ndim === 0 && shapesEqual(x.shape, update.shape)) return update;
  return bind1(dynamicUpdateSliceP, [x, update, ...starts], {});
}
