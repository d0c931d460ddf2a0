/**
 * Every transformation inside of every other, over the table of small functions in `cases/pairs.py`.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import { lookUp, MissingFunction, run } from "./evaluate.ts";
import { type DataFile, makeProgramArrays, type Program, readDataFile, toArray } from "./format.ts";

type Vector = (x: vn.NDArray) => vn.NDArray;

/** A transformation of a transformation, with JAX's answer for each function. */
interface Pair {
  readonly outer: string;
  readonly inner: string;
  /** One row for each function. */
  readonly expected: Float64Array;
  /** The functions for which JAX throws. */
  readonly refused: ReadonlySet<string>;
}

/** The decoded table. */
export interface Pairs {
  readonly x: vn.NDArray;
  readonly functions: ReadonlyMap<string, Vector>;
  readonly transformations: ReadonlyMap<string, (f: Vector) => Vector>;
  readonly pairs: readonly Pair[];
  /** Functions and transformations that need what is not there yet. */
  readonly waiting: readonly string[];
}

/** What the data file holds. */
interface Tables {
  readonly x: number;
  readonly functions: Record<string, Program>;
  readonly transformations: Record<string, Program>;
  readonly pairs: readonly (readonly [string, string, number, string[]])[];
}

/** The functions that a program names and that are not there (yet). */
function missingFunctions(program: unknown): string[] {
  if (Array.isArray(program)) return program.flatMap(missingFunctions);
  if (typeof program === "object" && program !== null) {
    return Object.values(program).flatMap(missingFunctions);
  }
  if (typeof program !== "string" || !/^(np|lax|random|nn|tree|vn)\./.test(program)) return [];
  try {
    lookUp(program);
    return [];
  } catch (error) {
    if (error instanceof MissingFunction) return [program];
    throw error;
  }
}

/** Reads the table. */
export function readPairs(): Pairs {
  const file: DataFile = readDataFile("pairs");
  const tables = file.tables as unknown as Tables;
  const waiting: string[] = [];
  const ready = (programs: Record<string, Program>) =>
    Object.entries(programs).filter(([name, p]) => {
      makeProgramArrays(file, p);
      if (missingFunctions(p).length === 0) return true;
      waiting.push(name);
      return false;
    });
  const functions = new Map(
    ready(tables.functions).map(([name, p]) => [name, (x) => run(file, p, [x]) as vn.NDArray]),
  ) as Map<string, Vector>;
  const transformations = new Map(
    ready(tables.transformations).map((
      [name, p],
    ) => [name, (f) => (x) => run(file, p, [f, x]) as vn.NDArray]),
  ) as Map<string, (f: Vector) => Vector>;
  const pairs = tables.pairs.flatMap(([outer, inner, expected, refused]) => {
    if (waiting.includes(outer) || waiting.includes(inner)) return [];
    const all = file.arrays[expected].values as Float64Array;
    const rows = Object.keys(tables.functions).flatMap((name, i) =>
      functions.has(name) ? [...all.subarray(3 * i, 3 * i + 3)] : []
    );
    return [{ outer, inner, expected: Float64Array.from(rows), refused: new Set(refused) }];
  });
  return { x: toArray(file.arrays[tables.x]), functions, transformations, pairs, waiting };
}

/** What is wrong with a pair, line by line; none where all is well. `compiled`: all its functions in one compilation. */
export function checkPair(table: Pairs, pair: Pair, compiled: boolean): string[] {
  const outer = table.transformations.get(pair.outer)!;
  const inner = table.transformations.get(pair.inner)!;
  const names = [...table.functions.keys()];
  const calls = names.map((name) => outer(inner(table.functions.get(name)!)));
  const defined = names.flatMap((name, i) => pair.refused.has(name) ? [] : [i]);
  const wrong: string[] = [];
  const attempt = (i: number, call: () => vn.NDArray): vn.NDArray | null => {
    try {
      return call();
    } catch (error) {
      if (!pair.refused.has(names[i])) wrong.push(`${names[i]}: threw ${error}`);
      else if (!(error instanceof vn.DifferentiationError)) {
        wrong.push(`${names[i]}: expected a DifferentiationError, not ${error}`);
      }
      return null;
    }
  };
  for (const i of names.keys()) {
    if (!pair.refused.has(names[i])) continue;
    const call = compiled ? vn.filterJit(calls[i]) : calls[i];
    if (attempt(i, () => call(table.x)) !== null) wrong.push(`${names[i]}: JAX refuses it`);
  }
  const got = compiled
    ? attemptAll(table, defined.map((i) => calls[i]), (k, call) => attempt(defined[k], call))
    : defined.map((i) => attempt(i, () => calls[i](table.x)));
  got.forEach((value, k) => {
    if (value === null) return;
    const i = defined[k];
    const why = difference(value, pair.expected.subarray(3 * i, 3 * i + 3));
    if (why !== null) wrong.push(`${names[i]}: ${why}`);
  });
  return wrong;
}

/** All calls in one compilation; those that throw left out. */
function attemptAll(
  table: Pairs,
  calls: readonly Vector[],
  attempt: (k: number, call: () => vn.NDArray) => vn.NDArray | null,
): (vn.NDArray | null)[] {
  return vn.filterJit((x: vn.NDArray) => calls.map((call, k) => attempt(k, () => call(x))))(
    table.x,
  ) as (vn.NDArray | null)[];
}

/** What tells a result from JAX's beyond rounding, or `null`. */
function difference(got: vn.NDArray, expected: Float64Array): string | null {
  if (!(got instanceof vn.NDArray)) return `not an array but ${got}`;
  if (got.dtype !== "float64" || got.shape.join() !== "3") return `${got.dtype}[${got.shape}]`;
  const values = got.dataSync() as Float64Array;
  const scale = expected.reduce((m, e) => Math.max(m, Math.abs(e)), 1);
  const fits = expected.every((e, i) => Math.abs(values[i] - e) <= 1e-10 * scale);
  return fits ? null : `expected ${expected.join(", ")}; got ${values.join(", ")}`;
}
