/**
 * Control flow: loops and branches inside of traced functions, compiled as such.
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError, TreeError } from "../errors.ts";
import { NDArray } from "../core/array.ts";
import { formatAval, type ShapedArray, shapedArray, withWeakType } from "../core/aval.ts";
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import { bindCond } from "../control/cond.ts";
import { bindScan } from "../control/scan.ts";
import { bindWhile } from "../control/while.ts";
import { asArray } from "../numpy/promote.ts";
import { convertElementType } from "../ops/convert.ts";
import { literal } from "../ops/common.ts";
import { type AsTuples, callableOf } from "../tree/callable.ts";
import { flatten, leafPaths, unflatten } from "../tree/flatten.ts";
import { describeDifference } from "../tree/mismatch.ts";
import { keystr, type Path } from "../tree/path.ts";
import type { TreeDef } from "../tree/treedef.ts";
import { arraysOf, trace, type TracedBody, type Tree } from "./traced.ts";

/** Who is looping, for messages, and what of the carry is the user's own. */
interface Loop {
  /** The public function. */
  readonly where: string;
  /** Where the user's part of the carry is: a `foriLoop` has its counter in front. */
  readonly own: (def: TreeDef) => TreeDef;
  /** The same for the path of a leaf. */
  readonly path: (path: Path) => string;
}

const plainLoop = (where: string): Loop => ({
  where,
  own: (def) => def,
  path: (path) => keystr(path, "carry"),
});

/** `[counter, value]`, of which users see the value. */
const countedLoop: Loop = {
  where: "lax.foriLoop",
  own: (def) => def.childDefs[1],
  path: (path) => keystr(path.slice(1), "carry"),
};

/** Checks that a body gives a carry like the one it takes; tells which leaves must lose their weak type for that. */
function checkCarry(
  inDef: TreeDef,
  outDef: TreeDef,
  ins: readonly ShapedArray[],
  outs: readonly ShapedArray[],
  { where, own, path }: Loop,
): boolean[] {
  if (inDef !== outDef) {
    const why = describeDifference(own(inDef), own(outDef), "carry") ?? `${inDef} and ${outDef}`;
    throw new TreeError(
      `${where}: the body must give a carry of the structure of the one it takes: ${why}`,
    );
  }
  const paths = leafPaths(inDef);
  return ins.map((aval, i) => {
    const out = outs[i];
    if (withWeakType(aval, false) !== withWeakType(out, false)) {
      const Wrong = aval.dtype === out.dtype ? ShapeError : DTypeError;
      throw new Wrong(
        `${where}: the body must give a carry of the shapes and dtypes of the one it takes: ${
          path(paths[i])
        } is ${formatAval(aval)} going in, ${formatAval(out)} coming out`,
      );
    }
    return aval.weakType && !out.weakType;
  });
}

/** Traces a body until its carry has the types it was given: a weak type may have to go. */
function traceLoop(
  fn: (...args: Tree[]) => unknown,
  carry: readonly NDArray[],
  carryDef: TreeDef,
  rest: readonly ShapedArray[],
  restDefs: readonly TreeDef[],
  carryOf: (outDef: TreeDef) => TreeDef,
  loop: Loop,
): [TracedBody, NDArray[]] {
  let arrays = [...carry];
  for (;;) {
    const avals = arrays.map((x) => x.aval);
    const body = trace(fn, [carryDef, ...restDefs], [...avals, ...rest], loop.where);
    const outs = body.closed.outAvals.slice(0, arrays.length);
    const strengthen = checkCarry(carryDef, carryOf(body.outDef), avals, outs, loop);
    if (!strengthen.includes(true)) return [body, arrays];
    arrays = arrays.map((x, i) => strengthen[i] ? convertElementType(x, x.dtype) : x);
  }
}

/** Options of {@linkcode scan}. */
export interface ScanOptions {
  /** The number of steps, where `xs` is `null`. */
  readonly length?: number | null;
  /** Whether to run from the end; false unless told. */
  readonly reverse?: boolean;
  /** How many steps to unroll, `true` for all: printed in the jaxpr as JAX does; loops are compiled as loops all the same. */
  readonly unroll?: number | boolean;
}

