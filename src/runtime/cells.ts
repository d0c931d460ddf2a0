/**
 * Elements as host scalars, in the shared memory and in TypedArrays.
 *
 * @module
 */
import type { ShapedArray } from "../core/aval.ts";
import { reader, writer } from "../backends/interp/scalar.ts";
import {
  type DType,
  dtypeInfo,
  type HostScalar,
  isBig,
  isFloating,
  roundTo,
  type TypedArray,
  typedArrayClass,
} from "../core/dtype.ts";
import { type Heap, heap } from "./memory.ts";
import type { Cells } from "./storage.ts";

/** The view of the whole memory in which elements of `dtype`, or their parts, are read. */
export function viewFor(memory: Heap, dtype: DType): TypedArray {
  switch (dtype) {
    case "float32":
    case "complex64":
      return memory.f32;
    case "float64":
    case "complex128":
      return memory.f64;
    case "int32":
      return memory.i32;
    case "uint32":
      return memory.u32;
    case "float16":
      return memory.f16;
    case "int8":
      return memory.i8;
    case "int16":
      return memory.i16;
    case "uint16":
    case "bfloat16":
      return memory.u16;
    case "int64":
      return memory.i64;
    case "uint64":
    case "key<fry>":
      return memory.u64;
    case "uint8":
    case "bool":
      return memory.u8;
    default: {
      const never: never = dtype;
      return never;
    }
  }
}

/** Writes host scalars into the shared memory as elements of `aval.dtype`; of a complex one, its parts in turn. */
export function writeCells(cells: Cells, { stored: aval }: ShapedArray, address: number): void {
  const memory = heap();
  switch (aval.dtype) {
    case "float32":
      return put(memory.f32, cells as number[], address >>> 2);
    case "int32":
      return put(memory.i32, cells as number[], address >>> 2);
    case "uint32":
      return put(memory.u32, cells as number[], address >>> 2);
    case "float64":
      return put(memory.f64, cells as number[], Math.floor(address / 8));
    case "uint8":
      return put(memory.u8, cells as number[], address);
    case "bool":
      for (let i = 0; i < cells.length; i++) memory.u8[address + i] = cells[i] ? 1 : 0;
      return;
    case "int64":
    case "uint64":
    case "key<fry>":
      return memory.i64.set(cells as bigint[], Math.floor(address / 8)); // wraps what is unsigned
    default: {
      const view = viewFor(memory, aval.dtype) as Float32Array;
      const at = Math.floor(address / dtypeInfo(aval.dtype).bytes);
      return put(view, cells.map(writer(aval.dtype)) as number[], at);
    }
  }
}

function put(view: { [index: number]: number }, cells: readonly number[], at: number): void {
  for (let i = 0; i < cells.length; i++) view[at + i] = cells[i];
}

/** Reads elements of `aval.dtype` from the shared memory as host scalars; of a complex one, its parts in turn. */
export function readCells({ stored: aval }: ShapedArray, address: number): Cells {
  const memory = heap();
  const { size } = aval;
  switch (aval.dtype) {
    case "float32":
      return take(memory.f32, size, address >>> 2);
    case "int32":
      return take(memory.i32, size, address >>> 2);
    case "uint32":
      return take(memory.u32, size, address >>> 2);
    case "float64":
      return take(memory.f64, size, Math.floor(address / 8));
    case "uint8":
      return take(memory.u8, size, address);
    case "bool":
      return take(memory.u8, size, address).map(Boolean);
    case "int64":
    case "key<fry>":
      return takeBig(memory.i64, size, Math.floor(address / 8));
    case "uint64":
      return takeBig(memory.u64, size, Math.floor(address / 8));
    default: {
      const view = viewFor(memory, aval.dtype) as Float32Array;
      const at = Math.floor(address / dtypeInfo(aval.dtype).bytes);
      return take(view, size, at).map(reader(aval.dtype) as (x: number) => number);
    }
  }
}

function take(view: { readonly [index: number]: number }, size: number, at: number): number[] {
  const cells = new Array<number>(size);
  for (let i = 0; i < size; i++) cells[i] = view[at + i];
  return cells;
}

function takeBig(view: { readonly [index: number]: bigint }, size: number, at: number): bigint[] {
  const cells = new Array<bigint>(size);
  for (let i = 0; i < size; i++) cells[i] = view[at + i];
  return cells;
}

/** Host scalars as a TypedArray holds them. */
export function cellsToTypedArray(cells: Cells, dtype: DType): TypedArray {
  const Class = typedArrayClass(dtype) as typeof Float32Array;
  // Typed arrays take booleans for 0 and 1, and wrap bigints.
  return Class.from(
    dtype === "bfloat16" ? cells.map(writer(dtype)) as number[] : cells as number[],
  );
}

/** A TypedArray's elements as host scalars. */
export function typedArrayToCells(data: TypedArray, dtype: DType): Cells {
  if (dtype === "bool" || dtype === "key<fry>" || dtype === "bfloat16") {
    return Array.from(data as Uint16Array, reader(dtype)) as Cells;
  }
  return Array.from(data as Float32Array);
}

/** A host scalar as a dtype holds it: rounded, wrapped, or made a boolean. */
export function toCell(value: HostScalar, dtype: DType): HostScalar {
  switch (dtype) {
    case "float32":
      return Math.fround(Number(value));
    case "float64":
      return Number(value);
    case "bool":
      return Boolean(value);
    case "int32":
      return typeof value === "bigint" ? Number(BigInt.asIntN(32, value)) : Number(value) | 0;
    default: {
      if (isFloating(dtype)) return roundTo(Number(value), dtype);
      const { kind, bytes } = dtypeInfo(dtype);
      const wrap = kind === "unsigned" ? BigInt.asUintN : BigInt.asIntN;
      const whole = wrap(8 * bytes, wholeOf(value));
      return isBig(dtype) ? whole : Number(whole);
    }
  }
}

function wholeOf(value: HostScalar): bigint {
  if (typeof value === "bigint") return value;
  const number = Math.trunc(Number(value));
  return Number.isFinite(number) ? BigInt(number) : 0n;
}
