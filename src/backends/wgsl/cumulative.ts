/**
 * Running sums, products and extremes.
 *
 * A long line is cut into chunks: first the total of each, by a nest; then, by this again, what comes before each; then
 * each chunk's results. A chunk is one invocation's, or a workgroup's, whose invocations take a stretch each, first for its total
 * and then, with what came before it, for the results (Blelloch, "Prefix sums and their applications", 1990).
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
import { binary, type Expr, index, load, makeVar } from "../../loopnest/expr.ts";
import type { Nest, ReduceOp, Stmt } from "../../loopnest/ir.ts";
import { identity } from "./literals.ts";
import { type Kernel, kernelText, type NestContext } from "./nest.ts";
import type { Operations } from "./ops.ts";
import { elementType, valueType } from "./types.ts";
import { KernelWriter } from "./writer.ts";

/** One nest or kernel of several. */
export type CumulativePart = { readonly nest: Nest } | { readonly kernel: Kernel };

/** Elements `x[(outer · n + j) · inner + i]`, in the order of `j` or against it. */
export interface Lines {
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  readonly reverse: boolean;
}

/** Invocations of a workgroup that shares a chunk, and how many elements each has at most. */
const members = 256;
const stretch = 16;

/** The nests and kernels that compute running results of lines, in order. */
export function cumulativeParts(
  op: ReduceOp,
  lines: Lines,
  x: number,
  out: number,
  context: NestContext,
  newBuffer: (dtype: DType, size: number) => number,
): CumulativePart[] {
  const { outer, n, inner } = lines;
  const count = outer * inner;
  if (count === 0 || n === 0) return [];
  // Neighbouring invocations want neighbouring elements, and on the processor each wants its own.
  const alone = context.traits.isSoftware || inner >= 32;
  const wanted = Math.ceil((context.traits.isSoftware ? 512 : 32768) / count);
  const least = context.traits.isSoftware ? 1024 : 64;
  const shortest = alone ? Math.max(least, Math.ceil(n / wanted)) : members * stretch;
  const chunk = Math.min(Math.ceil(shortest / 4) * 4, alone ? 16384 : members * stretch);
  const chunks = Math.ceil(n / chunk);
  const parts: CumulativePart[] = [];
  let before: number | null = null;
  if (chunks > 1) {
    const dtype = context.dtypeOf(x);
    const totals = newBuffer(dtype, count * (chunks - 1));
    before = newBuffer(dtype, count * (chunks - 1));
    const across = { outer: count, n: chunks - 1, inner: 1, reverse: false };
    parts.push(
      { nest: totalsNest(op, lines, x, totals, dtype, chunk, chunks - 1) },
      ...cumulativeParts(op, across, totals, before, context, newBuffer),
    );
  }
  const plan: ChunkPlan = { op, lines, x, out, before, chunk, chunks };
  parts.push({ kernel: alone ? aloneKernel(plan, context) : sharedKernel(plan, context) });
  return parts;
}

/** The totals of the first so many chunks of each line, each line's one after the other. */
function totalsNest(
  op: ReduceOp,
  { outer, n, inner, reverse }: Lines,
  x: number,
  totals: number,
  dtype: DType,
  chunk: number,
  chunks: number,
): Nest {
  const [o, i, k, j] = ["o", "i", "k", "j"].map((name) => makeVar(name));
  const acc = makeVar("acc", dtype);
  const plus = (a: Expr, b: Expr): Expr => binary("add", a, b);
  const times = (a: Expr, by: number): Expr => binary("mul", a, index(by));
  const start = reverse
    ? binary("sub", index(Math.max(0, n - chunk)), times(k, chunk))
    : times(k, chunk);
  const at = plus(times(plus(times(o, n), plus(start, j)), inner), i);
  const line = plus(times(o, inner), i);
  let body: Stmt[] = [
    { kind: "accumulator", v: acc, op },
    {
      kind: "for",
      v: j,
      extent: chunk,
      mode: inner === 1 ? "vector" : "serial",
      body: [{ kind: "accumulate", v: acc, value: load(x, dtype, at) }],
    },
    { kind: "store", buffer: totals, index: plus(times(line, chunks), k), value: acc },
  ];
  for (const [v, extent] of [[i, inner], [k, chunks], [o, outer]] as const) {
    body = [{ kind: "for", v, extent, mode: "parallel", body }];
  }
  return { kind: "nest", name: "totals of chunks", body };
}

interface ChunkPlan {
  readonly op: ReduceOp;
  readonly lines: Lines;
  readonly x: number;
  readonly out: number;
  /** What comes before each chunk but the first; `null` where there is one chunk. */
  readonly before: number | null;
  readonly chunk: number;
  readonly chunks: number;
}

