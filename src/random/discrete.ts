/**
 * Discrete distributions and permutations.
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import { type ArrayLike, NDArray } from "../core/array.ts";
import { formatShape, type Shape, sizeOf } from "../core/aval.ts";
import { checkDType, type DType, dtypeInfo, integerLimits, isBig } from "../core/dtype.ts";
import * as arith from "../ops/arith.ts";
import { lit, literal } from "../ops/common.ts";
import { convertElementType } from "../ops/convert.ts";
import * as el from "../ops/elementary.ts";
import * as logic from "../ops/logic.ts";
import { randomBits, randomSplit } from "../ops/random_bits.ts";
import { argmax } from "../ops/reduce.ts";
import { broadcastInDim, fullLike, iota, reshape } from "../ops/shape.ts";
import { slice } from "../ops/slicing.ts";
import { sortKeyVal } from "../ops/sort.ts";
import { cumsum } from "../ops/cumulative.ts";
import { checkShape } from "../numpy/creation.ts";
import { asArray, broadcastArray, normalizeAxis, promoteInexact } from "../numpy/promote.ts";
import { searchsorted, take } from "../numpy/lookup.ts";
import { topK } from "../lax/top_k.ts";
import { gumbel, uniform } from "./continuous.ts";
import { singleKey } from "./keys.ts";
import { integerDType, type IntegerOptions, readShaped } from "./parameters.ts";

/** Options of {@linkcode randint}. */
export type RandintOptions = IntegerOptions;

/** A bound of an integer range, clipped to what it may be; and whether it lay above. */
function integerBound(
  x: ArrayLike,
  dtype: DType,
  [low, high]: readonly [bigint, bigint],
  shape: Shape,
  where: string,
): [NDArray, boolean] {
  if (typeof x === "number" || typeof x === "bigint") {
    const value = typeof x === "bigint" ? x : BigInt(Math.trunc(x));
    const clipped = value < low ? low : value > high ? high : value;
    return [literal(isBig(dtype) ? clipped : Number(clipped), dtype), value > high];
  }
  let array = convertElementType(asArray(x, where), dtype);
  if (integerLimits(dtype)[1] > high) {
    array = arith.min(arith.max(array, lit(array, Number(low))), lit(array, Number(high)));
  }
  return [array.ndim === 0 ? array : broadcastArray(array, shape), false];
}

/**
 * Random integers in `[minval, maxval)`. The same as JAX's, with its slight bias for ranges that are no power of 2.
 *
 * @param shape The shape; `[]` for one integer.
 */
export function randint(
  k: NDArray,
  shape: Shape,
  minval: ArrayLike,
  maxval: ArrayLike,
  options: RandintOptions = {},
): NDArray {
  const where = "random.randint";
  const dtype = integerDType(options, where);
  const sizes = checkShape(shape, where);
  // Short integers are drawn as int32, as JAX does: fewer random bits would make the bias large.
  const isShort = dtypeInfo(dtype).bytes < 4;
  const drawn = isShort ? "int32" : dtype;
  const [least, most] = integerLimits(dtype);
  const [low] = integerBound(minval, drawn, [least, most], sizes, where);
  const top = isShort ? most + 1n : most;
  const [high, above] = integerBound(maxval, drawn, [least, top], sizes, where);
  const width = isBig(drawn) ? 64 : 32;
  const keys = randomSplit(singleKey(k, where), [2]);
  const draw = (i: number) => randomBits(keys.get(i), width, sizes);
  const [higher, lower] = [draw(0), draw(1)];
  const unsigned: DType = `uint${width}`;
  let span = convertElementType(arith.sub(high, low), unsigned);
  const empty = logic.le(high, low);
  span = logic.select(empty, fullLike(lit(span, 1), span.shape), span);
  if (above) span = logic.select(empty, span, arith.add(span, 1));
  const half = fullLike(lit(span, width === 64 ? 2n ** 32n : 2 ** 16), span.shape);
  const once = arith.rem(half, span);
  const multiplier = arith.rem(arith.mul(once, once), span);
  const offset = arith.rem(
    arith.add(
      arith.mul(arith.rem(higher, span), multiplier),
      arith.rem(lower, span),
    ),
    span,
  );
  return convertElementType(arith.add(low, convertElementType(offset, drawn)), dtype);
}

