/**
 * `gather` and `scatter`, with XLA's dimension numbers and batching axes: what indexing by arrays stands on. See
 * https://openxla.org/xla/operation_semantics#gather. A family closed under its own rules: the transpose of a gather is a
 * scatter that adds, and the other way round.
 *
 * @module
 */
import { DifferentiationError, DTypeError, ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, type Shape, type ShapedArray, shapedArray } from "../core/aval.ts";
import type { Access, Lowered } from "../core/lowering.ts";
import {
  type AnyPrimitive,
  isUndefinedPrimal,
  type Parts,
  type Primitive,
  type Tangent,
  type UndefinedPrimal,
  Zero,
} from "../core/primitive.ts";
import { mergeSplits, takeAxes } from "../core/split.ts";
import { bind1 } from "../core/trace.ts";
import {
  binary,
  cast,
  constant,
  type Expr,
  index as indexConst,
  select as selectExpr,
} from "../loopnest/expr.ts";
import type { ReduceOp } from "../loopnest/ir.ts";
import { div, mul } from "./arith.ts";
import { axisToFront, lit, sameDType } from "./common.ts";
import { gatherAxes, partitionGather, partitionScatterAdd, windowSizes } from "./gather_axes.ts";
import { eq } from "./logic.ts";
import { convertElementType } from "./convert.ts";
import { axisTools, batchToFront, broadcastInDim, instantiate, iota, reshape } from "./shape.ts";
import { dtypeInfo, integerLimits, isFloating, isInteger, isSigned } from "../core/dtype.ts";

/** What happens to an index out of bounds: moved to the nearest valid one, or answered with a fill value (writes: dropped). */
export type GatherMode = "clip" | "fill_or_drop" | "promise_in_bounds";

/** Which axes of a gather are what. */
export interface GatherDimensionNumbers {
  /** Axes of the result that run over the slice. */
  readonly offsetDims: readonly number[];
  /** Operand axes of slice size 1 that the result does not have. */
  readonly collapsedSliceDims: readonly number[];
  /** The operand axis that each component of an index vector (last axis of the indices) starts at. */
  readonly startIndexMap: readonly number[];
  /** Operand axes that pair with axes of the indices. */
  readonly operandBatchingDims: readonly number[];
  readonly startIndicesBatchingDims: readonly number[];
}

/** Parameters of {@linkcode gatherP}. */
export interface GatherParams {
  readonly dimensionNumbers: GatherDimensionNumbers;
  readonly sliceSizes: Shape;
  readonly mode: GatherMode;
  /** For `fill_or_drop`: the value of elements out of bounds; `null` for NaN (floats), or the type's default. */
  readonly fillValue: number | bigint | boolean | null;
  /** Whether no index occurs twice: tells the transpose that its writes do not collide. */
  readonly uniqueIndices: boolean;
}

const without = (n: number, ...lists: (readonly number[])[]) =>
  Array.from({ length: n }, (_, i) => i).filter((i) => !lists.some((l) => l.includes(i)));

function checkIndices(name: string, aval: ShapedArray): void {
  if (!isInteger(aval.dtype)) {
    throw new DTypeError(`lax.${name}: indices must be integers; got ${aval.dtype}`);
  }
}

function gatherShape(x: ShapedArray, indices: ShapedArray, p: GatherParams): Shape {
  const d = p.dimensionNumbers;
  checkIndices("gather", indices);
  if (indices.shape.at(-1) !== d.startIndexMap.length) {
    throw new ShapeError(
      `lax.gather: the last axis of the indices must have size ${d.startIndexMap.length}; got shape ${
        formatShape(indices.shape)
      }`,
    );
  }
  const offsets = without(x.shape.length, d.collapsedSliceDims, d.operandBatchingDims).map((i) =>
    p.sliceSizes[i]
  );
  const batch = indices.shape.slice(0, -1);
  // An axis of size 0 has no element to take: that fits where none is asked for.
  const nothing = batch.includes(0) || offsets.includes(0);
  const single = (i: number) =>
    d.collapsedSliceDims.includes(i) || d.operandBatchingDims.includes(i);
  p.sliceSizes.forEach((n, i) => {
    if (nothing && single(i)) return;
    if (n < 0 || n > x.shape[i]) {
      throw new ShapeError(
        `lax.gather: slice sizes ${formatShape(p.sliceSizes)} do not fit in shape ${
          formatShape(x.shape)
        }`,
      );
    }
  });
  const rank = offsets.length + batch.length;
  let [o, b] = [0, 0];
  return Array.from(
    { length: rank },
    (_, i) => d.offsetDims.includes(i) ? offsets[o++] : batch[b++],
  );
}

