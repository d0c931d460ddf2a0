/**
 * What the primitives that hold jaxprs share.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import type { LoweredKernelArg } from "../core/lowering.ts";
import { type Tangent, Zero } from "../core/primitive.ts";

/** Whether a tangent or cotangent is an array and no symbolic zero. */
export function isPresent(t: Tangent): t is NDArray {
  return !(t instanceof Zero);
}

/** Grows a mask of a loop's carry until a step keeps it. */
export function fixedPoint(
  initial: readonly boolean[],
  step: (carry: readonly boolean[]) => readonly boolean[],
): boolean[] {
  let carry = [...initial];
  for (;;) {
    const given = step(carry);
    const next = carry.map((c, i) => c || given[i]);
    if (next.every((c, i) => c === carry[i])) return next;
    carry = next;
  }
}

/** The arguments of a control-flow kernel: all operands, all results. */
export function controlArgs(operands: number, results: number): LoweredKernelArg[] {
  return [
    ...Array.from({ length: operands }, (_, operand) => ({ kind: "operand", operand }) as const),
    ...Array.from({ length: results }, (_, result) => ({ kind: "result", result }) as const),
  ];
}
