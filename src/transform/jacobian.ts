/**
 * Jacobians: a linear map, or its transpose, applied to every row of an identity at once.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { type Tangent, Zero } from "../core/primitive.ts";
import { convertElementType } from "../ops/convert.ts";
import { eq } from "../ops/logic.ts";
import { instantiate, iota, reshape } from "../ops/shape.ts";
import { placeAxis, vmapFlat } from "./vmap.ts";

/** The rows of the identity of `x.size`, shaped like `x`. */
function basis(x: NDArray): NDArray {
  const n = x.size;
  const identity = eq(iota("int32", [n, n], 0), iota("int32", [n, n], 1));
  return reshape(convertElementType(identity, x.dtype), [n, ...x.shape]);
}

/**
 * Blocks `[input][output]`, each of shape `out.shape + in.shape`.
 *
 * @param push From tangents of all inputs to those of the outputs.
 */
export function forwardColumns(
  push: (tangents: readonly Tangent[]) => readonly NDArray[],
  inputs: readonly NDArray[],
): NDArray[][] {
  return inputs.map((x, k) => {
    const [outs, dims] = vmapFlat(
      ([direction]) => push(inputs.map((y, i): Tangent => i === k ? direction : new Zero(y.aval))),
      [basis(x)],
      [0],
      x.size,
    );
    return outs.map((out, o) => {
      const last = placeAxis(out, dims[o], -1, x.size);
      return reshape(last, [...last.shape.slice(0, -1), ...x.shape]);
    });
  });
}

/**
 * Blocks `[output][input]`, each of shape `out.shape + in.shape`, for the first `count` outputs.
 *
 * @param pull From cotangents of all outputs to those of the inputs.
 */
export function reverseRows(
  pull: (cts: readonly Tangent[]) => readonly Tangent[],
  outs: readonly NDArray[],
  count: number = outs.length,
): NDArray[][] {
  return outs.slice(0, count).map((out, o) => {
    const [rows, dims] = vmapFlat(
      ([ct]) => pull(outs.map((y, i): Tangent => i === o ? ct : new Zero(y.aval))).map(instantiate),
      [basis(out)],
      [0],
      out.size,
    );
    return rows.map((row, i) => {
      const first = placeAxis(row, dims[i], 0, out.size);
      return reshape(first, [...out.shape, ...first.shape.slice(1)]);
    });
  });
}
