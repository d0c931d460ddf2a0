/**
 * `filterCustomVjp`: a function with a pullback of its own.
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
import type { NDArray } from "../core/array.ts";
import { formatAval, type ShapedArray, shapesEqual } from "../core/aval.ts";
import { type Tangent, Zero } from "../core/primitive.ts";
import { customVjpCall } from "../control/custom_vjp_call.ts";
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

/** The forward rule: `(perturbed, vjpArg, ...args) => [out, residuals]`. */
export type CustomVjpFwd = (
  perturbed: AnyTree,
  vjpArg: AnyTree,
  ...args: AnyTree[]
) => readonly [unknown, unknown];

/** The backward rule: `(residuals, gradOut, perturbed, vjpArg, ...args) => gradVjpArg`. */
export type CustomVjpBwd = (
  residuals: AnyTree,
  gradOut: AnyTree,
  perturbed: AnyTree,
  vjpArg: AnyTree,
  ...args: AnyTree[]
) => unknown;

/** A function with a pullback of its own. */
export interface CustomVjp<A extends unknown[], R> {
  /** Calls the function. */
  (...args: A): R;
  /**
   * Gives the forward rule, which runs instead of the function under differentiation. `perturbed` has the structure of `vjpArg`, with `true` where a floating
   * array is being differentiated, `false` elsewhere. `residuals` may be anything.
   */
  defFwd(rule: CustomVjpFwd): void;
  /**
   * Gives the backward rule. `gradOut` has the structure of the output: gradients of floating arrays, `null` for other leaves and for outputs that nothing depends
   * on. It returns the structure of `vjpArg`, `null` for zero and for leaves that are no floating arrays.
   */
  defBwd(rule: CustomVjpBwd): void;
}

/** What the function gives, to hold against what its forward rule gives. */
interface Output {
  readonly def: TreeDef;
  /** For each leaf the aval of an array, or `null`. */
  readonly avals: readonly (ShapedArray | null)[];
}

/** Checks that the forward rule computes what its function computes. */
function checkOutput(def: TreeDef, leaves: readonly unknown[], own: Output, name: string): void {
  const where = `filterCustomVjp(${name}).defFwd`;
  if (def !== own.def) {
    const why = describeDifference(own.def, def, "out") ?? `${own.def} and ${def}`;
    throw new TreeError(
      `${where}: the rule's output must have the structure of the function's: ${why}`,
    );
  }
  const paths = leafPaths(def);
  leaves.forEach((leaf, i) => {
    const expected = own.avals[i];
    const got = isArrayLeaf(leaf) ? toNDArray(leaf, where).aval : null;
    const shapesFit = expected === null || got === null
      ? expected === got
      : shapesEqual(expected.shape, got.shape);
    if (shapesFit && expected?.dtype === got?.dtype) return;
    const describe = (aval: ShapedArray | null) => aval === null ? "no array" : formatAval(aval);
    throw new (shapesFit ? DTypeError : ShapeError)(
      `${where}: the rule must give the function's own outputs: ${
        keystr(paths[i], "out")
      } should be ${describe(expected)}; it is ${describe(got)}`,
    );
  });
}

