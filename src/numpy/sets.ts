/**
 * Choosing by lists of conditions, positions of what is not zero, and arrays as sets.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import type { Shape } from "../core/aval.ts";
import { onHost } from "../core/placement.ts";
import { lit, literal } from "../ops/common.ts";
import { convertElementType } from "../ops/convert.ts";
import * as logic from "../ops/logic.ts";
import { reduceOr } from "../ops/reduce.ts";
import { broadcastInDim, iota, reduceSum, reshape } from "../ops/shape.ts";
import * as sorting from "../ops/sort.ts";
import { unravelIndex } from "./arranging.ts";
import { checkConcrete, checkInteger, readOptions, sliceAlong } from "./axes.ts";
import { array } from "./creation.ts";
import { cumsum, take } from "./lookup.ts";
import { asArray, promote, toDType } from "./promote.ts";
import { concatenate, stack } from "./shapes.ts";
import { subtract } from "./ufuncs.ts";
import { where as choose } from "./where.ts";

/** Options of {@linkcode select}. */
export interface SelectOptions {
  /** Where no condition holds; 0 unless given. */
  readonly default?: ArrayLike;
}

/** For each place, the choice of the first condition that holds. */
export function select(
  conditions: readonly ArrayLike[],
  choices: readonly ArrayLike[],
  options: SelectOptions = {},
): NDArray {
  const where = "numpy.select";
  const o = readOptions(options, where, "{ default: 1 }");
  if (conditions.length !== choices.length || conditions.length === 0) {
    throw new ArgumentError(
      `${where}: needs as many choices as conditions, and at least one; got ${conditions.length} conditions and ${choices.length} choices`,
    );
  }
  const [otherwise, ...values] = promote([o.default ?? 0, ...choices], where);
  return conditions.reduceRight<NDArray>(
    (rest, condition, i) => choose(condition, values[i], rest),
    otherwise,
  );
}

/** Options of {@linkcode nonzero} and its kin. */
export interface NonzeroOptions {
  /** How many positions to give, needed where the array is traced: cut there, or filled. */
  readonly size?: number | null;
  /** What to fill with; 0 unless given. */
  readonly fillValue?: number;
}

/** Positions in the flattened array of what is not zero. */
function flatPositions(
  mask: NDArray,
  options: NonzeroOptions,
  where: string,
): { readonly positions: NDArray; readonly missing: NDArray | null } {
  if (options.size === null || options.size === undefined) {
    checkConcrete(mask, "x", where, "state options.size, or use numpy.where(mask, x, y)");
    const found: number[] = [];
    mask.dataSync().forEach((v, i) => {
      if (v) found.push(i);
    });
    return { positions: array(Int32Array.from(found)), missing: null };
  }
  const size = checkInteger(options.size, "options.size", where, 0);
  const count = reduceSum(convertElementType(mask, "int32"), [0]);
  // A stable sort puts what is not zero first, in its order.
  const order = sorting.argsort(convertElementType(logic.not(mask), "uint8"), 0);
  const n = mask.size;
  const padded = size <= n ? sliceAlong(order, 0, 0, size) : concatenate([
    order,
    broadcastInDim(literal(0, "int32"), [size - n], []),
  ]);
  return { positions: padded, missing: logic.ge(iota("int32", [size]), count) };
}

/**
 * The positions (int32) of what is not zero, one vector for each axis.
 *
 * @throws {ArgumentError} Where the array is traced and no `size` given.
 */
export function nonzero(x: ArrayLike, options: NonzeroOptions = {}): NDArray[] {
  const where = "numpy.nonzero";
  const o = readOptions(options, where, "{ size: 10 }");
  const a = asArray(x, where);
  const mask = a.dtype === "bool" ? a : logic.ne(a, lit(a, 0));
  const { positions, missing } = flatPositions(reshape(mask, [a.size]), o, where);
  const fill = literal(o.fillValue ?? 0, "int32");
  return unravelIndex(positions, a.shape).map((p) =>
    missing === null ? p : logic.select(missing, broadcastInDim(fill, p.shape, []), p)
  );
}

