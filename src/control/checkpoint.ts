/**
 * The `remat2` primitive (JAX's name for it): a jaxpr whose residuals are not kept for the backward pass but computed again there.
 *
 * Partial evaluation computes the results and keeps the inputs, and what a policy wants kept; what it leaves to do is a `remat2` that is
 * *differentiated*: it computes the residuals from these and then what depends on the unknown. Where such a one is compiled, its operands go
 * through an `optimization_barrier` first, cotangents among them: so the recomputation is not merged with the computation that it repeats, and runs
 * when the backward pass has come to it, not before. After Chen et al., "Training Deep Nets with Sublinear Memory Cost" (2016),
 * https://arxiv.org/abs/1604.06174.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import type { ShapedArray } from "../core/aval.ts";
import {
  type ClosedJaxpr,
  closeJaxpr,
  hoistConsts,
  type JaxprEqn,
  JaxprVar,
  makeJaxprOf,
} from "../core/jaxpr.ts";
import { identityOf } from "../core/params_key.ts";
import { type AnyPrimitive, type Primitive, UndefinedPrimal, Zero } from "../core/primitive.ts";
import { bind } from "../core/trace.ts";
import { optimizationBarrierP } from "../ops/barrier.ts";
import { axisToFront } from "../ops/common.ts";
import { axisTools } from "../ops/shape.ts";
import { jvpJaxpr, maskKey, memoize } from "../transform/jvp.ts";
import { splitJaxpr, transposeJaxpr } from "../transform/linearize.ts";
import { type CheckpointPolicy, rematerialise } from "../transform/rematerialise.ts";
import { evalClosedJaxpr, stage } from "../transform/stage.ts";
import { batchJaxpr } from "../transform/vmap.ts";
import { isPresent } from "./common.ts";
import { jitP } from "./jit_call.ts";

/** Parameters of {@linkcode rematP}. */
export interface RematParams {
  /** Without constants. */
  readonly jaxpr: ClosedJaxpr;
  /** Whether it repeats what was computed before. */
  readonly differentiated: boolean;
  /** Which residuals may be kept; `null` keeps none. */
  readonly policy: CheckpointPolicy | null;
  /** Whether the recomputation is kept apart from what it repeats. */
  readonly preventCse: boolean;
}

/** A checkpoint whose jaxpr may close over arrays: they become operands. */
function bindRemat(
  closed: ClosedJaxpr,
  operands: readonly NDArray[],
  params: Omit<RematParams, "jaxpr">,
): readonly NDArray[] {
  return bind(rematP, [...closed.consts, ...operands], { ...params, jaxpr: hoistConsts(closed) });
}

/** What partial evaluation does with a checkpoint, for one pattern of known operands. */
interface RematSplit {
  /** From the known operands to the known results, then the values that are kept. */
  readonly forward: ClosedJaxpr;
  /** From known operands (those named by `inputs`), kept values and unknown operands to the unknown results. */
  readonly rest: ClosedJaxpr;
  readonly inputs: readonly number[];
  /** Whether it computes anything again. */
  readonly repeats: boolean;
  readonly knownOuts: readonly boolean[];
}

const splits = new WeakMap<ClosedJaxpr, Map<string, RematSplit>>();

function splitRemat(
  { jaxpr, policy }: RematParams,
  known: readonly boolean[],
): RematSplit {
  const key = `${maskKey(known)}|${policy === null ? 0 : identityOf(policy)}`;
  return memoize(splits, jaxpr, key, () => {
    const split = splitJaxpr(jaxpr, known);
    const results = split.knownOuts.filter(Boolean).length;
    const isCall = (primitive: AnyPrimitive) => primitive === jitP;
    const { forward, recompute, inputs } = rematerialise(split.known, results, policy, isCall);
    const start = recompute.inAvals.length;
    const unknownAvals = jaxpr.inAvals.filter((_, i) => !known[i]);
    const rest = stage((xs) => {
      const residuals = evalClosedJaxpr(recompute, xs.slice(0, start));
      return evalClosedJaxpr(split.unknown, [...residuals, ...xs.slice(start)]);
    }, [...recompute.inAvals, ...unknownAvals]);
    const repeats = recompute.jaxpr.eqns.length > 0;
    return { forward, rest, inputs, repeats, knownOuts: split.knownOuts };
  });
}

const guardedForms = new WeakMap<ClosedJaxpr, ClosedJaxpr>();