/** The gradients that a backward rule gave, one for each array of `vjpArg`. */
function readGradients(
  given: unknown,
  vjpLeaves: readonly unknown[],
  vjpDef: TreeDef,
  perturbed: readonly boolean[],
  name: string,
): Tangent[] {
  const where = `filterCustomVjp(${name}).defBwd`;
  const skeleton = unflatten(vjpDef, vjpLeaves.map((leaf) => isInexactLeaf(leaf) ? leaf : null));
  const [expectedLeaves, expected] = flatten(skeleton, { isLeaf: isNull });
  const [leaves, def] = flatten(given, { isLeaf: isNull });
  if (def !== expected) {
    const why = describeDifference(expected, def, "gradVjpArg") ?? `${expected} and ${def}`;
    throw new TreeError(
      `${where}: the gradient must have the structure of vjpArg, null for all leaves but floating arrays: ${why}`,
    );
  }
  const paths = leafPaths(def);
  let next = 0;
  // Walk the arrays of vjpArg in order; those that are not floating, or not differentiated, get no gradient.
  const byLeaf = new Map<number, Tangent>();
  expectedLeaves.forEach((like, i) => {
    if (!isArrayLeaf(like)) return;
    const x = toNDArray(like, where);
    const k = next++;
    const leaf = leaves[i];
    if (isNull(leaf) || !perturbed[k]) return void byLeaf.set(k, new Zero(x.aval));
    const path = keystr(paths[i], "gradVjpArg");
    const g = typeof leaf === "number"
      ? literal(leaf, x.dtype)
      : isArrayLeaf(leaf)
      ? toNDArray(leaf, where)
      : null;
    if (g === null) {
      throw new ArgumentError(
        `${where}: ${path} must be an array or null; got ${describeValue(leaf)}`,
      );
    }
    if (!shapesEqual(g.shape, x.shape)) {
      throw new ShapeError(
        `${where}: ${path} should be ${formatAval(x.aval)}; it is ${formatAval(g.aval)}`,
      );
    }
    if (g.dtype !== x.dtype) {
      throw new DTypeError(
        `${where}: ${path} should be ${formatAval(x.aval)}; it is ${formatAval(g.aval)}`,
      );
    }
    byLeaf.set(k, g);
  });
  return Array.from({ length: next }, (_, k) => byLeaf.get(k)!);
}

/**
 * A function whose reverse-mode derivative is given by two rules. Written after Equinox's `filter_custom_vjp`.
 *
 * Only the first argument, `vjpArg`, can be differentiated (put several things into one tree); all arguments and outputs may be anything. Both rules must be given before the
 * first call. Second derivatives differentiate the rules. Forward mode is refused.
 *
 * @param fn `(vjpArg, ...args) => out`, or a Module with such a `call`, whose arrays are closed over.
 * @throws {DifferentiationError} Where a rule is missing, another argument than the first is differentiated, or forward mode is asked for.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const clipped = vn.filterCustomVjp((x: vn.NDArray) => x);
 * clipped.defFwd((_perturbed, x) => [x, null]);
 * clipped.defBwd((_residuals, g) => vn.numpy.clip(g, { min: -1, max: 1 }));
 * vn.filterGrad((x: vn.NDArray) => clipped(x).mul(5))(vn.numpy.array(2)).item(); // 1
 * ```
 */
