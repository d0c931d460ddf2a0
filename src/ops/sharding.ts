/**
 * The primitive that says where an array is to be.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { type Primitive, Zero } from "../core/primitive.ts";
import { NamedSharding, PartitionSpec, type Sharding } from "../core/sharding.ts";
import { splitOf } from "../core/split.ts";
import { bind1, getEvaluator } from "../core/trace.ts";
import { unaryJvp } from "./rules.ts";

/** Parameters of {@linkcode shardingConstraintP}. */
export interface ShardingParams {
  readonly sharding: Sharding;
  /** Where the operand was committed to, if that is known: its cotangent goes back there. */
  readonly source: Sharding | null;
}

/** `sharding_constraint`: the operand, where the sharding says. The identity to derivatives; a mapped axis is not split. */
export const shardingConstraintP: Primitive<ShardingParams> = {
  name: "sharding_constraint",
  onParts: "each",
  abstractEval: ([x], { sharding }) => {
    sharding.checkShape(x.shape, "filterShard");
    return [x];
  },
  evaluate: ([x], { sharding }) => {
    sharding.checkShape(x.shape, "filterShard");
    return [getEvaluator().place(x, sharding, true)];
  },
  lower: ([read]) => [{ kind: "map", at: read }],
  split: (_operands, [x], _outs, { sharding }) => [splitOf(sharding, x.shape)],
  // To be where it is wanted is all there is to it.
  partition: ({ wanted }) => ({ operands: wanted, apply: (parts) => parts }),
  sharding: (p) => p.sharding,
  jvp: ([x], [t], { sharding }) => {
    const source = x.placement?.committed ? x.placement.sharding : null;
    const move = (x: NDArray) => bind1(shardingConstraintP, [x], { sharding, source });
    return unaryJvp(move(x), t, move);
  },
  transpose: ([ct], [x], { sharding, source }) => [
    ct instanceof Zero
      ? new Zero(x.aval)
      : bind1(shardingConstraintP, [ct], { sharding: source ?? sharding, source: sharding }),
  ],
  batch: ([x], [dim], { sharding }) => {
    return [[shardingConstraint(x, withWholeAxis(sharding, dim!))], [dim]];
  },
};

/** The sharding of arrays that have one more axis, which is not split. */
function withWholeAxis(sharding: Sharding, axis: number): Sharding {
  if (!(sharding instanceof NamedSharding)) return sharding;
  const entries = [...sharding.spec.entries];
  if (axis > entries.length) return sharding;
  return new NamedSharding(
    sharding.mesh,
    new PartitionSpec(...entries.slice(0, axis), null, ...entries.slice(axis)),
  );
}

/** `x` where a sharding says, committed. */
export function shardingConstraint(x: NDArray, sharding: Sharding): NDArray {
  return bind1(shardingConstraintP, [x], { sharding, source: null });
}
