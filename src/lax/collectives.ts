/**
 * Collectives over the named axis of an enclosing `vmap` or `pmap`.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape } from "../core/aval.ts";
import { type AxisName, axisSizeOf } from "../core/axis_env.ts";
import { asArray, normalizeAxis } from "../numpy/promote.ts";
import { divide, multiply } from "../numpy/ufuncs.ts";
import * as ops from "../ops/collective.ts";
import { convertElementType } from "../ops/convert.ts";
import { moveAxis, squeeze } from "../ops/shape.ts";
import { map } from "../tree/map.ts";

/** One axis name, or several. */
export type AxisNames = AxisName | readonly AxisName[];

/** Options of every collective. */
export interface CollectiveOptions {
  /** Groups of examples that reduce apart, which mapped axes do not have: only `null`. */
  readonly axisIndexGroups?: null;
}

/** Options of {@linkcode allGather}. */
export interface AllGatherOptions extends CollectiveOptions {
  /** The axis of the result along which the examples lie; 0 unless given. */
  readonly axis?: number;
  /** Whether they are put behind each other along an axis that is there, and not along a new one. */
  readonly tiled?: boolean;
}

/** Options of {@linkcode psumScatter}. */
export interface PsumScatterOptions extends CollectiveOptions {
  /** The axis that is dealt out; 0 unless given. */
  readonly scatterDimension?: number;
  /** Whether the axis stays, with an nth of the size; else it has one element for each example, and goes. */
  readonly tiled?: boolean;
}

/** Options of {@linkcode allToAll}. */
export interface AllToAllOptions extends CollectiveOptions {
  /** Whether both axes stay, one an nth of its size and the other n times it; else the split one goes and a new one comes. */
  readonly tiled?: boolean;
}

const namesOf = (names: AxisNames): AxisName[] =>
  (Array.isArray(names) ? [...names] : [names]) as AxisName[];

function checkOptions(options: CollectiveOptions, where: string): void {
  const groups: unknown = options.axisIndexGroups ?? null;
  if (groups !== null) {
    throw new ArgumentError(
      `${where}: axisIndexGroups are not supported over the axes of vmap and pmap; map over two axes, one of groups and one of members, and name the one to reduce over`,
    );
  }
}

/** The one name of a collective that takes no several. */
function oneName(names: AxisNames, where: string): AxisName {
  const [name, ...more] = namesOf(names);
  if (name === undefined || more.length > 0) {
    throw new ArgumentError(`${where}: takes one axis name, got [${namesOf(names).map(String)}]`);
  }
  return name;
}

/** Applies `fn` to every leaf of a tree, as an array. */
function eachArray<T>(x: T, where: string, fn: (x: NDArray) => NDArray): T {
  return map((leaf: unknown) => fn(asArray(leaf as NDArray, where)), x) as T;
}

/** Applies a reduction to every leaf of a tree, over each of the axes; host numbers stay host numbers. */
function reduceOver<T>(
  x: T,
  axisName: AxisNames,
  where: string,
  each: (x: NDArray, name: AxisName) => NDArray,
  ofConstant: (x: number, size: number) => number,
): T {
  const names = namesOf(axisName);
  const sizes = names.map((name) => axisSizeOf(name, where));
  return map((leaf: unknown) => {
    if (typeof leaf === "number") {
      return sizes.reduce((value, size) => ofConstant(value, size), leaf);
    }
    return names.reduce((value, name) => each(value, name), asArray(leaf as NDArray, where));
  }, x) as T;
}

/**
 * The sum over all examples of a mapped axis; the same for each of them. A host number is multiplied by the number of examples;
 * booleans are counted, as int32.
 *
 * @param x An array, or a tree of them.
 * @param axisName The `axisName` of an enclosing `vmap`, `filterVmap` or `filterPmap`, or several. Of two of one name the inner counts.
 * @throws {AxisNameError} Where no such axis is mapped.
 *
 * @example
 * ```ts
 * import { filterVmap, lax, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * const share = filterVmap((x: NDArray) => x.div(lax.psum(x, "i")), { axisName: "i" });
 * share(np.array([1, 2, 5])).tolist(); // [0.125, 0.25, 0.625]
 * ```
 */
export function psum<T>(x: T, axisName: AxisNames, options: CollectiveOptions = {}): T {
  checkOptions(options, "lax.psum");
  const sum = (x: NDArray, name: AxisName) =>
    ops.psum(x.dtype === "bool" ? convertElementType(x, "int32") : x, name);
  return reduceOver(x, axisName, "lax.psum", sum, (v, size) => v * size);
}

/** The mean over all examples of a mapped axis; floating. */
export function pmean<T>(x: T, axisName: AxisNames, options: CollectiveOptions = {}): T {
  checkOptions(options, "lax.pmean");
  const total = namesOf(axisName).reduce<number>((n, name) => n * axisSizeOf(name, "lax.pmean"), 1);
  return map(
    (leaf: unknown) =>
      typeof leaf === "number" ? leaf : divide(psum(leaf as NDArray, axisName), total),
    x,
  ) as T;
}

