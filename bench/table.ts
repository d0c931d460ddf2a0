/**
 * The results as a page of Markdown.
 *
 * @module
 */
import { limits } from "./limits.ts";
import { type ContenderName, contenders } from "./processes.ts";
import { isRate, type Row, rows } from "./rows.ts";

/** One figure, in its row's unit. */
export interface Figure {
  readonly value: number;
  /** The quartiles of the samples. */
  readonly spread?: readonly [number, number];
  readonly facts?: Readonly<Record<string, number | string>>;
}

/** What was measured of a row. */
export interface Result {
  readonly id: string;
  readonly figures: Partial<Record<ContenderName, Figure>>;
  /** What contenders wrote that failed. */
  readonly failures: Partial<Record<ContenderName, string>>;
  /** The machine's limit, in its own unit. */
  readonly limit?: number;
}

/** On what, and when. */
export interface Machine {
  readonly date: string;
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly os: string;
  readonly deno: string;
  readonly v8: string;
  readonly load: number;
  readonly jax: string | null;
}

/** Describes this machine. */
export function machine(python: string | null): Machine {
  const read = (command: string, args: string[]): string => {
    try {
      const { stdout } = new Deno.Command(command, { args, stderr: "null" }).outputSync();
      return new TextDecoder().decode(stdout).trim();
    } catch {
      return "";
    }
  };
  let cpu = "unknown";
  try {
    cpu = Deno.readTextFileSync("/proc/cpuinfo").match(/model name\s*:\s*(.*)/)?.[1] ?? cpu;
  } catch {
    cpu = read("sysctl", ["-n", "machdep.cpu.brand_string"]) || cpu;
  }
  return {
    date: new Date().toISOString().slice(0, 19),
    commit: read("git", ["rev-parse", "--short", "HEAD"]),
    cpu,
    cores: navigator.hardwareConcurrency,
    os: `${Deno.build.os} ${Deno.build.arch}`,
    deno: Deno.version.deno,
    v8: Deno.version.v8,
    load: Deno.loadavg()[0],
    jax: python &&
      read(python, [
        "-c",
        "import jax, equinox; print(f'jax {jax.__version__}, equinox {equinox.__version__}')",
      ]),
  };
}

/** How contenders are named in the tables. */
export const titles: Record<ContenderName, string> = {
  "vernal": "Vernal",
  "vernal-threads": "2 threads",
  "jax-js": "jax-js",
  "tfjs-wasm": "tfjs wasm",
  "ort-web": "ort-web",
  "ort-web-threads": "ort-web, 2 threads",
  "JAX": "JAX, native",
  "numpy": "numpy, native",
  "vernal-webgpu": "Vernal",
  "jax-js-webgpu": "jax-js",
  "tfjs-webgpu": "tfjs",
};

/** Three digits, no exponent where none is needed. */
export function digits(x: number): string {
  if (x === 0 || !Number.isFinite(x)) return String(x);
  const size = Math.floor(Math.log10(Math.abs(x)));
  return size >= 2 ? x.toFixed(0) : x.toFixed(Math.min(6, 2 - size));
}

/** The limit in the row's unit: a time where the row is a time. */
function limitInUnit(row: Row, limit: number): number {
  return isRate(row.unit) ? limit : row.amount / (limit * 1e9) * 1e3;
}

/** How near the figure is to the limit, as a share of what is possible. */
export function shareOfLimit(row: Row, value: number, limit: number): number {
  const best = limitInUnit(row, limit);
  return isRate(row.unit) ? value / best : best / value;
}

/** Whether the row's aim is reached; null where it was not measured, or another row of `all` on which it depends. */
export function reached(row: Row, result: Result, all: readonly Result[]): boolean | null {
  const ours = result.figures.vernal?.value;
  if (ours === undefined) return null;
  if ("shareOfLimit" in row.reach) {
    return result.limit === undefined
      ? null
      : shareOfLimit(row, ours, result.limit) >= row.reach.shareOfLimit;
  }
  if ("atMost" in row.reach) return ours <= row.reach.atMost;
  if ("ofRow" in row.reach) {
    const { times, ofRow } = row.reach;
    const one = all.find((r) => r.id === ofRow)?.figures.vernal?.value;
    return one === undefined ? null : ours <= times * one;
  }
  if ("fasterThan" in row.reach) return null;
  const other = result.figures[row.reach.notOver as ContenderName]?.value;
  return other === undefined ? null : ours <= (row.reach.times ?? 1) * other;
}

function aim(row: Row): string {
  if ("shareOfLimit" in row.reach) return `≥ ${row.reach.shareOfLimit.toFixed(2)} of the limit`;
  if ("atMost" in row.reach) return `≤ ${row.reach.atMost} ${row.unit}`;
  if ("ofRow" in row.reach) {
    const { times, ofRow } = row.reach;
    return `≤ ${times} × ${rows.find((r) => r.id === ofRow)!.title}`;
  }
  if ("fasterThan" in row.reach) return `faster than ${row.reach.fasterThan}`;
  const { notOver, times } = row.reach;
  return times === undefined ? `≤ ${notOver}'s` : `≤ ${times} × ${notOver}'s`;
}

