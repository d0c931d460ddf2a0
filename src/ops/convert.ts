/**
 * Conversion between dtypes, by value and by bits, and `stop_gradient`.
 *
 * @module
 */
import { DTypeError, ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, shapedArray } from "../core/aval.ts";
import { type DType, dtypeInfo, isComplex, isInexact, partOf } from "../core/dtype.ts";
import {
  isParts,
  type Parts,
  type Primitive,
  type UndefinedPrimal,
  Zero,
} from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";
import { binary, bitcast, cast, constant } from "../loopnest/expr.ts";
import { lit, mapLowering, type NoParams, noParams } from "./common.ts";
import { batchToFront, fullLike } from "./shape.ts";
import { addAnyP, ctOf, unaryBatch, zeroJvp } from "./rules.ts";

// ---------------------------------------------------------------- conversion

/** Parameters of {@linkcode convertElementTypeP}. */
export interface ConvertParams {
  readonly newDtype: DType;
  readonly weakType: boolean;
  /** As JAX prints it; always `null` here. */
  readonly sharding: null;
}

/** `convert_element_type`: the same values in another dtype (floats to integers saturate). Linear between floats. */
export const convertElementTypeP: Primitive<ConvertParams> = {
  name: "convert_element_type",
  onParts: ([x], p) => {
    const { newDtype } = p;
    if (newDtype === "bool") {
      const { re, im } = x as Parts; // true where either part is not 0
      return [
        bind1(addAnyP, [convertElementType(re, "bool"), convertElementType(im, "bool")], noParams),
      ];
    }
    const part = (y: NDArray) => convertElementType(y, partOf(newDtype), p.weakType);
    if (!isParts(x)) return [{ re: part(x), im: fullLike(lit(part(x), 0), x.shape) }];
    return [isComplex(newDtype) ? { re: part(x.re), im: part(x.im) } : part(x.re)];
  },
  abstractEval: ([x], { newDtype, weakType }) => {
    if ((x.dtype === "key<fry>") !== (newDtype === "key<fry>")) {
      throw new DTypeError(
        `lax.convertElementType: cannot convert ${x.dtype} to ${newDtype}; use random.keyData or random.wrapKeyData`,
      );
    }
    return [shapedArray(x.shape, newDtype, weakType)];
  },
  lower: (reads, ins, _outs, { newDtype }) =>
    mapLowering(
      reads,
      ins,
      ([x]) =>
        newDtype === "bool" && x.dtype !== "bool"
          ? binary("ne", x, constant(0, x.dtype))
          : cast(x, newDtype),
    ),
  batch: (xs, dims, p) => unaryBatch(convertElementTypeP, xs, dims, p),
  jvp: ([x], [t], p) => {
    const out = bind1(convertElementTypeP, [x], p);
    const zero = t instanceof Zero || !isInexact(p.newDtype);
    return [[out], [zero ? new Zero(out.aval) : bind1(convertElementTypeP, [t], p)]];
  },
  transpose: ([ct], [x]) => [
    ctOf(
      x,
      ct,
      (c) =>
        convertElementType(
          c,
          (x as UndefinedPrimal).aval.dtype,
          (x as UndefinedPrimal).aval.weakType,
        ),
    ),
  ],
};

/** `x` in another dtype; strongly typed unless `weakType`. */
export function convertElementType(x: NDArray, dtype: DType, weakType = false): NDArray {
  if (x.dtype === dtype && x.weakType === weakType) return x;
  return bind1(convertElementTypeP, [x], { newDtype: dtype, weakType, sharding: null });
}

/** Parameters of {@linkcode bitcastConvertTypeP}. */
export interface BitcastParams {
  readonly newDtype: DType;
}

/**
 * `bitcast_convert_type`: the same bits in another dtype. Between widths, a trailing axis of the ratio appears or goes,
 * as in XLA.
 */
export const bitcastConvertTypeP: Primitive<BitcastParams> = {
  name: "bitcast_convert_type",
  abstractEval: ([x], { newDtype }) => {
    const [from, to] = [dtypeInfo(x.dtype).bytes, dtypeInfo(newDtype).bytes];
    if (x.dtype === "bool" || newDtype === "bool") {
      throw new DTypeError("lax.bitcastConvertType: bool has no defined bits; use x.astype(...)");
    }
    if (from === to) return [shapedArray(x.shape, newDtype)];
    if (from > to) return [shapedArray([...x.shape, from / to], newDtype)];
    if (x.shape.at(-1) !== to / from) {
      throw new ShapeError(
        `lax.bitcastConvertType: from ${x.dtype} to ${newDtype} the last axis must have size ${
          to / from
        }: got shape ${formatShape(x.shape)}`,
      );
    }
    return [shapedArray(x.shape.slice(0, -1), newDtype)];
  },
  lower: ([read], [x], _outs, { newDtype }) => {
    const [from, to] = [dtypeInfo(x.dtype).bytes, dtypeInfo(newDtype).bytes];
    if (from === to) return [{ kind: "map", at: (i) => bitcast(read(i), newDtype) }];
    return [{ kind: "alias", operand: 0 }]; // little-endian memory, read at another width
  },
  jvp: (xs, _ts, p) => zeroJvp(bitcastConvertTypeP, xs, p),
  batch: (
    [x],
    [dim],
    p,
    size,
  ) => [[bind1(bitcastConvertTypeP, [batchToFront(x, dim, size)], p)], [0]],
};

/** The bits of `x` as another dtype. */
export function bitcastConvertType(x: NDArray, dtype: DType): NDArray {
  return x.dtype === dtype ? x : bind1(bitcastConvertTypeP, [x], { newDtype: dtype });
}

/** `stop_gradient`: the identity, with a tangent that is a symbolic zero. */
export const stopGradientP: Primitive<NoParams> = {
  name: "stop_gradient",
  finalise: (xs) => xs,
  onParts: "each",
  abstractEval: ([x]) => [x],
  lower: ([read]) => [{ kind: "map", at: read }],
  batch: (xs, dims) => unaryBatch(stopGradientP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(stopGradientP, xs, noParams),
};

/** `x`, as a constant for differentiation. */
export function stopGradient(x: NDArray): NDArray {
  return bind1(stopGradientP, [x], noParams);
}
