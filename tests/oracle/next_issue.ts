/**
 * Cases that wait for functions of a later issue: counted and named in every run, not failed.
 *
 * @module
 */
import { lookUp, MissingFunction } from "./evaluate.ts";
import type { Case, DataFile, Encoded } from "./format.ts";

/** Functions that are not there yet, each with the reason. */
export const nextIssue: Readonly<Record<string, string>> = {};

/** The functions of {@linkcode nextIssue} that a case calls, inner functions included. */
export function waitsFor(c: Case): string[] {
  const found = new Set<string>();
  const walk = (value: Encoded): void => {
    if (typeof value === "string") { if (Object.hasOwn(nextIssue, value)) found.add(value); }
    else if (typeof value === "object" && value !== null) Object.values(value).forEach(walk);
  };
  walk(c.p as unknown as Encoded);
  return [...found];
}

/** Registers what waits as ignored tests, one for each reason; and a test that it waits for good cause. */
export function waitingTests(file: DataFile): void {
  const reasons = new Map<string, Set<Case>>();
  const names = new Set<string>();
  for (const c of file.cases) {
    for (const name of waitsFor(c)) {
      const reason = nextIssue[name]!;
      names.add(name);
      reasons.set(reason, (reasons.get(reason) ?? new Set()).add(c));
    }
  }
  for (const [reason, cases] of reasons) {
    Deno.test({
      name: `${file.file}: ${cases.size} cases wait: ${reason}`,
      ignore: true,
      fn: () => {},
    });
  }
  if (names.size === 0) return;
  Deno.test(`${file.file}: what cases wait for is not there yet`, () => {
    for (const name of names) {
      try {
        lookUp(name);
      } catch (error) {
        if (error instanceof MissingFunction) continue;
        throw error;
      }
      throw new Error(`${name} is there: take it off the list in next_issue.ts`);
    }
  });
}
