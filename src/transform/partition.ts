/**
 * The partitioner: from a program over arrays that are split over a mesh to the program that each of its devices runs on its parts.
 *
 * A walk over the jaxpr. How each value is split, and what a device needs of operands for its part of the results, is planned before
 * (`partition_plan.ts`); what is elsewhere is fetched by collectives: this is the only place where they are inserted. After GSPMD (Xu et al. 2021, https://arxiv.org/abs/2105.04663).
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { type ShapedArray, shapedArray } from "../core/aval.ts";
import { type Atom, type ClosedJaxpr, JaxprVar } from "../core/jaxpr.ts";
import { type LocalOperation, type PartitionRequest, partShape } from "../core/partition.ts";
import type { AnyPrimitive } from "../core/primitive.ts";
import type { Mesh } from "../core/sharding.ts";
import { type MaybeSplit, sameSplit } from "../core/split.ts";
import { bind } from "../core/trace.ts";
import { add, mul } from "../ops/arith.ts";
import {
  allGather,
  allToAll,
  axisIndex,
  pmax,
  pmin,
  psum,
  reduceScatter,
} from "../ops/collective.ts";
import { literal } from "../ops/common.ts";
import { dynamicSlice } from "../ops/dynamic.ts";
import { reshape } from "../ops/shape.ts";
import { isLinear, localOperation, planPartition } from "./partition_plan.ts";
import { readAtom, stage } from "./stage.ts";

/** The size of one device's part. */
export function partAval(aval: ShapedArray, split: MaybeSplit): ShapedArray {
  return shapedArray(partShape(aval.shape, split), aval.dtype, aval.weakType);
}

/**
 * The program of one device.
 *
 * @param closed The whole program.
 * @param ins How its inputs are split.
 * @param outs How its results are to be.
 * @throws {NotPartitioned} Where it holds something that is done once for all devices, such as a call of the host.
 */
export function partitionJaxpr(
  closed: ClosedJaxpr,
  mesh: Mesh,
  ins: readonly MaybeSplit[],
  outs: readonly MaybeSplit[],
): ClosedJaxpr {
  const avals = closed.inAvals.map((aval, i) => partAval(aval, ins[i]));
  return stage((inputs) => {
    const parts = inputs.map((x, i): Part => ({ x, split: ins[i], owed: [] }));
    const results = runParts(closed, mesh, parts, outs);
    return results.map((part, i) => reshard(settled(part, outs[i]), outs[i], mesh));
  }, avals);
}

/** One device's part of a value. */
export interface Part {
  readonly x: NDArray;
  readonly split: MaybeSplit;
  /**
   * Mesh axes along which the value is the sum of what devices have. What is linear is done with the terms, so that sums of sums are added up
   * once, and only when somebody needs the value itself.
   */
  readonly owed: readonly string[];
  /** Computes the part under another split, where that costs less than to move it: of what is larger than what it is made of. */
  readonly remake?: (split: MaybeSplit) => NDArray;
}

/** A part whose terms are added up; where it is wanted split along an axis of which sums are owed, each device gets just its part of the sum. */
export function settled(part: Part, to: MaybeSplit = part.split): Part {
  if (part.owed.length === 0) return part;
  let { x } = part;
  const axes = x.shape.map((_, axis) => [...part.split?.axes[axis] ?? []]);
  const owed = new Set(part.owed);
  // The next mesh axis that an axis is to be split by, outermost first.
  const next = (axis: number): string | undefined =>
    axes[axis].every((name, i) => name === to?.axes[axis][i])
      ? to?.axes[axis][axes[axis].length]
      : undefined;
  for (;;) {
    const axis = axes.findIndex((_, i) => owed.has(next(i) ?? ""));
    if (axis < 0) break;
    const axisName = next(axis)!;
    const axisSize = to!.mesh.sizeOf(axisName);
    x = reduceScatter(x, { axisName, axisSize, scatterDimension: axis, tiled: true });
    axes[axis].push(axisName);
    owed.delete(axisName);
  }
  for (const axisName of owed) x = psum(x, axisName);
  const mesh = (part.split ?? to)?.mesh;
  return {
    x,
    split: mesh === undefined || axes.flat().length === 0 ? null : { mesh, axes },
    owed: [],
  };
}

