/**
 * The rows of the table: what is measured, in which unit, and what is to be reached.
 *
 * @module
 */
import type { LimitName } from "./limits.ts";
import { callRows } from "./rows_calls.ts";
import { firstCallRows, mlp, processRows } from "./rows_startup.ts";
import {
  convFlops,
  type ConvWork,
  matmulFlops,
  type MatmulWork,
  trainFlops,
  type Work,
} from "./work.ts";

/** The unit of a row; a rate is better when larger, a time when smaller. */
export type Unit = "GFLOP/s" | "GB/s" | "ns/element" | "ms" | "µs";

/** How a row is run. */
export type Mode =
  /** Warmed, the median of several samples. */
  | "warm"
  /** The first call in a fresh process, the median over processes. */
  | "first"
  /** From the first call of a fresh process until calls take no longer than steady ones by a tenth, the median over processes. */
  | "full speed"
  /** The wall time of a process that only imports, over that of an empty script. */
  | "import"
  /** The wall time of a script that trains for one step, over that of an empty script: with nothing cached, and when it ran before. */
  | "first run"
  | "second run";

/** One row. */
export interface Row {
  readonly id: string;
  readonly title: string;
  readonly mode: Mode;
  readonly work: Work;
  readonly unit: Unit;
  /** Multiplications and additions, bytes, or elements in one call: what turns its time into the unit. */
  readonly amount: number;
  /** The loop whose rate bounds this work on this machine. */
  readonly limit?: LimitName;
  /** How often it is measured at most, where once takes minutes. */
  readonly rounds?: number;
  /** What the process is told beside. */
  readonly env?: Readonly<Record<string, string>>;
  /** What is to be reached: a share of the limit, or a figure in the unit, or the named contender's, or a multiple of another row's. */
  readonly reach:
    | { readonly shareOfLimit: number }
    | { readonly atMost: number }
    | { readonly notOver: string }
    | { readonly fasterThan: "both peers" }
    | { readonly times: number; readonly ofRow: string };
}

function matmul(
  name: string,
  share: number,
  work: Partial<MatmulWork> & { m: number; k: number; n: number },
): Row {
  const full: MatmulWork = {
    kind: "matmul",
    batch: null,
    transposed: false,
    dtype: "float32",
    ...work,
  };
  return {
    id: `matmul_${name}`,
    title: matmulTitle(full),
    mode: "warm",
    work: full,
    unit: "GFLOP/s",
    amount: matmulFlops(full),
    limit: full.dtype === "float32" ? "madd32" : "madd64",
    reach: { shareOfLimit: share },
  };
}

/** How a product is named in the table. */
export function matmulTitle({ m, k, n, batch, transposed, dtype }: MatmulWork): string {
  const type = dtype === "float32" ? "f32" : "f64";
  if (batch !== null) return `${type} matmul, batched [${batch},${m},${k}]·[${batch},${k},${n}]`;
  if (transposed) return `${type} matmul AᵀBᵀ, n = ${n}`;
  if (m === n && n === k) return `${type} matmul, n = ${n}`;
  return `${type} matmul [${m},${k}]·[${k},${n}]`;
}

const square = (n: number) => ({ m: n, k: n, n });

function conv(gradients: boolean): Row {
  const work: ConvWork = { kind: "conv", features: 64, size: 56, window: 3, gradients };
  return {
    id: gradients ? "conv_gradients" : "conv",
    title: gradients
      ? "the gradients of both operands of the same"
      : "f32 conv 3×3, 64 → 64 features, 56×56",
    mode: "warm",
    work,
    unit: "GFLOP/s",
    amount: convFlops(work),
    limit: "madd32",
    reach: { shareOfLimit: 0.6 },
  };
}

function ensemble(models: number, atMost: number): Row {
  return {
    id: `ensemble_${models}`,
    title: `filterVmap over ${models} stacked MLP(2,2,2,2), per call`,
    mode: "warm",
    work: { kind: "ensemble", models },
    unit: "µs",
    amount: 1,
    reach: { atMost },
  };
}

