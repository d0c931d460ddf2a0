/**
 * Convolutions for the library kernel: a product of strided views, described by a list of int32 (`kernels/conv/spec.ts`).
 *
 * Column `p` of the product is a place of the output, `k` runs through input features and the window. The element of the
 * operand that both meet at lies at the sum of what each contributes, so that no patches are ever laid out: the kernel packs
 * windows into the panels of its tiles straight from where they lie. Where windows reach beyond the operand, a chunk of
 * examples is first copied with zeros around it.
 *
 * An operand that is dilated by `d` is not filled with zeros: the output falls into up to `d` phases along that axis, each of
 * which meets every `d`-th element of the window only. Each is a part, a plain convolution of its own.
 *
 * @module
 */

import {
  type ConvForm,
  dotsForm,
  nineForm,
  windowsForm,
  winogradForm,
  winogradGain,
} from "./conv_forms.ts";
import type { ConvAxis, ConvShape } from "./conv_shape.ts";

/** What the kernel gets. */
export interface ConvPlan {
  readonly list: readonly number[];
  readonly scratchBytes: number;
}

// The numbers of kernels/conv/conv.ts.
const K_BYTES = 2560;
const M_BLOCK = 192;
const N_BLOCK = 512;
const TABLES = 3 * 2560 + 2 * 2080;
const TILE_BYTES = 192;
/** Bytes that a copied chunk of examples takes at most, unless one alone takes more: it stays in the second cache. */
const COPY_BYTES = 2 ** 19;

/** Where the list says where a form that needs no copy is described. */
const formAt = 15;

