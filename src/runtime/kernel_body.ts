/**
 * Computes a {@linkcode Body} with library kernels: one call for each scalar operation and block of elements.
 *
 * Views that are not contiguous are either walked row by row, if rows are long, or copied out first. Blocks of
 * intermediate values are small enough to stay in the second cache.
 *
 * @module
 */
import { shapedArray, sizeOf, stridesOf } from "../core/aval.ts";
import { type DType, dtypeInfo } from "../core/dtype.ts";
import {
  binaryKernel,
  convertKernel,
  type CopyKernel,
  copyKernel,
  selectKernel,
  unaryKernel,
} from "./kernel_ops.ts";
import { writeCells } from "./cells.ts";
import { bodyCompute } from "./cells_plan.ts";
import type { ConcreteArray } from "./concrete.ts";
import { heap } from "./memory.ts";
import type { Body, Node, View } from "./recipe.ts";
import type { Cells } from "./storage.ts";

/** The operands of a task. */
export interface Operands {
  /** Where their elements are. */
  readonly addresses: readonly number[];
  /** Themselves, for offsets that depend on their values. */
  readonly arrays: readonly ConcreteArray[];
  /** Where all results of the equation go, for kernels that write several. */
  readonly results: readonly number[];
}

/** Work that writes one result, contiguous, from operands at given addresses. */
export interface KernelTask {
  /** Bytes that it needs beside. */
  readonly scratchBytes: number;
  /**
   * @param operands The operands, all in the shared memory or staged.
   * @param out Where the result goes.
   * @param scratch Address of `scratchBytes`, 16-byte aligned.
   */
  run(operands: Operands, out: number, scratch: number): void;
}

/** Elements per block where several operations follow one another. */
const BLOCK = 4096;
/** Rows of at least this many elements are walked; views with shorter ones are copied out. */
const LONG_ROW = 128;

/** A view whose axes have been merged where all views allow. */
interface Source {
  /** The operand, or -1 for a ramp `0, 1, 2, …`. */
  readonly operand: number;
  readonly dtype: DType;
  readonly offset: number;
  readonly start: (operands: Operands) => number;
  strides: number[];
}

/** How a node's values can be read: contiguous, or one value for all. */
interface Operand {
  readonly dtype: DType;
  readonly isUniform: boolean;
}

type Call = (at: readonly number[], n: number, operands: Operands) => void;

/** Reserves room in a scratch block. */
export class Layout {
  /** Bytes taken. */
  bytes = 0;
  /** Offset of room for `bytes`, 16-byte aligned. */
  take(bytes: number): number {
    const at = this.bytes;
    this.bytes += Math.ceil(bytes / 16) * 16;
    return at;
  }
}

/** A strided copy whose shape and strides are written into scratch at each run. */
export class CopyTask {
  readonly #kernel: CopyKernel;
  readonly #lists: readonly number[];
  readonly #at: number;
  readonly #rank: number;
  readonly #bytes: number;
  readonly #srcOffset: number;
  readonly #dstOffset: number;
  readonly #size: number;

  constructor(
    kernel: CopyKernel,
    layout: Layout,
    dtype: DType,
    box: readonly number[],
    src: { readonly offset: number; readonly strides: readonly number[] },
    dst: { readonly offset: number; readonly strides: readonly number[] },
  ) {
    this.#kernel = kernel;
    this.#lists = [...box, ...src.strides, ...dst.strides];
    this.#rank = box.length;
    this.#at = layout.take(4 * this.#lists.length);
    this.#bytes = dtypeInfo(dtype).bytes;
    this.#srcOffset = src.offset;
    this.#dstOffset = dst.offset;
    this.#size = sizeOf(box);
  }

