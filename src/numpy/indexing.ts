/**
 * Indexing: `x.get(...)` and `x.at(...)`, with NumPy's rules and JAX's answers out of bounds.
 *
 * Numbers and slices become `slice`, `rev` and `squeeze`; integer arrays become `gather` and `scatter`. Boolean arrays must be concrete, since the
 * size of the result depends on them. An index out of bounds reads the nearest element, and writes nothing, as in JAX.
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import {
  type ArrayLike,
  type Index,
  type IndexUpdate,
  type LookupOptions,
  NDArray,
  sliceBrand,
  type SliceIndex,
  type UpdateOptions,
} from "../core/array.ts";
import { formatShape, type Shape } from "../core/aval.ts";
import { onHost } from "../core/placement.ts";
import * as arith from "../ops/arith.ts";
import { lit } from "../ops/common.ts";
import { convertElementType } from "../ops/convert.ts";
import { concatenate, dynamicSlice } from "../ops/dynamic.ts";
import {
  gather,
  type GatherDimensionNumbers,
  type GatherMode,
  scatter,
  type ScatterKind,
} from "../ops/gather.ts";
import * as logic from "../ops/logic.ts";
import { broadcastInDim, iota, reshape, squeeze } from "../ops/shape.ts";
import { rev, slice } from "../ops/slicing.ts";
import { checkConcrete } from "./axes.ts";
import { array } from "./creation.ts";
import { asArray, broadcastArray, broadcastShapes, isTypedArray, toDType } from "./promote.ts";
import { divide, power } from "./ufuncs.ts";
import { dtypeInfo, isInteger, isSigned, isStored } from "../core/dtype.ts";

/** One entry of an index, per axis of the array (or a new axis). */
type Item =
  | { readonly kind: "int"; readonly axis: number; readonly value: number }
  | {
    readonly kind: "slice";
    readonly axis: number;
    readonly start: number;
    readonly size: number;
    readonly step: number;
  }
  | { readonly kind: "new" }
  | { readonly kind: "array"; readonly axis: number; readonly indices: NDArray };

const isSlice = (x: unknown): x is SliceIndex =>
  typeof x === "object" && x !== null && sliceBrand in x;

/** Python's rules for the bounds of a slice. */
function sliceBounds(
  s: SliceIndex,
  size: number,
  where: string,
): { start: number; size: number; step: number } {
  for (const v of [s.start, s.stop, s.step]) {
    if (v !== null && !Number.isInteger(v)) {
      throw new ArgumentError(
        `${where}: slice bounds must be integers or null; got ${
          String(v)
        }. For a start that is data use lax.dynamicSlice`,
      );
    }
  }
  const step = s.step ?? 1;
  if (step === 0) throw new ArgumentError(`${where}: the step of a slice must not be 0`);
  const clamp = (v: number, low: number, high: number) =>
    Math.min(Math.max(v < 0 ? v + size : v, low), high);
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const start = s.start === null ? (step > 0 ? 0 : size - 1) : clamp(s.start, low, high);
  const stop = s.stop === null ? (step > 0 ? size : -1) : clamp(s.stop, low, high);
  return { start, size: Math.max(0, Math.ceil((stop - start) / step)), step };
}

function expandBoolean(mask: NDArray, shape: Shape, axis: number, where: string): NDArray[] {
  checkConcrete(mask, "a boolean index", where, "use numpy.where(mask, x, y)");
  const expected = shape.slice(axis, axis + mask.ndim);
  if (String(expected) !== String(mask.shape)) {
    throw new ShapeError(
      `${where}: a boolean index of shape ${formatShape(mask.shape)} does not fit axes of sizes ${
        formatShape(expected)
      }`,
    );
  }
  const data = mask.dataSync();
  const columns: number[][] = mask.shape.map(() => []);
  for (let i = 0; i < data.length; i++) {
    if (!data[i]) continue;
    let rest = i;
    for (let d = mask.ndim - 1; d >= 0; d--) {
      columns[d].push(rest % mask.shape[d]);
      rest = Math.floor(rest / mask.shape[d]);
    }
  }
  return columns.map((c) => array(Int32Array.from(c)));
}

/** The axes that an index entry takes up. */
function width(entry: Index): number {
  if (entry === null || entry === "..." || typeof entry === "boolean") return 0;
  return entry instanceof NDArray && entry.dtype === "bool" ? entry.ndim : 1;
}

