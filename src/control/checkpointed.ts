/**
 * The `checkpointed_loop` primitive: a loop, of known length or not, that reverse mode goes through in the memory of a fixed number of its steps.
 *
 * Where nothing is differentiated it is a `while` or a `scan`. Differentiated, its tangents are known by their transpose alone, as those of a custom vjp.
 *
 * @module
 */
import { InternalError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { shapedArray } from "../core/aval.ts";
import { hoistConsts } from "../core/jaxpr.ts";
import { type Primitive, type Tangent, Zero } from "../core/primitive.ts";
import { bind } from "../core/trace.ts";
import { axisToFront } from "../ops/common.ts";
import { add } from "../ops/arith.ts";
import { and, lt } from "../ops/logic.ts";
import { axisTools, batchToFront, moveAxis } from "../ops/shape.ts";
import { jvpJaxpr } from "../transform/jvp.ts";
import { evalClosedJaxpr, stage } from "../transform/stage.ts";
import { batchJaxpr } from "../transform/vmap.ts";
import {
  type CheckpointedParams,
  type Checkpoints,
  type LoopOperands,
  loopOperands,
  runBackward,
  runForward,
} from "./checkpointing.ts";
import { int } from "./checkpoint_schedule.ts";
import { fixedPoint, isPresent } from "./common.ts";
import { type BackwardRule, customLinP } from "./custom_vjp_call.ts";
import { bindScan } from "./scan.ts";
import { loopWhile } from "./structured.ts";
import { bindWhile } from "./while.ts";

function joined<T>({ condConsts, consts, carry, xs }: LoopOperands<T>): T[] {
  return [...condConsts, ...consts, ...carry, ...xs];
}

/** The loop without checkpoints. */
function runPlain(operands: readonly NDArray[], p: CheckpointedParams): readonly NDArray[] {
  const { condConsts, consts, carry, xs } = loopOperands(operands, p);
  if (p.condJaxpr === null) {
    return bindScan([...consts, ...carry, ...xs], {
      jaxpr: p.bodyJaxpr,
      length: p.maxSteps!,
      reverse: false,
      numConsts: p.bodyNconsts,
      numCarry: p.numCarry,
      unroll: 1,
    });
  }
  if (p.maxSteps === null) {
    return bindWhile([...condConsts, ...consts, ...carry], {
      condJaxpr: p.condJaxpr,
      bodyJaxpr: p.bodyJaxpr,
      condNconsts: p.condNconsts,
      bodyNconsts: p.bodyNconsts,
    });
  }
  const { condJaxpr, maxSteps } = p;
  const end = loopWhile(
    { step: int(0), carry },
    (s) => and(evalClosedJaxpr(condJaxpr, [...condConsts, ...s.carry])[0], lt(s.step, maxSteps)),
    (s) => ({
      step: add(s.step, 1),
      carry: evalClosedJaxpr(p.bodyJaxpr, [...consts, ...s.carry]),
    }),
  );
  return end.carry;
}

/** `checkpointed_loop`: operands are consts of the condition, consts of the body, the initial carry, and arrays to scan over; results as those of `scan`. */
export const checkpointedLoopP: Primitive<CheckpointedParams> = {
  name: "checkpointed_loop",
  abstractEval: (_ins, { bodyJaxpr, numCarry, maxSteps }) =>
    bodyJaxpr.outAvals.map((aval, i) =>
      i < numCarry ? aval : shapedArray([maxSteps!, ...aval.shape], aval.dtype, aval.weakType)
    ),
  evaluate: runPlain,
  jvp: (primals, tangents, p) => {
    const t = loopOperands(tangents, p);
    const has = (list: readonly Tangent[]) => list.map(isPresent);
    const from = { consts: has(t.consts), carry: has(t.carry), xs: has(t.xs) };
    const step = (carry: readonly boolean[]) =>
      jvpJaxpr(p.bodyJaxpr, [...from.consts, ...carry, ...from.xs]).nonzeroOuts;
    const carry = fixedPoint(from.carry, (c) => step(c).slice(0, p.numCarry));
    const perturbedOuts = [...carry, ...step(carry).slice(p.numCarry)];
    if (!perturbedOuts.includes(true)) {
      const outs = bind(checkpointedLoopP, primals, p);
      return [outs, outs.map((x) => new Zero(x.aval))];
    }
    const operands = loopOperands(primals, p);
    const { outs, checkpoints } = runForward(operands, p);
    const { consts, xs } = operands;
    const { count, steps, saved, filled } = checkpoints;
    const residuals = [count, steps, ...saved, ...filled, ...consts, ...xs];
    const backward: BackwardRule = (all, cotangents) => {
      let at = 2;
      const take = (n: number) => all.slice(at, at += n);
      const found: Checkpoints = {
        count: all[0],
        steps: all[1],
        saved: take(saved.length),
        filled: take(filled.length),
      };
      const own = { condConsts: [], consts: take(consts.length), carry: [], xs: take(xs.length) };
      const live = cotangents.map((ct, i) => perturbedOuts[i] ? ct : new Zero(outs[i].aval));
      const pulled = live.some(isPresent)
        ? runBackward(own, found, live, { condConsts: [], ...from, carry }, p)
        : null;
      const none = (list: readonly NDArray[]) => list.map((x): Tangent => new Zero(x.aval));
      return [
        ...none(operands.condConsts),
        ...pulled?.consts ?? none(consts),
        ...pulled?.carry.map((ct, i) => from.carry[i] ? ct : new Zero(operands.carry[i].aval)) ??
          none(operands.carry),
        ...pulled?.xs ?? none(xs),
      ];
    };
    // The condition has no derivative.
    const linear = tangents.map((x, i) => i >= p.condNconsts && isPresent(x));
    let next = 0;
    const outTangents = bind(
      customLinP,
      [...residuals, ...tangents.filter((_, i) => linear[i]) as NDArray[]],
      {
        name: p.name,
        numResiduals: residuals.length,
        outAvals: outs.map((x) => x.aval),
        backward,
        tangentOf: linear.map((l) => l ? next++ : -1),
        advice: p.condJaxpr === null
          ? 'reverse mode, or kind: "lax"'
          : 'reverse mode, or kind: "lax" or "bounded"',
      },
    );
    return [outs, outs.map((x, i) => perturbedOuts[i] ? outTangents[i] : new Zero(x.aval))];
  },
  batch: (operands, dims, p, size, axisName) => {
    const mapped = loopOperands(dims.map((d) => d !== null), p);
    const body = (carry: readonly boolean[], force: readonly boolean[] = []) =>
      batchJaxpr(
        p.bodyJaxpr,
        size,
        [...mapped.consts, ...carry, ...mapped.xs],
        axisName,
        force,
      );
    const carry = fixedPoint(mapped.carry, (c) => body(c).mappedOuts.slice(0, p.numCarry));
    let { condJaxpr } = p;
    if (condJaxpr !== null) {
      const batched = batchJaxpr(condJaxpr, size, [...mapped.condConsts, ...carry], axisName);
      if (batched.mappedOuts[0]) {
        throw new InternalError(`${p.name}: the condition differs between examples`);
      }
      condJaxpr = batched.closed;
    }
    const { closed, mappedOuts } = body(carry, carry);
    const front = operands.map((x, i) => dims[i] === null ? x : axisToFront(axisTools, x, dims[i]));
    const values = loopOperands(front, p);
    const outs = bindCheckpointed(
      joined({
        ...values,
        carry: values.carry.map((x, i) =>
          carry[i] && !mapped.carry[i] ? batchToFront(x, null, size) : x
        ),
        // Axis 0 is scanned over, so the mapped one comes second: first in each slice.
        xs: values.xs.map((x, i) => mapped.xs[i] ? moveAxis(x, 0, 1) : x),
      }),
      { ...p, condJaxpr, bodyJaxpr: closed },
    );
    return [outs, mappedOuts.map((m, i) => m ? (i < p.numCarry ? 0 : 1) : null)];
  },
  higherOrder: {
    inline: (p, avals) => stage((xs) => runPlain(xs, p), avals),
  },
};

/** Binds a loop whose jaxprs may close over arrays: they become its consts. */
export function bindCheckpointed(
  operands: readonly NDArray[],
  p: CheckpointedParams,
): readonly NDArray[] {
  const { condConsts, consts, carry, xs } = loopOperands(operands, p);
  const cond = p.condJaxpr?.consts ?? [];
  const body = p.bodyJaxpr.consts;
  return bind(
    checkpointedLoopP,
    joined({ condConsts: [...cond, ...condConsts], consts: [...body, ...consts], carry, xs }),
    {
      ...p,
      condJaxpr: p.condJaxpr && hoistConsts(p.condJaxpr),
      bodyJaxpr: hoistConsts(p.bodyJaxpr),
      condNconsts: cond.length + p.condNconsts,
      bodyNconsts: body.length + p.bodyNconsts,
    },
  );
}
