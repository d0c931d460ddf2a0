/**
 * Reductions of what is not NaN: those that `reductions.ts` and `statistics.ts` leave.
 *
 * @module
 */
import type { ArrayLike, NDArray, ReduceOptions } from "../core/array.ts";
import { isFloating } from "../core/dtype.ts";
import { lit } from "../ops/common.ts";
import { sqrt } from "../ops/elementary.ts";
import * as logic from "../ops/logic.ts";
import { broadcastInDim } from "../ops/shape.ts";
import { cumprod, cumsum, type CumulativeOptions } from "./lookup.ts";
import { asArray, broadcastArray, promoteInexact } from "./promote.ts";
import {
  all,
  argmax,
  argmin,
  type ArgOptions,
  type AxisOr,
  type ExtremeOptions,
  max,
  min,
  prod,
  sum,
  type SumOptions,
  variance,
  type VarOptions,
} from "./reductions.ts";

/** `x` with a value in place of NaN. */
function without(x: ArrayLike, value: number, where: string): NDArray {
  const a = asArray(x, where);
  if (!isFloating(a.dtype)) return a;
  return logic.select(logic.ne(a, a), broadcastInDim(lit(a, value), a.shape, []), a);
}

/** The product over `axis`, NaNs counted as 1. */
export function nanprod(x: ArrayLike, options?: AxisOr<SumOptions>): NDArray {
  return prod(without(x, 1, "numpy.nanprod"), options);
}

/** Running sums along an axis, or of the flattened array, NaNs counted as 0. */
export function nancumsum(x: ArrayLike, options: CumulativeOptions | number = {}): NDArray {
  return cumsum(without(x, 0, "numpy.nancumsum"), options);
}

/** Running products along an axis, or of the flattened array, NaNs counted as 1. */
export function nancumprod(x: ArrayLike, options: CumulativeOptions | number = {}): NDArray {
  return cumprod(without(x, 1, "numpy.nancumprod"), options);
}

/** The variance over `axis` of what is not NaN; NaN where no more than `ddof` elements count. */
export function nanvar(x: ArrayLike, options?: AxisOr<VarOptions>): NDArray {
  const where = "numpy.nanvar";
  const o: VarOptions = typeof options === "number" || Array.isArray(options)
    ? { axis: options as number }
    : (options ?? {}) as VarOptions;
  const [a] = promoteInexact([x], where);
  const counts = logic.eq(a, a);
  const given = o.where === undefined
    ? counts
    : logic.and(counts, broadcastArray(asArray(o.where, where), a.shape));
  const { dtype, ...over } = o;
  const spread = variance(a, { ...over, where: given });
  const counted = sum(given, {
    axis: o.axis ?? null,
    keepdims: o.keepdims ?? false,
    dtype: a.dtype,
  });
  const out = logic.select(
    logic.le(counted, lit(a, o.ddof ?? o.correction ?? 0)),
    broadcastInDim(lit(a, NaN), spread.shape, []),
    spread,
  );
  return dtype === undefined ? out : out.astype(dtype);
}

/** The standard deviation over `axis` of what is not NaN. */
export function nanstd(x: ArrayLike, options?: AxisOr<VarOptions>): NDArray {
  return sqrt(nanvar(x, options));
}

function nanExtreme(
  x: ArrayLike,
  find: typeof max,
  worst: number,
  options: AxisOr<ExtremeOptions> | undefined,
  where: string,
): NDArray {
  const a = asArray(x, where);
  const found = find(without(a, worst, where), options);
  if (!isFloating(a.dtype)) return found;
  const o = typeof options === "number" || Array.isArray(options)
    ? { axis: options as number }
    : (options ?? {}) as ExtremeOptions;
  if (o.initial !== undefined) return found; // which is not NaN
  const empty = all(logic.ne(a, a), { axis: o.axis ?? null, keepdims: o.keepdims ?? false });
  return logic.select(empty, broadcastInDim(lit(a, NaN), found.shape, []), found);
}

/** The maximum over `axis` of what is not NaN; NaN where all is. */
export function nanmax(x: ArrayLike, options?: AxisOr<ExtremeOptions>): NDArray {
  return nanExtreme(x, max, -Infinity, options, "numpy.nanmax");
}

/** The minimum over `axis` of what is not NaN; NaN where all is. */
export function nanmin(x: ArrayLike, options?: AxisOr<ExtremeOptions>): NDArray {
  return nanExtreme(x, min, Infinity, options, "numpy.nanmin");
}

function nanArg(
  x: ArrayLike,
  find: typeof argmax,
  worst: number,
  options: ArgOptions | number | null | undefined,
  where: string,
): NDArray {
  const a = asArray(x, where);
  const found = find(without(a, worst, where), options);
  if (!isFloating(a.dtype)) return found;
  const empty = all(logic.ne(a, a), options as AxisOr<ReduceOptions>);
  return logic.select(empty, broadcastInDim(lit(found, -1), found.shape, []), found);
}

/** The position (int32) of the first maximum of what is not NaN; -1 where all is. */
export function nanargmax(x: ArrayLike, options?: ArgOptions | number | null): NDArray {
  return nanArg(x, argmax, -Infinity, options, "numpy.nanargmax");
}

/** The position (int32) of the first minimum of what is not NaN; -1 where all is. */
export function nanargmin(x: ArrayLike, options?: ArgOptions | number | null): NDArray {
  return nanArg(x, argmin, Infinity, options, "numpy.nanargmin");
}