/** Divides the equations of a program, and gives its results, as they come: split otherwise than they are to be, and as sums that are still owed. */
export function runParts(
  { jaxpr, consts }: ClosedJaxpr,
  mesh: Mesh,
  inputs: readonly Part[],
  outs: readonly MaybeSplit[],
): Part[] {
  const env = new Map<JaxprVar, Part>();
  const whole = (x: NDArray): Part => ({ x, split: null, owed: [] });
  jaxpr.constvars.forEach((v, i) => env.set(v, whole(consts[i])));
  jaxpr.invars.forEach((v, i) => env.set(v, inputs[i]));
  const read = (atom: Atom): Part =>
    atom instanceof JaxprVar ? env.get(atom)! : whole(readAtom(noValues, atom));
  const { equations, wantedBy, addedUp } = planPartition(
    jaxpr,
    mesh,
    inputs.map((x) => x.split),
    outs,
  );
  for (const { eqn, primitive, request, op } of equations) {
    const { ins, outs, wanted } = request;
    let parts = eqn.invars.map(read);
    // What is linear in nothing but sums that are there in any case would owe another one.
    const areThere = eqn.invars.every((atom) => addedUp.has(atom));
    if (areThere || !staysOwed(primitive, op, parts)) {
      const isConstraint = primitive.sharding !== undefined;
      eqn.invars.forEach((atom, i) => {
        if (!(atom instanceof JaxprVar) || parts[i].owed.length === 0) return;
        const part = settled(parts[i], isConstraint ? wanted[0] : wantedBy(atom) ?? parts[i].split);
        // Whoever reads it next finds the sum.
        if (!isConstraint) env.set(atom, part);
        parts = parts.with(i, part);
      });
    }
    const results = divided(primitive, op, request, parts);
    if (
      primitive.higherOrder === undefined && grows(ins, outs) &&
      parts.every(({ owed }) => owed.length === 0)
    ) {
      const [result] = results;
      results[0] = { ...result, remake: remaker(primitive, request, parts) };
    }
    eqn.outvars.forEach((v, i) => env.set(v, results[i]));
  }
  return jaxpr.outvars.map(read);
}

/** Whether an operation's one result is larger than what it is made of: then that is moved in its place. */
function grows(ins: readonly ShapedArray[], outs: readonly ShapedArray[]): boolean {
  return outs.length === 1 && ins.reduce((sum, { size }) => sum + size, 0) < outs[0].size;
}

/** What makes an operation's result under other splits, each once; only with parts of it, where it has a rule for that. */
function remaker(
  primitive: AnyPrimitive,
  request: PartitionRequest<unknown>,
  parts: readonly Part[],
): (split: MaybeSplit) => NDArray {
  const made = new Map<string, NDArray>();
  return (split) => {
    const key = JSON.stringify(split?.axes ?? null);
    let x = made.get(key);
    if (x === undefined) {
      const other = { ...request, wanted: [split] };
      [{ x }] = divided(primitive, localOperation(primitive, other), other, parts);
      made.set(key, x);
    }
    return x;
  };
}

const noValues: ReadonlyMap<JaxprVar, NDArray> = new Map();

/** Whether an operation may be done with the terms of sums that are still owed: it is linear, and of all operands the same is owed. */
function staysOwed(
  primitive: AnyPrimitive,
  op: LocalOperation<unknown>,
  parts: readonly Part[],
): boolean {
  return isLinear(primitive, op) &&
    parts.every(({ split, owed }, i) =>
      String(owed) === String(parts[0].owed) && sameSplit(split, op.operands[i])
    );
}

