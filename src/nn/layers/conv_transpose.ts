/**
 * Transposed convolutions.
 *
 * @module
 */
import { ArgumentError } from "../../errors.ts";
import type { NDArray } from "../../core/array.ts";
import { convGeneralDilated } from "../../lax/convolution.ts";
import { pad } from "../../numpy/padding.ts";
import { add } from "../../numpy/ufuncs.ts";
import { reshape } from "../../ops/shape.ts";
import { type Field, field } from "../../tree/field.ts";
import { Module } from "../../tree/module.ts";
import type { CallOptions } from "./common.ts";
import {
  checkChannels,
  checkPadding,
  checkPaddingMode,
  convFields,
  type ConvLayerOptions,
  convParameters,
  type NamedPadding,
  type PaddingMode,
} from "./conv.ts";
import { type PaddingPair, type PerAxis, perAxis } from "./spatial.ts";

/** Options of {@linkcode ConvTranspose}. */
export interface ConvTransposeLayerOptions extends ConvLayerOptions {
  /** How much longer the output is at its ends, less than the stride; 0 unless given. It tells apart the sizes that a stride maps to one. */
  readonly outputPadding?: PerAxis;
}

/**
 * A transposed convolution of one example: with the same arguments it goes from the output's size of {@linkcode Conv} back to the
 * input's, each element of the input adding the kernel to the output where the convolution's window was. Dumoulin and Visin 2016,
 * https://arxiv.org/abs/1603.07285.
 *
 * `"REFLECT"` and `"REPLICATE"` are refused; `"CIRCULAR"` goes with the paddings `"SAME"` and `"SAME_LOWER"`, without `outputPadding`.
 * Parameters start as those of `Conv`: Equinox's values for the same key.
 *
 * @example
 * ```ts
 * import { nn, numpy as np, random } from "@vernal/vernal";
 *
 * const key = random.key(0);
 * const down = new nn.Conv2d(3, 8, 3, { stride: 2, padding: 1, key });
 * const up = new nn.ConvTranspose2d(8, 3, 3, { stride: 2, padding: 1, outputPadding: 1, key });
 * up.call(down.call(np.ones([3, 16, 16]))).shape; // [3, 16, 16]
 * ```
 */
export class ConvTranspose extends Module {
  /** The number of spatial axes. */
  numSpatialDims: number;
  /** Shape `[outChannels, inChannels / groups, ...kernelSize]`. */
  weight: NDArray;
  /** Shape `[outChannels, 1, ..., 1]`, or `null`. */
  bias: NDArray | null;
  /** The number of input channels. */
  inChannels: number;
  /** The number of output channels. */
  outChannels: number;
  /** The size of the window along each spatial axis. */
  kernelSize: readonly number[];
  /** The distance between windows, in the output. */
  stride: readonly number[];
  /** A name, or pairs: of the convolution that this is the transpose of. */
  padding: NamedPadding | readonly PaddingPair[];
  /** How much longer the output is at its ends. */
  outputPadding: readonly number[];
  /** The distance between elements of a window. */
  dilation: readonly number[];
  /** Into how many groups channels fall. */
  groups: number;
  /** Whether there is a bias. */
  useBias: boolean;
  /** What is beyond the ends. */
  paddingMode: PaddingMode;

  /** Which fields are part of the structure. */
  static fields: Record<string, Field> = { ...convFields, outputPadding: field({ static: true }) };

