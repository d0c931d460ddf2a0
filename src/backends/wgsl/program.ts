/**
 * Programs for a WebGPU device: the same steps as the loop-nest program's, each as dispatches of compute shaders.
 *
 * Plain data, but for inner programs of control flow it is a list; the device's side (`runtime/webgpu/`) binds buffers to it and
 * submits it.
 *
 * @module
 */
import { type DType, dtypeInfo } from "../../core/dtype.ts";
import {
  innerPrograms,
  type KernelCall,
  type Nest,
  type Program,
  type ScheduledControl,
} from "../../loopnest/ir.ts";
import { factorisations } from "../../loopnest/factorisations.ts";
import { findKernel, type KernelParam } from "../../loopnest/kernels.ts";
import { type ConvPart, convParts } from "./conv.ts";
import { type Consumer, finishingOf } from "./finish.ts";
import { kernelRuns } from "./kernels.ts";
import { type Kernel, nestKernel } from "./nest.ts";
import { packed } from "./pack.ts";
import { canFinish, productParts } from "./product_parts.ts";
import { inStretches, unordered } from "./ordered.ts";
import { forEachExpr, forEachStmt } from "./rewrite.ts";
import { spread, type SpreadNest } from "./spread.ts";
import { type AdapterTraits, baselineTraits } from "./traits.ts";
import { deviceBytes } from "./types.ts";
import { viewsOf } from "./views.ts";

/** A buffer of a device's program. */
export interface DeviceBuffer {
  readonly dtype: DType;
  /** In elements. */
  readonly size: number;
  readonly role: "input" | "output" | "temp";
  /** For inputs and outputs: the position among them. */
  readonly position: number;
  /** The buffer whose memory this one is: itself, or the donated input that an output takes over. */
  readonly canonical: number;
}

/** One step of a device's program. */
export type DeviceStep =
  | { readonly kind: "dispatch"; readonly kernel: Kernel; readonly params: readonly number[] }
  | {
    readonly kind: "copy";
    readonly from: number;
    readonly to: number;
    /** In bytes, where it is not all of both. */
    readonly stretch?: { readonly from: number; readonly to: number; readonly bytes: number };
  }
  | {
    readonly kind: "control";
    readonly control: DeviceControl;
    readonly operands: readonly number[];
    readonly results: readonly number[];
  }
  | {
    /** A library kernel that has no shader: the host runs it, and the program waits. */
    readonly kind: "host";
    readonly kernel: HostKernel;
    readonly operands: readonly number[];
    readonly results: readonly number[];
  };

/** Elements of an operand or a result. */
export interface HostElements {
  readonly dtype: DType;
  readonly size: number;
}

/** A library kernel that the host runs, and what it reads and writes, in the order of its arguments. */
export interface HostKernel {
  readonly call: KernelCall;
  /** What the kernel does with each argument. */
  readonly params: readonly KernelParam[];
  readonly ins: readonly HostElements[];
  readonly outs: readonly HostElements[];
  /** Bytes. */
  readonly scratch: number;
}

/** Control flow whose inner programs are a device's. */
export type DeviceControl = ScheduledControl<DeviceProgram>;

/** A program for a device. */
export interface DeviceProgram {
  readonly name: string;
  /** What it was written for. */
  readonly traits: AdapterTraits;
  readonly buffers: readonly DeviceBuffer[];
  readonly steps: readonly DeviceStep[];
  /** For each output, by position, the position of the input whose memory it takes over, or -1. */
  readonly donors: readonly number[];
  /** For each step, the temporaries that nothing uses after it. */
  readonly dying: readonly (readonly number[])[];
  /** Whether the host waits for it on the way: a loop ends when only the device knows, or a function of the host is called. */
  readonly waits: boolean;
}

/** Bytes of elements on a device. */
export function elementBytes(
  { dtype, size }: { dtype: DType; size: number },
  traits: AdapterTraits,
): number {
  return size * deviceBytes(dtype, traits);
}

/** Bytes of a buffer of elements: bindings may not be empty, and the last vector of an array of such is a whole one. */
export function bufferBytes(
  elements: { dtype: DType; size: number },
  traits: AdapterTraits,
): number {
  return Math.max(16, Math.ceil(elementBytes(elements, traits) / 16) * 16);
}

/** Writes a program for a device.
 *
 * @param traits What the device is; by default what all have.
 * @throws {DTypeError} Where a dtype has no counterpart there.
 */
