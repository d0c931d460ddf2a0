/**
 * `filterJacfwd`, `filterJacrev`, `filterHessian`.
 *
 * @module
 */
import { ArgumentError, DTypeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatAval } from "../core/aval.ts";
import { isInexact } from "../core/dtype.ts";
import { literal } from "../ops/common.ts";
import { instantiate } from "../ops/shape.ts";
import { forwardColumns, reverseRows } from "../transform/jacobian.ts";
import {
  applyLinear,
  applyTranspose,
  type Linearized,
  linearizeFlat,
} from "../transform/linearize.ts";
import { flatten, leafPaths, unflatten } from "../tree/flatten.ts";
import { checkOptions, isKwargs } from "../tree/kwargs.ts";
import { keystr } from "../tree/path.ts";
import { checkInputs, checkOutput, type HolomorphicOptions } from "./holomorphic.ts";
import { describeValue, isArrayLeaf, isInexactLeaf, splitLeaves, toNDArray } from "./leaves.ts";
import type { AnyTree } from "./types.ts";
import { checkCallable, invoke, transform, type Transformation } from "./wrapper.ts";

/** Options of the jacobians. */
export interface FilterJacobianOptions extends HolomorphicOptions {
  /** Whether the function returns a pair, of which only the first is differentiated. */
  readonly hasAux?: boolean;
}

/** What is differentiated, and what of it may be complex. */
interface Request {
  readonly name: string;
  readonly mode: "forward" | "reverse";
  readonly holomorphic: boolean;
}

/** Blocks `[output][input]`, each of shape `out.shape + in.shape`, by pushing every input direction forward. */
function forwardBlocks(lin: Linearized, inputs: readonly NDArray[], count: number): NDArray[][] {
  const columns = forwardColumns(
    (tangents) => applyLinear(lin, tangents.map(instantiate)).slice(0, count),
    inputs,
  );
  return Array.from({ length: count }, (_, o) => columns.map((column) => column[o]));
}

/** The same blocks, by pulling every output direction back. */
function reverseBlocks(
  lin: Linearized,
  count: number,
  { name, holomorphic }: Request,
  paths: readonly string[],
): NDArray[][] {
  lin.outs.slice(0, count).forEach((out, o) => {
    if (!isInexact(out.dtype)) {
      throw new DTypeError(
        `${name}: outputs must be floating; ${paths[o]} is ${
          formatAval(out.aval)
        }. filterJacfwd gives zeros for it`,
      );
    }
    checkOutput(name, out, holomorphic);
  });
  return reverseRows((cts) => applyTranspose(lin, cts), lin.outs, count);
}

function jacobianCall(
  request: Request,
  fun: unknown,
  hasAux: boolean,
  args: unknown[],
): unknown {
  const { name } = request;
  if (args.length === 0 || isKwargs(args[0])) {
    throw new ArgumentError(
      `${name}: the first argument must be passed by position: it is the one differentiated`,
    );
  }
  const [leaves, inDef] = flatten(args[0]);
  const split = splitLeaves(leaves, isInexactLeaf, `${name}: args[0]`);
  checkInputs(name, split.arrays, request.holomorphic, request.mode);
  let rebuild: (leaves: unknown[]) => unknown = () => undefined;
  let fillAux: (arrays: NDArray[]) => unknown = () => undefined;
  let outPaths: readonly string[] = [];
  let count = 0;
  const lin = linearizeFlat((xs) => {
    let out = invoke(fun, [unflatten(inDef, split.fill(xs)), ...args.slice(1)]);
    const auxArrays: NDArray[] = [];
    if (hasAux) {
      if (!Array.isArray(out) || out.length !== 2) {
        throw new ArgumentError(
          `${name}: with hasAux the function must return a pair [out, aux]; got ${
            describeValue(out)
          }`,
        );
      }
      const [auxLeaves, auxDef] = flatten(out[1]);
      const auxSplit = splitLeaves(auxLeaves, isArrayLeaf, `${name}: aux`);
      auxArrays.push(...auxSplit.arrays);
      fillAux = (arrays) => unflatten(auxDef, auxSplit.fill(arrays));
      out = out[0];
    }
    const [values, outDef] = flatten(out);
    outPaths = leafPaths(outDef).map((path) => keystr(path, "output"));
    const arrays = values.map((v, i) => {
      if (isArrayLeaf(v)) return toNDArray(v, `${name}: output`);
      if (typeof v === "number") return literal(v, "float32", true);
      throw new ArgumentError(
        `${name}: every output must be an array or a number; ${outPaths[i]} is ${
          describeValue(v)
        }. Return it as aux`,
      );
    });
    count = arrays.length;
    rebuild = (parts) => unflatten(outDef, parts);
    return [...arrays, ...auxArrays];
  }, split.arrays);
  const blocks = request.mode === "forward"
    ? forwardBlocks(lin, split.arrays, count)
    : reverseBlocks(lin, count, request, outPaths);
  const jacobian = rebuild(blocks.map((row) => {
    const inner: unknown[] = leaves.map(() => null);
    let next = 0;
    leaves.forEach((leaf, i) => {
      if (isInexactLeaf(leaf)) inner[i] = row[next++];
    });
    return unflatten(inDef, inner);
  }));
  return hasAux ? [jacobian, fillAux(lin.outs.slice(count))] : jacobian;
}