/** An index as one item for each axis. */
function parse(shape: Shape, index: readonly Index[], where: string): Item[] {
  const entries: Index[] = index.map((entry) => {
    if (Array.isArray(entry)) {
      const list = entry as readonly unknown[];
      return list.every((v) => typeof v === "boolean") && list.length > 0
        ? onHost(() => array(list as never))
        : array(list as never, { dtype: "int32" });
    }
    return isTypedArray(entry) ? asArray(entry as never, where) : entry;
  });
  if (entries.filter((e) => e === "...").length > 1) {
    throw new ArgumentError(`${where}: an index may have one "..."`);
  }
  const taken = entries.reduce<number>((n, e) => n + width(e), 0);
  if (taken > shape.length) {
    throw new ShapeError(
      `${where}: too many indices: ${taken} for an array of ${shape.length} axes`,
    );
  }
  if (!entries.includes("...")) entries.push("...");
  const items: Item[] = [];
  let axis = 0;
  const whole = () => items.push({ kind: "slice", axis, start: 0, size: shape[axis++], step: 1 });
  for (const entry of entries) {
    if (entry === "...") { for (let k = shape.length - taken; k > 0; k--) whole(); }
    else if (entry === null) items.push({ kind: "new" });
    else if (typeof entry === "number") {
      if (!Number.isInteger(entry)) {
        throw new ArgumentError(`${where}: indices must be integers; got ${entry}`);
      }
      const size = shape[axis];
      if (entry < -size || entry >= size) {
        throw new ShapeError(
          `${where}: index ${entry} is out of bounds for axis ${axis} of size ${size}`,
        );
      }
      items.push({ kind: "int", axis: axis++, value: entry < 0 ? entry + size : entry });
    } else if (isSlice(entry)) {
      items.push({ kind: "slice", axis, ...sliceBounds(entry, shape[axis++], where) });
    } else if (entry instanceof NDArray && entry.dtype === "bool") {
      if (entry.ndim === 0) {
        throw new ArgumentError(`${where}: a 0-d boolean index is not supported; use numpy.where`);
      }
      for (const indices of expandBoolean(entry, shape, axis, where)) {
        items.push({ kind: "array", axis: axis++, indices });
      }
    } else if (entry instanceof NDArray) {
      if (!isInteger(entry.dtype)) {
        throw new DTypeError(`${where}: index arrays must be integer or bool; got ${entry.dtype}`);
      }
      items.push({ kind: "array", axis, indices: wrapNegative(entry, shape[axis]) });
      axis++;
    } else {
      throw new ArgumentError(
        `${where}: an index may hold integers, slice(...), null, "..." and integer or boolean arrays; got ${
          String(entry)
        }`,
      );
    }
  }
  return items;
}

/** Negative indices count from the end. */
function wrapNegative(indices: NDArray, size: number): NDArray {
  if (!isSigned(indices.dtype)) {
    // Beyond what int32 holds no array has an element: the largest stands for all of them.
    const last = lit(indices, 2 ** 31 - 1);
    const isLong = dtypeInfo(indices.dtype).bytes >= 4;
    return convertElementType(isLong ? arith.min(indices, last) : indices, "int32");
  }
  // An int8 has no room for most sizes.
  if (isStored(indices.dtype)) return wrapNegative(convertElementType(indices, "int32"), size);
  const shifted = arith.add(indices, lit(indices, size));
  return logic.select(logic.lt(indices, lit(indices, 0)), shifted, indices);
}

/** An index in the form of a gather, and what to do with its result. */
interface GatherPlan {
  readonly indices: NDArray;
  readonly numbers: GatherDimensionNumbers;
  readonly sliceSizes: Shape;
  /** Shape of the gathered elements before reversals and new axes. */
  readonly gathered: Shape;
  /** Axes of `gathered` to reverse (slices of negative step). */
  readonly reversed: readonly number[];
  /** The shape that the user gets, new axes included. */
  readonly shape: Shape;
  readonly unique: boolean;
}

