/**
 * Eager evaluation by library kernels: no compiler is loaded, and nothing is interpreted.
 *
 * @module
 */
import { reader, storedCombine, type Value, writer } from "../backends/interp/scalar.ts";
import { gemmScratchBytes } from "../loopnest/gemm_plan.ts";
import { nbytesOf, type ShapedArray, shapedArray, sizeOf, stridesOf } from "../core/aval.ts";
import { type DType, dtypeInfo } from "../core/dtype.ts";
import type { LoweredKernel } from "../core/lowering.ts";
import type { Block } from "./allocator.ts";
import { readCells, viewFor, writeCells } from "./cells.ts";
import { aliasArray, type ConcreteArray, emptyArray, fromCells, MAX_CELLS } from "./concrete.ts";
import type { Plan } from "./evaluate.ts";
import {
  bodyTask,
  CopyTask,
  type KernelTask,
  Layout,
  moveTask,
  type Operands,
} from "./kernel_body.ts";
import {
  argReduceKernel,
  binaryKernel,
  convertKernel,
  copyKernel,
  gemmKernel,
  namedKernel,
  reduceKernel,
} from "./kernel_ops.ts";
import { heap } from "./memory.ts";
import type { Body, DotRecipe, Piece, Recipe, UpdateRecipe } from "./recipe.ts";
import { beginOperation, giveScratch, takeScratch } from "./storage.ts";
import type { ReduceOp } from "../loopnest/ir.ts";

/** A plan that calls kernels, or `null` where some result needs what they cannot do. */
export function kernelPlan(
  recipes: readonly Recipe[],
  ins: readonly ShapedArray[],
  outs: readonly ShapedArray[],
): Plan | null {
  const first = recipes[0];
  if (recipes.length === 1 && first.kind === "alias") {
    return (operands) => [aliasArray(operands[first.operand], outs[0])];
  }
  const tasks: (KernelTask | null)[] = [];
  for (let i = 0; i < recipes.length; i++) {
    const recipe = recipes[i];
    const task = recipe.kind === "alias" ? null : taskOf(recipe, ins, outs[i], i);
    if (task === null && recipe.kind !== "alias") return null;
    tasks.push(task);
  }
  const layout = new Layout();
  const inSlots = ins.map((aval) => slotFor(layout, aval));
  const outSlots = outs.map((aval) => slotFor(layout, aval));
  const work = layout.bytes;
  const bytes = work + Math.max(0, ...tasks.map((task) => task?.scratchBytes ?? 0));

  return (operands) => {
    beginOperation();
    for (let i = 0; i < operands.length; i++) {
      const x = operands[i];
      // Few elements are copied beside; all others must be in the shared memory, and stay while this runs.
      if (inSlots[i] < 0 || x.live().address !== 0) x.address();
    }
    const results = outs.map((aval, o) =>
      tasks[o] === null || outSlots[o] >= 0 ? null : emptyArray(aval)
    );
    const block = bytes <= ARENA_BYTES ? arena() : takeScratch(bytes, "an eager operation");
    try {
      const scratch = block.address;
      const addresses = operands.map((x, i) => {
        const { address, cells } = x.storage!;
        if (address !== 0) return address;
        writeCells(cells!, ins[i], scratch + inSlots[i]);
        return scratch + inSlots[i];
      });
      const targets = results.map((x, o) =>
        x === null ? scratch + outSlots[o] : x.storage!.address
      );
      const given: Operands = { addresses, arrays: operands, results: targets };
      return outs.map((aval, o): ConcreteArray => {
        const task = tasks[o];
        if (task === null) {
          return aliasArray(operands[(recipes[o] as { operand: number }).operand], aval);
        }
        task.run(given, targets[o], scratch + work);
        return results[o] ?? fromCells(aval, readCells(aval, targets[o]));
      });
    } finally {
      if (block !== theArena) giveScratch(block);
    }
  };
}

function slotFor(layout: Layout, aval: ShapedArray): number {
  return aval.size <= MAX_CELLS ? layout.take(Math.max(16, nbytesOf(aval))) : -1;
}

/** Scratch that is always there; kernels never call back, so one for all is enough. */
const ARENA_BYTES = 256 << 10;
let theArena: Block | null = null;

function arena(): Block {
  return theArena ??= takeScratch(ARENA_BYTES, "eager operations");
}