/** `name` is that of the public function, which for its halves is `filterHessian`. */
function jacobianT(name: string, mode: Request["mode"]): Transformation {
  return {
    name,
    call: (fun, options, args) => {
      const [hasAux, holomorphic] = options as boolean[];
      return jacobianCall({ name, mode, holomorphic }, fun, hasAux, args);
    },
  };
}

const jacfwdT = jacobianT("filterJacfwd", "forward");
const jacrevT = jacobianT("filterJacrev", "reverse");
const hessianOuterT = jacobianT("filterHessian", "forward");
const hessianInnerT = jacobianT("filterHessian", "reverse");

function makeJacobian(
  transformation: Transformation,
  fun: unknown,
  options: FilterJacobianOptions | boolean | ClassMethodDecoratorContext,
): unknown {
  checkCallable(fun, transformation.name);
  return transform(
    transformation,
    (own) => readOptions(transformation.name, own),
    fun,
    typeof options === "boolean" ? { hasAux: options } : options,
  );
}

function readOptions(name: string, options: FilterJacobianOptions): boolean[] {
  checkOptions(name, options, ["hasAux", "holomorphic"]);
  return [options.hasAux ?? false, options.holomorphic ?? false];
}

/** A tree of trees of arrays. */
export type Jacobian = AnyTree;

/** A function, or a Module with `call`, whose first argument is differentiated. */
export type Differentiable<A extends unknown[]> = ((...args: A) => unknown) | {
  call(...args: A): unknown;
};

/**
 * A function that computes the jacobian by forward mode: cheap where there are few inputs.
 *
 * It is taken with respect to the floating arrays in the first argument. The result has the structure of the output, and in place of every array
 * the structure of the argument: arrays of shape `out.shape + in.shape`, `null` for leaves that are no floating arrays. Written after Equinox's `filter_jacfwd`.
 *
 * @param fun Its outputs must be arrays or numbers; with `hasAux` it returns a pair `[out, aux]`, `aux` anything.
 * @returns A function of the same arguments that gives the jacobian, or `[jacobian, aux]`.
 * @throws {ArgumentError} Where an output is neither an array nor a number.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const square = (x: vn.NDArray) => x.mul(x);
 * vn.filterJacfwd(square)(vn.numpy.array([1, 2])).tolist(); // [[2, 0], [0, 4]]
 * ```
 */
export function filterJacfwd<A extends unknown[]>(
  fun: Differentiable<A>,
  options?: FilterJacobianOptions | boolean,
): (...args: A) => Jacobian;
/** As above, as a method decorator: the instance is differentiated. */
export function filterJacfwd(
  // deno-lint-ignore no-explicit-any -- a decorator takes any method
  method: any,
  context: ClassMethodDecoratorContext,
  // deno-lint-ignore no-explicit-any -- see above
): any;
export function filterJacfwd(
  fun: unknown,
  options: FilterJacobianOptions | boolean | ClassMethodDecoratorContext = {},
): unknown {
  return makeJacobian(jacfwdT, fun, options);
}

/**
 * A function that computes the jacobian by reverse mode: cheap where there are few outputs. See {@linkcode filterJacfwd}; outputs must be floating.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const square = (x: vn.NDArray) => x.mul(x);
 * vn.filterJacrev(square)(vn.numpy.array([1, 2])).tolist(); // [[2, 0], [0, 4]]
 * ```
 */
export function filterJacrev<A extends unknown[]>(
  fun: Differentiable<A>,
  options?: FilterJacobianOptions | boolean,
): (...args: A) => Jacobian;
/** As above, as a method decorator: the instance is differentiated. */
export function filterJacrev(
  // deno-lint-ignore no-explicit-any -- a decorator takes any method
  method: any,
  context: ClassMethodDecoratorContext,
  // deno-lint-ignore no-explicit-any -- see above
): any;
export function filterJacrev(
  fun: unknown,
  options: FilterJacobianOptions | boolean | ClassMethodDecoratorContext = {},
): unknown {
  return makeJacobian(jacrevT, fun, options);
}

/**
 * A function that computes second derivatives: forward mode over reverse mode. The result nests the argument's structure in itself.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const cubes = (x: vn.NDArray) => x.pow(3).sum();
 * vn.filterHessian(cubes)(vn.numpy.array([1, 2])).tolist(); // [[6, 0], [0, 12]]
 * ```
 */
export function filterHessian<A extends unknown[]>(
  fun: Differentiable<A>,
  options?: FilterJacobianOptions | boolean,
): (...args: A) => Jacobian;
/** As above, as a method decorator: the instance is differentiated. */
export function filterHessian(
  // deno-lint-ignore no-explicit-any -- a decorator takes any method
  method: any,
  context: ClassMethodDecoratorContext,
  // deno-lint-ignore no-explicit-any -- see above
): any;
export function filterHessian(
  fun: unknown,
  options: FilterJacobianOptions | boolean | ClassMethodDecoratorContext = {},
): unknown {
  const inner = makeJacobian(hessianInnerT, fun, options);
  return makeJacobian(hessianOuterT, inner, options);
}
