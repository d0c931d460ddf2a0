/**
 * Layers one after the other.
 *
 * @module
 */
import { ArgumentError } from "../../errors.ts";
import type { NDArray } from "../../core/array.ts";
import { split } from "../../random/keys.ts";
import { type Callable, callableOf } from "../../tree/callable.ts";
import { Module } from "../../tree/module.ts";
import type { CallOptions } from "./common.ts";

/** A layer: called with an array and options. */
export type Layer = Callable<[NDArray, CallOptions], NDArray>;

/**
 * Layers applied one after the other.
 *
 * @example
 * ```ts
 * import { nn, numpy as np, random } from "@vernal/vernal";
 *
 * const [k1, k2] = random.split(random.key(0));
 * const model = new nn.Sequential([
 *   new nn.Linear(2, 8, { key: k1 }),
 *   new nn.Lambda(nn.relu),
 *   new nn.Linear(8, 1, { key: k2 }),
 * ]);
 * model.call(np.ones([2])).shape; // [1]
 * ```
 */
export class Sequential extends Module {
  /** The layers, in order. */
  layers: Layer[];

  /**
   * Makes the layer.
   *
   * @param layers Modules with `call(x, options)`, or functions of the same arguments.
   */
  constructor(layers: readonly Layer[]) {
    super();
    if (!Array.isArray(layers)) {
      throw new ArgumentError(`nn.Sequential: expected a list of layers; got ${String(layers)}`);
    }
    this.layers = [...layers];
  }

  /** Applies all layers; each gets a key of its own where one was given. */
  call(x: NDArray, options: CallOptions = {}): NDArray {
    const keys = options.key === undefined || options.key === null || this.layers.length === 0
      ? null
      : split(options.key, this.layers.length);
    return this.layers.reduce((value, layer, i) => {
      const own = keys === null ? options : { ...options, key: keys.get(i) };
      return callableOf(layer)(value, own) as NDArray;
    }, x);
  }

  /** The number of layers. */
  get length(): number {
    return this.layers.length;
  }

  /** The layer at a position; negative ones count from the end. */
  at(i: number): Layer {
    const layer = this.layers.at(i);
    if (layer === undefined) {
      throw new ArgumentError(`nn.Sequential: no layer ${i}; there are ${this.layers.length}`);
    }
    return layer;
  }

  /** The layers from `start` to before `end`, as a Sequential. */
  slice(start?: number, end?: number): Sequential {
    return new Sequential(this.layers.slice(start, end));
  }

  /** The layers, in order. */
  [Symbol.iterator](): Iterator<Layer> {
    return this.layers[Symbol.iterator]();
  }
}

/** A function as a layer. */
export class Lambda extends Module {
  /** What is called. */
  fn: Callable<[NDArray], NDArray>;

  /**
   * Makes the layer.
   *
   * @param fn A function of one array.
   */
  constructor(fn: Callable<[NDArray], NDArray>) {
    super();
    this.fn = fn;
  }

  /** `fn(x)`. */
  call(x: NDArray, _options: CallOptions = {}): NDArray {
    return callableOf(this.fn)(x) as NDArray;
  }
}
