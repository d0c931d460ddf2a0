/**
 * The gamma distribution, and those made of it.
 *
 * @module
 */
import { ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { formatShape, type Shape } from "../core/aval.ts";
import { type Tangent, Zero } from "../core/primitive.ts";
import { getEvaluator } from "../core/trace.ts";
import { customJvpCall, type JvpFunction } from "../control/custom_jvp_call.ts";
import { loopWhile } from "../control/structured.ts";
import { softmax } from "../nn/functions.ts";
import { checkShape } from "../numpy/creation.ts";
import { finfo } from "../numpy/dtype_queries.ts";
import { broadcastArray } from "../numpy/promote.ts";
import * as arith from "../ops/arith.ts";
import { lit } from "../ops/common.ts";
import * as el from "../ops/elementary.ts";
import * as logic from "../ops/logic.ts";
import { randomSplit } from "../ops/random_bits.ts";
import { broadcastInDim, reduceSum, reshape } from "../ops/shape.ts";
import { placeAxis, vmapFlat } from "../transform/vmap.ts";
import { exponential, normal, uniform } from "./continuous.ts";
import { rademacher } from "./discrete.ts";
import { gammaSampleDerivative } from "./gamma_derivative.ts";
import { singleKey } from "./keys.ts";
import {
  floatArray,
  floatDType,
  type FloatOptions,
  type FloatSampleOptions,
  readParameters,
  readShaped,
  sampleShape,
} from "./parameters.ts";

/**
 * One sample, of a key and a parameter that are 0-d (Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables", 2000).
 *
 * A parameter below 1 is raised by 1 and the sample multiplied by `u^(1/a)`, which may underflow: hence the logarithm.
 */
function drawOne(k: NDArray, a: NDArray, logSpace: boolean): NDArray {
  const { dtype } = a;
  const [zero, one] = [lit(a, 0), lit(a, 1)];
  const large = logic.ge(a, one);
  const d = arith.sub(logic.select(large, a, arith.add(a, one)), lit(a, 1 / 3));
  const c = arith.div(lit(a, 1 / 3), arith.sqrt(d));
  const keys = randomSplit(k, [2]);

  /** A normal x with 1 + c·x > 0, and that. */
  const propose = (k: NDArray) =>
    loopWhile(
      [k, zero, lit(a, -1)] as const,
      ([, , v]) => logic.le(v, zero),
      ([k]) => {
        const keys = randomSplit(k, [2]);
        const x = normal(keys.get(1), [], { dtype });
        return [keys.get(0), x, arith.add(one, arith.mul(x, c))] as const;
      },
    );

  const [, , v] = loopWhile(
    [keys.get(0), zero, one, lit(a, 2)] as const,
    ([, x2, v, u]) => {
      const squeezed = arith.sub(one, arith.mul(lit(a, 0.0331), arith.mul(x2, x2)));
      const inner = arith.add(arith.sub(one, v), el.log(v));
      const bound = arith.add(arith.mul(x2, lit(a, 0.5)), arith.mul(d, inner));
      return logic.and(logic.ge(u, squeezed), logic.ge(el.log(u), bound));
    },
    ([k]) => {
      const keys = randomSplit(k, [3]);
      const [, x, v] = propose(keys.get(1));
      const cube = arith.mul(arith.mul(v, v), v);
      return [keys.get(0), arith.mul(x, x), cube, uniform(keys.get(2), [], { dtype })] as const;
    },
  );
  const inverse = arith.div(one, a);
  if (!logSpace) {
    const u = arith.sub(one, uniform(keys.get(1), [], { dtype }));
    return arith.mul(arith.mul(d, v), logic.select(large, one, el.pow(u, inverse)));
  }
  const logU = arith.neg(exponential(keys.get(1), [], { dtype }));
  const boost = logic.select(logic.or(large, logic.eq(logU, 0)), zero, arith.mul(logU, inverse));
  return arith.add(arith.add(el.log(d), el.log(v)), boost);
}

/** Samples, each with a key of its own, so that each goes on until it is accepted. */
function drawEach(k: NDArray, a: NDArray, logSpace: boolean): NDArray {
  const { shape, size } = a;
  const each = ([k, a]: readonly NDArray[]) => [drawOne(k, a, logSpace)];
  const [outs, dims] = vmapFlat(each, [randomSplit(k, [size]), reshape(a, [size])], [0, 0], size);
  return reshape(placeAxis(outs[0], dims[0], 0, size), shape);
}

/** Samples of a typed key and parameters in the shape of the sample. */
function draw(k: NDArray, a: NDArray, logSpace: boolean): NDArray {
  return getEvaluator().freeTemporaries(() =>
    customJvpCall(
      ([k, a]) => [drawEach(k, a, logSpace)],
      logSpace ? logRule : rule,
      "random_gamma",
      [k, a],
    )[0]
  );
}

function tangentOf(t: Tangent, derivative: () => NDArray): Tangent {
  return t instanceof Zero ? t : arith.mul(t, derivative());
}

// Rules are made once, so that two traces of one function are one program to the caches.
const rule: JvpFunction = ([k, a], [, t]) => {
  const out = draw(k, a, false);
  return [[out], [tangentOf(t, () => gammaSampleDerivative(a, out))]];
};

const logRule: JvpFunction = ([k, a], [, t]) => {
  const out = draw(k, a, true);
  const derivative = () => {
    const sample = el.exp(out);
    const positive = arith.max(sample, lit(sample, finfo(sample.dtype).tiny));
    return arith.div(gammaSampleDerivative(a, positive), positive);
  };
  return [[out], [tangentOf(t, derivative)]];
};

function gammaOf(
  k: NDArray,
  a: ArrayLike,
  options: FloatSampleOptions,
  logSpace: boolean,
  where: string,
): NDArray {
  const dtype = floatDType(options, where);
  const [, stretched] = readParameters({ a }, options.shape, dtype, where);
  return draw(singleKey(k, where), stretched, logSpace);
}

/**
 * Gamma-distributed floats of shape parameter `a` and scale 1, by Marsaglia and Tsang's rejection, each element from a key of its own.
 *
 * They have a derivative with respect to `a`, in both modes, once: that which leaves their quantile where it is (Figurnov, Mohamed and Mnih,
 * "Implicit Reparameterization Gradients", 2018).
 *
 * @param a Positive; a number or an array that broadcasts to `shape`. It is converted to `dtype`.
 * @param shapeOrOptions The shape of the sample, that of `a` unless given; or the options.
 * @throws {ShapeError} Where `a` does not broadcast to `shape`.
 * @throws {DTypeError} Where `dtype` is not floating.
 *
 * @example
 * ```ts
 * import { grad, type NDArray, numpy as np, random } from "@vernal/vernal";
 *
 * const key = random.key(0);
 * random.gamma(key, 2.5, [1000]).shape; // [1000]; mean and variance about 2.5
 * grad((a: NDArray) => random.gamma(key, a, [1000]).mean())(np.array(2.5)).item(); // about 1
 * ```
 */
export function gamma(
  k: NDArray,
  a: ArrayLike,
  shapeOrOptions: Shape | FloatSampleOptions | null = {},
  options: FloatOptions = {},
): NDArray {
  const where = "random.gamma";
  return gammaOf(k, a, readShaped(shapeOrOptions, options, where), false, where);
}

/**
 * Logarithms of gamma-distributed floats: those of {@linkcode gamma} for the same key, where these do not underflow. For small `a` most of them would.
 *
 * @param a As for {@linkcode gamma}.
 *
 * @example
 * ```ts
 * import { numpy as np, random } from "@vernal/vernal";
 *
 * const [tiny] = [random.gamma(random.key(1), 1e-3, [100])];
 * np.min(tiny).item(); // 0
 * np.isfinite(random.loggamma(random.key(1), 1e-3, [100])).all().item(); // true
 * ```
 */
export function loggamma(
  k: NDArray,
  a: ArrayLike,
  shapeOrOptions: Shape | FloatSampleOptions | null = {},
  options: FloatOptions = {},
): NDArray {
  const where = "random.loggamma";
  return gammaOf(k, a, readShaped(shapeOrOptions, options, where), true, where);
}

/**
 * Beta-distributed floats, in [0, 1]: `x / (x + y)` of gamma-distributed `x`, `y` of parameters `a`, `b`. Differentiable as {@linkcode gamma}.
 *
 * @param a Positive; a number or an array that broadcasts to the shape. So is `b`.
 *
 * @example
 * ```ts
 * import { numpy as np, random } from "@vernal/vernal";
 *
 * random.beta(random.key(0), 2, np.array([1, 2, 3])).shape; // [3]
 * random.beta(random.key(0), 2, 3, [4, 5], { dtype: "float64" }).dtype; // "float64"
 * ```
 */
export function beta(
  k: NDArray,
  a: ArrayLike,
  b: ArrayLike,
  shapeOrOptions: Shape | FloatSampleOptions | null = {},
  options: FloatOptions = {},
): NDArray {
  const where = "random.beta";
  const given = readShaped<FloatSampleOptions>(shapeOrOptions, options, where);
  const [, x, y] = readParameters({ a, b }, given.shape, floatDType(given, where), where);
  const keys = randomSplit(singleKey(k, where), [2]);
  const [logX, logY] = [draw(keys.get(0), x, true), draw(keys.get(1), y, true)];
  // The larger one becomes 1: the quotient of tiny numbers keeps its digits.
  const top = arith.max(logX, logY);
  const scaled = [logX, logY].map((v) => el.exp(arith.sub(v, top)));
  return arith.div(scaled[0], arith.add(scaled[0], scaled[1]));
}

/**
 * Points of a simplex, Dirichlet-distributed: gamma-distributed floats over their sum along the last axis. Differentiable as {@linkcode gamma}.
 *
 * @param alpha Positive; an array of at least one axis, the last being that of the parts.
 * @param shapeOrOptions The shape without the last axis; that of `alpha` unless given.
 *
 * @example
 * ```ts
 * import { numpy as np, random } from "@vernal/vernal";
 *
 * random.dirichlet(random.key(0), np.array([1, 2, 3]), [5]).sum(-1).tolist(); // about [1, 1, 1, 1, 1]
 * ```
 */
export function dirichlet(
  k: NDArray,
  alpha: ArrayLike,
  shapeOrOptions: Shape | FloatSampleOptions | null = {},
  options: FloatOptions = {},
): NDArray {
  const where = "random.dirichlet";
  const given = readShaped<FloatSampleOptions>(shapeOrOptions, options, where);
  const array = floatArray(alpha, floatDType(given, where), "alpha", where);
  if (array.ndim === 0) {
    throw new ShapeError(
      `${where}: alpha must have an axis of the parts; got ${formatShape(array.shape)}`,
    );
  }
  const batch = sampleShape(given.shape, [array.shape.slice(0, -1)], where);
  const stretched = broadcastArray(array, [...batch, ...array.shape.slice(-1)]);
  return softmax(draw(singleKey(k, where), stretched, true), -1);
}

/**
 * Chi-square floats: twice gamma-distributed ones of parameter `df / 2`. Differentiable as {@linkcode gamma}.
 *
 * @param df The degrees of freedom, positive; a number or an array that broadcasts to the shape.
 *
 * @example
 * ```ts
 * import { random } from "@vernal/vernal";
 *
 * random.chisquare(random.key(0), 3, [1000]).mean().item(); // about 3
 * ```
 */
export function chisquare(
  k: NDArray,
  df: ArrayLike,
  shapeOrOptions: Shape | FloatSampleOptions | null = {},
  options: FloatOptions = {},
): NDArray {
  const where = "random.chisquare";
  const given = readShaped<FloatSampleOptions>(shapeOrOptions, options, where);
  const [, x] = readParameters({ df }, given.shape, floatDType(given, where), where);
  return chisquareOf(singleKey(k, where), x);
}

function chisquareOf(k: NDArray, df: NDArray): NDArray {
  return arith.mul(el.exp(draw(k, arith.div(df, 2), true)), 2);
}

/**
 * Floats of the F distribution: the quotient of two chi-square ones, each over its degrees of freedom. Differentiable as {@linkcode gamma}.
 *
 * @param dfnum The degrees of freedom above, positive; `dfden` those below. Numbers or arrays that broadcast to the shape.
 */
export function f(
  k: NDArray,
  dfnum: ArrayLike,
  dfden: ArrayLike,
  shapeOrOptions: Shape | FloatSampleOptions | null = {},
  options: FloatOptions = {},
): NDArray {
  const where = "random.f";
  const given = readShaped<FloatSampleOptions>(shapeOrOptions, options, where);
  const dtype = floatDType(given, where);
  const [, above, below] = readParameters({ dfnum, dfden }, given.shape, dtype, where);
  const keys = randomSplit(singleKey(k, where), [2]);
  const denominator = arith.div(chisquareOf(keys.get(0), below), below);
  return arith.div(arith.div(chisquareOf(keys.get(1), above), above), denominator);
}

/**
 * Floats of Student's t distribution: normal ones over the root of a chi-square one per degree of freedom. Differentiable as {@linkcode gamma}.
 *
 * @param df The degrees of freedom, positive; a number or an array that broadcasts to the shape.
 *
 * @example
 * ```ts
 * import { random } from "@vernal/vernal";
 *
 * random.t(random.key(0), 4, [2, 3]).shape; // [2, 3]
 * ```
 */
export function t(
  k: NDArray,
  df: ArrayLike,
  shapeOrOptions: Shape | FloatSampleOptions | null = {},
  options: FloatOptions = {},
): NDArray {
  const where = "random.t";
  const given = readShaped<FloatSampleOptions>(shapeOrOptions, options, where);
  const dtype = floatDType(given, where);
  const [shape, x] = readParameters({ df }, given.shape, dtype, where);
  const keys = randomSplit(singleKey(k, where), [2]);
  const n = normal(keys.get(0), shape, { dtype });
  const half = arith.div(x, 2);
  return arith.mul(n, arith.sqrt(arith.div(half, draw(keys.get(1), half, false))));
}

/**
 * Floats of density proportional to `exp(-|x|^p)`: 1 for Laplace's, 2 for a normal one of variance 1/2. Differentiable as {@linkcode gamma}.
 *
 * @param p Positive; a number or an array that broadcasts to the shape.
 * @param shapeOrOptions The shape, that of `p` unless given; or the options.
 */
export function generalizedNormal(
  k: NDArray,
  p: ArrayLike,
  shapeOrOptions: Shape | FloatSampleOptions | null = {},
  options: FloatOptions = {},
): NDArray {
  const where = "random.generalizedNormal";
  const given = readShaped<FloatSampleOptions>(shapeOrOptions, options, where);
  const dtype = floatDType(given, where);
  const [shape, power] = readParameters({ p }, given.shape, dtype, where);
  const keys = randomSplit(singleKey(k, where), [2]);
  const inverse = arith.div(lit(power, 1), power);
  const sign = rademacher(keys.get(1), shape, { dtype });
  return arith.mul(sign, el.pow(draw(keys.get(0), inverse, false), inverse));
}

/** Options of {@linkcode ball}. */
export interface BallOptions extends FloatOptions {
  /** Which norm the ball is of, 2 unless given. */
  readonly p?: ArrayLike;
  /** The shape of the points, each of which is a last axis more; one point unless given. */
  readonly shape?: Shape;
}

/**
 * Points spread evenly over the unit ball of `d` dimensions in the `p`-norm (Barthe, Guédon, Mendelson and Naor, "A Probabilistic Approach to the
 * Geometry of the lₚⁿ-Ball", 2005). Differentiable as {@linkcode gamma}.
 *
 * @param d The dimension, a host integer.
 * @returns An array of shape `[...shape, d]`.
 *
 * @example
 * ```ts
 * import { random } from "@vernal/vernal";
 *
 * random.ball(random.key(0), 3, { shape: [100] }).shape; // [100, 3]
 * ```
 */
export function ball(k: NDArray, d: number, options: BallOptions = {}): NDArray {
  const where = "random.ball";
  const dtype = floatDType(options, where);
  const shape = checkShape(options.shape ?? [], where);
  const points = checkShape([...shape, d], where);
  const p = floatArray(options.p ?? 2, dtype, "options.p", where);
  const keys = randomSplit(singleKey(k, where), [2]);
  const g = generalizedNormal(keys.get(0), p, points, { dtype });
  const e = exponential(keys.get(1), shape, { dtype });
  const powers = el.pow(arith.abs(g), broadcastArray(p, points));
  const sum = arith.add(reduceSum(powers, [shape.length]), e);
  const norm = el.pow(sum, broadcastArray(arith.div(lit(p, 1), p), shape));
  return arith.div(g, broadcastInDim(norm, points, shape.map((_, i) => i)));
}
