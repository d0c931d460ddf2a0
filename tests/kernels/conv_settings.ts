/**
 * The convolutions that the kernels are tested with.
 *
 * @module
 */
import type { ConvAxis, ConvShape } from "../../src/loopnest/conv_shape.ts";

/** One axis by its numbers alone. */
export interface AxisSpec {
  readonly size: number;
  readonly window: number;
  readonly stride?: number;
  readonly padding?: readonly [number, number];
  readonly base?: number;
  readonly dilation?: number;
  readonly reversed?: boolean;
}

/** What is convolved: groups, examples and features of one group, output features of one group. */
export interface Setting {
  readonly groups: number;
  readonly batch: number;
  readonly features: number;
  readonly rows: number;
  readonly axes: readonly AxisSpec[];
  /** Whether features come last in memory. */
  readonly last?: boolean;
  /** Whether examples lie within features in memory, as in the derivative with respect to a kernel. */
  readonly inside?: boolean;
}

/** The strides of dense axes of the given sizes, put in memory in the given order. */
function dense(sizes: readonly number[], order: readonly number[]): number[] {
  const strides: number[] = [];
  let step = 1;
  for (let i = order.length - 1; i >= 0; i--) {
    strides[order[i]!] = step;
    step *= sizes[order[i]!]!;
  }
  return strides;
}

/** Its description, and how many elements operand, kernel and output have. */
export function shapeOf(
  s: Setting,
): { shape: ConvShape; sizes: [x: number, w: number, out: number] } {
  const counts = s.axes.map(({ size, window, stride = 1, padding, base = 1, dilation = 1 }) => {
    const [low, high] = padding ?? [0, 0];
    return Math.floor(
      ((size - 1) * base + low + high - (window - 1) * dilation) / stride + 1,
    );
  });
  const spatial = s.axes.map((_, i) => i + 2);
  const order = s.last ? [0, ...spatial, 1] : s.inside ? [1, 0, ...spatial] : [0, 1, ...spatial];
  const kernelOrder = s.last ? [...spatial, 1, 0] : [0, 1, ...spatial];
  const xs = [s.batch, s.groups * s.features, ...s.axes.map((a) => a.size)];
  const ws = [s.groups * s.rows, s.features, ...s.axes.map((a) => a.window)];
  const os = [s.batch, s.groups * s.rows, ...counts];
  const [x, w, o] = [dense(xs, order), dense(ws, kernelOrder), dense(os, order)];
  const total = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);
  const shape: ConvShape = {
    groups: s.groups,
    groupStride: { x: s.features * x[1]!, w: s.rows * w[0]!, out: s.rows * o[1]! },
    rows: s.rows,
    rowStride: { w: w[0]!, out: o[1]! },
    batch: s.batch,
    batchStride: { x: x[0]!, out: o[0]! },
    features: s.features,
    featureStride: { x: x[1]!, w: w[1]! },
    axes: s.axes.map((a, i): ConvAxis => ({
      size: a.size,
      window: a.window,
      count: counts[i]!,
      stride: a.stride ?? 1,
      low: a.padding?.[0] ?? 0,
      baseDilation: a.base ?? 1,
      windowDilation: a.dilation ?? 1,
      reversed: a.reversed ?? false,
      xStride: x[i + 2]!,
      wStride: w[i + 2]!,
      outStride: o[i + 2]!,
    })),
  };
  return { shape, sizes: [total(xs), total(ws), total(os)] };
}

