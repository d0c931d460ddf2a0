/**
 * Convolutions of `jax.lax`.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { formatShape, type Shape } from "../core/aval.ts";
import { checkDType, type DType } from "../core/dtype.ts";
import { asArray } from "../numpy/promote.ts";
import { convertElementType } from "../ops/convert.ts";
import {
  type ConvDimensionNumbers,
  convGeneralDilated as convolve,
  type ConvParams,
} from "../ops/conv.ts";
import { eq } from "../ops/logic.ts";
import { broadcastInDim, iota, reshape, transpose } from "../ops/shape.ts";
import { rev } from "../ops/slicing.ts";
import {
  checkWindow,
  dilatedSize,
  type Padding,
  type PaddingSpec,
  resolvePadding,
} from "../ops/window.ts";

/**
 * Which axis is what. As strings, one letter an axis: `"N"` the examples, `"C"` the features, `"O"` and `"I"` the kernel's output and
 * input features, every other letter a spatial axis, e.g. `["NHWC", "HWIO", "NHWC"]`. The order of the spatial letters in
 * the kernel's string is that of strides, paddings and dilations. Nothing: examples (output features), features (input
 * features), then the spatial axes, for all three.
 */
export type ConvDimensions =
  | readonly [lhs: string, rhs: string, out: string]
  | ConvDimensionNumbers
  | null;

/** Options that all convolutions take. */
export interface ConvPrecision {
  /**
   * As in JAX. Everything is computed in the dtype's own precision; but 3 × 3 windows over many features of float32 save products by Winograd's
   * algorithm unless this is `"highest"` or `"float32"` (or a pair with one of these): its rounding errors are about those of plain sums, but an
   * infinity or NaN reaches up to three places more.
   */
  readonly precision?: unknown;
  /** The dtype to compute in, and of the result; that of the operands unless given. */
  readonly preferredElementType?: DType | null;
}

/** Options of {@linkcode convGeneralDilated}. */
export interface ConvOptions extends ConvPrecision {
  /** Distance between neighbours of `lhs`, for each spatial axis; 1 unless given. */
  readonly lhsDilation?: readonly number[] | null;
  /** Distance between neighbours of the kernel, for each spatial axis; 1 unless given. */
  readonly rhsDilation?: readonly number[] | null;
  /** Which axis of each array is what; examples (output features), features (input features), spatial axes unless given. */
  readonly dimensionNumbers?: ConvDimensions;
  /** Into how many groups the features fall, each with its share of the output features; 1 unless given. */
  readonly featureGroupCount?: number;
  /** Into how many groups the examples fall, each with its share of the output features; 1 unless given. */
  readonly batchGroupCount?: number;
}

function isNumbers(d: ConvDimensions): d is ConvDimensionNumbers {
  return d !== null && typeof d === "object" && "lhsSpec" in d;
}

/** The axes of one string: those of the two named letters, then the spatial ones in the kernel's order. */
function specOf(text: string, letters: string, kernel: string, place: number): number[] {
  const where = `lax.convDimensionNumbers: dimensionNumbers[${place}]`;
  for (const letter of letters) {
    if (text.split(letter).length === 2) continue;
    throw new ArgumentError(`${where} must contain "${letter}" exactly once; got "${text}"`);
  }
  if (new Set(text).size !== text.length) {
    throw new ArgumentError(`${where} must not repeat a letter; got "${text}"`);
  }
  const spatial = [...kernel].filter((letter) => letter !== "O" && letter !== "I");
  const own = [...text].filter((letter) => !letters.includes(letter));
  if (own.length !== spatial.length || own.some((letter) => !spatial.includes(letter))) {
    throw new ArgumentError(
      `${where} must name the same spatial axes as the kernel's "${kernel}"; got "${text}"`,
    );
  }
  return [...letters, ...spatial].map((letter) => text.indexOf(letter));
}

/**
 * The dimension numbers in the form that convolutions work with.
 *
 * @param lhsShape The operand's shape.
 * @param rhsShape The kernel's, of as many axes.
 * @throws {ArgumentError} Where a string does not name each axis once, or the strings name different spatial axes.
 * @throws {ShapeError} Where numbers of axes differ.
 *
 * @example
 * ```ts
 * import { lax } from "@vernal/vernal";
 *
 * const { lhsSpec, rhsSpec } = lax.convDimensionNumbers([1, 8, 8, 3], [5, 5, 3, 16], [
 *   "NHWC",
 *   "HWIO",
 *   "NHWC",
 * ]);
 * lhsSpec; // [0, 3, 1, 2]: examples, features, height, width
 * rhsSpec; // [3, 2, 0, 1]: output features, input features, height, width
 * ```
 */
