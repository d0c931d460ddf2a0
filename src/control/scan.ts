/**
 * The `scan` primitive: a loop of known length that carries values along, takes one slice of each input array and gives one slice of each output
 * array at every step.
 *
 * What a step's carry may have (a tangent, an axis, being unknown) depends on what the step before gave it, so each transformation
 * looks for a fixed point first.
 *
 * @module
 */
import type { NDArray } from "../core/array.ts";
import { type ShapedArray, shapedArray } from "../core/aval.ts";
import { pruneJaxpr, usedInputs } from "../core/dead_code.ts";
import { type ClosedJaxpr, closeJaxpr, hoistConsts, makeJaxprOf } from "../core/jaxpr.ts";
import { type Primitive, type Tangent, UndefinedPrimal, Zero } from "../core/primitive.ts";
import { type MaybeSplit, takeAxes } from "../core/split.ts";
import { bind } from "../core/trace.ts";
import { addTangents } from "../ops/rules.ts";
import { axisToFront, lit, literal } from "../ops/common.ts";
import { eq, select } from "../ops/logic.ts";
import { axisTools, batchToFront, broadcastInDim, instantiate, moveAxis } from "../ops/shape.ts";
import { jvpJaxpr } from "../transform/jvp.ts";
import { backwardPass, splitJaxpr } from "../transform/linearize.ts";
import { stage } from "../transform/stage.ts";
import { partitionBody } from "../transform/partition_loop.ts";
import { batchJaxpr } from "../transform/vmap.ts";
import { propagateSplits, splitFixedPoint } from "../transform/split.ts";
import { controlArgs, fixedPoint, isPresent } from "./common.ts";

/** Parameters of {@linkcode scanP}. */
export interface ScanParams {
  /** From consts, carry and slices to carry and slices; without constants. */
  readonly jaxpr: ClosedJaxpr;
  readonly length: number;
  readonly reverse: boolean;
  readonly numConsts: number;
  readonly numCarry: number;
  /** How many steps JAX would unroll; printed, and else without effect. */
  readonly unroll: number;
}

/** A list cut into consts, carry and the rest. */
function parts<T>(list: readonly T[], numConsts: number, numCarry: number): [T[], T[], T[]] {
  return [
    list.slice(0, numConsts),
    list.slice(numConsts, numConsts + numCarry),
    list.slice(numConsts + numCarry),
  ];
}

/** The same jaxpr with inputs and outputs in another order; `ins[i]` is the place of the new input `i`. */
function reordered(
  closed: ClosedJaxpr,
  ins: readonly number[],
  outs: readonly number[],
): ClosedJaxpr {
  const { constvars, invars, outvars, eqns } = closed.jaxpr;
  return closeJaxpr(
    makeJaxprOf(constvars, ins.map((i) => invars[i]), outs.map((i) => outvars[i]), eqns),
    closed.consts,
  );
}

/** Binds a scan whose body may close over arrays, as a user's function and custom rules do: they become its consts. */
export function bindScan(operands: readonly NDArray[], p: ScanParams): readonly NDArray[] {
  const { consts } = p.jaxpr;
  return bind(scanP, [...consts, ...operands], {
    ...p,
    jaxpr: hoistConsts(p.jaxpr),
    numConsts: consts.length + p.numConsts,
  });
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);

function stacked(aval: ShapedArray, length: number): ShapedArray {
  return shapedArray([length, ...aval.shape], aval.dtype, aval.weakType);
}