  run(src: number, dst: number, scratch: number): void {
    if (this.#size === 0) return;
    const lists = this.#lists;
    const rank = this.#rank;
    const shape = scratch + this.#at;
    const { i32 } = heap();
    for (let i = 0; i < lists.length; i++) i32[(shape >>> 2) + i] = lists[i];
    this.#kernel(
      rank,
      shape,
      shape + 4 * rank,
      shape + 8 * rank,
      src + this.#srcOffset * this.#bytes,
      dst + this.#dstOffset * this.#bytes,
    );
  }
}

/** The task of a body, or `null` where an operation has no kernel. */
export function bodyTask(body: Body): KernelTask | null {
  return moveTask(body, stridesOf(body.box), 0) ?? new BodyCompiler(body).compile();
}

/**
 * The task of a body that only moves elements, into a strided place; `null` for others.
 *
 * @param strides Of the result, one for each axis of the box.
 */
export function moveTask(
  body: Body,
  strides: readonly number[],
  offset: number,
): KernelTask | null {
  const root = body.nodes[body.root];
  if (root.kind !== "view") return null;
  const view = body.views[root.view];
  const kernel = copyKernel(view.dtype);
  if (kernel === null) return null;
  const merged = mergeAxes(body.box, [view.strides, strides]);
  const layout = new Layout();
  const copy = new CopyTask(
    kernel,
    layout,
    view.dtype,
    merged.box,
    { offset: view.offset, strides: merged.strides[0] },
    { offset, strides: merged.strides[1] },
  );
  const { operand } = view;
  const start = startOf(view);
  return {
    scratchBytes: layout.bytes,
    run: (operands, out, scratch) =>
      copy.run(operands.addresses[operand] + start(operands), out, scratch),
  };
}

/** The byte offset that a view has from its operands' values. */
function startOf({ dynamic, dtype }: View): (operands: Operands) => number {
  if (dynamic === null) return () => 0;
  const compute = bodyCompute(dynamic);
  const { bytes } = dtypeInfo(dtype);
  return ({ arrays }) => compute(arrays)[0] as number * bytes;
}

/** Joins neighbouring axes that every list of strides walks as one, and drops axes of size 1. */
export function mergeAxes(
  box: readonly number[],
  lists: readonly (readonly number[])[],
): { box: number[]; strides: number[][] } {
  const merged: number[] = [];
  const strides: number[][] = lists.map(() => []);
  for (let axis = 0; axis < box.length; axis++) {
    const size = box[axis];
    if (size === 1) continue;
    const last = merged.length - 1;
    const joins = last >= 0 && lists.every((list, i) => strides[i][last] === list[axis] * size);
    if (joins) {
      merged[last] *= size;
      lists.forEach((list, i) => strides[i][last] = list[axis]);
    } else {
      merged.push(size);
      lists.forEach((list, i) => strides[i].push(list[axis]));
    }
  }
  return { box: merged, strides };
}

class BodyCompiler {
  readonly #body: Body;
  readonly #layout = new Layout();
  readonly #sources: Source[] = [];
  /** The source of each view and axis node. */
  readonly #sourceOf = new Map<Node, number>();
  #box: number[];