/** Windows of 3 x 3 over single features, which have a form of their own. */
function nineSettings(): Record<string, Setting> {
  const of = (
    [height, width]: readonly [number, number],
    rows: readonly [number, number],
    columns: readonly [number, number],
    others: Partial<Setting> = {},
    reversed = false,
    stride = 1,
  ): [string, Setting] => [
    `3x3 over one feature, ${height}x${width}, padded by ${rows} and ${columns}${
      reversed ? ", backwards" : ""
    }, by ${stride}, ${JSON.stringify(others)}`,
    {
      groups: 2,
      batch: 2,
      features: 1,
      rows: 1,
      axes: [
        { size: height, window: 3, padding: rows, reversed, stride },
        { size: width, window: 3, padding: columns, reversed, stride },
      ],
      ...others,
    },
  ];
  return Object.fromEntries([
    of([5, 5], [1, 1], [1, 1]),
    of([2, 6], [1, 0], [0, 0]),
    of([4, 5], [0, 1], [1, 0]),
    of([7, 9], [0, 0], [0, 1], {}, true),
    of([6, 13], [-1, 1], [1, -2], { rows: 3, batch: 3 }),
    of([11, 12], [1, 1], [1, 1], { rows: 2, inside: true }, true),
    of([9, 19], [1, 1], [1, 1], {}, false, 2),
    of([8, 16], [0, 1], [0, 1], { rows: 2 }, true, 2),
    of([8, 16], [1, 0], [1, 0], {}, false, 2),
    of([7, 9], [1, 1], [0, 0], {}, false, 2),
    of([90, 141], [1, 1], [1, 1], { groups: 1, batch: 1 }, false, 2),
    of([5, 7], [1, 1], [1, 1], {}, false, 2),
    // Rows in several blocks.
    of([90, 130], [1, 1], [1, 1], { groups: 1, batch: 1 }),
  ]);
}

/** Nine places of windows over single features, as in the gradient of a kernel of 3 x 3. */
function dotsSettings(): Record<string, Setting> {
  const of = (down: AxisSpec, right: AxisSpec, rows: number): [string, Setting] => [
    `nine places, windows of ${down.window}x${right.window} in ${down.size}x${right.size}, ${rows} to each`,
    { groups: 3, batch: 1, features: 2, rows, axes: [down, right] },
  ];
  return Object.fromEntries([
    of({ size: 9, window: 9, padding: [1, 1] }, { size: 14, window: 14, padding: [1, 1] }, 1),
    of({ size: 4, window: 2 }, { size: 6, window: 4 }, 2),
    of({ size: 7, window: 6, padding: [1, 0] }, { size: 12, window: 11, padding: [0, 1] }, 1),
    of({ size: 7, window: 6, padding: [0, 1] }, { size: 9, window: 8, padding: [1, 0] }, 2),
    of({ size: 3, window: 3, padding: [1, 1] }, { size: 5, window: 5, padding: [1, 1] }, 1),
    of({ size: 3, window: 3, padding: [1, 1] }, { size: 13, window: 11 }, 3),
  ]);
}

