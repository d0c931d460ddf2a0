/**
 * Layer normalisation.
 *
 * @module
 */
import type { NDArray } from "../../core/array.ts";
import type { Shape } from "../../core/aval.ts";
import type { DType } from "../../core/dtype.ts";
import { checkShape, ones, zeros } from "../../numpy/creation.ts";
import { mean, variance } from "../../numpy/reductions.ts";
import { add, maximum, multiply, subtract } from "../../numpy/ufuncs.ts";
import { rsqrt } from "../../ops/elementary.ts";
import { type Field, field } from "../../tree/field.ts";
import { Module } from "../../tree/module.ts";
import type { State } from "../state.ts";
import { type CallOptions, type StatefulCallOptions, withState } from "./common.ts";
import { normaliseExample } from "./normalised.ts";

/** Options of {@linkcode LayerNorm}. */
export interface LayerNormOptions {
  /** Added to the variance, 1e-5 unless given. */
  readonly eps?: number;
  /** Whether to scale by a parameter; true unless told. */
  readonly useWeight?: boolean;
  /** Whether to add a parameter; true unless told. */
  readonly useBias?: boolean;
  /** Of the parameters; float32 unless given. */
  readonly dtype?: DType;
}

/**
 * Scales one example to mean 0 and variance 1 over all its elements, then by learnt weight and bias. Ba et al. 2016,
 * https://arxiv.org/abs/1607.06450.
 *
 * @example
 * ```ts
 * import { nn, numpy as np } from "@vernal/vernal";
 *
 * const norm = new nn.LayerNorm(4);
 * norm.call(np.array([1, 2, 3, 4])).shape; // [4]
 * ```
 */
export class LayerNorm extends Module {
  /** The shape of an example. */
  shape: Shape;
  /** Added to the variance. */
  eps: number;
  /** Whether there is a weight. */
  useWeight: boolean;
  /** Whether there is a bias. */
  useBias: boolean;
  /** Of the example's shape, or `null`. */
  weight: NDArray | null;
  /** Of the example's shape, or `null`. */
  bias: NDArray | null;

  /** Which fields are part of the structure. */
  static fields: Record<string, Field> = {
    shape: field({ static: true }),
    eps: field({ static: true }),
    useWeight: field({ static: true }),
    useBias: field({ static: true }),
  };

  /**
   * Makes the layer.
   *
   * @param shape The shape of an example.
   * @param options `eps`, `useWeight`, `useBias`, `dtype`.
   */
  constructor(shape: Shape | number, options: LayerNormOptions = {}) {
    super();
    const { eps = 1e-5, useWeight = true, useBias = true } = options;
    const dtype = options.dtype === undefined ? {} : { dtype: options.dtype };
    this.shape = checkShape(shape, "nn.LayerNorm");
    this.eps = eps;
    this.useWeight = useWeight;
    this.useBias = useBias;
    this.weight = useWeight ? ones(this.shape, dtype) : null;
    this.bias = useBias ? zeros(this.shape, dtype) : null;
  }

  /** Normalises one example, of exactly the layer's shape. For batches use `filterVmap`. A state is given back as it came. */
  call(x: NDArray, options: StatefulCallOptions): [NDArray, State];
  /** As above, without state. */
  call(x: NDArray, options?: CallOptions): NDArray;
  call(
    x: NDArray,
    options: CallOptions | StatefulCallOptions = {},
  ): NDArray | [NDArray, State] {
    const out = normaliseExample(x, this, "nn.LayerNorm", (wide) => {
      const center = mean(wide, { keepdims: true });
      const spread = maximum(variance(wide, { keepdims: true }), 0);
      return multiply(subtract(wide, center), rsqrt(add(spread, this.eps)));
    });
    return withState(out, options);
  }
}
