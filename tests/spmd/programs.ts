/**
 * Programs for several devices, written by hand: for the tests of what runs them.
 *
 * @module
 */
import type * as vn from "../../mod.ts";
import { shapedArray } from "../../src/core/aval.ts";
import { withAxis } from "../../src/core/axis_env.ts";
import type { NDArray } from "../../src/core/array.ts";
import type { DType } from "../../src/core/dtype.ts";
import type { Mesh, PartitionSpec } from "../../src/core/sharding.ts";
import type { SpmdProgram } from "../../src/core/spmd.ts";
import { stage } from "../../src/transform/stage.ts";

/** The shape and dtype of one device's part of an input, and how the whole is split. */
export type Part = readonly [shape: readonly number[], spec: PartitionSpec, dtype?: DType];

/** The program of one device, traced with the mesh's axes bound. */
export function programOf(
  mesh: Mesh,
  parts: readonly Part[],
  outSpecs: readonly PartitionSpec[],
  fn: (...xs: vn.NDArray[]) => readonly vn.NDArray[],
): SpmdProgram {
  const avals = parts.map(([shape, , dtype]) => shapedArray(shape, dtype ?? "float32", false));
  const bound = (axis: number, xs: readonly NDArray[]): readonly NDArray[] =>
    axis === mesh.axisNames.length
      ? fn(...xs)
      : withAxis(mesh.axisNames[axis], mesh.axisSizes[axis], () => bound(axis + 1, xs));
  const closed = stage((xs) => bound(0, xs), avals);
  return { mesh, closed, inSpecs: parts.map(([, spec]) => spec), outSpecs };
}