/** The positions (int32) in the flattened array of what is not zero. */
export function flatnonzero(x: ArrayLike, options: NonzeroOptions = {}): NDArray {
  const a = asArray(x, "numpy.flatnonzero");
  return nonzero(reshape(a, [a.size]), options)[0];
}

/** The positions (int32) of what is not zero, one row each. */
export function argwhere(x: ArrayLike, options: NonzeroOptions = {}): NDArray {
  const found = nonzero(x, options);
  if (found.length === 0) return array(new Int32Array(0));
  return stack(found, 1);
}

/** Options of {@linkcode unique}. */
export interface UniqueOptions {
  /** How many elements to give, needed where the array is traced: cut there, or filled. */
  readonly size?: number | null;
  /** What to fill with; the smallest element unless given. */
  readonly fillValue?: ArrayLike;
  /** Whether to give, for each element found, where it first is. */
  readonly returnIndex?: boolean;
  /** Whether to give, for each element of the array, which of those found it is. */
  readonly returnInverse?: boolean;
  /** Whether to give how often each is there. */
  readonly returnCounts?: boolean;
}

/**
 * The different elements, ascending; all NaNs count as one.
 *
 * With options that ask for more, an array of the elements and what was asked for: `[values, index, inverse, counts]`. Where `size`
 * exceeds what is found, the index repeats its first entry, and counts are 0.
 *
 * @throws {ArgumentError} Where the array is traced and no `size` given: how many there are depends on its values.
 *
 * @example
 * ```ts
 * import { filterJit, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * np.unique(np.array([3, 1, 3])).tolist(); // [1, 3]
 * filterJit((x: NDArray) => np.unique(x, { size: 3, fillValue: -1 }))(np.array([3, 1, 3])).tolist(); // [1, 3, -1]
 * ```
 */
export function unique(
  x: ArrayLike,
  options?: Pick<UniqueOptions, "size" | "fillValue">,
): NDArray;
/** As above, with what was asked for. */
export function unique(x: ArrayLike, options: UniqueOptions): NDArray | NDArray[];
export function unique(x: ArrayLike, options: UniqueOptions = {}): NDArray | NDArray[] {
  const where = "numpy.unique";
  const o = readOptions(options, where, "{ returnCounts: true }");
  const whole = asArray(x, where);
  if (o.size !== undefined && o.size !== null) return uniqueOfSize(whole, o, o.size);
  checkConcrete(whole, "x", where, "state options.size");
  return onHost(() => uniqueOnHost(whole, o));
}

function uniqueOfSize(whole: NDArray, o: UniqueOptions, size: number): NDArray | NDArray[] {
  const where = "numpy.unique";
  const n = whole.size;
  if (n === 0 && size > 0) {
    throw new ArgumentError(
      `${where}: there are no elements, so options.size must be 0; got ${size}`,
    );
  }
  const a = reshape(whole, [n]);
  if (n === 0) {
    const none = (wanted: boolean | undefined, shape: Shape) =>
      wanted ? [broadcastInDim(literal(0, "int32"), shape, [])] : [];
    const parts = [
      ...none(o.returnIndex, [0]),
      ...none(o.returnInverse, whole.shape),
      ...none(o.returnCounts, [0]),
    ];
    return parts.length === 0 ? a : [a, ...parts];
  }
  const order = sorting.argsort(a, 0);
  const sorted = sorting.takeAlongAxis(a, order, 0);
  const [before, after] = [sliceAlong(sorted, 0, 0, n - 1), sliceAlong(sorted, 0, 1, n)];
  const bothNaN = logic.and(logic.ne(before, before), logic.ne(after, after));
  const differs = logic.and(logic.ne(before, after), logic.not(bothNaN));
  const isStart = concatenate([array([true]), differs]);
  // One more than asked for: where the next group starts ends the last.
  const { positions, missing } = flatPositions(isStart, { size: size + 1 }, where);
  const starts = choose(missing!, n, positions);
  const [from, to] = [sliceAlong(starts, 0, 0, size), sliceAlong(starts, 0, 1, size + 1)];
  const absent = sliceAlong(missing!, 0, 0, size);
  const places = choose(absent, 0, from);
  const values = take(sorted, places, { axis: 0, mode: "clip" });
  const out = [
    o.fillValue === undefined
      ? values
      : choose(absent, toDType(o.fillValue, a.dtype, false, `${where}: options.fillValue`), values),
  ];
  if (o.returnIndex) out.push(take(order, places, { axis: 0, mode: "clip" }));
  if (o.returnInverse) {
    const groups = subtract(cumsum(isStart), 1);
    out.push(reshape(take(groups, sorting.argsort(order, 0), { axis: 0 }), whole.shape));
  }
  if (o.returnCounts) out.push(subtract(to, from));
  return out.length === 1 ? out[0] : out;
}

