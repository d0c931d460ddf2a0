/**
 * Kernels on one row that go in rounds: a long sort, a long Fourier transform, the factorisation of a large matrix. Before each round the leader does what needs all of
 * the one before; then threads share its units.
 *
 * One thread alone does the same units in the same order (or, of sorts, something else with the only result there is).
 *
 * @module
 */
import { type DType, dtypeInfo } from "../../core/dtype.ts";
import type { KernelCall } from "../../loopnest/ir.ts";
import { findKernel } from "../../loopnest/kernels.ts";
import type { Ref } from "./assembler.ts";
import type { StepHost } from "./dot_step.ts";
import { type FunctionBuilder, Scope, type Value } from "./function.ts";
import { kernelSignature } from "./kernel_text.ts";
import { fitPrivately } from "./splitting.ts";

/** A round's work is this many times the least that is shared at least, since threads wait for each other after each. */
const worthARound = 2;

/** Emits the rounds of a call that threads share, if it goes in rounds and is worth it. */
export function shareRounds(host: StepHost, call: KernelCall, fn: FunctionBuilder): boolean {
  const { asm, jobs, linker } = host;
  const [family, dtype] = call.name.split("_") as [string, DType];
  const spec = findKernel(call.name);
  const numbers = call.args.flatMap((arg) => arg.kind === "number" ? [arg.value] : []);
  if (!jobs.areShared || spec?.rounds === undefined || numbers[0] !== 1) return false;
  const leader = kernelSignature(`${family}_lead_${dtype}`);
  if (leader === undefined) return false;
  const rounds = spec.rounds(numbers, dtypeInfo(dtype).bytes as 4 | 8);
  if (rounds === null || rounds.units < 2 || !fitPrivately(rounds.ownBytes)) return false;
  const cost = spec.rowCost!(numbers);
  if (cost < worthARound * rounds.count * jobs.leastCost) return false;
  const argumentsOf = (from: FunctionBuilder): readonly Value[] =>
    call.args.map((arg, i) => {
      if (arg.kind === "number") {
        const type = leader.params[i + 1] as "i32" | "f64"; // after the round
        return from.keep(type, asm.constant(type, arg.value));
      }
      return from.keep("i32", host.address(from, arg.kind === "buffer" ? arg.buffer : -1));
    });
  const round = fn.local("i32");
  // Where threads read which round it is.
  const place = fn.keep("i32", host.scratchOf(fn, 4));
  const given = argumentsOf(fn);
  const body = new Scope(0.5, fn.entry, true);
  fn.current = body;
  fn.push(asm.store("i32", 4, fn.get(place), 0, fn.get(round)));
  fn.push(linker.called(`${family}_lead_${dtype}`, [
    fn.get(round),
    ...given.map((value) => fn.get(value)),
  ]));
  let own: readonly Value[] = [];
  jobs.run(fn, `${fn.name}_round`, rounds.units, cost * host.repeats, (share) => {
    const number = share.keep("i32", asm.load("i32", 4, host.scratchOf(share, 4), 0));
    const memory = share.keep("i32", jobs.privateAddress(rounds.ownBytes));
    own = [number, ...argumentsOf(share), memory];
  }, (share, unit) => {
    const [number, ...others] = own.map((value) => share.get(value)) as [Ref, ...Ref[]];
    share.push(linker.called(`${family}_share_${dtype}`, [number, share.get(unit), ...others]));
  });
  fn.current = fn.entry;
  const { module } = asm;
  const next = fn.set(round, asm.op2("i32.add", fn.get(round), asm.i32(1)));
  const more = asm.op2("i32.lt_s", fn.get(round), asm.i32(rounds.count));
  const turn = module.block(null, [...body.code, next, module.br("rounds", more)], asm.none);
  fn.assign(round, asm.i32(0));
  fn.push(module.loop("rounds", turn));
  return true;
}