/** `scan`: operands are consts, the initial carry, and arrays to scan over; results the final carry and stacked outputs. */
export const scanP: Primitive<ScanParams> = {
  name: "scan",
  onParts: "stored",
  abstractEval: (_ins, { jaxpr, length, numCarry }) =>
    jaxpr.outAvals.map((aval, i) => i < numCarry ? aval : stacked(aval, length)),
  lower: (reads, _ins, outs, { jaxpr, length, reverse, numConsts, numCarry }) => {
    const call = {
      name: "scan",
      args: controlArgs(reads.length, outs.length),
      control: { kind: "scan", body: jaxpr, numConsts, numCarry, length, reverse },
    } as const;
    return outs.map((_, result) => ({ kind: "kernel", result, call }));
  },
  partition: ({ mesh, operands, wanted, params }) => {
    const { numConsts, numCarry } = params;
    const [consts, , given] = parts(operands, numConsts, numCarry);
    // A step takes a slice of each array: along that axis they are whole.
    const xs = given.map((x) => x === null ? null : { mesh, axes: [[], ...x.axes.slice(1)] });
    const slice = (x: MaybeSplit) => x === null ? null : { mesh, axes: x.axes.slice(1) };
    const carry = wanted.slice(0, numCarry);
    const { jaxpr, owed } = partitionBody(
      params.jaxpr,
      numConsts,
      numCarry,
      mesh,
      [...consts, ...carry, ...xs.map(slice)],
      [...carry, ...wanted.slice(numCarry).map(slice)],
    );
    return {
      operands: [...consts, ...carry, ...xs],
      owed,
      apply: (values, placeAlong) => {
        // Of a sum of terms the first device has what it begins with.
        const begun = values.map((x, i) => {
          const over = i < numConsts + numCarry ? owed[i - numConsts] ?? [] : [];
          if (over.length === 0) return x;
          const isFirst = eq(placeAlong(over), literal(0, "int32"));
          return select(isFirst, x, broadcastInDim(lit(x, 0), x.shape, []));
        });
        return bindScan(begun, { ...params, jaxpr });
      },
    };
  },
  split: (operands, ins, outs, { jaxpr, numConsts, numCarry }) => {
    const [consts, init, xs] = parts(operands, numConsts, numCarry);
    const [, , xAvals] = parts(ins, numConsts, numCarry);
    const slices = xs.map((x, i) => {
      const { shape } = xAvals[i];
      return takeAxes(x, range(1, shape.length), shape.slice(1));
    });
    const step = (carry: readonly MaybeSplit[]) =>
      propagateSplits(jaxpr, [...consts, ...carry, ...slices]);
    const carry = splitFixedPoint(init, outs, (c) => step(c).slice(0, numCarry));
    const ys = step(carry).slice(numCarry);
    return [
      ...carry,
      ...ys.map((y) => y === null ? null : { mesh: y.mesh, axes: [[], ...y.axes] }),
    ];
  },
  jvp: (primals, tangents, p) => {
    const { jaxpr, numConsts, numCarry } = p;
    const [tc, ti, tx] = parts(tangents.map(isPresent), numConsts, numCarry);
    const carry = fixedPoint(
      ti,
      (c) => jvpJaxpr(jaxpr, [...tc, ...c, ...tx]).nonzeroOuts.slice(0, numCarry),
    );
    const nonzero = [...tc, ...carry, ...tx];
    const { closed, nonzeroOuts } = jvpJaxpr(jaxpr, nonzero, carry);
    // Its inputs are primals, then tangents; the loop wants them by kind.
    const n = jaxpr.inAvals.length;
    const places = nonzero.map((() => {
      let next = n;
      return (live: boolean) => live ? next++ : -1;
    })());
    const [pc, pi, px] = parts(places, numConsts, numCarry).map((list) =>
      list.filter((at) => at >= 0)
    );
    const [c, i, x] = parts(range(0, n), numConsts, numCarry);
    const m = jaxpr.outAvals.length;
    const carryTangents = carry.filter(Boolean).length;
    const total = m + nonzeroOuts.filter(Boolean).length;
    const body = reordered(
      closed,
      [...c, ...pc, ...i, ...pi, ...x, ...px],
      [
        ...range(0, numCarry),
        ...range(m, m + carryTangents),
        ...range(numCarry, m),
        ...range(m + carryTangents, total),
      ],
    );
    const [xc, xi, xx] = parts(primals, numConsts, numCarry);
    const [dc, di, dx] = parts(tangents, numConsts, numCarry);
    const results = bindScan(
      [
        ...xc,
        ...dc.filter(isPresent),
        ...xi,
        ...di.filter((_, k) => carry[k]).map(instantiate),
        ...xx,
        ...dx.filter(isPresent),
      ],
      { ...p, jaxpr: body, numConsts: numConsts + pc.length, numCarry: numCarry + carryTangents },
    );
    const outs = [
      ...results.slice(0, numCarry),
      ...results.slice(numCarry + carryTangents, m + carryTangents),
    ];
    const given = [
      ...results.slice(numCarry, numCarry + carryTangents),
      ...results.slice(m + carryTangents),
    ];
    let next = 0;
    return [
      outs,
      nonzeroOuts.map((nonzeroOut, k) => nonzeroOut ? given[next++] : new Zero(outs[k].aval)),
    ];
  },
  transpose: (cts, operands, p) => {
    const { jaxpr, numConsts, numCarry } = p;
    const [consts, init, xs] = parts(operands, numConsts, numCarry);
    const isLinear = (x: NDArray | UndefinedPrimal): x is UndefinedPrimal =>
      x instanceof UndefinedPrimal;
    const defined = (list: readonly (NDArray | UndefinedPrimal)[]) =>
      list.filter((x): x is NDArray => !isLinear(x));
    const linearConsts = consts.filter(isLinear);
    const linearXs = xs.map(isLinear);
    const [, carryAvals, sliceAvals] = parts(jaxpr.inAvals, numConsts, numCarry);
    const ctCarry = cts.slice(0, numCarry).map(instantiate);
    const ctYs = cts.slice(numCarry);
    const liveYs = ctYs.map(isPresent);
    const known = defined(consts);
    const knownXs = defined(xs);
    const yAvals = jaxpr.outAvals.slice(numCarry);

    // One step backwards: the carry is the cotangent of the carry, and what the consts have gathered.
    const body = stage(
      (inputs) => {
        let at = 0;
        const take = (count: number) => inputs.slice(at, at += count);
        const ownConsts = take(known.length);
        const ct = take(numCarry);
        const gathered = take(linearConsts.length);
        const cty = take(liveYs.filter(Boolean).length);
        const ownXs = take(knownXs.length);
        let [nextConst, nextX, nextY] = [0, 0, 0];
        const all = [
          ...consts.map((x) => isLinear(x) ? x : ownConsts[nextConst++]),
          ...carryAvals.map((aval) => new UndefinedPrimal(aval)),
          ...xs.map((x, i) => isLinear(x) ? new UndefinedPrimal(sliceAvals[i]) : ownXs[nextX++]),
        ];
        const outCts = [
          ...ct,
          ...liveYs.map((live, i): Tangent => live ? cty[nextY++] : new Zero(yAvals[i])),
        ];
        const pulled = backwardPass(jaxpr.jaxpr, jaxpr.consts, all, outCts);
        const [pc, pi, px] = parts(pulled, numConsts, numCarry);
        const constCts = pc.filter((_, i) => isLinear(consts[i])) as Tangent[];
        return [
          ...pi.map((t) => instantiate(t!)),
          ...constCts.map((t, i) => instantiate(addTangents(gathered[i], t))),
          ...px.filter((_, i) => linearXs[i]).map((t) => instantiate(t!)),
        ];
      },
      [
        ...known.map((x) => x.aval),
        ...carryAvals,
        ...linearConsts.map((x) => x.aval),
        ...yAvals.filter((_, i) => liveYs[i]),
        ...sliceAvals.filter((_, i) => !linearXs[i]),
      ],
    );
    const results = bindScan(
      [
        ...known,
        ...ctCarry,
        ...linearConsts.map((x) => instantiate(new Zero(x.aval))),
        ...ctYs.filter(isPresent),
        ...knownXs,
      ],
      {
        ...p,
        jaxpr: body,
        reverse: !p.reverse,
        numConsts: known.length,
        numCarry: numCarry + linearConsts.length,
      },
    );
    let nextConst = numCarry;
    let nextX = numCarry + linearConsts.length;
    return [
      ...consts.map((x) => isLinear(x) ? results[nextConst++] : null),
      ...init.map((x, i) => isLinear(x) ? results[i] : null),
      ...linearXs.map((l) => l ? results[nextX++] : null),
    ];
  },
  batch: (operands, dims, p, size, axisName) => {
    const { jaxpr, numConsts, numCarry } = p;
    const [mc, mi, mx] = parts(dims.map((d) => d !== null), numConsts, numCarry);
    const carry = fixedPoint(
      mi,
      (c) => batchJaxpr(jaxpr, size, [...mc, ...c, ...mx], axisName).mappedOuts.slice(0, numCarry),
    );
    const { closed, mappedOuts } = batchJaxpr(
      jaxpr,
      size,
      [...mc, ...carry, ...mx],
      axisName,
      carry,
    );
    const [xc, xi, xx] = parts(operands, numConsts, numCarry);
    const [dc, di, dx] = parts(dims, numConsts, numCarry);
    const front = (x: NDArray, d: number | null) => d === null ? x : axisToFront(axisTools, x, d);
    const outs = bindScan(
      [
        ...xc.map((x, i) => front(x, dc[i])),
        ...xi.map((x, i) => carry[i] ? batchToFront(x, di[i], size) : x),
        // Axis 0 is scanned over, so the mapped one comes second: first in each slice.
        ...xx.map((x, i) => dx[i] === null ? x : moveAxis(x, dx[i], 1)),
      ],
      { ...p, jaxpr: closed },
    );
    return [outs, mappedOuts.map((m, i) => m ? (i < numCarry ? 0 : 1) : null)];
  },
  higherOrder: {
    dce: (usedOuts, p) => {
      const { jaxpr, numConsts, numCarry } = p;
      const usedYs = usedOuts.slice(numCarry);
      const needs = (carry: readonly boolean[]) =>
        parts(usedInputs(jaxpr, [...carry, ...usedYs]), numConsts, numCarry);
      const carry = fixedPoint(usedOuts.slice(0, numCarry), (c) => needs(c)[1]);
      const outs = [...carry, ...usedYs];
      if (!outs.includes(false)) return null;
      const [consts, , xs] = needs(carry);
      const ins = [...consts, ...carry, ...xs];
      const count = (mask: readonly boolean[]) => mask.filter(Boolean).length;
      return {
        usedIns: ins,
        usedOuts: outs,
        params: {
          ...p,
          jaxpr: pruneJaxpr(jaxpr, ins, outs),
          numConsts: count(consts),
          numCarry: count(carry),
        },
      };
    },
    partialEval: (known, operands, _avals, p) => {
      const { jaxpr, numConsts, numCarry } = p;
      const [kc, ki, kx] = parts(known, numConsts, numCarry);
      const unknownCarry = fixedPoint(ki.map((k) => !k), (u) => {
        const split = splitJaxpr(jaxpr, [...kc, ...u.map((x) => !x), ...kx]);
        return split.knownOuts.slice(0, numCarry).map((k) => !k);
      });
      const mask = [...kc, ...unknownCarry.map((u) => !u), ...kx];
      const split = splitJaxpr(jaxpr, mask, unknownCarry);
      const knownCount = split.knownOuts.filter(Boolean).length;
      const knownCarryCount = unknownCarry.filter((u) => !u).length;
      // Residuals that are consts as they came need not be kept for every step.
      const constVars = split.known.jaxpr.invars.slice(0, kc.filter(Boolean).length);
      const residualVars = split.known.jaxpr.outvars.slice(knownCount);
      const constPlace = residualVars.map((v) => constVars.indexOf(v as typeof constVars[number]));
      const perStep = residualVars.flatMap((_, i) => constPlace[i] < 0 ? [i] : []);
      const knownBody = reordered(
        split.known,
        range(0, split.known.inAvals.length),
        [...range(0, knownCount), ...perStep.map((i) => knownCount + i)],
      );
      const [vc, vi, vx] = parts(operands, numConsts, numCarry);
      const present = (list: readonly (NDArray | null)[]) =>
        list.filter((x): x is NDArray => x !== null);
      const knownInit = vi.filter((_, i) => !unknownCarry[i]) as NDArray[];
      const knownConsts = present(vc);
      const results = bindScan([...knownConsts, ...knownInit, ...present(vx)], {
        ...p,
        jaxpr: knownBody,
        numConsts: knownConsts.length,
        numCarry: knownCarryCount,
      });
      const stackedResiduals = results.slice(knownCount);
      const sharedResiduals = constPlace.flatMap((at) => at >= 0 ? [knownConsts[at]] : []);
      // A carry that is unknown may have started from a known value.
      const startedKnown = vi.flatMap((x, i) => unknownCarry[i] && x !== null ? [x] : []);

      // The rest takes residuals, then unknown consts, carry and slices; the loop wants shared residuals among the consts, the others
      // among the slices.
      const numRes = residualVars.length;
      const shared = range(0, numRes).filter((i) => constPlace[i] >= 0);
      const unknownConsts = kc.filter((k) => !k).length;
      const unknownCarries = unknownCarry.filter(Boolean).length;
      const rest = split.unknown.inAvals.length;
      const unknownBody = reordered(
        split.unknown,
        [
          ...shared,
          ...range(numRes, numRes + unknownConsts),
          ...range(numRes + unknownConsts, numRes + unknownConsts + unknownCarries),
          ...perStep,
          ...range(numRes + unknownConsts + unknownCarries, rest),
        ],
        range(0, split.unknown.outAvals.length),
      );
      // Operands at hand: shared residuals, stacked residuals, carries that started known, arrays that the rest closes over, then all unknown
      // operands in order.
      const { consts } = unknownBody;
      const base = shared.length + perStep.length + startedKnown.length + consts.length;
      let nextStarted = shared.length + perStep.length;
      let nextUnknown = base + unknownConsts;
      const carryOrder = unknownCarry.flatMap((u, i) => {
        if (!u) return [];
        return [vi[i] !== null ? nextStarted++ : nextUnknown++];
      });
      const unknownXs = kx.filter((k) => !k).length;
      const inputOrder = [
        ...range(base - consts.length, base),
        ...range(0, shared.length),
        ...range(base, base + unknownConsts),
        ...carryOrder,
        ...range(shared.length, shared.length + perStep.length),
        ...range(nextUnknown, nextUnknown + unknownXs),
      ];
      let next = 0;
      return {
        knownOuts: split.knownOuts.map((k) => k ? results[next++] : null),
        residuals: [...sharedResiduals, ...stackedResiduals, ...startedKnown, ...consts],
        primitive: scanP,
        params: {
          ...p,
          jaxpr: hoistConsts(unknownBody),
          numConsts: consts.length + shared.length + unknownConsts,
          numCarry: unknownCarries,
        },
        unknownAvals: unknownBody.outAvals.map((aval, i) =>
          i < unknownCarries ? aval : stacked(aval, p.length)
        ),
        inputOrder,
      };
    },
  },
};
