/**
 * What a reduction of nothing gives.
 *
 * @module
 */
import { type DType, dtypeInfo, type HostScalar } from "../core/dtype.ts";
import type { ReduceOp } from "./ir.ts";

/** The element that `op` leaves every other as it is by: what a reduction of nothing gives. */
export function reductionIdentity(op: ReduceOp, dtype: DType): HostScalar {
  const { kind, bytes } = dtypeInfo(dtype);
  const isBig = bytes === 8 && kind !== "floating";
  const small = (n: number): HostScalar => kind === "bool" ? n !== 0 : isBig ? BigInt(n) : n;
  const lowest = kind === "signed" ? (isBig ? -(2n ** 63n) : -(2 ** (8 * bytes - 1))) : small(0);
  const [allBits, highest]: readonly [HostScalar, HostScalar] = kind === "bool"
    ? [true, true]
    : kind === "signed"
    ? [small(-1), isBig ? 2n ** 63n - 1n : 2 ** (8 * bytes - 1) - 1]
    : isBig
    ? [2n ** 64n - 1n, 2n ** 64n - 1n]
    : [2 ** (8 * bytes) - 1, 2 ** (8 * bytes) - 1];
  switch (op) {
    case "add":
    case "or":
    case "xor":
      return small(0);
    case "mul":
      return small(1);
    case "and":
      return allBits;
    case "max":
      return kind === "floating" ? -Infinity : lowest;
    case "min":
      return kind === "floating" ? Infinity : highest;
    default: {
      const never: never = op;
      return never;
    }
  }
}
