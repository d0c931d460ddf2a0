/**
 * A plan as text: the steps that devices take, in their order.
 *
 * @module
 */
import { disassemble } from "../../backends/wasm/compiler.ts";
import type { CompileOptions, LoweredText } from "../../control/jit_call.ts";
import type { SpmdProgram } from "../../core/spmd.ts";
import { printProgram } from "../../loopnest/print.ts";
import { assembleStep, scheduleStep, type Step } from "./code.ts";
import { takenOverBy } from "./compile.ts";
import type { Node } from "./nodes.ts";
import { planSpmd } from "./plan.ts";
import { NotByDevices } from "./variance.ts";

/** The steps of a program for several devices; `null` where devices cannot run it by themselves. */
export function stepsText(
  program: SpmdProgram,
  { name, donated }: CompileOptions,
): Pick<LoweredText, "nests" | "wat"> | null {
  try {
    const { nodes } = planSpmd(program, name, takenOverBy(program, donated));
    return {
      nests: () => textOf(nodes, (step) => printProgram(scheduleStep(step).program)),
      wat: () =>
        textOf(nodes, (step) => disassemble(assembleStep(scheduleStep(step), step.units).bytes)),
    };
  } catch (error) {
    if (error instanceof NotByDevices) return null;
    throw error;
  }
}

function textOf(nodes: readonly Node[], show: (step: Step) => string): string {
  return nodes.map((node) => nodeText(node, show)).join("\n");
}

function nodeText(node: Node, show: (step: Step) => string): string {
  const block = (head: string, inner: readonly Node[]): string =>
    `;; ${head} {\n${textOf(inner, show)}\n;; }`;
  switch (node.kind) {
    case "run":
      return `;; ${node.units === 1 ? "once" : `for each of ${node.units}`}\n${show(node.step)}`;
    case "copy":
      return `;; copy ${node.bytes} bytes for each of ${node.devices.length}`;
    case "scan":
      return block(`${node.length} times`, node.body);
    case "while":
      return `${block("while", node.condition)}\n${block("do", node.body)}`;
    case "cond":
      return node.branches.map((branch, i) => block(`branch ${i}`, branch)).join("\n");
    default: {
      const never: never = node;
      return never;
    }
  }
}
