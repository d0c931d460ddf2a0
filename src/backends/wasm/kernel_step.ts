/**
 * Calls of library kernels; those on many rows or of many units, and convolutions, are shared among threads.
 *
 * @module
 */
import { type DType, dtypeInfo } from "../../core/dtype.ts";
import type { BufferDecl, KernelCall } from "../../loopnest/ir.ts";
import { findKernel } from "../../loopnest/kernels.ts";
import { type ConvCut, cutConv } from "./conv_cut.ts";
import type { Ref } from "./assembler.ts";
import { partOf, type StepHost } from "./dot_step.ts";
import { FunctionBuilder, type Value } from "./function.ts";
import { kernelSignature } from "./kernel_text.ts";
import { shareLine } from "./line_step.ts";
import { shareRounds } from "./rounds_step.ts";
import { fitPrivately } from "./splitting.ts";

/** What surrounds such a step. */
export interface KernelHost extends StepHost {
  readonly buffers: readonly BufferDecl[];
}

/** Emits a call as a function `name(table)`. */
export function emitKernel(host: KernelHost, call: KernelCall, name: string): void {
  const fn = new FunctionBuilder(host.asm, name, ["i32"], [], 0);
  const isShared = shareConv(host, call, fn) || shareRows(host, call, fn) ||
    shareUnits(host, call, fn) || shareLine(host, call, fn) || shareRounds(host, call, fn);
  if (!isShared) {
    let listBytes = 0;
    const args = call.args.map((arg, i) => {
      if (arg.kind === "buffer") return host.address(fn, arg.buffer);
      if (arg.kind === "list") {
        const offset = listBytes;
        listBytes += 4 * arg.values.length;
        writeList(host, fn, arg.values, offset);
        return host.asm.op2("i32.add", host.scratchOf(fn, listBytes), host.asm.i32(offset));
      }
      const type = kernelSignature(call.name)?.params[i] ?? "i32";
      return host.asm.constant(type as "i32", arg.value);
    });
    fn.push(host.linker.called(call.name, args));
  }
  fn.finish();
}

/** Writes int32s into the scratch of this step, `offset` bytes after its start. */
function writeList(
  host: StepHost,
  fn: FunctionBuilder,
  values: readonly number[],
  offset: number,
): void {
  const { asm } = host;
  const scratch = fn.keep("i32", host.scratchOf(fn, offset + 4 * values.length));
  values.forEach((value, i) =>
    fn.push(asm.store("i32", 4, fn.get(scratch), offset + 4 * i, asm.i32(value)))
  );
}

/** Emits a call whose last arguments are scratch and a range of units, if it is one and worth sharing. */
function shareUnits(host: KernelHost, call: KernelCall, fn: FunctionBuilder): boolean {
  const { asm, jobs } = host;
  const [list, ...others] = call.args;
  const unitsCost = findKernel(call.name)?.unitsCost;
  if (!jobs.areShared || unitsCost === undefined || list?.kind !== "list") return false;
  const cost = unitsCost(list.values);
  const [scratch, first, last] = others.splice(-3);
  if (cost < jobs.leastCost || scratch?.kind !== "buffer" || first?.kind !== "number") return false;
  if (last?.kind !== "number" || last.value < 2) return false;
  const own = host.buffers[scratch.buffer]!;
  const privateBytes = own.size * dtypeInfo(own.dtype).bytes;
  if (!fitPrivately(privateBytes)) return false;
  writeList(host, fn, list.values, 0);
  let given: Value[] = [];
  jobs.run(fn, fn.name, last.value, cost * host.repeats, (share) => {
    const addresses = others.map((arg) =>
      host.address(share, arg.kind === "buffer" ? arg.buffer : -1)
    );
    const spec = host.scratchOf(share, 4 * list.values.length);
    given = [spec, ...addresses, jobs.privateAddress(privateBytes)].map((x) =>
      share.keep("i32", x)
    );
  }, (share, unit) => {
    const after = asm.op2("i32.add", share.get(unit), asm.i32(1));
    const args = [...given.map((x) => share.get(x)), share.get(unit), after];
    share.push(host.linker.called(call.name, args));
  });
  return true;
}

