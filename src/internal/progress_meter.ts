/**
 * Progress meters: how far a loop has come, shown while it runs.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { type ShapedArray, shapedArray } from "../core/aval.ts";
import { bind1 } from "../core/trace.ts";
import { debugCallback, ioCallbackP, pureCallbackP } from "../control/callback.ts";
import { emit } from "../debug/print.ts";
import { cond } from "../lax/loops.ts";
import { asArray } from "../numpy/promote.ts";
import { add, neg, rem, sub } from "../ops/arith.ts";
import { literal } from "../ops/common.ts";
import { convertElementType, stopGradient } from "../ops/convert.ts";
import { eq, gt, or } from "../ops/logic.ts";
import { unvmapAll, unvmapMax } from "../ops/unvmap.ts";
import { Module } from "../tree/module.ts";
import { nonbatchable } from "./guards.ts";

/** What a meter shows on the host: one for each run of a loop. */
interface Bar {
  /** Shows how far it has come, from 0 to 1. */
  step(progress: number): void;
  close(): void;
}

/** The bars in use, by number. */
const bars = new Map<number, Bar>();
let lastBar = 0;

/** Opens a bar when the program runs; gives its number, 0-d int32. */
function openBar(make: () => Bar): NDArray {
  const open = () => {
    bars.set(++lastBar, make());
    return [literal(lastBar, "int32")];
  };
  const resultAvals: readonly ShapedArray[] = [shapedArray([], "int32")];
  return nonbatchable(
    bind1(ioCallbackP, [], { callback: open, resultAvals, vmapMethod: "sequential" }),
  );
}

/** Shows progress; gives the number back, so that what comes later waits for it. */
function stepBar(progress: NDArray, bar: NDArray): NDArray {
  // Of several examples, the slowest counts.
  const slowest = neg(unvmapMax(neg(progress)));
  const step = ([at, index]: readonly NDArray[]) => {
    // After a pass that closed it, as in a backward pass, there is none.
    bars.get(Number(index.dataSync()[0]))?.step(Number(at.dataSync()[0]));
    return [index];
  };
  return bind1(pureCallbackP, [slowest, bar], {
    callback: step,
    resultAvals: [bar.aval],
    vmapMethod: "expand_dims",
  });
}

function closeBar(bar: NDArray): void {
  debugCallback([unvmapMax(bar)], ([index]) => {
    const number = index.item();
    bars.get(number)?.close();
    bars.delete(number);
    return [];
  });
}

/** A number from 0 to 1 as a float32 that nothing is differentiated through. */
function asProgress(progress: NDArray | number): NDArray {
  const x = asArray(progress, "progress");
  return stopGradient(convertElementType(x, "float32"));
}

/**
 * What shows how far a loop has come. `init` before it, `step` in each turn, with the state that the last one gave, `close` after it.
 *
 * @typeParam S The state: a tree of arrays, to be carried by the loop.
 */
export abstract class AbstractProgressMeter<S> extends Module {
  /** Names what subclasses define. */
  static readonly abstractMembers: readonly string[] = ["init", "step", "close"];
  /** Starts; gives the first state. */
  abstract init(): S;
  /** Goes on; `progress` is a number from 0 to 1. Gives the next state. */
  abstract step(state: S, progress: NDArray | number): S;
  /** Ends. */
  abstract close(state: S): void;
}

/**
 * Shows nothing.
 *
 * @example
 * ```ts
 * import { NoProgressMeter } from "@vernal/vernal/internal";
 *
 * const meter = new NoProgressMeter();
 * meter.close(meter.step(meter.init(), 0.5));
 * ```
 */
export class NoProgressMeter extends AbstractProgressMeter<null> {
  /** Nothing. */
  override init(): null {
    return null;
  }
  /** Nothing. */
  override step(_state: null, _progress: NDArray | number): null {
    return null;
  }
  /** Nothing. */
  override close(_state: null): void {}
}

/** The state of a {@linkcode TextProgressMeter}. */
export interface TextProgressState {
  /** What was shown last. */
  readonly progress: NDArray;
  /** The number of the bar. */
  readonly bar: NDArray;
}

/**
 * Prints a line whenever some more is done: `0.00%`, `2.00%`, …, `100.00%`, to where `debug.setPrinter` says.
 *
 * @example
 * ```ts
 * import { debug, filterJit, lax, type NDArray, numpy as np } from "@vernal/vernal";
 * import { TextProgressMeter } from "@vernal/vernal/internal";
 *
 * const run = filterJit((x: NDArray) => {
 *   const meter = new TextProgressMeter({ minimumIncrease: 0.5 });
 *   const [last, state] = lax.foriLoop(0, 4, (i, [y, s]: [NDArray, ReturnType<typeof meter.init>]) => {
 *     return [y.mul(2), meter.step(s, i.add(1).div(4))] as [NDArray, ReturnType<typeof meter.init>];
 *   }, [x, meter.init()]);
 *   meter.close(state);
 *   return last;
 * });
 * run(np.array(1)).item(); // 16; prints 0.00%, 75.00%, 100.00%
 * ```
 */
