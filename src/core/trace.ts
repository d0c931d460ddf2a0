/**
 * Tracing: who handles a primitive that is being applied.
 *
 * There is always one current {@linkcode Trace}. {@linkcode bind} hands it the primitive; it does its part (records an
 * equation, computes a tangent, moves a batch axis) and binds further primitives with its parent as the
 * current trace. At the bottom, the evaluator computes on concrete arrays. A trace knows its own tracers by identity and takes all
 * other values as constants, so transformations nest in any order.
 *
 * @module
 */
import { InternalError, TracerError } from "../errors.ts";
import type { Complex } from "./complex.ts";
import { NDArray, type NDArray as NDArrayType, type NestedList } from "./array.ts";
import { formatAval, type ShapedArray } from "./aval.ts";
import type { DType, HostScalar, TypedArray } from "./dtype.ts";
import type { AnyPrimitive, Primitive } from "./primitive.ts";
import type { Sharding } from "./sharding.ts";

/** An interpreter of primitives. */
export abstract class Trace {
  /** Applies a primitive. `operands` may be tracers of any trace, or concrete. */
  abstract process(
    primitive: AnyPrimitive,
    operands: readonly NDArray[],
    params: unknown,
  ): readonly NDArray[];
  /** Ends the trace: its tracers, if any escaped, say so when used. */
  invalidate(): void {
    this.isLive = false;
  }
  /** Whether the function that this trace follows is still running. */
  isLive = true;
}

/** A value inside a trace: has shape and dtype, but no elements. */
export abstract class Tracer extends NDArray {
  /** @param trace The trace that made it. */
  constructor(readonly trace: Trace) {
    super();
  }

  /** The paths of the arguments that the value depends on, for messages, as far as they are known. */
  get origins(): readonly string[] {
    return [];
  }

  private concretization(what: string): TracerError {
    const { origins } = this;
    const [shown, more] = [origins.slice(0, 4), origins.length > 4 ? ", …" : ""];
    const from = origins.length === 0
      ? ""
      : `, which depends on the argument${origins.length > 1 ? "s" : ""} ${
        shown.join(", ")
      }${more}`;
    return new TracerError(
      `${what} a traced array (${
        formatAval(this.aval)
      })${from}: inside a transformed function arrays have no ` +
        "concrete elements. Use numpy.where or lax.cond instead of a host condition, pass the value as a " +
        "host number to make it static, or move this code out of the transformed function",
    );
  }

  override dataSync(): TypedArray {
    throw this.concretization("cannot read the elements of");
  }
  override data(): Promise<TypedArray> {
    return Promise.reject(this.concretization("cannot read the elements of"));
  }
  override tolist(): NestedList {
    throw this.concretization("cannot read the elements of");
  }
  override item<T extends number | Complex = number>(): T {
    throw this.concretization("cannot take the host value of");
  }
  override get isDeleted(): boolean {
    return false;
  }
  /** Nothing: a tracer owns no memory, so that `using` works in traced code too. */
  override delete(): void {}
  override get sharding(): never {
    throw this.concretization("cannot tell the sharding of");
  }
  override get device(): never {
    throw this.concretization("cannot tell the device of");
  }
  override get committed(): never {
    throw this.concretization("cannot tell the device of");
  }
  /** Throws: a tracer has no host value to compare, add or print as a number. */
  [Symbol.toPrimitive](hint: string): never {
    throw this.concretization(
      hint === "string" ? "cannot turn into a string" : "cannot turn into a number or a condition",
    );
  }
  /** Throws, as {@linkcode dataSync}. */
  toJSON(): never {
    throw this.concretization("cannot serialise");
  }
  /** For `console.log` and inspectors: kind, aval. */
  [Symbol.for("Deno.customInspect")](): string {
    return `Traced<${formatAval(this.aval)}>`;
  }
}

/** What runs at the bottom of all traces, on concrete arrays. Filled in by `runtime/evaluate.ts`. */
export interface Evaluator {
  /** Computes a primitive on concrete arrays. */
  evaluate(
    primitive: AnyPrimitive,
    operands: readonly NDArrayType[],
    params: unknown,
  ): readonly NDArrayType[];
  /** A 0-d constant that a trace writes into equations as a literal. */
  literal(value: HostScalar, dtype: DType, weakType: boolean): NDArrayType;
  /** The host scalar of an array that {@linkcode literal} made, else `undefined`. */
  literalValue(x: NDArrayType): HostScalar | undefined;
  /** A 1-d array of a TypedArray's elements. */
  fromTypedArray(data: TypedArray, shape: readonly number[], dtype: DType): NDArrayType;
  /** Takes an array that a cache holds, such as a program's constant, out of every `scope()`. */
  keepAlive(x: NDArrayType): void;
  /** The same elements where the sharding says, committed to be there or not. Shapes are checked before. */
  place(x: NDArrayType, sharding: Sharding, committed: boolean): NDArrayType;
  /** Forgets how operations are computed. */
  clear(): void;
  /** Calls a synchronous function and frees what it made and does not return, unless something is being traced. */
  freeTemporaries<T>(fn: () => T): T;
}

let evaluator: Evaluator | null = null;

/** Sets the evaluator. */
export function installEvaluator(e: Evaluator): void {
  evaluator = e;
}

/** The evaluator. */
export function getEvaluator(): Evaluator {
  if (evaluator === null) {
    throw new InternalError(
      'no evaluator: import the package\'s main entry once, as in `import * as vn from "@vernal/vernal"`',
    );
  }
  return evaluator;
}

/** The bottom trace. */
class EvalTrace extends Trace {
  override process(
    primitive: AnyPrimitive,
    operands: readonly NDArray[],
    params: unknown,
  ): readonly NDArray[] {
    for (const x of operands) if (x instanceof Tracer) throw escapedTracer(x, primitive.name);
    return primitive.evaluate?.(operands, params) ??
      getEvaluator().evaluate(primitive, operands, params);
  }
}

/** The error for a tracer used outside of its trace. */
export function escapedTracer(x: Tracer, where: string): TracerError {
  const state = x.trace.isLive ? "in another transformation" : "after its function had returned";
  return new TracerError(
    `${where}: a traced array (${
      formatAval(x.aval)
    }) was used ${state}. A transformed function must return what it ` +
      "computes, and not keep it in an outer variable, a field or a closure",
  );
}

const evalTrace = new EvalTrace();
let current: Trace = evalTrace;

/** The trace in force. */
export function currentTrace(): Trace {
  return current;
}

/** Whether nothing is being traced, i.e. operations compute at once. */
export function isEager(): boolean {
  return current === evalTrace;
}

/** Runs `fn` with another trace in force. */
export function withTrace<T>(trace: Trace, fn: () => T): T {
  const previous = current;
  current = trace;
  try {
    return fn();
  } finally {
    current = previous;
  }
}

/** Runs `fn` with nothing being traced: operations on concrete arrays compute at once. */
export function withEager<T>(fn: () => T): T {
  return withTrace(evalTrace, fn);
}

/** Applies a primitive under the current trace. */
export function bind<P>(
  primitive: Primitive<P>,
  operands: readonly NDArray[],
  params: P,
): readonly NDArray[] {
  return current.process(primitive, operands, params);
}

/** Applies a primitive of one result. */
export function bind1<P>(
  primitive: Primitive<P>,
  operands: readonly NDArray[],
  params: P,
): NDArray {
  return current.process(primitive, operands, params)[0];
}

/** The aval of a value. */
export function avalOf(x: NDArray): ShapedArray {
  return x.aval;
}
