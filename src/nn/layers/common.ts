/**
 * What layers share: the usual initialisation, the calls' options, the keys of parts.
 *
 * @module
 */
import { ArgumentError } from "../../errors.ts";
import { NDArray } from "../../core/array.ts";
import type { Shape } from "../../core/aval.ts";
import { checkDType, type DType, isComplex, partOf, promoteTypes } from "../../core/dtype.ts";
import { complex } from "../../ops/parts.ts";
import { uniform } from "../../random/continuous.ts";
import { split } from "../../random/keys.ts";
import { State } from "../state.ts";
import { describeValue } from "../../filter/leaves.ts";

/** What every layer takes when it is called. */
export interface CallOptions {
  /** Randomness, for the layers that need it; the others ignore it. */
  readonly key?: NDArray | null;
  /** For the layers that behave differently when no longer trained. */
  readonly inference?: boolean | null;
  /** None: a call with a state gives a state back, and has a type of its own. */
  readonly state?: null;
}

/** What a call takes that hands state through: it returns `[y, newState]`. */
export interface StatefulCallOptions extends Omit<CallOptions, "state"> {
  /** The state of the model, or of a larger one. */
  readonly state: State;
}

/** What a call returns: `out`, with the state beside it where one was given. */
export function withState(
  out: NDArray,
  { state }: { readonly state?: State | null },
): NDArray | [NDArray, State] {
  return state === undefined || state === null ? out : [out, state];
}

/** Options of layers with parameters. */
export interface ParameterOptions {
  /** Where the initial parameters come from. */
  readonly key: NDArray;
  /** Of the parameters; float32 unless given. */
  readonly dtype?: DType;
}

/** A number of features, or `"scalar"` for arrays without an axis. */
export type Features = number | "scalar";

/** Checks a number of features. */
export function checkFeatures(features: Features, where: string): number {
  if (features === "scalar") return 1;
  if (!Number.isInteger(features) || features < 0) {
    throw new ArgumentError(
      `${where} must be a non-negative integer or "scalar"; got ${String(features)}`,
    );
  }
  return features;
}

/** Checks that what a layer is called with is an array, before anything is asked of it. `what` names the layer and its argument. */
export function checkArray(x: unknown, what: string): void {
  if (x instanceof NDArray) return;
  throw new ArgumentError(
    `${what} must be an NDArray, such as np.array makes; got ${describeValue(x)}`,
  );
}

/** Checks that a state was given to a layer that has some. */
export function checkState(state: unknown, where: string): void {
  if (state instanceof State) return;
  throw new ArgumentError(
    `${where}: needs the model's state: const [model, state] = nn.makeWithState(...)(...); ` +
      `const [y, next] = layer.call(x, { state }); got ${describeValue(state)}`,
  );
}

/** Checks that a key was given. */
export function checkKey(key: unknown, where: string): NDArray {
  if (key instanceof NDArray) return key;
  throw new ArgumentError(
    `${where}: needs a key for its initial parameters: { key: random.key(seed) }`,
  );
}

/** Uniform in `(-limit, limit)`; of a complex dtype both parts. */
export function uniformInit(
  key: NDArray,
  shape: Shape,
  limit: number,
  dtype: DType | undefined,
  where: string,
): NDArray {
  const checked = checkDType(dtype ?? "float32", `${where}: options.dtype`);
  const draw = (k: NDArray) =>
    uniform(k, shape, { minval: -limit, maxval: limit, dtype: partOf(checked) });
  if (!isComplex(checked)) return draw(key);
  const keys = split(key);
  return complex(draw(keys.get(0)), draw(keys.get(1)));
}

/** The dtype in which statistics of a layer's input are computed: at least float32. */
export function wideDType(dtype: DType): DType {
  return promoteTypes({ dtype, weakType: false }, { dtype: "float32", weakType: false }).dtype;
}
