/**
 * Whether threads help or hinder, found out by trying.
 *
 * On processors that others keep busy a thread may lose its own in the middle of a unit, and the leader waits for it; or it takes the
 * leader's. As long as the leader waits for a small part of the time only, and threads come to most jobs, nothing is measured. Else it does the
 * next jobs alone, then the same ones with help, and what was slower is left off for a while, which doubles each time that it turns out so
 * again. Hence help that hinders costs a few percent in the long run, and so does watching over help that helps.
 *
 * Short jobs are over before anybody waits: a thread without a processor does not come to them. It still takes the leader's for a part of
 * the time, with looking for work.
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
/** Threads that come to a smaller share of the jobs than this have no processor for much of the time. */
const PRESENT = 0.5;
/** Milliseconds of jobs on which a verdict rests, on either side. */
const MEASURED = 10;
/** What help by those has to bring the time of jobs to, at most; it is a processor's that has other work. */
const WORTH_IT = 0.9;
/** Milliseconds that a verdict holds at first, and at most. */
const SHORTEST = 100;
const LONGEST = 2000;
/** A verdict holds at least so many times as long as the jobs took that were done alone for it: one job may be a second's work. */
const PAYBACK = 20;
/** Jobs on which a comparison waits at most for one that was timed on both sides. */
const MOST_JOBS = 10_000;
/** Times of so many different jobs are kept. */
const MOST_KINDS = 4096;
/** How many milliseconds without a look at the clock are aimed at, and the most jobs. */
const BETWEEN_LOOKS = 20;
const MOST_BETWEEN = 1000;

/** What the pool does before anything is known. */
export const FIRST_ADVICE: Advice = { alone: false, watch: MOST_BETWEEN };

/** How often threads have come to jobs so far, and how often they could have. */
export interface Presence {
  readonly came: number;
  readonly called: number;
}

type State = "trusting" | "timing alone" | "timing help" | "alone";

/** Judges by what it is told of jobs; times are milliseconds of any clock. */
export class HelpJudge {
  #state: State = "trusting";
  /** Until when the last verdict holds. */
  #until = -Infinity;
  /** How long the next verdict for help holds, and the next one against. */
  readonly #periods = [SHORTEST, SHORTEST];
  /** Since when waiting is counted, and how many milliseconds of it there were. */
  #since = 0;
  #waited = 0;
  /** The times of jobs, alone: their means, of how many, and in which comparison. */
  readonly #alone = new Map<number, { mean: number; jobs: number; comparison: number }>();
  #comparison = 0;
  #opened = 0;
  /** Of the jobs of this side: how many, and their times; on the side of help also what the same took alone. */
  #jobs = 0;
  #time = 0;
  #timeAlone = 0;
  /** How long the jobs took that were last done alone to be timed. */
  #spent = 0;
  /** When the clock was last looked at, and how many jobs ago. */
  #looked = 0;
  #between = MOST_BETWEEN;
  /** How often threads have come to jobs, and could have: by now, and when that was last looked at. */
  #came: Presence = { came: 0, called: 0 };
  #cameBefore = this.#came;

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
  opened(now: number, presence: Presence): Advice | null {
    this.#opened = now;
    this.#came = presence;
    if (this.#state === "timing alone") this.#cameBefore = presence;
    if (this.#state === "timing alone" || this.#state === "timing help") return null;
    const isAlone = this.#state === "alone";
    if (now >= this.#until && (isAlone || this.#areAbsent)) return this.#beginAlone();
    return this.#look(now, isAlone);
  }

  /** Whether threads have come to few of the jobs to which they could have come since the last look. */
  get #areAbsent(): boolean {
    const { came, called } = this.#cameBefore;
    return this.#came.came - came < PRESENT * (this.#came.called - called);
  }

  /** Looks at the clock again after some jobs. */
  #look(now: number, alone: boolean): Advice {
    const each = Math.max((now - this.#looked) / this.#between, 0.01);
    this.#between = Math.max(1, Math.min(MOST_BETWEEN, Math.floor(BETWEEN_LOOKS / each)));
    this.#looked = now;
    this.#cameBefore = this.#came;
    return { alone, watch: this.#between };
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
    this.#comparison++;
    this.#begin();
    return { alone: true, watch: 1 };
  }

  #begin(): void {
    this.#jobs = this.#time = this.#timeAlone = 0;
  }

  #noteAlone(kind: number, time: number): Advice | null {
    if (this.#alone.size >= MOST_KINDS) this.#alone.clear();
    const comparison = this.#comparison;
    const known = this.#alone.get(kind);
    if (known === undefined) this.#alone.set(kind, { mean: time, jobs: 1, comparison });
    else {
      // All of an earlier comparison counts as one job.
      known.jobs = known.comparison === comparison ? known.jobs + 1 : 2;
      known.comparison = comparison;
      known.mean += (time - known.mean) / known.jobs;
    }
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
      this.#timeAlone += alone.mean;
    }
    const isEnough = this.#time >= MEASURED || ++this.#jobs >= MOST_JOBS;
    return isEnough ? this.#decide(now) : null;
  }

  #decide(now: number): Advice {
    const isAlone = this.#time > this.#timeAlone * (this.#areAbsent ? WORTH_IT : 1);
    const [other, own] = [Number(!isAlone), Number(isAlone)];
    this.#until = now + Math.max(this.#periods[own], PAYBACK * this.#spent);
    this.#periods[own] = Math.min(2 * this.#periods[own], LONGEST);
    this.#periods[other] = Math.max(this.#periods[other] / 4, SHORTEST);
    this.#state = isAlone ? "alone" : "trusting";
    this.#between = 1;
    this.#looked = now;
    return { alone: isAlone, watch: 1 };
  }
}
