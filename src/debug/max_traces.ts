/**
 * `debug.assertMaxTraces`: a function that refuses to be traced too often.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import { callSignature, type Signature } from "../filter/jit_entry.ts";
import { reasonOf, recordTrace } from "../filter/retraces.ts";
import {
  invoke,
  Opaque,
  optionsOf,
  transform,
  type Transformation,
  transformationName,
  wrapped,
  wrapperOf,
} from "../filter/wrapper.ts";
import { checkOptions } from "../tree/kwargs.ts";

/** Options of {@linkcode assertMaxTraces}. */
export interface MaxTracesOptions {
  /** How many calls are allowed; `null` for any number, to ask {@linkcode getNumTraces} later. */
  readonly maxTraces: number | null;
}

/** Earlier calls that are remembered, to say what has changed. */
const MAX_REMEMBERED = 64;

/** What all copies of one wrapper share. */
interface Counter {
  traces: number;
  readonly seen: { readonly trace: number; readonly entry: Signature }[];
}

const maxTracesT: Transformation = {
  name: "debug.assertMaxTraces",
  call: (fun, [maxTraces, shared], args, self) => {
    const counter = (shared as Opaque<Counter>).value;
    const trace = ++counter.traces;
    const signature = callSignature(fun, args);
    if (maxTraces !== null && trace > (maxTraces as number)) {
      const record = recordTrace(trace, counter.seen, () => signature);
      throw new ArgumentError(
        `debug.assertMaxTraces: ${(self as { name: string }).name} may be traced ${
          times(maxTraces as number)
        }, and is being traced once more (${times(trace)} now): ${
          reasonOf(record)
        }. Pass what changes as an array, and make functions and other static values once`,
      );
    }
    counter.seen.push({ trace, entry: signature });
    if (counter.seen.length > MAX_REMEMBERED) counter.seen.shift();
    return invoke(fun, args);
  },
};

/**
 * The same function, which throws when it is called more than `maxTraces` times. Inside of {@linkcode filterJit} a call is a trace: a guard against
 * recompilation by mistake. The error names the argument that changed.
 *
 * The count is of the wrapper and its copies: those that a tree makes of it by flattening share it.
 *
 * @param fn A function, class, or Module with `call`; options alone make a decorator.
 * @param options `maxTraces`, a whole number or `null`.
 * @throws {ArgumentError} For anything else; by the wrapper, when it is called once too often.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const f = vn.filterJit(
 *   vn.debug.assertMaxTraces((x: vn.NDArray) => x.add(1), { maxTraces: 1 }),
 * );
 * f(vn.numpy.ones([3]));
 * f(vn.numpy.zeros([3])); // no trace; an array of another shape would throw
 * vn.debug.getNumTraces(f); // 1
 * ```
 */
export function assertMaxTraces<F extends (...args: never[]) => unknown>(
  fn: F,
  options: MaxTracesOptions,
): F;
/** As above, for a Module. */
export function assertMaxTraces<A extends unknown[], R>(
  fn: { call(...args: A): R },
  options: MaxTracesOptions,
): (...args: A) => R;
/** As above, as a decorator to be. */
export function assertMaxTraces(
  options: MaxTracesOptions,
  // deno-lint-ignore no-explicit-any -- a decorator keeps the type of any function
): <F extends (...args: any[]) => unknown>(fun: F, context?: unknown) => F;
export function assertMaxTraces(fn: unknown, options?: unknown): unknown {
  return transform(maxTracesT, readOptions, fn, options);
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

function readOptions(options: object): readonly unknown[] {
  checkOptions("debug.assertMaxTraces", options, ["maxTraces"]);
  const { maxTraces } = options as Partial<MaxTracesOptions>;
  if (maxTraces !== null && !(Number.isInteger(maxTraces) && maxTraces! >= 0)) {
    throw new ArgumentError(
      `debug.assertMaxTraces: maxTraces must be a whole number, or null for any number; got ${
        String(maxTraces)
      }`,
    );
  }
  const counter: Counter = { traces: 0, seen: [] };
  return [maxTraces, new Opaque(counter)];
}

/**
 * How often a function wrapped in {@linkcode assertMaxTraces} was called so far, also where other transformations wrap it in turn.
 *
 * @throws {ArgumentError} For a function that is not wrapped so.
 */
export function getNumTraces(fn: unknown): number {
  for (let f: unknown = wrapperOf(fn); f !== undefined; f = wrapperOf(wrapped(f))) {
    if (transformationName(f) !== maxTracesT.name) continue;
    return (optionsOf(f as object)[1] as Opaque<Counter>).value.traces;
  }
  throw new ArgumentError(
    `debug.getNumTraces: expected a function wrapped in debug.assertMaxTraces; got ${
      typeof fn === "function" ? `the function ${fn.name || "(anonymous)"}` : String(fn)
    }`,
  );
}
