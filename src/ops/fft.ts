/**
 * The discrete Fourier transform as an operation: linear, over the last axis, by the kernels of `kernels/fft/`. Other devices compute it
 * as products with small matrices (`fourier.ts`).
 *
 * @module
 */
import { DTypeError, ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, type ShapedArray, shapedArray } from "../core/aval.ts";
import { complexOf, type DType, isComplex, partOf, typedArrayClass } from "../core/dtype.ts";
import type { LoweredKernelArg } from "../core/lowering.ts";
import { withWhole } from "../core/partition.ts";
import { onHost } from "../core/placement.ts";
import { type Primitive, Zero } from "../core/primitive.ts";
import { bind1, getEvaluator } from "../core/trace.ts";
import {
  type FourierKind,
  fourierKinds,
  fourierScratchBytes,
  fourierTable,
} from "../loopnest/fourier_plan.ts";
import { mul } from "./arith.ts";
import { axisToFront, lit, literal } from "./common.ts";
import { fourier, inverseRealFourier, realFourier } from "./fourier.ts";
import { and, gt, lt, select } from "./logic.ts";
import { neg } from "./negate.ts";
import { complex, imag, real } from "./parts.ts";
import { ctOf } from "./rules.ts";
import { axisTools, fullLike, instantiate, iota } from "./shape.ts";

export type { FourierKind } from "../loopnest/fourier_plan.ts";

/** Parameters of {@linkcode fftP}. */
export interface FftParams {
  /** Which transform: of complex numbers, or from or to real ones, whose frequencies beyond n/2 are conjugates. */
  readonly fftType: FourierKind;
  /** The number of elements; of `"irfft"` those of the result. */
  readonly length: number;
  /** What the results are multiplied by. */
  readonly scale: number;
}

/** The sizes of the last axis of operand and result. */
function sizes({ fftType, length }: FftParams): readonly [number, number] {
  const half = Math.floor(length / 2) + 1;
  return [fftType === "irfft" ? half : length, fftType === "rfft" ? half : length];
}

function resultAval(x: ShapedArray, p: FftParams): ShapedArray {
  const { fftType } = p;
  const isReal = fftType === "rfft";
  const isServed = isReal ? x.dtype === "float32" || x.dtype === "float64" : isComplex(x.dtype);
  if (!isServed) {
    throw new DTypeError(
      `fft: "${fftType}" takes ${
        isReal ? "float32 or float64" : "complex numbers"
      }; got ${x.dtype}. numpy.fft converts`,
    );
  }
  const [from, to] = sizes(p);
  if (x.shape.at(-1) !== from) {
    throw new ShapeError(
      `fft: "${fftType}" of length ${p.length} takes a last axis of ${from}; got shape ${
        formatShape(x.shape)
      }`,
    );
  }
  const dtype = isReal ? complexOf(x.dtype) : fftType === "irfft" ? partOf(x.dtype) : x.dtype;
  return shapedArray([...x.shape.slice(0, -1), to], dtype);
}

/** What devices without the kernels compute. */
function byProducts(x: NDArray, { fftType, length, scale }: FftParams): NDArray {
  if (fftType === "rfft") return realFourier(x, scale);
  if (fftType === "irfft") return inverseRealFourier(x, length, scale);
  return fourier(x, fftType === "ifft", scale);
}

/** Elements of the tables that are kept, but for the last one. */
const MOST_ELEMENTS = 2 ** 22;
const tables = new Map<string, NDArray>();

/** The roots of unity of a transform. Kept: they take longer than it. */
function tableOf({ fftType, length }: FftParams, dtype: DType): NDArray {
  const isReal = fftType === "rfft" || fftType === "irfft";
  const key = `${dtype} ${length} ${isReal}`;
  let table = tables.get(key);
  if (table !== undefined && !table.isDeleted) return table;
  const values = fourierTable(fftType, length, dtype === "float32" ? 4 : 8);
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

/** Half a spectrum's conjugates, those that stand for two frequencies times `by`. */
function weighted(x: NDArray, length: number, by: number): NDArray {
  const [re, im] = [real(x), imag(x)];
  const k = iota("int32", x.shape, x.ndim - 1);
  const at = (value: number) => fullLike(literal(value, "int32"), x.shape);
  const isTwice = and(gt(k, at(0)), lt(k, at(Math.ceil(length / 2))));
  const [one, other] = [1, by].map((v) => fullLike(lit(re, v), x.shape));
  const weights = select(isTwice, other, one);
  return complex(mul(re, weights), neg(mul(im, weights)));
}

/** `fft`: a discrete Fourier transform over the last axis, with a table of roots of unity, which depends on the parameters alone. Linear. */
export const fftP: Primitive<FftParams> = {
  name: "fft",
  abstractEval: ([x], p) => [resultAval(x, p)],
  lower: (_reads, [x], [out], p) => {
    const { fftType, length, scale } = p;
    const size = x.dtype === "float32" ? 4 : 8;
    // Complex arrays come as their parts here.
    const row = sizes(p)[0] * (fftType === "rfft" ? 1 : 2);
    const number = (value: number): LoweredKernelArg => ({ kind: "number", value });
    return [{
      kind: "kernel",
      result: 0,
      call: {
        name: `fft_${out.dtype}`,
        args: [
          ...[x.size / row, length, fourierKinds.indexOf(fftType), scale].map(number),
          { kind: "operand", operand: 0 },
          { kind: "operand", operand: 1 },
          { kind: "result", result: 0 },
          { kind: "scratch", bytes: fourierScratchBytes(fftType, length, size) },
        ],
      },
    }];
  },
  onParts: "stored",
  withoutKernel: (_ins, p) => ([x]) => [byProducts(x, p)],
  jvp: ([x], [t], p) => {
    const out = withTable(x, p);
    return [[out], [t instanceof Zero ? new Zero(out.aval) : withTable(instantiate(t), p)]];
  },
  // The matrix of a transform is symmetric. Between real and complex numbers, a frequency stands for its conjugate too.
  transpose: ([ct], [x], p) => {
    const { fftType, length } = p;
    return [
      ctOf(x, ct, (c) => {
        if (fftType === "rfft") {
          return fft(weighted(c, length, 0.5), "irfft", length, p.scale);
        }
        if (fftType === "irfft") {
          return weighted(fft(c, "rfft", length, p.scale), length, 2);
        }
        return withTable(c, p);
      }),
      null,
    ];
  },
  batch: ([x], [dim], p) => {
    if (dim !== x.ndim - 1) return [[withTable(x, p)], [dim]];
    return [[withTable(axisToFront(axisTools, x, dim), p)], [0]];
  },
  split: ([split], _ins, [{ shape }]) => [
    withWhole(split, (axis) => axis === shape.length - 1, shape),
  ],
  partition: ({ outs: [{ shape }], wanted: [wanted] }) => {
    const split = withWhole(wanted, (axis) => axis === shape.length - 1, shape);
    return { operands: [split, null], outs: [split] };
  },
};

function withTable(x: NDArray, p: FftParams): NDArray {
  const dtype = isComplex(x.dtype) ? partOf(x.dtype) : x.dtype;
  return bind1(fftP, [x, tableOf(p, dtype)], p);
}

/**
 * A discrete Fourier transform over the last axis.
 *
 * @param x Complex; of `"rfft"` float32 or float64.
 */
export function fft(x: NDArray, fftType: FourierKind, length: number, scale: number): NDArray {
  return withTable(x, { fftType, length, scale });
}
