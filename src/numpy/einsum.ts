/**
 * `einsum`: sums of products, written in index notation.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { formatShape } from "../core/aval.ts";
import { checkDType, type DType } from "../core/dtype.ts";
import * as arith from "../ops/arith.ts";
import { convertElementType } from "../ops/convert.ts";
import { dotGeneral } from "../ops/dot.ts";
import { broadcastInDim, reduceSum, squeeze, transpose } from "../ops/shape.ts";
import { isKwargs, type Kwargs } from "../tree/kwargs.ts";
import { describe } from "./axes.ts";
import { promote } from "./promote.ts";
import { diagonalOf } from "./triangles.ts";

/** Options of {@linkcode einsum}, in a trailing `kwargs({...})`. */
export interface EinsumOptions {
  /** Whether to choose the order of contraction (the default), or contract from left to right. */
  readonly optimize?: boolean;
  /** The dtype to compute in, and of the result; that of the operands unless given. */
  readonly preferredElementType?: DType;
}

/** An array with a name for each axis: a letter, or `.0`, `.1`, … for the ellipsis, counted from the right. */
interface Term {
  readonly array: NDArray;
  readonly labels: readonly string[];
}

const where = "numpy.einsum";

/**
 * Sums of products over named axes: `einsum("ij,jk->ik", x, y)` is a matrix product.
 *
 * A letter names an axis; what the output does not name is summed over; a letter that repeats within an operand takes its
 * diagonal; `...` stands for axes that broadcast. Without `->` the output has the ellipsis, then the letters that occur once, in
 * alphabetical order. Axes of size 1 stretch.
 *
 * More than two operands are contracted two at a time, in the order that takes the fewest products; of more than five, the
 * first ones by the greedy rule of opt_einsum (Smith and Gray, 2018): always the pair whose product is smallest compared with what it
 * replaces, pairs without a common letter last.
 *
 * @param subscripts The letters.
 * @param operands The arrays; options in a trailing `kwargs({...})`.
 * @throws {ArgumentError} Where the subscripts do not parse.
 * @throws {ShapeError} Where they do not fit the operands.
 *
 * @example
 * ```ts
 * import { numpy as np } from "@vernal/vernal";
 *
 * const x = np.array([[1, 2], [3, 4]]);
 * np.einsum("ij,jk->ik", x, x).tolist(); // [[7, 10], [15, 22]]
 * np.einsum("ii", x).item(); // 5
 * ```
 */
export function einsum(
  subscripts: string,
  ...operands: (ArrayLike | Kwargs<EinsumOptions>)[]
): NDArray {
  const last = operands.at(-1);
  const options: EinsumOptions = isKwargs(last) ? last as EinsumOptions : {};
  const given = (isKwargs(last) ? operands.slice(0, -1) : operands) as ArrayLike[];
  if (typeof subscripts !== "string") {
    throw new ArgumentError(
      `${where}: the first argument must be the subscripts, such as "ij,jk->ik"; got ${
        describe(subscripts)
      }`,
    );
  }
  if (given.length === 0) throw new ArgumentError(`${where}: needs at least one operand`);
  let arrays = promote(given, where);
  const { inputs, output } = parse(subscripts, arrays);
  const dtype = options.preferredElementType === undefined
    ? arrays[0].dtype
    : checkDType(options.preferredElementType, `${where}: preferredElementType`);
  // Bools have no sum: count, and ask whether the count is not zero.
  const computeIn = dtype === "bool" ? "int32" : dtype;
  arrays = arrays.map((a) => convertElementType(a, computeIn, a.weakType && a.dtype === computeIn));
  const sizes = labelSizes(subscripts, arrays, inputs);
  let terms = arrays.map((array, i) => simplified({ array, labels: inputs[i] }, sizes));
  while (terms.length > 1) {
    const [i, j] = options.optimize === false ? [0, 1] : nextPair(terms, output, sizes);
    const rest = terms.filter((_, k) => k !== i && k !== j);
    const needed = new Set([...output, ...rest.flatMap((t) => t.labels)]);
    const product = contract(terms[i], terms[j], needed, output);
    // From left to right the product comes first; otherwise its place does not matter.
    terms = [product, ...rest];
  }
  const only = summed(terms[0], (label) => output.includes(label));
  const result = transpose(only.array, output.map((label) => only.labels.indexOf(label)));
  return dtype === computeIn ? result : convertElementType(result, dtype);
}