export function filterCustomVjp<A extends unknown[], R>(fn: (...args: A) => R): CustomVjp<A, R>;
/** As above, of a Module. */
export function filterCustomVjp<A extends unknown[], R>(fn: HasCall<A, R>): CustomVjp<A, R>;
export function filterCustomVjp<A extends unknown[], R>(
  fn: ((...args: A) => R) | HasCall<A, R>,
  context?: unknown,
): CustomVjp<A, R> {
  checkCallable(fn, "filterCustomVjp");
  refuseDecoration("filterCustomVjp", context);
  const name = ruledName(fn);
  let fwdRule: CustomVjpFwd | null = null;
  let bwdRule: CustomVjpBwd | null = null;

  const call = (...args: unknown[]): unknown => {
    if (fwdRule === null || bwdRule === null) {
      throw new DifferentiationError(
        `filterCustomVjp(${name}): ${
          fwdRule === null ? "defFwd" : "defBwd"
        } was not called yet; both rules must be given`,
      );
    }
    const [fwd, bwd] = [fwdRule, bwdRule];
    if (args.length === 0 || isKwargs(args[0])) {
      throw new ArgumentError(
        `filterCustomVjp(${name}): the first argument, vjpArg, must be passed by position`,
      );
    }
    const [vjpLeaves, vjpDef] = flatten(args[0]);
    const vjpSplit = splitLeaves(vjpLeaves, isArrayLeaf, `filterCustomVjp(${name})`);
    const [restLeaves, restDef] = flatten(args.slice(1));
    const restSplit = splitLeaves(restLeaves, isArrayLeaf, `filterCustomVjp(${name})`);
    const count = vjpSplit.arrays.length;
    const rebuild = (xs: readonly NDArray[]): [unknown, unknown[]] => [
      unflatten(vjpDef, vjpSplit.fill(xs.slice(0, count))),
      unflatten(restDef, restSplit.fill(xs.slice(count))) as unknown[],
    ];
    let fillOut: (arrays: readonly NDArray[]) => unknown = () => undefined;
    let output: Output | null = null;
    const outs = customVjpCall(
      (inputs) => {
        const [first, rest] = rebuild(inputs);
        const [leaves, def] = flatten(invoke(fn, [first, ...rest]));
        const split = splitLeaves(leaves, isArrayLeaf, `filterCustomVjp(${name}): output`);
        fillOut = (arrays) => unflatten(def, split.fill(arrays));
        let next = 0;
        const avals = leaves.map((leaf) => isArrayLeaf(leaf) ? split.arrays[next++].aval : null);
        output = { def, avals };
        return split.arrays;
      },
      keyed(
        (perturbed: readonly boolean[], inputs: readonly NDArray[]) => {
          const [first, rest] = rebuild(inputs);
          const at = perturbed.indexOf(true, count);
          if (at !== -1) {
            throw new DifferentiationError(
              `filterCustomVjp(${name}): only the first argument can be differentiated; ${
                pathInRest(rest, at - count)
              } is, too. Put both into one tree`,
            );
          }
          const flags = unflatten(vjpDef, perturbedLeaves(vjpLeaves, perturbed));
          const where = `filterCustomVjp(${name}).defFwd`;
          const [out, residuals] = pairOf(fwd(flags, first, ...rest), where, "out, residuals");
          const [outLeaves, outDef] = flatten(out);
          checkOutput(outDef, outLeaves, output!, name);
          const outSplit = splitLeaves(
            outLeaves,
            isArrayLeaf,
            `filterCustomVjp(${name}).defFwd: out`,
          );
          const [resLeaves, resDef] = flatten(residuals);
          const resSplit = splitLeaves(
            resLeaves,
            isArrayLeaf,
            `filterCustomVjp(${name}).defFwd: residuals`,
          );
          const inexact = vjpSplit.arrays.flatMap((x, i) => isInexactLeaf(x) ? [i] : []);
          return {
            outs: outSplit.arrays,
            residuals: [...inputs, ...resSplit.arrays],
            backward: (saved: readonly NDArray[], cts: readonly Tangent[]) => {
              const [savedFirst, savedRest] = rebuild(saved.slice(0, inputs.length));
              const residuals = unflatten(resDef, resSplit.fill(saved.slice(inputs.length)));
              let next = 0;
              const gradLeaves = outLeaves.map((leaf): unknown => {
                if (!isArrayLeaf(leaf)) return null;
                const ct = cts[next++];
                return ct instanceof Zero || !isInexactLeaf(leaf) ? null : ct;
              });
              const given = bwd(
                residuals,
                unflatten(outDef, gradLeaves),
                flags,
                savedFirst,
                ...savedRest,
              );
              const grads = readGradients(
                given,
                vjpLeaves,
                vjpDef,
                inexact.map((i) => perturbed[i]),
                name,
              );
              const all: Tangent[] = inputs.map((x) => new Zero(x.aval));
              inexact.forEach((i, k) => all[i] = grads[k]);
              return all;
            },
          };
        },
        "filterCustomVjp",
        [
          ...[fn, fwd, bwd, vjpDef, restDef],
          ...staticParts(vjpLeaves),
          ...staticParts(restLeaves),
        ],
      ),
      name,
      [...vjpSplit.arrays, ...restSplit.arrays],
    );
    return fillOut(outs);
  };
  Object.defineProperty(call, "name", { value: name });
  return Object.assign(call, {
    defFwd: (rule: CustomVjpFwd): void => {
      fwdRule = checkRule(rule, `filterCustomVjp(${name}).defFwd`);
    },
    defBwd: (rule: CustomVjpBwd): void => {
      bwdRule = checkRule(rule, `filterCustomVjp(${name}).defBwd`);
    },
  }) as CustomVjp<A, R>;
}

/** The path of one of the arrays of all arguments but the first, by its number. */
function pathInRest(rest: readonly unknown[], k: number): string {
  const [leaves, def] = flatten([null, ...rest]);
  return keystr(leafPaths(def).filter((_, i) => isArrayLeaf(leaves[i]))[k], "args");
}

/** For each leaf of `vjpArg`, whether it is a floating array that is differentiated. */
function perturbedLeaves(leaves: readonly unknown[], perturbed: readonly boolean[]): boolean[] {
  let next = 0;
  return leaves.map((leaf) => isArrayLeaf(leaf) ? perturbed[next++] && isInexactLeaf(leaf) : false);
}
