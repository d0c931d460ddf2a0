/**
 * One contender, one row, one process: prints the result as a line of JSON that starts with `@@`.
 *
 * A process of their own keeps contenders from sharing an optimiser, a heap or a thread pool.
 *
 * @module
 */
import { measure, type Plan, type Timing } from "./measure.ts";
import { measureLimit } from "./limits.ts";
import { rows } from "./rows.ts";
import { webgpuRows } from "./webgpu_rows.ts";
import type { Backend, Contender, Prepared } from "./work.ts";

/** What one process reports. */
export interface Report {
  /** Whether the contender can do the work at all. */
  readonly able: boolean;
  /** Seconds per call, of a warm row. */
  readonly timing?: Timing;
  /** Seconds of the first call, of a row that measures it. */
  readonly seconds?: number;
  /** The bound, in its unit. */
  readonly limit?: number;
  readonly facts?: Record<string, number | string>;
}

/** Where each contender is. Not written as imports: only the one that runs can be resolved. */
const contenders: Record<string, { file: string; name: string; backend: Backend }> = {
  "vernal": { file: "ours.ts", name: "ours", backend: "wasm" },
  "vernal-threads": { file: "ours.ts", name: "ours", backend: "wasm" },
  "jax-js": { file: "peers/jax_js.ts", name: "jaxJs", backend: "wasm" },
  "tfjs-wasm": { file: "peers/tfjs.ts", name: "tfjs", backend: "wasm" },
  "ort-web": { file: "peers/ort_web.ts", name: "ortWeb", backend: "wasm" },
  "ort-web-threads": { file: "peers/ort_web.ts", name: "ortWebThreads", backend: "wasm" },
  "vernal-webgpu": { file: "ours.ts", name: "ours", backend: "webgpu" },
  "jax-js-webgpu": { file: "peers/jax_js.ts", name: "jaxJs", backend: "webgpu" },
  "tfjs-webgpu": { file: "peers/tfjs.ts", name: "tfjs", backend: "webgpu" },
};

async function report(contender: string, rowId: string, plan: Plan): Promise<Report> {
  const row = [...rows, ...webgpuRows].find((r) => r.id === rowId)!;
  if (contender === "limit") {
    return { able: true, limit: await measureLimit(row.limit!, plan) };
  }
  const before = performance.now();
  const { file, name, backend } = contenders[contender]!;
  const module = await import(new URL(file, import.meta.url).href) as Record<string, Contender>;
  const contend = module[name]!;
  const loaded = performance.now();
  const work = await contend(row.work, backend, row.mode === "first");
  if (work === null) return { able: false };
  if (row.mode === "full speed") return { able: true, seconds: await untilFullSpeed(work) };
  if (row.mode !== "first") {
    return {
      able: true,
      timing: await measure(() => work.run(), plan, work.settle),
      facts: await work.facts(),
    };
  }
  const ready = performance.now();
  await work.run();
  await work.settle?.();
  const called = performance.now();
  await work.run();
  await work.settle?.();
  const again = performance.now();
  return {
    able: true,
    seconds: (called - ready) / 1000,
    facts: {
      "importMs": loaded - before,
      "making the inputsMs": ready - loaded,
      ...await work.facts(),
      "the second callMs": again - called,
      "from the start of the process to the first resultMs": called,
    },
  };
}

/** Seconds from the beginning of the first call until three calls in a row take no longer than steady ones by a tenth. */
async function untilFullSpeed(work: Prepared): Promise<number> {
  const ends: number[] = [];
  const begin = performance.now();
  do {
    await work.run();
    await work.settle?.();
    ends.push(performance.now());
  } while (ends.at(-1)! - begin < 3000);
  const took = ends.map((end, i) => end - (ends[i - 1] ?? begin));
  const steady = took.slice(-100).sort((a, b) => a - b)[Math.min(100, took.length) >> 1]!;
  const isFast = took.map((ms) => ms <= steady / 0.9);
  const first = isFast.findIndex((_, i) => isFast[i] && isFast[i + 1] && isFast[i + 2]);
  const reached = first < 0 ? ends.at(-1)! : ends[first - 1] ?? begin;
  return (reached - begin) / 1000;
}

if (import.meta.main) {
  const [contender, rowId, plan] = Deno.args as [string, string, string];
  console.log("@@" + JSON.stringify(await report(contender, rowId, JSON.parse(plan))));
  // jax-js keeps the process alive after an asynchronous read.
  Deno.exit(0);
}
