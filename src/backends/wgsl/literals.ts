/**
 * Constants as WGSL text.
 *
 * WGSL refuses constant expressions that are infinite or NaN, and drivers fold arithmetic on constants as if there
 * were neither; such values are put together at run time from a word that no compiler can know to be zero.
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
import { reductionIdentity } from "../../loopnest/identity.ts";
import type { ReduceOp } from "../../loopnest/ir.ts";
import { wgslType } from "./types.ts";

/** A word that is always zero; see `functions.ts`. */
export const opaqueZero = "opaque_zero";

const view = new DataView(new ArrayBuffer(4));
const hex = (bits: number): string => `0x${(bits >>> 0).toString(16)}u`;

/** A float32 constant. */
function float(value: number): string {
  view.setFloat32(0, value);
  const bits = view.getUint32(0);
  if (!Number.isFinite(value)) return `bitcast<f32>(${hex(bits)} | ${opaqueZero})`;
  const subnormal = value !== 0 && Math.abs(value) < 2 ** -126;
  if (subnormal || Object.is(value, -0)) return `bitcast<f32>(${hex(bits)})`;
  const text = String(Math.fround(value));
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}

/** A constant of a dtype. */
export function literal(value: number | bigint | boolean, dtype: DType): string {
  switch (wgslType(dtype)) {
    case "f32":
      return float(Number(value));
    case "i32":
      return Number(value) === -(2 ** 31) ? "bitcast<i32>(0x80000000u)" : `${Number(value)}i`;
    case "u32":
      return `${Number(value) >>> 0}u`;
    case "bool":
      return value ? "true" : "false";
    case "vec2<u32>": {
      const bits = BigInt.asUintN(64, BigInt(value));
      return `vec2<u32>(${hex(Number(bits & 0xffffffffn))}, ${hex(Number(bits >> 32n))})`;
    }
  }
}

/** What a reduction starts with. */
export function identity(op: ReduceOp, dtype: DType): string {
  return literal(reductionIdentity(op, dtype), dtype);
}