/** Where an element of a gather's result comes from: the operand's index and whether it is in bounds. */
function sourceOf(
  i: readonly Expr[],
  readIndex: Access,
  operand: Shape,
  sliceSizes: Shape,
  d: GatherDimensionNumbers,
  mode: GatherMode,
): { index: Expr[]; inBounds: Expr | null } {
  const batch = i.filter((_, axis) => !d.offsetDims.includes(axis));
  const offsets = d.offsetDims.map((axis) => i[axis]);
  const sliceAxes = without(operand.length, d.collapsedSliceDims, d.operandBatchingDims);
  const source: Expr[] = operand.map(() => indexConst(0));
  sliceAxes.forEach((axis, k) => source[axis] = offsets[k]);
  d.operandBatchingDims.forEach((axis, k) => source[axis] = batch[d.startIndicesBatchingDims[k]]);
  let inBounds: Expr | null = null;
  d.startIndexMap.forEach((axis, k) => {
    const raw = asIndex(readIndex([...batch, indexConst(k)]));
    const room = operand[axis] - sliceSizes[axis];
    if (mode === "fill_or_drop") {
      const zero = constant(0, raw.dtype);
      const fits = binary(
        "and",
        binary("ge", raw, zero),
        binary("le", raw, constant(room, raw.dtype)),
      );
      inBounds = inBounds === null ? fits : binary("and", inBounds, fits);
    }
    const wide = raw.dtype === "int32" ? raw : narrow(raw, room);
    const start = mode === "promise_in_bounds"
      ? wide
      : binary("min", binary("max", wide, indexConst(0)), indexConst(room));
    source[axis] = binary("add", source[axis], start);
  });
  return { index: source, inBounds };
}

/** An index of fewer bits as int32, in which every bound has room. */
function asIndex(raw: Expr): Expr {
  return dtypeInfo(raw.dtype).bytes < 4 ? cast(raw, "int32") : raw;
}

/** A 64-bit or unsigned index as int32, clamped before it is cut off. */
function narrow(raw: Expr, room: number): Expr {
  const clamped = binary(
    "min",
    binary("max", raw, constant(0, raw.dtype)),
    constant(room, raw.dtype),
  );
  return cast(clamped, "int32");
}

function fillOf(aval: ShapedArray, fill: GatherParams["fillValue"]): Expr {
  if (fill !== null) return constant(fill, aval.dtype);
  // JAX's defaults: NaN, the smallest signed, the largest unsigned integer, true.
  const { dtype } = aval;
  if (isFloating(dtype)) return constant(NaN, dtype);
  if (dtype === "bool") return constant(true, dtype);
  if (dtype === "key<fry>") return constant(-1n, dtype);
  const [low, high] = integerLimits(dtype);
  return constant(isSigned(dtype) ? low : high, dtype);
}

const zeroIndices = (x: ShapedArray) => x.size === 0;

