/**
 * The convolution kernel as products: what `loopnest/conv_plan.ts` describes, with the copy that puts zeros around the operand where windows
 * reach beyond it. Patches are never laid out.
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
import { InternalError } from "../../errors.ts";
import {
  binary,
  constant,
  type Expr,
  index,
  load,
  makeVar,
  select,
  type Var,
} from "../../loopnest/expr.ts";
import type { KernelCall, Nest, Stmt } from "../../loopnest/ir.ts";
import { type Axis, isProductDType, type Product, sizeOfAxes } from "./product.ts";

type NewBuffer = (dtype: DType, size: number) => number;

/** A step of a convolution. */
export type ConvPart = { readonly nest: Nest } | { readonly product: Product };

const plus = (...terms: readonly Expr[]): Expr =>
  terms.reduce((sum, term) => binary("add", sum, term));
const times = (x: Expr, by: number): Expr => binary("mul", x, index(by));

interface Part {
  readonly x: number;
  readonly w: number;
  readonly out: number;
  readonly columns: readonly (readonly number[])[];
  readonly batchAxis: number;
  readonly k: readonly (readonly number[])[];
}

/** The list of numbers, read. */
function read(list: readonly number[]) {
  let at = 0;
  const next = (n: number): readonly number[] => list.slice(at, at += n);
  const [groups, xGroup, wGroup, outGroup, rows, wRow, outRow] = next(7);
  const [batch, chunk, xBatch, outBatch, copyRank, copyBatch, copyOffset, count] = next(9);
  const copyAxes = Array.from({ length: copyRank }, () => next(4));
  const parts = Array.from({ length: count }, (): Part => {
    const [x, w, out, columnRank, batchAxis, kRank] = next(6);
    const columns = Array.from({ length: columnRank }, () => next(3));
    return { x, w, out, columns, batchAxis, k: Array.from({ length: kRank }, () => next(3)) };
  });
  return {
    groups: { size: groups, x: xGroup, w: wGroup, out: outGroup },
    rows: { size: rows, w: wRow, out: outRow },
    batch: { size: batch, chunk, x: xBatch, out: outBatch },
    copy: { axes: copyAxes, batchAxis: copyBatch, offset: copyOffset },
    parts,
  };
}

/** Loops around a body, the first outermost. */
function around(
  axes: readonly { readonly v: Var; readonly size: number }[],
  body: readonly Stmt[],
): readonly Stmt[] {
  return [...axes].reverse().reduce<readonly Stmt[]>(
    (inner, { v, size }) => [{ kind: "for", v, extent: size, mode: "parallel", body: inner }],
    body,
  );
}

/** What computes a convolution, in order. */
export function convParts(call: KernelCall, dtype: DType, newBuffer: NewBuffer): ConvPart[] {
  const [spec, ...buffers] = call.args;
  if (spec.kind !== "list") throw new InternalError("conv: its first argument is no list");
  const [x, w, out] = buffers.map((arg) => arg.kind === "buffer" ? arg.buffer : -1);
  const conv = { plan: read(spec.values), x, w, out, dtype, newBuffer };
  const { size, chunk } = conv.plan.batch;
  const whole = Math.floor(size / chunk);
  const parts = chunks(conv, 0, whole, chunk);
  const rest = size - whole * chunk;
  return rest === 0 ? parts : [...parts, ...chunks(conv, whole * chunk, 1, rest)];
}

interface Conv {
  readonly plan: ReturnType<typeof read>;
  readonly x: number;
  readonly w: number;
  readonly out: number;
  readonly dtype: DType;
  readonly newBuffer: NewBuffer;
}

/** What computes `count` chunks of examples, all of one size, from example `first` on. */
function chunks(conv: Conv, first: number, count: number, examples: number): ConvPart[] {
  if (count === 0) return [];
  const { plan: { groups, rows, batch, copy, parts }, dtype } = conv;
  const padded = copy.axes.length > 0 ? paddedCopy(conv, first, count, examples) : null;
  const sums = parts.flatMap((part): ConvPart[] => {
    const columns = part.columns.map(([size, x, out], i): Axis => ({
      size: i === part.batchAxis ? examples : size,
      lhs: 0,
      rhs: x,
      out,
    }));
    const product: Product = {
      name: "conv",
      dtype,
      buffers: { lhs: conv.w, rhs: padded?.buffer ?? conv.x, out: conv.out },
      offsets: {
        lhs: part.w,
        rhs: part.x + (padded === null ? first * batch.x : 0),
        out: part.out + first * batch.out,
      },
      batch: [
        {
          size: groups.size,
          lhs: groups.w,
          rhs: padded === null ? groups.x : count * padded.each,
          out: groups.out,
        },
        {
          size: count,
          lhs: 0,
          rhs: padded === null ? batch.chunk * batch.x : padded.each,
          out: batch.chunk * batch.out,
        },
      ],
      rows: [{ size: rows.size, lhs: rows.w, rhs: 0, out: rows.out }],
      cols: columns.length === 0 ? [{ size: 1, lhs: 0, rhs: 0, out: 0 }] : columns,
      terms: part.k.length === 0
        ? [{ size: 1, lhs: 0, rhs: 0, out: 0 }]
        : part.k.map(([size, x, w]) => ({ size, lhs: w, rhs: x, out: 0 })),
    };
    // Where features lie next to each other in the output, they are the columns.
    return rows.out === 1 && rows.size > 1
      ? [{ product: turned(product) }]
      : packed(product, conv.newBuffer);
  });
  return padded === null ? sums : [{ nest: padded.nest }, ...sums];
}

