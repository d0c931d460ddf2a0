/**
 * Continuous distributions that are functions of uniform, normal or exponential numbers: differentiable with respect to their parameters, to any order.
 *
 * @module
 */
import type { ArrayLike, NDArray } from "../core/array.ts";
import type { Shape } from "../core/aval.ts";
import { checkShape } from "../numpy/creation.ts";
import { broadcastArray, broadcastShapes } from "../numpy/promote.ts";
import * as arith from "../ops/arith.ts";
import { lit } from "../ops/common.ts";
import * as el from "../ops/elementary.ts";
import * as logic from "../ops/logic.ts";
import { randomSplit } from "../ops/random_bits.ts";
import { reduceSum } from "../ops/shape.ts";
import { exponential, normal, uniform } from "./continuous.ts";
import { rademacher } from "./discrete.ts";
import { singleKey } from "./keys.ts";
import {
  floatArray,
  floatDType,
  type FloatOptions,
  type FloatSampleOptions,
  readParameters,
  readShaped,
} from "./parameters.ts";

/**
 * Pareto-distributed floats, from 1 up: `exp(e / b)` of an exponential `e`.
 *
 * @param b Positive; a number or an array that broadcasts to the shape.
 *
 * @example
 * ```ts
 * import { random } from "@vernal/vernal";
 *
 * random.pareto(random.key(0), 3, [1000]).mean().item(); // about 1.5
 * ```
 */
export function pareto(
  k: NDArray,
  b: ArrayLike,
  shapeOrOptions: Shape | FloatSampleOptions | null = {},
  options: FloatOptions = {},
): NDArray {
  const where = "random.pareto";
  const given = readShaped<FloatSampleOptions>(shapeOrOptions, options, where);
  const dtype = floatDType(given, where);
  const [shape, power] = readParameters({ b }, given.shape, dtype, where);
  return el.exp(arith.div(exponential(singleKey(k, where), shape, { dtype }), power));
}

/**
 * Weibull-distributed floats: `scale · e^(1 / concentration)` of an exponential `e`.
 *
 * @param scale Positive; a number or an array that broadcasts to the shape. So is `concentration`.
 */
export function weibullMin(
  k: NDArray,
  scale: ArrayLike,
  concentration: ArrayLike,
  shapeOrOptions: Shape | FloatSampleOptions | null = {},
  options: FloatOptions = {},
): NDArray {
  const where = "random.weibullMin";
  const given = readShaped<FloatSampleOptions>(shapeOrOptions, options, where);
  const dtype = floatDType(given, where);
  const [shape, a, c] = readParameters({ scale, concentration }, given.shape, dtype, where);
  const e = exponential(singleKey(k, where), shape, { dtype });
  return arith.mul(el.pow(e, arith.div(lit(c, 1), c)), a);
}

/**
 * Rayleigh-distributed floats: the length of a vector of two normal numbers of standard deviation `scale`.
 *
 * @param scale Positive; a number or an array that broadcasts to the shape.
 */
export function rayleigh(
  k: NDArray,
  scale: ArrayLike,
  shapeOrOptions: Shape | FloatSampleOptions | null = {},
  options: FloatOptions = {},
): NDArray {
  const where = "random.rayleigh";
  const given = readShaped<FloatSampleOptions>(shapeOrOptions, options, where);
  const dtype = floatDType(given, where);
  const [shape, factor] = readParameters({ scale }, given.shape, dtype, where);
  const u = uniform(singleKey(k, where), shape, { dtype });
  return arith.mul(factor, arith.sqrt(arith.mul(el.log(u), -2)));
}

/** Maxwell-distributed floats: the length of a vector of three standard normal numbers. */
export function maxwell(
  k: NDArray,
  shapeOrOptions: Shape | FloatSampleOptions | null = [],
  options: FloatOptions = {},
): NDArray {
  const where = "random.maxwell";
  const given = readShaped<FloatSampleOptions>(shapeOrOptions, options, where);
  const dtype = floatDType(given, where);
  const shape = checkShape(given.shape ?? [], where);
  const x = normal(singleKey(k, where), [...shape, 3], { dtype });
  return arith.sqrt(reduceSum(arith.mul(x, x), [shape.length]));
}

/**
 * Maxwell-distributed floats of either sign, times `scale`, plus `loc`.
 *
 * @param loc A number or an array; so is `scale`.
 * @param shapeOrOptions The shape in front of that of the parameters together, as JAX has it: the sample's is both, one after the other. Without it, the
 * parameters' shape stands there, too.
 */
