/**
 * What scalar operations cost, roughly, in units of one floating multiplication; and the thresholds by which the
 * scheduler decides. All numbers that steer it stand here.
 *
 * @module
 */
import type { Expr } from "../loopnest/expr.ts";

/** The thresholds by which the scheduler decides. Any choice of them gives right programs. */
export interface Thresholds {
  /** A value this cheap to compute from memory is computed again rather than stored and loaded. */
  readonly cheap: number;
  /** Within one nest, a value costlier than this is kept in a scratch row rather than computed in two passes. */
  readonly spill: number;
  /** Values of one nest: beyond, a chain is cut, so that generated functions stay of a size that compilers like. */
  readonly nestValues: number;
  /** Multiplications in a dot that is so small that loops beat the packing kernel. */
  readonly tinyDot: number;
  /** A contraction this short is bound by memory, and fuses as a reduction. */
  readonly shortDot: number;
  /** Rows of this many elements stay in the first-level cache from one pass over them to the next. */
  readonly row: number;
  /** So do columns this tall: a pass by columns touches another line of 64 bytes in each row. */
  readonly column: number;
  /** Rows that a nest of several passes must have, so that it can be split among threads. */
  readonly fewestRows: number;
  /** Boxes of fewer elements are gone through lane by lane rather than in vectors. */
  readonly shortBox: number;
  /** The same, where an element costs `COSTLY` or more. */
  readonly shortCostlyBox: number;
  /** The same of a nest that stores nothing in its boxes, for the largest or smallest element: lanes are folded by many instructions. */
  readonly shortExtremeBox: number;
  /** The same, for the place of such an element. */
  readonly shortSearchBox: number;
  /** Bytes of scratch that a nest may use where an output would do as well. */
  readonly smallScratch: number;
  /** Bytes of what no longer fits the second-level cache beside its neighbours. */
  readonly large: number;
  /** Elements of a block in a transpose. */
  readonly block: number;
  /** Boxes this small are put together by selection inside their consumer. */
  readonly smallPieces: number;
}

/** The thresholds that serve the machines we know. */
export const usualThresholds: Thresholds = {
  cheap: 6,
  spill: 8,
  nestValues: 160,
  tinyDot: 1024,
  shortDot: 2,
  row: 16384,
  column: 32,
  fewestRows: 8,
  shortBox: 6,
  shortCostlyBox: 16,
  shortExtremeBox: 20,
  shortSearchBox: 96,
  smallScratch: 2 ** 15,
  large: 2 ** 19,
  block: 8,
  smallPieces: 512,
};

/** Moves in a row that are followed in one go: each is some calls deep. */
export const MAX_MOVES = 24;
/** Loop variables of one nest (they are bits of an int32). */
export const MAX_NEST_VARS = 28;
/** What an element costs that is worth a vector even where there are few. */
export const COSTLY = 16;

const unaryCosts: Readonly<Record<string, number>> = {
  neg: 1,
  abs: 1,
  sign: 2,
  floor: 1,
  ceil: 1,
  round: 1,
  not: 1,
  popcount: 4,
  clz: 4,
  isFinite: 2,
  sqrt: 5,
  rsqrt: 9,
  cbrt: 30,
  lgamma: 80,
  digamma: 80,
  erfInv: 40,
};

const binaryCosts: Readonly<Record<string, number>> = {
  div: 5,
  rem: 6,
  pow: 40,
  atan2: 40,
  nextafter: 8,
};

/** The cost of one operation, its operands not counted. */
export function opCost(kind: Expr["kind"], op: string): number {
  switch (kind) {
    case "unary":
      return unaryCosts[op] ?? 16;
    case "binary":
      return binaryCosts[op] ?? 1;
    case "select":
    case "cast":
    case "load":
      return 1;
    default:
      return 0;
  }
}