/** The labels of each operand's axes and of the output's. */
function parse(
  subscripts: string,
  arrays: readonly NDArray[],
): { readonly inputs: readonly (readonly string[])[]; readonly output: readonly string[] } {
  const refuse = (why: string) => new ArgumentError(`${where}: subscripts "${subscripts}": ${why}`);
  const [left, right, ...more] = subscripts.replaceAll(" ", "").split("->");
  if (more.length > 0) throw refuse('"->" may occur once');
  const parts = left.split(",");
  if (parts.length !== arrays.length) {
    throw refuse(`they name ${parts.length} operands, but ${arrays.length} came`);
  }
  for (const part of right === undefined ? parts : [...parts, right]) {
    if (!/^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(part)) {
      throw refuse(`"${part}" may hold letters and one "..."`);
    }
  }
  let widest = 0;
  const dots = (count: number) => Array.from({ length: count }, (_, i) => `.${count - 1 - i}`);
  const inputs = parts.map((part, k) => {
    const letters = part.replace("...", "").length;
    const { ndim, shape } = arrays[k];
    const hidden = part.includes("...") ? ndim - letters : 0;
    if (hidden < 0 || letters + hidden !== ndim) {
      throw new ShapeError(
        `${where}: subscripts "${subscripts}": "${part}" names ${letters} axes, but operand ${k} has shape ${
          formatShape(shape)
        }`,
      );
    }
    widest = Math.max(widest, hidden);
    const [before, after] = part.includes("...") ? part.split("...") : [part, ""];
    return [...before, ...dots(hidden), ...after];
  });
  if (right === undefined) {
    const letters = [...parts.join("").replaceAll("...", "")];
    const once = letters.filter((c) => letters.indexOf(c) === letters.lastIndexOf(c)).sort();
    return { inputs, output: [...dots(widest), ...once] };
  }
  const [before, after] = right.includes("...") ? right.split("...") : [right, ""];
  const output = [...before, ...(right.includes("...") ? dots(widest) : []), ...after];
  const known = new Set(inputs.flat());
  output.forEach((label, i) => {
    if (!known.has(label)) throw refuse(`the output names "${label}", which no operand has`);
    if (output.indexOf(label) !== i) throw refuse(`the output names "${label}" twice`);
  });
  return { inputs, output };
}

/** The size of each label; an axis of size 1 goes with any. */
function labelSizes(
  subscripts: string,
  arrays: readonly NDArray[],
  inputs: readonly (readonly string[])[],
): Map<string, number> {
  const sizes = new Map<string, number>();
  inputs.forEach((labels, k) =>
    labels.forEach((label, axis) => {
      const [size, known] = [arrays[k].shape[axis], sizes.get(label) ?? 1];
      if (known !== 1 && size !== 1 && size !== known) {
        const name = label.startsWith(".") ? "the ellipsis" : `"${label}"`;
        throw new ShapeError(
          `${where}: subscripts "${subscripts}": ${name} has size ${known}, but ${size} in operand ${k}, shape ${
            formatShape(arrays[k].shape)
          }`,
        );
      }
      sizes.set(label, known === 1 ? size : known);
    })
  );
  return sizes;
}

/** Repeated labels become diagonals; axes of size 1 that would stretch are dropped, since the product stretches. */
function simplified({ array, labels }: Term, sizes: ReadonlyMap<string, number>): Term {
  const dropped = labels.flatMap((label, axis) =>
    array.shape[axis] === 1 && sizes.get(label) !== 1 ? [axis] : []
  );
  let out = squeeze(array, dropped);
  let kept = labels.filter((_, axis) => !dropped.includes(axis));
  for (;;) {
    const j = kept.findIndex((label, axis) => kept.indexOf(label) !== axis);
    if (j < 0) return { array: out, labels: kept };
    const i = kept.indexOf(kept[j]);
    out = diagonalOf(out, i, j, 0);
    kept = [...kept.filter((_, axis) => axis !== i && axis !== j), kept[j]];
  }
}

/** Sums over the axes that nobody needs. */
function summed({ array, labels }: Term, needed: (label: string) => boolean): Term {
  const gone = labels.flatMap((label, axis) => needed(label) ? [] : [axis]);
  return { array: reduceSum(array, gone), labels: labels.filter(needed) };
}

/** Up to so many operands every order is looked at; beyond, the pair that shrinks most is taken. */
const mostExhaustive = 5;

type Sizes = ReadonlyMap<string, number>;

function volume(labels: Iterable<string>, sizes: Sizes): number {
  let product = 1;
  for (const label of labels) product *= sizes.get(label)!;
  return product;
}

