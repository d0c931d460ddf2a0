/**
 * The tests of transformations, control flow and array functions, with a device as the default one.
 *
 * @module
 */
import { testsOnDevice } from "./axis.ts";

await testsOnDevice([
  "filter/ahead_of_time",
  "filter/checkpoint",
  "filter/closure_convert",
  "filter/custom_jvp",
  "filter/custom_rules",
  "filter/custom_vjp",
  "filter/decorators",
  "filter/filters",
  "filter/jacobian",
  "filter/jvp",
  "filter/loops",
  "filter/pformat",
  "filter/retraces",
  "filter/symbolic_zeros",
  "filter/tree_at",
  "filter/vjp",
  "filter/vmap",
  "control/callbacks",
  "control/checkpoint_random",
  "control/custom_rules",
  "control/error_if",
  "control/loops",
  "control/random_effects",
  "numpy/convolving",
  "numpy/dtypes",
  "numpy/refusals",
  "lax/collectives",
  "random/distributions",
], 8);