/** The maximum over all examples of a mapped axis. Its derivative is the mean of those of the examples that are the maximum. */
export function pmax<T>(x: T, axisName: AxisNames, options: CollectiveOptions = {}): T {
  checkOptions(options, "lax.pmax");
  return reduceOver(x, axisName, "lax.pmax", ops.pmax, (v) => v);
}

/** The minimum over all examples of a mapped axis. Its derivative is the mean of those of the examples that are the minimum. */
export function pmin<T>(x: T, axisName: AxisNames, options: CollectiveOptions = {}): T {
  checkOptions(options, "lax.pmin");
  return reduceOver(x, axisName, "lax.pmin", ops.pmin, (v) => v);
}

/**
 * The values of all examples of a mapped axis; the same for each of them.
 *
 * @param x An array, or a tree of them.
 * @param axisName The name of a mapped axis, or several: then counted row-major.
 * @returns Arrays with one more axis, `axis`, along which the examples lie; with `tiled` they lie behind each other along an
 * axis that is there.
 * @throws {AxisNameError} Where no such axis is mapped.
 *
 * @example
 * ```ts
 * import { filterVmap, lax, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * const everyone = filterVmap((x: NDArray) => lax.allGather(x, "i"), { axisName: "i", outAxes: null });
 * everyone(np.array([1, 2, 5])).tolist(); // [1, 2, 5]
 * ```
 */
export function allGather<T>(x: T, axisName: AxisNames, options: AllGatherOptions = {}): T {
  const where = "lax.allGather";
  checkOptions(options, where);
  const { axis = 0, tiled = false } = options;
  const names = namesOf(axisName);
  const sizes = names.map((name) => axisSizeOf(name, where));
  return eachArray(x, where, (x) => {
    const at = normalizeAxis(axis, tiled ? x.ndim : x.ndim + 1, where);
    // The last name is gathered first, so that it counts fastest.
    return names.reduceRight((value, axisName, i) =>
      ops.allGather(value, {
        axisName,
        axisSize: sizes[i],
        allGatherDimension: at,
        tiled: tiled || i < names.length - 1,
      }), x);
  });
}

/**
 * Each example's part of the sum over all examples of a mapped axis.
 *
 * @param x An array, or a tree of them.
 * @param axisName The name of a mapped axis of `n` examples, or several: then `n` is their product, and parts are dealt out row-major.
 * @returns For example `i`, element `i` of the sum along `scatterDimension`, which must have size `n`; with `tiled` the `i`-th of `n`
 * parts of it.
 * @throws {AxisNameError} Where no such axis is mapped.
 * @throws {ShapeError} Where the axis cannot be dealt out.
 *
 * @example
 * ```ts
 * import { filterVmap, lax, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * const part = filterVmap((x: NDArray) => lax.psumScatter(x, "i"), { axisName: "i" });
 * part(np.array([[1, 2], [10, 20]])).tolist(); // [11, 22]
 * ```
 */
export function psumScatter<T>(x: T, axisName: AxisNames, options: PsumScatterOptions = {}): T {
  const where = "lax.psumScatter";
  checkOptions(options, where);
  const { scatterDimension = 0, tiled = false } = options;
  const names = namesOf(axisName);
  const sizes = names.map((name) => axisSizeOf(name, where));
  const total = sizes.reduce((n, size) => n * size, 1);
  return eachArray(x, where, (x) => {
    const at = normalizeAxis(scatterDimension, x.ndim, where);
    if (tiled ? x.shape[at] % Math.max(total, 1) !== 0 : x.shape[at] !== total) {
      throw new ShapeError(
        `${where}: axis ${at} (scatterDimension) of shape ${formatShape(x.shape)} must ${
          tiled ? "be divisible by" : "have"
        } the number of examples, ${total}${tiled ? "" : "; or use tiled: true"}`,
      );
    }
    if (names.length === 1) {
      const params = { axisName: names[0], axisSize: total, scatterDimension: at, tiled };
      return ops.reduceScatter(x, params);
    }
    const part = names.reduce<NDArray>((value, axisName, i) =>
      ops.reduceScatter(value, {
        axisName,
        axisSize: sizes[i],
        scatterDimension: at,
        tiled: true,
      }), x);
    return tiled ? part : squeeze(part, [at]);
  });
}

