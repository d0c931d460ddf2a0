/**
 * The rows of the table: what is measured, in which unit, and what is to be reached.
 *
 * @module
 */
import type { LimitName } from "./limits.ts";
import { attentionRows } from "./rows_attention.ts";
import { callRows } from "./rows_calls.ts";
import { dtypeRows } from "./rows_dtypes.ts";
import { productRows } from "./rows_products.ts";
import { memoryRows } from "./rows_memory.ts";
import { deviceRows } from "./rows_devices.ts";
import { kernelRows } from "./rows_kernels.ts";
import { firstCallRows, mlp, processRows } from "./rows_startup.ts";
import { trainFlops, type Work } from "./work.ts";

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
  /** What is to be reached: a share of the limit, or a figure in the unit, or (so many times) the named contender's, or a multiple of another row's. */
  readonly reach:
    | { readonly shareOfLimit: number }
    | { readonly atMost: number }
    | { readonly notOver: string; readonly times?: number }
    | { readonly fasterThan: "both peers" }
    | { readonly times: number; readonly ofRow: string };
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
  ...productRows,
  ...attentionRows,
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
  ...memoryRows,
  ...dtypeRows,
  ...kernelRows,
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
    // 1.15 times what its products take at the limit.
    reach: { shareOfLimit: 1 / 1.15 },
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
    reach: { shareOfLimit: 1 / 1.15 },
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
  ...deviceRows,
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
