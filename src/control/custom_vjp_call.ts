/**
 * The `custom_vjp_call` primitive: a function whose pullback is given by rules of its own.
 *
 * Differentiation runs the forward rule, and writes down a `custom_lin`: an operation known only by its transpose, which is the backward rule.
 *
 * @module
 */
import { DifferentiationError, TracerError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import type { ShapedArray } from "../core/aval.ts";
import { isInexact } from "../core/dtype.ts";
import { type ClosedJaxpr, hoistConsts } from "../core/jaxpr.ts";
import { type Primitive, type Tangent, Zero } from "../core/primitive.ts";
import { bind } from "../core/trace.ts";
import { axisToFront } from "../ops/common.ts";
import { axisTools, reduceSum } from "../ops/shape.ts";
import { maskKey } from "../transform/jvp.ts";
import { evalClosedJaxpr, stage } from "../transform/stage.ts";
import { batchJaxpr, placeAxis, vmapFlat } from "../transform/vmap.ts";
import { keyed } from "../tree/keyed.ts";

/** The forward rule, on flat arrays: outputs, and residuals for the backward rule. `perturbed` tells which inputs are differentiated. */
export type ForwardRule = (
  perturbed: readonly boolean[],
  inputs: readonly NDArray[],
) => {
  readonly outs: readonly NDArray[];
  readonly residuals: readonly NDArray[];
  readonly backward: BackwardRule;
};

/** The backward rule, on flat arrays: a cotangent (or symbolic zero) for each input. */
export type BackwardRule = (
  residuals: readonly NDArray[],
  cotangents: readonly Tangent[],
) => readonly Tangent[];

/** Parameters of {@linkcode customVjpCallP}. */
export interface CustomVjpParams {
  readonly name: string;
  /** The function, without constants. */
  readonly callJaxpr: ClosedJaxpr;
  readonly fwd: ForwardRule;
}

/** Parameters of {@linkcode customLinP}. */
export interface CustomLinParams {
  readonly name: string;
  /** How many operands are residuals; the others are tangents. */
  readonly numResiduals: number;
  readonly outAvals: readonly ShapedArray[];
  readonly backward: BackwardRule;
  /** For each input of the function, which tangent operand is its own, or -1. */
  readonly tangentOf: readonly number[];
  /** What to do instead of asking for its value, for messages. */
  readonly advice?: string;
}

/** `custom_lin`: linear in its tangents, and known by its transpose alone. */
export const customLinP: Primitive<CustomLinParams> = {
  name: "custom_lin",
  abstractEval: (_ins, { outAvals }) => outAvals,
  onParts: "stored", // what is never computed may lie as it likes
  // Whoever wants its value, not its transpose, is in forward mode.
  evaluate: (_operands, p) => refuseForwardMode(p),
  lower: (_operands, _ins, _outs, p) => refuseForwardMode(p),
  batch: (_operands, _dims, p) => refuseForwardMode(p),
  transpose: (cts, operands, p) => {
    const residuals = operands.slice(0, p.numResiduals) as NDArray[];
    const pulled = p.backward(residuals, cts);
    const results: (Tangent | null)[] = operands.map(() => null);
    p.tangentOf.forEach((at, i) => {
      if (at >= 0) results[p.numResiduals + at] = pulled[i];
    });
    return results;
  },
};

function refuseForwardMode({ name, advice }: CustomLinParams): never {
  throw new DifferentiationError(
    `cannot apply forward-mode differentiation (jvp) to ${name}, which has a custom vjp: it knows its transpose only. Use ` +
      (advice ?? "reverse mode, or filterCustomJvp"),
  );
}

/** `custom_vjp_call`: applies a jaxpr; reverse mode asks the rules instead of differentiating it. */
export const customVjpCallP: Primitive<CustomVjpParams> = {
  name: "custom_vjp_call",
  abstractEval: (_ins, { callJaxpr }) => callJaxpr.outAvals,
  evaluate: (operands, { callJaxpr }) => evalClosedJaxpr(callJaxpr, operands),
  jvp: (primals, tangents, { name, fwd }) => {
    const perturbed = tangents.map((t) => !(t instanceof Zero));
    const { outs, residuals, backward } = fwd(perturbed, primals);
    const live = tangents.filter((t): t is NDArray => !(t instanceof Zero));
    let next = 0;
    const tangentOf = perturbed.map((p) => p ? next++ : -1);
    const outTangents = bind(customLinP, [...residuals, ...live], {
      name,
      numResiduals: residuals.length,
      outAvals: outs.map((x) => x.aval),
      backward,
      tangentOf,
    });
    return [outs, outs.map((x, i) => isInexact(x.dtype) ? outTangents[i] : new Zero(x.aval))];
  },
  batch: (operands, dims, params, size, axisName) => {
    const moved = operands.map((x, i) => dims[i] === null ? x : axisToFront(axisTools, x, dims[i]));
    const mapped = dims.map((d) => d !== null);
    // All outputs are mapped, because those of the rule may be where the function's own are not.
    const all = params.callJaxpr.outAvals.map(() => true);
    const { closed } = batchJaxpr(params.callJaxpr, size, mapped, axisName, all);
    const fwd: ForwardRule = (perturbed, inputs) => {
      // The forward rule, mapped; what is mapped of its residuals tells how the backward rule is.
      let count = 0;
      let inner: BackwardRule = () => [];
      const [results, resultDims] = vmapFlat(
        (xs) => {
          const made = params.fwd(perturbed, xs);
          count = made.outs.length;
          inner = made.backward;
          return [...made.outs, ...made.residuals];
        },
        inputs,
        mapped.map((m) => m ? 0 : null),
        size,
        axisName,
      );
      const outs = results.slice(0, count).map((x, i) => placeAxis(x, resultDims[i], 0, size));
      const residuals = results.slice(count);
      const residualDims = resultDims.slice(count);
      const backward: BackwardRule = (saved, cts) => {
        const present = cts.filter((t): t is NDArray => !(t instanceof Zero));
        const presentDims = present.map(() => 0);
        let zeros: boolean[] = [];
        const [pulled, pulledDims] = vmapFlat(
          (xs) => {
            const own = xs.slice(0, saved.length);
            let next = saved.length;
            const singles = cts.map((t, i): Tangent =>
              t instanceof Zero ? new Zero(params.callJaxpr.outAvals[i]) : xs[next++]
            );
            const grads = inner(own, singles);
            zeros = grads.map((g) => g instanceof Zero);
            return grads.filter((g): g is NDArray => !(g instanceof Zero));
          },
          [...saved, ...present],
          [...residualDims, ...presentDims],
          size,
          axisName,
        );
        let next = 0;
        return zeros.map((zero, i): Tangent => {
          if (zero) return new Zero(inputs[i].aval);
          const at = next++;
          if (mapped[i]) return placeAxis(pulled[at], pulledDims[at], 0, size);
          // An input shared by all examples gets the sum of their gradients.
          return pulledDims[at] === null
            ? scaled(pulled[at], size)
            : reduceSum(pulled[at], [pulledDims[at]]);
        });
      };
      return { outs, residuals, backward };
    };
    keyed(fwd, "custom_vjp_call, mapped", [params.fwd, size, maskKey(mapped), axisName]);
    const outs = bind(customVjpCallP, moved, { name: params.name, callJaxpr: closed, fwd });
    return [outs, outs.map(() => 0)];
  },
  higherOrder: { inline: ({ callJaxpr }) => callJaxpr },
};

function scaled(x: NDArray, size: number): NDArray {
  const stacked = axisTools.broadcastInDim(x, [size, ...x.shape], x.shape.map((_, i) => i + 1));
  return reduceSum(stacked, [0]);
}

/** Calls a flat function with rules of its own. `inputs` that the rules do not differentiate must not be perturbed: the rules say so. */
export function customVjpCall(
  fn: (inputs: readonly NDArray[]) => readonly NDArray[],
  fwd: ForwardRule,
  name: string,
  inputs: readonly NDArray[],
): readonly NDArray[] {
  const closed = stage(fn, inputs.map((x) => x.aval));
  const count = closed.consts.length;
  const withConsts: ForwardRule = (perturbed, all) => {
    if (perturbed.slice(0, count).includes(true)) {
      throw new TracerError(
        `${name}: a function with a custom vjp closes over a value that is being differentiated; pass it as an argument`,
      );
    }
    const made = fwd(perturbed.slice(count), all.slice(count));
    return {
      ...made,
      backward: (residuals, cts) => [
        ...all.slice(0, count).map((x) => new Zero(x.aval)),
        ...made.backward(residuals, cts),
      ],
    };
  };
  return bind(customVjpCallP, [...closed.consts, ...inputs], {
    name,
    callJaxpr: hoistConsts(closed),
    fwd: count === 0 ? fwd : keyed(withConsts, "custom_vjp_call", [fwd, count]),
  });
}