/**
 * Each example hands a part of its value to each other: what was split over the examples along one axis is then split along another.
 *
 * @param x An array, or a tree of them.
 * @param axisName The name of a mapped axis of `n` examples.
 * @param splitAxis The axis that is cut into `n` parts, of one element each unless `tiled`; part `i` goes to example `i`.
 * @param concatAxis Where the parts that an example gets are put behind each other: a new axis of the result, or with `tiled` one that is there.
 * @throws {AxisNameError} Where no such axis is mapped.
 * @throws {ShapeError} Where the axis cannot be cut so.
 *
 * @example
 * ```ts
 * import { filterVmap, lax, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * const exchange = filterVmap((x: NDArray) => lax.allToAll(x, "i", 0, 0), { axisName: "i" });
 * exchange(np.array([[1, 2], [3, 4]])).tolist(); // [[1, 3], [2, 4]]
 * ```
 */
export function allToAll<T>(
  x: T,
  axisName: AxisNames,
  splitAxis: number,
  concatAxis: number,
  options: AllToAllOptions = {},
): T {
  const where = "lax.allToAll";
  checkOptions(options, where);
  const name = oneName(axisName, where);
  const axisSize = axisSizeOf(name, where);
  return eachArray(x, where, (x) => {
    const split = normalizeAxis(splitAxis, x.ndim, where);
    const concat = normalizeAxis(concatAxis, x.ndim, where);
    if (options.tiled === true) {
      if (x.shape[split] % Math.max(axisSize, 1) !== 0) {
        throw new ShapeError(
          `${where}: axis ${split} (splitAxis) of shape ${
            formatShape(x.shape)
          } must be divisible by the size of the mapped axis, ${axisSize}`,
        );
      }
      return ops.allToAll(x, { axisName: name, axisSize, splitAxis: split, concatAxis: concat });
    }
    if (x.shape[split] !== axisSize) {
      throw new ShapeError(
        `${where}: axis ${split} (splitAxis) of shape ${
          formatShape(x.shape)
        } must have the size of the mapped axis, ${axisSize}; or use tiled: true`,
      );
    }
    // The parts come in along the axis that was cut, one element each; then it becomes the new axis.
    const params = { axisName: name, axisSize, splitAxis: split, concatAxis: split };
    return moveAxis(ops.allToAll(x, params), split, concat);
  });
}

/**
 * The values of the examples of a mapped axis, exchanged.
 *
 * @param x An array, or a tree of them.
 * @param axisName The name of a mapped axis.
 * @param perm Pairs `[source, target]` of example numbers: each example is the source of one and the target of one.
 * @throws {AxisNameError} Where no such axis is mapped.
 * @throws {ArgumentError} Where `perm` is no permutation of the examples.
 *
 * @example
 * ```ts
 * import { filterVmap, lax, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * const shift = filterVmap((x: NDArray) => lax.ppermute(x, "i", [[0, 1], [1, 2], [2, 0]]), { axisName: "i" });
 * shift(np.array([1, 2, 5])).tolist(); // [5, 1, 2]
 * ```
 */
export function ppermute<T>(
  x: T,
  axisName: AxisNames,
  perm: readonly (readonly [source: number, target: number])[],
): T {
  return permuted(x, axisName, perm, "lax.ppermute");
}

/** {@linkcode ppermute}, called by another name too. */
function permuted<T>(
  x: T,
  axisName: AxisNames,
  perm: readonly (readonly [number, number])[],
  where: string,
): T {
  const name = oneName(axisName, where);
  const size = axisSizeOf(name, where);
  const isPermutation = (numbers: readonly number[]) =>
    numbers.length === size && new Set(numbers).size === size &&
    numbers.every((n) => Number.isInteger(n) && n >= 0 && n < size);
  if (!isPermutation(perm.map(([s]) => s)) || !isPermutation(perm.map(([, t]) => t))) {
    throw new ArgumentError(
      `${where}: perm must be a permutation of the ${size} examples of axis ${
        String(name)
      }, each once a source and once a target; got ${perm.map((p) => `[${p}]`).join(", ")}`,
    );
  }
  return eachArray(x, where, (x) => ops.ppermute(x, name, perm));
}

/**
 * The values of the examples of a mapped axis, exchanged: example `i` gets that of example `perm[i]`.
 *
 * @throws {ArgumentError} Where `perm` is no permutation of the examples.
 */
export function pshuffle<T>(x: T, axisName: AxisNames, perm: readonly number[]): T {
  return permuted(x, axisName, perm.map((source, target) => [source, target]), "lax.pshuffle");
}

/** The number of the example along a mapped axis, int32; along several, counted row-major. */
export function axisIndex(axisName: AxisNames): NDArray {
  const [first, ...rest] = namesOf(axisName);
  axisSizeOf(first, "lax.axisIndex");
  return rest.reduce<NDArray>((index, name) => {
    const size = axisSizeOf(name, "lax.axisIndex");
    return multiply(index, size).add(ops.axisIndex(name));
  }, ops.axisIndex(first));
}

/** The number of examples of a mapped axis; of several, of all together. */
export function axisSize(axisName: AxisNames): number {
  return namesOf(axisName).reduce<number>((n, name) => n * axisSizeOf(name, "lax.axisSize"), 1);
}
