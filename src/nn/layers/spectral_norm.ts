/**
 * Spectral normalisation.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../../errors.ts";
import type { NDArray } from "../../core/array.ts";
import { formatShape } from "../../core/aval.ts";
import { sqrt } from "../../numpy/elementary.ts";
import { matmul } from "../../numpy/linalg_basic.ts";
import { sum } from "../../numpy/reductions.ts";
import { divide, maximum, square } from "../../numpy/ufuncs.ts";
import { stopGradient } from "../../ops/convert.ts";
import { reshape } from "../../ops/shape.ts";
import { normal } from "../../random/continuous.ts";
import { split } from "../../random/keys.ts";
import { type Field, field } from "../../tree/field.ts";
import { type State, StateIndex } from "../state.ts";
import { checkKey, checkState, type StatefulCallOptions } from "./common.ts";
import { callWith, parameterOf, type ParametrisedLayer } from "./reparametrised.ts";
import { StatefulLayer } from "./stateful.ts";

/** Options of {@linkcode SpectralNorm}. */
export interface SpectralNormOptions {
  /** How many steps of the power iteration a call in training takes; 1 unless given. */
  readonly numPowerIterations?: number;
  /** The least norm that is divided by; 1e-12 unless given. */
  readonly eps?: number;
  /** Whether to leave the singular vectors as they are; false unless told. `nn.inferenceMode` sets it. */
  readonly inference?: boolean;
  /** Where the first singular vectors come from. */
  readonly key: NDArray;
}

/** The singular vectors of the largest singular value. */
export type SingularVectors = readonly [left: NDArray, right: NDArray];

/** The power iterations that the constructor takes. */
const initialIterations = 15;

/**
 * A layer whose weight is divided by its largest singular value, so that it stretches no input. Miyato et al. 2018,
 * https://arxiv.org/abs/1802.05957.
 *
 * The singular value is estimated by power iteration, a step at every call in training; its vectors are state: see
 * {@linkcode makeWithState}. A weight of more than two axes is taken as a matrix of its first axis and all others.
 *
 * @example
 * ```ts
 * import { nn, numpy as np, random } from "@vernal/vernal";
 *
 * const [k1, k2] = random.split(random.key(0));
 * const make = () => new nn.SpectralNorm(new nn.Linear(3, 4, { key: k1 }), "weight", { key: k2 });
 * const [layer, state] = nn.makeWithState(make)();
 * const [y, next] = layer.call(np.ones([3]), { state });
 * y.shape; // [4]
 * ```
 */
export class SpectralNorm<L extends ParametrisedLayer = ParametrisedLayer> extends StatefulLayer {
  /** The layer, its weight as it is learnt. */
  layer: L;
  /** The name of the weight. */
  weightName: string;
  /** The singular vectors of the largest singular value. */
  uvIndex: StateIndex<SingularVectors>;
  /** How many steps of the power iteration a call in training takes. */
  numPowerIterations: number;
  /** The least norm that is divided by. */
  eps: number;
  /** Whether to leave the singular vectors as they are. */
  inference: boolean;

  /** Which fields are part of the structure. */
  static fields: Record<string, Field> = {
    weightName: field({ static: true }),
    numPowerIterations: field({ static: true }),
    eps: field({ static: true }),
  };

  /**
   * Wraps a layer.
   *
   * @param layer The layer.
   * @param weightName The name of its array that is to be normalised, such as `"weight"`.
   * @param options `key`; `numPowerIterations`, `eps`, `inference`.
   * @throws {ShapeError} Where the array has fewer than two axes.
   */
  constructor(layer: L, weightName: string, options: SpectralNormOptions) {
    super();
    const { numPowerIterations = 1, eps = 1e-12, inference = false } = options ?? {};
    const key = checkKey(options?.key, "nn.SpectralNorm");
    if (!Number.isInteger(numPowerIterations) || numPowerIterations < 0) {
      throw new ArgumentError(
        `nn.SpectralNorm: numPowerIterations must be a non-negative integer; got ${numPowerIterations}`,
      );
    }
    const weight = parameterOf(layer, weightName, "nn.SpectralNorm");
    if (weight.ndim < 2) {
      throw new ShapeError(
        `nn.SpectralNorm: the weight must have at least two axes; '${weightName}' has shape ${
          formatShape(weight.shape)
        }`,
      );
    }
    const matrix = asMatrix(weight);
    const keys = split(key);
    const start = (i: number) =>
      normal(keys.get(i), [matrix.shape[i]], { dtype: matrix.dtype as "float32" });
    let vectors: SingularVectors = [start(0), start(1)];
    for (let i = 0; i < initialIterations; i++) vectors = powerIteration(matrix, vectors, eps);
    this.layer = layer;
    this.weightName = weightName;
    this.uvIndex = new StateIndex(vectors);
    this.numPowerIterations = numPowerIterations;
    this.eps = eps;
    this.inference = inference;
  }

  /**
   * Calls the layer with its weight normalised.
   *
   * @param x What the layer takes.
   * @param options `state`; `inference`, before the layer's own; `key`, for the wrapped layer.
   * @returns What the layer gives, and the state with the singular vectors brought forward.
   */
  call(x: NDArray, options: StatefulCallOptions): [NDArray, State] {
    const { state, ...others } = options ?? {};
    checkState(state, "nn.SpectralNorm");
    const weight = parameterOf(this.layer, this.weightName, "nn.SpectralNorm");
    const matrix = asMatrix(weight);
    let vectors = state.get(this.uvIndex);
    let next = state;
    if (!(options.inference ?? this.inference)) {
      const constant = stopGradient(matrix);
      for (let i = 0; i < this.numPowerIterations; i++) {
        vectors = powerIteration(constant, vectors, this.eps);
      }
      next = state.set(this.uvIndex, vectors);
    }
    const [u, v] = vectors;
    const normalised = divide(weight, matmul(u, matmul(matrix, v)));
    return [callWith(this.layer, this.weightName, normalised, x, others), next];
  }
}

function asMatrix(weight: NDArray): NDArray {
  const rows = weight.shape[0];
  return reshape(weight, [rows, rows === 0 ? 0 : weight.size / rows]);
}

/** One step towards the singular vectors of the largest singular value. */
function powerIteration(matrix: NDArray, [, right]: SingularVectors, eps: number): SingularVectors {
  const unit = (x: NDArray) => divide(x, maximum(sqrt(sum(square(x))), eps));
  const u = unit(matmul(matrix, right));
  return [u, unit(matmul(matrix.T, u))];
}
