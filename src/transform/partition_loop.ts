/**
 * The body of a loop, divided among the devices of a mesh.
 *
 * A sum that the loop carries and that each turn adds to, such as the gradient of what all turns read, is added up once, after the loop:
 * until then each device carries its terms. What turns give besides, such as gradients of each layer, is added up for all of them at once.
 * So a recurrent network in data parallel takes one collective for each gradient, not one for each turn.
 *
 * @module
 */
import {
  type Atom,
  type ClosedJaxpr,
  closeJaxpr,
  type Jaxpr,
  type JaxprEqn,
  JaxprVar,
  makeJaxprOf,
} from "../core/jaxpr.ts";
import { shapesEqual } from "../core/aval.ts";
import type { Mesh } from "../core/sharding.ts";
import { type MaybeSplit, sameSplit } from "../core/split.ts";
import { add } from "../ops/arith.ts";
import { partAval, reshard, runParts, settled } from "./partition.ts";
import { stage } from "./stage.ts";

/** A body for one device. */
export interface PartitionedBody {
  readonly jaxpr: ClosedJaxpr;
  /** Of each result the mesh axes along which it is the sum of what devices have. */
  readonly owed: readonly (readonly string[])[];
}

/**
 * The body of one device.
 *
 * @param closed The whole body: what it reads, what it carries, what it takes a slice of; results are what it carries, then others.
 * @param numConsts How many inputs come before those that are carried.
 * @param ins How its inputs are split; the carried ones as they are to be after a turn.
 * @param outs How its results are to be.
 */
export function partitionBody(
  closed: ClosedJaxpr,
  numConsts: number,
  numCarry: number,
  mesh: Mesh,
  ins: readonly MaybeSplit[],
  outs: readonly MaybeSplit[],
): PartitionedBody {
  const { terms, sums } = withoutCarriedSums(closed.jaxpr, numConsts, numCarry);
  const owed: (readonly string[])[] = closed.outAvals.map(() => []);
  const avals = closed.inAvals.map((aval, i) => partAval(aval, ins[i]));
  const jaxpr = stage((inputs) => {
    const parts = inputs.map((x, i) => ({ x, split: ins[i], owed: [] }));
    const results = runParts(closeJaxpr(terms, closed.consts), mesh, parts, outs);
    return results.map((part, i) => {
      const isSum = sums.has(i);
      const mayBeOwed = (isSum || i >= numCarry) && sameSplit(part.split, outs[i]);
      if (mayBeOwed) owed[i] = part.owed;
      const x = mayBeOwed ? part.x : reshard(settled(part, outs[i]), outs[i], mesh);
      return isSum ? add(inputs[numConsts + i], x) : x;
    });
  }, avals);
  return { jaxpr, owed };
}

/** A body without the carried values that it does nothing with but to add to them: it then gives what is added. */
function withoutCarriedSums(
  jaxpr: Jaxpr,
  numConsts: number,
  numCarry: number,
): { readonly terms: Jaxpr; readonly sums: ReadonlySet<number> } {
  const readers = new Map<Atom, JaxprEqn[]>();
  for (const eqn of jaxpr.eqns) {
    for (const x of eqn.invars) {
      const known = readers.get(x);
      if (known === undefined) readers.set(x, [eqn]);
      else known.push(eqn);
    }
  }
  const results = (x: Atom) => jaxpr.outvars.filter((y) => y === x).length;
  /** The one addition that reads a value. */
  const additionTo = (x: Atom): JaxprEqn | null => {
    const [eqn, ...others] = readers.get(x) ?? [];
    return eqn !== undefined && others.length === 0 && results(x) === 0 && isAddition(eqn)
      ? eqn
      : null;
  };
  const sums = new Set<number>();
  const removed = new Set<JaxprEqn>();
  const instead = new Map<Atom, Atom>();
  for (let i = 0; i < numCarry; i++) {
    const carried = jaxpr.invars[numConsts + i];
    const first = additionTo(carried);
    if (first === null || removed.has(first)) continue;
    const result = jaxpr.outvars[i];
    let last: JaxprEqn | null = first;
    while (last !== null && last.outvars[0] !== result) last = additionTo(last.outvars[0]);
    if (last === null || results(result) > 1 || readers.has(result)) continue;
    const term = first.invars[first.invars[0] === carried ? 1 : 0];
    sums.add(i);
    removed.add(first);
    instead.set(first.outvars[0], term);
  }
  const now = (x: Atom): Atom => {
    let y = x;
    for (let next = instead.get(y); next !== undefined; next = instead.get(y)) y = next;
    return y;
  };
  const eqns = jaxpr.eqns.filter((eqn) => !removed.has(eqn)).map((eqn) => ({
    ...eqn,
    invars: eqn.invars.map(now),
  }));
  const terms = makeJaxprOf(jaxpr.constvars, jaxpr.invars, jaxpr.outvars.map(now), eqns);
  return { terms, sums };
}

/** Whether an equation adds two different values of one shape. */
function isAddition({ primitive, invars: [x, y] }: JaxprEqn): boolean {
  return (primitive.name === "add" || primitive.name === "add_any") && x !== y &&
    x instanceof JaxprVar && y instanceof JaxprVar && shapesEqual(x.aval.shape, y.aval.shape);
}
