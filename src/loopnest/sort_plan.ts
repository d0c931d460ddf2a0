/**
 * Scratch space of the sorting kernels, `kernels/sort/`, and how threads share a long row.
 *
 * @module
 */
import { type DType, dtypeInfo } from "../core/dtype.ts";
import type { Rounds } from "./kernels.ts";

/** Elements from which on a row is shared. */
const longRow = 1 << 16;
/** Units of a round: `UNITS` in `kernels/sort/rounds.ts`. */
const units = 8;
/** Bytes of what rounds tell each other: `HEAD` there. */
const headBytes = 192;
/** Bytes of the counters of a pass. */
const counterBytes = 1024;

/** Bytes of the counters of a row, of a long one for each unit. */
function countersOf(n: number, bytes: number): number {
  // Of a unit: places, and counts for each unit.
  const shared = headBytes + counterBytes * units * (1 + units);
  return n < longRow ? counterBytes * bytes : Math.max(counterBytes * bytes, shared);
}

/** Bytes of scratch of `argsort_<dtype>`: two sets of keys and of positions, and counters. */
export function argsortScratchBytes(n: number, dtype: DType): number {
  const { bytes } = dtypeInfo(dtype);
  return n * (2 * bytes + 8) + countersOf(n, bytes);
}

/** Bytes of scratch of `sort_<dtype>`: two sets of keys, and counters. */
export function sortScratchBytes(n: number, dtype: DType): number {
  const { bytes } = dtypeInfo(dtype);
  return 2 * n * bytes + countersOf(n, bytes);
}

/** The rounds of one row. */
export function sortRounds([rows, n]: readonly number[], bytes: number): Rounds | null {
  if (rows !== 1 || n < longRow) return null;
  return { count: bytes + 3, units, ownBytes: 0 };
}