/** Options of {@linkcode bernoulli}. */
export interface BernoulliOptions {
  /** The probability of true, ½ unless given. */
  readonly p?: ArrayLike;
  /** The shape; that of `p` unless given. */
  readonly shape?: Shape | null;
}

/** Random bools, true with probability `p`. */
export function bernoulli(k: NDArray, options: BernoulliOptions = {}): NDArray {
  const where = "random.bernoulli";
  const [p] = promoteInexact([options.p ?? 0.5], where);
  const shape = options.shape === undefined || options.shape === null
    ? p.shape
    : checkShape(options.shape, where);
  const u = uniform(k, shape, { dtype: p.dtype });
  return logic.lt(u, p.ndim === 0 ? p : broadcastArray(p, shape));
}

/** Options of {@linkcode rademacher}. */
export interface RademacherOptions {
  /** A dtype of numbers; int32 unless given. */
  readonly dtype?: DType;
}

/** -1 or 1, each half of the time. */
export function rademacher(
  k: NDArray,
  shape: Shape = [],
  options: RademacherOptions = {},
): NDArray {
  const where = "random.rademacher";
  const dtype = checkDType(options.dtype ?? "int32", `${where}: options.dtype`);
  if (dtype === "bool" || dtype === "uint8" || dtype === "uint32") {
    throw new DTypeError(`${where}: dtype must have negative numbers; got ${dtype}`);
  }
  const coin = convertElementType(bernoulli(k, { shape }), dtype);
  return arith.sub(arith.mul(lit(coin, 2), coin), lit(coin, 1));
}

/** Options of {@linkcode categorical}. */
export interface CategoricalOptions {
  /** The axis of the categories; the last unless given. */
  readonly axis?: number;
  /** The shape of the samples; that of `logits` without `axis` unless given. */
  readonly shape?: Shape | null;
}

/** Random categories (int32) of unnormalised log-probabilities, by the Gumbel trick. */
export function categorical(
  k: NDArray,
  logits: ArrayLike,
  options: CategoricalOptions = {},
): NDArray {
  const where = "random.categorical";
  const [array] = promoteInexact([logits], where);
  const axis = normalizeAxis(options.axis ?? -1, array.ndim, where);
  const batch = array.shape.filter((_, i) => i !== axis);
  const shape = options.shape === undefined || options.shape === null
    ? batch
    : checkShape(options.shape, where);
  const prefix = shape.slice(0, shape.length - batch.length);
  if (String(shape.slice(prefix.length)) !== String(batch)) {
    throw new ShapeError(
      `${where}: shape ${formatShape(shape)} must end with the batch shape ${
        formatShape(batch)
      } of the logits`,
    );
  }
  // JAX draws with the category axis where it is in the logits, behind the prefix.
  const drawn = [...prefix, ...array.shape];
  const noise = gumbel(k, drawn, { dtype: array.dtype });
  const stretched = broadcastInDim(array, drawn, array.shape.map((_, i) => i + prefix.length));
  return argmax(arith.add(noise, stretched), axis + prefix.length);
}

/** Options of {@linkcode permutation}. */
export interface PermutationOptions {
  /** The axis; 0 unless given. */
  readonly axis?: number;
  /** Whether each slice along `axis` is shuffled on its own. */
  readonly independent?: boolean;
}