/** Convolutions of all kinds. */
export const SETTINGS: Record<string, Setting> = {
  "one by one": { groups: 1, batch: 3, features: 17, rows: 19, axes: [{ size: 5, window: 1 }] },
  "3x3 with padding": {
    groups: 1,
    batch: 2,
    features: 5,
    rows: 13,
    axes: [
      { size: 9, window: 3, padding: [1, 1] },
      { size: 11, window: 3, padding: [1, 1] },
    ],
  },
  "features last, strides": {
    groups: 1,
    batch: 2,
    features: 6,
    rows: 7,
    axes: [{ size: 9, window: 2, stride: 2 }, { size: 8, window: 3, stride: 3, padding: [2, 0] }],
    last: true,
  },
  "dilations, cropped": {
    groups: 1,
    batch: 1,
    features: 3,
    rows: 5,
    axes: [
      { size: 7, window: 4, stride: 3, padding: [4, -2], base: 4, dilation: 2 },
      { size: 6, window: 3, stride: 2, padding: [-1, 3], base: 3, dilation: 2 },
    ],
  },
  "backwards, dilated": {
    groups: 1,
    batch: 2,
    features: 3,
    rows: 7,
    axes: [
      { size: 9, window: 5, stride: 2, padding: [3, 1], base: 2, dilation: 3, reversed: true },
      { size: 12, window: 3, padding: [1, 1], reversed: true },
    ],
  },
  "one feature to one, backwards": {
    groups: 5,
    batch: 2,
    features: 1,
    rows: 1,
    axes: [{ size: 31, window: 9, padding: [4, 4], reversed: true }],
  },
  ...Object.fromEntries([false, true].map((reversed): [string, Setting] => [
    `one feature to one, 3x3${reversed ? ", backwards" : ""}`,
    {
      groups: 3,
      batch: 2,
      features: 1,
      rows: 1,
      axes: [
        { size: 7, window: 3, padding: [1, 1], reversed },
        { size: 14, window: 3, padding: [1, 0], reversed },
      ],
    },
  ])),
  "one feature to two, 3x3, every other row": {
    groups: 2,
    batch: 1,
    features: 1,
    rows: 2,
    axes: [{ size: 12, window: 3, stride: 2 }, { size: 18, window: 3 }],
  },
  ...Object.fromEntries([2, 3].map((stride): [string, Setting] => [
    `one feature to one, every ${stride} places`,
    {
      groups: 2,
      batch: 1,
      features: 1,
      rows: 1,
      axes: [{ size: 12, window: 3, stride }, { size: 35, window: 3, stride, padding: [1, 1] }],
    },
  ])),
  ...nineSettings(),
  ...dotsSettings(),
  "groups": {
    groups: 3,
    batch: 2,
    features: 4,
    rows: 6,
    axes: [{ size: 20, window: 3, padding: [1, 1] }],
  },
  "one feature to one": {
    groups: 5,
    batch: 2,
    features: 1,
    rows: 1,
    axes: [
      { size: 9, window: 3, padding: [1, 1] },
      { size: 37, window: 3, padding: [1, 1] },
    ],
  },
  "one feature to one, several blocks of rows that the last does not fill": {
    groups: 2,
    batch: 1,
    features: 1,
    rows: 1,
    axes: [
      { size: 53, window: 3, padding: [0, 1] },
      { size: 131, window: 3, padding: [1, 0] },
    ],
  },
  "one feature to one, by two, several blocks of rows": {
    groups: 2,
    batch: 1,
    features: 1,
    rows: 1,
    axes: [
      { size: 64, window: 3, stride: 2, padding: [1, 1] },
      { size: 133, window: 3, stride: 2, padding: [1, 1] },
    ],
  },
  "one feature to one, 5 x 5 and dilated, rows of many vectors": {
    groups: 2,
    batch: 1,
    features: 1,
    rows: 1,
    axes: [
      { size: 12, window: 5, padding: [2, 2] },
      { size: 87, window: 5, padding: [4, 4], dilation: 2 },
    ],
  },
  "one feature to one, 5 x 7 by two, unevenly padded, backwards": {
    groups: 3,
    batch: 2,
    features: 1,
    rows: 1,
    axes: [
      { size: 30, window: 5, stride: 2, padding: [1, 2], reversed: true },
      { size: 41, window: 7, stride: 2, padding: [3, 2], reversed: true },
    ],
  },
  "one feature to two, by two and cropped, few rows and columns": {
    groups: 2,
    batch: 1,
    features: 1,
    rows: 2,
    axes: [
      { size: 9, window: 3, stride: 2, padding: [-1, 0], dilation: 2 },
      { size: 14, window: 4, stride: 2, padding: [-2, -1] },
    ],
  },
  "one feature to one, windows that reach beyond by more than they are long": {
    groups: 1,
    batch: 1,
    features: 1,
    rows: 1,
    axes: [
      { size: 3, window: 2, padding: [5, 4] },
      { size: 5, window: 3, stride: 2, padding: [9, 8] },
    ],
  },
  "one feature to two, features last": {
    groups: 4,
    batch: 1,
    features: 1,
    rows: 2,
    axes: [{ size: 19, window: 5, padding: [2, 2] }],
    last: true,
  },
  "a long window": {
    groups: 2,
    batch: 1,
    features: 1,
    rows: 1,
    axes: [{ size: 700, window: 650 }],
  },
  "more rows than a block": {
    groups: 1,
    batch: 1,
    features: 9,
    rows: 400,
    axes: [{ size: 30, window: 2 }],
  },
  "more columns and steps than a block": {
    groups: 1,
    batch: 1,
    features: 40,
    rows: 9,
    axes: [{ size: 700, window: 9, padding: [4, 4] }],
  },
  "many examples": {
    groups: 1,
    batch: 70,
    features: 30,
    rows: 4,
    axes: [{ size: 65, window: 2, padding: [1, 0] }],
  },
  "a last chunk of few examples, which lie within features": {
    groups: 1,
    batch: 19,
    features: 8,
    rows: 3,
    axes: [
      { size: 28, window: 3, padding: [1, 1] },
      { size: 28, window: 3, padding: [1, 1] },
    ],
    inside: true,
  },
};
