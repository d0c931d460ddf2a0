/**
 * Pools: reductions of windows.
 *
 * @module
 */
import { ArgumentError } from "../../errors.ts";
import type { ArrayLike, NDArray } from "../../core/array.ts";
import { add as laxAdd, max as laxMax } from "../../lax/elementwise.ts";
import { reduceWindow, type WindowOp } from "../../lax/windows.ts";
import { divide } from "../../numpy/ufuncs.ts";
import { type Field, field } from "../../tree/field.ts";
import { Module } from "../../tree/module.ts";
import type { CallOptions } from "./common.ts";
import {
  checkExample,
  type ExplicitPadding,
  type PaddingPair,
  paddingPairs,
  type PerAxis,
  perAxis,
} from "./spatial.ts";

/** Options of {@linkcode Pool}. */
export interface PoolOptions {
  /** The distance between windows, 1 unless given. */
  readonly stride?: PerAxis;
  /** The padding, 0 unless given: what is there does not take part. */
  readonly padding?: ExplicitPadding;
  /** Whether a last window may reach beyond the end, so that no element is left out; false unless told. */
  readonly useCeil?: boolean;
}

/**
 * Reduces every window of every channel of one example.
 *
 * @example
 * ```ts
 * import { lax, nn, numpy as np } from "@vernal/vernal";
 *
 * const pool = new nn.Pool(Infinity, lax.min, 1, 2, { stride: 2 });
 * pool.call(np.array([[4, 3, 2, 5]])).tolist(); // [[3, 2]]
 * ```
 */
export class Pool extends Module {
  /** What each window begins with. */
  init: ArrayLike;
  /** What reduces it: an associative operation on 0-d arrays. */
  operation: WindowOp;
  /** The number of spatial axes. */
  numSpatialDims: number;
  /** The size of the window along each spatial axis. */
  kernelSize: readonly number[];
  /** The distance between windows. */
  stride: readonly number[];
  /** The padding of each spatial axis. */
  padding: readonly PaddingPair[];
  /** Whether a last window may reach beyond the end. */
  useCeil: boolean;

  /** Which fields are part of the structure. */
  static fields: Record<string, Field> = {
    numSpatialDims: field({ static: true }),
    kernelSize: field({ static: true }),
    stride: field({ static: true }),
    padding: field({ static: true }),
    useCeil: field({ static: true }),
  };

  /**
   * Makes the layer.
   *
   * @param init What each window begins with, such as 0 for a sum.
   * @param operation An associative operation on 0-d arrays. `lax.add` with 0, `lax.max` with `-Infinity` and `lax.min` with
   * `Infinity` are the fast ones, with derivatives of every order.
   * @param numSpatialDims The number of spatial axes.
   * @param kernelSize The size of the window: one number, or one for each axis.
   * @param options `stride`, `padding`, `useCeil`.
   */
  constructor(
    init: ArrayLike,
    operation: WindowOp,
    numSpatialDims: number,
    kernelSize: PerAxis,
    options: PoolOptions = {},
  ) {
    super();
    const where = `nn.${new.target.name}`;
    this.init = init;
    this.operation = operation;
    this.numSpatialDims = numSpatialDims;
    this.kernelSize = perAxis(kernelSize, numSpatialDims, 1, `${where}: kernelSize`);
    this.stride = perAxis(options.stride ?? 1, numSpatialDims, 1, `${where}: stride`);
    this.padding = paddingPairs(options.padding ?? 0, numSpatialDims, `${where}: padding`);
    this.useCeil = options.useCeil ?? false;
  }