/** Sorts by random keys, as often as makes collisions of keys unlikely. */
function shuffle(k: NDArray, x: NDArray, axis: number): NDArray {
  const rounds = Math.ceil(3 * Math.log(Math.max(1, x.size)) / Math.log(2 ** 32 - 1));
  let [state, values] = [k, x];
  for (let i = 0; i < rounds; i++) {
    const keys = randomSplit(state, [2]);
    state = keys.get(0);
    values = sortKeyVal(randomBits(keys.get(1), 32, x.shape), values, axis)[1];
  }
  return values;
}

/** A random permutation of `0 … x-1` for a host integer `x`, or of an array's slices along `axis`. */
export function permutation(
  k: NDArray,
  x: number | NDArray,
  options: PermutationOptions = {},
): NDArray {
  const where = "random.permutation";
  const typed = singleKey(k, where);
  if (typeof x === "number") {
    if (!Number.isInteger(x) || x < 0) {
      throw new ArgumentError(`${where}: x must be a non-negative integer or an array; got ${x}`);
    }
    return shuffle(typed, iota("int32", [x]), 0);
  }
  if (!(x instanceof NDArray) || x.ndim === 0) {
    throw new ArgumentError(`${where}: x must be a host integer or an array of at least one axis`);
  }
  const axis = normalizeAxis(options.axis ?? 0, x.ndim, where);
  if (options.independent || x.ndim === 1) return shuffle(typed, x, axis);
  return take(x, shuffle(typed, iota("int32", [x.shape[axis]]), 0), { axis });
}

/** Options of {@linkcode choice}. */
export interface ChoiceOptions {
  /** The shape; one element unless given. */
  readonly shape?: Shape;
  /** Whether an element may be drawn twice; true unless told. */
  readonly replace?: boolean;
  /** The probability of each element; uniform unless given. */
  readonly p?: ArrayLike;
  /** The axis to choose along; 0 unless given. */
  readonly axis?: number;
}

/** Random elements of an array along `axis`, or of `0 … a-1` for a host integer `a`. */
export function choice(
  k: NDArray,
  a: number | NDArray,
  shapeOrOptions: Shape | ChoiceOptions = {},
  more: ChoiceOptions = {},
): NDArray {
  const where = "random.choice";
  const options = readShaped<ChoiceOptions>(shapeOrOptions, more, where);
  const { replace = true, p } = options;
  const sizes = checkShape(options.shape ?? [], where);
  const draws = sizeOf(sizes);
  const array = a instanceof NDArray ? a : null;
  const axis = array === null ? 0 : normalizeAxis(options.axis ?? 0, array.ndim, where);
  const n = array === null ? a as number : array.shape[axis];
  if (!Number.isInteger(n) || n <= 0) {
    throw new ArgumentError(
      `${where}: needs at least one element to choose from; got ${String(n)}`,
    );
  }
  if (!replace && draws > n) {
    throw new ArgumentError(`${where}: cannot draw ${draws} of ${n} elements without replacement`);
  }
  let indices: NDArray;
  if (p === undefined) {
    indices = replace ? randint(k, sizes, 0, n) : slice(permutation(k, n), [0], [draws]);
  } else {
    const [weights] = promoteInexact([p], where);
    if (weights.ndim !== 1 || weights.shape[0] !== n) {
      throw new ShapeError(`${where}: p must have shape [${n}]; got ${formatShape(weights.shape)}`);
    }
    if (replace) {
      const total = cumsum(weights, 0);
      const last = reshape(total, [n]).get(n - 1);
      const u = uniform(k, sizes, { dtype: weights.dtype });
      const r = arith.mul(last, arith.sub(lit(u, 1), u));
      indices = searchsorted(total, r);
    } else {
      const scores = arith.add(gumbel(k, [n], { dtype: weights.dtype }), el.log(weights));
      indices = topK(scores, draws)[1];
    }
  }
  const flat = reshape(indices, sizes);
  if (array === null) return flat;
  const taken = take(array, reshape(flat, [draws]), { axis });
  return reshape(taken, [...array.shape.slice(0, axis), ...sizes, ...array.shape.slice(axis + 1)]);
}
