/**
 * Making arrays.
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError, TracerError } from "../errors.ts";
import { type ArrayLike, NDArray } from "../core/array.ts";
import { formatAval } from "../core/aval.ts";
import type { Shape } from "../core/aval.ts";
import { Complex } from "../core/complex.ts";
import type { Device } from "../core/device.ts";
import type { Sharding } from "../core/sharding.ts";
import {
  bfloat16Bits,
  checkDType,
  type DType,
  type HostScalar,
  isBig,
  isComplex,
  isFloating,
  type TypedArray,
  typedArrayClass,
} from "../core/dtype.ts";
import { getEvaluator, Tracer } from "../core/trace.ts";
import { literal } from "../ops/common.ts";
import { convertElementType } from "../ops/convert.ts";
import { copy as copyOp } from "../ops/shape.ts";
import { broadcastInDim, iota, type IotaParams, reshape } from "../ops/shape.ts";
import * as arith from "../ops/arith.ts";
import * as logic from "../ops/logic.ts";
import { concatenate } from "../ops/dynamic.ts";
import { putWhereAsked } from "./placing.ts";
import { asArray, isHostScalar, isTypedArray, resultType, toDType } from "./promote.ts";

/** Nested lists of numbers, arrays and TypedArrays. */
export type ArrayInput = ArrayLike | readonly ArrayInput[];

/** Options of functions that make arrays. */
export interface DTypeOptions {
  /** The element type. */
  readonly dtype?: DType | undefined;
}

/** Options of functions that make arrays from what is no array yet. */
export interface CreationOptions extends DTypeOptions {
  /** Where the array is to be; it is committed to that. Where new arrays are, unless given. */
  readonly device?: Device | Sharding | null | undefined;
}

function dtypeOption(options: DTypeOptions | undefined, where: string): DType | null {
  return options?.dtype === undefined ? null : checkDType(options.dtype, `${where}: options.dtype`);
}

/** Checks a shape that came from outside. */
export function checkShape(shape: unknown, where: string): Shape {
  const list = typeof shape === "number" ? [shape] : shape;
  const array = Array.isArray(list) ? list.find((n) => n instanceof NDArray) : undefined;
  if (array !== undefined) {
    throw new ShapeError(
      `${where}: a shape is made of host numbers; it holds an array ${
        formatAval(array.aval)
      }. Take sizes from x.shape, or pass them as numbers`,
    );
  }
  if (!Array.isArray(list) || list.some((n) => !Number.isInteger(n) || n < 0)) {
    throw new ShapeError(
      `${where}: expected a shape, i.e. a list of non-negative integers; got ${
        JSON.stringify(shape)
      }`,
    );
  }
  return list as Shape;
}

/**
 * An array of nested lists, a TypedArray (1-d, its dtype kept), a number or another array.
 *
 * Numbers give float32, booleans bool, bigints int64, a {@linkcode Complex} among them complex64, unless `dtype` says otherwise; lists of arrays are stacked.
 *
 * @throws {ShapeError} Where nested lists have different lengths.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 *
 * np.array([[1, 2], [3, 4]]).shape; // [2, 2]
 * np.array([1, 2], { dtype: "int32" }).dtype; // "int32"
 * ```
 */
export function array(x: ArrayInput, options: CreationOptions = {}): NDArray {
  const where = "numpy.array";
  return putWhereAsked(arrayOf(x, options, where), options.device, where);
}

function arrayOf(x: ArrayInput, options: DTypeOptions, where: string): NDArray {
  const dtype = dtypeOption(options, where);
  if (x instanceof NDArray) return dtype === null ? x : convertElementType(x, dtype);
  if (isTypedArray(x)) {
    const made = asArray(x, where);
    return dtype === null ? made : convertElementType(made, dtype);
  }
  if (!Array.isArray(x)) {
    if (!isElement(x)) {
      throw new ArgumentError(
        `${where}: expected lists, a TypedArray or a number; got ${String(x)}`,
      );
    }
    return fromFlat([x], [], dtype ?? naturalDType([x]));
  }
  const shape: number[] = [];
  const flat: unknown[] = [];
  collect(x, 0, shape, flat, where, "");
  if (flat.every(isElement)) return fromFlat(flat, shape, dtype ?? naturalDType(flat));
  // Lists that hold arrays: bring all to one dtype and stack.
  const target = dtype ?? resultType(flat as ArrayLike[], where).dtype;
  const parts = flat.map((part) => {
    const a = toDType(part as ArrayLike, target, false, where);
    return reshape(a, [1, ...a.shape]);
  });
  const inner = parts[0].shape.slice(1);
  if (parts.some((p) => String(p.shape.slice(1)) !== String(inner))) {
    throw new ShapeError(`${where}: the arrays in the list must have one shape`);
  }
  return reshape(concatenate(parts, 0), [...shape, ...inner]);
}

