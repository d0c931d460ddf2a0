/**
 * Running sums of one long line, shared among threads: the totals of its parts, what each part goes on from, and the results
 * (`kernels/cumulative/parts.ts`).
 *
 * One thread adds the same to the same, part by part.
 *
 * @module
 */
import type { KernelCall } from "../../loopnest/ir.ts";
import type { Ref } from "./assembler.ts";
import type { StepHost } from "./dot_step.ts";
import type { FunctionBuilder, Value } from "./function.ts";
import { kernelSignature } from "./kernel_text.ts";

/** Elements of a part: `PART` in `kernels/cumulative/parts.ts`. */
const partLength = 4096;
/** Bytes of a part's total. */
const totalBytes = 8;
/** Parts are claimed in this many units at most, and so many at once at least: some 5 µs. */
const mostUnits = 256;
const leastParts = 4;
/** Instructions, about, for an element in either step. */
const stepCost = 1;

/** Emits running sums of one long line that threads share, if a call is that and worth it. */
export function shareLine(host: StepHost, call: KernelCall, fn: FunctionBuilder): boolean {
  const { asm, jobs, linker } = host;
  const [family, dtype] = call.name.split("_");
  const [outer, n, inner, reverse, x, out] = call.args;
  if (!jobs.areShared || kernelSignature(`${family}_totals_${dtype}`) === undefined) return false;
  if (outer?.kind !== "number" || n?.kind !== "number" || inner?.kind !== "number") return false;
  if (reverse?.kind !== "number" || x?.kind !== "buffer" || out?.kind !== "buffer") return false;
  const parts = Math.floor(n.value / partLength);
  const cost = stepCost * n.value;
  const perUnit = Math.max(leastParts, Math.ceil(parts / mostUnits));
  if (outer.value !== 1 || inner.value !== 1 || cost < jobs.leastCost) return false;
  if (parts < 2 * perUnit) return false;
  const bytes = totalBytes * (parts + 1);
  /** The parts of a unit, of so many parts in all. */
  const range = (share: FunctionBuilder, unit: Value, most: number): readonly [Ref, Ref] => {
    const from = asm.op2("i32.mul", share.get(unit), asm.i32(perUnit));
    const first = share.keep("i32", from);
    const beyond = asm.op2("i32.add", share.get(first), asm.i32(perUnit));
    const last = share.keep("i32", beyond);
    const fits = asm.op2("i32.lt_s", share.get(last), asm.i32(most));
    return [share.get(first), asm.module.select(fits, share.get(last), asm.i32(most))];
  };
  const step = (name: "totals" | "results", count: number): void => {
    let places: Value[] = [];
    const buffers = name === "totals" ? [x.buffer] : [x.buffer, out.buffer];
    const units = Math.ceil(count / perUnit);
    jobs.run(fn, `${fn.name}_${name}`, units, cost * host.repeats, (share) => {
      const addresses = buffers.map((buffer) => host.address(share, buffer));
      places = [...addresses, host.scratchOf(share, bytes)].map((at) => share.keep("i32", at));
    }, (share, unit) => {
      share.push(linker.called(`${family}_${name}_${dtype}`, [
        ...range(share, unit, count),
        asm.i32(n.value),
        asm.i32(reverse.value),
        ...places.map((place) => share.get(place)),
      ]));
    });
  };
  step("totals", parts);
  fn.push(linker.called(`${family}_starts`, [asm.i32(parts), host.scratchOf(fn, bytes)]));
  // What is left of the line is one part more.
  step("results", n.value % partLength === 0 ? parts : parts + 1);
  return true;
}
