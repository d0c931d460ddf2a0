/**
 * `filterCustomJvp`: a function with a derivative rule of its own.
 *
 * @module
 */
import {
  ArgumentError,
  DifferentiationError,
  DTypeError,
  ShapeError,
  TreeError,
} from "../errors.ts";
import { NDArray } from "../core/array.ts";
import { formatAval, type ShapedArray, shapesEqual } from "../core/aval.ts";
import { isInexact } from "../core/dtype.ts";
import { type Tangent, Zero } from "../core/primitive.ts";
import { customJvpCall } from "../control/custom_jvp_call.ts";
import { literal } from "../ops/common.ts";
import { flatten, isNull, leafPaths, unflatten } from "../tree/flatten.ts";
import { isKwargs } from "../tree/kwargs.ts";
import { keyed } from "../tree/keyed.ts";
import type { HasCall } from "../tree/callable.ts";
import { describeDifference } from "../tree/mismatch.ts";
import { keystr } from "../tree/path.ts";
import type { TreeDef } from "../tree/treedef.ts";
import {
  describeValue,
  isArrayLeaf,
  isInexactLeaf,
  splitLeaves,
  staticParts,
  toNDArray,
} from "./leaves.ts";
import type { AnyTree } from "./types.ts";
import { checkRule, pairOf, ruledName } from "./rules.ts";
import { checkCallable, invoke, refuseDecoration } from "./wrapper.ts";

/** The rule of a function with a custom jvp: primals and tangents to output and its tangent. */
export type JvpRuleFunction = (
  primals: AnyTree[],
  tangents: AnyTree[],
  kwargs: AnyTree,
) => readonly [unknown, unknown];

/** A function with a derivative rule of its own. */
export interface CustomJvp<A extends unknown[], R> {
  /** Calls the function. */
  (...args: A): R;
  /**
   * Gives the function its rule.
   *
   * @param rule `(primals, tangents, kwargs) => [out, tangentOut]`. `tangents` has the structure of `primals`, `null` for whatever is no floating array or is not
   * differentiated. `tangentOut` may have `null` for zero.
   */
  defJvp(rule: JvpRuleFunction): void;
}

/** The outputs of the function or its rule, as arrays. */
function outputArrays(out: unknown, name: string, what: string): [NDArray[], TreeDef] {
  const [leaves, def] = flatten(out);
  const paths = leafPaths(def);
  const arrays = leaves.map((leaf, i) => {
    if (isArrayLeaf(leaf)) return toNDArray(leaf, `filterCustomJvp(${name})`);
    if (typeof leaf === "number") return literal(leaf, "float32", true);
    throw new ArgumentError(
      `filterCustomJvp(${name}): every output must be an array or a number; ${
        keystr(paths[i], what)
      } is ${describeValue(leaf)}`,
    );
  });
  return [arrays, def];
}

/** Checks that a rule computes what its function computes. */
function checkOutputs(
  arrays: readonly NDArray[],
  def: TreeDef,
  expected: readonly ShapedArray[],
  expectedDef: TreeDef,
  name: string,
): void {
  const where = `filterCustomJvp(${name}).defJvp`;
  if (def !== expectedDef) {
    const why = describeDifference(expectedDef, def, "out") ?? `${expectedDef} and ${def}`;
    throw new TreeError(
      `${where}: the rule's output must have the structure of the function's: ${why}`,
    );
  }
  const paths = leafPaths(def);
  arrays.forEach((x, i) => {
    const shapesFit = shapesEqual(x.shape, expected[i].shape);
    if (shapesFit && x.dtype === expected[i].dtype) return;
    throw new (shapesFit ? DTypeError : ShapeError)(
      `${where}: the rule must give the function's own outputs: ${
        keystr(paths[i], "out")
      } should be ${formatAval(expected[i])}; it is ${formatAval(x.aval)}`,
    );
  });
}

/** The tangents of a rule's outputs, checked against the outputs. */
function outputTangents(
  given: unknown,
  outs: readonly NDArray[],
  outDef: TreeDef,
  name: string,
): Tangent[] {
  const where = `filterCustomJvp(${name}).defJvp`;
  const skeleton = unflatten(outDef, outs);
  const [, expected] = flatten(skeleton, { isLeaf: isNull });
  const [leaves, def] = flatten(given, { isLeaf: isNull });
  if (def !== expected) {
    const why = describeDifference(expected, def, "tangentOut") ?? `${expected} and ${def}`;
    throw new TreeError(
      `${where}: the tangent must have the structure of the output, null for zero: ${why}`,
    );
  }
  const [outLeaves] = flatten(skeleton, { isLeaf: isNull });
  const paths = leafPaths(def);
  return leaves.flatMap((leaf, i): Tangent[] => {
    const out = outLeaves[i];
    if (!(out instanceof NDArray)) return [];
    if (isNull(leaf)) return [new Zero(out.aval)];
    const path = keystr(paths[i], "tangentOut");
    const t = typeof leaf === "number"
      ? literal(leaf, out.dtype)
      : isArrayLeaf(leaf)
      ? toNDArray(leaf, where)
      : null;
    if (t === null) {
      throw new ArgumentError(
        `${where}: ${path} must be an array or null; got ${describeValue(leaf)}`,
      );
    }
    if (!isInexact(out.dtype)) {
      throw new DTypeError(
        `${where}: ${path} must be null: the output there is ${formatAval(out.aval)}`,
      );
    }
    if (!shapesEqual(t.shape, out.shape)) {
      throw new ShapeError(
        `${where}: the rule must give tangents of its outputs' shapes: ${path} should be ${
          formatAval(out.aval)
        }; it is ${formatAval(t.aval)}`,
      );
    }
    if (t.dtype !== out.dtype) {
      throw new DTypeError(
        `${where}: the rule must give tangents of its outputs' dtypes: ${path} should be ${
          formatAval(out.aval)
        }; it is ${formatAval(t.aval)}`,
      );
    }
    return [t];
  });
}

