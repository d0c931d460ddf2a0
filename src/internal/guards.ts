/**
 * Identities that make sure that a value is not differentiated, batched or transformed at all.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { bind1, Tracer } from "../core/trace.ts";
import {
  nonbatchableP,
  nondifferentiableBackwardP,
  nondifferentiableP,
  nontraceableP,
} from "../control/guards.ts";
import { errorIf, type ErrorIfOptions } from "../filter/error_if.ts";
import { isArrayLeaf, splitLeaves } from "../filter/leaves.ts";
import { literal } from "../ops/common.ts";
import { not } from "../ops/logic.ts";
import { flatten, unflatten } from "../tree/flatten.ts";

/** Options of the identities. */
export interface GuardOptions {
  /** What is called by that name in the message: `name cannot be …`. */
  readonly name?: string;
  /** The whole message. */
  readonly message?: string;
}

/** Applies `fn` to each array of a tree. */
function mapArrays<T>(tree: T, fn: (x: NDArray) => NDArray, where: string): T {
  const [leaves, def] = flatten(tree);
  const split = splitLeaves(leaves, isArrayLeaf, where);
  return unflatten(def, split.fill(split.arrays.map(fn))) as T;
}

/**
 * The identity, which throws if an array of `x` is differentiated, in either mode.
 *
 * @param x Any tree.
 * @throws {DifferentiationError} While differentiating.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 * import { nondifferentiable } from "@vernal/vernal/internal";
 *
 * const f = (x: vn.NDArray) => nondifferentiable(x, { name: "the step size" }).mul(2);
 * f(vn.numpy.array(2)).item(); // 4; vn.grad(f) throws
 * ```
 */
export function nondifferentiable<T>(x: T, options: GuardOptions = {}): T {
  const { name = "This operation" } = options;
  const message = options.message ?? `Unexpected tangent. ${name} cannot be autodifferentiated.`;
  return mapArrays(x, (a) => bind1(nondifferentiableP, [a], { message }), "nondifferentiable");
}

/**
 * The identity, which throws if an array of `x` is differentiated in reverse mode. Forward mode passes.
 *
 * @param x Any tree.
 * @param options `symbolic`: whether a cotangent is refused while tracing, whatever it is (true unless told); otherwise one that is not zero is, at run time.
 * @throws {DifferentiationError} While tracing, or, where `symbolic` is false, `RuntimeCheckError` when it runs.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 * import { nondifferentiableBackward } from "@vernal/vernal/internal";
 *
 * const f = (x: vn.NDArray) => nondifferentiableBackward(x).mul(2);
 * vn.jvp(f, [vn.numpy.array(1)], [vn.numpy.array(1)])[1].item(); // 2; vn.grad(f) throws
 * ```
 */
export function nondifferentiableBackward<T>(
  x: T,
  options: GuardOptions & { readonly symbolic?: boolean } = {},
): T {
  const { name = "This operation", symbolic = true } = options;
  const message = options.message ??
    `Unexpected cotangent. ${name} cannot be reverse-mode autodifferentiated.`;
  return mapArrays(
    x,
    (a) => bind1(nondifferentiableBackwardP, [a], { message, symbolic }),
    "nondifferentiableBackward",
  );
}

/**
 * The identity, which throws if an array of `x` is differentiated, transposed or batched.
 *
 * @param x Any tree.
 * @param options `name`: what the message calls it.
 * @throws {TracerError} While transforming.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 * import { nontraceable } from "@vernal/vernal/internal";
 *
 * vn.filterJit((x: vn.NDArray) => nontraceable(x))(vn.numpy.array(1)).item(); // 1: compiling is no transformation
 * ```
 */
export function nontraceable<T>(x: T, options: { readonly name?: string } = {}): T {
  const { name = "nontraceable operation" } = options;
  return mapArrays(x, (a) => bind1(nontraceableP, [a], { name }), "nontraceable");
}

/**
 * The identity, which throws if an array of `x` has a mapped axis.
 *
 * @param x Any tree.
 * @param options `allowConstantAcrossBatch`: whether an axis is let through, and dropped, along which nothing changes; that is checked at run time.
 * @throws {TracerError} While batching, or, for values that should not change, `RuntimeCheckError` when it runs.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 * import { nonbatchable } from "@vernal/vernal/internal";
 *
 * const f = (x: vn.NDArray, step: vn.NDArray) => x.mul(nonbatchable(step));
 * vn.vmap(f, { inAxes: [0, null] })(vn.numpy.ones([3]), vn.numpy.array(2)).tolist(); // [2, 2, 2]
 * ```
 */
export function nonbatchable<T>(
  x: T,
  options: GuardOptions & { readonly allowConstantAcrossBatch?: boolean } = {},
): T {
  const { name = "This operation", allowConstantAcrossBatch = false } = options;
  const message = options.message ??
    (allowConstantAcrossBatch
      ? `Nonconstant batch. ${name} has received a batch of values that were expected to be constant.`
      : `Unexpected batch tracer. ${name} cannot be vmapped.`);
  return mapArrays(
    x,
    (a) => bind1(nonbatchableP, [a], { message, allowConstantAcrossBatch }),
    "nonbatchable",
  );
}

/** Whether operations are being written down, as inside of a compiled function, though all their operands are known. */
export function isStaging(): boolean {
  return not(literal(false, "bool")) instanceof Tracer;
}

/**
 * Asserts that what is computed of the result is never used: the identity, which throws at run time if it is there still.
 * Where nothing is compiled, nothing is dropped, and it checks nothing.
 *
 * @param x Any tree with an array.
 * @param message What the error says.
 * @throws {RuntimeCheckError} When the compiled function runs.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 * import { assertDce } from "@vernal/vernal/internal";
 *
 * const f = vn.filterJit((x: vn.NDArray) => {
 *   assertDce(vn.numpy.exp(x), "the exponential is computed");
 *   return x;
 * });
 * f(vn.numpy.array(1)).item(); // 1
 * ```
 */
export function assertDce<T>(x: T, message: string, options: ErrorIfOptions = {}): T {
  const always = not(literal(false, "bool"));
  return always instanceof Tracer ? errorIf(x, always, message, options) : x;
}
