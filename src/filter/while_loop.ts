/**
 * `filterWhileLoop`: a loop of unknown length over a tree of anything, in three kinds that differ in how they can be differentiated.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { shapedArray } from "../core/aval.ts";
import { type ClosedJaxpr, hoistConsts } from "../core/jaxpr.ts";
import { checkpointCall } from "../control/checkpoint.ts";
import { bindCheckpointed } from "../control/checkpointed.ts";
import { defaultCheckpoints, int } from "../control/checkpoint_schedule.ts";
import { bindCond } from "../control/cond.ts";
import { bindScan } from "../control/scan.ts";
import { loopWhile } from "../control/structured.ts";
import { bindWhile } from "../control/while.ts";
import { add } from "../ops/arith.ts";
import { convertElementType } from "../ops/convert.ts";
import { and, lt } from "../ops/logic.ts";
import { unvmapAny } from "../ops/unvmap.ts";
import { evalClosedJaxpr, stage } from "../transform/stage.ts";
import {
  avalsOf,
  type BufferPicker,
  type Carry,
  freezeEnded,
  presentCarry,
  readCarry,
  readCondition,
  readNext,
} from "./loop_carry.ts";
import { settleWeakTypes } from "./loop_trees.ts";
import { checkOptions } from "../tree/kwargs.ts";
import { type AsTuples, callableOf } from "../tree/callable.ts";

/** Options of {@linkcode filterWhileLoop}. */
export interface WhileLoopOptions<C = unknown> {
  /** After how many steps to end in any case; `null`, the default, for none. */
  readonly maxSteps?: number | null;
  /**
   * Which arrays of the carry are buffers, i.e. written once at each place and not read before: a function from a tree like the carry to one of its nodes, or a
   * list of nodes. The functions of the loop see a `LoopBuffer` there, with `.at(i).set(value)` and `.get(i)` alone. A buffer is not kept in checkpoints, and writing to
   * it costs what is written, mapped or not. That places are written once is not checked; derivatives are wrong where they are written again.
   */
  readonly buffers?: BufferPicker<C> | null;
  /**
   * `"lax"` (the default): differentiable in forward mode. `"checkpointed"`: in reverse mode, in the memory of `checkpoints` steps. `"bounded"`: in both; needs
   * `maxSteps`, with which its memory grows.
   */
  readonly kind?: "lax" | "checkpointed" | "bounded";
  /** How many steps a checkpointed loop keeps; about the square root of `2 maxSteps` unless given. */
  readonly checkpoints?: number | null;
  /** How many steps of a bounded loop, or blocks of them, make a block; 16 unless given. */
  readonly base?: number;
}

const caller = "filterWhileLoop";

/** The traced loop: its state is whether to go on, then the arrays of the carry. */
interface Loop {
  readonly body: ClosedJaxpr;
  readonly state: readonly NDArray[];
}

function traceLoop(
  condition: (carry: never) => unknown,
  body: (carry: never) => unknown,
  carry: Carry,
): Loop {
  const ask = (tree: unknown) =>
    readCondition((condition as (carry: unknown) => unknown)(tree), caller);
  const [closed, arrays] = settleWeakTypes(carry.arrays, (avals) => {
    let weakened: readonly boolean[] = [];
    const result = stage(([alive, ...values]) => {
      const tag = Symbol("step");
      const given = (body as (carry: unknown) => unknown)(presentCarry(carry, values, alive, tag));
      const next = readNext(carry, values, given, tag, caller);
      weakened = next.weakened;
      const goOn = and(alive, ask(given));
      return [goOn, ...freezeEnded(carry, alive, values, next.arrays)];
    }, [shapedArray([], "bool"), ...avals]);
    return { result, weakened: [...weakened] };
  });
  return { body: closed, state: [ask(presentCarry(carry, arrays)), ...arrays] };
}

function runLax({ body, state }: Loop, maxSteps: number | null): readonly NDArray[] {
  if (maxSteps === null) {
    const condJaxpr = stage(([goOn]) => [unvmapAny(goOn)], avalsOf(state));
    return bindWhile(state, { condJaxpr, bodyJaxpr: body, condNconsts: 0, bodyNconsts: 0 });
  }
  const end = loopWhile(
    { step: int(0), state },
    (s) => and(unvmapAny(s.state[0]), lt(s.step, maxSteps)),
    (s) => ({ step: add(s.step, 1), state: evalClosedJaxpr(body, s.state) }),
  );
  return end.state;
}

function runCheckpointed(
  { body, state }: Loop,
  isBuffer: readonly boolean[],
  maxSteps: number | null,
  checkpoints: number,
): readonly NDArray[] {
  return bindCheckpointed(state, {
    name: caller,
    condJaxpr: stage(([goOn]) => [unvmapAny(goOn)], avalsOf(state)),
    bodyJaxpr: body,
    condNconsts: 0,
    bodyNconsts: 0,
    numCarry: state.length,
    buffers: [false, ...isBuffer],
    maxSteps,
    checkpoints,
  });
}

