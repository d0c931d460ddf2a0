/**
 * Primitives that take boxes out of arrays or put them into larger ones: slice, pad, reverse. A family closed under its own
 * rules; slice and pad are each other's transposes.
 *
 * @module
 */
import { partitionByAxis } from "../core/partition.ts";
import { ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, shapedArray } from "../core/aval.ts";
import { type Primitive, Zero } from "../core/primitive.ts";
import { splitByAxis } from "../core/split.ts";
import { bind1 } from "../core/trace.ts";
import { binary, index as indexConst } from "../loopnest/expr.ts";
import { sub } from "./arith.ts";
import { axisToFront, literal } from "./common.ts";
import { select } from "./logic.ts";
import {
  axisTools,
  broadcastInDim,
  checkAxes,
  instantiate,
  mapTangent,
  reduceSum,
} from "./shape.ts";

// ---------------------------------------------------------------- slice, pad, rev

/** Parameters of {@linkcode sliceP}. */
export interface SliceParams {
  readonly startIndices: readonly number[];
  readonly limitIndices: readonly number[];
  /** `null` for all 1. */
  readonly strides: readonly number[] | null;
}

/** `slice`: a box with constant bounds and positive strides. */
export const sliceP: Primitive<SliceParams> = {
  name: "slice",
  onParts: "each",
  split: splitByAxis,
  partition: partitionByAxis(
    (axis, { ins: [{ shape }], params: { startIndices, limitIndices, strides } }) =>
      startIndices[axis] > 0 || limitIndices[axis] < shape[axis] || (strides?.[axis] ?? 1) > 1,
    (shape, { params }, kept) => ({
      ...params,
      limitIndices: params.limitIndices.map((limit, axis) => kept[axis] ? shape[axis] : limit),
    }),
  ),
  abstractEval: ([x], { startIndices, limitIndices, strides }) => {
    const shape = x.shape.map((n, i) => {
      const [start, limit, step] = [startIndices[i], limitIndices[i], strides?.[i] ?? 1];
      if (!(start >= 0 && start <= limit && limit <= n && step > 0)) {
        throw new ShapeError(
          `lax.slice: start ${start}, limit ${limit}, stride ${step} do not fit axis ${i} of shape ${
            formatShape(x.shape)
          }`,
        );
      }
      return Math.ceil((limit - start) / step);
    });
    return [shapedArray(shape, x.dtype, x.weakType)];
  },
  lower: ([read], _ins, _outs, { startIndices, strides }) => [{
    kind: "map",
    at: (i) =>
      read(i.map((e, axis) =>
        binary(
          "add",
          binary("mul", e, indexConst(strides?.[axis] ?? 1)),
          indexConst(startIndices[axis]),
        )
      )),
  }],
  jvp: ([x], [t], p) => {
    const out = bind1(sliceP, [x], p);
    return [[out], [mapTangent(t, out, (t) => bind1(sliceP, [t], p))]];
  },
  transpose: ([ct], [x], { startIndices, strides }) => {
    if (ct instanceof Zero) return [new Zero(x.aval)];
    const config = x.aval.shape.map((n, i): PadAxis => {
      const step = strides?.[i] ?? 1;
      const size = ct.shape[i];
      const last = size === 0 ? startIndices[i] : startIndices[i] + 1 + step * (size - 1);
      return [startIndices[i], n - last, step - 1];
    });
    return [pad(ct, literal(0, ct.dtype), config)];
  },
  batch: ([x], [dim], { startIndices, limitIndices, strides }) => {
    const d = dim!;
    const insert = (list: readonly number[], value: number) => [
      ...list.slice(0, d),
      value,
      ...list.slice(d),
    ];
    return [[bind1(sliceP, [x], {
      startIndices: insert(startIndices, 0),
      limitIndices: insert(limitIndices, x.shape[d]),
      strides: strides === null ? null : insert(strides, 1),
    })], [d]];
  },
};

/** The box `start ≤ i < limit`, every `strides`-th element. */
export function slice(
  x: NDArray,
  startIndices: readonly number[],
  limitIndices: readonly number[],
  strides: readonly number[] | null = null,
): NDArray {
  const whole = startIndices.every((s, i) => s === 0 && limitIndices[i] === x.shape[i]) &&
    (strides === null || strides.every((s) => s === 1));
  if (whole) return x;
  return bind1(sliceP, [x], {
    startIndices,
    limitIndices,
    strides: strides?.every((s) => s === 1) ? null : strides,
  });
}

/** Padding of one axis: before, after (negative to crop), and between elements. */
export type PadAxis = readonly [low: number, high: number, interior: number];

/** Parameters of {@linkcode padP}. */
export interface PadParams {
  readonly paddingConfig: readonly PadAxis[];
}

