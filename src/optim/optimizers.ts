/**
 * Optimisers: chains of gradient transformations, as optax puts them together.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import {
  type AdamOptions,
  addDecayedWeights,
  chain,
  type GradientTransformation,
  identity,
  type Mask,
  scaleByAdam,
  scaleByLearningRate,
  type Schedule,
  trace,
} from "./transform.ts";

/** A learning rate: a number, a 0-d array, or a schedule. */
export type LearningRate = number | NDArray | Schedule;

/** Options of {@linkcode sgd}. */
export interface SgdOptions {
  /** How much of the past updates stays; none unless given. */
  readonly momentum?: number | null;
  /** Whether momentum looks ahead, after Nesterov; false unless told. */
  readonly nesterov?: boolean;
}

/**
 * Stochastic gradient descent, with momentum where given.
 *
 * @example
 * ```ts
 * import { numpy as np, optim } from "@vernal/vernal";
 *
 * const tx = optim.sgd(0.1);
 * const params = { w: np.array([1, 2]) };
 * const [updates] = tx.update({ w: np.array([1, 1]) }, tx.init(params));
 * optim.applyUpdates(params, updates); // { w: [0.9, 1.9] }
 * ```
 */
export function sgd(learningRate: LearningRate, options: SgdOptions = {}): GradientTransformation {
  const { momentum = null, nesterov = false } = options;
  return chain(
    momentum === null ? identity() : trace(momentum, { nesterov }),
    scaleByLearningRate(learningRate),
  );
}

/** Adam. State: `[[count, mu, nu], …]`. Kingma and Ba 2014, https://arxiv.org/abs/1412.6980. */
export function adam(
  learningRate: LearningRate,
  options: AdamOptions = {},
): GradientTransformation {
  return chain(scaleByAdam(options), scaleByLearningRate(learningRate));
}

/** Options of {@linkcode adamw}. */
export interface AdamwOptions extends AdamOptions {
  /** The multiple of the parameters that is taken off; 1e-4 unless given. */
  readonly weightDecay?: number;
  /** Which parameters decay; all unless given. */
  readonly mask?: Mask | null;
}

/** Adam with weight decay apart from the gradient. Needs `params` in `update`. Loshchilov and Hutter 2017, https://arxiv.org/abs/1711.05101. */
export function adamw(
  learningRate: LearningRate,
  options: AdamwOptions = {},
): GradientTransformation {
  const { weightDecay = 1e-4, mask = null } = options;
  return chain(
    scaleByAdam(options),
    addDecayedWeights(weightDecay, mask),
    scaleByLearningRate(learningRate),
  );
}
