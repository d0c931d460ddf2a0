/**
 * Complex arrays and their parts. All other operations on complex arrays are made of these three and of operations on parts.
 *
 * Derivatives follow JAX: a cotangent of `z = x + iy` is that of `x` minus i times that of `y`.
 *
 * @module
 */
import { DTypeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { type ShapedArray, shapedArray } from "../core/aval.ts";
import { complexOf, type DType, isComplex, partOf } from "../core/dtype.ts";
import { partitionByAxis } from "../core/partition.ts";
import {
  isUndefinedPrimal,
  type Parts,
  type Primitive,
  type Tangent,
  Zero,
} from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";
import { index } from "../loopnest/expr.ts";
import type { Access } from "../core/lowering.ts";
import { neg } from "./negate.ts";
import {
  batchElementwise,
  elementwiseShape,
  literal,
  type NoParams,
  noParams,
  sameDType,
} from "./common.ts";
import { ctOf, unaryBatch, unaryJvp } from "./rules.ts";
import { axisTools, fullLike, instantiate } from "./shape.ts";

function partAval(name: string, [x]: readonly ShapedArray[]): readonly ShapedArray[] {
  if (!isComplex(x.dtype)) {
    throw new DTypeError(
      `lax.${name}: takes a complex array; got ${x.dtype}. numpy.${name} takes any`,
    );
  }
  return [shapedArray(x.shape, partOf(x.dtype), x.weakType)];
}

/** In memory the parts lie side by side. */
function partOfElement(read: Access, part: 0 | 1): Access {
  return (i) => read([...i, index(part)]);
}

/** Zeros of the dtype of an array, without an axis. */
function noPart(x: NDArray): NDArray {
  return literal(0, x.dtype);
}

/** `real`: the real part. */
export const realP: Primitive<NoParams> = {
  name: "real",
  partition: partitionByAxis(() => false),
  abstractEval: (ins) => partAval("real", ins),
  lower: ([read]) => [{ kind: "map", at: partOfElement(read, 0) }],
  onParts: "stored",
  batch: (xs, dims) => unaryBatch(realP, xs, dims, noParams),
  jvp: ([x], [t]) => unaryJvp(real(x), t, real),
  transpose: ([ct], [x]) => [ctOf(x, ct, (c) => complex(c, noPart(c)))],
};

/** The real part of a complex array. */
export function real(x: NDArray): NDArray {
  return bind1(realP, [x], noParams);
}

/** `imag`: the imaginary part. */
export const imagP: Primitive<NoParams> = {
  name: "imag",
  partition: partitionByAxis(() => false),
  abstractEval: (ins) => partAval("imag", ins),
  lower: ([read]) => [{ kind: "map", at: partOfElement(read, 1) }],
  onParts: "stored",
  batch: (xs, dims) => unaryBatch(imagP, xs, dims, noParams),
  jvp: ([x], [t]) => unaryJvp(imag(x), t, imag),
  transpose: ([ct], [x]) => [ctOf(x, ct, (c) => complex(fullLike(noPart(c), c.shape), neg(c)))],
};

/** The imaginary part of a complex array. */
export function imag(x: NDArray): NDArray {
  return bind1(imagP, [x], noParams);
}

/** `complex`: an array of a real and an imaginary part, float32 or float64. */
export const complexP: Primitive<NoParams> = {
  name: "complex",
  partition: partitionByAxis(() => false),
  abstractEval: (ins) => {
    const dtype = sameDType("complex", ins);
    if (dtype !== "float32" && dtype !== "float64") {
      throw new DTypeError(
        `lax.complex: the parts must be float32 or float64; got ${dtype}; convert with x.astype(...)`,
      );
    }
    const shape = elementwiseShape("complex", ins);
    return [shapedArray(shape, complexOf(dtype), ins.every((x) => x.weakType))];
  },
  lower: (reads, ins, [out]) => {
    const { shape } = out;
    const sizes = shape.map((n, i) => i === shape.length - 1 ? 1 : n);
    return [{
      kind: "pieces",
      interleaved: true,
      pieces: reads.map((read, part) => ({
        offsets: shape.map((_, i) => i === shape.length - 1 ? part : 0),
        sizes,
        at: (i) => read(ins[part].shape.length === 0 ? [] : i.slice(0, -1)),
      })),
    }];
  },
  onParts: "stored",
  batch: (xs, dims) => batchElementwise(axisTools, complexP, xs, dims, noParams),
  jvp: ([re, im], ts) => {
    const out = complex(re, im);
    if (ts.every((t) => t instanceof Zero)) return [[out], [new Zero(out.aval)]];
    const [a, b] = ts.map((t) => fullLike(instantiate(t), out.shape));
    return [[out], [complex(a, b)]];
  },
  transpose: ([ct], [re, im]) => [ctOf(re, ct, real), ctOf(im, ct, (c) => neg(imag(c)))],
};

/** The complex array of a real and an imaginary part. */
export function complex(re: NDArray, im: NDArray): NDArray {
  return bind1(complexP, [re, im], noParams);
}

/** Parameters of {@linkcode conjP}. */
export interface ConjParams {
  readonly inputDtype: DType;
}

/** `conj`: the complex conjugate. */
export const conjP: Primitive<ConjParams> = {
  name: "conj",
  partition: partitionByAxis(() => false),
  abstractEval: ([x]) => {
    partAval("conj", [x]);
    return [x];
  },
  onParts: ([x]) => [{ re: (x as Parts).re, im: neg((x as Parts).im) }],
  batch: (xs, dims) => unaryBatch(conjP, xs, dims, { inputDtype: xs[0].dtype }),
  jvp: ([x], [t]) => unaryJvp(conj(x), t, conj),
  transpose: ([ct], [x]): readonly (Tangent | null)[] => [
    !isUndefinedPrimal(x) ? null : ct instanceof Zero ? new Zero(x.aval) : conj(ct),
  ],
};

/** The complex conjugate of a complex array. */
export function conj(x: NDArray): NDArray {
  return bind1(conjP, [x], { inputDtype: x.dtype });
}