function taskOf(
  recipe: Exclude<Recipe, { kind: "alias" }>,
  ins: readonly ShapedArray[],
  out: ShapedArray,
  position: number,
): KernelTask | null {
  switch (recipe.kind) {
    case "map":
      return bodyTask(recipe.body);
    case "reduce":
      return reduceTask(recipe.op, recipe.body, recipe.kept, ins, out);
    case "argReduce":
      return argReduceTask(recipe.op, recipe.body, out);
    case "pieces":
      return piecesTask(recipe.pieces, out);
    case "update":
      return updateTask(recipe.update, out);
    case "dot":
      return dotTask(recipe.dot, out);
    case "kernel":
      return libraryTask(recipe.call, position);
    default: {
      const never: never = recipe;
      return never;
    }
  }
}

/** Puts the values of a body into scratch, and hands them on. */
function afterBody(
  body: Body,
  then: (layout: Layout) => ((values: number, out: number, scratch: number) => void) | null,
): KernelTask | null {
  const task = bodyTask(body);
  if (task === null) return null;
  const layout = new Layout();
  const root = body.nodes[body.root];
  const values = layout.take(sizeOf(body.box) * dtypeInfo(root.dtype).bytes);
  const run = then(layout);
  if (run === null) return null;
  const rest = layout.bytes;
  return {
    scratchBytes: rest + task.scratchBytes,
    run: (operands, out, scratch) => {
      task.run(operands, scratch + values, scratch + rest);
      run(scratch + values, out, scratch);
    },
  };
}

function reduceTask(
  op: ReduceOp,
  body: Body,
  kept: number,
  ins: readonly ShapedArray[],
  out: ShapedArray,
): KernelTask | null {
  const { dtype } = body.nodes[body.root];
  if (dtype !== out.dtype) return narrowedReduce(op, body, kept, ins, out);
  const kernel = reduceKernel(op, dtype);
  if (kernel === null) return null;
  return directReduce(op, body, kept, ins, out) ?? afterBody(body, () => {
    const terms = sizeOf(body.box.slice(kept));
    return (values, result) => kernel(out.size, terms, 1, values, result);
  });
}

/** A reduction in the wider dtype of the result's, which is then converted. */
function narrowedReduce(
  op: ReduceOp,
  body: Body,
  kept: number,
  ins: readonly ShapedArray[],
  out: ShapedArray,
): KernelTask | null {
  const wide = shapedArray(out.shape, body.nodes[body.root].dtype);
  const convert = convertKernel(wide.dtype, out.dtype);
  // An extreme of nothing is out of the narrow dtype's range.
  if (convert === null || sizeOf(body.box) === 0) return null;
  const task = reduceTask(op, body, kept, ins, wide);
  if (task === null) return null;
  const layout = new Layout();
  const sums = layout.take(nbytesOf(wide));
  const rest = layout.bytes;
  return {
    scratchBytes: rest + task.scratchBytes,
    run: (operands, result, scratch) => {
      task.run(operands, scratch + sums, scratch + rest);
      convert(out.size, scratch + sums, result);
    },
  };
}

/** Reduces an operand where it lies, a group of neighbouring axes at a time, the last group first. */
function directReduce(
  op: ReduceOp,
  body: Body,
  kept: number,
  ins: readonly ShapedArray[],
  out: ShapedArray,
): KernelTask | null {
  const root = body.nodes[body.root];
  if (root.kind !== "view" || out.size === 0) return null;
  const view = body.views[root.view];
  if (view.dynamic !== null) return null;
  const { operand } = view;
  const kernel = reduceKernel(op, out.dtype);
  if (kernel === null || view.offset !== 0 || sizeOf(body.box) !== ins[operand].size) return null;
  if (ins[operand].size === 0) return null;
  // The box's axes in the order in which they lie in memory.
  const axes = body.box.map((size, axis) => ({
    size,
    stride: view.strides[axis],
    isKept: axis < kept,
    axis,
  })).filter(({ size }) => size !== 1).sort((a, b) => b.stride - a.stride);
  let expected = 1;
  let lastKept = Infinity;
  for (let i = axes.length - 1; i >= 0; i--) {
    if (axes[i].stride !== expected) return null;
    expected *= axes[i].size;
    if (!axes[i].isKept) continue;
    if (axes[i].axis > lastKept) return null; // the result is transposed as well
    lastKept = axes[i].axis;
  }
  const groups: { size: number; isKept: boolean }[] = [];
  for (const { size, isKept } of axes) {
    const last = groups[groups.length - 1];
    if (last !== undefined && last.isKept === isKept) last.size *= size;
    else groups.push({ size, isKept });
  }
  const passes: { outer: number; n: number; inner: number }[] = [];
  let inner = 1;
  for (let i = groups.length - 1; i >= 0; i--) {
    if (groups[i].isKept) {
      inner *= groups[i].size;
      continue;
    }
    const outer = sizeOf(groups.slice(0, i).map((g) => g.size));
    passes.push({ outer, n: groups[i].size, inner });
  }
  if (passes.length === 0) return null; // nothing but a copy
  const layout = new Layout();
  const { bytes } = dtypeInfo(out.dtype);
  const temps = passes.slice(0, -1).map(({ outer, inner }) => layout.take(outer * inner * bytes));
  return {
    scratchBytes: layout.bytes,
    run: (operands, result, scratch) => {
      let from = operands.addresses[operand];
      passes.forEach(({ outer, n, inner }, i) => {
        const to = i < temps.length ? scratch + temps[i] : result;
        kernel(outer, n, inner, from, to);
        from = to;
      });
    },
  };
}

