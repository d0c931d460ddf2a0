/**
 * The multilayer perceptron.
 *
 * @module
 */
import { ArgumentError } from "../../errors.ts";
import { type NDArray, slice } from "../../core/array.ts";
import { filterVmap } from "../../filter/vmap.ts";
import { isArrayLeaf } from "../../filter/leaves.ts";
import { scan as scanLoop } from "../../lax/loops.ts";
import { arange } from "../../numpy/creation.ts";
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
  /**
   * Whether the hidden layers are kept as one, its parameters stacked, and run by `lax.scan`: a deep network then compiles as fast as a
   * shallow one. False unless told.
   */
  readonly scan?: boolean;
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
  /** `depth + 1` linear layers; with `scan`, the first, all between stacked along a new axis 0, and the last. */
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
  /** Whether the layers between the first and the last are stacked. */
  scan: boolean;

  /** Which fields are part of the structure. */
  static fields: Record<string, Field> = {
    useBias: field({ static: true }),
    useFinalBias: field({ static: true }),
    inSize: field({ static: true }),
    outSize: field({ static: true }),
    widthSize: field({ static: true }),
    depth: field({ static: true }),
    scan: field({ static: true }),
  };

  /**
   * Makes the layer.
   *
   * @param inSize The size of the input, or `"scalar"`.
   * @param outSize The size of the output, or `"scalar"`.
   * @param widthSize The size of each hidden layer.
   * @param depth The number of hidden layers; 0 gives one linear layer.
   * @param options `key`; `activation`, `finalActivation`, `useBias`, `useFinalBias`, `scan`, `dtype`.
   */
  constructor(
    inSize: Features,
    outSize: Features,
    widthSize: number,
    depth: number,
    options: MLPOptions,
  ) {
    super();
    const {
      activation = relu,
      finalActivation = identity,
      useBias = true,
      useFinalBias = true,
      scan = false,
    } = options ?? {};
    if (!Number.isInteger(depth) || depth < 0) {
      throw new ArgumentError(`nn.MLP: depth must be a non-negative integer; got ${depth}`);
    }
    callableOf(activation, "nn.MLP: activation");
    callableOf(finalActivation, "nn.MLP: finalActivation");
    const keys = split(checkKey(options?.key, "nn.MLP"), depth + 1);
    const dtype = options.dtype === undefined ? {} : { dtype: options.dtype };
    const linear = (from: Features, to: Features, useBias: boolean, key: NDArray) =>
      new Linear(from, to, { key, useBias, ...dtype });
    const hidden = (key: NDArray) => linear(widthSize, widthSize, useBias, key);
    if (depth === 0) this.layers = [linear(inSize, outSize, useFinalBias, keys.get(0))];
    else {
      const between = scan
        ? [filterVmap(hidden)(keys.get(slice(1, depth)))]
        : Array.from({ length: depth - 1 }, (_, i) => hidden(keys.get(i + 1)));
      this.layers = [
        linear(inSize, widthSize, useBias, keys.get(0)),
        ...between,
        linear(widthSize, outSize, useFinalBias, keys.get(depth)),
      ];
    }
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
    this.scan = scan;
  }

  /** Applies the network to one example, of shape `[inSize]`. For batches use `filterVmap`. */
  call(x: NDArray, _options: CallOptions = {}): NDArray {
    const first = this.layers[0];
    const last = this.layers[this.layers.length - 1];
    let out = x;
    if (this.depth > 0) out = hiddenActivation(this, 0, first.call(out));
    if (this.depth > 0 && this.scan) {
      const step = (value: NDArray, [i, layer]: [NDArray, Linear]) =>
        [hiddenActivation(this, i, layer.call(value)), null] as const;
      const numbers = arange(1, this.depth, 1, { dtype: "int32" });
      [out] = scanLoop(step, out, [numbers, this.layers[1]] as [NDArray, Linear]);
    } else {
      for (let i = 1; i < this.depth; i++) {
        out = hiddenActivation(this, i, this.layers[i].call(out));
      }
    }
    out = last.call(out);
    return this.outSize === "scalar"
      ? applyEach(this.finalActivation, out)
      : vmapApply(this.finalActivation, out);
  }
}

/** The activation after layer `i`, with that layer's own parameters where it has any. */
function hiddenActivation(mlp: MLP, i: number | NDArray, x: NDArray): NDArray {
  const own = map(
    (leaf: unknown) => isArrayLeaf(leaf) ? (leaf as NDArray).get(i) : leaf,
    mlp.activation,
  );
  return vmapApply(own as Activation, x);
}
