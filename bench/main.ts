/**
 * `deno task bench`: measures every row for every contender and for the machine itself, prints the table,
 * and writes it with all figures as JSON under `bench/out/`; a complete run also writes
 * `docs/benchmarks.md`.
 *
 * Options: `--rows matmul,train` (beginnings of row names), `--contenders vernal,jax-js`, `--rounds 3`
 * (how often ours and the limit are measured, in turns; the median counts), `--quick` (no warm-up: shows that
 * everything runs, measures nothing).
 *
 * @module
 */
import { parseArgs } from "node:util";
import { careful, type Plan, quantile, quick } from "./measure.ts";
import { type ContenderName, contenders, findPython, importSeconds, runOne } from "./processes.ts";
import { inUnit, type Row, rows } from "./rows.ts";
import { type Figure, machine, type Result, toMarkdown } from "./table.ts";

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    rows: { type: "string" },
    contenders: { type: "string" },
    rounds: { type: "string", default: "3" },
    quick: { type: "boolean", default: false },
  },
});

const plan: Plan = options.quick ? quick : careful;
const rounds = options.quick ? 1 : Number(options.rounds);
const python = await findPython();
const wantedRows = options.rows?.split(",");
const chosen = rows.filter((row) => wantedRows?.some((w) => row.id.startsWith(w)) ?? true);
const wantedContenders = options.contenders?.split(",");
const able = contenders.filter((name) =>
  (wantedContenders?.includes(name) ?? true) && (name !== "JAX" || python !== null)
);

const median = (xs: number[]): number => quantile(xs.toSorted((a, b) => a - b), 0.5);

const encoder = new TextEncoder();

/** Progress goes beside the table, so that the table can be piped. */
function say(text: string): void {
  Deno.stderr.writeSync(encoder.encode(text));
}

/** One figure of one contender; null where it cannot do the work, a text where it failed. */
async function measureOne(name: ContenderName, row: Row): Promise<Figure | string | null> {
  if (row.mode === "import") {
    try {
      return { value: inUnit(row, await importSeconds(name, options.quick ? 2 : 15, python)) };
    } catch (error) {
      return String(error);
    }
  }
  const repeats = row.mode === "first" ? (options.quick ? 1 : 5) : 1;
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
  figures.sort((a, b) => a.value - b.value);
  return figures[figures.length >> 1]!;
}

async function measureRow(row: Row): Promise<Result> {
  const figures: Result["figures"] = {};
  const failures: Result["failures"] = {};
  const note = (name: ContenderName, figure: Figure | string | null): void => {
    if (typeof figure === "string") {
      failures[name] = figure;
      say(`  ${name} failed: ${figure}\n`);
    } else if (figure !== null) {
      figures[name] = figure;
      say(`  ${name}: ${figure.value.toPrecision(4)} ${row.unit}\n`);
    }
  };
  say(`${row.title}\n`);

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
      note("vernal", figure);
      break;
    }
    ours.push(figure);
  }
  if (ours.length > 0) {
    ours.sort((a, b) => a.value - b.value);
    note("vernal", ours[ours.length >> 1]!);
  }
  for (const name of able) {
    if (name !== "vernal") note(name, await measureOne(name, row));
  }
  return {
    id: row.id,
    figures,
    failures,
    ...(limits.length > 0 && { limit: median(limits) }),
  };
}

const results: Result[] = [];
for (const row of chosen) results.push(await measureRow(row));

const about = machine(python);
const markdown = toMarkdown(results, about);
console.log(markdown);

const out = new URL("out/", import.meta.url);
await Deno.mkdir(out, { recursive: true });
const stamp = about.date.replaceAll(":", "-");
await Deno.writeTextFile(
  new URL(`${stamp}.json`, out),
  JSON.stringify({ ...about, plan, rounds, results }, null, 2) + "\n",
);
await Deno.writeTextFile(new URL(`${stamp}.md`, out), markdown);
const complete = !options.quick && chosen.length === rows.length && wantedContenders === undefined;
if (complete) await Deno.writeTextFile(new URL("../docs/benchmarks.md", import.meta.url), markdown);