export function convDimensionNumbers(
  lhsShape: Shape,
  rhsShape: Shape,
  dimensionNumbers: ConvDimensions = null,
): ConvDimensionNumbers {
  const rank = lhsShape.length;
  if (rank !== rhsShape.length) {
    throw new ShapeError(
      `lax.convDimensionNumbers: lhs and rhs must have one number of axes; got shapes ${
        formatShape(lhsShape)
      } and ${formatShape(rhsShape)}`,
    );
  }
  if (isNumbers(dimensionNumbers)) return dimensionNumbers;
  if (dimensionNumbers === null) {
    const inOrder = lhsShape.map((_, i) => i);
    return { lhsSpec: inOrder, rhsSpec: inOrder, outSpec: inOrder };
  }
  if (!Array.isArray(dimensionNumbers) || dimensionNumbers.length !== 3) {
    throw new ArgumentError(
      `lax.convDimensionNumbers: dimensionNumbers must be three strings, e.g. ["NHWC", "HWIO", "NHWC"]; got ${
        JSON.stringify(dimensionNumbers)
      }`,
    );
  }
  dimensionNumbers.forEach((text: unknown, i) => {
    if (typeof text === "string" && text.length === rank) return;
    throw new ArgumentError(
      `lax.convDimensionNumbers: dimensionNumbers[${i}] must be a string of ${rank} letters, one for each axis of shapes ${
        formatShape(lhsShape)
      } and ${formatShape(rhsShape)}; got ${JSON.stringify(text)}`,
    );
  });
  const [lhs, rhs, out] = dimensionNumbers;
  return {
    rhsSpec: specOf(rhs, "OI", rhs, 1),
    lhsSpec: specOf(lhs, "NC", rhs, 0),
    outSpec: specOf(out, "NC", rhs, 2),
  };
}

/** Operands in the dtype to compute in. */
function operandsOf(
  lhs: ArrayLike,
  rhs: ArrayLike,
  wanted: DType | null | undefined,
  where: string,
): [NDArray, NDArray] {
  const [x, w] = [asArray(lhs, where), asArray(rhs, where)];
  if (!wanted) return [x, w];
  const dtype = checkDType(wanted, where);
  return [convertElementType(x, dtype), convertElementType(w, dtype)];
}

/**
 * The general convolution (a cross-correlation: the kernel is not reversed), over any number of spatial axes.
 *
 * Window `o` along an axis begins at element `o · stride - low` of `lhs`; what lies beyond its ends, or in the gaps of its dilation,
 * counts as 0. Large float32 and float64 convolutions run as matrix products over windows that are read where they lie.
 *
 * @param lhs The operand: examples, features and spatial axes.
 * @param rhs The kernel: output features, input features and spatial axes.
 * @param windowStrides Distance between windows, for each spatial axis.
 * @param padding `"VALID"`, `"SAME"`, `"SAME_LOWER"`, or a pair `[low, high]` for each spatial axis; negative to crop.
 * @returns Examples, output features and windows, in the order of `dimensionNumbers`.
 * @throws {ShapeError} Where channels, groups, or lengths of lists do not fit.
 * @throws {ArgumentError} For a wrong padding or wrong dimension numbers, or a named padding beside `lhsDilation`.
 *
 * @example
 * ```ts
 * import { lax, numpy as np } from "@vernal/vernal";
 *
 * const image = np.arange(16, { dtype: "float32" }).reshape([1, 1, 4, 4]);
 * const kernel = np.ones([1, 1, 3, 3]);
 * lax.convGeneralDilated(image, kernel, [1, 1], "VALID").tolist(); // [[[[45, 54], [81, 90]]]]
 * lax.convGeneralDilated(image, kernel, [2, 2], "SAME").shape; // [1, 1, 2, 2]
 * ```
 */
