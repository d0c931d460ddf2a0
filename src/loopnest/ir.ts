/**
 * The loop nest: what the scheduler writes and both code generators read.
 *
 * A {@linkcode Program} is a list of steps over numbered buffers. Most steps are {@linkcode Nest}s, i.e. explicit
 * loops around stores; the others call a library kernel (matrix product, sort, …) on whole buffers, run programs
 * of their own (control flow), or call the host. All of it is plain data and travels to the compile worker as it is: of the host's
 * functions a program has the numbers, and who runs it the functions.
 *
 * A nest means what running its statements in order, one iteration after the other, means, with one licence:
 * the terms of an `accumulate` may be combined in any order and grouping, and a sum of float32 may be
 * carried in float64 until it is read.
 *
 * @module
 */
import type { DType } from "../core/dtype.ts";
import type { Expr, Var } from "./expr.ts";

/** How a reduction combines its terms. */
export type ReduceOp = "add" | "mul" | "max" | "min" | "and" | "or" | "xor";

/** A statement of a nest. */
export type Stmt = For | Let | Store | Accumulator | Accumulate | ArgAccumulator | ArgAccumulate;

/** `for (v = 0; v < extent; v++) body`. */
export interface For {
  readonly kind: "for";
  readonly v: Var;
  readonly extent: number;
  /**
   * `parallel`: iterations are independent and may run in chunks, in any order, on several threads (outermost
   * loops only). `vector`: iterations are independent but for accumulators declared outside of the loop, and the backend
   * is advised to run several at once (the innermost contiguous axis, or the axis of independent columns). `serial`: in order.
   *
   * A temporary that a nest uses only at indices that do not change with its parallel loop is scratch of one iteration:
   * each thread needs its own.
   */
  readonly mode: "serial" | "parallel" | "vector";
  readonly body: readonly Stmt[];
}

/** Names a value for the rest of the enclosing body. */
export interface Let {
  readonly kind: "let";
  readonly v: Var;
  readonly value: Expr;
}

/** `buffer[index] = value`, or with `combine`, `buffer[index] = combine(buffer[index], value)`. */
export interface Store {
  readonly kind: "store";
  readonly buffer: number;
  readonly index: Expr;
  readonly value: Expr;
  readonly combine?: ReduceOp;
  /**
   * Where given, the store happens only if this is true (`bool`). The index need not be in bounds otherwise; loads in the index,
   * the value and the guard must be in bounds all the same.
   */
  readonly guard?: Expr;
}

/** Declares a reduction variable, set to the identity of `op`; readable after the loops that feed it. */
export interface Accumulator {
  readonly kind: "accumulator";
  readonly v: Var;
  readonly op: ReduceOp;
}

/** Adds a term to an accumulator declared in an enclosing body. */
export interface Accumulate {
  readonly kind: "accumulate";
  readonly v: Var;
  readonly value: Expr;
}

/** Declares a search for the first extreme value: `value` starts at the worst value, `at` at 0. NaN counts as extreme. */
export interface ArgAccumulator {
  readonly kind: "argAccumulator";
  readonly value: Var;
  /** An int32. */
  readonly at: Var;
  readonly op: "max" | "min";
}

/** Offers a value and its position; the first of equals stays. */
export interface ArgAccumulate {
  readonly kind: "argAccumulate";
  readonly v: Var;
  readonly value: Expr;
  readonly position: Expr;
}

/** A set of loops that runs as one piece of code. */
export interface Nest {
  readonly kind: "nest";
  /** From the primitives it came from, for people. */
  readonly name: string;
  readonly body: readonly Stmt[];
}

/** A contraction `c[b,i,j] = Σ_k lhs[b,i,k] · rhs[b,k,j]` over strided operands; strides in elements. */
export interface Dot {
  readonly kind: "dot";
  readonly name: string;
  readonly dtype: DType;
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly lhs: DotOperand;
  readonly rhs: DotOperand;
  /** Row-major `[batch, m, n]`. */
  readonly out: number;
}

/** Where a dot finds an operand: `buffer[offset + b·batchStride + row·rowStride + col·colStride]`. */
export interface DotOperand {
  readonly buffer: number;
  readonly offset: number;
  readonly batchStride: number;
  readonly rowStride: number;
  readonly colStride: number;
}

