/**
 * Rotary positional embeddings.
 *
 * @module
 */
import { ArgumentError, ShapeError } from "../../errors.ts";
import type { NDArray } from "../../core/array.ts";
import { formatShape } from "../../core/aval.ts";
import { checkDType, type DType, isFloating } from "../../core/dtype.ts";
import { getEvaluator, withEager } from "../../core/trace.ts";
import { arange } from "../../numpy/creation.ts";
import { cos, sin } from "../../numpy/elementary.ts";
import { concatenate } from "../../numpy/shapes.ts";
import { add, divide, multiply, negative, power } from "../../numpy/ufuncs.ts";
import { outer } from "../../numpy/linalg_basic.ts";
import { convertElementType } from "../../ops/convert.ts";
import { slice } from "../../core/array.ts";
import { type Field, field } from "../../tree/field.ts";
import { Module } from "../../tree/module.ts";
import { type CallOptions, checkArray } from "./common.ts";

/** Options of {@linkcode RotaryPositionalEmbedding}. */
export interface RotaryPositionalEmbeddingOptions {
  /** The base of the frequencies, 10000 unless given: the larger, the slower positions turn. */
  readonly theta?: number;
  /** Of the tables of sines and cosines; float32 unless given. */
  readonly dtype?: DType;
}

type Tables = readonly [cosines: NDArray, sines: NDArray];

/**
 * Turns each pair of features by an angle that grows with the position, so that products of two such vectors depend on their distance.
 * Su et al. 2021, https://arxiv.org/abs/2104.09864. Feature `i` is paired with feature `i + embeddingSize / 2`.
 *
 * @example
 * ```ts
 * import { filterVmap, type NDArray, nn, numpy as np, random } from "@vernal/vernal";
 *
 * const rope = new nn.RotaryPositionalEmbedding(4);
 * const attention = new nn.MultiheadAttention(2, 8, { key: random.key(0) });
 * const turn = filterVmap((head: NDArray) => rope.call(head), { inAxes: 1, outAxes: 1 });
 * const x = np.ones([5, 8]);
 * attention.call(x, x, x, { processHeads: (q, k, v) => [turn(q), turn(k), v] }).shape; // [5, 8]
 * ```
 */
export class RotaryPositionalEmbedding extends Module {
  /** The number of features, even. */
  embeddingSize: number;
  /** The base of the frequencies. */
  theta: number;
  /** Of the tables. */
  dtype: DType;

  /** Which fields are part of the structure. */
  static fields: Record<string, Field> = {
    embeddingSize: field({ static: true }),
    theta: field({ static: true }),
    dtype: field({ static: true }),
  };

  /**
   * Makes the layer.
   *
   * @param embeddingSize The number of features: non-negative and even.
   * @param options `theta`, `dtype`.
   */
  constructor(embeddingSize: number, options: RotaryPositionalEmbeddingOptions = {}) {
    super();
    if (!Number.isInteger(embeddingSize) || embeddingSize < 0 || embeddingSize % 2 !== 0) {
      throw new ArgumentError(
        `nn.RotaryPositionalEmbedding: embeddingSize must be a non-negative even integer; got ${embeddingSize}`,
      );
    }
    const dtype = checkDType(
      options.dtype ?? "float32",
      "nn.RotaryPositionalEmbedding: options.dtype",
    );
    this.embeddingSize = embeddingSize;
    this.theta = options.theta ?? 10000;
    this.dtype = dtype;
  }

  /** The second half of the features negated, then the first. */
  static rotateHalf(x: NDArray): NDArray {
    const half = Math.floor(x.shape.at(-1)! / 2);
    return concatenate([negative(x.get("...", slice(half))), x.get("...", slice(0, half))], {
      axis: -1,
    });
  }

  /**
   * The cosines and sines of all angles, each of shape `[end, embeddingSize / 2]`.
   *
   * @param embeddingSize The number of features.
   * @param end The number of positions.
   * @param theta The base of the frequencies.
   * @param dtype Of the result; the angles are computed in float32.
   */
  static precomputeFreqsCis(
    embeddingSize: number,
    end: number,
    theta: number,
    dtype: DType,
  ): [cosines: NDArray, sines: NDArray] {
    const exponents = divide(
      arange(0, embeddingSize, 2, { dtype: "float32" }),
      embeddingSize,
    );
    const frequencies = divide(1, power(theta, exponents));
    const angles = outer(arange(0, end, 1, { dtype: "float32" }), frequencies);
    return [convertElementType(cos(angles), dtype), convertElementType(sin(angles), dtype)];
  }

  /** Turns a sequence of shape `[positions, embeddingSize]`. For several heads use `filterVmap`. */
  call(x: NDArray, _options: CallOptions = {}): NDArray {
    checkArray(x, "nn.RotaryPositionalEmbedding: x");
    if (x.ndim !== 2 || x.shape[1] !== this.embeddingSize) {
      throw new ShapeError(
        `nn.RotaryPositionalEmbedding: expected shape [positions, ${this.embeddingSize}]; got ${
          formatShape(x.shape)
        }. For several heads, map the layer: filterVmap(rope, { inAxes: 1, outAxes: 1 })(heads)`,
      );
    }
    const [cosines, sines] = tablesFor(this, x.shape[0]);
    const twice = (table: NDArray) => concatenate([table, table], { axis: 1 });
    const turned = add(
      multiply(x, twice(cosines)),
      multiply(RotaryPositionalEmbedding.rotateHalf(x), twice(sines)),
    );
    return isFloating(x.dtype) ? convertElementType(turned, x.dtype) : turned;
  }
}

/** The longest tables made so far, by what they depend on. */
const tables: Map<string, Tables> = new Map();

/** Forgets all tables. */
export function clearRotaryTables(): void {
  tables.clear();
}

/** The first rows of the tables of a layer, made anew only where a sequence is longer than all before. */
function tablesFor(layer: RotaryPositionalEmbedding, length: number): Tables {
  const { embeddingSize, theta, dtype } = layer;
  const key = `${embeddingSize} ${theta} ${dtype}`;
  let found = tables.get(key);
  if (found === undefined || found[0].shape[0] < length) {
    found = withEager(() =>
      RotaryPositionalEmbedding.precomputeFreqsCis(embeddingSize, length, theta, dtype)
    );
    found.forEach((table) => getEvaluator().keepAlive(table));
    tables.set(key, found);
  }
  const [cosines, sines] = found;
  return cosines.shape[0] === length
    ? found
    : [cosines.get(slice(0, length)), sines.get(slice(0, length))];
}
