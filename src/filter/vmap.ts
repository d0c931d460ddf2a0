/**
 * `filterVmap`: a function of single examples, run on all of them at once.
 *
 * @module
 */
import { ArgumentError, ShapeError, TreeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import type { AxisName } from "../core/axis_env.ts";
import { literal } from "../ops/common.ts";
import { placeAxis, vmapFlat } from "../transform/vmap.ts";
import { flatten, isNull, leafPaths, unflatten } from "../tree/flatten.ts";
import { isKwargs, splitKwargs } from "../tree/kwargs.ts";
import { broadcastPrefix } from "../tree/map.ts";
import { keystr } from "../tree/path.ts";
import { ifArray } from "./if_array.ts";
import { isArrayLeaf, toNDArray } from "./leaves.ts";
import { parameterNames } from "./parameter_names.ts";
import type { AxesSpec, Axis } from "./types.ts";
import { checkOptions, invoke, transform, type Transformation } from "./wrapper.ts";

/** Options of {@linkcode filterVmap}. */
export interface VmapOptions<A extends readonly unknown[] = readonly unknown[]> {
  /**
   * Which axis of each argument to map: an axis, `null` for none, a function that tells for each leaf, or a tree of
   * those that is a prefix of the arguments; or an object keyed by parameter name. `ifArray(0)` unless given.
   */
  readonly inAxes?: AxesSpec<A>;
  /** Where the mapped axis goes in each output: as `inAxes`, a prefix of the output. `ifArray(0)` unless given. */
  readonly outAxes?: unknown;
  /** A name by which collectives such as `lax.psum` know the mapped axis. */
  readonly axisName?: AxisName | null;
  /** The number of examples, where no argument tells. */
  readonly axisSize?: number | null;
  /** The function's parameter names, where `inAxes` is an object and they cannot be read off the function. */
  readonly argNames?: readonly string[] | null;
}

/** The axis of each leaf of `tree`, from a spec that is a prefix of it. */
function resolveAxes(
  caller: string,
  option: string,
  spec: unknown,
  tree: unknown,
  leaves: readonly unknown[],
) {
  const axes = typeof spec === "number" || typeof spec === "function" || isNull(spec)
    ? leaves.map(() => spec)
    : broadcastPrefix(spec, tree, {
      isLeaf: isNull,
      caller,
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
        ? `a function that gave ${String(value)}`
        : String(value);
      throw new ArgumentError(
        `${caller}: ${option} must consist of null, integers and functions leaf => integer | null; got ${came}`,
      );
    }
    return value as number;
  });
}

/** `inAxes` keyed by parameter name, as one entry for each argument (and an object for the kwargs). */
function axesByName(
  caller: string,
  fun: unknown,
  inAxes: Readonly<Record<string, unknown>>,
  args: readonly unknown[],
  argNames: readonly string[] | null,
): unknown[] {
  const [positional, named] = splitKwargs(args);
  const names = argNames ?? parameterNames(fun, caller);
  const spec: unknown[] = positional.map((_, i) => {
    const name = names[i];
    return name !== undefined && name in inAxes ? inAxes[name] : ifArray(0);
  });
  if (named !== null) {
    const own: Record<string, unknown> = Object.create(Object.getPrototypeOf(named));
    for (const key of Object.keys(named)) own[key] = key in inAxes ? inAxes[key] : ifArray(0);
    spec.push(own);
  }
  const known = new Set([...names.slice(0, positional.length), ...Object.keys(named ?? {})]);
  const unknown = Object.keys(inAxes).filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new ArgumentError(
      `${caller}: inAxes names no argument of this call: ${unknown.join(", ")}; the arguments are ${
        [...known].join(", ")
      }. If the names cannot be read off the function, give argNames: [...]`,
    );
  }
  return spec;
}

function isNameObject(inAxes: unknown): inAxes is Readonly<Record<string, unknown>> {
  return typeof inAxes === "object" && inAxes !== null && !Array.isArray(inAxes) &&
    !isKwargs(inAxes) &&
    Object.getPrototypeOf(inAxes) === Object.prototype;
}

