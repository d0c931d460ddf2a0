/**
 * The code of a step of a program for several devices: a compiled program that is called with addresses, once or for several devices
 * at once.
 *
 * @module
 */
import { compileProgram } from "../../backends/wasm/compiler.ts";
import { instantiateProgram } from "../../backends/wasm/instantiate.ts";
import { threadStride } from "../../backends/wasm/thread_stride.ts";
import { type Compilation, compileToProgram } from "../../compile/pipeline.ts";
import { type ClosedJaxpr, hoistConsts } from "../../core/jaxpr.ts";
import { closedJaxprKey } from "../../core/jaxpr_key.ts";
import type { NDArray } from "../../core/array.ts";
import { workOf } from "../../schedule/work.ts";
import { callFromModule } from "../callbacks.ts";
import { heap } from "../memory.ts";
import { ProgramCache } from "../program_cache.ts";
import { devicePool, deviceThreadCount, existingThreadPool, sharingOptions } from "../threads.ts";

/** A compiled step. */
export interface StepCode {
  /** Calls it with the address of its table; for several devices, of a list of their tables' addresses. */
  readonly run: (address: number) => void;
  /** What it closes over: further inputs, before the others. */
  readonly consts: readonly NDArray[];
  /** For each output the input (constants not counted) in whose place it has to be, or -1. */
  readonly donors: readonly number[];
  /** Bytes of scratch of all threads, which devices use one after the other. */
  readonly scratchBytes: number;
  readonly codeBytes: number;
  readonly callsHost: boolean;
  /** Instructions, about, that threads may share. */
  readonly sharedCost: number;
}

/** How many live on when the programs that they were compiled for are gone. */
const HELD = 256;

const cache = new ProgramCache<StepCode>(HELD);

/** Lets the thread pool forget code that nobody can call any more. */
const registry = new FinalizationRegistry<number>((program) =>
  existingThreadPool()?.forget(program)
);

/** Forgets compiled steps; those in use live on. */
export function clearSteps(): void {
  cache.clear();
}

/** What a step computes. */
export interface Step {
  readonly closed: ClosedJaxpr;
  readonly name: string;
  /** For how many devices one call is; 1 shares its work among threads as other programs do. */
  readonly units: number;
  /** For each input the output that may be written over it, or `false`. */
  readonly donated: readonly (number | false)[];
}

/** Compiles a step, or finds it. */
export function stepCode(step: Step): StepCode {
  const { closed, units, donated } = step;
  const isDonated = donated.some((to) => to !== false);
  const key = `${units}|${deviceThreadCount()}|${isDonated ? donated.join() : ""}|${
    closed.outAvals.map((a) => a.id).join()
  }|${closedJaxprKey(closed)}`;
  return cache.get(key, () => compileStep(step));
}

/** Instructions, about, for an operation, a byte and a multiplication and addition, where vectors are computed with. */
const [perOp, perByte, perFlop] = [1 / 4, 1 / 16, 1 / 8];

/** A step scheduled. */
export function scheduleStep({ closed, name, donated }: Step): Compilation {
  return compileToProgram(hoistConsts(closed), {
    name,
    donated: [...closed.consts.map(() => false), ...donated],
  });
}

/** A scheduled step as a module. */
export function assembleStep(
  { program, callbacks }: Compilation,
  units: number,
): ReturnType<typeof compileProgram> {
  let cost = 0;
  // The host can be called from its own thread only: devices that do take turns there.
  if (callbacks.length === 0) {
    for (const { runs, ops, bytes, flops } of workOf(program).steps) {
      cost += runs * (ops * perOp + bytes * perByte + flops * perFlop);
    }
  }
  const shared = { ...sharingOptions(), threads: deviceThreadCount() };
  const devices = { count: units, cost: Math.round(cost) };
  return compileProgram(program, units === 1 ? shared : { ...shared, devices });
}

function compileStep(step: Step): StepCode {
  const { closed, units } = step;
  const consts = closed.consts.length;
  const threads = deviceThreadCount();
  const scheduled = scheduleStep(step);
  const { program, callbacks } = scheduled;
  const callsHost = callbacks.length > 0;
  const { module, bytes, scratchBytes, sharing } = assembleStep(scheduled, units);
  const pool = sharing === null ? null : devicePool();
  if (sharing !== null) pool!.reserve(sharing.privateBytes);
  const link = pool?.register(module);
  const code: StepCode = {
    run: instantiateProgram(module, heap().memory, {
      callback: callsHost ? callFromModule(callbacks) : undefined,
      link,
    }),
    consts: closed.consts,
    donors: program.buffers.flatMap((b) =>
      b.role !== "output" ? [] : [b.donor < 0 ? -1 : b.donor - consts]
    ),
    scratchBytes: sharing === null || units === 1
      ? scratchBytes
      : threadStride(scratchBytes) * threads,
    codeBytes: bytes.length,
    callsHost,
    sharedCost: sharing?.cost ?? 0,
  };
  if (link !== undefined) registry.register(code, link.program);
  return code;
}
