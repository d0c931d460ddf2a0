/**
 * Activations with parameters.
 *
 * @module
 */
import type { ArrayLike, NDArray } from "../../core/array.ts";
import { promoteTypes } from "../../core/dtype.ts";
import { asArray } from "../../numpy/promote.ts";
import { greaterEqual, multiply } from "../../numpy/ufuncs.ts";
import { where } from "../../numpy/where.ts";
import { convertElementType } from "../../ops/convert.ts";
import { Module } from "../../tree/module.ts";
import { type CallOptions, checkArray } from "./common.ts";

/** Options of {@linkcode PReLU}. */
export interface PReLUOptions {
  /** The slope below 0 at first, ¼ unless given: a number, or an array that is broadcast with the last axes of the input. */
  readonly initAlpha?: ArrayLike;
}

/**
 * `x` where it is not negative, and a learnt slope times `x` where it is. He et al. 2015, https://arxiv.org/abs/1502.01852.
 *
 * @example
 * ```ts
 * import { nn, numpy as np } from "@vernal/vernal";
 *
 * new nn.PReLU().call(np.array([-4, 2])).tolist(); // [-1, 2]
 * ```
 */
export class PReLU extends Module {
  /** The slope below 0. */
  negativeSlope: NDArray;

  /**
   * Makes the activation.
   *
   * @param options `initAlpha`.
   */
  constructor(options: PReLUOptions = {}) {
    super();
    this.negativeSlope = asArray(options.initAlpha ?? 0.25, "nn.PReLU: initAlpha");
  }

  /** Applies the activation to an array of any shape with which the slope can be broadcast. */
  call(x: NDArray, _options: CallOptions = {}): NDArray {
    checkArray(x, "nn.PReLU: x");
    // Promoted by name: the slope's dtype may be wider than an activation's, and that is meant.
    const { dtype } = promoteTypes(x.aval, this.negativeSlope.aval);
    const [slope, value] = [this.negativeSlope, x].map((v) =>
      v.dtype === dtype ? v : convertElementType(v, dtype)
    );
    return where(greaterEqual(x, 0), value, multiply(slope, value));
  }
}
