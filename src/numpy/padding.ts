/**
 * `pad`: arrays made larger at their ends.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../errors.ts";
import { type ArrayLike, NDArray } from "../core/array.ts";
import { formatShape } from "../core/aval.ts";
import { isFloating } from "../core/dtype.ts";
import * as arith from "../ops/arith.ts";
import { literal } from "../ops/common.ts";
import { convertElementType } from "../ops/convert.ts";
import { concatenate } from "../ops/dynamic.ts";
import { iota } from "../ops/shape.ts";
import * as slicing from "../ops/slicing.ts";
import { checkInteger, describe, readOptions, sliceAlong, stretchAlong } from "./axes.ts";
import { array } from "./creation.ts";
import { take } from "./lookup.ts";
import { asArray, toDType } from "./promote.ts";
import { max, mean, min } from "./reductions.ts";
import { median } from "./statistics.ts";
import { round } from "./ufuncs.ts";

/** What {@linkcode pad} fills with. */
export type PadMode =
  | "constant"
  | "edge"
  | "reflect"
  | "symmetric"
  | "wrap"
  | "linear_ramp"
  | "maximum"
  | "mean"
  | "median"
  | "minimum"
  | "empty";

/** One value for all ends, `[before, after]` for all axes, or a pair for each axis. */
export type PerEnd<T> = T | readonly (T | readonly T[])[];

/** Options of {@linkcode pad}. */
export interface PadOptions {
  /** What to fill with; `"constant"` unless given. */
  readonly mode?: PadMode;
  /** The values of `"constant"`; 0 unless given. */
  readonly constantValues?: PerEnd<ArrayLike>;
  /** The outermost values of `"linear_ramp"`; 0 unless given. */
  readonly endValues?: PerEnd<ArrayLike>;
  /** How many elements next to an end `"maximum"`, `"mean"`, … look at; all unless given. */
  readonly statLength?: PerEnd<number> | null;
}

const where = "numpy.pad";

/** A pair for each axis, by the rules of broadcasting to `[rank, 2]`. */
function pairs<T>(given: PerEnd<T>, rank: number, what: string): (readonly [T, T])[] {
  const refuse = () =>
    new ArgumentError(
      `${where}: ${what} must be one value, a pair [before, after], or a pair for each of the ${rank} axes; got ${
        JSON.stringify(given, (_, v) => v instanceof NDArray ? describe(v) : v)
      }`,
    );
  const pair = (list: readonly T[]): readonly [T, T] => {
    if (list.length === 1) return [list[0], list[0]];
    if (list.length !== 2) throw refuse();
    return [list[0], list[1]];
  };
  if (!Array.isArray(given)) return Array.from({ length: rank }, () => [given as T, given as T]);
  const rows = given as readonly (T | readonly T[])[];
  if (!rows.some((r) => Array.isArray(r))) {
    const both = pair(rows as readonly T[]);
    return Array.from({ length: rank }, () => both);
  }
  if (!rows.every((r) => Array.isArray(r))) throw refuse();
  const each = (rows as readonly (readonly T[])[]).map(pair);
  if (each.length === rank) return each;
  if (each.length !== 1) throw refuse();
  return Array.from({ length: rank }, () => each[0]);
}

/**
 * `x` with elements added before and after it along each axis.
 *
 * `"reflect"` mirrors at the first and last element, `"symmetric"` beside them, `"wrap"` goes on from the other end; widths may be
 * larger than the array.
 *
 * @param x An array.
 * @param padWidth How many: one number, `[before, after]`, or a pair for each axis.
 * @throws {ArgumentError} Where a width is negative or a list does not fit; where an axis without elements would be extended by
 * its own elements.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 *
 * const x = np.array([1, 2, 3]);
 * np.pad(x, 1).tolist(); // [0, 1, 2, 3, 0]
 * np.pad(x, [2, 1], { mode: "reflect" }).tolist(); // [3, 2, 1, 2, 3, 2]
 * ```
 */
export function pad(x: ArrayLike, padWidth: PerEnd<number>, options: PadOptions = {}): NDArray {
  const a = asArray(x, where);
  const o = readOptions(options, where, '{ mode: "edge" }');
  const widths = pairs(padWidth, a.ndim, "padWidth");
  for (const n of widths.flat()) checkInteger(n, "each width", where, 0);
  const mode = o.mode ?? "constant";
  switch (mode) {
    case "constant":
      return constant(a, widths, o.constantValues ?? 0);
    case "empty":
      return constant(a, widths, 0);
    case "edge":
    case "reflect":
    case "symmetric":
    case "wrap":
      return eachAxis(a, widths, (v, axis, [before, after]) => {
        const n = v.shape[axis];
        if (n === 0) {
          throw new ArgumentError(
            `${where}: mode "${mode}" cannot extend axis ${axis} of shape ${
              formatShape(a.shape)
            }, which has no elements`,
          );
        }
        const at = Array.from(
          { length: before + n + after },
          (_, i) => source(mode, i - before, n),
        );
        return [pick(v, axis, at.slice(0, before)), pick(v, axis, at.slice(before + n))];
      });
    case "linear_ramp": {
      const ends = pairs(o.endValues ?? 0, a.ndim, "endValues");
      return eachAxis(a, widths, (v, axis, [before, after]) => [
        ramp(sliceAlong(v, axis, 0, 1), ends[axis][0], axis, before, false),
        ramp(
          sliceAlong(v, axis, v.shape[axis] - 1, v.shape[axis]),
          ends[axis][1],
          axis,
          after,
          true,
        ),
      ]);
    }
    case "maximum":
    case "mean":
    case "median":
    case "minimum": {
      const lengths = pairs<number | null>(o.statLength ?? null, a.ndim, "statLength");
      return eachAxis(a, widths, (v, axis, [before, after]) => {
        const n = v.shape[axis];
        const near = lengths[axis].map((given) =>
          given === null ? n : Math.min(n, checkInteger(given, "statLength", where, 1))
        );
        const first = statistic(mode, sliceAlong(v, axis, 0, near[0]), axis);
        const last = statistic(mode, sliceAlong(v, axis, n - near[1], n), axis);
        return [stretchAlong(first, axis, before), stretchAlong(last, axis, after)];
      });
    }
    default:
      throw new ArgumentError(
        `${where}: mode must be one of constant, edge, reflect, symmetric, wrap, linear_ramp, maximum, mean, median, minimum, empty; got ${
          describe(mode)
        }`,
      );
  }
}

