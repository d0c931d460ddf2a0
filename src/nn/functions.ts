/**
 * Activations, and the functions of `jax.nn` around softmax.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { formatShape } from "../core/aval.ts";
import { checkDType, type DType, isFloating } from "../core/dtype.ts";
import { type Tangent, Zero } from "../core/primitive.ts";
import { customJvpCall, type JvpFunction } from "../control/custom_jvp_call.ts";
import { logaddexp } from "../numpy/own_rules.ts";
import { asArray, normalizeAxes, normalizeAxis, toInexact } from "../numpy/promote.ts";
import * as red from "../numpy/reductions.ts";
import { split } from "../numpy/shapes.ts";
import * as arith from "../ops/arith.ts";
import { lit } from "../ops/common.ts";
import { convertElementType, stopGradient } from "../ops/convert.ts";
import * as el from "../ops/elementary.ts";
import * as logic from "../ops/logic.ts";
import { keptShape, reduceMax } from "../ops/reduce.ts";
import { broadcastInDim, fullLike, iota, reduceSum, reshape } from "../ops/shape.ts";
import { keyed } from "../tree/keyed.ts";

function float(x: ArrayLike, name: string): NDArray {
  return toInexact(x, `nn.${name}`);
}

function choose(condition: NDArray, x: NDArray, y: NDArray): NDArray {
  const shape = condition.shape;
  return logic.select(condition, fullLike(x, shape), fullLike(y, shape));
}

/**
 * `max(x, 0)`. Its gradient at 0 is 0.
 *
 * @example
 * ```ts
 * import { nn, numpy as np } from "@vernal/vernal";
 *
 * nn.relu(np.array([-1, 0, 2])).tolist(); // [0, 0, 2]
 * ```
 */
export function relu(x: ArrayLike): NDArray {
  const a = asArray(x, "nn.relu");
  if (!isFloating(a.dtype)) return arith.max(a, lit(a, 0));
  const positive = ([v]: readonly NDArray[]) => [arith.max(v, lit(v, 0))];
  return customJvpCall(positive, reluRule, "relu", [a])[0];
}

// Rules are made once, so that two traces of one function are one program to the caches.
const reluRule: JvpFunction = ([v], [t]) => {
  const out = relu(v);
  const tangent: Tangent = t instanceof Zero ? t : choose(logic.gt(v, lit(v, 0)), t, lit(v, 0));
  return [[out], [tangent]];
};

/** `min(max(x, 0), 6)`. Its gradient at 0 and at 6 is 0. */
export function relu6(x: ArrayLike): NDArray {
  const a = float(x, "relu6");
  return customJvpCall(
    ([v]) => [arith.min(arith.max(v, lit(v, 0)), lit(v, 6))],
    relu6Rule,
    "relu6",
    [a],
  )[0];
}

const relu6Rule: JvpFunction = ([v], [t]) => {
  const inside = logic.and(logic.gt(v, lit(v, 0)), logic.lt(v, lit(v, 6)));
  return [[relu6(v)], [t instanceof Zero ? t : choose(inside, t, lit(v, 0))]];
};

/** `1 / (1 + exp(-x))`. */
export function sigmoid(x: ArrayLike): NDArray {
  return el.logistic(float(x, "sigmoid"));
}

/** `log(1 + exp(x))`, without overflow. */
export function softplus(x: ArrayLike): NDArray {
  return logaddexp(x, 0);
}

/** `x / (1 + |x|)`. */
export function softSign(x: ArrayLike): NDArray {
  const a = float(x, "softSign");
  return arith.div(a, arith.add(arith.abs(a), 1));
}

/** `x · sigmoid(x)`. */
export function silu(x: ArrayLike): NDArray {
  const a = float(x, "silu");
  return arith.mul(a, el.logistic(a));
}

/** `x · sigmoid(x)`: {@linkcode silu}. */
export function swish(x: ArrayLike): NDArray {
  return silu(x);
}

/** `x · tanh(softplus(x))`. */
export function mish(x: ArrayLike): NDArray {
  const a = float(x, "mish");
  return arith.mul(a, el.tanh(softplus(a)));
}

/** `log(sigmoid(x))`. */
export function logSigmoid(x: ArrayLike): NDArray {
  const a = float(x, "logSigmoid");
  return arith.neg(softplus(arith.neg(a)));
}

/** The hyperbolic tangent. */
export function tanh(x: ArrayLike): NDArray {
  return el.tanh(float(x, "tanh"));
}

/** `x` itself. */
export function identity(x: ArrayLike): NDArray {
  return asArray(x, "nn.identity");
}

