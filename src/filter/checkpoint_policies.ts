/**
 * `checkpointPolicies` and `checkpointName`: what a checkpoint keeps.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { asArray } from "../numpy/promote.ts";
import { named } from "../ops/barrier.ts";
import type { DimensionNumbers } from "../ops/dot.ts";
import type { CheckpointPolicy, Offloadable, Saving } from "../transform/rematerialise.ts";
import { keyed } from "../tree/keyed.ts";

function checkNames(caller: string, names: readonly unknown[]): readonly string[] {
  names.forEach((name, i) => {
    if (typeof name !== "string") {
      throw new ArgumentError(
        `checkpointPolicies.${caller}: args[${i}]: expected a name as checkpointName takes it; got ${
          String(name)
        }`,
      );
    }
  });
  return names as readonly string[];
}

/** A policy that looks at named values only. */
function byName(
  caller: string,
  names: readonly unknown[],
  say: (isListed: boolean) => Saving,
  others: boolean,
): CheckpointPolicy {
  const listed = new Set(checkNames(caller, names));
  const policy: CheckpointPolicy = (primitive, _operands, params) =>
    primitive.name === "name" ? say(listed.has(params.name as string)) : others;
  return keyed(policy, caller, [...listed].sort());
}

const isDot = (name: string) => name === "dot_general" || name === "conv_general_dilated";

const everythingSaveable: CheckpointPolicy = () => true;

const nothingSaveable: CheckpointPolicy = () => false;

const dotsSaveable: CheckpointPolicy = (primitive) => isDot(primitive.name);

const dotsWithNoBatchDimsSaveable: CheckpointPolicy = (primitive, _operands, params) => {
  if (primitive.name !== "dot_general") return false;
  const [, [lhsBatch, rhsBatch]] = params.dimensionNumbers as DimensionNumbers;
  return lhsBatch.length === 0 && rhsBatch.length === 0;
};

function offloadDotWithNoBatchDims(offloadSrc: string, offloadDst: string): CheckpointPolicy {
  const offload: Offloadable = { offloadFrom: offloadSrc, offloadTo: offloadDst };
  const policy: CheckpointPolicy = (primitive, operands, params) =>
    dotsWithNoBatchDimsSaveable(primitive, operands, params) && offload;
  return keyed(policy, "offloadDotWithNoBatchDims", [offloadSrc, offloadDst]);
}

function saveFromBothPolicies(
  policy1: CheckpointPolicy,
  policy2: CheckpointPolicy,
): CheckpointPolicy {
  for (const [i, policy] of [policy1, policy2].entries()) {
    if (typeof policy !== "function") {
      throw new ArgumentError(
        `checkpointPolicies.saveFromBothPolicies: args[${i}]: expected a policy; got ${
          String(policy)
        }`,
      );
    }
  }
  const either: CheckpointPolicy = (primitive, operands, params) => {
    const said = [policy1, policy2].map((policy) => policy(primitive, operands, params));
    for (const [i, saving] of said.entries()) {
      if (typeof saving !== "boolean") {
        throw new ArgumentError(
          `checkpointPolicies.saveFromBothPolicies: both policies must return booleans; args[${i}] said ${
            JSON.stringify(saving)
          } of ${primitive.name}. Write a policy of your own that decides between them`,
        );
      }
    }
    return said.includes(true);
  };
  return keyed(either, "saveFromBothPolicies", [policy1, policy2]);
}

/** What {@linkcode checkpointPolicies}`.saveAndOffloadOnlyTheseNames` takes. */
export interface SaveAndOffloadOptions {
  /** Names whose values are kept. */
  readonly namesWhichCanBeSaved: readonly string[];
  /** Names whose values wait in another memory. */
  readonly namesWhichCanBeOffloaded: readonly string[];
  /** The memory that they come from. */
  readonly offloadSrc: string;
  /** The memory that they wait in. */
  readonly offloadDst: string;
}

function saveAndOffloadOnlyTheseNames(options: SaveAndOffloadOptions): CheckpointPolicy {
  const caller = "saveAndOffloadOnlyTheseNames";
  const { namesWhichCanBeSaved, namesWhichCanBeOffloaded, offloadSrc, offloadDst } = options;
  const saved = new Set(checkNames(caller, namesWhichCanBeSaved));
  const offloaded = new Set(checkNames(caller, namesWhichCanBeOffloaded));
  const both = [...saved].filter((name) => offloaded.has(name));
  if (both.length > 0) {
    throw new ArgumentError(
      `checkpointPolicies.${caller}: the names should be exclusive: ${
        both.join(", ")
      } stands in namesWhichCanBeSaved and in namesWhichCanBeOffloaded`,
    );
  }
  const offload: Offloadable = { offloadFrom: offloadSrc, offloadTo: offloadDst };
  const policy: CheckpointPolicy = (primitive, _operands, params) => {
    if (primitive.name !== "name") return false;
    const name = params.name as string;
    return saved.has(name) ? "saveable" : offloaded.has(name) && offload;
  };
  const lists = [saved, offloaded].map((names) => JSON.stringify([...names].sort()));
  return keyed(policy, caller, [...lists, offloadSrc, offloadDst]);
}

