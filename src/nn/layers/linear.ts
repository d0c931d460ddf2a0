/**
 * Linear and Identity layers.
 *
 * @module
 */
import { ShapeError } from "../../errors.ts";
import type { NDArray } from "../../core/array.ts";
import { formatShape } from "../../core/aval.ts";
import { matmul } from "../../numpy/linalg_basic.ts";
import { add } from "../../numpy/ufuncs.ts";
import { reshape } from "../../ops/shape.ts";
import { split } from "../../random/keys.ts";
import { type Field, field } from "../../tree/field.ts";
import { Module } from "../../tree/module.ts";
import {
  type CallOptions,
  checkArray,
  checkFeatures,
  checkKey,
  type Features,
  type ParameterOptions,
  uniformInit,
} from "./common.ts";

/** Options of {@linkcode Linear}. */
export interface LinearOptions extends ParameterOptions {
  /** Whether to add a bias; true unless told. */
  readonly useBias?: boolean;
}

/**
 * A linear map of one example: `weight @ x + bias`.
 *
 * Parameters start uniform in `±1/√inFeatures`: Equinox's values for the same key.
 *
 * @example
 * ```ts
 * import { nn, numpy as np, random } from "@vernal/vernal";
 *
 * const layer = new nn.Linear(3, 4, { key: random.key(0) });
 * layer.call(np.ones([3])).shape; // [4]
 * ```
 */
export class Linear extends Module {
  /** Shape `[outFeatures, inFeatures]`. */
  weight: NDArray;
  /** Shape `[outFeatures]`, or `null`. */
  bias: NDArray | null;
  /** The size of the input, or `"scalar"`. */
  inFeatures: Features;
  /** The size of the output, or `"scalar"`. */
  outFeatures: Features;
  /** Whether there is a bias. */
  useBias: boolean;

  /** Which fields are part of the structure. */
  static fields: Record<string, Field> = {
    inFeatures: field({ static: true }),
    outFeatures: field({ static: true }),
    useBias: field({ static: true }),
  };

  /**
   * Makes the layer.
   *
   * @param inFeatures The size of the input, or `"scalar"` for inputs of shape `[]`.
   * @param outFeatures The size of the output, or `"scalar"`.
   * @param options `key`; `useBias`, `dtype`.
   */
  constructor(inFeatures: Features, outFeatures: Features, options: LinearOptions) {
    super();
    const { useBias = true, dtype } = options ?? {};
    const inSize = checkFeatures(inFeatures, "nn.Linear: inFeatures");
    const outSize = checkFeatures(outFeatures, "nn.Linear: outFeatures");
    const keys = split(checkKey(options?.key, "nn.Linear"), 2);
    const limit = inSize === 0 ? 1 : 1 / Math.sqrt(inSize);
    this.weight = uniformInit(keys.get(0), [outSize, inSize], limit, dtype, "nn.Linear");
    this.bias = useBias ? uniformInit(keys.get(1), [outSize], limit, dtype, "nn.Linear") : null;
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.useBias = useBias;
  }

  /** Applies the layer to one example, of shape `[inFeatures]`. For batches use `filterVmap`. */
  call(x: NDArray, _options: CallOptions = {}): NDArray {
    checkArray(x, "nn.Linear: x");
    const expected = this.inFeatures === "scalar" ? [] : [this.inFeatures];
    if (String(x.shape) !== String(expected) || x.ndim !== expected.length) {
      throw new ShapeError(
        `nn.Linear: expected one example of shape ${formatShape(expected)}; got ${
          formatShape(x.shape)
        }. For a batch, map the layer: filterVmap((row) => layer.call(row))(x)`,
      );
    }
    const input = this.inFeatures === "scalar" ? reshape(x, [1]) : x;
    const product = matmul(this.weight, input);
    const out = this.bias === null ? product : add(product, this.bias);
    return this.outFeatures === "scalar" ? reshape(out, []) : out;
  }
}

/** Hands its input on; takes any arguments, for use where a layer is wanted. */
export class Identity extends Module {
  /**
   * Makes the layer.
   *
   * @param _args Ignored.
   */
  constructor(..._args: unknown[]) {
    super();
  }
  /** The input. */
  call<T>(x: T, _options: CallOptions = {}): T {
    return x;
  }
}
