/**
 * How a primitive says what it computes, element by element.
 *
 * A rule gets its operands as functions from an index to a scalar expression, and gives its results in the same form. The
 * scheduler decides which results become memory and which are substituted into their consumers by calling
 * the function at the consumer's index: that is all that fusion is.
 *
 * @module
 */
import type { NDArray } from "./array.ts";
import type { ShapedArray } from "./aval.ts";
import type { ClosedJaxpr } from "./jaxpr.ts";
import type { Expr } from "../loopnest/expr.ts";
import type { KernelArg, ReduceOp } from "../loopnest/ir.ts";

/** Reads one element: an int32 expression for each axis gives the element's value. Indices must be in bounds. */
export type Access = (index: readonly Expr[]) => Expr;

/** How one result is computed. */
export type Lowered =
  | {
    /** Each element on its own. */
    readonly kind: "map";
    readonly at: Access;
  }
  | {
    /** The operand's elements in the same row-major order, in another shape (or a same-width dtype). */
    readonly kind: "alias";
    readonly operand: number;
    /** Whether whatever reads it has to wait until all operands of the equation are memory. */
    readonly barrier?: boolean;
  }
  | {
    /** Each element combines `at(index, r)` over all `r` in the box `sizes`; an empty box gives the identity of `op`. */
    readonly kind: "reduce";
    readonly op: ReduceOp;
    readonly sizes: readonly number[];
    readonly at: (index: readonly Expr[], r: readonly Expr[]) => Expr;
  }
  | {
    /** The int32 position of the first extreme of `at(index, r)` over `0 ≤ r < size`; NaN counts as extreme. */
    readonly kind: "argReduce";
    readonly op: "max" | "min";
    readonly size: number;
    readonly at: (index: readonly Expr[], r: Expr) => Expr;
  }
  | {
    /**
     * A copy of an operand (in place where it is dead) in which, for all `u` in the box `sizes`, in row-major order, the element
     * at `index(u)` is replaced by, or combined with, `value(u)`, where `guard(u)` allows it (an index that the guard
     * refuses need not be in bounds).
     */
    readonly kind: "update";
    readonly operand: number;
    readonly sizes: readonly number[];
    readonly index: (u: readonly Expr[]) => readonly Expr[];
    readonly guard?: (u: readonly Expr[]) => Expr;
    readonly value: (u: readonly Expr[]) => Expr;
    readonly combine?: ReduceOp;
    /** Whether no index occurs twice, so that updates may run in any order. */
    readonly unique: boolean;
  }
  | {
    /** The result is a box put together from smaller ones, which cover it without overlap (concatenate, pad). */
    readonly kind: "pieces";
    readonly pieces: readonly {
      readonly offsets: readonly number[];
      readonly sizes: readonly number[];
      /** Distance between neighbours in the result, for each axis (interior padding); 1 unless given. */
      readonly steps?: readonly number[];
      readonly at: Access;
    }[];
    /** The value of what no piece covers; absent where they cover all. */
    readonly background?: Expr;
    /** Whether the pieces, which are of one size then, lie between one another and read the same: one loop writes them all. */
    readonly interleaved?: boolean;
  }
  | {
    /** A contraction of two operands; see `DotSpec`. */
    readonly kind: "dot";
    readonly spec: DotSpec;
  }
  | {
    /** A library kernel over whole buffers; shared by all results of the equation (`result` tells which this one is). */
    readonly kind: "kernel";
    readonly call: LoweredKernel;
    readonly result: number;
  };

/** A `dot_general`, by axes: the result is batch axes, then free axes of lhs, then free axes of rhs. */
export interface DotSpec {
  readonly lhs: number;
  readonly rhs: number;
  readonly lhsContract: readonly number[];
  readonly rhsContract: readonly number[];
  readonly lhsBatch: readonly number[];
  readonly rhsBatch: readonly number[];
}

/** An argument of a kernel call before buffers have numbers. */
export type LoweredKernelArg =
  | { readonly kind: "operand"; readonly operand: number }
  | { readonly kind: "result"; readonly result: number }
  | { readonly kind: "scratch"; readonly bytes: number }
  | Exclude<KernelArg, { readonly kind: "buffer" }>;

/** A kernel call before buffers have numbers. */
export interface LoweredKernel {
  readonly name: string;
  readonly args: readonly LoweredKernelArg[];
  /** For control flow: what runs instead of a library kernel. `args` are then all operands, then all results. */
  readonly control?: LoweredControl;
}

/** A function of the host that a program calls, on the thread that runs it, while the program waits. */
export interface HostCallback {
  /** For people. */
  readonly name: string;
  readonly ins: readonly ShapedArray[];
  readonly outs: readonly ShapedArray[];
  /** Gets concrete arrays of its own, which it may keep; gives concrete arrays of the avals `outs`. What it throws ends the program. */
  readonly call: (args: readonly NDArray[]) => readonly NDArray[];
}

/**
 * What is no code of the program's own: control flow over inner jaxprs, none of which has constants (each becomes a program of its own
 * inside of the module, called with the addresses of its inputs and outputs), and calls of the host.
 */
export type LoweredControl =
  | {
    /**
     * Operands: consts, initial carry, arrays to scan over (axis 0). Results: final carry, stacked outputs. The body takes
     * consts, carry and one slice of each array, and gives the next carry and one slice of each output.
     */
    readonly kind: "scan";
    readonly body: ClosedJaxpr;
    readonly numConsts: number;
    readonly numCarry: number;
    readonly length: number;
    readonly reverse: boolean;
  }
  | {
    /** Operands: consts of the condition, consts of the body, initial carry. Results: the carry for which the condition (0-d bool) is false. */
    readonly kind: "while";
    readonly condition: ClosedJaxpr;
    readonly body: ClosedJaxpr;
    readonly numConditionConsts: number;
    readonly numBodyConsts: number;
  }
  | {
    /** Operands: the index of the branch (0-d int32, clamped), then what each branch takes. Results: what each gives. */
    readonly kind: "cond";
    readonly branches: readonly ClosedJaxpr[];
  }
  | {
    /** Operands and results: those of the function. Where it is guarded, it is called only if the first operand, a 0-d bool, is true. */
    readonly kind: "callback";
    readonly callback: HostCallback;
    readonly guarded: boolean;
  };

/** A primitive's lowering rule: one {@linkcode Lowered} for each result; without results, the one kernel call that is its effect. */
export type LoweringRule<P> = (
  operands: readonly Access[],
  ins: readonly ShapedArray[],
  outs: readonly ShapedArray[],
  params: P,
) => readonly Lowered[];
