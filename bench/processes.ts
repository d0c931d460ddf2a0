/**
 * Starting the processes that measure: which contenders there are, and how each is run.
 *
 * @module
 */
import type { CardReport } from "./card.ts";
import type { Plan } from "./measure.ts";
import { quantile } from "./measure.ts";
import type { Report } from "./one.ts";
import { stagePackage } from "../publish/stage.ts";
import type { Row } from "./rows.ts";

const here = (path: string): string => new URL(path, import.meta.url).pathname;

/** Who runs: ours on one thread and on two, then the peers, then native JAX and numpy where a Python has them. */
export const contenders = [
  "vernal",
  "vernal-threads",
  "jax-js",
  "tfjs-wasm",
  "ort-web",
  "ort-web-threads",
  "JAX",
  "numpy",
] as const;

/** Who runs on WebGPU. */
export const webgpuContenders = ["vernal-webgpu", "jax-js-webgpu", "tfjs-webgpu"] as const;

/** The name of a contender. */
export type ContenderName = typeof contenders[number] | typeof webgpuContenders[number];

const startupFiles: Partial<Record<ContenderName, string>> = {
  "vernal": "startup/vernal.ts",
  "jax-js": "peers/startup/jax_js.ts",
  "tfjs-wasm": "peers/startup/tfjs.ts",
  "ort-web": "peers/startup/ort_web.ts",
};

/** Deno's arguments before the script: the peers have a configuration and a lock file of their own. */
function denoRun(contender: string): string[] {
  const ours = contender.startsWith("vernal") || contender === "limit";
  return ["run", "--quiet", "-A", ...(ours ? [] : ["--config", here("peers/deno.json")])];
}

/** The programs of the contenders that run on Python. */
const pythonFiles: Partial<Record<ContenderName | "limit", string>> = {
  "JAX": "peers/jax_peer.py",
  "numpy": "peers/numpy_peer.py",
};

/** A Python that has JAX, which brings numpy, and Equinox, by `VERNAL_BENCH_PYTHON` or as `python3`; null where there is none. */
export async function findPython(): Promise<string | null> {
  for (const python of [Deno.env.get("VERNAL_BENCH_PYTHON"), "python3"]) {
    if (!python) continue;
    try {
      const { success } = await new Deno.Command(python, {
        args: ["-c", "import jax, equinox"],
        stdout: "null",
        stderr: "null",
      }).output();
      if (success) return python;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return null;
}

/** Runs one contender on one row and gives what it reports, or the last lines that it wrote while failing. */
export async function runOne(
  contender: ContenderName | "limit",
  row: Row,
  plan: Plan,
  python: string | null,
): Promise<Report | string> {
  const pythonFile = pythonFiles[contender];
  const [command, args] = pythonFile !== undefined
    ? [
      python!,
      [here(pythonFile), JSON.stringify(row.work), JSON.stringify(plan), row.mode],
    ]
    : [
      Deno.execPath(),
      [...denoRun(contender), here("one.ts"), contender, row.id, JSON.stringify(plan)],
    ];
  // A contender that hangs is a failed one.
  const signal = AbortSignal.timeout(300_000);
  // What an earlier run compiled must not help.
  const threads = contender === "vernal-threads" ? "2" : "1";
  const env = { VERNAL_CACHE: "off", VERNAL_THREADS: threads, ...row.env };
  const { stdout, stderr, code } = await new Deno.Command(command, { args, env, signal }).output();
  const decoder = new TextDecoder();
  const line = decoder.decode(stdout).split("\n").find((l) => l.startsWith("@@"));
  if (line !== undefined) return JSON.parse(line.slice(2)) as Report;
  return `exit code ${code}: ${decoder.decode(stderr).trim().split("\n").slice(-12).join("\n")}`;
}

/** What a graphics card allows and how near ours comes, or the last lines that the process wrote while failing. */
export async function runCard(isQuick: boolean): Promise<CardReport | string> {
  const args = ["run", "--quiet", "-A", here("card.ts"), ...(isQuick ? ["--quick"] : [])];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  const decoder = new TextDecoder();
  const line = decoder.decode(stdout).split("\n").find((l) => l.startsWith("@@"));
  if (line !== undefined) return JSON.parse(line.slice(2)) as CardReport;
  return decoder.decode(stderr).trim().split("\n").slice(-12).join("\n");
}

/** A configuration for which the package is the one that is published, made anew for each run of the bench. */
let published: Promise<string> | null = null;

async function makePublished(): Promise<string> {
  const folder = here("out/published");
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(`${folder}/package`, { recursive: true });
  await stagePackage(`${folder}/package`);
  const config = { links: ["./package"], imports: { "@vernal/vernal": "jsr:@vernal/vernal@*" } };
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(config));
  return `${folder}/deno.json`;
}

/** Seconds that a process takes over one that does nothing, the median of alternating runs. */
export async function processSeconds(
  contender: ContenderName,
  mode: "import" | "first run" | "second run",
  times: number,
  python: string | null,
): Promise<number> {
  const config = contender.startsWith("vernal")
    ? ["--config", await (published ??= makePublished())]
    : [];
  const run = [...denoRun(contender), ...config];
  const file = mode === "import" ? startupFiles[contender]! : "startup/train.ts";
  const [command, measured, without] = contender === "JAX"
    ? [python!, ["-c", "import equinox"], ["-c", "pass"]]
    : [Deno.execPath(), [...run, here(file)], [...run, here("startup/empty.ts")]];
  const env = mode === "second run"
    ? { VERNAL_CACHE: "", VERNAL_CACHE_DIR: here("out/programs") }
    : { VERNAL_CACHE: "off" };
  const differences: number[] = [];
  for (let i = 0; i < times + 1; i++) {
    const base = await wall(command, without, env);
    const full = await wall(command, measured, env);
    // The first pair fills the caches of files, of compiled code and, where they are kept, of programs.
    if (i > 0) differences.push(full - base);
  }
  return quantile(differences.sort((a, b) => a - b), 0.5);
}

async function wall(
  command: string,
  args: string[],
  env: Record<string, string>,
): Promise<number> {
  const from = performance.now();
  const { success, stderr } = await new Deno.Command(command, { args, env, stdout: "null" })
    .output();
  if (!success) {
    throw new Error(new TextDecoder().decode(stderr).trim().split("\n").slice(-5).join("\n"));
  }
  return (performance.now() - from) / 1000;
}