function argReduceTask(op: "max" | "min", body: Body, out: ShapedArray): KernelTask | null {
  const kernel = argReduceKernel(op, body.nodes[body.root].dtype);
  const n = body.box[body.box.length - 1];
  if (kernel === null || n === 0) return null;
  // The axis that is searched is the box's last, wherever it lies in the operand; the values are put in order first.
  return afterBody(body, () => (values, result) => kernel(out.size, n, 1, values, result));
}

function piecesTask(pieces: readonly Piece[], out: ShapedArray): KernelTask | null {
  const tasks: KernelTask[] = [];
  for (const { body, offset, strides } of pieces) {
    const task = moveTask(body, strides, offset) ?? afterBody(body, (layout) => {
      const kernel = copyKernel(out.dtype);
      if (kernel === null) return null;
      const source = { offset: 0, strides: stridesOf(body.box) };
      const copy = new CopyTask(kernel, layout, out.dtype, body.box, source, { offset, strides });
      return (values, result, scratch) => copy.run(values, result, scratch);
    });
    if (task === null) return null;
    tasks.push(task);
  }
  return {
    scratchBytes: Math.max(0, ...tasks.map((task) => task.scratchBytes)),
    run: (operands, result, scratch) => {
      for (const task of tasks) task.run(operands, result, scratch);
    },
  };
}

function updateTask(update: UpdateRecipe, out: ShapedArray): KernelTask | null {
  const { operand, combine, guard } = update;
  const count = sizeOf(update.index.box);
  const { bytes } = dtypeInfo(out.dtype);
  const bodies = guard === null
    ? [update.index, update.value]
    : [update.index, update.value, guard];
  const layout = new Layout();
  const parts: { task: KernelTask; at: number }[] = [];
  for (const body of bodies) {
    const task = bodyTask(body);
    if (task === null) return null;
    const { dtype } = body.nodes[body.root];
    parts.push({ task, at: layout.take(count * dtypeInfo(dtype).bytes) });
  }
  const rest = layout.bytes;
  const apply = updater(combine, out.dtype);
  return {
    scratchBytes: rest + Math.max(...parts.map(({ task }) => task.scratchBytes)),
    run: (operands, result, scratch) => {
      const from = operands.addresses[operand];
      heap().u8.copyWithin(result, from, from + out.size * bytes);
      for (const { task, at } of parts) task.run(operands, scratch + at, scratch + rest);
      const allowed = guard === null ? -1 : scratch + parts[2].at;
      apply(count, result, scratch + parts[0].at, scratch + parts[1].at, allowed);
    },
  };
}

/** `out[index[i]] = combine(out[index[i]], value[i])` for `i` in order, where `guard[i]`; addresses, -1 for no guard. */
type Updater = (n: number, out: number, index: number, value: number, guard: number) => void;

function updater(combine: ReduceOp | null, dtype: DType): Updater {
  const { bytes } = dtypeInfo(dtype);
  if (combine === null) {
    return (n, out, index, value, guard) => {
      const { u8, u16, i32 } = heap();
      for (let i = 0; i < n; i++) {
        if (guard >= 0 && u8[guard + i] === 0) continue;
        const to = out + i32[(index >>> 2) + i] * bytes;
        const from = value + i * bytes;
        if (bytes === 1) u8[to] = u8[from];
        else if (bytes === 2) u16[to >>> 1] = u16[from >>> 1];
        else {
          i32[to >>> 2] = i32[from >>> 2];
          if (bytes === 8) i32[(to >>> 2) + 1] = i32[(from >>> 2) + 1];
        }
      }
    };
  }
  const merge = storedCombine(combine, dtype);
  const [read, write] = [reader(dtype), writer(dtype)];
  return (n, out, index, value, guard) => {
    const memory = heap();
    const { u8, i32 } = memory;
    const view = viewFor(memory, dtype) as { [index: number]: Value };
    for (let i = 0; i < n; i++) {
      if (guard >= 0 && u8[guard + i] === 0) continue;
      const to = out / bytes + i32[(index >>> 2) + i];
      view[to] = write(merge(read(view[to]), read(view[value / bytes + i])));
    }
  };
}

