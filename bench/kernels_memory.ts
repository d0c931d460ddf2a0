/**
 * The kernels that are bound by memory, beside the machine's bandwidth for reading and copying, and those that
 * sort or hash, per element.
 *
 * `deno run -A bench/kernels_memory.ts [--quick] [--only=regex]`
 *
 * @module
 */
import { parseArgs } from "node:util";
import { instantiateKernels, type KernelExports } from "../src/backends/wasm/kernel_library.ts";
import { BINARY_CODES, COMPARE_CODES } from "../src/backends/wasm/opcodes.ts";
import { measureLimit } from "./limits.ts";
import { careful, measure, quick } from "./measure.ts";

/** A row: elements and bytes that one call moves, and the bound that it is held against where it has one. */
interface Row {
  readonly title: string;
  readonly elements: number;
  readonly bytes: number;
  readonly limit: "read" | "copy" | "triad" | null;
  readonly run: () => void;
}

const X = 1 << 20;
const Y = X + (48 << 20) + 1088;
const Z = Y + (48 << 20) + 1088;
const LISTS = 4096;

function rows(k: KernelExports, memory: WebAssembly.Memory): Row[] {
  const million = 1e6;
  const list: Row[] = [];
  const add = (
    title: string,
    elements: number,
    bytes: number,
    limit: Row["limit"],
    run: () => void,
  ) => list.push({ title, elements, bytes, limit, run });
  for (const n of [1e7, 1e6, 1e4]) {
    add(`sum of ${n} f32`, n, 4 * n, "read", () => k.reduce_sum_f32(1, n, 1, X, Z));
  }
  add("max of 1e7 f32", 1e7, 4e7, "read", () => k.reduce_max_f32(1, 1e7, 1, X, Z));
  add("sum of 1e6 f64", million, 8e6, "read", () => k.reduce_sum_f64(1, million, 1, X, Z));
  const side = 1024, square = side * side;
  add(
    "rows of [1024,1024] f32",
    square,
    4 * square,
    "read",
    () => k.reduce_sum_f32(side, side, 1, X, Z),
  );
  add(
    "columns of [1024,1024] f32",
    square,
    4 * square,
    "read",
    () => k.reduce_sum_f32(1, side, side, X, Z),
  );
  add("columns of [1e5,10] f32", million, 4e6, "read", () => k.reduce_sum_f32(1, 1e5, 10, X, Z));
  add(
    "argmax of rows [1024,1024]",
    square,
    4 * square,
    "read",
    () => k.argreduce_max_f32(side, side, 1, X, Z),
  );
  const { add: plus, mul } = BINARY_CODES;
  add("a + b, 1e6 f32", million, 12e6, "triad", () => k.binary_f32(plus, million, X, 1, Y, 1, Z));
  add("a + b, 1e4 f32", 1e4, 12e4, "triad", () => k.binary_f32(plus, 1e4, X, 1, Y, 1, Z));
  add("a · 2, 1e6 f32", million, 8e6, "copy", () => k.binary_f32(mul, million, X, 1, Y, 0, Z));
  add(
    "a < b, 1e6 f32",
    million,
    9e6,
    null,
    () => k.compare_f32(COMPARE_CODES.lt, million, X, 1, Y, 1, Z),
  );
  add("f32 to f64, 1e6", million, 12e6, "copy", () => k.convert_f32_f64(million, X, Z));
  const copy = (title: string, shape: number[], strides: number[], to: number[]) => {
    const n = shape.reduce((a, b) => a * b, 1);
    add(title, n, 8 * n, "copy", () => {
      const rank = shape.length;
      const lists = new Int32Array(memory.buffer, LISTS, 3 * rank);
      lists.set(shape);
      lists.set(strides, rank);
      lists.set(to, 2 * rank);
      k.copy_strided_4(rank, LISTS, LISTS + 4 * rank, LISTS + 8 * rank, X, Z);
    });
  };
  copy("transpose [1000,1000]", [1000, 1000], [1, 1000], [1000, 1]);
  copy("transpose [1024,1024]", [1024, 1024], [1, 1024], [1024, 1]);
  copy("slice [1000,500] of [1000,1000]", [1000, 500], [1000, 1], [500, 1]);
  copy("heads [8,128,12,64] to [8,12,128,64]", [8, 12, 128, 64], [98304, 64, 768, 1], [
    98304,
    8192,
    64,
    1,
  ]);
  add("argsort of 1e6 f32", million, 0, null, () => k.argsort_float32(1, million, X, Y, Z));
  add("argsort of [10000,10] f32", 1e5, 0, null, () => k.argsort_float32(1e4, 10, X, Y, Z));
  add("cumsum of 1e6 f32", million, 8e6, null, () => k.cumsum_float32(1, million, 1, 0, X, Z));
  add(
    "threefry, 1e6 of 32 bits",
    million,
    4e6,
    null,
    () => k.threefry_bits(32, 1, LISTS, million, Z),
  );
  return list;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", default: "" },
    },
  });
  const plan = values.quick ? quick : careful;
  const memory = new WebAssembly.Memory({ initial: 2400, maximum: 65536, shared: true });
  const kernels = instantiateKernels(memory);
  for (const at of [X, Y]) {
    const x = new Float32Array(memory.buffer, at, 1.2e7);
    for (let i = 0; i < x.length; i++) x[i] = (Math.imul(i, 2654435761) >>> 8) / 2 ** 24;
  }
  console.log(
    `${"kernel".padEnd(40)}${"µs".padStart(10)}${"ns/elem".padStart(9)}${"GB/s".padStart(8)}` +
      "of limit".padStart(10),
  );
  for (const { title, elements, bytes, limit, run } of rows(kernels, memory)) {
    if (!new RegExp(values.only).test(title)) continue;
    const bound = limit === null ? NaN : await measureLimit(limit, quick);
    const { median } = await measure(run, plan);
    const rate = bytes / median / 1e9;
    console.log(
      title.padEnd(40) + (median * 1e6).toFixed(1).padStart(10) +
        (median / elements * 1e9).toFixed(2).padStart(9) +
        (bytes ? rate.toFixed(1) : "").padStart(8) +
        (limit ? (rate / bound).toFixed(2) : "").padStart(10),
    );
  }
}

if (import.meta.main) await main();