/** A table in Markdown, numbers to the right. */
export function tableOf(header: string[], lines: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map((_, i) => i === 0 ? "---" : "---:")), ...lines.map(line)]
    .join("\n");
}

/** The lines of a table of errors: of the rows in which one was measured. */
export function errorLines(
  results: readonly Result[],
  present: readonly ContenderName[],
  titleOf: (id: string) => string,
): string[][] {
  const errorOf = (result: Result, name: ContenderName) => result.figures[name]?.facts?.error;
  return results
    .filter((r) => present.some((name) => typeof errorOf(r, name) === "number"))
    .map((r) => [
      titleOf(r.id),
      ...present.map((name) => {
        const error = errorOf(r, name);
        return typeof error === "number" ? error.toExponential(1) : "–";
      }),
    ]);
}

/** The page's part of the processor. */
export function toMarkdown(results: readonly Result[], about: Machine, rounds: number): string {
  const rowOf = (result: Result): Row => rows.find((row) => row.id === result.id)!;
  const present = contenders.filter((name) => results.some((r) => r.figures[name] !== undefined));
  const peers = present.filter((name) => name !== "vernal");

  const main = results.map((result) => {
    const row = rowOf(result);
    const ours = result.figures.vernal;
    const limit = result.limit;
    return [
      row.title,
      row.unit,
      limit === undefined ? "" : digits(limitInUnit(row, limit)),
      ours === undefined ? "–" : `**${digits(ours.value)}**`,
      ours === undefined || limit === undefined
        ? ""
        : shareOfLimit(row, ours.value, limit).toFixed(2),
      aim(row),
      { true: "yes", false: "no", null: "" }[String(reached(row, result, results))]!,
      ...peers.map((name) => {
        const figure = result.figures[name];
        return figure === undefined ? "–" : digits(figure.value);
      }),
    ];
  });

  const errors = errorLines(results, present, (id) => rows.find((row) => row.id === id)!.title);

  const first = results.find((r) => r.id === "train_first");
  const stages = first === undefined
    ? []
    : present.flatMap((name) =>
      Object.entries(first.figures[name]?.facts ?? {})
        .filter(([key, value]) => key.endsWith("Ms") && typeof value === "number")
        .map(([key, value]) => [titles[name], key.slice(0, -2), (value as number).toFixed(1)])
    );

  const used = [...new Set(results.flatMap((r) => r.limit === undefined ? [] : rowOf(r).limit!))];
  const failures = results.flatMap((r) =>
    Object.entries(r.failures).map(([name, text]) =>
      `- ${rowOf(r).title}, ${titles[name as ContenderName]}: ${text.split("\n")[0]}`
    )
  );

  return [
    "# Benchmarks",
    "",
    "Written by `deno task bench`; not to be edited by hand. One thread, where the column does not say two. Every figure is the median of at",
    "least 7 samples after 1.5 s of warming, in a process of its own; ours and the machine's limit are",
    `measured in turns, ${
      rounds === 1 ? "once" : `${rounds} times`
    } each. A limit is what a bare WebAssembly loop reaches in the same run:`,
    ...used.map((name) => `${limits[name].title};`),
    "it bounds everything that runs on WebAssembly, and native JAX and numpy, which have wider vectors, go beyond it.",
    "",
    `${about.cpu}, ${about.cores} cores, ${about.os}; Deno ${about.deno}, V8 ${about.v8}` +
    `${about.jax === null ? "" : `; ${about.jax}`}; ${about.date.slice(0, 10)}, commit ` +
    `${about.commit}; load average at the end ${about.load.toFixed(2)}.`,
    "",
    tableOf(
      [
        "work",
        "unit",
        "limit",
        "Vernal",
        "of limit",
        "to reach",
        "reached",
        ...peers.map((n) => titles[n]),
      ],
      main,
    ),
    "",
    ...(errors.length === 0 ? [] : [
      "## Errors",
      "",
      "The largest error found against arithmetic in double precision: of products and sums relative to the",
      "size of their terms, of gradients relative to the largest, of the rest absolute.",
      "",
      tableOf(["work", ...present.map((n) => titles[n])], errors),
      "",
    ]),
    ...(stages.length === 0 ? [] : [
      "## Where a first call's time goes",
      "",
      "Milliseconds, of the training step in a fresh process. The stages between making the inputs and the",
      "second call are the first call's. Vernal's compiler begins to load, in the background, with the first",
      "`filterJit`: a call that comes before it is there waits for it. What a user waits for altogether is the",
      "last line of each.",
      "",
      tableOf(["contender", "stage", "ms"], stages),
      "",
    ]),
    ...(failures.length === 0 ? [] : ["## Failed", "", ...failures, ""]),
  ].join("\n");
}
