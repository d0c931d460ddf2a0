/**
 * Where the results of a computation are, from where its operands are.
 *
 * Operands that nobody committed to a device go along with those that somebody did; without any, results are on the default device, which is
 * where new arrays are anyway: then nothing is done at all.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { checkPresent } from "../core/device.ts";
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import { jointPlacement, type Located, type Placement, placementOf } from "../core/placement.ts";
import type { AnyPrimitive } from "../core/primitive.ts";
import {
  devicesDiffer,
  type Mesh,
  NamedSharding,
  sameDevices,
  type Sharding,
} from "../core/sharding.ts";
import { type MaybeSplit, shardingOfSplit, splitLike, splitOf } from "../core/split.ts";
import type { RunOptions } from "../control/jit_call.ts";
import { propagateSplits, shardingsIn } from "../transform/split.ts";
import type { Layout } from "./partitioned.ts";

/** Whether any array was put where it is. */
function anyCommitted(arrays: readonly Located[]): boolean {
  for (let i = 0; i < arrays.length; i++) {
    const { placement } = arrays[i];
    if (placement !== null && placement.committed) return true;
  }
  return false;
}

const splitsOf = (xs: readonly Located[]): MaybeSplit[] =>
  xs.map((x) => x.placement?.committed ? splitOf(x.placement.sharding, x.shape) : null);

const placed = (splits: readonly MaybeSplit[], mesh: Mesh): Placement[] =>
  splits.map((split) => placementOf(shardingOfSplit(split, mesh), true));

/**
 * The placement that one operation's operands bind it to; `null` for where new arrays are.
 *
 * @throws {DeviceError} Where operands are committed to different devices.
 */
export function operandPlacement(
  primitive: AnyPrimitive,
  operands: readonly NDArray[],
): Placement | null {
  if (!anyCommitted(operands)) return null;
  return jointPlacement(operands, primitive.name, (i) => `operand ${i}`);
}

/** Notes where the results of one operation are, of which {@linkcode operandPlacement} gave `joint`. */
export function placeResults(
  joint: Placement,
  primitive: AnyPrimitive,
  operands: readonly NDArray[],
  params: unknown,
  results: readonly NDArray[],
): void {
  if (!(joint.sharding instanceof NamedSharding)) {
    for (const x of results) x.placement = joint;
    return;
  }
  const [ins, outs] = [operands, results].map((list) => list.map((x) => x.aval));
  const splits = (primitive.split ?? splitLike)(splitsOf(operands), ins, outs, params);
  const placements = placed(splits, joint.sharding.mesh);
  results.forEach((x, i) => x.placement = placements[i]);
}

/** Why most programs run as one. */
export const NOT_SPLIT = "no argument, and no sharding inside, is over a mesh";

/** Where the results of a call are. */
export interface Places {
  readonly placements: readonly Placement[];
  /** How inputs and results lie over the mesh, if there is one. */
  readonly layout: Layout | null;
  /** Why it runs as one program, where there is no layout. */
  readonly reason: string;
}

/** Where the results of a compiled program are, remembered for the placements of its last call. */
export class ProgramPlacer {
  readonly #closed: ClosedJaxpr;
  readonly #shardings: readonly Sharding[];
  #lastInputs: (Placement | null)[] = [];
  #last: Places | null = null;

  /** @param closed What the program computes. */
  constructor(closed: ClosedJaxpr) {
    this.#closed = closed;
    this.#shardings = shardingsIn(closed);
  }

  /**
   * Where the results of a call are; `null` for where new arrays are.
   *
   * @throws {DeviceError} Where inputs, or the shardings that the program asks for, are of different devices.
   */
  places(inputs: readonly Located[], { name, nameOf, on }: RunOptions): Places | null {
    if (on === null && this.#shardings.length === 0 && !anyCommitted(inputs)) return null;
    if (on === null && this.#last !== null && this.#isLast(inputs)) return this.#last;
    const joint = on === null
      ? jointPlacement(inputs, name, nameOf)?.sharding ?? this.#shardings[0]
      : on;
    for (const sharding of this.#shardings) {
      for (const device of sharding.devices) checkPresent(device, `${name}: a sharding inside`);
      if (sameDevices(joint, sharding)) continue;
      const at = inputs.findIndex((x) => x.placement?.committed);
      const first = on !== null
        ? "what it is compiled for"
        : at >= 0
        ? nameOf(at)
        : "a sharding inside";
      throw devicesDiffer(name, [first, joint], ["a sharding inside", sharding]);
    }
    const mesh = [joint, ...this.#shardings].find((s) => s instanceof NamedSharding)?.mesh;
    const given = on === null ? splitsOf(inputs) : inputs.map((x) => splitOf(on, x.shape));
    const result = this.#placesOf(joint, mesh, given);
    if (on === null) {
      this.#lastInputs = inputs.map((x) => x.placement);
      this.#last = result;
    }
    return result;
  }

  /** Splits over different meshes do not mix: those over other ones than the first count as whole. */
  #placesOf(joint: Sharding, mesh: Mesh | undefined, ins: readonly MaybeSplit[]): Places {
    if (mesh === undefined) {
      return {
        placements: this.#closed.outAvals.map(() => placementOf(joint, true)),
        layout: null,
        reason: NOT_SPLIT,
      };
    }
    const outs = propagateSplits(this.#closed, ins);
    const isSplit = this.#shardings.length > 0 || ins.some((split) => split !== null);
    const same = [...ins, ...outs].every((s) => s === null || String(s.mesh) === String(mesh)) &&
      this.#shardings.every((s) => s instanceof NamedSharding && String(s.mesh) === String(mesh));
    const reason = mesh.size === 1 || mesh.devices[0].platform !== "cpu"
      ? `${mesh} has no several devices of the processor`
      : !isSplit
      ? NOT_SPLIT
      : same
      ? ""
      : "arrays, or shardings inside, are of several meshes";
    const layout = reason === "" ? { mesh, ins, outs } : null;
    return { placements: placed(outs, mesh), layout, reason };
  }

  #isLast(inputs: readonly Located[]): boolean {
    for (let i = 0; i < inputs.length; i++) {
      const { placement } = inputs[i];
      if (placement !== this.#lastInputs[i]) return false;
      // A device may have vanished since.
      if (placement !== null && placement.committed) {
        jointPlacement([inputs[i]], "", () => "");
      }
    }
    return true;
  }
}
