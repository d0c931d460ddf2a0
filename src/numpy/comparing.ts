/**
 * Arrays compared as wholes, and up to a tolerance.
 *
 * @module
 */
import { ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { shapesEqual } from "../core/aval.ts";
import { partOf } from "../core/dtype.ts";
import * as arith from "../ops/arith.ts";
import { literal } from "../ops/common.ts";
import * as logic from "../ops/logic.ts";
import { reduceAnd } from "../ops/reduce.ts";
import { fullLike } from "../ops/shape.ts";
import { readOptions } from "./axes.ts";
import {
  asArray,
  broadcastOperands,
  broadcastShapes,
  promote,
  promoteInexact,
  toDType,
} from "./promote.ts";

/** Options of {@linkcode isclose} and {@linkcode allclose}. */
export interface ClosenessOptions {
  /** The relative tolerance; 1e-5 unless given. */
  readonly rtol?: ArrayLike;
  /** The absolute tolerance; 1e-8 unless given. */
  readonly atol?: ArrayLike;
  /** Whether NaN equals NaN; not unless told. */
  readonly equalNan?: boolean;
}

function close(x: ArrayLike, y: ArrayLike, options: ClosenessOptions, where: string): NDArray {
  const o = readOptions(options, where, "{ rtol: 1e-3 }");
  const [a, b] = broadcastOperands(promoteInexact([x, y], where), where);
  const shape = a.ndim >= b.ndim ? a.shape : b.shape;
  const [rtol, atol] = [o.rtol ?? 1e-5, o.atol ?? 1e-8].map((t) =>
    toDType(t, partOf(a.dtype), false, where)
  );
  const allowed = fullLike(arith.add(atol, arith.mul(rtol, arith.abs(b))), shape);
  // Equal infinities are close, though their difference is NaN; near an infinity is nothing else.
  const inRange = logic.and(
    logic.le(arith.abs(arith.sub(a, b)), allowed),
    fullLike(logic.isFinite(b), shape),
  );
  const out = logic.or(logic.eq(a, b), inRange);
  if (!o.equalNan) return out;
  const nan = (v: NDArray) => fullLike(logic.ne(v, v), shape);
  return logic.or(out, logic.and(nan(a), nan(b)));
}

/** Whether `|x - y| ≤ atol + rtol·|y|`, elementwise. */
export function isclose(x: ArrayLike, y: ArrayLike, options: ClosenessOptions = {}): NDArray {
  return close(x, y, options, "numpy.isclose");
}

function allTrue(x: NDArray): NDArray {
  return reduceAnd(x, x.shape.map((_, i) => i));
}

/** Whether all elements are close, as {@linkcode isclose} says: a 0-d bool. */
export function allclose(x: ArrayLike, y: ArrayLike, options: ClosenessOptions = {}): NDArray {
  return allTrue(close(x, y, options, "numpy.allclose"));
}

/** Options of {@linkcode arrayEqual}. */
export interface ArrayEqualOptions {
  /** Whether NaN equals NaN; not unless told. */
  readonly equalNan?: boolean;
}

/** Whether both have one shape and equal elements: a 0-d bool. */
export function arrayEqual(
  x: ArrayLike,
  y: ArrayLike,
  options: ArrayEqualOptions = {},
): NDArray {
  const where = "numpy.arrayEqual";
  const { equalNan = false } = readOptions(options, where, "{ equalNan: true }");
  if (!shapesEqual(asArray(x, where).shape, asArray(y, where).shape)) return literal(false, "bool");
  const [a, b] = promote([x, y], where);
  const equal = logic.eq(a, b);
  if (!equalNan) return allTrue(equal);
  return allTrue(logic.or(equal, logic.and(logic.ne(a, a), logic.ne(b, b))));
}

/** Whether both broadcast to one shape and have equal elements there: a 0-d bool. */
export function arrayEquiv(x: ArrayLike, y: ArrayLike): NDArray {
  const where = "numpy.arrayEquiv";
  const [a, b] = promote([x, y], where);
  try {
    broadcastShapes([a.shape, b.shape], where);
  } catch (error) {
    if (error instanceof ShapeError) return literal(false, "bool");
    throw error;
  }
  const [p, q] = broadcastOperands([a, b], where);
  return allTrue(logic.eq(p, q));
}
