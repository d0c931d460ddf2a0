/**
 * Gradient transformations: what an optimiser is made of, and how they are chained.
 *
 * Every state is a tree of arrays, so that it can be traced, donated and saved; what is a named tuple in optax is an array here, in optax's order.
 * `null` leaves (parameters that are not differentiated) are left alone everywhere.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { type DType, isComplex } from "../core/dtype.ts";
import { isArrayLeaf, isInexactLeaf, toNDArray } from "../filter/leaves.ts";
import { imag, real } from "../numpy/complex.ts";
import { array, zerosLike } from "../numpy/creation.ts";
import { sqrt } from "../numpy/elementary.ts";
import { sum } from "../numpy/reductions.ts";
import {
  add,
  divide,
  less,
  maximum,
  minimum,
  multiply,
  square,
  subtract,
} from "../numpy/ufuncs.ts";
import * as np from "../numpy/ufuncs.ts";
import { where } from "../numpy/where.ts";
import { flatten, isNull, unflatten } from "../tree/flatten.ts";
import { flattenUpTo, leaves, map } from "../tree/map.ts";

/** A tree of parameters, gradients or states. */
export type Tree = unknown;

/** How a learning rate changes: from the number of updates made (a 0-d int32 array) to a factor. */
export type Schedule = (count: NDArray) => NDArray | number;

/** A step of an optimiser: turns gradients into updates, with a state that goes along. */
export interface GradientTransformation {
  /** The state before the first update. */
  init(params: Tree): Tree;
  /**
   * One update.
   *
   * @param updates Gradients, or what another transformation made of them.
   * @param state What `init` or the last `update` gave.
   * @param params The parameters, for those that need them (weight decay).
   * @returns The new updates and state.
   */
  // deno-lint-ignore no-explicit-any -- a gradient has the type of its parameters, which trees do not tell
  update(updates: any, state: Tree, params?: Tree): [updates: any, state: Tree];
}

/** Maps over trees in which `null` stands for "leave alone": where any tree has it, the result does. */
export function mapLive(fn: (...leaves: NDArray[]) => unknown, first: Tree, ...rest: Tree[]): Tree {
  return mapAlike(
    (...xs: unknown[]) =>
      xs.every(isArrayLeaf) ? fn(...xs.map((x) => toNDArray(x as NDArray, "optim"))) : null,
    first,
    ...rest,
  );
}

/** Maps over updates, state or parameters, which must be trees of one structure but for `null`. */
function mapAlike(fn: (...xs: unknown[]) => unknown, first: Tree, ...rest: Tree[]): Tree {
  const [xs, def] = flatten(first, { isLeaf: isNull });
  const others = rest.map((other) =>
    flattenUpTo(
      def,
      other,
      "optim: updates, state and params must be trees of one structure, that of what init was given",
      "tree",
    )
  );
  return unflatten(def, xs.map((x, i) => fn(x, ...others.map((list) => list[i]))));
}

/** As {@linkcode mapLive}, but where only the first tree has an array, that array stays. */
function mapKeeping(
  fn: (kept: NDArray, other: NDArray) => NDArray,
  first: Tree,
  other: Tree,
): Tree {
  return mapAlike(
    (x, y) => isArrayLeaf(x) && isArrayLeaf(y) ? fn(x as NDArray, y as NDArray) : x ?? null,
    first,
    other,
  );
}

/** Zeros for every floating array, `null` for all else. */
export function zerosOf(params: Tree): Tree {
  return map((x: unknown) => isInexactLeaf(x) ? zerosLike(x) : null, params, { isLeaf: isNull });
}

const zeroCount = (): NDArray => array(0, { dtype: "int32" });

/** The updates as they are. */
export function identity(): GradientTransformation {
  return { init: () => [], update: (updates, state) => [updates, state] };
}

/** Transformations one after the other; the state is the list of theirs. */
export function chain(...transformations: GradientTransformation[]): GradientTransformation {
  for (const t of transformations) {
    if (typeof t?.init !== "function" || typeof t.update !== "function") {
      throw new ArgumentError(
        "optim.chain: every argument must be a gradient transformation, with init and update",
      );
    }
  }
  return {
    init: (params) => transformations.map((t) => t.init(params)),
    update: (updates, state, params) => {
      const states = state as Tree[];
      if (!Array.isArray(states) || states.length !== transformations.length) {
        throw new ArgumentError(
          `optim: the state does not belong to this optimiser: expected a list of ${transformations.length} states; was init(params) of the same optimiser called?`,
        );
      }
      const next: Tree[] = [];
      let current: Tree = updates;
      transformations.forEach((t, i) => {
        const [made, own] = t.update(current, states[i], params);
        current = made;
        next.push(own);
      });
      return [current, next];
    },
  };
}

