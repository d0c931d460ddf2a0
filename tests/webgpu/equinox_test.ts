/**
 * Equinox's own tests, with a device as the default one.
 *
 * @module
 */
import { testsOnDevice } from "./axis.ts";

// Not those of filterPmap and shardings, which are about several devices, nor what asks only about text and types.
await testsOnDevice([
  "equinox/ad",
  "equinox/caches",
  "equinox/callback",
  "equinox/checkpoint",
  "equinox/debug",
  "equinox/debug_max_traces",
  "equinox/enum",
  "equinox/errors",
  "equinox/faults",
  "equinox/filters",
  "equinox/finalise_jaxpr",
  "equinox/jit",
  "equinox/make_jaxpr",
  "equinox/misc",
  "equinox/module",
  "equinox/nn_attention",
  "equinox/nn_basics",
  "equinox/nn_conv",
  "equinox/nn_networks",
  "equinox/nn_norms",
  "equinox/nn_pool",
  "equinox/noinline",
  "equinox/nontraceable",
  "equinox/pformat",
  "equinox/primitive",
  "equinox/progress_meter",
  "equinox/scan",
  "equinox/serialisation",
  "equinox/shared",
  "equinox/stateful",
  "equinox/str2jax",
  "equinox/tree",
  "equinox/update",
  "equinox/vmap",
  "equinox/while_loop",
], 8);