function uniqueOnHost(whole: NDArray, o: UniqueOptions): NDArray | NDArray[] {
  const a = reshape(whole, [whole.size]);
  const order = sorting.argsort(a, 0);
  const sorted = a.size === 0 ? a : sorting.takeAlongAxis(a, order, 0);
  const [values, places] = [sorted.dataSync(), order.dataSync() as Int32Array];
  const starts: number[] = [];
  const inverse = new Int32Array(a.size);
  for (let i = 0; i < values.length; i++) {
    const [v, before] = [values[i], values[i - 1]];
    const same = i > 0 && (v === before || (v !== v && before !== before));
    if (!same) starts.push(i);
    inverse[places[i]] = starts.length - 1;
  }
  const out = [
    a.size === 0 ? a : take(sorted, array(Int32Array.from(starts)), { axis: 0, mode: "clip" }),
  ];
  // The sort is stable: the first of equals comes first.
  if (o.returnIndex) out.push(array(Int32Array.from(starts, (i) => places[i])));
  if (o.returnInverse) out.push(reshape(array(inverse), whole.shape));
  if (o.returnCounts) {
    out.push(array(Int32Array.from(starts, (s, k) => (starts[k + 1] ?? values.length) - s)));
  }
  return out.length === 1 ? out[0] : out;
}

/** Whether each element of `x` is among `elements`; with `invert`, whether not. */
export function isin(
  x: ArrayLike,
  elements: ArrayLike,
  options: { readonly invert?: boolean } = {},
): NDArray {
  const where = "numpy.isin";
  const { invert = false } = readOptions(options, where, "{ invert: true }");
  const [a, b] = promote([x, elements], where);
  const shape = [...a.shape, b.size];
  const found = reduceOr(
    logic.eq(
      broadcastInDim(a, shape, a.shape.map((_, i) => i)),
      broadcastInDim(reshape(b, [b.size]), shape, [a.ndim]),
    ),
    [a.ndim],
  );
  return invert ? logic.not(found) : found;
}

function setOf(x: ArrayLike): NDArray {
  return unique(x) as NDArray;
}

/** What is in either array, ascending. Concrete arrays only. */
export function union1d(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = promote([x, y], "numpy.union1d").map((v) => reshape(v, [v.size]));
  return setOf(concatenate([a, b]));
}

function chosen(x: NDArray, mask: NDArray): NDArray {
  return take(x, flatnonzero(mask), { axis: 0, mode: "clip" });
}

/** What is in both arrays, ascending. Concrete arrays only. */
export function intersect1d(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = promote([x, y], "numpy.intersect1d");
  const values = setOf(a);
  return chosen(values, isin(values, b));
}

/** What is in the first array and not in the second, ascending. Concrete arrays only. */
export function setdiff1d(x: ArrayLike, y: ArrayLike): NDArray {
  const [a, b] = promote([x, y], "numpy.setdiff1d");
  const values = setOf(a);
  return chosen(values, isin(values, b, { invert: true }));
}
