/**
 * The rows of the table of WebGPU: inputs on the device, one wait for each batch of calls.
 *
 * @module
 */
import { mlp, type Row } from "./rows.ts";
import { matmulTitle } from "./rows_products.ts";
import { convFlops, type ConvWork, matmulFlops, type MatmulWork } from "./work.ts";
import { attentionFlops, encoderFlops } from "./work_attention.ts";
import type { AttentionWork, EncoderWork, Work } from "./work.ts";

const reach = { fasterThan: "both peers" } as const;

function timed(id: string, title: string, work: Work, unit: "ms" | "µs" = "ms"): Row {
  return { id: `webgpu_${id}`, title, mode: "warm", work, unit, amount: 1, reach };
}

function rated(id: string, title: string, work: Work, flops: number): Row {
  return { ...timed(id, title, work), unit: "GFLOP/s", amount: flops };
}

function matmul(n: number): Row {
  const work: MatmulWork = {
    kind: "matmul",
    m: n,
    k: n,
    n,
    batch: null,
    transposed: false,
    dtype: "float32",
  };
  return rated(`matmul_${n}`, matmulTitle(work), work, matmulFlops(work));
}

function attention(length: number): Row {
  const work: AttentionWork = { kind: "attention", heads: 8, length, size: 64 };
  const title = `attention, 8 heads of 64, ${length} queries and keys`;
  return rated(`attention_${length}`, title, work, attentionFlops(work));
}

function conv(gradients: boolean): Row {
  const work: ConvWork = {
    kind: "conv",
    features: 64,
    size: 56,
    window: 3,
    depthwise: false,
    gradients,
  };
  const title = gradients
    ? "the gradients of both operands of the same"
    : "f32 conv 3×3, 64 → 64 features, 56×56";
  return rated(gradients ? "conv_gradients" : "conv", title, work, convFlops(work));
}

const encoder: EncoderWork = {
  kind: "encoder",
  layers: 1,
  width: 384,
  heads: 12,
  hidden: 1536,
  length: 128,
};

/** Every row of WebGPU, in the order of the table. */
export const webgpuRows: readonly Row[] = [
  matmul(256),
  matmul(512),
  matmul(1024),
  { ...matmul(2048), rounds: 1 },
  timed("train", "MLP 784-512-512-10, batch 128: loss, gradients, SGD", mlp),
  timed("fused", "sum(tanh(x·y+z)·x), 10⁶", { kind: "fused", size: 1_000_000 }),
  timed("softmax", "softmax [1024,1024]", { kind: "softmax", rows: 1024, cols: 1024 }),
  timed("layer_norm", "layer norm [1024,1024]", { kind: "layerNorm", rows: 1024, cols: 1024 }),
  timed("sum", "sum of 10⁷ × 0.1", { kind: "sum", size: 10_000_000 }),
  attention(256),
  attention(512),
  conv(false),
  conv(true),
  rated(
    "encoder",
    "encoder block as MiniLM's: 384, 12 heads, 1536, 128 tokens",
    encoder,
    encoderFlops(encoder),
  ),
  timed("increment", "jitted x + 1 on [4], launched", { kind: "increment" }, "µs"),
  timed("round_trip", "jitted x + 1 on [4], read each time", { kind: "roundTrip" }, "µs"),
  {
    ...timed("train_first", "first call of the MLP's step in a fresh process", mlp),
    mode: "first",
  },
  {
    ...timed("train_first_cold", "the same, the driver's cache of shaders off", mlp),
    mode: "first",
    // Mesa's, and NVIDIA's.
    env: { MESA_SHADER_CACHE_DISABLE: "true", __GL_SHADER_DISK_CACHE: "0" },
  },
];
