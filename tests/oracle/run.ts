/**
 * Runs the oracle's cases, eagerly and compiled under `filterJit`.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import { differences } from "./compare.ts";
import { decode, run } from "./evaluate.ts";
import { type Case, type DataFile, makeProgramArrays, readDataFile } from "./format.ts";

/** Runs one case; gives the lines that say what is wrong, none where all is well. */
export function runCase(file: DataFile, c: Case, compiled: boolean): string[] {
  try {
    const inputs = c.in.map((v) => decode(file, v, new Map()));
    makeProgramArrays(file, c.p);
    const program = (...args: unknown[]) => run(file, c.p, args);
    const got = compiled ? vn.filterJit(program)(...inputs) : program(...inputs);
    if (c.throws) return ["expected an error, as JAX gives; got a result"];
    return differences(file, got, c.out, { tol: c.tol ?? {}, weak: c.weak !== false });
  } catch (error) {
    if (c.throws && error instanceof vn.VernalError && !(error instanceof vn.InternalError)) {
      return [];
    }
    const name = error instanceof Error ? error.name : typeof error;
    return [`threw ${name}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

/** The cases of a file by the part of their names before the slash. */
export function groups(file: DataFile): Map<string, Case[]> {
  const found = new Map<string, Case[]>();
  for (const c of file.cases) {
    const name = c.id.split("/")[0]!;
    const list = found.get(name);
    if (list === undefined) found.set(name, [c]);
    else list.push(c);
  }
  return found;
}

/** Registers the tests of one data file: one for each group of cases, and one for it compiled. */
export function oracleTests(name: string): void {
  const file = readDataFile(name);
  for (const [group, cases] of groups(file)) {
    Deno.test(`${name}: ${group} agrees with JAX`, () => check(file, cases, false));
    const compiled = cases.filter((c) => c.jit !== false);
    if (compiled.length > 0) {
      Deno.test(`${name}: ${group} agrees with JAX, compiled`, () => check(file, compiled, true));
    }
  }
}

function check(file: DataFile, cases: readonly Case[], compiled: boolean): void {
  const failures = cases.flatMap((c) =>
    runCase(file, c, compiled).map((line) => `${c.id}: ${line}`)
  );
  if (failures.length === 0) return;
  const shown = failures.slice(0, 20);
  if (shown.length < failures.length) shown.push(`and ${failures.length - shown.length} more`);
  throw new Error(`${failures.length} differences in ${cases.length} cases:\n${shown.join("\n")}`);
}
