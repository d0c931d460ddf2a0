/**
 * `VERNAL_DEBUG`: what is compiled, and why, as lines on standard error.
 *
 * @module
 */
import { environmentVariable } from "../core/environment.ts";
import { type Span, watchSpans } from "../core/spans.ts";
import { ArgumentError } from "../errors.ts";

const variable = "VERNAL_DEBUG";

/** The texts that each level adds, with what they are called. */
const textsOf: readonly (readonly [level: number, name: string, title: string])[] = [
  [3, "jaxpr", "the simplified jaxpr"],
  [3, "nests", "the loop nests"],
  [4, "wat", "the module"],
  [4, "wgsl", "the shaders"],
];

let isRead = false;

/** Begins to write what `VERNAL_DEBUG` asks for, the first time it is called. */
export function logCompilations(): void {
  if (isRead) return;
  isRead = true;
  const text = environmentVariable(variable);
  if (text === undefined || text === "0") return;
  if (!/^[1-4]$/.test(text)) {
    throw new ArgumentError(
      `${variable}: expected 1 (a line for each compilation), 2 (its stages too), 3 (jaxprs and loop nests too), ` +
        `4 (WebAssembly and shaders too), or 0; got ${JSON.stringify(text)}`,
    );
  }
  watchSpans(compilationLog(Number(text), (line) => console.error(line)));
}

/** What writes about compilations. */
export function compilationLog(level: number, write: (text: string) => void): (span: Span) => void {
  /** What has ended since the last compilation did. */
  let stages: Span[] = [];
  let isWriting = false;
  return (span) => {
    // A text may be of something that is made for it.
    if (isWriting) return;
    if (span.kind === "measure") return write(choiceText(span));
    if (span.kind !== "compile") {
      if (isStage(span)) stages.push(span);
      return;
    }
    isWriting = true;
    try {
      write(headline(span, stages.findLast(({ kind }) => kind === "trace")));
      if (level >= 2) { for (const stage of stages) write(`  ${stageText(stage)}`); }
      for (const [from, name, title] of textsOf) {
        const text = span.texts?.[name];
        if (level >= from && text !== undefined) write(`${title} of ${span.name}:\n${text()}`);
      }
    } finally {
      isWriting = false;
      stages = [];
    }
  };
}

/** Whether a span is part of what leads to a program. */
function isStage({ kind }: Span): boolean {
  return kind !== "call" && kind !== "run" && kind !== "operation" && kind !== "kernel" &&
    kind !== "transfer" && kind !== "readback";
}

function headline({ name, milliseconds, details = {} }: Span, trace: Span | undefined): string {
  const { why, from = "nowhere: it failed" } = details;
  const parts = [
    `vernal: ${name}: compiled in ${format(milliseconds)}`,
    ...(trace === undefined ? [] : [`traced in ${format(trace.milliseconds)}`]),
    ...(why === undefined ? [] : [String(why)]),
    from === "compiler" ? "by the compiler" : `from ${from}`,
  ];
  return parts.join("; ");
}

function choiceText({ name, details = {} }: Span): string {
  const { nest, second, taken, failed } = details;
  if (failed !== undefined) {
    return `vernal: ${name}: not measured: the second choice for nest ${nest} cannot be had: ${failed}`;
  }
  return `vernal: ${name}: measured: in nest ${nest} the second choice takes ${second} times as long; ${taken} is taken`;
}

function stageText({ kind, name, milliseconds }: Span): string {
  return `${format(milliseconds).padStart(10)}  ${kind} ${name}`;
}

function format(milliseconds: number): string {
  return `${milliseconds.toFixed(milliseconds < 10 ? 2 : 1)} ms`;
}
