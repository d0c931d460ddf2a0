/**
 * What a graphics card allows, and how near Vernal comes: run as a program it prints a line of JSON that starts with `@@`.
 *
 * On an adapter in software these figures say nothing, and `deno task bench` leaves them out.
 *
 * @module
 */
import type { Work } from "./work.ts";
import { careful, measure, type Plan, quick } from "./measure.ts";
import { ours } from "./ours.ts";
import { watchDevice } from "./settle.ts";
import { mlp } from "./rows.ts";

/** What was found. */
export interface CardReport {
  /** GFLOP/s of independent chains of fused multiply-adds in registers. */
  readonly peak: number;
  /** GFLOP/s of the product of two matrices. */
  readonly matmul: number;
  /** GB/s, read and written, of a kernel that copies. */
  readonly copy: number;
  /** GB/s, read and written, of `x * 2 + 1`. */
  readonly elementwise: number;
  /** Milliseconds of a training step, and of its kernels added up; null where the device takes no timestamps. */
  readonly step:
    | { readonly whole: number; readonly kernels: number; readonly count: number }
    | null;
}

const chains = 8;
const turns = 2048;

/** Chains of `vec4` multiply-adds that nothing can be taken out of; the sum is stored where it is never 0. */
const peakCode = `
@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> sink: array<vec4<f32>>;
@compute @workgroup_size(256) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let a = source[0];
  let b = source[1];
  ${Array.from({ length: chains }, (_, c) => `var x${c} = a + f32(id.x + ${c}u);`).join("\n  ")}
  for (var i = 0u; i < ${turns}u; i++) {
    ${Array.from({ length: chains }, (_, c) => `x${c} = fma(x${c}, a, b);`).join("\n    ")}
  }
  sink[id.x] = ${Array.from({ length: chains }, (_, c) => `x${c}`).join(" + ")};
}`;

const copyCode = `
@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> sink: array<vec4<f32>>;
@compute @workgroup_size(256) fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.y * groups.x * 256u + id.x;
  sink[i] = source[i];
}`;

/** Seconds of a kernel between two buffers of so many bytes, on a device of its own. */
async function bareKernel(
  code: string,
  bytes: number,
  groups: number,
  plan: Plan,
): Promise<number> {
  const { settle } = watchDevice();
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  const device = await adapter!.requestDevice();
  const pipeline = device.createComputePipeline({
    layout: "auto",
    compute: { module: device.createShaderModule({ code }), entryPoint: "main" },
  });
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
  const buffers = [0, 1].map(() => device.createBuffer({ size: bytes, usage }));
  device.queue.writeBuffer(buffers[0]!, 0, new Float32Array(8).fill(0.5));
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const { median } = await measure(
    () => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(Math.min(groups, 32768), Math.ceil(groups / 32768));
      pass.end();
      device.queue.submit([encoder.finish()]);
    },
    plan,
    settle,
  );
  device.destroy();
  return median;
}

/** Seconds of one call of ours. */
async function secondsOf(work: Work, plan: Plan): Promise<number> {
  const prepared = (await ours(work, "webgpu"))!;
  return (await measure(() => prepared.run(), plan, prepared.settle)).median;
}

/** Measures. `size` scales the work, for adapters on which a product of 4096 would take minutes. */
async function measureCard(plan: Plan, size: number): Promise<CardReport> {
  // Before ours, because what waits looks at the device that was opened last.
  const elements = 2 ** 24 / size;
  const groups = 16384 / size;
  const peak = await bareKernel(peakCode, 16 * 256 * groups, groups, plan);
  const copy = await bareKernel(copyCode, 4 * elements, elements / 1024, plan);

  const step = (await ours(mlp, "webgpu"))!;
  const whole = (await measure(() => step.run(), plan, step.settle)).median;
  let times: number[] = [];
  const { webGpu } = await import("../src/runtime/webgpu/platform.ts");
  if (webGpu().gpu.features.has("timestamp-query")) {
    const runs: number[][] = [];
    for (let i = 0; i < 9; i++) {
      const kernels = await webGpu().kernelTimes(() => void step.run());
      runs.push(kernels.map(({ milliseconds }) => milliseconds / 1e3));
    }
    const total = (run: number[]): number => run.reduce((sum, t) => sum + t, 0);
    times = runs.sort((a, b) => total(a) - total(b))[runs.length >> 1]!;
  }

  const n = 4096 / size;
  const matmul = await secondsOf({
    kind: "matmul",
    m: n,
    k: n,
    n,
    batch: null,
    transposed: false,
    dtype: "float32",
  }, plan);
  const elementwise = await secondsOf({ kind: "affine", size: elements }, plan);

  return {
    peak: groups * 256 * turns * chains * 4 * 2 / peak / 1e9,
    matmul: 2 * n ** 3 / matmul / 1e9,
    copy: 8 * elements / copy / 1e9,
    elementwise: 8 * elements / elementwise / 1e9,
    step: times.length === 0 ? null : {
      whole: whole * 1e3,
      kernels: times.reduce((sum, t) => sum + t, 0) * 1e3,
      count: times.length,
    },
  };
}

if (import.meta.main) {
  const isQuick = Deno.args.includes("--quick");
  console.log(
    "@@" + JSON.stringify(await measureCard(isQuick ? quick : careful, isQuick ? 16 : 1)),
  );
  Deno.exit(0);
}