/** `x` where positive, else `alpha · (exp(x) - 1)`; `alpha` 1 unless given. */
export function elu(x: ArrayLike, options: { readonly alpha?: number } | number = {}): NDArray {
  const alpha = typeof options === "number" ? options : options.alpha ?? 1;
  const a = float(x, "elu");
  const positive = logic.gt(a, lit(a, 0));
  const safe = choose(positive, lit(a, 0), a);
  return choose(positive, a, arith.mul(lit(a, alpha), el.expm1(safe)));
}

/** `scale · elu(x, alpha)` with the constants that keep mean and variance. */
export function selu(x: ArrayLike): NDArray {
  const a = float(x, "selu");
  return arith.mul(lit(a, 1.0507009873554805), elu(a, 1.6732632423543772));
}

/** `max(x, 0) + alpha · (exp(min(x, 0) / alpha) - 1)`; `alpha` 1 unless given. */
export function celu(x: ArrayLike, options: { readonly alpha?: number } | number = {}): NDArray {
  const alpha = typeof options === "number" ? options : options.alpha ?? 1;
  const a = float(x, "celu");
  const zero = lit(a, 0);
  const negative = el.expm1(arith.div(arith.min(a, zero), lit(a, alpha)));
  return arith.add(arith.max(a, zero), arith.mul(lit(a, alpha), negative));
}

/** `x` where not negative, else `negativeSlope · x`; the slope is 0.01 unless given. */
export function leakyRelu(
  x: ArrayLike,
  options: { readonly negativeSlope?: number } | number = {},
): NDArray {
  const slope = typeof options === "number" ? options : options.negativeSlope ?? 0.01;
  const a = float(x, "leakyRelu");
  return choose(logic.ge(a, lit(a, 0)), a, arith.mul(a, lit(a, slope)));
}

/** `x` kept within -1 and 1. */
export function hardTanh(x: ArrayLike): NDArray {
  const a = float(x, "hardTanh");
  const high = choose(logic.gt(a, lit(a, 1)), lit(a, 1), a);
  return choose(logic.lt(a, lit(a, -1)), lit(a, -1), high);
}

/** `relu6(x + 3) / 6`. */
export function hardSigmoid(x: ArrayLike): NDArray {
  const a = float(x, "hardSigmoid");
  return arith.div(relu6(arith.add(a, 3)), lit(a, 6));
}

/** `x · hardSigmoid(x)`. */
export function hardSilu(x: ArrayLike): NDArray {
  const a = float(x, "hardSilu");
  return arith.mul(a, hardSigmoid(a));
}

/** `x · hardSigmoid(x)`: {@linkcode hardSilu}. */
export function hardSwish(x: ArrayLike): NDArray {
  return hardSilu(x);
}

/** 0 up to -1, `(x + 1)² / 4` up to 1, then `x`: `softplus` with ends that are exact. */
export function sparsePlus(x: ArrayLike): NDArray {
  const a = float(x, "sparsePlus");
  const middle = arith.div(arith.square(arith.add(a, 1)), lit(a, 4));
  const upper = choose(logic.ge(a, lit(a, 1)), a, middle);
  return choose(logic.le(a, lit(a, -1)), lit(a, 0), upper);
}

/** 0 up to -1, `(x + 1) / 2` up to 1, then 1: the derivative of {@linkcode sparsePlus}. */
export function sparseSigmoid(x: ArrayLike): NDArray {
  const a = float(x, "sparseSigmoid");
  const raised = arith.add(a, 1);
  return arith.mul(arith.min(arith.max(raised, lit(a, 0)), lit(a, 2)), lit(a, 0.5));
}

/** Options of {@linkcode gelu}. */
export interface GeluOptions {
  /** Whether to use the approximation by tanh (true unless told) or the error function. */
  readonly approximate?: boolean;
}

/** `x` times the probability that a standard normal is below `x`. Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415. */
export function gelu(x: ArrayLike, options: GeluOptions | boolean = {}): NDArray {
  const approximate = typeof options === "boolean" ? options : options.approximate ?? true;
  const a = float(x, "gelu");
  if (!approximate) {
    const tail = el.erfc(arith.mul(arith.neg(a), lit(a, Math.SQRT1_2)));
    return arith.mul(arith.mul(lit(a, 0.5), a), tail);
  }
  const cubic = arith.add(a, arith.mul(lit(a, 0.044715), arith.integerPow(a, 3)));
  const cdf = arith.mul(
    lit(a, 0.5),
    arith.add(el.tanh(arith.mul(lit(a, Math.sqrt(2 / Math.PI)), cubic)), 1),
  );
  return arith.mul(a, cdf);
}

