/**
 * Which steps of a loop to keep, and where: checkpointing with a fixed number of slots, the number of steps not known beforehand.
 *
 * Going forwards, Algorithm I of Stumm and Walther, "New Algorithms for Optimal Online Checkpointing" (2010), doi:10.1137/080742439, which is optimal up to
 * `(c + 1)(c + 2)/2` steps with `c` slots; from there on the dynamic checkpointing of Wang, Moin and Iaccarino, "Minimal Repetition Dynamic Checkpointing
 * Algorithm for Unsteady Adjoint Calculation" (2009), doi:10.1137/080727890. Going backwards, slots that become free are filled again, one after the other
 * where the distance allows it and by halves otherwise, after Griewank's treeverse (1992), doi:10.1080/10556789208805505.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { add, div, sub } from "../ops/arith.ts";
import { literal } from "../ops/common.ts";
import { and, eq, gt, le, lt, not, or, select } from "../ops/logic.ts";
import { argmax, reduceOr } from "../ops/reduce.ts";
import { broadcastInDim } from "../ops/shape.ts";
import { rowOf, withRow } from "./structured.ts";

/** The step of a slot that holds nothing, and of a checkpoint that is not wanted: later than any. */
export const never = 2 ** 31 - 1;

/** A 0-d int32. */
export function int(value: number): NDArray {
  return literal(value, "int32");
}

/** How many slots are enough for the forward schedule of `steps` steps to be optimal: about `sqrt(2 steps)`. */
export function defaultCheckpoints(steps: number): number {
  return steps <= 1 ? 1 : Math.floor(-1.5 + Math.sqrt(2 * steps + 0.25)) + 1;
}

/** The number of steps that {@linkcode stummWalther} has a rule for, with `slots` slots. */
export function stummWaltherLimit(slots: number): number {
  return (slots + 1) * (slots + 2) / 2 - 1;
}

/** Whether to keep a step, and in which slot. */
export interface Decision<S> {
  /** A 0-d bool; `null` for always. */
  readonly save: NDArray | null;
  readonly slot: NDArray;
  readonly state: S;
}

/** The state of {@linkcode stummWalther}. */
export interface StummWaltherState {
  /** The slot written next. */
  readonly slot: NDArray;
  /** The last slot of the present round, in which slots up to it are written again. */
  readonly last: NDArray;
  /** The step at which the round ends. */
  readonly end: NDArray;
  readonly save: NDArray;
}

/** The state before the first step. */
export function stummWaltherStart(slots: number): StummWaltherState {
  return { slot: int(0), last: int(slots), end: int(slots), save: literal(true, "bool") };
}

/** Algorithm I of Stumm and Walther, at `step`. */
export function stummWalther(step: NDArray, state: StummWaltherState): Decision<StummWaltherState> {
  const { slot, last, end, save } = state;
  const next = add(slot, 1);
  // Slot 0 holds the first step for good, so that a round begins at slot 1.
  const moved = select(save, select(gt(next, last), int(1), next), slot);
  const ends = eq(step, end);
  const shorter = sub(last, 1);
  const isBeforeEnd = eq(add(step, 1), end);
  return {
    save,
    slot,
    state: {
      slot: select(ends, shorter, moved),
      last: select(ends, shorter, last),
      end: select(ends, add(end, last), end),
      save: select(ends, gt(shorter, 0), and(save, not(isBeforeEnd))),
    },
  };
}

/** The state of {@linkcode wangMoin}: for each slot its level, and whether it may be given up. */
export interface WangMoinState {
  readonly levels: NDArray;
  readonly dispensable: NDArray;
}

/** The state before the first step that it decides on. */
export function wangMoinStart(slots: number): WangMoinState {
  const levels = broadcastInDim(int(0), [slots], []);
  return {
    // The first step is never given up.
    levels: withRow(levels, int(0), int(never)),
    dispensable: broadcastInDim(literal(false, "bool"), [slots], []),
  };
}

/** Algorithm 1 of Wang and Moin, for at least two slots; `steps` are those that the slots hold. Every step is kept, in place of another. */
export function wangMoin(
  steps: NDArray,
  { levels, dispensable }: WangMoinState,
): Decision<WangMoinState> {
  const slots = steps.shape;
  const all = (x: NDArray) => broadcastInDim(x, slots, []);
  const any = reduceOr(dispensable, [0]);
  // The latest that may be given up; without one the latest of all, and then all below its level may be.
  const candidates = select(dispensable, steps, all(int(0)));
  const slot = argmax(select(all(any), candidates, steps), 0);
  const own = rowOf(levels, slot);
  const level = select(any, int(0), add(own, 1));
  const freed = or(dispensable, lt(levels, all(own)));
  const kept = withRow(dispensable, slot, literal(false, "bool"));
  return {
    save: null,
    slot,
    state: {
      levels: withRow(levels, slot, level),
      dispensable: select(all(any), kept, freed),
    },
  };
}

/**
 * The step after `step`, which is a checkpoint, at which to keep the next one on the way to `target`, the step whose cotangent is known; {@linkcode never} for
 * none. `used` slots of `slots` are in use.
 */
export function nextCheckpoint(
  step: NDArray,
  target: NDArray,
  used: NDArray,
  slots: number,
): NDArray {
  const distance = sub(target, step);
  const free = sub(int(slots), used);
  const fits = le(sub(distance, 2), free);
  const next = select(fits, add(step, 1), add(step, div(distance, 2)));
  // Two steps or fewer need none: the second is reached from here once more.
  const isNeedless = or(le(free, 0), le(distance, 2));
  return select(isNeedless, int(never), next);
}
