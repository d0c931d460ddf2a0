/**
 * What runs jitted calls: schedules a jaxpr, compiles it, and wraps the module so that arrays go in and come out.
 *
 * @module
 */
import {
  type CompiledProgram,
  type CompileOptions,
  installJitBackend,
  type JitBackend,
  type LoweredText,
  type RunOptions,
} from "../control/jit_call.ts";
import type { NDArray } from "../core/array.ts";
import { type ClosedJaxpr, JaxprVar } from "../core/jaxpr.ts";
import { printProgram } from "../loopnest/print.ts";
import type { Program } from "../loopnest/ir.ts";
import { compileToProgram } from "../compile/pipeline.ts";
import { compileProgram, disassemble, startCompiler } from "../backends/wasm/compiler.ts";
import type { ConcreteArray } from "./concrete.ts";
import { Executable } from "./executable.ts";
import { ProgramPlacer } from "./placing.ts";

/** Which inputs a jaxpr reads. */
function usedInputs(closed: ClosedJaxpr): boolean[] {
  const { invars, outvars, eqns } = closed.jaxpr;
  const used = new Set<unknown>(outvars);
  for (const eqn of eqns) {
    for (const atom of eqn.invars) if (atom instanceof JaxprVar) used.add(atom);
  }
  return invars.map((v) => used.has(v));
}

/** Which inputs an output of the program takes the memory of. */
function takenOverInputs(program: Program, count: number): boolean[] {
  const taken = Array<boolean>(count).fill(false);
  for (const buffer of program.buffers) {
    if (buffer.role === "output" && buffer.donor >= 0) taken[buffer.donor] = true;
  }
  return taken;
}

/** How to run a program of which the caller says nothing. */
const byNumber: RunOptions = {
  name: "a compiled function",
  nameOf: (i) => `input ${i}`,
  on: null,
};

/** Compiles for the CPU. */
export const wasmJitBackend: JitBackend = {
  compile(closed: ClosedJaxpr, options: CompileOptions): CompiledProgram {
    const { simplified, program, callbacks, passes } = compileToProgram(closed, options);
    const { module, scratchBytes, timings } = compileProgram(program);
    // Kernels need scratch of their own, so that the compiled program may want more than the program says.
    const executable = new Executable(
      { ...program, scratchBytes },
      module,
      closed.outAvals,
      callbacks,
    );
    const takenOver = takenOverInputs(program, closed.inAvals.length);
    const donates = takenOver.includes(true);
    const placer = new ProgramPlacer(closed);
    return {
      takenOver,
      used: usedInputs(simplified),
      timings: { ...Object.fromEntries(passes.map((p) => [p.name, p.milliseconds])), ...timings },
      run: (inputs: readonly NDArray[], how: RunOptions = byNumber): NDArray[] => {
        const placements = placer.placements(inputs, how);
        const outs = executable.run(
          inputs as readonly ConcreteArray[],
          donates ? takenOver : null,
        );
        if (placements !== null) outs.forEach((x, i) => x.placement = placements[i]);
        return outs;
      },
    };
  },
  lower(closed: ClosedJaxpr, options: CompileOptions): LoweredText {
    const { simplified, program } = compileToProgram(closed, options);
    return {
      simplified: () => String(simplified),
      nests: () => printProgram(program),
      wat: () => disassemble(compileProgram(program).bytes),
    };
  },
  prepare: startCompiler,
};

/** Makes jitted calls runnable. `mod.ts` calls it. */
export function installJit(): void {
  installJitBackend(wasmJitBackend);
}
