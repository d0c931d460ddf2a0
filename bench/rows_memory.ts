/**
 * Rows of work over ten million elements, which memory bounds, or next to it.
 *
 * @module
 */
import type { Row } from "./rows.ts";

const size = 10_000_000;

/** Rows of large arrays. */
export const memoryRows: readonly Row[] = [
  {
    id: "fused_large",
    title: "sum(tanh(x·y+z)·x), 10⁷",
    mode: "warm",
    work: { kind: "fused", size },
    unit: "ns/element",
    amount: size,
    reach: { notOver: "JAX" },
  },
  {
    id: "adam",
    title: "a step of Adam over 10⁷ parameters, donated",
    mode: "warm",
    work: { kind: "adam", size },
    unit: "GB/s",
    // Parameters, gradients and two moments are read, all but gradients written.
    amount: 28 * size,
    limit: "triad",
    reach: { shareOfLimit: 1 / 1.2 },
  },
];
