/**
 * What a program does, in numbers: for each of its steps how often it runs, and what one run reads, writes and computes. What
 * that costs is for each device to say.
 *
 * @module
 */
import { type DType, dtypeInfo } from "../core/dtype.ts";
import { attentionFlops } from "../loopnest/attention_plan.ts";
import { convFlops } from "../loopnest/conv_plan.ts";
import { type Expr, forEachOperand } from "../loopnest/expr.ts";
import {
  type BufferDecl,
  type Control,
  innerPrograms,
  type KernelCall,
  type Nest,
  type Program,
  type Step,
  type Stmt,
} from "../loopnest/ir.ts";
import { opCost } from "./cost.ts";

/** What one step does. */
export interface StepWork {
  /** How often it runs. */
  readonly runs: number;
  /** Bytes that a run reads and writes, each once. */
  readonly bytes: number;
  /** Scalar operations of a run, in floating multiplications. */
  readonly ops: number;
  /** Multiplications and additions of a run, in products of matrices and convolutions. */
  readonly flops: number;
}

/** A buffer of a program. */
export interface LargestBuffer {
  readonly bytes: number;
  /** Where it is an input or output, which. */
  readonly role: "input" | "output" | "temp";
  readonly position: number;
}

/** What a program does. */
export interface ProgramWork {
  readonly steps: readonly StepWork[];
  /** How often the host must look at what was computed before it knows how to go on, where it does not itself compute. */
  readonly waits: number;
  /** Whether functions of the host are called. */
  readonly callsHost: boolean;
  /** The buffer that takes the most bytes, where none takes fewer than a word for an element. */
  readonly largest: LargestBuffer | null;
  /** Every dtype that something is stored or computed in. */
  readonly dtypes: ReadonlySet<DType>;
}

/** Turns that a loop is taken to make, where only its run will tell. */
const UNKNOWN_TURNS = 32;

/** What a program does. */
export function workOf(program: Program): ProgramWork {
  const tally = new Tally();
  tally.add(program, 1);
  return tally;
}

class Tally implements ProgramWork {
  readonly steps: StepWork[] = [];
  readonly dtypes = new Set<DType>();
  largest: LargestBuffer | null = null;
  waits = 0;
  callsHost = false;

  add(program: Program, runs: number, isInner = false): void {
    for (const { dtype, size, role, position } of program.buffers) {
      this.dtypes.add(dtype);
      const bytes = size * Math.max(4, dtypeInfo(dtype).bytes);
      if (bytes <= (this.largest?.bytes ?? 0)) continue;
      this.largest = { bytes, role: isInner ? "temp" : role, position };
    }
    for (const step of program.steps) {
      if (step.kind === "control") this.#addControl(step, runs);
      else {
        const work = stepWork(step, program.buffers, this.dtypes);
        this.steps.push({ runs, ...work });
      }
    }
  }

  #addControl({ control }: Control, runs: number): void {
    const turns = control.kind === "scan"
      ? control.length
      : control.kind === "while"
      ? UNKNOWN_TURNS
      : 1;
    // Of branches all count: which one is taken nobody knows.
    for (const inner of innerPrograms(control)) this.add(inner, runs * turns, true);
    if (control.kind === "callback") this.callsHost = true;
    if (control.kind === "while") this.waits += runs * Math.ceil(Math.log2(UNKNOWN_TURNS));
  }
}

type OneRun = Omit<StepWork, "runs">;

function stepWork(
  step: Exclude<Step, Control>,
  buffers: readonly BufferDecl[],
  dtypes: Set<DType>,
): OneRun {
  const bytesOf = (id: number): number => buffers[id].size * dtypeInfo(buffers[id].dtype).bytes;
  switch (step.kind) {
    case "nest":
      return nestWork(step, bytesOf, dtypes);
    case "dot": {
      const { batch, m, n, k, dtype } = step;
      const { bytes } = dtypeInfo(dtype);
      const elements = batch * (m * k + k * n + m * n);
      return { bytes: elements * bytes, ops: 0, flops: 2 * batch * m * n * k };
    }
    case "copy":
      return { bytes: 2 * bytesOf(step.from), ops: 0, flops: 0 };
    case "kernel":
      return kernelWork(step, buffers, bytesOf);
    default: {
      const never: never = step;
      return never;
    }
  }
}