/**
 * A loop over axis 0 of arrays, that carries values along and stacks outputs. Compiled as a loop; differentiable in both modes.
 *
 * @param f `(carry, x) => [carry, y]`; `x` and `y` are trees of slices, or `null`. The carry keeps its structure, shapes and dtypes.
 * @param init The carry before the first step: a tree of arrays and numbers.
 * @param xs A tree of arrays of one length, or `null` with `length` given.
 * @returns `[carry, ys]`: the last carry, and the outputs of all steps stacked.
 * @throws {TreeError} Where the carry changes its structure; shapes and dtypes are checked too.
 *
 * @example
 * ```ts
 * import { lax, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * const step = (total: NDArray, x: NDArray) => [total.add(x), total.mul(2)] as const;
 * const [total, doubled] = lax.scan(step, np.array(0), np.array([1, 2, 3]));
 * total.item(); // 6
 * doubled.tolist(); // [0, 2, 6]
 * ```
 */
export function scan<C extends AsTuples, X, Y extends AsTuples>(
  f: (carry: C, x: X) => readonly [C, Y],
  init: C,
  xs: X,
  options: ScanOptions = {},
): [C, Y] {
  return scanLoop(f, init, xs, options, plainLoop("lax.scan"));
}

function scanLoop<C, X, Y>(
  f: (carry: C, x: X) => readonly [C, Y],
  init: C,
  xs: X,
  options: ScanOptions,
  loop: Loop,
): [C, Y] {
  const { where } = loop;
  const step = callableOf(f, where);
  const [carry, carryDef] = arraysOf(init, "init", where);
  const [arrays, xsDef] = arraysOf(xs, "xs", where);
  const paths = leafPaths(xsDef);
  let length = options.length ?? null;
  arrays.forEach((x, i) => {
    if (x.ndim === 0) {
      throw new ShapeError(
        `${where}: ${keystr(paths[i], "xs")} is 0-d; it needs an axis to scan over`,
      );
    }
    if (length !== null && length !== x.shape[0]) {
      throw new ShapeError(
        `${where}: lengths differ: ${keystr(paths[i], "xs")} has ${
          x.shape[0]
        }, others (or the length option) ${length}`,
      );
    }
    length = x.shape[0];
  });
  if (length === null) throw new ArgumentError(`${where}: xs holds no arrays; give options.length`);
  let yDef: TreeDef | null = null;
  const pair = (c: Tree, x: Tree): unknown => {
    const out: unknown = step(c, x);
    if (!Array.isArray(out) || out.length !== 2) {
      throw new TreeError(
        `${where}: the body must return a pair [carry, y]; got ${
          Array.isArray(out)
            ? `a list of ${out.length}`
            : out instanceof NDArray
            ? formatAval(out.aval)
            : typeof out
        }`,
      );
    }
    yDef = flatten(out[1])[1];
    return out;
  };
  const [body, started] = traceLoop(
    pair,
    carry,
    carryDef,
    arrays.map((x) => sliceAval(x.aval)),
    [xsDef],
    (d) => d.childDefs[0],
    loop,
  );
  const results = bindScan([...started, ...arrays], {
    jaxpr: body.closed,
    length,
    reverse: options.reverse ?? false,
    numConsts: 0,
    numCarry: carry.length,
    unroll: Number(options.unroll === true ? length : options.unroll || 1),
  });
  return [
    unflatten(carryDef, results.slice(0, carry.length)),
    unflatten(yDef!, results.slice(carry.length)),
  ] as [C, Y];
}

function sliceAval(aval: ShapedArray): ShapedArray {
  return shapedArray(aval.shape.slice(1), aval.dtype, aval.weakType);
}

/**
 * A loop that goes on while a condition holds. Compiled as a loop; differentiable in forward mode.
 *
 * @param condFun From the carry to a 0-d bool.
 * @param bodyFun From the carry to the next, of the same structure, shapes and dtypes.
 * @param init The carry before the first step.
 * @throws {TreeError} Where the carry changes its structure; shapes and dtypes are checked too.
 *
 * @example
 * ```ts
 * import { lax, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * lax.whileLoop((x: NDArray) => x.less(100), (x: NDArray) => x.mul(3), np.array(1)).item(); // 243
 * ```
 */