/** The size of the mapped axis, on which all mapped leaves must agree. */
function axisSizeOf(
  caller: string,
  arrays: readonly (NDArray | null)[],
  axes: readonly (number | null)[],
  paths: () => readonly string[],
  axisSize: number | null,
): [size: number | null, dims: (number | null)[]] {
  let size = axisSize;
  let source = "the axisSize option";
  const dims = axes.map((axis, i) => {
    if (axis === null) return null;
    const x = arrays[i]!;
    const dim = axis < 0 ? axis + x.ndim : axis;
    if (dim < 0 || dim >= x.ndim) {
      throw new ShapeError(
        `${caller}: was asked to map ${paths()[i]} along axis ${axis}, which needs rank ${
          axis < 0 ? -axis : axis + 1
        } or more; it has shape [${x.shape}]`,
      );
    }
    const n = x.shape[dim];
    if (size === null) {
      size = n;
      source = `axis ${axis} of ${paths()[i]}`;
    } else if (size !== n) {
      throw new ShapeError(
        `${caller}: got inconsistent sizes for the axes to be mapped: ${source} has size ${size}, axis ${axis} of ${
          paths()[i]
        } has size ${n}`,
      );
    }
    return dim;
  });
  return [size, dims];
}

function vmapCall(fun: unknown, options: readonly unknown[], args: unknown[]): unknown {
  const caller = "filterVmap";
  const [inAxes, outAxes, axisName, axisSize, argNames] = options as [
    unknown,
    unknown,
    AxisName | null,
    number | null,
    readonly string[] | null,
  ];
  const [leaves, treedef] = flatten(args);
  const paths = () => leafPaths(treedef).map((p) => keystr(p, "args"));
  let spec = inAxes;
  if (isNameObject(inAxes)) spec = axesByName(caller, fun, inAxes, args, argNames);
  else if (Array.isArray(inAxes) && inAxes.length !== args.length) {
    const [positional, named] = splitKwargs(args);
    if (named === null || inAxes.length !== positional.length) {
      throw new TreeError(
        `${caller}: inAxes has ${inAxes.length} entries for ${args.length} arguments; give one for each (null to leave one unmapped)`,
      );
    }
    spec = [...inAxes, ifArray(0)];
  }
  const axes = resolveAxes(caller, "inAxes", spec, args, leaves);
  const arrays = leaves.map((leaf, i) => {
    if (axes[i] === null) return null;
    if (isArrayLeaf(leaf)) return toNDArray(leaf, caller);
    if (typeof leaf === "number") return literal(leaf, "float32", true);
    throw new ArgumentError(
      `${caller}: ${paths()[i]} is to be mapped along axis ${axes[i]}, but it is no array: got ${
        typeof leaf === "object" ? leaf!.constructor?.name : String(leaf)
      }. Use null, or ifArray(${axes[i]}), for it`,
    );
  });
  const [size, dims] = axisSizeOf(caller, arrays, axes, paths, axisSize);
  if (size === null) return runUnmapped(caller, fun, args, outAxes);

  const mappedPlaces = leaves.flatMap((_, i) => axes[i] === null ? [] : [i]);
  let outLeaves: unknown[] = [];
  let outPlaces: number[] = [];
  let outSpecs: (number | null)[] = [];
  let rebuild: (leaves: unknown[]) => unknown = () => undefined;
  const [outs, outDims] = vmapFlat(
    (inputs) => {
      const filled = [...leaves];
      mappedPlaces.forEach((place, i) => filled[place] = inputs[i]);
      const out = invoke(fun, unflatten(treedef, filled) as unknown[]);
      const [values, def] = flatten(out);
      const specs = resolveAxes(caller, "outAxes", outAxes, out, values);
      outLeaves = values;
      rebuild = (filled) => unflatten(def, filled);
      outPlaces = values.flatMap((v, i) => isArrayLeaf(v) || specs[i] !== null ? [i] : []);
      outSpecs = outPlaces.map((i) => specs[i]);
      return outPlaces.map((i) => outputArray(caller, values[i], specs[i]));
    },
    mappedPlaces.map((i) => arrays[i]!),
    mappedPlaces.map((i) => dims[i]),
    size,
    axisName,
  );
  const filled = [...outLeaves];
  outPlaces.forEach((place, i) => {
    const axis = outSpecs[i];
    if (axis !== null) filled[place] = placeAxis(outs[i], outDims[i], axis, size);
    else if (outDims[i] === null) filled[place] = outs[i];
    else {
      throw new ArgumentError(
        `${caller}: an output has outAxes null, but it depends on the mapped axis: give it an axis, or reduce over it (lax.psum, lax.pmean)`,
      );
    }
  });
  return rebuild(filled);
}