function dotTask(dot: DotRecipe, out: ShapedArray): KernelTask | null {
  const kernel = gemmKernel(out.dtype);
  if (kernel === null) return integerDotTask(dot, out);
  const { batch, m, n, k, lhs, rhs } = dot;
  const { bytes } = dtypeInfo(out.dtype);
  return {
    scratchBytes: gemmScratchBytes(m, n, k, bytes as 4 | 8),
    run: (operands, result, scratch) => {
      if (out.size === 0) return;
      if (k === 0) {
        const { u8 } = heap();
        u8.fill(0, result, result + out.size * bytes);
        return;
      }
      for (let t = 0; t < batch; t++) {
        kernel(
          m,
          n,
          k,
          operands.addresses[lhs.operand] + t * lhs.batch * bytes,
          lhs.free,
          lhs.contract,
          operands.addresses[rhs.operand] + t * rhs.batch * bytes,
          rhs.contract,
          rhs.free,
          result + t * m * n * bytes,
          n,
          scratch,
          0,
        );
      }
    },
  };
}

/** A call of a library kernel on whole arrays. It writes all results of the equation, so only the first one makes it. */
function libraryTask({ name, args }: LoweredKernel, position: number): KernelTask | null {
  const kernel = namedKernel(name);
  if (kernel === null) return null;
  const layout = new Layout();
  const values = args.map((arg) => {
    if (arg.kind === "number") return arg.value;
    if (arg.kind === "list") return layout.take(4 * arg.values.length);
    return arg.kind === "scratch" ? layout.take(arg.bytes) : 0;
  });
  return {
    scratchBytes: layout.bytes,
    run: ({ addresses, results }, _out, scratch) => {
      if (position !== 0) return;
      kernel(...args.map((arg, i) => {
        switch (arg.kind) {
          case "operand":
            return addresses[arg.operand];
          case "result":
            return results[arg.result];
          case "scratch":
            return scratch + values[i];
          case "list":
            heap().i32.set(arg.values, (scratch + values[i]) >>> 2);
            return scratch + values[i];
          default:
            return values[i];
        }
      }));
    },
  };
}

/** A contraction of integers, which has no kernel of its own: row by row, a product and a sum for each element of the left. */
function integerDotTask(
  { batch, m, n, k, lhs, rhs }: DotRecipe,
  out: ShapedArray,
): KernelTask | null {
  const { dtype } = out;
  const { bytes } = dtypeInfo(dtype);
  const [mul, add] = [binaryKernel("mul", dtype), binaryKernel("add", dtype)];
  const kernel = copyKernel(dtype);
  if (mul === null || add === null || kernel === null) return null;
  const layout = new Layout();
  const row = layout.take(n * bytes);
  const right = layout.take(batch * k * n * bytes);
  // Rows of the right one after the other, so that each is contiguous.
  const box = [batch, k, n];
  const source = { offset: 0, strides: [rhs.batch, rhs.contract, rhs.free] };
  const target = { offset: 0, strides: [k * n, n, 1] };
  const copy = new CopyTask(kernel, layout, dtype, box, source, target);
  return {
    scratchBytes: layout.bytes,
    run: ({ addresses }, result, scratch) => {
      heap().u8.fill(0, result, result + out.size * bytes);
      copy.run(addresses[rhs.operand], scratch + right, scratch);
      for (let t = 0; t < batch; t++) {
        for (let i = 0; i < m; i++) {
          const sum = result + (t * m + i) * n * bytes;
          const first = addresses[lhs.operand] + (t * lhs.batch + i * lhs.free) * bytes;
          for (let p = 0; p < k; p++) {
            const other = scratch + right + (t * k + p) * n * bytes;
            mul(n, first + p * lhs.contract * bytes, 0, other, 1, scratch + row);
            add(n, sum, 1, scratch + row, 1, sum);
          }
        }
      }
    },
  };
}
