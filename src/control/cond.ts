/**
 * The `cond` primitive: one of several jaxprs, chosen by an index.
 *
 * All branches are transformed alike: an output has a tangent, an axis or is unknown if it has, or is, in any of them.
 *
 * @module
 */
import { InternalError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { type ShapedArray, shapedArray } from "../core/aval.ts";
import { pruneJaxpr, usedInputs } from "../core/dead_code.ts";
import { type ClosedJaxpr, closeJaxpr, JaxprVar, makeJaxprOf } from "../core/jaxpr.ts";
import { isOnHost } from "../core/placement.ts";
import { type Primitive, UndefinedPrimal, Zero } from "../core/primitive.ts";
import { mergeSplits } from "../core/split.ts";
import { bind } from "../core/trace.ts";
import { axisToFront, lit } from "../ops/common.ts";
import { eq, le, select } from "../ops/logic.ts";
import { axisTools, instantiate } from "../ops/shape.ts";
import { jvpJaxpr } from "../transform/jvp.ts";
import { splitJaxpr, transposeJaxpr } from "../transform/linearize.ts";
import { evalClosedJaxpr, stage } from "../transform/stage.ts";
import { partitionJaxpr } from "../transform/partition.ts";
import { propagateSplits } from "../transform/split.ts";
import { batchJaxpr } from "../transform/vmap.ts";
import { controlArgs, isPresent } from "./common.ts";

/** Parameters of {@linkcode condP}. */
export interface CondParams {
  /** Without constants, and all of one type. */
  readonly branches: readonly ClosedJaxpr[];
}

/** Whether any of the masks is set, place by place. */
function anyOf(masks: readonly (readonly boolean[])[]): boolean[] {
  return masks[0].map((_, i) => masks.some((m) => m[i]));
}

/** Branches that may close over arrays, as branches that close over none: each takes the constants of all as leading inputs, so that all have one type. */
function hoistBranches(
  branches: readonly ClosedJaxpr[],
): { readonly consts: readonly NDArray[]; readonly branches: readonly ClosedJaxpr[] } {
  const consts = branches.flatMap((b) => b.consts);
  if (consts.length === 0) return { consts, branches };
  let start = 0;
  const hoisted = branches.map(({ jaxpr: { constvars, invars, outvars, eqns } }) => {
    const others = consts.map((x) => new JaxprVar(x.aval));
    others.splice(start, constvars.length, ...constvars);
    start += constvars.length;
    return closeJaxpr(makeJaxprOf([], [...others, ...invars], outvars, eqns), []);
  });
  return { consts, branches: hoisted };
}

/** Binds a branch whose jaxprs may close over arrays: they become operands. */
export function bindCond(
  index: NDArray,
  operands: readonly NDArray[],
  branches: readonly ClosedJaxpr[],
): readonly NDArray[] {
  const hoisted = hoistBranches(branches);
  return bind(condP, [index, ...hoisted.consts, ...operands], { branches: hoisted.branches });
}

/** `cond`: operands are the branch's index (0-d int32, clamped), then what every branch takes. */
export const condP: Primitive<CondParams> = {
  name: "cond",
  onParts: "stored",
  abstractEval: (_ins, { branches }) =>
    branches[0].outAvals.map((aval, i) =>
      shapedArray(aval.shape, aval.dtype, branches.every((b) => b.outAvals[i].weakType))
    ),
  evaluate: ([index, ...operands], { branches }) => {
    if (!isOnHost(index)) return null;
    const at = Math.min(Math.max(index.item(), 0), branches.length - 1);
    return evalClosedJaxpr(branches[at], operands);
  },
  lower: (reads, _ins, outs, { branches }) => {
    const call = {
      name: "cond",
      args: controlArgs(reads.length, outs.length),
      control: { kind: "cond", branches },
    } as const;
    return outs.map((_, result) => ({ kind: "kernel", result, call }));
  },
  partition: ({ mesh, operands: [, ...operands], wanted, params }) => {
    const branches = params.branches.map((b) => partitionJaxpr(b, mesh, operands, wanted));
    return {
      operands: [null, ...operands],
      apply: ([index, ...values]) => bindCond(index, values, branches),
    };
  },
  split: ([, ...operands], _ins, outs, { branches }) => {
    const results = branches.map((b) => propagateSplits(b, operands));
    return outs.map(({ shape }, i) => mergeSplits(results.map((r) => r[i]), shape));
  },
  jvp: ([index, ...primals], [, ...tangents], { branches }) => {
    const nonzero = tangents.map(isPresent);
    const force = anyOf(branches.map((b) => jvpJaxpr(b, nonzero).nonzeroOuts));
    const transformed = branches.map((b) => jvpJaxpr(b, nonzero, force).closed);
    const results = bindCond(index, [...primals, ...tangents.filter(isPresent)], transformed);
    const count = branches[0].outAvals.length;
    let next = count;
    return [
      results.slice(0, count),
      force.map((f, i) => f ? results[next++] : new Zero(branches[0].outAvals[i])),
    ];
  },
  transpose: (cts, [index, ...operands], { branches }) => {
    const linear = operands.map((x) => x instanceof UndefinedPrimal);
    const nonzero = cts.map(isPresent);
    const transformed = branches.map((b) => transposeJaxpr(b, linear, nonzero, true).closed);
    const defined = operands.filter((x): x is NDArray => !(x instanceof UndefinedPrimal));
    const results = bindCond(index as NDArray, [...defined, ...cts.filter(isPresent)], transformed);
    let next = 0;
    return [null, ...linear.map((l) => l ? results[next++] : null)];
  },
  batch: ([index, ...operands], [indexDim, ...dims], { branches }, size, axisName) => {
    const moved = operands.map((x, i) => dims[i] === null ? x : axisToFront(axisTools, x, dims[i]));
    const mapped = dims.map((d) => d !== null);
    if (indexDim === null) {
      const force = anyOf(branches.map((b) => batchJaxpr(b, size, mapped, axisName).mappedOuts));
      const transformed = branches.map((b) => batchJaxpr(b, size, mapped, axisName, force).closed);
      const outs = bindCond(index, moved, transformed);
      return [outs, force.map((f) => f ? 0 : null)];
    }
    // Each example has a branch of its own: all are computed, and each example takes its own.
    const all = branches[0].outAvals.map(() => true);
    const which = axisToFront(axisTools, index, indexDim);
    const results = branches.map((b) =>
      evalClosedJaxpr(batchJaxpr(b, size, mapped, axisName, all).closed, moved)
    );
    const last = branches.length - 1;
    const outs = results[last].map((value, o) => {
      let chosen = value;
      for (let k = last - 1; k >= 0; k--) {
        // Indices below 0 count as 0, those above the last branch as the last.
        const here = k === 0 ? le(which, lit(which, 0)) : eq(which, lit(which, k));
        const mask = axisTools.broadcastInDim(here, chosen.shape, [0]);
        chosen = select(mask, results[k][o], chosen);
      }
      return chosen;
    });
    return [outs, outs.map(() => 0)];
  },
  higherOrder: {
    dce: (usedOuts, { branches }) => {
      const ins = anyOf(branches.map((b) => usedInputs(b, usedOuts)));
      return {
        usedIns: [true, ...ins],
        usedOuts,
        params: { branches: branches.map((b) => pruneJaxpr(b, ins, usedOuts)) },
      };
    },
    partialEval: (known, operands, _avals, { branches }) => {
      const [index, ...values] = operands;
      if (index === null) throw new InternalError("cond: the index is not known");
      const mask = known.slice(1);
      const probe = branches.map((b) => splitJaxpr(b, mask).knownOuts.map((k) => !k));
      const unknownOuts = anyOf(probe);
      const splits = branches.map((b) => splitJaxpr(b, mask, unknownOuts));
      const count = unknownOuts.filter((u) => !u).length;
      // Every branch gives the residuals of all, zeros in place of the others'.
      const residualAvals = splits.map((s) => s.known.outAvals.slice(count));
      const all = residualAvals.flat();
      const starts = residualAvals.map((_, b) => residualAvals.slice(0, b).flat().length);
      const knownBranches = splits.map((s, b) =>
        stage((xs) => {
          const outs = evalClosedJaxpr(s.known, xs);
          const own = outs.slice(count);
          const padded = all.map((aval, i) =>
            i >= starts[b] && i < starts[b] + own.length
              ? own[i - starts[b]]
              : instantiate(new Zero(aval))
          );
          return [...outs.slice(0, count), ...padded];
        }, s.known.inAvals)
      );
      const unknownAvals: readonly ShapedArray[] = splits[0].unknown.inAvals.slice(
        residualAvals[0].length,
      );
      const unknownBranches = splits.map((s, b) =>
        stage(
          (xs) =>
            evalClosedJaxpr(s.unknown, [
              ...xs.slice(starts[b], starts[b] + residualAvals[b].length),
              ...xs.slice(all.length),
            ]),
          [...all, ...unknownAvals],
        )
      );
      const knownValues = values.filter((x): x is NDArray => x !== null);
      const results = bindCond(index, knownValues, knownBranches);
      const unknown = hoistBranches(unknownBranches);
      let next = 0;
      return {
        knownOuts: unknownOuts.map((u) => u ? null : results[next++]),
        residuals: [index, ...unknown.consts, ...results.slice(count)],
        primitive: condP,
        params: { branches: unknown.branches },
        unknownAvals: unknownBranches[0].outAvals,
      };
    },
  },
};
