/**
 * The convolution kernel as plain nests: what `loopnest/conv_plan.ts` describes, a product of strided views, with the copy that puts
 * zeros around the operand where windows reach beyond it.
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

type NewBuffer = (dtype: DType, size: number) => number;

const plus = (...terms: readonly Expr[]): Expr =>
  terms.reduce((sum, term) => binary("add", sum, term));
const times = (x: Expr, by: number): Expr => binary("mul", x, index(by));

/** An axis of a product: its size, and what a step along it adds to the two places. */
interface Axis {
  readonly v: Var;
  readonly size: number;
  readonly x: number;
  readonly other: number;
}

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
  const [batch, chunk, xBatch, outBatch, copyRank, copyBatch, copyOffset, count] = next(8);
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
  mode: "parallel" | "serial",
): readonly Stmt[] {
  return [...axes].reverse().reduce<readonly Stmt[]>(
    (inner, { v, size }) => [{ kind: "for", v, extent: size, mode, body: inner }],
    body,
  );
}

/** The nests of a convolution, in order. */
export function convNests(call: KernelCall, dtype: DType, newBuffer: NewBuffer): Nest[] {
  const [spec, ...buffers] = call.args;
  if (spec.kind !== "list") throw new InternalError("conv: its first argument is no list");
  const [x, w, out] = buffers.map((arg) => arg.kind === "buffer" ? arg.buffer : -1);
  const plan = read(spec.values);
  const { size, chunk } = plan.batch;
  const whole = Math.floor(size / chunk);
  const nests = chunkNests(plan, { x, w, out }, dtype, newBuffer, 0, whole, chunk);
  const rest = size - whole * chunk;
  if (rest === 0) return nests;
  const last = chunkNests(plan, { x, w, out }, dtype, newBuffer, whole * chunk, 1, rest);
  return [...nests, ...last];
}

/** The nests of some chunks of examples, all of one size. */
function chunkNests(
  plan: ReturnType<typeof read>,
  buffers: { readonly x: number; readonly w: number; readonly out: number },
  dtype: DType,
  newBuffer: NewBuffer,
  first: number,
  count: number,
  examples: number,
): Nest[] {
  if (count === 0) return [];
  const { groups, rows, batch, copy, parts } = plan;
  const nests: Nest[] = [];
  const group = { v: makeVar("g"), size: groups.size };
  const chunk = { v: makeVar("c"), size: count };
  const start = plus(
    times(group.v, groups.x),
    times(chunk.v, batch.chunk * batch.x),
    index(first * batch.x),
  );
  let source = buffers.x;
  let base = start;
  if (copy.axes.length > 0) {
    const axes = copy.axes.map(([padded, low, inside, stride], i) => {
      const isBatch = i === copy.batchAxis;
      const size = isBatch ? examples : padded;
      return { v: makeVar("i"), size, low, inside: isBatch ? examples : inside, stride };
    });
    const each = axes.reduce((n, axis) => n * axis.size, 1);
    source = newBuffer(dtype, groups.size * count * each);
    base = plus(times(group.v, count * each), times(chunk.v, each));
    let place: Expr = index(0);
    let from = plus(start, index(copy.offset));
    let inside: Expr = constant(true, "bool");
    for (const { v, size, low, inside: there, stride } of axes) {
      place = plus(times(place, size), v);
      const at = plus(v, index(-low));
      const clamped = binary("min", binary("max", at, index(0)), index(Math.max(there - 1, 0)));
      from = plus(from, times(clamped, stride));
      if (low === 0 && there >= size) continue;
      const within = binary("and", binary("ge", at, index(0)), binary("lt", at, index(there)));
      inside = binary("and", inside, within);
    }
    const empty = axes.some((axis) => axis.inside === 0);
    const zero = constant(0, dtype);
    const value = empty ? zero : select(inside, load(buffers.x, dtype, from), zero);
    nests.push({
      kind: "nest",
      name: "conv, padded",
      body: around([group, chunk, ...axes], [
        { kind: "store", buffer: source, index: plus(base, place), value },
      ], "parallel"),
    });
  }
  const row = { v: makeVar("r"), size: rows.size };
  for (const part of parts) {
    const axesOf = (list: readonly (readonly number[])[], batchAxis: number): Axis[] =>
      list.map(([size, x, other], i) => ({
        v: makeVar("j"),
        size: i === batchAxis ? examples : size,
        x,
        other,
      }));
    const columns = axesOf(part.columns, part.batchAxis);
    const ks = axesOf(part.k, -1);
    const sum = (axes: readonly Axis[], by: "x" | "other"): Expr =>
      axes.reduce<Expr>((total, axis) => plus(total, times(axis.v, axis[by])), index(0));
    const acc = makeVar("acc", dtype);
    const product = binary(
      "mul",
      load(source, dtype, plus(base, index(part.x), sum(ks, "x"), sum(columns, "x"))),
      load(
        buffers.w,
        dtype,
        plus(
          times(group.v, groups.w),
          index(part.w),
          times(row.v, rows.w),
          sum(ks, "other"),
        ),
      ),
    );
    const at = plus(
      times(group.v, groups.out),
      times(chunk.v, batch.chunk * batch.out),
      index(first * batch.out + part.out),
      times(row.v, rows.out),
      sum(columns, "other"),
    );
    nests.push({
      kind: "nest",
      name: "conv",
      body: around([group, chunk, row, ...columns], [
        { kind: "accumulator", v: acc, op: "add" },
        ...around(ks, [{ kind: "accumulate", v: acc, value: product }], "serial"),
        { kind: "store", buffer: buffers.out, index: at, value: acc },
      ], "parallel"),
    });
  }
  return nests;
}
