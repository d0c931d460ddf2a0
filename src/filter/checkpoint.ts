/**
 * `filterCheckpoint`: residuals that are computed again instead of being kept.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import { checkpointCall } from "../control/checkpoint.ts";
import type { CheckpointPolicy } from "../transform/rematerialise.ts";
import { flatten, leafPaths, unflatten } from "../tree/flatten.ts";
import type { TreeDef } from "../tree/treedef.ts";
import { callPath } from "./jit_entry.ts";
import { isArrayLeaf, splitLeaves } from "./leaves.ts";
import { invoke, transform, type Transformation } from "./wrapper.ts";
import { checkOptions } from "../tree/kwargs.ts";

/** Options of {@linkcode filterCheckpoint} and {@linkcode checkpoint}. */
export interface CheckpointOptions {
  /**
   * Whether the recomputation is kept apart from the computation that it repeats, so that equal parts are not merged again; `true` unless given.
   * `false` costs less inside of a loop's body, where forward and backward pass are programs of their own.
   */
  readonly preventCse?: boolean;
  /** Which residuals may be kept; see {@linkcode checkpointPolicies}. None unless given. */
  readonly policy?: CheckpointPolicy | null;
}

/** Checks the options of a checkpoint. */
export function readCheckpointOptions(
  caller: string,
  options: object,
): readonly [preventCse: boolean, policy: CheckpointPolicy | null] {
  checkOptions(caller, options, ["preventCse", "policy"]);
  const { preventCse = true, policy = null } = options as CheckpointOptions;
  if (policy !== null && typeof policy !== "function") {
    throw new ArgumentError(
      `${caller}: policy must be a function of a primitive, its operands' avals and its parameters, such as checkpointPolicies.dotsSaveable; got ${
        typeof policy === "object" ? "an object" : String(policy)
      }`,
    );
  }
  if (typeof preventCse !== "boolean") {
    throw new ArgumentError(
      `${caller}: preventCse must be true or false; got ${String(preventCse)}`,
    );
  }
  return [preventCse, policy];
}

/** Calls `fun` as a checkpoint, on a tree of arguments: arrays are the region's inputs, all else is static. */
export function callCheckpointed(
  fun: unknown,
  args: readonly unknown[],
  [preventCse, policy]: readonly [preventCse: boolean, policy: CheckpointPolicy | null],
  caller: string,
): unknown {
  const [leaves, treedef] = flatten([fun, args]);
  const split = splitLeaves(leaves, isArrayLeaf, caller);
  const paths = leafPaths(treedef).filter((_, i) => isArrayLeaf(leaves[i])).map(callPath);
  let outDef: TreeDef | null = null;
  let outLeaves: unknown[] = [];
  const outs = checkpointCall(
    (inputs) => {
      const [f, xs] = unflatten(treedef, split.fill(inputs)) as [unknown, unknown[]];
      const [values, def] = flatten(invoke(f, xs));
      outDef = def;
      outLeaves = values;
      return splitLeaves(values, isArrayLeaf, `${caller}: output`).arrays;
    },
    split.arrays,
    paths,
    policy,
    preventCse,
  );
  let next = 0;
  return unflatten(outDef!, outLeaves.map((leaf) => isArrayLeaf(leaf) ? outs[next++] : leaf));
}

const checkpointT: Transformation = {
  name: "filterCheckpoint",
  call: (fun, options, args) =>
    callCheckpointed(
      fun,
      args,
      options as readonly [boolean, CheckpointPolicy | null],
      "filterCheckpoint",
    ),
};

/**
 * The same function, whose derivative keeps its inputs and computes the rest of what it needs again, when it needs it: memory for time.
 *
 * Reverse mode usually keeps every intermediate value until the backward pass comes to it. Within a checkpoint it keeps the inputs (values that
 * `fun` closes over among them) and what `policy` allows. A chain of n checkpointed blocks so holds n inputs and the values of one block.
 * Results are the same, and without differentiation nothing changes. `fun` is traced once per call, also under `filterGrad`.
 *
 * Arguments, results and `fun` itself may be any trees: leaves that are no arrays are static. Written after Equinox's `filter_checkpoint`.
 *
 * @param fun A function, class, or Module with `call`, whose arrays are differentiated too.
 * @param options `policy` tells which residuals are kept; `preventCse` keeps the recomputation apart.
 * @throws {ArgumentError} For an unknown option, or a policy that is no function.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const block = vn.filterCheckpoint((x: vn.NDArray) => vn.numpy.sin(vn.numpy.sin(x)));
 * const grad = vn.filterGrad((x: vn.NDArray) => block(block(x)).sum());
 * grad(vn.numpy.array([1, 2, 3])).shape; // [3]
 * ```
 */
export function filterCheckpoint<F extends (...args: never[]) => unknown>(
  fun: F,
  options?: CheckpointOptions,
): F;
/** As above, for a class. */
export function filterCheckpoint<A extends unknown[], R>(
  fun: new (...args: A) => R,
  options?: CheckpointOptions,
): (...args: A) => R;
/** As above, for a Module. */
export function filterCheckpoint<A extends unknown[], R>(
  fun: { call(...args: A): R },
  options?: CheckpointOptions,
): (...args: A) => R;
/** As above, as a decorator to be. */
export function filterCheckpoint(
  options: CheckpointOptions,
  // deno-lint-ignore no-explicit-any -- a decorator keeps the type of any function
): <F extends (...args: any[]) => unknown>(fun: F, context?: unknown) => F;
/** As above, as a method decorator. */
export function filterCheckpoint<F extends (...args: never[]) => unknown>(
  method: F,
  context: ClassMethodDecoratorContext,
): F;
export function filterCheckpoint(fun: unknown, options?: unknown): unknown {
  const read = (given: object) => readCheckpointOptions("filterCheckpoint", given);
  return transform(checkpointT, read, fun, options);
}
