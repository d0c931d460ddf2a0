/**
 * `filterCond`: a branch over trees of anything.
 *
 * @module
 */
import { ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import { bindCond } from "../control/cond.ts";
import { asArray } from "../numpy/promote.ts";
import { convertElementType } from "../ops/convert.ts";
import { stage } from "../transform/stage.ts";
import { avalsOf } from "./loop_carry.ts";
import { compareTrees, takeArrays, type Template } from "./loop_trees.ts";
import { checkCallable, invoke } from "./wrapper.ts";

const caller = "filterCond";

/** A traced branch: its outputs as they were when it was traced, whose types still tell what they are. */
interface Branch {
  readonly closed: ClosedJaxpr;
  readonly outs: readonly NDArray[];
  readonly template: Template;
}

function traceBranch(
  fn: (...operands: never[]) => unknown,
  arrays: readonly NDArray[],
  operands: Template,
): Branch {
  let outs: readonly NDArray[] = [];
  let template: Template | null = null;
  const closed = stage((inputs) => {
    [outs, template] = takeArrays(invoke(fn, operands.fill(inputs)), `${caller}: output`);
    return outs;
  }, avalsOf(arrays));
  return { closed, outs, template: template! };
}

/**
 * `onTrue(...operands)` where `pred` holds, else `onFalse(...operands)`. As `lax.cond`, over trees of anything: operands and outputs may be Modules and hold leaves that
 * are no arrays.
 *
 * @param pred A 0-d bool (or number), traced or not, or a host boolean.
 * @param operands Trees; arrays are traced, other leaves come as they are.
 * @returns What the branch gives. Leaves that are no arrays must be the same in both branches.
 * @throws {TreeError} Where the branches give different structures; the message shows both. Shapes, dtypes and static leaves are checked too.
 *
 * @example
 * ```ts
 * import { filterCond, type NDArray, nn, numpy as np, random } from "@vernal/vernal";
 *
 * const layer = new nn.Linear(2, 2, { key: random.key(0) });
 * const apply = (l: nn.Linear, x: NDArray) => l.call(x);
 * const skip = (_: nn.Linear, x: NDArray) => x;
 * filterCond(np.array(false), apply, skip, layer, np.array([1, 2])).tolist(); // [1, 2]
 * ```
 */
export function filterCond<A extends unknown[], R>(
  pred: NDArray | boolean | number,
  onTrue: (...operands: A) => R,
  onFalse: (...operands: A) => R,
  ...operands: A
): R {
  const p = asArray(pred, `${caller}: pred`);
  if (p.ndim !== 0) throw new ShapeError(`${caller}: pred must be 0-d; got shape [${p.shape}]`);
  const truth = p.dtype === "bool" ? p : p.notEqual(0);
  checkCallable(onTrue, `${caller}: onTrue`);
  checkCallable(onFalse, `${caller}: onFalse`);
  const [arrays, template] = takeArrays(operands, `${caller}: operands`);
  const [yes, no] = [onTrue, onFalse].map((fn) => traceBranch(fn as never, arrays, template));
  compareTrees([yes.template, yes.outs], [no.template, no.outs], {
    caller,
    rule: "the branches must give one type",
    root: "output",
    before: "in onTrue",
    after: "in onFalse",
  });
  const results = bindCond(convertElementType(truth, "int32"), arrays, [no.closed, yes.closed]);
  return yes.template.fill(results);
}
