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
export { noinline, type NoinlineOptions } from "./noinline.ts";
export { finaliseFn, finaliseJaxpr, finaliseMakeJaxpr } from "./finalise.ts";
export { unvmapAll, unvmapAny, unvmapMax } from "../ops/unvmap.ts";
export {
  assertDce,
  type GuardOptions,
  nonbatchable,
  nondifferentiable,
  nondifferentiableBackward,
  nontraceable,
} from "./guards.ts";
export { isUndefinedPrimal, UndefinedPrimal } from "../core/primitive.ts";
export { Omega, omega, type OmegaOperand, type OmegaOptions, type OmegaUpdate } from "./omega.ts";
export {
  createVprim,
  type FilterPrimitive,
  filterPrimitiveBind,
  filterPrimitiveDef,
  type FilterPrimitiveRules,
  materialiseZeros,
  type Vprim,
  type VprimRules,
} from "./primitives.ts";
export {
  AbstractProgressMeter,
  NoProgressMeter,
  TextProgressMeter,
  type TextProgressState,
  type TqdmOptions,
  TqdmProgressMeter,
  type TqdmProgressState,
} from "./progress_meter.ts";
export { str2jax } from "./str2jax.ts";
