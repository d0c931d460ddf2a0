/**
 * Ahead of time: a function traced and compiled before it is called.
 *
 * @module
 */
import {
  ArgumentError,
  DeviceError,
  DTypeError,
  ShapeError,
  TracerError,
  TreeError,
} from "../errors.ts";
import { NDArray } from "../core/array.ts";
import { formatAval, type ShapedArray, shapesEqual, withWeakType } from "../core/aval.ts";
import { type Located, type Placement, placementOf } from "../core/placement.ts";
import { sameDevices } from "../core/sharding.ts";
import { sameSplit, splitOf } from "../core/split.ts";
import { isEager, Tracer } from "../core/trace.ts";
import {
  type CompiledProgram,
  jitBackend,
  type LoweredText,
  type Partitioned,
  type ProgramMemory,
  type RunOptions,
} from "../control/jit_call.ts";
import { put } from "../numpy/placing.ts";
import { flatten, leafPaths } from "../tree/flatten.ts";
import { findDifference } from "../tree/mismatch.ts";
import { assemble, callPath, type JitEntry, staticEqual, traceEntry } from "./jit_entry.ts";
import {
  checkDonatedTwice,
  type Compilation,
  compileEntry,
  donatedInputs,
  runOptions,
} from "./jit_program.ts";
import { isArrayLeaf, toNDArray } from "./leaves.ts";
import { describeStatic } from "./retraces.ts";
import { ShapeDtypeStruct } from "./struct.ts";
import { checkOptions } from "../tree/kwargs.ts";

/** Options of {@linkcode Lowered}`.compile`. */
export interface CompileOptions {
  /** Options of the compiler, by name. There are none so far: any name is refused. */
  readonly compilerOptions?: Readonly<Record<string, unknown>>;
}

/** A function traced for some arguments, at each stage of its compilation. */
export interface Lowered<F = (...args: unknown[]) => unknown> {
  /** The traced function. */
  jaxpr(): string;
  /** The jaxpr after inlining, folding and the removal of what is not used; of several devices' programs, that of one. */
  simplified(): string;
  /** The scheduled loop nests; of several devices' programs, those of each step. */
  nests(): string;
  /** The compiled module, disassembled; of several devices' programs, that of each step. */
  wat(): string;
  /**
   * The shaders that the WebGPU device would run, or where none was found, one that has what all have.
   *
   * @throws {DeviceError} Before `await init("webgpu")`, which loads what writes shaders, even where it then finds no adapter.
   * @throws {DTypeError} Where the program computes in float64, which WebGPU lacks.
   */
  wgsl(): string;
  /**
   * What each device runs where arguments are split over a mesh by a `NamedSharding`, and the collectives that were inserted: how many, of how many bytes, and
   * for which operation. Structs are where their `sharding` says; without one they count as whole.
   *
   * @example
   * ```ts
   * import { devicePut, filterJit, init, makeMesh, NamedSharding, type NDArray, numpy as np, P } from "@vernal/vernal";
   *
   * await init("cpu", { devices: 2 });
   * const rows = new NamedSharding(makeMesh([2], ["data"]), P("data"));
   * const x = devicePut(np.ones([8, 4]), rows);
   * const [sum] = filterJit((x: NDArray) => np.sum(x)).lower(x).partitioned().collectives;
   * console.log(sum.kind, sum.axis, sum.bytes); // psum data 4
   * ```
   */
  partitioned(): Partitioned;
  /**
   * Compiles it.
   *
   * @throws {ArgumentError} For an option that the compiler does not know.
   */
  compile(options?: CompileOptions): Compiled<F>;
}

/**
 * A function compiled for one set of arguments. It takes the same arguments as the function: arrays of the same shapes and dtypes, and the
 * same static leaves, which are checked, and those whose sharding was said (committed arrays, structs with a sharding) are to be there: what nobody
 * put anywhere goes along, what is committed to somewhere else is a `DeviceError`. It never traces.
 */
export type Compiled<F> = F & {
  /** The memory that a call takes, as planned. After `compiled.memory_analysis()` of JAX. */
  memoryAnalysis(): ProgramMemory;
};

/** Arguments of which arrays may be given as structs, with their shardings or without. */
export type Lowerable<A> = A extends NDArray ? A | ShapeDtypeStruct
  : A extends (...args: never[]) => unknown ? A
  : A extends object ? { [K in keyof A]: Lowerable<A[K]> } | A
  : A;

/** Traces `fun` for some arguments, of which arrays may be structs. */
export function lower(fun: unknown, args: readonly unknown[], how: Compilation): Lowered {
  const { name, label, donate } = how;
  const entry = traceEntry(fun, args, name, true);
  const inputs = locatedInputs(entry, fun, args);
  let text: LoweredText | null = null;
  const stages = () =>
    text ??= jitBackend().lower(
      entry.jaxpr,
      { name, donated: donatedInputs(entry, donate) },
      inputs,
      runOptions(entry, how),
    );
  return {
    jaxpr: () => String(entry.jaxpr),
    simplified: () => stages().simplified(),
    nests: () => stages().nests(),
    wat: () => stages().wat(),
    wgsl: () => stages().wgsl(),
    partitioned: () => stages().partitioned(),
    compile: (options = {}) => {
      checkOptions(`${label}.lower(...).compile`, options, ["compilerOptions"]);
      for (const key of Object.keys(options.compilerOptions ?? {})) {
        throw new ArgumentError(
          `${label}.lower(...).compile: unknown compiler option ${key}; there are none so far`,
        );
      }
      const program = compileEntry(entry, how, inputs, () => "compiled ahead of time");
      return compiled(fun, entry, program, inputs, how);
    },
  };
}

