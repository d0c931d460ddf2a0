/**
 * Arrays, as `jax.numpy`.
 *
 * @module
 */
export * from "./creation.ts";
export * from "./ufuncs.ts";
export * from "./elementary.ts";
export * from "./reductions.ts";
export { variance as var } from "./reductions.ts";
export * from "./shapes.ts";
export * from "./linalg_basic.ts";
export { innerProduct as inner } from "./linalg_basic.ts";
export * from "./lookup.ts";
export * from "./where.ts";
export type { AloneOr } from "./promote.ts";
