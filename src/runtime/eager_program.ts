/**
 * Computes any primitive that can be lowered: as a program of one equation.
 *
 * @module
 */
import { interpret } from "../backends/interp/mod.ts";
import type { ShapedArray } from "../core/aval.ts";
import { closeJaxpr, type JaxprEqn, JaxprVar, makeJaxprOf } from "../core/jaxpr.ts";
import type { AnyPrimitive } from "../core/primitive.ts";
import { InternalError } from "../errors.ts";
import type { Program } from "../loopnest/ir.ts";
import { schedule } from "../schedule/mod.ts";
import { arrayFromTypedArray } from "./concrete.ts";
import type { Plan } from "./evaluate.ts";

/** The program of one equation. Its inputs are the operands, its outputs the results. */
export function equationProgram(
  primitive: AnyPrimitive,
  ins: readonly ShapedArray[],
  outs: readonly ShapedArray[],
  params: unknown,
): Program {
  if (primitive.lower === undefined) {
    throw new InternalError(`${primitive.name}: has neither a lowering nor an evaluation rule`);
  }
  const invars = ins.map((aval) => new JaxprVar(aval));
  const outvars = outs.map((aval) => new JaxprVar(aval));
  const eqn: JaxprEqn = {
    primitive,
    invars,
    outvars,
    params: params as Readonly<Record<string, unknown>>,
  };
  return schedule(closeJaxpr(makeJaxprOf([], invars, outvars, [eqn]), []), {
    name: primitive.name,
  });
}

/** A plan that runs the primitive's own lowering. */
export function programPlan(
  primitive: AnyPrimitive,
  ins: readonly ShapedArray[],
  outs: readonly ShapedArray[],
  params: unknown,
): Plan {
  const program = equationProgram(primitive, ins, outs, params);
  return (operands) =>
    interpret(program, operands.map((x) => x.dataSync())).map((data, i) => {
      const { shape, dtype, weakType } = outs[i];
      return arrayFromTypedArray(data, shape, dtype, weakType);
    });
}
