/**
 * From whatever a user writes to operands of one dtype and shape.
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import { type ArrayLike, NDArray } from "../core/array.ts";
import { formatShape, type Shape, shapesEqual } from "../core/aval.ts";
import {
  type DType,
  dtypeInfo,
  dtypeOfTypedArray,
  type HostScalar,
  isBig,
  isComplex,
  isFloating,
  isInexact,
  isSigned,
  partOf,
  promoteTypes,
  type PromotionType,
  type TypedArray,
} from "../core/dtype.ts";
import { currentChecks } from "../core/checks.ts";
import { Complex } from "../core/complex.ts";
import { getEvaluator } from "../core/trace.ts";
import { literal } from "../ops/common.ts";
import { convertElementType } from "../ops/convert.ts";
import { broadcastInDim, reshape } from "../ops/shape.ts";
import { complex } from "../ops/parts.ts";

/** Whether a value is a host scalar. */
export function isHostScalar(x: unknown): x is HostScalar {
  return typeof x === "number" || typeof x === "boolean" || typeof x === "bigint";
}

/** Whether a value is a TypedArray. */
export function isTypedArray(x: unknown): x is TypedArray {
  return ArrayBuffer.isView(x) && !(x instanceof DataView);
}

/** The error for an operand that is no array. */
function refuse(x: unknown, where: string): ArgumentError {
  const hint = Array.isArray(x) ? "; make an array of the list with numpy.array(...)" : "";
  const came = x === null || x === undefined
    ? String(x)
    : Array.isArray(x)
    ? "a list"
    : typeof x === "object"
    ? `a ${(x as object).constructor?.name ?? "object"}`
    : `${typeof x} ${String(x)}`;
  return new ArgumentError(`${where}: expected an array or a number; got ${came}${hint}`);
}

/** A complex number of the host as a 0-d array. */
function ofComplex({ re, im }: Complex, dtype: DType, weakType: boolean): NDArray {
  const part = partOf(dtype);
  return complex(literal(re, part, weakType), literal(im, part, weakType));
}

/** An array of what a user gave: a weakly typed 0-d one for a host number. */
export function asArray(x: ArrayLike, where: string): NDArray {
  if (x instanceof NDArray) return x;
  switch (typeof x) {
    case "number":
      return literal(x, "float32", true);
    case "bigint":
      return literal(Number(x), "int32", true);
    case "boolean":
      return literal(x, "bool");
    default:
      if (x instanceof Complex) return ofComplex(x, "complex64", true);
      if (isTypedArray(x)) {
        return getEvaluator().fromTypedArray(x, [x.length], dtypeOfTypedArray(x, where));
      }
      throw refuse(x, where);
  }
}

/** The type of an operand for promotion; a whole number beside integers counts as an integer. */
function promotionTypeOf(x: ArrayLike, integral: boolean, where: string): PromotionType {
  if (x instanceof NDArray) return x.aval;
  switch (typeof x) {
    case "number":
      return { dtype: integral && Number.isInteger(x) ? "int32" : "float32", weakType: true };
    case "bigint":
      return { dtype: "int32", weakType: true };
    case "boolean":
      return { dtype: "bool", weakType: false };
    default:
      if (x instanceof Complex) return { dtype: "complex64", weakType: true };
      if (isTypedArray(x)) return { dtype: dtypeOfTypedArray(x, where), weakType: false };
      throw refuse(x, where);
  }
}

/** The dtype, and its weakness, at which operands meet, by JAX's rules. */
export function resultType(xs: readonly ArrayLike[], where: string): PromotionType {
  const integral = xs.some((x) => typeof x !== "number") && xs.every((x) => {
    if (typeof x === "number") return true;
    if (x instanceof Complex) return false;
    if (x instanceof NDArray) return !isInexact(x.dtype);
    return !isTypedArray(x) || !isFloating(dtypeOfTypedArray(x, where));
  });
  const types = xs.map((x) => promotionTypeOf(x, integral, where));
  if (currentChecks().strictPromotion) refuseMixed(types, where);
  return types.reduce(promoteTypes);
}

/** For tests: strong operands of different dtypes are an error. */
function refuseMixed(types: readonly PromotionType[], where: string): void {
  const strong = new Set(types.filter((t) => !t.weakType).map((t) => t.dtype));
  if (strong.size > 1) {
    throw new DTypeError(
      `${where}: operands of dtypes ${
        [...strong].join(" and ")
      } would be promoted; convert one of them`,
    );
  }
}

/** An operand converted to a dtype. */
export function toDType(x: ArrayLike, dtype: DType, weakType: boolean, where: string): NDArray {
  if (isHostScalar(x)) return literal(hostCast(x, dtype), dtype, weakType);
  if (x instanceof Complex && isComplex(dtype)) return ofComplex(x, dtype, weakType);
  const array = asArray(x, where);
  return array.dtype === dtype ? array : convertElementType(array, dtype, weakType);
}