export class TextProgressMeter extends AbstractProgressMeter<TextProgressState> {
  /** How much more has to be done for another line. */
  minimumIncrease: number;

  /**
   * Makes the meter.
   *
   * @param options `minimumIncrease`: 0.02 unless given.
   */
  constructor(options: { readonly minimumIncrease?: number } = {}) {
    super();
    this.minimumIncrease = options.minimumIncrease ?? 0.02;
  }

  /** Prints `0.00%` when the program runs. */
  override init(): TextProgressState {
    const bar = openBar(() => {
      let at = 0;
      const show = (progress: number) => emit(`${(100 * progress).toFixed(2)}%`);
      show(0);
      return {
        step: (progress) => show(at = progress),
        close: () => at === 1 || show(1),
      };
    });
    return { bar, progress: literal(0, "float32") };
  }

  /** Prints a line, if there is enough to tell. */
  override step(state: TextProgressState, progress: NDArray | number): TextProgressState {
    const now = asProgress(progress);
    const enough = gt(sub(now, state.progress), this.minimumIncrease);
    const isWorthIt = nonbatchable(unvmapAll(or(enough, eq(now, 1))));
    const [bar, shown] = cond(
      isWorthIt,
      (s: TextProgressState): [NDArray, NDArray] => [stepBar(now, s.bar), now],
      (s: TextProgressState): [NDArray, NDArray] => [s.bar, s.progress],
      state,
    );
    return { bar, progress: shown };
  }

  /** Prints `100.00%`, unless it was printed. */
  override close(state: TextProgressState): void {
    closeBar(state.bar);
  }
}

/** The state of a {@linkcode TqdmProgressMeter}. */
export interface TqdmProgressState {
  /** The number of turns so far. */
  readonly turns: NDArray;
  /** The number of the bar. */
  readonly bar: NDArray;
}

/** Options of {@linkcode TqdmProgressMeter}. */
export interface TqdmOptions {
  /** Turns from one drawing of the bar to the next; 20 unless given. */
  readonly refreshSteps?: number;
  /** Gets each drawing, which begins with a carriage return; the last ends with a newline. The error stream unless given. */
  readonly write?: (text: string) => void;
}

function writeToErrorStream(text: string): void {
  const { process } = globalThis as {
    process?: { stderr?: { write?: (text: string) => unknown } };
  };
  if (process?.stderr?.write !== undefined) process.stderr.write(text);
  else if (text.endsWith("\n")) console.error(text.trim());
}

const WIDTH = 30;

/**
 * Draws a bar into one line of a terminal, as tqdm does: `35.00%|██████████                    |`.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 * import { TqdmProgressMeter } from "@vernal/vernal/internal";
 *
 * const drawn: string[] = [];
 * const meter = new TqdmProgressMeter({ refreshSteps: 1, write: (text) => drawn.push(text) });
 * meter.close(meter.step(meter.init(), np.array(0.5)));
 * drawn.length; // 3: at 0, 50 and 100 %
 * ```
 */
export class TqdmProgressMeter extends AbstractProgressMeter<TqdmProgressState> {
  /** Turns from one drawing to the next. */
  refreshSteps: number;
  /** Gets each drawing. */
  write: (text: string) => void;

  /**
   * Makes the meter.
   *
   * @param options See {@linkcode TqdmOptions}.
   */
  constructor(options: TqdmOptions = {}) {
    super();
    this.refreshSteps = options.refreshSteps ?? 20;
    if (!Number.isInteger(this.refreshSteps) || this.refreshSteps < 1) {
      throw new ArgumentError(
        `TqdmProgressMeter: refreshSteps must be a positive integer; got ${this.refreshSteps}`,
      );
    }
    this.write = options.write ?? writeToErrorStream;
  }

  /** Draws an empty bar when the program runs. */
  override init(): TqdmProgressState {
    const { write } = this;
    const bar = openBar(() => {
      const draw = (progress: number, end: string) => {
        const done = Math.round(WIDTH * Math.min(1, Math.max(0, progress)));
        const line = "█".repeat(done).padEnd(WIDTH);
        write(`\r${(100 * progress).toFixed(2)}%|${line}|${end}`);
      };
      draw(0, "");
      return { step: (progress) => draw(progress, ""), close: () => draw(1, "\n") };
    });
    return { bar, turns: literal(0, "int32") };
  }

  /** Draws the bar in every so many turns. */
  override step(state: TqdmProgressState, progress: NDArray | number): TqdmProgressState {
    const now = asProgress(progress);
    // Examples that are done stand still: the others tell how many turns there were.
    const isDue = nonbatchable(eq(rem(unvmapMax(state.turns), this.refreshSteps), 0));
    const bar = cond(isDue, (b: NDArray) => stepBar(now, b), (b: NDArray) => b, state.bar);
    return { bar, turns: add(state.turns, 1) };
  }

  /** Draws the full bar, and ends the line. */
  override close(state: TqdmProgressState): void {
    closeBar(state.bar);
  }
}
