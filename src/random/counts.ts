/**
 * Distributions of counts: Poisson's, the geometric, the binomial and the multinomial one. None has a derivative with respect to its parameters.
 *
 * @module
 */
import { ShapeError } from "../errors.ts";
import type { ArrayLike, NDArray } from "../core/array.ts";
import { formatShape, type Shape } from "../core/aval.ts";
import { type DType, integerLimits } from "../core/dtype.ts";
import { getEvaluator } from "../core/trace.ts";
import { loopWhile } from "../control/structured.ts";
import { scan } from "../lax/loops.ts";
import { take } from "../numpy/lookup.ts";
import { broadcastArray, promoteInexact, toInexact } from "../numpy/promote.ts";
import * as arith from "../ops/arith.ts";
import { lit, literal } from "../ops/common.ts";
import { convertElementType, stopGradient } from "../ops/convert.ts";
import { cumsum } from "../ops/cumulative.ts";
import { concatenate } from "../ops/dynamic.ts";
import * as el from "../ops/elementary.ts";
import * as logic from "../ops/logic.ts";
import { randomSplit } from "../ops/random_bits.ts";
import { reduceOr } from "../ops/reduce.ts";
import { fullLike, moveAxis } from "../ops/shape.ts";
import { uniform } from "./continuous.ts";
import { singleKey } from "./keys.ts";
import {
  floatArray,
  floatDType,
  type FloatOptions,
  type FloatSampleOptions,
  integerDType,
  type IntegerOptions,
  type IntegerSampleOptions,
  readParameters,
  readShaped,
  sampleShape,
} from "./parameters.ts";

function any(x: NDArray): NDArray {
  return reduceOr(x, x.shape.map((_, i) => i));
}

function all(value: number | boolean, like: NDArray, dtype: DType = like.dtype): NDArray {
  return fullLike(literal(value, dtype), like.shape);
}

/** As many steps as JAX takes before it gives up: such as no sample ever needs. */
function stepLimit(dtype: DType): number {
  return Math.min(Number(integerLimits(dtype)[1]), 2 ** 31 - 1);
}

/** How many uniform numbers can be multiplied before the product is below `exp(-rate)` (Knuth, "The Art of Computer Programming", 3.4.1). */
function poissonByProducts(k: NDArray, rate: NDArray, dtype: DType): NDArray {
  const limit = stepLimit(dtype);
  const bound = arith.neg(rate);
  const end = loopWhile(
    { i: literal(0, "int32"), count: all(0, rate, dtype), key: k, logProduct: all(0, rate) },
    ({ i, logProduct }) => logic.and(any(logic.gt(logProduct, bound)), logic.lt(i, limit)),
    ({ i, count, key, logProduct }) => {
      const keys = randomSplit(key, [2]);
      const goesOn = convertElementType(logic.gt(logProduct, bound), dtype);
      const u = uniform(keys.get(1), rate.shape);
      return {
        i: arith.add(i, 1),
        count: arith.add(count, goesOn),
        key: keys.get(0),
        logProduct: arith.add(logProduct, el.log(u)),
      };
    },
  );
  return arith.sub(end.count, 1);
}

/** Transformed rejection, for rates of 10 or more (Hörmann, "The Transformed Rejection Method for Generating Poisson Random Variables", 1993). */
function poissonByRejection(k: NDArray, rate: NDArray, dtype: DType): NDArray {
  const limit = stepLimit(dtype);
  const { shape } = rate;
  const logRate = el.log(rate);
  const b = arith.add(arith.mul(arith.sqrt(rate), 2.53), 0.931);
  const a = arith.add(arith.mul(b, 0.02483), -0.059);
  const inverseAlpha = arith.add(arith.div(lit(b, 1.1328), arith.sub(b, 3.4)), 1.1239);
  const squeeze = arith.sub(lit(b, 0.9277), arith.div(lit(b, 3.6224), arith.sub(b, 2)));
  const end = loopWhile(
    { i: literal(0, "int32"), count: all(-1, rate), accepted: all(false, rate, "bool"), key: k },
    // Until all are accepted, an accepted number gives way to the next that is: hence numbers depend on all that are drawn with them, as in JAX.
    ({ i, accepted }) => logic.and(any(logic.not(accepted)), logic.lt(i, limit)),
    ({ i, count, accepted, key }) => {
      const keys = randomSplit(key, [3]);
      const u = arith.sub(uniform(keys.get(1), shape), 0.5);
      const v = uniform(keys.get(2), shape);
      const edge = arith.sub(lit(u, 0.5), arith.abs(u));
      const slope = arith.add(arith.div(arith.mul(a, 2), edge), b);
      const proposed = arith.floor(arith.add(arith.add(arith.mul(slope, u), rate), 0.43));
      const hat = arith.add(arith.div(a, arith.mul(edge, edge)), b);
      const s = el.log(arith.div(arith.mul(v, inverseAlpha), hat));
      const logDensity = arith.sub(
        arith.add(arith.neg(rate), arith.mul(proposed, logRate)),
        el.lgamma(arith.add(proposed, 1)),
      );
      const atOnce = logic.and(logic.ge(edge, 0.07), logic.le(v, squeeze));
      const steep = logic.and(logic.lt(edge, 0.013), logic.gt(v, edge));
      const refused = logic.or(logic.lt(proposed, 0), steep);
      const accept = logic.or(
        atOnce,
        logic.and(logic.not(refused), logic.le(s, logDensity)),
      );
      return {
        i: arith.add(i, 1),
        count: logic.select(accept, proposed, count),
        accepted: logic.or(accepted, accept),
        key: keys.get(0),
      };
    },
  );
  return convertElementType(end.count, dtype);
}