/** Operations per element and doubling of a row, in a sort. */
const SORT_OPS = 8;
/** Operations per element and doubling of a row, in a Fourier transform. */
const FOURIER_OPS = 1;
/** Operations per element, in running sums and their like. */
const RUNNING_OPS = 2;

function kernelWork(
  { name, args }: KernelCall,
  buffers: readonly BufferDecl[],
  bytesOf: (id: number) => number,
): OneRun {
  let bytes = 0;
  let elements = 0;
  for (const arg of args) {
    if (arg.kind !== "buffer") continue;
    bytes += bytesOf(arg.buffer);
    elements = Math.max(elements, buffers[arg.buffer].size);
  }
  const [first, second] = args;
  if (name.startsWith("conv_") && first.kind === "list") {
    return { bytes, ops: 0, flops: convFlops(first.values) };
  }
  if (name.startsWith("attention") && first.kind === "list") {
    // The gradients take five products instead of two.
    const times = name.startsWith("attentiongrad_") ? 2.5 : 1;
    return { bytes, ops: 0, flops: times * attentionFlops(first.values) };
  }
  if (/^(arg)?sort_/.test(name) && first.kind === "number" && second.kind === "number") {
    const depth = Math.log2(Math.max(2, second.value));
    return { bytes, ops: first.value * second.value * depth * SORT_OPS, flops: 0 };
  }
  if (name.startsWith("fft_") && second.kind === "number") {
    const doublings = Math.log2(Math.max(2, second.value));
    return { bytes, ops: elements * doublings * FOURIER_OPS, flops: 0 };
  }
  return { bytes, ops: elements * RUNNING_OPS, flops: 0 };
}

/** Goes through a nest's loops once, each body counted as often as it runs. */
function nestWork(
  { body }: Nest,
  bytesOf: (id: number) => number,
  dtypes: Set<DType>,
): OneRun {
  let ops = 0;
  const touched = new Map<number, number>();
  const touch = (buffer: number, bytes: number): void => {
    touched.set(buffer, (touched.get(buffer) ?? 0) + bytes);
  };
  const visit = (statements: readonly Stmt[], runs: number): void => {
    // What an expression shares with another of the same body is computed once.
    const seen = new Set<number>();
    const walk = (expr: Expr): void => {
      if (seen.has(expr.id)) return;
      seen.add(expr.id);
      dtypes.add(expr.dtype);
      if (expr.kind === "load") {
        // Places are computed beside, as the loops go on.
        touch(expr.buffer, runs * dtypeInfo(expr.dtype).bytes);
        ops += runs;
        return;
      }
      ops += runs *
        opCost(expr.kind, expr.kind === "unary" || expr.kind === "binary" ? expr.op : "");
      forEachOperand(expr, walk);
    };
    for (const stmt of statements) {
      switch (stmt.kind) {
        case "for":
          visit(stmt.body, runs * stmt.extent);
          break;
        case "let":
          walk(stmt.value);
          break;
        case "store":
          walk(stmt.value);
          if (stmt.guard !== undefined) walk(stmt.guard);
          touch(stmt.buffer, runs * dtypeInfo(stmt.value.dtype).bytes);
          break;
        case "accumulate":
        case "argAccumulate":
          walk(stmt.value);
          ops += runs;
          break;
        case "accumulator":
        case "argAccumulator":
          break;
        default: {
          const never: never = stmt;
          return never;
        }
      }
    }
  };
  visit(body, 1);
  let bytes = 0;
  // What is read again was read a moment ago, and is in a cache.
  for (const [buffer, all] of touched) bytes += Math.min(all, bytesOf(buffer));
  return { bytes, ops, flops: 0 };
}
