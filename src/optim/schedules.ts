/**
 * Schedules: learning rates that change with the number of updates made. Each is a function of a 0-d count, usable in compiled code.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { asArray } from "../numpy/promote.ts";
import { cos } from "../numpy/elementary.ts";
import * as np from "../numpy/ufuncs.ts";
import { clip, where } from "../numpy/where.ts";
import type { Schedule } from "./transform.ts";

/** A schedule of whatever stands for a count. */
function schedule(fn: (count: NDArray) => NDArray | number): Schedule {
  return (count: ArrayLike) => fn(asArray(count, "optim schedule"));
}

/** Always the same value. */
export function constantSchedule(value: number): Schedule {
  return () => value;
}

/** Options of the schedules with a transition. */
export interface TransitionOptions {
  /** The number of updates before it begins; 0 unless given. */
  readonly transitionBegin?: number;
}

/** From `initValue` to `endValue` along a polynomial of degree `power`, over `transitionSteps` updates. */
export function polynomialSchedule(
  initValue: number,
  endValue: number,
  power: number,
  transitionSteps: number,
  options: TransitionOptions = {},
): Schedule {
  if (transitionSteps <= 0) return constantSchedule(initValue);
  const begin = Math.max(0, options.transitionBegin ?? 0);
  return schedule((count) => {
    const done = clip(np.subtract(count, begin), { min: 0, max: transitionSteps });
    const left = np.subtract(1, np.divide(done, transitionSteps));
    const curve = power === 1 ? left : np.power(left, power);
    return np.add(np.multiply(initValue - endValue, curve), endValue);
  });
}

/** From `initValue` to `endValue` along a line, over `transitionSteps` updates. */
export function linearSchedule(
  initValue: number,
  endValue: number,
  transitionSteps: number,
  options: TransitionOptions = {},
): Schedule {
  return polynomialSchedule(initValue, endValue, 1, transitionSteps, options);
}

/** Options of {@linkcode exponentialDecay}. */
export interface ExponentialOptions extends TransitionOptions {
  /** Whether to decay only at whole multiples of `transitionSteps`. */
  readonly staircase?: boolean;
  /** The value not to pass. */
  readonly endValue?: number;
}

/** `initValue · decayRate ^ (count / transitionSteps)`. */
export function exponentialDecay(
  initValue: number,
  transitionSteps: number,
  decayRate: number,
  options: ExponentialOptions = {},
): Schedule {
  if (transitionSteps <= 0 || decayRate === 0) return constantSchedule(initValue);
  const { staircase = false, endValue } = options;
  const begin = Math.max(0, options.transitionBegin ?? 0);
  return schedule((count) => {
    const since = np.subtract(count, begin);
    const ratio = np.divide(since, transitionSteps);
    const exponent = staircase ? np.floor(ratio) : ratio;
    const decayed = where(
      np.lessEqual(since, 0),
      initValue,
      np.multiply(initValue, np.power(decayRate, exponent)),
    );
    if (endValue === undefined) return decayed;
    return decayRate < 1 ? np.maximum(decayed, endValue) : np.minimum(decayed, endValue);
  });
}

/** Options of {@linkcode cosineDecaySchedule}. */
export interface CosineOptions {
  /** The share of `initValue` that remains; 0 unless given. */
  readonly alpha?: number;
  /** The power of the cosine; 1 unless given. */
  readonly exponent?: number;
}

/** Half a cosine from `initValue` down to `alpha · initValue`. Loshchilov and Hutter 2016, https://arxiv.org/abs/1608.03983. */
export function cosineDecaySchedule(
  initValue: number,
  decaySteps: number,
  options: CosineOptions = {},
): Schedule {
  const { alpha = 0, exponent = 1 } = options;
  if (!(decaySteps > 0)) {
    throw new ArgumentError(
      `optim.cosineDecaySchedule: decaySteps must be positive; got ${decaySteps}`,
    );
  }
  return schedule((count) => {
    const done = np.minimum(np.divide(count, decaySteps), 1);
    const cosine = np.multiply(0.5, np.add(1, cos(np.multiply(Math.PI, done))));
    const curve = exponent === 1 ? cosine : np.power(cosine, exponent);
    return np.multiply(initValue, np.add(np.multiply(1 - alpha, curve), alpha));
  });
}

/** Steps: `initValue`, multiplied by each factor once its count is passed. */
export function piecewiseConstantSchedule(
  initValue: number,
  boundariesAndScales: Readonly<Record<number, number>> = {},
): Schedule {
  const steps = Object.entries(boundariesAndScales).map(([at, factor]) =>
    [Number(at), factor] as const
  );
  if (steps.some(([, factor]) => factor < 0)) {
    throw new ArgumentError("optim.piecewiseConstantSchedule: factors must not be negative");
  }
  return schedule((count) =>
    steps.sort(([a], [b]) => a - b).reduce<NDArray>(
      (value, [at, factor]) => np.multiply(value, where(np.greaterEqual(count, at), factor, 1)),
      asArray(initValue, "optim"),
    )
  );
}

/** Schedules one after the other: each counts from its boundary. */
export function joinSchedules(
  schedules: readonly Schedule[],
  boundaries: readonly number[],
): Schedule {
  if (schedules.length !== boundaries.length + 1) {
    throw new ArgumentError(
      `optim.joinSchedules: ${schedules.length} schedules need ${
        schedules.length - 1
      } boundaries; got ${boundaries.length}`,
    );
  }
  return schedule((count) =>
    boundaries.reduce<NDArray | number>(
      (value, boundary, i) =>
        where(np.less(count, boundary), value, schedules[i + 1](np.subtract(count, boundary))),
      schedules[0](count),
    )
  );
}

/** Options of {@linkcode warmupCosineDecaySchedule}. */
export interface WarmupCosineOptions {
  /** The value at the end; 0 unless given. */
  readonly endValue?: number;
  /** The power of the cosine; 1 unless given. */
  readonly exponent?: number;
}

/** A line up from `initValue` to `peakValue` over `warmupSteps`, then half a cosine down; `decaySteps` in all. */
export function warmupCosineDecaySchedule(
  initValue: number,
  peakValue: number,
  warmupSteps: number,
  decaySteps: number,
  options: WarmupCosineOptions = {},
): Schedule {
  const { endValue = 0, exponent = 1 } = options;
  const alpha = peakValue === 0 ? 0 : endValue / peakValue;
  return joinSchedules([
    linearSchedule(initValue, peakValue, warmupSteps),
    cosineDecaySchedule(peakValue, decaySteps - warmupSteps, { alpha, exponent }),
  ], [warmupSteps]);
}

/** Options of {@linkcode warmupExponentialDecaySchedule}. */
export interface WarmupExponentialOptions extends ExponentialOptions {}

/** A line up from `initValue` to `peakValue` over `warmupSteps`, then an exponential decay. */
export function warmupExponentialDecaySchedule(
  initValue: number,
  peakValue: number,
  warmupSteps: number,
  transitionSteps: number,
  decayRate: number,
  options: WarmupExponentialOptions = {},
): Schedule {
  return joinSchedules([
    linearSchedule(initValue, peakValue, warmupSteps),
    exponentialDecay(peakValue, transitionSteps, decayRate, options),
  ], [warmupSteps]);
}
