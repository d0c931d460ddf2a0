/**
 * Weight normalisation.
 *
 * @module
 */
import type { NDArray } from "../../core/array.ts";
import { conj, real } from "../../numpy/complex.ts";
import { sqrt } from "../../numpy/elementary.ts";
import { normalizeAxis } from "../../numpy/promote.ts";
import { sum } from "../../numpy/reductions.ts";
import { divide, multiply } from "../../numpy/ufuncs.ts";
import { type Field, field } from "../../tree/field.ts";
import { Module } from "../../tree/module.ts";
import type { CallOptions } from "./common.ts";
import { callWith, parameterOf, type ParametrisedLayer } from "./reparametrised.ts";

/** Options of {@linkcode WeightNorm}. */
export interface WeightNormOptions {
  /** The name of the layer's array that is normalised; `"weight"` unless given. */
  readonly weightName?: string;
  /** The axis along which each entry has a norm of its own, 0 unless given; `null` for one norm of the whole. */
  readonly axis?: number | null;
}

/**
 * A layer whose weight `v` is replaced by `g * v / |v|`: direction and magnitude are learnt apart. Salimans and Kingma 2016,
 * https://arxiv.org/abs/1602.07868.
 *
 * `g` starts as the norm of the weight, so at first the layer does what the wrapped one does.
 *
 * @example
 * ```ts
 * import { nn, numpy as np, random } from "@vernal/vernal";
 *
 * const layer = new nn.WeightNorm(new nn.Linear(3, 4, { key: random.key(0) }));
 * layer.g.shape; // [4, 1]
 * layer.call(np.ones([3])).shape; // [4]
 * ```
 */
export class WeightNorm<L extends ParametrisedLayer = ParametrisedLayer> extends Module {
  /** The layer; of its weight the direction counts. */
  layer: L;
  /** The magnitude, of the weight's rank: 1 along all axes but `axis`. */
  g: NDArray;
  /** The name of the weight. */
  weightName: string;
  /** The axis along which each entry has a norm of its own, or `null`. */
  axis: number | null;

  /** Which fields are part of the structure. */
  static fields: Record<string, Field> = {
    weightName: field({ static: true }),
    axis: field({ static: true }),
  };

  /**
   * Wraps a layer.
   *
   * @param layer The layer.
   * @param options `weightName`, `axis`.
   */
  constructor(layer: L, options: WeightNormOptions = {}) {
    super();
    const { weightName = "weight", axis = 0 } = options;
    this.layer = layer;
    this.weightName = weightName;
    this.axis = axis;
    this.g = normExcept(parameterOf(layer, weightName, "nn.WeightNorm"), axis);
  }

  /** Calls the layer with its weight normalised. */
  call(x: NDArray, options: CallOptions = {}): NDArray {
    const v = parameterOf(this.layer, this.weightName, "nn.WeightNorm");
    const weight = divide(multiply(v, this.g), normExcept(v, this.axis));
    return callWith(this.layer, this.weightName, weight, x, options);
  }
}

/** The root of the sum of squares over all axes but one, which keep size 1. */
function normExcept(v: NDArray, axis: number | null): NDArray {
  const kept = axis === null ? -1 : normalizeAxis(axis, v.ndim, "nn.WeightNorm");
  const axes = v.shape.map((_, i) => i).filter((i) => i !== kept);
  return sqrt(sum(real(multiply(v, conj(v))), { axis: axes, keepdims: true }));
}
