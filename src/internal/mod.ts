/**
 * What libraries built on this one need: identities that refuse transformations, reductions over mapped axes, primitives of one's own over any trees,
 * progress meters. Written after `equinox.internal`; less settled than the rest.
 *
 * @example
 * ```ts
 * import { unvmapAny } from "@vernal/vernal/internal";
 * import { filterVmap, type NDArray, numpy as np } from "@vernal/vernal";
 *
 * const anyNegative = filterVmap((x: NDArray) => unvmapAny(x.less(0)), { outAxes: null });
 * anyNegative(np.array([1, -1])).item(); // 1
 * ```
 *
 * @module
 */
export { unvmapAll, unvmapAny, unvmapMax } from "../ops/unvmap.ts";
export {
  assertDce,
  type GuardOptions,
  nonbatchable,
  nondifferentiable,
  nondifferentiableBackward,
  nontraceable,
} from "./guards.ts";