/** Puts an index as a gather: integers and index arrays are looked up, slices too unless they are whole. */
function planGather(shape: Shape, items: readonly Item[], where: string): GatherPlan {
  const arrays = items.filter((it) => it.kind === "array");
  const batch = broadcastShapes(arrays.map((it) => it.indices.shape), where);
  // NumPy: index arrays (and integers among them) apart from each other put their axes first.
  const advanced = items.map((it, i) =>
    it.kind === "array" || (it.kind === "int" && arrays.length > 0) ? i : -1
  )
    .filter((i) => i >= 0);
  const together = advanced.every((i, k) => k === 0 || i === advanced[k - 1] + 1);
  const batchAt = advanced.length === 0 ? -1 : together ? advanced[0] : 0;

  // Slices with steps become index vectors too; each is one more axis of the lookup.
  const outAxes: { kind: "batch" | "offset" | "stepped" | "new"; size: number; item?: number }[] =
    [];
  const pushBatch = () => batch.forEach((size) => outAxes.push({ kind: "batch", size }));
  items.forEach((it, i) => {
    if (i === batchAt && together) pushBatch();
    if (it.kind === "new") outAxes.push({ kind: "new", size: 1 });
    else if (it.kind === "slice") {
      const isWhole = it.start === 0 && it.step === 1 && it.size === shape[it.axis];
      outAxes.push({ kind: isWhole ? "offset" : "stepped", size: it.size, item: i });
    }
  });
  if (advanced.length > 0 && !together) {
    outAxes.unshift(...batch.map((size) => ({ kind: "batch" as const, size })));
  }

  const real = outAxes.filter((a) => a.kind !== "new");
  const lookup = real.filter((a) => a.kind !== "offset");
  const lookupShape = lookup.map((a) => a.size);
  const columns: NDArray[] = [];
  const startIndexMap: number[] = [];
  const batchPlaces = lookup.map((a, k) => a.kind === "batch" ? k : -1).filter((k) => k >= 0);
  items.forEach((it, i) => {
    if (it.kind === "new") return;
    if (it.kind === "slice") {
      const k = lookup.findIndex((a) => a.item === i);
      if (k < 0) return;
      const positions = arith.add(
        arith.mul(iota("int32", [it.size]), lit(int32, it.step)),
        lit(int32, it.start),
      );
      columns.push(broadcastInDim(positions, lookupShape, [k]));
    } else if (it.kind === "int") {
      columns.push(broadcastInDim(lit(int32, it.value), lookupShape, []));
    } else {
      const wide = broadcastArray(convertElementType(it.indices, "int32"), batch);
      columns.push(broadcastInDim(wide, lookupShape, batchPlaces));
    }
    startIndexMap.push(it.axis);
  });
  const width = columns.length;
  const indices = width === 0
    ? broadcastInDim(lit(int32, 0), [...lookupShape, 0], [])
    : concatenate(columns.map((c) => reshape(c, [...lookupShape, 1])), lookupShape.length);
  const offsetDims = real.flatMap((a, k) => a.kind === "offset" ? [k] : []);
  return {
    indices,
    numbers: {
      offsetDims,
      collapsedSliceDims: startIndexMap,
      startIndexMap,
      operandBatchingDims: [],
      startIndicesBatchingDims: [],
    },
    sliceSizes: shape.map((n, axis) => startIndexMap.includes(axis) ? 1 : n),
    gathered: real.map((a) => a.size),
    reversed: [],
    shape: outAxes.map((a) => a.size),
    unique: arrays.every((it) => it.indices.ndim === 0),
  };
}

const int32 = { dtype: "int32" } as NDArray;

/** XLA's word for what a mode does. */
export function xlaMode(mode: string, where: string): GatherMode {
  if (mode === "fill" || mode === "drop") return "fill_or_drop";
  if (mode === "clip" || mode === "promise_in_bounds") return mode;
  throw new ArgumentError(
    `${where}: mode must be "clip", "fill", "drop" or "promise_in_bounds"; got ${mode}`,
  );
}

/** `x[index]`. */
export function get(
  x: NDArray,
  index: readonly Index[],
  options: LookupOptions = {},
): NDArray {
  const where = "get";
  const items = parse(x.shape, index, where);
  const mode = xlaMode(options.mode ?? (options.fillValue === undefined ? "clip" : "fill"), where);
  if (items.some((it) => it.kind === "array")) {
    const scalar = mode === "fill_or_drop" ? null : scalarLookup(x, items);
    if (scalar !== null) return scalar;
    const plan = planGather(x.shape, items, where);
    const out = gather(x, plan.indices, {
      dimensionNumbers: plan.numbers,
      sliceSizes: plan.sliceSizes,
      mode,
      fillValue: options.fillValue ?? null,
      uniqueIndices: false,
    });
    return reshape(out, plan.shape);
  }
  // Numbers and slices alone: boxes, reversals and reshapes.
  const start: number[] = [];
  const limit: number[] = [];
  const strides: number[] = [];
  const reversed: number[] = [];
  const shape: number[] = [];
  const dropped: number[] = [];
  for (const it of items) {
    if (it.kind === "new") shape.push(1);
    else if (it.kind === "int") {
      start.push(it.value);
      limit.push(it.value + 1);
      strides.push(1);
      dropped.push(it.axis);
    } else if (it.kind === "slice") {
      const last = it.start + (it.size - 1) * it.step;
      const [low, high] = it.size === 0
        ? [0, 0]
        : it.step > 0
        ? [it.start, last + 1]
        : [last, it.start + 1];
      start.push(low);
      limit.push(high);
      strides.push(Math.abs(it.step));
      if (it.step < 0) reversed.push(it.axis);
      shape.push(it.size);
    }
  }
  const box = rev(slice(x, start, limit, strides), reversed);
  return items.some((it) => it.kind === "new") ? reshape(box, shape) : squeeze(box, dropped);
}

