/**
 * The two programs of a checkpointed loop: forwards, keeping some steps; backwards, running from kept steps again.
 *
 * Each is a loop over a record of arrays of fixed size, so that memory does not depend on the number of steps. Going backwards, the primal steps
 * forwards from the latest checkpoint to the step before the one whose cotangent is known, which is then pulled back by one step; and so on to the start.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import { type Tangent, Zero } from "../core/primitive.ts";
import { add, max, min, sub } from "../ops/arith.ts";
import { literal } from "../ops/common.ts";
import { and, eq, gt, lt, ne, select } from "../ops/logic.ts";
import { addTangents } from "../ops/rules.ts";
import { broadcastInDim, instantiate } from "../ops/shape.ts";
import { argsort, takeAlongAxis } from "../ops/sort.ts";
import { vjpJaxpr } from "../transform/linearize.ts";
import { evalClosedJaxpr } from "../transform/stage.ts";
import {
  type Decision,
  int,
  never,
  nextCheckpoint,
  stummWalther,
  stummWaltherLimit,
  stummWaltherStart,
  wangMoin,
  wangMoinStart,
} from "./checkpoint_schedule.ts";
import { fixedPoint, isPresent } from "./common.ts";
import { loopWhile, rowOf, withRow, withRows } from "./structured.ts";

/** Parameters of a checkpointed loop. */
export interface CheckpointedParams {
  /** The public function, for messages. */
  readonly name: string;
  /** From its consts and the carry to a 0-d bool; without constants. `null` for a loop of exactly `maxSteps` steps. */
  readonly condJaxpr: ClosedJaxpr | null;
  /** From its consts, the carry and slices to the carry and slices; without constants. Only a loop without condition has slices. */
  readonly bodyJaxpr: ClosedJaxpr;
  readonly condNconsts: number;
  readonly bodyNconsts: number;
  readonly numCarry: number;
  /** Carries that each place is written of once at most, and not read before: the last value serves every step. */
  readonly buffers: readonly boolean[];
  readonly maxSteps: number | null;
  /** How many steps to keep; no more than `maxSteps`. */
  readonly checkpoints: number;
}

/** The operands of a checkpointed loop, by what they are. */
export interface LoopOperands<T> {
  readonly condConsts: readonly T[];
  readonly consts: readonly T[];
  readonly carry: readonly T[];
  readonly xs: readonly T[];
}

/** Operands by what they are. */
export function loopOperands<T>(operands: readonly T[], p: CheckpointedParams): LoopOperands<T> {
  const body = p.condNconsts + p.bodyNconsts;
  return {
    condConsts: operands.slice(0, p.condNconsts),
    consts: operands.slice(p.condNconsts, body),
    carry: operands.slice(body, body + p.numCarry),
    xs: operands.slice(body + p.numCarry),
  };
}

/** Whether every step is kept. */
function keepsAll(p: CheckpointedParams): boolean {
  return p.checkpoints === p.maxSteps;
}

function zeros(shape: readonly number[], like: NDArray): NDArray {
  return broadcastInDim(literal(0, like.dtype), shape, []);
}

/** What a forward run leaves for the backward run. */
export interface Checkpoints {
  /** The number of steps taken. */
  readonly count: NDArray;
  /** The steps that the slots hold, in order. */
  readonly steps: NDArray;
  /** The carries at those steps, buffers aside. */
  readonly saved: readonly NDArray[];
  /** The buffers after the last step. */
  readonly filled: readonly NDArray[];
}

interface Progress {
  readonly step: NDArray;
  readonly carry: readonly NDArray[];
  readonly ys: readonly NDArray[];
  readonly steps: NDArray;
  readonly saved: readonly NDArray[];
}

interface ForwardState<S> extends Progress {
  readonly controller: S;
}

/** What to keep of a step; `null` for nothing. */
type Controller<S> = (step: NDArray, steps: NDArray, state: S) => Decision<S> | null;

