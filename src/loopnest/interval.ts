/**
 * What is known of the values of int32 expressions: between which whole numbers they lie.
 *
 * @module
 */
import type { BinaryOp } from "./expr.ts";

/** Whole numbers from `low` to `high`, both included. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

const [int32Low, int32High] = [-(2 ** 31), 2 ** 31 - 1];

/** Where the result of an int32 operation lies whose operands are in `x` and `y`; null where nothing is known, or it might have wrapped. */
export function intervalOf(op: BinaryOp, x: Interval, y: Interval): Interval | null {
  let corners: number[];
  switch (op) {
    case "add":
      corners = [x.low + y.low, x.high + y.high];
      break;
    case "sub":
      corners = [x.low - y.high, x.high - y.low];
      break;
    case "mul":
      corners = [x.low * y.low, x.low * y.high, x.high * y.low, x.high * y.high];
      break;
    case "div":
      if (y.low !== y.high || y.low <= 0) return null;
      corners = [Math.trunc(x.low / y.low), Math.trunc(x.high / y.low)];
      break;
    case "rem":
      if (y.low !== y.high || y.low <= 0 || x.low < 0) return null;
      corners = x.high < y.low ? [x.low, x.high] : [0, y.low - 1];
      break;
    case "min":
      return { low: Math.min(x.low, y.low), high: Math.min(x.high, y.high) };
    case "max":
      return { low: Math.max(x.low, y.low), high: Math.max(x.high, y.high) };
    default:
      return null;
  }
  const [low, high] = [Math.min(...corners), Math.max(...corners)];
  return low < int32Low || high > int32High ? null : { low, high };
}

/** The smallest interval that holds both; null where one is unknown. */
export function hull(x: Interval | null, y: Interval | null): Interval | null {
  return x && y && { low: Math.min(x.low, y.low), high: Math.max(x.high, y.high) };
}
