/**
 * Which primitives are computed directly, and how: by loops over few host scalars, or by kernels of the library.
 *
 * @module
 */
import type { ShapedArray } from "../core/aval.ts";
import type { AnyPrimitive } from "../core/primitive.ts";
import type { Plan } from "./evaluate.ts";

/** The direct plan for a primitive, or `null` where there is none. */
export function eagerPlan(
  _primitive: AnyPrimitive,
  _ins: readonly ShapedArray[],
  _outs: readonly ShapedArray[],
  _params: unknown,
): Plan | null {
  return null;
}