/**
 * Poisson-distributed integers of rate `lam`: by products of uniform numbers for rates below 10, else by Hörmann's transformed rejection.
 *
 * @param lam The rate, not negative; a number or an array that broadcasts to the shape. Computed with in float32. -1 comes where it is NaN.
 * @param shapeOrOptions The shape of the sample, that of `lam` unless given; or the options.
 * @throws {ShapeError} Where `lam` does not broadcast to the shape.
 *
 * @example
 * ```ts
 * import { numpy as np, random } from "@vernal/vernal";
 *
 * random.poisson(random.key(0), 3, [1000]).mean().item(); // about 3
 * random.poisson(random.key(0), np.array([0, 1, 1e6])).dtype; // "int32"
 * ```
 */
export function poisson(
  k: NDArray,
  lam: ArrayLike,
  shapeOrOptions: Shape | IntegerSampleOptions | null = {},
  options: IntegerOptions = {},
): NDArray {
  const where = "random.poisson";
  const given = readShaped<IntegerSampleOptions>(shapeOrOptions, options, where);
  const dtype = integerDType(given, where);
  const [, read] = readParameters({ lam }, given.shape, "float32", where);
  const key = singleKey(k, where);
  return getEvaluator().freeTemporaries(() => {
    const rate = stopGradient(read);
    const small = logic.or(logic.ne(rate, rate), logic.lt(rate, 10));
    // Both ways run for all. What is not wanted of products ends at once; of rejection it gets a rate that does not keep the others waiting.
    const result = logic.select(
      small,
      poissonByProducts(key, logic.select(small, rate, all(0, rate)), dtype),
      poissonByRejection(key, logic.select(small, all(1e5, rate), rate), dtype),
    );
    return logic.select(logic.eq(rate, 0), all(0, result), result);
  });
}

/**
 * How many trials it takes to succeed once, 1 at least, with probability `p` in each: integers.
 *
 * @param p In (0, 1); a number or an array that broadcasts to the shape.
 * @param shapeOrOptions The shape of the sample, that of `p` unless given; or the options.
 *
 * @example
 * ```ts
 * import { random } from "@vernal/vernal";
 *
 * random.geometric(random.key(0), 0.25, [1000]).mean().item(); // about 4
 * ```
 */
export function geometric(
  k: NDArray,
  p: ArrayLike,
  shapeOrOptions: Shape | IntegerSampleOptions | null = {},
  options: IntegerOptions = {},
): NDArray {
  const where = "random.geometric";
  const given = readShaped<IntegerSampleOptions>(shapeOrOptions, options, where);
  const dtype = integerDType(given, where);
  const type = toInexact(p, where).dtype;
  const [shape, chance] = readParameters({ p }, given.shape, type, where);
  const drawn = uniform(singleKey(k, where), shape, { dtype: type });
  const u = logic.select(logic.eq(drawn, 0), all(1, drawn), drawn); // its logarithm is to be finite
  const trials = arith.div(el.log(u), el.log1p(arith.neg(stopGradient(chance))));
  return convertElementType(arith.add(arith.floor(trials), 1), dtype);
}

/** Successes among trials, by adding up how long each takes: of few (Devroye, "Non-Uniform Random Variate Generation", X.4.3). */
function binomialByWaiting(k: NDArray, n: NDArray, p: NDArray): NDArray {
  const scale = el.log1p(arith.neg(p));
  const end = loopWhile(
    { successes: all(0, p), trials: all(0, p), key: k },
    ({ trials }) => any(logic.le(trials, n)),
    ({ successes, trials, key }) => {
      const keys = randomSplit(key, [2]);
      const within = convertElementType(logic.le(trials, n), p.dtype);
      const u = uniform(keys.get(0), p.shape, { dtype: p.dtype });
      return {
        successes: arith.add(successes, within),
        trials: arith.add(trials, arith.ceil(arith.div(el.log(u), scale))),
        key: keys.get(1),
      };
    },
  );
  return arith.sub(end.successes, 1);
}

