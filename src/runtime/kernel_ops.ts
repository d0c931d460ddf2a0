/**
 * The kernels of the library by scalar operation and dtype, bound to the shared memory.
 *
 * What a dtype has no kernel for is `null`: the caller then takes another way.
 *
 * @module
 */
import * as opcodes from "../../kernels/eager/opcodes.ts";
import { instantiateKernels } from "../backends/wasm/kernel_library.ts";
import { type DType, dtypeInfo } from "../core/dtype.ts";
import type { BinaryOp, UnaryOp } from "../loopnest/expr.ts";
import type { ReduceOp } from "../loopnest/ir.ts";
import { heap } from "./memory.ts";

type Kernel = (...args: number[]) => number | void;

/** `out[i] = op(x[i])` for `0 ≤ i < n`. */
export type UnaryKernel = (n: number, x: number, out: number) => void;

/** `out[i] = op(a[i·as], b[i·bs])`; strides are 0 or 1. */
export type BinaryKernel = (
  n: number,
  a: number,
  as: number,
  b: number,
  bs: number,
  out: number,
) => void;

/** `out[i] = cond[i·cs] ? a[i·as] : b[i·bs]`. */
export type SelectKernel = (
  n: number,
  cond: number,
  cs: number,
  a: number,
  as: number,
  b: number,
  bs: number,
  out: number,
) => void;

/** Copies a box; shape and strides are addresses of int32 lists. */
export type CopyKernel = (
  rank: number,
  shape: number,
  srcStrides: number,
  dstStrides: number,
  src: number,
  dst: number,
) => void;

/** Reduces the middle axis of a contiguous `[outer, n, inner]`. */
export type ReduceKernel = (
  outer: number,
  n: number,
  inner: number,
  x: number,
  out: number,
) => void;

/** A matrix product; strides in elements. */
export type GemmKernel = (
  m: number,
  n: number,
  k: number,
  a: number,
  ars: number,
  acs: number,
  b: number,
  brs: number,
  bcs: number,
  c: number,
  crs: number,
  scratch: number,
  accumulate: number,
) => void;

let library: Readonly<Record<string, Kernel | undefined>> | null = null;

function kernels(): Readonly<Record<string, Kernel | undefined>> {
  if (library !== null) return library;
  const { memory, isShared } = heap();
  // The library imports a shared memory, and cannot be had without one.
  library = isShared
    ? instantiateKernels(memory) as unknown as Readonly<Record<string, Kernel | undefined>>
    : {};
  return library;
}

/** How kernels name a dtype. */
function suffix(dtype: DType): string {
  const { kind, bytes } = dtypeInfo(dtype);
  if (dtype === "bfloat16") return "bf16";
  if (kind === "floating") return `f${bytes * 8}`;
  if (kind === "unsigned") return `u${bytes * 8}`;
  return kind === "bool" ? "bool" : `i${bytes * 8}`;
}

/** As {@linkcode suffix}, where the sign of the type does not matter. */
function unsignedSuffix(dtype: DType): string {
  if (dtype === "bool") return "u8";
  return dtype === "uint32" ? "i32" : dtype === "uint64" ? "i64" : suffix(dtype);
}

function opcode(op: string): number | undefined {
  const name = op.replace(/[A-Z]/g, (c) => `_${c}`).toUpperCase();
  return (opcodes as Readonly<Record<string, number>>)[name];
}

const supported = new Map<string, boolean>();

/** Whether a kernel that takes an operation's code knows it: it says so when called for one element. */
function knows(name: string, call: (address: number) => number | void): boolean {
  let known = supported.get(name);
  if (known === undefined) {
    const block = heap().allocate(64);
    if (block === null) return false;
    heap().u8.fill(0, block.address, block.address + 64);
    known = call(block.address) === 1;
    heap().free(block);
    supported.set(name, known);
  }
  return known;
}

