/**
 * The functions of `jax.lax`: close to the primitives, without promotion or broadcasting.
 *
 * @module
 */
export * from "./complex.ts";
export * from "./elementwise.ts";
export * from "./reductions.ts";
export * from "./structure.ts";
export { topK } from "./top_k.ts";
export * from "./collectives.ts";
export { optimizationBarrier } from "./barrier.ts";
export * from "./convolution.ts";
export * from "./windows.ts";
export {
  cond,
  foriLoop,
  map,
  scan,
  type ScanOptions,
  switchBranch as switch,
  whileLoop,
} from "./loops.ts";
export { associativeScan, type AssociativeScanOptions } from "./associative_scan.ts";
export {
  customLinearSolve,
  customRoot,
  type LinearSolveOptions,
  type RootOptions,
} from "./implicit.ts";
export { fft, type FftOptions } from "./fft.ts";
export * as linalg from "./linalg.ts";
export type { ConvDimensionNumbers } from "../ops/conv.ts";
export type { DimensionNumbers } from "../ops/dot.ts";
export type { PadAxis } from "../ops/slicing.ts";
export type { Padding, PaddingSpec } from "../ops/window.ts";
