/**
 * Over which axes of the mesh values differ from device to device.
 *
 * What differs over no axis is computed once, since all devices share one memory, and what differs over some is computed once for each
 * place along those. Sets of axes are numbers, a bit for each axis in the mesh's order.
 *
 * @module
 */
import {
  type Atom,
  type ClosedJaxpr,
  type Jaxpr,
  type JaxprEqn,
  JaxprVar,
  primitiveOf,
} from "../../core/jaxpr.ts";
import type { Mesh, PartitionSpec } from "../../core/sharding.ts";
import type { CondParams } from "../../control/cond.ts";
import type { ScanParams } from "../../control/scan.ts";
import type { WhileParams } from "../../control/while.ts";

/** Why a program has no form in which every device runs by itself between collectives. */
export class NotByDevices extends Error {}

/** A loop or branch whose bodies hold collectives. */
export type Control =
  | { readonly kind: "scan"; readonly params: ScanParams }
  | { readonly kind: "while"; readonly params: WhileParams }
  | { readonly kind: "cond"; readonly params: CondParams };

const holding = new WeakMap<Jaxpr, boolean>();

function holds(jaxpr: Jaxpr): boolean {
  let known = holding.get(jaxpr);
  if (known === undefined) {
    known = jaxpr.eqns.some((e) => primitiveOf(e).collective !== undefined || holdsCollective(e));
    holding.set(jaxpr, known);
  }
  return known;
}

/** Whether an equation's inner jaxprs hold a collective. */
export function holdsCollective(eqn: JaxprEqn): boolean {
  if (primitiveOf(eqn).higherOrder === undefined) return false;
  const holdsIn = (x: unknown): boolean => {
    if (Array.isArray(x)) return x.some(holdsIn);
    return typeof x === "object" && x !== null && "jaxpr" in x && holds((x as ClosedJaxpr).jaxpr);
  };
  return Object.values(eqn.params).some(holdsIn);
}

/** The loop or branch that an equation with inner collectives is. */
export function controlOf(eqn: JaxprEqn): Control {
  const { name } = eqn.primitive;
  if (name === "scan") return { kind: name, params: eqn.params as unknown as ScanParams };
  if (name === "while") return { kind: name, params: eqn.params as unknown as WhileParams };
  if (name === "cond") return { kind: name, params: eqn.params as unknown as CondParams };
  throw new NotByDevices(`collectives inside of ${name}`);
}

/** The devices of a mesh as places along its axes. */
export class Places {
  readonly #coordinates: readonly (readonly number[])[];
  readonly #representatives = new Map<number, readonly number[]>();

  /** @param mesh The devices. */
  constructor(readonly mesh: Mesh) {
    const { axisSizes } = mesh;
    this.#coordinates = mesh.devices.map((_, device) => {
      const at: number[] = [];
      for (let axis = axisSizes.length - 1, rest = device; axis >= 0; axis--) {
        at[axis] = rest % axisSizes[axis];
        rest = Math.floor(rest / axisSizes[axis]);
      }
      return at;
    });
  }

  /** How many devices there are. */
  get count(): number {
    return this.mesh.devices.length;
  }

  /** The set that is one axis. */
  axis(name: string): number {
    return 1 << this.mesh.axisNames.indexOf(name);
  }

  /** The axes that split an array of so many axes. */
  axesOf(spec: PartitionSpec, ndim: number): number {
    let axes = 0;
    for (let i = 0; i < ndim; i++) for (const name of spec.namesOf(i)) axes |= this.axis(name);
    return axes;
  }

  /** For a set of axes, the devices that stand for all: those at the first place along the other axes. */
  representatives(axes: number): readonly number[] {
    let found = this.#representatives.get(axes);
    if (found === undefined) {
      found = [...this.#coordinates.keys()].filter((device) =>
        this.#coordinates[device].every((at, axis) => at === 0 || (axes >> axis & 1) === 1)
      );
      this.#representatives.set(axes, found);
    }
    return found;
  }

  /** Which of the representatives of a set of axes stands for each device. */
  standIns(axes: number): readonly number[] {
    const found = this.representatives(axes);
    return this.#coordinates.map((at) =>
      found.findIndex((other) =>
        this.#coordinates[other].every((o, axis) => (axes >> axis & 1) === 0 || o === at[axis])
      )
    );
  }

  /** The devices along one axis, from the place of one of them. */
  along(name: string, device: number): number[] {
    const axis = this.mesh.axisNames.indexOf(name);
    const here = this.#coordinates[device];
    return Array.from(
      { length: this.mesh.axisSizes[axis] },
      (_, i) =>
        this.#coordinates.findIndex((at) => at.every((c, k) => c === (k === axis ? i : here[k]))),
    );
  }

  /** A device's place along an axis. */
  placeAlong(name: string, device: number): number {
    return this.#coordinates[device][this.mesh.axisNames.indexOf(name)];
  }
}

