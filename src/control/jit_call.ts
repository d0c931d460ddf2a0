/**
 * The `jit` primitive: a call of a compiled function. Each transformation transforms the inner jaxpr once per pattern and keeps it,
 * so that a call under `grad` or `vmap` is compiled once too.
 *
 * @module
 */
import { InternalError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { type ClosedJaxpr, hoistConsts } from "../core/jaxpr.ts";
import { type Primitive, UndefinedPrimal, Zero } from "../core/primitive.ts";
import type { DType } from "../core/dtype.ts";
import type { Located } from "../core/placement.ts";
import type { Mesh, Sharding } from "../core/sharding.ts";
import { bind, getEvaluator } from "../core/trace.ts";
import { axisTools } from "../ops/shape.ts";
import { axisToFront } from "../ops/common.ts";
import { jvpJaxpr } from "../transform/jvp.ts";
import { splitJaxpr, transposeJaxpr } from "../transform/linearize.ts";
import { batchJaxpr } from "../transform/vmap.ts";
import type { DeviceChoice } from "../runtime/device_choice.ts";
import { isPresent } from "./common.ts";

/** Parameters of {@linkcode jitP}. */
export interface JitParams {
  readonly name: string;
  /** Without constants. */
  readonly jaxpr: ClosedJaxpr;
}

/** How a program is to be run. */
export interface RunOptions {
  /** What to call the program in messages. */
  readonly name: string;
  /** What to call an input in messages. */
  readonly nameOf: (i: number) => string;
  /** Where to run it: inputs are moved there. Where they are committed to, if `null`. */
  readonly on: Sharding | null;
  /** Whether it must not run elsewhere than on the processor. */
  readonly isCpuOnly: boolean;
}

/** Bytes that a call of a program takes. After XLA's `CompiledMemoryStats`. */
export interface ProgramMemory {
  /** All inputs, captured constants among them. */
  readonly argumentSizeInBytes: number;
  /** All outputs. */
  readonly outputSizeInBytes: number;
  /** Outputs that take over the memory of a donated input, and are counted twice so far. */
  readonly aliasSizeInBytes: number;
  /** The block of intermediate values, in which values that do not live at one time share places. */
  readonly tempSizeInBytes: number;
  /** The module. */
  readonly generatedCodeSizeInBytes: number;
  /** Arguments, outputs and intermediate values together, each byte counted once. */
  readonly peakMemoryInBytes: number;
}

/** What a program does with its inputs, and what a call of it takes. */
export interface ProgramFacts {
  /** For each input, whether it was donated and an output takes over its memory. */
  readonly takenOver: readonly boolean[];
  /** For each input, whether the program reads it at all. */
  readonly used: readonly boolean[];
  /** What a call takes. */
  readonly memory: ProgramMemory;
}

/** A program that runs wherever its inputs are: what it becomes there is compiled when it is first asked for. */
export interface CompiledProgram {
  /** Runs it on concrete arrays. Donated inputs whose memory an output took over are deleted. */
  run(inputs: readonly NDArray[], options?: RunOptions): NDArray[];
  /** What runs on inputs that are there: compiled now, if it was not yet. */
  prepare(inputs: readonly Located[], options: RunOptions): ProgramFacts;
  /** Where the last call ran, and why. */
  explain(options: RunOptions): DeviceChoice;
}

/** How a program is to be compiled. */
export interface CompileOptions {
  readonly name: string;
  /** Which inputs the caller gives up; none unless given. */
  readonly donated?: readonly boolean[];
  /** What to call it, and why it is compiled, where somebody watches. */
  readonly label?: string;
  readonly why?: () => string;
}

/** The stages of a compilation, as text. */
export interface LoweredText {
  /** The simplified jaxpr. */
  simplified(): string;
  /** The scheduled loop nests. */
  nests(): string;
  /** The compiled module, disassembled. */
  wat(): string;
  /** The shaders for a WebGPU device. */
  wgsl(): string;
  /** What it is on the devices of a mesh. */
  partitioned(): Partitioned;
}

/** A collective that a partitioned program runs: data that devices exchange. */
export interface InsertedCollective {
  /** `psum`, `pmax`, `pmin`, `all_gather`, `reduce_scatter`, `all_to_all` or `ppermute`. */
  readonly kind: string;
  /** The mesh axis along which it runs. */
  readonly axis: string;
  /** How many devices that axis has. */
  readonly devices: number;
  /** The operation whose result it moves. */
  readonly of: string;
  /** The shape of one device's operand. */
  readonly shape: readonly number[];
  /** The operand's dtype. */
  readonly dtype: DType;
  /** The bytes of one device's operand. */
  readonly bytes: number;
  /** How often a call runs it; `null` in loops of unknown length. */
  readonly times: number | null;
}

/** What a program becomes on the devices of a mesh. */
export interface Partitioned {
  /** The devices, or `null` where the program runs as one. */
  readonly mesh: Mesh | null;
  /** Why it runs as one; `null` where it does not. */
  readonly reason: string | null;
  /** In the order of the program; those of loops' bodies where the loop is. */
  readonly collectives: readonly InsertedCollective[];
  /** The program that each device runs on its parts. */
  jaxpr(): string;
  /** Mesh, splits of inputs and results, and a line for each collective. */
  toString(): string;
}

/** What compiles jaxprs (without constants). Set by `compile/`. */
export interface JitBackend {
  compile(closed: ClosedJaxpr, options: CompileOptions): CompiledProgram;
  /** What becomes of a program where its inputs are somewhere. */
  lower(
    closed: ClosedJaxpr,
    options: CompileOptions,
    inputs: readonly Located[],
    how: RunOptions,
  ): LoweredText;
  /** Starts loading the compiler, in the background. */
  prepare(): void;
  /** Forgets compiled programs; those in use live on. */
  clear(): void;
}

let backend: JitBackend | null = null;

/** Sets what compiles. */
export function installJitBackend(b: JitBackend): void {
  backend = b;
}

/** What compiles. */
export function jitBackend(): JitBackend {
  if (backend === null) {
    throw new InternalError(
      'no compiler: import the package\'s main entry once, as in `import * as vn from "@vernal/vernal"`',
    );
  }
  return backend;
}

let programs: WeakMap<ClosedJaxpr, CompiledProgram> = new WeakMap();

/** The program of a jaxpr, compiled once and kept as long as the jaxpr. */
export function programOf(closed: ClosedJaxpr, name: string): CompiledProgram {
  let program = programs.get(closed);
  if (program === undefined) programs.set(closed, program = jitBackend().compile(closed, { name }));
  return program;
}

/** Forgets the programs of all jaxprs. */
export function clearPrograms(): void {
  programs = new WeakMap();
}

/** `jit`: applies a jaxpr, compiled as one program. */
export const jitP: Primitive<JitParams> = {
  name: "jit",
  abstractEval: (_ins, { jaxpr }) => jaxpr.outAvals,
  evaluate: (operands, { jaxpr, name }) => programOf(jaxpr, name).run(operands),
  jvp: (primals, tangents, { jaxpr, name }) => {
    const { closed, nonzeroOuts } = jvpJaxpr(jaxpr, tangents.map(isPresent));
    const results = call(name, closed, [...primals, ...tangents.filter(isPresent)]);
    const count = jaxpr.outAvals.length;
    let next = count;
    return [
      results.slice(0, count),
      nonzeroOuts.map((nonzero, i) => nonzero ? results[next++] : new Zero(jaxpr.outAvals[i])),
    ];
  },
  transpose: (cts, operands, { jaxpr, name }) => {
    const linear = operands.map((x) => x instanceof UndefinedPrimal);
    const { closed, nonzeroIns } = transposeJaxpr(jaxpr, linear, cts.map(isPresent));
    const defined = operands.filter((x): x is NDArray => !(x instanceof UndefinedPrimal));
    const results = call(name, closed, [...defined, ...cts.filter(isPresent)]);
    let [next, undefinedIndex] = [0, 0];
    return operands.map((x) => {
      if (!(x instanceof UndefinedPrimal)) return null;
      return nonzeroIns[undefinedIndex++] ? results[next++] : new Zero(x.aval);
    });
  },
  batch: (operands, dims, { jaxpr, name }, size, axisName) => {
    const moved = operands.map((x, i) => dims[i] === null ? x : axisToFront(axisTools, x, dims[i]));
    const { closed, mappedOuts } = batchJaxpr(jaxpr, size, dims.map((d) => d !== null), axisName);
    const outs = call(name, closed, moved);
    return [outs, mappedOuts.map((m) => m ? 0 : null)];
  },
  higherOrder: {
    inline: ({ jaxpr }) => jaxpr,
    partialEval: (known, operands, _avals, { jaxpr, name }) => {
      const split = splitJaxpr(jaxpr, known);
      const knownOperands = operands.filter((x): x is NDArray => x !== null);
      const results = call(name, split.known, knownOperands);
      let next = 0;
      const knownOuts = split.knownOuts.map((k) => k ? results[next++] : null);
      return {
        knownOuts,
        residuals: [...split.unknown.consts, ...results.slice(next)],
        primitive: jitP,
        params: { name, jaxpr: hoisted(split.unknown) },
        unknownAvals: split.unknown.outAvals,
      };
    },
  },
};

const hoistedForms: WeakMap<ClosedJaxpr, ClosedJaxpr> = new WeakMap();

/** A transformed jaxpr closes over arrays where a custom rule does: they become operands, because one program serves all calls. */
function hoisted(closed: ClosedJaxpr): ClosedJaxpr {
  if (closed.consts.length === 0) return closed;
  let form = hoistedForms.get(closed);
  if (form === undefined) {
    for (const x of closed.consts) getEvaluator().keepAlive(x);
    hoistedForms.set(closed, form = hoistConsts(closed));
  }
  return form;
}

function call(name: string, closed: ClosedJaxpr, operands: readonly NDArray[]): readonly NDArray[] {
  return bind(jitP, [...closed.consts, ...operands], { name, jaxpr: hoisted(closed) });
}
