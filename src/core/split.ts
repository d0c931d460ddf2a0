/**
 * How arrays are split over a mesh while a program computes: what goes in tells what comes out.
 *
 * @module
 */
import { type Shape, type ShapedArray, shapesEqual } from "./aval.ts";
import { type Mesh, NamedSharding, PartitionSpec, type Sharding } from "./sharding.ts";

/** An array that is split: for each axis the mesh axes over which it is, outermost first. */
export interface Split {
  readonly mesh: Mesh;
  readonly axes: readonly (readonly string[])[];
}

/** A split, or `null` for an array that every device has whole. */
export type MaybeSplit = Split | null;

/** How the results of a primitive are split, from how its operands are. */
export type SplitRule<P> = (
  operands: readonly MaybeSplit[],
  ins: readonly ShapedArray[],
  outs: readonly ShapedArray[],
  params: P,
) => readonly MaybeSplit[];

/** A split of arrays of a shape: without mesh axes that occurred before, and without parts of unequal size. */
export function makeSplit(
  mesh: Mesh,
  axes: readonly (readonly string[])[],
  shape: Shape,
): MaybeSplit {
  const seen = new Set<string>();
  const kept = shape.map((size, axis) => {
    const names = (axes[axis] ?? []).filter((name) => !seen.has(name));
    const parts = names.reduce((n, name) => n * mesh.sizeOf(name), 1);
    if (size % parts !== 0) return [];
    names.forEach((name) => seen.add(name));
    return names;
  });
  return kept.every((names) => names.length === 0) ? null : { mesh, axes: kept };
}

/** The split of a sharding. */
export function splitOf(sharding: Sharding, shape: Shape): MaybeSplit {
  if (!(sharding instanceof NamedSharding)) return null;
  return makeSplit(sharding.mesh, shape.map((_, axis) => sharding.spec.namesOf(axis)), shape);
}

/** The sharding of a split; of an array that is whole, over the devices of `mesh`. */
export function shardingOfSplit(split: MaybeSplit, mesh: Mesh): NamedSharding {
  if (split === null) return new NamedSharding(mesh, new PartitionSpec());
  const entries = [...split.axes];
  while (entries.at(-1)?.length === 0) entries.pop();
  const spec = new PartitionSpec(...entries.map((names) => names.length === 0 ? null : names));
  return new NamedSharding(split.mesh, spec);
}

/** The splits of several arrays of one shape put together: each adds what those before it left open. */
export function mergeSplits(splits: readonly MaybeSplit[], shape: Shape): MaybeSplit {
  let merged: MaybeSplit = null;
  for (const split of splits) {
    if (split === null || merged === null) merged ??= split;
    else if (String(split.mesh) === String(merged.mesh)) {
      const { mesh, axes }: Split = merged;
      const used = new Set(axes.flat());
      const joined = axes.map((names, axis) =>
        names.length > 0 || split.axes[axis].some((name) => used.has(name))
          ? names
          : split.axes[axis]
      );
      merged = makeSplit(mesh, joined, shape);
    }
  }
  return merged;
}

/** Whether two splits are the same. */
export function sameSplit(a: MaybeSplit, b: MaybeSplit): boolean {
  if (a === null || b === null) return a === b;
  return JSON.stringify(a.axes) === JSON.stringify(b.axes) && String(a.mesh) === String(b.mesh);
}

/** The split of a result of whose axes each comes from one of an operand, or (`null`) from none. */
export function takeAxes(
  split: MaybeSplit,
  from: readonly (number | null)[],
  shape: Shape,
): MaybeSplit {
  if (split === null) return null;
  return makeSplit(split.mesh, from.map((axis) => axis === null ? [] : split.axes[axis]), shape);
}

/** The rule of primitives that cut or extend axes, each on its own: an axis keeps its split where it still divides. */
export function splitByAxis(
  operands: readonly MaybeSplit[],
  ins: readonly ShapedArray[],
  [out]: readonly ShapedArray[],
): readonly MaybeSplit[] {
  const rank = out.shape.length;
  const full = operands.map((x, i) =>
    x === null || ins[i].shape.length !== rank ? null : makeSplit(x.mesh, x.axes, out.shape)
  );
  return [mergeSplits(full, out.shape)];
}

/** The rule of reductions: the axes that stay keep their split. */
export function splitReduced(
  [x]: readonly MaybeSplit[],
  [aval]: readonly ShapedArray[],
  [out]: readonly ShapedArray[],
  { axes }: { readonly axes: readonly number[] },
): readonly MaybeSplit[] {
  const kept = aval.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  return [takeAxes(x, kept, out.shape)];
}

/**
 * The rule of primitives whose results lie like those operands that have their shape: elementwise ones, cumulative sums. Where there are
 * several results, each of the type of the operand in its place, they go one to one.
 */
export function splitLike(
  operands: readonly MaybeSplit[],
  ins: readonly ShapedArray[],
  outs: readonly ShapedArray[],
): readonly MaybeSplit[] {
  const oneToOne = outs.length > 1 && outs.length <= ins.length &&
    outs.every((out, i) => shapesEqual(out.shape, ins[i].shape));
  if (oneToOne) return operands.slice(0, outs.length);
  return outs.map(({ shape }) =>
    mergeSplits(operands.map((x, i) => shapesEqual(ins[i].shape, shape) ? x : null), shape)
  );
}

/** The rule of a reshape: axes that are joined or parted hand their split on as long as it is that of the outermost elements. */
export function splitReshaped(split: MaybeSplit, from: Shape, to: Shape): MaybeSplit {
  if (split === null) return null;
  const { mesh } = split;
  const axes: string[][] = to.map(() => []);
  for (let i = 0, o = 0; i < from.length && o < to.length;) {
    // The next runs of axes of equal product.
    const [firstIn, firstOut] = [i, o];
    let [sizeIn, sizeOut] = [from[i++], to[o++]];
    while (sizeIn !== sizeOut) {
      if (sizeIn < sizeOut) {
        if (i === from.length) return null;
        sizeIn *= from[i++];
      } else {
        if (o === to.length) return null;
        sizeOut *= to[o++];
      }
    }
    // Mesh axes that cut the run into contiguous parts: those of the first axis and, if it is cut into single elements, of the next.
    const names: string[] = [];
    for (let axis = firstIn; axis < i; axis++) {
      names.push(...split.axes[axis]);
      const parts = split.axes[axis].reduce((n, name) => n * mesh.sizeOf(name), 1);
      if (parts !== from[axis]) break;
    }
    for (let axis = firstOut; axis < o && names.length > 0; axis++) {
      let left = to[axis];
      while (names.length > 0 && left % mesh.sizeOf(names[0]) === 0 && left > 1) {
        left /= mesh.sizeOf(names[0]);
        axes[axis].push(names.shift()!);
      }
      if (left > 1) break;
    }
  }
  return makeSplit(mesh, axes, to);
}
