/**
 * `customJvp` and `customVjp`: derivative rules by position, as JAX has them, over the filtered ones.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { shapedArray } from "../core/aval.ts";
import { isInexact } from "../core/dtype.ts";
import { Zero } from "../core/primitive.ts";
import { instantiate } from "../ops/shape.ts";
import { map } from "../tree/map.ts";
import { filterCustomJvp } from "./custom_jvp.ts";
import { filterCustomVjp } from "./custom_vjp.ts";
import { isArrayLeaf, isInexactLeaf, toNDArray } from "./leaves.ts";
import { ShapeDtypeStruct } from "./struct.ts";
import type { AnyTree } from "./types.ts";
import { checkCallable, invoke } from "./wrapper.ts";
import { checkOptions } from "../tree/kwargs.ts";
import { checkRule, ruledName } from "./rules.ts";

/** Options of {@linkcode customJvp} and {@linkcode customVjp}. */
export interface CustomRuleOptions {
  /** The positions of arguments that are not differentiated: they may be anything, and rules get them first. None unless given. */
  readonly nondiffArgnums?: readonly number[];
}

/** A function with a derivative rule by position. */
export interface CustomJvpFunction<A extends unknown[], R> {
  /** Calls the function. */
  (...args: A): R;
  /**
   * Gives the rule: `(...nondiff, primals, tangents) => [out, tangentOut]`. Tangents of floating arrays are arrays, zeros included;
   * those of other arrays are `null`.
   */
  defjvp(rule: (...args: AnyTree[]) => readonly [unknown, unknown]): void;
  /**
   * Gives a rule for each argument, `(tangent, out, ...primals) => tangentOut`, whose results are added; `null` for an argument on which
   * the function does not depend. The output must be one array, and there must be no `nondiffArgnums`.
   */
  defjvps(...rules: (((...args: AnyTree[]) => NDArray) | null)[]): void;
}

/** A function with a pullback by position. */
export interface CustomVjpFunction<A extends unknown[], R> {
  /** Calls the function. */
  (...args: A): R;
  /**
   * Gives the rules.
   *
   * @param fwd `(...args) => [out, residuals]`.
   * @param bwd `(...nondiff, residuals, ct) => gradients`, one for each argument that is differentiated; `null` stands for zero. Cotangents of floating
   * arrays are arrays, zeros included; those of other outputs are `null`.
   */
  defvjp(
    fwd: (...args: AnyTree[]) => readonly [unknown, unknown],
    bwd: (...args: AnyTree[]) => readonly unknown[],
  ): void;
}

/** Which arguments are differentiated, and how a call's are told apart and put together again. */
class Places {
  readonly #nondiff: ReadonlySet<number>;

  constructor(options: CustomRuleOptions, readonly caller: string) {
    checkOptions(caller, options, ["nondiffArgnums"]);
    const list = options.nondiffArgnums ?? [];
    for (const i of list) {
      if (Number.isInteger(i) && i >= 0) continue;
      throw new ArgumentError(
        `${caller}: nondiffArgnums must be positions of arguments, from 0; got ${String(i)}`,
      );
    }
    this.#nondiff = new Set(list);
  }

  get isEmpty(): boolean {
    return this.#nondiff.size === 0;
  }

