/**
 * Rows of what a call costs where there is next to nothing to compute.
 *
 * @module
 */
import type { Row } from "./rows.ts";

/** Rows of calls. */
export const callRows: readonly Row[] = [
  {
    id: "increment",
    title: "jitted x + 1 on [4], per call",
    mode: "warm",
    work: { kind: "increment" },
    unit: "µs",
    amount: 1,
    reach: { atMost: 1 },
  },
  {
    id: "leaves",
    title: "a jitted call with a model of 500 leaves",
    mode: "warm",
    work: { kind: "leaves", count: 500 },
    unit: "µs",
    amount: 1,
    reach: { atMost: 25 },
  },
  {
    id: "eager_add",
    title: "x + y on [4], outside of compiled functions",
    mode: "warm",
    work: { kind: "eagerAdd" },
    unit: "µs",
    amount: 1,
    reach: { atMost: 1 },
  },
];