export function convGeneralDilated(
  lhs: ArrayLike,
  rhs: ArrayLike,
  windowStrides: readonly number[],
  padding: PaddingSpec,
  options: ConvOptions = {},
): NDArray {
  const where = "lax.convGeneralDilated";
  const [x, w] = operandsOf(lhs, rhs, options.preferredElementType, where);
  const dimensionNumbers = convDimensionNumbers(x.shape, w.shape, options.dimensionNumbers ?? null);
  const { lhsSpec, rhsSpec } = dimensionNumbers;
  const rank = x.ndim - 2;
  const ones = Array<number>(rank).fill(1);
  const lhsDilation = options.lhsDilation ?? ones;
  const rhsDilation = options.rhsDilation ?? ones;
  const isNamed = typeof padding === "string";
  if (isNamed && lhsDilation.some((d) => d !== 1)) {
    throw new ArgumentError(
      `${where}: padding "${padding}" has no meaning beside lhsDilation [${lhsDilation}]; give pairs [low, high], or use lax.convTranspose`,
    );
  }
  checkWindow(
    "convGeneralDilated",
    rank,
    { windowStrides, lhsDilation, rhsDilation },
    isNamed ? ones.map((): Padding => [0, 0]) : padding,
  );
  const params: ConvParams = {
    windowStrides,
    padding: resolvePadding(
      "convGeneralDilated",
      padding,
      lhsSpec.slice(2).map((axis) => x.shape[axis]),
      rhsSpec.slice(2).map((axis, i) => dilatedSize(w.shape[axis], rhsDilation[i])),
      windowStrides,
    ),
    lhsDilation,
    rhsDilation,
    dimensionNumbers,
    featureGroupCount: options.featureGroupCount ?? 1,
    batchGroupCount: options.batchGroupCount ?? 1,
    windowReversal: false,
    precision: isHighest(options.precision) ? "highest" : null,
    preferredElementType: options.preferredElementType ?? null,
  };
  return convolve(x, w, params);
}

/** Whether a precision, or one of a pair, asks for all that there is. */
function isHighest(precision: unknown): boolean {
  if (Array.isArray(precision)) return precision.some(isHighest);
  return typeof precision === "string" && ["highest", "float32"].includes(precision.toLowerCase());
}

/**
 * {@linkcode convGeneralDilated} without dilations or groups, axes in the default order.
 *
 * @param lhs `[examples, features, ...spatial]`.
 * @param rhs `[output features, features, ...spatial]`.
 *
 * @example
 * ```ts
 * import { lax, numpy as np } from "@vernal/vernal";
 *
 * lax.conv(np.ones([1, 2, 5]), np.ones([3, 2, 3]), [1], "SAME").shape; // [1, 3, 5]
 * ```
 */
export function conv(
  lhs: ArrayLike,
  rhs: ArrayLike,
  windowStrides: readonly number[],
  padding: PaddingSpec,
  options: ConvPrecision = {},
): NDArray {
  return convGeneralDilated(lhs, rhs, windowStrides, padding, options);
}

/**
 * {@linkcode convGeneralDilated} without groups, axes in the default order; `null` for no dilation.
 *
 * @example
 * ```ts
 * import { lax, numpy as np } from "@vernal/vernal";
 *
 * const y = lax.convWithGeneralPadding(np.ones([1, 2, 5]), np.ones([3, 2, 3]), [1], [[1, 0]], null, [
 *   2,
 * ]);
 * y.shape; // [1, 3, 2]
 * ```
 */
export function convWithGeneralPadding(
  lhs: ArrayLike,
  rhs: ArrayLike,
  windowStrides: readonly number[],
  padding: PaddingSpec,
  lhsDilation: readonly number[] | null,
  rhsDilation: readonly number[] | null,
  options: ConvPrecision = {},
): NDArray {
  const dilations = { lhsDilation, rhsDilation };
  return convGeneralDilated(lhs, rhs, windowStrides, padding, { ...options, ...dilations });
}

/** Options of {@linkcode convTranspose}. */
export interface ConvTransposeOptions extends ConvPrecision {
  /** Distance between neighbours of the kernel, for each spatial axis; 1 unless given. */
  readonly rhsDilation?: readonly number[] | null;
  /** Features last in `lhs` and the result, `["NHWC", "HWIO", "NHWC"]` and the like, unless given. */
  readonly dimensionNumbers?: ConvDimensions;
  /** Whether to reverse the kernel and exchange its features, as the derivative of a convolution does; false unless told. */
  readonly transposeKernel?: boolean;
  /** Whether pairs are the paddings of the convolution that this is the transpose of; false unless told. */
  readonly useConsistentPadding?: boolean;
}

const transposeDefaults: Readonly<Record<number, readonly [string, string, string]>> = {
  2: ["NC", "IO", "NC"],
  3: ["NHC", "HIO", "NHC"],
  4: ["NHWC", "HWIO", "NHWC"],
  5: ["NHWDC", "HWDIO", "NHWDC"],
};

/** The padding of a transposed convolution, from that of the forward one. */
function transposedPadding(span: number, stride: number, padding: string | Padding): Padding {
  if (typeof padding !== "string") return [span - padding[0] - 1, span - padding[1] - 1];
  const total = span + stride - 2 + (padding === "VALID" ? Math.max(span - stride, 0) : 0);
  const low = padding === "VALID" || stride > span - 1 ? span - 1 : Math.ceil(total / 2);
  return [low, total - low];
}

