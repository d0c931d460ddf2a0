/**
 * `filterVmap`: a function of single examples, run on all of them at once.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import type { AxisName } from "../core/axis_env.ts";
import { asArray, isHostScalar } from "../numpy/promote.ts";
import { placeAxis, vmapFlat } from "../transform/vmap.ts";
import { flatten, leafPaths, unflatten } from "../tree/flatten.ts";
import { keystr } from "../tree/path.ts";
import type { TreeDef } from "../tree/treedef.ts";
import { mappedArguments, resolveAxes } from "./axes.ts";
import { ifArray } from "./if_array.ts";
import { isArrayLeaf, toNDArray } from "./leaves.ts";
import type { AxesSpec, Axis } from "./types.ts";
import { invoke, transform, type Transformation } from "./wrapper.ts";
import { checkOptions } from "../tree/kwargs.ts";

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

/** What a mapped call was asked for, and what becomes of its outputs. */
export interface MapRequest {
  /** The public name, for messages. */
  readonly caller: string;
  readonly inAxes: unknown;
  readonly outAxes: unknown;
  readonly axisName: AxisName | null;
  readonly axisSize: number | null;
  readonly argNames: readonly string[] | null;
  /** Whether it is an error that nothing is mapped; else the function then runs as it is. */
  readonly mustMap?: boolean;
  /** Maps a function of arrays, where that is not simply `vmapFlat`. */
  readonly mapFlat?: MapFlat;
}

/**
 * Runs `fn` with the given axes of `inputs` mapped.
 *
 * @param place Puts each output where its mapped axis, of which it gets the place so far, is to be; gives that place too.
 */
export type MapFlat = (
  fn: (inputs: readonly NDArray[]) => readonly NDArray[],
  inputs: readonly NDArray[],
  dims: readonly number[],
  size: number,
  axisName: AxisName | null,
  place: PlaceOutput,
) => readonly NDArray[];

/** See {@linkcode MapFlat}. */
export type PlaceOutput = (
  x: NDArray,
  dim: number | null,
  i: number,
) => { readonly x: NDArray; readonly axis: number | null };

const mapHere: MapFlat = (fn, inputs, dims, size, axisName, place) => {
  const [outs, outDims] = vmapFlat(fn, inputs, dims, size, axisName);
  return outs.map((x, i) => place(x, outDims[i], i).x);
};

/** Calls a function of single examples on whole batches. */
export function callMapped(fun: unknown, args: unknown[], request: MapRequest): unknown {
  const { caller, outAxes, axisName } = request;
  const { leaves, treedef, arrays, places, dims, size } = mappedArguments(
    caller,
    fun,
    args,
    request.inAxes,
    request.axisSize,
    request.argNames,
  );
  if (size === null) {
    if (request.mustMap === true) throw nothingMapped(caller);
    return runUnmapped(caller, fun, args, outAxes);
  }

  let outDef: TreeDef | null = null;
  let outLeaves: unknown[] = [];
  let outPlaces: number[] = [];
  let outSpecs: (number | null)[] = [];
  const place: PlaceOutput = (x, dim, i) => {
    const nameOf = () => `${caller}: ${outputName(outDef!, outPlaces[i])}`;
    const axis = outSpecs[i];
    if (axis !== null) {
      const at = axisOfOutput(x, dim, axis, nameOf);
      return { x: placeAxis(x, dim, at, size), axis: at };
    }
    if (dim === null) return { x, axis };
    throw new ArgumentError(
      `${nameOf()} has outAxes null, but it depends on the mapped axis: give it an axis, or reduce over it (lax.psum, lax.pmean)`,
    );
  };
  const outs = (request.mapFlat ?? mapHere)(
    (inputs) => {
      const filled = [...leaves];
      places.forEach((place, i) => filled[place] = inputs[i]);
      const out = invoke(fun, unflatten(treedef, filled) as unknown[]);
      const [values, def] = flatten(out);
      const specs = resolveAxes(caller, "outAxes", outAxes, out, values);
      outLeaves = values;
      outDef = def;
      outPlaces = values.flatMap((v, i) => isArrayLeaf(v) || specs[i] !== null ? [i] : []);
      outSpecs = outPlaces.map((i) => specs[i]);
      return outPlaces.map((i) => outputArray(caller, values[i], specs[i], outputName(def, i)));
    },
    arrays,
    dims,
    size,
    axisName,
    place,
  );
  const filled = [...outLeaves];
  outPlaces.forEach((at, i) => filled[at] = outs[i]);
  return unflatten(outDef!, filled);
}

