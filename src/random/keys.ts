/**
 * Keys: what random functions take, and how to get more of them.
 *
 * @module
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import { type ArrayLike, NDArray } from "../core/array.ts";
import { formatShape, type Shape } from "../core/aval.ts";
import { checkDType, dtypeInfo } from "../core/dtype.ts";
import { convertElementType } from "../ops/convert.ts";
import { literal } from "../ops/common.ts";
import {
  randomBits,
  randomFoldIn,
  randomSeed,
  randomSplit,
  randomUnwrap,
  randomWrap,
} from "../ops/random_bits.ts";
import { checkShape } from "../numpy/creation.ts";
import { type AloneOr, asArray, readAlone } from "../numpy/promote.ts";

/** A seed as an array that `random_seed` takes. */
function seedArray(seed: number | bigint | NDArray, where: string): NDArray {
  if (seed instanceof NDArray) return seed;
  if (typeof seed === "bigint") return literal(BigInt.asIntN(64, seed), "int64");
  if (!Number.isSafeInteger(seed)) {
    throw new ArgumentError(`${where}: the seed must be an integer; got ${String(seed)}`);
  }
  const fits = seed >= -(2 ** 31) && seed < 2 ** 31;
  return fits ? literal(seed, "int32") : literal(BigInt(seed), "int64");
}

/**
 * A typed PRNG key of a seed: a 0-d array of dtype `key<fry>`.
 *
 * Keys are arrays: they can be split, stacked, indexed and mapped over, but have no arithmetic and no gradient.
 *
 * @example
 * ```ts
 * import { random } from "@vernal/vernal";
 *
 * const [k1, k2] = random.split(random.key(0));
 * random.normal(k1, [2, 3]).shape; // [2, 3]
 * random.uniform(k2).shape; // []
 * ```
 */
export function key(seed: number | bigint | NDArray): NDArray {
  return randomSeed(seedArray(seed, "random.key"));
}

/** A raw key of a seed: two uint32 words, JAX's older form. Every function here takes both forms. */
export function PRNGKey(seed: number | bigint | NDArray): NDArray {
  return randomUnwrap(randomSeed(seedArray(seed, "random.PRNGKey")));
}

/** A key as a typed one, and whether it was raw. */
export function typedKey(k: NDArray, where: string): [typed: NDArray, raw: boolean] {
  if (!(k instanceof NDArray)) {
    throw new ArgumentError(
      `${where}: expected a key, as random.key(seed) makes; got ${String(k)}`,
    );
  }
  if (k.dtype === "key<fry>") return [k, false];
  if (k.dtype === "uint32" && k.shape.at(-1) === 2) return [randomWrap(k), true];
  throw new DTypeError(
    `${where}: expected a key, as random.key(seed) makes; got an array ${k.dtype}${
      formatShape(k.shape)
    }`,
  );
}

/** One key, not an array of them. */
export function singleKey(k: NDArray, where: string): NDArray {
  const [typed] = typedKey(k, where);
  if (typed.ndim !== 0) {
    throw new ShapeError(
      `${where}: expected a single key; got an array of keys of shape ${
        formatShape(typed.shape)
      }. Use filterVmap to draw for each`,
    );
  }
  return typed;
}

/** `num` new keys (2 unless given; alone or in an object), as one array; iterating over it gives the keys. */
export function split(k: NDArray, options?: AloneOr<number | Shape, "num">): NDArray {
  const [typed, raw] = typedKey(k, "random.split");
  if (typed.ndim !== 0) {
    throw new ShapeError(
      `random.split: expected a single key; got shape ${
        formatShape(typed.shape)
      }. Use filterVmap to split each`,
    );
  }
  const keys = randomSplit(typed, checkShape(readAlone(options, "num") ?? 2, "random.split"));
  return raw ? randomUnwrap(keys) : keys;
}

/** A new key, of a key and an integer. */
export function foldIn(k: NDArray, data: ArrayLike): NDArray {
  const [typed, raw] = typedKey(k, "random.foldIn");
  const array = typeof data === "number"
    ? literal(data >>> 0, "uint32")
    : asArray(data, "random.foldIn");
  const folded = randomFoldIn(typed, convertElementType(array, "uint32"));
  return raw ? randomUnwrap(folded) : folded;
}

/** The words of typed keys: uint32, along a new last axis of size 2. */
export function keyData(k: NDArray): NDArray {
  return k.dtype === "uint32" ? k : randomUnwrap(k);
}

/** Typed keys of pairs of uint32 words along the last axis. */
export function wrapKeyData(words: NDArray): NDArray {
  return randomWrap(words);
}

/** A copy of a key: here keys are immutable, so the key itself. */
export function clone(k: NDArray): NDArray {
  return typedKey(k, "random.clone")[0];
}

/** Options of {@linkcode bits}. */
export interface BitsOptions {
  /** An unsigned dtype; `"uint32"` unless given. */
  readonly dtype?: "uint8" | "uint16" | "uint32" | "uint64";
}

/** Uniform random bits. */
export function bits(k: NDArray, shape: Shape = [], options: BitsOptions = {}): NDArray {
  const { dtype = "uint32" } = options;
  const info = dtypeInfo(checkDType(dtype, "random.bits: options.dtype"));
  if (info.kind !== "unsigned") {
    throw new DTypeError(`random.bits: dtype must be an unsigned integer's; got ${String(dtype)}`);
  }
  return randomBits(
    singleKey(k, "random.bits"),
    8 * info.bytes as 8 | 16 | 32 | 64,
    checkShape(shape, "random.bits"),
  );
}
