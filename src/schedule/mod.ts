/**
 * From a jaxpr to a program of loop nests.
 *
 * The stages, each in a file of its own: `simplify.ts` rewrites the jaxpr; `graph.ts` asks each equation's lowering rule
 * what it computes; `fuse.ts` decides what becomes memory and which nest computes what; `order.ts` puts the
 * steps in order; `nest.ts` works out each nest's passes; `buffers.ts` finds places for values; `emit.ts` writes the nests down.
 *
 * @module
 */
import { CompileError, InternalError } from "../errors.ts";
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import type { HostCallback } from "../core/lowering.ts";
import type { KernelArg, Program, Step } from "../loopnest/ir.ts";
import {
  type BufferPlan,
  type Donation,
  planBuffers,
  type PlanControl,
  type PlannedStep,
} from "./buffers.ts";
import { scheduleControl, type ScheduleInner } from "./control.ts";
import { type Thresholds, usualThresholds } from "./cost.ts";
import { emitNest } from "./emit.ts";
import { fuse } from "./fuse.ts";
import { Graph, type Value } from "./graph.ts";
import { nestTerms } from "./nest.ts";
import type { DotNode, KernelNode } from "./nodes.ts";
import { orderSteps } from "./order.ts";
import { simplify } from "./simplify.ts";

/** What {@linkcode schedule} is told. */
export interface ScheduleOptions {
  /** The function's name, for people. */
  readonly name: string;
  /** Which inputs (captured constants first) may be overwritten, or by which output; none unless given. */
  readonly donated?: readonly Donation[];
  /** Whether to fuse; `false` makes each equation a step of its own, for comparison. */
  readonly fuse?: boolean;
  /** Other thresholds than the usual ones: for tests, since every choice computes the same. */
  readonly thresholds?: Partial<Thresholds>;
  /** Whether the program does without kernels that only the processor has; false unless told. */
  readonly isPortable?: boolean;
  /** Gets the host's functions that the program calls, which knows them by their places here. */
  readonly callbacks?: HostCallback[];
  /** Runs each stage; may take the time. */
  readonly stage?: StageRunner;
}

/** Runs a named stage and hands on what it gives. */
export type StageRunner = <T>(name: string, run: () => T) => T;

const runStage: StageRunner = (_name, run) => run();

/**
 * Schedules a jaxpr. The program's inputs are the captured constants, then the arguments; its outputs
 * are the jaxpr's, in order.
 *
 * @throws {CompileError} Where an operation has no compiled form.
 */
export function schedule(closed: ClosedJaxpr, options: ScheduleOptions): Program {
  return scheduleSimplified(simplify(closed, options.isPortable), options);
}

/** Schedules a jaxpr that is simplified already. */
export function scheduleSimplified(closed: ClosedJaxpr, options: ScheduleOptions): Program {
  const stage = options.stage ?? runStage;
  const limits = { ...usualThresholds, ...options.thresholds };
  const graph = stage("lower", () => new Graph(closed, limits));
  checkSizes(graph);
  const { nodes, outputs } = stage("fuse", () => fuse(graph, { fuse: options.fuse ?? true }));
  const order = stage("order", () => orderSteps(nodes));
  const steps = stage("nests", () =>
    order.map((node): PlannedStep => ({
      node,
      nest: node.kind === "nest" ? nestTerms(graph, node) : null,
    })));
  const callbacks = options.callbacks ?? [];
  const { fuse: isFused = true, isPortable = false } = options;
  const inherited = { fuse: isFused, isPortable, thresholds: limits, callbacks };
  const inner: ScheduleInner = (closed, name, donated) =>
    schedule(closed, { ...inherited, name, donated });
  const planControl: PlanControl = ({ call }, dying) =>
    scheduleControl(call.control!, call.name, inner, dying, callbacks);
  const plan = stage(
    "buffers",
    () => planBuffers(graph, steps, outputs, options.donated ?? [], planControl),
  );
  return {
    name: options.name,
    buffers: plan.buffers,
    steps: stage(
      "emit",
      () =>
        steps
          .filter(({ node }) => node.kind !== "barrier" && !plan.needless.has(node))
          .map((s) => emitStep(s, plan, limits)),
    ),
    scratchBytes: plan.scratchBytes,
  };
}

/** The donated inputs, by position, whose memory no output of a program took over. */
export function unusedDonations(program: Program, donated: readonly Donation[]): number[] {
  const taken = new Set(program.buffers.map((b) => b.donor));
  return donated.flatMap((given, k) => given !== false && !taken.has(k) ? [k] : []);
}

function checkSizes(graph: Graph): void {
  for (const v of graph.values) {
    if (v.size >= 2 ** 31) {
      throw new CompileError(
        `${v.name}: an array of shape [${v.shape.join(", ")}] has ${v.size} elements; at most ${
          2 ** 31 - 1
        } can be addressed`,
      );
    }
  }
}

function emitStep({ node, nest }: PlannedStep, plan: BufferPlan, limits: Thresholds): Step {
  const { bufferOf } = plan;
  switch (node.kind) {
    case "nest":
      return emitNest(nest!, bufferOf, limits);
    case "copy":
      return { kind: "copy", from: bufferOf(node.from), to: bufferOf(node.to) };
    case "dot":
      return emitDot(node, bufferOf);
    case "kernel":
      return emitKernel(node, plan);
    case "barrier":
      throw new InternalError("schedule: a barrier is no step");
    default: {
      const never: never = node;
      return never;
    }
  }
}

function emitDot(node: DotNode, bufferOf: (v: Value) => number): Step {
  const { out, lhs, rhs, sizes } = node;
  return {
    kind: "dot",
    name: out.name,
    dtype: out.aval.dtype,
    ...sizes,
    lhs: {
      buffer: bufferOf(lhs.value),
      offset: lhs.offset,
      batchStride: lhs.batchStride,
      rowStride: lhs.freeStride,
      colStride: lhs.contractStride,
    },
    rhs: {
      buffer: bufferOf(rhs.value),
      offset: rhs.offset,
      batchStride: rhs.batchStride,
      rowStride: rhs.contractStride,
      colStride: rhs.freeStride,
    },
    out: bufferOf(out),
  };
}

function emitKernel(node: KernelNode, { bufferOf, controls }: BufferPlan): Step {
  const { name } = node.call;
  const control = controls.get(node);
  if (control !== undefined) {
    return {
      kind: "control",
      name,
      control,
      operands: node.operands.map((v) => bufferOf(v.root)),
      results: node.results.map(bufferOf),
    };
  }
  let scratch = 0;
  const args = node.call.args.map((arg): KernelArg => {
    switch (arg.kind) {
      case "number":
      case "list":
        return arg;
      case "operand":
        return { kind: "buffer", buffer: bufferOf(node.operands[arg.operand].root) };
      case "result":
        return { kind: "buffer", buffer: bufferOf(node.results[arg.result]) };
      case "scratch":
        return { kind: "buffer", buffer: bufferOf(node.scratch[scratch++]) };
      default: {
        const never: never = arg;
        return never;
      }
    }
  });
  return { kind: "kernel", name, args };
}