export function deviceProgram(
  program: Program,
  traits: AdapterTraits = baselineTraits,
): DeviceProgram {
  const buffers: DeviceBuffer[] = [];
  const donors = new Map<number, number>();
  for (const buffer of program.buffers) {
    if (buffer.role === "input") donors.set(buffer.position, buffer.id);
  }
  for (const { id, dtype, size, role, position, donor } of program.buffers) {
    const canonical = role === "output" && donor >= 0 ? donors.get(donor)! : id;
    buffers[id] = { dtype, size, role, position, canonical };
  }
  const newBuffer = (dtype: DType, size: number): number => {
    const canonical = buffers.length;
    return buffers.push({ dtype, size, role: "temp", position: -1, canonical }) - 1;
  };
  const context = {
    canonical: (id: number): number => buffers[id].canonical,
    dtypeOf: (id: number): DType => buffers[id].dtype,
    sizeOf: (id: number): number => buffers[id].size,
    traits,
  };
  const users = usersOf(program);
  // Buffers that were made here pass from one nest to the next.
  const isScratch = (id: number): boolean => buffers[id].role === "temp" && users[id] === 1;
  const around = { traits, isScratch, newBuffer, sizeOf: (id: number) => buffers[id] };
  const steps: DeviceStep[] = [];
  let waits = false;
  const addKernel = ({ nest: part, local }: SpreadNest): void => {
    const { nest, ins, outs } = packed(part, local, context, newBuffer);
    for (const { buffer, pack, offset, bytes } of ins) {
      steps.push({ kind: "copy", from: buffer, to: pack, stretch: { from: 0, to: offset, bytes } });
    }
    steps.push({ kind: "dispatch", kernel: nestKernel(nest, context, local), params: [] });
    for (const { buffer, pack, offset, bytes } of outs) {
      steps.push({ kind: "copy", from: pack, to: buffer, stretch: { from: offset, to: 0, bytes } });
    }
  };
  const addNest = (nest: Nest): void => {
    for (const one of unordered(nest, newBuffer, (id) => buffers[id])) {
      spread(one, around).flatMap((part) => inStretches(part, traits)).forEach(addKernel);
    }
  };
  const addParts = (parts: readonly ConvPart[], consumer: Consumer | null): void => {
    for (const given of parts) {
      const made = "nest" in given
        ? [given]
        : productParts(given.product, context, newBuffer, consumer);
      for (const part of made) {
        if ("nest" in part) addNest(part.nest);
        else steps.push({ kind: "dispatch", kernel: part.kernel, params: [] });
      }
    }
  };
  const views = viewsOf(program, context);
  const finishing = finishingOf(program, views, context);
  // Products that wait for the nest that may be their end.
  const waiting = new Map<number, { parts: readonly ConvPart[]; consumer: Consumer }>();
  const addProduct = (p: number, parts: readonly ConvPart[]): void => {
    const found = finishing.get(p);
    if (found === undefined) addParts(parts, null);
    else waiting.set(found.at, { parts, consumer: found.consumer });
  };
  program.steps.forEach((step, p) => {
    if (views.dropped.has(p)) return;
    switch (step.kind) {
      case "nest": {
        const waited = waiting.get(p);
        if (waited !== undefined) {
          const { parts, consumer } = waited;
          const products = parts.flatMap((part) => "product" in part ? [part.product] : []);
          const isEnd = canFinish(products, consumer, context);
          addParts(parts, isEnd ? consumer : null);
          if (isEnd) return;
        }
        return addNest(step);
      }
      case "dot":
        return addProduct(p, [{ product: views.products.get(p)! }]);
      case "kernel":
        if (step.name.startsWith("conv_")) {
          const [, x] = step.args;
          const { dtype } = buffers[x.kind === "buffer" ? x.buffer : -1];
          return addProduct(p, convParts(step, dtype, newBuffer));
        }
        if (runsOnHost(step)) {
          steps.push(hostStep(step, buffers));
          waits = true;
          return;
        }
        for (const run of kernelRuns(step, context, newBuffer)) {
          if ("nest" in run) addNest(run.nest);
          else steps.push({ kind: "dispatch", ...run });
        }
        break;
      case "copy":
        steps.push(step);
        break;
      case "control": {
        const control = deviceControl(step.control, traits);
        waits ||= control.kind === "while" || control.kind === "callback" ||
          innerPrograms(control).some((inner) => inner.waits);
        steps.push({
          kind: "control",
          control,
          operands: step.operands,
          results: step.results,
        });
        break;
      }
      default: {
        const never: never = step;
        return never;
      }
    }
  });
  return {
    name: program.name,
    traits,
    buffers,
    steps,
    donors: donorsOf(program),
    dying: dyingAfter(steps, buffers),
    waits,
  };
}

