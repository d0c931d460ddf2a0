/**
 * What functions with rules of their own have in common: how they are named, and what a rule is held to before it runs and after.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import { callableName } from "../tree/callable.ts";
import { describeValue } from "./leaves.ts";

/** The name of what was given rules, for messages and printing: a function's own, or the class of a Module. */
export function ruledName(fn: unknown): string {
  return typeof fn === "function" ? fn.name || "function" : callableName(fn);
}

/** Refuses a rule that is no function where it is given, and not in the derivative that needs it. */
export function checkRule<R>(rule: R, where: string): R {
  if (typeof rule === "function") return rule;
  throw new ArgumentError(`${where}: the rule must be a function; got ${describeValue(rule)}`);
}

/** The two things that a rule returns, called `names` in messages. */
export function pairOf(
  result: unknown,
  where: string,
  names: string,
): readonly [unknown, unknown] {
  if (Array.isArray(result) && result.length === 2) return [result[0], result[1]];
  throw new ArgumentError(
    `${where}: the rule must return a pair [${names}]; got ${describeValue(result)}`,
  );
}
