/**
 * Dropout.
 *
 * @module
 */
import { ArgumentError } from "../../errors.ts";
import { NDArray } from "../../core/array.ts";
import { where } from "../../numpy/where.ts";
import { divide, subtract } from "../../numpy/ufuncs.ts";
import { stopGradient } from "../../ops/convert.ts";
import { bernoulli } from "../../random/discrete.ts";
import { Module } from "../../tree/module.ts";
import { type CallOptions, checkArray } from "./common.ts";
import { describeValue } from "../../filter/leaves.ts";

/** Options of {@linkcode Dropout}. */
export interface DropoutOptions {
  /** The probability of dropping an element, ½ unless given. */
  readonly p?: number | NDArray;
  /** Whether to hand everything on; false unless told. `nn.inferenceMode` sets it throughout a model. */
  readonly inference?: boolean;
}

/**
 * Sets elements to 0 at random, and scales the others by `1 / (1 - p)`. Srivastava et al. 2014.
 *
 * @example
 * ```ts
 * import { nn, numpy as np, random } from "@vernal/vernal";
 *
 * const dropout = new nn.Dropout({ p: 0.5 });
 * dropout.call(np.ones([4]), { key: random.key(0) }); // zeros and twos
 * dropout.call(np.ones([4]), { inference: true }); // ones
 * ```
 */
export class Dropout extends Module {
  /** The probability of dropping an element. */
  p: number | NDArray;
  /** Whether to hand everything on. */
  inference: boolean;

  /**
   * Makes the layer.
   *
   * @param options `p`, `inference`.
   */
  constructor(options: DropoutOptions = {}) {
    super();
    if (typeof options !== "object" || options === null || options instanceof NDArray) {
      throw new ArgumentError(
        `nn.Dropout: expected options, as in new nn.Dropout({ p: 0.5 }); got ${String(options)}`,
      );
    }
    const { p = 0.5 } = options;
    if (!(p instanceof NDArray) && !(typeof p === "number" && p >= 0 && p <= 1)) {
      throw new ArgumentError(
        `nn.Dropout: p must be a probability, from 0 to 1; got ${describeValue(p)}`,
      );
    }
    this.p = p;
    this.inference = options.inference ?? false;
  }

  /** Drops elements of `x`, of any shape. Needs `options.key` unless it hands everything on. */
  call(x: NDArray, options: CallOptions = {}): NDArray {
    const inference = options.inference ?? this.inference;
    if (inference || this.p === 0) return x;
    checkArray(x, "nn.Dropout: x");
    if (!(options.key instanceof NDArray)) {
      throw new ArgumentError(
        "nn.Dropout: needs a key to drop elements: dropout.call(x, { key }); or set inference: true; " +
          `got ${describeValue(options.key)}`,
      );
    }
    const keep = this.p instanceof NDArray ? subtract(1, stopGradient(this.p)) : 1 - this.p;
    const mask = bernoulli(options.key, { p: keep, shape: x.shape });
    return where(mask, divide(x, keep), 0);
  }
}
