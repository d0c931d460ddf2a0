/**
 * Primitives that call a function of the host: `pure_callback`, which may be called any number of times and goes where its results are
 * unused; `io_callback` and `debug_callback`, which have effects, stay, and keep their order.
 *
 * @module
 */
import { onlyWhole } from "../core/partition.ts";
import { DifferentiationError, InternalError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { type ShapedArray, shapedArray } from "../core/aval.ts";
import { isComplex, partOf } from "../core/dtype.ts";
import type { Lowered } from "../core/lowering.ts";
import { isOnHost, onHost } from "../core/placement.ts";
import { type AnyPrimitive, isParts, type Parts, type Primitive } from "../core/primitive.ts";
import { bind, withEager } from "../core/trace.ts";
import { axisToFront, literal } from "../ops/common.ts";
import { concatenate } from "../ops/dynamic.ts";
import { complex, imag, real } from "../ops/parts.ts";
import { axisTools, batchToFront, broadcastInDim, reshape } from "../ops/shape.ts";
import { slice } from "../ops/slicing.ts";
import { controlArgs } from "./common.ts";

/** A function of the host: from concrete arrays to concrete arrays of the avals `outs`. */
export type HostFunction = (
  args: readonly NDArray[],
  outs: readonly ShapedArray[],
) => readonly NDArray[];

/**
 * What `vmap` makes of a call. `sequential` (or `sequential_unrolled`): a call for each example. The others call once, with the mapped axis in
 * front of all results: `legacy_vectorized` leaves arguments that are not mapped as they are, `expand_dims` gives them an axis of size 1, `broadcast_all` repeats
 * them.
 */
export type VmapMethod =
  | "sequential"
  | "sequential_unrolled"
  | "legacy_vectorized"
  | "expand_dims"
  | "broadcast_all";

/** All of {@linkcode VmapMethod}. */
export const vmapMethods: readonly VmapMethod[] = [
  "sequential",
  "sequential_unrolled",
  "legacy_vectorized",
  "expand_dims",
  "broadcast_all",
];

/** Parameters of the primitives that call the host. */
export interface CallbackParams {
  readonly callback: HostFunction;
  /** What the results are. */
  readonly resultAvals: readonly ShapedArray[];
  readonly vmapMethod: VmapMethod;
}

/** What all of them do alike. */
function callbackRules(self: () => AnyPrimitive) {
  return {
    abstractEval: (_ins, { resultAvals }) => resultAvals,
    evaluate: (operands, { callback, resultAvals }) =>
      operands.every(isOnHost)
        ? onHost(() => withEager(() => callback(operands, resultAvals)))
        : null,
    lower: (reads, ins, outs, { callback }) =>
      callLowering(self().name, reads.length, ins, outs, callback, false),
    onParts: (operands, params) => callWithParts(self(), operands, params),
    partition: onlyWhole("the host is called once, for all devices"),
    // What the host makes is whole.
    split: (_operands, _ins, outs) => outs.map(() => null),
    batch: (operands, dims, params, size) => {
      if (dims.every((d) => d === null)) {
        return [bind(self(), operands, params), params.resultAvals.map(() => null)];
      }
      const batched = batchCall(operands, dims, params, size);
      return [bind(self(), batched.operands, batched.params), params.resultAvals.map(() => 0)];
    },
  } satisfies Partial<Primitive<CallbackParams>>;
}

/** A call whose program has the parts of complex arrays, and whose function sees them put together. */
export function callWithParts(
  primitive: AnyPrimitive,
  operands: readonly (NDArray | Parts)[],
  { callback, resultAvals, vmapMethod }: CallbackParams,
): readonly (NDArray | Parts)[] {
  const arePairs = operands.map(isParts);
  const whole: HostFunction = (args) => {
    let next = 0;
    const joined = arePairs.map((isPair) => {
      return isPair ? complex(args[next++], args[next++]) : args[next++];
    });
    return callback(joined, resultAvals).flatMap((y) => {
      return isComplex(y.dtype) ? [real(y), imag(y)] : [y];
    });
  };
  Object.defineProperty(whole, "name", { value: callback.name });
  const results = bind(primitive, operands.flatMap((x) => isParts(x) ? [x.re, x.im] : [x]), {
    callback: whole,
    resultAvals: resultAvals.flatMap((a) => {
      return isComplex(a.dtype) ? [0, 1].map(() => shapedArray(a.shape, partOf(a.dtype))) : [a];
    }),
    vmapMethod,
  });
  let next = 0;
  return resultAvals.map((a) => {
    return isComplex(a.dtype) ? { re: results[next++], im: results[next++] } : results[next++];
  });
}

/** The lowering of a call; `guarded` calls depend on their first operand. */
export function callLowering(
  name: string,
  count: number,
  ins: readonly ShapedArray[],
  outs: readonly ShapedArray[],
  callback: HostFunction,
  guarded: boolean,
): readonly Lowered[] {
  const call = {
    name,
    args: controlArgs(count, outs.length),
    control: {
      kind: "callback",
      callback: {
        name: callback.name,
        ins,
        outs,
        call: (args: readonly NDArray[]) => callback(args, outs),
      },
      guarded,
    },
  } as const;
  // Without results there is the effect alone.
  const results = outs.length === 0 ? [0] : outs.map((_, i) => i);
  return results.map((result) => ({ kind: "kernel", result, call }));
}

/** A call for a whole batch. */
function batchCall(
  operands: readonly NDArray[],
  dims: readonly (number | null)[],
  params: CallbackParams,
  size: number,
): { readonly operands: readonly NDArray[]; readonly params: CallbackParams } {
  const { vmapMethod, callback } = params;
  const moved = operands.map((x, i) => {
    const dim = dims[i];
    if (dim !== null) return axisToFront(axisTools, x, dim);
    if (vmapMethod === "broadcast_all") return batchToFront(x, null, size);
    if (vmapMethod === "expand_dims") return reshape(x, [1, ...x.shape]);
    return x;
  });
  const resultAvals = params.resultAvals.map((a) => shapedArray([size, ...a.shape], a.dtype));
  const isSequential = vmapMethod === "sequential" || vmapMethod === "sequential_unrolled";
  if (!isSequential) return { operands: moved, params: { ...params, resultAvals } };
  const each = oneByOne(callback, dims.map((d) => d !== null), size);
  return { operands: moved, params: { ...params, resultAvals, callback: each } };
}

/** Calls a function for each example, on the host: one call of the program is enough for all. */
export function oneByOne(
  callback: HostFunction,
  mapped: readonly boolean[],
  size: number,
): HostFunction {
  const each: HostFunction = (args, outs) => {
    const single = outs.map((a) => shapedArray(a.shape.slice(1), a.dtype));
    const results: (readonly NDArray[])[] = [];
    for (let i = 0; i < size; i++) {
      results.push(callback(args.map((x, k) => mapped[k] ? exampleOf(x, i) : x), single));
    }
    return outs.map((aval, k) => {
      if (size === 0) return broadcastInDim(literal(0, aval.dtype), aval.shape, []);
      return concatenate(results.map((r) => reshape(r[k], [1, ...r[k].shape])), 0);
    });
  };
  Object.defineProperty(each, "name", { value: callback.name });
  return each;
}

/** One example of a batch. */
export function exampleOf(x: NDArray, i: number): NDArray {
  const rest = x.shape.slice(1);
  const row = slice(x, [i, ...rest.map(() => 0)], [i + 1, ...rest]);
  return reshape(row, rest);
}

function refuseDerivative(what: string): never {
  throw new DifferentiationError(
    `${what} cannot be differentiated: nothing is known of what its function does. Give it a derivative with filterCustomJvp or filterCustomVjp around the ` +
      "call, or cut the derivative off with lax.stopGradient on its arguments",
  );
}

/** `pure_callback`: the results of a function of the host. */
export const pureCallbackP: Primitive<CallbackParams> = {
  name: "pure_callback",
  ...callbackRules(() => pureCallbackP),
  jvp: () => refuseDerivative("filterPureCallback: a callback"),
};

/** `io_callback`: the same for a function with effects. */
export const ioCallbackP: Primitive<CallbackParams> = {
  name: "io_callback",
  ...callbackRules(() => ioCallbackP),
  jvp: () => refuseDerivative("a callback with effects"),
  effect: true,
};

/** `debug_callback`: a function with effects and without results. It sees primal values; tangents pass it by. */
export const debugCallbackP: Primitive<CallbackParams> = {
  name: "debug_callback",
  ...callbackRules(() => debugCallbackP),
  jvp: (primals, _tangents, params) => [bind(debugCallbackP, primals, params), []],
  // Nothing depends on it, so that no cotangent ever comes.
  transpose: () => {
    throw new InternalError("debug_callback: has no results to pull back from");
  },
  effect: true,
};

/** Calls a function of the host for what it does. */
export function debugCallback(operands: readonly NDArray[], callback: HostFunction): void {
  bind(debugCallbackP, operands, { callback, resultAvals: [], vmapMethod: "sequential" });
}
