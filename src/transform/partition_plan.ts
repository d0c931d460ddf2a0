/**
 * How the values of a program are divided among the devices of a mesh, and what each device does of its operations.
 *
 * Forwards, operands say how results are split (`transform/split.ts`). Then backwards: what every device would compute whole, of what it has whole, is
 * computed part by part where all who read it want it split in one way: random numbers that a constraint deals out, a bias that is stretched
 * beside examples. What the program's results are split by does not change by that.
 *
 * @module
 */
import { type Atom, type Jaxpr, type JaxprEqn, JaxprVar, primitiveOf } from "../core/jaxpr.ts";
import { type LocalOperation, NotPartitioned, type PartitionRequest } from "../core/partition.ts";
import type { AnyPrimitive } from "../core/primitive.ts";
import type { Mesh } from "../core/sharding.ts";
import { type MaybeSplit, sameSplit } from "../core/split.ts";
import { partitionElementwise } from "../ops/elementwise.ts";
import { splitsOf } from "./split.ts";

/** What is to be done of one equation. */
export interface DividedEquation {
  readonly eqn: JaxprEqn;
  readonly primitive: AnyPrimitive;
  readonly request: PartitionRequest<unknown>;
  readonly op: LocalOperation<unknown>;
}

/** A program's division. */
export interface PartitionPlan {
  readonly equations: readonly DividedEquation[];
  /** How all who read a value want it; `null` where they differ, or want it whole. */
  readonly wantedBy: (atom: Atom) => MaybeSplit;
  /** Sums that devices owe each other and that are added up in any case, because somebody needs them whole. */
  readonly addedUp: ReadonlySet<Atom>;
}

/** What each device does of an operation. */
export function localOperation(
  primitive: AnyPrimitive,
  request: PartitionRequest<unknown>,
): LocalOperation<unknown> {
  const { operands, wanted } = request;
  if (primitive.effect && primitive.partition === undefined) {
    throw new NotPartitioned(`${primitive.name} is done once, for all devices`);
  }
  const isWhole = [...operands, ...wanted].every((split) => split === null);
  const local = primitive.partition !== undefined
    ? primitive.partition(request)
    : isWhole
    ? null
    : partitionElementwise(primitive, request);
  return local ?? { operands: operands.map(() => null), outs: wanted.map(() => null) };
}

/** Whether an operation is linear in all its operands together, and done with parts as with the whole. */
export function isLinear(primitive: AnyPrimitive, op: LocalOperation<unknown>): boolean {
  // What is done with real and imaginary parts each is linear in all operands together.
  return primitive.onParts === "each" && primitive.sharding === undefined &&
    op.apply === undefined && op.combine === undefined;
}

/** Whether an operation's results are sums that devices still owe each other. */
function isOwed(
  { primitive, op, eqn }: DividedEquation,
  owed: ReadonlySet<Atom>,
): boolean {
  if (op.combine?.by === "psum" && op.finish === undefined) return true;
  return isLinear(primitive, op) && eqn.invars.some((x) => owed.has(x));
}

/**
 * Divides a program.
 *
 * @param ins How its inputs are split.
 * @param outs How its results are to be.
 * @throws {NotPartitioned} Where it holds something that is done once for all devices.
 */
export function planPartition(
  jaxpr: Jaxpr,
  mesh: Mesh,
  ins: readonly MaybeSplit[],
  outs: readonly MaybeSplit[],
): PartitionPlan {
  const splits = new Map<Atom, MaybeSplit>();
  const splitOf = (x: Atom): MaybeSplit => splits.get(x) ?? null;
  jaxpr.invars.forEach((v, i) => splits.set(v, ins[i]));
  const owed = new Set<Atom>();
  const forwards = jaxpr.eqns.map((eqn): DividedEquation => {
    const primitive = primitiveOf(eqn);
    const operands = eqn.invars.map(splitOf);
    const wanted = splitsOf(eqn, operands);
    eqn.outvars.forEach((v, i) => splits.set(v, wanted[i]));
    const divided = divide(eqn, primitive, mesh, operands, wanted);
    const areOwed = isOwed(divided, owed);
    eqn.outvars.forEach((v, i) => {
      if (areOwed || (divided.op.owed?.[i] ?? []).length > 0) owed.add(v);
    });
    return divided;
  });
  const wishes = new Map<JaxprVar, MaybeSplit>();
  const wish = (x: Atom, split: MaybeSplit): void => {
    if (!(x instanceof JaxprVar)) return;
    const known = wishes.get(x);
    wishes.set(x, known === undefined || sameSplit(known, split) ? split : null);
  };
  const wantedBy = (x: Atom): MaybeSplit => x instanceof JaxprVar ? wishes.get(x) ?? null : null;
  jaxpr.outvars.forEach((v, i) => wish(v, outs[i]));
  const equations = forwards.toReversed().map((divided): DividedEquation => {
    const { eqn } = divided;
    const isFree = eqn.outvars.every((v) => !owed.has(v)) && isComputedWhole(divided);
    const chosen = (isFree ? inParts(divided, eqn.outvars.map(wantedBy)) : null) ?? divided;
    eqn.invars.forEach((x, i) => wish(x, chosen.op.operands[i]));
    return chosen;
  });
  const addedUp = new Set(jaxpr.outvars.filter((x, i) => owed.has(x) && outs[i] === null));
  for (const { primitive, op, eqn } of equations) {
    if (primitive.sharding !== undefined || isLinear(primitive, op)) continue;
    for (const x of eqn.invars) if (owed.has(x)) addedUp.add(x);
  }
  return { equations: equations.reverse(), wantedBy, addedUp };
}

function divide(
  eqn: JaxprEqn,
  primitive: AnyPrimitive,
  mesh: Mesh,
  operands: readonly MaybeSplit[],
  wanted: readonly MaybeSplit[],
): DividedEquation {
  const [ins, outs] = [eqn.invars, eqn.outvars].map((list) => list.map((x) => x.aval));
  const request = { mesh, params: eqn.params as unknown, ins, outs, operands, wanted };
  return { eqn, primitive, request, op: localOperation(primitive, request) };
}

/** Whether every device would compute all of an operation, of operands that it has, though nobody asked for that. */
function isComputedWhole({ primitive, request: { operands, wanted } }: DividedEquation): boolean {
  return primitive.higherOrder === undefined && primitive.sharding === undefined &&
    primitive.collective === undefined && [...operands, ...wanted].every((split) => split === null);
}

/** An operation with its results in parts; `null` where that is not asked for, or takes more than the parts of its operands. */
function inParts(
  { eqn, primitive, request: { mesh, operands } }: DividedEquation,
  wanted: readonly MaybeSplit[],
): DividedEquation | null {
  if (wanted.every((split) => split === null)) return null;
  const divided = divide(eqn, primitive, mesh, operands, wanted);
  const { combine, outs = wanted } = divided.op;
  return combine === undefined && outs.every((split, i) => sameSplit(split, wanted[i]))
    ? divided
    : null;
}
