/**
 * `deno task bench`: measures every row for every contender and for the machine itself, prints the table,
 * and writes it with all figures as JSON under `bench/out/`; a run of all rows also writes its part, or both, of
 * `docs/benchmarks.md`.
 *
 * Options: `--only cpu` or `--only webgpu` (one of the two parts), `--rows matmul,train` (beginnings of row names),
 * `--contenders vernal,jax-js`, `--rounds 3` (how often ours and the limit, or all that run on WebGPU, are measured, in
 * turns; the median counts), `--quick` (no warm-up: shows that everything runs, measures nothing). WebGPU is left out where
 * there is no adapter.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { careful, type Plan, quantile, quick } from "./measure.ts";
import {
  type ContenderName,
  contenders,
  findPython,
  processSeconds,
  runCard,
  runOne,
  webgpuContenders,
} from "./processes.ts";
import { inUnit, type Row, rows } from "./rows.ts";
import { type Figure, machine, type Result, toMarkdown } from "./table.ts";
import { webgpuRows } from "./webgpu_rows.ts";
import { findAdapter, webgpuMarkdown } from "./webgpu_table.ts";

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    only: { type: "string" },
    rows: { type: "string" },
    contenders: { type: "string" },
    rounds: { type: "string", default: "3" },
    quick: { type: "boolean", default: false },
  },
});

const plan: Plan = options.quick ? quick : careful;
const rounds = options.quick ? 1 : Number(options.rounds);
const python = await findPython();
const { only } = options;
if (only !== undefined && only !== "cpu" && only !== "webgpu") {
  throw new Error(`--only: cpu or webgpu, not ${only}`);
}
const adapter = only === "cpu" ? null : await findAdapter();
if (only === "webgpu" && adapter === null) throw new Error("there is no adapter of WebGPU");
const wantedRows = options.rows?.split(",");
const isWanted = (row: Row): boolean => wantedRows?.some((w) => row.id.startsWith(w)) ?? true;
const wantedContenders = options.contenders?.split(",");
const isAble = (name: ContenderName): boolean =>
  (wantedContenders?.includes(name) ?? true) &&
  ((name !== "JAX" && name !== "numpy") || python !== null);

const median = (xs: number[]): number => quantile(xs.toSorted((a, b) => a - b), 0.5);

const encoder = new TextEncoder();

/** Progress goes beside the table, so that the table can be piped. */
function say(text: string): void {
  Deno.stderr.writeSync(encoder.encode(text));
}

/** One figure of one contender; null where it cannot do the work, a text where it failed. */
async function measureOne(name: ContenderName, row: Row): Promise<Figure | string | null> {
  // Threads start for a second call.
  if (name === "vernal-threads" && row.mode !== "warm") return null;
  if (name === "ort-web-threads" && row.work.kind !== "encoder") return null;
  if (name === "numpy" && row.work.kind !== "kernel") return null;
  if (row.mode === "full speed" && name === "JAX") return null;
  if (row.mode === "import" || row.mode === "first run" || row.mode === "second run") {
    if (row.mode !== "import" && name !== "vernal") return null;
    try {
      const times = options.quick ? 2 : row.mode === "first run" ? 7 : 15;
      return { value: inUnit(row, await processSeconds(name, row.mode, times, python)) };
    } catch (error) {
      return String(error);
    }
  }
  // Those of WebGPU take turns instead.
  const isTurn = (webgpuContenders as readonly ContenderName[]).includes(name);
  const repeats = row.mode !== "warm" && !options.quick && !isTurn ? 5 : 1;
  const figures: Figure[] = [];
  for (let i = 0; i < repeats; i++) {
    const report = await runOne(name, row, plan, python);
    if (typeof report === "string") return report;
    if (!report.able) return null;
    const seconds = report.timing?.median ?? report.seconds!;
    figures.push({
      value: inUnit(row, seconds),
      ...(report.timing && {
        spread: report.timing.quartiles.map((s) => inUnit(row, s)) as [number, number],
      }),
      ...(report.facts && { facts: report.facts }),
    });
  }
  return middle(figures);
}

