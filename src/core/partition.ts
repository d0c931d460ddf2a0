/**
 * How one operation is divided among the devices of a mesh: what each device needs of the operands, and what it computes with that.
 *
 * A primitive's `split` rule says how its results are to be split (`core/split.ts`); its `partition` rule says how that comes about. A primitive without one
 * is computed whole by every device, which then keeps its part, unless its lowering shows that it is elementwise.
 * After GSPMD (Xu et al. 2021, https://arxiv.org/abs/2105.04663).
 *
 * @module
 */
import type { NDArray } from "./array.ts";
import type { Shape, ShapedArray } from "./aval.ts";
import type { Mesh } from "./sharding.ts";
import { makeSplit, type MaybeSplit } from "./split.ts";

/** An operation that is to be divided. Avals are those of whole arrays. */
export interface PartitionRequest<P> {
  readonly mesh: Mesh;
  readonly params: P;
  readonly ins: readonly ShapedArray[];
  readonly outs: readonly ShapedArray[];
  /** How the operands are split. */
  readonly operands: readonly MaybeSplit[];
  /** How the results are to be split. */
  readonly wanted: readonly MaybeSplit[];
}

/** What each device does. */
export interface LocalOperation<P> {
  /** How it needs the operands: those that are split otherwise are moved first. */
  readonly operands: readonly MaybeSplit[];
  /** How its results are split; as wanted unless given. They are moved to where they are wanted. */
  readonly outs?: readonly MaybeSplit[];
  /** Its parameters, where they hold sizes; those of the whole unless given. */
  readonly params?: P;
  /** How the devices' results along some axes of the mesh are put together, where each computes from a part of what is reduced. */
  readonly combine?: {
    /** With `all_gather`, every device gets the results of all, along a new first axis. */
    readonly by: Combination;
    readonly over: readonly string[];
    /** Of which results, by number; of all unless given. */
    readonly of?: readonly number[];
  };
  /** Of each result the mesh axes along which it is the sum of what devices have; none unless given. */
  readonly owed?: readonly (readonly string[])[];
  /** What is computed of the parts, where that is not the operation itself. */
  readonly apply?: (parts: readonly NDArray[], place: PlaceAlong) => readonly NDArray[];
  /** What becomes of that when it is put together. */
  readonly finish?: (
    results: readonly NDArray[],
    parts: readonly NDArray[],
    place: PlaceAlong,
  ) => readonly NDArray[];
}

/** A device's number among those along some axes of the mesh, the first the outermost, times a step, which is 1 unless given: int32. */
export type PlaceAlong = (over: readonly string[], step?: number) => NDArray;

/** What puts together results of several devices. */
export type Combination = "psum" | "pmax" | "pmin" | "all_gather";

/** How an operation is divided; `null` where every device is to compute all of it. */
export type PartitionRule<P> = (request: PartitionRequest<P>) => LocalOperation<P> | null;

/** Why a program cannot be divided among devices: it then runs as one. */
export class NotPartitioned extends Error {}

/** The rule of what can be done only once, for all devices. */
export function onlyWhole(reason: string): () => never {
  return () => {
    throw new NotPartitioned(reason);
  };
}

/** The mesh axes that split one axis. */
export function namesAlong(split: MaybeSplit, axis: number): readonly string[] {
  return split?.axes[axis] ?? [];
}

/** The shape of one device's part. */
export function partShape(shape: Shape, split: MaybeSplit): Shape {
  if (split === null) return shape;
  return shape.map((n, axis) =>
    split.axes[axis].reduce((size, name) => size / split.mesh.sizeOf(name), n)
  );
}

/**
 * The split of an operand of which each axis lies as one of a result does (`axes[i]` is that one), or is whole (`null`).
 */
export function splitAs(
  wanted: MaybeSplit,
  axes: readonly (number | null)[],
  shape: Shape,
): MaybeSplit {
  if (wanted === null) return null;
  return makeSplit(wanted.mesh, axes.map((at) => at === null ? [] : wanted.axes[at]), shape);
}

/** A split without what splits some of the axes. */
export function withWhole(
  split: MaybeSplit,
  isWhole: (axis: number) => boolean,
  shape: Shape,
): MaybeSplit {
  return splitAs(split, shape.map((_, axis) => isWhole(axis) ? null : axis), shape);
}

/**
 * The rule of operations whose operands and results have the same axes, and that treat all but some of them one by one. Operands of no axes are
 * what all devices have.
 *
 * @param isTouched Whether the operation reaches along an axis, which then has to be whole.
 * @param local The parameters of a part, where they hold sizes: `kept[axis]` tells which axes may be split.
 */
export function partitionByAxis<P>(
  isTouched: (axis: number, request: PartitionRequest<P>) => boolean,
  local?: (shape: Shape, request: PartitionRequest<P>, kept: readonly boolean[]) => P,
): PartitionRule<P> {
  return (request) => {
    const { ins, outs: [out], wanted: [wanted] } = request;
    const kept = out.shape.map((n, axis) =>
      !isTouched(axis, request) && ins.every(({ shape }) => shape.length === 0 || shape[axis] === n)
    );
    const split = withWhole(wanted, (axis) => !kept[axis], out.shape);
    return {
      operands: ins.map(({ shape }) => shape.length === 0 ? null : split),
      outs: request.outs.map(() => split),
      ...(local ? { params: local(partShape(out.shape, split), request, kept) } : {}),
    };
  };
}

/**
 * The rule of reductions over `axes`: axes that stay are split as wanted, and where what is reduced is split, each device reduces its part.
 *
 * @param by What puts the devices' results together.
 * @param join What is computed of the parts and of what is put together, where that is not all.
 */
export function partitionReduced<P extends { readonly axes: readonly number[] }>(
  by: Combination,
  join?: (params: P) => Pick<LocalOperation<P>, "apply" | "finish">,
): PartitionRule<P> {
  return ({ mesh, ins: [{ shape }], operands: [given], wanted: [wanted], params }) => {
    const { axes } = params;
    const used = new Set(wanted?.axes.flat());
    let next = 0;
    const names = shape.map((_, axis) =>
      !axes.includes(axis)
        ? namesAlong(wanted, next++)
        : namesAlong(given, axis).filter((name) => !used.has(name))
    );
    const split = makeSplit(mesh, names, shape);
    const over = axes.flatMap((axis) => namesAlong(split, axis));
    return {
      operands: [split],
      ...(over.length > 0 ? { combine: { by, over }, ...join?.(params) } : {}),
    };
  };
}
