/**
 * What a convolution computes: by a library kernel, or where that would not pay, as a sum over input features and the window.
 *
 * @module
 */
import { type Shape, type ShapedArray, sizeOf, stridesOf } from "../core/aval.ts";
import { type DType, dtypeInfo, isHalf } from "../core/dtype.ts";
import type { Access, Lowered } from "../core/lowering.ts";
import type { Expansion, Primitive } from "../core/primitive.ts";
import { type ConvForms, planConv } from "../loopnest/conv_plan.ts";
import { binary, constant, type Expr, index as indexConst, select } from "../loopnest/expr.ts";
import type { ConvParams } from "./conv.ts";
import { widening, wrappingWidening } from "./widening.ts";
import { both, sourceAt, type WindowAxis, windowCount } from "./window.ts";

/** Convolutions of fewer multiplications are loops, which fuse with what is around them. */
const SMALL_CONV = 4096;

/** The spatial axes of a convolution, from the shapes of its operands. */
export function convWindows(lhs: Shape, rhs: Shape, p: ConvParams): WindowAxis[] {
  const { lhsSpec, rhsSpec } = p.dimensionNumbers;
  return p.windowStrides.map((stride, i) => ({
    size: lhs[lhsSpec[i + 2]],
    window: rhs[rhsSpec[i + 2]],
    stride,
    padding: p.padding[i],
    baseDilation: p.lhsDilation[i],
    windowDilation: p.rhsDilation[i],
  }));
}

/** The lowering rule of `conv_general_dilated`. */
export function convLowering(
  [x, w]: readonly Access[],
  [lhs, rhs]: readonly ShapedArray[],
  [out]: readonly ShapedArray[],
  p: ConvParams,
): readonly Lowered[] {
  const { dtype } = out;
  const zero = constant(0, dtype);
  if (lhs.size === 0 || rhs.size === 0) return [{ kind: "map", at: () => zero }];
  const { lhsSpec, rhsSpec, outSpec } = p.dimensionNumbers;
  const windows = convWindows(lhs.shape, rhs.shape, p);
  const features = rhs.shape[rhsSpec[1]];
  const outputs = rhs.shape[rhsSpec[0]];
  const batch = out.shape[outSpec[0]];
  const groups = p.featureGroupCount * p.batchGroupCount;
  if (
    out.size > 0 && kernelDTypes.includes(dtype) && workOf(lhs.shape, rhs.shape, p) >= SMALL_CONV
  ) {
    return [kernelCall(lhs, rhs, out, p, windows)];
  }
  return [{
    kind: "reduce",
    op: "add",
    sizes: [features, ...windows.map((axis) => axis.window)],
    at: (o, r) => {
      const [example, output] = [o[outSpec[0]], o[outSpec[1]]];
      const group = binary("div", output, indexConst(outputs / groups));
      const xAt: Expr[] = [], wAt: Expr[] = [];
      xAt[lhsSpec[0]] = p.batchGroupCount === 1
        ? example
        : binary("add", binary("mul", group, indexConst(batch)), example);
      xAt[lhsSpec[1]] = p.featureGroupCount === 1
        ? r[0]
        : binary("add", binary("mul", group, indexConst(features)), r[0]);
      wAt[rhsSpec[0]] = output;
      wAt[rhsSpec[1]] = r[0];
      let inside: Expr | null = null;
      windows.forEach((axis, i) => {
        const source = sourceAt(axis, o[outSpec[i + 2]], r[i + 1]);
        xAt[lhsSpec[i + 2]] = source.index;
        wAt[rhsSpec[i + 2]] = p.windowReversal
          ? binary("sub", indexConst(axis.window - 1), r[i + 1])
          : r[i + 1];
        inside = both(inside, source.inside);
      });
      const element = x(xAt);
      return binary("mul", inside === null ? element : select(inside, element, zero), w(wAt));
    },
  }];
}

/** The dtypes that have a kernel. */
const kernelDTypes: readonly DType[] = [
  "float32",
  "float64",
  "int32",
  "uint32",
  "int64",
  "uint8",
];

/** How many multiplications a convolution takes. */
function workOf(lhs: Shape, rhs: Shape, p: ConvParams): number {
  const { lhsSpec } = p.dimensionNumbers;
  const windows = convWindows(lhs, rhs, p).map(windowCount);
  return lhs[lhsSpec[0]] / p.batchGroupCount * sizeOf(windows) * sizeOf(rhs);
}

/** Convolutions of dtypes without a kernel, done in one that has: floats of 16 bits always, integers where it pays. */
export function convExpansion(
  primitive: Primitive<ConvParams>,
  ins: readonly ShapedArray[],
  p: ConvParams,
): Expansion | null {
  const [lhs, rhs] = ins;
  if (isHalf(lhs.dtype)) return widening(primitive, ins, p);
  if (kernelDTypes.includes(lhs.dtype) || workOf(lhs.shape, rhs.shape, p) < SMALL_CONV) return null;
  return wrappingWidening(primitive, ins, p);
}

/** A call of the kernel; no size is 0. */
function kernelCall(
  lhs: ShapedArray,
  rhs: ShapedArray,
  out: ShapedArray,
  p: ConvParams,
  windows: readonly WindowAxis[],
): Lowered {
  const { lhsSpec, rhsSpec, outSpec } = p.dimensionNumbers;
  const [xs, ws, os] = [lhs, rhs, out].map((aval) => stridesOf(aval.shape));
  const groups = p.featureGroupCount * p.batchGroupCount;
  const features = rhs.shape[rhsSpec[1]];
  const rows = rhs.shape[rhsSpec[0]] / groups;
  const batch = out.shape[outSpec[0]];
  const groupedX = p.batchGroupCount > 1 ? batch * xs[lhsSpec[0]] : features * xs[lhsSpec[1]];
  const { list, scratchBytes } = planConv(
    {
      groups,
      groupStride: { x: groupedX, w: rows * ws[rhsSpec[0]], out: rows * os[outSpec[1]] },
      rows,
      rowStride: { w: ws[rhsSpec[0]], out: os[outSpec[1]] },
      batch,
      batchStride: { x: xs[lhsSpec[0]], out: os[outSpec[0]] },
      features,
      featureStride: { x: xs[lhsSpec[1]], w: ws[rhsSpec[1]] },
      axes: windows.map((axis, i) => ({
        size: axis.size,
        window: axis.window,
        count: out.shape[outSpec[i + 2]],
        stride: axis.stride,
        low: axis.padding[0],
        baseDilation: axis.baseDilation,
        windowDilation: axis.windowDilation,
        reversed: p.windowReversal,
        xStride: xs[lhsSpec[i + 2]],
        wStride: ws[rhsSpec[i + 2]],
        outStride: os[outSpec[i + 2]],
      })),
    },
    dtypeInfo(out.dtype).bytes,
    formsOf(out.dtype, p),
  );
  return {
    kind: "kernel",
    result: 0,
    call: {
      name: `conv_${out.dtype}`,
      args: [
        { kind: "list", values: list },
        { kind: "operand", operand: 0 },
        { kind: "operand", operand: 1 },
        { kind: "result", result: 0 },
        { kind: "scratch", bytes: scratchBytes },
      ],
    },
  };
}

/** Which forms the kernel may take. */
function formsOf(dtype: DType, { precision }: ConvParams): ConvForms {
  if (dtype === "float32") return precision === "highest" ? "exact" : "any";
  return dtype === "float64" ? "exact" : "none";
}