  /**
   * Reduces the windows of one example, of shape `[channels, ...]`. For batches use `filterVmap`.
   *
   * @throws {ArgumentError} Where padding is larger than the window, which would then be empty.
   */
  call(x: NDArray, _options: CallOptions = {}): NDArray {
    const where = `nn.${this.constructor.name}`;
    checkExample(x, this.numSpatialDims, where);
    const padding = this.padding.map(([before, after], i): PaddingPair => {
      const left = (x.shape[i + 1] + before + after - this.kernelSize[i]) % this.stride[i];
      return [before, this.useCeil && left !== 0 ? after + this.stride[i] : after];
    });
    padding.forEach((pair, i) => {
      if (Math.max(...pair) <= this.kernelSize[i]) return;
      throw new ArgumentError(
        `${where}: padding must not be larger than the window; got [${pair}] for a window of ${
          this.kernelSize[i]
        } along spatial axis ${i}`,
      );
    });
    return reduceWindow(x, this.init, this.operation, [1, ...this.kernelSize], {
      windowStrides: [1, ...this.stride],
      padding: [[0, 0], ...padding],
    });
  }
}

/** The mean of every window: padding counts as zeros. */
function meanOf(pool: Pool, sums: NDArray): NDArray {
  return divide(sums, pool.kernelSize.reduce((a, b) => a * b, 1));
}

/** The mean of every window, over one spatial axis. Padding counts as zeros. */
export class AvgPool1d extends Pool {
  /**
   * Makes the layer.
   *
   * @param kernelSize The size of the window.
   * @param options `stride`, `padding`, `useCeil`.
   */
  constructor(kernelSize: PerAxis, options: PoolOptions = {}) {
    super(0, laxAdd, 1, kernelSize, options);
  }
  /** Averages the windows of one example, of shape `[channels, ...]`. For batches use `filterVmap`. */
  override call(x: NDArray, options: CallOptions = {}): NDArray {
    return meanOf(this, super.call(x, options));
  }
}

/** The maximum of every window, over one spatial axis. Of equal elements the first gets the gradient. */
export class MaxPool1d extends Pool {
  /**
   * Makes the layer.
   *
   * @param kernelSize The size of the window.
   * @param options `stride`, `padding`, `useCeil`.
   */
  constructor(kernelSize: PerAxis, options: PoolOptions = {}) {
    super(-Infinity, laxMax, 1, kernelSize, options);
  }
}

/** The mean of every window, over two spatial axes. Padding counts as zeros. */
export class AvgPool2d extends Pool {
  /**
   * Makes the layer.
   *
   * @param kernelSize The size of the window: one number, or one for each axis.
   * @param options `stride`, `padding`, `useCeil`.
   */
  constructor(kernelSize: PerAxis, options: PoolOptions = {}) {
    super(0, laxAdd, 2, kernelSize, options);
  }
  /** Averages the windows of one example, of shape `[channels, ...]`. For batches use `filterVmap`. */
  override call(x: NDArray, options: CallOptions = {}): NDArray {
    return meanOf(this, super.call(x, options));
  }
}

/** The maximum of every window, over two spatial axes. Of equal elements the first gets the gradient. */
export class MaxPool2d extends Pool {
  /**
   * Makes the layer.
   *
   * @param kernelSize The size of the window: one number, or one for each axis.
   * @param options `stride`, `padding`, `useCeil`.
   */
  constructor(kernelSize: PerAxis, options: PoolOptions = {}) {
    super(-Infinity, laxMax, 2, kernelSize, options);
  }
}

/** The mean of every window, over three spatial axes. Padding counts as zeros. */
export class AvgPool3d extends Pool {
  /**
   * Makes the layer.
   *
   * @param kernelSize The size of the window: one number, or one for each axis.
   * @param options `stride`, `padding`, `useCeil`.
   */
  constructor(kernelSize: PerAxis, options: PoolOptions = {}) {
    super(0, laxAdd, 3, kernelSize, options);
  }
  /** Averages the windows of one example, of shape `[channels, ...]`. For batches use `filterVmap`. */
  override call(x: NDArray, options: CallOptions = {}): NDArray {
    return meanOf(this, super.call(x, options));
  }
}

/** The maximum of every window, over three spatial axes. Of equal elements the first gets the gradient. */
export class MaxPool3d extends Pool {
  /**
   * Makes the layer.
   *
   * @param kernelSize The size of the window: one number, or one for each axis.
   * @param options `stride`, `padding`, `useCeil`.
   */
  constructor(kernelSize: PerAxis, options: PoolOptions = {}) {
    super(-Infinity, laxMax, 3, kernelSize, options);
  }
}
