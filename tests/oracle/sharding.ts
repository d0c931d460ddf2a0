/**
 * Shardings as plain lists, for recorded programs: what the class of the same name in `record.py` has. There are as many devices as they need, four at least.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import { setDeviceCount } from "../../src/core/device.ts";

/** A sharding over a mesh of the first devices. */
export function named(
  sizes: number[],
  names: string[],
  spec: (string | string[] | null)[],
): vn.NamedSharding {
  setDeviceCount(Math.max(4, sizes.reduce((product, n) => product * n, 1)));
  return new vn.NamedSharding(vn.makeMesh(sizes, names), vn.P(...spec));
}

/** A device by its number. */
export function device(i: number): vn.Device {
  setDeviceCount(4);
  return vn.devices()[i]!;
}

/** The sharding of each array of a tree: the mesh axes of each of its axes; or its device, and whether it is committed. */
export function of(tree: unknown): unknown[] {
  return vn.tree.leaves(tree).map((leaf) => {
    const { sharding, committed, ndim } = leaf as vn.NDArray;
    if (!(sharding instanceof vn.NamedSharding)) {
      return [...sharding.devices.map(String), committed];
    }
    return Array.from({ length: ndim }, (_, axis) => [...sharding.spec.namesOf(axis)]);
  });
}
