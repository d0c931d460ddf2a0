/**
 * Loops in lockstep: what a loop over a condition does once it is mapped. It goes on while any example wants to (`unvmap_any`), and examples that have
 * ended stay as they are (`select_if_vmap`), which without a mapped axis is nothing at all.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { type ClosedJaxpr, closeJaxpr, JaxprVar, makeJaxprOf } from "../core/jaxpr.ts";
import type { ShapedArray } from "../core/aval.ts";
import { type Primitive, type Tangent, UndefinedPrimal, Zero } from "../core/primitive.ts";
import { bind1 } from "../core/trace.ts";
import { axisToFront, type NoParams, noParams } from "../ops/common.ts";
import { select } from "../ops/logic.ts";
import { axisTools, batchToFront, instantiate } from "../ops/shape.ts";
import { isPresent } from "./common.ts";

/** The jaxpr that gives the operand at a position back. */
function projection(avals: readonly ShapedArray[], position: number): ClosedJaxpr {
  const vars = avals.map((aval) => new JaxprVar(aval));
  return closeJaxpr(makeJaxprOf([], vars, [vars[position]], []), []);
}

/** `select_if_vmap`: of a 0-d bool and two values, the first value; where the bool is mapped, each example's choice. */
export const selectIfVmapP: Primitive<NoParams> = {
  name: "select_if_vmap",
  abstractEval: ([, x]) => [x],
  evaluate: ([, x]) => [x],
  jvp: ([condition, x, y], [, tx, ty]) => {
    const out = selectIfVmap(condition, x, y);
    const tangent: Tangent = isPresent(tx) || isPresent(ty)
      ? selectIfVmap(condition, instantiate(tx), instantiate(ty))
      : new Zero(out.aval);
    return [[out], [tangent]];
  },
  transpose: ([ct], [condition, x, y]) => {
    const choose = (
      v: NDArray | UndefinedPrimal,
      pick: (ct: NDArray, zero: NDArray) => NDArray,
    ) => {
      if (!(v instanceof UndefinedPrimal)) return null;
      if (!isPresent(ct)) return new Zero(v.aval);
      return pick(ct, instantiate(new Zero(v.aval)));
    };
    const c = condition as NDArray;
    return [
      null,
      choose(x, (ct, zero) => selectIfVmap(c, ct, zero)),
      choose(y, (ct, zero) => selectIfVmap(c, zero, ct)),
    ];
  },
  batch: ([condition, x, y], [dc, dx, dy], _params, size) => {
    const [a, b] = [batchToFront(x, dx, size), batchToFront(y, dy, size)];
    if (dc === null) return [[selectIfVmap(condition, a, b)], [0]];
    const mask = axisTools.broadcastInDim(axisToFront(axisTools, condition, dc), a.shape, [0]);
    return [[select(mask, a, b)], [0]];
  },
  higherOrder: { inline: (_params, avals) => projection(avals, 1) },
};

/** `x`, or where the 0-d `condition` is mapped, `y` for the examples for which it does not hold. */
export function selectIfVmap(condition: NDArray, x: NDArray, y: NDArray): NDArray {
  return bind1(selectIfVmapP, [condition, x, y], noParams);
}
