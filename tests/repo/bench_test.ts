/**
 * That the bench measures what it says: every piece of work is done, and done rightly. No times.
 *
 * @module
 */
import { assert, assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import { ours } from "../../bench/ours.ts";
import { type Row, rows } from "../../bench/rows.ts";
import { digits, shareOfLimit } from "../../bench/table.ts";
import { webgpuRows } from "../../bench/webgpu_rows.ts";
import { cardLines, lead } from "../../bench/webgpu_table.ts";
import type { Facts } from "../../bench/work.ts";

const row = (id: string): Row => [...rows, ...webgpuRows].find((row) => row.id === id)!;

async function factsOf(id: string): Promise<Facts> {
  const prepared = await ours(row(id).work, "wasm");
  assert(prepared !== null);
  await prepared.run();
  return await prepared.facts();
}

const tolerances: Record<string, number> = {
  matmul_128: 1e-6,
  matmul_513: 1e-6,
  matmul_transposed: 1e-6,
  matmul_thin: 1e-6,
  matmul_batched: 1e-6,
  matmul_f64: 1e-14,
  fused: 1e-7,
  softmax: 1e-8,
  layer_norm: 2e-6,
  sum: 1e-6,
  madd_complex64: 1e-6,
  madd_bfloat16: 1e-2,
  madd_float16: 2e-3,
  embedding: 1e-9,
  embedding_gradient: 1e-6,
  kernel_sort: 1e-9,
  kernel_cumsum: 1e-7,
  kernel_fft: 1e-6,
  kernel_cholesky: 1e-6,
  kernel_solve: 1e-5,
  kernel_qr: 1e-6,
  kernel_eigh: 1e-5,
  kernel_svd: 1e-5,
  rnn: 1e-6,
  rnn_gradient: 1e-5,
  conv: 1e-6,
  conv_gradients: 1e-6,
  conv_1x1: 1e-6,
  conv_depthwise: 1e-6,
  gradient: 1e-5,
  per_example: 1e-5,
  ensemble_8: 1e-6,
  ensemble_64: 1e-6,
  webgpu_attention_256: 1e-6,
  webgpu_encoder: 1e-5,
};

for (const [id, tolerance] of Object.entries(tolerances)) {
  Deno.test(`the bench's ${id} is right`, async () => {
    assertLess((await factsOf(id)).error as number, tolerance);
  });
}

Deno.test("the bench's training step starts at JAX's loss", async () => {
  // By `bench/peers/jax_peer.py`, from the same weights and data.
  assertAlmostEquals((await factsOf("train")).firstLoss as number, 2.307895, 2e-6);
});

Deno.test("the bench's call with many leaves uses them all", async () => {
  assertEquals((await factsOf("leaves")).result, "1 2 3 4");
});

Deno.test("a share of the limit is above 1 only for what is faster than the limit", () => {
  const train = row("train"); // 411 million operations: 6.85 ms at 60 GFLOP/s
  assertAlmostEquals(shareOfLimit(train, 6.85, 60), 1, 0.01);
  assertAlmostEquals(shareOfLimit(train, 13.7, 60), 0.5, 0.01);
  assertAlmostEquals(shareOfLimit(row("matmul_512"), 30, 60), 0.5);
});

Deno.test("the lead is over the fastest of the others, and what gave a wrong result does not count", () => {
  const leadOf = (id: string, ours: number, other: number, third: number, error: number) =>
    lead({
      id,
      figures: {
        "vernal-webgpu": { value: ours },
        "jax-js-webgpu": { value: other },
        "tfjs-webgpu": { value: third, facts: { error } },
      },
      failures: {},
    });
  assertEquals(leadOf("webgpu_softmax", 2, 5, 4, 0), 2); // milliseconds
  assertEquals(leadOf("webgpu_softmax", 2, 5, 4, 0.1), 2.5);
  assertEquals(leadOf("webgpu_conv", 6, 2, 3, 0), 2); // a rate
});

Deno.test("what is reached on a card is beside what it allows", () => {
  const report = { peak: 1000, matmul: 650, copy: 200, elementwise: 180 };
  const ratios = (step: { whole: number; kernels: number; count: number } | null) =>
    cardLines({ ...report, step }).map((line) => line[4]);
  assertEquals(ratios(null), ["0.65", "0.90"]);
  assertEquals(ratios({ whole: 6, kernels: 5, count: 14 }), ["0.65", "0.90", "1.20"]);
});

Deno.test("figures are printed with three digits", () => {
  assertEquals([1234.5, 12.345, 1.2345, 0.012345, 0].map(digits), [
    "1235",
    "12.3",
    "1.23",
    "0.0123",
    "0",
  ]);
});
