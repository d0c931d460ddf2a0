/**
 * Products on a WebGPU device are those of the interpreter: shapes of all remainders, layouts, dtypes, and what is no number.
 *
 * @module
 */
import { assert } from "@std/assert";
import { interpret } from "../../src/backends/interp/mod.ts";
import { dotProduct } from "../../src/backends/wgsl/dot.ts";
import { productKernel, type ProductPlan } from "../../src/backends/wgsl/product_plan.ts";
import { deviceProgram } from "../../src/backends/wgsl/program.ts";
import { type AdapterTraits, baselineTraits } from "../../src/backends/wgsl/traits.ts";
import type { DType, TypedArray } from "../../src/core/dtype.ts";
import type { Dot, DotOperand, Program } from "../../src/loopnest/ir.ts";
import { verifyProgram } from "../../src/loopnest/verify.ts";
import type { WebGpuDevice } from "../../src/runtime/webgpu/device.ts";
import { assertClose } from "../backends/compare.ts";
import { deviceTest } from "./adapter.ts";
import { execute } from "./execute.ts";

/** Numbers between 0 and 1 that a seed determines. */
function uniform(seed: number): () => number {
  let state = seed * 2654435761 >>> 0;
  return () => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 >>> 0;
    const mixed = Math.imul(state ^ state >>> 13, 0x297a2d39) >>> 0;
    return ((mixed ^ mixed >>> 16) >>> 0) / 2 ** 32;
  };
}