/** The mesh axis that an equation is a collective over; `null` where it is none. */
export function collectiveAxis(eqn: JaxprEqn, mesh: Mesh): string | null {
  const { collective } = primitiveOf(eqn);
  if (collective === undefined) return null;
  const name = String(collective.axisName(eqn.params));
  if (mesh.axisNames.includes(name)) return name;
  throw new NotByDevices(`a collective over ${name}`);
}

const all = (sets: readonly number[]): number => sets.reduce((a, b) => a | b, 0);

/** Over which axes each variable of a jaxpr differs, from its inputs'. */
export function varianceOf(
  jaxpr: Jaxpr,
  ins: readonly number[],
  places: Places,
): (atom: Atom) => number {
  const known = new Map<JaxprVar, number>();
  const read = (atom: Atom): number => atom instanceof JaxprVar ? known.get(atom) ?? 0 : 0;
  jaxpr.invars.forEach((v, i) => known.set(v, ins[i]));
  for (const eqn of jaxpr.eqns) {
    const outs = resultsOf(eqn, eqn.invars.map(read), places);
    eqn.outvars.forEach((v, i) => known.set(v, outs[i]));
  }
  return read;
}

function outputsOf(closed: ClosedJaxpr, ins: readonly number[], places: Places): number[] {
  return closed.jaxpr.outvars.map(varianceOf(closed.jaxpr, ins, places));
}

/** What a carry comes to differ over, that starts as `first` says and of which a step makes what `step` says. */
export function carriedVariance(
  first: readonly number[],
  step: (carry: readonly number[]) => readonly number[],
): number[] {
  let carry = [...first];
  for (;;) {
    const next = step(carry);
    const grown = carry.map((set, i) => set | next[i]);
    if (grown.every((set, i) => set === carry[i])) return carry;
    carry = grown;
  }
}

function resultsOf(eqn: JaxprEqn, ins: readonly number[], places: Places): number[] {
  const axisName = collectiveAxis(eqn, places.mesh);
  if (axisName !== null) {
    const axis = places.axis(axisName);
    switch (eqn.primitive.name) {
      case "psum":
      case "pmax":
      case "pmin":
      case "all_gather":
        return [all(ins) & ~axis];
      case "ppermute":
        return [all(ins)];
      default:
        return [all(ins) | axis];
    }
  }
  if (!holdsCollective(eqn)) return eqn.outvars.map(() => all(ins));
  const control = controlOf(eqn);
  switch (control.kind) {
    case "scan": {
      const { jaxpr, numConsts, numCarry } = control.params;
      const consts = ins.slice(0, numConsts);
      const xs = ins.slice(numConsts + numCarry);
      const step = (carry: readonly number[]) =>
        outputsOf(jaxpr, [...consts, ...carry, ...xs], places);
      const carry = carriedVariance(ins.slice(numConsts, numConsts + numCarry), step);
      return [...carry, ...step(carry).slice(numCarry)];
    }
    case "while": {
      const { bodyJaxpr, condNconsts, bodyNconsts } = control.params;
      const consts = ins.slice(condNconsts, condNconsts + bodyNconsts);
      const first = ins.slice(condNconsts + bodyNconsts);
      return carriedVariance(first, (carry) => outputsOf(bodyJaxpr, [...consts, ...carry], places));
    }
    default: {
      const { branches } = control.params;
      const results = branches.map((b) => outputsOf(b, ins.slice(1), places));
      return results[0].map((_, i) => all(results.map((r) => r[i])));
    }
  }
}
