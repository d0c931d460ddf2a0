/**
 * What several threads do to a machine that has other things to do: run as `deno run -A bench/threads.ts`.
 *
 * It prints times per call on one thread and on several, in turns: alone, beside loops that keep processors busy, and with many
 * processes of the same kind at once; and the processor time that threads take which have nothing to do.
 *
 * @module
 */
import { filterGrad, filterJit, init, type NDArray, nn, numpy as np, random } from "@vernal/vernal";
import { threadPool } from "../src/runtime/threads.ts";

const normal = (seed: number, shape: number[]): NDArray => random.normal(random.key(seed), shape);

/** Something to call. */
type Work = () => void;

function chain(): Work {
  const x = normal(1, [20_000]);
  const f = filterJit((x: NDArray): NDArray => np.sum(np.tanh(x).mul(x)));
  return () => f(x).delete();
}

function layerNorm(): Work {
  const x = normal(1, [1024, 1024]);
  const f = filterJit((x: NDArray): NDArray => {
    const d = x.sub(np.mean(x, { axis: 1, keepdims: true }));
    return d.div(np.sqrt(np.mean(d.mul(d), { axis: 1, keepdims: true }).add(1e-5)));
  });
  return () => f(x).delete();
}

function product(): Work {
  const x = normal(1, [512, 512]);
  const f = filterJit((x: NDArray): NDArray => np.matmul(x, x));
  return () => f(x).delete();
}

function training(): Work {
  const [x, labels] = [normal(1, [128, 784]), normal(9, [128, 10])];
  const layers = [[784, 512], [512, 512], [512, 10]] as const;
  let weights = layers.map((shape, i) => normal(i + 2, [...shape]).mul(0.03));
  const loss = (w: readonly NDArray[]): NDArray => {
    const hidden = nn.relu(np.matmul(nn.relu(np.matmul(x, w[0])), w[1]));
    return np.mean(nn.logSoftmax(np.matmul(hidden, w[2])).mul(labels));
  };
  const step = filterJit((w: readonly NDArray[]): NDArray[] => {
    const gradients = filterGrad(loss)(w) as unknown as readonly NDArray[];
    return w.map((x, i) => x.sub(gradients[i].mul(1e-3)));
  });
  return () => {
    const before = weights;
    weights = step(weights);
    for (const x of before) x.delete();
  };
}

const works: Readonly<Record<string, () => Work>> = {
  "sum of a chain, 20,000 elements": chain,
  "layer norm [1024,1024]": layerNorm,
  "matmul, n = 512": product,
  "MLP step": training,
};

/** Milliseconds of warming, and of measuring. */
const [warming, measuring] = [300, 500];

/** In a process of its own: microseconds per call of each work, then the share of a processor taken while resting. */
async function measureHere(threads: number): Promise<number[]> {
  await init("cpu", { threads });
  const times: number[] = [];
  for (const make of Object.values(works)) {
    const run = make();
    const end = performance.now() + warming;
    while (performance.now() < end) {
      run();
      // Threads start while the event loop turns.
      if (threadPool().ready < threads - 1) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const begin = performance.now();
    let calls = 0;
    while (performance.now() - begin < measuring) {
      run();
      calls++;
    }
    times.push((performance.now() - begin) / calls * 1000);
  }
  const { default: process } = await import("node:process");
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, measuring));
  const { user, system } = process.cpuUsage(before);
  return [...times, (user + system) / 1000 / measuring];
}

async function measureApart(threads: number): Promise<number[]> {
  const args = ["run", "-q", "--no-check", "-A", import.meta.filename!, String(threads)];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  const line = new TextDecoder().decode(stdout).trim();
  if (line === "") throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(line) as number[];
}

/** A loop that keeps a processor busy. */
function spin(): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), { args: ["eval", "for (;;);"] }).spawn();
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

/** Several rounds in turns; the medians for one thread and for several. */
async function compare(title: string, processes: number, threads: number): Promise<void> {
  const found: Record<number, number[][]> = { 1: [], [threads]: [] };
  for (let round = 0; round < rounds; round++) {
    for (const count of [1, threads]) {
      const all = Array.from({ length: processes }, () => measureApart(count));
      found[count]!.push(...await Promise.all(all));
    }
  }
  console.log(`\n${title}`);
  const names = [...Object.keys(works), "processors taken at rest"];
  names.forEach((name, i) => {
    const [one, many] = [1, threads].map((count) =>
      median(found[count]!.map((times) => times[i]!))
    );
    const [a, b] = [one!, many!].map((x) => x.toPrecision(3));
    const ratio = i < names.length - 1 ? `${(one! / many!).toFixed(2)} times as fast` : "";
    console.log(`  ${name.padEnd(34)} ${a!.padStart(9)} ${b!.padStart(9)}   ${ratio}`);
  });
}

const rounds = 3;

if (import.meta.main) {
  const here = Number(Deno.args[0] ?? 0);
  if (here > 0) {
    console.log(JSON.stringify(await measureHere(here)));
    Deno.exit(0);
  }
  const processors = navigator.hardwareConcurrency;
  const threads = Math.max(2, Math.min(processors, 4));
  console.log(
    `${processors} processors; µs per call on 1 thread and on ${threads}, medians of ${rounds} rounds`,
  );
  for (const spinners of [0, 1, 2, 4]) {
    const others = Array.from({ length: spinners }, spin);
    try {
      await compare(`beside ${spinners} busy loops`, 1, threads);
    } finally {
      for (const other of others) other.kill("SIGKILL");
    }
  }
  for (const processes of [2, 4]) {
    await compare(`${processes} processes at once`, processes, threads);
  }
}
