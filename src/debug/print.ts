/**
 * `debug.print`: values as text while a program runs.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import { NDArray } from "../core/array.ts";
import { debugCallback, type HostFunction } from "../control/callback.ts";
import { isArrayLeaf, toNDArray } from "../filter/leaves.ts";
import { treePformat } from "../filter/pformat.ts";
import { flatten, unflatten } from "../tree/flatten.ts";
import { splitKwargs } from "../tree/kwargs.ts";

let sink: (text: string) => void = (text) => console.log(text);

/**
 * Sends what the functions of `debug` print somewhere else than to `console.log`.
 *
 * @param to Called with each text, without a newline at its end.
 * @returns Where it went before.
 *
 * @example
 * ```ts
 * import { debug } from "@vernal/vernal";
 *
 * const lines: string[] = [];
 * const before = debug.setPrinter((text) => lines.push(text));
 * debug.print("x is {}", 3);
 * debug.setPrinter(before);
 * lines; // ["x is 3"]
 * ```
 */
export function setPrinter(to: (text: string) => void): (text: string) => void {
  const before = sink;
  sink = to;
  return before;
}

/** Prints at once, to where {@linkcode setPrinter} says. */
export function emit(text: string): void {
  sink(text);
}

/** A value as text: an array by its elements, anything else as `treePformat` writes it. */
export function valueText(x: unknown): string {
  if (typeof x === "string") return x;
  if (x instanceof NDArray) {
    // `Array([1., 2.], dtype=float32)` without what is about the array.
    return String(x).replace(/^Array\(/, "").replace(/,\s+dtype=[^)]*\)$/, "");
  }
  return treePformat(x, { shortArrays: false });
}

/** A text and the places for values in it: `{}`, `{0}` and `{name}`; `{{` and `}}` are braces. */
type Piece = string | { readonly key: string | number };

function parse(format: string, where: string): Piece[] {
  const pieces: Piece[] = [];
  let text = "";
  let next = 0;
  for (let i = 0; i < format.length; i++) {
    const two = format.slice(i, i + 2);
    if (two === "{{" || two === "}}") {
      text += two[0];
      i++;
    } else if (format[i] === "{") {
      const end = format.indexOf("}", i);
      const key = end < 0 ? "" : format.slice(i + 1, end);
      if (end < 0 || !/^\w*$/.test(key)) {
        throw new ArgumentError(
          `${where}: ${
            JSON.stringify(format.slice(i))
          } is no place for a value; write {}, {0} or {name}, and {{ for a brace`,
        );
      }
      pieces.push(text, { key: key === "" ? next++ : /^\d+$/.test(key) ? Number(key) : key });
      text = "";
      i = end;
    } else text += format[i];
  }
  return [...pieces, text];
}

/**
 * Prints values while a program runs: compiled, mapped, differentiated, in loops. Printing has an effect: it stays where nothing depends on it, and keeps its order.
 *
 * Under `filterVmap` it prints once for each example, if any value depends on it. Under differentiation it prints primal values. Written after `jax.debug.print`.
 *
 * @param format A text with places for values: `{}` for the next, `{0}` for that at a place, `{name}` for a keyword argument; `{{` is a brace.
 * @param args The values: any trees; arrays may be traced. Named values come last, as `kwargs({ name: value })`.
 * @throws {ArgumentError} Where a place has no value.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const f = vn.filterJit((x: vn.NDArray) => {
 *   vn.debug.print("x = {}, twice is {twice}", x, vn.kwargs({ twice: x.mul(2) }));
 *   return x;
 * });
 * f(vn.numpy.array([1, 2])); // prints x = [1., 2.], twice is [2., 4.]
 * ```
 */
export function print(format: string, ...args: unknown[]): void {
  printWith(format, args, "debug.print");
}

/** As {@linkcode print}, for another function of this folder. */
export function printWith(format: string, args: readonly unknown[], where: string): void {
  const pieces = parse(format, where);
  const [values, named] = splitKwargs(args);
  for (const piece of pieces) {
    if (typeof piece === "string") continue;
    const { key } = piece;
    if (typeof key === "number" ? key >= values.length : !(key in (named ?? {}))) {
      throw new ArgumentError(
        `${where}: ${
          JSON.stringify(format)
        } has a place {${key}}, but there is no such value; got ${values.length} values${
          named === null ? "" : ` and ${Object.keys(named).join(", ")}`
        }`,
      );
    }
  }
  const [leaves, def] = flatten([values, named]);
  const statics = leaves.map((x) => isArrayLeaf(x) ? null : x);
  const places = leaves.flatMap((x, i) => isArrayLeaf(x) ? [i] : []);
  const show: HostFunction = (arrays) => {
    const filled = [...statics];
    places.forEach((place, i) => filled[place] = arrays[i]);
    const [positional, byName] = unflatten(def, filled) as [
      unknown[],
      Record<string, unknown> | null,
    ];
    const text = pieces.map((piece) =>
      typeof piece === "string"
        ? piece
        : valueText(typeof piece.key === "number" ? positional[piece.key] : byName![piece.key])
    );
    emit(text.join(""));
    return [];
  };
  debugCallback(places.map((i) => toNDArray(leaves[i] as NDArray, where)), show);
}