/** Where the inputs of a program are, as far as they are somewhere. */
function locatedInputs(entry: JitEntry, fun: unknown, args: readonly unknown[]): Located[] {
  const [leaves] = flatten([fun, args]);
  const arrays = leaves.filter((_, i) => entry.specs[i].kind === "array");
  return entry.jaxpr.inAvals.map(({ shape }, i): Located => {
    const x = i < entry.consts.length ? entry.consts[i] : arrays[i - entry.consts.length];
    if (x instanceof ShapeDtypeStruct) {
      return { shape, placement: x.sharding === null ? null : placementOf(x.sharding, true) };
    }
    const isSomewhere = x instanceof NDArray && !(x instanceof Tracer);
    return { shape, placement: isSomewhere ? x.placement : null };
  });
}

function compiled(
  fun: unknown,
  entry: JitEntry,
  program: CompiledProgram,
  loweredFor: readonly Located[],
  how: Compilation,
): Compiled<(...args: unknown[]) => unknown> {
  const run = runOptions(entry, how);
  const call = (...args: unknown[]): unknown => {
    const given = [...entry.consts, ...readArguments(entry, fun, args, how.label)];
    const inputs = given.map((x, i) => atPlace(x, loweredFor[i].placement, run, i));
    if (how.donate !== "none") checkDonatedTwice(program, inputs, run);
    return assemble(entry, program.run(inputs, run));
  };
  Object.defineProperty(call, "name", { value: how.name });
  return Object.assign(call, { memoryAnalysis: () => program.prepare(loweredFor, run).memory });
}

/**
 * An array of a call where it was said to be: what nobody put anywhere goes along.
 *
 * @throws {DeviceError} Where it is committed to somewhere else.
 */
function atPlace(x: NDArray, said: Placement | null, run: RunOptions, i: number): NDArray {
  if (said === null || !said.committed || x.placement === said) return x;
  const { sharding } = said;
  const { placement } = x;
  if (placement === null || !placement.committed) return put(x, sharding, run.name);
  const isSame = sameDevices(placement.sharding, sharding) &&
    sameSplit(splitOf(placement.sharding, x.shape), splitOf(sharding, x.shape));
  if (isSame) return x;
  throw new DeviceError(
    `${run.name}: compiled for another sharding: ${
      run.nameOf(i)
    } was to be on ${sharding}, is on ${placement.sharding}. Move it there by devicePut, or lower and compile it for these arguments`,
  );
}

/** The arrays of a call, checked to be what the function was compiled for. */
function readArguments(
  entry: JitEntry,
  fun: unknown,
  args: readonly unknown[],
  caller: string,
): NDArray[] {
  const [leaves, treedef] = flatten([fun, args]);
  if (!isEager() || leaves.some((x) => x instanceof Tracer)) {
    throw new TracerError(
      `${caller}: a function that was lowered and compiled cannot be transformed, or called while something is traced; transform the function itself`,
    );
  }
  const structure = findDifference(entry.treedef, treedef);
  if (structure !== null) {
    const { path, was, is } = structure;
    throw new TreeError(
      `${caller}: compiled for other arguments: ${
        callPath(path)
      } was ${was} when it was compiled, is ${is} now. ${remedy}`,
    );
  }
  const arrays: NDArray[] = [];
  entry.specs.forEach((spec, i) => {
    const leaf = leaves[i];
    if (spec.kind === "static") {
      if (!isArrayLeaf(leaf) && staticEqual(spec.value, leaf)) return;
      throw new ArgumentError(
        `${caller}: compiled for another static argument: ${leafPath(entry, i)} was ${
          describeStatic(spec.value)
        } when it was compiled, is ${describeLeaf(leaf)} now. ${remedy}`,
      );
    }
    const array = isArrayLeaf(leaf) ? toNDArray(leaf, caller) : null;
    if (array === null || !fits(spec.aval, array.aval)) {
      const kind = array === null
        ? ArgumentError
        : shapesEqual(spec.aval.shape, array.shape)
        ? DTypeError
        : ShapeError;
      throw new kind(
        `${caller}: compiled for another array: ${leafPath(entry, i)} was ${
          formatAval(withWeakType(spec.aval, false))
        } when it was compiled, is ${describeLeaf(leaf)} now. ${remedy}`,
      );
    }
    arrays.push(array);
  });
  return arrays;
}

const remedy = "Lower and compile it for these arguments, or call the function itself";

const leafPath = (entry: JitEntry, i: number) => callPath(leafPaths(entry.treedef)[i]);

/** Shape and dtype must be the same; a weak dtype does for a strong one, and the other way round. */
function fits(expected: ShapedArray, given: ShapedArray): boolean {
  return withWeakType(expected, false) === withWeakType(given, false);
}

function describeLeaf(leaf: unknown): string {
  return isArrayLeaf(leaf)
    ? formatAval(withWeakType(toNDArray(leaf, "").aval, false))
    : describeStatic(leaf);
}