/** What both kernels have in common. */
function chunkKernel(
  plan: ChunkPlan,
  context: NestContext,
  width: number,
  groups: number,
  isVector: boolean,
  write: (parts: {
    readonly writer: KernelWriter;
    readonly ops: Operations;
    readonly from: string;
    readonly to: string;
    readonly dtype: DType;
    /** Declares `running`, what comes before chunk `k` of line `line`. */
    start(): void;
    /** Where element `j` of the line is. */
    at(j: string): string;
  }) => void,
): Kernel {
  const { op, lines: { n, inner, reverse }, x, out, before, chunks } = plan;
  const dtype = context.dtypeOf(x);
  const [from, to] = [context.canonical(x), context.canonical(out)];
  const writer = new KernelWriter();
  const ops = writer.ops(1);
  const ids = [...new Set([from, to, ...before === null ? [] : [before]])].sort((a, b) => a - b);
  const type = elementType(dtype);
  const bindings = ids.map((buffer) => ({
    buffer,
    access: buffer === to ? "read_write" as const : "read" as const,
    name: `b${buffer}`,
    type: isVector && buffer !== before ? `vec4<${type}>` : type,
  }));
  write({
    writer,
    ops,
    from: `b${from}`,
    to: `b${to}`,
    dtype,
    start() {
      writer.emit(`var running: ${valueType(dtype, 1)} = ${identity(op, dtype)};`);
      if (before === null) return;
      writer.block("if (k > 0u)", () => {
        writer.emit(
          `running = ${ops.loaded(`b${before}[line * ${chunks - 1}u + k - 1u]`, dtype)};`,
        );
      });
    },
    at(j) {
      const place = reverse ? `${n - 1}u - ${j}` : j;
      return `((line / ${inner}u) * ${n}u + ${place}) * ${inner}u + line % ${inner}u`;
    },
  });
  const code = kernelText({
    bindings,
    globals: [...writer.globals],
    functions: writer.functions,
    width,
    traits: context.traits,
    body: writer.lines,
  });
  return { name: `running ${op}`, code, bindings, groups, params: 0 };
}

/** Each invocation has a chunk of its own. */
function aloneKernel(plan: ChunkPlan, context: NestContext): Kernel {
  const { op, lines: { outer, n, inner, reverse }, chunk, chunks } = plan;
  const points = outer * inner * chunks;
  const isVector = inner === 1 && !reverse && n % 4 === 0 &&
    !context.dtypeOf(plan.x).endsWith("64");
  const width = 64;
  return chunkKernel(plan, context, width, Math.ceil(points / width), isVector, (parts) => {
    const { writer, ops, from, to, dtype } = parts;
    writer.emit(`let point = group_number * ${width}u + lane;`);
    writer.block(`if (point >= ${points}u)`, () => writer.emit("return;"));
    // Neighbours are of the same chunk of neighbouring lines.
    writer.emit(
      `let line = (point / ${inner * chunks}u) * ${inner}u + point % ${inner}u;`,
      `let k = (point / ${inner}u) % ${chunks}u;`,
      `let first = k * ${chunk}u;`,
      `let last = min(first + ${chunk}u, ${n}u);`,
    );
    parts.start();
    if (!isVector) {
      writer.block("for (var j = first; j < last; j++)", () => {
        writer.emit(`let place = ${parts.at("j")};`);
        const sum = ops.combined(op, "running", ops.loaded(`${from}[place]`, dtype), dtype);
        writer.emit(`running = ${sum};`, `${to}[place] = ${ops.stored("running", dtype)};`);
      });
      return;
    }
    const four = writer.ops(4);
    writer.block("for (var j = first; j < last; j += 4u)", () => {
      writer.emit(`let place = (${parts.at("j")}) / 4u;`);
      writer.emit(`let x = ${four.loaded(`${from}[place]`, dtype)};`);
      for (const lane of ["x", "y", "z", "w"]) {
        writer.emit(`running = ${ops.combined(op, "running", `x.${lane}`, dtype)};`);
        writer.emit(`let y_${lane} = running;`);
      }
      const all = `${four.type(dtype)}(y_x, y_y, y_z, y_w)`;
      writer.emit(`${to}[place] = ${four.stored(all, dtype)};`);
    });
  });
}

/** The invocations of a workgroup share a chunk. */
function sharedKernel(plan: ChunkPlan, context: NestContext): Kernel {
  const { op, lines: { outer, n, inner }, chunk, chunks } = plan;
  const groups = outer * inner * chunks;
  const each = Math.ceil(Math.min(n, chunk) / members);
  return chunkKernel(plan, context, members, groups, false, (parts) => {
    const { writer, ops, from, to, dtype } = parts;
    const type = valueType(dtype, 1);
    const join = (a: string, b: string): string => ops.combined(op, a, b, dtype);
    const element = (): string => ops.loaded(`${from}[${parts.at("j")}]`, dtype);
    writer.globals.add(`var<workgroup> totals: array<${elementType(dtype)}, ${members}>;`);
    const total = (at: string): string => ops.loaded(`totals[${at}]`, dtype);
    writer.block(`if (group_number >= ${groups}u)`, () => writer.emit("return;"));
    writer.emit(
      `let line = group_number / ${chunks}u;`,
      `let k = group_number % ${chunks}u;`,
      `let first = min(k * ${chunk}u + lane * ${each}u, ${n}u);`,
      `let last = min(min(first + ${each}u, (k + 1u) * ${chunk}u), ${n}u);`,
      `var own: ${type} = ${identity(op, dtype)};`,
    );
    writer.block("for (var j = first; j < last; j++)", () => {
      writer.emit(`own = ${join("own", element())};`);
    });
    writer.emit(`totals[lane] = ${ops.stored("own", dtype)};`, "workgroupBarrier();");
    // Each total becomes the sum up to it (Hillis and Steele, 1986).
    writer.block(`for (var step = 1u; step < ${members}u; step <<= 1u)`, () => {
      writer.emit(`var earlier: ${type} = ${identity(op, dtype)};`);
      writer.block("if (lane >= step)", () => {
        writer.emit(`earlier = ${total("lane - step")};`);
      });
      writer.emit("workgroupBarrier();");
      const sum = join("earlier", total("lane"));
      writer.emit(`totals[lane] = ${ops.stored(sum, dtype)};`, "workgroupBarrier();");
    });
    parts.start();
    writer.block("if (lane > 0u)", () => {
      writer.emit(`running = ${join("running", total("lane - 1u"))};`);
    });
    writer.block("for (var j = first; j < last; j++)", () => {
      writer.emit(
        `running = ${join("running", element())};`,
        `${to}[${parts.at("j")}] = ${ops.stored("running", dtype)};`,
      );
    });
  });
}
