/**
 * Arrays, as `jax.numpy`.
 *
 * @module
 */
export * from "./creation.ts";
export * from "./complex.ts";
export * from "./ufuncs.ts";
export * from "./own_rules.ts";
export * from "./elementary.ts";
export * from "./reductions.ts";
export { variance as var } from "./reductions.ts";
export * from "./shapes.ts";
export * from "./linalg_basic.ts";
export { innerProduct as inner } from "./linalg_basic.ts";
export * from "./lookup.ts";
export * from "./where.ts";
export type { AloneOr } from "./promote.ts";
export * from "./einsum.ts";
export * from "./padding.ts";
export * from "./arranging.ts";
export {
  diag,
  diagflat,
  diagIndices,
  diagonal,
  type DiagonalIndexOptions,
  type DiagonalOptions,
  trace,
  type TraceOptions,
  tri,
  type TriangleIndicesOptions,
  tril,
  trilIndices,
  trilIndicesFrom,
  triu,
  triuIndices,
  triuIndicesFrom,
  vander,
  type VanderOptions,
} from "./triangles.ts";
export * from "./comparing.ts";
export * from "./number_parts.ts";
export * from "./statistics.ts";
export * from "./products.ts";
export * from "./convolving.ts";
export * from "./dtype_queries.ts";
export * from "./sets.ts";
export * from "./nan_functions.ts";
export * as linalg from "./linalg.ts";
export * as fft from "./fft.ts";
