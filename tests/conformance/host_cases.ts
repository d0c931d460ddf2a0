/**
 * The rows of the conformance table for primitives that call the host, or refuse a transformation.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import { debugCallback, ioCallbackP } from "../../src/control/callback.ts";
import { bind1 } from "../../src/core/trace.ts";
import { nondifferentiable, nondifferentiableBackward } from "../../src/internal/mod.ts";
import type { Case, OperandSpec } from "./table.ts";

const { numpy: np } = vn;

const f = (shape: number[], range: [number, number] = [-2, 2]): OperandSpec => ({ shape, range });

/** See `table.ts`. */
export const hostCases: readonly Case[] = [
  {
    name: "pure_callback",
    operands: [f([3]), f([2])],
    call: (x, y) =>
      vn.filterPureCallback(
        (a: vn.NDArray, b: vn.NDArray) => np.outer(a, b),
        x,
        y,
        vn.kwargs({ resultShapeDtypes: new vn.ShapeDtypeStruct([3, 2], x.dtype) }),
      ),
    differentiate: [],
  },
  {
    name: "pure_callback, vectorized",
    operands: [f([3])],
    call: (x) =>
      vn.filterPureCallback(
        (a: vn.NDArray) => a.mul(2),
        x,
        vn.kwargs({
          resultShapeDtypes: new vn.ShapeDtypeStruct([3], x.dtype),
          vectorized: true,
        }),
      ),
    differentiate: [],
  },
  {
    name: "error_if",
    operands: [f([3, 2]), { ...f([], [-9, 9]), dtype: "int32" }],
    call: (x, i) => vn.errorIf(x.mul(x), i.greater(100), "large"),
  },
  {
    name: "io_callback",
    operands: [f([3])],
    call: (x) =>
      bind1(ioCallbackP, [x], {
        callback: ([a]) => [a.add(a)],
        resultAvals: [x.aval],
        vmapMethod: "sequential",
      }),
    differentiate: [],
  },
  {
    name: "debug_callback",
    operands: [f([3])],
    call: (x) => {
      debugCallback([x], () => []);
      return x.mul(x);
    },
  },
  {
    name: "nondifferentiable",
    operands: [f([3])],
    call: (x) => nondifferentiable(x).mul(2),
    differentiate: [],
  },
  {
    name: "nondifferentiable_backward",
    operands: [f([3])],
    call: (x) => nondifferentiableBackward(x).mul(x),
    reverse: false,
  },
  {
    name: "error_if, giving NaN",
    operands: [f([3])],
    call: (x) => vn.errorIf(x.mul(x), x.get(0).greater(100), "large", { onError: "nan" }),
  },
];
