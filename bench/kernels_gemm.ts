/**
 * The matrix product kernels beside the machine's own limit for multiply-adds, which is measured again just before
 * every case, since a shared machine changes from second to second.
 *
 * `deno run -A bench/kernels_gemm.ts [--quick] [--only=regex]`
 *
 * @module
 */
import { parseArgs } from "node:util";
import { gemmScratchBytes } from "../src/loopnest/gemm_plan.ts";
import { instantiateKernels } from "../src/backends/wasm/kernel_library.ts";
import { measureLimit } from "./limits.ts";
import { careful, measure, type Plan, quick, type Timing } from "./measure.ts";

/** One product: `layout` is n (row-major) or t (transposed) for each operand; `batch` products in turn. */
interface Case {
  readonly dtype: "f32" | "f64";
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly layout: "nn" | "nt" | "tn" | "tt";
  readonly batch: number;
}

function square(dtype: Case["dtype"], n: number, layout: Case["layout"] = "nn"): Case {
  return { dtype, m: n, n, k: n, layout, batch: 1 };
}

function product(m: number, n: number, k: number, layout: Case["layout"] = "nn", batch = 1): Case {
  return { dtype: "f32", m, n, k, layout, batch };
}

const cases: readonly Case[] = [
  ...[4, 8, 16, 32, 64, 96, 128, 256, 511, 512, 513, 1024].map((n) => square("f32", n)),
  ...(["tn", "nt", "tt"] as const).map((layout) => square("f32", 512, layout)),
  ...(["nn", "tn", "nt"] as const).map((layout) => product(512, 10, 512, layout)),
  product(10, 512, 512),
  product(10, 512, 512, "nt"),
  product(128, 128, 128, "nn", 16),
  // An MLP 784-512-512-10 of batch 128: forward, gradients of the weights, gradients of the layers' inputs.
  product(128, 512, 784),
  product(128, 10, 512),
  product(784, 512, 128, "tn"),
  product(512, 10, 128, "tn"),
  product(128, 512, 512, "nt"),
  product(128, 512, 10, "nt"),
  // Bound by memory, not by arithmetic.
  product(1, 512, 512),
  product(1, 512, 512, "nt"),
  product(512, 1, 512),
  product(512, 512, 1),
  ...[64, 128, 512, 1024].map((n) => square("f64", n)),
  square("f64", 512, "tt"),
];

const A = 1 << 20;
const B = A + (32 << 20) + 1024;
const C = B + (32 << 20) + 2048;
const SCRATCH = C + (32 << 20) + 512;

/** Times one batch. */
async function time(
  c: Case,
  kernels: ReturnType<typeof instantiateKernels>,
  plan: Plan,
): Promise<Timing> {
  const { m, n, k, batch } = c;
  const size = c.dtype === "f32" ? 4 : 8;
  const [ar, ac] = c.layout[0] === "n" ? [k, 1] : [1, m];
  const [br, bc] = c.layout[1] === "n" ? [n, 1] : [1, k];
  const gemm = kernels[`gemm_${c.dtype}`];
  return await measure(() => {
    for (let i = 0; i < batch; i++) {
      const [a, b, out] = [A + i * m * k * size, B + i * k * n * size, C + i * m * n * size];
      gemm(m, n, k, a, ar, ac, b, br, bc, out, n, SCRATCH, 0);
    }
  }, plan);
}

function title({ dtype, m, n, k, layout, batch }: Case): string {
  const [a, b] = [layout[0] === "t" ? "ᵀ" : "", layout[1] === "t" ? "ᵀ" : ""];
  const times = batch === 1 ? "" : ` ${batch} times`;
  return `${dtype} [${m},${k}]${a}·[${k},${n}]${b}${times}`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", default: "" },
    },
  });
  const plan = values.quick ? quick : careful;
  const memory = new WebAssembly.Memory({ initial: 2048, maximum: 65536, shared: true });
  const kernels = instantiateKernels(memory);
  new Float64Array(memory.buffer, A, (96 << 20) / 8).fill(0.5);
  console.log(
    `${"product".padEnd(30)}${"µs".padStart(11)}${"GFLOP/s".padStart(9)}${"of limit".padStart(10)}${
      "at best".padStart(9)
    }`,
  );
  for (const c of cases) {
    if (!new RegExp(values.only).test(title(c))) continue;
    if (
      SCRATCH + gemmScratchBytes(c.m, c.n, c.k, c.dtype === "f32" ? 4 : 8) >
        memory.buffer.byteLength
    ) {
      throw new RangeError(`no room for ${title(c)}`);
    }
    // Before and after, since a neighbour on the machine may come or go between.
    const madd = c.dtype === "f32" ? "madd32" : "madd64";
    const before = await measureLimit(madd, quick);
    const { median, least } = await time(c, kernels, plan);
    const limit = Math.max(before, await measureLimit(madd, quick));
    const operations = 2 * c.m * c.n * c.k * c.batch / 1e9;
    console.log(
      title(c).padEnd(30) + (median * 1e6).toFixed(2).padStart(11) +
        (operations / median).toFixed(1).padStart(9) +
        (operations / median / limit).toFixed(3).padStart(10) +
        (operations / least / limit).toFixed(3).padStart(9),
    );
  }
}

if (import.meta.main) await main();