/** A host scalar as a literal of a dtype wants it. */
function hostCast(x: HostScalar, dtype: DType): HostScalar {
  if (dtype === "bool") return Boolean(x);
  if (isInexact(dtype)) return Number(x);
  // Integers wrap around, as conversions between integers do.
  const whole = typeof x === "bigint" ? x : BigInt(Math.trunc(Number(x)));
  const wrap = isSigned(dtype) ? BigInt.asIntN : BigInt.asUintN;
  const wrapped = wrap(8 * dtypeInfo(dtype).bytes, whole);
  return isBig(dtype) ? wrapped : Number(wrapped);
}

/** Operands promoted to one dtype. */
export function promote(xs: readonly ArrayLike[], where: string): NDArray[] {
  const { dtype, weakType } = resultType(xs, where);
  return xs.map((x) => toDType(x, dtype, weakType, where));
}

/** As {@linkcode promote}, at least to a floating dtype. */
export function promoteInexact(xs: readonly ArrayLike[], where: string): NDArray[] {
  const { dtype, weakType } = resultType(xs, where);
  return xs.map((x) => toDType(x, inexactDType(dtype), weakType, where));
}

/** One operand, at least of a floating dtype. */
export function toInexact(x: ArrayLike, where: string): NDArray {
  return promoteInexact([x], where)[0];
}

/** The floating or complex dtype in which functions of another compute: int64 has as many bits as float64. */
export function inexactDType(dtype: DType): DType {
  if (isInexact(dtype)) return dtype;
  return isBig(dtype) ? "float64" : "float32";
}

/** The shape to which shapes broadcast, by NumPy's rule. */
export function broadcastShapes(shapes: readonly Shape[], where: string): Shape {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const out: number[] = [];
  for (let i = 1; i <= rank; i++) {
    let size = 1;
    for (const shape of shapes) {
      const n = shape.length >= i ? shape[shape.length - i] : 1;
      if (n === 1) continue;
      if (size !== 1 && size !== n) {
        throw new ShapeError(
          `${where}: shapes ${
            shapes.map(formatShape).join(" and ")
          } do not broadcast: axis ${-i} has sizes ${size} and ${n}`,
        );
      }
      size = n;
    }
    out.unshift(size);
  }
  return out;
}

/** Stretches an array to a shape, by NumPy's rule. */
export function broadcastArray(x: NDArray, shape: Shape): NDArray {
  if (shapesEqual(x.shape, shape)) return x;
  const shift = shape.length - x.ndim;
  return broadcastInDim(x, shape, x.shape.map((_, i) => i + shift));
}

/** Operands stretched to one shape; 0-d ones stay, since elementwise primitives take them. */
export function broadcastOperands(xs: readonly NDArray[], where: string): NDArray[] {
  const first = xs[0].shape;
  if (xs.every((x) => shapesEqual(x.shape, first))) return xs as NDArray[];
  const shape = broadcastShapes(xs.map((x) => x.shape), where);
  return xs.map((x) => x.ndim === 0 ? x : broadcastArray(x, shape));
}

/** A non-negative axis of an array of `rank` axes. */
export function normalizeAxis(axis: number, rank: number, where: string): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new ShapeError(`${where}: axis ${axis} is out of bounds for an array of ${rank} axes`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** Non-negative, distinct axes; all of them for `null` or `undefined`. */
export function normalizeAxes(
  axis: number | readonly number[] | null | undefined,
  rank: number,
  where: string,
): number[] {
  if (axis === null || axis === undefined) return Array.from({ length: rank }, (_, i) => i);
  const axes = (typeof axis === "number" ? [axis] : [...axis]).map((a) =>
    normalizeAxis(a, rank, where)
  );
  if (new Set(axes).size !== axes.length) {
    throw new ShapeError(`${where}: axes [${axes.join(", ")}] must be distinct`);
  }
  return axes.sort((a, b) => a - b);
}

/** A shape in which one size may be -1, resolved against a number of elements. */
export function resolveShape(shape: Shape, size: number, where: string): Shape {
  const unknown = shape.indexOf(-1);
  if (unknown < 0) return shape;
  if (shape.indexOf(-1, unknown + 1) >= 0) {
    throw new ShapeError(`${where}: only one size may be -1; got ${formatShape(shape)}`);
  }
  const rest = shape.reduce((product, n, i) => i === unknown ? product : product * n, 1);
  if (rest === 0 ? size !== 0 : size % rest !== 0) {
    throw new ShapeError(
      `${where}: cannot put ${size} elements into shape ${formatShape(shape)}`,
    );
  }
  return shape.map((n, i) => i === unknown ? (rest === 0 ? 0 : size / rest) : n);
}

/** `x` with axes of size 1 put in front. */
export function padRank(x: NDArray, rank: number): NDArray {
  if (x.ndim >= rank) return x;
  return reshape(x, [...Array(rank - x.ndim).fill(1), ...x.shape]);
}

/** An optional argument that may stand alone or under its name in an options object. */
export type AloneOr<T, K extends string> = T | { readonly [name in K]?: T } | null;

/** The argument that came alone or by name; `undefined` where it was left out or is `null`. */
export function readAlone<T extends number | readonly unknown[], K extends string>(
  given: AloneOr<T, K> | undefined,
  name: K,
): T | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given === "number" || Array.isArray(given)) return given as T;
  return (given as { readonly [name in K]?: T })[name] ?? undefined;
}