/** `pad`: puts a value before, after and between the elements of each axis. */
export const padP: Primitive<PadParams> = {
  name: "pad",
  onParts: "each",
  split: splitByAxis,
  partition: partitionByAxis((axis, { params }) => params.paddingConfig[axis].some((n) => n !== 0)),
  abstractEval: ([x, value], { paddingConfig }) => {
    if (value.shape.length !== 0 || value.dtype !== x.dtype) {
      throw new ShapeError(
        `lax.pad: the padding value must be 0-d and of dtype ${x.dtype}; got ${value.dtype}${
          formatShape(value.shape)
        }`,
      );
    }
    if (paddingConfig.length !== x.shape.length) {
      throw new ShapeError(
        `lax.pad: paddingConfig must have one entry for each of ${x.shape.length} axes; got ${paddingConfig.length}`,
      );
    }
    const shape = x.shape.map((n, i) => {
      const [low, high, interior] = paddingConfig[i];
      const size = paddedSize(n, paddingConfig[i]);
      if (interior >= 0 && size >= 0) return size;
      throw new ShapeError(
        `lax.pad: an array of shape ${formatShape(x.shape)} cannot be padded by [${
          [low, high, interior].join(", ")
        }] along axis ${i}: ${
          interior < 0
            ? `the padding between elements, ${interior}, must not be negative`
            : `its size would be ${size}`
        }`,
      );
    });
    return [shapedArray(shape, x.dtype, x.weakType && value.weakType)];
  },
  lower: ([read, readValue], [x], [out], { paddingConfig }) => {
    // Negative padding crops: the piece starts at the first source element that is kept.
    const first = paddingConfig.map(([low, , interior]) =>
      low < 0 ? Math.ceil(-low / (interior + 1)) : 0
    );
    const offsets = paddingConfig.map(([low, , interior], i) => low + first[i] * (interior + 1));
    const sizes = x.shape.map((n, i) => {
      const room = out.shape[i] - offsets[i];
      const fitting = room <= 0 ? 0 : Math.ceil(room / (paddingConfig[i][2] + 1));
      return Math.max(0, Math.min(n - first[i], fitting));
    });
    return [{
      kind: "pieces",
      background: readValue([]),
      pieces: [{
        offsets,
        sizes,
        steps: paddingConfig.map(([, , interior]) => interior + 1),
        at: (i) => read(i.map((e, axis) => binary("add", e, indexConst(first[axis])))),
      }],
    }];
  },
  jvp: ([x, v], [tx, tv], p) => {
    const out = bind1(padP, [x, v], p);
    return [[out], [bind1(padP, [instantiate(tx), instantiate(tv)], p)]];
  },
  transpose: ([ct], [x, value], { paddingConfig }) => {
    if (ct instanceof Zero) return [new Zero(x.aval), new Zero(value.aval)];
    // Undo the padding: crop by negative padding, then take every (interior + 1)-th element.
    const cropped = pad(ct, literal(0, ct.dtype), paddingConfig.map(([lo, hi]) => [-lo, -hi, 0]));
    const strides = paddingConfig.map(([, , interior]) => interior + 1);
    const ctX = slice(cropped, strides.map(() => 0), cropped.shape, strides);
    const all = ct.shape.map((_, i) => i);
    const total = reduceSum(ct, all);
    const inner = reduceSum(ctX, all);
    return [ctX, sub(total, inner)];
  },
  batch: ([x, value], [dx, dv], { paddingConfig }, size) => {
    if (dv !== null) {
      // A mapped padding value: pad a mask, and choose.
      const front = dx === null
        ? broadcastInDim(x, [size, ...x.shape], x.shape.map((_, i) => i + 1))
        : axisToFront(axisTools, x, dx);
      const config: PadAxis[] = [[0, 0, 0], ...paddingConfig];
      const padded = pad(front, literal(0, x.dtype), config);
      const mask = pad(
        broadcastInDim(literal(true, "bool"), front.shape, []),
        literal(false, "bool"),
        config,
      );
      const values = broadcastInDim(value, padded.shape, [0]);
      return [[select(mask, padded, values)], [0]];
    }
    const config = [
      ...paddingConfig.slice(0, dx!),
      [0, 0, 0] as PadAxis,
      ...paddingConfig.slice(dx!),
    ];
    return [[pad(x, value, config)], [dx]];
  },
};

/** The size of an axis after padding; negative where more is cropped than there is. */
export function paddedSize(n: number, [low, high, interior]: PadAxis): number {
  return low + high + n + Math.max(0, n - 1) * interior;
}

/** Pads each axis. */
export function pad(x: NDArray, value: NDArray, paddingConfig: readonly PadAxis[]): NDArray {
  if (paddingConfig.every(([a, b, c]) => a === 0 && b === 0 && c === 0)) return x;
  return bind1(padP, [x, value], { paddingConfig });
}

/** Parameters of {@linkcode revP}. */
export interface RevParams {
  readonly dimensions: readonly number[];
}

/** `rev`: reverses some axes. */
export const revP: Primitive<RevParams> = {
  name: "rev",
  onParts: "each",
  abstractEval: ([x], { dimensions }) => {
    checkAxes("rev", x.shape, dimensions);
    return [x];
  },
  lower: ([read], [x], _outs, { dimensions }) => [{
    kind: "map",
    at: (i) =>
      read(
        i.map((e, axis) =>
          dimensions.includes(axis) ? binary("sub", indexConst(x.shape[axis] - 1), e) : e
        ),
      ),
  }],
  jvp: ([x], [t], { dimensions }) => {
    const out = rev(x, dimensions);
    return [[out], [mapTangent(t, out, (t) => rev(t, dimensions))]];
  },
  transpose: ([ct], [x], { dimensions }) => [
    ct instanceof Zero ? new Zero(x.aval) : rev(ct, dimensions),
  ],
  batch: ([x], [dim], { dimensions }) => [
    [rev(x, dimensions.map((d) => d < dim! ? d : d + 1))],
    [dim],
  ],
};

/** Reverses axes. */
export function rev(x: NDArray, dimensions: readonly number[]): NDArray {
  return dimensions.length === 0 ? x : bind1(revP, [x], { dimensions });
}