interface Shape {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Where an operand of `rows` by `cols` lies: either way round, perhaps with gaps between rows, shared by all of the batch, off the start. */
function layout(
  buffer: number,
  batch: number,
  rows: number,
  cols: number,
  next: () => number,
): { operand: DotOperand; size: number } {
  const pick = (n: number): number => Math.floor(next() * n);
  const [outer, inner] = pick(2) === 0 ? [rows, cols] : [cols, rows];
  const pitch = inner + [0, 0, 4, 3][pick(4)];
  const offset = [0, 0, 4, 1][pick(4)];
  const shared = pick(4) === 0;
  const batchStride = shared ? 0 : outer * pitch;
  const [rowStride, colStride] = inner === cols && outer === rows ? [pitch, 1] : [1, pitch];
  const size = offset + (shared ? 1 : batch) * outer * pitch;
  return { operand: { buffer, offset, batchStride, rowStride, colStride }, size };
}

function dotProgram(
  shape: Shape,
  dtype: DType,
  next: () => number,
): { program: Program; inputs: TypedArray[]; dot: Dot } {
  const { batch, m, n, k } = shape;
  const [lhs, rhs] = [layout(0, batch, m, k, next), layout(1, batch, k, n, next)];
  const dot: Dot = {
    kind: "dot",
    name: "dot",
    dtype,
    ...shape,
    lhs: lhs.operand,
    rhs: rhs.operand,
    out: 2,
  };
  const buffer = (id: number, size: number, role: "input" | "output", position: number) => ({
    id,
    dtype,
    size,
    role,
    position,
    offset: 0,
    donor: -1,
  });
  const program: Program = {
    name: "product",
    buffers: [
      buffer(0, lhs.size, "input", 0),
      buffer(1, rhs.size, "input", 1),
      buffer(2, batch * m * n, "output", 0),
    ],
    steps: [dot],
    scratchBytes: 0,
  };
  verifyProgram(program);
  const make = (size: number): TypedArray =>
    dtype === "float32"
      ? Float32Array.from({ length: size }, () => next() - 0.5)
      : dtype === "int32"
      ? Int32Array.from({ length: size }, () => (next() - 0.5) * 2 ** 20)
      : Uint32Array.from({ length: size }, () => next() * 2 ** 32);
  return { program, inputs: [make(lhs.size), make(rhs.size)], dot };
}

/** A graphics card as the standard's least, on whatever runs the test. */
const adapters: Readonly<Record<string, AdapterTraits>> = {
  "a graphics card": baselineTraits,
  "the processor": { ...baselineTraits, isSoftware: true },
};

async function compare(
  device: WebGpuDevice,
  traits: AdapterTraits,
  shape: Shape,
  dtype: DType,
  next: () => number,
  change: (inputs: TypedArray[], dot: Dot) => void = () => {},
): Promise<void> {
  const { program, inputs, dot } = dotProgram(shape, dtype, next);
  change(inputs, dot);
  const expected = interpret(program, inputs);
  const actual = await execute(device, deviceProgram(program, traits), inputs);
  const where = (i: number): string => `${dtype} ${JSON.stringify(dot)} at ${i}`;
  // What plain summation of terms below 1/4 may be off by, at worst.
  assertClose(actual[0], expected[0], { ulps: 4, absolute: shape.k * 1e-7 }, where);
}

for (const [kind, traits] of Object.entries(adapters)) {
  deviceTest(`products of random shapes and layouts, for ${kind}`, async (device) => {
    const next = uniform(7);
    const below = (n: number): number => 1 + Math.floor(next() * n);
    for (let i = 0; i < 24; i++) {
      const shape = { batch: [1, 1, 3][i % 3], m: below(90), n: below(90), k: below(150) };
      await compare(device, traits, shape, i % 5 === 4 ? "int32" : "float32", next);
    }
  });

  deviceTest(`products with few rows, few columns or long sums, for ${kind}`, async (device) => {
    const next = uniform(11);
    const shapes: Shape[] = [
      { batch: 1, m: 1, n: 300, k: 500 },
      { batch: 1, m: 300, n: 1, k: 512 },
      { batch: 1, m: 2, n: 2, k: 70000 },
      { batch: 1, m: 1, n: 1, k: 300000 },
      { batch: 40, m: 1, n: 64, k: 16 },
      { batch: 1, m: 10, n: 128, k: 2048 },
      { batch: 1, m: 128, n: 10, k: 513 },
      { batch: 2, m: 64, n: 64, k: 1 },
      { batch: 1, m: 129, n: 131, k: 33 },
      { batch: 1, m: 256, n: 256, k: 64 },
    ];
    for (const shape of shapes) await compare(device, traits, shape, "float32", next);
  });

  deviceTest(`integers wrap in products, for ${kind}`, async (device) => {
    const next = uniform(13);
    for (const dtype of ["int32", "uint32"] as const) {
      await compare(device, traits, { batch: 1, m: 40, n: 36, k: 50 }, dtype, next);
      await compare(device, traits, { batch: 1, m: 3, n: 50, k: 200 }, dtype, next);
    }
  });

  deviceTest(
    `infinity times zero is NaN in a product, and stays in its row and column, for ${kind}`,
    async (device) => {
      for (const shape of [{ batch: 1, m: 37, n: 41, k: 19 }, { batch: 1, m: 4, n: 50, k: 201 }]) {
        for (const special of [Infinity, NaN]) {
          await compare(device, traits, shape, "float32", uniform(17), (inputs, { lhs, rhs }) => {
            // One number that is none meets zeros only.
            (inputs[0] as Float32Array)[lhs.offset + 2 * lhs.rowStride + 5 * lhs.colStride] =
              special;
            for (let j = 0; j < shape.n; j += 2) {
              (inputs[1] as Float32Array)[rhs.offset + 5 * rhs.rowStride + j * rhs.colStride] = 0;
            }
          });
        }
      }
    },
  );
}

deviceTest("products by the largest tiles and blocks", async (device) => {
  const next = uniform(23);
  const plans: ProductPlan[] = [
    { kind: "tiled", plan: { rows: 128, cols: 128, blockRows: 8, blockCols: 8, splits: 1 } },
    { kind: "tiled", plan: { rows: 128, cols: 64, blockRows: 8, blockCols: 4, splits: 1 } },
    { kind: "tiled", plan: { rows: 64, cols: 128, blockRows: 4, blockCols: 8, splits: 1 } },
    { kind: "direct", plan: { rows: 16, cols: 16, width: 32, sharing: 1, splits: 1 } },
  ];
  const shapes: Shape[] = [
    { batch: 1, m: 130, n: 132, k: 36 },
    { batch: 2, m: 256, n: 128, k: 32 },
  ];
  for (const plan of plans) {
    for (const shape of shapes) {
      const { program, inputs, dot } = dotProgram(shape, "float32", next);
      const made = deviceProgram(program, baselineTraits);
      const context = {
        canonical: (id: number) => id,
        sizeOf: (id: number) => program.buffers[id].size,
        dtypeOf: () => "float32" as const,
        traits: baselineTraits,
      };
      const kernel = productKernel(dotProduct(dot), plan, null, context);
      const changed = { ...made, steps: [{ kind: "dispatch" as const, kernel, params: [] }] };
      const [actual] = await execute(device, changed, inputs);
      const [expected] = interpret(program, inputs);
      const where = (i: number): string => `${JSON.stringify(plan)} ${JSON.stringify(dot)} at ${i}`;
      assertClose(actual, expected, { ulps: 4, absolute: shape.k * 1e-7 }, where);
    }
  }
});

deviceTest("a product of nothing is zero", async (device) => {
  for (const traits of Object.values(adapters)) {
    await compare(device, traits, { batch: 1, m: 40, n: 36, k: 0 }, "float32", uniform(19));
  }
  const { buffers, bytes } = device.memory();
  assert(buffers === 0 && bytes === 0, "buffers leak");
});
