/**
 * Loops whose chunks threads share.
 *
 * @module
 */
import { dtypeInfo } from "../../core/dtype.ts";
import type { BufferDecl } from "../../loopnest/ir.ts";
import type { Ref, TypeName } from "./assembler.ts";
import type { Layout } from "./context.ts";
import { type FunctionBuilder, Scope, type Value } from "./function.ts";
import type { Jobs } from "./jobs.ts";
import type { Graph } from "./nodes.ts";
import type { LoopPlan, Planned } from "./plan.ts";
import { buffersOfIteration, fitPrivately } from "./splitting.ts";

/** What sharing takes of a module's state. */
export interface SharingState {
  readonly layout: Layout;
  /** What is shared among threads. */
  readonly jobs: Jobs;
  /** How often, about, a call of the module runs its nests. */
  readonly repeats: number;
  /** The address where scratch of this step begins, of which it needs so many bytes. */
  scratchOf(fn: FunctionBuilder, bytes: number): Ref;
}

/** A loop to be shared. */
export interface LoopSharing {
  /** Indices in a chunk. */
  readonly length: number;
  /** Buffers that are scratch of one iteration. */
  readonly privates: readonly number[];
}

/** Fewer chunks than this are not shared: one of them would take as long as all the rest. */
const fewestChunks = 4;
/** Chunks are claimed in this many units at most, so that claiming takes no time. */
const mostUnits = 256;

/** A global that carries a result from a chunk to its caller. */
export interface ResultGlobal {
  readonly type: TypeName;
  readonly name: string;
}

/** Bytes of values in memory; each has a slot that any of them fits into. */
const sizes: Readonly<Record<TypeName, number>> = { i32: 4, i64: 8, f32: 4, f64: 8, v128: 16 };
const slotBytes = 16;

/** Bytes of a buffer, in whole cache lines. */
function roomFor({ size, dtype }: BufferDecl): number {
  return Math.ceil(size * dtypeInfo(dtype).bytes / 64) * 64;
}

/** The smaller of a value and a number. */
function atMost(fn: FunctionBuilder, value: Value, most: number): Value {
  const { asm } = fn;
  const fits = asm.op2("i32.lt_s", fn.get(value), asm.i32(most));
  return fn.keep("i32", asm.module.select(fits, fn.get(value), asm.i32(most)));
}

/**
 * How a loop is to be shared, if it may be and is worth it.
 *
 * @param nest The statements of the whole nest.
 * @param length Indices in a chunk.
 */
export function sharingOf(
  { jobs, layout }: SharingState,
  graph: Graph,
  nest: readonly Planned[],
  loop: LoopPlan,
  length: number,
): LoopSharing | null {
  if (loop.cost < jobs.leastCost) return null;
  if (Math.ceil(loop.extent / length) < fewestChunks) return null;
  const privates = buffersOfIteration(loop, nest, graph, layout.buffers);
  if (privates === null) return null;
  const bytes = privates.reduce((sum, b) => sum + roomFor(layout.buffers[b]!), 0);
  return fitPrivately(bytes) ? { length, privates } : null;
}

/** The addresses of what each thread has its own of. Buffers in one place stay in one place. */
export function privateBuffers(
  { jobs, layout }: SharingState,
  graph: Graph,
  buffers: readonly number[],
): Map<number, () => Ref> {
  const offsets = new Map<number, number>();
  let bytes = 0;
  for (const b of buffers) {
    const place = graph.placeOf(b);
    if (!offsets.has(place)) offsets.set(place, bytes);
    bytes += roomFor(layout.buffers[b]!);
  }
  return new Map(buffers.map((b) => {
    const offset = offsets.get(graph.placeOf(b))!;
    return [b, () => jobs.privateAddress(bytes, offset)] as const;
  }));
}

/** A loop as a function over `[from, to)`. */
export interface ChunkedLoop {
  readonly loop: LoopPlan;
  /** Indices in a chunk. */
  readonly length: number;
  readonly name: string;
  /** What the function takes after table, from and to. */
  readonly args: readonly Value[];
  /** Where it leaves its results. */
  readonly globals: readonly ResultGlobal[];
}

/**
 * Has the chunks of a loop done by the pool. Values from outside go by way of memory, and so do the results of each chunk, to be
 * merged in order.
 *
 * @returns What gives the results of a chunk.
 */
export function shareChunks(module: SharingState, fn: FunctionBuilder, chunked: ChunkedLoop): (
  chunk: Value,
) => Value[] {
  const { loop, length, name, args, globals } = chunked;
  const { asm } = fn;
  const { jobs, repeats } = module;
  const chunks = Math.ceil(loop.extent / length);
  const perUnit = Math.ceil(chunks / mostUnits);
  const partBytes = slotBytes * globals.length;
  const bytes = slotBytes * args.length + partBytes * chunks;
  const scratch = (of: FunctionBuilder): Value => of.keep("i32", module.scratchOf(of, bytes));
  const partAt = (of: FunctionBuilder, from: Value, chunk: Value): Value => {
    const offset = asm.op2("i32.mul", of.get(chunk), asm.i32(partBytes));
    return of.keep("i32", asm.op2("i32.add", of.get(from), offset));
  };
  const start = scratch(fn);
  args.forEach((value, i) => {
    fn.push(
      asm.store(value.type, sizes[value.type], fn.get(start), slotBytes * i, fn.get(value)),
    );
  });
  let given: Value[] = [];
  let from: Value;
  jobs.run(fn, name, Math.ceil(chunks / perUnit), loop.cost * repeats, (share) => {
    from = scratch(share);
    given = args.map(({ type }, i) =>
      share.keep(type, asm.load(type, sizes[type], share.get(from), slotBytes * i))
    );
  }, (share, unit) => {
    const first = asm.op2("i32.mul", share.get(unit), asm.i32(perUnit));
    const chunk = share.keep("i32", first);
    const beyond = asm.op2("i32.add", share.get(chunk), asm.i32(perUnit));
    const last = atMost(share, share.keep("i32", beyond), chunks);
    const parent = share.current;
    const turn = new Scope(0.75, parent, true);
    share.current = turn;
    const low = share.keep("i32", asm.op2("i32.mul", share.get(chunk), asm.i32(length)));
    const high = share.keep("i32", asm.op2("i32.add", share.get(low), asm.i32(length)));
    const to = atMost(share, high, loop.extent);
    const operands = [share.param(0), low, to, ...given].map((x) => share.get(x));
    share.push(asm.module.call(name, operands, asm.none));
    if (globals.length > 0) {
      const at = partAt(share, from, chunk);
      globals.forEach(({ type, name }, i) => {
        const value = asm.module.global.get(name, asm.type(type));
        const offset = slotBytes * (args.length + i);
        share.push(asm.store(type, sizes[type], share.get(at), offset, value));
      });
    }
    share.assign(chunk, asm.op2("i32.add", share.get(chunk), asm.i32(1)));
    share.current = parent;
    const more = asm.op2("i32.lt_s", share.get(chunk), share.get(last));
    const again = asm.module.br("chunk", more);
    share.push(
      asm.module.loop("chunk", asm.module.block(null, [...turn.code, again], asm.none)),
    );
  });
  return (chunk) => {
    const at = partAt(fn, start, chunk);
    return globals.map(({ type }, i) => {
      const offset = slotBytes * (args.length + i);
      return fn.keep(type, asm.load(type, sizes[type], fn.get(at), offset));
    });
  };
}
