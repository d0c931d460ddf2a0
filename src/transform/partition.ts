/**
 * The partitioner: from a program over arrays that are split over a mesh to the program that each of its devices runs on its parts.
 *
 * A walk over the jaxpr. How each value is split is what {@linkcode propagateSplits} says of it; each operation's `partition` rule
 * (`core/partition.ts`) says what a device needs for its part of the results, and what is elsewhere is fetched by collectives: this is the only place
 * where they are inserted. After GSPMD (Xu et al. 2021, https://arxiv.org/abs/2105.04663).
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { type ShapedArray, shapedArray, shapesEqual } from "../core/aval.ts";
import { isComplex } from "../core/dtype.ts";
import { type Atom, type ClosedJaxpr, JaxprVar, primitiveOf } from "../core/jaxpr.ts";
import {
  type LocalOperation,
  NotPartitioned,
  type PartitionRequest,
  partShape,
} from "../core/partition.ts";
import type { AnyPrimitive } from "../core/primitive.ts";
import type { Mesh } from "../core/sharding.ts";
import { type MaybeSplit, sameSplit } from "../core/split.ts";
import { bind } from "../core/trace.ts";
import { type Expr, forEachOperand, makeVar } from "../loopnest/expr.ts";
import { add, mul } from "../ops/arith.ts";
import { allGather, allToAll, axisIndex, pmax, pmin, psum } from "../ops/collective.ts";
import { literal } from "../ops/common.ts";
import { dynamicSlice } from "../ops/dynamic.ts";
import { readAtom, stage } from "./stage.ts";
import { splitsOf } from "./split.ts";

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
    const results = runParts(closed, mesh, inputs, ins);
    return results.map(({ part, split }, i) => reshard(part, split, outs[i], mesh));
  }, avals);
}

/** One device's part of a value. */
interface Part {
  readonly part: NDArray;
  readonly split: MaybeSplit;
}

function runParts(
  { jaxpr, consts }: ClosedJaxpr,
  mesh: Mesh,
  inputs: readonly NDArray[],
  splits: readonly MaybeSplit[],
): Part[] {
  const env = new Map<JaxprVar, NDArray>();
  const lies = new Map<JaxprVar, MaybeSplit>();
  jaxpr.constvars.forEach((v, i) => env.set(v, consts[i]));
  jaxpr.invars.forEach((v, i) => {
    env.set(v, inputs[i]);
    lies.set(v, splits[i]);
  });
  const splitOfAtom = (x: Atom): MaybeSplit => x instanceof JaxprVar ? lies.get(x) ?? null : null;
  for (const eqn of jaxpr.eqns) {
    const primitive = primitiveOf(eqn);
    const [ins, outs] = [eqn.invars, eqn.outvars].map((list) => list.map((x) => x.aval));
    const operands = eqn.invars.map(splitOfAtom);
    const wanted = splitsOf(eqn, operands);
    const parts = eqn.invars.map((x) => readAtom(env, x));
    const request = { mesh, params: eqn.params as unknown, ins, outs, operands, wanted };
    const results = divided(primitive, request, parts);
    eqn.outvars.forEach((v, i) => {
      env.set(v, results[i]);
      lies.set(v, wanted[i]);
    });
  }
  return jaxpr.outvars.map((x) => ({ part: readAtom(env, x), split: splitOfAtom(x) }));
}

/** One device's part of an operation's results, from its parts of the operands. */
function divided(
  primitive: AnyPrimitive,
  request: PartitionRequest<unknown>,
  parts: readonly NDArray[],
): NDArray[] {
  const { mesh, operands, wanted, params } = request;
  if (primitive.effect) {
    throw new NotPartitioned(`${primitive.name} is done once, for all devices`);
  }
  const isWhole = [...operands, ...wanted].every((split) => split === null);
  const local = primitive.partition !== undefined
    ? primitive.partition(request)
    : isWhole
    ? null
    : elementwise(primitive, request);
  const op: LocalOperation<unknown> = local ??
    { operands: operands.map(() => null), outs: wanted.map(() => null) };
  const { combine, outs = wanted } = op;
  const moved = parts.map((x, i) => reshard(x, operands[i], op.operands[i], mesh));
  let results = op.apply?.(moved) ?? bind(primitive, moved, op.params ?? params);
  if (combine !== undefined) {
    const join = { psum, pmax, pmin }[combine.by];
    const over = combine.over.filter((name) => mesh.sizeOf(name) > 1);
    results = results.map((x) => over.reduce<NDArray>(join, x));
  }
  results = op.finish?.(results, moved) ?? results;
  return results.map((x, i) => reshard(x, outs[i], wanted[i], mesh));
}

/**
 * The division of an elementwise operation: every device computes its elements. That it is one is seen in its lowering, which reads operands
 * only where it writes, or that have no axes, and uses the place for nothing else.
 */
function elementwise(
  primitive: AnyPrimitive,
  { ins, outs, wanted, params }: PartitionRequest<unknown>,
): LocalOperation<unknown> | null {
  const { shape } = outs[0];
  const fits = (aval: ShapedArray) => aval.shape.length === 0 || shapesEqual(aval.shape, shape);
  if (primitive.lower === undefined || !ins.every(fits)) return null;
  if (!outs.every((aval) => shapesEqual(aval.shape, shape))) return null;
  // What is done with complex numbers is done with their parts.
  const plain = (aval: ShapedArray) =>
    isComplex(aval.dtype) ? shapedArray(aval.shape, "float32", aval.weakType) : aval;
  const place = shape.map((_, axis) => makeVar(`i${axis}`));
  let isPlain = true;
  const reads = ins.map((aval) => {
    const value = makeVar("x", plain(aval).dtype);
    return (index: readonly Expr[]): Expr => {
      isPlain &&= aval.shape.length === 0 || index.every((e, axis) => e === place[axis]);
      return value;
    };
  });
  const mentionsPlace = (e: Expr): boolean => {
    let found = place.includes(e as typeof place[number]);
    forEachOperand(e, (operand) => found ||= mentionsPlace(operand));
    return found;
  };
  for (const lowered of primitive.lower(reads, ins.map(plain), outs.map(plain), params)) {
    if (lowered.kind !== "map" || mentionsPlace(lowered.at(place)) || !isPlain) return null;
  }
  return {
    operands: ins.map((aval) => aval.shape.length === 0 ? null : wanted[0]),
    outs: outs.map(() => wanted[0]),
  };
}

const int32 = (value: number): NDArray => literal(value, "int32");

/**
 * Moves an array from one split to another: parts that a device lacks come from others, what it has too much is dropped.
 *
 * A mesh axis that goes from one axis of the array to another is an exchange of parts (`all_to_all`), one that goes is an `all_gather`, and one that
 * is new costs nothing.
 */
export function reshard(x: NDArray, from: MaybeSplit, to: MaybeSplit, mesh: Mesh): NDArray {
  if (sameSplit(from, to)) return x;
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
