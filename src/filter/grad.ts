/**
 * `filterGrad` and `filterValueAndGrad`.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { type Tangent, Zero } from "../core/primitive.ts";
import { literal } from "../ops/common.ts";
import { instantiate } from "../ops/shape.ts";
import { applyTranspose, linearizeFlat } from "../transform/linearize.ts";
import { flatten, unflatten } from "../tree/flatten.ts";
import { checkOptions, isKwargs } from "../tree/kwargs.ts";
import { checkInputs, checkOutput, type HolomorphicOptions } from "./holomorphic.ts";
import { describeValue, isArrayLeaf, isInexactLeaf, splitLeaves, toNDArray } from "./leaves.ts";
import type { Grad } from "./types.ts";
import { invoke, transform, type Transformation } from "./wrapper.ts";

/** Options of {@linkcode filterGrad} and {@linkcode filterValueAndGrad}. */
export interface GradOptions extends HolomorphicOptions {
  /** Whether the function returns a pair, of which only the first is differentiated. */
  readonly hasAux?: boolean;
  /** Taken as `jax.grad` takes it, and without effect: integers may always be there, and have the gradient `null`. */
  readonly allowInt?: boolean;
}

interface Differentiated {
  readonly value: unknown;
  readonly aux: unknown;
  readonly grads: unknown;
}

function differentiate(
  name: string,
  fun: unknown,
  hasAux: boolean,
  holomorphic: boolean,
  args: unknown[],
): Differentiated {
  if (args.length === 0) {
    throw new ArgumentError(
      `${name}: functions wrapped with it must be called with at least one positional argument, which is the one differentiated`,
    );
  }
  if (isKwargs(args[0])) {
    throw new ArgumentError(
      `${name}: the first argument must be passed by position, not in kwargs: it is the one differentiated`,
    );
  }
  const [leaves, treedef] = flatten(args[0]);
  const split = splitLeaves(leaves, isInexactLeaf, `${name}: args[0]`);
  checkInputs(name, split.arrays, holomorphic, "reverse");
  const rest = args.slice(1);

  let hostValue: unknown;
  let fillAux: (arrays: readonly NDArray[]) => unknown = () => undefined;
  const lin = linearizeFlat((xs) => {
    const out = invoke(fun, [unflatten(treedef, split.fill(xs)), ...rest]);
    let value = out;
    const auxArrays: NDArray[] = [];
    if (hasAux) {
      if (!Array.isArray(out) || out.length !== 2) {
        throw new ArgumentError(
          `${name}: with hasAux the function must return a pair [value, aux]; got ${
            describeValue(out)
          }`,
        );
      }
      value = out[0];
      const [auxLeaves, auxDef] = flatten(out[1]);
      const auxSplit = splitLeaves(auxLeaves, isArrayLeaf, `${name}: aux`);
      auxArrays.push(...auxSplit.arrays);
      fillAux = (arrays) => unflatten(auxDef, auxSplit.fill(arrays));
    }
    hostValue = value;
    return [scalarOutput(name, value, holomorphic), ...auxArrays];
  }, split.arrays);

  const [value, ...auxArrays] = lin.outs;
  const cts: Tangent[] = lin.outs.map((x, i) => i === 0 ? literal(1, x.dtype) : new Zero(x.aval));
  const grads = applyTranspose(lin, cts).map(instantiate);
  const gradLeaves = leaves.map((): unknown => null);
  let next = 0;
  leaves.forEach((leaf, i) => {
    if (isInexactLeaf(leaf)) gradLeaves[i] = grads[next++];
  });
  return {
    value: typeof hostValue === "number" ? hostValue : value,
    aux: fillAux(auxArrays),
    grads: unflatten(treedef, gradLeaves),
  };
}

/** The function's value as an array, checked to be a scalar that can be differentiated. */
function scalarOutput(name: string, value: unknown, holomorphic: boolean): NDArray {
  if (typeof value === "number" && !holomorphic) return literal(value, "float32", true);
  if (!isArrayLeaf(value)) {
    throw new ShapeError(
      `${name}: gradients are defined for functions that return a scalar array; the output was ${
        describeValue(value)
      }`,
    );
  }
  const x = toNDArray(value, `${name}: output`);
  if (x.ndim !== 0) {
    throw new ShapeError(
      `${name}: gradients are only defined for functions that return a scalar; the output had shape [${x.shape}]. Reduce ` +
        "it, for example with numpy.sum or numpy.mean, or use filterJacrev",
    );
  }
  checkOutput(name, x, holomorphic);
  return x;
}

const gradT: Transformation = {
  name: "filterGrad",
  call: (fun, options, args) => {
    const [hasAux, holomorphic] = options as boolean[];
    const { aux, grads } = differentiate("filterGrad", fun, hasAux, holomorphic, args);
    return hasAux ? [grads, aux] : grads;
  },
};