export function whileLoop<C extends AsTuples>(
  condFun: (carry: C) => NDArray | boolean,
  bodyFun: (carry: C) => C,
  init: C,
): C {
  return conditionLoop(condFun, bodyFun, init, plainLoop("lax.whileLoop"));
}

function conditionLoop<C>(
  condFun: (carry: C) => NDArray | boolean,
  bodyFun: (carry: C) => C,
  init: C,
  loop: Loop,
): C {
  const { where } = loop;
  const [carry, carryDef] = arraysOf(init, "init", where);
  const [body, started] = traceLoop(bodyFun, carry, carryDef, [], [], (d) => d, loop);
  const condition = trace(condFun, [carryDef], started.map((x) => x.aval), where);
  const [out] = condition.closed.outAvals;
  if (condition.closed.outAvals.length !== 1 || out.dtype !== "bool" || out.shape.length !== 0) {
    throw new DTypeError(
      `${where}: the condition must give a 0-d bool; got ${
        condition.closed.outAvals.map(formatAval).join(", ")
      }`,
    );
  }
  const results = bindWhile(started, {
    condJaxpr: condition.closed,
    bodyJaxpr: body.closed,
    condNconsts: 0,
    bodyNconsts: 0,
  });
  return unflatten(carryDef, results) as C;
}

/**
 * `for (i = lower; i < upper; i++) value = body(i, value)`, compiled as a loop. With host numbers as bounds it is differentiable in both modes, else in
 * forward mode.
 *
 * @param body From the int32 counter and the value to the next value, of the same structure, shapes and dtypes.
 *
 * @example
 * ```ts
 * import { lax, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * lax.foriLoop(0, 5, (i: NDArray, x: NDArray) => x.add(i), np.array(0, { dtype: "int32" })).item(); // 10
 * ```
 */
export function foriLoop<C extends AsTuples>(
  lower: number | NDArray,
  upper: number | NDArray,
  body: (i: NDArray, value: C) => C,
  init: C,
): C {
  const call = callableOf(body, countedLoop.where) as typeof body;
  const counter = (x: number | NDArray) => typeof x === "number" ? literal(x, "int32") : x;
  if (typeof lower === "number" && typeof upper === "number") {
    const step = (
      [i, value]: [NDArray, C],
      _x: null,
    ): [[NDArray, C], null] => [[i.add(1), call(i, value)], null];
    const length = Math.max(0, upper - lower);
    const start: [NDArray, C] = [counter(lower), init];
    const [[, value]] = scanLoop(step, start, null, { length }, countedLoop);
    return value;
  }
  const [, value] = conditionLoop(
    ([i]: [NDArray, C]) => i.less(upper),
    ([i, v]: [NDArray, C]): [NDArray, C] => [i.add(1), call(i, v)],
    [counter(lower), init] as [NDArray, C],
    countedLoop,
  );
  return value;
}

/** Branches traced to one type. */
function traceBranches(
  branches: readonly ((...operands: Tree[]) => unknown)[],
  operands: readonly unknown[],
  where: string,
  nameOf: (branch: number) => string,
): { closed: ClosedJaxpr[]; arrays: NDArray[]; outDef: TreeDef } {
  const parts = operands.map((o, i) => arraysOf(o, `operands[${i}]`, where));
  const arrays = parts.flatMap(([a]) => a);
  const defs = parts.map(([, d]) => d);
  const traced = branches.map((b) => trace(b, defs, arrays.map((x) => x.aval), where));
  const { outDef } = traced[0];
  traced.forEach((t, b) => {
    if (t.outDef !== outDef) {
      throw new TreeError(
        `${where}: branches must give one structure: ${nameOf(b)} differs from ${nameOf(0)}: ${
          describeDifference(outDef, t.outDef, "output")
        }`,
      );
    }
    t.closed.outAvals.forEach((aval, i) => {
      const first = traced[0].closed.outAvals[i];
      if (withWeakType(aval, false) !== withWeakType(first, false)) {
        const path = keystr(leafPaths(outDef)[i], "output");
        const Wrong = aval.dtype === first.dtype ? ShapeError : DTypeError;
        throw new Wrong(
          `${where}: branches must give one type: ${path} is ${formatAval(first)} in ${
            nameOf(0)
          }, ${formatAval(aval)} in ${nameOf(b)}`,
        );
      }
    });
  });
  return { closed: traced.map((t) => t.closed), arrays, outDef };
}