  /**
   * Makes the layer.
   *
   * @param numSpatialDims The number of spatial axes.
   * @param inChannels The number of input channels.
   * @param outChannels The number of output channels.
   * @param kernelSize The size of the window: one number, or one for each axis.
   * @param options `key`; `stride`, `padding`, `outputPadding`, `dilation`, `groups`, `useBias`, `paddingMode`, `dtype`.
   * @throws {ArgumentError} Where `outputPadding` is not less than the stride, or the padding mode has no transpose.
   */
  constructor(
    numSpatialDims: number,
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvTransposeLayerOptions,
  ) {
    super();
    const where = `nn.${new.target.name}`;
    const list = (value: PerAxis, name: string, least = 1) =>
      perAxis(value, numSpatialDims, least, `${where}: ${name}`);
    this.numSpatialDims = numSpatialDims;
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = list(kernelSize, "kernelSize");
    this.stride = list(options?.stride ?? 1, "stride");
    this.outputPadding = list(options?.outputPadding ?? 0, "outputPadding", 0);
    this.dilation = list(options?.dilation ?? 1, "dilation");
    this.padding = checkPadding(options?.padding ?? 0, numSpatialDims, where);
    this.groups = options?.groups ?? 1;
    this.useBias = options?.useBias ?? true;
    this.paddingMode = checkPaddingMode(options?.paddingMode ?? "ZEROS", where);
    if (this.outputPadding.some((n, i) => n >= this.stride[i])) {
      throw new ArgumentError(
        `${where}: outputPadding must be less than the stride along each axis; got [${this.outputPadding}] for strides [${this.stride}]`,
      );
    }
    if (this.paddingMode === "REFLECT" || this.paddingMode === "REPLICATE") {
      throw new ArgumentError(
        `${where}: paddingMode "${this.paddingMode}" has no transpose here; use "ZEROS" or "CIRCULAR"`,
      );
    }
    const isSame = this.padding === "SAME" || this.padding === "SAME_LOWER";
    if (this.paddingMode === "CIRCULAR" && (!isSame || this.outputPadding.some((n) => n !== 0))) {
      throw new ArgumentError(
        `${where}: paddingMode "CIRCULAR" needs padding "SAME" or "SAME_LOWER", and no outputPadding`,
      );
    }
    [this.weight, this.bias] = convParameters(
      inChannels,
      outChannels,
      this.kernelSize,
      options ?? {},
      where,
    );
  }

  /** Convolves one example, of shape `[inChannels, ...]`. For batches use `filterVmap`. */
  call(x: NDArray, _options: CallOptions = {}): NDArray {
    checkChannels(x, this, `nn.${this.constructor.name}`);
    let padding = transposedPadding(this);
    let input = x;
    if (this.paddingMode === "CIRCULAR") {
      // Whole strides of padding are elements of the other end; what is left of it lies between elements, where there are zeros.
      const { stride } = this;
      const whole = padding.map((pair, i) => pair.map((n) => Math.floor(n / stride[i])));
      padding = padding.map((pair, i) =>
        pair.map((n, j) => n - whole[i][j] * stride[i]) as unknown as PaddingPair
      );
      input = pad(x, [[0, 0], ...whole] as unknown as readonly PaddingPair[], { mode: "wrap" });
    }
    const out = convGeneralDilated(
      reshape(input, [1, ...input.shape]),
      this.weight,
      this.stride.map(() => 1),
      padding,
      {
        lhsDilation: this.stride,
        rhsDilation: this.dilation,
        featureGroupCount: this.groups,
      },
    );
    const one = reshape(out, out.shape.slice(1));
    return this.bias === null ? one : add(one, this.bias);
  }
}

/** The padding of the convolution over the dilated input that does what the transpose does: Dumoulin and Visin, section 4. */
function transposedPadding(layer: ConvTranspose): readonly PaddingPair[] {
  const { kernelSize, stride, dilation, padding } = layer;
  return kernelSize.map((k, i) => {
    const reach = dilation[i] * (k - 1);
    let longer = layer.outputPadding[i];
    let [before, after] = typeof padding === "string" ? [0, 0] : padding[i];
    if (padding === "SAME" || padding === "SAME_LOWER") {
      const total = reach - stride[i] + longer + 1;
      longer = Math.max(0, -total);
      const both = Math.max(0, total);
      before = Math.floor((both + (padding === "SAME_LOWER" ? 1 : 0)) / 2);
      after = both - before;
    }
    return [reach - before, reach - after + longer];
  });
}

/** {@linkcode ConvTranspose} over one spatial axis. */
export class ConvTranspose1d extends ConvTranspose {
  /**
   * Makes the layer.
   *
   * @param inChannels The number of input channels.
   * @param outChannels The number of output channels.
   * @param kernelSize The size of the window.
   * @param options As for {@linkcode ConvTranspose}.
   */
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvTransposeLayerOptions,
  ) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
}

/** {@linkcode ConvTranspose} over two spatial axes. */
export class ConvTranspose2d extends ConvTranspose {
  /**
   * Makes the layer.
   *
   * @param inChannels The number of input channels.
   * @param outChannels The number of output channels.
   * @param kernelSize The size of the window: one number, or one for each axis.
   * @param options As for {@linkcode ConvTranspose}.
   */
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvTransposeLayerOptions,
  ) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
}

/** {@linkcode ConvTranspose} over three spatial axes. */
export class ConvTranspose3d extends ConvTranspose {
  /**
   * Makes the layer.
   *
   * @param inChannels The number of input channels.
   * @param outChannels The number of output channels.
   * @param kernelSize The size of the window: one number, or one for each axis.
   * @param options As for {@linkcode ConvTranspose}.
   */
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvTransposeLayerOptions,
  ) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
}
