/**
 * What a reduction of nothing gives.
 *
 * @module
 */
import { type DType, dtypeInfo, type HostScalar, integerLimits } from "../core/dtype.ts";
import type { ReduceOp } from "./ir.ts";

/** The value that `op` leaves every other as it is by: what a reduction of nothing gives. A key counts as a signed number. */
export function reductionIdentity(op: ReduceOp, dtype: DType): HostScalar {
  const { kind } = dtypeInfo(dtype);
  const [low, high]: readonly HostScalar[] = kind === "floating"
    ? [-Infinity, Infinity]
    : kind === "bool"
    ? [false, true]
    : integerLimits(kind === "key" ? "int64" : dtype);
  switch (op) {
    case "add":
    case "or":
    case "xor":
      return 0;
    case "mul":
      return 1;
    case "and":
      return kind === "signed" || kind === "key" ? -1 : high;
    case "max":
      return low;
    case "min":
      return high;
    default: {
      const never: never = op;
      return never;
    }
  }
}
