/**
 * Loops over records of arrays, for programs that the library itself writes.
 *
 * @module
 */
import { InternalError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { convertElementType } from "../ops/convert.ts";
import { lit } from "../ops/common.ts";
import { dynamicSlice, dynamicUpdateSlice } from "../ops/dynamic.ts";
import { reshape } from "../ops/shape.ts";
import { stage } from "../transform/stage.ts";
import { flatten, unflatten } from "../tree/flatten.ts";
import { bindCond } from "./cond.ts";
import { bindWhile } from "./while.ts";

/** `while (condition(state)) state = body(state)` over trees of arrays. */
export function loopWhile<S>(
  init: S,
  condition: (state: S) => NDArray,
  body: (state: S) => S,
): S {
  const [leaves, def] = flatten(init) as [NDArray[], ReturnType<typeof flatten>[1]];
  const avals = leaves.map((x) => x.aval);
  const read = (xs: readonly NDArray[]) => unflatten(def, xs) as S;
  const bodyJaxpr = stage((xs) => {
    const [outs, outDef] = flatten(body(read(xs))) as [NDArray[], typeof def];
    if (outDef !== def) throw new InternalError("loopWhile: the state changes its structure");
    return outs.map((x, i) =>
      x.aval.weakType === avals[i].weakType
        ? x
        : convertElementType(x, avals[i].dtype, avals[i].weakType)
    );
  }, avals);
  const results = bindWhile(leaves, {
    condJaxpr: stage((xs) => [condition(read(xs))], avals),
    bodyJaxpr,
    condNconsts: 0,
    bodyNconsts: 0,
  });
  return read(results);
}

function startsOf(xs: NDArray, i: NDArray): NDArray[] {
  return xs.shape.map((_, axis) => axis === 0 ? i : lit(i, 0));
}

/** `xs[i]`, for a 0-d `i` within bounds. */
export function rowOf(xs: NDArray, i: NDArray): NDArray {
  const shape = xs.shape.slice(1);
  return reshape(dynamicSlice(xs, startsOf(xs, i), [1, ...shape]), shape);
}

/** `xs` with `x` at `i`. Touches that row alone. */
export function withRow(xs: NDArray, i: NDArray, x: NDArray): NDArray {
  return dynamicUpdateSlice(xs, reshape(x, [1, ...x.shape]), startsOf(xs, i));
}

/** Several `xs`, each with its `x` at `i`, where `when` holds (always, for `null`). Touches those rows alone, and nothing where it does not hold. */
export function withRows(
  xs: readonly NDArray[],
  i: NDArray,
  rows: readonly NDArray[],
  when: NDArray | null,
): readonly NDArray[] {
  const write = (all: readonly NDArray[], at: NDArray, values: readonly NDArray[]) =>
    all.map((x, k) => withRow(x, at, values[k]));
  if (when === null || xs.length === 0) return write(xs, i, rows);
  const n = xs.length;
  const operands = [...xs, i, ...rows];
  const avals = operands.map((x) => x.aval);
  return bindCond(convertElementType(when, "int32"), operands, [
    stage((all) => all.slice(0, n), avals),
    stage((all) => write(all.slice(0, n), all[n], all.slice(n + 1)), avals),
  ]);
}
