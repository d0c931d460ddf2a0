/**
 * What took how long: spans of time, told to whoever watches. One mechanism for `profile`, `VERNAL_DEBUG` and the bench.
 *
 * Where nobody watches, a place that could tell of a span costs the look at one variable.
 *
 * @module
 */

/** What a span of time went to. */
export type SpanKind =
  /** A whole call of a compiled function. */
  | "call"
  /** Running a function with tracers. */
  | "trace"
  /** A whole compilation, of a program or of an operation outside of compiled functions. */
  | "compile"
  /** A pass from jaxpr to jaxpr. */
  | "simplify"
  /** A pass from jaxpr to loop nests. */
  | "schedule"
  /** Looking for a program on disk, and keeping it there. */
  | "store"
  /** Waiting for the compiler's thread. */
  | "wait"
  /** The compiler at work, in its thread: building a module, and encoding it. */
  | "build"
  | "encode"
  /** From bytes to something that can be called: V8's `WebAssembly.Module` and `Instance`. */
  | "instantiate"
  /** What came of timing two choices for a nest of loops; takes no time itself. */
  | "measure"
  /** A call of a program. */
  | "run"
  /** An operation outside of compiled functions. */
  | "operation"
  /** A step of a program: on the processor where steps are watched, on a WebGPU device by the device's clock. */
  | "kernel"
  /** Copying elements to another device, or back. */
  | "transfer"
  /** Elements for JavaScript. */
  | "readback";

/** What is known of a span beside its time. */
export interface SpanDetails {
  /** What to know of it, for people. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
  /** What came of it, as text, made when it is asked for. */
  readonly texts?: Readonly<Record<string, () => string>>;
  /** Who was at it, unless it was the calling thread: what that does, nests. */
  readonly lane?: string;
}

/** Something that took time. */
export interface Span extends SpanDetails {
  readonly kind: SpanKind;
  readonly name: string;
  /** When it began, by `performance.now()`. */
  readonly start: number;
  readonly milliseconds: number;
}

/** Is told of each span when it has ended. */
export type SpanSink = (span: Span) => void;

const sinks = new Set<SpanSink>();

/** Whether anybody watches. */
export let isWatched = false;

/** How many of those who watch want each step of a program, too. */
let stepWatchers = 0;

/** Whether anybody watches the steps of programs: they are then compiled so that they tell. */
export function areStepsWatched(): boolean {
  return stepWatchers > 0;
}

/**
 * Tells a sink of all spans from now on.
 *
 * @param steps Whether programs on the processor are to tell of each of their steps.
 * @returns What ends that.
 */
export function watchSpans(sink: SpanSink, steps = false): () => void {
  // A function of its own for each caller, so that one sink may watch twice.
  const own: SpanSink = (span) => sink(span);
  sinks.add(own);
  isWatched = true;
  if (steps) stepWatchers++;
  return () => {
    if (sinks.delete(own) && steps) stepWatchers--;
    isWatched = sinks.size > 0;
  };
}

/** Tells of something that took time. */
export function reportSpan(span: Span): void {
  for (const sink of sinks) sink(span);
}

/** Tells of something that began at `start` and ends now. */
export function endSpan(
  kind: SpanKind,
  name: string,
  start: number,
  about: SpanDetails = {},
): void {
  if (!isWatched) return;
  reportSpan({ kind, name, start, milliseconds: performance.now() - start, ...about });
}

/**
 * Does something, and tells how long it took, also where it throws.
 *
 * @param about What is known of it once it has ended well.
 */
export function timed<T>(
  kind: SpanKind,
  name: string,
  run: () => T,
  about?: (result: T) => SpanDetails,
): T {
  if (!isWatched) return run();
  const start = performance.now();
  let known: SpanDetails = { details: { threw: true } };
  let end = NaN;
  try {
    const result = run();
    end = performance.now(); // what is known may take time to find out
    known = about?.(result) ?? {};
    return result;
  } finally {
    if (Number.isNaN(end)) end = performance.now();
    reportSpan({ kind, name, start, milliseconds: end - start, ...known });
  }
}