/** `log(k!)` less Stirling's approximation, for k from 0 to 9. */
const stirlingTails = [
  0.0810614667953272,
  0.0413406959554092,
  0.0276779256849983,
  0.02079067210376509,
  0.0166446911898211,
  0.0138761288230707,
  0.0118967099458917,
  0.0104112652619720,
  0.00925546218271273,
  0.00833056343336287,
];

/** What is missing from Stirling's approximation of `log(k!)`. Beyond 9 it stays that of 9, as in JAX: the samples are to be the same. */
function stirlingTail(k: NDArray, table: NDArray): NDArray {
  const kept = arith.clamp(lit(k, 0), k, lit(k, 9));
  const next = arith.add(kept, 1);
  const square = arith.mul(next, next);
  const inner = arith.sub(lit(k, 1 / 360), arith.div(lit(k, 1 / 1260), square));
  const series = arith.div(arith.sub(lit(k, 1 / 12), arith.div(inner, square)), next);
  const exact = take(table, convertElementType(arith.floor(kept), "int32"));
  return logic.select(logic.le(k, 9), exact, series);
}

/** Transformed rejection (Hörmann, "The Generation of Binomial Random Variates", 1993). */
function binomialByRejection(k: NDArray, n: NDArray, p: NDArray): NDArray {
  const { dtype, shape } = p;
  const values = stirlingTails.map((v) => fullLike(literal(v, dtype), [1]));
  const table = concatenate(values, 0);
  const tail = (k: NDArray) => stirlingTail(k, table);
  const q = arith.sub(lit(p, 1), p);
  const spread = arith.sqrt(arith.mul(arith.mul(n, p), q));
  const b = arith.add(arith.mul(spread, 2.53), 1.15);
  const a = arith.add(arith.add(arith.mul(b, 0.0248), -0.0873), arith.mul(p, 0.01));
  const c = arith.add(arith.mul(n, p), 0.5);
  const squeeze = arith.sub(lit(b, 0.92), arith.div(lit(b, 4.2), b));
  const odds = arith.div(p, q);
  const alpha = arith.mul(arith.add(arith.div(lit(b, 5.1), b), 2.83), spread);
  const mode = arith.floor(arith.mul(arith.add(n, 1), p));
  const past = arith.add(arith.sub(n, mode), 1);
  const logAtMode = el.log(arith.div(arith.add(mode, 1), arith.mul(odds, past)));
  const peak = arith.mul(arith.add(mode, 0.5), logAtMode);
  const end = loopWhile(
    { count: all(-1, p), accepted: all(false, p, "bool"), key: k },
    // Until all are accepted, an accepted number gives way to the next that is: hence numbers depend on all that are drawn with them, as in JAX.
    ({ accepted }) => any(logic.not(accepted)),
    ({ count, accepted, key }) => {
      const keys = randomSplit(key, [3]);
      const u = arith.sub(uniform(keys.get(1), shape, { dtype }), 0.5);
      const v = uniform(keys.get(2), shape, { dtype });
      const edge = arith.sub(lit(u, 0.5), arith.abs(u));
      const atOnce = logic.and(logic.ge(edge, 0.07), logic.le(v, squeeze));
      const slope = arith.add(arith.div(arith.mul(a, 2), edge), b);
      const proposed = arith.floor(arith.add(arith.mul(slope, u), c));
      const refused = logic.or(logic.lt(proposed, 0), logic.gt(proposed, n));
      const hat = arith.add(arith.div(a, arith.mul(edge, edge)), b);
      const s = el.log(arith.div(arith.mul(v, alpha), hat));
      const left = arith.add(arith.sub(n, proposed), 1);
      const logRatio = arith.mul(arith.add(n, 1), el.log(arith.div(past, left)));
      const atProposed = arith.mul(
        arith.add(proposed, 0.5),
        el.log(arith.div(arith.mul(odds, left), arith.add(proposed, 1))),
      );
      const tails = [
        tail(mode),
        tail(arith.sub(n, mode)),
        arith.neg(tail(proposed)),
        arith.neg(tail(arith.sub(n, proposed))),
      ];
      const bound = [logRatio, atProposed, ...tails].reduce(arith.add, peak);
      const accept = logic.or(atOnce, logic.and(logic.not(refused), logic.le(s, bound)));
      return {
        count: logic.select(accept, proposed, count),
        accepted: logic.or(accepted, accept),
        key: keys.get(0),
      };
    },
  );
  return end.count;
}

