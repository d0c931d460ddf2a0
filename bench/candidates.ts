/**
 * The schedules that give the same bits as the model's choice, each beside it: how many vectors a turn of a loop computes, and the
 * tiles of transpositions. What the model's first choice loses is what measuring (`src/runtime/trial.ts`) can bring.
 *
 * `deno run -A bench/candidates.ts [regular expression]`; the processor time of this process counts, so that others on the machine
 * matter less.
 *
 * @module
 */
import process from "node:process";
import { nn, numpy as np } from "@vernal/vernal";
import { loadBinaryen } from "../src/backends/wasm/binaryen.ts";
import type { LoopChoices } from "../src/backends/wasm/plan.ts";
import { compileToProgram } from "../src/compile/pipeline.ts";
import type { NDArray } from "../src/core/array.ts";
import type { ShapedArray } from "../src/core/aval.ts";
import { Compiled } from "../tests/backends/run.ts";
import { f32, jaxprOf, makeRandom, randomArray } from "../tests/schedule/helpers.ts";
import { quantile } from "./measure.ts";

interface Nest {
  readonly f: (...xs: NDArray[]) => NDArray | NDArray[];
  readonly of: readonly ShapedArray[];
}

const long = f32(100_000);
const matrix = f32(512, 384);

const nests: Readonly<Record<string, Nest>> = {
  "x + y": { f: (x, y) => x.add(y), of: [long, long] },
  "relu(x)": { f: (x) => nn.relu(x), of: [long] },
  "x·y + z": { f: (x, y, z) => x.mul(y).add(z), of: [long, long, long] },
  "x + y, of 4000": { f: (x, y) => x.add(y), of: [f32(4000), f32(4000)] },
  "2·x + 1, of 4000": { f: (x) => x.mul(2).add(1), of: [f32(4000)] },
  "x·y + z·(x − y)": { f: (x, y, z) => x.mul(y).add(z.mul(x.sub(y))), of: [long, long, long] },
  "exp": { f: (x) => np.exp(x), of: [long] },
  "tanh": { f: (x) => np.tanh(x), of: [long] },
  "sin": { f: (x) => np.sin(x), of: [long] },
  "log(1 + x²)": { f: (x) => np.log(x.mul(x).add(1)), of: [long] },
  "gelu": { f: (x) => nn.gelu(x), of: [long] },
  "sigmoid(x)·tanh(y)": { f: (x, y) => nn.sigmoid(x).mul(np.tanh(y)), of: [long, long] },
  "softplus(x) + sigmoid(y)": { f: (x, y) => nn.softplus(x).add(nn.sigmoid(y)), of: [long, long] },
  "exp(x) + tanh(y)": { f: (x, y) => np.exp(x).add(np.tanh(y)), of: [long, long] },
  "a step of an LSTM": {
    f: (c, f, i, g) => nn.sigmoid(f).mul(c).add(nn.sigmoid(i).mul(np.tanh(g))),
    of: [long, long, long, long],
  },
  "tanh(x) + tanh(y) + exp(z) + sigmoid(x)": {
    f: (x, y, z) => np.tanh(x).add(np.tanh(y)).add(np.exp(z)).add(nn.sigmoid(x)),
    of: [long, long, long],
  },
  "sin(x)·cos(y)": { f: (x, y) => np.sin(x).mul(np.cos(y)), of: [long, long] },
  "exp(x)·sin(y)": { f: (x, y) => np.exp(x).mul(np.sin(y)), of: [long, long] },
  "tanh(x)·exp(y) + tanh(z)·sin(x)": {
    f: (x, y, z) => np.tanh(x).mul(np.exp(y)).add(np.tanh(z).mul(np.sin(x))),
    of: [long, long, long],
  },
  "eight logarithms and exponentials": {
    f: (x, y, z) =>
      [x, y, z, x.add(y)].map((v) => np.log(np.exp(v).add(1))).reduce((a, b) => a.add(b)),
    of: [long, long, long],
  },
  "|x|^1.7": { f: (x) => np.power(np.abs(x), 1.7), of: [long] },
  "x / √(y² + 1)": { f: (x, y) => x.div(np.sqrt(y.mul(y).add(1))), of: [long, long] },
  "sum": { f: (x) => np.sum(x), of: [long] },
  "sum(tanh(x·y + z)·x)": {
    f: (x, y, z) => np.sum(np.tanh(x.mul(y).add(z)).mul(x)),
    of: [long, long, long],
  },
  "sums of columns": { f: (x) => np.sum(x, { axis: 0 }), of: [matrix] },
  "sums of rows": { f: (x) => np.sum(x, { axis: 1 }), of: [matrix] },
  "largest of rows": { f: (x) => np.max(x, { axis: 1 }), of: [matrix] },
  "columns of 4096 × 1024": { f: (x) => np.sum(x, { axis: 0 }), of: [f32(4096, 1024)] },
  "columns of 1024 × 4096": { f: (x) => np.sum(x, { axis: 0 }), of: [f32(1024, 4096)] },
  "columns of 2048 × 2048": { f: (x) => np.sum(x, { axis: 0 }), of: [f32(2048, 2048)] },
  "columns of 1000 × 1000": { f: (x) => np.sum(x, { axis: 0 }), of: [f32(1000, 1000)] },
  "standard deviation of columns, 1024 × 1024": {
    f: (x) => np.std(x, { axis: 0 }),
    of: [f32(1024, 1024)],
  },
  "largest of columns, 2048 × 2048": { f: (x) => np.max(x, { axis: 0 }), of: [f32(2048, 2048)] },
  "log-sum-exp of columns, 1024 × 1024": {
    f: (x) => nn.logsumexp(x, { axis: 0 }),
    of: [f32(1024, 1024)],
  },
  "softmax of columns, 1024 × 256": { f: (x) => nn.softmax(x, { axis: 0 }), of: [f32(1024, 256)] },
  "products of columns, 512 × 512": {
    f: (x, y) => np.sum(x.mul(y), { axis: 0 }),
    of: [f32(512, 512), f32(512, 512)],
  },
  "softmax": { f: (x) => nn.softmax(x), of: [matrix] },
  "transposition": { f: (x) => np.transpose(x).add(1), of: [matrix] },
  "transposition, 512 × 512": { f: (x) => np.transpose(x).mul(2), of: [f32(512, 512)] },
};

