/**
 * Convolutions that the kernel has forms of their own for: windows of 3 × 3 that move by one along neighbours, and any over single features. A form's list follows all else
 * that describes the convolution (`kernels/conv/spec.ts`), and says the same less generally.
 *
 * @module
 */
import type { ConvAxis, ConvShape } from "./conv_shape.ts";

/** A form and the scratch space that it needs. */
export interface ConvForm {
  readonly list: readonly number[];
  readonly scratchBytes: number;
}

/** Whether windows of three move by `step` along this axis. */
function isStep({ window, stride, baseDilation, windowDilation }: ConvAxis, step: number): boolean {
  return window === 3 && stride === step && baseDilation === 1 && windowDilation === 1;
}

/** By how many elements the last window reaches beyond the operand, of an axis without dilation. */
function high({ count, window, stride, low, size }: ConvAxis): number {
  return (count - 1) * stride + window - low - size;
}

/** Where along this axis of the kernel the first element of a window is, and how far the next is away. */
const firstTap = (axis: ConvAxis): number => axis.reversed ? (axis.window - 1) * axis.wStride : 0;
const tapStep = (axis: ConvAxis): number => axis.reversed ? -axis.wStride : axis.wStride;

/**
 * How windows of 3 × 3 that move by one or two over single features are described, if they reach beyond the operand by one element at most
 * (`kernels/conv/nine.ts`).
 */
export function nineForm(shape: ConvShape, bytes: number): ConvForm | null {
  const { features, axes: [down, right] } = shape;
  const lanes = 16 / bytes;
  if (shape.axes.length !== 2 || features !== 1 || lanes > 4) return null;
  if (right.xStride !== 1 || right.outStride !== 1) return null;
  if (right.size <= lanes || right.count < lanes || down.size < 2) return null;
  const step = right.stride;
  if (step > 2) return null;
  if (!shape.axes.every((a) => isStep(a, step) && a.low <= 1 && high(a) <= 1)) return null;
  // A strip is at one edge only.
  if (right.count === lanes && right.low === 1 && high(right) === 1) return null;
  const list = [
    1,
    -down.low * down.xStride - right.low,
    down.xStride,
    down.outStride,
    firstTap(down) + firstTap(right),
    tapStep(down),
    tapStep(right),
    down.count,
    right.count,
    Number(down.low === 1),
    Number(high(down) === 1),
    Number(right.low === 1),
    Number(high(right) === 1),
    0,
    down.count,
    step,
  ];
  return { list, scratchBytes: 128 + 32 * (Math.ceil(right.count / lanes) + 2) };
}

/** Of more output features the products of matrices take less time. */
const MOST_ROWS = 4;

/**
 * How nine places of windows over single features are described, which the gradient of such a kernel is, where they reach beyond the operand by
 * one element at most (`kernels/conv/nine_dots.ts`).
 */
export function dotsForm(shape: ConvShape, bytes: number): ConvForm | null {
  const { features, rows, batch, axes: [down, right] } = shape;
  const lanes = 16 / bytes;
  if (shape.axes.length !== 2 || batch !== 1 || rows > MOST_ROWS || lanes > 4) return null;
  if (right.xStride !== 1 || right.wStride !== 1) return null;
  if (right.size <= lanes || right.window < lanes || down.window < 2) return null;
  const isNine = shape.axes.every((a) =>
    a.count === 3 && a.stride === 1 && a.baseDilation === 1 && a.windowDilation === 1 &&
    !a.reversed && a.low <= 1 && high(a) <= 1
  );
  if (!isNine) return null;
  const list = [
    3,
    features,
    shape.featureStride.x,
    shape.featureStride.w,
    -down.low * down.xStride - right.low,
    down.xStride,
    down.wStride,
    down.outStride,
    right.outStride,
    down.window,
    right.window,
    Number(down.low === 1),
    Number(high(down) === 1),
    Number(right.low === 1),
    Number(high(right) === 1),
  ];
  return { list, scratchBytes: 256 };
}

/** Elements of a window that the kernel makes a table of. */
const MOST_TAPS = 512;
/** Bytes of the operand that are copied at a time, and at most, where so many are needed for a row or two. */
const COPY_BYTES = 2 ** 16;
const MOST_COPY_BYTES = 2 ** 20;

/**
 * How any windows over single features are described that move by one or two along neighbours of an operand that is not dilated
 * (`kernels/conv/windows.ts`).
 */
