/**
 * Whether threads help or hinder, found out by trying.
 *
 * On processors that others keep busy a thread may lose its own in the middle of a unit, and the leader waits for it; or it takes the
 * leader's. As long as the leader waits for a small part of the time only, which is the most that it could save, nothing is measured. Else it does the
 * next jobs alone, then the same ones with help, and what was slower is left off for a while, which doubles each time that it turns out so
 * again. Hence help that hinders costs a few percent in the long run, and so does watching over help that helps.
 *
 * @module
 */

/** What the pool does next. */
export interface Advice {
  /** Whether the leader is to work alone. */
  readonly alone: boolean;
  /** After how many jobs to tell of one: 1 for each, 0 for none. */
  readonly watch: number;
}

/** Milliseconds of waiting in one job that count, and the share of at least so many milliseconds that has to be waited to raise the question. */
const SUSPICIOUS = 0.2;
const SHARE = 0.1;
const OBSERVED = 10;
/** Milliseconds of jobs on which a verdict rests, on either side. */
const MEASURED = 10;
/** Milliseconds that a verdict holds at first, and at most. */
const SHORTEST = 100;
const LONGEST = 2000;
/** A verdict holds at least so many times as long as the jobs took that were done alone for it: one job may be a second's work. */
const PAYBACK = 20;
/** Jobs on which a comparison waits at most for one that was timed on both sides. */
const MOST_JOBS = 10_000;
/** Times of so many different jobs are kept. */
const MOST_KINDS = 4096;
/** How many milliseconds without a look at the clock are aimed at while the leader works alone. */
const BETWEEN_LOOKS = 20;

type State = "trusting" | "timing alone" | "timing help" | "alone";

/** Judges by what it is told of jobs; times are milliseconds of any clock. */
export class HelpJudge {
  #state: State = "trusting";
  /** Until when the last verdict holds, and for how long it was to. */
  #until = -Infinity;
  #period = 0;
  #lastVerdict: boolean | null = null;
  /** Since when waiting is counted, and how many milliseconds of it there were. */
  #since = 0;
  #waited = 0;
  /** The times of jobs, alone. */
  readonly #alone = new Map<number, number>();
  #opened = 0;
  /** Of the jobs of this side: how many, and their times; on the side of help also what the same took alone. */
  #jobs = 0;
  #time = 0;
  #timeAlone = 0;
  /** How long the jobs took that were last done alone to be timed. */
  #spent = 0;
  /** When the clock was last looked at while working alone, and how many jobs ago. */
  #looked = 0;
  #between = 1;

  /** Whether the leader works alone because help did not pay. */
  get isAlone(): boolean {
    return this.#state === "alone";
  }

  /** The leader has waited for others to finish a job that is not watched yet. `null`: go on as before. */
  waited(milliseconds: number, now: number): Advice | null {
    if (this.#state !== "trusting" || milliseconds < SUSPICIOUS || now < this.#until) return null;
    this.#waited += milliseconds;
    const time = now - this.#since;
    if (time < OBSERVED) return null;
    const isMuch = this.#waited > SHARE * time;
    this.#since = now - milliseconds;
    this.#waited = milliseconds;
    return isMuch ? this.#beginAlone() : null;
  }

  /** A job begins. `null`: go on as before. */
  opened(now: number): Advice | null {
    this.#opened = now;
    if (this.#state !== "alone") return null;
    if (now >= this.#until) return this.#beginAlone();
    const each = (now - this.#looked) / this.#between;
    this.#looked = now;
    this.#between = Math.max(1, Math.min(1000, Math.floor(BETWEEN_LOOKS / Math.max(each, 0.01))));
    return { alone: true, watch: this.#between };
  }

  /** A job has ended, the kind of which has a number. `null`: go on as before. */
  closed(kind: number, now: number): Advice | null {
    const time = now - this.#opened;
    if (this.#state === "timing alone") return this.#noteAlone(kind, time);
    if (this.#state === "timing help") return this.#noteHelped(kind, time, now);
    return null;
  }

  #beginAlone(): Advice {
    this.#state = "timing alone";
    this.#begin();
    return { alone: true, watch: 1 };
  }

  #begin(): void {
    this.#jobs = this.#time = this.#timeAlone = 0;
  }

  #noteAlone(kind: number, time: number): Advice | null {
    const before = this.#alone.get(kind);
    if (this.#alone.size >= MOST_KINDS) this.#alone.clear();
    this.#alone.set(kind, before === undefined ? time : (before + time) / 2);
    this.#time += time;
    if (this.#time < MEASURED) return null;
    this.#spent = this.#time;
    this.#state = "timing help";
    this.#begin();
    return { alone: false, watch: 1 };
  }

  #noteHelped(kind: number, time: number, now: number): Advice | null {
    const alone = this.#alone.get(kind);
    if (alone !== undefined) {
      this.#time += time;
      this.#timeAlone += alone;
    }
    const isEnough = this.#time >= MEASURED || ++this.#jobs >= MOST_JOBS;
    return isEnough ? this.#decide(this.#time > this.#timeAlone, now) : null;
  }

  #decide(isAlone: boolean, now: number): Advice {
    const isSame = this.#lastVerdict === isAlone;
    this.#lastVerdict = isAlone;
    this.#period = isSame ? Math.min(2 * this.#period, LONGEST) : SHORTEST;
    this.#until = now + Math.max(this.#period, PAYBACK * this.#spent);
    this.#state = isAlone ? "alone" : "trusting";
    this.#looked = now;
    this.#between = 1;
    return { alone: isAlone, watch: isAlone ? 1 : 0 };
  }
}
