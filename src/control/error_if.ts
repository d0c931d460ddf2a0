/**
 * The `error_if` primitive: the identity, which ends the program where a predicate is true.
 *
 * What comes after it sees its operands as they are: it has no memory, no derivative and no axis of its own. It goes where its
 * results are unused; what is left of it in the end is a call of the host that happens only if the predicate is true.
 *
 * @module
 */
import { RuntimeCheckError, warn } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import type { ShapedArray } from "../core/aval.ts";
import { dtypeInfo, isInexact } from "../core/dtype.ts";
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import { onlyWhole } from "../core/partition.ts";
import { isOnHost } from "../core/placement.ts";
import { type Primitive, UndefinedPrimal, Zero } from "../core/primitive.ts";
import { bind } from "../core/trace.ts";
import { axisToFront, literal } from "../ops/common.ts";
import { select } from "../ops/logic.ts";
import { reduceOr } from "../ops/reduce.ts";
import { axisTools, batchToFront, broadcastInDim } from "../ops/shape.ts";
import { stage } from "../transform/stage.ts";
import { callLowering, type HostFunction } from "./callback.ts";
import { isPresent } from "./common.ts";

/** Parameters of {@linkcode errorIfP}. */
export interface ErrorIfParams {
  /** What may be wrong; an index, which is an operand, tells which. */
  readonly messages: readonly string[];
  /** Whether to throw, or to go on with NaN (the largest integer, true) in place of the operands; after a stop in a debugger, perhaps. */
  readonly onError: "raise" | "nan" | "breakpoint";
}

/** Where checks were traced, by their lists of messages: not among the parameters, because equal checks are equal wherever they stand. */
const sites = new WeakMap<readonly string[], Error>();

/** The error of a check. */
export function checkError(message: string, messages: readonly string[]): RuntimeCheckError {
  const site = sites.get(messages);
  return new RuntimeCheckError(message, site === undefined ? {} : { cause: site });
}

/** The message for an index. */
export function messageAt(messages: readonly string[], index: number): string {
  return messages[index] ??
    `index ${index} is out of bounds for the ${messages.length} messages of branchedErrorIf: ${
      messages.map((m) => JSON.stringify(m)).join(", ")
    }`;
}

/** Says what is wrong, and stops in the debugger that is attached. Without one the program goes on. */
export function stopAt(message: string): void {
  warn(`a runtime check failed: ${message}`);
  // deno-lint-ignore no-debugger -- this is what the caller asked for
  debugger;
}

/** What a predicate that is true in some place means, in words. */
function failure(pred: NDArray, index: NDArray, messages: readonly string[]): string {
  const { shape } = pred;
  if (shape.length === 0) return messageAt(messages, index.item());
  const flags = pred.dataSync();
  const which = index.dataSync();
  const lines: string[] = [];
  for (let at = 0; at < flags.length; at++) {
    if (!flags[at]) continue;
    const place: number[] = [];
    for (let axis = shape.length - 1, rest = at; axis >= 0; axis--) {
      place.unshift(rest % shape[axis]);
      rest = Math.floor(rest / shape[axis]);
    }
    const message = messageAt(messages, Number(which[which.length === 1 ? 0 : at]));
    lines.push(
      `Batch index (${place.join(", ")}${place.length === 1 ? "," : ""}) had error:\n${message}`,
    );
  }
  return lines.join("\n");
}

/** Throws or stops, as is asked for, where a predicate is true. */
function fail(pred: NDArray, index: NDArray, { messages, onError }: ErrorIfParams): void {
  const message = failure(pred, index, messages);
  if (onError === "raise") throw checkError(message, messages);
  stopAt(message);
}

/** Whether a predicate over a batch is true anywhere, 0-d. */
function anyOf(pred: NDArray): NDArray {
  return pred.ndim === 0 ? pred : reduceOr(pred, pred.shape.map((_, i) => i));
}

/** What stands in place of an array that is wrong: NaN, the largest integer, true. */
export function nanLike(x: NDArray): NDArray {
  if (x.dtype === "key<fry>") return x;
  return broadcastInDim(literal(nanOf(x), x.dtype), x.shape, []);
}

function nanOf({ dtype }: NDArray): number | bigint | boolean {
  const { kind, bytes } = dtypeInfo(dtype);
  if (isInexact(dtype)) return NaN;
  if (kind === "bool") return true;
  const largest = 2n ** BigInt(8 * bytes - (kind === "signed" ? 1 : 0)) - 1n;
  return bytes === 8 ? largest : Number(largest);
}

/** The operands with `nanLike` in their place where the predicate is true. */
function poisoned(xs: readonly NDArray[], pred: NDArray): NDArray[] {
  const wrong = anyOf(pred);
  return xs.map((x) => select(broadcastInDim(wrong, x.shape, []), nanLike(x), x));
}