export function windowsForm(shape: ConvShape, bytes: number): ConvForm | null {
  const { features, rows, axes: [down, right] } = shape;
  const lanes = 16 / bytes;
  if (shape.axes.length !== 2 || features !== 1 || rows > MOST_ROWS || lanes > 4) return null;
  if (right.xStride !== 1 || right.outStride !== 1 || right.count < lanes) return null;
  if (shape.axes.some((a) => a.baseDilation !== 1)) return null;
  if (right.stride > 2) return null;
  // Sums of products along a long window read less than vectors of few neighbours.
  if (right.window >= 8 && right.count < 2 * right.window) return null;
  const taps = down.window * right.window;
  if (taps < 2 || taps > MOST_TAPS) return null;
  const across = (axis: ConvAxis) => (axis.window - 1) * axis.windowDilation + 1;
  const phase = Math.ceil(((right.count - 1) * right.stride + across(right)) / right.stride);
  const lineBytes = phase * right.stride * bytes;
  const copyBytes = (block: number) => ((block - 1) * down.stride + across(down)) * lineBytes;
  // Blocks of so many rows that little of what they share is copied again.
  const most = Math.floor((COPY_BYTES / lineBytes - across(down)) / down.stride) + 1;
  const least = Math.max(8, 2 * Math.ceil(across(down) / down.stride));
  const blocks = Math.ceil(down.count / Math.max(most, least));
  const block = Math.ceil(Math.ceil(down.count / blocks) / 4) * 4;
  if (copyBytes(block) > MOST_COPY_BYTES) return null;
  const list = [
    4,
    down.size,
    right.size,
    down.xStride,
    down.outStride,
    firstTap(down) + firstTap(right),
    tapStep(down),
    tapStep(right),
    right.count,
    down.low,
    right.low,
    block,
    0,
    0,
    down.count,
    down.stride,
    right.stride,
    down.windowDilation,
    right.windowDilation,
    down.window,
    right.window,
  ];
  return { list, scratchBytes: 32 * taps + copyBytes(block) };
}

/** Bytes that the packed tiles of a block and their products take, about. */
const BLOCK_BYTES = 2 ** 20;
/** Steps of a product that its tiles take at once. */
const MOST_FEATURES = 1024;
/** Pairs of features in and out, 64 bytes of scratch each. */
const MOST_PAIRS = 2 ** 19;

/**
 * How windows of 3 × 3 over many features are described for Winograd's algorithm (`kernels/conv/winograd.ts`): it takes 16 products for the 36 of
 * four neighbours, but each element of the operand, the kernel and the output has to be transformed.
 */
export function winogradForm(shape: ConvShape): ConvForm | null {
  const { features, rows, batch, axes: [down, right] } = shape;
  if (shape.axes.length !== 2 || features > MOST_FEATURES) return null;
  if (rows * features > MOST_PAIRS) return null;
  if (right.xStride !== 1 || right.outStride !== 1) return null;
  if (right.size < 4 || !shape.axes.every((a) => isStep(a, 1) && a.low >= 0 && a.low <= 2)) {
    return null;
  }
  const lines = batch * Math.ceil(down.count / 2);
  const quads = Math.ceil(right.count / 8);
  const perLine = 64 * 4 * quads * (features + rows);
  const block = Math.max(1, Math.min(lines, Math.floor(BLOCK_BYTES / perLine)));
  const list = [
    2,
    features,
    shape.featureStride.x,
    shape.featureStride.w,
    down.xStride,
    down.outStride,
    firstTap(down) + firstTap(right),
    tapStep(down),
    tapStep(right),
    down.size,
    right.size,
    down.count,
    right.count,
    down.low,
    right.low,
    block,
    0,
    rows,
    0,
    lines,
  ];
  const kernelBytes = 64 * (rows + 5) * features;
  const panels = Math.ceil(block * quads / 2);
  const lineBytes = 4 * (4 * (8 * quads + 4) + right.size) + 16;
  const scratchBytes = kernelBytes + 192 + 32 + lineBytes + 16 * 32 * panels * (features + rows);
  return { list, scratchBytes };
}

/** By how much that is faster than products of all windows, by a model that is off by a fifth here and there. */
export function winogradGain({ rows, features, batch, axes: [down, right] }: ConvShape): number {
  const quads = batch * Math.ceil(down.count / 2) * Math.ceil(right.count / 8);
  // Cycles of two multiply-adds of vectors. The tiles of the product take 8 steps' time to begin and to end.
  const direct = 9 / 8 * rows * features * batch * down.count * right.count / 0.89;
  const products = 16 / 8 * rows * (features + 8) * (4 * quads) / 0.94;
  const transformations = 28 * rows * features + quads * (100 * features + 50 * rows);
  return direct / (products + transformations);
}