function constant(
  a: NDArray,
  widths: readonly (readonly [number, number])[],
  values: PerEnd<ArrayLike>,
): NDArray {
  const read = (v: ArrayLike) => {
    const value = toDType(v, a.dtype, false, where);
    if (value.ndim > 0) {
      throw new ShapeError(
        `${where}: constantValues must be scalars, or lists of them; got shape ${
          formatShape(value.shape)
        }`,
      );
    }
    return value;
  };
  if (!Array.isArray(values)) {
    return slicing.pad(a, read(values as ArrayLike), widths.map(([lo, hi]) => [lo, hi, 0]));
  }
  const each = pairs(values, a.ndim, "constantValues");
  return widths.reduce((out, [before, after], axis) => {
    const config = (lo: number, hi: number) =>
      a.shape.map((_, i) => i === axis ? [lo, hi, 0] as const : [0, 0, 0] as const);
    const low = slicing.pad(out, read(each[axis][0]), config(before, 0));
    return slicing.pad(low, read(each[axis][1]), config(0, after));
  }, a);
}

/** Puts pieces before and after along each axis in turn: later axes extend what earlier ones have added. */
function eachAxis(
  a: NDArray,
  widths: readonly (readonly [number, number])[],
  ends: (v: NDArray, axis: number, width: readonly [number, number]) => [NDArray, NDArray],
): NDArray {
  return widths.reduce((v, width, axis) => {
    if (width[0] === 0 && width[1] === 0) return v;
    const [before, after] = ends(v, axis, width);
    const parts = [before, v, after].filter((part) => part === v || part.shape[axis] > 0);
    return concatenate(parts, axis);
  }, a);
}

/** The element that stands at position `i` of an axis of `n` elements, which may lie outside. */
function source(mode: "edge" | "reflect" | "symmetric" | "wrap", i: number, n: number): number {
  const modulo = (period: number) => ((i % period) + period) % period;
  if (mode === "edge") return Math.min(Math.max(i, 0), n - 1);
  if (mode === "wrap") return modulo(n);
  if (mode === "symmetric") return Math.min(modulo(2 * n), 2 * n - 1 - modulo(2 * n));
  if (n === 1) return 0;
  const m = modulo(2 * (n - 1));
  return Math.min(m, 2 * (n - 1) - m);
}

/** More pieces than this are looked up in one gather. */
const mostPieces = 16;

/** Elements at known positions along an axis: runs of them as slices, which have cheap derivatives. */
function pick(v: NDArray, axis: number, positions: readonly number[]): NDArray {
  const pieces: (() => NDArray)[] = [];
  for (let i = 0; i < positions.length;) {
    const first = positions[i];
    const step = i + 1 < positions.length ? positions[i + 1] - first : 1;
    let count = 1;
    if (Math.abs(step) <= 1) {
      while (positions[i + count] === first + count * step) count++;
    }
    const [low, high] = step < 0 && count > 1
      ? [first - count + 1, first]
      : [first, first + count - 1];
    const length = count;
    if (step === 0) {
      pieces.push(() => stretchAlong(sliceAlong(v, axis, first, first + 1), axis, length));
    } else {
      const backwards = step < 0 && count > 1;
      pieces.push(() => {
        const box = sliceAlong(v, axis, low, high + 1);
        return backwards ? slicing.rev(box, [axis]) : box;
      });
    }
    i += count;
  }
  if (pieces.length === 0) return sliceAlong(v, axis, 0, 0);
  if (pieces.length > mostPieces) {
    return take(v, array(Int32Array.from(positions)), { axis, mode: "clip" });
  }
  return pieces.length === 1 ? pieces[0]() : concatenate(pieces.map((p) => p()), axis);
}

/** `count` values from `end` (outermost) towards `edge`, itself excluded. */
function ramp(
  edge: NDArray,
  end: ArrayLike,
  axis: number,
  count: number,
  after: boolean,
): NDArray {
  const shape = edge.shape.map((n, i) => i === axis ? count : n);
  const float = isFloating(edge.dtype) ? edge.dtype : "float32";
  const from = toDType(end, float, false, where);
  const steps = arith.div(
    iota(float as "float32", shape, axis),
    literal(Math.max(count, 1), float),
  );
  const target = stretchAlong(convertElementType(edge, float), axis, count);
  const line = arith.add(from, arith.mul(steps, arith.sub(target, from)));
  const ordered = after ? slicing.rev(line, [axis]) : line;
  if (isFloating(edge.dtype)) return ordered;
  return convertElementType(arith.floor(ordered), edge.dtype);
}

function statistic(
  mode: "maximum" | "mean" | "median" | "minimum",
  box: NDArray,
  axis: number,
): NDArray {
  const over = { axis, keepdims: true };
  if (mode === "maximum") return max(box, over);
  if (mode === "minimum") return min(box, over);
  const out = mode === "mean" ? mean(box, over) : median(box, over);
  if (isFloating(box.dtype)) return out;
  return convertElementType(round(out), box.dtype);
}
