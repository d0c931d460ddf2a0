/**
 * `profile`: where the time of a function goes, as a table and as a trace for a viewer.
 *
 * @module
 */
import { type Span, type SpanKind, watchSpans } from "../core/spans.ts";
import { isPromise } from "../tree/callable.ts";
import { graphics, type KernelWatch } from "./graphics.ts";
import type { KernelTime } from "./webgpu/timing.ts";

/** Something that took time while a function was profiled. */
export interface ProfileEvent {
  /**
   * What it was: `call` (a whole call of a compiled function), `trace`, `compile` (a whole compilation) with its stages `simplify`, `schedule`,
   * `store`, `wait`, `build`, `encode` and `instantiate`, `measure` (which of two schedules was the faster), `run` (a call of a program), `operation` (outside of compiled functions), `kernel` (a step
   * of a program: on WebGPU, and on the processor where asked for), `transfer`, `readback`.
   */
  readonly kind: SpanKind;
  /** Of what: a function, a pass, a shape. */
  readonly name: string;
  /** Milliseconds from the beginning of the profile. */
  readonly start: number;
  /** How long it took. */
  readonly milliseconds: number;
  /** Who was at it: `main`, `compiler`, `WebGPU`. */
  readonly thread: string;
  /** What else is known of it. */
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/** Options of {@linkcode profile}. */
export interface ProfileOptions {
  /** Whether programs on the processor are compiled so that they tell of each of their steps; not unless given. */
  readonly steps?: boolean;
}

/** Events that a profile keeps at most. */
const mostEvents = 500_000;

/** Lines of a profile's table at most. */
const mostLines = 24;

/** Where the time of a function went. */
export class Profile {
  /** What took time, in the order in which it began. What lies within another event of a thread was part of that. */
  readonly events: readonly ProfileEvent[];
  /** How long the function took. */
  readonly milliseconds: number;
  /** How many events there were beside, which were not kept. */
  readonly dropped: number;

  /** Profiles are made by {@linkcode profile}. */
  constructor(events: readonly ProfileEvent[], milliseconds: number, dropped = 0) {
    // Of what begins together, what encloses comes first.
    this.events = events.toSorted((a, b) => a.start - b.start || b.milliseconds - a.milliseconds);
    this.milliseconds = milliseconds;
    this.dropped = dropped;
  }

  /**
   * The profile as JSON in Chrome's trace event format, which `chrome://tracing` and Perfetto (https://ui.perfetto.dev) show: complete events, in
   * microseconds, one row for each thread.
   */
  toChromeTrace(): string {
    const threads = [
      "main",
      ...new Set(this.events.map((e) => e.thread).filter((t) => t !== "main")),
    ];
    const about = (name: string, tid: number, value: string) => ({
      name,
      ph: "M",
      ts: 0,
      pid: 1,
      tid,
      args: { name: value },
    });
    const traceEvents = [
      about("process_name", 0, "Vernal"),
      ...threads.map((name, i) => about("thread_name", i, name)),
      ...this.events.map(({ kind, name, start, milliseconds, thread, details }) => ({
        name: `${kind} ${name}`,
        cat: kind,
        ph: "X",
        ts: start * 1000,
        dur: milliseconds * 1000,
        pid: 1,
        tid: threads.indexOf(thread),
        args: details,
      })),
    ];
    return JSON.stringify({ displayTimeUnit: "ms", traceEvents });
  }

  /** A table: what took longest by itself, without what is listed elsewhere. */
  toString(): string {
    const lines = linesOf(this.events);
    const main = lines.reduce((sum, line) => line.thread === "main" ? sum + line.own : sum, 0);
    const rest = Math.max(0, this.milliseconds - main);
    const row = (what: string, calls: string, own: string, total: string) =>
      `${what.padEnd(52)} ${calls.padStart(8)} ${own.padStart(10)} ${total.padStart(10)}`.trimEnd();
    const shown = lines.slice(0, mostLines);
    const others = lines.length - shown.length;
    return [
      `${format(this.milliseconds)} ms`,
      row("", "times", "own ms", "in all ms"),
      ...shown.map(({ kind, name, thread, times, own, total }) => {
        const what = `${kind} ${name}${thread === "main" ? "" : ` (${thread})`}`;
        return row(
          what.length > 52 ? `${what.slice(0, 51)}…` : what,
          String(times),
          format(own),
          format(total),
        );
      }),
      ...(others > 0 ? [`and ${others} more`] : []),
      row("the function's own JavaScript, waiting and the rest", "", format(rest), ""),
      ...(this.dropped > 0 ? [`${this.dropped} more events were not kept`] : []),
    ].join("\n");
  }

