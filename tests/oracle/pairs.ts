/**
 * Every transformation inside of every other, over the table of small functions in `cases/pairs.py`.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import { run } from "./evaluate.ts";
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
  readonly dtype: "float32" | "float64";
  readonly x: vn.NDArray;
  readonly functions: ReadonlyMap<string, Vector>;
  readonly transformations: ReadonlyMap<string, (f: Vector) => Vector>;
  readonly pairs: readonly Pair[];
}

/** What the data file holds. */
interface Tables {
  readonly x: number;
  readonly functions: Record<string, Program>;
  readonly transformations: Record<string, Program>;
  readonly pairs: readonly (readonly [string, string, number, string[]])[];
}

/** Reads the table.
 *
 * @param dtype What its arrays are; JAX's answers are those of float64.
 */
export function readPairs(dtype: Pairs["dtype"] = "float64"): Pairs {
  const answers = readDataFile("pairs");
  const file: DataFile = {
    ...answers,
    arrays: answers.arrays.map((array) =>
      array.dtype !== "float64" || dtype === "float64"
        ? array
        : { ...array, dtype, values: Float32Array.from(array.values as Float64Array) }
    ),
  };
  const tables = file.tables as unknown as Tables;
  const ready = (programs: Record<string, Program>) => {
    const entries = Object.entries(programs);
    for (const [, p] of entries) makeProgramArrays(file, p);
    return entries;
  };
  const functions = new Map(
    ready(tables.functions).map(([name, p]) => [name, (x) => run(file, p, [x]) as vn.NDArray]),
  ) as Map<string, Vector>;
  const transformations = new Map(
    ready(tables.transformations).map((
      [name, p],
    ) => [name, (f) => (x) => run(file, p, [f, x]) as vn.NDArray]),
  ) as Map<string, (f: Vector) => Vector>;
  const pairs = tables.pairs.flatMap(([outer, inner, expected, refused]) => {
    // Sent to one device and computed on two: refused, as by JAX.
    if ([outer, inner].includes("filterPmap") && [outer, inner].includes("filterShard")) return [];
    const rows = answers.arrays[expected].values as Float64Array;
    return [{ outer, inner, expected: rows, refused: new Set(refused) }];
  });
  return { dtype, x: toArray(file.arrays[tables.x]), functions, transformations, pairs };
}

/**
 * What JAX too refuses unless all of it is compiled: the derivative that is refused is that of a value which nobody uses, and only a
 * compiler sees that.
 */
const onlyCompiled: ReadonlySet<string> = new Set(
  ["filterJvp of filterJacrev: custom vjp", "linearize of filterJacrev: custom vjp"],
);

/**
 * What is wrong with a pair, line by line; none where all is well.
 *
 * @param compiled Whether all its functions are compiled, together; else they are computed at once.
 * @param chosen Which functions to check, by number.
 */
export function checkPair(
  table: Pairs,
  pair: Pair,
  compiled: boolean,
  chosen: (i: number) => boolean = () => true,
): string[] {
  const outer = table.transformations.get(pair.outer)!;
  const inner = table.transformations.get(pair.inner)!;
  const wrong: string[] = [];
  const names = [...table.functions.keys()];
  const defined: number[] = [];
  const calls = names.map((name) => outer(inner(table.functions.get(name)!)));
  names.forEach((name, i) => {
    if (!chosen(i)) return;
    const where = `${pair.outer} of ${pair.inner}: ${name}`;
    const isRefused = pair.refused.has(name) || (!compiled && onlyCompiled.has(where));
    if (!isRefused) return void defined.push(i);
    const why = refusal(() => (compiled ? vn.filterJit(calls[i]) : calls[i])(table.x));
    if (why !== null) wrong.push(`${where}: JAX refuses it; ${why}`);
  });
  const attempt = (i: number, x: vn.NDArray): vn.NDArray | null => {
    try {
      return calls[i](x);
    } catch (error) {
      wrong.push(`${pair.outer} of ${pair.inner}: ${names[i]}: threw ${error}`);
      return null;
    }
  };
  const all = (x: vn.NDArray) => defined.map((i) => attempt(i, x));
  const got = compiled ? vn.filterJit(all)(table.x) as (vn.NDArray | null)[] : all(table.x);
  got.forEach((value, k) => {
    const i = defined[k];
    const why = value && difference(table.dtype, value, pair.expected.subarray(3 * i, 3 * i + 3));
    if (why) wrong.push(`${pair.outer} of ${pair.inner}: ${names[i]}: ${why}`);
  });
  return wrong;
}

/** What is wrong with a refusal, or `null`. */
function refusal(call: () => unknown): string | null {
  try {
    call();
    return "this library does not";
  } catch (error) {
    return error instanceof vn.DifferentiationError
      ? null
      : `expected a DifferentiationError, not ${error}`;
  }
}

/** How far results may be apart, as a part of the largest. */
const tolerances = { float32: 2e-4, float64: 1e-10 };

/** What tells a result from JAX's beyond rounding, or `null`. */
function difference(
  dtype: Pairs["dtype"],
  got: vn.NDArray,
  expected: Float64Array,
): string | null {
  if (!(got instanceof vn.NDArray)) return `not an array but ${got}`;
  if (got.dtype !== dtype || got.shape.join() !== "3") return `${got.dtype}[${got.shape}]`;
  const values = got.dataSync() as Float32Array | Float64Array;
  const finite = expected.filter((e) => Number.isFinite(e));
  const scale = finite.reduce((m, e) => Math.max(m, Math.abs(e)), 1);
  const fits = expected.every((e, i) =>
    Object.is(values[i], e) || Math.abs(values[i] - e) <= tolerances[dtype] * scale
  );
  return fits ? null : `expected ${expected.join(", ")}; got ${values.join(", ")}`;
}