function collect(
  x: readonly unknown[],
  depth: number,
  shape: number[],
  flat: unknown[],
  where: string,
  path: string,
): void {
  if (shape.length === depth) shape.push(x.length);
  else if (shape[depth] !== x.length) {
    throw new ShapeError(
      `${where}: nested lists must have equal lengths: x${path} has ${x.length} entries where others have ${
        shape[depth]
      }`,
    );
  }
  x.forEach((part, i) => {
    if (Array.isArray(part)) {
      if (flat.length > 0 && shape.length === depth + 1) {
        throw new ShapeError(`${where}: x${path} mixes lists and scalars`);
      }
      collect(part, depth + 1, shape, flat, where, `${path}[${i}]`);
    } else {
      if (shape.length > depth + 1) {
        throw new ShapeError(`${where}: x${path} mixes lists and scalars`);
      }
      if (!isElement(part) && !(part instanceof NDArray) && !isTypedArray(part)) {
        throw new ArgumentError(
          `${where}: x${path}[${i}] is no number and no array: got ${String(part)}`,
        );
      }
      flat.push(part);
    }
  });
}

function isElement(x: unknown): x is HostScalar | Complex {
  return isHostScalar(x) || x instanceof Complex;
}

function naturalDType(flat: readonly (HostScalar | Complex)[]): DType {
  if (flat.some((v) => v instanceof Complex)) return "complex64";
  if (flat.length > 0 && flat.every((v) => typeof v === "boolean")) return "bool";
  if (flat.length > 0 && flat.every((v) => typeof v === "bigint")) return "int64";
  return "float32";
}

function fromFlat(flat: readonly (HostScalar | Complex)[], shape: Shape, dtype: DType): NDArray {
  if (isComplex(dtype)) {
    const pairs = flat.flatMap((v) => v instanceof Complex ? [v.re, v.im] : [Number(v), 0]);
    const data = (typedArrayClass(dtype) as Float32ArrayConstructor).from(pairs);
    return getEvaluator().fromTypedArray(data, shape, dtype);
  }
  if (flat.some((v) => v instanceof Complex)) {
    throw new DTypeError(
      `numpy.array: complex numbers do not fit ${dtype}; make a complex array and take numpy.real of it`,
    );
  }
  const data = new (typedArrayClass(dtype))(flat.length) as TypedArray;
  if (isBig(dtype)) {
    flat.forEach((v, i) =>
      (data as BigInt64Array)[i] = typeof v === "bigint" ? v : BigInt(Math.trunc(Number(v)))
    );
  } else if (dtype === "bfloat16") {
    flat.forEach((v, i) => (data as Uint16Array)[i] = bfloat16Bits(Number(v)));
  } else if (dtype === "bool") flat.forEach((v, i) => (data as Uint8Array)[i] = v ? 1 : 0);
  else flat.forEach((v, i) => (data as Float32Array)[i] = Number(v));
  return getEvaluator().fromTypedArray(data, shape, dtype);
}

/** As {@linkcode array}; an array that has the dtype already is returned as it is. */
export function asarray(x: ArrayInput, options: CreationOptions = {}): NDArray {
  return array(x, options);
}

/** An array of one value. */
export function full(
  shape: Shape | number,
  value: ArrayLike,
  options: CreationOptions = {},
): NDArray {
  const where = "numpy.full";
  const dtype = dtypeOption(options, where);
  const sizes = checkShape(shape, where);
  const fill = value instanceof Complex
    ? toDType(value, dtype ?? "complex64", false, where)
    : isHostScalar(value)
    ? literal(
      value,
      dtype ??
        (typeof value === "boolean" ? "bool" : typeof value === "bigint" ? "int32" : "float32"),
      dtype === null,
    )
    : toDType(value, dtype ?? asArray(value, where).dtype, false, where);
  const shift = sizes.length - fill.ndim;
  const filled = broadcastInDim(fill, sizes, fill.shape.map((_, i) => i + shift));
  return putWhereAsked(filled, options.device, where);
}

/** An array of zeros, float32 unless told. */
export function zeros(shape: Shape | number, options: CreationOptions = {}): NDArray {
  const dtype = dtypeOption(options, "numpy.zeros") ?? "float32";
  return full(checkShape(shape, "numpy.zeros"), 0, { dtype, device: options.device });
}

