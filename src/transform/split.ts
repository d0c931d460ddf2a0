/**
 * Propagation of shardings: how a program's results are split over a mesh, from how its inputs are.
 *
 * A walk over the jaxpr with each primitive's `split` rule. It goes forwards only, so that what an array's sharding is can be read off the
 * program from top to bottom; where a rule cannot tell, the result is whole on every device.
 *
 * @module
 */
import type { ShapedArray } from "../core/aval.ts";
import {
  type Atom,
  type ClosedJaxpr,
  type JaxprEqn,
  JaxprVar,
  primitiveOf,
} from "../core/jaxpr.ts";
import type { Sharding } from "../core/sharding.ts";
import { type MaybeSplit, mergeSplits, sameSplit, splitLike } from "../core/split.ts";

/** How the results of a jaxpr are split. Constants are whole. */
export function propagateSplits(
  closed: ClosedJaxpr,
  inputs: readonly MaybeSplit[],
): MaybeSplit[] {
  const { invars, outvars, eqns } = closed.jaxpr;
  const env = new Map<JaxprVar, MaybeSplit>();
  invars.forEach((v, i) => env.set(v, inputs[i]));
  const read = (x: Atom) => x instanceof JaxprVar ? env.get(x) ?? null : null;
  for (const eqn of eqns) {
    const splits = splitsOf(eqn, eqn.invars.map(read));
    eqn.outvars.forEach((v, i) => env.set(v, splits[i]));
  }
  return outvars.map(read);
}

/** How the results of one equation are split. */
export function splitsOf(eqn: JaxprEqn, operands: readonly MaybeSplit[]): readonly MaybeSplit[] {
  const primitive = primitiveOf(eqn);
  const [ins, outs] = [eqn.invars, eqn.outvars].map((list) => list.map((x) => x.aval));
  if (primitive.split !== undefined) return primitive.split(operands, ins, outs, eqn.params);
  const inner = primitive.higherOrder?.inline?.(eqn.params, ins);
  return inner === undefined ? splitLike(operands, ins, outs) : propagateSplits(inner, operands);
}

/** How a loop's carry is split: as it starts, and what steps add to that. */
export function splitFixedPoint(
  initial: readonly MaybeSplit[],
  avals: readonly ShapedArray[],
  step: (carry: readonly MaybeSplit[]) => readonly MaybeSplit[],
): MaybeSplit[] {
  let carry = [...initial];
  for (;;) {
    const given = step(carry);
    const next = carry.map((c, i) => mergeSplits([c, given[i]], avals[i].shape));
    if (next.every((c, i) => sameSplit(c, carry[i]))) return next;
    carry = next;
  }
}

const found = new WeakMap<ClosedJaxpr, readonly Sharding[]>();

/** All shardings that a jaxpr, and those inside it, put values to. */
export function shardingsIn(closed: ClosedJaxpr): readonly Sharding[] {
  let shardings = found.get(closed);
  if (shardings === undefined) {
    const list: Sharding[] = [];
    for (const eqn of closed.jaxpr.eqns) {
      const { sharding } = primitiveOf(eqn);
      if (sharding !== undefined) list.push(sharding(eqn.params));
      for (const value of Object.values(eqn.params).flat()) {
        if (isClosedJaxpr(value)) list.push(...shardingsIn(value));
      }
    }
    found.set(closed, shardings = list);
  }
  return shardings;
}

function isClosedJaxpr(x: unknown): x is ClosedJaxpr {
  return typeof x === "object" && x !== null && "jaxpr" in x && "inAvals" in x;
}
