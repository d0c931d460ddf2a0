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
import type { State } from "../state.ts";
import { type CallOptions, type StatefulCallOptions, withState } from "./common.ts";
import { StatefulLayer } from "./stateful.ts";

/** A layer: called with an array and options. One that extends {@linkcode StatefulLayer} takes and gives a state too. */
export type Layer = Callable<[NDArray, CallOptions], NDArray> | StatefulLayer;

/**
 * Layers applied one after the other.
 *
 * Where any of them has state, `call` takes a state and gives `[y, newState]`.
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
export class Sequential extends StatefulLayer {
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
    layers.forEach((layer, i) => callableOf(layer, `nn.Sequential: layers[${i}]`));
    this.layers = [...layers];
  }

  /** Whether any of the layers has state. */
  override isStateful(): boolean {
    return this.layers.some(isStateful);
  }

  /** Applies all layers; each gets a key of its own where one was given. With a state, gives it back changed. */
  call(x: NDArray, options: StatefulCallOptions): [NDArray, State];
  /** As above, without state. */
  call(x: NDArray, options?: CallOptions): NDArray;
  call(
    x: NDArray,
    options: CallOptions | StatefulCallOptions = {},
  ): NDArray | [NDArray, State] {
    const { state = null, key = null, ...others } = options;
    const keys = key === null || this.layers.length === 0 ? null : split(key, this.layers.length);
    let value = x;
    let current: State | null = state;
    this.layers.forEach((layer, i) => {
      const own = { ...others, key: keys === null ? null : keys.get(i) };
      const call = callableOf(layer, "nn.Sequential");
      if (isStateful(layer)) {
        [value, current] = call(value, { ...own, state: current }) as [NDArray, State];
      } else value = call(value, own) as NDArray;
    });
    return withState(value, { state: current });
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

function isStateful(layer: Layer): layer is StatefulLayer {
  return layer instanceof StatefulLayer && layer.isStateful();
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
    callableOf(fn, "nn.Lambda: fn");
    this.fn = fn;
  }

  /** `fn(x)`. */
  call(x: NDArray, _options: CallOptions = {}): NDArray {
    return callableOf(this.fn)(x) as NDArray;
  }
}