/** `gather`: slices of the operand at index vectors. Linear in the operand. */
export const gatherP: Primitive<GatherParams> = {
  name: "gather",
  onParts: ([x, indices], p) => {
    const part = (array: NDArray, fill: GatherParams["fillValue"]) =>
      bind1(gatherP, [array, indices as NDArray], { ...p, fillValue: fill });
    const { re, im } = x as Parts; // what is out of bounds is a real number
    return [{ re: part(re, p.fillValue), im: part(im, 0) }];
  },
  abstractEval: ([x, indices], p) => [shapedArray(gatherShape(x, indices, p), x.dtype, x.weakType)],
  lower: ([read, readIndex], [x], _outs, p) => [{
    kind: "map",
    at: (i) => {
      if (zeroIndices(x)) return fillOf(x, p.fillValue);
      const { index, inBounds } = sourceOf(
        i,
        readIndex,
        x.shape,
        p.sliceSizes,
        p.dimensionNumbers,
        p.mode,
      );
      const value = read(index);
      return inBounds === null ? value : selectExpr(inBounds, value, fillOf(x, p.fillValue));
    },
  }],
  partition: (request) =>
    partitionGather(request, (x, indices, params) => bind1(gatherP, [x, indices], params)),
  split: ([split, indexSplit], [x], [out], { dimensionNumbers: d, sliceSizes }) => {
    // Axes that are taken whole keep their split; those of the indices keep theirs, and that of operand axes that pair with them.
    const { ofOperand, ofIndices } = gatherAxes(x.shape, out.shape.length, d, sliceSizes);
    const taken = takeAxes(split, ofOperand, out.shape);
    return [mergeSplits([taken, takeAxes(indexSplit, ofIndices, out.shape)], out.shape)];
  },
  jvp: ([x, indices], [t], p) => {
    const out = bind1(gatherP, [x, indices], p);
    const zero: GatherParams = { ...p, fillValue: p.mode === "fill_or_drop" ? 0 : p.fillValue };
    return [[out], [t instanceof Zero ? new Zero(out.aval) : bind1(gatherP, [t, indices], zero)]];
  },
  transpose: ([ct], [x, indices], p) => {
    const aval = (x as UndefinedPrimal).aval;
    if (ct instanceof Zero) return [new Zero(aval), null];
    const zeros = broadcastInDim(lit(ct, 0), aval.shape, []);
    return [
      bind1(scatterAddP, [zeros, indices as NDArray, ct], {
        dimensionNumbers: scatterNumbers(p.dimensionNumbers),
        mode: p.mode,
        uniqueIndices: p.uniqueIndices,
      }),
      null,
    ];
  },
  batch: ([x, indices], [dx, di], p, size) => {
    const d = p.dimensionNumbers;
    const up = (axes: readonly number[]) => axes.map((a) => a + 1);
    const xf = dx === null ? x : axisToFront(axisTools, x, dx);
    const inf = di === null ? indices : axisToFront(axisTools, indices, di);
    if (di === null) {
      // The mapped axis of the operand is one more axis of the slice.
      const numbers: GatherDimensionNumbers = {
        offsetDims: [0, ...up(d.offsetDims)],
        collapsedSliceDims: up(d.collapsedSliceDims),
        startIndexMap: up(d.startIndexMap),
        operandBatchingDims: up(d.operandBatchingDims),
        startIndicesBatchingDims: d.startIndicesBatchingDims,
      };
      return [[
        bind1(gatherP, [xf, inf], {
          ...p,
          dimensionNumbers: numbers,
          sliceSizes: [size, ...p.sliceSizes],
        }),
      ], [
        0,
      ]];
    }
    if (dx === null) {
      const numbers: GatherDimensionNumbers = {
        ...d,
        offsetDims: up(d.offsetDims),
        startIndicesBatchingDims: up(d.startIndicesBatchingDims),
      };
      return [[bind1(gatherP, [xf, inf], { ...p, dimensionNumbers: numbers })], [0]];
    }
    const numbers: GatherDimensionNumbers = {
      offsetDims: up(d.offsetDims),
      collapsedSliceDims: up(d.collapsedSliceDims),
      startIndexMap: up(d.startIndexMap),
      operandBatchingDims: [0, ...up(d.operandBatchingDims)],
      startIndicesBatchingDims: [0, ...up(d.startIndicesBatchingDims)],
    };
    return [[
      bind1(gatherP, [xf, inf], {
        ...p,
        dimensionNumbers: numbers,
        sliceSizes: [1, ...p.sliceSizes],
      }),
    ], [0]];
  },
};

/** Slices of `x` at index vectors. */
export function gather(x: NDArray, indices: NDArray, params: GatherParams): NDArray {
  return bind1(gatherP, [x, indices], params);
}

// ---------------------------------------------------------------- scatter

/** Which axes of a scatter are what; the mirror of a gather's. */
export interface ScatterDimensionNumbers {
  readonly updateWindowDims: readonly number[];
  readonly insertedWindowDims: readonly number[];
  readonly scatterDimsToOperandDims: readonly number[];
  readonly operandBatchingDims: readonly number[];
  readonly scatterIndicesBatchingDims: readonly number[];
}

/** Parameters of the scatters. */
export interface ScatterParams {
  readonly dimensionNumbers: ScatterDimensionNumbers;
  readonly mode: GatherMode;
  readonly uniqueIndices: boolean;
}

function scatterNumbers(d: GatherDimensionNumbers): ScatterDimensionNumbers {
  return {
    updateWindowDims: d.offsetDims,
    insertedWindowDims: d.collapsedSliceDims,
    scatterDimsToOperandDims: d.startIndexMap,
    operandBatchingDims: d.operandBatchingDims,
    scatterIndicesBatchingDims: d.startIndicesBatchingDims,
  };
}

