/**
 * Collectives: operations across the examples of a named, mapped axis.
 *
 * Each stays as it is until the `vmap` that binds its axis meets it; that one turns it into a reduction over the mapped axis, whose
 * result is the same for all examples.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { shapedArray } from "../core/aval.ts";
import type { AxisName } from "../core/axis_env.ts";
import { type Primitive, Zero } from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";
import { mul } from "./arith.ts";
import { lit } from "./common.ts";
import { reduceMax, reduceMin } from "./reduce.ts";
import { unaryBatch } from "./rules.ts";
import { iota, reduceSum } from "./shape.ts";

/** Parameters of the collectives. */
export interface AxisParams {
  readonly axisName: AxisName;
}

/** `psum`: the sum over all examples. Linear; its transpose is itself. */
export const psumP: Primitive<AxisParams> = {
  name: "psum",
  abstractEval: ([x]) => [x],
  jvp: ([x], [t], p) => {
    const out = bind1(psumP, [x], p);
    return [[out], [t instanceof Zero ? new Zero(out.aval) : bind1(psumP, [t], p)]];
  },
  transpose: ([ct], [x], p) => [ct instanceof Zero ? new Zero(x.aval) : bind1(psumP, [ct], p)],
  batch: (xs, dims, p) => unaryBatch(psumP, xs, dims, p),
  collective: {
    axisName: (p) => p.axisName,
    batch: (
      [x],
      [dim],
      _p,
      size,
    ) => [[dim === null ? mul(x, lit(x, size)) : reduceSum(x, [dim])], [null]],
  },
};

/** The sum over all examples of a named axis. */
export function psum(x: NDArray, axisName: AxisName): NDArray {
  return bind1(psumP, [x], { axisName });
}

/** `pmax`: the maximum over all examples. */
export const pmaxP: Primitive<AxisParams> = {
  name: "pmax",
  abstractEval: ([x]) => [x],
  batch: (xs, dims, p) => unaryBatch(pmaxP, xs, dims, p),
  collective: {
    axisName: (p) => p.axisName,
    batch: ([x], [dim]) => [[dim === null ? x : reduceMax(x, [dim])], [null]],
  },
};

/** The maximum over all examples of a named axis. */
export function pmax(x: NDArray, axisName: AxisName): NDArray {
  return bind1(pmaxP, [x], { axisName });
}

/** `pmin`: the minimum over all examples. */
export const pminP: Primitive<AxisParams> = {
  name: "pmin",
  abstractEval: ([x]) => [x],
  batch: (xs, dims, p) => unaryBatch(pminP, xs, dims, p),
  collective: {
    axisName: (p) => p.axisName,
    batch: ([x], [dim]) => [[dim === null ? x : reduceMin(x, [dim])], [null]],
  },
};

/** The minimum over all examples of a named axis. */
export function pmin(x: NDArray, axisName: AxisName): NDArray {
  return bind1(pminP, [x], { axisName });
}

/** `axis_index`: the number of the example, int32. */
export const axisIndexP: Primitive<AxisParams> = {
  name: "axis_index",
  abstractEval: () => [shapedArray([], "int32")],
  collective: {
    axisName: (p) => p.axisName,
    batch: (_xs, _dims, _p, size) => [[iota("int32", [size])], [0]],
  },
};

/** The number of the example along a named axis. */
export function axisIndex(axisName: AxisName): NDArray {
  return bind1(axisIndexP, [], { axisName });
}
