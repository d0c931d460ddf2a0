/**
 * Batch normalisation.
 *
 * @module
 */
import { ArgumentError, ShapeError, warn } from "../../errors.ts";
import type { NDArray } from "../../core/array.ts";
import { formatShape } from "../../core/aval.ts";
import type { AxisName } from "../../core/axis_env.ts";
import type { DType } from "../../core/dtype.ts";
import { pmean } from "../../lax/collectives.ts";
import { conj } from "../../numpy/complex.ts";
import { sqrt } from "../../numpy/elementary.ts";
import { array, ones, zeros } from "../../numpy/creation.ts";
import { mean } from "../../numpy/reductions.ts";
import { add, divide, equal, maximum, multiply, power, subtract } from "../../numpy/ufuncs.ts";
import { where } from "../../numpy/where.ts";
import { reshape } from "../../ops/shape.ts";
import { type Field, field } from "../../tree/field.ts";
import { type State, StateIndex } from "../state.ts";
import { checkArray, checkState, type StatefulCallOptions } from "./common.ts";
import { StatefulLayer } from "./stateful.ts";
import { describeValue } from "../../filter/leaves.ts";

/** How {@linkcode BatchNorm} uses its running statistics. */
export type BatchNormMode = "ema" | "batch";

/** Options of {@linkcode BatchNorm}. */
export interface BatchNormOptions {
  /**
   * `"batch"`: training normalises by the batch's own statistics, as elsewhere; inference by the running ones.
   * `"ema"`: training too normalises by the running statistics. It is what Equinox does unless told, and so what happens here, with
   * a warning.
   */
  readonly mode?: BatchNormMode;
  /** Added to the variance, 1e-5 unless given. */
  readonly eps?: number;
  /** Whether to scale and shift every channel by parameters; true unless told. */
  readonly channelwiseAffine?: boolean;
  /** How much of the running statistics stays at each step; 0.99 unless given. */
  readonly momentum?: number;
  /** Whether to use the running statistics and leave them as they are; false unless told. `nn.inferenceMode` sets it. */
  readonly inference?: boolean;
  /** Of the parameters and the running statistics; float32 unless given. */
  readonly dtype?: DType;
}

/** What {@linkcode BatchNorm} keeps from batch to batch. */
export type RunningStatistics = readonly [mean: NDArray, variance: NDArray];

/**
 * Scales every channel to mean 0 and variance 1 over the batch and all other axes; then by learnt weight and bias.
 * Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167.
 *
 * It works on one example, and takes the batch's mean over a named axis: call it under `filterVmap` with that `axisName`. The
 * running statistics are state: see {@linkcode makeWithState}.
 *
 * @example
 * ```ts
 * import { filterVmap, type NDArray, nn, numpy as np } from "@vernal/vernal";
 *
 * const [norm, state] = nn.makeWithState(nn.BatchNorm)(3, "batch", { mode: "batch" });
 * const train = filterVmap((x: NDArray, state: nn.State) => norm.call(x, { state }), {
 *   axisName: "batch",
 *   inAxes: [0, null],
 *   outAxes: [0, null],
 * });
 * const [y, next] = train(np.array([[1, 2, 3], [3, 2, 1]]), state);
 * y.shape; // [2, 3]
 * nn.inferenceMode(norm).call(np.ones([3]), { state: next })[0].shape; // [3]
 * ```
 */
export class BatchNorm extends StatefulLayer {
  /** Shape `[inputSize]`, or `null`. */
  weight: NDArray | null;
  /** Shape `[inputSize]`, or `null`. */
  bias: NDArray | null;
  /** Of mode `"ema"`: whether no batch was seen yet. */
  emaFirstTimeIndex: StateIndex<NDArray> | null;
  /** Of mode `"ema"`: the running statistics. */
  emaStateIndex: StateIndex<RunningStatistics> | null;
  /** Of mode `"batch"`: the number of batches seen. */
  batchCounter: StateIndex<NDArray> | null;
  /** Of mode `"batch"`: the running statistics. */
  batchStateIndex: StateIndex<RunningStatistics> | null;
  /** The mapped axis, or axes, that make the batch. */
  axisName: AxisName | readonly AxisName[];
  /** Whether to use the running statistics and leave them as they are. */
  inference: boolean;
  /** The number of channels. */
  inputSize: number;
  /** Added to the variance. */
  eps: number;
  /** Whether there are weight and bias. */
  channelwiseAffine: boolean;
  /** How much of the running statistics stays at each step. */
  momentum: number;
  /** How the running statistics are used. */
  mode: BatchNormMode;

  /** Which fields are part of the structure. */
  static fields: Record<string, Field> = {
    inputSize: field({ static: true }),
    eps: field({ static: true }),
    channelwiseAffine: field({ static: true }),
    momentum: field({ static: true }),
    mode: field({ static: true }),
  };