/** The same jaxpr, which reads its inputs through a barrier. */
function guarded(closed: ClosedJaxpr): ClosedJaxpr {
  let form = guardedForms.get(closed);
  if (form === undefined) {
    const { invars, outvars, eqns } = closed.jaxpr;
    const read = new Set<unknown>(eqns.flatMap((eqn) => eqn.invars));
    const held = invars.filter((v) => read.has(v));
    const outer = new Map(held.map((v) => [v, new JaxprVar(v.aval)]));
    const barrier: JaxprEqn = {
      primitive: optimizationBarrierP,
      invars: held.map((v) => outer.get(v)!),
      outvars: held,
      params: {},
    };
    const ins = invars.map((v) => outer.get(v) ?? v);
    form = closeJaxpr(
      makeJaxprOf([], ins, outvars, held.length > 0 ? [barrier, ...eqns] : eqns),
      [],
    );
    guardedForms.set(closed, form);
  }
  return form;
}

/** `remat2`: applies a jaxpr; what its derivative needs is computed again where it is needed. */
export const rematP: Primitive<RematParams> = {
  name: "remat2",
  abstractEval: (_ins, { jaxpr }) => jaxpr.outAvals,
  evaluate: (operands, { jaxpr }) => evalClosedJaxpr(jaxpr, operands),
  jvp: (primals, tangents, { jaxpr, ...params }) => {
    const { closed, nonzeroOuts } = jvpJaxpr(jaxpr, tangents.map(isPresent));
    const results = bindRemat(closed, [...primals, ...tangents.filter(isPresent)], params);
    const count = jaxpr.outAvals.length;
    let next = count;
    return [
      results.slice(0, count),
      nonzeroOuts.map((nonzero, i) => nonzero ? results[next++] : new Zero(jaxpr.outAvals[i])),
    ];
  },
  transpose: (cts, operands, { jaxpr, ...params }) => {
    const linear = operands.map((x) => x instanceof UndefinedPrimal);
    const { closed, nonzeroIns } = transposeJaxpr(jaxpr, linear, cts.map(isPresent));
    const defined = operands.filter((x): x is NDArray => !(x instanceof UndefinedPrimal));
    const results = bindRemat(closed, [...defined, ...cts.filter(isPresent)], params);
    let [next, undefinedIndex] = [0, 0];
    return operands.map((x) => {
      if (!(x instanceof UndefinedPrimal)) return null;
      return nonzeroIns[undefinedIndex++] ? results[next++] : new Zero(x.aval);
    });
  },
  batch: (operands, dims, { jaxpr, ...params }, size, axisName) => {
    const moved = operands.map((x, i) => dims[i] === null ? x : axisToFront(axisTools, x, dims[i]));
    const { closed, mappedOuts } = batchJaxpr(jaxpr, size, dims.map((d) => d !== null), axisName);
    return [bindRemat(closed, moved, params), mappedOuts.map((m) => m ? 0 : null)];
  },
  higherOrder: {
    inline: ({ jaxpr, differentiated, preventCse }) =>
      differentiated && preventCse ? guarded(jaxpr) : jaxpr,
    partialEval: (known, operands, _avals, params) => {
      const { forward, rest, inputs, repeats, knownOuts } = splitRemat(params, known);
      const values = operands.filter((x): x is NDArray => x !== null);
      const results = evalClosedJaxpr(forward, values);
      const kept = results.slice(knownOuts.filter(Boolean).length);
      let next = 0;
      return {
        knownOuts: knownOuts.map((k) => k ? results[next++] : null),
        residuals: [...rest.consts, ...inputs.map((i) => values[i]), ...kept],
        primitive: rematP,
        params: {
          ...params,
          jaxpr: hoistConsts(rest),
          differentiated: true,
          // A barrier would have all that is kept in memory at once, for nothing.
          preventCse: params.preventCse && repeats,
        },
        unknownAvals: rest.outAvals,
      };
    },
  },
};

/** Calls a flat function as a checkpoint. What it closes over is an input of the region. */
export function checkpointCall(
  fn: (inputs: readonly NDArray[]) => readonly NDArray[],
  inputs: readonly NDArray[],
  paths: readonly string[],
  policy: CheckpointPolicy | null,
  preventCse: boolean,
): readonly NDArray[] {
  const avals: ShapedArray[] = inputs.map((x) => x.aval);
  return bindRemat(stage(fn, avals, paths), inputs, { differentiated: false, policy, preventCse });
}
