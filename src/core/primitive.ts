/**
 * What a primitive operation is: a name and one rule for each thing that can be done to it.
 *
 * All that is known of an operation stands in one literal of this type (see `src/ops/`); the
 * interpreters in `src/transform/` read the rules and name no operation.
 *
 * @module
 */
import type { NDArray } from "./array.ts";
import type { ShapedArray } from "./aval.ts";
import type { AxisName } from "./axis_env.ts";
import type { ClosedJaxpr } from "./jaxpr.ts";
import type { LoweringRule } from "./lowering.ts";
import type { PartitionRule } from "./partition.ts";
import type { Sharding } from "./sharding.ts";
import type { SplitRule } from "./split.ts";

/** A tangent or cotangent known to be zero without looking: costs nothing and is handed on as such. */
export class Zero {
  /** Makes the type nominal. */
  declare private readonly zero: void;
  /** @param aval What the zero would be as an array. */
  constructor(readonly aval: ShapedArray) {}
}

/** A tangent: an array, or a symbolic zero. */
export type Tangent = NDArray | Zero;

/** A linear operand whose value is not known, in a transpose rule. */
export class UndefinedPrimal {
  /** Makes the type nominal. */
  declare private readonly undefinedPrimal: void;
  /**
   * Stands for the operand.
   *
   * @param aval Its shape and dtype.
   */
  constructor(readonly aval: ShapedArray) {}
}

/** Whether a tangent is a symbolic zero. */
export function isZero(tangent: unknown): tangent is Zero {
  return tangent instanceof Zero;
}

/** Whether an operand of a transpose rule is the linear one. */
export function isUndefinedPrimal(x: unknown): x is UndefinedPrimal {
  return x instanceof UndefinedPrimal;
}

/** Forward mode: outputs and their tangents, from inputs and theirs. At least one tangent is not a `Zero`. */
export type JvpRule<P> = (
  primals: readonly NDArray[],
  tangents: readonly Tangent[],
  params: P,
) => readonly [outs: readonly NDArray[], tangents: readonly Tangent[]];

/** Reverse mode, for an operation linear in its undefined operands: their cotangents, `null` for all others. */
export type TransposeRule<P> = (
  cotangents: readonly Tangent[],
  operands: readonly (NDArray | UndefinedPrimal)[],
  params: P,
) => readonly (Tangent | null)[];

/** Batching: `dims[i]` is the mapped axis of operand `i`, or `null`; gives outputs and their mapped axes. */
export type BatchRule<P> = (
  operands: readonly NDArray[],
  dims: readonly (number | null)[],
  params: P,
  axisSize: number,
  axisName: AxisName | null,
) => readonly [outs: readonly NDArray[], dims: readonly (number | null)[]];

/** The real and the imaginary part of a complex array: arrays of one shape and dtype. */
export interface Parts {
  readonly re: NDArray;
  readonly im: NDArray;
}

/** Whether a value is the parts of a complex one. */
export function isParts(x: NDArray | Parts): x is Parts {
  return "re" in x;
}

/**
 * What an operation does with complex numbers: from the parts of its complex operands, and its other operands as they are, to the
 * parts of its complex results. `"each"`: the same with each part, by itself. `"stored"`: its own lowering serves, given avals of
 * arrays as they lie in memory (`ShapedArray.stored`).
 */
export type PartsRule<P> =
  | "each"
  | "stored"
  | ((operands: readonly (NDArray | Parts)[], params: P) => readonly (NDArray | Parts)[]);

/** What stands for an operation on operands of given shapes and dtypes: a function of arrays, made of other operations. */
export type Expansion = (operands: readonly NDArray[]) => readonly NDArray[];

/**
 * A primitive operation over arrays. `P` is the type of its parameters: static data, part of a program's
 * identity; values compare by structure, functions and jaxprs by identity.
 */
