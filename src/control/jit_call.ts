/**
 * The `jit` primitive: a call of a compiled function. Each transformation transforms the inner jaxpr once per pattern and keeps it,
 * so that a call under `grad` or `vmap` is compiled once too.
 *
 * @module
 */
import { InternalError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import type { ClosedJaxpr } from "../core/jaxpr.ts";
import { type Primitive, type Tangent, UndefinedPrimal, Zero } from "../core/primitive.ts";
import { bind } from "../core/trace.ts";
import { axisTools } from "../ops/shape.ts";
import { axisToFront } from "../ops/common.ts";
import { jvpJaxpr } from "../transform/jvp.ts";
import { splitJaxpr, transposeJaxpr } from "../transform/linearize.ts";
import { batchJaxpr } from "../transform/vmap.ts";

/** Parameters of {@linkcode jitP}. */
export interface JitParams {
  readonly name: string;
  /** Without constants. */
  readonly jaxpr: ClosedJaxpr;
}

/** Compiles (once per jaxpr) and runs. Set by `runtime/`. */
export type JitRunner = (
  jaxpr: ClosedJaxpr,
  name: string,
  operands: readonly NDArray[],
) => NDArray[];

let runner: JitRunner | null = null;

/** Sets what runs a jitted jaxpr on concrete arrays. */
export function installJitRunner(run: JitRunner): void {
  runner = run;
}

const isPresent = (t: Tangent): t is NDArray => !(t instanceof Zero);

/** `jit`: applies a jaxpr, compiled as one program. */
export const jitP: Primitive<JitParams> = {
  name: "jit",
  abstractEval: (_ins, { jaxpr }) => jaxpr.outAvals,
  evaluate: (operands, { jaxpr, name }) => {
    if (runner === null) throw new InternalError("no runner for jitted calls is installed");
    return runner(jaxpr, name, operands);
  },
  jvp: (primals, tangents, { jaxpr, name }) => {
    const { closed, nonzeroOuts } = jvpJaxpr(jaxpr, tangents.map(isPresent));
    const results = bind(jitP, [...primals, ...tangents.filter(isPresent)], {
      name,
      jaxpr: hoisted(closed),
    });
    const count = jaxpr.outAvals.length;
    let next = count;
    return [
      results.slice(0, count),
      nonzeroOuts.map((nonzero, i) => nonzero ? results[next++] : new Zero(jaxpr.outAvals[i])),
    ];
  },
  transpose: (cts, operands, { jaxpr, name }) => {
    const linear = operands.map((x) => x instanceof UndefinedPrimal);
    const { closed, nonzeroIns } = transposeJaxpr(jaxpr, linear, cts.map(isPresent));
    const defined = operands.filter((x): x is NDArray => !(x instanceof UndefinedPrimal));
    const results = bind(jitP, [...defined, ...cts.filter(isPresent)], {
      name,
      jaxpr: hoisted(closed),
    });
    let [next, undefinedIndex] = [0, 0];
    return operands.map((x) => {
      if (!(x instanceof UndefinedPrimal)) return null;
      return nonzeroIns[undefinedIndex++] ? results[next++] : new Zero(x.aval);
    });
  },
  batch: (operands, dims, { jaxpr, name }, size, axisName) => {
    const moved = operands.map((x, i) => dims[i] === null ? x : axisToFront(axisTools, x, dims[i]));
    const { closed, mappedOuts } = batchJaxpr(jaxpr, size, dims.map((d) => d !== null), axisName);
    const outs = bind(jitP, moved, { name, jaxpr: hoisted(closed) });
    return [outs, mappedOuts.map((m) => m ? 0 : null)];
  },
  higherOrder: {
    inline: ({ jaxpr }) => jaxpr,
    partialEval: (known, operands, _avals, { jaxpr, name }) => {
      const split = splitJaxpr(jaxpr, known);
      const knownOperands = operands.filter((x): x is NDArray => x !== null);
      const results = bind(jitP, knownOperands, { name, jaxpr: hoisted(split.known) });
      let next = 0;
      const knownOuts = split.knownOuts.map((k) => k ? results[next++] : null);
      return {
        knownOuts,
        residuals: results.slice(next),
        primitive: jitP,
        params: { name, jaxpr: hoisted(split.unknown) },
        unknownAvals: split.unknown.outAvals,
      };
    },
  },
};

/** Transformed jaxprs close over no arrays: rules make only literals, and constants were hoisted before. */
function hoisted(closed: ClosedJaxpr): ClosedJaxpr {
  if (closed.consts.length > 0) {
    throw new InternalError("a transformed jaxpr closed over an array");
  }
  return closed;
}
