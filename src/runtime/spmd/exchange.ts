/**
 * What collectives are, where all devices share one memory: programs over the values of all members of a group, each at an address of its own. Sums are made in
 * the order of the members, so that no thread's pace shows in a bit.
 *
 * A result that is the same for all members is made once. `ppermute` and `axis_index` move nothing at all: they say where a value is.
 *
 * @module
 */
import type { NDArray } from "../../core/array.ts";
import type { ShapedArray } from "../../core/aval.ts";
import type { ClosedJaxpr, JaxprEqn } from "../../core/jaxpr.ts";
import { add, max, min } from "../../ops/arith.ts";
import type { AllGatherParams, AllToAllParams, ReduceScatterParams } from "../../ops/collective.ts";
import { convertElementType } from "../../ops/convert.ts";
import { concatenate } from "../../ops/dynamic.ts";
import { reshape } from "../../ops/shape.ts";
import { slice } from "../../ops/slicing.ts";
import { stage } from "../../transform/stage.ts";
import { NotByDevices } from "./variance.ts";

/** One range of an axis. */
function part(x: NDArray, axis: number, from: number, to: number): NDArray {
  return slice(
    x,
    x.shape.map((_, i) => i === axis ? from : 0),
    x.shape.map((n, i) => i === axis ? to : n),
  );
}

function parts(x: NDArray, axis: number, count: number): NDArray[] {
  const size = x.shape[axis] / count;
  return Array.from({ length: count }, (_, i) => part(x, axis, i * size, (i + 1) * size));
}

/** The sum of the members' values; those of narrow floats are rounded once, at the end. */
function sum(xs: readonly NDArray[]): NDArray {
  const { dtype, weakType } = xs[0].aval;
  if (dtype !== "float16" && dtype !== "bfloat16") return xs.reduce((a, b) => add(a, b));
  const wide = xs.map((x) => convertElementType(x, "float32"));
  return convertElementType(wide.reduce((a, b) => add(a, b)), dtype, weakType);
}

function exchange(eqn: JaxprEqn, xs: readonly NDArray[]): NDArray[] {
  const count = xs.length;
  switch (eqn.primitive.name) {
    case "psum":
      if (xs[0].dtype === "bool") break;
      return [sum(xs)];
    case "pmax":
      return [xs.reduce((a, b) => max(a, b))];
    case "pmin":
      return [xs.reduce((a, b) => min(a, b))];
    case "all_gather": {
      const { allGatherDimension: at, tiled } = eqn.params as unknown as AllGatherParams;
      const { shape } = xs[0];
      const lined = tiled
        ? xs
        : xs.map((x) => reshape(x, [...shape.slice(0, at), 1, ...shape.slice(at)]));
      return [concatenate(lined, at)];
    }
    case "reduce_scatter": {
      const { scatterDimension: at, tiled } = eqn.params as unknown as ReduceScatterParams;
      const cut = xs.map((x) => parts(x, at, count));
      return Array.from({ length: count }, (_, i) => {
        const own = sum(cut.map((list) => list[i]));
        return tiled ? own : reshape(own, own.shape.filter((_, axis) => axis !== at));
      });
    }
    case "all_to_all": {
      const { splitAxis, concatAxis } = eqn.params as unknown as AllToAllParams;
      const cut = xs.map((x) => parts(x, splitAxis, count));
      return Array.from({ length: count }, (_, i) => concatenate(cut.map((l) => l[i]), concatAxis));
    }
  }
  throw new NotByDevices(`${eqn.primitive.name} of ${xs[0].dtype}`);
}

/** Whether each member of a group gets a result of its own, and not all the same one. */
export function isEach(eqn: JaxprEqn): boolean {
  return eqn.primitive.name === "reduce_scatter" || eqn.primitive.name === "all_to_all";
}

/**
 * Several collectives over one axis as a program: its inputs are, collective by collective, the values of a group's members, its outputs
 * the results, one for each member where {@linkcode isEach}.
 */
export function exchangeProgram(eqns: readonly JaxprEqn[], count: number): ClosedJaxpr {
  const avals = eqns.flatMap((e) => Array<ShapedArray>(count).fill(e.invars[0].aval));
  return stage(
    (xs) => eqns.flatMap((e, i) => exchange(e, xs.slice(i * count, (i + 1) * count))),
    avals,
  );
}

/** The parts of an array as a program of one input: an output for each box. */
export function cuttingProgram(
  whole: ShapedArray,
  boxes: readonly (readonly (readonly [number, number])[])[],
): ClosedJaxpr {
  return stage(
    ([x]) => boxes.map((box) => slice(x, box.map(([from]) => from), box.map(([, to]) => to))),
    [whole],
  );
}

/** An array as a program of its parts, an input for each box. */
export function joiningProgram(
  aval: ShapedArray,
  boxes: readonly (readonly (readonly [number, number])[])[],
): ClosedJaxpr {
  const join = (xs: readonly (readonly [NDArray, number])[], axis: number): NDArray => {
    if (xs.length === 1) return xs[0][0];
    const starts = [...new Set(xs.map(([, i]) => boxes[i][axis][0]))].sort((a, b) => a - b);
    const rows = starts.map((start) =>
      join(xs.filter(([, i]) => boxes[i][axis][0] === start), axis + 1)
    );
    return rows.length === 1 ? rows[0] : concatenate(rows, axis);
  };
  return stage((xs) => [join(xs.map((x, i) => [x, i] as const), 0)], boxes.map(() => aval));
}