const candidates: Readonly<Record<string, LoopChoices>> = {
  "model": {},
  "1 vector": { unroll: 1 },
  "2 vectors": { unroll: 2 },
  "4 vectors": { unroll: 4 },
  "8 vectors": { unroll: 8 },
  "tile 8": { tile: 8 },
  "tile 32": { tile: 32 },
};

/** Milliseconds of a sample, and of measuring a nest. */
const [sample, measuring] = [4, 1500];

/** Milliseconds of processor time that this process has taken. */
function spent(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** How often `run` fits into a sample, once it is warm. */
function warm(run: () => void): number {
  let calls = 0;
  const begin = spent();
  while (spent() - begin < 60) {
    run();
    calls++;
  }
  return Math.max(1, Math.round(calls * sample / 60));
}

/** The lower quartiles of a call's time, of all in turns. */
function compare(runs: readonly (() => void)[]): number[] {
  const times: number[][] = runs.map(() => []);
  const calls = runs.map(warm);
  const end = performance.now() + measuring;
  for (let round = 0; performance.now() < end || round < 9; round++) {
    for (let i = 0; i < runs.length; i++) {
      const which = (i + round) % runs.length;
      const begin = spent();
      for (let call = 0; call < calls[which]!; call++) runs[which]!();
      times[which]!.push((spent() - begin) / calls[which]!);
    }
  }
  return times.map((t) => quantile(t.sort((a, b) => a - b), 0.25));
}

if (import.meta.main) {
  const only = new RegExp(Deno.args[0] ?? "");
  const binaryen = await loadBinaryen();
  const names = Object.keys(candidates);
  console.log("how many times as fast as the model's choice");
  console.log(`${"nest".padEnd(42)}${names.map((n) => n.padStart(10)).join("")}  bits`);
  for (const [name, { f, of }] of Object.entries(nests)) {
    if (!only.test(name)) continue;
    const { program } = compileToProgram(jaxprOf(f, ...of), { name: "nest" });
    const random = makeRandom(1);
    const inputs = of.map((aval) => randomArray(aval, random));
    const compiled = Object.values(candidates).map((loops) =>
      new Compiled(binaryen, program, { loops })
    );
    const results = compiled.map((c) => c.call(inputs).map(String).join());
    const bits = results.every((r) => r === results[0]) ? "same" : "differ";
    const times = compare(compiled.map((c) => c.run));
    const ratios = times.map((t) => (times[0]! / t).toFixed(2).padStart(10));
    console.log(`${name.padEnd(42)}${ratios.join("")}  ${bits}`);
  }
}