/** An array of ones, float32 unless told. */
export function ones(shape: Shape | number, options: CreationOptions = {}): NDArray {
  const dtype = dtypeOption(options, "numpy.ones") ?? "float32";
  return full(checkShape(shape, "numpy.ones"), 1, { dtype, device: options.device });
}

/** An array whose elements do not matter: zeros. */
export function empty(shape: Shape | number, options: CreationOptions = {}): NDArray {
  return zeros(shape, options);
}

/** Options of the `…Like` functions. */
export interface LikeOptions extends DTypeOptions {
  /** Another shape than the model's. */
  readonly shape?: Shape;
}

/** Zeros of the shape and dtype of `x`. */
export function zerosLike(x: ArrayLike, options: LikeOptions = {}): NDArray {
  const a = asArray(x, "numpy.zerosLike");
  return zeros(options.shape ?? a.shape, { dtype: options.dtype ?? a.dtype });
}

/** Ones of the shape and dtype of `x`. */
export function onesLike(x: ArrayLike, options: LikeOptions = {}): NDArray {
  const a = asArray(x, "numpy.onesLike");
  return ones(options.shape ?? a.shape, { dtype: options.dtype ?? a.dtype });
}

/** Zeros of the shape and dtype of `x`. */
export function emptyLike(x: ArrayLike, options: LikeOptions = {}): NDArray {
  return zerosLike(x, options);
}

/** One value in the shape and dtype of `x`. */
export function fullLike(x: ArrayLike, value: ArrayLike, options: LikeOptions = {}): NDArray {
  const a = asArray(x, "numpy.fullLike");
  return full(options.shape ?? a.shape, value, { dtype: options.dtype ?? a.dtype });
}

/** A number that decides how many elements there are: traced, it is not known. */
function knownNumber(x: unknown, where: string): number {
  if (x instanceof Tracer) {
    throw new TracerError(
      `${where}: expected a number, got a traced array ${
        formatAval(x.aval)
      }: how many elements there are must be known when a function is traced. ` +
        "Pass a number, which is static, or count up to a bound and mask what is beyond it",
    );
  }
  const number = x instanceof NDArray && x.size === 1 ? x.item() : x;
  if (typeof number === "number" && Number.isFinite(number)) return number;
  const got = typeof x === "string" ? JSON.stringify(x) : String(x);
  throw new ArgumentError(`${where}: expected a finite number, got ${got}`);
}

/**
 * Evenly spaced values: `arange(stop)`, `arange(start, stop)`, `arange(start, stop, step)`.
 *
 * int32 where all three are whole numbers, else float32, unless `dtype` says otherwise.
 *
 * @throws {ArgumentError} For anything but finite numbers, and a step of 0.
 * @throws {TracerError} For traced arrays: shapes do not depend on values.
 */
export function arange(start: number, ...rest: (number | DTypeOptions | undefined)[]): NDArray {
  const where = "numpy.arange";
  const last = rest.at(-1);
  const isOptions = typeof last === "object" && last !== null &&
    !(last as object instanceof NDArray);
  const options = isOptions ? last : undefined;
  const given = [start, ...(isOptions ? rest.slice(0, -1) : rest)].filter((x) => x !== undefined);
  const names = given.length === 1 ? ["stop"] : ["start", "stop", "step"];
  const numbers = given.map((x, i) => knownNumber(x, `${where}: ${names[i]}`));
  const [from, to, step = 1] = numbers.length === 1 ? [0, numbers[0]] : numbers;
  if (step === 0) throw new ArgumentError(`${where}: step must not be 0`);
  const whole = [from, to, step].every(Number.isInteger);
  const dtype = dtypeOption(options, where) ?? (whole ? "int32" : "float32");
  if (dtype === "bool" || dtype === "key<fry>" || isComplex(dtype)) {
    throw new ArgumentError(`${where}: dtype must be a number's; got ${dtype}`);
  }
  const size = Math.max(0, Math.ceil((to - from) / step));
  const count = iota(dtype as IotaParams["dtype"], [size]);
  const scaled = step === 1 ? count : arith.mul(count, literal(step, dtype));
  return from === 0 ? scaled : arith.add(scaled, literal(from, dtype));
}

/** Options of {@linkcode linspace}. */
export interface LinspaceOptions extends DTypeOptions {
  /** The number of values; 50 unless given. */
  readonly num?: number;
  /** Whether `stop` is one of them; true unless told. */
  readonly endpoint?: boolean;
}

