/**
 * Elementwise functions with a derivative by formula, because that of the way they are computed is wrong at single points: where
 * both operands are equal, or at zero.
 *
 * @module
 */
import type { ArrayLike, NDArray } from "../core/array.ts";
import { type Tangent, Zero } from "../core/primitive.ts";
import { customJvpCall, type JvpFunction } from "../control/custom_jvp_call.ts";
import * as arith from "../ops/arith.ts";
import { lit } from "../ops/common.ts";
import * as el from "../ops/elementary.ts";
import * as logic from "../ops/logic.ts";
import { fullLike } from "../ops/shape.ts";
import { keyed } from "../tree/keyed.ts";
import { broadcastOperands, promoteInexact, toInexact } from "./promote.ts";

/** One of the two sums of exponentials: the base as what turns it into natural exponentials. */
interface LogSum {
  readonly name: string;
  readonly compute: (operands: readonly NDArray[]) => readonly NDArray[];
  readonly rule: JvpFunction;
}

function logSum(name: string, scale: number, exp: (x: NDArray) => NDArray): LogSum {
  const compute = ([a, b]: readonly NDArray[]) => {
    const delta = arith.sub(a, b);
    const tail = el.log1p(exp(arith.neg(arith.abs(delta))));
    const scaled = scale === 1 ? tail : arith.div(tail, lit(tail, scale));
    const stable = arith.add(arith.max(a, b), scaled);
    // The difference of equal infinities is NaN; their sum is the result.
    return [logic.select(logic.ne(delta, delta), arith.add(a, b), stable)];
  };
  const rule: JvpFunction = ([a, b], [ta, tb]) => {
    const out = customJvpCall(compute, rule, name, [a, b])[0];
    if (ta instanceof Zero && tb instanceof Zero) return [[out], [new Zero(out.aval)]];
    // Equal infinities share evenly, as equal numbers do.
    const delta = arith.sub(a, b);
    const equal = logic.and(logic.eq(a, b), logic.ne(delta, delta));
    const apart = logic.select(equal, fullLike(lit(delta, 0), delta.shape), delta);
    const weight = (sign: 1 | -1) => el.logistic(arith.mul(apart, lit(apart, sign * scale)));
    const parts: NDArray[] = [];
    if (!(ta instanceof Zero)) parts.push(arith.mul(ta, weight(1)));
    if (!(tb instanceof Zero)) parts.push(arith.mul(tb, weight(-1)));
    const tangent: Tangent = parts.length === 1 ? parts[0] : arith.add(parts[0], parts[1]);
    return [[out], [tangent]];
  };
  return { name, compute, rule };
}

// Made once, so that two traces of one function are one program to the caches.
const natural = logSum("logaddexp", 1, el.exp);
const binary = logSum("logaddexp2", Math.LN2, el.exp2);

function applyLogSum({ name, compute, rule }: LogSum, x: ArrayLike, y: ArrayLike): NDArray {
  const where = `numpy.${name}`;
  return customJvpCall(
    compute,
    rule,
    name,
    broadcastOperands(promoteInexact([x, y], where), where),
  )[0];
}

/**
 * `log(exp(x) + exp(y))`, without overflow.
 *
 * @example
 * ```ts
 * import { grad, numpy as np } from "@vernal/vernal";
 *
 * np.logaddexp(1000, 1000).item(); // 1000.693115234375
 * grad((x) => np.logaddexp(x, 2))(np.array(2)).item(); // 0.5
 * ```
 */
export function logaddexp(x: ArrayLike, y: ArrayLike): NDArray {
  return applyLogSum(natural, x, y);
}

/** `log2(2^x + 2^y)`, without overflow. */
export function logaddexp2(x: ArrayLike, y: ArrayLike): NDArray {
  return applyLogSum(binary, x, y);
}

/** `sin(πx) / (πx)`, 1 at 0. */
export function sinc(x: ArrayLike): NDArray {
  const a = toInexact(x, "numpy.sinc");
  const atZero = logic.eq(a, lit(a, 0));
  const scaled = arith.mul(a, lit(a, Math.PI));
  const one = fullLike(lit(a, 1), a.shape);
  const divisor = logic.select(atZero, one, scaled);
  return logic.select(atZero, seriesAtZero(0)(scaled), arith.div(el.sin(divisor), divisor));
}

/** The `k`-th derivative of `sin(x) / x` at `x = 0`, as a function whose own derivative is the next: the series does the rest. */
function seriesAtZero(k: number): (x: NDArray) => NDArray {
  const value = k % 2 === 1 ? 0 : (k % 4 === 0 ? 1 : -1) / (k + 1);
  const compute = ([x]: readonly NDArray[]) => [fullLike(lit(x, value), x.shape)];
  const rule: JvpFunction = ([x], [t]) => {
    const tangent = t instanceof Zero ? t : arith.mul(t, seriesAtZero(k + 1)(x));
    return [[seriesAtZero(k)(x)], [tangent]];
  };
  return (x) => customJvpCall(compute, keyed(rule, "numpy.sinc", [k]), "sinc", [x])[0];
}
