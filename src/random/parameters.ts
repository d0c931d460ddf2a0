/**
 * What the distributions ask of their arguments: a shape that parameters broadcast to, and a dtype.
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { formatShape, type Shape, shapesEqual } from "../core/aval.ts";
import { checkDType, type DType, isComplex, isFloating, isInteger } from "../core/dtype.ts";
import { readOptions } from "../numpy/axes.ts";
import { checkShape } from "../numpy/creation.ts";
import { asArray, broadcastArray, broadcastShapes, toDType } from "../numpy/promote.ts";

/** Options of distributions over floats. */
export interface FloatOptions {
  /** A floating dtype; `"float32"` unless given. */
  readonly dtype?: DType | undefined;
}

/** Options of distributions over integers. */
export interface IntegerOptions {
  /** An integer dtype; `"int32"` unless given. */
  readonly dtype?: DType | undefined;
}

/** The shape as an option, where it may also stand alone. */
export interface ShapeOption {
  /** The shape of the sample, to which the parameters broadcast; that of the parameters together unless given. */
  readonly shape?: Shape | null;
}

/** Options of distributions over floats that have parameters. */
export interface FloatSampleOptions extends FloatOptions, ShapeOption {}

/** Options of distributions over integers that have parameters. */
export interface IntegerSampleOptions extends IntegerOptions, ShapeOption {}

/** A floating dtype that came as an option. */
export function floatDType(options: FloatOptions, where: string): DType {
  const dtype = checkDType(options.dtype ?? "float32", `${where}: options.dtype`);
  if (!isFloating(dtype)) {
    throw new DTypeError(`${where}: dtype must be floating; got ${dtype}`);
  }
  return dtype;
}

/** An integer dtype that came as an option. */
export function integerDType(options: IntegerOptions, where: string): DType {
  const dtype = checkDType(options.dtype ?? "int32", `${where}: options.dtype`);
  if (!isInteger(dtype)) throw new DTypeError(`${where}: dtype must be an integer; got ${dtype}`);
  return dtype;
}

/** The options of a call that gave its shape alone, or in the options' place. */
export function readShaped<O extends ShapeOption>(
  shapeOrOptions: Shape | O | null | undefined,
  more: Omit<O, "shape">,
  where: string,
): O {
  const alone = Array.isArray(shapeOrOptions) || shapeOrOptions === null;
  const given = alone ? { ...more, shape: shapeOrOptions } : shapeOrOptions ?? more;
  return readOptions(given as O, where, "{ shape: [2, 3] }");
}

/** The shape of a sample: the one given, if parameters of these shapes broadcast to it, else theirs together. */
export function sampleShape(
  shape: Shape | null | undefined,
  parameters: readonly Shape[],
  where: string,
): Shape {
  if (shape === undefined || shape === null) return broadcastShapes(parameters, where);
  const sizes = checkShape(shape, where);
  const together = broadcastShapes([sizes, ...parameters], where);
  if (shapesEqual(together, sizes)) return sizes;
  throw new ShapeError(
    `${where}: parameters of shapes ${
      parameters.map(formatShape).join(" and ")
    } must broadcast to the shape ${formatShape(sizes)}; they give ${formatShape(together)}`,
  );
}

/** Parameters by name, as arrays of a floating dtype; stretched to the shape of the sample, which comes first. */
export function readParameters(
  parameters: Readonly<Record<string, ArrayLike>>,
  shape: Shape | null | undefined,
  dtype: DType,
  where: string,
): [shape: Shape, ...arrays: NDArray[]] {
  const arrays = Object.entries(parameters).map(([name, x]) => floatArray(x, dtype, name, where));
  const sizes = sampleShape(shape, arrays.map((x) => x.shape), where);
  return [sizes, ...arrays.map((x) => broadcastArray(x, sizes))];
}

/** A real parameter in a floating dtype. */
export function floatArray(x: ArrayLike, dtype: DType, name: string, where: string): NDArray {
  if (x === undefined || x === null) {
    throw new ArgumentError(`${where}: ${name} must be a number or an array; got ${String(x)}`);
  }
  const array = typeof x === "number" ? x : asArray(x, where);
  if (typeof array !== "number" && isComplex(array.dtype)) {
    throw new DTypeError(`${where}: ${name} must be real; got ${array.dtype}`);
  }
  return toDType(array, dtype, false, where);
}
