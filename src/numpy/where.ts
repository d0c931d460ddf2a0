/**
 * Choosing elements by condition.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import * as arith from "../ops/arith.ts";
import { lit, literal } from "../ops/common.ts";
import * as logic from "../ops/logic.ts";
import { broadcastInDim } from "../ops/shape.ts";
import {
  asArray,
  broadcastArray,
  broadcastShapes,
  promote,
  resultType,
  toDType,
} from "./promote.ts";
import { isFloating } from "../core/dtype.ts";
import { finfo } from "./dtype_queries.ts";

/**
 * `x` where `condition` holds, else `y`; all three broadcast.
 *
 * The gradient passes to the chosen elements only; but `x` and `y` are computed everywhere, so an infinite derivative in what is
 * not chosen still spoils the gradient (choose a safe argument first).
 */
export function where(condition: ArrayLike, x: ArrayLike, y: ArrayLike): NDArray {
  const name = "numpy.where";
  if (x === undefined || y === undefined) {
    throw new ArgumentError(
      `${name}: needs x and y: the size of a list of positions would depend on data`,
    );
  }
  const raw = asArray(condition, name);
  const mask = raw.dtype === "bool" ? raw : logic.ne(raw, lit(raw, 0));
  const [a, b] = promote([x, y], name);
  const shape = broadcastShapes([mask.shape, a.shape, b.shape], name);
  return logic.select(
    mask.ndim === 0 ? mask : broadcastArray(mask, shape),
    broadcastArray(a, shape),
    broadcastArray(b, shape),
  );
}

/** Options of {@linkcode clip}. */
export interface ClipOptions {
  /** The least value; none unless given. */
  readonly min?: ArrayLike | null;
  /** The greatest value; none unless given. */
  readonly max?: ArrayLike | null;
}

/** `x` kept within bounds; NaN stays NaN. */
export function clip(x: ArrayLike, options: ClipOptions = {}): NDArray {
  const name = "numpy.clip";
  const { min = null, max = null } = options;
  let out = asArray(x, name);
  for (const [bound, combine] of [[min, arith.max], [max, arith.min]] as const) {
    if (bound === null) continue;
    const { dtype, weakType } = resultType([out, bound], name);
    const [a, b] = [toDType(out, dtype, weakType, name), toDType(bound, dtype, weakType, name)];
    const shape = broadcastShapes([a.shape, b.shape], name);
    out = combine(broadcastArray(a, shape), b.ndim === 0 ? b : broadcastArray(b, shape));
  }
  return out;
}

/** Options of {@linkcode nanToNum}. */
export interface NanToNumOptions {
  /** For NaN; 0 unless given. */
  readonly nan?: number;
  /** For +∞; the largest finite number unless given. */
  readonly posinf?: number;
  /** For -∞; the lowest finite number unless given. */
  readonly neginf?: number;
}

/** NaN and infinities replaced by finite numbers. */
export function nanToNum(x: ArrayLike, options: NanToNumOptions = {}): NDArray {
  const a = asArray(x, "numpy.nanToNum");
  if (!isFloating(a.dtype)) return a;
  const largest = finfo(a.dtype).max;
  const put = (mask: NDArray, value: number, rest: NDArray) =>
    logic.select(mask, broadcastInDim(literal(value, a.dtype), a.shape, []), rest);
  const noNan = put(logic.ne(a, a), options.nan ?? 0, a);
  const noHigh = put(logic.eq(a, lit(a, Infinity)), options.posinf ?? largest, noNan);
  return put(logic.eq(a, lit(a, -Infinity)), options.neginf ?? -largest, noHigh);
}