/** Multiplies updates by a constant. */
export function scale(factor: number): GradientTransformation {
  return {
    init: () => [],
    update: (updates, state) => [mapLive((g) => multiply(g, factor), updates), state],
  };
}

/** Multiplies updates by a schedule of the number of updates made. State: `[count]`. */
export function scaleBySchedule(schedule: Schedule): GradientTransformation {
  return {
    init: () => [zeroCount()],
    update: (updates, state) => {
      const [count] = state as [NDArray];
      const factor = schedule(count);
      return [mapLive((g) => multiply(g, factorFor(factor, g)), updates), [add(count, 1)]];
    },
  };
}

/** A factor in the dtype of what it multiplies. */
function factorFor(factor: NDArray | number, g: NDArray): NDArray | number {
  return typeof factor === "number" ? factor : factor.astype(g.dtype);
}

/** Multiplies updates by minus the learning rate, so that adding them descends. */
export function scaleByLearningRate(
  learningRate: number | NDArray | Schedule,
): GradientTransformation {
  if (typeof learningRate === "function") {
    return scaleBySchedule((count) => {
      const rate = learningRate(count);
      return typeof rate === "number" ? -rate : np.negative(rate);
    });
  }
  return {
    init: () => [],
    update: (updates, state) => [
      mapLive(
        (g) =>
          multiply(g, typeof learningRate === "number" ? -learningRate : np.negative(learningRate)),
        updates,
      ),
      state,
    ],
  };
}

/** Options of {@linkcode trace}. */
export interface TraceOptions {
  /** Whether to look ahead, after Nesterov; false unless told. */
  readonly nesterov?: boolean;
}

/**
 * Accumulates a trace of past updates: momentum. State: `[trace]`.
 *
 * @param decay How much of the trace stays at each update.
 */
export function trace(decay: number, options: TraceOptions = {}): GradientTransformation {
  const { nesterov = false } = options;
  return {
    init: (params) => [zerosOf(params)],
    update: (updates, state) => {
      const [old] = state as [Tree];
      const step = (t: NDArray, g: NDArray) => add(g, multiply(decay, t));
      const next = mapKeeping(step, old, updates);
      const out = nesterov
        ? mapLive((g, t) => add(g, multiply(decay, t)), updates, next)
        : mapLive((_g, t) => t, updates, next);
      return [out, [next]];
    },
  };
}

/** Options of {@linkcode scaleByAdam}. */
export interface AdamOptions {
  /** Decay of the mean of gradients; 0.9 unless given. */
  readonly b1?: number;
  /** Decay of the mean of their squares; 0.999 unless given. */
  readonly b2?: number;
  /** Added to the root in the denominator; 1e-8 unless given. */
  readonly eps?: number;
  /** Added under the root; 0 unless given. */
  readonly epsRoot?: number;
  /** Whether to look ahead, after Nesterov; false unless told. */
  readonly nesterov?: boolean;
}

/** A number computed once in each dtype that asks: float64 moments deserve a float64 correction. */
function perDType(make: (dtype: DType) => NDArray): (dtype: DType) => NDArray {
  const made = new Map<DType, NDArray>();
  return (dtype) => {
    let value = made.get(dtype);
    if (value === undefined) made.set(dtype, value = make(dtype));
    return value;
  };
}

/** `|x|²`, real also where `x` is complex. */
function squaredSize(x: NDArray): NDArray {
  return isComplex(x.dtype) ? add(square(real(x)), square(imag(x))) : square(x);
}

