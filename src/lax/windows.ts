/**
 * Reductions over sliding windows.
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import { type ArrayLike, NDArray } from "../core/array.ts";
import { formatShape } from "../core/aval.ts";
import type { HostScalar } from "../core/dtype.ts";
import { isOnHost } from "../core/placement.ts";
import { bind1, Tracer } from "../core/trace.ts";
import { reductionIdentity } from "../loopnest/identity.ts";
import { asArray, toDType } from "../numpy/promote.ts";
import { literal } from "../ops/common.ts";
import { select } from "../ops/logic.ts";
import {
  reduceWindowMaxP,
  reduceWindowMinP,
  reduceWindowSumP,
  windowAxes,
  windowedShape,
  type WindowParams,
} from "../ops/reduce_window.ts";
import { broadcastInDim, reshape } from "../ops/shape.ts";
import { pad, slice } from "../ops/slicing.ts";
import {
  checkWindow,
  dilatedSize,
  type Padding,
  type PaddingSpec,
  reachesOutside,
  resolvePadding,
} from "../ops/window.ts";
import { placeAxis, vmapFlat } from "../transform/vmap.ts";
import { add, max, min } from "./elementwise.ts";

/** How two 0-d arrays become one; associative. */
export type WindowOp = (x: NDArray, y: NDArray) => NDArray;

/** Options of {@linkcode reduceWindow}. */
export interface WindowOptions {
  /** Distance between windows, for each axis; 1 unless given. */
  readonly windowStrides?: readonly number[] | null;
  /** `"VALID"` (unless given), `"SAME"`, `"SAME_LOWER"`, or a pair `[low, high]` for each axis; negative to crop. */
  readonly padding?: PaddingSpec;
  /** Distance between neighbours of `x`, for each axis; 1 unless given. */
  readonly baseDilation?: readonly number[] | null;
  /** Distance between neighbours of the window, for each axis; 1 unless given. */
  readonly windowDilation?: readonly number[] | null;
}

const recognised = [
  { op: add as unknown, reduce: "add", primitive: reduceWindowSumP },
  { op: max as unknown, reduce: "max", primitive: reduceWindowMaxP },
  { op: min as unknown, reduce: "min", primitive: reduceWindowMinP },
] as const;

/**
 * Reduces each window over all axes of `x`, beginning with `init`. What lies beyond the ends of `x`, or in the gaps of its
 * dilation, does not take part.
 *
 * `lax.add` with 0, `lax.max` with the lowest and `lax.min` with the highest value of the dtype are primitives, with
 * derivatives of every order; a maximum that occurs more than once hands its derivative to the first place. Any other
 * operation is traced, and applied once for each place of the window, to all windows together.
 *
 * @param x The array.
 * @param init The 0-d array or number to begin with; an infinity is the lowest or highest value of an integer dtype.
 * @param op An associative operation on 0-d arrays.
 * @param dims The window's size along each axis of `x`.
 * @returns One element for each window.
 * @throws {ShapeError} Where a list has not one entry for each axis, or padding crops more than there is.
 * @throws {ArgumentError} For a wrong padding, stride or dilation.
 *
 * @example
 * ```ts
 * import { lax, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * const x = np.array([3, 1, 4, 1, 5, 9]);
 * lax.reduceWindow(x, -Infinity, lax.max, [2], { windowStrides: [2] }).tolist(); // [3, 4, 9]
 * lax.reduceWindow(x, 0, lax.add, [3], { padding: "SAME" }).tolist(); // [4, 8, 6, 10, 15, 14]
 * lax.reduceWindow(x, 1, (a: NDArray, b: NDArray) => a.mul(b), [2]).tolist(); // [3, 4, 4, 5, 45]
 * ```
 */