  constructor(body: Body) {
    this.#body = body;
    for (const node of body.nodes) {
      if (node.kind === "view") {
        this.#sourceOf.set(node, this.#sources.length);
        const view = body.views[node.view];
        const { operand, dtype, offset } = view;
        this.#sources.push({ operand, dtype, offset, start: startOf(view), strides: [] });
      } else if (node.kind === "axis") {
        this.#sourceOf.set(node, this.#sources.length);
        this.#sources.push({
          operand: -1,
          dtype: "int32",
          offset: 0,
          start: () => 0,
          strides: [],
        });
      }
    }
    const lists = body.nodes.flatMap((node) =>
      node.kind === "view"
        ? [body.views[node.view].strides]
        : node.kind === "axis"
        ? [body.box.map((_, axis) => axis === node.axis ? 1 : 0)]
        : []
    );
    const merged = mergeAxes(body.box, lists);
    this.#box = merged.box;
    merged.strides.forEach((strides, i) => this.#sources[i].strides = strides);
  }

  compile(): KernelTask | null {
    const box = this.#box;
    const row = box.length === 0 ? 1 : box[box.length - 1];
    const isFlat = box.length <= 1;
    const inner = (source: Source): number => source.strides[box.length - 1] ?? 0;
    const isReady = this.#sources.every((s) => inner(s) === 0 || inner(s) === 1);
    if (isReady && (isFlat || row >= LONG_ROW)) return this.#walk([]);
    // Copy out what is not in order; then all is contiguous.
    const copies: { source: number; at: number; task: CopyTask }[] = [];
    const order = stridesOf(box);
    for (let i = 0; i < this.#sources.length; i++) {
      const source = this.#sources[i];
      if (source.strides.every((s) => s === 0)) continue;
      if (source.strides.every((s, axis) => s === order[axis])) continue;
      const kernel = copyKernel(source.dtype);
      if (kernel === null) return null;
      const at = this.#layout.take(sizeOf(box) * dtypeInfo(source.dtype).bytes);
      const task = new CopyTask(
        kernel,
        this.#layout,
        source.dtype,
        box,
        { offset: source.offset, strides: source.strides },
        { offset: 0, strides: order },
      );
      copies.push({ source: i, at, task });
      source.strides = order;
    }
    const merged = mergeAxes(box, this.#sources.map((s) => s.strides));
    this.#box = merged.box;
    merged.strides.forEach((strides, i) => this.#sources[i].strides = strides);
    return this.#walk(copies);
  }

  /** A task that walks rows, each a run of contiguous or uniform values. */
  #walk(
    copies: readonly { source: number; at: number; task: CopyTask }[],
  ): KernelTask | null {
    const { nodes, root } = this.#body;
    const box = this.#box;
    const rank = box.length;
    const row = rank === 0 ? 1 : box[rank - 1];
    const uses = this.#inner();
    const operations = nodes.filter((n, i) => !isSource(n) && !uses[i].isUniform).length;
    const block = operations > 1 ? Math.min(row, BLOCK) : row;

    // Where each node's values are in a block: an offset in scratch, or filled in for each block.
    const places = nodes.map((node, i) => {
      if (node.kind === "view" || node.kind === "axis" || node.kind === "bitcast") return -1;
      if (i === root && !uses[i].isUniform) return -1;
      const count = uses[i].isUniform ? 1 : block;
      return this.#layout.take(count * dtypeInfo(node.dtype).bytes);
    });
    const calls: Call[] = [];
    for (let i = 0; i < nodes.length; i++) {
      const call = this.#call(i, uses);
      if (call === undefined) return null;
      if (call !== null) calls.push(call);
    }
    const constants = nodes.flatMap((node, i) =>
      node.kind === "const"
        ? [{ at: places[i], cells: [node.value] as Cells, aval: shapedArray([], node.dtype) }]
        : []
    );
    const ramps = this.#ramps();
    const fill = this.#fill(uses);
    if (fill === undefined) return null;

    const sources = this.#sources;
    const outBytes = dtypeInfo(nodes[root].dtype).bytes;
    const outerBox = box.slice(0, -1);
    const outer = sizeOf(outerBox);
    const sourceBytes = sources.map((s) => dtypeInfo(s.dtype).bytes);
    // For each block: source nodes get their addresses, and bitcasts those of their operands.
    const moving = nodes.map((node, i) => ({ node, i })).filter(({ node }) =>
      node.kind === "view" || node.kind === "axis"
    ).map(({ node, i }) => ({ i, source: this.#sourceOf.get(node)! }));
    const casts = nodes.flatMap((node, i) => node.kind === "bitcast" ? [{ i, x: node.x }] : []);
    const copied = new Map(copies.map((c) => [c.source, c]));
    const size = sizeOf(box);

    const run = (operands: Operands, out: number, scratch: number): void => {
      if (size === 0) return;
      for (const { at, cells, aval } of constants) writeCells(cells, aval, scratch + at);
      for (const ramp of ramps) writeRamp(scratch + ramp.at, ramp.length);
      const bases = sources.map((source, i) => {
        const base = source.operand < 0
          ? scratch + ramps.find((r) => r.source === i)!.at
          : operands.addresses[source.operand] + source.start(operands);
        const copy = copied.get(i);
        if (copy === undefined) return base + source.offset * sourceBytes[i];
        copy.task.run(base, scratch + copy.at, scratch);
        return scratch + copy.at;
      });
      const at = places.map((place) => place < 0 ? 0 : scratch + place);
      const index = new Array<number>(outerBox.length).fill(0);
      for (let r = 0; r < outer; r++) {
        for (let start = 0; start < row; start += block) {
          const n = Math.min(block, row - start);
          for (const { i, source } of moving) {
            const step = sources[source].strides[rank - 1] ?? 0;
            at[i] = bases[source] + start * step * sourceBytes[source];
          }
          for (const { i, x } of casts) at[i] = at[x];
          const target = out + (r * row + start) * outBytes;
          if (fill === null) at[root] = target;
          for (const call of calls) call(at, n, operands);
          if (fill !== null) fill(at[root], target, n, scratch);
        }
        for (let axis = outerBox.length - 1; axis >= 0; axis--) {
          const wraps = ++index[axis] === outerBox[axis];
          for (let s = 0; s < sources.length; s++) {
            const step = sources[s].strides[axis] * sourceBytes[s];
            bases[s] += wraps ? -step * (outerBox[axis] - 1) : step;
          }
          if (!wraps) break;
          index[axis] = 0;
        }
      }
    };
    return { scratchBytes: this.#layout.bytes, run };
  }

  /** Whether each node has one value per row. */
  #inner(): Operand[] {
    const last = this.#box.length - 1;
    const uses: Operand[] = [];
    for (const node of this.#body.nodes) {
      uses.push({ dtype: node.dtype, isUniform: this.#isUniform(node, uses, last) });
    }
    return uses;
  }

  #isUniform(node: Node, uses: readonly Operand[], last: number): boolean {
    switch (node.kind) {
      case "view":
      case "axis":
        return last < 0 || this.#sources[this.#sourceOf.get(node)!].strides[last] === 0;
      case "const":
        return true;
      case "gather":
        return uses[node.index].isUniform;
      case "binary":
        return uses[node.x].isUniform && uses[node.y].isUniform;
      case "select":
        return uses[node.condition].isUniform && uses[node.x].isUniform && uses[node.y].isUniform;
      default:
        return uses[node.x].isUniform;
    }
  }

  /** The kernel call of a node; `null` where it needs none, `undefined` where there is none. */
  #call(i: number, uses: readonly Operand[]): Call | null | undefined {
    const node = this.#body.nodes[i];
    const stride = (x: number): number => uses[x].isUniform ? 0 : 1;
    const isUniform = uses[i].isUniform;
    switch (node.kind) {
      case "view":
      case "axis":
      case "const":
      case "bitcast":
        return null;
      case "gather": {
        const { operand, index } = node;
        const { bytes } = dtypeInfo(node.dtype);
        return (at, n, { addresses }) =>
          gather(bytes, isUniform ? 1 : n, addresses[operand], at[index], at[i]);
      }
      case "unary":
      case "cast": {
        const { x } = node;
        const kernel = node.kind === "unary"
          ? unaryKernel(node.op, uses[x].dtype)
          : castKernel(uses[x].dtype, node.dtype);
        if (kernel === null) return undefined;
        return (at, n) => kernel(isUniform ? 1 : n, at[x], at[i]);
      }
      case "binary": {
        const { x, y } = node;
        const kernel = binaryKernel(node.op, uses[x].dtype);
        if (kernel === null) return undefined;
        const [xs, ys] = [stride(x), stride(y)];
        return (at, n) => kernel(isUniform ? 1 : n, at[x], xs, at[y], ys, at[i]);
      }
      case "select": {
        const { condition: c, x, y } = node;
        const kernel = selectKernel(node.dtype);
        if (kernel === null) return undefined;
        const [cs, xs, ys] = [stride(c), stride(x), stride(y)];
        return (at, n) => kernel(isUniform ? 1 : n, at[c], cs, at[x], xs, at[y], ys, at[i]);
      }
      default: {
        const never: never = node;
        return never;
      }
    }
  }

  /** Copies the root's values out where no call wrote them there; `null` where one does. */
  #fill(
    uses: readonly Operand[],
  ): ((from: number, to: number, n: number, scratch: number) => void) | null | undefined {
    const { nodes, root } = this.#body;
    const node = nodes[root];
    const { isUniform } = uses[root];
    if (!isUniform && !isSource(node) && node.kind !== "bitcast") return null;
    const kernel = copyKernel(node.dtype);
    if (kernel === null) return undefined;
    const lists = this.#layout.take(16);
    return (from, to, n, scratch) => {
      const { i32 } = heap();
      const at = (scratch + lists) >>> 2;
      i32[at] = n;
      i32[at + 1] = isUniform ? 0 : 1;
      i32[at + 2] = 1;
      kernel(1, scratch + lists, scratch + lists + 4, scratch + lists + 8, from, to);
    };
  }

  /** Room for `0, 1, 2, …` along the axes whose positions are values. */
  #ramps(): { source: number; at: number; length: number }[] {
    const { nodes, box } = this.#body;
    return nodes.flatMap((node) => {
      if (node.kind !== "axis") return [];
      const length = box[node.axis];
      return [{ source: this.#sourceOf.get(node)!, at: this.#layout.take(4 * length), length }];
    });
  }
}

function isSource(node: Node): boolean {
  return node.kind === "view" || node.kind === "axis" || node.kind === "const";
}

/** `out[i] = source[index[i]]`, by bytes: reading floats would not keep the bits of NaNs. */
function gather(bytes: number, n: number, source: number, index: number, out: number): void {
  const { u8, u16, i32 } = heap();
  const [at, from, to] = [index >>> 2, source >>> 2, out >>> 2];
  if (bytes === 1) {
    for (let i = 0; i < n; i++) u8[out + i] = u8[source + i32[at + i]];
  } else if (bytes === 2) {
    for (let i = 0; i < n; i++) u16[(out >>> 1) + i] = u16[(source >>> 1) + i32[at + i]];
  } else if (bytes === 4) {
    for (let i = 0; i < n; i++) i32[to + i] = i32[from + i32[at + i]];
  } else {
    for (let i = 0; i < n; i++) {
      const k = from + 2 * i32[at + i];
      i32[to + 2 * i] = i32[k];
      i32[to + 2 * i + 1] = i32[k + 1];
    }
  }
}

/** Conversions that change no bits are copies of whole elements: kernels exist for the others only. */
function castKernel(
  from: DType,
  to: DType,
): ((n: number, x: number, out: number) => void) | null {
  const isSame = from === to || from === "bool" && to === "uint8" ||
    from === "int32" && to === "uint32" || from === "uint32" && to === "int32" ||
    from === "int64" && to === "uint64" || from === "uint64" && to === "int64";
  if (!isSame) return convertKernel(from, to);
  const { bytes } = dtypeInfo(to);
  return (n, x, out) => void heap().u8.copyWithin(out, x, x + n * bytes);
}

function writeRamp(address: number, length: number): void {
  const { i32 } = heap();
  const at = address >>> 2;
  const first = Math.min(length, 256);
  for (let i = 0; i < first; i++) i32[at + i] = i;
  if (first === length) return;
  // Each stretch is all that is there, plus its length. The addend is put where the first sum goes, which equals it.
  const add = binaryKernel("add", "int32")!;
  for (let done = first; done < length; done *= 2) {
    const target = address + 4 * done;
    i32[at + done] = done;
    add(Math.min(done, length - done), address, 1, target, 0, target);
  }
}
