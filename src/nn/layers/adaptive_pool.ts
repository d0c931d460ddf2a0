/**
 * Adaptive pools: reductions to a given size.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../../errors.ts";
import { type NDArray, slice } from "../../core/array.ts";
import { formatShape } from "../../core/aval.ts";
import { filterVmap } from "../../filter/vmap.ts";
import { max, mean } from "../../numpy/reductions.ts";
import { concatenate, moveaxis, reshape } from "../../numpy/shapes.ts";
import { type Field, field } from "../../tree/field.ts";
import { Module } from "../../tree/module.ts";
import type { CallOptions } from "./common.ts";
import { checkExample, type PerAxis, perAxis } from "./spatial.ts";

/** What an {@linkcode AdaptivePool} does with the elements of a window: from a 1-d array to a 0-d one. */
export type PoolReduction = (x: NDArray) => NDArray;

/**
 * Reduces every spatial axis of one example to a given size, one axis after the other, by windows that are as equal as can be: the
 * first ones are longer by an element where the size does not divide.
 *
 * @example
 * ```ts
 * import { nn, numpy as np } from "@vernal/vernal";
 *
 * const pool = new nn.AdaptivePool(2, 1, (x) => np.min(x));
 * pool.call(np.array([[4, 3, 2, 5, 6]])).tolist(); // [[2, 5]]
 * ```
 */
export class AdaptivePool extends Module {
  /** The size of the output along each spatial axis. */
  targetShape: readonly number[];
  /** What reduces a window. */
  operation: PoolReduction;

  /** Which fields are part of the structure. */
  static fields: Record<string, Field> = { targetShape: field({ static: true }) };

  /**
   * Makes the layer.
   *
   * @param targetShape The size of the output: one number, or one for each spatial axis.
   * @param numSpatialDims The number of spatial axes.
   * @param operation What reduces a window: a function from a 1-d array to a 0-d one.
   */
  constructor(targetShape: PerAxis, numSpatialDims: number, operation: PoolReduction) {
    super();
    const where = `nn.${new.target.name}`;
    if (typeof operation !== "function") {
      throw new ArgumentError(
        `${where}: operation must be a function of an array; got ${String(operation)}`,
      );
    }
    this.targetShape = perAxis(targetShape, numSpatialDims, 1, `${where}: targetShape`);
    this.operation = operation;
  }

  /**
   * Reduces one example, of shape `[channels, ...]`. For batches use `filterVmap`.
   *
   * @throws {ShapeError} Where an axis has fewer elements than the output is to have.
   */
  call(x: NDArray, _options: CallOptions = {}): NDArray {
    checkExample(x, this.targetShape.length, `nn.${this.constructor.name}`);
    return this.targetShape.reduce((value, size, i) => {
      if (value.shape[i + 1] < size) {
        throw new ShapeError(
          `nn.${this.constructor.name}: cannot reduce an axis of ${
            value.shape[i + 1]
          } to ${size}: got shape ${formatShape(x.shape)} for targetShape [${this.targetShape}]`,
        );
      }
      return moveaxis(poolLast(moveaxis(value, i + 1, -1), size, this.operation), -1, i + 1);
    }, x);
  }
}

/** Reduces the last axis to `size` elements. */
function poolLast(x: NDArray, size: number, operation: PoolReduction): NDArray {
  const outer = x.shape.slice(0, -1);
  const length = x.shape.at(-1)!;
  const short = Math.floor(length / size);
  const longer = length % size;
  const split = longer * (short + 1);
  const part = (from: number, to: number, window: number) => {
    const rows = reshape(x.get("...", slice(from, to)), [-1, window]);
    return reshape(filterVmap(operation)(rows), [...outer, (to - from) / window]);
  };
  if (longer === 0) return part(0, length, short);
  return concatenate([part(0, split, short + 1), part(split, length, short)], { axis: -1 });
}

const meanOf: PoolReduction = (x) => mean(x);
const maxOf: PoolReduction = (x) => max(x);

/** Reduces one spatial axis to a given size, by means: see {@linkcode AdaptivePool}. */
export class AdaptiveAvgPool1d extends AdaptivePool {
  /**
   * Makes the layer.
   *
   * @param targetShape The size of the output.
   */
  constructor(targetShape: PerAxis) {
    super(targetShape, 1, meanOf);
  }
}

/** Reduces one spatial axis to a given size, by maxima: see {@linkcode AdaptivePool}. */
export class AdaptiveMaxPool1d extends AdaptivePool {
  /**
   * Makes the layer.
   *
   * @param targetShape The size of the output.
   */
  constructor(targetShape: PerAxis) {
    super(targetShape, 1, maxOf);
  }
}

/** Reduces two spatial axes to a given size, by means: see {@linkcode AdaptivePool}. */
export class AdaptiveAvgPool2d extends AdaptivePool {
  /**
   * Makes the layer.
   *
   * @param targetShape The size of the output: one number, or one for each axis.
   */
  constructor(targetShape: PerAxis) {
    super(targetShape, 2, meanOf);
  }
}

/** Reduces two spatial axes to a given size, by maxima: see {@linkcode AdaptivePool}. */
export class AdaptiveMaxPool2d extends AdaptivePool {
  /**
   * Makes the layer.
   *
   * @param targetShape The size of the output: one number, or one for each axis.
   */
  constructor(targetShape: PerAxis) {
    super(targetShape, 2, maxOf);
  }
}

/** Reduces three spatial axes to a given size, by means: see {@linkcode AdaptivePool}. */
export class AdaptiveAvgPool3d extends AdaptivePool {
  /**
   * Makes the layer.
   *
   * @param targetShape The size of the output: one number, or one for each axis.
   */
  constructor(targetShape: PerAxis) {
    super(targetShape, 3, meanOf);
  }
}

/** Reduces three spatial axes to a given size, by maxima: see {@linkcode AdaptivePool}. */
export class AdaptiveMaxPool3d extends AdaptivePool {
  /**
   * Makes the layer.
   *
   * @param targetShape The size of the output: one number, or one for each axis.
   */
  constructor(targetShape: PerAxis) {
    super(targetShape, 3, maxOf);
  }
}
