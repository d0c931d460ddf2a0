/**
 * Looking into transformed functions.
 *
 * @module
 */
export { type AnnounceOptions, announceTransform } from "./announce_transform.ts";
export { backwardNan, type BackwardNanOptions } from "./backward_nan.ts";
export { breakpointIf } from "./breakpoint_if.ts";
export { inspectDce, storeDce } from "./dce.ts";
export { print, setPrinter } from "./print.ts";
export { assertMaxTraces, getNumTraces, type MaxTracesOptions } from "./max_traces.ts";
export { type SavedResidual, savedResiduals } from "./saved_residuals.ts";