export function doubleSidedMaxwell(
  k: NDArray,
  loc: ArrayLike,
  scale: ArrayLike,
  shapeOrOptions: Shape | FloatSampleOptions | null = {},
  options: FloatOptions = {},
): NDArray {
  const where = "random.doubleSidedMaxwell";
  const given = readShaped<FloatSampleOptions>(shapeOrOptions, options, where);
  const dtype = floatDType(given, where);
  const centre = floatArray(loc, dtype, "loc", where);
  const factor = floatArray(scale, dtype, "scale", where);
  const own = broadcastShapes([centre.shape, factor.shape], where);
  const front = checkShape(given.shape ?? [], where);
  const shape = [...(front.length === 0 ? own : front), ...own];
  const keys = randomSplit(singleKey(k, where), [2]);
  const size = maxwell(keys.get(0), shape, { dtype });
  const signed = arith.mul(rademacher(keys.get(1), shape, { dtype }), size);
  return arith.add(
    arith.mul(signed, broadcastArray(factor, shape)),
    broadcastArray(centre, shape),
  );
}

/**
 * Wald-distributed (inverse Gaussian) floats of shape parameter 1 (Michael, Schucany and Haas, "Generating Random Variates Using Transformations with Multiple
 * Roots", 1976).
 *
 * @param mean Positive; a number or an array that broadcasts to the shape.
 */
export function wald(
  k: NDArray,
  mean: ArrayLike,
  shapeOrOptions: Shape | FloatSampleOptions | null = {},
  options: FloatOptions = {},
): NDArray {
  const where = "random.wald";
  const given = readShaped<FloatSampleOptions>(shapeOrOptions, options, where);
  const dtype = floatDType(given, where);
  const [shape, m] = readParameters({ mean }, given.shape, dtype, where);
  const keys = randomSplit(singleKey(k, where), [2]);
  const y = arith.square(normal(keys.get(0), shape, { dtype }));
  const z = uniform(keys.get(1), shape, { dtype });
  const square = arith.square(m);
  const root = arith.sqrt(
    arith.add(arith.mul(arith.mul(m, 4), y), arith.mul(square, arith.square(y))),
  );
  const x = arith.sub(
    arith.add(m, arith.div(arith.mul(square, y), 2)),
    arith.mul(arith.div(m, 2), root),
  );
  return logic.select(logic.le(z, arith.div(m, arith.add(m, x))), x, arith.div(square, x));
}

/**
 * Floats in `[left, right]` whose density rises in a line to `mode` and falls in a line from there.
 *
 * @param left A number or an array that broadcasts to the shape; so are `mode` and `right`, in this order of size.
 *
 * @example
 * ```ts
 * import { random } from "@vernal/vernal";
 *
 * random.triangular(random.key(0), -1, 0, 1, [5]).shape; // [5]
 * ```
 */
export function triangular(
  k: NDArray,
  left: ArrayLike,
  mode: ArrayLike,
  right: ArrayLike,
  shapeOrOptions: Shape | FloatSampleOptions | null = {},
  options: FloatOptions = {},
): NDArray {
  const where = "random.triangular";
  const given = readShaped<FloatSampleOptions>(shapeOrOptions, options, where);
  const dtype = floatDType(given, where);
  const [shape, a, c, b] = readParameters({ left, mode, right }, given.shape, dtype, where);
  const u = uniform(singleKey(k, where), shape, { dtype });
  const [width, rising, falling] = [arith.sub(b, a), arith.sub(c, a), arith.sub(b, c)];
  const below = arith.mul(arith.mul(u, width), rising);
  const above = arith.mul(arith.mul(arith.sub(lit(u, 1), u), width), falling);
  return logic.select(
    logic.lt(u, arith.div(rising, width)),
    arith.add(a, arith.sqrt(below)),
    arith.sub(b, arith.sqrt(above)),
  );
}

/** Options of {@linkcode lognormal}. */
export interface LognormalOptions extends FloatSampleOptions {
  /** The standard deviation of the logarithm, 1 unless given. */
  readonly sigma?: ArrayLike;
}

/**
 * Floats whose logarithm is normal, of mean 0 and standard deviation `sigma`.
 *
 * @param options `shape` is that of `sigma` unless given.
 *
 * @example
 * ```ts
 * import { random } from "@vernal/vernal";
 *
 * random.lognormal(random.key(0), { sigma: 0.5, shape: [3] }).shape; // [3]
 * ```
 */
export function lognormal(k: NDArray, options: LognormalOptions = {}): NDArray {
  const where = "random.lognormal";
  const dtype = floatDType(options, where);
  const { sigma = 1 } = options;
  const [shape, s] = readParameters({ sigma }, options.shape, dtype, where);
  return el.exp(arith.mul(normal(singleKey(k, where), shape, { dtype }), s));
}