/** Factorisations go step by step, each shorter than a launch takes. */
function runsOnHost({ name }: KernelCall): boolean {
  return Object.hasOwn(factorisations, name.split("_")[0]);
}

function hostStep(call: KernelCall, buffers: readonly DeviceBuffer[]): DeviceStep {
  const { params } = findKernel(call.name)!;
  const buffersOf = (role: KernelParam) =>
    call.args.flatMap((arg, i) => arg.kind === "buffer" && params[i] === role ? [arg.buffer] : []);
  const [operands, results] = [buffersOf("read"), buffersOf("write")];
  const elements = (id: number) => ({ dtype: buffers[id].dtype, size: buffers[id].size });
  const scratch = buffersOf("scratch").reduce(
    (sum, id) => sum + buffers[id].size * dtypeInfo(buffers[id].dtype).bytes,
    0,
  );
  const kernel = {
    call,
    params,
    ins: operands.map(elements),
    outs: results.map(elements),
    scratch,
  };
  return { kind: "host", kernel, operands, results };
}

function deviceControl(control: ScheduledControl, traits: AdapterTraits): DeviceControl {
  const inner = (program: Program): DeviceProgram => deviceProgram(program, traits);
  switch (control.kind) {
    case "scan":
      return { ...control, body: inner(control.body) };
    case "while":
      return {
        ...control,
        condition: inner(control.condition),
        body: inner(control.body),
      };
    case "cond":
      return { kind: "cond", branches: control.branches.map(inner) };
    case "callback":
      return control;
    default: {
      const never: never = control;
      return never;
    }
  }
}

function donorsOf(program: Program): number[] {
  const donors: number[] = [];
  for (const { role, position, donor } of program.buffers) {
    if (role === "output") donors[position] = donor;
  }
  return donors;
}

/** For each step, the temporaries that nothing uses after it. */
function dyingAfter(steps: readonly DeviceStep[], buffers: readonly DeviceBuffer[]): number[][] {
  const last = new Map<number, number>();
  steps.forEach((step, i) => {
    const used = step.kind === "dispatch"
      ? step.kernel.bindings.map((b) => b.buffer)
      : step.kind === "copy"
      ? [step.from, step.to]
      : [...step.operands, ...step.results];
    for (const id of used) if (buffers[id].role === "temp") last.set(id, i);
  });
  const dying: number[][] = steps.map(() => []);
  for (const [id, i] of last) dying[i].push(id);
  return dying;
}

/** How many steps use each buffer. */
function usersOf(program: Program): number[] {
  const users = program.buffers.map(() => 0);
  for (const step of program.steps) {
    const used = new Set<number>();
    switch (step.kind) {
      case "nest":
        forEachExpr(step.body, (expr) => expr.kind === "load" && used.add(expr.buffer));
        forEachStmt(step.body, (stmt) => stmt.kind === "store" && used.add(stmt.buffer));
        break;
      case "dot":
        [step.lhs.buffer, step.rhs.buffer, step.out].forEach((b) => used.add(b));
        break;
      case "kernel":
        for (const arg of step.args) if (arg.kind === "buffer") used.add(arg.buffer);
        break;
      case "copy":
        [step.from, step.to].forEach((b) => used.add(b));
        break;
      case "control":
        [...step.operands, ...step.results].forEach((b) => used.add(b));
        break;
      default: {
        const never: never = step;
        return never;
      }
    }
    used.forEach((id) => users[id]++);
  }
  return users;
}

/** All shaders of a program as one text, for people. */
export function programText(program: DeviceProgram): string {
  const parts: string[] = [];
  const visit = ({ name, steps }: DeviceProgram): void => {
    for (const step of steps) {
      if (step.kind === "dispatch") {
        const { kernel } = step;
        parts.push(`// ${name}: ${kernel.name}, ${kernel.groups} workgroups\n${kernel.code}`);
      } else if (step.kind === "control") innerPrograms(step.control).forEach(visit);
    }
  };
  visit(program);
  return parts.join("\n");
}