function outputName(def: TreeDef, place: number): string {
  return keystr(leafPaths(def)[place], "output");
}

/** Where the mapped axis goes in an output, non-negative. */
function axisOfOutput(
  x: NDArray,
  dim: number | null,
  axis: number,
  nameOf: () => string,
): number {
  const rank = x.ndim + (dim === null ? 1 : 0);
  if (axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  throw new ShapeError(
    `${nameOf()} has outAxes ${axis}, which is out of bounds: with the mapped axis it has ${rank} axes`,
  );
}

function outputArray(
  caller: string,
  value: unknown,
  axis: number | null,
  name: string,
): NDArray {
  if (isArrayLeaf(value)) return toNDArray(value, `${caller}: ${name}`);
  if (isHostScalar(value)) return asArray(value, caller);
  throw new ArgumentError(
    `${caller}: ${name} has outAxes ${axis}, but it is no array: got ${
      String(value)
    }; use null, or ifArray(${axis}), for it`,
  );
}

/** The error for a call that does not say how many examples there are. */
export function nothingMapped(caller: string): ArgumentError {
  return new ArgumentError(
    `${caller}: cannot tell the number of examples: no argument is mapped; give axisSize, or map an argument with inAxes`,
  );
}

/** No argument is mapped and no size was given: the function runs as it is. */
function runUnmapped(caller: string, fun: unknown, args: unknown[], outAxes: unknown): unknown {
  const out = invoke(fun, args);
  const [values] = flatten(out);
  const specs = resolveAxes(caller, "outAxes", outAxes, out, values);
  if (specs.some((axis) => axis !== null)) {
    throw nothingMapped(caller);
  }
  return out;
}

const vmapT: Transformation = {
  name: "filterVmap",
  call: (fun, options, args) => callMapped(fun, args, requestOf("filterVmap", options)),
};

/** The request that {@linkcode readMapOptions} made a list of. */
export function requestOf(caller: string, options: readonly unknown[]): MapRequest {
  const [inAxes, outAxes, axisName, axisSize, argNames] = options as [
    unknown,
    unknown,
    AxisName | null,
    number | null,
    readonly string[] | null,
  ];
  return { caller, inAxes, outAxes, axisName, axisSize, argNames };
}

/** The names of the options of a mapping. */
export const mapOptions: readonly string[] = [
  "inAxes",
  "outAxes",
  "axisName",
  "axisSize",
  "argNames",
];

/** The options of a mapping, checked as far as they can be before there are arguments, as static values of a wrapper. */
export function readMapOptions(caller: string, given: VmapOptions): readonly unknown[] {
  const axisSize = given.axisSize ?? null;
  if (axisSize !== null && !(Number.isInteger(axisSize) && axisSize >= 0)) {
    throw new ArgumentError(`${caller}: axisSize must be a non-negative integer; got ${axisSize}`);
  }
  return [
    given.inAxes === undefined ? ifArray(0) : given.inAxes,
    given.outAxes === undefined ? ifArray(0) : given.outAxes,
    given.axisName ?? null,
    axisSize,
    given.argNames ?? null,
  ];
}

function readOptions(options: object): readonly unknown[] {
  checkOptions("filterVmap", options, mapOptions);
  return readMapOptions("filterVmap", options);
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
/** As above, for a class. */
export function filterVmap<A extends unknown[], R>(
  fun: new (...args: A) => R,
  options?: VmapOptions<A>,
): (...args: A) => R;
/** As above, for a Module. */
export function filterVmap<A extends unknown[], R>(
  fun: { call(...args: A): R },
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
