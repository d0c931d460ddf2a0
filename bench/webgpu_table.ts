/**
 * The results on WebGPU as a section of Markdown, and the adapter that they were measured on.
 *
 * @module
 */
import type { CardReport } from "./card.ts";
import { type ContenderName, webgpuContenders } from "./processes.ts";
import { isRate } from "./rows.ts";
import {
  digits,
  errorLines,
  type Figure,
  type Machine,
  type Result,
  tableOf,
  titles,
} from "./table.ts";
import { webgpuRows } from "./webgpu_rows.ts";

/** An adapter of WebGPU. */
export interface Adapter {
  readonly name: string;
  /** Whether it computes on the processor. */
  readonly isSoftware: boolean;
}

/** The machine's adapter; null where there is none. */
export async function findAdapter(): Promise<Adapter | null> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) return null;
  const { description, vendor, isFallbackAdapter } = adapter.info;
  const name = description || vendor;
  return { name, isSoftware: isFallbackAdapter || /llvmpipe|swiftshader|warp/i.test(name) };
}

/** The error beyond which a figure does not count. */
const wrong = 1e-3;

/** Whether what was measured gave the right result, as far as that was checked. */
function isRight(figure: Figure): boolean {
  const error = figure.facts?.error;
  return typeof error !== "number" || error <= wrong;
}

/** How many times faster ours is than the fastest of the others; null where either was not measured. */
export function lead(result: Result): number | null {
  const row = webgpuRows.find((r) => r.id === result.id)!;
  const sign = isRate(row.unit) ? 1 : -1;
  const speed = (name: ContenderName): number | undefined => {
    const figure = result.figures[name];
    return figure === undefined || !isRight(figure) ? undefined : figure.value ** sign;
  };
  const ours = speed("vernal-webgpu");
  const others = webgpuContenders.filter((name) => name !== "vernal-webgpu")
    .flatMap((name) => speed(name) ?? []);
  return ours === undefined || others.length === 0 ? null : ours / Math.max(...others);
}

/** How near ours comes to what a card allows. */
export function cardLines(card: CardReport): string[][] {
  const line = (
    work: string,
    of: string,
    value: number,
    limit: number,
    unit: string,
    aim: string,
  ) => [
    work,
    of,
    `${digits(limit)} ${unit}`,
    `${digits(value)} ${unit}`,
    (value / limit).toFixed(2),
    aim,
  ];
  return [
    line(
      "f32 matmul, n = 4096",
      "multiply-adds in registers",
      card.matmul,
      card.peak,
      "GFLOP/s",
      "≥ 0.60",
    ),
    line("x · 2 + 1, 2²⁴", "a kernel that copies", card.elementwise, card.copy, "GB/s", "≥ 0.85"),
    ...(card.step === null ? [] : [
      line(
        "the MLP's step",
        `its ${card.step.count} kernels added up, by timestamps`,
        card.step.whole,
        card.step.kernels,
        "ms",
        "≤ 1.20",
      ),
    ]),
  ];
}

/** The section.
 *
 * @param rounds How often each was measured.
 * @param card How near ours comes to what the card allows; `null` on an adapter in software, a text where it failed.
 */
export function webgpuMarkdown(
  results: readonly Result[],
  adapter: Adapter,
  card: CardReport | string | null,
  about: Machine,
  rounds: number,
): string {
  const present = webgpuContenders.filter((name) =>
    results.some((r) => r.figures[name] !== undefined)
  );
  const titleOf = (id: string): string => webgpuRows.find((row) => row.id === id)!.title;
  const lines = results.map((result) => {
    const row = webgpuRows.find((r) => r.id === result.id)!;
    const ahead = lead(result);
    return [
      row.title,
      row.unit,
      ...present.map((name) => {
        const figure = result.figures[name];
        if (figure === undefined) return "–";
        if (!isRight(figure)) return "wrong";
        return name === "vernal-webgpu" ? `**${digits(figure.value)}**` : digits(figure.value);
      }),
      ahead === null ? "" : ahead.toFixed(2),
      ahead === null ? "" : ahead > 1 ? "yes" : "no",
    ];
  });
  const losses = results.find((r) => r.id === "webgpu_train")?.figures ?? {};
  const third = present.flatMap((name) => {
    const loss = losses[name]?.facts?.thirdLoss;
    return typeof loss === "number" ? [`${titles[name]} ${loss.toFixed(6)}`] : [];
  });
  const errors = errorLines(results, present, titleOf);
  const failures = results.flatMap((r) =>
    Object.entries(r.failures).map(([name, text]) =>
      `- ${titleOf(r.id)}, ${titles[name as ContenderName]}: ${text.split("\n")[0]}`
    )
  );
  if (typeof card === "string") {
    failures.push(`- beside what the card allows: ${card.split("\n")[0]}`);
  }
  return [
    "## WebGPU",
    "",
    `On ${adapter.name}${
      adapter.isSoftware
        ? ", an adapter in software: the figures say how the contenders compare there, and nothing about a graphics card"
        : ""
    }. Inputs are on the device; a figure is the median of at least 7 samples, each of several calls and one`,
    "wait for all of them, in a process of its own; the contenders are measured in turns, " +
    `${rounds === 1 ? "once" : `${rounds} times`} each.`,
    "_Lead_ is how many times faster Vernal is than the fastest of the others. tfjs computes eagerly, without",
    `a compiler. What is off by more than ${wrong} is _wrong_ and does not count.`,
    "",
    `Deno ${about.deno}; ${
      about.date.slice(0, 10)
    }, commit ${about.commit}; load average at the end ${
      about.load.toFixed(2)
    } on ${about.cores} cores.`,
    "",
    tableOf(["work", "unit", ...present.map((n) => titles[n]), "lead", "faster than both"], lines),
    "",
    ...(card === null || typeof card === "string" ? [] : [
      "### Beside what the card allows",
      "",
      tableOf(["work", "beside", "that", "Vernal", "ratio", "to reach"], cardLines(card)),
      "",
    ]),
    ...(errors.length === 0 ? [] : [
      "### Errors on WebGPU",
      "",
      "As above; of attention and the encoder's block absolute." +
      (third.length === 0 ? "" : ` The loss of the MLP's third step: ${third.join(", ")}.`),
      "",
      tableOf(["work", ...present.map((n) => titles[n])], errors),
      "",
    ]),
    ...(failures.length === 0 ? [] : ["### Failed on WebGPU", "", ...failures, ""]),
  ].join("\n");
}