export function reduceWindow(
  x: ArrayLike,
  init: ArrayLike,
  op: WindowOp,
  dims: readonly number[],
  options: WindowOptions = {},
): NDArray {
  const where = "lax.reduceWindow";
  const a = asArray(x, where);
  const ones = a.shape.map(() => 1);
  const windowStrides = options.windowStrides ?? ones;
  const windowDilation = options.windowDilation ?? ones;
  const lists = {
    windowDimensions: dims,
    windowStrides,
    baseDilation: options.baseDilation ?? ones,
    windowDilation,
  };
  const padding = options.padding ?? "VALID";
  const isNamed = typeof padding === "string";
  checkWindow("reduceWindow", a.ndim, lists, isNamed ? ones.map((): Padding => [0, 0]) : padding);
  const spans = dims.map((n, i) => dilatedSize(n, windowDilation[i]));
  const params: WindowParams = {
    ...lists,
    padding: resolvePadding("reduceWindow", padding, a.shape, spans, windowStrides),
  };
  // An infinity, as the usual start of a maximum, is the extreme of a dtype that has none.
  const extreme = init === -Infinity ? "max" : init === Infinity ? "min" : null;
  const first = extreme === null ? init : reductionIdentity(extreme, a.dtype);
  const start = first instanceof NDArray ? first : toDType(first, a.dtype, a.aval.weakType, where);
  if (start.ndim !== 0 || start.dtype !== a.dtype) {
    const [Wrong, what] = start.ndim !== 0
      ? [ShapeError, `shape ${formatShape(start.shape)}`] as const
      : [DTypeError, `dtype ${start.dtype}`] as const;
    throw new Wrong(`${where}: init must be 0-d and of x's dtype, ${a.dtype}; got ${what}`);
  }
  if (typeof op !== "function") {
    throw new ArgumentError(`${where}: op must be a function of two arrays; got ${String(op)}`);
  }
  const value = start instanceof Tracer || !isOnHost(start) ? undefined : start.item();
  const known = recognised.find(({ op: fn, reduce }) =>
    fn === op && value !== undefined && sameScalar(value, reductionIdentity(reduce, a.dtype))
  );
  if (known !== undefined) return bind1(known.primitive, [a], params);
  return foldWindows(a, start, op, params);
}

function sameScalar(a: HostScalar, b: HostScalar): boolean {
  return a === b || Number(a) === Number(b);
}

/** Combines the places of the window one after the other, each for all windows at once. */
function foldWindows(x: NDArray, init: NDArray, op: WindowOp, p: WindowParams): NDArray {
  const shape = windowedShape("reduceWindow", x.shape, p);
  const axes = windowAxes(x.shape, p);
  const config = p.padding.map(([low, high], i) => [low, high, p.baseDilation[i] - 1] as const);
  const zero = literal(0, x.dtype);
  const padded = pad(x, zero, config);
  const present = axes.some(reachesOutside)
    ? pad(broadcastInDim(literal(true, "bool"), x.shape, []), literal(false, "bool"), config)
    : null;
  let result = broadcastInDim(init, shape, []);
  if (result.size === 0) return result;
  const place = p.windowDimensions.map(() => 0);
  const places = p.windowDimensions.reduce((a, b) => a * b, 1);
  for (let k = 0; k < places; k++) {
    const from = place.map((r, i) => r * p.windowDilation[i]);
    const to = from.map((start, i) => start + (shape[i] - 1) * p.windowStrides[i] + 1);
    const next = elementwise(op, result, slice(padded, from, to, p.windowStrides));
    result = present === null
      ? next
      : select(slice(present, from, to, p.windowStrides), next, result);
    for (let i = place.length - 1; i >= 0 && ++place[i] === p.windowDimensions[i]; i--) {
      place[i] = 0;
    }
  }
  return result;
}

/** Applies an operation on 0-d arrays to all elements. */
function elementwise(op: WindowOp, x: NDArray, y: NDArray): NDArray {
  const { size, shape } = x;
  const flat = [x, y].map((a) => reshape(a, [size]));
  const [[out], [dim]] = vmapFlat(
    ([a, b]) => [asArray(op(a, b), "lax.reduceWindow: what op returns")],
    flat,
    [0, 0],
    size,
  );
  if (out.ndim !== (dim === null ? 0 : 1) || out.dtype !== x.dtype) {
    throw new ShapeError(
      `lax.reduceWindow: op must return a 0-d ${x.dtype}; got ${out.dtype}${
        formatShape(dim === null ? out.shape : out.shape.filter((_, i) => i !== dim))
      }`,
    );
  }
  return reshape(placeAxis(out, dim, 0, size), shape);
}
