/**
 * What scalar operations cost, roughly, in units of one floating multiplication; and the thresholds by which the
 * scheduler decides. All numbers that steer it stand here.
 *
 * @module
 */
import type { Expr } from "../loopnest/expr.ts";

/** A value this cheap to compute from memory is computed again rather than stored and loaded. */
export const CHEAP = 6;
/** Within one nest, a value costlier than this is kept in a scratch row rather than computed in two passes. */
export const SPILL = 8;
/** Values of one nest: beyond, a chain is cut, so that generated functions stay of a size that compilers like. */
export const MAX_NEST_VALUES = 160;
/** Moves in a row that are followed in one go: each is some calls deep. */
export const MAX_MOVES = 24;
/** Loop variables of one nest (they are bits of an int32). */
export const MAX_NEST_VARS = 28;
/** Multiplications in a dot that is so small that loops beat the packing kernel. */
export const TINY_DOT = 1024;
/** A contraction this short is bound by memory, and fuses as a reduction. */
export const SHORT_DOT = 2;
/** Rows of this many elements stay in the first-level cache from one pass over them to the next. */
export const ROW = 16384;
/** So do columns this tall: a pass by columns touches another line of 64 bytes in each row. */
export const COLUMN = 32;
/** Rows that a nest of several passes must have, so that it can be split among threads. */
export const MIN_ROWS = 8;
/** Boxes of fewer elements are gone through lane by lane rather than in vectors. */
export const SHORT_BOX = 6;
/** The same, where an element costs this much or more. */
export const SHORT_COSTLY_BOX = 16;
/** What such an element costs. */
export const COSTLY = 16;
/** Bytes of scratch that a nest may use where an output would do as well. */
export const SMALL_SCRATCH = 2 ** 15;
/** Bytes of what no longer fits the second-level cache beside its neighbours. */
export const LARGE = 2 ** 19;
/** Elements of a block in a transpose. */
export const BLOCK = 8;
/** Boxes this small are put together by selection inside their consumer. */
export const SMALL_PIECES = 512;

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