const valueAndGradT: Transformation = {
  name: "filterValueAndGrad",
  call: (fun, options, args) => {
    const [hasAux, holomorphic] = options as boolean[];
    const { value, aux, grads } = differentiate(
      "filterValueAndGrad",
      fun,
      hasAux,
      holomorphic,
      args,
    );
    return hasAux ? [[value, aux], grads] : [value, grads];
  },
};

function readOptions(name: string): (options: object) => readonly unknown[] {
  return (options) => {
    if ("argnums" in options) {
      throw new ArgumentError(
        `${name}: argnums is not an option: the first argument is differentiated. To differentiate several objects, put ` +
          "them into one array and pass that as the first argument",
      );
    }
    checkOptions(name, options, ["hasAux", "holomorphic", "allowInt"]);
    const { hasAux = false, holomorphic = false } = options as GradOptions;
    return [hasAux, holomorphic];
  };
}

/**
 * A function that computes the gradient of `fun`.
 *
 * The gradient is taken with respect to the floating-point arrays in the first argument, which may be any tree; all other leaves,
 * and all other arguments, are left alone. Written after Equinox's `filter_grad`.
 *
 * @param fun A function, or Module with `call`, that returns a 0-d floating array (or with `hasAux` a pair of it
 * and anything).
 * @returns A function of the same arguments. It gives a tree like the first argument, with gradients for floating arrays
 * and `null` for other leaves; with `hasAux`, `[gradient, aux]`.
 * @throws {ShapeError} Where the output is not a scalar.
 * @throws {DTypeError} Where the output is not floating.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const x = vn.numpy.array([1, 2, 3]);
 * const g = vn.filterGrad((x: vn.NDArray) => x.mul(x).sum())(x);
 * g.tolist(); // [2, 4, 6]
 * ```
 */
export function filterGrad<M, A extends unknown[], X>(
  fun: (x: M, ...args: A) => readonly [NDArray, X],
  options: GradOptions & { readonly hasAux: true },
): (x: M, ...args: A) => [Grad<M>, X];
/** As above, without `aux`. */
export function filterGrad<M, A extends unknown[]>(
  fun: (x: M, ...args: A) => NDArray | number,
  options?: GradOptions,
): (x: M, ...args: A) => Grad<M>;
/** As above, for a Module. */
export function filterGrad<M, A extends unknown[]>(
  fun: { call(x: M, ...args: A): NDArray | number },
  options?: GradOptions,
): (x: M, ...args: A) => Grad<M>;
/** As above, as a decorator to be. */
export function filterGrad(
  options: GradOptions,
  // deno-lint-ignore no-explicit-any -- a decorator takes any function
): (fun: any, context?: any) => any;
/** As above, as a method decorator. */
export function filterGrad(
  // deno-lint-ignore no-explicit-any -- a decorator takes any method
  method: any,
  context: ClassMethodDecoratorContext,
  // deno-lint-ignore no-explicit-any -- see above
): any;
export function filterGrad(fun: unknown, options?: unknown): unknown {
  return transform(gradT, readOptions("filterGrad"), fun, options);
}

/**
 * A function that computes both `fun` and its gradient; see {@linkcode filterGrad}.
 *
 * @returns A function of the same arguments that gives `[value, gradient]`, or with `hasAux`
 * `[[value, aux], gradient]`.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const x = vn.numpy.array([1, 2, 3]);
 * const [value, g] = vn.filterValueAndGrad((x: vn.NDArray) => x.mul(x).sum())(x);
 * value.item(); // 14
 * ```
 */
export function filterValueAndGrad<M, A extends unknown[], X>(
  fun: (x: M, ...args: A) => readonly [NDArray, X],
  options: GradOptions & { readonly hasAux: true },
): (x: M, ...args: A) => [[NDArray, X], Grad<M>];
/** As above, without `aux`. */
export function filterValueAndGrad<M, A extends unknown[]>(
  fun: (x: M, ...args: A) => NDArray,
  options?: GradOptions,
): (x: M, ...args: A) => [NDArray, Grad<M>];
/** As above, for a Module. */
export function filterValueAndGrad<M, A extends unknown[]>(
  fun: { call(x: M, ...args: A): NDArray },
  options?: GradOptions,
): (x: M, ...args: A) => [NDArray, Grad<M>];
/** As above, as a decorator to be. */
export function filterValueAndGrad(
  options: GradOptions,
  // deno-lint-ignore no-explicit-any -- a decorator takes any function
): (fun: any, context?: any) => any;
/** As above, as a method decorator. */
export function filterValueAndGrad(
  // deno-lint-ignore no-explicit-any -- a decorator takes any method
  method: any,
  context: ClassMethodDecoratorContext,
  // deno-lint-ignore no-explicit-any -- see above
): any;
export function filterValueAndGrad(fun: unknown, options?: unknown): unknown {
  return transform(valueAndGradT, readOptions("filterValueAndGrad"), fun, options);
}