function outputArray(caller: string, value: unknown, axis: number | null): NDArray {
  if (isArrayLeaf(value)) return toNDArray(value, `${caller}: output`);
  if (typeof value === "number") return literal(value, "float32", true);
  if (typeof value === "boolean") return literal(value, "bool");
  throw new ArgumentError(
    `${caller}: an output has outAxes ${axis}, but it is no array: got ${
      String(value)
    }; use null, or ifArray(${axis}), for it`,
  );
}

/** No argument is mapped and no size was given: the function runs as it is. */
function runUnmapped(caller: string, fun: unknown, args: unknown[], outAxes: unknown): unknown {
  const out = invoke(fun, args);
  const [values] = flatten(out);
  const specs = resolveAxes(caller, "outAxes", outAxes, out, values);
  if (specs.some((axis) => axis !== null)) {
    throw new ArgumentError(
      `${caller}: cannot tell the number of examples: no argument is mapped; give axisSize, or map an argument with inAxes`,
    );
  }
  return out;
}

const vmapT: Transformation = { name: "filterVmap", call: vmapCall };

function readOptions(options: object): readonly unknown[] {
  checkOptions("filterVmap", options, ["inAxes", "outAxes", "axisName", "axisSize", "argNames"]);
  const given = options as VmapOptions;
  const axisSize = given.axisSize ?? null;
  if (axisSize !== null && !(Number.isInteger(axisSize) && axisSize >= 0)) {
    throw new ArgumentError(`filterVmap: axisSize must be a non-negative integer; got ${axisSize}`);
  }
  return [
    given.inAxes === undefined ? ifArray(0) : given.inAxes,
    given.outAxes === undefined ? ifArray(0) : given.outAxes,
    given.axisName ?? null,
    axisSize,
    given.argNames ?? null,
  ];
}

/**
 * Vectorises a function: written for one example, it runs on all of them at once.
 *
 * Arrays are mapped along axis 0 unless `inAxes` says otherwise; other leaves are handed to every example. A Module in place of
 * the function is not mapped: its arrays are shared. Keyword arguments are mapped by `ifArray(0)`
 * unless an `inAxes` object names them. Written after Equinox's `filter_vmap`.
 *
 * @param fun A function, class, or Module with `call`, of single examples.
 * @param options See {@linkcode VmapOptions}.
 * @returns A function of whole batches. Arrays in its output have the mapped axis where `outAxes` says; outputs that do not
 * depend on it are repeated. Other leaves come from the one time that `fun` was traced.
 * @throws {ShapeError} Where mapped axes differ in size, or an array has no such axis.
 * @throws {ArgumentError} Where something to be mapped is no array, or the number of examples is unknown.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const keys = vn.random.split(vn.random.key(0), 8);
 * const ensemble = vn.filterVmap((key: vn.NDArray) => new vn.nn.MLP(2, 2, 2, 2, { key }))(keys);
 * const run = vn.filterVmap((m: vn.nn.MLP, x: vn.NDArray) => m.call(x), { inAxes: [vn.ifArray(0), null] });
 * run(ensemble, vn.numpy.ones([2])).shape; // [8, 2]
 * ```
 */
export function filterVmap<A extends unknown[], R>(
  fun: (...args: A) => R,
  options?: VmapOptions<A>,
): (...args: A) => R;
/** As above, for a Module. */
export function filterVmap<A extends unknown[], R>(
  fun: { call(...args: A): R },
  options?: VmapOptions<A>,
): (...args: A) => R;
/** As above, for a class. */
export function filterVmap<A extends unknown[], R>(
  fun: new (...args: A) => R,
  options?: VmapOptions<A>,
): (...args: A) => R;
/** As above, as a decorator to be. */
export function filterVmap(
  options: VmapOptions,
  // deno-lint-ignore no-explicit-any -- a decorator keeps the type of any function
): <F extends (...args: any[]) => unknown>(fun: F, context?: unknown) => F;
/** As above, as a method decorator. */
export function filterVmap<F extends (...args: never[]) => unknown>(
  method: F,
  context: ClassMethodDecoratorContext,
): F;
export function filterVmap(fun: unknown, options?: unknown): unknown {
  return transform(vmapT, readOptions, fun, options);
}

export type { Axis };
