/**
 * Identities that say something to those who rewrite programs: `optimization_barrier` and `name`.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { isUndefinedPrimal, type Primitive, Zero } from "../core/primitive.ts";
import { bind, bind1 } from "../core/trace.ts";
import { type NoParams, noParams } from "./common.ts";
import { unaryBatch } from "./rules.ts";
import { instantiate } from "./shape.ts";

/**
 * `optimization_barrier`: its operands, all of which are computed before anything that reads a result. A result is not the operand to
 * whoever looks for equal values, so nothing is merged with, moved or fused across it.
 */
export const optimizationBarrierP: Primitive<NoParams> = {
  name: "optimization_barrier",
  onParts: "stored",
  abstractEval: (ins) => ins,
  lower: (reads) => reads.map((_, operand) => ({ kind: "alias", operand, barrier: true })),
  batch: (xs, dims) => [optimizationBarrier(xs), dims],
  split: (operands) => operands,
  partition: ({ wanted }) => ({ operands: wanted }),
  // Tangents are materialised, as in JAX: one barrier each for primals and for tangents.
  jvp: (xs, ts) => [optimizationBarrier(xs), optimizationBarrier(ts.map(instantiate))],
  transpose: (cts, xs) => {
    const live = cts.flatMap((ct) => ct instanceof Zero ? [] : [ct]);
    const held = optimizationBarrier(live);
    let next = 0;
    return cts.map((ct, i) => {
      const out = ct instanceof Zero ? ct : held[next++];
      return isUndefinedPrimal(xs[i]) ? out : null;
    });
  },
};

/** The operands, behind a barrier. */
export function optimizationBarrier(xs: readonly NDArray[]): readonly NDArray[] {
  return xs.length === 0 ? xs : bind(optimizationBarrierP, xs, noParams);
}

/** Parameters of {@linkcode nameP}. */
export interface NameParams {
  readonly name: string;
}

/** `name`: the identity; policies of checkpoints know the value by its name. */
export const nameP: Primitive<NameParams> = {
  name: "name",
  onParts: "stored",
  abstractEval: ([x]) => [x],
  lower: () => [{ kind: "alias", operand: 0 }],
  finalise: (xs) => xs,
  batch: (xs, dims, p) => unaryBatch(nameP, xs, dims, p),
  // Only the value is named, not its tangent.
  jvp: ([x], [t], p) => [[bind1(nameP, [x], p)], [t]],
  transpose: ([ct], [x]) => [isUndefinedPrimal(x) ? ct : null],
};

/** `x` under a name. */
export function named(x: NDArray, name: string): NDArray {
  return bind1(nameP, [x], { name });
}