/**
 * A function whose derivative is given by a rule, with any arguments. Written after Equinox's `filter_custom_jvp`.
 *
 * The rule must be given, by `defJvp`, before the first call. Keyword arguments are not differentiated.
 *
 * @param fn A function, or a Module with `call`, whose outputs are arrays or numbers. The arrays of a Module are closed over: where they are to be differentiated, they
 * must be arguments.
 * @throws {DifferentiationError} Where it is called without a rule, or a keyword argument is differentiated.
 * @throws {TreeError} Where the rule's tangent has another structure than its output; shapes and dtypes are checked too.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const call = vn.filterCustomJvp((x: vn.NDArray, y: vn.NDArray) => x.add(y));
 * call.defJvp(([x, y], [tx]) => [call(x, y), tx.mul(2)]);
 * vn.filterGrad(call)(vn.numpy.array(2), vn.numpy.array(2)).item(); // 2
 * ```
 */
export function filterCustomJvp<A extends unknown[], R>(fn: (...args: A) => R): CustomJvp<A, R>;
/** As above, of a Module. */
export function filterCustomJvp<A extends unknown[], R>(fn: HasCall<A, R>): CustomJvp<A, R>;
export function filterCustomJvp<A extends unknown[], R>(
  fn: ((...args: A) => R) | HasCall<A, R>,
  context?: unknown,
): CustomJvp<A, R> {
  checkCallable(fn, "filterCustomJvp");
  refuseDecoration("filterCustomJvp", context);
  const name = ruledName(fn);
  let rule: JvpRuleFunction | null = null;
  const call = (...args: unknown[]): unknown => {
    if (rule === null) {
      throw new DifferentiationError(
        `filterCustomJvp(${name}): no rule is defined yet; call .defJvp(rule) first`,
      );
    }
    const own = rule;
    const [leaves, treedef] = flatten(args);
    const split = splitLeaves(leaves, isArrayLeaf, `filterCustomJvp(${name})`);
    const hasKwargs = isKwargs(args[args.length - 1]);
    const rebuild = (arrays: readonly NDArray[]) =>
      unflatten(treedef, split.fill(arrays)) as unknown[];
    let outDef: TreeDef | null = null;
    let outAvals: ShapedArray[] = [];
    const outs = customJvpCall(
      (inputs) => {
        const [arrays, def] = outputArrays(invoke(fn, rebuild(inputs)), name, "output");
        outDef = def;
        outAvals = arrays.map((x) => x.aval);
        return arrays;
      },
      keyed(
        (primals: readonly NDArray[], tangents: readonly Tangent[]) => {
          // A tree of tangents: null for all leaves that are no floating arrays, and for symbolic zeros.
          const nulls: unknown[] = leaves.map(() => null);
          let next = 0;
          leaves.forEach((leaf, i) => {
            if (!isArrayLeaf(leaf)) return;
            const t = tangents[next++];
            if (!(t instanceof Zero) && isInexactLeaf(leaf)) nulls[i] = t;
          });
          const xs = rebuild(primals);
          const ts = unflatten(treedef, nulls) as unknown[];
          const kwargs = hasKwargs ? xs.pop() : {};
          const [path] = hasKwargs ? leafPaths(flatten(ts.pop())[1]) : [];
          if (path !== undefined) {
            throw new DifferentiationError(
              `filterCustomJvp(${name}): a keyword argument is being differentiated: ${
                keystr(path, "kwargs")
              }; pass it by position`,
            );
          }
          const where = `filterCustomJvp(${name}).defJvp`;
          const [out, tangentOut] = pairOf(own(xs, ts, kwargs), where, "out, tangentOut");
          const [arrays, def] = outputArrays(out, name, "out");
          checkOutputs(arrays, def, outAvals, outDef!, name);
          return [arrays, outputTangents(tangentOut, arrays, def, name)] as const;
        },
        "filterCustomJvp",
        [fn, own, treedef, ...staticParts(leaves)],
      ),
      name,
      split.arrays,
    );
    return unflatten(outDef!, outs);
  };
  Object.defineProperty(call, "name", { value: name });
  return Object.assign(call, {
    defJvp: (r: JvpRuleFunction): void => {
      rule = checkRule(r, `filterCustomJvp(${name}).defJvp`);
    },
  }) as CustomJvp<A, R>;
}