function rnn(gradients: boolean, most: number): Row {
  return {
    id: gradients ? "rnn_gradient" : "rnn",
    title: gradients ? "the same, with its gradients" : "tanh RNN of 1000 steps, H = 16, by scan",
    mode: "warm",
    work: { kind: "rnn", steps: 1000, hidden: 16, gradients },
    unit: "ms",
    amount: 1,
    reach: { atMost: most },
  };
}

export { mlp };

/** Every row, in the order of the table. */
export const rows: readonly Row[] = [
  matmul("128", 0.85, square(128)),
  matmul("256", 0.85, square(256)),
  matmul("512", 0.85, square(512)),
  matmul("1024", 0.85, square(1024)),
  matmul("511", 0.7, square(511)),
  matmul("513", 0.7, square(513)),
  matmul("transposed", 0.7, { ...square(512), transposed: true }),
  matmul("thin", 0.7, { m: 512, k: 512, n: 10 }),
  matmul("batched", 0.7, { ...square(128), batch: 16 }),
  matmul("f64", 0.75, { ...square(512), dtype: "float64" }),
  conv(false),
  conv(true),
  {
    id: "fused",
    title: "sum(tanh(x·y+z)·x), 10⁶",
    mode: "warm",
    work: { kind: "fused", size: 1_000_000 },
    unit: "ns/element",
    amount: 1_000_000,
    reach: { atMost: 1 },
  },
  {
    id: "softmax",
    title: "softmax [1024,1024]",
    mode: "warm",
    work: { kind: "softmax", rows: 1024, cols: 1024 },
    unit: "ms",
    amount: 1,
    reach: { atMost: 2.5 },
  },
  {
    id: "layer_norm",
    title: "layer norm [1024,1024]",
    mode: "warm",
    work: { kind: "layerNorm", rows: 1024, cols: 1024 },
    unit: "ms",
    amount: 1,
    reach: { atMost: 2.5 },
  },
  {
    id: "sum",
    title: "sum of 10⁷ × 0.1",
    mode: "warm",
    work: { kind: "sum", size: 10_000_000 },
    unit: "GB/s",
    amount: 40_000_000,
    limit: "read",
    reach: { shareOfLimit: 0.8 },
  },
  {
    id: "train",
    title: "MLP 784-512-512-10, batch 128: loss, gradients, SGD",
    mode: "warm",
    work: mlp,
    unit: "ms",
    amount: trainFlops(mlp.sizes, mlp.batch),
    limit: "madd32",
    // 9 ms where the limit is 6.9: the same share on a machine with another limit.
    reach: { shareOfLimit: 6.9 / 9 },
  },
  ...firstCallRows,
  {
    id: "gradient",
    title: "the same network: gradients alone",
    mode: "warm",
    work: { ...mlp, kind: "gradients", perExample: false },
    unit: "ms",
    amount: trainFlops(mlp.sizes, mlp.batch),
    limit: "madd32",
    reach: { shareOfLimit: 6.9 / 9 },
  },
  {
    id: "per_example",
    title: "gradients of each of the 128 examples",
    mode: "warm",
    work: { ...mlp, kind: "gradients", perExample: true },
    unit: "ms",
    amount: 1,
    reach: { times: 3, ofRow: "gradient" },
  },
  rnn(false, 2),
  rnn(true, 6),
  ensemble(8, 10),
  ensemble(64, 20),
  ...callRows,
  ...processRows,
];

/** Seconds per call in the row's unit. */
export function inUnit(row: Row, seconds: number): number {
  switch (row.unit) {
    case "GFLOP/s":
    case "GB/s":
      return row.amount / seconds / 1e9;
    case "ns/element":
      return seconds / row.amount * 1e9;
    case "ms":
      return seconds * 1e3;
    case "µs":
      return seconds * 1e6;
  }
}

/** Whether larger figures are better. */
export function isRate(unit: Unit): boolean {
  return unit === "GFLOP/s" || unit === "GB/s";
}