/** Emits a convolution that threads share, if it is one and worth it. */
function shareConv(host: KernelHost, call: KernelCall, fn: FunctionBuilder): boolean {
  const { asm, jobs } = host;
  const [family, dtype] = call.name.split("_") as [string, DType];
  const [list, x, w, out, scratch] = call.args;
  if (family !== "conv" || !jobs.areShared || list?.kind !== "list") return false;
  const { bytes } = dtypeInfo(dtype);
  const cut = cutConv(list.values, bytes, jobs.threads);
  if (cut === null || cut.cost < jobs.leastCost) return false;
  const bufferOf = (arg: KernelCall["args"][number] | undefined): number =>
    arg?.kind === "buffer" ? arg.buffer : -1;
  const own = host.buffers[bufferOf(scratch)]!;
  const listBytes = Math.ceil(4 * list.values.length / 64) * 64;
  const privateBytes = listBytes + own.size * dtypeInfo(own.dtype).bytes;
  writeList(host, fn, list.values, 0);
  let places: Value[] = [];
  let spec: Value;
  jobs.run(fn, fn.name, cut.units, cut.cost * host.repeats, (share) => {
    places = [x, w, out].map((arg) => share.keep("i32", host.address(share, bufferOf(arg))));
    spec = share.keep("i32", jobs.privateAddress(privateBytes));
    const from = host.scratchOf(share, 4 * list.values.length);
    const size = asm.i32(4 * list.values.length);
    share.push(asm.module.memory.copy(share.get(spec), from, size));
  }, (share, unit) => {
    const moves = patch(share, spec, cut, unit);
    const addresses = places.map((place, i) => {
      const by = moves[i]!;
      if (by === null) return share.get(place);
      return asm.op2("i32.add", share.get(place), asm.op2("i32.mul", by, asm.i32(bytes)));
    });
    const ownScratch = asm.op2("i32.add", share.get(spec), asm.i32(listBytes));
    share.push(host.linker.called(call.name, [share.get(spec), ...addresses, ownScratch]));
  });
  return true;
}

/** Rows are claimed in so many units for each thread at most: they may take unequally long. */
const unitsPerThread = 8;

/** Emits a call on rows that threads share, if it is one and worth it. */
function shareRows(host: KernelHost, call: KernelCall, fn: FunctionBuilder): boolean {
  const { asm, jobs } = host;
  const spec = findKernel(call.name);
  const numbers = call.args.flatMap((arg) => arg.kind === "number" ? [arg.value] : []);
  const [rows = 0] = numbers;
  if (!jobs.areShared || spec?.rowCost === undefined || rows < 2) return false;
  const cost = rows * spec.rowCost(numbers);
  if (cost < jobs.leastCost) return false;
  const sizes = call.args.map((arg) => {
    if (arg.kind !== "buffer") return 0;
    const { size, dtype } = host.buffers[arg.buffer]!;
    return size * dtypeInfo(dtype).bytes;
  });
  const ownBytes = sizes.find((_, i) => spec.params[i] === "scratch") ?? 0;
  if (!fitPrivately(ownBytes)) return false;
  const units = Math.min(rows, unitsPerThread * jobs.threads);
  const types = kernelSignature(call.name)?.params;
  let places: (Value | null)[] = [];
  jobs.run(fn, fn.name, units, cost * host.repeats, (share) => {
    places = call.args.map((arg, i) => {
      if (arg.kind !== "buffer") return null;
      const isOwn = spec.params[i] === "scratch";
      const place = isOwn ? jobs.privateAddress(ownBytes) : host.address(share, arg.buffer);
      return share.keep("i32", place);
    });
  }, (share, unit) => {
    const { start, count } = partOf(share, unit, units, rows, 1);
    const args = call.args.map((arg, i) => {
      const place = places[i]!;
      if (i === 0) return share.get(count);
      if (arg.kind === "number") return asm.constant((types?.[i] ?? "i32") as "i32", arg.value);
      if (spec.params[i] === "scratch" || spec.params[i] === "table") return share.get(place);
      const by = asm.op2("i32.mul", share.get(start), asm.i32(sizes[i]! / rows));
      return asm.op2("i32.add", share.get(place), by);
    });
    share.push(host.linker.called(call.name, args));
  });
  return true;
}

/** Makes a thread's list say what a unit is; gives by how many elements operand, kernel and output begin later. */
function patch(
  fn: FunctionBuilder,
  spec: Value,
  cut: ConvCut,
  unit: Value,
): readonly (Ref | null)[] {
  const { asm } = fn;
  const moves: (Ref | null)[] = [null, null, null];
  for (const range of cut.ranges) {
    const { start, count } = partOf(fn, unit, cut.units, range.extent, 1);
    fn.push(asm.store("i32", 4, fn.get(spec), 4 * range.at, fn.get(count)));
    for (const { at, initial, stride } of range.starts) {
      const moved = asm.op2("i32.mul", fn.get(start), asm.i32(stride));
      const value = asm.op2("i32.add", moved, asm.i32(initial));
      fn.push(asm.store("i32", 4, fn.get(spec), 4 * at, value));
    }
    range.moves?.forEach((stride, i) => {
      if (stride !== 0) moves[i] = asm.op2("i32.mul", fn.get(start), asm.i32(stride));
    });
  }
  return moves;
}