/** What contracting two of several terms costs, and the terms that are left: the product first. */
function afterPair(
  terms: readonly (readonly string[])[],
  i: number,
  j: number,
  output: readonly string[],
  sizes: Sizes,
): { readonly cost: number; readonly left: readonly (readonly string[])[] } {
  const rest = terms.filter((_, k) => k !== i && k !== j);
  const needed = new Set([...output, ...rest.flat()]);
  const all = new Set([...terms[i], ...terms[j]]);
  const product = [...all].filter((label) => needed.has(label));
  return { cost: volume(all, sizes), left: [product, ...rest] };
}

/** The pair with which the cheapest order begins, and how many products that order takes. */
function cheapestOrder(
  terms: readonly (readonly string[])[],
  output: readonly string[],
  sizes: Sizes,
): { readonly pair: [number, number]; readonly cost: number } {
  let best: [number, number] = [0, 1];
  let least = terms.length < 2 ? 0 : Infinity;
  for (let i = 0; i < terms.length; i++) {
    for (let j = i + 1; j < terms.length; j++) {
      const { cost, left } = afterPair(terms, i, j, output, sizes);
      const total = cost + cheapestOrder(left, output, sizes).cost;
      if (total < least) [best, least] = [[i, j], total];
    }
  }
  return { pair: best, cost: least };
}

/** The pair whose product is smallest compared with what it replaces, of those with a common letter if there are any. */
function greedyPair(
  terms: readonly (readonly string[])[],
  output: readonly string[],
  sizes: Sizes,
): [number, number] {
  let best: [number, number] = [0, 1];
  let least = [Infinity, Infinity, Infinity];
  for (let i = 0; i < terms.length; i++) {
    for (let j = i + 1; j < terms.length; j++) {
      const [a, b] = [terms[i], terms[j]];
      const { cost, left } = afterPair(terms, i, j, output, sizes);
      const apart = a.some((label) => b.includes(label)) ? 0 : 1;
      const growth = volume(left[0], sizes) - volume(a, sizes) - volume(b, sizes);
      const rank = [apart, growth, cost];
      const k = rank.findIndex((v, at) => v !== least[at]);
      if (k >= 0 && rank[k] < least[k]) [best, least] = [[i, j], rank];
    }
  }
  return best;
}

/** The pair to contract next. */
function nextPair(
  terms: readonly Term[],
  output: readonly string[],
  sizes: Sizes,
): [number, number] {
  const labels = terms.map((t) => t.labels);
  if (labels.length > mostExhaustive) return greedyPair(labels, output, sizes);
  return cheapestOrder(labels, output, sizes).pair;
}

/** The product of two terms, summed over the labels that nobody else needs. */
function contract(
  left: Term,
  right: Term,
  needed: ReadonlySet<string>,
  output: readonly string[],
): Term {
  // What one of the two alone has is summed before the product, which is smaller for it.
  const a = summed(left, (label) => needed.has(label) || right.labels.includes(label));
  const b = summed(right, (label) => needed.has(label) || left.labels.includes(label));
  const common = a.labels.filter((label) => b.labels.includes(label));
  const contracted = common.filter((label) => !needed.has(label));
  const batch = common.filter((label) => needed.has(label));
  batch.sort((p, q) => output.indexOf(p) - output.indexOf(q));
  const free = (t: Term) => t.labels.filter((label) => !common.includes(label));
  if (contracted.length === 0) return multiplied(a, b, output);
  // Of the two orders, the one that leaves no axes to permute, where there is one.
  const backwards = [...batch, ...free(b), ...free(a)];
  const [x, y] = backwards.join() === output.join() ? [b, a] : [a, b];
  const axes = (t: Term, labels: readonly string[]) => labels.map((l) => t.labels.indexOf(l));
  return {
    array: dotGeneral(x.array, y.array, [
      [axes(x, contracted), axes(y, contracted)],
      [axes(x, batch), axes(y, batch)],
    ]),
    labels: [...batch, ...free(x), ...free(y)],
  };
}

/** The product where nothing is summed: elementwise, which fuses with what comes before and after. */
function multiplied(a: Term, b: Term, output: readonly string[]): Term {
  const all = [...new Set([...a.labels, ...b.labels])];
  const labels = [
    ...output.filter((label) => all.includes(label)),
    ...all.filter((label) => !output.includes(label)),
  ];
  const shape = labels.map((label) => {
    const axis = a.labels.indexOf(label);
    return axis < 0 ? b.array.shape[b.labels.indexOf(label)] : a.array.shape[axis];
  });
  const [x, y] = [a, b].map((t) => {
    const own = labels.filter((label) => t.labels.includes(label));
    const sorted = transpose(t.array, own.map((label) => t.labels.indexOf(label)));
    return own.length === 0
      ? sorted
      : broadcastInDim(sorted, shape, own.map((label) => labels.indexOf(label)));
  });
  return { array: arith.mul(x, y), labels };
}