/** The first half of an axis times the sigmoid of the second; the last axis unless given. */
export function glu(x: ArrayLike, options: { readonly axis?: number } | number = {}): NDArray {
  const a = float(x, "glu");
  const axis = normalizeAxis(
    typeof options === "number" ? options : options.axis ?? -1,
    a.ndim,
    "nn.glu",
  );
  if (a.shape[axis] % 2 !== 0) {
    throw new ShapeError(
      `nn.glu: axis ${axis} of shape ${formatShape(a.shape)} must have an even size`,
    );
  }
  const [value, gate] = split(a, 2, axis);
  return arith.mul(value, el.logistic(gate));
}

/** `(x + √(x² + b)) / 2`; `b` 4 unless given. */
export function squareplus(x: ArrayLike, options: { readonly b?: number } | number = {}): NDArray {
  const b = typeof options === "number" ? options : options.b ?? 4;
  const a = float(x, "squareplus");
  return arith.div(arith.add(a, el.sqrt(arith.add(arith.square(a), lit(a, b)))), lit(a, 2));
}

/** Options of the functions around softmax. */
export interface SoftmaxOptions {
  /** The axes that sum to one; the last unless given. */
  readonly axis?: number | readonly number[] | null;
  /** Which elements take part; the others get 0. */
  readonly where?: ArrayLike;
}

function readAxis(options: SoftmaxOptions | number | readonly number[]): SoftmaxOptions {
  return typeof options === "number" || Array.isArray(options)
    ? { axis: options as number }
    : options as SoftmaxOptions;
}

function keepdims(x: NDArray, shape: readonly number[], axes: readonly number[]): NDArray {
  const kept = shape.map((_, i) => i).filter((i) => !axes.includes(i));
  return broadcastInDim(x, shape, kept);
}

/** Elements left out become `value`. */
function mask(x: NDArray, where: ArrayLike | undefined, value: number): NDArray {
  if (where === undefined) return x;
  const m = broadcastTo(asArray(where, "nn"), x.shape);
  return logic.select(m, x, fullLike(lit(x, value), x.shape));
}

function broadcastTo(x: NDArray, shape: readonly number[]): NDArray {
  return broadcastInDim(x, shape, x.shape.map((_, i) => i + shape.length - x.ndim));
}

/** `exp(x)`, scaled to sum to one over an axis (the last unless given). */
export function softmax(
  x: ArrayLike,
  options: SoftmaxOptions | number | readonly number[] = {},
): NDArray {
  const o = readAxis(options);
  const a = mask(float(x, "softmax"), o.where, -Infinity);
  const axes = normalizeAxes(o.axis === undefined ? -1 : o.axis, a.ndim, "nn.softmax");
  const compute = ([v]: readonly NDArray[]): readonly NDArray[] => {
    const largest = reduceMax(v, axes);
    const scaled = el.exp(arith.sub(v, keepdims(largest, v.shape, axes)));
    return [arith.div(scaled, keepdims(reduceSum(scaled, axes), v.shape, axes))];
  };
  // The rule needs the result alone, which saves the residuals of each step.
  const rule: JvpFunction = ([v], [t]) => {
    const out = softmax(v, { axis: axes });
    if (t instanceof Zero) return [[out], [new Zero(out.aval)]];
    const weighted = arith.mul(out, t);
    const total = keepdims(reduceSum(weighted, axes), v.shape, axes);
    return [[out], [arith.sub(weighted, arith.mul(out, total))]];
  };
  return customJvpCall(compute, keyed(rule, "nn.softmax", [axes.join()]), "softmax", [a])[0];
}

/** `log(softmax(x))`, without its loss of digits. */
export function logSoftmax(
  x: ArrayLike,
  options: SoftmaxOptions | number | readonly number[] = {},
): NDArray {
  const o = readAxis(options);
  const a = mask(float(x, "logSoftmax"), o.where, -Infinity);
  const axes = normalizeAxes(o.axis === undefined ? -1 : o.axis, a.ndim, "nn.logSoftmax");
  const largest = stopGradient(reduceMax(a, axes));
  const shifted = arith.sub(a, keepdims(largest, a.shape, axes));
  const total = el.log(reduceSum(el.exp(shifted), axes));
  return arith.sub(shifted, keepdims(total, a.shape, axes));
}

/** Options of {@linkcode logsumexp}. */
export interface LogsumexpOptions {
  /** The axes to sum over; all unless given. */
  readonly axis?: number | readonly number[] | null;
  /** Whether summed axes stay, with size 1. */
  readonly keepdims?: boolean;
  /** Factors of the exponentials. */
  readonly b?: ArrayLike;
  /** Which elements take part. */
  readonly where?: ArrayLike;
}