/** The kernel of a unary operation on elements of `dtype`. */
export function unaryKernel(op: UnaryOp, dtype: DType): UnaryKernel | null {
  const all = kernels();
  const type = suffix(dtype);
  if (op === "isFinite") return all[`is_finite_${type}`] ?? null;
  if (dtype === "bool") return op === "not" ? all.not_bool ?? null : null;
  const kernel = all[`unary_${type}`];
  const code = opcode(op);
  if (kernel === undefined || code === undefined) return null;
  if (!knows(`${op} ${type}`, (at) => kernel(code, 1, at, at + 16))) return null;
  return (n, x, out) => kernel(code, n, x, out);
}

/** The kernel of a binary operation on elements of `dtype`; comparisons write bytes. */
export function binaryKernel(op: BinaryOp, dtype: DType): BinaryKernel | null {
  const all = kernels();
  const code = opcode(op);
  if (code === undefined) return null;
  if (op === "eq" || op === "ne" || op === "lt" || op === "le" || op === "gt" || op === "ge") {
    const kernel = all[`compare_${dtype === "bool" ? "u8" : suffix(dtype)}`];
    return kernel === undefined
      ? null
      : (n, a, as, b, bs, out) => void kernel(code, n, a, as, b, bs, out);
  }
  if (dtype === "key<fry>") return null;
  const type = suffix(dtype);
  const kernel = all[`binary_${type}`];
  if (kernel === undefined) return null;
  if (!knows(`${op} ${type} ${type}`, (at) => kernel(code, 1, at, 1, at + 16, 1, at + 32))) {
    return null;
  }
  return (n, a, as, b, bs, out) => void kernel(code, n, a, as, b, bs, out);
}

/** The kernel that chooses between elements of `dtype`. */
export function selectKernel(dtype: DType): SelectKernel | null {
  return (kernels()[`select_${dtypeInfo(dtype).bytes}`] as SelectKernel | undefined) ?? null;
}

/** The kernel that converts by value. Between types of the same bits, use a copy. */
export function convertKernel(from: DType, to: DType): UnaryKernel | null {
  const source = from === "bool" ? "u8" : suffix(from);
  return (kernels()[`convert_${source}_${suffix(to)}`] as UnaryKernel | undefined) ?? null;
}

/** The kernel that copies boxes of elements of `dtype`. */
export function copyKernel(dtype: DType): CopyKernel | null {
  return (kernels()[`copy_strided_${dtypeInfo(dtype).bytes}`] as CopyKernel | undefined) ?? null;
}

const reduceNames: Readonly<Record<ReduceOp, string>> = {
  add: "sum",
  mul: "prod",
  max: "max",
  min: "min",
  and: "and",
  or: "or",
  xor: "xor",
};

/** The kernel that reduces elements of `dtype`. */
export function reduceKernel(op: ReduceOp, dtype: DType): ReduceKernel | null {
  const isOrdered = op === "max" || op === "min";
  if (dtype === "bool" && !["and", "or", "xor", "max", "min"].includes(op)) return null;
  const type = isOrdered && dtype !== "bool" ? suffix(dtype) : unsignedSuffix(dtype);
  return (kernels()[`reduce_${reduceNames[op]}_${type}`] as ReduceKernel | undefined) ?? null;
}

/** The kernel that finds the first extreme of elements of `dtype`. */
export function argReduceKernel(op: "max" | "min", dtype: DType): ReduceKernel | null {
  const type = dtype === "bool" ? "u8" : suffix(dtype);
  return (kernels()[`argreduce_${op}_${type}`] as ReduceKernel | undefined) ?? null;
}

/** The matrix product of elements of `dtype`. */
export function gemmKernel(dtype: DType): GemmKernel | null {
  return (kernels()[`gemm_${suffix(dtype)}`] as GemmKernel | undefined) ?? null;
}

/** A kernel by its name. */
export function namedKernel(name: string): ((...args: number[]) => number | void) | null {
  return kernels()[name] ?? null;
}