function gatherNumbers(d: ScatterDimensionNumbers): GatherDimensionNumbers {
  return {
    offsetDims: d.updateWindowDims,
    collapsedSliceDims: d.insertedWindowDims,
    startIndexMap: d.scatterDimsToOperandDims,
    operandBatchingDims: d.operandBatchingDims,
    startIndicesBatchingDims: d.scatterIndicesBatchingDims,
  };
}

function scatterAval(
  name: string,
  [x, indices, updates]: readonly ShapedArray[],
  p: ScatterParams,
) {
  checkIndices(name, indices);
  sameDType(name, [x, updates]);
  const sizes = windowSizes(x.shape, updates.shape, p.dimensionNumbers);
  const expected = gatherShape(x, indices, {
    dimensionNumbers: gatherNumbers(p.dimensionNumbers),
    sliceSizes: sizes,
    mode: p.mode,
    fillValue: null,
    uniqueIndices: p.uniqueIndices,
  });
  if (String(expected) !== String(updates.shape)) {
    throw new ShapeError(
      `lax.${name}: updates must have shape ${formatShape(expected)}; got ${
        formatShape(updates.shape)
      }`,
    );
  }
  return [x];
}

function scatterLowering(
  combine: ReduceOp | null,
  [, readIndex, readUpdate]: readonly Access[],
  [x, , updates]: readonly ShapedArray[],
  p: ScatterParams,
): readonly Lowered[] {
  const numbers = gatherNumbers(p.dimensionNumbers);
  const sizes = windowSizes(x.shape, updates.shape, p.dimensionNumbers);
  const target = (u: readonly Expr[]) => sourceOf(u, readIndex, x.shape, sizes, numbers, p.mode);
  return [{
    kind: "update",
    operand: 0,
    sizes: x.size === 0 ? updates.shape.map(() => 0) : updates.shape,
    index: (u) => target(u).index,
    ...(p.mode === "fill_or_drop" && numbers.startIndexMap.length > 0
      ? { guard: (u: readonly Expr[]) => target(u).inBounds! }
      : {}),
    value: (u) => readUpdate(u),
    ...(combine === null ? {} : { combine }),
    unique: p.uniqueIndices,
  }];
}

function scatterBatch(
  primitive: AnyPrimitive,
  [x, indices, updates]: readonly NDArray[],
  [dx, di, du]: readonly (number | null)[],
  p: ScatterParams,
  size: number,
): readonly [readonly NDArray[], readonly (number | null)[]] {
  const d = p.dimensionNumbers;
  const up = (axes: readonly number[]) => axes.map((a) => a + 1);
  const xf = batchToFront(x, dx, size);
  const uf = batchToFront(updates, du, size);
  if (di === null) {
    const numbers: ScatterDimensionNumbers = {
      updateWindowDims: [0, ...up(d.updateWindowDims)],
      insertedWindowDims: up(d.insertedWindowDims),
      scatterDimsToOperandDims: up(d.scatterDimsToOperandDims),
      operandBatchingDims: up(d.operandBatchingDims),
      scatterIndicesBatchingDims: d.scatterIndicesBatchingDims,
    };
    return [[bind1(primitive, [xf, indices, uf], { ...p, dimensionNumbers: numbers })], [0]];
  }
  const numbers: ScatterDimensionNumbers = {
    updateWindowDims: up(d.updateWindowDims),
    insertedWindowDims: up(d.insertedWindowDims),
    scatterDimsToOperandDims: up(d.scatterDimsToOperandDims),
    operandBatchingDims: [0, ...up(d.operandBatchingDims)],
    scatterIndicesBatchingDims: [0, ...up(d.scatterIndicesBatchingDims)],
  };
  return [
    [bind1(primitive, [xf, axisToFront(axisTools, indices, di), uf], {
      ...p,
      dimensionNumbers: numbers,
    })],
    [0],
  ];
}

function gatherUpdates(ct: NDArray, indices: NDArray, updates: Shape, p: ScatterParams): NDArray {
  return bind1(gatherP, [ct, indices], {
    dimensionNumbers: gatherNumbers(p.dimensionNumbers),
    sliceSizes: windowSizes(ct.shape, updates, p.dimensionNumbers),
    mode: p.mode,
    fillValue: p.mode === "fill_or_drop" ? 0 : null,
    uniqueIndices: p.uniqueIndices,
  });
}