/** `log(sum(b · exp(x)))` over axes, without overflow. */
export function logsumexp(
  x: ArrayLike,
  options: LogsumexpOptions | number | readonly number[] = {},
): NDArray {
  const o: LogsumexpOptions = typeof options === "number" || Array.isArray(options)
    ? { axis: options as number }
    : options as LogsumexpOptions;
  const a = mask(float(x, "logsumexp"), o.where, -Infinity);
  const axes = normalizeAxes(o.axis, a.ndim, "nn.logsumexp");
  const raw = reduceMax(a, axes);
  const largest = stopGradient(choose(logic.isFinite(raw), raw, lit(raw, 0)));
  let terms = el.exp(arith.sub(a, keepdims(largest, a.shape, axes)));
  if (o.b !== undefined) {
    terms = arith.mul(
      terms,
      broadcastTo(convertElementType(asArray(o.b, "nn.logsumexp"), a.dtype), a.shape),
    );
  }
  const out = arith.add(el.log(reduceSum(terms, axes)), largest);
  return o.keepdims ? reshape(out, keptShape(a.shape, axes)) : out;
}

/** Options of {@linkcode logmeanexp}. */
export interface LogmeanexpOptions {
  /** The axes to average over; all unless given. */
  readonly axis?: number | readonly number[] | null;
  /** Whether reduced axes stay with size 1. */
  readonly keepdims?: boolean;
  /** Which elements count. */
  readonly where?: ArrayLike;
}

/** `log(mean(exp(x)))` over axes, without overflow. */
export function logmeanexp(
  x: ArrayLike,
  options: LogmeanexpOptions | number | readonly number[] = {},
): NDArray {
  const o: LogmeanexpOptions = typeof options === "number" || Array.isArray(options)
    ? { axis: options as number }
    : options as LogmeanexpOptions;
  const total = logsumexp(x, o);
  const a = float(x, "logmeanexp");
  if (o.where === undefined) {
    const axes = normalizeAxes(o.axis, a.ndim, "nn.logmeanexp");
    const n = axes.reduce((product, i) => product * a.shape[i], 1);
    return arith.sub(total, lit(total, Math.log(n)));
  }
  const counted = broadcastTo(asArray(o.where, "nn.logmeanexp"), a.shape);
  const over = { axis: o.axis ?? null, keepdims: o.keepdims ?? false };
  return arith.sub(total, el.log(red.sum(counted, { ...over, dtype: a.dtype })));
}

/** Options of {@linkcode standardize}. */
export interface StandardizeOptions {
  /** The axes; the last unless given. */
  readonly axis?: number | readonly number[] | null;
  /** Added to the variance, 1e-5 unless given. */
  readonly epsilon?: number;
}

/** Scaled to mean 0 and variance 1 over axes (the last unless given). */
export function standardize(x: ArrayLike, options: StandardizeOptions = {}): NDArray {
  const a = float(x, "standardize");
  const axes = normalizeAxes(
    options.axis === undefined ? -1 : options.axis,
    a.ndim,
    "nn.standardize",
  );
  const mean = red.mean(a, { axis: axes, keepdims: true });
  const square = red.mean(arith.square(a), { axis: axes, keepdims: true });
  const variance = arith.sub(square, arith.square(mean));
  const all = a.shape.map((_, i) => i);
  const stretch = (v: NDArray) => broadcastInDim(v, a.shape, all);
  const scale = el.rsqrt(arith.add(variance, lit(a, options.epsilon ?? 1e-5)));
  return arith.mul(arith.sub(a, stretch(mean)), stretch(scale));
}

/** Options of {@linkcode oneHot}. */
export interface OneHotOptions {
  /** float32 unless given. */
  readonly dtype?: DType;
  /** Where the axis of the classes goes; last unless given. */
  readonly axis?: number;
}

/** 1 at the class that each number names, 0 elsewhere; numbers that name no class give zeros. */
export function oneHot(x: ArrayLike, numClasses: number, options: OneHotOptions = {}): NDArray {
  if (!Number.isInteger(numClasses) || numClasses < 0) {
    throw new ArgumentError(
      `nn.oneHot: numClasses must be a non-negative integer; got ${numClasses}`,
    );
  }
  const a = asArray(x, "nn.oneHot");
  const dtype = checkDType(options.dtype ?? "float32", "nn.oneHot: options.dtype");
  const axis = normalizeAxis(options.axis ?? -1, a.ndim + 1, "nn.oneHot");
  const shape = [...a.shape.slice(0, axis), numClasses, ...a.shape.slice(axis)];
  const integers = a.dtype === "bool" ? convertElementType(a, "int32") : a;
  const places = a.shape.map((_, i) => i < axis ? i : i + 1);
  const classes = iota(integers.dtype as "int32", shape, axis);
  return convertElementType(logic.eq(broadcastInDim(integers, shape, places), classes), dtype);
}
