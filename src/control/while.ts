/**
 * The `while` primitive: a loop whose length is data. Forward mode only: reverse mode would need the values of every step.
 *
 * @module
 */
import { DifferentiationError, InternalError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { pruneJaxpr, usedInputs } from "../core/dead_code.ts";
import { type ClosedJaxpr, hoistConsts } from "../core/jaxpr.ts";
import { type Primitive, Zero } from "../core/primitive.ts";
import { bind } from "../core/trace.ts";
import { axisToFront } from "../ops/common.ts";
import { select } from "../ops/logic.ts";
import { reduceOr } from "../ops/reduce.ts";
import { axisTools, batchToFront, instantiate } from "../ops/shape.ts";
import { jvpJaxpr } from "../transform/jvp.ts";
import { splitJaxpr } from "../transform/linearize.ts";
import { evalClosedJaxpr, stage } from "../transform/stage.ts";
import { batchJaxpr } from "../transform/vmap.ts";
import { partitionJaxpr } from "../transform/partition.ts";
import { propagateSplits, splitFixedPoint } from "../transform/split.ts";
import { controlArgs, fixedPoint, isPresent } from "./common.ts";

/** Parameters of {@linkcode whileP}. */
export interface WhileParams {
  /** From its consts and the carry to a 0-d bool; without constants. */
  readonly condJaxpr: ClosedJaxpr;
  /** From its consts and the carry to the next carry; without constants. */
  readonly bodyJaxpr: ClosedJaxpr;
  readonly condNconsts: number;
  readonly bodyNconsts: number;
}

function parts<T>(list: readonly T[], { condNconsts, bodyNconsts }: WhileParams): [T[], T[], T[]] {
  const split = condNconsts + bodyNconsts;
  return [list.slice(0, condNconsts), list.slice(condNconsts, split), list.slice(split)];
}

/** Binds a loop whose jaxprs may close over arrays, as a user's functions and custom rules do: they become its consts. */
export function bindWhile(operands: readonly NDArray[], p: WhileParams): readonly NDArray[] {
  const [pc, pb, init] = parts(operands, p);
  const [condConsts, bodyConsts] = [p.condJaxpr.consts, p.bodyJaxpr.consts];
  return bind(whileP, [...condConsts, ...pc, ...bodyConsts, ...pb, ...init], {
    condJaxpr: hoistConsts(p.condJaxpr),
    bodyJaxpr: hoistConsts(p.bodyJaxpr),
    condNconsts: condConsts.length + pc.length,
    bodyNconsts: bodyConsts.length + pb.length,
  });
}

/** `while`: operands are consts of the condition, consts of the body, the initial carry; results the final carry. */
export const whileP: Primitive<WhileParams> = {
  name: "while",
  onParts: "stored",
  abstractEval: (_ins, { bodyJaxpr }) => bodyJaxpr.outAvals,
  lower: (reads, _ins, outs, p) => {
    const call = {
      name: "while",
      args: controlArgs(reads.length, outs.length),
      control: {
        kind: "while",
        condition: p.condJaxpr,
        body: p.bodyJaxpr,
        numConditionConsts: p.condNconsts,
        numBodyConsts: p.bodyNconsts,
      },
    } as const;
    return outs.map((_, result) => ({ kind: "kernel", result, call }));
  },
  partition: ({ mesh, operands, wanted: carry, params }) => {
    const [pc, pb] = parts(operands, params);
    const condJaxpr = partitionJaxpr(params.condJaxpr, mesh, [...pc, ...carry], [null]);
    const bodyJaxpr = partitionJaxpr(params.bodyJaxpr, mesh, [...pb, ...carry], carry);
    return {
      operands: [...pc, ...pb, ...carry],
      apply: (values) => bindWhile(values, { ...params, condJaxpr, bodyJaxpr }),
    };
  },
  split: (operands, _ins, outs, p) => {
    const [, consts, init] = parts(operands, p);
    return splitFixedPoint(
      init,
      outs,
      (carry) => propagateSplits(p.bodyJaxpr, [...consts, ...carry]),
    );
  },
  jvp: (primals, tangents, p) => {
    const [, tb, ti] = parts(tangents.map(isPresent), p);
    const carry = fixedPoint(ti, (c) => jvpJaxpr(p.bodyJaxpr, [...tb, ...c]).nonzeroOuts);
    const { closed } = jvpJaxpr(p.bodyJaxpr, [...tb, ...carry], carry);
    const [pc, pb, pi] = parts(primals, p);
    const [, db, di] = parts(tangents, p);
    const [nb, ni] = [pb.length, pi.length];
    const liveB = tb.filter(Boolean).length;
    const bodyAvals = p.bodyJaxpr.inAvals.slice(0, nb);
    const carryAvals = p.bodyJaxpr.inAvals.slice(nb);
    const tangentB = bodyAvals.filter((_, i) => tb[i]);
    const tangentI = carryAvals.filter((_, i) => carry[i]);
    // Inputs of the differentiated body are primals, then tangents; the loop wants consts, then carry.
    const body = stage(
      (xs) => {
        const consts = xs.slice(0, nb);
        const constTangents = xs.slice(nb, nb + liveB);
        const state = xs.slice(nb + liveB, nb + liveB + ni);
        const stateTangents = xs.slice(nb + liveB + ni);
        return evalClosedJaxpr(closed, [...consts, ...state, ...constTangents, ...stateTangents]);
      },
      [...bodyAvals, ...tangentB, ...carryAvals, ...tangentI],
    );
    const condition = stage(
      (xs) => evalClosedJaxpr(p.condJaxpr, xs.slice(0, pc.length + ni)),
      [...p.condJaxpr.inAvals, ...tangentI],
    );
    const results = bindWhile(
      [
        ...pc,
        ...pb,
        ...db.filter(isPresent),
        ...pi,
        ...di.filter((_, i) => carry[i]).map(instantiate),
      ],
      { condJaxpr: condition, bodyJaxpr: body, condNconsts: pc.length, bodyNconsts: nb + liveB },
    );
    let next = ni;
    const outs = results.slice(0, ni);
    return [outs, carry.map((c, i) => c ? results[next++] : new Zero(outs[i].aval))];
  },
  transpose: () => {
    throw new DifferentiationError(
      'reverse-mode differentiation does not work for lax.whileLoop, lax.foriLoop with bounds that are data, filterWhileLoop of kind "lax", or once more ' +
        "for the gradient of a checkpointed loop: the number of steps is not known. Use lax.scan, lax.foriLoop with host numbers as bounds, or filterWhileLoop of " +
        'kind "checkpointed" or "bounded"',
    );
  },
  batch: (operands, dims, p, size, axisName) => {
    const [mc, mb, mi] = parts(dims.map((d) => d !== null), p);
    const grow = (initial: readonly boolean[]) =>
      fixedPoint(initial, (c) => batchJaxpr(p.bodyJaxpr, size, [...mb, ...c], axisName).mappedOuts);
    let carry = grow(mi);
    const predicateMapped =
      batchJaxpr(p.condJaxpr, size, [...mc, ...carry], axisName).mappedOuts[0];
    if (predicateMapped) carry = carry.map(() => true);
    const front = operands.map((x, i) => dims[i] === null ? x : axisToFront(axisTools, x, dims[i]));
    const [xc, xb, xi] = parts(front, p);
    const init = xi.map((x, i) => carry[i] && !mi[i] ? batchToFront(x, null, size) : x);
    const body = batchJaxpr(p.bodyJaxpr, size, [...mb, ...carry], axisName, carry).closed;
    const outDims = carry.map((c) => c ? 0 : null);
    if (!predicateMapped) {
      const condition = batchJaxpr(p.condJaxpr, size, [...mc, ...carry], axisName).closed;
      return [
        bindWhile([...xc, ...xb, ...init], { ...p, condJaxpr: condition, bodyJaxpr: body }),
        outDims,
      ];
    }
    // Examples end at different times: go on while any wants to, and leave the others as they are.
    const predicate = batchJaxpr(p.condJaxpr, size, [...mc, ...carry], axisName, [true]).closed;
    const nc = xc.length;
    const nb = xb.length;
    const condition = stage(
      (xs) => [reduceOr(evalClosedJaxpr(predicate, xs)[0], [0])],
      predicate.inAvals,
    );
    const guarded = stage(
      (xs) => {
        const [condConsts, bodyConsts, state] = [
          xs.slice(0, nc),
          xs.slice(nc, nc + nb),
          xs.slice(nc + nb),
        ];
        const goOn = evalClosedJaxpr(predicate, [...condConsts, ...state])[0];
        const stepped = evalClosedJaxpr(body, [...bodyConsts, ...state]);
        return stepped.map((value, i) => {
          const mask = axisTools.broadcastInDim(goOn, value.shape, [0]);
          return select(mask, value, state[i]);
        });
      },
      [...predicate.inAvals.slice(0, nc), ...body.inAvals],
    );
    const outs = bindWhile([...xc, ...xc, ...xb, ...init], {
      condJaxpr: condition,
      bodyJaxpr: guarded,
      condNconsts: nc,
      bodyNconsts: nc + nb,
    });
    return [outs, outDims];
  },
  higherOrder: {
    dce: (usedOuts, p) => {
      const asked = usedInputs(p.condJaxpr, [true]);
      const condConsts = asked.slice(0, p.condNconsts);
      const inCond = asked.slice(p.condNconsts);
      const needs = (carry: readonly boolean[]) => usedInputs(p.bodyJaxpr, carry);
      const carry = fixedPoint(
        usedOuts.map((used, i) => used || inCond[i]),
        (c) => needs(c).slice(p.bodyNconsts),
      );
      if (!carry.includes(false)) return null;
      const bodyConsts = needs(carry).slice(0, p.bodyNconsts);
      const count = (mask: readonly boolean[]) => mask.filter(Boolean).length;
      return {
        usedIns: [...condConsts, ...bodyConsts, ...carry],
        usedOuts: carry,
        params: {
          condJaxpr: pruneJaxpr(p.condJaxpr, [...condConsts, ...carry], [true]),
          bodyJaxpr: pruneJaxpr(p.bodyJaxpr, [...bodyConsts, ...carry], carry),
          condNconsts: count(condConsts),
          bodyNconsts: count(bodyConsts),
        },
      };
    },
    partialEval: (known, operands, _avals, p) => {
      const [kc, kb, ki] = parts(known, p);
      if (kc.includes(false)) {
        throw new InternalError("while: the condition depends on an unknown constant");
      }
      const unknownCarry = fixedPoint(
        ki.map((k) => !k),
        (u) => splitJaxpr(p.bodyJaxpr, [...kb, ...u.map((x) => !x)]).knownOuts.map((k) => !k),
      );
      // What is known runs by itself; what is not runs the whole loop again.
      const keep = unknownCarry.flatMap((u, i) => u ? [] : [i]);
      const [vc, vb, vi] = parts(operands, p);
      const nb = vb.length;
      const knownBody = stage(
        (xs) => {
          const split = splitJaxpr(
            p.bodyJaxpr,
            [...kb, ...unknownCarry.map((u) => !u)],
            unknownCarry,
          );
          return evalClosedJaxpr(split.known, xs).slice(0, keep.length);
        },
        [
          ...p.bodyJaxpr.inAvals.slice(0, nb).filter((_, i) => kb[i]),
          ...keep.map((i) => p.bodyJaxpr.inAvals[nb + i]),
        ],
      );
      const used = keep.map((i) => vc.length + i);
      const condUses = new Set(p.condJaxpr.jaxpr.eqns.flatMap((e) => [...e.invars]));
      const needsUnknown = unknownCarry.some((u, i) => {
        const v = p.condJaxpr.jaxpr.invars[vc.length + i];
        return u && (condUses.has(v) || p.condJaxpr.jaxpr.outvars.includes(v));
      });
      if (needsUnknown) throw new InternalError("while: the condition depends on an unknown value");
      const condition = stage((xs) => {
        const all = p.condJaxpr.inAvals.map((aval) => instantiate(new Zero(aval)));
        vc.forEach((_, i) => all[i] = xs[i]);
        used.forEach((at, k) => all[at] = xs[vc.length + k]);
        return evalClosedJaxpr(p.condJaxpr, all);
      }, [
        ...p.condJaxpr.inAvals.slice(0, vc.length),
        ...keep.map((i) => p.condJaxpr.inAvals[vc.length + i]),
      ]);
      const knownConsts = vb.filter((x): x is NDArray => x !== null);
      const results = bindWhile(
        [...(vc as NDArray[]), ...knownConsts, ...keep.map((i) => vi[i]!)],
        {
          condJaxpr: condition,
          bodyJaxpr: knownBody,
          condNconsts: vc.length,
          bodyNconsts: knownConsts.length,
        },
      );
      const residuals = operands.filter((x): x is NDArray => x !== null);
      let [nextKnown, nextUnknown] = [0, residuals.length];
      const inputOrder = known.map((k) => k ? nextKnown++ : nextUnknown++);
      let next = 0;
      return {
        knownOuts: unknownCarry.map((u) => u ? null : results[next++]),
        residuals,
        primitive: whileP,
        params: p,
        unknownAvals: p.bodyJaxpr.outAvals,
        inputOrder,
        outputOrder: unknownCarry.flatMap((u, i) => u ? [i] : []),
      };
    },
  },
};
