/**
 * `clearCaches`: forgetting what was traced and compiled.
 *
 * @module
 */
import { clearPrograms, jitBackend } from "../control/jit_call.ts";
import { clearTargets } from "../control/noinline.ts";
import { getEvaluator } from "../core/trace.ts";
import { clearRotaryTables } from "../nn/layers/rotary.ts";
import { clearJitTables } from "./jit.ts";

/**
 * Forgets every trace and every compiled program: those of {@linkcode filterJit} and `jit`, the plans of operations outside of them, and tables of `nn.RotaryPositionalEmbedding`. The next call of a compiled
 * function traces and compiles it anew. What {@linkcode filterJit}`(f).lower(...).compile()` gave, and arrays, live on. After `equinox.clear_caches` and
 * `jax.clear_caches`.
 *
 * Caches go with the functions that they belong to, and are bounded: there is no need to call this but in tests and measurements.
 *
 * @example
 * ```ts
 * import * as vn from "@vernal/vernal";
 *
 * const f = vn.filterJit((x: vn.NDArray) => x.add(1));
 * f(vn.numpy.ones([2]));
 * vn.clearCaches();
 * f(vn.numpy.ones([2])); // traced once more
 * ```
 */
export function clearCaches(): void {
  clearJitTables();
  clearPrograms();
  clearTargets();
  jitBackend().clear();
  getEvaluator().clear();
  clearRotaryTables();
}
