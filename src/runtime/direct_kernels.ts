/**
 * Primitives whose lowering fuses well but whose eager form is one kernel: a hash is a hundred elementwise operations,
 * which would each pass over the memory.
 *
 * @module
 */
import type { ShapedArray } from "../core/aval.ts";
import type { LoweredKernel, LoweredKernelArg } from "../core/lowering.ts";
import type { AnyPrimitive } from "../core/primitive.ts";
import {
  type BitsParams,
  type DrawParams,
  randomBitsP,
  randomFoldInP,
  randomSplitP,
} from "../ops/random_bits.ts";
import { randomNormalP, randomUniformP } from "../ops/random_floats.ts";

function number(value: number): LoweredKernelArg {
  return { kind: "number", value };
}

function operand(position: number): LoweredKernelArg {
  return { kind: "operand", operand: position };
}

const result: LoweredKernelArg = { kind: "result", result: 0 };

/** The kernel that computes a primitive's only result, or `null` where there is none. */
export function directKernel(
  primitive: AnyPrimitive,
  ins: readonly ShapedArray[],
  outs: readonly ShapedArray[],
  params: unknown,
): LoweredKernel | null {
  const keys = ins[0]?.size ?? 0;
  if (keys === 0) return null;
  // A part of a draw, which only programs of several devices make.
  if ((params as Partial<DrawParams>).within !== undefined) return null;
  const each = number(outs[0].size / keys);
  if (primitive === randomBitsP) {
    const width = number((params as BitsParams).bitWidth);
    return { name: "threefry_bits", args: [width, number(keys), operand(0), each, result] };
  }
  if (primitive === randomUniformP || primitive === randomNormalP) {
    const kind = primitive === randomUniformP ? "uniform" : "normal";
    const width = outs[0].dtype === "float64" ? 64 : 32;
    const args = [number(keys), operand(0), operand(1), operand(2), each, result];
    return { name: `threefry_${kind}_f${width}`, args };
  }
  if (primitive === randomSplitP) {
    return { name: "threefry_split", args: [number(keys), operand(0), each, result] };
  }
  if (primitive === randomFoldInP) {
    const n = outs[0].size;
    if (ins.some((x) => x.size !== n && x.size !== 1)) return null;
    const [ks, ds] = ins.map((x) => number(x.size === n ? 1 : 0));
    return { name: "threefry_fold_in", args: [number(n), operand(0), ks, operand(1), ds, result] };
  }
  return null;
}
