/**
 * What a program for several devices means, by mapping: its one device's program under `vmap` over each axis of the mesh.
 *
 * It runs on arrays as they are, on one thread, and knows neither segments nor parts in memory: what the executor does must be equal to it.
 *
 * @module
 */
import type { NDArray } from "../../core/array.ts";
import { type ShapedArray, shapedArray } from "../../core/aval.ts";
import type { ClosedJaxpr } from "../../core/jaxpr.ts";
import { type Mesh, NamedSharding, type PartitionSpec } from "../../core/sharding.ts";
import type { SpmdProgram } from "../../core/spmd.ts";
import { broadcastInDim, reshape, squeeze, transpose } from "../../ops/shape.ts";
import { slice } from "../../ops/slicing.ts";
import { evalClosedJaxpr, stage } from "../../transform/stage.ts";
import { vmapFlat } from "../../transform/vmap.ts";

/** The aval of all of an array, from that of one device's part. */
export function globalAval(part: ShapedArray, spec: PartitionSpec, mesh: Mesh): ShapedArray {
  const sharding = new NamedSharding(mesh, spec);
  const shape = part.shape.map((n, axis) => n * sharding.parts(axis));
  return shapedArray(shape, part.dtype, part.weakType);
}

/** The mesh axes that split an array, axis by axis of it. */
function namesIn(spec: PartitionSpec, ndim: number): string[][] {
  return Array.from({ length: ndim }, (_, axis) => [...spec.namesOf(axis)]);
}

/** An array with one axis in front for each mesh axis that splits it, in the mesh's order; gives their names. */
function cut(x: NDArray, spec: PartitionSpec, mesh: Mesh): [x: NDArray, names: string[]] {
  const names = namesIn(spec, x.ndim);
  const axes: (string | null)[] = [];
  const shape: number[] = [];
  names.forEach((list, axis) => {
    let size = x.shape[axis];
    for (const name of list) {
      axes.push(name);
      shape.push(mesh.sizeOf(name));
      size /= mesh.sizeOf(name);
    }
    axes.push(null);
    shape.push(size);
  });
  const front = mesh.axisNames.filter((name) => axes.includes(name));
  const places = [...axes.keys()];
  const order = [
    ...front.map((name) => axes.indexOf(name)),
    ...places.filter((i) => axes[i] === null),
  ];
  return [transpose(reshape(x, shape), order), front];
}

/** The inverse of {@linkcode cut}; what lies along mesh axes that do not split the array is the same everywhere. */
function join(
  value: NDArray,
  mapped: readonly string[],
  spec: PartitionSpec,
  mesh: Mesh,
): NDArray {
  const ndim = value.ndim - mapped.length;
  const names = namesIn(spec, ndim);
  const isUsed = (name: string) => names.some((list) => list.includes(name));
  // Parts may be said to be several though they are equal.
  const equal = names.flat().filter((name) => !mapped.includes(name));
  const front = [...equal, ...mapped];
  const sizes = equal.map((name) => mesh.sizeOf(name));
  const places = value.shape.map((_, axis) => equal.length + axis);
  const x = broadcastInDim(value, [...sizes, ...value.shape], places);
  const first = slice(
    x,
    x.shape.map(() => 0),
    x.shape.map((n, i) => {
      return i < front.length && !isUsed(front[i]) ? 1 : n;
    }),
  );
  const dropped = [...front.keys()].filter((i) => !isUsed(front[i]));
  const whole = squeeze(first, dropped);
  const kept = front.filter(isUsed);
  const order: number[] = [];
  const shape: number[] = [];
  names.forEach((list, axis) => {
    for (const name of list) order.push(kept.indexOf(name));
    order.push(kept.length + axis);
    const part = whole.shape[kept.length + axis];
    shape.push(list.reduce((size, name) => size * mesh.sizeOf(name), part));
  });
  return reshape(transpose(whole, order), shape);
}

/** All devices' program as one jaxpr, from arrays to arrays, which closes over what the device's program does. */
export function mappedProgram({ mesh, closed, inSpecs, outSpecs }: SpmdProgram): ClosedJaxpr {
  const avals = closed.inAvals.map((aval, i) => globalAval(aval, inSpecs[i], mesh));
  const { axisNames, axisSizes } = mesh;
  return stage((inputs) => {
    const cuts = inputs.map((x, i) => cut(x, inSpecs[i], mesh));
    const level = (depth: number, values: readonly NDArray[]): [NDArray, string[]][] => {
      if (depth === axisNames.length) {
        return evalClosedJaxpr(closed, values).map((x) => [x, []]);
      }
      const name = axisNames[depth];
      const named: string[][] = [];
      const dims = cuts.map(([, front]) => front.includes(name) ? 0 : null);
      const [outs, outDims] = vmapFlat(
        (inner) =>
          level(depth + 1, inner).map(([x, names], i) => {
            named[i] = names;
            return x;
          }),
        values,
        dims,
        axisSizes[depth],
        name,
      );
      return outs.map((x, i) => {
        const dim = outDims[i];
        if (dim === null) return [x, named[i]];
        const order = [dim, ...[...x.shape.keys()].filter((axis) => axis !== dim)];
        return [transpose(x, order), [name, ...named[i]]];
      });
    };
    const outs = level(0, cuts.map(([x]) => x));
    return outs.map(([x, front], i) => join(x, front, outSpecs[i], mesh));
  }, avals);
}
