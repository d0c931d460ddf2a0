/**
 * Matrix products by the library's kernels, in blocks of rows or columns that threads share.
 *
 * What a product computes does not depend on how it is cut: an element is the same chain of multiply-adds in every tile.
 *
 * @module
 */
import type { Dot } from "../../loopnest/ir.ts";
import type { Assembler, Ref } from "./assembler.ts";
import { FunctionBuilder, type Value } from "./function.ts";
import { gemmScratchBytes } from "../../loopnest/gemm_plan.ts";
import type { Jobs } from "./jobs.ts";
import type { Linker } from "./linker.ts";

/** What surrounds a step that calls a kernel. */
export interface StepHost {
  readonly asm: Assembler;
  readonly linker: Linker;
  readonly jobs: Jobs;
  /** How often, about, a call of the module runs the step. */
  readonly repeats: number;
  /** The address of a buffer and `offset` bytes, in a function whose parameter 0 is the table. */
  address(fn: FunctionBuilder, buffer: number, offset?: number): Ref;
  /** The address where scratch of this step begins, of which it needs so many bytes. */
  scratchOf(fn: FunctionBuilder, bytes: number): Ref;
}

/** Products of fewer multiplications than this are plain loops. */
const smallDot = 2048;
/** Multiply-adds of a unit at most, lest one takes long while nobody knows whether its thread is alive. */
const longestUnit = 2 ** 31;
/** Rows and bytes of a tile's row: blocks of rows and of columns are multiples of these, but the last. */
const [tileRows, tileBytes] = [6, 32];
/** Rows of a matrix times a vector: those that remain of so many are summed in another order. */
const vectorStep = 16;
/** The fewest rows or columns of a block, about. */
const leastBlock = 32;
/** Rows from which on it does not matter that each block packs the other operand anew. */
const longBlock = 512;

/** About how many instructions take as long as a multiply-add of vectors, which does not wait for memory. */
export const maddCost = 0.35;

/** Whether a product is one for the kernels. */
export function hasDotKernel({ dtype, m, n, k }: Dot, asm: Assembler): boolean {
  // The kernels fuse, too.
  return (dtype === "float32" || dtype === "float64") && asm.relaxed && m * n * k >= smallDot;
}

/** How a product is cut: each of its matrices into so many blocks of rows or of columns. */
interface Cut {
  readonly axis: "rows" | "columns";
  readonly blocks: number;
  /** What blocks are multiples of, but the last. */
  readonly step: number;
}

function cutFor({ dtype, batch, m, n, k }: Dot, threads: number): Cut {
  const axis = m >= n ? "rows" : "columns";
  const tile = axis === "rows" ? tileRows : tileBytes / (dtype === "float32" ? 4 : 8);
  const step = Math.min(m, n) === 1 ? vectorStep : tile;
  const extent = Math.max(m, n);
  // One block for each thread, since every block packs the other operand; more where that costs little or the last ones would be alone.
  let blocks = batch > 1 ? Math.ceil(4 * threads / batch) : threads;
  if (batch === 1 && extent >= 2 * threads * longBlock) blocks = 2 * threads;
  blocks = Math.max(blocks, Math.ceil(m * n * k / longestUnit));
  return { axis, blocks: Math.max(1, Math.min(blocks, Math.floor(extent / leastBlock))), step };
}

/** The start of part `i` of `parts` parts of `extent`, but for the end of the last one: the multiple of `step` next to where it would be. */
export function partStart(
  fn: FunctionBuilder,
  i: Ref,
  parts: number,
  extent: number,
  step: number,
): Ref {
  const { asm } = fn;
  const before = asm.op2("i32.mul", i, asm.i32(extent));
  if (step === 1) return asm.op2("i32.div_u", before, asm.i32(parts));
  const rounded = asm.op2("i32.add", before, asm.i32(parts * step >> 1));
  return asm.op2("i32.mul", asm.op2("i32.div_u", rounded, asm.i32(parts * step)), asm.i32(step));
}

/** From where to where part `i` goes. */
export function partOf(
  fn: FunctionBuilder,
  i: Value,
  parts: number,
  extent: number,
  step: number,
): { readonly start: Value; readonly count: Value } {
  const { asm } = fn;
  const start = fn.keep("i32", partStart(fn, fn.get(i), parts, extent, step));
  const next = fn.keep("i32", asm.op2("i32.add", fn.get(i), asm.i32(1)));
  const isLast = asm.op2("i32.eq", fn.get(next), asm.i32(parts));
  const beyond = partStart(fn, fn.get(next), parts, extent, step);
  const end = asm.module.select(isLast, asm.i32(extent), beyond);
  return { start, count: fn.keep("i32", asm.op2("i32.sub", end, fn.get(start))) };
}