/** `scatter-add`: a copy with updates added at index vectors; repeated indices accumulate. Linear in operand and updates. */
export const scatterAddP: Primitive<ScatterParams> = {
  name: "scatter-add",
  onParts: "each",
  abstractEval: (ins, p) => scatterAval("scatterAdd", ins, p),
  partition: (request) =>
    partitionScatterAdd(
      request,
      (x, indices, updates) => bind1(scatterAddP, [x, indices, updates], request.params),
    ),
  lower: (reads, ins, _outs, p) => scatterLowering("add", reads, ins, p),
  jvp: ([x, indices, updates], [tx, , tu], p) => {
    const out = bind1(scatterAddP, [x, indices, updates], p);
    if (tx instanceof Zero && tu instanceof Zero) return [[out], [new Zero(out.aval)]];
    return [[out], [bind1(scatterAddP, [instantiate(tx), indices, instantiate(tu)], p)]];
  },
  transpose: ([ct], [x, indices, updates], p) => {
    const linear = (v: NDArray | UndefinedPrimal, fn: (c: NDArray) => NDArray): Tangent | null =>
      isUndefinedPrimal(v) ? (ct instanceof Zero ? new Zero(v.aval) : fn(ct)) : null;
    return [
      linear(x, (c) => c),
      null,
      linear(updates, (c) => gatherUpdates(c, indices as NDArray, updates.aval.shape, p)),
    ];
  },
  batch: (xs, dims, p, size) => scatterBatch(scatterAddP, xs, dims, p, size),
};

/** `scatter`: a copy with elements replaced at index vectors; of repeated indices the last wins. */
export const scatterP: Primitive<ScatterParams> = {
  name: "scatter",
  onParts: "each",
  abstractEval: (ins, p) => scatterAval("scatter", ins, p),
  lower: (reads, ins, _outs, p) => scatterLowering(null, reads, ins, p),
  jvp: ([x, indices, updates], [tx, , tu], p) => {
    const out = bind1(scatterP, [x, indices, updates], p);
    if (tx instanceof Zero && tu instanceof Zero) return [[out], [new Zero(out.aval)]];
    if (p.uniqueIndices) {
      return [[out], [bind1(scatterP, [instantiate(tx), indices, instantiate(tu)], p)]];
    }
    // Find which update won each place: scatter their numbers, and look up who is there.
    const dims = p.dimensionNumbers;
    const count = updates.shape.filter((_, i) => !dims.updateWindowDims.includes(i)).reduce(
      (a, b) => a * b,
      1,
    );
    const batchShape = updates.shape.map((n, i) => dims.updateWindowDims.includes(i) ? 1 : n);
    const numbers = broadcastInDim(
      reshape(iota("int32", [count]), batchShape),
      updates.shape,
      updates.shape.map((_, i) => i),
    );
    const none = broadcastInDim(lit(numbers, -1), x.shape, []);
    const winners = bind1(scatterP, [none, indices, numbers], p);
    const untouched = convertElementType(eq(winners, none), x.dtype);
    const seen = gatherUpdates(winners, indices, updates.shape, p);
    const won = convertElementType(eq(seen, numbers), x.dtype);
    const kept = mul(instantiate(tx), untouched);
    return [[out], [bind1(scatterAddP, [kept, indices, mul(instantiate(tu), won)], p)]];
  },
  transpose: ([ct], [x, indices, updates], p) => {
    if (!p.uniqueIndices) {
      throw new DifferentiationError("the transpose of scatter needs unique indices");
    }
    const linear = (v: NDArray | UndefinedPrimal, fn: (c: NDArray) => NDArray): Tangent | null =>
      isUndefinedPrimal(v) ? (ct instanceof Zero ? new Zero(v.aval) : fn(ct)) : null;
    return [
      linear(x, (c) => {
        const zeros = broadcastInDim(lit(c, 0), updates.aval.shape, []);
        return bind1(scatterP, [c, indices as NDArray, zeros], p);
      }),
      null,
      linear(updates, (c) => gatherUpdates(c, indices as NDArray, updates.aval.shape, p)),
    ];
  },
  batch: (xs, dims, p, size) => scatterBatch(scatterP, xs, dims, p, size),
};