/**
 * The transposed ("fractionally strided") convolution: `lhs` is dilated by `strides`.
 *
 * @param strides By how much each spatial axis grows.
 * @param padding `"SAME"` or `"VALID"` of the convolution that this is the transpose of, or pairs `[low, high]` of this one.
 * @returns The result, `strides` times as large as `lhs` along each spatial axis with `"SAME"`.
 *
 * @example
 * ```ts
 * import { lax, numpy as np } from "@vernal/vernal";
 *
 * lax.convTranspose(np.ones([1, 4, 4, 3]), np.ones([3, 3, 3, 8]), [2, 2], "SAME").shape; // [1, 8, 8, 8]
 * ```
 */
export function convTranspose(
  lhs: ArrayLike,
  rhs: ArrayLike,
  strides: readonly number[],
  padding: PaddingSpec,
  options: ConvTransposeOptions = {},
): NDArray {
  const where = "lax.convTranspose";
  const x = asArray(lhs, where);
  let w = asArray(rhs, where);
  const dims = options.dimensionNumbers ?? transposeDefaults[x.ndim];
  if (dims === undefined) {
    throw new ArgumentError(
      `${where}: operands of ${x.ndim} axes have no default dimensionNumbers; give them`,
    );
  }
  const dimensionNumbers = convDimensionNumbers(x.shape, w.shape, dims);
  const { rhsSpec } = dimensionNumbers;
  const ones = strides.map(() => 1);
  const rhsDilation = options.rhsDilation ?? rhsSpec.slice(2).map(() => 1);
  let pads: PaddingSpec = padding;
  const isNamed = padding === "SAME" || padding === "VALID";
  if (isNamed || options.useConsistentPadding) {
    pads = strides.map((stride, i) => {
      const span = dilatedSize(w.shape[rhsSpec[i + 2]], rhsDilation[i]);
      return transposedPadding(span, stride, isNamed ? padding : padding[i] as Padding);
    });
  }
  if (options.transposeKernel) {
    const [output, input] = rhsSpec;
    const exchanged = w.shape.map((_, i) => i === output ? input : i === input ? output : i);
    w = transpose(rev(w, rhsSpec.slice(2)), exchanged);
  }
  return convGeneralDilated(x, w, ones, pads, {
    precision: options.precision,
    preferredElementType: options.preferredElementType ?? null,
    lhsDilation: strides,
    rhsDilation,
    dimensionNumbers,
  });
}

/** Options of {@linkcode convGeneralDilatedPatches}. */
export type PatchesOptions = Omit<ConvOptions, "featureGroupCount" | "batchGroupCount">;

/**
 * The windows themselves, each as a column of features: first by feature, then by place in the window.
 *
 * @param filterShape The window's size along each spatial axis.
 * @returns As {@linkcode convGeneralDilated} gives it, with `features · window` output features.
 *
 * @example
 * ```ts
 * import { lax, numpy as np } from "@vernal/vernal";
 *
 * const x = np.array([[[1, 2, 3, 4]]]);
 * lax.convGeneralDilatedPatches(x, [2], [1], "VALID").tolist(); // [[[1, 2, 3], [2, 3, 4]]]
 * ```
 */
export function convGeneralDilatedPatches(
  lhs: ArrayLike,
  filterShape: readonly number[],
  windowStrides: readonly number[],
  padding: PaddingSpec,
  options: PatchesOptions = {},
): NDArray {
  const [x] = operandsOf(lhs, 0, options.preferredElementType, "lax.convGeneralDilatedPatches");
  const kernelShape = [1, 1, ...filterShape];
  const dimensionNumbers = convDimensionNumbers(
    x.shape,
    kernelShape,
    options.dimensionNumbers ?? null,
  );
  const { lhsSpec, rhsSpec } = dimensionNumbers;
  const [features, places] = [x.shape[lhsSpec[1]], filterShape.reduce((a, b) => a * b, 1)];
  const square = [places, places];
  const eye = convertElementType(
    eq(iota("int32", square, 0), iota("int32", square, 1)),
    x.dtype,
  );
  const all = broadcastInDim(eye, [features, places, places], [1, 2]);
  const kernel = reshape(all, [features * places, 1, ...filterShape]);
  const permutation: number[] = [];
  rhsSpec.forEach((axis, i) => permutation[axis] = i);
  return convGeneralDilated(x, transpose(kernel, permutation), windowStrides, padding, {
    ...options,
    dimensionNumbers,
    featureGroupCount: features,
  });
}