  split(args: readonly unknown[]): [diff: unknown[], nondiff: unknown[]] {
    for (const i of this.#nondiff) {
      if (i < args.length) continue;
      throw new ArgumentError(
        `${this.caller}: nondiffArgnums names argument ${i}; there are ${args.length}`,
      );
    }
    return [
      args.filter((_, i) => !this.#nondiff.has(i)),
      args.filter((_, i) => this.#nondiff.has(i)),
    ];
  }

  join(diff: readonly unknown[], nondiff: readonly unknown[]): unknown[] {
    let [d, n] = [0, 0];
    const count = diff.length + nondiff.length;
    return Array.from({ length: count }, (_, i) => this.#nondiff.has(i) ? nondiff[n++] : diff[d++]);
  }
}

/** Zeros for symbolic zeros: where there is `null` though the leaf beside it is a floating array. */
function filled(tangents: unknown, like: unknown): unknown {
  const fill = (leaf: unknown, t: unknown): unknown => {
    if (t !== null && t !== undefined) return t;
    if (leaf instanceof ShapeDtypeStruct) {
      const { shape, dtype } = leaf;
      return isInexact(dtype) ? instantiate(new Zero(shapedArray(shape, dtype))) : null;
    }
    return isInexactLeaf(leaf) ? instantiate(new Zero(toNDArray(leaf, "").aval)) : null;
  };
  return map(fill, like, tangents as NonNullable<unknown>);
}

/**
 * A function whose derivative is given by a rule, as `jax.custom_jvp`. All arguments but those of `nondiffArgnums` are trees of arrays and
 * numbers. {@linkcode filterCustomJvp} tells them apart by itself.
 *
 * @throws {DifferentiationError} Where it is called without a rule, or an argument of `nondiffArgnums` is differentiated.
 * @throws {TreeError} Where the rule's tangent has another structure than its output; shapes and dtypes are checked too.
 *
 * @example
 * ```ts
 * import { customJvp, grad, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * const log1pexp = customJvp((x: NDArray) => np.log(np.exp(x).add(1)));
 * log1pexp.defjvp(([x], [t]) => [log1pexp(x), t.mul(np.exp(x).add(1).pow(-1).neg().add(1))]);
 * console.log(grad(log1pexp)(np.array(100)).item()); // 1, where the derivative as it stands gives NaN
 * ```
 */
export function customJvp<A extends unknown[], R>(
  fun: (...args: A) => R,
  options: CustomRuleOptions = {},
): CustomJvpFunction<A, R> {
  checkCallable(fun, "customJvp");
  const places = new Places(options, "customJvp");
  const inner = filterCustomJvp(
    Object.defineProperty(
      (diff: unknown[], nondiff: unknown[]) => invoke(fun, places.join(diff, nondiff)) as R,
      "name",
      { value: ruledName(fun) },
    ),
  );
  const call = (...args: unknown[]): unknown => inner(...places.split(args));
  const defjvp: CustomJvpFunction<A, R>["defjvp"] = (rule) => {
    checkRule(rule, `customJvp(${ruledName(fun)}).defjvp`);
    inner.defJvp(([diff, nondiff], [tangents]) =>
      rule(...nondiff as AnyTree[], diff, filled(tangents, diff) as AnyTree)
    );
  };
  const defjvps: CustomJvpFunction<A, R>["defjvps"] = (...rules) => {
    if (!places.isEmpty) {
      throw new ArgumentError("customJvp: defjvps takes no nondiffArgnums; use defjvp");
    }
    rules.forEach((rule) =>
      rule === null || checkRule(rule, `customJvp(${ruledName(fun)}).defjvps`)
    );
    inner.defJvp(([diff], [tangents]) => {
      const out = call(...diff as unknown[]) as NDArray;
      const terms = rules.flatMap((rule, i) => {
        const t = (tangents as unknown[])[i];
        return rule === null || t === null ? [] : [rule(t as AnyTree, out, ...diff as AnyTree[])];
      });
      return [out, terms.length === 0 ? null : terms.reduce((sum, term) => sum.add(term))];
    });
  };
  Object.defineProperty(call, "name", { value: ruledName(fun) });
  return Object.assign(call, { defjvp, defjvps }) as CustomJvpFunction<A, R>;
}

/**
 * A function whose reverse-mode derivative is given by two rules, as `jax.custom_vjp`. All arguments but those of `nondiffArgnums` are trees of arrays
 * and numbers. {@linkcode filterCustomVjp} tells them apart by itself, and tells rules what is differentiated.
 *
 * @throws {DifferentiationError} Where rules are missing, an argument of `nondiffArgnums` is differentiated, or forward mode is asked for.
 *
 * @example
 * ```ts
 * import { customVjp, grad, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * const clipped = customVjp((x: NDArray) => x);
 * clipped.defvjp((x) => [x, null], (_residuals, ct) => [np.clip(ct, { min: -1, max: 1 })]);
 * console.log(grad((x: NDArray) => clipped(x).mul(5))(np.array(2)).item()); // 1
 * ```
 */
export function customVjp<A extends unknown[], R>(
  fun: (...args: A) => R,
  options: CustomRuleOptions = {},
): CustomVjpFunction<A, R> {
  checkCallable(fun, "customVjp");
  const places = new Places(options, "customVjp");
  const inner = filterCustomVjp(
    Object.defineProperty(
      (diff: unknown[], nondiff: unknown[]) => invoke(fun, places.join(diff, nondiff)) as R,
      "name",
      { value: ruledName(fun) },
    ),
  );
  const call = (...args: unknown[]): unknown => inner(...places.split(args));
  const defvjp: CustomVjpFunction<A, R>["defvjp"] = (fwd, bwd) => {
    checkRule(fwd, `customVjp(${ruledName(fun)}).defvjp: fwd`);
    checkRule(bwd, `customVjp(${ruledName(fun)}).defvjp: bwd`);
    inner.defFwd((_perturbed, diff, nondiff) => {
      const result = fwd(...places.join(diff as unknown[], nondiff as unknown[]) as AnyTree[]);
      if (!Array.isArray(result) || result.length !== 2) {
        throw new ArgumentError(
          `customVjp(${ruledName(fun)}).defvjp: fwd must return a pair [out, residuals]`,
        );
      }
      const [out, residuals] = result;
      // The backward rule gets zeros for outputs that nothing depends on: of what shape, it could not know.
      const structs = map(
        (leaf: unknown) => {
          if (!isArrayLeaf(leaf)) return null;
          const { shape, dtype } = toNDArray(leaf, "").aval;
          return new ShapeDtypeStruct(shape, dtype);
        },
        out,
      );
      return [out, [residuals, structs]];
    });
    inner.defBwd(([residuals, structs], grads, _perturbed, diff, nondiff) => {
      const given = bwd(...nondiff as AnyTree[], residuals, filled(grads, structs) as AnyTree);
      const count = (diff as unknown[]).length;
      if (!Array.isArray(given) || given.length !== count) {
        throw new ArgumentError(
          `customVjp(${
            ruledName(fun)
          }).defvjp: bwd must return a list of ${count} gradients, one for each differentiated argument; got ${
            Array.isArray(given) ? `${given.length}` : String(given)
          }`,
        );
      }
      return given.map((g, i) => g ?? map(() => null, (diff as unknown[])[i]));
    });
  };
  Object.defineProperty(call, "name", { value: ruledName(fun) });
  return Object.assign(call, { defvjp }) as CustomVjpFunction<A, R>;
}
