/**
 * Convolutions.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../../errors.ts";
import type { NDArray } from "../../core/array.ts";
import { formatShape } from "../../core/aval.ts";
import { convGeneralDilated } from "../../lax/convolution.ts";
import { pad } from "../../numpy/padding.ts";
import { add } from "../../numpy/ufuncs.ts";
import { reshape } from "../../ops/shape.ts";
import { dilatedSize, resolvePadding } from "../../ops/window.ts";
import { split } from "../../random/keys.ts";
import { type Field, field } from "../../tree/field.ts";
import { Module } from "../../tree/module.ts";
import { type CallOptions, checkKey, type ParameterOptions, uniformInit } from "./common.ts";
import {
  checkExample,
  type ExplicitPadding,
  type PaddingPair,
  paddingPairs,
  type PerAxis,
  perAxis,
} from "./spatial.ts";

/** Padding by name: `"SAME"` and `"SAME_LOWER"` so that stride 1 keeps the size, `"VALID"` none. */
export type NamedPadding = "SAME" | "SAME_LOWER" | "VALID";

/** What is beyond the ends of the input: zeros, its mirror image, its last element, or its other end. */
export type PaddingMode = "ZEROS" | "REFLECT" | "REPLICATE" | "CIRCULAR";

/** Options of {@linkcode Conv}. */
export interface ConvLayerOptions extends ParameterOptions {
  /** The distance between windows, 1 unless given. */
  readonly stride?: PerAxis;
  /** The padding, 0 unless given. */
  readonly padding?: NamedPadding | Lowercase<NamedPadding> | ExplicitPadding;
  /** The distance between elements of a window, 1 unless given. */
  readonly dilation?: PerAxis;
  /** Into how many groups channels fall, each convolved apart; 1 unless given. */
  readonly groups?: number;
  /** Whether to add a bias; true unless told. */
  readonly useBias?: boolean;
  /** What is beyond the ends; `"ZEROS"` unless given. */
  readonly paddingMode?: PaddingMode | Lowercase<PaddingMode>;
}

/** The static fields that all convolutions have. */
export const convFields: Record<string, Field> = Object.fromEntries(
  [
    "numSpatialDims",
    "inChannels",
    "outChannels",
    "kernelSize",
    "stride",
    "padding",
    "dilation",
    "groups",
    "useBias",
    "paddingMode",
  ].map((name) => [name, field({ static: true })]),
);

/** Checks padding, by name or explicit. */
export function checkPadding(
  padding: unknown,
  axes: number,
  where: string,
): NamedPadding | readonly PaddingPair[] {
  if (typeof padding !== "string") {
    return paddingPairs(padding as ExplicitPadding, axes, `${where}: padding`);
  }
  const name = padding.toUpperCase();
  if (name === "SAME" || name === "SAME_LOWER" || name === "VALID") return name;
  throw new ArgumentError(
    `${where}: padding by name must be "SAME", "SAME_LOWER" or "VALID"; got "${padding}"`,
  );
}

/** Checks a padding mode. */
export function checkPaddingMode(mode: unknown, where: string): PaddingMode {
  const name = String(mode).toUpperCase();
  const known: readonly string[] = ["ZEROS", "REFLECT", "REPLICATE", "CIRCULAR"];
  if (known.includes(name)) return name as PaddingMode;
  throw new ArgumentError(
    `${where}: paddingMode must be "ZEROS", "REFLECT", "REPLICATE" or "CIRCULAR"; got ${
      JSON.stringify(mode)
    }`,
  );
}

/** The parameters that all convolutions start with. */
export function convParameters(
  inChannels: number,
  outChannels: number,
  kernelSize: readonly number[],
  options: ConvLayerOptions,
  where: string,
): [weight: NDArray, bias: NDArray | null] {
  const { groups = 1, useBias = true, dtype } = options;
  const [ofGroup, toGroup] = [inChannels / groups, outChannels / groups];
  if (!Number.isInteger(ofGroup) || !Number.isInteger(toGroup) || groups < 1) {
    throw new ArgumentError(
      `${where}: inChannels and outChannels must be divisible by groups; got ${inChannels} and ${outChannels} in ${groups} groups`,
    );
  }
  const keys = split(checkKey(options.key, where), 2);
  const fanIn = kernelSize.reduce((a, b) => a * b, ofGroup);
  const limit = fanIn === 0 ? 1 : 1 / Math.sqrt(fanIn);
  const weightShape = [outChannels, ofGroup, ...kernelSize];
  const biasShape = [outChannels, ...kernelSize.map(() => 1)];
  return [
    uniformInit(keys.get(0), weightShape, limit, dtype, where),
    useBias ? uniformInit(keys.get(1), biasShape, limit, dtype, where) : null,
  ];
}

