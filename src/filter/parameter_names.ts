/**
 * The parameter names of a function, read off its source.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import { methodOf, wrapped } from "./wrapper.ts";

/**
 * Names of the parameters, in order; `""` for one that is a pattern. A decorated method's first is its instance, `"self"`.
 *
 * @throws {ArgumentError} Where the source does not show them (built-in functions).
 */
export function parameterNames(fun: unknown, caller: string): string[] {
  let f = fun;
  for (let inner = wrapped(f); inner !== undefined; inner = wrapped(f)) f = inner;
  const method = methodOf(f);
  if (method !== undefined) return ["self", ...parameterNames(method, caller)];
  if (typeof f !== "function") f = (f as { call: unknown }).call;
  const source = Function.prototype.toString.call(f);
  const list = parameterList(source);
  if (list === null) {
    throw new ArgumentError(
      `${caller}: the parameter names of ${
        (f as { name: string }).name || "the function"
      } cannot be read off it; give argNames: [...]`,
    );
  }
  return list.map((parameter) =>
    /^(?:\.\.\.)?([\p{ID_Start}$_][\p{ID_Continue}$]*)/u.exec(parameter)?.[1] ?? ""
  );
}

/** The text of each parameter, comments and defaults included; `null` where there is no list. */
function parameterList(source: string): string[] | null {
  const clean = source.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, "");
  const bare = /^(?:async\s+)?([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*=>/u.exec(clean);
  if (bare !== null) return [bare[1]];
  const open = /^class\b/.test(clean)
    ? clean.indexOf("(", clean.search(/\bconstructor\s*\(/))
    : clean.indexOf("(");
  if (open < 0) return null;
  const parameters: string[] = [];
  let depth = 0;
  let start = open + 1;
  for (let i = open; i < clean.length; i++) {
    const c = clean[i];
    if ("([{".includes(c)) depth++;
    else if (")]}".includes(c)) depth--;
    if ((c === "," && depth === 1) || depth === 0) {
      const text = clean.slice(start, i).trim();
      if (text !== "") parameters.push(text);
      start = i + 1;
      if (depth === 0) return parameters;
    }
  }
  return null;
}
