/**
 * The library kernels of `loopnest/kernels.ts` as compute shaders.
 *
 * @module
 */
import type { DType } from "../../core/dtype.ts";
import { InternalError } from "../../errors.ts";
import type { KernelCall, Nest, ReduceOp } from "../../loopnest/ir.ts";
import { cumulativeParts } from "./cumulative.ts";
import { type Kernel, kernelText, type NestContext } from "./nest.ts";
import { elementType, wgslType } from "./types.ts";

/** One dispatch of a library kernel, or a nest of which it is made. */
export type KernelRun =
  | { readonly kernel: Kernel; readonly params: readonly number[] }
  | { readonly nest: Nest };

const cumulativeOps: Readonly<Record<string, ReduceOp>> = {
  cumsum: "add",
  cumprod: "mul",
  cummax: "max",
  cummin: "min",
};

/** The dispatches and nests that a kernel's call takes.
 *
 * @param newBuffer Makes a buffer for the call's own use.
 */
export function kernelRuns(
  call: KernelCall,
  context: NestContext,
  newBuffer: (dtype: DType, size: number) => number,
): KernelRun[] {
  const [family] = call.name.split("_");
  const numbers = call.args.flatMap((a) => a.kind === "number" ? [a.value] : []);
  const buffers = call.args.flatMap((a) => a.kind === "buffer" ? [a.buffer] : []);
  if (Object.hasOwn(cumulativeOps, family)) {
    const [outer, n, inner, reverse] = numbers;
    const [x, out] = buffers;
    const lines = { outer, n, inner, reverse: reverse !== 0 };
    return cumulativeParts(cumulativeOps[family], lines, x, out, context, newBuffer).map((part) =>
      "nest" in part ? part : { ...part, params: [] }
    );
  }
  if (family === "argsort") {
    const [rows, n] = numbers;
    return argsort(rows, n, buffers[0], buffers[1], context, newBuffer);
  }
  throw new InternalError(`WGSL: no kernel ${call.name}`);
}

/** Whether the element at position `p` of a row comes before that at `q`: ascending, NaN last, the earlier of equals first. */
function before(dtype: DType, functions: Set<string>, buffer: string): string {
  const type = wgslType(dtype);
  let less = "a < b", greater = "b < a";
  if (type === "f32") {
    functions.add("is_nan");
    less = "(a < b || (is_nan(b) && !is_nan(a)))";
    greater = "(b < a || (is_nan(a) && !is_nan(b)))";
  } else if (type === "vec2<u32>") {
    functions.add("lt_64");
    [less, greater] = ["lt_64(a, b)", "lt_64(b, a)"];
  }
  // What is stored as another type is compared as it is computed with.
  const value = type === "f32" ? "f32" : "";
  return `fn before(row: u32, p: u32, q: u32, n: u32) -> bool {
  if (p >= n || q >= n) { return p < q; }
  let a = ${value}(${buffer}[row * n + p]);
  let b = ${value}(${buffer}[row * n + q]);
  if (${less}) { return true; }
  if (${greater}) { return false; }
  return p < q;
}`;
}

/**
 * Positions in sorted order by Batcher's bitonic network (1968) over the next power of two; positions beyond the row
 * sort last. Every comparison knows equals by their positions, so the network, which is not stable, gives the stable order.
 */
function argsort(
  rows: number,
  n: number,
  x: number,
  out: number,
  context: NestContext,
  newBuffer: (dtype: DType, size: number) => number,
): KernelRun[] {
  const dtype = context.dtypeOf(x);
  const from = context.canonical(x);
  const to = context.canonical(out);
  const size = 2 ** Math.ceil(Math.log2(Math.max(n, 2)));
  const positions = newBuffer("int32", rows * size);
  const functions = new Set<string>();
  const compare = before(dtype, functions, `b${from}`);
  const bind = (written: number, read: readonly number[]) =>
    [...new Set([written, ...read])].sort((a, b) => a - b).map((buffer) => ({
      buffer,
      access: buffer === written ? "read_write" as const : "read" as const,
      name: `b${buffer}`,
      type: elementType(context.dtypeOf(buffer)),
    }));
  const make = (
    name: string,
    written: number,
    read: readonly number[],
    points: number,
    body: readonly string[],
    params = 0,
  ): Kernel => {
    const bindings = bind(written, read);
    const globals = params === 0 ? [] : [
      `@group(0) @binding(${bindings.length}) var<uniform> params: vec4<u32>;`,
      compare,
    ];
    const code = kernelText({
      bindings,
      globals,
      functions: params === 0 ? [] : functions,
      width: 64,
      traits: context.traits,
      body: [
        "let point = group_number * 64u + lane;",
        `if (point >= ${points}u) {`,
        "return;",
        "}",
        ...body,
      ],
    });
    return { name, code, bindings, groups: Math.ceil(points / 64), params };
  };
  const runs: KernelRun[] = [{
    kernel: make("argsort start", positions, [], rows * size, [
      `b${positions}[point] = i32(point % ${size}u);`,
    ]),
    params: [],
  }];
  const exchange = make("argsort exchange", positions, [from], rows * size / 2, [
    `let row = point / ${size / 2}u;`,
    `let pair = point % ${size / 2}u;`,
    "let near = params.x;",
    "let i = (pair / near) * near * 2u + pair % near;",
    "let j = i + near;",
    `let base = row * ${size}u;`,
    `let p = b${positions}[base + i];`,
    `let q = b${positions}[base + j];`,
    "let ascending = (i & params.y) == 0u;",
    `if (before(row, u32(q), u32(p), ${n}u) == ascending) {`,
    `b${positions}[base + i] = q;`,
    `b${positions}[base + j] = p;`,
    "}",
  ], 4);
  for (let block = 2; block <= size; block *= 2) {
    for (let near = block / 2; near >= 1; near /= 2) {
      runs.push({ kernel: exchange, params: [near, block, 0, 0] });
    }
  }
  runs.push({
    kernel: make("argsort end", to, [positions], rows * n, [
      `b${to}[point] = b${positions}[(point / ${n}u) * ${size}u + point % ${n}u];`,
    ]),
    params: [],
  });
  return runs;
}
