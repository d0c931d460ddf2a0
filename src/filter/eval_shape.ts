/**
 * `filterEvalShape` and `filterMakeJaxpr`: tracing without computing.
 *
 * @module
 */
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import { stage } from "../transform/stage.ts";
import { flatten, leafPaths, unflatten } from "../tree/flatten.ts";
import { keystr, type Path } from "../tree/path.ts";
import type { TreeDef } from "../tree/treedef.ts";
import { callPath } from "./jit_entry.ts";
import { isArrayLeaf, splitLeaves, toNDArray } from "./leaves.ts";
import { ShapeDtypeStruct, structOf, type Structs } from "./struct.ts";
import { checkCallable, invoke, transform, type Transformation } from "./wrapper.ts";
import { checkOptions } from "../tree/kwargs.ts";

/** Whether a leaf has shape and dtype: an array or a struct. */
function isAbstractable(x: unknown): boolean {
  return isArrayLeaf(x) || x instanceof ShapeDtypeStruct;
}

interface Traced {
  readonly closed: ClosedJaxpr;
  readonly outDef: TreeDef;
  readonly outLeaves: readonly unknown[];
}

/** Traces `fn` on a tree whose arrays and structs are abstract. */
function traceTree(
  tree: unknown,
  nameOf: (path: Path) => string,
  fn: (tree: unknown) => unknown,
): Traced {
  const [leaves, treedef] = flatten(tree);
  const places = leaves.flatMap((leaf, i) => isAbstractable(leaf) ? [i] : []);
  const paths = leafPaths(treedef);
  const avals = places.map((i) => {
    const leaf = leaves[i];
    return leaf instanceof ShapeDtypeStruct
      ? leaf.aval
      : toNDArray(leaf as never, nameOf(paths[i])).aval;
  });
  let outDef: TreeDef | null = null;
  let outLeaves: unknown[] = [];
  const closed = stage(
    (inputs) => {
      const filled = [...leaves];
      places.forEach((place, i) => filled[place] = inputs[i]);
      const [values, def] = flatten(fn(unflatten(treedef, filled)));
      outDef = def;
      outLeaves = values;
      return splitLeaves(values, isArrayLeaf, "output").arrays;
    },
    avals,
    places.map((i) => nameOf(paths[i])),
  );
  return { closed, outDef: outDef!, outLeaves };
}

/**
 * The shapes and dtypes of what a function would return; nothing is computed and no memory is taken.
 *
 * @param fun A function, class, or Module (whose arrays are abstract too).
 * @param args Its arguments: arrays and `ShapeDtypeStruct`s are abstract, other leaves are passed as they are.
 * @returns The output, with a `ShapeDtypeStruct` for every array; other leaves as the function returned them.
 * @throws {TracerError} Where the function needs elements.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const huge = new vn.ShapeDtypeStruct([1_000_000, 1_000_000], "float32");
 * vn.filterEvalShape((x: vn.NDArray) => x.sum(1), huge).shape; // [1000000]
 * ```
 */
export function filterEvalShape<R>(fun: (...args: never[]) => R, ...args: unknown[]): Structs<R>;
/** As above, for a class: the skeleton of what it would construct. */
export function filterEvalShape<R>(
  fun: new (...args: never[]) => R,
  ...args: unknown[]
): Structs<R>;
/** As above, for a Module. */
export function filterEvalShape<R>(
  fun: { call(...args: never[]): R },
  ...args: unknown[]
): Structs<R>;
export function filterEvalShape(fun: unknown, ...args: unknown[]): unknown {
  checkCallable(fun, "filterEvalShape");
  const { outDef, outLeaves } = traceTree([fun, args], callPath, (tree) => {
    const [f, xs] = tree as [unknown, unknown[]];
    return invoke(f, xs);
  });
  return unflatten(
    outDef,
    outLeaves.map((leaf) => isArrayLeaf(leaf) ? structOf(toNDArray(leaf, "output").aval) : leaf),
  );
}

const makeJaxprT: Transformation = {
  name: "filterMakeJaxpr",
  call: (fun, _options, args) => {
    const { closed, outDef, outLeaves } = traceTree(
      args,
      (path) => keystr(path, "args"),
      (xs) => invoke(fun, xs as unknown[]),
    );
    const isArray = outLeaves.map(isArrayLeaf);
    let next = 0;
    const structs = outLeaves.map((_, i) => isArray[i] ? structOf(closed.outAvals[next++]) : null);
    const statics = outLeaves.map((leaf, i) => isArray[i] ? null : leaf);
    return [closed, unflatten(outDef, structs), unflatten(outDef, statics)];
  },
};

/** As below, as a method decorator. */
export function filterMakeJaxpr(
  // deno-lint-ignore no-explicit-any -- a decorator takes any method
  method: any,
  // deno-lint-ignore no-explicit-any -- see above
  context: ClassMethodDecoratorContext<any, any>,
  // deno-lint-ignore no-explicit-any -- see above
): any;
/**
 * A function that gives the jaxpr of `fun` at some arguments.
 *
 * Arrays and `ShapeDtypeStruct`s in the arguments become the jaxpr's inputs, in leaf order; all else is static. Arrays that
 * `fun` closes over, or holds if it is a Module, are the jaxpr's constants: the very objects.
 *
 * @returns A function of the same arguments that gives `[closedJaxpr, outStructs, outStatic]`: the output's arrays as structs,
 * and its other leaves, each with `null` in the other's places.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const x = new vn.ShapeDtypeStruct([3], "float32");
 * const [jaxpr] = vn.filterMakeJaxpr((x: vn.NDArray) => x.mul(2))(x);
 * String(jaxpr); // { lambda ; a:f32[3]. let b:f32[3] = mul a 2.0:f32[] in (b,) }
 * ```
 */
export function filterMakeJaxpr<A extends unknown[], R>(
  fun: ((...args: A) => R) | { call(...args: A): R },
): (...args: { [K in keyof A]: A[K] | ShapeDtypeStruct }) => [ClosedJaxpr, Structs<R>, unknown];
export function filterMakeJaxpr(fun: unknown, context?: unknown): unknown {
  checkCallable(fun, "filterMakeJaxpr");
  return transform(makeJaxprT, noOptions, fun, context);
}

function noOptions(options: object): readonly unknown[] {
  checkOptions("filterMakeJaxpr", options, []);
  return [];
}