/** Runs the loop, keeping steps. */
export function runForward(
  { condConsts, consts, carry, xs }: LoopOperands<NDArray>,
  p: CheckpointedParams,
): { readonly outs: readonly NDArray[]; readonly checkpoints: Checkpoints } {
  const { checkpoints: slots, maxSteps } = p;
  const kept = (all: readonly NDArray[]) => all.filter((_, i) => !p.buffers[i]);
  const run = <S>(
    from: Progress,
    start: S,
    limit: number | null,
    decide: Controller<S>,
  ) =>
    loopWhile<ForwardState<S>>(
      { ...from, controller: start },
      (s) => {
        const within = limit === null ? null : lt(s.step, limit);
        if (p.condJaxpr === null) return within!;
        const [goOn] = evalClosedJaxpr(p.condJaxpr, [...condConsts, ...s.carry]);
        return within === null ? goOn : and(goOn, within);
      },
      (s) => {
        const slices = xs.map((x) => rowOf(x, s.step));
        const outs = evalClosedJaxpr(p.bodyJaxpr, [...consts, ...s.carry, ...slices]);
        const decision = decide(s.step, s.steps, s.controller);
        const [steps, ...saved] = decision === null ? [s.steps, ...s.saved] : withRows(
          [s.steps, ...s.saved],
          decision.slot,
          [s.step, ...kept(s.carry)],
          decision.save,
        );
        return {
          step: add(s.step, 1),
          controller: decision === null ? s.controller : decision.state,
          carry: outs.slice(0, p.numCarry),
          ys: s.ys.map((y, k) => withRow(y, s.step, outs[p.numCarry + k])),
          steps,
          saved,
        };
      },
    );

  const yAvals = p.bodyJaxpr.outAvals.slice(p.numCarry);
  const start = {
    step: int(0),
    carry,
    ys: yAvals.map((y) => broadcastInDim(literal(0, y.dtype), [maxSteps ?? 0, ...y.shape], [])),
    steps: broadcastInDim(int(never), [slots], []),
    saved: kept(carry).map((x) => zeros([slots, ...x.shape], x)),
  };
  let end: Progress;
  if (keepsAll(p)) {
    end = run(start, null, maxSteps, (step) => ({ save: null, slot: step, state: null }));
  } else {
    const limit = stummWaltherLimit(slots);
    const first = maxSteps === null ? limit : Math.min(limit, maxSteps);
    end = run(start, stummWaltherStart(slots), first, (step, _, s) => stummWalther(step, s));
    if (first !== maxSteps) {
      // One slot alone holds the first step for good.
      end = slots === 1
        ? run(end, null, maxSteps, () => null)
        : run(end, wangMoinStart(slots), maxSteps, (_, steps, s) => wangMoin(steps, s));
    }
  }
  let { steps, saved } = end;
  if (!keepsAll(p) && slots > 1) {
    const order = argsort(steps, 0);
    const inOrder = (rows: NDArray) => {
      const shape = rows.shape.map((n, axis) => axis === 0 ? n : 1);
      return rows.size === 0 ? rows : takeAlongAxis(
        rows,
        broadcastInDim(order, [...shape.slice(0, 1), ...rows.shape.slice(1)], [0]),
        0,
      );
    };
    [steps, saved] = [inOrder(steps), saved.map(inOrder)];
  }
  const filled = end.carry.filter((_, i) => p.buffers[i]);
  return {
    outs: [...end.carry, ...end.ys],
    checkpoints: { count: end.step, steps, saved, filled },
  };
}

/** Which carries get a tangent from the perturbed operands. */
export type Perturbed = LoopOperands<boolean>;

interface BackwardState {
  /** The step whose cotangent is known. */
  readonly target: NDArray;
  /** Cotangents of the carry at `target`, where they are not symbolic zeros. */
  readonly carry: readonly NDArray[];
  /** What the consts have gathered. */
  readonly consts: readonly NDArray[];
  readonly xs: readonly NDArray[];
  /** `null` where every step is kept. */
  readonly primal: PrimalState | null;
}

interface PrimalState {
  readonly step: NDArray;
  readonly carry: readonly NDArray[];
  /** How many slots are in use. */
  readonly used: NDArray;
  /** The step to keep next. */
  readonly next: NDArray;
  readonly steps: NDArray;
  readonly saved: readonly NDArray[];
}

/**
 * Pulls cotangents back through the loop.
 *
 * @param perturbed Which consts, carries (once they have run to a fixed point) and slices are perturbed; no rule of anything else is asked.
 * @returns Cotangents of all operands but those of the condition; symbolic zeros for those that are not perturbed.
 */