/** Emits a product as a function `name(table)`. */
export function emitDot(host: StepHost, dot: Dot, name: string): void {
  const { asm, jobs } = host;
  const { batch, m, n, k, lhs, rhs } = dot;
  const size = dot.dtype === "float32" ? 4 : 8;
  const bytes = (elements: number) => Math.imul(elements, size);
  const scratchBytes = gemmScratchBytes(m, n, k, size);
  const fn = new FunctionBuilder(asm, name, ["i32"], [], 0);
  const operands = (of: FunctionBuilder) => ({
    a: of.keep("i32", host.address(of, lhs.buffer, bytes(lhs.offset))),
    b: of.keep("i32", host.address(of, rhs.buffer, bytes(rhs.offset))),
    c: of.keep("i32", host.address(of, dot.out)),
  });
  const kernel = dot.dtype === "float32" ? "gemm_f32" : "gemm_f64";
  const multiply = (
    of: FunctionBuilder,
    rows: Ref,
    columns: Ref,
    [a, b, c, scratch]: readonly [Value, Value, Value, Value],
  ): Ref => {
    const numbers = (...values: number[]) => values.map((v) => asm.i32(v));
    return host.linker.called(kernel, [
      rows,
      columns,
      ...numbers(k),
      of.get(a),
      ...numbers(lhs.rowStride, lhs.colStride),
      of.get(b),
      ...numbers(rhs.rowStride, rhs.colStride),
      of.get(c),
      ...numbers(n),
      of.get(scratch),
      ...numbers(0),
    ]);
  };
  const cost = batch * m * n * k * size / 16 * maddCost;
  const cut = cutFor(dot, jobs.threads);
  const units = batch * cut.blocks;
  if (jobs.areShared && cost >= jobs.leastCost && units > 1) {
    let at: ReturnType<typeof operands>;
    let scratch: Value;
    jobs.run(fn, name, units, cost * host.repeats, (share) => {
      at = operands(share);
      scratch = share.keep("i32", jobs.privateAddress(scratchBytes));
    }, (share, unit) => {
      const whole = (op: "div" | "rem") =>
        share.keep("i32", asm.op2(`i32.${op}_u`, share.get(unit), asm.i32(cut.blocks)));
      const [matrix, block] = [whole("div"), whole("rem")];
      const isRows = cut.axis === "rows";
      const part = partOf(share, block, cut.blocks, isRows ? m : n, cut.step);
      const moved = (from: Value, perMatrix: number, perStep: number): Value => {
        const across = asm.op2("i32.mul", share.get(matrix), asm.i32(bytes(perMatrix)));
        const along = asm.op2("i32.mul", share.get(part.start), asm.i32(bytes(perStep)));
        const by = asm.op2("i32.add", across, along);
        return share.keep("i32", asm.op2("i32.add", share.get(from), by));
      };
      const count = share.get(part.count);
      share.push(multiply(share, isRows ? count : asm.i32(m), isRows ? asm.i32(n) : count, [
        moved(at.a, lhs.batchStride, isRows ? lhs.rowStride : 0),
        moved(at.b, rhs.batchStride, isRows ? 0 : rhs.colStride),
        moved(at.c, m * n, isRows ? n : 1),
        scratch,
      ]));
    });
    return fn.finish();
  }
  const { a, b, c } = operands(fn);
  const scratch = fn.keep("i32", host.scratchOf(fn, scratchBytes));
  const call = multiply(fn, asm.i32(m), asm.i32(n), [a, b, c, scratch]);
  if (batch === 1) fn.push(call);
  else {
    const left = fn.keep("i32", asm.i32(batch));
    const advance = (local: Value, by: number) =>
      fn.set(local, asm.op2("i32.add", fn.get(local), asm.i32(by)));
    const rest = fn.set(left, asm.op2("i32.sub", fn.get(left), asm.i32(1)));
    const body = [
      call,
      advance(a, bytes(lhs.batchStride)),
      advance(b, bytes(rhs.batchStride)),
      advance(c, bytes(m * n)),
      rest,
      asm.module.br("batch", fn.get(left)),
    ];
    fn.push(asm.module.loop("batch", asm.module.block(null, body, asm.none)));
  }
  fn.finish();
}
