/**
 * The code of a step of a program for several devices: a compiled program that is called with addresses, once or for several devices
 * at once.
 *
 * @module
 */
import { compileProgram } from "../../backends/wasm/compiler.ts";
import { instantiateProgram } from "../../backends/wasm/instantiate.ts";
import { threadStride } from "../../backends/wasm/thread_stride.ts";
import { compileToProgram } from "../../compile/pipeline.ts";
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

/**
 * Compiles a step, or finds it.
 *
 * @param units For how many devices one call is; 1 shares its work among threads as other programs do.
 * @param donated For each input the output that may be written over it.
 */
export function stepCode(
  closed: ClosedJaxpr,
  name: string,
  units: number,
  donated: readonly (number | false)[] = [],
): StepCode {
  const threads = deviceThreadCount();
  const isDonated = donated.some((to) => to !== false);
  const key = `${units}|${threads}|${isDonated ? donated.join() : ""}|${
    closed.outAvals.map((a) => a.id).join()
  }|${closedJaxprKey(closed)}`;
  return cache.get(key, () => compileStep(closed, name, units, threads, donated));
}

/** Instructions, about, for an operation, a byte and a multiplication and addition, where vectors are computed with. */
const [perOp, perByte, perFlop] = [1 / 4, 1 / 16, 1 / 8];

function compileStep(
  closed: ClosedJaxpr,
  name: string,
  units: number,
  threads: number,
  given: readonly (number | false)[],
): StepCode {
  const consts = closed.consts.length;
  const donated = [...closed.consts.map(() => false), ...given];
  const { program, callbacks } = compileToProgram(hoistConsts(closed), { name, donated });
  const callsHost = callbacks.length > 0;
  let cost = 0;
  if (!callsHost) {
    for (const { runs, ops, bytes, flops } of workOf(program).steps) {
      cost += runs * (ops * perOp + bytes * perByte + flops * perFlop);
    }
  }
  const shared = { ...sharingOptions(), threads };
  // The host can be called from its own thread only: devices that do take turns there.
  const devices = { count: units, cost: Math.round(cost) };
  const options = units === 1 ? shared : { ...shared, devices };
  const { module, bytes, scratchBytes, sharing } = compileProgram(program, options);
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
