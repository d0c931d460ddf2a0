/**
 * Optimisers and learning-rate schedules, as optax names and computes them.
 *
 * @example
 * ```ts
 * import { numpy as np, optim } from "@vernal/vernal";
 *
 * const tx = optim.chain(optim.clipByGlobalNorm(1), optim.adam(1e-3));
 * const params = { w: np.array([1, 2]), name: null };
 * let state = tx.init(params);
 * const [updates, next] = tx.update({ w: np.array([3, 4]), name: null }, state, params);
 * state = next;
 * optim.applyUpdates(params, updates);
 * ```
 *
 * @module
 */
export * from "./transform.ts";
export * from "./optimizers.ts";
export * from "./schedules.ts";
