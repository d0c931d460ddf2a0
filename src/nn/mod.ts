/**
 * Layers and activations, as `equinox.nn` and `jax.nn`.
 *
 * Layers work on one example; `filterVmap` makes them work on batches.
 *
 * @module
 */
export * from "./functions.ts";
export type { CallOptions, Features, ParameterOptions } from "./layers/common.ts";
export { Identity, Linear, type LinearOptions } from "./layers/linear.ts";
export { type Activation, MLP, type MLPOptions } from "./layers/mlp.ts";
export { Dropout, type DropoutOptions } from "./layers/dropout.ts";
export { LayerNorm, type LayerNormOptions } from "./layers/layer_norm.ts";
export { RMSNorm, type RMSNormOptions } from "./layers/rms_norm.ts";
export { Embedding, type EmbeddingOptions } from "./layers/embedding.ts";
export { Lambda, type Layer, Sequential } from "./layers/sequential.ts";
export { inferenceMode } from "../filter/inference_mode.ts";
