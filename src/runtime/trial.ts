/**
 * Schedules that are measured: where a model finds two choices for a nest of loops about as good, and both compute the same bits,
 * calls that the user makes anyway are timed with one and with the other, and the faster is kept.
 *
 * A program that was called once or twice is none of this: the other form is compiled, in the background, when calls have
 * taken long enough for it to matter.
 *
 * @module
 */
import { environmentVariable } from "../core/environment.ts";
import { reportSpan } from "../core/spans.ts";
import { ArgumentError } from "../errors.ts";
import type { ProgramInterface } from "../loopnest/ir.ts";
import type { ConcreteArray } from "./concrete.ts";
import type { Callable } from "./executable.ts";

/** One form of a program. */
export interface Form {
  readonly executable: Callable;
}

/** What a trial asks of whoever has the program. */
export interface TrialHost<F extends Form> {
  /**
   * Begins to compile the program.
   *
   * @param seconds The nests that take the model's second choice.
   * @returns What gives it once it is compiled, `null` before.
   * @throws {CompileError} Where that fails; the function that is returned may throw the same.
   */
  begin(seconds: readonly number[]): () => F | null;
  /**
   * Takes the form to be called from now on: the trial is over.
   *
   * @param isMeasured Whether all that was open is known, so that nobody need measure again.
   */
  settle(fastest: F, isMeasured: boolean): void;
}

/** How long a trial takes. */
export interface Patience {
  /** Milliseconds that calls take altogether before another form is worth compiling. */
  readonly after: number;
  /** Milliseconds for which a new form runs before it counts: V8 optimises its code meanwhile. */
  readonly warming: number;
  /** Calls of each form that count. */
  readonly calls: number;
  /** A clock, in milliseconds. */
  now(): number;
}

let patience: Patience = { after: 100, warming: 50, calls: 15, now: () => performance.now() };

/** Measures with another patience from now on, for tests; gives the one that was. */
export function measureWith(other: Patience): Patience {
  const before = patience;
  patience = other;
  return before;
}

/** What the faster of two forms has to gain, so that noise does not choose; of the other's time. */
const LEAST_GAIN = 0.03;

let isOn: boolean | null = null;

/** Whether schedules are measured: unless `VERNAL_MEASURE` is `off`. */
export function measuresSchedules(): boolean {
  return isOn ??= readSwitch();
}

function readSwitch(): boolean {
  const name = "VERNAL_MEASURE";
  const text = environmentVariable(name);
  if (text !== undefined && text !== "on" && text !== "off") {
    throw new ArgumentError(`${name}: expected "on" or "off", got ${JSON.stringify(text)}`);
  }
  return text !== "off";
}

/** A program of which it is not known yet which of its forms is the fastest: any call runs any of them. */
export class Trial<F extends Form> implements Callable {
  readonly #host: TrialHost<F>;
  readonly #patience: Patience = patience;
  #fastest: F;
  /** The nests in which it takes the second choice. */
  #seconds: readonly number[] = [];
  /** The nests that are still to be measured. */
  readonly #open: number[];
  #spent = 0;
  #arriving: (() => F | null) | null = null;
  #duel: Duel<F> | null = null;

  /**
   * @param model The form that the model chose.
   * @param close The nests that have a second choice.
   */
  constructor(model: F, close: readonly number[], host: TrialHost<F>) {
    this.#host = host;
    this.#fastest = model;
    this.#open = [...close];
  }

  get program(): ProgramInterface {
    return this.#fastest.executable.program;
  }

  run(
    inputs: readonly ConcreteArray[],
    donated: readonly boolean[] | null = null,
  ): ConcreteArray[] {
    const { now } = this.#patience;
    const duel = this.#duel;
    const form = duel === null ? this.#fastest : duel.next;
    const start = now();
    const outs = form.executable.run(inputs, donated);
    const milliseconds = now() - start;
    if (duel === null) this.#ran(milliseconds);
    else if (duel.ran(milliseconds)) this.#decide(duel);
    return outs;
  }

  /** After a call with no other form: sees to it that there is one. */
  #ran(milliseconds: number): void {
    this.#spent += milliseconds;
    if (this.#spent < this.#patience.after || this.#open.length === 0) return;
    try {
      this.#arriving ??= this.#host.begin([...this.#seconds, this.#open[0]]);
      const rival = this.#arriving();
      if (rival !== null) this.#duel = new Duel(this.#fastest, rival, this.#patience);
    } catch (error) {
      // Too little memory, a worker that died: the call that the user made has its results, and nobody asked for another form.
      this.#report({ nest: this.#open[0], failed: String(error) });
      this.#open.length = 0;
      this.#host.settle(this.#fastest, false);
    }
  }

  #report(details: Record<string, string | number>): void {
    const start = this.#patience.now();
    reportSpan({ kind: "measure", name: this.program.name, start, milliseconds: 0, details });
  }

  #decide({ rival, ratio }: Duel<F>): void {
    const nest = this.#open.shift()!;
    const isFaster = ratio < 1 - LEAST_GAIN;
    if (isFaster) {
      this.#fastest = rival;
      this.#seconds = [...this.#seconds, nest];
    }
    const taken = isFaster ? "the second" : "the first";
    this.#report({ nest, second: ratio.toFixed(2), taken });
    [this.#duel, this.#arriving] = [null, null];
    if (this.#open.length === 0) this.#host.settle(this.#fastest, true);
  }
}

/** Two forms that take turns. */
class Duel<F extends Form> {
  readonly #forms: readonly [F, F];
  readonly #times: readonly [number[], number[]] = [[], []];
  readonly #patience: Patience;
  #warming: number;
  #turn: 0 | 1 = 1;

  constructor(first: F, readonly rival: F, patience: Patience) {
    this.#forms = [first, rival];
    this.#patience = patience;
    this.#warming = patience.warming;
  }

  /** Which is to run. */
  get next(): F {
    return this.#forms[this.#turn];
  }

  /** Takes the time of a call of `next`; tells whether that was the last. */
  ran(milliseconds: number): boolean {
    const turn = this.#turn;
    this.#turn = turn === 0 ? 1 : 0;
    if (this.#warming > 0) {
      if (turn === 1) this.#warming -= milliseconds;
      return false;
    }
    this.#times[turn].push(milliseconds);
    return this.#times.every((t) => t.length >= this.#patience.calls);
  }

  /** The rival's time over the other's: of lower quartiles, because what disturbs a call makes it longer. */
  get ratio(): number {
    const [first, rival] = this.#times.map(lowerQuartile) as [number, number];
    return rival / first;
  }
}

function lowerQuartile(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[times.length >> 2];
}