/** One device's part of an operation's results, from its parts of the operands. */
function divided(
  primitive: AnyPrimitive,
  op: LocalOperation<unknown>,
  { mesh, wanted, params }: PartitionRequest<unknown>,
  parts: readonly Part[],
): Part[] {
  const { combine, outs = wanted } = op;
  const moved = parts.map((part, i) => reshard(part, op.operands[i], mesh));
  const place = (over: readonly string[], step = 1) => {
    const at = placeAlong(over, mesh);
    return step === 1 ? at : mul(at, int32(step));
  };
  let results = op.apply?.(moved, place) ?? bind(primitive, moved, op.params ?? params);
  let owed = parts[0]?.owed ?? [];
  if (combine !== undefined) {
    const over = combine.over.filter((name) => mesh.sizeOf(name) > 1);
    if (combine.by === "psum" && op.finish === undefined) owed = over;
    else {
      const join = { psum, pmax, pmin };
      const { by, of } = combine;
      results = results.map((x, i) =>
        of !== undefined && !of.includes(i)
          ? x
          : by === "all_gather"
          ? gathered(x, over, mesh)
          : over.reduce<NDArray>(join[by], x)
      );
    }
  }
  results = op.finish?.(results, moved, place) ?? results;
  return results.map((x, i): Part => {
    const own = op.owed?.[i] ?? owed;
    if (sameSplit(outs[i], wanted[i])) return { x, split: wanted[i], owed: own };
    const part = settled({ x, split: outs[i], owed: own });
    return { x: reshard(part, wanted[i], mesh), split: wanted[i], owed: [] };
  });
}

/** What all devices along some axes of the mesh have, along a new first axis. */
function gathered(x: NDArray, over: readonly string[], mesh: Mesh): NDArray {
  let all = reshape(x, [1, ...x.shape]);
  // From the innermost out, because the devices of an axis stand behind each other in that order.
  for (const axisName of over.toReversed()) {
    const axisSize = mesh.sizeOf(axisName);
    all = allGather(all, { axisName, axisSize, allGatherDimension: 0, tiled: true });
  }
  return all;
}

/** A device's number among those along some axes of the mesh, the first the outermost. */
function placeAlong(over: readonly string[], mesh: Mesh): NDArray {
  const [first, ...others] = over;
  return others.reduce(
    (place, name) => add(mul(place, int32(mesh.sizeOf(name))), axisIndex(name)),
    axisIndex(first),
  );
}

const int32 = (value: number): NDArray => literal(value, "int32");

/**
 * Moves an array from one split to another: parts that a device lacks come from others, what it has too much is dropped.
 *
 * A mesh axis that goes from one axis of the array to another is an exchange of parts (`all_to_all`), one that goes is an `all_gather`, and one that
 * is new costs nothing.
 */
export function reshard({ x, split: from, remake }: Part, to: MaybeSplit, mesh: Mesh): NDArray {
  if (sameSplit(from, to)) return x;
  if (remake !== undefined) return remake(to);
  const none = x.shape.map((): readonly string[] => []);
  const have = (from?.axes ?? none).map((names) => [...names]);
  const want = to?.axes ?? none;
  const common = (axis: number): number => {
    const at = have[axis].findIndex((name, i) => want[axis][i] !== name);
    return at < 0 ? have[axis].length : at;
  };
  let value = x;
  // From the innermost out, because the parts of an axis lie behind each other in that order.
  for (let axis = 0; axis < have.length; axis++) {
    while (have[axis].length > common(axis)) {
      const axisName = have[axis].pop()!;
      const axisSize = mesh.sizeOf(axisName);
      const target = want.findIndex((names, at) =>
        at !== axis && names[have[at].length] === axisName && common(at) === have[at].length
      );
      if (axisSize === 1) {
        if (target >= 0) have[target].push(axisName);
      } else if (target >= 0) {
        have[target].push(axisName);
        value = allToAll(value, { axisName, axisSize, splitAxis: target, concatAxis: axis });
      } else {
        value = allGather(value, { axisName, axisSize, allGatherDimension: axis, tiled: true });
      }
    }
  }
  const starts = have.map(() => int32(0));
  const sizes = [...value.shape];
  let isCut = false;
  want.forEach((names, axis) => {
    for (const name of names.slice(have[axis].length)) {
      const parts = mesh.sizeOf(name);
      if (parts === 1) continue;
      isCut = true;
      sizes[axis] /= parts;
      const at = mul(axisIndex(name), int32(sizes[axis]));
      starts[axis] = add(starts[axis], at);
    }
  });
  return isCut ? dynamicSlice(value, starts, sizes) : value;
}