/** With fewer columns, filters are read too seldom to be laid out anew; with fewer multiplications, another step takes longer. */
const manyColumns = 64;
const manySteps = 2 ** 20;

/** A product whose filters are laid out such that four rows are neighbours, where that is worth it. */
function packed(product: Product, newBuffer: NewBuffer): ConvPart[] {
  const { dtype, buffers, offsets, batch, rows, cols, terms } = product;
  const [row] = rows;
  const worth = row.size % 4 === 0 && row.lhs !== 1 && sizeOfAxes(cols) >= manyColumns &&
    sizeOfAxes([...batch, ...rows, ...cols, ...terms]) >= manySteps;
  if (!worth || !isProductDType(dtype)) return [{ product }];
  const places = [...batch.filter((axis) => axis.lhs !== 0), ...terms, row].map((axis) => ({
    axis,
    v: makeVar("i"),
    size: axis.size,
  }));
  const size = places.reduce((n, axis) => n * axis.size, 1);
  const buffer = newBuffer(dtype, size);
  let [to, from]: Expr[] = [index(0), index(offsets.lhs)];
  const strides = new Map<Axis, number>();
  let rest = size;
  for (const { axis, v } of places) {
    rest /= axis.size;
    strides.set(axis, rest);
    to = plus(to, times(v, rest));
    from = plus(from, times(v, axis.lhs));
  }
  const store: Stmt = { kind: "store", buffer, index: to, value: load(buffers.lhs, dtype, from) };
  const laid = (axes: readonly Axis[]): Axis[] =>
    axes.map((axis) => ({ ...axis, lhs: strides.get(axis) ?? 0 }));
  return [
    { nest: { kind: "nest", name: "conv, filters", body: around(places, [store]) } },
    {
      product: {
        ...product,
        buffers: { ...buffers, lhs: buffer },
        offsets: { ...offsets, lhs: 0 },
        batch: laid(batch),
        rows: laid(rows),
        terms: laid(terms),
      },
    },
  ];
}

/** The same sums with rows and columns exchanged. */
function turned(product: Product): Product {
  const swap = (axes: readonly Axis[]): Axis[] =>
    axes.map(({ size, lhs, rhs, out }) => ({ size, lhs: rhs, rhs: lhs, out }));
  const { buffers, offsets, batch, rows, cols, terms } = product;
  return {
    ...product,
    buffers: { lhs: buffers.rhs, rhs: buffers.lhs, out: buffers.out },
    offsets: { lhs: offsets.rhs, rhs: offsets.lhs, out: offsets.out },
    batch: swap(batch),
    rows: swap(cols),
    cols: swap(rows),
    terms: swap(terms),
  };
}

/** The nest that copies examples with zeros around, and where to. */
function paddedCopy(
  { plan, x, dtype, newBuffer }: Conv,
  first: number,
  count: number,
  examples: number,
): { nest: Nest; buffer: number; each: number } {
  const { groups, batch, copy } = plan;
  const group = { v: makeVar("g"), size: groups.size };
  const chunk = { v: makeVar("c"), size: count };
  const axes = copy.axes.map(([padded, low, inside, stride], i) => {
    const isBatch = i === copy.batchAxis;
    const size = isBatch ? examples : padded;
    const there = isBatch ? examples : inside;
    // A chunk of fewer examples lies as a whole one would, whose strides the products read by.
    return { v: makeVar("i"), size, room: padded, low, inside: there, stride };
  });
  const each = axes.reduce((n, axis) => n * axis.room, 1);
  const buffer = newBuffer(dtype, groups.size * count * each);
  let place: Expr = index(0);
  let source = plus(
    times(group.v, groups.x),
    times(chunk.v, batch.chunk * batch.x),
    index(first * batch.x + copy.offset),
  );
  let inside: Expr = constant(true, "bool");
  for (const { v, size, room, low, inside: there, stride } of axes) {
    place = plus(times(place, room), v);
    const at = plus(v, index(-low));
    const clamped = binary("min", binary("max", at, index(0)), index(Math.max(there - 1, 0)));
    source = plus(source, times(clamped, stride));
    if (low === 0 && there >= size) continue;
    const within = binary("and", binary("ge", at, index(0)), binary("lt", at, index(there)));
    inside = binary("and", inside, within);
  }
  const zero = constant(0, dtype);
  const empty = axes.some((axis) => axis.inside === 0);
  const value = empty ? zero : select(inside, load(x, dtype, source), zero);
  const at = plus(times(group.v, count * each), times(chunk.v, each), place);
  const store: Stmt = { kind: "store", buffer, index: at, value };
  const body = around([group, chunk, ...axes], [store]);
  return { nest: { kind: "nest", name: "conv, padded", body }, buffer, each };
}