/** Checks that an input has the channels of a layer. */
export function checkChannels(
  x: NDArray,
  layer: { readonly numSpatialDims: number; readonly inChannels: number },
  where: string,
): void {
  checkExample(x, layer.numSpatialDims, where);
  if (x.shape[0] === layer.inChannels) return;
  throw new ShapeError(
    `${where}: expected ${layer.inChannels} channels; got shape ${formatShape(x.shape)}`,
  );
}

/**
 * A convolution of one example over any number of spatial axes. (A cross-correlation, as everywhere in deep learning: the kernel is
 * not reversed.)
 *
 * Parameters start uniform in `±1/√(inChannels / groups * kernel elements)`: Equinox's values for the same key.
 *
 * @example
 * ```ts
 * import { nn, numpy as np, random } from "@vernal/vernal";
 *
 * const conv = new nn.Conv(2, 3, 8, 3, { padding: "SAME", key: random.key(0) });
 * conv.call(np.ones([3, 16, 16])).shape; // [8, 16, 16]
 * ```
 */
export class Conv extends Module {
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
  /** The distance between windows. */
  stride: readonly number[];
  /** A name, or pairs. */
  padding: NamedPadding | readonly PaddingPair[];
  /** The distance between elements of a window. */
  dilation: readonly number[];
  /** Into how many groups channels fall. */
  groups: number;
  /** Whether there is a bias. */
  useBias: boolean;
  /** What is beyond the ends. */
  paddingMode: PaddingMode;

  /** Which fields are part of the structure. */
  static fields: Record<string, Field> = convFields;

  /**
   * Makes the layer.
   *
   * @param numSpatialDims The number of spatial axes.
   * @param inChannels The number of input channels.
   * @param outChannels The number of output channels.
   * @param kernelSize The size of the window: one number, or one for each axis.
   * @param options `key`; `stride`, `padding`, `dilation`, `groups`, `useBias`, `paddingMode`, `dtype`.
   */
  constructor(
    numSpatialDims: number,
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvLayerOptions,
  ) {
    super();
    const where = `nn.${new.target.name}`;
    const list = (value: PerAxis, name: string) =>
      perAxis(value, numSpatialDims, 1, `${where}: ${name}`);
    this.numSpatialDims = numSpatialDims;
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = list(kernelSize, "kernelSize");
    this.stride = list(options?.stride ?? 1, "stride");
    this.dilation = list(options?.dilation ?? 1, "dilation");
    this.padding = checkPadding(options?.padding ?? 0, numSpatialDims, where);
    this.groups = options?.groups ?? 1;
    this.useBias = options?.useBias ?? true;
    this.paddingMode = checkPaddingMode(options?.paddingMode ?? "ZEROS", where);
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
    const isPadded = this.paddingMode === "ZEROS";
    const input = isPadded ? x : padded(this, x);
    const out = convGeneralDilated(
      reshape(input, [1, ...input.shape]),
      this.weight,
      this.stride,
      isPadded ? this.padding : "VALID",
      { rhsDilation: this.dilation, featureGroupCount: this.groups },
    );
    const one = reshape(out, out.shape.slice(1));
    return this.bias === null ? one : add(one, this.bias);
  }
}

const padModes = { REFLECT: "reflect", REPLICATE: "edge", CIRCULAR: "wrap" } as const;

/** An input with its own elements beyond its ends. */
function padded(layer: Conv, x: NDArray): NDArray {
  const { kernelSize, dilation, padding, stride, paddingMode } = layer;
  const pairs = resolvePadding(
    "Conv",
    padding,
    x.shape.slice(1),
    kernelSize.map((n, i) => dilatedSize(n, dilation[i])),
    stride,
  );
  return pad(x, [[0, 0], ...pairs], { mode: padModes[paddingMode as keyof typeof padModes] });
}

/** {@linkcode Conv} over one spatial axis. */
export class Conv1d extends Conv {
  /**
   * Makes the layer.
   *
   * @param inChannels The number of input channels.
   * @param outChannels The number of output channels.
   * @param kernelSize The size of the window.
   * @param options `key`; `stride`, `padding`, `dilation`, `groups`, `useBias`, `paddingMode`, `dtype`.
   */
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvLayerOptions,
  ) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
}

/** {@linkcode Conv} over two spatial axes. */
export class Conv2d extends Conv {
  /**
   * Makes the layer.
   *
   * @param inChannels The number of input channels.
   * @param outChannels The number of output channels.
   * @param kernelSize The size of the window: one number, or one for each axis.
   * @param options `key`; `stride`, `padding`, `dilation`, `groups`, `useBias`, `paddingMode`, `dtype`.
   */
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvLayerOptions,
  ) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
}

/** {@linkcode Conv} over three spatial axes. */
export class Conv3d extends Conv {
  /**
   * Makes the layer.
   *
   * @param inChannels The number of input channels.
   * @param outChannels The number of output channels.
   * @param kernelSize The size of the window: one number, or one for each axis.
   * @param options `key`; `stride`, `padding`, `dilation`, `groups`, `useBias`, `paddingMode`, `dtype`.
   */
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvLayerOptions,
  ) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
}