/** `error_callback`: calls the host to throw, or to stop, if its first operand is true. */
const errorCallbackP: Primitive<ErrorIfParams> = {
  name: "error_callback",
  abstractEval: () => [],
  lower: (reads, ins, outs, params) => {
    const errorIf: HostFunction = ([, pred, index]) => {
      fail(pred, index, params);
      return [];
    };
    return callLowering("error_callback", reads.length, ins, outs, errorIf, true);
  },
  partition: ({ operands, params }) => {
    // In a loop each device would stop.
    if (params.onError !== "raise") onlyWhole("a breakpoint stops once, for all devices")();
    // The predicate is gathered; what all devices have alike is looked at once.
    return { operands: operands.map(() => null) };
  },
  effect: true,
};

/** What a check is once it is known that its results are used. */
function effectOf(
  params: ErrorIfParams,
  avals: readonly ShapedArray[],
): ClosedJaxpr {
  return stage((inputs) => {
    const xs = inputs.slice(0, -2);
    const [pred, index] = inputs.slice(-2);
    const { onError } = params;
    if (onError !== "nan") bind(errorCallbackP, [anyOf(pred), pred, index], params);
    return onError === "raise" ? xs : poisoned(xs, pred);
  }, avals);
}

/**
 * `error_if`: operands are arrays, a predicate (bool) and an index (int32) into the messages; results are the arrays. Where it is mapped, the axes
 * are in front of the predicate, and of the index if that depends on them.
 */
export const errorIfP: Primitive<ErrorIfParams> = {
  name: "error_if",
  abstractEval: (ins) => ins.slice(0, -2),
  evaluate: (operands, params) => {
    const { onError } = params;
    const xs = operands.slice(0, -2);
    const [pred, index] = operands.slice(-2);
    if (!isOnHost(pred) || !isOnHost(index)) return null;
    if (onError !== "nan" && anyOf(pred).item() !== 0) fail(pred, index, params);
    return onError === "raise" ? xs : poisoned(xs, pred);
  },
  jvp: (primals, tangents, params) => {
    return [bind(errorIfP, primals, params), tangents.slice(0, -2)];
  },
  transpose: (cts, operands, params) => {
    const check = operands.slice(-2) as NDArray[];
    const checked = bind(errorIfP, [...cts.filter(isPresent), ...check], params);
    let next = 0;
    return [
      ...cts.map((ct, i) => {
        const given = isPresent(ct) ? checked[next++] : new Zero(ct.aval);
        return operands[i] instanceof UndefinedPrimal ? given : null;
      }),
      null,
      null,
    ];
  },
  batch: (operands, dims, params, size) => {
    const count = operands.length - 2;
    const [pred, index] = operands.slice(count);
    const [predDim, indexDim] = dims.slice(count);
    let check = [pred, index];
    if (predDim !== null || indexDim !== null) {
      const front = (x: NDArray, dim: number | null) =>
        dim === null ? batchToFront(x, null, size) : axisToFront(axisTools, x, dim);
      // An index that is the same for all stays 0-d.
      const isCommon = indexDim === null && index.ndim === 0;
      check = [front(pred, predDim), isCommon ? index : front(index, indexDim)];
      if (!isCommon && index.ndim - (indexDim === null ? 0 : 1) < check[0].ndim - 1) {
        check[1] = broadcastInDim(check[1], check[0].shape, [0]);
      }
    }
    return [bind(errorIfP, [...operands.slice(0, count), ...check], params), dims.slice(0, count)];
  },
  higherOrder: {
    inlineUsed: effectOf,
    partialEval: (known, operands, avals, params) => {
      const count = operands.length - 2;
      const check = operands.slice(count);
      const unknownAvals = avals.slice(0, count).filter((_, i) => !known[i]);
      if (check.includes(null)) {
        // The check itself is to be done later, and so is all that waits for it.
        const residuals = operands.filter((x): x is NDArray => x !== null);
        let [nextKnown, nextUnknown] = [0, residuals.length];
        return {
          knownOuts: avals.slice(0, count).map(() => null),
          residuals,
          primitive: errorIfP,
          params,
          unknownAvals: avals.slice(0, count),
          inputOrder: known.map((k) => k ? nextKnown++ : nextUnknown++),
        };
      }
      const residuals = check as NDArray[];
      const values = operands.slice(0, count).filter((x): x is NDArray => x !== null);
      const done = values.length === 0 ? [] : bind(errorIfP, [...values, ...residuals], params);
      let next = 0;
      return {
        knownOuts: known.slice(0, count).map((k) => k ? done[next++] : null),
        residuals,
        primitive: errorIfP,
        params,
        unknownAvals,
        inputOrder: [...unknownAvals.map((_, i) => i + 2), 0, 1],
      };
    },
  },
};

/** Binds a check, remembering where: the error will show it. */
export function errorIf(
  xs: readonly NDArray[],
  pred: NDArray,
  index: NDArray,
  params: ErrorIfParams,
  caller: (...args: never[]) => unknown,
): readonly NDArray[] {
  const site = new Error("the check was traced here");
  site.name = "Site";
  (Error as { captureStackTrace?: (error: Error, below: unknown) => void })
    .captureStackTrace?.(site, caller);
  sites.set(params.messages, site);
  return bind(errorIfP, [...xs, pred, index], params);
}