  /**
   * Makes the layer.
   *
   * @param inputSize The number of channels.
   * @param axisName The `axisName` of the `filterVmap` over the batch; or a list of several.
   * @param options `mode`; `eps`, `channelwiseAffine`, `momentum`, `inference`, `dtype`.
   */
  constructor(
    inputSize: number,
    axisName: AxisName | readonly AxisName[],
    options: BatchNormOptions = {},
  ) {
    super();
    const { eps = 1e-5, channelwiseAffine = true, momentum = 0.99, inference = false } = options;
    if (!Number.isInteger(inputSize) || inputSize < 0) {
      throw new ArgumentError(
        `nn.BatchNorm: inputSize must be a non-negative integer; got ${describeValue(inputSize)}`,
      );
    }
    for (const name of Array.isArray(axisName) ? axisName : [axisName]) {
      if (["string", "number", "symbol"].includes(typeof name)) continue;
      throw new ArgumentError(
        `nn.BatchNorm: axisName must be the axisName of a filterVmap, or a list of several; got ${
          describeValue(name)
        }`,
      );
    }
    const mode = options.mode ?? "ema";
    if (mode !== "ema" && mode !== "batch") {
      throw new ArgumentError(
        `nn.BatchNorm: mode must be "ema" or "batch"; got ${String(mode)}`,
      );
    }
    if (options.mode === undefined) {
      warn(
        'nn.BatchNorm: no mode was given, so it is "ema", as in Equinox. "batch" usually trains better and is what other ' +
          'libraries do: say { mode: "batch" } or { mode: "ema" }',
      );
    }
    const dtype = options.dtype === undefined ? {} : { dtype: options.dtype };
    const statistics = (variance: typeof ones) =>
      new StateIndex<RunningStatistics>([zeros([inputSize], dtype), variance([inputSize], dtype)]);
    this.weight = channelwiseAffine ? ones([inputSize], dtype) : null;
    this.bias = channelwiseAffine ? zeros([inputSize], dtype) : null;
    const isEma = mode === "ema";
    this.emaFirstTimeIndex = isEma ? new StateIndex(array(true)) : null;
    this.emaStateIndex = isEma ? statistics(zeros) : null;
    this.batchCounter = isEma ? null : new StateIndex(array(0, { dtype: "int32" }));
    this.batchStateIndex = isEma ? null : statistics(ones);
    this.axisName = axisName;
    this.inference = inference;
    this.inputSize = inputSize;
    this.eps = eps;
    this.channelwiseAffine = channelwiseAffine;
    this.momentum = momentum;
    this.mode = mode;
  }

  /**
   * Normalises one example of a batch.
   *
   * @param x One example, of shape `[inputSize, ...]`.
   * @param options `state`; `inference`, before the layer's own.
   * @returns The result, of the shape of `x`, and the state with the statistics brought forward.
   * @throws {AxisNameError} In training, where no `filterVmap` with the layer's `axisName` is around.
   */
  call(x: NDArray, options: StatefulCallOptions): [NDArray, State] {
    const { state } = options ?? {};
    checkState(state, "nn.BatchNorm");
    checkArray(x, "nn.BatchNorm: x");
    if (x.ndim === 0 || x.shape[0] !== this.inputSize) {
      throw new ShapeError(
        `nn.BatchNorm: expected one example of shape [${this.inputSize}, ...]; got ${
          formatShape(x.shape)
        }. For a batch, map the layer: filterVmap((row, state) => norm.call(row, { state }), ` +
          `{ axisName: ${
            JSON.stringify(this.axisName)
          }, inAxes: [0, null], outAxes: [0, null] })(x, state)`,
      );
    }
    const inference = options.inference ?? this.inference;
    const [[center, variance], next] = this.mode === "ema"
      ? emaStatistics(this, x, state, inference)
      : batchStatistics(this, x, state, inference);
    const column = [this.inputSize, ...x.shape.slice(1).map(() => 1)];
    const perChannel = (v: NDArray) => reshape(v, column);
    let out = divide(
      subtract(x, perChannel(center)),
      sqrt(add(perChannel(variance), this.eps)),
    );
    if (this.weight !== null) out = multiply(out, perChannel(this.weight));
    if (this.bias !== null) out = add(out, perChannel(this.bias));
    return [out, next];
  }
}

/** Mean and variance of every channel, over the batch and all other axes. */
function statisticsOf(layer: BatchNorm, x: NDArray): RunningStatistics {
  const others = x.shape.slice(1).map((_, i) => i + 1);
  const overBatch = (v: NDArray) => pmean(mean(v, { axis: others }), layer.axisName);
  const center = overBatch(x);
  const deviation = subtract(x, reshape(center, [layer.inputSize, ...others.map(() => 1)]));
  return [center, maximum(overBatch(multiply(deviation, conj(deviation))), 0)];
}

function emaStatistics(
  layer: BatchNorm,
  x: NDArray,
  state: State,
  inference: boolean,
): [RunningStatistics, State] {
  const running = state.get(layer.emaStateIndex!);
  if (inference) return [running, state];
  const first = layer.emaFirstTimeIndex!;
  const isFirst = state.get(first);
  const { momentum } = layer;
  const batch = statisticsOf(layer, x);
  const [center, variance] = batch.map((own, i) =>
    where(isFirst, own, add(multiply(own, 1 - momentum), multiply(running[i], momentum)))
  );
  const statistics = [center, variance] as const;
  return [statistics, state.set(first, array(false)).set(layer.emaStateIndex!, statistics)];
}

function batchStatistics(
  layer: BatchNorm,
  x: NDArray,
  state: State,
  inference: boolean,
): [RunningStatistics, State] {
  const counter = state.get(layer.batchCounter!);
  const hidden = state.get(layer.batchStateIndex!);
  const { momentum } = layer;
  if (inference) {
    // The hidden averages start at 0 and 1; dividing takes out the part of them that no batch has filled yet.
    const filled = where(equal(counter, 0), 1, subtract(1, power(momentum, counter)));
    return [[divide(hidden[0], filled), divide(hidden[1], filled)], state];
  }
  const batch = statisticsOf(layer, x);
  const [center, variance] = batch.map((own, i) =>
    add(multiply(hidden[i], momentum), multiply(own, 1 - momentum))
  );
  const next = state.set(layer.batchCounter!, add(counter, 1))
    .set(layer.batchStateIndex!, [center, variance]);
  return [batch, next];
}