/** Where the windows of one phase along one axis are. */
interface Phase {
  readonly first: number;
  readonly step: number;
  readonly count: number;
  readonly firstTap: number;
  readonly tapStep: number;
  readonly taps: number;
  /** The position of the first window's first element in the operand, and what a window and a tap add to it. */
  readonly start: number;
  readonly perWindow: number;
  readonly perTap: number;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

function phasesOf(axis: ConvAxis): Phase[] {
  const { stride, low, baseDilation: base, windowDilation: dilation, count, window } = axis;
  const period = base / gcd(stride, base);
  const tapStep = base / gcd(dilation, base);
  return Array.from({ length: Math.min(period, count) }, (_, first): Phase => {
    const offset = (tap: number) => first * stride + tap * dilation - low;
    let firstTap = 0;
    while (firstTap < tapStep && offset(firstTap) % base !== 0) firstTap++;
    const taps = firstTap < tapStep ? Math.max(0, Math.ceil((window - firstTap) / tapStep)) : 0;
    const lastTap = firstTap + (taps - 1) * tapStep;
    const perTap = tapStep * dilation / base;
    return {
      first,
      step: period,
      count: Math.ceil((count - first) / period),
      // Backwards, the kernel is gone through in its own order all the same, and the operand against it.
      firstTap: axis.reversed ? window - 1 - lastTap : firstTap,
      tapStep,
      taps,
      start: taps === 0 ? 0 : offset(axis.reversed ? lastTap : firstTap) / base,
      perWindow: period * stride / base,
      perTap: axis.reversed ? -perTap : perTap,
    };
  });
}

/** One choice from each list, in all ways. */
function product<T>(lists: readonly (readonly T[])[]): T[][] {
  return lists.reduce<T[][]>((all, list) => all.flatMap((head) => list.map((x) => [...head, x])), [
    [],
  ]);
}

/** An axis of columns or of k: its stride in the operand, and in the output or the kernel. */
interface Axis {
  size: number;
  x: number;
  other: number;
  isBatch: boolean;
}

/** The axes in the order of the second stride, neighbours that both strides walk as one merged. */
function arranged(axes: readonly Axis[]): Axis[] {
  const sorted = axes.filter((a) => a.size !== 1 || a.isBatch).sort((a, b) => b.other - a.other);
  const out: Axis[] = [];
  for (const axis of sorted) {
    const last = out[out.length - 1];
    const joins = last !== undefined && !last.isBatch && !axis.isBatch &&
      last.x === axis.x * axis.size && last.other === axis.other * axis.size;
    if (joins) out[out.length - 1] = { ...axis, size: last.size * axis.size };
    else out.push(axis);
  }
  return out;
}

/**
 * Which forms of its own the kernel may take (`conv_forms.ts`): none, as for integers; those that add up the same products; or also those that save
 * products, of float32 only.
 */
export type ConvForms = "none" | "exact" | "any";

/** So much faster an algorithm has to be that rounds differently. */
const LEAST_GAIN = 1.35;

function formOf(shape: ConvShape, bytes: number, forms: ConvForms): ConvForm | null {
  if (forms === "none") return null;
  const exact = nineForm(shape, bytes) ?? dotsForm(shape, bytes) ??
    windowsForm(shape, bytes);
  if (exact !== null || forms === "exact") return exact;
  const form = winogradForm(shape);
  return form !== null && winogradGain(shape) >= LEAST_GAIN ? form : null;
}

/** Describes a convolution of elements of `bytes` bytes; none of its sizes is 0. */
export function planConv(shape: ConvShape, bytes: number, forms: ConvForms): ConvPlan {
  const { groups, groupStride, rows, rowStride, batch, batchStride, features, featureStride } =
    shape;
  const phases = shape.axes.map(phasesOf);
  const parts = product(phases);
  const reach = phases.map((list) => {
    const used = list.filter((p) => p.taps > 0);
    const across = (p: Phase) => (p.taps - 1) * p.perTap;
    const low = Math.min(...used.map((p) => p.start + Math.min(0, across(p))));
    const high = Math.max(
      ...used.map((p) => p.start + (p.count - 1) * p.perWindow + Math.max(0, across(p))),
    );
    return used.length === 0 ? { low: 0, high: 0 } : { low, high };
  });
  const isWithin = reach.every(({ low, high }, i) => low >= 0 && high < shape.axes[i].size);
  const copy = isWithin ? null : planCopy(shape, reach, bytes);
  const chunk = copy?.chunk ?? batch;
  const xOf = {
    batch: copy?.batchStride ?? batchStride.x,
    feature: copy?.featureStride ?? featureStride.x,
    axes: copy?.axisStrides ?? shape.axes.map((a) => a.xStride),
    low: reach.map(({ low }) => copy === null ? 0 : low),
  };
  const list = [
    groups,
    groupStride.x,
    groupStride.w,
    groupStride.out,
    rows,
    rowStride.w,
    rowStride.out,
    batch,
    chunk,
    batchStride.x,
    batchStride.out,
    ...(copy?.head ?? [0, -1, 0]),
    parts.length,
    0,
    ...(copy?.axes ?? []),
  ];
  for (const part of parts) {
    const isEmpty = part.some((p) => p.taps === 0);
    const sum = (term: (p: Phase, i: number) => number) =>
      part.reduce((total, p, i) => total + term(p, i), 0);
    const columns = arranged([
      { size: chunk, x: xOf.batch, other: batchStride.out, isBatch: batch > 1 },
      ...part.map((p, i) => ({
        size: p.count,
        x: p.perWindow * xOf.axes[i],
        other: p.step * shape.axes[i].outStride,
        isBatch: false,
      })),
    ]);
    const k = arranged([
      { size: features, x: xOf.feature, other: featureStride.w, isBatch: false },
      ...part.map((p, i) => ({
        size: p.taps,
        x: p.perTap * xOf.axes[i],
        other: p.tapStep * shape.axes[i].wStride,
        isBatch: false,
      })),
    ]);
    list.push(
      isEmpty ? 0 : sum((p, i) => (p.start - xOf.low[i]) * xOf.axes[i]),
      isEmpty ? 0 : sum((p, i) => p.firstTap * shape.axes[i].wStride),
      sum((p, i) => p.first * shape.axes[i].outStride),
      columns.length,
      columns.findIndex((axis) => axis.isBatch),
      k.length,
      ...[...columns, ...k].flatMap(({ size, x, other }) => [size, x, other]),
    );
  }
  const form = formOf(shape, bytes, forms);
  if (form !== null) {
    list[formAt] = list.length;
    list.push(...form.list);
  }
  const panels = rows <= M_BLOCK ? 1 : N_BLOCK * bytes / 32;
  const blocks = TABLES + TILE_BYTES + Math.min(M_BLOCK, rows + 5) * K_BYTES +
    K_BYTES / bytes * 32 * panels;
  const scratchBytes = Math.ceil(blocks / 16) * 16 + (copy?.bytes ?? 0);
  return { list, scratchBytes: form?.scratchBytes ?? scratchBytes };
}

/** Multiplications and additions of a convolution that a list describes. */
export function convFlops(list: readonly number[]): number {
  const [groups, rows, batch, chunk] = [list[0], list[4], list[7], list[8]];
  const [copyRank, parts] = [list[11], list[14]];
  let at = formAt + 1 + 4 * copyRank;
  let products = 0;
  for (let part = 0; part < parts; part++) {
    const [columnRank, kRank] = [list[at + 3], list[at + 5]];
    at += 6;
    let product = 1;
    for (let axis = 0; axis < columnRank + kRank; axis++, at += 3) product *= list[at];
    products += product;
  }
  return 2 * groups * rows * (batch / chunk) * products;
}

/** The copy of a chunk of examples with zeros around. */
interface CopyPlan {
  readonly chunk: number;
  readonly bytes: number;
  readonly head: readonly number[];
  readonly axes: readonly number[];
  readonly batchStride: number;
  readonly featureStride: number;
  readonly axisStrides: readonly number[];
}

function planCopy(
  shape: ConvShape,
  reach: readonly { readonly low: number; readonly high: number }[],
  bytes: number,
): CopyPlan {
  const { batch, features } = shape;
  const spatial = shape.axes.map(({ size, xStride }, i) => {
    const { low, high } = reach[i];
    const from = Math.max(0, low);
    const count = Math.max(0, Math.min(size - 1, high) - from + 1);
    const first = Math.min(from - low, high - low + 1);
    return { padded: high - low + 1, first, count, stride: xStride, from };
  });
  const each = spatial.reduce((n, axis) => n * axis.padded, features * bytes);
  const chunk = Math.max(1, Math.min(batch, Math.floor(COPY_BYTES / each)));
  const whole = (size: number, stride: number) => ({ padded: size, first: 0, count: size, stride });
  const all = [
    whole(chunk, shape.batchStride.x),
    whole(features, shape.featureStride.x),
    ...spatial,
  ].map((axis, which) => ({ ...axis, which, own: 1 }));
  // In the operand's own order, so that rows stay rows.
  const sorted = [...all].sort((a, b) => b.stride - a.stride || a.which - b.which);
  for (let i = sorted.length - 2; i >= 0; i--) {
    sorted[i].own = sorted[i + 1].own * sorted[i + 1].padded;
  }
  const offset = spatial.reduce((sum, { from, stride }) => sum + from * stride, 0);
  return {
    chunk,
    bytes: each * chunk,
    head: [sorted.length, sorted.findIndex((axis) => axis.which === 0), offset],
    axes: sorted.flatMap(({ padded, first, count, stride }) => [padded, first, count, stride]),
    batchStride: all[0].own,
    featureStride: all[1].own,
    axisStrides: all.slice(2).map((axis) => axis.own),
  };
}

/** What the kernel does, plainly: of each element of the output, one product after the other. */
export function runConv<E extends number | bigint>(
  list: readonly number[],
  x: ArrayLike<E>,
  w: ArrayLike<E>,
  out: { [index: number]: E },
  zero: E,
  madd: (x: E, y: E, sum: E) => E,
): void {
  let at = 0;
  const next = (n: number) => list.slice(at, at += n);
  const [groups, xGroup, wGroup, outGroup, rows, wRow, outRow] = next(7);
  const [batch, chunk, xBatch, outBatch, copyRank, copyBatch, copyOffset, parts] = next(9);
  const copyAxes = Array.from({ length: copyRank }, () => next(4));
  const begin = at;
  for (let g = 0; g < groups; g++) {
    for (let first = 0; first < batch; first += chunk) {
      const examples = Math.min(chunk, batch - first);
      const base = g * xGroup + first * xBatch;
      /** The element at a place of the copy, or of the operand itself. */
      const read = (place: number): E => {
        if (copyRank === 0) return x[base + place];
        let source = base + copyOffset;
        for (let i = copyRank - 1; i >= 0; i--) {
          const [padded, low, count, stride] = copyAxes[i];
          const j = place % padded - low;
          place = Math.floor(place / padded);
          if (j < 0 || j >= (i === copyBatch ? examples : count)) return zero;
          source += j * stride;
        }
        return x[source];
      };
      at = begin;
      for (let p = 0; p < parts; p++) {
        const [px, pw, po, columnRank, batchAxis, kRank] = next(6);
        const columnAxes = Array.from({ length: columnRank }, () => next(3));
        const kAxes = Array.from({ length: kRank }, () => next(3));
        const columns = offsets(columnAxes, batchAxis, examples);
        const ks = offsets(kAxes, -1, 0);
        for (let i = 0; i < rows; i++) {
          for (const column of columns) {
            let sum = zero;
            for (const k of ks) {
              const y = w[g * wGroup + pw + i * wRow + k.other];
              sum = madd(read(px + k.x + column.x), y, sum);
            }
            out[g * outGroup + first * outBatch + po + i * outRow + column.other] = sum;
          }
        }
      }
    }
  }
}

/** Where all points of some axes lie. */
function offsets(
  axes: readonly (readonly number[])[],
  batch: number,
  examples: number,
): { readonly x: number; readonly other: number }[] {
  const lists = axes.map(([size, x, other], i) =>
    Array.from(
      { length: i === batch ? examples : size },
      (_, j) => ({ x: j * x, other: j * other }),
    )
  );
  return product(lists).map((point) => ({
    x: point.reduce((sum, p) => sum + p.x, 0),
    other: point.reduce((sum, p) => sum + p.other, 0),
  }));
}