/** The policies of {@linkcode checkpointPolicies}. */
export interface CheckpointPolicies {
  /** Keeps every residual, as if there were no checkpoint. */
  readonly everythingSaveable: CheckpointPolicy;
  /** Keeps none but the inputs; as without a policy. */
  readonly nothingSaveable: CheckpointPolicy;
  /** Keeps the results of matrix products and convolutions. */
  readonly dotsSaveable: CheckpointPolicy;
  /** The same as `dotsSaveable`. */
  readonly checkpointDots: CheckpointPolicy;
  /** Keeps the results of matrix products that have no batch axes. */
  readonly dotsWithNoBatchDimsSaveable: CheckpointPolicy;
  /** The same as `dotsWithNoBatchDimsSaveable`. */
  readonly checkpointDotsWithNoBatchDims: CheckpointPolicy;
  /** As `dotsWithNoBatchDimsSaveable`, in another memory: on one CPU there is none, so that they are kept where they are. */
  readonly offloadDotWithNoBatchDims: (offloadSrc: string, offloadDst: string) => CheckpointPolicy;
  /** Keeps every residual but the values of these names. (`jax.checkpoint_policies` keeps those too, against its documentation.) */
  readonly saveAnythingExceptTheseNames: (...names: string[]) => CheckpointPolicy;
  /** Keeps named values, but for these names. */
  readonly saveAnyNamesButThese: (...names: string[]) => CheckpointPolicy;
  /** Keeps the values of these names. */
  readonly saveOnlyTheseNames: (...names: string[]) => CheckpointPolicy;
  /** Keeps what either policy keeps; both must return booleans. */
  readonly saveFromBothPolicies: (
    policy1: CheckpointPolicy,
    policy2: CheckpointPolicy,
  ) => CheckpointPolicy;
  /** Keeps the values of some names, and those of others in another memory: on one CPU there is none, so that these are kept too. */
  readonly saveAndOffloadOnlyTheseNames: (options: SaveAndOffloadOptions) => CheckpointPolicy;
}

/**
 * What {@linkcode filterCheckpoint} may keep: the policies of `jax.checkpoint_policies`, by their documented meanings. The last six make a policy of
 * their arguments. Policies made of equal arguments are equal, so that a transformation given one made afresh is not traced again.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const block = vn.filterCheckpoint(
 *   (x: vn.NDArray) => vn.numpy.sin(vn.checkpointName(vn.numpy.sin(x), "inner")),
 *   { policy: vn.checkpointPolicies.saveOnlyTheseNames("inner") },
 * );
 * ```
 */
export const checkpointPolicies: CheckpointPolicies = {
  everythingSaveable,
  nothingSaveable,
  dotsSaveable,
  checkpointDots: dotsSaveable,
  dotsWithNoBatchDimsSaveable,
  checkpointDotsWithNoBatchDims: dotsWithNoBatchDimsSaveable,
  offloadDotWithNoBatchDims,
  // To keep what the value was computed as would be to keep it, so that it is refused itself.
  saveAnythingExceptTheseNames: (...names) =>
    byName("saveAnythingExceptTheseNames", names, (listed) => listed ? "recompute" : true, true),
  saveAnyNamesButThese: (...names) =>
    byName("saveAnyNamesButThese", names, (listed) => !listed, false),
  saveOnlyTheseNames: (...names) => byName("saveOnlyTheseNames", names, (listed) => listed, false),
  saveFromBothPolicies,
  saveAndOffloadOnlyTheseNames,
};

/**
 * `x`, by a name that policies of {@linkcode filterCheckpoint} know. Outside of a checkpoint it does nothing.
 *
 * @param x An array; a host number becomes one.
 * @param name What to call it.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * vn.checkpointName(vn.numpy.array([1, 2]), "hidden").tolist(); // [1, 2]
 * ```
 */
export function checkpointName(x: ArrayLike, name: string): NDArray {
  if (typeof name !== "string") {
    throw new ArgumentError(`checkpointName: expected a string as name; got ${String(name)}`);
  }
  return named(asArray(x, "checkpointName"), name);
}