/** Successes among `n` trials: arrays of one shape and dtype. */
function binomialOf(key: NDArray, trials: NDArray, chance: NDArray, dtype: DType): NDArray {
  return getEvaluator().freeTemporaries(() => {
    const [given, p] = [stopGradient(trials), stopGradient(chance)];
    const isRare = logic.lt(p, 0.5);
    const asked = logic.select(isRare, p, arith.sub(lit(p, 1), p));
    const badCount = logic.or(logic.ne(given, given), logic.lt(given, 0));
    const isInfinite = logic.eq(given, Infinity);
    const isNaN = logic.ne(asked, asked);
    const badChance = logic.or(isNaN, logic.lt(asked, 0));
    const q = logic.select(badChance, all(0.01, p), asked);
    const few = logic.or(badCount, logic.le(arith.mul(given, q), 10));
    const n = arith.floor(given);
    // Both ways run for all, with harmless numbers where the other way is wanted.
    const drawn = logic.select(
      few,
      binomialByWaiting(key, logic.select(few, n, all(0, n)), q),
      binomialByRejection(
        key,
        logic.select(few, all(1e4, n), n),
        logic.select(few, all(0.5, q), q),
      ),
    );
    const successes = convertElementType(drawn, dtype);
    const invalid = logic.or(badChance, badCount);
    const known = logic.select(invalid, all(NaN, successes), successes);
    const unbounded = logic.and(isInfinite, logic.not(invalid));
    const finite = logic.select(unbounded, all(Infinity, known), known);
    const asIs = logic.or(logic.or(isRare, badCount), logic.or(isNaN, isInfinite));
    return logic.select(asIs, finite, arith.sub(convertElementType(n, dtype), finite));
  });
}

/**
 * How many of `n` trials succeed, each with probability `p`: whole numbers as floats, as JAX gives them.
 *
 * @param n Not negative; a number or an array that broadcasts to the shape. So is `p`, in [0, 1]. NaN comes where one of them is out of range.
 * @param shapeOrOptions The shape of the sample, that of the parameters together unless given; or the options.
 * @throws {ShapeError} Where the parameters do not broadcast to the shape.
 *
 * @example
 * ```ts
 * import { random } from "@vernal/vernal";
 *
 * random.binomial(random.key(0), 10, 0.3, [1000]).mean().item(); // about 3
 * ```
 */
export function binomial(
  k: NDArray,
  n: ArrayLike,
  p: ArrayLike,
  shapeOrOptions: Shape | FloatSampleOptions | null = {},
  options: FloatOptions = {},
): NDArray {
  const where = "random.binomial";
  const given = readShaped<FloatSampleOptions>(shapeOrOptions, options, where);
  const dtype = floatDType(given, where);
  const type = toInexact(p, where).dtype;
  const [, trials, chance] = readParameters({ n, p }, given.shape, type, where);
  return binomialOf(singleKey(k, where), trials, chance, dtype);
}

/**
 * How often each of several outcomes comes in `n` trials: whole numbers as floats, one binomial draw after the other of what is left.
 *
 * @param n Not negative; a number or an array that broadcasts to the shape without its last axis.
 * @param p The probability of each outcome, along the last axis.
 * @param options `shape` is the whole shape of the sample, its last axis included; that of `p` unless given.
 *
 * @example
 * ```ts
 * import { numpy as np, random } from "@vernal/vernal";
 *
 * random.multinomial(random.key(0), 20, np.array([0.5, 0.3, 0.2])).sum().item(); // 20
 * ```
 */
export function multinomial(
  k: NDArray,
  n: ArrayLike,
  p: ArrayLike,
  options: FloatSampleOptions = {},
): NDArray {
  const where = "random.multinomial";
  const dtype = floatDType(options, where);
  const type = promoteInexact([n, p], where)[0].dtype;
  const [trials, chances] = [floatArray(n, type, "n", where), floatArray(p, type, "p", where)];
  if (chances.ndim === 0) {
    throw new ShapeError(
      `${where}: p must have an axis of the outcomes; got ${formatShape(chances.shape)}`,
    );
  }
  const shape = sampleShape(options.shape, [chances.shape], where);
  const batch = sampleShape(shape.slice(0, -1), [trials.shape], where);
  const parts = moveAxis(broadcastArray(chances, shape), shape.length - 1, 0);
  const remaining = cumsum(parts, 0, true);
  const divisor = logic.select(logic.eq(remaining, 0), all(1, remaining), remaining);
  const ratios = arith.clamp(lit(parts, 0), arith.div(parts, divisor), lit(parts, 1));
  const keys = randomSplit(singleKey(k, where), [parts.shape[0]]);
  const step = (left: NDArray, [ratio, key]: readonly [NDArray, NDArray]) => {
    const count = binomialOf(key, left, ratio, type);
    return [arith.sub(left, count), count] as const;
  };
  const [, counts] = scan(
    step as (left: NDArray, xs: unknown) => readonly [NDArray, NDArray],
    broadcastArray(trials, batch),
    [ratios, keys],
  ) as [NDArray, NDArray];
  return convertElementType(moveAxis(counts, 0, shape.length - 1), dtype);
}
