/**
 * Which axis of each leaf is mapped: the `inAxes` and `outAxes` of `filterVmap` and `filterPmap`, read against the leaves that are there.
 *
 * @module
 */
import { ArgumentError, ShapeError, TreeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape } from "../core/aval.ts";
import { asArray, isHostScalar } from "../numpy/promote.ts";
import { flatten, isNull, leafPaths } from "../tree/flatten.ts";
import { isKwargs, splitKwargs } from "../tree/kwargs.ts";
import { broadcastPrefix } from "../tree/map.ts";
import { keystr, type Path } from "../tree/path.ts";
import type { TreeDef } from "../tree/treedef.ts";
import { ifArray } from "./if_array.ts";
import { isArrayLeaf, toNDArray } from "./leaves.ts";
import { parameterNames } from "./parameter_names.ts";

/** The axis of each leaf of `tree`, from a spec that is a prefix of it. */
export function resolveAxes(
  caller: string,
  option: "inAxes" | "outAxes",
  spec: unknown,
  tree: unknown,
  leaves: readonly unknown[],
): (number | null)[] {
  const axes = typeof spec === "number" || typeof spec === "function" || isNull(spec)
    ? leaves.map(() => spec)
    : broadcastPrefix(spec, tree, {
      isLeaf: isNull,
      caller: `${caller}: ${option}`,
      name: option === "inAxes" ? "args" : "output",
    });
  return axes.map((axis, i): number | null => {
    if (isNull(axis)) return null;
    const value: unknown = typeof axis === "function"
      ? (axis as (leaf: unknown) => unknown)(leaves[i])
      : axis;
    if (isNull(value)) return null;
    if (!Number.isInteger(value)) {
      const came = typeof axis === "function"
        ? `a function that gave ${describe(value)}`
        : describe(value);
      throw new ArgumentError(
        `${caller}: ${option} must consist of null, integers and functions leaf => integer | null; got ${came}`,
      );
    }
    return value as number;
  });
}

function describe(x: unknown): string {
  if (typeof x === "string") return JSON.stringify(x);
  return typeof x === "object" && x !== null ? `a ${x.constructor?.name ?? "object"}` : String(x);
}

/** A spec for positional arguments, and one for each keyword argument. */
function withKeywords(
  args: readonly unknown[],
  positional: readonly unknown[],
  named: Readonly<Record<string, unknown>> = {},
): unknown[] {
  const [, given] = splitKwargs(args);
  if (given === null) return [...positional];
  const own: Record<string, unknown> = Object.create(Object.getPrototypeOf(given));
  for (const key of Object.keys(given)) own[key] = key in named ? named[key] : ifArray(0);
  return [...positional, own];
}

/** `inAxes` keyed by parameter name, as one entry for each argument. */
function axesByName(
  caller: string,
  fun: unknown,
  inAxes: Readonly<Record<string, unknown>>,
  args: readonly unknown[],
  argNames: readonly string[] | null,
): unknown[] {
  const [positional, named] = splitKwargs(args);
  const names = argNames ?? parameterNames(fun, caller);
  const spec = positional.map((_, i) => {
    const name = names[i];
    return name !== undefined && name in inAxes ? inAxes[name] : ifArray(0);
  });
  const known = new Set([...names.slice(0, positional.length), ...Object.keys(named ?? {})]);
  const unknown = Object.keys(inAxes).filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new ArgumentError(
      `${caller}: inAxes names no argument of this call: ${unknown.join(", ")}; the arguments are ${
        [...known].join(", ")
      }. If the names cannot be read off the function, give argNames: [...]`,
    );
  }
  return withKeywords(args, spec, inAxes);
}

function isNameObject(inAxes: unknown): inAxes is Readonly<Record<string, unknown>> {
  return typeof inAxes === "object" && inAxes !== null && !Array.isArray(inAxes) &&
    !isKwargs(inAxes) &&
    Object.getPrototypeOf(inAxes) === Object.prototype;
}

/** `inAxes` in any of its forms, as one entry for each argument, keyword arguments last. */
function axesOfArguments(
  caller: string,
  fun: unknown,
  inAxes: unknown,
  args: readonly unknown[],
  argNames: readonly string[] | null,
): unknown[] {
  if (isNameObject(inAxes)) return axesByName(caller, fun, inAxes, args, argNames);
  const [positional] = splitKwargs(args);
  if (typeof inAxes === "number" || typeof inAxes === "function" || isNull(inAxes)) {
    return withKeywords(args, positional.map(() => inAxes));
  }
  if (!Array.isArray(inAxes)) {
    throw new ArgumentError(
      `${caller}: inAxes must be an axis, null, a function, a list with an entry for each argument, or an object keyed by parameter name; got ${
        describe(inAxes)
      }`,
    );
  }
  if (inAxes.length !== positional.length) {
    throw new TreeError(
      `${caller}: inAxes has ${inAxes.length} entries for ${positional.length} arguments; give one for each (null to leave one unmapped)`,
    );
  }
  return withKeywords(args, inAxes);
}

