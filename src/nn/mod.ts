/**
 * Layers and activations, as `equinox.nn` and `jax.nn`.
 *
 * Layers work on one example; `filterVmap` makes them work on batches.
 *
 * @module
 */
export * from "./functions.ts";
export {
  type AttentionOptions,
  type AttentionWeightsOptions,
  dotProductAttention,
  dotProductAttentionWeights,
} from "./attention.ts";
export { deleteInitState, makeWithState, State, StateIndex, type StateMarker } from "./state.ts";
export type {
  CallOptions,
  Features,
  ParameterOptions,
  StatefulCallOptions,
} from "./layers/common.ts";
export { Identity, Linear, type LinearOptions } from "./layers/linear.ts";
export { type Activation, MLP, type MLPOptions } from "./layers/mlp.ts";
export { Dropout, type DropoutOptions } from "./layers/dropout.ts";
export { LayerNorm, type LayerNormOptions } from "./layers/layer_norm.ts";
export { RMSNorm, type RMSNormOptions } from "./layers/rms_norm.ts";
export type { ExplicitPadding, PaddingPair, PerAxis } from "./layers/spatial.ts";
export {
  Conv,
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvLayerOptions,
  type NamedPadding,
  type PaddingMode,
} from "./layers/conv.ts";
export {
  ConvTranspose,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvTransposeLayerOptions,
} from "./layers/conv_transpose.ts";
export {
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  Pool,
  type PoolOptions,
} from "./layers/pool.ts";
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
  AdaptivePool,
  type PoolReduction,
} from "./layers/adaptive_pool.ts";
export { GroupNorm, type GroupNormOptions } from "./layers/group_norm.ts";
export {
  BatchNorm,
  type BatchNormMode,
  type BatchNormOptions,
  type RunningStatistics,
} from "./layers/batch_norm.ts";
export type { ParametrisedLayer } from "./layers/reparametrised.ts";
export {
  type SingularVectors,
  SpectralNorm,
  type SpectralNormOptions,
} from "./layers/spectral_norm.ts";
export { WeightNorm, type WeightNormOptions } from "./layers/weight_norm.ts";
export { Embedding, type EmbeddingOptions } from "./layers/embedding.ts";
export {
  RotaryPositionalEmbedding,
  type RotaryPositionalEmbeddingOptions,
} from "./layers/rotary.ts";
export {
  type Heads,
  MultiheadAttention,
  type MultiheadAttentionCallOptions,
  type MultiheadAttentionOptions,
} from "./layers/attention.ts";
export { GRUCell, LSTMCell, type RecurrentCellOptions } from "./layers/recurrent.ts";
export { PReLU, type PReLUOptions } from "./layers/prelu.ts";
export { StatefulLayer } from "./layers/stateful.ts";
export { Shared, SharedNode } from "./layers/shared.ts";
export { Lambda, type Layer, Sequential } from "./layers/sequential.ts";
export { inferenceMode } from "../filter/inference_mode.ts";