/** Divides the mean of gradients by the root of the mean of their squares. State: `[count, mu, nu]`. Kingma and Ba 2014, https://arxiv.org/abs/1412.6980. */
export function scaleByAdam(options: AdamOptions = {}): GradientTransformation {
  const { b1 = 0.9, b2 = 0.999, eps = 1e-8, epsRoot = 0, nesterov = false } = options;
  return {
    init: (params) => [zeroCount(), zerosOf(params), zerosOf(params)],
    update: (updates, state) => {
      const [count, oldMu, oldNu] = state as [NDArray, Tree, Tree];
      const next = add(count, 1);
      const mu = mapKeeping((m, g) => add(multiply(1 - b1, g), multiply(b1, m)), oldMu, updates);
      const nu = mapKeeping(
        (v, g) => add(multiply(1 - b2, squaredSize(g)), multiply(b2, v)),
        oldNu,
        updates,
      );
      const correction = (decay: number, n: NDArray) =>
        perDType((dtype) => subtract(1, np.power(array(decay, { dtype }), n.astype(dtype))));
      const c1 = correction(b1, next);
      const c2 = correction(b2, next);
      const c1Next = nesterov ? correction(b1, add(next, 1)) : c1;
      const corrected = (x: NDArray, c: (dtype: DType) => NDArray) => divide(x, c(x.dtype));
      const out = mapLive(
        (g, m, v) => {
          const mean = nesterov
            ? add(multiply(b1, corrected(m, c1Next)), multiply(1 - b1, corrected(g, c1)))
            : corrected(m, c1);
          return divide(mean, add(sqrt(add(corrected(v, c2), epsRoot)), eps));
        },
        updates,
        mu,
        nu,
      );
      return [out, [next, mu, nu]];
    },
  };
}

/** Which parameters a transformation applies to: a tree of booleans, or a function of the parameters that gives one. */
export type Mask = Tree | ((params: Tree) => Tree);

/** Adds a multiple of the parameters to the updates. Needs `params` in `update`. */
export function addDecayedWeights(
  weightDecay: number,
  mask: Mask | null = null,
): GradientTransformation {
  return {
    init: () => [],
    update: (updates, state, params) => {
      if (params === undefined) {
        throw new ArgumentError(
          "optim.addDecayedWeights: update(grads, state, params) needs the parameters",
        );
      }
      const which = typeof mask === "function" ? (mask as (p: Tree) => Tree)(params) : mask;
      const decay = (g: unknown, p: unknown, use: unknown) =>
        isArrayLeaf(g) && isArrayLeaf(p)
          ? use === false ? g : add(g as NDArray, multiply(weightDecay, p as NDArray))
          : null;
      const out = which === null
        ? map((g: unknown, p: unknown) => decay(g, p, true), updates, params, { isLeaf: isNull })
        : map(decay, updates, params, which, { isLeaf: isNull });
      return [out, state];
    },
  };
}

/** Keeps every element of the updates within `±maxDelta`. */
export function clip(maxDelta: number): GradientTransformation {
  return {
    init: () => [],
    update: (
      updates,
      state,
    ) => [mapLive((g) => minimum(maximum(g, -maxDelta), maxDelta), updates), state],
  };
}

/** The root of the sum of all squares in a tree. */
export function globalNorm(tree: Tree): NDArray {
  const squares = leaves(tree).filter(isArrayLeaf).map((x) =>
    sum(squaredSize(toNDArray(x as NDArray, "optim.globalNorm")))
  );
  if (squares.length === 0) return array(0);
  return sqrt(squares.reduce((a, b) => add(a, b)));
}

/** Scales all updates down where their norm is above `maxNorm`. Pascanu et al. 2012, https://arxiv.org/abs/1211.5063. */
export function clipByGlobalNorm(maxNorm: number): GradientTransformation {
  return {
    init: () => [],
    update: (updates, state) => {
      const norm = globalNorm(updates);
      const fits = less(norm, maxNorm);
      const shrink = (g: NDArray) =>
        where(fits, g, multiply(divide(g, norm.astype(g.dtype)), maxNorm));
      return [mapLive(shrink, updates), state];
    },
  };
}

/**
 * Parameters plus updates; `null` updates keep the parameter.
 *
 * @example
 * ```ts
 * import { numpy as np, optim } from "@vernal/vernal";
 *
 * optim.applyUpdates({ w: np.array([1, 2]) }, { w: np.array([0.5, 0.5]) }); // { w: [1.5, 2.5] }
 * ```
 */
export function applyUpdates<P>(params: P, updates: Tree): P {
  return map(
    (p: unknown, u: unknown) =>
      isArrayLeaf(p) && isArrayLeaf(u)
        ? add(p as NDArray, u as NDArray).astype(toNDArray(p as NDArray, "optim").dtype)
        : p,
    params,
    updates,
    { isLeaf: isNull },
  ) as P;
}
