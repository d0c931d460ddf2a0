/**
 * The library kernels that a program may call on whole buffers, each with its arguments and a plain
 * reference implementation, which is what the interpreter runs.
 *
 * @module
 */
import type { DType, TypedArray } from "../core/dtype.ts";
import { attentionFlops, runAttention, runAttentionGradients } from "./attention_plan.ts";
import { runConv } from "./conv_plan.ts";
import { fourierCost, fourierRounds, fourierWorks, runFourier } from "./fourier_plan.ts";
import { factorisations } from "./factorisations.ts";
import { innerPrograms, type Program } from "./ir.ts";
import { sortRounds } from "./sort_plan.ts";

/** What a kernel does with an argument; a table is read as a whole, whatever part of the other arguments is worked on. */
export type KernelParam = "read" | "table" | "write" | "update" | "scratch" | "number" | "list";

/** How a kernel goes in rounds, between which one thread goes on alone. */
export interface Rounds {
  readonly count: number;
  /** Of each round. */
  readonly units: number;
  /** Bytes that each thread needs of its own. */
  readonly ownBytes: number;
}

/** A kernel as the loop-nest language sees it. */
export interface KernelSpec {
  /** The role of each argument: all but `number` and `list` are buffers. */
  readonly params: readonly KernelParam[];
  /**
   * For a kernel whose first argument counts rows that have nothing to do with each other, which every buffer but tables and scratch holds one after the other:
   * how many instructions, about, one of them takes, by all numbers among the arguments. Such rows may be divided among threads.
   */
  rowCost?(numbers: readonly number[]): number;
  /**
   * For a kernel that takes a list first and scratch and a range of units last, `from` and `to`, which in a program are all units there are: how
   * many instructions, about, those take, by the list. Units may be divided among threads.
   */
  unitsCost?(list: readonly number[]): number;
  /**
   * For a kernel with a `rowCost` whose work on one row may be divided, too, by its numbers and the bytes of an element: before each round
   * `<family>_lead_<dtype>(round, …arguments)` is called, then for each unit `<family>_share_<dtype>(round, unit, …arguments, own)`; `null` where it is
   * not worth it. Dtypes without these functions are not divided.
   */
  rounds?(numbers: readonly number[], bytes: 4 | 8): Rounds | null;
  /** What the kernel does, plainly. */
  reference(args: readonly (TypedArray | number | readonly number[])[]): void;
}

type Element = number | bigint;
type Combine = (x: Element, y: Element, out: TypedArray) => Element;

