/**
 * `filterShard` and `devicePut`: trees of arrays, put somewhere.
 *
 * @module
 */
import { ArgumentError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import type { Device } from "../core/device.ts";
import type { TypedArray } from "../core/dtype.ts";
import type { Sharding } from "../core/sharding.ts";
import { asArray, isHostScalar } from "../numpy/promote.ts";
import { checkSharding, put } from "../numpy/placing.ts";
import { flatten, isNull, leafPaths, unflatten } from "../tree/flatten.ts";
import { broadcastPrefix } from "../tree/map.ts";
import { keystr } from "../tree/path.ts";
import { isArrayLeaf, toNDArray } from "./leaves.ts";

/** A device or a sharding for all of a tree, or a tree of them that is a prefix of it. */
export type DeviceOrShardings = Device | Sharding | readonly unknown[] | object;

/** A tree whose numbers and TypedArrays have become arrays. */
export type Put<T> = T extends NDArray | TypedArray | number | bigint | boolean ? NDArray
  // deno-lint-ignore no-explicit-any -- the one type that every function is assignable to
  : T extends (...args: any) => unknown ? T
  : T extends ReadonlyMap<infer K, infer V> ? Map<K, Put<V>>
  : T extends object ? { [K in keyof T]: K extends symbol ? T[K] : Put<T[K]> }
  : T;

/** Puts the leaves for which `toArray` gives an array where the specs say; leaves the others alone. */
function putLeaves(
  caller: string,
  tree: unknown,
  specs: unknown,
  toArray: (leaf: unknown, path: string) => NDArray | null,
): unknown {
  const [leaves, treedef] = flatten(tree);
  const paths = leafPaths(treedef);
  const arrays = leaves.map((leaf, i) => toArray(leaf, keystr(paths[i], "x")));
  const shardings = broadcastPrefix(specs, unflatten(treedef, arrays), {
    isLeaf: isNull,
    caller,
    name: "x",
  });
  let next = 0;
  return unflatten(
    treedef,
    leaves.map((leaf, i) => {
      const x = arrays[i];
      if (x === null) return leaf;
      const where = `${caller}: ${keystr(paths[i], "x")}`;
      return put(x, checkSharding(shardings[next++], where), where);
    }),
  );
}

/**
 * A copy of a tree with every array put on a device, or split over several.
 *
 * Outside of compiled functions arrays are moved: the results are committed, and computations with them happen there. Inside, the
 * values are constrained, and their sharding carries on from there as `docs/devices.md` tells. It is the identity to
 * derivatives; under `vmap` the mapped axis is not split. Leaves that are no arrays stay as they are. Written after Equinox's `filter_shard`.
 *
 * @param x A tree.
 * @param deviceOrShardings A device or a sharding for all arrays, or a tree of them that is a prefix of `x`; opposite a leaf that
 * is no array anything may stand.
 * @throws {ArgumentError} For something that is no device and no sharding.
 * @throws {ShapeError} Where an array has too few axes, or one that does not divide.
 * @throws {TreeError} Where the tree of shardings is no prefix.
 * @throws {DeviceError} Where devices vanished, or a compiled function's arguments are committed to others.
 *
 * @example
 * ```ts
 * import { devices, filterShard, makeMesh, NamedSharding, numpy as np, P } from "@vernal/vernal";
 *
 * const mesh = makeMesh([1], ["batch"], { devices: devices().slice(0, 1) });
 * const data = filterShard({ x: np.ones([8, 2]), name: "train" }, new NamedSharding(mesh, P("batch")));
 * console.log(data.x.committed, data.name); // true "train"
 * ```
 */
export function filterShard<T>(x: T, deviceOrShardings: DeviceOrShardings): T {
  return putLeaves(
    "filterShard",
    x,
    deviceOrShardings,
    (leaf) => isArrayLeaf(leaf) ? toNDArray(leaf, "filterShard") : null,
  ) as T;
}

/**
 * A tree of arrays and numbers as arrays on a device, or split over several. Within a compiled function it is {@linkcode filterShard}.
 *
 * All logical devices of the processor share one memory, so that no element is copied.
 *
 * @param x A tree of arrays, TypedArrays and host scalars.
 * @param device A device or a sharding for all of it, or a tree of them that is a prefix of `x`. Without one arrays stay where they are.
 * @returns Arrays, committed if `device` is given.
 * @throws {ArgumentError} For a leaf that is none of these, and something that is no device and no sharding.
 * @throws {ShapeError} Where an array has too few axes, or one that does not divide.
 *
 * @example
 * ```ts
 * import { devicePut, devices } from "@vernal/vernal";
 *
 * const x = devicePut(new Float32Array([1, 2]), devices()[0]);
 * console.log(String(x.device), x.committed); // "cpu:0" true
 * ```
 */
export function devicePut<const T>(x: T, device?: DeviceOrShardings | null): Put<T> {
  const caller = "devicePut";
  const toArray = (leaf: unknown, path: string): NDArray => {
    if (isArrayLeaf(leaf)) return toNDArray(leaf, caller);
    if (isHostScalar(leaf)) return asArray(leaf, caller);
    throw new ArgumentError(
      `${caller}: ${path} is no array and no number: got ${
        typeof leaf === "string" ? JSON.stringify(leaf) : String(leaf)
      }. filterShard leaves such leaves as they are`,
    );
  };
  if (device === null || device === undefined) {
    const [leaves, treedef] = flatten(x);
    const paths = leafPaths(treedef);
    const arrays = leaves.map((leaf, i) => toArray(leaf, keystr(paths[i], "x")));
    return unflatten(treedef, arrays) as Put<T>;
  }
  return putLeaves(caller, x, device, toArray) as Put<T>;
}