/** One traced or concrete 0-d index for a leading axis, all else whole: a dynamic slice, which is what loops use. */
function scalarLookup(x: NDArray, items: readonly Item[]): NDArray | null {
  const lookups = items.filter((it) => it.kind === "array");
  const simple = lookups.every((it) => it.indices.ndim === 0) &&
    items.every((it) =>
      it.kind === "array" || it.kind === "int" ||
      (it.kind === "slice" && it.step === 1 && it.start === 0 && it.size === x.shape[it.axis])
    );
  if (!simple || x.shape.some((n) => n === 0)) return null;
  const starts: NDArray[] = [];
  const sizes: number[] = [];
  const dropped: number[] = [];
  for (const it of items) {
    if (it.kind === "array") starts.push(convertElementType(it.indices, "int32"));
    else if (it.kind === "int") starts.push(lit(int32, it.value));
    else starts.push(lit(int32, 0));
    const axis = starts.length - 1;
    if (it.kind === "slice") sizes.push(x.shape[axis]);
    else {
      sizes.push(1);
      dropped.push(axis);
    }
  }
  return squeeze(dynamicSlice(x, starts, sizes), dropped);
}

type Update = IndexUpdate["set"];

/** `x.at[index]`: updates of the indexed elements. */
export function at(x: NDArray, index: readonly Index[]): IndexUpdate {
  const scatterInto = (
    target: NDArray,
    kind: ScatterKind,
    value: ArrayLike,
    where: string,
    options: UpdateOptions = {},
  ): NDArray => {
    const plan = planGather(x.shape, parse(x.shape, index, where), where);
    const converted = toDType(value, x.dtype, false, where);
    if (broadcastShapes([converted.shape, plan.shape], where).length > plan.shape.length) {
      throw new ShapeError(
        `${where}: a value of shape ${
          formatShape(converted.shape)
        } does not fit the indexed shape ${formatShape(plan.shape)}`,
      );
    }
    const stretched = converted.ndim === 0
      ? broadcastInDim(converted, plan.shape, [])
      : broadcastArray(converted, plan.shape);
    const { numbers } = plan;
    return scatter(kind, target, plan.indices, reshape(stretched, plan.gathered), {
      dimensionNumbers: {
        updateWindowDims: numbers.offsetDims,
        insertedWindowDims: numbers.collapsedSliceDims,
        scatterDimsToOperandDims: numbers.startIndexMap,
        operandBatchingDims: [],
        scatterIndicesBatchingDims: [],
      },
      mode: xlaMode(options.mode ?? "drop", where),
      uniqueIndices: plan.unique || (options.uniqueIndices ?? false),
    });
  };
  const update = (kind: ScatterKind): Update => (value, options) =>
    scatterInto(x, kind, value, `at(...).${kind}`, options);
  // Where an index is repeated, divisors and exponents gather before they are applied, as in JAX.
  const gathered = (value: ArrayLike, where: string, options?: UpdateOptions) =>
    scatterInto(broadcastInDim(lit(x, 1), x.shape, []), "mul", value, where, options);
  const sub: Update = (value, options) => {
    const converted = toDType(value, x.dtype, false, "at(...).sub");
    return scatterInto(x, "add", arith.neg(converted), "at(...).sub", options);
  };
  const mul = update("mul");
  const div: Update = (value, options) => divide(x, gathered(value, "at(...).div", options));
  const pow: Update = (value, options) => power(x, gathered(value, "at(...).pow", options));
  return {
    get: (options) => get(x, index, options),
    set: update("set"),
    add: update("add"),
    sub,
    subtract: sub,
    mul,
    multiply: mul,
    div,
    divide: div,
    pow,
    power: pow,
    min: update("min"),
    max: update("max"),
    apply: (fn) => scatterInto(x, "set", fn(get(x, index)), "at(...).apply"),
  };
}