export interface Primitive<P = unknown> {
  /** JAX's name for it. */
  readonly name: string;
  /** Shapes and dtypes of the results; throws where the operands do not fit. */
  readonly abstractEval: (operands: readonly ShapedArray[], params: P) => readonly ShapedArray[];
  /** What it computes; absent for the primitives that are inlined or refused before lowering. */
  readonly lower?: LoweringRule<P>;
  /**
   * For operands that its own lowering does not serve, such as floats of 16 bits: the operation in terms of others. `null` where it is
   * lowered as it stands. Transformations do not see it: it is asked for when all of them are done.
   */
  readonly expand?: (operands: readonly ShapedArray[], params: P) => Expansion | null;
  /**
   * The operation in terms of others, where its lowering is a kernel that only the processor has: what is computed on other devices. Asked for when
   * all transformations are done.
   */
  readonly withoutKernel?: (operands: readonly ShapedArray[], params: P) => Expansion;
  /** What it does with complex numbers; absent where they have no meaning for it, which is then said. */
  readonly onParts?: PartsRule<P>;
  readonly jvp?: JvpRule<P>;
  readonly transpose?: TransposeRule<P>;
  readonly batch?: BatchRule<P>;
  /** For collectives: the axis they reduce over, and what becomes of them when that axis is batched. */
  readonly collective?: {
    readonly axisName: (params: P) => AxisName;
    readonly batch: (
      operands: readonly NDArray[],
      dims: readonly (number | null)[],
      params: P,
      axisSize: number,
    ) => readonly [outs: readonly NDArray[], dims: readonly (number | null)[]];
  };
  /** How the results are split over a mesh; those of their shape tell (`splitLike`) unless given. */
  readonly split?: SplitRule<P>;
  /** How it is divided among the devices of a mesh, so that its results are split as `split` says; `core/partition.ts` tells what goes without. */
  readonly partition?: PartitionRule<P>;
  /** For the primitives that say where their result is to be. */
  readonly sharding?: (params: P) => Sharding;
  /**
   * Evaluates on concrete arrays at once, for the primitives that are not lowered alone (`jit`, control flow). `null` where it would have to read elements
   * that are not on the host: then the operation becomes a program of its own where they are.
   */
  readonly evaluate?: (operands: readonly NDArray[], params: P) => readonly NDArray[] | null;
  /** For primitives that contain jaxprs: `transform/partial_eval.ts` tells what they need. */
  readonly higherOrder?: HigherOrderRules<P>;
  /**
   * What it comes to when no transformation is to follow, for primitives that are there for transformations: an identity that refuses one is its operand.
   * `null` where it stays as it is. Calls say so by {@linkcode HigherOrderRules.inline}.
   */
  readonly finalise?: (operands: readonly NDArray[], params: P) => readonly NDArray[] | null;
  /** Whether the operation has an effect, and stays though its results are unused. */
  readonly effect?: boolean;
}

/** Any primitive: the one place where parameter types are forgotten. */
// deno-lint-ignore no-explicit-any -- rules are contravariant in P; a list of primitives needs one type
export type AnyPrimitive = Primitive<any>;

/** Rules of primitives that hold jaxprs. */
export interface HigherOrderRules<P> {
  /**
   * Splits the operation where only some operands are known. `known[i]` tells which; the rule evaluates what it can
   * with `operands` (unknown ones are `null`) and returns what {@linkcode PartialResult} asks for.
   */
  readonly partialEval?: (
    known: readonly boolean[],
    operands: readonly (NDArray | null)[],
    avals: readonly ShapedArray[],
    params: P,
  ) => PartialResult;
  /** Replaces the equation by those of an inner jaxpr, before lowering. */
  readonly inline?: (params: P, operands: readonly ShapedArray[]) => ClosedJaxpr;
  /** As `inline`, but only once it is known that some of the results are used: the inner jaxpr may have effects. */
  readonly inlineUsed?: (params: P, operands: readonly ShapedArray[]) => ClosedJaxpr;
  /** What is left of the operation where some results are not used; `null` for all of it. Asked of operations without effects. */
  readonly dce?: (usedOuts: readonly boolean[], params: P) => PrunedOperation<P> | null;
}

/** An operation without what nobody uses. */
export interface PrunedOperation<P = unknown> {
  readonly params: P;
  /** Which operands remain. */
  readonly usedIns: readonly boolean[];
  /** Which results remain: those used, and those without which they could not be. */
  readonly usedOuts: readonly boolean[];
}

/** What a partial evaluation gives back. */
export interface PartialResult {
  /** For each output of the operation: its value where known, else `null`. */
  readonly knownOuts: readonly (NDArray | null)[];
  /** The operation left to do on the unknown operands. */
  readonly primitive: AnyPrimitive;
  readonly params: unknown;
  /** Values that the rest needs, put before the unknown operands. */
  readonly residuals: readonly NDArray[];
  /** Avals of what is left to do gives. */
  readonly unknownAvals: readonly ShapedArray[];
  /** Where the operands of what is left to do come from: places in residuals, then unknown operands. In that order unless given. */
  readonly inputOrder?: readonly number[];
  /** Which result of what is left to do is each unknown output. In order unless given. */
  readonly outputOrder?: readonly number[];
}