/** A call of a library kernel on whole, contiguous buffers. */
export interface KernelCall {
  readonly kind: "kernel";
  /** A name in the table of `loopnest/kernels.ts`. */
  readonly name: string;
  readonly args: readonly KernelArg[];
}

/** An argument of a kernel: a buffer's address, a number, or the address of a list of int32. */
export type KernelArg =
  | { readonly kind: "buffer"; readonly buffer: number }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "list"; readonly values: readonly number[] };

/** Copies `size` elements between buffers of one dtype. */
export interface Copy {
  readonly kind: "copy";
  readonly from: number;
  readonly to: number;
}

/**
 * Control flow and calls of the host: runs inner programs, or a function, on whole, contiguous buffers. No operand shares memory with a result, but for those
 * that {@linkcode operandsInPlace} pairs, which may.
 */
export interface Control {
  readonly kind: "control";
  /** From the primitive it came from, for people. */
  readonly name: string;
  readonly control: ScheduledControl;
  /** Buffers. */
  readonly operands: readonly number[];
  /** Buffers. */
  readonly results: readonly number[];
}

/**
 * What control flow runs, and how often; operands and results are those of `LoweredControl`. An output of a body that is a carry
 * may have the same carry, as it came in, as its donor: it is then updated in place. An output of a branch may have an input as its donor, the same one
 * in all branches. No other output has a donor.
 *
 * @typeParam P What the inner programs are: a backend has its own.
 */
export type ScheduledControl<P = Program> =
  | {
    readonly kind: "scan";
    readonly body: P;
    readonly numConsts: number;
    readonly numCarry: number;
    readonly length: number;
    readonly reverse: boolean;
  }
  | {
    readonly kind: "while";
    readonly condition: P;
    readonly body: P;
    readonly numConditionConsts: number;
    readonly numBodyConsts: number;
  }
  | { readonly kind: "cond"; readonly branches: readonly P[] }
  | {
    readonly kind: "callback";
    /** The function's number among those of the whole program, inner programs included. */
    readonly id: number;
    readonly guarded: boolean;
  };

/** The programs within control flow. */
export function innerPrograms<P>(control: ScheduledControl<P>): readonly P[] {
  switch (control.kind) {
    case "scan":
      return [control.body];
    case "while":
      return [control.condition, control.body];
    case "cond":
      return control.branches;
    case "callback":
      return [];
    default: {
      const never: never = control;
      return never;
    }
  }
}

/**
 * For each result of control flow, the operand that starts in its place, as the donors of the inner programs tell: where the two do not share memory,
 * it is copied there first. -1 for none.
 */
export function operandsInPlace(control: ScheduledControl, results: number): number[] {
  const pairs = new Array<number>(results).fill(-1);
  const read = (program: Program, firstOperand: number) => {
    for (const { role, position, donor } of program.buffers) {
      if (role === "output" && donor >= 0) pairs[position] = firstOperand + donor;
    }
  };
  switch (control.kind) {
    case "scan":
      read(control.body, 0);
      return pairs;
    case "while":
      read(control.body, control.numConditionConsts);
      return pairs;
    case "cond":
      read(control.branches[0]!, 1);
      return pairs;
    case "callback":
      return pairs;
    default: {
      const never: never = control;
      return never;
    }
  }
}

/** One step of a program. */
export type Step = Nest | Dot | KernelCall | Copy | Control;

/** A block of elements. */
export interface BufferDecl {
  readonly id: number;
  readonly dtype: DType;
  /** In elements. */
  readonly size: number;
  /**
   * `input`: the caller's, position `position` of the call's arguments (captured constants included); `output`: allocated by the caller,
   * position `position` of the results; `temp`: at byte `offset` of the program's scratch block.
   */
  readonly role: "input" | "output" | "temp";
  readonly position: number;
  /** For `temp`: the byte offset in scratch, planned from lifetimes, 64-byte aligned. */
  readonly offset: number;
  /**
   * For an `output`: the position of the donated input whose memory it takes over, or -1. Such an output and its input
   * have the same address.
   */
  readonly donor: number;
}

/** What a caller needs to know of a compiled function. */
export interface ProgramInterface {
  readonly name: string;
  /** Inputs and outputs, perhaps among others. */
  readonly buffers: readonly BufferDecl[];
  /** Bytes that temporaries need together. */
  readonly scratchBytes: number;
}

/** All of a compiled function; its buffers are indexed by id. */
export interface Program extends ProgramInterface {
  readonly steps: readonly Step[];
}