/** Blocks of `base` blocks, down to single steps, each of which is left out once the loop has ended. */
function runBounded({ body, state }: Loop, maxSteps: number, base: number): readonly NDArray[] {
  const consts = body.consts;
  const step = hoistConsts(body);
  let depth = 0;
  for (let steps = 1; steps < maxSteps; steps *= base) depth++;
  const block = (level: number, xs: readonly NDArray[]): readonly NDArray[] => {
    if (level === 0) {
      const [taken, ...rest] = xs;
      return [add(taken, 1), ...evalClosedJaxpr(step, [...consts, ...rest])];
    }
    const avals = avalsOf(xs);
    const turn = (ys: readonly NDArray[]) => {
      const goOn = and(unvmapAny(ys[1]), lt(ys[0], maxSteps));
      const branches = [stage((zs) => zs, avals), stage((zs) => block(level - 1, zs), avals)];
      return bindCond(convertElementType(goOn, "int32"), ys, branches);
    };
    // A block of blocks keeps where each of them began, and computes the rest again.
    const jaxpr = stage(
      (ys) => level === 1 ? turn(ys) : checkpointCall(turn, ys, [], null, false),
      avals,
    );
    return bindScan(xs, {
      jaxpr,
      length: base,
      reverse: false,
      numConsts: 0,
      numCarry: xs.length,
      unroll: 1,
    });
  };
  return block(Math.max(1, depth), [int(0), ...state]).slice(1);
}

function checkCount(name: string, value: unknown, least: number): void {
  if (Number.isInteger(value) && (value as number) >= least) return;
  throw new ArgumentError(
    `${caller}: options.${name} must be an integer of at least ${least}; got ${String(value)}`,
  );
}

/**
 * A loop that goes on while a condition holds. As `lax.whileLoop`, over any tree, and differentiable in reverse mode too. Written after
 * `equinox.internal.while_loop`.
 *
 * Compiled as a loop. Mapped by `filterVmap`, it goes on while the condition holds for any example; examples that have ended stay as they are. A checkpointed loop
 * keeps `checkpoints` steps, by an online schedule (Stumm and Walther 2010; Wang, Moin and Iaccarino 2009), and computes the others again going backwards: its memory
 * does not grow with the number of steps. Second derivatives of a checkpointed loop are forward mode over reverse mode.
 *
 * @param cond From the carry to a 0-d bool, or a host boolean. It has no derivative.
 * @param body From the carry to the next, of the same structure, shapes and dtypes.
 * @param init The carry before the first step: any tree. Arrays are traced; other leaves, numbers too, are static and must come out of the body as they went in.
 * @returns The carry after the last step.
 * @throws {TreeError} Where the body gives another structure than it takes; the message shows both. Shapes, dtypes and static leaves are checked too.
 * @throws {ArgumentError} For options that do not fit together.
 * @throws {DifferentiationError} Where a loop is differentiated in a mode that its kind does not have.
 *
 * @example
 * ```ts
 * import { filterGrad, filterWhileLoop, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * const cubed = (x: NDArray) => {
 *   const init = { step: np.array(0, { dtype: "int32" }), value: np.array(1) };
 *   const end = filterWhileLoop(
 *     (c) => c.step.less(3),
 *     (c) => ({ step: c.step.add(1), value: c.value.mul(x) }),
 *     init,
 *     { kind: "checkpointed", checkpoints: 2 },
 *   );
 *   return end.value;
 * };
 * filterGrad(cubed)(np.array(2)).item(); // 12
 * ```
 */
export function filterWhileLoop<C extends AsTuples>(
  cond: (carry: C) => NDArray | boolean,
  body: (carry: C) => C,
  init: C,
  options: WhileLoopOptions<C> = {},
): C {
  checkOptions(caller, options, ["maxSteps", "buffers", "kind", "checkpoints", "base"]);
  const { maxSteps = null, buffers = null, kind = "lax", checkpoints = null, base = 16 } = options;
  if (!["lax", "checkpointed", "bounded"].includes(kind)) {
    throw new ArgumentError(
      `${caller}: unrecognised kind of while loop '${kind}'; it is "lax", "checkpointed" or "bounded"`,
    );
  }
  if (maxSteps !== null) checkCount("maxSteps", maxSteps, 0);
  if (kind === "bounded" && maxSteps === null) {
    throw new ArgumentError(`${caller}: kind "bounded" requires options.maxSteps`);
  }
  if (kind === "bounded") checkCount("base", base, 2);
  if (kind === "checkpointed") {
    if (maxSteps === null && checkpoints === null) {
      throw new ArgumentError(
        `${caller}: kind "checkpointed" must be given either options.maxSteps or options.checkpoints`,
      );
    }
    if (checkpoints !== null) checkCount("checkpoints", checkpoints, 1);
  }
  const goesOn = callableOf(cond, `${caller}: cond`);
  const step = callableOf(body, `${caller}: body`);
  const carry = readCarry(init, buffers, caller);
  if (maxSteps === 0) return carry.template.fill(carry.arrays);
  const loop = traceLoop(goesOn as never, step as never, carry);
  const run = () => {
    switch (kind) {
      case "lax":
        return runLax(loop, maxSteps);
      case "bounded":
        return runBounded(loop, maxSteps!, base);
      case "checkpointed": {
        const slots = checkpoints ?? defaultCheckpoints(maxSteps!);
        const needed = Math.min(slots, maxSteps ?? slots);
        return runCheckpointed(loop, carry.isBuffer, maxSteps, needed);
      }
    }
  };
  return carry.template.fill(run().slice(1));
}