/**
 * `onTrue(...operands)` where `pred` holds, else `onFalse(...operands)`. Compiled as a branch: only one is computed; under `vmap` over
 * `pred` both are. Differentiable in both modes.
 *
 * @param pred A 0-d bool (or number), traced or not, or a host boolean.
 * @throws {TreeError} Where the branches give different structures; shapes and dtypes are checked too.
 *
 * @example
 * ```ts
 * import { lax, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * const half = (x: NDArray) => x.div(2);
 * const triple = (x: NDArray) => x.mul(3);
 * lax.cond(np.array(true), half, triple, np.array(4)).item(); // 2
 * ```
 */
export function cond<A extends unknown[], R>(
  pred: NDArray | boolean | number,
  onTrue: (...operands: A) => R,
  onFalse: (...operands: A) => R,
  ...operands: A
): R {
  const where = "lax.cond";
  const p = asArray(pred, where);
  if (p.ndim !== 0) throw new ShapeError(`${where}: pred must be 0-d; got shape [${p.shape}]`);
  const truth = p.dtype === "bool" ? p : p.notEqual(0);
  return branch(
    convertElementType(truth, "int32"),
    [onFalse, onTrue],
    operands,
    where,
    (b) => b === 0 ? "onFalse" : "onTrue",
  ) as R;
}

/**
 * `branches[index](...operands)`, the index clamped. See {@linkcode cond}.
 *
 * @example
 * ```ts
 * import { lax, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * const branches = [1, 2, 3].map((n) => (x: NDArray) => x.mul(n));
 * lax.switch(np.array(2, { dtype: "int32" }), branches, np.array(5)).item(); // 15
 * ```
 */
export function switchBranch<A extends unknown[], R>(
  index: NDArray | number,
  branches: readonly ((...operands: A) => R)[],
  ...operands: A
): R {
  const where = "lax.switch";
  if (!Array.isArray(branches) || branches.length === 0) {
    throw new ArgumentError(`${where}: needs a list of at least one branch`);
  }
  const i = typeof index === "number" ? literal(index, "int32") : index;
  if (
    i.ndim !== 0 ||
    (i.dtype !== "int32" && i.dtype !== "uint8" && i.dtype !== "uint32" && i.dtype !== "int64")
  ) {
    throw new DTypeError(`${where}: the index must be a 0-d integer; got ${formatAval(i.aval)}`);
  }
  const nameOf = (b: number) => `branches[${b}]`;
  return branch(convertElementType(i, "int32"), branches, operands, where, nameOf) as R;
}

function branch(
  index: NDArray,
  branches: readonly ((...operands: Tree[]) => unknown)[],
  operands: readonly unknown[],
  where: string,
  nameOf: (branch: number) => string,
): unknown {
  const { closed, arrays, outDef } = traceBranches(branches, operands, where, nameOf);
  return unflatten(outDef, bindCond(index, arrays, closed));
}

/**
 * `f` applied to each slice along axis 0, one after the other, the results stacked. `vmap` does the same at once; this takes less memory.
 *
 * @example
 * ```ts
 * import { lax, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * lax.map((x: NDArray) => x.mul(x), np.array([1, 2, 3])).tolist(); // [1, 4, 9]
 * ```
 */
export function map<X, Y>(f: (x: X) => Y, xs: X): Y {
  const loop = plainLoop("lax.map");
  const call = callableOf(f, loop.where) as typeof f;
  return scanLoop((_carry: null, x: X) => [null, call(x)] as const, null, xs, {}, loop)[1];
}
