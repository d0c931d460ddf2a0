/**
 * What layers that normalise a parameter of another layer share: reading and replacing it by name.
 *
 * @module
 */
import { ArgumentError } from "../../errors.ts";
import { NDArray } from "../../core/array.ts";
import { treeAt } from "../../filter/tree_at.ts";
import { type Callable, callableOf } from "../../tree/callable.ts";
import type { CallOptions } from "./common.ts";

/** A layer of one array, with a parameter that is normalised. */
export type ParametrisedLayer = Callable<[NDArray, CallOptions], NDArray>;

/** The parameter of a layer by its name. */
export function parameterOf(layer: object, name: string, where: string): NDArray {
  const value = (layer as Record<string, unknown> | undefined)?.[name];
  if (value instanceof NDArray) return value;
  throw new ArgumentError(
    `${where}: weightName must name an array of the layer; ${layer?.constructor.name} has no array '${name}'`,
  );
}

/** Calls a copy of a layer in which a parameter has another value. */
export function callWith(
  layer: ParametrisedLayer,
  name: string,
  value: NDArray,
  x: NDArray,
  options: CallOptions,
): NDArray {
  const at = (l: ParametrisedLayer) => (l as unknown as Record<string, unknown>)[name];
  return callableOf(treeAt(at, layer, value))(x, options) as NDArray;
}
