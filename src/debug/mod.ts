/**
 * Looking into transformed functions.
 *
 * @module
 */
export { type SavedResidual, savedResiduals } from "./saved_residuals.ts";
