/**
 * The `custom_jvp_call` primitive: a function whose derivative is given by a rule of its own.
 *
 * @module
 */
import { TracerError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { type ClosedJaxpr, hoistConsts } from "../core/jaxpr.ts";
import { type Primitive, type Tangent, Zero } from "../core/primitive.ts";
import { bind } from "../core/trace.ts";
import { axisToFront } from "../ops/common.ts";
import { axisTools } from "../ops/shape.ts";
import { maskKey } from "../transform/jvp.ts";
import { evalClosedJaxpr, stage } from "../transform/stage.ts";
import { batchJaxpr, placeAxis, vmapFlat } from "../transform/vmap.ts";
import { keyed } from "../tree/keyed.ts";

/** A derivative rule: outputs and their tangents. Some tangents may be symbolic zeros, in and out. */
export type JvpFunction = (
  primals: readonly NDArray[],
  tangents: readonly Tangent[],
) => readonly [outs: readonly NDArray[], tangents: readonly Tangent[]];

/** Parameters of {@linkcode customJvpCallP}. */
export interface CustomJvpParams {
  readonly name: string;
  /** The function, without constants. */
  readonly callJaxpr: ClosedJaxpr;
  readonly jvpJaxprFun: JvpFunction;
  /** Always `true` here: rules see symbolic zeros. */
  readonly symbolicZeros: boolean;
}

/** `custom_jvp_call`: applies a jaxpr; forward mode asks the rule instead of differentiating it. */
export const customJvpCallP: Primitive<CustomJvpParams> = {
  name: "custom_jvp_call",
  abstractEval: (_ins, { callJaxpr }) => callJaxpr.outAvals,
  evaluate: (operands, { callJaxpr }) => evalClosedJaxpr(callJaxpr, operands),
  jvp: (primals, tangents, { jvpJaxprFun }) => jvpJaxprFun(primals, tangents),
  batch: (operands, dims, params, size, axisName) => {
    const moved = operands.map((x, i) => dims[i] === null ? x : axisToFront(axisTools, x, dims[i]));
    const mapped = dims.map((d) => d !== null);
    // All outputs are mapped, because those of the rule may be where the function's own are not.
    const all = params.callJaxpr.outAvals.map(() => true);
    const { closed } = batchJaxpr(params.callJaxpr, size, mapped, axisName, all);
    const rule: JvpFunction = (primals, tangents) => {
      // The rule sees single examples: map it over the primals' axes and those of the tangents that are there.
      const present = tangents.filter((t): t is NDArray => !(t instanceof Zero));
      const presentDims = tangents.flatMap((t, i) =>
        t instanceof Zero ? [] : [mapped[i] ? 0 : null]
      );
      let zeros: boolean[] = [];
      const [outs, outDims] = vmapFlat(
        (inputs) => {
          const xs = inputs.slice(0, primals.length);
          let next = primals.length;
          const ts = tangents.map((t, i) =>
            t instanceof Zero ? new Zero(xs[i].aval) : inputs[next++]
          );
          const [ys, tys] = params.jvpJaxprFun(xs, ts);
          zeros = tys.map((t) => t instanceof Zero);
          return [...ys, ...tys.filter((t): t is NDArray => !(t instanceof Zero))];
        },
        [...primals, ...present],
        [...mapped.map((m) => m ? 0 : null), ...presentDims],
        size,
        axisName,
      );
      const count = params.callJaxpr.outAvals.length;
      const ys = outs.slice(0, count).map((x, i) => placeAxis(x, outDims[i], 0, size));
      let next = count;
      return [
        ys,
        zeros.map((zero, i) => {
          if (zero) return new Zero(ys[i].aval);
          const at = next++;
          return placeAxis(outs[at], outDims[at], 0, size);
        }),
      ];
    };
    const key = [params.jvpJaxprFun, size, maskKey(mapped), axisName];
    const jvpJaxprFun = keyed(rule, "custom_jvp_call, mapped", key);
    const outs = bind(customJvpCallP, moved, { ...params, callJaxpr: closed, jvpJaxprFun });
    return [outs, outs.map(() => 0)];
  },
  higherOrder: { inline: ({ callJaxpr }) => callJaxpr },
};

/** Calls a flat function that has a derivative rule of its own. What it closes over must not be differentiated. */
export function customJvpCall(
  fn: (inputs: readonly NDArray[]) => readonly NDArray[],
  rule: JvpFunction,
  name: string,
  inputs: readonly NDArray[],
): readonly NDArray[] {
  const closed = stage(fn, inputs.map((x) => x.aval));
  const count = closed.consts.length;
  const withConsts: JvpFunction = (primals, tangents) => {
    if (tangents.slice(0, count).some((t) => !(t instanceof Zero))) {
      throw new TracerError(
        `${name}: a function with a custom jvp closes over a value that is being differentiated; pass it as an argument`,
      );
    }
    return rule(primals.slice(count), tangents.slice(count));
  };
  return bind(customJvpCallP, [...closed.consts, ...inputs], {
    name,
    callJaxpr: hoistConsts(closed),
    jvpJaxprFun: count === 0 ? rule : keyed(withConsts, "custom_jvp_call", [rule, count]),
    symbolicZeros: true,
  });
}