/** Ascending, NaN last, -0 equal to 0. */
function order(x: Element, y: Element): number {
  const xNaN = x !== x, yNaN = y !== y; // only NaN differs from itself
  if (xNaN || yNaN) return Number(xNaN) - Number(yNaN);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** `(rows, n, x, out, scratch)`: the int32 positions that sort each row, stably. */
const argsort: KernelSpec = {
  params: ["number", "number", "read", "write", "scratch"],
  rowCost: ([, n]) => 30 * n,
  rounds: sortRounds,
  reference: (args) => {
    const [rows, n, x, out] = args as [number, number, TypedArray, TypedArray];
    for (let start = 0; start < rows * n; start += n) {
      const sorted = Array.from({ length: n }, (_, i) => i)
        .sort((i, j) => order(x[start + i], x[start + j]) || i - j);
      sorted.forEach((position, i) => out[start + i] = position);
    }
  },
};

/** `(rows, n, x, out, scratch)`: each row in ascending order, stably. */
const sort: KernelSpec = {
  params: argsort.params,
  rowCost: ([, n]) => 20 * n,
  rounds: sortRounds,
  reference: (args) => {
    const [rows, n, x, out] = args as [number, number, TypedArray, TypedArray];
    for (let start = 0; start < rows * n; start += n) {
      const sorted = Array.from(x.subarray(start, start + n) as ArrayLike<Element>).sort(order);
      sorted.forEach((value, i) => out[start + i] = value);
    }
  },
};

/** `(outer, n, inner, reverse, x, out)`: running results along the middle axis. */
function cumulative(combine: Combine): KernelSpec {
  return {
    params: ["number", "number", "number", "number", "read", "write"],
    rowCost: ([, n, inner]) => 3 * n * inner,
    reference: (args) => {
      const [outer, n, inner, reverse] = args as number[];
      const [x, out] = args.slice(4) as [TypedArray, TypedArray];
      // Integers wrap when they are stored; floats run in float64.
      const wraps = !(out instanceof Float32Array || out instanceof Float64Array);
      for (let o = 0; o < outer; o++) {
        for (let i = 0; i < inner; i++) {
          let running: Element | undefined;
          for (let j = 0; j < n; j++) {
            const at = (o * n + (reverse ? n - 1 - j : j)) * inner + i;
            running = running === undefined ? x[at] : combine(running, x[at], out);
            out[at] = running;
            if (wraps) running = out[at];
          }
        }
      }
    },
  };
}

/** `(list, x, w, out, scratch)`: the convolution that the list describes. */
const conv: KernelSpec = {
  params: ["list", "read", "read", "write", "scratch"],
  reference: ([list, x, w, out]) => {
    const spec = list as readonly number[];
    if (out instanceof BigInt64Array) {
      const [a, b] = [x, w] as [BigInt64Array, BigInt64Array];
      return runConv<bigint>(spec, a, b, out, 0n, (x, y, sum) => sum + x * y);
    }
    // Integers wrap in 32 bits, and are cut where they are stored.
    const isFloat = out instanceof Float32Array || out instanceof Float64Array;
    const madd = isFloat
      ? (x: number, y: number, sum: number) => sum + x * y
      : (x: number, y: number, sum: number) => (sum + Math.imul(x, y)) | 0;
    runConv<number>(spec, x as Float64Array, w as Float64Array, out as Float64Array, 0, madd);
  },
};

/** Instructions, about, of a multiplication or addition in products of float32: eight to a multiply-add of vectors. */
const flopCost = 0.35 / 8;

/** `(list, q, k, v, bias, mask, out, statistics, scratch, from, to)`: attention in units `from` to `to`, which are all of them here. */
const attention: KernelSpec = {
  params: [
    "list",
    ...Array.from({ length: 5 }, () => "read" as const),
    "write",
    "write",
    "scratch",
    "number",
    "number",
  ],
  unitsCost: (list) => flopCost * attentionFlops(list),
  reference: runAttention,
};

/** `(list, q, k, v, bias, mask, out, statistics, dout, dq, dk, dv, scratch, from, to)`: its gradients. */
const attentiongrad: KernelSpec = {
  params: [
    "list",
    ...Array.from({ length: 8 }, () => "read" as const),
    "write",
    "write",
    "write",
    "scratch",
    "number",
    "number",
  ],
  unitsCost: (list) => flopCost * 2.5 * attentionFlops(list),
  reference: runAttentionGradients,
};

/** `(outer, n, inner, work, scale, x, table, out, scratch)`: Fourier transforms along the middle axis. */
const fft: KernelSpec = {
  params: [...Array<"number">(5).fill("number"), "read", "table", "write", "scratch"],
  rowCost: ([, n, inner, work]) => inner * fourierCost(fourierWorks[work], n),
  rounds: fourierRounds,
  reference: (args) => {
    const [work, scale] = args.slice(3) as number[];
    const [x, , out] = args.slice(5) as (Float32Array | Float64Array)[];
    runFourier(args.slice(0, 3) as number[], fourierWorks[work], scale, x, out);
  },
};

const families: Readonly<Record<string, KernelSpec>> = {
  ...factorisations,
  argsort,
  attention,
  attentiongrad,
  conv,
  fft,
  cumsum: cumulative((x, y) => (x as number) + (y as number)),
  cumprod: cumulative((x, y, out) =>
    out instanceof Int32Array || out instanceof Uint32Array || out instanceof Uint8Array
      ? Math.imul(x as number, y as number)
      : (x as number) * (y as number)
  ),
  cummax: cumulative((x, y) => order(x, y) >= 0 ? x : y),
  // NaN, which comes last, is handed on.
  cummin: cumulative((x, y) => x !== x || (order(x, y) <= 0 && y === y) ? x : y),
  sort,
};

const dtypes: ReadonlySet<string> = new Set<DType>(
  ["float32", "float64", "int32", "uint32", "int64", "uint8", "bool"],
);

/** The kernel of a name, or `undefined`. Names are `<family>_<dtype>`, as are the exports of `kernels/`. */
export function findKernel(name: string): KernelSpec | undefined {
  const [family, dtype] = name.split("_");
  if (!Object.hasOwn(families, family) || !dtypes.has(dtype)) return undefined;
  const isOfFloats = family === "fft" || Object.hasOwn(factorisations, family);
  if (isOfFloats && !dtype.startsWith("float")) return undefined;
  if (family.startsWith("attention") && dtype !== "float32") return undefined;
  return dtype === "bool" && !family.endsWith("sort") ? undefined : families[family];
}

/** Whether a program calls a kernel for which other devices take a program of other operations (`Primitive.withoutKernel`). */
export function usesProcessorKernels(program: Program): boolean {
  return program.steps.some((step) => {
    if (step.kind === "kernel") return /^(attention|fft|sort)/.test(step.name);
    return step.kind === "control" && innerPrograms(step.control).some(usesProcessorKernels);
  });
}
