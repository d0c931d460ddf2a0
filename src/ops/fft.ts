/**
 * The discrete Fourier transform as an operation: linear, along one axis, by the kernels of `kernels/fft/`. Other devices compute it
 * as products with small matrices (`fourier.ts`).
 *
 * @module
 */
import { DTypeError, ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, type ShapedArray, shapedArray, sizeOf } from "../core/aval.ts";
import { complexOf, type DType, isComplex, partOf, typedArrayClass } from "../core/dtype.ts";
import { withWhole } from "../core/partition.ts";
import { onHost } from "../core/placement.ts";
import { type Primitive, Zero } from "../core/primitive.ts";
import { bind1, getEvaluator } from "../core/trace.ts";
import {
  type FourierKind,
  fourierScratchBytes,
  fourierTable,
  type FourierWork,
  fourierWorks,
} from "../loopnest/fourier_plan.ts";
import { mul } from "./arith.ts";
import { lit, literal } from "./common.ts";
import { fourier, inverseRealFourier, realFourier } from "./fourier.ts";
import { and, gt, lt, select } from "./logic.ts";
import { neg } from "./negate.ts";
import { complex, imag, real } from "./parts.ts";
import { ctOf } from "./rules.ts";
import { fullLike, instantiate, iota, moveAxis } from "./shape.ts";

export type { FourierKind } from "../loopnest/fourier_plan.ts";

/** Parameters of {@linkcode fftP}. */
export interface FftParams {
  /** Which transform. `"fft"` and `"ifft"` are of real arrays, too. */
  readonly fftType: FourierKind;
  /** The number of elements; of `"irfft"` those of the result. */
  readonly length: number;
  readonly axis: number;
  /** What the results are multiplied by. */
  readonly scale: number;
}

function resultAval(x: ShapedArray, { fftType, length, axis }: FftParams): ShapedArray {
  const isReal = x.dtype === "float32" || x.dtype === "float64";
  const isServed = isComplex(x.dtype) ? fftType !== "rfft" : isReal && fftType !== "irfft";
  if (!isServed) {
    throw new DTypeError(`fft: "${fftType}" does not take ${x.dtype}; numpy.fft converts`);
  }
  const half = Math.floor(length / 2) + 1;
  const from = fftType === "irfft" ? half : length;
  if (x.shape[axis] !== from) {
    throw new ShapeError(
      `fft: "${fftType}" of length ${length} takes ${from} elements along axis ${axis}; got shape ${
        formatShape(x.shape)
      }`,
    );
  }
  const shape = x.shape.with(axis, fftType === "rfft" ? half : length);
  const dtype = isReal ? complexOf(x.dtype) : fftType === "irfft" ? partOf(x.dtype) : x.dtype;
  return shapedArray(shape, dtype);
}

/** What devices without the kernels compute. */
function byProducts(x: NDArray, { fftType, length, axis, scale }: FftParams): NDArray {
  const last = x.ndim - 1;
  const rows = moveAxis(x, axis, last);
  const out = fftType === "rfft"
    ? realFourier(rows, scale)
    : fftType === "irfft"
    ? inverseRealFourier(rows, length, scale)
    : fourier(rows, fftType === "ifft", scale);
  return moveAxis(out, last, axis);
}

/** Elements of the tables that are kept, but for the last one. */
const MOST_ELEMENTS = 2 ** 22;
const tables = new Map<string, NDArray>();

/** The roots of unity of a transform. Kept: they take longer than it. */
function tableOf({ fftType, length }: FftParams, given: DType): NDArray {
  const isOfReals = !isComplex(given);
  const work = isOfReals ? "rfft" : fftType;
  const dtype = isOfReals ? given : partOf(given);
  const key = `${dtype} ${length} ${isOfReals || fftType === "irfft"}`;
  let table = tables.get(key);
  if (table !== undefined && !table.isDeleted) return table;
  const values = fourierTable(work, length, dtype === "float32" ? 4 : 8);
  const data = (typedArrayClass(dtype) as Float64ArrayConstructor).from(values);
  const evaluator = getEvaluator();
  table = onHost(() => evaluator.fromTypedArray(data, [data.length], dtype));
  evaluator.keepAlive(table);
  let kept = data.length;
  for (const other of tables.values()) kept += other.size;
  for (const [old, other] of tables) {
    if (kept <= MOST_ELEMENTS) break;
    kept -= other.size;
    tables.delete(old);
  }
  tables.set(key, table);
  return table;
}

