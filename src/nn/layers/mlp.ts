/**
 * The multilayer perceptron.
 *
 * @module
 */
import { ArgumentError } from "../../errors.ts";
import type { NDArray } from "../../core/array.ts";
import { filterVmap } from "../../filter/vmap.ts";
import { isArrayLeaf } from "../../filter/leaves.ts";
import { split } from "../../random/keys.ts";
import { type Callable, callableOf } from "../../tree/callable.ts";
import { type Field, field } from "../../tree/field.ts";
import { map } from "../../tree/map.ts";
import { Module } from "../../tree/module.ts";
import { relu } from "../functions.ts";
import { type CallOptions, checkKey, type Features, type ParameterOptions } from "./common.ts";
import { Linear } from "./linear.ts";

/** An activation: a function of one array, or a Module with `call`. */
export type Activation = Callable<[NDArray], NDArray>;

const identity = (x: NDArray): NDArray => x;
const applyEach = (fn: Activation, x: NDArray): NDArray => callableOf(fn)(x) as NDArray;
const vmapApply = filterVmap(applyEach);

/** Options of {@linkcode MLP}. */
export interface MLPOptions extends ParameterOptions {
  /** Between layers; `nn.relu` unless given. A Module with parameters gets its own for every unit of every layer. */
  readonly activation?: Activation;
  /** After the last layer; the identity unless given. */
  readonly finalActivation?: Activation;
  /** Whether the layers but the last have a bias; true unless told. */
  readonly useBias?: boolean;
  /** Whether the last layer has one; true unless told. */
  readonly useFinalBias?: boolean;
}

/**
 * A multilayer perceptron on one example. Equinox's weights for the same key.
 *
 * @example
 * ```ts
 * import { filterVmap, nn, numpy as np, random } from "@vernal/vernal";
 *
 * const model = new nn.MLP(2, 3, 8, 2, { key: random.key(0) });
 * filterVmap((x: vn.NDArray) => model.call(x))(np.ones([5, 2])).shape; // [5, 3]
 * import type * as vn from "@vernal/vernal";
 * ```
 */
export class MLP extends Module {
  /** `depth + 1` linear layers. */
  layers: Linear[];
  /** Between layers. */
  activation: Activation;
  /** After the last. */
  finalActivation: Activation;
  /** Whether the layers but the last have a bias. */
  useBias: boolean;
  /** Whether the last layer has one. */
  useFinalBias: boolean;
  /** The size of the input, or `"scalar"`. */
  inSize: Features;
  /** The size of the output, or `"scalar"`. */
  outSize: Features;
  /** The size of each hidden layer. */
  widthSize: number;
  /** The number of hidden layers. */
  depth: number;

  /** Which fields are part of the structure. */
  static fields: Record<string, Field> = {
    useBias: field({ static: true }),
    useFinalBias: field({ static: true }),
    inSize: field({ static: true }),
    outSize: field({ static: true }),
    widthSize: field({ static: true }),
    depth: field({ static: true }),
  };

  /**
   * Makes the layer.
   *
   * @param inSize The size of the input, or `"scalar"`.
   * @param outSize The size of the output, or `"scalar"`.
   * @param widthSize The size of each hidden layer.
   * @param depth The number of hidden layers; 0 gives one linear layer.
   * @param options `key`; `activation`, `finalActivation`, `useBias`, `useFinalBias`, `dtype`.
   */
  constructor(
    inSize: Features,
    outSize: Features,
    widthSize: number,
    depth: number,
    options: MLPOptions,
  ) {
    super();
    const { activation = relu, finalActivation = identity, useBias = true, useFinalBias = true } =
      options ?? {};
    if (!Number.isInteger(depth) || depth < 0) {
      throw new ArgumentError(`nn.MLP: depth must be a non-negative integer; got ${depth}`);
    }
    const keys = split(checkKey(options?.key, "nn.MLP"), depth + 1);
    const dtype = options.dtype === undefined ? {} : { dtype: options.dtype };
    this.layers = Array.from({ length: depth + 1 }, (_, i) => {
      const isLast = i === depth;
      return new Linear(i === 0 ? inSize : widthSize, isLast ? outSize : widthSize, {
        key: keys.get(i),
        useBias: isLast ? useFinalBias : useBias,
        ...dtype,
      });
    });
    // Mapped twice over nothing but a size: an activation with parameters is repeated, a function stays as it is.
    const perUnit = filterVmap(() => activation, { axisSize: widthSize });
    this.activation = filterVmap(perUnit, { axisSize: depth })();
    this.finalActivation = outSize === "scalar"
      ? finalActivation
      : filterVmap(() => finalActivation, { axisSize: outSize })();
    this.useBias = useBias;
    this.useFinalBias = useFinalBias;
    this.inSize = inSize;
    this.outSize = outSize;
    this.widthSize = widthSize;
    this.depth = depth;
  }

  /** Applies the network to one example, of shape `[inSize]`. For batches use `filterVmap`. */
  call(x: NDArray, _options: CallOptions = {}): NDArray {
    let out = x;
    for (let i = 0; i < this.depth; i++) {
      const own = map(
        (leaf: unknown) => isArrayLeaf(leaf) ? (leaf as NDArray).get(i) : leaf,
        this.activation,
      );
      out = vmapApply(own as Activation, this.layers[i].call(out));
    }
    out = this.layers[this.depth].call(out);
    return this.outSize === "scalar"
      ? applyEach(this.finalActivation, out)
      : vmapApply(this.finalActivation, out);
  }
}
