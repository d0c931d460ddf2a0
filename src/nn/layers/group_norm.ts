/**
 * Group normalisation.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../../errors.ts";
import type { NDArray } from "../../core/array.ts";
import { formatShape } from "../../core/aval.ts";
import type { DType } from "../../core/dtype.ts";
import { ones, zeros } from "../../numpy/creation.ts";
import { mean, variance } from "../../numpy/reductions.ts";
import { add, maximum, multiply, subtract } from "../../numpy/ufuncs.ts";
import { convertElementType } from "../../ops/convert.ts";
import { rsqrt } from "../../ops/elementary.ts";
import { reshape } from "../../ops/shape.ts";
import { type Field, field } from "../../tree/field.ts";
import { Module } from "../../tree/module.ts";
import type { State } from "../state.ts";
import {
  type CallOptions,
  checkArray,
  type StatefulCallOptions,
  wideDType,
  withState,
} from "./common.ts";

/** Options of {@linkcode GroupNorm}. */
export interface GroupNormOptions {
  /** The number of channels; may be left out where `channelwiseAffine` is false. */
  readonly channels?: number | null;
  /** Added to the variance, 1e-5 unless given. */
  readonly eps?: number;
  /** Whether to scale and shift every channel by parameters; true unless told. */
  readonly channelwiseAffine?: boolean;
  /** Of the parameters; float32 unless given. */
  readonly dtype?: DType;
}

/**
 * Splits the channels of one example into groups, and scales each to mean 0 and variance 1 over all its elements; then by learnt
 * weight and bias of every channel. Wu and He 2018, https://arxiv.org/abs/1803.08494.
 *
 * @example
 * ```ts
 * import { nn, numpy as np } from "@vernal/vernal";
 *
 * const norm = new nn.GroupNorm(2, { channels: 4 });
 * norm.call(np.ones([4, 8, 8])).shape; // [4, 8, 8]
 * ```
 */
export class GroupNorm extends Module {
  /** The number of groups. */
  groups: number;
  /** The number of channels, or `null` for any. */
  channels: number | null;
  /** Added to the variance. */
  eps: number;
  /** Whether there are weight and bias. */
  channelwiseAffine: boolean;
  /** Shape `[channels]`, or `null`. */
  weight: NDArray | null;
  /** Shape `[channels]`, or `null`. */
  bias: NDArray | null;

  /** Which fields are part of the structure. */
  static fields: Record<string, Field> = {
    groups: field({ static: true }),
    channels: field({ static: true }),
    eps: field({ static: true }),
    channelwiseAffine: field({ static: true }),
  };

  /**
   * Makes the layer.
   *
   * @param groups The number of groups, which divides the number of channels.
   * @param options `channels`; `eps`, `channelwiseAffine`, `dtype`.
   * @throws {ArgumentError} Where the groups do not divide the channels, or there are weights for an unknown number of those.
   */
  constructor(groups: number, options: GroupNormOptions = {}) {
    super();
    const { channels = null, eps = 1e-5, channelwiseAffine = true } = options;
    const dtype = options.dtype === undefined ? {} : { dtype: options.dtype };
    if (channels === null && channelwiseAffine) {
      throw new ArgumentError(
        "nn.GroupNorm: needs the number of channels for its weights: { channels }; or set channelwiseAffine: false",
      );
    }
    if (channels !== null) checkGroups(groups, channels);
    this.groups = groups;
    this.channels = channels;
    this.eps = eps;
    this.channelwiseAffine = channelwiseAffine;
    this.weight = channelwiseAffine ? ones([channels!], dtype) : null;
    this.bias = channelwiseAffine ? zeros([channels!], dtype) : null;
  }

  /** Normalises one example, of shape `[channels, ...]`. For batches use `filterVmap`. A state is given back as it came. */
  call(x: NDArray, options: StatefulCallOptions): [NDArray, State];
  /** As above, without state. */
  call(x: NDArray, options?: CallOptions): NDArray;
  call(
    x: NDArray,
    options: CallOptions | StatefulCallOptions = {},
  ): NDArray | [NDArray, State] {
    checkArray(x, "nn.GroupNorm: x");
    const channels = x.shape[0];
    if (channels === undefined || (this.channels !== null && this.channels !== channels)) {
      throw new ShapeError(
        `nn.GroupNorm: expected one example of shape [${this.channels ?? "channels"}, ...]; got ${
          formatShape(x.shape)
        }. For a batch, map the layer: filterVmap((image) => norm.call(image))(x)`,
      );
    }
    checkGroups(this.groups, channels);
    const dtype = wideDType(x.dtype);
    const wide = reshape(convertElementType(x, dtype), [this.groups, x.size / this.groups]);
    const center = mean(wide, { axis: 1, keepdims: true });
    const spread = maximum(variance(wide, { axis: 1, keepdims: true }), 0);
    let out = multiply(subtract(wide, center), rsqrt(add(spread, this.eps)));
    out = reshape(out, x.shape);
    const column = [channels, ...x.shape.slice(1).map(() => 1)];
    const perChannel = (v: NDArray) => reshape(convertElementType(v, dtype), column);
    if (this.weight !== null) out = multiply(perChannel(this.weight), out);
    if (this.bias !== null) out = add(out, perChannel(this.bias));
    return withState(convertElementType(out, x.dtype), options);
  }
}

function checkGroups(groups: number, channels: number): void {
  if (Number.isInteger(groups) && groups > 0 && channels % groups === 0) return;
  throw new ArgumentError(
    `nn.GroupNorm: the number of groups must divide the number of channels; got ${groups} groups of ${channels} channels`,
  );
}