/** The conjugates of half a spectrum, of those that stand for two frequencies times `by`. */
function weighted(x: NDArray, { length, axis }: FftParams, by: number): NDArray {
  const [re, im] = [real(x), imag(x)];
  const k = iota("int32", x.shape, axis);
  const at = (value: number) => fullLike(literal(value, "int32"), x.shape);
  const isTwice = and(gt(k, at(0)), lt(k, at(Math.ceil(length / 2))));
  const [one, other] = [1, by].map((v) => fullLike(lit(re, v), x.shape));
  const weights = select(isTwice, other, one);
  return complex(mul(re, weights), neg(mul(im, weights)));
}

/**
 * `fft`: a discrete Fourier transform along an axis. Linear. Its second operand is a table of roots of unity, which depends on the
 * parameters and the dtype alone: rules make it anew.
 */
export const fftP: Primitive<FftParams> = {
  name: "fft",
  abstractEval: ([x], p) => [resultAval(x, p)],
  lower: (_reads, [x], [out], { fftType, length, axis, scale }) => {
    // Complex arrays come as their parts here, one axis more.
    const isOfReals = x.shape.length < out.shape.length;
    const rank = isOfReals ? x.shape.length : x.shape.length - 1;
    const inner = sizeOf(x.shape.slice(axis + 1, rank));
    const work = isOfReals && fftType !== "rfft" ? `${fftType} of reals` as FourierWork : fftType;
    const size = x.dtype === "float32" ? 4 : 8;
    const numbers = [
      sizeOf(x.shape.slice(0, axis)),
      length,
      inner,
      fourierWorks.indexOf(work),
      scale,
    ];
    return [{
      kind: "kernel",
      result: 0,
      call: {
        name: `fft_${x.dtype}`,
        args: [
          ...numbers.map((value) => ({ kind: "number", value }) as const),
          { kind: "operand", operand: 0 },
          { kind: "operand", operand: 1 },
          { kind: "result", result: 0 },
          { kind: "scratch", bytes: fourierScratchBytes(work, length, inner, size) },
        ],
      },
    }];
  },
  onParts: "stored",
  withoutKernel: (_ins, p) => ([x]) => [byProducts(x, p)],
  jvp: ([x], [t], p) => {
    const out = transform(x, p);
    return [[out], [t instanceof Zero ? new Zero(out.aval) : transform(instantiate(t), p)]];
  },
  // The matrix of a transform is symmetric. Between real and complex numbers, a frequency stands for its conjugate too.
  transpose: ([ct], [x], p) => [
    ctOf(x, ct, (c) => {
      if (p.fftType === "rfft") {
        return transform(weighted(c, p, 0.5), { ...p, fftType: "irfft" });
      }
      if (p.fftType === "irfft") return weighted(transform(c, { ...p, fftType: "rfft" }), p, 2);
      const out = transform(c, p);
      return isComplex(x.aval.dtype) ? out : real(out);
    }),
    null,
  ],
  batch: ([x], [dim], p) => {
    const axis = dim !== null && dim <= p.axis ? p.axis + 1 : p.axis;
    return [[transform(x, { ...p, axis })], [dim]];
  },
  split: ([split], _ins, [{ shape }], p) => [withWhole(split, (axis) => axis === p.axis, shape)],
  partition: ({ outs: [{ shape }], wanted: [wanted], params }) => {
    const split = withWhole(wanted, (axis) => axis === params.axis, shape);
    return { operands: [split, null], outs: [split] };
  },
};

function transform(x: NDArray, p: FftParams): NDArray {
  return bind1(fftP, [x, tableOf(p, x.dtype)], p);
}

/**
 * A discrete Fourier transform along an axis.
 *
 * @param x Complex, or float32 or float64; of `"irfft"` complex, of `"rfft"` not.
 */
export function fft(
  x: NDArray,
  fftType: FourierKind,
  length: number,
  axis: number,
  scale: number,
): NDArray {
  return transform(x, { fftType, length, axis, scale });
}