/** The arguments of a mapped function: what is mapped, along which axis, how many examples there are. */
export interface MappedArguments {
  readonly leaves: readonly unknown[];
  readonly treedef: TreeDef;
  /** The leaves that are mapped, as arrays; their places among the leaves, and their axes, non-negative. */
  readonly arrays: readonly NDArray[];
  readonly places: readonly number[];
  readonly dims: readonly number[];
  /** The number of examples, or `null` where nothing tells. */
  readonly size: number | null;
}

/**
 * Finds what a call maps.
 *
 * @throws {TreeError} Where `inAxes` does not fit the arguments.
 * @throws {ArgumentError} For axes that are none, and for something to be mapped that is no array.
 * @throws {ShapeError} Where an array has no such axis, or mapped axes differ in size.
 */
export function mappedArguments(
  caller: string,
  fun: unknown,
  args: unknown[],
  inAxes: unknown,
  axisSize: number | null,
  argNames: readonly string[] | null,
): MappedArguments {
  const [leaves, treedef] = flatten(args);
  const spec = axesOfArguments(caller, fun, inAxes, args, argNames);
  const axes = resolveAxes(caller, "inAxes", spec, args, leaves);
  const nameOf = (i: number) => leafName(leafPaths(treedef)[i], args, fun, argNames);
  const places = leaves.flatMap((_, i) => axes[i] === null ? [] : [i]);
  const arrays = places.map((i) => {
    const leaf = leaves[i];
    if (isArrayLeaf(leaf)) return toNDArray(leaf, caller);
    if (isHostScalar(leaf)) return asArray(leaf, caller); // which has no axis to map
    throw new ArgumentError(
      `${caller}: ${nameOf(i)} is to be mapped along axis ${axes[i]}, but it is no array: got ${
        describe(leaf)
      }. Use null, or ifArray(${axes[i]}), for it`,
    );
  });
  const dims = places.map((place, i) => {
    const axis = axes[place]!;
    const { ndim, shape } = arrays[i];
    const dim = axis < 0 ? axis + ndim : axis;
    if (dim < 0 || dim >= ndim) {
      throw new ShapeError(
        `${caller}: was asked to map ${nameOf(place)} along axis ${axis}, which needs rank ${
          axis < 0 ? -axis : axis + 1
        } or more; it has shape ${formatShape(shape)}`,
      );
    }
    return dim;
  });
  const sizes = dims.map((dim, i) => arrays[i].shape[dim]);
  const size = axisSize ?? sizes[0] ?? null;
  if (sizes.some((n) => n !== size)) {
    throw sizesDiffer(
      caller,
      sizes,
      axisSize,
      (i) => `axis ${axes[places[i]]} of ${nameOf(places[i])}`,
    );
  }
  return { leaves, treedef, arrays, places, dims, size };
}

/** A leaf of the arguments, for messages: its path, and the parameter's name where it can be told. */
function leafName(
  path: Path,
  args: readonly unknown[],
  fun: unknown,
  argNames: readonly string[] | null,
): string {
  const [head] = path;
  const [positional] = splitKwargs(args);
  const text = keystr(path, "args");
  if (head?.kind !== "index" || head.index >= positional.length) return text;
  let names = argNames;
  try {
    names ??= parameterNames(fun, "");
  } catch { /* a name is a courtesy */ }
  const name = names?.[head.index] ?? "";
  return name === "" ? text : `${text} (${name})`;
}

/** The error for mapped axes of several sizes: all of them, those of one size together. */
function sizesDiffer(
  caller: string,
  sizes: readonly number[],
  axisSize: number | null,
  axisOf: (i: number) => string,
): ShapeError {
  const groups = new Map<number, string[]>();
  if (axisSize !== null) groups.set(axisSize, ["the axisSize option"]);
  sizes.forEach((n, i) => groups.set(n, [...groups.get(n) ?? [], axisOf(i)]));
  const lines = [...groups].map(([n, who]) => `\n  size ${n}: ${who.join(", ")}`);
  return new ShapeError(
    `${caller}: got inconsistent sizes for the axes to be mapped:${lines.join("")}`,
  );
}
