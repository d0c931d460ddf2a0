/**
 * The derivative of a gamma-distributed sample with respect to the parameter of its distribution.
 *
 * A sample `x` of parameter `a` moves so that its quantile stays: `dx/da = -(∂P(a, x)/∂a) / p(x; a)`, with `P` the regularised lower incomplete
 * gamma function and `p` the density (Figurnov, Mohamed and Mnih, "Implicit Reparameterization Gradients", NeurIPS 2018). `P` and its derivative come
 * from the power series where `x` is small, else from the continued fraction of the upper function (Abramowitz and Stegun 6.5.29 and 6.5.31), each
 * differentiated term by term until a term changes nothing, as XLA does it.
 *
 * @module
 */
import { DifferentiationError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { customJvpCall, type JvpFunction } from "../control/custom_jvp_call.ts";
import { loopWhile } from "../control/structured.ts";
import { finfo } from "../numpy/dtype_queries.ts";
import * as arith from "../ops/arith.ts";
import { lit } from "../ops/common.ts";
import { convertElementType } from "../ops/convert.ts";
import * as el from "../ops/elementary.ts";
import * as logic from "../ops/logic.ts";
import { reshape } from "../ops/shape.ts";
import { placeAxis, vmapFlat } from "../transform/vmap.ts";

/** After so many terms the continued fraction has what it will get. */
const maxTerms = 2000;

/** By the power series `Σ xⁿ / (a + 1)…(a + n)`; 0-d arrays. */
function bySeries(a: NDArray, x: NDArray, enabled: NDArray): NDArray {
  const { eps } = finfo(a.dtype);
  const [zero, one] = [lit(a, 0), lit(a, 1)];
  const [, , , , sum, dSum] = loopWhile(
    [enabled, a, one, zero, one, zero] as const,
    ([goOn]) => goOn,
    ([, r, term, dTerm, sum, dSum]) => {
      const next = arith.add(r, 1);
      const ratio = arith.div(x, next);
      const moved = arith.sub(
        arith.mul(dTerm, ratio),
        arith.div(arith.mul(term, x), arith.mul(next, next)),
      );
      const total = arith.add(dSum, moved);
      const grown = arith.mul(term, ratio);
      const goOn = logic.gt(arith.abs(arith.div(moved, total)), eps);
      return [goOn, next, grown, moved, arith.add(sum, grown), total] as const;
    },
  );
  const slope = arith.sub(el.log(x), el.digamma(arith.add(a, 1)));
  const total = arith.add(dSum, arith.mul(sum, slope));
  return arith.div(arith.mul(arith.neg(total), x), a);
}

/** By the continued fraction; 0-d arrays. */
function byFraction(a: NDArray, x: NDArray, enabled: NDArray): NDArray {
  const { eps } = finfo(a.dtype);
  const [zero, one] = [lit(a, 0), lit(a, 1)];
  const y = arith.sub(one, a);
  const z = arith.add(arith.add(x, y), one);
  // Numerators p and denominators q of the last two convergents, and their derivatives.
  const [p1, q1] = [arith.add(x, 1), arith.mul(z, x)];
  const dq1 = arith.neg(x);
  const value = arith.div(p1, q1);
  const start = {
    goOn: enabled,
    c: zero,
    y,
    z,
    value,
    slope: arith.div(arith.neg(arith.mul(value, dq1)), q1),
    older: [one, x, zero, zero] as readonly NDArray[],
    newer: [p1, q1, zero, dq1] as readonly NDArray[],
  };
  const end = loopWhile(
    start,
    ({ goOn, c }) => logic.and(goOn, logic.lt(c, maxTerms)),
    (s) => {
      const [c, y, z] = [arith.add(s.c, 1), arith.add(s.y, 1), arith.add(s.z, 2)];
      const yc = arith.mul(y, c);
      const step = (newer: NDArray, older: NDArray) =>
        arith.sub(arith.mul(newer, z), arith.mul(older, yc));
      const [op, oq, dop, doq] = s.older;
      const [np, nq, dnp, dnq] = s.newer;
      const [p, q] = [step(np, op), step(nq, oq)];
      const derived = (newer: NDArray, older: NDArray, dNewer: NDArray, dOlder: NDArray) => {
        const carried = arith.sub(arith.mul(dNewer, z), newer);
        return arith.add(arith.sub(carried, arith.mul(dOlder, yc)), arith.mul(older, c));
      };
      const [dp, dq] = [derived(np, op, dnp, dop), derived(nq, oq, dnq, doq)];
      const regular = logic.ne(q, 0);
      const value = logic.select(regular, arith.div(p, q), s.value);
      const moved = arith.div(arith.sub(dp, arith.mul(value, dq)), q);
      const slope = logic.select(regular, moved, s.slope);
      const change = logic.select(regular, arith.abs(arith.sub(slope, s.slope)), one);
      // Convergents grow without bound, their quotient does not.
      const scale = logic.select(logic.gt(arith.abs(p), 1 / eps), lit(a, eps), one);
      const scaled = (xs: readonly NDArray[]) => xs.map((v) => arith.mul(v, scale));
      return {
        goOn: logic.gt(change, eps),
        c,
        y,
        z,
        value,
        slope,
        older: scaled(s.newer),
        newer: scaled([p, q, dp, dq]),
      };
    },
  );
  const slope = arith.sub(el.log(x), el.digamma(a));
  return arith.mul(arith.add(end.slope, arith.mul(end.value, slope)), x);
}

/** The derivative for 0-d arrays. */
function derivativeOfOne(a: NDArray, x: NDArray): NDArray {
  const unknown = logic.or(logic.ne(a, a), logic.ne(x, x));
  const isZero = logic.eq(x, 0);
  const outside = logic.or(logic.lt(x, 0), logic.le(a, 0));
  const useFraction = logic.and(logic.gt(x, 1), logic.gt(x, a));
  const logDensity = arith.sub(arith.sub(arith.mul(a, el.log(x)), x), el.lgamma(a));
  const underflows = logic.lt(logDensity, -Math.log(finfo(a.dtype).max));
  const hopeless = logic.or(logic.or(isZero, outside), logic.or(underflows, unknown));
  const enabled = logic.not(hopeless);
  const inner = logic.select(
    useFraction,
    byFraction(a, x, logic.and(enabled, useFraction)),
    bySeries(a, x, logic.and(enabled, logic.not(useFraction))),
  );
  const out = logic.select(isZero, lit(a, 0), inner);
  return logic.select(logic.or(outside, unknown), lit(a, NaN), out);
}

const onceOnly: JvpFunction = () => {
  throw new DifferentiationError(
    "random.gamma and random.loggamma, and what is drawn by them (beta, chisquare, dirichlet, f, t, generalizedNormal, ball): the derivative of a " +
      "sample with respect to the parameters has no derivative itself; they can be differentiated once, and as often as wanted where the parameters are " +
      "constants. Use lax.stopGradient on the parameters for that",
  );
};

/** `dx/da` of samples `x` of the gamma distributions of parameters `a`, of one shape and floating dtype. It has no derivative itself. */
export function gammaSampleDerivative(a: NDArray, x: NDArray): NDArray {
  const { shape, size, dtype } = a;
  const wide = finfo(dtype).bits < 32 ? "float32" : dtype; // a short float's eps would end the series too soon
  const flat = [a, x].map((v) => reshape(convertElementType(v, wide), [size]));
  const [out] = customJvpCall(
    (inputs) => {
      const each = ([a, x]: readonly NDArray[]) => [derivativeOfOne(a, x)];
      const [outs, dims] = vmapFlat(each, inputs, [0, 0], size);
      return [placeAxis(outs[0], dims[0], 0, size)];
    },
    onceOnly,
    "random_gamma_grad",
    flat,
  );
  return convertElementType(reshape(out, shape), dtype);
}
