/**
 * Computes any primitive that can be lowered: as a program of one equation.
 *
 * @module
 */
import { compileProgram, disassemble } from "../backends/wasm/compiler.ts";
import type { ShapedArray } from "../core/aval.ts";
import {
  type ClosedJaxpr,
  closeJaxpr,
  type JaxprEqn,
  JaxprVar,
  Literal,
  makeJaxprOf,
} from "../core/jaxpr.ts";
import type { HostCallback } from "../core/lowering.ts";
import type { AnyPrimitive } from "../core/primitive.ts";
import { timed } from "../core/spans.ts";
import { InternalError } from "../errors.ts";
import { type Control, innerPrograms, type Program, type Stmt } from "../loopnest/ir.ts";
import { printProgram } from "../loopnest/print.ts";
import { schedule } from "../schedule/mod.ts";
import { logCompilations } from "./debug_log.ts";
import type { Plan } from "./evaluate.ts";
import { Executable, InterpretedExecutable } from "./executable.ts";

/** The jaxpr of one equation. Its inputs are the operands that are no literals, its outputs the results. */
export function equationJaxpr(
  primitive: AnyPrimitive,
  ins: readonly (ShapedArray | Literal)[],
  outs: readonly ShapedArray[],
  params: unknown,
): ClosedJaxpr {
  const operands = ins.map((x) => x instanceof Literal ? x : new JaxprVar(x));
  const invars = operands.filter((x): x is JaxprVar => x instanceof JaxprVar);
  const outvars = outs.map((aval) => new JaxprVar(aval));
  const eqn: JaxprEqn = {
    primitive,
    invars: operands,
    outvars,
    params: params as Readonly<Record<string, unknown>>,
  };
  return closeJaxpr(makeJaxprOf([], invars, outvars, [eqn]), []);
}

/** The program of one equation; `callbacks` gets the host's functions that it calls. */
export function equationProgram(
  primitive: AnyPrimitive,
  ins: readonly (ShapedArray | Literal)[],
  outs: readonly ShapedArray[],
  params: unknown,
  callbacks: HostCallback[] = [],
): Program {
  if (primitive.lower === undefined && primitive.onParts === undefined) {
    throw new InternalError(`${primitive.name}: has neither a lowering nor an evaluation rule`);
  }
  const closed = equationJaxpr(primitive, ins, outs, params);
  return schedule(closed, { name: primitive.name, callbacks });
}

/** Interpreted operations that take about as long as a compilation. */
const COMPILE_FROM = 1 << 20;

/** A plan that runs the primitive's own lowering: interpreted where that is soon done, compiled where it is not. */
export function programPlan(
  primitive: AnyPrimitive,
  ins: readonly ShapedArray[],
  outs: readonly ShapedArray[],
  params: unknown,
): Plan {
  const callbacks: HostCallback[] = [];
  const program = equationProgram(primitive, ins, outs, params, callbacks);
  if (workOf(program) < COMPILE_FROM) {
    const executable = new InterpretedExecutable(program, outs, callbacks);
    return (operands) => executable.run(operands);
  }
  logCompilations();
  const executable = timed("compile", primitive.name, () => {
    const { module, bytes, scratchBytes, origin } = compileProgram(program);
    const made = new Executable({ ...program, scratchBytes }, module, outs, callbacks);
    return { made, bytes, origin };
  }, ({ bytes, origin }) => ({
    details: { why: "an operation outside of filterJit", from: origin, bytes: bytes.length },
    texts: {
      jaxpr: () => String(equationJaxpr(primitive, ins, outs, params)),
      nests: () => printProgram(program),
      wat: () => disassemble(bytes),
    },
  })).made;
  return (operands) => executable.run(operands);
}

/** About how many scalar operations a program does. */
function workOf(program: Program): number {
  let work = 0;
  for (const step of program.steps) {
    switch (step.kind) {
      case "nest":
        for (const stmt of step.body) work += statementWork(stmt);
        break;
      case "dot":
        work += step.batch * step.m * step.n * step.k;
        break;
      case "copy":
        break; // no slower than in the compiled program
      case "kernel":
        for (const arg of step.args) {
          if (arg.kind === "buffer") work += program.buffers[arg.buffer].size;
        }
        break;
      case "control":
        work += controlWork(step);
        break;
      default: {
        const never: never = step;
        return never;
      }
    }
  }
  return work;
}

/** Operations in whose time the interpreter gets ready to run an inner step once more. */
const STEP_WORK = 500;

function controlWork({ control }: Control): number {
  // Nobody knows how often a loop will turn.
  if (control.kind === "while") return COMPILE_FROM;
  if (control.kind === "callback") return STEP_WORK; // no slower than in the compiled program
  const turns = control.kind === "scan" ? control.length : 1;
  const costs = innerPrograms(control).map((p) => workOf(p) + STEP_WORK * p.steps.length);
  return turns * Math.max(...costs);
}

function statementWork(stmt: Stmt): number {
  if (stmt.kind !== "for") return 1;
  let body = 0;
  for (const inner of stmt.body) body += statementWork(inner);
  return stmt.extent * body;
}