/** Collects what was measured of a row, and says it. */
function collector(): {
  readonly figures: Result["figures"];
  readonly failures: Result["failures"];
  note(name: ContenderName, figure: Figure | string | null, unit: string): void;
} {
  const figures: Result["figures"] = {};
  const failures: Result["failures"] = {};
  return {
    figures,
    failures,
    note(name, figure, unit) {
      if (typeof figure === "string") {
        failures[name] = figure;
        say(`  ${name} failed: ${figure}\n`);
      } else if (figure !== null) {
        figures[name] = figure;
        say(`  ${name}: ${figure.value.toPrecision(4)} ${unit}\n`);
      }
    },
  };
}

/** The median of some figures. */
function middle(figures: Figure[]): Figure {
  return figures.toSorted((a, b) => a.value - b.value)[figures.length >> 1]!;
}

/** A row of WebGPU: all take turns, because only their ratios mean something on a software adapter. */
async function measureWebGpuRow(row: Row): Promise<Result> {
  const { figures, failures, note } = collector();
  say(`WebGPU: ${row.title}\n`);
  const all = new Map<ContenderName, Figure[]>();
  for (let i = 0; i < Math.min(rounds, row.rounds ?? rounds); i++) {
    for (const name of webgpuContenders.filter(isAble)) {
      if (failures[name] !== undefined) continue;
      const figure = await measureOne(name, row);
      if (figure === null) continue;
      if (typeof figure === "string") note(name, figure, row.unit);
      else all.set(name, [...all.get(name) ?? [], figure]);
    }
  }
  for (const [name, some] of all) note(name, middle(some), row.unit);
  return { id: row.id, figures, failures };
}

async function measureRow(row: Row): Promise<Result> {
  const { figures, failures, note } = collector();
  say(`${row.title}\n`);
  const able = contenders.filter(isAble);

  // Ours and the limit take turns, so that a neighbour's noise falls on both.
  const limits: number[] = [];
  const ours: Figure[] = [];
  for (let i = 0; i < (row.mode === "warm" ? rounds : 1); i++) {
    if (row.limit !== undefined) {
      const report = await runOne("limit", row, plan, python);
      if (typeof report === "string") throw new Error(report);
      limits.push(report.limit!);
    }
    if (!able.includes("vernal")) continue;
    const figure = await measureOne("vernal", row);
    if (figure === null || typeof figure === "string") {
      note("vernal", figure, row.unit);
      break;
    }
    ours.push(figure);
  }
  if (ours.length > 0) note("vernal", middle(ours), row.unit);
  for (const name of able) {
    if (name !== "vernal") note(name, await measureOne(name, row), row.unit);
  }
  return {
    id: row.id,
    figures,
    failures,
    ...(limits.length > 0 && { limit: median(limits) }),
  };
}

const results: Result[] = [];
if (only !== "webgpu") {
  for (const row of rows.filter(isWanted)) results.push(await measureRow(row));
}
const webgpuResults: Result[] = [];
if (adapter !== null) {
  for (const row of webgpuRows.filter(isWanted)) webgpuResults.push(await measureWebGpuRow(row));
}
// On the processor a card's figures say nothing.
const card = adapter === null || adapter.isSoftware || wantedRows !== undefined
  ? null
  : await runCard(options.quick);

const about = machine(python);
const parts = {
  cpu: only === "webgpu" ? null : toMarkdown(results, about, rounds),
  webgpu: adapter === null ? null : webgpuMarkdown(webgpuResults, adapter, card, about, rounds),
};
const markdown = Object.values(parts).filter((part) => part !== null).join("\n");
console.log(markdown);

const out = new URL("out/", import.meta.url);
await Deno.mkdir(out, { recursive: true });
const stamp = about.date.replaceAll(":", "-");
await Deno.writeTextFile(
  new URL(`${stamp}.json`, out),
  JSON.stringify({ ...about, plan, rounds, results, adapter, webgpuResults, card }, null, 2) + "\n",
);
await Deno.writeTextFile(new URL(`${stamp}.md`, out), markdown);
const isAll = !options.quick && wantedRows === undefined && wantedContenders === undefined;
if (isAll) {
  // A run of one part leaves the other as it stands on the page: each says of which day and commit it is.
  const page = new URL("../docs/benchmarks.md", import.meta.url);
  const old = await Deno.readTextFile(page);
  const at = old.indexOf("\n## WebGPU\n");
  const [oldCpu, oldWebgpu] = at < 0 ? [old, null] : [old.slice(0, at), old.slice(at + 1)];
  const kept = [parts.cpu ?? oldCpu, parts.webgpu ?? oldWebgpu];
  await Deno.writeTextFile(page, kept.filter((part) => part !== null).join("\n"));
}