/** `num` evenly spaced values from `start` to `stop`. */
export function linspace(
  start: number,
  stop: number,
  options: LinspaceOptions | number = {},
): NDArray {
  const { num = 50, endpoint = true, dtype } = typeof options === "number"
    ? { num: options }
    : options;
  const target = dtype === undefined
    ? "float32"
    : checkDType(dtype, "numpy.linspace: options.dtype");
  if (!Number.isInteger(num) || num < 0) {
    throw new ArgumentError(`numpy.linspace: num must be a non-negative integer; got ${num}`);
  }
  const float: DType = isFloating(target) ? target : "float32";
  const divisions = endpoint ? num - 1 : num;
  if (num === 0) return zeros([0], { dtype: target });
  if (divisions <= 0) return full([num], start, { dtype: target });
  const t = arith.div(iota(float as "float32", [num]), literal(divisions, float));
  const line = arith.add(
    arith.mul(literal(start, float), arith.sub(literal(1, float), t)),
    arith.mul(literal(stop, float), t),
  );
  const last = logic.eq(iota("int32", [num]), literal(num - 1, "int32"));
  const exact = endpoint
    ? logic.select(last, broadcastInDim(literal(stop, float), [num], []), line)
    : line;
  return target === float ? exact : convertElementType(arith.floor(exact), target);
}

/** `num` values whose logarithms are evenly spaced: `base ** linspace(start, stop)`. */
export function logspace(
  start: number,
  stop: number,
  options: LinspaceOptions & { readonly base?: number } = {},
): NDArray {
  const { base = 10, num = 50, endpoint = true, dtype } = options;
  const step = (stop - start) / (endpoint ? num - 1 : num);
  const values = Array.from(
    { length: num },
    (_, i) =>
      base ** (endpoint && i === num - 1 && i > 0 ? stop : i === 0 ? start : start + i * step),
  );
  return array(values, { dtype: dtype ?? "float32" });
}

/** Ones on a diagonal, zeros elsewhere. */
export function eye(
  n: number,
  options: DTypeOptions & { readonly M?: number; readonly k?: number } = {},
): NDArray {
  const { M = n, k = 0 } = options;
  const shape = checkShape([n, M], "numpy.eye");
  const rows = arith.add(iota("int32", shape, 0), literal(k, "int32"));
  const diagonal = logic.eq(rows, iota("int32", shape, 1));
  return convertElementType(diagonal, dtypeOption(options, "numpy.eye") ?? "float32");
}

/** The identity matrix. */
export function identity(n: number, options: DTypeOptions = {}): NDArray {
  return eye(n, options);
}

/** A copy of `x`. */
export function copy(x: ArrayLike): NDArray {
  return copyOp(asArray(x, "numpy.copy"));
}

/** `x` converted to a dtype: `x.astype(dtype)`. */
export function astype(x: ArrayLike, dtype: DType): NDArray {
  const where = "numpy.astype";
  return convertElementType(asArray(x, where), checkDType(dtype, `${where}: dtype`));
}

/** Options of {@linkcode meshgrid}. */
export interface MeshgridOptions {
  /** `"xy"` (the default) swaps the first two axes, `"ij"` does not. */
  readonly indexing?: "xy" | "ij";
  /** Whether to leave each result at size 1 along the other axes. */
  readonly sparse?: boolean;
}

/** Coordinates of a grid, from coordinates along each axis: `meshgrid(x, y, kwargs({ indexing }))`. */
export function meshgrid(...xs: (ArrayLike | MeshgridOptions)[]): NDArray[] {
  const last = xs.at(-1);
  const isOptions = typeof last === "object" && !(last instanceof NDArray) && !isTypedArray(last);
  const { indexing = "xy", sparse = false } = isOptions ? last as MeshgridOptions : {};
  if (indexing !== "xy" && indexing !== "ij") {
    throw new ArgumentError(
      `numpy.meshgrid: indexing must be "xy" or "ij"; got ${String(indexing)}`,
    );
  }
  const arrays = (isOptions ? xs.slice(0, -1) : xs).map((x) => {
    const a = asArray(x as ArrayLike, "numpy.meshgrid");
    return reshape(a, [a.size]);
  });
  const order = arrays.map((_, i) => indexing === "xy" && arrays.length > 1 && i < 2 ? 1 - i : i);
  const shape: number[] = [];
  arrays.forEach((a, i) => shape[order[i]] = a.size);
  return arrays.map((a, i) =>
    broadcastInDim(a, sparse ? shape.map((n, k) => k === order[i] ? n : 1) : shape, [order[i]])
  );
}