/** `scatter_mul`: a copy multiplied by updates at index vectors. Differentiable for unique indices. */
export const scatterMulP: Primitive<ScatterParams> = {
  name: "scatter_mul",
  abstractEval: (ins, p) => scatterAval("scatterMul", ins, p),
  lower: (reads, ins, _outs, p) => scatterLowering("mul", reads, ins, p),
  jvp: ([x, indices, updates], [tx, , tu], p) => {
    const out = bind1(scatterMulP, [x, indices, updates], p);
    if (!p.uniqueIndices && !(tu instanceof Zero)) {
      throw new DifferentiationError(
        "a product over indices that may repeat (x.at(...).mul(y), ops.segmentProd) is not differentiable in what is multiplied in; " +
          "where no index repeats, state options.uniqueIndices",
      );
    }
    const byX = tx instanceof Zero ? null : bind1(scatterMulP, [tx, indices, updates], p);
    if (tu instanceof Zero) return [[out], [byX ?? new Zero(out.aval)]];
    const at = gatherUpdates(x, indices, updates.shape, p);
    const zeros = byX ?? broadcastInDim(lit(x, 0), x.shape, []);
    return [[out], [bind1(scatterAddP, [zeros, indices, mul(at, tu)], p)]];
  },
  transpose: ([ct], [x, indices, updates], p) => {
    if (!isUndefinedPrimal(x) || isUndefinedPrimal(updates)) {
      throw new DifferentiationError(
        "the transpose of scatter_mul is known for its first operand only",
      );
    }
    return [
      ct instanceof Zero
        ? new Zero(x.aval)
        : bind1(scatterMulP, [ct, indices as NDArray, updates], p),
      null,
      null,
    ];
  },
  batch: (xs, dims, p, size) => scatterBatch(scatterMulP, xs, dims, p, size),
};

/** The tangent of an extremum: the mean of the tangents of those, old and new, that are equal to it. */
function extremalJvp(
  primitive: Primitive<ScatterParams>,
  [x, indices, updates]: readonly NDArray[],
  [tx, , tu]: readonly Tangent[],
  p: ScatterParams,
): readonly [readonly NDArray[], readonly Tangent[]] {
  const out = bind1(primitive, [x, indices, updates], p);
  if (tx instanceof Zero && tu instanceof Zero) return [[out], [new Zero(out.aval)]];
  const kept = convertElementType(eq(x, out), x.dtype);
  const won = convertElementType(
    eq(updates, gatherUpdates(out, indices, updates.shape, p)),
    x.dtype,
  );
  const add = (a: NDArray, b: NDArray) => bind1(scatterAddP, [a, indices, b], p);
  const sum = add(mul(instantiate(tx), kept), mul(instantiate(tu), won));
  return [[out], [div(sum, add(kept, won))]];
}

/** `scatter_min`: a copy with the minimum of old and new at index vectors. Its tangent is the mean over those that attain it. */
export const scatterMinP: Primitive<ScatterParams> = {
  name: "scatter_min",
  abstractEval: (ins, p) => scatterAval("scatterMin", ins, p),
  lower: (reads, ins, _outs, p) => scatterLowering("min", reads, ins, p),
  jvp: (xs, ts, p) => extremalJvp(scatterMinP, xs, ts, p),
  batch: (xs, dims, p, size) => scatterBatch(scatterMinP, xs, dims, p, size),
};

/** `scatter_max`: a copy with the maximum of old and new at index vectors. Its tangent is the mean over those that attain it. */
export const scatterMaxP: Primitive<ScatterParams> = {
  name: "scatter_max",
  abstractEval: (ins, p) => scatterAval("scatterMax", ins, p),
  lower: (reads, ins, _outs, p) => scatterLowering("max", reads, ins, p),
  jvp: (xs, ts, p) => extremalJvp(scatterMaxP, xs, ts, p),
  batch: (xs, dims, p, size) => scatterBatch(scatterMaxP, xs, dims, p, size),
};

/** The scatters by what they do to the elements they meet. */
export type ScatterKind = "set" | "add" | "mul" | "min" | "max";

/** `x` with `updates` combined in at index vectors. */
export function scatter(
  kind: ScatterKind,
  x: NDArray,
  indices: NDArray,
  updates: NDArray,
  params: ScatterParams,
): NDArray {
  switch (kind) {
    case "set":
      return bind1(scatterP, [x, indices, updates], params);
    case "add":
      return bind1(scatterAddP, [x, indices, updates], params);
    case "mul":
      return bind1(scatterMulP, [x, indices, updates], params);
    case "min":
      return bind1(scatterMinP, [x, indices, updates], params);
    case "max":
      return bind1(scatterMaxP, [x, indices, updates], params);
    default: {
      const never: never = kind;
      return never;
    }
  }
}