export function runBackward(
  { consts, xs }: LoopOperands<NDArray>,
  { count, steps, saved, filled }: Checkpoints,
  cotangents: readonly Tangent[],
  perturbed: Perturbed,
  p: CheckpointedParams,
): Omit<LoopOperands<Tangent>, "condConsts"> {
  const { bodyJaxpr: body, numCarry, checkpoints: slots } = p;
  const [nc, nx] = [consts.length, xs.length];
  const diff = [...perturbed.consts, ...perturbed.carry, ...perturbed.xs];
  const ctCarry = cotangents.slice(0, numCarry);
  const ctYs = cotangents.slice(numCarry);
  const liveYs = ctYs.map(isPresent);
  // A carry needs a cotangent if it has one, or gets one in a step before.
  const given = ctCarry.map((t, i) => perturbed.carry[i] && isPresent(t));
  const live = fixedPoint(
    given,
    (c) => vjpJaxpr(body, diff, [...c, ...liveYs]).nonzeroIns.slice(nc, nc + numCarry),
  );
  const { closed: pullback, nonzeroIns } = vjpJaxpr(body, diff, [...live, ...liveYs]);
  const liveConsts = nonzeroIns.slice(0, nc);
  const liveXs = nonzeroIns.slice(nc + numCarry);
  const presentYs = ctYs.filter(isPresent);

  const withBuffers = (own: readonly NDArray[]): NDArray[] => {
    let [nextOwn, nextBuffer] = [0, 0];
    return p.buffers.map((b) => b ? filled[nextBuffer++] : own[nextOwn++]);
  };
  const inputsAt = (step: NDArray, own: readonly NDArray[]) => [
    ...consts,
    ...withBuffers(own),
    ...xs.map((x) => rowOf(x, step)),
  ];
  /** The latest checkpoint, given up if nothing but the step itself is to come from it. */
  const load = (
    target: NDArray,
    used: NDArray,
    { steps, saved }: Pick<PrimalState, "steps" | "saved">,
  ) => {
    const at = max(sub(used, 1), 0);
    const step = rowOf(steps, at);
    const left = select(eq(add(step, 1), target), at, used);
    return {
      step,
      carry: saved.map((rows) => rowOf(rows, at)),
      used: left,
      next: nextCheckpoint(step, target, left, slots),
    };
  };
  const advance = (target: NDArray, start: PrimalState): PrimalState =>
    loopWhile(
      start,
      (s) => ne(add(s.step, 1), target),
      (s) => {
        const outs = evalClosedJaxpr(body, inputsAt(s.step, s.carry));
        const step = add(s.step, 1);
        const carry = outs.slice(0, numCarry).filter((_, i) => !p.buffers[i]);
        const save = eq(step, s.next);
        const used = select(save, add(s.used, 1), s.used);
        const [steps, ...saved] = withRows([s.steps, ...s.saved], s.used, [step, ...carry], save);
        return {
          step,
          carry,
          used,
          next: select(save, nextCheckpoint(step, target, used, slots), s.next),
          steps,
          saved,
        };
      },
    );

  const turn = (s: BackwardState): BackwardState => {
    const last = sub(s.target, 1);
    const reached = s.primal === null ? null : advance(s.target, s.primal);
    const own = reached === null ? saved.map((rows) => rowOf(rows, last)) : reached.carry;
    const cts = [...s.carry, ...presentYs.map((y) => rowOf(y, last))];
    const pulled = evalClosedJaxpr(pullback, [...inputsAt(last, own), ...cts]);
    let next = 0;
    const all = nonzeroIns.map((nonzero) => nonzero ? pulled[next++] : null);
    const carryAvals = body.inAvals.slice(nc, nc + numCarry);
    return {
      target: last,
      carry: live.flatMap((l, i) => l ? [all[nc + i] ?? instantiate(new Zero(carryAvals[i]))] : []),
      consts: all.slice(0, nc).filter(isArray).map((t, k) =>
        addTangents(s.consts[k], t) as NDArray
      ),
      xs: all.slice(nc + numCarry).filter(isArray).map((t, k) => withRow(s.xs[k], last, t)),
      primal: reached && { ...reached, ...load(last, reached.used, reached) },
    };
  };

  const used = min(count, slots);
  const start: BackwardState = {
    target: count,
    carry: ctCarry.flatMap((t, i) => live[i] ? [instantiate(t)] : []),
    consts: consts.filter((_, i) => liveConsts[i]).map((x) => zeros(x.shape, x)),
    xs: xs.filter((_, i) => liveXs[i]).map((x) => zeros(x.shape, x)),
    primal: keepsAll(p) ? null : { steps, saved, ...load(count, used, { steps, saved }) },
  };
  const end = loopWhile(start, (s) => gt(s.target, 0), turn);
  const spread = (
    values: readonly NDArray[],
    mask: readonly boolean[],
    avals: typeof body.inAvals,
  ) => {
    let next = 0;
    return mask.map((m, i): Tangent => m ? values[next++] : new Zero(avals[i]));
  };
  return {
    consts: spread(end.consts, liveConsts, consts.map((x) => x.aval)),
    carry: spread(end.carry, live, body.inAvals.slice(nc, nc + numCarry)),
    xs: spread(end.xs, liveXs.slice(0, nx), xs.map((x) => x.aval)),
  };
}

function isArray(t: NDArray | null): t is NDArray {
  return t !== null;
}
