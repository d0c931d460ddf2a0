/**
 * Attention of one head.
 *
 * @module
 */
import { ShapeError } from "../errors.ts";
import type { NDArray } from "../core/array.ts";
import { formatShape, shapesEqual } from "../core/aval.ts";
import { finfo } from "../numpy/dtype_queries.ts";
import { matmul } from "../numpy/linalg_basic.ts";
import { divide } from "../numpy/ufuncs.ts";
import { where } from "../numpy/where.ts";
import { convertElementType } from "../ops/convert.ts";
import { softmax } from "./functions.ts";
import { wideDType } from "./layers/common.ts";
import type { Dropout } from "./layers/dropout.ts";

/** Options of {@linkcode dotProductAttentionWeights}. */
export interface AttentionWeightsOptions {
  /** Which position of the keys each query may look at: boolean, of shape `[queries, keys]`. All unless given. */
  readonly mask?: NDArray | null;
}

/** Options of {@linkcode dotProductAttention}. */
export interface AttentionOptions extends AttentionWeightsOptions {
  /** Applied to the weights. */
  readonly dropout?: Dropout | null;
  /** Randomness for the dropout. */
  readonly key?: NDArray | null;
  /** Whether the dropout hands everything on; its own flag unless given. */
  readonly inference?: boolean | null;
}

function checkSequence(x: NDArray, name: string): void {
  if (x.ndim === 2) return;
  throw new ShapeError(
    `${name} must have shape [sequence, size]; got ${
      formatShape(x.shape)
    }. It is one head of one example: use filterVmap for several, or nn.MultiheadAttention`,
  );
}

/**
 * How much each query looks at each key: `softmax(query @ key.T / √size)`, taken in at least float32.
 *
 * @param query Of shape `[queries, size]`.
 * @param key Of shape `[keys, size]`.
 * @returns Of shape `[queries, keys]`; the rows sum to 1.
 * @throws {ShapeError} Where the shapes do not fit.
 *
 * @example
 * ```ts
 * import { nn, numpy as np } from "@vernal/vernal";
 *
 * const query = np.array([[0, Math.SQRT2]]);
 * const key = np.array([[1, 0], [0, 1]]);
 * const mask = np.array([[true, false]]);
 * nn.dotProductAttentionWeights(query, key, { mask }).tolist(); // [[1, 0]]
 * ```
 */
export function dotProductAttentionWeights(
  query: NDArray,
  key: NDArray,
  options: AttentionWeightsOptions = {},
): NDArray {
  const where_ = "nn.dotProductAttentionWeights";
  checkSequence(query, `${where_}: query`);
  checkSequence(key, `${where_}: key`);
  const size = query.shape[1];
  if (key.shape[1] !== size) {
    throw new ShapeError(
      `${where_}: query and key must have rows of one size; got ${formatShape(query.shape)} and ${
        formatShape(key.shape)
      }`,
    );
  }
  let logits = matmul(divide(query, Math.sqrt(size)), key.T);
  const mask = options.mask ?? null;
  if (mask !== null) {
    if (!shapesEqual(mask.shape, logits.shape)) {
      throw new ShapeError(
        `${where_}: mask must have shape [queries, keys], ${formatShape(logits.shape)}; got ${
          formatShape(mask.shape)
        }`,
      );
    }
    logits = where(mask, logits, finfo(logits.dtype).min);
  }
  const weights = softmax(convertElementType(logits, wideDType(logits.dtype)));
  return convertElementType(weights, logits.dtype);
}

/**
 * Attention: for each query the mean of the values, weighted by how well their keys fit. Vaswani et al. 2017,
 * https://arxiv.org/abs/1706.03762.
 *
 * @param query Of shape `[queries, size]`.
 * @param key Of shape `[keys, size]`.
 * @param value Of shape `[keys, valueSize]`.
 * @returns Of shape `[queries, valueSize]`.
 * @throws {ShapeError} Where the shapes do not fit.
 *
 * @example
 * ```ts
 * import { nn, numpy as np } from "@vernal/vernal";
 *
 * nn.dotProductAttention(np.ones([3, 4]), np.ones([5, 4]), np.ones([5, 2])).shape; // [3, 2]
 * ```
 */
export function dotProductAttention(
  query: NDArray,
  key: NDArray,
  value: NDArray,
  options: AttentionOptions = {},
): NDArray {
  const { mask = null, dropout = null, key: randomKey = null, inference = null } = options;
  checkSequence(value, "nn.dotProductAttention: value");
  let weights = dotProductAttentionWeights(query, key, { mask });
  if (dropout !== null) weights = dropout.call(weights, { key: randomKey, inference });
  return matmul(weights, value);
}