  /** For `console.log`. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /** For `console.log` in Node. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

function format(milliseconds: number): string {
  return milliseconds.toFixed(milliseconds < 100 ? 3 : 1);
}

/** Events of one kind and name. */
interface Line {
  readonly kind: SpanKind;
  readonly name: string;
  readonly thread: string;
  times: number;
  /** Milliseconds without events within these. */
  own: number;
  total: number;
}

/** Milliseconds by which sums of times are off. */
const instant = 1e-6;

/** Sums up events, which are in order; the longest first. */
function linesOf(events: readonly ProfileEvent[]): Line[] {
  const lines = new Map<string, Line>();
  /** The events that enclose the next one, for each thread. */
  const open = new Map<string, { readonly end: number; readonly line: Line }[]>();
  for (const { kind, name, start, milliseconds, thread } of events) {
    const key = JSON.stringify([kind, name, thread]);
    let line = lines.get(key);
    if (line === undefined) {
      lines.set(key, line = { kind, name, thread, times: 0, own: 0, total: 0 });
    }
    let enclosing = open.get(thread);
    if (enclosing === undefined) open.set(thread, enclosing = []);
    while (enclosing.length > 0 && enclosing.at(-1)!.end <= start + instant) enclosing.pop();
    const parent = enclosing.at(-1);
    if (parent !== undefined) parent.line.own -= milliseconds;
    line.times++;
    line.own += milliseconds;
    // A function that calls itself counts once.
    if (!enclosing.some((e) => e.line === line)) line.total += milliseconds;
    enclosing.push({ end: start + milliseconds, line });
  }
  return [...lines.values()].sort((a, b) => b.own - a.own);
}

/**
 * Calls a function and finds out where its time goes: traces, the stages of compilations, calls of programs, operations outside of compiled
 * functions, transfers and readbacks; on WebGPU, where the adapter has timestamp queries, each kernel too, by the device's own clock.
 *
 * What programs do inside is told apart on the processor where `steps` is set: programs are then compiled once more, so that they tell of each of
 * their steps, which `filterJit(f).lower(...).nests()` shows by the same numbers; what is split among devices is not. On WebGPU each kernel has a
 * pass of its own while it is timed, which takes a little longer. What other tasks do while an asynchronous function waits is in the profile too. Without a profile none of this costs anything.
 *
 * @param fn Called once. It may be asynchronous.
 * @param options `steps`: whether to time each step of programs on the processor; not unless given.
 * @returns What it returned, and the profile; a promise of both where `fn` gives one. Where it throws, so does this.
 *
 * @example
 * ```ts
 * import { filterJit, type NDArray, numpy as np, profile } from "@vernal/vernal";
 *
 * const f = filterJit((x: NDArray) => np.tanh(x).sum());
 * const [value, first] = profile(() => f(np.ones([1000])).item());
 * console.log(value, String(first)); // a table: tracing, compiling, running
 * first.events.filter((e) => e.kind === "compile").length; // 1
 *
 * const [, second] = profile(() => f(np.ones([1000])).item());
 * second.events.some((e) => e.kind === "trace"); // false: it was compiled before
 *
 * const [, inside] = profile(() => f(np.ones([1000])).item(), { steps: true });
 * inside.events.filter((e) => e.kind === "kernel").map((e) => e.name); // one for each step of the program
 * const trace = second.toChromeTrace(); // write it to a file, and open that in chrome://tracing or ui.perfetto.dev
 * ```
 */
export function profile<T>(
  fn: () => Promise<T>,
  options?: ProfileOptions,
): Promise<[result: T, profile: Profile]>;
/** As above, of a function that is not asynchronous. */
export function profile<T>(fn: () => T, options?: ProfileOptions): [result: T, profile: Profile];
export function profile(fn: () => unknown, { steps = false }: ProfileOptions = {}): unknown {
  const recording = new Recording(steps);
  let result: unknown;
  try {
    result = fn();
  } catch (error) {
    recording.abandon();
    throw error;
  }
  if (!isPromise(result)) return [result, recording.end()];
  return result.then(async (value) => [value, await recording.endLater()], (error: unknown) => {
    recording.abandon();
    throw error;
  });
}

/** A profile in the making. */
class Recording {
  readonly #start = performance.now();
  readonly #events: ProfileEvent[] = [];
  readonly #stop: () => void;
  readonly #kernels: KernelWatch | null;
  #dropped = 0;
  #end = NaN;

  constructor(steps: boolean) {
    this.#kernels = graphics?.watchKernels() ?? null;
    this.#stop = watchSpans((span) => this.#note(span), steps);
  }

  #note({ kind, name, start, milliseconds, lane = "main", details = {} }: Span): void {
    if (this.#events.length >= mostEvents) this.#dropped++;
    else {
      this.#events.push({
        kind,
        name,
        start: start - this.#start,
        milliseconds,
        thread: lane,
        details,
      });
    }
  }

  #finish(kernels: readonly KernelTime[] = []): Profile {
    // The device has a clock of its own: what is known is that its last kernel has just ended.
    const last = Math.max(...kernels.map((k) => k.start + k.milliseconds));
    const shift = performance.now() - last;
    for (const { program, kernel, start, milliseconds } of kernels) {
      this.#note({
        kind: "kernel",
        name: `${program}: ${kernel}`,
        start: start + shift,
        milliseconds,
        lane: "WebGPU",
      });
    }
    return new Profile(this.#events, this.#end - this.#start, this.#dropped);
  }

  abandon(): void {
    this.#stop();
    this.#kernels?.stop();
  }

  end(): Profile {
    this.#end = performance.now();
    this.#stop();
    return this.#finish(this.#kernels?.timesNow());
  }

  async endLater(): Promise<Profile> {
    this.#end = performance.now();
    this.#stop();
    return this.#finish(await this.#kernels?.times());
  }
}
