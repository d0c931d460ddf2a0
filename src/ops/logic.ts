/**
 * Comparison, bitwise logic and selection: primitives whose own derivative is zero, or that only choose.
 *
 * @module
 */
import { DTypeError, ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, type ShapedArray, shapedArray } from "../core/aval.ts";
import { isUndefinedPrimal, type Parts, type Primitive, Zero } from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";
import { binary, constant, select as selectExpr } from "../loopnest/expr.ts";
import {
  batchElementwise,
  elementwiseAval,
  elementwiseShape,
  lit,
  mapLowering,
  type NoParams,
  noParams,
  type Operand,
  operand,
  sameDType,
} from "./common.ts";
import { axisTools, batchToFront, fullLike, instantiate } from "./shape.ts";
import { binaryLowering, unaryBatch, unaryLowering, zeroJvp } from "./rules.ts";

// ---------------------------------------------------------------- bits

/** `and`: `x and y`: logical for bool, bitwise for integers. Its tangent is zero. */
export const andP: Primitive<NoParams> = {
  name: "and",
  abstractEval: (ins) => elementwiseAval("and", "integral", ins),
  lower: (reads, ins) => binaryLowering("and", reads, ins),
  batch: (xs, dims) => batchElementwise(axisTools, andP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(andP, xs, noParams),
};

/** ``x and y`: logical for bool, bitwise for integers`; a host number takes the other operand's dtype. */
export function and(x: NDArray, y: Operand): NDArray {
  return bind1(andP, [x, operand(y, x)], noParams);
}

/** `or`: `x or y`: logical for bool, bitwise for integers. Its tangent is zero. */
export const orP: Primitive<NoParams> = {
  name: "or",
  abstractEval: (ins) => elementwiseAval("or", "integral", ins),
  lower: (reads, ins) => binaryLowering("or", reads, ins),
  batch: (xs, dims) => batchElementwise(axisTools, orP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(orP, xs, noParams),
};

/** ``x or y`: logical for bool, bitwise for integers`; a host number takes the other operand's dtype. */
export function or(x: NDArray, y: Operand): NDArray {
  return bind1(orP, [x, operand(y, x)], noParams);
}

/** `xor`: `x xor y`: logical for bool, bitwise for integers. Its tangent is zero. */
export const xorP: Primitive<NoParams> = {
  name: "xor",
  abstractEval: (ins) => elementwiseAval("xor", "integral", ins),
  lower: (reads, ins) => binaryLowering("xor", reads, ins),
  batch: (xs, dims) => batchElementwise(axisTools, xorP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(xorP, xs, noParams),
};

/** ``x xor y`: logical for bool, bitwise for integers`; a host number takes the other operand's dtype. */
export function xor(x: NDArray, y: Operand): NDArray {
  return bind1(xorP, [x, operand(y, x)], noParams);
}

/** `shift_left`: `x << y`; 0 where `y` is the width or more. Its tangent is zero. */
export const shiftLeftP: Primitive<NoParams> = {
  name: "shift_left",
  abstractEval: (ins) => elementwiseAval("shiftLeft", "integer", ins),
  lower: (reads, ins) => binaryLowering("shl", reads, ins),
  batch: (xs, dims) => batchElementwise(axisTools, shiftLeftP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(shiftLeftP, xs, noParams),
};

/** ``x << y`; 0 where `y` is the width or more`; a host number takes the other operand's dtype. */
export function shiftLeft(x: NDArray, y: Operand): NDArray {
  return bind1(shiftLeftP, [x, operand(y, x)], noParams);
}

/** `shift_right_logical`: `x >>> y`; 0 where `y` is the width or more. Its tangent is zero. */
export const shiftRightLogicalP: Primitive<NoParams> = {
  name: "shift_right_logical",
  abstractEval: (ins) => elementwiseAval("shiftRightLogical", "integer", ins),
  lower: (reads, ins) => binaryLowering("shrLogical", reads, ins),
  batch: (xs, dims) => batchElementwise(axisTools, shiftRightLogicalP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(shiftRightLogicalP, xs, noParams),
};

/** ``x >>> y`; 0 where `y` is the width or more`; a host number takes the other operand's dtype. */
export function shiftRightLogical(x: NDArray, y: Operand): NDArray {
  return bind1(shiftRightLogicalP, [x, operand(y, x)], noParams);
}

/** `shift_right_arithmetic`: `x >> y`; the sign where `y` is the width or more. Its tangent is zero. */
export const shiftRightArithmeticP: Primitive<NoParams> = {
  name: "shift_right_arithmetic",
  abstractEval: (ins) => elementwiseAval("shiftRightArithmetic", "integer", ins),
  lower: (reads, ins) => binaryLowering("shrArithmetic", reads, ins),
  batch: (xs, dims) => batchElementwise(axisTools, shiftRightArithmeticP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(shiftRightArithmeticP, xs, noParams),
};

/** ``x >> y`; the sign where `y` is the width or more`; a host number takes the other operand's dtype. */
export function shiftRightArithmetic(x: NDArray, y: Operand): NDArray {
  return bind1(shiftRightArithmeticP, [x, operand(y, x)], noParams);
}

// ---------------------------------------------------------------- comparison

/** The shape rule of comparisons: bool, strongly typed. */
function comparisonAval(name: string, ins: readonly ShapedArray[]): readonly ShapedArray[] {
  sameDType(name, ins);
  if (ins[0].dtype === "key<fry>" && name !== "eq" && name !== "ne") {
    throw new DTypeError(`lax.${name}: keys have no order; use random.keyData(key) for their bits`);
  }
  return [shapedArray(elementwiseShape(name, ins), "bool")];
}

/** A comparison of the real and of the imaginary parts. */
function byPart(
  compare: (x: NDArray, y: NDArray) => NDArray,
  x: Parts,
  y: Parts,
): [NDArray, NDArray] {
  return [compare(x.re, y.re), compare(x.im, y.im)];
}

/** `eq`: `x = y`, as bool. Its tangent is zero. */
export const eqP: Primitive<NoParams> = {
  name: "eq",
  onParts: ([x, y]) => [and(...byPart(eq, x as Parts, y as Parts))],
  abstractEval: (ins) => comparisonAval("eq", ins),
  lower: (reads, ins) => binaryLowering("eq", reads, ins),
  batch: (xs, dims) => batchElementwise(axisTools, eqP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(eqP, xs, noParams),
};

/** ``x = y`, as bool`; a host number takes the other operand's dtype. */
export function eq(x: NDArray, y: Operand): NDArray {
  return bind1(eqP, [x, operand(y, x)], noParams);
}

/** `ne`: `x ≠ y`, as bool. Its tangent is zero. */
export const neP: Primitive<NoParams> = {
  name: "ne",
  onParts: ([x, y]) => [or(...byPart(ne, x as Parts, y as Parts))],
  abstractEval: (ins) => comparisonAval("ne", ins),
  lower: (reads, ins) => binaryLowering("ne", reads, ins),
  batch: (xs, dims) => batchElementwise(axisTools, neP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(neP, xs, noParams),
};

/** ``x ≠ y`, as bool`; a host number takes the other operand's dtype. */
export function ne(x: NDArray, y: Operand): NDArray {
  return bind1(neP, [x, operand(y, x)], noParams);
}

/** `lt`: `x < y`, as bool. Its tangent is zero. */
export const ltP: Primitive<NoParams> = {
  name: "lt",
  abstractEval: (ins) => comparisonAval("lt", ins),
  lower: (reads, ins) => binaryLowering("lt", reads, ins),
  batch: (xs, dims) => batchElementwise(axisTools, ltP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(ltP, xs, noParams),
};

/** ``x < y`, as bool`; a host number takes the other operand's dtype. */
export function lt(x: NDArray, y: Operand): NDArray {
  return bind1(ltP, [x, operand(y, x)], noParams);
}

/** `le`: `x ≤ y`, as bool. Its tangent is zero. */
export const leP: Primitive<NoParams> = {
  name: "le",
  abstractEval: (ins) => comparisonAval("le", ins),
  lower: (reads, ins) => binaryLowering("le", reads, ins),
  batch: (xs, dims) => batchElementwise(axisTools, leP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(leP, xs, noParams),
};

/** ``x ≤ y`, as bool`; a host number takes the other operand's dtype. */
export function le(x: NDArray, y: Operand): NDArray {
  return bind1(leP, [x, operand(y, x)], noParams);
}

/** `gt`: `x > y`, as bool. Its tangent is zero. */
export const gtP: Primitive<NoParams> = {
  name: "gt",
  abstractEval: (ins) => comparisonAval("gt", ins),
  lower: (reads, ins) => binaryLowering("gt", reads, ins),
  batch: (xs, dims) => batchElementwise(axisTools, gtP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(gtP, xs, noParams),
};

/** ``x > y`, as bool`; a host number takes the other operand's dtype. */
export function gt(x: NDArray, y: Operand): NDArray {
  return bind1(gtP, [x, operand(y, x)], noParams);
}

/** `ge`: `x ≥ y`, as bool. Its tangent is zero. */
export const geP: Primitive<NoParams> = {
  name: "ge",
  abstractEval: (ins) => comparisonAval("ge", ins),
  lower: (reads, ins) => binaryLowering("ge", reads, ins),
  batch: (xs, dims) => batchElementwise(axisTools, geP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(geP, xs, noParams),
};

/** ``x ≥ y`, as bool`; a host number takes the other operand's dtype. */
export function ge(x: NDArray, y: Operand): NDArray {
  return bind1(geP, [x, operand(y, x)], noParams);
}

// ---------------------------------------------------------------- selection

/** `select_n`: for each element, the case that `which` (bool or int32; 0-d or of the cases' shape) names. Linear in the cases. */
export const selectNP: Primitive<NoParams> = {
  name: "select_n",
  onParts: "each",
  abstractEval: ([which, ...cases]) => {
    const dtype = sameDType("selectN", cases);
    const shape = cases[0].shape;
    const whichFits = which.shape.length === 0 || String(which.shape) === String(shape);
    if (cases.some((c) => String(c.shape) !== String(shape)) || !whichFits) {
      throw new ShapeError(
        `lax.selectN: cases must have one shape, and \`which\` that shape or none: got which ${
          formatShape(which.shape)
        }, cases ${cases.map((c) => formatShape(c.shape)).join(", ")}`,
      );
    }
    if (which.dtype !== "int32" && !(which.dtype === "bool" && cases.length <= 2)) {
      throw new DTypeError(
        `lax.selectN: \`which\` must be bool (two cases) or int32; got ${which.dtype} with ${cases.length} cases`,
      );
    }
    return [shapedArray(shape, dtype, cases.every((c) => c.weakType))];
  },
  lower: (reads, ins) =>
    mapLowering(reads, ins, ([which, ...cases]) => {
      if (which.dtype === "bool") {
        return cases.length === 1 ? cases[0] : selectExpr(which, cases[1], cases[0]);
      }
      return cases.reduceRight((rest, value, i) =>
        selectExpr(binary("le", which, constant(i, "int32")), value, rest)
      );
    }),
  jvp: ([which, ...cases], [, ...ts]) => {
    const out = bind1(selectNP, [which, ...cases], noParams);
    const live = ts.some((t) => !(t instanceof Zero));
    return [[out], [
      live ? bind1(selectNP, [which, ...ts.map(instantiate)], noParams) : new Zero(out.aval),
    ]];
  },
  transpose: ([ct], [which, ...cases]) => {
    if (ct instanceof Zero) {
      return [
        null,
        ...cases.map((c) => isUndefinedPrimal(c) ? new Zero(c.aval) : null),
      ];
    }
    const zero = fullLike(lit(ct, 0), ct.shape);
    return [
      null,
      ...cases.map((c, i) =>
        isUndefinedPrimal(c)
          ? bind1(
            selectNP,
            [which as NDArray, ...cases.map((_, j) => i === j ? ct : zero)],
            noParams,
          )
          : null
      ),
    ];
  },
  batch: (xs, dims, _p, size) => {
    const [which, ...cases] = xs;
    if (dims[0] === null && which.ndim === 0) {
      const moved = cases.map((c, i) => batchToFront(c, dims[i + 1], size));
      return [[bind1(selectNP, [which, ...moved], noParams)], [0]];
    }
    const moved = xs.map((x, i) => batchToFront(x, dims[i], size));
    const shape = moved[1].shape;
    if (moved[0].ndim < shape.length) { // a mapped 0-d predicate
      moved[0] = axisTools.broadcastInDim(moved[0], shape, [0]);
    }
    return [[bind1(selectNP, moved, noParams)], [0]];
  },
};

/** For each element, the case that `which` (bool or int32) names. */
export function selectN(which: NDArray, cases: readonly NDArray[]): NDArray {
  return bind1(selectNP, [which, ...cases], noParams);
}

/** `x` where `condition` (bool) holds, else `y`; equal shapes, or a 0-d condition. */
export function select(condition: NDArray, x: NDArray, y: NDArray): NDArray {
  return bind1(selectNP, [condition, y, x], noParams);
}

/** `is_finite`: whether `x` is neither infinite nor NaN. Its tangent is zero. */
export const isFiniteP: Primitive<NoParams> = {
  name: "is_finite",
  onParts: ([x]) => [and(isFinite((x as Parts).re), isFinite((x as Parts).im))],
  abstractEval: (
    ins,
  ) => [shapedArray(elementwiseAval("isFinite", "inexact", ins)[0].shape, "bool")],
  lower: (reads, ins) => unaryLowering("isFinite", reads, ins),
  batch: (xs, dims) => unaryBatch(isFiniteP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(isFiniteP, xs, noParams),
};

/** Whether `x` is neither infinite nor NaN. */
export function isFinite(x: NDArray): NDArray {
  return bind1(isFiniteP, [x], noParams);
}

/** `not`: the complement: logical for bool, bitwise for integers. Its tangent is zero. */
export const notP: Primitive<NoParams> = {
  name: "not",
  abstractEval: (ins) => elementwiseAval("not", "integral", ins),
  lower: (reads, ins) => unaryLowering("not", reads, ins),
  batch: (xs, dims) => unaryBatch(notP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(notP, xs, noParams),
};

/** The complement: logical for bool, bitwise for integers. */
export function not(x: NDArray): NDArray {
  return bind1(notP, [x], noParams);
}

/** `population_count`: the number of one bits. Its tangent is zero. */
export const populationCountP: Primitive<NoParams> = {
  name: "population_count",
  abstractEval: (ins) => elementwiseAval("populationCount", "integer", ins),
  lower: (reads, ins) => unaryLowering("popcount", reads, ins),
  batch: (xs, dims) => unaryBatch(populationCountP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(populationCountP, xs, noParams),
};

/** The number of one bits. */
export function populationCount(x: NDArray): NDArray {
  return bind1(populationCountP, [x], noParams);
}

/** `clz`: the number of leading zero bits. Its tangent is zero. */
export const clzP: Primitive<NoParams> = {
  name: "clz",
  abstractEval: (ins) => elementwiseAval("clz", "integer", ins),
  lower: (reads, ins) => unaryLowering("clz", reads, ins),
  batch: (xs, dims) => unaryBatch(clzP, xs, dims, noParams),
  jvp: (xs) => zeroJvp(clzP, xs, noParams),
};

/** The number of leading zero bits. */
export function clz(x: NDArray): NDArray {
  return bind1(clzP, [x], noParams);
}
