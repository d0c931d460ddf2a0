/**
 * Trees with leaves of any kind in loops and branches: the arrays are traced, the other leaves must come out as they went in.
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError, TreeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import type { TypedArray } from "../core/dtype.ts";
import { formatAval, type ShapedArray, withWeakType } from "../core/aval.ts";
import { convertElementType } from "../ops/convert.ts";
import { flatten, leafPaths, unflatten } from "../tree/flatten.ts";
import { describeDifference, describeNode } from "../tree/mismatch.ts";
import { keystr } from "../tree/path.ts";
import type { TreeDef } from "../tree/treedef.ts";
import { staticEqual } from "./jit_entry.ts";
import { isArrayLeaf, toNDArray } from "./leaves.ts";
import { treePformat } from "./pformat.ts";

/** A tree without its arrays. */
export class Template {
  /**
   * @param def The structure.
   * @param leaves The leaves; `null` in place of arrays.
   * @param places Where the arrays are.
   */
  constructor(
    readonly def: TreeDef,
    readonly leaves: readonly unknown[],
    readonly places: readonly number[],
  ) {}

  /** The tree with values in place of its arrays. */
  // deno-lint-ignore no-explicit-any -- types do not follow trees through tracing
  fill(values: readonly unknown[]): any {
    const filled = [...this.leaves];
    this.places.forEach((place, i) => filled[place] = values[i]);
    return unflatten(this.def, filled);
  }

  /** The path of the array at a position, written as an expression that begins with `root`. */
  path(i: number, root: string): string {
    return keystr(leafPaths(this.def)[this.places[i]], root);
  }
}

/** Takes the arrays out of a tree. `isLeaf` tells what to leave whole; such leaves count as arrays, as `read` turns them into some. */
export function takeArrays(
  tree: unknown,
  where: string,
  special: {
    readonly isLeaf: (node: unknown) => boolean;
    readonly read: (node: unknown) => NDArray;
  } | null = null,
): [arrays: NDArray[], template: Template] {
  const [leaves, def] = flatten(tree, special === null ? {} : { isLeaf: special.isLeaf });
  const arrays: NDArray[] = [];
  const places: number[] = [];
  const rest = leaves.map((leaf, i) => {
    const isSpecial = special !== null && special.isLeaf(leaf);
    if (!isSpecial && !isArrayLeaf(leaf)) return leaf;
    arrays.push(isSpecial ? special.read(leaf) : toNDArray(leaf as NDArray | TypedArray, where));
    places.push(i);
    return null;
  });
  return [arrays, new Template(def, rest, places)];
}

/** What a value of a tree is called where trees are compared. */
export interface Comparison {
  /** The public function. */
  readonly caller: string;
  /** What must be alike, as in `the body must give a carry like the one it takes`. */
  readonly rule: string;
  /** What paths begin with. */
  readonly root: string;
  /** What comes between the two values, as in `going in` and `coming out`. */
  readonly before: string;
  readonly after: string;
}

/**
 * Checks that two trees have one structure, the same leaves that are no arrays, and arrays of the same shapes and dtypes. Tells which arrays have a weak
 * type before and none after.
 */
export function compareTrees(
  [before, beforeArrays]: readonly [Template, readonly NDArray[]],
  [after, afterArrays]: readonly [Template, readonly NDArray[]],
  { caller, rule, root, before: first, after: second }: Comparison,
): boolean[] {
  const difference = () =>
    `. The difference:\n${diff(before.fill(beforeArrays), after.fill(afterArrays))}`;
  if (before.def !== after.def) {
    const why = describeDifference(before.def, after.def, root) ?? "the structures differ";
    throw new TreeError(`${caller}: ${rule}: ${why}${difference()}`);
  }
  const paths = leafPaths(before.def);
  const isArray = (t: Template) => new Map(t.places.map((place, i) => [place, i]));
  const [ins, outs] = [isArray(before), isArray(after)];
  const weakened: boolean[] = before.places.map(() => false);
  before.leaves.forEach((leaf, place) => {
    const path = keystr(paths[place], root);
    const [i, o] = [ins.get(place), outs.get(place)];
    if (i === undefined && o === undefined) {
      const value = after.leaves[place];
      if (staticEqual(leaf, value)) return;
      throw new ArgumentError(
        `${caller}: ${rule}: what is no array is static and must not change: ${path} is ${
          describeNode(leaf)
        } ${first}, ${describeNode(value)} ${second}`,
      );
    }
    if (i === undefined || o === undefined) {
      const [one, other] = i === undefined
        ? [describeNode(leaf), formatAval(afterArrays[o!].aval)]
        : [formatAval(beforeArrays[i].aval), describeNode(after.leaves[place])];
      const hint = typeof (i === undefined ? leaf : after.leaves[place]) === "number"
        ? ". A number is static; make it an array by numpy.array(...)"
        : "";
      throw new ArgumentError(
        `${caller}: ${rule}: ${path} is ${one} ${first}, ${other} ${second}${hint}${difference()}`,
      );
    }
    const [x, y] = [beforeArrays[i].aval, afterArrays[o].aval];
    if (withWeakType(x, false) !== withWeakType(y, false)) {
      const Wrong = x.dtype === y.dtype ? ShapeError : DTypeError;
      throw new Wrong(
        `${caller}: ${rule}: ${path} is ${formatAval(x)} ${first}, ${
          formatAval(y)
        } ${second}${difference()}`,
      );
    }
    weakened[i] = x.weakType && !y.weakType;
  });
  return weakened;
}

/** Two trees, line by line: `-` before what only the first has, `+` before what only the second has. */
export function diff(before: unknown, after: unknown): string {
  const [a, b] = [before, after].map((tree) => treePformat(tree, { width: 1 }).split("\n"));
  // A comma after what was the last line is no difference.
  const same = (i: number, k: number) => a[i]?.replace(/,$/, "") === b[k]?.replace(/,$/, "");
  let start = 0;
  while (start < a.length && start < b.length && same(start, start)) start++;
  let end = 0;
  const room = Math.min(a.length, b.length) - start;
  while (end < room && same(a.length - 1 - end, b.length - 1 - end)) end++;
  const lines = (prefix: string, list: readonly string[]) => list.map((line) => prefix + line);
  return [
    ...lines("  ", a.slice(0, start)),
    ...lines("- ", a.slice(start, a.length - end)),
    ...lines("+ ", b.slice(start, b.length - end)),
    ...lines("  ", a.slice(a.length - end)),
  ].join("\n");
}

/** Runs `trace` until the carry keeps its weak types: where a strong type comes out, the next attempt goes in with one. */
export function settleWeakTypes<T>(
  carry: readonly NDArray[],
  trace: (avals: readonly ShapedArray[]) => { readonly result: T; readonly weakened: boolean[] },
): [result: T, carry: NDArray[]] {
  let arrays = [...carry];
  for (;;) {
    const { result, weakened } = trace(arrays.map((x) => x.aval));
    if (!weakened.includes(true)) return [result, arrays];
    arrays = arrays.map((x, i) => weakened[i] ? convertElementType(x, x.dtype) : x);
  }
}
